#include "parser/ast_print_int.h"

#include <stdio.h>
#include <string.h>

#include "parser/parser.h"

struct part {
    const char *text;
    const struct ast_node *node;
};

struct printer {
    struct arena *arena;
    struct part *parts; /* a stack */
    size_t count;
    size_t capacity;
    char *out;
    size_t len;
    size_t bytes;
};

/* ---- parts ---- */

static void push_part(struct printer *p, struct part part)
{
    if (p->count == p->capacity) {
        size_t capacity = p->capacity ? p->capacity * 2 : 128;
        struct part *grown = arena_alloc(p->arena, capacity * sizeof *grown);
        if (p->count)
            memcpy(grown, p->parts, p->count * sizeof *grown);
        p->parts = grown;
        p->capacity = capacity;
    }
    p->parts[p->count++] = part;
}

void print_text(struct printer *p, const char *text)
{
    push_part(p, (struct part){.text = text});
}

void print_format(struct printer *p, const char *fmt, ...)
{
    char text[128];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    print_text(p, arena_strdup(p->arena, text));
}

static bool needs_quotes(const char *name)
{
    if (!((name[0] >= 'a' && name[0] <= 'z') || name[0] == '_'))
        return true;
    for (const char *c = name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_'))
            return true;
    enum keyword_class class = parse_keyword_class(name);
    return class != KEYWORD_NONE && class != KEYWORD_UNRESERVED;
}

static const char *quote_with(struct arena *arena, const char *text, char quote, const char *before,
                              bool backslash)
{
    size_t len = strlen(text);
    char *out = arena_alloc(arena, 2 * len + 8);
    char *at = stpcpy(out, before);
    *at++ = quote;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == quote || (backslash && text[i] == '\\'))
            *at++ = text[i];
        *at++ = text[i];
    }
    *at++ = quote;
    *at = 0;
    return out;
}

const char *ast_print_name(struct arena *arena, const char *name)
{
    return needs_quotes(name) ? quote_with(arena, name, '"', "", false) : name;
}

const char *ast_print_literal(struct arena *arena, const char *text)
{
    bool backslash = strchr(text, '\\') != NULL;
    return quote_with(arena, text, '\'', backslash ? "E" : "", backslash);
}

void print_name(struct printer *p, const char *name)
{
    print_text(p, ast_print_name(p->arena, name));
}

void print_name_copy(struct printer *p, const char *name)
{
    print_name(p, arena_strdup(p->arena, name));
}

void print_literal(struct printer *p, const char *text)
{
    print_text(p, ast_print_literal(p->arena, text));
}

void print_child(struct printer *p, const void *node)
{
    if (node)
        push_part(p, (struct part){.node = node});
}

void print_list(struct printer *p, const struct ast_list *list, const char *separator)
{
    for (uint32_t i = 0; i < ast_count(list); i++) {
        if (i)
            print_text(p, separator);
        print_child(p, list->items[i]);
    }
}

void print_dotted(struct printer *p, const struct ast_list *name)
{
    for (uint32_t i = 0; i < ast_count(name); i++) {
        if (i)
            print_text(p, ".");
        if (ast_is(string, name->items[i]))
            print_name(p, ast_string_at(name, i));
        else
            print_text(p, "*");
    }
}

void print_strings(struct printer *p, const struct ast_list *names)
{
    for (uint32_t i = 0; i < ast_count(names); i++) {
        if (i)
            print_text(p, ", ");
        print_name(p, ast_string_at(names, i));
    }
}

void print_columns(struct printer *p, const struct ast_list *names)
{
    if (!names)
        return;
    print_text(p, " (");
    print_strings(p, names);
    print_text(p, ")");
}

void print_clause(struct printer *p, const char *before, const void *node)
{
    if (!node)
        return;
    print_text(p, before);
    print_child(p, node);
}

void print_operator(struct printer *p, const struct ast_list *name)
{
    if (name->count == 1) {
        print_text(p, ast_string_at(name, 0));
        return;
    }
    print_text(p, "OPERATOR(");
    for (uint32_t i = 0; i + 1 < name->count; i++) {
        print_name(p, ast_string_at(name, i));
        print_text(p, ".");
    }
    print_text(p, ast_string_at(name, name->count - 1));
    print_text(p, ")");
}

