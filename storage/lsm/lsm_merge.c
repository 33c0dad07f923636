#include "storage/lsm/lsm_merge.h"

#include <assert.h>
#include <stdlib.h>

void lsm_merge_init(struct lsm_merge *m, const struct kv_schema *schema, size_t n_sources)
{
    *m = (struct lsm_merge){.schema = schema};
    m->sources = calloc(n_sources + 1, sizeof *m->sources);
    m->values = calloc(schema->n_columns + 1u, sizeof *m->values);
    m->in_key = calloc(schema->n_columns + 1u, sizeof *m->in_key);
    assert(m->sources && m->values && m->in_key);
    for (uint16_t i = 0; i < schema->n_columns; i++)
        m->in_key[i] = sst_schema_in_key(schema, i);
    arena_init(&m->arena, NULL);
}

void lsm_merge_add(struct lsm_merge *m, struct lsm_file **files, size_t n_files)
{
    struct lsm_merge_source *s = &m->sources[m->n_sources++];
    *s = (struct lsm_merge_source){.files = files, .n_files = n_files};
    s->chunks = calloc(m->schema->n_columns + 1u, sizeof *s->chunks);
    s->flat = calloc(m->schema->n_columns + 1u, sizeof *s->flat);
    assert(s->chunks && s->flat);
    arena_init(&s->decoded, NULL);
}

static void drop_block(struct lsm_merge_source *s)
{
    if (s->block)
        sst_cached_unref(&s->block->cached);
    s->block = NULL;
}

static void drop_index(struct lsm_merge_source *s)
{
    if (s->index)
        sst_cached_unref(&s->index->cached);
    s->index = NULL;
}

void lsm_merge_done(struct lsm_merge *m)
{
    for (size_t i = 0; i < m->n_sources; i++) {
        drop_block(&m->sources[i]);
        drop_index(&m->sources[i]);
        buf_done(&m->sources[i].key);
        free(m->sources[i].chunks);
        free(m->sources[i].flat);
        arena_done(&m->sources[i].decoded);
    }
    free(m->sources);
    free(m->values);
    free(m->in_key);
    arena_done(&m->arena);
}

/* Every row will be asked for every column: decoding them whole is cheaper than one by one. */
static void decode_block(struct lsm_merge *m, struct lsm_merge_source *s)
{
    uint32_t n = s->block->n_rows;
    arena_reset(&s->decoded);
    for (uint16_t i = 0; i < m->schema->n_columns; i++) {
        const struct enc_chunk *c = sst_block_column(s->block, m->schema->columns[i].id);
        s->chunks[i] = c;
        s->flat[i] = NULL;
        if (!c || c->blobs || m->in_key[i])
            continue;
        s->flat[i] = arena_alloc(&s->decoded, (size_t)n * phys_width[c->kind]);
        enc_decode(c, 0, NULL, n, s->flat[i]);
    }
    s->flat_ts = arena_alloc(&s->decoded, n * sizeof *s->flat_ts);
    enc_decode(s->block->ts, 0, NULL, n, s->flat_ts);
}

static int load_block(struct task *task, struct lsm_merge *m, struct lsm_merge_source *s,
                      struct err *err)
{
    while (s->file < s->n_files) {
        struct sst_file *f = s->files[s->file]->sst;
        if (!s->index) {
            int code = sst_file_index(task, f, NULL, &s->index, err);
            if (code)
                return code;
            s->block_at = 0;
        }
        if (s->block_at < s->index->n_blocks) {
            struct sst_index_entry e = sst_index_get(s->index, s->block_at++);
            int code = sst_file_block_uncached(task, f, &e, &s->block, err);
            if (code)
                return code;
            decode_block(m, s);
            s->row = 0;
            return 0;
        }
        drop_index(s);
        s->file++;
    }
    s->ended = true;
    return 0;
}

/* Makes the source's next row current. */
static int advance(struct task *task, struct lsm_merge *m, struct lsm_merge_source *s, bool first,
                   struct err *err)
{
    if (!first && ++s->row == s->block->n_rows)
        drop_block(s);
    if (!s->block) {
        int code = load_block(task, m, s, err);
        if (code || s->ended)
            return code;
    }
    if (sst_block_is_first(s->block, s->row)) {
        buf_reset(&s->key);
        sst_block_key(s->block, s->row, &s->key);
    }
    s->ts = s->flat_ts[s->row];
    return 0;
}

