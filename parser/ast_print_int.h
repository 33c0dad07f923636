/* ast_print_int.h: what the printers share. A printer appends the parts of one node (text and
 * children) in order; the driver prints them one after the other. See ast_print.h for the
 * invariants. */
#ifndef CAIRN_PARSER_AST_PRINT_INT_H
#define CAIRN_PARSER_AST_PRINT_INT_H

#include "parser/ast_print.h"

struct printer;
typedef void print_fn(struct printer *p, const void *node);

void print_text(struct printer *p, const char *text);
void print_format(struct printer *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
void print_name(struct printer *p, const char *name);
void print_name_copy(struct printer *p, const char *name); /* of a name that will not stay */
void print_literal(struct printer *p, const char *text);
void print_child(struct printer *p, const void *node); /* as it stands; NULL prints nothing */
void print_operand(struct printer *p,
                   const struct ast_node *n); /* in brackets unless of one piece */
void print_list(struct printer *p, const struct ast_list *list, const char *separator);
void print_dotted(struct printer *p, const struct ast_list *name);   /* a.b.c */
void print_strings(struct printer *p, const struct ast_list *names); /* a, b, c */
void print_columns(struct printer *p, const struct ast_list *names); /* " (a, b)" or nothing */
void print_operator(struct printer *p, const struct ast_list *name);
void print_clause(struct printer *p, const char *before, const void *node); /* both or neither */
void print_targets(struct printer *p, const struct ast_list *targets);
void print_assignments(struct printer *p, const struct ast_list *targets);
void print_insert_columns(struct printer *p, const struct ast_list *targets);
void print_indirection(struct printer *p, const struct ast_list *indirection);
void print_behavior(struct printer *p, enum ast_drop_behavior behavior);
/* words, then the name, or `all` where there is none */
void print_verb(struct printer *p, const char *words, const char *name, const char *all);
void print_setting(struct printer *p, const char *name); /* a.b */
void print_object(struct printer *p, enum ast_object_kind kind, const struct ast_node *object);
void print_reloptions(struct printer *p, const struct ast_list *options); /* "(a = 1, b)" */

/* The table of each file: tag -> printer, NULL when it is another file's. */
print_fn *print_query_fn(enum ast_tag tag);
print_fn *print_table_fn(enum ast_tag tag);
print_fn *print_stmt_fn(enum ast_tag tag);
print_fn *print_role_fn(enum ast_tag tag);

#endif
