#include "server/sql/copy_format.h"

#include <string.h>
#include <strings.h>

/* ---- options ---- */

static const char *option_text(const struct ast_def_elem *e)
{
    if (ast_is(a_const, e->arg)) {
        const struct ast_a_const *c = ast_to(a_const, e->arg);
        if (c->kind == AST_CONST_BOOL || c->kind == AST_CONST_INT)
            return c->ival ? "true" : "false";
        return c->text ? c->text : "";
    }
    return ast_is(string, e->arg) ? ast_to(string, e->arg)->text : e->arg ? "" : "true";
}

static bool is_true(const char *word)
{
    return strcasecmp(word, "true") == 0 || strcasecmp(word, "on") == 0 || strcmp(word, "1") == 0;
}

static int take_char(const char *what, const char *text, char *out, struct err *err)
{
    if (strlen(text) != 1)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED,
                       "COPY %s must be a single one-byte character", what);
    *out = *text;
    return 0;
}

static int take_names(const struct ast_def_elem *e, const struct ast_list **out, bool *all,
                      struct err *err)
{
    if (ast_is(star, e->arg))
        *all = true;
    else if (ast_is(node_list, e->arg))
        *out = ast_to(node_list, e->arg)->items;
    else
        return err_set(err, ERR_INVALID_PARAMETER_VALUE,
                       "argument to option \"%s\" must be a list of column names", e->name);
    return 0;
}

static int take_format(const char *word, struct copy_options *o, struct err *err)
{
    if (strcasecmp(word, "csv") == 0)
        o->format = COPY_CSV;
    else if (strcasecmp(word, "text") == 0)
        o->format = COPY_TEXT;
    else if (strcasecmp(word, "binary") == 0)
        return session_unsupported(err, "COPY (FORMAT binary)");
    else
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "COPY format \"%s\" not recognized", word);
    return 0;
}

static int take_header(const char *word, bool is_from, struct copy_options *o, struct err *err)
{
    if (strcasecmp(word, "match") == 0) {
        if (!is_from)
            return err_set(err, ERR_FEATURE_NOT_SUPPORTED,
                           "cannot use \"match\" with HEADER in COPY TO");
        o->header = COPY_HEADER_MATCH;
    } else {
        o->header = is_true(word) ? COPY_HEADER_SKIP : COPY_HEADER_NONE;
    }
    return 0;
}

static int take_option(const struct ast_def_elem *e, bool is_from, struct copy_options *o,
                       struct err *err)
{
    const char *word = option_text(e);
    if (strcmp(e->name, "format") == 0)
        return take_format(word, o, err);
    if (strcmp(e->name, "delimiter") == 0)
        return take_char("delimiter", word, &o->delimiter, err);
    if (strcmp(e->name, "quote") == 0)
        return take_char("quote", word, &o->quote, err);
    if (strcmp(e->name, "escape") == 0)
        return take_char("escape", word, &o->escape, err);
    if (strcmp(e->name, "header") == 0)
        return take_header(word, is_from, o, err);
    if (strcmp(e->name, "force_quote") == 0)
        return take_names(e, &o->force_quote, &o->force_quote_all, err);
    if (strcmp(e->name, "force_not_null") == 0)
        return take_names(e, &o->force_not_null, &o->force_not_null_all, err);
    if (strcmp(e->name, "force_null") == 0)
        return take_names(e, &o->force_null, &o->force_null_all, err);
    if (strcmp(e->name, "null") == 0) {
        o->null_text = word;
        return 0;
    }
    if (strcmp(e->name, "freeze") == 0)
        return 0;
    if (strcmp(e->name, "encoding") == 0) {
        if (strcasecmp(word, "utf8") && strcasecmp(word, "utf-8"))
            return session_unsupported(err, "COPY in an encoding other than UTF8");
        return 0;
    }
    return err_set(err, ERR_SYNTAX_ERROR, "option \"%s\" not recognized", e->name);
}

