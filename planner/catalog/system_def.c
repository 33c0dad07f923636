#include "planner/catalog/system_def.h"

#include <ctype.h>
#include <string.h>

#include "parser/ast_print.h"
#include "parser/parser.h"
#include "planner/planner.h"

void system_def_name(struct buf *out, const char *name)
{
    struct arena arena;
    arena_init(&arena, NULL);
    buf_put_text(out, ast_print_name(&arena, name));
    arena_done(&arena);
}

void system_def_relation(const struct catalog_view *view, const struct cat_object *obj, bool qualify, struct buf *out)
{
    if (qualify || catalog_view_relation(view, NULL, obj->name) != obj) {
        const char *schema = catalog_view_namespace_name(view, obj->namespace_oid);
        system_def_name(out, schema ? schema : "?");
        buf_put_text(out, ".");
    }
    system_def_name(out, obj->name);
}

static bool is_operator(const struct ast_node *tree)
{
    switch (ast_tag_of(tree)) {
    case AST_a_expr:
    case AST_bool_expr:
    case AST_null_test:
    case AST_boolean_test:
        return true;
    default:
        return false;
    }
}

static int print_expr(const struct catalog_view *view, const char *bound, uint32_t table_oid, struct buf *out, bool *plain_call,
                      struct err *err)
{
    struct arena arena;
    arena_init(&arena, NULL);
    const char *sql;
    struct ast_node *tree;
    int rc = bound_to_sql(view, bound, table_oid, false, &arena, &sql, err);
    if (!rc)
        rc = parse_expression(sql, strlen(sql), &arena, &tree, err);
    if (!rc) {
        bool brackets = is_operator(tree);
        *plain_call = ast_is(func_call, tree);
        buf_put_text(out, brackets ? "(" : "");
        buf_put_text(out, sql);
        buf_put_text(out, brackets ? ")" : "");
    }
    arena_done(&arena);
    return rc;
}

int system_def_expr(const struct catalog_view *view, const char *bound, uint32_t table_oid, struct buf *out, struct err *err)
{
    bool plain_call;
    return print_expr(view, bound, table_oid, out, &plain_call, err);
}

static void put_column(const struct cat_object *table, int32_t attnum, struct buf *out)
{
    const struct cat_column *c = cat_column_at(table->relation, attnum);
    system_def_name(out, c ? c->name : "?");
}

static void put_columns(const struct cat_object *table, const int32_t *attnums, uint32_t n, struct buf *out)
{
    for (uint32_t i = 0; i < n; i++) {
        buf_put_text(out, i ? ", " : "");
        put_column(table, attnums[i], out);
    }
}

static int put_key(const struct catalog_view *view, const struct cat_object *table, const struct cat_key_part *key, bool options,
                   struct buf *out, struct err *err)
{
    if (key->attnum) {
        put_column(table, key->attnum, out);
    } else {
        struct buf text = {0};
        bool plain_call;
        int rc = print_expr(view, key->expr, table->oid, &text, &plain_call, err);
        if (rc) {
            buf_done(&text);
            return rc;
        }
        buf_put_text(out, plain_call ? "" : "(");
        buf_put(out, text.data, text.len);
        buf_put_text(out, plain_call ? "" : ")");
        buf_done(&text);
    }
    if (options && key->desc)
        buf_put_text(out, key->nulls_first ? " DESC" : " DESC NULLS LAST");
    else if (options && key->nulls_first)
        buf_put_text(out, " NULLS FIRST");
    return 0;
}

static int put_index_column(const struct catalog_view *view, const struct cat_object *table, const struct cat_index *index,
                            uint32_t at, struct buf *out, struct err *err)
{
    if (at < index->n_keys)
        return put_key(view, table, &index->keys[at], false, out, err);
    if (at < index->n_keys + index->n_include)
        put_column(table, index->include[at - index->n_keys], out);
    return 0;
}

int system_def_index(const struct catalog_view *view, const struct cat_object *table, const struct cat_index *index,
                     int32_t column, bool qualify, struct buf *out, struct err *err)
{
    if (column > 0)
        return put_index_column(view, table, index, (uint32_t)column - 1, out, err);
    buf_printf(out, "CREATE %sINDEX ", index->unique ? "UNIQUE " : "");
    system_def_name(out, index->name);
    buf_put_text(out, " ON ");
    system_def_relation(view, table, qualify, out);
    buf_put_text(out, " USING btree (");
    for (uint32_t i = 0; i < index->n_keys; i++) {
        buf_put_text(out, i ? ", " : "");
        int rc = put_key(view, table, &index->keys[i], true, out, err);
        if (rc)
            return rc;
    }
    buf_put_text(out, ")");
    if (index->n_include) {
        buf_put_text(out, " INCLUDE (");
        put_columns(table, index->include, index->n_include, out);
        buf_put_text(out, ")");
    }
    if (index->nulls_not_distinct)
        buf_put_text(out, " NULLS NOT DISTINCT");
    if (!index->predicate)
        return 0;
    buf_put_text(out, " WHERE ");
    return system_def_expr(view, index->predicate, table->oid, out, err);
}

