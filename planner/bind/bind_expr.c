/* bind_expr.c: expressions of the syntax tree to typed expressions. */
#include <stdlib.h>
#include <string.h>

#include "planner/bind/bind_int.h"

static int bind_node(struct binder *b, struct scope *s, const struct ast_node *node, struct expr **out,
                     struct err *err);

struct deeper_args {
    struct binder *b;
    struct scope *s;
    const struct ast_node *node;
    struct expr **out;
    struct err *err;
};

static int bind_on_segment(void *arg)
{
    struct deeper_args *a = arg;
    return bind_node(a->b, a->s, a->node, a->out, a->err);
}

int bind_expr(struct binder *b, struct scope *s, const struct ast_node *node, struct expr **out, struct err *err)
{
    int rc;
    if (bind_stack_low()) {
        struct deeper_args args = {b, s, node, out, err};
        rc = bind_deeper(b, bind_on_segment, &args, err);
    } else {
        rc = bind_node(b, s, node, out, err);
    }
    if (rc == 0 && (*out)->position == 0)
        (*out)->position = (int32_t)node->at + 1;
    return rc;
}

int bind_bool(struct binder *b, struct scope *s, const struct ast_node *node, enum clause clause, const char *what,
              struct expr **out, struct err *err)
{
    enum clause before = s->clause;
    s->clause = clause;
    struct expr *e;
    int rc = bind_expr(b, s, node, &e, err);
    s->clause = before;
    return rc ? rc : coerce_bool(b, e, what, out, err);
}

static int bind_list(struct binder *b, struct scope *s, const struct ast_list *list, struct expr ***out, uint32_t *n,
                     struct err *err)
{
    *n = ast_count(list);
    *out = arena_array(b->arena, struct expr *, *n + 1);
    for (uint32_t i = 0; i < *n; i++) {
        int rc = bind_expr(b, s, list->items[i], &(*out)[i], err);
        if (rc)
            return rc;
    }
    return 0;
}

static int refuse(struct binder *b, const char *what, const struct ast_node *at, struct err *err)
{
    err_set(err, ERR_FEATURE_NOT_SUPPORTED, "%s is not supported", what);
    return bind_error(b, at, err);
}

/* ---- constants and parameters ---- */

static int bind_number(struct binder *b, const struct ast_a_const *c, struct expr **out, struct err *err)
{
    if (strspn(c->text, "-0123456789") == strlen(c->text)) {
        struct datum v = {.kind = PHYS_INT64, .dec_scale = -1};
        if (type_in(b->opt->env, TYPE_INT8, -1, c->text, strlen(c->text), b->arena, &v, NULL) == 0) {
            *out = expr_const(b->arena, TYPE_INT8, -1, &v);
            return 0;
        }
    }
    struct datum v;
    int rc = type_in(b->opt->env, TYPE_NUMERIC, -1, c->text, strlen(c->text), b->arena, &v, err);
    if (rc)
        return bind_error(b, &c->node, err);
    *out = expr_const(b->arena, TYPE_NUMERIC, -1, &v);
    return 0;
}

static int bind_const(struct binder *b, const struct ast_a_const *c, struct expr **out, struct err *err)
{
    struct datum v = {.dec_scale = -1};
    switch (c->kind) {
    case AST_CONST_NULL:
        *out = expr_const_null(b->arena, TYPE_UNKNOWN, -1);
        return 0;
    case AST_CONST_INT:
        v.kind = PHYS_INT32;
        v.u.i32 = (int32_t)c->ival;
        *out = expr_const(b->arena, TYPE_INT4, -1, &v);
        return 0;
    case AST_CONST_BOOL:
        *out = expr_const_bool(b->arena, c->ival != 0);
        return 0;
    case AST_CONST_FLOAT: return bind_number(b, c, out, err);
    case AST_CONST_STRING:
        v = datum_bytes(arena_strdup(b->arena, c->text), (uint32_t)strlen(c->text));
        *out = expr_const(b->arena, TYPE_UNKNOWN, -1, &v);
        return 0;
    case AST_CONST_BIT: return refuse(b, "type bit", &c->node, err);
    }
    return refuse(b, "this constant", &c->node, err);
}

