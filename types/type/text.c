#include "types/type/text.h"

#include <string.h>

/* ---- characters ---------------------------------------------------------------------------- */

uint32_t text_chars(const uint8_t *data, size_t len)
{
    /* Every byte but a continuation begins a character. */
    uint32_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += (data[i] & 0xc0) != 0x80;
    return n;
}

size_t text_offset(const uint8_t *data, size_t len, uint64_t chars)
{
    const uint8_t *p = data, *end = data + len;
    while (p < end && chars > 0) {
        p += text_char_len(p, end);
        chars--;
    }
    return (size_t)(p - data);
}

uint32_t text_decode(const uint8_t *p, const uint8_t *end, uint32_t *n)
{
    uint32_t len = text_char_len(p, end);
    *n = len;
    switch (len) {
    case 2:
        return (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
    case 3:
        return (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
    case 4:
        return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 |
               (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3f);
    default:
        return p[0];
    }
}

uint32_t text_encode(uint32_t c, uint8_t out[4])
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

/* Length of the well-formed sequence at p, 0 = none (overlong, surrogate, beyond 10FFFF, cut, zero
 * byte). */
static uint32_t sequence_len(const uint8_t *p, const uint8_t *end)
{
    uint8_t a = p[0];
    size_t left = (size_t)(end - p);
    if (a < 0x80)
        return a != 0;
    if (a < 0xc2 || a > 0xf4)
        return 0;
    if (left < 2 || (p[1] & 0xc0) != 0x80)
        return 0;
    if (a < 0xe0)
        return 2;
    if ((a == 0xe0 && p[1] < 0xa0) || (a == 0xed && p[1] > 0x9f) || (a == 0xf0 && p[1] < 0x90) ||
        (a == 0xf4 && p[1] > 0x8f))
        return 0;
    if (left < 3 || (p[2] & 0xc0) != 0x80)
        return 0;
    if (a < 0xf0)
        return 3;
    return left >= 4 && (p[3] & 0xc0) == 0x80 ? 4 : 0;
}

static const uint8_t *find_bad(const uint8_t *data, size_t len)
{
    const uint8_t *p = data, *end = data + len;
    while (p < end) {
        /* Eight ASCII bytes without a zero at once. */
        uint64_t w;
        while (end - p >= 8) {
            memcpy(&w, p, 8);
            if ((w & UINT64_C(0x8080808080808080)) ||
                ((w - UINT64_C(0x0101010101010101)) & ~w & UINT64_C(0x8080808080808080)))
                break;
            p += 8;
        }
        if (p == end)
            break;
        uint32_t n = sequence_len(p, end);
        if (n == 0)
            return p;
        p += n;
    }
    return NULL;
}

bool text_is_valid(const uint8_t *data, size_t len)
{
    return find_bad(data, len) == NULL;
}

int text_check(const uint8_t *data, size_t len, struct err *err)
{
    const uint8_t *bad = find_bad(data, len);
    if (!bad)
        return 0;
    /* As many bytes as the first one promises are shown. */
    uint32_t n = text_char_len(bad, data + len);
    char hex[4 * 5 + 1] = "";
    for (uint32_t i = 0, at = 0; i < n; i++) {
        static const char digits[] = "0123456789abcdef";
        if (i)
            hex[at++] = ' ';
        hex[at++] = '0';
        hex[at++] = 'x';
        hex[at++] = digits[bad[i] >> 4];
        hex[at++] = digits[bad[i] & 15];
        hex[at] = 0;
    }
    return err_set(err, ERR_CHARACTER_NOT_IN_REPERTOIRE,
                   "invalid byte sequence for encoding \"UTF8\": %s", hex);
}

/* ---- case ---------------------------------------------------------------------------------- */

struct case_range {
    uint32_t first, last;
    int8_t stride;
    int32_t delta;
};

#define UPPER(first, last, stride, delta)
#define ALNUM(first, last)
#define LOWER(first_, last_, stride_, delta_) {first_, last_, stride_, delta_},
static const struct case_range lower_ranges[] = {
#include "types/type/text_case.def"
};
#undef LOWER
#undef UPPER
#define LOWER(first, last, stride, delta)
#define UPPER(first_, last_, stride_, delta_) {first_, last_, stride_, delta_},
static const struct case_range upper_ranges[] = {
#include "types/type/text_case.def"
};
#undef UPPER
#undef ALNUM
#define UPPER(first, last, stride, delta)
#define ALNUM(first_, last_) {first_, last_, 1, 0},
static const struct case_range alnum_ranges[] = {
#include "types/type/text_case.def"
};

/* Ranges ascend by their start but may interleave (stride 2): look back over the few that reach c.
 */
static uint32_t map_case(const struct case_range *ranges, uint32_t n, uint32_t c)
{
    uint32_t lo = 0, hi = n;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (ranges[mid].first <= c)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (uint32_t i = lo, looked = 0; i-- > 0 && looked < 4; looked++) {
        const struct case_range *r = &ranges[i];
        if (c <= r->last && (c - r->first) % (uint32_t)r->stride == 0)
            return (uint32_t)((int32_t)c + r->delta);
    }
    return c;
}

uint32_t text_lower_char(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    return map_case(lower_ranges, sizeof lower_ranges / sizeof *lower_ranges, c);
}

uint32_t text_upper_char(uint32_t c)
{
    if (c < 0x80)
        return c >= 'a' && c <= 'z' ? c - 32 : c;
    return map_case(upper_ranges, sizeof upper_ranges / sizeof *upper_ranges, c);
}

bool text_is_alnum_char(uint32_t c)
{
    if (c < 0x80)
        return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    uint32_t lo = 0, hi = sizeof alnum_ranges / sizeof *alnum_ranges;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (alnum_ranges[mid].last < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < sizeof alnum_ranges / sizeof *alnum_ranges && alnum_ranges[lo].first <= c;
}

static void map_text(const uint8_t *data, size_t len, uint32_t (*map)(uint32_t), struct buf *out)
{
    const uint8_t *p = data, *end = data + len;
    buf_reserve(out, len);
    while (p < end) {
        uint32_t n;
        uint32_t c = text_decode(p, end, &n);
        uint8_t bytes[4];
        uint32_t m = text_encode(map(c), bytes);
        buf_put(out, bytes, m);
        p += n;
    }
}

void text_lower(const uint8_t *data, size_t len, struct buf *out)
{
    map_text(data, len, text_lower_char, out);
}

void text_upper(const uint8_t *data, size_t len, struct buf *out)
{
    map_text(data, len, text_upper_char, out);
}

/* ---- char(n) ------------------------------------------------------------------------------- */

uint32_t text_bpchar_len(const struct bytes_view *v)
{
    const uint8_t *p = view_data(v);
    uint32_t n = v->len;
    while (n && p[n - 1] == ' ')
        n--;
    return n;
}

int text_compare_bpchar(const struct bytes_view *a, const struct bytes_view *b)
{
    uint32_t x = text_bpchar_len(a), y = text_bpchar_len(b);
    uint32_t n = x < y ? x : y;
    int cmp = n ? memcmp(view_data(a), view_data(b), n) : 0;
    return cmp ? cmp : (x > y) - (x < y);
}

/* ---- bytea --------------------------------------------------------------------------------- */

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int hex_in(const uint8_t *p, const uint8_t *end, struct buf *bytes, struct err *err)
{
    while (p < end) {
        if (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r') {
            p++;
            continue;
        }
        int hi = hex_value(*p);
        uint32_t n = text_char_len(p, end);
        if (hi < 0)
            return err_set(err, ERR_INVALID_PARAMETER_VALUE, "invalid hexadecimal digit: \"%.*s\"",
                           (int)n, p);
        p++;
        if (p == end)
            return err_set(err, ERR_INVALID_PARAMETER_VALUE,
                           "invalid hexadecimal data: odd number of digits");
        int lo = hex_value(*p);
        n = text_char_len(p, end);
        if (lo < 0)
            return err_set(err, ERR_INVALID_PARAMETER_VALUE, "invalid hexadecimal digit: \"%.*s\"",
                           (int)n, p);
        p++;
        buf_put_u8(bytes, (uint8_t)(hi << 4 | lo));
    }
    return 0;
}

static bool is_octal(const uint8_t *p)
{
    return p[0] >= '0' && p[0] <= '3' && p[1] >= '0' && p[1] <= '7' && p[2] >= '0' && p[2] <= '7';
}

static int escape_in(const uint8_t *p, const uint8_t *end, struct buf *bytes, struct err *err)
{
    while (p < end) {
        if (*p != '\\') {
            buf_put_u8(bytes, *p++);
        } else if (end - p >= 4 && is_octal(p + 1)) {
            buf_put_u8(bytes, (uint8_t)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0')));
            p += 4;
        } else if (end - p >= 2 && p[1] == '\\') {
            buf_put_u8(bytes, '\\');
            p += 2;
        } else {
            return err_set(err, ERR_INVALID_TEXT_REPRESENTATION,
                           "invalid input syntax for type bytea");
        }
    }
    return 0;
}

int bytea_in(const char *text, size_t len, struct arena *arena, struct datum *out, struct err *err)
{
    const uint8_t *p = (const uint8_t *)text, *end = p + len;
    struct buf bytes = {0};
    bool hex = len >= 2 && p[0] == '\\' && p[1] == 'x';
    int rc = hex ? hex_in(p + 2, end, &bytes, err) : escape_in(p, end, &bytes, err);
    if (rc == 0) {
        *out = (struct datum){.kind = PHYS_BYTES, .dec_scale = -1};
        out->u.bytes = view_copy(arena, bytes.data, (uint32_t)bytes.len);
    }
    buf_done(&bytes);
    return rc;
}

void bytea_out(bool escape, const uint8_t *data, size_t len, struct buf *out)
{
    static const char digits[] = "0123456789abcdef";
    if (!escape) {
        buf_put_text(out, "\\x");
        uint8_t *to = buf_extend(out, 2 * len);
        for (size_t i = 0; i < len; i++) {
            to[2 * i] = (uint8_t)digits[data[i] >> 4];
            to[2 * i + 1] = (uint8_t)digits[data[i] & 15];
        }
        return;
    }
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\\')
            buf_put_text(out, "\\\\");
        else if (data[i] < 0x20 || data[i] > 0x7e)
            buf_printf(out, "\\%03o", data[i]);
        else
            buf_put_u8(out, data[i]);
    }
}

/* ---- quoting ------------------------------------------------------------------------------- */

void text_quote_literal(const char *text, size_t len, struct buf *out)
{
    if (memchr(text, '\\', len))
        buf_put_u8(out, 'E');
    buf_put_u8(out, '\'');
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\'' || text[i] == '\\')
            buf_put_u8(out, (uint8_t)text[i]);
        buf_put_u8(out, (uint8_t)text[i]);
    }
    buf_put_u8(out, '\'');
}

/* Keywords that PostgreSQL quotes: every one that is not unreserved. Sorted. */
static const char *const quoted_words[] = {
#define WORD(word) #word,
#include "types/type/quoted_words.def"
#undef WORD
};

static bool is_quoted_word(const char *name, size_t len)
{
    size_t lo = 0, hi = sizeof quoted_words / sizeof *quoted_words;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int cmp = strncmp(quoted_words[mid], name, len);
        if (cmp == 0 && quoted_words[mid][len] != 0)
            cmp = 1;
        if (cmp == 0)
            return true;
        if (cmp < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

void text_quote_ident(const char *name, size_t len, struct buf *out)
{
    bool safe = len && ((name[0] >= 'a' && name[0] <= 'z') || name[0] == '_');
    for (size_t i = 0; i < len && safe; i++)
        safe = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
               name[i] == '_';
    if (safe && !is_quoted_word(name, len)) {
        buf_put(out, name, len);
        return;
    }
    buf_put_u8(out, '"');
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '"')
            buf_put_u8(out, '"');
        buf_put_u8(out, (uint8_t)name[i]);
    }
    buf_put_u8(out, '"');
}
