#include <assert.h>
#include <stdlib.h>

#include "base/row.h"
#include "storage/lsm/lsm_scan_int.h"

/* ---- pins ---- */

struct batch_pins {
    struct lsm_snapshot *snapshot;
    struct scan_counters *counters;
    size_t n_blocks;
    struct sst_cached *blocks[];
};

void scan_counters_unref(struct scan_counters *c)
{
    if (atomic_fetch_sub(&c->refs, 1) == 1)
        free(c);
}

static void unpin_batch(void *arg)
{
    struct batch_pins *pins = arg;
    for (size_t i = 0; i < pins->n_blocks; i++)
        sst_cached_unref(pins->blocks[i]);
    lsm_snapshot_release(pins->snapshot);
    scan_counters_unref(pins->counters);
    free(pins);
}

void scan_pin_block(struct lsm_scan *scan, struct sst_block *block)
{
    if (scan->n_pins && scan->pins[scan->n_pins - 1] == &block->cached)
        return;
    if (scan->n_pins == scan->cap_pins) {
        scan->cap_pins = scan->cap_pins ? scan->cap_pins * 2 : 16;
        scan->pins = realloc(scan->pins, scan->cap_pins * sizeof *scan->pins);
        assert(scan->pins);
    }
    sst_cached_ref(&block->cached);
    scan->pins[scan->n_pins++] = &block->cached;
}

void scan_drop_pins(struct lsm_scan *scan)
{
    for (size_t i = 0; i < scan->n_pins; i++)
        sst_cached_unref(scan->pins[i]);
    scan->n_pins = 0;
}

/* The batch takes over the scan's pins. */
static struct batch *begin_batch(struct lsm_scan *scan, uint32_t n_rows,
                                 struct mem_account *account)
{
    const struct lsm_scan_spec *spec = &scan->spec;
    uint32_t n_cols = (uint32_t)spec->n_columns + spec->with_key + spec->with_span + spec->with_ts;
    struct batch *b = batch_create(n_cols, account);
    b->n_rows = n_rows;
    struct batch_pins *pins = malloc(sizeof *pins + scan->n_pins * sizeof pins->blocks[0]);
    assert(pins);
    pins->snapshot = lsm_snapshot_ref(scan->snapshot);
    pins->counters = scan->counters;
    atomic_fetch_add(&scan->counters->refs, 1);
    pins->n_blocks = scan->n_pins;
    if (scan->n_pins)
        memcpy(pins->blocks, scan->pins, scan->n_pins * sizeof pins->blocks[0]);
    scan->n_pins = 0;
    b->pins = pins;
    b->unpin = unpin_batch;
    return b;
}

/* ---- columns still encoded ---- */

struct scan_enc {
    const struct enc_chunk *chunk;
    struct scan_counters *counters;
    uint32_t column;
};

static void count_decoded(struct scan_counters *c, uint32_t column, uint64_t values)
{
    atomic_fetch_or_explicit(&c->columns, (uint64_t)1 << (column & 63), memory_order_relaxed);
    atomic_fetch_add_explicit(&c->values_decoded, values, memory_order_relaxed);
}

static void decode_column(const struct vec *v, const uint16_t *sel, uint32_t n_sel, void *data,
                          struct arena *arena)
{
    const struct scan_enc *e = v->enc;
    uint32_t n = sel ? n_sel : v->n;
    enc_decode(e->chunk, v->enc_row, sel, n, data);
    count_decoded(e->counters, e->column, n);
}

static const struct vec_codec column_codec = {.decode = decode_column};

static void set_encoded(struct lsm_scan *scan, struct vec *v, const struct enc_chunk *c,
                        uint32_t first, uint32_t n, uint32_t column, struct arena *arena)
{
    struct scan_enc *e = arena_new(arena, struct scan_enc);
    *e = (struct scan_enc){c, scan->counters, column};
    *v = (struct vec){.kind = c->kind,
                      .form = VEC_ENCODED,
                      .dec_scale = c->dec_scale,
                      .n = n,
                      .codec = &column_codec,
                      .enc = e,
                      .enc_row = first};
    v->valid = enc_validity(c, first, n, arena);
}

