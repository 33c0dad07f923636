/* Support given to a leader, the lease made of support received, read limits, quiescence. */
#include <string.h>

#include "raft/raft_int.h"

static bool is_members_node(const struct raft *r, uint32_t node_id)
{
    for (int i = 0; i < r->conf.count; i++) {
        if (r->conf.members[i].node_id == node_id)
            return true;
    }
    return node_id == r->supported.node_id;
}

static struct raft_node_support *node_support(struct raft *r, uint32_t node_id, bool add)
{
    for (int i = 0; i < r->nodes_count; i++) {
        if (r->nodes[i].node_id == node_id)
            return &r->nodes[i];
    }
    if (!add)
        return NULL;
    if (r->nodes_count < RAFT_MEMBERS_MAX) {
        r->nodes[r->nodes_count] = (struct raft_node_support){.node_id = node_id};
        return &r->nodes[r->nodes_count++];
    }
    /* There is a place for every member's node: one of a former member goes. */
    for (int i = 0; i < r->nodes_count; i++) {
        if (!is_members_node(r, r->nodes[i].node_id)) {
            r->nodes[i] = (struct raft_node_support){.node_id = node_id};
            return &r->nodes[i];
        }
    }
    return NULL;
}

uint64_t raft_support_until(const struct raft *r)
{
    if (r->supported.replica == 0)
        return 0;
    if (!r->config.liveness_external)
        return r->supported.until_us;
    if (r->supported.until_us == 0) /* released */
        return 0;
    for (int i = 0; i < r->nodes_count; i++) {
        if (r->nodes[i].node_id == r->supported.node_id)
            return r->nodes[i].given_until_us;
    }
    return 0;
}

bool raft_is_supporting(const struct raft *r)
{
    if (r->now_us < r->silent_until_us && !has_bug(r, RAFT_BUG_GRANT_AFTER_BOOT))
        return true;
    if (has_bug(r, RAFT_BUG_IGNORE_SUPPORT))
        return false;
    return r->role == RAFT_LEADER || r->now_us < raft_support_until(r);
}

/* An append or snapshot of the present term's leader: supported from now on. Support for an earlier
 * leader ends with it, for its successor could not be elected before. */
void raft_hear_leader(struct raft *r, const struct raft_message *msg)
{
    r->leader = msg->from;
    r->leader_epoch = msg->from_epoch;
    r->tries = 0;
    r->supported.replica = msg->from;
    r->supported.node_id = msg->from_node;
    r->supported.term = msg->term;
    r->supported.epoch = msg->from_epoch;
    r->supported.until_us = r->now_us + ms_to_us(r->config.support_ms);
    if (msg->sent_us > r->heard_sent_us)
        r->heard_sent_us = msg->sent_us;
    if (msg->round > r->heard_round)
        r->heard_round = msg->round;
    if (msg->read_limit > r->heard_read_limit)
        r->heard_read_limit = msg->read_limit;
    if (msg->read_limit > r->promised_read_limit)
        r->promised_read_limit = msg->read_limit;
    raft_schedule_election(r, raft_support_until(r) > r->supported.until_us
                                  ? raft_support_until(r)
                                  : r->supported.until_us);
}

static void end_support(struct raft *r, struct raft_effects *out)
{
    r->supported.until_us = 0;
    if (r->role != RAFT_FOLLOWER)
        return;
    if (r->leader == r->supported.replica)
        r->leader = 0;
    raft_wake(r, out);
    raft_schedule_election(r, r->now_us);
}

/* Looks at every message: the supported leader shows in a later term or boot, or says outright,
 * that it leads no longer. Only that ends support early; a term that rises elsewhere does not. */
void raft_on_release(struct raft *r, struct raft_effects *out, const struct raft_message *msg)
{
    bool over;

    if (msg->from != r->supported.replica || r->supported.until_us == 0)
        return;
    over = msg->term > r->supported.term || msg->from_epoch > r->supported.epoch ||
           (msg->term == r->supported.term &&
            (msg->kind == RAFT_MSG_RELEASE || msg->kind == RAFT_MSG_PREVOTE));
    if (over)
        end_support(r, out);
}

/* A period of support that lapsed may have let its giver vote for another leader, which the
 * node-wide support of a later period knows nothing of: the giver counts again once it answered an
 * append sent in the new period. */
static void receive_support(struct raft *r, struct raft_effects *out,
                            struct raft_node_support *node, uint64_t period, uint64_t until_us)
{
    if (period < node->period)
        return;
    if (period > node->period) {
        node->period = period;
        node->period_known_us = r->now_us;
        node->received_until_us = 0;
        if (r->role == RAFT_LEADER)
            raft_wake(r, out);
    }
    if (until_us == 0 || until_us > node->received_until_us)
        node->received_until_us = until_us;
    if (r->role == RAFT_LEADER)
        raft_update_lease(r);
}

