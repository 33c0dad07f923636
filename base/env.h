/* env.h: the only door to the outside.
 *
 * Clocks, files, sockets, worker threads, randomness, memory figures. Two implementations: env_uv.h
 * (the operating system, through libuv) and tests/sim/env_sim.h (many nodes in one thread,
 * everything seeded and simulated). No other code calls the OS, libuv, time() or rand().
 *
 * What waits takes the running task. In a fiber it sleeps and the core goes on; in a worker job (a
 * task with core == NULL) it blocks the job's thread. Sockets and listeners are for fibers only.
 *
 * Jobs. job_run gives fn to a pool of worker threads and sleeps until it ended: for pure CPU work
 * of more than ~5 ms and for anything that blocks. A lane is a thread of its own that runs posted
 * jobs in order: the log writer. Jobs work on memory that nobody else changes meanwhile and answer
 * through core_post or the end of job_run.
 *
 * Files: reads and writes at positions; nothing is durable before file_sync (data and the size
 * needed to read it), and a created, renamed or unlinked name not before fs_sync_dir of its
 * directory. A failed sync leaves the file's unsynced content unknown: never retry it, recover.
 * Paths are relative to the node's root directory, or absolute (env_uv only).
 *
 * Sockets: a byte stream. sock_write takes the bytes at once and sleeps only while more than
 * SOCK_QUEUE_HIGH are unsent; sock_queue never sleeps (its caller bounds sock_queued_bytes). At
 * most one task reads a socket, and at most one writes with sock_write.
 *
 * Invariants
 * 1. Cancellation ends waits on sockets, never on files or jobs (their memory is the caller's).
 * 2. A socket or file belongs to the core that opened it; a file may also be used by jobs
 *    while its owner keeps it open (pread and pwrite carry their position).
 * 3. Errors: 58030 io_error with the path and the system's text; 53100 disk_full; 08006 for
 * sockets.
 */
#ifndef CAIRN_BASE_ENV_H
#define CAIRN_BASE_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/task.h"

struct env;
struct fault_set;
struct file;
struct log;
struct sock;
struct listener;
struct lane;
struct runtime;

enum file_flags {
    FILE_READ = 1,
    FILE_WRITE = 2, /* with READ: both */
    FILE_CREATE = 4,
    FILE_EXCLUSIVE = 8, /* with CREATE: must not exist */
    FILE_TRUNCATE = 16,
    FILE_DSYNC = 32, /* each write is durable when it returns */
};

struct file_stat {
    uint64_t size_bytes;
    uint64_t modified_us; /* wall clock */
    bool is_dir;
};

struct file_iov {
    const void *data;
    size_t len;
};

enum fs_result { FS_OK, FS_NOT_FOUND, FS_EXISTS, FS_LOCKED };

/* One name of a directory, sorted by name; "." and ".." left out. */
struct fs_entry {
    char name[256];
    bool is_dir;
    uint64_t size_bytes;
};

struct env_memory {
    uint64_t resident_bytes;
    uint64_t allocated_bytes; /* live, by the allocator's count; 0 if it cannot tell */
    uint64_t system_total_bytes;
    uint64_t system_available_bytes;
};

enum { SOCK_QUEUE_HIGH = 256 * 1024, SOCK_QUEUE_LOW = 64 * 1024 };

typedef void job_fn(struct task *task, void *arg);
typedef void sock_ready_fn(struct sock *sock, void *arg);

struct env_ops {
    uint64_t (*mono_ns)(struct env *env);
    uint64_t (*boot_ns)(struct env *env);
    uint64_t (*wall_us)(struct env *env);
    void (*random)(struct env *env, void *out, size_t len);
    void (*memory)(struct env *env, struct env_memory *out);
    uint32_t (*cpu_count)(struct env *env);
    int (*zoneinfo)(struct task *task, struct env *env, const char *name, struct buf *out,
                    enum fs_result *result, struct err *err);
    void (*log_write)(struct env *env, const char *line, size_t len);

    int (*core_start)(struct env *env, struct core *core, struct err *err);
    void (*core_wake)(struct env *env, struct core *core);
    void (*core_join)(struct env *env, struct core *core); /* until its thread ended */
    void (*core_free)(struct env *env,
                      struct core *core); /* after all of the runtime were joined */
    void (*thread_sleep)(struct env *env, uint64_t ns);

    void (*job_post)(struct env *env, job_fn *fn, void *arg);
    int (*lane_open)(struct env *env, const char *name, struct lane **out, struct err *err);
    void (*lane_post)(struct lane *lane, job_fn *fn, void *arg);
    void (*lane_close)(struct task *task, struct lane *lane);

    int (*file_open)(struct task *task, struct env *env, const char *path, unsigned flags,
                     enum fs_result *result, struct file **out, struct err *err);
    void (*file_close)(struct task *task, struct file *file);
    int (*file_pread)(struct task *task, struct file *file, void *out, size_t len, uint64_t at,
                      size_t *got, struct err *err);
    int (*file_pwritev)(struct task *task, struct file *file, const struct file_iov *iov,
                        int iov_count, uint64_t at, struct err *err);
    int (*file_sync)(struct task *task, struct file *file, struct err *err);
    int (*file_truncate)(struct task *task, struct file *file, uint64_t size, struct err *err);
    int (*file_allocate)(struct task *task, struct file *file, uint64_t size, struct err *err);
    int (*file_size)(struct task *task, struct file *file, uint64_t *out, struct err *err);

