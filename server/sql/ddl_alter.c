/* ddl_alter.c: ALTER TABLE. Commands run one after the other, each on what the one before left. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/row.h"
#include "parser/ast_print.h"
#include "planner/catalog/physical.h"
#include "planner/catalog/system_def.h"
#include "server/sql/ddl_int.h"
#include "types/expr/tree.h"
#include "types/type/type.h"

static struct cat_column *column_of(struct cat_object *table, const struct cat_column *c)
{
    return (struct cat_column *)cat_column_at(table->relation, c->attnum);
}

/* ---- ADD COLUMN ---- */

/* The value rows written before read as: a constant's, in stored form. */
static int set_absent(struct ddl *d, struct cat_object *table, struct cat_column *c, const struct datum *value, struct err *err)
{
    struct datum stored;
    int rc = type_store(c->type_oid, c->typmod, value, d->arena, &stored, err);
    if (rc)
        return rc;
    struct buf row = {0};
    row_begin(&row);
    row_append(&row, (uint32_t)c->attnum, &stored);
    c->absent = arena_memdup(table->arena, row.data, row.len);
    c->absent_len = (uint32_t)row.len;
    buf_done(&row);
    return 0;
}

static int keep_first(void *ctx, struct batch *batch, struct err *err)
{
    struct {
        struct arena *arena;
        struct datum value;
        bool has;
    } *k = ctx;
    if (batch_count(batch) && !k->has) {
        vec_flatten(&batch->cols[0], batch->sel, batch->n_sel, batch->arena);
        struct datum v = vec_datum(&batch->cols[0], batch_row(batch, 0));
        k->value = datum_copy(&v, k->arena);
        k->has = true;
    }
    return 0;
}

/* Evaluates the default once, as PostgreSQL does for stable ones. */
static int evaluate_default(struct ddl *d, const struct cat_column *c, struct datum *value, struct err *err)
{
    struct {
        struct arena *arena;
        struct datum value;
        bool has;
    } keep = {.arena = d->arena};
    struct buf sql = {0}, type = {0};
    type_format(c->type_oid, c->typmod, &type);
    buf_put_text(&sql, "SELECT CAST(");
    int rc = system_def_expr(d->view, c->default_expr, 0, &sql, err);
    buf_printf(&sql, " AS %s)", buf_text(&type));
    struct parse_result parsed;
    uint64_t affected;
    if (!rc)
        rc = parse_sql(buf_text(&sql), sql.len, d->arena, NULL, &parsed, err);
    if (!rc)
        rc = session_run_nested(d->task, d->s, parsed.statements[0].node, buf_text(&sql), keep_first, &keep, &affected, err);
    buf_done(&sql);
    buf_done(&type);
    if (!rc)
        *value = keep.has ? keep.value : datum_null(PHYS_BYTES);
    return rc;
}

static int has_rows(struct ddl *d, const struct cat_object *table, bool *any, struct err *err)
{
    struct kv_read read;
    const struct kv_schema *schema = table->relation->schema;
    uint32_t id = schema->columns[schema->key[0].column].id;
    struct kv_scan_spec spec = {.schema = schema, .column_ids = &id, .n_columns = 1, .limit_hint = 1};
    struct kv_scan *scan;
    struct batch *batch;
    int rc = kv_stmt_begin(d->task, d->txn, &schema, 1, &read, err);
    if (!rc)
        rc = kv_scan_open(d->task, d->s->node->kv, d->txn, &read, &spec, &scan, err);
    if (rc)
        return rc;
    rc = kv_scan_next(d->task, scan, 1, &batch, err);
    if (!rc) {
        *any = batch && batch_count(batch);
        batch_destroy(batch);
    }
    kv_scan_close(d->task, scan);
    return rc;
}

