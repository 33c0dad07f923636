#include "parser/build_int.h"

#include <stdarg.h>
#include <string.h>

/* ---- the automaton's stack and errors ---- */

/* A production nested this deep has left AST_DEPTH_MAX far behind: every level takes at least one
 * entry. */
#define STACK_BYTES_MAX (24u << 20)

void *build_grow_stack(struct parse_state *ps, const void *old, size_t old_bytes, size_t bytes)
{
    if (bytes > STACK_BYTES_MAX)
        return NULL;
    void *grown = arena_try_alloc(ps->arena, bytes);
    if (grown && old)
        memcpy(grown, old, old_bytes);
    return grown;
}

void build_error(struct parse_state *ps, enum err_code code, uint32_t at, const char *fmt, ...)
{
    if (ps->failed)
        return;
    ps->failed = true;
    char message[300];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    err_set(ps->err, code, "%s", message);
    err_position(ps->err, parse_position(ps->text, ps->len, at));
}

static void fail_near(struct parse_state *ps, const struct parse_token *token, const char *message)
{
    if (ps->failed)
        return;
    ps->failed = true;
    struct scan scan;
    scan_init(&scan, ps->text, ps->len, ps->arena, ps->err);
    (void)scan_error_near(&scan, token->start, token->end, message);
}

void build_syntax_error(struct parse_state *ps, const struct parse_token *token)
{
    fail_near(ps, token, "syntax error");
}

void build_look_error(struct parse_state *ps, const char *message)
{
    fail_near(ps, &ps->look, message);
}

void build_too_deep(struct parse_state *ps)
{
    if (ps->failed)
        return;
    ps->failed = true;
    err_set(ps->err, ERR_STATEMENT_TOO_COMPLEX, "stack depth limit exceeded");
    (void)err_hint(ps->err, "The statement nests expressions or queries more than %d levels deep.",
                   AST_DEPTH_MAX);
}

void build_statement(struct parse_state *ps, struct ast_node *node)
{
    if (!node)
        return;
    if (ps->statement_count == ps->statement_capacity) {
        uint32_t capacity = ps->statement_capacity ? ps->statement_capacity * 2 : 2;
        struct parse_statement *grown = arena_array(ps->arena, struct parse_statement, capacity);
        if (ps->statement_count)
            memcpy(grown, ps->statements, ps->statement_count * sizeof *grown);
        ps->statements = grown;
        ps->statement_capacity = capacity;
    }
    uint32_t start = node->start < ps->statement_start ? node->start : ps->statement_start;
    ps->statements[ps->statement_count++] = (struct parse_statement){node, start, ps->prev_end};
}

/* ---- nodes, lists, names ---- */

struct ast_node *build_node(struct parse_state *ps, enum ast_tag tag, uint32_t start)
{
    struct ast_node *node = ast_new_node(ps->arena, tag);
    node->start = node->at = start;
    node->end = ps->prev_end;
    return node;
}

struct ast_node *build_finish(struct parse_state *ps, struct ast_node *node, uint32_t start)
{
    node->start = node->at = start;
    node->end = ps->prev_end;
    return node;
}

struct ast_list *build_prepend(struct parse_state *ps, struct ast_node *node, struct ast_list *list)
{
    return build_concat(ps, LIST1(node), list);
}

struct ast_list *build_concat(struct parse_state *ps, struct ast_list *a, struct ast_list *b)
{
    if (!a)
        return b;
    for (uint32_t i = 0; i < ast_count(b); i++)
        a = ADD(a, b->items[i]);
    return a;
}

struct ast_node *build_string(struct parse_state *ps, uint32_t start, uint32_t end,
                              const char *text)
{
    struct ast_string *n = ast_new(ps->arena, string);
    n->node.start = n->node.at = start;
    n->node.end = end;
    n->text = text;
    return &n->node;
}

struct ast_node *build_integer(struct parse_state *ps, uint32_t start, int64_t value)
{
    struct ast_integer *n = ast_to(integer, build_node(ps, AST_integer, start));
    n->value = value;
    return &n->node;
}

struct ast_node *build_node_list(struct parse_state *ps, uint32_t start, struct ast_list *items)
{
    struct ast_node_list *n = ast_to(node_list, build_node(ps, AST_node_list, start));
    n->items = items;
    return &n->node;
}

struct ast_node *build_name_node(struct parse_state *ps, struct ast_list *name)
{
    return build_node_list(ps, name->items[0]->start, name);
}