static int bind_param(struct binder *b, const struct ast_param_ref *p, struct expr **out, struct err *err)
{
    if (p->number < 1 || p->number > 65535 || (!b->opt->params_extend && p->number > b->n_params)) {
        err_set(err, ERR_UNDEFINED_PARAMETER, "there is no parameter $%lld", (long long)p->number);
        return bind_error(b, &p->node, err);
    }
    while (b->n_params < p->number) {
        b->param_types = bind_grow(b, b->param_types, b->n_params, &b->cap_params, sizeof *b->param_types);
        b->param_types[b->n_params++] = 0;
    }
    uint32_t type = b->param_types[p->number - 1];
    *out = expr_new(b->arena, EXPR_PARAM, type ? type : TYPE_UNKNOWN, -1, 0);
    (*out)->index = (uint32_t)p->number - 1;
    return 0;
}

/* ---- operators ---- */

/* One of the names =, <> and so on applied to rows (a, b) op (c, d). */
static int compare_rows(struct binder *b, const char *name, struct expr *const *left, struct expr *const *right,
                        uint32_t n, const struct ast_node *at, struct expr **out, struct err *err)
{
    bool equal = strcmp(name, "=") == 0, unequal = strcmp(name, "<>") == 0 || strcmp(name, "!=") == 0;
    struct expr **terms = arena_array(b->arena, struct expr *, n * 2 + 1);
    for (uint32_t i = 0; i < n; i++) {
        int rc = resolve_oper_name(b, name, left[i], right[i], at, &terms[i], err);
        if (rc)
            return rc;
    }
    if (equal || n == 1)
        *out = expr_and(b->arena, terms, n);
    else if (unequal)
        *out = expr_or(b->arena, terms, n);
    else {
        enum opclass_strategy strategy = oper_strategy(terms[0]->oper);
        if (strategy == STRATEGY_NONE)
            return refuse(b, "this operator on rows", at, err);
        struct expr *e = expr_new(b->arena, EXPR_ROW_COMPARE, TYPE_BOOL, -1, n * 2);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t type;
            struct expr *pair[2] = {left[i], right[i]};
            int rc = coerce_common(b, pair, 2, "row comparison", &type, err);
            for (uint32_t k = 0; rc == 0 && k < 2; k++)
                rc = coerce_to(b, pair[k], type, -1, COERCE_IMPLICIT, &e->args[i + k * n], err);
            if (rc)
                return rc;
        }
        e->sub = (uint8_t)strategy;
        *out = e;
    }
    return 0;
}

static int bind_row_items(struct binder *b, struct scope *s, const struct ast_node *node, struct expr ***items,
                          uint32_t *n, struct err *err)
{
    return bind_list(b, s, ast_to(row_expr, node)->args, items, n, err);
}

static int check_row_sizes(struct binder *b, uint32_t n, uint32_t m, const struct ast_node *at, struct err *err)
{
    if (n == m && n > 0)
        return 0;
    err_set(err, ERR_SYNTAX_ERROR, n == m ? "cannot compare rows of zero length" : "unequal number of entries in row expressions");
    return bind_error(b, at, err);
}

/* a op b, where either may be a row. */
static int bind_pair(struct binder *b, struct scope *s, const struct ast_list *name, const struct ast_node *left,
                     const struct ast_node *right, const struct ast_node *at, struct expr **out, struct err *err)
{
    if (ast_is(row_expr, left) && ast_is(row_expr, right)) {
        struct expr **l, **r;
        uint32_t n, m;
        int rc = bind_row_items(b, s, left, &l, &n, err);
        if (rc == 0)
            rc = bind_row_items(b, s, right, &r, &m, err);
        if (rc == 0)
            rc = check_row_sizes(b, n, m, at, err);
        return rc ? rc : compare_rows(b, ast_string_at(name, ast_count(name) - 1), l, r, n, at, out, err);
    }
    struct expr *l, *r;
    int rc = bind_expr(b, s, left, &l, err);
    if (rc == 0)
        rc = bind_expr(b, s, right, &r, err);
    return rc ? rc : resolve_oper(b, name, l, r, at, out, err);
}

/* A chain a op b op c is left-deep; folded in a loop so that depth costs no stack. */
static int bind_op(struct binder *b, struct scope *s, const struct ast_a_expr *e, struct expr **out, struct err *err)
{
    uint32_t n = ast_count(e->args);
    struct expr *left;
    if (n == 1) {
        int rc = bind_expr(b, s, e->args->items[0], &left, err);
        return rc ? rc : resolve_oper(b, e->name, NULL, left, &e->node, out, err);
    }
    int rc = bind_pair(b, s, e->name, e->args->items[0], e->args->items[1], &e->node, &left, err);
    for (uint32_t i = 2; rc == 0 && i < n; i++) {
        struct expr *right;
        rc = bind_expr(b, s, e->args->items[i], &right, err);
        if (rc == 0)
            rc = resolve_oper(b, e->name, left, right, &e->node, &left, err);
    }
    if (rc == 0)
        *out = left;
    return rc;
}