static void set_dict(struct vec *v, const struct enc_chunk *c, uint32_t first, uint32_t n,
                     struct arena *arena)
{
    struct vec *dict = arena_new(arena, struct vec);
    vec_alloc(dict, (enum phys_kind)c->kind, c->count, arena);
    for (uint32_t i = 0; i < c->count; i++) {
        struct datum d = enc_entry(c, i);
        ((struct bytes_view *)dict->data)[i] = d.u.bytes;
    }
    uint16_t *codes = arena_alloc(arena, (size_t)n * sizeof *codes);
    enc_decode_codes(c, first, n, codes);
    *v = (struct vec){.kind = c->kind,
                      .form = VEC_DICT,
                      .dec_scale = c->dec_scale,
                      .n = n,
                      .dict = dict,
                      .codes = codes};
    v->valid = enc_validity(c, first, n, arena);
}

/* Values out of line have to be fetched while there is a task to wait with. */
static int set_fetched(struct task *task, struct lsm_scan *scan, struct vec *v,
                       const struct enc_chunk *c, struct lsm_file *file, uint32_t first, uint32_t n,
                       const uint64_t *live, struct arena *arena, struct err *err)
{
    vec_alloc(v, PHYS_BYTES, n, arena);
    v->dec_scale = c->dec_scale;
    v->valid = enc_validity(c, first, n, arena);
    struct bytes_view *data = v->data;
    for (uint32_t k = 0; k < n; k++) {
        if ((live && !bit_get(live, k)) || enc_is_null(c, first + k))
            continue;
        struct datum d = enc_get(c, first + k);
        if (!enc_is_blob(c, first + k)) {
            data[k] = d.u.bytes;
            continue;
        }
        int code = sst_file_blob(task, file->sst, &d, arena, &scan->reads, &data[k], err);
        if (code)
            return code;
    }
    return 0;
}

static void note_bounds(struct scan_source *s, const struct scan_column *col, struct vec *v,
                        struct arena *arena)
{
    uint32_t nulls = 0;
    bool has = false;
    struct datum min, max;
    if (!s->zones || !sst_zones_get(s->zones, col->id, s->block_at, &nulls, &has, &min, &max) ||
        !has)
        return;
    v->min_max = arena_array(arena, struct datum, 2);
    v->min_max[0] = datum_copy(&min, arena);
    v->min_max[1] = datum_copy(&max, arena);
    v->min_max[0].dec_scale = v->min_max[1].dec_scale = col->dec_scale;
    v->has_min_max = true;
}

static int set_slice_column(struct task *task, struct lsm_scan *scan, struct scan_source *s,
                            uint32_t column, uint32_t first, uint32_t n, const uint64_t *live,
                            struct batch *b, struct err *err)
{
    const struct scan_column *col = &scan->columns[column];
    const struct enc_chunk *c = sst_block_column(s->block, col->id);
    struct vec *v = &b->cols[column];
    if (!c) {
        vec_const(v, &col->absent, n, b->arena);
        v->dec_scale = col->dec_scale;
        return 0;
    }
    if (c->enc == ENC_CONST && (c->null_count == 0 || c->null_count == c->n)) {
        struct datum d = enc_get(c, 0);
        vec_const(v, &d, n, b->arena);
    } else if (c->blobs) {
        int code =
            set_fetched(task, scan, v, c, s->run->files[s->file_at], first, n, live, b->arena, err);
        if (code)
            return code;
        count_decoded(scan->counters, column, n);
    } else if (c->enc == ENC_DICT && c->kind == PHYS_BYTES && c->count <= n) {
        set_dict(v, c, first, n, b->arena);
        note_bounds(s, col, v, b->arena);
    } else {
        set_encoded(scan, v, c, first, n, column, b->arena);
        note_bounds(s, col, v, b->arena);
    }
    v->dec_scale = col->dec_scale;
    return 0;
}

static void set_keys(struct scan_source *s, uint32_t first, uint32_t n, const uint64_t *live,
                     struct vec *v, struct arena *arena, struct buf *scratch)
{
    vec_alloc(v, PHYS_BYTES, n, arena);
    for (uint32_t k = 0; k < n; k++) {
        if (live && !bit_get(live, k))
            continue;
        buf_reset(scratch);
        sst_block_key(s->block, first + k, scratch);
        ((struct bytes_view *)v->data)[k] = view_copy(arena, scratch->data, (uint32_t)scratch->len);
    }
}

