/* query.c: what the wire asks for: simple queries, and Parse, Bind, Describe, Execute. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "server/sql/sql_int.h"
#include "types/type/text.h"

bool statement_is_plannable(const struct ast_node *node)
{
    switch (ast_tag_of(node)) {
    case AST_select_stmt:
        return !ast_to(select_stmt, node)->into;
    case AST_insert_stmt:
    case AST_update_stmt:
    case AST_delete_stmt:
        return true;
    default:
        return false;
    }
}

enum { PARSE_INLINE_BYTES = 64 * 1024 };

struct parse_job {
    const char *text;
    size_t len;
    struct arena *arena;
    struct parse_options options;
    struct parse_result *result;
    struct err *err;
    int rc;
};

static void run_parse(struct task *task, void *arg)
{
    struct parse_job *j = arg;
    j->rc = text_check((const uint8_t *)j->text, j->len, j->err);
    if (!j->rc)
        j->rc = parse_sql(j->text, j->len, j->arena, &j->options, j->result, j->err);
}

int statement_parse(struct task *task, struct session *s, struct arena *arena, const char *text,
                    size_t len, struct parse_result *result, struct err *err)
{
    struct parse_job job = {.text = text, .len = len, .arena = arena, .result = result, .err = err};
    job.options.nonstandard_strings = !s->settings->s.standard_conforming_strings;
    if (len > PARSE_INLINE_BYTES)
        job_run(task, run_parse, &job);
    else
        run_parse(task, &job);
    return job.rc;
}

/* ---- prepared statements ---- */

struct prepared *prepared_create(const char *name)
{
    struct arena arena;
    arena_init(&arena, NULL);
    struct prepared *p = arena_new(&arena, struct prepared);
    p->arena = arena;
    p->refs = 1;
    p->name = arena_strdup(&p->arena, name);
    return p;
}

struct prepared *prepared_ref(struct prepared *p)
{
    p->refs++;
    return p;
}

void prepared_unref(struct prepared *p)
{
    if (--p->refs)
        return;
    cached_plan_unref(p->plan);
    struct arena arena = p->arena;
    arena_done(&arena);
}

struct prepared *prepared_find(struct session *s, const char *name, struct err *err)
{
    struct prepared *p = *name ? hashmap_get(&s->prepared, name, strlen(name)) : s->unnamed;
    if (!p && !*name)
        err_set(err, ERR_INVALID_SQL_STATEMENT_NAME, "unnamed prepared statement does not exist");
    else if (!p)
        err_set(err, ERR_INVALID_SQL_STATEMENT_NAME, "prepared statement \"%s\" does not exist",
                name);
    return p;
}

int prepared_need_ast(struct task *task, struct session *s, struct prepared *p, struct err *err)
{
    if (p->parsed)
        return 0;
    struct parse_result result;
    int rc = statement_parse(task, s, &p->arena, p->whole, p->whole_len, &result, err);
    if (rc)
        return rc;
    if (result.count > 1)
        return err_set(err, ERR_SYNTAX_ERROR,
                       "cannot insert multiple commands into a prepared statement");
    p->parsed = true;
    p->empty = result.count == 0;
    if (!p->empty) {
        p->node = result.statements[0].node;
        p->text = p->whole + result.statements[0].start;
        p->len = result.statements[0].end - result.statements[0].start;
    }
    return 0;
}

/* The text without what stands around its one statement. */
static void trim(const char **text, size_t *len)
{
    while (*len && strchr(" \t\r\n", **text))
        (*text)++, (*len)--;
    while (*len && strchr(" \t\r\n;", (*text)[*len - 1]))
        (*len)--;
}

/* A prepared statement for a text that is one statement with a plan at hand: no parsing. NULL: not
 * such a text. */
