#include "storage/txn/kv_scan.h"

static void note_retry(struct kv_stream *s, uint8_t retry)
{
    if (s->scan->txn)
        kv_txn_fail(s->scan->txn, retry);
}

/* ---- where this node leads ------------------------------------------------------------------ */

struct local_open {
    struct kv_stream *stream;
    struct txn_group *g;
    struct txn_result result;
    struct err err;
    int code;
};

static void run_local_open(struct task *task, void *arg)
{
    struct local_open *o = arg;
    struct kv_stream *s = o->stream;
    o->code = txn_scan_open(task, o->g, &s->scan->read, &s->spec, &s->local, &o->result, &o->err);
}

/* *opened false: not led here (any more). */
static int open_local(struct task *task, struct kv_stream *s, bool *opened, struct err *err)
{
    struct kv *kv = s->scan->kv;
    struct txn_group *g = txn_local_group(kv, s->group);
    *opened = false;
    if (!g || !g->leading)
        return 0;
    struct local_open o = {.stream = s, .g = g};
    struct core *core = store_group_core(kv->store, s->group);
    err_clear(&o.err);
    if (core == task_core(task))
        run_local_open(task, &o);
    else
        core_call(task, core, task->cls, run_local_open, &o);
    buf_done(&o.result.body);
    if (o.code) {
        note_retry(s, o.result.retry);
        if (err)
            *err = o.err;
        return o.code;
    }
    *opened = o.result.status == TXN_OK;
    return 0;
}

static int next_local(struct task *task, struct kv_stream *s, uint32_t rows_max, struct batch **out,
                      struct err *err)
{
    enum kv_retry retry;
    int code = txn_scan_next(task, s->local, rows_max, out, &retry, err);
    if (code)
        note_retry(s, (uint8_t)retry);
    else if (!*out)
        s->done = true;
    return code;
}

/* ---- elsewhere ------------------------------------------------------------------------------ */

/* The spans behind the last row of an answer. */
static void go_on_behind(struct kv_stream *s, const struct txn_scan_answer *a)
{
    uint32_t skip = a->resume_span;
    if (a->resume_key_len == 0 && skip == 0 && a->n_batches == 0)
        return; /* nothing came: from the same place again */
    struct kv_span *span = &s->spans[skip];
    if (span->point) {
        skip++;
    } else if (s->spec.reverse) {
        uint8_t *end = arena_alloc(&s->scan->arena, a->resume_key_len + 1u);
        memcpy(end, a->resume_key, a->resume_key_len);
        span->end = end;
        span->end_len = a->resume_key_len;
    } else {
        uint8_t *start = arena_alloc(&s->scan->arena, a->resume_key_len + 1u);
        memcpy(start, a->resume_key, a->resume_key_len);
        start[a->resume_key_len] = 0; /* the smallest key behind it */
        span->start = start;
        span->start_len = a->resume_key_len + 1;
    }
    if (s->spec.reverse && !span->point) {
        /* Descending: later spans are done, earlier ones are still to come. */
        s->spec.n_spans = skip + 1;
        return;
    }
    s->spans += skip;
    s->first += skip;
    s->spec.spans = s->spans;
    s->spec.n_spans -= skip;
    if (!s->spec.n_spans)
        s->done = true;
}

static void fetch_answer(struct task *task, struct kv_stream *s)
{
    struct kv *kv = s->scan->kv;
    struct kv_fetch *f = &s->next;
    struct buf request = {0};
    struct txn_result result = {0};
    uint64_t max = s->limit && s->limit < UINT32_MAX ? s->limit : 0;
    txn_scan_request_encode(&s->scan->read, &s->spec, (uint32_t)max, &request);
    struct txn_call call = {
        .op = TXN_OP_SCAN,
        .class_ = s->scan->read.class_,
        .group = s->group,
        .txn = s->scan->read.txn,
        .deadline_ns = s->scan->read.deadline_ns,
        .body = request.data,
        .body_len = request.len,
    };
    err_clear(&f->err);
    f->code = txn_send(task, kv, &call, true, &result, &f->err);
    f->retry = result.retry;
    s->scan->stats.remote_requests++;
    s->scan->stats.remote_bytes += request.len + result.body.len;
    buf_done(&request);
    buf_done(&f->body);
    f->body = result.body;
    if (!f->code && !txn_scan_answer_decode(f->body.data, f->body.len, &f->answer))
        f->code = err_set(&f->err, ERR_PROTOCOL_VIOLATION, "answer to a scan is malformed");
}

