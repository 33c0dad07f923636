#include <string.h>

#include "parser/ast_print_int.h"

/* ---- target lists ---- */

void print_targets(struct printer *p, const struct ast_list *targets)
{
    for (uint32_t i = 0; i < ast_count(targets); i++) {
        const struct ast_res_target *t = ast_to(res_target, targets->items[i]);
        print_text(p, i ? ", " : "");
        print_child(p, t->val);
        if (t->name) {
            print_text(p, " AS ");
            print_name(p, t->name);
        }
    }
}

static void print_set_target(struct printer *p, const struct ast_res_target *t)
{
    print_name(p, t->name);
    print_indirection(p, t->indirection);
}

void print_insert_columns(struct printer *p, const struct ast_list *targets)
{
    if (!targets)
        return;
    for (uint32_t i = 0; i < targets->count; i++) {
        print_text(p, i ? ", " : " (");
        print_set_target(p, ast_to(res_target, targets->items[i]));
    }
    print_text(p, ")");
}

void print_assignments(struct printer *p, const struct ast_list *targets)
{
    for (uint32_t i = 0; i < ast_count(targets); i++) {
        print_text(p, i ? ", " : "");
        if (ast_is(res_target, targets->items[i])) {
            const struct ast_res_target *t = ast_to(res_target, targets->items[i]);
            print_set_target(p, t);
            print_clause(p, " = ", t->val);
            continue;
        }
        const struct ast_multi_assign *m = ast_to(multi_assign, targets->items[i]);
        for (uint32_t k = 0; k < m->targets->count; k++) {
            print_text(p, k ? ", " : "(");
            print_set_target(p, ast_to(res_target, m->targets->items[k]));
        }
        print_clause(p, ") = ", m->source);
    }
}

/* ---- FROM ---- */

static void print_alias(struct printer *p, const void *node)
{
    const struct ast_alias *a = node;
    print_name(p, a->name);
    if (a->columns) {
        print_text(p, "(");
        print_strings(p, a->columns);
        print_text(p, ")");
    }
}

static void print_range_var(struct printer *p, const void *node)
{
    const struct ast_range_var *r = node;
    if (r->only)
        print_text(p, "ONLY ");
    if (r->catalog) {
        print_name(p, r->catalog);
        print_text(p, ".");
    }
    if (r->schema) {
        print_name(p, r->schema);
        print_text(p, ".");
    }
    print_name(p, r->name);
    print_clause(p, " AS ", r->alias);
}

static void print_range_subselect(struct printer *p, const void *node)
{
    const struct ast_range_subselect *r = node;
    print_text(p, r->lateral ? "LATERAL (" : "(");
    print_child(p, r->query);
    print_text(p, ")");
    print_clause(p, " AS ", r->alias);
}

static void print_function_columns(struct printer *p, const struct ast_list *columns)
{
    if (!columns)
        return;
    print_text(p, "(");
    print_list(p, columns, ", ");
    print_text(p, ")");
}

static void print_range_function(struct printer *p, const void *node)
{
    const struct ast_range_function *r = node;
    if (r->lateral)
        print_text(p, "LATERAL ");
    if (r->is_rows_from)
        print_text(p, "ROWS FROM (");
    print_list(p, r->functions, ", ");
    if (r->is_rows_from)
        print_text(p, ")");
    if (r->ordinality)
        print_text(p, " WITH ORDINALITY");
    if (r->alias || r->column_defs)
        print_text(p, " AS ");
    print_child(p, r->alias);
    print_function_columns(p, r->column_defs);
}

static void print_range_function_item(struct printer *p, const void *node)
{
    const struct ast_range_function_item *r = node;
    if (ast_is(type_cast, r->func)) { /* FROM takes a cast in this spelling only */
        print_clause(p, "CAST(", ast_to(type_cast, r->func)->arg);
        print_clause(p, " AS ", ast_to(type_cast, r->func)->type);
        print_text(p, ")");
    } else {
        print_child(p, r->func);
    }
    if (r->column_defs)
        print_text(p, " AS ");
    print_function_columns(p, r->column_defs);
}

