#include "server/http/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/metric.h"
#include "raft/raft.h"
#include "storage/placement/join_list.h"
#include "storage/placement/placement.h"
#include "storage/tablet/store.h"

enum { REQUEST_BYTES_MAX = 8192, CONNECTIONS_MAX = 256 };

struct http {
    struct sql_node *node;
    struct listener *listener;
    struct task *acceptor;
    struct list conns;
    uint32_t open;
};

struct http_conn {
    struct list_node link;
    struct http *http;
    struct sql_node *node;
    struct sock *sock;
};

/* ---- JSON ---- */

static void put_string(struct buf *out, const char *text)
{
    buf_put_u8(out, '"');
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_printf(out, "\\%c", *p);
        else if (*p < 0x20)
            buf_printf(out, "\\u%04x", *p);
        else
            buf_put_u8(out, *p);
    }
    buf_put_u8(out, '"');
}

static void put_member(struct buf *out, const char *name, const char *value, bool first)
{
    buf_printf(out, "%s\"%s\":", first ? "" : ",", name);
    put_string(out, value);
}

static void put_nodes(struct task *task, struct sql_node *node, struct arena *arena,
                      struct buf *out)
{
    struct store_node *nodes;
    size_t n;
    struct err err;
    buf_put_text(out, ",\"nodes\":[");
    if (placement_nodes(task, node->placement, arena, &nodes, &n, &err))
        n = 0;
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%s{\"id\":%u,\"alive\":%s,\"self\":%s", i ? "," : "", nodes[i].id,
                   store_node_alive(node->store, nodes[i].id) ? "true" : "false",
                   nodes[i].id == store_node_id(node->store) ? "true" : "false");
        put_member(out, "rpc", nodes[i].rpc, false);
        put_member(out, "sql", nodes[i].sql, false);
        put_member(out, "http", nodes[i].http, false);
        buf_put_u8(out, '}');
    }
    buf_put_u8(out, ']');
}

/* The table or index a storage belongs to. */
static const char *storage_name(const struct catalog *catalog, uint64_t storage)
{
    static const char *const fixed[] = {"", "catalog objects", "catalog names", "catalog counters",
                                        "sequences"};
    if (storage >= CATALOG_OBJECT && storage <= CATALOG_SEQUENCE)
        return fixed[storage];
    for (uint32_t i = 0; catalog && i < catalog_count(catalog); i++) {
        const struct cat_object *obj = catalog_nth(catalog, i);
        if (!obj->relation)
            continue;
        if (obj->relation->storage == storage)
            return obj->name;
        for (uint32_t k = 0; k < obj->relation->n_indexes; k++)
            if (obj->relation->indexes[k].storage == storage)
                return obj->relation->indexes[k].name;
    }
    return "";
}

static void put_group(const struct store_group_status *g, const struct catalog *catalog, bool first,
                      struct buf *out)
{
    static const char *const roles[] = {[RAFT_FOLLOWER] = "follower",
                                        [RAFT_PRECANDIDATE] = "pre-candidate",
                                        [RAFT_CANDIDATE] = "candidate",
                                        [RAFT_LEADER] = "leader"};
    buf_printf(
        out,
        "%s{\"id\":%u,\"core\":%u,\"role\":\"%s\",\"leader\":%u,\"term\":%llu,\"applied\":%llu,"
        "\"committed\":%llu,\"last\":%llu,\"checkpoint\":%llu,\"quarantined\":%s,\"replicas\":[",
        first ? "" : ",", g->group_id, g->core,
        g->role < sizeof roles / sizeof *roles ? roles[g->role] : "?", g->leader_node,
        (unsigned long long)g->term, (unsigned long long)g->applied_index,
        (unsigned long long)g->commit_index, (unsigned long long)g->last_index,
        (unsigned long long)g->checkpoint_index, g->quarantine ? "true" : "false");
    for (uint8_t i = 0; i < g->n_replicas; i++)
        buf_printf(out, "%s%u", i ? "," : "", g->nodes[i]);
    buf_put_text(out, "],\"tablets\":[");
    for (uint32_t i = 0; i < g->n_tablets; i++) {
        const struct store_tablet_status *t = &g->tablets[i];
        buf_printf(out, "%s{\"storage\":%llu,\"shard\":%u,\"rows\":%llu,\"bytes\":%llu",
                   i ? "," : "", (unsigned long long)t->storage, t->shard,
                   (unsigned long long)t->rows, (unsigned long long)t->bytes);
        put_member(out, "table", storage_name(catalog, t->storage), false);
        buf_put_u8(out, '}');
    }
    buf_put_text(out, "]}");
}

