#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/rpc_int.h"

enum {
    BACKOFF_FIRST_NS = 20 * 1000 * 1000,
    BACKOFF_MAX_NS = 1000 * 1000 * 1000,
    HELLO_TIMEOUT_NS = 2000 * 1000 * 1000,
    OUT_KEEP_BYTES = 256 * 1024,
};

enum task_class rpc_task_class(uint8_t cls)
{
    switch (cls) {
    case RPC_LIVENESS:
    case RPC_CONSENSUS:
        return TASK_CONSENSUS;
    case RPC_BULK:
        return TASK_BACKGROUND;
    default:
        return TASK_TXN;
    }
}

const char *rpc_method_name(const struct rpc *rpc, uint16_t method)
{
    return method < RPC_METHOD_MAX && rpc->methods[method].name ? rpc->methods[method].name : "?";
}

/* ---- the wire: the seam for TLS ---- */

static int wire_read(struct task *task, struct rpc_conn *conn, void *out, size_t len, size_t *got,
                     struct err *err)
{
    int rc = sock_read(task, conn->sock, out, len, got, err);
    if (!rc)
        metric_add(task->core->metrics, METRIC_rpc_bytes_received, (int64_t)*got);
    return rc;
}

static int wire_queue(struct rpc_conn *conn, const struct file_iov *iov, int iov_count,
                      struct err *err)
{
    for (int i = 0; i < iov_count; i++)
        metric_add(conn->rc->core->metrics, METRIC_rpc_bytes_sent, (int64_t)iov[i].len);
    return sock_queue(conn->sock, iov, iov_count, err);
}

/* ---- life ---- */

static struct rpc_conn *make_conn(struct rpc_core *rc, uint8_t cls, bool dialled)
{
    struct rpc_conn *conn = calloc(1, sizeof *conn);
    if (!conn)
        abort();
    conn->rc = rc;
    conn->cls = cls;
    conn->dialled = dialled;
    conn->refs = 1; /* the fiber's */
    intmap_init(&conn->calls);
    intmap_init(&conn->services);
    intmap_init(&conn->streams);
    list_push_back(&rc->conns, &conn->link);
    rc->fibers++;
    return conn;
}

void rpc_conn_ref(struct rpc_conn *conn)
{
    conn->refs++;
}

void rpc_conn_unref(struct rpc_conn *conn)
{
    if (--conn->refs)
        return;
    assert(conn->state == RPC_BROKEN && !conn->calls.count && !conn->services.count);
    buf_done(&conn->out);
    free(conn->in);
    intmap_done(&conn->calls);
    intmap_done(&conn->services);
    intmap_done(&conn->streams);
    free(conn);
}

void rpc_fiber_ended(struct rpc_core *rc)
{
    rc->fibers--;
    cond_broadcast(&rc->ended);
}

static void fail_calls(struct rpc_conn *conn, const struct err *err)
{
    for (size_t i = 0; i < conn->calls.entry_count; i++) {
        struct rpc_pending *p = conn->calls.entries[i].value;
        if (!p)
            continue;
        p->err = *err;
        p->done = true;
        task_wake(p->task);
    }
    intmap_clear(&conn->calls);
}

void rpc_conn_break(struct rpc_conn *conn, const char *why)
{
    if (conn->state == RPC_BROKEN)
        return;
    bool was_up = conn->state == RPC_UP;
    conn->state = RPC_BROKEN;
    struct err err;
    if (was_up)
        err_set(&err, ERR_CONNECTION_FAILURE, "connection to node %u was lost: %s", conn->remote,
                why);
    else
        err_set(&err, ERR_CONNECTION_DOES_NOT_EXIST, "could not connect to node %u: %s",
                conn->remote, why);
    list_remove(&conn->link);
    struct rpc_peer *peer = conn->peer;
    if (peer) {
        uint8_t c = conn->cls;
        peer->conns[c] = NULL;
        conn->peer = NULL;
        uint64_t wait = was_up ? 0 : peer->backoff_ns[c];
        uint64_t next = wait ? wait * 2 : BACKOFF_FIRST_NS;
        peer->backoff_ns[c] = next < BACKOFF_MAX_NS ? next : BACKOFF_MAX_NS;
        if (!was_up)
            peer->dial_after[c] = conn->rc->core->now + peer->backoff_ns[c] / 2 +
                                  prng_below(&conn->rc->jitter, peer->backoff_ns[c] / 2 + 1);
    }
    if (was_up)
        metric_add(conn->rc->core->metrics, METRIC_rpc_connections, -1);
    buf_reset(&conn->out);
    fail_calls(conn, &err);
    for (size_t i = 0; i < conn->streams.entry_count; i++)
        if (conn->streams.entries[i].value)
            rpc_stream_conn_broken(conn->streams.entries[i].value, &err);
    for (size_t i = 0; i < conn->services.entry_count; i++) {
        struct rpc_service *s = conn->services.entries[i].value;
        if (s && s->task)
            task_cancel(s->task, ERR_QUERY_CANCELED,
                        "canceling request because its caller went away");
    }
    if (conn->in_handler)
        task_cancel(conn->fiber, ERR_QUERY_CANCELED,
                    "canceling request because its caller went away");
    if (conn->sock)
        sock_shutdown(conn->sock);
    else if (conn->fiber)
        task_cancel(conn->fiber, ERR_CONNECTION_FAILURE, "connection attempt was given up");
}

