/* session.c: sessions of a core: their life, what they look at, who may cancel them. */
#include "server/sql/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/metric.h"
#include "server/sql/sql_int.h"
#include "storage/tablet/store.h"

/* ---- per core ---- */

struct sql_core *sql_core_of(struct core *core)
{
    return core->local[CORE_LOCAL_SERVER];
}

void sql_core_open(struct core *core, struct sql_node *node)
{
    struct sql_core *sc = calloc(1, sizeof *sc);
    sc->node = node;
    list_init(&sc->sessions);
    list_init(&sc->connections);
    intmap_init(&sc->by_pid);
    sc->plans = plan_cache_create();
    core->local[CORE_LOCAL_SERVER] = sc;
}

void sql_core_close(struct core *core)
{
    struct sql_core *sc = sql_core_of(core);
    plan_cache_destroy(sc->plans);
    intmap_done(&sc->by_pid);
    free(sc);
    core->local[CORE_LOCAL_SERVER] = NULL;
}

/* ---- life ---- */

static int find_database(struct session *s, const char *name, struct err *err)
{
    struct catalog_view view = {.catalog = s->view.catalog};
    const struct cat_object *db = catalog_view_named(&view, CLASS_DATABASE, 0, name);
    if (!db)
        return err_set(err, ERR_INVALID_CATALOG_NAME, "database \"%s\" does not exist", name);
    s->db_oid = db->oid;
    snprintf(s->database, sizeof s->database, "%s", db->name);
    return 0;
}

static int find_role(struct session *s, const char *name, struct err *err)
{
    struct catalog_view view = {.catalog = s->view.catalog};
    const struct cat_object *role = catalog_view_named(&view, CLASS_ROLE, 0, name);
    if (!role)
        return err_set(err, ERR_INVALID_AUTHORIZATION_SPECIFICATION, "role \"%s\" does not exist",
                       name);
    if (!role->role || !role->role->login)
        return err_set(err, ERR_INVALID_AUTHORIZATION_SPECIFICATION,
                       "role \"%s\" is not permitted to log in", name);
    s->role_oid = s->session_role_oid = role->oid;
    snprintf(s->role, sizeof s->role, "%s", role->name);
    snprintf(s->session_role, sizeof s->session_role, "%s", role->name);
    return 0;
}

static int set_options(struct session *s, const struct session_start *start, struct err *err)
{
    for (uint32_t i = 0; i + 1 < start->n_options; i += 2) {
        int rc = session_setting_set(s, start->options[i], start->options[i + 1], false, err);
        if (rc)
            return rc;
    }
    session_settings_unref(s->settings_start);
    s->settings_start = session_settings_ref(s->settings);
    return 0;
}

static void report_start(struct session *s)
{
    const struct session_client_ops *ops = s->client->ops;
    ops->parameter(s->client, "server_version", s->settings->s.server_version);
    ops->parameter(s->client, "server_encoding", s->settings->s.server_encoding);
    ops->parameter(s->client, "integer_datetimes", "on");
    ops->parameter(s->client, "in_hot_standby", "off");
    ops->parameter(s->client, "is_superuser", "on");
    ops->parameter(s->client, "session_authorization", s->session_role);
    session_setting_report(s);
}

static void name_session(struct session *s)
{
    uint32_t cores = s->node->runtime->core_count;
    uint32_t n = atomic_fetch_add(&s->node->next_session, 1) % (0x7fffffff / cores - 2) + 1;
    s->pid = n * cores + s->core->index;
    env_random(s->node->env, &s->secret, sizeof s->secret);
    env_random(s->node->env, &s->number, sizeof s->number);
    uint64_t seed;
    env_random(s->node->env, &seed, sizeof seed);
    prng_init(&s->random, seed);
}

