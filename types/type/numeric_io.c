#include <stdlib.h>

#include "types/type/numeric.h"
#include "types/type/numeric_int.h"
#include "types/type/scalar_io.h"

/* ---- text ---------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* [digits][.digits][e[sign]digits] with a digit somewhere before the exponent. */
bool numeric_scan(const char *text, size_t len, struct arena *arena, size_t *used,
                  struct numeric *out, bool *overflow)
{
    uint8_t *digits = arena_alloc(arena, len + 1);
    uint32_t n = 0;
    size_t at = 0;
    int64_t fraction = 0;
    bool point = false;
    for (; at < len; at++) {
        if (is_digit(text[at])) {
            digits[n++] = (uint8_t)(text[at] - '0');
            fraction += point;
        } else if (text[at] == '.' && !point) {
            point = true;
        } else {
            break;
        }
    }
    if (n == 0)
        return false;
    int64_t exponent = 0;
    if (at < len && (text[at] == 'e' || text[at] == 'E')) {
        size_t p = at + 1;
        bool neg = false;
        if (p < len && (text[p] == '+' || text[p] == '-'))
            neg = text[p++] == '-';
        if (p == len || !is_digit(text[p]))
            return false;
        for (; p < len && is_digit(text[p]); p++)
            exponent = exponent > INT32_MAX ? exponent : exponent * 10 + (text[p] - '0');
        exponent = neg ? -exponent : exponent;
        at = p;
    }
    *used = at;
    int64_t scale = fraction - exponent;
    struct mag m = mag_of_digits(digits, n, arena);
    *overflow = scale > NUMERIC_DSCALE_MAX || (m.n && scale < -(int64_t)NUMERIC_WEIGHT_MAX);
    if (*overflow)
        return true;
    if (scale < 0)
        m = mag_scale(m, (uint32_t)(m.n ? -scale : 0), arena);
    *out = (struct numeric){.kind = NUMERIC_FINITE, .scale = scale < 0 ? 0 : (int32_t)scale};
    mag_into(m, out);
    *overflow = out->n && numeric_weight10(out) >= NUMERIC_WEIGHT_MAX;
    return true;
}

static bool scan_special(const char *p, size_t len, bool sign, size_t *used, struct numeric *out)
{
    static const struct {
        const char *word;
        enum numeric_kind kind;
    } words[] = {{"nan", NUMERIC_NAN}, {"infinity", NUMERIC_INF}, {"inf", NUMERIC_INF}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i].word);
        if (len < n || strncasecmp(p, words[i].word, n) != 0 || (i == 0 && sign))
            continue;
        *out = (struct numeric){.kind = (uint8_t)words[i].kind};
        *used = n;
        return true;
    }
    return false;
}

int numeric_in(const char *text, size_t len, int32_t typmod, struct arena *arena, struct datum *out,
               struct err *err)
{
    size_t at = 0, used = 0;
    while (at < len && scalar_is_space(text[at]))
        at++;
    bool sign = at < len && (text[at] == '-' || text[at] == '+');
    bool neg = sign && text[at] == '-';
    at += sign;
    struct numeric n;
    bool overflow = false;
    bool good = at < len && (is_digit(text[at]) || text[at] == '.')
                    ? numeric_scan(text + at, len - at, arena, &used, &n, &overflow)
                    : scan_special(text + at, len - at, sign, &used, &n);
    at += used;
    while (at < len && scalar_is_space(text[at]))
        at++;
    if (!good || at != len)
        return err_set(err, ERR_INVALID_TEXT_REPRESENTATION,
                       "invalid input syntax for type numeric: \"%.*s\"", (int)len, text);
    if (overflow)
        return err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format");
    if (n.kind == NUMERIC_INF && neg)
        n.kind = NUMERIC_NEG_INF;
    n.neg = neg && n.kind == NUMERIC_FINITE && n.n;
    int rc = numeric_apply_typmod(&n, typmod, arena, err);
    if (rc == 0)
        *out = numeric_close(&n, arena);
    return rc;
}

static void put_digits(const uint8_t *digits, uint32_t n, int32_t scale, bool neg, struct buf *out)
{
    if (neg)
        buf_put_u8(out, '-');
    int32_t before = (int32_t)n - scale;
    uint8_t *to =
        buf_extend(out, (size_t)(before > 0 ? before : 1) + (scale ? 1 : 0) + (size_t)scale);
    if (before <= 0)
        *to++ = '0';
    for (int32_t i = 0; i < before; i++)
        *to++ = (uint8_t)('0' + digits[i]);
    if (scale == 0)
        return;
    *to++ = '.';
    for (int32_t i = before; i < 0; i++)
        *to++ = '0';
    for (int32_t i = before > 0 ? before : 0; i < (int32_t)n; i++)
        *to++ = (uint8_t)('0' + digits[i]);
}

