/* Integer kernels beside arithmetic: bits, greatest common divisors, casts. */
#include "types/func/kern.h"

static int out_of_range(const char *type, struct err *err)
{
    return err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "%s out of range", type);
}

/* A value that does not fit gives 1. */
static inline unsigned fit16(int32_t v, int16_t *r)
{
    *r = (int16_t)v;
    return v != *r;
}
static inline unsigned fit32(int64_t v, int32_t *r)
{
    *r = (int32_t)v;
    return v != *r;
}

/* Bits. Shifts take their count modulo the width, as the machine does. */
#define B_NAME int2and
#define B_X int16_t
#define B_Y int16_t
#define B_R int16_t
#define B_OP(x, y, r) (*(r) = (int16_t)((x) & (y)), 0u)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME int2or
#define B_X int16_t
#define B_Y int16_t
#define B_R int16_t
#define B_OP(x, y, r) (*(r) = (int16_t)((x) | (y)), 0u)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME int2xor
#define B_X int16_t
#define B_Y int16_t
#define B_R int16_t
#define B_OP(x, y, r) (*(r) = (int16_t)((x) ^ (y)), 0u)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define U_NAME int2not
#define U_X int16_t
#define U_R int16_t
#define U_OP(x, r) (*(r) = (int16_t) ~(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define B_NAME int2shl
#define B_X int16_t
#define B_Y int32_t
#define B_R int16_t
#define B_OP(x, y, r) (*(r) = (int16_t)((uint32_t)(x) << ((y)&31)), 0u)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME int2shr
#define B_X int16_t
#define B_Y int32_t
#define B_R int16_t
#define B_OP(x, y, r) (*(r) = (int16_t)((int32_t)(x) >> ((y)&31)), 0u)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME int4and
#define B_X int32_t
#define B_Y int32_t
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = (int32_t)((x) & (y)), 0u)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME int4or
#define B_X int32_t
#define B_Y int32_t
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = (int32_t)((x) | (y)), 0u)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME int4xor
#define B_X int32_t
#define B_Y int32_t
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = (int32_t)((x) ^ (y)), 0u)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define U_NAME int4not
#define U_X int32_t
#define U_R int32_t
#define U_OP(x, r) (*(r) = (int32_t) ~(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define B_NAME int4shl
#define B_X int32_t
#define B_Y int32_t
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = (int32_t)((uint32_t)(x) << ((y)&31)), 0u)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME int4shr
#define B_X int32_t
#define B_Y int32_t
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = (int32_t)((int32_t)(x) >> ((y)&31)), 0u)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME int8and
#define B_X int64_t
#define B_Y int64_t
#define B_R int64_t
#define B_OP(x, y, r) (*(r) = (int64_t)((x) & (y)), 0u)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME int8or
#define B_X int64_t
#define B_Y int64_t
#define B_R int64_t
#define B_OP(x, y, r) (*(r) = (int64_t)((x) | (y)), 0u)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME int8xor
#define B_X int64_t
#define B_Y int64_t
#define B_R int64_t
#define B_OP(x, y, r) (*(r) = (int64_t)((x) ^ (y)), 0u)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define U_NAME int8not
#define U_X int64_t
#define U_R int64_t
#define U_OP(x, r) (*(r) = (int64_t) ~(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define B_NAME int8shl
#define B_X int64_t
#define B_Y int32_t
#define B_R int64_t
#define B_OP(x, y, r) (*(r) = (int64_t)((uint64_t)(x) << ((y)&63)), 0u)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME int8shr
#define B_X int64_t
#define B_Y int32_t
#define B_R int64_t
#define B_OP(x, y, r) (*(r) = (int64_t)((int64_t)(x) >> ((y)&63)), 0u)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R

