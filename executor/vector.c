/* vector.c: gathering, slicing, hashing and comparing rows. */
#include <stdlib.h>
#include <string.h>

#include "executor/exec_int.h"
#include "types/type/numeric_vec.h"
#include "types/type/type.h"

int exec_no_memory(struct exec *x, const char *what, struct err *err)
{
    err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    err_detail(err, "%s needs more than the statement's limit of %llu MB.", what,
               (unsigned long long)(x->env.account ? x->env.account->limit_bytes >> 20 : 0));
    return err_hint(err, "Raise statement_mem_limit, or make the statement handle less at once.");
}

void vec_gather(struct vec *dst, const struct vec *src, const uint32_t *idx, uint32_t n, bool copy, struct arena *arena)
{
    size_t width = phys_width[src->kind];
    vec_alloc(dst, (enum phys_kind)src->kind, n, arena);
    dst->dec_scale = src->dec_scale;
    const char *from = src->data;
    char *to = dst->data;
    for (uint32_t i = 0; i < n; i++) {
        if (idx[i] == UINT32_MAX || (src->valid && !bit_get(src->valid, idx[i]))) {
            vec_set_null(dst, i, arena);
            continue;
        }
        switch (width) {
        case 4: memcpy(to + i * 4, from + (size_t)idx[i] * 4, 4); break;
        case 8: memcpy(to + i * 8, from + (size_t)idx[i] * 8, 8); break;
        case 16: memcpy(to + i * 16, from + (size_t)idx[i] * 16, 16); break;
        default: memcpy(to + i * width, from + (size_t)idx[i] * width, width); break;
        }
    }
    if (src->kind != PHYS_BYTES || !copy)
        return;
    struct bytes_view *views = dst->data;
    for (uint32_t i = 0; i < n; i++)
        if (views[i].len > VIEW_INLINE && !(dst->valid && !bit_get(dst->valid, i)))
            views[i] = view_copy(arena, views[i].ptr, views[i].len);
}

struct batch *batch_for(struct exec *x, uint32_t n_cols)
{
    return batch_create(n_cols, x->env.account);
}

struct batch *batch_slice(struct exec *x, const struct batch *b, uint32_t from, uint32_t n)
{
    struct batch *out = batch_for(x, b->n_cols);
    uint32_t *idx = arena_alloc(out->arena, (n + 1) * sizeof *idx);
    uint16_t *rows = arena_alloc(out->arena, (n + 1) * sizeof *rows);
    for (uint32_t i = 0; i < n; i++) {
        idx[i] = batch_row(b, from + i);
        rows[i] = (uint16_t)idx[i];
    }
    out->n_rows = n;
    for (uint32_t c = 0; c < b->n_cols; c++) {
        struct vec flat = b->cols[c];
        vec_flatten(&flat, rows, n, out->arena);
        vec_gather(&out->cols[c], &flat, idx, n, true, out->arena);
    }
    return out;
}

void batch_cut(struct batch *b, uint32_t n)
{
    uint32_t live = batch_count(b);
    if (n >= live)
        return;
    if (b->sel) {
        b->n_sel = n;
        return;
    }
    b->n_rows = n;
    for (uint32_t c = 0; c < b->n_cols; c++)
        b->cols[c].n = n;
}

struct batch *batch_keep(struct exec *x, const struct batch *b, const char *what, struct err *err)
{
    struct mem_account *a = x->env.account;
    /* The copy is charged as it grows; asked first, so that the error names who wanted it. */
    if (a && a->limit_bytes && a->used_bytes > a->limit_bytes) {
        exec_no_memory(x, what, err);
        return NULL;
    }
    return batch_slice(x, b, 0, batch_count(b));
}

/* ---- stores ---- */

