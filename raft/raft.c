#include "raft/raft.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft/raft_int.h"

void *raft_grow(void *items, size_t *cap, size_t count, size_t item_bytes)
{
    if (count < *cap)
        return items;
    *cap = *cap == 0 ? 8 : *cap * 2;
    items = realloc(items, *cap * item_bytes);
    assert(items != NULL);
    return items;
}

void raft_broken(struct raft *r, const char *what)
{
    if (r->config.bugs == 0) {
        fprintf(stderr, "raft: group %llu replica %llu: invariant broken: %s\n",
                (unsigned long long)r->config.group_id,
                (unsigned long long)r->config.replica_id, what);
        abort();
    }
    r->broken = what;
}

/* Steps of splitmix64. */
uint64_t raft_random(struct raft *r, uint64_t below)
{
    uint64_t z = r->random += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return below == 0 ? 0 : z % below;
}

/* ---- effects ---- */

void raft_effects_init(struct raft_effects *effects)
{
    memset(effects, 0, sizeof(*effects));
}

void raft_effects_reset(struct raft_effects *e)
{
    struct raft_effects kept = *e;

    for (size_t i = 0; i < e->persist.count; i++)
        raft_entry_unref(e->persist.entries[i]);
    for (size_t i = 0; i < e->apply.count; i++)
        raft_entry_unref(e->apply.entries[i]);
    for (size_t i = 0; i < e->messages.count; i++)
        raft_message_clear(&e->messages.items[i]);
    memset(e, 0, offsetof(struct raft_effects, snapshot_install));
    e->snapshot_install = e->snapshot_discard = false;
    e->propose = RAFT_PROPOSE_NONE;
    e->propose_first = e->propose_term = 0;
    e->role_changed = e->quarantine_ended = false;
    e->dropped_messages = 0;
    e->persist.entries = kept.persist.entries;
    e->persist.cap = kept.persist.cap;
    e->messages.items = kept.messages.items;
    e->messages.cap = kept.messages.cap;
    e->apply.entries = kept.apply.entries;
    e->apply.cap = kept.apply.cap;
    e->reads.items = kept.reads.items;
    e->reads.cap = kept.reads.cap;
    e->snapshots.items = kept.snapshots.items;
    e->snapshots.cap = kept.snapshots.cap;
    e->loads.items = kept.loads.items;
    e->loads.cap = kept.loads.cap;
}

void raft_effects_done(struct raft_effects *effects)
{
    raft_effects_reset(effects);
    free(effects->persist.entries);
    free(effects->messages.items);
    free(effects->apply.entries);
    free(effects->reads.items);
    free(effects->snapshots.items);
    free(effects->loads.items);
    memset(effects, 0, sizeof(*effects));
}

void raft_note_role(struct raft *r, struct raft_effects *out)
{
    int at = raft_conf_find(&r->conf, r->leader);

    out->role = r->role;
    out->term = r->hs.term;
    out->leader = r->leader;
    out->leader_node = at >= 0 ? r->conf.members[at].node_id : r->supported.node_id;
    if (r->leader == 0)
        out->leader_node = 0;
}

/* ---- messages out ---- */

struct raft_message raft_message_to(const struct raft *r, raft_replica_id to,
                                    enum raft_msg_kind kind)
{
    int at = raft_conf_find(&r->conf, to);
    struct raft_message msg = {
        .kind = (uint8_t)kind,
        .group_id = r->config.group_id,
        .from = r->config.replica_id,
        .from_node = r->config.node_id,
        .from_generation = r->config.generation,
        .from_epoch = r->config.boot_epoch,
        .to = to,
        .term = r->hs.term,
    };

    if (at >= 0) {
        msg.to_node = r->conf.members[at].node_id;
        msg.to_generation = r->conf.members[at].generation;
    }
    return msg;
}

void raft_send(struct raft *r, struct raft_effects *out, struct raft_message *msg)
{
    if (!raft_term_is_durable(r)) {
        assert(msg->entries == NULL);
        if (r->held_count == RAFT_HELD_MAX) {
            memmove(r->held, r->held + 1, (RAFT_HELD_MAX - 1) * sizeof(*r->held));
            r->held_count--;
        }
        r->held = raft_grow(r->held, &r->held_cap, r->held_count, sizeof(*r->held));
        r->held[r->held_count++] = *msg;
        return;
    }
    out->messages.items = raft_grow(out->messages.items, &out->messages.cap,
                                    out->messages.count, sizeof(*out->messages.items));
    out->messages.items[out->messages.count++] = *msg;
}

