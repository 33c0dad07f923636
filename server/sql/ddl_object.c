/* ddl_object.c: views, schemas, databases, roles, GRANT. */
#include <string.h>

#include "server/sql/ddl_int.h"
#include "types/type/type.h"

/* ---- views ---- */

static int take_view_columns(struct cat_object *obj, const struct cat_column *columns, uint32_t n, const struct ast_list *names,
                             struct err *err)
{
    struct cat_relation *r = obj->relation;
    if (ast_count(names) > n)
        return err_set(err, ERR_INVALID_TABLE_DEFINITION, "CREATE VIEW specifies more column names than columns");
    r->n_columns = n;
    r->columns = arena_array(obj->arena, struct cat_column, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        const char *name = i < ast_count(names) ? ast_string_at(names, i) : columns[i].name;
        uint32_t type = columns[i].type_oid == TYPE_UNKNOWN ? TYPE_TEXT : columns[i].type_oid;
        r->columns[i] = (struct cat_column){.attnum = (int32_t)i + 1, .name = arena_strdup(obj->arena, name), .type_oid = type,
                                            .typmod = columns[i].typmod, .collation = columns[i].collation};
    }
    r->next_attnum = (int32_t)n + 1;
    return 0;
}

static int check_replacement(struct ddl *d, const struct cat_object *old, const struct cat_object *new, struct err *err)
{
    const struct cat_relation *a = old->relation, *b = new->relation;
    if (b->n_columns < a->n_columns)
        return err_set(err, ERR_INVALID_TABLE_DEFINITION, "cannot drop columns from view");
    for (uint32_t i = 0; i < a->n_columns; i++) {
        if (strcmp(a->columns[i].name, b->columns[i].name) != 0) {
            err_set(err, ERR_INVALID_TABLE_DEFINITION, "cannot change name of view column \"%s\" to \"%s\"", a->columns[i].name,
                    b->columns[i].name);
            return err_hint(err, "Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.");
        }
        if (a->columns[i].type_oid != b->columns[i].type_oid || a->columns[i].typmod != b->columns[i].typmod)
            return err_set(err, ERR_INVALID_TABLE_DEFINITION, "cannot change data type of view column \"%s\" from %s to %s",
                           a->columns[i].name, type_name(a->columns[i].type_oid, d->arena), type_name(b->columns[i].type_oid, d->arena));
    }
    return 0;
}

static int shape_view(struct ddl *d, struct cat_object *obj, const struct ast_view_stmt *stmt, struct err *err)
{
    const char *bound;
    struct cat_column *columns;
    uint32_t n, n_depends, *depends;
    int rc = bind_view_query(&d->po, stmt->query, d->arena, &bound, &columns, &n, &depends, &n_depends, err);
    if (!rc)
        rc = take_view_columns(obj, columns, n, stmt->columns, err);
    for (uint32_t i = 0; i < n_depends && !rc; i++)
        rc = ddl_lock_object(d, depends[i], DDL_ACCESS_SHARE, err);
    if (rc)
        return rc;
    obj->relation->view_query = arena_strdup(obj->arena, bound);
    obj->relation->depends = arena_memdup(obj->arena, depends, n_depends * sizeof *depends);
    obj->relation->n_depends = n_depends;
    return 0;
}

int ddl_create_view(struct ddl *d, const struct ast_view_stmt *stmt, struct err *err)
{
    uint32_t ns, oid = 0;
    ddl_tag(d, "CREATE VIEW");
    if (stmt->check_option != AST_CHECK_NONE)
        return session_unsupported(err, "WITH CHECK OPTION");
    if (stmt->recursive)
        return session_unsupported(err, "CREATE RECURSIVE VIEW");
    int rc = ddl_namespace_for(d, stmt->relation, &ns, err);
    if (rc)
        return rc;
    const struct cat_object *old = NULL;
    if (ddl_name_taken(d, ns, stmt->relation->name)) {
        if (!stmt->replace)
            return err_set(err, ERR_DUPLICATE_TABLE, "relation \"%s\" already exists", stmt->relation->name);
        rc = ddl_find(d, stmt->relation, "v", DDL_ACCESS_EXCLUSIVE, false, &old, err);
    } else {
        rc = ddl_oid(d, &oid, err);
    }
    if (rc)
        return rc;
    struct cat_object *obj = old ? cat_object_copy(old) : ddl_new_relation(d, 'v', oid, ns, stmt->relation->name);
    rc = shape_view(d, obj, stmt, err);
    if (!rc && old)
        rc = check_replacement(d, old, obj, err);
    if (rc) {
        cat_object_unref(obj);
        return rc;
    }
    return ddl_put(d, old, obj, err);
}

