/* numeric kernels. dec vectors go through the integer loops of numeric_vec.h; what does not fit,
 * and every num, row by row. */
#include <math.h>

#include "types/func/kern.h"
#include "types/type/numeric_vec.h"

/* ---- plumbing
 * --------------------------------------------------------------------------------------- */

static void open_arg(const struct func_call *call, uint32_t arg, uint32_t row, struct arena *arena,
                     struct numeric *out)
{
    const struct vec *v = &call->args[arg];
    struct datum d = {.kind = v->kind, .dec_scale = v->dec_scale};
    uint32_t at = arg_at(v, row);
    if (v->kind == PHYS_INT64)
        d.u.i64 = ((const int64_t *)v->data)[at];
    else if (v->kind == PHYS_INT128)
        d.u.i128 = ((const int128 *)v->data)[at];
    else
        d.u.bytes = ((const struct bytes_view *)v->data)[at];
    numeric_open(&d, arena, out);
}

/* A num result row. */
static void put_num(struct func_call *call, uint32_t row, const struct numeric *v)
{
    out_view(call, row, numeric_close_num(v, call->arena).u.bytes);
}

typedef int (*binary_fn)(const struct numeric *a, const struct numeric *b, struct arena *arena,
                         struct numeric *out, struct err *err);
typedef int (*unary_fn)(const struct numeric *a, struct arena *arena, struct numeric *out,
                        struct err *err);

static int each_pair(struct func_call *call, binary_fn fn, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    int rc = 0;
    for (uint32_t i = 0; i < call->n && rc == 0; i++) {
        uint32_t row = call_row(call, i);
        struct numeric a, b, r;
        open_arg(call, 0, row, &scratch, &a);
        open_arg(call, 1, row, &scratch, &b);
        rc = fn(&a, &b, &scratch, &r, err);
        if (rc)
            call->failed = i;
        else
            put_num(call, row, &r);
        arena_reset(&scratch);
    }
    arena_done(&scratch);
    return rc;
}

static int each_one(struct func_call *call, unary_fn fn, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    int rc = 0;
    for (uint32_t i = 0; i < call->n && rc == 0; i++) {
        uint32_t row = call_row(call, i);
        struct numeric a, r;
        open_arg(call, 0, row, &scratch, &a);
        rc = fn(&a, &scratch, &r, err);
        if (rc)
            call->failed = i;
        else
            put_num(call, row, &r);
        arena_reset(&scratch);
    }
    arena_done(&scratch);
    return rc;
}

/* num results of one small value are turned back into dec: constants and parameters then meet dec
 * columns as dec. */
static void settle_const(struct func_call *call)
{
    struct vec *out = call->out;
    if (out->n != 1 || out->kind != PHYS_BYTES || out->valid)
        return;
    struct datum d = {
        .kind = PHYS_BYTES, .dec_scale = -1, .u.bytes = *(struct bytes_view *)out->data};
    struct numeric v;
    numeric_open(&d, call->arena, &v);
    d = numeric_close(&v, call->arena);
    if (d.kind == PHYS_BYTES)
        return;
    vec_alloc(out, (enum phys_kind)d.kind, 1, call->arena);
    out->dec_scale = d.dec_scale;
    memcpy(out->data, &d.u, phys_width[d.kind]);
}

/* ---- + - * / %
 * -------------------------------------------------------------------------------------- */

static int add_rows(const struct numeric *a, const struct numeric *b, struct arena *arena,
                    struct numeric *out, struct err *err)
{
    return numeric_add(a, b, false, arena, out, err);
}

static int sub_rows(const struct numeric *a, const struct numeric *b, struct arena *arena,
                    struct numeric *out, struct err *err)
{
    return numeric_add(a, b, true, arena, out, err);
}

static int arith(struct func_call *call, enum numeric_vec_op op, binary_fn slow, struct err *err)
{
    struct vec *out = call->out;
    if (numeric_vec_arith(op, &call->args[0], &call->args[1], call->sel, call->n, out->n,
                          call->arena, out))
        return 0;
    int rc = each_pair(call, slow, err);
    if (rc == 0)
        settle_const(call);
    return rc;
}

