/* Requests on their way: finding the leader, asking again while that is safe, serving what comes
 * in. */
#include "storage/txn/kv_txn.h"
#include "storage/txn/txn_scan.h"

struct txn_group *txn_local_group(struct kv *kv, uint32_t id)
{
    if (!atomic_load(&kv->ready) || id > PLACE_DATA_GROUPS_MAX + 1)
        return NULL; /* requests come as soon as the groups are there, before kv_node_start */
    return atomic_load(&kv->groups[id]);
}

struct kv_core *kv_core_of(struct kv *kv, struct task *task)
{
    return kv->cores[task_core(task)->index];
}

/* ---- evaluation on the group's core --------------------------------------------------------- */

/* A repeat of a request is answered from the first. */
static bool answer_repeat(struct txn_group *g, const struct txn_call *call,
                          struct txn_result *result, int *code, struct err *err)
{
    struct lock_txn *txn = call->request ? lock_table_txn(&g->locks, &call->txn) : NULL;
    if (!txn || (call->incarnation && call->incarnation != txn->incarnation))
        return false;
    if (txn->running == call->request || call->request < txn->request ||
        call->request < txn->running) {
        result->status = TXN_BUSY; /* being served; or a copy so late that nobody waits for it */
        return true;
    }
    if (txn->request != call->request)
        return false;
    *code = txn_result_decode(txn->reply.data, txn->reply.len, result, err);
    return true;
}

static void keep_answer(struct txn_group *g, const struct txn_call *call,
                        const struct txn_result *result, const struct err *err)
{
    struct lock_txn *txn = call->request ? lock_table_txn(&g->locks, &call->txn) : NULL;
    if (!txn || txn->running != call->request)
        return;
    txn->running = 0;
    if (result->status != TXN_OK && result->status != TXN_FAILED)
        return;
    txn->request = call->request;
    buf_reset(&txn->reply);
    txn_result_encode(result, err, &txn->reply);
}

static int eval_here(struct task *task, struct txn_group *g, const struct txn_call *call,
                     struct txn_result *result, struct err *err)
{
    int code = 0;
    buf_reset(&result->body);
    result->status = TXN_OK;
    if (call->op == TXN_OP_SCAN)
        return txn_scan_serve(task, g, call, result, err);
    if (answer_repeat(g, call, result, &code, err))
        return code;
    code = txn_eval(task, g, call, result, err);
    keep_answer(g, call, result, err);
    return code;
}

struct core_eval {
    struct txn_group *g;
    const struct txn_call *call;
    struct txn_result *result;
    struct err err;
    int code;
};

static void run_core_eval(struct task *task, void *arg)
{
    struct core_eval *e = arg;
    e->code = eval_here(task, e->g, e->call, e->result, &e->err);
}

static int eval_local(struct task *task, struct kv *kv, struct txn_group *g,
                      const struct txn_call *call, struct txn_result *result, struct err *err)
{
    struct core *core = store_group_core(kv->store, call->group);
    if (core == task_core(task))
        return eval_here(task, g, call, result, err);
    struct core_eval e = {.g = g, .call = call, .result = result};
    err_clear(&e.err);
    core_call(task, core, task->cls, run_core_eval, &e);
    if (e.code && err)
        *err = e.err;
    return e.code;
}

static int serve_call(struct task *task, void *ctx, const struct rpc_in *in, struct rpc_out *out,
                      struct err *err)
{
    struct kv *kv = ctx;
    struct arena arena;
    struct txn_call call;
    struct txn_result result = {0};
    struct err failed;
    arena_init(&arena, NULL);
    err_clear(&failed);
    int code = txn_call_decode(in->msg, in->msg_len, env_mono_ns(kv->env), &arena, &call, err);
    if (!code) {
        struct txn_group *g = txn_local_group(kv, call.group);
        if (!g)
            result.status = TXN_ELSEWHERE;
        else if (eval_local(task, kv, g, &call, &result, &failed))
            result.status = TXN_FAILED;
        if (result.status == TXN_FAILED && !failed.code)
            err_set(&failed, ERR_INTERNAL_ERROR, "transaction request %u failed without a reason",
                    call.op);
        if (out)
            txn_result_encode(&result, &failed, &out->msg);
    }
    buf_done(&result.body);
    arena_done(&arena);
    return code;
}

