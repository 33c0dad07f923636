/* Aggregates that pick or fold single values: min, max, bool_and, bit_or, sum of intervals, and
 * those that collect them all. */
#include "types/func/agg_int.h"
#include "types/type/array.h"

static int bad_state(struct err *err)
{
    return err_set(err, ERR_DATA_CORRUPTED, "malformed aggregate state");
}

/* ---- min, max
 * -------------------------------------------------------------------------------------- */

/* A value kept beyond its batch. */
static void keep_value(const struct agg_call *call, struct agg_state_greatest *st,
                       const struct datum *d)
{
    st->value = datum_copy(d, call->arena);
    st->has = true;
}

/* Integers of one width are compared as such; everything else by its type. Of equals the later is
 * taken (they may print differently: 3.0 and 3), except of char(n). */
static bool better(const struct agg_call *call, const struct agg_state_greatest *st,
                   const struct datum *d, bool greatest)
{
    int cmp;
    bool plain =
        d->kind == st->value.kind && d->kind != PHYS_BYTES && d->dec_scale == st->value.dec_scale;
    cmp = plain ? datum_compare(d, &st->value) : type_compare(call->arg_types[0], d, &st->value);
    if (cmp == 0)
        return call->arg_types[0] != TYPE_BPCHAR;
    return greatest ? cmp > 0 : cmp < 0;
}

static int step_pick(const struct agg_call *call, const struct vec *v, const uint16_t *sel,
                     uint32_t n, uint8_t *const *states, uint32_t at, void *one, bool greatest)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (vec_is_null(v, row))
            continue;
        struct agg_state_greatest *st = one ? one : agg_state(states, at, i);
        struct datum d = vec_datum(v, row);
        if (!st->has || better(call, st, &d, greatest))
            keep_value(call, st, &d);
    }
    return 0;
}

/* One group over plain 32- and 64-bit integers: a loop without datums. False: not such a vector. */
#define PICK_LOOP(T, field)                                                                        \
    do {                                                                                           \
        const T *data = v->data;                                                                   \
        T best = st->has ? st->value.u.field : data[sel ? sel[0] : 0];                             \
        for (uint32_t i = 0; i < n; i++) {                                                         \
            T x = data[sel ? sel[i] : i];                                                          \
            best = greatest ? (x > best ? x : best) : (x < best ? x : best);                       \
        }                                                                                          \
        st->value = (struct datum){.kind = v->kind, .dec_scale = v->dec_scale, .u.field = best};   \
        st->has = true;                                                                            \
    } while (0)

static bool pick_plain(const struct vec *v, const uint16_t *sel, uint32_t n,
                       struct agg_state_greatest *st, bool greatest)
{
    if (!st || v->form != VEC_FLAT || v->valid || n == 0)
        return false;
    if (st->has && (st->value.kind != v->kind || st->value.dec_scale != v->dec_scale))
        return false;
    if (v->kind == PHYS_INT32)
        PICK_LOOP(int32_t, i32);
    else if (v->kind == PHYS_INT64)
        PICK_LOOP(int64_t, i64);
    else
        return false;
    return true;
}

void agg_init_greatest(const struct agg_call *call, void *state)
{
    *(struct agg_state_greatest *)state = (struct agg_state_greatest){0};
}

int agg_step_greatest(const struct agg_call *call, const struct vec *args, const uint16_t *sel,
                      uint32_t n, uint8_t *const *states, uint32_t at, void *one, struct err *err)
{
    if (pick_plain(&args[0], sel, n, one, true))
        return 0;
    return step_pick(call, &args[0], sel, n, states, at, one, true);
}

void agg_serialise_greatest(const struct agg_call *call, const void *state, struct buf *out)
{
    const struct agg_state_greatest *st = state;
    buf_put_u8(out, st->has);
    if (!st->has)
        return;
    buf_put_u8(out, st->value.kind);
    buf_put_le16(out, (uint16_t)st->value.dec_scale);
    if (st->value.kind == PHYS_BYTES)
        buf_put(out, view_data(&st->value.u.bytes), st->value.u.bytes.len);
    else
        buf_put(out, &st->value.u, phys_width[st->value.kind]);
}

