/* ddl_constraint.c: keys, checks, foreign keys, generated columns: their shape, and checking the rows there are. */
#include <stdio.h>
#include <string.h>

#include "parser/ast_print.h"
#include "planner/catalog/system_def.h"
#include "server/sql/ddl_int.h"
#include "types/func/func.h"
#include "types/type/type.h"

enum { KEY_COLUMNS_MAX = 32, AM_BTREE = 403 };

struct cat_index *ddl_append_index(struct cat_object *table, bool first)
{
    struct cat_relation *r = table->relation;
    struct cat_index *grown = arena_array(table->arena, struct cat_index, r->n_indexes + 1);
    if (r->n_indexes)
        memcpy(grown + (first ? 1 : 0), r->indexes, r->n_indexes * sizeof *grown);
    r->indexes = grown;
    r->n_indexes++;
    struct cat_index *x = &grown[first ? 0 : r->n_indexes - 1];
    *x = (struct cat_index){.valid = true};
    return x;
}

struct cat_constraint *ddl_append_constraint(struct cat_object *table)
{
    struct cat_relation *r = table->relation;
    struct cat_constraint *grown = arena_array(table->arena, struct cat_constraint, r->n_constraints + 1);
    if (r->n_constraints)
        memcpy(grown, r->constraints, r->n_constraints * sizeof *grown);
    r->constraints = grown;
    struct cat_constraint *c = &grown[r->n_constraints++];
    *c = (struct cat_constraint){.validated = true};
    return c;
}

int ddl_find_column(struct ddl *d, const struct cat_object *table, const char *name, const struct cat_column **out,
                    struct err *err)
{
    *out = cat_column_named(table->relation, name);
    if (*out)
        return 0;
    return err_set(err, ERR_UNDEFINED_COLUMN, "column \"%s\" of relation \"%s\" does not exist", name, table->name);
}

static int key_columns(struct ddl *d, const struct cat_object *table, const struct ast_list *names, struct arena *arena, bool foreign,
                       int32_t **out, struct err *err)
{
    uint32_t n = ast_count(names);
    if (n > KEY_COLUMNS_MAX)
        return err_set(err, ERR_TOO_MANY_COLUMNS, "cannot use more than %d columns in an index", KEY_COLUMNS_MAX);
    *out = arena_array(arena, int32_t, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        const char *name = ast_string_at(names, i);
        const struct cat_column *c = cat_column_named(table->relation, name);
        if (!c)
            return err_set(err, ERR_UNDEFINED_COLUMN,
                           foreign ? "column \"%s\" referenced in foreign key constraint does not exist"
                                   : "column \"%s\" named in key does not exist",
                           name);
        for (uint32_t k = 0; k < i; k++)
            if ((*out)[k] == c->attnum)
                return err_set(err, ERR_DUPLICATE_COLUMN, "column \"%s\" appears twice in key", name);
        (*out)[i] = c->attnum;
    }
    return 0;
}

static int take_constraint_name(struct ddl *d, struct cat_object *table, const char *name, struct err *err)
{
    for (uint32_t i = 0; i < table->relation->n_constraints; i++)
        if (strcmp(table->relation->constraints[i].name, name) == 0)
            return err_set(err, ERR_DUPLICATE_OBJECT, "constraint \"%s\" for relation \"%s\" already exists", name, table->name);
    return 0;
}

/* ---- PRIMARY KEY, UNIQUE ---- */

static int check_orderable(struct ddl *d, const struct cat_column *c, struct err *err)
{
    const struct type_info *t = type_info(c->type_oid);
    if (t && t->flags & TYPE_ORDERED && opclass_default(AM_BTREE, c->type_oid))
        return 0;
    err_set(err, ERR_UNDEFINED_OBJECT, "data type %s has no default operator class for access method \"btree\"",
            type_name(c->type_oid, d->arena));
    return err_hint(err, "You must specify an operator class for the index or define a default operator class for the data type.");
}

static int fill_keys(struct ddl *d, struct cat_object *table, struct cat_index *x, const int32_t *columns, uint32_t n,
                     struct err *err)
{
    x->n_keys = n;
    x->keys = arena_array(table->arena, struct cat_key_part, n);
    for (uint32_t i = 0; i < n; i++) {
        struct cat_column *c = (struct cat_column *)cat_column_at(table->relation, columns[i]);
        int rc = check_orderable(d, c, err);
        if (rc)
            return rc;
        x->keys[i] = (struct cat_key_part){.attnum = c->attnum, .type_oid = c->type_oid, .typmod = c->typmod, .collation = c->collation};
        if (x->primary)
            c->not_null = true;
    }
    return 0;
}