/* ---- writing ---- */

static void flush_now(struct rpc_conn *conn)
{
    if (conn->state != RPC_UP || conn->out.len == 0)
        return;
    struct err err;
    struct file_iov iov = {conn->out.data, conn->out.len};
    int rc = wire_queue(conn, &iov, 1, &err);
    if (conn->out.cap > OUT_KEEP_BYTES)
        buf_done(&conn->out);
    else
        buf_reset(&conn->out);
    if (rc)
        rpc_conn_break(conn, err.message);
}

static void flush_at_end_of_turn(struct core *core, struct core_defer *defer)
{
    struct rpc_conn *conn = container_of(defer, struct rpc_conn, flush);
    flush_now(conn);
    rpc_conn_unref(conn);
}

static void send_direct(struct rpc_conn *conn, const uint8_t *head, const struct rpc_header *header,
                        const void *msg, const void *payload)
{
    struct err err;
    flush_now(conn);
    if (conn->state != RPC_UP)
        return;
    struct file_iov iov[3] = {
        {head, RPC_HEADER_BYTES}, {msg, header->msg_len}, {payload, header->payload_len}};
    if (wire_queue(conn, iov, 3, &err))
        rpc_conn_break(conn, err.message);
}

void rpc_conn_send(struct rpc_conn *conn, const struct rpc_header *header, const void *msg,
                   const void *payload)
{
    if (conn->state == RPC_BROKEN)
        return;
    struct fault_set *faults = conn->rc->rpc->env->faults;
    if (FAULT(faults, rpc_drop_frame))
        return;
    uint8_t head[RPC_HEADER_BYTES];
    rpc_header_store(head, header, msg, payload);
    if (FAULT(faults, rpc_bad_checksum))
        head[16] ^= 1;
    if (header->payload_len >= RPC_DIRECT_BYTES && conn->state == RPC_UP) {
        send_direct(conn, head, header, msg, payload);
    } else {
        uint8_t *at =
            buf_extend(&conn->out, RPC_HEADER_BYTES + header->msg_len + header->payload_len);
        memcpy(at, head, RPC_HEADER_BYTES);
        if (header->msg_len)
            memcpy(at + RPC_HEADER_BYTES, msg, header->msg_len);
        if (header->payload_len)
            memcpy(at + RPC_HEADER_BYTES + header->msg_len, payload, header->payload_len);
        if (conn->state == RPC_UP && !conn->flush.queued) {
            rpc_conn_ref(conn);
            core_defer(conn->rc->core, &conn->flush, flush_at_end_of_turn);
        }
    }
    if (FAULT(faults, rpc_break_connection))
        rpc_conn_break(conn, "fault");
}

/* ---- serving ---- */

static void send_answer(struct rpc_service *s, struct rpc_out *out, const struct err *err)
{
    struct rpc_header h = {.kind = RPC_ANSWER,
                           .cls = s->conn->cls,
                           .method = s->frame->header.method,
                           .corr = s->frame->header.corr};
    if (err) {
        buf_reset(&out->msg);
        buf_reset(&out->payload);
        rpc_err_store(&out->msg, err);
        h.kind = RPC_ANSWER_ERROR;
    }
    h.msg_len = (uint32_t)out->msg.len;
    h.payload_len = (uint32_t)out->payload.len;
    rpc_conn_send(s->conn, &h, out->msg.data, out->payload.data);
}

