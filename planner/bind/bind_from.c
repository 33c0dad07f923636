/* bind_from.c: relations of FROM: tables, views, subqueries, functions, joins. */
#include <stdlib.h>
#include <string.h>

#include "parser/parser.h"
#include "planner/bind/bind_int.h"

struct join_node *bind_leaf(struct binder *b, struct rel *rel)
{
    struct join_node *j = arena_new(b->arena, struct join_node);
    j->is_leaf = true;
    j->rel = rel->number;
    return j;
}

/* ---- tables ---- */

static int report_no_relation(struct binder *b, const struct ast_range_var *rv, struct err *err)
{
    if (rv->schema && catalog_view_namespace(b->view, rv->schema) == 0 && strcmp(rv->schema, "pg_temp") != 0)
        err_set(err, ERR_UNDEFINED_TABLE, "relation \"%s.%s\" does not exist", rv->schema, rv->name);
    else
        err_set(err, ERR_UNDEFINED_TABLE, "relation \"%s%s%s\" does not exist", rv->schema ? rv->schema : "",
                rv->schema ? "." : "", rv->name);
    return bind_error(b, &rv->node, err);
}

static const struct cat_object *find_relation(struct binder *b, const struct ast_range_var *rv)
{
    if (rv->name[0] == 1)
        return catalog_view_object(b->view, (uint32_t)strtoul(rv->name + 1, NULL, 10));
    return catalog_view_relation(b->view, rv->schema, rv->name);
}

/* Columns: the live ones in order (a full row), then the hidden row id, then the key bytes. */
static void fill_table_columns(struct binder *b, struct rel *rel, const struct cat_object *obj)
{
    const struct cat_relation *r = obj->relation;
    rel->columns = arena_array(b->arena, struct rel_column, r->n_columns + 2);
    for (uint32_t i = 0; i < r->n_columns; i++) {
        const struct cat_column *c = &r->columns[i];
        if (c->dropped)
            continue;
        rel->columns[rel->n_columns++] = (struct rel_column){
            .name = c->name, .type = c->type_oid, .typmod = c->typmod, .collation = c->collation, .attnum = c->attnum};
    }
    rel->n_visible = rel->n_columns;
    if (r->hidden_rowid)
        rel->columns[rel->n_columns++] =
            (struct rel_column){.name = "", .type = TYPE_INT8, .typmod = -1, .attnum = CATALOG_ROWID};
    if (!r->system)
        rel->columns[rel->n_columns++] =
            (struct rel_column){.name = "", .type = TYPE_BYTEA, .typmod = -1, .attnum = REL_KEY};
    rel->object = obj;
}

struct rel *bind_object_rel(struct binder *b, const struct cat_object *obj)
{
    bind_depend(b, obj->oid);
    struct rel *rel = bind_new_rel(b, REL_TABLE, obj->name);
    fill_table_columns(b, rel, obj);
    return rel;
}

/* A stored query's alias columns are written "\x02<attnum>:<name>": that column under that name, no other. */
static void pin_columns(struct binder *b, struct rel *rel, const struct ast_list *names)
{
    struct rel_column *pinned = arena_array(b->arena, struct rel_column, rel->n_columns + ast_count(names));
    uint32_t n = 0;
    for (uint32_t i = 0; i < ast_count(names); i++) {
        char *rest;
        int32_t attnum = (int32_t)strtol(ast_string_at(names, i) + 1, &rest, 10);
        for (uint32_t k = 0; k < rel->n_columns; k++) {
            if (rel->columns[k].attnum == attnum && attnum > 0) {
                pinned[n] = rel->columns[k];
                pinned[n++].name = *rest == ':' ? rest + 1 : rest;
            }
        }
    }
    uint32_t visible = n;
    for (uint32_t k = 0; k < rel->n_columns; k++) {
        bool there = false;
        for (uint32_t i = 0; i < visible; i++)
            there |= pinned[i].attnum == rel->columns[k].attnum;
        if (!there)
            pinned[n++] = rel->columns[k];
    }
    rel->columns = pinned;
    rel->n_columns = n;
    rel->n_visible = visible;
}

