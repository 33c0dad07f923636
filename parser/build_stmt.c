#include <string.h>

#include "parser/build_int.h"

#define NEW_AT(type, start) ((struct ast_##type *)build_node(ps, AST_##type, (start)))

/* ---- options ---- */

struct ast_node *build_def(struct parse_state *ps, uint32_t start, const char *name,
                           struct ast_node *arg)
{
    return build_def_action(ps, start, name, arg, AST_DEF_NONE);
}

struct ast_node *build_def_action(struct parse_state *ps, uint32_t start, const char *name,
                                  struct ast_node *arg, enum ast_def_action action)
{
    struct ast_def_elem *n = NEW_AT(def_elem, start);
    n->name = name;
    n->arg = arg;
    n->action = action;
    return &n->node;
}

struct ast_list *build_flags(struct parse_state *ps, const char *a, struct parse_token a_token,
                             const char *b, struct parse_token b_token)
{
    struct ast_list *flags = NULL;
    if (a && a_token.value)
        flags = ADD(flags, build_def(ps, a_token.start, a, NULL));
    if (b && b_token.value)
        flags = ADD(flags, build_def(ps, b_token.start, b, NULL));
    return flags;
}

void build_check_copy(struct parse_state *ps, struct ast_copy_stmt *copy, uint32_t program_at,
                      struct ast_node *where)
{
    if (copy->is_program && !copy->filename)
        build_error(ps, ERR_SYNTAX_ERROR, program_at, "STDIN/STDOUT not allowed with PROGRAM");
    if (where && !copy->is_from) {
        uint32_t at = where->start;
        while (at > 0 && (ps->text[at] | 0x20) != 'w')
            at--;
        build_error(ps, ERR_SYNTAX_ERROR, at, "WHERE clause not allowed with COPY TO");
    }
}

/* ---- session and transaction ---- */

struct ast_node *build_transaction(struct parse_state *ps, uint32_t start,
                                   enum ast_transaction_kind kind, const char *name, int chain,
                                   struct ast_list *options)
{
    struct ast_transaction_stmt *n = NEW_AT(transaction_stmt, start);
    n->kind = kind;
    n->name = name;
    n->chain = chain;
    n->options = options;
    return &n->node;
}

struct ast_variable_set_stmt *build_set(struct parse_state *ps, uint32_t start,
                                        enum ast_set_kind kind, const char *name,
                                        struct ast_list *args)
{
    struct ast_variable_set_stmt *n = NEW_AT(variable_set_stmt, start);
    n->kind = kind;
    n->name = name;
    n->args = args;
    return n;
}

struct ast_node *build_show(struct parse_state *ps, uint32_t start, const char *name)
{
    struct ast_variable_show_stmt *n = NEW_AT(variable_show_stmt, start);
    n->name = name;
    return &n->node;
}

void build_check_zone_interval(struct parse_state *ps, const struct ast_type_name *type)
{
    if (!type->typmods)
        return;
    int64_t mask = ast_to(a_const, type->typmods->items[0])->ival;
    if (mask & ~(int64_t)(1 << 10 | 1 << 11))
        build_error(ps, ERR_SYNTAX_ERROR, type->typmods->items[0]->start,
                    "time zone interval must be HOUR or HOUR TO MINUTE");
}

struct ast_node *build_explain(struct parse_state *ps, uint32_t start, struct ast_list *options,
                               struct ast_node *query)
{
    struct ast_explain_stmt *n = NEW_AT(explain_stmt, start);
    n->options = options;
    n->query = query;
    return &n->node;
}

struct ast_node *build_declare(struct parse_state *ps, uint32_t start, const char *name, int flags,
                               struct ast_node *query)
{
    struct ast_declare_cursor_stmt *n = NEW_AT(declare_cursor_stmt, start);
    n->name = name;
    n->binary = (flags & CURSOR_BINARY) != 0;
    n->scroll = (flags & CURSOR_SCROLL) != 0;
    n->no_scroll = (flags & CURSOR_NO_SCROLL) != 0;
    n->insensitive = (flags & CURSOR_INSENSITIVE) != 0;
    n->asensitive = (flags & CURSOR_ASENSITIVE) != 0;
    n->hold = (flags & CURSOR_HOLD) != 0;
    n->query = query;
    return &n->node;
}

