#include "base/rpc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rpc_int.h"

static const uint64_t CALL_TIMEOUT_NS = UINT64_C(10) * 1000 * 1000 * 1000;
static const uint64_t CONNECT_TIMEOUT_NS = UINT64_C(2) * 1000 * 1000 * 1000;

static void *must_zalloc(size_t bytes)
{
    void *p = calloc(1, bytes);
    if (!p) {
        fprintf(stderr, "cairn: out of memory for rpc\n");
        abort();
    }
    return p;
}

/* ---- set-up ---- */

struct rpc *rpc_create(struct runtime *runtime, const struct rpc_config *config)
{
    struct rpc *rpc = must_zalloc(sizeof *rpc);
    rpc->runtime = runtime;
    rpc->env = runtime->env;
    rpc->config = *config;
    if (!rpc->config.call_timeout_ns)
        rpc->config.call_timeout_ns = CALL_TIMEOUT_NS;
    if (!rpc->config.connect_timeout_ns)
        rpc->config.connect_timeout_ns = CONNECT_TIMEOUT_NS;
    rpc_set_cluster(rpc, config->cluster_id);
    rpc_set_self(rpc, config->self);
    rpc->cores = must_zalloc(runtime->core_count * sizeof *rpc->cores);
    for (uint32_t i = 0; i < runtime->core_count; i++) {
        struct rpc_core *rc = rpc->cores[i] = must_zalloc(sizeof *rc);
        rc->rpc = rpc;
        rc->core = runtime->cores[i];
        intmap_init(&rc->peers);
        list_init(&rc->conns);
        list_init(&rc->local);
        cond_init(&rc->ended);
        uint64_t seed;
        env_random(rpc->env, &seed, sizeof seed);
        prng_init(&rc->jitter, seed);
    }
    return rpc;
}

void rpc_destroy(struct rpc *rpc)
{
    for (uint32_t i = 0; i < rpc->runtime->core_count; i++) {
        struct rpc_core *rc = rpc->cores[i];
        assert(list_is_empty(&rc->conns) && rc->fibers == 0);
        for (size_t k = 0; k < rc->peers.entry_count; k++)
            free(rc->peers.entries[k].value);
        intmap_done(&rc->peers);
        free(rc);
    }
    free(rpc->cores);
    free(rpc);
}

struct rpc_core *rpc_core_of(struct rpc *rpc, struct core *core)
{
    return rpc->cores[core->index];
}

static void set_method(struct rpc *rpc, uint16_t method, struct rpc_method m)
{
    assert(method < RPC_METHOD_MAX && !rpc->methods[method].name);
    rpc->methods[method] = m;
}

void rpc_handle(struct rpc *rpc, uint16_t method, const char *name, rpc_handler *fn, void *ctx)
{
    set_method(rpc, method, (struct rpc_method){.name = name, .fn = fn, .ctx = ctx});
}

void rpc_handle_stream(struct rpc *rpc, uint16_t method, const char *name, rpc_stream_handler *fn,
                       void *ctx)
{
    set_method(rpc, method, (struct rpc_method){.name = name, .stream_fn = fn, .ctx = ctx});
}

int rpc_listen(struct task *task, struct rpc *rpc, const char *host, uint16_t port, struct err *err)
{
    int rc = sock_listen(task, host, port, &rpc->listener, err);
    if (rc)
        return rc;
    rpc->port = listener_port(rpc->listener);
    rpc_core_of(rpc, task->core)->fibers++;
    rpc->acceptor = task_spawn(task->core, TASK_CONSENSUS, "rpc_accept", rpc_accept_loop, rpc);
    return 0;
}

uint16_t rpc_port(const struct rpc *rpc)
{
    return rpc->port;
}

void rpc_set_cluster(struct rpc *rpc, const uint8_t cluster_id[16])
{
    atomic_store(&rpc->cluster_lo, load_le64(cluster_id));
    atomic_store(&rpc->cluster_hi, load_le64(cluster_id + 8));
}

void rpc_set_self(struct rpc *rpc, node_id self)
{
    atomic_store(&rpc->self, self);
}

/* ---- the end ---- */

