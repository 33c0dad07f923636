/* group.h: one replica of a Raft group: its log driver, its state store, its tablets.
 *
 * A group is a replicated, deterministic state machine. This floor owns everything about it that
 * does not depend on what the entries mean: it drives raft_step and acts on its effects (log,
 * network, snapshots), keeps the state store (an ordered map of bytes, in memory, checkpointed) and
 * the tablets (one struct lsm each), and recovers all three after a crash. What an entry means is
 * said by the floor above through a table of callbacks, struct group_machine_ops: storage/txn in a
 * server, registers in the simulator.
 *
 * Life of a command: group_propose_start hands bytes to raft_step at once (no yield), the log write
 * and the messages to the followers leave in parallel, the entry commits, `apply` runs on every
 * replica in log order, and the proposer's callback gets the answer `apply` wrote. Commands longer
 * than 1 MiB travel as several log entries and are applied as one (group_chunk.h).
 *
 * Invariants
 *  1. A group belongs to one core (store_group_core); every function here is called there, every
 *     callback comes there. Callbacks have no task: they cannot wait.
 *  2. `apply` is deterministic: a function of the state store, the command (bytes, index, term) and
 *     nothing else. It must not read tablets, clocks, leases, or memory of its own that it cannot
 *     rebuild from the state store. (Why not tablets: after a crash the log is replayed from the
 *     checkpoint while the tablets may already hold flushed rows of later entries.)
 *  3. Each entry takes effect exactly once, crashes included. Recovery starts from the checkpoint
 *     (state store at applied index C) and applies C+1.. again; a tablet ignores what its files
 *     already hold. A checkpoint at C is only written once every tablet has flushed everything up
 *     to C.
 *  4. A proposal that was accepted ends in exactly one completion: APPLIED (with its answer), LOST
 *     (surely never will be applied) or UNKNOWN (this replica cannot find out: snapshot installed
 *     over it, or it is stopping).
 *  5. leader_started(term) comes after an entry of that term was applied here, and leader_stopped
 *     exactly once for each leader_started, before any entry of a later term is applied. Between
 *     the two, nobody else's command was applied since leader_started unless proposed here.
 *  6. Nothing is acknowledged (to raft, hence to anybody) before it is durable in the log.
 *  7. A state change is visible to group_state_get as soon as the group_state_put in `apply`
 *     returned.
 *
 * Reading as the leader: group_lease_ok before, evaluate at <= group_read_limit, group_lease_ok
 * again after.
 *
 * Failures: a failed log sync stops the whole store (store.h); a disk that is full refuses
 * proposals (GROUP_PROPOSE_DISK_FULL) but goes on serving reads.
 *
 * After Raft's dissertation, etcd's raft driver loop, CockroachDB's replica and below-Raft
 * determinism rules.
 */
#ifndef CAIRN_STORAGE_TABLET_GROUP_H
#define CAIRN_STORAGE_TABLET_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hlc.h"
#include "raft/raft_entry.h"

struct buf;
struct env;
struct group;
struct kv_schema;
struct lsm;
struct store;
struct task;

#define GROUP_COMMAND_BYTES_MAX (256u << 20) /* of one command; chunked by GROUP_CHUNK_BYTES_MAX */

/* ---- the state machine, supplied by the floor above ---- */

/* What `apply` may do: a capability that exists only during the call. */
struct group_apply;

struct group_command {
    raft_index index; /* of its last log entry: unique, rising */
    raft_term term;
    const uint8_t *bytes;
    size_t size_bytes;
    /* The proposer's (group_proposal.context) where this replica proposed it in this boot and it is
     * still waited for; NULL otherwise. Must not influence what is applied. */
    void *context;
};

