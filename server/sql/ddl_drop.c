/* ddl_drop.c: DROP and TRUNCATE. Dependants: views of a relation, foreign keys to a table, defaults of a sequence, everything of a schema. */
#include <stdio.h>
#include <string.h>

#include "parser/ast_print.h"
#include "planner/catalog/physical.h"
#include "server/sql/ddl_int.h"

struct oid_list {
    uint32_t n, capacity;
    uint32_t *oids;
};

static bool has_oid(const struct oid_list *l, uint32_t oid)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (l->oids[i] == oid)
            return true;
    return false;
}

static void add_oid(struct ddl *d, struct oid_list *l, uint32_t oid)
{
    if (has_oid(l, oid))
        return;
    if (l->n == l->capacity) {
        uint32_t capacity = l->capacity ? l->capacity * 2 : 16;
        uint32_t *grown = arena_array(d->arena, uint32_t, capacity);
        if (l->n)
            memcpy(grown, l->oids, l->n * sizeof *grown);
        l->oids = grown;
        l->capacity = capacity;
    }
    l->oids[l->n++] = oid;
}

static const char *describe(struct ddl *d, const struct cat_object *obj)
{
    if (obj->class_oid == CLASS_NAMESPACE)
        return arena_printf(d->arena, "schema %s", ast_print_name(d->arena, obj->name));
    const char *name = ast_print_name(d->arena, obj->name);
    if (catalog_view_relation(d->view, NULL, obj->name) != obj)
        name = arena_printf(d->arena, "%s.%s", ast_print_name(d->arena, catalog_view_namespace_name(d->view, obj->namespace_oid)), name);
    return arena_printf(d->arena, "%s %s", ddl_kind_name(obj->relation->kind), name);
}

/* ---- one relation ---- */

/* Children forget their foreign keys to it, parents forget it. */
static int cut_foreign_keys(struct ddl *d, const struct cat_object *table, struct err *err)
{
    const struct cat_relation *r = table->relation;
    for (uint32_t i = 0; i < r->n_constraints; i++) {
        if (r->constraints[i].kind != 'f' || r->constraints[i].ref_table == table->oid)
            continue;
        int rc = ddl_reference(d, r->constraints[i].ref_table, table->oid, false, err);
        if (rc)
            return rc;
    }
    for (uint32_t i = 0; i < r->n_referenced_by; i++) {
        const struct cat_object *child = r->referenced_by[i] == table->oid ? NULL : catalog_view_object(d->view, r->referenced_by[i]);
        if (!child)
            continue;
        struct cat_object *copy = cat_object_copy(child);
        uint32_t n = 0;
        for (uint32_t k = 0; k < copy->relation->n_constraints; k++)
            if (copy->relation->constraints[k].kind != 'f' || copy->relation->constraints[k].ref_table != table->oid)
                copy->relation->constraints[n++] = copy->relation->constraints[k];
        copy->relation->n_constraints = n;
        int rc = ddl_put(d, child, copy, err);
        if (rc)
            return rc;
    }
    return 0;
}

int ddl_drop_object(struct ddl *d, const struct cat_object *obj, struct err *err)
{
    int rc = 0;
    if (obj->relation && obj->relation->kind == 'r') {
        rc = cut_foreign_keys(d, obj, err);
        obj = catalog_view_object(d->view, obj->oid);
        if (!rc)
            rc = ddl_drop_storages(d, obj, err);
    }
    if (obj->relation && obj->relation->kind == 'S')
        ddl_pend_sequence(d, obj->oid, true, 0);
    return rc ? rc : ddl_put(d, obj, NULL, err);
}

/* A sequence went: columns that draw from it lose their default. */
static int forget_default(struct ddl *d, const struct cat_object *table, uint32_t sequence_oid, struct err *err)
{
    char mark[32];
    snprintf(mark, sizeof mark, "'%u'", sequence_oid);
    struct cat_object *copy = NULL;
    for (uint32_t i = 0; i < table->relation->n_columns; i++) {
        const struct cat_column *c = &table->relation->columns[i];
        if (c->dropped || !c->default_expr || !strstr(c->default_expr, mark))
            continue;
        if (!copy)
            copy = cat_object_copy(table);
        copy->relation->columns[i].has_default = false;
        copy->relation->columns[i].default_expr = NULL;
        copy->relation->columns[i].sequence_oid = 0;
    }
    return copy ? ddl_put(d, table, copy, err) : 0;
}