static void break_conns(struct rpc_core *rc, const char *why)
{
    struct list_node *node;
    while ((node = list_first(&rc->conns)))
        rpc_conn_break(container_of(node, struct rpc_conn, link), why);
}

static void stop_core(struct task *task, void *arg)
{
    struct rpc *rpc = arg;
    struct rpc_core *rc = rpc_core_of(rpc, task->core);
    rc->stopping = true;
    if (rpc->acceptor && rpc->acceptor->core == task->core && rpc->listener) {
        listener_close(rpc->listener);
        rpc->listener = NULL;
    }
    break_conns(rc, "the node is shutting down");
    if (rc->local_fiber)
        task_cancel(rc->local_fiber, ERR_QUERY_CANCELED,
                    "canceling request because the node is shutting down");
    task_mask(task);
    while (rc->fibers)
        cond_wait(task, &rc->ended, TASK_FOREVER);
    task_unmask(task);
}

void rpc_stop(struct task *task, struct rpc *rpc)
{
    for (uint32_t i = 0; i < rpc->runtime->core_count; i++)
        core_call(task, rpc->runtime->cores[i], TASK_CONSENSUS, stop_core, rpc);
}

/* ---- peers ---- */

enum peer_op { PEER_SET, PEER_REMOVE, PEER_DOWN, PEER_UP };

struct peer_msg {
    struct core_msg msg;
    struct rpc *rpc;
    enum peer_op op;
    node_id id;
    uint16_t port;
    char host[RPC_HOST_MAX];
};

static void break_peer(struct rpc_peer *peer, const char *why)
{
    for (int c = 0; c < RPC_CLASS_COUNT; c++) {
        if (peer->conns[c])
            rpc_conn_break(peer->conns[c], why);
        peer->backoff_ns[c] = 0;
        peer->dial_after[c] = 0;
    }
}

static void set_peer(struct rpc_core *rc, const struct peer_msg *m)
{
    struct rpc_peer *peer = intmap_get(&rc->peers, m->id);
    if (!peer) {
        peer = must_zalloc(sizeof *peer);
        peer->id = m->id;
        intmap_put(&rc->peers, m->id, peer);
    } else if (peer->port == m->port && strcmp(peer->host, m->host) == 0) {
        return;
    } else {
        break_peer(peer, "its address changed");
    }
    peer->port = m->port;
    snprintf(peer->host, sizeof peer->host, "%s", m->host);
}

static void apply_peer(struct rpc_core *rc, const struct peer_msg *m)
{
    if (m->op == PEER_SET) {
        set_peer(rc, m);
        return;
    }
    struct rpc_peer *peer = intmap_get(&rc->peers, m->id);
    if (!peer)
        return;
    if (m->op == PEER_UP) {
        peer->down = false;
        return;
    }
    break_peer(peer, m->op == PEER_DOWN ? "the node is down" : "the node was removed");
    peer->down = true;
    if (m->op == PEER_REMOVE) {
        intmap_remove(&rc->peers, m->id);
        free(peer);
    }
}

static void take_peer_msg(struct core *core, struct core_msg *msg)
{
    struct peer_msg *m = container_of(msg, struct peer_msg, msg);
    apply_peer(rpc_core_of(m->rpc, core), m);
    free(m);
}

static void tell_cores(struct rpc *rpc, const struct peer_msg *m)
{
    struct core *here = core_running();
    for (uint32_t i = 0; i < rpc->runtime->core_count; i++) {
        struct core *core = rpc->runtime->cores[i];
        if (core == here) {
            apply_peer(rpc->cores[i], m);
            continue;
        }
        struct peer_msg *copy = must_zalloc(sizeof *copy);
        *copy = *m;
        core_post(core, &copy->msg, take_peer_msg);
    }
}

void rpc_peer_set(struct rpc *rpc, node_id id, const char *host, uint16_t port)
{
    struct peer_msg m = {.rpc = rpc, .op = PEER_SET, .id = id, .port = port};
    snprintf(m.host, sizeof m.host, "%s", host);
    tell_cores(rpc, &m);
}

