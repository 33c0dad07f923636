#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/rpc_int.h"

/* Both ends are a struct rpc_stream. Between nodes they talk in frames over the opener's
 * connection; on one core they are twins and a frame is delivered by a function call. */

static struct rpc_stream *make_stream(struct rpc_core *rc, uint8_t cls, node_id remote)
{
    struct rpc_stream *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->rc = rc;
    s->cls = cls;
    s->remote = remote;
    s->credit = RPC_STREAM_WINDOW;
    list_init(&s->received);
    return s;
}

static void free_stream(struct rpc_stream *s)
{
    assert(!s->receiver && !s->sender);
    for (struct list_node *n; (n = list_pop_front(&s->received));)
        free(container_of(n, struct rpc_frame, link));
    free(s->current);
    free(s->open);
    if (s->twin)
        s->twin->twin = NULL;
    if (s->conn) {
        intmap_remove(&s->conn->streams, s->corr);
        rpc_conn_unref(s->conn);
    }
    free(s);
}

static void wake_waiters(struct rpc_stream *s)
{
    if (s->receiver)
        task_wake(s->receiver);
    if (s->sender)
        task_wake(s->sender);
}

static void transmit(struct rpc_stream *s, enum rpc_kind kind, const void *msg, size_t msg_len,
                     const void *payload, size_t payload_len)
{
    struct rpc_header h = {.kind = (uint8_t)kind,
                           .cls = s->cls,
                           .corr = s->corr,
                           .msg_len = (uint32_t)msg_len,
                           .payload_len = (uint32_t)payload_len};
    if (s->conn) {
        rpc_conn_send(s->conn, &h, msg, payload);
    } else if (s->twin) {
        struct rpc_frame *f = rpc_frame_make(&h, msg, payload);
        rpc_stream_deliver(s->twin, &h, f->bytes, f);
    }
}

/* ---- arriving frames ---- */

void rpc_stream_deliver(struct rpc_stream *s, const struct rpc_header *h, const uint8_t *msg,
                        struct rpc_frame *take_frame)
{
    struct buf_reader r = buf_reader_of(msg, h->msg_len);
    switch (h->kind) {
    case RPC_STREAM_DATA:
        if (!take_frame)
            take_frame = rpc_frame_make(h, msg, msg + h->msg_len);
        list_push_back(&s->received, &take_frame->link);
        take_frame = NULL;
        break;
    case RPC_STREAM_CREDIT: {
        uint64_t more = buf_take_varint(&r);
        int64_t room = RPC_STREAM_WINDOW - s->credit; /* more than the window is never owed */
        s->credit += more < (uint64_t)room ? (int64_t)more : room;
        break;
    }
    case RPC_STREAM_END:
        s->they_ended = true;
        break;
    case RPC_STREAM_ERROR:
        if (!s->err.code)
            rpc_err_load(msg, h->msg_len, &s->err);
        s->they_ended = true;
        s->broken = true;
        break;
    default:
        break;
    }
    free(take_frame);
    wake_waiters(s);
}

void rpc_stream_conn_broken(struct rpc_stream *s, const struct err *err)
{
    s->broken = true;
    if (!s->err.code)
        s->err = *err;
    if (s->handler)
        task_cancel(s->handler, ERR_QUERY_CANCELED,
                    "canceling request because its caller went away");
    wake_waiters(s);
}

static int report_broken(const struct rpc_stream *s, struct err *err)
{
    if (err)
        *err = s->err;
    return s->err.code;
}

/* ---- the two directions ---- */

int rpc_stream_send(struct task *task, struct rpc_stream *s, const void *msg, size_t msg_len,
                    const void *payload, size_t payload_len, struct err *err)
{
    size_t bytes = msg_len + payload_len;
    if (bytes > RPC_FRAME_MAX)
        return err_set(err, ERR_PROGRAM_LIMIT_EXCEEDED,
                       "message of %zu bytes to another node is too large", bytes);
    assert(!s->we_ended && !s->sender);
    while (s->credit <= 0 && !s->broken) {
        s->sender = task;
        enum park_result r = task_park(task, TASK_FOREVER);
        s->sender = NULL;
        if (r == PARK_CANCELED)
            return task_cancel_error(task, err);
    }
    if (s->broken)
        return report_broken(s, err);
    s->credit -= (int64_t)(bytes + RPC_HEADER_BYTES);
    transmit(s, RPC_STREAM_DATA, msg, msg_len, payload, payload_len);
    return 0;
}

/* Tells the sender once a quarter of the window was consumed. */
static void return_credit(struct rpc_stream *s, uint64_t bytes)
{
    s->consumed += bytes;
    if (s->consumed < RPC_STREAM_WINDOW / 4 || s->they_ended || s->broken)
        return;
    uint8_t msg[VARINT_BYTES_MAX];
    size_t n = varint_store(msg, s->consumed);
    s->consumed = 0;
    transmit(s, RPC_STREAM_CREDIT, msg, n, NULL, 0);
}

