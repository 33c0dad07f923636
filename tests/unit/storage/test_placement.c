/* Three nodes over loopback find each other, form one cluster, and come back to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/rpc.h"
#include "storage/placement/placement.h"
#include "tests/support/rt_test.h"

enum { NODES = 3 };

struct node {
    struct store_dir *dir;
    struct rpc *rpc;
    struct placement *placement;
    char address[64], sql[64];
    int rc;
    struct err err;
};

struct cluster {
    struct node nodes[NODES];
    char join[256];
};

/* A port that was free a moment ago. */
static uint16_t free_port(struct task *task)
{
    struct listener *listener;
    struct err err;
    rt_ok(sock_listen(task, "127.0.0.1", 0, &listener, &err), &err);
    uint16_t port = listener_port(listener);
    listener_close(listener);
    return port;
}

static void plan_cluster(struct task *task, struct cluster *c)
{
    memset(c, 0, sizeof *c);
    for (int i = 0; i < NODES; i++) {
        sprintf(c->nodes[i].address, "127.0.0.1:%u", free_port(task));
        sprintf(c->nodes[i].sql, "127.0.0.1:%d", 5000 + i);
        sprintf(c->join + strlen(c->join), "%s%s", i ? "," : "", c->nodes[i].address);
    }
}

static int start_node(struct task *task, struct cluster *c, int i, const char *join,
                      struct err *err)
{
    struct node *n = &c->nodes[i];
    char path[16];
    sprintf(path, "s%d", i);
    int rc = store_dir_open(task, path, &n->dir, err);
    if (rc)
        return rc;
    struct rpc_config config = {0};
    n->rpc = rpc_create(task->core->runtime, &config);
    struct placement_config pc = {.rpc = n->rpc,
                                  .dir = n->dir,
                                  .join = join,
                                  .rpc_address = n->address,
                                  .sql_address = n->sql};
    rc = placement_create(&pc, &n->placement, err);
    uint16_t port = (uint16_t)atoi(strchr(n->address, ':') + 1);
    if (!rc)
        rt_ok(rpc_listen(task, n->rpc, "127.0.0.1", port, err), err);
    return rc;
}

static void stop_node(struct task *task, struct cluster *c, int i)
{
    struct node *n = &c->nodes[i];
    if (n->placement)
        placement_stop(task, n->placement);
    rpc_stop(task, n->rpc);
    if (n->placement)
        placement_destroy(n->placement);
    rpc_destroy(n->rpc);
    store_dir_close(task, n->dir);
    n->placement = NULL;
}

static void run_bootstrap(struct task *task, void *arg)
{
    struct node *n = arg;
    n->rc = placement_bootstrap(task, n->placement, &n->err);
}

/* All at once, as processes would. */
static void bootstrap_all(struct task *task, struct cluster *c)
{
    struct task *fibers[NODES];
    for (int i = 0; i < NODES; i++)
        fibers[i] = task_spawn_joinable(task->core, TASK_TXN, "node", run_bootstrap, &c->nodes[i]);
    for (int i = 0; i < NODES; i++) {
        task_join(task, fibers[i]);
        rt_ok(c->nodes[i].rc, &c->nodes[i].err);
    }
}

static void check_one_cluster(const struct cluster *c)
{
    uint32_t seen = 0;
    for (int i = 0; i < NODES; i++) {
        const struct store_identity *id = &c->nodes[i].dir->identity;
        rt_check(id->complete && id->n_nodes == NODES);
        rt_check(memcmp(id->cluster_id, c->nodes[0].dir->identity.cluster_id, 16) == 0);
        rt_check(strcmp(id->nodes[id->node_id - 1].rpc, c->nodes[i].address) == 0);
        seen |= 1u << id->node_id;
        for (int k = 0; k < NODES; k++)
            rt_check(id->nodes[k].sql[0] != 0);
    }
    rt_check(seen == (1 << 1 | 1 << 2 | 1 << 3));
}

