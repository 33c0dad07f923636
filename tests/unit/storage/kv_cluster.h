/* kv_cluster.h: a few nodes over loopback in one process, with the real transaction floor on real
 * stores: for test_kv.c and the benchmark. Included once; everything is static. */
#ifndef CAIRN_TESTS_UNIT_STORAGE_KV_CLUSTER_H
#define CAIRN_TESTS_UNIT_STORAGE_KV_CLUSTER_H

#include "base/arena.h"
#include "base/rpc.h"
#include "storage/tablet/place.h"
#include "storage/tablet/store.h"
#include "storage/tablet/store_dir.h"
#include "storage/txn/kv_node.h"
#include "tests/support/kv_rows.h"
#include "tests/support/rt_test.h"

enum { NODES_MAX = 3, DATA_GROUPS = 3 };
#define MS UINT64_C(1000000)

struct node {
    char path[16];
    uint16_t port;
    struct rpc *rpc;
    struct store_port *store_port;
    struct store *store; /* NULL: down */
    struct kv *kv;
};

struct cluster {
    int n;
    struct node nodes[NODES_MAX];
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
    fprintf(stderr, "fatal: %s\n", e->message);
    abort();
}

static void start_node(struct task *task, struct cluster *c, int i)
{
    struct node *n = &c->nodes[i];
    struct store_dir *dir;
    rt_ok(store_dir_open(task, n->path, &dir, &err), &err);
    if (!dir->has_identity)
        rt_ok(store_dir_update(task, dir, set_identity, (void *[]){c, n}, &err), &err);
    struct rpc_config rc = {.self = (uint32_t)i + 1, .cluster_id = {7}};
    n->rpc = rpc_create(task->core->runtime, &rc);
    n->store_port = store_port_create(n->rpc);
    struct kv_node_config kc = {
        .runtime = task->core->runtime, .rpc = n->rpc, .self = (uint32_t)i + 1};
    rt_ok(kv_node_create(&kc, &n->kv, &err), &err);
    rt_ok(rpc_listen(task, n->rpc, "127.0.0.1", n->port, &err), &err);
    n->port = rpc_port(n->rpc);
    struct store_group_config groups[1 + DATA_GROUPS];
    place_groups((uint32_t)c->n, DATA_GROUPS, groups);
    struct store_config config = {.machine = &kv_machine_ops,
                                  .machine_factory = n->kv,
                                  .rpc = n->rpc,
                                  .port = n->store_port,
                                  .groups = groups,
                                  .n_groups = 1 + DATA_GROUPS,
                                  .on_fatal = note_fatal,
                                  .fatal_arg = n};
    rt_ok(store_open(task, task->env, dir, &config, &n->store, &err), &err);
    for (int a = 0; a < c->n; a++)
        for (int b = 0; b < c->n; b++)
            if (a != b && c->nodes[a].store && c->nodes[b].store)
                rpc_peer_set(c->nodes[a].rpc, (uint32_t)b + 1, "127.0.0.1", c->nodes[b].port);
    rt_ok(kv_node_start(task, n->kv, n->store, &err), &err);
}

static void stop_node(struct task *task, struct cluster *c, int i)
{
    struct node *n = &c->nodes[i];
    kv_node_stop(task, n->kv);
    store_close(task, n->store);
    n->store = NULL;
    rpc_stop(task, n->rpc);
    rpc_destroy(n->rpc);
    store_port_destroy(n->store_port);
    kv_node_destroy(n->kv);
}

static void start_cluster(struct task *task, struct cluster *c, int n)
{
    memset(c, 0, sizeof *c);
    c->n = n;
    for (int i = 0; i < n; i++) {
        sprintf(c->nodes[i].path, "s%d", i + 1);
        start_node(task, c, i);
    }
}

static void stop_cluster(struct task *task, struct cluster *c)
{
    for (int i = 0; i < c->n; i++)
        if (c->nodes[i].store)
            stop_node(task, c, i);
}

#endif
