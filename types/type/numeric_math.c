#include <math.h>

#include "types/type/numeric.h"
#include "types/type/numeric_int.h"

/* Roots, exponentials, logarithms: fixed-point decimals with guard digits. The scales of results
 * are PostgreSQL's rules, so that the digits shown are the same ones. */

static int out_of_range(struct err *err)
{
    return err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format");
}

static int32_t max_scale(int32_t a, int32_t b)
{
    return a > b ? a : b;
}
static int32_t clamp_display(int32_t scale)
{
    if (scale < 0)
        return 0;
    return scale > NUMERIC_DISPLAY_SCALE_MAX ? NUMERIC_DISPLAY_SCALE_MAX : scale;
}

static struct numeric small_int(int64_t v, struct arena *arena)
{
    return numeric_of_i128(v, 0, arena);
}

static int32_t floor_div4(int32_t v)
{
    return v >= 0 ? v / 4 : -((3 - v) / 4);
}

/* ---- fixed point ------------------------------------------------------------------------------
 */

static struct numeric fix_mul(const struct numeric *a, const struct numeric *b, int32_t scale,
                              struct arena *arena)
{
    struct numeric r = {
        .kind = NUMERIC_FINITE, .neg = a->neg != b->neg, .scale = a->scale + b->scale};
    mag_into(mag_mul(mag_of(a), mag_of(b), arena), &r);
    numeric_round(&r, scale, arena, &r);
    return r;
}

static struct numeric fix_div(const struct numeric *a, const struct numeric *b, int32_t scale,
                              struct arena *arena)
{
    struct numeric r;
    numeric_div_scale(a, b, scale, true, arena, &r);
    return r;
}

static struct numeric fix_div_small(const struct numeric *a, uint32_t d, struct arena *arena)
{
    struct numeric r = *a;
    struct mag q;
    mag_divrem(mag_of(a), mag_of_u128(d, arena), arena, &q, NULL);
    mag_into(q, &r);
    return r;
}

static struct numeric fix_add(const struct numeric *a, const struct numeric *b, bool subtract,
                              struct arena *arena)
{
    struct numeric r;
    struct err never; /* fixed-point work stays far below the format's limits */
    int rc = numeric_add(a, b, subtract, arena, &r, &never);
    (void)rc;
    return r;
}

/* floor(sqrt(a)) at `scale` digits behind the point. */
static struct numeric fix_sqrt(const struct numeric *a, int32_t scale, struct arena *arena)
{
    struct numeric r = {.kind = NUMERIC_FINITE, .scale = scale};
    int32_t shift = 2 * scale - a->scale;
    struct mag m = mag_of(a);
    m = shift >= 0 ? mag_scale(m, (uint32_t)shift, arena)
                   : mag_unscale(m, (uint32_t)-shift, false, arena);
    if (m.n == 0)
        return r;
    struct mag root = {arena_zalloc(arena, ((m.n + 1) / 2 + 1) * sizeof(mp_limb_t)), (m.n + 1) / 2};
    mpn_sqrtrem(root.limbs, NULL, m.limbs, m.n);
    while (root.n && root.limbs[root.n - 1] == 0)
        root.n--;
    mag_into(root, &r);
    return r;
}

/* ---- square root ------------------------------------------------------------------------------
 */

void numeric_sqrt_scale(const struct numeric *a, int32_t scale, struct arena *arena,
                        struct numeric *out)
{
    struct numeric r = fix_sqrt(a, scale + 1, arena);
    numeric_round(&r, scale, arena, out);
}

int numeric_sqrt(const struct numeric *a, struct arena *arena, struct numeric *out, struct err *err)
{
    if (a->kind == NUMERIC_NAN || a->kind == NUMERIC_INF) {
        *out = *a;
        return 0;
    }
    if (a->kind == NUMERIC_NEG_INF || a->neg)
        return err_set(err, ERR_INVALID_ARGUMENT_FOR_POWER,
                       "cannot take square root of a negative number");
    int32_t weight = a->n ? floor_div4(numeric_weight10(a)) : 0;
    int32_t sweight = (weight + 1) * 4 / 2 - 1;
    int32_t scale = clamp_display(max_scale(NUMERIC_MIN_SIG_DIGITS - sweight, a->scale));
    numeric_sqrt_scale(a, scale, arena, out);
    return 0;
}

