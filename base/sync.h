/* sync.h: what fibers of one core wait on: wait queues, mutex, condition, semaphore, channel.
 *
 * All of it is for the fibers of one core: no atomics. Between cores only messages pass (core.h).
 * Waiters are served in FIFO order. Every wait is cancelable unless its name says `always`, and
 * when it returns an error the caller does not hold what it waited for.
 *
 * A mutex is rarely needed (fibers are not preempted): only to keep a section that itself waits,
 * such as "read block, decode, install", from running twice.
 *
 * Invariants
 * 1. A zeroed struct is not valid: call _init. Nothing needs _done, but none may have waiters when
 * it goes.
 * 2. Channel items are pointers and arrive in order; after channel_close receivers drain what is
 * left and then get CHANNEL_CLOSED; senders get it at once.
 */
#ifndef CAIRN_BASE_SYNC_H
#define CAIRN_BASE_SYNC_H

#include "base/task.h"

struct wait_queue {
    struct list waiters; /* of struct waiter, on the waiters' stacks */
};

void wait_queue_init(struct wait_queue *queue);
/* Sleeps until woken through the queue, the bound, or cancellation. */
enum park_result wait_queue_wait(struct task *task, struct wait_queue *queue, mono_ns until);
void wait_queue_wait_always(struct task *task, struct wait_queue *queue);
/* How many were woken (0 or 1; any number). */
int wait_queue_wake_one(struct wait_queue *queue);
int wait_queue_wake_all(struct wait_queue *queue);
static inline bool wait_queue_is_empty(const struct wait_queue *queue)
{
    return list_is_empty(&queue->waiters);
}

struct mutex {
    struct task *owner;
    struct wait_queue queue;
};

void mutex_init(struct mutex *mutex);
MUST_CHECK int mutex_lock(struct task *task, struct mutex *mutex, struct err *err);
void mutex_lock_always(struct task *task, struct mutex *mutex);
bool mutex_try_lock(struct task *task, struct mutex *mutex);
void mutex_unlock(struct task *task, struct mutex *mutex);

struct cond {
    struct wait_queue queue;
};

void cond_init(struct cond *cond);
/* Without a mutex: between checking the condition and waiting nothing else runs. */
enum park_result cond_wait(struct task *task, struct cond *cond, mono_ns until);
void cond_signal(struct cond *cond);
void cond_broadcast(struct cond *cond);

/* Counting: at most `available` units out at a time (admission, memory, in-flight bytes). A request
 * for more than the capacity is granted when nothing else is out. */
struct semaphore {
    int64_t capacity;
    int64_t available;
    struct wait_queue queue;
};

void semaphore_init(struct semaphore *semaphore, int64_t capacity);
MUST_CHECK int semaphore_take(struct task *task, struct semaphore *semaphore, int64_t units,
                              struct err *err);
bool semaphore_try_take(struct semaphore *semaphore, int64_t units);
void semaphore_give(struct semaphore *semaphore, int64_t units);

enum channel_result { CHANNEL_OK, CHANNEL_CLOSED, CHANNEL_FULL, CHANNEL_EMPTY };

struct channel {
    void **items;
    uint32_t capacity;
    uint32_t head;
    uint32_t count;
    bool closed;
    struct wait_queue senders;
    struct wait_queue receivers;
};

/* items: memory of the owner for `capacity` pointers (capacity >= 1). */
void channel_init(struct channel *channel, void **items, uint32_t capacity);
/* *result is CHANNEL_OK or CHANNEL_CLOSED; errors are cancellation only. */
MUST_CHECK int channel_send(struct task *task, struct channel *channel, void *item,
                            enum channel_result *result, struct err *err);
MUST_CHECK int channel_recv(struct task *task, struct channel *channel, void **item,
                            enum channel_result *result, struct err *err);
enum channel_result channel_try_send(struct channel *channel, void *item);
enum channel_result channel_try_recv(struct channel *channel, void **item);
void channel_close(struct channel *channel);

#endif
