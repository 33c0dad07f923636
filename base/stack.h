/* stack.h: how much stack is left, and going on when it is little.
 *
 * Code that recurses over user input (parser, binder, planner, expression compiler, PL/pgSQL)
 * cannot know how deep a user nests. It asks at each level:
 *
 *     static int walk_node(void *arg) { ... }
 *     if (stack_left() < STACK_RESERVE)
 *         return stack_call(walk_node, &args, err);
 *
 * stack_call continues on a pooled 1 MiB segment and returns what the function returned; when the
 * segments in use by this fiber or thread together would pass the limit (setting max_stack_depth)
 * it fails with SQLSTATE 54001 in PostgreSQL's words. It needs no task: pure code may call it from
 * a fiber, from a worker job, or from the main thread of a unit test. The function may suspend its
 * fiber while it is on the segment.
 *
 * Invariants
 * 1. A segment belongs to the fiber that took it until its function returned; segments nest like
 * calls.
 * 2. Stacks and segments have a guard page below them: an overrun is a SIGSEGV, never silent
 * damage.
 * 3. Pools are per thread; nothing here locks.
 *
 * This is also where fibers get their stacks and switch (stack_int.h); learned from Tarantool's
 * fiber.h and QEMU's coroutine.h.
 */
#ifndef CAIRN_BASE_STACK_H
#define CAIRN_BASE_STACK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    STACK_RESERVE = 64 * 1024,
    STACK_SEGMENT_BYTES = 1024 * 1024,
    STACK_DEPTH_DEFAULT_BYTES = 16 * 1024 * 1024,
};

/* Bytes left on the stack this code runs on, before its guard page. */
size_t stack_left(void);

typedef int stack_fn(void *arg);

/* fn(arg) here when at least STACK_RESERVE is left, else on a new segment. Returns what fn
 * returned, or ERR_STATEMENT_TOO_COMPLEX (54001) with err set and fn not called. */
MUST_CHECK int stack_call(stack_fn *fn, void *arg, struct err *err);

/* The same, always on a new segment: for levels that start from scratch (a nested SQL statement).
 */
MUST_CHECK int stack_call_fresh(stack_fn *fn, void *arg, struct err *err);

/* The limit in bytes for the running fiber (or, outside of fibers, the thread). */
void stack_limit_set(size_t bytes);
size_t stack_limit(void);

/* Gives the pages of pooled, unused stacks of this thread back to the system. */
void stack_pool_trim(void);

#endif
