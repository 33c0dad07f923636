#include "server/node/node.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env_uv.h"
#include "base/log.h"
#include "base/metric.h"
#include "executor/remote.h"
#include "server/http/http.h"
#include "server/node/status.h"
#include "server/pgwire/pgwire.h"
#include "server/sql/catalog_store.h"
#include "server/sql/sql_int.h"
#include "storage/placement/join_list.h"
#include "storage/placement/placement.h"
#include "storage/txn/kv_node.h"

struct address {
    char host[STORE_ADDRESS_MAX];
    uint16_t port;
};

struct node {
    struct node_config config;
    struct env *env;
    struct runtime *runtime;
    struct log log;
    struct store_dir *dir;
    struct rpc *rpc;
    struct placement *placement;
    struct store *store;
    struct kv *kv;
    struct sql_node sql;
    struct http_server *http;
    struct exec_remote *fragments;
    struct address sql_address;
    struct listener **listeners; /* one a core */
    uint32_t n_listeners;
    _Atomic uint32_t accepting;  /* fibers in their accept loop */
    bool placement_running, rpc_listening, kv_started;
    struct task *main_task;
    _Atomic bool stop; /* a signal came */
    int exit_status;
    struct err failure;
};

/* The one node of this process: a signal handler has no other way to it. */
static struct node *running;

/* ---- addresses ---- */

static int split_address(const char *text, const char *option, struct address *out, struct err *err)
{
    int rc = join_address_split(text, out->host, sizeof out->host, &out->port, err);
    if (rc)
        err_hint(err, "%s takes HOST:PORT, for example 127.0.0.1:7432.", option);
    return rc;
}

/* ---- starting ---- */

static int open_store_dir(struct task *task, struct node *n, struct err *err)
{
    int rc = store_dir_open(task, n->config.store, &n->dir, err);
    if (rc)
        return rc;
    if (n->dir->has_identity)
        return store_dir_boot(task, n->dir, err);
    return 0;
}

static int start_rpc(struct task *task, struct node *n, struct err *err)
{
    struct address a;
    struct rpc_config config = {.self = n->dir->identity.node_id, .boot_epoch = n->dir->identity.boot_epoch};
    memcpy(config.cluster_id, n->dir->identity.cluster_id, sizeof config.cluster_id);
    int rc = split_address(n->config.rpc, "--rpc", &a, err);
    if (rc)
        return rc;
    n->rpc = rpc_create(n->runtime, &config);
    n->sql.rpc = n->rpc;
    struct placement_config place = {.rpc = n->rpc, .dir = n->dir, .log = &n->log, .join = n->config.join, .rpc_address = n->config.rpc,
                                     .sql_address = n->config.sql, .http_address = n->config.http};
    rc = placement_create(&place, &n->placement, err);
    if (rc)
        return rc;
    n->sql.placement = n->placement;
    rc = ddl_node_init(&n->sql, err);
    if (rc)
        return rc;
    struct kv_node_config kv = {.runtime = n->runtime, .rpc = n->rpc, .self = n->dir->identity.node_id};
    rc = kv_node_create(&kv, &n->kv, err);
    if (rc)
        return rc;
    n->sql.kv = n->kv;
    n->fragments = exec_remote_create(n->rpc, n->kv);
    rc = rpc_listen(task, n->rpc, a.host, a.port, err);
    n->rpc_listening = rc == 0;
    return rc;
}

static void log_is_lost(void *arg, const struct err *err)
{
    struct node *n = arg;
    log_event(&n->log, LOG_ERROR, "log_write_failed", LOG_TEXT("reason", err->message));
    fprintf(stderr, "cairnd: the log cannot be written: %s. The node ends now; start it again when the disk is well.\n", err->message);
    _Exit(3);
}

