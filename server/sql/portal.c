/* portal.c: running plans: open, pull, deliver, store, retry. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/sql/sql_int.h"

/* ---- making and dropping ---- */

struct portal *portal_find(struct session *s, const char *name)
{
    return hashmap_get(&s->portals, name, strlen(name));
}

static struct portal *new_portal(struct session *s, const char *name)
{
    struct arena arena;
    arena_init(&arena, NULL);
    struct portal *p = arena_new(&arena, struct portal);
    p->arena = arena;
    p->name = name ? arena_strdup(&p->arena, name) : NULL;
    p->account = (struct mem_account){
        .parent = &s->account, .limit_bytes = (uint64_t)s->settings->s.statement_mem_limit * 1024};
    p->number = s->portal_count++;
    return p;
}

int portal_create(struct task *task, struct session *s, const char *name, struct portal **out,
                  struct err *err)
{
    struct portal *old = portal_find(s, name);
    if (old && *name)
        return err_set(err, ERR_DUPLICATE_CURSOR, "cursor \"%s\" already exists", name);
    if (old)
        portal_drop(task, s, old);
    struct portal *p = new_portal(s, name);
    hashmap_put(&s->portals, p->name, strlen(p->name), p);
    *out = p;
    return 0;
}

int portal_create_internal(struct session *s, struct cached_plan *take_plan, struct portal **out)
{
    struct portal *p = new_portal(s, NULL);
    p->plan = take_plan;
    portal_set_formats(p, &take_plan->shape, NULL, 0);
    *out = p;
    return 0;
}

int portal_set_params(struct session *s, struct portal *p, const struct datum *params, uint32_t n)
{
    p->params = arena_array(&p->arena, struct datum, n + 1);
    p->n_params = n;
    for (uint32_t i = 0; i < n; i++)
        p->params[i] = datum_copy(&params[i], &p->arena);
    return 0;
}

void portal_set_formats(struct portal *p, const struct result_shape *shape, const int16_t *formats,
                        uint32_t n)
{
    p->shape.n = shape->n;
    p->shape.columns = arena_array(&p->arena, struct result_column, shape->n + 1);
    for (uint32_t i = 0; i < shape->n; i++) {
        p->shape.columns[i] = shape->columns[i];
        p->shape.columns[i].name = arena_strdup(&p->arena, shape->columns[i].name);
        p->shape.columns[i].format = n == 0 ? 0 : n == 1 ? formats[0] : i < n ? formats[i] : 0;
    }
}

static void close_exec(struct task *task, struct portal *p)
{
    if (!p->exec)
        return;
    exec_set_task(p->exec, task);
    task_mask(task);
    exec_close(p->exec);
    task_unmask(task);
    p->exec = NULL;
}

static void drop_stored(struct portal *p)
{
    for (uint64_t i = 0; i < p->n_stored; i++)
        batch_destroy(p->stored[i]);
    free(p->stored);
    p->stored = NULL;
    p->n_stored = p->stored_capacity = p->stored_rows = 0;
}

static void release_run(struct task *task, struct portal *p)
{
    close_exec(task, p);
    catalog_unref(p->view.catalog);
    p->view.catalog = NULL;
}

void portal_drop(struct task *task, struct session *s, struct portal *p)
{
    if (p->name && hashmap_get(&s->portals, p->name, strlen(p->name)) == p)
        hashmap_remove(&s->portals, p->name, strlen(p->name));
    drop_stored(p);
    release_run(task, p);
    cached_plan_unref(p->plan);
    if (p->prepared)
        prepared_unref(p->prepared);
    struct arena arena = p->arena;
    arena_done(&arena);
}

void portal_drop_since(struct task *task, struct session *s, uint64_t first, bool keep_held)
{
    for (size_t i = 0; i < s->portals.entry_count; i++) {
        struct portal *p = s->portals.entries[i].value;
        if (!p || p->pinned || p->number < first)
            continue;
        bool outlives =
            p->hold && p->state == PORTAL_DONE && (keep_held || p->number < s->txn.portals);
        if (!outlives)
            portal_drop(task, s, p);
    }
    if (!s->portals.count)
        hashmap_clear(&s->portals);
}

/* ---- opening ---- */