/* ---- types ---- */

static const struct type_word {
    const char *name;
    const char *word;
    const char *after; /* behind the type modifier */
} type_words[] = {{"int2", "smallint", ""},
                  {"int4", "integer", ""},
                  {"int8", "bigint", ""},
                  {"float4", "real", ""},
                  {"float8", "double precision", ""},
                  {"bool", "boolean", ""},
                  {"numeric", "numeric", ""},
                  {"varchar", "character varying", ""},
                  {"time", "time", " without time zone"},
                  {"timetz", "time", " with time zone"},
                  {"timestamp", "timestamp", " without time zone"},
                  {"timestamptz", "timestamp", " with time zone"},
                  {"varbit", "bit varying", ""}};

static const struct type_word *find_type_word(const struct ast_type_name *type)
{
    if (ast_count(type->names) != 2 || strcmp(ast_string_at(type->names, 0), "pg_catalog") != 0)
        return NULL;
    for (size_t i = 0; i < sizeof type_words / sizeof type_words[0]; i++)
        if (strcmp(ast_string_at(type->names, 1), type_words[i].name) == 0)
            return &type_words[i];
    return NULL;
}

static void print_typmods(struct printer *p, const struct ast_list *typmods)
{
    if (!typmods)
        return;
    print_text(p, "(");
    print_list(p, typmods, ", ");
    print_text(p, ")");
}

static bool is_int_const(const struct ast_node *n)
{
    return ast_is(a_const, n) && ast_to(a_const, n)->kind == AST_CONST_INT;
}

/* interval with its fields, when its modifiers are what the grammar makes of them. */
static bool print_interval(struct printer *p, const struct ast_type_name *type)
{
    static const struct {
        int mask;
        const char *fields;
    } masks[] = {{1 << 2, " year"},
                 {1 << 1, " month"},
                 {1 << 3, " day"},
                 {1 << 10, " hour"},
                 {1 << 11, " minute"},
                 {1 << 12, " second"},
                 {1 << 2 | 1 << 1, " year to month"},
                 {1 << 3 | 1 << 10, " day to hour"},
                 {1 << 3 | 1 << 10 | 1 << 11, " day to minute"},
                 {1 << 3 | 1 << 10 | 1 << 11 | 1 << 12, " day to second"},
                 {1 << 10 | 1 << 11, " hour to minute"},
                 {1 << 10 | 1 << 11 | 1 << 12, " hour to second"},
                 {1 << 11 | 1 << 12, " minute to second"}};
    if (ast_count(type->names) != 2 || strcmp(ast_string_at(type->names, 0), "pg_catalog") != 0 ||
        strcmp(ast_string_at(type->names, 1), "interval") != 0)
        return false;
    uint32_t n = ast_count(type->typmods);
    if (n > 2 || (n > 0 && !is_int_const(type->typmods->items[0])) ||
        (n > 1 && !is_int_const(type->typmods->items[1])))
        return false;
    int64_t mask = n ? ast_to(a_const, type->typmods->items[0])->ival : 0x7fff;
    int64_t precision = n > 1 ? ast_to(a_const, type->typmods->items[1])->ival : -1;
    const char *fields = mask == 0x7fff && n != 1 ? "" : NULL;
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++)
        if (masks[i].mask == mask && (n < 2 || mask & 1 << 12))
            fields = masks[i].fields;
    if (!fields)
        return false;
    print_text(p, "interval");
    print_text(p, fields);
    if (n > 1)
        print_format(p, "(%lld)", (long long)precision);
    return true;
}

static void print_type_base(struct printer *p, const struct ast_type_name *type)
{
    const struct type_word *word = find_type_word(type);
    if (word) {
        print_text(p, word->word);
        print_typmods(p, type->typmods);
        print_text(p, word->after);
    } else if (!print_interval(p, type)) {
        print_dotted(p, type->names);
        print_typmods(p, type->typmods);
    }
}

static void print_type_name(struct printer *p, const void *node)
{
    const struct ast_type_name *type = node;
    if (type->setof)
        print_text(p, "SETOF ");
    if (type->percent_type) {
        print_dotted(p, type->names);
        print_text(p, "%TYPE");
    } else {
        print_type_base(p, type);
    }
    for (uint32_t i = 0; i < ast_count(type->array_bounds); i++) {
        int64_t bound = ast_to(integer, type->array_bounds->items[i])->value;
        if (bound < 0)
            print_text(p, "[]");
        else
            print_format(p, "[%lld]", (long long)bound);
    }
}

