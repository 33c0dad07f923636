/* Terms, votes, roles. */
#include <assert.h>
#include <string.h>

#include "raft/raft_int.h"

#define RETRY_US_MAX 1200000

static uint64_t jitter_us(const struct raft *r)
{
    return ms_to_us(r->config.election_jitter_ms);
}

void raft_schedule_election(struct raft *r, uint64_t from_us)
{
    r->election_at_us = from_us + raft_random(r, jitter_us(r));
}

/* Each try in a row waits longer, so that slow disks or links find a pace that lets one finish. */
static void schedule_retry(struct raft *r, uint64_t base_us)
{
    uint32_t doublings = r->tries < 4 ? r->tries : 4;

    while (doublings > 0 && jitter_us(r) << doublings > RETRY_US_MAX)
        doublings--;
    if (r->tries < UINT8_MAX)
        r->tries++;
    r->election_at_us =
        r->now_us + (base_us << doublings) + raft_random(r, jitter_us(r) << doublings);
}

void raft_become_follower(struct raft *r, struct raft_effects *out, raft_term term,
                          raft_replica_id leader)
{
    bool was_leader = r->role == RAFT_LEADER;

    assert(term >= r->hs.term);
    r->role = RAFT_FOLLOWER;
    r->quiescent = false;
    if (was_leader) {
        raft_reads_fail(r, out);
        raft_leader_stop(r);
    }
    if (was_leader || term > r->hs.term)
        raft_schedule_election(r, r->now_us + jitter_us(r));
    if (term > r->hs.term) {
        r->hs.term = term;
        r->hs.vote = 0;
        raft_persist_hard_state(r);
        r->match_leader = 0;
        r->heard_sent_us = r->heard_round = r->heard_read_limit = 0;
        r->ack_owed = false;
        r->refill_target = 0;
    }
    r->leader = leader;
}

bool raft_can_campaign(const struct raft *r)
{
    if (r->hs.quarantine != RAFT_HEALTHY && !has_bug(r, RAFT_BUG_QUARANTINED_VOTES))
        return false;
    return !r->installing && !raft_is_stalled(r) &&
           raft_conf_is_voter(&r->conf, r->config.replica_id);
}

static void clear_votes(struct raft *r)
{
    memset(r->votes, 0, sizeof(r->votes));
    r->read_floor = r->promised_read_limit;
}

static void record_vote(struct raft *r, raft_replica_id from, bool granted)
{
    int at = raft_conf_find(&r->conf, from);

    /* The voter may be none in our configuration: raft_quorum_votes does not count it then. */
    if (at >= 0 && r->votes[at] == 0)
        r->votes[at] = granted ? 1 : -1;
}

static void ask_votes(struct raft *r, struct raft_effects *out, enum raft_msg_kind kind,
                      raft_term vote_term, uint8_t flags)
{
    for (int i = 0; i < r->conf.count; i++) {
        const struct raft_member *member = &r->conf.members[i];
        struct raft_message msg;

        if (member->replica_id == r->config.replica_id ||
            !(member->roles & (RAFT_VOTER | RAFT_VOTER_OUTGOING)))
            continue;
        msg = raft_message_to(r, member->replica_id, kind);
        msg.flags = flags;
        msg.vote_term = vote_term;
        msg.index = r->log.last;
        msg.log_term = raft_log_last_term(&r->log);
        raft_send(r, out, &msg);
    }
}

void raft_campaign_pre(struct raft *r, struct raft_effects *out)
{
    r->role = RAFT_PRECANDIDATE;
    r->leader = 0;
    clear_votes(r);
    record_vote(r, r->config.replica_id, true);
    schedule_retry(r, jitter_us(r) / 3);
    if (raft_quorum_votes(&r->conf, r->votes) == RAFT_VOTE_WON) {
        raft_campaign(r, out, false);
        return;
    }
    ask_votes(r, out, RAFT_MSG_PREVOTE, r->hs.term + 1, 0);
}

/* The requests are held back until term and vote are durable, and so is all of the log they speak
 * of (writes become durable in order); the own vote is counted then. */
void raft_campaign(struct raft *r, struct raft_effects *out, bool transfer)
{
    raft_become_follower(r, out, r->hs.term + 1, 0);
    r->role = RAFT_CANDIDATE;
    r->hs.vote = r->config.replica_id;
    raft_persist_hard_state(r);
    r->own_vote_counted = false;
    clear_votes(r);
    schedule_retry(r, jitter_us(r));
    ask_votes(r, out, RAFT_MSG_VOTE, r->hs.term, transfer ? RAFT_FLAG_TRANSFER : 0);
}

static void become_leader(struct raft *r, struct raft_effects *out)
{
    struct raft_entry *noop = raft_entry_create(RAFT_ENTRY_NOOP, NULL, 0);

    r->role = RAFT_LEADER;
    r->leader = r->config.replica_id;
    r->quiescent = false;
    r->tries = 0;
    r->supported.replica = 0; /* whom we once supported leads no longer: we were elected */
    r->supported.until_us = 0;
    r->term_start = r->log.last + 1;
    r->elected_us = r->active_us = r->now_us;
    raft_leader_start(r);
    raft_append_own(r, out, noop);
    raft_entry_unref(noop);
    raft_heartbeat_all(r, out, 0);
}

