#include "storage/sst/bitpack.h"

#include <string.h>

#include "base/buf.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

typedef uint32_t v4u __attribute__((vector_size(16)));

uint32_t bitpack_width(uint64_t max)
{
    if (max == 0)
        return 0;
    uint32_t width = 64u - (uint32_t)__builtin_clzll(max);
    return width <= 32 ? width : (width + 7) / 8 * 8;
}

bool bitpack_width_is_valid(uint32_t width)
{
    return (width >= 1 && width <= 32) || width == 40 || width == 48 || width == 56 || width == 64;
}

size_t bitpack_size(uint32_t n, uint32_t width)
{
    if (width > 32)
        return (size_t)n * (width / 8) + BITPACK_SLACK;
    size_t groups = n / BITPACK_GROUP, tail = n % BITPACK_GROUP;
    return groups * width * 16 + (tail * width + 7) / 8 + BITPACK_SLACK;
}

static uint64_t mask_of(uint32_t width)
{
    return width == 64 ? UINT64_MAX : ((uint64_t)1 << width) - 1;
}

static void pack_group(const uint64_t *values, uint32_t width, uint8_t *out)
{
    uint32_t words[32 * 4] = {0};
    for (uint32_t i = 0; i < BITPACK_GROUP; i++) {
        uint32_t lane = i % 4, bit = i / 4 * width, v = (uint32_t)values[i];
        uint32_t word = bit / 32, shift = bit % 32;
        words[word * 4 + lane] |= v << shift;
        if (shift + width > 32)
            words[(word + 1) * 4 + lane] |= v >> (32 - shift);
    }
    for (uint32_t i = 0; i < width * 4; i++)
        store_le32(out + i * 4, words[i]);
}

void bitpack_pack(const uint64_t *values, uint32_t n, uint32_t width, uint8_t *out)
{
    memset(out, 0, bitpack_size(n, width));
    if (width > 32) {
        for (uint32_t i = 0; i < n; i++) {
            uint8_t le[8];
            store_le64(le, values[i]);
            memcpy(out + (size_t)i * (width / 8), le, width / 8);
        }
        return;
    }
    uint32_t groups = n / BITPACK_GROUP;
    for (uint32_t g = 0; g < groups; g++)
        pack_group(values + (size_t)g * BITPACK_GROUP, width, out + (size_t)g * width * 16);
    uint8_t *tail = out + (size_t)groups * width * 16;
    for (uint32_t i = groups * BITPACK_GROUP, bit = 0; i < n; i++, bit += width) {
        uint64_t at = load_le64(tail + bit / 8);
        store_le64(tail + bit / 8, at | values[i] << (bit % 8));
    }
}

uint64_t bitpack_get(const uint8_t *in, uint32_t n, uint32_t width, uint32_t i)
{
    if (width > 32)
        return load_le64(in + (size_t)i * (width / 8)) & mask_of(width);
    uint32_t g = i / BITPACK_GROUP, k = i % BITPACK_GROUP;
    const uint8_t *at = in + (size_t)g * width * 16;
    if (g == n / BITPACK_GROUP) {
        uint32_t bit = k * width;
        return load_le64(at + bit / 8) >> (bit % 8) & mask_of(width);
    }
    uint32_t lane = k % 4, bit = k / 4 * width, word = bit / 32, shift = bit % 32;
    uint64_t v = load_le32(at + (word * 4 + lane) * 4);
    if (shift + width > 32)
        v |= (uint64_t)load_le32(at + ((word + 1) * 4 + lane) * 4) << 32;
    return v >> shift & mask_of(width);
}

/* The p-th vector (values 4p .. 4p+3) of a full group; W is a constant wherever this is
 * inlined. */
static inline __attribute__((always_inline)) v4u take_vector(const uint8_t *in, uint32_t p,
                                                             const uint32_t W)
{
    uint32_t bit = p * W, word = bit / 32, shift = bit % 32;
    v4u lo, out;
    memcpy(&lo, in + word * 16, 16);
    out = lo >> shift;
    if (shift + W > 32) {
        v4u hi;
        memcpy(&hi, in + (word + 1) * 16, 16);
        out |= hi << (32 - shift);
    }
    return W == 32 ? out : out & (uint32_t)(((uint64_t)1 << W) - 1);
}

static inline __attribute__((always_inline)) void unpack_width(const uint8_t *in, uint32_t *out,
                                                               const uint32_t W)
{
#pragma GCC unroll 32
    for (uint32_t p = 0; p < 32; p++) {
        v4u v = take_vector(in, p, W);
        memcpy(out + p * 4, &v, 16);
    }
}

static inline __attribute__((always_inline)) uint32_t compare_vector(v4u v, v4u lo, v4u span)
{
#if defined(__SSE2__)
    const v4u flip = {0x80000000u, 0x80000000u, 0x80000000u, 0x80000000u};
    __m128i above = _mm_cmpgt_epi32((__m128i)((v - lo) ^ flip), (__m128i)(span ^ flip));
    return (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(above)) ^ 0xfu;
#else
    v4u off = v - lo;
    uint32_t m = 0;
    for (int i = 0; i < 4; i++)
        m |= (uint32_t)(off[i] <= span[i]) << i;
    return m;
#endif
}