/* ---- schemas ---- */

static int run_elements(struct ddl *d, const struct ast_create_schema_stmt *stmt, struct err *err)
{
    for (uint32_t i = 0; i < ast_count(stmt->elements); i++) {
        struct ast_node *e = stmt->elements->items[i];
        struct ast_range_var *rv = ast_is(create_stmt, e) ? ast_to(create_stmt, e)->relation
                                   : ast_is(view_stmt, e) ? ast_to(view_stmt, e)->relation
                                   : ast_is(create_seq_stmt, e) ? ast_to(create_seq_stmt, e)->relation : NULL;
        if (!rv)
            return session_unsupported(err, "this element of CREATE SCHEMA");
        if (!rv->schema)
            rv->schema = stmt->name;
        int rc = ast_is(create_stmt, e) ? ddl_create_table(d, ast_to(create_stmt, e), err)
                 : ast_is(view_stmt, e) ? ddl_create_view(d, ast_to(view_stmt, e), err)
                                        : ddl_create_sequence(d, ast_to(create_seq_stmt, e), err);
        if (rc)
            return rc;
    }
    ddl_tag(d, "CREATE SCHEMA");
    return 0;
}

int ddl_create_schema(struct ddl *d, const struct ast_create_schema_stmt *stmt, struct err *err)
{
    uint32_t owner = d->s->role_oid, oid;
    ddl_tag(d, "CREATE SCHEMA");
    int rc = stmt->owner ? ddl_role(d, stmt->owner, &owner, err) : 0;
    if (rc)
        return rc;
    const char *name = stmt->name;
    if (!name)
        name = catalog_view_object(d->view, owner)->name;
    if (strncmp(name, "pg_", 3) == 0) {
        err_set(err, ERR_RESERVED_NAME, "unacceptable schema name \"%s\"", name);
        return err_detail(err, "The prefix \"pg_\" is reserved for system schemas.");
    }
    if (catalog_view_namespace(d->view, name)) {
        if (!stmt->if_not_exists)
            return err_set(err, ERR_DUPLICATE_SCHEMA, "schema \"%s\" already exists", name);
        session_notice(d->s, "NOTICE", ERR_DUPLICATE_SCHEMA, "schema \"%s\" already exists, skipping", name);
        return 0;
    }
    rc = ddl_oid(d, &oid, err);
    if (rc)
        return rc;
    struct cat_object *obj = cat_object_create(CLASS_NAMESPACE, oid, d->s->db_oid, name);
    obj->owner = owner;
    rc = ddl_put(d, NULL, obj, err);
    return rc ? rc : run_elements(d, stmt, err);
}

/* ---- databases ---- */

static int create_public(struct ddl *d, uint32_t db_oid, struct err *err)
{
    uint32_t oid;
    int rc = ddl_oid(d, &oid, err);
    if (rc)
        return rc;
    struct cat_object *ns = cat_object_create(CLASS_NAMESPACE, oid, db_oid, "public");
    ns->owner = d->s->role_oid;
    ns->comment = arena_strdup(ns->arena, "standard public schema");
    return ddl_put(d, NULL, ns, err);
}

int ddl_create_database(struct ddl *d, const struct ast_create_database_stmt *stmt, struct err *err)
{
    uint32_t oid;
    ddl_tag(d, "CREATE DATABASE");
    int rc = session_forbid_block(d->s, "CREATE DATABASE", err);
    if (rc)
        return rc;
    if (catalog_view_named(d->view, CLASS_DATABASE, 0, stmt->name))
        return err_set(err, ERR_DUPLICATE_DATABASE, "database \"%s\" already exists", stmt->name);
    rc = ddl_oid(d, &oid, err);
    if (rc)
        return rc;
    struct cat_object *obj = cat_object_create(CLASS_DATABASE, oid, 0, stmt->name);
    obj->owner = d->s->role_oid;
    for (uint32_t i = 0; i < ast_count(stmt->options); i++) {
        const struct ast_def_elem *e = ast_to(def_elem, stmt->options->items[i]);
        const struct cat_object *role = strcmp(e->name, "owner") == 0 && ddl_text_of(e->arg)
                                            ? catalog_view_named(d->view, CLASS_ROLE, 0, ddl_text_of(e->arg)) : NULL;
        if (role)
            obj->owner = role->oid;
    }
    rc = ddl_put(d, NULL, obj, err);
    return rc ? rc : create_public(d, oid, err);
}