static void print_range_table_sample(struct printer *p, const void *node)
{
    const struct ast_range_table_sample *r = node;
    print_child(p, r->relation);
    print_text(p, " TABLESAMPLE ");
    print_dotted(p, r->method);
    print_text(p, "(");
    print_list(p, r->args, ", ");
    print_text(p, ")");
    if (r->repeatable) {
        print_clause(p, " REPEATABLE (", r->repeatable);
        print_text(p, ")");
    }
}

static void print_join_expr(struct printer *p, const void *node)
{
    static const char *const words[] = {"JOIN ", "LEFT JOIN ", "RIGHT JOIN ", "FULL JOIN "};
    const struct ast_join_expr *j = node;
    bool cross = j->kind == AST_JOIN_INNER && !j->natural && !j->on && !j->using_columns;
    bool bracket = ast_is(join_expr, j->right) && !ast_to(join_expr, j->right)->alias;
    print_text(p, j->alias ? "(" : "");
    print_child(p, j->left);
    print_text(p, j->natural ? " NATURAL " : cross ? " CROSS " : " ");
    print_text(p, words[j->kind]);
    print_text(p, bracket ? "(" : "");
    print_child(p, j->right);
    print_text(p, bracket ? ")" : "");
    print_clause(p, " ON ", j->on);
    if (j->using_columns) {
        print_text(p, " USING (");
        print_strings(p, j->using_columns);
        print_text(p, ")");
        print_clause(p, " AS ", j->using_alias);
    }
    if (j->alias)
        print_clause(p, ") AS ", j->alias);
}

/* ---- clauses ---- */

static void print_sort_by(struct printer *p, const void *node)
{
    const struct ast_sort_by *s = node;
    print_child(p, s->expr);
    if (s->dir == AST_SORT_USING) {
        print_text(p, " USING ");
        print_operator(p, s->using_op);
    } else if (s->dir != AST_SORT_DEFAULT) {
        print_text(p, s->dir == AST_SORT_ASC ? " ASC" : " DESC");
    }
    if (s->nulls != AST_NULLS_DEFAULT)
        print_text(p, s->nulls == AST_NULLS_FIRST ? " NULLS FIRST" : " NULLS LAST");
}

static void print_bound(struct printer *p, enum ast_frame_bound bound,
                        const struct ast_node *offset)
{
    static const char *const words[] = {"UNBOUNDED PRECEDING", " PRECEDING", "CURRENT ROW",
                                        " FOLLOWING", "UNBOUNDED FOLLOWING"};
    if (offset)
        print_operand(p, offset);
    print_text(p, words[bound]);
}

static void print_frame(struct printer *p, const struct ast_window_def *w, bool more)
{
    static const char *const kinds[] = {"", "RANGE ", "ROWS ", "GROUPS "};
    static const char *const excludes[] = {"", " EXCLUDE CURRENT ROW", " EXCLUDE GROUP",
                                           " EXCLUDE TIES"};
    if (w->frame == AST_FRAME_DEFAULT)
        return;
    print_text(p, more ? " " : "");
    print_text(p, kinds[w->frame]);
    print_text(p, "BETWEEN ");
    print_bound(p, w->start_bound, w->start_offset);
    print_text(p, " AND ");
    print_bound(p, w->end_bound, w->end_offset);
    print_text(p, excludes[w->exclude]);
}

/* The specification in its brackets; names are printed where it is used. */
static void print_window_def(struct printer *p, const void *node)
{
    const struct ast_window_def *w = node;
    bool more = false;
    print_text(p, "(");
    if (w->base) {
        print_name(p, w->base);
        more = true;
    }
    if (w->partition_by) {
        print_text(p, more ? " PARTITION BY " : "PARTITION BY ");
        print_list(p, w->partition_by, ", ");
        more = true;
    }
    if (w->order_by) {
        print_text(p, more ? " ORDER BY " : "ORDER BY ");
        print_list(p, w->order_by, ", ");
        more = true;
    }
    print_frame(p, w, more);
    print_text(p, ")");
}

