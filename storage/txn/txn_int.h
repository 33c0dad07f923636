/* txn_int.h: what the files of storage/txn share: the node's struct kv, the part of it a core owns,
 * the gateway's transaction.
 *
 * struct kv is written while the node starts; afterwards only its atomics change. struct kv_core
 * belongs to its core: transactions begun there, the queues of what is still to be told to groups
 * (finishers), storage ids in reserve. A transaction's number carries its core in the upper byte,
 * so that whoever asks about it reaches the right core.
 */
#ifndef CAIRN_STORAGE_TXN_TXN_INT_H
#define CAIRN_STORAGE_TXN_TXN_INT_H

#include <stdatomic.h>

#include "base/core.h"
#include "base/env.h"
#include "base/log.h"
#include "base/rpc.h"
#include "base/sync.h"
#include "storage/lsm/lsm.h"
#include "storage/tablet/place.h"
#include "storage/tablet/store.h"
#include "storage/txn/kv_node.h"
#include "storage/txn/kv_read.h"
#include "storage/txn/kv_schema.h"
#include "storage/txn/txn_fault.h"
#include "storage/txn/txn_group.h"

enum txn_method {
    TXN_METHOD_CALL = 32, /* txn_call.h */
    TXN_METHOD_GATEWAY,   /* what is a transaction of yours doing? */
    TXN_METHOD_EDGES,     /* one-way: a transaction of yours waits for these */
    TXN_METHOD_PROBE,     /* one-way: a path of waits to be followed */
    TXN_METHOD_KILL,      /* one-way: a transaction of yours is a deadlock's victim */
    TXN_METHOD_ACTIVE,    /* one-way: oldest read in use at the sender */
};

enum {
    TXN_CORE_SHIFT = 56,      /* of the transaction number */
    TXN_SLOT_CORE_SHIFT = 16, /* of the slot number */
    TXN_NODES_MAX = 64,
    TXN_ID_BATCH = 32,
    TXN_EDGES_MAX = 4, /* blockers of one wait that are followed */
};

#define TXN_MS UINT64_C(1000000)
#define TXN_CALL_NS                                                                                \
    (UINT64_C(10000) * TXN_MS) /* how long a request looks for a leader without a deadline */
#define TXN_COMMIT_NS (UINT64_C(30000) * TXN_MS) /* how long the fate of a commit is asked for */
#define TXN_EDGE_NS (UINT64_C(100) * TXN_MS)     /* a wait this long tells its gateway */

struct kv_core;
struct finisher;

struct kv {
    struct runtime *runtime;
    struct env *env;
    struct rpc *rpc;
    struct store *store;
    struct hlc *hlc;
    uint32_t self;
    uint32_t boot_epoch;
    uint32_t n_data_groups;
    uint32_t n_nodes;
    uint32_t faults;
    uint64_t lock_bytes_max;
    uint64_t retention_us;
    uint64_t recover_ns; /* an open outcome this old is looked into */
    bool recover_unasked;
    uint64_t offset_us;
    uint32_t n_cores;
    struct kv_core **cores;
    /* By id; each is written by the group's core while the store opens. */
    _Atomic(struct txn_group *) groups[PLACE_DATA_GROUPS_MAX + 2];
    _Atomic uint32_t generations[PLACE_DATA_GROUPS_MAX + 2]; /* of the groups' spans, as heard */
    _Atomic bool ready; /* the store stands: requests are served */
    _Atomic bool stopping;
    _Atomic uint32_t background;                        /* fibers of ours that still run */
    _Atomic uint64_t oldest_read[TXN_NODES_MAX + 1];    /* by node: its report */
    _Atomic uint64_t oldest_read_at[TXN_NODES_MAX + 1]; /* local monotonic ns of it */
};

/* A transaction another waits for. */
struct txn_edge {
    struct kv_txn_id txn;
    uint64_t started;
};

/* A group the transaction has something in. */
struct kv_part {
    uint32_t group;
    bool rows; /* wrote there (not only locks) */
    uint64_t lock_epoch;
    uint64_t incarnation;
    uint64_t request; /* last request number used */
    bool asking;      /* a request that may wait is on its way */
    uint32_t n_edges;
    struct txn_edge edges[TXN_EDGES_MAX];
};

