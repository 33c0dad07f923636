/* ddl_table.c: CREATE TABLE and CREATE TABLE AS. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/sql/ddl_int.h"
#include "types/type/type.h"

enum { COLUMNS_MAX = 1600, TABLETS_MAX = 1024 };

/* ---- columns ---- */

static uint32_t serial_type(const struct ast_type_name *t)
{
    static const struct {
        const char *name;
        uint32_t type;
    } serials[] = {{"serial", TYPE_INT4},      {"serial4", TYPE_INT4}, {"bigserial", TYPE_INT8},
                   {"serial8", TYPE_INT8},     {"smallserial", TYPE_INT2}, {"serial2", TYPE_INT2}};
    if (ast_count(t->names) != 1)
        return 0;
    for (size_t i = 0; i < sizeof serials / sizeof *serials; i++)
        if (strcmp(ast_string_at(t->names, 0), serials[i].name) == 0)
            return serials[i].type;
    return 0;
}

static struct cat_column *append_column(struct cat_object *table)
{
    struct cat_relation *r = table->relation;
    struct cat_column *grown = arena_array(table->arena, struct cat_column, r->n_columns + 1);
    if (r->n_columns)
        memcpy(grown, r->columns, r->n_columns * sizeof *grown);
    r->columns = grown;
    struct cat_column *c = &grown[r->n_columns++];
    *c = (struct cat_column){.attnum = r->next_attnum++, .typmod = -1};
    return c;
}

static int column_collation(struct ddl *d, const struct ast_column_def *def, struct cat_column *c, struct err *err)
{
    const struct type_info *t = type_info(c->type_oid);
    c->collation = t ? t->collation : 0;
    if (!ast_count(def->collation))
        return 0;
    const char *name = ast_string_at(def->collation, ast_count(def->collation) - 1);
    if (!c->collation)
        return err_set(err, ERR_DATATYPE_MISMATCH, "collations are not supported by type %s", type_name(c->type_oid, d->arena));
    if (strcmp(name, "default") == 0)
        c->collation = 100;
    else if (strcmp(name, "C") == 0 || strcmp(name, "ucs_basic") == 0)
        c->collation = 950;
    else if (strcmp(name, "POSIX") == 0)
        c->collation = 951;
    else
        return err_set(err, ERR_UNDEFINED_OBJECT, "collation \"%s\" for encoding \"UTF8\" does not exist", name);
    return 0;
}

static int check_column(struct ddl *d, const struct cat_object *table, const struct ast_column_def *def, struct err *err)
{
    static const char *const system_names[] = {"tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"};
    if (cat_column_named(table->relation, def->name)) {
        if (catalog_view_object(d->view, table->oid))
            return err_set(err, ERR_DUPLICATE_COLUMN, "column \"%s\" of relation \"%s\" already exists", def->name, table->name);
        return err_set(err, ERR_DUPLICATE_COLUMN, "column \"%s\" specified more than once", def->name);
    }
    for (size_t i = 0; i < sizeof system_names / sizeof *system_names; i++)
        if (strcmp(def->name, system_names[i]) == 0)
            return err_set(err, ERR_DUPLICATE_COLUMN, "column name \"%s\" conflicts with a system column name", def->name);
    if (table->relation->n_columns >= COLUMNS_MAX)
        return err_set(err, ERR_TOO_MANY_COLUMNS, "tables can have at most %d columns", COLUMNS_MAX);
    return 0;
}

static int column_type(struct ddl *d, const struct ast_column_def *def, struct cat_column *c, bool *serial, struct err *err)
{
    uint32_t serial_of = serial_type(def->type);
    *serial = serial_of != 0;
    if (serial_of && ast_count(def->type->array_bounds))
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "array of serial is not implemented");
    c->type_oid = serial_of;
    c->typmod = -1;
    int rc = serial_of ? 0 : bind_type_name(&d->po, def->type, d->arena, &c->type_oid, &c->typmod, err);
    if (rc)
        return rc;
    const struct type_info *t = type_info(c->type_oid);
    if (!t || t->flags & TYPE_PSEUDO)
        return err_set(err, ERR_INVALID_TABLE_DEFINITION, "column \"%s\" has pseudo-type %s", def->name,
                       type_name(c->type_oid, d->arena));
    c->ndims = (int32_t)ast_count(def->type->array_bounds);
    return column_collation(d, def, c, err);
}

