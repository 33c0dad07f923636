#include <stdlib.h>

#include "base/buf.h"
#include "base/row.h"
#include "storage/txn/kv_read.h"
#include "tests/support/kv_local.h"
#include "tests/support/kv_local_int.h"

/* ---- locks ---------------------------------------------------------------------------------- */

static bool modes_conflict(uint8_t a, uint8_t b)
{
    return a + b > KV_LOCK_UPDATE; /* PostgreSQL's row lock table: two modes conflict where they sum
                                      above 4 */
}

static void touch_row(struct kv_txn *txn, struct local_row *row)
{
    struct local_touched *touched = arena_new(&txn->arena, struct local_touched);
    touched->row = row;
    touched->next = txn->touched;
    txn->touched = touched;
    txn->wrote = true;
}

static bool try_lock_row(struct kv_txn *txn, struct local_row *row, uint8_t mode)
{
    struct local_holder *mine = NULL;
    for (struct local_holder *h = row->holders; h; h = h->next) {
        if (h->txn == txn)
            mine = h;
        else if (modes_conflict(h->mode, mode))
            return false;
    }
    if (!mine) {
        mine = arena_new(&txn->kv->arena, struct local_holder);
        mine->txn = txn;
        mine->next = row->holders;
        row->holders = mine;
        touch_row(txn, row);
    }
    if (mode > mine->mode)
        mine->mode = mode;
    return true;
}

static int fail_locked(struct kv_txn *txn, uint8_t wait, struct err *err)
{
    return err_set(err, ERR_LOCK_NOT_AVAILABLE,
                   wait == KV_NOWAIT ? "could not obtain lock on row"
                                     : "row is locked by another transaction of this fiber");
}

static int fail_concurrent(struct kv_txn *txn, bool deleted, struct err *err)
{
    txn->retry = KV_RETRY_TXN;
    return err_set(err, ERR_SERIALIZATION_FAILURE,
                   "could not serialize access due to concurrent %s",
                   deleted ? "delete" : "update");
}

/* ---- writing -------------------------------------------------------------------------------- */

static bool is_live_for(const struct kv_txn *txn, const struct local_row *row)
{
    if (row->writer == txn && row->own)
        return !row->own->deleted;
    return row->versions && !row->versions->deleted;
}

static void add_own(struct kv_txn *txn, struct local_row *row, const struct kv_write *write,
                    uint32_t i)
{
    struct arena *arena = &txn->kv->arena;
    struct local_own *own = arena_new(arena, struct local_own);
    own->seq = txn->seq;
    own->deleted = write->op == KV_DELETE;
    if (own->deleted && write->moved_to) {
        own->moved = true;
        own->len = write->moved_to[i].len;
        own->data = arena_memdup(arena, view_data(&write->moved_to[i]), own->len ? own->len : 1);
    } else if (!own->deleted) {
        struct buf bytes = {0};
        kv_schema_row_encode(write->schema, write->columns, i, &bytes);
        own->len = (uint32_t)bytes.len;
        own->data = arena_memdup(arena, bytes.data, bytes.len);
        buf_done(&bytes);
    }
    own->older = row->writer == txn ? row->own : NULL;
    row->own = own;
    row->writer = txn;
}

static int write_row(struct kv_txn *txn, struct local_storage *storage,
                     const struct kv_write *write, uint32_t i, uint8_t *result, struct err *err)
{
    const uint8_t *key = view_data(&write->keys[i]);
    uint32_t len = write->keys[i].len;
    struct local_map *map = &storage->shards[kv_schema_shard_of(storage->schema, key, len)];
    struct local_row *row = local_map_add(txn->kv, map, key, len);
    bool replaces = write->op == KV_PUT && is_live_for(txn, row);
    if (!try_lock_row(txn, row, replaces ? KV_LOCK_NO_KEY_UPDATE : KV_LOCK_UPDATE)) {
        *result = KV_ROW_SKIPPED;
        return write->wait == KV_SKIP_LOCKED ? 0 : fail_locked(txn, write->wait, err);
    }
    if (write->op == KV_INSERT && is_live_for(txn, row)) {
        *result = KV_ROW_EXISTS;
        return 0;
    }
    if (write->op != KV_INSERT && txn->options.isolation != KV_READ_COMMITTED && row->versions &&
        row->versions->ts > txn->read_ts)
        return fail_concurrent(txn, row->versions->deleted, err);
    add_own(txn, row, write, i);
    *result = KV_ROW_OK;
    return 0;
}

