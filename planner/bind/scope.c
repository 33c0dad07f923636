/* scope.c: which column a name means. */
#include <string.h>

#include "planner/bind/bind_int.h"

int scope_add_rel(struct binder *b, struct scope *s, struct rel *rel, bool columns, struct err *err)
{
    for (uint32_t i = 0; rel->alias && i < s->n_rels; i++) {
        if (s->rels[i].alias && strcmp(s->rels[i].alias, rel->alias) == 0)
            return err_set(err, ERR_DUPLICATE_ALIAS, "table name \"%s\" specified more than once", rel->alias);
    }
    s->rels = bind_grow(b, s->rels, s->n_rels, &s->cap_rels, sizeof *s->rels);
    s->rels[s->n_rels++] = (struct scope_rel){.rel = rel, .alias = rel->alias, .visible = true};
    for (uint32_t i = 0; columns && i < rel->n_visible; i++) {
        const struct rel_column *c = &rel->columns[i];
        s->columns = bind_grow(b, s->columns, s->n_columns, &s->cap_columns, sizeof *s->columns);
        struct expr *e = expr_column(b->arena, rel->number, i, c->type, c->typmod);
        s->columns[s->n_columns++] = (struct scope_column){.name = c->name, .expr = e, .rel = rel};
    }
    return 0;
}

struct scope_rel *scope_find_rel(struct scope *s, const char *schema, const char *name)
{
    for (uint32_t i = 0; i < s->n_rels; i++) {
        struct scope_rel *r = &s->rels[i];
        if (!r->visible || !r->alias || strcmp(r->alias, name) != 0)
            continue;
        if (schema && (r->rel->kind != REL_TABLE || strcmp(r->rel->object->name, name) != 0))
            continue;
        return r;
    }
    return NULL;
}

/* An expression of `owner`'s level as `from`'s level sees it: each query in between gets a parameter. */
struct expr *scope_outer(struct binder *b, struct scope *from, struct scope *owner, struct expr *expr)
{
    if (from == owner)
        return expr;
    struct expr *above = scope_outer(b, from->parent, owner, expr);
    struct query *q = from->query;
    /* A scope may share its parent's query (ON clauses, RETURNING): no boundary to cross. */
    if (q == from->parent->query)
        return above;
    /* A parameter of an outer apply keeps its slot all the way down: its value is set once, up there. */
    bool same_slot = above->op == EXPR_OUTER;
    for (uint32_t i = 0; i < q->n_params; i++) {
        if (expr_equal(q->params[i].from, above)) {
            struct expr *again = expr_new(b->arena, EXPR_OUTER, above->type, above->typmod, 0);
            again->index = q->params[i].slot;
            return again;
        }
    }
    struct query_param *params = arena_array(b->arena, struct query_param, q->n_params + 1);
    if (q->n_params)
        memcpy(params, q->params, q->n_params * sizeof *params);
    params[q->n_params] = (struct query_param){.slot = same_slot ? above->index : b->n_outer++, .from = above};
    q->params = params;
    struct expr *e = expr_new(b->arena, EXPR_OUTER, above->type, above->typmod, 0);
    e->index = params[q->n_params].slot;
    q->n_params++;
    return e;
}

static struct expr *rel_column_expr(struct binder *b, struct rel *rel, uint32_t at)
{
    const struct rel_column *c = &rel->columns[at];
    struct expr *e = expr_column(b->arena, rel->number, at, c->type, c->typmod);
    return e;
}

static int find_in_rel(struct rel *rel, const char *name)
{
    for (uint32_t i = 0; i < rel->n_visible; i++)
        if (strcmp(rel->columns[i].name, name) == 0)
            return (int)i;
    return -1;
}

static int report_system_column(struct binder *b, const char *name, const struct ast_node *at, struct err *err)
{
    err_set(err, ERR_FEATURE_NOT_SUPPORTED, "system column \"%s\" is not supported", name);
    err_hint(err, "Rows have no physical address here; use the primary key.");
    return bind_error(b, at, err);
}

