/* store_live.c: which nodes are alive, measured per pair of nodes.
 *
 *     u8 version = 1 | u8 kind (1 ping, 2 pong) | u32 boot epoch | u64 sent (sender's boot clock,
 *     us; a pong repeats the ping's) | u64 wall clock sent (the same) | u64 wall clock of the
 *     writer | u64 hlc
 *
 * Each node pings each other every 50 ms on the liveness connection, from core 0. An answer means
 * that the other believed us alive when it answered: for STORE_SUPPORT_MS from our sending. What
 * raft's leases rest on is measured per group inside raft (raft.h, invariant 5); this here is what
 * gateways, routes and idle groups go by: when a node's support ends, groups it led are woken so
 * that they elect, and calls to it fail.
 *
 * A node whose log writer owes a sync for longer than STORE_GRAY_MS sends nothing: a stalled disk
 * shall look like a dead node.
 */
#include "storage/tablet/group_int.h"

enum { HEARTBEAT_VERSION = 1, PING = 1, PONG = 2, HEARTBEAT_BYTES = 38 };
enum { IDLE_TICK_EVERY = 2 };

struct heartbeat {
    uint8_t kind;
    uint32_t boot_epoch;
    uint64_t sent_us;
    uint64_t sent_wall_us;
    uint64_t wall_us;
    hlc_time hlc;
};

static void put_heartbeat(struct buf *out, const struct heartbeat *hb)
{
    buf_put_u8(out, HEARTBEAT_VERSION);
    buf_put_u8(out, hb->kind);
    buf_put_le32(out, hb->boot_epoch);
    buf_put_le64(out, hb->sent_us);
    buf_put_le64(out, hb->sent_wall_us);
    buf_put_le64(out, hb->wall_us);
    buf_put_le64(out, hb->hlc);
}

static bool take_heartbeat(const struct rpc_in *in, struct heartbeat *hb)
{
    struct buf_reader msg = buf_reader_of(in->msg, in->msg_len);
    uint8_t version = buf_take_u8(&msg);
    hb->kind = buf_take_u8(&msg);
    hb->boot_epoch = buf_take_le32(&msg);
    hb->sent_us = buf_take_le64(&msg);
    hb->sent_wall_us = buf_take_le64(&msg);
    hb->wall_us = buf_take_le64(&msg);
    hb->hlc = buf_take_le64(&msg);
    return !msg.bad && version == HEARTBEAT_VERSION && (hb->kind == PING || hb->kind == PONG);
}

static void send_heartbeat(struct store *store, uint32_t node, const struct heartbeat *hb)
{
    struct buf msg = {0};
    put_heartbeat(&msg, hb);
    struct rpc_call call = {.to = node,
                            .method = STORE_METHOD_LIVENESS,
                            .cls = RPC_LIVENESS,
                            .msg = msg.data,
                            .msg_len = msg.len};
    (void)rpc_send(store->runtime->cores[0], store->rpc, &call);
    buf_done(&msg);
}

/* The log writer has had something to do for too long. */
static bool log_is_stuck(struct store *store, uint64_t now_us)
{
    struct wal_stats stats;
    wal_stats_get(store->wal, &stats);
    if (!stats.has_pending || stats.syncs != store->log_syncs_seen) {
        store->log_syncs_seen = stats.syncs;
        store->log_stuck_us = now_us;
    }
    return now_us - store->log_stuck_us > STORE_GRAY_MS * 1000u;
}


/* Groups of this core that believe the lost node leads them. */
static void wake_groups(struct core *core, struct core_msg *msg)
{
    struct store_core *sc = container_of(msg, struct store_core, lost);
    struct store *store = sc->store;
    atomic_store(&sc->lost_posted, false);
    for (uint32_t i = 0; i < store->n_routes; i++) {
        struct group *group = store->routes[i].core == core->index ? store->routes[i].group : NULL;
        if (group && group->leader_node && !store_node_alive(store, group->leader_node))
            group_wake_up(group);
    }
}

static void note_lost(struct store *store, struct store_peer *peer)
{
    peer->was_alive = false;
    if (store->log)
        log_event(store->log, LOG_WARN, "node_lost", LOG_U64("peer", peer->node));
    rpc_peer_down(store->rpc, peer->node, true); /* pings go on */
    for (uint32_t i = 0; i < store->runtime->core_count; i++) {
        struct store_core *sc = &store->cores[i];
        if (!atomic_exchange(&sc->lost_posted, true))
            core_post(sc->core, &sc->lost, wake_groups);
    }
}

