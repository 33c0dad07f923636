/* fuzz_sql: any text through parser, printer and back.
 *
 * fuzz_sql [--seed N] [--runs N] FILE...    mutates the cases of tests/golden/parser files,
 * deterministically
 *
 * LLVMFuzzerTestOneInput is what each run calls, so that the same file also links against libFuzzer
 * (which brings its own main: ours needs -DFUZZ_STANDALONE). What must hold for every text:
 *   - parse_sql answers: a tree, or an error with a SQLSTATE, a message and a position inside the
 *     text;
 *   - a tree is no deeper than AST_DEPTH_MAX, its nodes lie inside the text, and printing and
 *     parsing it again gives an equal tree (unsupported statements and expressions excepted).
 *     Anything else aborts with the text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "parser/ast_print.h"
#include "parser/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void die(const char *what, const uint8_t *data, size_t size)
{
    fprintf(stderr, "fuzz_sql: %s\n", what);
    fwrite(data, 1, size, stderr);
    fputc('\n', stderr);
    abort();
}

struct seen {
    size_t size;
    bool unsupported;
    bool outside;
};

static int look_at(struct ast_node *node, void *context)
{
    struct seen *seen = context;
    seen->unsupported =
        seen->unsupported || ast_is(unsupported_stmt, node) || ast_is(unsupported_expr, node);
    seen->outside = seen->outside || node->start > seen->size || node->end > seen->size ||
                    node->at > seen->size;
    return 0;
}

static void check_statement(struct arena *arena, struct ast_node *node, const uint8_t *data,
                            size_t size)
{
    struct seen seen = {.size = size};
    struct err err;
    struct parse_result again;
    (void)ast_walk(node, arena, look_at, &seen);
    if (seen.outside)
        die("a node lies outside the text", data, size);
    if (ast_depth(node, arena) > AST_DEPTH_MAX)
        die("a tree is too deep", data, size);
    if (seen.unsupported)
        return;
    const char *printed = ast_print(arena, node);
    err_clear(&err);
    if (parse_sql(printed, strlen(printed), arena, NULL, &again, &err)) {
        /* Printing adds names to implicit casts' syntax, never depth: only the limit itself may be
         * in the way. */
        if (err.code != ERR_STATEMENT_TOO_COMPLEX)
            die(printed, data, size);
        return;
    }
    if (again.count != 1 || !ast_equal(node, again.statements[0].node, arena))
        die(printed, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct err err;
    struct parse_result result;
    char *exact = malloc(size ? size : 1); /* so that a read past the end is seen */
    memcpy(exact, data, size);
    arena_init(&arena, NULL);
    err_clear(&err);
    if (parse_sql(exact, size, &arena, NULL, &result, &err)) {
        if (!err.code || !err.message[0] || err.position < 0 || (size_t)err.position > size + 1)
            die("an error without message or with a wild position", data, size);
    } else {
        for (uint32_t i = 0; i < result.count; i++)
            check_statement(&arena, result.statements[i].node, data, size);
    }
    arena_done(&arena);
    free(exact);
    return 0;
}

#ifdef FUZZ_STANDALONE

#define CASES_MAX 4096
#define TEXT_BYTES_MAX 8192

static struct {
    char *text;
    size_t len;
} cases[CASES_MAX];
static size_t case_count;

static void load_cases(const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f) {
        perror(path);
        exit(1);
    }
    char *line = NULL;
    size_t bytes = 0;
    ssize_t n;
    char *text = NULL;
    size_t len = 0;
    bool expectation = false;
    while ((n = getline(&line, &bytes, f)) > 0) {
        if (strcmp(line, "----\n") == 0) {
            if (case_count < CASES_MAX) {
                cases[case_count].text = text;
                cases[case_count++].len = len;
            }
            text = NULL;
            len = 0;
            expectation = true;
        } else if (expectation) {
            expectation = n > 1;
        } else {
            text = realloc(text, len + (size_t)n);
            memcpy(text + len, line, (size_t)n);
            len += (size_t)n;
        }
    }
    free(line);
    fclose(f);
}

static const char *const bits[] = {
    "(",     ")",       "'",       "\"",     "$$",   "/*",   "*/",           "--",         ";",
    ",",     ".",       "::",      "[",      "]",    "E'\\", "U&'\\",        "select ",    " from ",
    " not ", " and ",   "1",       "1e",     "null", " as ", "$1",           "\xc3\xa4",   "+-",
    " in (", " over (", " union ", " with ", "\n",   "\\",   " uescape '!'", "if exists ", "b'"};

static size_t cut_in(char *text, size_t len, size_t at, const char *what, size_t what_len)
{
    if (len + what_len > TEXT_BYTES_MAX)
        return len;
    memmove(text + at + what_len, text + at, len - at);
    memcpy(text + at, what, what_len);
    return len + what_len;
}

static size_t mutate(struct prng *prng, char *text, size_t len)
{
    size_t at = (size_t)prng_below(prng, len + 1);
    switch (prng_below(prng, 6)) {
    case 0: /* drop a piece */
        if (len > at) {
            size_t n = (size_t)prng_below(prng, len - at < 12 ? len - at : 12) + 1;
            memmove(text + at, text + at + n, len - at - n);
            len -= n;
        }
        return len;
    case 1: /* another byte */
        if (at < len)
            text[at] = (char)prng_below(prng, 128);
        return len;
    case 2: /* a piece of syntax */
    case 3: {
        const char *bit = bits[prng_below(prng, sizeof bits / sizeof bits[0])];
        return cut_in(text, len, at, bit, strlen(bit));
    }
    case 4: { /* a piece of another case */
        size_t other = (size_t)prng_below(prng, case_count);
        if (cases[other].len < 2)
            return len;
        size_t from = (size_t)prng_below(prng, cases[other].len - 1);
        size_t n =
            (size_t)prng_below(prng, cases[other].len - from < 40 ? cases[other].len - from : 40);
        return cut_in(text, len, at, cases[other].text + from, n);
    }
    default: /* a piece of itself again */
        if (at < len) {
            char copy[64];
            size_t n = (size_t)prng_below(prng, len - at < sizeof copy ? len - at : sizeof copy);
            memcpy(copy, text + at, n);
            return cut_in(text, len, (size_t)prng_below(prng, len + 1), copy, n);
        }
        return len;
    }
}

int main(int argc, char **argv)
{
    uint64_t seed = 1;
    long runs = 20000;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            runs = strtol(argv[++i], NULL, 10);
        else
            load_cases(argv[i]);
    }
    if (!case_count) {
        fprintf(stderr, "usage: fuzz_sql [--seed N] [--runs N] tests/golden/parser/*.txt\n");
        return 2;
    }
    struct prng prng;
    prng_init(&prng, seed);
    static char text[TEXT_BYTES_MAX + 64];
    for (long r = 0; r < runs; r++) {
        size_t from = (size_t)prng_below(&prng, case_count);
        size_t len = cases[from].len < TEXT_BYTES_MAX ? cases[from].len : TEXT_BYTES_MAX;
        if (len)
            memcpy(text, cases[from].text, len);
        for (uint64_t m = prng_below(&prng, 5); m > 0; m--)
            len = mutate(&prng, text, len);
        (void)LLVMFuzzerTestOneInput((const uint8_t *)text, len);
    }
    printf("fuzz_sql: %ld texts, seed %llu: ok\n", runs, (unsigned long long)seed);
    return 0;
}

#endif
