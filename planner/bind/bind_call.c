/* bind_call.c: function calls: plain, aggregate, window, set-returning. */
#include <stdio.h>
#include <string.h>

#include "planner/bind/bind_int.h"

static const char *clause_name(enum clause c)
{
    static const char *const names[] = {
        [CLAUSE_WHERE] = "WHERE", [CLAUSE_ON] = "JOIN conditions", [CLAUSE_GROUP] = "GROUP BY",
        [CLAUSE_LIMIT] = "LIMIT", [CLAUSE_VALUES] = "VALUES", [CLAUSE_RETURNING] = "RETURNING",
        [CLAUSE_SET] = "UPDATE", [CLAUSE_DEFAULT] = "DEFAULT expressions",
        [CLAUSE_CHECK] = "check constraints", [CLAUSE_INDEX] = "index expressions",
        [CLAUSE_PREDICATE] = "index predicates", [CLAUSE_FROM_FUNCTION] = "functions in FROM",
        [CLAUSE_FILTER] = "FILTER", [CLAUSE_GENERATED] = "column generation expressions",
        [CLAUSE_HAVING] = "HAVING", [CLAUSE_WINDOW] = "window definitions",
    };
    return c < sizeof names / sizeof *names && names[c] ? names[c] : "this clause";
}

static bool allows_aggregates(enum clause c)
{
    return c == CLAUSE_SELECT || c == CLAUSE_HAVING || c == CLAUSE_ORDER || c == CLAUSE_DISTINCT_ON ||
           c == CLAUSE_WINDOW;
}

static bool allows_windows(enum clause c)
{
    return c == CLAUSE_SELECT || c == CLAUSE_ORDER || c == CLAUSE_DISTINCT_ON;
}

static int bind_args(struct binder *b, struct scope *s, const struct ast_func_call *call, struct expr ***args,
                     uint32_t *n, struct err *err)
{
    *n = ast_count(call->args);
    *args = arena_array(b->arena, struct expr *, *n + ast_count(call->order_by) + 1);
    for (uint32_t i = 0; i < *n; i++) {
        int rc = bind_expr(b, s, call->args->items[i], &(*args)[i], err);
        if (rc)
            return rc;
    }
    return 0;
}

static int refuse_call(struct binder *b, const struct ast_func_call *call, enum err_code code, const char *fmt,
                       const char *a, struct err *err)
{
    char text[200];
    snprintf(text, sizeof text, fmt, a);
    err_set(err, code, "%s", text);
    return bind_error(b, &call->node, err);
}

static const char *call_name(const struct ast_func_call *call)
{
    return ast_string_at(call->name, ast_count(call->name) - 1);
}

static int bind_agg_order(struct binder *b, struct scope *s, const struct ast_func_call *call, struct expr_agg *agg,
                          struct err *err)
{
    agg->n_order = ast_count(call->order_by);
    agg->order = arena_array(b->arena, struct expr_order, agg->n_order + 1);
    for (uint32_t i = 0; i < agg->n_order; i++) {
        const struct ast_sort_by *item = ast_to(sort_by, call->order_by->items[i]);
        struct expr_order *o = &agg->order[i];
        int rc = bind_expr(b, s, item->expr, &o->expr, err);
        if (rc == 0)
            rc = coerce_unknown_text(b, o->expr, &o->expr, err);
        if (rc)
            return rc;
        o->desc = item->dir == AST_SORT_DESC;
        o->nulls_first = item->nulls == AST_NULLS_DEFAULT ? o->desc : item->nulls == AST_NULLS_FIRST;
    }
    return 0;
}

static bool mentions_only_outer(const struct expr *e)
{
    uint32_t traits = expr_traits(e);
    return (traits & EXPR_HAS_OUTER) && !(traits & EXPR_HAS_COLUMN);
}