/* ---- exponential ------------------------------------------------------------------------------
 */

/* e^a to `scale` digits; |a| < 6000 or so. Halve the argument until it is small, sum Taylor's
 * series, square back. */
static struct numeric fix_exp(const struct numeric *a, int32_t scale, struct arena *arena)
{
    double approx = numeric_to_f64(a) * 0.434294481903252;
    int32_t int_digits = approx > 0 ? (int32_t)approx + 1 : 0;
    uint32_t halvings = 0;
    for (double m = fabs(numeric_to_f64(a)); m > 0.01; m /= 2)
        halvings++;
    int32_t work = scale + int_digits + (int32_t)halvings / 3 + 12;
    struct numeric x, one = small_int(1, arena);
    numeric_round(a, work, arena, &x);
    for (uint32_t i = 0; i < halvings; i++)
        x = fix_div_small(&x, 2, arena);
    struct numeric sum, term;
    numeric_round(&one, work, arena, &term);
    sum = term;
    for (uint32_t i = 1; term.n; i++) {
        term = fix_mul(&term, &x, work, arena);
        term = fix_div_small(&term, i, arena);
        sum = fix_add(&sum, &term, false, arena);
    }
    for (uint32_t i = 0; i < halvings; i++)
        sum = fix_mul(&sum, &sum, work, arena);
    numeric_round(&sum, scale, arena, &sum);
    return sum;
}

static int exp_to_scale(const struct numeric *a, int32_t scale, struct arena *arena,
                        struct numeric *out, struct err *err)
{
    double v = numeric_to_f64(a);
    if (fabs(v) >= NUMERIC_RESULT_SCALE_MAX * 3) {
        if (v > 0)
            return out_of_range(err);
        *out = (struct numeric){.kind = NUMERIC_FINITE, .scale = scale};
        return 0;
    }
    *out = fix_exp(a, scale, arena);
    return 0;
}

int numeric_exp(const struct numeric *a, struct arena *arena, struct numeric *out, struct err *err)
{
    if (a->kind == NUMERIC_NEG_INF) {
        *out = small_int(0, arena);
        return 0;
    }
    if (a->kind != NUMERIC_FINITE) {
        *out = *a;
        return 0;
    }
    double v = numeric_to_f64(a) * 0.434294481903252;
    if (v < -NUMERIC_RESULT_SCALE_MAX)
        v = -NUMERIC_RESULT_SCALE_MAX;
    if (v > NUMERIC_RESULT_SCALE_MAX)
        v = NUMERIC_RESULT_SCALE_MAX;
    int32_t scale = clamp_display(max_scale(NUMERIC_MIN_SIG_DIGITS - (int32_t)v, a->scale));
    return exp_to_scale(a, scale, arena, out, err);
}

/* ---- logarithm --------------------------------------------------------------------------------
 */

