#include <assert.h>
#include <stdlib.h>

#include "storage/lsm/lsm_scan_int.h"

static void drop_block(struct scan_source *s)
{
    if (s->block)
        sst_cached_unref(&s->block->cached);
    s->block = NULL;
    s->mask_ready = false;
}

static void drop_file(struct scan_source *s)
{
    drop_block(s);
    if (s->index)
        sst_cached_unref(&s->index->cached);
    if (s->zones)
        sst_cached_unref(&s->zones->cached);
    s->index = NULL;
    s->zones = NULL;
}

void scan_source_done(struct scan_source *s)
{
    drop_file(s);
    buf_done(&s->key_buf);
    free(s->mask);
}

static void set_mem_key(struct scan_source *s)
{
    s->ended = s->node == NULL;
    if (s->ended)
        return;
    s->key = mem_node_key(s->node);
    s->key_len = s->node->key_len;
}

static void set_row_key(struct scan_source *s)
{
    buf_reset(&s->key_buf);
    sst_block_key(s->block, s->row, &s->key_buf);
    s->key = s->key_buf.data;
    s->key_len = (uint32_t)s->key_buf.len;
}

static int open_file_index(struct task *task, struct lsm_scan *scan, struct scan_source *s,
                           struct err *err)
{
    struct sst_file *f = s->run->files[s->file_at]->sst;
    int code = sst_file_index(task, f, &scan->reads, &s->index, err);
    if (code == 0 && scan->spec.n_tests)
        code = sst_file_zones(task, f, &scan->reads, &s->zones, err);
    return code;
}

/* The cursor stands at an edge of block_at, which is not loaded: its key is known from the
 * index. */
static void stand_at_edge(struct lsm_scan *scan, struct scan_source *s)
{
    struct sst_index_entry e = sst_index_get(s->index, s->block_at);
    s->key = scan->spec.reverse ? e.last_key : e.first_key;
    s->key_len = scan->spec.reverse ? e.last_len : e.first_len;
}

/* On to the next block in the scan's direction; across files. */
static int next_block(struct task *task, struct lsm_scan *scan, struct scan_source *s,
                      struct err *err)
{
    bool reverse = scan->spec.reverse;
    drop_block(s);
    if (reverse ? s->block_at > 0 : s->block_at + 1 < s->index->n_blocks) {
        s->block_at += reverse ? UINT32_MAX : 1;
        stand_at_edge(scan, s);
        return 0;
    }
    if (reverse ? s->file_at == 0 : s->file_at + 1 == s->run->n_files) {
        s->ended = true;
        return 0;
    }
    drop_file(s);
    s->file_at += reverse ? SIZE_MAX : 1;
    int code = open_file_index(task, scan, s, err);
    if (code)
        return code;
    s->block_at = reverse ? s->index->n_blocks - 1 : 0;
    stand_at_edge(scan, s);
    return 0;
}

int scan_source_skip_block(struct task *task, struct lsm_scan *scan, struct scan_source *s,
                           struct err *err)
{
    return next_block(task, scan, s, err);
}

int scan_source_load(struct task *task, struct lsm_scan *scan, struct scan_source *s,
                     struct err *err)
{
    if (s->block)
        return 0;
    struct sst_index_entry e = sst_index_get(s->index, s->block_at);
    int code =
        sst_file_block(task, s->run->files[s->file_at]->sst, &e, &scan->reads, &s->block, err);
    if (code)
        return code;
    s->mask_ready = false;
    s->row = scan->spec.reverse ? sst_block_key_start(s->block, s->block->n_rows - 1) : 0;
    return 0;
}

int scan_source_at(struct task *task, struct lsm_scan *scan, struct scan_source *s, int64_t row,
                   struct err *err)
{
    if (row < 0 || row >= s->block->n_rows)
        return next_block(task, scan, s, err);
    s->row = (uint32_t)row;
    set_row_key(s);
    return 0;
}

/* ---- seeking ---- */

/* First file whose last key is >= key, or (reverse) last file whose first key is < key.
 * n_files: none. */