static int bind_op_array(struct binder *b, struct scope *s, const struct ast_a_expr *e, struct expr **out,
                         struct err *err)
{
    struct expr *left, *array;
    int rc = bind_expr(b, s, e->args->items[0], &left, err);
    if (rc == 0)
        rc = bind_expr(b, s, e->args->items[1], &array, err);
    if (rc)
        return rc;
    if (array->type == TYPE_UNKNOWN) {
        uint32_t elem = left->type == TYPE_UNKNOWN ? TYPE_TEXT : left->type;
        const struct type_info *t = type_info(elem);
        rc = coerce_to(b, array, t && t->array ? t->array : TYPE_TEXT_ARRAY, -1, COERCE_IMPLICIT, &array, err);
        if (rc)
            return rc;
    }
    const struct type_info *t = type_info(array->type);
    uint32_t elem = array->type == TYPE_INT2VECTOR ? TYPE_INT2 : array->type == TYPE_OIDVECTOR ? TYPE_OID : t ? t->elem : 0;
    if (!elem) {
        err_set(err, ERR_WRONG_OBJECT_TYPE, "op ANY/ALL (array) requires array on right side");
        return bind_error(b, &e->node, err);
    }
    struct expr *item = expr_column(b->arena, UINT32_MAX, 0, elem, -1), *test;
    rc = resolve_oper(b, e->name, left, item, &e->node, &test, err);
    if (rc)
        return rc;
    if (test->type != TYPE_BOOL) {
        err_set(err, ERR_WRONG_OBJECT_TYPE, "op ANY/ALL (array) requires operator to yield boolean");
        return bind_error(b, &e->node, err);
    }
    uint32_t wanted = test->args[1]->type;
    if (wanted != elem && type_info(wanted) && type_info(wanted)->array) {
        rc = coerce_to(b, array, type_info(wanted)->array, -1, COERCE_EXPLICIT, &array, err);
        if (rc)
            return rc;
    }
    *out = expr_new(b->arena, EXPR_ANY_ARRAY, TYPE_BOOL, -1, 2);
    (*out)->args[0] = test->args[0];
    (*out)->args[1] = array;
    (*out)->func = test->func;
    (*out)->oper = test->oper;
    (*out)->sub = e->kind == AST_EXPR_OP_ALL;
    return 0;
}

/* value IN (list): one EXPR_IN where all can share a type, else an OR of equalities. */
static int in_as_list(struct binder *b, struct expr **items, uint32_t n, bool negated, const struct ast_node *at,
                      struct expr **out, bool *done, struct err *err)
{
    uint32_t type;
    *done = false;
    if (coerce_common(b, items, n, "IN", &type, NULL) != 0)
        return 0;
    for (uint32_t i = 0; i < n; i++)
        if (!coerce_possible(items[i]->type, type, COERCE_IMPLICIT))
            return 0;
    struct expr *e = expr_new(b->arena, EXPR_IN, TYPE_BOOL, -1, n);
    for (uint32_t i = 0; i < n; i++) {
        int rc = coerce_to(b, items[i], type, -1, COERCE_IMPLICIT, &e->args[i], err);
        if (rc)
            return rc;
    }
    int rc = resolve_equal(b, type, &e->func, &e->oper, at, err);
    e->sub = negated;
    *out = e;
    *done = true;
    return rc;
}

static int bind_in_rows(struct binder *b, struct scope *s, const struct ast_a_expr *e, bool negated, struct expr **out,
                        struct err *err)
{
    uint32_t n = ast_count(e->args);
    struct expr **terms = arena_array(b->arena, struct expr *, n);
    struct ast_list *equal = ast_name_list(b->arena, NULL, "=");
    for (uint32_t i = 1; i < n; i++) {
        int rc = bind_pair(b, s, equal, e->args->items[0], e->args->items[i], &e->node, &terms[i - 1], err);
        if (rc)
            return rc;
    }
    struct expr *any = expr_or(b->arena, terms, n - 1);
    *out = negated ? expr_not(b->arena, any) : any;
    return 0;
}

