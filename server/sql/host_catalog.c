/* host_catalog.c: what functions ask of the catalog: definitions, names, visibility, comments, privileges. */
#include <stdlib.h>
#include <string.h>

#include "planner/catalog/system_def.h"
#include "server/sql/host_int.h"

static int answer_expr(struct host_answer *a, struct err *err)
{
    const char *bound = arg_text(a, 0);
    uint32_t table = arg_oid(a, 1);
    struct buf out = {0};
    char *copy = arena_strdup(a->arena, bound);
    for (char *part = copy; part;) { /* expressions of an index stand side by side */
        char *next = strchr(part, '\x1f');
        if (next)
            *next++ = 0;
        buf_put_text(&out, out.len ? ", " : "");
        int rc = system_def_expr(a->view, part, table, &out, err);
        if (rc) {
            buf_done(&out);
            return rc;
        }
        part = next;
    }
    answer_buf(a, &out);
    return 0;
}

static int answer_view(struct host_answer *a, const struct cat_object *obj, struct err *err)
{
    struct buf out = {0};
    if (!obj || !obj->relation || obj->relation->kind != 'v' || !obj->relation->view_query) {
        answer_null(a);
        return 0;
    }
    int rc = system_def_view(a->view, obj, &out, err);
    if (rc)
        buf_done(&out);
    else
        answer_buf(a, &out);
    return rc;
}

static int answer_index(struct host_answer *a, struct err *err)
{
    uint32_t at;
    const struct cat_object *table = catalog_view_index_by_oid(a->view, arg_oid(a, 0), &at);
    if (!table) {
        answer_null(a);
        return 0;
    }
    struct buf out = {0};
    int32_t column = a->n_args > 1 ? a->args[1].u.i32 : 0;
    int rc = system_def_index(a->view, table, &table->relation->indexes[at], column, true, &out, err);
    if (rc)
        buf_done(&out);
    else
        answer_buf(a, &out);
    return rc;
}

static int answer_constraint(struct host_answer *a, struct err *err)
{
    uint32_t oid = arg_oid(a, 0);
    uint64_t at = 0;
    const struct cat_object *table;
    while ((table = catalog_view_next(a->view, CLASS_RELATION, &at))) {
        for (uint32_t i = 0; i < table->relation->n_constraints; i++) {
            if (table->relation->constraints[i].oid != oid)
                continue;
            struct buf out = {0};
            int rc = system_def_constraint(a->view, table, &table->relation->constraints[i], &out, err);
            if (rc)
                buf_done(&out);
            else
                answer_buf(a, &out);
            return rc;
        }
    }
    answer_null(a);
    return 0;
}

static int answer_serial(struct host_answer *a, struct err *err)
{
    const struct cat_object *table, *seq;
    uint32_t index_oid;
    uint64_t at = 0;
    int rc = host_relation_of(a, arg_text(a, 0), &table, &index_oid, err);
    if (rc)
        return rc;
    const struct cat_column *c = cat_column_named(table->relation, arg_text(a, 1));
    if (!c)
        return err_set(err, ERR_UNDEFINED_COLUMN, "column \"%s\" of relation \"%s\" does not exist", arg_text(a, 1), table->name);
    answer_null(a);
    while ((seq = catalog_view_next(a->view, CLASS_RELATION, &at))) {
        const struct cat_sequence *q = seq->relation->sequence;
        if (!q || q->owner_table != table->oid || q->owner_attnum != c->attnum)
            continue;
        struct buf out = {0};
        system_def_relation(a->view, seq, true, &out);
        answer_buf(a, &out);
        break;
    }
    return 0;
}

static void answer_visible(struct host_answer *a)
{
    uint32_t at, oid = arg_oid(a, 0), other_at;
    const struct cat_object *obj = catalog_view_object(a->view, oid);
    if (obj && obj->relation) {
        answer_bool(a, catalog_view_relation(a->view, NULL, obj->name) == obj);
        return;
    }
    obj = catalog_view_index_by_oid(a->view, oid, &at);
    if (obj)
        answer_bool(a, catalog_view_index(a->view, NULL, obj->relation->indexes[at].name, &other_at) == obj);
    else
        answer_null(a);
}

static const char *column_comment(const struct cat_object *obj, int32_t attnum)
{
    for (uint32_t i = 0; obj && i < obj->n_column_comments; i++) {
        const char *eq = strchr(obj->column_comments[i], '=');
        if (eq && strtol(obj->column_comments[i], NULL, 10) == attnum)
            return eq + 1;
    }
    return NULL;
}

static void answer_comment(struct host_answer *a)
{
    const struct cat_object *obj = catalog_view_object(a->view, arg_oid(a, 0));
    if (obj && a->n_args > 1) {
        const struct cat_object *class = system_table_named(OID_PG_CATALOG, arg_text(a, 1));
        if (!class || class->oid != obj->class_oid)
            obj = NULL;
    }
    answer_text(a, obj ? obj->comment : NULL);
}

