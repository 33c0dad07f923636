/* The simulated network, snapshot streams, and node-pair liveness where a run uses it. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/raft_sim_int.h"

static uint64_t draw_delay(struct raft_sim *s, int from, int to)
{
    uint64_t delay =
        s->params.delay_us + s->slow_us[from][to] + sim_random(s, s->params.jitter_us);

    if (!s->calm && sim_chance(s, s->params.long_delay_per_mille))
        delay += sim_random(s, s->params.config.support_ms * 3000);
    return delay;
}

static bool is_lost(struct raft_sim *s, int from, int to)
{
    return s->blocked[from][to] || (!s->calm && sim_chance(s, s->params.loss_per_mille));
}

/* One message in eight travels as bytes. */
static struct raft_message *copy_message(struct raft_sim *s, const struct raft_message *msg)
{
    struct raft_message *copy = malloc(sizeof(*copy));
    size_t size, consumed;
    uint8_t *bytes;

    if (!sim_chance(s, 125)) {
        raft_message_copy(copy, msg);
        return copy;
    }
    size = raft_message_encoded_size(msg);
    bytes = malloc(size);
    if (raft_message_encode(msg, bytes) != size ||
        raft_message_decode(bytes, size, copy, &consumed, NULL) != 0 || consumed != size) {
        sim_fail(s, "codec: a message did not survive");
        memset(copy, 0, sizeof(*copy));
    }
    free(bytes);
    return copy;
}

/* Faults at the moments that matter. Returns what is added to the message's delay. */
static uint64_t hunt(struct raft_sim *s, struct sim_node *n, const struct raft_message *msg)
{
    struct sim_params *p = &s->params;
    struct sim_event bounce = {.at = s->now + 1 + sim_random(s, 500), .kind = SIM_BOUNCE,
                               .node = n->at};

    if (s->calm)
        return 0;
    if (msg->kind == RAFT_MSG_VOTE && sim_chance(s, p->vote_hunt_per_mille))
        return sim_random(s, p->config.support_ms * 4000);
    if (msg->kind == RAFT_MSG_VOTE_RESP && !(msg->flags & RAFT_FLAG_REJECT) &&
        sim_chance(s, p->vote_hunt_per_mille))
        sim_push(s, bounce);
    if (msg->kind == RAFT_MSG_APPEND_RESP && n->disk.writes_count > 0 &&
        sim_chance(s, p->ack_hunt_per_mille)) {
        sim_push(s, bounce);
        if (sim_chance(s, 500))
            sim_push(s, (struct sim_event){.at = s->now + 2 * p->delay_us +
                                                 sim_random(s, 4 * p->jitter_us),
                                           .kind = SIM_STALK,
                                           .node = (uint8_t)(msg->to - 1),
                                           .life = s->nodes[msg->to - 1].life});
    }
    return 0;
}

void sim_net_send(struct raft_sim *s, struct sim_node *n, const struct raft_message *msg)
{
    int to = (int)msg->to - 1;
    int copies = 1;
    uint64_t late_us;

    if (to < 0 || to >= s->nodes_count || msg->to_node != (uint32_t)to + 1) {
        sim_fail(s, "node %d: %s to nobody", n->at, raft_msg_kind_name(msg->kind));
        return;
    }
    sim_check_promise(s, n, msg);
    late_us = hunt(s, n, msg);
    if (is_lost(s, n->at, to))
        return;
    if (!s->calm && sim_chance(s, s->params.dup_per_mille))
        copies = 2;
    for (int i = 0; i < copies; i++)
        sim_push(s, (struct sim_event){.at = s->now + late_us + draw_delay(s, n->at, to),
                                       .kind = SIM_MESSAGE,
                                       .node = (uint8_t)to,
                                       .from = n->at,
                                       .msg = copy_message(s, msg)});
}

void sim_net_deliver(struct raft_sim *s, struct sim_node *n, struct sim_event *event)
{
    if (!n->up || s->blocked[event->from][event->node])
        return;
    sim_step(s, n, (struct raft_event){.kind = RAFT_EV_MESSAGE, .message = event->msg});
}

void sim_net_snapshot(struct raft_sim *s, struct sim_node *n,
                      const struct raft_snapshot_request *request)
{
    struct raft_snapshot_meta *meta = malloc(sizeof(*meta));
    struct raft_message *msg = malloc(sizeof(*msg));
    struct raft_message head;
    bool ok = !is_lost(s, n->at, (int)request->to - 1);
    uint64_t took = 2000 + sim_random(s, 60000);

    *meta = (struct raft_snapshot_meta){n->applied, s->committed_term[n->applied],
                                        n->disk.checkpoint.conf};
    if (n->applied < request->min_index ||
        !raft_snapshot_message(n->raft, request->to, meta, &head))
        ok = false;
    sim_push(s, (struct sim_event){.at = s->now + took,
                                   .kind = SIM_STATUS,
                                   .node = n->at,
                                   .life = n->life,
                                   .ok = ok,
                                   .a = request->to,
                                   .b = meta->index});
    if (ok) {
        raft_message_copy(msg, &head);
        sim_push(s, (struct sim_event){.at = s->now + took,
                                       .kind = SIM_MESSAGE,
                                       .node = (uint8_t)(request->to - 1),
                                       .from = n->at,
                                       .msg = msg});
        if (!s->calm && sim_chance(s, s->params.dup_per_mille * 5)) {
            struct raft_message *again = malloc(sizeof(*again));

            raft_message_copy(again, &head);
            sim_push(s, (struct sim_event){.at = s->now + took + sim_random(s, 500000),
                                           .kind = SIM_MESSAGE,
                                           .node = (uint8_t)(request->to - 1),
                                           .from = n->at,
                                           .msg = again});
        }
    } else {
        free(msg);
    }
    free(meta);
}

