/* ast_print.h: a syntax tree back to SQL.
 *
 * parse(ast_print(parse(x))) equals parse(x) for every statement but unsupported_stmt and
 * unsupported_expr (printed as their name, for messages only). Used for stored definitions
 * (pg_get_viewdef and its kin) and for logs.
 *
 * The text is one line, keywords in capitals, names quoted only when they must be, operands of an
 * operator in brackets unless they are of one piece, and SQL's own type names where it has them
 * (integer, not pg_catalog.int4).
 *
 * Invariants
 * 1. Printing does not recurse: a node's printer lists its parts, and the parts wait on a stack in
 *    the arena.
 * 2. The text reads the same under either setting of standard_conforming_strings. */
#ifndef CAIRN_PARSER_AST_PRINT_H
#define CAIRN_PARSER_AST_PRINT_H

#include "parser/ast.h"

/* The result lives in the arena. */
char *ast_print(struct arena *arena, const struct ast_node *node);
/* A name as SQL must write it: bare or in double quotes. */
const char *ast_print_name(struct arena *arena, const char *name);
/* A string literal: '...' or E'...'. */
const char *ast_print_literal(struct arena *arena, const char *text);

#endif
