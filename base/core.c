#include "base/core.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core_int.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/task_int.h"

enum {
    TURN_SWITCHES_MAX = 128,
    TURN_NS_MAX = 500 * 1000,
    CHARGE_BASE = 20, /* units a switch costs whatever the fiber did */
    STALL_NS_DEFAULT = 10 * 1000 * 1000,
    STALL_LOG_NS = 1000 * 1000 * 1000,
    KIND_TASK = 0,
    KIND_TIMER = 1,
};

/* Cost of one unit in virtual time: the inverse of a class's share. */
static const uint64_t class_price[TASK_CLASS_COUNT] = {
    [TASK_CONSENSUS] = 1, [TASK_TXN] = 2, [TASK_ANALYTICS] = 10, [TASK_BACKGROUND] = 20};

static void *must_zalloc(size_t bytes, size_t align)
{
    void *p = aligned_alloc(align, (bytes + align - 1) / align * align);
    if (!p) {
        fprintf(stderr, "cairn: out of memory starting a core\n");
        abort();
    }
    return memset(p, 0, bytes);
}

struct core *core_create(struct runtime *runtime, uint32_t index)
{
    struct core *core = must_zalloc(sizeof *core, 64);
    core->runtime = runtime;
    core->env = runtime->env;
    core->index = index;
    for (int c = 0; c < TASK_CLASS_COUNT; c++)
        list_init(&core->run_queue[c]);
    list_init(&core->all_tasks);
    list_init(&core->stackless);
    list_init(&core->free_tasks);
    heap_init(&core->timers);
    core->defer_tail = &core->defer_head;
    core->metrics = index < runtime->core_count ? runtime->metrics->cores[index]
                                                : metric_shared(runtime->metrics);
    core->now = env_mono_ns(core->env);
    return core;
}

void core_destroy(struct core *core)
{
    for (struct list_node *n; (n = list_pop_front(&core->free_tasks));)
        free(container_of(n, struct task, run_link));
    heap_done(&core->timers);
    free(core);
}

/* ---- run queues ---- */

void core_make_ready(struct core *core, struct task *task)
{
    struct list *queue = &core->run_queue[task->cls];
    if (list_is_empty(queue) && core->class_vtime[task->cls] < core->vtime)
        core->class_vtime[task->cls] = core->vtime; /* no credit for having slept */
    task->state = TASK_READY;
    if (core->shuffle && (prng_next(core->shuffle) & 3) == 0)
        list_push_front(queue, &task->run_link);
    else
        list_push_back(queue, &task->run_link);
    core->ready_count++;
}

static struct task *take_next(struct core *core)
{
    int best = -1;
    for (int c = 0; c < TASK_CLASS_COUNT; c++)
        if (!list_is_empty(&core->run_queue[c]) &&
            (best < 0 || core->class_vtime[c] < core->class_vtime[best]))
            best = c;
    if (best < 0)
        return NULL;
    core->vtime = core->class_vtime[best];
    core->ready_count--;
    return container_of(list_pop_front(&core->run_queue[best]), struct task, run_link);
}

static void report_stall(struct core *core, struct task *task, uint64_t ns)
{
    core->stats.stalls++;
    if (ns > core->stats.stall_ns_max)
        core->stats.stall_ns_max = ns;
    metric_add(core->metrics, METRIC_core_stalls, 1);
    /* On an overcommitted machine every preemption looks like a stall: one line a second will do.
     */
    if (core->stall_logged && core->now - core->stall_logged < STALL_LOG_NS)
        return;
    core->stall_logged = core->now;
    log_event(core->env->log, LOG_WARN, "core_stall", LOG_TEXT("fiber", task->name),
              LOG_U64("class", task->cls), LOG_U64("held_us", ns / 1000),
              LOG_U64("stalls", core->stats.stalls));
}

static void retry_stackless(struct core *core)
{
    struct list_node *node = list_pop_front(&core->stackless);
    if (node)
        core_make_ready(core, container_of(node, struct task, run_link));
}