static int rename_columns(struct binder *b, struct rel *rel, const struct ast_alias *alias, struct err *err)
{
    uint32_t n = alias ? ast_count(alias->columns) : 0;
    if (n && ast_string_at(alias->columns, 0)[0] == 2) {
        pin_columns(b, rel, alias->columns);
        return 0;
    }
    if (n > rel->n_visible) {
        err_set(err, ERR_INVALID_COLUMN_REFERENCE, "table \"%s\" has %u columns available but %u columns specified",
                alias->name, rel->n_visible, n);
        return bind_error(b, &alias->node, err);
    }
    if (n) {
        rel->columns = arena_memdup(b->arena, rel->columns, rel->n_columns * sizeof *rel->columns);
        for (uint32_t i = 0; i < n; i++)
            rel->columns[i].name = ast_string_at(alias->columns, i);
    }
    return 0;
}

int bind_table_rel(struct binder *b, const struct ast_range_var *rv, struct rel **out, struct err *err)
{
    if (rv->catalog && strcmp(rv->catalog, b->opt->database_name) != 0) {
        err_set(err, ERR_FEATURE_NOT_SUPPORTED, "cross-database references are not implemented: \"%s.%s.%s\"", rv->catalog,
                rv->schema, rv->name);
        return bind_error(b, &rv->node, err);
    }
    const struct cat_object *obj = find_relation(b, rv);
    if (!obj || obj->class_oid != CLASS_RELATION) {
        uint32_t at;
        if (catalog_view_index(b->view, rv->schema, rv->name, &at)) {
            err_set(err, ERR_WRONG_OBJECT_TYPE, "cannot open relation \"%s\"", rv->name);
            err_detail(err, "This operation is not supported for indexes.");
            return bind_error(b, &rv->node, err);
        }
        return report_no_relation(b, rv, err);
    }
    *out = bind_object_rel(b, obj);
    if (rv->alias)
        (*out)->alias = rv->alias->name;
    return 0;
}

/* ---- views ---- */

enum { VIEW_DEPTH_MAX = 64 };

static int expand_view(struct binder *b, struct rel *rel, struct err *err)
{
    const struct cat_object *obj = rel->object;
    if (b->view_depth >= VIEW_DEPTH_MAX)
        return err_set(err, ERR_STATEMENT_TOO_COMPLEX, "views are nested more than %d deep", VIEW_DEPTH_MAX);
    struct parse_result parsed;
    const char *text = obj->relation->view_query;
    int rc = parse_sql(text, strlen(text), b->arena, NULL, &parsed, err);
    if (rc)
        return rc;
    if (bug_if(parsed.count != 1, err))
        return err->code;
    b->view_depth++;
    rc = bind_query(b, NULL, parsed.statements[0].node, true, &rel->query, err);
    b->view_depth--;
    rel->kind = REL_SUBQUERY;
    return rc;
}

static struct cte *find_cte(struct scope *s, const char *name)
{
    for (struct scope *level = s; level; level = level->parent)
        for (struct cte_scope *c = level->ctes; c; c = c->next)
            if (strcmp(c->cte->name, name) == 0)
                return c->cte;
    return NULL;
}

static int bind_cte_rel(struct binder *b, struct cte *cte, const struct ast_range_var *rv, struct rel **out,
                        struct err *err)
{
    struct rel *rel = bind_new_rel(b, REL_CTE, rv->alias ? rv->alias->name : rv->name);
    rel->cte = cte;
    cte->n_refs++;
    rel->n_columns = rel->n_visible = cte->n_columns;
    rel->columns = arena_memdup(b->arena, cte->columns, cte->n_columns * sizeof *cte->columns);
    *out = rel;
    return rename_columns(b, rel, rv->alias, err);
}

static int bind_range_var(struct binder *b, struct scope *s, const struct ast_range_var *rv, struct join_node **out,
                          struct err *err)
{
    struct rel *rel;
    struct cte *cte = rv->schema ? NULL : find_cte(s, rv->name);
    int rc;
    if (cte) {
        rc = bind_cte_rel(b, cte, rv, &rel, err);
    } else {
        rc = bind_table_rel(b, rv, &rel, err);
        if (rc == 0 && b->records_refs && b->view_depth == 0) {
            b->refs = bind_grow(b, b->refs, b->n_refs, &b->cap_refs, sizeof *b->refs);
            b->refs[b->n_refs++] = (struct view_ref){(struct ast_range_var *)rv, rel->object};
        }
        if (rc == 0 && rel->object->relation->kind == 'v')
            rc = expand_view(b, rel, err);
        if (rc == 0 && rel->object->relation->kind == 'S') {
            err_set(err, ERR_FEATURE_NOT_SUPPORTED, "reading sequence \"%s\" as a table is not supported", rel->object->name);
            rc = bind_error(b, &rv->node, err);
        }
        if (rc == 0)
            rc = rename_columns(b, rel, rv->alias, err);
    }
    if (rc == 0 && (rc = scope_add_rel(b, s, rel, true, err)))
        rc = bind_error(b, &rv->node, err);
    if (rc == 0)
        *out = bind_leaf(b, rel);
    return rc;
}