/* ---- expressions ---- */

static bool is_infix_call(const struct ast_func_call *call)
{
    if (call->form != AST_FORM_SQL)
        return false;
    const char *name = ast_string_at(call->name, call->name->count - 1);
    return strcmp(name, "timezone") == 0 || strcmp(name, "overlaps") == 0 ||
           strcmp(name, "is_normalized") == 0;
}

static bool is_one_piece(const struct ast_node *n)
{
    switch (ast_tag_of(n)) {
    case AST_a_const: {
        const struct ast_a_const *c = ast_to(a_const, n);
        return !(c->kind == AST_CONST_INT && c->ival < 0) &&
               !(c->kind == AST_CONST_FLOAT && c->text[0] == '-');
    }
    case AST_func_call:
        return !is_infix_call(ast_to(func_call, n));
    case AST_sub_link:
        return !ast_to(sub_link, n)->test;
    case AST_a_expr:
        return ast_to(a_expr, n)->kind == AST_EXPR_NULLIF;
    case AST_column_ref:
    case AST_param_ref:
    case AST_a_indirection:
    case AST_array_expr:
    case AST_row_expr:
    case AST_case_expr:
    case AST_coalesce_expr:
    case AST_min_max_expr:
    case AST_sql_value_function:
    case AST_grouping_func:
        return true;
    default:
        return false;
    }
}

void print_operand(struct printer *p, const struct ast_node *n)
{
    if (is_one_piece(n)) {
        print_child(p, n);
        return;
    }
    print_text(p, "(");
    print_child(p, n);
    print_text(p, ")");
}

static void print_a_const(struct printer *p, const void *node)
{
    const struct ast_a_const *c = node;
    switch (c->kind) {
    case AST_CONST_NULL:
        print_text(p, "NULL");
        break;
    case AST_CONST_INT:
        print_format(p, "%lld", (long long)c->ival);
        break;
    case AST_CONST_FLOAT:
        print_text(p, c->text);
        break;
    case AST_CONST_STRING:
        print_literal(p, c->text);
        break;
    case AST_CONST_BIT:
        print_text(p, c->text[0] == 'x' ? "X" : "B");
        print_text(p, quote_with(p->arena, c->text + 1, '\'', "", false)); /* has no escapes */
        break;
    case AST_CONST_BOOL:
        print_text(p, c->ival ? "TRUE" : "FALSE");
        break;
    }
}

static void print_column_ref(struct printer *p, const void *node)
{
    print_dotted(p, ast_to(column_ref, node)->fields);
}

static void print_param_ref(struct printer *p, const void *node)
{
    print_format(p, "$%lld", (long long)ast_to(param_ref, node)->number);
}

static void print_chain(struct printer *p, const struct ast_a_expr *e)
{
    if (e->args->count == 1) {
        print_operator(p, e->name);
        print_text(p, " ");
        print_operand(p, e->args->items[0]);
        return;
    }
    for (uint32_t i = 0; i < e->args->count; i++) {
        if (i) {
            print_text(p, " ");
            print_operator(p, e->name);
            print_text(p, " ");
        }
        print_operand(p, e->args->items[i]);
    }
}

static void print_match(struct printer *p, const struct ast_a_expr *e, const char *word)
{
    print_operand(p, e->args->items[0]);
    print_text(p, ast_string_at(e->name, 0)[0] == '!' ? " NOT " : " ");
    print_text(p, word);
    print_operand(p, e->args->items[1]);
    if (e->args->count > 2) {
        print_text(p, " ESCAPE ");
        print_operand(p, e->args->items[2]);
    }
}

static void print_between(struct printer *p, const struct ast_a_expr *e, const char *word)
{
    print_operand(p, e->args->items[0]);
    print_text(p, word);
    print_operand(p, e->args->items[1]);
    print_text(p, " AND ");
    print_operand(p, e->args->items[2]);
}

static void print_two(struct printer *p, const struct ast_a_expr *e, const char *word)
{
    print_operand(p, e->args->items[0]);
    print_text(p, word);
    print_operand(p, e->args->items[1]);
}

