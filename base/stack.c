#include "base/stack.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/stack_int.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif
#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif

enum {
    STACK_COUNT_MAX = 20000,
    PAGE = 4096,
    KEEP_SEGMENTS = 8,
    KEEP_STACKS = 256,
    WARM_STACKS = 64,
    WARM_BYTES = 16 * 1024
};

static __thread struct stack_thread here = {
    .segment_bytes_max = STACK_DEPTH_DEFAULT_BYTES,
    .segments.keep_max = KEEP_SEGMENTS,
    .stacks.keep_max = KEEP_STACKS,
};

/* How many mappings the process holds: the kernel's limit is for the process too. */
static _Atomic size_t stack_count;

/* Never inlined: a compiler may otherwise keep the thread-local's address over a switch. */
__attribute__((noinline)) struct stack_thread *stack_thread(void)
{
    __asm__ volatile("");
    return &here;
}

/* ---- mappings ---- */

static struct stack *map_stack(size_t bytes)
{
    if (atomic_fetch_add_explicit(&stack_count, 1, memory_order_relaxed) >= STACK_COUNT_MAX)
        goto out;
    char *base = mmap(NULL, bytes + PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (base == MAP_FAILED)
        goto out;
    if (mprotect(base, PAGE, PROT_NONE) != 0) {
        munmap(base, bytes + PAGE);
        goto out;
    }
    struct stack *stack = (struct stack *)(void *)(base + PAGE + bytes - 128);
    _Static_assert(sizeof(struct stack) <= 128, "struct stack outgrew its place");
    *stack = (struct stack){.lo = base + PAGE, .top = (char *)stack, .bytes = bytes};
#if defined(VALGRIND_STACK_REGISTER)
    stack->valgrind_id = VALGRIND_STACK_REGISTER(stack->lo, stack->top);
#endif
    return stack;
out:
    atomic_fetch_sub_explicit(&stack_count, 1, memory_order_relaxed);
    return NULL;
}

static void unmap_stack(struct stack *stack)
{
#if defined(VALGRIND_STACK_DEREGISTER)
    VALGRIND_STACK_DEREGISTER(stack->valgrind_id);
#endif
#if defined(CAIRN_STACK_UCONTEXT)
    free(stack->context);
#endif
    stack_san_fiber_destroy(stack->san_fiber);
    char *lo = stack->lo;
    size_t bytes = stack->bytes;
    munmap(lo - PAGE, bytes + PAGE);
    atomic_fetch_sub_explicit(&stack_count, 1, memory_order_relaxed);
}

struct stack *stack_take(struct stack_pool *pool, size_t bytes)
{
    struct stack *stack = pool->free;
    if (!stack)
        return map_stack(bytes);
    pool->free = stack->next;
    pool->count--;
    return stack;
}

void stack_give(struct stack_pool *pool, struct stack *stack)
{
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(stack->lo, (size_t)(stack->top - stack->lo));
#endif
    if (pool->count >= pool->keep_max) {
        unmap_stack(stack);
        return;
    }
    if (pool->count >= WARM_STACKS) /* after a burst: most of these will not be needed soon */
        stack_trim(stack, stack->top - WARM_BYTES);
    stack->next = pool->free;
    pool->free = stack;
    pool->count++;
}

void stack_pool_empty(struct stack_pool *pool)
{
    while (pool->free) {
        struct stack *stack = pool->free;
        pool->free = stack->next;
        unmap_stack(stack);
    }
    pool->count = 0;
}

void stack_trim(struct stack *stack, void *sp)
{
    uintptr_t end = ((uintptr_t)sp - 512) & ~(uintptr_t)(PAGE - 1);
    if (end > (uintptr_t)stack->lo)
        madvise(stack->lo, end - (uintptr_t)stack->lo, MADV_DONTNEED);
}

void stack_pool_trim(void)
{
    stack_pool_empty(&here.segments);
    for (struct stack *s = here.stacks.free; s; s = s->next)
        stack_trim(s, s->top);
}

/* ---- limits ---- */

static void find_thread_stack(struct stack_thread *t)
{
    pthread_attr_t attr;
    void *lo = NULL;
    size_t bytes = 0;
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        pthread_attr_getstack(&attr, &lo, &bytes);
        pthread_attr_destroy(&attr);
    }
    t->lo = lo;
    t->bytes = bytes;
}

