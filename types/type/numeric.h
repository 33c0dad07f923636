/* numeric.h: exact decimals: PostgreSQL's numeric, bit for bit in its answers.
 *
 * Three forms
 *   dec   a 64- or 128-bit integer scaled by 10^dec_scale: columns with precision <= 38 and most
 * intermediate results num   self-describing bytes: any precision; the only form of Infinity (and,
 * in registers, of NaN) struct numeric   either of them opened for computing: sign, limbs, display
 * scale
 *
 * num bytes:  0      1        3
 *             +------+--------+---------------------- - -
 *             | kind | scale  | magnitude, little endian, no trailing zero bytes
 *             +------+--------+---------------------- - -
 *   kind 0 positive or zero, 1 negative, 2 NaN, 3 +Infinity, 4 -Infinity; value = magnitude *
 * 10^-scale. Zero is never negative.
 *
 * Key bytes (numeric_key_append): sign class, then for finite values the decimal exponent and the
 * decimal digits without trailing zeros, complemented for negatives: memcmp order = numeric order,
 * equal values of different display scale have equal bytes.
 *
 * Every result's display scale is PostgreSQL's: sum and difference max(s1, s2), product s1 + s2,
 * quotient by significant digits, ... Magnitudes live on the arena; computing goes through GMP's
 * mpn layer, which never allocates.
 */
#ifndef CAIRN_TYPES_TYPE_NUMERIC_H
#define CAIRN_TYPES_TYPE_NUMERIC_H

#include <gmp.h>

#include "base/buf.h"
#include "base/column.h"
#include "base/err.h"

enum numeric_kind { NUMERIC_FINITE, NUMERIC_NAN, NUMERIC_INF, NUMERIC_NEG_INF };

enum {
    NUMERIC_PRECISION_MAX = 1000,
    NUMERIC_DEC64_DIGITS = 18,
    NUMERIC_DEC128_DIGITS = 38,
    NUMERIC_DSCALE_MAX = 16383,  /* PostgreSQL's NUMERIC_DSCALE_MAX */
    NUMERIC_WEIGHT_MAX = 131072, /* digits before the point */
    NUMERIC_DISPLAY_SCALE_MAX = 1000,
    NUMERIC_MIN_SIG_DIGITS = 16,
    NUMERIC_RESULT_SCALE_MAX = 2000
};

struct numeric {
    uint8_t kind; /* enum numeric_kind */
    bool neg;
    int32_t scale;    /* display scale >= 0; limbs are scaled by it */
    uint32_t n;       /* limbs, top one not zero; 0 = zero */
    mp_limb_t *limbs; /* own (arena) or `small` of the opener */
};

#define NUMERIC_DEC64_NAN INT64_MAX
#define NUMERIC_DEC128_NAN ((int128)(((uint128)1 << 127) - 1))

/* typmod <-> precision, scale. */
static inline int32_t numeric_typmod(int32_t precision, int32_t scale)
{
    return ((precision << 16) | (scale & 0x7ff)) + 4;
}
static inline int32_t numeric_typmod_precision(int32_t typmod)
{
    return ((typmod - 4) >> 16) & 0xffff;
}
static inline int32_t numeric_typmod_scale(int32_t typmod)
{
    return (((typmod - 4) & 0x7ff) ^ 1024) - 1024;
}

/* ---- opening and closing ------------------------------------------------------------------- */

/* From any form; limbs of small values are put into the arena too. */
void numeric_open(const struct datum *d, struct arena *arena, struct numeric *out);
/* The smallest form that holds it: dec INT64, dec INT128, num. */
struct datum numeric_close(const struct numeric *n, struct arena *arena);
/* num bytes always. */
struct datum numeric_close_num(const struct numeric *n, struct arena *arena);
struct numeric numeric_of_i128(int128 value, int32_t scale, struct arena *arena);
/* False when not finite or not in range. */
bool numeric_to_i128(const struct numeric *n, int32_t scale, int128 *out);
/* Well-formed num bytes? (Bytes from peers and disks are checked once, when they come in.) */
bool numeric_valid(const uint8_t *data, size_t len);

/* ---- text, wire, keys ---------------------------------------------------------------------- */