struct ast_list *build_names_of_strings(struct parse_state *ps, struct ast_list *strings)
{
    struct ast_list *names = NULL;
    for (uint32_t i = 0; i < strings->count; i++)
        names = ADD(names, build_name_node(ps, LIST1(strings->items[i])));
    return names;
}

const char *build_last_name(const struct ast_list *name)
{
    return ast_string_at(name, name->count - 1);
}

struct ast_node *build_last_word(struct parse_state *ps)
{
    struct ast_a_const *n = ast_to(a_const, build_node(ps, AST_a_const, ps->prev_start));
    n->kind = AST_CONST_STRING;
    n->text = arena_strndup(ps->arena, ps->text + ps->prev_start, ps->prev_end - ps->prev_start);
    return &n->node;
}

/* A name's dotted parts must be names. */
static bool check_strings(struct parse_state *ps, const struct ast_list *parts)
{
    for (uint32_t i = 0; i < ast_count(parts); i++)
        if (!ast_is(string, parts->items[i])) {
            build_look_error(ps, "syntax error");
            return false;
        }
    return true;
}

static void check_star_last(struct parse_state *ps, const struct ast_list *parts)
{
    for (uint32_t i = 0; i + 1 < ast_count(parts); i++)
        if (ast_is(star, parts->items[i]))
            build_look_error(ps, "improper use of \"*\"");
}

struct ast_list *build_func_name(struct parse_state *ps, struct parse_token name,
                                 struct ast_list *indirection)
{
    check_strings(ps, indirection);
    return build_prepend(ps, STRING(name), indirection);
}

static void fill_range_var(struct parse_state *ps, struct ast_range_var *n,
                           const struct ast_list *parts)
{
    switch (parts->count) {
    case 1:
        n->name = ast_string_at(parts, 0);
        break;
    case 2:
        n->schema = ast_string_at(parts, 0);
        n->name = ast_string_at(parts, 1);
        break;
    case 3:
        n->catalog = ast_string_at(parts, 0);
        n->schema = ast_string_at(parts, 1);
        n->name = ast_string_at(parts, 2);
        break;
    default: {
        const char *joined = ast_string_at(parts, 0);
        for (uint32_t i = 1; i < parts->count; i++)
            joined = arena_printf(ps->arena, "%s.%s", joined, ast_string_at(parts, i));
        build_error(ps, ERR_SYNTAX_ERROR, n->node.start,
                    "improper qualified name (too many dotted names): %s", joined);
        n->name = "";
    }
    }
}

struct ast_range_var *build_qualified_name(struct parse_state *ps, struct parse_token name,
                                           struct ast_list *indirection)
{
    struct ast_range_var *n = NEW(range_var, name);
    if (!check_strings(ps, indirection)) {
        n->name = name.text;
        return n;
    }
    fill_range_var(ps, n, build_prepend(ps, STRING(name), indirection));
    return n;
}

struct ast_range_var *build_range_var_of_name(struct parse_state *ps, struct ast_list *name)
{
    struct ast_range_var *n = NEW(range_var, name->items[0]);
    n->node.end = name->items[name->count - 1]->end;
    fill_range_var(ps, n, name);
    return n;
}

/* ---- constants ---- */

static struct ast_a_const *new_const(struct parse_state *ps, uint32_t start,
                                     enum ast_const_kind kind)
{
    struct ast_a_const *n = ast_to(a_const, build_node(ps, AST_a_const, start));
    n->kind = kind;
    return n;
}

struct ast_node *build_int_const(struct parse_state *ps, uint32_t start, int32_t value)
{
    struct ast_a_const *n = new_const(ps, start, AST_CONST_INT);
    n->ival = value;
    return &n->node;
}

struct ast_node *build_text_const(struct parse_state *ps, enum ast_const_kind kind,
                                  struct parse_token token)
{
    struct ast_a_const *n = new_const(ps, token.start, kind);
    n->text = token.text;
    n->node.end = token.end;
    return &n->node;
}

struct ast_node *build_bool_const(struct parse_state *ps, struct parse_token token, bool value)
{
    struct ast_a_const *n = new_const(ps, token.start, AST_CONST_BOOL);
    n->ival = value;
    n->node.end = token.end;
    return &n->node;
}

struct ast_node *build_null_const(struct parse_state *ps, struct parse_token token)
{
    struct ast_a_const *n = new_const(ps, token.start, AST_CONST_NULL);
    n->node.end = token.end;
    return &n->node;
}

