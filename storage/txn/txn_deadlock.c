/* Deadlocks, and what leaders ask gateways.
 *
 * A leader whose waiter waited for a while tells the waiter's gateway whom it waits for (EDGES).
 * The gateway follows each edge by a PROBE to the gateway of the transaction waited for, carrying
 * the path so far; there the edges of that transaction are followed in turn. A probe that comes
 * back to a transaction of its own path has found a cycle: its youngest member is ended (KILL), at
 * its gateway, through every leader where it waits. Edges are told again as long as the wait lasts,
 * so a lost message costs a tick; under two-phase locking an edge seen stays true until the cycle
 * is broken.
 *
 *     id := gateway, boot epoch (u32) number (u64)        member := id, started (u64)
 *     EDGES   waiter id, group (u32), n (u8), member x n
 *     PROBE   target id, n (u8), member x n                KILL   id
 *     GATEWAY id -> known (u8), committing (u8)
 */
#include "storage/txn/kv_txn.h"

enum { PATH_MAX_LEN = 32 };

static void put_id(struct buf *out, const struct kv_txn_id *id)
{
    buf_put_le32(out, id->gateway);
    buf_put_le32(out, id->boot_epoch);
    buf_put_le64(out, id->number);
}

static void take_id(struct buf_reader *in, struct kv_txn_id *id)
{
    id->gateway = buf_take_le32(in);
    id->boot_epoch = buf_take_le32(in);
    id->number = buf_take_le64(in);
}

static void put_members(struct buf *out, const struct txn_edge *members, uint32_t n)
{
    buf_put_u8(out, (uint8_t)n);
    for (uint32_t i = 0; i < n; i++) {
        put_id(out, &members[i].txn);
        buf_put_le64(out, members[i].started);
    }
}

static uint32_t take_members(struct buf_reader *in, struct txn_edge *members, uint32_t max)
{
    uint32_t n = buf_take_u8(in);
    if (n > max)
        in->bad = true;
    for (uint32_t i = 0; i < n && !in->bad; i++) {
        take_id(in, &members[i].txn);
        members[i].started = buf_take_le64(in);
    }
    return in->bad ? 0 : n;
}

static void send_bytes(struct kv *kv, struct core *core, node_id to, uint16_t method,
                       struct buf *take_bytes)
{
    struct rpc_call call = {
        .to = to,
        .method = method,
        .cls = RPC_STATEMENT,
        .msg = take_bytes->data,
        .msg_len = take_bytes->len,
    };
    (void)!rpc_send(core, kv->rpc, &call);
    buf_done(take_bytes);
}

/* ---- at the leader -------------------------------------------------------------------------- */

void txn_edges_push(struct txn_group *g, const struct lock_waiter *waiter)
{
    struct lock_txn *blockers[TXN_EDGES_MAX];
    struct txn_edge edges[TXN_EDGES_MAX];
    struct buf message = {0};
    uint32_t n = lock_blockers(waiter, blockers, TXN_EDGES_MAX);
    for (uint32_t i = 0; i < n; i++)
        edges[i] = (struct txn_edge){blockers[i]->id, blockers[i]->started};
    put_id(&message, &waiter->txn->id);
    buf_put_le32(&message, group_id(g->group));
    put_members(&message, edges, n);
    send_bytes(g->kv, store_group_core(g->kv->store, group_id(g->group)), waiter->txn->id.gateway,
               TXN_METHOD_EDGES, &message);
}

/* ---- at the gateway, on the transaction's core ---------------------------------------------- */

static struct kv_txn *find_txn(struct kv *kv, struct core *core, const struct kv_txn_id *id)
{
    if (id->gateway != kv->self || id->boot_epoch != kv->boot_epoch)
        return NULL;
    return intmap_get(&kv->cores[core->index]->txns, id->number);
}

static void send_probe(struct kv *kv, struct core *core, const struct kv_txn_id *target,
                       const struct txn_edge *path, uint32_t n)
{
    struct buf message = {0};
    put_id(&message, target);
    put_members(&message, path, n);
    send_bytes(kv, core, target->gateway, TXN_METHOD_PROBE, &message);
}

static void take_edges(struct kv *kv, struct core *core, struct buf_reader *in)
{
    struct kv_txn_id id;
    struct txn_edge edges[TXN_EDGES_MAX];
    take_id(in, &id);
    uint32_t group = buf_take_le32(in);
    uint32_t n = take_members(in, edges, TXN_EDGES_MAX);
    struct kv_txn *txn = find_txn(kv, core, &id);
    for (uint32_t p = 0; txn && p < txn->n_parts; p++) {
        struct kv_part *part = &txn->parts[p];
        if (part->group != group || !part->asking)
            continue;
        struct txn_edge self = {txn->id, txn->started};
        part->n_edges = n;
        memcpy(part->edges, edges, n * sizeof *edges);
        for (uint32_t i = 0; i < n; i++)
            send_probe(kv, core, &edges[i].txn, &self, 1);
    }
}

static bool is_younger(const struct txn_edge *a, const struct txn_edge *b)
{
    if (a->started != b->started)
        return a->started > b->started;
    if (a->txn.gateway != b->txn.gateway)
        return a->txn.gateway > b->txn.gateway;
    return a->txn.number > b->txn.number;
}

static void kill_youngest(struct kv *kv, struct core *core, const struct txn_edge *cycle,
                          uint32_t n)
{
    const struct txn_edge *victim = &cycle[0];
    struct buf message = {0};
    for (uint32_t i = 1; i < n; i++)
        if (is_younger(&cycle[i], victim))
            victim = &cycle[i];
    put_id(&message, &victim->txn);
    send_bytes(kv, core, victim->txn.gateway, TXN_METHOD_KILL, &message);
}

