/* env_uv.h: the env on the operating system, through libuv.
 *
 * Each core is a thread with a uv_loop_t; sockets and the wake-up handle live in it. File reads try
 * the page cache first (preadv2 with RWF_NOWAIT) and go to a worker thread otherwise; every other
 * file operation is a worker job. Workers are started as needed, up to worker_count. Lanes are
 * threads of their own.
 *
 * Timers have the millisecond resolution of libuv's loop: a sleep may end up to 1 ms late, never
 * early.
 *
 * Signals: SIGPIPE is ignored process-wide. All others are main's business.
 *
 * A watchdog thread looks at the cores every 50 ms and prints a backtrace of a fiber that held one
 * all that time (real-time signal SIGRTMIN + 2 to the core's thread).
 *
 * Files of this part: env_uv.c (clocks, cores, workers), env_uv_file.c, env_uv_sock.c,
 * env_uv_watch.c.
 */
#ifndef CAIRN_BASE_ENV_UV_H
#define CAIRN_BASE_ENV_UV_H

#include "base/env.h"

struct env_uv_config {
    const char *root;      /* relative paths start here; must exist; NULL: the current directory */
    uint32_t worker_count; /* 0: CPUs, at least 4 */
    int log_fd;            /* 0: standard error */
};

MUST_CHECK int env_uv_create(const struct env_uv_config *config, struct env **out, struct err *err);
/* After runtime_join. */
void env_uv_destroy(struct env *env);

#endif
