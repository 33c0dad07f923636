#include "server/sql/host.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/sql/host_int.h"
#include "server/sql/sequence.h"
#include "types/type/array.h"

#define EPOCH_US UINT64_C(946684800000000)

/* ---- answers ---- */

void answer_null(struct host_answer *a)
{
    a->out->null = true;
}

void answer_text(struct host_answer *a, const char *text)
{
    a->out->null = !text;
    if (text)
        a->out->u.bytes = view_copy(a->arena, text, (uint32_t)strlen(text));
}

void answer_buf(struct host_answer *a, struct buf *take_text)
{
    a->out->null = false;
    a->out->u.bytes = view_copy(a->arena, take_text->data, (uint32_t)take_text->len);
    buf_done(take_text);
}

void answer_bool(struct host_answer *a, bool value)
{
    a->out->null = false;
    a->out->u.b = value;
}

void answer_int(struct host_answer *a, int64_t value)
{
    a->out->null = false;
    if (a->out->kind == PHYS_INT32)
        a->out->u.i32 = (int32_t)value;
    else if (a->out->kind == PHYS_INT16)
        a->out->u.i16 = (int16_t)value;
    else
        a->out->u.i64 = value;
}

uint32_t arg_oid(const struct host_answer *a, uint32_t i)
{
    return (uint32_t)a->args[i].u.i64;
}

const char *arg_text(const struct host_answer *a, uint32_t i)
{
    const struct bytes_view *v = &a->args[i].u.bytes;
    char *text = arena_alloc(a->arena, v->len + 1);
    memcpy(text, view_data(v), v->len);
    text[v->len] = 0;
    return text;
}

/* ---- session ---- */

static const char *first_schema(const struct host_answer *a)
{
    for (uint32_t i = 0; i < a->view->n_search_path; i++)
        if (catalog_view_namespace_name(a->view, a->view->search_path[i]))
            return catalog_view_namespace_name(a->view, a->view->search_path[i]);
    return NULL;
}

static void answer_schemas(struct host_answer *a)
{
    struct array_builder b;
    array_begin(&b, TYPE_NAME);
    bool implicit = a->args[0].u.b, listed = false;
    for (uint32_t i = 0; i < a->view->n_search_path; i++)
        listed |= a->view->search_path[i] == OID_PG_CATALOG;
    if (implicit && !listed) {
        struct datum d = datum_bytes("pg_catalog", 10);
        array_add(&b, &d);
    }
    for (uint32_t i = 0; i < a->view->n_search_path; i++) {
        const char *name = catalog_view_namespace_name(a->view, a->view->search_path[i]);
        if (!name)
            continue;
        struct datum d = datum_bytes(name, (uint32_t)strlen(name));
        array_add(&b, &d);
    }
    *a->out = array_end(&b, a->arena);
}

static int answer_setting(struct host_answer *a, bool missing_ok, struct err *err)
{
    struct buf out = {0};
    const char *name = arg_text(a, 0);
    if (session_settings_show(a->host->session->settings, name, &out, NULL)) {
        answer_buf(a, &out);
        return 0;
    }
    buf_done(&out);
    if (!missing_ok)
        return err_set(err, ERR_UNDEFINED_OBJECT, "unrecognized configuration parameter \"%s\"", name);
    answer_null(a);
    return 0;
}

static int answer_set_config(struct host_answer *a, struct err *err)
{
    struct session *s = a->host->session;
    struct buf out = {0};
    if (a->args[0].null)
        return err_set(err, ERR_NULL_VALUE_NOT_ALLOWED, "SET requires parameter name");
    const char *name = arg_text(a, 0);
    int rc = session_setting_set(s, name, a->args[1].null ? NULL : arg_text(a, 1), !a->args[2].null && a->args[2].u.b, err);
    if (rc)
        return rc;
    (void)session_settings_show(s->settings, name, &out, NULL);
    answer_buf(a, &out);
    return 0;
}