/* ---- liveness of node pairs ---- */

void sim_net_ping(struct raft_sim *s, struct sim_node *n)
{
    sim_push(s, (struct sim_event){
                    .at = s->now + s->params.config.heartbeat_ms * 1000,
                    .kind = SIM_PING,
                    .node = n->at,
                    .from = n->at,
                    .life = n->life});
    for (int to = 0; to < s->nodes_count; to++) {
        if (to != n->at && !is_lost(s, n->at, to))
            sim_push(s, (struct sim_event){.at = s->now + draw_delay(s, n->at, to),
                                           .kind = SIM_PING,
                                           .node = (uint8_t)to,
                                           .from = n->at,
                                           .a = sim_node_now(s, n),
                                           .b = n->epoch});
    }
}

void sim_net_on_ping(struct raft_sim *s, struct sim_node *n, const struct sim_event *event)
{
    uint64_t support_us = (uint64_t)s->params.config.support_ms * 1000;
    uint64_t now = sim_node_now(s, n);

    if (!n->up || s->blocked[event->from][event->node])
        return;
    if (now < n->silent_until)
        return;
    if (now >= n->given_until[event->from])
        n->given_period[event->from]++;
    n->given_until[event->from] = now + support_us;
    sim_step(s, n, (struct raft_event){.kind = RAFT_EV_SUPPORT,
                                       .given = true,
                                       .node_id = event->from + 1u,
                                       .epoch = event->b,
                                       .until_us = now + support_us});
    if (!is_lost(s, n->at, event->from))
        sim_push(s, (struct sim_event){.at = s->now + draw_delay(s, n->at, event->from),
                                       .kind = SIM_PONG,
                                       .node = event->from,
                                       .from = n->at,
                                       .life = s->nodes[event->from].life,
                                       .a = event->a,
                                       .b = n->epoch * 100000 + n->given_period[event->from],
                                       .ok = s->nodes[event->from].epoch == event->b});
}

void sim_net_on_pong(struct raft_sim *s, struct sim_node *n, const struct sim_event *event)
{
    uint64_t support_us = (uint64_t)s->params.config.support_ms * 999; /* drift taken off */

    if (!n->up || !event->ok)
        return;
    sim_step(s, n, (struct raft_event){.kind = RAFT_EV_SUPPORT,
                                       .node_id = event->from + 1u,
                                       .epoch = event->b,
                                       .until_us = event->a + support_us});
}

/* ---- partitions ---- */

void sim_net_heal(struct raft_sim *s)
{
    memset(s->blocked, 0, sizeof(s->blocked));
    memset(s->slow_us, 0, sizeof(s->slow_us));
}

/* Single links, one way, slower than elections last. */
void sim_net_slow_links(struct raft_sim *s)
{
    uint32_t most_us = s->params.config.support_ms * 4000;

    sim_log(s, "slow links");
    for (int i = 0; i < s->nodes_count; i++) {
        for (int j = 0; j < s->nodes_count; j++)
            s->slow_us[i][j] = sim_chance(s, 250) ? (uint32_t)sim_random(s, most_us) : 0;
    }
}

void sim_net_partition(struct raft_sim *s)
{
    int n = s->nodes_count;
    uint64_t shape = sim_random(s, 6);
    int one = (int)sim_random(s, (uint64_t)n);
    uint64_t sides = sim_random(s, 1u << n);

    sim_net_heal(s);
    sim_log(s, "partition: shape %d around %d", (int)shape, one);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            bool across = ((sides >> i) & 1) != ((sides >> j) & 1);

            if (i == j)
                continue;
            switch (shape) {
            case 0: s->blocked[i][j] = across; break;                 /* halves */
            case 1: s->blocked[i][j] = i == one || j == one; break;   /* isolated */
            case 2: s->blocked[i][j] = i == one; break;               /* heard by nobody */
            case 3: s->blocked[i][j] = j == one; break;               /* hears nobody */
            case 4: s->blocked[i][j] = across && i != one && j != one; break; /* bridge */
            default: s->blocked[i][j] = sim_chance(s, 250); break;    /* single links, one way */
            }
        }
    }
}