static int fill_new_column(struct ddl *d, const struct cat_object *old, struct cat_object *table, struct cat_column *c, struct err *err)
{
    bool rows;
    int rc = has_rows(d, old, &rows, err);
    if (rc || !rows)
        return rc;
    if (c->generated_expr)
        return session_unsupported(err, "ADD COLUMN ... GENERATED to a table with rows");
    if (c->identity || (c->default_expr && strstr(c->default_expr, "nextval")))
        return session_unsupported(err, "ADD COLUMN of a serial or identity column to a table with rows");
    if (c->default_expr) {
        struct datum value;
        rc = evaluate_default(d, c, &value, err);
        if (!rc && !value.null)
            return set_absent(d, table, c, &value, err);
        if (rc)
            return rc;
    }
    if (c->not_null) {
        err_set(err, ERR_NOT_NULL_VIOLATION, "column \"%s\" of relation \"%s\" contains null values", c->name, table->name);
        snprintf(err->column_name, sizeof err->column_name, "%s", c->name);
        snprintf(err->table_name, sizeof err->table_name, "%s", table->name);
        return err->code;
    }
    return 0;
}

static int add_constraint_now(struct ddl *d, uint32_t oid, const struct ast_constraint *c, struct err *err);

static int add_column(struct ddl *d, const struct cat_object *old, const struct ast_alter_table_cmd *cmd, struct err *err)
{
    const struct ast_column_def *def = ast_to(column_def, cmd->def);
    struct ast_list *later = NULL;
    if (cmd->missing_ok && cat_column_named(old->relation, def->name)) {
        session_notice(d->s, "NOTICE", ERR_DUPLICATE_COLUMN, "column \"%s\" of relation \"%s\" already exists, skipping", def->name,
                       old->name);
        return 0;
    }
    struct cat_object *copy = cat_object_copy(old);
    int rc = ddl_add_column(d, copy, def, &later, err);
    struct cat_column *c = &copy->relation->columns[copy->relation->n_columns - 1];
    for (uint32_t i = 0; i < ast_count(later) && !rc; i++)
        if (ast_to(constraint, later->items[i])->kind == AST_CONSTR_GENERATED)
            rc = ddl_add_constraint(d, copy, ast_to(constraint, later->items[i]), err);
    if (!rc)
        rc = fill_new_column(d, old, copy, c, err);
    if (!rc)
        rc = ddl_alter_storage(d, old, copy, err);
    if (rc) {
        cat_object_unref(copy);
        return rc;
    }
    uint32_t oid = old->oid;
    rc = ddl_put(d, old, copy, err);
    for (uint32_t i = 0; i < ast_count(later) && !rc; i++)
        if (ast_to(constraint, later->items[i])->kind != AST_CONSTR_GENERATED)
            rc = add_constraint_now(d, oid, ast_to(constraint, later->items[i]), err);
    return rc;
}

/* ---- DROP COLUMN ---- */

static bool index_uses(const struct cat_index *x, int32_t attnum)
{
    for (uint32_t i = 0; i < x->n_keys; i++)
        if (x->keys[i].attnum == attnum)
            return true;
    for (uint32_t i = 0; i < x->n_include; i++)
        if (x->include[i] == attnum)
            return true;
    return false;
}

static bool constraint_uses(const struct cat_constraint *c, int32_t attnum)
{
    char mark[24];
    for (uint32_t i = 0; i < c->n_columns; i++)
        if (c->columns[i] == attnum)
            return true;
    snprintf(mark, sizeof mark, "\x01" "c%d\"", attnum);
    return c->check_expr && strstr(c->check_expr, mark);
}

static int find_view_user(struct ddl *d, const struct cat_object *table, const struct cat_column *c, struct err *err)
{
    uint64_t at = 0;
    const struct cat_object *v;
    while ((v = catalog_view_next(d->view, CLASS_RELATION, &at))) {
        for (uint32_t i = 0; i < v->relation->n_depends; i++) {
            if (v->relation->depends[i] != table->oid)
                continue;
            err_set(err, ERR_DEPENDENT_OBJECTS_STILL_EXIST, "cannot drop column %s of table %s because other objects depend on it",
                    c->name, table->name);
            err_detail(err, "view %s depends on column %s of table %s", v->name, c->name, table->name);
            return err_hint(err, "Use DROP ... CASCADE to drop the dependent objects too.");
        }
    }
    return 0;
}