/* ---- dependants ---- */

static bool uses_sequence(const struct cat_object *table, uint32_t oid)
{
    char mark[32];
    snprintf(mark, sizeof mark, "'%u'", oid);
    for (uint32_t i = 0; i < table->relation->n_columns; i++) {
        const struct cat_column *c = &table->relation->columns[i];
        if (!c->dropped && c->default_expr && strstr(c->default_expr, mark))
            return true;
    }
    return false;
}

static bool depends_on(const struct cat_object *view, uint32_t oid)
{
    for (uint32_t i = 0; i < view->relation->n_depends; i++)
        if (view->relation->depends[i] == oid)
            return true;
    return false;
}

struct drop_plan {
    struct oid_list drop;    /* relations and schemas, dependants last */
    struct oid_list asked;   /* named by the user, or owned by what is */
    struct buf detail;       /* what stands in the way */
    uint32_t n_in_the_way;
    bool cascade;
};

static void note_dependant(struct ddl *d, struct drop_plan *p, const char *what, const struct cat_object *on)
{
    p->n_in_the_way++;
    buf_printf(&p->detail, "%s%s depends on %s", p->detail.len ? "\n" : "", what, describe(d, on));
}

static void add_dependants_of(struct ddl *d, struct drop_plan *p, const struct cat_object *obj)
{
    uint64_t at = 0;
    const struct cat_object *other;
    while ((other = catalog_view_next(d->view, CLASS_RELATION, &at))) {
        if (obj->class_oid == CLASS_NAMESPACE) {
            if (other->namespace_oid == obj->oid && !has_oid(&p->drop, other->oid)) {
                if (!(other->relation->sequence && other->relation->sequence->owner_table))
                    note_dependant(d, p, describe(d, other), obj);
                add_oid(d, &p->drop, other->oid);
            }
            continue;
        }
        if (other->relation->sequence && other->relation->sequence->owner_table == obj->oid) {
            add_oid(d, &p->drop, other->oid);
            add_oid(d, &p->asked, other->oid);
        }
        if (depends_on(other, obj->oid) && !has_oid(&p->drop, other->oid)) {
            note_dependant(d, p, describe(d, other), obj);
            add_oid(d, &p->drop, other->oid);
        }
    }
}

static void note_foreign_keys(struct ddl *d, struct drop_plan *p, const struct cat_object *obj)
{
    for (uint32_t i = 0; obj->relation && i < obj->relation->n_referenced_by; i++) {
        const struct cat_object *child = catalog_view_object(d->view, obj->relation->referenced_by[i]);
        if (!child || has_oid(&p->drop, child->oid))
            continue;
        for (uint32_t k = 0; k < child->relation->n_constraints; k++) {
            const struct cat_constraint *c = &child->relation->constraints[k];
            if (c->kind == 'f' && c->ref_table == obj->oid)
                note_dependant(d, p, arena_printf(d->arena, "constraint %s on %s", c->name, describe(d, child)), obj);
        }
    }
}

static void note_defaults(struct ddl *d, struct drop_plan *p, const struct cat_object *obj)
{
    uint64_t at = 0;
    const struct cat_object *table;
    if (!obj->relation || !obj->relation->sequence)
        return;
    while ((table = catalog_view_next(d->view, CLASS_RELATION, &at)))
        if (!has_oid(&p->drop, table->oid) && uses_sequence(table, obj->oid))
            note_dependant(d, p, arena_printf(d->arena, "default value for column of %s", describe(d, table)), obj);
}

