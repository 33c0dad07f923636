#include "storage/lsm/lsm_scan_int.h"

#include <assert.h>
#include <stdlib.h>

/* ---- opening ---- */

static struct scan_column describe_column(const struct kv_schema *schema, uint32_t id)
{
    struct scan_column col = {.id = id, .key_part = -1, .kind = PHYS_INT32, .dec_scale = -1};
    col.absent = datum_null(PHYS_INT32);
    for (uint16_t i = 0; i < schema->n_columns; i++) {
        if (schema->columns[i].id != id)
            continue;
        col.kind = schema->columns[i].kind;
        col.dec_scale = schema->columns[i].dec_scale;
        col.absent = schema->columns[i].absent;
        col.absent.kind = col.kind;
        for (uint16_t k = 0; k < schema->n_key; k++)
            if (schema->key[k].column == i)
                col.key_part = k;
    }
    return col;
}

static void set_up_columns(struct lsm_scan *scan)
{
    const struct lsm_scan_spec *spec = &scan->spec;
    scan->columns = arena_array(&scan->arena, struct scan_column, spec->n_columns + 1u);
    for (uint16_t i = 0; i < spec->n_columns; i++)
        scan->columns[i] = describe_column(spec->schema, spec->column_ids[i]);
    scan->tests = arena_array(&scan->arena, struct enc_test, spec->n_tests + 1u);
    scan->test_columns = arena_array(&scan->arena, struct scan_column, spec->n_tests + 1u);
    for (uint16_t i = 0; i < spec->n_tests; i++) {
        enc_test_prepare(&scan->tests[i], &spec->tests[i], &scan->arena);
        scan->test_columns[i] = describe_column(spec->schema, spec->tests[i].column_id);
    }
}

static void set_up_sources(struct lsm_scan *scan)
{
    const struct lsm_snapshot *s = scan->snapshot;
    scan->sources =
        arena_array(&scan->arena, struct scan_source, s->n_mems + s->version->n_runs + 1);
    for (size_t i = 0; i < s->n_mems; i++)
        if (memtable_first(s->mems[i]))
            scan->sources[scan->n_sources++].mem = s->mems[i];
    for (size_t i = 0; i < s->version->n_runs; i++)
        scan->sources[scan->n_sources++].run = &s->version->runs[i];
    if (scan->n_sources)
        scan->sources[scan->n_sources - 1].is_oldest = true;
}

int lsm_scan_open(struct task *task, struct lsm_snapshot *snapshot,
                  const struct lsm_scan_spec *spec, struct lsm_scan **out, struct err *err)
{
    for (uint16_t i = 0; i < spec->n_columns; i++)
        for (uint16_t k = 0; k <= spec->schema->n_columns; k++) {
            if (k == spec->schema->n_columns)
                return err_set(err, ERR_INTERNAL_ERROR, "storage %llu has no column %u",
                               (unsigned long long)spec->schema->id, spec->column_ids[i]);
            if (spec->schema->columns[k].id == spec->column_ids[i])
                break;
        }
    struct lsm_scan *scan = calloc(1, sizeof *scan);
    assert(scan);
    scan->snapshot = lsm_snapshot_ref(snapshot);
    scan->spec = *spec;
    arena_init(&scan->arena, NULL);
    arena_init(&scan->scratch, NULL);
    scan->counters = calloc(1, sizeof *scan->counters);
    assert(scan->counters);
    atomic_init(&scan->counters->refs, 1);
    set_up_columns(scan);
    scan->points = spec->n_spans && spec->spans[0].point;
    if (!scan->points)
        set_up_sources(scan);
    scan->span_at = spec->reverse && !scan->points && spec->n_spans ? spec->n_spans - 1 : 0;
    *out = scan;
    return 0;
}

void lsm_scan_close(struct lsm_scan *scan)
{
    if (!scan)
        return;
    scan_drop_pins(scan);
    for (size_t i = 0; i < scan->n_sources; i++)
        scan_source_done(&scan->sources[i]);
    lsm_snapshot_release(scan->snapshot);
    scan_counters_unref(scan->counters);
    buf_done(&scan->bytes);
    free(scan->pending);
    free(scan->pins);
    free(scan->scratch_mask);
    arena_done(&scan->arena);
    arena_done(&scan->scratch);
    free(scan);
}

hlc_time lsm_scan_uncertain(const struct lsm_scan *scan)
{
    return scan->uncertain;
}

