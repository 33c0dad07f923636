/* Counting, exact sums and what is derived from them. */
#include "types/func/agg_int.h"

#define G_LINKAGE

/* ---- count
 * --------------------------------------------------------------------------------------- */

void agg_init_count(const struct agg_call *call, void *state)
{
    *(struct agg_state_count *)state = (struct agg_state_count){0};
}

int agg_step_count(const struct agg_call *call, const struct vec *args, const uint16_t *sel,
                   uint32_t n, uint8_t *const *states, uint32_t at, void *one, struct err *err)
{
    const struct vec *v = call->n_args ? &args[0] : NULL;
    bool nulls = v && v->valid;
    if (one) {
        struct agg_state_count *st = one;
        if (!nulls) {
            st->n += n;
            return 0;
        }
        for (uint32_t i = 0; i < n; i++)
            st->n += !vec_is_null(v, sel ? sel[i] : i);
        return 0;
    }
    for (uint32_t i = 0; i < n; i++)
        ((struct agg_state_count *)agg_state(states, at, i))->n +=
            !nulls || !vec_is_null(v, sel ? sel[i] : i);
    return 0;
}

void agg_serialise_count(const struct agg_call *call, const void *state, struct buf *out)
{
    buf_put_svarint(out, ((const struct agg_state_count *)state)->n);
}

static int bad_state(struct err *err)
{
    return err_set(err, ERR_DATA_CORRUPTED, "malformed aggregate state");
}

int agg_merge_count(const struct agg_call *call, void *state, const uint8_t *data, size_t len,
                    struct err *err)
{
    struct buf_reader r = buf_reader_of(data, len);
    int64_t n = buf_take_svarint(&r);
    if (r.bad)
        return bad_state(err);
    ((struct agg_state_count *)state)->n += n;
    return 0;
}

int agg_final_count(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                    struct vec *out, struct arena *arena, struct err *err)
{
    vec_alloc(out, PHYS_INT64, n, arena);
    for (uint32_t i = 0; i < n; i++)
        ((int64_t *)out->data)[i] = ((struct agg_state_count *)agg_state(states, at, i))->n;
    return 0;
}

/* ---- sum(smallint), sum(integer)
 * ------------------------------------------------------------------ */

void agg_init_isum(const struct agg_call *call, void *state)
{
    *(struct agg_state_isum *)state = (struct agg_state_isum){0};
}

#undef G_LINKAGE
#define G_LINKAGE static
#define G_FAMILY isum
#define G_STEP step_isum2
#define G_ADD(st, row) (st->sum += ((const int16_t *)v->data)[row], st->n++, 0)
#include "types/func/agg_step_tmpl.h"
#define G_STEP step_isum4
#define G_ADD(st, row) (st->sum += ((const int32_t *)v->data)[row], st->n++, 0)
#include "types/func/agg_step_tmpl.h"
#undef G_FAMILY

int agg_step_isum(const struct agg_call *call, const struct vec *args, const uint16_t *sel,
                  uint32_t n, uint8_t *const *states, uint32_t at, void *one, struct err *err)
{
    if (args[0].kind == PHYS_INT16)
        return step_isum2(call, args, sel, n, states, at, one, err);
    return step_isum4(call, args, sel, n, states, at, one, err);
}

void agg_serialise_isum(const struct agg_call *call, const void *state, struct buf *out)
{
    const struct agg_state_isum *st = state;
    buf_put_svarint(out, st->sum);
    buf_put_svarint(out, st->n);
}

int agg_merge_isum(const struct agg_call *call, void *state, const uint8_t *data, size_t len,
                   struct err *err)
{
    struct agg_state_isum *st = state;
    struct buf_reader r = buf_reader_of(data, len);
    int64_t sum = buf_take_svarint(&r), n = buf_take_svarint(&r);
    if (r.bad)
        return bad_state(err);
    st->sum = (int64_t)((uint64_t)st->sum + (uint64_t)sum);
    st->n += n;
    return 0;
}

int agg_final_isum(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                   struct vec *out, struct arena *arena, struct err *err)
{
    vec_alloc(out, PHYS_INT64, n, arena);
    for (uint32_t i = 0; i < n; i++) {
        const struct agg_state_isum *st = agg_state(states, at, i);
        ((int64_t *)out->data)[i] = st->sum;
        if (st->n == 0)
            vec_set_null(out, i, arena);
    }
    return 0;
}

