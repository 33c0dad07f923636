/* store_cluster.h: a few stores over loopback in one process, registers as their state machine:
 * what test_store.c and test_store_crash.c share. Included once; everything is static. */
#ifndef CAIRN_TESTS_UNIT_STORAGE_STORE_CLUSTER_H
#define CAIRN_TESTS_UNIT_STORAGE_STORE_CLUSTER_H

#include "base/arena.h"
#include "base/rpc.h"
#include "raft/raft.h"
#include "storage/tablet/place.h"
#include "storage/tablet/store.h"
#include "storage/tablet/store_dir.h"
#include "tests/sim/store_machine.c"
#include "tests/support/rt_test.h"

enum { NODES_MAX = 3, GROUP = 2, DATA_GROUPS = 3 };
#define MS UINT64_C(1000000)

struct node {
    char path[16];
    uint16_t port;
    struct rpc *rpc;
    struct store_port *store_port;
    struct store *store; /* NULL: down */
    bool fatal;
};

struct cluster {
    int n;
    struct node nodes[NODES_MAX];
    uint64_t next_number;
};

static struct err err;

static void set_identity(struct store_identity *id, void *arg)
{
    const struct cluster *c = ((void **)arg)[0];
    memset(id->cluster_id, 7, 16);
    id->node_id = (uint32_t)(((struct node *)((void **)arg)[1]) - c->nodes) + 1;
    id->n_data_groups = DATA_GROUPS;
    id->n_nodes = (uint32_t)c->n;
    id->complete = true;
    for (int i = 0; i < c->n; i++)
        id->nodes[i].id = (uint32_t)i + 1;
}

static void note_fatal(void *arg, const struct err *e)
{
    ((struct node *)arg)->fatal = true;
    fprintf(stderr, "fatal: %s\n", e->message);
}

struct node_call {
    struct cluster *c;
    int i;
};

static void start_node_there(struct task *task, void *arg)
{
    struct cluster *c = ((struct node_call *)arg)->c;
    int i = ((struct node_call *)arg)->i;
    struct node *n = &c->nodes[i];
    struct store_dir *dir;
    rt_ok(store_dir_open(task, n->path, &dir, &err), &err);
    if (!dir->has_identity)
        rt_ok(store_dir_update(task, dir, set_identity, (void *[]){c, n}, &err), &err);
    struct rpc_config rc = {.self = (uint32_t)i + 1, .cluster_id = {7}};
    n->rpc = rpc_create(task->core->runtime, &rc);
    n->store_port = store_port_create(n->rpc);
    rt_ok(rpc_listen(task, n->rpc, "127.0.0.1", n->port, &err), &err);
    n->port = rpc_port(n->rpc);
    struct store_group_config groups[1 + DATA_GROUPS];
    place_groups((uint32_t)c->n, DATA_GROUPS, groups);
    struct store_config config = {.machine = &store_machine_ops,
                                  .rpc = n->rpc,
                                  .port = n->store_port,
                                  .groups = groups,
                                  .n_groups = 1 + DATA_GROUPS,
                                  .log_bytes_max = 16 << 20,
                                  .log_segment_bytes = 4 << 20,
                                  .on_fatal = note_fatal,
                                  .fatal_arg = n};
    rt_ok(store_open(task, task->env, dir, &config, &n->store, &err), &err);
    for (int a = 0; a < c->n; a++)
        for (int b = 0; b < c->n; b++)
            if (a != b && c->nodes[a].store && c->nodes[b].store)
                rpc_peer_set(c->nodes[a].rpc, (uint32_t)b + 1, "127.0.0.1", c->nodes[b].port);
}

/* Stores open and close on core 0; the test may run elsewhere. */
static void start_node(struct task *task, struct cluster *c, int i)
{
    struct node_call call = {c, i};
    core_call(task, task->core->runtime->cores[0], TASK_TXN, start_node_there, &call);
}

static void stop_node_there(struct task *task, void *arg)
{
    struct cluster *c = ((struct node_call *)arg)->c;
    struct node *n = &c->nodes[((struct node_call *)arg)->i];
    store_close(task, n->store);
    n->store = NULL;
    rpc_stop(task, n->rpc);
    rpc_destroy(n->rpc);
    store_port_destroy(n->store_port);
    rt_check(!n->fatal);
}

static void stop_node(struct task *task, struct cluster *c, int i)
{
    struct node_call call = {c, i};
    core_call(task, task->core->runtime->cores[0], TASK_TXN, stop_node_there, &call);
}

