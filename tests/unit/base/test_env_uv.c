#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/sync.h"
#include "tests/support/rt_test.h"

static struct err err;

/* ---- files ---- */

static void files_body(struct task *task, void *arg)
{
    enum fs_result r;
    struct file *f;
    rt_ok(file_open(task, "none", FILE_READ, &r, &f, &err), &err);
    rt_check(r == FS_NOT_FOUND);
    rt_ok(fs_mkdir(task, "d", &r, &err), &err);
    rt_check(r == FS_OK);
    rt_ok(fs_mkdir(task, "d", &r, &err), &err);
    rt_check(r == FS_EXISTS);
    unsigned flags = FILE_READ | FILE_WRITE | FILE_CREATE | FILE_EXCLUSIVE;
    rt_ok(file_open(task, "d/b", flags, &r, &f, &err), &err);
    rt_check(r == FS_OK);
    struct file_iov iov[100];
    char bytes[100];
    for (int i = 0; i < 100; i++) {
        bytes[i] = (char)i;
        iov[i] = (struct file_iov){&bytes[i], 1};
    }
    rt_ok(file_pwritev(task, f, iov, 100, 50, &err), &err);
    rt_ok(file_sync(task, f, &err), &err);
    char got[200] = {0};
    size_t n;
    rt_ok(file_pread(task, f, got, sizeof got, 10, &n, &err), &err);
    rt_check(n == 140 && got[39] == 0 && memcmp(got + 40, bytes, 100) == 0);
    uint64_t size;
    rt_ok(file_allocate(task, f, 8192, &err), &err);
    rt_ok(file_size(task, f, &size, &err), &err);
    rt_check(size == 8192);
    rt_ok(file_truncate(task, f, 60, &err), &err);
    rt_ok(file_size(task, f, &size, &err), &err);
    rt_check(size == 60);
    file_close(task, f);
    rt_ok(file_open(task, "d/b", flags, &r, &f, &err), &err);
    rt_check(r == FS_EXISTS);
    rt_check(file_open(task, "no/dir/x", flags, &r, &f, &err) == ERR_IO_ERROR);
    rt_check(strstr(err.message, "no/dir/x") != NULL);
}

static void names_body(struct task *task, void *arg)
{
    enum fs_result r;
    struct fs_entry *entries;
    size_t count;
    rt_ok(file_replace(task, "zz", "one", 3, &err), &err);
    rt_ok(file_replace(task, "aa", "two", 3, &err), &err);
    rt_ok(file_replace(task, "zz", "three", 5, &err), &err);
    struct buf b = {0};
    rt_ok(file_read_all(task, "zz", &b, &r, &err), &err);
    rt_check(r == FS_OK && b.len == 5 && memcmp(b.data, "three", 5) == 0);
    buf_done(&b);
    rt_ok(fs_rename(task, "zz", "mm", &err), &err);
    rt_ok(fs_list(task, ".", &r, &entries, &count, &err), &err);
    rt_check(count == 2 && strcmp(entries[0].name, "aa") == 0 &&
             strcmp(entries[1].name, "mm") == 0);
    rt_check(entries[1].size_bytes == 5 && !entries[1].is_dir);
    free(entries);
    struct file_stat st;
    rt_ok(fs_stat(task, "mm", &r, &st, &err), &err);
    rt_check(r == FS_OK && st.size_bytes == 5 && !st.is_dir);
    rt_ok(fs_unlink(task, "mm", &r, &err), &err);
    rt_check(r == FS_OK);
    rt_ok(fs_unlink(task, "mm", &r, &err), &err);
    rt_check(r == FS_NOT_FOUND);
    struct file *lock, *again;
    rt_ok(fs_lock(task, "LOCK", &r, &lock, &err), &err);
    rt_check(r == FS_OK);
    rt_ok(fs_lock(task, "LOCK", &r, &again, &err), &err);
    rt_check(r == FS_LOCKED);
    file_close(task, lock);
    rt_ok(fs_lock(task, "LOCK", &r, &lock, &err), &err);
    rt_check(r == FS_OK);
    file_close(task, lock);
    uint64_t free_bytes, total;
    rt_ok(fs_free_space(task, ".", &free_bytes, &total, &err), &err);
    rt_check(free_bytes > 0 && total >= free_bytes);
    struct buf tz = {0};
    rt_ok(env_zoneinfo(task, "../passwd", &tz, &r, &err), &err);
    rt_check(r == FS_NOT_FOUND);
    rt_ok(env_zoneinfo(task, "UTC", &tz, &r, &err), &err);
    if (r == FS_OK)
        rt_check(memcmp(tz.data, "TZif", 4) == 0);
    buf_done(&tz);
}

static void test_files(void **state)
{
    rt_test_run(files_body, NULL);
}
static void test_names(void **state)
{
    rt_test_run(names_body, NULL);
}

/* ---- jobs and lanes ---- */

static void add_job(struct task *task, void *arg)
{
    rt_check(task->core == NULL);
    struct err e;
    rt_ok(task_sleep(task, 100000, &e), &e);
    ++*(int *)arg;
}