static void run_service(struct task *task, void *arg)
{
    struct rpc_service *s = arg;
    struct rpc_conn *conn = s->conn;
    struct rpc_core *rc = conn->rc;
    const struct rpc_method *m = &rc->rpc->methods[s->frame->header.method];
    struct rpc_in in;
    struct rpc_out out = {0};
    struct err err;
    err.code = 0;
    rpc_in_fill(&in, &s->frame->header, s->frame->bytes, conn->remote, task->core);
    if (in.deadline != TASK_FOREVER)
        task_deadline_set(task, in.deadline, ERR_QUERY_CANCELED,
                          "canceling request because its deadline passed");
    metric_add(task->core->metrics, METRIC_rpc_requests_served, 1);
    int rc_code = m->fn(task, m->ctx, &in, &out, &err);
    if (rc_code && !err.code)
        err_set(&err, (enum err_code)rc_code, "call \"%s\" failed", m->name);
    s->task = NULL;
    intmap_remove(&conn->services, s->frame->header.corr);
    send_answer(s, &out, rc_code ? &err : NULL);
    buf_done(&out.msg);
    buf_done(&out.payload);
    free(s->frame);
    free(s);
    rpc_conn_unref(conn);
    rpc_fiber_ended(rc);
}

static void refuse_request(struct rpc_conn *conn, const struct rpc_header *header, bool stream)
{
    struct err err;
    struct buf msg = {0};
    err_set(&err, ERR_FEATURE_NOT_SUPPORTED, "node %u does not serve method %u",
            conn->rc->rpc->self, header->method);
    rpc_err_store(&msg, &err);
    struct rpc_header h = {.kind = stream ? RPC_STREAM_ERROR : RPC_ANSWER_ERROR,
                           .cls = conn->cls,
                           .method = header->method,
                           .corr = header->corr,
                           .msg_len = (uint32_t)msg.len};
    rpc_conn_send(conn, &h, msg.data, NULL);
    buf_done(&msg);
}

static void start_service(struct rpc_conn *conn, struct rpc_frame *take_frame)
{
    struct rpc_core *rc = conn->rc;
    struct rpc_service *s = malloc(sizeof *s);
    if (!s)
        abort();
    *s = (struct rpc_service){.conn = conn, .frame = take_frame};
    rpc_conn_ref(conn);
    rc->fibers++;
    intmap_put(&conn->services, take_frame->header.corr, s);
    s->task = task_spawn(rc->core, rpc_task_class(conn->cls),
                         rpc_method_name(rc->rpc, take_frame->header.method), run_service, s);
}

/* Whatever the handler answers is thrown away. */
void rpc_run_oneway(struct task *task, const struct rpc_method *m, const struct rpc_in *in)
{
    struct rpc_out out = {0};
    struct err err;
    if (m->fn && m->fn(task, m->ctx, in, &out, &err))
        log_event(task->env->log, LOG_WARN, "rpc_oneway_failed", LOG_TEXT("method", m->name),
                  LOG_U64("from", in->from), LOG_ERR(&err));
    buf_done(&out.msg);
    buf_done(&out.payload);
}

static void run_oneway(struct task *task, struct rpc_conn *conn, const struct rpc_header *h,
                       const uint8_t *body)
{
    struct rpc_in in;
    if (h->method >= RPC_METHOD_MAX)
        return; /* a newer peer's message: nobody waits for an answer */
    rpc_in_fill(&in, h, body, conn->remote, task->core);
    conn->in_handler = true;
    rpc_run_oneway(task, &conn->rc->rpc->methods[h->method], &in);
    conn->in_handler = false;
}

static void take_answer(struct rpc_conn *conn, struct rpc_frame *take_frame)
{
    struct rpc_pending *p = intmap_remove(&conn->calls, take_frame->header.corr);
    if (!p) {
        free(take_frame); /* its caller gave up */
        return;
    }
    p->frame = take_frame;
    p->done = true;
    task_wake(p->task);
}

static void cancel_service(struct rpc_conn *conn, uint64_t corr)
{
    struct rpc_service *s = intmap_get(&conn->services, corr);
    if (s && s->task)
        task_cancel(s->task, ERR_QUERY_CANCELED, "canceling request at its caller's request");
    struct rpc_stream *stream = intmap_get(&conn->streams, corr);
    if (stream && stream->handler)
        task_cancel(stream->handler, ERR_QUERY_CANCELED,
                    "canceling request at its caller's request");
}