int store_add(struct exec *x, struct store *s, const struct batch *b, const char *what, struct err *err)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 8;
        s->batches = realloc(s->batches, s->cap * sizeof *s->batches);
    }
    struct batch *copy = batch_keep(x, b, what, err);
    if (!copy)
        return err->code;
    s->batches[s->n++] = copy;
    s->rows += batch_count(copy);
    return 0;
}

void store_clear(struct store *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        batch_destroy(s->batches[i]);
    free(s->batches);
    *s = (struct store){0};
}

int store_fill(struct store *s, struct op *child, const char *what, struct err *err)
{
    for (;;) {
        struct batch *b;
        int rc = op_next(child, BATCH_ROWS, &b, err);
        if (rc || !b)
            return rc;
        rc = store_add(child->x, s, b, what, err);
        batch_destroy(b);
        if (rc)
            return rc;
    }
}

/* ---- hashing ---- */

static uint64_t hash_value(const struct vec *v, uint32_t row)
{
    switch ((enum phys_kind)v->kind) {
    case PHYS_BOOL: return hash_u64(((const uint8_t *)v->data)[row], 1);
    case PHYS_INT16: return hash_u64((uint64_t)((const int16_t *)v->data)[row], 2);
    case PHYS_INT32: return hash_u64((uint64_t)((const int32_t *)v->data)[row], 2);
    case PHYS_INT64: return hash_u64((uint64_t)((const int64_t *)v->data)[row], 2);
    case PHYS_BYTES: {
        const struct bytes_view *b = &((const struct bytes_view *)v->data)[row];
        return hash_bytes(view_data(b), b->len, 3);
    }
    default: return hash_bytes((const char *)v->data + (size_t)row * phys_width[v->kind], phys_width[v->kind], 4);
    }
}

void keys_hash(const struct vec *keys, uint32_t n_keys, uint32_t n_rows, uint64_t *hashes)
{
    for (uint32_t i = 0; i < n_rows; i++)
        hashes[i] = 0x9e3779b97f4a7c15u;
    for (uint32_t k = 0; k < n_keys; k++)
        for (uint32_t i = 0; i < n_rows; i++)
            hashes[i] = hash_combine(hashes[i], vec_is_null(&keys[k], i) ? 7 : hash_value(&keys[k], i));
}

static bool values_equal(const struct vec *a, uint32_t i, const struct vec *b, uint32_t j)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == PHYS_BYTES)
        return view_equal(&((const struct bytes_view *)a->data)[i], &((const struct bytes_view *)b->data)[j]);
    size_t width = phys_width[a->kind];
    return memcmp((const char *)a->data + i * width, (const char *)b->data + j * width, width) == 0;
}

bool keys_equal(const struct vec *a, uint32_t i, const struct vec *b, uint32_t j, uint32_t n_keys, bool nulls_equal)
{
    for (uint32_t k = 0; k < n_keys; k++) {
        bool an = vec_is_null(&a[k], i), bn = vec_is_null(&b[k], j);
        if (an || bn) {
            if (!(an && bn && nulls_equal))
                return false;
            continue;
        }
        if (!values_equal(&a[k], i, &b[k], j))
            return false;
    }
    return true;
}

void keys_canon(struct exec *x, struct batch *b, const uint32_t *cols, const uint32_t *types, uint32_t n_keys, struct vec *out,
                struct arena *arena)
{
    uint32_t live = batch_count(b), *idx = arena_alloc(arena, (live + 1) * sizeof *idx);
    for (uint32_t i = 0; i < live; i++)
        idx[i] = batch_row(b, i);
    for (uint32_t k = 0; k < n_keys; k++) {
        struct vec *v = &b->cols[cols[k]], dense;
        vec_flatten(v, b->sel, b->n_sel, b->arena);
        if (b->sel)
            vec_gather(&dense, v, idx, live, false, arena);
        else
            dense = *v;
        type_canon(types[k], -1, &dense, NULL, live, arena, &out[k]);
        vec_flatten(&out[k], NULL, live, arena);
    }
}

/* ---- row table ---- */