struct lane_log {
    int n;
    int order[100];
};
struct lane_item {
    struct lane_log *log;
    int i;
};

static void lane_job(struct task *task, void *arg)
{
    struct lane_item *item = arg;
    item->log->order[item->log->n++] = item->i;
}

static void jobs_body(struct task *task, void *arg)
{
    int sum = 0;
    for (int i = 0; i < 20; i++)
        job_run(task, add_job, &sum);
    rt_check(sum == 20);
    struct lane *lane;
    struct lane_log log = {0};
    struct lane_item items[100];
    rt_ok(lane_open(task->env, "test", &lane, &err), &err);
    for (int i = 0; i < 100; i++) {
        items[i] = (struct lane_item){&log, i};
        lane_post(lane, lane_job, &items[i]);
    }
    lane_close(task, lane);
    rt_check(log.n == 100);
    for (int i = 0; i < 100; i++)
        rt_check(log.order[i] == i);
}

static void test_jobs(void **state)
{
    rt_test_run(jobs_body, NULL);
}

/* ---- cores ---- */

struct ping {
    uint64_t count;
    struct core *on;
};

static void count_call(struct task *task, void *arg)
{
    struct ping *p = arg;
    rt_check(task->core == p->on && core_running() == p->on);
    p->count++;
}

static void call_loop(struct task *task, void *arg)
{
    struct ping *p = arg;
    for (int i = 0; i < 2000; i++)
        core_call(task, p->on, TASK_TXN, count_call, p);
}

static void cores_body(struct task *task, void *arg)
{
    struct runtime *rt = task->core->runtime;
    struct ping pings[8];
    struct task_group group;
    task_group_init(&group, task->core);
    mono_ns start = env_mono_ns(task->env);
    for (int i = 0; i < 8; i++) {
        pings[i] = (struct ping){.on = rt->cores[i % rt->core_count]};
        task_group_spawn(&group, TASK_TXN, "caller", call_loop, &pings[i]);
    }
    rt_ok(task_group_wait(task, &group, &err), &err);
    for (int i = 0; i < 8; i++)
        rt_check(pings[i].count == 2000);
    printf("core_call: %.0f ns\n", (double)(env_mono_ns(task->env) - start) / 16000);
}

static void test_cores(void **state)
{
    rt_test_run_cores(3, cores_body, NULL);
}

/* ---- sockets ---- */

static void echo_conn(struct task *task, void *arg)
{
    struct sock *s = arg;
    char buf[4096];
    size_t n;
    struct err e = {0};
    while (sock_read(task, s, buf, sizeof buf, &n, &e) == 0 && n > 0)
        rt_ok(sock_write(task, s, buf, n, &e), &e);
    sock_close(s);
}

static void echo_server(struct task *task, void *arg)
{
    struct sock *s;
    struct err e = {0};
    while (listener_accept(task, arg, &s, &e) == 0)
        task_spawn(task->core, TASK_TXN, "echo", echo_conn, s);
    rt_check(e.code == ERR_CONNECTION_FAILURE);
}

static void read_exactly(struct task *task, struct sock *s, char *out, size_t len)
{
    while (len) {
        size_t n;
        rt_ok(sock_read(task, s, out, len, &n, &err), &err);
        rt_check(n > 0);
        out += n;
        len -= n;
    }
}

struct big {
    struct sock *sock;
    size_t total;
};

static void write_big(struct task *task, void *arg)
{
    struct big *b = arg;
    char block[10000];
    for (size_t at = 0; at < b->total; at += sizeof block) {
        for (size_t i = 0; i < sizeof block; i++)
            block[i] = (char)((at + i) * 7 >> 3);
        rt_ok(sock_write(task, b->sock, block, sizeof block, &err), &err);
    }
}

static void cancel_later(struct task *task, void *arg)
{
    task_cancel(arg, ERR_QUERY_CANCELED, "canceling statement due to user request");
}

static int ready_calls;
static void on_ready(struct sock *sock, void *arg)
{
    ready_calls++;
    task_wake(arg);
}

