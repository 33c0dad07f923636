/* cursor.c: DECLARE, FETCH and MOVE; PREPARE and EXECUTE; EXPLAIN. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/sql/sql_int.h"

/* A prepared statement out of a part of the message: for now with its tree and text, so that errors
 * point into the message. */
static struct prepared *prepare_node(struct utility_run *u, const char *name, struct ast_node *node)
{
    struct prepared *pr = prepared_create(name);
    pr->whole = u->text;
    pr->whole_len = u->len;
    pr->text = u->text + node->start;
    pr->len = node->end - node->start;
    pr->node = node;
    pr->parsed = pr->plannable = true;
    return pr;
}

/* From here on it lives longer than the message: its own text, to be parsed again when it must be
 * planned again. */
static void prepare_keep(struct prepared *pr)
{
    pr->text = arena_strndup(&pr->arena, pr->text, pr->len);
    pr->whole = pr->text;
    pr->whole_len = pr->len;
    pr->node = NULL;
    pr->parsed = false;
}

/* ---- cursors ---- */

int cursor_declare(struct task *task, struct utility_run *u,
                   const struct ast_declare_cursor_stmt *stmt, struct err *err)
{
    struct session *s = u->s;
    snprintf(u->tag, sizeof u->tag, "DECLARE CURSOR");
    if (!stmt->hold && !txn_in_block(s) && s->txn.block != TXN_IMPLICIT && u->last)
        return err_set(err, ERR_NO_ACTIVE_SQL_TRANSACTION,
                       "DECLARE CURSOR can only be used in transaction blocks");
    if (!ast_is(select_stmt, stmt->query))
        return err_set(err, ERR_INVALID_CURSOR_DEFINITION, "DECLARE CURSOR must specify a SELECT");
    struct portal *p;
    int rc = portal_create(task, s, stmt->name, &p, err);
    if (rc)
        return rc;
    p->prepared = prepare_node(u, "", stmt->query);
    p->query = arena_strndup(&p->arena, u->text, u->len);
    rc = plan_get(task, s, p->prepared, &p->plan, err);
    if (!rc && p->plan->n_params)
        rc = err_set(err, ERR_UNDEFINED_PARAMETER, "there is no parameter $1");
    int16_t format = stmt->binary ? 1 : 0;
    if (!rc) {
        portal_set_formats(p, &p->plan->shape, &format, 1);
        p->is_cursor = true;
        p->hold = stmt->hold;
        p->scroll = stmt->scroll;
        p->stores = stmt->scroll;
        p->binary = stmt->binary;
        rc = portal_open(task, s, p, err);
    }
    prepare_keep(p->prepared);
    if (rc)
        portal_drop(task, s, p);
    return rc;
}

int cursor_fetch(struct task *task, struct utility_run *u, const struct ast_fetch_stmt *stmt,
                 struct err *err)
{
    struct session *s = u->s;
    struct portal *p = portal_find(s, stmt->name);
    if (!p || !p->plan)
        return err_set(err, ERR_INVALID_CURSOR_NAME, "cursor \"%s\" does not exist", stmt->name);
    struct result_shape shape = p->shape;
    const struct result_shape *formats =
        u->shape && u->shape->n == shape.n && !p->binary ? u->shape : &shape;
    struct row_target target = {.to_client = !stmt->is_move, .shape = formats};
    if (u->describe && !stmt->is_move)
        s->client->ops->describe(s->client, &shape);
    uint64_t rows;
    int rc = portal_fetch(task, s, p, (uint8_t)stmt->dir, stmt->count, &target, &rows, err);
    snprintf(u->tag, sizeof u->tag, "%s %llu", stmt->is_move ? "MOVE" : "FETCH",
             (unsigned long long)rows);
    return rc;
}

/* ---- PREPARE, EXECUTE ---- */