static int start_storage(struct task *task, struct node *n, struct err *err)
{
    struct arena arena;
    size_t n_groups;
    arena_init(&arena, NULL);
    struct store_config config = {.machine = &kv_machine_ops, .machine_factory = n->kv, .rpc = n->rpc, .on_fatal = log_is_lost,
                                  .fatal_arg = n, .block_cache_bytes = n->config.cache_bytes, .memtable_bytes_max = n->config.memtable_bytes};
    config.groups = placement_groups(n->placement, &arena, &n_groups);
    config.n_groups = n_groups;
    struct store_dir *dir = n->dir;
    n->dir = NULL; /* the store closes it, also when opening fails */
    int rc = store_open(task, n->env, dir, &config, &n->store, err);
    arena_done(&arena);
    if (rc)
        return rc;
    n->sql.store = n->store;
    rc = kv_node_start(task, n->kv, n->store, err);
    n->kv_started = rc == 0;
    return rc;
}

/* The catalog is there once some node has bootstrapped it; all may try. Waits for a leader as long as it takes. */
static int start_catalog(struct task *task, struct node *n, struct err *err)
{
    for (;;) {
        int rc = catalog_store_bootstrap(task, n->kv, err);
        if (rc == 0)
            rc = node_catalog_load(task, &n->sql, err);
        if (rc == 0)
            return 0;
        rc = task_check(task, err);
        if (rc)
            return rc;
        log_event(&n->log, LOG_DEBUG, "catalog_not_yet", LOG_TEXT("reason", err->message));
        rc = task_sleep(task, 50 * 1000000ull, err);
        if (rc)
            return rc;
    }
}

static void init_sql(struct node *n)
{
    struct sql_node *s = &n->sql;
    s->env = n->env;
    s->runtime = n->runtime;
    s->log = &n->log;
    s->catalog = node_catalog_create();
    s->zones = zone_cache_create(n->env);
    s->defaults = session_settings_create();
    s->boot_us = env_wall_us(n->env);
    snprintf(s->sql_address, sizeof s->sql_address, "%s", n->config.sql);
}

/* Every core listens on the same port; the kernel spreads connections over them. */
static void accept_loop(struct task *task, void *arg)
{
    struct node *n = arg;
    struct err err;
    struct sock *sock;
    struct listener *listener = n->listeners[task->core->index];
    while (!n->sql.stopping && listener_accept(task, listener, &sock, &err) == 0)
        pgwire_accept(task->core, &n->sql, sock);
    n->accepting--;
}

struct listen_call {
    struct node *node;
    int rc;
    struct err *err;
};

static void listen_on_core(struct task *task, void *arg)
{
    struct listen_call *c = arg;
    struct node *n = c->node;
    struct core *core = task->core;
    struct sql_core *sc = calloc(1, sizeof *sc);
    sc->node = &n->sql;
    list_init(&sc->sessions);
    list_init(&sc->connections);
    intmap_init(&sc->by_pid);
    sc->plans = plan_cache_create();
    core->local[CORE_LOCAL_SERVER] = sc;
    c->rc = sock_listen(task, n->sql_address.host, n->sql_address.port, &n->listeners[core->index], c->err);
    if (c->rc)
        return;
    n->accepting++;
    task_spawn(core, TASK_TXN, "sql accept", accept_loop, n);
}

static int start_sql(struct task *task, struct node *n, struct err *err)
{
    int rc = split_address(n->config.sql, "--sql", &n->sql_address, err);
    n->listeners = calloc(n->runtime->core_count, sizeof *n->listeners);
    for (uint32_t i = 0; rc == 0 && i < n->runtime->core_count; i++) {
        struct listen_call call = {n, 0, err};
        core_call(task, n->runtime->cores[i], TASK_TXN, listen_on_core, &call);
        rc = call.rc;
        n->n_listeners = i + 1;
    }
    n->sql.accepting = rc == 0;
    return rc;
}

/* ---- ending SQL ---- */