static void put_groups(struct task *task, struct sql_node *node, struct arena *arena,
                       struct buf *out)
{
    struct store_group_status *groups;
    size_t n;
    struct err err;
    buf_put_text(out, ",\"groups\":[");
    if (store_status(task, node->store, arena, &groups, &n, &err))
        n = 0;
    uint64_t number;
    struct catalog *catalog = node_catalog_get(node->catalog, &number);
    for (size_t i = 0; i < n; i++)
        put_group(&groups[i], catalog, i == 0, out);
    catalog_unref(catalog);
    buf_put_u8(out, ']');
}

static void put_sessions(struct task *task, struct sql_node *node, struct arena *arena,
                         struct buf *out)
{
    struct session_info *infos;
    uint32_t n;
    struct err err;
    buf_put_text(out, ",\"sessions\":[");
    if (session_list(task, node, arena, &infos, &n, &err))
        n = 0;
    for (uint32_t i = 0; i < n; i++) {
        buf_printf(out, "%s{\"pid\":%u", i ? "," : "", infos[i].pid);
        put_member(out, "database", infos[i].database, false);
        put_member(out, "role", infos[i].role, false);
        put_member(out, "application", infos[i].application_name, false);
        put_member(out, "client", infos[i].client_address, false);
        put_member(out, "state", infos[i].state, false);
        buf_printf(out, ",\"statement_us\":%llu}", (unsigned long long)infos[i].statement_us);
    }
    buf_put_u8(out, ']');
}

static void put_status(struct task *task, struct sql_node *node, struct buf *out)
{
    bool ready = atomic_load(&node->accepting);
    struct env_memory memory;
    env_memory(node->env, &memory);
    buf_printf(
        out,
        "{\"version\":\"%s\",\"ready\":%s,\"uptime_us\":%llu,\"memory_bytes\":%llu,\"cores\":%u",
        CAIRN_VERSION, ready ? "true" : "false",
        (unsigned long long)(env_wall_us(node->env) - node->boot_us),
        (unsigned long long)memory.resident_bytes, node->runtime->core_count);
    if (ready) {
        char cluster[33];
        store_cluster_text(store_cluster_id(node->store), cluster);
        buf_printf(out, ",\"cluster\":\"%s\",\"node\":%u,\"epoch\":%u,\"quorum\":%s", cluster,
                   store_node_id(node->store), store_boot_epoch(node->store),
                   store_has_quorum(node->store) ? "true" : "false");
        struct arena arena;
        arena_init(&arena, NULL);
        put_nodes(task, node, &arena, out);
        put_groups(task, node, &arena, out);
        put_sessions(task, node, &arena, out);
        arena_done(&arena);
    }
    buf_put_text(out, "}\n");
}

static void put_metrics(struct task *task, struct sql_node *node, struct buf *out)
{
    metrics_print(node->runtime->metrics, out);
    struct env_memory memory;
    env_memory(node->env, &memory);
    metric_print_labelled(out, "process_resident_bytes", "Memory of the process", METRIC_GAUGE,
                          "node", "self", (double)memory.resident_bytes);
    metric_print_labelled(out, "sql_sessions", "Open SQL sessions", METRIC_GAUGE, "node", "self",
                          atomic_load(&node->n_sessions));
    metric_print_labelled(out, "bugs", "Broken invariants that cost a statement", METRIC_COUNTER,
                          "node", "self", (double)bug_count());
    metric_print_labelled(out, "ready", "Whether statements are served", METRIC_GAUGE, "node",
                          "self", atomic_load(&node->accepting));
}

/* ---- requests ---- */

static int read_request(struct task *task, struct sock *sock, char *out, size_t size,
                        struct err *err)
{
    size_t len = 0;
    for (;;) {
        size_t got;
        int rc = sock_read(task, sock, out + len, size - 1 - len, &got, err);
        if (rc)
            return rc;
        len += got;
        out[len] = 0;
        if (strstr(out, "\r\n\r\n") || strstr(out, "\n\n"))
            return 0;
        if (!got || len + 1 == size)
            return err_set(err, ERR_PROTOCOL_VIOLATION, "not an HTTP request");
    }
}