static int answer_format_type(struct host_answer *a)
{
    struct buf out = {0};
    if (a->args[0].null) {
        answer_null(a);
        return 0;
    }
    uint32_t oid = arg_oid(a, 0);
    type_format(oid, a->n_args > 1 && !a->args[1].null ? a->args[1].u.i32 : -1, &out);
    if (oid == 0) {
        buf_reset(&out);
        buf_put_text(&out, "-");
    }
    answer_buf(a, &out);
    return 0;
}

/* to_reg*: null where reading the name would fail. */
static void answer_reg(struct host_answer *a, uint32_t reg)
{
    struct err ignored;
    uint32_t oid;
    const char *text = arg_text(a, 0);
    if (session_type_names.oid_of(a->host, reg, text, strlen(text), &oid, &ignored))
        answer_null(a);
    else
        answer_int(a, oid);
}

static int answer_table_privilege(struct host_answer *a, uint32_t table_arg, bool by_name, struct err *err)
{
    const struct cat_object *obj;
    uint32_t index_oid;
    if (by_name) {
        int rc = host_relation_of(a, arg_text(a, table_arg), &obj, &index_oid, err);
        if (rc)
            return rc;
    } else if (!catalog_view_object(a->view, arg_oid(a, table_arg))) {
        answer_null(a);
        return 0;
    }
    answer_bool(a, true);
    return 0;
}

static void answer_function(struct host_answer *a, bool result)
{
    const struct func_info *f = func_info(arg_oid(a, 0));
    struct buf out = {0};
    if (!f) {
        answer_null(a);
        return;
    }
    if (result) {
        buf_put_text(&out, f->flags & FUNC_RETSET ? "SETOF " : "");
        type_format(f->result, -1, &out);
    }
    for (uint32_t i = 0; !result && i < f->n_args; i++) {
        buf_put_text(&out, i ? ", " : "");
        buf_put_text(&out, f->variadic && i + 1 == f->n_args ? "VARIADIC " : "");
        type_format(f->args[i], -1, &out);
    }
    answer_buf(a, &out);
}

static int privilege_call(struct host_answer *a, enum host_func func, bool *handled, struct err *err)
{
    switch (func) {
    case HOST_HAS_TABLE_PRIVILEGE_NAME_NAME:
    case HOST_HAS_TABLE_PRIVILEGE_ID_NAME:
        return answer_table_privilege(a, 1, true, err);
    case HOST_HAS_TABLE_PRIVILEGE_NAME_ID:
    case HOST_HAS_TABLE_PRIVILEGE_ID_ID:
        return answer_table_privilege(a, 1, false, err);
    case HOST_HAS_TABLE_PRIVILEGE_NAME:
    case HOST_HAS_COLUMN_PRIVILEGE_NAME_NAME:
    case HOST_HAS_SEQUENCE_PRIVILEGE_NAME:
        return answer_table_privilege(a, 0, true, err);
    case HOST_HAS_TABLE_PRIVILEGE_ID:
    case HOST_HAS_COLUMN_PRIVILEGE_ID_NAME:
    case HOST_HAS_SEQUENCE_PRIVILEGE_ID:
        return answer_table_privilege(a, 0, false, err);
    case HOST_HAS_SCHEMA_PRIVILEGE_NAME_NAME:
    case HOST_HAS_SCHEMA_PRIVILEGE_NAME_ID:
    case HOST_HAS_SCHEMA_PRIVILEGE_NAME:
    case HOST_HAS_SCHEMA_PRIVILEGE_ID:
    case HOST_HAS_DATABASE_PRIVILEGE_NAME_NAME:
    case HOST_HAS_DATABASE_PRIVILEGE_NAME_ID:
    case HOST_HAS_DATABASE_PRIVILEGE_NAME:
    case HOST_HAS_DATABASE_PRIVILEGE_ID:
    case HOST_HAS_FUNCTION_PRIVILEGE_ID:
    case HOST_HAS_TYPE_PRIVILEGE_ID:
    case HOST_PG_HAS_ROLE_NAME_NAME:
    case HOST_PG_HAS_ROLE_NAME_ID:
    case HOST_PG_HAS_ROLE_NAME:
    case HOST_PG_HAS_ROLE_ID:
        answer_bool(a, true);
        return 0;
    default:
        *handled = false;
        return 0;
    }
}

