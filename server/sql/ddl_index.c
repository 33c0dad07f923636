/* ddl_index.c: CREATE INDEX: shape, storage, and the rows there are. Writers of the table wait (SHARE lock). */
#include <string.h>

#include "server/sql/ddl_int.h"
#include "types/func/func.h"
#include "types/type/type.h"

enum { AM_BTREE = 403, INDEX_COLUMNS_MAX = 32 };

static int refuse_forms(const struct ast_index_stmt *stmt, struct err *err)
{
    if (stmt->access_method && strcmp(stmt->access_method, "btree") != 0) {
        static const char *const known[] = {"hash", "gist", "gin", "spgist", "brin"};
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (strcmp(stmt->access_method, known[i]) == 0)
                return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "index access method \"%s\" is not supported", known[i]);
        return err_set(err, ERR_UNDEFINED_OBJECT, "access method \"%s\" does not exist", stmt->access_method);
    }
    if (stmt->where)
        return session_unsupported(err, "a partial index");
    return 0;
}

static int add_key(struct ddl *d, struct cat_object *table, struct cat_index *x, const struct ast_index_elem *e, struct err *err)
{
    if (e->expr || !e->name)
        return session_unsupported(err, "an index on an expression");
    const struct cat_column *c = cat_column_named(table->relation, e->name);
    if (!c)
        return err_set(err, ERR_UNDEFINED_COLUMN, "column \"%s\" does not exist", e->name);
    const struct type_info *t = type_info(c->type_oid);
    const struct opclass_info *opclass = opclass_default(AM_BTREE, c->type_oid);
    if (!t || !(t->flags & TYPE_ORDERED) || !opclass) {
        err_set(err, ERR_UNDEFINED_OBJECT, "data type %s has no default operator class for access method \"btree\"",
                type_name(c->type_oid, d->arena));
        return err_hint(err, "You must specify an operator class for the index or define a default operator class for the data type.");
    }
    if (ast_count(e->opclass) && strcmp(ast_string_at(e->opclass, ast_count(e->opclass) - 1), opclass->name) != 0 &&
        !strstr(ast_string_at(e->opclass, ast_count(e->opclass) - 1), "_pattern_ops"))
        return session_unsupported(err, "an index with this operator class");
    struct cat_key_part *k = &x->keys[x->n_keys++];
    *k = (struct cat_key_part){.attnum = c->attnum, .type_oid = c->type_oid, .typmod = c->typmod, .collation = c->collation,
                               .desc = e->dir == AST_SORT_DESC};
    k->nulls_first = e->nulls == AST_NULLS_FIRST || (e->nulls == AST_NULLS_DEFAULT && k->desc);
    return 0;
}

static int add_includes(struct cat_object *table, struct cat_index *x, const struct ast_list *including, struct err *err)
{
    x->include = arena_array(table->arena, int32_t, ast_count(including) + 1);
    for (uint32_t i = 0; i < ast_count(including); i++) {
        const struct ast_index_elem *e = ast_to(index_elem, including->items[i]);
        if (e->expr || !e->name)
            return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "expressions are not supported in included columns");
        const struct cat_column *c = cat_column_named(table->relation, e->name);
        if (!c)
            return err_set(err, ERR_UNDEFINED_COLUMN, "column \"%s\" does not exist", e->name);
        x->include[x->n_include++] = c->attnum;
    }
    return 0;
}

static const char *choose_index_name(struct ddl *d, const struct cat_object *table, const struct cat_index *x)
{
    int32_t *attnums = arena_array(d->arena, int32_t, x->n_keys + 1);
    for (uint32_t i = 0; i < x->n_keys; i++)
        attnums[i] = x->keys[i].attnum;
    return ddl_choose_name(d, table->namespace_oid, table->name, ddl_join_names(d, table, attnums, x->n_keys), "idx", NULL);
}

static int shape_index(struct ddl *d, struct cat_object *table, const struct ast_index_stmt *stmt, struct cat_index **out,
                       struct err *err)
{
    struct cat_index *x = ddl_append_index(table, false);
    x->name = "";
    x->unique = stmt->unique;
    x->nulls_not_distinct = stmt->nulls_not_distinct;
    uint32_t n = ast_count(stmt->params);
    if (n > INDEX_COLUMNS_MAX)
        return err_set(err, ERR_TOO_MANY_COLUMNS, "cannot use more than %d columns in an index", INDEX_COLUMNS_MAX);
    x->keys = arena_array(table->arena, struct cat_key_part, n);
    int rc = 0;
    for (uint32_t i = 0; i < n && !rc; i++)
        rc = add_key(d, table, x, ast_to(index_elem, stmt->params->items[i]), err);
    if (!rc)
        rc = add_includes(table, x, stmt->including, err);
    if (!rc)
        rc = ddl_oid(d, &x->oid, err);
    *out = x;
    return rc;
}

int ddl_create_index(struct ddl *d, const struct ast_index_stmt *stmt, struct err *err)
{
    const struct cat_object *old;
    ddl_tag(d, "CREATE INDEX");
    int rc = refuse_forms(stmt, err);
    if (!rc && stmt->concurrent)
        rc = session_forbid_block(d->s, "CREATE INDEX CONCURRENTLY", err);
    if (!rc)
        rc = ddl_find(d, stmt->relation, "r", DDL_SHARE, false, &old, err);
    if (rc)
        return rc;
    if (stmt->name && ddl_name_taken(d, old->namespace_oid, stmt->name)) {
        if (!stmt->if_not_exists)
            return err_set(err, ERR_DUPLICATE_TABLE, "relation \"%s\" already exists", stmt->name);
        session_notice(d->s, "NOTICE", ERR_DUPLICATE_TABLE, "relation \"%s\" already exists, skipping", stmt->name);
        return 0;
    }
    struct cat_object *table = cat_object_copy(old);
    struct cat_index *x = NULL;
    rc = shape_index(d, table, stmt, &x, err);
    if (!rc) {
        x->name = arena_strdup(table->arena, stmt->name ? stmt->name : choose_index_name(d, table, x));
        rc = ddl_create_index_storage(d, table, x, err);
    }
    if (!rc)
        rc = ddl_fill_index(d, table, x, err);
    if (rc) {
        cat_object_unref(table);
        return rc;
    }
    return ddl_put(d, old, table, err);
}