void txn_route_register(struct kv *kv)
{
    rpc_handle(kv->rpc, TXN_METHOD_CALL, "txn_call", serve_call, kv);
}

/* ---- sending -------------------------------------------------------------------------------- */

/* One try at one node. *maybe: it may have been executed though no answer came. */
static int send_once(struct task *task, struct kv *kv, node_id to, const struct txn_call *call,
                     uint64_t timeout_ns, struct txn_result *result, bool *maybe, struct err *err)
{
    struct buf message = {0};
    struct rpc_reply reply;
    struct err lost;
    *maybe = false;
    txn_call_encode(call, env_mono_ns(kv->env), &message);
    struct rpc_call rpc = {
        .to = to,
        .method = TXN_METHOD_CALL,
        .cls = RPC_STATEMENT,
        .msg = message.data,
        .msg_len = message.len,
        .timeout_ns = timeout_ns,
    };
    int code = rpc_call(task, kv->rpc, &rpc, &reply, &lost);
    buf_done(&message);
    if (code) {
        *maybe = code != ERR_CONNECTION_DOES_NOT_EXIST;
        result->status = TXN_UNSURE;
        return 0;
    }
    code = txn_result_decode(reply.msg, reply.msg_len, result, err);
    rpc_reply_done(&reply);
    return code;
}

/* Whom to ask next: the hinted leader, else the replicas in turn. 0: nobody. */
static node_id choose_node(struct kv *kv, uint32_t group, uint32_t attempt, node_id hint)
{
    struct store_route route;
    if (!store_route(kv->store, group, &route))
        return 0;
    if (hint)
        return hint;
    if (route.leader_node)
        return route.leader_node;
    return route.n_replicas ? route.nodes[attempt % route.n_replicas] : 0;
}

static int fail_no_leader(const struct txn_call *call, struct err *err)
{
    if (call->deadline_ns)
        return err_set(err, ERR_QUERY_CANCELED, "canceling statement due to statement timeout");
    return err_set(err, ERR_SYSTEM_ERROR, "group %u has no leader", call->group);
}

static int send_to(struct task *task, struct kv *kv, node_id to, const struct txn_call *call,
                   uint64_t left_ns, struct txn_result *result, bool *maybe, struct err *err)
{
    struct txn_group *g = to == kv->self || !to ? txn_local_group(kv, call->group) : NULL;
    *maybe = false;
    if (g) {
        struct txn_call direct = *call;
        direct.request = 0; /* an answer cannot get lost on the way */
        return eval_local(task, kv, g, &direct, result, err);
    }
    if (to && to != kv->self)
        return send_once(task, kv, to, call, left_ns, result, maybe, err);
    result->status = TXN_ELSEWHERE;
    result->hint = 0;
    return 0;
}

/* May wait for another transaction at the leader, for as long as it takes. */
static bool may_wait(uint8_t op)
{
    return op == TXN_OP_WRITE || op == TXN_OP_LOCK || op == TXN_OP_CHANGE || op == TXN_OP_SCAN;
}

/* Learns from an answer that settled nothing; returns whom to ask next, 0 = look again after a
 * pause. */
static node_id learn_route(struct kv *kv, const struct txn_call *call, node_id asked,
                           const struct txn_result *result)
{
    if (result->status == TXN_BUSY)
        return 0;
    node_id hint = result->status == TXN_ELSEWHERE && result->hint != asked ? result->hint : 0;
    store_leader_hint(kv->store, call->group, hint);
    return hint;
}

