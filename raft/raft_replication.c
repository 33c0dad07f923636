/* The leader's log to its followers: progress, flow control, acknowledgements, commit. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raft/raft_int.h"

#define ENTRY_OVERHEAD 16 /* counted for each entry besides its bytes */

/* ---- progress ---- */

void raft_leader_start(struct raft *r)
{
    r->progress = calloc(r->conf.count, sizeof(*r->progress));
    assert(r->progress != NULL);
    for (int i = 0; i < r->conf.count; i++) {
        struct raft_progress *pr = &r->progress[i];

        pr->id = r->conf.members[i].replica_id;
        pr->next = r->log.last + 1;
        pr->last_heard_us = r->now_us;
        if (pr->id == r->config.replica_id)
            pr->match = r->durable;
    }
    r->lease_lost = false;
    r->lease_until_us = 0;
    r->sent_read_limit = 0;
    r->uncommitted_bytes = 0;
    r->transfer_to = 0;
    r->transfer_sent = false;
    r->reads_done_round = r->round;
    raft_update_lease(r);
}

void raft_leader_stop(struct raft *r)
{
    if (r->progress == NULL)
        return;
    for (int i = 0; i < r->conf.count; i++)
        free(r->progress[i].inflight);
    free(r->progress);
    r->progress = NULL;
    r->lease_until_us = 0;
    r->transfer_to = 0;
}

struct raft_progress *raft_progress_of(const struct raft *r, raft_replica_id id)
{
    int at;

    if (r->role != RAFT_LEADER)
        return NULL;
    at = raft_conf_find(&r->conf, id);
    return at < 0 ? NULL : &r->progress[at];
}

void raft_progress_probe(struct raft *r, struct raft_progress *pr)
{
    pr->state = PEER_PROBE;
    pr->probe_sent = false;
    pr->next = pr->match + 1;
    pr->inflight_count = 0;
    pr->inflight_bytes = 0;
}

/* What it once acknowledged it may have lost; every boot may have lost some again. */
void raft_progress_quarantine(struct raft *r, struct raft_progress *pr, uint64_t epoch)
{
    if (pr->quarantined && epoch <= pr->epoch)
        return;
    pr->quarantined = true;
    pr->epoch = epoch;
    pr->match = 0;
    raft_progress_probe(r, pr);
    pr->next = r->log.last + 1;
}

static void push_inflight(struct raft_progress *pr, raft_index last, uint64_t bytes)
{
    if (pr->inflight_count == pr->inflight_cap) {
        uint32_t cap = pr->inflight_cap == 0 ? 8 : pr->inflight_cap * 2;
        struct raft_inflight *ring = malloc(cap * sizeof(*ring));

        assert(ring != NULL);
        for (uint32_t i = 0; i < pr->inflight_count; i++)
            ring[i] = pr->inflight[(pr->inflight_head + i) & (pr->inflight_cap - 1)];
        free(pr->inflight);
        pr->inflight = ring;
        pr->inflight_cap = cap;
        pr->inflight_head = 0;
    }
    pr->inflight[(pr->inflight_head + pr->inflight_count) & (pr->inflight_cap - 1)] =
        (struct raft_inflight){last, bytes};
    pr->inflight_count++;
    pr->inflight_bytes += bytes;
}

static void free_inflight(struct raft_progress *pr)
{
    while (pr->inflight_count > 0) {
        struct raft_inflight *head = &pr->inflight[pr->inflight_head & (pr->inflight_cap - 1)];

        if (head->last > pr->match)
            return;
        pr->inflight_bytes -= head->bytes;
        pr->inflight_head++;
        pr->inflight_count--;
    }
}

/* ---- sending ---- */

