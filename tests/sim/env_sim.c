#include "tests/sim/env_sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/core_int.h"
#include "base/crc32c.h"
#include "base/hash.h"
#include "base/stack_int.h"
#include "base/task_int.h"
#include "tests/sim/env_sim_int.h"

/* Read by jemalloc when it starts: a simulation frees and takes the same pages all the time, giving
 * them back to the system in between would cost more than the simulation. */
extern const char *malloc_conf;
const char *malloc_conf = "dirty_decay_ms:-1,muzzy_decay_ms:-1";

#if defined(__SANITIZE_ADDRESS__)
/* A crashed node's memory is leaked on purpose (env_sim.h). */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

/* 2026-01-01 00:00:00 UTC: any fixed day will do. */
static const uint64_t WALL_START_US = UINT64_C(1767225600) * 1000000;

static void *must_zalloc(size_t bytes)
{
    void *p = calloc(1, bytes);
    if (!p)
        abort();
    return p;
}

/* ---- events and the trace ---- */

void sim_note(struct sim *sim, enum sim_trace_kind kind, uint64_t a, uint64_t b)
{
    sim->hash = hash_combine(sim->hash, hash_combine(sim->now ^ ((uint64_t)kind << 56), a));
    sim->hash = hash_combine(sim->hash, b);
}

void sim_trace(struct sim *sim, const void *data, size_t len)
{
    sim_note(sim, SIM_TRACE_DRIVER, hash_bytes(data, len, 0), len);
}

uint64_t sim_trace_hash(const struct sim *sim)
{
    return sim->hash;
}

uint64_t sim_event_count(const struct sim *sim)
{
    return sim->event_count;
}

uint64_t sim_draw(struct sim *sim, uint64_t lo, uint64_t hi)
{
    return hi > lo ? lo + prng_below(&sim->prng, hi - lo + 1) : lo;
}

void sim_event_init(struct sim_event *event, sim_event_fn *fn)
{
    *event = (struct sim_event){.fn = fn};
}

void sim_event_cancel(struct sim *sim, struct sim_event *event)
{
    heap_remove(&sim->events, &event->node);
    list_remove(&event->owner_link);
}

void sim_event_at(struct sim *sim, struct sim_event *event, struct sim_node *owner, uint64_t at)
{
    sim_event_cancel(sim, event);
    heap_insert(&sim->events, &event->node, at > sim->now ? at : sim->now);
    if (owner)
        list_push_back(&owner->events, &event->owner_link);
}

struct driver_call {
    struct sim_event event;
    sim_call *fn;
    void *arg;
};

static void run_driver_call(struct sim *sim, struct sim_event *event)
{
    struct driver_call *call = container_of(event, struct driver_call, event);
    sim_call *fn = call->fn;
    void *arg = call->arg;
    free(call);
    fn(sim, arg);
}

void sim_after(struct sim *sim, uint64_t ns, sim_call *fn, void *arg)
{
    struct driver_call *call = must_zalloc(sizeof *call);
    sim_event_init(&call->event, run_driver_call);
    call->fn = fn;
    call->arg = arg;
    sim_event_at(sim, &call->event, NULL, sim->now + ns);
}

bool sim_step(struct sim *sim)
{
    struct heap_node *node = heap_min(&sim->events);
    if (!node)
        return false;
    struct sim_event *event = container_of(node, struct sim_event, node);
    sim->now = node->key;
    sim_event_cancel(sim, event);
    sim->event_count++;
    event->fn(sim, event);
    return true;
}

bool sim_run_until(struct sim *sim, sim_cond *cond, void *arg, uint64_t ns_max)
{
    uint64_t end = sim->now + ns_max;
    for (;;) {
        if (cond && cond(sim, arg))
            return true;
        struct heap_node *node = heap_min(&sim->events);
        if (!node || node->key > end) {
            sim->now = end;
            return false;
        }
        sim_step(sim);
    }
}

void sim_run_for(struct sim *sim, uint64_t ns)
{
    sim_run_until(sim, NULL, NULL, ns);
}

uint64_t sim_now(const struct sim *sim)
{
    return sim->now;
}

struct prng *sim_prng(struct sim *sim)
{
    return &sim->driver_prng;
}

/* ---- clocks and the like ---- */

static uint64_t get_mono_ns(struct env *env)
{
    struct sim_node *n = sim_node_of(env);
    return n->sim->now + n->mono_offset;
}

