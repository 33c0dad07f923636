#include "base/hash.h"

#include "base/buf.h"

static const uint64_t secret[4] = {0x2d358dccaa6c78a5u, 0x8bb84b93962eacc9u, 0x4b33a62ed433d4a3u,
                                   0x4d5a2da51de1aa47u};

/* 1 to 8 bytes as one number, without reading past them. */
static uint64_t load_small(const uint8_t *p, size_t len)
{
    if (len >= 4)
        return (uint64_t)load_le32(p) << 32 | load_le32(p + len - 4);
    return (uint64_t)p[0] << 16 | (uint64_t)p[len >> 1] << 8 | p[len - 1];
}

uint64_t hash_bytes(const void *data, size_t len, uint64_t seed)
{
    const uint8_t *p = data;
    uint64_t a = 0, b = 0;
    size_t left = len;
    seed ^= hash_mix(seed ^ secret[0], secret[1]);
    if (len > 16) {
        uint64_t lane1 = seed, lane2 = seed;
        while (left > 48) {
            seed = hash_mix(load_le64(p) ^ secret[1], load_le64(p + 8) ^ seed);
            lane1 = hash_mix(load_le64(p + 16) ^ secret[2], load_le64(p + 24) ^ lane1);
            lane2 = hash_mix(load_le64(p + 32) ^ secret[3], load_le64(p + 40) ^ lane2);
            p += 48;
            left -= 48;
        }
        seed ^= lane1 ^ lane2;
        while (left > 16) {
            seed = hash_mix(load_le64(p) ^ secret[1], load_le64(p + 8) ^ seed);
            p += 16;
            left -= 16;
        }
        a = load_le64(p + left - 16);
        b = load_le64(p + left - 8);
    } else if (len > 8) {
        a = load_le64(p);
        b = load_le64(p + len - 8);
    } else if (len > 0) {
        a = load_small(p, len);
    }
    a ^= secret[1];
    b ^= seed;
    unsigned __int128 m = (unsigned __int128)a * b;
    return hash_mix((uint64_t)m ^ secret[0] ^ len, (uint64_t)(m >> 64) ^ secret[1]);
}
