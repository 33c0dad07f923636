/* Integer arithmetic kernels: checked, in the wider type of a mixed pair. */
#include "types/func/kern.h"

static int out_of_range(const char *type, struct err *err)
{
    return err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "%s out of range", type);
}

static int division_failed(bool by_zero, const char *type, struct err *err)
{
    return by_zero ? err_set(err, ERR_DIVISION_BY_ZERO, "division by zero")
                   : out_of_range(type, err);
}

/* 16- and 32-bit results are computed one size up and checked for fit: that vectorizes. */
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
static inline unsigned add64(int64_t x, int64_t y, int64_t *r)
{
    return __builtin_add_overflow(x, y, r);
}
static inline unsigned sub64(int64_t x, int64_t y, int64_t *r)
{
    return __builtin_sub_overflow(x, y, r);
}
static inline unsigned mul64(int64_t x, int64_t y, int64_t *r)
{
    return __builtin_mul_overflow(x, y, r);
}
/* MIN / -1 is the one overflow. A divisor of zero leaves *r alone. */
static inline unsigned div64(int64_t x, int64_t y, int64_t min, int64_t *r)
{
    if (y == 0 || (y == -1 && x == min))
        return 1;
    *r = x / y;
    return 0;
}
static inline unsigned mod64(int64_t x, int64_t y, int64_t *r)
{
    if (y == 0)
        return 1;
    *r = y == -1 ? 0 : x % y;
    return 0;
}
static inline unsigned div2(int64_t x, int64_t y, int16_t *r)
{
    if (y == 0 || (y == -1 && x == INT16_MIN))
        return 1;
    *r = (int16_t)(x / y);
    return 0;
}
static inline unsigned mod2(int64_t x, int64_t y, int16_t *r)
{
    if (y == 0)
        return 1;
    *r = (int16_t)(y == -1 ? 0 : x % y);
    return 0;
}
static inline unsigned div4(int64_t x, int64_t y, int32_t *r)
{
    if (y == 0 || (y == -1 && x == INT32_MIN))
        return 1;
    *r = (int32_t)(x / y);
    return 0;
}
static inline unsigned mod4(int64_t x, int64_t y, int32_t *r)
{
    if (y == 0)
        return 1;
    *r = (int32_t)(y == -1 ? 0 : x % y);
    return 0;
}

