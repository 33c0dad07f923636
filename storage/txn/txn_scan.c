#include "storage/txn/txn_scan.h"

#include <stdlib.h>

#include "base/row.h"
#include "storage/txn/txn_int.h"

/* A provisional row of the reading transaction, copied. */
struct own_row {
    const uint8_t *key, *data;
    uint32_t key_len, len;
    uint32_t span;
    bool deleted;
};

struct txn_scan {
    struct arena arena;
    struct txn_scan_spec spec;
    struct lsm_scan_spec lsm_spec;
    struct lsm_snapshot *snapshot;
    struct lsm_scan *lsm; /* NULL: the tablet is not there yet */
    bool all_points;
    struct own_row *own;
    uint32_t n_own, cap_own, at_own;
    struct batch *pending; /* tablet rows being merged */
    uint32_t pending_at;
    struct arena row_arena;
    struct datum *values;
    int *columns;
    uint64_t own_rows_out;
};

/* ---- opening -------------------------------------------------------------------------------- */

static bool is_row_in_span(const struct lock_row *row, const struct kv_span *span)
{
    if (span->point)
        return row->key_len == span->start_len && !memcmp(row->key, span->start, span->start_len);
    return !span->end || key_compare(row->key, row->key_len, span->end, span->end_len) < 0;
}

/* The first writer whose open outcome the reading has to know, NULL when none. */
static struct lock_txn *find_open_writer(struct txn_group *g, const struct txn_scan_spec *spec,
                                         const struct kv_txn_id *reader, hlc_time limit)
{
    for (uint32_t i = 0; i < spec->n_spans; i++) {
        const struct kv_span *span = &spec->spans[i];
        struct lock_row *row =
            lock_table_seek(&g->locks, spec->schema->id, spec->shard, span->start, span->start_len);
        for (; row && is_row_in_span(row, span); row = lock_row_next(row))
            if (row->writer && row->writer->phase != LOCK_ACTIVE && row->writer->prep_ts <= limit &&
                !kv_txn_id_equal(&row->writer->id, reader))
                return row->writer;
    }
    return NULL;
}

/* Waits until nothing open at or below the limit is left in the spans. */
static int wait_out_writers(struct task *task, struct txn_group *g, const struct kv_read *read,
                            const struct txn_scan_spec *spec, hlc_time limit,
                            struct txn_result *result, struct err *err)
{
    struct lock_txn *writer;
    while (g->locks.prepared_count && (writer = find_open_writer(g, spec, &read->txn, limit))) {
        bool ended;
        hlc_time outcome_ts;
        hlc_time prep_ts = writer->prep_ts;
        int code = txn_wait_end(task, g, writer, read->deadline_ns, &ended, &outcome_ts, err);
        if (code)
            return code;
        if (!ended) {
            txn_result_elsewhere(g, result);
            return 0;
        }
        if (prep_ts <= read->read_ts && outcome_ts > read->read_ts &&
            !(g->kv->faults & TXN_FAULT_NO_RESTART))
            return txn_fail_restart(result, err);
    }
    return 0;
}

static void add_own(struct txn_scan *scan, const struct lock_row *row,
                    const struct lock_value *value, uint32_t span)
{
    if (scan->n_own == scan->cap_own) {
        uint32_t cap = scan->cap_own ? 2 * scan->cap_own : 16;
        struct own_row *more = arena_array(&scan->arena, struct own_row, cap);
        if (scan->n_own)
            memcpy(more, scan->own, sizeof *more * scan->n_own);
        scan->own = more;
        scan->cap_own = cap;
    }
    scan->own[scan->n_own++] = (struct own_row){
        .key = arena_memdup(&scan->arena, row->key, row->key_len ? row->key_len : 1),
        .key_len = row->key_len,
        .data = value->len ? arena_memdup(&scan->arena, value->data, value->len) : NULL,
        .len = value->len,
        .span = span,
        .deleted = value->op == LOCK_OP_DELETE,
    };
}