int numeric_in(const char *text, size_t len, int32_t typmod, struct arena *arena, struct datum *out,
               struct err *err) MUST_CHECK;
void numeric_out(const struct datum *d, struct buf *out);
void numeric_out_n(const struct numeric *n, struct buf *out);
int numeric_recv(const uint8_t *data, size_t len, int32_t typmod, struct arena *arena,
                 struct datum *out, struct err *err) MUST_CHECK;
void numeric_send(const struct datum *d, struct buf *out);
void numeric_key_append(const struct datum *d, struct buf *out);
int numeric_compare(const struct datum *a, const struct datum *b);

/* ---- arithmetic (any kinds; arena for results and scratch) --------------------------------- */

int numeric_add(const struct numeric *a, const struct numeric *b, bool subtract,
                struct arena *arena, struct numeric *out, struct err *err) MUST_CHECK;
int numeric_mul(const struct numeric *a, const struct numeric *b, struct arena *arena,
                struct numeric *out, struct err *err) MUST_CHECK;
int numeric_div(const struct numeric *a, const struct numeric *b, struct arena *arena,
                struct numeric *out, struct err *err) MUST_CHECK;
/* Quotient to a given scale, rounded or truncated. Finite, b not zero. */
void numeric_div_scale(const struct numeric *a, const struct numeric *b, int32_t scale, bool round,
                       struct arena *arena, struct numeric *out);
int32_t numeric_div_result_scale(const struct numeric *a, const struct numeric *b);
int numeric_div_trunc(const struct numeric *a, const struct numeric *b, struct arena *arena,
                      struct numeric *out, struct err *err) MUST_CHECK;
int numeric_mod(const struct numeric *a, const struct numeric *b, struct arena *arena,
                struct numeric *out, struct err *err) MUST_CHECK;
/* To `scale` digits (negative: left of the point), half away from zero. The display scale becomes
 * max(scale, 0). */
void numeric_round(const struct numeric *a, int32_t scale, struct arena *arena,
                   struct numeric *out);
void numeric_trunc(const struct numeric *a, int32_t scale, struct arena *arena,
                   struct numeric *out);
void numeric_ceil(const struct numeric *a, struct arena *arena, struct numeric *out);
void numeric_floor(const struct numeric *a, struct arena *arena, struct numeric *out);
/* Rounds to the typmod and checks its precision: 22003. */
int numeric_apply_typmod(struct numeric *n, int32_t typmod, struct arena *arena,
                         struct err *err) MUST_CHECK;
int numeric_cmp_n(const struct numeric *a, const struct numeric *b); /* NaN greatest */
bool numeric_is_zero(const struct numeric *a);
int numeric_sqrt(const struct numeric *a, struct arena *arena, struct numeric *out,
                 struct err *err) MUST_CHECK;
/* To a given scale, rounded; a >= 0 and finite. */
void numeric_sqrt_scale(const struct numeric *a, int32_t scale, struct arena *arena,
                        struct numeric *out);
int numeric_exp(const struct numeric *a, struct arena *arena, struct numeric *out,
                struct err *err) MUST_CHECK;
int numeric_ln(const struct numeric *a, struct arena *arena, struct numeric *out,
               struct err *err) MUST_CHECK;
int numeric_log(const struct numeric *base, const struct numeric *a, struct arena *arena,
                struct numeric *out, struct err *err) MUST_CHECK;
int numeric_power(const struct numeric *a, const struct numeric *b, struct arena *arena,
                  struct numeric *out, struct err *err) MUST_CHECK;
/* Decimal digits before the point (0 for |a| < 1) and leading-digit position: weight of the first
 * digit, base 10. */
int32_t numeric_weight10(const struct numeric *a);
/* Fewest fractional digits that show the value. */
int32_t numeric_min_scale(const struct numeric *a);

/* ---- to and from machine numbers ----------------------------------------------------------- */

/* Rounds half away from zero; false = out of range (kind finite). */
bool numeric_to_i64(const struct numeric *a, int64_t *out);
double numeric_to_f64(const struct numeric *a); /* overflow gives infinity */
/* digits significant decimal digits (15 for float8, 6 for float4), as PostgreSQL casts. */
void numeric_of_f64(double v, int digits, struct arena *arena, struct numeric *out);

#endif