KERNEL(numeric_add)
{
    return arith(call, NUMERIC_VEC_ADD, add_rows, err);
}
KERNEL(numeric_sub)
{
    return arith(call, NUMERIC_VEC_SUB, sub_rows, err);
}
KERNEL(numeric_mul)
{
    return arith(call, NUMERIC_VEC_MUL, numeric_mul, err);
}

static int settled(struct func_call *call, int rc)
{
    if (rc == 0)
        settle_const(call);
    return rc;
}

KERNEL(numeric_div)
{
    return settled(call, each_pair(call, numeric_div, err));
}
KERNEL(numeric_div_trunc)
{
    return settled(call, each_pair(call, numeric_div_trunc, err));
}
KERNEL(numeric_mod)
{
    return settled(call, each_pair(call, numeric_mod, err));
}
KERNEL(numeric_power)
{
    return settled(call, each_pair(call, numeric_power, err));
}
KERNEL(numeric_log)
{
    return settled(call, each_pair(call, numeric_log, err));
}
KERNEL(numeric_sqrt)
{
    return settled(call, each_one(call, numeric_sqrt, err));
}
KERNEL(numeric_exp)
{
    return settled(call, each_one(call, numeric_exp, err));
}
KERNEL(numeric_ln)
{
    return settled(call, each_one(call, numeric_ln, err));
}

static int log10_row(const struct numeric *a, struct arena *arena, struct numeric *out,
                     struct err *err)
{
    struct numeric ten = numeric_of_i128(10, 0, arena);
    return numeric_log(&ten, a, arena, out, err);
}
/* log(numeric), log10(numeric) */
KERNEL(sql_1741)
{
    return settled(call, each_one(call, log10_row, err));
}
KERNEL(sql_1481)
{
    return settled(call, each_one(call, log10_row, err));
}

/* ---- signs and rounding
 * ------------------------------------------------------------------------------ */

static int negate_row(const struct numeric *a, struct arena *arena, struct numeric *out,
                      struct err *err)
{
    *out = *a;
    if (a->kind == NUMERIC_FINITE)
        out->neg = a->n && !a->neg;
    else if (a->kind != NUMERIC_NAN)
        out->kind = a->kind == NUMERIC_INF ? NUMERIC_NEG_INF : NUMERIC_INF;
    return 0;
}

static int abs_row(const struct numeric *a, struct arena *arena, struct numeric *out,
                   struct err *err)
{
    *out = *a;
    out->neg = false;
    if (a->kind == NUMERIC_NEG_INF)
        out->kind = NUMERIC_INF;
    return 0;
}

static int same_row(const struct numeric *a, struct arena *arena, struct numeric *out,
                    struct err *err)
{
    *out = *a;
    return 0;
}

static int sign_row(const struct numeric *a, struct arena *arena, struct numeric *out,
                    struct err *err)
{
    int s = a->kind == NUMERIC_INF       ? 1
            : a->kind == NUMERIC_NEG_INF ? -1
            : a->n == 0                  ? 0
            : a->neg                     ? -1
                                         : 1;
    *out = numeric_of_i128(s, 0, arena);
    if (a->kind == NUMERIC_NAN)
        *out = *a;
    return 0;
}

static int ceil_row(const struct numeric *a, struct arena *arena, struct numeric *out,
                    struct err *err)
{
    numeric_ceil(a, arena, out);
    return 0;
}

static int floor_row(const struct numeric *a, struct arena *arena, struct numeric *out,
                     struct err *err)
{
    numeric_floor(a, arena, out);
    return 0;
}

static int round0_row(const struct numeric *a, struct arena *arena, struct numeric *out,
                      struct err *err)
{
    numeric_round(a, 0, arena, out);
    return 0;
}

static int trunc0_row(const struct numeric *a, struct arena *arena, struct numeric *out,
                      struct err *err)
{
    numeric_trunc(a, 0, arena, out);
    return 0;
}