int kv_write(struct task *task, struct kv_txn *txn, const struct kv_write *write, uint8_t *results,
             struct err *err)
{
    struct local_storage *storage;
    if (txn->options.read_only)
        return err_set(err, ERR_READ_ONLY_SQL_TRANSACTION,
                       "cannot write in a read-only transaction");
    int code = local_storage_get(txn->kv, txn, write->schema, &storage, &txn->retry, err);
    for (uint32_t i = 0; i < write->n_rows && !code; i++)
        code = write_row(txn, storage, write, i, &results[i], err);
    return code;
}

/* ---- locking -------------------------------------------------------------------------------- */

static void put_changed_row(struct batch *batch, const struct kv_lock_request *request,
                            const struct local_row *row, uint32_t i)
{
    struct datum values[request->schema->n_columns];
    const struct local_version *v = row->versions;
    struct datum moved;
    for (uint32_t c = 0; c < batch->n_cols; c++)
        vec_set_null(&batch->cols[c], i, batch->arena);
    if (v->deleted) {
        moved = datum_bytes(v->data, v->len);
        bit_set(batch->cols[request->n_columns].valid, i);
        vec_put(&batch->cols[request->n_columns], i, &moved, batch->arena);
        return;
    }
    if (!kv_schema_row_decode(request->schema, row->key, row->key_len, v->data, v->len, values,
                              batch->arena))
        abort();
    for (uint32_t c = 0; c < request->n_columns; c++) {
        int at = kv_schema_column(request->schema, request->column_ids[c]);
        if (values[at].null)
            continue;
        bit_set(batch->cols[c].valid, i);
        vec_put(&batch->cols[c], i, &values[at], batch->arena);
    }
}

static struct batch *make_changed(const struct kv_lock_request *request)
{
    struct batch *batch = batch_create(request->n_columns + 1u, NULL);
    batch->n_rows = request->n_rows;
    for (uint32_t c = 0; c <= request->n_columns; c++) {
        uint8_t kind = PHYS_BYTES;
        int16_t scale = -1;
        if (c < request->n_columns) {
            int at = kv_schema_column(request->schema, request->column_ids[c]);
            kind = request->schema->columns[at].kind;
            scale = request->schema->columns[at].dec_scale;
        }
        vec_alloc(&batch->cols[c], kind, request->n_rows, batch->arena);
        batch->cols[c].dec_scale = scale;
        for (uint32_t i = 0; i < request->n_rows; i++)
            vec_set_null(&batch->cols[c], i, batch->arena);
    }
    return batch;
}

/* What kv_lock answers for a row whose lock is held. */
static int judge_locked(struct kv_txn *txn, const struct kv_lock_request *request,
                        const struct local_row *row, uint8_t *result, struct err *err)
{
    const struct local_version *v = row->versions;
    if (row->writer == txn && row->own) {
        *result = row->own->deleted ? KV_ROW_GONE : KV_ROW_OK;
        return 0;
    }
    if (!v || v->ts <= request->read->read_ts) {
        *result = v && !v->deleted ? KV_ROW_OK : KV_ROW_GONE;
        return 0;
    }
    if (txn->options.isolation != KV_READ_COMMITTED)
        return fail_concurrent(txn, v->deleted, err);
    *result = !v->deleted ? KV_ROW_CHANGED : v->moved ? KV_ROW_MOVED : KV_ROW_GONE;
    return 0;
}

static int lock_one(struct kv_txn *txn, struct local_storage *storage,
                    const struct kv_lock_request *request, uint32_t i, uint8_t *result,
                    struct batch **changed, struct err *err)
{
    const uint8_t *key = view_data(&request->keys[i]);
    uint32_t len = request->keys[i].len;
    struct local_map *map = &storage->shards[kv_schema_shard_of(storage->schema, key, len)];
    struct local_row *row = local_map_find(map, key, len);
    *result = KV_ROW_GONE;
    if (!row)
        return 0;
    if (!try_lock_row(txn, row, request->mode)) {
        *result = KV_ROW_SKIPPED;
        return request->wait == KV_SKIP_LOCKED ? 0 : fail_locked(txn, request->wait, err);
    }
    int code = judge_locked(txn, request, row, result, err);
    if (code || (*result != KV_ROW_CHANGED && *result != KV_ROW_MOVED))
        return code;
    if (!*changed)
        *changed = make_changed(request);
    put_changed_row(*changed, request, row, i);
    return 0;
}