static void fire_heartbeat(struct core *core, struct core_timer *timer)
{
    struct store *store = container_of(timer, struct store, live_timer);
    uint64_t now_us = store_now_us(store);
    struct heartbeat hb = {.kind = PING,
                           .boot_epoch = store_boot_epoch(store),
                           .sent_us = now_us,
                           .sent_wall_us = env_wall_us(store->env),
                           .hlc = hlc_last(&store->hlc)};
    hb.wall_us = hb.sent_wall_us;
    bool stuck = log_is_stuck(store, now_us);
    /* After a pause of our own everybody looks dead: let answers come in first. */
    bool late = now_us - store->live_fired_us > 4 * STORE_HEARTBEAT_MS * 1000u;
    store->live_fired_us = now_us;
    for (uint32_t node = 1; node <= store->n_nodes; node++) {
        struct store_peer *peer = &store->peers[node];
        if (node == store->node)
            continue;
        if (!stuck)
            send_heartbeat(store, node, &hb);
        if (peer->was_alive && !late && !store_node_alive(store, node))
            note_lost(store, peer);
    }
    if (++store->live_turns % IDLE_TICK_EVERY == 0)
        wal_idle_tick(store->wal);
    core_timer_start(core, timer,
                     env_mono_ns(store->env) + STORE_HEARTBEAT_MS * UINT64_C(1000000));
}

static void hear_pong(struct store *store, struct store_peer *peer, const struct heartbeat *hb)
{
    uint64_t now_us = store_now_us(store), until = hb->sent_us + STORE_SUPPORT_MS * 1000u;
    if (hb->sent_us > now_us || hb->sent_us < store->boot_us)
        return; /* to an earlier boot of ours */
    if (until > atomic_load(&peer->alive_until_us))
        atomic_store(&peer->alive_until_us, until);
    hlc_sample(&store->hlc, peer->node, hb->sent_wall_us, hb->wall_us, env_wall_us(store->env));
    if (peer->was_alive || until <= now_us)
        return;
    peer->was_alive = true;
    rpc_peer_down(store->rpc, peer->node, false);
    if (store->log)
        log_event(store->log, LOG_INFO, "node_alive", LOG_U64("peer", peer->node),
                  LOG_U64("boot_epoch", hb->boot_epoch));
}

struct heard {
    struct store *store;
    uint32_t from;
    struct heartbeat hb;
};

/* On core 0: it owns the peers' liveness and the clock's samples. */
static void hear(struct task *task, void *arg)
{
    const struct heard *h = arg;
    struct store *store = h->store;
    struct store_peer *peer = &store->peers[h->from];
    if (atomic_load(&store->stopping) || h->hb.boot_epoch < atomic_load(&peer->boot_epoch))
        return;
    atomic_store(&peer->boot_epoch, h->hb.boot_epoch);
    if (hlc_merge(&store->hlc, h->hb.hlc) != HLC_OK && store->log)
        log_event(store->log, LOG_WARN, "clock_far_ahead", LOG_U64("peer", h->from));
    if (h->hb.kind == PONG) {
        hear_pong(store, peer, &h->hb);
        return;
    }
    struct heartbeat pong = {.kind = PONG,
                             .boot_epoch = store_boot_epoch(store),
                             .sent_us = h->hb.sent_us,
                             .sent_wall_us = h->hb.sent_wall_us,
                             .wall_us = env_wall_us(store->env),
                             .hlc = hlc_last(&store->hlc)};
    if (!log_is_stuck(store, store_now_us(store)))
        send_heartbeat(store, h->from, &pong);
}

int store_on_heartbeat(struct task *task, void *ctx, const struct rpc_in *in, struct rpc_out *out,
                       struct err *err)
{
    struct store_port *port = ctx;
    struct heard heard = {.store = atomic_load(&port->store), .from = in->from};
    if (!heard.store)
        return 0;
    if (in->from == 0 || in->from > heard.store->n_nodes || in->from == heard.store->node ||
        !take_heartbeat(in, &heard.hb))
        return err_set(err, ERR_PROTOCOL_VIOLATION, "malformed heartbeat");
    atomic_fetch_add(&heard.store->users, 1);
    core_call(task, heard.store->runtime->cores[0], TASK_CONSENSUS, hear, &heard);
    atomic_fetch_sub(&heard.store->users, 1);
    return 0;
}

void store_live_start(struct store *store)
{
    core_timer_init(&store->live_timer, fire_heartbeat);
    core_timer_start(store->runtime->cores[0], &store->live_timer, env_mono_ns(store->env));
}

void store_live_stop(struct store *store)
{
    core_timer_stop(store->runtime->cores[0], &store->live_timer);
}

bool store_node_alive(const struct store *store, uint32_t node)
{
    if (node == store->node)
        return true;
    if (node == 0 || node > store->n_nodes)
        return false;
    return atomic_load_explicit(&store->peers[node].alive_until_us, memory_order_relaxed) >
           store_now_us(store);
}

uint32_t store_node_epoch(const struct store *store, uint32_t node)
{
    if (node == store->node)
        return store_boot_epoch(store);
    return node && node <= store->n_nodes ? atomic_load(&store->peers[node].boot_epoch) : 0;
}

bool store_has_quorum(const struct store *store)
{
    uint32_t alive = 0;
    for (uint32_t node = 1; node <= store->n_nodes; node++)
        alive += store_node_alive(store, node);
    return alive > store->n_nodes / 2;
}