    int (*fs_rename)(struct task *task, struct env *env, const char *from, const char *to,
                     struct err *err);
    int (*fs_unlink)(struct task *task, struct env *env, const char *path, enum fs_result *result,
                     struct err *err);
    int (*fs_mkdir)(struct task *task, struct env *env, const char *path, enum fs_result *result,
                    struct err *err);
    int (*fs_rmdir)(struct task *task, struct env *env, const char *path, enum fs_result *result,
                    struct err *err);
    int (*fs_sync_dir)(struct task *task, struct env *env, const char *path, struct err *err);
    int (*fs_stat)(struct task *task, struct env *env, const char *path, enum fs_result *result,
                   struct file_stat *out, struct err *err);
    int (*fs_list)(struct task *task, struct env *env, const char *path, enum fs_result *result,
                   struct fs_entry **out, size_t *count, struct err *err);
    int (*fs_lock)(struct task *task, struct env *env, const char *path, enum fs_result *result,
                   struct file **out, struct err *err);
    int (*fs_free_space)(struct task *task, struct env *env, const char *path, uint64_t *free_bytes,
                         uint64_t *total_bytes, struct err *err);

    int (*sock_listen)(struct task *task, const char *host, uint16_t port, struct listener **out,
                       struct err *err);
    uint16_t (*listener_port)(struct listener *listener);
    int (*listener_accept)(struct task *task, struct listener *listener, struct sock **out,
                           struct err *err);
    void (*listener_close)(struct listener *listener);
    int (*sock_connect)(struct task *task, const char *host, uint16_t port, struct sock **out,
                        struct err *err);
    int (*sock_read)(struct task *task, struct sock *sock, void *out, size_t len, size_t *got,
                     struct err *err);
    int (*sock_write)(struct task *task, struct sock *sock, const struct file_iov *iov,
                      int iov_count, struct err *err);
    int (*sock_queue)(struct sock *sock, const struct file_iov *iov, int iov_count,
                      struct err *err);
    size_t (*sock_queued_bytes)(const struct sock *sock);
    void (*sock_on_readable)(struct sock *sock, sock_ready_fn *fn, void *arg);
    void (*sock_shutdown)(struct sock *sock);
    void (*sock_close)(struct sock *sock);
    int (*sock_move)(struct task *task, struct sock *sock, struct core *to, struct sock **out,
                     struct err *err);
    const char *(*sock_peer)(const struct sock *sock);
};

/* Implementations put it first in their own struct, and so do their file, sock, listener and lane.
 */
struct env {
    const struct env_ops *ops;
    struct log *log; /* the node's log; never NULL */
    struct fault_set
        *faults; /* armed failure points, NULL in production: FAULT(env->faults, name) */
};
struct file {
    struct env *env;
};
struct sock {
    struct env *env;
};
struct listener {
    struct env *env;
};
struct lane {
    struct env *env;
};

/* ---- clocks ---- */
static inline uint64_t env_mono_ns(struct env *env)
{
    return env->ops->mono_ns(env);
}
/* Goes on while the machine is suspended: what leases run on. */
static inline uint64_t env_boot_ns(struct env *env)
{
    return env->ops->boot_ns(env);
}
/* Microseconds since 1970; may jump. */
static inline uint64_t env_wall_us(struct env *env)
{
    return env->ops->wall_us(env);
}
/* From the system's generator: fit for nonces and ids. */
static inline void env_random(struct env *env, void *out, size_t len)
{
    env->ops->random(env, out, len);
}
static inline void env_memory(struct env *env, struct env_memory *out)
{
    env->ops->memory(env, out);
}
static inline uint32_t env_cpu_count(struct env *env)
{
    return env->ops->cpu_count(env);
}
/* The TZif bytes of a zone ("Europe/Berlin"); FS_NOT_FOUND for unknown or unsafe names. */
MUST_CHECK static inline int env_zoneinfo(struct task *task, const char *name, struct buf *out,
                                          enum fs_result *result, struct err *err)
{
    return task->env->ops->zoneinfo(task, task->env, name, out, result, err);
}

/* ---- jobs ---- */
/* Runs fn on a worker thread and sleeps until it ended. In a job it is a plain call. */
void job_run(struct task *task, job_fn *fn, void *arg);
/* Fire and forget, from any thread. */
static inline void job_post(struct env *env, job_fn *fn, void *arg)
{
    env->ops->job_post(env, fn, arg);
}
MUST_CHECK static inline int lane_open(struct env *env, const char *name, struct lane **out,
                                       struct err *err)
{
    return env->ops->lane_open(env, name, out, err);
}
/* From any thread; jobs of one lane run one after the other in the order posted. */
static inline void lane_post(struct lane *lane, job_fn *fn, void *arg)
{
    lane->env->ops->lane_post(lane, fn, arg);
}
/* After everything posted has run. */
static inline void lane_close(struct task *task, struct lane *lane)
{
    lane->env->ops->lane_close(task, lane);
}

