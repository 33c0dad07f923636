/* Text kernels: lengths, cutting, padding, searching. Positions and lengths count characters. */
#include "types/func/kern.h"
#include "types/type/scalar_io.h"
#include "types/type/text.h"

enum { TEXT_BYTES_MAX = 1 << 30 };

static int too_long(struct err *err)
{
    return err_set(err, ERR_PROGRAM_LIMIT_EXCEEDED, "requested length too large");
}

/* ---- lengths
 * ------------------------------------------------------------------------------------------ */

enum length { CHARACTERS, TRIMMED_CHARACTERS, BYTES, BITS };

static int length_rows(struct func_call *call, enum length what)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i), n = 0;
        const struct bytes_view *v = arg_bytes(call, 0, row);
        switch (what) {
        case CHARACTERS:
            n = text_chars(view_data(v), v->len);
            break;
        case TRIMMED_CHARACTERS:
            n = text_chars(view_data(v), text_bpchar_len(v));
            break;
        case BYTES:
            n = v->len;
            break;
        case BITS:
            n = v->len * 8;
            break;
        }
        out_i32(call, row, (int32_t)n);
    }
    return 0;
}

KERNEL(textlen)
{
    return length_rows(call, CHARACTERS);
}
KERNEL(bpcharlen)
{
    return length_rows(call, TRIMMED_CHARACTERS);
}
KERNEL(textoctetlen)
{
    return length_rows(call, BYTES);
}
KERNEL(bpcharoctetlen)
{
    return length_rows(call, BYTES);
}
KERNEL(byteaoctetlen)
{
    return length_rows(call, BYTES);
}
KERNEL(sql_1810)
{
    return length_rows(call, BITS);
}
KERNEL(sql_1811)
{
    return length_rows(call, BITS);
}

KERNEL(ascii)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i), n;
        const struct bytes_view *v = arg_bytes(call, 0, row);
        const uint8_t *p = view_data(v);
        out_i32(call, row, v->len ? (int32_t)text_decode(p, p + v->len, &n) : 0);
    }
    return 0;
}

KERNEL(chr)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int32_t c = arg_i32(call, 0, row);
        if (c < 0)
            return fail_row(
                call, i,
                err_set(err, ERR_INVALID_PARAMETER_VALUE, "character number must be positive"));
        if (c == 0)
            return fail_row(
                call, i, err_set(err, ERR_PROGRAM_LIMIT_EXCEEDED, "null character not permitted"));
        if (c > 0x10ffff)
            return fail_row(call, i,
                            err_set(err, ERR_PROGRAM_LIMIT_EXCEEDED,
                                    "requested character too large for encoding: %d", c));
        if (c >= 0xd800 && c < 0xe000)
            return fail_row(call, i,
                            err_set(err, ERR_PROGRAM_LIMIT_EXCEEDED,
                                    "requested character not valid for encoding: %d", c));
        uint8_t bytes[4];
        uint32_t n = text_encode((uint32_t)c, bytes);
        out_bytes(call, row, bytes, n);
    }
    return 0;
}

/* ---- concatenation
 * ------------------------------------------------------------------------------------ */

static int concat_rows(struct func_call *call, struct err *err)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *a = arg_bytes(call, 0, row), *b = arg_bytes(call, 1, row);
        uint64_t len = (uint64_t)a->len + b->len;
        if (len > TEXT_BYTES_MAX)
            return fail_row(call, i, too_long(err));
        uint8_t small[VIEW_INLINE];
        uint8_t *p = len <= VIEW_INLINE ? small : arena_alloc(call->arena, len);
        memcpy(p, view_data(a), a->len);
        memcpy(p + a->len, view_data(b), b->len);
        out_view(call, row, view_of(p, (uint32_t)len));
    }
    return 0;
}

KERNEL(textcat)
{
    return concat_rows(call, err);
}
KERNEL(byteacat)
{
    return concat_rows(call, err);
}

/* ---- case
 * --------------------------------------------------------------------------------------------- */

static int map_rows(struct func_call *call, void (*map)(const uint8_t *, size_t, struct buf *))
{
    struct buf text = {0};
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        buf_reset(&text);
        map(view_data(v), v->len, &text);
        out_bytes(call, row, text.data, text.len);
    }
    buf_done(&text);
    return 0;
}