static void collect_own(struct txn_scan *scan, struct txn_group *g, const struct kv_read *read)
{
    struct lock_txn *txn = lock_table_txn(&g->locks, &read->txn);
    const struct txn_scan_spec *spec = &scan->spec;
    if (!txn)
        return;
    for (uint32_t i = 0; i < spec->n_spans; i++) {
        const struct kv_span *span = &spec->spans[i];
        struct lock_row *row =
            lock_table_seek(&g->locks, spec->schema->id, spec->shard, span->start, span->start_len);
        for (; row && is_row_in_span(row, span); row = lock_row_next(row)) {
            if (row->writer != txn)
                continue;
            const struct lock_value *value =
                lock_value_seen(row, read->read_seq, read->voided, read->n_void);
            if (value)
                add_own(scan, row, value, i);
        }
    }
    if (!spec->reverse || scan->all_points)
        return;
    for (uint32_t i = 0, j = scan->n_own; i + 1 < j; i++) {
        struct own_row swap = scan->own[i];
        scan->own[i] = scan->own[--j];
        scan->own[j] = swap;
    }
}

static void init_columns(struct txn_scan *scan)
{
    const struct txn_scan_spec *spec = &scan->spec;
    scan->columns = arena_array(&scan->arena, int, spec->n_columns + 1u);
    scan->values = arena_array(&scan->arena, struct datum, spec->schema->n_columns);
    for (uint32_t c = 0; c < spec->n_columns; c++)
        scan->columns[c] = kv_schema_column(spec->schema, spec->column_ids[c]);
}

static struct txn_scan *create_scan(const struct txn_scan_spec *spec)
{
    struct txn_scan *scan = calloc(1, sizeof *scan);
    if (!scan)
        abort();
    arena_init(&scan->arena, NULL);
    arena_init(&scan->row_arena, NULL);
    scan->spec = *spec;
    scan->all_points = true;
    for (uint32_t i = 0; i < spec->n_spans; i++)
        scan->all_points &= spec->spans[i].point;
    return scan;
}

/* Leadership, lease, limit, threshold, clock. */
static int check_serving(struct task *task, struct txn_group *g, const struct kv_read *read,
                         struct txn_result *result, struct err *err)
{
    for (;;) {
        if (!txn_is_serving(g, result))
            return 0;
        if (hlc_merge(g->kv->hlc, read->read_ts) != HLC_OK)
            return err_set(err, ERR_SYSTEM_ERROR, "clock of node %u is too far ahead",
                           read->txn.gateway);
        if (read->read_ts < group_gc_threshold(g->group))
            return err_set(err, ERR_SNAPSHOT_TOO_OLD, "snapshot too old");
        if (read->read_ts <= group_read_limit(g->group) ||
            (g->kv->faults & TXN_FAULT_STALE_LEASE_READ))
            return 0;
        uint64_t now = env_mono_ns(g->kv->env);
        if (read->deadline_ns && now >= read->deadline_ns)
            return err_set(err, ERR_QUERY_CANCELED, "canceling statement due to statement timeout");
        int code = task_sleep(task, 2 * TXN_MS, err); /* until the next heartbeats are answered */
        if (code)
            return code;
    }
}

/* What was without an outcome here when the statement opened the group and has one since: rows up
 * to there may have been acknowledged before the statement. Whoever is still without one has no
 * rows in the spans, or they were waited for. */
static hlc_time raise_limit(const struct txn_group *g, const struct kv_read *read, hlc_time limit)
{
    if (g->kv->faults & TXN_FAULT_NO_RESTART)
        return limit;
    for (uint32_t i = 0; i < read->n_pending; i++) {
        const struct kv_pending *p = &read->pending[i];
        hlc_time ts;
        if (p->group != group_id(g->group))
            continue;
        const struct lock_txn *txn = lock_table_txn(&g->locks, &p->txn);
        if (txn && txn->phase != LOCK_ACTIVE)
            continue;
        if (!txn_group_outcome(g, &p->txn, &ts))
            ts = read->uncertain_limit; /* forgotten here: within the clocks' offset */
        limit = ts > limit ? ts : limit;
    }
    return limit;
}