size_t stack_left(void)
{
    struct stack_thread *t = &here;
    if (!t->lo)
        find_thread_stack(t);
#if defined(__SANITIZE_ADDRESS__)
    /* With use-after-return detection the frame's address may be in a fake stack: take a
     * register's. */
    char *sp;
#if defined(__x86_64__)
    __asm__ volatile("mov %%rsp, %0" : "=r"(sp));
#elif defined(__aarch64__)
    __asm__ volatile("mov %0, sp" : "=r"(sp));
#else
    sp = __builtin_frame_address(0);
#endif
#else
    char *sp = __builtin_frame_address(0);
#endif
    return sp > t->lo ? (size_t)(sp - t->lo) : 0;
}

void stack_limit_set(size_t bytes)
{
    here.segment_bytes_max = bytes;
}

size_t stack_limit(void)
{
    return here.segment_bytes_max;
}

/* ---- the switch ---- */

#if defined(__x86_64__) && !defined(CAIRN_STACK_UCONTEXT)
/* rdi: where to save sp; rsi: sp to continue. The first switch "returns" into cairn_stack_entry
 * with r12 = entry, r13 = arg. */
__asm__(".text\n"
        ".p2align 4\n"
        ".globl cairn_stack_switch\n"
        ".hidden cairn_stack_switch\n"
        ".type cairn_stack_switch,@function\n"
        "cairn_stack_switch:\n"
        "  .cfi_startproc\n"
        "  pushq %rbp\n"
        "  pushq %rbx\n"
        "  pushq %r12\n"
        "  pushq %r13\n"
        "  pushq %r14\n"
        "  pushq %r15\n"
        "  movq %rsp, (%rdi)\n"
        "  movq %rsi, %rsp\n"
        "  popq %r15\n"
        "  popq %r14\n"
        "  popq %r13\n"
        "  popq %r12\n"
        "  popq %rbx\n"
        "  popq %rbp\n"
        "  ret\n"
        "  .cfi_endproc\n"
        ".size cairn_stack_switch,.-cairn_stack_switch\n"
        ".p2align 4\n"
        ".type cairn_stack_entry,@function\n"
        "cairn_stack_entry:\n"
        "  .cfi_startproc\n"
        "  .cfi_undefined rip\n"
        "  xorl %ebp, %ebp\n"
        "  movq %r13, %rdi\n"
        "  callq *%r12\n"
        "  ud2\n"
        "  .cfi_endproc\n"
        ".size cairn_stack_entry,.-cairn_stack_entry\n"
        /* int cairn_stack_call(void *top, stack_fn *fn, void *arg) */
        ".p2align 4\n"
        ".globl cairn_stack_call\n"
        ".hidden cairn_stack_call\n"
        ".type cairn_stack_call,@function\n"
        "cairn_stack_call:\n"
        "  .cfi_startproc\n"
        "  pushq %rbp\n"
        "  .cfi_def_cfa_offset 16\n"
        "  .cfi_offset rbp,-16\n"
        "  movq %rsp, %rbp\n"
        "  .cfi_def_cfa_register rbp\n"
        "  movq %rdi, %rsp\n"
        "  movq %rdx, %rdi\n"
        "  callq *%rsi\n"
        "  movq %rbp, %rsp\n"
        "  popq %rbp\n"
        "  .cfi_def_cfa rsp, 8\n"
        "  ret\n"
        "  .cfi_endproc\n"
        ".size cairn_stack_call,.-cairn_stack_call\n"
        ".globl cairn_stack_entry_address\n"
        ".hidden cairn_stack_entry_address\n"
        ".type cairn_stack_entry_address,@function\n"
        "cairn_stack_entry_address:\n"
        "  leaq cairn_stack_entry(%rip), %rax\n"
        "  ret\n"
        ".size cairn_stack_entry_address,.-cairn_stack_entry_address\n");
