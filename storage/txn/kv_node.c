#include "storage/txn/kv_node.h"

#include <stdlib.h>

#include "storage/txn/kv_txn.h"

/* ---- the machine of every group ------------------------------------------------------------- */

static void *create_machine(void *factory, struct group *group)
{
    struct kv *kv = factory;
    struct txn_group *g = txn_group_create(kv, group);
    kv->hlc = store_hlc(group_store(group)); /* apply needs it before kv_node_start */
    atomic_store(&kv->groups[group_id(group)], g);
    return g;
}

static void destroy_machine(void *machine)
{
    struct txn_group *g = machine;
    atomic_store(&g->kv->groups[group_id(g->group)], NULL);
    txn_group_destroy(g);
}

static void apply_machine(void *machine, struct group_apply *apply,
                          const struct group_command *command, struct buf *answer)
{
    txn_group_apply(machine, apply, command, answer);
}

static void state_loaded(void *machine)
{
    /* What the leader derives from the state store it builds when it starts leading. */
}

static void leader_started(void *machine, raft_term term)
{
    txn_group_started(machine, term);
}

static void leader_stopped(void *machine, raft_term term)
{
    txn_group_stopped(machine);
}

const struct group_machine_ops kv_machine_ops = {
    .create = create_machine,
    .destroy = destroy_machine,
    .apply = apply_machine,
    .state_loaded = state_loaded,
    .leader_started = leader_started,
    .leader_stopped = leader_stopped,
};

/* ---- the node's life ------------------------------------------------------------------------ */

static struct kv_core *create_core(struct kv *kv, struct core *core)
{
    struct kv_core *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->kv = kv;
    c->core = core;
    c->index = core->index;
    c->oldest_read = UINT64_MAX;
    intmap_init(&c->txns);
    list_init(&c->active);
    mutex_init(&c->id_mutex);
    return c;
}

int kv_node_create(const struct kv_node_config *config, struct kv **out, struct err *err)
{
    struct kv *kv = calloc(1, sizeof *kv);
    if (!kv)
        return err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    kv->runtime = config->runtime;
    kv->env = config->runtime->env;
    kv->rpc = config->rpc;
    kv->self = config->self;
    kv->faults = config->faults;
    kv->lock_bytes_max = config->lock_bytes_max ? config->lock_bytes_max : UINT64_C(256) << 20;
    kv->retention_us = config->retention_us ? config->retention_us : 5000000;
    kv->recover_ns = config->recover_us ? config->recover_us * 1000 : 200 * TXN_MS;
    kv->recover_unasked = config->recover_unasked;
    kv->n_cores = config->runtime->core_count;
    kv->cores = calloc(kv->n_cores, sizeof *kv->cores);
    if (!kv->cores)
        abort();
    for (uint32_t i = 0; i < kv->n_cores; i++)
        kv->cores[i] = create_core(kv, config->runtime->cores[i]);
    txn_route_register(kv);
    txn_deadlock_register(kv);
    txn_upkeep_register(kv);
    *out = kv;
    return 0;
}

int kv_node_start(struct task *task, struct kv *kv, struct store *store, struct err *err)
{
    struct store_route route;
    kv->hlc = store_hlc(store);
    kv->self = store_node_id(store);
    kv->boot_epoch = store_boot_epoch(store);
    kv->offset_us = store_max_clock_offset_us(store);
    kv->n_data_groups = store_group_count(store) - 1;
    for (uint32_t id = 1; id <= kv->n_data_groups + 1; id++)
        for (uint32_t i = 0; store_route(store, id, &route) && i < route.n_replicas; i++)
            kv->n_nodes = route.nodes[i] > kv->n_nodes ? route.nodes[i] : kv->n_nodes;
    if (kv->n_nodes > TXN_NODES_MAX)
        return err_set(err, ERR_CONFIGURATION_LIMIT_EXCEEDED, "more than %d nodes", TXN_NODES_MAX);
    kv->store = store;
    atomic_store(&kv->ready, true);
    txn_upkeep_start(task, kv);
    return 0;
}

void kv_node_stop(struct task *task, struct kv *kv)
{
    struct err err;
    atomic_store(&kv->stopping, true);
    while (atomic_load(&kv->background))
        if (task_sleep(task, TXN_MS, &err))
            task_yield(task); /* cancelled: its owners still have to end */
    for (uint32_t i = 0; i < kv->n_cores; i++)
        txn_finishers_stop(kv->cores[i]);
}

void kv_node_destroy(struct kv *kv)
{
    for (uint32_t i = 0; i < kv->n_cores; i++) {
        intmap_done(&kv->cores[i]->txns);
        free(kv->cores[i]->free_slots);
        free(kv->cores[i]);
    }
    free(kv->cores);
    free(kv);
}

void txn_background(struct kv *kv, struct core *core, const char *name, task_fn *fn, void *arg)
{
    atomic_fetch_add(&kv->background, 1);
    task_spawn(core, TASK_TXN, name, fn, arg);
}

void txn_background_done(struct kv *kv)
{
    atomic_fetch_sub(&kv->background, 1);
}

/* ---- where things are ----------------------------------------------------------------------- */

void kv_place(struct kv *kv, const struct kv_schema *schema, node_id *nodes)
{
    struct store_route route;
    for (uint32_t i = 0; i < schema->n_shards; i++)
        nodes[i] =
            store_route(kv->store, kv_group_of(kv, schema, i), &route) ? route.leader_node : 0;
}

node_id kv_self(struct kv *kv)
{
    return kv->self;
}

void kv_size_est(struct kv *kv, const struct kv_schema *schema, uint64_t *rows, uint64_t *bytes)
{
    *rows = *bytes = 0;
    for (uint32_t i = 0; i < schema->n_shards; i++) {
        uint32_t group = kv_group_of(kv, schema, i);
        struct group *local = store_group(kv->store, group);
        if (!local || store_group_core(kv->store, group) != core_running())
            continue;
        struct lsm *lsm = group_tablet(local, schema->id, (uint16_t)i);
        struct lsm_stats stats;
        if (!lsm)
            continue;
        lsm_stats_get(lsm, &stats);
        *rows += stats.rows_est;
        *bytes += stats.bytes_est;
    }
}