/* ---- references ---- */

struct ast_node *build_star_ref(struct parse_state *ps, struct parse_token token)
{
    struct ast_star *star = NEW(star, token);
    struct ast_column_ref *n = NEW(column_ref, token);
    n->fields = LIST1(&star->node);
    return &n->node;
}

struct ast_node *build_column_ref(struct parse_state *ps, struct parse_token name,
                                  struct ast_list *indirection)
{
    struct ast_column_ref *n = NEW(column_ref, name);
    n->fields = LIST1(STRING(name));
    uint32_t i = 0;
    for (; i < ast_count(indirection); i++) {
        struct ast_node *part = indirection->items[i];
        if (ast_is(a_indices, part))
            break;
        if (ast_is(star, part) && i + 1 < indirection->count)
            build_look_error(ps, "improper use of \"*\"");
        n->fields = ADD(n->fields, part);
    }
    if (i == ast_count(indirection))
        return &n->node;
    n->node.end = i ? indirection->items[i - 1]->end : name.end;
    struct ast_list *rest = NULL;
    for (; i < indirection->count; i++)
        rest = ADD(rest, indirection->items[i]);
    return build_indirection(ps, name.start, &n->node, rest);
}

struct ast_node *build_indirection(struct parse_state *ps, uint32_t start, struct ast_node *arg,
                                   struct ast_list *indirection)
{
    if (!indirection)
        return arg;
    check_star_last(ps, indirection);
    struct ast_a_indirection *n = ast_to(a_indirection, build_node(ps, AST_a_indirection, start));
    n->arg = arg;
    n->indirection = indirection;
    return &n->node;
}

struct ast_node *build_indices(struct parse_state *ps, uint32_t start, bool is_slice,
                               struct ast_node *lower, struct ast_node *upper)
{
    struct ast_a_indices *n = ast_to(a_indices, build_node(ps, AST_a_indices, start));
    n->is_slice = is_slice;
    n->lower = lower;
    n->upper = upper;
    return &n->node;
}

/* ---- operators ---- */

static struct ast_a_expr *new_expr(struct parse_state *ps, enum ast_a_expr_kind kind,
                                   struct ast_list *name, uint32_t start, uint32_t at,
                                   struct ast_list *args)
{
    struct ast_a_expr *n = ast_to(a_expr, build_node(ps, AST_a_expr, start));
    n->kind = kind;
    n->name = name;
    n->args = args;
    n->node.at = at;
    ast_offsets_add(ps->arena, &n->ops, at);
    return n;
}

struct ast_node *build_expr(struct parse_state *ps, enum ast_a_expr_kind kind, const char *name,
                            struct ast_node *left, struct parse_token op, struct ast_list *args)
{
    struct ast_list *names = LIST1(build_string(ps, op.start, op.end, name));
    return &new_expr(ps, kind, names, left ? left->start : op.start, op.start, args)->node;
}

static bool same_name(const struct ast_list *a, const struct ast_list *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (strcmp(ast_string_at(a, i), ast_string_at(b, i)) != 0)
            return false;
    return true;
}

struct ast_node *build_named_op(struct parse_state *ps, struct ast_node *left,
                                struct ast_list *name, struct ast_node *right)
{
    uint32_t at = name->items[0]->start;
    struct ast_a_expr *chain = ast_to(a_expr, left);
    if (ast_is(a_expr, left) && chain->kind == AST_EXPR_OP && chain->args->count > 1 &&
        same_name(chain->name, name)) {
        chain->args = ADD(chain->args, right);
        ast_offsets_add(ps->arena, &chain->ops, at);
        left->at = at;
        left->end = ps->prev_end;
        return left;
    }
    return &new_expr(ps, AST_EXPR_OP, name, left->start, at, LIST2(left, right))->node;
}

struct ast_node *build_op(struct parse_state *ps, struct ast_node *left, struct parse_token op,
                          struct ast_node *right)
{
    return build_named_op(ps, left, LIST1(STRING(op)), right);
}

/* Comparisons do not associate, so a chain of them was written with brackets: it stays nested. */
struct ast_node *build_compare(struct parse_state *ps, struct ast_node *left, struct parse_token op,
                               struct ast_node *right)
{
    return build_expr(ps, AST_EXPR_OP, op.text, left, op, LIST2(left, right));
}

struct ast_node *build_prefix_op(struct parse_state *ps, struct parse_token op,
                                 struct ast_node *arg)
{
    return build_expr(ps, AST_EXPR_OP, op.text, NULL, op, LIST1(arg));
}

