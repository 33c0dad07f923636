#include "base/task.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core.h"
#include "base/task_int.h"

struct core *task_core(struct task *task)
{
    return task->core;
}

struct core *core_running(void)
{
    return stack_thread()->core;
}

struct task *task_running(void)
{
    return stack_thread()->task;
}

/* ---- switching ---- */

/* On the scheduler's stack: runs `task` until it parks, yields or ends. */
STACK_UNCOUNTED void task_switch_to(struct core *core, struct task *task)
{
    struct stack_thread *t = stack_thread();
    char *lo = t->lo;
    size_t bytes = t->bytes, segment_bytes = t->segment_bytes, segment_max = t->segment_bytes_max;
    size_t to_bytes = task->stack_lo == task->stack->lo ? task->stack->bytes : STACK_SEGMENT_BYTES;
    t->lo = task->stack_lo;
    t->bytes = to_bytes;
    t->segment_bytes = task->segment_bytes;
    t->segment_bytes_max = task->segment_bytes_max;
    t->task = task;
    task->state = TASK_RUNNING;
    core->current = task;
    core->stats.switches++;
    void *fake = NULL;
    stack_san_start(&fake, task->stack_lo, to_bytes, task->stack->san_fiber);
    stack_switch(&core->scheduler_sp, task->sp);
    stack_san_finish(fake, NULL, NULL);
    core->current = NULL;
    t->task = NULL;
    t->lo = lo;
    t->bytes = bytes;
    t->segment_bytes = segment_bytes;
    t->segment_bytes_max = segment_max;
}

/* On the fiber's stack: gives the thread back to the scheduler. */
STACK_UNCOUNTED static void switch_to_scheduler(struct task *task)
{
    struct core *core = task->core;
    struct stack_thread *t = stack_thread();
    task->stack_lo = t->lo;
    task->segment_bytes = t->segment_bytes;
    task->segment_bytes_max = t->segment_bytes_max;
    void *fake = NULL;
    bool last = task->state == TASK_ENDED;
    stack_san_start(last ? NULL : &fake, core->scheduler_san_lo, core->scheduler_san_bytes,
                    core->scheduler_fiber);
    stack_switch(&task->sp, core->scheduler_sp);
    stack_san_finish(fake, &core->scheduler_san_lo, &core->scheduler_san_bytes);
}

STACK_UNCOUNTED static void run_task(void *arg)
{
    struct task *task = arg;
    stack_san_finish(NULL, &task->core->scheduler_san_lo, &task->core->scheduler_san_bytes);
    task->fn(task, task->arg);
    task->state = TASK_ENDED;
    switch_to_scheduler(task);
    abort();
}

bool task_get_stack(struct task *task)
{
    struct stack_thread *t = stack_thread();
    struct stack *stack = stack_take(&t->stacks, STACK_BYTES);
    if (!stack)
        return false;
    task->stack = stack;
    task->stack_lo = stack->lo;
    task->sp = stack_prepare(stack, run_task, task);
    if (!stack->san_fiber)
        stack->san_fiber = stack_san_fiber_create(task->name);
    return true;
}

static void free_task(struct task *task)
{
    struct core *core = task->core;
    list_remove(&task->all_link);
    core->stats.tasks_live--;
    list_push_front(&core->free_tasks, &task->run_link);
}

void task_release(struct task *task)
{
    stack_give(&stack_thread()->stacks, task->stack);
    task->stack = NULL;
    if (task->group) {
        struct task_group *group = task->group;
        list_remove(&task->group_link);
        group->running--;
        if (group->waiter)
            task_wake(group->waiter);
    }
    if (task->joinable) {
        if (task->joiner)
            task_wake(task->joiner);
        return;
    }
    free_task(task);
}

/* ---- life ---- */

static struct task *alloc_task(struct core *core)
{
    struct list_node *node = list_pop_front(&core->free_tasks);
    struct task *task;
    if (node) {
        task = container_of(node, struct task, run_link);
    } else {
        task = malloc(sizeof *task);
        if (!task) {
            fprintf(stderr, "cairn: out of memory for a fiber\n");
            abort();
        }
    }
    return task;
}