static int bind_types(struct utility_run *u, struct prepared *pr, const struct ast_list *types,
                      struct err *err)
{
    struct planner_options options;
    struct session_host host;
    session_host_init(&host, u->s, &u->s->view, session_clock(u->s));
    session_planner_options(u->s, &host.host.env, u->text, u->len, &options);
    uint32_t n = ast_count(types);
    pr->given = arena_array(&pr->arena, uint32_t, n + 1);
    pr->types = arena_array(&pr->arena, uint32_t, n + 1);
    pr->n_given = pr->n_types = n;
    for (uint32_t i = 0; i < n; i++) {
        int32_t typmod;
        int rc = bind_type_name(&options, ast_to(type_name, types->items[i]), &pr->arena,
                                &pr->given[i], &typmod, err);
        if (rc)
            return rc;
        pr->types[i] = pr->given[i];
    }
    return 0;
}

int prepare_statement(struct task *task, struct utility_run *u, const struct ast_prepare_stmt *stmt,
                      struct err *err)
{
    struct session *s = u->s;
    snprintf(u->tag, sizeof u->tag, "PREPARE");
    if (hashmap_get(&s->prepared, stmt->name, strlen(stmt->name)))
        return err_set(err, ERR_DUPLICATE_PREPARED_STATEMENT,
                       "prepared statement \"%s\" already exists", stmt->name);
    if (!statement_is_plannable(stmt->query))
        return session_unsupported(err, "PREPARE of this statement");
    struct prepared *pr = prepare_node(u, stmt->name, stmt->query);
    pr->from_sql = true;
    pr->prepared_us = env_wall_us(s->node->env);
    int rc = bind_types(u, pr, stmt->types, err);
    struct cached_plan *plan;
    if (!rc)
        rc = plan_get(task, s, pr, &plan, err);
    if (rc) {
        prepared_unref(pr);
        return rc;
    }
    cached_plan_unref(plan);
    prepare_keep(pr);
    hashmap_put(&s->prepared, pr->name, strlen(pr->name), pr);
    return 0;
}

struct param_take {
    struct portal *portal;
    uint32_t n;
};

static int take_params(void *ctx, struct batch *batch, struct err *err)
{
    struct param_take *t = ctx;
    t->portal->params = arena_array(&t->portal->arena, struct datum, t->n + 1);
    t->portal->n_params = t->n;
    for (uint32_t i = 0; i < t->n; i++) {
        vec_flatten(&batch->cols[i], batch->sel, batch->n_sel, batch->arena);
        struct datum d = vec_datum(&batch->cols[i], batch_row(batch, 0));
        t->portal->params[i] = datum_copy(&d, &t->portal->arena);
    }
    return 0;
}

static struct ast_node *make_type_cast(struct arena *arena, struct ast_node *arg, uint32_t type)
{
    const struct type_info *info = type_info(type);
    struct ast_type_name *name = ast_new(arena, type_name);
    name->names = ast_name_list(arena, "pg_catalog", info ? info->name : "text");
    struct ast_type_cast *cast = ast_new(arena, type_cast);
    cast->arg = arg;
    cast->type = name;
    return &cast->node;
}

/* The arguments are evaluated as SELECT a::t, b::u. */
static int evaluate_params(struct task *task, struct utility_run *u, const struct ast_list *params,
                           struct prepared *pr, struct portal *p, struct err *err)
{
    uint32_t n = ast_count(params);
    if (n != pr->n_types) {
        err_set(err, ERR_SYNTAX_ERROR, "wrong number of parameters for prepared statement \"%s\"",
                pr->name);
        return err_detail(err, "Expected %u parameters but got %u.", pr->n_types, n);
    }
    if (!n)
        return 0;
    struct arena arena;
    arena_init(&arena, &u->s->account);
    struct ast_select_stmt *select = ast_new(&arena, select_stmt);
    for (uint32_t i = 0; i < n; i++) {
        struct ast_res_target *t = ast_new(&arena, res_target);
        t->val = make_type_cast(&arena, params->items[i], pr->types[i]);
        select->targets = ast_list_add(&arena, select->targets, t);
    }
    struct param_take take = {p, n};
    int rc = session_run_nested(task, u->s, &select->node, u->text, take_params, &take, NULL, err);
    arena_done(&arena);
    return rc;
}