static int add_default(struct ddl *d, struct cat_object *table, struct cat_column *c, const struct ast_node *expr, struct err *err)
{
    struct expr *tree;
    const char *bound;
    if (c->has_default) {
        err_set(err, ERR_SYNTAX_ERROR, "multiple default values specified for column \"%s\" of table \"%s\"", c->name, table->name);
        return ddl_position(d, expr, err);
    }
    int rc = bind_default(&d->po, expr, c, d->arena, &bound, &tree, err);
    if (rc)
        return rc;
    c->has_default = true;
    c->default_expr = arena_strdup(table->arena, bound);
    return 0;
}

static int add_serial(struct ddl *d, struct cat_object *table, struct cat_column *c, struct err *err)
{
    uint32_t oid;
    int rc = ddl_make_sequence(d, table, c, NULL, &oid, err);
    if (rc)
        return rc;
    c->not_null = c->has_default = true;
    c->default_expr = arena_printf(table->arena, "nextval('%u'::regclass)", oid);
    c->sequence_oid = oid;
    return 0;
}

static int add_identity(struct ddl *d, struct cat_object *table, struct cat_column *c, const struct ast_constraint *con,
                        struct err *err)
{
    if (c->type_oid != TYPE_INT2 && c->type_oid != TYPE_INT4 && c->type_oid != TYPE_INT8)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "identity column type must be smallint, integer, or bigint");
    if (c->has_default || c->identity)
        return err_set(err, ERR_SYNTAX_ERROR, "both default and identity specified for column \"%s\" of table \"%s\"", c->name,
                       table->name);
    c->identity = con->generated_always ? 'a' : 'd';
    c->not_null = true;
    return ddl_make_sequence(d, table, c, con->options, &c->sequence_oid, err);
}

/* A column constraint that belongs to the table: its column becomes its key. */
static void put_off(struct ddl *d, const struct ast_constraint *con, const char *column, struct ast_list **later)
{
    struct ast_constraint *copy = arena_memdup(d->arena, con, sizeof *con);
    if (con->kind != AST_CONSTR_CHECK)
        copy->keys = ast_list_add(d->arena, NULL, ast_new_string(d->arena, column));
    *later = ast_list_add(d->arena, *later, copy);
}

static int add_column_constraint(struct ddl *d, struct cat_object *table, struct cat_column *c, const struct ast_constraint *con,
                                 bool *said_null, struct ast_list **later, struct err *err)
{
    switch (con->kind) {
    case AST_CONSTR_NULL:
    case AST_CONSTR_NOT_NULL:
        if (*said_null && c->not_null != (con->kind == AST_CONSTR_NOT_NULL)) {
            err_set(err, ERR_SYNTAX_ERROR, "conflicting NULL/NOT NULL declarations for column \"%s\" of table \"%s\"", c->name,
                    table->name);
            return ddl_position(d, &con->node, err);
        }
        *said_null = true;
        c->not_null = con->kind == AST_CONSTR_NOT_NULL;
        return 0;
    case AST_CONSTR_DEFAULT:
        return add_default(d, table, c, con->expr, err);
    case AST_CONSTR_IDENTITY:
        return add_identity(d, table, c, con, err);
    case AST_CONSTR_GENERATED:
    case AST_CONSTR_CHECK:
    case AST_CONSTR_PRIMARY:
    case AST_CONSTR_UNIQUE:
    case AST_CONSTR_FOREIGN:
        put_off(d, con, c->name, later);
        return 0;
    case AST_CONSTR_ATTR_NOT_DEFERRABLE:
    case AST_CONSTR_ATTR_IMMEDIATE:
        return 0;
    default:
        return session_unsupported(err, con->kind == AST_CONSTR_EXCLUSION ? "an exclusion constraint" : "a deferrable constraint");
    }
}