#define B_NAME int2pl
#define B_X int16_t
#define B_Y int16_t
#define B_R int16_t
#define B_OP(x, y, r) fit16((int32_t)(x) + (int32_t)(y), r)
#define B_FAIL(x, y) out_of_range("smallint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int2mi
#define B_X int16_t
#define B_Y int16_t
#define B_R int16_t
#define B_OP(x, y, r) fit16((int32_t)(x) - (int32_t)(y), r)
#define B_FAIL(x, y) out_of_range("smallint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int2mul
#define B_X int16_t
#define B_Y int16_t
#define B_R int16_t
#define B_OP(x, y, r) fit16((int32_t)(x) * (int32_t)(y), r)
#define B_FAIL(x, y) out_of_range("smallint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int2div
#define B_X int16_t
#define B_Y int16_t
#define B_R int16_t
#define B_OP(x, y, r) div2(x, y, r)
#define B_FAIL(x, y) division_failed((y) == 0, "smallint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int2mod
#define B_X int16_t
#define B_Y int16_t
#define B_R int16_t
#define B_OP(x, y, r) mod2(x, y, r)
#define B_FAIL(x, y) division_failed(true, "smallint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int24pl
#define B_X int16_t
#define B_Y int32_t
#define B_R int32_t
#define B_OP(x, y, r) fit32((int64_t)(x) + (int64_t)(y), r)
#define B_FAIL(x, y) out_of_range("integer", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int24mi
#define B_X int16_t
#define B_Y int32_t
#define B_R int32_t
#define B_OP(x, y, r) fit32((int64_t)(x) - (int64_t)(y), r)
#define B_FAIL(x, y) out_of_range("integer", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int24mul
#define B_X int16_t
#define B_Y int32_t
#define B_R int32_t
#define B_OP(x, y, r) fit32((int64_t)(x) * (int64_t)(y), r)
#define B_FAIL(x, y) out_of_range("integer", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int24div
#define B_X int16_t
#define B_Y int32_t
#define B_R int32_t
#define B_OP(x, y, r) div4(x, y, r)
#define B_FAIL(x, y) division_failed((y) == 0, "integer", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int28pl
#define B_X int16_t
#define B_Y int64_t
#define B_R int64_t
#define B_OP(x, y, r) add64(x, y, r)
#define B_FAIL(x, y) out_of_range("bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int28mi
#define B_X int16_t
#define B_Y int64_t
#define B_R int64_t
#define B_OP(x, y, r) sub64(x, y, r)
#define B_FAIL(x, y) out_of_range("bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int28mul
#define B_X int16_t
#define B_Y int64_t
#define B_R int64_t
#define B_OP(x, y, r) mul64(x, y, r)
#define B_FAIL(x, y) out_of_range("bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int28div
#define B_X int16_t
#define B_Y int64_t
#define B_R int64_t
#define B_OP(x, y, r) div64(x, y, INT64_MIN, r)
#define B_FAIL(x, y) division_failed((y) == 0, "bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int42pl
#define B_X int32_t
#define B_Y int16_t
#define B_R int32_t
#define B_OP(x, y, r) fit32((int64_t)(x) + (int64_t)(y), r)
#define B_FAIL(x, y) out_of_range("integer", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int42mi
#define B_X int32_t
#define B_Y int16_t
#define B_R int32_t
#define B_OP(x, y, r) fit32((int64_t)(x) - (int64_t)(y), r)
#define B_FAIL(x, y) out_of_range("integer", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int42mul
#define B_X int32_t
#define B_Y int16_t
#define B_R int32_t
#define B_OP(x, y, r) fit32((int64_t)(x) * (int64_t)(y), r)
#define B_FAIL(x, y) out_of_range("integer", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int42div
#define B_X int32_t
#define B_Y int16_t
#define B_R int32_t
#define B_OP(x, y, r) div4(x, y, r)
#define B_FAIL(x, y) division_failed((y) == 0, "integer", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int4pl
#define B_X int32_t
#define B_Y int32_t
#define B_R int32_t
#define B_OP(x, y, r) fit32((int64_t)(x) + (int64_t)(y), r)
#define B_FAIL(x, y) out_of_range("integer", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int4mi
#define B_X int32_t
#define B_Y int32_t
#define B_R int32_t
#define B_OP(x, y, r) fit32((int64_t)(x) - (int64_t)(y), r)
#define B_FAIL(x, y) out_of_range("integer", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int4mul
#define B_X int32_t
#define B_Y int32_t
#define B_R int32_t
#define B_OP(x, y, r) fit32((int64_t)(x) * (int64_t)(y), r)
#define B_FAIL(x, y) out_of_range("integer", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int4div
#define B_X int32_t
#define B_Y int32_t
#define B_R int32_t
#define B_OP(x, y, r) div4(x, y, r)
#define B_FAIL(x, y) division_failed((y) == 0, "integer", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int4mod
#define B_X int32_t
#define B_Y int32_t
#define B_R int32_t
#define B_OP(x, y, r) mod4(x, y, r)
#define B_FAIL(x, y) division_failed(true, "integer", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int48pl
#define B_X int32_t
#define B_Y int64_t
#define B_R int64_t
#define B_OP(x, y, r) add64(x, y, r)
#define B_FAIL(x, y) out_of_range("bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int48mi
#define B_X int32_t
#define B_Y int64_t
#define B_R int64_t
#define B_OP(x, y, r) sub64(x, y, r)
#define B_FAIL(x, y) out_of_range("bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int48mul
#define B_X int32_t
#define B_Y int64_t
#define B_R int64_t
#define B_OP(x, y, r) mul64(x, y, r)
#define B_FAIL(x, y) out_of_range("bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int48div
#define B_X int32_t
#define B_Y int64_t
#define B_R int64_t
#define B_OP(x, y, r) div64(x, y, INT64_MIN, r)
#define B_FAIL(x, y) division_failed((y) == 0, "bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int82pl
#define B_X int64_t
#define B_Y int16_t
#define B_R int64_t
#define B_OP(x, y, r) add64(x, y, r)
#define B_FAIL(x, y) out_of_range("bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int82mi
#define B_X int64_t
#define B_Y int16_t
#define B_R int64_t
#define B_OP(x, y, r) sub64(x, y, r)
#define B_FAIL(x, y) out_of_range("bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int82mul
#define B_X int64_t
#define B_Y int16_t
#define B_R int64_t
#define B_OP(x, y, r) mul64(x, y, r)
#define B_FAIL(x, y) out_of_range("bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int82div
#define B_X int64_t
#define B_Y int16_t
#define B_R int64_t
#define B_OP(x, y, r) div64(x, y, INT64_MIN, r)
#define B_FAIL(x, y) division_failed((y) == 0, "bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int84pl
#define B_X int64_t
#define B_Y int32_t
#define B_R int64_t
#define B_OP(x, y, r) add64(x, y, r)
#define B_FAIL(x, y) out_of_range("bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int84mi
#define B_X int64_t
#define B_Y int32_t
#define B_R int64_t
#define B_OP(x, y, r) sub64(x, y, r)
#define B_FAIL(x, y) out_of_range("bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int84mul
#define B_X int64_t
#define B_Y int32_t
#define B_R int64_t
#define B_OP(x, y, r) mul64(x, y, r)
#define B_FAIL(x, y) out_of_range("bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int84div
#define B_X int64_t
#define B_Y int32_t
#define B_R int64_t
#define B_OP(x, y, r) div64(x, y, INT64_MIN, r)
#define B_FAIL(x, y) division_failed((y) == 0, "bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int8pl
#define B_X int64_t
#define B_Y int64_t
#define B_R int64_t
#define B_OP(x, y, r) add64(x, y, r)
#define B_FAIL(x, y) out_of_range("bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int8mi
#define B_X int64_t
#define B_Y int64_t
#define B_R int64_t
#define B_OP(x, y, r) sub64(x, y, r)
#define B_FAIL(x, y) out_of_range("bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int8mul
#define B_X int64_t
#define B_Y int64_t
#define B_R int64_t
#define B_OP(x, y, r) mul64(x, y, r)
#define B_FAIL(x, y) out_of_range("bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int8div
#define B_X int64_t
#define B_Y int64_t
#define B_R int64_t
#define B_OP(x, y, r) div64(x, y, INT64_MIN, r)
#define B_FAIL(x, y) division_failed((y) == 0, "bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME int8mod
#define B_X int64_t
#define B_Y int64_t
#define B_R int64_t
#define B_OP(x, y, r) mod64(x, y, r)
#define B_FAIL(x, y) division_failed(true, "bigint", err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL

