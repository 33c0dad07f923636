#include "types/type/numeric.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "types/type/numeric_int.h"

enum { NUM_POS, NUM_NEG, NUM_NAN, NUM_INF, NUM_NEG_INF, NUM_HEAD = 3 };

/* ---- opening and closing ------------------------------------------------------------------- */

static void open_i128(int128 v, int32_t scale, struct arena *arena, struct numeric *out)
{
    *out = (struct numeric){.kind = NUMERIC_FINITE, .neg = v < 0, .scale = scale};
    uint128 m = v < 0 ? 0 - (uint128)v : (uint128)v;
    mag_into(mag_of_u128(m, arena), out);
}

static void open_num(const struct bytes_view *v, struct arena *arena, struct numeric *out)
{
    const uint8_t *p = view_data(v);
    *out = (struct numeric){.kind = NUMERIC_FINITE};
    if (v->len < NUM_HEAD)
        return; /* zero: a row never written */
    if (p[0] >= NUM_NAN) {
        out->kind = p[0] == NUM_NAN ? NUMERIC_NAN : p[0] == NUM_INF ? NUMERIC_INF : NUMERIC_NEG_INF;
        return;
    }
    out->neg = p[0] == NUM_NEG;
    out->scale = load_le16(p + 1);
    uint32_t bytes = v->len - NUM_HEAD;
    out->n = (bytes + 7) / 8;
    out->limbs = arena_zalloc(arena, (out->n ? out->n : 1) * sizeof *out->limbs);
    if (bytes)
        memcpy(out->limbs, p + NUM_HEAD, bytes); /* little endian, as the limbs are */
}

void numeric_open(const struct datum *d, struct arena *arena, struct numeric *out)
{
    switch ((enum phys_kind)d->kind) {
    case PHYS_INT64:
        if (d->u.i64 == NUMERIC_DEC64_NAN && d->dec_scale >= 0)
            *out = (struct numeric){.kind = NUMERIC_NAN};
        else
            open_i128(d->u.i64, d->dec_scale < 0 ? 0 : d->dec_scale, arena, out);
        return;
    case PHYS_INT128:
        if (d->u.i128 == NUMERIC_DEC128_NAN)
            *out = (struct numeric){.kind = NUMERIC_NAN};
        else
            open_i128(d->u.i128, d->dec_scale < 0 ? 0 : d->dec_scale, arena, out);
        return;
    default:
        open_num(&d->u.bytes, arena, out);
        return;
    }
}

struct datum numeric_close_num(const struct numeric *n, struct arena *arena)
{
    struct datum d = {.kind = PHYS_BYTES, .dec_scale = -1};
    uint32_t bytes = n->n * 8;
    uint8_t small[NUM_HEAD + 64];
    uint8_t *p = bytes <= 64 ? small : arena_alloc(arena, NUM_HEAD + bytes);
    if (n->kind != NUMERIC_FINITE) {
        p[0] = n->kind == NUMERIC_NAN ? NUM_NAN : n->kind == NUMERIC_INF ? NUM_INF : NUM_NEG_INF;
        store_le16(p + 1, 0);
        d.u.bytes = view_copy(arena, p, NUM_HEAD);
        return d;
    }
    p[0] = n->neg && n->n ? NUM_NEG : NUM_POS;
    store_le16(p + 1, (uint16_t)n->scale);
    if (bytes)
        memcpy(p + NUM_HEAD, n->limbs, bytes);
    while (bytes && p[NUM_HEAD + bytes - 1] == 0)
        bytes--;
    d.u.bytes = p == small ? view_copy(arena, p, NUM_HEAD + bytes) : view_of(p, NUM_HEAD + bytes);
    return d;
}

static const uint128 dec128_limit =
    (uint128)UINT64_C(10000000000000000000) * UINT64_C(10000000000000000000);

struct datum numeric_close(const struct numeric *n, struct arena *arena)
{
    if (n->kind != NUMERIC_FINITE || n->scale > NUMERIC_DEC128_DIGITS || n->n > 2)
        return numeric_close_num(n, arena);
    uint128 m = mag_u128(mag_of(n));
    if (m >= dec128_limit)
        return numeric_close_num(n, arena);
    struct datum d = {.dec_scale = (int16_t)n->scale};
    if (m < (uint128)INT64_MAX) {
        d.kind = PHYS_INT64;
        d.u.i64 = n->neg ? -(int64_t)m : (int64_t)m;
    } else {
        d.kind = PHYS_INT128;
        d.u.i128 = n->neg ? -(int128)m : (int128)m;
    }
    return d;
}

