/* bind_dml.c: INSERT, UPDATE, DELETE. */
#include <string.h>

#include "parser/parser.h"
#include "planner/bind/bind_int.h"

enum { FUNC_NEXTVAL = 1574 };

/* ---- stored expressions and defaults ---- */

int bind_stored(struct binder *b, const struct cat_object *table, uint32_t rel, const char *bound, struct expr **out,
                struct err *err)
{
    struct ast_node *tree;
    int rc = parse_expression(bound, strlen(bound), b->arena, &tree, err);
    if (rc)
        return rc;
    const struct cat_object *table_before = b->bound_table;
    uint32_t rel_before = b->bound_rel;
    b->bound_table = table;
    b->bound_rel = rel;
    b->view_depth++;
    struct query q = {0};
    struct scope s = {.query = &q, .clause = CLAUSE_SELECT};
    rc = bind_expr(b, &s, tree, out, err);
    b->view_depth--;
    b->bound_table = table_before;
    b->bound_rel = rel_before;
    return rc;
}

static int make_nextval(struct binder *b, uint32_t sequence, struct expr **out, struct err *err)
{
    if (bug_if(!func_info(FUNC_NEXTVAL), err))
        return err->code;
    struct datum oid = {.kind = PHYS_INT64, .dec_scale = -1, .u.i64 = sequence};
    struct expr *arg = expr_const(b->arena, TYPE_REGCLASS, -1, &oid);
    *out = expr_call(b->arena, FUNC_NEXTVAL, TYPE_INT8, &arg, 1);
    return 0;
}

int bind_default_of(struct binder *b, const struct cat_object *table, const struct cat_column *column,
                    struct expr **out, struct err *err)
{
    struct expr *e;
    int rc;
    if (column->identity)
        rc = make_nextval(b, column->sequence_oid, &e, err);
    else if (column->has_default && column->default_expr)
        rc = bind_stored(b, table, UINT32_MAX, column->default_expr, &e, err);
    else {
        *out = expr_const_null(b->arena, column->type_oid, column->typmod);
        return 0;
    }
    return rc ? rc : coerce_assign(b, e, column->type_oid, column->typmod, column->name, out, err);
}

/* ---- the target ---- */

static int bind_dml_target(struct binder *b, const struct ast_range_var *rv, const char *verb, struct rel **out,
                           struct err *err)
{
    int rc = bind_table_rel(b, rv, out, err);
    if (rc)
        return rc;
    const struct cat_object *obj = (*out)->object;
    if (obj->relation->system) {
        err_set(err, ERR_INSUFFICIENT_PRIVILEGE, "permission denied: \"%s\" is a system catalog", obj->name);
        return bind_error(b, &rv->node, err);
    }
    if (obj->relation->kind == 'v') {
        err_set(err, ERR_FEATURE_NOT_SUPPORTED, "cannot %s view \"%s\"", verb, obj->name);
        err_hint(err, "Updatable views are not supported; change the table the view reads.");
        return bind_error(b, &rv->node, err);
    }
    if (obj->relation->kind == 'S') {
        err_set(err, ERR_WRONG_OBJECT_TYPE, "cannot change sequence \"%s\"", obj->name);
        return bind_error(b, &rv->node, err);
    }
    return 0;
}

static const struct cat_column *find_target_column(struct binder *b, const struct rel *rel, const char *name,
                                                   const struct ast_node *at, struct err *err)
{
    const struct cat_column *c = cat_column_named(rel->object->relation, name);
    if (!c) {
        err_set(err, ERR_UNDEFINED_COLUMN, "column \"%s\" of relation \"%s\" does not exist", name, rel->object->name);
        bind_error(b, at, err);
    }
    return c;
}

/* The live column at a position of the full row. */
static const struct cat_column *column_at_position(const struct cat_relation *r, uint32_t at)
{
    for (uint32_t i = 0; i < r->n_columns; i++)
        if (!r->columns[i].dropped && at-- == 0)
            return &r->columns[i];
    return NULL;
}

struct substitution {
    uint32_t rel;
    struct expr *const *row;
    uint32_t n;
};

static struct expr *substitute_column(struct expr *e, void *arg, struct err *err)
{
    const struct substitution *s = arg;
    if (e->op == EXPR_COLUMN && e->rel == s->rel && e->index < s->n && s->row[e->index])
        return s->row[e->index];
    return e;
}