static inline void start_cluster(struct task *task, struct cluster *c, int n)
{
    memset(c, 0, sizeof *c);
    c->n = n;
    for (int i = 0; i < n; i++) {
        sprintf(c->nodes[i].path, "s%d", i + 1);
        start_node(task, c, i);
    }
}

static inline void stop_cluster(struct task *task, struct cluster *c)
{
    for (int i = 0; i < c->n; i++)
        if (c->nodes[i].store)
            stop_node(task, c, i);
}

static inline struct group *wait_leader(struct task *task, struct cluster *c)
{
    for (int tries = 0; tries < 1000; tries++) {
        for (int i = 0; i < c->n; i++) {
            struct group *g = c->nodes[i].store ? store_group(c->nodes[i].store, GROUP) : NULL;
            if (g && group_is_leader(g) && group_lease_ok(g))
                return g;
        }
        rt_ok(task_sleep(task, 10 * MS, &err), &err);
    }
    rt_check(!"no leader");
    return NULL;
}

/* Until it is applied: on a slow machine leadership may move at any moment. Nothing may end
 * unknown. */
static void propose(struct task *task, struct cluster *c, struct group *g,
                    const struct buf *command, struct buf *answer)
{
    enum group_propose_result result;
    enum group_outcome outcome;
    for (;;) {
        rt_ok(group_propose(task, g, command->data, command->len, 0, &result, &outcome, answer,
                            &err),
              &err);
        if (result == GROUP_PROPOSE_ACCEPTED && outcome == GROUP_APPLIED)
            return;
        rt_check(result != GROUP_PROPOSE_ACCEPTED || outcome == GROUP_LOST);
        rt_ok(task_sleep(task, MS, &err), &err);
        g = wait_leader(task, c);
    }
}

static inline uint64_t set_register(struct task *task, struct cluster *c, struct group *g,
                                    uint32_t reg)
{
    struct buf command = {0}, answer = {0};
    machine_put_set(&command, ++c->next_number, reg);
    propose(task, c, g, &command, &answer);
    rt_check(answer.len == 8);
    uint64_t writes = load_le64(answer.data);
    buf_done(&command);
    buf_done(&answer);
    return writes;
}

static inline void send_ballast(struct task *task, struct cluster *c, struct group *g, size_t bytes)
{
    struct buf command = {0}, answer = {0};
    machine_put_ballast(&command, ++c->next_number, bytes);
    propose(task, c, g, &command, &answer);
    rt_check(load_le64(answer.data) == hash_bytes(command.data + 9, command.len - 9, 0));
    buf_done(&command);
    buf_done(&answer);
}

static void print_groups(struct task *task, struct cluster *c)
{
    struct arena arena;
    arena_init(&arena, NULL);
    for (int i = 0; i < c->n; i++) {
        struct store_group_status *s;
        size_t n;
        if (!c->nodes[i].store)
            continue;
        rt_ok(store_status(task, c->nodes[i].store, &arena, &s, &n, &err), &err);
        for (size_t g = 0; g < n; g++)
            fprintf(stderr,
                    "node %d group %u role %u term %llu leader %u first %llu last %llu commit %llu "
                    "applied %llu checkpoint %llu lease %llu\n",
                    i + 1, s[g].group_id, s[g].role, (unsigned long long)s[g].term,
                    s[g].leader_node, (unsigned long long)s[g].first_index,
                    (unsigned long long)s[g].last_index, (unsigned long long)s[g].commit_index,
                    (unsigned long long)s[g].applied_index,
                    (unsigned long long)s[g].checkpoint_index,
                    (unsigned long long)s[g].lease_left_us);
    }
    arena_done(&arena);
}

/* Until all replicas that are up have applied the same and say the same. */
static inline void check_equal(struct task *task, struct cluster *c)
{
    raft_index applied = 0;
    for (int i = 0; i < c->n; i++)
        if (c->nodes[i].store && group_applied(store_group(c->nodes[i].store, GROUP)) > applied)
            applied = group_applied(store_group(c->nodes[i].store, GROUP));
    uint64_t digest = 0;
    for (int i = 0; i < c->n; i++) {
        struct group *g = c->nodes[i].store ? store_group(c->nodes[i].store, GROUP) : NULL;
        if (!g)
            continue;
        for (int tries = 0; group_applied(g) < applied; tries++) {
            if (tries == 1000)
                print_groups(task, c);
            rt_check(tries < 1000);
            rt_ok(task_sleep(task, 10 * MS, &err), &err);
        }
        rt_check(digest == 0 || machine_digest(g) == digest);
        digest = machine_digest(g);
    }
}

#endif