static void follow_edge(struct kv *kv, struct core *core, const struct txn_edge *edge,
                        struct txn_edge *path, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (kv_txn_id_equal(&path[i].txn, &edge->txn)) {
            kill_youngest(kv, core, path + i, n - i);
            return;
        }
    if (n < PATH_MAX_LEN)
        send_probe(kv, core, &edge->txn, path, n);
}

static void take_probe(struct kv *kv, struct core *core, struct buf_reader *in)
{
    struct kv_txn_id target;
    struct txn_edge path[PATH_MAX_LEN + 1];
    take_id(in, &target);
    uint32_t n = take_members(in, path, PATH_MAX_LEN);
    struct kv_txn *txn = n ? find_txn(kv, core, &target) : NULL;
    if (!txn)
        return;
    path[n++] = (struct txn_edge){txn->id, txn->started};
    for (uint32_t p = 0; p < txn->n_parts; p++)
        for (uint32_t i = 0; txn->parts[p].asking && i < txn->parts[p].n_edges; i++)
            follow_edge(kv, core, &txn->parts[p].edges[i], path, n);
}

static void take_kill(struct kv *kv, struct task *task, struct buf_reader *in)
{
    struct kv_txn_id id;
    uint8_t code[4];
    take_id(in, &id);
    struct kv_txn *txn = find_txn(kv, task_core(task), &id);
    store_le32(code, ERR_DEADLOCK_DETECTED);
    for (uint32_t p = 0; txn && p < txn->n_parts; p++) {
        if (!txn->parts[p].asking || !txn->parts[p].n_edges)
            continue;
        txn->parts[p].n_edges = 0;
        txn_post(task, kv, txn, &txn->parts[p], TXN_OP_CANCEL, code, sizeof code);
    }
}

/* ---- messages ------------------------------------------------------------------------------- */

struct delivery {
    struct kv *kv;
    uint16_t method;
    struct buf_reader in;
    uint8_t known, committing;
};

static void deliver_here(struct task *task, void *arg)
{
    struct delivery *d = arg;
    struct core *core = task_core(task);
    struct kv_txn_id id;
    struct kv_txn *txn;
    switch (d->method) {
    case TXN_METHOD_EDGES:
        take_edges(d->kv, core, &d->in);
        break;
    case TXN_METHOD_PROBE:
        take_probe(d->kv, core, &d->in);
        break;
    case TXN_METHOD_KILL:
        take_kill(d->kv, task, &d->in);
        break;
    default:
        take_id(&d->in, &id);
        txn = find_txn(d->kv, core, &id);
        d->known = txn != NULL;
        d->committing = txn && txn->committing;
    }
}

/* To the core the transaction named first belongs to. */
static void deliver(struct task *task, struct delivery *d)
{
    struct buf_reader peek = d->in;
    struct kv_txn_id id;
    take_id(&peek, &id);
    uint32_t core = (uint32_t)(id.number >> TXN_CORE_SHIFT);
    if (peek.bad || core >= d->kv->n_cores)
        return;
    if (d->kv->cores[core]->core == task_core(task))
        deliver_here(task, d);
    else
        core_call(task, d->kv->cores[core]->core, TASK_TXN, deliver_here, d);
}

static int serve_gateway(struct task *task, void *ctx, const struct rpc_in *in, struct rpc_out *out,
                         struct err *err)
{
    struct delivery d = {
        .kv = ctx, .method = in->method, .in = buf_reader_of(in->msg, in->msg_len)};
    deliver(task, &d);
    if (out) {
        buf_put_u8(&out->msg, d.known);
        buf_put_u8(&out->msg, d.committing);
    }
    return 0;
}

void txn_deadlock_register(struct kv *kv)
{
    rpc_handle(kv->rpc, TXN_METHOD_GATEWAY, "txn_gateway", serve_gateway, kv);
    rpc_handle(kv->rpc, TXN_METHOD_EDGES, "txn_edges", serve_gateway, kv);
    rpc_handle(kv->rpc, TXN_METHOD_PROBE, "txn_probe", serve_gateway, kv);
    rpc_handle(kv->rpc, TXN_METHOD_KILL, "txn_kill", serve_gateway, kv);
}

/* False: no answer. */
static bool ask(struct task *task, struct kv *kv, const struct kv_txn_id *id, bool *known,
                bool *committing)
{
    struct buf message = {0};
    struct rpc_reply reply;
    struct err err;
    put_id(&message, id);
    struct rpc_call call = {
        .to = id->gateway,
        .method = TXN_METHOD_GATEWAY,
        .cls = RPC_STATEMENT,
        .msg = message.data,
        .msg_len = message.len,
        .timeout_ns = 500 * TXN_MS,
    };
    bool answered = rpc_call(task, kv->rpc, &call, &reply, &err) == 0;
    if (answered) {
        *known = reply.msg_len == 2 && reply.msg[0];
        *committing = reply.msg_len == 2 && reply.msg[1];
        rpc_reply_done(&reply);
    }
    buf_done(&message);
    return answered;
}

bool txn_gateway_is_committing(struct task *task, struct kv *kv, const struct kv_txn_id *id)
{
    bool known, committing;
    return ask(task, kv, id, &known, &committing) && known && committing;
}

bool txn_gateway_knows(struct task *task, struct kv *kv, const struct kv_txn_id *id)
{
    bool known, committing;
    return !ask(task, kv, id, &known, &committing) || known;
}
