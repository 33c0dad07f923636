/* bind_select.c: SELECT, VALUES and set operations. */
#include <stdlib.h>
#include <string.h>

#include "planner/bind/bind_int.h"
#include "storage/kv.h"

/* ---- target list ---- */

/* The name PostgreSQL gives an unnamed output column (FigureColname). */
static const char *figure_name(const struct ast_node *node)
{
    switch ((enum ast_tag)ast_tag_of(node)) {
    case AST_column_ref: {
        const struct ast_list *f = ast_to(column_ref, node)->fields;
        return ast_string_at(f, ast_count(f) - 1);
    }
    case AST_func_call: {
        const struct ast_list *n = ast_to(func_call, node)->name;
        return ast_string_at(n, ast_count(n) - 1);
    }
    case AST_type_cast: {
        const char *inner = figure_name(ast_to(type_cast, node)->arg);
        if (inner)
            return inner;
        const struct ast_list *n = ast_to(type_cast, node)->type->names;
        return ast_string_at(n, ast_count(n) - 1);
    }
    case AST_a_expr: return ast_to(a_expr, node)->kind == AST_EXPR_NULLIF ? "nullif" : NULL;
    case AST_collate_clause: return figure_name(ast_to(collate_clause, node)->arg);
    case AST_case_expr: {
        const char *inner = figure_name(ast_to(case_expr, node)->otherwise);
        return inner ? inner : "case";
    }
    case AST_coalesce_expr: return "coalesce";
    case AST_min_max_expr: return ast_to(min_max_expr, node)->kind == AST_LEAST ? "least" : "greatest";
    case AST_array_expr: return "array";
    case AST_row_expr: return "row";
    case AST_grouping_func: return "grouping";
    case AST_a_indirection: return figure_name(ast_to(a_indirection, node)->arg);
    case AST_sql_value_function: {
        static const char *const names[] = {
            [AST_CURRENT_DATE] = "current_date", [AST_CURRENT_TIME] = "current_time",
            [AST_CURRENT_TIMESTAMP] = "current_timestamp", [AST_LOCALTIME] = "localtime",
            [AST_LOCALTIMESTAMP] = "localtimestamp", [AST_CURRENT_ROLE] = "current_role",
            [AST_CURRENT_USER] = "current_user", [AST_USER] = "user", [AST_SESSION_USER] = "session_user",
            [AST_CURRENT_CATALOG] = "current_catalog", [AST_CURRENT_SCHEMA] = "current_schema"};
        return names[ast_to(sql_value_function, node)->kind];
    }
    case AST_sub_link: {
        const struct ast_sub_link *l = ast_to(sub_link, node);
        if (l->kind == AST_SUB_EXISTS)
            return "exists";
        if (l->kind == AST_SUB_ARRAY)
            return "array";
        if (l->kind == AST_SUB_EXPR && ast_is(select_stmt, l->query)) {
            const struct ast_select_stmt *q = ast_to(select_stmt, l->query);
            if (ast_count(q->targets) == 1) {
                const struct ast_res_target *t = ast_to(res_target, q->targets->items[0]);
                return t->name ? t->name : figure_name(t->val);
            }
        }
        return NULL;
    }
    default: return NULL;
    }
}

static bool is_star(const struct ast_node *node)
{
    if (!ast_is(column_ref, node))
        return false;
    const struct ast_list *f = ast_to(column_ref, node)->fields;
    return ast_is(star, f->items[ast_count(f) - 1]);
}

/* Marks targets that are plain table columns, for the wire protocol's row description. */
static void note_origin(struct binder *b, struct target *t)
{
    if (t->expr->op != EXPR_COLUMN)
        return;
    const struct rel *rel = bind_rel(b, t->expr->rel);
    if (rel && rel->kind == REL_TABLE && t->expr->index < rel->n_columns) {
        t->table_oid = rel->object->oid;
        t->attnum = rel->columns[t->expr->index].attnum;
    }
}

int bind_targets(struct binder *b, struct scope *s, const struct ast_list *list, struct target **targets, uint32_t *n,
                 struct err *err)
{
    uint32_t cap = 0;
    *targets = NULL;
    *n = 0;
    for (uint32_t i = 0; i < ast_count(list); i++) {
        const struct ast_res_target *item = ast_to(res_target, list->items[i]);
        int rc;
        if (is_star(item->val)) {
            rc = scope_expand_star(b, s, ast_to(column_ref, item->val), targets, n, &cap, err);
        } else {
            struct target t = {0};
            rc = bind_expr(b, s, item->val, &t.expr, err);
            if (rc == 0 && !s->keep_unknown)
                rc = coerce_unknown_text(b, t.expr, &t.expr, err);
            t.name = item->name ? item->name : figure_name(item->val);
            if (!t.name)
                t.name = "?column?";
            *targets = bind_grow(b, *targets, *n, &cap, sizeof **targets);
            (*targets)[(*n)++] = t;
        }
        if (rc)
            return rc;
    }
    for (uint32_t i = 0; i < *n; i++)
        note_origin(b, &(*targets)[i]);
    return 0;
}