void rpc_peer_remove(struct rpc *rpc, node_id id)
{
    struct peer_msg m = {.rpc = rpc, .op = PEER_REMOVE, .id = id};
    tell_cores(rpc, &m);
}

void rpc_peer_down(struct rpc *rpc, node_id id, bool down)
{
    struct peer_msg m = {.rpc = rpc, .op = down ? PEER_DOWN : PEER_UP, .id = id};
    tell_cores(rpc, &m);
}

/* ---- finding a connection ---- */

/* The connection to use, dialling if need be; 08003 when there is no way to the node now. */
int rpc_conn_to(struct rpc_core *rc, node_id id, enum rpc_class cls, struct rpc_conn **out,
                struct err *err)
{
    struct rpc_peer *peer = intmap_get(&rc->peers, id);
    if (rc->stopping)
        return err_set(err, ERR_CONNECTION_DOES_NOT_EXIST, "the node is shutting down");
    if (!peer)
        return err_set(err, ERR_CONNECTION_DOES_NOT_EXIST, "node %u is unknown", id);
    if (peer->down && cls != RPC_LIVENESS) /* or nobody would notice that it is back */
        return err_set(err, ERR_CONNECTION_DOES_NOT_EXIST, "node %u is down", id);
    if (!peer->conns[cls] && rc->core->now < peer->dial_after[cls])
        return err_set(err, ERR_CONNECTION_DOES_NOT_EXIST, "node %u cannot be reached", id);
    *out = peer->conns[cls] ? peer->conns[cls]
                            : rpc_conn_dial(rc, peer, cls, peer->host, peer->port, id);
    return 0;
}

/* ---- calls ---- */

void rpc_in_fill(struct rpc_in *in, const struct rpc_header *h, const uint8_t *body, node_id from,
                 struct core *core)
{
    *in = (struct rpc_in){
        .from = from,
        .method = h->method,
        .cls = h->cls,
        .msg = body,
        .msg_len = h->msg_len,
        .payload = body + h->msg_len,
        .payload_len = h->payload_len,
        .deadline = h->timeout_ms ? core->now + (uint64_t)h->timeout_ms * 1000000 : TASK_FOREVER,
    };
}

void rpc_reply_done(struct rpc_reply *reply)
{
    free(reply->memory);
    free(reply->memory2);
    *reply = (struct rpc_reply){0};
}

struct rpc_header rpc_call_header(const struct rpc_call *call, enum rpc_kind kind, uint64_t corr,
                                  uint64_t timeout_ns)
{
    uint64_t ms = (timeout_ns + 999999) / 1000000;
    return (struct rpc_header){
        .kind = (uint8_t)kind,
        .cls = (uint8_t)call->cls,
        .method = call->method,
        .corr = corr,
        .timeout_ms = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX,
        .msg_len = (uint32_t)call->msg_len,
        .payload_len = (uint32_t)call->payload_len,
    };
}

static int check_size(const struct rpc_call *call, struct err *err)
{
    if (call->msg_len <= RPC_FRAME_MAX && call->payload_len <= RPC_FRAME_MAX - call->msg_len)
        return 0;
    return err_set(err, ERR_PROGRAM_LIMIT_EXCEEDED,
                   "message of %zu bytes to another node is too large",
                   call->msg_len + call->payload_len);
}

/* The task's own deadline may come first. */
static uint64_t find_timeout(struct task *task, struct rpc *rpc, const struct rpc_call *call)
{
    uint64_t timeout = call->timeout_ns ? call->timeout_ns : rpc->config.call_timeout_ns;
    mono_ns now = task->core->now;
    if (task->deadline != TASK_FOREVER && !task->mask_depth) {
        uint64_t left = task->deadline > now ? task->deadline - now : 1;
        if (left < timeout)
            timeout = left;
    }
    return timeout;
}

static void give_up(struct rpc_conn *conn, const struct rpc_call *call, uint64_t corr)
{
    intmap_remove(&conn->calls, corr);
    struct rpc_header h = {
        .kind = RPC_CANCEL, .cls = (uint8_t)call->cls, .method = call->method, .corr = corr};
    rpc_conn_send(conn, &h, NULL, NULL);
}