static void print_in(struct printer *p, const struct ast_a_expr *e)
{
    print_operand(p, e->args->items[0]);
    print_text(p, strcmp(ast_string_at(e->name, 0), "=") == 0 ? " IN (" : " NOT IN (");
    for (uint32_t i = 1; i < e->args->count; i++) {
        if (i > 1)
            print_text(p, ", ");
        print_child(p, e->args->items[i]);
    }
    print_text(p, ")");
}

static void print_any_all(struct printer *p, const struct ast_a_expr *e, const char *word)
{
    print_operand(p, e->args->items[0]);
    print_text(p, " ");
    print_operator(p, e->name);
    print_text(p, word);
    print_child(p, e->args->items[1]);
    print_text(p, ")");
}

static void print_a_expr(struct printer *p, const void *node)
{
    const struct ast_a_expr *e = node;
    switch (e->kind) {
    case AST_EXPR_OP:
        print_chain(p, e);
        break;
    case AST_EXPR_OP_ANY:
        print_any_all(p, e, " ANY (");
        break;
    case AST_EXPR_OP_ALL:
        print_any_all(p, e, " ALL (");
        break;
    case AST_EXPR_DISTINCT:
        print_two(p, e, " IS DISTINCT FROM ");
        break;
    case AST_EXPR_NOT_DISTINCT:
        print_two(p, e, " IS NOT DISTINCT FROM ");
        break;
    case AST_EXPR_NULLIF:
        print_text(p, "NULLIF(");
        print_list(p, e->args, ", ");
        print_text(p, ")");
        break;
    case AST_EXPR_IN:
        print_in(p, e);
        break;
    case AST_EXPR_LIKE:
        print_match(p, e, "LIKE ");
        break;
    case AST_EXPR_ILIKE:
        print_match(p, e, "ILIKE ");
        break;
    case AST_EXPR_SIMILAR:
        print_match(p, e, "SIMILAR TO ");
        break;
    case AST_EXPR_BETWEEN:
        print_between(p, e, " BETWEEN ");
        break;
    case AST_EXPR_NOT_BETWEEN:
        print_between(p, e, " NOT BETWEEN ");
        break;
    case AST_EXPR_BETWEEN_SYM:
        print_between(p, e, " BETWEEN SYMMETRIC ");
        break;
    case AST_EXPR_NOT_BETWEEN_SYM:
        print_between(p, e, " NOT BETWEEN SYMMETRIC ");
        break;
    }
}

static void print_bool_expr(struct printer *p, const void *node)
{
    const struct ast_bool_expr *e = node;
    if (e->kind == AST_BOOL_NOT)
        print_text(p, "NOT ");
    for (uint32_t i = 0; i < e->args->count; i++) {
        if (i)
            print_text(p, e->kind == AST_BOOL_AND ? " AND " : " OR ");
        print_operand(p, e->args->items[i]);
    }
}

static void print_null_test(struct printer *p, const void *node)
{
    const struct ast_null_test *t = node;
    print_operand(p, t->arg);
    print_text(p, t->is_not ? " IS NOT NULL" : " IS NULL");
}

static void print_boolean_test(struct printer *p, const void *node)
{
    static const char *const words[] = {" IS TRUE",      " IS NOT TRUE", " IS FALSE",
                                        " IS NOT FALSE", " IS UNKNOWN",  " IS NOT UNKNOWN"};
    const struct ast_boolean_test *t = node;
    print_operand(p, t->arg);
    print_text(p, words[t->kind]);
}