/* Up to 39 digits without an arena. */
static void put_u128(uint128 v, int32_t scale, bool neg, struct buf *out)
{
    uint8_t digits[40];
    uint32_t at = sizeof digits;
    while (v > UINT64_MAX) {
        uint64_t part = (uint64_t)(v % UINT64_C(1000000000000000000));
        v /= UINT64_C(1000000000000000000);
        for (int i = 0; i < 18; i++, part /= 10)
            digits[--at] = (uint8_t)(part % 10);
    }
    for (uint64_t u = (uint64_t)v; u; u /= 10)
        digits[--at] = (uint8_t)(u % 10);
    put_digits(digits + at, (uint32_t)sizeof digits - at, scale, neg, out);
}

void numeric_out_n(const struct numeric *n, struct buf *out)
{
    switch ((enum numeric_kind)n->kind) {
    case NUMERIC_NAN:
        buf_put_text(out, "NaN");
        return;
    case NUMERIC_INF:
        buf_put_text(out, "Infinity");
        return;
    case NUMERIC_NEG_INF:
        buf_put_text(out, "-Infinity");
        return;
    case NUMERIC_FINITE:
        break;
    }
    if (n->n <= 2) {
        put_u128(mag_u128(mag_of(n)), n->scale, n->neg, out);
        return;
    }
    struct arena scratch;
    arena_init(&scratch, NULL);
    uint8_t *digits;
    uint32_t count = mag_digits(mag_of(n), &scratch, &digits);
    put_digits(digits, count, n->scale, n->neg, out);
    arena_done(&scratch);
}

void numeric_out(const struct datum *d, struct buf *out)
{
    if (d->kind == PHYS_INT64 && d->u.i64 != NUMERIC_DEC64_NAN) {
        int64_t v = d->u.i64;
        put_u128(v < 0 ? 0 - (uint64_t)v : (uint64_t)v, d->dec_scale < 0 ? 0 : d->dec_scale, v < 0,
                 out);
        return;
    }
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct numeric n;
    numeric_open(d, &scratch, &n);
    numeric_out_n(&n, out);
    arena_done(&scratch);
}

/* ---- PostgreSQL's binary form: base-10000 digits ------------------------------------------------
 */

enum {
    WIRE_POS = 0x0000,
    WIRE_NEG = 0x4000,
    WIRE_NAN = 0xC000,
    WIRE_INF = 0xD000,
    WIRE_NEG_INF = 0xF000
};

static void put_wire_head(struct buf *out, int n, int weight, unsigned sign, int scale)
{
    buf_put_be16(out, (uint16_t)n);
    buf_put_be16(out, (uint16_t)weight);
    buf_put_be16(out, (uint16_t)sign);
    buf_put_be16(out, (uint16_t)scale);
}

static void send_finite(const struct numeric *n, struct arena *arena, struct buf *out)
{
    uint8_t *digits;
    int32_t count = (int32_t)mag_digits(mag_of(n), arena, &digits);
    if (count == 0) {
        put_wire_head(out, 0, 0, WIRE_POS, n->scale);
        return;
    }
    int32_t before = count - n->scale; /* digits before the point, may be negative */
    int32_t weight = before > 0 ? (before - 1) / 4 : -((-before) / 4) - 1;
    int32_t first =
        before - 4 * (weight + 1); /* index of the first digit of the first group: <= 0 */
    int32_t groups = (count - first + 3) / 4;
    uint16_t *group = arena_alloc(arena, (size_t)groups * sizeof *group);
    for (int32_t g = 0; g < groups; g++) {
        uint32_t v = 0;
        for (int32_t k = 0; k < 4; k++) {
            int32_t i = first + 4 * g + k;
            v = v * 10 + (i >= 0 && i < count ? digits[i] : 0);
        }
        group[g] = (uint16_t)v;
    }
    int32_t skip = 0;
    while (skip < groups && group[skip] == 0)
        skip++;
    while (groups > skip && group[groups - 1] == 0)
        groups--;
    put_wire_head(out, groups - skip, weight - skip, n->neg ? WIRE_NEG : WIRE_POS, n->scale);
    for (int32_t g = skip; g < groups; g++)
        buf_put_be16(out, group[g]);
}

void numeric_send(const struct datum *d, struct buf *out)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct numeric n;
    numeric_open(d, &scratch, &n);
    switch ((enum numeric_kind)n.kind) {
    case NUMERIC_NAN:
        put_wire_head(out, 0, 0, WIRE_NAN, 0);
        break;
    case NUMERIC_INF:
        put_wire_head(out, 0, 0, WIRE_INF, 0);
        break;
    case NUMERIC_NEG_INF:
        put_wire_head(out, 0, 0, WIRE_NEG_INF, 0);
        break;
    case NUMERIC_FINITE:
        send_finite(&n, &scratch, out);
        break;
    }
    arena_done(&scratch);
}

