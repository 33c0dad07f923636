/* system_rows_relation.c: rows about relations: what psql's \d reads. */
#include <stdlib.h>
#include <string.h>

#include "planner/catalog/system_def.h"
#include "planner/catalog/system_rows_int.h"
#include "types/func/func.h"
#include "types/type/type.h"

enum { AM_HEAP = 2, AM_BTREE = 403, VIEW_OID_FIRST = 12000, PAGE_BYTES = 8192 };

/* ---- over all relations, the system's first ---- */

typedef void relation_visitor(struct system_rows *rows, const struct cat_object *obj);

static void visit_relations(struct system_rows *rows, bool with_system, relation_visitor *visit)
{
    for (uint32_t i = 0; with_system && i < system_table_count(); i++)
        visit(rows, system_table_nth(i));
    uint64_t at = 0;
    const struct cat_object *obj;
    while ((obj = catalog_view_next(rows->view, CLASS_RELATION, &at)))
        visit(rows, obj);
}

/* ---- pg_class ---- */

static void add_size(struct system_rows *rows, const struct kv_schema *schema, bool table)
{
    uint64_t n = 0, bytes = 0;
    if (schema && rows->source && rows->source->size)
        rows->source->size(rows->source->ctx, schema, &n, &bytes);
    system_row_int(rows, "relpages", (int64_t)((bytes + PAGE_BYTES - 1) / PAGE_BYTES));
    system_row_float(rows, "reltuples", table && !schema ? -1 : (double)n);
}

static void add_class_index(struct system_rows *rows, const struct cat_object *table, const struct cat_index *x)
{
    system_row_begin(rows);
    system_row_int(rows, "oid", x->oid);
    system_row_text(rows, "relname", x->name);
    system_row_int(rows, "relnamespace", table->namespace_oid);
    system_row_int(rows, "relowner", table->owner);
    system_row_int(rows, "relam", AM_BTREE);
    system_row_int(rows, "relfilenode", x->oid);
    add_size(rows, x->schema, false);
    system_row_char(rows, "relpersistence", 'p');
    system_row_char(rows, "relkind", 'i');
    system_row_int(rows, "relnatts", x->n_keys + x->n_include);
    system_row_bool(rows, "relispopulated", true);
    system_row_char(rows, "relreplident", 'n');
}

static char kind_of(const struct cat_object *obj)
{
    return obj->relation->system && obj->oid >= VIEW_OID_FIRST ? 'v' : obj->relation->kind;
}

static bool is_shared(uint32_t oid)
{
    return oid == 1213 || oid == 1214 || oid == 1260 || oid == 1261 || oid == 1262 || oid == 2396 || oid == 2964;
}

static uint32_t count_checks(const struct cat_relation *r)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n_constraints; i++)
        n += r->constraints[i].kind == 'c';
    return n;
}

static bool has_foreign_keys(const struct cat_relation *r)
{
    for (uint32_t i = 0; i < r->n_constraints; i++)
        if (r->constraints[i].kind == 'f')
            return true;
    return r->n_referenced_by > 0;
}

static void add_class(struct system_rows *rows, const struct cat_object *obj)
{
    const struct cat_relation *r = obj->relation;
    char kind = kind_of(obj);
    system_row_begin(rows);
    system_row_int(rows, "oid", obj->oid);
    system_row_text(rows, "relname", obj->name);
    system_row_int(rows, "relnamespace", obj->namespace_oid);
    system_row_int(rows, "relowner", obj->owner);
    system_row_int(rows, "relam", kind == 'r' ? AM_HEAP : 0);
    system_row_int(rows, "relfilenode", kind == 'v' ? 0 : obj->oid);
    add_size(rows, r->schema, kind == 'r' && r->system);
    system_row_bool(rows, "relhasindex", r->n_indexes > 0);
    system_row_bool(rows, "relisshared", is_shared(obj->oid));
    system_row_char(rows, "relpersistence", 'p');
    system_row_char(rows, "relkind", kind);
    system_row_int(rows, "relnatts", r->n_columns ? r->columns[r->n_columns - 1].attnum : 0);
    system_row_int(rows, "relchecks", count_checks(r));
    system_row_bool(rows, "relhasrules", kind == 'v');
    system_row_bool(rows, "relhastriggers", has_foreign_keys(r));
    system_row_bool(rows, "relispopulated", true);
    system_row_char(rows, "relreplident", kind == 'r' && !r->system ? 'd' : 'n');
    if (r->n_options)
        system_row_texts(rows, "reloptions", r->options, r->n_options);
    for (uint32_t i = 0; i < r->n_indexes; i++)
        add_class_index(rows, obj, &r->indexes[i]);
}