/* Generated columns are computed from the row's other new values. */
static int add_generated(struct binder *b, const struct rel *rel, struct expr **row, struct err *err)
{
    const struct cat_relation *r = rel->object->relation;
    uint32_t n = row_width(r);
    for (uint32_t i = 0; i < n; i++) {
        const struct cat_column *c = column_at_position(r, i);
        if (!c->generated_expr)
            continue;
        struct expr *e;
        int rc = bind_stored(b, rel->object, rel->number, c->generated_expr, &e, err);
        if (rc == 0)
            rc = coerce_assign(b, e, c->type_oid, c->typmod, c->name, &e, err);
        struct substitution s = {rel->number, row, n};
        if (rc == 0)
            rc = expr_rewrite(b->arena, e, substitute_column, &s, &row[i], err);
        if (rc)
            return rc;
    }
    return 0;
}

int bind_generated(struct binder *b, struct rel *target, struct target *row, struct err *err)
{
    uint32_t n = row_width(target->object->relation);
    struct expr **exprs = arena_array(b->arena, struct expr *, n + 1);
    for (uint32_t i = 0; i < n; i++)
        exprs[i] = row[i].expr;
    int rc = add_generated(b, target, exprs, err);
    for (uint32_t i = 0; i < n; i++)
        row[i].expr = exprs[i];
    return rc;
}

static int bind_returning(struct binder *b, struct scope *s, struct query *q, const struct ast_list *list,
                          struct err *err)
{
    if (!list)
        return 0;
    s->clause = CLAUSE_RETURNING;
    return bind_targets(b, s, list, &q->returning, &q->n_returning, err);
}

/* ---- INSERT ---- */

static int bind_insert_columns(struct binder *b, const struct rel *rel, const struct ast_list *columns,
                               const struct cat_column ***out, uint32_t *n, struct err *err)
{
    const struct cat_relation *r = rel->object->relation;
    uint32_t width = row_width(r);
    *n = columns ? ast_count(columns) : width;
    *out = arena_array(b->arena, const struct cat_column *, *n + 1);
    for (uint32_t i = 0; i < *n; i++) {
        if (!columns) {
            (*out)[i] = column_at_position(r, i);
            continue;
        }
        const struct ast_res_target *t = ast_to(res_target, columns->items[i]);
        if (ast_count(t->indirection)) {
            err_set(err, ERR_FEATURE_NOT_SUPPORTED, "assigning to part of column \"%s\" is not supported", t->name);
            return bind_error(b, &t->node, err);
        }
        (*out)[i] = find_target_column(b, rel, t->name, &t->node, err);
        if (!(*out)[i])
            return err->code;
        for (uint32_t k = 0; k < i; k++) {
            if ((*out)[k] == (*out)[i]) {
                err_set(err, ERR_DUPLICATE_COLUMN, "column \"%s\" specified more than once", t->name);
                return bind_error(b, &t->node, err);
            }
        }
    }
    return 0;
}

static int check_assignable(struct binder *b, const struct cat_column *c, const struct ast_node *value,
                            enum ast_overriding overriding, bool insert, struct err *err)
{
    if (ast_is(set_to_default, value))
        return 0;
    if (c->generated_expr) {
        err_set(err, ERR_GENERATED_ALWAYS, insert ? "cannot insert a non-DEFAULT value into column \"%s\"" : "column \"%s\" can only be updated to DEFAULT", c->name);
        err_detail(err, "Column \"%s\" is a generated column.", c->name);
        return bind_error(b, value, err);
    }
    if (c->identity == 'a' && overriding != AST_OVERRIDING_SYSTEM) {
        err_set(err, ERR_GENERATED_ALWAYS, insert ? "cannot insert a non-DEFAULT value into column \"%s\"" : "column \"%s\" can only be updated to DEFAULT", c->name);
        err_detail(err, "Column \"%s\" is an identity column defined as GENERATED ALWAYS.", c->name);
        if (insert)
            err_hint(err, "Use OVERRIDING SYSTEM VALUE to override.");
        return bind_error(b, value, err);
    }
    return 0;
}

