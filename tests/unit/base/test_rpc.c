#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/rpc.h"
#include "base/rpc_int.h"
#include "base/sync.h"
#include "tests/support/rt_test.h"

static struct err err;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { CALLS = 200, ELEMENTS = 20000 }; /* speed is not what these builds are for */
#else
enum { CALLS = 2000, ELEMENTS = 200000 };
#endif

enum { ECHO = 1, FAIL, SLOW, COUNT, NUMBERS, UPPER, FOREVER, WHO };

struct node {
    struct rpc *rpc;
    int counted[16];
    int count;
    bool slow_started, slow_cancelled;
    int stream_end;
    uint32_t who_core;
};

static int serve_echo(struct task *task, void *ctx, const struct rpc_in *in, struct rpc_out *out,
                      struct err *e)
{
    buf_put(&out->msg, in->msg, in->msg_len);
    buf_put(&out->payload, in->payload, in->payload_len);
    return 0;
}

static int serve_fail(struct task *task, void *ctx, const struct rpc_in *in, struct rpc_out *out,
                      struct err *e)
{
    err_set(e, ERR_UNIQUE_VIOLATION, "duplicate key value violates unique constraint \"t_pkey\"");
    err_detail(e, "Key (id)=(1) already exists.");
    snprintf(e->constraint_name, sizeof e->constraint_name, "t_pkey");
    snprintf(e->table_name, sizeof e->table_name, "t");
    return e->code;
}

static int serve_slow(struct task *task, void *ctx, const struct rpc_in *in, struct rpc_out *out,
                      struct err *e)
{
    struct node *n = ctx;
    n->slow_started = true;
    int rc = task_sleep(task, 60000000000u, e);
    n->slow_cancelled = rc != 0;
    return rc;
}

static int serve_count(struct task *task, void *ctx, const struct rpc_in *in, struct rpc_out *out,
                       struct err *e)
{
    struct node *n = ctx;
    if (n->count < 16)
        n->counted[n->count] = in->msg[0];
    n->count++;
    return 0;
}

static int serve_who(struct task *task, void *ctx, const struct rpc_in *in, struct rpc_out *out,
                     struct err *e)
{
    buf_put_u8(&out->msg, (uint8_t)task->core->index);
    return 0;
}

/* Sends the numbers up to the one asked for, 1000 bytes each. */
static int serve_numbers(struct task *task, void *ctx, const struct rpc_in *in,
                         struct rpc_stream *stream, struct err *e)
{
    uint32_t n = load_le32(in->msg);
    char payload[1000];
    for (uint32_t i = 0; i < n; i++) {
        memset(payload, (int)i, sizeof payload);
        int rc = rpc_stream_send(task, stream, &i, 4, payload, sizeof payload, e);
        if (rc)
            return rc;
    }
    if (n == 7)
        return err_set(e, ERR_DIVISION_BY_ZERO, "division by zero");
    return 0;
}

static int serve_upper(struct task *task, void *ctx, const struct rpc_in *in,
                       struct rpc_stream *stream, struct err *e)
{
    enum rpc_recv_result r;
    struct rpc_in item;
    for (;;) {
        int rc = rpc_stream_recv(task, stream, &r, &item, e);
        if (rc)
            return rc;
        if (r == RPC_END)
            return 0;
        char c = (char)(item.msg[0] - 32);
        rc = rpc_stream_send(task, stream, &c, 1, NULL, 0, e);
        if (rc)
            return rc;
    }
}

static int serve_forever(struct task *task, void *ctx, const struct rpc_in *in,
                         struct rpc_stream *stream, struct err *e)
{
    struct node *n = ctx;
    enum rpc_recv_result r;
    struct rpc_in item;
    int rc = rpc_stream_recv(task, stream, &r, &item, e);
    n->stream_end = rc;
    return rc;
}