/* ---- exact sums
 * ------------------------------------------------------------------------------------ */

static int128 pow10_of(int32_t k)
{
    int128 v = 1;
    while (k-- > 0)
        v *= 10;
    return v;
}

static void add_wide(struct agg_nsum *s, const struct numeric *value, struct arena *arena,
                     struct err *err, int *rc)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct numeric sum = {0};
    if (s->wide.len) {
        struct datum d = {.kind = PHYS_BYTES, .dec_scale = -1, .u.bytes = s->wide};
        numeric_open(&d, &scratch, &sum);
        *rc = numeric_add(&sum, value, false, &scratch, &sum, err);
    } else {
        sum = *value;
    }
    if (*rc == 0)
        s->wide = numeric_close_num(&sum, arena).u.bytes;
    arena_done(&scratch);
}

/* Moves the 128-bit part into the wide one. */
static int flush_sum(struct agg_nsum *s, struct arena *arena, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct numeric part = numeric_of_i128(s->sum, s->scale, &scratch);
    int rc = 0;
    add_wide(s, &part, arena, err, &rc);
    arena_done(&scratch);
    s->sum = 0;
    return rc;
}

/* Brings the state to a greater scale; what does not fit is flushed. */
static int raise_scale(struct agg_nsum *s, int32_t scale, struct arena *arena, struct err *err)
{
    if (s->sum != 0) {
        int32_t shift = scale - s->scale;
        int128 scaled;
        if (shift > 38 || __builtin_mul_overflow(s->sum, pow10_of(shift), &scaled)) {
            int rc = flush_sum(s, arena, err);
            if (rc)
                return rc;
        } else {
            s->sum = scaled;
        }
    }
    s->scale = scale;
    return 0;
}

static int nsum_add_i128(struct agg_nsum *s, int128 v, int32_t scale, struct arena *arena,
                         struct err *err)
{
    int rc = 0;
    s->n++;
    if (scale > s->scale_max)
        s->scale_max = scale;
    if (scale > s->scale)
        rc = raise_scale(s, scale, arena, err);
    else if (scale < s->scale) {
        int32_t shift = s->scale - scale;
        int128 scaled;
        if (shift > 38 || __builtin_mul_overflow(v, pow10_of(shift), &scaled)) {
            struct arena scratch;
            arena_init(&scratch, NULL);
            struct numeric value = numeric_of_i128(v, scale, &scratch);
            add_wide(s, &value, arena, err, &rc);
            arena_done(&scratch);
            return rc;
        }
        v = scaled;
    }
    int128 sum;
    if (rc == 0 && __builtin_add_overflow(s->sum, v, &sum)) {
        rc = flush_sum(s, arena, err);
        sum = v;
    }
    if (rc == 0)
        s->sum = sum;
    return rc;
}

static int nsum_add_numeric(struct agg_nsum *s, const struct numeric *v, struct arena *arena,
                            struct err *err)
{
    int128 small;
    switch ((enum numeric_kind)v->kind) {
    case NUMERIC_NAN:
        s->nan = 1;
        break;
    case NUMERIC_INF:
        s->inf = 1;
        break;
    case NUMERIC_NEG_INF:
        s->neg_inf = 1;
        break;
    case NUMERIC_FINITE:
        if (v->scale <= 38 && v->n <= 2 && numeric_to_i128(v, v->scale, &small))
            return nsum_add_i128(s, small, v->scale, arena, err);
        if (v->scale > s->scale_max)
            s->scale_max = v->scale;
        s->n++;
        int rc = 0;
        add_wide(s, v, arena, err, &rc);
        return rc;
    }
    s->n++;
    return 0;
}

static int nsum_add_view(struct agg_nsum *s, const struct bytes_view *view, struct arena *arena,
                         struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct datum d = {.kind = PHYS_BYTES, .dec_scale = -1, .u.bytes = *view};
    struct numeric v;
    numeric_open(&d, &scratch, &v);
    int rc = nsum_add_numeric(s, &v, arena, err);
    arena_done(&scratch);
    return rc;
}