static struct prepared *prepare_known(struct session *s, const char *text, size_t len,
                                      const uint32_t *types, uint32_t n_types, const char *name)
{
    const char *inner = text;
    size_t inner_len = len;
    trim(&inner, &inner_len);
    if (!inner_len || !plan_is_cached(s, inner, inner_len, types, n_types))
        return NULL;
    struct prepared *p = prepared_create(name);
    p->whole = arena_strndup(&p->arena, text, len);
    p->whole_len = len;
    p->text = p->whole + (inner - text);
    p->len = inner_len;
    p->plannable = true;
    return p;
}

static void set_types(struct prepared *p, const uint32_t *types, uint32_t n)
{
    p->given = n ? arena_memdup(&p->arena, types, n * sizeof *types) : NULL;
    p->types = n ? arena_memdup(&p->arena, types, n * sizeof *types) : NULL;
    p->n_given = p->n_types = n;
}

/* ---- running one portal ---- */

/* Everything of a plan's portal up to its tag. commit: ends the implicit transaction; its failure
 * can still be retried. */
static int run_plan(struct task *task, struct session *s, struct portal *p,
                    const struct row_target *target, bool commit, struct err *err)
{
    uint64_t mark = s->client->ops->mark(s->client);
    for (int attempt = 0;; attempt++) {
        bool done;
        uint64_t rows;
        int rc = portal_run_retrying(task, s, p, target, 0, commit, &done, &rows, err);
        if (rc)
            return rc;
        char tag[96];
        portal_tag(p, rows, tag);
        bool wrote = s->txn.kv && kv_txn_wrote(s->txn.kv);
        if (commit) {
            rc = txn_commit(task, s, err);
            if (rc && wrote && err->code == ERR_SERIALIZATION_FAILURE && attempt < 100 &&
                s->client->ops->rewind(s->client, mark)) {
                txn_enter(s, false);
                p->state = PORTAL_NEW;
                continue;
            }
        }
        if (!rc)
            s->client->ops->complete(s->client, tag);
        return rc;
    }
}

/* ---- the simple protocol ---- */

static int run_planned_statement(struct task *task, struct session *s, struct prepared *pr,
                                 bool last, struct err *err)
{
    int rc = session_view_refresh(task, s, err);
    struct cached_plan *plan;
    if (!rc)
        rc = plan_get(task, s, pr, &plan, err);
    if (rc)
        return rc;
    if (plan->n_params) {
        cached_plan_unref(plan);
        return err_set(err, ERR_UNDEFINED_PARAMETER, "there is no parameter $1");
    }
    struct portal *p;
    portal_create_internal(s, plan, &p);
    p->prepared = prepared_ref(pr);
    uint64_t mark = s->client->ops->mark(s->client);
    if (p->shape.n || plan->command == PLAN_SELECT)
        s->client->ops->describe(s->client, &p->shape);
    struct row_target target = {.to_client = true, .shape = &p->shape};
    rc = run_plan(task, s, p, &target, last && !txn_in_block(s), err);
    if (rc && err->code == ERR_FEATURE_NOT_SUPPORTED && s->client->ops->rewind(s->client, mark))
        s->client->ops->mark(s->client);
    portal_drop(task, s, p);
    return rc;
}

static int run_utility_statement(struct task *task, struct session *s, const struct ast_node *node,
                                 const char *text, size_t len, bool single, bool last,
                                 struct err *err)
{
    struct utility_run u = {.s = s,
                            .node = node,
                            .text = text,
                            .len = len,
                            .describe = true,
                            .top_level = single,
                            .last = last};
    int rc = utility_execute(task, &u, err);
    if (!rc && last && !txn_in_block(s) && s->txn.settings)
        rc = txn_commit(task, s, err);
    if (!rc && !u.no_tag)
        s->client->ops->complete(s->client, u.tag);
    return rc;
}