void make_pg_class(struct system_rows *rows)
{
    visit_relations(rows, true, add_class);
}

/* ---- pg_attribute ---- */

static void add_type_shape(struct system_rows *rows, uint32_t type_oid)
{
    const struct type_info *t = type_info(type_oid);
    system_row_int(rows, "attlen", t ? t->len : -1);
    system_row_bool(rows, "attbyval", t && t->byval);
    system_row_char(rows, "attalign", t ? t->align : 'i');
    system_row_char(rows, "attstorage", t ? t->storage : 'x');
}

static void add_attribute(struct system_rows *rows, const struct cat_object *obj, const struct cat_column *c)
{
    char zero[1] = "";
    system_row_begin(rows);
    system_row_int(rows, "attrelid", obj->oid);
    system_row_text(rows, "attname", c->name);
    system_row_int(rows, "atttypid", c->dropped ? 0 : c->type_oid);
    system_row_int(rows, "attstattarget", -1);
    system_row_int(rows, "attnum", c->attnum);
    system_row_int(rows, "attndims", c->ndims);
    system_row_int(rows, "attcacheoff", -1);
    system_row_int(rows, "atttypmod", c->typmod);
    add_type_shape(rows, c->type_oid);
    system_row_bool(rows, "attnotnull", c->not_null && !c->dropped);
    system_row_bool(rows, "atthasdef", (c->default_expr || c->generated_expr) && !c->dropped);
    system_row_bool(rows, "atthasmissing", c->absent_len > 0);
    if (c->identity)
        system_row_char(rows, "attidentity", c->identity);
    else
        system_row_text(rows, "attidentity", zero);
    system_row_text(rows, "attgenerated", c->generated_expr ? "s" : "");
    system_row_bool(rows, "attisdropped", c->dropped);
    system_row_bool(rows, "attislocal", true);
    system_row_int(rows, "attcollation", c->collation);
}

static void add_index_attributes(struct system_rows *rows, const struct cat_object *obj, const struct cat_index *x)
{
    for (uint32_t i = 0; i < x->n_keys + x->n_include; i++) {
        struct cat_column c = {.attnum = (int32_t)i + 1};
        struct cat_object index = {.oid = x->oid};
        struct buf name = {0};
        system_def_index_column(obj, x, i, &name);
        int32_t attnum = i < x->n_keys ? x->keys[i].attnum : x->include[i - x->n_keys];
        const struct cat_column *of = attnum ? cat_column_at(obj->relation, attnum) : NULL;
        c.name = buf_text(&name);
        c.type_oid = of ? of->type_oid : x->keys[i].type_oid;
        c.typmod = of ? of->typmod : x->keys[i].typmod;
        c.collation = of ? of->collation : x->keys[i].collation;
        add_attribute(rows, &index, &c);
        buf_done(&name);
    }
}

static void add_system_attributes(struct system_rows *rows, const struct cat_object *obj)
{
    static const struct cat_column system_columns[] = {
        {.attnum = -6, .name = "tableoid", .type_oid = TYPE_OID, .typmod = -1, .not_null = true},
    };
    if (kind_of(obj) == 'r')
        add_attribute(rows, obj, &system_columns[0]);
}

static void add_attributes(struct system_rows *rows, const struct cat_object *obj)
{
    add_system_attributes(rows, obj);
    for (uint32_t i = 0; i < obj->relation->n_columns; i++)
        add_attribute(rows, obj, &obj->relation->columns[i]);
    for (uint32_t i = 0; i < obj->relation->n_indexes; i++)
        add_index_attributes(rows, obj, &obj->relation->indexes[i]);
}

void make_pg_attribute(struct system_rows *rows)
{
    visit_relations(rows, true, add_attributes);
}

/* ---- pg_index ---- */