/* SQL's own spelling of a call, in the pieces between its arguments. */
static bool print_sql_form(struct printer *p, const struct ast_func_call *c)
{
    static const struct {
        const char *name;
        uint32_t args;
        const char *pieces[5];
    } forms[] = {{"extract", 2, {"EXTRACT(", " FROM ", ")"}},
                 {"overlay", 3, {"OVERLAY(", " PLACING ", " FROM ", ")"}},
                 {"overlay", 4, {"OVERLAY(", " PLACING ", " FROM ", " FOR ", ")"}},
                 {"substring", 2, {"SUBSTRING(", " FROM ", ")"}},
                 {"substring", 3, {"SUBSTRING(", " FROM ", " FOR ", ")"}},
                 {"normalize", 1, {"NORMALIZE(", ")"}},
                 {"pg_collation_for", 1, {"COLLATION FOR (", ")"}},
                 {"is_normalized", 1, {"", " IS NORMALIZED"}},
                 {"overlaps", 4, {"(", ", ", ") OVERLAPS (", ", ", ")"}}};
    const char *name = ast_string_at(c->name, c->name->count - 1);
    for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
        if (strcmp(forms[f].name, name) != 0 || forms[f].args != ast_count(c->args))
            continue;
        print_text(p, forms[f].pieces[0]);
        for (uint32_t i = 0; i < c->args->count; i++) {
            if (strcmp(name, "is_normalized") == 0)
                print_operand(p, c->args->items[i]);
            else
                print_child(p, c->args->items[i]);
            print_text(p, forms[f].pieces[i + 1]);
        }
        return true;
    }
    return false;
}

static bool print_odd_sql_form(struct printer *p, const struct ast_func_call *c)
{
    const char *name = ast_string_at(c->name, c->name->count - 1);
    struct ast_node **args = c->args->items;
    if (strcmp(name, "timezone") == 0) {
        print_operand(p, args[1]);
        print_text(p, " AT TIME ZONE ");
        print_operand(p, args[0]);
    } else if (strcmp(name, "position") == 0) {
        print_text(p, "POSITION(");
        print_operand(p, args[1]);
        print_text(p, " IN ");
        print_operand(p, args[0]);
        print_text(p, ")");
    } else if (strcmp(name, "btrim") == 0 || strcmp(name, "ltrim") == 0 ||
               strcmp(name, "rtrim") == 0) {
        print_text(p, name[0] == 'b'   ? "TRIM(BOTH FROM "
                      : name[0] == 'l' ? "TRIM(LEADING FROM "
                                       : "TRIM(TRAILING FROM ");
        print_list(p, c->args, ", ");
        print_text(p, ")");
    } else if (strcmp(name, "normalize") == 0) {
        print_text(p, "NORMALIZE(");
        print_child(p, args[0]);
        print_format(p, ", %s)", ast_to(a_const, args[1])->text);
    } else if (strcmp(name, "is_normalized") == 0) {
        print_operand(p, args[0]);
        print_format(p, " IS %s NORMALIZED", ast_to(a_const, args[1])->text);
    } else {
        print_text(p, "TREAT(");
        print_child(p, args[0]);
        print_text(p, " AS pg_catalog.");
        print_name(p, name);
        print_text(p, ")");
    }
    return true;
}

static void print_call_args(struct printer *p, const struct ast_func_call *c)
{
    if (c->star)
        print_text(p, "*");
    if (c->distinct)
        print_text(p, "DISTINCT ");
    for (uint32_t i = 0; i < ast_count(c->args); i++) {
        if (i)
            print_text(p, ", ");
        if (c->variadic && i + 1 == c->args->count)
            print_text(p, "VARIADIC ");
        print_child(p, c->args->items[i]);
    }
    if (c->order_by && !c->within_group) {
        print_text(p, " ORDER BY ");
        print_list(p, c->order_by, ", ");
    }
}

static void print_func_call(struct printer *p, const void *node)
{
    const struct ast_func_call *c = node;
    if (c->form == AST_FORM_SQL && (print_sql_form(p, c) || print_odd_sql_form(p, c)))
        return;
    const char *name = ast_string_at(c->name, 0);
    if (c->name->count == 1 && (strcmp(name, "rollup") == 0 || strcmp(name, "cube") == 0))
        print_text(p, quote_with(p->arena, name, '"', "", false)); /* bare, GROUP BY takes it */
    else
        print_dotted(p, c->name);
    print_text(p, "(");
    print_call_args(p, c);
    print_text(p, ")");
    if (c->within_group) {
        print_text(p, " WITHIN GROUP (ORDER BY ");
        print_list(p, c->order_by, ", ");
        print_text(p, ")");
    }
    if (c->filter) {
        print_clause(p, " FILTER (WHERE ", c->filter);
        print_text(p, ")");
    }
    if (c->over && c->over->name) {
        print_text(p, " OVER ");
        print_name(p, c->over->name);
    } else {
        print_clause(p, " OVER ", c->over);
    }
}