static bool has_primary(const struct cat_relation *r)
{
    return r->n_indexes && r->indexes[0].primary;
}

static int add_key(struct ddl *d, struct cat_object *table, const struct ast_constraint *c, struct err *err)
{
    bool primary = c->kind == AST_CONSTR_PRIMARY;
    int32_t *columns, *include;
    uint32_t n = ast_count(c->keys);
    if (c->index_name)
        return session_unsupported(err, "ADD CONSTRAINT ... USING INDEX");
    if (c->deferrable)
        return session_unsupported(err, "a deferrable constraint");
    if (primary && has_primary(table->relation)) {
        err_set(err, ERR_INVALID_TABLE_DEFINITION, "multiple primary keys for table \"%s\" are not allowed", table->name);
        return ddl_position(d, &c->node, err);
    }
    int rc = key_columns(d, table, c->keys, table->arena, false, &columns, err);
    if (!rc)
        rc = key_columns(d, table, c->including, table->arena, false, &include, err);
    if (rc)
        return ddl_position(d, &c->node, err);
    const char *name = c->name ? c->name
                       : primary ? ddl_choose_name(d, table->namespace_oid, table->name, NULL, "pkey", table)
                                 : ddl_choose_name(d, table->namespace_oid, table->name, ddl_join_names(d, table, columns, n), "key", table);
    if (c->name && ddl_name_taken(d, table->namespace_oid, name))
        return err_set(err, ERR_DUPLICATE_TABLE, "relation \"%s\" already exists", name);
    rc = take_constraint_name(d, table, name, err);
    uint32_t index_oid, constraint_oid;
    if (!rc)
        rc = ddl_oid(d, &index_oid, err);
    if (!rc)
        rc = ddl_oid(d, &constraint_oid, err);
    if (rc)
        return rc;
    struct cat_index *x = ddl_append_index(table, primary);
    x->oid = index_oid;
    x->name = arena_strdup(table->arena, name);
    x->constraint_oid = constraint_oid;
    x->primary = primary;
    x->unique = true;
    x->nulls_not_distinct = c->nulls_not_distinct;
    x->n_include = ast_count(c->including);
    x->include = include;
    struct cat_constraint *con = ddl_append_constraint(table);
    con->oid = constraint_oid;
    con->name = x->name;
    con->kind = primary ? 'p' : 'u';
    con->n_columns = n;
    con->columns = columns;
    con->index_oid = index_oid;
    return fill_keys(d, table, x, columns, n, err);
}

/* ---- CHECK, GENERATED ---- */

struct column_use {
    const struct cat_object *table;
    const char *name; /* the only column used; NULL = none or several */
    uint32_t n;
};

static int note_column(struct ast_node *node, void *arg)
{
    struct column_use *u = arg;
    if (!ast_is(column_ref, node))
        return 0;
    const struct ast_list *fields = ast_to(column_ref, node)->fields;
    const struct ast_node *last = fields->items[ast_count(fields) - 1];
    if (ast_is(string, last) && (!u->name || strcmp(u->name, ast_to(string, last)->text) != 0)) {
        u->name = ast_to(string, last)->text;
        u->n++;
    }
    return 0;
}

static int add_check(struct ddl *d, struct cat_object *table, const struct ast_constraint *c, struct err *err)
{
    struct column_use use = {.table = table};
    ast_walk(c->expr, d->arena, note_column, &use);
    const char *column = use.n == 1 ? use.name : NULL; /* before binding marks the names */
    struct expr *tree;
    const char *bound;
    uint32_t oid;
    int rc = bind_table_expr(&d->po, c->expr, table, TYPE_BOOL, "CHECK", d->arena, &bound, &tree, err);
    const char *name = c->name ? c->name : ddl_choose_name(d, table->namespace_oid, table->name, column, "check", table);
    if (!rc)
        rc = take_constraint_name(d, table, name, err);
    if (!rc)
        rc = ddl_oid(d, &oid, err);
    if (rc)
        return rc;
    const struct cat_column *of = column ? cat_column_named(table->relation, column) : NULL;
    struct cat_constraint *con = ddl_append_constraint(table);
    con->oid = oid;
    con->name = arena_strdup(table->arena, name);
    con->kind = 'c';
    con->check_expr = arena_strdup(table->arena, bound);
    con->n_columns = of ? 1 : 0;
    con->columns = arena_array(table->arena, int32_t, 1);
    con->columns[0] = of ? of->attnum : 0;
    con->validated = !c->not_valid;
    return 0;
}

