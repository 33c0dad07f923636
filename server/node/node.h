/* node.h: one node of the cluster, from its command line to its last byte.
 *
 *     node_run is the main fiber (core 0): directory and identity -> rpc -> placement (forming or
 * finding the cluster) -> store -> kv -> catalog -> listeners; then it sleeps until node_stop; then
 * everything in reverse.
 *
 * The SQL port is bound early, so that a port in use is found before anything is written, and
 * answers 57P03 until the catalog is loaded.
 *
 * Invariants
 * 1. `ready` is said once: after the catalog is loaded and every core listens.
 * 2. A node that fails to start says one line why, in config->fail, and ends with everything it
 * opened closed.
 *
 * Fails: another server on the directory, a directory of another cluster, an address in use, a full
 * disk: each with its own message.
 */
#ifndef CAIRN_SERVER_NODE_NODE_H
#define CAIRN_SERVER_NODE_NODE_H

#include "server/sql/session.h"
#include "storage/placement/placement.h"

struct node_config {
    const char *store;
    const char *sql, *rpc, *http;                   /* host:port; http NULL = none */
    const char *join;                               /* NULL = alone */
    uint64_t memtable_bytes_max, block_cache_bytes; /* 0 = default */
    /* Called once each, from a fiber; arg is passed through. */
    void (*ready)(void *arg);
    void (*fail)(void *arg, const struct err *err);  /* it could not start */
    void (*fatal)(void *arg, const struct err *err); /* the log failed: the process must end now */
    void (*ended)(void *arg);
    void *arg;
};

struct node {
    struct node_config config;
    struct sql_node sql;
    struct env *env;
    struct runtime *runtime;
    struct rpc *rpc;
    struct exec_remote *fragments; /* runs fragments for others, and sends ours */
    struct store_dir *dir;         /* until store_open takes it */
    struct store_port *port;
    struct placement *placement;
    struct store *store;
    struct task *task; /* main fiber, while it sleeps */
    struct core_msg stop_msg;
    _Atomic bool stop_asked;
    _Atomic bool is_ready;
    bool kv_started, ddl_ready, failed;
    struct listener **listeners; /* one a core */
    struct http *http;
};

/* The main fiber: task_fn of runtime_start. arg: a zeroed struct node with config and env set. */
void node_run(struct task *task, void *arg);
/* From any thread, any number of times. */
void node_stop(struct node *node);

#endif