int session_create(struct task *task, struct sql_node *node, const struct session_start *start,
                   struct session **out, struct err *err)
{
    struct session *s = calloc(1, sizeof *s);
    s->node = node;
    s->core = task->core;
    s->sql_core = sql_core_of(task->core);
    s->client = start->client;
    s->task = task;
    s->settings = session_settings_ref(node->defaults);
    s->settings_session = session_settings_ref(node->defaults);
    s->settings_start = session_settings_ref(node->defaults);
    s->type_env = s->settings->env;
    hashmap_init(&s->prepared);
    hashmap_init(&s->portals);
    arena_init(&s->message_arena, &s->account);
    arena_init(&s->txn.arena, &s->account);
    uint64_t number;
    s->view.catalog = node_catalog_get(node->catalog, &number);
    s->connected_us = env_wall_us(node->env);
    snprintf(s->client_address, sizeof s->client_address, "%s", start->client_address);
    name_session(s);
    list_push_back(&s->sql_core->sessions, &s->link);
    intmap_put(&s->sql_core->by_pid, s->pid, s);
    uint32_t open = atomic_fetch_add(&node->n_sessions, 1) + 1;
    int rc = 0;
    if (open > (uint64_t)node->defaults->s.max_connections)
        rc = err_set(err, ERR_TOO_MANY_CONNECTIONS, "sorry, too many clients already");
    if (!rc)
        rc = find_role(s, start->user, err);
    if (!rc)
        rc = find_database(s, start->database, err);
    if (!rc)
        rc = set_options(s, start, err);
    if (rc) {
        session_destroy(task, s);
        return rc;
    }
    s->started = true;
    report_start(s);
    s->task = NULL;
    *out = s;
    return 0;
}

void session_destroy(struct task *task, struct session *s)
{
    task_cancel_clear(task);
    s->task = task;
    txn_abort(task, s);
    portal_drop_since(task, s, 0, false);
    host_session_done(s);
    list_remove(&s->link);
    intmap_remove(&s->sql_core->by_pid, s->pid);
    for (size_t i = 0; i < s->prepared.entry_count; i++)
        if (s->prepared.entries[i].value)
            prepared_unref(s->prepared.entries[i].value);
    hashmap_done(&s->prepared);
    hashmap_done(&s->portals);
    if (s->unnamed)
        prepared_unref(s->unnamed);
    arena_done(&s->message_arena);
    arena_done(&s->txn.arena);
    session_settings_unref(s->settings);
    session_settings_unref(s->settings_session);
    session_settings_unref(s->settings_start);
    session_settings_unref(s->view_settings);
    session_settings_unref(s->reported_settings);
    catalog_unref(s->view.catalog);
    for (size_t i = 0; i < sizeof s->reported / sizeof *s->reported; i++)
        free(s->reported[i]);
    atomic_fetch_sub(&s->node->n_sessions, 1);
    free(s);
}

/* ---- what a statement looks at ---- */

struct path_walk {
    struct session *s;
    uint32_t n;
};

static void add_schema(void *ctx, const char *name)
{
    struct path_walk *w = ctx;
    struct session *s = w->s;
    if (strcmp(name, "$user") == 0)
        name = s->role;
    uint32_t oid = catalog_view_namespace(&s->view, name);
    for (uint32_t i = 0; i < w->n; i++)
        if (s->search_path[i] == oid)
            return;
    if (oid && w->n < sizeof s->search_path / sizeof *s->search_path)
        s->search_path[w->n++] = oid;
}

int session_view_refresh(struct task *task, struct session *s, struct err *err)
{
    struct session_txn *t = &s->txn;
    uint64_t number = node_catalog_number(s->node->catalog);
    bool same = s->view_number == number && s->view_settings == s->settings &&
                s->view_role == s->role_oid && s->view.overlay == t->overlay &&
                catalog_overlay_empty(t->overlay);
    if (same)
        return 0;
    struct catalog *c = node_catalog_get(s->node->catalog, &number);
    if (!c)
        return err_set(err, ERR_CANNOT_CONNECT_NOW, "the catalog is not loaded yet");
    catalog_unref(s->view.catalog);
    s->view = (struct catalog_view){
        .catalog = c, .overlay = t->overlay, .db_oid = s->db_oid, .role_oid = s->role_oid};
    struct path_walk walk = {.s = s};
    session_settings_list(s->settings->s.search_path, add_schema, &walk);
    s->view.search_path = s->search_path;
    s->view.n_search_path = walk.n;
    s->view_number = number;
    session_settings_unref(s->view_settings);
    s->view_settings = session_settings_ref(s->settings);
    s->view_role = s->role_oid;
    s->view_stamp++;
    return 0;
}

