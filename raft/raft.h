/* raft.h: consensus of one group as a pure state machine.
 *
 * raft_step(r, event, effects) takes one event (a message, a tick, a proposal, a completion) and
 * adds to `effects` what the driver must now do. No I/O, no clock, no threads: time comes in
 * event->now_us (CLOCK_BOOTTIME, must not go back), randomness from config.seed. Several steps may
 * add to the same effects before the driver acts on them; raft_effects_reset empties it.
 *
 * What the driver does with effects (always one group's), in this order:
 *   1. messages    send, now. What must wait for the disk is held back inside until PERSISTED.
 *   2. persist     hand to the log as one write: the reset (all the log holds is void, it starts
 *                  after reset_index), the entries (the first one's index truncates whatever the
 *                  log holds from there on), the hard state; in submission order per group. When
 *                  durable: RAFT_EV_PERSISTED with persist.seq (a later seq covers all before it).
 *   3. apply       run the entries on the state machine in order; then RAFT_EV_APPLIED (may be late
 *                  and merged). They are committed and locally durable.
 *   4. install     after all that was given to apply: put the received state in place, durably,
 *                  then RAFT_EV_INSTALLED. The log is reset by the persist that follows; a crash
 *                  in between is sorted out by raft_create.
 *   5. the rest    snapshots to send, entries to load, reads, role changes, proposal results.
 *
 * Invariants (each has a golden script and a planted bug in the simulator)
 *  1. At most one leader a term; nothing that names a term leaves before (term, vote) is durable.
 *  2. An acknowledgement covers durable entries only, the leader's own included.
 *  3. Only entries of the leader's term commit by counting.
 *  4. A completion counts for the write it belongs to, never for a later write of the same index
 *     (writes are numbered; a truncation clips what earlier writes may still confirm).
 *  5. Support. Hearing its leader, a replica refuses votes and pre-votes for support_ms; the time
 *     is counted from its receipt there and from the sending here, so the leader's lease (the time
 *     up to which a quorum supports it) ends first. Support is volatile: after a boot nothing is
 *     granted for support_ms. A term that rises does not end it; RELEASE or a vote marked TRANSFER
 *     does. A voter counts for the lease only once it acknowledged an entry of the leader's term
 *     in its present boot.
 *  6. A leader that sent TIMEOUT_NOW has no lease for the rest of its term.
 *  7. A quarantined replica neither votes, campaigns nor acknowledges before it was refilled.
 *
 * Memory: the core holds a reference on each cached log entry; effects hold one on each entry in
 * them, until reset. A struct raft and its effects belong to one core.
 *
 * From Raft (Ongaro's dissertation: 3, 4.2.1-4.3, 6.4, 9.6), etcd's raft (progress, async storage
 * writes, testdata), TigerBeetle and PAR (protocol-aware recovery) for quarantine.
 */
#ifndef CAIRN_RAFT_RAFT_H
#define CAIRN_RAFT_RAFT_H

#include "base/err.h"
#include "raft/raft_conf.h"
#include "raft/raft_entry.h"
#include "raft/raft_msg.h"

#define RAFT_NEVER UINT64_MAX

enum raft_role { RAFT_FOLLOWER, RAFT_PRECANDIDATE, RAFT_CANDIDATE, RAFT_LEADER };

enum raft_quarantine {
    RAFT_HEALTHY = 0,
    RAFT_LOG_LOST = 1,        /* entries may be missing; term and vote are as they were written */
    RAFT_HARD_STATE_LOST = 2, /* those too: every other member must be heard before it ends */
};

/* What a replica must never forget; one record of the log. `commit` may be behind. */
struct raft_hard_state {
    raft_term term;
    raft_replica_id vote; /* 0 = none in this term */
    raft_index commit;
    uint8_t quarantine; /* enum raft_quarantine */
};

/* The state machine's checkpoint: everything up to `index` applied. */
struct raft_snapshot_meta {
    raft_index index; /* 0 = empty state */
    raft_term term;
    struct raft_conf conf; /* in force at `index` */
};

struct raft_config {
    uint64_t group_id;
    raft_replica_id replica_id;
    uint32_t generation;
    uint32_t node_id;
    uint64_t boot_epoch; /* of the store; rises with every start */
    uint64_t seed;

    uint32_t heartbeat_ms;       /* 0 = 50 */
    uint32_t support_ms;         /* 0 = 450 */
    uint32_t election_jitter_ms; /* 0 = 150: spread of the first try after support ended */
    uint32_t clock_drift_ppm;    /* 0 = 1000: the lease is shortened by this share */
    uint32_t transfer_ms;        /* 0 = 450 */
    uint32_t quiesce_ms;         /* idle this long: stop exchanging heartbeats; 0 = never */
    uint32_t stall_ms;           /* 0 = 1000: a leader whose log write takes longer resigns */
    bool liveness_external;      /* support comes by RAFT_EV_SUPPORT alone (per node pair) */