int ddl_add_column(struct ddl *d, struct cat_object *table, const struct ast_column_def *def, struct ast_list **later,
                   struct err *err)
{
    struct cat_column shape = {.name = def->name};
    bool serial, said_null = false;
    int rc = check_column(d, table, def, err);
    if (!rc)
        rc = column_type(d, def, &shape, &serial, err);
    if (rc)
        return rc;
    struct cat_column *c = append_column(table);
    shape.attnum = c->attnum;
    *c = shape;
    c->name = arena_strdup(table->arena, def->name);
    if (serial)
        rc = add_serial(d, table, c, err);
    for (uint32_t i = 0; i < ast_count(def->constraints) && !rc; i++)
        rc = add_column_constraint(d, table, c, ast_to(constraint, def->constraints->items[i]), &said_null, later, err);
    return rc;
}

/* ---- options ---- */

static bool is_known_option(const char *name)
{
    static const char *const known[] = {"fillfactor", "parallel_workers", "user_catalog_table", "toast_tuple_target",
                                        "vacuum_truncate", "vacuum_index_cleanup", "log_autovacuum_min_duration"};
    if (strncmp(name, "autovacuum_", 11) == 0)
        return true;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i]) == 0)
            return true;
    return false;
}

static int add_option(struct ddl *d, struct cat_object *table, const struct ast_def_elem *e, struct err *err)
{
    struct cat_relation *r = table->relation;
    int64_t number = 0;
    bool tablets = strcmp(e->name, "tablets") == 0;
    if (e->name_space && strcmp(e->name_space, "toast") == 0)
        return 0;
    if (strcmp(e->name, "oids") == 0)
        return ddl_int_of(e->arg, &number) && !number ? 0 : session_unsupported(err, "WITH OIDS");
    if (!tablets && !is_known_option(e->name))
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "unrecognized parameter \"%s\"", e->name);
    if (tablets && (!ddl_int_of(e->arg, &number) || number < 1 || number > TABLETS_MAX))
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "value out of bounds for option \"tablets\" (1 to %d)", TABLETS_MAX);
    const char *text = ddl_text_of(e->arg);
    if (!text)
        text = ddl_int_of(e->arg, &number) ? arena_printf(d->arena, "%lld", (long long)number) : "true";
    const char **grown = arena_array(table->arena, const char *, r->n_options + 1);
    if (r->n_options)
        memcpy(grown, r->options, r->n_options * sizeof *grown);
    grown[r->n_options++] = arena_printf(table->arena, "%s=%s", e->name, text);
    r->options = grown;
    return 0;
}