/* Signs. */
#define U_NAME int2um
#define U_X int16_t
#define U_R int16_t
#define U_OP(x, r) ((x) == INT16_MIN ? 1u : (*(r) = (int16_t) - (x), 0u))
#define U_FAIL(x) out_of_range("smallint", err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME int2abs
#define U_X int16_t
#define U_R int16_t
#define U_OP(x, r) ((x) == INT16_MIN ? 1u : (*(r) = (int16_t)((x) < 0 ? -(x) : (x)), 0u))
#define U_FAIL(x) out_of_range("smallint", err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME int2up
#define U_X int16_t
#define U_R int16_t
#define U_OP(x, r) (*(r) = (x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME int4um
#define U_X int32_t
#define U_R int32_t
#define U_OP(x, r) ((x) == INT32_MIN ? 1u : (*(r) = (int32_t) - (x), 0u))
#define U_FAIL(x) out_of_range("integer", err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME int4abs
#define U_X int32_t
#define U_R int32_t
#define U_OP(x, r) ((x) == INT32_MIN ? 1u : (*(r) = (int32_t)((x) < 0 ? -(x) : (x)), 0u))
#define U_FAIL(x) out_of_range("integer", err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME int4up
#define U_X int32_t
#define U_R int32_t
#define U_OP(x, r) (*(r) = (x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME int8um
#define U_X int64_t
#define U_R int64_t
#define U_OP(x, r) ((x) == INT64_MIN ? 1u : (*(r) = (int64_t) - (x), 0u))
#define U_FAIL(x) out_of_range("bigint", err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME int8abs
#define U_X int64_t
#define U_R int64_t
#define U_OP(x, r) ((x) == INT64_MIN ? 1u : (*(r) = (int64_t)((x) < 0 ? -(x) : (x)), 0u))
#define U_FAIL(x) out_of_range("bigint", err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME int8up
#define U_X int64_t
#define U_R int64_t
#define U_OP(x, r) (*(r) = (x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