struct group_machine_ops {
    /* One machine a group, created when the store opens (or the group appears), before anything is
     * applied. `factory` is store_config.machine_factory. */
    void *(*create)(void *factory, struct group *group);
    void (*destroy)(void *machine);
    /* Runs for every command in log order. A large one (256 KiB and more) runs in a fiber, and
     * group_tablet_put lets other fibers of the core run in between: who reads meanwhile may see a
     * part of its rows, unless locks keep him away until apply has returned; leader_started and
     * _stopped do not come in between. What it appends to `answer` goes to the proposer (and
     * nowhere else). */
    void (*apply)(void *machine, struct group_apply *apply, const struct group_command *command,
                  struct buf *answer);
    /* The state store has been replaced under the machine: recovery loaded the checkpoint (called
     * once at start, with an empty state store too), or a snapshot was installed. Rebuild whatever
     * is derived from it. */
    void (*state_loaded)(void *machine);
    void (*leader_started)(void *machine, raft_term term);
    void (*leader_stopped)(void *machine, raft_term term);
};

/* ---- inside apply ---- */

struct group *group_apply_group(struct group_apply *apply);
void group_state_put(struct group_apply *apply, const void *key, size_t key_len, const void *value,
                     size_t value_len);
/* False when there was no such key. */
bool group_state_del(struct group_apply *apply, const void *key, size_t key_len);
/* How many keys in [start, end) went; end_len 0 = to the end. */
size_t group_state_del_span(struct group_apply *apply, const void *start, size_t start_len,
                            const void *end, size_t end_len);

/* A tablet that exists already is left as it is (replay, retry). The schema is copied. A (storage,
 * shard) is unique in the cluster; created again after a drop it is empty. */
void group_tablet_create(struct group_apply *apply, const struct kv_schema *schema, uint16_t shard);
/* Newer version of the columns; ignored when the tablet is absent or its version is not older. */
void group_tablet_alter(struct group_apply *apply, const struct kv_schema *schema, uint16_t shard);
void group_tablet_drop(struct group_apply *apply, uint64_t storage, uint16_t shard);
/* Writes one version. A write to an absent tablet (dropped meanwhile) does nothing and answers
 * false; a replica that replays may answer otherwise than the others, so it must not matter. `row`
 * is base/row.h; bytes are copied. At most one write of the same (key, ts) per command: the later
 * wins. */
bool group_tablet_put(struct group_apply *apply, uint64_t storage, uint16_t shard, const void *key,
                      size_t key_len, hlc_time ts, const void *row, size_t row_len);
/* A tombstone; moved_to (may be NULL) is the new key of a key-changing UPDATE, kept in the
 * tombstone. */
bool group_tablet_delete(struct group_apply *apply, uint64_t storage, uint16_t shard,
                         const void *key, size_t key_len, hlc_time ts, const void *moved_to,
                         size_t moved_to_len);
/* Versions superseded at or below `threshold` may be dropped from now on; never goes back. Part of
 * the state. */
void group_gc_threshold_set(struct group_apply *apply, hlc_time threshold);

/* ---- state store, readable at any time ---- */

/* Borrowed until the next change of the state store. False: not there. */
bool group_state_get(const struct group *group, const void *key, size_t key_len,
                     const uint8_t **value, size_t *value_len);

struct group_state_item {
    const uint8_t *key, *value; /* borrowed until the next change of the state store */
    size_t key_len, value_len;
};
/* Iterates in byte order over keys that start with `prefix`. Not valid across changes: after one,
 * seek again from a copy of the last key. Usage: struct group_state_iter it; group_state_seek(...);
 * while (group_state_next(...)). */
struct group_state_iter {
    const void *at; /* state_map's */
    const uint8_t *prefix;
    size_t prefix_len;
};
/* from (may be NULL: the prefix itself): first key >= from. prefix is borrowed. */
void group_state_seek(const struct group *group, struct group_state_iter *it, const void *prefix,
                      size_t prefix_len, const void *from, size_t from_len);
bool group_state_next(struct group_state_iter *it, struct group_state_item *item);
/* Number of keys and their bytes. */
void group_state_size(const struct group *group, size_t *count, size_t *bytes);

/* ---- tablets ---- */

/* NULL: no such tablet here. Valid until a command drops it: readers pin through lsm.h. */
struct lsm *group_tablet(const struct group *group, uint64_t storage, uint16_t shard);
/* The newest schema applied; NULL when absent. Valid until altered or dropped. */
const struct kv_schema *group_tablet_schema(const struct group *group, uint64_t storage,
                                            uint16_t shard);
