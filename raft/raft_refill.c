/* A replica that lost part of its log may have acknowledged what it no longer holds, and, if it
 * lost its hard state, voted in terms it no longer knows. It takes part again when neither can
 * matter:
 *   - the leader named an index (its last, when asked in this boot): everything this replica ever
 *     acknowledged that is committed lies at or below it. The replica must hold the log durably up
 *     to there, and know it committed.
 *   - hard state lost: every other member answered in this boot. Whoever once got a forgotten vote
 *     was in that vote's term then, so the term taken over from the answers is at least as high;
 *     in that term itself no vote is given.
 * After protocol-aware recovery (Alagappan et al., FAST '18). */
#include "raft/raft_int.h"

static bool is_lost(const struct raft *r)
{
    return r->hs.quarantine != RAFT_HEALTHY;
}

static void ask_member(struct raft *r, struct raft_effects *out, raft_replica_id to)
{
    struct raft_message msg = raft_message_to(r, to, RAFT_MSG_REFILL);

    if (to == r->leader && msg.to_node == 0)
        msg.to_node = r->supported.node_id;
    raft_send(r, out, &msg);
}

/* Asks the leader as soon as one is heard; others by the tick. */
void raft_refill_ask(struct raft *r, struct raft_effects *out)
{
    if (is_lost(r) && r->refill_target == 0 && r->leader != 0)
        ask_member(r, out, r->leader);
}

static bool has_heard_all(const struct raft *r)
{
    for (int i = 0; i < r->conf.count; i++) {
        if (r->conf.members[i].replica_id != r->config.replica_id &&
            !(r->refill_heard & 1u << i))
            return false;
    }
    return r->conf.count > 0;
}

void raft_refill_tick(struct raft *r, struct raft_effects *out)
{
    if (!is_lost(r) || r->now_us < r->refill_at_us)
        return;
    r->refill_at_us = r->now_us + ms_to_us(r->config.heartbeat_ms);
    if (r->hs.quarantine != RAFT_HARD_STATE_LOST)
        return;
    for (int i = 0; i < r->conf.count; i++) {
        if (r->conf.members[i].replica_id != r->config.replica_id &&
            !(r->refill_heard & 1u << i))
            ask_member(r, out, r->conf.members[i].replica_id);
    }
}

void raft_refill_check(struct raft *r, struct raft_effects *out)
{
    raft_index target = r->refill_target;

    if (!is_lost(r) || target == 0 || r->match_leader < target || r->durable < target ||
        r->hs.commit < target)
        return;
    if (r->hs.quarantine == RAFT_HARD_STATE_LOST) {
        if (!has_heard_all(r))
            return;
        if (r->hs.vote == 0)
            r->hs.vote = r->config.replica_id; /* so nobody else gets it in this term */
    }
    r->hs.quarantine = RAFT_HEALTHY;
    raft_persist_hard_state(r);
    r->ack_owed = true;
    out->quarantine_ended = true;
}

void raft_on_refill(struct raft *r, struct raft_effects *out, const struct raft_message *msg)
{
    struct raft_message resp = raft_message_to(r, msg->from, RAFT_MSG_REFILL_RESP);
    struct raft_progress *pr = raft_progress_of(r, msg->from);

    resp.to_node = msg->from_node;
    resp.to_epoch = msg->from_epoch;
    if (pr != NULL && msg->from_epoch >= pr->epoch) {
        raft_progress_quarantine(r, pr, msg->from_epoch);
        raft_update_lease(r);
        resp.flags = RAFT_FLAG_LEADER;
        resp.index = r->log.last;
    }
    raft_send(r, out, &resp);
}

void raft_on_refill_resp(struct raft *r, struct raft_effects *out, const struct raft_message *msg)
{
    int at = raft_conf_find(&r->conf, msg->from);

    if (!is_lost(r) || msg->to_epoch != r->config.boot_epoch)
        return;
    if (at >= 0)
        r->refill_heard |= 1u << at;
    if ((msg->flags & RAFT_FLAG_LEADER) && r->refill_target == 0)
        r->refill_target = msg->index;
    raft_refill_check(r, out);
}
