/* bind_sub.c: subqueries in expressions. */
#include <string.h>

#include "planner/bind/bind_int.h"

static struct expr *make_subquery(struct binder *b, struct sub_link *link, uint32_t type, int32_t typmod)
{
    struct query *q = link->query;
    struct expr *e = expr_new(b->arena, EXPR_SUBQUERY, type, typmod, q->n_params);
    for (uint32_t i = 0; i < q->n_params; i++)
        e->args[i] = q->params[i].from;
    e->extra = link;
    return e;
}

static uint32_t visible_targets(const struct query *q)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < q->n_targets; i++)
        n += !q->targets[i].junk;
    return n;
}

static int bind_value(struct binder *b, struct scope *s, const struct ast_sub_link *link, struct expr **out,
                      struct err *err)
{
    struct sub_link *l = arena_new(b->arena, struct sub_link);
    int rc = bind_query(b, s, link->query, false, &l->query, err);
    if (rc)
        return rc;
    if (link->kind == AST_SUB_EXISTS) {
        struct query *q = l->query;
        /* Whether there is a row does not depend on what it shows: the target list is not computed. */
        if (!q->set && !q->distinct && !q->has_agg && !q->has_srf && !q->has_window) {
            q->n_targets = 1;
            q->targets = arena_new(b->arena, struct target);
            q->targets[0] = (struct target){.expr = expr_const_bool(b->arena, true), .name = "exists"};
            q->n_sort = 0;
        }
        l->kind = PLAN_SUB_EXISTS;
        *out = make_subquery(b, l, TYPE_BOOL, -1);
        return 0;
    }
    if (visible_targets(l->query) != 1) {
        err_set(err, ERR_SYNTAX_ERROR, "subquery must return only one column");
        return bind_error(b, &link->node, err);
    }
    const struct expr *column = l->query->targets[0].expr;
    l->kind = link->kind == AST_SUB_ARRAY ? PLAN_SUB_ARRAY : PLAN_SUB_SCALAR;
    if (l->kind == PLAN_SUB_ARRAY) {
        const struct type_info *t = type_info(column->type);
        if (!t || !t->array) {
            err_set(err, ERR_UNDEFINED_OBJECT, "could not find array type for data type %s",
                    type_name(column->type, b->arena));
            return bind_error(b, &link->node, err);
        }
        *out = make_subquery(b, l, t->array, -1);
    } else {
        *out = make_subquery(b, l, column->type, column->typmod);
    }
    return 0;
}

/* x op ANY (q): SELECT x op column FROM (q), asked with x as a parameter. */
static int wrap_comparison(struct binder *b, struct scope *s, const struct ast_sub_link *link, struct expr **tests,
                           uint32_t n, struct sub_link *l, struct err *err)
{
    struct query *outer = arena_new(b->arena, struct query);
    struct scope scope = {.parent = s, .query = outer};
    struct query *inner;
    int rc = bind_query(b, &scope, link->query, false, &inner, err);
    if (rc)
        return rc;
    if (visible_targets(inner) != n) {
        err_set(err, ERR_SYNTAX_ERROR, visible_targets(inner) < n ? "subquery has too few columns" : "subquery has too many columns");
        return bind_error(b, &link->node, err);
    }
    struct rel *rel = bind_new_rel(b, REL_SUBQUERY, NULL);
    rel->query = inner;
    rel->n_columns = rel->n_visible = n;
    rel->columns = arena_array(b->arena, struct rel_column, n);
    struct expr **terms = arena_array(b->arena, struct expr *, n);
    const char *name = link->oper ? ast_string_at(link->oper, ast_count(link->oper) - 1) : "=";
    for (uint32_t i = 0; i < n; i++) {
        const struct expr *column = inner->targets[i].expr;
        rel->columns[i] = (struct rel_column){.name = inner->targets[i].name, .type = column->type, .typmod = column->typmod};
        struct expr *right = expr_column(b->arena, rel->number, i, column->type, column->typmod);
        struct expr *left = tests[i];
        if (left->op != EXPR_CONST && left->op != EXPR_PARAM)
            left = scope_outer(b, &scope, s, left);
        rc = resolve_oper_name(b, name, left, right, &link->node, &terms[i], err);
        if (rc)
            return rc;
        if (terms[i]->type != TYPE_BOOL) {
            err_set(err, ERR_DATATYPE_MISMATCH, "operator %s must return type boolean, not type %s", name, type_name(terms[i]->type, b->arena));
            return bind_error(b, &link->node, err);
        }
    }
    if (n > 1 && strcmp(name, "=") != 0 && strcmp(name, "<>") != 0)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "ordering comparison of rows with a subquery is not supported");
    outer->from = bind_leaf(b, rel);
    outer->n_targets = 1;
    outer->targets = arena_new(b->arena, struct target);
    outer->targets[0].expr = strcmp(name, "<>") == 0 ? expr_or(b->arena, terms, n) : expr_and(b->arena, terms, n);
    outer->targets[0].name = "?column?";
    l->query = outer;
    l->is_in = strcmp(name, "=") == 0;
    return 0;
}

static int bind_quantified(struct binder *b, struct scope *s, const struct ast_sub_link *link, struct expr **out,
                           struct err *err)
{
    const struct ast_list *row = ast_is(row_expr, link->test) ? ast_to(row_expr, link->test)->args : NULL;
    uint32_t n = row ? ast_count(row) : 1;
    struct expr **tests = arena_array(b->arena, struct expr *, n);
    for (uint32_t i = 0; i < n; i++) {
        int rc = bind_expr(b, s, row ? row->items[i] : link->test, &tests[i], err);
        if (rc)
            return rc;
        /* An unknown literal compared with a column is read as the column's type in resolve_oper. */
    }
    struct sub_link *l = arena_new(b->arena, struct sub_link);
    l->kind = link->kind == AST_SUB_ALL ? PLAN_SUB_ALL : PLAN_SUB_ANY;
    int rc = wrap_comparison(b, s, link, tests, n, l, err);
    if (rc)
        return rc;
    *out = make_subquery(b, l, TYPE_BOOL, -1);
    return 0;
}

int bind_sub_link(struct binder *b, struct scope *s, const struct ast_sub_link *link, struct expr **out,
                  struct err *err)
{
    if (s->clause == CLAUSE_CHECK || s->clause == CLAUSE_DEFAULT || s->clause == CLAUSE_INDEX ||
        s->clause == CLAUSE_PREDICATE || s->clause == CLAUSE_GENERATED) {
        static const char *const names[] = {[CLAUSE_CHECK] = "check constraint", [CLAUSE_DEFAULT] = "DEFAULT expression",
                                            [CLAUSE_INDEX] = "index expression", [CLAUSE_PREDICATE] = "index predicate",
                                            [CLAUSE_GENERATED] = "column generation expression"};
        err_set(err, ERR_FEATURE_NOT_SUPPORTED, "cannot use subquery in %s", names[s->clause]);
        return bind_error(b, &link->node, err);
    }
    if (link->kind == AST_SUB_ANY || link->kind == AST_SUB_ALL)
        return bind_quantified(b, s, link, out, err);
    return bind_value(b, s, link, out, err);
}
