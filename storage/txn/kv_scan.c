#include "storage/txn/kv_scan.h"

#include <stdlib.h>

/* ---- opening -------------------------------------------------------------------------------- */

static int compare_points(const struct kv_span *a, const struct kv_span *b)
{
    return key_compare(a->start, a->start_len, b->start, b->start_len);
}

/* Ordered scans of points read them in key order: a merge sort, stable. */
static void sort_points(const struct kv_span *spans, uint32_t *order, uint32_t *scratch, uint32_t n,
                        bool reverse)
{
    if (n < 2)
        return;
    uint32_t half = n / 2, i = 0, j = half, k = 0;
    sort_points(spans, order, scratch, half, reverse);
    sort_points(spans, order + half, scratch, n - half, reverse);
    while (i < half && j < n) {
        int cmp = compare_points(&spans[order[i]], &spans[order[j]]);
        scratch[k++] = (reverse ? cmp >= 0 : cmp <= 0) ? order[i++] : order[j++];
    }
    while (i < half)
        scratch[k++] = order[i++];
    while (j < n)
        scratch[k++] = order[j++];
    memcpy(order, scratch, n * sizeof *order);
}

/* Order in which the spans are read, NULL = as given. */
static uint32_t *order_spans(struct kv_scan *scan)
{
    const struct kv_scan_spec *spec = scan->spec;
    bool points = spec->n_spans > 1 && spec->ordered;
    for (uint32_t i = 0; i < spec->n_spans && points; i++)
        points = spec->spans[i].point;
    if (!points)
        return NULL;
    uint32_t *order = arena_array(&scan->arena, uint32_t, spec->n_spans);
    uint32_t *scratch = arena_array(&scan->arena, uint32_t, spec->n_spans);
    for (uint32_t i = 0; i < spec->n_spans; i++)
        order[i] = i;
    sort_points(spec->spans, order, scratch, spec->n_spans, spec->reverse);
    return order;
}

/* Whether a span may hold rows of the shard. */
static bool span_touches(const struct kv_scan_spec *spec, uint32_t span, uint32_t shard)
{
    int only = kv_schema_shard_of_span(spec->schema, &spec->spans[span]);
    return only < 0 || (uint32_t)only == shard;
}

static bool add_spans(struct kv_scan *scan, struct kv_stream *s, const uint32_t *order)
{
    const struct kv_scan_spec *spec = scan->spec;
    uint32_t n = 0;
    s->spans = arena_array(&scan->arena, struct kv_span, spec->n_spans ? spec->n_spans : 1);
    if (!spec->n_spans) {
        s->spans[n++] = (struct kv_span){.start = (const uint8_t *)""};
    } else {
        bool all = spec->schema->n_shards == 1;
        s->ordinals = all && !order ? NULL : arena_array(&scan->arena, uint32_t, spec->n_spans);
        for (uint32_t i = 0; i < spec->n_spans; i++) {
            uint32_t span = order ? order[i] : i;
            if (!all && !span_touches(spec, span, s->spec.shard))
                continue;
            if (s->ordinals)
                s->ordinals[n] = span;
            s->spans[n] = spec->spans[span];
            if (!s->spans[n].start)
                s->spans[n].start = (const uint8_t *)"";
            n++;
        }
    }
    s->spec.spans = s->spans;
    s->spec.n_spans = n;
    return n > 0;
}

static void add_stream(struct kv_scan *scan, uint16_t shard, const uint32_t *order)
{
    const struct kv_scan_spec *spec = scan->spec;
    struct kv_stream *s = &scan->streams[scan->n_streams];
    s->scan = scan;
    s->group = kv_group_of(scan->kv, spec->schema, shard);
    s->limit = spec->lock ? 0 : spec->limit_hint;
    s->spec = (struct txn_scan_spec){
        .schema = spec->schema,
        .column_ids = spec->column_ids,
        .n_columns = spec->n_columns,
        .n_tests = spec->n_tests,
        .tests = spec->tests,
        .with_key = scan->with_key,
        .with_span = spec->with_span,
        .reverse = spec->reverse,
        .shard = shard,
    };
    if (add_spans(scan, s, order))
        scan->n_streams++;
}

int kv_scan_open(struct task *task, struct kv *kv, struct kv_txn *txn, const struct kv_read *read,
                 const struct kv_scan_spec *spec, struct kv_scan **out, struct err *err)
{
    if (spec->lock && !txn)
        return err_set(err, ERR_INTERNAL_ERROR, "a locking scan runs at the gateway only");
    uint32_t n = spec->shards ? spec->n_shards : spec->schema->n_shards;
    struct kv_scan *scan = calloc(1, sizeof *scan);
    if (!scan)
        abort();
    arena_init(&scan->arena, NULL);
    scan->kv = kv;
    scan->txn = txn;
    scan->read = *read;
    scan->spec = spec;
    scan->merges = spec->ordered && n > 1;
    scan->with_key = spec->with_key || scan->merges || spec->lock;
    scan->streams = arena_array(&scan->arena, struct kv_stream, n);
    if (txn)
        txn->retry = KV_RETRY_NONE;
    const uint32_t *order = order_spans(scan);
    for (uint32_t i = 0; i < n; i++)
        add_stream(scan, spec->shards ? spec->shards[i] : (uint16_t)i, order);
    scan->merges &= scan->n_streams > 1;
    for (uint32_t i = 0; i < scan->n_streams && scan->n_streams > 1; i++)
        kv_stream_start(task, &scan->streams[i]);
    *out = scan;
    return 0;
}