static void form_body(struct task *task, void *arg)
{
    struct cluster c;
    struct err err;
    plan_cluster(task, &c);
    for (int i = 0; i < NODES; i++)
        rt_ok(start_node(task, &c, i, c.join, &err), &err);
    bootstrap_all(task, &c);
    check_one_cluster(&c);
    uint8_t cluster[16];
    memcpy(cluster, c.nodes[0].dir->identity.cluster_id, 16);
    for (int i = 0; i < NODES; i++)
        stop_node(task, &c, i);
    /* The same command again: each alone is enough, and the sql address may have changed. */
    strcpy(c.nodes[1].sql, "127.0.0.1:9999");
    for (int i = 0; i < NODES; i++)
        rt_ok(start_node(task, &c, i, i == 2 ? NULL : c.join, &err), &err);
    bootstrap_all(task, &c);
    rt_check(memcmp(cluster, c.nodes[2].dir->identity.cluster_id, 16) == 0);
    for (int i = 0; i < NODES; i++)
        rt_ok(placement_connect(task, c.nodes[i].placement, &err), &err);
    uint32_t moved = c.nodes[1].dir->identity.node_id;
    struct arena arena;
    arena_init(&arena, NULL);
    for (int tries = 0;; tries++) {
        struct store_node *nodes;
        size_t n;
        rt_ok(placement_nodes(task, c.nodes[0].placement, &arena, &nodes, &n, &err), &err);
        rt_check(n == NODES && tries < 500);
        if (strcmp(nodes[moved - 1].sql, "127.0.0.1:9999") == 0)
            break;
        rt_ok(task_sleep(task, 10000000, &err), &err);
    }
    arena_done(&arena);
    for (int i = 0; i < NODES; i++)
        stop_node(task, &c, i);
}

static void test_form_and_return(void **state)
{
    rt_test_run(form_body, NULL);
}

static void alone_body(struct task *task, void *arg)
{
    struct cluster c;
    struct err err;
    plan_cluster(task, &c);
    rt_ok(start_node(task, &c, 0, NULL, &err), &err);
    rt_ok(placement_bootstrap(task, c.nodes[0].placement, &err), &err);
    rt_check(c.nodes[0].dir->identity.complete && c.nodes[0].dir->identity.n_nodes == 1);
    struct arena arena;
    arena_init(&arena, NULL);
    size_t n;
    struct store_group_config *groups = placement_groups(c.nodes[0].placement, &arena, &n);
    rt_check(n == 4 && groups[3].group_id == 4 && groups[3].n_replicas == 1);
    arena_done(&arena);
    stop_node(task, &c, 0);
}

static void test_alone(void **state)
{
    rt_test_run(alone_body, NULL);
}

/* What must end with an error that says why. */
static void refuse_body(struct task *task, void *arg)
{
    struct cluster c;
    struct err err = {0};
    plan_cluster(task, &c);
    char pair[160];
    sprintf(pair, "%s,%s", c.nodes[0].address, c.nodes[1].address);
    for (int i = 0; i < 2; i++) { /* two clusters of one */
        rt_ok(start_node(task, &c, i, NULL, &err), &err);
        rt_ok(placement_bootstrap(task, c.nodes[i].placement, &err), &err);
    }
    stop_node(task, &c, 0);
    rt_ok(start_node(task, &c, 0, pair, &err), &err);
    rt_check(placement_bootstrap(task, c.nodes[0].placement, &err) == ERR_INVALID_PARAMETER_VALUE);
    rt_check(strstr(err.message, "formed with") != NULL);
    stop_node(task, &c, 0);
    /* A fresh store that is pointed at a cluster that exists. */
    sprintf(pair, "%s,%s", c.nodes[1].address, c.nodes[2].address);
    rt_ok(start_node(task, &c, 2, pair, &err), &err);
    rt_check(placement_bootstrap(task, c.nodes[2].placement, &err) != 0);
    rt_check(strstr(err.message, "is complete") != NULL);
    stop_node(task, &c, 2);
    /* One that is not in its own list. */
    rt_ok(start_node(task, &c, 2, c.nodes[1].address, &err), &err);
    rt_check(placement_bootstrap(task, c.nodes[2].placement, &err) == ERR_INVALID_PARAMETER_VALUE);
    rt_check(strstr(err.message, "is this node") != NULL);
    stop_node(task, &c, 2);
    stop_node(task, &c, 1);
}

static void test_refusals(void **state)
{
    rt_test_run(refuse_body, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form_and_return),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