static int run_simple_statement(struct task *task, struct session *s, struct prepared *whole,
                                const struct parse_statement *st, bool single, bool last,
                                struct err *err)
{
    int rc = txn_check_allowed(s, st->node, err);
    if (rc)
        return rc;
    session_timeout_start(task, s);
    txn_enter(s, !single);
    if (!statement_is_plannable(st->node))
        return run_utility_statement(task, s, st->node, whole->whole, whole->whole_len, single,
                                     last, err);
    struct prepared *pr = prepared_create("");
    pr->whole = whole->whole;
    pr->whole_len = whole->whole_len;
    pr->text = whole->whole + st->start;
    pr->len = st->end - st->start;
    pr->node = st->node;
    pr->parsed = pr->plannable = true;
    rc = run_planned_statement(task, s, pr, last, err);
    prepared_unref(pr);
    return rc;
}

static int run_parsed(struct task *task, struct session *s, struct prepared *whole, struct err *err)
{
    struct parse_result result;
    int rc = statement_parse(task, s, &whole->arena, whole->whole, whole->whole_len, &result, err);
    if (rc)
        return rc;
    if (!result.count)
        s->client->ops->empty(s->client);
    for (uint32_t i = 0; i < result.count && !rc; i++)
        rc = run_simple_statement(task, s, whole, &result.statements[i], result.count == 1,
                                  i + 1 == result.count, err);
    return rc;
}

void session_query(struct task *task, struct session *s, const char *text, size_t len)
{
    struct err err;
    session_activity_begin(task, s, text, len);
    if (s->unnamed) {
        prepared_unref(s->unnamed);
        s->unnamed = NULL;
    }
    int rc = s->txn.block == TXN_FAILED ? 0 : session_view_refresh(task, s, &err);
    struct prepared *known =
        !rc && s->txn.block != TXN_FAILED ? prepare_known(s, text, len, NULL, 0, "") : NULL;
    if (!rc && known) {
        txn_enter(s, false);
        rc = run_planned_statement(task, s, known, true, &err);
        prepared_unref(known);
    } else if (!rc) {
        struct prepared *whole = prepared_create("");
        whole->whole = text;
        whole->whole_len = len;
        rc = run_parsed(task, s, whole, &err);
        prepared_unref(whole);
    }
    if (rc) {
        s->client->ops->error(s->client, &err, "ERROR");
        session_fail(task, s);
    } else if (!txn_in_block(s) && s->txn.settings) {
        rc = txn_commit(task, s, &err);
        if (rc)
            s->client->ops->error(s->client, &err, "ERROR");
    }
    session_activity_end(s);
    s->task = NULL;
}

/* ---- the extended protocol ---- */

static int analyze(struct task *task, struct session *s, struct prepared *p, struct err *err)
{
    int rc = prepared_need_ast(task, s, p, err);
    if (rc || p->empty)
        return rc;
    rc = txn_check_allowed(s, p->node, err);
    if (rc)
        return rc;
    p->plannable = statement_is_plannable(p->node);
    if (!p->plannable) {
        if (s->txn.block != TXN_FAILED) {
            rc = session_view_refresh(task, s, err);
            p->has_shape = !rc && utility_shape(s, p->node, &p->arena, &p->shape);
        }
        return rc;
    }
    txn_enter(s, false);
    rc = session_view_refresh(task, s, err);
    struct cached_plan *plan;
    if (!rc)
        rc = plan_get(task, s, p, &plan, err);
    if (!rc)
        cached_plan_unref(plan);
    return rc;
}

static void put_prepared(struct session *s, struct prepared *take_p)
{
    if (*take_p->name) {
        hashmap_put(&s->prepared, take_p->name, strlen(take_p->name), take_p);
        return;
    }
    if (s->unnamed)
        prepared_unref(s->unnamed);
    s->unnamed = take_p;
}

