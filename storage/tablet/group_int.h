/* group_int.h: one replica's state, shared by the files that drive it.
 *
 *   group.c life, stepping raft, acting on its effects at the end of a turn, roles, reads
 *   group_log.c what goes to the log and comes back: writes in order, loads group_apply.c applying:
 *   chunks, the machine, state store, tablets, completions of proposals group_propose.c proposing
 *   group_checkpoint.c checkpoints, log truncation, recovery group_snapshot.c snapshots out and in
 *
 * How a turn goes. Whatever happens (a message, a completed write, a timer, a proposal) is stepped
 * into raft at once and marks the group; at the end of the core's turn group_act acts on everything
 * that came together: messages into the frames of their nodes, one log write, entries into the
 * apply queue, which is then worked off. What acting leads to (an applied entry's callback
 * proposes) is acted on in the same call.
 *
 * Fibers that work for the group (checkpoint, snapshot, load) count in `busy`; closing waits for
 * them.
 */
#ifndef CAIRN_STORAGE_TABLET_GROUP_INT_H
#define CAIRN_STORAGE_TABLET_GROUP_INT_H

#include "storage/tablet/group_chunk.h"
#include "storage/tablet/state_map.h"
#include "storage/tablet/store_int.h"

enum {
    GROUP_APPLY_BYTES_TURN = 1 << 20,       /* applied at most in one turn of the core */
    GROUP_SLOW_BYTES = 256 << 10,           /* from here on applied in a fiber that yields */
    GROUP_PROPOSED_BYTES_MAX = 32 << 20,    /* waiting; one command may exceed it alone */
    GROUP_THROTTLED_BYTES = 64 << 10,       /* commands from this size wait for memtables */
    GROUP_RETAIN_MARKS = 32, /* steps in which log_retain_bytes is measured */
    GROUP_RAFT_CACHE_BYTES = 2 << 20,
    GROUP_QUIESCE_MS = 5000,
    GROUP_TRANSFER_MS = 600, /* a little more than raft's own bound */
};

/* A write on its way to the log. */
struct group_write {
    struct wal_write wal;
    struct group *group;
    struct group_write *next; /* waiting to be accepted by the log */
    uint64_t seq;             /* of raft; 0 = none waits */
    struct raft_entry **entries;
    uint32_t n_entries;
    bool has_hard_state;
    struct raft_hard_state hard_state;
    struct task *waiter; /* of a truncation or reset */
    bool finished;
};

struct group_tablet {
    struct tablet_id id;
    struct lsm *lsm;
    uint32_t durable_version; /* of the schema, as the manifest knows it; 0 = not there */
    uint32_t users;           /* fibers that will look at this struct again */
    bool dropped;             /* out of the map; freed when users == 0 */
    bool held;                /* lsm_hold, by a large command */
};

struct group_waiter { /* of a read confirmation */
    struct task *task;
    uint64_t read_id;
    raft_index index;
    bool answered, ok;
    struct group_waiter *next;
};

struct group {
    struct store *store;
    struct store_core *sc;
    struct store_route_entry *route;
    uint32_t id;
    struct raft *raft;
    void *machine;

    /* stepping */
    struct raft_effects effects;
    bool marked, acting, stopped;
    struct group *dirty_next;
    struct core_timer timer;
    uint64_t timer_us; /* what it was set for */
    uint8_t role;      /* as of the last step */
    raft_term term;
    uint32_t leader_node;
    raft_term started_term; /* leader_started was called for it; 0 = not leading */
    struct wait_queue changed; /* role, leader, applied index after a barrier */
    struct group_waiter *reads;
    uint64_t next_read_id;
    uint32_t busy;
    struct wait_queue idle;

    /* log */
    struct group_write *writes_head, **writes_tail; /* not accepted yet */
    uint32_t writes_out;                            /* accepted, not answered */
    struct core_timer write_timer;
    uint64_t early_seq; /* planted: acknowledged before its time */

    /* applying */
    struct raft_entry **queue; /* ring of entries to apply */
    uint32_t queue_head, queue_count, queue_cap;
    struct group_chunks chunks;
    raft_index applied;   /* last entry fed to the chunks */
    raft_term applied_term;
    raft_index complete;  /* last entry at which no command was half done: group_applied */
    raft_term complete_term;
    struct buf answer;
    bool installing;
    bool applying; /* a large command, in a fiber of its own: the queue waits */
    bool role_due; /* note_role was put off until it ends */
    struct {
        struct raft_entry *entry;
        const uint8_t *bytes; /* the entry's or the chunks' */
        size_t size_bytes;
    } large;

    /* state */
    struct state_map state;
    hlc_time gc_threshold;
    struct group_tablet **tablets; /* ascending id */
    size_t n_tablets, cap_tablets;
    struct group_tablet *last_tablet; /* of the last look-up */
    struct group_drops *drops; /* of this turn, not yet on their way to the manifest */
    uint32_t drops_out;        /* on their way */

    /* proposals, oldest first */
    struct group_proposal *proposals, **proposals_tail;
    uint64_t proposed_bytes;