/* Own rows that are gone must not look as if they had never been written. */
static bool has_locks(const struct txn_group *g, const struct kv_read *read,
                      const struct kv_hold *hold)
{
    struct lock_txn *txn = lock_table_txn(&g->locks, &read->txn);
    return txn && g->term == hold->lock_epoch && txn->incarnation == hold->incarnation;
}

/* No yield from here on: what was looked at is what is pinned. */
static void pin_rows(struct txn_scan *scan, struct txn_group *g, const struct kv_read *read,
                     struct lsm *lsm)
{
    if (read->has_writes)
        collect_own(scan, g, read);
    if (lsm)
        scan->snapshot = lsm_snapshot_take(lsm);
}

static int open_lsm(struct task *task, struct txn_scan *scan, const struct kv_read *read,
                    hlc_time limit, struct err *err)
{
    const struct txn_scan_spec *spec = &scan->spec;
    bool merged = scan->n_own > 0;
    if (merged)
        init_columns(scan);
    scan->lsm_spec = (struct lsm_scan_spec){
        .schema = spec->schema,
        .column_ids = spec->column_ids,
        .n_columns = spec->n_columns,
        .n_tests = spec->n_tests,
        .tests = spec->tests,
        .spans = spec->spans,
        .n_spans = spec->n_spans,
        .with_key = spec->with_key || merged,
        .with_span = spec->with_span || merged,
        .reverse = spec->reverse,
        .ts = read->read_ts,
        .uncertain_limit = limit > read->read_ts ? limit : 0,
    };
    if (!scan->snapshot)
        return 0;
    return lsm_scan_open(task, scan->snapshot, &scan->lsm_spec, &scan->lsm, err);
}

int txn_scan_open(struct task *task, struct txn_group *g, const struct kv_read *read,
                  const struct txn_scan_spec *spec, struct txn_scan **out,
                  struct txn_result *result, struct err *err)
{
    struct lsm *lsm = NULL;
    const struct kv_hold *hold = kv_read_hold(read, group_id(g->group));
    bool certain = kv_read_is_opened(read, group_id(g->group));
    hlc_time limit =
        certain || read->uncertain_limit < read->read_ts ? read->read_ts : read->uncertain_limit;
    raft_term term = g->term;
    result->status = TXN_OK;
    result->retry = KV_RETRY_NONE;
    int code = check_serving(task, g, read, result, err);
    if (!code && result->status == TXN_OK && hold && !has_locks(g, read, hold))
        return txn_fail_locks_lost(result, err);
    if (!code && result->status == TXN_OK)
        code = txn_check_schema(task, g, &read->txn, read->deadline_ns, read->read_ts,
                                spec->schema->id, spec->schema->version, spec->shard, &lsm, result,
                                err);
    if (code || result->status != TXN_OK)
        return code;
    for (uint32_t i = 0; i < spec->n_spans; i++)
        txn_group_note_read(g, spec->schema->id, spec->shard, &spec->spans[i], read->read_ts,
                            &read->txn);
    code = wait_out_writers(task, g, read, spec, limit, result, err);
    if (code || result->status != TXN_OK)
        return code;
    if (lsm)
        lsm = group_tablet(g->group, spec->schema->id,
                           spec->shard); /* a wait may have seen it dropped */
    if (hold && !has_locks(g, read, hold))
        return txn_fail_locks_lost(result, err);
    limit = raise_limit(g, read, limit);
    struct txn_scan *scan = create_scan(spec);
    pin_rows(scan, g, read, lsm);
    if (!txn_group_is_leading(g, term) || !txn_is_serving(g, result)) {
        if (result->status == TXN_OK)
            txn_result_elsewhere(g, result);
        txn_scan_close(scan);
        return 0;
    }
    code = open_lsm(task, scan, read, limit, err);
    if (code) {
        txn_scan_close(scan);
        return code;
    }
    *out = scan;
    return 0;
}