uint32_t bind_add_target(struct binder *b, struct query *q, struct expr *e)
{
    for (uint32_t i = 0; i < q->n_targets; i++)
        if (expr_equal(q->targets[i].expr, e))
            return i;
    struct target *all = arena_array(b->arena, struct target, q->n_targets + 1);
    if (q->n_targets)
        memcpy(all, q->targets, q->n_targets * sizeof *all);
    all[q->n_targets] = (struct target){.expr = e, .name = "?column?", .junk = true};
    q->targets = all;
    return q->n_targets++;
}

/* ---- ORDER BY, GROUP BY, DISTINCT: items that may name an output column ---- */

static int find_output_name(struct binder *b, const struct query *q, const struct ast_node *node, const char *clause,
                            int32_t *found, struct err *err)
{
    *found = -1;
    if (!ast_is(column_ref, node) || ast_count(ast_to(column_ref, node)->fields) != 1 ||
        is_star(node))
        return 0;
    const char *name = ast_string_at(ast_to(column_ref, node)->fields, 0);
    for (uint32_t i = 0; i < q->n_targets; i++) {
        if (q->targets[i].junk || strcmp(q->targets[i].name, name) != 0)
            continue;
        if (*found >= 0 && !expr_equal(q->targets[*found].expr, q->targets[i].expr)) {
            err_set(err, ERR_AMBIGUOUS_COLUMN, "%s \"%s\" is ambiguous", clause, name);
            return bind_error(b, node, err);
        }
        if (*found < 0)
            *found = (int32_t)i;
    }
    return 0;
}

static int find_position(struct binder *b, const struct query *q, const struct ast_node *node, const char *clause,
                         int32_t *found, struct err *err)
{
    *found = -1;
    if (!ast_is(a_const, node))
        return 0;
    const struct ast_a_const *c = ast_to(a_const, node);
    if (c->kind != AST_CONST_INT) {
        err_set(err, ERR_SYNTAX_ERROR, "non-integer constant in %s", clause);
        return bind_error(b, node, err);
    }
    for (uint32_t i = 0, at = 0; i < q->n_targets; i++)
        if (!q->targets[i].junk && ++at == c->ival)
            *found = (int32_t)i;
    if (*found < 0) {
        err_set(err, ERR_INVALID_COLUMN_REFERENCE, "%s position %lld is not in select list", clause, (long long)c->ival);
        return bind_error(b, node, err);
    }
    return 0;
}

static int check_sortable(struct binder *b, const struct expr *e, const struct ast_node *at, struct err *err)
{
    const struct type_info *t = type_info(e->type);
    if (t && (t->flags & TYPE_ORDERED))
        return 0;
    err_set(err, ERR_UNDEFINED_FUNCTION, "could not identify an ordering operator for type %s",
            type_name(e->type, b->arena));
    err_hint(err, "Use an explicit ordering operator or modify the query.");
    return bind_error(b, at, err);
}

static int bind_sort_target(struct binder *b, struct scope *s, struct query *q, const struct ast_node *node,
                            const char *clause, uint32_t *target, struct err *err)
{
    int32_t found;
    int rc = find_position(b, q, node, clause, &found, err);
    if (rc == 0 && found < 0)
        rc = find_output_name(b, q, node, clause, &found, err);
    if (rc)
        return rc;
    if (found >= 0) {
        *target = (uint32_t)found;
        return 0;
    }
    if (q->set != SET_NONE) {
        err_set(err, ERR_FEATURE_NOT_SUPPORTED, "invalid UNION/INTERSECT/EXCEPT ORDER BY clause");
        err_detail(err, "Only result column names can be used, not expressions or functions.");
        err_hint(err, "Add the expression/function to every SELECT, or move the UNION into a FROM clause.");
        return bind_error(b, node, err);
    }
    enum clause before = s->clause;
    s->clause = CLAUSE_ORDER;
    struct expr *e;
    rc = bind_expr(b, s, node, &e, err);
    if (rc == 0)
        rc = coerce_unknown_text(b, e, &e, err);
    s->clause = before;
    if (rc == 0)
        *target = bind_add_target(b, q, e);
    return rc;
}