static int bind_in(struct binder *b, struct scope *s, const struct ast_a_expr *e, struct expr **out, struct err *err)
{
    bool negated = strcmp(ast_string_at(e->name, 0), "<>") == 0;
    if (ast_is(row_expr, e->args->items[0]))
        return bind_in_rows(b, s, e, negated, out, err);
    struct expr **items;
    uint32_t n;
    int rc = bind_list(b, s, e->args, &items, &n, err);
    bool done = false;
    if (rc == 0)
        rc = in_as_list(b, items, n, negated, &e->node, out, &done, err);
    if (rc || done)
        return rc;
    struct expr **terms = arena_array(b->arena, struct expr *, n);
    for (uint32_t i = 1; i < n; i++) {
        rc = resolve_oper_name(b, "=", items[0], items[i], &e->node, &terms[i - 1], err);
        if (rc)
            return rc;
    }
    struct expr *any = expr_or(b->arena, terms, n - 1);
    *out = negated ? expr_not(b->arena, any) : any;
    return 0;
}

static int call_named(struct binder *b, const char *name, struct expr **args, uint32_t n, const struct ast_node *at,
                      struct expr **out, struct err *err)
{
    const struct func_info *func;
    uint32_t result;
    int rc = resolve_func(b, ast_name_list(b->arena, NULL, name), args, n, false, at, &func, &result, err);
    if (rc == 0) {
        *out = expr_call(b->arena, func->oid, result, args, n);
        if (!func->kernel)
            return refuse(b, name, at, err);
    }
    return rc;
}

/* LIKE, ILIKE, SIMILAR TO: the escape turns the pattern into one with the default escape. */
static int bind_like(struct binder *b, struct scope *s, const struct ast_a_expr *e, struct expr **out, struct err *err)
{
    struct expr **args;
    uint32_t n;
    int rc = bind_list(b, s, e->args, &args, &n, err);
    if (rc)
        return rc;
    struct expr *pattern = args[1];
    if (e->kind == AST_EXPR_SIMILAR) {
        struct expr *parts[2] = {args[1], n > 2 ? args[2] : NULL};
        rc = call_named(b, "similar_to_escape", parts, n > 2 ? 2 : 1, &e->node, &pattern, err);
    } else if (n > 2) {
        struct expr *parts[2] = {args[1], args[2]};
        rc = call_named(b, "like_escape", parts, 2, &e->node, &pattern, err);
    }
    return rc ? rc : resolve_oper(b, e->name, args[0], pattern, &e->node, out, err);
}

static int bind_range(struct binder *b, struct expr *v, struct expr *low, struct expr *high, bool negated,
                      const struct ast_node *at, struct expr **out, struct err *err)
{
    struct expr *terms[2];
    int rc = resolve_oper_name(b, negated ? "<" : ">=", v, low, at, &terms[0], err);
    if (rc == 0)
        rc = resolve_oper_name(b, negated ? ">" : "<=", v, high, at, &terms[1], err);
    if (rc == 0)
        *out = negated ? expr_or(b->arena, terms, 2) : expr_and(b->arena, terms, 2);
    return rc;
}

static int bind_between(struct binder *b, struct scope *s, const struct ast_a_expr *e, struct expr **out,
                        struct err *err)
{
    struct expr **args;
    uint32_t n;
    int rc = bind_list(b, s, e->args, &args, &n, err);
    if (rc)
        return rc;
    bool negated = e->kind == AST_EXPR_NOT_BETWEEN || e->kind == AST_EXPR_NOT_BETWEEN_SYM;
    struct expr *terms[2];
    rc = bind_range(b, args[0], args[1], args[2], negated, &e->node, &terms[0], err);
    if (rc || e->kind == AST_EXPR_BETWEEN || e->kind == AST_EXPR_NOT_BETWEEN) {
        *out = terms[0];
        return rc;
    }
    rc = bind_range(b, args[0], args[2], args[1], negated, &e->node, &terms[1], err);
    if (rc == 0)
        *out = negated ? expr_and(b->arena, terms, 2) : expr_or(b->arena, terms, 2);
    return rc;
}

