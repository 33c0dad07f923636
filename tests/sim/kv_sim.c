#include "tests/sim/kv_sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "tests/sim/kv_sim_int.h"

/* ---- the environment of a node -------------------------------------------------------------- */

static struct sim_node *node_of(struct env *env)
{
    return container_of(env, struct sim_node, env);
}

static uint64_t read_mono(struct env *env)
{
    return node_of(env)->sim->now_ns;
}

static uint64_t read_wall(struct env *env)
{
    return (uint64_t)((int64_t)(UINT64_C(1700000000000000) + node_of(env)->sim->now_ns / 1000) +
                      node_of(env)->skew_us);
}

static void fill_random(struct env *env, void *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)prng_next(&node_of(env)->sim->rng);
}

static uint32_t count_cpus(struct env *env)
{
    return 1;
}

static void write_log(struct env *env, const char *line, size_t len)
{
    struct sim *sim = node_of(env)->sim;
    if (strstr(line, "txn_recovered"))
        sim->result->recovered++;
    if (sim->config.verbose)
        fprintf(stderr, "%8.3f %.*s", (double)sim->now_ns / 1e9, (int)len, line);
}

static int start_core(struct env *env, struct core *core, struct err *err)
{
    node_of(env)->core = core;
    return 0;
}

static void wake_core(struct env *env, struct core *core)
{
}
static void join_core(struct env *env, struct core *core)
{
}

static const struct env_ops sim_ops = {
    .mono_ns = read_mono,
    .boot_ns = read_mono,
    .wall_us = read_wall,
    .random = fill_random,
    .cpu_count = count_cpus,
    .log_write = write_log,
    .core_start = start_core,
    .core_wake = wake_core,
    .core_join = join_core,
    .core_free = join_core,
};

/* ---- events --------------------------------------------------------------------------------- */

void sim_at(struct sim *sim, struct sim_event *event, uint64_t at_ns, sim_event_fn *fn)
{
    event->fn = fn;
    heap_insert(&sim->events, &event->node, at_ns > sim->now_ns ? at_ns : sim->now_ns);
}

uint64_t sim_delay(struct sim *sim)
{
    uint64_t d = (100000 + prng_below(&sim->rng, 900000)) * sim->slowness;
    if (prng_chance(&sim->rng, 0.02))
        d += prng_below(&sim->rng, 50 * SIM_MS);
    return d;
}

void sim_trace(struct sim *sim, uint64_t what, uint64_t a, uint64_t b)
{
    sim->hash =
        hash_combine(hash_combine(hash_combine(hash_combine(sim->hash, what), a), b), sim->now_ns);
}

void sim_fail(struct sim *sim, const char *fmt, ...)
{
    va_list args;
    if (sim->result->failed)
        return;
    sim->result->failed = true;
    va_start(args, fmt);
    vsnprintf(sim->result->what, sizeof sim->result->what, fmt, args);
    va_end(args);
}

bool sim_connected(const struct sim *sim, uint32_t a, uint32_t b)
{
    if (!a || !b || !sim->nodes[a].up || !sim->nodes[b].up)
        return false;
    return a == b || !sim->nodes[a].cut_since_ns[b];
}