static void estimate_size(void *ctx, const struct kv_schema *schema, uint64_t *rows,
                          uint64_t *bytes)
{
    kv_size_est(ctx, schema, rows, bytes);
}

void session_planner_options(struct session *s, const struct type_env *env, const char *text,
                             size_t len, struct planner_options *out)
{
    *out = (struct planner_options){.view = &s->view,
                                    .env = env,
                                    .text = text,
                                    .text_len = len,
                                    .unnest = s->settings->s.unnest_subqueries,
                                    .remote = s->node->remote != NULL,
                                    .size_est = estimate_size,
                                    .ctx = s->node->kv,
                                    .role_name = s->role,
                                    .database_name = s->database,
                                    .session_role_name = s->session_role};
}

int64_t session_clock(struct session *s)
{
    return (int64_t)(env_wall_us(s->node->env) - SQL_EPOCH_US);
}

/* Eighths of a microsecond of the node's clock, never twice, and the node's id: 57 + 6 bits. */
uint64_t session_row_id(void *sql_node)
{
    struct sql_node *node = sql_node;
    uint64_t now = (hlc_micros(hlc_now(store_hlc(node->store))) - UINT64_C(1577836800000000)) << 3;
    uint64_t last = atomic_load(&node->next_row_id), next;
    do {
        next = now > last ? now : last + 1;
    } while (!atomic_compare_exchange_weak(&node->next_row_id, &last, next));
    return (next & ((UINT64_C(1) << 57) - 1)) << 6 | (kv_self(node->kv) & 63);
}

/* ---- messages to the client ---- */

void session_notice_err(struct session *s, const char *severity, const struct err *notice)
{
    static const char *const levels[] = {"DEBUG",  "DEBUG", "DEBUG",   "DEBUG", "DEBUG",
                                         "NOTICE", "LOG",   "WARNING", "ERROR"};
    int level = 4;
    for (int i = 0; i < 9; i++)
        if (strcmp(levels[i], severity) == 0)
            level = i;
    bool always = strcmp(severity, "INFO") == 0;
    if (always || level >= s->settings->s.client_min_messages)
        s->client->ops->error(s->client, notice, severity);
}

void session_notice(struct session *s, const char *severity, enum err_code code, const char *fmt,
                    ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    struct err notice;
    err_set(&notice, code, "%s", text);
    session_notice_err(s, severity, &notice);
}

int session_unsupported(struct err *err, const char *what)
{
    return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "%s is not supported", what);
}

/* ---- activity ---- */

void session_activity_begin(struct task *task, struct session *s, const char *text, size_t len)
{
    s->task = task;
    s->activity = SESSION_ACTIVE;
    s->statement_count++;
    s->statement_us = s->activity_us = env_wall_us(s->node->env);
    size_t n = len < sizeof s->statement_text - 1 ? len : sizeof s->statement_text - 1;
    memcpy(s->statement_text, text, n);
    s->statement_text[n] = 0;
    session_timeout_start(task, s);
}

void session_timeout_start(struct task *task, struct session *s)
{
    int64_t ms = s->settings->s.statement_timeout;
    mono_ns deadline = ms ? env_mono_ns(s->node->env) + (uint64_t)ms * 1000000 : TASK_FOREVER;
    if (ms || task->deadline != TASK_FOREVER)
        task_deadline_set(task, deadline, ERR_QUERY_CANCELED,
                          "canceling statement due to statement timeout");
}

