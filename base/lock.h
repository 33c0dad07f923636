/* lock.h: mutual exclusion between threads, for the few structures that cores share.
 *
 * Cores exchange messages; what they do share under a lock is listed here: the log's append buffer
 * and index, the block cache's shards, the table of open files, the manifest's state. Sections are
 * short, never wait and never call out, so the lock is never held across a suspension of a fiber
 * (the simulator, with every core in one thread, would deadlock if it were).
 */
#ifndef CAIRN_BASE_LOCK_H
#define CAIRN_BASE_LOCK_H

#include <pthread.h>

struct lock {
    pthread_mutex_t mutex;
};

static inline void lock_init(struct lock *lock)
{
    pthread_mutex_init(&lock->mutex, NULL);
}
static inline void lock_done(struct lock *lock)
{
    pthread_mutex_destroy(&lock->mutex);
}
static inline void lock_take(struct lock *lock)
{
    pthread_mutex_lock(&lock->mutex);
}
static inline void lock_give(struct lock *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}

#endif