struct ast_node *build_named_prefix_op(struct parse_state *ps, struct ast_list *name,
                                       struct ast_node *arg)
{
    uint32_t at = name->items[0]->start;
    return &new_expr(ps, AST_EXPR_OP, name, at, at, LIST1(arg))->node;
}

struct ast_node *build_negate(struct parse_state *ps, struct parse_token op, struct ast_node *arg)
{
    struct ast_a_const *c = ast_to(a_const, arg);
    if (!ast_is(a_const, arg) || (c->kind != AST_CONST_INT && c->kind != AST_CONST_FLOAT))
        return build_prefix_op(ps, op, arg);
    arg->start = arg->at = op.start;
    arg->end = ps->prev_end;
    if (c->kind == AST_CONST_INT)
        c->ival = -c->ival;
    else
        c->text = c->text[0] == '-' ? c->text + 1 : arena_printf(ps->arena, "-%s", c->text);
    return arg;
}

struct ast_node *build_and_or(struct parse_state *ps, enum ast_bool_kind kind,
                              struct ast_node *left, struct parse_token op, struct ast_node *right)
{
    struct ast_bool_expr *chain = ast_to(bool_expr, left);
    if (!ast_is(bool_expr, left) || chain->kind != kind) {
        chain = NEW(bool_expr, left);
        chain->kind = kind;
        chain->args = LIST1(left);
    }
    chain->args = ADD(chain->args, right);
    ast_offsets_add(ps->arena, &chain->ops, op.start);
    chain->node.at = op.start;
    chain->node.end = ps->prev_end;
    return &chain->node;
}

struct ast_node *build_not(struct parse_state *ps, struct parse_token op, struct ast_node *arg)
{
    struct ast_bool_expr *n = NEW(bool_expr, op);
    n->kind = AST_BOOL_NOT;
    n->args = LIST1(arg);
    n->node.at = op.start;
    return &n->node;
}

struct ast_node *build_match(struct parse_state *ps, enum ast_a_expr_kind kind, const char *name,
                             struct ast_node *value, struct parse_token op,
                             struct ast_node *pattern, struct ast_node *escape)
{
    struct ast_list *args = LIST2(value, pattern);
    if (escape)
        args = ADD(args, escape);
    return build_expr(ps, kind, name, value, op, args);
}

static struct ast_node *negated_if(struct parse_state *ps, bool negated, struct parse_token op,
                                   struct ast_node *expr)
{
    if (!negated)
        return expr;
    struct ast_node *n = build_not(ps, op, expr);
    n->start = expr->start;
    return n;
}

struct ast_node *build_in(struct parse_state *ps, struct ast_node *left, struct parse_token op,
                          struct ast_node *right, bool negated)
{
    if (ast_is(sub_link, right)) {
        ast_to(sub_link, right)->test = left;
        right->start = left->start;
        right->at = op.start;
        return negated_if(ps, negated, op, right);
    }
    struct ast_list *args = build_concat(ps, LIST1(left), ast_to(node_list, right)->items);
    return build_expr(ps, AST_EXPR_IN, negated ? "<>" : "=", left, op, args);
}

struct ast_node *build_op_any_all(struct parse_state *ps, enum ast_a_expr_kind kind,
                                  struct ast_node *left, struct ast_list *name,
                                  struct ast_node *right)
{
    return &new_expr(ps, kind, name, left->start, name->items[0]->start, LIST2(left, right))->node;
}

struct ast_node *build_null_test(struct parse_state *ps, struct ast_node *arg,
                                 struct parse_token op, bool is_not)
{
    struct ast_null_test *n = NEW(null_test, arg);
    n->arg = arg;
    n->is_not = is_not;
    n->node.at = op.start;
    return &n->node;
}

struct ast_node *build_bool_test(struct parse_state *ps, struct ast_node *arg,
                                 struct parse_token op, enum ast_bool_test_kind kind)
{
    struct ast_boolean_test *n = NEW(boolean_test, arg);
    n->arg = arg;
    n->kind = kind;
    n->node.at = op.start;
    return &n->node;
}