void row_table_init(struct row_table *t, uint32_t n_keys, struct arena *arena)
{
    *t = (struct row_table){.n_keys = n_keys, .arena = arena, .mask = 63};
    t->slots = calloc(t->mask + 1, sizeof *t->slots);
}

void row_table_done(struct row_table *t)
{
    free(t->slots);
    free(t->hashes);
    free(t->keys);
    *t = (struct row_table){0};
}

static void grow_table(struct row_table *t)
{
    free(t->slots);
    t->mask = t->mask * 2 + 1;
    t->slots = calloc((size_t)t->mask + 1, sizeof *t->slots);
    for (uint32_t e = 0; e < t->n; e++) {
        uint32_t at = (uint32_t)t->hashes[e] & t->mask;
        while (t->slots[at])
            at = (at + 1) & t->mask;
        t->slots[at] = e + 1;
    }
}

static bool entry_equals(const struct row_table *t, uint32_t e, const struct vec *keys, uint32_t row)
{
    for (uint32_t k = 0; k < t->n_keys; k++) {
        const struct datum *d = &t->keys[(size_t)e * t->n_keys + k];
        bool null = vec_is_null(&keys[k], row);
        if (null || d->null) {
            if (null != d->null)
                return false;
            continue;
        }
        struct datum v = vec_datum(&keys[k], row);
        if (v.kind != d->kind || (v.kind == PHYS_BYTES ? !view_equal(&v.u.bytes, &d->u.bytes) : datum_compare(&v, d) != 0))
            return false;
    }
    return true;
}

uint32_t row_table_find(struct row_table *t, const struct vec *keys, uint32_t row, uint64_t hash, bool add, bool *added)
{
    uint32_t at = (uint32_t)hash & t->mask;
    *added = false;
    for (; t->slots[at]; at = (at + 1) & t->mask) {
        uint32_t e = t->slots[at] - 1;
        if (t->hashes[e] == hash && entry_equals(t, e, keys, row))
            return e;
    }
    if (!add)
        return UINT32_MAX;
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 64;
        t->hashes = realloc(t->hashes, t->cap * sizeof *t->hashes);
        t->keys = realloc(t->keys, (size_t)t->cap * (t->n_keys + 1) * sizeof *t->keys);
    }
    uint32_t e = t->n++;
    t->hashes[e] = hash;
    for (uint32_t k = 0; k < t->n_keys; k++) {
        struct datum v = vec_datum(&keys[k], row);
        t->keys[(size_t)e * t->n_keys + k] = datum_copy(&v, t->arena);
    }
    t->slots[at] = e + 1;
    *added = true;
    if (t->n * 2 > t->mask)
        grow_table(t);
    return e;
}

/* ---- mixed numeric forms ---- */

void vec_put_value(struct vec *v, uint32_t row, uint32_t type, const struct datum *value, struct arena *arena)
{
    if (value->null || (value->kind == v->kind && value->dec_scale == v->dec_scale)) {
        vec_put(v, row, value, arena);
        return;
    }
    bool first = true;
    for (uint32_t i = 0; i < row && first; i++)
        first = vec_is_null(v, i);
    if (first) {
        uint64_t *valid = v->valid;
        vec_alloc(v, (enum phys_kind)value->kind, v->n, arena);
        v->valid = valid;
        v->dec_scale = value->dec_scale;
        vec_put(v, row, value, arena);
        return;
    }
    if (v->kind != PHYS_BYTES) {
        struct vec num;
        numeric_vec_to_num(v, NULL, row, arena, &num);
        struct vec whole;
        vec_alloc(&whole, PHYS_BYTES, v->n, arena);
        memcpy(whole.data, num.data, row * sizeof(struct bytes_view));
        whole.valid = v->valid;
        *v = whole;
    }
    struct numeric n;
    numeric_open(value, arena, &n);
    struct datum num = numeric_close_num(&n, arena);
    vec_put(v, row, &num, arena);
}