void lsm_scan_stats_add(const struct lsm_scan *scan, struct kv_scan_stats *to)
{
    to->rows_out += scan->stats.rows_out;
    to->rows_tested += scan->stats.rows_tested;
    to->versions_seen += scan->stats.versions_seen;
    to->blocks_pruned += scan->stats.blocks_pruned;
    to->blocks_read += scan->reads.blocks;
    to->blocks_from_disk += scan->reads.blocks_from_disk;
    to->bytes_from_disk += scan->reads.bytes_from_disk;
    to->columns_decoded += (uint64_t)__builtin_popcountll(atomic_load(&scan->counters->columns));
    to->values_decoded += atomic_load(&scan->counters->values_decoded);
    to->tablets += 1;
}

/* ---- rows one by one ---- */

static void note_version(struct lsm_scan *scan, hlc_time ts)
{
    scan->stats.versions_seen++;
    if (ts > scan->spec.ts && ts <= scan->spec.uncertain_limit && ts > scan->uncertain)
        scan->uncertain = ts;
}

static int row_matches(struct task *task, struct lsm_scan *scan, const struct scan_row *row,
                       bool *matches, struct err *err)
{
    scan->stats.rows_tested += scan->spec.n_tests != 0;
    *matches = true;
    for (uint16_t i = 0; i < scan->spec.n_tests && *matches; i++) {
        struct datum d;
        arena_reset(&scan->scratch);
        int code = scan_value(task, scan, row, &scan->test_columns[i], &scan->scratch, &d, err);
        if (code)
            return code;
        *matches = enc_test_match(&scan->tests[i], &d);
    }
    return 0;
}

static void append_row(struct lsm_scan *scan, const struct scan_row *row)
{
    if (scan->n_pending == scan->cap_pending) {
        scan->cap_pending = scan->cap_pending ? scan->cap_pending * 4 : 8;
        scan->pending = realloc(scan->pending, scan->cap_pending * sizeof *scan->pending);
        assert(scan->pending);
    }
    scan->pending[scan->n_pending] = *row;
    scan->pending[scan->n_pending++].span = scan->span_at;
    if (row->block)
        scan_pin_block(scan, row->block);
}

static int test_and_append(struct task *task, struct lsm_scan *scan, const struct scan_row *row,
                           struct err *err)
{
    bool matches = false;
    int code = row_matches(task, scan, row, &matches, err);
    if (code == 0 && matches)
        append_row(scan, row);
    return code;
}

/* The version a source shows of the key it stands on, if it is newer than *best. */
static int look_at_source(struct task *task, struct lsm_scan *scan, struct scan_source *s,
                          struct scan_row *best, hlc_time *best_ts, struct err *err)
{
    if (s->mem) {
        const struct mem_node *n = s->node;
        for (; n && key_compare(mem_node_key(n), n->key_len, s->key, s->key_len) == 0;
             n = mem_node_next(n)) {
            note_version(scan, n->ts);
            if (n->ts > scan->spec.ts)
                continue;
            if (n->ts > *best_ts) {
                *best = (struct scan_row){.node = n};
                *best_ts = n->ts;
            }
            break;
        }
        return 0;
    }
    int code = scan_source_load(task, scan, s, err);
    if (code)
        return code;
    uint32_t end = sst_block_key_end(s->block, s->row);
    for (uint32_t row = s->row; row < end; row++) {
        hlc_time ts = sst_block_ts(s->block, row);
        note_version(scan, ts);
        if (ts > scan->spec.ts)
            continue;
        if (ts > *best_ts) {
            *best =
                (struct scan_row){.block = s->block, .row = row, .file = s->run->files[s->file_at]};
            *best_ts = ts;
        }
        break;
    }
    return 0;
}

/* All sources that stand on the key: shows its visible version, and moves them past it. */
static int merge_key(struct task *task, struct lsm_scan *scan, const uint8_t *key, uint32_t key_len,
                     struct err *err)
{
    struct scan_row best = {0};
    hlc_time best_ts = 0;
    struct buf copy = {0};
    buf_put(&copy, key, key_len);
    int code = 0;
    for (size_t i = 0; i < scan->n_sources && code == 0; i++) {
        struct scan_source *s = &scan->sources[i];
        if (!s->ended && key_compare(s->key, s->key_len, copy.data, copy.len) == 0)
            code = look_at_source(task, scan, s, &best, &best_ts, err);
    }
    bool deleted =
        best.node ? best.node->deleted : best.block && sst_block_is_deleted(best.block, best.row);
    if (code == 0 && (best.node || best.block) && !deleted)
        code = test_and_append(task, scan, &best, err);
    for (size_t i = 0; i < scan->n_sources && code == 0; i++) {
        struct scan_source *s = &scan->sources[i];
        if (!s->ended && key_compare(s->key, s->key_len, copy.data, copy.len) == 0)
            code = scan_source_next(task, scan, s, err);
    }
    buf_done(&copy);
    return code;
}

