/* COPY's formats: lines, fields, escapes, and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/sql/copy_format.h"

static const struct copy_options text_options = {
    .format = COPY_TEXT, .delimiter = '\t', .null_text = "\\N"};
static const struct copy_options csv_options = {
    .format = COPY_CSV, .delimiter = ',', .quote = '"', .escape = '"', .null_text = ""};

/* Lines of `data`, given in two pieces cut at every place, joined by '|'. */
static void join_lines(const struct copy_options *o, const char *data, size_t cut, char *out)
{
    size_t len = strlen(data), at = 0;
    struct copy_scan scan = {0};
    bool all = cut >= len;
    size_t here = all ? len : cut;
    *out = 0;
    for (;;) {
        size_t n, eol;
        if (copy_line_end(o, (const uint8_t *)data + at, here - at, all, &scan, &n, &eol)) {
            strncat(out, data + at, n);
            strcat(out, "|");
            at += n + eol;
            scan = (struct copy_scan){0};
        } else if (all) {
            return;
        } else {
            all = true;
            here = len;
        }
    }
}

static void check_lines(const struct copy_options *o, const char *data, const char *expected)
{
    char out[200];
    for (size_t cut = 0; cut <= strlen(data); cut++) {
        join_lines(o, data, cut, out);
        assert_string_equal(out, expected);
    }
}

static void test_lines(void **state)
{
    check_lines(&text_options, "a\nb\n", "a|b|");
    check_lines(&text_options, "a\nb", "a|b|");
    check_lines(&text_options, "a\r\nb\rc\r\n", "a|b|c|");
    check_lines(&text_options, "a\\\nb\nc", "a\\\nb|c|");
    check_lines(&text_options, "a\\\\\nb\n", "a\\\\|b|");
    check_lines(&text_options, "\n\n", "||");
    check_lines(&csv_options, "a,\"b\nc\"\nd\n", "a,\"b\nc\"|d|");
    check_lines(&csv_options, "\"a\"\"\nb\"\nc", "\"a\"\"\nb\"|c|");
    struct copy_options escaped = csv_options;
    escaped.escape = '\\';
    check_lines(&escaped, "\"a\\\"\nb\"\nc\n", "\"a\\\"\nb\"|c|");
}

/* Fields as <value>, null as NULL. */
static void check_fields(const struct copy_options *o, const char *line, const char *expected)
{
    struct arena arena;
    struct err err;
    struct copy_field fields[8];
    uint32_t n;
    char out[200] = "";
    arena_init(&arena, NULL);
    assert_int_equal(copy_split(o, line, strlen(line), 8, fields, &n, &arena, &err), 0);
    for (uint32_t i = 0; i < n; i++) {
        if (!fields[i].data) {
            strcat(out, "NULL");
            continue;
        }
        strcat(out, "<");
        strncat(out, fields[i].data, fields[i].len);
        strcat(out, ">");
    }
    assert_string_equal(out, expected);
    arena_done(&arena);
}

static void test_fields(void **state)
{
    check_fields(&text_options, "a\tb\t", "<a><b><>");
    check_fields(&text_options, "\\N\t\\\\N\tN", "NULL<\\N><N>");
    check_fields(&text_options, "a\\tb\\x41\\101\\q\t\\\tc", "<a\tbAAq><\tc>");
    check_fields(&text_options, "", "<>");
    check_fields(&csv_options, "a,\"b,c\",,\"\"", "<a><b,c>NULL<>");
    check_fields(&csv_options, "\"a\"\"b\",x\"y\"z", "<a\"b><xyz>");
    check_fields(&csv_options, "", "NULL");
    struct copy_options escaped = csv_options;
    escaped.escape = '\\';
    check_fields(&escaped, "\"a\\\"b\\\\c\\d\"", "<a\"b\\c\\d>");
}

static void test_bad_csv(void **state)
{
    struct arena arena;
    struct err err;
    struct copy_field fields[2];
    uint32_t n;
    arena_init(&arena, NULL);
    assert_int_equal(copy_split(&csv_options, "\"a", 2, 2, fields, &n, &arena, &err),
                     ERR_BAD_COPY_FILE_FORMAT);
    assert_string_equal(err.message, "unterminated CSV quoted field");
    /* More fields than asked for are counted, not written. */
    assert_int_equal(copy_split(&csv_options, "1,2,3,4", 7, 2, fields, &n, &arena, &err), 0);
    assert_int_equal(n, 4);
    arena_done(&arena);
}

static void check_put(const struct copy_options *o, const char *value, bool force, bool alone,
                      const char *expected)
{
    struct buf out = {0};
    copy_put(o, value, value ? strlen(value) : 0, force, alone, &out);
    assert_string_equal(buf_text(&out), expected);
    buf_done(&out);
}

static void test_put(void **state)
{
    check_put(&text_options, NULL, false, false, "\\N");
    check_put(&text_options, "a\tb\\c\nd\re\v", false, false, "a\\tb\\\\c\\nd\\re\\v");
    check_put(&csv_options, NULL, false, false, "");
    check_put(&csv_options, "", false, false, "\"\"");
    check_put(&csv_options, "a,b", false, false, "\"a,b\"");
    check_put(&csv_options, "a\"b", false, false, "\"a\"\"b\"");
    check_put(&csv_options, "plain", false, false, "plain");
    check_put(&csv_options, "plain", true, false, "\"plain\"");
    check_put(&csv_options, "\\.", false, true, "\"\\.\"");
    check_put(&csv_options, "\\.", false, false, "\\.");
}

/* What copy_put wrote, copy_split reads. */
static void test_round_trip(void **state)
{
    static const char *const values[] = {"",       "a",    "\\N",    "\\",       "a\\nb", "x\ny",
                                         "x\r\ny", "\t",   ",",      "\"",       "\"\"",  "\\.",
                                         " ",      "NULL", "\b\f\v", "a\"b,c\nd"};
    const struct copy_options *formats[] = {&text_options, &csv_options};
    for (size_t f = 0; f < 2; f++) {
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            struct buf line = {0};
            copy_put(formats[f], values[i], strlen(values[i]), false, true, &line);
            struct arena arena;
            struct err err;
            struct copy_field field;
            struct copy_scan scan = {0};
            uint32_t n;
            size_t len, eol;
            arena_init(&arena, NULL);
            buf_put_u8(&line, '\n');
            assert_true(copy_line_end(formats[f], line.data, line.len, false, &scan, &len, &eol));
            assert_int_equal(len + 1, line.len);
            assert_int_equal(
                copy_split(formats[f], (char *)line.data, len, 1, &field, &n, &arena, &err), 0);
            assert_int_equal(n, 1);
            assert_int_equal(field.len, strlen(values[i]));
            assert_memory_equal(field.data, values[i], field.len);
            arena_done(&arena);
            buf_done(&line);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),      cmocka_unit_test(test_fields),
        cmocka_unit_test(test_bad_csv),    cmocka_unit_test(test_put),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
