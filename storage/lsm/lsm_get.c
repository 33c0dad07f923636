#include <assert.h>
#include <stdlib.h>

#include "base/row.h"
#include "storage/lsm/lsm_read.h"
#include "storage/sst/sst_bloom.h"

/* ---- in memory ---- */

static const struct mem_node *find_in_mem(const struct memtable *m, const void *key,
                                          uint32_t key_len, hlc_time ts)
{
    const struct mem_node *n = memtable_seek(m, key, key_len, ts);
    if (!n || key_compare(mem_node_key(n), n->key_len, key, key_len) != 0)
        return NULL;
    return n;
}

/* ---- in files ---- */

static struct lsm_file *find_file(const struct lsm_run *run, const void *key, uint32_t key_len)
{
    size_t lo = 0, hi = run->n_files;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const struct manifest_file *f = &run->files[mid]->meta;
        if (key_compare(f->max_key, f->max_key_len, key, key_len) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == run->n_files)
        return NULL;
    const struct manifest_file *f = &run->files[lo]->meta;
    return key_compare(f->min_key, f->min_key_len, key, key_len) <= 0 ? run->files[lo] : NULL;
}

static void take_found(struct lsm_found *out, const struct sst_found *found, struct lsm_file *file)
{
    hlc_time ts = sst_block_ts(found->block, found->row);
    if (lsm_found_any(out) && out->ts >= ts) {
        sst_cached_unref(&found->block->cached);
        return;
    }
    lsm_found_done(out);
    *out = (struct lsm_found){.ts = ts, .block = found->block, .row = found->row, .file = file};
}

int lsm_find(struct task *task, const struct lsm_snapshot *s, const void *key, uint32_t key_len,
             hlc_time ts, struct sst_reads *reads, struct lsm_found *out, struct err *err)
{
    *out = (struct lsm_found){0};
    for (size_t i = 0; i < s->n_mems; i++) {
        const struct mem_node *n = find_in_mem(s->mems[i], key, key_len, ts);
        if (n && (!out->node || n->ts > out->ts))
            *out = (struct lsm_found){.ts = n->ts, .node = n};
    }
    uint64_t hash = 0;
    for (size_t r = 0; r < s->version->n_runs; r++) {
        struct lsm_file *f = find_file(&s->version->runs[r], key, key_len);
        if (!f || f->meta.min_ts > ts || (lsm_found_any(out) && out->ts >= f->meta.max_ts))
            continue;
        if (!hash)
            hash = sst_bloom_hash(key, key_len);
        struct sst_found found;
        int code = sst_file_get(task, f->sst, key, key_len, hash, ts, reads, &found, err);
        if (code) {
            lsm_found_done(out);
            return code;
        }
        if (found.block)
            take_found(out, &found, f);
    }
    return 0;
}

/* From memory and cached blocks. False: something would have to be read. */
static bool find_now(struct memtable *const *mems, size_t n_mems, const struct lsm_version *v,
                     const void *key, uint32_t key_len, hlc_time ts, struct lsm_found *out)
{
    *out = (struct lsm_found){0};
    for (size_t i = 0; i < n_mems; i++) {
        const struct mem_node *n = find_in_mem(mems[i], key, key_len, ts);
        if (n && (!out->node || n->ts > out->ts))
            *out = (struct lsm_found){.ts = n->ts, .node = n};
    }
    uint64_t hash = 0;
    for (size_t r = 0; r < v->n_runs; r++) {
        struct lsm_file *f = find_file(&v->runs[r], key, key_len);
        if (!f || f->meta.min_ts > ts || (lsm_found_any(out) && out->ts >= f->meta.max_ts))
            continue;
        if (!hash)
            hash = sst_bloom_hash(key, key_len);
        struct sst_found found;
        if (!sst_file_get_now(f->sst, key, key_len, hash, ts, &found)) {
            lsm_found_done(out);
            return false;
        }
        if (found.block)
            take_found(out, &found, f);
    }
    return true;
}