int session_parse(struct task *task, struct session *s, const char *name, const char *text,
                  size_t len, const uint32_t *types, uint32_t n_types, struct err *err)
{
    s->task = task;
    if (*name && hashmap_get(&s->prepared, name, strlen(name)))
        return err_set(err, ERR_DUPLICATE_PREPARED_STATEMENT,
                       "prepared statement \"%s\" already exists", name);
    int rc = s->txn.block == TXN_FAILED ? 0 : session_view_refresh(task, s, err);
    if (rc)
        return rc;
    struct prepared *p =
        s->txn.block == TXN_FAILED ? NULL : prepare_known(s, text, len, types, n_types, name);
    if (!p) {
        p = prepared_create(name);
        p->whole = arena_strndup(&p->arena, text, len);
        p->whole_len = len;
        set_types(p, types, n_types);
        rc = analyze(task, s, p, err);
    } else {
        set_types(p, types, n_types);
        struct cached_plan *plan;
        txn_enter(s, false);
        rc = plan_get(task, s, p, &plan, err);
        if (!rc)
            cached_plan_unref(plan);
    }
    p->prepared_us = env_wall_us(s->node->env);
    if (rc)
        prepared_unref(p);
    else
        put_prepared(s, p);
    return rc;
}

static int read_param(struct session *s, struct portal *p, const struct type_env *env,
                      uint32_t type, int16_t format, const struct bind_value *v, uint32_t i,
                      struct err *err)
{
    if (!v->data) {
        const struct type_info *info = type_info(type);
        p->params[i] = datum_null(info ? (enum phys_kind)info->phys : PHYS_BYTES);
        return 0;
    }
    if (format == 1)
        return type_recv(env, type, -1, v->data, v->len, &p->arena, &p->params[i], err);
    if (format != 0)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "unsupported format code: %d", format);
    int rc = text_check(v->data, v->len, err);
    return rc ? rc
              : type_in(env, type, -1, (const char *)v->data, v->len, &p->arena, &p->params[i],
                        err);
}

static int read_params(struct session *s, struct portal *p, const struct session_bind *b,
                       struct err *err)
{
    struct prepared *pr = p->prepared;
    if (b->n_formats > 1 && b->n_formats != b->n_values)
        return err_set(err, ERR_PROTOCOL_VIOLATION,
                       "bind message has %u parameter formats but %u parameters", b->n_formats,
                       b->n_values);
    if (b->n_values != pr->n_types)
        return err_set(
            err, ERR_PROTOCOL_VIOLATION,
            "bind message supplies %u parameters, but prepared statement \"%s\" requires %u",
            b->n_values, pr->name, pr->n_types);
    p->params = arena_array(&p->arena, struct datum, b->n_values + 1);
    p->n_params = b->n_values;
    if (!b->n_values)
        return 0;
    struct session_host host;
    session_host_init(&host, s, &s->view, session_clock(s));
    for (uint32_t i = 0; i < b->n_values; i++) {
        int16_t format = b->n_formats == 0 ? 0 : b->formats[b->n_formats == 1 ? 0 : i];
        int rc = read_param(s, p, &host.host.env, pr->types[i], format, &b->values[i], i, err);
        if (rc) {
            if (!err->where[0])
                snprintf(err->where, sizeof err->where, "unnamed portal parameter $%u", i + 1);
            return rc;
        }
    }
    return 0;
}

static int bind_portal(struct task *task, struct session *s, struct prepared *pr,
                       const struct session_bind *b, struct err *err)
{
    struct portal *p;
    int rc = portal_create(task, s, b->portal, &p, err);
    if (rc)
        return rc;
    p->prepared = prepared_ref(pr);
    p->query = pr->whole;
    rc = read_params(s, p, b, err);
    const struct result_shape *shape = &pr->shape;
    if (!rc && pr->plannable) {
        rc = plan_get(task, s, pr, &p->plan, err);
        shape = rc ? NULL : &p->plan->shape;
    }
    if (!rc && b->n_result_formats > 1 && b->n_result_formats != shape->n)
        rc = err_set(err, ERR_PROTOCOL_VIOLATION,
                     "bind message has %u result formats but query has %u columns",
                     b->n_result_formats, shape->n);
    for (uint32_t i = 0; i < b->n_result_formats && !rc; i++)
        if (b->result_formats[i] != 0 && b->result_formats[i] != 1)
            rc = err_set(err, ERR_INVALID_PARAMETER_VALUE, "unsupported format code: %d",
                         b->result_formats[i]);
    if (rc) {
        portal_drop(task, s, p);
        return rc;
    }
    portal_set_formats(p, shape, b->result_formats, b->n_result_formats);
    return 0;
}