static const char *action_of(char code)
{
    switch (code) {
    case 'r':
        return "RESTRICT";
    case 'c':
        return "CASCADE";
    case 'n':
        return "SET NULL";
    case 'd':
        return "SET DEFAULT";
    default:
        return NULL;
    }
}

static void put_foreign_key(const struct catalog_view *view, const struct cat_object *table, const struct cat_constraint *c,
                            struct buf *out)
{
    const struct cat_object *parent = catalog_view_object(view, c->ref_table);
    buf_put_text(out, "FOREIGN KEY (");
    put_columns(table, c->columns, c->n_columns, out);
    buf_put_text(out, ") REFERENCES ");
    if (parent) {
        system_def_relation(view, parent, false, out);
        buf_put_text(out, "(");
        put_columns(parent, c->ref_columns, c->n_ref_columns, out);
        buf_put_text(out, ")");
    }
    if (c->match == 'f')
        buf_put_text(out, " MATCH FULL");
    if (action_of(c->on_update))
        buf_printf(out, " ON UPDATE %s", action_of(c->on_update));
    if (action_of(c->on_delete))
        buf_printf(out, " ON DELETE %s", action_of(c->on_delete));
}

static const struct cat_index *index_of(const struct cat_object *table, uint32_t oid)
{
    for (uint32_t i = 0; i < table->relation->n_indexes; i++)
        if (table->relation->indexes[i].oid == oid)
            return &table->relation->indexes[i];
    return NULL;
}

int system_def_constraint(const struct catalog_view *view, const struct cat_object *table, const struct cat_constraint *c,
                          struct buf *out, struct err *err)
{
    const struct cat_index *index = c->index_oid ? index_of(table, c->index_oid) : NULL;
    if (c->kind == 'p' || c->kind == 'u') {
        buf_put_text(out, c->kind == 'p' ? "PRIMARY KEY (" : "UNIQUE ");
        if (c->kind == 'u')
            buf_put_text(out, index && index->nulls_not_distinct ? "NULLS NOT DISTINCT (" : "(");
        put_columns(table, c->columns, c->n_columns, out);
        buf_put_text(out, ")");
        if (index && index->n_include) {
            buf_put_text(out, " INCLUDE (");
            put_columns(table, index->include, index->n_include, out);
            buf_put_text(out, ")");
        }
    } else if (c->kind == 'f') {
        put_foreign_key(view, table, c, out);
    } else if (c->kind == 'c') {
        buf_put_text(out, "CHECK (");
        int rc = system_def_expr(view, c->check_expr, table->oid, out, err);
        if (rc)
            return rc;
        buf_put_text(out, ")");
    }
    if (c->deferrable)
        buf_put_text(out, " DEFERRABLE");
    if (!c->validated && (c->kind == 'f' || c->kind == 'c'))
        buf_put_text(out, " NOT VALID");
    return 0;
}

int system_def_view(const struct catalog_view *view, const struct cat_object *obj, struct buf *out, struct err *err)
{
    struct arena arena;
    arena_init(&arena, NULL);
    const char *sql;
    int rc = bound_to_sql(view, obj->relation->view_query, 0, true, &arena, &sql, err);
    if (!rc)
        buf_printf(out, " %s;", sql);
    arena_done(&arena);
    return rc;
}

void system_def_index_column(const struct cat_object *table, const struct cat_index *index, uint32_t at, struct buf *out)
{
    int32_t attnum = at < index->n_keys ? index->keys[at].attnum : index->include[at - index->n_keys];
    if (attnum) {
        const struct cat_column *c = cat_column_at(table->relation, attnum);
        buf_put_text(out, c ? c->name : "?");
        return;
    }
    const char *e = index->keys[at].expr;
    size_t n = 0;
    while (isalnum((unsigned char)e[n]) || e[n] == '_')
        n++;
    if (n && e[n] == '(')
        buf_put(out, e, n);
    else
        buf_put_text(out, "expr");
}
