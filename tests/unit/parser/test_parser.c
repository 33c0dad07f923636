/* The parser's promises that no golden line shows: precedence, depth, positions, entry points. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parser/ast_print.h"
#include "parser/parser.h"

static struct ast_node *parse_one(struct arena *arena, const char *sql)
{
    struct err err;
    struct parse_result result;
    err_clear(&err);
    if (parse_sql(sql, strlen(sql), arena, NULL, &result, &err))
        fail_msg("%s: %s", sql, err.message);
    assert_int_equal(result.count, 1);
    return result.statements[0].node;
}

static int parse_error(const char *sql, size_t len, struct err *err)
{
    struct arena arena;
    struct parse_result result;
    arena_init(&arena, NULL);
    err_clear(err);
    int rc = parse_sql(sql, len, &arena, NULL, &result, err);
    arena_done(&arena);
    return rc;
}

/* Left: as written. Right: how PostgreSQL 15 reads it, in brackets (what pg_get_viewdef shows). */
static const char *const precedence[][2] = {
    {"a + b * c", "a + (b * c)"},
    {"a * b + c", "(a * b) + c"},
    {"a - b + c", "(a - b) + c"},
    {"a ^ b * c", "(a ^ b) * c"},
    {"a ^ b ^ c", "(a ^ b) ^ c"},
    {"- a ^ b", "(- a) ^ b"},
    {"- a * b", "(- a) * b"},
    {"a || b + c", "a || (b + c)"},
    {"a | b * c & d", "(a | (b * c)) & d"},
    {"a << b + c", "a << (b + c)"},
    {"@ a - b", "@ (a - b)"},
    {"~ a | b", "(~ a) | b"},
    {"a < b + c", "a < (b + c)"},
    {"a < b || c", "a < (b || c)"},
    {"not a = b", "not (a = b)"},
    {"not a and b", "(not a) and b"},
    {"a or b and c", "a or (b and c)"},
    {"a = b is null", "(a = b) is null"},
    {"a < b is true", "(a < b) is true"},
    {"a is null = b", "(a is null) = b"},
    {"not a is null", "not (a is null)"},
    {"a is distinct from b + c", "a is distinct from (b + c)"},
    {"a between b and c and d", "(a between b and c) and d"},
    {"a between b + 1 and c * 2", "a between (b + 1) and (c * 2)"},
    {"a between b and c = d", "(a between b and c) = d"},
    {"a like b || c", "a like (b || c)"},
    {"a || b like c", "(a || b) like c"},
    {"a = b like c", "a = (b like c)"},
    {"a in (1, 2) = b", "(a in (1, 2)) = b"},
    {"a < b in (c)", "a < (b in (c))"},
    {"not a in (1)", "not (a in (1))"},
    {"a + b::int", "a + (b::int)"},
    {"- a::int", "- (a::int)"},
    {"a::int[1]", "a::int[1]"},
    {"a collate \"C\" || b", "(a collate \"C\") || b"},
    {"a || b collate \"C\"", "a || (b collate \"C\")"},
    {"a + b at time zone c", "a + (b at time zone c)"},
    {"- a at time zone b", "(- a) at time zone b"},
    {"a operator(pg_catalog.+) b * c", "a operator(pg_catalog.+) (b * c)"},
    {"a operator(pg_catalog.*) b + c", "a operator(pg_catalog.*) (b + c)"},
    {"a = any (b) and c", "(a = any (b)) and c"},
    {"a + b = any (c)", "(a + b) = any (c)"},
    {"a <= b + c -> d", "a <= ((b + c) -> d)"},
    {"a @> b and c <@ d", "(a @> b) and (c <@ d)"},
    {"a %% b + c", "a %% (b + c)"},
    {"a.b.c[1] + d", "(a.b.c[1]) + d"},
};