static int merge_pick(const struct agg_call *call, struct agg_state_greatest *st,
                      const uint8_t *data, size_t len, bool greatest, struct err *err)
{
    struct buf_reader r = buf_reader_of(data, len);
    if (!buf_take_u8(&r))
        return r.bad ? bad_state(err) : 0;
    struct datum d = {.kind = buf_take_u8(&r)};
    d.dec_scale = (int16_t)buf_take_le16(&r);
    if (r.bad || d.kind == 0 || d.kind >= PHYS_KIND_COUNT)
        return bad_state(err);
    if (d.kind == PHYS_BYTES) {
        if (call->arg_types[0] == TYPE_NUMERIC && !numeric_valid(r.at, buf_reader_left(&r)))
            return bad_state(err);
        d.u.bytes = view_of(r.at, (uint32_t)buf_reader_left(&r));
    } else if (buf_reader_left(&r) != phys_width[d.kind]) {
        return bad_state(err);
    } else {
        memcpy(&d.u, r.at, phys_width[d.kind]);
    }
    if (!st->has || better(call, st, &d, greatest))
        keep_value(call, st, &d);
    return 0;
}

int agg_merge_greatest(const struct agg_call *call, void *state, const uint8_t *data, size_t len,
                       struct err *err)
{
    return merge_pick(call, state, data, len, true, err);
}

int agg_final_greatest(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                       struct vec *out, struct arena *arena, struct err *err)
{
    /* A numeric result takes the form its values share. */
    const struct type_info *t = type_info(call->result_type);
    struct datum like = {.kind = t ? t->phys : PHYS_BYTES, .dec_scale = -1};
    bool numeric = call->result_type == TYPE_NUMERIC, mixed = false, any = false;
    for (uint32_t i = 0; numeric && i < n; i++) {
        const struct agg_state_greatest *st = agg_state(states, at, i);
        if (!st->has)
            continue;
        mixed |= any && (st->value.kind != like.kind || st->value.dec_scale != like.dec_scale);
        like = st->value;
        any = true;
    }
    vec_alloc(out, mixed ? PHYS_BYTES : (enum phys_kind)like.kind, n, arena);
    out->dec_scale = mixed ? -1 : like.dec_scale;
    for (uint32_t i = 0; i < n; i++) {
        const struct agg_state_greatest *st = agg_state(states, at, i);
        struct datum d = st->has ? st->value : datum_null((enum phys_kind)out->kind);
        if (mixed && st->has) {
            struct numeric v;
            numeric_open(&d, arena, &v);
            d = numeric_close_num(&v, arena);
        }
        vec_put(out, i, &d, arena);
    }
    return 0;
}

/* min shares max's state. */
void agg_init_least(const struct agg_call *call, void *state)
{
    agg_init_greatest(call, state);
}

int agg_step_least(const struct agg_call *call, const struct vec *args, const uint16_t *sel,
                   uint32_t n, uint8_t *const *states, uint32_t at, void *one, struct err *err)
{
    if (pick_plain(&args[0], sel, n, one, false))
        return 0;
    return step_pick(call, &args[0], sel, n, states, at, one, false);
}

void agg_serialise_least(const struct agg_call *call, const void *state, struct buf *out)
{
    agg_serialise_greatest(call, state, out);
}

int agg_merge_least(const struct agg_call *call, void *state, const uint8_t *data, size_t len,
                    struct err *err)
{
    return merge_pick(call, state, data, len, false, err);
}

int agg_final_least(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                    struct vec *out, struct arena *arena, struct err *err)
{
    return agg_final_greatest(call, states, at, n, out, arena, err);
}

/* ---- booleans
 * -------------------------------------------------------------------------------------- */

void agg_init_boolean(const struct agg_call *call, void *state)
{
    *(struct agg_state_boolean *)state = (struct agg_state_boolean){.all = 1};
}

#define G_LINKAGE
#define G_FAMILY boolean
#define G_ADD(st, row)                                                                             \
    (st->has = 1, st->all &= ((const uint8_t *)v->data)[row],                                      \
     st->any |= ((const uint8_t *)v->data)[row], 0)
#include "types/func/agg_step_tmpl.h"
#undef G_FAMILY

void agg_serialise_boolean(const struct agg_call *call, const void *state, struct buf *out)
{
    const struct agg_state_boolean *st = state;
    buf_put_u8(out, (uint8_t)(st->has | st->all << 1 | st->any << 2));
}

