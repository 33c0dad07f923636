/* Functions over "any" that go through text: concat, concat_ws, format, || with a non-text side;
 * casts between strings. */
#include <stdlib.h>

#include "types/func/kern.h"
#include "types/type/text.h"

/* The text form of an argument of any type. */
static int put_arg_text(const struct func_call *call, uint32_t arg, uint32_t row, struct buf *out,
                        struct err *err)
{
    struct datum d = vec_datum(&call->args[arg], row);
    if (d.null)
        return 0;
    uint32_t type = call->arg_types[arg];
    if (type == TYPE_TEXT || type == TYPE_VARCHAR) {
        buf_put(out, view_data(&d.u.bytes), d.u.bytes.len);
        return 0;
    }
    return type_out(call->env, type, &d, out, err);
}

static int finish(struct func_call *call, struct buf *text, uint32_t i, int rc)
{
    buf_done(text);
    return rc ? fail_row(call, i, rc) : 0;
}

static int concat_rows(struct func_call *call, bool separator, struct err *err)
{
    struct buf text = {0};
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        buf_reset(&text);
        if (separator && arg_null(call, 0, row)) {
            out_null(call, row);
            continue;
        }
        bool first = true;
        for (uint32_t k = separator; k < call->n_args; k++) {
            if (arg_null(call, k, row))
                continue;
            int rc = separator && !first ? put_arg_text(call, 0, row, &text, err) : 0;
            if (rc == 0)
                rc = put_arg_text(call, k, row, &text, err);
            if (rc)
                return finish(call, &text, i, rc);
            first = false;
        }
        out_bytes(call, row, text.data, text.len);
    }
    return finish(call, &text, 0, 0);
}

KERNEL(text_concat)
{
    return concat_rows(call, false, err);
}
KERNEL(text_concat_ws)
{
    return concat_rows(call, true, err);
}
/* text || any, any || text: strict, the text form of the other side */
KERNEL(sql_2003)
{
    return concat_rows(call, false, err);
}
KERNEL(sql_2004)
{
    return concat_rows(call, false, err);
}

static int quote_any(struct func_call *call, struct err *err)
{
    struct buf text = {0}, quoted = {0};
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        buf_reset(&text);
        buf_reset(&quoted);
        if (arg_null(call, 0, row)) {
            out_text(call, row, "NULL");
            continue;
        }
        int rc = put_arg_text(call, 0, row, &text, err);
        if (rc) {
            buf_done(&quoted);
            return finish(call, &text, i, rc);
        }
        text_quote_literal((const char *)text.data, text.len, &quoted);
        out_bytes(call, row, quoted.data, quoted.len);
    }
    buf_done(&quoted);
    return finish(call, &text, 0, 0);
}

KERNEL(sql_1285)
{
    return quote_any(call, err);
}
KERNEL(sql_1290)
{
    return quote_any(call, err);
}

/* ---- format -------------------------------------------------------------------------------- */

struct format {
    struct func_call *call;
    uint32_t row;
    uint32_t next; /* argument the next plain % takes */
    struct buf *out;
    struct err *err;
};

static int format_error(struct format *f, const char *message)
{
    return err_set(f->err, ERR_INVALID_PARAMETER_VALUE, "%s", message);
}

/* One value as %s, %I or %L, padded to width. */
static int put_converted(struct format *f, char kind, uint32_t arg, int64_t width, bool left)
{
    struct buf raw = {0}, item = {0};
    bool null = arg_null(f->call, arg, f->row);
    int rc = 0;
    if (null && kind == 'I')
        rc = err_set(f->err, ERR_NULL_VALUE_NOT_ALLOWED,
                     "null values cannot be formatted as an SQL identifier");
    else
        rc = put_arg_text(f->call, arg, f->row, &raw, f->err);
    if (rc == 0 && kind == 'I')
        text_quote_ident((const char *)raw.data, raw.len, &item);
    else if (rc == 0 && kind == 'L' && null)
        buf_put_text(&item, "NULL");
    else if (rc == 0 && kind == 'L')
        text_quote_literal((const char *)raw.data, raw.len, &item);
    else if (rc == 0)
        buf_put(&item, raw.data, raw.len);
    int64_t pad = width - (int64_t)text_chars(item.data, item.len);
    if (!left)
        for (int64_t k = 0; rc == 0 && k < pad; k++)
            buf_put_u8(f->out, ' ');
    buf_put(f->out, item.data, item.len);
    if (left)
        for (int64_t k = 0; rc == 0 && k < pad; k++)
            buf_put_u8(f->out, ' ');
    buf_done(&raw);
    buf_done(&item);
    return rc;
}

