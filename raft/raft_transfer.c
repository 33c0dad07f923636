/* Leadership that moves on purpose: bring the target up to date, give up the lease, tell it to
 * campaign. */
#include "raft/raft_int.h"

static bool may_lead(const struct raft *r, const struct raft_progress *pr)
{
    return pr->id != r->config.replica_id && !pr->quarantined && pr->state != PEER_SNAPSHOT &&
           raft_conf_is_voter(&r->conf, pr->id);
}

/* The most advanced voter heard of lately; NULL when there is none. */
static struct raft_progress *find_best(struct raft *r)
{
    struct raft_progress *best = NULL;

    for (int i = 0; i < r->conf.count; i++) {
        struct raft_progress *pr = &r->progress[i];

        if (!may_lead(r, pr) ||
            pr->last_heard_us + 3 * ms_to_us(r->config.heartbeat_ms) < r->now_us)
            continue;
        if (best == NULL || pr->match > best->match)
            best = pr;
    }
    return best;
}

static void send_timeout_now(struct raft *r, struct raft_effects *out, raft_replica_id to)
{
    struct raft_message msg = raft_message_to(r, to, RAFT_MSG_TIMEOUT_NOW);

    /* From here on the target may be elected against everybody's support. That holds however late
     * the message arrives, so the lease is gone for this term. */
    r->lease_lost = true;
    raft_update_lease(r);
    raft_send(r, out, &msg);
}

void raft_on_transfer(struct raft *r, struct raft_effects *out, raft_replica_id target)
{
    struct raft_progress *pr;

    if (r->role != RAFT_LEADER || r->transfer_to != 0)
        return;
    raft_wake(r, out);
    pr = target == 0 ? find_best(r) : raft_progress_of(r, target);
    if (pr == NULL || !may_lead(r, pr))
        return;
    r->transfer_to = pr->id;
    r->transfer_sent = false;
    r->transfer_until_us = r->now_us + ms_to_us(r->config.transfer_ms);
    raft_transfer_try(r, out);
}

void raft_transfer_try(struct raft *r, struct raft_effects *out)
{
    struct raft_progress *pr;

    if (r->role != RAFT_LEADER || r->transfer_to == 0 || r->transfer_sent)
        return;
    pr = raft_progress_of(r, r->transfer_to);
    if (pr->match != r->log.last || !may_lead(r, pr))
        return;
    r->transfer_sent = true;
    r->transfer_until_us = r->now_us + ms_to_us(r->config.transfer_ms);
    send_timeout_now(r, out, pr->id);
}

void raft_transfer_tick(struct raft *r, struct raft_effects *out)
{
    if (r->transfer_to == 0 || r->now_us < r->transfer_until_us)
        return;
    r->transfer_to = 0;
    /* Nobody took over. A lease can only come back with a new term, which voids the invitation. */
    if (r->transfer_sent)
        raft_campaign(r, out, true);
}

void raft_on_timeout_now(struct raft *r, struct raft_effects *out, const struct raft_message *msg)
{
    if (r->role == RAFT_LEADER || msg->from != r->leader || !raft_can_campaign(r))
        return;
    raft_campaign(r, out, true);
}

/* Resigns: everybody's support ends with the message, so that nobody waits for it to run out. */
void raft_step_down(struct raft *r, struct raft_effects *out)
{
    struct raft_progress *best;

    if (r->role != RAFT_LEADER)
        return;
    best = find_best(r);
    r->lease_lost = true;
    for (int i = 0; i < r->conf.count; i++) {
        raft_replica_id id = r->conf.members[i].replica_id;
        struct raft_message msg;

        if (id == r->config.replica_id)
            continue;
        if (best != NULL && best->id == id)
            send_timeout_now(r, out, id);
        msg = raft_message_to(r, id, RAFT_MSG_RELEASE);
        raft_send(r, out, &msg);
    }
    raft_become_follower(r, out, r->hs.term, 0);
    raft_schedule_election(r, r->now_us + ms_to_us(r->config.support_ms));
}
