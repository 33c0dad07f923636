/* system_rows_view.c: the views of pg_catalog (pg_tables, pg_roles, ...) and the tables of whole objects (databases, schemas, roles). */
#include <string.h>

#include "planner/catalog/system_def.h"
#include "planner/catalog/system_rows_int.h"

enum { VIEW_OID_FIRST = 12000, OID_TEMPLATE1 = 1 };

static const char *name_of(struct system_rows *rows, uint32_t oid)
{
    const struct cat_object *obj = catalog_view_object(rows->view, oid);
    return obj ? obj->name : NULL;
}

static const char *schema_of(struct system_rows *rows, const struct cat_object *obj)
{
    return catalog_view_namespace_name(rows->view, obj->namespace_oid);
}

static const struct cat_object *next_relation(struct system_rows *rows, uint32_t *system_at, uint64_t *at)
{
    if (*system_at < system_table_count())
        return system_table_nth((*system_at)++);
    return catalog_view_next(rows->view, CLASS_RELATION, at);
}

static bool is_table(const struct cat_object *obj)
{
    return obj->relation->kind == 'r' && !(obj->relation->system && obj->oid >= VIEW_OID_FIRST);
}

void make_pg_tables(struct system_rows *rows)
{
    uint32_t system_at = 0;
    uint64_t at = 0;
    const struct cat_object *obj;
    while ((obj = next_relation(rows, &system_at, &at))) {
        if (!is_table(obj))
            continue;
        system_row_begin(rows);
        system_row_text(rows, "schemaname", schema_of(rows, obj));
        system_row_text(rows, "tablename", obj->name);
        system_row_text(rows, "tableowner", name_of(rows, obj->owner));
        system_row_bool(rows, "hasindexes", obj->relation->n_indexes > 0);
        system_row_bool(rows, "hasrules", false);
        system_row_bool(rows, "hastriggers", obj->relation->n_referenced_by > 0);
        system_row_bool(rows, "rowsecurity", false);
    }
}

void make_pg_views(struct system_rows *rows)
{
    uint64_t at = 0;
    const struct cat_object *obj;
    while ((obj = catalog_view_next(rows->view, CLASS_RELATION, &at))) {
        if (obj->relation->kind != 'v')
            continue;
        struct buf text = {0};
        int rc = system_def_view(rows->view, obj, &text, rows->err);
        if (rc && !rows->rc)
            rows->rc = rc;
        system_row_begin(rows);
        system_row_text(rows, "schemaname", schema_of(rows, obj));
        system_row_text(rows, "viewname", obj->name);
        system_row_text(rows, "viewowner", name_of(rows, obj->owner));
        system_row_text(rows, "definition", buf_text(&text));
        buf_done(&text);
    }
}

void make_pg_indexes(struct system_rows *rows)
{
    uint64_t at = 0;
    const struct cat_object *obj;
    while ((obj = catalog_view_next(rows->view, CLASS_RELATION, &at))) {
        for (uint32_t i = 0; i < obj->relation->n_indexes; i++) {
            const struct cat_index *x = &obj->relation->indexes[i];
            struct buf text = {0};
            int rc = system_def_index(rows->view, obj, x, 0, true, &text, rows->err);
            if (rc && !rows->rc)
                rows->rc = rc;
            system_row_begin(rows);
            system_row_text(rows, "schemaname", schema_of(rows, obj));
            system_row_text(rows, "tablename", obj->name);
            system_row_text(rows, "indexname", x->name);
            system_row_text(rows, "indexdef", buf_text(&text));
            buf_done(&text);
        }
    }
}

void make_pg_sequences(struct system_rows *rows)
{
    uint64_t at = 0;
    const struct cat_object *obj;
    while ((obj = catalog_view_next(rows->view, CLASS_RELATION, &at))) {
        const struct cat_sequence *s = obj->relation->sequence;
        if (!s)
            continue;
        system_row_begin(rows);
        system_row_text(rows, "schemaname", schema_of(rows, obj));
        system_row_text(rows, "sequencename", obj->name);
        system_row_text(rows, "sequenceowner", name_of(rows, obj->owner));
        system_row_int(rows, "data_type", s->type_oid);
        system_row_int(rows, "start_value", s->start);
        system_row_int(rows, "min_value", s->min);
        system_row_int(rows, "max_value", s->max);
        system_row_int(rows, "increment_by", s->increment);
        system_row_bool(rows, "cycle", s->cycle);
        system_row_int(rows, "cache_size", s->cache);
    }
}

/* ---- roles ---- */

static void add_role(struct system_rows *rows, const struct cat_object *obj, bool authid)
{
    system_row_begin(rows);
    system_row_text(rows, "rolname", obj->name);
    system_row_bool(rows, "rolsuper", obj->role->superuser);
    system_row_bool(rows, "rolinherit", true);
    system_row_bool(rows, "rolcreaterole", obj->role->create_role);
    system_row_bool(rows, "rolcreatedb", obj->role->create_db);
    system_row_bool(rows, "rolcanlogin", obj->role->login);
    system_row_bool(rows, "rolreplication", obj->role->superuser);
    system_row_bool(rows, "rolbypassrls", obj->role->superuser);
    system_row_int(rows, "rolconnlimit", -1);
    if (!authid)
        system_row_text(rows, "rolpassword", "********");
    system_row_int(rows, "oid", obj->oid);
}