static void set_span(struct lsm_scan *scan, struct vec *v, uint32_t n, struct arena *arena)
{
    struct datum d = {.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = (int32_t)scan->span_at};
    vec_const(v, &d, n, arena);
}

static void set_selection(struct batch *b, const uint64_t *live, uint32_t n)
{
    uint16_t *sel = arena_alloc(b->arena, (size_t)n * sizeof *sel);
    uint32_t count = 0;
    for (uint32_t w = 0; w < (n + 63) / 64; w++) {
        uint64_t bits = live[w];
        if (w == n / 64)
            bits &= ((uint64_t)1 << (n % 64)) - 1;
        for (; bits; bits &= bits - 1)
            sel[count++] = (uint16_t)(w * 64 + (uint32_t)__builtin_ctzll(bits));
    }
    if (count == n)
        return;
    b->sel = sel;
    b->n_sel = count;
}

int scan_emit_slice(struct task *task, struct lsm_scan *scan, struct scan_source *s, uint32_t first,
                    uint32_t n, const uint64_t *live, struct mem_account *account,
                    struct batch **out, struct err *err)
{
    assert(scan->n_pins == 0);
    scan_pin_block(scan, s->block);
    struct batch *b = begin_batch(scan, n, account);
    if (live)
        set_selection(b, live, n);
    int code = 0;
    for (uint32_t i = 0; i < scan->spec.n_columns && code == 0; i++)
        code = set_slice_column(task, scan, s, i, first, n, live, b, err);
    if (code) {
        batch_destroy(b);
        return code;
    }
    uint32_t at = scan->spec.n_columns;
    if (scan->spec.with_key)
        set_keys(s, first, n, live, &b->cols[at++], b->arena, &scan->bytes);
    if (scan->spec.with_span)
        set_span(scan, &b->cols[at++], n, b->arena);
    if (scan->spec.with_ts)
        set_encoded(scan, &b->cols[at++], s->block->ts, first, n, 63, b->arena);
    scan->stats.rows_out += batch_count(b);
    *out = b;
    return 0;
}

/* ---- gathered rows ---- */

static void store_value(struct vec *v, uint32_t at, const struct datum *d, struct arena *arena)
{
    if (d->null) {
        vec_set_null(v, at, arena);
        return;
    }
    /* Bytes stay where they are: the batch pins blocks and memtables. */
    memcpy((char *)v->data + (size_t)at * phys_width[v->kind], &d->u, phys_width[v->kind]);
}

static int value_of_block(struct task *task, struct lsm_scan *scan, const struct scan_row *row,
                          const struct scan_column *col, struct arena *arena, struct datum *out,
                          struct err *err)
{
    const struct enc_chunk *c = sst_block_column(row->block, col->id);
    if (!c) {
        *out = col->absent;
        return 0;
    }
    *out = enc_get(c, row->row);
    if (!enc_is_blob(c, row->row) || out->null)
        return 0;
    struct bytes_view view;
    int code = sst_file_blob(task, row->file->sst, out, arena, &scan->reads, &view, err);
    if (code == 0)
        out->u.bytes = view;
    return code;
}

static int malformed(struct lsm_scan *scan, struct err *err)
{
    return err_set(err, ERR_DATA_CORRUPTED, "a row of storage %llu in memory is malformed",
                   (unsigned long long)scan->spec.schema->id);
}

static bool key_value(struct lsm_scan *scan, const struct mem_node *n, int32_t part,
                      struct arena *arena, struct datum *out)
{
    const struct sst_key_schema *keys = scan->snapshot->schema->keys;
    const uint8_t *at = mem_node_key(n), *end = at + n->key_len;
    for (int32_t i = 0; i <= part; i++)
        if (!key_decode(&at, end, &keys->parts[i].part, out, arena))
            return false;
    return true;
}

int scan_value(struct task *task, struct lsm_scan *scan, const struct scan_row *row,
               const struct scan_column *col, struct arena *arena, struct datum *out,
               struct err *err)
{
    if (row->block)
        return value_of_block(task, scan, row, col, arena, out, err);
    if (col->key_part >= 0)
        return key_value(scan, row->node, col->key_part, arena, out) ? 0 : malformed(scan, err);
    int got = row_find(mem_node_row(row->node), row->node->row_len, col->id, out);
    if (got < 0 || (got > 0 && out->kind != col->kind))
        return malformed(scan, err);
    if (got == 0)
        *out = col->absent;
    return 0;
}