/* Everything of a database, seen as from inside it. */
static int drop_contents(struct ddl *d, uint32_t db_oid, struct err *err)
{
    struct catalog_view inside = *d->view;
    inside.db_oid = db_oid;
    uint64_t at = 0;
    const struct cat_object *obj;
    while ((obj = catalog_view_next(&inside, 0, &at))) {
        if (obj->db_oid != db_oid)
            continue;
        int rc = obj->relation && obj->relation->kind == 'r' ? ddl_drop_storages(d, obj, err) : 0;
        if (!rc)
            rc = ddl_put(d, obj, NULL, err);
        if (rc)
            return rc;
        inside.overlay = d->s->txn.overlay;
    }
    return 0;
}

int ddl_drop_database(struct ddl *d, const struct ast_drop_database_stmt *stmt, struct err *err)
{
    ddl_tag(d, "DROP DATABASE");
    int rc = session_forbid_block(d->s, "DROP DATABASE", err);
    if (rc)
        return rc;
    const struct cat_object *obj = catalog_view_named(d->view, CLASS_DATABASE, 0, stmt->name);
    if (!obj && stmt->missing_ok) {
        session_notice(d->s, "NOTICE", ERR_OK, "database \"%s\" does not exist, skipping", stmt->name);
        return 0;
    }
    if (!obj)
        return err_set(err, ERR_INVALID_CATALOG_NAME, "database \"%s\" does not exist", stmt->name);
    if (obj->oid == d->s->db_oid)
        return err_set(err, ERR_OBJECT_IN_USE, "cannot drop the currently open database");
    if (strcmp(obj->name, "template1") == 0)
        return err_set(err, ERR_WRONG_OBJECT_TYPE, "cannot drop a template database");
    struct session_info *infos;
    uint32_t n, used = 0;
    rc = session_list(d->task, d->s->node, d->arena, &infos, &n, err);
    for (uint32_t i = 0; i < n && !rc; i++)
        used += infos[i].db_oid == obj->oid;
    if (used) {
        err_set(err, ERR_OBJECT_IN_USE, "database \"%s\" is being accessed by other users", stmt->name);
        return used == 1 ? err_detail(err, "There is 1 other session using the database.")
                         : err_detail(err, "There are %u other sessions using the database.", used);
    }
    if (!rc)
        rc = drop_contents(d, obj->oid, err);
    return rc ? rc : ddl_put(d, obj, NULL, err);
}

/* ---- roles ---- */

static int read_role_options(struct ddl *d, struct cat_role *role, const struct ast_list *options, struct err *err)
{
    for (uint32_t i = 0; i < ast_count(options); i++) {
        const struct ast_def_elem *e = ast_to(def_elem, options->items[i]);
        int64_t on = 1;
        (void)ddl_int_of(e->arg, &on);
        if (strcmp(e->name, "superuser") == 0)
            role->superuser = on;
        else if (strcmp(e->name, "canlogin") == 0)
            role->login = on;
        else if (strcmp(e->name, "createdb") == 0)
            role->create_db = on;
        else if (strcmp(e->name, "createrole") == 0)
            role->create_role = on;
        else if (strcmp(e->name, "password") == 0 && e->arg)
            session_notice(d->s, "WARNING", ERR_OK, "passwords are not kept: connections are trusted");
        else if (strcmp(e->name, "addroleto") == 0 || strcmp(e->name, "rolemembers") == 0 || strcmp(e->name, "adminmembers") == 0)
            return session_unsupported(err, "membership of roles");
    }
    return 0;
}

int ddl_create_role(struct ddl *d, const struct ast_create_role_stmt *stmt, struct err *err)
{
    uint32_t oid;
    ddl_tag(d, "CREATE ROLE");
    if (strncmp(stmt->name, "pg_", 3) == 0)
        return err_set(err, ERR_RESERVED_NAME, "role name \"%s\" is reserved", stmt->name);
    if (catalog_view_named(d->view, CLASS_ROLE, 0, stmt->name))
        return err_set(err, ERR_DUPLICATE_OBJECT, "role \"%s\" already exists", stmt->name);
    int rc = ddl_oid(d, &oid, err);
    if (rc)
        return rc;
    struct cat_object *obj = cat_object_create(CLASS_ROLE, oid, 0, stmt->name);
    obj->role = arena_new(obj->arena, struct cat_role);
    obj->role->login = stmt->kind == AST_ROLE_USER;
    rc = read_role_options(d, obj->role, stmt->options, err);
    if (rc) {
        cat_object_unref(obj);
        return rc;
    }
    return ddl_put(d, NULL, obj, err);
}

