#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rpc.h"
#include "tests/sim/env_sim.h"
#include "tests/support/rt_test.h"

static struct err err;

/* ---- a node that serves and calls rpc ---- */

enum { ECHO = 1, PORT = 7000, NODES = 3 };

struct node_state {
    struct sim *sim;
    uint32_t index;
    struct rpc *rpc;
    uint64_t answered, failed, served;
    bool stop;
};

static int serve_echo(struct task *task, void *ctx, const struct rpc_in *in, struct rpc_out *out,
                      struct err *e)
{
    struct node_state *n = ctx;
    n->served++;
    struct err ignored;
    if (task_sleep(task, in->msg[0] * SIM_US, &ignored))
        return err_set(e, ERR_QUERY_CANCELED, "cancelled");
    buf_put(&out->msg, in->msg, in->msg_len);
    buf_put(&out->payload, in->payload, in->payload_len);
    return 0;
}

static void call_loop(struct task *task, void *arg)
{
    struct node_state *n = arg;
    struct prng prng;
    uint64_t seed;
    env_random(task->env, &seed, sizeof seed);
    prng_init(&prng, seed);
    while (!n->stop) {
        uint8_t msg[8];
        char payload[3000];
        store_le64(msg, prng_next(&prng));
        memset(payload, msg[1], sizeof payload);
        struct rpc_call call = {.to = (node_id)prng_below(&prng, NODES) + 1,
                                .method = ECHO,
                                .cls = RPC_STATEMENT,
                                .msg = msg,
                                .msg_len = 8,
                                .payload = payload,
                                .payload_len = prng_below(&prng, sizeof payload),
                                .timeout_ns = 300 * SIM_MS};
        struct rpc_reply reply;
        struct err e;
        if (rpc_call(task, n->rpc, &call, &reply, &e) == 0) {
            rt_check(reply.msg_len == 8 && memcmp(reply.msg, msg, 8) == 0);
            rt_check(reply.payload_len == call.payload_len);
            rpc_reply_done(&reply);
            n->answered++;
        } else {
            n->failed++;
        }
        if (task_sleep(task, prng_below(&prng, 2 * SIM_MS), &e))
            return;
    }
}

static void node_main(struct task *task, void *arg)
{
    struct node_state *n = arg;
    struct rpc_config config = {.self = n->index + 1};
    n->rpc = rpc_create(task->core->runtime, &config);
    rpc_handle(n->rpc, ECHO, "echo", serve_echo, n);
    struct err e;
    rt_ok(rpc_listen(task, n->rpc, "0.0.0.0", PORT, &e), &e);
    for (uint32_t i = 0; i < NODES; i++) {
        char host[16];
        snprintf(host, sizeof host, "node%u", i + 1);
        rpc_peer_set(n->rpc, i + 1, host, PORT);
    }
    struct task *loops[4];
    for (int i = 0; i < 4; i++)
        loops[i] = task_spawn_joinable(task->core, TASK_TXN, "loop", call_loop, n);
    for (int i = 0; i < 4; i++)
        task_join(task, loops[i]);
    rpc_stop(task, n->rpc);
    rpc_destroy(n->rpc);
    runtime_stop(task->core->runtime);
}

struct outcome {
    uint64_t hash, answered, failed, served, events;
};

static void inject(struct sim *sim, void *arg)
{
    struct node_state *nodes = arg;
    struct prng *prng = sim_prng(sim);
    uint32_t i = (uint32_t)prng_below(prng, NODES), k = (uint32_t)prng_below(prng, NODES);
    switch (prng_below(prng, 9)) {
    case 0:
        sim_node_crash(sim, i);
        break;
    case 1:
        sim_node_vanish(sim, i);
        break;
    case 2:
        sim_net_partition(sim, UINT64_C(1) << i);
        break;
    case 3:
        sim_net_heal(sim);
        break;
    case 4:
        sim_net_clog(sim, i, k, 50 * SIM_MS);
        break;
    case 5:
        sim_net_reset(sim, i, k);
        break;
    case 6:
        sim_node_pause(sim, i, prng_below(prng, 2));
        break;
    case 7:
        sim_clock_skew(sim, i, prng_range(prng, -1000000, 1000000), 100);
        break;
    case 8:
        sim_net_block(sim, i, k, i != k);
        break;
    }
    for (i = 0; i < NODES; i++)
        if (sim_node_state(sim, i) != SIM_UP && prng_below(prng, 2))
            sim_node_start(sim, i, node_main, &nodes[i]);
    sim_after(sim, prng_below(prng, 100 * SIM_MS), inject, arg);
}