static int check_agg_place(struct binder *b, struct scope *s, const struct ast_func_call *call, struct err *err)
{
    if (s->in_agg)
        return refuse_call(b, call, ERR_GROUPING_ERROR, "aggregate function calls cannot be nested%s", "", err);
    if (!allows_aggregates(s->clause))
        return refuse_call(b, call, ERR_GROUPING_ERROR, "aggregate functions are not allowed in %s",
                           clause_name(s->clause), err);
    return 0;
}

static struct expr *make_agg(struct binder *b, enum expr_op op, const struct ast_func_call *call,
                             const struct func_info *func, uint32_t result, struct expr **args, uint32_t n)
{
    struct expr *e = expr_new(b->arena, op, result, -1, n);
    if (n)
        memcpy(e->args, args, n * sizeof *args);
    e->func = func->oid;
    e->position = (int32_t)call->node.at + 1;
    e->agg = arena_new(b->arena, struct expr_agg);
    e->agg->distinct = call->distinct;
    e->agg->star = call->star;
    return e;
}

static int bind_filter(struct binder *b, struct scope *s, const struct ast_func_call *call, struct expr_agg *agg,
                       struct err *err)
{
    if (!call->filter)
        return 0;
    return bind_bool(b, s, call->filter, CLAUSE_FILTER, "FILTER", &agg->filter, err);
}

static int finish_agg(struct binder *b, struct scope *s, const struct ast_func_call *call, struct expr *e,
                      struct err *err)
{
    bool before = s->in_agg;
    s->in_agg = true;
    int rc = bind_agg_order(b, s, call, e->agg, err);
    s->in_agg = before;
    if (rc == 0)
        rc = bind_filter(b, s, call, e->agg, err);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (mentions_only_outer(e->args[i]))
            return refuse_call(b, call, ERR_FEATURE_NOT_SUPPORTED,
                               "aggregate %s over columns of an outer query is not supported", call_name(call), err);
    if (e->agg->distinct && e->n_args) {
        uint32_t func;
        rc = resolve_equal(b, e->args[0]->type, &func, NULL, &call->node, err);
        for (uint32_t i = 0; rc == 0 && i < e->agg->n_order; i++) {
            bool found = false;
            for (uint32_t k = 0; k < e->n_args; k++)
                found |= expr_equal(e->agg->order[i].expr, e->args[k]);
            if (!found)
                return refuse_call(b, call, ERR_INVALID_COLUMN_REFERENCE,
                                   "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list%s",
                                   "", err);
        }
    }
    s->has_agg = true;
    return rc;
}

static int bind_aggregate(struct binder *b, struct scope *s, const struct ast_func_call *call,
                          const struct func_info *func, uint32_t result, struct expr **args, uint32_t n,
                          struct expr **out, struct err *err)
{
    int rc = check_agg_place(b, s, call, err);
    if (rc)
        return rc;
    if (call->within_group)
        return refuse_call(b, call, ERR_FEATURE_NOT_SUPPORTED, "ordered-set aggregate %s is not supported",
                           call_name(call), err);
    if (!agg_info(func->oid))
        return refuse_call(b, call, ERR_FEATURE_NOT_SUPPORTED, "aggregate %s is not supported", call_name(call), err);
    struct expr *e = make_agg(b, EXPR_AGG, call, func, result, args, n);
    *out = e;
    return finish_agg(b, s, call, e, err);
}

/* ---- windows ---- */