int rpc_stream_recv(struct task *task, struct rpc_stream *s, enum rpc_recv_result *result,
                    struct rpc_in *in, struct err *err)
{
    if (s->current) {
        uint64_t bytes = RPC_HEADER_BYTES + (uint64_t)s->current->header.msg_len +
                         s->current->header.payload_len;
        free(s->current);
        s->current = NULL;
        return_credit(s, bytes);
    }
    assert(!s->receiver);
    while (list_is_empty(&s->received) && !s->they_ended && !s->broken) {
        s->receiver = task;
        enum park_result r = task_park(task, TASK_FOREVER);
        s->receiver = NULL;
        if (r == PARK_CANCELED)
            return task_cancel_error(task, err);
    }
    struct list_node *node = list_pop_front(&s->received);
    if (node) {
        s->current = container_of(node, struct rpc_frame, link);
        rpc_in_fill(in, &s->current->header, s->current->bytes, s->remote, task->core);
        *result = RPC_GOT;
        return 0;
    }
    if (s->err.code)
        return report_broken(s, err);
    *result = RPC_END;
    return 0;
}

int rpc_stream_finish(struct task *task, struct rpc_stream *s, struct err *err)
{
    if (s->broken)
        return report_broken(s, err);
    if (!s->we_ended) {
        s->we_ended = true;
        transmit(s, RPC_STREAM_END, NULL, 0, NULL, 0);
    }
    return 0;
}

/* ---- the serving side ---- */

static void end_serving(struct rpc_stream *s, int rc, struct err *err)
{
    s->handler = NULL;
    if (rc) {
        struct buf msg = {0};
        if (!err->code)
            err_set(err, (enum err_code)rc, "stream failed");
        rpc_err_store(&msg, err);
        transmit(s, RPC_STREAM_ERROR, msg.data, msg.len, NULL, 0);
        buf_done(&msg);
    } else if (!s->we_ended) {
        transmit(s, RPC_STREAM_END, NULL, 0, NULL, 0);
    }
    struct rpc_core *rc_ = s->rc;
    free_stream(s);
    rpc_fiber_ended(rc_);
}

static void run_stream(struct task *task, void *arg)
{
    struct rpc_stream *s = arg;
    const struct rpc_method *m = &s->rc->rpc->methods[s->open->header.method];
    struct rpc_in in;
    struct err err;
    err.code = 0;
    rpc_in_fill(&in, &s->open->header, s->open->bytes, s->remote, task->core);
    if (in.deadline != TASK_FOREVER)
        task_deadline_set(task, in.deadline, ERR_QUERY_CANCELED,
                          "canceling request because its deadline passed");
    int rc = m->stream_fn(task, m->ctx, &in, s, &err);
    end_serving(s, rc, &err);
}

static void start_serving(struct rpc_stream *s)
{
    s->rc->fibers++;
    s->handler = task_spawn(s->rc->core, rpc_task_class(s->cls),
                            rpc_method_name(s->rc->rpc, s->open->header.method), run_stream, s);
}

void rpc_stream_accept(struct rpc_conn *conn, struct rpc_frame *take_frame)
{
    struct rpc_stream *s = make_stream(conn->rc, conn->cls, conn->remote);
    s->conn = conn;
    rpc_conn_ref(conn);
    s->corr = take_frame->header.corr;
    s->open = take_frame;
    intmap_put(&conn->streams, s->corr, s);
    start_serving(s);
}

/* ---- the opening side ---- */

static int open_self(struct rpc_core *rc, const struct rpc_call *call, struct rpc_stream **out,
                     struct err *err)
{
    node_id self = atomic_load(&rc->rpc->self);
    if (rc->stopping)
        return err_set(err, ERR_CONNECTION_DOES_NOT_EXIST, "the node is shutting down");
    if (!rc->rpc->methods[call->method].stream_fn)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "node %u does not serve method %u", self,
                       call->method);
    struct rpc_stream *mine = make_stream(rc, (uint8_t)call->cls, self);
    struct rpc_stream *theirs = make_stream(rc, (uint8_t)call->cls, self);
    mine->twin = theirs;
    theirs->twin = mine;
    struct rpc_header h = rpc_call_header(call, RPC_STREAM_OPEN, 0, call->timeout_ns);
    theirs->open = rpc_frame_make(&h, call->msg, call->payload);
    start_serving(theirs);
    *out = mine;
    return 0;
}

int rpc_stream_open(struct task *task, struct rpc *rpc, const struct rpc_call *call,
                    struct rpc_stream **out, struct err *err)
{
    struct rpc_core *rc = rpc_core_of(rpc, task->core);
    int code = task_check(task, err);
    if (code)
        return code;
    if (call->to == atomic_load(&rpc->self))
        return open_self(rc, call, out, err);
    struct rpc_conn *conn;
    code = rpc_conn_to(rc, call->to, call->cls, &conn, err);
    if (code)
        return code;
    struct rpc_stream *s = make_stream(rc, (uint8_t)call->cls, call->to);
    s->conn = conn;
    rpc_conn_ref(conn);
    s->corr = ++conn->next_corr;
    intmap_put(&conn->streams, s->corr, s);
    struct rpc_header h = rpc_call_header(call, RPC_STREAM_OPEN, s->corr, call->timeout_ns);
    rpc_conn_send(conn, &h, call->msg, call->payload);
    *out = s;
    return 0;
}

void rpc_stream_close(struct task *task, struct rpc_stream *s)
{
    (void)task;
    if (!s->they_ended && !s->broken) {
        if (s->conn)
            transmit(s, RPC_CANCEL, NULL, 0, NULL, 0);
        else if (s->twin && s->twin->handler)
            task_cancel(s->twin->handler, ERR_QUERY_CANCELED,
                        "canceling request at its caller's request");
    }
    free_stream(s);
}