struct kv_private {
    struct kv_private *next;
    storage_id id;
    uint32_t created_seq;
    uint32_t bulk_seq; /* of the bulk rows it holds; 0 = none */
    uint32_t filling;  /* the last number of a filling, taken back or not; 0 = never filled */
    bool plain_rows;   /* has rows in the lock table too */
    const struct kv_schema *schema;
};

struct kv_txn {
    struct kv *kv;
    struct kv_core *core;
    struct arena arena;
    struct kv_txn_options options;
    struct kv_txn_id id;
    enum kv_retry retry;
    uint64_t started;
    uint32_t seq;
    uint32_t last_savepoint;
    hlc_time read_ts;     /* of the snapshot; 0 = none yet */
    hlc_time read_ts_min; /* a restart asks for at least that */
    hlc_time oldest_ts;   /* of its first statement: open portals may still read there */
    bool committing;
    bool doomed;           /* bulk rows of it may still arrive: it can only be aborted */
    uint32_t statements;   /* begun so far */
    int killed;            /* code of a deadlock's victim */
    uint32_t anchor_group; /* 0 = nothing locked yet */
    uint32_t n_parts, cap_parts;
    struct kv_part *parts;
    uint16_t n_void;
    const struct kv_seq_range *voided;
    uint16_t n_opened;
    const uint32_t *opened;
    uint16_t n_pending;
    const struct kv_pending *pending;
    struct kv_private *privates;
    struct list_node link; /* of the core's */
};

struct kv_core {
    struct kv *kv;
    struct core *core;
    uint32_t index;
    uint64_t txn_next;
    struct intmap txns; /* number -> kv_txn */
    struct list active; /* of kv_txn */
    struct finisher *finishers;
    uint32_t *free_slots; /* stack */
    uint32_t n_free_slots, cap_free_slots, slot_next;
    uint64_t order_next;
    struct mutex id_mutex;
    uint64_t id_next, id_end;
    _Atomic uint64_t oldest_read; /* of the core's transactions; UINT64_MAX = none */
};

struct kv_core *kv_core_of(struct kv *kv, struct task *task);

/* ---- leader side: each is called on the group's core ---- */

/* Serves one call (not SCAN). Returns 0 or the error's code (result->status FAILED, result->retry
 * says what to do). */
int txn_eval(struct task *task, struct txn_group *g, const struct txn_call *call,
             struct txn_result *result, struct err *err) MUST_CHECK;
int txn_eval_write(struct task *task, struct txn_group *g, const struct txn_call *call,
                   struct txn_result *result, struct err *err) MUST_CHECK;
int txn_eval_lock(struct task *task, struct txn_group *g, const struct txn_call *call,
                  struct txn_result *result, struct err *err) MUST_CHECK;
int txn_eval_change(struct task *task, struct txn_group *g, const struct txn_call *call,
                    struct txn_result *result, struct err *err) MUST_CHECK;
int txn_eval_bulk(struct task *task, struct txn_group *g, const struct txn_call *call,
                  struct txn_result *result, struct err *err) MUST_CHECK;
int txn_eval_void(struct task *task, struct txn_group *g, const struct txn_call *call,
                  struct txn_result *result, struct err *err) MUST_CHECK;
int txn_eval_commit(struct task *task, struct txn_group *g, const struct txn_call *call,
                    struct txn_result *result, struct err *err) MUST_CHECK;

/* Sets status ELSEWHERE with the best hint. */
void txn_result_elsewhere(const struct txn_group *g, struct txn_result *result);
/* 40001 with KV_RETRY_STATEMENT: a row or storage came out above the timestamp. Returns the code.
 */
int txn_fail_restart(struct txn_result *result, struct err *err);
/* 40001 with KV_RETRY_TXN. Returns the code. */
int txn_fail_locks_lost(struct txn_result *result, struct err *err);
/* Leadership that may serve a read now. Else fills result and says false. */
bool txn_is_serving(const struct txn_group *g, struct txn_result *result);
/* The storage is there for this transaction at this schema version; waits for a prepared change of
 * it. *lsm is NULL when it will only appear with this transaction's commit. A change that came out
 * above read_ts (0: reads the latest) restarts the statement. */
