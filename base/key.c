#include "base/key.h"

enum { MARK_NULL_FIRST = 1, MARK_VALUE = 2, MARK_NULL_LAST = 3 };
enum { ESCAPE_ZERO = 0xff, ESCAPE_END = 0x01 };

static uint64_t flip_float64(double x)
{
    if (x == 0)
        x = 0; /* -0 and 0 are equal keys */
    if (x != x)
        return UINT64_MAX;
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

static uint32_t flip_float32(float x)
{
    if (x == 0)
        x = 0;
    if (x != x)
        return UINT32_MAX;
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits >> 31 ? ~bits : bits | (uint32_t)1 << 31;
}

static double unflip_float64(uint64_t u)
{
    if (u == UINT64_MAX)
        return __builtin_nan("");
    uint64_t bits = u >> 63 ? u & ~((uint64_t)1 << 63) : ~u;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static float unflip_float32(uint32_t u)
{
    if (u == UINT32_MAX)
        return __builtin_nanf("");
    uint32_t bits = u >> 31 ? u & ~((uint32_t)1 << 31) : ~u;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void append_int128(struct buf *out, int128 v)
{
    uint128 u = (uint128)v ^ (uint128)1 << 127;
    buf_put_be64(out, (uint64_t)(u >> 64));
    buf_put_be64(out, (uint64_t)u);
}

static void append_bytes(struct buf *out, const uint8_t *data, size_t len)
{
    while (len) {
        const uint8_t *zero = memchr(data, 0, len);
        size_t run = zero ? (size_t)(zero - data) : len;
        buf_put(out, data, run);
        if (!zero)
            break;
        buf_put_u8(out, 0);
        buf_put_u8(out, ESCAPE_ZERO);
        data += run + 1;
        len -= run + 1;
    }
    buf_put_u8(out, 0);
    buf_put_u8(out, ESCAPE_END);
}

static void append_value(struct buf *out, const struct datum *d)
{
    switch ((enum phys_kind)d->kind) {
    case PHYS_BOOL:
        buf_put_u8(out, d->u.b ? 1 : 0);
        break;
    case PHYS_INT16:
        buf_put_be16(out, (uint16_t)d->u.i16 ^ 0x8000u);
        break;
    case PHYS_INT32:
        buf_put_be32(out, (uint32_t)d->u.i32 ^ 0x80000000u);
        break;
    case PHYS_INT64:
        buf_put_be64(out, (uint64_t)d->u.i64 ^ (uint64_t)1 << 63);
        break;
    case PHYS_INT128:
        append_int128(out, d->u.i128);
        break;
    case PHYS_FLOAT32:
        buf_put_be32(out, flip_float32(d->u.f32));
        break;
    case PHYS_FLOAT64:
        buf_put_be64(out, flip_float64(d->u.f64));
        break;
    case PHYS_BYTES:
        append_bytes(out, view_data(&d->u.bytes), d->u.bytes.len);
        break;
    case PHYS_KIND_COUNT:
        break;
    }
}

void key_append(struct buf *out, const struct key_part *part, const struct datum *value)
{
    if (value->null) {
        buf_put_u8(out, part->nulls_first ? MARK_NULL_FIRST : MARK_NULL_LAST);
        return;
    }
    buf_put_u8(out, MARK_VALUE);
    size_t from = out->len;
    append_value(out, value);
    if (part->desc)
        for (size_t i = from; i < out->len; i++)
            out->data[i] = (uint8_t)~out->data[i];
}

/* Length of an escaped byte string with its end, unescaped length in *len; 0 when it is not
 * one. */
static size_t measure_bytes(const uint8_t *at, const uint8_t *end, uint8_t flip, size_t *len)
{
    size_t n = 0;
    for (const uint8_t *p = at; p < end; p++, n++) {
        if ((uint8_t)(*p ^ flip) != 0)
            continue;
        if (p + 1 >= end)
            return 0;
        uint8_t next = (uint8_t)(p[1] ^ flip);
        if (next == ESCAPE_END) {
            *len = n;
            return (size_t)(p + 2 - at);
        }
        if (next != ESCAPE_ZERO)
            return 0;
        p++;
    }
    return 0;
}

static bool decode_bytes(const uint8_t **at, const uint8_t *end, uint8_t flip, struct datum *out,
                         struct arena *arena)
{
    size_t len = 0;
    size_t taken = measure_bytes(*at, end, flip, &len);
    if (!taken || len > UINT32_MAX)
        return false;
    const uint8_t *from = *at;
    *at += taken;
    uint8_t small[VIEW_INLINE];
    uint8_t *to = len <= VIEW_INLINE ? small : arena_alloc(arena, len);
    for (size_t i = 0; i < len; i++) {
        to[i] = (uint8_t)(*from ^ flip);
        from += to[i] == 0 ? 2 : 1;
    }
    out->u.bytes = view_of(to, (uint32_t)len);
    return true;
}

static bool decode_fixed(const uint8_t *at, uint64_t flip, struct datum *out)
{
    switch ((enum phys_kind)out->kind) {
    case PHYS_BOOL: {
        uint8_t b = (uint8_t)(at[0] ^ flip);
        out->u.b = b;
        return b <= 1;
    }
    case PHYS_INT16:
        out->u.i16 = (int16_t)(uint16_t)((load_be16(at) ^ flip) ^ 0x8000u);
        break;
    case PHYS_INT32:
        out->u.i32 = (int32_t)(uint32_t)((load_be32(at) ^ flip) ^ 0x80000000u);
        break;
    case PHYS_INT64:
        out->u.i64 = (int64_t)(load_be64(at) ^ flip ^ (uint64_t)1 << 63);
        break;
    case PHYS_INT128: {
        uint128 hi = load_be64(at) ^ flip, lo = load_be64(at + 8) ^ flip;
        out->u.i128 = (int128)((hi << 64 | lo) ^ (uint128)1 << 127);
        break;
    }
    case PHYS_FLOAT32:
        out->u.f32 = unflip_float32(load_be32(at) ^ (uint32_t)flip);
        break;
    case PHYS_FLOAT64:
        out->u.f64 = unflip_float64(load_be64(at) ^ flip);
        break;
    case PHYS_BYTES:
    case PHYS_KIND_COUNT:
        return false;
    }
    return true;
}

bool key_decode(const uint8_t **at, const uint8_t *end, const struct key_part *part,
                struct datum *out, struct arena *arena)
{
    const uint8_t *p = *at;
    if (p >= end)
        return false;
    struct datum d = {.kind = part->kind, .dec_scale = part->dec_scale};
    uint8_t mark = *p++;
    if (mark != MARK_VALUE) {
        if (mark != (part->nulls_first ? MARK_NULL_FIRST : MARK_NULL_LAST))
            return false;
        d.null = true;
    } else if (part->kind == PHYS_BYTES) {
        if (!decode_bytes(&p, end, part->desc ? 0xff : 0, &d, arena))
            return false;
    } else {
        size_t width = phys_width[part->kind];
        if ((size_t)(end - p) < width || !decode_fixed(p, part->desc ? UINT64_MAX : 0, &d))
            return false;
        p += width;
    }
    *at = p;
    *out = d;
    return true;
}

bool key_prefix_end(struct buf *key)
{
    while (key->len && key->data[key->len - 1] == 0xff)
        key->len--;
    if (!key->len)
        return false;
    key->data[key->len - 1]++;
    return true;
}

int key_compare(const void *a, size_t a_len, const void *b, size_t b_len)
{
    size_t len = a_len < b_len ? a_len : b_len;
    int cmp = len ? memcmp(a, b, len) : 0;
    if (cmp != 0)
        return cmp;
    return (a_len > b_len) - (a_len < b_len);
}