#elif defined(__aarch64__) && !defined(CAIRN_STACK_UCONTEXT)
__asm__(".text\n"
        ".p2align 4\n"
        ".globl cairn_stack_switch\n"
        ".hidden cairn_stack_switch\n"
        ".type cairn_stack_switch,%function\n"
        "cairn_stack_switch:\n"
        "  sub sp, sp, #160\n"
        "  stp x19, x20, [sp, #0]\n"
        "  stp x21, x22, [sp, #16]\n"
        "  stp x23, x24, [sp, #32]\n"
        "  stp x25, x26, [sp, #48]\n"
        "  stp x27, x28, [sp, #64]\n"
        "  stp x29, x30, [sp, #80]\n"
        "  stp d8, d9, [sp, #96]\n"
        "  stp d10, d11, [sp, #112]\n"
        "  stp d12, d13, [sp, #128]\n"
        "  stp d14, d15, [sp, #144]\n"
        "  mov x9, sp\n"
        "  str x9, [x0]\n"
        "  mov sp, x1\n"
        "  ldp x19, x20, [sp, #0]\n"
        "  ldp x21, x22, [sp, #16]\n"
        "  ldp x23, x24, [sp, #32]\n"
        "  ldp x25, x26, [sp, #48]\n"
        "  ldp x27, x28, [sp, #64]\n"
        "  ldp x29, x30, [sp, #80]\n"
        "  ldp d8, d9, [sp, #96]\n"
        "  ldp d10, d11, [sp, #112]\n"
        "  ldp d12, d13, [sp, #128]\n"
        "  ldp d14, d15, [sp, #144]\n"
        "  add sp, sp, #160\n"
        "  ret\n"
        ".size cairn_stack_switch,.-cairn_stack_switch\n"
        ".p2align 4\n"
        ".type cairn_stack_entry,%function\n"
        "cairn_stack_entry:\n"
        "  mov x29, xzr\n"
        "  mov x30, xzr\n"
        "  mov x0, x20\n"
        "  blr x19\n"
        "  brk #1\n"
        ".size cairn_stack_entry,.-cairn_stack_entry\n"
        ".p2align 4\n"
        ".globl cairn_stack_call\n"
        ".hidden cairn_stack_call\n"
        ".type cairn_stack_call,%function\n"
        "cairn_stack_call:\n"
        "  stp x29, x30, [sp, #-16]!\n"
        "  mov x29, sp\n"
        "  mov sp, x0\n"
        "  mov x0, x2\n"
        "  blr x1\n"
        "  mov sp, x29\n"
        "  ldp x29, x30, [sp], #16\n"
        "  ret\n"
        ".size cairn_stack_call,.-cairn_stack_call\n"
        ".globl cairn_stack_entry_address\n"
        ".hidden cairn_stack_entry_address\n"
        ".type cairn_stack_entry_address,%function\n"
        "cairn_stack_entry_address:\n"
        "  adr x0, cairn_stack_entry\n"
        "  ret\n"
        ".size cairn_stack_entry_address,.-cairn_stack_entry_address\n");
#else
#define STACK_BY_UCONTEXT 1
#endif

#if !defined(STACK_BY_UCONTEXT)
void cairn_stack_switch(void **save, void *to);
int cairn_stack_call(void *top, stack_fn *fn, void *arg);
void *cairn_stack_entry_address(void);

STACK_UNCOUNTED void stack_switch(void **save, void *to)
{
    cairn_stack_switch(save, to);
}

void *stack_prepare(struct stack *stack, void (*entry)(void *), void *arg)
{
    uintptr_t top = (uintptr_t)stack->top & ~(uintptr_t)15;
    void **sp = (void **)top;
#if defined(__x86_64__)
    /* r15 r14 r13 r12 rbx rbp, return address; after its ret sp is 16-byte aligned for the call. */
    *--sp = NULL;
    *--sp = NULL;
    *--sp = cairn_stack_entry_address();
    *--sp = NULL;          /* rbp */
    *--sp = NULL;          /* rbx */
    *--sp = (void *)entry; /* r12 */
    *--sp = arg;           /* r13 */
    *--sp = NULL;
    *--sp = NULL;
#else
    sp -= 20;
    memset(sp, 0, 160);
    sp[0] = (void *)entry;
    sp[1] = arg;
    sp[11] = cairn_stack_entry_address(); /* x30 */
#endif
    return sp;
}

static int call_on_stack(struct stack *stack, stack_fn *fn, void *arg)
{
    return cairn_stack_call((void *)((uintptr_t)stack->top & ~(uintptr_t)15), fn, arg);
}
#else
#include <ucontext.h>

/* The saved "sp" is a pointer to a ucontext kept on the stack that was left. */
struct prepared {
    ucontext_t context;
    void (*entry)(void *);
    void *arg;
};

static void enter_prepared(unsigned hi, unsigned lo)
{
    struct prepared *p = (struct prepared *)(((uintptr_t)hi << 16 << 16) | lo);
    p->entry(p->arg);
    abort();
}

void *stack_prepare(struct stack *stack, void (*entry)(void *), void *arg)
{
    uintptr_t at = ((uintptr_t)stack->top - sizeof(struct prepared)) & ~(uintptr_t)63;
    struct prepared *p = (struct prepared *)at;
    p->entry = entry;
    p->arg = arg;
    getcontext(&p->context);
    p->context.uc_stack.ss_sp = stack->lo;
    p->context.uc_stack.ss_size = at - (uintptr_t)stack->lo;
    p->context.uc_link = NULL;
    makecontext(&p->context, (void (*)(void))enter_prepared, 2,
                (unsigned)((uintptr_t)p >> 16 >> 16), (unsigned)(uintptr_t)p);
    return &p->context;
}

STACK_UNCOUNTED void stack_switch(void **save, void *to)
{
    ucontext_t here_context;
    *save = &here_context;
    swapcontext(&here_context, to);
}