int txn_send(struct task *task, struct kv *kv, struct txn_call *call, bool repeatable,
             struct txn_result *result, struct err *err)
{
    uint64_t heard = env_mono_ns(kv->env); /* when a leader was last there */
    uint64_t until = call->deadline_ns ? call->deadline_ns : TASK_FOREVER;
    uint64_t pause = TXN_MS;
    node_id hint = 0;
    for (uint32_t attempt = 0;; attempt++) {
        uint64_t now = env_mono_ns(kv->env);
        if (now >= until || now - heard >= TXN_CALL_NS || atomic_load(&kv->stopping))
            return fail_no_leader(call, err);
        uint64_t left = until - now < TXN_CALL_NS / 2 ? until - now : TXN_CALL_NS / 2;
        bool maybe;
        node_id to = choose_node(kv, call->group, attempt, hint);
        call->clock = hlc_last(kv->hlc);
        result->hint = 0;
        int code = send_to(task, kv, to, call, left, result, &maybe, err);
        if (code)
            return code;
        if (result->clock)
            (void)!hlc_merge(kv->hlc, result->clock);
        if ((maybe && !repeatable) || result->status == TXN_OK || result->status == TXN_REFUSED ||
            (result->status == TXN_UNSURE && !maybe && to == kv->self))
            return 0;
        code = task_check(task, err);
        if (code)
            return code;
        if (may_wait(call->op) &&
            (result->status == TXN_BUSY || (maybe && store_node_alive(kv->store, to))))
            heard = env_mono_ns(kv->env);
        hint = learn_route(kv, call, to, result);
        if (hint && attempt < 3)
            continue;
        code = task_sleep(task, pause, err);
        if (code)
            return code;
        pause = pause < 32 * TXN_MS ? 2 * pause : pause;
    }
}

void txn_post(struct task *task, struct kv *kv, const struct kv_txn *txn,
              const struct kv_part *part, uint8_t op, const void *body, size_t body_len)
{
    struct txn_call call;
    struct txn_group *g = txn_local_group(kv, part->group);
    kv_txn_call_init(txn, part, op, part->group, &call);
    call.body = body;
    call.body_len = body_len;
    call.clock = 0;
    if (g && g->leading && store_group_core(kv->store, part->group) == task_core(task)) {
        struct txn_result result = {0};
        struct err err;
        (void)!txn_eval(task, g, &call, &result, &err);
        buf_done(&result.body);
        return;
    }
    struct buf message = {0};
    node_id to = choose_node(kv, part->group, 0, 0);
    txn_call_encode(&call, env_mono_ns(kv->env), &message);
    struct rpc_call rpc = {
        .to = to ? to : kv->self,
        .method = TXN_METHOD_CALL,
        .cls = RPC_STATEMENT,
        .msg = message.data,
        .msg_len = message.len,
    };
    (void)!rpc_send(task_core(task), kv->rpc, &rpc);
    buf_done(&message);
}

int txn_send_command(struct task *task, struct kv *kv, uint32_t group, const struct buf *command,
                     uint64_t deadline_ns, struct txn_answer *answer, uint8_t *status,
                     struct err *err)
{
    struct txn_command head;
    struct txn_result result = {0};
    if (!txn_command_decode(command->data, command->len, &head))
        return err_set(err, ERR_INTERNAL_ERROR, "transaction command is malformed");
    struct txn_call call = {
        .op = TXN_OP_PROPOSE,
        .group = group,
        .txn = head.txn,
        .session = head.session,
        .deadline_ns = deadline_ns,
        .body = command->data,
        .body_len = command->len,
    };
    int code;
    do {
        code = txn_send(task, kv, &call, true, &result, err);
    } while (!code && result.status == TXN_UNSURE); /* every command may be repeated */
    *status = result.status;
    if (!code && result.status == TXN_OK &&
        !txn_answer_decode(result.body.data, result.body.len, answer))
        code = err_set(err, ERR_PROTOCOL_VIOLATION, "answer to a transaction command is malformed");
    buf_done(&result.body);
    return code;
}
