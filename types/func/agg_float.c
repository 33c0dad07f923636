/* Sums and moments of floats, by the Youngs-Cramer recurrences, as PostgreSQL computes them. */
#include <math.h>

#include "types/func/agg_int.h"

#define G_LINKAGE

static int overflow(struct err *err)
{
    return err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow");
}

static int bad_state(struct err *err)
{
    return err_set(err, ERR_DATA_CORRUPTED, "malformed aggregate state");
}

static void put_f64(struct buf *out, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    buf_put_le64(out, bits);
}

static double take_f64(struct buf_reader *r)
{
    uint64_t bits = buf_take_le64(r);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* ---- sum(double precision), sum(real)
 * -------------------------------------------------------------- */

void agg_init_fsum(const struct agg_call *call, void *state)
{
    *(struct agg_state_fsum *)state = (struct agg_state_fsum){0};
}

static inline int add_fsum(struct agg_state_fsum *st, double x, struct err *err)
{
    double r = st->sum + x;
    if (__builtin_expect(isinf(r), 0) && !isinf(x) && !isinf(st->sum))
        return overflow(err);
    st->sum = st->n ? r : x; /* the first value as it is: -0 stays -0 */
    st->n++;
    return 0;
}

#define G_FAMILY fsum
#define G_ADD(st, row) add_fsum(st, ((const double *)v->data)[row], err)
#include "types/func/agg_step_tmpl.h"
#undef G_FAMILY

void agg_serialise_fsum(const struct agg_call *call, const void *state, struct buf *out)
{
    const struct agg_state_fsum *st = state;
    put_f64(out, st->sum);
    buf_put_svarint(out, st->n);
}

int agg_merge_fsum(const struct agg_call *call, void *state, const uint8_t *data, size_t len,
                   struct err *err)
{
    struct agg_state_fsum *st = state;
    struct buf_reader r = buf_reader_of(data, len);
    double sum = take_f64(&r);
    int64_t n = buf_take_svarint(&r);
    if (r.bad)
        return bad_state(err);
    if (n == 0)
        return 0;
    int rc = add_fsum(st, sum, err);
    st->n += n - 1;
    return rc;
}

int agg_final_fsum(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                   struct vec *out, struct arena *arena, struct err *err)
{
    vec_alloc(out, PHYS_FLOAT64, n, arena);
    for (uint32_t i = 0; i < n; i++) {
        const struct agg_state_fsum *st = agg_state(states, at, i);
        ((double *)out->data)[i] = st->sum;
        if (st->n == 0)
            vec_set_null(out, i, arena);
    }
    return 0;
}

void agg_init_f4sum(const struct agg_call *call, void *state)
{
    *(struct agg_state_f4sum *)state = (struct agg_state_f4sum){0};
}

static inline int add_f4sum(struct agg_state_f4sum *st, float x, struct err *err)
{
    float r = st->sum + x;
    if (isinf(r) && !isinf(x) && !isinf(st->sum))
        return overflow(err);
    st->sum = st->n ? r : x;
    st->n++;
    return 0;
}

#define G_FAMILY f4sum
#define G_ADD(st, row) add_f4sum(st, ((const float *)v->data)[row], err)
#include "types/func/agg_step_tmpl.h"
#undef G_FAMILY

void agg_serialise_f4sum(const struct agg_call *call, const void *state, struct buf *out)
{
    const struct agg_state_f4sum *st = state;
    put_f64(out, (double)st->sum);
    buf_put_svarint(out, st->n);
}

int agg_merge_f4sum(const struct agg_call *call, void *state, const uint8_t *data, size_t len,
                    struct err *err)
{
    struct agg_state_f4sum *st = state;
    struct buf_reader r = buf_reader_of(data, len);
    double sum = take_f64(&r);
    int64_t n = buf_take_svarint(&r);
    if (r.bad)
        return bad_state(err);
    if (n == 0)
        return 0;
    int rc = add_f4sum(st, (float)sum, err);
    st->n += n - 1;
    return rc;
}

int agg_final_f4sum(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                    struct vec *out, struct arena *arena, struct err *err)
{
    vec_alloc(out, PHYS_FLOAT32, n, arena);
    for (uint32_t i = 0; i < n; i++) {
        const struct agg_state_f4sum *st = agg_state(states, at, i);
        ((float *)out->data)[i] = st->sum;
        if (st->n == 0)
            vec_set_null(out, i, arena);
    }
    return 0;
}

/* ---- one variable
 * ------------------------------------------------------------------------------------ */

void agg_init_fvar(const struct agg_call *call, void *state)
{
    *(struct agg_state_fvar *)state = (struct agg_state_fvar){0};
}

static int add_fvar(struct agg_state_fvar *st, double x, struct err *err)
{
    double before_n = st->n, before_sx = st->sx;
    st->n += 1;
    st->sx += x;
    if (before_n > 0) {
        double t = x * st->n - st->sx;
        st->sxx += t * t / (st->n * before_n);
        if (isinf(st->sx) || isinf(st->sxx)) {
            if (!isinf(before_sx) && !isinf(x))
                return overflow(err);
            st->sxx = NAN;
        }
    } else if (isnan(x) || isinf(x)) {
        st->sxx = NAN;
    }
    return 0;
}

#define G_FAMILY fvar
#define G_ADD(st, row)                                                                             \
    add_fvar(st,                                                                                   \
             v->kind == PHYS_FLOAT32 ? (double)((const float *)v->data)[row]                       \
                                     : ((const double *)v->data)[row],                             \
             err)
#include "types/func/agg_step_tmpl.h"
#undef G_FAMILY

void agg_serialise_fvar(const struct agg_call *call, const void *state, struct buf *out)
{
    const struct agg_state_fvar *st = state;
    put_f64(out, st->n);
    put_f64(out, st->sx);
    put_f64(out, st->sxx);
}

int agg_merge_fvar(const struct agg_call *call, void *state, const uint8_t *data, size_t len,
                   struct err *err)
{
    struct agg_state_fvar *st = state, b;
    struct buf_reader r = buf_reader_of(data, len);
    b.n = take_f64(&r);
    b.sx = take_f64(&r);
    b.sxx = take_f64(&r);
    if (r.bad)
        return bad_state(err);
    if (b.n == 0)
        return 0;
    if (st->n == 0) {
        *st = b;
        return 0;
    }
    double n = st->n + b.n, t = st->sx / st->n - b.sx / b.n;
    double sxx = st->sxx + b.sxx + st->n * b.n * t * t / n, sx = st->sx + b.sx;
    if ((isinf(sx) && !isinf(st->sx) && !isinf(b.sx)) ||
        (isinf(sxx) && !isinf(st->sxx) && !isinf(b.sxx)))
        return overflow(err);
    *st = (struct agg_state_fvar){.n = n, .sx = sx, .sxx = sxx};
    return 0;
}

enum moment { MEAN, VAR_POP, VAR_SAMP, STDDEV_POP, STDDEV_SAMP };

static int final_fvar(uint8_t *const *states, uint32_t at, uint32_t n, enum moment what,
                      struct vec *out, struct arena *arena)
{
    vec_alloc(out, PHYS_FLOAT64, n, arena);
    bool sample = what == VAR_SAMP || what == STDDEV_SAMP;
    for (uint32_t i = 0; i < n; i++) {
        const struct agg_state_fvar *st = agg_state(states, at, i);
        if (st->n <= (sample ? 1 : 0)) {
            vec_set_null(out, i, arena);
            continue;
        }
        double v = what == MEAN ? st->sx / st->n : st->sxx / (st->n - sample);
        ((double *)out->data)[i] = what == STDDEV_POP || what == STDDEV_SAMP ? sqrt(v) : v;
    }
    return 0;
}

int agg_final_favg(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                   struct vec *out, struct arena *arena, struct err *err)
{
    return final_fvar(states, at, n, MEAN, out, arena);
}
int agg_final_fvar_pop(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                       struct vec *out, struct arena *arena, struct err *err)
{
    return final_fvar(states, at, n, VAR_POP, out, arena);
}
int agg_final_fvar_samp(const struct agg_call *call, uint8_t *const *states, uint32_t at,
                        uint32_t n, struct vec *out, struct arena *arena, struct err *err)
{
    return final_fvar(states, at, n, VAR_SAMP, out, arena);
}
int agg_final_fstddev_pop(const struct agg_call *call, uint8_t *const *states, uint32_t at,
                          uint32_t n, struct vec *out, struct arena *arena, struct err *err)
{
    return final_fvar(states, at, n, STDDEV_POP, out, arena);
}
int agg_final_fstddev_samp(const struct agg_call *call, uint8_t *const *states, uint32_t at,
                           uint32_t n, struct vec *out, struct arena *arena, struct err *err)
{
    return final_fvar(states, at, n, STDDEV_SAMP, out, arena);
}

/* ---- two variables: f(Y, X)
 * ------------------------------------------------------------------------- */

void agg_init_regr(const struct agg_call *call, void *state)
{
    *(struct agg_state_regr *)state = (struct agg_state_regr){0};
}

static int add_regr(struct agg_state_regr *st, double y, double x, struct err *err)
{
    struct agg_state_regr b = *st;
    st->n += 1;
    st->sx += x;
    st->sy += y;
    if (b.n > 0) {
        double tx = x * st->n - st->sx, ty = y * st->n - st->sy, scale = 1 / (st->n * b.n);
        st->sxx += tx * tx * scale;
        st->syy += ty * ty * scale;
        st->sxy += tx * ty * scale;
        if (isinf(st->sx) || isinf(st->sxx) || isinf(st->sy) || isinf(st->syy) || isinf(st->sxy)) {
            bool x_inf = isinf(b.sx) || isinf(x), y_inf = isinf(b.sy) || isinf(y);
            if (((isinf(st->sx) || isinf(st->sxx)) && !x_inf) ||
                ((isinf(st->sy) || isinf(st->syy)) && !y_inf) ||
                (isinf(st->sxy) && !x_inf && !y_inf))
                return overflow(err);
            if (isinf(st->sxx))
                st->sxx = NAN;
            if (isinf(st->syy))
                st->syy = NAN;
            if (isinf(st->sxy))
                st->sxy = NAN;
        }
    } else {
        if (isnan(x) || isinf(x))
            st->sxx = st->sxy = NAN;
        if (isnan(y) || isinf(y))
            st->syy = st->sxy = NAN;
    }
    return 0;
}

int agg_step_regr(const struct agg_call *call, const struct vec *args, const uint16_t *sel,
                  uint32_t n, uint8_t *const *states, uint32_t at, void *one, struct err *err)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = sel ? sel[i] : i;
        struct datum y = vec_datum(&args[0], row), x = vec_datum(&args[1], row);
        if (y.null || x.null)
            continue;
        int rc = add_regr(one ? one : agg_state(states, at, i), y.u.f64, x.u.f64, err);
        if (rc)
            return rc;
    }
    return 0;
}