static uint64_t get_wall_us(struct env *env)
{
    struct sim_node *n = sim_node_of(env);
    uint64_t now = n->sim->now;
    int64_t drift = (int64_t)((now - n->drift_since) / 1000) * n->drift_ppm / 1000000;
    return WALL_START_US + now / 1000 + (uint64_t)n->wall_offset_us + (uint64_t)drift;
}

void sim_clock_skew(struct sim *sim, uint32_t i, int64_t offset_us, int32_t drift_ppm)
{
    struct sim_node *n = &sim->nodes[i];
    n->wall_offset_us = offset_us;
    n->drift_ppm = drift_ppm;
    n->drift_since = sim->now;
}

void sim_clock_jump(struct sim *sim, uint32_t i, uint64_t ns)
{
    struct sim_node *n = &sim->nodes[i];
    n->mono_offset += ns;
    for (uint32_t c = 0; n->state == SIM_UP && c < n->core_slots; c++)
        sim_kick(n->cores[c].core);
}

static void fill_random(struct env *env, void *out, size_t len)
{
    struct sim_node *n = sim_node_of(env);
    uint8_t *at = out;
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)(prng_next(&n->prng) >> 32);
}

static void get_memory(struct env *env, struct env_memory *out)
{
    *out = (struct env_memory){.resident_bytes = 32 << 20,
                               .system_total_bytes = UINT64_C(8) << 30,
                               .system_available_bytes = UINT64_C(4) << 30};
}

static uint32_t get_cpu_count(struct env *env)
{
    return sim_node_of(env)->sim->config.cores_per_node;
}

/* Time zone files are constants of the world: read from the machine that runs the simulation. */
static int read_zoneinfo(struct task *task, struct env *env, const char *name, struct buf *out,
                         enum fs_result *result, struct err *err)
{
    char path[200];
    *result = FS_NOT_FOUND;
    if (strstr(name, "..") || name[0] == '/' || strlen(name) > 100)
        return 0;
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return 0;
    char block[4096];
    size_t n;
    while ((n = fread(block, 1, sizeof block, f)) > 0)
        buf_put(out, block, n);
    fclose(f);
    *result = out->len ? FS_OK : FS_NOT_FOUND;
    return 0;
}

static void write_log(struct env *env, const char *line, size_t len)
{
    struct sim *sim = sim_node_of(env)->sim;
    sim_note(sim, SIM_TRACE_LOG, hash_bytes(line, len, 0), len);
    if (sim->config.log)
        fwrite(line, 1, len, sim->config.log);
}

static void sleep_thread(struct env *env, uint64_t ns)
{
    abort(); /* there are no threads here: jobs run in fibers */
}

/* ---- cores ---- */

static struct sim_core *slot_of(struct core *core)
{
    return core->env_core;
}

static void schedule_turn(struct sim_core *sc, uint64_t at)
{
    struct sim *sim = sc->node->sim;
    if (at < sc->busy_until)
        at = sc->busy_until;
    if (heap_node_is_in(&sc->turn.node) && sc->turn.node.key <= at)
        return;
    sim_event_at(sim, &sc->turn, sc->node, at);
}

void sim_kick(struct core *core)
{
    struct sim_core *sc = slot_of(core);
    if (!sc->ended && sc->node->state == SIM_UP)
        schedule_turn(sc, sc->node->sim->now + sim_draw(sc->node->sim, 200, 3000));
}

static void stop_node(struct sim *sim, struct sim_node *n);

/* Simulated CPU time of a turn: some base and some for each switch. */
static uint64_t turn_cost(struct sim_core *sc, uint64_t switches)
{
    return (500 + switches * 700 + sim_draw(sc->node->sim, 0, 500)) * sc->node->slow_factor;
}

static void run_turn(struct sim *sim, struct sim_event *event)
{
    struct sim_core *sc = container_of(event, struct sim_core, turn);
    struct sim_node *n = sc->node;
    struct core *core = sc->core;
    if (n->paused || sc->ended)
        return;
    uint64_t switches = core->stats.switches;
    core_woke(core);
    sim->in_turn = true;
    bool more = core_turn(core);
    sim->in_turn = false;
    switches = core->stats.switches - switches;
    sim_note(sim, SIM_TRACE_TURN, (uint64_t)n->index << 32 | core->index, switches);
    sc->busy_until = sim->now + turn_cost(sc, switches);
    if (core->index < n->runtime->core_count && core_should_end(core)) {
        sc->ended = true;
        for (uint32_t c = 0; c < n->runtime->core_count; c++)
            if (!n->cores[c].ended)
                return;
        stop_node(sim, n);
        return;
    }
    if (more || !core_prepare_sleep(core)) {
        schedule_turn(sc, sc->busy_until);
        return;
    }
    mono_ns at = core_next_deadline(core);
    if (at != TASK_FOREVER)
        schedule_turn(sc, at > n->mono_offset ? at - n->mono_offset : 0);
}