static void send_append(struct raft *r, struct raft_effects *out, struct raft_progress *pr,
                        raft_index prev, struct raft_entry *const *entries, uint32_t count,
                        uint8_t flags)
{
    struct raft_message msg = raft_message_to(r, pr->id, RAFT_MSG_APPEND);

    msg.flags = flags;
    msg.index = prev;
    if (!raft_log_term(&r->log, prev, &msg.log_term)) {
        msg.index = 0; /* nothing to compare: this heartbeat only says who leads */
        assert(count == 0);
    }
    msg.commit = r->hs.commit;
    msg.sent_us = r->now_us;
    msg.round = r->round;
    msg.read_limit = r->own_read_limit;
    r->sent_read_limit = r->own_read_limit;
    if (r->own_read_limit > r->promised_read_limit)
        r->promised_read_limit = r->own_read_limit;
    if (count > 0) {
        msg.entries = malloc(count * sizeof(*msg.entries));
        assert(msg.entries != NULL);
        msg.entries_count = count;
        for (uint32_t i = 0; i < count; i++)
            msg.entries[i] = raft_entry_ref(entries[i]);
    }
    raft_send(r, out, &msg);
}

static void send_entries(struct raft *r, struct raft_effects *out, struct raft_progress *pr,
                         struct raft_entry *const *entries, size_t available)
{
    uint64_t bytes = 0;
    uint32_t count = 0;

    while (count < available && count < RAFT_MSG_ENTRIES_MAX) {
        uint64_t cost = ENTRY_OVERHEAD + entries[count]->size_bytes;

        if (count > 0 && bytes + cost > r->config.append_bytes_max)
            break;
        bytes += cost;
        count++;
    }
    send_append(r, out, pr, pr->next - 1, entries, count, 0);
    if (pr->state == PEER_PROBE) {
        pr->probe_sent = true;
        return;
    }
    pr->next += count;
    push_inflight(pr, pr->next - 1, bytes);
}

static bool can_send(const struct raft *r, const struct raft_progress *pr)
{
    if (pr->state == PEER_SNAPSHOT || pr->loading || pr->id == r->config.replica_id)
        return false;
    if (pr->state == PEER_PROBE)
        return !pr->probe_sent;
    return pr->inflight_count < r->config.inflight_count_max &&
           pr->inflight_bytes < r->config.inflight_bytes_max;
}

static void ask_load(struct raft *r, struct raft_effects *out, struct raft_progress *pr)
{
    pr->loading = true;
    out->loads.items = raft_grow(out->loads.items, &out->loads.cap, out->loads.count,
                                 sizeof(*out->loads.items));
    out->loads.items[out->loads.count++] = (struct raft_load_request){
        .peer = pr->id,
        .first = pr->next,
        .last = r->log.cached_first - 1,
        .bytes_max = r->config.append_bytes_max,
    };
}

void raft_replicate(struct raft *r, struct raft_effects *out, struct raft_progress *pr)
{
    while (pr->next <= r->log.last && can_send(r, pr)) {
        if (pr->next <= r->log.start) {
            raft_need_snapshot(r, out, pr);
        } else if (pr->next < r->log.cached_first) {
            ask_load(r, out, pr);
        } else {
            size_t at = r->log.head + (size_t)(pr->next - r->log.cached_first);

            send_entries(r, out, pr, r->log.entries + at, (size_t)(r->log.last + 1 - pr->next));
        }
    }
}

void raft_replicate_all(struct raft *r, struct raft_effects *out)
{
    for (int i = 0; i < r->conf.count; i++)
        raft_replicate(r, out, &r->progress[i]);
}