static int run_prepared(struct task *task, struct utility_run *u, struct prepared *pr,
                        const struct ast_execute_stmt *stmt, struct err *err)
{
    struct session *s = u->s;
    struct cached_plan *plan;
    int rc = plan_get(task, s, pr, &plan, err);
    if (rc)
        return rc;
    struct portal *p;
    portal_create_internal(s, plan, &p);
    p->prepared = prepared_ref(pr);
    rc = evaluate_params(task, u, stmt->params, pr, p, err);
    if (!rc) {
        if (u->describe && p->shape.n)
            s->client->ops->describe(s->client, &p->shape);
        const struct result_shape *shape =
            u->shape && u->shape->n == p->shape.n ? u->shape : &p->shape;
        struct row_target target = {.to_client = true, .shape = shape};
        bool done;
        uint64_t rows;
        rc = portal_run_retrying(task, s, p, &target, 0,
                                 u->last && u->top_level && !txn_in_block(s) && !stmt->params,
                                 &done, &rows, err);
        if (!rc)
            portal_tag(p, rows, u->tag);
    }
    portal_drop(task, s, p);
    return rc;
}

int prepare_execute(struct task *task, struct utility_run *u, const struct ast_execute_stmt *stmt,
                    struct err *err)
{
    struct prepared *pr = prepared_find(u->s, stmt->name, err);
    if (!pr)
        return err->code;
    if (!pr->plannable)
        return session_unsupported(err, "EXECUTE of a statement that is no query");
    prepared_ref(pr);
    int rc = run_prepared(task, u, pr, stmt, err);
    prepared_unref(pr);
    return rc;
}

/* ---- EXPLAIN ---- */

struct explain_options {
    bool analyze, costs, timing, summary;
};

static bool option_is_on(const struct ast_def_elem *e)
{
    if (!e->arg)
        return true;
    if (ast_is(a_const, e->arg)) {
        const struct ast_a_const *c = ast_to(a_const, e->arg);
        if (c->kind == AST_CONST_INT || c->kind == AST_CONST_BOOL)
            return c->ival != 0;
        return !c->text || (strcasecmp(c->text, "off") && strcasecmp(c->text, "false"));
    }
    const char *word = ast_is(string, e->arg) ? ast_to(string, e->arg)->text : "";
    return strcasecmp(word, "off") && strcasecmp(word, "false");
}

static int read_explain_options(const struct ast_explain_stmt *stmt, struct explain_options *o,
                                struct err *err)
{
    *o = (struct explain_options){.costs = true, .timing = true};
    bool summary_given = false;
    for (uint32_t i = 0; i < ast_count(stmt->options); i++) {
        const struct ast_def_elem *e = ast_to(def_elem, stmt->options->items[i]);
        bool on = option_is_on(e);
        if (strcmp(e->name, "analyze") == 0)
            o->analyze = on;
        else if (strcmp(e->name, "costs") == 0)
            o->costs = on;
        else if (strcmp(e->name, "timing") == 0)
            o->timing = on;
        else if (strcmp(e->name, "summary") == 0)
            o->summary = on, summary_given = true;
        else if (strcmp(e->name, "format") == 0) {
            const char *word = e->arg && ast_is(string, e->arg)    ? ast_to(string, e->arg)->text
                               : e->arg && ast_is(a_const, e->arg) ? ast_to(a_const, e->arg)->text
                                                                   : "";
            if (!word || strcasecmp(word, "text"))
                return err_set(err, ERR_FEATURE_NOT_SUPPORTED,
                               "EXPLAIN (FORMAT %s) is not supported", word ? word : "");
        } else if (strcmp(e->name, "verbose") && strcmp(e->name, "buffers") &&
                   strcmp(e->name, "settings") && strcmp(e->name, "wal")) {
            return err_set(err, ERR_SYNTAX_ERROR, "unrecognized EXPLAIN option \"%s\"", e->name);
        }
    }
    if (!summary_given)
        o->summary = o->analyze;
    return 0;
}

