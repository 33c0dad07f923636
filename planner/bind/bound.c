/* bound.c: stored SQL pieces: to bound text, which survives renames, and back to SQL with today's names.
 *
 * See catalog.h ("Bound text"). The tree given is the statement's own parse tree, which no one reads afterwards: names in it are
 * replaced in place and the result is printed. Coming back, the printed text is parsed and its marks are replaced by names.
 */
#include <stdlib.h>
#include <string.h>

#include "parser/ast_print.h"
#include "parser/parser.h"
#include "planner/bind/bind_int.h"

static void init_stored(struct binder *b, const struct planner_options *options, struct arena *arena)
{
    *b = (struct binder){.opt = options, .view = options->view, .arena = arena, .bound_rel = UINT32_MAX};
}

/* ---- constants that name a relation ---- */

static bool is_sequence_function(const struct ast_list *name)
{
    const char *last = ast_string_at(name, ast_count(name) - 1);
    return strcmp(last, "nextval") == 0 || strcmp(last, "currval") == 0 || strcmp(last, "setval") == 0;
}

static bool is_regclass(const struct ast_type_name *t)
{
    return strcmp(ast_string_at(t->names, ast_count(t->names) - 1), "regclass") == 0 && !ast_count(t->array_bounds);
}

struct mark_args {
    const struct planner_options *opt;
    struct arena *arena;
    const struct cat_object *table;
    struct err *err;
    int rc;
};

/* 'name' -> 'oid': read once, now. */
static void pin_regclass(struct mark_args *a, struct ast_node *arg)
{
    if (!ast_is(a_const, arg) || ast_to(a_const, arg)->kind != AST_CONST_STRING)
        return;
    struct ast_a_const *c = ast_to(a_const, arg);
    struct datum value;
    a->rc = type_in(a->opt->env, TYPE_REGCLASS, -1, c->text, strlen(c->text), a->arena, &value, a->err);
    if (a->rc == 0)
        c->text = arena_printf(a->arena, "%lld", (long long)value.u.i64);
}

static int mark_node(struct ast_node *node, void *arg)
{
    struct mark_args *a = arg;
    if (ast_is(type_cast, node) && is_regclass(ast_to(type_cast, node)->type))
        pin_regclass(a, ast_to(type_cast, node)->arg);
    if (ast_is(func_call, node) && is_sequence_function(ast_to(func_call, node)->name) && ast_count(ast_to(func_call, node)->args))
        pin_regclass(a, ast_to(func_call, node)->args->items[0]);
    if (a->rc)
        return -1;
    if (!a->table || !ast_is(column_ref, node))
        return 0;
    struct ast_column_ref *ref = ast_to(column_ref, node);
    uint32_t n = ast_count(ref->fields);
    if (ast_is(star, ref->fields->items[n - 1]))
        return 0;
    const struct cat_column *c = cat_column_named(a->table->relation, ast_string_at(ref->fields, n - 1));
    if (c)
        ref->fields = ast_name_list(a->arena, NULL, arena_printf(a->arena, "\x01" "c%d", c->attnum));
    return 0;
}

static int make_bound(const struct planner_options *options, const struct ast_node *tree, const struct cat_object *table,
                      struct arena *arena, const char **bound, struct err *err)
{
    struct mark_args args = {options, arena, table, err, 0};
    ast_walk((struct ast_node *)tree, arena, mark_node, &args);
    if (args.rc)
        return args.rc;
    *bound = ast_print(arena, tree);
    return 0;
}

/* ---- expressions ---- */

int bind_default(const struct planner_options *options, const struct ast_node *expr, const struct cat_column *column,
                 struct arena *arena, const char **bound, struct expr **tree, struct err *err)
{
    struct binder b;
    struct query q = {0};
    struct scope s = {.query = &q, .clause = CLAUSE_DEFAULT};
    struct expr *e;
    init_stored(&b, options, arena);
    if (ast_is(column_ref, expr)) {
        err_set(err, ERR_FEATURE_NOT_SUPPORTED, "cannot use column reference in DEFAULT expression");
        return bind_error(&b, expr, err);
    }
    int rc = bind_expr(&b, &s, expr, &e, err);
    if (rc == 0 && e->type != TYPE_UNKNOWN && !coerce_possible(e->type, column->type_oid, COERCE_ASSIGNMENT)) {
        err_set(err, ERR_DATATYPE_MISMATCH, "column \"%s\" is of type %s but default expression is of type %s", column->name,
                type_name(column->type_oid, arena), type_name(e->type, arena));
        err_hint(err, "You will need to rewrite or cast the expression.");
        return bind_error(&b, expr, err);
    }
    if (rc == 0)
        rc = coerce_assign(&b, e, column->type_oid, column->typmod, column->name, tree, err);
    return rc ? rc : make_bound(options, expr, NULL, arena, bound, err);
}