/* The sum as a numeric with its display scale. */
static int nsum_value(const struct agg_nsum *s, struct arena *arena, struct numeric *out,
                      struct err *err)
{
    if (s->nan || (s->inf && s->neg_inf)) {
        *out = (struct numeric){.kind = NUMERIC_NAN};
        return 0;
    }
    if (s->inf || s->neg_inf) {
        *out = (struct numeric){.kind = s->inf ? NUMERIC_INF : NUMERIC_NEG_INF};
        return 0;
    }
    struct numeric v = numeric_of_i128(s->sum, s->scale, arena);
    if (s->wide.len) {
        struct datum d = {.kind = PHYS_BYTES, .dec_scale = -1, .u.bytes = s->wide};
        struct numeric wide;
        numeric_open(&d, arena, &wide);
        int rc = numeric_add(&wide, &v, false, arena, &v, err);
        if (rc)
            return rc;
    }
    numeric_round(&v, s->scale_max, arena, out);
    return 0;
}

static void put_nsum(const struct agg_nsum *s, struct buf *out)
{
    buf_put(out, &s->sum, sizeof s->sum);
    buf_put_svarint(out, s->n);
    buf_put_varint(out, (uint32_t)s->scale);
    buf_put_varint(out, (uint32_t)s->scale_max);
    buf_put_u8(out, (uint8_t)(s->nan | s->inf << 1 | s->neg_inf << 2));
    buf_put_sized(out, view_data(&s->wide), s->wide.len);
}

static int take_nsum(struct agg_nsum *s, struct buf_reader *r, struct arena *arena, struct err *err)
{
    int128 sum = 0;
    const uint8_t *p = buf_take(r, sizeof sum);
    if (p)
        memcpy(&sum, p, sizeof sum);
    int64_t n = buf_take_svarint(r);
    uint64_t scale = buf_take_varint(r), scale_max = buf_take_varint(r);
    uint8_t flags = buf_take_u8(r);
    size_t len;
    const uint8_t *wide = buf_take_sized(r, &len);
    if (r->bad || scale > 38 || scale_max > NUMERIC_DSCALE_MAX ||
        (len && !numeric_valid(wide, len)))
        return bad_state(err);
    int64_t before = s->n;
    int rc = 0;
    if (sum != 0)
        rc = nsum_add_i128(s, sum, (int32_t)scale, arena, err);
    if (rc == 0 && len) {
        struct bytes_view v = view_of(wide, (uint32_t)len);
        rc = nsum_add_view(s, &v, arena, err);
    }
    s->n = before + n;
    s->nan |= flags & 1;
    s->inf |= flags >> 1 & 1;
    s->neg_inf |= flags >> 2 & 1;
    if ((int32_t)scale_max > s->scale_max)
        s->scale_max = (int32_t)scale_max;
    return rc;
}

void agg_init_nsum(const struct agg_call *call, void *state)
{
    *(struct agg_state_nsum *)state = (struct agg_state_nsum){0};
}

/* dec columns: the common case adds without looking at scales. */
static inline int nsum_add_dec(struct agg_nsum *s, int128 v, int32_t scale, struct arena *arena,
                               struct err *err)
{
    int128 sum;
    if (__builtin_expect(s->scale == scale && s->scale_max >= scale, 1) &&
        !__builtin_add_overflow(s->sum, v, &sum)) {
        s->sum = sum;
        s->n++;
        return 0;
    }
    return nsum_add_i128(s, v, scale, arena, err);
}

#define G_FAMILY nsum
#define G_STEP step_nsum2
#define G_ADD(st, row) nsum_add_dec(&st->x, ((const int16_t *)v->data)[row], 0, call->arena, err)
#include "types/func/agg_step_tmpl.h"
#define G_STEP step_nsum4
#define G_ADD(st, row) nsum_add_dec(&st->x, ((const int32_t *)v->data)[row], 0, call->arena, err)
#include "types/func/agg_step_tmpl.h"
#define G_STEP step_nsum8
#define G_ADD(st, row)                                                                             \
    nsum_add_dec(&st->x, ((const int64_t *)v->data)[row], v->dec_scale < 0 ? 0 : v->dec_scale,     \
                 call->arena, err)
#include "types/func/agg_step_tmpl.h"
#define G_STEP step_nsum16
#define G_ADD(st, row)                                                                             \
    nsum_add_dec(&st->x, ((const int128 *)v->data)[row], v->dec_scale, call->arena, err)
#include "types/func/agg_step_tmpl.h"
#define G_STEP step_nsum_num
#define G_ADD(st, row)                                                                             \
    nsum_add_view(&st->x, (const struct bytes_view *)v->data + (row), call->arena, err)
#include "types/func/agg_step_tmpl.h"
#undef G_FAMILY

