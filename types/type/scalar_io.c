#include "types/type/scalar_io.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char digit_pairs[] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940"
    "4142434445464748495051525354555657585960616263646566676869707172737475767778798081"
    "828384858687888990919293949596979899";

void scalar_put_int(struct buf *out, int64_t v)
{
    char text[24];
    int at = sizeof text;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    while (u >= 100) {
        at -= 2;
        memcpy(text + at, digit_pairs + 2 * (u % 100), 2);
        u /= 100;
    }
    if (u >= 10) {
        at -= 2;
        memcpy(text + at, digit_pairs + 2 * u, 2);
    } else {
        text[--at] = (char)('0' + u);
    }
    if (v < 0)
        text[--at] = '-';
    buf_put(out, text + at, sizeof text - (size_t)at);
}

/* ---- floats -------------------------------------------------------------------------------- */

/* Lays out decimal digits as printf's %g does: fixed notation while -4 <= exponent < precision. */
static void put_digits(struct buf *out, bool neg, const char *digits, int n, int exponent,
                       int precision)
{
    while (n > 1 && digits[n - 1] == '0')
        n--;
    if (neg)
        buf_put_u8(out, '-');
    if (exponent < -4 || exponent >= precision) {
        buf_put_u8(out, (uint8_t)digits[0]);
        if (n > 1) {
            buf_put_u8(out, '.');
            buf_put(out, digits + 1, (size_t)n - 1);
        }
        buf_printf(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
        return;
    }
    if (exponent < 0) {
        buf_put_text(out, "0.");
        for (int i = -1; i > exponent; i--)
            buf_put_u8(out, '0');
        buf_put(out, digits, (size_t)n);
        return;
    }
    for (int i = 0; i <= exponent; i++)
        buf_put_u8(out, (uint8_t)(i < n ? digits[i] : '0'));
    if (n > exponent + 1) {
        buf_put_u8(out, '.');
        buf_put(out, digits + exponent + 1, (size_t)(n - exponent - 1));
    }
}

/* "d.ddde+xx" of printf into digits and exponent. */
static int split_scientific(const char *text, char *digits, int *exponent)
{
    int n = 0;
    for (; *text && *text != 'e'; text++)
        if (*text >= '0' && *text <= '9')
            digits[n++] = *text;
    *exponent = atoi(text + 1);
    return n;
}

static bool put_special(struct buf *out, double v)
{
    if (isnan(v))
        buf_put_text(out, "NaN");
    else if (isinf(v))
        buf_put_text(out, v < 0 ? "-Infinity" : "Infinity");
    else if (v == 0)
        buf_put_text(out, signbit(v) ? "-0" : "0");
    else
        return false;
    return true;
}

static bool reads_back(const char *text, double v, bool single)
{
    return single ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v;
}

static void put_float(struct buf *out, double v, bool single, int digits_less)
{
    int full = single ? FLT_DIG : DBL_DIG;
    if (put_special(out, v))
        return;
    char text[64], digits[40];
    int exponent, n;
    double mag = fabs(v);
    if (digits_less > 0) {
        int precision = full + 1 - digits_less;
        if (precision < 1)
            precision = 1;
        snprintf(text, sizeof text, "%.*e", precision - 1, mag);
        n = split_scientific(text, digits, &exponent);
        put_digits(out, signbit(v), digits, n, exponent, precision);
        return;
    }
    /* A subnormal may need very few digits; a normal value never fewer than the guaranteed ones
     * give. */
    bool subnormal = mag < (single ? (double)FLT_MIN : DBL_MIN);
    int precision = subnormal ? 1 : full;
    for (;; precision++) {
        snprintf(text, sizeof text, "%.*e", precision - 1, mag);
        if (precision >= full + 3 || reads_back(text, mag, single))
            break;
        /* Below a power of two the gap is half as wide: the nearest short text may miss where the
         * next one up hits. */
        int last = precision > 1 ? precision : 0;
        if (precision > full && text[last] >= '0' && text[last] < '9') {
            text[last]++;
            if (reads_back(text, mag, single))
                break;
        }
    }
    n = split_scientific(text, digits, &exponent);
    put_digits(out, signbit(v), digits, n, exponent, full);
}

void scalar_put_float8(struct buf *out, double v, int digits_less)
{
    put_float(out, v, false, digits_less);
}

void scalar_put_float4(struct buf *out, float v, int digits_less)
{
    put_float(out, (double)v, true, digits_less);
}

static const char *skip_spaces(const char *p, const char *end)
{
    while (p < end && scalar_is_space(*p))
        p++;
    return p;
}

static bool match_word(const char **p, const char *end, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(end - *p) < n || strncasecmp(*p, word, n) != 0)
        return false;
    *p += n;
    return true;
}

static int syntax_error(const char *type, const char *text, size_t len, struct err *err)
{
    return err_set(err, ERR_INVALID_TEXT_REPRESENTATION,
                   "invalid input syntax for type %s: \"%.*s\"", type, (int)len, text);
}