static struct task *start_task(struct core *core, enum task_class cls, const char *name,
                               task_fn *fn, void *arg)
{
    assert(stack_thread()->core == core || stack_thread()->core == NULL);
    struct task *task = alloc_task(core);
    *task = (struct task){
        .core = core,
        .env = core->env,
        .segment_bytes_max = core->runtime->config.stack_depth_max_bytes,
        .name = name,
        .fn = fn,
        .arg = arg,
        .cls = (uint8_t)cls,
        .state = TASK_READY,
        .slice_left = TASK_SLICE_UNITS,
        .deadline = TASK_FOREVER,
        .id = ++core->next_task_id,
    };
    list_push_back(&core->all_tasks, &task->all_link);
    core->stats.spawned++;
    if (++core->stats.tasks_live > core->stats.tasks_live_max)
        core->stats.tasks_live_max = core->stats.tasks_live;
    core_make_ready(core, task);
    return task;
}

struct task *task_spawn(struct core *core, enum task_class cls, const char *name, task_fn *fn,
                        void *arg)
{
    return start_task(core, cls, name, fn, arg);
}

struct task *task_spawn_joinable(struct core *core, enum task_class cls, const char *name,
                                 task_fn *fn, void *arg)
{
    struct task *task = start_task(core, cls, name, fn, arg);
    task->joinable = true;
    return task;
}

void task_join(struct task *task, struct task *child)
{
    assert(child->joinable && !child->joiner && child->core == task->core);
    child->joiner = task;
    while (child->state != TASK_ENDED || child->stack)
        task_park_always(task);
    free_task(child);
}

void task_init_thread(struct task *task, struct env *env)
{
    *task = (struct task){
        .env = env,
        .name = "thread",
        .state = TASK_RUNNING,
        .slice_left = INT32_MAX,
        .deadline = TASK_FOREVER,
    };
}

/* ---- waiting ---- */

static bool is_cancelled_now(const struct task *task)
{
    if (task->mask_depth)
        return false;
    return task->cancel_code != 0;
}

static bool is_past_deadline(const struct task *task)
{
    return !task->mask_depth && task->deadline != TASK_FOREVER && task->deadline <= task->core->now;
}

enum park_result task_park(struct task *task, mono_ns until)
{
    struct core *core = task->core;
    assert(core && core->current == task);
    if (!task->permit) {
        if (is_cancelled_now(task) || is_past_deadline(task))
            return PARK_CANCELED;
        mono_ns bound = until;
        if (!task->mask_depth && task->deadline < bound)
            bound = task->deadline;
        task->timed_out = false;
        task->state = TASK_PARKED;
        if (bound != TASK_FOREVER)
            heap_insert(&core->timers, &task->timer, bound);
        switch_to_scheduler(task);
        heap_remove(&core->timers, &task->timer);
    }
    if (task->permit) {
        task->permit = false;
        return PARK_WOKEN;
    }
    if (is_cancelled_now(task) || is_past_deadline(task))
        return PARK_CANCELED;
    return task->timed_out ? PARK_TIMEOUT : PARK_WOKEN;
}

void task_park_always(struct task *task)
{
    assert(task->core && task->core->current == task);
    while (!task->permit) {
        task->state = TASK_PARKED;
        switch_to_scheduler(task);
    }
    task->permit = false;
}

void task_wake(struct task *task)
{
    task->permit = true;
    if (task->state == TASK_PARKED)
        core_make_ready(task->core, task);
}

static void deliver_wake(struct core *core, struct core_msg *msg)
{
    (void)core;
    task_wake(container_of(msg, struct task, wake_msg));
}

void task_wake_from_thread(struct task *task)
{
    core_post(task->core, &task->wake_msg, deliver_wake);
}

int task_cancel_error(struct task *task, struct err *err)
{
    if (task->cancel_code)
        return err_set(err, (enum err_code)task->cancel_code, "%s", task->cancel_message);
    if (task->deadline_code)
        return err_set(err, (enum err_code)task->deadline_code, "%s", task->deadline_message);
    return err_set(err, ERR_QUERY_CANCELED, "canceling statement due to user request");
}