int agg_step_nsum(const struct agg_call *call, const struct vec *args, const uint16_t *sel,
                  uint32_t n, uint8_t *const *states, uint32_t at, void *one, struct err *err)
{
    switch ((enum phys_kind)args[0].kind) {
    case PHYS_INT16:
        return step_nsum2(call, args, sel, n, states, at, one, err);
    case PHYS_INT32:
        return step_nsum4(call, args, sel, n, states, at, one, err);
    case PHYS_INT64:
        return step_nsum8(call, args, sel, n, states, at, one, err);
    case PHYS_INT128:
        return step_nsum16(call, args, sel, n, states, at, one, err);
    default:
        return step_nsum_num(call, args, sel, n, states, at, one, err);
    }
}

void agg_serialise_nsum(const struct agg_call *call, const void *state, struct buf *out)
{
    put_nsum(&((const struct agg_state_nsum *)state)->x, out);
}

int agg_merge_nsum(const struct agg_call *call, void *state, const uint8_t *data, size_t len,
                   struct err *err)
{
    struct buf_reader r = buf_reader_of(data, len);
    return take_nsum(&((struct agg_state_nsum *)state)->x, &r, call->arena, err);
}

/* Numerics of one vector must share a form: dec while they agree, num from the first that does not.
 */
struct numeric_out {
    struct vec *out;
    struct arena *arena;
    uint32_t n;
    bool any;
};

static void put_numeric(struct numeric_out *o, uint32_t i, const struct numeric *v)
{
    struct datum d = numeric_close(v, o->arena);
    struct vec *out = o->out;
    if (!o->any) {
        uint64_t *valid = out->valid;
        vec_alloc(out, (enum phys_kind)d.kind, o->n, o->arena);
        out->dec_scale = d.dec_scale;
        out->valid = valid;
        o->any = true;
    }
    if (d.kind != out->kind || d.dec_scale != out->dec_scale) {
        bool widen =
            d.dec_scale == out->dec_scale && d.kind != PHYS_BYTES && out->kind != PHYS_BYTES;
        if (widen && d.kind == PHYS_INT64) {
            d.kind = PHYS_INT128;
            d.u.i128 = d.u.i64;
        } else if (widen) {
            numeric_vec_widen(out, NULL, o->n, o->arena, out);
        } else {
            numeric_vec_to_num(out, NULL, o->n, o->arena, out);
            d = numeric_close_num(v, o->arena);
        }
    }
    memcpy((char *)out->data + (size_t)i * phys_width[out->kind], &d.u, phys_width[out->kind]);
}

static struct numeric_out start_numeric(struct vec *out, uint32_t n, struct arena *arena)
{
    vec_alloc(out, PHYS_BYTES, n, arena);
    return (struct numeric_out){.out = out, .arena = arena, .n = n};
}

int agg_final_nsum(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                   struct vec *out, struct arena *arena, struct err *err)
{
    struct numeric_out o = start_numeric(out, n, arena);
    for (uint32_t i = 0; i < n; i++) {
        const struct agg_state_nsum *st = agg_state(states, at, i);
        struct numeric v;
        if (st->x.n == 0) {
            vec_set_null(out, i, arena);
            continue;
        }
        int rc = nsum_value(&st->x, arena, &v, err);
        if (rc)
            return rc;
        put_numeric(&o, i, &v);
    }
    return 0;
}

int agg_final_navg(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                   struct vec *out, struct arena *arena, struct err *err)
{
    struct numeric_out o = start_numeric(out, n, arena);
    for (uint32_t i = 0; i < n; i++) {
        const struct agg_state_nsum *st = agg_state(states, at, i);
        struct numeric v, count;
        if (st->x.n == 0) {
            vec_set_null(out, i, arena);
            continue;
        }
        int rc = nsum_value(&st->x, arena, &v, err);
        count = numeric_of_i128(st->x.n, 0, arena);
        if (rc == 0)
            rc = numeric_div(&v, &count, arena, &v, err);
        if (rc)
            return rc;
        put_numeric(&o, i, &v);
    }
    return 0;
}

/* ---- variance of exact numbers
 * ------------------------------------------------------------------------ */

void agg_init_nvar(const struct agg_call *call, void *state)
{
    *(struct agg_state_nvar *)state = (struct agg_state_nvar){0};
}