static bool take_digits(const uint8_t **p, const uint8_t *end, int64_t *v)
{
    const uint8_t *start = *p;
    *v = 0;
    while (*p < end && **p >= '0' && **p <= '9') {
        *v = *v * 10 + (**p - '0');
        if (*v > INT32_MAX)
            *v = (int64_t)INT32_MAX + 1;
        (*p)++;
    }
    return *p > start;
}

static int take_argument(struct format *f, int64_t position, uint32_t *arg)
{
    if (position == 0)
        return format_error(f, "format specifies argument 0, but arguments are numbered from 1");
    if (position > 0)
        f->next = (uint32_t)position;
    if (f->next >= f->call->n_args)
        return format_error(f, "too few arguments for format()");
    *arg = f->next++;
    return 0;
}

static int width_argument(struct format *f, int64_t position, int64_t *width, bool *left)
{
    uint32_t arg = 0;
    int rc = take_argument(f, position, &arg);
    if (rc)
        return rc;
    struct buf text = {0};
    rc = put_arg_text(f->call, arg, f->row, &text, f->err);
    int64_t v = rc == 0 && text.len ? strtoll(buf_text(&text), NULL, 10) : 0;
    buf_done(&text);
    *left |= v < 0;
    *width = v < 0 ? -v : v;
    return rc;
}

/* %[position$][-][width | * | *position$]type, *p behind the % */
static int put_specifier(struct format *f, const uint8_t **p, const uint8_t *end)
{
    int64_t position = -1, width = 0, v;
    bool left = false;
    const uint8_t *start = *p;
    if (take_digits(p, end, &v)) {
        if (*p < end && **p == '$') {
            position = v;
            (*p)++;
        } else {
            *p = start;
        }
    }
    while (*p < end && **p == '-') {
        left = true;
        (*p)++;
    }
    int rc = 0;
    if (*p < end && **p == '*') {
        (*p)++;
        bool positioned = take_digits(p, end, &v);
        if (positioned && (*p == end || *(*p)++ != '$'))
            return format_error(f, "width argument position must be ended by \"$\"");
        rc = width_argument(f, positioned ? v : -1, &width, &left);
    } else if (take_digits(p, end, &v)) {
        width = v;
    }
    if (rc)
        return rc;
    if (*p == end) {
        err_set(f->err, ERR_INVALID_PARAMETER_VALUE, "unterminated format() type specifier");
        return err_hint(f->err, "For a single \"%%\" use \"%%%%\".");
    }
    char kind = (char)*(*p)++;
    if (kind != 's' && kind != 'I' && kind != 'L') {
        err_set(f->err, ERR_INVALID_PARAMETER_VALUE, "unrecognized format() type specifier \"%c\"",
                kind);
        return err_hint(f->err, "For a single \"%%\" use \"%%%%\".");
    }
    uint32_t arg = 0;
    rc = take_argument(f, position, &arg);
    return rc ? rc : put_converted(f, kind, arg, width, left);
}

static int format_row(struct format *f, const struct bytes_view *pattern)
{
    const uint8_t *p = view_data(pattern), *end = p + pattern->len;
    while (p < end) {
        if (*p != '%') {
            buf_put_u8(f->out, *p++);
            continue;
        }
        p++;
        if (p < end && *p == '%') {
            buf_put_u8(f->out, *p++);
            continue;
        }
        int rc = put_specifier(f, &p, end);
        if (rc)
            return rc;
    }
    return 0;
}

static int format_rows(struct func_call *call, struct err *err)
{
    struct buf text = {0};
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        if (arg_null(call, 0, row)) {
            out_null(call, row);
            continue;
        }
        buf_reset(&text);
        struct format f = {.call = call, .row = row, .next = 1, .out = &text, .err = err};
        int rc = format_row(&f, arg_bytes(call, 0, row));
        if (rc)
            return finish(call, &text, i, rc);
        out_bytes(call, row, text.data, text.len);
    }
    return finish(call, &text, 0, 0);
}

KERNEL(text_format)
{
    return format_rows(call, err);
}
KERNEL(text_format_nv)
{
    return format_rows(call, err);
}

/* ---- casts between strings
 * ------------------------------------------------------------------------------------ */

static int copy_rows(struct func_call *call)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        out_view(call, row, *arg_bytes(call, 0, row));
    }
    return 0;
}