static void run_one(struct core *core, struct task *task)
{
    if (!task->stack && !task_get_stack(task)) {
        list_push_back(&core->stackless, &task->run_link);
        return;
    }
    mono_ns start = core->now;
    uint8_t cls = task->cls;
    if (task->slice_left <= 0)
        task->slice_left = TASK_SLICE_UNITS;
    int32_t slice = task->slice_left;
    atomic_store_explicit(&core->running_since, start, memory_order_relaxed);
    task_switch_to(core, task);
    atomic_store_explicit(&core->running_since, 0, memory_order_relaxed);
    core->now = env_mono_ns(core->env);
    uint64_t units = CHARGE_BASE + (uint64_t)(slice - task->slice_left);
    core->class_vtime[cls] += units * class_price[cls];
    uint64_t held = core->now - start;
    if (__builtin_expect(held > core->runtime->config.stall_ns, 0))
        report_stall(core, task, held);
    if (task->state == TASK_ENDED) {
        task_release(task);
        retry_stackless(core);
    }
}

static void run_ready(struct core *core)
{
    mono_ns end = core->now + TURN_NS_MAX;
    for (int n = 0; n < TURN_SWITCHES_MAX && core->now < end; n++) {
        struct task *task = take_next(core);
        if (!task)
            return;
        run_one(core, task);
    }
}

/* ---- messages ---- */

void core_post(struct core *core, struct core_msg *msg, core_msg_fn *fn)
{
    msg->fn = fn;
    struct core_msg *head = atomic_load_explicit(&core->inbox, memory_order_relaxed);
    do {
        msg->next = head;
    } while (!atomic_compare_exchange_weak(&core->inbox, &head, msg));
    /* Only the first message of a batch wakes; sequential consistency pairs with
     * core_prepare_sleep. */
    if (!head && atomic_load(&core->sleeping))
        core->env->ops->core_wake(core->env, core);
}

static void take_messages(struct core *core)
{
    if (!atomic_load_explicit(&core->inbox, memory_order_relaxed))
        return;
    core_woke(core);
    struct core_msg *msg = atomic_exchange(&core->inbox, NULL);
    struct core_msg *in_order = NULL;
    while (msg) {
        struct core_msg *next = msg->next;
        msg->next = in_order;
        in_order = msg;
        msg = next;
    }
    uint64_t n = 0;
    while (in_order) {
        struct core_msg *next = in_order->next;
        in_order->fn(core, in_order);
        in_order = next;
        n++;
    }
    core->stats.messages += n;
    metric_add(core->metrics, METRIC_core_messages, (int64_t)n);
    core->last_message = core->now;
}

struct call_msg {
    struct core_msg msg;
    task_fn *fn;
    void *arg;
    struct task *caller;
    enum task_class cls;
    bool done;
};

static void finish_call(struct core *core, struct core_msg *msg)
{
    (void)core;
    struct call_msg *call = container_of(msg, struct call_msg, msg);
    call->done = true;
    task_wake(call->caller);
}

static void run_call(struct task *task, void *arg)
{
    struct call_msg *call = arg;
    call->fn(task, call->arg);
    core_post(call->caller->core, &call->msg, finish_call);
}

static void start_call(struct core *core, struct core_msg *msg)
{
    struct call_msg *call = container_of(msg, struct call_msg, msg);
    task_spawn(core, call->cls, "core_call", run_call, call);
}

void core_call(struct task *task, struct core *target, enum task_class cls, task_fn *fn, void *arg)
{
    if (task->core == target) {
        fn(task, arg);
        return;
    }
    struct call_msg call = {.fn = fn, .arg = arg, .caller = task, .cls = cls};
    core_post(target, &call.msg, start_call);
    while (!call.done)
        task_park_always(task);
}

/* ---- timers and defers ---- */

void core_timer_init(struct core_timer *timer, core_timer_fn *fn)
{
    *timer = (struct core_timer){.node.kind = KIND_TIMER, .fn = fn};
}

