/* Followers that need what the log no longer holds. The driver carries the state; the core decides
 * when to send one, whether to take one, and what the log is afterwards. */
#include "raft/raft_int.h"

#define RETRY_HEARTBEATS 4

void raft_need_snapshot(struct raft *r, struct raft_effects *out, struct raft_progress *pr)
{
    pr->state = PEER_SNAPSHOT;
    pr->snapshot_index = r->log.start;
    pr->snapshot_retry_us = 0;
    pr->inflight_count = 0;
    pr->inflight_bytes = 0;
    out->snapshots.items = raft_grow(out->snapshots.items, &out->snapshots.cap,
                                     out->snapshots.count, sizeof(*out->snapshots.items));
    out->snapshots.items[out->snapshots.count++] = (struct raft_snapshot_request){
        .to = pr->id,
        .to_node = r->conf.members[pr - r->progress].node_id,
        .min_index = pr->snapshot_index,
    };
}

bool raft_snapshot_message(const struct raft *r, raft_replica_id to,
                           const struct raft_snapshot_meta *meta, struct raft_message *msg)
{
    if (r->role != RAFT_LEADER)
        return false;
    *msg = raft_message_to(r, to, RAFT_MSG_SNAPSHOT);
    msg->index = meta->index;
    msg->log_term = meta->term;
    msg->conf = &meta->conf;
    return true;
}

void raft_on_snapshot_status(struct raft *r, struct raft_effects *out,
                             const struct raft_event *event)
{
    struct raft_progress *pr = raft_progress_of(r, event->peer);

    if (pr == NULL || pr->state != PEER_SNAPSHOT)
        return;
    if (!event->ok) {
        pr->snapshot_retry_us =
            r->now_us + RETRY_HEARTBEATS * ms_to_us(r->config.heartbeat_ms);
        return;
    }
    if (event->index > pr->snapshot_index)
        pr->snapshot_index = event->index;
    /* Heartbeats probe behind it from now on: they are answered "busy" until it is in place. */
    raft_progress_probe(r, pr);
    if (pr->snapshot_index + 1 > pr->next && pr->snapshot_index <= r->log.last)
        pr->next = pr->snapshot_index + 1;
    pr->probe_sent = true;
}

/* False when the log already holds what the snapshot says: then only the commit index moves. */
static bool is_news(struct raft *r, struct raft_effects *out, const struct raft_message *msg)
{
    raft_term term;

    if (has_bug(r, RAFT_BUG_SNAPSHOT_REGRESSES))
        return true;
    if (msg->index <= r->hs.commit)
        return false;
    if (!raft_log_term(&r->log, msg->index, &term) || term != msg->log_term)
        return true;
    if (msg->index > r->match_leader)
        r->match_leader = msg->index;
    raft_set_commit(r, out, msg->index);
    return false;
}

void raft_on_snapshot(struct raft *r, struct raft_effects *out, const struct raft_message *msg)
{
    if (!raft_check(r, r->role != RAFT_LEADER))
        return;
    if (r->role != RAFT_FOLLOWER)
        raft_become_follower(r, out, msg->term, msg->from);
    raft_hear_leader(r, msg);
    if (r->installing || !is_news(r, out, msg)) {
        out->snapshot_discard = true;
        if (r->hs.commit > r->match_leader)
            r->match_leader = r->hs.commit;
        raft_acknowledge(r, out, 0);
        return;
    }
    r->installing = true;
    r->install = (struct raft_snapshot_meta){msg->index, msg->log_term, *msg->conf};
    out->snapshot_install = true;
    out->install = r->install;
}

void raft_on_installed(struct raft *r, struct raft_effects *out, const struct raft_event *event)
{
    if (!r->installing || event->index != r->install.index)
        return;
    r->installing = false;
    if (!event->ok) {
        raft_acknowledge(r, out, 0);
        raft_emit_apply(r, out);
        return;
    }
    raft_log_restart(r, out, r->install.index, r->install.term);
    r->conf = r->install.conf;
    r->applying = r->applied = r->install.index;
    if (r->hs.commit < r->install.index || has_bug(r, RAFT_BUG_SNAPSHOT_REGRESSES))
        r->hs.commit = r->install.index;
    r->match_leader = r->install.index;
    r->refill_heard = 0;
    raft_acknowledge(r, out, 0);
    raft_refill_check(r, out);
}
