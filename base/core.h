/* core.h: one thread, one loop, one run queue; and the runtime that holds them.
 *
 * A node runs n cores. Each core is an OS thread with an event loop (env_uv), or, in the simulator,
 * one of many cores of many nodes that take turns in a single thread. A turn of a core: take the
 * messages other threads sent, fire due timers, run ready fibers within a budget, run what was
 * deferred to the end of the turn (coalesced writes), then ask the env for I/O.
 *
 * Between cores only messages pass. core_post is one-way: fn(core, msg) runs over there on the
 * scheduler's stack and must neither wait nor take long. core_call runs fn in a fiber over there
 * and sleeps until it returned. The queue into a core is a lock-free stack that the core empties at
 * once (order restored), so a burst costs one wake-up. Messages from one sender to one core arrive
 * in order.
 *
 * A loop that exchanged messages in the last millisecond polls up to 20 us before it sleeps,
 * because waking a sleeping thread costs more than a point query; never with more runnable cores
 * than CPUs.
 *
 * Invariants
 * 1. Everything that hangs on a core (fibers, timers, sockets, listeners) is touched by its thread
 * alone.
 * 2. A core_msg is its sender's memory until fn was called; fn may free or reuse it.
 * 3. After core_stop no message is accepted; runtime_stop runs cores until their fibers have ended.
 *
 * Fails: nothing here fails but starting threads.
 */
#ifndef CAIRN_BASE_CORE_H
#define CAIRN_BASE_CORE_H

#include <stdatomic.h>

#include "base/env.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/prng.h"
#include "base/task.h"

struct runtime;
struct metrics;
struct metric_slots;

/* ---- messages ---- */

/* struct core_msg and core_msg_fn are in task.h.
 * From any thread, also from worker jobs. Never waits, never fails. `msg` is embedded in the
 * sender's struct. */
void core_post(struct core *core, struct core_msg *msg, core_msg_fn *fn);

/* fn(arg) in a fiber of class `cls` on `target`, and waits for its end (not cancelable: arg is
 * usually the caller's stack). On the own core it is a plain call. fn's cancellation is not
 * connected to the caller's: pass deadlines in arg. */
void core_call(struct task *task, struct core *target, enum task_class cls, task_fn *fn, void *arg);

/* ---- timers ---- */

struct core_timer;
typedef void core_timer_fn(struct core *core, struct core_timer *timer);

/* Embedded in its owner; fires once, on the scheduler's stack, and must not wait. */
struct core_timer {
    struct heap_node node;
    core_timer_fn *fn;
};

void core_timer_init(struct core_timer *timer, core_timer_fn *fn);
/* Starts or moves it. */
void core_timer_start(struct core *core, struct core_timer *timer, mono_ns at);
void core_timer_stop(struct core *core, struct core_timer *timer);
static inline bool core_timer_is_armed(const struct core_timer *timer)
{
    return heap_node_is_in(&timer->node);
}

/* ---- end of turn ---- */

struct core_defer;
typedef void core_defer_fn(struct core *core, struct core_defer *defer);

struct core_defer {
    struct core_defer *next;
    core_defer_fn *fn;
    bool queued;
};

/* Runs once at the end of this turn; queueing twice is once. */
void core_defer(struct core *core, struct core_defer *defer, core_defer_fn *fn);

/* ---- the core ---- */

struct core_stats {
    uint64_t turns, switches, spawned, messages, wakes_sent, stalls, yields;
    uint64_t stall_ns_max;
    uint64_t busy_ns;
    uint32_t tasks_live, tasks_live_max;
};

struct core {
    struct runtime *runtime;
    struct env *env;
    uint32_t index;
    void *env_core; /* the env's part: loop, sockets */
    mono_ns now;    /* refreshed each turn and after each fiber */
    struct task *current;

    struct list run_queue[TASK_CLASS_COUNT];
    uint64_t class_vtime[TASK_CLASS_COUNT];
    uint64_t vtime; /* of the class that ran last */
    uint32_t ready_count;
    struct heap timers; /* parked tasks with a bound and core_timers */
    struct list all_tasks;
    struct list stackless; /* spawned while no stack was to be had */
    struct list free_tasks;
    struct core_defer *defer_head, **defer_tail;
    uint64_t next_task_id;
    void *scheduler_sp;
    const void *scheduler_san_lo; /* the sanitizers' view of the scheduler's stack */
    size_t scheduler_san_bytes;
    void *scheduler_fiber;
    struct prng *shuffle; /* simulator only: disturbs the order of ready tasks */
    mono_ns last_message;
    mono_ns turn_start;
    mono_ns stall_logged;
    struct core_stats stats;
    struct metric_slots *metrics; /* this core's slots, metric.h */
    void *local[8];               /* one per floor: see core_local */

    /* The part other threads touch, on lines of its own. */
    _Alignas(64) _Atomic(struct core_msg *) inbox;
    _Atomic bool sleeping;
    _Atomic mono_ns running_since; /* of the fiber that runs now; 0 = none: for the watchdog */
    _Atomic bool idle;         /* no fibers: may end when all cores are idle */
    _Atomic uint64_t activity; /* counts the ends of idleness */
};

/* Which slot of core->local belongs to whom. */
enum core_local {
    CORE_LOCAL_RPC,
    CORE_LOCAL_STORAGE,
    CORE_LOCAL_EXECUTOR,
    CORE_LOCAL_SERVER,
    CORE_LOCAL_TEST
};

static inline mono_ns core_now(const struct core *core)
{
    return core->now;
}

/* For the env implementations: one turn. Returns true when fibers are still ready (call again after
 * polling I/O without sleeping). */
bool core_turn(struct core *core);
/* When to call core_turn at the latest if nothing happens; TASK_FOREVER if never. */
mono_ns core_next_deadline(const struct core *core);
/* Announces that the thread is going to sleep; false if a message came in meanwhile. */
bool core_prepare_sleep(struct core *core);
void core_woke(struct core *core);
/* After runtime_stop: true once no core has fibers or messages; the loop then ends. */
bool core_should_end(struct core *core);

/* ---- the runtime: the cores of one node ---- */

struct runtime_config {
    uint32_t core_count;            /* 0: max(1, CPUs - 1) */
    uint32_t stack_depth_max_bytes; /* 0: STACK_DEPTH_DEFAULT_BYTES */
    uint64_t stall_ns;              /* a fiber that holds the loop longer is reported; 0: 10 ms */
};

struct runtime {
    struct env *env;
    uint32_t core_count;
    struct core **cores;
    struct runtime_config config;
    struct metrics *metrics;
    _Atomic bool stopping;
    void *user; /* the node */
};

/* Creates the cores and starts their threads. `main_fn` runs in a fiber of core 0. */
MUST_CHECK int runtime_start(struct env *env, const struct runtime_config *config, task_fn *main_fn,
                             void *arg, struct runtime **out, struct err *err);
/* From any thread or fiber: cores end once their last fiber ended. Cancels nothing by itself. */
void runtime_stop(struct runtime *runtime);
/* Blocks the calling thread (not a core's) until all cores have ended, then frees the runtime. */
void runtime_join(struct runtime *runtime);

#endif
