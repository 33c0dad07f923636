/* Golden files of the parser: tests/golden/parser/<name>.txt.
 *
 * A case is SQL text, a line "----", what came of it, an empty line. What came of it is, for each
 * statement, its tree
 * ("= " and the dump) and the tree printed back ("> "), or one line "! SQLSTATE position message".
 * Printing is checked here too: parsing what was printed must give an equal tree.
 *
 * GOLDEN_REWRITE=1 writes what happens into the files instead of comparing.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parser/ast_print.h"
#include "parser/parser.h"

static void add_text(char **out, const char *text)
{
    size_t have = strlen(*out);
    *out = realloc(*out, have + strlen(text) + 1);
    assert_non_null(*out);
    strcpy(*out + have, text);
}

/* A line of expectation: a line end inside it is written as \n. */
static void add_line(char **out, const char *mark, const char *text)
{
    add_text(out, mark);
    for (const char *c = text; *c; c++) {
        char one[2] = {*c, 0};
        add_text(out, *c == '\n' ? "\\n" : one);
    }
    add_text(out, "\n");
}

static bool is_unsupported(const char *dump)
{
    return strstr(dump, "(unsupported_") != NULL;
}

static void check_printed(struct arena *arena, const struct ast_node *node, const char *printed)
{
    struct err err;
    struct parse_result again;
    if (parse_sql(printed, strlen(printed), arena, NULL, &again, &err))
        fail_msg("printed text does not parse: %s: %s", err.message, printed);
    assert_int_equal(again.count, 1);
    if (!ast_equal(node, again.statements[0].node, arena))
        fail_msg("printed text means something else: %s\n%s\n%s", printed,
                 ast_dump(arena, node, false), ast_dump(arena, again.statements[0].node, false));
}

static void run_case(char **out, const char *sql, size_t len)
{
    struct arena arena;
    struct err err;
    struct parse_result result;
    arena_init(&arena, NULL);
    err_clear(&err);
    /* a copy that ends where the text ends, so that ASan sees a read past it */
    char *exact = malloc(len ? len : 1);
    memcpy(exact, sql, len);
    if (parse_sql(exact, len, &arena, NULL, &result, &err)) {
        char head[64];
        snprintf(head, sizeof head, "! %s %d ", err_sqlstate(err.code), err.position);
        add_line(out, head, err.message);
        if (err.hint[0])
            add_line(out, "  hint: ", err.hint);
    } else {
        for (uint32_t i = 0; i < result.count; i++) {
            const struct parse_statement *s = &result.statements[i];
            const char *dump = ast_dump(&arena, s->node, false);
            const char *printed = ast_print(&arena, s->node);
            add_line(out, "= ", dump);
            add_line(out, "> ", printed);
            assert_true(s->start < s->end && s->end <= len);
            if (!is_unsupported(dump))
                check_printed(&arena, s->node, printed);
        }
    }
    free(exact);
    arena_done(&arena);
}

static char *run_file(const char *text)
{
    char *out = calloc(1, 1);
    while (*text) {
        const char *mark = strstr(text, "\n----\n");
        assert_non_null(mark);
        char *sql = strndup(text, (size_t)(mark - text));
        add_text(&out, sql);
        add_text(&out, "\n----\n");
        run_case(&out, sql, strlen(sql));
        add_text(&out, "\n");
        free(sql);
        text = mark + 6;
        const char *end = *text == '\n' ? text : strstr(text, "\n\n");
        assert_non_null(end);
        text = *text == '\n' ? text + 1 : end + 2;
    }
    return out;
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char *text = calloc(1, 1 << 20);
    size_t n = fread(text, 1, (1 << 20) - 1, f);
    fclose(f);
    assert_true(n > 0 && n < (1 << 20) - 1);
    return text;
}

static void show_difference(const char *name, const char *expected, const char *happened)
{
    int line = 1;
    const char *e = expected, *h = happened;
    for (; *e && *e == *h; e++, h++)
        line += *e == '\n';
    while (e > expected && e[-1] != '\n') {
        e--;
        h--;
    }
    print_message("%s:%d\n  expected: %.*s\n  happened: %.*s\n", name, line, (int)strcspn(e, "\n"),
                  e, (int)strcspn(h, "\n"), h);
}

static int is_case_file(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 4 && strcmp(entry->d_name + len - 4, ".txt") == 0;
}

static void test_golden(void **state)
{
    (void)state;
    const char *dir = getenv("GOLDEN_DIR") ? getenv("GOLDEN_DIR") : "tests/golden/parser";
    struct dirent **names;
    int count = scandir(dir, &names, is_case_file, alphasort);
    int bad = 0;
    assert_true(count >= 6);
    for (int i = 0; i < count; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
        char *expected = read_file(path);
        char *happened = run_file(expected);
        if (strcmp(expected, happened) != 0 && getenv("GOLDEN_REWRITE")) {
            FILE *f = fopen(path, "w");
            assert_non_null(f);
            fputs(happened, f);
            fclose(f);
        } else if (strcmp(expected, happened) != 0) {
            show_difference(path, expected, happened);
            bad++;
        }
        free(expected);
        free(happened);
        free(names[i]);
    }
    free(names);
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
