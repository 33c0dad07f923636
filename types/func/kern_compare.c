/* Comparison kernels of fixed-width types: integers, floats, booleans, OIDs, dates and times. */
#include "types/func/kern.h"
#include "types/type/datetime.h"

/* NaN equals NaN and is greater than every number; no branch, so that loops vectorize. */
static inline int compare_f64(double x, double y)
{
    return (x > y) - (x < y) + (x != x) - (y != y);
}

#define C_KERNEL(op) int2##op
#define C_X int16_t
#define C_Y int16_t
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) int4##op
#define C_X int32_t
#define C_Y int32_t
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) int8##op
#define C_X int64_t
#define C_Y int64_t
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) int24##op
#define C_X int16_t
#define C_Y int32_t
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) int28##op
#define C_X int16_t
#define C_Y int64_t
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) int42##op
#define C_X int32_t
#define C_Y int16_t
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) int48##op
#define C_X int32_t
#define C_Y int64_t
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) int82##op
#define C_X int64_t
#define C_Y int16_t
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) int84##op
#define C_X int64_t
#define C_Y int32_t
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) bool##op
#define C_X uint8_t
#define C_Y uint8_t
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) oid##op
#define C_X int64_t
#define C_Y int64_t
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) pg_lsn_##op
#define C_X uint64_t
#define C_Y uint64_t
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) xid8##op
#define C_X uint64_t
#define C_Y uint64_t
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) float4##op
#define C_X float
#define C_Y float
#define C_CMP(x, y) compare_f64((double)(x), (double)(y))
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) float8##op
#define C_X double
#define C_Y double
#define C_CMP(x, y) compare_f64((double)(x), (double)(y))
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) float48##op
#define C_X float
#define C_Y double
#define C_CMP(x, y) compare_f64((double)(x), (double)(y))
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) float84##op
#define C_X double
#define C_Y float
#define C_CMP(x, y) compare_f64((double)(x), (double)(y))
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) date_##op
#define C_X int32_t
#define C_Y int32_t
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) time_##op
#define C_X int64_t
#define C_Y int64_t
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) timestamp_##op
#define C_X int64_t
#define C_Y int64_t
#include "types/func/kern_compare_tmpl.h"

/* xid and cid know only equality. */
#define B_NAME xideq
#define B_X int64_t
#define B_Y int64_t
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = (x) == (y), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME xidneq
#define B_X int64_t
#define B_Y int64_t
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = (x) != (y), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME cideq
#define B_X int64_t
#define B_Y int64_t
#define B_R uint8_t
#define B_OP(x, y, r) (*(r) = (x) == (y), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R

/* Dates against timestamps: a date beyond the timestamps' range is beyond every finite timestamp.
 */
static inline int compare_date_timestamp(int32_t d, int64_t ts)
{
    int64_t us;
    int over = datetime_date_to_timestamp(d, &us);
    if (over > 0)
        return ts == DATETIME_INFINITY ? -1 : 1;
    if (over < 0)
        return ts == DATETIME_MINUS_INFINITY ? 1 : -1;
    return (us > ts) - (us < ts);
}
/* The same against an instant: midnight in the session's zone. */
static inline int compare_date_timestamptz(const struct func_call *call, int32_t d, int64_t ts)
{
    int64_t us;
    int over = datetime_date_to_timestamp(d, &us);
    if (over == 0 && us != DATETIME_INFINITY && us != DATETIME_MINUS_INFINITY)
        over = datetime_local_to_instant(call->env->zone, us, &us);
    if (over > 0)
        return ts == DATETIME_INFINITY ? -1 : 1;
    if (over < 0)
        return ts == DATETIME_MINUS_INFINITY ? 1 : -1;
    return (us > ts) - (us < ts);
}
static inline int compare_timestamp_timestamptz(const struct func_call *call, int64_t local,
                                                int64_t ts)
{
    int64_t us = local;
    int over = 0;
    if (local != DATETIME_INFINITY && local != DATETIME_MINUS_INFINITY)
        over = datetime_local_to_instant(call->env->zone, local, &us);
    if (over > 0)
        return ts == DATETIME_INFINITY ? -1 : 1;
    if (over < 0)
        return ts == DATETIME_MINUS_INFINITY ? 1 : -1;
    return (us > ts) - (us < ts);
}

