/* Scans between nodes: requests without state at the server, answers of whole batches. */
#include "base/row.h"
#include "storage/txn/txn_int.h"
#include "storage/txn/txn_scan.h"

enum {
    SCAN_REVERSE = 1,
    SCAN_WITH_KEY = 2,
    SCAN_WITH_SPAN = 4,
    SPAN_POINT = 1,
    SPAN_OPEN = 2,
    SCAN_ANSWER_BYTES = 512 * 1024, /* an answer ends behind the batch that passes it */
    SCAN_ANSWER_TURNS = 64,         /* or after so many batches */
};

/* ---- request -------------------------------------------------------------------------------- */

static void put_test(const struct kv_test *test, struct buf *out)
{
    struct buf row = {0};
    buf_put_varint(out, test->column_id);
    buf_put_u8(out, test->op);
    buf_put_varint(out, test->n_values);
    row_begin(&row);
    for (uint32_t i = 0; i < test->n_values; i++)
        row_append(&row, i + 1, &test->values[i]);
    buf_put_sized(out, row.data, row.len);
    buf_done(&row);
}

void txn_scan_request_encode(const struct kv_read *read, const struct txn_scan_spec *spec,
                             uint32_t rows_max, struct buf *out)
{
    struct buf bytes = {0};
    kv_read_encode(read, &bytes);
    buf_put_sized(out, bytes.data, bytes.len);
    buf_put_varint(out, spec->shard);
    buf_put_u8(out,
               (uint8_t)((spec->reverse ? SCAN_REVERSE : 0) | (spec->with_key ? SCAN_WITH_KEY : 0) |
                         (spec->with_span ? SCAN_WITH_SPAN : 0)));
    buf_put_varint(out, rows_max);
    buf_reset(&bytes);
    kv_schema_encode(spec->schema, &bytes);
    buf_put_sized(out, bytes.data, bytes.len);
    buf_done(&bytes);
    buf_put_varint(out, spec->n_columns);
    for (uint32_t i = 0; i < spec->n_columns; i++)
        buf_put_varint(out, spec->column_ids[i]);
    buf_put_varint(out, spec->n_tests);
    for (uint32_t i = 0; i < spec->n_tests; i++)
        put_test(&spec->tests[i], out);
    buf_put_varint(out, spec->n_spans);
    for (uint32_t i = 0; i < spec->n_spans; i++) {
        const struct kv_span *span = &spec->spans[i];
        buf_put_u8(out, (uint8_t)((span->point ? SPAN_POINT : 0) | (span->end ? 0 : SPAN_OPEN)));
        buf_put_sized(out, span->start, span->start_len);
        buf_put_sized(out, span->end, span->end ? span->end_len : 0);
    }
}

static void take_test(struct buf_reader *in, struct kv_test *test, struct arena *arena)
{
    size_t len;
    uint32_t id;
    test->column_id = (uint32_t)buf_take_varint(in);
    test->op = buf_take_u8(in);
    test->n_values = (uint32_t)buf_take_varint(in);
    const uint8_t *bytes = buf_take_sized(in, &len);
    struct row_reader reader;
    if (in->bad || test->n_values > len || !row_reader_init(&reader, bytes, len)) {
        in->bad = true;
        return;
    }
    struct datum *values = arena_array(arena, struct datum, test->n_values);
    for (uint32_t i = 0; i < test->n_values && !in->bad; i++)
        if (row_next(&reader, &id, &values[i]) != 1)
            in->bad = true;
    test->values = values;
}

static void take_span(struct buf_reader *in, struct kv_span *span)
{
    size_t start_len, end_len;
    uint8_t flags = buf_take_u8(in);
    span->start = buf_take_sized(in, &start_len);
    span->end = buf_take_sized(in, &end_len);
    span->start_len = (uint32_t)start_len;
    span->end_len = (uint32_t)end_len;
    span->point = flags & SPAN_POINT;
    if (flags & SPAN_OPEN) {
        span->end = NULL;
        span->end_len = 0;
    }
}