static void sockets_body(struct task *task, void *arg)
{
    struct listener *l;
    rt_ok(sock_listen(task, "127.0.0.1", 0, &l, &err), &err);
    uint16_t port = listener_port(l);
    struct task *server = task_spawn_joinable(task->core, TASK_TXN, "server", echo_server, l);
    struct sock *s;
    rt_ok(sock_connect(task, "localhost", port, &s, &err), &err);
    char buf[10000];
    rt_ok(sock_write(task, s, "hello", 5, &err), &err);
    read_exactly(task, s, buf, 5);
    rt_check(memcmp(buf, "hello", 5) == 0);

    sock_on_readable(s, on_ready, task);
    rt_ok(sock_write(task, s, "x", 1, &err), &err);
    rt_check(task_park(task, TASK_FOREVER) == PARK_WOKEN && ready_calls == 1);
    read_exactly(task, s, buf, 1);

    mono_ns start = env_mono_ns(task->env);
    for (int i = 0; i < 2000; i++) {
        rt_ok(sock_write(task, s, "ping", 4, &err), &err);
        read_exactly(task, s, buf, 4);
    }
    printf("echo round trip: %.1f us\n", (double)(env_mono_ns(task->env) - start) / 2000 / 1000);

    struct big big = {s, 20 * 1000 * 1000};
    struct task *writer = task_spawn_joinable(task->core, TASK_TXN, "big", write_big, &big);
    for (size_t at = 0; at < big.total; at += sizeof buf) {
        read_exactly(task, s, buf, sizeof buf);
        for (size_t i = 0; i < sizeof buf; i++)
            rt_check(buf[i] == (char)((at + i) * 7 >> 3));
    }
    task_join(task, writer);

    size_t n;
    task_spawn(task->core, TASK_TXN, "cancel", cancel_later, task);
    rt_check(sock_read(task, s, buf, 1, &n, &err) == ERR_QUERY_CANCELED);
    task_cancel_clear(task);
    sock_close(s);
    listener_close(l);
    task_join(task, server);
    rt_check(sock_connect(task, "127.0.0.1", port, &s, &err) == ERR_CONNECTION_FAILURE);
    rt_check(strstr(err.message, "connection refused") != NULL);
}

static void test_sockets(void **state)
{
    rt_test_run(sockets_body, NULL);
}

static void two_ports_body(struct task *task, void *arg)
{
    struct listener *a, *b;
    rt_ok(sock_listen(task, "127.0.0.1", 0, &a, &err), &err);
    uint16_t port = listener_port(a);
    rt_ok(sock_listen(task, "127.0.0.1", port, &b, &err), &err); /* our own: shared */
    /* another process's: refused */
    struct env *other;
    struct env_uv_config config = {0};
    rt_ok(env_uv_create(&config, &other, &err), &err);
    struct env *mine = task->env;
    struct core *core = task->core;
    core->env = other;
    task->env = other;
    struct listener *c;
    rt_check(sock_listen(task, "127.0.0.1", port, &c, &err) == ERR_CONNECTION_FAILURE);
    rt_check(strstr(err.message, "in use") != NULL);
    task->env = mine;
    core->env = mine;
    env_uv_destroy(other);
    listener_close(a);
    listener_close(b);
}

static void test_ports(void **state)
{
    rt_test_run(two_ports_body, NULL);
}

struct move {
    struct sock *sock;
    char got[8];
};

static void use_moved(struct task *task, void *arg)
{
    struct move *m = arg;
    struct err e = {0};
    rt_ok(sock_write(task, m->sock, "moved", 5, &e), &e);
    size_t n, have = 0;
    while (have < 5) {
        rt_ok(sock_read(task, m->sock, m->got + have, 5 - have, &n, &e), &e);
        have += n;
    }
    sock_close(m->sock);
}

static void move_body(struct task *task, void *arg)
{
    struct listener *l;
    rt_ok(sock_listen(task, "127.0.0.1", 0, &l, &err), &err);
    struct task *server = task_spawn_joinable(task->core, TASK_TXN, "server", echo_server, l);
    struct sock *s;
    rt_ok(sock_connect(task, "127.0.0.1", listener_port(l), &s, &err), &err);
    struct move m = {0};
    struct core *to = task->core->runtime->cores[1];
    rt_ok(sock_move(task, s, to, &m.sock, &err), &err);
    core_call(task, to, TASK_TXN, use_moved, &m);
    rt_check(memcmp(m.got, "moved", 5) == 0);
    listener_close(l);
    task_join(task, server);
}

static void test_move(void **state)
{
    rt_test_run_cores(2, move_body, NULL);
}

/* ---- the watchdog ---- */

/* A fiber that holds its core is reported with the place while it does, and with the time after. */
static void stall_body(struct task *task, void *arg)
{
    mono_ns end = env_mono_ns(task->env) + 200 * 1000000u;
    while (env_mono_ns(task->env) < end)
        ;
}

static void test_watchdog(void **state)
{
    char path[] = "/tmp/cairn-log-XXXXXX";
    int fd = mkstemp(path);
    struct env *env;
    struct runtime *runtime;
    struct rt_test_body body = {stall_body, NULL};
    rt_ok(env_uv_create(&(struct env_uv_config){.root = "/tmp", .log_fd = fd}, &env, &err), &err);
    rt_ok(runtime_start(env, &(struct runtime_config){.core_count = 1}, rt_test_main, &body,
                        &runtime, &err),
          &err);
    runtime_join(runtime);
    env_uv_destroy(env);
    char text[20000] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    assert_true(n > 0);
    assert_non_null(strstr(text, "event=core_stalled_now stalled_core=0"));
    assert_non_null(strstr(text, "test_env_uv(")); /* a frame of ours */
    assert_non_null(strstr(text, "event=core_stall fiber=main"));
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files), cmocka_unit_test(test_names),    cmocka_unit_test(test_jobs),
        cmocka_unit_test(test_cores), cmocka_unit_test(test_sockets),  cmocka_unit_test(test_ports),
        cmocka_unit_test(test_move),  cmocka_unit_test(test_watchdog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
