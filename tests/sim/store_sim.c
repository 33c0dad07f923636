/* store_sim.c: nodes and clients of a run; see store_sim.h. */
#include "tests/sim/store_sim.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rpc.h"
#include "storage/placement/placement.h"
#include "storage/tablet/place.h"
#include "tests/sim/store_sim_int.h"

enum { PORT = 26257 };

void world_violate(struct world *world, const char *fmt, ...)
{
    if (!world->result->ok)
        return;
    world->result->ok = false;
    va_list args;
    va_start(args, fmt);
    vsnprintf(world->result->violation, sizeof world->result->violation, fmt, args);
    va_end(args);
}

/* ---- clients ---- */

struct client {
    struct world_node *node;
    uint64_t generation;
    uint32_t group;
    struct prng prng;
};

static bool goes_on(const struct client *client)
{
    const struct world_node *node = client->node;
    return node->world->phase == WORLD_LOAD && node->generation == client->generation &&
           !node->stop && !node->fatal && node->store;
}

static void note_outcome(struct world *world, uint64_t number, enum group_outcome outcome)
{
    struct issued *issued = &world->issued[number];
    if (issued->fate != FATE_OPEN)
        world_violate(world, "command %llu ended twice", (unsigned long long)number);
    switch (outcome) {
    case GROUP_APPLIED:
        issued->fate = FATE_APPLIED;
        world->acked_at[issued->group] = sim_now(world->sim);
        world->result->acked++;
        break;
    case GROUP_LOST:
        issued->fate = FATE_LOST;
        world->result->lost++;
        break;
    case GROUP_UNKNOWN:
        issued->fate = FATE_UNKNOWN;
        world->result->unknown++;
        break;
    }
    sim_trace(world->sim, &number, sizeof number);
}

/* A completed operation saw `writes` on a register: no later one may see less. */
static void note_seen(struct world *world, uint32_t group, uint32_t reg, uint64_t floor_before,
                      uint64_t writes, const char *what)
{
    uint64_t *floor = &world->floor[group][reg];
    if (writes < floor_before)
        world_violate(world, "%s of register %u in group %u saw %llu writes, %llu had completed",
                      what, reg, group, (unsigned long long)writes,
                      (unsigned long long)floor_before);
    if (writes > *floor)
        *floor = writes;
}

/* Storage ids are never used again. */
static uint64_t created_name(struct world *world, uint32_t group, uint64_t number)
{
    uint64_t name = 2 * MACHINE_STORAGE + number;
    world->created[group][number % WORLD_CREATED] = name;
    return name;
}

static void write_register(struct task *task, struct client *client, struct group *group)
{
    struct world *world = client->node->world;
    uint32_t reg = (uint32_t)prng_below(&client->prng, WORLD_REGISTERS);
    uint64_t number = world_issue(world, client->group);
    uint64_t floor = world->floor[client->group][reg];
    struct buf command = {0}, answer = {0};
    struct err err;
    uint64_t dice = prng_below(&client->prng, 100);
    bool set = dice < 65;
    if (set)
        machine_put_set(&command, number, reg);
    else if (dice < 85)
        machine_put_scratch(&command, number, dice < 68, reg);
    else if (dice < 86)
        machine_put_many(&command, number, WORLD_MANY, 300000);
    else if (dice < 90)
        machine_put_ballast(&command, number, 1 + prng_below(&client->prng, 40000));
    else if (dice < 91)
        machine_put_ballast(&command, number, 1100000 + prng_below(&client->prng, 1200000));
    else if (dice < 96)
        machine_put_create(&command, number, created_name(world, client->group, number));
    else
        machine_put_drop(&command, number,
                         world->created[client->group][prng_below(&client->prng, WORLD_CREATED)]);
    enum group_propose_result result;
    enum group_outcome outcome;
    int rc = group_propose(task, group, command.data, command.len, 0, &result, &outcome, &answer,
                           &err);
    assert(rc == 0); /* nobody cancels clients */
    world->result->proposed++;
    note_outcome(world, number, result == GROUP_PROPOSE_ACCEPTED ? outcome : GROUP_LOST);
    if (result == GROUP_PROPOSE_ACCEPTED && outcome == GROUP_APPLIED && set)
        note_seen(world, client->group, reg, floor + 1, load_le64(answer.data), "a write");
    buf_done(&command);
    buf_done(&answer);
}