static int definition_call(struct host_answer *a, enum host_func func, bool *handled, struct err *err)
{
    const struct cat_object *obj;
    uint32_t index_oid;
    switch (func) {
    case HOST_PG_GET_EXPR:
    case HOST_PG_GET_EXPR_EXT:
        return answer_expr(a, err);
    case HOST_PG_GET_VIEWDEF_NAME:
    case HOST_PG_GET_VIEWDEF_NAME_EXT: {
        int rc = host_relation_of(a, arg_text(a, 0), &obj, &index_oid, err);
        return rc ? rc : answer_view(a, obj, err);
    }
    case HOST_PG_GET_VIEWDEF:
    case HOST_PG_GET_VIEWDEF_EXT:
    case HOST_PG_GET_VIEWDEF_WRAP:
        return answer_view(a, catalog_view_object(a->view, arg_oid(a, 0)), err);
    case HOST_PG_GET_INDEXDEF:
    case HOST_PG_GET_INDEXDEF_EXT:
        return answer_index(a, err);
    case HOST_PG_GET_CONSTRAINTDEF:
    case HOST_PG_GET_CONSTRAINTDEF_EXT:
        return answer_constraint(a, err);
    case HOST_PG_GET_SERIAL_SEQUENCE:
        return answer_serial(a, err);
    case HOST_PG_GET_FUNCTION_ARGUMENTS:
    case HOST_PG_GET_FUNCTION_IDENTITY_ARGUMENTS:
        answer_function(a, false);
        return 0;
    case HOST_PG_GET_FUNCTION_RESULT:
        answer_function(a, true);
        return 0;
    case HOST_PG_GET_RULEDEF:
    case HOST_PG_GET_RULEDEF_EXT:
    case HOST_PG_GET_TRIGGERDEF:
    case HOST_PG_GET_TRIGGERDEF_EXT:
    case HOST_PG_GET_STATISTICSOBJDEF_COLUMNS:
    case HOST_PG_GET_PARTKEYDEF:
    case HOST_PG_GET_PARTITION_CONSTRAINTDEF:
    case HOST_PG_GET_FUNCTIONDEF:
    case HOST_PG_GET_REPLICA_IDENTITY_INDEX:
    case HOST_PG_DESCRIBE_OBJECT:
        answer_null(a); /* there are no such objects */
        return 0;
    default:
        return privilege_call(a, func, handled, err);
    }
}

int host_catalog_call(struct host_answer *a, enum host_func func, bool *handled, struct err *err)
{
    const struct cat_object *obj;
    *handled = true;
    switch (func) {
    case HOST_PG_GET_USERBYID:
        obj = catalog_view_object(a->view, arg_oid(a, 0));
        answer_text(a, obj && obj->class_oid == CLASS_ROLE ? obj->name : arena_printf(a->arena, "unknown (OID=%u)", arg_oid(a, 0)));
        return 0;
    case HOST_PG_TABLE_IS_VISIBLE:
        answer_visible(a);
        return 0;
    case HOST_PG_TYPE_IS_VISIBLE:
    case HOST_PG_FUNCTION_IS_VISIBLE:
    case HOST_PG_OPERATOR_IS_VISIBLE:
    case HOST_PG_OPCLASS_IS_VISIBLE:
    case HOST_PG_CONVERSION_IS_VISIBLE:
    case HOST_PG_STATISTICS_OBJ_IS_VISIBLE:
    case HOST_PG_COLLATION_IS_VISIBLE:
        answer_bool(a, true);
        return 0;
    case HOST_OBJ_DESCRIPTION:
    case HOST_OBJ_DESCRIPTION_OLD:
    case HOST_SHOBJ_DESCRIPTION:
        answer_comment(a);
        return 0;
    case HOST_COL_DESCRIPTION:
        answer_text(a, column_comment(catalog_view_object(a->view, arg_oid(a, 0)), a->args[1].u.i32));
        return 0;
    case HOST_FORMAT_TYPE:
        return answer_format_type(a);
    case HOST_TO_REGCLASS:
        answer_reg(a, TYPE_REGCLASS);
        return 0;
    case HOST_TO_REGTYPE:
        answer_reg(a, TYPE_REGTYPE);
        return 0;
    case HOST_TO_REGNAMESPACE:
        answer_reg(a, TYPE_REGNAMESPACE);
        return 0;
    case HOST_TO_REGPROC:
        answer_reg(a, TYPE_REGPROC);
        return 0;
    case HOST_TO_REGROLE:
        answer_reg(a, TYPE_REGROLE);
        return 0;
    case HOST_PG_RELATION_IS_UPDATABLE:
        obj = catalog_view_object(a->view, arg_oid(a, 0));
        answer_int(a, obj && obj->relation && obj->relation->kind == 'r' ? 28 : 0);
        return 0;
    case HOST_PG_RELATION_IS_PUBLISHABLE:
        answer_bool(a, false);
        return 0;
    default:
        return definition_call(a, func, handled, err);
    }
}
