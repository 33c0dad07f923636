/* store_net.c: raft messages between stores, and the end of a core's turn.
 *
 * Messages of all groups of a core to one node gather in one buffer and leave in one frame at the
 * end of the turn, after the groups that were stepped have acted. A frame is raft messages back to
 * back (raft_msg.h); each names its group. The receiver steps them where they are for a group of
 * its own core, and posts the others.
 */
#include <stdlib.h>

#include "storage/tablet/group_int.h"

enum { FRAME_BYTES_HIGH = 8 << 20, FRAME_BYTES_KEPT = 1 << 20 };

static void end_turn(struct core *core, struct core_defer *defer);

void store_mark(struct store_core *sc, struct group *group)
{
    if (group->marked || group->acting)
        return; /* acting: it looks again before it ends */
    group->marked = true;
    group->dirty_next = NULL;
    *sc->dirty_tail = group;
    sc->dirty_tail = &group->dirty_next;
    core_defer(sc->core, &sc->defer, end_turn);
}

void store_unmark(struct store_core *sc, struct group *group)
{
    if (!group->marked)
        return;
    struct group **at = &sc->dirty_head;
    while (*at && *at != group)
        at = &(*at)->dirty_next;
    if (!*at)
        return;
    *at = group->dirty_next;
    if (!*at) {
        sc->dirty_tail = &sc->dirty_head;
        while (*sc->dirty_tail)
            sc->dirty_tail = &(*sc->dirty_tail)->dirty_next;
    }
    group->marked = false;
}

static void resume_groups(struct core *core, struct core_msg *msg)
{
    struct store_core *sc = container_of(msg, struct store_core, resume);
    sc->resume_posted = false;
    core_defer(core, &sc->defer, end_turn);
}

/* Groups that used up their share stay marked and go on in the next turn. */
static void end_turn(struct core *core, struct core_defer *defer)
{
    struct store_core *sc = container_of(defer, struct store_core, defer);
    struct group *again = NULL, **again_tail = &again;
    while (sc->dirty_head) {
        struct group *group = sc->dirty_head;
        sc->dirty_head = group->dirty_next;
        if (!sc->dirty_head)
            sc->dirty_tail = &sc->dirty_head;
        group->dirty_next = NULL;
        group->marked = false;
        if (!group_act(group))
            continue;
        group->marked = true;
        *again_tail = group;
        again_tail = &group->dirty_next;
    }
    sc->dirty_head = again;
    sc->dirty_tail = again ? again_tail : &sc->dirty_head;
    if (again && !sc->resume_posted) {
        sc->resume_posted = true;
        core_post(core, &sc->resume, resume_groups);
    }
    store_flush(sc);
}

static void send_frame(struct store_core *sc, uint32_t node)
{
    struct store_out *out = &sc->out[node];
    struct rpc_call message = {.to = node,
                               .method = STORE_METHOD_RAFT,
                               .cls = RPC_CONSENSUS,
                               .payload = out->bytes.data,
                               .payload_len = out->bytes.len};
    /* What is dropped here raft sends again; nothing else to do about it. */
    (void)rpc_send(sc->core, sc->store->rpc, &message);
    out->count = 0;
    if (out->bytes.cap > FRAME_BYTES_KEPT) {
        buf_done(&out->bytes);
        buf_init(&out->bytes);
    }
    buf_reset(&out->bytes);
}

void store_flush(struct store_core *sc)
{
    for (uint32_t node = 1; node <= sc->store->n_nodes; node++)
        if (sc->out[node].count)
            send_frame(sc, node);
}

void store_send(struct store_core *sc, const struct raft_message *message)
{
    uint32_t node = message->to_node;
    if (node == 0 || node > sc->store->n_nodes || node == sc->store->node)
        return;
    struct store_out *out = &sc->out[node];
    size_t size = raft_message_encoded_size(message);
    raft_message_encode(message, buf_extend(&out->bytes, size));
    out->count++;
    if (out->bytes.len > FRAME_BYTES_HIGH)
        send_frame(sc, node);
}

struct posted {
    struct core_msg msg;
    struct group *group;
    struct raft_message message;
};

static void receive_posted(struct core *core, struct core_msg *msg)
{
    struct posted *posted = container_of(msg, struct posted, msg);
    group_receive(posted->group, &posted->message);
    raft_message_clear(&posted->message);
    free(posted);
}

/* Hands the message over (takes what it holds). */
static void deliver(struct store *store, struct core *here, struct raft_message *message)
{
    struct store_route_entry *route =
        message->group_id <= UINT32_MAX ? store_find(store, (uint32_t)message->group_id) : NULL;
    if (!route || !route->group || message->kind == RAFT_MSG_SNAPSHOT) {
        raft_message_clear(message); /* a snapshot's head comes with its stream only */
        return;
    }
    if (here->index == route->core) {
        group_receive(route->group, message);
        raft_message_clear(message);
        return;
    }
    struct posted *posted = malloc(sizeof *posted);
    if (!posted)
        abort();
    posted->group = route->group;
    posted->message = *message;
    core_post(store->runtime->cores[route->core], &posted->msg, receive_posted);
}

int store_on_raft(struct task *task, void *ctx, const struct rpc_in *in, struct rpc_out *out,
                  struct err *err)
{
    struct store_port *port = ctx;
    struct store *store = atomic_load(&port->store);
    if (!store)
        return 0; /* not open yet, or no longer: as if the message was lost */
    size_t at = 0;
    while (at < in->payload_len) {
        struct raft_message message;
        size_t used;
        int rc = raft_message_decode(in->payload + at, in->payload_len - at, &message, &used, err);
        if (rc)
            return rc;
        at += used;
        deliver(store, task_core(task), &message);
    }
    return 0;
}

void store_core_init(struct store_core *sc, struct store *store, struct core *core)
{
    sc->store = store;
    sc->core = core;
    sc->dirty_tail = &sc->dirty_head;
    sc->out = calloc(store->n_nodes + 1, sizeof *sc->out);
    if (!sc->out)
        abort();
}

void store_core_settle(struct task *task, struct store_core *sc)
{
    while (sc->defer.queued || sc->resume_posted || atomic_load(&sc->lost_posted))
        task_yield(task);
}

void store_core_done(struct store_core *sc)
{
    for (uint32_t node = 0; sc->out && node <= sc->store->n_nodes; node++)
        buf_done(&sc->out[node].bytes);
    free(sc->out);
}