static bool is_system_column(const char *name)
{
    static const char *const names[] = {"ctid", "xmin", "xmax", "cmin", "cmax"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* tableoid reads as the table's OID. */
static struct expr *tableoid_of(struct binder *b, const struct rel *rel)
{
    struct datum oid = {.kind = PHYS_INT64, .dec_scale = -1, .u.i64 = rel->object->oid};
    return expr_const(b->arena, TYPE_OID, -1, &oid);
}

static int find_qualified(struct binder *b, struct scope *s, const char *schema, const char *table, const char *column,
                          const struct ast_node *at, struct expr **out, struct err *err)
{
    bool blocked = false;
    for (struct scope *level = s; level; blocked = level->is_barrier, level = level->parent) {
        struct scope_rel *r = scope_find_rel(level, schema, table);
        if (!r)
            continue;
        if (r->lateral_only || blocked) {
            err_set(err, ERR_UNDEFINED_TABLE, "invalid reference to FROM-clause entry for table \"%s\"", table);
            err_hint(err, "There is an entry for table \"%s\", but it cannot be referenced from this part of the query.",
                     table);
            return bind_error(b, at, err);
        }
        int i = find_in_rel(r->rel, column);
        if (i < 0 && r->rel->kind == REL_TABLE && strcmp(column, "tableoid") == 0) {
            *out = tableoid_of(b, r->rel);
            return 0;
        }
        if (i < 0 && r->rel->kind == REL_TABLE && is_system_column(column))
            return report_system_column(b, column, at, err);
        if (i < 0) {
            err_set(err, ERR_UNDEFINED_COLUMN, "column %s.%s does not exist", table, column);
            return bind_error(b, at, err);
        }
        *out = scope_outer(b, s, level, rel_column_expr(b, r->rel, (uint32_t)i));
        return 0;
    }
    err_set(err, ERR_UNDEFINED_TABLE, "missing FROM-clause entry for table \"%s\"", table);
    return bind_error(b, at, err);
}

/* 1 found, 0 not here, -1 ambiguous. */
static int find_plain(struct scope *s, const char *name, struct expr **out)
{
    int found = 0;
    for (uint32_t i = 0; i < s->n_columns; i++) {
        if (s->columns[i].hidden || strcmp(s->columns[i].name, name) != 0)
            continue;
        if (found)
            return -1;
        *out = s->columns[i].expr;
        found = 1;
    }
    return found;
}

static int find_unqualified(struct binder *b, struct scope *s, const char *name, const struct ast_node *at,
                            struct expr **out, struct err *err)
{
    bool blocked = false;
    for (struct scope *level = s; level; blocked = level->is_barrier, level = level->parent) {
        struct expr *e = NULL;
        if (blocked)
            continue;
        int found = find_plain(level, name, &e);
        if (found < 0) {
            err_set(err, ERR_AMBIGUOUS_COLUMN, "column reference \"%s\" is ambiguous", name);
            return bind_error(b, at, err);
        }
        if (found) {
            *out = scope_outer(b, s, level, expr_clone(b->arena, e));
            return 0;
        }
    }
    if (strcmp(name, "tableoid") == 0 && s->n_rels == 1 && s->rels[0].rel->kind == REL_TABLE) {
        *out = tableoid_of(b, s->rels[0].rel);
        return 0;
    }
    if (is_system_column(name) && s->n_rels)
        return report_system_column(b, name, at, err);
    struct scope_rel *whole = scope_find_rel(s, NULL, name);
    if (whole) {
        err_set(err, ERR_FEATURE_NOT_SUPPORTED, "whole-row reference to \"%s\" is not supported", name);
        return bind_error(b, at, err);
    }
    err_set(err, ERR_UNDEFINED_COLUMN, "column \"%s\" does not exist", name);
    return bind_error(b, at, err);
}

/* "\x01c<attnum>": a column of the stored object's own table. */
static int find_bound(struct binder *b, const char *name, struct expr **out, struct err *err)
{
    int32_t attnum = 0;
    for (const char *p = name + 2; *p; p++)
        attnum = attnum * 10 + (*p - '0');
    struct rel *rel = bind_rel(b, b->bound_rel);
    for (uint32_t i = 0; rel && i < rel->n_columns; i++) {
        if (rel->columns[i].attnum == attnum) {
            *out = rel_column_expr(b, rel, i);
            return 0;
        }
    }
    return err_set(err, ERR_UNDEFINED_COLUMN, "a stored expression refers to column %d, which does not exist", attnum);
}

int scope_find_column(struct binder *b, struct scope *s, const struct ast_column_ref *ref, struct expr **out,
                      struct err *err)
{
    uint32_t n = ast_count(ref->fields);
    const struct ast_node *at = &ref->node;
    int rc;
    if (n == 1) {
        const char *name = ast_string_at(ref->fields, 0);
        rc = name[0] == 1 && name[1] == 'c' && b->bound_table ? find_bound(b, name, out, err)
                                                              : find_unqualified(b, s, name, at, out, err);
    } else if (n == 2) {
        rc = find_qualified(b, s, NULL, ast_string_at(ref->fields, 0), ast_string_at(ref->fields, 1), at, out, err);
    } else if (n == 3) {
        rc = find_qualified(b, s, ast_string_at(ref->fields, 0), ast_string_at(ref->fields, 1),
                            ast_string_at(ref->fields, 2), at, out, err);
    } else {
        err_set(err, ERR_SYNTAX_ERROR, "improper qualified name (too many dotted names)");
        return bind_error(b, at, err);
    }
    if (rc == 0)
        (*out)->position = (int32_t)at->at + 1;
    return rc;
}

static void add_star_target(struct binder *b, const struct scope_column *c, struct target **targets, uint32_t *n,
                            uint32_t *cap)
{
    *targets = bind_grow(b, *targets, *n, cap, sizeof **targets);
    (*targets)[(*n)++] = (struct target){.expr = expr_clone(b->arena, c->expr), .name = c->name};
}

int scope_expand_star(struct binder *b, struct scope *s, const struct ast_column_ref *ref, struct target **targets,
                      uint32_t *n, uint32_t *cap, struct err *err)
{
    uint32_t parts = ast_count(ref->fields);
    if (parts == 1) {
        if (s->n_rels == 0) {
            err_set(err, ERR_SYNTAX_ERROR, "SELECT * with no tables specified is not valid");
            return bind_error(b, &ref->node, err);
        }
        for (uint32_t i = 0; i < s->n_columns; i++)
            if (!s->columns[i].hidden)
                add_star_target(b, &s->columns[i], targets, n, cap);
        return 0;
    }
    const char *table = ast_string_at(ref->fields, parts - 2);
    const char *schema = parts > 2 ? ast_string_at(ref->fields, parts - 3) : NULL;
    for (struct scope *level = s; level; level = level->parent) {
        struct scope_rel *r = scope_find_rel(level, schema, table);
        if (!r)
            continue;
        for (uint32_t i = 0; i < r->rel->n_visible; i++) {
            struct expr *e = scope_outer(b, s, level, rel_column_expr(b, r->rel, i));
            struct scope_column c = {.name = r->rel->columns[i].name, .expr = e};
            add_star_target(b, &c, targets, n, cap);
        }
        return 0;
    }
    err_set(err, ERR_UNDEFINED_TABLE, "missing FROM-clause entry for table \"%s\"", table);
    return bind_error(b, &ref->node, err);
}