static void initcap_text(const uint8_t *p, size_t len, struct buf *out)
{
    const uint8_t *end = p + len;
    bool inside = false;
    while (p < end) {
        uint32_t n, c = text_decode(p, end, &n);
        uint8_t bytes[4];
        c = inside ? text_lower_char(c) : text_upper_char(c);
        inside = text_is_alnum_char(c);
        buf_put(out, bytes, text_encode(c, bytes));
        p += n;
    }
}

static void reverse_text(const uint8_t *p, size_t len, struct buf *out)
{
    const uint8_t *end = p + len;
    uint8_t *to = buf_extend(out, len) + len;
    while (p < end) {
        uint32_t n = text_char_len(p, end);
        to -= n;
        memcpy(to, p, n);
        p += n;
    }
}

KERNEL(lower)
{
    return map_rows(call, text_lower);
}
KERNEL(upper)
{
    return map_rows(call, text_upper);
}
KERNEL(initcap)
{
    return map_rows(call, initcap_text);
}
KERNEL(text_reverse)
{
    return map_rows(call, reverse_text);
}

static void quote_ident_text(const uint8_t *p, size_t len, struct buf *out)
{
    text_quote_ident((const char *)p, len, out);
}

static void quote_literal_text(const uint8_t *p, size_t len, struct buf *out)
{
    text_quote_literal((const char *)p, len, out);
}

KERNEL(quote_ident)
{
    return map_rows(call, quote_ident_text);
}
KERNEL(quote_literal)
{
    return map_rows(call, quote_literal_text);
}

KERNEL(quote_nullable)
{
    struct buf text = {0};
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        buf_reset(&text);
        if (arg_null(call, 0, row)) {
            buf_put_text(&text, "NULL");
        } else {
            const struct bytes_view *v = arg_bytes(call, 0, row);
            quote_literal_text(view_data(v), v->len, &text);
        }
        out_bytes(call, row, text.data, text.len);
    }
    buf_done(&text);
    return 0;
}

/* ---- cutting
 * ------------------------------------------------------------------------------------------ */

/* A piece of an argument, without copying when it is long. */
static void out_slice(struct func_call *call, uint32_t row, const struct bytes_view *v, size_t from,
                      size_t to)
{
    const uint8_t *p = view_data(v);
    if (to - from > VIEW_INLINE && v->len > VIEW_INLINE)
        out_view(call, row, view_of(p + from, (uint32_t)(to - from)));
    else
        out_bytes(call, row, p + from, to - from);
}

/* Characters [start, start + count) of 1-based positions; positions before the first cost from the
 * count. */
static int substring(struct func_call *call, bool bytes, bool has_count, struct err *err)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        int64_t start = arg_i32(call, 1, row), end = INT64_MAX;
        if (has_count) {
            int64_t count = arg_i32(call, 2, row);
            if (count < 0)
                return fail_row(
                    call, i,
                    err_set(err, ERR_SUBSTRING_ERROR, "negative substring length not allowed"));
            end = start + count;
        }
        if (start < 1)
            start = 1;
        if (end < start)
            end = start;
        const uint8_t *p = view_data(v);
        size_t from, to;
        if (bytes) {
            from = (uint64_t)start - 1 < v->len ? (size_t)start - 1 : v->len;
            to = (uint64_t)end - 1 < v->len ? (size_t)end - 1 : v->len;
        } else {
            from = text_offset(p, v->len, (uint64_t)start - 1);
            to = end == INT64_MAX
                     ? v->len
                     : from + text_offset(p + from, v->len - from, (uint64_t)(end - start));
        }
        out_slice(call, row, v, from, to);
    }
    return 0;
}

KERNEL(text_substr)
{
    return substring(call, false, true, err);
}
KERNEL(text_substr_no_len)
{
    return substring(call, false, false, err);
}
KERNEL(bytea_substr)
{
    return substring(call, true, true, err);
}
KERNEL(bytea_substr_no_len)
{
    return substring(call, true, false, err);
}