static int add_generated(struct ddl *d, struct cat_object *table, const struct ast_constraint *c, struct err *err)
{
    struct cat_column *column = (struct cat_column *)cat_column_named(table->relation, ast_string_at(c->keys, 0));
    struct expr *tree;
    const char *bound;
    if (column->has_default || column->identity)
        return err_set(err, ERR_SYNTAX_ERROR, "both default and generation expression specified for column \"%s\" of table \"%s\"",
                       column->name, table->name);
    int rc = bind_table_expr(&d->po, c->expr, table, 0, "GENERATED", d->arena, &bound, &tree, err);
    if (rc)
        return rc;
    column->generated_expr = arena_strdup(table->arena, bound);
    return 0;
}

/* ---- FOREIGN KEY ---- */

static char action_code(enum ast_fk_action action)
{
    return action == AST_FK_RESTRICT ? 'r' : 'a';
}

static const struct cat_index *find_unique(const struct cat_relation *r, const int32_t *columns, uint32_t n)
{
    for (uint32_t i = 0; i < r->n_indexes; i++) {
        const struct cat_index *x = &r->indexes[i];
        if (!x->unique || x->n_keys != n || x->predicate)
            continue;
        uint32_t found = 0;
        for (uint32_t k = 0; k < n; k++)
            for (uint32_t j = 0; j < n; j++)
                found += x->keys[k].attnum && x->keys[k].attnum == columns[j];
        if (found == n)
            return x;
    }
    return NULL;
}

static int parent_columns(struct ddl *d, struct cat_object *table, const struct cat_object *parent, const struct ast_constraint *c,
                          int32_t **columns, uint32_t *n, const struct cat_index **index, struct err *err)
{
    const struct cat_relation *r = parent->relation;
    if (ast_count(c->pk_keys)) {
        *n = ast_count(c->pk_keys);
        int rc = key_columns(d, parent, c->pk_keys, table->arena, true, columns, err);
        if (rc)
            return rc;
        *index = find_unique(r, *columns, *n);
        if (!*index)
            return err_set(err, ERR_INVALID_FOREIGN_KEY, "there is no unique constraint matching given keys for referenced table \"%s\"",
                           parent->name);
        return 0;
    }
    if (!has_primary(r))
        return err_set(err, ERR_UNDEFINED_OBJECT, "there is no primary key for referenced table \"%s\"", parent->name);
    *index = &r->indexes[0];
    *n = (*index)->n_keys;
    *columns = arena_array(table->arena, int32_t, *n);
    for (uint32_t i = 0; i < *n; i++)
        (*columns)[i] = (*index)->keys[i].attnum;
    return 0;
}

static int check_types(struct ddl *d, const struct cat_object *table, const struct cat_object *parent, const char *name,
                       const int32_t *columns, const int32_t *ref, uint32_t n, struct err *err)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct cat_column *a = cat_column_at(table->relation, columns[i]), *b = cat_column_at(parent->relation, ref[i]);
        if (a->type_oid == b->type_oid || oper_exact("=", b->type_oid, a->type_oid))
            continue;
        const struct opclass_info *x = opclass_default(AM_BTREE, a->type_oid), *y = opclass_default(AM_BTREE, b->type_oid);
        if (x && y && x->family == y->family)
            continue;
        err_set(err, ERR_DATATYPE_MISMATCH, "foreign key constraint \"%s\" cannot be implemented", name);
        return err_detail(err, "Key columns \"%s\" and \"%s\" are of incompatible types: %s and %s.", a->name, b->name,
                          type_name(a->type_oid, d->arena), type_name(b->type_oid, d->arena));
    }
    return 0;
}

static int refuse_foreign(const struct ast_constraint *c, struct err *err)
{
    if (c->on_update > AST_FK_RESTRICT || c->on_delete > AST_FK_RESTRICT) {
        enum ast_fk_action a = c->on_delete > AST_FK_RESTRICT ? c->on_delete : c->on_update;
        const char *event = c->on_delete > AST_FK_RESTRICT ? "ON DELETE" : "ON UPDATE";
        char what[64];
        snprintf(what, sizeof what, "FOREIGN KEY ... %s %s", event,
                 a == AST_FK_CASCADE ? "CASCADE" : a == AST_FK_SET_NULL ? "SET NULL" : "SET DEFAULT");
        return session_unsupported(err, what);
    }
    return c->deferrable ? session_unsupported(err, "a deferrable constraint") : 0;
}