static void out_name(struct func_call *call, uint32_t row, const uint8_t *p, size_t len)
{
    size_t keep = 0;
    while (keep < len && keep + text_char_len(p + keep, p + len) <= 63)
        keep += text_char_len(p + keep, p + len);
    out_bytes(call, row, p, keep);
}

KERNEL(name_text)
{
    return copy_rows(call);
}
KERNEL(name_bpchar)
{
    return copy_rows(call);
}

KERNEL(text_name)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        out_name(call, row, view_data(v), v->len);
    }
    return 0;
}

KERNEL(bpchar_name)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        out_name(call, row, view_data(v), text_bpchar_len(v));
    }
    return 0;
}

/* "char": one byte, shown as \ooo from 128 on. */
static int char_rows(struct func_call *call)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        uint8_t c = v->len ? view_data(v)[0] : 0;
        char text[8] = {(char)c};
        if (c >= 0x80) {
            text[0] = '\\';
            text[1] = (char)('0' + (c >> 6));
            text[2] = (char)('0' + (c >> 3 & 7));
            text[3] = (char)('0' + (c & 7));
        }
        out_bytes(call, row, text, strlen(text));
    }
    return 0;
}

KERNEL(char_text)
{
    return char_rows(call);
}
KERNEL(char_bpchar)
{
    return char_rows(call);
}

KERNEL(text_char)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        const uint8_t *p = view_data(v);
        uint8_t c = v->len ? p[0] : 0;
        if (v->len == 4 && c == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
            p[3] >= '0' && p[3] <= '7')
            c = (uint8_t)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
        out_bytes(call, row, &c, c != 0);
    }
    return 0;
}

KERNEL(chartoi4)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        out_i32(call, row, v->len ? (int8_t)view_data(v)[0] : 0);
    }
    return 0;
}

KERNEL(i4tochar)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int32_t v = arg_i32(call, 0, row);
        if (v < INT8_MIN || v > INT8_MAX)
            return fail_row(call, i,
                            err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "\"char\" out of range"));
        uint8_t c = (uint8_t)v;
        out_bytes(call, row, &c, c != 0);
    }
    return 0;
}

KERNEL(booltext)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        out_text(call, row, arg_bool(call, 0, row) ? "true" : "false");
    }
    return 0;
}

/* Length coercions called as functions: (value, typmod, explicit). */
static int coerce_rows(struct func_call *call, uint32_t type, struct err *err)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct datum v = vec_datum(&call->args[0], row), out;
        bool is_explicit = call->n_args > 2 && arg_bool(call, 2, row);
        int rc = type_coerce_length(type, arg_i32(call, 1, row), is_explicit, &v, call->arena, &out,
                                    err);
        if (rc)
            return fail_row(call, i, rc);
        vec_put(call->out, row, &out, call->arena);
    }
    return 0;
}

KERNEL(varchar)
{
    return coerce_rows(call, TYPE_VARCHAR, err);
}
KERNEL(bpchar)
{
    return coerce_rows(call, TYPE_BPCHAR, err);
}
KERNEL(time_scale)
{
    return coerce_rows(call, TYPE_TIME, err);
}
KERNEL(timetz_scale)
{
    return coerce_rows(call, TYPE_TIMETZ, err);
}
KERNEL(timestamp_scale)
{
    return coerce_rows(call, TYPE_TIMESTAMP, err);
}
KERNEL(timestamptz_scale)
{
    return coerce_rows(call, TYPE_TIMESTAMPTZ, err);
}
KERNEL(interval_scale)
{
    return coerce_rows(call, TYPE_INTERVAL, err);
}

KERNEL(text_regclass)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        struct datum out;
        int rc = type_in(call->env, TYPE_REGCLASS, -1, (const char *)view_data(v), v->len,
                         call->arena, &out, err);
        if (rc)
            return fail_row(call, i, rc);
        out_i64(call, row, out.u.i64);
    }
    return 0;
}

/* ---- nulls and types
 * ----------------------------------------------------------------------------------------- */

static int count_nulls(struct func_call *call, bool nulls)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int32_t n = 0;
        for (uint32_t k = 0; k < call->n_args; k++)
            n += arg_null(call, k, row) == nulls;
        out_i32(call, row, n);
    }
    return 0;
}

KERNEL(pg_num_nulls)
{
    return count_nulls(call, true);
}
KERNEL(pg_num_nonnulls)
{
    return count_nulls(call, false);
}

KERNEL(pg_typeof)
{
    for (uint32_t i = 0; i < call->n; i++)
        out_i64(call, call_row(call, i), call->arg_types[0]);
    return 0;
}