static void take_view(struct session *s, struct portal *p)
{
    p->view = s->view;
    p->view.catalog = catalog_ref(s->view.catalog);
    p->view.search_path =
        arena_memdup(&p->arena, s->view.search_path, s->view.n_search_path * sizeof(uint32_t) + 4);
}

static int check_read_only(struct session *s, const struct cached_plan *plan, struct err *err)
{
    static const char *const names[] = {"SELECT FOR UPDATE", "INSERT", "UPDATE", "DELETE"};
    if (s->txn.read_only && !(plan->flags & PLAN_READ_ONLY))
        return err_set(err, ERR_READ_ONLY_SQL_TRANSACTION,
                       "cannot execute %s in a read-only transaction", names[plan->command]);
    return 0;
}

/* Plan (again when objects changed under it) and weak locks on what it uses. */
static int settle_plan(struct task *task, struct session *s, struct portal *p, struct err *err)
{
    for (;;) {
        int rc = session_view_refresh(task, s, err);
        if (!rc && p->prepared) {
            cached_plan_unref(p->plan);
            p->plan = NULL;
            rc = plan_get(task, s, p->prepared, &p->plan, err);
        }
        if (!rc)
            rc = check_read_only(s, p->plan, err);
        bool stale = false;
        enum ddl_lock_mode mode =
            p->plan && !(p->plan->flags & PLAN_READ_ONLY) ? DDL_ROW_EXCLUSIVE : DDL_ACCESS_SHARE;
        if (!rc)
            rc = ddl_use(task, s, p->plan->depends, p->plan->n_depends, mode, &stale, err);
        if (rc || !stale)
            return rc;
        if (!p->prepared)
            return err_set(err, ERR_OBJECT_IN_USE,
                           "an object changed while the statement was being prepared");
    }
}

static int check_shape(const struct portal *p, struct err *err)
{
    const struct result_shape *now = &p->plan->shape;
    bool same = now->n == p->shape.n;
    for (uint32_t i = 0; same && i < now->n; i++)
        same = now->columns[i].type_oid == p->shape.columns[i].type_oid;
    if (!same)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "cached plan must not change result type");
    return 0;
}

int portal_open(struct task *task, struct session *s, struct portal *p, struct err *err)
{
    int rc = settle_plan(task, s, p, err);
    if (!rc)
        rc = check_shape(p, err);
    if (rc)
        return rc;
    s->txn.ran_statement = true;
    struct kv_txn *kv = session_kv(s);
    uint32_t n;
    const struct kv_schema *const *schemas = exec_plan_schemas(p->plan->exec, &n);
    rc = kv_stmt_begin(task, kv, schemas, n, &p->read, err);
    if (rc)
        return rc;
    take_view(s, p);
    session_host_init(&p->host, s, &p->view, session_clock(s));
    p->host.read = &p->read;
    struct exec_env env = {.task = task,
                           .kv = s->node->kv,
                           .txn = kv,
                           .read = &p->read,
                           .params = p->params,
                           .n_params = p->n_params,
                           .host = &p->host.host,
                           .view = &p->view,
                           .system = &p->host.system,
                           .remote = s->node->remote,
                           .account = &p->account,
                           .row_id = session_row_id,
                           .timing = p->timing,
                           .source = p->source,
                           .source_ctx = p->source_ctx,
                           .row_id_ctx = s->node};
    rc = exec_open(p->plan->exec, &env, &p->exec, err);
    if (rc) {
        release_run(task, p);
        return rc;
    }
    p->state = PORTAL_OPEN;
    return 0;
}

/* ---- pulling ---- */

static int deliver(struct task *task, struct session *s, struct portal *p,
                   const struct row_target *target, struct batch *batch, struct err *err)
{
    if (target->to_client)
        return s->client->ops->rows(task, s->client, &p->host.host.env, target->shape, batch, err);
    return target->each ? target->each(target->ctx, batch, err) : 0;
}

static void store_batch(struct portal *p, struct batch *take_batch)
{
    if (p->n_stored == p->stored_capacity) {
        p->stored_capacity = p->stored_capacity ? p->stored_capacity * 2 : 8;
        p->stored = realloc(p->stored, p->stored_capacity * sizeof *p->stored);
    }
    p->stored[p->n_stored++] = take_batch;
    p->stored_rows += take_batch->n_rows;
}