/* `owned` is the frame if it has memory of its own already; the body of small ones lies in the read
 * buffer. */
static void dispatch(struct task *task, struct rpc_conn *conn, const struct rpc_header *h,
                     const uint8_t *body, struct rpc_frame *owned)
{
    const struct rpc_method *m =
        h->method < RPC_METHOD_MAX ? &conn->rc->rpc->methods[h->method] : NULL;
    bool serves = !conn->dialled;
    struct rpc_frame *f = owned;
    switch (h->kind) {
    case RPC_REQUEST:
    case RPC_STREAM_OPEN:
        if (!serves)
            break;
        if (intmap_get(&conn->services, h->corr) || intmap_get(&conn->streams, h->corr)) {
            rpc_conn_break(conn, "a correlation id was used twice");
            break;
        }
        if (!m || (h->kind == RPC_REQUEST ? !m->fn : !m->stream_fn)) {
            refuse_request(conn, h, h->kind == RPC_STREAM_OPEN);
            break;
        }
        f = f ? f : rpc_frame_make(h, body, body + h->msg_len);
        if (h->kind == RPC_REQUEST)
            start_service(conn, f);
        else
            rpc_stream_accept(conn, f);
        return;
    case RPC_ANSWER:
    case RPC_ANSWER_ERROR:
        take_answer(conn, f ? f : rpc_frame_make(h, body, body + h->msg_len));
        return;
    case RPC_ONEWAY:
        if (serves)
            run_oneway(task, conn, h, body);
        break;
    case RPC_CANCEL:
        if (serves)
            cancel_service(conn, h->corr);
        break;
    case RPC_STREAM_DATA:
    case RPC_STREAM_CREDIT:
    case RPC_STREAM_END:
    case RPC_STREAM_ERROR: {
        struct rpc_stream *stream = intmap_get(&conn->streams, h->corr);
        if (stream) {
            rpc_stream_deliver(stream, h, body, owned);
            return;
        }
        break;
    }
    default:
        break; /* kinds of later versions */
    }
    free(owned);
}

/* ---- reading ---- */

/* Until at least `want` bytes lie at in_start. *ended when the stream did before. */
static int fill(struct task *task, struct rpc_conn *conn, size_t want, bool *ended, struct err *err)
{
    while (conn->in_end - conn->in_start < want) {
        if (conn->in_start &&
            (conn->in_start == conn->in_end || conn->in_start + want > RPC_READ_BYTES)) {
            memmove(conn->in, conn->in + conn->in_start, conn->in_end - conn->in_start);
            conn->in_end -= conn->in_start;
            conn->in_start = 0;
        }
        size_t got;
        int rc = wire_read(task, conn, conn->in + conn->in_end, RPC_READ_BYTES - conn->in_end, &got,
                           err);
        if (rc)
            return rc;
        if (got == 0) {
            *ended = true;
            return 0;
        }
        conn->in_end += got;
    }
    return 0;
}

static int refuse_frame(struct rpc_conn *conn, const char *what, struct err *err)
{
    metric_add(conn->rc->core->metrics, METRIC_rpc_frames_bad, 1);
    log_event(conn->rc->rpc->env->log, LOG_WARN, "rpc_bad_frame", LOG_TEXT("what", what),
              LOG_U64("node", conn->remote), LOG_TEXT("peer", sock_peer(conn->sock)));
    return err_set(err, ERR_PROTOCOL_VIOLATION, "bad frame from node %u: %s", conn->remote, what);
}

/* A frame that does not fit the read buffer: its body is read straight into memory of its own. */
static int read_large(struct task *task, struct rpc_conn *conn, const struct rpc_header *h,
                      struct rpc_frame **out, bool *ended, struct err *err)
{
    uint8_t head[RPC_HEADER_BYTES];
    memcpy(head, conn->in + conn->in_start, RPC_HEADER_BYTES);
    conn->in_start += RPC_HEADER_BYTES;
    size_t total = (size_t)h->msg_len + h->payload_len;
    struct rpc_frame *f = rpc_frame_make(h, NULL, NULL);
    size_t have = conn->in_end - conn->in_start;
    if (have > total)
        have = total;
    memcpy(f->bytes, conn->in + conn->in_start, have);
    conn->in_start += have;
    int rc = 0;
    while (!rc && have < total) {
        size_t got;
        rc = wire_read(task, conn, f->bytes + have, total - have, &got, err);
        if (!rc && got == 0) {
            *ended = true;
            break;
        }
        have += rc ? 0 : got;
    }
    if (!rc && !*ended && rpc_frame_crc(head, f->bytes, total) != h->crc)
        rc = refuse_frame(conn, "checksum", err);
    if (rc || *ended) {
        free(f);
        return rc;
    }
    *out = f;
    return 0;
}

