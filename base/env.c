#include "base/env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core.h"

enum { FILE_READ_ALL_MAX = 64 * 1024 * 1024 };

struct waited_job {
    struct core_msg msg;
    job_fn *fn;
    void *arg;
    struct task *waiter;
    bool done;
};

/* On the waiter's core: only here may `done` change, or the waiter could go while the worker still
 * posts. */
static void finish_job(struct core *core, struct core_msg *msg)
{
    (void)core;
    struct waited_job *job = container_of(msg, struct waited_job, msg);
    job->done = true;
    task_wake(job->waiter);
}

static void run_job(struct task *task, void *arg)
{
    struct waited_job *job = arg;
    job->fn(task, job->arg);
    core_post(job->waiter->core, &job->msg, finish_job);
}

void job_run(struct task *task, job_fn *fn, void *arg)
{
    if (!task->core) {
        fn(task, arg);
        return;
    }
    struct waited_job job = {.fn = fn, .arg = arg, .waiter = task};
    job_post(task->env, run_job, &job);
    while (!job.done)
        task_park_always(task);
}

int file_read_all(struct task *task, const char *path, struct buf *out, enum fs_result *result,
                  struct err *err)
{
    struct file *file;
    int rc = file_open(task, path, FILE_READ, result, &file, err);
    if (rc || *result != FS_OK)
        return rc;
    uint64_t size = 0;
    rc = file_size(task, file, &size, err);
    if (!rc && size > FILE_READ_ALL_MAX)
        rc = err_set(err, ERR_IO_ERROR, "file \"%s\" is too large (%llu bytes)", path,
                     (unsigned long long)size);
    if (!rc) {
        size_t start = out->len, got = 0;
        uint8_t *at = buf_extend(out, size);
        rc = size ? file_pread(task, file, at, size, 0, &got, err) : 0;
        out->len = rc ? start : start + got;
    }
    file_close(task, file);
    return rc;
}

static int write_temporary(struct task *task, const char *path, const void *data, size_t len,
                           struct err *err)
{
    enum fs_result result;
    struct file *file;
    int rc = file_open(task, path, FILE_READ | FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &result,
                       &file, err);
    if (rc)
        return rc;
    if (result != FS_OK)
        return err_set(err, ERR_IO_ERROR, "could not create file \"%s\"", path);
    rc = file_pwrite(task, file, data, len, 0, err);
    if (!rc)
        rc = file_sync(task, file, err);
    file_close(task, file);
    return rc;
}

int file_replace(struct task *task, const char *path, const void *data, size_t len, struct err *err)
{
    char temporary[4096], dir[4096];
    size_t n = strlen(path);
    if (n + 5 > sizeof temporary)
        return err_set(err, ERR_IO_ERROR, "file name \"%.200s...\" is too long", path);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (!slash)
        strcpy(dir, ".");
    else if (slash == dir)
        slash[1] = 0;
    else
        *slash = 0;
    int rc = write_temporary(task, temporary, data, len, err);
    if (!rc)
        rc = fs_rename(task, temporary, path, err);
    if (!rc)
        rc = fs_sync_dir(task, dir, err);
    return rc;
}