static int start_core(struct env *env, struct core *core, struct err *err)
{
    struct sim_node *n = sim_node_of(env);
    struct sim_core *sc = &n->cores[core->index];
    *sc = (struct sim_core){.core = core, .node = n};
    sim_event_init(&sc->turn, run_turn);
    core->env_core = sc;
    core->shuffle = &n->shuffle;
    core->scheduler_fiber = stack_san_fiber_current();
    core_prepare_sleep(core);
    return 0;
}

static void wake_core(struct env *env, struct core *core)
{
    sim_kick(core);
}

static void join_core(struct env *env, struct core *core)
{
    struct sim_core *sc = slot_of(core);
    sim_event_cancel(sc->node->sim, &sc->turn);
}

static void free_core(struct env *env, struct core *core)
{
    core->env_core = NULL;
}

/* ---- sleeping fibers ---- */

struct sleeper {
    struct sim_event event;
    struct task *task;
    bool done;
};

void sim_wake(struct task *task)
{
    task_wake(task);
    sim_kick(task->core);
}

static void end_sleep(struct sim *sim, struct sim_event *event)
{
    struct sleeper *s = container_of(event, struct sleeper, event);
    s->done = true;
    sim_wake(s->task);
}

void sim_wait(struct task *task, uint64_t ns)
{
    struct sim_node *n = sim_node_of(task->env);
    struct sleeper s = {.task = task};
    sim_event_init(&s.event, end_sleep);
    sim_event_at(n->sim, &s.event, n, n->sim->now + ns);
    while (!s.done)
        task_park_always(task);
}

/* ---- jobs and lanes, on the hidden core ---- */

static struct core *job_core(struct sim_node *n)
{
    return n->cores[n->core_slots - 1].core;
}

struct sim_job {
    struct core_msg msg;
    struct list_node link;
    job_fn *fn;
    void *arg;
};

static void run_job(struct task *task, void *arg)
{
    struct sim_job job = *(struct sim_job *)arg;
    free(arg);
    struct sim *sim = sim_node_of(task->env)->sim;
    sim_wait(task, sim_draw(sim, 1000, 200000)); /* jobs end in drawn order */
    job.fn(task, job.arg);
}

static void start_job(struct core *core, struct core_msg *msg)
{
    task_spawn(core, TASK_TXN, "job", run_job, container_of(msg, struct sim_job, msg));
}

static struct sim_job *make_job(job_fn *fn, void *arg)
{
    struct sim_job *job = must_zalloc(sizeof *job);
    job->fn = fn;
    job->arg = arg;
    return job;
}

static void post_job(struct env *env, job_fn *fn, void *arg)
{
    core_post(job_core(sim_node_of(env)), &make_job(fn, arg)->msg, start_job);
}

struct sim_lane {
    struct lane lane;
    struct core_msg msg;
    struct list jobs;
    bool busy; /* its fiber runs, or is on its way */
    struct task *closer;
};

static void run_lane(struct task *task, void *arg)
{
    struct sim_lane *lane = arg;
    struct sim *sim = sim_node_of(task->env)->sim;
    struct list_node *node;
    while ((node = list_first(&lane->jobs))) {
        struct sim_job *job = container_of(node, struct sim_job, link);
        list_remove(node);
        sim_wait(task, sim_draw(sim, 500, 20000));
        job->fn(task, job->arg);
        free(job);
    }
    lane->busy = false;
    if (lane->closer)
        task_wake_from_thread(lane->closer);
}

static void start_lane(struct core *core, struct core_msg *msg)
{
    task_spawn(core, TASK_CONSENSUS, "lane", run_lane, container_of(msg, struct sim_lane, msg));
}

static int open_lane(struct env *env, const char *name, struct lane **out, struct err *err)
{
    struct sim_lane *lane = must_zalloc(sizeof *lane);
    lane->lane.env = env;
    list_init(&lane->jobs);
    *out = &lane->lane;
    return 0;
}

static void post_lane(struct lane *base, job_fn *fn, void *arg)
{
    struct sim_lane *lane = container_of(base, struct sim_lane, lane);
    list_push_back(&lane->jobs, &make_job(fn, arg)->link);
    if (lane->busy)
        return;
    lane->busy = true;
    core_post(job_core(sim_node_of(base->env)), &lane->msg, start_lane);
}

