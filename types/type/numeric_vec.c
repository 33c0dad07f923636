#include "types/type/numeric_vec.h"

static const uint64_t pow10_u64[19] = {
    1ull,
    10ull,
    100ull,
    1000ull,
    10000ull,
    100000ull,
    1000000ull,
    10000000ull,
    100000000ull,
    1000000000ull,
    10000000000ull,
    100000000000ull,
    1000000000000ull,
    10000000000000ull,
    100000000000000ull,
    1000000000000000ull,
    10000000000000000ull,
    100000000000000000ull,
    1000000000000000000ull,
};

static int128 pow10_i128(int32_t k)
{
    int128 v = 1;
    for (; k > 18; k -= 18)
        v *= (int128)pow10_u64[18];
    return v * (int128)pow10_u64[k];
}

/* Largest magnitude a dec may have: 38 digits. */
#define DEC128_LIMIT (pow10_i128(38))

static uint32_t rows_of(const struct vec *v, const uint16_t *sel, uint32_t n, const uint16_t **rows)
{
    if (v->form == VEC_CONST) {
        *rows = NULL;
        return 1;
    }
    *rows = sel;
    return n;
}

static int128 value_at(const struct vec *v, uint32_t row)
{
    uint32_t at = v->form == VEC_CONST ? 0 : row;
    return v->kind == PHYS_INT64 ? (int128)((const int64_t *)v->data)[at]
                                 : ((const int128 *)v->data)[at];
}

void numeric_vec_to_num(const struct vec *in, const uint16_t *sel, uint32_t n, struct arena *arena,
                        struct vec *out)
{
    struct vec from = *in;
    if (from.kind == PHYS_BYTES) {
        *out = from;
        return;
    }
    const uint16_t *rows;
    uint32_t count = rows_of(&from, sel, n, &rows);
    struct bytes_view *views = arena_zalloc(arena, (from.form == VEC_CONST ? 1
                                                    : from.n               ? from.n
                                                                           : 1) *
                                                       sizeof *views);
    struct arena scratch;
    arena_init(&scratch, NULL);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = rows ? rows[i] : i;
        if (vec_is_null(&from, row))
            continue;
        struct datum d = {.kind = from.kind, .dec_scale = from.dec_scale};
        if (from.kind == PHYS_INT64)
            d.u.i64 = ((const int64_t *)from.data)[row];
        else
            d.u.i128 = ((const int128 *)from.data)[row];
        struct numeric v;
        numeric_open(&d, &scratch, &v);
        views[row] = numeric_close_num(&v, arena).u.bytes;
        arena_reset(&scratch);
    }
    arena_done(&scratch);
    *out = from;
    out->kind = PHYS_BYTES;
    out->dec_scale = -1;
    out->data = views;
    out->has_min_max = false;
}

static bool holds_nan(const struct vec *v, const uint16_t *sel, uint32_t n)
{
    const uint16_t *rows;
    uint32_t count = rows_of(v, sel, n, &rows);
    bool found = false;
    if (v->kind == PHYS_INT64) {
        const int64_t *data = v->data;
        for (uint32_t i = 0; i < count; i++)
            found |= data[rows ? rows[i] : i] == NUMERIC_DEC64_NAN;
    } else {
        const int128 *data = v->data;
        for (uint32_t i = 0; i < count; i++)
            found |= data[rows ? rows[i] : i] == NUMERIC_DEC128_NAN;
    }
    return found;
}

void numeric_vec_load(const struct vec *in, const uint16_t *sel, uint32_t n, struct arena *arena,
                      struct vec *out)
{
    *out = *in;
    if (in->kind == PHYS_BYTES || (in->form == VEC_CONST && vec_is_null(in, 0)))
        return;
    /* A null row may hold anything, the sentinel too: promotion then costs time, never truth. */
    if (holds_nan(in, sel, n))
        numeric_vec_to_num(in, sel, n, arena, out);
}

