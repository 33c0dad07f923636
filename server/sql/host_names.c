/* host_names.c: reg* types: names to OIDs and back. */
#include <stdlib.h>
#include <string.h>

#include "planner/catalog/system_def.h"
#include "server/sql/host_int.h"
#include "types/type/text.h"

/* Splits "schema"."name" as SQL reads identifiers: unquoted parts in lower case. At most three parts. */
static uint32_t split_name(const char *text, size_t len, struct arena *arena, char *parts[3])
{
    uint32_t n = 0;
    size_t i = 0;
    while (i < len && n < 3) {
        while (i < len && text[i] == ' ')
            i++;
        char *part = parts[n++] = arena_zalloc(arena, len + 1);
        size_t k = 0;
        if (i < len && text[i] == '"') {
            for (i++; i < len && !(text[i] == '"' && (i + 1 >= len || text[i + 1] != '"')); i++) {
                part[k++] = text[i];
                i += text[i] == '"';
            }
            i++;
        } else {
            for (; i < len && text[i] != '.'; i++)
                part[k++] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i];
            while (k && part[k - 1] == ' ')
                part[--k] = 0;
        }
        if (i < len && text[i] == '.')
            i++;
        else if (i < len)
            return 0;
    }
    return i < len ? 0 : n;
}

static int find_relation(const struct catalog_view *view, char *parts[3], uint32_t n, uint32_t *oid, struct err *err)
{
    const char *schema = n > 1 ? parts[n - 2] : NULL, *name = parts[n - 1];
    uint32_t at;
    const struct cat_object *obj = catalog_view_relation(view, schema, name);
    if (obj) {
        *oid = obj->oid;
        return 0;
    }
    obj = catalog_view_index(view, schema, name, &at);
    if (obj) {
        *oid = obj->relation->indexes[at].oid;
        return 0;
    }
    if (schema && !catalog_view_namespace(view, schema))
        return err_set(err, ERR_UNDEFINED_TABLE, "relation \"%s.%s\" does not exist", schema, name);
    return err_set(err, ERR_UNDEFINED_TABLE, "relation \"%s%s%s\" does not exist", schema ? schema : "", schema ? "." : "", name);
}

static int find_type(struct session_host *h, const char *text, size_t len, struct arena *arena, uint32_t *oid, struct err *err)
{
    struct ast_type_name *type;
    struct planner_options po;
    int32_t typmod;
    int rc = parse_type_name(text, len, arena, &type, err);
    session_planner_options(h->session, &h->host.env, NULL, 0, &po);
    return rc ? rc : bind_type_name(&po, type, arena, oid, &typmod, err);
}

static int find_function(char *parts[3], uint32_t n, uint32_t *oid, struct err *err)
{
    uint32_t first, found = func_find(parts[n - 1], strlen(parts[n - 1]), &first);
    if (found == 0)
        return err_set(err, ERR_UNDEFINED_FUNCTION, "function \"%s\" does not exist", parts[n - 1]);
    if (found > 1)
        return err_set(err, ERR_AMBIGUOUS_FUNCTION, "more than one function named \"%s\"", parts[n - 1]);
    *oid = func_by_name(first)->oid;
    return 0;
}

static int find_in(struct session_host *h, uint32_t reg, const char *text, size_t len, struct arena *arena, uint32_t *oid,
                   struct err *err)
{
    char *parts[3];
    const struct cat_object *obj;
    if (reg == TYPE_REGTYPE)
        return find_type(h, text, len, arena, oid, err);
    uint32_t n = split_name(text, len, arena, parts);
    if (n == 0)
        return err_set(err, ERR_INVALID_NAME, "invalid name syntax");
    switch (reg) {
    case TYPE_REGCLASS:
        return find_relation(h->view, parts, n, oid, err);
    case TYPE_REGNAMESPACE:
        *oid = catalog_view_namespace(h->view, parts[n - 1]);
        return *oid ? 0 : err_set(err, ERR_INVALID_SCHEMA_NAME, "schema \"%s\" does not exist", parts[n - 1]);
    case TYPE_REGROLE:
        obj = catalog_view_named(h->view, CLASS_ROLE, 0, parts[n - 1]);
        *oid = obj ? obj->oid : 0;
        return obj ? 0 : err_set(err, ERR_UNDEFINED_OBJECT, "role \"%s\" does not exist", parts[n - 1]);
    case TYPE_REGPROC:
        return find_function(parts, n, oid, err);
    default:
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "reading this type by name is not supported");
    }
}

static int oid_of(void *ctx, uint32_t reg, const char *text, size_t len, uint32_t *oid, struct err *err)
{
    struct arena arena;
    arena_init(&arena, NULL);
    int rc = find_in(ctx, reg, text, len, &arena, oid, err);
    arena_done(&arena);
    return rc;
}

static bool name_of(void *ctx, uint32_t reg, uint32_t oid, struct buf *out)
{
    struct session_host *h = ctx;
    const struct cat_object *obj;
    uint32_t at;
    switch (reg) {
    case TYPE_REGCLASS:
        obj = catalog_view_object(h->view, oid);
        if (obj && obj->relation) {
            system_def_relation(h->view, obj, false, out);
            return true;
        }
        obj = catalog_view_index_by_oid(h->view, oid, &at);
        if (obj)
            system_def_name(out, obj->relation->indexes[at].name);
        return obj != NULL;
    case TYPE_REGTYPE:
        if (!type_info(oid))
            return false;
        type_format(oid, -1, out);
        return true;
    case TYPE_REGPROC:
        if (!func_info(oid))
            return false;
        system_def_name(out, func_info(oid)->name);
        return true;
    case TYPE_REGNAMESPACE:
        if (!catalog_view_namespace_name(h->view, oid))
            return false;
        system_def_name(out, catalog_view_namespace_name(h->view, oid));
        return true;
    case TYPE_REGROLE:
        obj = catalog_view_object(h->view, oid);
        if (!obj || obj->class_oid != CLASS_ROLE)
            return false;
        system_def_name(out, obj->name);
        return true;
    default:
        return false;
    }
}

static const struct tz *zone_of(void *ctx, const char *name, size_t len)
{
    struct session_host *h = ctx;
    return zone_cache_find(h->session->node->zones, name, len);
}

const struct type_names session_type_names = {.oid_of = oid_of, .name_of = name_of, .zone_of = zone_of};

int host_relation_of(struct host_answer *a, const char *text, const struct cat_object **obj, uint32_t *index_oid, struct err *err)
{
    uint32_t oid, at;
    *index_oid = 0;
    int rc = find_in(a->host, TYPE_REGCLASS, text, strlen(text), a->arena, &oid, err);
    if (rc)
        return rc;
    *obj = catalog_view_object(a->view, oid);
    if (!*obj) {
        *obj = catalog_view_index_by_oid(a->view, oid, &at);
        *index_oid = oid;
    }
    return 0;
}
