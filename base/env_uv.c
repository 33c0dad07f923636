#include "base/env_uv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "base/env_uv_int.h"
#include "base/stack_int.h"

enum { SPIN_NS = 20 * 1000, SPIN_AFTER_MESSAGE_NS = 1000 * 1000 };

static struct env_uv *of(struct env *env)
{
    return container_of(env, struct env_uv, env);
}

/* ---- clocks, randomness, memory ---- */

static uint64_t read_clock(clockid_t which)
{
    struct timespec ts;
    clock_gettime(which, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t get_mono_ns(struct env *env)
{
    return read_clock(CLOCK_MONOTONIC);
}

static uint64_t get_boot_ns(struct env *env)
{
    return read_clock(CLOCK_BOOTTIME);
}

static uint64_t get_wall_us(struct env *env)
{
    return read_clock(CLOCK_REALTIME) / 1000;
}

static void fill_random(struct env *env, void *out, size_t len)
{
    char *at = out;
    while (len) {
        ssize_t n = getrandom(at, len < 256 ? len : 256, 0);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            fprintf(stderr, "cairn: getrandom: %s\n", strerror(errno));
            abort();
        }
        at += n;
        len -= (size_t)n;
    }
}

/* jemalloc's, when it is linked. */
extern int mallctl(const char *name, void *old, size_t *old_len, void *new_value, size_t new_len)
    __attribute__((weak));

static void get_memory(struct env *env, struct env_memory *out)
{
    *out = (struct env_memory){0};
    FILE *f = fopen("/proc/self/statm", "re");
    if (f) {
        unsigned long total = 0, resident = 0;
        if (fscanf(f, "%lu %lu", &total, &resident) == 2)
            out->resident_bytes = (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
        fclose(f);
    }
    f = fopen("/proc/meminfo", "re");
    if (f) {
        char line[128];
        unsigned long long kb;
        while (fgets(line, sizeof line, f)) {
            if (sscanf(line, "MemTotal: %llu kB", &kb) == 1)
                out->system_total_bytes = kb * 1024;
            else if (sscanf(line, "MemAvailable: %llu kB", &kb) == 1)
                out->system_available_bytes = kb * 1024;
        }
        fclose(f);
    }
    if (mallctl) {
        uint64_t epoch = 1;
        size_t n = sizeof epoch, allocated = 0, m = sizeof allocated;
        mallctl("epoch", &epoch, &n, &epoch, n);
        if (mallctl("stats.allocated", &allocated, &m, NULL, 0) == 0)
            out->allocated_bytes = allocated;
    }
}

static uint32_t get_cpu_count(struct env *env)
{
    return of(env)->cpu_count;
}

static void write_log(struct env *env, const char *line, size_t len)
{
    while (len) {
        ssize_t n = write(of(env)->log_fd, line, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* there is nowhere left to complain */
        line += n;
        len -= (size_t)n;
    }
}

static void sleep_thread(struct env *env, uint64_t ns)
{
    struct timespec ts = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
        ;
}

/* ---- job queues ---- */

static void *serve_queue(void *arg)
{
    struct uv_queue *q = arg;
    struct task task;
    task_init_thread(&task, q->env);
    pthread_mutex_lock(&q->lock);
    for (;;) {
        while (!q->head && !q->stopping) {
            q->idle_count++;
            pthread_cond_wait(&q->ready, &q->lock);
            q->idle_count--;
        }
        struct uv_job *job = q->head;
        if (!job)
            break;
        q->head = job->next;
        if (!q->head)
            q->tail = &q->head;
        q->busy_count++;
        pthread_mutex_unlock(&q->lock);
        job->fn(&task, job->arg);
        free(job);
        pthread_mutex_lock(&q->lock);
        q->busy_count--;
        if (!q->head && !q->busy_count)
            pthread_cond_broadcast(&q->quiet);
    }
    pthread_mutex_unlock(&q->lock);
    stack_pool_empty(&stack_thread()->segments);
    return NULL;
}

/* With the lock held. The thread's failure to start matters only if there is none at all. */
static bool add_thread(struct uv_queue *q)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool ok = pthread_create(&q->threads[q->thread_count], NULL, serve_queue, q) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (ok) {
        pthread_setname_np(q->threads[q->thread_count], q->name);
        q->thread_count++;
    }
    return ok;
}

static void open_queue(struct uv_queue *q, struct env *env, const char *name, uint32_t thread_max)
{
    *q = (struct uv_queue){.env = env, .thread_max = thread_max};
    q->tail = &q->head;
    snprintf(q->name, sizeof q->name, "%s", name);
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->ready, NULL);
    pthread_cond_init(&q->quiet, NULL);
    q->threads = calloc(thread_max, sizeof *q->threads);
    if (!q->threads)
        abort();
}

static void push_job(struct uv_queue *q, job_fn *fn, void *arg)
{
    struct uv_job *job = malloc(sizeof *job);
    if (!job) {
        fprintf(stderr, "cairn: out of memory for a job\n");
        abort();
    }
    *job = (struct uv_job){.fn = fn, .arg = arg};
    pthread_mutex_lock(&q->lock);
    *q->tail = job;
    q->tail = &job->next;
    if (q->idle_count)
        pthread_cond_signal(&q->ready);
    else if (q->thread_count < q->thread_max && !add_thread(q) && q->thread_count == 0) {
        fprintf(stderr, "cairn: cannot start a worker thread: %s\n", strerror(errno));
        abort();
    }
    pthread_mutex_unlock(&q->lock);
}

static void wait_quiet(struct uv_queue *q)
{
    pthread_mutex_lock(&q->lock);
    while (q->head || q->busy_count)
        pthread_cond_wait(&q->quiet, &q->lock);
    pthread_mutex_unlock(&q->lock);
}

static void close_queue(struct uv_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->stopping = true;
    pthread_cond_broadcast(&q->ready);
    pthread_mutex_unlock(&q->lock);
    for (uint32_t i = 0; i < q->thread_count; i++)
        pthread_join(q->threads[i], NULL);
    free(q->threads);
    pthread_cond_destroy(&q->ready);
    pthread_cond_destroy(&q->quiet);
    pthread_mutex_destroy(&q->lock);
}

static void post_job(struct env *env, job_fn *fn, void *arg)
{
    push_job(&of(env)->workers, fn, arg);
}

static int open_lane(struct env *env, const char *name, struct lane **out, struct err *err)
{
    struct uv_lane *lane = calloc(1, sizeof *lane);
    if (!lane)
        return err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    lane->lane.env = env;
    open_queue(&lane->queue, env, name, 1);
    pthread_mutex_lock(&lane->queue.lock);
    bool ok = add_thread(&lane->queue);
    pthread_mutex_unlock(&lane->queue.lock);
    if (!ok) {
        close_queue(&lane->queue);
        free(lane);
        return err_set(err, ERR_INSUFFICIENT_RESOURCES, "could not start thread \"%s\"", name);
    }
    *out = &lane->lane;
    return 0;
}

static void post_lane(struct lane *lane, job_fn *fn, void *arg)
{
    push_job(&container_of(lane, struct uv_lane, lane)->queue, fn, arg);
}

static void join_lane(struct task *task, void *arg)
{
    struct uv_lane *lane = arg;
    close_queue(&lane->queue);
    free(lane);
}

static void close_lane(struct task *task, struct lane *lane)
{
    job_run(task, join_lane, container_of(lane, struct uv_lane, lane));
}

/* ---- cores ---- */

static void on_wake(uv_async_t *async)
{
    (void)async; /* the loop returning is all that is wanted */
}

static void on_timer(uv_timer_t *timer)
{
    ((struct uv_core *)timer->data)->armed_at = 0;
    /* libuv runs timers before it polls: without this the poll that follows would sleep without
     * bound. */
    uv_stop(timer->loop);
}

static void arm_timer(struct uv_core *uc)
{
    mono_ns at = core_next_deadline(uc->core);
    if (at == TASK_FOREVER) {
        if (uc->armed_at) {
            uv_timer_stop(&uc->timer);
            uc->armed_at = 0;
        }
        return;
    }
    if (at == uc->armed_at)
        return;
    mono_ns now = env_mono_ns(uc->core->env);
    uint64_t ms = at > now ? (at - now + 999999) / 1000000 : 0;
    uv_update_time(&uc->loop);
    uv_timer_start(&uc->timer, on_timer, ms, 0);
    uc->armed_at = at;
}

/* Looks at the inbox for a short while instead of sleeping at once. True if something came. */
static bool spin(struct uv_core *uc)
{
    struct core *core = uc->core;
    if (!uc->spins || core->now - core->last_message > SPIN_AFTER_MESSAGE_NS)
        return false;
    mono_ns end = env_mono_ns(core->env) + SPIN_NS;
    do {
        for (int i = 0; i < 64; i++) {
            if (atomic_load_explicit(&core->inbox, memory_order_relaxed))
                return true;
#if defined(__x86_64__)
            __builtin_ia32_pause();
#endif
        }
    } while (env_mono_ns(core->env) < end);
    return false;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void *run_core(void *arg)
{
    struct uv_core *uc = arg;
    struct core *core = uc->core;
    core->scheduler_fiber = stack_san_fiber_current();
    uv_watch_thread_init();
    uv_watch_add(of(core->env), uc);
    for (;;) {
        bool more = core_turn(core);
        if (core_should_end(core))
            break;
        if (more) {
            uv_run(&uc->loop, UV_RUN_NOWAIT);
            continue;
        }
        if (spin(uc))
            continue;
        arm_timer(uc);
        if (!core_prepare_sleep(core))
            continue;
        uv_run(&uc->loop, UV_RUN_ONCE);
        core_woke(core);
    }
    uv_watch_remove(of(core->env), uc);
    /* Sockets that were closed finish; the loop itself stays until the other cores ended too. */
    uv_close((uv_handle_t *)&uc->timer, NULL);
    uv_run(&uc->loop, UV_RUN_NOWAIT);
    stack_pool_empty(&stack_thread()->segments);
    stack_pool_empty(&stack_thread()->stacks);
    return NULL;
}

static int start_core(struct env *env, struct core *core, struct err *err)
{
    struct uv_core *uc = calloc(1, sizeof *uc);
    if (!uc)
        return err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    uc->core = core;
    core->env_core = uc;
    uint32_t cores = core->runtime->core_count;
    uc->spins = cores > 1 && cores < of(env)->cpu_count;
    int rc = uv_loop_init(&uc->loop);
    if (rc) {
        free(uc);
        return err_set(err, ERR_INSUFFICIENT_RESOURCES, "could not start an event loop: %s",
                       uv_strerror(rc));
    }
    uv_async_init(&uc->loop, &uc->wake, on_wake);
    uv_timer_init(&uc->loop, &uc->timer);
    uc->timer.data = uc;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&uc->thread, NULL, run_core, uc);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc) {
        uv_close((uv_handle_t *)&uc->wake, NULL);
        uv_close((uv_handle_t *)&uc->timer, NULL);
        uv_run(&uc->loop, UV_RUN_DEFAULT);
        uv_loop_close(&uc->loop);
        free(uc);
        core->env_core = NULL;
        return err_set(err, ERR_INSUFFICIENT_RESOURCES, "could not start a thread: %s",
                       strerror(rc));
    }
    char name[16];
    snprintf(name, sizeof name, "core-%u", core->index);
    pthread_setname_np(uc->thread, name);
    return 0;
}