struct ast_fetch_stmt *build_fetch(struct parse_state *ps, enum ast_fetch_dir dir, int64_t count,
                                   struct parse_token cursor)
{
    struct ast_fetch_stmt *n = NEW_AT(fetch_stmt, cursor.start);
    n->dir = dir;
    n->count = count;
    n->name = cursor.text;
    return n;
}

struct ast_node *build_discard(struct parse_state *ps, uint32_t start, enum ast_discard_kind kind)
{
    struct ast_discard_stmt *n = NEW_AT(discard_stmt, start);
    n->kind = kind;
    return &n->node;
}

struct ast_node *build_vacuum(struct parse_state *ps, uint32_t start, bool is_vacuum,
                              struct ast_list *options, struct ast_list *relations)
{
    struct ast_vacuum_stmt *n = NEW_AT(vacuum_stmt, start);
    n->is_vacuum = is_vacuum;
    n->options = options;
    n->relations = relations;
    return &n->node;
}

struct ast_node *build_reindex(struct parse_state *ps, uint32_t start, int kind,
                               struct ast_list *options, struct parse_token concurrently,
                               struct ast_range_var *relation, const char *name)
{
    struct ast_reindex_stmt *n = NEW_AT(reindex_stmt, start);
    n->kind = (enum ast_reindex_kind)kind;
    n->options =
        build_concat(ps, options, build_flags(ps, "concurrently", concurrently, NULL, TOKEN_NONE));
    n->relation = relation;
    n->name = name;
    return &n->node;
}

struct ast_node *build_cluster(struct parse_state *ps, uint32_t start, struct ast_list *options,
                               struct ast_range_var *relation, const char *index_name)
{
    struct ast_cluster_stmt *n = NEW_AT(cluster_stmt, start);
    n->options = options;
    n->relation = relation;
    n->index_name = index_name;
    return &n->node;
}

/* ---- tables ---- */

struct ast_create_stmt *build_create(struct parse_state *ps, uint32_t start,
                                     struct parse_token temp, struct parse_token if_not_exists,
                                     struct ast_range_var *relation, struct ast_list *elements,
                                     struct ast_partition_spec *partition_by,
                                     struct parse_token access_method, struct ast_list *options,
                                     struct parse_token on_commit, struct parse_token tablespace)
{
    struct ast_create_stmt *n = NEW_AT(create_stmt, start);
    relation->persistence = (enum ast_persistence)temp.value;
    n->relation = relation;
    n->if_not_exists = if_not_exists.value;
    n->elements = elements;
    n->partition_by = partition_by;
    n->access_method = access_method.text;
    n->options = options;
    n->on_commit = (enum ast_on_commit)on_commit.value;
    n->tablespace = tablespace.text;
    return n;
}

/* COLLATE is written among the constraints and belongs to the column. */
static struct ast_list *split_collation(struct parse_state *ps, struct ast_list *quals,
                                        struct ast_list **collation)
{
    struct ast_list *constraints = NULL;
    *collation = NULL;
    for (uint32_t i = 0; i < ast_count(quals); i++) {
        struct ast_node *qual = quals->items[i];
        if (!ast_is(collate_clause, qual)) {
            constraints = ADD(constraints, qual);
            continue;
        }
        if (*collation)
            build_error(ps, ERR_SYNTAX_ERROR, qual->start, "multiple COLLATE clauses not allowed");
        *collation = ast_to(collate_clause, qual)->name;
    }
    return constraints;
}

struct ast_column_def *build_column(struct parse_state *ps, struct parse_token name,
                                    struct ast_type_name *type, const char *compression,
                                    struct ast_list *options, struct ast_list *quals)
{
    struct ast_column_def *n = NEW(column_def, name);
    n->name = name.text;
    n->type = type;
    n->compression = compression;
    n->options = options;
    n->constraints = split_collation(ps, quals, &n->collation);
    return n;
}