static int session_call(struct host_answer *a, enum host_func func, struct err *err)
{
    struct session *s = a->host->session;
    int64_t value = 0;
    int rc;
    switch (func) {
    case HOST_CURRENT_DATABASE:
        answer_text(a, s->database);
        return 0;
    case HOST_CURRENT_SCHEMA:
        answer_text(a, first_schema(a));
        return 0;
    case HOST_CURRENT_SCHEMAS:
        answer_schemas(a);
        return 0;
    case HOST_CURRENT_USER:
    case HOST_GETPGUSERNAME:
        answer_text(a, s->role);
        return 0;
    case HOST_SESSION_USER:
        answer_text(a, s->session_role);
        return 0;
    case HOST_VERSION:
        answer_text(a, "PostgreSQL " CAIRN_VERSION_PG " on x86_64-pc-linux-gnu, compiled by gcc, 64-bit");
        return 0;
    case HOST_PG_BACKEND_PID:
        answer_int(a, s->pid);
        return 0;
    case HOST_PG_POSTMASTER_START_TIME:
        answer_int(a, (int64_t)(s->node->boot_us - EPOCH_US));
        return 0;
    case HOST_PG_IS_IN_RECOVERY:
        answer_bool(a, false);
        return 0;
    case HOST_TXID_CURRENT:
    case HOST_PG_CURRENT_XACT_ID:
        answer_int(a, (int64_t)kv_txn_id_of(session_kv(s)).number);
        return 0;
    case HOST_TXID_CURRENT_IF_ASSIGNED:
        if (s->txn.kv)
            answer_int(a, (int64_t)kv_txn_id_of(s->txn.kv).number);
        else
            answer_null(a);
        return 0;
    case HOST_CURRENT_SETTING:
        return answer_setting(a, false, err);
    case HOST_CURRENT_SETTING_MISSING_OK:
        return answer_setting(a, a->args[1].u.b, err);
    case HOST_SET_CONFIG:
        return answer_set_config(a, err);
    case HOST_INET_SERVER_ADDR:
    case HOST_INET_SERVER_PORT:
    case HOST_INET_CLIENT_ADDR:
    case HOST_INET_CLIENT_PORT:
        answer_null(a);
        return 0;
    case HOST_PG_MY_TEMP_SCHEMA:
        answer_int(a, 0);
        return 0;
    case HOST_PG_IS_OTHER_TEMP_SCHEMA:
        answer_bool(a, false);
        return 0;
    case HOST_PG_TABLESPACE_LOCATION:
        answer_text(a, "");
        return 0;
    case HOST_CURRVAL:
        rc = sequence_currval(s, a->view, arg_oid(a, 0), &value, err);
        answer_int(a, value);
        return rc;
    case HOST_LASTVAL:
        rc = sequence_lastval(s, a->view, &value, err);
        answer_int(a, value);
        return rc;
    case HOST_SETSEED:
        s->random_seeded = true;
        prng_init(&s->random, (uint64_t)(int64_t)(a->args[0].u.f64 * 1e15));
        return 0;
    default:
        return session_unsupported(err, "this function");
    }
}

static int host_call(struct expr_host *host, enum host_func func, const struct datum *args, uint32_t n_args, struct arena *arena,
                     struct datum *out, struct err *err)
{
    struct session_host *h = (struct session_host *)host;
    struct host_answer a = {.host = h, .view = h->view, .args = args, .n_args = n_args, .arena = arena, .out = out};
    bool handled;
    int rc = host_catalog_call(&a, func, &handled, err);
    return rc || handled ? rc : session_call(&a, func, err);
}

/* ---- what waits ---- */

static int sleep_for(struct task *task, int64_t us, struct err *err)
{
    return us > 0 ? task_sleep(task, (uint64_t)us * 1000, err) : 0;
}

static int64_t interval_us(const struct datum *d)
{
    const uint8_t *p = view_data(&d->u.bytes);
    int64_t us = (int64_t)load_le64(p), days = (int32_t)load_le32(p + 8), months = (int32_t)load_le32(p + 12);
    return us + (days + months * 30) * INT64_C(86400000000);
}

static uint64_t storage_bytes(struct sql_node *node, const struct kv_schema *schema)
{
    uint64_t rows = 0, bytes = 0;
    if (schema)
        kv_size_est(node->kv, schema, &rows, &bytes);
    return bytes;
}

static uint64_t index_bytes(struct sql_node *node, const struct cat_relation *r)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < r->n_indexes; i++)
        if (!r->indexes[i].primary)
            sum += storage_bytes(node, r->indexes[i].schema);
    return sum;
}

static void answer_size(struct host_answer *a, enum host_func func)
{
    struct sql_node *node = a->host->session->node;
    uint32_t at;
    const struct cat_object *obj = catalog_view_object(a->view, arg_oid(a, 0));
    if (!obj) {
        obj = catalog_view_index_by_oid(a->view, arg_oid(a, 0), &at);
        if (obj)
            answer_int(a, (int64_t)storage_bytes(node, obj->relation->indexes[at].schema));
        else
            answer_null(a);
        return;
    }
    if (!obj->relation) {
        answer_null(a);
        return;
    }
    uint64_t table = storage_bytes(node, obj->relation->schema), indexes = index_bytes(node, obj->relation);
    answer_int(a, (int64_t)(func == HOST_PG_INDEXES_SIZE ? indexes : func == HOST_PG_TOTAL_RELATION_SIZE ? table + indexes : table));
}

static int answer_database_size(struct host_answer *a, uint32_t db_oid)
{
    struct catalog_view inside = *a->view;
    inside.db_oid = db_oid;
    uint64_t at = 0, sum = 0;
    const struct cat_object *obj;
    while ((obj = catalog_view_next(&inside, CLASS_RELATION, &at)))
        sum += storage_bytes(a->host->session->node, obj->relation->schema) + index_bytes(a->host->session->node, obj->relation);
    answer_int(a, (int64_t)sum);
    return 0;
}

static int answer_last_value(struct task *task, struct host_answer *a, struct err *err)
{
    int64_t last;
    bool called;
    int rc = sequence_peek(task, a->host->session->node, a->view->db_oid, arg_oid(a, 0), &last, &called, err);
    if (!rc && called)
        answer_int(a, last);
    else
        answer_null(a);
    return rc;
}