static void wake_core(struct env *env, struct core *core)
{
    struct uv_core *uc = core->env_core;
    uv_async_send(&uc->wake);
}

static void join_core(struct env *env, struct core *core)
{
    struct uv_core *uc = core->env_core;
    pthread_join(uc->thread, NULL);
}

static void free_core(struct env *env, struct core *core)
{
    struct uv_core *uc = core->env_core;
    /* A worker may still be in the core_post that ended the core's last wait. */
    wait_quiet(&of(env)->workers);
    uv_walk(&uc->loop, close_handle, NULL);
    uv_run(&uc->loop, UV_RUN_DEFAULT);
    uv_loop_close(&uc->loop);
    free(uc);
    core->env_core = NULL;
}

/* ---- life ---- */

const struct env_ops env_uv_ops = {
    .mono_ns = get_mono_ns,
    .boot_ns = get_boot_ns,
    .wall_us = get_wall_us,
    .random = fill_random,
    .memory = get_memory,
    .cpu_count = get_cpu_count,
    .zoneinfo = uv_zoneinfo,
    .log_write = write_log,
    .core_start = start_core,
    .core_wake = wake_core,
    .core_join = join_core,
    .core_free = free_core,
    .thread_sleep = sleep_thread,
    .job_post = post_job,
    .lane_open = open_lane,
    .lane_post = post_lane,
    .lane_close = close_lane,
    .file_open = uv_file_open,
    .file_close = uv_file_close,
    .file_pread = uv_file_pread,
    .file_pwritev = uv_file_pwritev,
    .file_sync = uv_file_sync,
    .file_truncate = uv_file_truncate,
    .file_allocate = uv_file_allocate,
    .file_size = uv_file_size,
    .fs_rename = uv_dir_rename,
    .fs_unlink = uv_dir_unlink,
    .fs_mkdir = uv_dir_mkdir,
    .fs_rmdir = uv_dir_rmdir,
    .fs_sync_dir = uv_dir_sync,
    .fs_stat = uv_dir_stat,
    .fs_list = uv_dir_list,
    .fs_lock = uv_dir_lock,
    .fs_free_space = uv_dir_free_space,
    .sock_listen = uv_sock_listen,
    .listener_port = uv_listener_port,
    .listener_accept = uv_listener_accept,
    .listener_close = uv_listener_close,
    .sock_connect = uv_sock_connect,
    .sock_read = uv_sock_read,
    .sock_write = uv_sock_write,
    .sock_queue = uv_sock_queue,
    .sock_queued_bytes = uv_sock_queued_bytes,
    .sock_on_readable = uv_sock_on_readable,
    .sock_shutdown = uv_sock_shutdown,
    .sock_close = uv_sock_close,
    .sock_move = uv_sock_move,
    .sock_peer = uv_sock_peer,
};