static struct outcome run_cluster(uint64_t seed, bool hostile)
{
    struct sim *sim =
        sim_create(&(struct sim_config){.seed = seed, .node_count = NODES, .cores_per_node = 2});
    struct node_state nodes[NODES] = {0};
    for (uint32_t i = 0; i < NODES; i++) {
        nodes[i] = (struct node_state){.sim = sim, .index = i};
        sim_node_start(sim, i, node_main, &nodes[i]);
    }
    if (hostile) {
        sim_net_loss(sim, 0.0005);
        sim_after(sim, 10 * SIM_MS, inject, nodes);
    }
    sim_run_for(sim, 2 * SIM_SECOND);
    struct outcome o = {.hash = sim_trace_hash(sim), .events = sim_event_count(sim)};
    for (uint32_t i = 0; i < NODES; i++) {
        o.answered += nodes[i].answered;
        o.failed += nodes[i].failed;
        o.served += nodes[i].served;
        nodes[i].stop = true;
    }
    if (!hostile) {
        sim_run_for(sim, 2 * SIM_SECOND);
        for (uint32_t i = 0; i < NODES; i++)
            assert_int_equal(sim_node_state(sim, i), SIM_STOPPED);
    }
    sim_destroy(sim);
    return o;
}

static void test_calm(void **state)
{
    struct outcome a = run_cluster(1, false), b = run_cluster(1, false), c = run_cluster(2, false);
    assert_true(a.answered > 5000);
    assert_int_equal(a.failed, 0);
    assert_true(a.served >= a.answered && a.served - a.answered <= 12); /* in flight at the end */
    assert_int_equal(a.hash, b.hash);
    assert_int_equal(a.events, b.events);
    assert_int_not_equal(a.hash, c.hash);
}

static void test_hostile(void **state)
{
    uint64_t failed = 0, answered = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct outcome a = run_cluster(seed, true);
        failed += a.failed;
        answered += a.answered;
        if (seed <= 5) {
            struct outcome b = run_cluster(seed, true);
            assert_int_equal(a.hash, b.hash);
        }
    }
    assert_true(failed > 100);
    assert_true(answered > 10000);
}

/* ---- disks ---- */

enum { RECORD = 700, RECORDS_MAX = 400 };

struct disk_state {
    uint32_t written, synced; /* records */
    uint32_t renamed;         /* durable number in "current" */
    bool saw_loss, saw_hole, done;
};

static void fill_record(uint8_t *out, uint32_t i)
{
    for (int k = 0; k < RECORD; k++)
        out[k] = (uint8_t)(i * 31 + (uint32_t)k * 7 + 1);
}

static void append_main(struct task *task, void *arg)
{
    struct disk_state *d = arg;
    enum fs_result r;
    struct file *f;
    struct err e;
    uint8_t record[RECORD];
    if (file_open(task, "log", FILE_READ | FILE_WRITE | FILE_CREATE, &r, &f, &e))
        return;
    rt_ok(fs_sync_dir(task, ".", &e), &e);
    for (uint32_t i = 0; i < RECORDS_MAX; i++) {
        fill_record(record, i);
        rt_ok(file_pwrite(task, f, record, RECORD, (uint64_t)i * RECORD, &e), &e);
        d->written = i + 1;
        if (i % 5 == 4) {
            rt_ok(file_sync(task, f, &e), &e);
            d->synced = i + 1;
        }
        if (i % 50 == 49) {
            char text[16];
            int n = snprintf(text, sizeof text, "%u", i);
            rt_ok(file_replace(task, "current", text, (size_t)n, &e), &e);
            d->renamed = i;
        }
    }
}

static void verify_main(struct task *task, void *arg)
{
    struct disk_state *d = arg;
    enum fs_result r;
    struct err e;
    struct buf b = {0};
    uint8_t want[RECORD];
    rt_ok(file_read_all(task, "log", &b, &r, &e), &e);
    if (d->synced)
        rt_check(r == FS_OK && b.len >= (size_t)d->synced * RECORD);
    bool lost = false;
    for (uint32_t i = 0; i < d->written && r == FS_OK; i++) {
        fill_record(want, i);
        bool same = b.len >= (size_t)(i + 1) * RECORD &&
                    memcmp(b.data + (size_t)i * RECORD, want, RECORD) == 0;
        if (i < d->synced)
            rt_check(same); /* durable means durable */
        if (!same)
            lost = d->saw_loss = true;
        else if (lost)
            d->saw_hole = true; /* a later record is there, an earlier one is not */
    }
    buf_reset(&b);
    rt_ok(file_read_all(task, "current", &b, &r, &e), &e);
    if (d->renamed)
        rt_check(r == FS_OK && (uint32_t)atoi(buf_text(&b)) >= d->renamed);
    if (r == FS_OK)
        rt_check(b.len > 0 && atoi(buf_text(&b)) % 50 == 49); /* old or new, never half */
    buf_done(&b);
    d->done = true;
}

