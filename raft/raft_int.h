/* raft_int.h: the state of a group's core, shared by the files of this folder.
 *
 * raft.c dispatches; one file each owns a part of the state: raft_election.c (terms, votes, roles),
 * raft_support.c (support given, lease, read limits, quiescence), raft_replication.c (log,
 * progress, commit), raft_persist.c (writes under way, what must wait for them, applying),
 * raft_read.c, raft_snapshot.c, raft_transfer.c, raft_refill.c (quarantine).
 *
 * A step runs to its end without re-entering raft_step. Persisting is collected (hs_dirty, entries
 * in out->persist) and numbered once, in raft_persist_finish, at the end of the step.
 */
#ifndef CAIRN_RAFT_RAFT_INT_H
#define CAIRN_RAFT_RAFT_INT_H

#include "raft/raft.h"
#include "raft/raft_log_int.h"
#include "raft/raft_quorum.h"

/* Planted faults: raft_config.bugs. Each must be found by the simulator. */
enum raft_bug {
    RAFT_BUG_ACK_BEFORE_SYNC = 1 << 0,      /* follower acknowledges what is not durable */
    RAFT_BUG_VOTE_NOT_PERSISTED = 1 << 1,   /* vote leaves without being written */
    RAFT_BUG_COMMIT_OLD_TERM = 1 << 2,      /* older terms' entries commit by counting */
    RAFT_BUG_LEASE_FROM_RECEIPT = 1 << 3,   /* lease measured from the answer's arrival */
    RAFT_BUG_IGNORE_SUPPORT = 1 << 4,       /* voters vote although they support a leader */
    RAFT_BUG_SNAPSHOT_REGRESSES = 1 << 5,   /* old snapshot installed over newer state */
    RAFT_BUG_APPEND_ABA = 1 << 6,           /* completion confirms an overwriting write */
    RAFT_BUG_GRANT_AFTER_BOOT = 1 << 7,     /* no silent interval after a start */
    RAFT_BUG_LEASE_AFTER_TRANSFER = 1 << 8, /* lease kept after TIMEOUT_NOW */
    RAFT_BUG_READ_OLD_ROUND = 1 << 9,       /* read confirmed by a round begun before it */
    RAFT_BUG_QUARANTINED_VOTES = 1 << 10,
    RAFT_BUG_RESET_NOT_WRITTEN = 1 << 11,   /* log not reset with an installed snapshot */
    RAFT_BUG_VOTE_ANY_LOG = 1 << 12,          /* candidate's log not compared */
    RAFT_BUG_TRUNCATE_ALWAYS = 1 << 13,       /* an old append cuts newer, equal entries */
    RAFT_BUG_LEADER_COUNTS_UNSYNCED = 1 << 14,
    RAFT_BUG_LEASE_BEFORE_OWN_ENTRY = 1 << 15, /* reads served before an own-term entry applied */
    RAFT_BUG_READ_LIMIT_FORGOTTEN = 1 << 16,   /* votes do not return the limit promised */
};

enum { PEER_PROBE, PEER_REPLICATE, PEER_SNAPSHOT };

struct raft_inflight {
    raft_index last;
    uint64_t bytes;
};

/* A leader's view of a member (itself included); parallel to conf.members. */
struct raft_progress {
    raft_replica_id id;
    uint8_t state;
    bool probe_sent;  /* PROBE: one append is out; the next heartbeat allows another */
    bool loading;     /* a load effect is out */
    bool quarantined; /* counted for nothing */
    raft_index match; /* durable there and equal to ours */
    raft_index next;
    raft_index snapshot_index; /* SNAPSHOT: what we asked the driver to send, at least */
    uint64_t snapshot_retry_us;
    uint64_t epoch;            /* newest boot heard of */
    uint64_t acked_epoch;      /* boot in which it acknowledged an entry of our term */
    uint64_t acked_sent_us;    /* newest append of ours that such an answer had heard */
    uint64_t support_until_us; /* internal liveness: sending time + support */
    uint64_t last_heard_us;
    uint64_t acked_round;
    uint64_t acked_read_limit;
    struct raft_inflight *inflight; /* ring */
    uint32_t inflight_head, inflight_count, inflight_cap;
    uint64_t inflight_bytes;
};

struct raft_write { /* submitted, not yet known durable */
    uint64_t seq;
    raft_index last; /* last entry it made durable, clipped by later truncations; 0 = none */
    uint64_t submitted_us;
};

struct raft_pending_read {
    uint64_t read_id;
    uint64_t round;   /* confirmed when a quorum repeated it; 0 = round not begun */
    raft_index index; /* 0 = until an own-term entry is committed */
};