/* ---- stretches of one block ---- */

static bool block_settled(const struct lsm_scan *scan, const struct sst_block *b)
{
    return (b->flags & SST_FLAG_SETTLED) && b->max_ts <= scan->spec.ts;
}

/* The visible version of the key that begins at `row`; -1 when there is none. */
static int64_t visible_row(struct lsm_scan *scan, const struct sst_block *b, uint32_t row,
                           uint32_t end)
{
    for (; row < end; row++) {
        hlc_time ts = sst_block_ts(b, row);
        note_version(scan, ts);
        if (ts <= scan->spec.ts)
            return sst_block_is_deleted(b, row) ? -1 : (int64_t)row;
    }
    return -1;
}

/* The newest version <= the scan's timestamp of each key, for rows first + [0, n). */
static void mark_versions(struct lsm_scan *scan, const struct sst_block *b, uint32_t first,
                          uint32_t n, const hlc_time *ts, uint64_t *live)
{
    bool found = false;
    for (uint32_t k = 0; k < n; k++) {
        if (sst_block_is_first(b, first + k))
            found = false;
        if (found || ts[k] > scan->spec.ts)
            continue;
        found = true;
        if (!sst_block_is_deleted(b, first + k))
            bit_set(live, k);
    }
}

/* live: bit k = row first + k is visible. Keys are whole within [first, first + n), n <=
 * BATCH_ROWS. */
static void mark_visible(struct lsm_scan *scan, const struct sst_block *b, uint32_t first,
                         uint32_t n, uint64_t *live)
{
    if (block_settled(scan, b)) {
        memset(live, 0xff, BATCH_WORDS * 8);
        scan->stats.versions_seen += n;
        return;
    }
    hlc_time ts[BATCH_ROWS];
    enc_decode(b->ts, first, NULL, n, ts);
    memset(live, 0, BATCH_WORDS * 8);
    scan->stats.versions_seen += n;
    for (uint32_t k = 0; scan->spec.uncertain_limit && k < n; k++)
        if (ts[k] > scan->spec.ts && ts[k] <= scan->spec.uncertain_limit && ts[k] > scan->uncertain)
            scan->uncertain = ts[k];
    if (b->first || b->deleted) {
        mark_versions(scan, b, first, n, ts, live);
        return;
    }
    for (uint32_t k = 0; k < n; k++)
        live[k / 64] |= (uint64_t)(ts[k] <= scan->spec.ts) << (k % 64);
}

static uint32_t count_bits(const uint64_t *bits, uint32_t n)
{
    uint32_t count = 0;
    for (uint32_t w = 0; w < n / 64; w++)
        count += (uint32_t)__builtin_popcountll(bits[w]);
    if (n % 64)
        count += (uint32_t)__builtin_popcountll(bits[n / 64] & (((uint64_t)1 << (n % 64)) - 1));
    return count;
}

/* Rows of one block, key by key: short stretches, long values under test, backward scans. */
static int take_keys(struct task *task, struct lsm_scan *scan, struct scan_source *s, uint32_t lo,
                     uint32_t hi, uint32_t rows_max, struct err *err)
{
    bool reverse = scan->spec.reverse;
    while (s->row >= lo && s->row < hi && scan->n_pending < rows_max) {
        uint32_t start = s->row, end = sst_block_key_end(s->block, start);
        int64_t seen = visible_row(scan, s->block, start, end);
        if (seen >= 0) {
            struct scan_row row = {
                .block = s->block, .row = (uint32_t)seen, .file = s->run->files[s->file_at]};
            int code = test_and_append(task, scan, &row, err);
            if (code)
                return code;
        }
        if (reverse ? start == 0 : end == s->block->n_rows)
            return scan_source_at(task, scan, s, reverse ? -1 : (int64_t)end, err);
        s->row = reverse ? sst_block_key_start(s->block, start - 1) : end;
    }
    return scan_source_at(task, scan, s, s->row, err);
}