static int add_foreign(struct ddl *d, struct cat_object *table, const struct ast_constraint *c, struct err *err)
{
    const struct cat_object *parent = table;
    int32_t *columns, *ref;
    uint32_t n = ast_count(c->keys), n_ref = 0, oid;
    const struct cat_index *index;
    int rc = refuse_foreign(c, err);
    bool own = !rc && strcmp(c->pk_table->name, table->name) == 0 &&
               (!c->pk_table->schema || catalog_view_namespace(d->view, c->pk_table->schema) == table->namespace_oid);
    if (!rc && !own)
        rc = ddl_find(d, c->pk_table, "r", DDL_SHARE_ROW_EXCLUSIVE, false, &parent, err);
    if (!rc)
        rc = key_columns(d, table, c->keys, table->arena, true, &columns, err);
    if (!rc)
        rc = parent_columns(d, table, parent, c, &ref, &n_ref, &index, err);
    if (rc)
        return rc;
    if (n != n_ref)
        return err_set(err, ERR_INVALID_FOREIGN_KEY, "number of referencing and referenced columns for foreign key disagree");
    const char *name = c->name ? c->name
                               : ddl_choose_name(d, table->namespace_oid, table->name, ddl_join_names(d, table, columns, n), "fkey", table);
    rc = take_constraint_name(d, table, name, err);
    if (!rc)
        rc = check_types(d, table, parent, name, columns, ref, n, err);
    if (!rc)
        rc = ddl_oid(d, &oid, err);
    if (rc)
        return rc;
    struct cat_constraint *con = ddl_append_constraint(table);
    *con = (struct cat_constraint){.oid = oid, .name = arena_strdup(table->arena, name), .kind = 'f', .n_columns = n,
                                   .columns = columns, .index_oid = index->oid, .ref_table = parent->oid, .n_ref_columns = n,
                                   .ref_columns = ref, .match = c->match == AST_FK_MATCH_FULL ? 'f' : 's',
                                   .on_update = action_code(c->on_update), .on_delete = action_code(c->on_delete),
                                   .validated = !c->not_valid};
    if (own) {
        struct cat_relation *r = table->relation;
        uint32_t *grown = arena_array(table->arena, uint32_t, r->n_referenced_by + 1);
        if (r->n_referenced_by)
            memcpy(grown, r->referenced_by, r->n_referenced_by * sizeof *grown);
        grown[r->n_referenced_by++] = table->oid;
        r->referenced_by = grown;
    }
    return 0;
}

int ddl_reference(struct ddl *d, uint32_t parent_oid, uint32_t child_oid, bool add, struct err *err)
{
    const struct cat_object *parent = catalog_view_object(d->view, parent_oid);
    if (!parent)
        return 0;
    struct cat_object *copy = cat_object_copy(parent);
    struct cat_relation *r = copy->relation;
    uint32_t *list = arena_array(copy->arena, uint32_t, r->n_referenced_by + 1), n = 0;
    for (uint32_t i = 0; i < r->n_referenced_by; i++)
        if (r->referenced_by[i] != child_oid)
            list[n++] = r->referenced_by[i];
    if (add)
        list[n++] = child_oid;
    r->referenced_by = list;
    r->n_referenced_by = n;
    return ddl_put(d, parent, copy, err);
}

int ddl_add_constraint(struct ddl *d, struct cat_object *table, const struct ast_constraint *c, struct err *err)
{
    switch (c->kind) {
    case AST_CONSTR_PRIMARY:
    case AST_CONSTR_UNIQUE:
        return add_key(d, table, c, err);
    case AST_CONSTR_CHECK:
        return add_check(d, table, c, err);
    case AST_CONSTR_GENERATED:
        return add_generated(d, table, c, err);
    case AST_CONSTR_FOREIGN:
        return add_foreign(d, table, c, err);
    case AST_CONSTR_EXCLUSION:
        return session_unsupported(err, "an exclusion constraint");
    default:
        return session_unsupported(err, "this constraint");
    }
}

/* ---- checking the rows there are ---- */

static int count_batch(void *ctx, struct batch *batch, struct err *err)
{
    *(uint64_t *)ctx += batch_count(batch);
    return 0;
}