static int bad_wire(const char *what, struct err *err)
{
    return err_set(err, ERR_INVALID_BINARY_REPRESENTATION,
                   "invalid %s in external \"numeric\" value", what);
}

static int recv_finite(struct buf_reader *r, uint32_t n, int32_t weight, int32_t scale,
                       struct arena *arena, struct numeric *out, struct err *err)
{
    uint8_t *digits = arena_alloc(arena, (size_t)n * 4 + 1);
    for (uint32_t i = 0; i < n; i++) {
        uint16_t g = buf_take_be16(r);
        if (g >= 10000)
            return bad_wire("digit", err);
        for (int k = 3; k >= 0; k--, g /= 10)
            digits[4 * i + (uint32_t)k] = (uint8_t)(g % 10);
    }
    if (r->bad || buf_reader_left(r))
        return bad_wire("length", err);
    struct mag m = mag_of_digits(digits, 4 * n, arena);
    int32_t have = 4 * ((int32_t)n - 1 - weight); /* digits behind the point */
    if (have > scale)
        m = mag_unscale(m, (uint32_t)(have - scale), false, arena);
    else
        m = mag_scale(m, m.n ? (uint32_t)(scale - have) : 0, arena);
    *out = (struct numeric){.kind = NUMERIC_FINITE, .scale = scale};
    mag_into(m, out);
    return 0;
}

int numeric_recv(const uint8_t *data, size_t len, int32_t typmod, struct arena *arena,
                 struct datum *out, struct err *err)
{
    struct buf_reader r = buf_reader_of(data, len);
    uint32_t n = buf_take_be16(&r);
    int32_t weight = (int16_t)buf_take_be16(&r);
    uint32_t sign = buf_take_be16(&r);
    int32_t scale = buf_take_be16(&r);
    struct numeric v = {0};
    int rc = 0;
    if (r.bad)
        return bad_wire("length", err);
    switch (sign) {
    case WIRE_NAN:
        v.kind = NUMERIC_NAN;
        break;
    case WIRE_INF:
        v.kind = NUMERIC_INF;
        break;
    case WIRE_NEG_INF:
        v.kind = NUMERIC_NEG_INF;
        break;
    case WIRE_POS:
    case WIRE_NEG:
        if (scale > NUMERIC_DSCALE_MAX)
            return bad_wire("scale", err);
        rc = recv_finite(&r, n, weight, scale, arena, &v, err);
        v.neg = sign == WIRE_NEG && v.n;
        break;
    default:
        return bad_wire("sign", err);
    }
    if (rc == 0)
        rc = numeric_apply_typmod(&v, typmod, arena, err);
    if (rc == 0)
        *out = numeric_close(&v, arena);
    return rc;
}

/* ---- keys ---------------------------------------------------------------------------------- */

enum {
    KEY_NEG_INF = 0x10,
    KEY_NEG = 0x20,
    KEY_ZERO = 0x30,
    KEY_POS = 0x40,
    KEY_INF = 0x50,
    KEY_NAN = 0x60
};

/* class | exponent (big endian, biased) | digit pairs + 1, trailing zeros gone | 0. Negative: all
 * but the class inverted. */
void numeric_key_append(const struct datum *d, struct buf *out)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct numeric n;
    numeric_open(d, &scratch, &n);
    if (n.kind != NUMERIC_FINITE || n.n == 0) {
        buf_put_u8(out, n.kind == NUMERIC_NAN       ? KEY_NAN
                        : n.kind == NUMERIC_INF     ? KEY_INF
                        : n.kind == NUMERIC_NEG_INF ? KEY_NEG_INF
                                                    : KEY_ZERO);
        arena_done(&scratch);
        return;
    }
    uint8_t *digits;
    uint32_t count = mag_digits(mag_of(&n), &scratch, &digits);
    uint32_t exponent = (uint32_t)((int32_t)count - 1 - n.scale) ^ 0x80000000u;
    while (count && digits[count - 1] == 0)
        count--;
    buf_put_u8(out, n.neg ? KEY_NEG : KEY_POS);
    uint8_t flip = n.neg ? 0xff : 0;
    uint8_t *to = buf_extend(out, 4 + (count + 1) / 2 + 1);
    store_be32(to, n.neg ? ~exponent : exponent);
    to += 4;
    for (uint32_t i = 0; i < count; i += 2) {
        uint8_t pair = (uint8_t)(digits[i] * 10 + (i + 1 < count ? digits[i + 1] : 0) + 1);
        *to++ = pair ^ flip;
    }
    *to = flip;
    arena_done(&scratch);
}