struct ast_constraint *build_constraint(struct parse_state *ps, uint32_t start,
                                        enum ast_constraint_kind kind)
{
    struct ast_constraint *n = NEW_AT(constraint, start);
    n->kind = kind;
    return n;
}

struct ast_constraint *build_foreign_key(struct parse_state *ps, uint32_t start,
                                         struct ast_list *keys, struct ast_range_var *pk_table,
                                         struct ast_list *pk_keys, int match,
                                         const struct key_actions *actions)
{
    struct ast_constraint *n = build_constraint(ps, start, AST_CONSTR_FOREIGN);
    n->keys = keys;
    n->pk_table = pk_table;
    n->pk_keys = pk_keys;
    n->match = (enum ast_fk_match)match;
    n->on_update = (enum ast_fk_action)actions->on_update;
    n->on_delete = (enum ast_fk_action)actions->on_delete;
    n->on_delete_columns = actions->columns;
    return n;
}

struct parse_token build_join_constraint_attrs(struct parse_state *ps, struct parse_token have,
                                               struct parse_token more)
{
    int bits = have.value | more.value;
    if ((bits & (CAS_NOT_DEFERRABLE | CAS_INITIALLY_DEFERRED)) ==
        (CAS_NOT_DEFERRABLE | CAS_INITIALLY_DEFERRED))
        build_error(ps, ERR_SYNTAX_ERROR, more.start,
                    "constraint declared INITIALLY DEFERRED must be DEFERRABLE");
    if ((bits & (CAS_NOT_DEFERRABLE | CAS_DEFERRABLE)) == (CAS_NOT_DEFERRABLE | CAS_DEFERRABLE) ||
        (bits & (CAS_INITIALLY_IMMEDIATE | CAS_INITIALLY_DEFERRED)) ==
            (CAS_INITIALLY_IMMEDIATE | CAS_INITIALLY_DEFERRED))
        build_error(ps, ERR_SYNTAX_ERROR, more.start, "conflicting constraint properties");
    struct parse_token joined = have.value ? have : more;
    joined.value = bits;
    joined.end = more.end;
    return joined;
}

void build_constraint_attrs(struct parse_state *ps, struct ast_constraint *constraint,
                            struct parse_token attrs, int allowed, const char *what)
{
    int bits = attrs.value;
    if (bits & (CAS_DEFERRABLE | CAS_INITIALLY_DEFERRED)) {
        if (!(allowed & CAS_DEFERRABLE))
            build_error(ps, ERR_FEATURE_NOT_SUPPORTED, attrs.start,
                        "%s constraints cannot be marked DEFERRABLE", what);
        constraint->deferrable = true;
    }
    constraint->initially_deferred = (bits & CAS_INITIALLY_DEFERRED) != 0;
    if (bits & CAS_NOT_VALID) {
        if (!(allowed & CAS_NOT_VALID))
            build_error(ps, ERR_FEATURE_NOT_SUPPORTED, attrs.start,
                        "%s constraints cannot be marked NOT VALID", what);
        constraint->not_valid = true;
    }
    if (bits & CAS_NO_INHERIT) {
        if (!(allowed & CAS_NO_INHERIT))
            build_error(ps, ERR_FEATURE_NOT_SUPPORTED, attrs.start,
                        "%s constraints cannot be marked NO INHERIT", what);
        constraint->no_inherit = true;
    }
}

struct ast_partition_spec *build_partition_spec(struct parse_state *ps, uint32_t start,
                                                struct parse_token strategy, struct ast_list *elems)
{
    struct ast_partition_spec *n = NEW_AT(partition_spec, start);
    n->elems = elems;
    if (strcmp(strategy.text, "list") == 0)
        n->strategy = AST_PARTITION_LIST;
    else if (strcmp(strategy.text, "hash") == 0)
        n->strategy = AST_PARTITION_HASH;
    else if (strcmp(strategy.text, "range") == 0)
        n->strategy = AST_PARTITION_RANGE;
    else
        build_error(ps, ERR_INVALID_PARAMETER_VALUE, strategy.start,
                    "unrecognized partitioning strategy \"%s\"", strategy.text);
    return n;
}