/* ln(a) to `scale` digits, a > 0: square roots bring it near 1, then 2 atanh((y-1)/(y+1)). */
static struct numeric fix_ln(const struct numeric *a, int32_t scale, struct arena *arena)
{
    struct numeric y = *a, one = small_int(1, arena);
    int32_t weight = numeric_weight10(a);
    int32_t magnitude = weight < 0 ? -weight : weight;
    /* Each root halves the exponent; about 10 more bring y within 2^-10 of 1. */
    uint32_t roots = 12;
    for (int32_t m = magnitude; m; m /= 2)
        roots++;
    int32_t work = scale + (int32_t)roots / 3 + 15 + (weight < 0 ? magnitude : 0);
    for (uint32_t i = 0; i < roots; i++) {
        struct numeric d = fix_add(&y, &one, true, arena);
        if (d.n == 0 || (numeric_weight10(&d) < -4))
            roots = i;
        else
            y = fix_sqrt(&y, work, arena);
    }
    struct numeric top = fix_add(&y, &one, true, arena), bottom = fix_add(&y, &one, false, arena);
    struct numeric z = fix_div(&top, &bottom, work, arena);
    struct numeric square = fix_mul(&z, &z, work, arena);
    struct numeric sum = z, power = z;
    for (uint32_t k = 3; power.n; k += 2) {
        power = fix_mul(&power, &square, work, arena);
        struct numeric term = fix_div_small(&power, k, arena);
        sum = fix_add(&sum, &term, false, arena);
    }
    struct numeric twice = {.kind = NUMERIC_FINITE};
    mp_limb_t *limbs = arena_zalloc(arena, (roots / 64 + 2) * sizeof *limbs);
    limbs[(roots + 1) / 64] = (mp_limb_t)1 << ((roots + 1) % 64);
    twice.limbs = limbs;
    twice.n = (roots + 1) / 64 + 1;
    return fix_mul(&sum, &twice, scale, arena);
}

/* Position of ln(a)'s first digit, estimated as PostgreSQL does. */
static int32_t estimate_ln_weight(const struct numeric *a, struct arena *arena)
{
    if (a->neg || a->n == 0)
        return 0;
    struct numeric low = numeric_of_i128(9, 1, arena), high = numeric_of_i128(11, 1, arena);
    if (numeric_cmp_n(a, &low) >= 0 && numeric_cmp_n(a, &high) <= 0) {
        struct numeric one = small_int(1, arena);
        struct numeric x = fix_add(a, &one, true, arena);
        return x.n ? numeric_weight10(&x) : 0;
    }
    int32_t count = (int32_t)mag_digit_count(mag_of(a), arena);
    int32_t w10 = count - 1 - a->scale;
    int32_t keep =
        w10 - 4 * floor_div4(w10) + 1 + 4; /* the leading base-10000 digit and the next */
    struct mag top =
        count > keep ? mag_unscale(mag_of(a), (uint32_t)(count - keep), false, arena) : mag_of(a);
    int32_t shift = count > keep ? count - keep - a->scale : -a->scale;
    double ln = log((double)mag_u128(top)) + shift * 2.302585092994046;
    return (int32_t)log10(fabs(ln));
}

static int check_log_argument(const struct numeric *a, struct err *err)
{
    if (a->kind == NUMERIC_NEG_INF || (a->kind == NUMERIC_FINITE && a->neg))
        return err_set(err, ERR_INVALID_ARGUMENT_FOR_LOG,
                       "cannot take logarithm of a negative number");
    if (numeric_is_zero(a))
        return err_set(err, ERR_INVALID_ARGUMENT_FOR_LOG, "cannot take logarithm of zero");
    return 0;
}

int numeric_ln(const struct numeric *a, struct arena *arena, struct numeric *out, struct err *err)
{
    if (a->kind == NUMERIC_NAN) {
        *out = *a;
        return 0;
    }
    int rc = check_log_argument(a, err);
    if (rc)
        return rc;
    if (a->kind == NUMERIC_INF) {
        *out = *a;
        return 0;
    }
    int32_t scale =
        clamp_display(max_scale(NUMERIC_MIN_SIG_DIGITS - estimate_ln_weight(a, arena), a->scale));
    *out = fix_ln(a, scale, arena);
    return 0;
}