static void stop_on_core(struct task *task, void *arg)
{
    struct node *n = arg;
    struct err err;
    struct sql_core *sc = sql_core_of(task->core);
    if (n->listeners[task->core->index])
        listener_close(n->listeners[task->core->index]);
    /* Statements in progress were told to end; a client that does not take its answers is not waited for longer. */
    for (int i = 0; i < 300 && !pgwire_stop_core(task->core); i++)
        if (task_sleep(task, 10 * 1000000ull, &err) != 0)
            break;
    if (sc && list_is_empty(&sc->sessions)) {
        plan_cache_destroy(sc->plans);
        intmap_done(&sc->by_pid);
        free(sc);
        task->core->local[CORE_LOCAL_SERVER] = NULL;
    }
}

static void stop_sql(struct task *task, struct node *n)
{
    for (uint32_t i = 0; i < n->n_listeners; i++)
        core_call(task, n->runtime->cores[i], TASK_TXN, stop_on_core, n);
}

/* ---- HTTP ---- */

static void page_health(struct task *task, void *ctx, const char *path, struct http_answer *a)
{
    buf_put_text(&a->body, "ok\n");
}

static void page_ready(struct task *task, void *ctx, const char *path, struct http_answer *a)
{
    struct node *n = ctx;
    bool ready = n->sql.accepting && !n->sql.stopping && n->store && store_has_quorum(n->store);
    a->status = ready ? 200 : 503;
    buf_put_text(&a->body, ready ? "ready\n" : n->sql.stopping ? "stopping\n" : n->store ? "no quorum\n" : "starting\n");
}

static void page_metrics(struct task *task, void *ctx, const char *path, struct http_answer *a)
{
    struct node *n = ctx;
    a->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_print(n->runtime->metrics, &a->body);
    buf_printf(&a->body, "# HELP cairn_sessions open client sessions\n# TYPE cairn_sessions gauge\ncairn_sessions %u\n", n->sql.n_sessions);
    buf_printf(&a->body, "# HELP cairn_internal_errors_total statements that hit a bug of ours (XX000)\n"
                         "# TYPE cairn_internal_errors_total counter\ncairn_internal_errors_total %llu\n", (unsigned long long)bug_count());
}

static void page_status(struct task *task, void *ctx, const char *path, struct http_answer *a)
{
    struct node *n = ctx;
    struct err err;
    a->content_type = "application/json";
    if (!n->store) {
        a->status = 503;
        buf_put_text(&a->body, "{\"state\": \"starting\"}\n");
    } else if (status_json(task, &n->sql, &a->body, &err) != 0) {
        a->status = 503;
        buf_reset(&a->body);
        buf_printf(&a->body, "{\"state\": \"error\", \"reason\": \"%s\"}\n", err.message);
    }
}

static const struct http_route routes[] = {
    {"/health", page_health}, {"/ready", page_ready}, {"/metrics", page_metrics}, {"/status", page_status}, {NULL, NULL}};

static int start_http(struct task *task, struct node *n, struct err *err)
{
    struct address a;
    int rc = split_address(n->config.http, "--http", &a, err);
    return rc ? rc : http_start(task, a.host, a.port, routes, n, &n->http, err);
}

/* ---- the main fiber ---- */

static int start_all(struct task *task, struct node *n, struct err *err)
{
    int rc = open_store_dir(task, n, err);
    if (rc == 0)
        rc = start_http(task, n, err);
    if (rc == 0)
        rc = start_rpc(task, n, err);
    if (rc)
        return rc;
    bool fresh = !n->dir->has_identity;
    n->placement_running = true;
    rc = placement_bootstrap(task, n->placement, err);
    if (rc == 0 && fresh)
        rc = store_dir_boot(task, n->dir, err);
    if (rc == 0)
        rc = placement_connect(task, n->placement, err);
    n->log.node_id = n->dir->identity.node_id;
    /* Alone there is nowhere to send a fragment: plans have none then. */
    n->sql.remote = n->dir->identity.n_nodes > 1 ? n->fragments : NULL;
    if (rc == 0)
        rc = start_storage(task, n, err);
    if (rc == 0)
        rc = start_catalog(task, n, err);
    return rc ? rc : start_sql(task, n, err);
}