void core_timer_start(struct core *core, struct core_timer *timer, mono_ns at)
{
    heap_remove(&core->timers, &timer->node);
    heap_insert(&core->timers, &timer->node, at);
}

void core_timer_stop(struct core *core, struct core_timer *timer)
{
    heap_remove(&core->timers, &timer->node);
}

static void fire_timers(struct core *core)
{
    for (;;) {
        struct heap_node *node = heap_min(&core->timers);
        if (!node || node->key > core->now)
            return;
        heap_remove(&core->timers, node);
        if (node->kind == KIND_TIMER) {
            struct core_timer *timer = container_of(node, struct core_timer, node);
            timer->fn(core, timer);
            continue;
        }
        struct task *task = container_of(node, struct task, timer);
        task->timed_out = true;
        if (task->state == TASK_PARKED)
            core_make_ready(core, task);
    }
}

void core_defer(struct core *core, struct core_defer *defer, core_defer_fn *fn)
{
    if (defer->queued)
        return;
    defer->queued = true;
    defer->fn = fn;
    defer->next = NULL;
    *core->defer_tail = defer;
    core->defer_tail = &defer->next;
}

static void run_defers(struct core *core)
{
    while (core->defer_head) {
        struct core_defer *defer = core->defer_head;
        core->defer_head = NULL;
        core->defer_tail = &core->defer_head;
        while (defer) {
            struct core_defer *next = defer->next;
            defer->queued = false;
            defer->fn(core, defer);
            defer = next;
        }
    }
}

/* ---- turns ---- */

bool core_turn(struct core *core)
{
    struct stack_thread *t = stack_thread();
    struct core *before = t->core;
    t->core = core;
    core->now = core->turn_start = env_mono_ns(core->env);
    core->stats.turns++;
    uint64_t switches = core->stats.switches;
    take_messages(core);
    fire_timers(core);
    run_ready(core);
    run_defers(core);
    metric_add(core->metrics, METRIC_core_turns, 1);
    metric_add(core->metrics, METRIC_core_switches, (int64_t)(core->stats.switches - switches));
    metric_set(core->metrics, METRIC_core_tasks, core->stats.tasks_live);
    if (core->stats.switches != switches) {
        core->stats.busy_ns += core->now - core->turn_start;
        metric_observe(core->metrics, METRIC_core_turn_us, (core->now - core->turn_start) / 1000);
    }
    t->core = before;
    return core->ready_count > 0 ||
           atomic_load_explicit(&core->inbox, memory_order_relaxed) != NULL;
}

mono_ns core_next_deadline(const struct core *core)
{
    const struct heap_node *node = heap_min(&core->timers);
    return node ? node->key : TASK_FOREVER;
}

bool core_prepare_sleep(struct core *core)
{
    atomic_store(&core->sleeping, true);
    if (atomic_load(&core->inbox)) {
        atomic_store(&core->sleeping, false);
        return false;
    }
    return true;
}

void core_woke(struct core *core)
{
    if (atomic_load_explicit(&core->sleeping, memory_order_relaxed))
        atomic_store(&core->sleeping, false);
}

/* ---- the end ---- */

static void wake_others(struct core *core)
{
    struct runtime *rt = core->runtime;
    for (uint32_t i = 0; i < rt->core_count; i++)
        if (rt->cores[i] != core)
            core->env->ops->core_wake(core->env, rt->cores[i]);
}

/* One look at all cores: false if one has fibers or messages. Adds up their activity counts. */
static bool look_idle(struct runtime *rt, uint64_t *activity)
{
    *activity = 0;
    for (uint32_t i = 0; i < rt->core_count; i++) {
        struct core *c = rt->cores[i];
        if (atomic_load(&c->inbox) || !atomic_load(&c->idle))
            return false;
        *activity += atomic_load(&c->activity);
    }
    return true;
}

