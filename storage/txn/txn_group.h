/* txn_group.h: the transactions of one group, as its leader sees them: lock table, read cache,
 * proposals in flight.
 *
 * The machine behind group.h's callbacks. On every replica `apply` runs txn_apply; on the leader it
 * also moves the lock table along (a commit applied ends its transaction there, a prepare applied
 * keeps its locks, a resolve ends them). Everything in struct txn_group but the faults is the
 * leader's and goes when it stops leading; a new leader builds the prepared transactions again from
 * the state store and starts its read cache at the limit its voters returned.
 *
 * Invariants
 *  1. One leadership, one lock epoch: the Raft term. Locks of another epoch do not exist.
 *  2. A timestamp is published on the lock table's transaction before the entry is proposed,
 * without a yield between choosing and proposing, and stays until the entry is applied or surely
 * lost.
 *  3. Nobody reads, locks or prepares before leader_started: an entry of the term was applied.
 *  4. After every wait a fiber looks again whether it is still the same leadership
 * (txn_group_is_leading).
 *
 * Belongs to the group's core. Timestamps come from the node's HLC, which is at least every
 * timestamp read, prepared or applied here.
 */
#ifndef CAIRN_STORAGE_TXN_TXN_GROUP_H
#define CAIRN_STORAGE_TXN_TXN_GROUP_H

#include <stdatomic.h>

#include "base/task.h"
#include "storage/tablet/group.h"
#include "storage/txn/lock_table.h"
#include "storage/txn/read_cache.h"
#include "storage/txn/txn_apply.h"
#include "storage/txn/txn_call.h"

enum { TXN_OUTCOMES = 4096, TXN_OPEN_PENDING = 64 };

/* Outcome of a prepared transaction, as resolved under this leadership. */
struct txn_outcome {
    struct kv_txn_id txn;
    hlc_time ts; /* 0 = aborted */
};

struct txn_group {
    struct kv *kv;
    struct group *group;
    _Atomic bool leading; /* written by the group's core; others take it for a hint */
    raft_term term;       /* of the leadership: the lock epoch */
    struct lock_table locks;
    struct read_cache *reads; /* NULL until something is read */
    hlc_time read_floor;
    struct txn_outcome *outcomes; /* by hash, the later one stays; NULL until there is one */
    raft_index gc_applied;        /* applied index when the GC threshold was last moved */
    bool upkeep_running;
};

/* What a waiting fiber owns; lock_waiter.owner and lock_watch.owner. */
struct txn_sleeper {
    struct task *task;
};

enum { TXN_WAIT_LOST = -1 }; /* a wait ended because the leadership did */

struct txn_group *txn_group_create(struct kv *kv, struct group *group);
void txn_group_destroy(struct txn_group *g);
void txn_group_apply(struct txn_group *g, struct group_apply *apply,
                     const struct group_command *command, struct buf *answer);
void txn_group_started(struct txn_group *g, raft_term term);
void txn_group_stopped(struct txn_group *g);

bool txn_group_is_leading(const struct txn_group *g, raft_term term);
/* The read is above every write to come at or below ts. */
void txn_group_note_read(struct txn_group *g, uint64_t storage, uint16_t shard,
                         const struct kv_span *span, hlc_time ts, const struct kv_txn_id *reader);
/* Above every read, applied or prepared timestamp here. */
hlc_time txn_group_choose_ts(struct txn_group *g);

/* What became of a transaction that was prepared here. False: not known any more. *ts 0 = aborted.
 */
bool txn_group_outcome(const struct txn_group *g, const struct kv_txn_id *txn, hlc_time *ts);

/* Proposes and waits for the end (not cancelable: the entry is on its way). `command` is kept until
 * it returns. status: OK (answer decoded), ELSEWHERE, BUSY, UNSURE; FAILED with err when the disk
 * is full. */
int txn_group_propose(struct task *task, struct txn_group *g, const struct buf *command,
                      uint8_t *status, struct txn_answer *answer, struct err *err) MUST_CHECK;

#endif