int bind_table_expr(const struct planner_options *options, const struct ast_node *expr, const struct cat_object *table,
                    uint32_t type, const char *what, struct arena *arena, const char **bound, struct expr **tree,
                    struct err *err)
{
    struct binder b;
    struct query q = {0};
    struct scope s = {.query = &q};
    init_stored(&b, options, arena);
    s.clause = strcmp(what, "CHECK") == 0 ? CLAUSE_CHECK : strcmp(what, "GENERATED") == 0 ? CLAUSE_GENERATED
               : strcmp(what, "WHERE") == 0 ? CLAUSE_PREDICATE : CLAUSE_INDEX;
    struct rel *rel = bind_object_rel(&b, table);
    struct expr *e;
    int rc = scope_add_rel(&b, &s, rel, true, err);
    if (rc == 0)
        rc = bind_expr(&b, &s, expr, &e, err);
    if (rc == 0)
        rc = type == TYPE_BOOL ? coerce_bool(&b, e, what, &e, err) : coerce_unknown_text(&b, e, &e, err);
    if (rc)
        return rc;
    bool must_be_immutable = s.clause != CLAUSE_CHECK;
    if (must_be_immutable && (expr_traits(e) & (EXPR_HAS_VOLATILE | EXPR_HAS_STABLE))) {
        err_set(err, ERR_INVALID_OBJECT_DEFINITION, "%s",
                s.clause == CLAUSE_GENERATED   ? "generation expression is not immutable"
                : s.clause == CLAUSE_PREDICATE ? "functions in index predicate must be marked IMMUTABLE"
                                               : "functions in index expression must be marked IMMUTABLE");
        return bind_error(&b, expr, err);
    }
    *tree = e;
    return make_bound(options, expr, table, arena, bound, err);
}

/* ---- views ---- */

/* FROM t -> FROM "\x01<oid>" AS t("\x02<attnum>:name", ...): names and star mean what they mean now. */
static void pin_table(struct arena *arena, struct ast_range_var *var, const struct cat_object *obj)
{
    const struct cat_relation *r = obj->relation;
    struct ast_alias *alias = ast_new(arena, alias);
    alias->name = var->alias ? var->alias->name : obj->name;
    uint32_t at = 0;
    for (uint32_t i = 0; i < r->n_columns; i++) {
        if (r->columns[i].dropped)
            continue;
        const char *name = var->alias && at < ast_count(var->alias->columns) ? ast_string_at(var->alias->columns, at) : r->columns[i].name;
        alias->columns = ast_list_add(arena, alias->columns,
                                      ast_new_string(arena, arena_printf(arena, "\x02%d:%s", r->columns[i].attnum, name)));
        at++;
    }
    var->alias = alias;
    var->catalog = var->schema = NULL;
    var->name = arena_printf(arena, "\x01%u", obj->oid);
}

int bind_view_query(const struct planner_options *options, const struct ast_node *query, struct arena *arena,
                    const char **bound, struct cat_column **columns, uint32_t *n_columns, uint32_t **depends,
                    uint32_t *n_depends, struct err *err)
{
    struct binder b;
    struct query *q;
    init_stored(&b, options, arena);
    b.records_refs = true;
    int rc = bind_query(&b, NULL, query, false, &q, err);
    if (rc)
        return rc;
    if (b.n_params)
        return err_set(err, ERR_UNDEFINED_PARAMETER, "there is no parameter $1");
    *columns = arena_array(arena, struct cat_column, q->n_targets + 1);
    *n_columns = 0;
    for (uint32_t i = 0; i < q->n_targets && !q->targets[i].junk; i++) {
        struct cat_column *c = &(*columns)[(*n_columns)++];
        *c = (struct cat_column){.attnum = (int32_t)i + 1, .name = q->targets[i].name, .type_oid = q->targets[i].expr->type,
                                 .typmod = q->targets[i].expr->typmod, .collation = q->targets[i].expr->collation};
        for (uint32_t k = 0; k < i; k++)
            if (strcmp((*columns)[k].name, c->name) == 0)
                return err_set(err, ERR_DUPLICATE_COLUMN, "column \"%s\" specified more than once", c->name);
    }
    for (uint32_t i = 0; i < b.n_refs; i++)
        if (!b.refs[i].object->relation->system)
            pin_table(arena, b.refs[i].var, b.refs[i].object);
    *depends = b.depends;
    *n_depends = b.n_depends;
    return make_bound(options, query, NULL, arena, bound, err);
}