static int nvar_add(const struct agg_call *call, struct agg_state_nvar *st, const struct vec *v,
                    uint32_t row, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct datum d = vec_datum(v, row);
    struct numeric x, xx;
    if (d.kind == PHYS_INT16 || d.kind == PHYS_INT32)
        d = datum_i64(d.kind == PHYS_INT16 ? d.u.i16 : d.u.i32);
    numeric_open(&d, &scratch, &x);
    int rc = nsum_add_numeric(&st->x, &x, call->arena, err);
    if (rc == 0)
        rc = numeric_mul(&x, &x, &scratch, &xx, err);
    if (rc == 0)
        rc = nsum_add_numeric(&st->xx, &xx, call->arena, err);
    arena_done(&scratch);
    return rc;
}

#undef G_LINKAGE
#define G_LINKAGE
#define G_FAMILY nvar
#define G_ADD(st, row) nvar_add(call, st, v, row, err)
#include "types/func/agg_step_tmpl.h"
#undef G_FAMILY

void agg_serialise_nvar(const struct agg_call *call, const void *state, struct buf *out)
{
    const struct agg_state_nvar *st = state;
    put_nsum(&st->x, out);
    put_nsum(&st->xx, out);
}

int agg_merge_nvar(const struct agg_call *call, void *state, const uint8_t *data, size_t len,
                   struct err *err)
{
    struct agg_state_nvar *st = state;
    struct buf_reader r = buf_reader_of(data, len);
    int rc = take_nsum(&st->x, &r, call->arena, err);
    return rc ? rc : take_nsum(&st->xx, &r, call->arena, err);
}

/* (N * sum(x^2) - sum(x)^2) / (N * (N or N - 1)) */
static int variance_of(const struct agg_state_nvar *st, bool sample, bool root, struct arena *arena,
                       struct numeric *out, struct err *err)
{
    struct numeric x, xx, count = numeric_of_i128(st->x.n, 0, arena), less;
    int rc = nsum_value(&st->x, arena, &x, err);
    if (rc == 0)
        rc = nsum_value(&st->xx, arena, &xx, err);
    if (rc)
        return rc;
    if (x.kind != NUMERIC_FINITE) {
        *out = (struct numeric){.kind = NUMERIC_NAN};
        return 0;
    }
    rc = numeric_mul(&x, &x, arena, &x, err);
    if (rc == 0)
        rc = numeric_mul(&count, &xx, arena, &xx, err);
    if (rc == 0)
        rc = numeric_add(&xx, &x, true, arena, &xx, err);
    if (rc)
        return rc;
    if (xx.n == 0 || xx.neg) {
        *out = numeric_of_i128(0, 0, arena);
        return 0;
    }
    less = numeric_of_i128((int128)st->x.n * (st->x.n - sample), 0, arena);
    int32_t scale = numeric_div_result_scale(&xx, &less);
    numeric_div_scale(&xx, &less, scale, true, arena, out);
    if (root)
        numeric_sqrt_scale(out, scale, arena, out);
    return 0;
}

static int final_nvar(uint8_t *const *states, uint32_t at, uint32_t n, bool sample, bool root,
                      struct vec *out, struct arena *arena, struct err *err)
{
    struct numeric_out o = start_numeric(out, n, arena);
    for (uint32_t i = 0; i < n; i++) {
        const struct agg_state_nvar *st = agg_state(states, at, i);
        struct numeric v;
        if (st->x.n <= sample) {
            vec_set_null(out, i, arena);
            continue;
        }
        int rc = variance_of(st, sample, root, arena, &v, err);
        if (rc)
            return rc;
        put_numeric(&o, i, &v);
    }
    return 0;
}

int agg_final_nvar_pop(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                       struct vec *out, struct arena *arena, struct err *err)
{
    return final_nvar(states, at, n, false, false, out, arena, err);
}
int agg_final_nvar_samp(const struct agg_call *call, uint8_t *const *states, uint32_t at,
                        uint32_t n, struct vec *out, struct arena *arena, struct err *err)
{
    return final_nvar(states, at, n, true, false, out, arena, err);
}
int agg_final_nstddev_pop(const struct agg_call *call, uint8_t *const *states, uint32_t at,
                          uint32_t n, struct vec *out, struct arena *arena, struct err *err)
{
    return final_nvar(states, at, n, false, true, out, arena, err);
}
int agg_final_nstddev_samp(const struct agg_call *call, uint8_t *const *states, uint32_t at,
                           uint32_t n, struct vec *out, struct arena *arena, struct err *err)
{
    return final_nvar(states, at, n, true, true, out, arena, err);
}