struct numeric numeric_of_i128(int128 value, int32_t scale, struct arena *arena)
{
    struct numeric n;
    open_i128(value, scale, arena, &n);
    return n;
}

bool numeric_valid(const uint8_t *data, size_t len)
{
    if (len < NUM_HEAD || data[0] > NUM_NEG_INF)
        return false;
    if (data[0] >= NUM_NAN)
        return len == NUM_HEAD;
    if (load_le16(data + 1) > NUMERIC_DSCALE_MAX)
        return false;
    return len == NUM_HEAD ? data[0] == NUM_POS : data[len - 1] != 0;
}

bool numeric_is_zero(const struct numeric *a)
{
    return a->kind == NUMERIC_FINITE && a->n == 0;
}

bool numeric_to_i128(const struct numeric *n, int32_t scale, int128 *out)
{
    if (n->kind != NUMERIC_FINITE)
        return false;
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct mag m = mag_of(n);
    bool fits = true;
    if (scale > n->scale)
        m = m.n > 2 ? m : mag_scale(m, (uint32_t)(scale - n->scale), &scratch);
    else
        m = mag_unscale(m, (uint32_t)(n->scale - scale), true, &scratch);
    fits = mag_fits_u128(m) && mag_u128(m) < dec128_limit;
    if (fits) {
        uint128 v = mag_u128(m);
        *out = n->neg ? -(int128)v : (int128)v;
    }
    arena_done(&scratch);
    return fits;
}

/* ---- comparing ----------------------------------------------------------------------------- */

static int rank_kind(const struct numeric *a)
{
    switch ((enum numeric_kind)a->kind) {
    case NUMERIC_NEG_INF:
        return 0;
    case NUMERIC_FINITE:
        return 1;
    case NUMERIC_INF:
        return 2;
    case NUMERIC_NAN:
        return 3;
    }
    return 3;
}

int numeric_cmp_n(const struct numeric *a, const struct numeric *b)
{
    int ra = rank_kind(a), rb = rank_kind(b);
    if (ra != rb || ra != 1)
        return (ra > rb) - (ra < rb);
    if (a->neg != b->neg)
        return a->neg ? -1 : 1;
    int cmp;
    if (a->scale == b->scale) {
        cmp = mag_cmp(mag_of(a), mag_of(b));
    } else {
        struct arena scratch;
        arena_init(&scratch, NULL);
        struct mag x = mag_of(a), y = mag_of(b);
        if (a->scale < b->scale)
            x = mag_scale(x, (uint32_t)(b->scale - a->scale), &scratch);
        else
            y = mag_scale(y, (uint32_t)(a->scale - b->scale), &scratch);
        cmp = mag_cmp(x, y);
        arena_done(&scratch);
    }
    cmp = (cmp > 0) - (cmp < 0);
    return a->neg ? -cmp : cmp;
}

int numeric_compare(const struct datum *a, const struct datum *b)
{
    if (a->kind == b->kind && a->dec_scale == b->dec_scale && a->kind != PHYS_BYTES)
        return datum_compare(a, b);
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct numeric x, y;
    numeric_open(a, &scratch, &x);
    numeric_open(b, &scratch, &y);
    int cmp = numeric_cmp_n(&x, &y);
    arena_done(&scratch);
    return cmp;
}

/* ---- sums, products ------------------------------------------------------------------------ */

static int check_range(const struct numeric *n, struct err *err)
{
    /* 131072 digits before the point and 16383 behind are at most 7657 limbs. */
    if (n->n > 6805 && numeric_weight10(n) >= NUMERIC_WEIGHT_MAX)
        return err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format");
    return 0;
}

static void set_special(struct numeric *out, enum numeric_kind kind)
{
    *out = (struct numeric){.kind = (uint8_t)kind};
}

static int sign_of(const struct numeric *a)
{
    if (a->kind == NUMERIC_INF)
        return 1;
    if (a->kind == NUMERIC_NEG_INF)
        return -1;
    return a->n == 0 ? 0 : a->neg ? -1 : 1;
}