bool sim_has_quorum(const struct sim *sim, uint32_t node)
{
    uint32_t n = 0;
    for (uint32_t other = 1; other <= sim->n_nodes; other++)
        n += sim_connected(sim, node, other);
    return n > sim->n_nodes / 2;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

struct on_core {
    struct core_msg msg;
    struct sim_node *node;
    uint32_t boot;
    void (*fn)(struct sim_node *node, void *arg);
    void *arg;
};

static void run_on_core(struct core *core, struct core_msg *msg)
{
    struct on_core *o = container_of(msg, struct on_core, msg);
    if (o->node->up && o->node->boot == o->boot)
        o->fn(o->node, o->arg);
    free(o);
}

void sim_on_core(struct sim_node *node, void (*fn)(struct sim_node *node, void *arg), void *arg)
{
    struct on_core *o = calloc(1, sizeof *o);
    if (!o)
        abort();
    o->node = node;
    o->boot = node->boot;
    o->fn = fn;
    o->arg = arg;
    core_post(node->core, &o->msg, run_on_core);
}

static void run_node(struct task *task, void *arg)
{
    struct sim_node *node = arg;
    struct err err;
    err_clear(&err);
    if (kv_node_start(task, node->kv, &node->store, &err)) {
        sim_fail(node->sim, "node %u did not start: %s", node->id, err.message);
        return;
    }
    kv_work_start(node->sim->work, &(struct kv_work_node){.kv = node->kv, .core = node->core},
                  node->id == 1 && node->boot == 1);
}

void sim_node_boot(struct sim *sim, uint32_t id)
{
    struct sim_node *node = &sim->nodes[id];
    struct err err;
    uint64_t cut[SIM_NODES_MAX + 1];
    uint32_t boot = node->boot + 1;
    memcpy(cut, node->cut_since_ns, sizeof cut);
    memset(node, 0, sizeof *node);
    memcpy(node->cut_since_ns, cut, sizeof cut);
    node->env.ops = &sim_ops;
    node->env.log = &node->log;
    node->sim = sim;
    node->id = id;
    node->boot = boot;
    node->skew_us = prng_range(&sim->rng, -120000, 120000);
    log_init(&node->log, &node->env, id);
    hlc_init(&node->hlc, &node->env, 250000);
    node->store.node = node;
    node->rpc = calloc(1, sizeof *node->rpc);
    if (!node->rpc)
        abort();
    node->rpc->node = node;
    struct runtime_config runtime = {.core_count = 1, .stall_ns = UINT64_MAX};
    if (runtime_start(&node->env, &runtime, run_node, node, &node->runtime, &err))
        abort();
    struct kv_node_config config = {
        .runtime = node->runtime,
        .rpc = node->rpc,
        .self = id,
        .retention_us = 3000000,
        .faults = sim->config.faults,
        .recover_us = sim->hasty ? 2000 : 0,
        .recover_unasked = sim->hasty,
    };
    if (kv_node_create(&config, &node->kv, &err))
        abort();
    sim_node_groups_create(node);
    node->up = true;
    node->up_since_ns = sim->now_ns;
    sim_trace(sim, 3, id, boot);
}

/* Its fibers are never run again; what they held is given up with the run. */
void sim_node_crash(struct sim *sim, uint32_t id)
{
    sim->nodes[id].up = false;
    sim_trace(sim, 4, id, 0);
    sim_node_groups_lost(sim, id);
    sim_net_crashed(sim, id);
}

/* ---- faults --------------------------------------------------------------------------------- */

struct nemesis {
    struct sim_event event;
    uint32_t kind, node, other;
};

enum { RESTART, HEAL };

static void run_nemesis(struct sim *sim, struct sim_event *event)
{
    struct nemesis *n = container_of(event, struct nemesis, event);
    if (n->kind == RESTART) {
        if (!sim->nodes[n->node].up)
            sim_node_boot(sim, n->node);
    } else {
        sim->nodes[n->node].cut_since_ns[n->other] = sim->nodes[n->other].cut_since_ns[n->node] = 0;
    }
    free(n);
}

static void later(struct sim *sim, uint32_t kind, uint32_t node, uint32_t other, uint64_t delay_ns)
{
    struct nemesis *n = calloc(1, sizeof *n);
    if (!n)
        abort();
    n->kind = kind;
    n->node = node;
    n->other = other;
    sim_at(sim, &n->event, sim->now_ns + delay_ns, run_nemesis);
}

static void cut_pair(struct sim *sim, uint32_t a, uint32_t b, uint64_t ns)
{
    if (a == b || sim->nodes[a].cut_since_ns[b])
        return;
    sim->nodes[a].cut_since_ns[b] = sim->nodes[b].cut_since_ns[a] = sim->now_ns;
    later(sim, HEAL, a, b, ns);
}

static void draw_fault(struct sim *sim)
{
    uint32_t node = 1 + (uint32_t)prng_below(&sim->rng, sim->n_nodes);
    uint64_t ns = (50 + prng_below(&sim->rng, 1500)) * SIM_MS;
    if (prng_chance(&sim->rng, 0.3))
        sim_group_raise_generation(sim, 1 + (uint32_t)prng_below(&sim->rng, SIM_GROUPS));
    switch (prng_below(&sim->rng, 8)) {
    case 0:
    case 1:
        if (sim->nodes[node].up) {
            sim_node_crash(sim, node);
            later(sim, RESTART, node, 0, ns);
        }
        break;
    case 2: /* one alone */
        for (uint32_t other = 1; other <= sim->n_nodes; other++)
            cut_pair(sim, node, other, ns);
        break;
    case 3:
        cut_pair(sim, node, 1 + (uint32_t)prng_below(&sim->rng, sim->n_nodes), ns);
        break;
    default:
        sim_group_depose(sim, 1 + (uint32_t)prng_below(&sim->rng, SIM_GROUPS));
        break;
    }
}

struct ticker {
    struct sim_event event;
};

static void run_tick(struct sim *sim, struct sim_event *event)
{
    sim_groups_tick(sim);
    if (!sim->calm && !sim->config.no_nemesis && prng_chance(&sim->rng, 0.25) &&
        kv_work_is_ready(sim->work))
        draw_fault(sim);
    sim_at(sim, event, sim->now_ns + 50 * SIM_MS, run_tick);
}

static void heal_all(struct sim *sim)
{
    sim->calm = true;
    for (uint32_t a = 1; a <= sim->n_nodes; a++) {
        for (uint32_t b = 1; b <= sim->n_nodes; b++)
            sim->nodes[a].cut_since_ns[b] = 0;
        if (!sim->nodes[a].up)
            sim_node_boot(sim, a);
    }
}

/* ---- the loop ------------------------------------------------------------------------------- */

static void turn_cores(struct sim *sim)
{
    bool more = true;
    for (uint32_t rounds = 0; more; rounds++) {
        more = false;
        uint32_t start = (uint32_t)prng_below(&sim->rng, sim->n_nodes);
        for (uint32_t i = 0; i < sim->n_nodes; i++) {
            struct sim_node *node = &sim->nodes[1 + (start + i) % sim->n_nodes];
            if (node->up)
                more |= core_turn(node->core);
        }
        if (rounds > 1000000) {
            sim_fail(sim, "the nodes never come to rest");
            return;
        }
    }
}

static bool step(struct sim *sim, uint64_t until_ns)
{
    turn_cores(sim);
    struct heap_node *first = heap_min(&sim->events);
    uint64_t next = first ? first->key : UINT64_MAX;
    for (uint32_t i = 1; i <= sim->n_nodes; i++) {
        uint64_t at = sim->nodes[i].up ? core_next_deadline(sim->nodes[i].core) : TASK_FOREVER;
        next = at < next ? at : next;
    }
    if (next > until_ns || sim->result->failed)
        return false;
    sim->now_ns = next > sim->now_ns ? next : sim->now_ns;
    while ((first = heap_min(&sim->events)) && first->key <= sim->now_ns) {
        struct sim_event *event = container_of(first, struct sim_event, node);
        heap_remove(&sim->events, first);
        event->fn(sim, event);
    }
    return true;
}

static void run_until(struct sim *sim, uint64_t until_ns)
{
    while (step(sim, until_ns)) {
    }
    if (sim->now_ns < until_ns)
        sim->now_ns = until_ns;
}

static void start_check(struct sim_node *node, void *arg)
{
    kv_work_check(node->sim->work, &(struct kv_work_node){.kv = node->kv, .core = node->core});
}

static void run_phases(struct sim *sim)
{
    uint64_t work_ns = (sim->config.work_ms ? sim->config.work_ms : 4000) * SIM_MS;
    for (uint32_t i = 0; i < 100 && !kv_work_is_ready(sim->work) && !sim->result->failed; i++)
        run_until(sim, sim->now_ns + 100 * SIM_MS);
    if (!kv_work_is_ready(sim->work))
        sim_fail(sim, "the work could not be set up");
    run_until(sim, sim->now_ns + work_ns);
    heal_all(sim);
    run_until(sim, sim->now_ns + 1000 * SIM_MS);
    kv_work_stop(sim->work);
    run_until(sim, sim->now_ns +
                       45000 * SIM_MS); /* commits give up after 30 s, upkeep tidies after 10 s */
    sim_on_core(&sim->nodes[1 + prng_below(&sim->rng, sim->n_nodes)], start_check, NULL);
    for (uint32_t i = 0; i < 100 && !kv_work_is_checked(sim->work) && !sim->result->failed; i++)
        run_until(sim, sim->now_ns + 100 * SIM_MS);
    if (!kv_work_is_checked(sim->work))
        sim_fail(sim, "the last reading did not end");
    sim_groups_check(sim);
}

void kv_sim_run(const struct kv_sim_config *config, struct kv_sim_result *result)
{
    struct sim *sim = calloc(1, sizeof *sim);
    struct ticker *ticker = calloc(1, sizeof *ticker);
    if (!sim || !ticker)
        abort();
    *result = (struct kv_sim_result){0};
    sim->config = *config;
    sim->result = result;
    sim->n_nodes = config->n_nodes ? config->n_nodes : 3;
    sim->now_ns = 1000 * SIM_MS;
    prng_init(&sim->rng, config->seed);
    sim->hasty = prng_chance(&sim->rng, 0.5);
    sim->slowness = 1u << (2 * prng_below(&sim->rng, 3));
    sim->clients = 1 + (uint32_t)prng_below(&sim->rng, 4);
    heap_init(&sim->events);
    list_init(&sim->handled);
    sim_groups_init(sim);
    sim->work = kv_work_create(&(struct kv_work_world){
        .seed = config->seed,
        .clients = sim->clients,
        .prng = &sim->rng,
        .result = result,
    });
    for (uint32_t id = 1; id <= sim->n_nodes; id++)
        sim_node_boot(sim, id);
    sim_at(sim, &ticker->event, sim->now_ns, run_tick);
    run_phases(sim);
    result->trace_hash = sim->hash;
    result->virtual_ms = sim->now_ns / SIM_MS;
    kv_work_destroy(sim->work);
    sim_groups_done(sim);
    heap_done(&sim->events);
    /* Fibers of crashed nodes stand where they stood: their memory goes with the process. */
}