struct ast_partition_bound *build_hash_bound(struct parse_state *ps, uint32_t start,
                                             struct ast_list *elems)
{
    struct ast_partition_bound *n = NEW_AT(partition_bound, start);
    n->strategy = AST_PARTITION_HASH;
    n->modulus = n->remainder = -1;
    for (uint32_t i = 0; i < elems->count; i++) {
        const struct ast_def_elem *elem = ast_to(def_elem, elems->items[i]);
        bool is_modulus = strcmp(elem->name, "modulus") == 0;
        if (!is_modulus && strcmp(elem->name, "remainder") != 0) {
            build_error(ps, ERR_SYNTAX_ERROR, elem->node.start,
                        "unrecognized hash partition bound specification \"%s\"", elem->name);
            continue;
        }
        int64_t *value = is_modulus ? &n->modulus : &n->remainder;
        if (*value != -1)
            build_error(ps, ERR_DUPLICATE_OBJECT, elem->node.start,
                        "%s for hash partition provided more than once", elem->name);
        *value = ast_to(integer, elem->arg)->value;
    }
    if (n->modulus == -1)
        build_error(ps, ERR_SYNTAX_ERROR, start, "modulus for hash partition must be specified");
    if (n->remainder == -1)
        build_error(ps, ERR_SYNTAX_ERROR, start, "remainder for hash partition must be specified");
    return n;
}

struct ast_index_elem *build_index_elem(struct parse_state *ps, uint32_t start, const char *name,
                                        struct ast_node *expr, struct ast_list *collation,
                                        struct ast_list *opclass)
{
    struct ast_index_elem *n = NEW_AT(index_elem, start);
    n->name = name;
    n->expr = expr;
    n->collation = collation;
    n->opclass = opclass;
    return n;
}

struct ast_index_stmt *build_index(struct parse_state *ps, uint32_t start,
                                   struct parse_token unique, struct parse_token concurrently,
                                   const char *name, struct ast_range_var *relation,
                                   const char *access_method, struct ast_list *params,
                                   struct ast_list *including)
{
    struct ast_index_stmt *n = NEW_AT(index_stmt, start);
    n->unique = unique.value;
    n->concurrent = concurrently.value;
    n->name = name;
    n->relation = relation;
    n->access_method = access_method;
    n->params = params;
    n->including = including;
    return n;
}

struct ast_node *build_create_as(struct parse_state *ps, uint32_t start, enum ast_object_kind kind,
                                 int persistence, int if_not_exists, struct ast_into_clause *into,
                                 struct ast_node *query, int no_data)
{
    struct ast_create_table_as *n = NEW_AT(create_table_as, start);
    n->kind = kind;
    n->if_not_exists = if_not_exists;
    n->into = into;
    n->query = query;
    into->relation->persistence = (enum ast_persistence)persistence;
    into->no_data = no_data;
    return &n->node;
}

struct ast_node *build_view(struct parse_state *ps, uint32_t start, int persistence,
                            struct ast_range_var *relation, struct ast_list *columns,
                            struct ast_list *options, struct ast_node *query, int check_option)
{
    struct ast_view_stmt *n = NEW_AT(view_stmt, start);
    relation->persistence = (enum ast_persistence)persistence;
    n->relation = relation;
    n->columns = columns;
    n->options = options;
    n->query = query;
    n->check_option = (enum ast_check_option)check_option;
    return &n->node;
}

struct ast_node *build_schema(struct parse_state *ps, uint32_t start, const char *name,
                              struct ast_role_spec *owner, struct ast_list *elements,
                              bool if_not_exists)
{
    struct ast_create_schema_stmt *n = NEW_AT(create_schema_stmt, start);
    n->name = name;
    n->owner = owner;
    n->elements = elements;
    n->if_not_exists = if_not_exists;
    if (if_not_exists && elements)
        build_error(ps, ERR_FEATURE_NOT_SUPPORTED, elements->items[0]->start,
                    "CREATE SCHEMA IF NOT EXISTS cannot include schema elements");
    return &n->node;
}

