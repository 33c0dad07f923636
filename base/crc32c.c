#include "base/crc32c.h"

#include "base/buf.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#endif

/* table[0] is the reflected polynomial 0x82f63b78 byte by byte; table[k] is table[0] followed by k
 * zero bytes, so that eight bytes are one step. Computed by the compiler from the definition would
 * need constexpr; so it is filled at load time, before main, and never changes. */
static uint32_t table[8][256];

__attribute__((constructor)) static void fill_table(void)
{
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t crc = n;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >> 1) ^ 0x82f63b78u : crc >> 1;
        table[0][n] = crc;
    }
    for (uint32_t n = 0; n < 256; n++)
        for (int k = 1; k < 8; k++)
            table[k][n] = (table[k - 1][n] >> 8) ^ table[0][table[k - 1][n] & 0xff];
}

uint32_t crc32c_table(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *p = data;
    crc = ~crc;
    while (len >= 8) {
        uint64_t v = load_le64(p) ^ crc;
        crc = table[7][v & 0xff] ^ table[6][v >> 8 & 0xff] ^ table[5][v >> 16 & 0xff] ^
              table[4][v >> 24 & 0xff] ^ table[3][v >> 32 & 0xff] ^ table[2][v >> 40 & 0xff] ^
              table[1][v >> 48 & 0xff] ^ table[0][v >> 56];
        p += 8;
        len -= 8;
    }
    while (len--)
        crc = (crc >> 8) ^ table[0][(crc ^ *p++) & 0xff];
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t compute_hw(uint32_t crc, const uint8_t *p,
                                                             size_t len)
{
    uint64_t c = ~crc;
    while (len >= 32) {
        c = _mm_crc32_u64(c, load_le64(p));
        c = _mm_crc32_u64(c, load_le64(p + 8));
        c = _mm_crc32_u64(c, load_le64(p + 16));
        c = _mm_crc32_u64(c, load_le64(p + 24));
        p += 32;
        len -= 32;
    }
    for (; len >= 8; p += 8, len -= 8)
        c = _mm_crc32_u64(c, load_le64(p));
    uint32_t c32 = (uint32_t)c;
    while (len--)
        c32 = _mm_crc32_u8(c32, *p++);
    return ~c32;
}

static int has_hw(void)
{
    return __builtin_cpu_supports("sse4.2");
}

/* Three independent chains hide the instruction's latency of 3 cycles. The chains are joined by
 * advancing a crc over `LANE` zero bytes, which is a linear map: four table look-ups. */
enum { LANE = 1024 };
static uint32_t lane_shift[4][256];

__attribute__((constructor(102))) static void fill_lane_shift(void)
{
    uint32_t by_bit[32];
    for (int bit = 0; bit < 32; bit++) {
        uint32_t crc = 1u << bit;
        for (int i = 0; i < LANE * 8; i++)
            crc = crc & 1 ? (crc >> 1) ^ 0x82f63b78u : crc >> 1;
        by_bit[bit] = crc;
    }
    for (int k = 0; k < 4; k++)
        for (uint32_t n = 0; n < 256; n++) {
            uint32_t crc = 0;
            for (int bit = 0; bit < 8; bit++)
                if (n & (1u << bit))
                    crc ^= by_bit[k * 8 + bit];
            lane_shift[k][n] = crc;
        }
}

static uint32_t shift_lane(uint32_t crc)
{
    return lane_shift[0][crc & 0xff] ^ lane_shift[1][crc >> 8 & 0xff] ^
           lane_shift[2][crc >> 16 & 0xff] ^ lane_shift[3][crc >> 24];
}

__attribute__((target("sse4.2"))) static uint32_t compute_lanes(uint32_t crc, const uint8_t *p,
                                                                size_t len)
{
    while (len >= 3 * LANE) {
        uint64_t a = ~crc, b = 0, c = 0;
        for (int i = 0; i < LANE; i += 8) {
            a = _mm_crc32_u64(a, load_le64(p + i));
            b = _mm_crc32_u64(b, load_le64(p + LANE + i));
            c = _mm_crc32_u64(c, load_le64(p + 2 * LANE + i));
        }
        uint32_t joined = shift_lane((uint32_t)a) ^ (uint32_t)b;
        crc = ~(shift_lane(joined) ^ (uint32_t)c);
        p += 3 * LANE;
        len -= 3 * LANE;
    }
    return compute_hw(crc, p, len);
}
#elif defined(__aarch64__)
__attribute__((target("+crc"))) static uint32_t compute_lanes(uint32_t crc, const uint8_t *p,
                                                              size_t len)
{
    uint32_t c = ~crc;
    for (; len >= 8; p += 8, len -= 8)
        c = __crc32cd(c, load_le64(p));
    while (len--)
        c = __crc32cb(c, *p++);
    return ~c;
}

static int has_hw(void)
{
    return (getauxval(AT_HWCAP) & (1 << 7)) != 0;
}
#else
static uint32_t compute_lanes(uint32_t crc, const uint8_t *p, size_t len)
{
    return crc32c_table(crc, p, len);
}

static int has_hw(void)
{
    return 0;
}
#endif

static int use_hw;

__attribute__((constructor(103))) static void choose(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
#endif
    use_hw = has_hw();
}

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
    return use_hw ? compute_lanes(crc, data, len) : crc32c_table(crc, data, len);
}