/* Pulls until `rows` are stored (UINT64_MAX: all). */
static int store_until(struct task *task, struct portal *p, uint64_t rows, struct err *err)
{
    while (p->exec && p->stored_rows < rows) {
        struct batch *batch;
        uint64_t want = rows - p->stored_rows;
        int rc = exec_next(p->exec, want < BATCH_ROWS ? (uint32_t)want : BATCH_ROWS, &batch, err);
        if (rc)
            return rc;
        if (!batch) {
            p->affected = exec_affected(p->exec);
            close_exec(task, p);
            p->state = PORTAL_DONE;
            break;
        }
        struct batch *copy = batch_compact(batch, &p->account);
        batch_destroy(batch);
        store_batch(p, copy);
        if (p->account.over_limit)
            return err_set(err, ERR_OUT_OF_MEMORY,
                           "out of memory: the statement's limit was reached");
    }
    return 0;
}

/* Stored rows [from, from + n), forward or backward, as batches of a selection each. */
static int deliver_stored(struct task *task, struct session *s, struct portal *p,
                          const struct row_target *target, uint64_t from, uint64_t n,
                          struct err *err)
{
    uint16_t sel[BATCH_ROWS];
    uint64_t first = 0;
    for (uint64_t i = 0; i < p->n_stored && n; i++) {
        struct batch *b = p->stored[i];
        if (from < first + b->n_rows) {
            uint32_t k = 0;
            for (uint64_t row = from - first; row < b->n_rows && n; row++, n--, from++)
                sel[k++] = (uint16_t)row;
            struct batch part = *b;
            part.sel = sel;
            part.n_sel = k;
            int rc = deliver(task, s, p, target, &part, err);
            if (rc)
                return rc;
        }
        first += b->n_rows;
    }
    return 0;
}

static int run_stored(struct task *task, struct session *s, struct portal *p,
                      const struct row_target *target, uint64_t rows_max, bool *done,
                      uint64_t *rows, struct err *err)
{
    int rc = store_until(
        task, p, p->plan->flags & PLAN_READ_ONLY && rows_max ? p->position + rows_max : UINT64_MAX,
        err);
    if (rc)
        return rc;
    uint64_t left = p->stored_rows > p->position ? p->stored_rows - p->position : 0;
    uint64_t n = rows_max && rows_max < left ? rows_max : left;
    rc = deliver_stored(task, s, p, target, p->position, n, err);
    if (rc)
        return rc;
    p->position += n;
    p->sent_any |= n > 0;
    *rows = n;
    *done = !p->exec && (!rows_max || n < rows_max);
    return 0;
}

int portal_run(struct task *task, struct session *s, struct portal *p,
               const struct row_target *target, uint64_t rows_max, bool *done, uint64_t *rows,
               struct err *err)
{
    *rows = 0;
    *done = true;
    if (p->exec)
        exec_set_task(p->exec, task);
    if (p->stores)
        return run_stored(task, s, p, target, rows_max, done, rows, err);
    while (p->exec) {
        uint64_t want = rows_max ? rows_max - *rows : BATCH_ROWS;
        if (!want) {
            *done = false;
            return 0;
        }
        struct batch *batch;
        int rc = exec_next(p->exec, want < BATCH_ROWS ? (uint32_t)want : BATCH_ROWS, &batch, err);
        if (rc)
            return rc;
        if (!batch) {
            p->affected = exec_affected(p->exec);
            break;
        }
        *rows += batch_count(batch);
        p->position += batch_count(batch);
        rc = deliver(task, s, p, target, batch, err);
        batch_destroy(batch);
        p->sent_any = true;
        if (rc)
            return rc;
        if (p->account.over_limit)
            return err_set(err, ERR_OUT_OF_MEMORY,
                           "out of memory: the statement's limit was reached");
    }
    release_run(task, p);
    p->state = PORTAL_DONE;
    return 0;
}

/* ---- again ---- */

enum { RETRIES_MAX = 200 };

static int wait_before_retry(struct task *task, int attempt, struct err *err)
{
    if (attempt < 2)
        return task_check(task, err);
    uint64_t ms = (uint64_t)(attempt < 20 ? attempt : 20);
    return task_sleep(task, ms * 1000000, err);
}