/* ---- files ---- */
/* *result is FS_OK, FS_NOT_FOUND or FS_EXISTS (FILE_EXCLUSIVE); *out is set with FS_OK only. */
MUST_CHECK static inline int file_open(struct task *task, const char *path, unsigned flags,
                                       enum fs_result *result, struct file **out, struct err *err)
{
    return task->env->ops->file_open(task, task->env, path, flags, result, out, err);
}
static inline void file_close(struct task *task, struct file *file)
{
    file->env->ops->file_close(task, file);
}
/* *got < len only at the end of the file. */
MUST_CHECK static inline int file_pread(struct task *task, struct file *file, void *out, size_t len,
                                        uint64_t at, size_t *got, struct err *err)
{
    return file->env->ops->file_pread(task, file, out, len, at, got, err);
}
/* All or an error; after an error any part may have been written. */
MUST_CHECK static inline int file_pwritev(struct task *task, struct file *file,
                                          const struct file_iov *iov, int iov_count, uint64_t at,
                                          struct err *err)
{
    return file->env->ops->file_pwritev(task, file, iov, iov_count, at, err);
}
MUST_CHECK static inline int file_pwrite(struct task *task, struct file *file, const void *data,
                                         size_t len, uint64_t at, struct err *err)
{
    struct file_iov iov = {data, len};
    return file->env->ops->file_pwritev(task, file, &iov, 1, at, err);
}
MUST_CHECK static inline int file_sync(struct task *task, struct file *file, struct err *err)
{
    return file->env->ops->file_sync(task, file, err);
}
MUST_CHECK static inline int file_truncate(struct task *task, struct file *file, uint64_t size,
                                           struct err *err)
{
    return file->env->ops->file_truncate(task, file, size, err);
}
/* Reserves blocks and extends the size with zeros. */
MUST_CHECK static inline int file_allocate(struct task *task, struct file *file, uint64_t size,
                                           struct err *err)
{
    return file->env->ops->file_allocate(task, file, size, err);
}
MUST_CHECK static inline int file_size(struct task *task, struct file *file, uint64_t *out,
                                       struct err *err)
{
    return file->env->ops->file_size(task, file, out, err);
}

/* Whole small files (descriptors, markers), at most 64 MiB. */
MUST_CHECK int file_read_all(struct task *task, const char *path, struct buf *out,
                             enum fs_result *result, struct err *err);
/* Writes path.tmp, syncs, renames over path, syncs the directory: all or nothing, also at a crash.
 */
MUST_CHECK int file_replace(struct task *task, const char *path, const void *data, size_t len,
                            struct err *err);

/* ---- names ---- */
MUST_CHECK static inline int fs_rename(struct task *task, const char *from, const char *to,
                                       struct err *err)
{
    return task->env->ops->fs_rename(task, task->env, from, to, err);
}
MUST_CHECK static inline int fs_unlink(struct task *task, const char *path, enum fs_result *result,
                                       struct err *err)
{
    return task->env->ops->fs_unlink(task, task->env, path, result, err);
}
MUST_CHECK static inline int fs_mkdir(struct task *task, const char *path, enum fs_result *result,
                                      struct err *err)
{
    return task->env->ops->fs_mkdir(task, task->env, path, result, err);
}
MUST_CHECK static inline int fs_rmdir(struct task *task, const char *path, enum fs_result *result,
                                      struct err *err)
{
    return task->env->ops->fs_rmdir(task, task->env, path, result, err);
}
MUST_CHECK static inline int fs_sync_dir(struct task *task, const char *path, struct err *err)
{
    return task->env->ops->fs_sync_dir(task, task->env, path, err);
}
MUST_CHECK static inline int fs_stat(struct task *task, const char *path, enum fs_result *result,
                                     struct file_stat *out, struct err *err)
{
    return task->env->ops->fs_stat(task, task->env, path, result, out, err);
}
/* *out: malloc'ed, the caller frees it. */
MUST_CHECK static inline int fs_list(struct task *task, const char *path, enum fs_result *result,
                                     struct fs_entry **out, size_t *count, struct err *err)
{
    return task->env->ops->fs_list(task, task->env, path, result, out, count, err);
}
/* Exclusive lock of a store: held until file_close or the process ends. FS_LOCKED: another process
 * has it. */
MUST_CHECK static inline int fs_lock(struct task *task, const char *path, enum fs_result *result,
                                     struct file **out, struct err *err)
{
    return task->env->ops->fs_lock(task, task->env, path, result, out, err);
}
MUST_CHECK static inline int fs_free_space(struct task *task, const char *path,
                                           uint64_t *free_bytes, uint64_t *total_bytes,
                                           struct err *err)
{
    return task->env->ops->fs_free_space(task, task->env, path, free_bytes, total_bytes, err);
}

/* ---- sockets: env_sock.h (included here) ---- */
#include "base/env_sock.h"

#endif
