#include "base/utf8.h"

#include <string.h>

/* Bytes of the valid character at p, 0 if it is not one. */
static size_t check_one(const uint8_t *p, size_t left)
{
    uint8_t c = p[0];
    if (c < 0x80)
        return c != 0;
    if (c < 0xc2 || c > 0xf4)
        return 0;
    size_t n = utf8_size(c);
    if (left < n)
        return 0;
    uint8_t lo = 0x80, hi = 0xbf;
    if (c == 0xe0)
        lo = 0xa0;
    else if (c == 0xed)
        hi = 0x9f;
    else if (c == 0xf0)
        lo = 0x90;
    else if (c == 0xf4)
        hi = 0x8f;
    if (p[1] < lo || p[1] > hi)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

/* Eight ASCII bytes, none of them NUL. */
static bool is_plain_word(const uint8_t *p)
{
    uint64_t w;
    memcpy(&w, p, 8);
    if (w & 0x8080808080808080u)
        return false;
    return ((w - 0x0101010101010101u) & ~w & 0x8080808080808080u) == 0;
}

size_t utf8_valid_prefix(const void *text, size_t len)
{
    const uint8_t *p = text;
    size_t at = 0;
    while (at < len) {
        if (len - at >= 8 && is_plain_word(p + at)) {
            at += 8;
            continue;
        }
        size_t n = check_one(p + at, len - at);
        if (n == 0)
            break;
        at += n;
    }
    return at;
}

size_t utf8_count(const void *text, size_t len)
{
    const uint8_t *p = text;
    size_t count = 0, at = 0;
    for (; at + 8 <= len; at += 8) {
        uint64_t w;
        memcpy(&w, p + at, 8);
        /* Continuation bytes are 10xxxxxx: bit 7 set, bit 6 clear. */
        uint64_t cont = (w & ~(w << 1)) & 0x8080808080808080u;
        count += 8 - (size_t)__builtin_popcountll(cont);
    }
    for (; at < len; at++)
        count += (p[at] & 0xc0) != 0x80;
    return count;
}

size_t utf8_offset(const void *text, size_t len, size_t index)
{
    const uint8_t *p = text;
    size_t at = 0;
    while (at < len && index > 0) {
        at += utf8_size(p[at]);
        index--;
    }
    return at < len ? at : len;
}

uint32_t utf8_decode(const void *text, size_t len, size_t at, size_t *size)
{
    uint32_t code;
    if (!utf8_decode_checked(text, len, at, &code, size))
        return ((const uint8_t *)text)[at];
    return code;
}

bool utf8_decode_checked(const void *text, size_t len, size_t at, uint32_t *code, size_t *size)
{
    const uint8_t *p = (const uint8_t *)text + at;
    size_t n = p[0] == 0 ? 1 : check_one(p, len - at);
    *size = n ? n : 1;
    if (n == 0)
        return false;
    static const uint8_t first_mask[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = p[0] & first_mask[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3f);
    *code = c;
    return true;
}

size_t utf8_encode(uint32_t code, char out[4])
{
    uint8_t *p = (uint8_t *)out;
    if (code < 0x80) {
        p[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        p[0] = (uint8_t)(0xc0 | code >> 6);
        p[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        if (code >= 0xd800 && code < 0xe000)
            return 0;
        p[0] = (uint8_t)(0xe0 | code >> 12);
        p[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        p[2] = (uint8_t)(0x80 | (code & 0x3f));
        return 3;
    }
    if (code > 0x10ffff)
        return 0;
    p[0] = (uint8_t)(0xf0 | code >> 18);
    p[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    p[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    p[3] = (uint8_t)(0x80 | (code & 0x3f));
    return 4;
}