int numeric_add(const struct numeric *a, const struct numeric *b, bool subtract,
                struct arena *arena, struct numeric *out, struct err *err)
{
    if (a->kind != NUMERIC_FINITE || b->kind != NUMERIC_FINITE) {
        int sa = a->kind == NUMERIC_FINITE ? 0 : sign_of(a);
        int sb = b->kind == NUMERIC_FINITE ? 0 : subtract ? -sign_of(b) : sign_of(b);
        if (a->kind == NUMERIC_NAN || b->kind == NUMERIC_NAN || sa * sb < 0)
            set_special(out, NUMERIC_NAN);
        else
            set_special(out, sa + sb > 0 ? NUMERIC_INF : NUMERIC_NEG_INF);
        return 0;
    }
    struct mag x = mag_of(a), y = mag_of(b);
    struct numeric r = {.kind = NUMERIC_FINITE, .scale = a->scale > b->scale ? a->scale : b->scale};
    x = mag_scale(x, (uint32_t)(r.scale - a->scale), arena);
    y = mag_scale(y, (uint32_t)(r.scale - b->scale), arena);
    bool y_neg = b->neg != subtract;
    if (a->neg == y_neg) {
        r.neg = a->neg;
        mag_into(mag_add(x, y, arena), &r);
    } else if (mag_cmp(x, y) >= 0) {
        r.neg = a->neg;
        mag_into(mag_sub(x, y, arena), &r);
    } else {
        r.neg = y_neg;
        mag_into(mag_sub(y, x, arena), &r);
    }
    *out = r;
    return check_range(out, err);
}

int numeric_mul(const struct numeric *a, const struct numeric *b, struct arena *arena,
                struct numeric *out, struct err *err)
{
    if (a->kind != NUMERIC_FINITE || b->kind != NUMERIC_FINITE) {
        int s = sign_of(a) * sign_of(b);
        if (a->kind == NUMERIC_NAN || b->kind == NUMERIC_NAN || s == 0)
            set_special(out, NUMERIC_NAN);
        else
            set_special(out, s > 0 ? NUMERIC_INF : NUMERIC_NEG_INF);
        return 0;
    }
    struct numeric r = {
        .kind = NUMERIC_FINITE, .neg = a->neg != b->neg, .scale = a->scale + b->scale};
    mag_into(mag_mul(mag_of(a), mag_of(b), arena), &r);
    if (r.scale > NUMERIC_DSCALE_MAX)
        numeric_round(&r, NUMERIC_DSCALE_MAX, arena, &r);
    *out = r;
    return check_range(out, err);
}

/* ---- division ------------------------------------------------------------------------------ */

int32_t numeric_weight10(const struct numeric *a)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    uint32_t digits = mag_digit_count(mag_of(a), &scratch);
    arena_done(&scratch);
    return (int32_t)digits - 1 - a->scale;
}

static int32_t floor_div4(int32_t v)
{
    return v >= 0 ? v / 4 : -((3 - v) / 4);
}

/* Weight and value of the leading base-10000 digit: PostgreSQL's scale rules are written in them.
 */
static void leading_digit(const struct numeric *a, int32_t *weight, int32_t *digit)
{
    *weight = *digit = 0;
    if (a->n == 0)
        return;
    struct arena scratch;
    arena_init(&scratch, NULL);
    int32_t count = (int32_t)mag_digit_count(mag_of(a), &scratch);
    int32_t w10 = count - 1 - a->scale;
    *weight = floor_div4(w10);
    int32_t lead = w10 - 4 * *weight + 1; /* decimal digits in it, 1..4 */
    if (count > lead) {
        struct mag top = mag_unscale(mag_of(a), (uint32_t)(count - lead), false, &scratch);
        *digit = (int32_t)mag_u128(top);
    } else {
        int32_t v = (int32_t)mag_u128(mag_of(a));
        for (int32_t i = count; i < lead; i++)
            v *= 10;
        *digit = v;
    }
    arena_done(&scratch);
}

static int32_t clamp_display(int32_t scale)
{
    if (scale < 0)
        return 0;
    return scale > NUMERIC_DISPLAY_SCALE_MAX ? NUMERIC_DISPLAY_SCALE_MAX : scale;
}

int32_t numeric_div_result_scale(const struct numeric *a, const struct numeric *b)
{
    int32_t wa, da, wb, db;
    leading_digit(a, &wa, &da);
    leading_digit(b, &wb, &db);
    int32_t qweight = wa - wb;
    if (da <= db)
        qweight--;
    int32_t scale = NUMERIC_MIN_SIG_DIGITS - qweight * 4;
    if (scale < a->scale)
        scale = a->scale;
    if (scale < b->scale)
        scale = b->scale;
    return clamp_display(scale);
}