/* ---- subqueries and functions ---- */

static int bind_subselect(struct binder *b, struct scope *s, const struct ast_range_subselect *sub,
                          struct join_node **out, struct err *err)
{
    if (!sub->alias) {
        bool values = ast_is(select_stmt, sub->query) && ast_count(ast_to(select_stmt, sub->query)->values);
        err_set(err, ERR_SYNTAX_ERROR, values ? "VALUES in FROM must have an alias" : "subquery in FROM must have an alias");
        err_hint(err, values ? "For example, FROM (VALUES ...) [AS] foo." : "For example, FROM (SELECT ...) [AS] foo.");
        return bind_error(b, &sub->node, err);
    }
    struct query *q;
    int rc = bind_query(b, s, sub->query, !sub->lateral, &q, err);
    if (rc)
        return rc;
    struct rel *rel = bind_new_rel(b, REL_SUBQUERY, sub->alias->name);
    rel->query = q;
    rel->lateral = sub->lateral;
    rel->columns = arena_array(b->arena, struct rel_column, q->n_targets + 1);
    for (uint32_t i = 0; i < q->n_targets && !q->targets[i].junk; i++)
        rel->columns[rel->n_columns++] = (struct rel_column){.name = q->targets[i].name, .type = q->targets[i].expr->type,
                                                             .typmod = q->targets[i].expr->typmod};
    rel->n_visible = rel->n_columns;
    rc = rename_columns(b, rel, sub->alias, err);
    if (rc == 0 && (rc = scope_add_rel(b, s, rel, true, err)))
        rc = bind_error(b, &sub->node, err);
    if (rc == 0)
        *out = bind_leaf(b, rel);
    return rc;
}

/* A function in FROM reads columns of items to its left: bound as a lateral SELECT of its own. */
static int bind_function_rel(struct binder *b, struct scope *s, const struct ast_range_function *f, struct rel **out,
                             struct err *err)
{
    if (ast_count(f->functions) != 1 || ast_count(f->column_defs))
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "%s is not supported",
                       ast_count(f->column_defs) ? "a column definition list for a function" : "ROWS FROM with several functions");
    const struct ast_range_function_item *item = ast_to(range_function_item, f->functions->items[0]);
    const char *name = ast_is(func_call, item->func)
                           ? ast_string_at(ast_to(func_call, item->func)->name, ast_count(ast_to(func_call, item->func)->name) - 1)
                           : "function";
    struct query *q = arena_new(b->arena, struct query);
    struct scope inner = {.parent = s, .query = q, .clause = CLAUSE_FROM_FUNCTION};
    struct expr *e;
    int rc = bind_expr(b, &inner, item->func, &e, err);
    if (rc == 0)
        rc = coerce_unknown_text(b, e, &e, err);
    if (rc)
        return rc;
    const char *alias = f->alias ? f->alias->name : name;
    struct rel *fn = bind_new_rel(b, REL_FUNCTION, alias);
    bool srf = e->op == EXPR_SRF;
    fn->func = srf ? e->func : 0;
    fn->n_args = srf ? e->n_args : 1;
    fn->args = srf ? e->args : arena_memdup(b->arena, &e, sizeof e);
    fn->ordinality = f->ordinality;
    fn->columns = arena_array(b->arena, struct rel_column, 2);
    fn->columns[fn->n_columns++] = (struct rel_column){.name = f->alias ? alias : name, .type = e->type, .typmod = e->typmod};
    if (f->ordinality)
        fn->columns[fn->n_columns++] = (struct rel_column){.name = "ordinality", .type = TYPE_INT8, .typmod = -1};
    fn->n_visible = fn->n_columns;
    q->from = bind_leaf(b, fn);
    q->n_targets = fn->n_columns;
    q->targets = arena_array(b->arena, struct target, fn->n_columns);
    for (uint32_t i = 0; i < fn->n_columns; i++)
        q->targets[i] = (struct target){.name = fn->columns[i].name,
                                        .expr = expr_column(b->arena, fn->number, i, fn->columns[i].type, fn->columns[i].typmod)};
    struct rel *rel = bind_new_rel(b, REL_SUBQUERY, alias);
    rel->query = q;
    rel->lateral = true;
    rel->n_columns = rel->n_visible = fn->n_columns;
    rel->columns = arena_memdup(b->arena, fn->columns, fn->n_columns * sizeof *fn->columns);
    *out = rel;
    return rename_columns(b, rel, f->alias, err);
}