static int trim_row(const struct numeric *a, struct arena *arena, struct numeric *out,
                    struct err *err)
{
    if (a->kind == NUMERIC_FINITE)
        numeric_round(a, numeric_min_scale(a), arena, out);
    else
        *out = *a;
    return 0;
}

static int inc_row(const struct numeric *a, struct arena *arena, struct numeric *out,
                   struct err *err)
{
    struct numeric one = numeric_of_i128(1, 0, arena);
    return numeric_add(a, &one, false, arena, out, err);
}

/* A dec stays a dec under a sign change. */
static bool negate_dec(struct func_call *call, bool only_negative)
{
    const struct vec *v = &call->args[0];
    if (v->kind != PHYS_INT64)
        return false;
    vec_alloc(call->out, PHYS_INT64, call->out->n, call->arena);
    call->out->dec_scale = v->dec_scale;
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int64_t x = arg_i64(call, 0, row);
        if (x == INT64_MIN)
            return false;
        out_i64(call, row, !only_negative || x < 0 ? -x : x);
    }
    return true;
}

static int slowly(struct func_call *call, unary_fn fn, struct err *err)
{
    if (call->out->kind != PHYS_BYTES)
        vec_alloc(call->out, PHYS_BYTES, call->out->n, call->arena);
    return settled(call, each_one(call, fn, err));
}

KERNEL(numeric_uminus)
{
    return negate_dec(call, false) ? 0 : slowly(call, negate_row, err);
}
KERNEL(numeric_abs)
{
    return negate_dec(call, true) ? 0 : slowly(call, abs_row, err);
}
KERNEL(numeric_uplus)
{
    return slowly(call, same_row, err);
}
KERNEL(numeric_sign)
{
    return slowly(call, sign_row, err);
}
KERNEL(numeric_ceil)
{
    return slowly(call, ceil_row, err);
}
KERNEL(numeric_floor)
{
    return slowly(call, floor_row, err);
}
KERNEL(numeric_trim_scale)
{
    return slowly(call, trim_row, err);
}
KERNEL(numeric_inc)
{
    return slowly(call, inc_row, err);
}
KERNEL(sql_1708)
{
    return slowly(call, round0_row, err);
}
KERNEL(sql_1710)
{
    return slowly(call, trunc0_row, err);
}

static int change_scale(struct func_call *call, bool round, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int32_t scale = arg_i32(call, 1, row);
        scale = scale > NUMERIC_DSCALE_MAX ? NUMERIC_DSCALE_MAX : scale;
        scale = scale < -NUMERIC_WEIGHT_MAX ? -NUMERIC_WEIGHT_MAX : scale;
        struct numeric a;
        open_arg(call, 0, row, &scratch, &a);
        if (round)
            numeric_round(&a, scale, &scratch, &a);
        else
            numeric_trunc(&a, scale, &scratch, &a);
        put_num(call, row, &a);
        arena_reset(&scratch);
    }
    arena_done(&scratch);
    settle_const(call);
    return 0;
}

KERNEL(numeric_round)
{
    return change_scale(call, true, err);
}
KERNEL(numeric_trunc)
{
    return change_scale(call, false, err);
}

static int scale_of(struct func_call *call, bool least)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct numeric a;
        open_arg(call, 0, row, &scratch, &a);
        if (a.kind != NUMERIC_FINITE)
            out_null(call, row);
        else
            out_i32(call, row, least ? numeric_min_scale(&a) : a.scale);
        arena_reset(&scratch);
    }
    arena_done(&scratch);
    return 0;
}

KERNEL(numeric_scale)
{
    return scale_of(call, false);
}
KERNEL(numeric_min_scale)
{
    return scale_of(call, true);
}

/* numeric(numeric, typmod): the length coercion called as a function. */
KERNEL(numeric)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    int rc = 0;
    for (uint32_t i = 0; i < call->n && rc == 0; i++) {
        uint32_t row = call_row(call, i);
        struct numeric a;
        open_arg(call, 0, row, &scratch, &a);
        rc = numeric_apply_typmod(&a, arg_i32(call, 1, row), &scratch, err);
        if (rc)
            call->failed = i;
        else
            put_num(call, row, &a);
        arena_reset(&scratch);
    }
    arena_done(&scratch);
    return settled(call, rc);
}