/* Words first (libc's own spellings differ), then strtod on a terminated copy. */
static int float_in(const char *text, size_t len, bool single, const char *type, double *out,
                    struct err *err)
{
    const char *end = text + len, *p = skip_spaces(text, end);
    bool neg = p < end && *p == '-';
    const char *word = p + (p < end && (*p == '-' || *p == '+'));
    double v;
    if (match_word(&p, end, "nan")) {
        v = NAN;
    } else if (match_word(&word, end, "infinity") || match_word(&word, end, "inf")) {
        v = neg ? -INFINITY : INFINITY;
        p = word;
    } else {
        char copy[400];
        size_t n = (size_t)(end - p) < sizeof copy - 1 ? (size_t)(end - p) : sizeof copy - 1;
        memcpy(copy, p, n);
        copy[n] = 0;
        char *stop;
        errno = 0;
        v = single ? (double)strtof(copy, &stop) : strtod(copy, &stop);
        bool digits = stop > copy && strpbrk(copy, "0123456789");
        if (!digits || (n == sizeof copy - 1 && *stop == 0))
            return syntax_error(type, text, len, err);
        if (errno == ERANGE && (v == 0 || isinf(v)))
            return err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE,
                           "\"%.*s\" is out of range for type %s", (int)(stop - copy), copy, type);
        p += stop - copy;
    }
    if (skip_spaces(p, end) != end)
        return syntax_error(type, text, len, err);
    *out = v;
    return 0;
}

int scalar_float8_in(const char *text, size_t len, double *out, struct err *err)
{
    return float_in(text, len, false, "double precision", out, err);
}

int scalar_float4_in(const char *text, size_t len, float *out, struct err *err)
{
    double v;
    int rc = float_in(text, len, true, "real", &v, err);
    if (rc == 0)
        *out = (float)v;
    return rc;
}

/* ---- integers ------------------------------------------------------------------------------ */

int scalar_int_in(const char *text, size_t len, int64_t min, int64_t max, const char *type,
                  int64_t *out, struct err *err)
{
    const char *end = text + len, *p = skip_spaces(text, end);
    bool neg = false;
    if (p < end && (*p == '-' || *p == '+'))
        neg = *p++ == '-';
    if (p == end || *p < '0' || *p > '9')
        return syntax_error(type, text, len, err);
    int128 v = 0;
    bool over = false;
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        v = v * 10 + (*p - '0');
        if (v > (int128)INT64_MAX + 1) {
            over = true;
            v = (int128)INT64_MAX + 1;
        }
    }
    if (skip_spaces(p, end) != end)
        return syntax_error(type, text, len, err);
    v = neg ? -v : v;
    if (over || v < min || v > max)
        return err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE,
                       "value \"%.*s\" is out of range for type %s", (int)len, text, type);
    *out = (int64_t)v;
    return 0;
}

int scalar_oid_in(const char *text, size_t len, const char *type, uint32_t *out, struct err *err)
{
    int64_t v;
    int rc = scalar_int_in(text, len, INT32_MIN, UINT32_MAX, type, &v, err);
    if (rc == 0)
        *out = (uint32_t)v;
    return rc;
}

/* ---- booleans, uuid ------------------------------------------------------------------------ */

static bool is_prefix(const char *word, const char *p, size_t n, size_t at_least)
{
    return n >= at_least && n <= strlen(word) && strncasecmp(word, p, n) == 0;
}

int scalar_bool_in(const char *text, size_t len, bool *out, struct err *err)
{
    const char *end = text + len, *p = skip_spaces(text, end);
    while (end > p && scalar_is_space(end[-1]))
        end--;
    size_t n = (size_t)(end - p);
    if (is_prefix("true", p, n, 1) || is_prefix("yes", p, n, 1) || is_prefix("on", p, n, 2) ||
        (n == 1 && *p == '1'))
        *out = true;
    else if (is_prefix("false", p, n, 1) || is_prefix("no", p, n, 1) || is_prefix("off", p, n, 2) ||
             (n == 1 && *p == '0'))
        *out = false;
    else
        return syntax_error("boolean", text, len, err);
    return 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 32 hex digits, a hyphen allowed after every fourth, braces around the whole allowed. */
int scalar_uuid_in(const char *text, size_t len, uint8_t out[16], struct err *err)
{
    const char *p = text, *end = text + len;
    bool braces = p < end && *p == '{';
    p += braces;
    for (int i = 0; i < 16; i++) {
        int hi = p < end ? hex_value(*p) : -1;
        int lo = p + 1 < end ? hex_value(p[1]) : -1;
        if (hi < 0 || lo < 0)
            return syntax_error("uuid", text, len, err);
        out[i] = (uint8_t)(hi << 4 | lo);
        p += 2;
        if (p < end && *p == '-' && (i & 1) && i < 15)
            p++;
    }
    if (braces && (p == end || *p++ != '}'))
        return syntax_error("uuid", text, len, err);
    if (p != end)
        return syntax_error("uuid", text, len, err);
    return 0;
}

void scalar_uuid_out(const uint8_t uuid[16], struct buf *out)
{
    static const char hex[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            buf_put_u8(out, '-');
        buf_put_u8(out, (uint8_t)hex[uuid[i] >> 4]);
        buf_put_u8(out, (uint8_t)hex[uuid[i] & 15]);
    }
}
