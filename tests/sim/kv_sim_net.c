/* Messages of the simulated world: base/rpc.h between nodes that are delayed, cut off and
 * restarted. */
#include <assert.h>
#include <stdlib.h>

#include "tests/sim/kv_sim_int.h"

struct message {
    struct sim_event event;
    struct list_node link; /* of the simulator's, while a handler works on it */
    uint32_t refs;
    uint32_t from, to, from_boot, to_boot;
    uint16_t method;
    bool one_way;
    struct task *caller;
    bool done;
    bool delivered;
    int code;
    struct err err;
    struct buf request;
    struct rpc_out out;
};

static void unref_message(struct message *m)
{
    if (--m->refs)
        return;
    buf_done(&m->request);
    buf_done(&m->out.msg);
    buf_done(&m->out.payload);
    free(m);
}

void rpc_handle(struct rpc *rpc, uint16_t method, const char *name, rpc_handler *fn, void *ctx)
{
    assert(method < SIM_METHODS);
    rpc->handlers[method] = fn;
    rpc->contexts[method] = ctx;
}

void rpc_reply_done(struct rpc_reply *reply)
{
    free(reply->memory);
    *reply = (struct rpc_reply){0};
}

static bool is_same_boot(const struct sim *sim, uint32_t node, uint32_t boot)
{
    return sim->nodes[node].up && sim->nodes[node].boot == boot;
}

/* The caller learns that the connection broke. */
static void break_call(struct sim *sim, struct message *m)
{
    if (!m->one_way && !m->done && is_same_boot(sim, m->from, m->from_boot)) {
        m->done = true;
        m->code =
            err_set(&m->err, m->delivered ? ERR_CONNECTION_FAILURE : ERR_CONNECTION_DOES_NOT_EXIST,
                    "connection to node %u broke", m->to);
        if (m->caller)
            task_wake(m->caller);
    }
    unref_message(m);
}

static void arrive_answer(struct sim *sim, struct sim_event *event)
{
    struct message *m = container_of(event, struct message, event);
    if (!is_same_boot(sim, m->from, m->from_boot)) {
        unref_message(m);
        return;
    }
    if (!sim_connected(sim, m->from, m->to)) {
        break_call(sim, m);
        return;
    }
    if (!m->done) {
        m->done = true;
        if (m->caller)
            task_wake(m->caller);
    }
    unref_message(m);
}

/* The node that was working on it crashed. */
static void lose_request(struct sim *sim, struct sim_event *event)
{
    break_call(sim, container_of(event, struct message, event));
}

void sim_net_crashed(struct sim *sim, uint32_t node)
{
    list_each_safe(struct message, m, &sim->handled, link)
    {
        if (m->to != node)
            continue;
        list_remove(&m->link);
        sim_at(sim, &m->event, sim->now_ns + 200 * SIM_MS, lose_request);
    }
}

static void run_handler(struct task *task, void *arg)
{
    struct message *m = arg;
    struct sim_node *node = container_of(task->env, struct sim_node, env);
    struct rpc *rpc = node->rpc;
    struct rpc_in in = {
        .from = m->from, .method = m->method, .msg = m->request.data, .msg_len = m->request.len};
    struct err err;
    err_clear(&err);
    int code = 0;
    struct rpc_out out = {0};
    if (!rpc->handlers[m->method])
        code = err_set(&err, ERR_FEATURE_NOT_SUPPORTED, "no handler");
    else
        code = rpc->handlers[m->method](task, rpc->contexts[m->method], &in,
                                        m->one_way ? NULL : &out, &err);
    list_remove(&m->link);
    if (m->one_way) {
        unref_message(m);
        return;
    }
    m->out = out;
    m->code = code;
    m->err = err;
    sim_at(node->sim, &m->event, node->sim->now_ns + sim_delay(node->sim), arrive_answer);
}

static void start_handler(struct sim_node *node, void *arg)
{
    task_spawn(node->core, TASK_TXN, "handler", run_handler, arg);
}

static void arrive_request(struct sim *sim, struct sim_event *event)
{
    struct message *m = container_of(event, struct message, event);
    if (!is_same_boot(sim, m->to, m->to_boot) || !sim_connected(sim, m->from, m->to)) {
        break_call(sim, m);
        return;
    }
    m->delivered = true;
    list_push_back(&sim->handled, &m->link);
    sim_on_core(&sim->nodes[m->to], start_handler, m);
}

/* The connection broke behind a request: the caller hears it at once, the request still arrives
 * some time later. */
static bool outlives_connection(struct sim *sim, const struct rpc_call *call, uint32_t from,
                                bool one_way)
{
    return !one_way && !sim->calm && !sim->config.no_nemesis && call->to != from &&
           prng_chance(&sim->rng, 0.01);
}

static struct message *post_message(struct rpc *rpc, const struct rpc_call *call, bool one_way)
{
    struct sim_node *node = rpc->node;
    struct sim *sim = node->sim;
    struct message *m = calloc(1, sizeof *m);
    if (!m)
        abort();
    m->refs = one_way ? 1 : 2;
    m->from = node->id;
    m->from_boot = node->boot;
    m->to = call->to;
    m->to_boot = sim->nodes[call->to].boot;
    m->method = call->method;
    m->one_way = one_way;
    buf_put(&m->request, call->msg, call->msg_len);
    sim_at(sim, &m->event,
           sim->now_ns + (call->to == node->id ? 1000 : sim_delay(sim)) +
               (one_way ? prng_below(&sim->rng, 30 * SIM_MS) : 0),
           arrive_request);
    return m;
}

int rpc_call(struct task *task, struct rpc *rpc, const struct rpc_call *call,
             struct rpc_reply *reply, struct err *err)
{
    struct sim *sim = rpc->node->sim;
    if (!call->to || call->to > sim->n_nodes)
        return err_set(err, ERR_CONNECTION_DOES_NOT_EXIST, "no such node");
    bool broken = outlives_connection(sim, call, rpc->node->id, false);
    struct message *m = post_message(rpc, call, broken);
    if (broken) {
        int slept = task_sleep(task, sim_delay(sim), err);
        return slept
                   ? slept
                   : err_set(err, ERR_CONNECTION_FAILURE, "connection to node %u broke", call->to);
    }
    m->caller = task;
    uint64_t until =
        env_mono_ns(task->env) + (call->timeout_ns ? call->timeout_ns : 10000 * SIM_MS);
    int code = 0;
    while (!m->done && !code) {
        enum park_result parked = task_park(task, until);
        if (m->done)
            break;
        if (parked == PARK_CANCELED)
            code = task_cancel_error(task, err);
        else if (env_mono_ns(task->env) >= until)
            code = err_set(err, ERR_CONNECTION_FAILURE, "call timed out");
    }
    m->caller = NULL;
    if (!code && m->code) {
        code = m->code;
        if (err)
            *err = m->err;
    }
    if (!code) {
        *reply = (struct rpc_reply){
            .msg = m->out.msg.data, .msg_len = m->out.msg.len, .memory = m->out.msg.data};
        m->out.msg = (struct buf){0};
    }
    m->done = true;
    unref_message(m);
    return code;
}

enum rpc_send_result rpc_send(struct core *core, struct rpc *rpc, const struct rpc_call *message)
{
    if (!message->to || message->to > rpc->node->sim->n_nodes)
        return RPC_DROPPED;
    post_message(rpc, message, true);
    return RPC_SENT;
}
