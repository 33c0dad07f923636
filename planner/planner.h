/* planner.h: from syntax tree to plan.
 *
 *   bind (names, types, coercions) -> rewrite (pull-up, unnesting, pushdown) -> opt (access paths, join order, operators) -> emit (plan.h)
 *
 * plan_statement is a pure function of the syntax tree, the catalog view, parameter types and settings: it waits for nothing. Row counts come
 * from the caller's callback. Everything it allocates is in the arena given; the plan it returns lies there too.
 *
 * Parameters: types given (non-zero) are taken; zeros are inferred from use as PostgreSQL does, and given back in the plan's header.
 */
#ifndef CAIRN_PLANNER_PLANNER_H
#define CAIRN_PLANNER_PLANNER_H

#include "parser/ast.h"
#include "planner/catalog/catalog.h"
#include "planner/plan.h"
#include "types/expr/tree.h"
#include "types/type/type.h"

struct planner_options {
    const struct catalog_view *view;
    const struct type_env *env; /* literals are read by it; a plan is only good for equal settings */
    const char *text;           /* the query string, for error positions */
    size_t text_len;
    uint32_t n_param_types;
    const uint32_t *param_types; /* 0 = infer */
    bool params_extend;         /* more parameters than n_param_types may occur and be inferred (Parse message) */
    bool explain;               /* fill titles and details */
    bool unnest;                /* setting */
    bool remote;                /* the cluster has other nodes: place EXCHANGEs */
    /* Estimated rows and bytes of a storage. */
    void (*size_est)(void *ctx, const struct kv_schema *schema, uint64_t *rows, uint64_t *bytes);
    void *ctx;
    const char *role_name, *database_name, *session_role_name;
};

/* SELECT, INSERT, UPDATE, DELETE, VALUES, WITH. Anything else is the caller's. */
int plan_statement(const struct ast_node *stmt, const struct planner_options *options, struct arena *arena,
                   struct plan *out, struct err *err) MUST_CHECK;

/* The plan that inserts rows given from outside (COPY FROM): a PLAN_INSERT whose child is a VALUES of n_columns parameters-like source columns:
 * full rows are made of `columns` (names; NULL = all) with defaults for the others. The root's child is PLAN_OP_SOURCE. */
int plan_copy_from(const struct cat_object *table, const struct ast_list *columns, const struct ast_node *where,
                   const struct planner_options *options, struct arena *arena, struct plan *out,
                   struct err *err) MUST_CHECK;

/* Binding of stored pieces, for DDL (server/sql). */

/* A type name of the grammar. */
int bind_type_name(const struct planner_options *options, const struct ast_type_name *name, struct arena *arena,
                   uint32_t *type, int32_t *typmod, struct err *err) MUST_CHECK;
/* DEFAULT expression: no columns, coerced by assignment to the column's type; *bound is its bound text. what: "DEFAULT". */
int bind_default(const struct planner_options *options, const struct ast_node *expr, const struct cat_column *column,
                 struct arena *arena, const char **bound, struct expr **tree, struct err *err) MUST_CHECK;
/* CHECK, index expression, predicate, generated column over one table. type: required (0 = any). */
int bind_table_expr(const struct planner_options *options, const struct ast_node *expr, const struct cat_object *table,
                    uint32_t type, const char *what, struct arena *arena, const char **bound, struct expr **tree,
                    struct err *err) MUST_CHECK;
/* A view's query: its columns, the relations it reads, its bound text. */
int bind_view_query(const struct planner_options *options, const struct ast_node *query, struct arena *arena,
                    const char **bound, struct cat_column **columns, uint32_t *n_columns, uint32_t **depends,
                    uint32_t *n_depends, struct err *err) MUST_CHECK;
/* Bound text back to SQL with today's names (pg_get_expr, pg_get_viewdef). table: whose columns; 0 = none. */
int bound_to_sql(const struct catalog_view *view, const char *bound, uint32_t table_oid, bool is_query,
                 struct arena *arena, const char **sql, struct err *err) MUST_CHECK;

/* EXPLAIN's lines. actual: per operator id, NULL = estimates only. */
struct plan_actual {
    uint64_t rows, loops, batches;
    uint64_t time_ns;
    uint64_t memory_bytes;
    uint64_t network_bytes;
    uint64_t blocks_read, blocks_pruned, values_decoded, columns_decoded, tablets, remote_requests;
    bool executed;
};
void plan_explain(const struct plan *plan, const struct plan_actual *actual, bool costs, bool timing, struct buf *out);

#endif