static int bind_order(struct binder *b, struct scope *s, struct query *q, const struct ast_list *list, struct err *err)
{
    q->n_sort = 0;
    q->sort = arena_array(b->arena, struct sort_item, ast_count(list) + 1);
    for (uint32_t i = 0; i < ast_count(list); i++) {
        const struct ast_sort_by *item = ast_to(sort_by, list->items[i]);
        struct sort_item sort = {.desc = item->dir == AST_SORT_DESC};
        if (item->dir == AST_SORT_USING)
            sort.desc = strcmp(ast_string_at(item->using_op, ast_count(item->using_op) - 1), ">") == 0;
        sort.nulls_first = item->nulls == AST_NULLS_DEFAULT ? sort.desc : item->nulls == AST_NULLS_FIRST;
        int rc = bind_sort_target(b, s, q, item->expr, "ORDER BY", &sort.target, err);
        if (rc == 0)
            rc = check_sortable(b, q->targets[sort.target].expr, item->expr, err);
        if (rc)
            return rc;
        bool again = false;
        for (uint32_t k = 0; k < q->n_sort; k++)
            again |= q->sort[k].target == sort.target;
        if (!again)
            q->sort[q->n_sort++] = sort;
    }
    return 0;
}

/* ---- GROUP BY ---- */

static uint32_t add_group(struct binder *b, struct query *q, struct expr *e)
{
    for (uint32_t i = 0; i < q->n_group; i++)
        if (expr_equal(q->group[i], e))
            return i;
    struct expr **all = arena_array(b->arena, struct expr *, q->n_group + 1);
    if (q->n_group)
        memcpy(all, q->group, q->n_group * sizeof *all);
    all[q->n_group] = e;
    q->group = all;
    return q->n_group++;
}

static int bind_group_expr(struct binder *b, struct scope *s, struct query *q, const struct ast_node *node,
                           uint32_t *at, struct err *err)
{
    int32_t found;
    int rc = find_position(b, q, node, "GROUP BY", &found, err);
    struct expr *e = NULL;
    if (rc)
        return rc;
    if (found < 0 && ast_is(column_ref, node)) {
        /* An input column is meant before an output name. */
        struct err ignored;
        if (scope_find_column(b, s, ast_to(column_ref, node), &e, &ignored) != 0) {
            e = NULL;
            rc = find_output_name(b, q, node, "GROUP BY", &found, err);
            if (rc)
                return rc;
        }
    }
    if (found >= 0)
        e = q->targets[found].expr;
    if (!e) {
        enum clause before = s->clause;
        s->clause = CLAUSE_GROUP;
        rc = bind_expr(b, s, node, &e, err);
        s->clause = before;
    }
    if (rc == 0)
        rc = coerce_unknown_text(b, e, &e, err);
    if (rc)
        return rc;
    if (expr_traits(e) & (EXPR_HAS_AGG | EXPR_HAS_WINDOW)) {
        err_set(err, ERR_GROUPING_ERROR, "%s are not allowed in GROUP BY",
                expr_traits(e) & EXPR_HAS_AGG ? "aggregate functions" : "window functions");
        return bind_error(b, node, err);
    }
    rc = check_sortable(b, e, node, err);
    if (rc == 0)
        *at = add_group(b, q, e);
    return rc;
}

struct set_list {
    struct plan_list_u32 *items;
    uint32_t n, cap;
};

static void add_set(struct binder *b, struct set_list *list, const uint32_t *items, uint32_t n)
{
    list->items = bind_grow(b, list->items, list->n, &list->cap, sizeof *list->items);
    list->items[list->n++] = (struct plan_list_u32){n, arena_memdup(b->arena, items, n * sizeof *items)};
}