void txn_scan_close(struct txn_scan *scan)
{
    if (scan->lsm)
        lsm_scan_close(scan->lsm);
    lsm_snapshot_release(scan->snapshot);
    batch_destroy(scan->pending);
    arena_done(&scan->row_arena);
    arena_done(&scan->arena);
    free(scan);
}

void txn_scan_stats_add(const struct txn_scan *scan, struct kv_scan_stats *to)
{
    if (scan->lsm)
        lsm_scan_stats_add(scan->lsm, to);
    to->rows_out += scan->own_rows_out;
    to->tablets++;
}

/* ---- rows ----------------------------------------------------------------------------------- */

static int next_lsm_batch(struct task *task, struct txn_scan *scan, uint32_t rows_max,
                          struct batch **out, enum kv_retry *retry, struct err *err)
{
    *out = NULL;
    if (!scan->lsm)
        return 0;
    int code = lsm_scan_next(task, scan->lsm, rows_max, NULL, out, err);
    if (code)
        return code;
    if (scan->lsm_spec.uncertain_limit && lsm_scan_uncertain(scan->lsm)) {
        batch_destroy(*out);
        *out = NULL;
        struct txn_result result;
        code = txn_fail_restart(&result, err);
        *retry = result.retry;
        return code;
    }
    return 0;
}

struct merging {
    struct txn_scan *scan;
    struct batch *out;
    uint32_t n;
};

/* Columns of the tablet's batches: the spec's, then the key, then the span. */
static void put_row(struct merging *m, const struct datum *values, const uint8_t *key,
                    uint32_t key_len, uint32_t span)
{
    const struct txn_scan_spec *spec = &m->scan->spec;
    struct arena *arena = m->out->arena;
    uint32_t c = 0;
    for (; c < spec->n_columns; c++)
        vec_put(&m->out->cols[c], m->n, &values[c], arena);
    struct datum key_datum = datum_bytes(key, key_len);
    struct datum span_datum = {.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = (int32_t)span};
    if (spec->with_key)
        vec_put(&m->out->cols[c++], m->n, &key_datum, arena);
    if (spec->with_span)
        vec_put(&m->out->cols[c++], m->n, &span_datum, arena);
    m->n++;
}

static int put_own_row(struct merging *m, const struct own_row *own, struct err *err)
{
    struct txn_scan *scan = m->scan;
    const struct txn_scan_spec *spec = &scan->spec;
    struct datum chosen[spec->n_columns + 1u];
    if (own->deleted)
        return 0;
    arena_reset(&scan->row_arena);
    if (!kv_schema_row_decode(spec->schema, own->key, own->key_len, own->data, own->len,
                              scan->values, &scan->row_arena))
        return err_set(err, ERR_INTERNAL_ERROR, "provisional row of storage %llu is malformed",
                       (unsigned long long)spec->schema->id);
    if (!kv_schema_tests_pass(spec->schema, spec->tests, spec->n_tests, scan->values))
        return 0;
    for (uint32_t c = 0; c < spec->n_columns; c++)
        chosen[c] = scan->values[scan->columns[c]];
    put_row(m, chosen, own->key, own->key_len, own->span);
    scan->own_rows_out++;
    return 0;
}

static void put_lsm_row(struct merging *m, uint32_t row)
{
    const struct txn_scan_spec *spec = &m->scan->spec;
    const struct batch *from = m->scan->pending;
    struct datum chosen[spec->n_columns + 1u];
    for (uint32_t c = 0; c < spec->n_columns; c++)
        chosen[c] = vec_datum(&from->cols[c], row);
    struct datum key = vec_datum(&from->cols[spec->n_columns], row);
    struct datum span = vec_datum(&from->cols[spec->n_columns + 1u], row);
    put_row(m, chosen, view_data(&key.u.bytes), key.u.bytes.len, (uint32_t)span.u.i32);
}