/* Termination detection in two looks: a message in flight between two looks raises the receiver's
 * activity count. */
bool core_should_end(struct core *core)
{
    struct runtime *rt = core->runtime;
    if (!atomic_load_explicit(&rt->stopping, memory_order_acquire))
        return false;
    bool idle = core->stats.tasks_live == 0 && !atomic_load(&core->inbox);
    if (!idle) {
        if (atomic_load(&core->idle)) {
            atomic_fetch_add(&core->activity, 1);
            atomic_store(&core->idle, false);
        }
        return false;
    }
    if (!atomic_load(&core->idle)) {
        atomic_fetch_add(&core->activity, 1);
        atomic_store(&core->idle, true);
        wake_others(core);
    }
    uint64_t first, second;
    return look_idle(rt, &first) && look_idle(rt, &second) && first == second;
}

/* ---- runtime ---- */

static void free_runtime(struct runtime *rt)
{
    for (uint32_t i = 0; i < rt->core_count; i++)
        if (rt->cores[i])
            core_destroy(rt->cores[i]);
    metrics_destroy(rt->metrics);
    free(rt->cores);
    free(rt);
}

void runtime_abandon(struct runtime *rt)
{
    free_runtime(rt);
}

struct main_msg {
    struct core_msg msg;
    task_fn *fn;
    void *arg;
};

static void start_main(struct core *core, struct core_msg *msg)
{
    struct main_msg *m = container_of(msg, struct main_msg, msg);
    task_spawn(core, TASK_TXN, "main", m->fn, m->arg);
    free(m);
}

static void stop_started(struct runtime *rt, uint32_t started)
{
    for (uint32_t i = started; i < rt->core_count; i++)
        core_destroy(rt->cores[i]);
    rt->core_count = started;
    runtime_stop(rt);
    runtime_join(rt);
}

int runtime_start(struct env *env, const struct runtime_config *config, task_fn *main_fn, void *arg,
                  struct runtime **out, struct err *err)
{
    struct runtime *rt = must_zalloc(sizeof *rt, 64);
    rt->env = env;
    rt->config = *config;
    if (!rt->config.core_count) {
        uint32_t cpus = env_cpu_count(env);
        rt->config.core_count = cpus > 1 ? cpus - 1 : 1;
    }
    if (!rt->config.stack_depth_max_bytes)
        rt->config.stack_depth_max_bytes = STACK_DEPTH_DEFAULT_BYTES;
    if (!rt->config.stall_ns)
        rt->config.stall_ns = STALL_NS_DEFAULT;
    rt->core_count = rt->config.core_count;
    rt->cores = must_zalloc(rt->core_count * sizeof *rt->cores, 64);
    rt->metrics = metrics_create(rt->core_count);
    for (uint32_t i = 0; i < rt->core_count; i++)
        rt->cores[i] = core_create(rt, i);
    for (uint32_t i = 0; i < rt->core_count; i++) {
        int rc = env->ops->core_start(env, rt->cores[i], err);
        if (rc) {
            /* Those that run have no fibers yet: they end at once. */
            stop_started(rt, i);
            return rc;
        }
    }
    struct main_msg *m = must_zalloc(sizeof *m, 64);
    m->fn = main_fn;
    m->arg = arg;
    core_post(rt->cores[0], &m->msg, start_main);
    *out = rt;
    return 0;
}

void runtime_stop(struct runtime *rt)
{
    atomic_store(&rt->stopping, true);
    for (uint32_t i = 0; i < rt->core_count; i++)
        rt->env->ops->core_wake(rt->env, rt->cores[i]);
}

void runtime_join(struct runtime *rt)
{
    for (uint32_t i = 0; i < rt->core_count; i++)
        rt->env->ops->core_join(rt->env, rt->cores[i]);
    /* Only now: a core that ends late still wakes the others. */
    for (uint32_t i = 0; i < rt->core_count; i++)
        rt->env->ops->core_free(rt->env, rt->cores[i]);
    free_runtime(rt);
}