/* ---- back to SQL ---- */

struct unmark_args {
    const struct catalog_view *view;
    struct arena *arena;
    const struct cat_object *table;
};

static void name_table(struct unmark_args *a, struct ast_range_var *var)
{
    const struct cat_object *obj = catalog_view_object(a->view, (uint32_t)strtoul(var->name + 1, NULL, 10));
    if (!obj)
        return;
    bool visible = catalog_view_relation(a->view, NULL, obj->name) == obj;
    var->name = obj->name;
    var->schema = visible ? NULL : catalog_view_namespace_name(a->view, obj->namespace_oid);
    if (!var->alias)
        return;
    /* The column list stays only where a column is called otherwise today. */
    bool same = true;
    struct ast_list *plain = NULL;
    for (uint32_t i = 0; i < ast_count(var->alias->columns); i++) {
        char *rest;
        int32_t attnum = (int32_t)strtol(ast_string_at(var->alias->columns, i) + 1, &rest, 10);
        const char *name = *rest == ':' ? rest + 1 : rest;
        const struct cat_column *c = cat_column_at(obj->relation, attnum);
        same &= c && !c->dropped && strcmp(c->name, name) == 0;
        plain = ast_list_add(a->arena, plain, ast_new_string(a->arena, name));
    }
    var->alias->columns = same ? NULL : plain;
    if (same && strcmp(var->alias->name, obj->name) == 0)
        var->alias = NULL;
}

static int unmark_node(struct ast_node *node, void *arg)
{
    struct unmark_args *a = arg;
    if (ast_is(range_var, node) && ast_to(range_var, node)->name[0] == 1)
        name_table(a, ast_to(range_var, node));
    if (ast_is(column_ref, node) && a->table) {
        struct ast_column_ref *ref = ast_to(column_ref, node);
        const char *name = ast_is(string, ref->fields->items[0]) ? ast_string_at(ref->fields, 0) : "";
        if (name[0] == 1 && name[1] == 'c') {
            const struct cat_column *c = cat_column_at(a->table->relation, atoi(name + 2));
            ref->fields = ast_name_list(a->arena, NULL, c ? c->name : "?");
        }
    }
    if (ast_is(type_cast, node) && is_regclass(ast_to(type_cast, node)->type)) {
        struct ast_node *c = ast_to(type_cast, node)->arg;
        const struct cat_object *obj = ast_is(a_const, c) && ast_to(a_const, c)->kind == AST_CONST_STRING
                                           ? catalog_view_object(a->view, (uint32_t)strtoul(ast_to(a_const, c)->text, NULL, 10)) : NULL;
        if (obj)
            ast_to(a_const, c)->text = obj->name;
    }
    if (ast_is(func_call, node) && is_sequence_function(ast_to(func_call, node)->name) && ast_count(ast_to(func_call, node)->args)) {
        struct ast_node *c = ast_to(func_call, node)->args->items[0];
        const struct cat_object *obj = ast_is(a_const, c) && ast_to(a_const, c)->kind == AST_CONST_STRING
                                           ? catalog_view_object(a->view, (uint32_t)strtoul(ast_to(a_const, c)->text, NULL, 10)) : NULL;
        if (obj) {
            struct ast_type_cast *cast = ast_new(a->arena, type_cast);
            ast_to(a_const, c)->text = obj->name;
            cast->arg = c;
            cast->type = ast_new(a->arena, type_name);
            cast->type->names = ast_name_list(a->arena, NULL, "regclass");
            ast_to(func_call, node)->args->items[0] = &cast->node;
            return 1;
        }
    }
    return 0;
}

int bound_to_sql(const struct catalog_view *view, const char *bound, uint32_t table_oid, bool is_query,
                 struct arena *arena, const char **sql, struct err *err)
{
    struct unmark_args args = {view, arena, table_oid ? catalog_view_object(view, table_oid) : NULL};
    struct ast_node *tree;
    if (is_query) {
        struct parse_result parsed;
        int rc = parse_sql(bound, strlen(bound), arena, NULL, &parsed, err);
        if (rc)
            return rc;
        if (bug_if(parsed.count != 1, err))
            return err->code;
        tree = parsed.statements[0].node;
    } else {
        int rc = parse_expression(bound, strlen(bound), arena, &tree, err);
        if (rc)
            return rc;
    }
    ast_walk(tree, arena, unmark_node, &args);
    *sql = ast_print(arena, tree);
    return 0;
}