static void print_named_arg(struct printer *p, const void *node)
{
    const struct ast_named_arg *a = node;
    print_name(p, a->name);
    print_clause(p, " => ", a->arg);
}

static void print_type_cast(struct printer *p, const void *node)
{
    const struct ast_type_cast *c = node;
    print_operand(p, c->arg);
    print_clause(p, "::", c->type);
}

static void print_collate_clause(struct printer *p, const void *node)
{
    const struct ast_collate_clause *c = node;
    if (c->arg)
        print_operand(p, c->arg);
    print_text(p, c->arg ? " COLLATE " : "COLLATE ");
    print_dotted(p, c->name);
}

void print_indirection(struct printer *p, const struct ast_list *indirection)
{
    for (uint32_t i = 0; i < ast_count(indirection); i++) {
        const struct ast_node *part = indirection->items[i];
        const struct ast_a_indices *index = ast_to(a_indices, part);
        if (ast_is(star, part)) {
            print_text(p, ".*");
        } else if (ast_is(string, part)) {
            print_text(p, ".");
            print_name(p, ast_to(string, part)->text);
        } else {
            print_text(p, "[");
            if (index->is_slice) {
                print_child(p, index->lower);
                print_text(p, ":");
            }
            print_child(p, index->upper);
            print_text(p, "]");
        }
    }
}

static void print_a_indirection(struct printer *p, const void *node)
{
    const struct ast_a_indirection *i = node;
    bool bare = ast_is(column_ref, i->arg) && ast_is(a_indices, i->indirection->items[0]);
    print_text(p, bare ? "" : "(");
    print_child(p, i->arg);
    print_text(p, bare ? "" : ")");
    print_indirection(p, i->indirection);
}

static void print_array_expr(struct printer *p, const void *node)
{
    print_text(p, "ARRAY[");
    print_list(p, ast_to(array_expr, node)->elements, ", ");
    print_text(p, "]");
}

static void print_row_expr(struct printer *p, const void *node)
{
    const struct ast_row_expr *r = node;
    print_text(p, r->is_explicit ? "ROW(" : "(");
    print_list(p, r->args, ", ");
    print_text(p, ")");
}

static void print_case_expr(struct printer *p, const void *node)
{
    const struct ast_case_expr *c = node;
    print_text(p, "CASE");
    print_clause(p, " ", c->arg);
    for (uint32_t i = 0; i < c->whens->count; i++) {
        const struct ast_case_when *when = ast_to(case_when, c->whens->items[i]);
        print_clause(p, " WHEN ", when->expr);
        print_clause(p, " THEN ", when->result);
    }
    print_clause(p, " ELSE ", c->otherwise);
    print_text(p, " END");
}

static void print_coalesce_expr(struct printer *p, const void *node)
{
    print_text(p, "COALESCE(");
    print_list(p, ast_to(coalesce_expr, node)->args, ", ");
    print_text(p, ")");
}

static void print_min_max_expr(struct printer *p, const void *node)
{
    const struct ast_min_max_expr *m = node;
    print_text(p, m->kind == AST_GREATEST ? "GREATEST(" : "LEAST(");
    print_list(p, m->args, ", ");
    print_text(p, ")");
}

static void print_sql_value_function(struct printer *p, const void *node)
{
    static const char *const words[] = {"CURRENT_DATE",    "CURRENT_TIME",   "CURRENT_TIMESTAMP",
                                        "LOCALTIME",       "LOCALTIMESTAMP", "CURRENT_ROLE",
                                        "CURRENT_USER",    "USER",           "SESSION_USER",
                                        "CURRENT_CATALOG", "CURRENT_SCHEMA"};
    const struct ast_sql_value_function *f = node;
    print_text(p, words[f->kind]);
    if (f->typmod >= 0)
        print_format(p, "(%lld)", (long long)f->typmod);
}

static void print_sub_link(struct printer *p, const void *node)
{
    const struct ast_sub_link *s = node;
    if (s->test)
        print_operand(p, s->test);
    if (s->oper) {
        print_text(p, " ");
        print_operator(p, s->oper);
    }
    static const char *const words[] = {"(", "EXISTS (", " ANY (", " ALL (", "ARRAY("};
    print_text(p, s->kind == AST_SUB_ANY && !s->oper ? " IN (" : words[s->kind]);
    print_child(p, s->query);
    print_text(p, ")");
}