void numeric_vec_widen(const struct vec *in, const uint16_t *sel, uint32_t n, struct arena *arena,
                       struct vec *out)
{
    struct vec from = *in;
    *out = from;
    if (from.kind != PHYS_INT64)
        return;
    const uint16_t *rows;
    uint32_t count = rows_of(&from, sel, n, &rows);
    int128 *to = arena_zalloc(arena, (from.form == VEC_CONST ? 1
                                      : from.n               ? from.n
                                                             : 1) *
                                         sizeof *to);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = rows ? rows[i] : i;
        to[row] = ((const int64_t *)from.data)[row];
    }
    out->kind = PHYS_INT128;
    out->data = to;
    out->has_min_max = false;
}

static bool rescale_64(const struct vec *from, const uint16_t *rows, uint32_t count,
                       uint64_t factor, int64_t *to)
{
    const int64_t *data = from->data;
    bool bad = false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = rows ? rows[i] : i;
        bad |= __builtin_mul_overflow(data[row], (int64_t)factor, &to[row]) ||
               to[row] == NUMERIC_DEC64_NAN;
    }
    return !bad;
}

bool numeric_vec_rescale(const struct vec *in, const uint16_t *sel, uint32_t n, int16_t scale,
                         struct arena *arena, struct vec *out)
{
    struct vec from = *in;
    int32_t shift = scale - from.dec_scale;
    if (shift == 0) {
        *out = from;
        return true;
    }
    const uint16_t *rows;
    uint32_t count = rows_of(&from, sel, n, &rows);
    uint32_t room = from.form == VEC_CONST ? 1 : from.n ? from.n : 1;
    struct vec v = from;
    v.dec_scale = scale;
    v.has_min_max = false;
    if (from.kind == PHYS_INT64 && shift <= 18) {
        v.data = arena_zalloc(arena, room * sizeof(int64_t));
        if (rescale_64(&from, rows, count, pow10_u64[shift], v.data)) {
            *out = v;
            return true;
        }
    }
    if (shift > 37)
        return false;
    int128 factor = pow10_i128(shift), limit = DEC128_LIMIT / factor;
    int128 *to = arena_zalloc(arena, room * sizeof *to);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = rows ? rows[i] : i;
        int128 x = value_at(&from, row);
        if (x >= limit || x <= -limit) {
            if (vec_is_null(&from, row))
                continue;
            return false;
        }
        to[row] = x * factor;
    }
    v.kind = PHYS_INT128;
    v.data = to;
    *out = v;
    return true;
}

void numeric_vec_unify(struct vec *a, struct vec *b, const uint16_t *sel, uint32_t n,
                       struct arena *arena)
{
    if (a->kind != PHYS_BYTES && b->kind != PHYS_BYTES && a->dec_scale == b->dec_scale) {
        if (a->kind != b->kind) {
            numeric_vec_widen(a, sel, n, arena, a);
            numeric_vec_widen(b, sel, n, arena, b);
        }
        return;
    }
    numeric_vec_to_num(a, sel, n, arena, a);
    numeric_vec_to_num(b, sel, n, arena, b);
}

/* ---- arithmetic ---------------------------------------------------------------------------- */

#define V_NAME add_64
#define V_T int64_t
#define V_OP(x, y, r) __builtin_add_overflow(x, y, r)
#include "types/type/numeric_vec_tmpl.h"
#define V_NAME sub_64
#define V_T int64_t
#define V_OP(x, y, r) __builtin_sub_overflow(x, y, r)
#include "types/type/numeric_vec_tmpl.h"
#define V_NAME mul_64
#define V_T int64_t
#define V_OP(x, y, r) __builtin_mul_overflow(x, y, r)
#include "types/type/numeric_vec_tmpl.h"