static void print_grouping_set(struct printer *p, const void *node)
{
    static const char *const words[] = {"(", "ROLLUP (", "CUBE (", "GROUPING SETS ("};
    const struct ast_grouping_set *g = node;
    print_text(p, words[g->kind]);
    print_list(p, g->content, ", ");
    print_text(p, ")");
}

static void print_locking_clause(struct printer *p, const void *node)
{
    static const char *const strengths[] = {"FOR KEY SHARE", "FOR SHARE", "FOR NO KEY UPDATE",
                                            "FOR UPDATE"};
    static const char *const waits[] = {"", " SKIP LOCKED", " NOWAIT"};
    const struct ast_locking_clause *l = node;
    print_text(p, strengths[l->strength]);
    if (l->relations) {
        print_text(p, " OF ");
        print_list(p, l->relations, ", ");
    }
    print_text(p, waits[l->wait]);
}

static void print_with_clause(struct printer *p, const void *node)
{
    const struct ast_with_clause *w = node;
    print_text(p, w->recursive ? "WITH RECURSIVE " : "WITH ");
    print_list(p, w->ctes, ", ");
}

static void print_cte_search(struct printer *p, const void *node)
{
    const struct ast_cte_search *s = node;
    print_text(p, s->breadth_first ? "SEARCH BREADTH FIRST BY " : "SEARCH DEPTH FIRST BY ");
    print_strings(p, s->columns);
    print_text(p, " SET ");
    print_name(p, s->sequence_column);
}

static void print_cte_cycle(struct printer *p, const void *node)
{
    const struct ast_cte_cycle *c = node;
    print_text(p, "CYCLE ");
    print_strings(p, c->columns);
    print_text(p, " SET ");
    print_name(p, c->mark_column);
    if (c->mark_value) {
        const struct ast_node *values[] = {c->mark_value, c->mark_default};
        for (int i = 0; i < 2; i++) {
            const struct ast_type_cast *cast = ast_to(type_cast, values[i]);
            print_text(p, i ? " DEFAULT " : " TO ");
            if (ast_is(type_cast, values[i])) /* a typed literal: `::` is not allowed here */
                print_clause(p, "", cast->type);
            print_clause(p, " ", ast_is(type_cast, values[i]) ? cast->arg : values[i]);
        }
    }
    print_text(p, " USING ");
    print_name(p, c->path_column);
}

static void print_common_table_expr(struct printer *p, const void *node)
{
    static const char *const words[] = {" AS (", " AS MATERIALIZED (", " AS NOT MATERIALIZED ("};
    const struct ast_common_table_expr *c = node;
    print_name(p, c->name);
    print_columns(p, c->columns);
    print_text(p, words[c->materialize]);
    print_child(p, c->query);
    print_text(p, ")");
    print_clause(p, " ", c->search);
    print_clause(p, " ", c->cycle);
}

/* ---- SELECT ---- */

static bool is_simple_arm(const struct ast_select_stmt *s)
{
    return !s->setop && !s->with && !s->order_by && !s->limit && !s->offset && !s->locking;
}

static void print_arms(struct printer *p, const struct ast_select_stmt *s)
{
    static const char *const words[] = {"", " UNION ", " INTERSECT ", " EXCEPT "};
    for (uint32_t i = 0; i < s->arms->count; i++) {
        bool simple = is_simple_arm(ast_to(select_stmt, s->arms->items[i]));
        if (i) {
            print_text(p, words[s->setop]);
            print_text(p, s->all ? "ALL " : "");
        }
        print_text(p, simple ? "" : "(");
        print_child(p, s->arms->items[i]);
        print_text(p, simple ? "" : ")");
    }
}