struct segment_call {
    stack_fn *fn;
    void *arg;
    int result;
    void *back;
    void *self;
};

static void run_segment_call(void *arg)
{
    struct segment_call *call = arg;
    call->result = call->fn(call->arg);
    stack_switch(&call->self, call->back);
}

static int call_on_stack(struct stack *stack, stack_fn *fn, void *arg)
{
    struct segment_call call = {.fn = fn, .arg = arg};
    stack_switch(&call.back, stack_prepare(stack, run_segment_call, &call));
    return call.result;
}
#endif

/* ---- sanitizers ---- */

STACK_UNCOUNTED void stack_san_start(void **fake, const void *to_lo, size_t to_bytes,
                                     void *to_fiber)
{
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(fake, to_lo, to_bytes);
#endif
#if defined(__SANITIZE_THREAD__)
    __tsan_switch_to_fiber(to_fiber, 0);
#endif
}

STACK_UNCOUNTED void stack_san_finish(void *fake, const void **from_lo, size_t *from_bytes)
{
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake, from_lo, from_bytes);
#endif
}

void *stack_san_fiber_create(const char *name)
{
#if defined(__SANITIZE_THREAD__)
    void *fiber = __tsan_create_fiber(0);
    __tsan_set_fiber_name(fiber, name);
    return fiber;
#else
    return NULL;
#endif
}

void stack_san_fiber_destroy(void *fiber)
{
#if defined(__SANITIZE_THREAD__)
    if (fiber)
        __tsan_destroy_fiber(fiber);
#endif
}

void *stack_san_fiber_current(void)
{
#if defined(__SANITIZE_THREAD__)
    return __tsan_get_current_fiber();
#else
    return NULL;
#endif
}

/* ---- segments ---- */

#if defined(__SANITIZE_ADDRESS__)
/* ASan must hear of the change of stack on both sides of the call. */
struct san_call {
    stack_fn *fn;
    void *arg;
    const void *from_lo;
    size_t from_bytes;
};

static int run_san_call(void *arg)
{
    struct san_call *call = arg;
    __sanitizer_finish_switch_fiber(NULL, &call->from_lo, &call->from_bytes);
    int result = call->fn(call->arg);
    __sanitizer_start_switch_fiber(NULL, call->from_lo, call->from_bytes);
    return result;
}

static int call_on_segment(struct stack *stack, stack_fn *fn, void *arg)
{
    struct san_call call = {.fn = fn, .arg = arg};
    void *fake;
    __sanitizer_start_switch_fiber(&fake, stack->lo, (size_t)(stack->top - stack->lo));
    int result = call_on_stack(stack, run_san_call, &call);
    __sanitizer_finish_switch_fiber(fake, NULL, NULL);
    return result;
}
#else
static int call_on_segment(struct stack *stack, stack_fn *fn, void *arg)
{
    return call_on_stack(stack, fn, arg);
}
#endif

static int report_too_deep(size_t limit, struct err *err)
{
    err_set(err, ERR_STATEMENT_TOO_COMPLEX, "stack depth limit exceeded");
    return err_hint(
        err,
        "Increase the configuration parameter \"max_stack_depth\" (currently %zukB), after "
        "ensuring the platform's stack depth limit is adequate.",
        limit / 1024);
}

int stack_call_fresh(stack_fn *fn, void *arg, struct err *err)
{
    struct stack_thread *t = stack_thread();
    if (!t->lo)
        find_thread_stack(t);
    if (t->segment_bytes + STACK_SEGMENT_BYTES > t->segment_bytes_max) {
        report_too_deep(t->segment_bytes_max, err);
        return ERR_STATEMENT_TOO_COMPLEX;
    }
    struct stack *segment = stack_take(&t->segments, STACK_SEGMENT_BYTES);
    if (!segment)
        return err_set(err, ERR_OUT_OF_MEMORY, "out of memory for a deeper stack");
    char *lo = t->lo;
    size_t bytes = t->bytes;
    t->lo = segment->lo;
    t->bytes = segment->bytes;
    t->segment_bytes += STACK_SEGMENT_BYTES;
    int result = call_on_segment(segment, fn, arg);
    /* The fiber may have slept meanwhile, but it is on the same thread again. */
    t = stack_thread();
    t->lo = lo;
    t->bytes = bytes;
    t->segment_bytes -= STACK_SEGMENT_BYTES;
    stack_give(&t->segments, segment);
    return result;
}

int stack_call(stack_fn *fn, void *arg, struct err *err)
{
    if (stack_left() >= STACK_RESERVE)
        return fn(arg);
    return stack_call_fresh(fn, arg, err);
}
