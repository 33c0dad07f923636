/* Where the shell ends statements, and what its variables become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/cairnsql_split.h"

/* Runs lines (ended by \n) through the splitter; statements come out each in <>, backslash commands
 * as {rest of line}. */
static char *split_text(const struct cairnsql_vars *vars, const char *text)
{
    struct cairnsql_split split = {0};
    struct buf query, out;
    buf_init(&query);
    buf_init(&out);
    char *copy = strdup(text);
    char *rest = copy;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        size_t at = 0;
        if (query.len)
            buf_put_text(&query, "\n");
        while (line[at]) {
            enum cairnsql_split_end end = cairnsql_split_line(&split, vars, line, &at, &query);
            if (end == SPLIT_LINE_END)
                break;
            if (end == SPLIT_BACKSLASH) {
                buf_printf(&out, "{%s}", line + at);
                break;
            }
            buf_printf(&out, "<%s>", buf_text(&query));
            buf_reset(&query);
            cairnsql_split_reset(&split);
        }
    }
    if (query.len)
        buf_printf(&out, "%s%c", buf_text(&query), cairnsql_split_waits(&split, &query));
    char *result = strdup(buf_text(&out));
    buf_done(&query);
    buf_done(&out);
    free(copy);
    return result;
}

static void expect(const struct cairnsql_vars *vars, const char *text, const char *expected)
{
    char *happened = split_text(vars, text);
    assert_string_equal(happened, expected);
    free(happened);
}

static void test_statements(void **state)
{
    (void)state;
    struct cairnsql_vars none = {0};
    expect(&none, "select 1; select 2;", "<select 1;><select 2;>");
    expect(&none, "  -- nothing\n\n select 1;", "<select 1;>");
    expect(&none, "select 1 -- a;b\n + 2;", "<select 1 -- a;b\n + 2;>");
    expect(&none, "select ';', \";\", E'\\';', $$;$$, $a$;$$;$a$;",
           "<select ';', \";\", E'\\';', $$;$$, $a$;$$;$a$;>");
    expect(&none, "select 'a\nb;' ;", "<select 'a\nb;' ;>");
    expect(&none, "select /* ; /* ; */ ; */ 1;", "<select /* ; /* ; */ ; */ 1;>");
    expect(&none, "create rule r as on insert to t do (select 1; select 2);",
           "<create rule r as on insert to t do (select 1; select 2);>");
    expect(&none,
           "create or replace function f() returns int begin atomic select case 1 when 1 then 2 "
           "end; end; select 1;",
           "<create or replace function f() returns int begin atomic select case 1 when 1 then 2 "
           "end; end;><select 1;>");
    expect(&none, "begin; select 1; end;", "<begin;><select 1;><end;>");
    expect(&none, "select 1 \\; select 2;", "<select 1 ; select 2;>");
    expect(&none, "select 1 \\g x", "{g x}select 1 -");
    expect(&none, "select type'a\\';", "<select type'a\\';>");
}

static void test_waits(void **state)
{
    (void)state;
    struct cairnsql_vars none = {0};
    expect(&none, "select", "select-");
    expect(&none, "select (", "select ((");
    expect(&none, "select 'x", "select 'x'");
    expect(&none, "select \"x", "select \"x\"");
    expect(&none, "select $q$x", "select $q$x$");
    expect(&none, "select /* x", "select /* x*");
}

static void test_variables(void **state)
{
    (void)state;
    struct cairnsql_vars vars = {0};
    cairnsql_var_set(&vars, "n", "5");
    cairnsql_var_set(&vars, "q", "it's");
    cairnsql_var_set(&vars, "b", "a\\b");
    cairnsql_var_set(&vars, "d", "say \"x\"");
    expect(&vars, "select :n, :'q', :'b', :\"d\";",
           "<select 5, 'it''s',  E'a\\\\b', \"say \"\"x\"\"\";>");
    expect(&vars, "select ':n', a::n, :nosuch, :{?n}, :{?m};",
           "<select ':n', a::n, :nosuch, TRUE, FALSE;>");
    cairnsql_var_set(&vars, "n", NULL);
    expect(&vars, "select :n;", "<select :n;>");
    cairnsql_var_set(&vars, "ON", "on");
    cairnsql_var_set(&vars, "OFF", "off");
    assert_true(cairnsql_var_bool(&vars, "ON"));
    assert_false(cairnsql_var_bool(&vars, "OFF"));
    assert_false(cairnsql_var_bool(&vars, "UNSET"));
    assert_false(cairnsql_var_valid("a-b"));
    cairnsql_vars_done(&vars);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_statements),
                                       cmocka_unit_test(test_waits),
                                       cmocka_unit_test(test_variables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