static int run_for_actuals(struct task *task, struct session *s, struct portal *p,
                           const struct explain_options *o, const struct plan *bytes,
                           uint64_t planning_ns, struct buf *out, struct err *err)
{
    uint64_t start = env_mono_ns(s->node->env);
    int rc = 0;
    p->timing = o->timing;
    rc = portal_open(task, s, p, err);
    while (!rc) {
        struct batch *batch;
        rc = exec_next(p->exec, BATCH_ROWS, &batch, err);
        if (rc || !batch)
            break;
        batch_destroy(batch);
    }
    if (rc)
        return rc;
    uint64_t end = env_mono_ns(s->node->env);
    plan_explain(bytes, exec_actuals(p->exec), o->costs, o->timing, out);
    if (o->summary) {
        buf_printf(out, "Planning Time: %.3f ms\n", (double)planning_ns / 1e6);
        buf_printf(out, "Peak Memory: %llu kB\n",
                   (unsigned long long)(p->account.peak_bytes / 1024));
        buf_printf(out, "Execution Time: %.3f ms\n", (double)(end - start) / 1e6);
    }
    return 0;
}

static int explain_plan(struct task *task, struct utility_run *u, const struct ast_node *query,
                        const struct explain_options *o, struct buf *out, struct err *err)
{
    struct session *s = u->s;
    struct arena arena;
    arena_init(&arena, &s->account);
    struct session_host host;
    session_host_init(&host, s, &s->view, session_clock(s));
    struct planner_options options;
    session_planner_options(s, &host.host.env, u->text, u->len, &options);
    options.explain = true;
    struct plan bytes;
    uint64_t start = env_mono_ns(s->node->env);
    int rc = plan_statement(query, &options, &arena, &bytes, err);
    uint64_t planning_ns = env_mono_ns(s->node->env) - start;
    if (!rc && !o->analyze) {
        plan_explain(&bytes, NULL, o->costs, false, out);
        if (o->summary)
            buf_printf(out, "Planning Time: %.3f ms\n", (double)planning_ns / 1e6);
    } else if (!rc) {
        struct cached_plan *plan;
        rc = plan_load(s, &bytes, &plan, err);
        if (!rc) {
            struct portal *p;
            portal_create_internal(s, plan, &p);
            rc = run_for_actuals(task, s, p, o, &bytes, planning_ns, out, err);
            portal_drop(task, s, p);
        }
    }
    arena_done(&arena);
    return rc;
}

static int send_lines(struct task *task, struct utility_run *u, struct buf *text, struct err *err)
{
    struct arena arena;
    arena_init(&arena, &u->s->account);
    uint32_t n = 0;
    char *start = (char *)buf_text(text);
    const char **cells = arena_array(&arena, const char *, text->len + 1);
    for (char *p = start; *p;) {
        char *eol = strchr(p, '\n');
        cells[n++] = p;
        if (!eol)
            break;
        *eol = 0;
        p = eol + 1;
    }
    struct result_shape shape;
    utility_shape(u->s, u->node, &arena, &shape);
    int rc = utility_send_text(task, u, &shape, cells, n, err);
    arena_done(&arena);
    return rc;
}

int explain_run(struct task *task, struct utility_run *u, const struct ast_explain_stmt *stmt,
                struct err *err)
{
    snprintf(u->tag, sizeof u->tag, "EXPLAIN");
    struct explain_options o;
    int rc = read_explain_options(stmt, &o, err);
    if (rc)
        return rc;
    const struct ast_node *query = stmt->query;
    struct buf text = {0};
    if (ast_is(execute_stmt, query))
        return session_unsupported(err, "EXPLAIN EXECUTE");
    if (ast_is(declare_cursor_stmt, query))
        query = ast_to(declare_cursor_stmt, query)->query;
    if (!statement_is_plannable(query))
        return session_unsupported(err, "EXPLAIN of this statement");
    rc = explain_plan(task, u, query, &o, &text, err);
    if (!rc)
        rc = send_lines(task, u, &text, err);
    buf_done(&text);
    return rc;
}
