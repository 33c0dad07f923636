#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/env_uv_int.h"
#include "base/sort.h"

/* Every operation is an `io` that either runs in place (on a thread) or as a job. */
struct uv_file {
    struct file file;
    int fd;
    bool cache_only_unsupported; /* by the file system */
    char *path;
};

struct io;
typedef int io_fn(struct io *io); /* 0 or an errno */

struct io {
    io_fn *fn;
    int failed; /* errno */
    int dir_fd, fd;
    const char *path, *path2;
    unsigned flags;
    void *out;
    size_t len, got;
    uint64_t at, size;
    const struct file_iov *iov;
    int iov_count;
    struct stat stat;
    struct statvfs space;
    struct fs_entry *entries;
    size_t entry_count;
};

static struct env_uv *env_of(struct env *env)
{
    return container_of(env, struct env_uv, env);
}

static struct uv_file *file_of(struct file *file)
{
    return container_of(file, struct uv_file, file);
}

static void run_io(struct task *task, void *arg)
{
    struct io *io = arg;
    io->failed = io->fn(io);
}

static int do_io(struct task *task, struct io *io, io_fn *fn)
{
    io->fn = fn;
    job_run(task, run_io, io);
    return io->failed;
}

static int set_errno(struct err *err, int failed, const char *what, const char *path)
{
    enum err_code code = failed == ENOSPC || failed == EDQUOT   ? ERR_DISK_FULL
                         : failed == EMFILE || failed == ENFILE ? ERR_INSUFFICIENT_RESOURCES
                                                                : ERR_IO_ERROR;
    return err_set(err, code, "could not %s \"%s\": %s", what, path, strerror(failed));
}

/* ---- files ---- */

static int open_now(struct io *io)
{
    int flags = O_CLOEXEC;
    if (io->flags & FILE_WRITE)
        flags |= io->flags & FILE_READ ? O_RDWR : O_WRONLY;
    if (io->flags & FILE_CREATE)
        flags |= O_CREAT;
    if (io->flags & FILE_EXCLUSIVE)
        flags |= O_EXCL;
    if (io->flags & FILE_TRUNCATE)
        flags |= O_TRUNC;
    if (io->flags & FILE_DSYNC)
        flags |= O_DSYNC;
    do {
        io->fd = openat(io->dir_fd, io->path, flags, 0600);
    } while (io->fd < 0 && errno == EINTR);
    return io->fd < 0 ? errno : 0;
}

static struct file *make_file(struct env *env, int fd, const char *path)
{
    struct uv_file *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    f->file.env = env;
    f->fd = fd;
    f->path = strdup(path);
    return &f->file;
}

int uv_file_open(struct task *task, struct env *env, const char *path, unsigned flags,
                 enum fs_result *result, struct file **out, struct err *err)
{
    struct io io = {.dir_fd = env_of(env)->root_fd, .path = path, .flags = flags};
    int failed = do_io(task, &io, open_now);
    if (failed == ENOENT && !(flags & FILE_CREATE)) {
        *result = FS_NOT_FOUND;
        return 0;
    }
    if (failed == EEXIST) {
        *result = FS_EXISTS;
        return 0;
    }
    if (failed)
        return set_errno(err, failed, "open file", path);
    *out = make_file(env, io.fd, path);
    *result = FS_OK;
    return 0;
}

static int close_now(struct io *io)
{
    close(io->fd);
    return 0;
}

void uv_file_close(struct task *task, struct file *file)
{
    struct uv_file *f = file_of(file);
    struct io io = {.fd = f->fd};
    do_io(task, &io, close_now);
    free(f->path);
    free(f);
}

static int pread_now(struct io *io)
{
    while (io->got < io->len) {
        ssize_t n =
            pread(io->fd, (char *)io->out + io->got, io->len - io->got, (off_t)(io->at + io->got));
        if (n == 0)
            break;
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return errno;
        }
        io->got += (size_t)n;
    }
    return 0;
}

/* What the page cache has, without waiting for the disk. True when all of it (or the end) was
 * there. */