static int wait_call(struct task *task, struct expr_host *host, enum host_func func, const struct datum *args, uint32_t n_args,
                     struct arena *arena, struct datum *out, struct err *err)
{
    struct session_host *h = (struct session_host *)host;
    struct session *s = h->session;
    struct host_answer a = {.host = h, .view = h->view, .args = args, .n_args = n_args, .arena = arena, .out = out};
    const struct cat_object *db;
    int64_t value = 0;
    int rc;
    switch (func) {
    case HOST_NEXTVAL:
        rc = sequence_nextval(task, s, h->view, arg_oid(&a, 0), host->rows_ahead, &value, err);
        answer_int(&a, value);
        return rc;
    case HOST_SETVAL:
    case HOST_SETVAL_CALLED:
        answer_int(&a, args[1].u.i64);
        return sequence_setval(task, s, h->view, arg_oid(&a, 0), args[1].u.i64, func == HOST_SETVAL || args[2].u.b, err);
    case HOST_PG_SEQUENCE_LAST_VALUE:
        return answer_last_value(task, &a, err);
    case HOST_PG_SLEEP:
        return sleep_for(task, (int64_t)(args[0].u.f64 * 1e6), err);
    case HOST_PG_SLEEP_FOR:
        return sleep_for(task, interval_us(&args[0]), err);
    case HOST_PG_CANCEL_BACKEND:
    case HOST_PG_TERMINATE_BACKEND:
        answer_bool(&a, session_cancel(task, s->node, (uint32_t)args[0].u.i32, 0, false, func == HOST_PG_TERMINATE_BACKEND));
        return 0;
    case HOST_PG_RELATION_SIZE:
    case HOST_PG_RELATION_SIZE_MAIN:
    case HOST_PG_TABLE_SIZE:
    case HOST_PG_INDEXES_SIZE:
    case HOST_PG_TOTAL_RELATION_SIZE:
        answer_size(&a, func);
        return 0;
    case HOST_PG_DATABASE_SIZE_ID:
        return answer_database_size(&a, arg_oid(&a, 0));
    case HOST_PG_DATABASE_SIZE_NAME:
        db = catalog_view_named(h->view, CLASS_DATABASE, 0, arg_text(&a, 0));
        if (!db)
            return err_set(err, ERR_INVALID_CATALOG_NAME, "database \"%s\" does not exist", arg_text(&a, 0));
        return answer_database_size(&a, db->oid);
    case HOST_PG_ADVISORY_UNLOCK_ALL:
        return 0;
    default:
        return session_unsupported(err, "an advisory lock");
    }
}

/* ---- the rest of the interface ---- */

static int64_t clock_now(struct expr_host *host)
{
    return session_clock(((struct session_host *)host)->session);
}

static uint64_t random_u64(struct expr_host *host)
{
    struct session *s = ((struct session_host *)host)->session;
    return prng_next(&s->random);
}

static void estimate_size(void *ctx, const struct kv_schema *schema, uint64_t *n_rows, uint64_t *bytes)
{
    kv_size_est(((struct session *)ctx)->node->kv, schema, n_rows, bytes);
}

/* pg_settings and pg_stat_activity: the session's own part (other cores' sessions need a wait, which a catalog scan has not). */
static int add_rows(void *ctx, uint32_t table_oid, struct system_rows *rows, struct err *err)
{
    struct session *s = ctx;
    if (table_oid != 12222)
        return 0;
    system_row_begin(rows);
    system_row_int(rows, "datid", s->db_oid);
    system_row_text(rows, "datname", s->database);
    system_row_int(rows, "pid", s->pid);
    system_row_int(rows, "usesysid", s->role_oid);
    system_row_text(rows, "usename", s->role);
    system_row_int(rows, "backend_start", (int64_t)(s->connected_us - EPOCH_US));
    system_row_int(rows, "xact_start", s->txn.start_us);
    system_row_int(rows, "query_start", (int64_t)(s->statement_us - EPOCH_US));
    system_row_text(rows, "state", "active");
    system_row_text(rows, "query", s->statement_text);
    system_row_text(rows, "backend_type", "client backend");
    return 0;
}

void session_host_init(struct session_host *h, struct session *s, const struct catalog_view *view, int64_t statement_us)
{
    *h = (struct session_host){.session = s, .view = view};
    h->host.env = s->type_env;
    h->host.env.names = &session_type_names;
    h->host.env.names_ctx = h;
    h->host.env.now_us = s->txn.start_us;
    h->host.stmt_now_us = statement_us;
    h->host.clock_now = clock_now;
    h->host.random_u64 = random_u64;
    h->host.call = host_call;
    h->host.wait_call = wait_call;
    h->host.ctx = s;
    h->system = (struct system_source){.ctx = s, .rows = add_rows, .size = estimate_size};
}

void host_session_done(struct session *s)
{
    sequence_session_done(s);
}
