/* ddl_rename.c: RENAME, SET SCHEMA, OWNER TO, COMMENT ON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/sql/ddl_int.h"

/* The name in an object node: a string, a range_var or a list of strings. */
static const char *last_name(const struct ast_node *object, const char **schema)
{
    *schema = NULL;
    if (ast_is(string, object))
        return ast_to(string, object)->text;
    if (!ast_is(node_list, object))
        return "";
    const struct ast_list *names = ast_to(node_list, object)->items;
    uint32_t n = ast_count(names);
    *schema = n > 1 ? ast_string_at(names, n - 2) : NULL;
    return n ? ast_string_at(names, n - 1) : "";
}

static int find_index(struct ddl *d, const struct ast_range_var *rv, bool missing_ok, const struct cat_object **table, uint32_t *at,
                      struct err *err)
{
    *table = catalog_view_index(d->view, rv->schema, rv->name, at);
    if (!*table && missing_ok) {
        session_notice(d->s, "NOTICE", ERR_OK, "relation \"%s\" does not exist, skipping", rv->name);
        return 0;
    }
    if (!*table)
        return err_set(err, ERR_UNDEFINED_TABLE, "relation \"%s\" does not exist", rv->name);
    int rc = ddl_lock_object(d, (*table)->oid, DDL_ACCESS_EXCLUSIVE, err);
    if (rc)
        return rc;
    *table = catalog_view_index(d->view, rv->schema, rv->name, at);
    return *table ? 0 : err_set(err, ERR_UNDEFINED_TABLE, "relation \"%s\" does not exist", rv->name);
}

static void rename_index_at(struct cat_object *table, uint32_t at, const char *name)
{
    struct cat_relation *r = table->relation;
    r->indexes[at].name = arena_strdup(table->arena, name);
    for (uint32_t i = 0; i < r->n_constraints; i++)
        if (r->constraints[i].oid == r->indexes[at].constraint_oid)
            r->constraints[i].name = r->indexes[at].name;
}

static int rename_index(struct ddl *d, const struct ast_rename_stmt *stmt, struct err *err)
{
    const struct cat_object *table;
    uint32_t at;
    int rc = find_index(d, stmt->relation, stmt->missing_ok, &table, &at, err);
    if (rc || !table)
        return rc;
    if (ddl_name_taken(d, table->namespace_oid, stmt->new_name))
        return err_set(err, ERR_DUPLICATE_TABLE, "relation \"%s\" already exists", stmt->new_name);
    struct cat_object *copy = cat_object_copy(table);
    rename_index_at(copy, at, stmt->new_name);
    return ddl_put(d, table, copy, err);
}

static int rename_relation(struct ddl *d, const struct ast_rename_stmt *stmt, struct err *err)
{
    uint32_t at;
    if (stmt->kind == AST_OBJ_INDEX || (stmt->kind == AST_OBJ_TABLE && catalog_view_index(d->view, stmt->relation->schema, stmt->relation->name, &at)))
        return rename_index(d, stmt, err);
    const struct cat_object *obj;
    const char *kinds = stmt->kind == AST_OBJ_VIEW ? "v" : stmt->kind == AST_OBJ_SEQUENCE ? "S" : "rvS";
    int rc = ddl_find(d, stmt->relation, kinds, DDL_ACCESS_EXCLUSIVE, stmt->missing_ok, &obj, err);
    if (rc || !obj)
        return rc;
    if (ddl_name_taken(d, obj->namespace_oid, stmt->new_name))
        return err_set(err, ERR_DUPLICATE_TABLE, "relation \"%s\" already exists", stmt->new_name);
    struct cat_object *copy = cat_object_copy(obj);
    copy->name = arena_strdup(copy->arena, stmt->new_name);
    return ddl_put(d, obj, copy, err);
}

static int rename_column(struct ddl *d, const struct ast_rename_stmt *stmt, struct err *err)
{
    const struct cat_object *obj;
    const struct cat_column *c;
    int rc = ddl_find(d, stmt->relation, "rv", DDL_ACCESS_EXCLUSIVE, stmt->missing_ok, &obj, err);
    if (rc || !obj)
        return rc;
    c = cat_column_named(obj->relation, stmt->sub_name);
    if (!c)
        return err_set(err, ERR_UNDEFINED_COLUMN, "column \"%s\" does not exist", stmt->sub_name);
    if (cat_column_named(obj->relation, stmt->new_name))
        return err_set(err, ERR_DUPLICATE_COLUMN, "column \"%s\" of relation \"%s\" already exists", stmt->new_name, obj->name);
    struct cat_object *copy = cat_object_copy(obj);
    ((struct cat_column *)cat_column_at(copy->relation, c->attnum))->name = arena_strdup(copy->arena, stmt->new_name);
    return ddl_put(d, obj, copy, err);
}