/* ---- number theory
 * ------------------------------------------------------------------------------------- */

static int gcd_row(const struct numeric *a, const struct numeric *b, struct arena *arena,
                   struct numeric *out, struct err *err)
{
    if (a->kind != NUMERIC_FINITE || b->kind != NUMERIC_FINITE) {
        *out = (struct numeric){.kind = NUMERIC_NAN};
        return 0;
    }
    int32_t scale = a->scale > b->scale ? a->scale : b->scale;
    struct numeric x = *a, y = *b;
    x.neg = y.neg = false;
    while (y.n) {
        struct numeric r;
        int rc = numeric_mod(&x, &y, arena, &r, err);
        if (rc)
            return rc;
        x = y;
        y = r;
    }
    numeric_round(&x, scale, arena, out);
    return 0;
}

static int lcm_row(const struct numeric *a, const struct numeric *b, struct arena *arena,
                   struct numeric *out, struct err *err)
{
    struct numeric g;
    int rc = gcd_row(a, b, arena, &g, err);
    if (rc || g.kind != NUMERIC_FINITE || g.n == 0) {
        *out = g;
        return rc;
    }
    int32_t scale = a->scale > b->scale ? a->scale : b->scale;
    if (a->n == 0 || b->n == 0) {
        struct numeric zero = numeric_of_i128(0, 0, arena);
        numeric_round(&zero, scale, arena, out);
        return 0;
    }
    rc = numeric_div_trunc(a, &g, arena, out, err);
    if (rc == 0)
        rc = numeric_mul(out, b, arena, out, err);
    out->neg = false;
    if (rc == 0)
        numeric_round(out, scale, arena, out);
    return rc;
}

KERNEL(numeric_gcd)
{
    return settled(call, each_pair(call, gcd_row, err));
}
KERNEL(numeric_lcm)
{
    return settled(call, each_pair(call, lcm_row, err));
}

KERNEL(numeric_fac)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int64_t n = arg_i64(call, 0, row);
        if (n < 0)
            return fail_row(call, i,
                            err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE,
                                    "factorial of a negative number is undefined"));
        if (n > 32177)
            return fail_row(
                call, i,
                err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format"));
        struct numeric r = numeric_of_i128(1, 0, call->arena);
        for (int64_t k = 2; k <= n; k++) {
            struct numeric f = numeric_of_i128(k, 0, call->arena);
            int rc = numeric_mul(&r, &f, call->arena, &r, err);
            if (rc)
                return fail_row(call, i, rc);
        }
        put_num(call, row, &r);
    }
    settle_const(call);
    return 0;
}

/* ---- casts --------------------------------------------------------------------------------- */

static int of_small_int(struct func_call *call)
{
    bool two = call->args[0].kind == PHYS_INT16;
    vec_alloc(call->out, PHYS_INT64, call->out->n, call->arena);
    call->out->dec_scale = 0;
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        out_i64(call, row, two ? arg_i16(call, 0, row) : arg_i32(call, 0, row));
    }
    return 0;
}

KERNEL(int2_numeric)
{
    return of_small_int(call);
}
KERNEL(int4_numeric)
{
    return of_small_int(call);
}

/* The greatest bigint is the NaN of a 64-bit dec: such a vector goes to 128 bits. */
KERNEL(int8_numeric)
{
    bool top = false;
    for (uint32_t i = 0; i < call->n; i++)
        top |= arg_i64(call, 0, call_row(call, i)) == NUMERIC_DEC64_NAN;
    vec_alloc(call->out, top ? PHYS_INT128 : PHYS_INT64, call->out->n, call->arena);
    call->out->dec_scale = 0;
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        if (top)
            ((int128 *)call->out->data)[row] = arg_i64(call, 0, row);
        else
            out_i64(call, row, arg_i64(call, 0, row));
    }
    return 0;
}

