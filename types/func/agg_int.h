/* agg_int.h: states of the aggregate families, shared by agg*.c.
 *
 * agg.def gives each aggregate a family (state, init, step, serialise, merge) and a final function;
 * the table in agg.c glues them by name: agg_init_<family>, agg_final_<final>.
 */
#ifndef CAIRN_TYPES_FUNC_AGG_INT_H
#define CAIRN_TYPES_FUNC_AGG_INT_H

#include "types/func/agg.h"
#include "types/type/datetime.h"
#include "types/type/numeric_vec.h"

struct agg_state_count {
    int64_t n;
};
/* sum of smallint and integer: a bigint cannot overflow before 2^32 rows, and wraps as PostgreSQL's
 * does. */
struct agg_state_isum {
    int64_t sum;
    int64_t n;
};
/* An exact sum of any numerics: 128 bits at one scale, flushed into `wide` when they do not hold
 * the next value. */
struct agg_nsum {
    int128 sum;
    struct bytes_view wide; /* num bytes; len 0 = nothing */
    int64_t n;
    int32_t scale;     /* of sum */
    int32_t scale_max; /* display scale of the result */
    uint8_t nan, inf, neg_inf;
    uint8_t pad[13];
};
struct agg_state_nsum {
    struct agg_nsum x;
};
struct agg_state_nvar {
    struct agg_nsum x, xx;
};
struct agg_state_fsum {
    double sum;
    int64_t n;
};
struct agg_state_f4sum {
    float sum;
    int64_t n;
};
struct agg_state_fvar {
    double n, sx, sxx;
};
struct agg_state_regr {
    double n, sx, sxx, sy, syy, sxy;
};
struct agg_state_least {
    struct datum value;
    bool has;
};
struct agg_state_greatest {
    struct datum value;
    bool has;
};
struct agg_state_boolean {
    uint8_t has, all, any;
};
struct agg_state_bits {
    int64_t and_, or_, xor_;
    bool has;
};
/* Bytes in the aggregation's arena, doubling; relocatable because the pointer is outside the state.
 */
struct agg_state_collect {
    uint8_t *data;
    uint32_t len, cap;
    uint32_t first; /* string_agg: length of the first delimiter, which the result drops */
    uint32_t n;
};
struct agg_state_array {
    uint8_t *data;
    uint32_t len, cap;
    uint32_t first;
    uint32_t n;
};
struct agg_state_interval {
    struct interval sum;
    int64_t n;
};

#define AGG_FAMILY(family)                                                                         \
    void agg_init_##family(const struct agg_call *call, void *state);                              \
    int agg_step_##family(const struct agg_call *call, const struct vec *args,                     \
                          const uint16_t *sel, uint32_t n, uint8_t *const *states, uint32_t at,    \
                          void *one, struct err *err);                                             \
    void agg_serialise_##family(const struct agg_call *call, const void *state, struct buf *out);  \
    int agg_merge_##family(const struct agg_call *call, void *state, const uint8_t *data,          \
                           size_t len, struct err *err);
#define AGG_FINAL(name)                                                                            \
    int agg_final_##name(const struct agg_call *call, uint8_t *const *states, uint32_t at,         \
                         uint32_t n, struct vec *out, struct arena *arena, struct err *err);

AGG_FAMILY(count)
AGG_FAMILY(isum)
AGG_FAMILY(nsum)
AGG_FAMILY(nvar)
AGG_FAMILY(fsum)
AGG_FAMILY(f4sum)
AGG_FAMILY(fvar)
AGG_FAMILY(regr)
AGG_FAMILY(least)
AGG_FAMILY(greatest)
AGG_FAMILY(boolean)
AGG_FAMILY(bits)
AGG_FAMILY(collect)
AGG_FAMILY(array)
AGG_FAMILY(interval)

AGG_FINAL(count)
AGG_FINAL(isum)
AGG_FINAL(nsum)
AGG_FINAL(navg)
AGG_FINAL(nvar_pop)
AGG_FINAL(nvar_samp)
AGG_FINAL(nstddev_pop)
AGG_FINAL(nstddev_samp)
AGG_FINAL(fsum)
AGG_FINAL(f4sum)
AGG_FINAL(favg)
AGG_FINAL(fvar_pop)
AGG_FINAL(fvar_samp)
AGG_FINAL(fstddev_pop)
AGG_FINAL(fstddev_samp)
AGG_FINAL(regr_count)
AGG_FINAL(regr_sxx)
AGG_FINAL(regr_syy)
AGG_FINAL(regr_sxy)
AGG_FINAL(regr_avgx)
AGG_FINAL(regr_avgy)
AGG_FINAL(regr_r2)
AGG_FINAL(regr_slope)
AGG_FINAL(regr_intercept)
AGG_FINAL(covar_pop)
AGG_FINAL(covar_samp)
AGG_FINAL(corr)
AGG_FINAL(least)
AGG_FINAL(greatest)
AGG_FINAL(bool_and)
AGG_FINAL(bool_or)
AGG_FINAL(bit_and)
AGG_FINAL(bit_or)
AGG_FINAL(bit_xor)
AGG_FINAL(collect)
AGG_FINAL(array)
AGG_FINAL(isum_interval)
AGG_FINAL(iavg_interval)

static inline void *agg_state(uint8_t *const *states, uint32_t at, uint32_t i)
{
    return states[i] + at;
}

#endif
