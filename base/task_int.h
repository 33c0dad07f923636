/* task_int.h: what task.c and core.c share. */
#ifndef CAIRN_BASE_TASK_INT_H
#define CAIRN_BASE_TASK_INT_H

#include "base/stack_int.h"
#include "base/task.h"

/* Puts a task at the end of its class's run queue. */
void core_make_ready(struct core *core, struct task *task);

/* False when there is no stack to be had. */
bool task_get_stack(struct task *task);
void task_switch_to(struct core *core, struct task *task);
/* After it ended: frees stack and, unless someone will join it, the task. */
void task_release(struct task *task);

#endif