struct raft_node_support { /* external liveness */
    uint32_t node_id;
    uint64_t period;           /* of support received */
    uint64_t period_known_us;  /* since when we know of it */
    uint64_t given_until_us;
    uint64_t received_until_us;
};

#define RAFT_HELD_MAX 32

struct raft {
    struct raft_config config;
    uint64_t now_us;
    uint64_t random;
    struct raft_conf conf;
    struct raft_log log;
    const char *broken; /* an invariant failed under planted bugs: the simulator looks here */

    /* election */
    uint8_t role;
    struct raft_hard_state hs;
    raft_replica_id leader;
    uint64_t leader_epoch;
    uint64_t election_at_us;
    uint8_t tries; /* campaigns since a leader was heard */
    uint64_t silent_until_us; /* no vote or campaign before: support given in an earlier boot */
    int8_t votes[RAFT_MEMBERS_MAX];
    bool campaign_transfer;
    bool own_vote_counted;

    /* support given to a leader; outlives terms */
    struct {
        raft_replica_id replica;
        uint32_t node_id;
        raft_term term;
        uint64_t epoch;
        uint64_t until_us;
    } supported;
    struct raft_node_support nodes[RAFT_MEMBERS_MAX];
    uint8_t nodes_count;
    /* heard from the leader of this term, repeated in every answer */
    uint64_t heard_sent_us, heard_round, heard_read_limit;
    uint64_t promised_read_limit; /* largest ever heard in this boot */
    uint64_t own_read_limit;
    bool quiescent;
    uint64_t active_us; /* last time there was work */

    /* persist */
    uint64_t seq;         /* last write submitted */
    uint64_t durable_seq;
    uint64_t hs_seq;      /* last write that carried a changed term, vote or quarantine */
    bool hs_dirty;
    raft_index durable;
    bool entries_dirty; /* this step adds entries to out->persist */
    bool reset_dirty;
    raft_index commit_written;
    struct raft_write *writes;
    uint32_t writes_head, writes_count, writes_cap; /* ring, cap a power of two */
    struct raft_message *held; /* answers and requests that wait for hs_seq */
    size_t held_count, held_cap;
    bool ack_owed;
    raft_index applying, applied;

    /* follower */
    raft_index match_leader; /* equal to the leader's log of this term up to here */
    bool installing;
    struct raft_snapshot_meta install;

    /* leader */
    struct raft_progress *progress;
    raft_index term_start;
    uint64_t elected_us;
    uint64_t heartbeat_at_us;
    uint64_t round;
    uint64_t sent_read_limit;
    uint64_t lease_until_us;
    uint64_t read_floor;
    uint64_t uncommitted_bytes;
    bool lease_lost;
    struct raft_pending_read *reads;
    size_t reads_count, reads_cap;
    uint64_t reads_done_round; /* a quorum repeated it */
    raft_replica_id transfer_to;
    uint64_t transfer_until_us;
    bool transfer_sent;

    /* quarantine */
    raft_index refill_target; /* 0 = not known in this term */
    uint32_t refill_heard;    /* bit per member */
    uint64_t refill_at_us;
};

static inline bool has_bug(const struct raft *r, enum raft_bug bug)
{
    return __builtin_expect((r->config.bugs & bug) != 0, 0);
}

/* An invariant of shared, durable state. Aborts; under planted bugs the simulator reports it
 * instead. */
void raft_broken(struct raft *r, const char *what);
#define raft_check(r, cond) (__builtin_expect(!!(cond), 1) || (raft_broken((r), #cond), false))

static inline uint64_t ms_to_us(uint32_t ms)
{
    return (uint64_t)ms * 1000;
}

/* raft.c */
uint64_t raft_random(struct raft *r, uint64_t below); /* 0 when below is 0 */
/* Fills the addresses, epoch and term. The receiver must be sent with raft_send. */
struct raft_message raft_message_to(const struct raft *r, raft_replica_id to,
                                    enum raft_msg_kind kind);
/* At once, or when the term it names is durable. Entries in msg are handed over. */
void raft_send(struct raft *r, struct raft_effects *out, struct raft_message *msg);
void raft_note_role(struct raft *r, struct raft_effects *out);
void *raft_grow(void *items, size_t *cap, size_t count, size_t item_bytes);

/* raft_election.c */
void raft_become_follower(struct raft *r, struct raft_effects *out, raft_term term,
                          raft_replica_id leader);
bool raft_can_campaign(const struct raft *r);
void raft_campaign_pre(struct raft *r, struct raft_effects *out);
void raft_campaign(struct raft *r, struct raft_effects *out, bool transfer);
void raft_on_vote_durable(struct raft *r, struct raft_effects *out);
void raft_on_vote(struct raft *r, struct raft_effects *out, const struct raft_message *msg);
void raft_on_vote_resp(struct raft *r, struct raft_effects *out, const struct raft_message *msg);
void raft_election_tick(struct raft *r, struct raft_effects *out);
void raft_schedule_election(struct raft *r, uint64_t from_us);