static void print_windows(struct printer *p, const struct ast_list *windows)
{
    for (uint32_t i = 0; i < ast_count(windows); i++) {
        print_text(p, i ? ", " : " WINDOW ");
        print_name(p, ast_to(window_def, windows->items[i])->name);
        print_clause(p, " AS ", windows->items[i]);
    }
}

static void print_into(struct printer *p, const struct ast_into_clause *into)
{
    static const char *const words[] = {" INTO TABLE ", " INTO TEMPORARY TABLE ",
                                        " INTO UNLOGGED TABLE "};
    if (!into)
        return;
    print_text(p, words[into->relation->persistence]);
    print_child(p, into->relation);
}

static void print_select_core(struct printer *p, const struct ast_select_stmt *s)
{
    print_text(p, "SELECT");
    if (s->distinct)
        print_text(p, " DISTINCT");
    if (s->distinct_on) {
        print_text(p, " ON (");
        print_list(p, s->distinct_on, ", ");
        print_text(p, ")");
    }
    if (s->targets)
        print_text(p, " ");
    print_targets(p, s->targets);
    print_into(p, s->into);
    if (s->from) {
        print_text(p, " FROM ");
        print_list(p, s->from, ", ");
    }
    print_clause(p, " WHERE ", s->where);
    if (s->group_by) {
        print_text(p, s->group_distinct ? " GROUP BY DISTINCT " : " GROUP BY ");
        print_list(p, s->group_by, ", ");
    }
    print_clause(p, " HAVING ", s->having);
    print_windows(p, s->windows);
}

static void print_limits(struct printer *p, const struct ast_select_stmt *s)
{
    print_clause(p, " OFFSET ", s->offset);
    if (!s->limit)
        return;
    if (s->with_ties) {
        print_text(p, " FETCH FIRST ");
        print_operand(p, s->limit);
        print_text(p, " ROWS WITH TIES");
        return;
    }
    print_clause(p, " LIMIT ", s->limit);
}

static void print_select_stmt(struct printer *p, const void *node)
{
    const struct ast_select_stmt *s = node;
    if (s->with) {
        print_child(p, s->with);
        print_text(p, " ");
    }
    if (s->setop) {
        print_arms(p, s);
    } else if (s->values) {
        print_text(p, "VALUES ");
        print_list(p, s->values, ", ");
    } else {
        print_select_core(p, s);
    }
    if (s->order_by) {
        print_text(p, " ORDER BY ");
        print_list(p, s->order_by, ", ");
    }
    print_limits(p, s);
    for (uint32_t i = 0; i < ast_count(s->locking); i++)
        print_clause(p, " ", s->locking->items[i]);
}

/* ---- INSERT, UPDATE, DELETE, MERGE ---- */

static void print_with(struct printer *p, const struct ast_with_clause *with)
{
    if (!with)
        return;
    print_child(p, with);
    print_text(p, " ");
}

static void print_returning(struct printer *p, const struct ast_list *returning)
{
    if (!returning)
        return;
    print_text(p, " RETURNING ");
    print_targets(p, returning);
}

static void print_overriding(struct printer *p, enum ast_overriding overriding)
{
    static const char *const words[] = {"", " OVERRIDING USER VALUE", " OVERRIDING SYSTEM VALUE"};
    print_text(p, words[overriding]);
}

static void print_on_conflict(struct printer *p, const void *node)
{
    const struct ast_on_conflict *c = node;
    print_text(p, " ON CONFLICT");
    if (c->index_elems) {
        print_text(p, " (");
        print_list(p, c->index_elems, ", ");
        print_text(p, ")");
        print_clause(p, " WHERE ", c->index_where);
    }
    if (c->constraint) {
        print_text(p, " ON CONSTRAINT ");
        print_name(p, c->constraint);
    }
    print_text(p, c->action == AST_CONFLICT_NOTHING ? " DO NOTHING" : " DO UPDATE SET ");
    print_assignments(p, c->targets);
    print_clause(p, " WHERE ", c->where);
}