/* Reads one frame. A small one is left in the read buffer (*body points there until the next call).
 */
static int read_frame(struct task *task, struct rpc_conn *conn, struct rpc_header *h,
                      const uint8_t **body, struct rpc_frame **owned, bool *ended, struct err *err)
{
    *owned = NULL;
    int rc = fill(task, conn, RPC_HEADER_BYTES, ended, err);
    if (rc || *ended)
        return rc;
    if (!rpc_header_load(conn->in + conn->in_start, h))
        return refuse_frame(conn, "header", err);
    size_t total = (size_t)h->msg_len + h->payload_len;
    if (RPC_HEADER_BYTES + total > RPC_READ_BYTES) {
        rc = read_large(task, conn, h, owned, ended, err);
        if (!rc && !*ended)
            *body = (*owned)->bytes;
        return rc;
    }
    rc = fill(task, conn, RPC_HEADER_BYTES + total, ended, err);
    if (rc || *ended)
        return rc;
    const uint8_t *at = conn->in + conn->in_start;
    if (rpc_frame_crc(at, at + RPC_HEADER_BYTES, total) != h->crc)
        return refuse_frame(conn, "checksum", err);
    *body = at + RPC_HEADER_BYTES;
    conn->in_start += RPC_HEADER_BYTES + total;
    return 0;
}

static int serve_frames(struct task *task, struct rpc_conn *conn, struct err *err)
{
    while (conn->state == RPC_UP) {
        struct rpc_header h;
        const uint8_t *body;
        struct rpc_frame *owned;
        bool ended = false;
        int rc = read_frame(task, conn, &h, &body, &owned, &ended, err);
        if (rc)
            return rc;
        if (ended)
            return err_set(err, ERR_CONNECTION_FAILURE, "the other side closed the connection");
        dispatch(task, conn, &h, body, owned);
        task_tick(task, 10);
    }
    return err_set(err, ERR_CONNECTION_FAILURE, "closed");
}

/* ---- hello ---- */

static void own_hello(struct rpc *rpc, struct rpc_conn *conn, struct rpc_hello *out)
{
    *out = (struct rpc_hello){.self = atomic_load(&rpc->self),
                              .target = conn->remote,
                              .boot_epoch = rpc->config.boot_epoch,
                              .cls = conn->cls,
                              .core = conn->rc->core->index,
                              .version = RPC_VERSION};
    store_le64(out->cluster_id, atomic_load(&rpc->cluster_lo));
    store_le64(out->cluster_id + 8, atomic_load(&rpc->cluster_hi));
}

static bool is_zero_cluster(const uint8_t id[16])
{
    static const uint8_t zero[16];
    return memcmp(id, zero, 16) == 0;
}

/* Whether we belong together: fills err if not. */
static int check_hello(const struct rpc_hello *mine, const struct rpc_hello *theirs,
                       struct err *err)
{
    if (theirs->version != RPC_VERSION)
        return err_set(err, ERR_PROTOCOL_VIOLATION, "node %u speaks protocol version %u, not %d",
                       theirs->self, theirs->version, RPC_VERSION);
    if (!is_zero_cluster(mine->cluster_id) && !is_zero_cluster(theirs->cluster_id) &&
        memcmp(mine->cluster_id, theirs->cluster_id, 16) != 0)
        return err_set(err, ERR_PROTOCOL_VIOLATION, "node %u belongs to another cluster",
                       theirs->self);
    return 0;
}

static void send_hello(struct rpc_conn *conn, enum rpc_kind kind, const struct rpc_hello *hello,
                       const struct err *refusal)
{
    struct buf frame = {0};
    struct buf msg = {0};
    if (refusal)
        rpc_err_store(&msg, refusal);
    else
        rpc_hello_store(&msg, hello);
    struct rpc_header h = {.kind = (uint8_t)kind, .cls = conn->cls, .msg_len = (uint32_t)msg.len};
    rpc_header_store(buf_extend(&frame, RPC_HEADER_BYTES), &h, msg.data, NULL);
    buf_put(&frame, msg.data, msg.len);
    struct file_iov iov = {frame.data, frame.len};
    struct err err;
    if (wire_queue(conn, &iov, 1, &err))
        rpc_conn_break(conn, err.message);
    buf_done(&msg);
    buf_done(&frame);
}

