/* parser.h: SQL text to syntax tree.
 *
 *     struct parse_result result;
 *     int rc = parse_sql(text, len, &arena, NULL, &result, err);
 *     for (i = 0; i < result.count; i++) run(result.statements[i].node);
 *
 * A whole query string is parsed before its first statement runs, as PostgreSQL does it. The parser
 * is a pure function of its text: it knows no catalog and no setting but
 * standard_conforming_strings, waits for nothing and touches nothing but the arena. Scanner
 * (scan.h), look-ahead filter (filter.h), LALR(1) grammar (grammar.y, by Lemon), tree (ast.h).
 *
 * Invariants
 * 1. The text need not be NUL-terminated and is not kept: the tree holds copies of what it needs.
 * 2. The caller has checked that the text is valid in UTF-8; the parser never reads past text + len
 *    either way. A NUL in it is 22021.
 * 3. Statements PostgreSQL has and we do not are unsupported_stmt nodes, never 42601.
 * 4. Parsing does not recurse: nesting beyond AST_DEPTH_MAX is 54001, never a crash.
 *
 * Errors carry SQLSTATE 42601 and PostgreSQL's wording, with err->position in characters. */
#ifndef CAIRN_PARSER_PARSER_H
#define CAIRN_PARSER_PARSER_H

#include "parser/ast.h"

struct parse_statement {
    struct ast_node *node;
    uint32_t start; /* bytes: first token of the statement */
    uint32_t end;   /* bytes: end of its last token, before the semicolon */
};

struct parse_result {
    struct parse_statement *statements; /* empty statements leave no entry */
    uint32_t count;
};

struct parse_options {
    bool nonstandard_strings; /* standard_conforming_strings = off: backslashes escape in '...' */
};

/* options may be NULL. */
int parse_sql(const char *text, size_t len, struct arena *arena,
              const struct parse_options *options, struct parse_result *result,
              struct err *err) MUST_CHECK;
/* One a_expr, nothing around it. */
int parse_expression(const char *text, size_t len, struct arena *arena, struct ast_node **expr,
                     struct err *err) MUST_CHECK;
/* One type name, as in '...'::regtype or format_type's inverse. */
int parse_type_name(const char *text, size_t len, struct arena *arena, struct ast_type_name **type,
                    struct err *err) MUST_CHECK;

/* The 1-based character position of a byte offset, for err_position. */
int32_t parse_position(const char *text, size_t len, uint32_t byte_offset);

/* Which class a word of SQL belongs to, for quoting names. `word` in lower case. */
enum keyword_class {
    KEYWORD_NONE,
    KEYWORD_UNRESERVED,
    KEYWORD_COL_NAME,
    KEYWORD_TYPE_FUNC,
    KEYWORD_RESERVED
};
enum keyword_class parse_keyword_class(const char *word);

#endif