void raft_on_support(struct raft *r, struct raft_effects *out, const struct raft_event *event)
{
    struct raft_node_support *node = node_support(r, event->node_id, true);
    uint64_t until = event->ended ? 0 : event->until_us;
    bool ours;

    if (node == NULL)
        return;
    if (!event->given) {
        receive_support(r, out, node, event->epoch, until);
        return;
    }
    if (event->ended || until > node->given_until_us)
        node->given_until_us = until;
    ours = r->supported.replica != 0 && r->supported.node_id == event->node_id;
    if (!r->config.liveness_external || !ours || r->role == RAFT_LEADER)
        return;
    if (event->ended || event->epoch > r->supported.epoch) {
        end_support(r, out);
    } else if (r->role == RAFT_FOLLOWER && r->supported.until_us != 0) {
        raft_schedule_election(r, node->given_until_us);
    }
}

/* ---- the leader's side ---- */

static uint64_t support_received(const struct raft *r, int member)
{
    const struct raft_progress *pr = &r->progress[member];

    if (pr->id == r->config.replica_id)
        return RAFT_NEVER;
    if (pr->quarantined || pr->acked_epoch == 0 || pr->acked_epoch != pr->epoch)
        return 0;
    if (!r->config.liveness_external)
        return pr->support_until_us;
    for (int i = 0; i < r->nodes_count; i++) {
        const struct raft_node_support *node = &r->nodes[i];

        if (node->node_id == r->conf.members[member].node_id)
            return pr->acked_sent_us >= node->period_known_us ? node->received_until_us : 0;
    }
    return 0;
}

void raft_update_lease(struct raft *r)
{
    uint64_t values[RAFT_MEMBERS_MAX];

    if (r->lease_lost && !has_bug(r, RAFT_BUG_LEASE_AFTER_TRANSFER)) {
        r->lease_until_us = 0;
        return;
    }
    for (int i = 0; i < r->conf.count; i++)
        values[i] = support_received(r, i);
    r->lease_until_us = raft_quorum_value(&r->conf, values);
}

void raft_hear_answer(struct raft *r, struct raft_progress *pr, const struct raft_message *msg)
{
    uint64_t support_us = ms_to_us(r->config.support_ms);
    uint64_t from_us = has_bug(r, RAFT_BUG_LEASE_FROM_RECEIPT) ? r->now_us : msg->sent_us;

    support_us -= support_us / 1000000 * r->config.clock_drift_ppm +
                  support_us % 1000000 * r->config.clock_drift_ppm / 1000000;
    pr->last_heard_us = r->now_us;
    if (msg->sent_us < r->elected_us || msg->sent_us > r->now_us)
        from_us = 0;
    if (msg->match >= r->term_start) {
        pr->acked_epoch = msg->from_epoch;
        if (from_us > pr->acked_sent_us)
            pr->acked_sent_us = msg->sent_us;
    }
    if (from_us != 0 && from_us + support_us > pr->support_until_us)
        pr->support_until_us = from_us + support_us;
    if (msg->round > pr->acked_round && msg->round <= r->round)
        pr->acked_round = msg->round;
    if (msg->read_limit > pr->acked_read_limit && msg->read_limit <= r->sent_read_limit)
        pr->acked_read_limit = msg->read_limit;
}

uint64_t raft_read_limit(const struct raft *r)
{
    uint64_t values[RAFT_MEMBERS_MAX];

    if (r->role != RAFT_LEADER)
        return 0;
    for (int i = 0; i < r->conf.count; i++) {
        const struct raft_progress *pr = &r->progress[i];

        values[i] = pr->id == r->config.replica_id ? r->own_read_limit
                    : pr->quarantined              ? 0
                                                   : pr->acked_read_limit;
    }
    return raft_quorum_value(&r->conf, values);
}

bool raft_has_contact(const struct raft *r)
{
    uint64_t values[RAFT_MEMBERS_MAX];
    uint64_t grace_us = ms_to_us(r->config.support_ms);

    if (r->now_us < r->elected_us + grace_us)
        return true;
    for (int i = 0; i < r->conf.count; i++) {
        const struct raft_progress *pr = &r->progress[i];

        values[i] = pr->id == r->config.replica_id ? r->now_us : pr->last_heard_us;
    }
    return raft_quorum_value(&r->conf, values) + grace_us >= r->now_us;
}

/* ---- quiescence ---- */

void raft_wake(struct raft *r, struct raft_effects *out)
{
    r->active_us = r->now_us;
    if (!r->quiescent)
        return;
    r->quiescent = false;
    if (r->role != RAFT_LEADER) {
        raft_schedule_election(r, r->now_us + ms_to_us(r->config.support_ms));
        return;
    }
    for (int i = 0; i < r->conf.count; i++)
        r->progress[i].last_heard_us = r->now_us;
    raft_heartbeat_all(r, out, 0);
}

void raft_try_quiesce(struct raft *r, struct raft_effects *out)
{
    if (r->config.quiesce_ms == 0 ||
        r->now_us < r->active_us + ms_to_us(r->config.quiesce_ms))
        return;
    if (r->reads_count > 0 || r->transfer_to != 0 || r->writes_count > 0 || r->lease_lost ||
        r->hs.commit != r->log.last || r->applied != r->log.last)
        return;
    for (int i = 0; i < r->conf.count; i++) {
        if (r->progress[i].match != r->log.last || r->progress[i].quarantined)
            return;
    }
    raft_heartbeat_all(r, out, RAFT_FLAG_QUIESCE);
    r->quiescent = true;
}