/* Sleeps until the answer, the timeout or cancellation. */
static int await_answer(struct task *task, struct rpc_conn *conn, const struct rpc_call *call,
                        struct rpc_pending *p, uint64_t corr, uint64_t timeout, struct err *err)
{
    mono_ns until = task->core->now + timeout;
    while (!p->done) {
        enum park_result r = task_park(task, until);
        if (p->done)
            break;
        if (r == PARK_CANCELED) {
            give_up(conn, call, corr);
            return task_cancel_error(task, err);
        }
        if (r == PARK_TIMEOUT) {
            give_up(conn, call, corr);
            return err_set(err, ERR_CONNECTION_FAILURE,
                           "call \"%s\" to node %u timed out after %llu ms",
                           rpc_method_name(conn->rc->rpc, call->method), conn->remote,
                           (unsigned long long)(timeout / 1000000));
        }
    }
    return 0;
}

static int finish_call(struct rpc_pending *p, struct rpc_reply *reply, struct err *err)
{
    if (!p->frame) {
        if (err)
            *err = p->err;
        return p->err.code;
    }
    struct rpc_frame *f = p->frame;
    if (f->header.kind == RPC_ANSWER_ERROR) {
        int rc = rpc_err_load(f->bytes, f->header.msg_len, err);
        free(f);
        return rc;
    }
    *reply = (struct rpc_reply){
        .msg = f->bytes,
        .msg_len = f->header.msg_len,
        .payload = f->bytes + f->header.msg_len,
        .payload_len = f->header.payload_len,
        .memory = f,
    };
    return 0;
}

static int call_over(struct task *task, struct rpc_conn *conn, const struct rpc_call *call,
                     struct rpc_reply *reply, struct err *err)
{
    struct metric_slots *metrics = task->core->metrics;
    uint64_t timeout = find_timeout(task, conn->rc->rpc, call);
    mono_ns start = task->core->now;
    struct rpc_pending p;
    p.task = task;
    p.done = false;
    p.frame = NULL;
    uint64_t corr = ++conn->next_corr;
    intmap_put(&conn->calls, corr, &p);
    rpc_conn_ref(conn);
    struct rpc_header h = rpc_call_header(call, RPC_REQUEST, corr, timeout);
    metric_add(metrics, METRIC_rpc_requests_sent, 1);
    rpc_conn_send(conn, &h, call->msg, call->payload);
    int rc = await_answer(task, conn, call, &p, corr, timeout, err);
    rpc_conn_unref(conn);
    if (!rc)
        rc = finish_call(&p, reply, err);
    if (p.frame)
        metric_observe(metrics, METRIC_rpc_latency_us, (task->core->now - start) / 1000);
    else
        metric_add(metrics, METRIC_rpc_requests_failed, 1);
    return rc;
}

/* To ourselves: the handler runs in the caller's fiber. */
static int call_self(struct task *task, struct rpc *rpc, const struct rpc_call *call,
                     struct rpc_reply *reply, struct err *err)
{
    const struct rpc_method *m = &rpc->methods[call->method];
    if (!m->fn)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "node %u does not serve method %u",
                       atomic_load(&rpc->self), call->method);
    uint64_t timeout = find_timeout(task, rpc, call);
    struct rpc_in in = {
        .from = atomic_load(&rpc->self),
        .method = call->method,
        .cls = (uint8_t)call->cls,
        .msg = call->msg,
        .msg_len = call->msg_len,
        .payload = call->payload,
        .payload_len = call->payload_len,
        .deadline = task->core->now + timeout,
    };
    struct rpc_out out = {0};
    mono_ns deadline = task->deadline;
    int deadline_code = task->deadline_code;
    const char *deadline_message = task->deadline_message;
    if (in.deadline < deadline)
        task_deadline_set(task, in.deadline, ERR_CONNECTION_FAILURE, "call to this node timed out");
    int rc = m->fn(task, m->ctx, &in, &out, err);
    task_deadline_set(task, deadline, (enum err_code)deadline_code, deadline_message);
    if (rc) {
        buf_done(&out.msg);
        buf_done(&out.payload);
        return rc;
    }
    *reply = (struct rpc_reply){
        .msg = out.msg.data,
        .msg_len = out.msg.len,
        .payload = out.payload.data,
        .payload_len = out.payload.len,
        .memory = out.msg.data,
        .memory2 = out.payload.data,
    };
    return 0;
}

