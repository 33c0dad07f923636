#include "server/node/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/metric.h"
#include "executor/remote.h"
#include "server/http/http.h"
#include "server/pgwire/pgwire.h"
#include "server/sql/catalog_store.h"
#include "server/sql/ddl.h"
#include "storage/placement/join_list.h"
#include "storage/tablet/store_dir.h"
#include "storage/txn/kv_node.h"

#define MS UINT64_C(1000000)

/* ---- addresses ---- */

struct address {
    char host[STORE_ADDRESS_MAX];
    uint16_t port;
};

static int split_address(const char *text, struct address *out, struct err *err)
{
    return join_address_split(text, out->host, sizeof out->host, &out->port, err);
}

static bool is_any_host(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0 || !*host;
}

/* Listening sockets of one node share their port between cores, so a second server could bind it
 * too: ask whether somebody answers. */
static int check_free(struct task *task, const char *text, const char *what, struct err *err)
{
    struct address a;
    int rc = split_address(text, &a, err);
    if (rc || !a.port)
        return rc;
    struct sock *sock;
    struct err unreachable;
    if (sock_connect(task, is_any_host(a.host) ? "127.0.0.1" : a.host, a.port, &sock, &unreachable))
        return 0;
    sock_close(sock);
    err_set(err, ERR_OBJECT_IN_USE, "could not listen on %s address %s: the port is in use", what,
            text);
    return err_hint(err, "Is another server running there? Give a free port with --%s HOST:PORT.",
                    what);
}

/* ---- listening for SQL ---- */

struct listen_call {
    struct node *node;
    uint32_t index;
    struct err err;
    int rc;
};

static void accept_sessions(struct task *task, void *arg)
{
    struct listen_call *call = arg;
    struct node *node = call->node;
    struct listener *listener = node->listeners[call->index];
    free(call);
    struct err err;
    /* A listener that was closed while nobody waited in it is gone: look before every wait. */
    while (!atomic_load(&node->sql.stopping)) {
        struct sock *sock;
        if (listener_accept(task, listener, &sock, &err)) {
            if (atomic_load(&node->sql.stopping))
                return;
            log_event(node->sql.log, LOG_WARN, "accept_failed", LOG_ERR(&err));
            if (task_sleep(task, 100 * MS, &err))
                return;
            continue;
        }
        pgwire_accept(task->core, &node->sql, sock);
    }
}

static void open_core(struct task *task, void *arg)
{
    sql_core_open(task->core, &((struct listen_call *)arg)->node->sql);
}

static void close_core(struct task *task, void *arg)
{
    if (sql_core_of(task->core))
        sql_core_close(task->core);
}

static void listen_core(struct task *task, void *arg)
{
    struct listen_call *call = arg;
    struct node *node = call->node;
    struct address a;
    call->rc = split_address(node->config.sql, &a, &call->err);
    if (!call->rc)
        call->rc = sock_listen(task, a.host, a.port, &node->listeners[call->index], &call->err);
    if (call->rc)
        return;
    struct listen_call *own = calloc(1, sizeof *own);
    own->node = node;
    own->index = call->index;
    task_spawn(task->core, TASK_TXN, "accept", accept_sessions, own);
}

static void on_each_core(struct task *task, struct node *node, task_fn *fn)
{
    for (uint32_t i = 0; i < node->runtime->core_count; i++) {
        struct listen_call call = {.node = node, .index = i};
        core_call(task, node->runtime->cores[i], TASK_TXN, fn, &call);
    }
}

static int listen_for_sql(struct task *task, struct node *node, struct err *err)
{
    node->listeners = calloc(node->runtime->core_count, sizeof *node->listeners);
    for (uint32_t i = 0; i < node->runtime->core_count; i++) {
        struct listen_call call = {.node = node, .index = i};
        core_call(task, node->runtime->cores[i], TASK_TXN, listen_core, &call);
        if (call.rc) {
            *err = call.err;
            return call.rc;
        }
    }
    return 0;
}

static void unlisten_core(struct task *task, void *arg)
{
    struct listen_call *call = arg;
    if (call->node->listeners[call->index])
        listener_close(call->node->listeners[call->index]);
}

/* ---- up ---- */

