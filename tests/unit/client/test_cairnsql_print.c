/* Tables as they look; each expectation is what psql 15 prints. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/cairnsql_print.h"

static const char *const headers[] = {"id", "name\nlong", "x"};
static const char *const cells[] = {"1", "one", "a\nb", "22", NULL, "\xe6\x97\xa5\xe6\x9c\xac"};
static const bool right[] = {true, false, false};

static void expect(int columns, int rows, struct cairnsql_print_options options,
                   const char *expected)
{
    struct cairnsql_table table = {.columns = columns,
                                   .rows = rows,
                                   .headers = headers,
                                   .cells = cells,
                                   .right = right,
                                   .default_footer = true};
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    cairnsql_print_table(out, &table, &options);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static void test_aligned(void **state)
{
    (void)state;
    expect(3, 2, (struct cairnsql_print_options){.border = 1},
           " id | name+|  x   \n"
           "    | long |      \n"
           "----+------+------\n"
           "  1 | one  | a   +\n"
           "    |      | b\n"
           " 22 |      | \xe6\x97\xa5\xe6\x9c\xac\n"
           "(2 rows)\n\n");
    expect(3, 1, (struct cairnsql_print_options){.border = 2, .null_text = NULL},
           "+----+------+---+\n"
           "| id | name+| x |\n"
           "|    | long |   |\n"
           "+----+------+---+\n"
           "|  1 | one  | a+|\n"
           "|    |      | b |\n"
           "+----+------+---+\n"
           "(1 row)\n\n");
    expect(3, 0, (struct cairnsql_print_options){.border = 1, .tuples_only = true}, "\n");
    expect(0, 1, (struct cairnsql_print_options){.border = 1}, "--\n(1 row)\n\n");
}

static void test_expanded(void **state)
{
    (void)state;
    expect(3, 2, (struct cairnsql_print_options){.border = 1, .expanded = EXPAND_ON},
           "-[ RECORD 1 ]\n"
           "id   | 1\n"
           "name+| one\n"
           "long |\n"
           "x    | a    +\n"
           "     | b\n"
           "-[ RECORD 2 ]\n"
           "id   | 22\n"
           "name+| \n"
           "long |\n"
           "x    | \xe6\x97\xa5\xe6\x9c\xac\n\n");
    expect(3, 0, (struct cairnsql_print_options){.border = 1, .expanded = EXPAND_ON},
           "(0 rows)\n\n");
}

static void test_plain(void **state)
{
    (void)state;
    char separator[] = ";";
    char null_text[] = "-";
    expect(3, 2,
           (struct cairnsql_print_options){
               .format = FORMAT_UNALIGNED, .field_separator = separator, .null_text = null_text},
           "id;name\nlong;x\n1;one;a\nb\n22;-;\xe6\x97\xa5\xe6\x9c\xac\n(2 rows)\n");
    expect(3, 1, (struct cairnsql_print_options){.format = FORMAT_CSV},
           "id,\"name\nlong\",x\n1,one,\"a\nb\"\n");
}

static void test_widths(void **state)
{
    (void)state;
    assert_int_equal(cairnsql_text_width(""), 0);
    assert_int_equal(cairnsql_text_width("a\tb"), 9);
    assert_int_equal(cairnsql_text_width("\x07"), 4);
    assert_int_equal(cairnsql_text_width("ab\nabcd\nc"), 4);
    assert_int_equal(cairnsql_text_width("\xc3\xa4"), 1);
    assert_int_equal(cairnsql_text_width("\xff\xff"), 2); /* no UTF-8: a column a byte */
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_aligned),
                                       cmocka_unit_test(test_expanded),
                                       cmocka_unit_test(test_plain), cmocka_unit_test(test_widths)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