static void test_precedence(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    for (size_t i = 0; i < sizeof precedence / sizeof precedence[0]; i++) {
        const char *a = arena_printf(&arena, "select %s", precedence[i][0]);
        const char *b = arena_printf(&arena, "select %s", precedence[i][1]);
        if (!ast_equal(parse_one(&arena, a), parse_one(&arena, b), &arena))
            fail_msg("%s is not %s", a, b);
    }
    arena_done(&arena);
}

/* before, then `unit` n times, middle, `after` n times. */
static char *repeat(const char *before, const char *unit, size_t n, const char *middle,
                    const char *after)
{
    size_t unit_len = strlen(unit), after_len = strlen(after);
    char *text = malloc(strlen(before) + strlen(middle) + n * (unit_len + after_len) + 1);
    char *at = stpcpy(text, before);
    for (size_t i = 0; i < n; i++)
        at = stpcpy(at, unit);
    at = stpcpy(at, middle);
    for (size_t i = 0; i < n; i++)
        at = stpcpy(at, after);
    return text;
}

/* Parses, and prints, dumps, compares what was parsed: none of it may recurse. Returns the error's
 * code. */
static int run_deep(const char *before, const char *unit, size_t n, const char *middle,
                    const char *after)
{
    struct arena arena;
    struct err err;
    struct parse_result result;
    char *text = repeat(before, unit, n, middle, after);
    arena_init(&arena, NULL);
    err_clear(&err);
    int rc = parse_sql(text, strlen(text), &arena, NULL, &result, &err);
    if (rc == 0) {
        assert_true(ast_depth(result.statements[0].node, &arena) <= AST_DEPTH_MAX);
        const char *printed = ast_print(&arena, result.statements[0].node);
        assert_true(ast_equal(result.statements[0].node, parse_one(&arena, printed), &arena));
        assert_true(strlen(ast_dump(&arena, result.statements[0].node, true)) > 0);
    }
    arena_done(&arena);
    free(text);
    return rc;
}

static void test_deep(void **state)
{
    (void)state;
    /* chains are flat */
    assert_int_equal(run_deep("select 1 where a=1", " or a=1", 50000, "", ""), 0);
    assert_int_equal(run_deep("select 1", "+1", 20000, "", ""), 0);
    assert_int_equal(run_deep("select 1", " union all select 1", 5000, "", ""), 0);
    assert_int_equal(run_deep("select 1 where a in (1", ",1", 20000, ")", ""), 0);
    /* brackets leave no trace */
    assert_int_equal(run_deep("select ", "(", 10000, "1", ")"), 0);
    /* up to the limit it nests, past it the answer is 54001 */
    assert_int_equal(run_deep("select ", "not ", 2000, "true", ""), 0);
    assert_int_equal(run_deep("select ", "not ", 10000, "true", ""), ERR_STATEMENT_TOO_COMPLEX);
    assert_int_equal(run_deep("select ", "f(", 10000, "1", ")"), ERR_STATEMENT_TOO_COMPLEX);
    assert_int_equal(run_deep("select 1", "+1-1", 10000, "", ""), ERR_STATEMENT_TOO_COMPLEX);
    assert_int_equal(run_deep("select 1", "::int", 10000, "", ""), ERR_STATEMENT_TOO_COMPLEX);
    assert_int_equal(run_deep("select ", "(select ", 10000, "1", ")"), ERR_STATEMENT_TOO_COMPLEX);
    assert_int_equal(run_deep("select * from a", " join a on true", 10000, "", ""),
                     ERR_STATEMENT_TOO_COMPLEX);
    assert_int_equal(run_deep("select ", "case when a then 1 else ", 10000, "1", " end"),
                     ERR_STATEMENT_TOO_COMPLEX);
    assert_int_equal(run_deep("select ", "(", 3000000, "", ""), ERR_STATEMENT_TOO_COMPLEX);
    assert_int_equal(run_deep("", "/*", 100000, "", ""), ERR_SYNTAX_ERROR);
}