static int report_count(struct binder *b, bool more, const struct ast_node *at, struct err *err)
{
    err_set(err, ERR_SYNTAX_ERROR, more ? "INSERT has more expressions than target columns" : "INSERT has more target columns than expressions");
    return bind_error(b, at, err);
}

/* INSERT ... VALUES: each value takes its column's type at once, DEFAULT is the column's. */
static int bind_insert_values(struct binder *b, struct scope *s, const struct ast_insert_stmt *stmt,
                              const struct ast_select_stmt *values, struct rel *target,
                              const struct cat_column **columns, uint32_t n_columns, struct rel **out, struct err *err)
{
    uint32_t n_rows = ast_count(values->values);
    uint32_t given = ast_count(ast_to(node_list, values->values->items[0])->items);
    struct rel *rel = bind_new_rel(b, REL_VALUES, "*VALUES*");
    rel->n_rows = n_rows;
    rel->n_columns = rel->n_visible = given;
    rel->columns = arena_array(b->arena, struct rel_column, given + 1);
    rel->rows = arena_array(b->arena, struct expr *, (size_t)n_rows * given);
    if (given > n_columns)
        return report_count(b, true, ast_to(node_list, values->values->items[0])->items->items[n_columns], err);
    if (stmt->columns && given < n_columns)
        return report_count(b, false, stmt->columns->items[given], err);
    for (uint32_t r = 0; r < n_rows; r++) {
        const struct ast_list *row = ast_to(node_list, values->values->items[r])->items;
        if (ast_count(row) != given) {
            err_set(err, ERR_SYNTAX_ERROR, "VALUES lists must all be the same length");
            return bind_error(b, row->items[0], err);
        }
        for (uint32_t c = 0; c < given; c++) {
            const struct cat_column *col = columns[c];
            struct expr *e;
            int rc = check_assignable(b, col, row->items[c], stmt->overriding, true, err);
            if (rc == 0 && (ast_is(set_to_default, row->items[c]) ||
                            (col->identity && stmt->overriding == AST_OVERRIDING_USER)))
                rc = bind_default_of(b, target->object, col, &e, err);
            else if (rc == 0) {
                s->clause = CLAUSE_VALUES;
                rc = bind_expr(b, s, row->items[c], &e, err);
                if (rc == 0)
                    rc = coerce_assign(b, e, col->type_oid, col->typmod, col->name, &e, err);
            }
            if (rc)
                return rc;
            rel->rows[r * given + c] = e;
        }
    }
    for (uint32_t c = 0; c < given; c++)
        rel->columns[c] = (struct rel_column){.name = columns[c]->name, .type = columns[c]->type_oid, .typmod = columns[c]->typmod};
    *out = rel;
    return 0;
}

static int bind_insert_query(struct binder *b, struct scope *s, const struct ast_insert_stmt *stmt, uint32_t n_columns,
                             struct rel **out, struct err *err)
{
    struct query *source;
    s->keep_unknown = true;
    int rc = bind_query(b, s, stmt->query, false, &source, err);
    s->keep_unknown = false;
    if (rc)
        return rc;
    struct rel *rel = bind_new_rel(b, REL_SUBQUERY, "*SELECT*");
    rel->query = source;
    rel->columns = arena_array(b->arena, struct rel_column, source->n_targets + 1);
    for (uint32_t i = 0; i < source->n_targets && !source->targets[i].junk; i++)
        rel->columns[rel->n_columns++] = (struct rel_column){.name = source->targets[i].name, .type = source->targets[i].expr->type,
                                                             .typmod = source->targets[i].expr->typmod};
    rel->n_visible = rel->n_columns;
    if (rel->n_columns > n_columns)
        return report_count(b, true, stmt->query, err);
    if (stmt->columns && rel->n_columns < n_columns)
        return report_count(b, false, stmt->columns->items[rel->n_columns], err);
    *out = rel;
    return 0;
}