int rpc_call(struct task *task, struct rpc *rpc, const struct rpc_call *call,
             struct rpc_reply *reply, struct err *err)
{
    assert(call->method < RPC_METHOD_MAX && call->cls < RPC_CLASS_COUNT);
    int rc = task_check(task, err);
    if (!rc)
        rc = check_size(call, err);
    if (rc)
        return rc;
    if (call->to == atomic_load_explicit(&rpc->self, memory_order_relaxed))
        return call_self(task, rpc, call, reply, err);
    struct rpc_conn *conn;
    rc = rpc_conn_to(rpc_core_of(rpc, task->core), call->to, call->cls, &conn, err);
    return rc ? rc : call_over(task, conn, call, reply, err);
}

int rpc_call_address(struct task *task, struct rpc *rpc, const char *host, uint16_t port,
                     const struct rpc_call *call, struct rpc_reply *reply, struct err *err)
{
    struct rpc_core *rc = rpc_core_of(rpc, task->core);
    int code = check_size(call, err);
    if (code)
        return code;
    if (rc->stopping)
        return err_set(err, ERR_CONNECTION_DOES_NOT_EXIST, "the node is shutting down");
    struct rpc_conn *conn = rpc_conn_dial(rc, NULL, call->cls, host, port, 0);
    rpc_conn_ref(conn);
    code = call_over(task, conn, call, reply, err);
    rpc_conn_break(conn, "no longer needed");
    rpc_conn_unref(conn);
    return code;
}

/* ---- one way ---- */

static void run_local(struct task *task, void *arg)
{
    struct rpc_core *rc = arg;
    struct list_node *node;
    while ((node = list_pop_front(&rc->local))) {
        struct rpc_frame *f = container_of(node, struct rpc_frame, link);
        struct rpc_in in;
        rpc_in_fill(&in, &f->header, f->bytes, atomic_load(&rc->rpc->self), task->core);
        rpc_run_oneway(task, &rc->rpc->methods[f->header.method], &in);
        free(f);
    }
    rc->local_fiber = NULL;
    rpc_fiber_ended(rc);
}

static enum rpc_send_result send_self(struct rpc_core *rc, const struct rpc_call *message)
{
    if (rc->stopping)
        return RPC_DROPPED;
    struct rpc_header h = rpc_call_header(message, RPC_ONEWAY, 0, 0);
    struct rpc_frame *f = rpc_frame_make(&h, message->msg, message->payload);
    list_push_back(&rc->local, &f->link);
    if (!rc->local_fiber) {
        rc->fibers++;
        rc->local_fiber = task_spawn(rc->core, TASK_CONSENSUS, "rpc_local", run_local, rc);
    }
    return RPC_SENT;
}

enum rpc_send_result rpc_send(struct core *core, struct rpc *rpc, const struct rpc_call *message)
{
    struct rpc_core *rc = rpc_core_of(rpc, core);
    struct err err;
    struct rpc_conn *conn;
    assert(message->method < RPC_METHOD_MAX && message->cls < RPC_CLASS_COUNT);
    if (message->to == atomic_load_explicit(&rpc->self, memory_order_relaxed))
        return send_self(rc, message);
    size_t bytes = message->msg_len + message->payload_len;
    if (check_size(message, &err) || rpc_conn_to(rc, message->to, message->cls, &conn, &err) ||
        conn->out.len + (conn->sock ? sock_queued_bytes(conn->sock) : 0) + bytes > RPC_QUEUE_MAX) {
        metric_add(core->metrics, METRIC_rpc_oneway_dropped, 1);
        return RPC_DROPPED;
    }
    struct rpc_header h = rpc_call_header(message, RPC_ONEWAY, 0, 0);
    rpc_conn_send(conn, &h, message->msg, message->payload);
    metric_add(core->metrics, METRIC_rpc_oneway_sent, 1);
    return RPC_SENT;
}