int copy_options_read(const struct ast_list *options, bool is_from, struct copy_options *out,
                      struct err *err)
{
    struct copy_options o = {.quote = 0};
    for (uint32_t i = 0; i < ast_count(options); i++) {
        int rc = take_option(ast_to(def_elem, options->items[i]), is_from, &o, err);
        if (rc)
            return rc;
    }
    bool csv = o.format == COPY_CSV;
    if (!csv && (o.quote || o.escape || o.force_quote || o.force_quote_all || o.force_not_null ||
                 o.force_null))
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "COPY %s available only in CSV mode",
                       o.quote    ? "quote"
                       : o.escape ? "escape"
                                  : "force options");
    if (!o.delimiter)
        o.delimiter = csv ? ',' : '\t';
    if (!o.null_text)
        o.null_text = csv ? "" : "\\N";
    if (csv && !o.quote)
        o.quote = '"';
    if (csv && !o.escape)
        o.escape = o.quote;
    if (o.delimiter == '\n' || o.delimiter == '\r')
        return err_set(err, ERR_INVALID_PARAMETER_VALUE,
                       "COPY delimiter cannot be newline or carriage return");
    if (strpbrk(o.null_text, "\r\n"))
        return err_set(err, ERR_INVALID_PARAMETER_VALUE,
                       "COPY null representation cannot use newline or carriage return");
    if (!csv && strchr("\\.abcdefghijklmnopqrstuvwxyz0123456789", o.delimiter))
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "COPY delimiter cannot be \"%c\"",
                       o.delimiter);
    if (csv && o.delimiter == o.quote)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE,
                       "COPY delimiter and quote must be different");
    *out = o;
    return 0;
}

/* ---- lines ---- */

static bool scan_text(const uint8_t *data, size_t len, struct copy_scan *scan)
{
    for (; scan->at < len; scan->at++) {
        uint8_t c = data[scan->at];
        if (scan->escaped)
            scan->escaped = false;
        else if (c == '\\')
            scan->escaped = true;
        else if (c == '\n' || c == '\r')
            return true;
    }
    return false;
}

static bool scan_csv(const struct copy_options *o, const uint8_t *data, size_t len,
                     struct copy_scan *scan)
{
    for (; scan->at < len; scan->at++) {
        char c = (char)data[scan->at];
        if (scan->escaped)
            scan->escaped = false;
        else if (scan->in_quotes && c == o->escape && o->escape != o->quote)
            scan->escaped = true;
        else if (c == o->quote)
            scan->in_quotes = !scan->in_quotes;
        else if (!scan->in_quotes && (c == '\n' || c == '\r'))
            return true;
    }
    return false;
}

bool copy_line_end(const struct copy_options *o, const uint8_t *data, size_t len, bool at_end,
                   struct copy_scan *scan, size_t *line_len, size_t *eol)
{
    bool found = o->format == COPY_CSV ? scan_csv(o, data, len, scan) : scan_text(data, len, scan);
    if (!found) {
        if (!at_end || !len)
            return false;
        *line_len = len;
        *eol = 0;
        return true;
    }
    if (data[scan->at] == '\r') {
        if (scan->at + 1 == len && !at_end)
            return false; /* perhaps \r\n */
        *eol = scan->at + 1 < len && data[scan->at + 1] == '\n' ? 2 : 1;
    } else {
        *eol = 1;
    }
    *line_len = scan->at;
    return true;
}

/* ---- fields ---- */