void session_activity_end(struct session *s)
{
    if (s->task) {
        if (s->task->deadline != TASK_FOREVER)
            task_deadline_set(s->task, TASK_FOREVER, ERR_QUERY_CANCELED, "");
        task_cancel_clear(s->task);
    }
    s->activity = SESSION_IDLE;
    s->activity_us = env_wall_us(s->node->env);
}

/* ---- the others ---- */

struct list_call {
    struct session_info *infos;
    uint32_t n, capacity;
    struct arena *arena;
};

static void describe_session(const struct session *s, struct session_info *out)
{
    *out = (struct session_info){.pid = s->pid,
                                 .db_oid = s->db_oid,
                                 .role_oid = s->session_role_oid,
                                 .connected_us = s->connected_us,
                                 .transaction_us = s->transaction_us,
                                 .statement_us = s->statement_us,
                                 .activity_us = s->activity_us};
    memcpy(out->database, s->database, sizeof out->database);
    memcpy(out->role, s->session_role, sizeof out->role);
    memcpy(out->client_address, s->client_address, sizeof out->client_address);
    memcpy(out->query, s->statement_text, sizeof out->query);
    snprintf(out->application_name, sizeof out->application_name, "%.63s",
             s->settings->s.application_name);
    snprintf(out->state, sizeof out->state, "%s",
             s->activity == SESSION_ACTIVE ? "active"
             : s->txn.block == TXN_BLOCK   ? "idle in transaction"
             : s->txn.block == TXN_FAILED  ? "idle in transaction (aborted)"
                                           : "idle");
}

static void list_core(struct task *task, void *arg)
{
    struct list_call *call = arg;
    struct sql_core *core = sql_core_of(task->core);
    list_each(struct session, s, &core->sessions, link)
    {
        if (call->n == call->capacity) {
            uint32_t capacity = call->capacity ? call->capacity * 2 : 64;
            struct session_info *more = arena_array(call->arena, struct session_info, capacity);
            if (call->n)
                memcpy(more, call->infos, call->n * sizeof *more);
            call->infos = more;
            call->capacity = capacity;
        }
        describe_session(s, &call->infos[call->n++]);
    }
}

static int compare_infos(const void *a, const void *b)
{
    uint32_t x = ((const struct session_info *)a)->pid, y = ((const struct session_info *)b)->pid;
    return x < y ? -1 : x > y;
}

int session_list(struct task *task, struct sql_node *node, struct arena *arena,
                 struct session_info **out, uint32_t *n, struct err *err)
{
    struct list_call call = {.arena = arena};
    for (uint32_t i = 0; i < node->runtime->core_count; i++)
        core_call(task, node->runtime->cores[i], TASK_TXN, list_core, &call);
    if (call.n)
        qsort(call.infos, call.n, sizeof *call.infos, compare_infos);
    *out = call.infos;
    *n = call.n;
    return 0;
}

struct cancel_call {
    uint32_t pid, secret;
    bool check_secret, terminate, found;
};

static void cancel_there(struct task *task, void *arg)
{
    struct cancel_call *call = arg;
    struct session *s = intmap_get(&sql_core_of(task->core)->by_pid, call->pid);
    if (!s || (call->check_secret && s->secret != call->secret))
        return;
    call->found = true;
    if (call->terminate) {
        s->terminate = true;
        s->client->ops->terminate(s->client);
    }
    if (s->task && s->activity == SESSION_ACTIVE) {
        if (call->terminate)
            task_cancel(s->task, ERR_ADMIN_SHUTDOWN,
                        "terminating connection due to administrator command");
        else
            task_cancel(s->task, ERR_QUERY_CANCELED, "canceling statement due to user request");
    }
}

bool session_cancel(struct task *task, struct sql_node *node, uint32_t pid, uint32_t secret,
                    bool check_secret, bool terminate)
{
    struct cancel_call call = {
        .pid = pid, .secret = secret, .check_secret = check_secret, .terminate = terminate};
    core_call(task, node->runtime->cores[pid % node->runtime->core_count], TASK_TXN, cancel_there,
              &call);
    return call.found;
}
