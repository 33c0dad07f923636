/* env_uv_int.h: what the files of env_uv share. */
#ifndef CAIRN_BASE_ENV_UV_INT_H
#define CAIRN_BASE_ENV_UV_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "base/core.h"
#include "base/env.h"
#include "base/env_uv.h"
#include "base/log.h"

enum { UV_SCRATCH_BYTES = 64 * 1024, PORTS_MAX = 64 };

struct uv_job {
    struct uv_job *next;
    job_fn *fn;
    void *arg;
};

/* A queue of jobs and the threads that serve it: the worker pool, or a lane (one thread). */
struct uv_queue {
    struct env *env;
    pthread_mutex_t lock;
    pthread_cond_t ready;
    pthread_cond_t quiet; /* no job is queued or runs */
    struct uv_job *head, **tail;
    uint32_t thread_max, thread_count, idle_count, busy_count;
    pthread_t *threads;
    bool stopping;
    char name[16];
};

struct uv_lane {
    struct lane lane;
    struct uv_queue queue;
};

struct uv_watch {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool started, stopping;
    struct uv_core *cores;
};

struct env_uv {
    struct env env;
    struct log log;
    int root_fd;
    int log_fd;
    char *root;
    uint32_t cpu_count;
    struct uv_queue workers;
    struct uv_watch watch;
    pthread_mutex_t ports_lock;
    uint16_t ports[PORTS_MAX]; /* this process listens there already */
    int port_count;
};

struct uv_core {
    struct core *core;
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t timer;
    mono_ns armed_at; /* 0 = not */
    pthread_t thread;
    pthread_t self; /* the same, as the thread itself knows it */
    bool spins;
    struct uv_core *watch_next;
    mono_ns reported_since; /* the stall whose place was printed */
    char scratch[UV_SCRATCH_BYTES]; /* for reads nobody waits for */
};

extern const struct env_ops env_uv_ops;

/* ---- env_uv_watch.c ---- */
void uv_watch_open(struct env_uv *env);
void uv_watch_close(struct env_uv *env);
void uv_watch_add(struct env_uv *env, struct uv_core *uc);
void uv_watch_remove(struct env_uv *env, struct uv_core *uc);
void uv_watch_thread_init(void); /* on a core's thread */

/* ---- env_uv_file.c ---- */
int uv_file_open(struct task *task, struct env *env, const char *path, unsigned flags,
                 enum fs_result *result, struct file **out, struct err *err);
void uv_file_close(struct task *task, struct file *file);
int uv_file_pread(struct task *task, struct file *file, void *out, size_t len, uint64_t at,
                  size_t *got, struct err *err);
int uv_file_pwritev(struct task *task, struct file *file, const struct file_iov *iov, int iov_count,
                    uint64_t at, struct err *err);
int uv_file_sync(struct task *task, struct file *file, struct err *err);
int uv_file_truncate(struct task *task, struct file *file, uint64_t size, struct err *err);
int uv_file_allocate(struct task *task, struct file *file, uint64_t size, struct err *err);
int uv_file_size(struct task *task, struct file *file, uint64_t *out, struct err *err);
int uv_dir_rename(struct task *task, struct env *env, const char *from, const char *to,
                  struct err *err);
int uv_dir_unlink(struct task *task, struct env *env, const char *path, enum fs_result *result,
                  struct err *err);
int uv_dir_mkdir(struct task *task, struct env *env, const char *path, enum fs_result *result,
                 struct err *err);
int uv_dir_rmdir(struct task *task, struct env *env, const char *path, enum fs_result *result,
                 struct err *err);
int uv_dir_sync(struct task *task, struct env *env, const char *path, struct err *err);
int uv_dir_stat(struct task *task, struct env *env, const char *path, enum fs_result *result,
                struct file_stat *out, struct err *err);
int uv_dir_list(struct task *task, struct env *env, const char *path, enum fs_result *result,
                struct fs_entry **out, size_t *count, struct err *err);
int uv_dir_lock(struct task *task, struct env *env, const char *path, enum fs_result *result,
                struct file **out, struct err *err);
int uv_dir_free_space(struct task *task, struct env *env, const char *path, uint64_t *free_bytes,
                      uint64_t *total_bytes, struct err *err);
int uv_zoneinfo(struct task *task, struct env *env, const char *name, struct buf *out,
                enum fs_result *result, struct err *err);

/* ---- env_uv_sock.c ---- */
int uv_sock_listen(struct task *task, const char *host, uint16_t port, struct listener **out,
                   struct err *err);
uint16_t uv_listener_port(struct listener *listener);
int uv_listener_accept(struct task *task, struct listener *listener, struct sock **out,
                       struct err *err);
void uv_listener_close(struct listener *listener);
int uv_sock_connect(struct task *task, const char *host, uint16_t port, struct sock **out,
                    struct err *err);
int uv_sock_read(struct task *task, struct sock *sock, void *out, size_t len, size_t *got,
                 struct err *err);
int uv_sock_write(struct task *task, struct sock *sock, const struct file_iov *iov, int iov_count,
                  struct err *err);
int uv_sock_queue(struct sock *sock, const struct file_iov *iov, int iov_count, struct err *err);
size_t uv_sock_queued_bytes(const struct sock *sock);
void uv_sock_on_readable(struct sock *sock, sock_ready_fn *fn, void *arg);
void uv_sock_shutdown(struct sock *sock);
void uv_sock_close(struct sock *sock);
int uv_sock_move(struct task *task, struct sock *sock, struct core *to, struct sock **out,
                 struct err *err);
const char *uv_sock_peer(const struct sock *sock);

#endif