int session_bind(struct task *task, struct session *s, const struct session_bind *b,
                 struct err *err)
{
    s->task = task;
    struct prepared *pr = prepared_find(s, b->statement, err);
    if (!pr)
        return err->code;
    if (!pr->plannable || s->txn.block == TXN_FAILED) {
        int rc = prepared_need_ast(task, s, pr, err);
        if (!rc && !pr->empty)
            rc = txn_check_allowed(s, pr->node, err);
        if (rc)
            return rc;
    }
    txn_enter(s, false);
    int rc = s->txn.block == TXN_FAILED ? 0 : session_view_refresh(task, s, err);
    return rc ? rc : bind_portal(task, s, pr, b, err);
}

int session_describe_statement(struct task *task, struct session *s, const char *name,
                               const uint32_t **types, uint32_t *n_types,
                               const struct result_shape **shape, struct err *err)
{
    s->task = task;
    struct prepared *p = prepared_find(s, name, err);
    if (!p)
        return err->code;
    int rc = 0;
    if (p->plannable && s->txn.block == TXN_FAILED)
        return txn_check_allowed(s, prepared_need_ast(task, s, p, err) ? NULL : p->node, err);
    if (p->plannable) {
        txn_enter(s, false);
        rc = session_view_refresh(task, s, err);
        struct cached_plan *plan;
        if (!rc)
            rc = plan_get(task, s, p, &plan, err);
        if (rc)
            return rc;
        arena_reset(&s->message_arena);
        struct result_shape *copy = arena_new(&s->message_arena, struct result_shape);
        copy->n = plan->shape.n;
        copy->columns = arena_memdup(&s->message_arena, plan->shape.columns,
                                     (plan->shape.n + 1) * sizeof *copy->columns);
        for (uint32_t i = 0; i < copy->n; i++)
            copy->columns[i].name = arena_strdup(&s->message_arena, copy->columns[i].name);
        *shape = copy;
        cached_plan_unref(plan);
    } else {
        *shape = &p->shape;
    }
    *types = p->types;
    *n_types = p->n_types;
    return rc;
}

static struct portal *need_portal(struct session *s, const char *name, struct err *err)
{
    struct portal *p = portal_find(s, name);
    if (!p)
        err_set(err, ERR_INVALID_CURSOR_NAME, "portal \"%s\" does not exist", name);
    return p;
}

int session_describe_portal(struct task *task, struct session *s, const char *name,
                            const struct result_shape **shape, struct err *err)
{
    s->task = task;
    struct portal *p = need_portal(s, name, err);
    if (!p)
        return err->code;
    *shape = &p->shape;
    return 0;
}

static int execute_utility(struct task *task, struct session *s, struct portal *p, bool last,
                           struct err *err)
{
    if (p->state == PORTAL_DONE)
        return err_set(err, ERR_OBJECT_NOT_IN_PREREQUISITE_STATE, "portal \"%s\" cannot be run",
                       p->name);
    p->state = PORTAL_DONE;
    p->pinned = true;
    struct prepared *pr = prepared_ref(p->prepared);
    struct utility_run u = {.s = s,
                            .node = pr->node,
                            .text = pr->whole,
                            .len = pr->whole_len,
                            .shape = &p->shape,
                            .params = p->params,
                            .top_level = true,
                            .last = last};
    int rc = utility_execute(task, &u, err);
    if (!rc && last && !txn_in_block(s) && s->txn.settings)
        rc = txn_commit(task, s, err);
    if (!rc && !u.no_tag)
        s->client->ops->complete(s->client, u.tag);
    p->pinned = false;
    if (!s->txn.settings)
        portal_drop(task, s, p);
    prepared_unref(pr);
    return rc;
}