static int bind_distinct(struct binder *b, struct scope *s, const struct ast_a_expr *e, struct expr **out,
                         struct err *err)
{
    struct expr *l, *r, *test;
    int rc = bind_expr(b, s, e->args->items[0], &l, err);
    if (rc == 0)
        rc = bind_expr(b, s, e->args->items[1], &r, err);
    if (rc == 0)
        rc = resolve_oper_name(b, "=", l, r, &e->node, &test, err);
    if (rc)
        return rc;
    bool nullif = e->kind == AST_EXPR_NULLIF;
    struct expr *x = expr_new(b->arena, nullif ? EXPR_NULLIF : EXPR_DISTINCT, nullif ? test->args[0]->type : TYPE_BOOL,
                              -1, 2);
    x->args[0] = test->args[0];
    x->args[1] = test->args[1];
    x->func = test->func;
    x->oper = test->oper;
    x->sub = e->kind == AST_EXPR_NOT_DISTINCT;
    *out = x;
    return 0;
}

static int bind_a_expr(struct binder *b, struct scope *s, const struct ast_a_expr *e, struct expr **out,
                       struct err *err)
{
    switch (e->kind) {
    case AST_EXPR_OP: return bind_op(b, s, e, out, err);
    case AST_EXPR_OP_ANY:
    case AST_EXPR_OP_ALL: return bind_op_array(b, s, e, out, err);
    case AST_EXPR_DISTINCT:
    case AST_EXPR_NOT_DISTINCT:
    case AST_EXPR_NULLIF: return bind_distinct(b, s, e, out, err);
    case AST_EXPR_IN: return bind_in(b, s, e, out, err);
    case AST_EXPR_LIKE:
    case AST_EXPR_ILIKE:
    case AST_EXPR_SIMILAR: return bind_like(b, s, e, out, err);
    default: return bind_between(b, s, e, out, err);
    }
}

static int bind_bool_expr(struct binder *b, struct scope *s, const struct ast_bool_expr *e, struct expr **out,
                          struct err *err)
{
    static const char *const names[] = {"AND", "OR", "NOT"};
    struct expr **args;
    uint32_t n;
    int rc = bind_list(b, s, e->args, &args, &n, err);
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        rc = coerce_bool(b, args[i], names[e->kind], &args[i], err);
    if (rc)
        return rc;
    *out = e->kind == AST_BOOL_NOT  ? expr_not(b->arena, args[0])
           : e->kind == AST_BOOL_OR ? expr_or(b->arena, args, n)
                                    : expr_and(b->arena, args, n);
    return 0;
}

/* ---- the rest ---- */

static int bind_cast(struct binder *b, struct scope *s, const struct ast_type_cast *c, struct expr **out,
                     struct err *err)
{
    uint32_t type;
    int32_t typmod;
    int rc = bind_type_name(b->opt, c->type, b->arena, &type, &typmod, err);
    if (rc)
        return rc;
    struct expr *arg;
    if (ast_is(array_expr, c->arg) && type_info(type)->elem) {
        /* ARRAY[...]::t[]: elements take the type, so that ARRAY[]::int[] and unknowns work. */
        const struct ast_list *list = ast_to(array_expr, c->arg)->elements;
        struct expr *e = expr_new(b->arena, EXPR_ARRAY, type, -1, ast_count(list));
        for (uint32_t i = 0; i < ast_count(list); i++) {
            rc = bind_expr(b, s, list->items[i], &arg, err);
            if (rc == 0)
                rc = coerce_to(b, arg, type_info(type)->elem, typmod, COERCE_EXPLICIT, &e->args[i], err);
            if (rc)
                return rc;
        }
        *out = e;
        return 0;
    }
    rc = bind_expr(b, s, c->arg, &arg, err);
    if (rc)
        return rc;
    if (arg->type != type && arg->type != TYPE_UNKNOWN)
        arg->position = (int32_t)c->node.at + 1;
    rc = coerce_to(b, arg, type, typmod, COERCE_EXPLICIT, out, err);
    if (rc == 0 && *out == arg && arg->typmod >= 0 && typmod < 0) {
        *out = expr_clone(b->arena, arg);
        (*out)->typmod = -1;
    }
    return rc;
}