int kv_lock(struct task *task, struct kv_txn *txn, const struct kv_lock_request *request,
            uint8_t *results, struct batch **changed, struct err *err)
{
    struct local_storage *storage;
    struct batch *batch = NULL;
    if (request->n_rows > BATCH_ROWS)
        return err_set(err, ERR_INTERNAL_ERROR, "kv_lock of more than a batch of rows");
    int code = local_storage_get(txn->kv, txn, request->schema, &storage, &txn->retry, err);
    for (uint32_t i = 0; i < request->n_rows && !code; i++)
        code = lock_one(txn, storage, request, i, &results[i], &batch, err);
    if (code) {
        batch_destroy(batch);
        return code;
    }
    *changed = batch;
    return 0;
}

/* ---- scans ---------------------------------------------------------------------------------- */

struct kv_scan {
    struct arena arena; /* values of one row */
    struct kv *kv;
    struct kv_txn *txn;
    struct kv_read read;
    const struct kv_scan_spec *spec;
    struct local_storage *storage;
    const uint16_t *shards;
    uint32_t n_shards;
    uint32_t *span_order; /* [n_spans] */
    uint32_t n_spans;     /* at least 1 */
    uint32_t group,
        span; /* where the scan is: shard group (one shard, or all when ordered), span in order */
    uint32_t n_groups;
    bool positioned;
    struct local_row **cursors; /* [n_shards] of the group */
    int *columns;               /* schema index of each output column */
    struct datum *values;
    struct kv_scan_stats stats;
};

static int compare_span_starts(const struct kv_span *a, const struct kv_span *b)
{
    return key_compare(a->start, a->start_len, b->start, b->start_len);
}

static void order_spans(struct kv_scan *scan)
{
    const struct kv_scan_spec *spec = scan->spec;
    scan->n_spans = spec->n_spans ? spec->n_spans : 1;
    scan->span_order = malloc(sizeof *scan->span_order * scan->n_spans);
    for (uint32_t i = 0; i < scan->n_spans; i++)
        scan->span_order[i] = i;
    if (!spec->ordered || !spec->n_spans)
        return;
    for (uint32_t i = 1; i < scan->n_spans;
         i++) /* spans come sorted but for sets of points: insertion */
        for (uint32_t j = i; j > 0; j--) {
            int cmp = compare_span_starts(&spec->spans[scan->span_order[j - 1]],
                                          &spec->spans[scan->span_order[j]]);
            if (spec->reverse ? cmp >= 0 : cmp <= 0)
                break;
            uint32_t swap = scan->span_order[j];
            scan->span_order[j] = scan->span_order[j - 1];
            scan->span_order[j - 1] = swap;
        }
}

int kv_scan_open(struct task *task, struct kv *kv, struct kv_txn *txn, const struct kv_read *read,
                 const struct kv_scan_spec *spec, struct kv_scan **out, struct err *err)
{
    struct local_storage *storage;
    enum kv_retry retry;
    struct kv_txn *own = txn;
    int code = local_storage_get(kv, own, spec->schema, &storage, txn ? &txn->retry : &retry, err);
    if (code)
        return code;
    if (spec->lock && !txn)
        return err_set(err, ERR_INTERNAL_ERROR, "a locking scan runs at the gateway only");
    struct kv_scan *scan = calloc(1, sizeof *scan);
    if (!scan)
        abort();
    arena_init(&scan->arena, NULL);
    scan->kv = kv;
    scan->txn = txn;
    scan->read = *read;
    scan->spec = spec;
    scan->storage = storage;
    scan->n_shards = spec->shards ? spec->n_shards : storage->schema->n_shards;
    uint16_t *shards = malloc(sizeof *shards * (scan->n_shards + 1));
    for (uint32_t i = 0; i < scan->n_shards; i++)
        shards[i] = spec->shards ? spec->shards[i] : (uint16_t)i;
    scan->shards = shards;
    scan->n_groups = spec->ordered ? (scan->n_shards ? 1 : 0) : scan->n_shards;
    scan->cursors = calloc(scan->n_shards + 1, sizeof *scan->cursors);
    scan->columns = malloc(sizeof *scan->columns * (spec->n_columns + 1u));
    scan->values = malloc(sizeof *scan->values * spec->schema->n_columns);
    for (uint32_t c = 0; c < spec->n_columns; c++)
        scan->columns[c] = kv_schema_column(spec->schema, spec->column_ids[c]);
    scan->stats.tablets = scan->n_shards;
    order_spans(scan);
    *out = scan;
    return 0;
}