/* Greatest common divisors; INT_MIN has no magnitude of its own type. */
static unsigned gcd64(int64_t x, int64_t y, int64_t min, int64_t *r)
{
    uint64_t a = x < 0 ? 0 - (uint64_t)x : (uint64_t)x, b = y < 0 ? 0 - (uint64_t)y : (uint64_t)y;
    while (b) {
        uint64_t t = a % b;
        a = b;
        b = t;
    }
    if (a == 0 - (uint64_t)min)
        return 1;
    *r = (int64_t)a;
    return 0;
}
static unsigned gcd32(int64_t x, int64_t y, int32_t *r)
{
    int64_t g;
    if (gcd64(x, y, INT32_MIN, &g))
        return 1;
    *r = (int32_t)g;
    return 0;
}
static unsigned lcm64(int64_t x, int64_t y, int64_t max, int64_t *r)
{
    int64_t g, v;
    *r = 0;
    if (x == 0 || y == 0)
        return 0;
    if (gcd64(x, y, INT64_MIN, &g) || __builtin_mul_overflow(x / g, y, &v) || v == INT64_MIN)
        return 1;
    v = v < 0 ? -v : v;
    *r = v;
    return v > max;
}
static unsigned lcm32(int64_t x, int64_t y, int32_t *r)
{
    int64_t v;
    if (lcm64(x, y, INT32_MAX, &v))
        return 1;
    *r = (int32_t)v;
    return 0;
}
#define B_NAME int4gcd
#define B_X int32_t
#define B_Y int32_t
#define B_R int32_t
#define B_OP(x, y, r) gcd32(x, y, r)
#define B_FAIL(x, y) out_of_range("integer", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int8gcd
#define B_X int64_t
#define B_Y int64_t
#define B_R int64_t
#define B_OP(x, y, r) gcd64(x, y, INT64_MIN, r)
#define B_FAIL(x, y) out_of_range("bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int4lcm
#define B_X int32_t
#define B_Y int32_t
#define B_R int32_t
#define B_OP(x, y, r) lcm32(x, y, r)
#define B_FAIL(x, y) out_of_range("integer", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int8lcm
#define B_X int64_t
#define B_Y int64_t
#define B_R int64_t
#define B_OP(x, y, r) lcm64(x, y, INT64_MAX, r)
#define B_FAIL(x, y) out_of_range("bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL

/* Casts. */
#define U_NAME i2toi4
#define U_X int16_t
#define U_R int32_t
#define U_OP(x, r) (*(r) = (x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME int28
#define U_X int16_t
#define U_R int64_t
#define U_OP(x, r) (*(r) = (x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME int48
#define U_X int32_t
#define U_R int64_t
#define U_OP(x, r) (*(r) = (x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME i4toi2
#define U_X int32_t
#define U_R int16_t
#define U_OP(x, r) fit16(x, r)
#define U_FAIL(x) out_of_range("smallint", err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME int82
#define U_X int64_t
#define U_R int16_t
#define U_OP(x, r) (*(r) = (int16_t)(x), *(r) != (x))
#define U_FAIL(x) out_of_range("smallint", err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME int84
#define U_X int64_t
#define U_R int32_t
#define U_OP(x, r) fit32(x, r)
#define U_FAIL(x) out_of_range("integer", err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME oidtoi8
#define U_X int64_t
#define U_R int64_t
#define U_OP(x, r) (*(r) = (x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME i8tooid
#define U_X int64_t
#define U_R int64_t
#define U_OP(x, r) (*(r) = (x), (uint64_t)(x) > UINT32_MAX)
#define U_FAIL(x) out_of_range("OID", err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME bool_int4
#define U_X uint8_t
#define U_R int32_t
#define U_OP(x, r) (*(r) = (x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME int4_bool
#define U_X int32_t
#define U_R uint8_t
#define U_OP(x, r) (*(r) = (x) != 0, 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME i2tof
#define U_X int16_t
#define U_R float
#define U_OP(x, r) (*(r) = (float)(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME i2tod
#define U_X int16_t
#define U_R double
#define U_OP(x, r) (*(r) = (double)(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME i4tof
#define U_X int32_t
#define U_R float
#define U_OP(x, r) (*(r) = (float)(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME i4tod
#define U_X int32_t
#define U_R double
#define U_OP(x, r) (*(r) = (double)(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME i8tof
#define U_X int64_t
#define U_R float
#define U_OP(x, r) (*(r) = (float)(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME i8tod
#define U_X int64_t
#define U_R double
#define U_OP(x, r) (*(r) = (double)(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