static void answer(struct task *task, struct http_conn *h, const char *status, const char *type,
                   const struct buf *body, bool head)
{
    struct buf out = {0};
    buf_printf(
        &out, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
        status, type, body->len);
    if (!head)
        buf_put(&out, body->data, body->len);
    struct err err;
    if (sock_write(task, h->sock, out.data, out.len, &err))
        log_event(h->node->log, LOG_DEBUG, "http_answer_lost", LOG_ERR(&err));
    buf_done(&out);
}

static void serve(struct task *task, struct http_conn *h, char *request)
{
    struct sql_node *node = h->node;
    struct buf body = {0};
    char *save;
    char *method = strtok_r(request, " \r\n", &save);
    char *path = method ? strtok_r(NULL, " ?\r\n", &save) : NULL;
    bool head = method && strcmp(method, "HEAD") == 0;
    const char *status = "200 OK", *type = "text/plain; charset=utf-8";
    if (!path || (!head && strcmp(method, "GET"))) {
        status = "405 Method Not Allowed";
        buf_put_text(&body, "only GET is served\n");
    } else if (strcmp(path, "/health") == 0) {
        buf_put_text(&body, "ok\n");
    } else if (strcmp(path, "/ready") == 0) {
        bool ready = atomic_load(&node->accepting) && store_has_quorum(node->store);
        status = ready ? status : "503 Service Unavailable";
        buf_put_text(&body, ready ? "ready\n" : "not ready\n");
    } else if (strcmp(path, "/metrics") == 0) {
        type = "text/plain; version=0.0.4; charset=utf-8";
        put_metrics(task, node, &body);
    } else if (strcmp(path, "/status") == 0) {
        type = "application/json";
        put_status(task, node, &body);
    } else {
        status = "404 Not Found";
        buf_put_text(&body, "known paths: /health /ready /metrics /status\n");
    }
    answer(task, h, status, type, &body, head);
    buf_done(&body);
}

static void run_http(struct task *task, void *arg)
{
    struct http_conn *h = arg;
    struct err err;
    char *request = malloc(REQUEST_BYTES_MAX);
    task_deadline_set(task, env_mono_ns(task->env) + UINT64_C(30000000000), ERR_CONNECTION_FAILURE,
                      "HTTP timeout");
    if (!read_request(task, h->sock, request, REQUEST_BYTES_MAX, &err))
        serve(task, h, request);
    free(request);
    sock_close(h->sock);
    list_remove(&h->link);
    h->http->open--;
    free(h);
}

static void accept_http(struct task *task, void *arg)
{
    struct http *http = arg;
    struct err err;
    /* A listener that was closed while nobody waited in it is gone: look before every wait. */
    while (!atomic_load(&http->node->stopping)) {
        struct sock *sock;
        if (listener_accept(task, http->listener, &sock, &err)) {
            if (atomic_load(&http->node->stopping) || task_sleep(task, UINT64_C(100000000), &err))
                break;
            continue;
        }
        if (http->open >= CONNECTIONS_MAX) {
            sock_close(sock);
            continue;
        }
        struct http_conn *h = calloc(1, sizeof *h);
        *h = (struct http_conn){.http = http, .node = http->node, .sock = sock};
        http->open++;
        list_push_back(&http->conns, &h->link);
        task_spawn(task->core, TASK_BACKGROUND, "http", run_http, h);
    }
}

int http_listen(struct task *task, struct sql_node *node, const char *address, struct http **out,
                struct err *err)
{
    char host[STORE_ADDRESS_MAX];
    uint16_t port;
    struct listener *listener;
    int rc = join_address_split(address, host, sizeof host, &port, err);
    if (!rc)
        rc = sock_listen(task, host, port, &listener, err);
    if (rc)
        return rc;
    struct http *http = calloc(1, sizeof *http);
    http->node = node;
    http->listener = listener;
    list_init(&http->conns);
    http->acceptor =
        task_spawn_joinable(task->core, TASK_BACKGROUND, "http accept", accept_http, http);
    *out = http;
    return 0;
}

void http_stop(struct task *task, struct http *http)
{
    listener_close(http->listener);
    task_join(task, http->acceptor);
    list_each(struct http_conn, h, &http->conns, link) sock_shutdown(h->sock);
    struct err err;
    while (http->open)
        if (task_sleep(task, UINT64_C(10000000), &err))
            task_cancel_clear(task);
    free(http);
}