/* ---- types and functions ---- */

struct ast_node *build_domain(struct parse_state *ps, uint32_t start, struct ast_list *name,
                              struct ast_type_name *type, struct ast_list *quals)
{
    struct ast_create_domain_stmt *n = NEW_AT(create_domain_stmt, start);
    n->name = name;
    n->type = type;
    n->constraints = split_collation(ps, quals, &n->collation);
    return &n->node;
}

struct ast_node *build_alter_domain(struct parse_state *ps, uint32_t start, struct ast_list *name,
                                    const char *action, const char *constraint,
                                    struct ast_node *def, int behavior, int missing_ok)
{
    struct ast_alter_domain_stmt *n = NEW_AT(alter_domain_stmt, start);
    n->name = name;
    n->action = action;
    n->constraint = constraint;
    n->def = def;
    n->behavior = (enum ast_drop_behavior)behavior;
    n->missing_ok = missing_ok;
    return &n->node;
}

struct ast_node *build_alter_enum(struct parse_state *ps, uint32_t start, struct ast_list *name,
                                  const char *old_value, const char *new_value,
                                  const char *neighbor, bool after, int if_not_exists)
{
    struct ast_alter_enum_stmt *n = NEW_AT(alter_enum_stmt, start);
    n->name = name;
    n->old_value = old_value;
    n->new_value = new_value;
    n->neighbor = neighbor;
    n->after = after;
    n->if_not_exists = if_not_exists;
    return &n->node;
}

struct ast_func_param *build_param(struct parse_state *ps, uint32_t start, int mode,
                                   const char *name, struct ast_type_name *type)
{
    struct ast_func_param *n = NEW_AT(func_param, start);
    n->mode = (enum ast_param_mode)mode;
    n->name = name;
    n->type = type;
    return n;
}

struct ast_node *build_function(struct parse_state *ps, uint32_t start, bool is_procedure,
                                int replace, struct ast_list *name, struct ast_list *params,
                                struct ast_type_name *returns, struct ast_list *options,
                                struct ast_node *sql_body)
{
    struct ast_create_function_stmt *n = NEW_AT(create_function_stmt, start);
    n->is_procedure = is_procedure;
    n->replace = replace;
    n->name = name;
    n->params = params;
    n->returns = returns;
    n->options = options;
    n->sql_body = sql_body;
    return &n->node;
}

struct ast_type_name *build_table_return(struct parse_state *ps, uint32_t start,
                                         const struct ast_list *columns)
{
    struct ast_type_name *type;
    if (columns->count == 1) {
        type = NEW_AT(type_name, start);
        *type = *ast_to(func_param, columns->items[0])->type;
    } else {
        type = build_system_type(ps, start, "record", NULL);
    }
    type->setof = true;
    return type;
}

/* ---- ALTER ---- */

struct ast_node *build_alter_table(struct parse_state *ps, uint32_t start,
                                   enum ast_object_kind kind, int missing_ok,
                                   struct ast_range_var *relation, struct ast_list *cmds)
{
    struct ast_alter_table_stmt *n = NEW_AT(alter_table_stmt, start);
    n->kind = kind;
    n->missing_ok = missing_ok;
    n->relation = relation;
    n->cmds = cmds;
    return &n->node;
}

struct ast_alter_table_cmd *build_at(struct parse_state *ps, uint32_t start,
                                     enum ast_alter_table_kind kind, const char *name,
                                     struct ast_node *def)
{
    struct ast_alter_table_cmd *n = NEW_AT(alter_table_cmd, start);
    n->kind = kind;
    n->name = name;
    n->def = def;
    return n;
}

struct ast_alter_table_cmd *build_at_type(struct parse_state *ps, uint32_t start,
                                          struct parse_token column, struct ast_type_name *type,
                                          struct ast_list *collation, struct ast_node *using_expr)
{
    struct ast_column_def *def = NEW(column_def, column);
    def->type = type;
    def->collation = collation;
    struct ast_alter_table_cmd *n = build_at(ps, start, AST_AT_ALTER_TYPE, column.text, &def->node);
    n->expr = using_expr;
    return n;
}