static bool find_in_lsm_now(struct lsm *lsm, const void *key, uint32_t key_len, hlc_time ts,
                            struct lsm_found *out)
{
    struct memtable *mems[LSM_FROZEN_MAX + 1];
    size_t n = 0;
    mems[n++] = lsm->mem;
    for (size_t i = lsm->n_frozen; i-- > 0;)
        mems[n++] = lsm->frozen[i];
    return find_now(mems, n, lsm->version, key, key_len, ts, out);
}

static void describe(const struct lsm_found *found, struct lsm_version_info *info)
{
    *info = (struct lsm_version_info){.found = lsm_found_any(found), .ts = found->ts};
    if (info->found)
        info->deleted = lsm_found_deleted(found);
}

/* Appends a row in row format from a block. */
static int append_block_row(struct task *task, const struct lsm_found *f,
                            const struct kv_schema *schema, struct buf *row, struct err *err)
{
    struct arena arena;
    arena_init(&arena, NULL);
    size_t from = row->len;
    int code = 0;
    row_begin(row);
    /* A block's columns ascend by id, as a row's must; the last ones are not columns of the
     * table. */
    for (uint16_t i = 0; code == 0 && i < f->block->n_cols; i++) {
        const struct enc_chunk *c = &f->block->cols[i];
        bool wanted = false;
        for (uint16_t k = 0; k < schema->n_columns; k++)
            wanted |= schema->columns[k].id == c->column_id && !sst_schema_in_key(schema, k);
        if (!wanted)
            continue;
        struct datum d = enc_get(c, f->row);
        if (enc_is_blob(c, f->row)) {
            struct bytes_view view;
            code = sst_file_blob(task, f->file->sst, &d, &arena, NULL, &view, err);
            d.u.bytes = view;
        }
        if (code == 0)
            row_append(row, c->column_id, &d);
    }
    arena_done(&arena);
    if (code)
        row->len = from;
    return code;
}

static int append_found(struct task *task, const struct lsm_found *f,
                        const struct kv_schema *schema, struct buf *row, struct err *err)
{
    if (f->node) {
        buf_put(row, mem_node_row(f->node), f->node->row_len);
        return 0;
    }
    if (!lsm_found_deleted(f))
        return append_block_row(task, f, schema, row, err);
    struct datum moved =
        f->block->moved ? enc_get(f->block->moved, f->row) : datum_null(PHYS_BYTES);
    if (!moved.null)
        buf_put(row, view_data(&moved.u.bytes), moved.u.bytes.len);
    return 0;
}

int lsm_get(struct task *task, struct lsm *lsm, const void *key, uint32_t key_len, hlc_time ts,
            struct lsm_version_info *info, struct buf *row, struct err *err)
{
    struct lsm_found found;
    struct lsm_snapshot *snapshot = NULL;
    if (!find_in_lsm_now(lsm, key, key_len, ts, &found) ||
        (row && found.block && lsm_block_has_blobs(found.block))) {
        lsm_found_done(&found);
        snapshot = lsm_snapshot_take(lsm);
        int code = lsm_find(task, snapshot, key, key_len, ts, NULL, &found, err);
        if (code) {
            lsm_snapshot_release(snapshot);
            return code;
        }
    }
    describe(&found, info);
    int code = 0;
    if (row && info->found)
        code = append_found(task, &found, snapshot ? snapshot->schema->schema : lsm->schema->schema,
                            row, err);
    lsm_found_done(&found);
    lsm_snapshot_release(snapshot);
    return code;
}

int lsm_newest(struct task *task, struct lsm *lsm, const void *key, uint32_t key_len,
               struct lsm_version_info *info, struct err *err)
{
    return lsm_get(task, lsm, key, key_len, HLC_MAX, info, NULL, err);
}

bool lsm_newest_now(struct lsm *lsm, const void *key, uint32_t key_len,
                    struct lsm_version_info *info)
{
    struct lsm_found found;
    if (!find_in_lsm_now(lsm, key, key_len, HLC_MAX, &found))
        return false;
    describe(&found, info);
    lsm_found_done(&found);
    return true;
}

/* ---- newest timestamp of a span ---- */