void agg_serialise_regr(const struct agg_call *call, const void *state, struct buf *out)
{
    const struct agg_state_regr *st = state;
    const double parts[6] = {st->n, st->sx, st->sxx, st->sy, st->syy, st->sxy};
    for (int i = 0; i < 6; i++)
        put_f64(out, parts[i]);
}

int agg_merge_regr(const struct agg_call *call, void *state, const uint8_t *data, size_t len,
                   struct err *err)
{
    struct agg_state_regr *a = state, b;
    struct buf_reader r = buf_reader_of(data, len);
    b.n = take_f64(&r);
    b.sx = take_f64(&r);
    b.sxx = take_f64(&r);
    b.sy = take_f64(&r);
    b.syy = take_f64(&r);
    b.sxy = take_f64(&r);
    if (r.bad)
        return bad_state(err);
    if (b.n == 0)
        return 0;
    if (a->n == 0) {
        *a = b;
        return 0;
    }
    double n = a->n + b.n, tx = a->sx / a->n - b.sx / b.n, ty = a->sy / a->n - b.sy / b.n;
    struct agg_state_regr m = {
        .n = n,
        .sx = a->sx + b.sx,
        .sy = a->sy + b.sy,
        .sxx = a->sxx + b.sxx + a->n * b.n * tx * tx / n,
        .syy = a->syy + b.syy + a->n * b.n * ty * ty / n,
        .sxy = a->sxy + b.sxy + a->n * b.n * tx * ty / n,
    };
    *a = m;
    return 0;
}