int task_check(struct task *task, struct err *err)
{
    if (is_cancelled_now(task))
        return task_cancel_error(task, err);
    if (task->core && is_past_deadline(task))
        return task_cancel_error(task, err);
    return 0;
}

int task_sleep_until(struct task *task, mono_ns until, struct err *err)
{
    if (!task->core) {
        uint64_t now = env_mono_ns(task->env);
        if (until > now)
            task->env->ops->thread_sleep(task->env, until - now);
        return 0;
    }
    for (;;) {
        enum park_result r = task_park(task, until);
        if (r == PARK_CANCELED)
            return task_cancel_error(task, err);
        if (r == PARK_TIMEOUT || task->core->now >= until)
            return 0;
    }
}

int task_sleep(struct task *task, uint64_t ns, struct err *err)
{
    return task_sleep_until(task, env_mono_ns(task->env) + ns, err);
}

void task_yield(struct task *task)
{
    if (!task->core)
        return;
    task->core->stats.yields++;
    core_make_ready(task->core, task);
    switch_to_scheduler(task);
}

void task_yield_slice(struct task *task)
{
    if (!task->core) {
        task->slice_left = INT32_MAX;
        return;
    }
    task_yield(task);
}

/* ---- cancellation ---- */

void task_cancel(struct task *task, enum err_code code, const char *message)
{
    if (task->cancel_code)
        return;
    task->cancel_code = (int)code;
    task->cancel_message = message;
    /* Not a permit: a masked or park_always wait goes back to sleep. */
    if (task->state == TASK_PARKED && !task->mask_depth)
        core_make_ready(task->core, task);
}

void task_cancel_clear(struct task *task)
{
    task->cancel_code = 0;
    task->cancel_message = NULL;
}

bool task_is_cancelled(const struct task *task)
{
    return task->cancel_code != 0;
}

void task_deadline_set(struct task *task, mono_ns deadline, enum err_code code, const char *message)
{
    task->deadline = deadline;
    task->deadline_code = deadline == TASK_FOREVER ? 0 : (int)code;
    task->deadline_message = message;
}

/* ---- groups ---- */

void task_group_init(struct task_group *group, struct core *core)
{
    *group = (struct task_group){.core = core};
    list_init(&group->children);
}

struct task *task_group_spawn(struct task_group *group, enum task_class cls, const char *name,
                              task_fn *fn, void *arg)
{
    struct task *task = start_task(group->core, cls, name, fn, arg);
    task->group = group;
    list_push_back(&group->children, &task->group_link);
    group->running++;
    if (group->first.code)
        task_cancel(task, ERR_QUERY_CANCELED,
                    "canceling statement due to an error in another part");
    return task;
}

void task_group_cancel(struct task_group *group, enum err_code code, const char *message)
{
    list_each(struct task, child, &group->children, group_link) task_cancel(child, code, message);
}

void task_group_fail(struct task_group *group, const struct err *err)
{
    if (group->first.code)
        return;
    group->first = *err;
    task_group_cancel(group, ERR_QUERY_CANCELED,
                      "canceling statement due to an error in another part");
}

int task_group_wait(struct task *task, struct task_group *group, struct err *err)
{
    struct err own = {0};
    while (group->running) {
        group->waiter = task;
        if (own.code) {
            task_park_always(task);
        } else if (task_park(task, TASK_FOREVER) == PARK_CANCELED) {
            task_cancel_error(task, &own);
            task_group_cancel(group, (enum err_code)own.code,
                              task->cancel_code ? task->cancel_message : task->deadline_message);
        }
    }
    group->waiter = NULL;
    if (own.code) {
        if (err)
            *err = own;
        return own.code;
    }
    if (group->first.code && err)
        *err = group->first;
    return group->first.code;
}

/* ---- segments ---- */

int task_call_on_segment(struct task *task, stack_fn *fn, void *arg, struct err *err)
{
    (void)task;
    return stack_call_fresh(fn, arg, err);
}