static void note_fatal(void *arg, const struct err *err)
{
    struct node *node = arg;
    log_event(node->sql.log, LOG_ERROR, "store_failed", LOG_ERR(err));
    node->config.fatal(node->config.arg, err);
}

static int check_addresses(struct task *task, struct node *node, struct err *err)
{
    int rc = check_free(task, node->config.sql, "sql", err);
    if (!rc)
        rc = check_free(task, node->config.rpc, "rpc", err);
    if (!rc && node->config.http)
        rc = check_free(task, node->config.http, "http", err);
    return rc;
}

static int open_directory(struct task *task, struct node *node, struct err *err)
{
    int rc = store_dir_open(task, node->config.store, &node->dir, err);
    if (rc == ERR_OBJECT_IN_USE)
        return err_hint(
            err,
            "Another server runs on this directory; stop it, or give another one with --store.");
    return rc;
}

static int open_rpc(struct task *task, struct node *node, struct err *err)
{
    struct rpc_config config = {.self = 0};
    node->rpc = rpc_create(node->runtime, &config);
    node->port = store_port_create(node->rpc);
    struct kv_node_config kv_config = {.runtime = node->runtime,
                                       .rpc = node->rpc,
                                       .self = node->dir->has_identity ? node->dir->identity.node_id
                                                                       : 0};
    int rc = kv_node_create(&kv_config, &node->sql.kv, err);
    if (rc)
        return rc;
    node->fragments = exec_remote_create(node->rpc, node->sql.kv);
    struct placement_config placement = {.rpc = node->rpc,
                                         .dir = node->dir,
                                         .log = node->sql.log,
                                         .join = node->config.join,
                                         .rpc_address = node->config.rpc,
                                         .sql_address = node->config.sql,
                                         .http_address = node->config.http};
    rc = placement_create(&placement, &node->placement, err);
    node->sql.rpc = node->rpc;
    node->sql.placement = node->placement;
    if (!rc)
        rc = ddl_node_init(&node->sql, err);
    node->ddl_ready = !rc;
    struct address a;
    if (!rc)
        rc = split_address(node->config.rpc, &a, err);
    return rc ? rc : rpc_listen(task, node->rpc, a.host, a.port, err);
}

static int open_store(struct task *task, struct node *node, struct err *err)
{
    int rc = placement_bootstrap(task, node->placement, err);
    if (!rc)
        rc = placement_connect(task, node->placement, err);
    if (rc)
        return rc;
    node->sql.log->node_id = node->dir->identity.node_id;
    /* Alone there is nowhere to send a fragment: plans have none then. */
    node->sql.remote = node->dir->identity.n_nodes > 1 ? node->fragments : NULL;
    struct arena arena;
    arena_init(&arena, NULL);
    struct store_config config = {.machine = &kv_machine_ops,
                                  .machine_factory = node->sql.kv,
                                  .rpc = node->rpc,
                                  .port = node->port,
                                  .log = node->sql.log,
                                  .memtable_bytes_max = node->config.memtable_bytes_max,
                                  .block_cache_bytes = node->config.block_cache_bytes,
                                  .on_fatal = note_fatal,
                                  .fatal_arg = node};
    config.groups = placement_groups(node->placement, &arena, &config.n_groups);
    struct store_dir *dir = node->dir;
    node->dir = NULL;
    rc = store_open(task, node->env, dir, &config, &node->store, err);
    arena_done(&arena);
    if (rc)
        return rc;
    node->sql.store = node->store;
    rc = kv_node_start(task, node->sql.kv, node->store, err);
    node->kv_started = !rc;
    return rc;
}

static int open_catalog(struct task *task, struct node *node, struct err *err)
{
    int rc = catalog_store_bootstrap(task, node->sql.kv, err);
    return rc ? rc : node_catalog_load(task, &node->sql, err);
}

static void init_shared(struct node *node)
{
    struct sql_node *sql = &node->sql;
    sql->env = node->env;
    sql->runtime = node->runtime;
    sql->log = node->env->log;
    sql->catalog = node_catalog_create();
    sql->zones = zone_cache_create(node->env);
    sql->defaults = session_settings_create();
    sql->boot_us = env_wall_us(node->env);
    snprintf(sql->sql_address, sizeof sql->sql_address, "%s", node->config.sql);
}