struct scan_request {
    struct kv_read read;
    struct txn_scan_spec spec;
    uint32_t rows_max;
    bool strip_key, strip_span;
};

static int decode_request(const uint8_t *body, size_t body_len, struct arena *arena,
                          struct scan_request *out, struct err *err)
{
    struct buf_reader in = buf_reader_of(body, body_len);
    size_t len;
    const uint8_t *bytes = buf_take_sized(&in, &len);
    int code = kv_read_decode(bytes, len, arena, &out->read, err);
    if (code)
        return code;
    struct txn_scan_spec *spec = &out->spec;
    spec->shard = (uint16_t)buf_take_varint(&in);
    uint8_t flags = buf_take_u8(&in);
    spec->reverse = flags & SCAN_REVERSE;
    out->strip_key = !(flags & SCAN_WITH_KEY);
    out->strip_span = !(flags & SCAN_WITH_SPAN);
    spec->with_key = spec->with_span = true; /* to say where to go on */
    out->rows_max = (uint32_t)buf_take_varint(&in);
    bytes = buf_take_sized(&in, &len);
    struct kv_schema *schema;
    code = kv_schema_decode(bytes, len, arena, &schema, err);
    if (code)
        return code;
    spec->schema = schema;
    uint64_t n_columns = buf_take_varint(&in);
    if (n_columns > buf_reader_left(&in))
        in.bad = true;
    uint32_t *ids = arena_array(arena, uint32_t, in.bad ? 0 : n_columns);
    for (uint64_t i = 0; i < n_columns && !in.bad; i++) {
        ids[i] = (uint32_t)buf_take_varint(&in);
        in.bad |= kv_schema_column(schema, ids[i]) < 0;
    }
    uint64_t n_tests = buf_take_varint(&in);
    if (n_tests > buf_reader_left(&in))
        in.bad = true;
    struct kv_test *tests = arena_array(arena, struct kv_test, in.bad ? 0 : n_tests);
    for (uint64_t i = 0; i < n_tests && !in.bad; i++)
        take_test(&in, &tests[i], arena);
    uint64_t n_spans = buf_take_varint(&in);
    if (n_spans > buf_reader_left(&in) || !n_spans)
        in.bad = true;
    struct kv_span *spans = arena_array(arena, struct kv_span, in.bad ? 0 : n_spans);
    for (uint64_t i = 0; i < n_spans && !in.bad; i++)
        take_span(&in, &spans[i]);
    spec->column_ids = ids;
    spec->n_columns = (uint16_t)n_columns;
    spec->tests = tests;
    spec->n_tests = (uint16_t)n_tests;
    spec->spans = spans;
    spec->n_spans = (uint32_t)n_spans;
    return in.bad ? err_set(err, ERR_PROTOCOL_VIOLATION, "scan request is malformed") : 0;
}

/* ---- serving -------------------------------------------------------------------------------- */

/* Takes the columns off that the gateway did not ask for; remembers the last row's place. */
static void strip_batch(const struct scan_request *request, struct batch *batch, uint32_t *span,
                        struct buf *key)
{
    uint32_t at = request->spec.n_columns;
    for (uint32_t c = at; c < at + 2; c++)
        vec_flatten(&batch->cols[c], batch->sel, batch->n_sel, batch->arena);
    uint32_t last = batch_row(batch, batch_count(batch) - 1);
    struct datum key_datum = vec_datum(&batch->cols[at], last);
    struct datum span_datum = vec_datum(&batch->cols[at + 1], last);
    buf_reset(key);
    buf_put(key, view_data(&key_datum.u.bytes), key_datum.u.bytes.len);
    *span = (uint32_t)span_datum.u.i32;
    if (request->strip_key)
        batch->cols[at] = batch->cols[at + 1];
    batch->n_cols -= (uint32_t)request->strip_key + request->strip_span;
}

