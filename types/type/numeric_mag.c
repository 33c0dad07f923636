#include "types/type/numeric_int.h"

static const uint64_t pow10_small[20] = {
    1ull,
    10ull,
    100ull,
    1000ull,
    10000ull,
    100000ull,
    1000000ull,
    10000000ull,
    100000000ull,
    1000000000ull,
    10000000000ull,
    100000000000ull,
    1000000000000ull,
    10000000000000ull,
    100000000000000ull,
    1000000000000000ull,
    10000000000000000ull,
    100000000000000000ull,
    1000000000000000000ull,
    10000000000000000000ull,
};

static struct mag trim_mag(struct mag a)
{
    while (a.n && a.limbs[a.n - 1] == 0)
        a.n--;
    return a;
}

static struct mag new_mag(uint32_t n, struct arena *arena)
{
    return (struct mag){arena_alloc(arena, (n ? n : 1) * sizeof(mp_limb_t)), n};
}

struct mag mag_of_u128(uint128 v, struct arena *arena)
{
    struct mag m = new_mag(2, arena);
    m.limbs[0] = (mp_limb_t)v;
    m.limbs[1] = (mp_limb_t)(v >> 64);
    return trim_mag(m);
}

struct mag mag_mul(struct mag a, struct mag b, struct arena *arena)
{
    if (a.n == 0 || b.n == 0)
        return (struct mag){NULL, 0};
    if (a.n < b.n) {
        struct mag t = a;
        a = b;
        b = t;
    }
    struct mag out = new_mag(a.n + b.n, arena);
    mpn_mul(out.limbs, a.limbs, a.n, b.limbs, b.n);
    return trim_mag(out);
}

struct mag mag_pow10(uint32_t k, struct arena *arena)
{
    struct mag out = mag_of_u128(pow10_small[k % 19], arena);
    struct mag square = mag_of_u128(pow10_small[19], arena);
    for (uint32_t groups = k / 19; groups; groups >>= 1) {
        if (groups & 1)
            out = mag_mul(out, square, arena);
        if (groups > 1)
            square = mag_mul(square, square, arena);
    }
    return out;
}

int mag_cmp(struct mag a, struct mag b)
{
    if (a.n != b.n)
        return a.n < b.n ? -1 : 1;
    return a.n ? mpn_cmp(a.limbs, b.limbs, a.n) : 0;
}

struct mag mag_add(struct mag a, struct mag b, struct arena *arena)
{
    if (a.n < b.n) {
        struct mag t = a;
        a = b;
        b = t;
    }
    if (b.n == 0)
        return a;
    struct mag out = new_mag(a.n + 1, arena);
    out.limbs[a.n] = mpn_add(out.limbs, a.limbs, a.n, b.limbs, b.n);
    return trim_mag(out);
}

struct mag mag_sub(struct mag a, struct mag b, struct arena *arena)
{
    if (b.n == 0)
        return a;
    struct mag out = new_mag(a.n, arena);
    mpn_sub(out.limbs, a.limbs, a.n, b.limbs, b.n);
    return trim_mag(out);
}

void mag_divrem(struct mag a, struct mag b, struct arena *arena, struct mag *q, struct mag *r)
{
    if (mag_cmp(a, b) < 0) {
        if (q)
            *q = (struct mag){NULL, 0};
        if (r)
            *r = a;
        return;
    }
    struct mag quotient = new_mag(a.n - b.n + 1, arena), rest = new_mag(b.n, arena);
    mpn_tdiv_qr(quotient.limbs, rest.limbs, 0, a.limbs, a.n, b.limbs, b.n);
    if (q)
        *q = trim_mag(quotient);
    if (r)
        *r = trim_mag(rest);
}

struct mag mag_scale(struct mag a, uint32_t k, struct arena *arena)
{
    if (k == 0 || a.n == 0)
        return a;
    if (k <= 19) {
        struct mag out = new_mag(a.n + 1, arena);
        out.limbs[a.n] = mpn_mul_1(out.limbs, a.limbs, a.n, pow10_small[k]);
        return trim_mag(out);
    }
    return mag_mul(a, mag_pow10(k, arena), arena);
}

struct mag mag_unscale(struct mag a, uint32_t k, bool round, struct arena *arena)
{
    if (k == 0 || a.n == 0)
        return a;
    /* More digits are dropped than there can be: zero, even rounded. */
    if (k > (uint64_t)a.n * 20 + 1)
        return (struct mag){NULL, 0};
    struct mag p = mag_pow10(k, arena), q, r;
    mag_divrem(a, p, arena, &q, &r);
    if (round && mag_cmp(mag_add(r, r, arena), p) >= 0) {
        struct mag one = mag_of_u128(1, arena);
        q = mag_add(q, one, arena);
    }
    return q;
}

uint32_t mag_digits(struct mag a, struct arena *arena, uint8_t **digits)
{
    if (a.n == 0) {
        *digits = arena_alloc(arena, 1);
        return 0;
    }
    uint8_t *out = arena_alloc(arena, (size_t)a.n * 20 + 2);
    mp_limb_t *scratch = arena_memdup(arena, a.limbs, a.n * sizeof *scratch);
    uint32_t n = (uint32_t)mpn_get_str(out, 10, scratch, a.n);
    while (n && *out == 0) {
        out++;
        n--;
    }
    *digits = out;
    return n;
}

uint32_t mag_digit_count(struct mag a, struct arena *arena)
{
    if (a.n == 0)
        return 0;
    if (a.n == 1) {
        uint32_t n = 1;
        while (n < 20 && a.limbs[0] >= pow10_small[n])
            n++;
        return n;
    }
    uint32_t n = (uint32_t)mpn_sizeinbase(a.limbs, a.n, 10); /* exact or one too many */
    return mag_cmp(a, mag_pow10(n - 1, arena)) < 0 ? n - 1 : n;
}

struct mag mag_of_digits(const uint8_t *digits, uint32_t n, struct arena *arena)
{
    while (n && *digits == 0) {
        digits++;
        n--;
    }
    if (n == 0)
        return (struct mag){NULL, 0};
    if (n <= 19) {
        uint64_t v = 0;
        for (uint32_t i = 0; i < n; i++)
            v = v * 10 + digits[i];
        return mag_of_u128(v, arena);
    }
    struct mag out = new_mag(n / 19 + 2, arena);
    out.n = (uint32_t)mpn_set_str(out.limbs, digits, n, 10);
    return trim_mag(out);
}