static int bind_window_exprs(struct binder *b, struct scope *s, const struct ast_window_def *def,
                             struct window_spec *w, struct err *err)
{
    int rc = 0;
    if (ast_count(def->partition_by)) {
        w->n_partition = ast_count(def->partition_by);
        w->partition = arena_array(b->arena, struct expr *, w->n_partition);
        for (uint32_t i = 0; rc == 0 && i < w->n_partition; i++) {
            rc = bind_expr(b, s, def->partition_by->items[i], &w->partition[i], err);
            if (rc == 0)
                rc = coerce_unknown_text(b, w->partition[i], &w->partition[i], err);
        }
    }
    if (rc == 0 && ast_count(def->order_by)) {
        w->n_order = ast_count(def->order_by);
        w->order = arena_array(b->arena, struct expr_order, w->n_order);
        for (uint32_t i = 0; rc == 0 && i < w->n_order; i++) {
            const struct ast_sort_by *item = ast_to(sort_by, def->order_by->items[i]);
            rc = bind_expr(b, s, item->expr, &w->order[i].expr, err);
            if (rc == 0)
                rc = coerce_unknown_text(b, w->order[i].expr, &w->order[i].expr, err);
            w->order[i].desc = item->dir == AST_SORT_DESC;
            w->order[i].nulls_first =
                item->nulls == AST_NULLS_DEFAULT ? item->dir == AST_SORT_DESC : item->nulls == AST_NULLS_FIRST;
        }
    }
    return rc;
}

static int bind_frame(struct binder *b, struct scope *s, const struct ast_window_def *def, struct window_spec *w,
                      struct err *err)
{
    static const uint8_t bounds[] = {[AST_BOUND_UNBOUNDED_PRECEDING] = 0, [AST_BOUND_PRECEDING] = 1,
                                     [AST_BOUND_CURRENT_ROW] = 2, [AST_BOUND_FOLLOWING] = 3,
                                     [AST_BOUND_UNBOUNDED_FOLLOWING] = 4};
    if (def->frame == AST_FRAME_DEFAULT) {
        w->frame_mode = 1;
        w->start_kind = 0;
        w->end_kind = 2;
        return 0;
    }
    w->frame_mode = def->frame == AST_FRAME_ROWS ? 0 : def->frame == AST_FRAME_RANGE ? 1 : 2;
    w->start_kind = bounds[def->start_bound];
    w->end_kind = bounds[def->end_bound];
    w->exclude = (uint8_t)def->exclude;
    if (w->frame_mode == 1 && (def->start_offset || def->end_offset))
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "RANGE with an offset is not supported");
    int rc = 0;
    if (def->start_offset)
        rc = bind_expr(b, s, def->start_offset, &w->start_offset, err);
    if (rc == 0 && w->start_offset)
        rc = coerce_to(b, w->start_offset, TYPE_INT8, -1, COERCE_ASSIGNMENT, &w->start_offset, err);
    if (rc == 0 && def->end_offset)
        rc = bind_expr(b, s, def->end_offset, &w->end_offset, err);
    if (rc == 0 && w->end_offset)
        rc = coerce_to(b, w->end_offset, TYPE_INT8, -1, COERCE_ASSIGNMENT, &w->end_offset, err);
    return rc;
}

static const struct ast_window_def *find_window_def(const struct scope *s, const char *name)
{
    for (uint32_t i = 0; i < ast_count(s->window_defs); i++) {
        const struct ast_window_def *d = ast_to(window_def, s->window_defs->items[i]);
        if (strcmp(d->name, name) == 0)
            return d;
    }
    return NULL;
}

static int bind_window_spec(struct binder *b, struct scope *s, const struct ast_window_def *def,
                            struct window_spec *w, struct err *err)
{
    const char *base = def->base ? def->base : def->name;
    int rc = 0;
    if (base) {
        const struct ast_window_def *from = find_window_def(s, base);
        if (!from) {
            err_set(err, ERR_UNDEFINED_OBJECT, "window \"%s\" does not exist", base);
            return bind_error(b, &def->node, err);
        }
        if (from->base && (rc = bind_window_spec(b, s, from, w, err)))
            return rc;
        rc = bind_window_exprs(b, s, from, w, err);
        if (rc == 0 && !def->base)
            return bind_frame(b, s, from, w, err);
    }
    if (rc == 0)
        rc = bind_window_exprs(b, s, def, w, err);
    return rc ? rc : bind_frame(b, s, def, w, err);
}