static void print_grouping_func(struct printer *p, const void *node)
{
    print_text(p, "GROUPING(");
    print_list(p, ast_to(grouping_func, node)->args, ", ");
    print_text(p, ")");
}

static void print_set_to_default(struct printer *p, const void *node)
{
    (void)node;
    print_text(p, "DEFAULT");
}

static void print_current_of(struct printer *p, const void *node)
{
    print_text(p, "CURRENT OF ");
    print_name(p, ast_to(current_of, node)->cursor);
}

static void print_unsupported_expr(struct printer *p, const void *node)
{
    print_text(p, ast_to(unsupported_expr, node)->name);
}

static void print_string_node(struct printer *p, const void *node)
{
    print_literal(p, ast_to(string, node)->text);
}

static void print_integer_node(struct printer *p, const void *node)
{
    print_format(p, "%lld", (long long)ast_to(integer, node)->value);
}

static void print_star_node(struct printer *p, const void *node)
{
    (void)node;
    print_text(p, "*");
}

static void print_node_list(struct printer *p, const void *node)
{
    print_text(p, "(");
    print_list(p, ast_to(node_list, node)->items, ", ");
    print_text(p, ")");
}

/* ---- the driver ---- */

static print_fn *const expr_printers[AST_TAG_COUNT] = {
    [AST_string] = print_string_node,
    [AST_integer] = print_integer_node,
    [AST_star] = print_star_node,
    [AST_node_list] = print_node_list,
    [AST_type_name] = print_type_name,
    [AST_column_ref] = print_column_ref,
    [AST_param_ref] = print_param_ref,
    [AST_a_const] = print_a_const,
    [AST_a_expr] = print_a_expr,
    [AST_bool_expr] = print_bool_expr,
    [AST_null_test] = print_null_test,
    [AST_boolean_test] = print_boolean_test,
    [AST_func_call] = print_func_call,
    [AST_named_arg] = print_named_arg,
    [AST_type_cast] = print_type_cast,
    [AST_collate_clause] = print_collate_clause,
    [AST_a_indirection] = print_a_indirection,
    [AST_array_expr] = print_array_expr,
    [AST_row_expr] = print_row_expr,
    [AST_case_expr] = print_case_expr,
    [AST_coalesce_expr] = print_coalesce_expr,
    [AST_min_max_expr] = print_min_max_expr,
    [AST_sql_value_function] = print_sql_value_function,
    [AST_sub_link] = print_sub_link,
    [AST_grouping_func] = print_grouping_func,
    [AST_set_to_default] = print_set_to_default,
    [AST_current_of] = print_current_of,
    [AST_unsupported_expr] = print_unsupported_expr,
};

static void put_text(struct printer *p, const char *text)
{
    size_t len = strlen(text);
    if (p->len + len + 1 > p->bytes) {
        size_t bytes = (p->bytes + len) * 2 + 128;
        char *grown = arena_alloc(p->arena, bytes);
        if (p->len)
            memcpy(grown, p->out, p->len);
        p->out = grown;
        p->bytes = bytes;
    }
    memcpy(p->out + p->len, text, len + 1);
    p->len += len;
}

static print_fn *find_printer(enum ast_tag tag)
{
    print_fn *fn = expr_printers[tag];
    if (!fn)
        fn = print_query_fn(tag);
    if (!fn)
        fn = print_table_fn(tag);
    if (!fn)
        fn = print_stmt_fn(tag);
    return fn ? fn : print_role_fn(tag);
}

char *ast_print(struct arena *arena, const struct ast_node *node)
{
    struct printer p = {.arena = arena};
    put_text(&p, "");
    print_child(&p, node);
    while (p.count) {
        struct part part = p.parts[--p.count];
        if (part.text) {
            put_text(&p, part.text);
            continue;
        }
        size_t from = p.count;
        print_fn *fn = find_printer((enum ast_tag)part.node->tag);
        if (fn)
            fn(&p, part.node);
        for (size_t i = from, k = p.count; i + 1 < k; i++, k--) {
            struct part swap = p.parts[i];
            p.parts[i] = p.parts[k - 1];
            p.parts[k - 1] = swap;
        }
    }
    return p.out;
}