static int compare_sources(const struct lsm_merge_source *a, const struct lsm_merge_source *b)
{
    int cmp = key_compare(a->key.data, a->key.len, b->key.data, b->key.len);
    return cmp ? cmp : (a->ts < b->ts) - (a->ts > b->ts);
}

static void load_flat(const struct enc_chunk *c, const void *flat, uint32_t row, struct datum *d)
{
    *d = (struct datum){.kind = c->kind, .dec_scale = c->dec_scale, .null = enc_is_null(c, row)};
    switch (phys_width[c->kind]) {
    case 1:
        d->u.b = ((const uint8_t *)flat)[row] != 0;
        break;
    case 2:
        d->u.i16 = ((const int16_t *)flat)[row];
        break;
    case 4: /* floats too: the bits are what is moved */
        d->u.i32 = ((const int32_t *)flat)[row];
        break;
    case 8:
        d->u.i64 = ((const int64_t *)flat)[row];
        break;
    default:
        memcpy(&d->u, (const char *)flat + (size_t)row * 16, 16);
    }
}

static int fill_values(struct task *task, struct lsm_merge *m, struct lsm_merge_source *s,
                       struct err *err)
{
    arena_reset(&m->arena);
    for (uint16_t i = 0; i < m->schema->n_columns; i++) {
        const struct enc_chunk *c = s->chunks[i];
        if (m->in_key[i])
            continue;
        if (!c) {
            m->values[i] = m->schema->columns[i].absent;
            continue;
        }
        if (s->flat[i]) {
            load_flat(c, s->flat[i], s->row, &m->values[i]);
            continue;
        }
        m->values[i] = enc_get(c, s->row);
        if (!enc_is_blob(c, s->row))
            continue;
        struct bytes_view view;
        int code =
            sst_file_blob(task, s->files[s->file]->sst, &m->values[i], &m->arena, NULL, &view, err);
        if (code)
            return code;
        m->values[i].u.bytes = view;
    }
    return 0;
}

static int give_row(struct task *task, struct lsm_merge *m, struct lsm_merge_source *s,
                    struct sst_row *row, struct err *err)
{
    *row = (struct sst_row){.key = s->key.data,
                            .key_len = (uint32_t)s->key.len,
                            .ts = s->ts,
                            .deleted = sst_block_is_deleted(s->block, s->row),
                            .values = m->values};
    if (row->deleted && s->block->moved) {
        struct datum moved = enc_get(s->block->moved, s->row);
        if (!moved.null) {
            row->moved_to = arena_memdup(&m->arena, view_data(&moved.u.bytes), moved.u.bytes.len);
            row->moved_len = moved.u.bytes.len;
        }
    }
    if (!row->deleted) {
        int code = fill_values(task, m, s, err);
        if (code)
            return code;
    }
    m->rows_in++;
    m->hash_last = sst_row_hash(m->schema, m->in_key, row);
    m->hash_in += m->hash_last;
    return 0;
}

static int start(struct task *task, struct lsm_merge *m, struct err *err)
{
    m->started = true;
    for (size_t i = 0; i < m->n_sources; i++) {
        int code = advance(task, m, &m->sources[i], true, err);
        if (code)
            return code;
    }
    return 0;
}

int lsm_merge_next(struct task *task, struct lsm_merge *m, bool *found, struct sst_row *row,
                   struct err *err)
{
    int code =
        m->started ? advance(task, m, &m->sources[m->current], false, err) : start(task, m, err);
    if (code)
        return code;
    struct lsm_merge_source *best = NULL;
    for (size_t i = 0; i < m->n_sources; i++) {
        struct lsm_merge_source *s = &m->sources[i];
        int cmp = s->ended ? 1 : best ? compare_sources(s, best) : -1;
        if (cmp < 0) {
            best = s;
            m->current = i;
        }
    }
    *found = best != NULL;
    if (!best)
        return 0;
    for (size_t i = 0; i < m->n_sources; i++) {
        struct lsm_merge_source *s = &m->sources[i];
        if (s == best || s->ended || compare_sources(s, best) != 0)
            continue;
        m->duplicates++;
        code = advance(task, m, s, false, err);
        if (code)
            return code;
    }
    return give_row(task, m, best, row, err);
}