static bool is_in_span(const struct kv_span *span, const struct local_row *row)
{
    if (!row || !span)
        return row != NULL;
    if (span->point)
        return key_compare(row->key, row->key_len, span->start, span->start_len) == 0;
    return key_compare(row->key, row->key_len, span->start, span->start_len) >= 0 &&
           (!span->end || key_compare(row->key, row->key_len, span->end, span->end_len) < 0);
}

static struct local_row *place_cursor(const struct kv_scan *scan, const struct local_map *map,
                                      const struct kv_span *span)
{
    if (span && span->point)
        return local_map_find(map, span->start, span->start_len);
    if (scan->spec->reverse)
        return local_map_before(map, span ? span->end : NULL, span ? span->end_len : 0);
    return local_map_seek(map, span ? span->start : (const uint8_t *)"",
                          span ? span->start_len : 0);
}

static const struct kv_span *current_span(const struct kv_scan *scan)
{
    return scan->spec->n_spans ? &scan->spec->spans[scan->span_order[scan->span]] : NULL;
}

/* The next row of the map order, whatever its visibility; NULL at the end. */
static struct local_row *step_scan(struct kv_scan *scan)
{
    while (scan->group < scan->n_groups) {
        const struct kv_span *span = current_span(scan);
        uint32_t from = scan->spec->ordered ? 0 : scan->group;
        uint32_t to = scan->spec->ordered ? scan->n_shards : scan->group + 1;
        int best = -1;
        for (uint32_t i = from; i < to; i++) {
            if (!scan->positioned)
                scan->cursors[i] =
                    place_cursor(scan, &scan->storage->shards[scan->shards[i]], span);
            if (!is_in_span(span, scan->cursors[i]))
                continue;
            struct local_row *row = scan->cursors[i], *top = best >= 0 ? scan->cursors[best] : NULL;
            int cmp = top ? key_compare(row->key, row->key_len, top->key, top->key_len) : 0;
            if (!top || (scan->spec->reverse ? cmp > 0 : cmp < 0))
                best = (int)i;
        }
        scan->positioned = true;
        if (best >= 0) {
            struct local_row *row = scan->cursors[best];
            struct local_map *map = &scan->storage->shards[scan->shards[best]];
            struct local_row *next = scan->spec->reverse ? row->prev : row->next[0];
            scan->cursors[best] = next == map->head || (span && span->point) ? NULL : next;
            return row;
        }
        scan->positioned = false;
        if (++scan->span == scan->n_spans) {
            scan->span = 0;
            scan->group++;
        }
    }
    return NULL;
}

/* The bytes the reading sees; false = no row. */
static bool see_row(struct kv_scan *scan, const struct local_row *row, const uint8_t **data,
                    uint32_t *len)
{
    const struct kv_read *read = &scan->read;
    if (row->writer && kv_txn_id_equal(&row->writer->id, &read->txn))
        for (const struct local_own *own = row->own; own; own = own->older)
            if (own->seq < read->read_seq &&
                !kv_read_is_void(read->voided, read->n_void, own->seq)) {
                *data = own->data;
                *len = own->len;
                return !own->deleted;
            }
    for (const struct local_version *v = row->versions; v; v = v->older) {
        scan->stats.versions_seen++;
        if (v->ts > read->read_ts && !scan->spec->lock)
            continue;
        *data = v->data;
        *len = v->len;
        return !v->deleted;
    }
    return false;
}