/* 128-bit loops take rows one by one; both inputs may be either kind. */
static bool arith_128(enum numeric_vec_op op, const struct vec *a, const struct vec *b,
                      const uint16_t *sel, uint32_t n, int128 *to)
{
    int128 limit = DEC128_LIMIT;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = sel ? sel[i] : i;
        int128 x = value_at(a, row), y = value_at(b, row), r;
        bool over = op == NUMERIC_VEC_ADD   ? __builtin_add_overflow(x, y, &r)
                    : op == NUMERIC_VEC_SUB ? __builtin_sub_overflow(x, y, &r)
                                            : __builtin_mul_overflow(x, y, &r);
        if (over || r >= limit || r <= -limit)
            return false;
        to[row] = r;
    }
    return true;
}

bool numeric_vec_arith(enum numeric_vec_op op, const struct vec *a, const struct vec *b,
                       const uint16_t *sel, uint32_t n, uint32_t n_rows, struct arena *arena,
                       struct vec *out)
{
    if (a->kind == PHYS_BYTES || b->kind == PHYS_BYTES)
        return false;
    struct vec x = *a, y = *b;
    int32_t scale = a->dec_scale + b->dec_scale;
    if (op != NUMERIC_VEC_MUL) {
        scale = a->dec_scale > b->dec_scale ? a->dec_scale : b->dec_scale;
        if (!numeric_vec_rescale(a, sel, n, (int16_t)scale, arena, &x) ||
            !numeric_vec_rescale(b, sel, n, (int16_t)scale, arena, &y))
            return false;
    }
    if (scale > NUMERIC_DEC128_DIGITS)
        return false;
    struct vec r;
    if (x.kind == PHYS_INT64 && y.kind == PHYS_INT64) {
        vec_alloc(&r, PHYS_INT64, n_rows, arena);
        r.dec_scale = (int16_t)scale;
        bool good = op == NUMERIC_VEC_ADD   ? add_64(&x, &y, sel, n, r.data)
                    : op == NUMERIC_VEC_SUB ? sub_64(&x, &y, sel, n, r.data)
                                            : mul_64(&x, &y, sel, n, r.data);
        if (good) {
            *out = r;
            return true;
        }
    }
    vec_alloc(&r, PHYS_INT128, n_rows, arena);
    r.dec_scale = (int16_t)scale;
    if (!arith_128(op, &x, &y, sel, n, r.data))
        return false;
    *out = r;
    return true;
}

/* ---- comparing ----------------------------------------------------------------------------- */

static void compare_64(const struct vec *a, const struct vec *b, const uint16_t *sel, uint32_t n,
                       int8_t *cmp)
{
    const int64_t *xs = a->data, *ys = b->data;
    bool x_const = a->form == VEC_CONST, y_const = b->form == VEC_CONST;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = sel ? sel[i] : i;
        int64_t x = xs[x_const ? 0 : row], y = ys[y_const ? 0 : row];
        cmp[row] = (int8_t)((x > y) - (x < y));
    }
}

void numeric_vec_compare(const struct vec *a, const struct vec *b, const uint16_t *sel, uint32_t n,
                         struct arena *arena, int8_t *cmp)
{
    if (a->kind != PHYS_BYTES && b->kind != PHYS_BYTES) {
        int16_t scale = a->dec_scale > b->dec_scale ? a->dec_scale : b->dec_scale;
        struct vec x, y;
        if (numeric_vec_rescale(a, sel, n, scale, arena, &x) &&
            numeric_vec_rescale(b, sel, n, scale, arena, &y)) {
            if (x.kind == PHYS_INT64 && y.kind == PHYS_INT64) {
                compare_64(&x, &y, sel, n, cmp);
                return;
            }
            for (uint32_t i = 0; i < n; i++) {
                uint32_t row = sel ? sel[i] : i;
                int128 p = value_at(&x, row), q = value_at(&y, row);
                cmp[row] = (int8_t)((p > q) - (p < q));
            }
            return;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = sel ? sel[i] : i;
        struct datum p = vec_datum(a, row), q = vec_datum(b, row);
        int c = numeric_compare(&p, &q);
        cmp[row] = (int8_t)((c > 0) - (c < 0));
    }
}
