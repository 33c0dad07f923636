/* build_stmt_int.h: node makers of the statements that are not queries; included by build_int.h,
 * whose essay holds. */
#ifndef CAIRN_PARSER_BUILD_STMT_INT_H
#define CAIRN_PARSER_BUILD_STMT_INT_H

#include "parser/build_int.h"

struct ast_node *build_def(struct parse_state *ps, uint32_t start, const char *name,
                           struct ast_node *arg);
struct ast_node *build_def_action(struct parse_state *ps, uint32_t start, const char *name,
                                  struct ast_node *arg, enum ast_def_action action);
/* A def_elem without argument for each keyword that was written (value 1); NULL name = none. */
struct ast_list *build_flags(struct parse_state *ps, const char *a, struct parse_token a_token,
                             const char *b, struct parse_token b_token);
void build_check_copy(struct parse_state *ps, struct ast_copy_stmt *copy, uint32_t program_at,
                      struct ast_node *where);
struct ast_node *build_transaction(struct parse_state *ps, uint32_t start,
                                   enum ast_transaction_kind kind, const char *name, int chain,
                                   struct ast_list *options);
struct ast_variable_set_stmt *build_set(struct parse_state *ps, uint32_t start,
                                        enum ast_set_kind kind, const char *name,
                                        struct ast_list *args);
struct ast_node *build_show(struct parse_state *ps, uint32_t start, const char *name);
void build_check_zone_interval(struct parse_state *ps, const struct ast_type_name *type);
struct ast_node *build_explain(struct parse_state *ps, uint32_t start, struct ast_list *options,
                               struct ast_node *query);
struct ast_node *build_declare(struct parse_state *ps, uint32_t start, const char *name, int flags,
                               struct ast_node *query);
struct ast_fetch_stmt *build_fetch(struct parse_state *ps, enum ast_fetch_dir dir, int64_t count,
                                   struct parse_token cursor);
struct ast_node *build_discard(struct parse_state *ps, uint32_t start, enum ast_discard_kind kind);
struct ast_node *build_vacuum(struct parse_state *ps, uint32_t start, bool is_vacuum,
                              struct ast_list *options, struct ast_list *relations);
struct ast_node *build_reindex(struct parse_state *ps, uint32_t start, int kind,
                               struct ast_list *options, struct parse_token concurrently,
                               struct ast_range_var *relation, const char *name);
struct ast_node *build_cluster(struct parse_state *ps, uint32_t start, struct ast_list *options,
                               struct ast_range_var *relation, const char *index_name);
struct ast_create_stmt *build_create(struct parse_state *ps, uint32_t start,
                                     struct parse_token temp, struct parse_token if_not_exists,
                                     struct ast_range_var *relation, struct ast_list *elements,
                                     struct ast_partition_spec *partition_by,
                                     struct parse_token access_method, struct ast_list *options,
                                     struct parse_token on_commit, struct parse_token tablespace);
struct ast_column_def *build_column(struct parse_state *ps, struct parse_token name,
                                    struct ast_type_name *type, const char *compression,
                                    struct ast_list *options, struct ast_list *quals);
struct ast_constraint *build_constraint(struct parse_state *ps, uint32_t start,
                                        enum ast_constraint_kind kind);
struct ast_constraint *build_foreign_key(struct parse_state *ps, uint32_t start,
                                         struct ast_list *keys, struct ast_range_var *pk_table,
                                         struct ast_list *pk_keys, int match,
                                         const struct key_actions *actions);
struct parse_token build_join_constraint_attrs(struct parse_state *ps, struct parse_token have,
                                               struct parse_token more);
/* allowed: bits of enum constraint_attr; what: for the error, "FOREIGN KEY". */
void build_constraint_attrs(struct parse_state *ps, struct ast_constraint *constraint,
                            struct parse_token attrs, int allowed, const char *what);
struct ast_partition_spec *build_partition_spec(struct parse_state *ps, uint32_t start,
                                                struct parse_token strategy,
                                                struct ast_list *elems);
struct ast_partition_bound *build_hash_bound(struct parse_state *ps, uint32_t start,
                                             struct ast_list *elems);
struct ast_index_elem *build_index_elem(struct parse_state *ps, uint32_t start, const char *name,
                                        struct ast_node *expr, struct ast_list *collation,
                                        struct ast_list *opclass);
struct ast_index_stmt *build_index(struct parse_state *ps, uint32_t start,
                                   struct parse_token unique, struct parse_token concurrently,
                                   const char *name, struct ast_range_var *relation,
                                   const char *access_method, struct ast_list *params,
                                   struct ast_list *including);
