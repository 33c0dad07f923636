/* hash.h: 64-bit hashing of bytes and integers.
 *
 * A multiply-fold hash in the manner of wyhash: 16 bytes a step through a 64x64->128
 * multiplication, the halves xored. Fixed seeds: equal input gives equal output on every node,
 * build and architecture (little-endian reads), so the value may be written to disk (Bloom filters)
 * and compared between nodes (hash exchange). It is not a defence against chosen collisions; tables
 * that hold hostile keys pass a random seed from env_random.
 *
 * Invariant: the function is frozen; test_hash pins its values.
 */
#ifndef CAIRN_BASE_HASH_H
#define CAIRN_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *data, size_t len, uint64_t seed);

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 m = (unsigned __int128)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t hash_u64(uint64_t value, uint64_t seed)
{
    return hash_mix(value ^ 0x9fb21c651e98df25u, seed ^ 0xd6e8feb86659fd93u ^ (value >> 32));
}

/* Order matters: combine(a, b) != combine(b, a). */
static inline uint64_t hash_combine(uint64_t hash, uint64_t next)
{
    return hash_mix(hash ^ 0xa0761d6478bd642fu, next ^ 0xe7037ed1a0b428dbu);
}

#endif