static bool pread_cached(struct io *io)
{
    while (io->got < io->len) {
        struct iovec v = {(char *)io->out + io->got, io->len - io->got};
        ssize_t n = preadv2(io->fd, &v, 1, (off_t)(io->at + io->got), RWF_NOWAIT);
        if (n < 0) {
            io->failed = errno;
            return false;
        }
        if (n == 0)
            return true;
        io->got += (size_t)n;
    }
    return true;
}

int uv_file_pread(struct task *task, struct file *file, void *out, size_t len, uint64_t at,
                  size_t *got, struct err *err)
{
    struct uv_file *f = file_of(file);
    struct io io = {.fd = f->fd, .out = out, .len = len, .at = at};
    bool try_cache = task->core && !f->cache_only_unsupported;
    if (!try_cache || !pread_cached(&io)) {
        if (io.failed == EOPNOTSUPP)
            f->cache_only_unsupported = true;
        int failed = do_io(task, &io, pread_now);
        if (failed)
            return set_errno(err, failed, "read file", f->path);
    }
    *got = io.got;
    return 0;
}

static int pwritev_now(struct io *io)
{
    struct iovec v[64];
    int next = 0;
    size_t skip = 0; /* of iov[next], written already */
    uint64_t at = io->at;
    while (next < io->iov_count) {
        int n = 0;
        for (int i = next; i < io->iov_count && n < 64; i++, n++) {
            size_t off = i == next ? skip : 0;
            v[n].iov_base = (char *)io->iov[i].data + off;
            v[n].iov_len = io->iov[i].len - off;
        }
        ssize_t done = pwritev(io->fd, v, n, (off_t)at);
        if (done < 0) {
            if (errno == EINTR)
                continue;
            return errno;
        }
        at += (uint64_t)done;
        size_t left = (size_t)done + skip;
        while (next < io->iov_count && left >= io->iov[next].len)
            left -= io->iov[next++].len;
        skip = left;
    }
    return 0;
}

int uv_file_pwritev(struct task *task, struct file *file, const struct file_iov *iov, int iov_count,
                    uint64_t at, struct err *err)
{
    struct uv_file *f = file_of(file);
    struct io io = {.fd = f->fd, .iov = iov, .iov_count = iov_count, .at = at};
    int failed = do_io(task, &io, pwritev_now);
    return failed ? set_errno(err, failed, "write to file", f->path) : 0;
}

static int sync_now(struct io *io)
{
    return fdatasync(io->fd) == 0 ? 0 : errno;
}

int uv_file_sync(struct task *task, struct file *file, struct err *err)
{
    struct uv_file *f = file_of(file);
    struct io io = {.fd = f->fd};
    int failed = do_io(task, &io, sync_now);
    return failed ? set_errno(err, failed, "fsync file", f->path) : 0;
}

static int truncate_now(struct io *io)
{
    return ftruncate(io->fd, (off_t)io->size) == 0 ? 0 : errno;
}

int uv_file_truncate(struct task *task, struct file *file, uint64_t size, struct err *err)
{
    struct uv_file *f = file_of(file);
    struct io io = {.fd = f->fd, .size = size};
    int failed = do_io(task, &io, truncate_now);
    return failed ? set_errno(err, failed, "truncate file", f->path) : 0;
}

static int allocate_now(struct io *io)
{
    if (fallocate(io->fd, 0, 0, (off_t)io->size) == 0)
        return 0;
    if (errno != EOPNOTSUPP)
        return errno;
    struct stat st;
    if (fstat(io->fd, &st) != 0)
        return errno;
    return (uint64_t)st.st_size >= io->size || ftruncate(io->fd, (off_t)io->size) == 0 ? 0 : errno;
}

int uv_file_allocate(struct task *task, struct file *file, uint64_t size, struct err *err)
{
    struct uv_file *f = file_of(file);
    struct io io = {.fd = f->fd, .size = size};
    int failed = do_io(task, &io, allocate_now);
    return failed ? set_errno(err, failed, "allocate space for file", f->path) : 0;
}

int uv_file_size(struct task *task, struct file *file, uint64_t *out, struct err *err)
{
    struct uv_file *f = file_of(file);
    struct stat st;
    if (fstat(f->fd, &st) != 0) /* the inode is in memory: does not wait */
        return set_errno(err, errno, "stat file", f->path);
    *out = (uint64_t)st.st_size;
    return 0;
}

