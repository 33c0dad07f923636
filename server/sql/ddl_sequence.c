/* ddl_sequence.c: CREATE SEQUENCE, ALTER SEQUENCE, sequences that columns own. */
#include <string.h>

#include "server/sql/ddl_int.h"
#include "server/sql/sequence.h"
#include "types/type/type.h"

static void type_bounds(uint32_t type, int64_t *min, int64_t *max)
{
    *min = type == TYPE_INT2 ? INT16_MIN : type == TYPE_INT4 ? INT32_MIN : INT64_MIN;
    *max = type == TYPE_INT2 ? INT16_MAX : type == TYPE_INT4 ? INT32_MAX : INT64_MAX;
}

struct seq_options {
    bool has_start, has_min, has_max, no_min, no_max, has_restart, restart_at, has_owner, has_increment, has_type;
    int64_t restart;
    const struct ast_list *owner; /* NULL = NONE */
};

static int read_number(const struct ast_def_elem *e, int64_t *value, struct err *err)
{
    if (ddl_int_of(e->arg, value))
        return 0;
    const char *text = ddl_text_of(e->arg);
    return err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "value \"%s\" is out of range for type bigint", text ? text : "");
}

static int read_type(struct ddl *d, const struct ast_def_elem *e, struct cat_sequence *q, struct err *err)
{
    int32_t typmod;
    int rc = bind_type_name(&d->po, ast_to(type_name, e->arg), d->arena, &q->type_oid, &typmod, err);
    if (!rc && q->type_oid != TYPE_INT2 && q->type_oid != TYPE_INT4 && q->type_oid != TYPE_INT8)
        rc = err_set(err, ERR_INVALID_PARAMETER_VALUE, "sequence type must be smallint, integer, or bigint");
    return rc;
}

static int read_option(struct ddl *d, const struct ast_def_elem *e, struct cat_sequence *q, struct seq_options *o, struct err *err)
{
    if (strcmp(e->name, "start") == 0) {
        o->has_start = true;
        return read_number(e, &q->start, err);
    }
    if (strcmp(e->name, "restart") == 0) {
        o->has_restart = true;
        o->restart_at = e->arg != NULL;
        return e->arg ? read_number(e, &o->restart, err) : 0;
    }
    if (strcmp(e->name, "increment") == 0) {
        o->has_increment = true;
        return read_number(e, &q->increment, err);
    }
    if (strcmp(e->name, "minvalue") == 0) {
        o->has_min = e->arg != NULL;
        o->no_min = !e->arg;
        return e->arg ? read_number(e, &q->min, err) : 0;
    }
    if (strcmp(e->name, "maxvalue") == 0) {
        o->has_max = e->arg != NULL;
        o->no_max = !e->arg;
        return e->arg ? read_number(e, &q->max, err) : 0;
    }
    if (strcmp(e->name, "cache") == 0)
        return read_number(e, &q->cache, err);
    if (strcmp(e->name, "cycle") == 0) {
        int64_t on = 1;
        q->cycle = !e->arg || (ddl_int_of(e->arg, &on) && on);
        return 0;
    }
    if (strcmp(e->name, "as") == 0) {
        o->has_type = true;
        return read_type(d, e, q, err);
    }
    if (strcmp(e->name, "owned_by") == 0) {
        o->has_owner = true;
        const struct ast_list *names = ast_is(node_list, e->arg) ? ast_to(node_list, e->arg)->items : NULL;
        o->owner = ast_count(names) == 1 && strcmp(ast_string_at(names, 0), "none") == 0 ? NULL : names;
        return 0;
    }
    if (strcmp(e->name, "sequence_name") == 0 || strcmp(e->name, "logged") == 0 || strcmp(e->name, "unlogged") == 0)
        return 0;
    return session_unsupported(err, arena_printf(d->arena, "sequence option \"%s\"", e->name));
}

static int check_sequence(const struct cat_sequence *q, bool has_min, bool has_max, struct err *err)
{
    int64_t low, high;
    type_bounds(q->type_oid, &low, &high);
    if (q->increment == 0)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "INCREMENT must not be zero");
    if (q->max > high)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "MAXVALUE (%lld) is out of range for sequence data type %s",
                       (long long)q->max, q->type_oid == TYPE_INT2 ? "smallint" : "integer");
    if (q->min < low)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "MINVALUE (%lld) is out of range for sequence data type %s",
                       (long long)q->min, q->type_oid == TYPE_INT2 ? "smallint" : "integer");
    if (q->min >= q->max)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "MINVALUE (%lld) must be less than MAXVALUE (%lld)", (long long)q->min,
                       (long long)q->max);
    if (q->start < q->min)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "START value (%lld) cannot be less than MINVALUE (%lld)",
                       (long long)q->start, (long long)q->min);
    if (q->start > q->max)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "START value (%lld) cannot be greater than MAXVALUE (%lld)",
                       (long long)q->start, (long long)q->max);
    if (q->cache < 1)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "CACHE (%lld) must be greater than zero", (long long)q->cache);
    return 0;
}

/* fresh: a new sequence (defaults depend on the direction); else only what is named changes. */
static int read_options(struct ddl *d, const struct ast_list *options, struct cat_sequence *q, struct seq_options *o, bool fresh,
                        struct err *err)
{
    int64_t low, high, old_low, old_high;
    type_bounds(q->type_oid, &old_low, &old_high);
    bool was_low = q->min == old_low, was_high = q->max == old_high;
    for (uint32_t i = 0; i < ast_count(options); i++) {
        int rc = read_option(d, ast_to(def_elem, options->items[i]), q, o, err);
        if (rc)
            return rc;
    }
    type_bounds(q->type_oid, &low, &high);
    if (!o->has_max && (fresh || o->no_max || (o->has_type && was_high)))
        q->max = q->increment > 0 ? high : -1;
    if (!o->has_min && (fresh || o->no_min || (o->has_type && was_low)))
        q->min = q->increment > 0 ? 1 : low;
    if (fresh && !o->has_start)
        q->start = q->increment > 0 ? q->min : q->max;
    return check_sequence(q, o->has_min, o->has_max, err);
}