void numeric_div_scale(const struct numeric *a, const struct numeric *b, int32_t scale, bool round,
                       struct arena *arena, struct numeric *out)
{
    struct mag x = mag_of(a), y = mag_of(b), q, r;
    int32_t shift = scale + b->scale - a->scale;
    if (shift >= 0)
        x = mag_scale(x, (uint32_t)shift, arena);
    else
        y = mag_scale(y, (uint32_t)-shift, arena);
    mag_divrem(x, y, arena, &q, &r);
    if (round && mag_cmp(mag_add(r, r, arena), y) >= 0)
        q = mag_add(q, mag_of_u128(1, arena), arena);
    struct numeric res = {.kind = NUMERIC_FINITE, .neg = a->neg != b->neg, .scale = scale};
    mag_into(q, &res);
    *out = res;
}

static int div_by_zero(struct err *err)
{
    return err_set(err, ERR_DIVISION_BY_ZERO, "division by zero");
}

/* Quotients with an infinity or NaN. True: *out is the answer. */
static bool div_special(const struct numeric *a, const struct numeric *b, struct numeric *out)
{
    if (a->kind == NUMERIC_NAN || b->kind == NUMERIC_NAN ||
        (a->kind != NUMERIC_FINITE && b->kind != NUMERIC_FINITE)) {
        set_special(out, NUMERIC_NAN);
        return true;
    }
    if (b->kind != NUMERIC_FINITE) {
        *out = (struct numeric){.kind = NUMERIC_FINITE};
        return true;
    }
    return false;
}

int numeric_div(const struct numeric *a, const struct numeric *b, struct arena *arena,
                struct numeric *out, struct err *err)
{
    if (div_special(a, b, out))
        return 0;
    if (b->n == 0)
        return div_by_zero(err);
    if (a->kind != NUMERIC_FINITE) {
        set_special(out, sign_of(a) * sign_of(b) > 0 ? NUMERIC_INF : NUMERIC_NEG_INF);
        return 0;
    }
    numeric_div_scale(a, b, numeric_div_result_scale(a, b), true, arena, out);
    return check_range(out, err);
}

int numeric_div_trunc(const struct numeric *a, const struct numeric *b, struct arena *arena,
                      struct numeric *out, struct err *err)
{
    if (div_special(a, b, out))
        return 0;
    if (b->n == 0)
        return div_by_zero(err);
    if (a->kind != NUMERIC_FINITE) {
        set_special(out, sign_of(a) * sign_of(b) > 0 ? NUMERIC_INF : NUMERIC_NEG_INF);
        return 0;
    }
    numeric_div_scale(a, b, 0, false, arena, out);
    return check_range(out, err);
}

int numeric_mod(const struct numeric *a, const struct numeric *b, struct arena *arena,
                struct numeric *out, struct err *err)
{
    if (a->kind == NUMERIC_NAN || b->kind == NUMERIC_NAN) {
        set_special(out, NUMERIC_NAN);
        return 0;
    }
    if (a->kind != NUMERIC_FINITE) {
        if (b->kind == NUMERIC_FINITE && b->n == 0)
            return div_by_zero(err);
        set_special(out, NUMERIC_NAN);
        return 0;
    }
    if (b->kind != NUMERIC_FINITE) {
        *out = *a;
        return 0;
    }
    if (b->n == 0)
        return div_by_zero(err);
    struct numeric r = {
        .kind = NUMERIC_FINITE, .neg = a->neg, .scale = a->scale > b->scale ? a->scale : b->scale};
    struct mag x = mag_scale(mag_of(a), (uint32_t)(r.scale - a->scale), arena);
    struct mag y = mag_scale(mag_of(b), (uint32_t)(r.scale - b->scale), arena);
    struct mag rest;
    mag_divrem(x, y, arena, NULL, &rest);
    mag_into(rest, &r);
    *out = r;
    return 0;
}

/* ---- rounding ------------------------------------------------------------------------------ */

static void change_scale(const struct numeric *a, int32_t scale, bool round, struct arena *arena,
                         struct numeric *out)
{
    struct numeric r = *a;
    if (a->kind != NUMERIC_FINITE) {
        *out = r;
        return;
    }
    struct mag m = mag_of(a);
    if (scale >= a->scale) {
        m = mag_scale(m, (uint32_t)(scale - a->scale), arena);
        r.scale = scale;
    } else {
        m = mag_unscale(m, (uint32_t)(a->scale - scale), round, arena);
        r.scale = scale;
        if (scale < 0) {
            m = mag_scale(m, (uint32_t)-scale, arena);
            r.scale = 0;
        }
    }
    mag_into(m, &r);
    *out = r;
}