static void add_index_vectors(struct system_rows *rows, const struct cat_object *obj, const struct cat_index *x)
{
    uint32_t n = x->n_keys + x->n_include;
    int64_t *keys = arena_array(rows->arena, int64_t, n + 1), *collations = arena_array(rows->arena, int64_t, n + 1);
    int64_t *classes = arena_array(rows->arena, int64_t, n + 1), *options = arena_array(rows->arena, int64_t, n + 1);
    for (uint32_t i = 0; i < x->n_keys; i++) {
        const struct cat_column *c = x->keys[i].attnum ? cat_column_at(obj->relation, x->keys[i].attnum) : NULL;
        const struct opclass_info *opclass = opclass_default(AM_BTREE, c ? c->type_oid : x->keys[i].type_oid);
        keys[i] = x->keys[i].attnum;
        collations[i] = c ? c->collation : x->keys[i].collation;
        classes[i] = opclass ? opclass->oid : 0;
        options[i] = (x->keys[i].desc ? 1 : 0) | (x->keys[i].nulls_first ? 2 : 0);
    }
    for (uint32_t i = 0; i < x->n_include; i++)
        keys[x->n_keys + i] = x->include[i];
    system_row_ints(rows, "indkey", TYPE_INT2VECTOR, keys, n);
    system_row_ints(rows, "indcollation", TYPE_OIDVECTOR, collations, x->n_keys);
    system_row_ints(rows, "indclass", TYPE_OIDVECTOR, classes, x->n_keys);
    system_row_ints(rows, "indoption", TYPE_INT2VECTOR, options, x->n_keys);
}

/* Several expressions in one node tree: bound texts with commas between read as a row of them. */
static void add_index_expressions(struct system_rows *rows, const struct cat_index *x)
{
    struct buf text = {0};
    for (uint32_t i = 0; i < x->n_keys; i++) {
        if (x->keys[i].attnum)
            continue;
        buf_put_text(&text, text.len ? "\x1f" : "");
        buf_put_text(&text, x->keys[i].expr);
    }
    if (text.len)
        system_row_text(rows, "indexprs", buf_text(&text));
    system_row_text(rows, "indpred", x->predicate);
    buf_done(&text);
}

static void add_indexes(struct system_rows *rows, const struct cat_object *obj)
{
    for (uint32_t i = 0; i < obj->relation->n_indexes; i++) {
        const struct cat_index *x = &obj->relation->indexes[i];
        system_row_begin(rows);
        system_row_int(rows, "indexrelid", x->oid);
        system_row_int(rows, "indrelid", obj->oid);
        system_row_int(rows, "indnatts", x->n_keys + x->n_include);
        system_row_int(rows, "indnkeyatts", x->n_keys);
        system_row_bool(rows, "indisunique", x->unique || x->primary);
        system_row_bool(rows, "indnullsnotdistinct", x->nulls_not_distinct);
        system_row_bool(rows, "indisprimary", x->primary);
        system_row_bool(rows, "indimmediate", true);
        system_row_bool(rows, "indisvalid", x->valid);
        system_row_bool(rows, "indisready", true);
        system_row_bool(rows, "indislive", true);
        add_index_vectors(rows, obj, x);
        add_index_expressions(rows, x);
    }
}

void make_pg_index(struct system_rows *rows)
{
    visit_relations(rows, false, add_indexes);
}

/* ---- pg_constraint ---- */

static void add_attnums(struct system_rows *rows, const char *column, const int32_t *attnums, uint32_t n)
{
    int64_t *values = arena_array(rows->arena, int64_t, n + 1);
    for (uint32_t i = 0; i < n; i++)
        values[i] = attnums[i];
    if (n)
        system_row_ints(rows, column, TYPE_INT2_ARRAY, values, n);
}

static void add_equality_operators(struct system_rows *rows, const struct cat_object *obj, const struct cat_constraint *c)
{
    int64_t *pf = arena_array(rows->arena, int64_t, c->n_columns + 1);
    for (uint32_t i = 0; i < c->n_columns; i++) {
        const struct cat_column *column = cat_column_at(obj->relation, c->columns[i]);
        const struct opclass_info *opclass = column ? opclass_default(AM_BTREE, column->type_oid) : NULL;
        pf[i] = opclass ? opclass->eq : 0;
    }
    system_row_ints(rows, "conpfeqop", TYPE_OID_ARRAY, pf, c->n_columns);
    system_row_ints(rows, "conppeqop", TYPE_OID_ARRAY, pf, c->n_columns);
    system_row_ints(rows, "conffeqop", TYPE_OID_ARRAY, pf, c->n_columns);
}