static int lock_all(struct ddl *d, const struct oid_list *l, struct err *err)
{
    for (uint32_t i = 0; i < l->n; i++) {
        int rc = ddl_lock_object(d, l->oids[i], DDL_ACCESS_EXCLUSIVE, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int run_drops(struct ddl *d, const struct drop_plan *p, struct err *err)
{
    for (uint32_t i = p->drop.n; i-- > 0;) {
        const struct cat_object *obj = catalog_view_object(d->view, p->drop.oids[i]);
        if (!obj)
            continue;
        bool sequence = obj->relation && obj->relation->sequence;
        uint32_t oid = obj->oid;
        int rc = ddl_drop_object(d, obj, err);
        uint64_t at = 0;
        const struct cat_object *table;
        while (!rc && sequence && (table = catalog_view_next(d->view, CLASS_RELATION, &at)))
            if (uses_sequence(table, oid))
                rc = forget_default(d, table, oid, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int finish_plan(struct ddl *d, struct drop_plan *p, struct err *err)
{
    for (uint32_t i = 0; i < p->drop.n; i++) {
        const struct cat_object *obj = catalog_view_object(d->view, p->drop.oids[i]);
        if (obj)
            add_dependants_of(d, p, obj);
    }
    for (uint32_t i = 0; i < p->drop.n; i++) {
        const struct cat_object *obj = catalog_view_object(d->view, p->drop.oids[i]);
        if (!obj)
            continue;
        note_foreign_keys(d, p, obj);
        note_defaults(d, p, obj);
    }
    if (p->n_in_the_way && !p->cascade) {
        const struct cat_object *first = catalog_view_object(d->view, p->asked.oids[0]);
        if (p->asked.n == 1)
            err_set(err, ERR_DEPENDENT_OBJECTS_STILL_EXIST, "cannot drop %s because other objects depend on it", describe(d, first));
        else
            err_set(err, ERR_DEPENDENT_OBJECTS_STILL_EXIST, "cannot drop desired object(s) because other objects depend on them");
        err_detail(err, "%s", buf_text(&p->detail));
        return err_hint(err, "Use DROP ... CASCADE to drop the dependent objects too.");
    }
    if (p->n_in_the_way == 1) {
        const char *text = buf_text(&p->detail), *end = strstr(text, " depends on ");
        session_notice(d->s, "NOTICE", ERR_OK, "drop cascades to %.*s", (int)(end ? end - text : 0), text);
    } else if (p->n_in_the_way > 1) {
        session_notice(d->s, "NOTICE", ERR_OK, "drop cascades to %u other objects", p->n_in_the_way);
    }
    int rc = lock_all(d, &p->drop, err);
    return rc ? rc : run_drops(d, p, err);
}

/* ---- DROP ---- */

static int drop_index(struct ddl *d, const struct ast_range_var *rv, bool missing_ok, struct err *err)
{
    uint32_t at;
    const struct cat_object *table = catalog_view_index(d->view, rv->schema, rv->name, &at);
    if (!table && missing_ok) {
        session_notice(d->s, "NOTICE", ERR_OK, "index \"%s\" does not exist, skipping", rv->name);
        return 0;
    }
    if (!table && catalog_view_relation(d->view, rv->schema, rv->name))
        return err_set(err, ERR_WRONG_OBJECT_TYPE, "\"%s\" is not an index", rv->name);
    if (!table)
        return err_set(err, ERR_UNDEFINED_OBJECT, "index \"%s\" does not exist", rv->name);
    int rc = ddl_lock_object(d, table->oid, DDL_ACCESS_EXCLUSIVE, err);
    if (rc)
        return rc;
    table = catalog_view_index(d->view, rv->schema, rv->name, &at);
    if (!table)
        return err_set(err, ERR_UNDEFINED_OBJECT, "index \"%s\" does not exist", rv->name);
    const struct cat_index *x = &table->relation->indexes[at];
    if (x->constraint_oid) {
        err_set(err, ERR_DEPENDENT_OBJECTS_STILL_EXIST, "cannot drop index %s because constraint %s on table %s requires it", x->name,
                x->name, table->name);
        return err_hint(err, "You can drop constraint %s on table %s instead.", x->name, table->name);
    }
    rc = kv_storage_drop(d->task, d->txn, x->schema, err);
    if (rc)
        return rc;
    struct cat_object *copy = cat_object_copy(table);
    struct cat_relation *r = copy->relation;
    memmove(&r->indexes[at], &r->indexes[at + 1], (r->n_indexes - at - 1) * sizeof *r->indexes);
    r->n_indexes--;
    return ddl_put(d, table, copy, err);
}

static struct ast_range_var *name_of(struct ddl *d, const struct ast_node *object)
{
    struct ast_range_var *rv = ast_new(d->arena, range_var);
    if (ast_is(range_var, object))
        return ast_to(range_var, object);
    const struct ast_list *names = ast_is(node_list, object) ? ast_to(node_list, object)->items : NULL;
    uint32_t n = ast_count(names);
    rv->name = n ? ast_string_at(names, n - 1) : ast_is(string, object) ? ast_to(string, object)->text : "";
    rv->schema = n > 1 ? ast_string_at(names, n - 2) : NULL;
    rv->node.start = object->start;
    rv->node.at = object->at;
    return rv;
}

static int plan_relation(struct ddl *d, struct drop_plan *p, const struct ast_range_var *rv, char kind, bool missing_ok,
                         struct err *err)
{
    const struct cat_object *obj = catalog_view_relation(d->view, rv->schema, rv->name);
    const char *word = ddl_kind_name(kind);
    if (!obj && rv->schema && !catalog_view_namespace(d->view, rv->schema)) {
        if (!missing_ok)
            return err_set(err, ERR_INVALID_SCHEMA_NAME, "schema \"%s\" does not exist", rv->schema);
        session_notice(d->s, "NOTICE", ERR_OK, "schema \"%s\" does not exist, skipping", rv->schema);
        return 0;
    }
    if (!obj && missing_ok) {
        session_notice(d->s, "NOTICE", ERR_OK, "%s \"%s\" does not exist, skipping", word, rv->name);
        return 0;
    }
    if (!obj)
        return err_set(err, ERR_UNDEFINED_TABLE, "%s \"%s\" does not exist", word, rv->name);
    if (obj->relation->system)
        return err_set(err, ERR_INSUFFICIENT_PRIVILEGE, "permission denied: \"%s\" is a system catalog", obj->name);
    if (obj->relation->kind != kind) {
        err_set(err, ERR_WRONG_OBJECT_TYPE, "\"%s\" is not a %s", rv->name, word);
        const char *is = ddl_kind_name(obj->relation->kind);
        char upper[16];
        snprintf(upper, sizeof upper, "%s", is);
        for (char *c = upper; *c; c++)
            *c = (char)(*c - 32);
        return err_hint(err, "Use DROP %s to remove a %s.", upper, is);
    }
    int rc = ddl_lock_object(d, obj->oid, DDL_ACCESS_EXCLUSIVE, err);
    add_oid(d, &p->drop, obj->oid);
    add_oid(d, &p->asked, obj->oid);
    return rc;
}

static int plan_schema(struct ddl *d, struct drop_plan *p, const char *name, bool missing_ok, struct err *err)
{
    const struct cat_object *obj = catalog_view_named(d->view, CLASS_NAMESPACE, 0, name);
    if (!obj && catalog_view_namespace(d->view, name))
        return err_set(err, ERR_DEPENDENT_OBJECTS_STILL_EXIST, "cannot drop schema %s because it is required by the database system", name);
    if (!obj && missing_ok) {
        session_notice(d->s, "NOTICE", ERR_OK, "schema \"%s\" does not exist, skipping", name);
        return 0;
    }
    if (!obj)
        return err_set(err, ERR_INVALID_SCHEMA_NAME, "schema \"%s\" does not exist", name);
    add_oid(d, &p->drop, obj->oid);
    add_oid(d, &p->asked, obj->oid);
    return ddl_lock_object(d, obj->oid, DDL_ACCESS_EXCLUSIVE, err);
}

int ddl_drop(struct ddl *d, const struct ast_drop_stmt *stmt, struct err *err)
{
    struct drop_plan p = {.cascade = stmt->behavior == AST_DROP_CASCADE};
    const char *kind = ast_object_kind_name(stmt->kind);
    ddl_tag(d, arena_printf(d->arena, "DROP %s", kind));
    int rc = 0;
    for (uint32_t i = 0; i < ast_count(stmt->objects) && !rc; i++) {
        const struct ast_range_var *rv = name_of(d, stmt->objects->items[i]);
        switch (stmt->kind) {
        case AST_OBJ_TABLE:
            rc = plan_relation(d, &p, rv, 'r', stmt->missing_ok, err);
            break;
        case AST_OBJ_VIEW:
            rc = plan_relation(d, &p, rv, 'v', stmt->missing_ok, err);
            break;
        case AST_OBJ_SEQUENCE:
            rc = plan_relation(d, &p, rv, 'S', stmt->missing_ok, err);
            break;
        case AST_OBJ_INDEX:
            rc = drop_index(d, rv, stmt->missing_ok, err);
            break;
        case AST_OBJ_SCHEMA:
            rc = plan_schema(d, &p, rv->name, stmt->missing_ok, err);
            break;
        default:
            if (stmt->missing_ok) /* there are none: dumps and ORMs clean up like this */
                session_notice(d->s, "NOTICE", ERR_OK, "object \"%s\" does not exist, skipping", rv->name);
            else
                rc = session_unsupported(err, arena_printf(d->arena, "DROP %s", kind));
        }
    }
    if (!rc && p.drop.n)
        rc = finish_plan(d, &p, err);
    buf_done(&p.detail);
    return rc;
}

/* ---- TRUNCATE ---- */

static int truncate_one(struct ddl *d, const struct cat_object *table, struct err *err)
{
    struct cat_object *copy = cat_object_copy(table);
    int rc = ddl_create_storages(d, copy, err);
    if (!rc)
        rc = ddl_drop_storages(d, table, err);
    if (rc) {
        cat_object_unref(copy);
        return rc;
    }
    return ddl_put(d, table, copy, err);
}

static int check_references(struct ddl *d, struct oid_list *tables, bool cascade, struct err *err)
{
    for (uint32_t i = 0; i < tables->n; i++) {
        const struct cat_object *t = catalog_view_object(d->view, tables->oids[i]);
        for (uint32_t k = 0; k < t->relation->n_referenced_by; k++) {
            const struct cat_object *child = catalog_view_object(d->view, t->relation->referenced_by[k]);
            if (!child || has_oid(tables, child->oid))
                continue;
            if (!cascade) {
                err_set(err, ERR_FEATURE_NOT_SUPPORTED, "cannot truncate a table referenced in a foreign key constraint");
                err_detail(err, "Table \"%s\" references \"%s\".", child->name, t->name);
                return err_hint(err, "Truncate table \"%s\" at the same time, or use TRUNCATE ... CASCADE.", child->name);
            }
            session_notice(d->s, "NOTICE", ERR_OK, "truncate cascades to table \"%s\"", child->name);
            add_oid(d, tables, child->oid);
        }
    }
    return 0;
}

int ddl_truncate(struct ddl *d, const struct ast_truncate_stmt *stmt, struct err *err)
{
    struct oid_list tables = {0};
    ddl_tag(d, "TRUNCATE TABLE");
    for (uint32_t i = 0; i < ast_count(stmt->relations); i++) {
        const struct cat_object *table;
        int rc = ddl_find(d, ast_to(range_var, stmt->relations->items[i]), "r", DDL_ACCESS_EXCLUSIVE, false, &table, err);
        if (rc)
            return rc;
        add_oid(d, &tables, table->oid);
    }
    int rc = check_references(d, &tables, stmt->behavior == AST_DROP_CASCADE, err);
    if (!rc)
        rc = lock_all(d, &tables, err);
    for (uint32_t i = 0; i < tables.n && !rc; i++)
        rc = truncate_one(d, catalog_view_object(d->view, tables.oids[i]), err);
    uint64_t at = 0;
    const struct cat_object *obj;
    while (!rc && stmt->restart_identity && (obj = catalog_view_next(d->view, CLASS_RELATION, &at)))
        if (obj->relation->sequence && has_oid(&tables, obj->relation->sequence->owner_table))
            ddl_pend_sequence(d, obj->oid, false, obj->relation->sequence->start);
    return rc;
}