static void make_node(struct task *task, struct node *n, node_id id, uint8_t cluster)
{
    struct rpc_config config = {.self = id, .cluster_id = {cluster}};
    *n = (struct node){.rpc = rpc_create(task->core->runtime, &config)};
    rpc_handle(n->rpc, ECHO, "echo", serve_echo, n);
    rpc_handle(n->rpc, FAIL, "fail", serve_fail, n);
    rpc_handle(n->rpc, SLOW, "slow", serve_slow, n);
    rpc_handle(n->rpc, COUNT, "count", serve_count, n);
    rpc_handle(n->rpc, WHO, "who", serve_who, n);
    rpc_handle_stream(n->rpc, NUMBERS, "numbers", serve_numbers, n);
    rpc_handle_stream(n->rpc, UPPER, "upper", serve_upper, n);
    rpc_handle_stream(n->rpc, FOREVER, "forever", serve_forever, n);
    rt_ok(rpc_listen(task, n->rpc, "127.0.0.1", 0, &err), &err);
}

static void end_node(struct task *task, struct node *n)
{
    rpc_stop(task, n->rpc);
    rpc_destroy(n->rpc);
}

static void make_pair(struct task *task, struct node n[2])
{
    for (int i = 0; i < 2; i++)
        make_node(task, &n[i], (node_id)i + 1, 9);
    for (int i = 0; i < 2; i++)
        rpc_peer_set(n[i].rpc, (node_id)(2 - i), "127.0.0.1", rpc_port(n[1 - i].rpc));
}

static void end_pair(struct task *task, struct node n[2])
{
    end_node(task, &n[0]);
    end_node(task, &n[1]);
}

static void check_echo(struct task *task, struct node *n, node_id to, size_t msg_len,
                       size_t payload_len)
{
    char *msg = malloc(msg_len + 1), *payload = malloc(payload_len + 1);
    for (size_t i = 0; i < msg_len; i++)
        msg[i] = (char)(i * 3);
    for (size_t i = 0; i < payload_len; i++)
        payload[i] = (char)(i * 7 >> 2);
    struct rpc_call call = {.to = to,
                            .method = ECHO,
                            .cls = RPC_STATEMENT,
                            .msg = msg,
                            .msg_len = msg_len,
                            .payload = payload,
                            .payload_len = payload_len};
    struct rpc_reply reply;
    rt_ok(rpc_call(task, n->rpc, &call, &reply, &err), &err);
    rt_check(reply.msg_len == msg_len && reply.payload_len == payload_len);
    rt_check(msg_len == 0 || memcmp(reply.msg, msg, msg_len) == 0);
    rt_check(payload_len == 0 || memcmp(reply.payload, payload, payload_len) == 0);
    rpc_reply_done(&reply);
    free(msg);
    free(payload);
}