/* As many rows of [row, end) as fit a batch, ending between keys. 0: one key has more versions
 * than that. */
static uint32_t cut_slice(const struct sst_block *b, uint32_t row, uint32_t end, uint32_t rows_max)
{
    if (end - row <= rows_max)
        return end - row;
    return sst_block_key_start(b, row + rows_max) - row;
}

static int take_slice(struct task *task, struct lsm_scan *scan, struct scan_source *s, uint32_t n,
                      uint32_t rows_max, struct mem_account *account, struct batch **out,
                      struct err *err)
{
    uint64_t live[BATCH_WORDS], tested[BATCH_WORDS];
    uint32_t first = s->row;
    mark_visible(scan, s->block, first, n, live);
    if (scan->spec.n_tests) {
        scan->stats.rows_tested += n;
        if (!s->mask_all) {
            bits_copy(tested, s->mask, first, n, s->mask_words);
            for (uint32_t w = 0; w < (n + 63) / 64; w++)
                live[w] &= tested[w];
        }
    }
    uint32_t count = count_bits(live, n);
    bool few = count < SLICE_LIVE_MIN && count < n;
    if (count && few && scan->n_pending + count > rows_max)
        return scan_emit_pending(task, scan, account, out, err); /* and once more */
    if (count && !few && scan->n_pending)
        return scan_emit_pending(task, scan, account, out, err);
    int code = 0;
    if (few) {
        for (uint32_t k = 0; k < n && count; k++) {
            if (!bit_get(live, k))
                continue;
            struct scan_row row = {
                .block = s->block, .row = first + k, .file = s->run->files[s->file_at]};
            append_row(scan, &row);
        }
    } else if (count) {
        code = scan_emit_slice(task, scan, s, first, n, count < n ? live : NULL, account, out, err);
    }
    if (code == 0)
        code = scan_source_at(task, scan, s, (int64_t)first + n, err);
    if (code && *out) {
        batch_destroy(*out);
        *out = NULL;
    }
    return code;
}

/* What bounds the stretch of the chosen source: another source's key or the end of the span. */
struct limit {
    const uint8_t *key;
    uint32_t len;
    bool none;
    bool tie; /* another source stands on the same key */
};

static bool is_beyond(const struct lsm_scan *scan, const void *key, size_t len,
                      const struct limit *limit)
{
    if (limit->none)
        return false;
    int cmp = key_compare(key, len, limit->key, limit->len);
    return scan->spec.reverse ? cmp < 0 : cmp >= 0;
}

/* Rows [*lo, *hi) of the loaded block that lie within the limit, on the scan's side of the
 * cursor. */
static void find_stretch(struct lsm_scan *scan, struct scan_source *s, const struct limit *limit,
                         uint32_t *lo, uint32_t *hi)
{
    struct sst_index_entry e = sst_index_get(s->index, s->block_at);
    bool reverse = scan->spec.reverse;
    *lo = reverse ? 0 : s->row;
    *hi = reverse ? sst_block_key_end(s->block, s->row) : s->block->n_rows;
    if (limit->none || (reverse ? key_compare(e.first_key, e.first_len, limit->key, limit->len) > 0
                                : key_compare(e.last_key, e.last_len, limit->key, limit->len) < 0))
        return;
    struct sst_probe probe;
    arena_reset(&scan->scratch);
    sst_probe_init(&probe, s->block->keys, limit->key, limit->len, &scan->scratch);
    uint32_t at = sst_block_seek(s->block, reverse ? 0 : s->row, &probe, &scan->bytes);
    if (!reverse) {
        *hi = at;
        return;
    }
    /* Backward the limit is excluded when a source stands there, included when it is the span's
     * start. */
    bool is_start = limit->key == scan->span.start;
    if (!is_start && at < s->block->n_rows &&
        sst_block_compare(s->block, at, &probe, &scan->bytes) == 0)
        at = sst_block_key_end(s->block, at);
    *lo = at;
}

static bool may_prune(const struct lsm_scan *scan, const struct scan_source *s,
                      const struct limit *limit)
{
    struct sst_index_entry e = sst_index_get(s->index, s->block_at);
    if (!scan->spec.n_tests || (scan->spec.uncertain_limit && e.max_ts > scan->spec.ts))
        return false;
    /* Rows of the oldest source hide nothing; those of a block alone in its key span neither. */
    if (s->is_oldest || limit->none)
        return true;
    if (scan->spec.reverse)
        return key_compare(e.first_key, e.first_len, limit->key, limit->len) > 0;
    return key_compare(e.last_key, e.last_len, limit->key, limit->len) < 0;
}