static void read_register(struct task *task, struct client *client, struct group *group)
{
    struct world *world = client->node->world;
    uint32_t reg = (uint32_t)prng_below(&client->prng, WORLD_REGISTERS);
    uint64_t floor = world->floor[client->group][reg], number, writes = 0;
    struct err err;
    bool ok = true;
    if (prng_chance(&client->prng, 0.3) && group_read_barrier(task, group, &ok, &err))
        return;
    if (!ok || !group_lease_ok(group))
        return;
    (void)machine_register(group, reg, &number, &writes);
    if (task_sleep(task, prng_below(&client->prng, 2000) * SIM_US, &err) ||
        !group_lease_ok(group))
        return;
    world->result->reads++;
    note_seen(world, client->group, reg, floor, writes, "a read");
}

static void run_client(struct task *task, void *arg)
{
    struct client *client = arg;
    struct world_node *node = client->node;
    struct err err;
    while (goes_on(client)) {
        struct group *group = store_group(node->store, client->group);
        if (!group || !group_is_leader(group)) {
            if (task_sleep(task, (1 + prng_below(&client->prng, 30)) * SIM_MS, &err))
                break;
            continue;
        }
        if (prng_chance(&client->prng, 0.6))
            write_register(task, client, group);
        else
            read_register(task, client, group);
        if (prng_chance(&client->prng, 0.01) && goes_on(client)) {
            bool moved;
            if (group_transfer(task, group, 0, &moved, &err))
                break;
        }
        if (task_sleep(task, prng_below(&client->prng, 8000) * SIM_US, &err))
            break;
    }
}

/* A client lives on its group's core. */
static void start_client(struct task *task, void *arg)
{
    struct client *client = arg;
    struct core *core = store_group_core(client->node->store, client->group);
    core_call(task, core, TASK_TXN, run_client, client);
    client->node->clients--;
    free(client);
}

static void start_clients(struct task *task, struct world_node *node)
{
    struct world *world = node->world;
    node->clients = 0;
    for (uint32_t g = 1; g <= world->n_groups; g++) {
        for (uint32_t k = 0; k < WORLD_CLIENTS; k++) {
            struct client *client = calloc(1, sizeof *client);
            client->node = node;
            client->generation = node->generation;
            client->group = g;
            prng_init(&client->prng, world->seed * 1000003 + node->generation * 101 +
                                         node->i * 17 + g * 5 + k);
            node->clients++;
            task_spawn(task_core(task), TASK_TXN, "client", start_client, client);
        }
    }
}

/* ---- nodes ---- */

static void set_identity(struct store_identity *id, void *arg)
{
    const struct world_node *node = arg;
    memset(id->cluster_id, 1, 16);
    id->node_id = node->i + 1;
    id->n_nodes = node->world->n_nodes;
    id->n_data_groups = node->world->n_groups - 1;
    id->complete = true;
    for (uint32_t i = 0; i < id->n_nodes; i++)
        id->nodes[i].id = i + 1;
}

static void note_fatal(void *arg, const struct err *err)
{
    struct world_node *node = arg;
    node->fatal = true;
    node->world->result->fatals++;
}

struct server {
    struct store_dir *dir;
    struct rpc *rpc;
    struct store_port *port;
    struct placement *placement; /* NULL: the identity was given */
    struct store *store;
};

/* The nodes find each other by their list, as a real cluster's. */
static int bootstrap_server(struct task *task, struct world_node *node, struct server *server,
                            struct err *err)
{
    struct world *world = node->world;
    char join[WORLD_NODES_MAX * 16] = "", address[16];
    for (uint32_t i = 0; i < world->n_nodes; i++)
        snprintf(join + strlen(join), sizeof join - strlen(join), "%snode%u:%d", i ? "," : "",
                 i + 1, PORT);
    snprintf(address, sizeof address, "node%u:%d", node->i + 1, PORT);
    struct placement_config config = {.rpc = server->rpc,
                                      .dir = server->dir,
                                      .log = task->env->log,
                                      .join = join,
                                      .rpc_address = address,
                                      .sql_address = address,
                                      .n_data_groups = world->n_groups - 1};
    int rc = placement_create(&config, &server->placement, err);
    if (!rc)
        rc = rpc_listen(task, server->rpc, "0.0.0.0", PORT, err);
    if (!rc)
        rc = placement_bootstrap(task, server->placement, err);
    if (!rc)
        rc = placement_connect(task, server->placement, err);
    if (!rc)
        world_note_identity(node, &server->dir->identity);
    return rc;
}

static int identify_server(struct task *task, struct world_node *node, struct server *server,
                           struct err *err)
{
    struct world *world = node->world;
    int rc = 0;
    if (!server->dir->has_identity)
        rc = store_dir_update(task, server->dir, set_identity, node, err);
    if (!rc)
        rc = rpc_listen(task, server->rpc, "0.0.0.0", PORT, err);
    rpc_set_self(server->rpc, node->i + 1);
    rpc_set_cluster(server->rpc, server->dir->identity.cluster_id);
    for (uint32_t i = 0; i < world->n_nodes; i++) {
        char host[16];
        snprintf(host, sizeof host, "node%u", i + 1);
        if (i != node->i)
            rpc_peer_set(server->rpc, i + 1, host, PORT);
    }
    return rc;
}