static void echo_body(struct task *task, void *arg)
{
    struct node n[2];
    make_pair(task, n);
    static const size_t sizes[] = {0, 1, 35, 1000, 16 * 1024 - 36, 16 * 1024 - 35, 70000, 3000000};
    for (node_id to = 1; to <= 2; to++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
                check_echo(task, &n[0], to, sizes[i], sizes[k]);
    end_pair(task, n);
}

static void test_echo(void **state)
{
    rt_test_run(echo_body, NULL);
}

/* ---- errors ---- */

static void errors_body(struct task *task, void *arg)
{
    struct node n[2];
    make_pair(task, n);
    struct rpc_reply reply;
    for (node_id to = 1; to <= 2; to++) {
        struct rpc_call call = {.to = to, .method = FAIL, .cls = RPC_STATEMENT};
        rt_check(rpc_call(task, n[0].rpc, &call, &reply, &err) == ERR_UNIQUE_VIOLATION);
        rt_check(strcmp(err.message, "duplicate key value violates unique constraint \"t_pkey\"") ==
                 0);
        rt_check(strcmp(err.detail, "Key (id)=(1) already exists.") == 0);
        rt_check(strcmp(err.constraint_name, "t_pkey") == 0 && strcmp(err.table_name, "t") == 0);
        rt_check(strcmp(err.file, "test_rpc.c") == 0 && err.line > 0);
        call.method = 200;
        rt_check(rpc_call(task, n[0].rpc, &call, &reply, &err) == ERR_FEATURE_NOT_SUPPORTED);
    }
    struct rpc_call call = {.to = 5, .method = ECHO, .cls = RPC_STATEMENT};
    rt_check(rpc_call(task, n[0].rpc, &call, &reply, &err) == ERR_CONNECTION_DOES_NOT_EXIST);
    /* nobody listens there */
    rpc_peer_set(n[0].rpc, 5, "127.0.0.1", 1);
    rt_check(rpc_call(task, n[0].rpc, &call, &reply, &err) == ERR_CONNECTION_DOES_NOT_EXIST);
    rt_check(rpc_call(task, n[0].rpc, &call, &reply, &err) == ERR_CONNECTION_DOES_NOT_EXIST);
    rt_check(strstr(err.message, "cannot be reached") != NULL); /* backing off */
    /* another node answers there */
    rpc_peer_set(n[0].rpc, 5, "127.0.0.1", rpc_port(n[1].rpc));
    rt_check(rpc_call(task, n[0].rpc, &call, &reply, &err) == ERR_CONNECTION_DOES_NOT_EXIST);
    rt_check(strstr(err.message, "this is node 2, not node 5") != NULL);
    struct node stranger;
    make_node(task, &stranger, 3, 77);
    rpc_peer_set(stranger.rpc, 2, "127.0.0.1", rpc_port(n[1].rpc));
    call.to = 2;
    rt_check(rpc_call(task, stranger.rpc, &call, &reply, &err) == ERR_CONNECTION_DOES_NOT_EXIST);
    rt_check(strstr(err.message, "another cluster") != NULL);
    struct rpc_call by_address = {.method = ECHO, .cls = RPC_STATEMENT, .msg = "hi", .msg_len = 2};
    rt_ok(rpc_call_address(task, n[0].rpc, "localhost", rpc_port(n[1].rpc), &by_address, &reply,
                           &err),
          &err);
    rt_check(reply.msg_len == 2);
    rpc_reply_done(&reply);
    end_node(task, &stranger);
    end_pair(task, n);
}

static void test_errors(void **state)
{
    rt_test_run(errors_body, NULL);
}

/* ---- time-outs, cancellation, lost peers ---- */

struct slow_call {
    struct node *n;
    int rc;
    struct err err;
    uint64_t timeout_ns;
    bool done;
};

static void call_slow(struct task *task, void *arg)
{
    struct slow_call *c = arg;
    struct rpc_call call = {
        .to = 2, .method = SLOW, .cls = RPC_STATEMENT, .timeout_ns = c->timeout_ns};
    struct rpc_reply reply;
    c->rc = rpc_call(task, c->n->rpc, &call, &reply, &c->err);
    c->done = true;
}

static void nap(struct task *task, uint64_t ms)
{
    rt_ok(task_sleep(task, ms * 1000000, &err), &err);
}

static void lost_body(struct task *task, void *arg)
{
    struct node n[2];
    make_pair(task, n);
    check_echo(task, &n[0], 2, 10, 10);
    struct slow_call c = {.n = &n[0], .timeout_ns = 5000000};
    call_slow(task, &c);
    rt_check(c.rc == ERR_CONNECTION_FAILURE && strstr(c.err.message, "timed out") != NULL);
    while (!n[1].slow_cancelled) /* the handler over there is cancelled as well */
        nap(task, 1);

    n[1].slow_cancelled = n[1].slow_started = false;
    c = (struct slow_call){.n = &n[0]};
    struct task *child = task_spawn_joinable(task->core, TASK_TXN, "call", call_slow, &c);
    while (!n[1].slow_started)
        nap(task, 1);
    task_cancel(child, ERR_QUERY_CANCELED, "canceling statement due to user request");
    task_join(task, child);
    rt_check(c.rc == ERR_QUERY_CANCELED);
    while (!n[1].slow_cancelled)
        nap(task, 1);

    n[1].slow_cancelled = n[1].slow_started = false;
    c = (struct slow_call){.n = &n[0]};
    child = task_spawn_joinable(task->core, TASK_TXN, "call", call_slow, &c);
    while (!n[1].slow_started)
        nap(task, 1);
    rpc_peer_down(n[0].rpc, 2, true);
    task_join(task, child);
    rt_check(c.rc == ERR_CONNECTION_FAILURE); /* may have been executed */
    while (!n[1].slow_cancelled)
        nap(task, 1);
    struct rpc_call call = {.to = 2, .method = ECHO, .cls = RPC_STATEMENT};
    struct rpc_reply reply;
    rt_check(rpc_call(task, n[0].rpc, &call, &reply, &err) == ERR_CONNECTION_DOES_NOT_EXIST);
    rt_check(rpc_send(task->core, n[0].rpc, &call) == RPC_DROPPED);
    rpc_peer_down(n[0].rpc, 2, false);
    check_echo(task, &n[0], 2, 10, 10);

    /* the other side stops with a call in flight */
    c = (struct slow_call){.n = &n[0]};
    n[1].slow_started = false;
    child = task_spawn_joinable(task->core, TASK_TXN, "call", call_slow, &c);
    while (!n[1].slow_started)
        nap(task, 1);
    end_node(task, &n[1]);
    task_join(task, child);
    rt_check(c.rc == ERR_CONNECTION_FAILURE);
    rt_check(rpc_call(task, n[0].rpc, &call, &reply, &err) == ERR_CONNECTION_DOES_NOT_EXIST);
    end_node(task, &n[0]);
}

static void test_lost(void **state)
{
    rt_test_run(lost_body, NULL);
}

/* ---- one-way ---- */

static void oneway_body(struct task *task, void *arg)
{
    struct node n[2];
    make_pair(task, n);
    for (node_id to = 1; to <= 2; to++) {
        for (uint8_t i = 0; i < 200; i++) {
            struct rpc_call m = {
                .to = to, .method = COUNT, .cls = RPC_CONSENSUS, .msg = &i, .msg_len = 1};
            rt_check(rpc_send(task->core, n[0].rpc, &m) == RPC_SENT);
        }
        struct node *at = &n[to - 1];
        while (at->count < 200)
            nap(task, 1);
        for (int i = 0; i < 16; i++)
            rt_check(at->counted[i] == i);
    }
    end_pair(task, n);
}

static void test_oneway(void **state)
{
    rt_test_run(oneway_body, NULL);
}

/* ---- streams ---- */

static void check_numbers(struct task *task, struct node *n, node_id to, uint32_t count)
{
    uint8_t msg[4];
    store_le32(msg, count);
    struct rpc_call call = {.to = to, .method = NUMBERS, .cls = RPC_BULK, .msg = msg, .msg_len = 4};
    struct rpc_stream *s;
    struct rpc_in in;
    enum rpc_recv_result r;
    rt_ok(rpc_stream_open(task, n->rpc, &call, &s, &err), &err);
    for (uint32_t i = 0; i < count; i++) {
        rt_ok(rpc_stream_recv(task, s, &r, &in, &err), &err);
        rt_check(r == RPC_GOT && load_le32(in.msg) == i && in.payload_len == 1000);
        rt_check(in.payload[999] == (uint8_t)i);
    }
    int rc = rpc_stream_recv(task, s, &r, &in, &err);
    if (count == 7)
        rt_check(rc == ERR_DIVISION_BY_ZERO);
    else
        rt_check(rc == 0 && r == RPC_END);
    rpc_stream_close(task, s);
}

static void stream_body(struct task *task, void *arg)
{
    struct node n[2];
    make_pair(task, n);
    for (node_id to = 1; to <= 2; to++) {
        check_numbers(task, &n[0], to, 0);
        check_numbers(task, &n[0], to, 7);
        check_numbers(task, &n[0], to, 10000); /* ten windows */
        struct rpc_call call = {.to = to, .method = UPPER, .cls = RPC_STATEMENT};
        struct rpc_stream *s;
        struct rpc_in in;
        enum rpc_recv_result r;
        rt_ok(rpc_stream_open(task, n[0].rpc, &call, &s, &err), &err);
        for (char c = 'a'; c <= 'z'; c++) {
            rt_ok(rpc_stream_send(task, s, &c, 1, NULL, 0, &err), &err);
            rt_ok(rpc_stream_recv(task, s, &r, &in, &err), &err);
            rt_check(r == RPC_GOT && in.msg[0] == c - 32);
        }
        rt_ok(rpc_stream_finish(task, s, &err), &err);
        rt_ok(rpc_stream_recv(task, s, &r, &in, &err), &err);
        rt_check(r == RPC_END);
        rpc_stream_close(task, s);
        /* closed early: the handler is cancelled */
        call.method = FOREVER;
        rt_ok(rpc_stream_open(task, n[0].rpc, &call, &s, &err), &err);
        nap(task, 3);
        rpc_stream_close(task, s);
        while (n[to - 1].stream_end == 0)
            nap(task, 1);
        rt_check(n[to - 1].stream_end == ERR_QUERY_CANCELED);
        call.method = 201;
        int rc = rpc_stream_open(task, n[0].rpc, &call, &s, &err);
        if (to == 2) {
            rt_check(rc == 0);
            rt_check(rpc_stream_recv(task, s, &r, &in, &err) == ERR_FEATURE_NOT_SUPPORTED);
            rpc_stream_close(task, s);
        } else {
            rt_check(rc == ERR_FEATURE_NOT_SUPPORTED);
        }
    }
    /* the connection breaks under a stream */
    struct rpc_call call = {.to = 2, .method = FOREVER, .cls = RPC_STATEMENT};
    struct rpc_stream *s;
    struct rpc_in in;
    enum rpc_recv_result r;
    rt_ok(rpc_stream_open(task, n[0].rpc, &call, &s, &err), &err);
    nap(task, 3);
    rpc_peer_down(n[0].rpc, 2, true);
    rt_check(rpc_stream_recv(task, s, &r, &in, &err) == ERR_CONNECTION_FAILURE);
    rpc_stream_close(task, s);
    end_pair(task, n);
}

static void test_stream(void **state)
{
    rt_test_run(stream_body, NULL);
}

/* ---- faults ---- */

static void fault_body(struct task *task, void *arg)
{
    struct node n[2];
    struct fault_set faults;
    make_pair(task, n);
    check_echo(task, &n[0], 2, 10, 10);
    fault_set_init(&faults, 1);
    task->env->faults = &faults;
    struct rpc_call call = {.to = 2, .method = ECHO, .cls = RPC_STATEMENT, .timeout_ns = 20000000};
    struct rpc_reply reply;
    fault_arm_at(&faults, FAULT_rpc_drop_frame, 1);
    rt_check(rpc_call(task, n[0].rpc, &call, &reply, &err) == ERR_CONNECTION_FAILURE);
    rt_check(strstr(err.message, "timed out") != NULL);
    fault_arm_at(&faults, FAULT_rpc_bad_checksum, 1);
    rt_check(rpc_call(task, n[0].rpc, &call, &reply, &err) == ERR_CONNECTION_FAILURE);
    check_echo(task, &n[0], 2, 10, 10);
    fault_arm_at(&faults, FAULT_rpc_break_connection, 1);
    rt_check(rpc_call(task, n[0].rpc, &call, &reply, &err) == ERR_CONNECTION_FAILURE);
    task->env->faults = NULL;
    check_echo(task, &n[0], 2, 10, 10);
    end_pair(task, n);
}

static void test_fault(void **state)
{
    rt_test_run(fault_body, NULL);
}

/* ---- cores and speed ---- */

static void who_from(struct task *task, void *arg)
{
    struct node *n = arg;
    struct rpc_call call = {.to = 2, .method = WHO, .cls = RPC_STATEMENT};
    struct rpc_reply reply;
    struct err e;
    rt_ok(rpc_call(task, n->rpc, &call, &reply, &e), &e);
    rt_check(reply.msg[0] == task->core->index); /* core i talks to core i */
    rpc_reply_done(&reply);
}

static void cores_body(struct task *task, void *arg)
{
    struct node n[2];
    make_pair(task, n);
    for (uint32_t i = 0; i < task->core->runtime->core_count; i++)
        core_call(task, task->core->runtime->cores[i], TASK_TXN, who_from, &n[0]);
    end_pair(task, n);
}

static void test_cores(void **state)
{
    rt_test_run_cores(3, cores_body, NULL);
}

static void call_many(struct task *task, void *arg)
{
    struct node *n = arg;
    struct rpc_call call = {
        .to = 2, .method = ECHO, .cls = RPC_STATEMENT, .msg = "0123456789abcdef", .msg_len = 16};
    for (int i = 0; i < CALLS; i++) {
        struct rpc_reply reply;
        rt_ok(rpc_call(task, n->rpc, &call, &reply, &err), &err);
        rpc_reply_done(&reply);
    }
}

static void speed_body(struct task *task, void *arg)
{
    struct node n[2];
    make_pair(task, n);
    check_echo(task, &n[0], 2, 10, 10);
    mono_ns start = env_mono_ns(task->env);
    call_many(task, &n[0]);
    printf("one caller, both ends on one core: %.1f us a call\n",
           (double)(env_mono_ns(task->env) - start) / CALLS / 1000);
    struct task_group group;
    task_group_init(&group, task->core);
    start = env_mono_ns(task->env);
    for (int i = 0; i < 64; i++)
        task_group_spawn(&group, TASK_TXN, "caller", call_many, &n[0]);
    rt_ok(task_group_wait(task, &group, &err), &err);
    printf("64 callers: %.2f us a call\n",
           (double)(env_mono_ns(task->env) - start) / 64 / CALLS / 1000);
    uint8_t msg[4];
    store_le32(msg, ELEMENTS);
    start = env_mono_ns(task->env);
    check_numbers(task, &n[0], 2, ELEMENTS);
    printf("stream: %.0f MB/s in 1000-byte elements\n",
           ELEMENTS * 1e6 / (double)(env_mono_ns(task->env) - start));
    end_pair(task, n);
}

static void test_speed(void **state)
{
    rt_test_run(speed_body, NULL);
}

/* ---- hostile bytes ---- */

static void hostile_body(struct task *task, void *arg)
{
    struct node n;
    make_node(task, &n, 1, 9);
    struct prng prng;
    prng_init(&prng, 42);
    for (int round = 0; round < 50; round++) {
        struct sock *s;
        uint8_t bytes[200];
        rt_ok(sock_connect(task, "127.0.0.1", rpc_port(n.rpc), &s, &err), &err);
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)prng_next(&prng);
        if (round & 1) { /* a right header with wrong content */
            struct rpc_header h = {.kind = (uint8_t)(round / 2 % 14),
                                   .msg_len = 50,
                                   .payload_len = round % 3 ? 0 : RPC_FRAME_MAX};
            if (h.payload_len)
                h.msg_len = 1;
            rpc_header_store(bytes, &(struct rpc_header){.kind = h.kind, .msg_len = h.msg_len},
                             bytes + RPC_HEADER_BYTES, NULL);
            if (h.payload_len)
                store_le32(bytes + 32, h.payload_len);
        }
        if (sock_write(task, s, bytes, sizeof bytes, &err) == 0) {
            size_t got = 1;
            while (got && sock_read(task, s, bytes, sizeof bytes, &got, &err) == 0)
                ;
        }
        sock_close(s);
    }
    end_node(task, &n);
}