int agg_merge_boolean(const struct agg_call *call, void *state, const uint8_t *data, size_t len,
                      struct err *err)
{
    struct agg_state_boolean *st = state;
    if (len != 1)
        return bad_state(err);
    st->has |= data[0] & 1;
    st->all &= data[0] >> 1 & 1;
    st->any |= data[0] >> 2 & 1;
    return 0;
}

static int final_bool(uint8_t *const *states, uint32_t at, uint32_t n, bool all, struct vec *out,
                      struct arena *arena)
{
    vec_alloc(out, PHYS_BOOL, n, arena);
    for (uint32_t i = 0; i < n; i++) {
        const struct agg_state_boolean *st = agg_state(states, at, i);
        ((uint8_t *)out->data)[i] = all ? st->all : st->any;
        if (!st->has)
            vec_set_null(out, i, arena);
    }
    return 0;
}

int agg_final_bool_and(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                       struct vec *out, struct arena *arena, struct err *err)
{
    return final_bool(states, at, n, true, out, arena);
}
int agg_final_bool_or(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                      struct vec *out, struct arena *arena, struct err *err)
{
    return final_bool(states, at, n, false, out, arena);
}

/* ---- bits
 * -------------------------------------------------------------------------------------------- */

void agg_init_bits(const struct agg_call *call, void *state)
{
    *(struct agg_state_bits *)state = (struct agg_state_bits){.and_ = -1};
}

static int add_bits(struct agg_state_bits *st, int64_t v)
{
    st->and_ &= v;
    st->or_ |= v;
    st->xor_ ^= v;
    st->has = true;
    return 0;
}

static int64_t int_at(const struct vec *v, uint32_t row)
{
    switch ((enum phys_kind)v->kind) {
    case PHYS_INT16:
        return ((const int16_t *)v->data)[row];
    case PHYS_INT32:
        return ((const int32_t *)v->data)[row];
    default:
        return ((const int64_t *)v->data)[row];
    }
}

#define G_FAMILY bits
#define G_ADD(st, row) add_bits(st, int_at(v, row))
#include "types/func/agg_step_tmpl.h"
#undef G_FAMILY

void agg_serialise_bits(const struct agg_call *call, const void *state, struct buf *out)
{
    const struct agg_state_bits *st = state;
    buf_put_u8(out, st->has);
    buf_put_le64(out, (uint64_t)st->and_);
    buf_put_le64(out, (uint64_t)st->or_);
    buf_put_le64(out, (uint64_t)st->xor_);
}

int agg_merge_bits(const struct agg_call *call, void *state, const uint8_t *data, size_t len,
                   struct err *err)
{
    struct agg_state_bits *st = state;
    struct buf_reader r = buf_reader_of(data, len);
    st->has |= buf_take_u8(&r);
    st->and_ &= (int64_t)buf_take_le64(&r);
    st->or_ |= (int64_t)buf_take_le64(&r);
    st->xor_ ^= (int64_t)buf_take_le64(&r);
    return r.bad ? bad_state(err) : 0;
}

static int final_bits(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                      char what, struct vec *out, struct arena *arena)
{
    const struct type_info *t = type_info(call->result_type);
    vec_alloc(out, (enum phys_kind)t->phys, n, arena);
    for (uint32_t i = 0; i < n; i++) {
        const struct agg_state_bits *st = agg_state(states, at, i);
        int64_t v = what == '&' ? st->and_ : what == '|' ? st->or_ : st->xor_;
        if (!st->has)
            vec_set_null(out, i, arena);
        else if (t->phys == PHYS_INT16)
            ((int16_t *)out->data)[i] = (int16_t)v;
        else if (t->phys == PHYS_INT32)
            ((int32_t *)out->data)[i] = (int32_t)v;
        else
            ((int64_t *)out->data)[i] = v;
    }
    return 0;
}

int agg_final_bit_and(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                      struct vec *out, struct arena *arena, struct err *err)
{
    return final_bits(call, states, at, n, '&', out, arena);
}
int agg_final_bit_or(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                     struct vec *out, struct arena *arena, struct err *err)
{
    return final_bits(call, states, at, n, '|', out, arena);
}
int agg_final_bit_xor(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                      struct vec *out, struct arena *arena, struct err *err)
{
    return final_bits(call, states, at, n, '^', out, arena);
}

/* ---- intervals
 * --------------------------------------------------------------------------------------- */