static int bind_case(struct binder *b, struct scope *s, const struct ast_case_expr *c, struct expr **out,
                     struct err *err)
{
    uint32_t n = ast_count(c->whens);
    struct expr *e = expr_new(b->arena, EXPR_CASE, TYPE_UNKNOWN, -1, n * 2 + 1);
    struct expr **results = arena_array(b->arena, struct expr *, n + 1);
    struct expr *subject = NULL;
    int rc = c->arg ? bind_expr(b, s, c->arg, &subject, err) : 0;
    if (rc == 0 && subject)
        rc = coerce_unknown_text(b, subject, &subject, err);
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        const struct ast_case_when *w = ast_to(case_when, c->whens->items[i]);
        struct expr *test;
        rc = bind_expr(b, s, w->expr, &test, err);
        if (rc == 0 && subject)
            rc = resolve_oper_name(b, "=", subject, test, &w->node, &test, err);
        if (rc == 0)
            rc = coerce_bool(b, test, "CASE/WHEN", &e->args[i * 2], err);
        if (rc == 0)
            rc = bind_expr(b, s, w->result, &results[i], err);
    }
    if (rc)
        return rc;
    if (c->otherwise)
        rc = bind_expr(b, s, c->otherwise, &results[n], err);
    else
        results[n] = expr_const_null(b->arena, TYPE_UNKNOWN, -1);
    if (rc)
        return rc;
    /* PostgreSQL looks at the ELSE first when it chooses the type. */
    struct expr **ordered = arena_array(b->arena, struct expr *, n + 1);
    ordered[0] = results[n];
    memcpy(ordered + 1, results, n * sizeof *results);
    rc = coerce_common(b, ordered, n + 1, "CASE", &e->type, err);
    for (uint32_t i = 0; rc == 0 && i <= n; i++)
        rc = coerce_to(b, results[i], e->type, -1, COERCE_IMPLICIT, &e->args[i < n ? i * 2 + 1 : n * 2], err);
    e->typmod = coerce_common_typmod(ordered, n + 1, e->type);
    *out = e;
    return rc;
}

static int bind_common_call(struct binder *b, struct scope *s, const struct ast_list *list, enum expr_op op,
                            const char *what, struct expr **out, struct err *err)
{
    struct expr **args;
    uint32_t n, type;
    int rc = bind_list(b, s, list, &args, &n, err);
    if (rc == 0)
        rc = coerce_common(b, args, n, what, &type, err);
    if (rc)
        return rc;
    struct expr *e = expr_new(b->arena, op, type, coerce_common_typmod(args, n, type), n);
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        rc = coerce_to(b, args[i], type, -1, COERCE_IMPLICIT, &e->args[i], err);
    *out = e;
    return rc;
}

static int bind_array(struct binder *b, struct scope *s, const struct ast_array_expr *a, struct expr **out,
                      struct err *err)
{
    if (ast_count(a->elements) == 0) {
        err_set(err, ERR_INDETERMINATE_DATATYPE, "cannot determine type of empty array");
        err_hint(err, "Explicitly cast to the desired type, for example ARRAY[]::integer[].");
        return bind_error(b, &a->node, err);
    }
    int rc = bind_common_call(b, s, a->elements, EXPR_ARRAY, "ARRAY", out, err);
    if (rc)
        return rc;
    const struct type_info *t = type_info((*out)->type);
    if (!t || !t->array || t->category == 'A')
        return refuse(b, "an array of this type", &a->node, err);
    (*out)->type = t->array;
    return 0;
}

static int bind_value_function(struct binder *b, const struct ast_sql_value_function *f, struct expr **out,
                               struct err *err)
{
    static const struct { uint32_t func, type; const char *name; } table[] = {
        [AST_CURRENT_DATE] = {1299, TYPE_DATE, "current_date"},
        [AST_CURRENT_TIME] = {1299, TYPE_TIMETZ, "current_time"},
        [AST_CURRENT_TIMESTAMP] = {1299, TYPE_TIMESTAMPTZ, "current_timestamp"},
        [AST_LOCALTIME] = {1299, TYPE_TIME, "localtime"},
        [AST_LOCALTIMESTAMP] = {1299, TYPE_TIMESTAMP, "localtimestamp"},
        [AST_CURRENT_ROLE] = {745, TYPE_NAME, "current_role"},
        [AST_CURRENT_USER] = {745, TYPE_NAME, "current_user"},
        [AST_USER] = {745, TYPE_NAME, "user"},
        [AST_SESSION_USER] = {746, TYPE_NAME, "session_user"},
        [AST_CURRENT_CATALOG] = {861, TYPE_NAME, "current_catalog"},
        [AST_CURRENT_SCHEMA] = {1402, TYPE_NAME, "current_schema"},
    };
    const struct func_info *info = func_info(table[f->kind].func);
    if (!info || !info->kernel)
        return refuse(b, table[f->kind].name, &f->node, err);
    struct expr *e = expr_call(b->arena, info->oid, info->result, NULL, 0);
    e->form = EXPR_FORM_SQL_SYNTAX;
    e->position = (int32_t)f->node.at + 1;
    return coerce_to(b, e, table[f->kind].type, (int32_t)f->typmod, COERCE_EXPLICIT, out, err);
}