static int take_stretch(struct task *task, struct lsm_scan *scan, struct scan_source *s,
                        const struct limit *limit, uint32_t rows_max, struct mem_account *account,
                        struct batch **out, struct err *err)
{
    if (!s->block && may_prune(scan, s, limit) && scan_block_pruned(scan, s)) {
        scan->stats.blocks_pruned++;
        return scan_source_skip_block(task, scan, s, err);
    }
    int code = scan_source_load(task, scan, s, err);
    if (code)
        return code;
    uint32_t lo = 0, hi = 0;
    find_stretch(scan, s, limit, &lo, &hi);
    if (scan->spec.reverse || hi - lo < SLICE_ROWS_MIN)
        return take_keys(task, scan, s, lo, hi, rows_max, err);
    scan_source_mask(scan, s);
    uint32_t n = s->has_blob_test ? 0 : cut_slice(s->block, lo, hi, rows_max);
    if (n == 0)
        return take_keys(task, scan, s, lo, s->has_blob_test ? hi : sst_block_key_end(s->block, lo),
                         rows_max, err);
    return take_slice(task, scan, s, n, rows_max, account, out, err);
}

/* ---- the merge ---- */

static int compare_in_order(const struct lsm_scan *scan, const struct scan_source *a,
                            const struct scan_source *b)
{
    int cmp = key_compare(a->key, a->key_len, b->key, b->key_len);
    return scan->spec.reverse ? -cmp : cmp;
}

/* The source that stands first and how far it may go alone. NULL: the span is done. */
static struct scan_source *choose_source(struct lsm_scan *scan, struct limit *limit)
{
    const struct kv_span *span = &scan->span;
    struct scan_source *first = NULL, *second = NULL;
    for (size_t i = 0; i < scan->n_sources; i++) {
        struct scan_source *s = &scan->sources[i];
        if (s->ended)
            continue;
        if (!first || compare_in_order(scan, s, first) < 0) {
            second = first;
            first = s;
        } else if (!second || compare_in_order(scan, s, second) < 0) {
            second = s;
        }
    }
    if (!first)
        return NULL;
    bool open_end = scan->spec.reverse ? span->start_len == 0 : !span->end && !span->end_len;
    *limit = (struct limit){.none = open_end};
    if (!open_end) {
        limit->key = scan->spec.reverse ? span->start : span->end;
        limit->len = scan->spec.reverse ? span->start_len : span->end_len;
        if (is_beyond(scan, first->key, first->key_len, limit))
            return NULL;
    }
    if (second && !is_beyond(scan, second->key, second->key_len, limit)) {
        limit->none = false;
        limit->key = second->key;
        limit->len = second->key_len;
        limit->tie = compare_in_order(scan, first, second) == 0;
    }
    return first;
}

static int begin_span(struct task *task, struct lsm_scan *scan, struct err *err)
{
    static const uint8_t nothing[1];
    scan->span = (struct kv_span){.start = nothing};
    if (scan->spec.n_spans)
        scan->span = scan->spec.spans[scan->span_at];
    if (!scan->span.start)
        scan->span.start = nothing;
    scan->in_span = true;
    for (size_t i = 0; i < scan->n_sources; i++) {
        scan->sources[i].ended = false;
        int code = scan_source_seek(task, scan, &scan->sources[i], err);
        if (code)
            return code;
    }
    return 0;
}

/* False: that was the last one. */
static bool next_span(struct lsm_scan *scan)
{
    scan->in_span = false;
    uint32_t n = scan->spec.n_spans ? scan->spec.n_spans : 1;
    if (scan->spec.reverse) {
        if (scan->span_at == 0)
            return false;
        scan->span_at--;
        return true;
    }
    return ++scan->span_at < n;
}

static int step_ranges(struct task *task, struct lsm_scan *scan, uint32_t rows_max, bool *ended,
                       struct mem_account *account, struct batch **out, struct err *err)
{
    if (!scan->in_span) {
        if (*ended)
            return 0;
        int code = begin_span(task, scan, err);
        if (code)
            return code;
    }
    struct limit limit;
    struct scan_source *s = choose_source(scan, &limit);
    if (!s) {
        *ended = !next_span(scan);
        return 0;
    }
    if (s->mem || limit.tie)
        return merge_key(task, scan, s->key, s->key_len, err);
    return take_stretch(task, scan, s, &limit, rows_max, account, out, err);
}