/* The full row: source columns coerced, defaults elsewhere. */
static int make_insert_row(struct binder *b, struct query *q, struct rel *target, struct rel *source,
                           const struct cat_column **columns, const struct ast_insert_stmt *stmt, struct err *err)
{
    const struct cat_relation *r = target->object->relation;
    uint32_t width = row_width(r);
    struct expr **row = arena_array(b->arena, struct expr *, width + 1);
    for (uint32_t i = 0; source && i < source->n_columns; i++) {
        const struct cat_column *c = columns[i];
        if (source->kind == REL_SUBQUERY && (c->generated_expr || c->identity == 'a')) {
            int rc = check_assignable(b, c, stmt->query, stmt->overriding, true, err);
            if (rc)
                return rc;
        }
        struct expr *e = expr_column(b->arena, source->number, i, source->columns[i].type, source->columns[i].typmod);
        if (source->kind == REL_SUBQUERY && e->type == TYPE_UNKNOWN) {
            /* A literal below takes the column's type there. */
            struct expr **at = &source->query->targets[i].expr;
            int rc = coerce_assign(b, *at, c->type_oid, c->typmod, c->name, at, err);
            if (rc)
                return rc;
            e->type = source->columns[i].type = (*at)->type;
            e->typmod = source->columns[i].typmod = (*at)->typmod;
        }
        int rc = coerce_assign(b, e, c->type_oid, c->typmod, c->name, &e, err);
        if (rc)
            return rc;
        row[row_position(r, c->attnum)] = e;
    }
    for (uint32_t i = 0; i < width; i++) {
        const struct cat_column *c = column_at_position(r, i);
        if (!row[i] && !c->generated_expr) {
            int rc = bind_default_of(b, target->object, c, &row[i], err);
            if (rc)
                return rc;
        }
    }
    int rc = add_generated(b, target, row, err);
    if (rc)
        return rc;
    q->n_targets = width;
    q->targets = arena_array(b->arena, struct target, width + 1);
    for (uint32_t i = 0; i < width; i++)
        q->targets[i] = (struct target){.expr = row[i], .name = target->columns[i].name};
    return 0;
}

static bool index_matches(const struct cat_index *x, const int32_t *attnums, uint32_t n)
{
    if (!x->unique || x->n_keys != n || x->predicate)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        bool found = false;
        for (uint32_t k = 0; k < x->n_keys; k++)
            found |= x->keys[k].attnum == attnums[i] && attnums[i] != 0;
        if (!found)
            return false;
    }
    return true;
}

static int find_arbiters(struct binder *b, const struct rel *target, const struct ast_on_conflict *c,
                         struct on_conflict *out, struct err *err)
{
    const struct cat_relation *r = target->object->relation;
    out->arbiters = arena_array(b->arena, uint32_t, r->n_indexes + 1);
    if (c->constraint) {
        for (uint32_t i = 0; i < r->n_indexes; i++)
            if (r->indexes[i].constraint_oid && strcmp(r->indexes[i].name, c->constraint) == 0)
                out->arbiters[out->n_arbiters++] = i;
        if (out->n_arbiters)
            return 0;
        err_set(err, ERR_UNDEFINED_OBJECT, "constraint \"%s\" for table \"%s\" does not exist", c->constraint, target->object->name);
        return bind_error(b, &c->node, err);
    }
    uint32_t n = ast_count(c->index_elems);
    if (n == 0)
        return 0;
    int32_t *attnums = arena_array(b->arena, int32_t, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct ast_index_elem *e = ast_to(index_elem, c->index_elems->items[i]);
        if (!e->name)
            return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "inferring an ON CONFLICT index by an expression is not supported");
        const struct cat_column *col = find_target_column(b, target, e->name, &e->node, err);
        if (!col)
            return err->code;
        attnums[i] = col->attnum;
    }
    for (uint32_t i = 0; i < r->n_indexes; i++)
        if (index_matches(&r->indexes[i], attnums, n))
            out->arbiters[out->n_arbiters++] = i;
    if (out->n_arbiters == 0) {
        err_set(err, ERR_INVALID_COLUMN_REFERENCE, "there is no unique or exclusion constraint matching the ON CONFLICT specification");
        return bind_error(b, &c->node, err);
    }
    return 0;
}

static int bind_set_list(struct binder *b, struct scope *s, const struct ast_list *list, struct rel *target,
                         struct expr ***out, struct err *err);