/* The grouping sets one GROUP BY item stands for. */
static int expand_group_item(struct binder *b, struct scope *s, struct query *q, const struct ast_node *node,
                             struct set_list *out, struct err *err)
{
    if (!ast_is(grouping_set, node)) {
        const struct ast_list *row = ast_is(row_expr, node) ? ast_to(row_expr, node)->args : NULL;
        uint32_t n = row ? ast_count(row) : 1, *items = arena_array(b->arena, uint32_t, n + 1);
        for (uint32_t i = 0; i < n; i++) {
            int rc = bind_group_expr(b, s, q, row ? row->items[i] : node, &items[i], err);
            if (rc)
                return rc;
        }
        add_set(b, out, items, n);
        return 0;
    }
    const struct ast_grouping_set *g = ast_to(grouping_set, node);
    uint32_t n = ast_count(g->content);
    if (g->kind == AST_GROUPING_EMPTY) {
        add_set(b, out, NULL, 0);
        return 0;
    }
    if (g->kind == AST_GROUPING_SETS) {
        for (uint32_t i = 0; i < n; i++) {
            int rc = expand_group_item(b, s, q, g->content->items[i], out, err);
            if (rc)
                return rc;
        }
        return 0;
    }
    if (g->kind == AST_GROUPING_CUBE && n > 12)
        return err_set(err, ERR_TOO_MANY_COLUMNS, "CUBE is limited to 12 elements");
    struct set_list parts = {0};
    for (uint32_t i = 0; i < n; i++) {
        int rc = expand_group_item(b, s, q, g->content->items[i], &parts, err);
        if (rc)
            return rc;
    }
    uint32_t total = g->kind == AST_GROUPING_ROLLUP ? n + 1 : 1u << n;
    for (uint32_t k = 0; k < total; k++) {
        uint32_t *items = arena_array(b->arena, uint32_t, 64), count = 0;
        uint32_t mask = g->kind == AST_GROUPING_ROLLUP ? (1u << (n - k)) - 1 : total - 1 - k;
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t j = 0; (mask >> i & 1) && j < parts.items[i].n && count < 64; j++)
                items[count++] = parts.items[i].items[j];
        add_set(b, out, items, count);
    }
    return 0;
}

static int bind_group_by(struct binder *b, struct scope *s, struct query *q, const struct ast_list *list,
                         struct err *err)
{
    bool sets = false;
    struct set_list all = {0};
    add_set(b, &all, NULL, 0);
    for (uint32_t i = 0; i < ast_count(list); i++) {
        struct set_list item = {0}, product = {0};
        sets |= ast_is(grouping_set, list->items[i]);
        int rc = expand_group_item(b, s, q, list->items[i], &item, err);
        if (rc)
            return rc;
        for (uint32_t x = 0; x < all.n; x++) {
            for (uint32_t y = 0; y < item.n; y++) {
                uint32_t n = all.items[x].n + item.items[y].n, *joined = arena_array(b->arena, uint32_t, n + 1);
                memcpy(joined, all.items[x].items, all.items[x].n * sizeof *joined);
                memcpy(joined + all.items[x].n, item.items[y].items, item.items[y].n * sizeof *joined);
                add_set(b, &product, joined, n);
            }
        }
        all = product;
    }
    if (sets) {
        q->sets = all.items;
        q->n_sets = all.n;
    }
    if (ast_count(list))
        q->has_agg = true;
    return 0;
}

/* A table grouped by its primary key determines its other columns: they join the list. */
static bool is_determined(struct binder *b, struct query *q, const struct expr *column)
{
    const struct rel *rel = bind_rel(b, column->rel);
    if (!rel || rel->kind != REL_TABLE || q->n_sets || !rel->object->relation->n_indexes ||
        !rel->object->relation->indexes[0].primary)
        return false;
    const struct cat_index *pk = &rel->object->relation->indexes[0];
    for (uint32_t k = 0; k < pk->n_keys; k++) {
        bool found = false;
        for (uint32_t i = 0; i < q->n_group; i++)
            found |= q->group[i]->op == EXPR_COLUMN && q->group[i]->rel == rel->number &&
                     rel->columns[q->group[i]->index].attnum == pk->keys[k].attnum;
        if (!found)
            return false;
    }
    return true;
}

struct group_check {
    struct binder *b;
    struct query *q;
    const struct expr *bad;
};

static bool check_grouped(const struct expr *e, void *arg, bool *stop)
{
    struct group_check *c = arg;
    for (uint32_t i = 0; i < c->q->n_group; i++)
        if (expr_equal(c->q->group[i], e))
            return false;
    if (e->op == EXPR_AGG || e->op == EXPR_GROUPING)
        return false;
    if (e->op == EXPR_COLUMN) {
        if (is_determined(c->b, c->q, e)) {
            add_group(c->b, c->q, (struct expr *)e);
            return false;
        }
        c->bad = e;
        *stop = true;
    }
    return true;
}