/* ---- rows ----------------------------------------------------------------------------------- */

static int next_in_turn(struct task *task, struct kv_scan *scan, uint32_t rows_max,
                        struct batch **out, struct err *err)
{
    *out = NULL;
    while (scan->at_stream < scan->n_streams) {
        int code = kv_stream_next(task, &scan->streams[scan->at_stream], rows_max, out, err);
        if (code || *out)
            return code;
        scan->at_stream++;
    }
    return 0;
}

static const struct bytes_view *stream_key(const struct kv_scan *scan, const struct kv_stream *s)
{
    const struct bytes_view *keys = s->batch->cols[scan->spec->n_columns].data;
    return &keys[batch_row(s->batch, s->at_row)];
}

static int fill_stream(struct task *task, struct kv_stream *s, struct err *err)
{
    if (s->batch && s->at_row < batch_count(s->batch))
        return 0;
    batch_destroy(s->batch);
    s->batch = NULL;
    s->at_row = 0;
    int code = kv_stream_next(task, s, BATCH_ROWS, &s->batch, err);
    for (uint32_t c = 0; !code && s->batch && c < s->batch->n_cols; c++)
        vec_flatten(&s->batch->cols[c], s->batch->sel, s->batch->n_sel, s->batch->arena);
    return code;
}

static struct batch *make_output(const struct kv_scan *scan, uint32_t rows)
{
    const struct kv_scan_spec *spec = scan->spec;
    struct batch *out =
        batch_create((uint32_t)spec->n_columns + scan->with_key + spec->with_span, NULL);
    uint32_t c = 0;
    for (; c < spec->n_columns; c++) {
        int at = kv_schema_column(spec->schema, spec->column_ids[c]);
        vec_alloc(&out->cols[c], spec->schema->columns[at].kind, rows, out->arena);
        out->cols[c].dec_scale = spec->schema->columns[at].dec_scale;
    }
    if (scan->with_key)
        vec_alloc(&out->cols[c++], PHYS_BYTES, rows, out->arena);
    if (spec->with_span)
        vec_alloc(&out->cols[c++], PHYS_INT32, rows, out->arena);
    return out;
}

static void set_rows(struct batch *batch, uint32_t n)
{
    batch->n_rows = n;
    for (uint32_t c = 0; c < batch->n_cols; c++)
        batch->cols[c].n = n;
}

/* The stream with the next row in key order, NULL at the end. */
static int choose_stream(struct task *task, struct kv_scan *scan, struct kv_stream **best,
                         struct err *err)
{
    *best = NULL;
    for (uint32_t i = 0; i < scan->n_streams; i++) {
        struct kv_stream *s = &scan->streams[i];
        int code = fill_stream(task, s, err);
        if (code)
            return code;
        if (!s->batch)
            continue;
        int cmp = *best ? view_compare(stream_key(scan, s), stream_key(scan, *best)) : 0;
        if (!*best || (scan->spec->reverse ? cmp > 0 : cmp < 0))
            *best = s;
    }
    return 0;
}

static int next_merged(struct task *task, struct kv_scan *scan, uint32_t rows_max,
                       struct batch **out, struct err *err)
{
    uint32_t rows = rows_max && rows_max < BATCH_ROWS ? rows_max : BATCH_ROWS, n = 0;
    struct batch *batch = make_output(scan, rows);
    int code = 0;
    while (n < rows) {
        struct kv_stream *s;
        code = choose_stream(task, scan, &s, err);
        if (code || !s)
            break;
        uint32_t row = batch_row(s->batch, s->at_row++);
        for (uint32_t c = 0; c < batch->n_cols; c++) {
            struct datum value = vec_datum(&s->batch->cols[c], row);
            vec_put(&batch->cols[c], n, &value, batch->arena);
        }
        n++;
    }
    set_rows(batch, n);
    if (code || !n) {
        batch_destroy(batch);
        batch = NULL;
    }
    *out = batch;
    return code;
}

/* ---- locking -------------------------------------------------------------------------------- */

/* Columns of the lock request: the output's, then those the tests need. */
static uint32_t *list_lock_columns(struct kv_scan *scan)
{
    const struct kv_scan_spec *spec = scan->spec;
    uint32_t *ids = arena_array(&scan->arena, uint32_t, (size_t)spec->n_columns + spec->n_tests);
    if (spec->n_columns)
        memcpy(ids, spec->column_ids, spec->n_columns * sizeof *ids);
    for (uint32_t i = 0; i < spec->n_tests; i++)
        ids[spec->n_columns + i] = spec->tests[i].column_id;
    return ids;
}

