/* store.c: opening, closing and asking a store. See store.h. */
#include "storage/tablet/store.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/hash.h"
#include "storage/tablet/group_int.h"
#include "storage/tablet/place.h"

enum { PINS_MAX = 32, USERS_POLL_NS = 1000000 };

/* ---- port ---- */

struct store_port *store_port_create(struct rpc *rpc)
{
    struct store_port *port = calloc(1, sizeof *port);
    if (!port)
        abort();
    port->rpc = rpc;
    rpc_handle(rpc, STORE_METHOD_RAFT, "raft", store_on_raft, port);
    rpc_handle(rpc, STORE_METHOD_LIVENESS, "liveness", store_on_heartbeat, port);
    rpc_handle_stream(rpc, STORE_METHOD_SNAPSHOT, "snapshot", group_on_snapshot, port);
    return port;
}

void store_port_destroy(struct store_port *port)
{
    free(port);
}

/* ---- failing ---- */

static void report_fatal(struct core *core, struct core_msg *msg)
{
    struct store *store = container_of(msg, struct store, fatal_msg);
    if (store->log)
        log_event(store->log, LOG_ERROR, "store_failed", LOG_ERR(&store->fatal));
    if (store->config.on_fatal)
        store->config.on_fatal(store->config.fatal_arg, &store->fatal);
    atomic_store(&store->fatal_posted, false);
}

void store_fail(struct store *store, const struct err *err)
{
    if (atomic_exchange(&store->failed, true))
        return;
    store->fatal = *err;
    atomic_store(&store->fatal_posted, true);
    core_post(store->runtime->cores[0], &store->fatal_msg, report_fatal);
}

static void fail_from_below(void *arg, const struct err *err)
{
    store_fail(arg, err);
}

/* ---- opening ---- */

static int open_engines(struct task *task, struct store *store, struct err *err)
{
    char path[256];
    enum fs_result result;
    store_dir_path(store->dir, "log", path, sizeof path);
    int rc = fs_mkdir(task, path, &result, err);
    if (!rc && result == FS_OK)
        rc = fs_sync_dir(task, store->dir->path, err);
    if (rc)
        return rc;
    struct wal_config wal = {.log_bytes_max = store->config.log_bytes_max,
                             .segment_bytes = store->config.log_segment_bytes,
                             .on_fatal = fail_from_below,
                             .fatal_arg = store};
    rc = wal_open(task, path, &wal, &store->wal, err);
    if (rc)
        return rc;
    struct lsm_node_config lsm = {.block_cache_bytes = store->config.block_cache_bytes,
                                  .memtable_bytes_max = store->config.memtable_bytes_max,
                                  .on_fatal = fail_from_below,
                                  .fatal_arg = store};
    return lsm_node_open(task, store->dir->path, &lsm, &store->lsm, err);
}

static bool has_replica(const struct store_group_config *config, uint32_t node)
{
    for (uint32_t i = 0; i < config->n_replicas; i++)
        if (config->nodes[i] == node)
            return true;
    return false;
}

static int compare_routes(const void *a, const void *b)
{
    const struct store_route_entry *x = a, *y = b;
    return (x->config.group_id > y->config.group_id) - (x->config.group_id < y->config.group_id);
}

struct open_call {
    struct store_core *sc;
    struct store_route_entry *route;
    int rc;
    struct err *err;
};

static void open_group(struct task *task, void *arg)
{
    struct open_call *call = arg;
    call->rc = group_open(task, call->sc, call->route, &call->route->group, call->err);
}

static void start_group(struct task *task, void *arg)
{
    struct open_call *call = arg;
    struct group *group = call->route->group;
    group_start(group);
    /* The first named replica of a new group leads it, so that leaders begin spread. */
    if (call->sc->store->first_boot && call->route->config.nodes[0] == call->sc->store->node) {
        struct raft_event event = {.kind = RAFT_EV_CAMPAIGN};
        group_step(group, &event);
    }
}

static int open_groups(struct task *task, struct store *store, struct err *err)
{
    const struct store_config *config = &store->config;
    store->routes = calloc(config->n_groups + 1, sizeof *store->routes);
    if (!store->routes)
        return err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    for (size_t i = 0; i < config->n_groups; i++)
        store->routes[i].config = config->groups[i];
    store->n_routes = (uint32_t)config->n_groups;
    qsort(store->routes, store->n_routes, sizeof *store->routes, compare_routes);
    for (uint32_t i = 0; i < store->n_routes; i++) {
        struct store_route_entry *route = &store->routes[i];
        route->core =
            (uint32_t)(hash_u64(route->config.group_id, 0) % store->runtime->core_count);
        if (!has_replica(&route->config, store->node))
            continue;
        struct open_call call = {.sc = &store->cores[route->core], .route = route, .err = err};
        core_call(task, call.sc->core, TASK_CONSENSUS, open_group, &call);
        if (call.rc)
            return call.rc;
    }
    return 0;
}