static int of_float(struct func_call *call, bool single)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        double x = single ? (double)arg_f32(call, 0, row) : arg_f64(call, 0, row);
        struct numeric v;
        numeric_of_f64(x, single ? 6 : 15, call->arena, &v);
        put_num(call, row, &v);
    }
    settle_const(call);
    return 0;
}

KERNEL(float4_numeric)
{
    return of_float(call, true);
}
KERNEL(float8_numeric)
{
    return of_float(call, false);
}

static int to_int(struct func_call *call, int64_t min, int64_t max, const char *type,
                  struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    int rc = 0;
    for (uint32_t i = 0; i < call->n && rc == 0; i++) {
        uint32_t row = call_row(call, i);
        struct numeric a;
        int64_t v = 0;
        open_arg(call, 0, row, &scratch, &a);
        if (a.kind != NUMERIC_FINITE)
            rc = err_set(err, ERR_FEATURE_NOT_SUPPORTED, "cannot convert %s to %s",
                         a.kind == NUMERIC_NAN ? "NaN" : "infinity", type);
        else if (!numeric_to_i64(&a, &v) || v < min || v > max)
            rc = err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "%s out of range", type);
        if (rc)
            call->failed = i;
        else if (call->out->kind == PHYS_INT16)
            out_i16(call, row, (int16_t)v);
        else if (call->out->kind == PHYS_INT32)
            out_i32(call, row, (int32_t)v);
        else
            out_i64(call, row, v);
        arena_reset(&scratch);
    }
    arena_done(&scratch);
    return rc;
}

KERNEL(numeric_int2)
{
    return to_int(call, INT16_MIN, INT16_MAX, "smallint", err);
}
KERNEL(numeric_int4)
{
    return to_int(call, INT32_MIN, INT32_MAX, "integer", err);
}
KERNEL(numeric_int8)
{
    return to_int(call, INT64_MIN, INT64_MAX, "bigint", err);
}

static int to_float(struct func_call *call, bool single, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    int rc = 0;
    for (uint32_t i = 0; i < call->n && rc == 0; i++) {
        uint32_t row = call_row(call, i);
        struct numeric a;
        open_arg(call, 0, row, &scratch, &a);
        double v = numeric_to_f64(&a);
        bool finite = a.kind == NUMERIC_FINITE;
        if (single) {
            float f = (float)v;
            if (finite && (isinf(f) || (f == 0 && a.n))) {
                struct buf text = {0};
                numeric_out_n(&a, &text);
                rc = err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE,
                             "\"%.300s\" is out of range for type real", buf_text(&text));
                buf_done(&text);
            }
            out_f32(call, row, f);
        } else {
            if (finite && (isinf(v) || (v == 0 && a.n))) {
                struct buf text = {0};
                numeric_out_n(&a, &text);
                rc = err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE,
                             "\"%.300s\" is out of range for type double precision",
                             buf_text(&text));
                buf_done(&text);
            }
            out_f64(call, row, v);
        }
        if (rc)
            call->failed = i;
        arena_reset(&scratch);
    }
    arena_done(&scratch);
    return rc;
}

KERNEL(numeric_float4)
{
    return to_float(call, true, err);
}
KERNEL(numeric_float8)
{
    return to_float(call, false, err);
}

/* ---- comparing
 * ------------------------------------------------------------------------------------------ */

static int8_t *compare_rows(struct func_call *call)
{
    int8_t *cmp = arena_alloc(call->arena, call->out->n + 1);
    numeric_vec_compare(&call->args[0], &call->args[1], call->sel, call->n, call->arena, cmp);
    return cmp;
}