void agg_init_interval(const struct agg_call *call, void *state)
{
    *(struct agg_state_interval *)state = (struct agg_state_interval){0};
}

static int add_interval(struct agg_state_interval *st, const struct interval *iv, int64_t n,
                        struct err *err)
{
    if (__builtin_add_overflow(st->sum.us, iv->us, &st->sum.us) ||
        __builtin_add_overflow(st->sum.days, iv->days, &st->sum.days) ||
        __builtin_add_overflow(st->sum.months, iv->months, &st->sum.months))
        return err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "interval out of range");
    st->n += n;
    return 0;
}

static int add_interval_view(struct agg_state_interval *st, const struct bytes_view *v,
                             struct err *err)
{
    struct interval iv = interval_load(v);
    return add_interval(st, &iv, 1, err);
}

#define G_FAMILY interval
#define G_ADD(st, row) add_interval_view(st, (const struct bytes_view *)v->data + (row), err)
#include "types/func/agg_step_tmpl.h"
#undef G_FAMILY

void agg_serialise_interval(const struct agg_call *call, const void *state, struct buf *out)
{
    const struct agg_state_interval *st = state;
    buf_put_svarint(out, st->n);
    buf_put_svarint(out, st->sum.us);
    buf_put_svarint(out, st->sum.days);
    buf_put_svarint(out, st->sum.months);
}

int agg_merge_interval(const struct agg_call *call, void *state, const uint8_t *data, size_t len,
                       struct err *err)
{
    struct buf_reader r = buf_reader_of(data, len);
    int64_t n = buf_take_svarint(&r);
    struct interval iv = {.us = buf_take_svarint(&r)};
    iv.days = (int32_t)buf_take_svarint(&r);
    iv.months = (int32_t)buf_take_svarint(&r);
    return r.bad ? bad_state(err) : add_interval(state, &iv, n, err);
}

static int final_interval(uint8_t *const *states, uint32_t at, uint32_t n, bool mean,
                          struct vec *out, struct arena *arena, struct err *err)
{
    vec_alloc(out, PHYS_BYTES, n, arena);
    for (uint32_t i = 0; i < n; i++) {
        const struct agg_state_interval *st = agg_state(states, at, i);
        struct interval iv = st->sum;
        if (st->n == 0) {
            vec_set_null(out, i, arena);
            continue;
        }
        int rc = mean ? interval_divide(&st->sum, (double)st->n, &iv, err) : 0;
        if (rc)
            return rc;
        ((struct bytes_view *)out->data)[i] = interval_datum(&iv, arena).u.bytes;
    }
    return 0;
}

int agg_final_isum_interval(const struct agg_call *call, uint8_t *const *states, uint32_t at,
                            uint32_t n, struct vec *out, struct arena *arena, struct err *err)
{
    return final_interval(states, at, n, false, out, arena, err);
}
int agg_final_iavg_interval(const struct agg_call *call, uint8_t *const *states, uint32_t at,
                            uint32_t n, struct vec *out, struct arena *arena, struct err *err)
{
    return final_interval(states, at, n, true, out, arena, err);
}

/* ---- string_agg
 * --------------------------------------------------------------------------------------- */

enum { COLLECT_MAX = 1 << 30 };

static int grow(const struct agg_call *call, struct agg_state_collect *st, size_t more,
                struct err *err)
{
    if (st->len + more > COLLECT_MAX)
        return err_set(err, ERR_PROGRAM_LIMIT_EXCEEDED, "aggregated value is too long");
    if (st->cap - st->len >= more)
        return 0;
    uint32_t cap = st->cap ? st->cap * 2 : 64;
    while (cap < st->len + more)
        cap *= 2;
    uint8_t *data = arena_try_alloc(call->arena, cap);
    if (!data)
        return err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    if (st->len)
        memcpy(data, st->data, st->len);
    st->data = data;
    st->cap = cap;
    return 0;
}

static int append(const struct agg_call *call, struct agg_state_collect *st, const void *data,
                  size_t len, struct err *err)
{
    int rc = grow(call, st, len, err);
    if (rc == 0 && len) {
        memcpy(st->data + st->len, data, len);
        st->len += (uint32_t)len;
    }
    return rc;
}

void agg_init_collect(const struct agg_call *call, void *state)
{
    *(struct agg_state_collect *)state = (struct agg_state_collect){0};
}