static void test_hostile(void **state)
{
    rt_test_run(hostile_body, NULL);
}

/* A peer that says hello properly and then sends frames of every kind that make no sense. */
static void send_nonsense(struct task *task, struct prng *prng, struct sock *s)
{
    struct buf b = {0};
    struct rpc_hello hello = {.self = 7, .version = RPC_VERSION, .cluster_id = {9}};
    rpc_hello_store(&b, &hello);
    struct rpc_header h = {.kind = RPC_HELLO, .msg_len = (uint32_t)b.len};
    uint8_t head[RPC_HEADER_BYTES], got[400];
    size_t n;
    rpc_header_store(head, &h, b.data, NULL);
    rt_ok(sock_write(task, s, head, sizeof head, &err), &err);
    rt_ok(sock_write(task, s, b.data, b.len, &err), &err);
    rt_ok(sock_read(task, s, got, sizeof got, &n, &err), &err);
    rt_check(n > RPC_HEADER_BYTES && got[5] == RPC_HELLO_OK);
    for (uint64_t i = prng_below(prng, 60); i > 0; i--) {
        uint8_t body[64];
        for (size_t k = 0; k < sizeof body; k++)
            body[k] = (uint8_t)prng_next(prng);
        h = (struct rpc_header){.kind = (uint8_t)prng_below(prng, 16),
                                .corr = prng_below(prng, 6),
                                .method =
                                    (uint16_t)prng_below(prng, prng_below(prng, 2) ? 10 : 65536),
                                .timeout_ms = (uint32_t)prng_below(prng, 50),
                                .msg_len = 4 + (uint32_t)prng_below(prng, 28),
                                .payload_len = (uint32_t)prng_below(prng, 32)};
        if (h.method == NUMBERS)
            store_le32(body, 100);
        rpc_header_store(head, &h, body, body + h.msg_len);
        if (sock_write(task, s, head, sizeof head, &err) ||
            sock_write(task, s, body, h.msg_len + h.payload_len, &err))
            break;
        if (prng_below(prng, 4) == 0)
            task_yield(task);
    }
    buf_done(&b);
}