static bool same_window(const struct window_spec *a, const struct window_spec *w)
{
    if (a->n_partition != w->n_partition || a->n_order != w->n_order || a->frame_mode != w->frame_mode ||
        a->start_kind != w->start_kind || a->end_kind != w->end_kind || a->exclude != w->exclude ||
        a->start_offset || w->start_offset || a->end_offset || w->end_offset)
        return false;
    for (uint32_t i = 0; i < a->n_partition; i++)
        if (!expr_equal(a->partition[i], w->partition[i]))
            return false;
    for (uint32_t i = 0; i < a->n_order; i++)
        if (!expr_equal(a->order[i].expr, w->order[i].expr) || a->order[i].desc != w->order[i].desc ||
            a->order[i].nulls_first != w->order[i].nulls_first)
            return false;
    return true;
}

static uint32_t add_window(struct binder *b, struct query *q, const struct window_spec *w)
{
    for (uint32_t i = 0; i < q->n_windows; i++)
        if (same_window(&q->windows[i], w))
            return i;
    struct window_spec *all = arena_array(b->arena, struct window_spec, q->n_windows + 1);
    if (q->n_windows)
        memcpy(all, q->windows, q->n_windows * sizeof *all);
    all[q->n_windows] = *w;
    q->windows = all;
    return q->n_windows++;
}

static int bind_window_call(struct binder *b, struct scope *s, const struct ast_func_call *call,
                            const struct func_info *func, uint32_t result, struct expr **args, uint32_t n,
                            struct expr **out, struct err *err)
{
    if (!allows_windows(s->clause))
        return refuse_call(b, call, ERR_WINDOWING_ERROR, "window functions are not allowed in %s",
                           clause_name(s->clause), err);
    if (func->kind != 'a' && func->kind != 'w')
        return refuse_call(b, call, ERR_WRONG_OBJECT_TYPE,
                           "OVER specified, but %s is not a window function nor an aggregate function",
                           call_name(call), err);
    if (call->distinct)
        return refuse_call(b, call, ERR_FEATURE_NOT_SUPPORTED, "DISTINCT is not implemented for window functions%s", "",
                           err);
    struct expr *e = make_agg(b, EXPR_WINDOW, call, func, result, args, n);
    enum clause before = s->clause;
    s->clause = CLAUSE_WINDOW;
    struct window_spec w = {0};
    int rc = bind_filter(b, s, call, e->agg, err);
    if (rc == 0)
        rc = bind_window_spec(b, s, call->over, &w, err);
    s->clause = before;
    if (rc)
        return rc;
    e->index = add_window(b, s->query, &w);
    s->has_window = true;
    *out = e;
    return 0;
}

/* ---- dispatch ---- */

static int check_plain(struct binder *b, const struct ast_func_call *call, struct err *err)
{
    const char *name = call_name(call);
    if (call->star || call->distinct || call->within_group || ast_count(call->order_by) || call->filter) {
        const char *what = call->star ? "%s(*) specified, but %s is not an aggregate function"
                           : call->distinct ? "DISTINCT specified, but %s is not an aggregate function"
                           : call->filter   ? "FILTER specified, but %s is not an aggregate function"
                                            : "ORDER BY specified, but %s is not an aggregate function";
        if (call->star) {
            err_set(err, ERR_WRONG_OBJECT_TYPE, "%s(*) specified, but %s is not an aggregate function", name, name);
            return bind_error(b, &call->node, err);
        }
        return refuse_call(b, call, ERR_WRONG_OBJECT_TYPE, what, name, err);
    }
    return 0;
}