    uint32_t append_bytes_max;      /* one message; 0 = 256 KiB */
    uint32_t inflight_count_max;    /* unanswered appends to a peer; 0 = 128 */
    uint32_t inflight_bytes_max;    /* 0 = 8 MiB */
    uint32_t uncommitted_bytes_max; /* proposals wait in the driver above it; 0 = 64 MiB */
    uint32_t cache_bytes_max;       /* entries kept for slow peers; 0 = 4 MiB */
    uint32_t bugs;                  /* planted faults (raft_int.h); tests only */
};

/* What the store recovered. entries: those after snapshot.index and up to the last durable one
 * (older or conflicting ones are tolerated and dropped), consecutive; borrowed, references are
 * taken. A replica whose log was found corrupt passes what is surely good and
 * hard_state.quarantine. */
struct raft_start {
    uint64_t now_us;
    uint64_t boot_us; /* when the store started; 0 = a store that never ran before */
    uint64_t read_limit; /* what a restarted voter must assume: HLC + 2 x max_clock_offset */
    struct raft_hard_state hard_state;
    struct raft_snapshot_meta snapshot; /* what the state machine holds durably */
    struct raft_entry **entries;
    size_t entries_count;
};

enum raft_event_kind {
    RAFT_EV_TICK = 1,
    RAFT_EV_MESSAGE,
    RAFT_EV_PROPOSE,
    RAFT_EV_PROPOSE_CONF, /* answered RAFT_PROPOSE_NOT_SUPPORTED for now */
    RAFT_EV_PERSISTED,
    RAFT_EV_APPLIED,
    RAFT_EV_INSTALLED,       /* `ok` false: could not; the leader will offer another */
    RAFT_EV_SNAPSHOT_STATUS, /* the stream to `peer` ended; `ok`: delivered; index: its last */
    RAFT_EV_LOADED,          /* answer to a load effect; count 0 = no longer in the log */
    RAFT_EV_COMPACT,         /* entries up to `index` (<= applied) are no longer needed */
    RAFT_EV_READ,            /* linearizable read without relying on a lease */
    RAFT_EV_TRANSFER,        /* leader moves to `peer` (0 = the best one) */
    RAFT_EV_STEP_DOWN,       /* leader resigns: the node is stopping */
    RAFT_EV_CAMPAIGN,        /* try to become leader now, if nobody's support forbids it */
    RAFT_EV_SUPPORT,         /* liveness of a node pair changed */
    RAFT_EV_UNREACHABLE,     /* sending to `peer` failed */
    RAFT_EV_WAKE,            /* somebody needs this group: end quiescence */
};

struct raft_event {
    uint8_t kind; /* enum raft_event_kind */
    bool ok;
    bool ended; /* SUPPORT: this moment, whatever until_us said before */
    uint64_t now_us;
    uint64_t read_limit; /* HLC + max_clock_offset, sent with heartbeats; 0 = as before */

    raft_replica_id peer;
    raft_index index;  /* APPLIED, COMPACT, INSTALLED, SNAPSHOT_STATUS */
    uint64_t seq;      /* PERSISTED */
    uint64_t read_id;  /* READ: the driver's name for it, returned in the read state */
    uint32_t node_id;  /* SUPPORT */
    bool given;        /* SUPPORT: we support the node; otherwise it supports us */
    uint64_t epoch;    /* SUPPORT given: the node's boot epoch. Else: the node's name for this
                          uninterrupted period of support; rises with its boots and every lapse */
    uint64_t until_us; /* SUPPORT: by our clock */
    struct raft_message *message;     /* MESSAGE; entries are shared, the struct stays yours */
    struct raft_entry **entries;      /* PROPOSE (index and term are set here), LOADED; borrowed */
    size_t entries_count;             /* LOADED entries start at the load's first index */
    const struct raft_conf *new_conf; /* PROPOSE_CONF */
};

enum raft_propose_result {
    RAFT_PROPOSE_NONE = 0, /* no proposal in these steps */
    RAFT_PROPOSE_ACCEPTED, /* appended; it commits, or is overwritten by another term's entry */
    RAFT_PROPOSE_NOT_LEADER,
    RAFT_PROPOSE_TRANSFERRING, /* leadership is moving: wait for role_changed */
    RAFT_PROPOSE_OVERLOADED,
    RAFT_PROPOSE_NOT_SUPPORTED,
};

struct raft_read_state {
    uint64_t read_id;
    raft_index index; /* serve once applied >= index */
    bool ok;          /* false: leadership ended before it could be confirmed */
};

struct raft_snapshot_request { /* stream your checkpoint (index >= min_index) to this replica */
    raft_replica_id to;
    uint32_t to_node;
    raft_index min_index;
};

