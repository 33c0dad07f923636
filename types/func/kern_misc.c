/* Kernels of no larger family: sizes for people, OVERLAPS, type lists. */
#include "types/func/kern.h"
#include "types/type/array.h"
#include "types/type/datetime.h"

/* ---- pg_size_pretty -------------------------------------------------------------------- */

/* The next unit is taken once a value has five digits; halves round away from zero. */
static void put_size(struct buf *out, int128 bytes)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    bool neg = bytes < 0;
    uint128 v = neg ? 0 - (uint128)bytes : (uint128)bytes;
    size_t unit = 0;
    if (v >= 10240) {
        v >>= 9; /* one bit more than the unit, to round by */
        for (unit = 1; unit + 1 < sizeof units / sizeof *units && (v + 1) / 2 >= 10240; unit++)
            v >>= 10;
        v = (v + 1) / 2;
    }
    buf_printf(out, "%s%llu %s", neg ? "-" : "", (unsigned long long)v, units[unit]);
}

KERNEL(pg_size_pretty)
{
    struct buf text = {0};
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        buf_reset(&text);
        put_size(&text, arg_i64(call, 0, row));
        out_bytes(call, row, text.data, text.len);
    }
    buf_done(&text);
    return 0;
}

/* ---- OVERLAPS --------------------------------------------------------------------------- */

/* (s1, e1) OVERLAPS (s2, e2): each pair in order, null ends left open as SQL says. 0 false, 1 true,
 * 2 null. */
struct point {
    bool null;
    int64_t v;
};

static void swap_points(struct point *a, struct point *b)
{
    struct point t = *a;
    *a = *b;
    *b = t;
}

static unsigned overlap(struct point s1, struct point e1, struct point s2, struct point e2)
{
    if ((s1.null && e1.null) || (s2.null && e2.null))
        return 2;
    if (s1.null || (!e1.null && s1.v > e1.v))
        swap_points(&s1, &e1);
    if (s2.null || (!e2.null && s2.v > e2.v))
        swap_points(&s2, &e2);
    if (s1.v > s2.v) {
        swap_points(&s1, &s2);
        swap_points(&e1, &e2);
    }
    /* now s1 <= s2 */
    if (s1.v < s2.v) {
        if (e1.null)
            return 2;
        if (s2.v < e1.v)
            return 1;
        return e2.null ? 2 : 0;
    }
    return e1.null || e2.null ? 2 : 1;
}

enum ends { END_END, END_LENGTH, LENGTH_END, LENGTH_LENGTH };
enum points { LOCAL, INSTANT, CLOCK };

/* The end of a period: given, or start + interval. */
static int period_end(struct func_call *call, uint32_t arg, uint32_t row, enum points kind,
                      bool length, struct point start, struct point *out, struct err *err)
{
    *out = (struct point){.null = arg_null(call, arg, row)};
    if (out->null)
        return 0;
    if (!length) {
        out->v = arg_i64(call, arg, row);
        return 0;
    }
    struct interval iv = interval_load(arg_bytes(call, arg, row));
    if (start.null) {
        out->null = true;
        return 0;
    }
    if (kind == CLOCK) {
        int64_t us = (start.v + iv.us % US_PER_DAY) % US_PER_DAY;
        out->v = us < 0 ? us + US_PER_DAY : us;
        return 0;
    }
    return datetime_add_interval(kind == INSTANT ? call->env->zone : NULL, start.v, &iv, &out->v,
                                 err);
}

static int overlap_rows(struct func_call *call, enum points kind, enum ends ends, struct err *err)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct point s1 = {.null = arg_null(call, 0, row)}, s2 = {.null = arg_null(call, 2, row)},
                     e1, e2;
        if (!s1.null)
            s1.v = arg_i64(call, 0, row);
        if (!s2.null)
            s2.v = arg_i64(call, 2, row);
        bool first = ends == LENGTH_END || ends == LENGTH_LENGTH;
        bool second = ends == END_LENGTH || ends == LENGTH_LENGTH;
        int rc = period_end(call, 1, row, kind, first, s1, &e1, err);
        if (rc == 0)
            rc = period_end(call, 3, row, kind, second, s2, &e2, err);
        if (rc)
            return fail_row(call, i, rc);
        unsigned r = overlap(s1, e1, s2, e2);
        if (r == 2)
            out_null(call, row);
        else
            out_bool(call, row, r);
    }
    return 0;
}

/* overlaps_timestamp serves timestamp and timestamptz alike. */
KERNEL(overlaps_timestamp)
{
    return overlap_rows(call, LOCAL, END_END, err);
}
KERNEL(overlaps_time)
{
    return overlap_rows(call, CLOCK, END_END, err);
}
KERNEL(sql_1305)
{
    return overlap_rows(call, INSTANT, LENGTH_LENGTH, err);
}
KERNEL(sql_1306)
{
    return overlap_rows(call, INSTANT, END_LENGTH, err);
}
KERNEL(sql_1307)
{
    return overlap_rows(call, INSTANT, LENGTH_END, err);
}
KERNEL(sql_2042)
{
    return overlap_rows(call, LOCAL, LENGTH_LENGTH, err);
}
KERNEL(sql_2043)
{
    return overlap_rows(call, LOCAL, END_LENGTH, err);
}
KERNEL(sql_2044)
{
    return overlap_rows(call, LOCAL, LENGTH_END, err);
}
KERNEL(sql_1309)
{
    return overlap_rows(call, CLOCK, LENGTH_LENGTH, err);
}
KERNEL(sql_1310)
{
    return overlap_rows(call, CLOCK, END_LENGTH, err);
}
KERNEL(sql_1311)
{
    return overlap_rows(call, CLOCK, LENGTH_END, err);
}

/* ---- lists of types ----------------------------------------------------------------------- */

KERNEL(oidvectortypes)
{
    struct buf text = {0};
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct array a;
        struct datum d;
        buf_reset(&text);
        bool good = array_open(arg_bytes(call, 0, row), &a);
        for (bool first = true; good && array_next(&a, &d); first = false) {
            if (!first)
                buf_put_text(&text, ", ");
            buf_put_text(&text, type_name((uint32_t)d.u.i64, call->arena));
        }
        out_bytes(call, row, text.data, text.len);
    }
    buf_done(&text);
    return 0;
}