static struct batch *make_output(const struct txn_scan *scan, uint32_t rows)
{
    const struct txn_scan_spec *spec = &scan->spec;
    struct batch *out =
        batch_create((uint32_t)spec->n_columns + spec->with_key + spec->with_span, NULL);
    uint32_t c = 0;
    for (; c < spec->n_columns; c++) {
        const struct kv_column *column = &spec->schema->columns[scan->columns[c]];
        vec_alloc(&out->cols[c], column->kind, rows, out->arena);
        out->cols[c].dec_scale = column->dec_scale;
    }
    if (spec->with_key)
        vec_alloc(&out->cols[c++], PHYS_BYTES, rows, out->arena);
    if (spec->with_span)
        vec_alloc(&out->cols[c++], PHYS_INT32, rows, out->arena);
    return out;
}

/* Where the own row stands against the tablet's: <0 before, 0 the same key, >0 behind. */
static int compare_rows(const struct txn_scan *scan, const struct own_row *own, uint32_t row)
{
    struct datum key = vec_datum(&scan->pending->cols[scan->spec.n_columns], row);
    struct datum span = vec_datum(&scan->pending->cols[scan->spec.n_columns + 1u], row);
    if (own->span != (uint32_t)span.u.i32) {
        bool before = own->span < (uint32_t)span.u.i32;
        return before != (scan->spec.reverse && !scan->all_points) ? -1 : 1;
    }
    int cmp = key_compare(own->key, own->key_len, view_data(&key.u.bytes), key.u.bytes.len);
    return scan->spec.reverse ? -cmp : cmp;
}

static int fill_merged(struct task *task, struct merging *m, uint32_t rows, enum kv_retry *retry,
                       struct err *err)
{
    struct txn_scan *scan = m->scan;
    while (m->n < rows) {
        if (!scan->pending) {
            int code = next_lsm_batch(task, scan, BATCH_ROWS, &scan->pending, retry, err);
            if (code)
                return code;
            scan->pending_at = 0;
            for (uint32_t c = 0; scan->pending && c < scan->pending->n_cols; c++)
                vec_flatten(&scan->pending->cols[c], scan->pending->sel, scan->pending->n_sel,
                            scan->pending->arena);
        }
        const struct own_row *own = scan->at_own < scan->n_own ? &scan->own[scan->at_own] : NULL;
        if (!own && !scan->pending)
            return 0;
        uint32_t row = scan->pending ? batch_row(scan->pending, scan->pending_at) : 0;
        int cmp = !own ? 1 : !scan->pending ? -1 : compare_rows(scan, own, row);
        if (cmp > 0)
            put_lsm_row(m, row);
        else
            scan->at_own++;
        if (cmp >= 0 && ++scan->pending_at == batch_count(scan->pending)) {
            batch_destroy(scan->pending);
            scan->pending = NULL;
        }
        int code = cmp <= 0 ? put_own_row(m, own, err) : 0;
        if (code)
            return code;
    }
    return 0;
}

int txn_scan_next(struct task *task, struct txn_scan *scan, uint32_t rows_max, struct batch **out,
                  enum kv_retry *retry, struct err *err)
{
    *retry = KV_RETRY_NONE;
    if (!scan->n_own)
        return next_lsm_batch(task, scan, rows_max, out, retry, err);
    uint32_t rows = rows_max < BATCH_ROWS ? rows_max : BATCH_ROWS;
    struct merging m = {.scan = scan, .out = make_output(scan, rows)};
    int code = fill_merged(task, &m, rows, retry, err);
    if (code || !m.n) {
        batch_destroy(m.out);
        *out = NULL;
        return code;
    }
    m.out->n_rows = m.n;
    for (uint32_t c = 0; c < m.out->n_cols; c++)
        m.out->cols[c].n = m.n;
    *out = m.out;
    return 0;
}