static size_t seek_file(const struct lsm_run *run, const void *key, size_t len, bool reverse)
{
    size_t lo = 0, hi = run->n_files;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const struct manifest_file *f = &run->files[mid]->meta;
        bool before = reverse ? key_compare(f->min_key, f->min_key_len, key, len) < 0
                              : key_compare(f->max_key, f->max_key_len, key, len) < 0;
        if (before)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (!reverse)
        return lo;
    return lo ? lo - 1 : run->n_files;
}

static int seek_forward(struct task *task, struct lsm_scan *scan, struct scan_source *s,
                        struct err *err)
{
    const struct kv_span *span = &scan->span;
    s->file_at = seek_file(s->run, span->start, span->start_len, false);
    s->ended = s->file_at == s->run->n_files;
    if (s->ended)
        return 0;
    int code = open_file_index(task, scan, s, err);
    if (code)
        return code;
    s->block_at = sst_index_seek(s->index, span->start, span->start_len);
    if (s->block_at >= s->index->n_blocks)
        return err_set(err, ERR_DATA_CORRUPTED, "the index of an sst ends before its last key");
    stand_at_edge(scan, s);
    if (key_compare(s->key, s->key_len, span->start, span->start_len) >= 0)
        return 0;
    code = scan_source_load(task, scan, s, err);
    if (code)
        return code;
    struct sst_probe probe;
    arena_reset(&scan->scratch);
    sst_probe_init(&probe, s->block->keys, span->start, span->start_len, &scan->scratch);
    uint32_t row = sst_block_seek(s->block, 0, &probe, &scan->bytes);
    return scan_source_at(task, scan, s, row, err);
}

static bool has_end(const struct kv_span *span)
{
    return span->end || span->end_len;
}

static int seek_backward(struct task *task, struct lsm_scan *scan, struct scan_source *s,
                         struct err *err)
{
    const struct kv_span *span = &scan->span;
    s->file_at =
        has_end(span) ? seek_file(s->run, span->end, span->end_len, true) : s->run->n_files - 1;
    s->ended = s->file_at >= s->run->n_files;
    if (s->ended)
        return 0;
    int code = open_file_index(task, scan, s, err);
    if (code)
        return code;
    uint32_t at =
        has_end(span) ? sst_index_seek(s->index, span->end, span->end_len) : s->index->n_blocks;
    /* Block `at` holds the bound or lies behind it. */
    bool inside = false;
    if (at < s->index->n_blocks) {
        struct sst_index_entry e = sst_index_get(s->index, at);
        inside = key_compare(e.first_key, e.first_len, span->end, span->end_len) < 0;
    }
    s->block_at = inside ? at : at - 1;
    stand_at_edge(scan, s);
    if (!inside)
        return 0;
    code = scan_source_load(task, scan, s, err);
    if (code)
        return code;
    struct sst_probe probe;
    arena_reset(&scan->scratch);
    sst_probe_init(&probe, s->block->keys, span->end, span->end_len, &scan->scratch);
    uint32_t row = sst_block_seek(s->block, 0, &probe, &scan->bytes);
    return scan_source_at(task, scan, s, sst_block_key_start(s->block, row - 1), err);
}

static void seek_mem(struct lsm_scan *scan, struct scan_source *s)
{
    const struct kv_span *span = &scan->span;
    if (!scan->spec.reverse) {
        s->node = memtable_seek(s->mem, span->start, span->start_len, HLC_MAX);
    } else {
        s->node = memtable_last_before(s->mem, has_end(span) ? span->end : NULL, span->end_len);
        if (s->node)
            s->node = memtable_seek(s->mem, mem_node_key(s->node), s->node->key_len, HLC_MAX);
    }
    set_mem_key(s);
}

int scan_source_seek(struct task *task, struct lsm_scan *scan, struct scan_source *s,
                     struct err *err)
{
    if (s->mem) {
        seek_mem(scan, s);
        return 0;
    }
    drop_file(s);
    return scan->spec.reverse ? seek_backward(task, scan, s, err)
                              : seek_forward(task, scan, s, err);
}

