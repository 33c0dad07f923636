/* build_int.h: what the grammar's actions call to make nodes, and the state they share.
 *
 * Invariants
 * 1. A node is made when its production is reduced: all its children exist, and ps->prev_end is its
 *    end.
 * 2. build_error keeps the first error only; the driver stops feeding tokens once one is set.
 * 3. A list or node belongs to one production's result at a time, so extending it in place is safe
 *    until parse_sql returns. */
#ifndef CAIRN_PARSER_BUILD_INT_H
#define CAIRN_PARSER_BUILD_INT_H

#include <stdio.h>

#include "parser/filter_int.h"
#include "parser/parser.h"

struct parse_state {
    struct arena *arena;
    struct err *err;
    const char *text;
    uint32_t len;
    uint32_t prev_start; /* of the last token shifted */
    uint32_t prev_end;
    uint32_t statement_start;
    struct parse_token
        look; /* the token after the production: what PostgreSQL blames for a bad name */
    bool failed;
    struct ast_node *root; /* of parse_expression and parse_type_name */
    struct parse_statement *statements;
    uint32_t statement_count;
    uint32_t statement_capacity;
};

/* What non-terminals carry that are neither tokens nor nodes. */
struct select_limit {
    struct ast_node *count;
    struct ast_node *offset;
    bool with_ties;
};
struct group_clause {
    struct ast_list *items;
    bool distinct;
};
struct join_qual {
    struct ast_list *using_columns;
    struct ast_alias *using_alias;
    struct ast_node *on;
};
struct func_alias {
    struct ast_alias *alias;
    struct ast_list *column_defs;
};
struct frame_bound {
    uint32_t start;
    enum ast_frame_bound kind;
    struct ast_node *offset;
};
struct window_frame {
    enum ast_frame_kind frame;
    enum ast_frame_bound start_bound;
    enum ast_frame_bound end_bound;
    enum ast_frame_exclude exclude;
    struct ast_node *start_offset;
    struct ast_node *end_offset;
};
struct key_actions {
    int on_update;
    int on_delete;
    struct ast_list *columns;
};
struct privilege_target {
    enum ast_grant_target target;
    int kind;
    struct ast_list *objects;
};

enum cursor_flag {
    CURSOR_BINARY = 1,
    CURSOR_SCROLL = 2,
    CURSOR_NO_SCROLL = 4,
    CURSOR_INSENSITIVE = 8,
    CURSOR_ASENSITIVE = 16,
    CURSOR_HOLD = 32
};
enum constraint_attr {
    CAS_NOT_DEFERRABLE = 1,
    CAS_DEFERRABLE = 2,
    CAS_INITIALLY_IMMEDIATE = 4,
    CAS_INITIALLY_DEFERRED = 8,
    CAS_NOT_VALID = 16,
    CAS_NO_INHERIT = 32,
    CAS_DEFER = 15 /* the four about when */
};

#define TOKEN_NONE ((struct parse_token){0})

static inline uint32_t start_of_token(struct parse_token token)
{
    return token.start;
}
static inline uint32_t start_of_node(const void *node)
{
    return ((const struct ast_node *)node)->start;
}
#define START(x) _Generic((x), struct parse_token : start_of_token, default : start_of_node)(x)
#define NEW(type, from) ((struct ast_##type *)build_node(ps, AST_##type, START(from)))
#define LIST1(a) ast_list_add(ps->arena, NULL, (a))
#define LIST2(a, b) ADD(LIST1(a), (b))
#define LIST3(a, b, c) ADD(LIST2((a), (b)), (c))
#define ADD(list, node) ast_list_add(ps->arena, (list), (node))
#define STRING(token) build_string(ps, (token).start, (token).end, (token).text)
#define GRANT_ON(kind, objects) ((struct privilege_target){AST_GRANT_OBJECT, (kind), (objects)})
#define GRANT_ON_ALL(kind, objects) \
    ((struct privilege_target){AST_GRANT_ALL_IN_SCHEMA, (kind), (objects)})

/* parser.c: the driver's side of the automaton (grammar.y ends with it). */
int parse_run(struct parse_state *ps, struct filter *filter, int mode);