static int step_points(struct task *task, struct lsm_scan *scan, bool *ended, struct err *err)
{
    if (scan->span_at >= scan->spec.n_spans) {
        *ended = true;
        return 0;
    }
    const struct kv_span *span = &scan->spec.spans[scan->span_at];
    hlc_time ts = scan->spec.ts;
    struct lsm_found found;
    int code = 0;
    if (scan->spec.uncertain_limit) {
        code = lsm_find(task, scan->snapshot, span->start, span->start_len,
                        scan->spec.uncertain_limit, &scan->reads, &found, err);
        if (code)
            return code;
        if (lsm_found_any(&found))
            note_version(scan, found.ts);
        lsm_found_done(&found);
    }
    code =
        lsm_find(task, scan->snapshot, span->start, span->start_len, ts, &scan->reads, &found, err);
    if (code)
        return code;
    scan->stats.versions_seen += lsm_found_any(&found);
    if (lsm_found_any(&found) && !lsm_found_deleted(&found)) {
        struct scan_row row = {found.node, found.block, found.row, 0, found.file};
        code = test_and_append(task, scan, &row, err);
    }
    lsm_found_done(&found);
    scan->span_at++;
    return code;
}

int lsm_scan_next(struct task *task, struct lsm_scan *scan, uint32_t rows_max,
                  struct mem_account *account, struct batch **out, struct err *err)
{
    *out = NULL;
    rows_max = rows_max == 0 || rows_max > BATCH_ROWS ? BATCH_ROWS : rows_max;
    uint32_t n_spans = scan->spec.n_spans ? scan->spec.n_spans : 1;
    bool ended = !scan->in_span && (scan->span_at >= n_spans || scan->span_at == UINT32_MAX);
    while (!*out && !ended) {
        if (scan->n_pending >= rows_max)
            break;
        int code = scan->points ? step_points(task, scan, &ended, err)
                                : step_ranges(task, scan, rows_max, &ended, account, out, err);
        if (code == 0 && task->core) {
            task_tick(task, 4);
            code = task_check(task, err);
        }
        if (code) {
            batch_destroy(*out);
            *out = NULL;
            return code;
        }
    }
    if (ended)
        scan->span_at = UINT32_MAX;
    if (!*out && scan->n_pending)
        return scan_emit_pending(task, scan, account, out, err);
    return 0;
}

/* ---- cutting a span into parts ---- */

static bool in_span(const struct kv_span *span, const void *key, size_t len)
{
    return key_compare(key, len, span->start, span->start_len) > 0 &&
           ((!span->end && !span->end_len) || key_compare(key, len, span->end, span->end_len) < 0);
}

/* Cuts by the blocks of the biggest run: good enough, since the rest is small or alike. */
int lsm_snapshot_split(struct task *task, struct lsm_snapshot *snapshot, const struct kv_span *span,
                       uint32_t n, struct buf *keys, uint32_t *ends, uint32_t *n_keys,
                       struct err *err)
{
    *n_keys = 0;
    const struct lsm_run *run = NULL;
    for (size_t i = 0; i < snapshot->version->n_runs; i++)
        if (!run || snapshot->version->runs[i].bytes > run->bytes)
            run = &snapshot->version->runs[i];
    if (!run || n < 2)
        return 0;
    uint64_t total = 0, seen = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < run->n_files; i++) {
            struct sst_index *index = NULL;
            int code = sst_file_index(task, run->files[i]->sst, NULL, &index, err);
            if (code)
                return code;
            for (uint32_t k = 0; k < index->n_blocks; k++) {
                struct sst_index_entry e = sst_index_get(index, k);
                if (!in_span(span, e.first_key, e.first_len))
                    continue;
                if (pass == 0) {
                    total += e.size;
                    continue;
                }
                seen += e.size;
                if (*n_keys + 1 < n && seen * n > total * (*n_keys + 1)) {
                    buf_put(keys, e.first_key, e.first_len);
                    ends[(*n_keys)++] = (uint32_t)keys->len;
                }
            }
            sst_cached_unref(&index->cached);
        }
    }
    return 0;
}