/* Every value goes in behind its delimiter, the first one's too: so two partial results can be
 * joined. */
int agg_step_collect(const struct agg_call *call, const struct vec *args, const uint16_t *sel,
                     uint32_t n, uint8_t *const *states, uint32_t at, void *one, struct err *err)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (vec_is_null(&args[0], row))
            continue;
        struct agg_state_collect *st = one ? one : agg_state(states, at, i);
        struct datum v = vec_datum(&args[0], row), delim = vec_datum(&args[1], row);
        uint32_t delim_len = delim.null ? 0 : delim.u.bytes.len;
        if (st->n++ == 0)
            st->first = delim_len;
        int rc = delim.null ? 0 : append(call, st, view_data(&delim.u.bytes), delim_len, err);
        if (rc == 0)
            rc = append(call, st, view_data(&v.u.bytes), v.u.bytes.len, err);
        if (rc)
            return rc;
    }
    return 0;
}

void agg_serialise_collect(const struct agg_call *call, const void *state, struct buf *out)
{
    const struct agg_state_collect *st = state;
    buf_put_varint(out, st->n);
    buf_put_varint(out, st->first);
    buf_put(out, st->data, st->len);
}

int agg_merge_collect(const struct agg_call *call, void *state, const uint8_t *data, size_t len,
                      struct err *err)
{
    struct agg_state_collect *st = state;
    struct buf_reader r = buf_reader_of(data, len);
    uint64_t n = buf_take_varint(&r), first = buf_take_varint(&r);
    if (r.bad || first > buf_reader_left(&r))
        return bad_state(err);
    if (n == 0)
        return 0;
    if (st->n == 0)
        st->first = (uint32_t)first;
    st->n += (uint32_t)n;
    return append(call, st, r.at, buf_reader_left(&r), err);
}

int agg_final_collect(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                      struct vec *out, struct arena *arena, struct err *err)
{
    vec_alloc(out, PHYS_BYTES, n, arena);
    for (uint32_t i = 0; i < n; i++) {
        const struct agg_state_collect *st = agg_state(states, at, i);
        if (st->n == 0)
            vec_set_null(out, i, arena);
        else
            ((struct bytes_view *)out->data)[i] =
                view_copy(arena, st->data + st->first, st->len - st->first);
    }
    return 0;
}

/* ---- array_agg
 * ------------------------------------------------------------------------------------------ */

void agg_init_array(const struct agg_call *call, void *state)
{
    *(struct agg_state_array *)state = (struct agg_state_array){0};
}

/* Elements in an array's own element form: length (-1 = null), bytes. */
static int append_element(const struct agg_call *call, struct agg_state_collect *st,
                          const struct datum *d, struct err *err)
{
    struct array_builder b;
    array_begin(&b, call->arg_types[0]);
    array_add(&b, d);
    int rc = append(call, st, b.bytes.data, b.bytes.len, err);
    array_abandon(&b);
    st->n++;
    return rc;
}

int agg_step_array(const struct agg_call *call, const struct vec *args, const uint16_t *sel,
                   uint32_t n, uint8_t *const *states, uint32_t at, void *one, struct err *err)
{
    for (uint32_t i = 0; i < n; i++) {
        struct datum d = vec_datum(&args[0], sel ? sel[i] : i);
        int rc = append_element(call, one ? one : agg_state(states, at, i), &d, err);
        if (rc)
            return rc;
    }
    return 0;
}

void agg_serialise_array(const struct agg_call *call, const void *state, struct buf *out)
{
    agg_serialise_collect(call, state, out);
}

int agg_merge_array(const struct agg_call *call, void *state, const uint8_t *data, size_t len,
                    struct err *err)
{
    return agg_merge_collect(call, state, data, len, err);
}

int agg_final_array(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                    struct vec *out, struct arena *arena, struct err *err)
{
    vec_alloc(out, PHYS_BYTES, n, arena);
    for (uint32_t i = 0; i < n; i++) {
        const struct agg_state_array *st = agg_state(states, at, i);
        if (st->n == 0) {
            vec_set_null(out, i, arena);
            continue;
        }
        struct array_builder b;
        array_begin(&b, call->arg_types[0]);
        buf_put(&b.bytes, st->data, st->len);
        b.n = st->n;
        ((struct bytes_view *)out->data)[i] = array_end(&b, arena).u.bytes;
    }
    return 0;
}