static void close_lane(struct task *task, struct lane *base)
{
    struct sim_lane *lane = container_of(base, struct sim_lane, lane);
    lane->closer = task;
    while (lane->busy)
        task_park_always(task);
    free(lane);
}

/* ---- nodes ---- */

static void init_node(struct sim *sim, uint32_t i)
{
    struct sim_node *n = &sim->nodes[i];
    n->sim = sim;
    n->index = i;
    n->env.ops = &env_sim_ops;
    n->env.log = &n->log;
    n->env.faults = &n->faults;
    n->slow_factor = 1;
    n->mono_offset = SIM_SECOND * (1 + i); /* monotonic clocks of nodes have nothing in common */
    log_init(&n->log, &n->env, i + 1);
    fault_set_init(&n->faults, prng_next(&sim->prng));
    prng_init(&n->prng, prng_next(&sim->prng));
    prng_init(&n->shuffle, prng_next(&sim->prng));
    list_init(&n->events);
    list_init(&n->socks);
    list_init(&n->listeners);
    sim_disk_init(&n->disk);
    n->core_slots = sim->config.cores_per_node + 1;
    n->cores = must_zalloc(n->core_slots * sizeof *n->cores);
    n->next_port = 30000;
}

struct sim *sim_create(const struct sim_config *config)
{
    assert(config->node_count > 0 && config->node_count <= SIM_NODES_MAX);
    struct sim *sim = must_zalloc(sizeof *sim);
    sim->config = *config;
    if (!sim->config.cores_per_node)
        sim->config.cores_per_node = 1;
    sim->hash = config->seed;
    sim->delay_min = 50 * SIM_US;
    sim->delay_max = 500 * SIM_US;
    heap_init(&sim->events);
    prng_init(&sim->prng, config->seed);
    prng_init(&sim->driver_prng, config->seed ^ 0x5bd1e995);
    sim->nodes = must_zalloc(config->node_count * sizeof *sim->nodes);
    for (uint32_t i = 0; i < config->node_count; i++)
        init_node(sim, i);
    return sim;
}

void sim_node_start(struct sim *sim, uint32_t i, task_fn *main_fn, void *arg)
{
    struct sim_node *n = &sim->nodes[i];
    assert(n->state != SIM_UP && !sim->in_turn);
    n->state = SIM_UP;
    n->vanished = n->paused = false;
    n->boots++;
    sim_note(sim, SIM_TRACE_START, i, n->boots);
    struct runtime_config config = {.core_count = sim->config.cores_per_node};
    struct err err;
    if (runtime_start(&n->env, &config, main_fn, arg, &n->runtime, &err))
        abort();
    struct core *hidden = core_create(n->runtime, n->core_slots - 1);
    start_core(&n->env, hidden, NULL);
}

static void drop_core(struct core *core)
{
    struct list_node *node;
    while ((node = list_first(&core->all_tasks))) {
        struct task *task = container_of(node, struct task, all_link);
        list_remove(node);
        if (task->stack) {
            stack_san_fiber_destroy(task->stack->san_fiber); /* in the middle of something */
            task->stack->san_fiber = NULL;
            stack_give(&stack_thread()->stacks, task->stack);
        }
        free(task);
    }
}

static void free_hidden(struct sim_node *n)
{
    struct core *hidden = job_core(n);
    join_core(&n->env, hidden);
    drop_core(hidden);
    core_destroy(hidden);
}

/* All cores ended by themselves. */
static void stop_node(struct sim *sim, struct sim_node *n)
{
    sim_net_crash(n); /* what it left open */
    /* Before the hidden core goes: a job that nobody waits for sleeps on a stack of it. */
    for (struct list_node *e; (e = list_first(&n->events));)
        sim_event_cancel(sim, container_of(e, struct sim_event, owner_link));
    free_hidden(n);
    runtime_join(n->runtime);
    n->runtime = NULL;
    n->state = SIM_STOPPED;
    for (struct list_node *e; (e = list_first(&n->events));)
        sim_event_cancel(sim, container_of(e, struct sim_event, owner_link));
}

static void crash_now(struct sim *sim, struct sim_node *n, bool vanish)
{
    if (n->state != SIM_UP)
        return;
    sim_note(sim, SIM_TRACE_CRASH, n->index, vanish);
    n->state = SIM_DOWN;
    n->vanished = vanish;
    for (struct list_node *e; (e = list_first(&n->events));)
        sim_event_cancel(sim, container_of(e, struct sim_event, owner_link));
    sim_net_crash(n);
    sim_disk_crash(n);
    for (uint32_t c = 0; c < n->core_slots; c++)
        drop_core(n->cores[c].core);
    core_destroy(job_core(n));
    runtime_abandon(n->runtime);
    n->runtime = NULL;
}