enum regr_what { SXX, SYY, SXY, AVGX, AVGY, R2, SLOPE, INTERCEPT, COVAR_POP, COVAR_SAMP, CORR };

/* False: null. */
static bool regr_value(const struct agg_state_regr *s, enum regr_what what, double *v)
{
    if (s->n < 1 || (what == COVAR_SAMP && s->n < 2))
        return false;
    switch (what) {
    case SXX:
        *v = s->sxx;
        return true;
    case SYY:
        *v = s->syy;
        return true;
    case SXY:
        *v = s->sxy;
        return true;
    case AVGX:
        *v = s->sx / s->n;
        return true;
    case AVGY:
        *v = s->sy / s->n;
        return true;
    case COVAR_POP:
        *v = s->sxy / s->n;
        return true;
    case COVAR_SAMP:
        *v = s->sxy / (s->n - 1);
        return true;
    case CORR:
        *v = s->sxy / sqrt(s->sxx * s->syy);
        return s->sxx != 0 && s->syy != 0;
    case R2:
        *v = s->syy == 0 ? 1 : s->sxy * s->sxy / (s->sxx * s->syy);
        return s->sxx != 0;
    case SLOPE:
        *v = s->sxy / s->sxx;
        return s->sxx != 0;
    case INTERCEPT:
        *v = (s->sy - s->sx * s->sxy / s->sxx) / s->n;
        return s->sxx != 0;
    }
    return false;
}

