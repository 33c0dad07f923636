/* store_int.h: what the files of a store share: the node's part (store.c, store_live.c,
 * store_net.c) and each core's part of it.
 *
 * struct store is written by core 0 while it opens and closes; between the two the fields without a
 * comment do not change. struct store_core belongs to its core: its groups, its outgoing messages
 * of this turn, and the list of groups whose effects wait for the end of the turn.
 */
#ifndef CAIRN_STORAGE_TABLET_STORE_INT_H
#define CAIRN_STORAGE_TABLET_STORE_INT_H

#include <stdatomic.h>

#include "base/core.h"
#include "base/env.h"
#include "base/hlc.h"
#include "base/log.h"
#include "base/rpc.h"
#include "base/sync.h"
#include "raft/raft.h"
#include "storage/lsm/lsm.h"
#include "storage/tablet/store.h"
#include "storage/tablet/store_dir.h"
#include "storage/wal/wal.h"

enum {
    STORE_HEARTBEAT_MS = 50,
    /* The design says 450; encoding and queueing a commit of 100 MB holds a leader's core for some
     * 300 ms. */
    STORE_SUPPORT_MS = 600,
    STORE_GRAY_MS = 2000, /* a log that did not sync what it has for so long: no heartbeats */
    STORE_UPKEEP_MS = 1000,
    STORE_HANDOVER_MS = 1000, /* when all nodes stop at once nobody takes over */
    STORE_CLOCK_OFFSET_US = 250000,
    STORE_LOG_BYTES = 128 << 20,
    STORE_LOG_RETAIN_BYTES = 32 << 20,
};

struct store_port {
    struct rpc *rpc;
    _Atomic(struct store *) store;
};

/* Liveness of a peer. Times are boot-clock microseconds of this node; written by core 0, read by
 * any. */
struct store_peer {
    uint32_t node;
    _Atomic uint64_t alive_until_us; /* it supports us until then, counted from our sending */
    _Atomic uint32_t boot_epoch;     /* newest heard of */
    bool was_alive;                  /* core 0 */
};

struct store_out {
    struct buf bytes; /* encoded raft messages for one node, back to back */
    uint32_t count;
};

struct store_core {
    struct store *store;
    struct core *core;
    struct core_defer defer;
    struct group *dirty_head, **dirty_tail;
    struct store_out *out; /* [n_nodes + 1], by node id */
    struct core_msg resume; /* goes on with groups that used up their turn */
    bool resume_posted;
    struct core_msg lost; /* a node was lost: look at the groups it led */
    _Atomic bool lost_posted;
};

struct store_route_entry {
    struct store_group_config config;
    struct group *group; /* NULL: not here */
    uint32_t core;
    _Atomic uint32_t leader_hint;
};

struct store {
    struct env *env;
    struct runtime *runtime;
    struct store_dir *dir;
    struct store_config config;
    struct log *log;
    struct rpc *rpc;
    struct wal *wal;
    struct lsm_node *lsm;
    struct hlc hlc;
    uint32_t node, n_nodes;
    uint64_t boot_us; /* boot clock when it opened */
    bool first_boot;
    struct store_core *cores; /* [runtime->core_count] */
    struct store_route_entry *routes; /* [n_routes], ascending group id */
    uint32_t n_routes;
    struct store_peer *peers; /* [n_nodes + 1]; [node] and [0] unused */
    struct core_timer live_timer;
    uint64_t log_stuck_us; /* core 0: when the log writer was last seen to make progress */
    uint64_t log_syncs_seen;
    uint32_t live_turns;
    uint64_t live_fired_us;
    _Atomic bool stopping;
    _Atomic bool failed;
    _Atomic bool disk_full;
    struct err fatal;
    struct core_msg fatal_msg;
    _Atomic bool fatal_posted;
    struct task *upkeep; /* core 0; joined at close */
    mono_ns handover_until; /* closing: leaderships are moved until then, dropped afterwards */
    _Atomic uint32_t users; /* handlers that wait: closing waits for them */
};

static inline uint64_t store_now_us(const struct store *store)
{
    return env_boot_ns(store->env) / 1000;
}

static inline bool store_has_bug(const struct store *store, enum store_bug bug)
{
    return __builtin_expect((store->config.bugs & bug) != 0, 0);
}

/* What this node's leaders may ask to be allowed to read at: hlc.h's time. */
hlc_time store_read_limit_now(struct store *store);
struct store_route_entry *store_find(const struct store *store, uint32_t group_id);
/* From any thread: nothing is acknowledged any more. */
void store_fail(struct store *store, const struct err *err);

/* store_net.c: raft messages out and in. */
void store_send(struct store_core *sc, const struct raft_message *message);
void store_flush(struct store_core *sc);
int store_on_raft(struct task *task, void *ctx, const struct rpc_in *in, struct rpc_out *out,
                  struct err *err);
/* The group has effects to act on: at the end of this turn. */
void store_mark(struct store_core *sc, struct group *group);
void store_unmark(struct store_core *sc, struct group *group);
/* Until nothing of the core's part is on its way any more; on that core. */
void store_core_settle(struct task *task, struct store_core *sc);
void store_core_init(struct store_core *sc, struct store *store, struct core *core);
void store_core_done(struct store_core *sc);

/* store_live.c: heartbeats between nodes. */
int store_on_heartbeat(struct task *task, void *ctx, const struct rpc_in *in, struct rpc_out *out,
                       struct err *err);
void store_live_start(struct store *store);
void store_live_stop(struct store *store);

#endif