static int open_server(struct task *task, struct world_node *node, struct server *server,
                       struct err *err)
{
    struct world *world = node->world;
    int rc = store_dir_open(task, "s", &server->dir, err);
    if (rc)
        return rc;
    struct rpc_config rc_config = {0};
    server->rpc = rpc_create(task_core(task)->runtime, &rc_config);
    server->port = store_port_create(server->rpc);
    rc = world->bootstrap ? bootstrap_server(task, node, server, err)
                          : identify_server(task, node, server, err);
    if (rc)
        return rc;
    struct store_group_config groups[WORLD_GROUPS_MAX];
    place_groups(world->n_nodes, world->n_groups - 1, groups);
    struct store_config config = world->settings;
    config.machine = &store_machine_ops;
    config.machine_factory = &node->watch;
    config.rpc = server->rpc;
    config.port = server->port;
    config.groups = groups;
    config.n_groups = world->n_groups;
    config.log = task->env->log;
    config.bugs = world->bugs;
    config.on_fatal = note_fatal;
    config.fatal_arg = node;
    return store_open(task, task->env, server->dir, &config, &server->store, err);
}

static void close_server(struct task *task, struct server *server)
{
    if (server->placement)
        placement_stop(task, server->placement);
    store_close(task, server->store);
    rpc_stop(task, server->rpc);
    if (server->placement)
        placement_destroy(server->placement);
    rpc_destroy(server->rpc);
    store_port_destroy(server->port);
}

/* As a supervisor would, somebody starts it again. */
static void die(struct world_node *node)
{
    node->store = NULL;
    sim_node_crash(node->world->sim, node->i);
    world_boot_after(node->world, node->i, 1000);
}

/* The process: serves until it is told to stop, or fails. Crashes come from outside. */
static void run_node(struct task *task, void *arg)
{
    struct world_node *node = arg;
    struct world *world = node->world;
    struct server server = {0};
    struct err err = {0};
    int rc = open_server(task, node, &server, &err);
    if (rc) {
        /* A disk that fails or is full may keep it from starting; damage and refusals may not. */
        if (rc != ERR_IO_ERROR && rc != ERR_DISK_FULL)
            world_violate(world, "node %u cannot start: %s", node->i + 1, err.message);
        die(node);
        return;
    }
    node->store = server.store;
    start_clients(task, node);
    while (!node->fatal && !node->stop && world->phase != WORLD_DONE) {
        if (world->phase == WORLD_VERIFY && !node->verified) {
            world_verify_node(task, node);
            node->verified = true;
        }
        if (task_sleep(task, 5 * SIM_MS, &err))
            break;
    }
    if (node->fatal) {
        die(node);
        return;
    }
    while (node->clients && !node->fatal)
        if (task_sleep(task, SIM_MS, &err))
            break;
    if (node->fatal) {
        die(node);
        return;
    }
    node->store = NULL;
    close_server(task, &server);
    runtime_stop(task_core(task)->runtime);
}

void world_boot(struct world *world, uint32_t i)
{
    struct world_node *node = &world->nodes[i];
    node->watch.applied = world_note_applied;
    node->watch.loaded = world_note_loaded;
    node->store = NULL;
    node->fatal = node->stop = false;
    node->generation++;
    node->clients = 0;
    world->result->boots++;
    sim_node_start(world->sim, i, run_node, node);
}

/* ---- a run ---- */

static void draw_world(struct world *world)
{
    struct prng *prng = sim_prng(world->sim);
    struct store_config *s = &world->settings;
    s->log_segment_bytes = UINT64_C(256) << 10 << prng_below(prng, 4);
    s->log_bytes_max = s->log_segment_bytes * (2 + prng_below(prng, 3));
    s->log_retain_bytes = UINT64_C(8) << 10 << prng_below(prng, 8);
    s->memtable_bytes_max = UINT64_C(32) << 10 << prng_below(prng, 6);
    s->block_cache_bytes = UINT64_C(64) << 10 << prng_below(prng, 5);
    sim_net_delay(world->sim, 20 * SIM_US, (100 + prng_below(prng, 3000)) * SIM_US);
}

static void plan_world(struct world *world, uint64_t seed)
{
    struct prng plan;
    static const uint8_t node_counts[] = {1, 3, 3, 3, 3, 5};
    prng_init(&plan, seed ^ 0x73746f7265u);
    world->n_nodes = node_counts[prng_below(&plan, sizeof node_counts)];
    world->n_cores = 1 + (uint32_t)prng_below(&plan, 3);
    world->n_groups = 1 + (uint32_t)prng_below(&plan, WORLD_GROUPS_MAX);
    world->bootstrap = world->n_groups > 1 && prng_chance(&plan, 0.5);
}