static int bind_indirection(struct binder *b, struct scope *s, const struct ast_a_indirection *a, struct expr **out,
                            struct err *err)
{
    struct expr *e;
    int rc = bind_expr(b, s, a->arg, &e, err);
    for (uint32_t i = 0; rc == 0 && i < ast_count(a->indirection); i++) {
        const struct ast_node *step = a->indirection->items[i];
        if (!ast_is(a_indices, step))
            return refuse(b, "selecting a field of a composite value", step, err);
        const struct ast_a_indices *x = ast_to(a_indices, step);
        if (x->is_slice)
            return refuse(b, "an array slice", step, err);
        const struct type_info *t = type_info(e->type);
        uint32_t elem = e->type == TYPE_INT2VECTOR ? TYPE_INT2 : e->type == TYPE_OIDVECTOR ? TYPE_OID : t ? t->elem : 0;
        if (!elem || e->type == TYPE_NAME) {
            err_set(err, ERR_DATATYPE_MISMATCH, "cannot subscript type %s because it does not support subscripting",
                    type_name(e->type, b->arena));
            return bind_error(b, &a->node, err);
        }
        struct expr *sub = expr_new(b->arena, EXPR_SUBSCRIPT, elem, -1, 2);
        sub->args[0] = e;
        rc = bind_expr(b, s, x->upper, &sub->args[1], err);
        if (rc == 0)
            rc = coerce_to(b, sub->args[1], TYPE_INT4, -1, COERCE_ASSIGNMENT, &sub->args[1], err);
        e = sub;
    }
    *out = e;
    return rc;
}

static int bind_null_test(struct binder *b, struct scope *s, const struct ast_null_test *t, struct expr **out,
                          struct err *err)
{
    struct expr **items;
    uint32_t n = 1;
    if (ast_is(row_expr, t->arg)) {
        int rc = bind_row_items(b, s, t->arg, &items, &n, err);
        if (rc)
            return rc;
    } else {
        items = arena_array(b->arena, struct expr *, 1);
        int rc = bind_expr(b, s, t->arg, &items[0], err);
        if (rc)
            return rc;
    }
    for (uint32_t i = 0; i < n; i++) {
        int rc = coerce_unknown_text(b, items[i], &items[i], err);
        if (rc)
            return rc;
        struct expr *e = expr_new(b->arena, EXPR_IS_NULL, TYPE_BOOL, -1, 1);
        e->args[0] = items[i];
        e->sub = t->is_not;
        items[i] = e;
    }
    *out = expr_and(b->arena, items, n);
    return 0;
}

static int bind_boolean_test(struct binder *b, struct scope *s, const struct ast_boolean_test *t, struct expr **out,
                             struct err *err)
{
    static const uint8_t kinds[] = {EXPR_IS_TRUE,      EXPR_IS_NOT_TRUE, EXPR_IS_FALSE,
                                    EXPR_IS_NOT_FALSE, EXPR_IS_UNKNOWN,  EXPR_IS_NOT_UNKNOWN};
    static const char *const names[] = {"IS TRUE",      "IS NOT TRUE", "IS FALSE",
                                        "IS NOT FALSE", "IS UNKNOWN",  "IS NOT UNKNOWN"};
    struct expr *e = expr_new(b->arena, EXPR_BOOL_TEST, TYPE_BOOL, -1, 1);
    e->sub = kinds[t->kind];
    int rc = bind_expr(b, s, t->arg, &e->args[0], err);
    if (rc == 0)
        rc = coerce_bool(b, e->args[0], names[t->kind], &e->args[0], err);
    *out = e;
    return rc;
}