static int octal(char c)
{
    return c >= '0' && c <= '7' ? c - '0' : -1;
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* p stands behind a backslash. */
static const char *take_escape(const char *p, const char *end, char *out)
{
    static const char from[] = "bfnrtv", to[] = "\b\f\n\r\t\v";
    char c = *p++;
    const char *known = memchr(from, c, 6);
    if (known) {
        *out = to[known - from];
    } else if (octal(c) >= 0) {
        int v = octal(c);
        for (int i = 0; i < 2 && p < end && octal(*p) >= 0; i++)
            v = v * 8 + octal(*p++);
        *out = (char)v;
    } else if (c == 'x' && p < end && hex(*p) >= 0) {
        int v = hex(*p++);
        if (p < end && hex(*p) >= 0)
            v = v * 16 + hex(*p++);
        *out = (char)v;
    } else {
        *out = c;
    }
    return p;
}

static struct copy_field unescape(const char *p, size_t len, struct arena *arena)
{
    char *out = arena_alloc(arena, len + 1), *at = out;
    const char *end = p + len;
    while (p < end) {
        if (*p == '\\' && p + 1 < end)
            p = take_escape(p + 1, end, at++);
        else
            *at++ = *p++;
    }
    return (struct copy_field){out, (uint32_t)(at - out)};
}

static uint32_t split_text(const struct copy_options *o, const char *line, size_t len,
                           uint32_t fields_max, struct copy_field *fields, struct arena *arena)
{
    uint32_t n = 0;
    size_t null_len = strlen(o->null_text);
    const char *p = line, *end = line + len;
    for (;;) {
        const char *start = p;
        bool escapes = false;
        while (p < end && *p != o->delimiter) {
            if (*p == '\\' && p + 1 < end) {
                escapes = true;
                p++;
            }
            p++;
        }
        size_t raw = (size_t)(p - start);
        if (n < fields_max) {
            if (raw == null_len && memcmp(start, o->null_text, raw) == 0)
                fields[n] = (struct copy_field){0};
            else if (escapes)
                fields[n] = unescape(start, raw, arena);
            else
                fields[n] = (struct copy_field){start, (uint32_t)raw};
        }
        n++;
        if (p >= end)
            return n;
        p++;
    }
}

static int split_csv(const struct copy_options *o, const char *line, size_t len,
                     uint32_t fields_max, struct copy_field *fields, uint32_t *count,
                     struct arena *arena, struct err *err)
{
    uint32_t n = 0;
    size_t null_len = strlen(o->null_text);
    const char *p = line, *end = line + len;
    for (;;) {
        char *out = arena_alloc(arena, (size_t)(end - p) + 1), *at = out;
        bool in_quotes = false, quoted = false;
        for (; p < end && (in_quotes || *p != o->delimiter); p++) {
            if (in_quotes && *p == o->escape && p + 1 < end &&
                (p[1] == o->quote || p[1] == o->escape))
                *at++ = *++p;
            else if (*p == o->quote)
                in_quotes = !in_quotes, quoted = true;
            else
                *at++ = *p;
        }
        if (in_quotes)
            return err_set(err, ERR_BAD_COPY_FILE_FORMAT, "unterminated CSV quoted field");
        if (n < fields_max) {
            bool null = !quoted && (size_t)(at - out) == null_len &&
                        memcmp(out, o->null_text, null_len) == 0;
            fields[n] =
                null ? (struct copy_field){0} : (struct copy_field){out, (uint32_t)(at - out)};
        }
        n++;
        if (p >= end)
            break;
        p++;
    }
    *count = n;
    return 0;
}

int copy_split(const struct copy_options *o, const char *line, size_t len, uint32_t fields_max,
               struct copy_field *fields, uint32_t *n, struct arena *arena, struct err *err)
{
    if (o->format == COPY_CSV)
        return split_csv(o, line, len, fields_max, fields, n, arena, err);
    *n = split_text(o, line, len, fields_max, fields, arena);
    return 0;
}

/* ---- out ---- */

static void put_text(const struct copy_options *o, const char *data, size_t len, struct buf *out)
{
    static const char from[] = "\b\f\n\r\t\v", to[] = "bfnrtv";
    size_t start = 0;
    for (size_t i = 0; i < len; i++) {
        char c = data[i];
        const char *known = c && c < 0x20 ? memchr(from, c, 6) : NULL;
        if (!known && c != '\\' && c != o->delimiter)
            continue;
        buf_put(out, data + start, i - start);
        buf_put_u8(out, '\\');
        buf_put_u8(out, (uint8_t)(known ? to[known - from] : c));
        start = i + 1;
    }
    buf_put(out, data + start, len - start);
}

static void put_csv(const struct copy_options *o, const char *data, size_t len, bool force_quote,
                    bool alone, struct buf *out)
{
    bool quote = force_quote ||
                 (len == strlen(o->null_text) && memcmp(data, o->null_text, len) == 0) ||
                 (alone && len == 2 && memcmp(data, "\\.", 2) == 0);
    for (size_t i = 0; i < len && !quote; i++)
        quote =
            data[i] == o->delimiter || data[i] == o->quote || data[i] == '\n' || data[i] == '\r';
    if (!quote) {
        buf_put(out, data, len);
        return;
    }
    buf_put_u8(out, (uint8_t)o->quote);
    for (size_t i = 0; i < len; i++) {
        if (data[i] == o->quote || data[i] == o->escape)
            buf_put_u8(out, (uint8_t)o->escape);
        buf_put_u8(out, (uint8_t)data[i]);
    }
    buf_put_u8(out, (uint8_t)o->quote);
}

void copy_put(const struct copy_options *o, const char *data, size_t len, bool force_quote,
              bool alone, struct buf *out)
{
    if (!data)
        buf_put_text(out, o->null_text);
    else if (o->format == COPY_CSV)
        put_csv(o, data, len, force_quote, alone, out);
    else
        put_text(o, data, len, out);
}