/* ---- joins ---- */

static struct scope_column *find_side(struct scope *s, uint32_t from, uint32_t to, const char *name, uint32_t *count)
{
    struct scope_column *found = NULL;
    *count = 0;
    for (uint32_t i = from; i < to; i++) {
        if (!s->columns[i].hidden && strcmp(s->columns[i].name, name) == 0) {
            found = &s->columns[i];
            (*count)++;
        }
    }
    return found;
}

static int merge_column(struct binder *b, struct scope *s, uint32_t at, uint32_t middle, const char *name,
                        const struct ast_join_expr *j, struct expr **term, struct scope_column *merged, struct err *err)
{
    uint32_t n_left, n_right;
    struct scope_column *l = find_side(s, at, middle, name, &n_left);
    struct scope_column *r = find_side(s, middle, s->n_columns, name, &n_right);
    for (int side = 0; side < 2; side++) {
        uint32_t n = side ? n_right : n_left;
        if (n == 1)
            continue;
        if (n == 0)
            err_set(err, ERR_UNDEFINED_COLUMN, "column \"%s\" specified in USING clause does not exist in %s table", name,
                    side ? "right" : "left");
        else
            err_set(err, ERR_AMBIGUOUS_COLUMN, "common column name \"%s\" appears more than once in %s table", name,
                    side ? "right" : "left");
        return bind_error(b, &j->node, err);
    }
    int rc = resolve_oper_name(b, "=", l->expr, r->expr, &j->node, term, err);
    if (rc)
        return rc;
    struct expr *e = j->kind == AST_JOIN_RIGHT ? r->expr : l->expr;
    if (j->kind == AST_JOIN_FULL) {
        e = expr_new(b->arena, EXPR_COALESCE, l->expr->type, -1, 2);
        rc = coerce_to(b, l->expr, l->expr->type, -1, COERCE_IMPLICIT, &e->args[0], err);
        if (rc == 0)
            rc = coerce_to(b, r->expr, l->expr->type, -1, COERCE_IMPLICIT, &e->args[1], err);
    }
    l->hidden = r->hidden = true;
    *merged = (struct scope_column){.name = name, .expr = e};
    return rc;
}

/* USING / NATURAL: merged columns come first in *. */
static int merge_columns(struct binder *b, struct scope *s, uint32_t at, uint32_t middle, const struct ast_join_expr *j,
                         struct expr **on, struct err *err)
{
    uint32_t n = ast_count(j->using_columns), cap = n;
    const char **names = arena_array(b->arena, const char *, n + s->n_columns + 1);
    for (uint32_t i = 0; i < n; i++)
        names[i] = ast_string_at(j->using_columns, i);
    for (uint32_t i = at; j->natural && i < middle; i++) {
        uint32_t count;
        if (!s->columns[i].hidden && find_side(s, middle, s->n_columns, s->columns[i].name, &count))
            names[n++] = s->columns[i].name;
    }
    (void)cap;
    struct expr **terms = arena_array(b->arena, struct expr *, n + 1);
    struct scope_column *merged = arena_array(b->arena, struct scope_column, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        int rc = merge_column(b, s, at, middle, names[i], j, &terms[i], &merged[i], err);
        if (rc)
            return rc;
    }
    for (uint32_t i = 0; i < n; i++)
        s->columns = bind_grow(b, s->columns, s->n_columns + i, &s->cap_columns, sizeof *s->columns);
    memmove(s->columns + at + n, s->columns + at, (s->n_columns - at) * sizeof *s->columns);
    memcpy(s->columns + at, merged, n * sizeof *merged);
    s->n_columns += n;
    *on = n ? expr_and(b->arena, terms, n) : NULL;
    return 0;
}