struct ast_node *build_overlaps(struct parse_state *ps, struct ast_node *left,
                                struct parse_token op, struct ast_node *right)
{
    struct ast_list *a = ast_to(row_expr, left)->args;
    struct ast_list *b = ast_to(row_expr, right)->args;
    if (ast_count(a) != 2)
        build_error(ps, ERR_SYNTAX_ERROR, left->start,
                    "wrong number of parameters on left side of OVERLAPS expression");
    if (ast_count(b) != 2)
        build_error(ps, ERR_SYNTAX_ERROR, right->start,
                    "wrong number of parameters on right side of OVERLAPS expression");
    return build_sql_call(ps, left->start, op.start, "overlaps", build_concat(ps, a, b));
}

struct ast_node *build_is_normalized(struct parse_state *ps, struct ast_node *arg,
                                     struct parse_token op, const struct parse_token *form,
                                     bool negated)
{
    struct ast_list *args = LIST1(arg);
    if (form)
        args = ADD(args, build_text_const(ps, AST_CONST_STRING, *form));
    return negated_if(ps, negated, op,
                      build_sql_call(ps, arg->start, op.start, "is_normalized", args));
}

struct ast_node *build_cast(struct parse_state *ps, uint32_t start, uint32_t at,
                            struct ast_node *arg, struct ast_type_name *type)
{
    struct ast_type_cast *n = ast_to(type_cast, build_node(ps, AST_type_cast, start));
    n->arg = arg;
    n->type = type;
    n->node.at = at;
    return &n->node;
}

struct ast_node *build_typed_literal(struct parse_state *ps, struct ast_type_name *type,
                                     struct parse_token literal)
{
    return build_cast(ps, type->node.start, type->node.start,
                      build_text_const(ps, AST_CONST_STRING, literal), type);
}

struct ast_node *build_sub_link(struct parse_state *ps, uint32_t start, enum ast_sub_link_kind kind,
                                struct ast_node *test, struct ast_list *oper,
                                struct ast_node *query)
{
    struct ast_sub_link *n = ast_to(sub_link, build_node(ps, AST_sub_link, start));
    n->kind = kind;
    n->test = test;
    n->oper = oper;
    n->query = query;
    return &n->node;
}

/* ---- calls and bracketed things ---- */

struct ast_func_call *build_call(struct parse_state *ps, struct ast_list *name,
                                 struct ast_list *args)
{
    struct ast_func_call *n = NEW(func_call, name->items[0]);
    n->name = name;
    n->args = args;
    return n;
}

struct ast_node *build_call_clauses(struct parse_state *ps, struct ast_func_call *call,
                                    struct ast_list *within_group, struct ast_node *filter,
                                    struct ast_window_def *over)
{
    if (within_group) {
        uint32_t at = within_group->items[0]->start;
        if (call->order_by)
            build_error(ps, ERR_SYNTAX_ERROR, at,
                        "cannot use multiple ORDER BY clauses with WITHIN GROUP");
        if (call->distinct)
            build_error(ps, ERR_SYNTAX_ERROR, at, "cannot use DISTINCT with WITHIN GROUP");
        if (call->variadic)
            build_error(ps, ERR_SYNTAX_ERROR, at, "cannot use VARIADIC with WITHIN GROUP");
        call->order_by = within_group;
        call->within_group = true;
    }
    call->filter = filter;
    call->over = over;
    call->node.end = ps->prev_end;
    return &call->node;
}

struct ast_node *build_sql_call(struct parse_state *ps, uint32_t start, uint32_t at,
                                const char *name, struct ast_list *args)
{
    struct ast_func_call *n = ast_to(func_call, build_node(ps, AST_func_call, start));
    n->name = ast_name_list(ps->arena, "pg_catalog", name);
    n->args = args;
    n->form = AST_FORM_SQL;
    n->node.at = at;
    return &n->node;
}

struct ast_node *build_plain_call(struct parse_state *ps, uint32_t start, const char *name,
                                  struct ast_list *args)
{
    struct ast_func_call *n = ast_to(func_call, build_node(ps, AST_func_call, start));
    n->name = ast_name_list(ps->arena, NULL, name);
    n->args = args;
    return &n->node;
}

/* SQL has no start here; PostgreSQL's functions want one, and the length to be an integer. */
struct ast_list *build_substring_for(struct parse_state *ps, struct ast_node *string,
                                     struct ast_node *length)
{
    struct ast_type_name *type = build_system_type(ps, length->start, "int4", NULL);
    return LIST3(string, build_int_const(ps, length->start, 1),
                 build_cast(ps, length->start, length->start, length, type));
}