/* left / right; a negative count leaves out so many at the other end. */
static int take_end(struct func_call *call, bool left)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        int64_t n = arg_i32(call, 1, row);
        const uint8_t *p = view_data(v);
        if (left) {
            int64_t keep = n >= 0 ? n : (int64_t)text_chars(p, v->len) + n;
            out_slice(call, row, v, 0, text_offset(p, v->len, keep > 0 ? (uint64_t)keep : 0));
        } else {
            int64_t skip = n >= 0 ? (int64_t)text_chars(p, v->len) - n : -n;
            out_slice(call, row, v, text_offset(p, v->len, skip > 0 ? (uint64_t)skip : 0), v->len);
        }
    }
    return 0;
}

KERNEL(text_left)
{
    return take_end(call, true);
}
KERNEL(text_right)
{
    return take_end(call, false);
}

enum { TRIM_LEFT = 1, TRIM_RIGHT = 2 };

static bool in_set(const uint8_t *p, uint32_t n, const struct bytes_view *set)
{
    const uint8_t *s = view_data(set), *end = s + set->len;
    while (s < end) {
        uint32_t m = text_char_len(s, end);
        if (m == n && memcmp(s, p, n) == 0)
            return true;
        s += m;
    }
    return false;
}

static int trim_rows(struct func_call *call, int sides, bool has_set)
{
    const struct bytes_view blank = view_of(" ", 1);
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        const struct bytes_view *set = has_set ? arg_bytes(call, 1, row) : &blank;
        const uint8_t *p = view_data(v);
        size_t from = 0, to = v->len;
        while ((sides & TRIM_LEFT) && from < to) {
            uint32_t n = text_char_len(p + from, p + to);
            if (!in_set(p + from, n, set))
                break;
            from += n;
        }
        while ((sides & TRIM_RIGHT) && from < to) {
            size_t at = to - 1;
            while (at > from && (p[at] & 0xc0) == 0x80)
                at--;
            if (!in_set(p + at, (uint32_t)(to - at), set))
                break;
            to = at;
        }
        out_slice(call, row, v, from, to);
    }
    return 0;
}

KERNEL(btrim)
{
    return trim_rows(call, TRIM_LEFT | TRIM_RIGHT, true);
}
KERNEL(btrim1)
{
    return trim_rows(call, TRIM_LEFT | TRIM_RIGHT, false);
}
KERNEL(ltrim)
{
    return trim_rows(call, TRIM_LEFT, true);
}
KERNEL(ltrim1)
{
    return trim_rows(call, TRIM_LEFT, false);
}
KERNEL(rtrim)
{
    return trim_rows(call, TRIM_RIGHT, true);
}
KERNEL(rtrim1)
{
    return trim_rows(call, TRIM_RIGHT, false);
}

static bool byte_in_set(uint8_t b, const struct bytes_view *set)
{
    return set->len && memchr(view_data(set), b, set->len) != NULL;
}

static int trim_bytes(struct func_call *call, int sides)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row), *set = arg_bytes(call, 1, row);
        const uint8_t *p = view_data(v);
        size_t from = 0, to = v->len;
        while ((sides & TRIM_LEFT) && from < to && byte_in_set(p[from], set))
            from++;
        while ((sides & TRIM_RIGHT) && from < to && byte_in_set(p[to - 1], set))
            to--;
        out_slice(call, row, v, from, to);
    }
    return 0;
}

KERNEL(byteatrim)
{
    return trim_bytes(call, TRIM_LEFT | TRIM_RIGHT);
}
KERNEL(bytealtrim)
{
    return trim_bytes(call, TRIM_LEFT);
}
KERNEL(byteartrim)
{
    return trim_bytes(call, TRIM_RIGHT);
}

/* ---- padding
 * ------------------------------------------------------------------------------------------- */

static int pad_rows(struct func_call *call, bool left, bool has_fill, struct err *err)
{
    const struct bytes_view blank = view_of(" ", 1);
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        const struct bytes_view *fill = has_fill ? arg_bytes(call, 2, row) : &blank;
        int64_t want = arg_i32(call, 1, row);
        const uint8_t *p = view_data(v), *f = view_data(fill);
        int64_t have = text_chars(p, v->len), fill_chars = text_chars(f, fill->len);
        if (want < 0)
            want = 0;
        if (have >= want || fill_chars == 0) {
            out_slice(call, row, v, 0, text_offset(p, v->len, (uint64_t)want));
            continue;
        }
        int64_t missing = want - have;
        size_t tail = text_offset(f, fill->len, (uint64_t)(missing % fill_chars));
        uint64_t pad = (uint64_t)(missing / fill_chars) * fill->len + tail;
        if (pad + v->len > TEXT_BYTES_MAX)
            return fail_row(call, i, too_long(err));
        uint8_t *out = arena_alloc(call->arena, pad + v->len);
        uint8_t *to = left ? out : out + v->len;
        for (uint64_t at = 0; at < pad; at += fill->len)
            memcpy(to + at, f, pad - at < fill->len ? pad - at : fill->len);
        memcpy(left ? out + pad : out, p, v->len);
        out_view(call, row, view_of(out, (uint32_t)(pad + v->len)));
    }
    return 0;
}