/* build.c: errors, lists, names, expressions */
void *build_grow_stack(struct parse_state *ps, const void *old, size_t old_bytes, size_t bytes);
void build_syntax_error(struct parse_state *ps, const struct parse_token *token);
void build_too_deep(struct parse_state *ps);
/* `message at or near` the look-ahead token, as PostgreSQL's parser_yyerror. */
void build_look_error(struct parse_state *ps, const char *message);
void build_error(struct parse_state *ps, enum err_code code, uint32_t at, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void build_statement(struct parse_state *ps, struct ast_node *node);
struct ast_node *build_node(struct parse_state *ps, enum ast_tag tag, uint32_t start);
struct ast_node *build_finish(struct parse_state *ps, struct ast_node *node, uint32_t start);
struct ast_list *build_prepend(struct parse_state *ps, struct ast_node *node,
                               struct ast_list *list);
struct ast_list *build_concat(struct parse_state *ps, struct ast_list *a, struct ast_list *b);
struct ast_node *build_string(struct parse_state *ps, uint32_t start, uint32_t end,
                              const char *text);
struct ast_node *build_integer(struct parse_state *ps, uint32_t start, int64_t value);
struct ast_node *build_node_list(struct parse_state *ps, uint32_t start, struct ast_list *items);
struct ast_node *build_name_node(struct parse_state *ps, struct ast_list *name);
struct ast_list *build_names_of_strings(struct parse_state *ps, struct ast_list *strings);
const char *build_last_name(const struct ast_list *name);
struct ast_node *build_last_word(struct parse_state *ps);
struct ast_node *build_int_const(struct parse_state *ps, uint32_t start, int32_t value);
struct ast_node *build_text_const(struct parse_state *ps, enum ast_const_kind kind,
                                  struct parse_token token);
struct ast_node *build_bool_const(struct parse_state *ps, struct parse_token token, bool value);
struct ast_node *build_null_const(struct parse_state *ps, struct parse_token token);
struct ast_node *build_star_ref(struct parse_state *ps, struct parse_token token);
struct ast_node *build_column_ref(struct parse_state *ps, struct parse_token name,
                                  struct ast_list *indirection);
struct ast_node *build_indirection(struct parse_state *ps, uint32_t start, struct ast_node *arg,
                                   struct ast_list *indirection);
struct ast_node *build_indices(struct parse_state *ps, uint32_t start, bool is_slice,
                               struct ast_node *lower, struct ast_node *upper);
struct ast_list *build_func_name(struct parse_state *ps, struct parse_token name,
                                 struct ast_list *indirection);
struct ast_range_var *build_qualified_name(struct parse_state *ps, struct parse_token name,
                                           struct ast_list *indirection);
struct ast_range_var *build_range_var_of_name(struct parse_state *ps, struct ast_list *name);
struct ast_node *build_expr(struct parse_state *ps, enum ast_a_expr_kind kind, const char *name,
                            struct ast_node *left, struct parse_token op, struct ast_list *args);
struct ast_node *build_op(struct parse_state *ps, struct ast_node *left, struct parse_token op,
                          struct ast_node *right);
struct ast_node *build_compare(struct parse_state *ps, struct ast_node *left, struct parse_token op,
                               struct ast_node *right);
struct ast_node *build_named_op(struct parse_state *ps, struct ast_node *left,
                                struct ast_list *name, struct ast_node *right);
struct ast_node *build_prefix_op(struct parse_state *ps, struct parse_token op,
                                 struct ast_node *arg);
struct ast_node *build_named_prefix_op(struct parse_state *ps, struct ast_list *name,
                                       struct ast_node *arg);
struct ast_node *build_negate(struct parse_state *ps, struct parse_token op, struct ast_node *arg);
struct ast_node *build_and_or(struct parse_state *ps, enum ast_bool_kind kind,
                              struct ast_node *left, struct parse_token op, struct ast_node *right);
struct ast_node *build_not(struct parse_state *ps, struct parse_token op, struct ast_node *arg);
struct ast_node *build_match(struct parse_state *ps, enum ast_a_expr_kind kind, const char *name,
                             struct ast_node *value, struct parse_token op,
                             struct ast_node *pattern, struct ast_node *escape);
struct ast_node *build_in(struct parse_state *ps, struct ast_node *left, struct parse_token op,
                          struct ast_node *right, bool negated);
struct ast_node *build_op_any_all(struct parse_state *ps, enum ast_a_expr_kind kind,
                                  struct ast_node *left, struct ast_list *name,
                                  struct ast_node *right);
struct ast_node *build_null_test(struct parse_state *ps, struct ast_node *arg,
                                 struct parse_token op, bool is_not);
struct ast_node *build_bool_test(struct parse_state *ps, struct ast_node *arg,
                                 struct parse_token op, enum ast_bool_test_kind kind);
struct ast_node *build_overlaps(struct parse_state *ps, struct ast_node *left,
                                struct parse_token op, struct ast_node *right);
struct ast_node *build_is_normalized(struct parse_state *ps, struct ast_node *arg,
                                     struct parse_token op, const struct parse_token *form,
                                     bool negated);
struct ast_node *build_cast(struct parse_state *ps, uint32_t start, uint32_t at,
                            struct ast_node *arg, struct ast_type_name *type);
struct ast_node *build_typed_literal(struct parse_state *ps, struct ast_type_name *type,
                                     struct parse_token literal);
struct ast_node *build_sub_link(struct parse_state *ps, uint32_t start, enum ast_sub_link_kind kind,
                                struct ast_node *test, struct ast_list *oper,
                                struct ast_node *query);
struct ast_func_call *build_call(struct parse_state *ps, struct ast_list *name,
                                 struct ast_list *args);
struct ast_node *build_call_clauses(struct parse_state *ps, struct ast_func_call *call,
                                    struct ast_list *within_group, struct ast_node *filter,
                                    struct ast_window_def *over);
struct ast_node *build_sql_call(struct parse_state *ps, uint32_t start, uint32_t at,
                                const char *name, struct ast_list *args);
struct ast_node *build_plain_call(struct parse_state *ps, uint32_t start, const char *name,
                                  struct ast_list *args);
struct ast_list *build_substring_for(struct parse_state *ps, struct ast_node *string,
                                     struct ast_node *length);
struct ast_node *build_sql_value(struct parse_state *ps, struct parse_token token,
                                 enum ast_sql_value_kind kind, int typmod);
struct ast_node *build_row(struct parse_state *ps, uint32_t start, struct ast_list *args,
                           bool is_explicit);
struct ast_node *build_array(struct parse_state *ps, uint32_t start, struct ast_list *elements);
struct ast_node *build_named_arg(struct parse_state *ps, struct parse_token name,
                                 struct ast_node *arg);
struct ast_node *build_unsupported(struct parse_state *ps, struct parse_token token,
                                   const char *name, struct ast_list *args);
struct ast_node *build_unsupported_on(struct parse_state *ps, struct ast_node *arg,
                                      const char *name);
struct ast_node *build_unsupported_table(struct parse_state *ps, struct ast_node *expr,
                                         struct ast_alias *alias, bool lateral);
struct ast_node *build_unsupported_stmt(struct parse_state *ps, uint32_t start, const char *name);
struct ast_type_name *build_system_type(struct parse_state *ps, uint32_t start, const char *name,
                                        struct ast_list *typmods);
struct ast_type_name *build_float_type(struct parse_state *ps, uint32_t start,
                                       struct parse_token precision);
struct ast_list *build_interval_typmods(struct parse_state *ps, int mask,
                                        const struct parse_token *precision);
struct ast_type_name *build_type_of_name(struct parse_state *ps, struct ast_list *name,
                                         struct ast_list *typmods);
struct ast_type_name *build_type_of_call(struct parse_state *ps, struct ast_list *name,
                                         struct ast_list *args, struct ast_list *order_by);

/* build_query.c: queries */
struct ast_select_stmt *build_select(struct parse_state *ps, uint32_t start,
                                     struct ast_list *targets, struct ast_into_clause *into,
                                     struct ast_list *from, struct ast_node *where,
                                     const struct group_clause *group, struct ast_node *having,
                                     struct ast_list *windows);
struct ast_select_stmt *build_select_options(struct parse_state *ps, struct ast_select_stmt *select,
                                             struct ast_list *order_by, struct ast_list *locking,
                                             const struct select_limit *limit,
                                             struct ast_with_clause *with);
struct ast_select_stmt *build_table_select(struct parse_state *ps, uint32_t start,
                                           struct ast_range_var *relation);
struct ast_select_stmt *build_setop(struct parse_state *ps, enum ast_set_op op, int all,
                                    struct ast_select_stmt *left, uint32_t at,
                                    struct ast_select_stmt *right);
struct ast_node *build_res_target(struct parse_state *ps, uint32_t start, const char *name,
                                  struct ast_node *val);
struct ast_node *build_grouping_set(struct parse_state *ps, uint32_t start,
                                    enum ast_grouping_kind kind, struct ast_list *content);
struct ast_node *build_subselect(struct parse_state *ps, struct ast_select_stmt *query,
                                 struct ast_alias *alias, bool lateral, uint32_t start);
struct ast_node *build_function_item(struct parse_state *ps, struct ast_node *func,
                                     struct ast_list *column_defs);
struct ast_node *build_function_alias(struct parse_state *ps, struct ast_range_function *function,
                                      const struct func_alias *alias, bool lateral, uint32_t start);
struct ast_join_expr *build_join(struct parse_state *ps, enum ast_join_kind kind, bool natural,
                                 struct ast_node *left, uint32_t at, struct ast_node *right,
                                 const struct join_qual *qual);
struct ast_alias *build_alias(struct parse_state *ps, uint32_t start, struct parse_token name,
                              struct ast_list *columns);
struct window_frame build_frame_default(void);
struct window_frame build_frame(struct parse_state *ps, const struct frame_bound *start,
                                const struct frame_bound *end);
struct ast_window_def *build_window(struct parse_state *ps, uint32_t start, const char *base,
                                    struct ast_list *partition_by, struct ast_list *order_by,
                                    const struct window_frame *frame);
struct ast_on_conflict *build_on_conflict(struct parse_state *ps, uint32_t start,
                                          enum ast_conflict_action action,
                                          struct ast_on_conflict *infer, struct ast_list *targets,
                                          struct ast_node *where);
struct ast_node *build_merge_when(struct parse_state *ps, uint32_t start, bool matched,
                                  struct ast_node *condition, struct ast_merge_when *action);
struct ast_merge_when *build_merge_insert(struct parse_state *ps, uint32_t start,
                                          struct ast_list *columns, int overriding,
                                          struct ast_list *values);

/* build_stmt.c: everything else */
#include "parser/build_stmt_int.h"

#endif