/* ---- life ---- */

static void default_u32(uint32_t *value, uint32_t otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

static void fill_config(struct raft_config *config)
{
    default_u32(&config->heartbeat_ms, 50);
    default_u32(&config->support_ms, 450);
    default_u32(&config->election_jitter_ms, 150);
    default_u32(&config->clock_drift_ppm, 1000);
    default_u32(&config->transfer_ms, 450);
    default_u32(&config->stall_ms, 1000);
    default_u32(&config->append_bytes_max, 256u << 10);
    default_u32(&config->inflight_count_max, 128);
    default_u32(&config->inflight_bytes_max, 8u << 20);
    default_u32(&config->uncommitted_bytes_max, 64u << 20);
    default_u32(&config->cache_bytes_max, 4u << 20);
}

/* Entries or a snapshot of a later term than the hard state: that record did not survive the same
 * torn write, or the snapshot was stored by itself. A vote in that term, had it been answered,
 * would be durable, so there was none. */
static void adopt_term(struct raft *r, raft_term term)
{
    if (term <= r->hs.term)
        return;
    r->hs.term = term;
    r->hs.vote = 0;
    raft_persist_hard_state(r);
}

static int load_entries(struct raft *r, const struct raft_start *start, bool *overtaken,
                        struct err *err)
{
    raft_index before = 0;
    raft_term term_before = 0;

    for (size_t i = 0; i < start->entries_count; i++) {
        struct raft_entry *entry = start->entries[i];

        if (entry->index == 0 || entry->term == 0 || (i > 0 && entry->index != before + 1) ||
            entry->term < term_before)
            return err_set(err, ERR_DATA_CORRUPTED, "replica log is not consecutive");
        before = entry->index;
        term_before = entry->term;
        if (entry->index < r->log.start)
            continue;
        if (entry->index == r->log.start) {
            /* The snapshot came from another history than what follows here. */
            *overtaken = entry->term != r->log.start_term;
            if (*overtaken)
                return 0;
            continue;
        }
        if (entry->index != r->log.last + 1 || entry->term < r->log.start_term)
            return err_set(err, ERR_DATA_CORRUPTED, "replica log does not reach its snapshot");
        adopt_term(r, entry->term);
        raft_log_append(&r->log, entry);
    }
    *overtaken = before != 0 && before < r->log.start;
    return 0;
}

/* State machine and log are persisted apart: whichever is ahead corrects the other. */
static int recover(struct raft *r, const struct raft_start *start, struct raft_effects *first,
                   struct err *err)
{
    bool overtaken = false;
    int code;

    r->hs = start->hard_state;
    r->conf = start->snapshot.conf;
    adopt_term(r, start->snapshot.term);
    raft_log_init(&r->log, start->snapshot.index, start->snapshot.term);
    if ((code = load_entries(r, start, &overtaken, err)) != 0)
        return code;
    if (overtaken)
        raft_log_restart(r, first, start->snapshot.index, start->snapshot.term);
    if (r->hs.commit < start->snapshot.index)
        r->hs.commit = start->snapshot.index;
    if (r->hs.commit > r->log.last) {
        if (r->hs.quarantine == RAFT_HEALTHY)
            return err_set(err, ERR_DATA_CORRUPTED, "replica log lacks committed entries");
        r->hs.commit = r->log.last;
    }
    r->durable = r->log.last;
    r->applying = r->applied = start->snapshot.index;
    r->commit_written = r->hs.commit;
    return 0;
}

static bool is_sole_voter(const struct raft *r)
{
    int voters = 0;

    for (int i = 0; i < r->conf.count; i++)
        voters += (r->conf.members[i].roles & (RAFT_VOTER | RAFT_VOTER_OUTGOING)) != 0;
    return voters == 1 && raft_conf_is_voter(&r->conf, r->config.replica_id);
}

int raft_create(const struct raft_config *config, const struct raft_start *start,
                struct raft_effects *first, struct raft **out, struct err *err)
{
    struct raft *r = calloc(1, sizeof(*r));
    int code;

    assert(r != NULL);
    r->config = *config;
    fill_config(&r->config);
    r->random = config->seed ^ (config->replica_id << 32) ^ config->boot_epoch;
    r->now_us = start->now_us;
    r->active_us = start->now_us;
    if ((code = recover(r, start, first, err)) != 0) {
        raft_log_done(&r->log);
        free(r);
        return code;
    }
    r->promised_read_limit = start->read_limit;
    if (start->boot_us != 0)
        r->silent_until_us = start->boot_us + ms_to_us(r->config.support_ms);
    if (is_sole_voter(r)) {
        r->silent_until_us = 0;
        r->election_at_us = r->now_us;
    } else {
        uint64_t from = r->now_us;

        if (from < r->silent_until_us)
            from = r->silent_until_us;
        raft_schedule_election(r, from);
    }
    raft_emit_apply(r, first);
    raft_persist_finish(r, first);
    first->role_changed = true;
    raft_note_role(r, first);
    *out = r;
    return 0;
}

void raft_destroy(struct raft *r)
{
    if (r == NULL)
        return;
    raft_leader_stop(r);
    raft_log_done(&r->log);
    free(r->writes);
    free(r->held);
    free(r->reads);
    free(r);
}

/* ---- messages in ---- */

static bool is_for_us(const struct raft *r, const struct raft_message *msg)
{
    int at;

    if (msg->group_id != r->config.group_id || msg->to != r->config.replica_id ||
        msg->from == msg->to || msg->from == 0)
        return false;
    if (msg->to_generation != 0 && msg->to_generation != r->config.generation)
        return false;
    if (msg->to_epoch != 0 && msg->to_epoch != r->config.boot_epoch)
        return false;
    at = raft_conf_find(&r->conf, msg->from);
    return at < 0 || msg->from_generation >= r->conf.members[at].generation;
}

static void answer_old_term(struct raft *r, struct raft_effects *out,
                            const struct raft_message *msg)
{
    struct raft_message resp;

    switch (msg->kind) {
    case RAFT_MSG_APPEND:
        /* A leader that cannot hear of the newer term otherwise (its candidate was refused by the
         * supporters) must learn it here, or that replica would be stuck for good. */
        resp = raft_message_to(r, msg->from, RAFT_MSG_APPEND_RESP);
        resp.flags = RAFT_FLAG_REJECT;
        break;
    case RAFT_MSG_VOTE:
    case RAFT_MSG_PREVOTE:
        raft_on_vote(r, out, msg);
        return;
    case RAFT_MSG_VOTE_RESP:
    case RAFT_MSG_PREVOTE_RESP:
        /* Whoever refuses, or only grants a pre-vote, keeps its earlier term. */
        raft_on_vote_resp(r, out, msg);
        return;
    case RAFT_MSG_SNAPSHOT:
        out->snapshot_discard = true;
        return;
    default:
        return;
    }
    resp.to_node = msg->from_node;
    resp.to_epoch = msg->from_epoch;
    raft_send(r, out, &resp);
}

static void step_message(struct raft *r, struct raft_effects *out, const struct raft_message *msg)
{
    bool from_leader = msg->kind == RAFT_MSG_APPEND || msg->kind == RAFT_MSG_SNAPSHOT;

    if (!is_for_us(r, msg)) {
        out->dropped_messages++;
        out->snapshot_discard |= msg->kind == RAFT_MSG_SNAPSHOT;
        return;
    }
    raft_on_release(r, out, msg);
    if (r->quiescent && !(msg->kind == RAFT_MSG_APPEND && (msg->flags & RAFT_FLAG_QUIESCE)) &&
        !(msg->kind == RAFT_MSG_APPEND_RESP && !(msg->flags & RAFT_FLAG_WAKE) &&
          !(msg->flags & RAFT_FLAG_REJECT) && msg->match == r->log.last))
        raft_wake(r, out);
    if (msg->term < r->hs.term) {
        answer_old_term(r, out, msg);
        return;
    }
    if (msg->term > r->hs.term && msg->kind != RAFT_MSG_PREVOTE && msg->kind != RAFT_MSG_VOTE)
        raft_become_follower(r, out, msg->term, from_leader ? msg->from : 0);
    switch (msg->kind) {
    case RAFT_MSG_APPEND: raft_on_append(r, out, msg); break;
    case RAFT_MSG_APPEND_RESP: raft_on_append_resp(r, out, msg); break;
    case RAFT_MSG_VOTE:
    case RAFT_MSG_PREVOTE: raft_on_vote(r, out, msg); break;
    case RAFT_MSG_VOTE_RESP:
    case RAFT_MSG_PREVOTE_RESP: raft_on_vote_resp(r, out, msg); break;
    case RAFT_MSG_TIMEOUT_NOW: raft_on_timeout_now(r, out, msg); break;
    case RAFT_MSG_SNAPSHOT: raft_on_snapshot(r, out, msg); break;
    case RAFT_MSG_REFILL: raft_on_refill(r, out, msg); break;
    case RAFT_MSG_REFILL_RESP: raft_on_refill_resp(r, out, msg); break;
    default: break;
    }
}

/* ---- events ---- */

static void step_tick(struct raft *r, struct raft_effects *out)
{
    if (r->quiescent)
        return;
    if (r->role != RAFT_LEADER) {
        raft_election_tick(r, out);
        raft_refill_tick(r, out);
        return;
    }
    if (raft_is_stalled(r) || !raft_has_contact(r)) {
        raft_step_down(r, out);
        return;
    }
    raft_transfer_tick(r, out);
    if (r->role != RAFT_LEADER)
        return;
    raft_try_quiesce(r, out);
    if (!r->quiescent && r->now_us >= r->heartbeat_at_us)
        raft_heartbeat_all(r, out, 0);
}

static void step_applied(struct raft *r, struct raft_effects *out, raft_index index)
{
    if (index > r->applying)
        index = r->applying;
    if (index > r->applied)
        r->applied = index;
    if (r->log.cache_bytes > r->config.cache_bytes_max)
        raft_trim_cache(r, r->config.cache_bytes_max);
}

static void step_compact(struct raft *r, raft_index index)
{
    if (index > r->applied)
        index = r->applied;
    if (index > r->durable)
        index = r->durable;
    raft_log_compact(&r->log, index);
}

static void step_wake(struct raft *r, struct raft_effects *out)
{
    raft_wake(r, out);
    if (r->role == RAFT_FOLLOWER && r->leader != 0)
        raft_acknowledge(r, out, RAFT_FLAG_WAKE);
}

static void step_unreachable(struct raft *r, raft_replica_id peer)
{
    struct raft_progress *pr = raft_progress_of(r, peer);

    if (pr != NULL && pr->state == PEER_REPLICATE)
        raft_progress_probe(r, pr);
}

static void step_campaign(struct raft *r, struct raft_effects *out)
{
    raft_wake(r, out);
    if (r->role < RAFT_CANDIDATE && raft_can_campaign(r) && !raft_is_supporting(r))
        raft_campaign_pre(r, out);
}

static void dispatch(struct raft *r, const struct raft_event *event, struct raft_effects *out)
{
    switch (event->kind) {
    case RAFT_EV_TICK: step_tick(r, out); break;
    case RAFT_EV_MESSAGE: step_message(r, out, event->message); break;
    case RAFT_EV_PROPOSE: raft_on_propose(r, out, event); break;
    case RAFT_EV_PROPOSE_CONF: out->propose = RAFT_PROPOSE_NOT_SUPPORTED; break;
    case RAFT_EV_PERSISTED: raft_on_persisted(r, out, event->seq); break;
    case RAFT_EV_APPLIED: step_applied(r, out, event->index); break;
    case RAFT_EV_INSTALLED: raft_on_installed(r, out, event); break;
    case RAFT_EV_SNAPSHOT_STATUS: raft_on_snapshot_status(r, out, event); break;
    case RAFT_EV_LOADED: raft_on_loaded(r, out, event); break;
    case RAFT_EV_COMPACT: step_compact(r, event->index); break;
    case RAFT_EV_READ: raft_on_read(r, out, event->read_id); break;
    case RAFT_EV_TRANSFER: raft_on_transfer(r, out, event->peer); break;
    case RAFT_EV_STEP_DOWN: raft_step_down(r, out); break;
    case RAFT_EV_CAMPAIGN: step_campaign(r, out); break;
    case RAFT_EV_SUPPORT: raft_on_support(r, out, event); break;
    case RAFT_EV_UNREACHABLE: step_unreachable(r, event->peer); break;
    case RAFT_EV_WAKE: step_wake(r, out); break;
    default: assert(!"unknown event");
    }
}

void raft_step(struct raft *r, const struct raft_event *event, struct raft_effects *out)
{
    uint8_t role = r->role;
    raft_term term = r->hs.term;
    raft_replica_id leader = r->leader;

    if (r->broken != NULL)
        return;
    if (event->now_us > r->now_us)
        r->now_us = event->now_us;
    if (event->read_limit > r->own_read_limit)
        r->own_read_limit = event->read_limit;
    dispatch(r, event, out);
    raft_persist_finish(r, out);
    if (role != r->role || term != r->hs.term || leader != r->leader)
        out->role_changed = true;
    raft_note_role(r, out);
}

/* ---- questions ---- */

uint64_t raft_deadline_us(const struct raft *r)
{
    uint64_t at;

    if (r->quiescent)
        return RAFT_NEVER;
    if (r->role == RAFT_LEADER) {
        at = r->heartbeat_at_us;
        if (r->transfer_to != 0 && r->transfer_until_us < at)
            at = r->transfer_until_us;
        return at;
    }
    at = r->election_at_us;
    if (r->hs.quarantine != RAFT_HEALTHY && r->refill_at_us < at)
        at = r->refill_at_us;
    return at;
}

bool raft_lease_ok(const struct raft *r, uint64_t now_us)
{
    if (r->role != RAFT_LEADER || now_us >= r->lease_until_us)
        return false;
    return r->applied >= r->term_start || has_bug(r, RAFT_BUG_LEASE_BEFORE_OWN_ENTRY);
}

uint64_t raft_lease_until_us(const struct raft *r)
{
    return r->role == RAFT_LEADER ? r->lease_until_us : 0;
}

uint64_t raft_read_floor(const struct raft *r)
{
    return r->role == RAFT_LEADER ? r->read_floor : 0;
}

void raft_trim_cache(struct raft *r, size_t bytes_max)
{
    raft_index limit = r->applied < r->durable ? r->applied : r->durable;

    raft_log_trim(&r->log, limit, bytes_max);
}

static void report_peers(const struct raft *r, struct raft_status *status)
{
    status->peers_count = r->conf.count;
    for (int i = 0; i < r->conf.count; i++) {
        const struct raft_progress *pr = &r->progress[i];

        status->peers[i] = (struct raft_peer_status){
            .replica_id = pr->id,
            .state = pr->state,
            .quarantined = pr->quarantined,
            .match = pr->match,
            .next = pr->next,
            .inflight_count = pr->inflight_count,
            .inflight_bytes = pr->inflight_bytes,
            .last_heard_us = pr->last_heard_us,
        };
    }
}

void raft_status(const struct raft *r, struct raft_status *status)
{
    *status = (struct raft_status){
        .role = r->role,
        .quarantine = r->hs.quarantine,
        .quiescent = r->quiescent,
        .term = r->hs.term,
        .vote = r->hs.vote,
        .leader = r->leader,
        .transfer_to = r->transfer_to,
        .first = r->log.start + 1,
        .last = r->log.last,
        .durable = r->durable,
        .commit = r->hs.commit,
        .applied = r->applied,
        .last_term = raft_log_last_term(&r->log),
        .support_until_us = raft_support_until(r),
        .lease_until_us = raft_lease_until_us(r),
        .cache_bytes = r->log.cache_bytes,
        .uncommitted_bytes = r->uncommitted_bytes,
        .conf = r->conf,
    };
    if (r->role == RAFT_LEADER)
        report_peers(r, status);
}

raft_term raft_term_at(const struct raft *r, raft_index index)
{
    raft_term term = 0;

    return raft_log_term(&r->log, index, &term) ? term : 0;
}