static int bind_plain(struct binder *b, struct scope *s, const struct ast_func_call *call,
                      const struct func_info *func, uint32_t result, struct expr **args, uint32_t n,
                      struct expr **out, struct err *err)
{
    int rc = check_plain(b, call, err);
    if (rc)
        return rc;
    if (func->kind != 'f')
        return refuse_call(b, call, ERR_WRONG_OBJECT_TYPE,
                           func->kind == 'w' ? "window function %s requires an OVER clause" : "%s is a procedure",
                           call_name(call), err);
    if (func->flags & FUNC_RETSET) {
        if (s->clause != CLAUSE_SELECT && s->clause != CLAUSE_FROM_FUNCTION && s->clause != CLAUSE_ORDER)
            return refuse_call(b, call, ERR_FEATURE_NOT_SUPPORTED, "set-returning functions are not allowed in %s",
                               clause_name(s->clause), err);
        *out = expr_new(b->arena, EXPR_SRF, result, -1, n);
        if (n)
            memcpy((*out)->args, args, n * sizeof *args);
        (*out)->func = func->oid;
        s->has_srf = true;
        return 0;
    }
    if (!func->kernel)
        return refuse_call(b, call, ERR_FEATURE_NOT_SUPPORTED, "function %s is not supported", call_name(call), err);
    *out = expr_call(b->arena, func->oid, result, args, n);
    if (call->form == AST_FORM_SQL)
        (*out)->form = EXPR_FORM_SQL_SYNTAX;
    return 0;
}

/* A type's name used as a function: text(x), int4(x). */
static int bind_cast_call(struct binder *b, const struct ast_func_call *call, struct expr **args, uint32_t n,
                          struct expr **out, bool *done, struct err *err)
{
    const char *name = call_name(call);
    const struct type_info *t = n == 1 ? type_by_name(name, strlen(name)) : NULL;
    *done = false;
    if (!t || (t->flags & TYPE_PSEUDO) ||
        !(args[0]->type == TYPE_UNKNOWN || coerce_possible(args[0]->type, t->oid, COERCE_EXPLICIT)))
        return 0;
    *done = true;
    return coerce_to(b, args[0], t->oid, -1, COERCE_EXPLICIT, out, err);
}

/* Defaults of pg_proc entries are not kept as expressions; the few built-ins that have them are completed here. */
static int add_defaults(struct binder *b, const struct ast_func_call *call, const struct func_info *func, uint32_t n,
                        struct err *err)
{
    if (func->kind == 'f' && func->n_args > n && !func->variadic)
        return refuse_call(b, call, ERR_FEATURE_NOT_SUPPORTED, "calling %s without all of its arguments is not supported",
                           call_name(call), err);
    return 0;
}

int bind_call(struct binder *b, struct scope *s, const struct ast_func_call *call, struct expr **out, struct err *err)
{
    struct expr **args;
    uint32_t n, result;
    bool has_srf = s->has_srf, before = s->in_agg, done = false;
    /* Arguments are bound before it is known whether this is an aggregate: a nested one shows as a new EXPR_AGG. */
    bool had_agg = s->has_agg;
    s->has_agg = false;
    int rc = bind_args(b, s, call, &args, &n, err);
    bool nested = s->has_agg;
    s->has_agg = had_agg || nested;
    s->in_agg = before;
    if (rc)
        return rc;
    (void)has_srf;
    const struct func_info *func;
    if (call->star && n == 0 && strcmp(call_name(call), "count") != 0)
        return check_plain(b, call, err);
    rc = resolve_func(b, call->name, args, n, call->variadic, &call->node, &func, &result, err);
    if (rc && err->code == ERR_UNDEFINED_FUNCTION && !call->over) {
        struct err keep = *err;
        int rc2 = bind_cast_call(b, call, args, n, out, &done, err);
        if (done)
            return rc2;
        *err = keep;
    }
    if (rc)
        return rc;
    rc = add_defaults(b, call, func, n, err);
    if (rc)
        return rc;
    if (call->over)
        return bind_window_call(b, s, call, func, result, args, n, out, err);
    if (func->kind == 'a') {
        if (nested)
            return refuse_call(b, call, ERR_GROUPING_ERROR, "aggregate function calls cannot be nested%s", "", err);
        return bind_aggregate(b, s, call, func, result, args, n, out, err);
    }
    return bind_plain(b, s, call, func, result, args, n, out, err);
}