    /* checkpoint */
    struct raft_conf conf;
    raft_index checkpoint; /* durable */
    raft_term checkpoint_term;
    raft_index log_cut; /* the log begins behind it; 0 = not known */
    bool checkpointing;
    struct wait_queue checkpointed;
    uint64_t applied_bytes; /* since start */
    struct {
        raft_index index;
        uint64_t bytes;
    } marks[GROUP_RETAIN_MARKS]; /* ring: where applied_bytes passed each step */
    uint32_t marks_head, marks_count;
    uint32_t snapshots_out;
};

struct group_drops { /* one edit, one fiber */
    struct group *group;
    struct manifest_edit *edit;
};

struct group_apply {
    struct group *group;
    raft_index index;
    struct task *task; /* of a large command: yields now and then */
};

/* ---- group.c ---- */

/* On the group's core. Recovers it from manifest and log; nothing moves before group_start. */
int group_open(struct task *task, struct store_core *sc, struct store_route_entry *route,
               struct group **out, struct err *err) MUST_CHECK;
void group_start(struct group *group);
/* Gives up leadership at once; what is proposed from now on is refused. */
void group_resign(struct group *group);
/* Waits for its fibers and log writes, completes proposals with UNKNOWN, frees. */
void group_close(struct task *task, struct group *group);
void group_step(struct group *group, struct raft_event *event);
void group_receive(struct group *group, struct raft_message *message);
/* Acts on what has been stepped; true when more is left for the next turn. */
bool group_act(struct group *group);
/* Role, term or leader changed: tells the machine, the routes, whoever waits. */
void group_note_role(struct group *group);
void group_wake_up(struct group *group);
struct task *group_spawn(struct group *group, const char *name, task_fn *fn, void *arg);
void group_spawned_end(struct group *group);

/* ---- group_log.c ---- */

/* Entries and hard state of the effects become a write, in order. */
void group_persist(struct group *group);
/* WAL_TRUNCATE or WAL_RESET; waits until durable. False: the log has failed or is full. */
bool group_log_mark(struct task *task, struct group *group, enum wal_op op, raft_index index,
                    raft_term term);
/* Closing: what the log has not taken yet never gets there. */
void group_writes_abandon(struct group *group);
void group_load(struct group *group, const struct raft_load_request *request);

/* ---- group_apply.c ---- */

void group_queue(struct group *group, struct raft_entry **entries, size_t count);
/* Works off the queue; true when the turn's share is used up before its end. */
bool group_apply_queue(struct group *group);
void group_queue_clear(struct group *group);
/* The state store stands at group->complete and nothing else is done to it meanwhile. */
static inline bool group_is_settled(const struct group *group)
{
    return !group->checkpointing && !group->installing && !group->applying;
}
/* Every proposal that can have no other end than this one. */
void group_proposals_fail(struct group *group, enum group_outcome outcome);
/* A snapshot at index, term takes the place of the log. */
void group_proposals_overtaken(struct group *group, raft_index index, raft_term term);
struct group_tablet *group_tablet_find(const struct group *group, struct tablet_id id);
struct group_tablet *group_tablet_add(struct group *group, struct lsm *lsm, struct tablet_id id,
                                      uint32_t durable_version);
/* A large command's fiber lets others go first after some writes; its tablets are not frozen
 * meanwhile. */
void group_tablet_pace(struct group_apply *apply, struct group_tablet *tablet);
void group_tablets_release(struct group *group);
/* Out of the map, the lsm dropped: nothing of it gets to the manifest any more. */
void group_tablet_remove(struct group *group, struct tablet_id id);
static inline bool group_is_dropping(const struct group *group)
{
    return group->drops || group->drops_out;
}
void group_tablet_use(struct group_tablet *tablet);
void group_tablet_unuse(struct group_tablet *tablet);

/* ---- group_checkpoint.c ---- */

void group_checkpoint_encode(const struct group *group, struct buf *out);
struct group_checkpoint_head {
    raft_index index;
    raft_term term;
    struct raft_conf conf;
    hlc_time gc_threshold;
};
/* Replaces what is in `state`. */
int group_checkpoint_decode(const void *data, size_t len, struct group_checkpoint_head *head,
                            struct state_map *state, struct err *err) MUST_CHECK;
/* Writes one at the present boundary. *state (may be NULL) receives its bytes. Serialized per
 * group. */
int group_checkpoint(struct task *task, struct group *group, struct buf *state,
                     struct err *err) MUST_CHECK;
/* In a fiber of its own, unless one is under way or nothing would be gained. */
void group_checkpoint_start(struct group *group);
/* State store, tablets, log: everything a start needs. */
int group_recover(struct task *task, struct group *group, struct err *err) MUST_CHECK;

/* ---- group_snapshot.c ---- */

void group_snapshot_send(struct group *group, const struct raft_snapshot_request *request);
int group_on_snapshot(struct task *task, void *ctx, const struct rpc_in *in,
                      struct rpc_stream *stream, struct err *err);

#endif