/* Takes out the indexes and constraints of a column (attnum) or of a constraint. */
static int remove_parts(struct ddl *d, struct cat_object *table, int32_t attnum, uint32_t constraint_oid, struct err *err)
{
    struct cat_relation *r = table->relation;
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n_indexes; i++) {
        bool gone = attnum ? index_uses(&r->indexes[i], attnum) : r->indexes[i].constraint_oid == constraint_oid;
        if (gone && !r->indexes[i].primary) {
            int rc = kv_storage_drop(d->task, d->txn, r->indexes[i].schema, err);
            if (rc)
                return rc;
        }
        if (!gone)
            r->indexes[n++] = r->indexes[i];
    }
    r->n_indexes = n;
    n = 0;
    for (uint32_t i = 0; i < r->n_constraints; i++)
        if (attnum ? !constraint_uses(&r->constraints[i], attnum) : r->constraints[i].oid != constraint_oid)
            r->constraints[n++] = r->constraints[i];
    r->n_constraints = n;
    return 0;
}

static int drop_owned_sequences(struct ddl *d, uint32_t table_oid, int32_t attnum, struct err *err)
{
    uint64_t at = 0;
    const struct cat_object *seq;
    while ((seq = catalog_view_next(d->view, CLASS_RELATION, &at))) {
        const struct cat_sequence *q = seq->relation->sequence;
        if (!q || q->owner_table != table_oid || q->owner_attnum != attnum)
            continue;
        int rc = ddl_drop_object(d, seq, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int drop_column(struct ddl *d, const struct cat_object *old, const struct ast_alter_table_cmd *cmd, struct err *err)
{
    const struct cat_column *c = cat_column_named(old->relation, cmd->name);
    if (!c && cmd->missing_ok) {
        session_notice(d->s, "NOTICE", ERR_OK, "column \"%s\" of relation \"%s\" does not exist, skipping", cmd->name, old->name);
        return 0;
    }
    int rc = c ? find_view_user(d, old, c, err) : ddl_find_column(d, old, cmd->name, &c, err);
    if (rc)
        return rc;
    const struct cat_index *pk = phys_primary(old->relation);
    if (pk && index_uses(pk, c->attnum))
        return session_unsupported(err, "DROP COLUMN of a primary key's column");
    struct cat_object *copy = cat_object_copy(old);
    struct cat_column *mine = column_of(copy, c);
    rc = remove_parts(d, copy, c->attnum, 0, err);
    mine->dropped = true;
    mine->not_null = mine->has_default = false;
    mine->default_expr = mine->generated_expr = NULL;
    mine->name = arena_printf(copy->arena, "........pg.dropped.%d........", c->attnum);
    int32_t attnum = c->attnum;
    uint32_t oid = old->oid;
    if (!rc)
        rc = ddl_alter_storage(d, old, copy, err);
    if (rc) {
        cat_object_unref(copy);
        return rc;
    }
    rc = ddl_put(d, old, copy, err);
    return rc ? rc : drop_owned_sequences(d, oid, attnum, err);
}

/* ---- column attributes ---- */

static int set_default(struct ddl *d, const struct cat_object *old, const struct ast_alter_table_cmd *cmd, struct err *err)
{
    const struct cat_column *c;
    int rc = ddl_find_column(d, old, cmd->name, &c, err);
    if (rc)
        return rc;
    if (c->identity || c->generated_expr)
        return err_set(err, ERR_SYNTAX_ERROR, "column \"%s\" of relation \"%s\" is %s column", c->name, old->name,
                       c->identity ? "an identity" : "a generated");
    struct cat_object *copy = cat_object_copy(old);
    struct cat_column *mine = column_of(copy, c);
    mine->has_default = false;
    mine->default_expr = NULL;
    if (cmd->kind == AST_AT_SET_DEFAULT) {
        const char *bound;
        struct expr *tree;
        rc = bind_default(&d->po, cmd->expr, mine, d->arena, &bound, &tree, err);
        if (rc) {
            cat_object_unref(copy);
            return rc;
        }
        mine->has_default = true;
        mine->default_expr = arena_strdup(copy->arena, bound);
    }
    return ddl_put(d, old, copy, err);
}

static int set_not_null(struct ddl *d, const struct cat_object *old, const struct ast_alter_table_cmd *cmd, struct err *err)
{
    bool on = cmd->kind == AST_AT_SET_NOT_NULL;
    const struct cat_column *c;
    int rc = ddl_find_column(d, old, cmd->name, &c, err);
    if (rc || c->not_null == on)
        return rc;
    const struct cat_index *pk = phys_primary(old->relation);
    if (!on && pk && index_uses(pk, c->attnum))
        return err_set(err, ERR_INVALID_TABLE_DEFINITION, "column \"%s\" is in a primary key", c->name);
    if (!on && c->identity)
        return err_set(err, ERR_SYNTAX_ERROR, "column \"%s\" of relation \"%s\" is an identity column", c->name, old->name);
    rc = on ? ddl_validate_not_null(d, old, c, err) : 0;
    if (rc)
        return rc;
    struct cat_object *copy = cat_object_copy(old);
    column_of(copy, c)->not_null = on;
    return ddl_put(d, old, copy, err);
}

/* Is every value of the old type, as stored, one of the new? */
static bool is_same_stored(const struct cat_column *c, uint32_t type, int32_t typmod)
{
    bool text = (c->type_oid == TYPE_VARCHAR || c->type_oid == TYPE_TEXT) && (type == TYPE_VARCHAR || type == TYPE_TEXT);
    return text && (typmod < 0 || (c->type_oid == TYPE_VARCHAR && c->typmod >= 0 && typmod >= c->typmod));
}

static int alter_type(struct ddl *d, const struct cat_object *old, const struct ast_alter_table_cmd *cmd, struct err *err)
{
    const struct cat_column *c;
    uint32_t type;
    int32_t typmod;
    int rc = ddl_find_column(d, old, cmd->name, &c, err);
    if (!rc)
        rc = bind_type_name(&d->po, ast_to(column_def, cmd->def)->type, d->arena, &type, &typmod, err);
    if (rc)
        return rc;
    bool rows = true;
    if (!cmd->expr && c->type_oid == type && c->typmod == typmod)
        return 0;
    rc = has_rows(d, old, &rows, err);
    if (rc)
        return rc;
    if (!(is_same_stored(c, type, typmod) && !cmd->expr) && (rows || c->default_expr))
        return session_unsupported(err, "ALTER COLUMN ... TYPE that rewrites the table");
    struct cat_object *copy = cat_object_copy(old);
    struct cat_column *mine = column_of(copy, c);
    mine->type_oid = type;
    mine->typmod = typmod;
    mine->collation = type_info(type) ? type_info(type)->collation : 0;
    for (uint32_t i = 0; i < copy->relation->n_indexes; i++)
        for (uint32_t k = 0; k < copy->relation->indexes[i].n_keys; k++)
            if (copy->relation->indexes[i].keys[k].attnum == c->attnum) {
                copy->relation->indexes[i].keys[k].type_oid = type;
                copy->relation->indexes[i].keys[k].typmod = typmod;
            }
    if (!rows) { /* nothing to carry over: fresh storages in the new form */
        rc = ddl_create_storages(d, copy, err);
        if (!rc)
            rc = ddl_drop_storages(d, old, err);
    }
    if (rc) {
        cat_object_unref(copy);
        return rc;
    }
    return ddl_put(d, old, copy, err);
}

/* ---- constraints ---- */

static int build_key(struct ddl *d, const struct cat_object *old, struct cat_object *copy, struct err *err)
{
    if (phys_primary(copy->relation) && !phys_primary(old->relation)) {
        copy->relation->hidden_rowid = false;
        return ddl_rekey(d, old, copy, err);
    }
    struct cat_index *x = &copy->relation->indexes[copy->relation->n_indexes - 1];
    int rc = ddl_create_index_storage(d, copy, x, err);
    return rc ? rc : ddl_fill_index(d, copy, x, err);
}

static int add_constraint_now(struct ddl *d, uint32_t oid, const struct ast_constraint *c, struct err *err)
{
    const struct cat_object *old = catalog_view_object(d->view, oid);
    struct cat_object *copy = cat_object_copy(old);
    uint32_t n_indexes = copy->relation->n_indexes;
    int rc = ddl_add_constraint(d, copy, c, err);
    const struct cat_constraint *con = rc ? NULL : &copy->relation->constraints[copy->relation->n_constraints - 1];
    if (!rc && copy->relation->n_indexes > n_indexes)
        rc = build_key(d, old, copy, err);
    else if (!rc && con->kind == 'c' && con->validated)
        rc = ddl_validate_check(d, old, con, err);
    else if (!rc && con->kind == 'f' && con->validated)
        rc = ddl_validate_foreign_key(d, old, con, err);
    uint32_t parent = con && con->kind == 'f' && con->ref_table != oid ? con->ref_table : 0;
    if (rc) {
        cat_object_unref(copy);
        return rc;
    }
    rc = ddl_put(d, old, copy, err);
    return rc || !parent ? rc : ddl_reference(d, parent, oid, true, err);
}

static const struct cat_constraint *find_constraint(const struct cat_object *table, const char *name)
{
    for (uint32_t i = 0; i < table->relation->n_constraints; i++)
        if (strcmp(table->relation->constraints[i].name, name) == 0)
            return &table->relation->constraints[i];
    return NULL;
}

static int check_not_referenced(struct ddl *d, const struct cat_object *table, const struct cat_constraint *c, struct err *err)
{
    for (uint32_t i = 0; c->index_oid && c->kind != 'f' && i < table->relation->n_referenced_by; i++) {
        const struct cat_object *child = catalog_view_object(d->view, table->relation->referenced_by[i]);
        for (uint32_t k = 0; child && k < child->relation->n_constraints; k++) {
            if (child->relation->constraints[k].kind != 'f' || child->relation->constraints[k].index_oid != c->index_oid)
                continue;
            err_set(err, ERR_DEPENDENT_OBJECTS_STILL_EXIST, "cannot drop constraint %s on table %s because other objects depend on it",
                    c->name, table->name);
            err_detail(err, "constraint %s on table %s depends on index %s", child->relation->constraints[k].name, child->name, c->name);
            return err_hint(err, "Use DROP ... CASCADE to drop the dependent objects too.");
        }
    }
    return 0;
}

static bool refers_otherwise(const struct cat_object *table, uint32_t parent, uint32_t but)
{
    for (uint32_t i = 0; i < table->relation->n_constraints; i++)
        if (table->relation->constraints[i].kind == 'f' && table->relation->constraints[i].ref_table == parent &&
            table->relation->constraints[i].oid != but)
            return true;
    return false;
}

static int drop_constraint(struct ddl *d, const struct cat_object *old, const struct ast_alter_table_cmd *cmd, struct err *err)
{
    const struct cat_constraint *c = find_constraint(old, cmd->name);
    if (!c && cmd->missing_ok) {
        session_notice(d->s, "NOTICE", ERR_OK, "constraint \"%s\" of relation \"%s\" does not exist, skipping", cmd->name, old->name);
        return 0;
    }
    if (!c)
        return err_set(err, ERR_UNDEFINED_OBJECT, "constraint \"%s\" of relation \"%s\" does not exist", cmd->name, old->name);
    int rc = check_not_referenced(d, old, c, err);
    if (rc)
        return rc;
    uint32_t oid = old->oid, parent = c->kind == 'f' && !refers_otherwise(old, c->ref_table, c->oid) ? c->ref_table : 0;
    if (parent)
        rc = ddl_lock_object(d, parent, DDL_SHARE_ROW_EXCLUSIVE, err);
    old = catalog_view_object(d->view, oid);
    c = find_constraint(old, cmd->name);
    if (rc || bug_if(!c, err))
        return err->code;
    struct cat_object *copy = cat_object_copy(old);
    bool primary = c->kind == 'p';
    rc = remove_parts(d, copy, 0, c->oid, err);
    if (!rc && primary) {
        copy->relation->hidden_rowid = true;
        rc = ddl_rekey(d, old, copy, err);
    }
    if (rc) {
        cat_object_unref(copy);
        return rc;
    }
    rc = ddl_put(d, old, copy, err);
    return rc || !parent ? rc : ddl_reference(d, parent, oid, false, err);
}

static int validate_constraint(struct ddl *d, const struct cat_object *old, const struct ast_alter_table_cmd *cmd, struct err *err)
{
    const struct cat_constraint *c = find_constraint(old, cmd->name);
    if (!c)
        return err_set(err, ERR_UNDEFINED_OBJECT, "constraint \"%s\" of relation \"%s\" does not exist", cmd->name, old->name);
    if (c->validated)
        return 0;
    int rc = c->kind == 'c' ? ddl_validate_check(d, old, c, err) : ddl_validate_foreign_key(d, old, c, err);
    if (rc)
        return rc;
    struct cat_object *copy = cat_object_copy(old);
    ((struct cat_constraint *)find_constraint(copy, cmd->name))->validated = true;
    return ddl_put(d, old, copy, err);
}

/* ---- the rest ---- */

static int set_owner(struct ddl *d, const struct cat_object *old, const struct ast_alter_table_cmd *cmd, struct err *err)
{
    uint32_t owner;
    int rc = ddl_role(d, ast_to(role_spec, cmd->def), &owner, err);
    if (rc)
        return rc;
    struct cat_object *copy = cat_object_copy(old);
    copy->owner = owner;
    return ddl_put(d, old, copy, err);
}

static int run_command(struct ddl *d, const struct cat_object *old, const struct ast_alter_table_cmd *cmd, struct err *err)
{
    bool table = old->relation->kind == 'r';
    switch (cmd->kind) {
    case AST_AT_OWNER:
        return set_owner(d, old, cmd, err);
    case AST_AT_SET_STATISTICS:
    case AST_AT_SET_STORAGE:
    case AST_AT_SET_COMPRESSION:
    case AST_AT_SET_LOGGED:
    case AST_AT_SET_UNLOGGED:
    case AST_AT_SET_WITHOUT_OIDS:
    case AST_AT_SET_WITHOUT_CLUSTER:
    case AST_AT_REPLICA_IDENTITY:
        return 0; /* about PostgreSQL's storage */
    default:
        break;
    }
    if (!table)
        return session_unsupported(err, "this form of ALTER for a relation that is not a table");
    switch (cmd->kind) {
    case AST_AT_ADD_COLUMN:
        return add_column(d, old, cmd, err);
    case AST_AT_DROP_COLUMN:
        return drop_column(d, old, cmd, err);
    case AST_AT_ALTER_TYPE:
        return alter_type(d, old, cmd, err);
    case AST_AT_SET_DEFAULT:
    case AST_AT_DROP_DEFAULT:
        return set_default(d, old, cmd, err);
    case AST_AT_SET_NOT_NULL:
    case AST_AT_DROP_NOT_NULL:
        return set_not_null(d, old, cmd, err);
    case AST_AT_ADD_CONSTRAINT:
        return add_constraint_now(d, old->oid, ast_to(constraint, cmd->def), err);
    case AST_AT_DROP_CONSTRAINT:
        return drop_constraint(d, old, cmd, err);
    case AST_AT_VALIDATE_CONSTRAINT:
        return validate_constraint(d, old, cmd, err);
    default:
        return session_unsupported(err, "this form of ALTER TABLE");
    }
}

static int alter_index(struct ddl *d, const struct ast_alter_table_stmt *stmt, struct err *err)
{
    uint32_t at;
    if (!catalog_view_index(d->view, stmt->relation->schema, stmt->relation->name, &at))
        return err_set(err, ERR_UNDEFINED_TABLE, "relation \"%s\" does not exist", stmt->relation->name);
    return session_unsupported(err, "ALTER INDEX");
}

int ddl_alter_table(struct ddl *d, const struct ast_alter_table_stmt *stmt, struct err *err)
{
    const struct cat_object *obj;
    ddl_tag(d, arena_printf(d->arena, "ALTER %s", ast_object_kind_name(stmt->kind)));
    if (stmt->kind == AST_OBJ_INDEX)
        return alter_index(d, stmt, err);
    const char *kinds = stmt->kind == AST_OBJ_VIEW ? "v" : stmt->kind == AST_OBJ_SEQUENCE ? "S" : "rvS";
    int rc = ddl_find(d, stmt->relation, kinds, DDL_ACCESS_EXCLUSIVE, stmt->missing_ok, &obj, err);
    if (rc || !obj)
        return rc;
    uint32_t oid = obj->oid;
    for (uint32_t i = 0; i < ast_count(stmt->cmds) && !rc; i++)
        rc = run_command(d, catalog_view_object(d->view, oid), ast_to(alter_table_cmd, stmt->cmds->items[i]), err);
    return rc;
}