static int check_grouping(struct binder *b, struct query *q, const struct expr *e, struct err *err)
{
    struct group_check check = {b, q, NULL};
    if (!e)
        return 0;
    expr_walk(e, check_grouped, &check);
    if (!check.bad)
        return 0;
    const struct rel *rel = bind_rel(b, check.bad->rel);
    const char *column = rel->columns[check.bad->index].name;
    err_set(err, ERR_GROUPING_ERROR,
            "column \"%s%s%s\" must appear in the GROUP BY clause or be used in an aggregate function",
            rel->alias ? rel->alias : "", rel->alias ? "." : "", column);
    return bind_expr_error(b, check.bad, err);
}

static int check_all_grouped(struct binder *b, struct query *q, struct err *err)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < q->n_targets; i++)
        rc = check_grouping(b, q, q->targets[i].expr, err);
    if (rc == 0)
        rc = check_grouping(b, q, q->having, err);
    for (uint32_t w = 0; rc == 0 && w < q->n_windows; w++) {
        for (uint32_t i = 0; rc == 0 && i < q->windows[w].n_partition; i++)
            rc = check_grouping(b, q, q->windows[w].partition[i], err);
        for (uint32_t i = 0; rc == 0 && i < q->windows[w].n_order; i++)
            rc = check_grouping(b, q, q->windows[w].order[i].expr, err);
    }
    return rc;
}

/* ---- DISTINCT, LIMIT, locking ---- */

static int bind_distinct_on(struct binder *b, struct scope *s, struct query *q, const struct ast_list *list,
                            struct err *err)
{
    q->distinct_on = arena_array(b->arena, uint32_t, ast_count(list) + 1);
    for (uint32_t i = 0; i < ast_count(list); i++) {
        uint32_t target;
        int rc = bind_sort_target(b, s, q, list->items[i], "SELECT DISTINCT ON", &target, err);
        if (rc)
            return rc;
        q->distinct_on[q->n_distinct_on++] = target;
    }
    for (uint32_t i = 0; i < q->n_sort && i < q->n_distinct_on; i++) {
        bool listed = false;
        for (uint32_t k = 0; k < q->n_distinct_on; k++)
            listed |= q->distinct_on[k] == q->sort[i].target;
        if (!listed)
            return err_set(err, ERR_INVALID_COLUMN_REFERENCE,
                           "SELECT DISTINCT ON expressions must match initial ORDER BY expressions");
    }
    return 0;
}