int scan_source_next(struct task *task, struct lsm_scan *scan, struct scan_source *s,
                     struct err *err)
{
    if (!s->mem) {
        int code = scan_source_load(task, scan, s, err);
        if (code)
            return code;
        if (!scan->spec.reverse)
            return scan_source_at(task, scan, s, sst_block_key_end(s->block, s->row), err);
        if (s->row == 0)
            return scan_source_at(task, scan, s, -1, err);
        return scan_source_at(task, scan, s, sst_block_key_start(s->block, s->row - 1), err);
    }
    if (scan->spec.reverse) {
        s->node = memtable_last_before(s->mem, s->key, s->key_len);
        if (s->node)
            s->node = memtable_seek(s->mem, mem_node_key(s->node), s->node->key_len, HLC_MAX);
    } else {
        const struct mem_node *n = s->node;
        while (n && key_compare(mem_node_key(n), n->key_len, s->key, s->key_len) == 0)
            n = mem_node_next(n);
        s->node = n;
    }
    set_mem_key(s);
    return 0;
}

/* ---- tests on blocks ---- */

bool scan_block_pruned(struct lsm_scan *scan, struct scan_source *s)
{
    struct sst_index_entry e = sst_index_get(s->index, s->block_at);
    for (uint16_t i = 0; i < scan->spec.n_tests; i++) {
        uint32_t nulls = 0;
        bool has = false;
        struct datum min, max;
        enum enc_zone zone;
        if (sst_zones_get(s->zones, scan->tests[i].column_id, s->block_at, &nulls, &has, &min,
                          &max))
            zone =
                enc_test_zone(&scan->tests[i], has ? &min : NULL, has ? &max : NULL, nulls, e.rows);
        else
            zone = enc_test_match(&scan->tests[i], &scan->test_columns[i].absent) ? ENC_ZONE_ALL
                                                                                  : ENC_ZONE_NONE;
        if (zone == ENC_ZONE_NONE)
            return true;
    }
    return false;
}

static bool zone_says_all(struct lsm_scan *scan, struct scan_source *s, uint16_t i)
{
    uint32_t nulls = 0;
    bool has = false;
    struct datum min, max;
    if (!sst_zones_get(s->zones, scan->tests[i].column_id, s->block_at, &nulls, &has, &min, &max))
        return false;
    return enc_test_zone(&scan->tests[i], has ? &min : NULL, has ? &max : NULL, nulls,
                         s->block->n_rows) == ENC_ZONE_ALL;
}

static void need_mask(struct lsm_scan *scan, struct scan_source *s)
{
    size_t words = ((size_t)s->block->n_rows + 63) / 64 + 1;
    if (words > s->mask_words) {
        free(s->mask);
        s->mask = malloc(words * 8);
        assert(s->mask);
        s->mask_words = words;
    }
    if (words > scan->scratch_words) {
        free(scan->scratch_mask);
        scan->scratch_mask = malloc(words * 8);
        assert(scan->scratch_mask);
        scan->scratch_words = words;
    }
    memset(s->mask, 0xff, words * 8);
}

void scan_source_mask(struct lsm_scan *scan, struct scan_source *s)
{
    if (s->mask_ready)
        return;
    s->mask_ready = true;
    s->mask_all = true;
    s->has_blob_test = false;
    for (uint16_t i = 0; i < scan->spec.n_tests; i++) {
        if (zone_says_all(scan, s, i))
            continue;
        const struct enc_chunk *c = sst_block_column(s->block, scan->tests[i].column_id);
        if (!c && enc_test_match(&scan->tests[i], &scan->test_columns[i].absent))
            continue;
        if (s->mask_all)
            need_mask(scan, s);
        s->mask_all = false;
        if (!c) {
            memset(s->mask, 0, s->mask_words * 8);
            continue;
        }
        s->has_blob_test |= c->blobs != NULL;
        enc_test_filter(&scan->tests[i], c, s->mask, scan->scratch_mask);
    }
}