/* A stretch of pending rows that are consecutive rows of one block. */
static uint32_t stretch_from(const struct scan_row *rows, uint32_t at, uint32_t n)
{
    uint32_t k = at + 1;
    while (k < n && rows[at].block && rows[k].block == rows[at].block &&
           rows[k].row == rows[at].row + (k - at))
        k++;
    return k - at;
}

static bool gather_stretch(const struct scan_row *row, uint32_t n, const struct scan_column *col,
                           struct vec *v, uint32_t at, struct arena *arena)
{
    const struct enc_chunk *c = sst_block_column(row->block, col->id);
    if (!c || c->blobs || c->kind != col->kind)
        return false;
    enc_decode(c, row->row, NULL, n, (char *)v->data + (size_t)at * phys_width[v->kind]);
    for (uint32_t k = 0; c->null_count && k < n; k++)
        if (enc_is_null(c, row->row + k))
            vec_set_null(v, at + k, arena);
    return true;
}

static int gather_column(struct task *task, struct lsm_scan *scan, uint32_t column, struct batch *b,
                         struct err *err)
{
    const struct scan_column *col = &scan->columns[column];
    struct vec *v = &b->cols[column];
    vec_alloc(v, (enum phys_kind)col->kind, b->n_rows, b->arena);
    v->dec_scale = col->dec_scale;
    for (uint32_t k = 0; k < b->n_rows;) {
        uint32_t n = stretch_from(scan->pending, k, b->n_rows);
        if (n >= 8 && gather_stretch(&scan->pending[k], n, col, v, k, b->arena)) {
            k += n;
            continue;
        }
        struct datum d;
        int code = scan_value(task, scan, &scan->pending[k], col, b->arena, &d, err);
        if (code)
            return code;
        store_value(v, k, &d, b->arena);
        k++;
    }
    count_decoded(scan->counters, column, b->n_rows);
    return 0;
}

static void gather_key(struct lsm_scan *scan, struct vec *v, struct batch *b)
{
    vec_alloc(v, PHYS_BYTES, b->n_rows, b->arena);
    struct bytes_view *data = v->data;
    for (uint32_t k = 0; k < b->n_rows; k++) {
        const struct scan_row *r = &scan->pending[k];
        if (r->node) {
            data[k] = view_of(mem_node_key(r->node), r->node->key_len);
            continue;
        }
        buf_reset(&scan->bytes);
        sst_block_key(r->block, r->row, &scan->bytes);
        data[k] = view_copy(b->arena, scan->bytes.data, (uint32_t)scan->bytes.len);
    }
}

static void gather_extras(struct lsm_scan *scan, struct batch *b)
{
    uint32_t at = scan->spec.n_columns;
    if (scan->spec.with_key)
        gather_key(scan, &b->cols[at++], b);
    if (scan->spec.with_span) {
        struct vec *v = &b->cols[at++];
        vec_alloc(v, PHYS_INT32, b->n_rows, b->arena);
        for (uint32_t k = 0; k < b->n_rows; k++)
            ((int32_t *)v->data)[k] = (int32_t)scan->pending[k].span;
    }
    if (scan->spec.with_ts) {
        struct vec *v = &b->cols[at];
        vec_alloc(v, PHYS_INT64, b->n_rows, b->arena);
        for (uint32_t k = 0; k < b->n_rows; k++) {
            const struct scan_row *r = &scan->pending[k];
            ((int64_t *)v->data)[k] =
                (int64_t)(r->node ? r->node->ts : sst_block_ts(r->block, r->row));
        }
    }
}

int scan_emit_pending(struct task *task, struct lsm_scan *scan, struct mem_account *account,
                      struct batch **out, struct err *err)
{
    struct batch *b = begin_batch(scan, scan->n_pending, account);
    int code = 0;
    for (uint32_t i = 0; i < scan->spec.n_columns && code == 0; i++)
        code = gather_column(task, scan, i, b, err);
    if (code) {
        batch_destroy(b);
        return code;
    }
    gather_extras(scan, b);
    scan->stats.rows_out += scan->n_pending;
    scan->n_pending = 0;
    *out = b;
    return 0;
}