void raft_heartbeat_all(struct raft *r, struct raft_effects *out, uint8_t flags)
{
    r->round++;
    r->heartbeat_at_us = r->now_us + ms_to_us(r->config.heartbeat_ms);
    for (size_t i = 0; i < r->reads_count; i++) {
        if (r->reads[i].round == 0)
            r->reads[i].round = r->round;
    }
    for (int i = 0; i < r->conf.count; i++) {
        struct raft_progress *pr = &r->progress[i];

        if (pr->id == r->config.replica_id)
            continue;
        if (pr->state == PEER_SNAPSHOT && pr->snapshot_retry_us != 0 &&
            r->now_us >= pr->snapshot_retry_us)
            raft_progress_probe(r, pr);
        /* The log was compacted past what is on its way; should that be lost no probe could tell.
         * */
        if (pr->state == PEER_REPLICATE && pr->next <= r->log.start)
            raft_progress_probe(r, pr);
        pr->probe_sent = false;
        if (pr->state == PEER_PROBE && pr->next <= r->log.last && can_send(r, pr)) {
            raft_replicate(r, out, pr); /* repeats the probe; as good as a heartbeat */
            if (pr->probe_sent)
                continue;
        }
        send_append(r, out, pr, pr->state == PEER_SNAPSHOT ? 0 : pr->next - 1, NULL, 0, flags);
    }
}

void raft_append_own(struct raft *r, struct raft_effects *out, struct raft_entry *entry)
{
    entry->index = r->log.last + 1;
    entry->term = r->hs.term;
    r->uncommitted_bytes += entry->size_bytes;
    raft_log_push(r, out, entry);
    if (has_bug(r, RAFT_BUG_LEADER_COUNTS_UNSYNCED))
        raft_progress_of(r, r->config.replica_id)->match = r->log.last;
}

void raft_on_propose(struct raft *r, struct raft_effects *out, const struct raft_event *event)
{
    if (r->role != RAFT_LEADER) {
        out->propose = RAFT_PROPOSE_NOT_LEADER;
        raft_wake(r, out);
        return;
    }
    if (r->transfer_to != 0) {
        out->propose = RAFT_PROPOSE_TRANSFERRING;
        return;
    }
    if (r->uncommitted_bytes >= r->config.uncommitted_bytes_max) {
        out->propose = RAFT_PROPOSE_OVERLOADED;
        return;
    }
    raft_wake(r, out);
    out->propose = RAFT_PROPOSE_ACCEPTED;
    out->propose_first = r->log.last + 1;
    out->propose_term = r->hs.term;
    for (size_t i = 0; i < event->entries_count; i++)
        raft_append_own(r, out, event->entries[i]);
    raft_replicate_all(r, out);
    if (has_bug(r, RAFT_BUG_LEADER_COUNTS_UNSYNCED))
        raft_try_commit(r, out);
}

void raft_on_loaded(struct raft *r, struct raft_effects *out, const struct raft_event *event)
{
    struct raft_progress *pr = raft_progress_of(r, event->peer);
    raft_term term;

    if (pr == NULL || !pr->loading)
        return;
    pr->loading = false;
    if (event->entries_count == 0) {
        if (pr->next < r->log.cached_first && can_send(r, pr))
            raft_need_snapshot(r, out, pr);
        return;
    }
    for (size_t i = 0; i < event->entries_count; i++) {
        const struct raft_entry *entry = event->entries[i];

        if (entry->index != pr->next + i || !raft_log_term(&r->log, entry->index, &term) ||
            term != entry->term || entry->index <= r->log.start || !can_send(r, pr)) {
            raft_replicate(r, out, pr); /* what was asked for is no longer what is needed */
            return;
        }
    }
    send_entries(r, out, pr, event->entries, event->entries_count);
    raft_replicate(r, out, pr);
}

/* ---- commit ---- */

void raft_try_commit(struct raft *r, struct raft_effects *out)
{
    uint64_t values[RAFT_MEMBERS_MAX];
    raft_index index;
    raft_term term;

    for (int i = 0; i < r->conf.count; i++)
        values[i] = r->progress[i].quarantined ? 0 : r->progress[i].match;
    index = raft_quorum_value(&r->conf, values);
    if (index <= r->hs.commit)
        return;
    if (!raft_log_term(&r->log, index, &term))
        return;
    /* Entries of earlier terms commit only below one of ours: a majority alone does not keep them.
     * */
    if (term != r->hs.term && !has_bug(r, RAFT_BUG_COMMIT_OLD_TERM))
        return;
    raft_set_commit(r, out, index);
    raft_reads_advance(r, out);
}