#define C_KERNEL(op) date_##op##_timestamp
#define C_X int32_t
#define C_Y int64_t
#define C_CMP(x, y) compare_date_timestamp(x, y)
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) timestamp_##op##_date
#define C_X int64_t
#define C_Y int32_t
#define C_CMP(x, y) -compare_date_timestamp(y, x)
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) date_##op##_timestamptz
#define C_X int32_t
#define C_Y int64_t
#define C_CMP(x, y) compare_date_timestamptz(call, x, y)
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) timestamptz_##op##_date
#define C_X int64_t
#define C_Y int32_t
#define C_CMP(x, y) -compare_date_timestamptz(call, y, x)
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) timestamp_##op##_timestamptz
#define C_X int64_t
#define C_Y int64_t
#define C_CMP(x, y) compare_timestamp_timestamptz(call, x, y)
#include "types/func/kern_compare_tmpl.h"
#define C_KERNEL(op) timestamptz_##op##_timestamp
#define C_X int64_t
#define C_Y int64_t
#define C_CMP(x, y) -compare_timestamp_timestamptz(call, y, x)
#include "types/func/kern_compare_tmpl.h"

/* Three-way comparison: support function 1 of btree. */
#define B_NAME btboolcmp
#define B_X uint8_t
#define B_Y uint8_t
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = ((x) > (y)) - ((x) < (y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME btint2cmp
#define B_X int16_t
#define B_Y int16_t
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = ((x) > (y)) - ((x) < (y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME btint4cmp
#define B_X int32_t
#define B_Y int32_t
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = ((x) > (y)) - ((x) < (y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME btint8cmp
#define B_X int64_t
#define B_Y int64_t
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = ((x) > (y)) - ((x) < (y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME btoidcmp
#define B_X int64_t
#define B_Y int64_t
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = ((x) > (y)) - ((x) < (y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME date_cmp
#define B_X int32_t
#define B_Y int32_t
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = ((x) > (y)) - ((x) < (y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME time_cmp
#define B_X int64_t
#define B_Y int64_t
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = ((x) > (y)) - ((x) < (y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME timestamp_cmp
#define B_X int64_t
#define B_Y int64_t
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = ((x) > (y)) - ((x) < (y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME btint24cmp
#define B_X int16_t
#define B_Y int32_t
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = ((x) > (y)) - ((x) < (y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME btint28cmp
#define B_X int16_t
#define B_Y int64_t
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = ((x) > (y)) - ((x) < (y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME btint42cmp
#define B_X int32_t
#define B_Y int16_t
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = ((x) > (y)) - ((x) < (y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME btint48cmp
#define B_X int32_t
#define B_Y int64_t
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = ((x) > (y)) - ((x) < (y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME btint82cmp
#define B_X int64_t
#define B_Y int16_t
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = ((x) > (y)) - ((x) < (y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME btint84cmp
#define B_X int64_t
#define B_Y int32_t
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = ((x) > (y)) - ((x) < (y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME btfloat4cmp
#define B_X float
#define B_Y float
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = compare_f64((double)(x), (double)(y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME btfloat8cmp
#define B_X double
#define B_Y double
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = compare_f64((double)(x), (double)(y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME btfloat48cmp
#define B_X float
#define B_Y double
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = compare_f64((double)(x), (double)(y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
#define B_NAME btfloat84cmp
#define B_X double
#define B_Y float
#define B_R int32_t
#define B_OP(x, y, r) (*(r) = compare_f64((double)(x), (double)(y)), 0)
#include "types/func/kern_binary_tmpl.h"
#undef B_OP
#undef B_X
#undef B_Y
#undef B_R
