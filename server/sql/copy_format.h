/* copy_format.h: COPY's text and csv formats, as pure functions over bytes.
 *
 *   text   fields between delimiters, one line a row; \b \f \n \r \t \v \123 \x41 and a backslash
 * before anything else stand for a character; the null string is compared before that; a line of \.
 * ends the data csv    RFC 4180 with PostgreSQL's quote, escape, null and force options; newlines
 * inside quotes belong to the value
 *
 * Invariant: a line is only given out whole; copy_line_end tells when more bytes are needed.
 */
#ifndef CAIRN_SERVER_SQL_COPY_FORMAT_H
#define CAIRN_SERVER_SQL_COPY_FORMAT_H

#include "base/arena.h"
#include "base/buf.h"
#include "parser/ast.h"
#include "server/sql/session.h"

enum copy_header { COPY_HEADER_NONE, COPY_HEADER_SKIP, COPY_HEADER_MATCH };

struct copy_options {
    enum copy_format format;
    char delimiter, quote, escape;
    const char *null_text;
    enum copy_header header;
    bool force_quote_all;
    const struct ast_list *force_quote, *force_not_null, *force_null; /* column names */
    bool force_not_null_all, force_null_all;
};

struct copy_field {
    const char *data; /* NULL = null */
    uint32_t len;
};

/* Options of a COPY statement. 42601, 22023, 0A000. */
int copy_options_read(const struct ast_list *options, bool is_from, struct copy_options *out,
                      struct err *err) MUST_CHECK;

/* Where a scan for the end of a line stands. */
struct copy_scan {
    size_t at; /* first byte not looked at */
    bool in_quotes, escaped;
};
/* Looks for the end of the line that starts at data[0]. True: *len is its length, *eol the length
 * of its end (0 at the end of all data). */
bool copy_line_end(const struct copy_options *o, const uint8_t *data, size_t len, bool at_end,
                   struct copy_scan *scan, size_t *line_len, size_t *eol);
/* Splits a line; text of fields lies in the line or the arena. quoted[i] tells of csv's quotes. *n:
 * how many there were; only fields_max are filled in. 22P04. */
int copy_split(const struct copy_options *o, const char *line, size_t len, uint32_t fields_max,
               struct copy_field *fields, uint32_t *n, struct arena *arena,
               struct err *err) MUST_CHECK;
/* Appends one value (data NULL = null) in the format; no delimiter. */
void copy_put(const struct copy_options *o, const char *data, size_t len, bool force_quote,
              bool alone, struct buf *out);

#endif
