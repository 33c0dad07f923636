/* prng.h: a seeded random number generator (xoshiro256**, seeded by splitmix64).
 *
 * For everything that must be reproducible: the simulator, samples, skip lists, back-off jitter.
 * Never for secrets: those come from env_random. The owner passes it explicitly.
 */
#ifndef CAIRN_BASE_PRNG_H
#define CAIRN_BASE_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct prng {
    uint64_t s[4];
};

static inline uint64_t prng_splitmix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline void prng_init(struct prng *prng, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        prng->s[i] = prng_splitmix(&seed);
}

static inline uint64_t prng_next(struct prng *prng)
{
    uint64_t *s = prng->s;
    uint64_t x = s[1] * 5;
    uint64_t out = ((x << 7) | (x >> 57)) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return out;
}

/* 0 <= result < bound; bound > 0. The bias of the multiply-shift is below 2^-64 * bound. */
static inline uint64_t prng_below(struct prng *prng, uint64_t bound)
{
    return (uint64_t)(((unsigned __int128)prng_next(prng) * bound) >> 64);
}

/* lo <= result <= hi. */
static inline int64_t prng_range(struct prng *prng, int64_t lo, int64_t hi)
{
    uint64_t span = (uint64_t)hi - (uint64_t)lo + 1;
    return (int64_t)((uint64_t)lo + (span ? prng_below(prng, span) : prng_next(prng)));
}

/* 0 <= result < 1 */
static inline double prng_double(struct prng *prng)
{
    return (double)(prng_next(prng) >> 11) * 0x1.0p-53;
}

static inline bool prng_chance(struct prng *prng, double probability)
{
    return prng_double(prng) < probability;
}

#endif