static int check_distinct(struct binder *b, struct query *q, struct err *err)
{
    if (!q->distinct || q->n_distinct_on)
        return 0;
    for (uint32_t i = 0; i < q->n_targets; i++) {
        const struct target *t = &q->targets[i];
        if (t->junk)
            return err_set(err, ERR_INVALID_COLUMN_REFERENCE,
                           "for SELECT DISTINCT, ORDER BY expressions must appear in select list");
        uint32_t func;
        int rc = resolve_equal(b, t->expr->type, &func, NULL, NULL, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int bind_limit(struct binder *b, struct scope *s, const struct ast_node *node, const char *what,
                      struct expr **out, struct err *err)
{
    if (!node)
        return 0;
    s->clause = CLAUSE_LIMIT;
    int rc = bind_expr(b, s, node, out, err);
    if (rc == 0)
        rc = coerce_to(b, *out, TYPE_INT8, -1, COERCE_ASSIGNMENT, out, err);
    if (rc)
        return rc;
    if (expr_traits(*out) & EXPR_HAS_COLUMN) {
        err_set(err, ERR_INVALID_COLUMN_REFERENCE, "argument of %s must not contain variables", what);
        return bind_error(b, node, err);
    }
    return 0;
}

static int lock_rel(struct binder *b, struct rel *rel, const struct ast_locking_clause *l, struct err *err)
{
    static const uint8_t modes[] = {[AST_LOCK_KEY_SHARE] = KV_LOCK_KEY_SHARE, [AST_LOCK_SHARE] = KV_LOCK_SHARE,
                                    [AST_LOCK_NO_KEY_UPDATE] = KV_LOCK_NO_KEY_UPDATE, [AST_LOCK_UPDATE] = KV_LOCK_UPDATE};
    static const uint8_t waits[] = {[AST_LOCK_WAIT] = KV_WAIT, [AST_LOCK_SKIP] = KV_SKIP_LOCKED, [AST_LOCK_NOWAIT] = KV_NOWAIT};
    if (rel->kind != REL_TABLE)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "row locking of a subquery or view is not supported");
    if (rel->object->relation->system)
        return err_set(err, ERR_WRONG_OBJECT_TYPE, "cannot lock rows in relation \"%s\"", rel->object->name);
    if (modes[l->strength] > rel->lock)
        rel->lock = modes[l->strength];
    rel->wait = waits[l->wait] > rel->wait ? waits[l->wait] : rel->wait;
    return 0;
}

static int bind_locking(struct binder *b, struct scope *s, struct query *q, const struct ast_list *list,
                        struct err *err)
{
    static const char *const names[] = {"FOR KEY SHARE", "FOR SHARE", "FOR NO KEY UPDATE", "FOR UPDATE"};
    for (uint32_t i = 0; i < ast_count(list); i++) {
        const struct ast_locking_clause *l = ast_to(locking_clause, list->items[i]);
        const char *bad = q->set ? "UNION/INTERSECT/EXCEPT" : q->distinct ? "DISTINCT clause" : q->n_group ? "GROUP BY clause"
                          : q->having ? "HAVING clause" : q->has_agg ? "aggregate functions" : q->has_window ? "window functions"
                          : q->has_srf ? "set-returning functions in the target list" : NULL;
        if (bad) {
            err_set(err, ERR_FEATURE_NOT_SUPPORTED, "%s is not allowed with %s", names[l->strength], bad);
            return bind_error(b, &l->node, err);
        }
        int rc = 0;
        for (uint32_t k = 0; rc == 0 && l->relations == NULL && k < s->n_rels; k++)
            if (s->rels[k].rel->kind == REL_TABLE)
                rc = lock_rel(b, s->rels[k].rel, l, err);
        for (uint32_t k = 0; rc == 0 && k < ast_count(l->relations); k++) {
            const char *name = ast_to(range_var, l->relations->items[k])->name;
            struct scope_rel *r = scope_find_rel(s, NULL, name);
            if (!r) {
                err_set(err, ERR_UNDEFINED_TABLE, "relation \"%s\" in %s clause not found in FROM clause", name, names[l->strength]);
                return bind_error(b, l->relations->items[k], err);
            }
            rc = lock_rel(b, r->rel, l, err);
        }
        if (rc)
            return bind_error(b, &l->node, err);
        q->locks = true;
    }
    return 0;
}

/* ---- one SELECT ---- */

static int bind_simple(struct binder *b, struct scope *s, const struct ast_select_stmt *stmt, struct query *q,
                       struct err *err)
{
    if (stmt->into)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "SELECT INTO is not supported here");
    s->window_defs = stmt->windows;
    int rc = bind_from(b, s, stmt->from, &q->from, err);
    s->clause = CLAUSE_SELECT;
    if (rc == 0)
        rc = bind_targets(b, s, stmt->targets, &q->targets, &q->n_targets, err);
    if (rc == 0 && stmt->where)
        rc = bind_bool(b, s, stmt->where, CLAUSE_WHERE, "WHERE", &q->where, err);
    if (rc == 0 && stmt->having) {
        rc = bind_bool(b, s, stmt->having, CLAUSE_HAVING, "HAVING", &q->having, err);
        s->has_agg = true;
    }
    if (rc == 0)
        rc = bind_order(b, s, q, stmt->order_by, err);
    if (rc == 0)
        rc = bind_group_by(b, s, q, stmt->group_by, err);
    q->distinct = stmt->distinct || ast_count(stmt->distinct_on) > 0;
    if (rc == 0 && ast_count(stmt->distinct_on))
        rc = bind_distinct_on(b, s, q, stmt->distinct_on, err);
    q->has_agg |= s->has_agg;
    q->has_window = s->has_window;
    q->has_srf = s->has_srf;
    if (rc == 0)
        rc = check_distinct(b, q, err);
    if (rc == 0 && q->has_agg)
        rc = check_all_grouped(b, q, err);
    return rc;
}

/* ---- VALUES ---- */

static int bind_values(struct binder *b, struct scope *s, const struct ast_select_stmt *stmt, struct query *q,
                       struct err *err)
{
    uint32_t n_rows = ast_count(stmt->values);
    uint32_t n_columns = ast_count(ast_to(node_list, stmt->values->items[0])->items);
    struct rel *rel = bind_new_rel(b, REL_VALUES, NULL);
    rel->alias = "*VALUES*";
    rel->n_rows = n_rows;
    rel->n_columns = rel->n_visible = n_columns;
    rel->columns = arena_array(b->arena, struct rel_column, n_columns);
    rel->rows = arena_array(b->arena, struct expr *, (size_t)n_rows * n_columns);
    s->clause = CLAUSE_VALUES;
    for (uint32_t r = 0; r < n_rows; r++) {
        const struct ast_list *row = ast_to(node_list, stmt->values->items[r])->items;
        if (ast_count(row) != n_columns) {
            err_set(err, ERR_SYNTAX_ERROR, "VALUES lists must all be the same length");
            return bind_error(b, row->items[0], err);
        }
        for (uint32_t c = 0; c < n_columns; c++) {
            int rc = bind_expr(b, s, row->items[c], &rel->rows[r * n_columns + c], err);
            if (rc)
                return rc;
        }
    }
    q->targets = arena_array(b->arena, struct target, n_columns);
    q->n_targets = n_columns;
    struct expr **column = arena_array(b->arena, struct expr *, n_rows);
    for (uint32_t c = 0; c < n_columns; c++) {
        uint32_t type;
        for (uint32_t r = 0; r < n_rows; r++)
            column[r] = rel->rows[r * n_columns + c];
        int rc = coerce_common(b, column, n_rows, "VALUES", &type, err);
        bool all_unknown = true;
        for (uint32_t r = 0; r < n_rows; r++)
            all_unknown &= column[r]->type == TYPE_UNKNOWN;
        int32_t typmod = coerce_common_typmod(column, n_rows, type);
        for (uint32_t r = 0; rc == 0 && r < n_rows && !(all_unknown && s->keep_unknown && n_rows == 1); r++)
            rc = coerce_to(b, column[r], type, -1, COERCE_IMPLICIT, &rel->rows[r * n_columns + c], err);
        if (rc)
            return rc;
        rel->columns[c] = (struct rel_column){.name = arena_printf(b->arena, "column%u", c + 1), .type = type, .typmod = typmod};
        q->targets[c] = (struct target){.expr = expr_column(b->arena, rel->number, c, type, typmod), .name = rel->columns[c].name};
    }
    q->from = bind_leaf(b, rel);
    int rc = scope_add_rel(b, s, rel, true, err);
    return rc ? rc : bind_order(b, s, q, stmt->order_by, err);
}

/* ---- set operations ---- */

static uint32_t count_visible(const struct query *q)
{
    uint32_t n = 0;
    while (n < q->n_targets && !q->targets[n].junk)
        n++;
    return n;
}

/* The query as the FROM of one that only passes its columns on. */
static struct query *wrap_query(struct binder *b, struct query *inner)
{
    uint32_t n = count_visible(inner);
    struct rel *rel = bind_new_rel(b, REL_SUBQUERY, "*SELECT*");
    rel->query = inner;
    rel->n_columns = rel->n_visible = n;
    rel->columns = arena_array(b->arena, struct rel_column, n + 1);
    struct query *q = arena_new(b->arena, struct query);
    q->from = bind_leaf(b, rel);
    q->params = inner->params;
    q->n_params = inner->n_params;
    q->n_targets = n;
    q->targets = arena_array(b->arena, struct target, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        const struct expr *e = inner->targets[i].expr;
        rel->columns[i] = (struct rel_column){.name = inner->targets[i].name, .type = e->type, .typmod = e->typmod};
        q->targets[i] = inner->targets[i];
        q->targets[i].expr = expr_column(b->arena, rel->number, i, e->type, e->typmod);
    }
    return q;
}

static int coerce_arm(struct binder *b, struct query **arm, uint32_t column, uint32_t type, struct err *err)
{
    struct query *q = *arm;
    struct expr *e = q->targets[column].expr;
    if (e->type == type)
        return 0;
    /* A literal takes the type in place; other expressions do unless sorting or grouping looks at them. */
    if (e->type != TYPE_UNKNOWN && (q->set || q->distinct || q->n_sort || q->n_group || q->has_agg)) {
        q = *arm = wrap_query(b, q);
        e = q->targets[column].expr;
    }
    return coerce_to(b, e, type, -1, COERCE_IMPLICIT, &q->targets[column].expr, err);
}

static int bind_set_operation(struct binder *b, struct scope *s, const struct ast_select_stmt *stmt, struct query *q,
                              struct err *err)
{
    static const char *const names[] = {[AST_SETOP_UNION] = "UNION", [AST_SETOP_INTERSECT] = "INTERSECT", [AST_SETOP_EXCEPT] = "EXCEPT"};
    const char *what = names[stmt->setop];
    q->set = (uint8_t)((stmt->setop == AST_SETOP_UNION ? SET_UNION : stmt->setop == AST_SETOP_INTERSECT ? SET_INTERSECT : SET_EXCEPT) + (stmt->all ? 1 : 0));
    q->n_arms = ast_count(stmt->arms);
    q->arms = arena_array(b->arena, struct query *, q->n_arms);
    uint32_t n = 0;
    for (uint32_t i = 0; i < q->n_arms; i++) {
        bool before = s->keep_unknown;
        s->keep_unknown = true;
        int rc = bind_query(b, s, stmt->arms->items[i], false, &q->arms[i], err);
        s->keep_unknown = before;
        if (rc)
            return rc;
        if (i == 0)
            n = count_visible(q->arms[0]);
        if (count_visible(q->arms[i]) != n) {
            err_set(err, ERR_SYNTAX_ERROR, "each %s query must have the same number of columns", what);
            return bind_error(b, stmt->arms->items[i], err);
        }
    }
    struct rel *rel = bind_new_rel(b, REL_SUBQUERY, NULL);
    q->target_rel = rel->number;
    rel->n_columns = rel->n_visible = n;
    rel->columns = arena_array(b->arena, struct rel_column, n + 1);
    q->targets = arena_array(b->arena, struct target, n + 1);
    q->n_targets = n;
    struct expr **column = arena_array(b->arena, struct expr *, q->n_arms);
    for (uint32_t c = 0; c < n; c++) {
        uint32_t type = 0;
        /* PostgreSQL decides pairwise from the left. */
        for (uint32_t i = 0; i < q->n_arms; i++) {
            column[i] = q->arms[i]->targets[c].expr;
            struct expr *pair[2] = {i ? expr_new(b->arena, EXPR_CONST, type, -1, 0) : column[i], column[i]};
            int rc = coerce_common(b, pair, 2, what, &type, err);
            if (rc)
                return rc;
        }
        int32_t typmod = coerce_common_typmod(column, q->n_arms, type);
        for (uint32_t i = 0; i < q->n_arms; i++) {
            int rc = coerce_arm(b, &q->arms[i], c, type, err);
            if (rc)
                return rc;
        }
        const char *name = q->arms[0]->targets[c].name;
        rel->columns[c] = (struct rel_column){.name = name, .type = type, .typmod = typmod};
        q->targets[c] = (struct target){.expr = expr_column(b->arena, rel->number, c, type, typmod), .name = name};
    }
    return bind_order(b, s, q, stmt->order_by, err);
}

/* ---- entry ---- */

struct query_args {
    struct binder *b;
    struct scope *parent;
    const struct ast_node *stmt;
    bool barrier;
    struct query **out;
    struct err *err;
};

static int bind_query_here(void *arg)
{
    struct query_args *a = arg;
    struct binder *b = a->b;
    struct err *err = a->err;
    if (!ast_is(select_stmt, a->stmt)) {
        err_set(err, ERR_FEATURE_NOT_SUPPORTED, "a data-modifying statement in WITH or FROM is not supported");
        return bind_error(b, a->stmt, err);
    }
    const struct ast_select_stmt *stmt = ast_to(select_stmt, a->stmt);
    struct query *q = arena_new(b->arena, struct query);
    struct scope scope = {.parent = a->parent, .query = q, .is_barrier = a->barrier,
                          .keep_unknown = a->parent && a->parent->keep_unknown};
    if (a->parent)
        a->parent->keep_unknown = false;
    bool keep = scope.keep_unknown;
    int rc = stmt->with ? bind_with(b, &scope, stmt->with, err) : 0;
    scope.keep_unknown = keep;
    if (rc)
        return rc;
    if (stmt->setop != AST_SETOP_NONE)
        rc = bind_set_operation(b, &scope, stmt, q, err);
    else if (ast_count(stmt->values))
        rc = bind_values(b, &scope, stmt, q, err);
    else
        rc = bind_simple(b, &scope, stmt, q, err);
    if (rc == 0)
        rc = bind_limit(b, &scope, stmt->limit, "LIMIT", &q->limit, err);
    if (rc == 0)
        rc = bind_limit(b, &scope, stmt->offset, "OFFSET", &q->offset, err);
    q->with_ties = stmt->with_ties;
    if (rc == 0 && q->with_ties && q->n_sort == 0)
        rc = err_set(err, ERR_SYNTAX_ERROR, "WITH TIES cannot be specified without ORDER BY clause");
    if (rc == 0)
        rc = bind_locking(b, &scope, q, stmt->locking, err);
    if (a->parent)
        a->parent->keep_unknown = keep;
    *a->out = q;
    return rc;
}

int bind_query(struct binder *b, struct scope *parent, const struct ast_node *stmt, bool barrier, struct query **out,
               struct err *err)
{
    struct query_args args = {b, parent, stmt, barrier, out, err};
    return bind_deeper(b, bind_query_here, &args, err);
}