struct ast_alter_table_cmd *build_at_partition(struct parse_state *ps, uint32_t start,
                                               enum ast_alter_table_kind kind,
                                               struct ast_range_var *partition,
                                               struct ast_partition_bound *bound, int concurrent)
{
    struct ast_partition_cmd *cmd = NEW(partition_cmd, partition);
    cmd->relation = partition;
    cmd->bound = bound;
    cmd->concurrent = concurrent;
    return build_at(ps, start, kind, NULL, &cmd->node);
}

struct ast_alter_table_cmd *build_at_unsupported(struct parse_state *ps, uint32_t start,
                                                 const char *name)
{
    struct ast_alter_table_cmd *n = build_at(ps, start, AST_AT_FOREIGN_OPTIONS, name, NULL);
    return n;
}

void build_check_identity_option(struct parse_state *ps, const struct ast_node *option)
{
    const char *name = ast_to(def_elem, option)->name;
    if (strcmp(name, "as") == 0 || strcmp(name, "restart") == 0 || strcmp(name, "owned_by") == 0)
        build_error(ps, ERR_SYNTAX_ERROR, option->start,
                    "sequence option \"%s\" not supported here", name);
}

struct ast_node *build_rename(struct parse_state *ps, uint32_t start, int kind, int relation_kind,
                              struct ast_range_var *relation, struct ast_node *object,
                              const char *sub_name, const char *new_name, int missing_ok)
{
    struct ast_rename_stmt *n = NEW_AT(rename_stmt, start);
    n->kind = (enum ast_object_kind)kind;
    n->relation_kind = (enum ast_object_kind)relation_kind;
    n->relation = relation;
    n->object = object;
    n->sub_name = sub_name;
    n->new_name = new_name;
    n->missing_ok = missing_ok;
    return &n->node;
}

struct ast_node *build_set_schema(struct parse_state *ps, uint32_t start, int kind,
                                  struct ast_range_var *relation, struct ast_node *object,
                                  const char *new_schema, int missing_ok)
{
    struct ast_alter_schema_stmt *n = NEW_AT(alter_schema_stmt, start);
    n->kind = (enum ast_object_kind)kind;
    n->relation = relation;
    n->object = object;
    n->new_schema = new_schema;
    n->missing_ok = missing_ok;
    return &n->node;
}

struct ast_node *build_owner(struct parse_state *ps, uint32_t start, int kind,
                             struct ast_node *object, struct ast_role_spec *owner)
{
    struct ast_alter_owner_stmt *n = NEW_AT(alter_owner_stmt, start);
    n->kind = (enum ast_object_kind)kind;
    n->object = object;
    n->owner = owner;
    return &n->node;
}

struct ast_node *build_drop(struct parse_state *ps, uint32_t start, int kind,
                            struct ast_list *objects, int behavior, int missing_ok, int concurrent)
{
    struct ast_drop_stmt *n = NEW_AT(drop_stmt, start);
    n->kind = (enum ast_object_kind)kind;
    n->objects = objects;
    n->behavior = (enum ast_drop_behavior)behavior;
    n->missing_ok = missing_ok;
    n->concurrent = concurrent;
    return &n->node;
}

struct ast_node *build_comment(struct parse_state *ps, uint32_t start, int kind,
                               struct ast_node *object, const char *text)
{
    struct ast_comment_stmt *n = NEW_AT(comment_stmt, start);
    n->kind = (enum ast_object_kind)kind;
    n->object = object;
    n->text = text;
    return &n->node;
}

/* ---- roles and rights ---- */

struct ast_role_spec *build_role_spec(struct parse_state *ps, struct parse_token name)
{
    struct ast_role_spec *n = NEW(role_spec, name);
    if (strcmp(name.text, "public") == 0) {
        n->kind = AST_ROLE_PUBLIC;
        return n;
    }
    if (strcmp(name.text, "none") == 0)
        build_error(ps, ERR_RESERVED_NAME, name.start, "role name \"%s\" is reserved", "none");
    n->kind = AST_ROLE_NAME;
    n->name = name.text;
    return n;
}