static void start_groups(struct task *task, struct store *store)
{
    for (uint32_t i = 0; i < store->n_routes; i++) {
        struct store_route_entry *route = &store->routes[i];
        struct open_call call = {.sc = &store->cores[route->core], .route = route};
        if (route->group)
            core_call(task, call.sc->core, TASK_CONSENSUS, start_group, &call);
    }
}

static struct store *create_store(struct env *env, struct store_dir *dir,
                                  const struct store_config *config, struct runtime *runtime)
{
    struct store *store = calloc(1, sizeof *store);
    if (!store)
        abort();
    store->env = env;
    store->runtime = runtime;
    store->dir = dir;
    store->config = *config;
    store->log = config->log;
    store->rpc = config->rpc;
    store->node = dir->identity.node_id;
    store->n_nodes = dir->identity.n_nodes;
    store->boot_us = store_now_us(store);
    if (!store->config.max_clock_offset_us)
        store->config.max_clock_offset_us = STORE_CLOCK_OFFSET_US;
    if (!store->config.log_bytes_max)
        store->config.log_bytes_max = STORE_LOG_BYTES;
    if (!store->config.log_retain_bytes)
        store->config.log_retain_bytes = STORE_LOG_RETAIN_BYTES;
    hlc_init(&store->hlc, env, store->config.max_clock_offset_us);
    store->peers = calloc(store->n_nodes + 1, sizeof *store->peers);
    store->cores = calloc(runtime->core_count, sizeof *store->cores);
    if (!store->peers || !store->cores)
        abort();
    for (uint32_t node = 1; node <= store->n_nodes; node++)
        store->peers[node].node = node;
    for (uint32_t i = 0; i < runtime->core_count; i++)
        store_core_init(&store->cores[i], store, runtime->cores[i]);
    return store;
}

struct pin_call {
    struct store_route_entry *route;
};

static void checkpoint_pinned(struct task *task, void *arg)
{
    struct pin_call *call = arg;
    group_checkpoint_start(call->route->group);
}

/* Keeps the log short: groups that hold old segments are checkpointed. */
static void run_upkeep(struct task *task, void *arg)
{
    struct store *store = arg;
    struct err err;
    while (!task_sleep(task, STORE_UPKEEP_MS * UINT64_C(1000000), &err)) {
        struct wal_pin pins[PINS_MAX];
        size_t n = 0;
        int rc = wal_maintain(task, store->wal, pins, PINS_MAX, &n, &err);
        if (rc && store->log)
            log_event(store->log, LOG_ERROR, "log_upkeep_failed", LOG_ERR(&err));
        for (size_t i = 0; !rc && i < n && i < PINS_MAX; i++) {
            struct pin_call call = {.route = store_find(store, (uint32_t)pins[i].group)};
            if (call.route && call.route->group)
                core_call(task, store->runtime->cores[call.route->core], TASK_BACKGROUND,
                          checkpoint_pinned, &call);
        }
    }
}

int store_open(struct task *task, struct env *env, struct store_dir *take_dir,
               const struct store_config *config, struct store **out, struct err *err)
{
    struct runtime *runtime = task_core(task)->runtime;
    if (!take_dir->has_identity || !take_dir->identity.complete) {
        store_dir_close(task, take_dir);
        return err_set(err, ERR_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "the store belongs to no cluster yet");
    }
    int rc = store_dir_boot(task, take_dir, err);
    if (rc) {
        store_dir_close(task, take_dir);
        return rc;
    }
    struct store *store = create_store(env, take_dir, config, runtime);
    store->first_boot = take_dir->identity.boot_epoch == 1;
    rc = open_engines(task, store, err);
    if (!rc)
        rc = open_groups(task, store, err);
    if (rc) {
        atomic_store(&store->failed, true); /* nothing to hand over, nothing to save */
        store_close(task, store);
        return rc;
    }
    *out = store; /* callbacks may ask the floor above for it */
    atomic_store(&config->port->store, store);
    start_groups(task, store);
    store_live_start(store);
    store->upkeep = task_spawn_joinable(runtime->cores[0], TASK_BACKGROUND, "store_upkeep",
                                        run_upkeep, store);
    return 0;
}

/* ---- closing ---- */

