#include "base/sync.h"

#include <assert.h>

struct waiter {
    struct list_node link;
    struct task *task;
    bool woken;
    int64_t units; /* semaphores */
};

void wait_queue_init(struct wait_queue *queue)
{
    list_init(&queue->waiters);
}

enum park_result wait_queue_wait(struct task *task, struct wait_queue *queue, mono_ns until)
{
    struct waiter w = {.task = task};
    list_push_back(&queue->waiters, &w.link);
    for (;;) {
        enum park_result r = task_park(task, until);
        if (w.woken)
            return PARK_WOKEN;
        if (r != PARK_WOKEN) {
            list_remove(&w.link);
            return r;
        }
    }
}

void wait_queue_wait_always(struct task *task, struct wait_queue *queue)
{
    struct waiter w = {.task = task};
    list_push_back(&queue->waiters, &w.link);
    while (!w.woken)
        task_park_always(task);
}

static void wake_waiter(struct waiter *w)
{
    list_remove(&w->link);
    w->woken = true;
    task_wake(w->task);
}

int wait_queue_wake_one(struct wait_queue *queue)
{
    struct list_node *node = list_first(&queue->waiters);
    if (!node)
        return 0;
    wake_waiter(container_of(node, struct waiter, link));
    return 1;
}

int wait_queue_wake_all(struct wait_queue *queue)
{
    int n = 0;
    while (wait_queue_wake_one(queue))
        n++;
    return n;
}

/* ---- mutex: ownership is handed to the first waiter, nobody barges in ---- */

void mutex_init(struct mutex *mutex)
{
    mutex->owner = NULL;
    wait_queue_init(&mutex->queue);
}

bool mutex_try_lock(struct task *task, struct mutex *mutex)
{
    if (mutex->owner)
        return false;
    mutex->owner = task;
    return true;
}

int mutex_lock(struct task *task, struct mutex *mutex, struct err *err)
{
    assert(mutex->owner != task);
    if (mutex_try_lock(task, mutex))
        return 0;
    if (wait_queue_wait(task, &mutex->queue, TASK_FOREVER) == PARK_WOKEN)
        return 0;
    return task_cancel_error(task, err);
}

void mutex_lock_always(struct task *task, struct mutex *mutex)
{
    assert(mutex->owner != task);
    if (!mutex_try_lock(task, mutex))
        wait_queue_wait_always(task, &mutex->queue);
}

void mutex_unlock(struct task *task, struct mutex *mutex)
{
    assert(mutex->owner == task);
    struct list_node *node = list_first(&mutex->queue.waiters);
    mutex->owner = node ? container_of(node, struct waiter, link)->task : NULL;
    wait_queue_wake_one(&mutex->queue);
}

/* ---- condition ---- */

void cond_init(struct cond *cond)
{
    wait_queue_init(&cond->queue);
}

enum park_result cond_wait(struct task *task, struct cond *cond, mono_ns until)
{
    return wait_queue_wait(task, &cond->queue, until);
}

void cond_signal(struct cond *cond)
{
    wait_queue_wake_one(&cond->queue);
}

void cond_broadcast(struct cond *cond)
{
    wait_queue_wake_all(&cond->queue);
}

/* ---- semaphore ---- */

void semaphore_init(struct semaphore *semaphore, int64_t capacity)
{
    semaphore->capacity = capacity;
    semaphore->available = capacity;
    wait_queue_init(&semaphore->queue);
}

static bool may_take(const struct semaphore *s, int64_t units)
{
    return units <= s->available || (units > s->capacity && s->available == s->capacity);
}

bool semaphore_try_take(struct semaphore *semaphore, int64_t units)
{
    if (!list_is_empty(&semaphore->queue.waiters) || !may_take(semaphore, units))
        return false;
    semaphore->available -= units;
    return true;
}

/* Serves waiters in order; a big one at the front holds back the small ones behind it. */
static void grant_waiters(struct semaphore *semaphore)
{
    for (;;) {
        struct list_node *node = list_first(&semaphore->queue.waiters);
        if (!node)
            return;
        struct waiter *w = container_of(node, struct waiter, link);
        if (!may_take(semaphore, w->units))
            return;
        semaphore->available -= w->units;
        wake_waiter(w);
    }
}

int semaphore_take(struct task *task, struct semaphore *semaphore, int64_t units, struct err *err)
{
    if (semaphore_try_take(semaphore, units))
        return 0;
    struct waiter w = {.task = task, .units = units};
    list_push_back(&semaphore->queue.waiters, &w.link);
    for (;;) {
        enum park_result r = task_park(task, TASK_FOREVER);
        if (w.woken)
            return 0;
        if (r == PARK_CANCELED) {
            list_remove(&w.link);
            grant_waiters(semaphore);
            return task_cancel_error(task, err);
        }
    }
}

void semaphore_give(struct semaphore *semaphore, int64_t units)
{
    semaphore->available += units;
    assert(semaphore->available <= semaphore->capacity);
    grant_waiters(semaphore);
}

/* ---- channel ---- */

void channel_init(struct channel *channel, void **items, uint32_t capacity)
{
    assert(capacity > 0);
    *channel = (struct channel){.items = items, .capacity = capacity};
    wait_queue_init(&channel->senders);
    wait_queue_init(&channel->receivers);
}

enum channel_result channel_try_send(struct channel *channel, void *item)
{
    if (channel->closed)
        return CHANNEL_CLOSED;
    if (channel->count == channel->capacity)
        return CHANNEL_FULL;
    channel->items[(channel->head + channel->count) % channel->capacity] = item;
    channel->count++;
    wait_queue_wake_one(&channel->receivers);
    return CHANNEL_OK;
}

enum channel_result channel_try_recv(struct channel *channel, void **item)
{
    if (channel->count == 0)
        return channel->closed ? CHANNEL_CLOSED : CHANNEL_EMPTY;
    *item = channel->items[channel->head];
    channel->head = (channel->head + 1) % channel->capacity;
    channel->count--;
    wait_queue_wake_one(&channel->senders);
    return CHANNEL_OK;
}

/* A waiter that was woken but then left with an error must pass its wake-up on; wait_queue_wait
 * never loses one (woken wins over cancelled), so re-checking in a loop is enough. */
int channel_send(struct task *task, struct channel *channel, void *item,
                 enum channel_result *result, struct err *err)
{
    for (;;) {
        enum channel_result r = channel_try_send(channel, item);
        if (r != CHANNEL_FULL) {
            *result = r;
            return 0;
        }
        if (wait_queue_wait(task, &channel->senders, TASK_FOREVER) != PARK_WOKEN)
            return task_cancel_error(task, err);
    }
}

int channel_recv(struct task *task, struct channel *channel, void **item,
                 enum channel_result *result, struct err *err)
{
    for (;;) {
        enum channel_result r = channel_try_recv(channel, item);
        if (r != CHANNEL_EMPTY) {
            *result = r;
            return 0;
        }
        if (wait_queue_wait(task, &channel->receivers, TASK_FOREVER) != PARK_WOKEN)
            return task_cancel_error(task, err);
    }
}

void channel_close(struct channel *channel)
{
    channel->closed = true;
    wait_queue_wake_all(&channel->senders);
    wait_queue_wake_all(&channel->receivers);
}