struct parse_token build_role_id(struct parse_state *ps, const struct ast_role_spec *role)
{
    struct parse_token token = {
        .text = role->name, .start = role->node.start, .end = role->node.end};
    static const char *const words[] = {[AST_ROLE_CURRENT_ROLE] = "CURRENT_ROLE",
                                        [AST_ROLE_CURRENT_USER] = "CURRENT_USER",
                                        [AST_ROLE_SESSION_USER] = "SESSION_USER"};
    if (role->kind == AST_ROLE_PUBLIC)
        build_error(ps, ERR_RESERVED_NAME, role->node.start, "role name \"%s\" is reserved",
                    "public");
    else if (role->kind != AST_ROLE_NAME)
        build_error(ps, ERR_RESERVED_NAME, role->node.start,
                    "%s cannot be used as a role name here", words[role->kind]);
    if (!token.text)
        token.text = "";
    return token;
}

struct ast_node *build_role_option(struct parse_state *ps, struct parse_token word)
{
    static const struct {
        const char *word;
        const char *name;
        bool value;
    } options[] = {{"superuser", "superuser", true},
                   {"nosuperuser", "superuser", false},
                   {"createrole", "createrole", true},
                   {"nocreaterole", "createrole", false},
                   {"replication", "isreplication", true},
                   {"noreplication", "isreplication", false},
                   {"createdb", "createdb", true},
                   {"nocreatedb", "createdb", false},
                   {"login", "canlogin", true},
                   {"nologin", "canlogin", false},
                   {"bypassrls", "bypassrls", true},
                   {"nobypassrls", "bypassrls", false},
                   {"noinherit", "inherit", false}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (strcmp(word.text, options[i].word) == 0)
            return build_def(ps, word.start, options[i].name,
                             build_bool_const(ps, word, options[i].value));
    build_error(ps, ERR_SYNTAX_ERROR, word.start, "unrecognized role option \"%s\"", word.text);
    return build_def(ps, word.start, word.text, NULL);
}

struct ast_node *build_alter_group(struct parse_state *ps, uint32_t start,
                                   struct ast_role_spec *role, uint32_t at,
                                   enum ast_def_action action, struct ast_list *members)
{
    struct ast_alter_role_stmt *n = NEW_AT(alter_role_stmt, start);
    n->kind = AST_ROLE_GROUP;
    n->role = role;
    n->options =
        LIST1(build_def_action(ps, at, "rolemembers", build_node_list(ps, at, members), action));
    return &n->node;
}

struct ast_node *build_priv(struct parse_state *ps, uint32_t start, const char *name,
                            struct ast_list *columns)
{
    struct ast_access_priv *n = NEW_AT(access_priv, start);
    n->name = name;
    n->columns = columns;
    return &n->node;
}

struct ast_node *build_grant(struct parse_state *ps, uint32_t start, bool is_grant,
                             struct ast_list *privileges, const struct privilege_target *target,
                             struct ast_list *grantees, int grant_option,
                             struct ast_role_spec *grantor, int behavior)
{
    struct ast_grant_stmt *n = NEW_AT(grant_stmt, start);
    n->is_grant = is_grant;
    n->privileges = privileges;
    n->target = target->target;
    n->kind = (enum ast_object_kind)target->kind;
    n->objects = target->objects;
    n->grantees = grantees;
    n->grant_option = grant_option;
    n->grantor = grantor;
    n->behavior = (enum ast_drop_behavior)behavior;
    return &n->node;
}

struct ast_node *build_grant_role(struct parse_state *ps, uint32_t start, bool is_grant,
                                  struct ast_list *granted, struct ast_list *grantees,
                                  int admin_option, struct ast_role_spec *grantor, int behavior)
{
    struct ast_grant_role_stmt *n = NEW_AT(grant_role_stmt, start);
    n->is_grant = is_grant;
    n->granted = granted;
    n->grantees = grantees;
    n->admin_option = admin_option;
    n->grantor = grantor;
    n->behavior = (enum ast_drop_behavior)behavior;
    return &n->node;
}
