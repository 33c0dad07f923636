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
    assert(s->chunks);
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
    }
    free(m->sources);
    free(m->values);
    free(m->in_key);
    arena_done(&m->arena);
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
            for (uint16_t i = 0; i < m->schema->n_columns; i++)
                s->chunks[i] = sst_block_column(s->block, m->schema->columns[i].id);
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
    s->ts = sst_block_ts(s->block, s->row);
    return 0;
}

static int compare_sources(const struct lsm_merge_source *a, const struct lsm_merge_source *b)
{
    int cmp = key_compare(a->key.data, a->key.len, b->key.data, b->key.len);
    return cmp ? cmp : (a->ts < b->ts) - (a->ts > b->ts);
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
    m->hash_in += sst_row_hash(m->schema, row);
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
