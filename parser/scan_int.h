/* scan_int.h: characters to tokens, by hand, exactly as PostgreSQL 15's scanner cuts them.
 *
 * Tokens carry the byte range they were written in. Names and strings are copied into the arena,
 * NUL-terminated, with their escapes resolved; keywords and operators of one spelling point at
 * static text. U&'...' and U&"..." come out raw (TK_USCONST, TK_UIDENT): the filter resolves them,
 * since UESCAPE may follow.
 *
 * Invariants
 * 1. scan_next never reads at or past text + len, whatever the text holds.
 * 2. Codes are the grammar's (grammar.h), 0 at the end, SCAN_ERROR after an error was set.
 *
 * Learned from PostgreSQL's scan.l (the language, its error texts) and SQLite's tokenize.c (that it
 * need not be a generated automaton). */
#ifndef CAIRN_PARSER_SCAN_INT_H
#define CAIRN_PARSER_SCAN_INT_H

#include "base/arena.h"
#include "base/err.h"
#include "parser/grammar.h"

#define SCAN_ERROR (-1)
/* Codes the grammar never sees. */
#define TK_UIDENT 60001
#define TK_USCONST 60002
#define SCAN_NAME_BYTES_MAX 63

struct parse_token {
    const char *text; /* NUL-terminated; NULL in tokens that stand for nothing */
    uint32_t start;
    uint32_t end;
    int32_t value; /* ICONST, PARAM: the number; in the grammar's non-terminals whatever the rule
                      says */
};

struct scan {
    const char *text;
    uint32_t len;
    uint32_t at;
    bool backslash_quotes; /* standard_conforming_strings = off */
    struct arena *arena;
    struct err *err;
    char *buffer; /* of the string being read */
    size_t buffer_len;
    size_t buffer_bytes;
};

void scan_init(struct scan *scan, const char *text, uint32_t len, struct arena *arena,
               struct err *err);
int scan_next(struct scan *scan, struct parse_token *token);
/* Turns a raw U& text into the string it means. at: byte offset of the raw text's first character.
 */
int scan_unicode(struct scan *scan, const char *raw, char escape, uint32_t at,
                 const char **text) MUST_CHECK;
/* Sets `message at or near "text"` (or `at end of input`), SQLSTATE 42601, for the bytes [start,
 * end). */
int scan_error_near(struct scan *scan, uint32_t start, uint32_t end, const char *message);
/* Cuts a name to SCAN_NAME_BYTES_MAX at a character's edge. */
size_t scan_name_cut(const char *name, size_t len);

#endif