static bool is_over(struct sim *sim, void *arg)
{
    const struct world *world = arg;
    return !world->result->ok;
}

static bool all_verified(struct sim *sim, void *arg)
{
    const struct world *world = arg;
    for (uint32_t i = 0; i < world->n_nodes; i++)
        if (!world->nodes[i].verified)
            return !world->result->ok;
    return true;
}

static bool all_stopped(struct sim *sim, void *arg)
{
    const struct world *world = arg;
    for (uint32_t i = 0; i < world->n_nodes; i++)
        if (sim_node_state(sim, i) == SIM_UP)
            return false;
    return true;
}

static void end_run(struct world *world)
{
    world->phase = WORLD_SETTLE;
    world_heal(world);
    if (!sim_run_until(world->sim, world_has_converged, world, 40 * SIM_SECOND))
        world_violate(world, "the replicas did not converge in 40 s after everything was healed");
    if (!world->result->ok)
        return;
    world->phase = WORLD_VERIFY;
    if (!sim_run_until(world->sim, all_verified, world, 20 * SIM_SECOND))
        world_violate(world, "the final look did not end");
    world->phase = WORLD_DONE;
    if (world->result->ok && !sim_run_until(world->sim, all_stopped, world, 20 * SIM_SECOND))
        world_violate(world, "the nodes did not stop");
}

static struct world *create_world(uint64_t seed, bool verbose, struct store_sim_result *result)
{
    struct world *world = calloc(1, sizeof *world);
    memset(result, 0, sizeof *result);
    result->ok = true;
    world->result = result;
    world->seed = seed;
    world->verbose = verbose;
    plan_world(world, seed);
    return world;
}

static void start_world(struct world *world)
{
    struct sim_config config = {.seed = world->seed,
                                .node_count = world->n_nodes,
                                .cores_per_node = world->n_cores,
                                .log = world->verbose ? stderr : NULL};
    world->sim = sim_create(&config);
    draw_world(world);
    for (uint32_t i = 0; i < world->n_nodes; i++) {
        world->nodes[i].world = world;
        world->nodes[i].i = i;
        world_boot(world, i);
    }
}

static void end_world(struct world *world)
{
    world->result->events = sim_event_count(world->sim);
    world->result->trace_hash = sim_trace_hash(world->sim);
    sim_destroy(world->sim);
    free(world);
}

void store_sim_run(uint64_t seed, uint32_t bugs, bool verbose, struct store_sim_result *result)
{
    struct world *world = create_world(seed, verbose, result);
    world->bugs = bugs;
    start_world(world);
    uint64_t calm_ms = world->bootstrap ? prng_below(sim_prng(world->sim), 400) : 2000;
    sim_run_until(world->sim, is_over, world, calm_ms * SIM_MS);
    for (uint32_t k = 0; k < 12 + seed % 12 && result->ok; k++) {
        world_injure(world);
        uint64_t ns = prng_below(sim_prng(world->sim), 1500) * SIM_MS;
        sim_run_until(world->sim, is_over, world, ns);
    }
    if (result->ok)
        end_run(world);
    end_world(world);
}

static bool is_led_again(struct sim *sim, void *arg)
{
    const struct world *world = arg;
    return world->acked_at[1] > world->crashed_at;
}

int store_sim_failover(uint64_t seed, bool vanish)
{
    struct store_sim_result result;
    struct world *world = create_world(seed, false, &result);
    world->n_nodes = 3;
    world->bootstrap = false;
    start_world(world);
    sim_net_delay(world->sim, 50 * SIM_US, 300 * SIM_US);
    sim_run_for(world->sim, 3 * SIM_SECOND + prng_below(sim_prng(world->sim), 1000) * SIM_MS);
    uint32_t leader = world->n_nodes;
    for (uint32_t i = 0; i < world->n_nodes; i++)
        if (group_is_leader(store_group(world->nodes[i].store, 1)))
            leader = i;
    int ms = -1;
    if (leader < world->n_nodes) {
        world->nodes[leader].store = NULL;
        if (vanish)
            sim_node_vanish(world->sim, leader);
        else
            sim_node_crash(world->sim, leader);
        world->crashed_at = sim_now(world->sim);
        if (sim_run_until(world->sim, is_led_again, world, 10 * SIM_SECOND))
            ms = (int)((world->acked_at[1] - world->crashed_at) / SIM_MS);
    } else {
        ms = -2; /* leadership was on its way: no measurement */
    }
    end_world(world);
    return ms;
}