struct raft_load_request { /* read [first, last] from the log (fewer is fine), answer LOADED */
    raft_replica_id peer;
    raft_index first;
    raft_index last;
    uint32_t bytes_max;
};

struct raft_effects {
    struct {
        bool needed;
        bool log_reset;
        bool has_hard_state;
        raft_index reset_index;
        raft_term reset_term;
        uint64_t seq; /* names the write in PERSISTED */
        struct raft_hard_state hard_state;
        struct raft_entry **entries;
        size_t count, cap;
    } persist;
    struct {
        struct raft_message *items;
        size_t count, cap;
    } messages;
    struct {
        struct raft_entry **entries;
        size_t count, cap;
    } apply;
    struct {
        struct raft_read_state *items;
        size_t count, cap;
    } reads;
    struct {
        struct raft_snapshot_request *items;
        size_t count, cap;
    } snapshots;
    struct {
        struct raft_load_request *items;
        size_t count, cap;
    } loads;

    /* A SNAPSHOT message was stepped: install what came with it, or throw it away. */
    bool snapshot_install;
    bool snapshot_discard;
    struct raft_snapshot_meta install;

    uint8_t propose; /* enum raft_propose_result of the last proposal */
    raft_index propose_first;
    raft_term propose_term;

    bool role_changed; /* role, term or leader; the fields below are always current */
    uint8_t role;      /* enum raft_role */
    raft_term term;
    raft_replica_id leader; /* 0 = unknown */
    uint32_t leader_node;
    bool quarantine_ended;
    uint32_t dropped_messages; /* for another replica, generation, boot, or malformed */
};

void raft_effects_init(struct raft_effects *effects);
void raft_effects_reset(struct raft_effects *effects); /* empties, keeps the memory */
void raft_effects_done(struct raft_effects *effects);

struct raft;

/* DATA_CORRUPTED when what was recovered cannot be a log (a gap, falling terms, wrong indexes): the
 * caller quarantines the replica. `first` receives what must be done at once (apply of committed
 * entries, a corrected hard state, a reset of a log that a snapshot overtook). */
int raft_create(const struct raft_config *config, const struct raft_start *start,
                struct raft_effects *first, struct raft **out, struct err *err) MUST_CHECK;
void raft_destroy(struct raft *r);

void raft_step(struct raft *r, const struct raft_event *event, struct raft_effects *effects);

/* When the next tick is due: TICK at or after it; earlier ticks do no harm. RAFT_NEVER when
 * quiescent. */
uint64_t raft_deadline_us(const struct raft *r);
/* May a read be served here at `now_us`, at the state applied so far? Leader, lease in force, an
 * entry of its own term applied. Ask again after the read was evaluated. */
bool raft_lease_ok(const struct raft *r, uint64_t now_us);
/* The time up to which the lease lasts; 0 = none. RAFT_NEVER in a group of one voter. */
uint64_t raft_lease_until_us(const struct raft *r);
/* Largest read limit a quorum acknowledged to this leader; reads above it must not be served. */
uint64_t raft_read_limit(const struct raft *r);
/* Largest limit returned by the votes that made this leader: where its read cache starts. */
uint64_t raft_read_floor(const struct raft *r);
/* Head of a snapshot stream: what the receiving driver steps as RAFT_EV_MESSAGE once all of the
 * state arrived. False when r no longer leads. `meta` must outlive `msg`. */
bool raft_snapshot_message(const struct raft *r, raft_replica_id to,
                           const struct raft_snapshot_meta *meta, struct raft_message *msg);
/* Lets go of cached entries (durable, applied) until at most this many bytes are held. */
void raft_trim_cache(struct raft *r, size_t bytes_max);

struct raft_peer_status {
    raft_replica_id replica_id;
    uint8_t state; /* 0 probe, 1 replicate, 2 snapshot */
    bool quarantined;
    raft_index match, next;
    uint32_t inflight_count;
    uint64_t inflight_bytes;
    uint64_t last_heard_us;
};

struct raft_status {
    uint8_t role;
    uint8_t quarantine;
    bool quiescent;
    raft_term term;
    raft_replica_id vote, leader, transfer_to;
    raft_index first, last, durable, commit, applied;
    raft_term last_term;
    uint64_t support_until_us; /* given to a leader */
    uint64_t lease_until_us;
    uint64_t cache_bytes;
    uint64_t uncommitted_bytes;
    struct raft_conf conf;
    uint8_t peers_count; /* leader only */
    struct raft_peer_status peers[RAFT_MEMBERS_MAX];
};
void raft_status(const struct raft *r, struct raft_status *status);
/* 0 when the index is outside the log known here. */
raft_term raft_term_at(const struct raft *r, raft_index index);

#endif