int txn_check_schema(struct task *task, struct txn_group *g, const struct kv_txn_id *txn,
                     uint64_t deadline_ns, hlc_time read_ts, uint64_t storage, uint32_t version,
                     uint16_t shard, struct lsm **lsm, struct txn_result *result,
                     struct err *err) MUST_CHECK;
/* Waits for the transaction's end or until_ns; looks into its fate when that takes long. *ended
 * says whether it ended (false: time is up, or the leadership ended). */
int txn_wait_end(struct task *task, struct txn_group *g, struct lock_txn *other,
                 uint64_t deadline_ns, bool *ended, hlc_time *outcome_ts,
                 struct err *err) MUST_CHECK;
/* Waits for a lock that lock_acquire did not give. 0: granted; else the error. result->status
 * ELSEWHERE when the leadership ended meanwhile (returns 0). */
int txn_wait_lock(struct task *task, struct txn_group *g, const struct txn_call *call,
                  struct lock_txn *txn, struct lock_row *row, uint8_t mode, uint8_t wait,
                  bool *granted, struct txn_result *result, struct err *err) MUST_CHECK;
/* The lock table's transaction of a call, made when it is its first contact; NULL: its locks are
 * gone (err is set). */
struct lock_txn *txn_find_or_add(struct txn_group *g, const struct txn_call *call,
                                 struct txn_result *result, struct err *err);

/* ---- between nodes ---- */

/* Finds the leader and asks it, again while that is safe: ELSEWHERE and BUSY never come out before
 * the deadline. What may have been executed is repeated only when `repeatable`; else UNSURE. */
int txn_send(struct task *task, struct kv *kv, struct txn_call *call, bool repeatable,
             struct txn_result *result, struct err *err) MUST_CHECK;
/* PROPOSE with an answer, repeated until it is known or the deadline passed (status UNSURE then).
 */
int txn_send_command(struct task *task, struct kv *kv, uint32_t group, const struct buf *command,
                     uint64_t deadline_ns, struct txn_answer *answer, uint8_t *status,
                     struct err *err) MUST_CHECK;
/* Tells the leader and does not wait: directly when it is here, else one-way. */
struct kv_part;
void txn_post(struct task *task, struct kv *kv, const struct kv_txn *txn,
              const struct kv_part *part, uint8_t op, const void *body, size_t body_len);
void txn_route_register(struct kv *kv);
struct txn_group *txn_local_group(struct kv *kv, uint32_t group);

/* ---- recovery and upkeep ---- */

/* In the background, once a transaction at a time: finds out or decides what became of it, and
 * tells this group. */
void txn_recover_start(struct txn_group *g, struct lock_txn *txn);
/* The outcome is decided: tells the groups; when they are all of its participants (`all`), drops
 * record and markers. */
void txn_finish_start(struct kv_core *core, const struct kv_txn_id *txn, uint64_t session,
                      uint32_t anchor_group, uint32_t epoch, uint8_t outcome, hlc_time ts,
                      const uint32_t *groups, uint32_t n_groups, bool all);
/* Asks what became of the transaction until it is known: decides it if need be. verdict:
 * TXN_COMMITTED, TXN_ABORTED, TXN_GONE. */
int txn_resolve_fate(struct task *task, struct kv *kv, const struct kv_txn_id *txn,
                     uint64_t session, uint32_t anchor_group, uint64_t deadline_ns,
                     struct txn_answer *answer, struct err *err) MUST_CHECK;
void txn_upkeep_register(struct kv *kv);
void txn_upkeep_start(struct task *task, struct kv *kv);
void txn_finishers_stop(struct kv_core *core);

/* Is the transaction in the middle of its commit at its gateway, as far as that can be heard? */
bool txn_gateway_is_committing(struct task *task, struct kv *kv, const struct kv_txn_id *txn);
/* Does its gateway know it at all? True when it cannot be asked. */
bool txn_gateway_knows(struct task *task, struct kv *kv, const struct kv_txn_id *txn);

/* ---- deadlocks ---- */
void txn_edges_push(struct txn_group *g, const struct lock_waiter *waiter);
void txn_deadlock_register(struct kv *kv);

/* A fiber of our own, counted so that kv_node_stop waits for it. */
void txn_background(struct kv *kv, struct core *core, const char *name, task_fn *fn, void *arg);
void txn_background_done(struct kv *kv);

#endif