/* ---- names ---- */

static int rename_now(struct io *io)
{
    return renameat(io->dir_fd, io->path, io->dir_fd, io->path2) == 0 ? 0 : errno;
}

int uv_dir_rename(struct task *task, struct env *env, const char *from, const char *to,
                  struct err *err)
{
    struct io io = {.dir_fd = env_of(env)->root_fd, .path = from, .path2 = to};
    int failed = do_io(task, &io, rename_now);
    return failed ? set_errno(err, failed, "rename file", from) : 0;
}

static int unlink_now(struct io *io)
{
    return unlinkat(io->dir_fd, io->path, (int)io->flags) == 0 ? 0 : errno;
}

static int remove_name(struct task *task, struct env *env, const char *path, int flags,
                       const char *what, enum fs_result *result, struct err *err)
{
    struct io io = {.dir_fd = env_of(env)->root_fd, .path = path, .flags = (unsigned)flags};
    int failed = do_io(task, &io, unlink_now);
    if (failed && failed != ENOENT)
        return set_errno(err, failed, what, path);
    *result = failed ? FS_NOT_FOUND : FS_OK;
    return 0;
}

int uv_dir_unlink(struct task *task, struct env *env, const char *path, enum fs_result *result,
                  struct err *err)
{
    return remove_name(task, env, path, 0, "remove file", result, err);
}

int uv_dir_rmdir(struct task *task, struct env *env, const char *path, enum fs_result *result,
                 struct err *err)
{
    return remove_name(task, env, path, AT_REMOVEDIR, "remove directory", result, err);
}

static int mkdir_now(struct io *io)
{
    return mkdirat(io->dir_fd, io->path, 0700) == 0 ? 0 : errno;
}

int uv_dir_mkdir(struct task *task, struct env *env, const char *path, enum fs_result *result,
                 struct err *err)
{
    struct io io = {.dir_fd = env_of(env)->root_fd, .path = path};
    int failed = do_io(task, &io, mkdir_now);
    if (failed && failed != EEXIST)
        return set_errno(err, failed, "create directory", path);
    *result = failed ? FS_EXISTS : FS_OK;
    return 0;
}