static void add_constraint(struct system_rows *rows, const struct cat_object *obj, const struct cat_constraint *c)
{
    bool foreign = c->kind == 'f';
    system_row_begin(rows);
    system_row_int(rows, "oid", c->oid);
    system_row_text(rows, "conname", c->name);
    system_row_int(rows, "connamespace", obj->namespace_oid);
    system_row_char(rows, "contype", c->kind);
    system_row_bool(rows, "condeferrable", c->deferrable);
    system_row_bool(rows, "convalidated", c->kind == 'p' || c->kind == 'u' || c->validated);
    system_row_int(rows, "conrelid", obj->oid);
    system_row_int(rows, "conindid", c->index_oid);
    system_row_int(rows, "confrelid", c->ref_table);
    system_row_char(rows, "confupdtype", foreign ? (c->on_update ? c->on_update : 'a') : ' ');
    system_row_char(rows, "confdeltype", foreign ? (c->on_delete ? c->on_delete : 'a') : ' ');
    system_row_char(rows, "confmatchtype", foreign ? (c->match ? c->match : 's') : ' ');
    system_row_bool(rows, "conislocal", true);
    system_row_bool(rows, "connoinherit", c->kind != 'c');
    add_attnums(rows, "conkey", c->columns, c->n_columns);
    add_attnums(rows, "confkey", c->ref_columns, c->n_ref_columns);
    if (foreign)
        add_equality_operators(rows, obj, c);
    system_row_text(rows, "conbin", c->check_expr);
}

static void add_constraints(struct system_rows *rows, const struct cat_object *obj)
{
    for (uint32_t i = 0; i < obj->relation->n_constraints; i++)
        add_constraint(rows, obj, &obj->relation->constraints[i]);
}

void make_pg_constraint(struct system_rows *rows)
{
    visit_relations(rows, false, add_constraints);
}

/* ---- pg_attrdef ---- */

/* Defaults have no OID of their own: one is made of table and column, far above allocated ones. */
static uint32_t default_oid(const struct cat_object *obj, const struct cat_column *c)
{
    return UINT32_C(0x80000000) | ((obj->oid * UINT32_C(1601) + (uint32_t)c->attnum) & UINT32_C(0x7fffffff));
}

static void add_defaults(struct system_rows *rows, const struct cat_object *obj)
{
    for (uint32_t i = 0; i < obj->relation->n_columns; i++) {
        const struct cat_column *c = &obj->relation->columns[i];
        const char *expr = c->generated_expr ? c->generated_expr : c->default_expr;
        if (!expr || c->dropped)
            continue;
        system_row_begin(rows);
        system_row_int(rows, "oid", default_oid(obj, c));
        system_row_int(rows, "adrelid", obj->oid);
        system_row_int(rows, "adnum", c->attnum);
        system_row_text(rows, "adbin", expr);
    }
}

void make_pg_attrdef(struct system_rows *rows)
{
    visit_relations(rows, false, add_defaults);
}

/* ---- pg_sequence ---- */

static void add_sequence(struct system_rows *rows, const struct cat_object *obj)
{
    const struct cat_sequence *s = obj->relation->sequence;
    if (!s)
        return;
    system_row_begin(rows);
    system_row_int(rows, "seqrelid", obj->oid);
    system_row_int(rows, "seqtypid", s->type_oid);
    system_row_int(rows, "seqstart", s->start);
    system_row_int(rows, "seqincrement", s->increment);
    system_row_int(rows, "seqmax", s->max);
    system_row_int(rows, "seqmin", s->min);
    system_row_int(rows, "seqcache", s->cache);
    system_row_bool(rows, "seqcycle", s->cycle);
}

void make_pg_sequence(struct system_rows *rows)
{
    visit_relations(rows, false, add_sequence);
}

/* ---- pg_depend ---- */

struct dependency {
    uint32_t class_oid, oid;
    int32_t column;
    uint32_t ref_class, ref_oid;
    int32_t ref_column;
    char kind;
};

static void add_dependency(struct system_rows *rows, const struct dependency *d)
{
    system_row_begin(rows);
    system_row_int(rows, "classid", d->class_oid);
    system_row_int(rows, "objid", d->oid);
    system_row_int(rows, "objsubid", d->column);
    system_row_int(rows, "refclassid", d->ref_class);
    system_row_int(rows, "refobjid", d->ref_oid);
    system_row_int(rows, "refobjsubid", d->ref_column);
    system_row_char(rows, "deptype", d->kind);
}