/* Everything between is reachable only through the join's own alias. */
static int alias_join(struct binder *b, struct scope *s, uint32_t rel_at, uint32_t column_at, const struct ast_alias *alias,
                      struct err *err)
{
    (void)rel_at;
    (void)column_at;
    err_set(err, ERR_FEATURE_NOT_SUPPORTED, "an alias for a join is not supported");
    return bind_error(b, &alias->node, err);
}

static int bind_join(struct binder *b, struct scope *s, const struct ast_join_expr *j, struct join_node **out,
                     struct err *err)
{
    struct join_node *node = arena_new(b->arena, struct join_node);
    uint32_t column_at = s->n_columns, rel_at = s->n_rels;
    int rc = bind_from_item(b, s, j->left, &node->left, err);
    uint32_t middle = s->n_columns, rel_middle = s->n_rels;
    /* The right side of RIGHT and FULL joins cannot see the left, even laterally. */
    for (uint32_t i = rel_at; i < rel_middle; i++)
        s->rels[i].lateral_only = j->kind == AST_JOIN_RIGHT || j->kind == AST_JOIN_FULL;
    if (rc == 0)
        rc = bind_from_item(b, s, j->right, &node->right, err);
    for (uint32_t i = rel_at; i < rel_middle; i++)
        s->rels[i].lateral_only = false;
    if (rc)
        return rc;
    if (j->natural || ast_count(j->using_columns)) {
        rc = merge_columns(b, s, column_at, middle, j, &node->on, err);
    } else if (j->on) {
        /* ON sees the two sides only. */
        struct scope sides = {.parent = s->parent, .query = s->query, .is_barrier = s->is_barrier, .ctes = s->ctes,
                              .rels = s->rels + rel_at, .n_rels = s->n_rels - rel_at,
                              .columns = s->columns + column_at, .n_columns = s->n_columns - column_at};
        rc = bind_bool(b, &sides, j->on, CLAUSE_ON, "JOIN/ON", &node->on, err);
    }
    if (rc)
        return rc;
    node->type = j->kind == AST_JOIN_INNER ? PLAN_JOIN_INNER : j->kind == AST_JOIN_FULL ? PLAN_JOIN_FULL : PLAN_JOIN_LEFT;
    if (j->kind == AST_JOIN_RIGHT) {
        struct join_node *left = node->left;
        node->left = node->right;
        node->right = left;
    }
    *out = node;
    return j->alias ? alias_join(b, s, rel_at, column_at, j->alias, err) : 0;
}

int bind_from_item(struct binder *b, struct scope *s, const struct ast_node *item, struct join_node **out,
                   struct err *err)
{
    switch ((enum ast_tag)item->tag) {
    case AST_range_var: return bind_range_var(b, s, ast_to(range_var, item), out, err);
    case AST_range_subselect: return bind_subselect(b, s, ast_to(range_subselect, item), out, err);
    case AST_join_expr: return bind_join(b, s, ast_to(join_expr, item), out, err);
    case AST_range_function: {
        struct rel *rel = NULL;
        int rc = bind_function_rel(b, s, ast_to(range_function, item), &rel, err);
        if (rc == 0)
            rc = scope_add_rel(b, s, rel, true, err);
        if (rc)
            return bind_error(b, item, err);
        *out = bind_leaf(b, rel);
        return 0;
    }
    case AST_range_table_sample: err_set(err, ERR_FEATURE_NOT_SUPPORTED, "TABLESAMPLE is not supported"); break;
    default: err_set(err, ERR_FEATURE_NOT_SUPPORTED, "%s in FROM is not supported", ast_info((enum ast_tag)item->tag)->name); break;
    }
    return bind_error(b, item, err);
}

int bind_from(struct binder *b, struct scope *s, const struct ast_list *from, struct join_node **out, struct err *err)
{
    *out = NULL;
    for (uint32_t i = 0; i < ast_count(from); i++) {
        struct join_node *item;
        int rc = bind_from_item(b, s, from->items[i], &item, err);
        if (rc)
            return rc;
        if (*out) {
            struct join_node *both = arena_new(b->arena, struct join_node);
            both->type = PLAN_JOIN_INNER;
            both->left = *out;
            both->right = item;
            item = both;
        }
        *out = item;
    }
    return 0;
}