static int read_hello(struct task *task, struct rpc_conn *conn, struct rpc_hello *out,
                      struct err *err)
{
    struct rpc_header h;
    const uint8_t *body;
    struct rpc_frame *owned = NULL;
    bool ended = false;
    int rc = read_frame(task, conn, &h, &body, &owned, &ended, err);
    if (rc)
        return rc;
    if (ended)
        return err_set(err, ERR_CONNECTION_FAILURE, "the other side closed the connection");
    if (h.kind == RPC_HELLO_REFUSED)
        rc = rpc_err_load(body, h.msg_len, err);
    else if (h.kind != (conn->dialled ? RPC_HELLO_OK : RPC_HELLO) ||
             !rpc_hello_load(body, h.msg_len, out))
        rc = err_set(err, ERR_PROTOCOL_VIOLATION, "expected a hello");
    free(owned);
    return rc;
}

/* ---- the dialling side ---- */

static int greet(struct task *task, struct rpc_conn *conn, struct err *err)
{
    struct rpc_hello mine, theirs;
    own_hello(conn->rc->rpc, conn, &mine);
    send_hello(conn, RPC_HELLO, &mine, NULL);
    int rc = read_hello(task, conn, &theirs, err);
    if (!rc)
        rc = check_hello(&mine, &theirs, err);
    if (!rc && conn->remote && theirs.self != conn->remote)
        rc = err_set(err, ERR_PROTOCOL_VIOLATION, "%s:%u is node %u, not node %u", conn->host,
                     conn->port, theirs.self, conn->remote);
    if (!rc)
        conn->remote = theirs.self;
    return rc;
}

static int dial(struct task *task, struct rpc_conn *conn, struct err *err)
{
    uint64_t timeout = conn->rc->rpc->config.connect_timeout_ns;
    task_deadline_set(task, env_mono_ns(task->env) + timeout, ERR_CONNECTION_FAILURE,
                      "connection attempt timed out");
    struct sock *sock;
    int rc = sock_connect(task, conn->host, conn->port, &sock, err);
    if (rc)
        return rc;
    conn->sock = sock;
    if (conn->state == RPC_BROKEN)
        return err_set(err, ERR_CONNECTION_FAILURE, "given up");
    conn->in = malloc(RPC_READ_BYTES);
    if (!conn->in)
        abort();
    rc = greet(task, conn, err);
    task_deadline_set(task, TASK_FOREVER, ERR_OK, NULL);
    return rc;
}

static void mark_up(struct rpc_conn *conn)
{
    conn->state = RPC_UP;
    metric_add(conn->rc->core->metrics, METRIC_rpc_connects, 1);
    metric_add(conn->rc->core->metrics, METRIC_rpc_connections, 1);
    if (conn->peer)
        conn->peer->backoff_ns[conn->cls] = 0;
}

static void end_conn_fiber(struct rpc_conn *conn, const struct err *err)
{
    struct rpc_core *rc = conn->rc;
    conn->fiber = NULL;
    rpc_conn_break(conn, err->message);
    if (conn->sock)
        sock_close(conn->sock);
    conn->sock = NULL;
    rpc_conn_unref(conn);
    rpc_fiber_ended(rc);
}

static void run_dialled(struct task *task, void *arg)
{
    struct rpc_conn *conn = arg;
    struct err err = {0};
    int rc = conn->state == RPC_BROKEN ? err_set(&err, ERR_CONNECTION_FAILURE, "given up")
                                       : dial(task, conn, &err);
    if (!rc && conn->state == RPC_DIALLING) {
        mark_up(conn);
        flush_now(conn);
        rc = serve_frames(task, conn, &err);
    }
    if (rc == ERR_PROTOCOL_VIOLATION)
        log_event(task->env->log, LOG_WARN, "rpc_refused", LOG_U64("node", conn->remote),
                  LOG_ERR(&err));
    end_conn_fiber(conn, &err);
}