static int start_node(struct task *task, struct node *node, struct err *err)
{
    int rc = check_addresses(task, node, err);
    if (!rc)
        rc = open_directory(task, node, err);
    if (!rc)
        rc = listen_for_sql(task, node, err);
    if (!rc && node->config.http)
        rc = http_listen(task, &node->sql, node->config.http, &node->http, err);
    if (!rc)
        rc = open_rpc(task, node, err);
    if (!rc)
        rc = open_store(task, node, err);
    if (!rc)
        rc = open_catalog(task, node, err);
    return rc;
}

/* ---- down ---- */

struct drain {
    bool empty;
};

static void drain_core(struct task *task, void *arg)
{
    struct drain *d = arg;
    if (sql_core_of(task->core) && !pgwire_stop_core(task->core))
        d->empty = false;
}

static void drain_sessions(struct task *task, struct node *node)
{
    for (int tries = 0; tries < 1000; tries++) {
        struct drain d = {.empty = true};
        for (uint32_t i = 0; i < node->runtime->core_count; i++)
            core_call(task, node->runtime->cores[i], TASK_TXN, drain_core, &d);
        struct err err;
        if (d.empty || task_sleep(task, 10 * MS, &err))
            return;
    }
    log_event(node->sql.log, LOG_WARN, "sessions_left_at_shutdown",
              LOG_U64("sessions", atomic_load(&node->sql.n_sessions)));
}

static void stop_all(struct task *task, struct node *node)
{
    task_cancel_clear(task);
    atomic_store(&node->sql.accepting, false);
    atomic_store(&node->sql.stopping, true);
    if (node->http)
        http_stop(task, node->http);
    if (node->listeners)
        on_each_core(task, node, unlisten_core);
    drain_sessions(task, node);
    if (node->ddl_ready)
        ddl_node_done(&node->sql);
    if (node->kv_started)
        kv_node_stop(task, node->sql.kv);
    if (node->placement)
        placement_stop(task, node->placement);
    if (node->store)
        store_close(task, node->store);
    if (node->rpc)
        rpc_stop(task, node->rpc);
    if (node->placement)
        placement_destroy(node->placement);
    if (node->dir)
        store_dir_close(task, node->dir);
    if (node->rpc) {
        rpc_destroy(node->rpc);
        store_port_destroy(node->port);
    }
    on_each_core(task, node, close_core);
    if (node->sql.kv)
        kv_node_destroy(node->sql.kv);
    exec_remote_destroy(node->fragments);
    node_catalog_destroy(node->sql.catalog);
    zone_cache_destroy(node->sql.zones);
    session_settings_unref(node->sql.defaults);
    free(node->listeners);
}

static void stop_arrived(struct core *core, struct core_msg *msg)
{
    struct node *node = container_of(msg, struct node, stop_msg);
    if (node->task)
        task_cancel(node->task, ERR_ADMIN_SHUTDOWN, "the server is shutting down");
}

void node_stop(struct node *node)
{
    if (!atomic_exchange(&node->stop_asked, true))
        core_post(node->runtime->cores[0], &node->stop_msg, stop_arrived);
}

void node_run(struct task *task, void *arg)
{
    struct node *node = arg;
    struct err err;
    node->task = task;
    node->runtime = task->core->runtime;
    init_shared(node);
    on_each_core(task, node, open_core);
    int rc = start_node(task, node, &err);
    if (!rc) {
        atomic_store(&node->sql.accepting, true);
        atomic_store(&node->is_ready, true);
        log_event(node->sql.log, LOG_INFO, "ready", LOG_TEXT("sql", node->config.sql));
        node->config.ready(node->config.arg);
        while (!task_sleep(task, 3600 * UINT64_C(1000000000), &err))
            ;
    } else if (!atomic_load(&node->stop_asked)) {
        node->failed = true;
        node->config.fail(node->config.arg, &err);
    }
    atomic_store(&node->is_ready, false);
    node->task = NULL;
    stop_all(task, node);
    node->config.ended(node->config.arg);
    runtime_stop(node->runtime);
}