void numeric_round(const struct numeric *a, int32_t scale, struct arena *arena, struct numeric *out)
{
    change_scale(a, scale, true, arena, out);
}

void numeric_trunc(const struct numeric *a, int32_t scale, struct arena *arena, struct numeric *out)
{
    change_scale(a, scale, false, arena, out);
}

/* Toward the sign `up`: one more than the truncated value if anything was cut off on that side. */
static void round_directed(const struct numeric *a, bool up, struct arena *arena,
                           struct numeric *out)
{
    struct numeric t;
    numeric_trunc(a, 0, arena, &t);
    if (a->kind == NUMERIC_FINITE && a->neg != up && numeric_cmp_n(&t, a) != 0) {
        struct numeric r = {.kind = NUMERIC_FINITE, .neg = !up};
        mag_into(mag_add(mag_of(&t), mag_of_u128(1, arena), arena), &r);
        t = r;
    }
    *out = t;
}

void numeric_ceil(const struct numeric *a, struct arena *arena, struct numeric *out)
{
    round_directed(a, true, arena, out);
}

void numeric_floor(const struct numeric *a, struct arena *arena, struct numeric *out)
{
    round_directed(a, false, arena, out);
}

int numeric_apply_typmod(struct numeric *n, int32_t typmod, struct arena *arena, struct err *err)
{
    if (typmod < 4 || n->kind == NUMERIC_NAN)
        return 0;
    int32_t precision = numeric_typmod_precision(typmod), scale = numeric_typmod_scale(typmod);
    if (n->kind != NUMERIC_FINITE) {
        err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow");
        return err_detail(err, "A field with precision %d, scale %d cannot hold an infinite value.",
                          precision, scale);
    }
    numeric_round(n, scale, arena, n);
    int32_t before = precision - scale;
    if (n->n && numeric_weight10(n) >= before) {
        err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow");
        if (before == 0)
            return err_detail(
                err,
                "A field with precision %d, scale %d must round to an absolute value less "
                "than 1.",
                precision, scale);
        return err_detail(
            err,
            "A field with precision %d, scale %d must round to an absolute value less than "
            "10^%d.",
            precision, scale, before);
    }
    return 0;
}

int32_t numeric_min_scale(const struct numeric *a)
{
    if (a->n == 0)
        return 0;
    struct arena scratch;
    arena_init(&scratch, NULL);
    uint8_t *digits;
    uint32_t n = mag_digits(mag_of(a), &scratch, &digits);
    int32_t scale = a->scale;
    while (scale > 0 && n && digits[n - 1] == 0) {
        n--;
        scale--;
    }
    arena_done(&scratch);
    return scale;
}

/* ---- machine numbers ----------------------------------------------------------------------- */

bool numeric_to_i64(const struct numeric *a, int64_t *out)
{
    int128 v;
    if (!numeric_to_i128(a, 0, &v) || v > INT64_MAX || v < INT64_MIN)
        return false;
    *out = (int64_t)v;
    return true;
}

double numeric_to_f64(const struct numeric *a)
{
    static const double exact_pow10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                         1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                         1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    switch ((enum numeric_kind)a->kind) {
    case NUMERIC_NAN:
        return NAN;
    case NUMERIC_INF:
        return INFINITY;
    case NUMERIC_NEG_INF:
        return -INFINITY;
    case NUMERIC_FINITE:
        break;
    }
    /* Both parts exact: one rounding, so the quotient is the nearest double. */
    if (a->n <= 1 && a->scale <= 22 && (a->n == 0 || a->limbs[0] <= (UINT64_C(1) << 53))) {
        double v = (a->n ? (double)a->limbs[0] : 0.0) / exact_pow10[a->scale];
        return a->neg ? -v : v;
    }
    struct buf text = {0};
    numeric_out_n(a, &text);
    double v = strtod(buf_text(&text), NULL);
    buf_done(&text);
    return v;
}

void numeric_of_f64(double v, int digits, struct arena *arena, struct numeric *out)
{
    if (isnan(v)) {
        set_special(out, NUMERIC_NAN);
    } else if (isinf(v)) {
        set_special(out, v > 0 ? NUMERIC_INF : NUMERIC_NEG_INF);
    } else {
        char text[64];
        snprintf(text, sizeof text, "%.*g", digits, v);
        size_t used;
        bool overflow;
        bool neg = text[0] == '-';
        if (!numeric_scan(text + neg, strlen(text) - neg, arena, &used, out, &overflow))
            set_special(out, NUMERIC_NAN);
        out->neg = neg && out->n;
    }
}