static int bind_on_conflict(struct binder *b, struct scope *s, struct query *q, const struct ast_on_conflict *c,
                            struct rel *target, struct err *err)
{
    struct on_conflict *out = q->conflict = arena_new(b->arena, struct on_conflict);
    out->action = c->action == AST_CONFLICT_NOTHING ? PLAN_CONFLICT_NOTHING : PLAN_CONFLICT_UPDATE;
    int rc = find_arbiters(b, target, c, out, err);
    if (rc || c->action == AST_CONFLICT_NOTHING)
        return rc;
    if (out->n_arbiters == 0) {
        err_set(err, ERR_SYNTAX_ERROR, "ON CONFLICT DO UPDATE requires inference specification or constraint name");
        err_hint(err, "For example, ON CONFLICT (column_name).");
        return bind_error(b, &c->node, err);
    }
    struct rel *excluded = bind_new_rel(b, REL_EXCLUDED, "excluded");
    excluded->object = target->object;
    excluded->columns = target->columns;
    excluded->n_columns = excluded->n_visible = target->n_visible;
    out->excluded_rel = excluded->number;
    struct scope inner = {.parent = s->parent, .query = q, .ctes = s->ctes};
    rc = scope_add_rel(b, &inner, target, true, err);
    if (rc == 0)
        rc = scope_add_rel(b, &inner, excluded, false, err);
    if (rc == 0)
        rc = bind_set_list(b, &inner, c->targets, target, &out->set, err);
    if (rc == 0 && c->where)
        rc = bind_bool(b, &inner, c->where, CLAUSE_WHERE, "WHERE", &out->where, err);
    return rc;
}

int bind_insert(struct binder *b, const struct ast_insert_stmt *stmt, struct query **out, struct err *err)
{
    struct query *q = arena_new(b->arena, struct query);
    struct scope s = {.query = q};
    q->command = PLAN_INSERT;
    int rc = stmt->with ? bind_with(b, &s, stmt->with, err) : 0;
    struct rel *target = NULL, *source = NULL;
    const struct cat_column **columns;
    uint32_t n_columns;
    if (rc == 0)
        rc = bind_dml_target(b, stmt->relation, "insert into", &target, err);
    if (rc == 0)
        rc = bind_insert_columns(b, target, stmt->columns, &columns, &n_columns, err);
    if (rc)
        return rc;
    q->target_rel = target->number;
    const struct ast_select_stmt *sel = ast_is(select_stmt, stmt->query) ? ast_to(select_stmt, stmt->query) : NULL;
    if (sel && ast_count(sel->values) && !sel->order_by && !sel->limit && !sel->offset && !sel->with && !sel->locking)
        rc = bind_insert_values(b, &s, stmt, sel, target, columns, n_columns, &source, err);
    else if (stmt->query)
        rc = bind_insert_query(b, &s, stmt, n_columns, &source, err);
    if (rc == 0 && source)
        q->from = bind_leaf(b, source);
    if (rc == 0)
        rc = make_insert_row(b, q, target, source, columns, stmt, err);
    if (rc == 0 && stmt->on_conflict)
        rc = bind_on_conflict(b, &s, q, stmt->on_conflict, target, err);
    if (rc)
        return rc;
    struct scope returning = {.query = q, .ctes = s.ctes};
    rc = scope_add_rel(b, &returning, target, true, err);
    *out = q;
    return rc ? rc : bind_returning(b, &returning, q, stmt->returning, err);
}

/* ---- UPDATE, DELETE ---- */

static int set_one(struct binder *b, struct scope *s, const struct ast_res_target *t, const struct ast_node *value,
                   struct rel *target, struct expr **row, struct err *err)
{
    const struct cat_column *c = find_target_column(b, target, t->name, &t->node, err);
    if (!c)
        return err->code;
    if (ast_count(t->indirection)) {
        err_set(err, ERR_FEATURE_NOT_SUPPORTED, "assigning to part of column \"%s\" is not supported", t->name);
        return bind_error(b, &t->node, err);
    }
    int32_t at = row_position(target->object->relation, c->attnum);
    if (row[at]) {
        err_set(err, ERR_SYNTAX_ERROR, "multiple assignments to same column \"%s\"", t->name);
        return bind_error(b, &t->node, err);
    }
    int rc = check_assignable(b, c, value, AST_OVERRIDING_NONE, false, err);
    if (rc)
        return rc;
    if (ast_is(set_to_default, value))
        return c->generated_expr ? 0 : bind_default_of(b, target->object, c, &row[at], err);
    s->clause = CLAUSE_SET;
    rc = bind_expr(b, s, value, &row[at], err);
    return rc ? rc : coerce_assign(b, row[at], c->type_oid, c->typmod, c->name, &row[at], err);
}