static void run_fetch(struct task *task, void *arg)
{
    fetch_answer(task, arg);
}

static void add_stats(struct kv_scan_stats *to, const struct kv_scan_stats *from)
{
    to->rows_tested += from->rows_tested;
    to->versions_seen += from->versions_seen;
    to->blocks_read += from->blocks_read;
    to->blocks_pruned += from->blocks_pruned;
    to->blocks_from_disk += from->blocks_from_disk;
    to->values_decoded += from->values_decoded;
    to->bytes_from_disk += from->bytes_from_disk;
    if (from->columns_decoded > to->columns_decoded)
        to->columns_decoded = from->columns_decoded;
}

static void start_fetch(struct task *task, struct kv_stream *s)
{
    s->fetching = task_spawn_joinable(task_core(task), task->cls, "kv_fetch", run_fetch, s);
}

void kv_stream_start(struct task *task, struct kv_stream *s)
{
    struct txn_group *g = txn_local_group(s->scan->kv, s->group);
    if (s->opened || (g && g->leading))
        return;
    s->opened = true;
    start_fetch(task, s);
}

/* The answer being consumed is exhausted or missing: gets the next one, and asks for the one behind
 * it. */
static int need_answer(struct task *task, struct kv_stream *s, struct err *err)
{
    if (s->fetching) {
        task_join(task, s->fetching);
        s->fetching = NULL;
    } else {
        fetch_answer(task, s);
    }
    struct kv_fetch spent = s->now;
    s->now = s->next;
    s->next = spent;
    s->at_batch = 0;
    s->batch_first = s->first;
    if (s->now.code) {
        s->now.answer.n_batches = 0;
        s->done = true;
        note_retry(s, s->now.retry);
        if (err)
            *err = s->now.err;
        return s->now.code;
    }
    add_stats(&s->scan->stats, &s->now.answer.stats);
    if (s->now.answer.done)
        s->done = true;
    else
        go_on_behind(s, &s->now.answer);
    if (!s->done && !s->limit)
        start_fetch(task, s);
    return 0;
}

static int next_remote(struct task *task, struct kv_stream *s, struct batch **out, struct err *err)
{
    *out = NULL;
    while (s->at_batch == s->now.answer.n_batches) {
        if (s->done && !s->fetching)
            return 0;
        int code = need_answer(task, s, err);
        if (code)
            return code;
    }
    size_t len;
    const uint8_t *bytes = buf_take_sized(&s->now.answer.batches, &len);
    s->at_batch++;
    return txn_batch_decode(bytes, len, out, err);
}

/* ---- both ----------------------------------------------------------------------------------- */

/* Ordinals of the stream's spans to those of the scan's. */
static void map_ordinals(struct kv_stream *s, struct batch *batch, uint32_t first)
{
    if (!s->scan->spec->with_span || (!s->ordinals && !first))
        return;
    struct vec *v = &batch->cols[s->spec.n_columns + (uint32_t)s->spec.with_key];
    vec_flatten(v, NULL, 0, batch->arena);
    int32_t *at = v->data;
    for (uint32_t i = 0; i < batch_count(batch); i++) {
        uint32_t row = batch_row(batch, i);
        uint32_t span = first + (uint32_t)at[row];
        at[row] = (int32_t)(s->ordinals ? s->ordinals[span] : span);
    }
}

int kv_stream_next(struct task *task, struct kv_stream *s, uint32_t rows_max, struct batch **out,
                   struct err *err)
{
    int code;
    *out = NULL;
    if (!s->opened) {
        bool local;
        code = open_local(task, s, &local, err);
        if (code)
            return code;
        s->opened = true;
    }
    if (s->local) {
        if (s->done)
            return 0;
        code = next_local(task, s, rows_max, out, err);
    } else {
        code = next_remote(task, s, out, err);
    }
    if (!code && *out) {
        map_ordinals(s, *out, s->local ? 0 : s->batch_first);
        if (s->limit)
            s->limit = s->limit > batch_count(*out) ? s->limit - batch_count(*out) : 1;
    }
    return code;
}

void kv_stream_close(struct task *task, struct kv_stream *s)
{
    if (s->fetching) {
        task_cancel(s->fetching, ERR_QUERY_CANCELED, "canceling statement due to user request");
        task_join(task, s->fetching);
    }
    if (s->local) {
        txn_scan_stats_add(s->local, &s->scan->stats);
        txn_scan_close(s->local);
        s->local = NULL;
    }
    batch_destroy(s->batch);
    buf_done(&s->now.body);
    buf_done(&s->next.body);
}