static bool before_end(const struct kv_span *span, const void *key, size_t len)
{
    return (!span->end && !span->end_len) || key_compare(key, len, span->end, span->end_len) < 0;
}

static hlc_time span_newest_mem(const struct memtable *m, const struct kv_span *span,
                                hlc_time after, hlc_time newest)
{
    if (atomic_load_explicit(&m->max_ts, memory_order_relaxed) <= after)
        return newest;
    const struct mem_node *n = memtable_seek(m, span->start, span->start_len, HLC_MAX);
    for (; n && before_end(span, mem_node_key(n), n->key_len); n = mem_node_next(n))
        if (n->ts > after && n->ts > newest)
            newest = n->ts;
    return newest;
}

static hlc_time span_newest_block(const struct sst_block *b, const struct kv_span *span,
                                  const struct sst_key_schema *keys, hlc_time after,
                                  hlc_time newest)
{
    struct arena arena;
    struct buf scratch = {0};
    struct sst_probe from, to;
    arena_init(&arena, NULL);
    sst_probe_init(&from, keys, span->start, span->start_len, &arena);
    uint32_t row = sst_block_seek(b, 0, &from, &scratch), end = b->n_rows;
    if (span->end_len) {
        sst_probe_init(&to, keys, span->end, span->end_len, &arena);
        end = sst_block_seek(b, row, &to, &scratch);
    }
    for (; row < end; row++) {
        hlc_time ts = sst_block_ts(b, row);
        if (ts > after && ts > newest)
            newest = ts;
    }
    buf_done(&scratch);
    arena_done(&arena);
    return newest;
}

static int span_newest_file(struct task *task, struct lsm_file *f, const struct kv_span *span,
                            const struct sst_key_schema *keys, hlc_time after, bool exact,
                            hlc_time *newest, struct err *err)
{
    struct sst_index *index = NULL;
    int code = sst_file_index(task, f->sst, NULL, &index, err);
    if (code)
        return code;
    for (uint32_t i = sst_index_seek(index, span->start, span->start_len);
         code == 0 && i < index->n_blocks; i++) {
        struct sst_index_entry e = sst_index_get(index, i);
        if (!before_end(span, e.first_key, e.first_len))
            break;
        if (e.max_ts <= after || e.max_ts <= *newest)
            continue;
        if (!exact) {
            *newest = e.max_ts;
            continue;
        }
        struct sst_block *b = NULL;
        code = sst_file_block(task, f->sst, &e, NULL, &b, err);
        if (code == 0) {
            *newest = span_newest_block(b, span, keys, after, *newest);
            sst_cached_unref(&b->cached);
        }
    }
    sst_cached_unref(&index->cached);
    return code;
}

int lsm_span_newest(struct task *task, struct lsm_snapshot *s, const struct kv_span *span,
                    hlc_time after, bool exact, hlc_time *out, struct err *err)
{
    hlc_time newest = 0;
    struct kv_span one = *span;
    struct buf end = {0};
    if (span->point) {
        buf_put(&end, span->start, span->start_len);
        buf_put_u8(&end, 0);
        one.end = end.data;
        one.end_len = (uint32_t)end.len;
        one.point = false;
    }
    for (size_t i = 0; i < s->n_mems; i++)
        newest = span_newest_mem(s->mems[i], &one, after, newest);
    int code = 0;
    for (size_t r = 0; code == 0 && r < s->version->n_runs; r++) {
        const struct lsm_run *run = &s->version->runs[r];
        for (size_t i = 0; code == 0 && i < run->n_files; i++) {
            const struct manifest_file *f = &run->files[i]->meta;
            if (f->max_ts <= after || f->max_ts <= newest ||
                key_compare(f->max_key, f->max_key_len, one.start, one.start_len) < 0 ||
                !before_end(&one, f->min_key, f->min_key_len))
                continue;
            code = span_newest_file(task, run->files[i], &one, s->schema->keys, after, exact,
                                    &newest, err);
        }
    }
    buf_done(&end);
    if (code == 0)
        *out = newest;
    return code;
}
