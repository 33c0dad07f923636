#include "base/column.h"

#include <math.h>
#include <stdlib.h>

const uint8_t phys_width[PHYS_KIND_COUNT] = {
    [PHYS_BOOL] = 1,   [PHYS_INT16] = 2,   [PHYS_INT32] = 4,   [PHYS_INT64] = 8,
    [PHYS_INT128] = 16, [PHYS_FLOAT32] = 4, [PHYS_FLOAT64] = 8, [PHYS_BYTES] = 16,
};

struct bytes_view view_copy(struct arena *arena, const void *data, uint32_t len)
{
    if (len <= VIEW_INLINE)
        return view_of(data, len);
    return view_of(arena_memdup(arena, data, len), len);
}

bool view_equal(const struct bytes_view *a, const struct bytes_view *b)
{
    /* Length and prefix share the first 8 bytes: most unequal pairs end here. */
    if (memcmp(a, b, 8) != 0)
        return false;
    if (a->len <= VIEW_INLINE)
        return memcmp(a->inl, b->inl, VIEW_INLINE) == 0;
    return memcmp(a->ptr, b->ptr, a->len) == 0;
}

int view_compare(const struct bytes_view *a, const struct bytes_view *b)
{
    uint32_t len = a->len < b->len ? a->len : b->len;
    int cmp = len ? memcmp(view_data(a), view_data(b), len) : 0;
    if (cmp != 0)
        return cmp;
    return (a->len > b->len) - (a->len < b->len);
}

void vec_alloc(struct vec *v, enum phys_kind kind, uint32_t n, struct arena *arena)
{
    *v = (struct vec){.kind = (uint8_t)kind, .form = VEC_FLAT, .dec_scale = -1, .n = n};
    v->data = arena_zalloc(arena, (size_t)phys_width[kind] * (n ? n : 1));
}

void vec_need_valid(struct vec *v, struct arena *arena)
{
    if (v->valid)
        return;
    size_t words = ((v->n ? v->n : 1) + 63) / 64;
    v->valid = arena_alloc(arena, words * sizeof *v->valid);
    memset(v->valid, 0xff, words * sizeof *v->valid);
}

void vec_set_null(struct vec *v, uint32_t row, struct arena *arena)
{
    vec_need_valid(v, arena);
    bit_clear(v->valid, row);
}

static void store_datum(void *data, uint32_t row, const struct datum *d)
{
    switch ((enum phys_kind)d->kind) {
    case PHYS_BOOL: ((uint8_t *)data)[row] = d->u.b; break;
    case PHYS_INT16: ((int16_t *)data)[row] = d->u.i16; break;
    case PHYS_INT32: ((int32_t *)data)[row] = d->u.i32; break;
    case PHYS_INT64: ((int64_t *)data)[row] = d->u.i64; break;
    case PHYS_INT128: ((int128 *)data)[row] = d->u.i128; break;
    case PHYS_FLOAT32: ((float *)data)[row] = d->u.f32; break;
    case PHYS_FLOAT64: ((double *)data)[row] = d->u.f64; break;
    case PHYS_BYTES: ((struct bytes_view *)data)[row] = d->u.bytes; break;
    case PHYS_KIND_COUNT: break;
    }
}

static void load_datum(const void *data, uint32_t row, struct datum *d)
{
    switch ((enum phys_kind)d->kind) {
    case PHYS_BOOL: d->u.b = ((const uint8_t *)data)[row]; break;
    case PHYS_INT16: d->u.i16 = ((const int16_t *)data)[row]; break;
    case PHYS_INT32: d->u.i32 = ((const int32_t *)data)[row]; break;
    case PHYS_INT64: d->u.i64 = ((const int64_t *)data)[row]; break;
    case PHYS_INT128: d->u.i128 = ((const int128 *)data)[row]; break;
    case PHYS_FLOAT32: d->u.f32 = ((const float *)data)[row]; break;
    case PHYS_FLOAT64: d->u.f64 = ((const double *)data)[row]; break;
    case PHYS_BYTES: d->u.bytes = ((const struct bytes_view *)data)[row]; break;
    case PHYS_KIND_COUNT: break;
    }
}

void vec_const(struct vec *v, const struct datum *value, uint32_t n, struct arena *arena)
{
    vec_alloc(v, (enum phys_kind)value->kind, 1, arena);
    v->dec_scale = value->dec_scale;
    if (value->null)
        vec_set_null(v, 0, arena);
    else
        store_datum(v->data, 0, value);
    v->form = VEC_CONST;
    v->n = n;
}

/* Repeats row 0 of a CONST vector, or gathers a DICT vector's entries, for the rows asked for. */
static void expand_rows(const struct vec *v, void *out, const uint16_t *sel, uint32_t n_sel)
{
    size_t width = phys_width[v->kind];
    const char *from = v->form == VEC_CONST ? v->data : v->dict->data;
    uint32_t count = sel ? n_sel : v->n;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (v->form == VEC_DICT && v->valid && !bit_get(v->valid, row))
            continue;
        size_t at = v->form == VEC_CONST ? 0 : v->codes[row];
        memcpy((char *)out + row * width, from + at * width, width);
    }
}

