/* store.h: one node's storage: its directory, its log, its manifest, the groups it carries and who
 * else does.
 *
 * store_open takes a locked directory with an identity (store_dir.h), raises the boot epoch
 * durably, recovers manifest and log, creates the replicas that placement puts here
 * (placement/place.h, told through store_config.groups), and starts driving them on their cores.
 * From then on everything happens inside: log writes, messages to peers, elections, checkpoints,
 * snapshots. The floor above meets it through group.h.
 *
 * Invariants
 * 1. One server a directory (an advisory lock held as long as the store is open), one cluster a
 *    directory for ever.
 * 2. The boot epoch is durable before the first message leaves; it never repeats.
 * 3. A log write that failed is never retried: the store stops acknowledging and calls
 *    store_config.on_fatal, after which the process must end and recover.
 * 4. Messages of all groups to one node leave in one frame per loop turn, on the consensus
 *    connection; heartbeats on the liveness connection; snapshots on the bulk connection.
 * 5. The log is never truncated above a group's own checkpoint; a follower that needs what is gone
 *    gets a snapshot.
 *
 * Cores: store functions may be called on any core unless said otherwise. After TigerBeetle
 * (superblock, protocol-aware recovery), CockroachDB (store liveness), Scylla (a shard per core).
 */
#ifndef CAIRN_STORAGE_TABLET_STORE_H
#define CAIRN_STORAGE_TABLET_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hlc.h"
#include "storage/tablet/group.h"

struct buf;
struct core;
struct env;
struct log;
struct rpc;
struct store_dir;
struct task;

enum { STORE_REPLICAS_MAX = 16 };

/* RPC methods of storage (1..127; base/rpc.h). */
enum {
    STORE_METHOD_RAFT = 1,      /* one-way, consensus class */
    STORE_METHOD_LIVENESS = 2,  /* one-way, liveness class */
    STORE_METHOD_SNAPSHOT = 3,  /* stream, bulk class */
    STORE_METHOD_PLACEMENT = 4, /* placement/: .. 15 */
    STORE_METHOD_ABOVE = 16,    /* the first of storage/txn */
};

/* Where a group's replicas are. Fixed at bootstrap for now; replica i has raft id node id. */
struct store_group_config {
    uint32_t group_id;
    uint8_t n_replicas;
    uint32_t nodes[STORE_REPLICAS_MAX];
};

/* Where messages for a store arrive: registered before the node listens, given to store_open when
 * there is a store; what comes before that is dropped. One a node. */
struct store_port;
struct store_port *store_port_create(struct rpc *rpc);
void store_port_destroy(struct store_port *port); /* after rpc_stop */

/* Planted faults, for the tests of the tests. */
enum store_bug {
    STORE_BUG_ACK_BEFORE_SYNC = 1,        /* raft is told of durability when the log was asked */
    STORE_BUG_CHECKPOINT_UNFLUSHED = 2,   /* a checkpoint does not wait for the tablets */
    STORE_BUG_SNAPSHOT_WITHOUT_STATE = 4, /* a snapshot does not replace the state store */
    STORE_BUG_LOG_CUT_AHEAD = 8,          /* the log is shortened ahead of the checkpoint */
};

struct store_config {
    const struct group_machine_ops *machine;
    void *machine_factory;
    struct rpc *rpc;                        /* serves this node; peers are told by rpc_peer_set */
    struct store_port *port;
    struct log *log;                        /* may be NULL */
    const struct store_group_config *groups; /* every group of the cluster, here or not; copied */
    size_t n_groups;
    uint64_t max_clock_offset_us;           /* 0 = 250 ms */
    uint64_t memtable_bytes_max;            /* of the node; 0 = 64 MiB */
    uint64_t log_bytes_max;                 /* above it groups are checkpointed; 0 = 128 MiB */
    uint64_t log_segment_bytes;             /* 0 = wal.h's */
    uint64_t log_retain_bytes;              /* kept for slow followers, a group; 0 = 32 MiB */
    uint64_t block_cache_bytes;             /* 0 = 64 MiB */
    uint32_t bugs;                          /* enum store_bug; tests only */
    /* The log failed: nothing is acknowledged any more. Called once; the server logs and exits. */
    void (*on_fatal)(void *arg, const struct err *err);
    void *fatal_arg;
};

/* take_dir: closed by store_close, also when opening fails. */
int store_open(struct task *task, struct env *env, struct store_dir *take_dir,
               const struct store_config *config, struct store **out, struct err *err) MUST_CHECK;
/* Hands leaderships over where it can, stops, flushes nothing (the log has it), frees. */
void store_close(struct task *task, struct store *store);

uint32_t store_node_id(const struct store *store);
uint32_t store_boot_epoch(const struct store *store);
const uint8_t *store_cluster_id(const struct store *store); /* 16 bytes */
struct env *store_env(const struct store *store);
struct hlc *store_hlc(struct store *store); /* the node's; atomic, any core */
uint64_t store_max_clock_offset_us(const struct store *store);
bool store_is_stopping(const struct store *store);
/* True when memtables are so far over budget that writers should wait a moment. Commands of 64 KiB
 * and more are then answered GROUP_PROPOSE_OVERLOADED. */
bool store_is_throttling(const struct store *store);
/* Data groups of the cluster (place.h). */
uint32_t store_data_group_count(const struct store *store);

/* ---- groups and routes ---- */

struct store_route {
    uint8_t n_replicas;
    uint32_t nodes[STORE_REPLICAS_MAX];
    uint32_t leader_node; /* a hint: 0 = unknown */
    bool local;           /* a replica is here */
};
/* False: no such group in the cluster. */
bool store_route(const struct store *store, uint32_t group_id, struct store_route *route);
/* Teaches the route cache what a "leader elsewhere" answer said; a local replica knows better and
 * ignores it. */
void store_leader_hint(struct store *store, uint32_t group_id, uint32_t node);
uint32_t store_group_count(const struct store *store);
/* The core a local group lives on. */
struct core *store_group_core(const struct store *store, uint32_t group_id);
/* The local replica; NULL when none. Use it on its core only. */
struct group *store_group(const struct store *store, uint32_t group_id);

/* ---- liveness ---- */

/* Does this node believe `node` is up (an answer within the support interval)? Itself: true. */
bool store_node_alive(const struct store *store, uint32_t node);
/* Boot epoch last heard of; 0 = never heard. */
uint32_t store_node_epoch(const struct store *store, uint32_t node);
/* Has this node a quorum of the cluster's support (may it go on planning statements, holding
 * catalog leases)? */
bool store_has_quorum(const struct store *store);

/* ---- status (cairnctl, metrics) ---- */

struct store_tablet_status {
    uint64_t storage;
    uint16_t shard;
    uint64_t rows, bytes; /* estimates: files and memtable */
};
struct store_group_status {
    uint32_t group_id;
    uint32_t core;
    uint8_t role; /* enum raft_role */
    uint8_t quarantine;
    uint64_t term;
    uint32_t leader_node;
    uint64_t first_index, last_index, commit_index, applied_index, checkpoint_index;
    uint64_t lease_left_us;
    uint64_t state_bytes;
    uint8_t n_replicas;
    uint32_t nodes[STORE_REPLICAS_MAX];
    uint32_t n_tablets;
    struct store_tablet_status *tablets; /* in the arena */
};
struct arena;
/* Local groups in id order; visits each group's core. */
int store_status(struct task *task, struct store *store, struct arena *arena,
                 struct store_group_status **groups, size_t *n_groups, struct err *err) MUST_CHECK;

#endif