static int fill_answer(struct task *task, struct txn_scan *scan, const struct scan_request *request,
                       struct buf *batches, uint32_t *n_batches, bool *done, uint32_t *span,
                       struct buf *key, struct txn_result *result, struct err *err)
{
    uint32_t rows = 0;
    struct buf one = {0};
    enum kv_retry retry = KV_RETRY_NONE;
    int code = 0;
    *done = false;
    for (uint32_t turn = 0; turn < SCAN_ANSWER_TURNS && batches->len < SCAN_ANSWER_BYTES; turn++) {
        struct batch *batch;
        uint32_t want = request->rows_max ? request->rows_max - rows : BATCH_ROWS;
        code =
            txn_scan_next(task, scan, want < BATCH_ROWS ? want : BATCH_ROWS, &batch, &retry, err);
        if (code || !batch) {
            *done = !code;
            break;
        }
        rows += batch_count(batch);
        strip_batch(request, batch, span, key);
        buf_reset(&one);
        txn_batch_encode(batch, &one);
        buf_put_sized(batches, one.data, one.len);
        ++*n_batches;
        batch_destroy(batch);
        if (request->rows_max && rows >= request->rows_max)
            break;
        task_tick(task, 500);
    }
    result->retry = (uint8_t)retry;
    buf_done(&one);
    return code;
}

static void put_stats(const struct kv_scan_stats *s, struct buf *out)
{
    const uint64_t values[] = {s->rows_tested,    s->versions_seen,    s->blocks_read,
                               s->blocks_pruned,  s->blocks_from_disk, s->columns_decoded,
                               s->values_decoded, s->bytes_from_disk};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        buf_put_varint(out, values[i]);
}

static void take_stats(struct buf_reader *in, struct kv_scan_stats *s)
{
    uint64_t *const values[] = {&s->rows_tested,    &s->versions_seen,    &s->blocks_read,
                                &s->blocks_pruned,  &s->blocks_from_disk, &s->columns_decoded,
                                &s->values_decoded, &s->bytes_from_disk};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        *values[i] = buf_take_varint(in);
}

int txn_scan_serve(struct task *task, struct txn_group *g, const struct txn_call *call,
                   struct txn_result *result, struct err *err)
{
    struct arena arena;
    struct scan_request request = {0};
    struct txn_scan *scan = NULL;
    struct buf batches = {0}, key = {0};
    uint32_t span = 0, n_batches = 0;
    bool done = false;
    arena_init(&arena, NULL);
    buf_reset(&result->body);
    result->status = TXN_OK;
    result->retry = KV_RETRY_NONE;
    int code = decode_request(call->body, call->body_len, &arena, &request, err);
    if (!code)
        code = txn_scan_open(task, g, &request.read, &request.spec, &scan, result, err);
    if (!code && result->status == TXN_OK) {
        struct kv_scan_stats stats = {0};
        code = fill_answer(task, scan, &request, &batches, &n_batches, &done, &span, &key, result,
                           err);
        txn_scan_stats_add(scan, &stats);
        buf_put_u8(&result->body, done);
        buf_put_varint(&result->body, span);
        buf_put_sized(&result->body, key.data, key.len);
        put_stats(&stats, &result->body);
        buf_put_varint(&result->body, n_batches);
        buf_put(&result->body, batches.data, batches.len);
    }
    if (scan)
        txn_scan_close(scan);
    if (code)
        result->status = TXN_FAILED;
    result->clock = hlc_last(g->kv->hlc);
    buf_done(&batches);
    buf_done(&key);
    arena_done(&arena);
    return code;
}

bool txn_scan_answer_decode(const uint8_t *body, size_t len, struct txn_scan_answer *out)
{
    struct buf_reader in = buf_reader_of(body, len);
    size_t key_len;
    *out = (struct txn_scan_answer){.done = buf_take_u8(&in)};
    out->resume_span = (uint32_t)buf_take_varint(&in);
    out->resume_key = buf_take_sized(&in, &key_len);
    out->resume_key_len = (uint32_t)key_len;
    take_stats(&in, &out->stats);
    out->n_batches = (uint32_t)buf_take_varint(&in);
    out->batches = in;
    return !in.bad;
}
