/* Floating-point kernels: arithmetic with PostgreSQL's overflow, underflow and zero-divide errors,
 * and the functions of libm. */
#include <math.h>

#include "types/func/kern.h"

enum trouble { FINE, OVERFLOW_, UNDERFLOW_, ZERO_DIVIDE, BAD_INPUT };

static int report(enum trouble t, struct err *err)
{
    switch (t) {
    case OVERFLOW_:
        return err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow");
    case UNDERFLOW_:
        return err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: underflow");
    case ZERO_DIVIDE:
        return err_set(err, ERR_DIVISION_BY_ZERO, "division by zero");
    default:
        return err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "input is out of range");
    }
}

static inline enum trouble check_sum(double x, double y, double r)
{
    return isinf(r) && !isinf(x) && !isinf(y) ? OVERFLOW_ : FINE;
}
static inline enum trouble check_product(double x, double y, double r)
{
    if (isinf(r) && !isinf(x) && !isinf(y))
        return OVERFLOW_;
    return r == 0 && x != 0 && y != 0 ? UNDERFLOW_ : FINE;
}
static inline enum trouble check_quotient(double x, double y, double r)
{
    if (y == 0 && !isnan(x))
        return ZERO_DIVIDE;
    if (isinf(r) && !isinf(x))
        return OVERFLOW_;
    return r == 0 && x != 0 && !isinf(y) ? UNDERFLOW_ : FINE;
}

#define B_NAME float4pl
#define B_X float
#define B_Y float
#define B_R float
#define B_OP(x, y, r)                                                                              \
    (*(r) = (float)(x) + (float)(y), check_sum((double)(x), (double)(y), (double)*(r)) != FINE)