int numeric_log(const struct numeric *base, const struct numeric *a, struct arena *arena,
                struct numeric *out, struct err *err)
{
    if (base->kind == NUMERIC_NAN || a->kind == NUMERIC_NAN) {
        *out = (struct numeric){.kind = NUMERIC_NAN};
        return 0;
    }
    int rc = check_log_argument(base, err);
    if (rc == 0)
        rc = check_log_argument(a, err);
    if (rc)
        return rc;
    if (base->kind == NUMERIC_INF || a->kind == NUMERIC_INF) {
        if (base->kind == a->kind)
            *out = (struct numeric){.kind = NUMERIC_NAN};
        else
            *out = base->kind == NUMERIC_INF ? small_int(0, arena) : *a;
        return 0;
    }
    int32_t base_weight = estimate_ln_weight(base, arena), a_weight = estimate_ln_weight(a, arena);
    int32_t weight = a_weight - base_weight;
    int32_t scale = max_scale(NUMERIC_MIN_SIG_DIGITS - weight, max_scale(base->scale, a->scale));
    scale = clamp_display(scale);
    int32_t work =
        scale + 12 + (base_weight < 0 ? -2 * base_weight : 0) + (weight > 0 ? weight : 0);
    struct numeric ln_base = fix_ln(base, work, arena), ln_a = fix_ln(a, work, arena);
    if (ln_base.n == 0)
        return err_set(err, ERR_DIVISION_BY_ZERO, "division by zero");
    *out = fix_div(&ln_a, &ln_base, scale, arena);
    return 0;
}

/* ---- powers -----------------------------------------------------------------------------------
 */

/* base^n by squaring. Intermediate values keep enough digits for `scale` behind the point. */
static int power_int(const struct numeric *base, int64_t n, int32_t scale, struct arena *arena,
                     struct numeric *out, struct err *err)
{
    struct numeric one = small_int(1, arena);
    if (base->n == 0) {
        if (n < 0)
            return err_set(err, ERR_DIVISION_BY_ZERO, "division by zero");
        *out = n == 0 ? one : *base;
        numeric_round(out, scale, arena, out);
        return 0;
    }
    uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    /* Estimated decimal weight of base^|n|: error if the result cannot be held, guard digits
     * otherwise. */
    struct numeric magnitude = *base;
    magnitude.neg = false;
    struct numeric ln = fix_ln(&magnitude, 10, arena);
    double weight = numeric_to_f64(&ln) * 0.434294481903252 * (double)n;
    if (weight > NUMERIC_WEIGHT_MAX)
        return out_of_range(err);
    if (weight + 1 < -scale && weight < -NUMERIC_DSCALE_MAX) {
        *out = (struct numeric){.kind = NUMERIC_FINITE, .scale = scale};
        return 0;
    }
    double spread = fabs(weight);
    int32_t work = scale + (int32_t)spread * 2 + 24;
    struct numeric result = one, square = *base;
    bool exact_inverse = n < 0;
    for (; left; left >>= 1) {
        if (left & 1) {
            int32_t s = result.scale + square.scale;
            result = fix_mul(&result, &square, s < work ? s : work, arena);
        }
        if (left > 1) {
            int32_t s = 2 * square.scale;
            square = fix_mul(&square, &square, s < work ? s : work, arena);
        }
    }
    if (exact_inverse) {
        if (result.n == 0)
            return out_of_range(err);
        result = fix_div(&one, &result, scale, arena);
    }
    numeric_round(&result, scale, arena, out);
    return 0;
}

static bool is_integer(const struct numeric *a)
{
    return numeric_min_scale(a) == 0;
}

static bool is_odd(const struct numeric *a, struct arena *arena)
{
    struct numeric t;
    numeric_trunc(a, 0, arena, &t);
    return t.n && (t.limbs[0] & 1);
}

