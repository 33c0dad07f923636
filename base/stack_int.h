/* stack_int.h: stacks, switches between them, and the one thread-local: for task.c, core.c and the
 * envs.
 *
 * A switch saves the callee-saved registers on the old stack and continues on the new one: ten
 * instructions on x86-64, a dozen pairs on aarch64, swapcontext elsewhere. A segment call is not a
 * switch but a plain call whose callee happens to use other memory for its frames; the frame
 * pointer chain leads back.
 *
 * The thread-local `stack_thread` says which fiber runs on this thread. It is the only one in the
 * project (the scheduler's "per-core state hangs on struct core" has to start somewhere), and
 * everything above passes struct task or struct core instead.
 */
#ifndef CAIRN_BASE_STACK_INT_H
#define CAIRN_BASE_STACK_INT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "base/stack.h"

struct core;
struct task;

/* ThreadSanitizer counts calls and returns per fiber: a function that is entered in one and left in
 * another must not be counted. */
#if defined(__SANITIZE_THREAD__)
#define STACK_UNCOUNTED __attribute__((no_sanitize_thread, noinline))
#else
#define STACK_UNCOUNTED
#endif

#if defined(__SANITIZE_ADDRESS__)
enum { STACK_BYTES = 1024 * 1024 };
#else
enum { STACK_BYTES = 256 * 1024 };
#endif

/* A mapping: guard page, then `bytes` of stack. The struct itself lies at the top of the mapping.
 */
struct stack {
    char *lo; /* lowest usable byte */
    char *top;
    size_t bytes;
    struct stack *next; /* in a pool */
    void *san_fiber; /* ThreadSanitizer's idea of it: costly to make, so it stays with the stack */
#if defined(CAIRN_STACK_UCONTEXT)
    void *context;
#endif
    unsigned valgrind_id;
};

struct stack_pool {
    struct stack *free;
    size_t count;
    size_t keep_max;
};

struct stack_thread {
    struct core *core;
    struct task *task;
    char *lo; /* of the stack in use; NULL: not yet asked for (a thread's own) */
    size_t bytes;
    size_t segment_bytes;
    size_t segment_bytes_max;
    struct stack_pool segments;
    struct stack_pool stacks;
};

struct stack_thread *stack_thread(void);

/* NULL when the kernel refuses another mapping or the process has STACK_COUNT_MAX. */
struct stack *stack_take(struct stack_pool *pool, size_t bytes);
void stack_give(struct stack_pool *pool, struct stack *stack);
void stack_pool_empty(struct stack_pool *pool);
/* Gives back the pages below `sp` that a fiber no longer uses. */
void stack_trim(struct stack *stack, void *sp);

/* Prepares `stack` so that the first switch to the returned sp calls entry(arg), which never
 * returns. */
void *stack_prepare(struct stack *stack, void (*entry)(void *), void *arg);
/* Saves this context in *save and continues the one saved in `to`. */
void stack_switch(void **save, void *to);

/* Sanitizer hooks around stack_switch; no-ops otherwise. `fake` and `fiber` are per context. */
void stack_san_start(void **fake, const void *to_lo, size_t to_bytes, void *to_fiber);
void stack_san_finish(void *fake, const void **from_lo, size_t *from_bytes);
void *stack_san_fiber_create(const char *name);
void stack_san_fiber_destroy(void *fiber);
void *stack_san_fiber_current(void);

#endif