static int bind_collate(struct binder *b, struct scope *s, const struct ast_collate_clause *c, struct expr **out,
                        struct err *err)
{
    const char *name = ast_string_at(c->name, ast_count(c->name) - 1);
    static const char *const known[] = {"C", "POSIX", "default", "ucs_basic"};
    bool ok = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        ok |= strcmp(name, known[i]) == 0;
    if (!ok) {
        err_set(err, ERR_UNDEFINED_OBJECT, "collation \"%s\" for encoding \"UTF8\" does not exist", name);
        return bind_error(b, &c->node, err);
    }
    int rc = bind_expr(b, s, c->arg, out, err);
    return rc ? rc : coerce_unknown_text(b, *out, out, err);
}

static int bind_grouping(struct binder *b, struct scope *s, const struct ast_grouping_func *g, struct expr **out,
                         struct err *err)
{
    struct expr **args;
    uint32_t n;
    int rc = bind_list(b, s, g->args, &args, &n, err);
    if (rc)
        return rc;
    struct expr *e = expr_new(b->arena, EXPR_GROUPING, TYPE_INT4, -1, n);
    memcpy(e->args, args, n * sizeof *args);
    s->has_agg = true;
    *out = e;
    return 0;
}

static int bind_row(struct binder *b, struct scope *s, const struct ast_row_expr *r, struct expr **out,
                    struct err *err)
{
    struct expr **args;
    uint32_t n;
    int rc = bind_list(b, s, r->args, &args, &n, err);
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        rc = coerce_unknown_text(b, args[i], &args[i], err);
    if (rc)
        return rc;
    *out = expr_new(b->arena, EXPR_ROW, TYPE_RECORD, -1, n);
    memcpy((*out)->args, args, n * sizeof *args);
    return 0;
}

static int bind_node(struct binder *b, struct scope *s, const struct ast_node *node, struct expr **out,
                     struct err *err)
{
    switch ((enum ast_tag)node->tag) {
    case AST_a_const: return bind_const(b, ast_to(a_const, node), out, err);
    case AST_column_ref: return scope_find_column(b, s, ast_to(column_ref, node), out, err);
    case AST_param_ref: return bind_param(b, ast_to(param_ref, node), out, err);
    case AST_a_expr: return bind_a_expr(b, s, ast_to(a_expr, node), out, err);
    case AST_bool_expr: return bind_bool_expr(b, s, ast_to(bool_expr, node), out, err);
    case AST_null_test: return bind_null_test(b, s, ast_to(null_test, node), out, err);
    case AST_boolean_test: return bind_boolean_test(b, s, ast_to(boolean_test, node), out, err);
    case AST_func_call: return bind_call(b, s, ast_to(func_call, node), out, err);
    case AST_type_cast: return bind_cast(b, s, ast_to(type_cast, node), out, err);
    case AST_collate_clause: return bind_collate(b, s, ast_to(collate_clause, node), out, err);
    case AST_a_indirection: return bind_indirection(b, s, ast_to(a_indirection, node), out, err);
    case AST_array_expr: return bind_array(b, s, ast_to(array_expr, node), out, err);
    case AST_row_expr: return bind_row(b, s, ast_to(row_expr, node), out, err);
    case AST_case_expr: return bind_case(b, s, ast_to(case_expr, node), out, err);
    case AST_coalesce_expr:
        return bind_common_call(b, s, ast_to(coalesce_expr, node)->args, EXPR_COALESCE, "COALESCE", out, err);
    case AST_min_max_expr: {
        bool least = ast_to(min_max_expr, node)->kind == AST_LEAST;
        return bind_common_call(b, s, ast_to(min_max_expr, node)->args, least ? EXPR_LEAST : EXPR_GREATEST,
                                least ? "LEAST" : "GREATEST", out, err);
    }
    case AST_sql_value_function: return bind_value_function(b, ast_to(sql_value_function, node), out, err);
    case AST_sub_link: return bind_sub_link(b, s, ast_to(sub_link, node), out, err);
    case AST_grouping_func: return bind_grouping(b, s, ast_to(grouping_func, node), out, err);
    case AST_set_to_default:
        err_set(err, ERR_SYNTAX_ERROR, "DEFAULT is not allowed in this context");
        return bind_error(b, node, err);
    case AST_current_of: return refuse(b, "WHERE CURRENT OF", node, err);
    case AST_named_arg: return refuse(b, "calling a function with named arguments", node, err);
    case AST_unsupported_expr: return refuse(b, ast_to(unsupported_expr, node)->name, node, err);
    default: return refuse(b, ast_info((enum ast_tag)node->tag)->name, node, err);
    }
}