static int power_special(const struct numeric *a, const struct numeric *b, struct arena *arena,
                         struct numeric *out, struct err *err)
{
    struct numeric one = small_int(1, arena), zero = small_int(0, arena);
    struct numeric nan = {.kind = NUMERIC_NAN}, inf = {.kind = NUMERIC_INF};
    if (a->kind == NUMERIC_NAN) {
        *out = numeric_is_zero(b) ? one : nan;
        return 0;
    }
    bool a_is_one = a->kind == NUMERIC_FINITE && numeric_cmp_n(a, &one) == 0;
    if (b->kind == NUMERIC_NAN) {
        *out = a_is_one ? one : nan;
        return 0;
    }
    bool b_neg = b->kind == NUMERIC_NEG_INF || (b->kind == NUMERIC_FINITE && b->neg);
    if (numeric_is_zero(a) && b_neg)
        return err_set(err, ERR_INVALID_ARGUMENT_FOR_POWER,
                       "zero raised to a negative power is undefined");
    if (numeric_is_zero(b) || a_is_one) {
        *out = one;
        return 0;
    }
    if (b->kind != NUMERIC_FINITE) {
        struct numeric mag = *a;
        mag.neg = false;
        int cmp = a->kind == NUMERIC_FINITE ? numeric_cmp_n(&mag, &one) : 1;
        bool grows = (cmp > 0) != b_neg;
        *out = cmp == 0 ? one : grows ? inf : zero;
        return 0;
    }
    if (a->kind == NUMERIC_NEG_INF && !is_integer(b))
        return err_set(err, ERR_INVALID_ARGUMENT_FOR_POWER,
                       "a negative number raised to a non-integer power yields a complex result");
    if (b_neg)
        *out = zero;
    else if (a->kind == NUMERIC_NEG_INF && is_odd(b, arena))
        *out = (struct numeric){.kind = NUMERIC_NEG_INF};
    else
        *out = inf;
    return 0;
}

static int power_real(const struct numeric *a, const struct numeric *b, struct arena *arena,
                      struct numeric *out, struct err *err)
{
    if (a->n == 0) {
        *out = (struct numeric){.kind = NUMERIC_FINITE, .scale = NUMERIC_MIN_SIG_DIGITS};
        return 0;
    }
    struct numeric base = *a;
    bool neg = a->neg && is_odd(b, arena);
    base.neg = false;
    double ln = 0;
    struct numeric rough = fix_ln(&base, 30, arena);
    ln = numeric_to_f64(&rough) * numeric_to_f64(b);
    if (fabs(ln) > NUMERIC_RESULT_SCALE_MAX * 3.01) {
        if (ln > 0)
            return out_of_range(err);
        *out = (struct numeric){.kind = NUMERIC_FINITE, .scale = NUMERIC_DISPLAY_SCALE_MAX};
        return 0;
    }
    double weight = ln * 0.434294481903252;
    int32_t scale =
        max_scale(NUMERIC_MIN_SIG_DIGITS - (int32_t)weight, max_scale(a->scale, b->scale));
    scale = clamp_display(scale);
    int32_t b_digits = max_scale(numeric_weight10(b), 0);
    int32_t work = scale + (int32_t)fabs(weight) + b_digits + 15;
    struct numeric exact = fix_ln(&base, work, arena);
    struct numeric product = fix_mul(&exact, b, work, arena);
    int rc = exp_to_scale(&product, scale, arena, out, err);
    if (rc == 0)
        out->neg = neg && out->n;
    return rc;
}

int numeric_power(const struct numeric *a, const struct numeric *b, struct arena *arena,
                  struct numeric *out, struct err *err)
{
    if (a->kind != NUMERIC_FINITE || b->kind != NUMERIC_FINITE)
        return power_special(a, b, arena, out, err);
    if (numeric_is_zero(a) && b->neg)
        return err_set(err, ERR_INVALID_ARGUMENT_FOR_POWER,
                       "zero raised to a negative power is undefined");
    bool integer = is_integer(b);
    if (a->neg && !integer)
        return err_set(err, ERR_INVALID_ARGUMENT_FOR_POWER,
                       "a negative number raised to a non-integer power yields a complex result");
    int64_t n;
    if (integer && numeric_to_i64(b, &n) && n >= INT32_MIN && n <= INT32_MAX) {
        int32_t scale = clamp_display(max_scale(NUMERIC_MIN_SIG_DIGITS, a->scale));
        return power_int(a, n, scale, arena, out, err);
    }
    return power_real(a, b, arena, out, err);
}