static int rename_constraint(struct ddl *d, const struct ast_rename_stmt *stmt, struct err *err)
{
    const struct cat_object *obj;
    int rc = ddl_find(d, stmt->relation, "r", DDL_ACCESS_EXCLUSIVE, stmt->missing_ok, &obj, err);
    if (rc || !obj)
        return rc;
    struct cat_object *copy = cat_object_copy(obj);
    struct cat_constraint *found = NULL;
    for (uint32_t i = 0; i < copy->relation->n_constraints; i++) {
        struct cat_constraint *c = &copy->relation->constraints[i];
        if (strcmp(c->name, stmt->new_name) == 0)
            rc = err_set(err, ERR_DUPLICATE_OBJECT, "constraint \"%s\" for relation \"%s\" already exists", stmt->new_name, obj->name);
        if (strcmp(c->name, stmt->sub_name) == 0)
            found = c;
    }
    if (!rc && !found)
        rc = err_set(err, ERR_UNDEFINED_OBJECT, "constraint \"%s\" for table \"%s\" does not exist", stmt->sub_name, obj->name);
    if (rc) {
        cat_object_unref(copy);
        return rc;
    }
    found->name = arena_strdup(copy->arena, stmt->new_name);
    for (uint32_t i = 0; i < copy->relation->n_indexes; i++)
        if (copy->relation->indexes[i].constraint_oid == found->oid)
            copy->relation->indexes[i].name = found->name;
    return ddl_put(d, obj, copy, err);
}

static int find_named(struct ddl *d, enum ast_object_kind kind, const char *name, const struct cat_object **out, struct err *err)
{
    uint32_t class_oid = kind == AST_OBJ_SCHEMA ? CLASS_NAMESPACE : kind == AST_OBJ_DATABASE ? CLASS_DATABASE : CLASS_ROLE;
    *out = catalog_view_named(d->view, class_oid, 0, name);
    if (*out)
        return ddl_lock_object(d, (*out)->oid, DDL_ACCESS_EXCLUSIVE, err);
    if (kind == AST_OBJ_SCHEMA)
        return err_set(err, ERR_INVALID_SCHEMA_NAME, "schema \"%s\" does not exist", name);
    if (kind == AST_OBJ_DATABASE)
        return err_set(err, ERR_INVALID_CATALOG_NAME, "database \"%s\" does not exist", name);
    return err_set(err, ERR_UNDEFINED_OBJECT, "role \"%s\" does not exist", name);
}

static int rename_named(struct ddl *d, const struct ast_rename_stmt *stmt, struct err *err)
{
    const char *schema, *name = stmt->object ? last_name(stmt->object, &schema) : stmt->sub_name;
    const struct cat_object *obj;
    int rc = find_named(d, stmt->kind, name ? name : "", &obj, err);
    if (rc)
        return rc;
    if (stmt->kind == AST_OBJ_DATABASE && obj->oid == d->s->db_oid)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "current database cannot be renamed");
    struct cat_object *copy = cat_object_copy(obj);
    copy->name = arena_strdup(copy->arena, stmt->new_name);
    return ddl_put(d, obj, copy, err);
}

int ddl_rename(struct ddl *d, const struct ast_rename_stmt *stmt, struct err *err)
{
    bool part = stmt->kind == AST_OBJ_COLUMN || stmt->kind == AST_OBJ_TABCONSTRAINT;
    ddl_tag(d, arena_printf(d->arena, "ALTER %s", ast_object_kind_name(part ? stmt->relation_kind : stmt->kind)));
    switch (stmt->kind) {
    case AST_OBJ_TABLE:
    case AST_OBJ_VIEW:
    case AST_OBJ_SEQUENCE:
    case AST_OBJ_INDEX:
        return rename_relation(d, stmt, err);
    case AST_OBJ_COLUMN:
        return rename_column(d, stmt, err);
    case AST_OBJ_TABCONSTRAINT:
        return rename_constraint(d, stmt, err);
    case AST_OBJ_SCHEMA:
    case AST_OBJ_DATABASE:
    case AST_OBJ_ROLE:
        return rename_named(d, stmt, err);
    default:
        return session_unsupported(err, arena_printf(d->arena, "ALTER %s ... RENAME", ast_object_kind_name(stmt->kind)));
    }
}

int ddl_set_schema(struct ddl *d, const struct ast_alter_schema_stmt *stmt, struct err *err)
{
    uint32_t ns;
    const struct cat_object *obj;
    ddl_tag(d, arena_printf(d->arena, "ALTER %s", ast_object_kind_name(stmt->kind)));
    if (stmt->kind != AST_OBJ_TABLE && stmt->kind != AST_OBJ_VIEW && stmt->kind != AST_OBJ_SEQUENCE)
        return session_unsupported(err, arena_printf(d->arena, "ALTER %s ... SET SCHEMA", ast_object_kind_name(stmt->kind)));
    int rc = ddl_find(d, stmt->relation, "rvS", DDL_ACCESS_EXCLUSIVE, stmt->missing_ok, &obj, err);
    if (!rc && obj)
        rc = ddl_namespace(d, stmt->new_schema, &ns, err);
    if (rc || !obj || ns == obj->namespace_oid)
        return rc;
    if (ddl_name_taken(d, ns, obj->name))
        return err_set(err, ERR_DUPLICATE_TABLE, "relation \"%s\" already exists in schema \"%s\"", obj->name, stmt->new_schema);
    uint64_t at = 0;
    const struct cat_object *seq;
    while ((seq = catalog_view_next(d->view, CLASS_RELATION, &at))) {
        if (!seq->relation->sequence || seq->relation->sequence->owner_table != obj->oid)
            continue;
        struct cat_object *moved = cat_object_copy(seq);
        moved->namespace_oid = ns;
        rc = ddl_put(d, seq, moved, err);
        if (rc)
            return rc;
    }
    struct cat_object *copy = cat_object_copy(obj);
    copy->namespace_oid = ns;
    return ddl_put(d, obj, copy, err);
}