static bool is_done(struct sim *sim, void *arg)
{
    return ((struct disk_state *)arg)->done;
}

static void test_disk_crash(void **state)
{
    int losses = 0, holes = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct sim *sim = sim_create(&(struct sim_config){.seed = seed, .node_count = 1});
        struct disk_state d = {0};
        sim_node_start(sim, 0, append_main, &d);
        sim_run_for(sim, prng_below(sim_prng(sim), 60 * SIM_MS));
        sim_node_crash(sim, 0);
        sim_node_start(sim, 0, verify_main, &d);
        assert_true(sim_run_until(sim, is_done, &d, SIM_SECOND));
        losses += d.saw_loss;
        holes += d.saw_hole;
        sim_destroy(sim);
    }
    assert_true(losses > 50); /* the disk bites */
    assert_true(holes > 10);
}

/* A program that forgets to sync must be caught. */
static void forgetful_main(struct task *task, void *arg)
{
    struct disk_state *d = arg;
    enum fs_result r;
    struct file *f;
    struct err e;
    rt_ok(file_open(task, "f", FILE_WRITE | FILE_CREATE, &r, &f, &e), &e);
    rt_ok(file_pwrite(task, f, "x", 1, 0, &e), &e);
    d->done = true;
}

static void test_unsynced_is_lost(void **state)
{
    int present = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct sim *sim = sim_create(&(struct sim_config){.seed = seed, .node_count = 1});
        struct disk_state d = {0};
        struct buf b = {0};
        sim_node_start(sim, 0, forgetful_main, &d);
        assert_true(sim_run_until(sim, is_done, &d, SIM_SECOND));
        sim_node_crash(sim, 0);
        present += sim_disk_read(sim, 0, "f", &b) && b.len == 1 && b.data[0] == 'x';
        buf_done(&b);
        sim_destroy(sim);
    }
    assert_true(present > 5 && present < 80);
}

static void fault_main(struct task *task, void *arg)
{
    struct disk_state *d = arg;
    struct sim *sim = ((void **)task->core->runtime->user)[0];
    enum fs_result r;
    struct file *f, *again;
    struct err e;
    size_t got;
    char c[8];
    rt_ok(file_open(task, "f", FILE_READ | FILE_WRITE | FILE_CREATE, &r, &f, &e), &e);
    rt_ok(file_pwrite(task, f, "12345678", 8, 0, &e), &e);
    rt_ok(file_sync(task, f, &e), &e);
    sim_disk_set(sim, 0, &(struct sim_disk_faults){.sync_fail = 1});
    rt_ok(file_pwrite(task, f, "X", 1, 0, &e), &e);
    rt_check(file_sync(task, f, &e) == ERR_IO_ERROR);
    sim_disk_set(sim, 0, &(struct sim_disk_faults){.read_fail = 1});
    rt_check(file_pread(task, f, c, 8, 0, &got, &e) == ERR_IO_ERROR);
    sim_disk_set(sim, 0, &(struct sim_disk_faults){.capacity_bytes = 100});
    rt_check(file_allocate(task, f, 1000, &e) == ERR_DISK_FULL);
    rt_check(file_pwrite(task, f, c, 8, 200, &e) == ERR_DISK_FULL);
    sim_disk_set(sim, 0, &(struct sim_disk_faults){0});
    rt_ok(file_sync(task, f, &e), &e); /* succeeds, but the X page is clean: it stays lost */
    rt_ok(file_pread(task, f, c, 8, 0, &got, &e), &e);
    rt_check(got == 8 && memcmp(c, "X2345678", 8) == 0);
    rt_check(sim_disk_flip(sim, 0, "f", 1, 0));
    rt_ok(file_pread(task, f, c, 8, 0, &got, &e), &e);
    rt_check(c[1] == ('2' ^ 1));
    rt_ok(fs_sync_dir(task, "", &e), &e);
    rt_ok(fs_lock(task, "LOCK", &r, &f, &e), &e);
    rt_check(r == FS_OK);
    rt_ok(fs_lock(task, "LOCK", &r, &again, &e), &e);
    rt_check(r == FS_LOCKED);
    rt_ok(fs_mkdir(task, "dir", &r, &e), &e);
    rt_ok(file_replace(task, "dir/a", "1", 1, &e), &e);
    rt_ok(file_replace(task, "dir/b", "2", 1, &e), &e);
    struct fs_entry *entries;
    size_t count;
    rt_ok(fs_list(task, "dir", &r, &entries, &count, &e), &e);
    rt_check(count == 2 && strcmp(entries[1].name, "b") == 0);
    free(entries);
    rt_check(fs_rmdir(task, "dir", &r, &e) == ERR_IO_ERROR);
    d->done = true;
}