static void stop_all(struct task *task, struct node *n)
{
    n->sql.stopping = true;
    n->sql.accepting = false;
    stop_sql(task, n);
    http_stop(task, n->http);
    if (n->kv_started)
        kv_node_stop(task, n->kv);
    if (n->placement_running)
        placement_stop(task, n->placement);
    if (n->store)
        store_close(task, n->store);
    if (n->dir)
        store_dir_close(task, n->dir);
    if (n->rpc)
        rpc_stop(task, n->rpc);
}

static void run_node(struct task *task, void *arg)
{
    struct node *n = arg;
    struct err err;
    err_clear(&err);
    n->runtime = task->core->runtime;
    n->main_task = task;
    running = n;
    init_sql(n);
    int rc = start_all(task, n, &err);
    if (rc == 0) {
        log_event(&n->log, LOG_INFO, "ready", LOG_TEXT("sql", n->config.sql), LOG_TEXT("rpc", n->config.rpc), LOG_TEXT("http", n->config.http));
        while (!n->stop)
            task_park_always(task);
        log_event(&n->log, LOG_INFO, "stopping", LOG_U64("sessions", n->sql.n_sessions));
    } else if (!n->stop) {
        n->failure = err;
        n->exit_status = 1;
    }
    task_cancel_clear(task);
    running = NULL;
    stop_all(task, n);
    runtime_stop(n->runtime);
}

/* SIGTERM and SIGINT are taken by a thread of their own (sigwait), which is no core: it only sets a flag and wakes. */
static void cancel_start(struct core *core, struct core_msg *msg)
{
    struct node *n = running;
    if (!n)
        return;
    task_cancel(n->main_task, ERR_ADMIN_SHUTDOWN, "the node is shutting down");
    task_wake(n->main_task);
}

static void *wait_for_signals(void *arg)
{
    static struct core_msg msg;
    struct node *n = arg;
    sigset_t set;
    int got;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    for (;;) {
        if (sigwait(&set, &got) != 0)
            continue;
        if (n->stop)
            _Exit(130); /* told twice: at once */
        n->stop = true;
        if (n->runtime)
            core_post(n->runtime->cores[0], &msg, cancel_start);
    }
    return NULL;
}

static void destroy_all(struct node *n)
{
    kv_node_destroy(n->kv);
    exec_remote_destroy(n->fragments);
    if (n->rpc)
        rpc_destroy(n->rpc);
    if (n->placement)
        placement_destroy(n->placement);
    ddl_node_done(&n->sql);
    session_settings_unref(n->sql.defaults);
    zone_cache_destroy(n->sql.zones);
    node_catalog_destroy(n->sql.catalog);
}

static void print_failure(const struct err *err)
{
    fprintf(stderr, "cairnd: %s\n", err->message);
    if (err->detail[0])
        fprintf(stderr, "  %s\n", err->detail);
    if (err->hint[0])
        fprintf(stderr, "  %s\n", err->hint);
}

int node_run(const struct node_config *config)
{
    static struct node n; /* too large for a stack, and it lives as long as the process */
    struct err err;
    struct env_uv_config env = {0};
    sigset_t set;
    pthread_t signals;
    n.config = *config;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (env_uv_create(&env, &n.env, &err) != 0) {
        print_failure(&err);
        return 1;
    }
    log_init(&n.log, n.env, 0);
    struct runtime_config runtime = {.core_count = config->cores};
    struct runtime *r;
    if (runtime_start(n.env, &runtime, run_node, &n, &r, &err) != 0) {
        print_failure(&err);
        return 1;
    }
    n.runtime = r;
    if (pthread_create(&signals, NULL, wait_for_signals, &n) == 0)
        pthread_detach(signals);
    runtime_join(r);
    destroy_all(&n);
    if (n.exit_status)
        print_failure(&n.failure);
    return n.exit_status;
}
