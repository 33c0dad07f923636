/* store_sim_int.h: the world of one run, shared by store_sim.c (nodes and clients),
 * store_sim_nemesis.c and store_sim_check.c. It lives outside of all nodes: what it knows survives
 * their crashes. */
#ifndef CAIRN_TESTS_SIM_STORE_SIM_INT_H
#define CAIRN_TESTS_SIM_STORE_SIM_INT_H

#include "storage/tablet/store.h"
#include "storage/tablet/store_dir.h"
#include "tests/sim/env_sim.h"
#include "tests/sim/store_machine.h"
#include "tests/sim/store_sim.h"

enum { WORLD_NODES_MAX = 5, WORLD_GROUPS_MAX = 4, WORLD_REGISTERS = 8, WORLD_CLIENTS = 3,
       WORLD_CREATED = 8,
       WORLD_MANY = 1500 };

enum world_phase { WORLD_LOAD, WORLD_SETTLE, WORLD_VERIFY, WORLD_DONE };

enum fate { FATE_OPEN, FATE_APPLIED, FATE_LOST, FATE_UNKNOWN };

struct issued {
    uint8_t group;
    uint8_t fate;
};

struct applied { /* by group and index, as first seen */
    uint64_t digest;
    uint64_t number;
    int32_t reg; /* -1: not a SET */
};

struct world;

struct world_node {
    struct store_machine_watch watch;
    struct world *world;
    uint32_t i;
    struct store *store; /* of this boot; NULL while it opens */
    bool fatal;          /* its log failed: it must die */
    bool stop;           /* asked to stop gracefully */
    bool verified;
    uint32_t clients;    /* running in this boot */
    uint64_t generation; /* of boots, to tell clients of an earlier one apart */
};

struct world {
    struct sim *sim;
    struct store_sim_result *result;
    uint64_t seed;
    uint32_t bugs;
    bool verbose;
    uint32_t n_nodes, n_cores, n_groups;
    struct store_config settings;
    enum world_phase phase;
    struct world_node nodes[WORLD_NODES_MAX];
    struct issued *issued; /* by number */
    uint64_t n_issued, cap_issued;
    struct applied *log[WORLD_GROUPS_MAX + 1]; /* by group, index */
    uint64_t log_cap[WORLD_GROUPS_MAX + 1], log_last[WORLD_GROUPS_MAX + 1];
    uint64_t floor[WORLD_GROUPS_MAX + 1][WORLD_REGISTERS]; /* completed operations saw it */
    uint64_t created[WORLD_GROUPS_MAX + 1][WORLD_CREATED]; /* tablets to drop; 0 = none */
    uint64_t acked_at[WORLD_GROUPS_MAX + 1]; /* simulated time of the last acknowledgement */
    uint64_t crashed_at;
    bool flipped;
    bool bootstrap; /* the nodes form their cluster themselves */
    bool formed;
    uint8_t cluster_id[16];
};

/* The first one counts; the run ends soon after. */
void world_violate(struct world *world, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void world_boot(struct world *world, uint32_t i);

/* store_sim_check.c */
uint64_t world_issue(struct world *world, uint32_t group);
void world_note_applied(struct store_machine_watch *watch, const struct group *group,
                        raft_index index, uint64_t digest, uint64_t number);
/* A node came to belong to a cluster: all to the same, for ever, each by its own number. */
void world_note_identity(struct world_node *node, const struct store_identity *identity);
void world_note_loaded(struct store_machine_watch *watch, const struct group *group, bool again);
/* Everything of a node at the end of the run; on its core 0. */
void world_verify_node(struct task *task, struct world_node *node);
/* All up replicas of every group at one index? */
bool world_has_converged(struct sim *sim, void *arg);

/* store_sim_nemesis.c */
void world_injure(struct world *world);
void world_heal(struct world *world);
/* Boots the node at a drawn time, if it is down then. */
void world_boot_after(struct world *world, uint32_t i, uint64_t ms_max);

#endif