static void test_positions(void **state)
{
    (void)state;
    struct err err;
    const char *text = "select 'äöü', sel from , x";
    assert_int_equal(parse_error(text, strlen(text), &err), ERR_SYNTAX_ERROR);
    assert_string_equal(err.message, "syntax error at or near \",\"");
    assert_int_equal(err.position, 24); /* characters, not bytes */
    assert_int_equal(parse_error("select 1 from", 13, &err), ERR_SYNTAX_ERROR);
    assert_string_equal(err.message, "syntax error at end of input");
    assert_int_equal(err.position, 14);

    struct arena arena;
    struct parse_result result;
    arena_init(&arena, NULL);
    text = " select 1 ; /* x */ (select a+b) ;; begin ";
    assert_int_equal(parse_sql(text, strlen(text), &arena, NULL, &result, &err), 0);
    assert_int_equal(result.count, 3);
    assert_int_equal(result.statements[0].start, 1);
    assert_int_equal(result.statements[0].end, 9);
    assert_int_equal(result.statements[1].start, 20);
    assert_int_equal(result.statements[1].end, 32);
    assert_int_equal(result.statements[2].start, 36);
    assert_int_equal(result.statements[2].end, 41);
    const struct ast_select_stmt *s = ast_to(select_stmt, result.statements[1].node);
    const struct ast_node *sum = ast_to(res_target, s->targets->items[0])->val;
    assert_int_equal(sum->start, 28);
    assert_int_equal(sum->at, 29);
    assert_int_equal(sum->end, 31);
    arena_done(&arena);
}

static void test_whole_text_is_read(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(parse_error("select 1\0, 2", 12, &err), ERR_CHARACTER_NOT_IN_REPERTOIRE);
    assert_int_equal(err.position, 9);
    assert_int_equal(parse_error("select 1 from t where", 8, &err), 0);
    assert_int_equal(parse_error("select 'abc'", 11, &err), ERR_SYNTAX_ERROR);
    assert_int_equal(parse_error("", 0, &err), 0);
    assert_int_equal(parse_error(" -- x", 5, &err), 0);
}

static void test_entry_points(void **state)
{
    (void)state;
    struct arena arena;
    struct err err;
    struct ast_node *expr;
    struct ast_type_name *type;
    arena_init(&arena, NULL);
    assert_int_equal(parse_expression("a + 1", 5, &arena, &expr, &err), 0);
    assert_string_equal(ast_print(&arena, expr), "a + 1");
    assert_int_equal(parse_expression("a + 1; select", 13, &arena, &expr, &err), ERR_SYNTAX_ERROR);
    assert_int_equal(parse_expression("", 0, &arena, &expr, &err), ERR_SYNTAX_ERROR);
    const char *name = "timestamp(3) with time zone[]";
    assert_int_equal(parse_type_name(name, strlen(name), &arena, &type, &err), 0);
    assert_string_equal(ast_print(&arena, &type->node), "timestamp(3) with time zone[]");
    assert_string_equal(ast_string_at(type->names, 1), "timestamptz");
    assert_int_equal(parse_type_name("int int", 7, &arena, &type, &err), ERR_SYNTAX_ERROR);

    struct parse_options options = {.nonstandard_strings = true};
    struct parse_result result;
    const char *text = "select 'a\\'b'";
    assert_int_equal(parse_sql(text, strlen(text), &arena, &options, &result, &err), 0);
    assert_string_equal(ast_print(&arena, result.statements[0].node), "SELECT 'a''b'");
    assert_int_equal(parse_sql(text, strlen(text), &arena, NULL, &result, &err), ERR_SYNTAX_ERROR);
    text = "select U&'a'";
    assert_int_equal(parse_sql(text, strlen(text), &arena, &options, &result, &err),
                     ERR_FEATURE_NOT_SUPPORTED);
    arena_done(&arena);
}