/* Does the query give a row? */
static int any_row(struct ddl *d, const char *sql, bool *any, struct err *err)
{
    struct parse_result parsed;
    uint64_t n = 0, affected;
    int rc = parse_sql(sql, strlen(sql), d->arena, NULL, &parsed, err);
    if (!rc)
        rc = session_run_nested(d->task, d->s, parsed.statements[0].node, sql, count_batch, &n, &affected, err);
    *any = n > 0;
    return rc;
}

static void put_table(struct ddl *d, const struct cat_object *table, struct buf *out)
{
    system_def_relation(d->view, table, true, out);
}

int ddl_validate_check(struct ddl *d, const struct cat_object *table, const struct cat_constraint *c, struct err *err)
{
    struct buf sql = {0};
    buf_put_text(&sql, "SELECT 1 FROM ONLY ");
    put_table(d, table, &sql);
    buf_put_text(&sql, " WHERE NOT (");
    bool any = false;
    int rc = system_def_expr(d->view, c->check_expr, table->oid, &sql, err);
    buf_put_text(&sql, ") LIMIT 1");
    if (!rc)
        rc = any_row(d, buf_text(&sql), &any, err);
    buf_done(&sql);
    if (!rc && any) {
        rc = err_set(err, ERR_CHECK_VIOLATION, "check constraint \"%s\" of relation \"%s\" is violated by some row", c->name, table->name);
        snprintf(err->table_name, sizeof err->table_name, "%s", table->name);
        snprintf(err->constraint_name, sizeof err->constraint_name, "%s", c->name);
    }
    return rc;
}

int ddl_validate_not_null(struct ddl *d, const struct cat_object *table, const struct cat_column *c, struct err *err)
{
    struct buf sql = {0};
    buf_put_text(&sql, "SELECT 1 FROM ONLY ");
    put_table(d, table, &sql);
    buf_put_text(&sql, " WHERE ");
    system_def_name(&sql, c->name);
    buf_put_text(&sql, " IS NULL LIMIT 1");
    bool any = false;
    int rc = any_row(d, buf_text(&sql), &any, err);
    buf_done(&sql);
    if (!rc && any) {
        rc = err_set(err, ERR_NOT_NULL_VIOLATION, "column \"%s\" of relation \"%s\" contains null values", c->name, table->name);
        snprintf(err->table_name, sizeof err->table_name, "%s", table->name);
        snprintf(err->column_name, sizeof err->column_name, "%s", c->name);
    }
    return rc;
}

int ddl_validate_foreign_key(struct ddl *d, const struct cat_object *table, const struct cat_constraint *c, struct err *err)
{
    const struct cat_object *parent = catalog_view_object(d->view, c->ref_table);
    if (bug_if(!parent, err))
        return err->code;
    struct buf sql = {0};
    buf_put_text(&sql, "SELECT 1 FROM ONLY ");
    put_table(d, table, &sql);
    buf_put_text(&sql, " AS c WHERE ");
    for (uint32_t i = 0; i < c->n_columns; i++) {
        buf_put_text(&sql, "c.");
        system_def_name(&sql, cat_column_at(table->relation, c->columns[i])->name);
        buf_put_text(&sql, " IS NOT NULL AND ");
    }
    buf_put_text(&sql, "NOT EXISTS (SELECT 1 FROM ONLY ");
    put_table(d, parent, &sql);
    buf_put_text(&sql, " AS p WHERE ");
    for (uint32_t i = 0; i < c->n_columns; i++) {
        buf_put_text(&sql, i ? " AND p." : "p.");
        system_def_name(&sql, cat_column_at(parent->relation, c->ref_columns[i])->name);
        buf_put_text(&sql, " = c.");
        system_def_name(&sql, cat_column_at(table->relation, c->columns[i])->name);
    }
    buf_put_text(&sql, ") LIMIT 1");
    bool any = false;
    int rc = any_row(d, buf_text(&sql), &any, err);
    buf_done(&sql);
    if (!rc && any) {
        rc = err_set(err, ERR_FOREIGN_KEY_VIOLATION, "insert or update on table \"%s\" violates foreign key constraint \"%s\"",
                     table->name, c->name);
        snprintf(err->table_name, sizeof err->table_name, "%s", table->name);
        snprintf(err->constraint_name, sizeof err->constraint_name, "%s", c->name);
    }
    return rc;
}