static int bind_set_list(struct binder *b, struct scope *s, const struct ast_list *list, struct rel *target,
                         struct expr ***out, struct err *err)
{
    uint32_t width = row_width(target->object->relation);
    struct expr **row = *out = arena_array(b->arena, struct expr *, width + 1);
    for (uint32_t i = 0; i < ast_count(list); i++) {
        int rc = 0;
        if (ast_is(res_target, list->items[i])) {
            const struct ast_res_target *t = ast_to(res_target, list->items[i]);
            rc = set_one(b, s, t, t->val, target, row, err);
        } else {
            const struct ast_multi_assign *m = ast_to(multi_assign, list->items[i]);
            if (!ast_is(row_expr, m->source)) {
                err_set(err, ERR_FEATURE_NOT_SUPPORTED, "UPDATE SET (...) = (SELECT ...) is not supported");
                return bind_error(b, &m->node, err);
            }
            const struct ast_list *values = ast_to(row_expr, m->source)->args;
            if (ast_count(values) != ast_count(m->targets)) {
                err_set(err, ERR_SYNTAX_ERROR, "number of columns does not match number of values");
                return bind_error(b, &m->node, err);
            }
            for (uint32_t k = 0; rc == 0 && k < ast_count(values); k++)
                rc = set_one(b, s, ast_to(res_target, m->targets->items[k]), values->items[k], target, row, err);
        }
        if (rc)
            return rc;
    }
    /* A generated column follows: its inputs are the new values where set, else the old ones. */
    return add_generated(b, target, row, err);
}

static int join_sources(struct binder *b, struct scope *s, struct query *q, struct rel *target,
                        const struct ast_list *sources, struct err *err)
{
    struct join_node *others;
    int rc = scope_add_rel(b, s, target, true, err);
    if (rc == 0)
        rc = bind_from(b, s, sources, &others, err);
    if (rc)
        return rc;
    q->from = bind_leaf(b, target);
    if (others) {
        struct join_node *both = arena_new(b->arena, struct join_node);
        both->type = PLAN_JOIN_INNER;
        both->left = q->from;
        both->right = others;
        q->from = both;
    }
    return 0;
}

int bind_update(struct binder *b, const struct ast_update_stmt *stmt, struct query **out, struct err *err)
{
    struct query *q = arena_new(b->arena, struct query);
    struct scope s = {.query = q};
    struct rel *target = NULL;
    q->command = PLAN_UPDATE;
    int rc = stmt->with ? bind_with(b, &s, stmt->with, err) : 0;
    if (rc == 0)
        rc = bind_dml_target(b, stmt->relation, "update", &target, err);
    if (rc == 0) {
        q->target_rel = target->number;
        rc = join_sources(b, &s, q, target, stmt->from, err);
    }
    if (rc == 0)
        rc = bind_set_list(b, &s, stmt->targets, target, &q->set_exprs, err);
    if (rc == 0 && stmt->where)
        rc = bind_bool(b, &s, stmt->where, CLAUSE_WHERE, "WHERE", &q->where, err);
    *out = q;
    return rc ? rc : bind_returning(b, &s, q, stmt->returning, err);
}

int bind_delete(struct binder *b, const struct ast_delete_stmt *stmt, struct query **out, struct err *err)
{
    struct query *q = arena_new(b->arena, struct query);
    struct scope s = {.query = q};
    struct rel *target = NULL;
    q->command = PLAN_DELETE;
    int rc = stmt->with ? bind_with(b, &s, stmt->with, err) : 0;
    if (rc == 0)
        rc = bind_dml_target(b, stmt->relation, "delete from", &target, err);
    if (rc == 0) {
        q->target_rel = target->number;
        rc = join_sources(b, &s, q, target, stmt->using_items, err);
    }
    if (rc == 0 && stmt->where)
        rc = bind_bool(b, &s, stmt->where, CLAUSE_WHERE, "WHERE", &q->where, err);
    *out = q;
    return rc ? rc : bind_returning(b, &s, q, stmt->returning, err);
}
