/* kv_sim_int.h: what the files of the transaction simulator share. */
#ifndef CAIRN_TESTS_SIM_KV_SIM_INT_H
#define CAIRN_TESTS_SIM_KV_SIM_INT_H

#include "base/core.h"
#include "base/env.h"
#include "base/heap.h"
#include "base/hlc.h"
#include "base/log.h"
#include "base/prng.h"
#include "base/rpc.h"
#include "storage/kv.h"
#include "storage/lsm/lsm.h"
#include "storage/tablet/group.h"
#include "storage/tablet/state_map.h"
#include "storage/tablet/store.h"
#include "storage/txn/kv_node.h"
#include "tests/sim/kv_sim.h"
#include "tests/sim/kv_work.h"

enum { SIM_NODES_MAX = 5, SIM_GROUPS = 4, SIM_METHODS = 64 };
#define SIM_MS UINT64_C(1000000)

struct sim;
struct sim_node;
struct sim_group;

/* ---- time ---- */
struct sim_event;
typedef void sim_event_fn(struct sim *sim, struct sim_event *event);
struct sim_event {
    struct heap_node node;
    sim_event_fn *fn;
};
void sim_at(struct sim *sim, struct sim_event *take_event, uint64_t at_ns, sim_event_fn *fn);

/* ---- nodes ---- */
struct rpc {
    struct sim_node *node;
    rpc_handler *handlers[SIM_METHODS];
    void *contexts[SIM_METHODS];
};

/* One replica of a group: the `struct group` of this world. */
struct group {
    struct sim_node *node;
    struct sim_group *shared;
    struct state_map state;
    struct lsm *tablets;
    uint64_t applied;
    bool leading; /* as this replica believes */
    raft_term term;
    void *machine;
    hlc_time gc_threshold;
    hlc_time read_limit, read_floor;
    uint64_t lease_until_ns;
};

struct sim_entry {
    raft_term term;
    bool committed;
    uint32_t len;
    uint8_t *bytes;
    struct group_proposal *proposal; /* of the node and boot below */
    uint32_t node, boot;
    uint64_t serial;
};

struct sim_group {
    struct sim *sim;
    uint32_t id;
    raft_term term;
    uint32_t leader; /* true leader; 0 = none now */
    uint64_t n_entries, cap_entries, n_committed;
    struct sim_entry *entries;
    hlc_time limit_max; /* largest read limit a leader had */
    uint64_t serial_next;
    bool electing;
};

struct store {
    struct sim_node *node;
};

struct sim_node {
    struct env env;
    struct sim *sim;
    uint32_t id;
    uint32_t boot;
    bool up;
    uint64_t up_since_ns;
    uint64_t cut_since_ns[SIM_NODES_MAX + 1]; /* 0 = connected */
    int64_t skew_us;
    struct log log;
    struct runtime *runtime;
    struct core *core;
    struct hlc hlc;
    struct rpc *rpc;
    struct kv *kv;
    struct store store;
    struct group *groups[SIM_GROUPS + 1];
    uint32_t hints[SIM_GROUPS + 1];
    bool stop;
};

struct sim {
    struct kv_sim_config config;
    struct kv_sim_result *result;
    struct prng rng; /* of the world */
    uint64_t now_ns;
    struct heap events;
    uint32_t n_nodes;
    struct sim_node nodes[SIM_NODES_MAX + 1];
    struct sim_group groups[SIM_GROUPS + 1];
    bool calm;           /* the faults are over */
    bool hasty;          /* recovery asks nobody and waits for nothing */
    uint32_t slowness;   /* of messages */
    uint32_t clients;    /* a node */
    struct list handled; /* requests being worked on */
    uint64_t hash;
    struct kv_work *work;
};

void sim_fail(struct sim *sim, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(struct sim *sim, uint64_t what, uint64_t a, uint64_t b);
uint64_t sim_delay(struct sim *sim); /* of a message */
bool sim_connected(const struct sim *sim, uint32_t a, uint32_t b);
bool sim_has_quorum(const struct sim *sim, uint32_t node);
void sim_node_boot(struct sim *sim, uint32_t id);
void sim_node_crash(struct sim *sim, uint32_t id);
/* Runs fn(arg) on the node's core in its next turn, if it is the same boot then. */
void sim_on_core(struct sim_node *node, void (*fn)(struct sim_node *node, void *arg), void *arg);

void sim_net_crashed(struct sim *sim, uint32_t node);

/* ---- groups ---- */
void sim_groups_init(struct sim *sim);
void sim_groups_done(struct sim *sim);
void sim_node_groups_create(struct sim_node *node);
void sim_node_groups_lost(struct sim *sim, uint32_t node);
void sim_group_raise_generation(struct sim *sim, uint32_t group);
void sim_group_depose(struct sim *sim, uint32_t group);
void sim_groups_tick(struct sim *sim);
void sim_groups_check(struct sim *sim);
void sim_lose(struct sim *sim, uint32_t node, uint32_t boot, uint32_t group,
              struct group_proposal *proposal);

#endif