/* What must be undone before the statement may run again; false: it may not. */
static bool prepare_retry(struct task *task, struct session *s, struct portal *p,
                          enum kv_retry retry, bool began, bool commit, struct err *err)
{
    struct err trouble;
    if (retry == KV_RETRY_TXN) {
        if (!commit || txn_in_block(s))
            return false;
        struct kv_txn *kv = s->txn.kv;
        s->txn.kv = NULL;
        if (kv)
            kv_abort(task, kv);
        return true;
    }
    if (retry == KV_RETRY_NONE || !s->txn.kv)
        return false;
    if (began && kv_rollback_to(task, s->txn.kv, p->read.read_seq, &trouble))
        return false;
    if (retry == KV_RETRY_SCHEMA) {
        if (node_catalog_load(task, s->node, &trouble))
            return false;
        s->view_stamp++;
    }
    return true;
}

static int run_once(struct task *task, struct session *s, struct portal *p,
                    const struct row_target *target, uint64_t rows_max, bool *done, uint64_t *rows,
                    bool *began, struct err *err)
{
    *began = false;
    int rc = 0;
    if (p->state == PORTAL_NEW) {
        rc = portal_open(task, s, p, err);
        *began = p->state == PORTAL_OPEN;
    } else {
        *began = true;
    }
    return rc ? rc : portal_run(task, s, p, target, rows_max, done, rows, err);
}

int portal_run_retrying(struct task *task, struct session *s, struct portal *p,
                        const struct row_target *target, uint64_t rows_max, bool commit, bool *done,
                        uint64_t *rows, struct err *err)
{
    bool fresh = p->state == PORTAL_NEW;
    uint64_t mark = target->to_client ? s->client->ops->mark(s->client) : 0;
    for (int attempt = 0;; attempt++) {
        bool began;
        int rc = run_once(task, s, p, target, rows_max, done, rows, &began, err);
        if (!rc)
            return 0;
        enum kv_retry retry = s->txn.kv ? kv_txn_retry(s->txn.kv) : KV_RETRY_NONE;
        bool retriable = err->code == ERR_SERIALIZATION_FAILURE ||
                         err->code == ERR_DEADLOCK_DETECTED || retry == KV_RETRY_STATEMENT ||
                         retry == KV_RETRY_SCHEMA;
        if (!fresh || !retriable || attempt >= RETRIES_MAX || err->code == ERR_DEADLOCK_DETECTED ||
            (!target->to_client && target->each && *rows))
            return rc;
        if (target->to_client && !s->client->ops->rewind(s->client, mark))
            return rc;
        release_run(task, p);
        drop_stored(p);
        struct err why = *err;
        if (!prepare_retry(task, s, p, retry, began, commit, err)) {
            *err = why;
            return rc;
        }
        p->state = PORTAL_NEW;
        p->position = 0;
        rc = wait_before_retry(task, attempt, err);
        if (rc)
            return rc;
    }
}

/* ---- cursors ---- */

/* Before the commit that a held cursor outlives: everything it has left is stored. */
static int hold(struct task *task, struct session *s, struct portal *p, struct err *err)
{
    int rc = 0;
    if (p->exec)
        exec_set_task(p->exec, task);
    if (!p->stores && p->position) {
        /* Rows already given can never be fetched again: the store starts behind them. */
        p->position = 0;
        p->no_scroll = true;
    }
    p->stores = true;
    rc = store_until(task, p, UINT64_MAX, err);
    if (!rc) {
        release_run(task, p);
        p->state = PORTAL_DONE;
    }
    return rc;
}

int portal_hold_all(struct task *task, struct session *s, struct err *err)
{
    for (size_t i = 0; i < s->portals.entry_count; i++) {
        struct portal *p = s->portals.entries[i].value;
        if (p && p->hold && p->state == PORTAL_OPEN) {
            int rc = hold(task, s, p, err);
            if (rc)
                return rc;
        }
    }
    return 0;
}

static int fetch_backward_refused(struct err *err)
{
    err_set(err, ERR_OBJECT_NOT_IN_PREREQUISITE_STATE, "cursor can only scan forward");
    return err_hint(err, "Declare it with SCROLL option to enable backward scan.");
}

/* A scrollable cursor is on a row 1 .. n, before the first (0) or behind the last (n + 1). Gives
 * one row or none and stands there. */