static int final_regr(uint8_t *const *states, uint32_t at, uint32_t n, enum regr_what what,
                      struct vec *out, struct arena *arena)
{
    vec_alloc(out, PHYS_FLOAT64, n, arena);
    for (uint32_t i = 0; i < n; i++)
        if (!regr_value(agg_state(states, at, i), what, (double *)out->data + i))
            vec_set_null(out, i, arena);
    return 0;
}

int agg_final_regr_count(const struct agg_call *call, uint8_t *const *states, uint32_t at,
                         uint32_t n, struct vec *out, struct arena *arena, struct err *err)
{
    vec_alloc(out, PHYS_INT64, n, arena);
    for (uint32_t i = 0; i < n; i++)
        ((int64_t *)out->data)[i] = (int64_t)((struct agg_state_regr *)agg_state(states, at, i))->n;
    return 0;
}

#define R_NAME regr_sxx
#define R_WHAT SXX
#include "types/func/agg_regr_tmpl.h"
#define R_NAME regr_syy
#define R_WHAT SYY
#include "types/func/agg_regr_tmpl.h"
#define R_NAME regr_sxy
#define R_WHAT SXY
#include "types/func/agg_regr_tmpl.h"
#define R_NAME regr_avgx
#define R_WHAT AVGX
#include "types/func/agg_regr_tmpl.h"
#define R_NAME regr_avgy
#define R_WHAT AVGY
#include "types/func/agg_regr_tmpl.h"
#define R_NAME regr_r2
#define R_WHAT R2
#include "types/func/agg_regr_tmpl.h"
#define R_NAME regr_slope
#define R_WHAT SLOPE
#include "types/func/agg_regr_tmpl.h"
#define R_NAME regr_intercept
#define R_WHAT INTERCEPT
#include "types/func/agg_regr_tmpl.h"
#define R_NAME covar_pop
#define R_WHAT COVAR_POP
#include "types/func/agg_regr_tmpl.h"
#define R_NAME covar_samp
#define R_WHAT COVAR_SAMP
#include "types/func/agg_regr_tmpl.h"
#define R_NAME corr
#define R_WHAT CORR
#include "types/func/agg_regr_tmpl.h"