/* raft_support.c */
uint64_t raft_support_until(const struct raft *r); /* given; 0 = none */
bool raft_is_supporting(const struct raft *r);     /* or silent after boot */
void raft_hear_leader(struct raft *r, const struct raft_message *msg);
void raft_on_release(struct raft *r, struct raft_effects *out, const struct raft_message *msg);
void raft_on_support(struct raft *r, struct raft_effects *out, const struct raft_event *event);
void raft_hear_answer(struct raft *r, struct raft_progress *pr, const struct raft_message *msg);
void raft_update_lease(struct raft *r);
bool raft_has_contact(const struct raft *r); /* leader: a quorum was heard lately */
void raft_wake(struct raft *r, struct raft_effects *out);
void raft_try_quiesce(struct raft *r, struct raft_effects *out);

/* raft_replication.c */
void raft_leader_start(struct raft *r); /* progress of every member */
void raft_leader_stop(struct raft *r);
struct raft_progress *raft_progress_of(const struct raft *r, raft_replica_id id);
void raft_progress_probe(struct raft *r, struct raft_progress *pr);
void raft_progress_quarantine(struct raft *r, struct raft_progress *pr, uint64_t epoch);
void raft_append_own(struct raft *r, struct raft_effects *out, struct raft_entry *entry);
void raft_replicate(struct raft *r, struct raft_effects *out, struct raft_progress *pr);
void raft_replicate_all(struct raft *r, struct raft_effects *out);
void raft_heartbeat_all(struct raft *r, struct raft_effects *out, uint8_t flags);
void raft_try_commit(struct raft *r, struct raft_effects *out);
void raft_on_append(struct raft *r, struct raft_effects *out, const struct raft_message *msg);
void raft_on_append_resp(struct raft *r, struct raft_effects *out, const struct raft_message *msg);
void raft_on_loaded(struct raft *r, struct raft_effects *out, const struct raft_event *event);
void raft_on_propose(struct raft *r, struct raft_effects *out, const struct raft_event *event);
void raft_acknowledge(struct raft *r, struct raft_effects *out, uint8_t flags);

/* raft_persist.c */
void raft_log_push(struct raft *r, struct raft_effects *out, struct raft_entry *entry);
void raft_log_cut(struct raft *r, raft_index from);
/* The log starts after (index, term), which the state machine holds durably. */
void raft_log_restart(struct raft *r, struct raft_effects *out, raft_index index, raft_term term);
void raft_persist_hard_state(struct raft *r); /* term, vote or quarantine changed */
void raft_persist_finish(struct raft *r, struct raft_effects *out);
void raft_on_persisted(struct raft *r, struct raft_effects *out, uint64_t seq);
bool raft_term_is_durable(const struct raft *r);
bool raft_is_stalled(const struct raft *r);
void raft_set_commit(struct raft *r, struct raft_effects *out, raft_index commit);
void raft_emit_apply(struct raft *r, struct raft_effects *out);

/* raft_read.c */
void raft_on_read(struct raft *r, struct raft_effects *out, uint64_t read_id);
void raft_reads_advance(struct raft *r, struct raft_effects *out);
void raft_reads_fail(struct raft *r, struct raft_effects *out);

/* raft_snapshot.c */
void raft_need_snapshot(struct raft *r, struct raft_effects *out, struct raft_progress *pr);
void raft_on_snapshot(struct raft *r, struct raft_effects *out, const struct raft_message *msg);
void raft_on_installed(struct raft *r, struct raft_effects *out, const struct raft_event *event);
void raft_on_snapshot_status(struct raft *r, struct raft_effects *out,
                             const struct raft_event *event);

/* raft_transfer.c */
void raft_on_transfer(struct raft *r, struct raft_effects *out, raft_replica_id target);
void raft_transfer_try(struct raft *r, struct raft_effects *out);
void raft_transfer_tick(struct raft *r, struct raft_effects *out);
void raft_on_timeout_now(struct raft *r, struct raft_effects *out, const struct raft_message *msg);
void raft_step_down(struct raft *r, struct raft_effects *out);

/* raft_refill.c */
void raft_refill_tick(struct raft *r, struct raft_effects *out);
void raft_refill_ask(struct raft *r, struct raft_effects *out);
void raft_refill_check(struct raft *r, struct raft_effects *out);
void raft_on_refill(struct raft *r, struct raft_effects *out, const struct raft_message *msg);
void raft_on_refill_resp(struct raft *r, struct raft_effects *out, const struct raft_message *msg);

#endif