static void test_names(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    assert_int_equal(parse_keyword_class("select"), KEYWORD_RESERVED);
    assert_int_equal(parse_keyword_class("int"), KEYWORD_COL_NAME);
    assert_int_equal(parse_keyword_class("left"), KEYWORD_TYPE_FUNC);
    assert_int_equal(parse_keyword_class("abort"), KEYWORD_UNRESERVED);
    assert_int_equal(parse_keyword_class("aborted"), KEYWORD_NONE);
    assert_string_equal(ast_print_name(&arena, "abort"), "abort");
    assert_string_equal(ast_print_name(&arena, "select"), "\"select\"");
    assert_string_equal(ast_print_name(&arena, "A\"b"), "\"A\"\"b\"");
    assert_string_equal(ast_print_literal(&arena, "a'\\b"), "E'a''\\\\b'");

    /* 63 bytes, cut at a character */
    char *text = repeat("select ", "x", 62, "\xc3\xa4yz", "");
    const struct ast_select_stmt *s = ast_to(select_stmt, parse_one(&arena, text));
    const struct ast_column_ref *c =
        ast_to(column_ref, ast_to(res_target, s->targets->items[0])->val);
    assert_int_equal(strlen(ast_string_at(c->fields, 0)), 62);
    free(text);
    text = repeat("select \"", "Y", 70, "\"", "");
    s = ast_to(select_stmt, parse_one(&arena, text));
    c = ast_to(column_ref, ast_to(res_target, s->targets->items[0])->val);
    assert_int_equal(strlen(ast_string_at(c->fields, 0)), 63);
    free(text);
    arena_done(&arena);
}

/* Every keyword of keywords.def is found, and is a name exactly where its class says so. */
static void test_every_keyword(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        enum keyword_class class;
        bool bare;
    } words[] = {
#define BARE true
#define AS false
#define KEYWORD(word, token, class, label) {#word, KEYWORD_##class, label},
#include "parser/keywords.def"
#undef KEYWORD
    };
    struct err err;
    char text[128];
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        assert_int_equal(parse_keyword_class(words[i].word), words[i].class);
        int n = snprintf(text, sizeof text, "select 1 from t as %s", words[i].word);
        bool name = words[i].class == KEYWORD_UNRESERVED || words[i].class == KEYWORD_COL_NAME;
        assert_int_equal(parse_error(text, (size_t)n, &err) == 0, name);
        n = snprintf(text, sizeof text, "select a %s", words[i].word);
        bool postfix =
            strcmp(words[i].word, "isnull") == 0 || strcmp(words[i].word, "notnull") == 0;
        assert_int_equal(parse_error(text, (size_t)n, &err) == 0, words[i].bare || postfix);
        n = snprintf(text, sizeof text, "select a as %s", words[i].word);
        assert_int_equal(parse_error(text, (size_t)n, &err), 0);
    }
}

struct count {
    int nodes;
    int columns;
};

static int count_node(struct ast_node *node, void *context)
{
    struct count *count = context;
    count->nodes++;
    count->columns += ast_is(column_ref, node);
    return ast_is(sub_link, node) ? 1 : 0;
}

static void test_walk(void **state)
{
    (void)state;
    struct arena arena;
    struct count count = {0};
    arena_init(&arena, NULL);
    struct ast_node *node =
        parse_one(&arena, "select a, b + c from t where d and exists (select e)");
    assert_int_equal(ast_walk(node, &arena, count_node, &count), 0);
    assert_int_equal(count.columns, 4); /* the subquery's is not visited */
    assert_false(ast_equal(
        node, parse_one(&arena, "select a, b + c from t where d and exists (select f)"), &arena));
    assert_false(ast_equal(node, NULL, &arena));
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precedence),    cmocka_unit_test(test_deep),
        cmocka_unit_test(test_positions),     cmocka_unit_test(test_whole_text_is_read),
        cmocka_unit_test(test_entry_points),  cmocka_unit_test(test_names),
        cmocka_unit_test(test_every_keyword), cmocka_unit_test(test_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
