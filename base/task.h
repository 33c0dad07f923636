/* task.h: fibers.
 *
 * A task is a fiber: straight-line code on a stack of its own that sleeps where it waits. It runs
 * on one core (base/core.h) and never moves to another. Between two waits nothing else on the core
 * runs, so state that belongs to the core needs no locks.
 *
 * What may wait takes `struct task *` first: the task that is running. A function without one
 * cannot wait. A `struct task *` is also handed to worker jobs (env.h): such a task has core ==
 * NULL and waiting blocks its thread; task_spawn and the primitives of sync.h are for fibers only.
 *
 * Ends of a wait. A cancelable wait ends with an error when the task was cancelled (task_cancel:
 * client's cancel, statement of a failed group, shutdown) or its deadline passed. The state is
 * sticky: each later cancelable wait fails at once until task_cancel_clear. Clean-up code that must
 * wait brackets itself with task_mask / task_unmask. Code that computes calls task_tick often and
 * gets the same errors from task_check.
 *
 * Invariants
 * 1. A task is in one state: ready, running, parked or ended. Only its own core touches it;
 *    task_wake_from_thread and core_post are what other threads may use.
 * 2. task_wake before task_park is not lost: the next park returns at once. Parks may return
 *    spuriously: loop on the condition.
 * 3. Ready tasks of one class run in FIFO order (the simulator shuffles on purpose); classes share
 * the core by weight, so a lower class always makes progress.
 * 4. A detached task's pointer is valid until its function returns, not longer.
 */
#ifndef CAIRN_BASE_TASK_H
#define CAIRN_BASE_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/stack.h"

struct core;
struct task;
struct task_group;

/* Scheduling classes, most urgent first. */
enum task_class {
    TASK_CONSENSUS,  /* raft, liveness, lease */
    TASK_TXN,        /* sessions, point statements, commits */
    TASK_ANALYTICS,  /* fragments of long scans */
    TASK_BACKGROUND, /* compaction, statistics, rebalance */
    TASK_CLASS_COUNT
};

/* A point in time on env_mono_ns; TASK_FOREVER = no bound. */
typedef uint64_t mono_ns;
#define TASK_FOREVER UINT64_MAX

typedef void task_fn(struct task *task, void *arg);

/* A message to a core (core.h): embedded in its sender's struct. */
struct core_msg;
typedef void core_msg_fn(struct core *core, struct core_msg *msg);
struct core_msg {
    struct core_msg *next;
    core_msg_fn *fn;
};

enum task_state { TASK_READY, TASK_RUNNING, TASK_PARKED, TASK_ENDED };

/* Fields are read by the inline functions below; only base/ writes them. */
struct task {
    struct core *core; /* NULL: a job on a worker thread */
    struct env *env;
    void *sp; /* while not running */
    struct stack *stack;
    char *stack_lo;       /* of the stack or segment in use now */
    size_t segment_bytes; /* in segments now */
    size_t segment_bytes_max;
    const char *name; /* static text, for logs and the stall report */
    task_fn *fn;
    void *arg;
    uint8_t cls;   /* enum task_class */
    uint8_t state; /* enum task_state */
    bool permit;   /* woken while not parked */
    bool joinable;
    bool timed_out;
    uint16_t mask_depth;
    int32_t slice_left; /* work units until it yields */
    int cancel_code;    /* 0 or what cancelable waits return */
    const char *cancel_message;
    mono_ns deadline;
    int deadline_code;
    const char *deadline_message;
    struct heap_node timer;    /* in the core's timers while parked with a bound */
    struct list_node run_link; /* in the core's run queue */
    struct list_node all_link; /* every live task of the core */
    struct list_node group_link;
    struct task_group *group;
    struct task *joiner;
    void *local;              /* free for the owner of the fiber (a session, a statement) */
    uint64_t id;              /* unique on its core, for logs */
    struct core_msg wake_msg; /* task_wake_from_thread */
};

/* ---- life ---- */

/* Starts fn(task, arg) in a new fiber of `core`, which must be the running core. Never fails: when
 * stacks are exhausted (20,000 a process) the fiber starts as soon as one is free. */
struct task *task_spawn(struct core *core, enum task_class cls, const char *name, task_fn *fn,
                        void *arg);