static inline __attribute__((always_inline)) void
filter_width(const uint8_t *in, uint32_t lo, uint32_t span, uint64_t *mask, const uint32_t W)
{
    v4u los = {lo, lo, lo, lo}, spans = {span, span, span, span};
    uint64_t bits = 0;
#pragma GCC unroll 32
    for (uint32_t p = 0; p < 16; p++)
        bits |= (uint64_t)compare_vector(take_vector(in, p, W), los, spans) << (p * 4);
    mask[0] = bits;
    bits = 0;
#pragma GCC unroll 32
    for (uint32_t p = 16; p < 32; p++)
        bits |= (uint64_t)compare_vector(take_vector(in, p, W), los, spans) << ((p - 16) * 4);
    mask[1] = bits;
}

#define EACH_WIDTH(X)                                                                              \
    X(1)                                                                                           \
    X(2)                                                                                           \
    X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) \
        X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31) X(32)

static void unpack_full(const uint8_t *in, uint32_t width, uint32_t *out)
{
    switch (width) {
#define X(w)                                                                                       \
    case w:                                                                                        \
        unpack_width(in, out, w);                                                                  \
        break;
        EACH_WIDTH(X)
#undef X
    }
}

/* Many groups a call: the switch on the width is taken once. */
static void filter_full(const uint8_t *in, uint32_t groups, uint32_t width, uint32_t lo,
                        uint32_t span, uint64_t *mask)
{
    switch (width) {
#define X(w)                                                                                       \
    case w:                                                                                        \
        for (uint32_t g = 0; g < groups; g++)                                                      \
            filter_width(in + (size_t)g * w * 16, lo, span, mask + g * 2, w);                      \
        break;
        EACH_WIDTH(X)
#undef X
    }
}

void bitpack_unpack_group32(const uint8_t *in, uint32_t n, uint32_t width, uint32_t g,
                            uint32_t *out)
{
    const uint8_t *at = in + (size_t)g * width * 16;
    if (g < n / BITPACK_GROUP) {
        unpack_full(at, width, out);
        return;
    }
    uint32_t count = n % BITPACK_GROUP;
    for (uint32_t k = 0, bit = 0; k < count; k++, bit += width)
        out[k] = (uint32_t)(load_le64(at + bit / 8) >> (bit % 8) & mask_of(width));
}

void bitpack_unpack_group(const uint8_t *in, uint32_t n, uint32_t width, uint32_t g, uint64_t *out)
{
    uint32_t first = g * BITPACK_GROUP;
    uint32_t count = n - first < BITPACK_GROUP ? n - first : BITPACK_GROUP;
    if (width > 32) {
        uint32_t bytes = width / 8;
        const uint8_t *at = in + (size_t)first * bytes;
        for (uint32_t k = 0; k < count; k++)
            out[k] = load_le64(at + (size_t)k * bytes) & mask_of(width);
        return;
    }
    uint32_t narrow[BITPACK_GROUP];
    bitpack_unpack_group32(in, n, width, g, narrow);
    for (uint32_t k = 0; k < count; k++)
        out[k] = narrow[k];
}

static void filter_one_by_one(const uint8_t *in, uint32_t n, uint32_t width, uint32_t from,
                              uint64_t lo, uint64_t span, uint64_t *mask)
{
    for (uint32_t i = from; i < n; i += 64) {
        uint64_t bits = 0;
        uint32_t count = n - i < 64 ? n - i : 64;
        for (uint32_t k = 0; k < count; k++)
            bits |= (uint64_t)(bitpack_get(in, n, width, i + k) - lo <= span) << k;
        mask[i / 64] = bits;
    }
}

static void filter_wide(const uint8_t *in, uint32_t n, uint32_t width, uint64_t lo, uint64_t span,
                        uint64_t *mask)
{
    uint32_t bytes = width / 8;
    uint64_t keep = mask_of(width);
    for (uint32_t i = 0; i < n; i += 64) {
        uint64_t bits = 0;
        uint32_t count = n - i < 64 ? n - i : 64;
        const uint8_t *at = in + (size_t)i * bytes;
        for (uint32_t k = 0; k < count; k++)
            bits |= (uint64_t)((load_le64(at + (size_t)k * bytes) & keep) - lo <= span) << k;
        mask[i / 64] = bits;
    }
}

void bitpack_filter(const uint8_t *in, uint32_t n, uint32_t width, uint64_t lo, uint64_t span,
                    uint64_t *mask)
{
    if (width > 32) {
        filter_wide(in, n, width, lo, span > UINT64_MAX - lo ? UINT64_MAX - lo : span, mask);
        return;
    }
    if (lo > UINT32_MAX) {
        memset(mask, 0, (n + 63) / 64 * sizeof *mask);
        return;
    }
    /* lo + span may reach beyond 32 bits: values do not. */
    uint64_t top = span > UINT32_MAX - lo ? UINT32_MAX - lo : span;
    uint32_t groups = n / BITPACK_GROUP;
    filter_full(in, groups, width, (uint32_t)lo, (uint32_t)top, mask);
    filter_one_by_one(in, n, width, groups * BITPACK_GROUP, lo, top, mask);
}