/* Two 64-bit decs of one scale (a constant is brought to the column's) compare as bigints do. */
static bool compare_as_int8(struct func_call *call, func_kernel int8_kernel, struct err *err)
{
    const struct vec *a = &call->args[0], *b = &call->args[1];
    struct vec pair[2];
    if (a->kind != PHYS_INT64 || b->kind != PHYS_INT64)
        return false;
    int16_t scale = a->dec_scale > b->dec_scale ? a->dec_scale : b->dec_scale;
    if (!numeric_vec_rescale(a, call->sel, call->n, scale, call->arena, &pair[0]) ||
        !numeric_vec_rescale(b, call->sel, call->n, scale, call->arena, &pair[1]) ||
        pair[0].kind != PHYS_INT64 || pair[1].kind != PHYS_INT64)
        return false;
    struct func_call same = *call;
    same.args = pair;
    return int8_kernel(&same, err) == 0;
}

#define N_OP eq
#define N_TEST ==
#include "types/func/kern_numeric_compare_tmpl.h"
#define N_OP ne
#define N_TEST !=
#include "types/func/kern_numeric_compare_tmpl.h"
#define N_OP lt
#define N_TEST <
#include "types/func/kern_numeric_compare_tmpl.h"
#define N_OP le
#define N_TEST <=
#include "types/func/kern_numeric_compare_tmpl.h"
#define N_OP gt
#define N_TEST >
#include "types/func/kern_numeric_compare_tmpl.h"
#define N_OP ge
#define N_TEST >=
#include "types/func/kern_numeric_compare_tmpl.h"

KERNEL(numeric_cmp)
{
    const int8_t *cmp = compare_rows(call);
    for (uint32_t i = 0; i < call->n; i++)
        out_i32(call, call_row(call, i), cmp[call_row(call, i)]);
    return 0;
}

/* width_bucket(numeric operand, low, high, count) */
static int bucket(const struct numeric *v, const struct numeric *low, const struct numeric *high,
                  int32_t count, struct arena *arena, int32_t *out, struct err *err)
{
    if (count <= 0)
        return err_set(err, ERR_INVALID_ARGUMENT_FOR_WIDTH_BUCKET,
                       "count must be greater than zero");
    if (v->kind == NUMERIC_NAN || low->kind == NUMERIC_NAN || high->kind == NUMERIC_NAN)
        return err_set(err, ERR_INVALID_ARGUMENT_FOR_WIDTH_BUCKET,
                       "operand, lower bound, and upper bound cannot be NaN");
    if (low->kind != NUMERIC_FINITE || high->kind != NUMERIC_FINITE)
        return err_set(err, ERR_INVALID_ARGUMENT_FOR_WIDTH_BUCKET,
                       "lower and upper bounds must be finite");
    int order = numeric_cmp_n(low, high);
    if (order == 0)
        return err_set(err, ERR_INVALID_ARGUMENT_FOR_WIDTH_BUCKET,
                       "lower bound cannot equal upper bound");
    int to_low = numeric_cmp_n(v, low), to_high = numeric_cmp_n(v, high);
    if (order < 0 ? to_low < 0 : to_low > 0) {
        *out = 0;
        return 0;
    }
    if (order < 0 ? to_high >= 0 : to_high <= 0) {
        if (count == INT32_MAX)
            return err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "integer out of range");
        *out = count + 1;
        return 0;
    }
    struct numeric part, span, n = numeric_of_i128(count, 0, arena), q;
    int rc = numeric_add(v, low, true, arena, &part, err);
    if (rc == 0)
        rc = numeric_add(high, low, true, arena, &span, err);
    if (rc == 0)
        rc = numeric_mul(&part, &n, arena, &part, err);
    if (rc)
        return rc;
    numeric_div_scale(&part, &span, 0, false, arena, &q);
    int64_t b;
    *out = numeric_to_i64(&q, &b) ? (int32_t)b + 1 : count;
    return 0;
}

KERNEL(width_bucket_numeric)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct numeric v, low, high;
        open_arg(call, 0, row, call->arena, &v);
        open_arg(call, 1, row, call->arena, &low);
        open_arg(call, 2, row, call->arena, &high);
        int32_t r = 0;
        int rc = bucket(&v, &low, &high, arg_i32(call, 3, row), call->arena, &r, err);
        if (rc)
            return fail_row(call, i, rc);
        out_i32(call, row, r);
    }
    return 0;
}
