/* tidy_source.c: reads a file and blanks what is not code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tidy/tidy.h"

bool text_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *text, const char *suffix)
{
    size_t n = strlen(text), m = strlen(suffix);
    return n >= m && strcmp(text + n - m, suffix) == 0;
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

const char *find_word(const char *from, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = from; (at = strstr(at, word)); at++)
        if ((at == from || !is_name(at[-1])) && !is_name(at[n]))
            return at;
    return NULL;
}

/* Blanks comments and the insides of strings and characters, keeps newlines. */
static void blank(char *code)
{
    enum { CODE, LINE, BLOCK, STRING, CHARACTER } in = CODE;
    for (char *p = code; *p; p++) {
        char c = *p, next = p[1];
        if (c == '\n') {
            if (in == LINE)
                in = CODE;
            continue;
        }
        if (in == CODE) {
            if (c == '/' && next == '/')
                in = LINE;
            else if (c == '/' && next == '*')
                in = BLOCK;
            else if (c == '"')
                in = STRING;
            else if (c == '\'')
                in = CHARACTER;
            if (in == LINE || in == BLOCK)
                *p = ' ';
            if (in == BLOCK)
                *++p = ' ';
            continue;
        }
        bool ends = (in == STRING && c == '"') || (in == CHARACTER && c == '\'');
        if (in == BLOCK && c == '*' && next == '/') {
            p[0] = p[1] = ' ';
            p++;
            in = CODE;
        } else if (ends) {
            in = CODE;
        } else {
            *p = ' ';
            if ((in == STRING || in == CHARACTER) && c == '\\' && next && next != '\n')
                *++p = ' ';
        }
    }
}

static char *read_all(const char *root, const char *path, size_t *size)
{
    char full[2 * PATH_SIZE];
    snprintf(full, sizeof full, "%s/%s", root, path);
    FILE *f = fopen(full, "rb");
    size_t room = 1 << 16, n = 0, got;
    char *text = tidy_alloc(room + 1);
    if (!f) {
        fprintf(stderr, "tidy: cannot read %s\n", full);
        exit(2);
    }
    while ((got = fread(text + n, 1, room - n, f)) > 0) {
        n += got;
        if (n == room) {
            room *= 2;
            text = realloc(text, room + 1);
            if (!text)
                exit(2);
        }
    }
    fclose(f);
    text[n] = 0;
    *size = n;
    return text;
}

static int split_lines(char *text, size_t size, char **line)
{
    int n = 0;
    for (size_t at = 0; at < size;) {
        char *end = memchr(text + at, '\n', size - at);
        size_t len = end ? (size_t)(end - text) - at : size - at;
        line[n++] = text + at;
        text[at + len] = 0;
        at += len + 1;
    }
    return n;
}

/* A NUL inside a text file would end a line early: it is shown as a fault by the column check. */
static void replace_nul(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!text[i])
            text[i] = 1;
}

struct source *source_read(const char *root, const char *path)
{
    struct source *s = tidy_alloc(sizeof *s);
    size_t size;
    int lines = 2;
    memset(s, 0, sizeof *s);
    snprintf(s->path, sizeof s->path, "%s", path);
    s->text = read_all(root, path, &size);
    replace_nul(s->text, size);
    for (size_t i = 0; i < size; i++)
        lines += s->text[i] == '\n';
    s->code = tidy_alloc(size + 1);
    memcpy(s->code, s->text, size + 1);
    blank(s->code);
    s->line = tidy_alloc(sizeof *s->line * (size_t)lines);
    s->code_line = tidy_alloc(sizeof *s->code_line * (size_t)lines);
    s->lines = split_lines(s->text, size, s->line);
    split_lines(s->code, size, s->code_line);
    s->is_grammar = text_ends(path, ".y");
    s->is_table = text_ends(path, ".def");
    s->is_template = text_ends(path, "_tmpl.h");
    s->is_header = text_ends(path, ".h");
    s->is_c = s->is_header || s->is_table || text_ends(path, ".c");
    s->is_golden = strstr(path, "/golden/") || text_starts(path, "golden/");
    return s;
}

void source_free(struct source *s)
{
    free(s->text);
    free(s->code);
    free(s->line);
    free(s->code_line);
    free(s);
}
