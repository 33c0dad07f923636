/* tidy_text.c: sizes, columns, blanks, left-over notes, paths of somebody's workplace. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tests/tidy/tidy.h"

enum { C_LINES_MAX = 1000, H_LINES_MAX = 400, FUNCTION_LINES_MAX = 70, COLUMNS_MAX = 100 };

static int count_columns(const char *line)
{
    int n = 0;
    for (; *line; line++)
        n += ((unsigned char)*line & 0xc0) != 0x80; /* UTF-8 continuation bytes take no column */
    return n;
}

static void check_lines(struct tidy *t, const struct source *s)
{
    for (int i = 0; i < s->lines; i++) {
        size_t n = strlen(s->line[i]);
        if (n &&
            (s->line[i][n - 1] == ' ' || s->line[i][n - 1] == '\t' || s->line[i][n - 1] == '\r'))
            tidy_report(t, s->path, i + 1, "blank", "blank at the end of the line");
        if (s->is_c && strchr(s->line[i], '\t') && !s->is_table)
            tidy_report(t, s->path, i + 1, "blank", "tab");
        if (s->is_c && !s->is_table && !s->is_template && !s->is_golden)
            tidy_report_size(t, s->path, i + 1, "columns", count_columns(s->line[i]), COLUMNS_MAX,
                             "columns");
    }
    if (s->is_golden || s->is_table || s->is_template)
        return;
    if (s->is_header)
        tidy_report_size(t, s->path, 0, "file-size", s->lines, H_LINES_MAX, "lines");
    else if (s->is_c)
        tidy_report_size(t, s->path, 0, "file-size", s->lines, C_LINES_MAX, "lines");
}

/* The identifier before the first parenthesis of a signature. */
static void copy_function_name(const char *signature, char *name)
{
    const char *paren = strchr(signature, '(');
    const char *end = paren ? paren : signature, *start;
    while (end > signature && end[-1] == ' ')
        end--;
    for (start = end; start > signature && (isalnum((unsigned char)start[-1]) || start[-1] == '_');)
        start--;
    snprintf(name, NAME_SIZE, "%.*s", (int)(end - start), start);
}

/* A function's body stands between braces in column 1. */
static void check_functions(struct tidy *t, const struct source *s)
{
    int start = -1;
    char name[NAME_SIZE] = "";
    for (int i = 0; i < s->lines; i++) {
        const char *line = s->code_line[i];
        if (isalpha((unsigned char)line[0]) && strchr(line, '('))
            copy_function_name(line, name);
        if (line[0] == '{' && start < 0)
            start = i;
        if (line[0] == '}' && start >= 0) {
            char what[NAME_SIZE + 32];
            snprintf(what, sizeof what, "lines in %s()", name);
            tidy_report_size(t, s->path, start + 1, "function-size", i - start - 1,
                             FUNCTION_LINES_MAX, what);
            start = -1;
        }
    }
}

static const char *find_left_over(const char *line)
{
    static const char *const notes[] = {"TO"
                                        "DO",
                                        "FIX"
                                        "ME",
                                        "X"
                                        "XX",
                                        "HA"
                                        "CK"};
    for (unsigned i = 0; i < sizeof notes / sizeof notes[0]; i++)
        if (find_word(line, notes[i]))
            return notes[i];
    return NULL;
}

/* Absolute paths below somebody's own folders; /usr, /etc, /var, /proc, /sys, /dev and /tmp are
 * everybody's. */
static bool names_workplace(const char *line)
{
    static const char *const places[] = {"/wo"
                                         "rk/",
                                         "/ho"
                                         "me/",
                                         "/ro"
                                         "ot/"};
    for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *at = strstr(line, places[i]);
        if (at && (at == line || !isalnum((unsigned char)at[-1])))
            return true;
    }
    return false;
}

static void check_header_opening(struct tidy *t, const struct source *s)
{
    char want[PATH_SIZE + 8];
    const char *base = strrchr(s->path, '/');
    snprintf(want, sizeof want, "/* %s:", base ? base + 1 : s->path);
    if (s->is_header && (!s->lines || !text_starts(s->line[0], want)))
        tidy_report(t, s->path, 1, "essay", "a header opens with '%s' and its essay", want);
}

void check_text(struct tidy *t, const struct source *s)
{
    check_lines(t, s);
    if (s->is_c && !s->is_table)
        check_functions(t, s);
    check_header_opening(t, s);
    for (int i = 0; i < s->lines; i++) {
        const char *note = find_left_over(s->line[i]);
        if (note && !s->is_golden)
            tidy_report(t, s->path, i + 1, "left-over", "%s: do it, or write it down elsewhere",
                        note);
        if (names_workplace(s->line[i]))
            tidy_report(t, s->path, i + 1, "workplace", "absolute path of one machine");
    }
}