static bool changed_row_passes(const struct kv_scan_spec *spec, const struct batch *changed,
                               uint32_t row)
{
    struct datum values[spec->schema->n_columns];
    for (uint32_t i = 0; i < spec->n_tests; i++) {
        int at = kv_schema_column(spec->schema, spec->tests[i].column_id);
        values[at] = vec_datum(&changed->cols[spec->n_columns + i], row);
    }
    return kv_schema_tests_pass(spec->schema, spec->tests, spec->n_tests, values);
}

static uint32_t put_locked(const struct kv_scan *scan, const struct batch *found,
                           const struct batch *changed, const uint8_t *results, struct batch *out)
{
    const struct kv_scan_spec *spec = scan->spec;
    uint32_t n = 0;
    for (uint32_t i = 0; i < batch_count(found); i++) {
        bool new_version = results[i] == KV_ROW_CHANGED;
        if ((results[i] != KV_ROW_OK && !new_version) ||
            (new_version && !changed_row_passes(spec, changed, i)))
            continue;
        for (uint32_t c = 0; c < out->n_cols; c++) {
            struct datum value = new_version && c < spec->n_columns
                                     ? vec_datum(&changed->cols[c], i)
                                     : vec_datum(&found->cols[c], batch_row(found, i));
            vec_put(&out->cols[c], n, &value, out->arena);
        }
        n++;
    }
    return n;
}

/* Locks each row found and puts its latest version in place of what the snapshot showed. */
static int lock_batch(struct task *task, struct kv_scan *scan, struct batch *take_found,
                      struct batch **out, struct err *err)
{
    const struct kv_scan_spec *spec = scan->spec;
    uint32_t n = batch_count(take_found);
    struct batch *changed = NULL, *batch = make_output(scan, n);
    struct bytes_view *keys = arena_array(batch->arena, struct bytes_view, n);
    uint8_t *results = arena_array(batch->arena, uint8_t, n);
    for (uint32_t c = 0; c < take_found->n_cols; c++)
        vec_flatten(&take_found->cols[c], take_found->sel, take_found->n_sel, take_found->arena);
    for (uint32_t i = 0; i < n; i++)
        keys[i] = vec_datum(&take_found->cols[spec->n_columns], batch_row(take_found, i)).u.bytes;
    struct kv_lock_request request = {
        .schema = spec->schema,
        .read = &scan->read,
        .mode = spec->lock,
        .wait = spec->wait,
        .n_rows = n,
        .keys = keys,
        .column_ids = list_lock_columns(scan),
        .n_columns = (uint16_t)(spec->n_columns + spec->n_tests),
    };
    int code = kv_lock(task, scan->txn, &request, results, &changed, err);
    if (!code)
        set_rows(batch, put_locked(scan, take_found, changed, results, batch));
    batch_destroy(changed);
    batch_destroy(take_found);
    if (code || !batch->n_rows) {
        batch_destroy(batch);
        batch = NULL;
    }
    *out = batch;
    return code;
}

/* Takes the key column off that only the scan itself needed. */
static void strip_key(const struct kv_scan *scan, struct batch *batch)
{
    const struct kv_scan_spec *spec = scan->spec;
    if (!batch || spec->with_key || !scan->with_key)
        return;
    if (spec->with_span)
        batch->cols[spec->n_columns] = batch->cols[spec->n_columns + 1u];
    batch->n_cols--;
}

int kv_scan_next(struct task *task, struct kv_scan *scan, uint32_t rows_max, struct batch **out,
                 struct err *err)
{
    struct batch *batch;
    uint32_t rows = rows_max && rows_max < BATCH_ROWS ? rows_max : BATCH_ROWS;
    for (;;) {
        int code = scan->merges ? next_merged(task, scan, rows, &batch, err)
                                : next_in_turn(task, scan, rows, &batch, err);
        if (!code && batch && scan->spec->lock) {
            code = lock_batch(task, scan, batch, &batch, err);
            if (!code && !batch)
                continue; /* every row of it was gone or skipped */
        }
        if (code)
            return code;
        break;
    }
    strip_key(scan, batch);
    if (batch)
        scan->stats.rows_out += batch_count(batch);
    *out = batch;
    return 0;
}

void kv_scan_stats_get(const struct kv_scan *scan, struct kv_scan_stats *out)
{
    *out = scan->stats;
    for (uint32_t i = 0; i < scan->n_streams; i++)
        if (scan->streams[i].local)
            txn_scan_stats_add(scan->streams[i].local, out);
    out->rows_out = scan->stats.rows_out;
    out->tablets = scan->n_streams;
}

void kv_scan_close(struct task *task, struct kv_scan *scan)
{
    for (uint32_t i = 0; i < scan->n_streams; i++)
        kv_stream_close(task, &scan->streams[i]);
    arena_done(&scan->arena);
    free(scan);
}