KERNEL(lpad)
{
    return pad_rows(call, true, true, err);
}
KERNEL(rpad)
{
    return pad_rows(call, false, true, err);
}
KERNEL(sql_879)
{
    return pad_rows(call, true, false, err);
}
KERNEL(sql_880)
{
    return pad_rows(call, false, false, err);
}

KERNEL(repeat)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        int64_t times = arg_i32(call, 1, row);
        uint64_t total = times > 0 ? (uint64_t)times * v->len : 0;
        if (total > TEXT_BYTES_MAX)
            return fail_row(call, i, too_long(err));
        uint8_t *out = arena_try_alloc(call->arena, total + 1);
        if (!out)
            return fail_row(call, i, err_set(err, ERR_OUT_OF_MEMORY, "out of memory"));
        const uint8_t *p = view_data(v);
        for (uint64_t at = 0; at < total; at += v->len)
            memcpy(out + at, p, v->len);
        out_view(call, row, view_of(out, (uint32_t)total));
    }
    return 0;
}

/* ---- searching
 * ----------------------------------------------------------------------------------------- */

static const uint8_t *find_bytes(const struct bytes_view *in, const struct bytes_view *what)
{
    if (what->len == 0)
        return view_data(in);
    return memmem(view_data(in), in->len, view_data(what), what->len);
}

static int position_rows(struct func_call *call, bool bytes)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        const uint8_t *p = view_data(v), *at = find_bytes(v, arg_bytes(call, 1, row));
        if (!at)
            out_i32(call, row, 0);
        else
            out_i32(call, row,
                    1 + (int32_t)(bytes ? (size_t)(at - p) : text_chars(p, (size_t)(at - p))));
    }
    return 0;
}

KERNEL(textpos)
{
    return position_rows(call, false);
}
KERNEL(byteapos)
{
    return position_rows(call, true);
}

KERNEL(text_starts_with)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row), *w = arg_bytes(call, 1, row);
        out_bool(call, row, v->len >= w->len && memcmp(view_data(v), view_data(w), w->len) == 0);
    }
    return 0;
}

KERNEL(replace_text)
{
    struct buf text = {0};
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row), *from = arg_bytes(call, 1, row);
        const struct bytes_view *to = arg_bytes(call, 2, row);
        const uint8_t *p = view_data(v), *end = p + v->len;
        buf_reset(&text);
        while (from->len) {
            const uint8_t *at = memmem(p, (size_t)(end - p), view_data(from), from->len);
            if (!at)
                break;
            buf_put(&text, p, (size_t)(at - p));
            buf_put(&text, view_data(to), to->len);
            p = at + from->len;
        }
        buf_put(&text, p, (size_t)(end - p));
        out_bytes(call, row, text.data, text.len);
    }
    buf_done(&text);
    return 0;
}

/* Each character of `from` becomes the one at its place in `to`, or nothing. */
static void translate_text(const struct bytes_view *v, const struct bytes_view *from,
                           const struct bytes_view *to, struct buf *out)
{
    const uint8_t *p = view_data(v), *end = p + v->len;
    while (p < end) {
        uint32_t n = text_char_len(p, end);
        const uint8_t *f = view_data(from), *f_end = f + from->len;
        const uint8_t *t = view_data(to), *t_end = t + to->len;
        bool found = false;
        while (f < f_end && !found) {
            uint32_t m = text_char_len(f, f_end), k = t < t_end ? text_char_len(t, t_end) : 0;
            found = m == n && memcmp(f, p, n) == 0;
            if (found && k)
                buf_put(out, t, k);
            f += m;
            t += k;
        }
        if (!found)
            buf_put(out, p, n);
        p += n;
    }
}