/* The same; the task stays until someone calls task_join. */
struct task *task_spawn_joinable(struct core *core, enum task_class cls, const char *name,
                                 task_fn *fn, void *arg);
/* Waits (not cancelable) until `child` ended, and frees it. */
void task_join(struct task *task, struct task *child);

/* ---- waiting ---- */

enum park_result { PARK_WOKEN, PARK_TIMEOUT, PARK_CANCELED };

/* Sleeps until task_wake, the bound, or cancellation (the task's deadline counts as one). */
enum park_result task_park(struct task *task, mono_ns until);
/* Sleeps until task_wake, whatever else happens. */
void task_park_always(struct task *task);
/* Makes a parked task ready; from the same core. */
void task_wake(struct task *task);
/* From any thread; the caller guarantees that the task lives until the wake-up was delivered (it
 * does when the task waits with task_park_always for exactly this). */
void task_wake_from_thread(struct task *task);
/* The error that ended a cancelable wait. Call after PARK_CANCELED. Returns err->code. */
int task_cancel_error(struct task *task, struct err *err);

MUST_CHECK int task_sleep(struct task *task, uint64_t ns, struct err *err);
MUST_CHECK int task_sleep_until(struct task *task, mono_ns until, struct err *err);
/* Lets every other ready task of the core go first. */
void task_yield(struct task *task);

/* ---- computing ---- */

/* About 100 ns of work each; a slice is TASK_SLICE_UNITS. */
enum { TASK_SLICE_UNITS = 5000 };
void task_yield_slice(struct task *task);

/* Call once a batch with the work done (one unit is about 100 ns: some ten simple row operations).
 */
static inline void task_tick(struct task *task, uint32_t units)
{
    task->slice_left -= (int32_t)units;
    if (__builtin_expect(task->slice_left <= 0, 0))
        task_yield_slice(task);
}

/* 0, or the error of a cancelled task or a passed deadline. Does not wait. */
MUST_CHECK int task_check(struct task *task, struct err *err);

/* ---- cancellation and deadlines ---- */

/* `message` is static text in PostgreSQL's wording ("canceling statement due to user request"). The
 * first cancel wins. Same core only. */
void task_cancel(struct task *task, enum err_code code, const char *message);
void task_cancel_clear(struct task *task);
bool task_is_cancelled(const struct task *task);
/* TASK_FOREVER clears. code/message are what passing it reports. */
void task_deadline_set(struct task *task, mono_ns deadline, enum err_code code,
                       const char *message);
static inline void task_mask(struct task *task)
{
    task->mask_depth++;
}
static inline void task_unmask(struct task *task)
{
    task->mask_depth--;
}

/* ---- groups ---- */

/* Children of one purpose (the fragments of a query). A child that fails reports through
 * group_fail, which cancels its siblings; task_group_wait returns the first error. The group is its
 * owner's memory and must be waited for before it goes. */
struct task_group {
    struct core *core;
    struct list children;
    struct task *waiter;
    uint32_t running;
    struct err first;
};

void task_group_init(struct task_group *group, struct core *core);
struct task *task_group_spawn(struct task_group *group, enum task_class cls, const char *name,
                              task_fn *fn, void *arg);
/* Records the error if it is the first, and cancels all children. */
void task_group_fail(struct task_group *group, const struct err *err);
void task_group_cancel(struct task_group *group, enum err_code code, const char *message);
/* Until all children ended. If the waiter itself is cancelled, the children are cancelled with the
 * same error and waited for. Returns the first error. */
MUST_CHECK int task_group_wait(struct task *task, struct task_group *group, struct err *err);

/* ---- the task's surroundings ---- */

struct core *task_core(struct task *task);
/* The core the calling thread runs, or NULL. For assertions and the logger; pass `struct task *`
 * or `struct core *` instead wherever there is one. */
struct core *core_running(void);
struct task *task_running(void);

/* Calls fn on a fresh 1 MiB segment: for nested statements. 54001 past the limit. */
MUST_CHECK int task_call_on_segment(struct task *task, stack_fn *fn, void *arg, struct err *err);

/* A task for code that blocks its thread instead of a fiber (jobs, start of main, tests). */
void task_init_thread(struct task *task, struct env *env);

#endif