struct ast_node *build_create_as(struct parse_state *ps, uint32_t start, enum ast_object_kind kind,
                                 int persistence, int if_not_exists, struct ast_into_clause *into,
                                 struct ast_node *query, int no_data);
struct ast_node *build_view(struct parse_state *ps, uint32_t start, int persistence,
                            struct ast_range_var *relation, struct ast_list *columns,
                            struct ast_list *options, struct ast_node *query, int check_option);
struct ast_node *build_schema(struct parse_state *ps, uint32_t start, const char *name,
                              struct ast_role_spec *owner, struct ast_list *elements,
                              bool if_not_exists);
struct ast_node *build_domain(struct parse_state *ps, uint32_t start, struct ast_list *name,
                              struct ast_type_name *type, struct ast_list *quals);
struct ast_node *build_alter_domain(struct parse_state *ps, uint32_t start, struct ast_list *name,
                                    const char *action, const char *constraint,
                                    struct ast_node *def, int behavior, int missing_ok);
struct ast_node *build_alter_enum(struct parse_state *ps, uint32_t start, struct ast_list *name,
                                  const char *old_value, const char *new_value,
                                  const char *neighbor, bool after, int if_not_exists);
struct ast_func_param *build_param(struct parse_state *ps, uint32_t start, int mode,
                                   const char *name, struct ast_type_name *type);
struct ast_node *build_function(struct parse_state *ps, uint32_t start, bool is_procedure,
                                int replace, struct ast_list *name, struct ast_list *params,
                                struct ast_type_name *returns, struct ast_list *options,
                                struct ast_node *sql_body);
struct ast_type_name *build_table_return(struct parse_state *ps, uint32_t start,
                                         const struct ast_list *columns);
struct ast_node *build_alter_table(struct parse_state *ps, uint32_t start,
                                   enum ast_object_kind kind, int missing_ok,
                                   struct ast_range_var *relation, struct ast_list *cmds);
struct ast_alter_table_cmd *build_at(struct parse_state *ps, uint32_t start,
                                     enum ast_alter_table_kind kind, const char *name,
                                     struct ast_node *def);
struct ast_alter_table_cmd *build_at_type(struct parse_state *ps, uint32_t start,
                                          struct parse_token column, struct ast_type_name *type,
                                          struct ast_list *collation, struct ast_node *using_expr);
struct ast_alter_table_cmd *build_at_partition(struct parse_state *ps, uint32_t start,
                                               enum ast_alter_table_kind kind,
                                               struct ast_range_var *partition,
                                               struct ast_partition_bound *bound, int concurrent);
struct ast_alter_table_cmd *build_at_unsupported(struct parse_state *ps, uint32_t start,
                                                 const char *name);
void build_check_identity_option(struct parse_state *ps, const struct ast_node *option);
struct ast_node *build_rename(struct parse_state *ps, uint32_t start, int kind, int relation_kind,
                              struct ast_range_var *relation, struct ast_node *object,
                              const char *sub_name, const char *new_name, int missing_ok);
struct ast_node *build_set_schema(struct parse_state *ps, uint32_t start, int kind,
                                  struct ast_range_var *relation, struct ast_node *object,
                                  const char *new_schema, int missing_ok);
struct ast_node *build_owner(struct parse_state *ps, uint32_t start, int kind,
                             struct ast_node *object, struct ast_role_spec *owner);
struct ast_node *build_drop(struct parse_state *ps, uint32_t start, int kind,
                            struct ast_list *objects, int behavior, int missing_ok, int concurrent);
struct ast_node *build_comment(struct parse_state *ps, uint32_t start, int kind,
                               struct ast_node *object, const char *text);
struct ast_role_spec *build_role_spec(struct parse_state *ps, struct parse_token name);
struct parse_token build_role_id(struct parse_state *ps, const struct ast_role_spec *role);
struct ast_node *build_role_option(struct parse_state *ps, struct parse_token word);
struct ast_node *build_alter_group(struct parse_state *ps, uint32_t start,
                                   struct ast_role_spec *role, uint32_t at,
                                   enum ast_def_action action, struct ast_list *members);
struct ast_node *build_priv(struct parse_state *ps, uint32_t start, const char *name,
                            struct ast_list *columns);
struct ast_node *build_grant(struct parse_state *ps, uint32_t start, bool is_grant,
                             struct ast_list *privileges, const struct privilege_target *target,
                             struct ast_list *grantees, int grant_option,
                             struct ast_role_spec *grantor, int behavior);
struct ast_node *build_grant_role(struct parse_state *ps, uint32_t start, bool is_grant,
                                  struct ast_list *granted, struct ast_list *grantees,
                                  int admin_option, struct ast_role_spec *grantor, int behavior);

#endif