static void nonsense_body(struct task *task, void *arg)
{
    struct node n;
    struct prng prng;
    prng_init(&prng, 5);
    make_node(task, &n, 1, 9);
    for (int round = 0; round < 300; round++) {
        struct sock *s;
        rt_ok(sock_connect(task, "127.0.0.1", rpc_port(n.rpc), &s, &err), &err);
        send_nonsense(task, &prng, s);
        sock_close(s);
    }
    rt_check(n.count > 0); /* some of it was sense */
    end_node(task, &n);    /* and nothing is left behind */
}

static void test_nonsense(void **state)
{
    rt_test_run(nonsense_body, NULL);
}

static void test_err_codec(void **state)
{
    struct err e, got;
    struct buf b = {0};
    err_set(&e, ERR_SYNTAX_ERROR, "syntax error at or near \"x\"");
    err_hint(&e, "try again");
    err_position(&e, 17);
    snprintf(e.where, sizeof e.where, "SQL function \"f\"");
    rpc_err_store(&b, &e);
    assert_int_equal(rpc_err_load(b.data, b.len, &got), ERR_SYNTAX_ERROR);
    assert_memory_equal(&e, &got, sizeof e);
    for (size_t cut = 0; cut < b.len; cut++)
        assert_int_equal(rpc_err_load(b.data, cut, &got), ERR_PROTOCOL_VIOLATION);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),      cmocka_unit_test(test_errors),
        cmocka_unit_test(test_lost),      cmocka_unit_test(test_oneway),
        cmocka_unit_test(test_stream),    cmocka_unit_test(test_fault),
        cmocka_unit_test(test_cores),     cmocka_unit_test(test_speed),
        cmocka_unit_test(test_hostile),   cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_err_codec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