static int sync_dir_now(struct io *io)
{
    int fd = openat(io->dir_fd, io->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int failed = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return failed;
}

int uv_dir_sync(struct task *task, struct env *env, const char *path, struct err *err)
{
    struct io io = {.dir_fd = env_of(env)->root_fd, .path = path};
    int failed = do_io(task, &io, sync_dir_now);
    return failed ? set_errno(err, failed, "fsync directory", path) : 0;
}

static int stat_now(struct io *io)
{
    return fstatat(io->dir_fd, io->path, &io->stat, 0) == 0 ? 0 : errno;
}

int uv_dir_stat(struct task *task, struct env *env, const char *path, enum fs_result *result,
                struct file_stat *out, struct err *err)
{
    struct io io = {.dir_fd = env_of(env)->root_fd, .path = path};
    int failed = do_io(task, &io, stat_now);
    if (failed && failed != ENOENT)
        return set_errno(err, failed, "stat file", path);
    *result = failed ? FS_NOT_FOUND : FS_OK;
    if (!failed)
        *out = (struct file_stat){
            .size_bytes = (uint64_t)io.stat.st_size,
            .modified_us = (uint64_t)io.stat.st_mtim.tv_sec * 1000000u +
                           (uint64_t)io.stat.st_mtim.tv_nsec / 1000,
            .is_dir = S_ISDIR(io.stat.st_mode),
        };
    return 0;
}

static int compare_entries(const void *a, const void *b, void *ctx)
{
    return strcmp(((const struct fs_entry *)a)->name, ((const struct fs_entry *)b)->name);
}

static int read_entries(struct io *io, DIR *dir)
{
    size_t cap = 0;
    for (;;) {
        errno = 0;
        struct dirent *d = readdir(dir);
        if (!d)
            return errno;
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        struct stat st;
        if (fstatat(dirfd(dir), d->d_name, &st, 0) != 0)
            continue; /* unlinked meanwhile */
        if (io->entry_count == cap) {
            cap = cap ? cap * 2 : 16;
            io->entries = realloc(io->entries, cap * sizeof *io->entries);
            if (!io->entries)
                abort();
        }
        struct fs_entry *e = &io->entries[io->entry_count++];
        snprintf(e->name, sizeof e->name, "%s", d->d_name);
        e->is_dir = S_ISDIR(st.st_mode);
        e->size_bytes = (uint64_t)st.st_size;
    }
}

static int list_now(struct io *io)
{
    int fd = openat(io->dir_fd, io->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        int failed = errno;
        close(fd);
        return failed;
    }
    int failed = read_entries(io, dir);
    closedir(dir);
    if (!failed)
        sort_stable(io->entries, io->entry_count, sizeof *io->entries, compare_entries, NULL, NULL);
    return failed;
}

int uv_dir_list(struct task *task, struct env *env, const char *path, enum fs_result *result,
                struct fs_entry **out, size_t *count, struct err *err)
{
    struct io io = {.dir_fd = env_of(env)->root_fd, .path = path};
    int failed = do_io(task, &io, list_now);
    if (failed) {
        free(io.entries);
        if (failed != ENOENT)
            return set_errno(err, failed, "open directory", path);
        *result = FS_NOT_FOUND;
        return 0;
    }
    *result = FS_OK;
    *out = io.entries;
    *count = io.entry_count;
    return 0;
}

static int lock_now(struct io *io)
{
    io->fd = openat(io->dir_fd, io->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (io->fd < 0)
        return errno;
    if (flock(io->fd, LOCK_EX | LOCK_NB) == 0) {
        char pid[32];
        int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
        if (ftruncate(io->fd, 0) == 0 && pwrite(io->fd, pid, (size_t)n, 0) == n)
            return 0;
    }
    int failed = errno;
    close(io->fd);
    return failed;
}

int uv_dir_lock(struct task *task, struct env *env, const char *path, enum fs_result *result,
                struct file **out, struct err *err)
{
    struct io io = {.dir_fd = env_of(env)->root_fd, .path = path};
    int failed = do_io(task, &io, lock_now);
    if (failed == EWOULDBLOCK) {
        *result = FS_LOCKED;
        return 0;
    }
    if (failed)
        return set_errno(err, failed, "lock file", path);
    *out = make_file(env, io.fd, path);
    *result = FS_OK;
    return 0;
}

static int space_now(struct io *io)
{
    int fd = openat(io->dir_fd, io->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int failed = fstatvfs(fd, &io->space) == 0 ? 0 : errno;
    close(fd);
    return failed;
}

int uv_dir_free_space(struct task *task, struct env *env, const char *path, uint64_t *free_bytes,
                      uint64_t *total_bytes, struct err *err)
{
    struct io io = {.dir_fd = env_of(env)->root_fd, .path = path};
    int failed = do_io(task, &io, space_now);
    if (failed)
        return set_errno(err, failed, "read free space of", path);
    *free_bytes = (uint64_t)io.space.f_bavail * io.space.f_frsize;
    *total_bytes = (uint64_t)io.space.f_blocks * io.space.f_frsize;
    return 0;
}

/* ---- time zones ---- */

static bool is_zone_name(const char *name)
{
    if (!name[0] || name[0] == '/' || strstr(name, "..") || strlen(name) > 100)
        return false;
    for (const char *p = name; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              strchr("_+-/", *p)))
            return false;
    return true;
}

int uv_zoneinfo(struct task *task, struct env *env, const char *name, struct buf *out,
                enum fs_result *result, struct err *err)
{
    *result = FS_NOT_FOUND;
    if (!is_zone_name(name))
        return 0;
    char path[160];
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    struct file_stat st;
    int rc = uv_dir_stat(task, env, path, result, &st, err);
    if (rc || *result != FS_OK)
        return rc;
    if (st.is_dir) {
        *result = FS_NOT_FOUND;
        return 0;
    }
    return file_read_all(task, path, out, result, err);
}