static void print_insert_stmt(struct printer *p, const void *node)
{
    const struct ast_insert_stmt *s = node;
    print_with(p, s->with);
    print_clause(p, "INSERT INTO ", s->relation);
    print_insert_columns(p, s->columns);
    print_overriding(p, s->overriding);
    print_text(p, s->query ? " " : " DEFAULT VALUES");
    print_child(p, s->query);
    print_child(p, s->on_conflict);
    print_returning(p, s->returning);
}

static void print_update_stmt(struct printer *p, const void *node)
{
    const struct ast_update_stmt *s = node;
    print_with(p, s->with);
    print_clause(p, "UPDATE ", s->relation);
    print_text(p, " SET ");
    print_assignments(p, s->targets);
    if (s->from) {
        print_text(p, " FROM ");
        print_list(p, s->from, ", ");
    }
    print_clause(p, " WHERE ", s->where);
    print_returning(p, s->returning);
}

static void print_delete_stmt(struct printer *p, const void *node)
{
    const struct ast_delete_stmt *s = node;
    print_with(p, s->with);
    print_clause(p, "DELETE FROM ", s->relation);
    if (s->using_items) {
        print_text(p, " USING ");
        print_list(p, s->using_items, ", ");
    }
    print_clause(p, " WHERE ", s->where);
    print_returning(p, s->returning);
}

static void print_merge_when(struct printer *p, const void *node)
{
    const struct ast_merge_when *w = node;
    print_text(p, w->matched ? " WHEN MATCHED" : " WHEN NOT MATCHED");
    print_clause(p, " AND ", w->condition);
    static const char *const words[] = {" THEN DO NOTHING", " THEN UPDATE SET ", " THEN DELETE",
                                        " THEN INSERT"};
    print_text(p, words[w->action]);
    if (w->action == AST_MERGE_UPDATE)
        print_assignments(p, w->targets);
    if (w->action != AST_MERGE_INSERT)
        return;
    print_insert_columns(p, w->targets);
    print_overriding(p, w->overriding);
    print_text(p, w->values ? " VALUES (" : " DEFAULT VALUES");
    print_list(p, w->values, ", ");
    print_text(p, w->values ? ")" : "");
}

static void print_merge_stmt(struct printer *p, const void *node)
{
    const struct ast_merge_stmt *s = node;
    print_with(p, s->with);
    print_clause(p, "MERGE INTO ", s->relation);
    print_clause(p, " USING ", s->source);
    print_clause(p, " ON ", s->on);
    print_list(p, s->whens, "");
}

print_fn *print_query_fn(enum ast_tag tag)
{
    static print_fn *const printers[AST_TAG_COUNT] = {
        [AST_alias] = print_alias,
        [AST_range_var] = print_range_var,
        [AST_range_subselect] = print_range_subselect,
        [AST_range_function] = print_range_function,
        [AST_range_function_item] = print_range_function_item,
        [AST_range_table_sample] = print_range_table_sample,
        [AST_join_expr] = print_join_expr,
        [AST_sort_by] = print_sort_by,
        [AST_window_def] = print_window_def,
        [AST_grouping_set] = print_grouping_set,
        [AST_locking_clause] = print_locking_clause,
        [AST_with_clause] = print_with_clause,
        [AST_cte_search] = print_cte_search,
        [AST_cte_cycle] = print_cte_cycle,
        [AST_common_table_expr] = print_common_table_expr,
        [AST_select_stmt] = print_select_stmt,
        [AST_on_conflict] = print_on_conflict,
        [AST_insert_stmt] = print_insert_stmt,
        [AST_update_stmt] = print_update_stmt,
        [AST_delete_stmt] = print_delete_stmt,
        [AST_merge_when] = print_merge_when,
        [AST_merge_stmt] = print_merge_stmt,
    };
    return printers[tag];
}