static void hand_over(struct task *task, void *arg)
{
    struct group *group = arg;
    struct err err;
    bool moved;
    const struct store *store = group->store;
    if (group->role == RAFT_LEADER && store->n_nodes > 1 && store_has_quorum(store) &&
        env_mono_ns(store->env) < store->handover_until &&
        group_transfer(task, group, 0, &moved, &err) == 0 && moved)
        return;
    group_resign(group);
}

/* Whoever was handed leadership meanwhile says so at once rather than by silence. */
static void resign_group(struct task *task, void *arg)
{
    struct err err;
    group_resign(arg);
    if (task_sleep(task, USERS_POLL_NS, &err)) /* the message leaves at the end of the turn */
        return;
}

static void save_group(struct task *task, void *arg)
{
    struct group *group = arg;
    struct err err;
    int rc = group->complete == group->checkpoint ? 0 : group_checkpoint(task, group, NULL, &err);
    if (rc && group->store->log) /* the log still has it all */
        log_event(group->store->log, LOG_WARN, "checkpoint_failed", LOG_U64("group", group->id),
                  LOG_ERR(&err));
}

static void close_group(struct task *task, void *arg)
{
    group_close(task, arg);
}

static void settle_core(struct task *task, void *arg)
{
    struct store_core *sc = arg;
    store_core_settle(task, sc);
    while (sc->core->index == 0 && atomic_load(&sc->store->fatal_posted))
        task_yield(task);
}

static void drain_core(struct task *task, void *arg)
{
}

static void call_groups(struct task *task, struct store *store, task_fn *fn)
{
    for (uint32_t i = 0; i < store->n_routes; i++)
        if (store->routes[i].group)
            core_call(task, store->runtime->cores[store->routes[i].core], TASK_CONSENSUS, fn,
                      store->routes[i].group);
}

/* Until nobody who took the store from the port still works with it, and what they posted has
 * arrived. */
static void drain_users(struct task *task, struct store *store)
{
    struct err err;
    task_mask(task);
    do {
        while (atomic_load(&store->users))
            if (task_sleep(task, USERS_POLL_NS, &err))
                break; /* masked: cannot happen */
        for (int round = 0; round < 2; round++)
            for (uint32_t i = 0; i < store->runtime->core_count; i++)
                core_call(task, store->runtime->cores[i], TASK_CONSENSUS, drain_core, NULL);
    } while (atomic_load(&store->users));
    task_unmask(task);
}

static void stop_traffic(struct task *task, struct store *store)
{
    store_live_stop(store);
    if (store->upkeep) {
        task_cancel(store->upkeep, ERR_ADMIN_SHUTDOWN, "the store is closing");
        task_join(task, store->upkeep);
    }
    if (!atomic_load(&store->failed)) {
        store->handover_until =
            env_mono_ns(store->env) + STORE_HANDOVER_MS * UINT64_C(1000000);
        call_groups(task, store, hand_over);
        call_groups(task, store, save_group);
        call_groups(task, store, resign_group);
    }
    if (store->config.port)
        atomic_store(&store->config.port->store, NULL);
    drain_users(task, store);
}

void store_close(struct task *task, struct store *store)
{
    atomic_store(&store->stopping, true);
    stop_traffic(task, store);
    call_groups(task, store, close_group);
    if (store->wal)
        wal_close(task, store->wal);
    if (store->lsm)
        lsm_node_close(task, store->lsm);
    for (uint32_t i = 0; i < store->runtime->core_count; i++) {
        core_call(task, store->cores[i].core, TASK_CONSENSUS, settle_core, &store->cores[i]);
        store_core_done(&store->cores[i]);
    }
    hlc_done(&store->hlc);
    store_dir_close(task, store->dir);
    free(store->routes);
    free(store->peers);
    free(store->cores);
    free(store);
}

/* ---- asking ---- */

uint32_t store_node_id(const struct store *store)
{
    return store->node;
}

uint32_t store_boot_epoch(const struct store *store)
{
    return store->dir->identity.boot_epoch;
}

const uint8_t *store_cluster_id(const struct store *store)
{
    return store->dir->identity.cluster_id;
}

struct env *store_env(const struct store *store)
{
    return store->env;
}

struct hlc *store_hlc(struct store *store)
{
    return &store->hlc;
}

uint64_t store_max_clock_offset_us(const struct store *store)
{
    return store->config.max_clock_offset_us;
}

bool store_is_stopping(const struct store *store)
{
    return atomic_load_explicit(&store->stopping, memory_order_relaxed);
}

bool store_is_throttling(const struct store *store)
{
    return lsm_node_is_throttling(store->lsm);
}

uint32_t store_data_group_count(const struct store *store)
{
    return store->dir->identity.n_data_groups;
}

