#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/env_uv_int.h"
#include "base/stack_int.h"

/* The watchdog: a thread that looks at every core each WATCH_MS and, when a fiber has held one for
 * longer than that, makes the core's thread print where it is. core.c reports the stall itself once
 * it is over; only a look from outside can tell the place. */

enum { WATCH_MS = 50, FRAMES_MAX = 40 };

static int trace_signal(void)
{
    return SIGRTMIN + 2;
}

/* On the stalled core's thread, in the middle of the fiber. */
static void print_trace(int signal_number)
{
    int saved = errno;
    struct core *core = stack_thread()->core;
    if (core) {
        void *frames[FRAMES_MAX];
        int n = backtrace(frames, FRAMES_MAX);
        backtrace_symbols_fd(frames, n, container_of(core->env, struct env_uv, env)->log_fd);
    }
    errno = saved;
}

void uv_watch_thread_init(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, trace_signal());
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void look_at(struct env_uv *env, struct uv_core *uc, mono_ns now)
{
    struct core *core = uc->core;
    mono_ns since = atomic_load_explicit(&core->running_since, memory_order_relaxed);
    if (since == 0 || since == uc->reported_since || now - since < WATCH_MS * UINT64_C(1000000))
        return;
    uc->reported_since = since;
    log_event(&env->log, LOG_WARN, "core_stalled_now", LOG_U64("stalled_core", core->index),
              LOG_U64("held_us", (now - since) / 1000), LOG_TEXT("backtrace", "follows"));
    pthread_kill(uc->self, trace_signal());
}

static void *watch(void *arg)
{
    struct env_uv *env = arg;
    struct uv_watch *w = &env->watch;
    pthread_mutex_lock(&w->lock);
    while (!w->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += WATCH_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&w->wake, &w->lock, &until);
        mono_ns now = env_mono_ns(&env->env);
        for (struct uv_core *uc = w->cores; uc; uc = uc->watch_next)
            look_at(env, uc, now);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void install_handler(void)
{
    struct sigaction sa;
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = print_trace;
    sa.sa_flags = SA_RESTART;
    sigaction(trace_signal(), &sa, NULL);
    /* The first backtrace loads libgcc, which a signal handler must not do. */
    void *frame;
    backtrace(&frame, 1);
}

void uv_watch_open(struct env_uv *env)
{
    struct uv_watch *w = &env->watch;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, &attr);
    pthread_condattr_destroy(&attr);
}

/* Without a watchdog thread the node runs all the same: stalls are then reported without a place.
 */
void uv_watch_add(struct env_uv *env, struct uv_core *uc)
{
    struct uv_watch *w = &env->watch;
    pthread_mutex_lock(&w->lock);
    uc->self = pthread_self();
    uc->watch_next = w->cores;
    w->cores = uc;
    if (!w->started) {
        sigset_t all, before;
        install_handler();
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        w->started = pthread_create(&w->thread, NULL, watch, env) == 0;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (w->started)
            pthread_setname_np(w->thread, "watchdog");
    }
    pthread_mutex_unlock(&w->lock);
}

void uv_watch_remove(struct env_uv *env, struct uv_core *uc)
{
    struct uv_watch *w = &env->watch;
    pthread_mutex_lock(&w->lock);
    struct uv_core **link = &w->cores;
    while (*link && *link != uc)
        link = &(*link)->watch_next;
    if (*link)
        *link = uc->watch_next;
    pthread_mutex_unlock(&w->lock);
}

void uv_watch_close(struct env_uv *env)
{
    struct uv_watch *w = &env->watch;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    if (w->started)
        pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
}