struct rpc_conn *rpc_conn_dial(struct rpc_core *rc, struct rpc_peer *peer, enum rpc_class cls,
                               const char *host, uint16_t port, node_id expected)
{
    struct rpc_conn *conn = make_conn(rc, (uint8_t)cls, true);
    conn->state = RPC_DIALLING;
    conn->peer = peer;
    conn->remote = expected;
    conn->port = port;
    snprintf(conn->host, sizeof conn->host, "%s", host);
    if (peer)
        peer->conns[cls] = conn;
    conn->fiber =
        task_spawn(rc->core, rpc_task_class((uint8_t)cls), "rpc_dialled", run_dialled, conn);
    return conn;
}

/* ---- the accepting side ---- */

struct accepted {
    struct rpc *rpc;
    struct sock *sock;
    struct rpc_hello hello;
};

static void run_accepted(struct task *task, void *arg)
{
    struct rpc_conn *conn = arg;
    struct err err = {0};
    struct rpc_hello mine;
    own_hello(conn->rc->rpc, conn, &mine);
    mark_up(conn);
    send_hello(conn, RPC_HELLO_OK, &mine, NULL);
    serve_frames(task, conn, &err);
    end_conn_fiber(conn, &err);
}

/* On the core that will serve the connection. */
static void adopt_conn(struct task *task, void *arg)
{
    struct accepted *a = arg;
    struct rpc_core *rc = rpc_core_of(a->rpc, task->core);
    if (rc->stopping) {
        sock_close(a->sock);
        return;
    }
    struct rpc_conn *conn = make_conn(rc, a->hello.cls, false);
    conn->remote = a->hello.self;
    conn->sock = a->sock;
    conn->in = malloc(RPC_READ_BYTES);
    if (!conn->in)
        abort();
    conn->fiber =
        task_spawn(rc->core, rpc_task_class(conn->cls), "rpc_accepted", run_accepted, conn);
}

static int judge_hello(struct rpc_conn *conn, const struct rpc_hello *theirs, struct err *err)
{
    struct rpc_hello mine;
    own_hello(conn->rc->rpc, conn, &mine);
    int rc = check_hello(&mine, theirs, err);
    if (!rc && theirs->target && mine.self && theirs->target != mine.self)
        rc = err_set(err, ERR_PROTOCOL_VIOLATION, "this is node %u, not node %u", mine.self,
                     theirs->target);
    return rc;
}

/* Reads the hello of a fresh connection and hands it to its core. */
static void run_greeter(struct task *task, void *arg)
{
    struct rpc_conn *conn = arg;
    struct rpc_core *rc = conn->rc;
    struct accepted a = {.rpc = rc->rpc};
    struct err err = {0};
    task_deadline_set(task, env_mono_ns(task->env) + HELLO_TIMEOUT_NS, ERR_CONNECTION_FAILURE,
                      "no hello in time");
    conn->in = malloc(RPC_READ_BYTES);
    if (!conn->in)
        abort();
    int bad = read_hello(task, conn, &a.hello, &err);
    if (!bad) {
        bad = judge_hello(conn, &a.hello, &err);
        if (bad && conn->state != RPC_BROKEN)
            send_hello(conn, RPC_HELLO_REFUSED, NULL, &err);
    }
    task_deadline_set(task, TASK_FOREVER, ERR_OK, NULL);
    if (!bad && conn->state != RPC_BROKEN) {
        struct sock *sock = conn->sock;
        conn->sock = NULL;
        struct core *to = rc->rpc->runtime->cores[a.hello.core % rc->rpc->runtime->core_count];
        bad = sock_move(task, sock, to, &a.sock, &err);
        if (!bad)
            core_call(task, to, TASK_CONSENSUS, adopt_conn, &a);
    }
    if (bad)
        log_event(task->env->log, LOG_WARN, "rpc_hello_failed", LOG_ERR(&err));
    end_conn_fiber(conn, &err);
}

void rpc_accept_loop(struct task *task, void *arg)
{
    struct rpc *rpc = arg;
    struct rpc_core *rc = rpc_core_of(rpc, task->core);
    struct sock *sock;
    struct err err;
    /* NULL: stopped before this fiber ran for the first time */
    while (rpc->listener && listener_accept(task, rpc->listener, &sock, &err) == 0) {
        if (rc->stopping) {
            sock_close(sock);
            continue;
        }
        struct rpc_conn *conn = make_conn(rc, RPC_STATEMENT, false);
        conn->sock = sock;
        conn->fiber = task_spawn(rc->core, TASK_CONSENSUS, "rpc_greeter", run_greeter, conn);
    }
    rpc_fiber_ended(rc);
}