int env_uv_create(const struct env_uv_config *config, struct env **out, struct err *err)
{
    const char *root = config->root ? config->root : ".";
    int root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        return err_set(err, ERR_IO_ERROR, "could not open directory \"%s\": %s", root,
                       strerror(errno));
    struct env_uv *env = calloc(1, sizeof *env);
    if (!env)
        abort();
    env->env.ops = &env_uv_ops;
    env->env.log = &env->log;
    env->root = strdup(root);
    env->root_fd = root_fd;
    env->log_fd = config->log_fd ? config->log_fd : STDERR_FILENO;
    env->cpu_count = (uint32_t)uv_available_parallelism();
    log_init(&env->log, &env->env, 0);
    pthread_mutex_init(&env->ports_lock, NULL);
    uint32_t workers = config->worker_count ? config->worker_count : env->cpu_count;
    if (!config->worker_count && workers < 4)
        workers = 4;
    open_queue(&env->workers, &env->env, "worker", workers);
    uv_watch_open(env);
    signal(SIGPIPE, SIG_IGN);
    *out = &env->env;
    return 0;
}

void env_uv_destroy(struct env *base)
{
    struct env_uv *env = of(base);
    uv_watch_close(env);
    close_queue(&env->workers);
    pthread_mutex_destroy(&env->ports_lock);
    close(env->root_fd);
    free(env->root);
    free(env);
}