static int execute_plan(struct task *task, struct session *s, struct portal *p, uint64_t rows_max,
                        bool last, struct err *err)
{
    struct row_target target = {.to_client = true, .shape = &p->shape};
    if (p->state == PORTAL_NEW && !rows_max) {
        bool commit = last && !txn_in_block(s);
        p->pinned = true;
        int rc = run_plan(task, s, p, &target, commit, err);
        p->pinned = false;
        if (commit && !rc)
            portal_drop(task, s, p);
        return rc;
    }
    if (p->state == PORTAL_NEW && !(p->plan->flags & PLAN_READ_ONLY))
        p->stores = true;
    bool done;
    uint64_t rows = 0;
    int rc = portal_run_retrying(task, s, p, &target, rows_max, false, &done, &rows, err);
    if (rc)
        return rc;
    if (!done) {
        s->client->ops->suspended(s->client);
        return 0;
    }
    char tag[96];
    portal_tag(p, rows, tag);
    s->client->ops->complete(s->client, tag);
    return 0;
}

int session_execute(struct task *task, struct session *s, const char *name, uint64_t rows_max,
                    bool last, struct err *err)
{
    s->task = task;
    struct portal *p = need_portal(s, name, err);
    if (!p)
        return err->code;
    if (p->prepared && p->prepared->empty) {
        s->client->ops->empty(s->client);
        return 0;
    }
    if (s->txn.block == TXN_FAILED) {
        int rc = p->prepared ? prepared_need_ast(task, s, p->prepared, err) : 0;
        if (!rc)
            rc = txn_check_allowed(s, p->prepared ? p->prepared->node : NULL, err);
        if (rc)
            return rc;
    }
    txn_enter(s, false);
    session_activity_begin(task, s, p->query ? p->query : "", p->query ? strlen(p->query) : 0);
    int rc = p->plan ? execute_plan(task, s, p, rows_max, last, err)
                     : execute_utility(task, s, p, last, err);
    if (!rc)
        session_activity_end(s);
    return rc;
}

void session_close_statement(struct session *s, const char *name)
{
    struct prepared *p = *name ? hashmap_remove(&s->prepared, name, strlen(name)) : s->unnamed;
    if (!*name)
        s->unnamed = NULL;
    if (p)
        prepared_unref(p);
}

void session_close_portal(struct task *task, struct session *s, const char *name)
{
    struct portal *p = portal_find(s, name);
    if (p)
        portal_drop(task, s, p);
}

/* ---- statements of our own ---- */

int session_run_nested(struct task *task, struct session *s, const struct ast_node *stmt,
                       const char *text,
                       int (*each)(void *ctx, struct batch *batch, struct err *err), void *ctx,
                       uint64_t *affected, struct err *err)
{
    struct prepared *pr = prepared_create("");
    pr->whole = text ? text : "";
    pr->whole_len = strlen(pr->whole);
    pr->node = (struct ast_node *)stmt;
    pr->parsed = pr->plannable = true;
    pr->text = pr->whole;
    int rc = session_view_refresh(task, s, err);
    struct cached_plan *plan;
    struct planner_options options;
    struct session_host host;
    struct arena arena;
    arena_init(&arena, &s->account);
    if (!rc) {
        session_host_init(&host, s, &s->view, session_clock(s));
        session_planner_options(s, &host.host.env, pr->whole, pr->whole_len, &options);
        struct plan bytes;
        rc = plan_statement(stmt, &options, &arena, &bytes, err);
        if (!rc)
            rc = plan_load(s, &bytes, &plan, err);
    }
    arena_done(&arena);
    prepared_unref(pr);
    if (rc)
        return rc;
    struct portal *p;
    portal_create_internal(s, plan, &p);
    struct row_target target = {.each = each, .ctx = ctx};
    bool done;
    uint64_t rows;
    rc = portal_run_retrying(task, s, p, &target, 0, false, &done, &rows, err);
    if (!rc && affected)
        *affected = p->affected;
    portal_drop(task, s, p);
    return rc;
}