static void meet_doom(struct sim *sim, struct sim_event *event)
{
    struct sim_node *n = container_of(event, struct sim_node, doom);
    crash_now(sim, n, n->doom_vanish);
}

static void crash_node(struct sim *sim, uint32_t i, bool vanish)
{
    struct sim_node *n = &sim->nodes[i];
    if (!sim->in_turn) {
        crash_now(sim, n, vanish);
        return;
    }
    n->doom_vanish = vanish;
    n->doom.fn = meet_doom;
    sim_event_at(sim, &n->doom, NULL, sim->now);
}

void sim_node_crash(struct sim *sim, uint32_t i)
{
    crash_node(sim, i, false);
}

void sim_node_vanish(struct sim *sim, uint32_t i)
{
    crash_node(sim, i, true);
}

void sim_node_pause(struct sim *sim, uint32_t i, bool paused)
{
    struct sim_node *n = &sim->nodes[i];
    n->paused = paused;
    for (uint32_t c = 0; !paused && n->state == SIM_UP && c < n->core_slots; c++)
        sim_kick(n->cores[c].core);
}

void sim_node_slow(struct sim *sim, uint32_t i, uint32_t factor)
{
    sim->nodes[i].slow_factor = factor;
}

enum sim_node_state sim_node_state(const struct sim *sim, uint32_t i)
{
    return sim->nodes[i].state;
}

struct env *sim_node_env(struct sim *sim, uint32_t i)
{
    return &sim->nodes[i].env;
}

struct runtime *sim_node_runtime(struct sim *sim, uint32_t i)
{
    return sim->nodes[i].runtime;
}

struct fault_set *sim_node_faults(struct sim *sim, uint32_t i)
{
    return &sim->nodes[i].faults;
}

uint32_t sim_node_boots(const struct sim *sim, uint32_t i)
{
    return sim->nodes[i].boots;
}

void sim_destroy(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->config.node_count; i++) {
        crash_now(sim, &sim->nodes[i], false);
        sim_disk_done(&sim->nodes[i].disk);
        free(sim->nodes[i].cores);
    }
    for (struct heap_node *node; (node = heap_min(&sim->events));)
        sim_event_cancel(sim, container_of(node, struct sim_event, node));
    heap_done(&sim->events);
    free(sim->nodes);
    free(sim);
}

const struct env_ops env_sim_ops = {
    .mono_ns = get_mono_ns,
    .boot_ns = get_mono_ns,
    .wall_us = get_wall_us,
    .random = fill_random,
    .memory = get_memory,
    .cpu_count = get_cpu_count,
    .zoneinfo = read_zoneinfo,
    .log_write = write_log,
    .core_start = start_core,
    .core_wake = wake_core,
    .core_join = join_core,
    .core_free = free_core,
    .thread_sleep = sleep_thread,
    .job_post = post_job,
    .lane_open = open_lane,
    .lane_post = post_lane,
    .lane_close = close_lane,
    .file_open = sim_file_open,
    .file_close = sim_file_close,
    .file_pread = sim_file_pread,
    .file_pwritev = sim_file_pwritev,
    .file_sync = sim_file_sync,
    .file_truncate = sim_file_truncate,
    .file_allocate = sim_file_allocate,
    .file_size = sim_file_size,
    .fs_rename = sim_fs_rename,
    .fs_unlink = sim_fs_unlink,
    .fs_mkdir = sim_fs_mkdir,
    .fs_rmdir = sim_fs_rmdir,
    .fs_sync_dir = sim_fs_sync_dir,
    .fs_stat = sim_fs_stat,
    .fs_list = sim_fs_list,
    .fs_lock = sim_fs_lock,
    .fs_free_space = sim_fs_free_space,
    .sock_listen = sim_sock_listen,
    .listener_port = sim_listener_port,
    .listener_accept = sim_listener_accept,
    .listener_close = sim_listener_close,
    .sock_connect = sim_sock_connect,
    .sock_read = sim_sock_read,
    .sock_write = sim_sock_write,
    .sock_queue = sim_sock_queue,
    .sock_queued_bytes = sim_sock_queued_bytes,
    .sock_on_readable = sim_sock_on_readable,
    .sock_shutdown = sim_sock_shutdown,
    .sock_close = sim_sock_close,
    .sock_move = sim_sock_move,
    .sock_peer = sim_sock_peer,
};