struct ast_node *build_sql_value(struct parse_state *ps, struct parse_token token,
                                 enum ast_sql_value_kind kind, int typmod)
{
    struct ast_sql_value_function *n = NEW(sql_value_function, token);
    n->kind = kind;
    n->typmod = typmod;
    return &n->node;
}

struct ast_node *build_row(struct parse_state *ps, uint32_t start, struct ast_list *args,
                           bool is_explicit)
{
    struct ast_row_expr *n = ast_to(row_expr, build_node(ps, AST_row_expr, start));
    n->args = args;
    n->is_explicit = is_explicit;
    return &n->node;
}

struct ast_node *build_array(struct parse_state *ps, uint32_t start, struct ast_list *elements)
{
    struct ast_array_expr *n = ast_to(array_expr, build_node(ps, AST_array_expr, start));
    n->elements = elements;
    return &n->node;
}

struct ast_node *build_named_arg(struct parse_state *ps, struct parse_token name,
                                 struct ast_node *arg)
{
    struct ast_named_arg *n = NEW(named_arg, name);
    n->name = name.text;
    n->arg = arg;
    return &n->node;
}

struct ast_node *build_unsupported(struct parse_state *ps, struct parse_token token,
                                   const char *name, struct ast_list *args)
{
    struct ast_unsupported_expr *n = NEW(unsupported_expr, token);
    n->name = name;
    n->args = args;
    return &n->node;
}

struct ast_node *build_unsupported_on(struct parse_state *ps, struct ast_node *arg,
                                      const char *name)
{
    struct ast_unsupported_expr *n = NEW(unsupported_expr, arg);
    n->name = name;
    n->args = LIST1(arg);
    return &n->node;
}

struct ast_node *build_unsupported_table(struct parse_state *ps, struct ast_node *expr,
                                         struct ast_alias *alias, bool lateral)
{
    struct ast_range_function *n = NEW(range_function, expr);
    n->functions = LIST1(build_function_item(ps, expr, NULL));
    n->alias = alias;
    n->lateral = lateral;
    return &n->node;
}

struct ast_node *build_unsupported_stmt(struct parse_state *ps, uint32_t start, const char *name)
{
    struct ast_unsupported_stmt *n =
        ast_to(unsupported_stmt, build_node(ps, AST_unsupported_stmt, start));
    n->name = name;
    return &n->node;
}

/* ---- types ---- */

struct ast_type_name *build_system_type(struct parse_state *ps, uint32_t start, const char *name,
                                        struct ast_list *typmods)
{
    struct ast_type_name *n = ast_to(type_name, build_node(ps, AST_type_name, start));
    n->names = ast_name_list(ps->arena, "pg_catalog", name);
    n->typmods = typmods;
    return n;
}

struct ast_type_name *build_float_type(struct parse_state *ps, uint32_t start,
                                       struct parse_token precision)
{
    if (precision.value < 1)
        build_error(ps, ERR_INVALID_PARAMETER_VALUE, precision.start,
                    "precision for type float must be at least 1 bit");
    if (precision.value > 53)
        build_error(ps, ERR_INVALID_PARAMETER_VALUE, precision.start,
                    "precision for type float must be less than 54 bits");
    return build_system_type(ps, start, precision.value <= 24 ? "float4" : "float8", NULL);
}

struct ast_list *build_interval_typmods(struct parse_state *ps, int mask,
                                        const struct parse_token *precision)
{
    struct ast_list *typmods = LIST1(build_int_const(ps, ps->prev_start, mask));
    return precision ? ADD(typmods, build_int_const(ps, precision->start, precision->value))
                     : typmods;
}

struct ast_type_name *build_type_of_name(struct parse_state *ps, struct ast_list *name,
                                         struct ast_list *typmods)
{
    struct ast_type_name *n = NEW(type_name, name->items[0]);
    n->node.end = name->items[name->count - 1]->end;
    n->names = name;
    n->typmods = typmods;
    return n;
}

struct ast_type_name *build_type_of_call(struct parse_state *ps, struct ast_list *name,
                                         struct ast_list *args, struct ast_list *order_by)
{
    for (uint32_t i = 0; i < args->count; i++)
        if (ast_is(named_arg, args->items[i]))
            build_error(ps, ERR_SYNTAX_ERROR, args->items[i]->start,
                        "type modifier cannot have parameter name");
    if (order_by)
        build_error(ps, ERR_SYNTAX_ERROR, order_by->items[0]->start,
                    "type modifier cannot have ORDER BY");
    return build_type_of_name(ps, name, args);
}