/* ---- follower ---- */

void raft_acknowledge(struct raft *r, struct raft_effects *out, uint8_t flags)
{
    struct raft_message msg;

    if (r->leader == 0 || r->leader == r->config.replica_id)
        return;
    if (!raft_term_is_durable(r)) {
        r->ack_owed = true;
        return;
    }
    r->ack_owed = false;
    msg = raft_message_to(r, r->leader, RAFT_MSG_APPEND_RESP);
    msg.flags = flags;
    if (r->hs.quarantine != RAFT_HEALTHY)
        msg.flags |= RAFT_FLAG_QUARANTINED;
    msg.to_node = r->supported.node_id;
    msg.to_epoch = r->leader_epoch;
    msg.index = r->match_leader;
    msg.match = r->match_leader < r->durable ? r->match_leader : r->durable;
    if (has_bug(r, RAFT_BUG_ACK_BEFORE_SYNC))
        msg.match = r->match_leader;
    if (r->installing) {
        msg.flags |= RAFT_FLAG_BUSY;
        msg.index = msg.match = 0;
    }
    msg.sent_us = r->heard_sent_us;
    msg.round = r->heard_round;
    msg.read_limit = r->heard_read_limit;
    raft_send(r, out, &msg);
}

static void reject_append(struct raft *r, struct raft_effects *out, const struct raft_message *msg)
{
    struct raft_message resp = raft_message_to(r, msg->from, RAFT_MSG_APPEND_RESP);

    resp.flags = RAFT_FLAG_REJECT;
    if (r->hs.quarantine != RAFT_HEALTHY)
        resp.flags |= RAFT_FLAG_QUARANTINED;
    resp.to_node = msg->from_node;
    resp.to_epoch = msg->from_epoch;
    resp.index = msg->index;
    resp.match = r->match_leader < r->durable ? r->match_leader : r->durable;
    resp.hint_index = raft_log_find_term(&r->log, msg->index - 1, msg->log_term);
    raft_log_term(&r->log, resp.hint_index, &resp.hint_term);
    resp.sent_us = r->heard_sent_us;
    resp.round = r->heard_round;
    resp.read_limit = r->heard_read_limit;
    raft_send(r, out, &resp);
}

/* Takes the entries the log does not hold yet. False when an invariant broke. */
static bool take_entries(struct raft *r, struct raft_effects *out, const struct raft_message *msg)
{
    raft_term term;

    for (uint32_t i = 0; i < msg->entries_count; i++) {
        struct raft_entry *entry = msg->entries[i];

        if (entry->index <= r->log.start)
            continue;
        if (raft_log_term(&r->log, entry->index, &term)) {
            if (term == entry->term && !has_bug(r, RAFT_BUG_TRUNCATE_ALWAYS))
                continue;
            if (term == entry->term && entry->index <= r->hs.commit)
                continue;
            if (!raft_check(r, entry->index > r->hs.commit))
                return false;
            raft_log_cut(r, entry->index);
        }
        raft_log_push(r, out, entry);
    }
    return true;
}