/* Visits the tablets ordered by (storage, shard). */
void group_tablet_each(struct group *group,
                       void (*visit)(void *arg, uint64_t storage, uint16_t shard, struct lsm *lsm),
                       void *arg);
hlc_time group_gc_threshold(const struct group *group);

/* ---- proposing ---- */

enum group_outcome {
    GROUP_APPLIED = 1, /* `answer` holds what apply wrote */
    GROUP_LOST,        /* surely never applied */
    GROUP_UNKNOWN,     /* may or may not have been, or may still be, applied */
};

enum group_propose_result {
    GROUP_PROPOSE_ACCEPTED = 0,
    GROUP_PROPOSE_NOT_LEADER,   /* of the expected term; see group_leader_node for where to go */
    GROUP_PROPOSE_TRANSFERRING, /* leadership is moving; ask again where it went */
    GROUP_PROPOSE_OVERLOADED,   /* too much waits for the log or the followers: try later */
    GROUP_PROPOSE_DISK_FULL,
    GROUP_PROPOSE_STOPPING,
};

/* Caller's memory, must live until `done` was called. */
struct group_proposal {
    const void *bytes; /* borrowed for the call of group_propose_start only */
    size_t size_bytes;
    raft_term expected_term; /* refused in any other; 0 = whatever term this replica leads */
    void *context;           /* handed to apply and done */
    /* Called once, on the group's core, if and only if group_propose_start answered ACCEPTED; never
     * from inside it. */
    void (*done)(struct group_proposal *proposal, enum group_outcome outcome, const uint8_t *answer,
                 size_t answer_len);

    /* set by group_propose_start */
    raft_index first, last;
    raft_term term;
    struct group_proposal *next; /* the group's */
};

/* Does not wait: on ACCEPTED the entry has its place in the log when this returns, so what the
 * caller publishes before or after it without waiting is ordered with it. Entries are proposed in
 * call order. */
enum group_propose_result group_propose_start(struct group *group, struct group_proposal *proposal);

/* The waiting form. *result tells whether it was accepted; when it was, *outcome, and `answer`
 * (appended to; may be NULL) for APPLIED. Cancelled or past its deadline after acceptance: returns
 * the task's error, *outcome is GROUP_UNKNOWN. */
int group_propose(struct task *task, struct group *group, const void *bytes, size_t size_bytes,
                  raft_term expected_term, enum group_propose_result *result,
                  enum group_outcome *outcome, struct buf *answer, struct err *err) MUST_CHECK;

/* ---- leading ---- */

uint32_t group_id(const struct group *group);
struct store *group_store(const struct group *group);
void *group_machine(const struct group *group); /* what ops.create returned */

/* Between leader_started and leader_stopped. */
bool group_is_leader(const struct group *group);
raft_term group_term(const struct group *group);
raft_index group_applied(const struct group *group); /* complete commands only */
/* Who leads, as far as known here: 0 = unknown. */
uint32_t group_leader_node(const struct group *group);

/* May a read be served at the state applied so far, at this moment? Asks the clock. Again after
 * evaluating. A group without traffic for seconds goes quiet and has no lease: asking wakes it, a
 * network round later it has one (group_read_barrier waits for that). */
bool group_lease_ok(struct group *group);
/* Largest timestamp at which a quorum has agreed to reads being served (transactions.md step 9). */
hlc_time group_read_limit(const struct group *group);
/* Where the read cache of this leadership starts: the largest limit the votes returned. */
hlc_time group_read_floor(const struct group *group);
/* Waits until group_lease_ok with an applied state at least as new as the call (a round where the
 * lease is not in force). *ok false: this replica does not lead. */
int group_read_barrier(struct task *task, struct group *group, bool *ok,
                       struct err *err) MUST_CHECK;

/* Moves leadership to the node (0 = the best one); returns when this replica learnt of the new
 * leader (*moved) or the attempt ran out (not *moved; it leads on or somebody else does). */
int group_transfer(struct task *task, struct group *group, uint32_t to_node, bool *moved,
                   struct err *err) MUST_CHECK;

#endif