static void set_user(struct sim *sim, void *arg)
{
    sim_node_runtime(sim, 0)->user = arg;
}

static void test_disk_faults(void **state)
{
    struct sim *sim = sim_create(&(struct sim_config){.seed = 3, .node_count = 1});
    struct disk_state d = {0};
    void *user[1] = {sim};
    sim_node_start(sim, 0, fault_main, &d);
    set_user(sim, user);
    assert_true(sim_run_until(sim, is_done, &d, SIM_SECOND));
    sim_node_crash(sim, 0);
    struct buf b = {0};
    assert_true(sim_disk_read(sim, 0, "f", &b));
    assert_memory_equal(b.data, "13345678", 8); /* X lost with the failed sync, the flip kept */
    buf_done(&b);
    sim_destroy(sim);
}

/* ---- jobs, lanes, deep stacks, clocks ---- */

struct misc {
    int sum;
    int order[50];
    int n;
    bool done;
    uint64_t slept;
};

static void add_job(struct task *task, void *arg)
{
    rt_ok(task_sleep(task, SIM_MS, &err), &err);
    ++*(int *)arg;
}

struct item {
    struct misc *m;
    int i;
};

static void lane_job(struct task *task, void *arg)
{
    struct item *item = arg;
    item->m->order[item->m->n++] = item->i;
}

static int go_deep(void *arg)
{
    volatile char frame[4000];
    memset((char *)frame, 0, sizeof frame);
    int *left = arg;
    if ((*left)-- == 0) {
        task_yield(task_running());
        return 0;
    }
    return stack_call(go_deep, arg, &err) + frame[5];
}

static void misc_main(struct task *task, void *arg)
{
    struct misc *m = arg;
    struct item items[50];
    for (int i = 0; i < 10; i++)
        job_run(task, add_job, &m->sum);
    struct lane *lane;
    rt_ok(lane_open(task->env, "log", &lane, &err), &err);
    for (int i = 0; i < 50; i++) {
        items[i] = (struct item){m, i};
        lane_post(lane, lane_job, &items[i]);
    }
    lane_close(task, lane);
    int left = 500;
    rt_ok(go_deep(&left), &err);
    uint64_t start = env_mono_ns(task->env);
    rt_ok(task_sleep(task, 100 * SIM_SECOND, &err), &err);
    m->slept = env_mono_ns(task->env) - start;
    m->done = true;
}

static bool misc_done(struct sim *sim, void *arg)
{
    return ((struct misc *)arg)->done;
}

static void test_misc(void **state)
{
    struct sim *sim =
        sim_create(&(struct sim_config){.seed = 9, .node_count = 1, .cores_per_node = 3});
    struct misc m = {0};
    sim_node_start(sim, 0, misc_main, &m);
    assert_true(sim_run_until(sim, misc_done, &m, 200 * SIM_SECOND));
    assert_int_equal(m.sum, 10);
    assert_int_equal(m.n, 50);
    for (int i = 0; i < 50; i++)
        assert_int_equal(m.order[i], i);
    assert_true(m.slept >= 100 * SIM_SECOND && m.slept < 101 * SIM_SECOND);
    uint64_t a = env_wall_us(sim_node_env(sim, 0));
    sim_clock_skew(sim, 0, -5000000, 0);
    assert_true(env_wall_us(sim_node_env(sim, 0)) == a - 5000000);
    sim_destroy(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calm),        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_disk_crash),  cmocka_unit_test(test_unsynced_is_lost),
        cmocka_unit_test(test_disk_faults), cmocka_unit_test(test_misc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