static void add_relation_depends(struct system_rows *rows, const struct cat_object *obj)
{
    enum { CLASS_ATTRDEF = 2604, CLASS_REWRITE = 2618 };
    const struct cat_relation *r = obj->relation;
    add_dependency(rows, &(struct dependency){CLASS_RELATION, obj->oid, 0, CLASS_NAMESPACE, obj->namespace_oid, 0, 'n'});
    if (r->sequence && r->sequence->owner_table) {
        const struct cat_object *owner = catalog_view_object(rows->view, r->sequence->owner_table);
        const struct cat_column *c = owner ? cat_column_at(owner->relation, r->sequence->owner_attnum) : NULL;
        add_dependency(rows, &(struct dependency){CLASS_RELATION, obj->oid, 0, CLASS_RELATION, r->sequence->owner_table,
                                                  r->sequence->owner_attnum, c && c->identity ? 'i' : 'a'});
    }
    for (uint32_t i = 0; i < r->n_columns; i++)
        if (!r->columns[i].dropped && (r->columns[i].default_expr || r->columns[i].generated_expr))
            add_dependency(rows, &(struct dependency){CLASS_ATTRDEF, default_oid(obj, &r->columns[i]), 0, CLASS_RELATION,
                                                      obj->oid, r->columns[i].attnum, 'a'});
    for (uint32_t i = 0; i < r->n_constraints; i++)
        for (uint32_t k = 0; k < r->constraints[i].n_columns; k++)
            add_dependency(rows, &(struct dependency){CLASS_CONSTRAINT, r->constraints[i].oid, 0, CLASS_RELATION, obj->oid,
                                                      r->constraints[i].columns[k], 'a'});
    for (uint32_t i = 0; i < r->n_indexes; i++) {
        const struct cat_index *x = &r->indexes[i];
        if (x->constraint_oid)
            add_dependency(rows, &(struct dependency){CLASS_RELATION, x->oid, 0, CLASS_CONSTRAINT, x->constraint_oid, 0, 'i'});
        else
            add_dependency(rows, &(struct dependency){CLASS_RELATION, x->oid, 0, CLASS_RELATION, obj->oid, 0, 'a'});
    }
    for (uint32_t i = 0; i < r->n_depends; i++)
        add_dependency(rows, &(struct dependency){CLASS_REWRITE, obj->oid, 0, CLASS_RELATION, r->depends[i], 0, 'n'});
    if (r->kind == 'v')
        add_dependency(rows, &(struct dependency){CLASS_REWRITE, obj->oid, 0, CLASS_RELATION, obj->oid, 0, 'i'});
}

void make_pg_depend(struct system_rows *rows)
{
    visit_relations(rows, false, add_relation_depends);
}

/* ---- pg_description, pg_rewrite ---- */

static void add_description(struct system_rows *rows, const struct cat_object *obj, int32_t column, const char *text)
{
    system_row_begin(rows);
    system_row_int(rows, "objoid", obj->oid);
    system_row_int(rows, "classoid", obj->class_oid);
    if (column >= 0)
        system_row_int(rows, "objsubid", column);
    system_row_text(rows, "description", text);
}

void make_pg_description(struct system_rows *rows)
{
    uint64_t at = 0;
    const struct cat_object *obj;
    while ((obj = catalog_view_next(rows->view, 0, &at))) {
        if (obj->db_oid == 0)
            continue;
        if (obj->comment)
            add_description(rows, obj, 0, obj->comment);
        for (uint32_t i = 0; i < obj->n_column_comments; i++) {
            const char *eq = strchr(obj->column_comments[i], '=');
            if (eq)
                add_description(rows, obj, (int32_t)strtol(obj->column_comments[i], NULL, 10), eq + 1);
        }
    }
}

void make_pg_shdescription(struct system_rows *rows)
{
    uint64_t at = 0;
    const struct cat_object *obj;
    while ((obj = catalog_view_next(rows->view, 0, &at)))
        if (obj->db_oid == 0 && obj->comment)
            add_description(rows, obj, -1, obj->comment);
}

static void add_rewrite(struct system_rows *rows, const struct cat_object *obj)
{
    if (obj->relation->kind != 'v')
        return;
    system_row_begin(rows);
    system_row_int(rows, "oid", obj->oid);
    system_row_text(rows, "rulename", "_RETURN");
    system_row_int(rows, "ev_class", obj->oid);
    system_row_char(rows, "ev_type", '1');
    system_row_char(rows, "ev_enabled", 'O');
    system_row_bool(rows, "is_instead", true);
}

void make_pg_rewrite(struct system_rows *rows)
{
    visit_relations(rows, false, add_rewrite);
}