static int fetch_at(struct task *task, struct session *s, struct portal *p, int64_t at,
                    const struct row_target *target, uint64_t *rows, struct err *err)
{
    *rows = 0;
    int rc = store_until(task, p, at < 0 ? UINT64_MAX : (uint64_t)at, err);
    if (rc)
        return rc;
    if (at < 0)
        at = (int64_t)p->stored_rows + 1 + at;
    if (at < 1) {
        p->position = 0;
        return 0;
    }
    if ((uint64_t)at > p->stored_rows) {
        p->position = p->stored_rows + 1;
        return 0;
    }
    p->position = (uint64_t)at;
    *rows = 1;
    return deliver_stored(task, s, p, target, (uint64_t)at - 1, 1, err);
}

static int fetch_backward(struct task *task, struct session *s, struct portal *p, int64_t count,
                          const struct row_target *target, uint64_t *rows, struct err *err)
{
    *rows = 0;
    while (count-- > 0 && p->position > 0) {
        uint64_t one;
        int rc = fetch_at(task, s, p, (int64_t)p->position - 1, target, &one, err);
        *rows += one;
        if (rc || !one)
            return rc;
    }
    return 0;
}

static int fetch_forward_stored(struct task *task, struct session *s, struct portal *p,
                                int64_t count, const struct row_target *target, uint64_t *rows,
                                struct err *err)
{
    uint64_t upto = count == INT64_MAX ? UINT64_MAX : p->position + (uint64_t)count;
    int rc = store_until(task, p, upto, err);
    if (rc)
        return rc;
    uint64_t left = p->stored_rows > p->position ? p->stored_rows - p->position : 0;
    *rows = (uint64_t)count < left ? (uint64_t)count : left;
    rc = deliver_stored(task, s, p, target, p->position, *rows, err);
    p->position = *rows < (uint64_t)count ? p->stored_rows + 1 : p->position + *rows;
    return rc;
}

int portal_fetch(struct task *task, struct session *s, struct portal *p, uint8_t dir, int64_t count,
                 const struct row_target *target, uint64_t *rows, struct err *err)
{
    *rows = 0;
    if (p->exec)
        exec_set_task(p->exec, task);
    if (count < 0 && (dir == AST_FETCH_FORWARD || dir == AST_FETCH_BACKWARD)) {
        dir = dir == AST_FETCH_FORWARD ? AST_FETCH_BACKWARD : AST_FETCH_FORWARD;
        count = count == INT64_MIN ? INT64_MAX : -count;
    }
    if (!p->stores) {
        bool done;
        bool forward = dir == AST_FETCH_FORWARD && count > 0;
        bool relative = dir == AST_FETCH_RELATIVE && count == 1;
        if (!forward && !relative)
            return fetch_backward_refused(err);
        if (p->state == PORTAL_DONE)
            return 0;
        return portal_run(task, s, p, target, count == INT64_MAX ? 0 : (uint64_t)count, &done, rows,
                          err);
    }
    bool reverse = dir == AST_FETCH_BACKWARD || count < 0 || dir == AST_FETCH_ABSOLUTE;
    if (p->no_scroll && (reverse || count == 0))
        return fetch_backward_refused(err);
    if (dir == AST_FETCH_ABSOLUTE)
        return fetch_at(task, s, p, count, target, rows, err);
    if (dir == AST_FETCH_RELATIVE || count == 0) {
        int64_t at = (int64_t)p->position + count;
        return fetch_at(task, s, p, at < 0 ? 0 : at, target, rows, err);
    }
    if (dir == AST_FETCH_BACKWARD)
        return fetch_backward(task, s, p, count, target, rows, err);
    return fetch_forward_stored(task, s, p, count, target, rows, err);
}

void portal_tag(const struct portal *p, uint64_t rows, char tag[96])
{
    uint64_t n = p->affected;
    switch ((enum plan_command)p->plan->command) {
    case PLAN_SELECT:
        snprintf(tag, 96, "SELECT %llu", (unsigned long long)rows);
        break;
    case PLAN_INSERT:
        snprintf(tag, 96, "INSERT 0 %llu", (unsigned long long)n);
        break;
    case PLAN_UPDATE:
        snprintf(tag, 96, "UPDATE %llu", (unsigned long long)n);
        break;
    case PLAN_DELETE:
        snprintf(tag, 96, "DELETE %llu", (unsigned long long)n);
        break;
    }
}