int ddl_alter_role(struct ddl *d, const struct ast_alter_role_stmt *stmt, struct err *err)
{
    uint32_t oid;
    ddl_tag(d, "ALTER ROLE");
    int rc = ddl_role(d, stmt->role, &oid, err);
    if (!rc)
        rc = ddl_lock_object(d, oid, DDL_SHARE_UPDATE_EXCLUSIVE, err);
    if (rc)
        return rc;
    const struct cat_object *old = catalog_view_object(d->view, oid);
    struct cat_object *copy = cat_object_copy(old);
    rc = read_role_options(d, copy->role, stmt->options, err);
    if (rc) {
        cat_object_unref(copy);
        return rc;
    }
    return ddl_put(d, old, copy, err);
}

static int check_role_unused(struct ddl *d, const struct cat_object *role, struct err *err)
{
    uint64_t at = 0;
    const struct cat_object *obj;
    if (role->oid == d->s->role_oid)
        return err_set(err, ERR_OBJECT_IN_USE, "current user cannot be dropped");
    while ((obj = catalog_view_next(d->view, 0, &at))) {
        if (obj->owner != role->oid || obj->class_oid == CLASS_ROLE)
            continue;
        err_set(err, ERR_DEPENDENT_OBJECTS_STILL_EXIST, "role \"%s\" cannot be dropped because some objects depend on it", role->name);
        return err_detail(err, "owner of %s %s", obj->relation ? ddl_kind_name(obj->relation->kind)
                                                : obj->class_oid == CLASS_DATABASE ? "database" : "schema", obj->name);
    }
    return 0;
}

int ddl_drop_role(struct ddl *d, const struct ast_drop_role_stmt *stmt, struct err *err)
{
    ddl_tag(d, "DROP ROLE");
    for (uint32_t i = 0; i < ast_count(stmt->roles); i++) {
        const struct ast_role_spec *spec = ast_to(role_spec, stmt->roles->items[i]);
        const struct cat_object *role = spec->name ? catalog_view_named(d->view, CLASS_ROLE, 0, spec->name) : NULL;
        if (!role && stmt->missing_ok) {
            session_notice(d->s, "NOTICE", ERR_OK, "role \"%s\" does not exist, skipping", spec->name ? spec->name : "");
            continue;
        }
        if (!role)
            return err_set(err, ERR_UNDEFINED_OBJECT, "role \"%s\" does not exist", spec->name ? spec->name : "");
        int rc = check_role_unused(d, role, err);
        if (!rc)
            rc = ddl_put(d, role, NULL, err);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- GRANT, REVOKE ---- */

static int check_grantee(struct ddl *d, const struct ast_role_spec *spec, struct err *err)
{
    uint32_t oid;
    if (spec->kind == AST_ROLE_PUBLIC)
        return 0;
    int rc = ddl_role(d, spec, &oid, err);
    if (rc)
        return rc;
    const struct cat_object *role = catalog_view_object(d->view, oid);
    return role && role->role && role->role->superuser ? 0 : session_unsupported(err, "privileges of roles that are not superusers");
}

/* Superusers have every privilege: granting one to them changes nothing. Anything that would have to be enforced is refused. */
int ddl_grant(struct ddl *d, const struct ast_grant_stmt *stmt, struct err *err)
{
    ddl_tag(d, stmt->is_grant ? "GRANT" : "REVOKE");
    for (uint32_t i = 0; i < ast_count(stmt->grantees); i++) {
        int rc = check_grantee(d, ast_to(role_spec, stmt->grantees->items[i]), err);
        if (rc)
            return rc;
    }
    for (uint32_t i = 0; i < ast_count(stmt->objects) && stmt->target == AST_GRANT_OBJECT; i++) {
        const struct cat_object *obj;
        if (!ast_is(range_var, stmt->objects->items[i]))
            continue;
        int rc = ddl_find(d, ast_to(range_var, stmt->objects->items[i]), "rvS", DDL_ACCESS_SHARE, false, &obj, err);
        if (rc)
            return rc;
    }
    return 0;
}
