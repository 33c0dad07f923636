/* numeric_int.h: magnitudes: unsigned integers as limbs on an arena, for numeric*.c.
 *
 * A magnitude is (limbs, n), least significant limb first, top limb not zero; n = 0 is zero.
 * Results are new limbs.
 */
#ifndef CAIRN_TYPES_TYPE_NUMERIC_INT_H
#define CAIRN_TYPES_TYPE_NUMERIC_INT_H

#include "types/type/numeric.h"

struct mag {
    mp_limb_t *limbs;
    uint32_t n;
};

struct mag mag_of_u128(uint128 v, struct arena *arena);
/* 10^k */
struct mag mag_pow10(uint32_t k, struct arena *arena);
struct mag mag_add(struct mag a, struct mag b, struct arena *arena);
struct mag mag_sub(struct mag a, struct mag b, struct arena *arena); /* a >= b */
struct mag mag_mul(struct mag a, struct mag b, struct arena *arena);
int mag_cmp(struct mag a, struct mag b);
/* a = q * b + r; b not zero. Either output may be NULL. */
void mag_divrem(struct mag a, struct mag b, struct arena *arena, struct mag *q, struct mag *r);
struct mag mag_scale(struct mag a, uint32_t k, struct arena *arena); /* a * 10^k */
/* a / 10^k: half up, or down. */
struct mag mag_unscale(struct mag a, uint32_t k, bool round, struct arena *arena);
/* Decimal digits without leading zeros ("0" for zero is the empty string); returns their number. */
uint32_t mag_digits(struct mag a, struct arena *arena, uint8_t **digits);
uint32_t mag_digit_count(struct mag a, struct arena *arena);
struct mag mag_of_digits(const uint8_t *digits, uint32_t n,
                         struct arena *arena); /* values 0..9, most significant first */

static inline struct mag mag_of(const struct numeric *a)
{
    return (struct mag){a->limbs, a->n};
}
static inline void mag_into(struct mag m, struct numeric *out)
{
    out->limbs = m.limbs;
    out->n = m.n;
    if (m.n == 0)
        out->neg = false;
}
static inline bool mag_fits_u128(struct mag a)
{
    return a.n <= 2;
}
static inline uint128 mag_u128(struct mag a)
{
    uint128 v = a.n > 1 ? a.limbs[1] : 0;
    return v << 64 | (a.n ? a.limbs[0] : 0);
}

/* Text without sign rules: digits, point, exponent. False: not a number. *end moves behind it. */
bool numeric_scan(const char *text, size_t len, struct arena *arena, size_t *used,
                  struct numeric *out, bool *overflow);

#endif
