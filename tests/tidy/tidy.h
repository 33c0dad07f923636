/* tidy.h: the checker of the house's conventions.
 *
 * `tidy ROOT` reads every source file below ROOT and prints one line a fault, "file:line: check:
 * what", in the order of paths and lines; the exit status is 1 when there was one. Checks are plain
 * text work on lines whose comments and strings were blanked (tidy_source.c): no compiler is
 * needed, and what cannot be seen that way is left to the compiler.
 *
 * Exceptions are lines of ROOT/tests/tidy/exceptions.txt: "path check ceiling # reason". They only
 * shrink: an exception that excuses nothing is a fault, and so is a ceiling higher than what is
 * needed. A ceiling is the measure for sizes (lines, columns) and the number of places for
 * everything else.
 *
 * Invariants
 * 1. Nothing depends on the order the file system lists names in.
 * 2. A file is read once; `struct source` owns its text, checks only read it.
 *
 * Fails: an unreadable file or no memory ends the program with status 2.
 */
#ifndef CAIRN_TESTS_TIDY_TIDY_H
#define CAIRN_TESTS_TIDY_TIDY_H

#include <stdbool.h>
#include <stddef.h>

enum { PATH_SIZE = 512, LINE_TEXT = 1024, NAME_SIZE = 128 };

struct exception {
    char path[PATH_SIZE], check[NAME_SIZE];
    int line, ceiling;
    int used; /* largest measure, or number of places */
    bool sized;
};

struct source {
    char path[PATH_SIZE]; /* relative to the root */
    char *text;           /* as read, newlines replaced by ends of strings */
    char *code;           /* the same with comments and literals blanked */
    char **line, **code_line;
    int lines;
    bool is_c, is_header, is_table, is_template, is_grammar, is_golden;
};

struct tidy {
    const char *root;
    struct exception *exceptions;
    int exceptions_count;
    int faults, files;
};

void *tidy_alloc(size_t bytes);
/* A fault at a line (1 based; 0 = the file as a whole). */
void tidy_report(struct tidy *t, const char *path, int line, const char *check, const char *fmt,
                 ...) __attribute__((format(printf, 5, 6)));
/* The same for something with a measure and a limit: excused up to the ceiling of its exception. */
void tidy_report_size(struct tidy *t, const char *path, int line, const char *check, int measure,
                      int limit, const char *what);

struct source *source_read(const char *root, const char *path);
void source_free(struct source *s);
bool text_starts(const char *text, const char *prefix);
bool text_ends(const char *text, const char *suffix);
/* Next place of `word` as a whole identifier at or after `from`; NULL when none. */
const char *find_word(const char *from, const char *word);

void check_includes(struct tidy *t, const struct source *s);
void check_text(struct tidy *t, const struct source *s);
void check_code(struct tidy *t, const struct source *s);

#endif