hlc_time store_read_limit_now(struct store *store)
{
    hlc_time last = hlc_last(&store->hlc), wall = hlc_make(env_wall_us(store->env), 0);
    return (last > wall ? last : wall) + hlc_make(store->config.max_clock_offset_us, 0);
}

struct store_route_entry *store_find(const struct store *store, uint32_t group_id)
{
    /* Ids are dense from 1 in a fresh cluster; search where they are not. */
    if (group_id >= 1 && group_id <= store->n_routes &&
        store->routes[group_id - 1].config.group_id == group_id)
        return &store->routes[group_id - 1];
    uint32_t lo = 0, hi = store->n_routes;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (store->routes[mid].config.group_id < group_id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < store->n_routes && store->routes[lo].config.group_id == group_id
               ? &store->routes[lo]
               : NULL;
}

bool store_route(const struct store *store, uint32_t group_id, struct store_route *route)
{
    struct store_route_entry *entry = store_find(store, group_id);
    if (!entry)
        return false;
    route->n_replicas = entry->config.n_replicas;
    memcpy(route->nodes, entry->config.nodes, sizeof route->nodes);
    route->leader_node = atomic_load_explicit(&entry->leader_hint, memory_order_relaxed);
    route->local = entry->group != NULL;
    return true;
}

void store_leader_hint(struct store *store, uint32_t group_id, uint32_t node)
{
    struct store_route_entry *entry = store_find(store, group_id);
    if (entry && node <= store->n_nodes)
        atomic_store_explicit(&entry->leader_hint, node, memory_order_relaxed);
}

uint32_t store_group_count(const struct store *store)
{
    return store->n_routes;
}

struct core *store_group_core(const struct store *store, uint32_t group_id)
{
    struct store_route_entry *entry = store_find(store, group_id);
    return entry ? store->runtime->cores[entry->core] : NULL;
}

struct group *store_group(const struct store *store, uint32_t group_id)
{
    struct store_route_entry *entry = store_find(store, group_id);
    return entry ? entry->group : NULL;
}

/* ---- status ---- */

struct status_call {
    struct store_route_entry *route;
    struct arena *arena;
    struct store_group_status *out;
};

static void fill_tablets(struct status_call *call, struct group *group)
{
    struct store_group_status *out = call->out;
    out->n_tablets = (uint32_t)group->n_tablets;
    out->tablets = arena_array(call->arena, struct store_tablet_status, group->n_tablets + 1);
    for (size_t i = 0; i < group->n_tablets; i++) {
        struct lsm_stats stats;
        lsm_stats_get(group->tablets[i]->lsm, &stats);
        out->tablets[i] = (struct store_tablet_status){.storage = group->tablets[i]->id.storage,
                                                       .shard = group->tablets[i]->id.shard,
                                                       .rows = stats.rows_est,
                                                       .bytes = stats.bytes_est};
    }
}

static void fill_status(struct task *task, void *arg)
{
    struct status_call *call = arg;
    struct group *group = call->route->group;
    struct store_group_status *out = call->out;
    struct raft_status *raft = arena_zalloc(call->arena, sizeof *raft);
    uint64_t now_us = store_now_us(group->store);
    raft_status(group->raft, raft);
    out->group_id = group->id;
    out->core = call->route->core;
    out->role = raft->role;
    out->quarantine = raft->quarantine;
    out->term = raft->term;
    out->leader_node = group->leader_node;
    out->first_index = raft->first;
    out->last_index = raft->last;
    out->commit_index = raft->commit;
    out->applied_index = group->applied;
    out->checkpoint_index = group->checkpoint;
    uint64_t until = raft_lease_until_us(group->raft);
    out->lease_left_us = until == RAFT_NEVER ? RAFT_NEVER : until > now_us ? until - now_us : 0;
    out->state_bytes = group->state.bytes;
    out->n_replicas = call->route->config.n_replicas;
    memcpy(out->nodes, call->route->config.nodes, sizeof out->nodes);
    fill_tablets(call, group);
}

int store_status(struct task *task, struct store *store, struct arena *arena,
                 struct store_group_status **groups, size_t *n_groups, struct err *err)
{
    struct store_group_status *all =
        arena_array(arena, struct store_group_status, store->n_routes + 1);
    size_t n = 0;
    for (uint32_t i = 0; i < store->n_routes; i++) {
        struct status_call call = {.route = &store->routes[i], .arena = arena, .out = &all[n]};
        if (!call.route->group)
            continue;
        core_call(task, store->runtime->cores[call.route->core], TASK_TXN, fill_status, &call);
        n++;
    }
    *groups = all;
    *n_groups = n;
    return task_check(task, err);
}