static int add_options(struct ddl *d, struct cat_object *table, const struct ast_list *options, struct err *err)
{
    for (uint32_t i = 0; i < ast_count(options); i++) {
        int rc = add_option(d, table, ast_to(def_elem, options->items[i]), err);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- CREATE TABLE ---- */

static int add_like(struct ddl *d, struct cat_object *table, const struct ast_table_like *like, struct err *err)
{
    for (uint32_t i = 0; i < ast_count(like->options); i++)
        if (ast_to(def_elem, like->options->items[i])->action == AST_DEF_ADD)
            return session_unsupported(err, "LIKE ... INCLUDING");
    const struct cat_object *from;
    int rc = ddl_find(d, like->relation, "rv", DDL_ACCESS_SHARE, false, &from, err);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < from->relation->n_columns; i++) {
        const struct cat_column *c = &from->relation->columns[i];
        if (c->dropped)
            continue;
        if (cat_column_named(table->relation, c->name))
            return err_set(err, ERR_DUPLICATE_COLUMN, "column \"%s\" specified more than once", c->name);
        struct cat_column *copy = append_column(table);
        *copy = (struct cat_column){.attnum = copy->attnum, .name = arena_strdup(table->arena, c->name), .type_oid = c->type_oid,
                                    .typmod = c->typmod, .collation = c->collation, .not_null = c->not_null, .ndims = c->ndims};
    }
    return 0;
}

static int refuse_forms(const struct ast_create_stmt *stmt, struct err *err)
{
    if (ast_count(stmt->inherits))
        return session_unsupported(err, "table inheritance");
    if (stmt->of_type)
        return session_unsupported(err, "CREATE TABLE ... OF");
    if (stmt->partition_of || stmt->partition_by)
        return session_unsupported(err, "table partitioning");
    if (stmt->access_method && strcmp(stmt->access_method, "heap") != 0)
        return err_set(err, ERR_UNDEFINED_OBJECT, "access method \"%s\" does not exist", stmt->access_method);
    if (stmt->tablespace && strcmp(stmt->tablespace, "pg_default") != 0)
        return err_set(err, ERR_UNDEFINED_OBJECT, "tablespace \"%s\" does not exist", stmt->tablespace);
    return 0;
}

/* True: there is one already and that is all right. */
static int check_exists(struct ddl *d, uint32_t ns, const char *name, bool if_not_exists, bool *exists, struct err *err)
{
    *exists = ddl_name_taken(d, ns, name);
    if (!*exists)
        return 0;
    if (!if_not_exists)
        return err_set(err, ERR_DUPLICATE_TABLE, "relation \"%s\" already exists", name);
    session_notice(d->s, "NOTICE", ERR_DUPLICATE_TABLE, "relation \"%s\" already exists, skipping", name);
    return 0;
}

static int add_elements(struct ddl *d, struct cat_object *table, const struct ast_list *elements, struct ast_list **later,
                        struct err *err)
{
    struct ast_list *of_table = NULL;
    for (uint32_t i = 0; i < ast_count(elements); i++) {
        const struct ast_node *e = elements->items[i];
        int rc = 0;
        if (ast_is(column_def, e))
            rc = ddl_add_column(d, table, ast_to(column_def, e), later, err);
        else if (ast_is(table_like, e))
            rc = add_like(d, table, ast_to(table_like, e), err);
        else if (ast_is(constraint, e))
            of_table = ast_list_add(d->arena, of_table, (void *)e);
        if (rc)
            return rc;
    }
    for (uint32_t i = 0; i < ast_count(of_table); i++)
        *later = ast_list_add(d->arena, *later, of_table->items[i]);
    return 0;
}

/* Keys first: a foreign key to the table itself looks for them. */
static int add_constraints(struct ddl *d, struct cat_object *table, const struct ast_list *later, struct err *err)
{
    for (int pass = 0; pass < 3; pass++) {
        for (uint32_t i = 0; i < ast_count(later); i++) {
            const struct ast_constraint *c = ast_to(constraint, later->items[i]);
            int at = c->kind == AST_CONSTR_PRIMARY ? 0 : c->kind == AST_CONSTR_FOREIGN ? 2 : 1;
            int rc = at == pass ? ddl_add_constraint(d, table, c, err) : 0;
            if (rc)
                return rc;
        }
    }
    return 0;
}

static int add_to_parents(struct ddl *d, const struct cat_object *table, struct err *err)
{
    const struct cat_relation *r = table->relation;
    for (uint32_t i = 0; i < r->n_constraints; i++) {
        if (r->constraints[i].kind != 'f' || r->constraints[i].ref_table == table->oid)
            continue;
        int rc = ddl_reference(d, r->constraints[i].ref_table, table->oid, true, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int finish_table(struct ddl *d, struct cat_object *table, const struct ast_list *later, struct err *err)
{
    int rc = add_constraints(d, table, later, err);
    if (!rc) {
        table->relation->hidden_rowid = !(table->relation->n_indexes && table->relation->indexes[0].primary);
        rc = ddl_create_storages(d, table, err);
    }
    if (!rc)
        rc = add_to_parents(d, table, err);
    if (rc) {
        cat_object_unref(table);
        return rc;
    }
    return ddl_put(d, NULL, table, err);
}

int ddl_create_table(struct ddl *d, const struct ast_create_stmt *stmt, struct err *err)
{
    uint32_t ns, oid;
    bool exists;
    ddl_tag(d, "CREATE TABLE");
    int rc = refuse_forms(stmt, err);
    if (!rc)
        rc = ddl_namespace_for(d, stmt->relation, &ns, err);
    if (!rc)
        rc = check_exists(d, ns, stmt->relation->name, stmt->if_not_exists, &exists, err);
    if (rc || exists)
        return rc;
    rc = ddl_oid(d, &oid, err);
    if (rc)
        return rc;
    struct cat_object *table = ddl_new_relation(d, 'r', oid, ns, stmt->relation->name);
    struct ast_list *later = NULL;
    rc = add_options(d, table, stmt->options, err);
    if (!rc)
        rc = add_elements(d, table, stmt->elements, &later, err);
    if (rc) {
        cat_object_unref(table);
        return rc;
    }
    return finish_table(d, table, later, err);
}

/* ---- CREATE TABLE AS, SELECT INTO ---- */

static int columns_of_query(struct ddl *d, struct cat_object *table, const struct ast_node *query, const struct ast_list *names,
                            struct err *err)
{
    const char *bound;
    struct cat_column *columns;
    uint32_t n, n_depends, *depends;
    int rc = bind_view_query(&d->po, query, d->arena, &bound, &columns, &n, &depends, &n_depends, err);
    if (rc)
        return rc;
    if (ast_count(names) > n)
        return err_set(err, ERR_SYNTAX_ERROR, "too many column names were specified");
    for (uint32_t i = 0; i < n; i++) {
        const char *name = i < ast_count(names) ? ast_string_at(names, i) : columns[i].name;
        if (cat_column_named(table->relation, name))
            return err_set(err, ERR_DUPLICATE_COLUMN, "column \"%s\" specified more than once", name);
        struct cat_column *c = append_column(table);
        uint32_t type = columns[i].type_oid == TYPE_UNKNOWN ? TYPE_TEXT : columns[i].type_oid;
        *c = (struct cat_column){.attnum = c->attnum, .name = arena_strdup(table->arena, name), .type_oid = type,
                                 .typmod = columns[i].typmod, .collation = columns[i].collation};
        if (!c->collation && type_info(type))
            c->collation = type_info(type)->collation;
    }
    return 0;
}

/* A second tree of the query: binding marked the first. */
static struct ast_node *copy_query(struct ddl *d, const struct ast_node *query, struct err *err)
{
    struct parse_result parsed;
    if (!d->text || parse_sql(d->text, strlen(d->text), d->arena, NULL, &parsed, err))
        return NULL;
    for (uint32_t i = 0; i < parsed.count; i++) {
        struct ast_node *stmt = parsed.statements[i].node;
        if (ast_is(create_table_as, stmt) && ast_to(create_table_as, stmt)->query->start == query->start)
            return ast_to(create_table_as, stmt)->query;
        if (stmt->start == query->start && ast_is(select_stmt, stmt)) {
            ast_to(select_stmt, stmt)->into = NULL;
            return stmt;
        }
    }
    bug_report(err, __FILE__, __LINE__, "query not found in its text");
    return NULL;
}

static int load_rows(struct ddl *d, const struct cat_object *table, struct ast_node *query, uint64_t *affected, struct err *err)
{
    struct ast_insert_stmt *insert = ast_new(d->arena, insert_stmt);
    insert->relation = ast_new(d->arena, range_var);
    insert->relation->schema = arena_strdup(d->arena, catalog_view_namespace_name(d->view, table->namespace_oid));
    insert->relation->name = arena_strdup(d->arena, table->name);
    insert->query = query;
    return session_run_nested(d->task, d->s, &insert->node, d->text, NULL, NULL, affected, err);
}

int ddl_create_table_as(struct ddl *d, const struct ast_node *query, const struct ast_into_clause *into, bool if_not_exists,
                        struct err *err)
{
    uint32_t ns, oid;
    bool exists;
    ddl_tag(d, "CREATE TABLE AS");
    if (!ast_is(select_stmt, query))
        return session_unsupported(err, "CREATE TABLE AS EXECUTE");
    int rc = ddl_namespace_for(d, into->relation, &ns, err);
    if (!rc)
        rc = check_exists(d, ns, into->relation->name, if_not_exists, &exists, err);
    if (rc || exists)
        return rc;
    rc = ddl_oid(d, &oid, err);
    if (rc)
        return rc;
    struct ast_node *run = into->no_data ? NULL : copy_query(d, query, err);
    if (!run && !into->no_data)
        return err->code;
    ast_to(select_stmt, query)->into = NULL;
    struct cat_object *table = ddl_new_relation(d, 'r', oid, ns, into->relation->name);
    rc = add_options(d, table, into->options, err);
    if (!rc)
        rc = columns_of_query(d, table, query, into->columns, err);
    if (rc) {
        cat_object_unref(table);
        return rc;
    }
    rc = finish_table(d, table, NULL, err);
    uint64_t affected = 0;
    if (!rc && run) {
        rc = load_rows(d, catalog_view_object(d->view, oid), run, &affected, err);
        snprintf(d->result->tag, sizeof d->result->tag, "SELECT %llu", (unsigned long long)affected);
    }
    return rc;
}