KERNEL(translate)
{
    struct buf text = {0};
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        buf_reset(&text);
        translate_text(arg_bytes(call, 0, row), arg_bytes(call, 1, row), arg_bytes(call, 2, row),
                       &text);
        out_bytes(call, row, text.data, text.len);
    }
    buf_done(&text);
    return 0;
}

/* Field n (from the end when negative) between separators. */
static bool split_field(const struct bytes_view *v, const struct bytes_view *sep, int64_t n,
                        size_t *from, size_t *to)
{
    const uint8_t *p = view_data(v), *end = p + v->len, *s = view_data(sep);
    if (sep->len == 0) {
        *from = 0;
        *to = v->len;
        return v->len && (n == 1 || n == -1);
    }
    if (n < 0) {
        int64_t fields = 1;
        for (const uint8_t *q = p; (q = memmem(q, (size_t)(end - q), s, sep->len)); q += sep->len)
            fields++;
        n += fields + 1;
        if (n < 1)
            return false;
    }
    const uint8_t *at = p;
    for (int64_t k = 1;; k++) {
        const uint8_t *next = memmem(at, (size_t)(end - at), s, sep->len);
        if (k == n) {
            *from = (size_t)(at - p);
            *to = (size_t)((next ? next : end) - p);
            return true;
        }
        if (!next)
            return false;
        at = next + sep->len;
    }
}

KERNEL(split_part)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row);
        int32_t n = arg_i32(call, 2, row);
        size_t from, to;
        if (n == 0)
            return fail_row(
                call, i,
                err_set(err, ERR_INVALID_PARAMETER_VALUE, "field position must not be zero"));
        if (split_field(v, arg_bytes(call, 1, row), n, &from, &to))
            out_slice(call, row, v, from, to);
        else
            out_bytes(call, row, "", 0);
    }
    return 0;
}

/* ---- overlay
 * -------------------------------------------------------------------------------------------- */

static int overlay_rows(struct func_call *call, bool bytes, bool has_count, struct err *err)
{
    struct buf text = {0};
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row), *with = arg_bytes(call, 1, row);
        int64_t start = arg_i32(call, 2, row);
        int64_t count = has_count
                            ? (int64_t)arg_i32(call, 3, row)
                            : (int64_t)(bytes ? with->len : text_chars(view_data(with), with->len));
        if (start <= 0) {
            buf_done(&text);
            return fail_row(
                call, i,
                err_set(err, ERR_SUBSTRING_ERROR, "negative substring length not allowed"));
        }
        const uint8_t *p = view_data(v);
        uint64_t rest = start + count > 1 ? (uint64_t)(start + count - 1) : 0;
        size_t head = bytes ? (size_t)start - 1 : text_offset(p, v->len, (uint64_t)start - 1);
        size_t tail = bytes ? rest : text_offset(p, v->len, rest);
        head = head < v->len ? head : v->len;
        tail = tail < v->len ? tail : v->len;
        buf_reset(&text);
        buf_put(&text, p, head);
        buf_put(&text, view_data(with), with->len);
        buf_put(&text, p + tail, v->len - tail);
        out_bytes(call, row, text.data, text.len);
    }
    buf_done(&text);
    return 0;
}

KERNEL(textoverlay)
{
    return overlay_rows(call, false, true, err);
}
KERNEL(textoverlay_no_len)
{
    return overlay_rows(call, false, false, err);
}
KERNEL(byteaoverlay)
{
    return overlay_rows(call, true, true, err);
}
KERNEL(byteaoverlay_no_len)
{
    return overlay_rows(call, true, false, err);
}

/* ---- number texts
 * ---------------------------------------------------------------------------------------- */

KERNEL(to_hex32)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct buf text = {0};
        buf_printf(&text, "%x", (unsigned)arg_i32(call, 0, row));
        out_bytes(call, row, text.data, text.len);
        buf_done(&text);
    }
    return 0;
}

KERNEL(to_hex64)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct buf text = {0};
        buf_printf(&text, "%llx", (unsigned long long)arg_i64(call, 0, row));
        out_bytes(call, row, text.data, text.len);
        buf_done(&text);
    }
    return 0;
}