/* Puts the row behind the batch's last if it is visible and passes; locks it first where the scan
 * does. */
static int take_row(struct kv_scan *scan, struct local_row *row, uint32_t span, struct batch *batch,
                    struct err *err)
{
    const struct kv_scan_spec *spec = scan->spec;
    const uint8_t *data;
    uint32_t len;
    if (!see_row(scan, row, &data, &len))
        return 0;
    if (spec->lock && !try_lock_row(scan->txn, row, spec->lock))
        return spec->wait == KV_SKIP_LOCKED ? 0 : fail_locked(scan->txn, spec->wait, err);
    if (spec->lock && scan->txn->options.isolation != KV_READ_COMMITTED && row->versions &&
        row->versions->ts > scan->read.read_ts)
        return fail_concurrent(scan->txn, false, err);
    scan->stats.rows_tested++;
    arena_reset(&scan->arena);
    if (!kv_schema_row_decode(spec->schema, row->key, row->key_len, data, len, scan->values,
                              &scan->arena))
        return err_set(err, ERR_DATA_CORRUPTED, "row of storage %llu is malformed",
                       (unsigned long long)spec->schema->id);
    if (!kv_schema_tests_pass(spec->schema, spec->tests, spec->n_tests, scan->values))
        return 0;
    uint32_t at = batch->n_rows++;
    uint32_t c = 0;
    for (; c < spec->n_columns; c++) {
        if (scan->values[scan->columns[c]].null)
            vec_set_null(&batch->cols[c], at, batch->arena);
        else
            vec_put(&batch->cols[c], at, &scan->values[scan->columns[c]], batch->arena);
    }
    struct datum key = datum_bytes(row->key, row->key_len);
    struct datum ordinal = {.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = (int32_t)span};
    if (spec->with_key)
        vec_put(&batch->cols[c++], at, &key, batch->arena);
    if (spec->with_span)
        vec_put(&batch->cols[c++], at, &ordinal, batch->arena);
    scan->stats.rows_out++;
    return 0;
}

static struct batch *make_batch(const struct kv_scan *scan, uint32_t rows)
{
    const struct kv_scan_spec *spec = scan->spec;
    struct batch *batch =
        batch_create((uint32_t)spec->n_columns + spec->with_key + spec->with_span, NULL);
    uint32_t c = 0;
    for (; c < spec->n_columns; c++) {
        const struct kv_column *column = &spec->schema->columns[scan->columns[c]];
        vec_alloc(&batch->cols[c], column->kind, rows, batch->arena);
        batch->cols[c].dec_scale = column->dec_scale;
    }
    if (spec->with_key)
        vec_alloc(&batch->cols[c++], PHYS_BYTES, rows, batch->arena);
    if (spec->with_span)
        vec_alloc(&batch->cols[c++], PHYS_INT32, rows, batch->arena);
    return batch;
}

int kv_scan_next(struct task *task, struct kv_scan *scan, uint32_t rows_max, struct batch **out,
                 struct err *err)
{
    uint32_t rows = rows_max && rows_max < BATCH_ROWS ? rows_max : BATCH_ROWS;
    struct batch *batch = make_batch(scan, rows);
    while (batch->n_rows < rows) {
        struct local_row *row = step_scan(scan);
        if (!row)
            break;
        uint32_t span = scan->spec->n_spans ? scan->span_order[scan->span] : 0;
        int code = take_row(scan, row, span, batch, err);
        if (code) {
            batch_destroy(batch);
            return code;
        }
    }
    for (uint32_t c = 0; c < batch->n_cols; c++)
        batch->cols[c].n = batch->n_rows;
    if (!batch->n_rows) {
        batch_destroy(batch);
        batch = NULL;
    }
    *out = batch;
    return 0;
}

void kv_scan_stats_get(const struct kv_scan *scan, struct kv_scan_stats *out)
{
    *out = scan->stats;
}

void kv_scan_close(struct task *task, struct kv_scan *scan)
{
    arena_done(&scan->arena);
    free((void *)scan->shards);
    free(scan->span_order);
    free(scan->cursors);
    free(scan->columns);
    free(scan->values);
    free(scan);
}