void vec_flatten(struct vec *v, const uint16_t *sel, uint32_t n_sel, struct arena *arena)
{
    if (v->form == VEC_FLAT)
        return;
    void *data = arena_zalloc(arena, (size_t)phys_width[v->kind] * (v->n ? v->n : 1));
    if (v->form == VEC_ENCODED) {
        v->codec->decode(v, sel, n_sel, data, arena);
    } else {
        expand_rows(v, data, sel, n_sel);
        if (v->form == VEC_CONST && v->valid) {
            bool valid = bit_get(v->valid, 0);
            size_t words = ((v->n ? v->n : 1) + 63) / 64;
            uint64_t *bits = arena_alloc(arena, words * sizeof *bits);
            memset(bits, valid ? 0xff : 0, words * sizeof *bits);
            v->valid = bits;
        }
    }
    v->data = data;
    v->form = VEC_FLAT;
    v->dict = NULL;
    v->codes = NULL;
    v->codec = NULL;
    v->enc = NULL;
}

struct datum vec_datum(const struct vec *v, uint32_t row)
{
    struct datum d = {.kind = v->kind, .dec_scale = v->dec_scale};
    d.null = vec_is_null(v, row);
    if (d.null)
        return d;
    if (v->form == VEC_DICT) {
        load_datum(v->dict->data, v->codes[row], &d);
    } else if (v->form == VEC_ENCODED) {
        /* One row of a block: rare (constants, debugging); bulk access flattens. */
        struct arena scratch;
        arena_init(&scratch, NULL);
        void *data = arena_zalloc(&scratch, (size_t)phys_width[v->kind] * v->n);
        uint16_t sel = (uint16_t)row;
        v->codec->decode(v, &sel, 1, data, &scratch);
        load_datum(data, row, &d);
        arena_done(&scratch);
    } else {
        load_datum(v->data, v->form == VEC_CONST ? 0 : row, &d);
    }
    return d;
}

void vec_put(struct vec *v, uint32_t row, const struct datum *value, struct arena *arena)
{
    if (value->null) {
        vec_set_null(v, row, arena);
        return;
    }
    if (v->valid)
        bit_set(v->valid, row);
    if (value->kind == PHYS_BYTES) {
        struct datum copy = datum_copy(value, arena);
        store_datum(v->data, row, &copy);
        return;
    }
    store_datum(v->data, row, value);
}

static int compare_double(double a, double b)
{
    if (isnan(a) || isnan(b))
        return (isnan(a) != 0) - (isnan(b) != 0);
    return (a > b) - (a < b);
}

int datum_compare(const struct datum *a, const struct datum *b)
{
    switch ((enum phys_kind)a->kind) {
    case PHYS_BOOL: return (a->u.b > b->u.b) - (a->u.b < b->u.b);
    case PHYS_INT16: return (a->u.i16 > b->u.i16) - (a->u.i16 < b->u.i16);
    case PHYS_INT32: return (a->u.i32 > b->u.i32) - (a->u.i32 < b->u.i32);
    case PHYS_INT64: return (a->u.i64 > b->u.i64) - (a->u.i64 < b->u.i64);
    case PHYS_INT128: return (a->u.i128 > b->u.i128) - (a->u.i128 < b->u.i128);
    case PHYS_FLOAT32: return compare_double((double)a->u.f32, (double)b->u.f32);
    case PHYS_FLOAT64: return compare_double(a->u.f64, b->u.f64);
    case PHYS_BYTES: return view_compare(&a->u.bytes, &b->u.bytes);
    case PHYS_KIND_COUNT: break;
    }
    return 0;
}

struct datum datum_copy(const struct datum *d, struct arena *arena)
{
    struct datum out = *d;
    if (!d->null && d->kind == PHYS_BYTES)
        out.u.bytes = view_copy(arena, view_data(&d->u.bytes), d->u.bytes.len);
    return out;
}

struct batch *batch_create(uint32_t n_cols, struct mem_account *account)
{
    struct arena first;
    arena_init(&first, account);
    /* The batch and its arena's own header live in the arena, so that one free ends both. */
    struct batch *b = arena_new(&first, struct batch);
    b->arena = arena_new(&first, struct arena);
    b->n_cols = n_cols;
    b->cols = arena_array(&first, struct vec, n_cols ? n_cols : 1);
    *b->arena = first;
    return b;
}

void batch_destroy(struct batch *b)
{
    if (!b)
        return;
    if (b->unpin)
        b->unpin(b->pins);
    struct arena last = *b->arena;
    arena_done(&last);
}

struct batch *batch_compact(const struct batch *src, struct mem_account *account)
{
    struct batch *out = batch_create(src->n_cols, account);
    uint32_t count = batch_count(src);
    out->n_rows = count;
    for (uint32_t c = 0; c < src->n_cols; c++) {
        struct vec from = src->cols[c];
        vec_flatten(&from, src->sel, src->n_sel, out->arena);
        struct vec *to = &out->cols[c];
        vec_alloc(to, (enum phys_kind)from.kind, count, out->arena);
        to->dec_scale = from.dec_scale;
        for (uint32_t i = 0; i < count; i++) {
            struct datum d = vec_datum(&from, batch_row(src, i));
            vec_put(to, i, &d, out->arena);
        }
    }
    return out;
}