static void make_roles(struct system_rows *rows, bool authid)
{
    uint64_t at = 0;
    const struct cat_object *obj;
    while ((obj = catalog_view_next(rows->view, CLASS_ROLE, &at)))
        if (obj->role)
            add_role(rows, obj, authid);
}

void make_pg_authid(struct system_rows *rows)
{
    make_roles(rows, true);
}

void make_pg_roles(struct system_rows *rows)
{
    make_roles(rows, false);
}

void make_pg_user(struct system_rows *rows)
{
    uint64_t at = 0;
    const struct cat_object *obj;
    while ((obj = catalog_view_next(rows->view, CLASS_ROLE, &at))) {
        if (!obj->role || !obj->role->login)
            continue;
        system_row_begin(rows);
        system_row_text(rows, "usename", obj->name);
        system_row_int(rows, "usesysid", obj->oid);
        system_row_bool(rows, "usecreatedb", obj->role->create_db);
        system_row_bool(rows, "usesuper", obj->role->superuser);
        system_row_bool(rows, "userepl", obj->role->superuser);
        system_row_bool(rows, "usebypassrls", obj->role->superuser);
        system_row_text(rows, "passwd", "********");
    }
}

/* ---- databases and schemas ---- */

void make_pg_database(struct system_rows *rows)
{
    uint64_t at = 0;
    const struct cat_object *obj;
    while ((obj = catalog_view_next(rows->view, CLASS_DATABASE, &at))) {
        system_row_begin(rows);
        system_row_int(rows, "oid", obj->oid);
        system_row_text(rows, "datname", obj->name);
        system_row_int(rows, "datdba", obj->owner);
        system_row_int(rows, "encoding", 6);
        system_row_char(rows, "datlocprovider", 'c');
        system_row_bool(rows, "datistemplate", obj->oid == OID_TEMPLATE1);
        system_row_bool(rows, "datallowconn", true);
        system_row_int(rows, "datconnlimit", -1);
        system_row_int(rows, "dattablespace", 1663);
        system_row_text(rows, "datcollate", "C.UTF-8");
        system_row_text(rows, "datctype", "C.UTF-8");
    }
}

static void add_namespace(struct system_rows *rows, uint32_t oid, const char *name, uint32_t owner)
{
    system_row_begin(rows);
    system_row_int(rows, "oid", oid);
    system_row_text(rows, "nspname", name);
    system_row_int(rows, "nspowner", owner);
}

void make_pg_namespace(struct system_rows *rows)
{
    add_namespace(rows, OID_PG_CATALOG, "pg_catalog", OID_ROLE_CAIRN);
    add_namespace(rows, OID_INFORMATION_SCHEMA, "information_schema", OID_ROLE_CAIRN);
    uint64_t at = 0;
    const struct cat_object *obj;
    while ((obj = catalog_view_next(rows->view, CLASS_NAMESPACE, &at)))
        add_namespace(rows, obj->oid, obj->name, obj->owner);
}

/* ---- statistics views: sizes only; nothing else is counted per table yet ---- */

static void make_stat_tables(struct system_rows *rows, bool system, bool user)
{
    uint32_t system_at = system ? 0 : system_table_count();
    uint64_t at = 0;
    const struct cat_object *obj;
    while ((obj = next_relation(rows, &system_at, &at))) {
        if (!is_table(obj) || (!user && !obj->relation->system))
            continue;
        uint64_t n = 0, bytes = 0;
        if (obj->relation->schema && rows->source && rows->source->size)
            rows->source->size(rows->source->ctx, obj->relation->schema, &n, &bytes);
        system_row_begin(rows);
        system_row_int(rows, "relid", obj->oid);
        system_row_text(rows, "schemaname", schema_of(rows, obj));
        system_row_text(rows, "relname", obj->name);
        system_row_int(rows, "n_live_tup", (int64_t)n);
    }
}

void make_pg_stat_all_tables(struct system_rows *rows)
{
    make_stat_tables(rows, true, true);
}

void make_pg_stat_sys_tables(struct system_rows *rows)
{
    make_stat_tables(rows, true, false);
}

void make_pg_stat_user_tables(struct system_rows *rows)
{
    make_stat_tables(rows, false, true);
}

void make_pg_stat_all_indexes(struct system_rows *rows)
{
    uint64_t at = 0;
    const struct cat_object *obj;
    while ((obj = catalog_view_next(rows->view, CLASS_RELATION, &at))) {
        for (uint32_t i = 0; i < obj->relation->n_indexes; i++) {
            system_row_begin(rows);
            system_row_int(rows, "relid", obj->oid);
            system_row_int(rows, "indexrelid", obj->relation->indexes[i].oid);
            system_row_text(rows, "schemaname", schema_of(rows, obj));
            system_row_text(rows, "relname", obj->name);
            system_row_text(rows, "indexrelname", obj->relation->indexes[i].name);
        }
    }
}

void make_pg_stat_user_indexes(struct system_rows *rows)
{
    make_pg_stat_all_indexes(rows);
}