#define B_FAIL(x, y)                                                                               \
    report(check_sum((double)(x), (double)(y), (double)((float)(x) + (float)(y))), err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME float4mi
#define B_X float
#define B_Y float
#define B_R float
#define B_OP(x, y, r)                                                                              \
    (*(r) = (float)(x) - (float)(y), check_sum((double)(x), (double)(y), (double)*(r)) != FINE)
#define B_FAIL(x, y)                                                                               \
    report(check_sum((double)(x), (double)(y), (double)((float)(x) - (float)(y))), err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME float4mul
#define B_X float
#define B_Y float
#define B_R float
#define B_OP(x, y, r)                                                                              \
    (*(r) = (float)(x) * (float)(y), check_product((double)(x), (double)(y), (double)*(r)) != FINE)
#define B_FAIL(x, y)                                                                               \
    report(check_product((double)(x), (double)(y), (double)((float)(x) * (float)(y))), err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME float4div
#define B_X float
#define B_Y float
#define B_R float
#define B_OP(x, y, r)                                                                              \
    (*(r) = (float)(x) / (float)(y), check_quotient((double)(x), (double)(y), (double)*(r)) != FINE)
#define B_FAIL(x, y)                                                                               \
    report(check_quotient((double)(x), (double)(y), (double)((float)(x) / (float)(y))), err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME float8pl
#define B_X double
#define B_Y double
#define B_R double
#define B_OP(x, y, r)                                                                              \
    (*(r) = (double)(x) + (double)(y), check_sum((double)(x), (double)(y), (double)*(r)) != FINE)
#define B_FAIL(x, y)                                                                               \
    report(check_sum((double)(x), (double)(y), (double)((double)(x) + (double)(y))), err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME float8mi
#define B_X double
#define B_Y double
#define B_R double
#define B_OP(x, y, r)                                                                              \
    (*(r) = (double)(x) - (double)(y), check_sum((double)(x), (double)(y), (double)*(r)) != FINE)
#define B_FAIL(x, y)                                                                               \
    report(check_sum((double)(x), (double)(y), (double)((double)(x) - (double)(y))), err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME float8mul
#define B_X double
#define B_Y double
#define B_R double
#define B_OP(x, y, r)                                                                              \
    (*(r) = (double)(x) * (double)(y),                                                             \
     check_product((double)(x), (double)(y), (double)*(r)) != FINE)
#define B_FAIL(x, y)                                                                               \
    report(check_product((double)(x), (double)(y), (double)((double)(x) * (double)(y))), err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME float8div
#define B_X double
#define B_Y double
#define B_R double
#define B_OP(x, y, r)                                                                              \
    (*(r) = (double)(x) / (double)(y),                                                             \
     check_quotient((double)(x), (double)(y), (double)*(r)) != FINE)
#define B_FAIL(x, y)                                                                               \
    report(check_quotient((double)(x), (double)(y), (double)((double)(x) / (double)(y))), err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME float48pl
#define B_X float
#define B_Y double
#define B_R double
#define B_OP(x, y, r)                                                                              \
    (*(r) = (double)(x) + (double)(y), check_sum((double)(x), (double)(y), (double)*(r)) != FINE)
#define B_FAIL(x, y)                                                                               \
    report(check_sum((double)(x), (double)(y), (double)((double)(x) + (double)(y))), err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME float48mi
#define B_X float
#define B_Y double
#define B_R double
#define B_OP(x, y, r)                                                                              \
    (*(r) = (double)(x) - (double)(y), check_sum((double)(x), (double)(y), (double)*(r)) != FINE)
#define B_FAIL(x, y)                                                                               \
    report(check_sum((double)(x), (double)(y), (double)((double)(x) - (double)(y))), err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME float48mul
#define B_X float
#define B_Y double
#define B_R double
#define B_OP(x, y, r)                                                                              \
    (*(r) = (double)(x) * (double)(y),                                                             \
     check_product((double)(x), (double)(y), (double)*(r)) != FINE)
#define B_FAIL(x, y)                                                                               \
    report(check_product((double)(x), (double)(y), (double)((double)(x) * (double)(y))), err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME float48div
#define B_X float
#define B_Y double
#define B_R double
#define B_OP(x, y, r)                                                                              \
    (*(r) = (double)(x) / (double)(y),                                                             \
     check_quotient((double)(x), (double)(y), (double)*(r)) != FINE)
#define B_FAIL(x, y)                                                                               \
    report(check_quotient((double)(x), (double)(y), (double)((double)(x) / (double)(y))), err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME float84pl
#define B_X double
#define B_Y float
#define B_R double
#define B_OP(x, y, r)                                                                              \
    (*(r) = (double)(x) + (double)(y), check_sum((double)(x), (double)(y), (double)*(r)) != FINE)
#define B_FAIL(x, y)                                                                               \
    report(check_sum((double)(x), (double)(y), (double)((double)(x) + (double)(y))), err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME float84mi
#define B_X double
#define B_Y float
#define B_R double
#define B_OP(x, y, r)                                                                              \
    (*(r) = (double)(x) - (double)(y), check_sum((double)(x), (double)(y), (double)*(r)) != FINE)
#define B_FAIL(x, y)                                                                               \
    report(check_sum((double)(x), (double)(y), (double)((double)(x) - (double)(y))), err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME float84mul
#define B_X double
#define B_Y float
#define B_R double
#define B_OP(x, y, r)                                                                              \
    (*(r) = (double)(x) * (double)(y),                                                             \
     check_product((double)(x), (double)(y), (double)*(r)) != FINE)
#define B_FAIL(x, y)                                                                               \
    report(check_product((double)(x), (double)(y), (double)((double)(x) * (double)(y))), err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define B_NAME float84div
#define B_X double
#define B_Y float
#define B_R double
#define B_OP(x, y, r)                                                                              \
    (*(r) = (double)(x) / (double)(y),                                                             \
     check_quotient((double)(x), (double)(y), (double)*(r)) != FINE)
#define B_FAIL(x, y)                                                                               \
    report(check_quotient((double)(x), (double)(y), (double)((double)(x) / (double)(y))), err)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#undef B_FAIL
#define U_NAME float4um
#define U_X float
#define U_R float
#define U_OP(x, r) (*(r) = -(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME float4up
#define U_X float
#define U_R float
#define U_OP(x, r) (*(r) = (x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME float4abs
#define U_X float
#define U_R float
#define U_OP(x, r) (*(r) = fabsf(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME float8um
#define U_X double
#define U_R double
#define U_OP(x, r) (*(r) = -(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME float8up
#define U_X double
#define U_R double
#define U_OP(x, r) (*(r) = (x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME float8abs
#define U_X double
#define U_R double
#define U_OP(x, r) (*(r) = fabs(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R

/* Casts: to integers by rounding to even, refused outside the type. */
#define U_NAME ftod
#define U_X float
#define U_R double
#define U_OP(x, r) (*(r) = (double)(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R

static inline enum trouble check_narrow(double x, float r)
{
    if (isinf(r) && !isinf(x))
        return OVERFLOW_;
    return r == 0 && x != 0 ? UNDERFLOW_ : FINE;
}
#define U_NAME dtof
#define U_X double
#define U_R float
#define U_OP(x, r) (*(r) = (float)(x), check_narrow(x, *(r)) != FINE)
#define U_FAIL(x) report(check_narrow(x, (float)(x)), err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME ftoi2
#define U_X float
#define U_R int16_t
#define U_OP(x, r)                                                                                 \
    (!(rintf(x) >= -32768.0 && rintf(x) < 32768.0) ? 1u : (*(r) = (int16_t)rintf(x), 0u))
#define U_FAIL(x) err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "smallint out of range")
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME ftoi4
#define U_X float
#define U_R int32_t
#define U_OP(x, r)                                                                                 \
    (!(rintf(x) >= -2147483648.0 && rintf(x) < 2147483648.0) ? 1u : (*(r) = (int32_t)rintf(x), 0u))
#define U_FAIL(x) err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "integer out of range")
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME ftoi8
#define U_X float
#define U_R int64_t
#define U_OP(x, r)                                                                                 \
    (!(rintf(x) >= -9223372036854775808.0 && rintf(x) < 9223372036854775808.0)                     \
         ? 1u                                                                                      \
         : (*(r) = (int64_t)rintf(x), 0u))
#define U_FAIL(x) err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "bigint out of range")
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME dtoi2
#define U_X double
#define U_R int16_t
#define U_OP(x, r)                                                                                 \
    (!(rint(x) >= -32768.0 && rint(x) < 32768.0) ? 1u : (*(r) = (int16_t)rint(x), 0u))
#define U_FAIL(x) err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "smallint out of range")
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME dtoi4
#define U_X double
#define U_R int32_t
#define U_OP(x, r)                                                                                 \
    (!(rint(x) >= -2147483648.0 && rint(x) < 2147483648.0) ? 1u : (*(r) = (int32_t)rint(x), 0u))
#define U_FAIL(x) err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "integer out of range")
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME dtoi8
#define U_X double
#define U_R int64_t
#define U_OP(x, r)                                                                                 \
    (!(rint(x) >= -9223372036854775808.0 && rint(x) < 9223372036854775808.0)                       \
         ? 1u                                                                                      \
         : (*(r) = (int64_t)rint(x), 0u))
#define U_FAIL(x) err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "bigint out of range")
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL

/* Rounding and sign. */
#define U_NAME dceil
#define U_X double
#define U_R double
#define U_OP(x, r) (*(r) = ceil(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME dfloor
#define U_X double
#define U_R double
#define U_OP(x, r) (*(r) = floor(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME dround
#define U_X double
#define U_R double
#define U_OP(x, r) (*(r) = rint(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME dtrunc
#define U_X double
#define U_R double
#define U_OP(x, r) (*(r) = trunc(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME dsign
#define U_X double
#define U_R double
#define U_OP(x, r) (*(r) = (double)(((x) > 0) - ((x) < 0)), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME dcbrt
#define U_X double
#define U_R double
#define U_OP(x, r) (*(r) = cbrt(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R

static int negative_root(struct err *err)
{
    return err_set(err, ERR_INVALID_ARGUMENT_FOR_POWER,
                   "cannot take square root of a negative number");
}
#define U_NAME dsqrt
#define U_X double
#define U_R double
#define U_OP(x, r) ((x) < 0 ? 1u : (*(r) = sqrt(x), 0u))
#define U_FAIL(x) negative_root(err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL

static int bad_log(double x, struct err *err)
{
    return x == 0 ? err_set(err, ERR_INVALID_ARGUMENT_FOR_LOG, "cannot take logarithm of zero")
                  : err_set(err, ERR_INVALID_ARGUMENT_FOR_LOG,
                            "cannot take logarithm of a negative number");
}
#define U_NAME dlog1
#define U_X double
#define U_R double
#define U_OP(x, r) ((x) <= 0 ? 1u : (*(r) = log(x), 0u))
#define U_FAIL(x) bad_log(x, err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME dlog10
#define U_X double
#define U_R double
#define U_OP(x, r) ((x) <= 0 ? 1u : (*(r) = log10(x), 0u))
#define U_FAIL(x) bad_log(x, err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL

static inline enum trouble check_exp(double x, double r)
{
    if (isinf(r) && !isinf(x))
        return OVERFLOW_;
    return r == 0 && !isinf(x) ? UNDERFLOW_ : FINE;
}
#define U_NAME dexp
#define U_X double
#define U_R double
#define U_OP(x, r) (*(r) = exp(x), check_exp(x, *(r)) != FINE)
#define U_FAIL(x) report(check_exp(x, exp(x)), err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL

/* Circular functions have no value at infinity; inverse ones none beyond 1. */
#define U_NAME dsin
#define U_X double
#define U_R double
#define U_OP(x, r) (isinf(x) ? 1u : (*(r) = sin(x), 0u))
#define U_FAIL(x) report(BAD_INPUT, err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME dcos
#define U_X double
#define U_R double
#define U_OP(x, r) (isinf(x) ? 1u : (*(r) = cos(x), 0u))
#define U_FAIL(x) report(BAD_INPUT, err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME dtan
#define U_X double
#define U_R double
#define U_OP(x, r) (isinf(x) ? 1u : (*(r) = tan(x), 0u))
#define U_FAIL(x) report(BAD_INPUT, err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME dcot
#define U_X double
#define U_R double
#define U_OP(x, r) (isinf(x) ? 1u : (*(r) = 1.0 / tan(x), 0u))
#define U_FAIL(x) report(BAD_INPUT, err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME dasin
#define U_X double
#define U_R double
#define U_OP(x, r) ((x) < -1 || (x) > 1 ? 1u : (*(r) = asin(x), 0u))
#define U_FAIL(x) report(BAD_INPUT, err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME dacos
#define U_X double
#define U_R double
#define U_OP(x, r) ((x) < -1 || (x) > 1 ? 1u : (*(r) = acos(x), 0u))
#define U_FAIL(x) report(BAD_INPUT, err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME datan
#define U_X double
#define U_R double
#define U_OP(x, r) (*(r) = atan(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define B_NAME datan2
#define B_X double
#define B_Y double
#define B_R double
#define B_OP(x, y, r) (*(r) = atan2(x, y), 0u)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define U_NAME dsinh
#define U_X double
#define U_R double
#define U_OP(x, r) (*(r) = sinh(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME dcosh
#define U_X double
#define U_R double
#define U_OP(x, r) (*(r) = cosh(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME dtanh
#define U_X double
#define U_R double
#define U_OP(x, r) (*(r) = tanh(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME dasinh
#define U_X double
#define U_R double
#define U_OP(x, r) (*(r) = asinh(x), 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#define U_NAME dacosh
#define U_X double
#define U_R double
#define U_OP(x, r) ((x) < 1 ? 1u : (*(r) = acosh(x), 0u))
#define U_FAIL(x) report(BAD_INPUT, err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME datanh
#define U_X double
#define U_R double
#define U_OP(x, r) ((x) < -1 || (x) > 1 ? 1u : (*(r) = atanh(x), 0u))
#define U_FAIL(x) report(BAD_INPUT, err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL

static inline enum trouble check_degrees(double x, double r)
{
    return isinf(r) && !isinf(x) ? OVERFLOW_ : FINE;
}
#define U_NAME degrees
#define U_X double
#define U_R double
#define U_OP(x, r) (*(r) = (x) / 0.0174532925199432957692, check_degrees(x, *(r)) != FINE)
#define U_FAIL(x) report(OVERFLOW_, err)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R
#undef U_FAIL
#define U_NAME radians
#define U_X double
#define U_R double
#define U_OP(x, r) (*(r) = (x)*0.0174532925199432957692, 0u)
#include "types/func/kern_unary_tmpl.h"
#undef U_OP
#undef U_X
#undef U_R

/* Powers, with PostgreSQL's treatment of NaN, zero and negative bases. */
static int power(double x, double y, double *r, struct err *err)
{
    if (isnan(x)) {
        *r = y == 0 ? 1 : x;
        return 0;
    }
    if (isnan(y)) {
        *r = x == 1 ? 1 : y;
        return 0;
    }
    if (x == 0 && y < 0)
        return err_set(err, ERR_INVALID_ARGUMENT_FOR_POWER,
                       "zero raised to a negative power is undefined");
    if (x < 0 && floor(y) != y)
        return err_set(err, ERR_INVALID_ARGUMENT_FOR_POWER,
                       "a negative number raised to a non-integer power yields a complex result");
    *r = pow(x, y);
    if (isinf(*r) && !isinf(x) && !isinf(y))
        return report(OVERFLOW_, err);
    if (*r == 0 && x != 0 && !isinf(x) && !isinf(y))
        return report(UNDERFLOW_, err);
    return 0;
}

KERNEL(dpow)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        double r = 0;
        int rc = power(arg_f64(call, 0, row), arg_f64(call, 1, row), &r, err);
        if (rc)
            return fail_row(call, i, rc);
        out_f64(call, row, r);
    }
    return 0;
}

KERNEL(dpi)
{
    for (uint32_t i = 0; i < call->n; i++)
        out_f64(call, call_row(call, i), M_PI);
    return 0;
}

/* width_bucket(operand, low, high, count) */
static int bucket(double v, double low, double high, int32_t count, int32_t *out, struct err *err)
{
    if (count <= 0)
        return err_set(err, ERR_INVALID_ARGUMENT_FOR_WIDTH_BUCKET,
                       "count must be greater than zero");
    if (isnan(v) || isnan(low) || isnan(high))
        return err_set(err, ERR_INVALID_ARGUMENT_FOR_WIDTH_BUCKET,
                       "operand, lower bound, and upper bound cannot be NaN");
    if (isinf(low) || isinf(high))
        return err_set(err, ERR_INVALID_ARGUMENT_FOR_WIDTH_BUCKET,
                       "lower and upper bounds must be finite");
    if (low == high)
        return err_set(err, ERR_INVALID_ARGUMENT_FOR_WIDTH_BUCKET,
                       "lower bound cannot equal upper bound");
    bool up = low < high;
    bool below = up ? v < low : v > low, above = up ? v >= high : v <= high;
    if (above && count == INT32_MAX)
        return err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "integer out of range");
    *out = below ? 0 : above ? count + 1 : (int32_t)(count * ((v - low) / (high - low))) + 1;
    if (!below && !above && *out > count)
        *out = count;
    return 0;
}

KERNEL(width_bucket_float8)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int32_t r = 0;
        int rc = bucket(arg_f64(call, 0, row), arg_f64(call, 1, row), arg_f64(call, 2, row),
                        arg_i32(call, 3, row), &r, err);
        if (rc)
            return fail_row(call, i, rc);
        out_i32(call, row, r);
    }
    return 0;
}