void raft_on_append(struct raft *r, struct raft_effects *out, const struct raft_message *msg)
{
    raft_term term = 0;
    raft_index upto;

    if (!raft_check(r, r->role != RAFT_LEADER))
        return;
    if (r->role != RAFT_FOLLOWER)
        raft_become_follower(r, out, msg->term, msg->from);
    raft_hear_leader(r, msg);
    if (r->installing) {
        raft_acknowledge(r, out, 0);
        return;
    }
    if (msg->index < r->hs.commit && msg->index + msg->entries_count <= r->hs.commit) {
        upto = r->hs.commit; /* committed here means equal to any leader's log */
    } else if (msg->index < r->log.start ||
               (raft_log_term(&r->log, msg->index, &term) && term == msg->log_term)) {
        if (!take_entries(r, out, msg))
            return;
        upto = msg->index + msg->entries_count;
    } else {
        reject_append(r, out, msg);
        return;
    }
    if (upto > r->match_leader)
        r->match_leader = upto;
    raft_set_commit(r, out, msg->commit < r->match_leader ? msg->commit : r->match_leader);
    if (msg->entries_count > 0)
        r->active_us = r->now_us;
    if ((msg->flags & RAFT_FLAG_QUIESCE) && r->hs.commit == r->log.last &&
        r->match_leader == r->log.last && r->hs.quarantine == RAFT_HEALTHY)
        r->quiescent = true;
    if (!r->entries_dirty)
        raft_acknowledge(r, out, 0);
    else if (has_bug(r, RAFT_BUG_ACK_BEFORE_SYNC))
        raft_acknowledge(r, out, 0);
    raft_refill_ask(r, out);
    raft_refill_check(r, out);
}

/* ---- answers ---- */

static void handle_reject(struct raft *r, struct raft_effects *out, struct raft_progress *pr,
                          const struct raft_message *msg)
{
    raft_index next;

    if (pr->state == PEER_SNAPSHOT || msg->index <= pr->match)
        return;
    if (pr->state == PEER_PROBE && msg->index != pr->next - 1) {
        raft_replicate(r, out, pr); /* an older probe's, or an earlier boot's */
        return;
    }
    next = raft_log_find_term(&r->log, msg->hint_index, msg->hint_term) + 1;
    if (next > msg->index)
        next = msg->index;
    raft_progress_probe(r, pr);
    if (next > pr->next)
        pr->next = next;
    raft_replicate(r, out, pr);
}

static void handle_match(struct raft *r, struct raft_effects *out, struct raft_progress *pr,
                         const struct raft_message *msg)
{
    if (msg->match > r->log.last || msg->index > r->log.last || msg->match > msg->index)
        return; /* no entry of this term's log: an answer we cannot have asked for */
    if (msg->match > pr->match) {
        pr->match = msg->match;
        free_inflight(pr);
    }
    if (pr->state == PEER_SNAPSHOT && msg->index >= r->log.start)
        raft_progress_probe(r, pr);
    if (pr->state == PEER_PROBE && msg->index + 1 >= pr->next) {
        pr->state = PEER_REPLICATE;
        pr->probe_sent = false;
    }
    if (pr->state == PEER_REPLICATE && pr->next <= msg->index)
        pr->next = msg->index + 1; /* received; counted when durable */
    raft_try_commit(r, out);
    raft_replicate(r, out, pr);
}

/* What was on its way, or taken but not durable, died with an earlier boot. */
static void note_epoch(struct raft *r, struct raft_progress *pr, const struct raft_message *msg)
{
    if (msg->from_epoch == pr->epoch)
        return;
    if (pr->epoch != 0 && pr->state == PEER_REPLICATE)
        raft_progress_probe(r, pr);
    pr->epoch = msg->from_epoch;
}

void raft_on_append_resp(struct raft *r, struct raft_effects *out, const struct raft_message *msg)
{
    struct raft_progress *pr = raft_progress_of(r, msg->from);
    bool quarantined = (msg->flags & RAFT_FLAG_QUARANTINED) != 0;

    if (pr == NULL || msg->from_epoch < pr->epoch)
        return;
    if (quarantined)
        raft_progress_quarantine(r, pr, msg->from_epoch);
    pr->quarantined = quarantined;
    note_epoch(r, pr, msg);
    raft_hear_answer(r, pr, msg);
    if (msg->flags & RAFT_FLAG_BUSY) {
        /* nothing to learn about its log */
    } else if (msg->flags & RAFT_FLAG_REJECT) {
        handle_reject(r, out, pr, msg);
    } else {
        handle_match(r, out, pr, msg);
    }
    raft_update_lease(r);
    raft_reads_advance(r, out);
    raft_transfer_try(r, out);
}