static void count_votes(struct raft *r, struct raft_effects *out)
{
    switch (raft_quorum_votes(&r->conf, r->votes)) {
    case RAFT_VOTE_WON:
        if (r->role == RAFT_PRECANDIDATE)
            raft_campaign(r, out, false);
        else if (r->own_vote_counted)
            become_leader(r, out);
        break;
    case RAFT_VOTE_LOST:
        raft_become_follower(r, out, r->hs.term, 0);
        break;
    default:
        break;
    }
}

void raft_on_vote_durable(struct raft *r, struct raft_effects *out)
{
    if (r->own_vote_counted || !raft_term_is_durable(r))
        return;
    r->own_vote_counted = true;
    record_vote(r, r->config.replica_id, true);
    count_votes(r, out);
}

static bool is_up_to_date(const struct raft *r, const struct raft_message *msg)
{
    raft_term last_term = raft_log_last_term(&r->log);

    if (has_bug(r, RAFT_BUG_VOTE_ANY_LOG))
        return true;
    return msg->log_term > last_term || (msg->log_term == last_term && msg->index >= r->log.last);
}

static bool decide_vote(struct raft *r, struct raft_effects *out, const struct raft_message *msg)
{
    bool pre = msg->kind == RAFT_MSG_PREVOTE;

    if (r->hs.quarantine != RAFT_HEALTHY && !has_bug(r, RAFT_BUG_QUARANTINED_VOTES))
        return false;
    /* Refused without taking over the term: a replica cut off from a leader that others support
     * must not disturb. Nor does it matter whether candidate or voter are voters in the
     * configuration known here: it may be old (a learner promoted without knowing must vote). */
    if (!(msg->flags & RAFT_FLAG_TRANSFER) && raft_is_supporting(r))
        return false;
    if (!pre && msg->vote_term > r->hs.term)
        raft_become_follower(r, out, msg->vote_term, 0);
    if (msg->vote_term < r->hs.term || (pre && msg->vote_term == r->hs.term))
        return false;
    if (!is_up_to_date(r, msg))
        return false;
    if (pre)
        return true;
    if (r->hs.vote != msg->from && (r->hs.vote != 0 || r->leader != 0))
        return false;
    if (r->hs.vote != msg->from) {
        r->hs.vote = msg->from;
        raft_persist_hard_state(r);
    }
    raft_schedule_election(r, r->now_us + 2 * jitter_us(r));
    return true;
}

void raft_on_vote(struct raft *r, struct raft_effects *out, const struct raft_message *msg)
{
    bool granted;
    struct raft_message resp;

    if (msg->kind == RAFT_MSG_VOTE && msg->vote_term != msg->term)
        return;
    granted = decide_vote(r, out, msg);
    resp = raft_message_to(r, msg->from,
                           msg->kind == RAFT_MSG_VOTE ? RAFT_MSG_VOTE_RESP : RAFT_MSG_PREVOTE_RESP);
    resp.flags = granted ? 0 : RAFT_FLAG_REJECT;
    resp.to_node = msg->from_node;
    resp.to_epoch = msg->from_epoch;
    resp.vote_term = msg->vote_term;
    if (!has_bug(r, RAFT_BUG_READ_LIMIT_FORGOTTEN))
        resp.read_limit = r->promised_read_limit;
    raft_send(r, out, &resp);
}

void raft_on_vote_resp(struct raft *r, struct raft_effects *out, const struct raft_message *msg)
{
    bool granted = !(msg->flags & RAFT_FLAG_REJECT);

    if (msg->kind == RAFT_MSG_PREVOTE_RESP) {
        if (r->role != RAFT_PRECANDIDATE || msg->vote_term != r->hs.term + 1)
            return;
    } else if (r->role != RAFT_CANDIDATE || msg->vote_term != r->hs.term ||
               (granted && msg->term != r->hs.term)) {
        return;
    }
    if (granted && msg->read_limit > r->read_floor)
        r->read_floor = msg->read_limit;
    record_vote(r, msg->from, granted);
    count_votes(r, out);
}

void raft_election_tick(struct raft *r, struct raft_effects *out)
{
    uint64_t until;

    if (r->now_us < r->election_at_us)
        return;
    if (!raft_can_campaign(r)) {
        raft_schedule_election(r, r->now_us + ms_to_us(r->config.support_ms));
        return;
    }
    if (raft_is_supporting(r)) {
        until = raft_support_until(r);
        if (until < r->silent_until_us)
            until = r->silent_until_us;
        raft_schedule_election(r, until);
        return;
    }
    if (r->role == RAFT_CANDIDATE && !r->own_vote_counted) {
        raft_schedule_election(r, r->now_us + jitter_us(r)); /* the disk has not answered yet */
        return;
    }
    raft_campaign_pre(r, out);
}
