/* cairnsql_print.h: tables as psql prints them: aligned (border 0 to 2), unaligned, CSV, and each
 * of them expanded.
 *
 * A table is a grid of texts with a title and footers. Widths are those of a terminal: wide
 * characters take two columns, a tab runs to the next multiple of eight, control characters are
 * spelled out; a cell with line ends takes several lines and a + at their ends. Learned from psql's
 * print.c (the format). */
#ifndef CAIRN_CLIENT_CAIRNSQL_PRINT_H
#define CAIRN_CLIENT_CAIRNSQL_PRINT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>

enum cairnsql_format { FORMAT_ALIGNED, FORMAT_UNALIGNED, FORMAT_CSV };
enum cairnsql_expand { EXPAND_OFF, EXPAND_ON, EXPAND_AUTO };

struct cairnsql_print_options {
    enum cairnsql_format format;
    enum cairnsql_expand expanded;
    int border;
    bool tuples_only;
    bool footer_off;
    char *null_text;       /* owned; NULL = empty */
    char *field_separator; /* owned; unaligned; NULL = "|" */
    char *title;           /* owned; \pset title */
};

struct cairnsql_table {
    const char *title;
    int columns;
    int rows;
    const char *const *headers;
    const char *const *cells; /* row by row; NULL = SQL's null */
    const bool *right;        /* per column: flushed right */
    const char *const *footers;
    int footer_count;
    bool default_footer; /* (n rows) when there is no other */
};

void cairnsql_print_table(FILE *out, const struct cairnsql_table *table,
                          const struct cairnsql_print_options *options);
/* A result's rows; title may be NULL. */
void cairnsql_print_result(FILE *out, const PGresult *result, const char *title,
                           const struct cairnsql_print_options *options);
/* Columns a text takes on a terminal, of its widest line. */
int cairnsql_text_width(const char *text);

#endif