int ddl_set_owner(struct ddl *d, const struct ast_alter_owner_stmt *stmt, struct err *err)
{
    const char *schema, *name = last_name(stmt->object, &schema);
    const struct cat_object *obj;
    uint32_t owner;
    ddl_tag(d, arena_printf(d->arena, "ALTER %s", ast_object_kind_name(stmt->kind)));
    if (stmt->kind != AST_OBJ_SCHEMA && stmt->kind != AST_OBJ_DATABASE)
        return session_unsupported(err, arena_printf(d->arena, "ALTER %s ... OWNER TO", ast_object_kind_name(stmt->kind)));
    int rc = ddl_role(d, stmt->owner, &owner, err);
    if (!rc)
        rc = find_named(d, stmt->kind, name, &obj, err);
    if (rc)
        return rc;
    struct cat_object *copy = cat_object_copy(obj);
    copy->owner = owner;
    return ddl_put(d, obj, copy, err);
}

/* ---- COMMENT ON ---- */

static int comment_column(struct ddl *d, const struct ast_comment_stmt *stmt, struct err *err)
{
    const struct ast_list *names = ast_to(node_list, stmt->object)->items;
    uint32_t n = ast_count(names);
    struct ast_range_var *rv = ast_new(d->arena, range_var);
    const struct cat_object *obj;
    const struct cat_column *c;
    if (n < 2)
        return err_set(err, ERR_SYNTAX_ERROR, "column name must be qualified");
    rv->name = ast_string_at(names, n - 2);
    rv->schema = n > 2 ? ast_string_at(names, n - 3) : NULL;
    int rc = ddl_find(d, rv, "rv", DDL_SHARE_UPDATE_EXCLUSIVE, false, &obj, err);
    if (!rc)
        rc = ddl_find_column(d, obj, ast_string_at(names, n - 1), &c, err);
    if (rc)
        return rc;
    struct cat_object *copy = cat_object_copy(obj);
    const char **list = arena_array(copy->arena, const char *, copy->n_column_comments + 1);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < copy->n_column_comments; i++)
        if (strtol(copy->column_comments[i], NULL, 10) != c->attnum)
            list[kept++] = copy->column_comments[i];
    if (stmt->text && *stmt->text)
        list[kept++] = arena_printf(copy->arena, "%d=%s", c->attnum, stmt->text);
    copy->column_comments = list;
    copy->n_column_comments = kept;
    return ddl_put(d, obj, copy, err);
}

static int comment_relation(struct ddl *d, const struct ast_comment_stmt *stmt, const char *kinds, const struct cat_object **obj,
                            struct err *err)
{
    struct ast_range_var *rv = ast_new(d->arena, range_var);
    rv->name = last_name(stmt->object, &rv->schema);
    return ddl_find(d, rv, kinds, DDL_SHARE_UPDATE_EXCLUSIVE, false, obj, err);
}

int ddl_comment(struct ddl *d, const struct ast_comment_stmt *stmt, struct err *err)
{
    const struct cat_object *obj;
    const char *schema;
    int rc;
    ddl_tag(d, "COMMENT");
    switch (stmt->kind) {
    case AST_OBJ_TABLE:
        rc = comment_relation(d, stmt, "r", &obj, err);
        break;
    case AST_OBJ_VIEW:
        rc = comment_relation(d, stmt, "v", &obj, err);
        break;
    case AST_OBJ_SEQUENCE:
        rc = comment_relation(d, stmt, "S", &obj, err);
        break;
    case AST_OBJ_COLUMN:
        return comment_column(d, stmt, err);
    case AST_OBJ_SCHEMA:
    case AST_OBJ_DATABASE:
    case AST_OBJ_ROLE:
        rc = find_named(d, stmt->kind, last_name(stmt->object, &schema), &obj, err);
        break;
    default:
        return session_unsupported(err, arena_printf(d->arena, "COMMENT ON %s", ast_object_kind_name(stmt->kind)));
    }
    if (rc)
        return rc;
    struct cat_object *copy = cat_object_copy(obj);
    copy->comment = stmt->text && *stmt->text ? arena_strdup(copy->arena, stmt->text) : NULL;
    return ddl_put(d, obj, copy, err);
}