static int find_owner(struct ddl *d, const struct ast_list *names, uint32_t *table_oid, int32_t *attnum, struct err *err)
{
    uint32_t n = ast_count(names);
    if (n < 2)
        return err_set(err, ERR_SYNTAX_ERROR, "invalid OWNED BY option");
    struct ast_range_var *rv = ast_new(d->arena, range_var);
    rv->schema = n > 2 ? ast_string_at(names, n - 3) : NULL;
    rv->name = ast_string_at(names, n - 2);
    const struct cat_object *table;
    const struct cat_column *column;
    int rc = ddl_find(d, rv, "r", DDL_SHARE_UPDATE_EXCLUSIVE, false, &table, err);
    if (!rc)
        rc = ddl_find_column(d, table, ast_string_at(names, n - 1), &column, err);
    if (rc)
        return rc;
    *table_oid = table->oid;
    *attnum = column->attnum;
    return 0;
}

static struct cat_object *new_sequence(struct ddl *d, uint32_t oid, uint32_t ns, const char *name, uint32_t type)
{
    struct cat_object *obj = ddl_new_relation(d, 'S', oid, ns, name);
    struct cat_sequence *q = obj->relation->sequence = arena_new(obj->arena, struct cat_sequence);
    *q = (struct cat_sequence){.type_oid = type, .increment = 1, .cache = 1};
    static const struct {
        const char *name;
        uint32_t type;
    } columns[] = {{"last_value", TYPE_INT8}, {"log_cnt", TYPE_INT8}, {"is_called", TYPE_BOOL}};
    struct cat_relation *r = obj->relation;
    r->n_columns = 3;
    r->columns = arena_array(obj->arena, struct cat_column, 3);
    for (uint32_t i = 0; i < 3; i++)
        r->columns[i] = (struct cat_column){.attnum = (int32_t)i + 1, .name = columns[i].name, .type_oid = columns[i].type,
                                            .typmod = -1, .not_null = true};
    r->next_attnum = 4;
    return obj;
}

int ddl_make_sequence(struct ddl *d, const struct cat_object *table, struct cat_column *column, const struct ast_list *options,
                      uint32_t *oid, struct err *err)
{
    int rc = ddl_oid(d, oid, err);
    if (rc)
        return rc;
    const char *name = ddl_choose_name(d, table->namespace_oid, table->name, column->name, "seq", table);
    struct cat_object *obj = new_sequence(d, *oid, table->namespace_oid, name, column->type_oid);
    struct seq_options o = {0};
    obj->owner = table->owner;
    obj->relation->sequence->owner_table = table->oid;
    obj->relation->sequence->owner_attnum = column->attnum;
    rc = read_options(d, options, obj->relation->sequence, &o, true, err);
    if (rc) {
        cat_object_unref(obj);
        return rc;
    }
    return ddl_put(d, NULL, obj, err);
}

int ddl_create_sequence(struct ddl *d, const struct ast_create_seq_stmt *stmt, struct err *err)
{
    uint32_t ns, oid;
    ddl_tag(d, "CREATE SEQUENCE");
    int rc = ddl_namespace_for(d, stmt->relation, &ns, err);
    if (rc)
        return rc;
    if (ddl_name_taken(d, ns, stmt->relation->name)) {
        if (!stmt->if_not_exists)
            return err_set(err, ERR_DUPLICATE_TABLE, "relation \"%s\" already exists", stmt->relation->name);
        session_notice(d->s, "NOTICE", ERR_DUPLICATE_TABLE, "relation \"%s\" already exists, skipping", stmt->relation->name);
        return 0;
    }
    rc = ddl_oid(d, &oid, err);
    if (rc)
        return rc;
    struct cat_object *obj = new_sequence(d, oid, ns, stmt->relation->name, TYPE_INT8);
    struct cat_sequence *q = obj->relation->sequence;
    struct seq_options o = {0};
    rc = read_options(d, stmt->options, q, &o, true, err);
    if (!rc && o.has_owner && o.owner)
        rc = find_owner(d, o.owner, &q->owner_table, &q->owner_attnum, err);
    if (rc) {
        cat_object_unref(obj);
        return rc;
    }
    return ddl_put(d, NULL, obj, err);
}

int ddl_alter_sequence(struct ddl *d, const struct ast_alter_seq_stmt *stmt, struct err *err)
{
    const struct cat_object *obj;
    ddl_tag(d, "ALTER SEQUENCE");
    int rc = ddl_find(d, stmt->relation, "S", DDL_SHARE_ROW_EXCLUSIVE, stmt->missing_ok, &obj, err);
    if (rc || !obj)
        return rc;
    struct cat_object *copy = cat_object_copy(obj);
    struct cat_sequence *q = copy->relation->sequence;
    struct seq_options o = {0};
    rc = read_options(d, stmt->options, q, &o, false, err);
    if (!rc && o.has_owner) {
        q->owner_table = 0;
        q->owner_attnum = 0;
        if (o.owner)
            rc = find_owner(d, o.owner, &q->owner_table, &q->owner_attnum, err);
    }
    if (!rc && o.has_restart)
        rc = sequence_put(d->task, d->s->node, d->s->db_oid, obj->oid, o.restart_at ? o.restart : q->start, false, err);
    if (rc) {
        cat_object_unref(copy);
        return rc;
    }
    return ddl_put(d, obj, copy, err);
}
