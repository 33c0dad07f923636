/* agg.h: aggregate functions over groups.
 *
 * A state is `state_bytes` bytes at offset `at` of its group's row, wherever the executor keeps it;
 * all zero is NOT the initial state: call init. States are relocatable: they hold no pointer into
 * themselves, and what a state points to outside (a long min(text), a string_agg, a wide sum) lives
 * in `arena`, the aggregation's. To spill or to send a partial aggregate, serialise.
 *
 *   groups known:     agg_step(call) with states[i] = the group of the i-th live row
 *   one group:        the same with states == NULL and `one` set: no indirection, tight loops
 *   partial -> final: agg_serialise gives a BYTES vector (never null), agg_merge adds such a vector
 * to states final:            agg_final gives one value a state (SQL null for empty sums, ...)
 *
 * FILTER: pass a narrower selection. DISTINCT and ORDER BY inside the call: the executor's.
 * Strictness (nulls skipped) is here. count(*) takes no argument vectors. States are aligned to 16
 * bytes. All pure CPU; errors (overflow) as PostgreSQL's.
 */
#ifndef CAIRN_TYPES_FUNC_AGG_H
#define CAIRN_TYPES_FUNC_AGG_H

#include "types/func/func.h"

struct agg_info;

struct agg_call {
    const struct agg_info *agg;
    const uint32_t *arg_types;
    uint32_t n_args;
    uint32_t result_type;
    struct arena *arena; /* lives as long as the states */
    const struct type_env *env;
};

struct agg_info {
    uint32_t oid;         /* of the function */
    uint32_t trans_type;  /* pg_aggregate.aggtranstype */
    uint32_t sort_oper;   /* min/max: aggsortop */
    uint16_t state_bytes; /* 8- or 16-byte multiple; align states to 16 */
    bool order_matters;   /* string_agg, array_agg: input order is visible */
    void (*init)(const struct agg_call *call, void *state);
    int (*step)(const struct agg_call *call, const struct vec *args, const uint16_t *sel,
                uint32_t n, uint8_t *const *states, uint32_t at, void *one, struct err *err);
    void (*serialise)(const struct agg_call *call, const void *state, struct buf *out);
    int (*merge)(const struct agg_call *call, void *state, const uint8_t *data, size_t len,
                 struct err *err);
    int (*final)(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                 struct vec *out, struct arena *arena, struct err *err);
    const char *trans_func,
        *final_func; /* pg_aggregate.aggtransfn, aggfinalfn ("-" = none): for the catalog */
};

const struct agg_info *agg_table(uint32_t *count);  /* OID order */
const struct agg_info *agg_info(uint32_t func_oid); /* NULL: no aggregate of ours */

void agg_init(const struct agg_call *call, void *state);
/* args: any form (flattened here in place for rows of sel, in `scratch`). sel NULL = rows 0..n. */
int agg_step(const struct agg_call *call, struct vec *args, const uint16_t *sel, uint32_t n,
             uint8_t *const *states, uint32_t at, void *one, struct arena *scratch,
             struct err *err) MUST_CHECK;
/* out: FLAT BYTES of n rows, made here in `arena`. */
void agg_serialise(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                   struct vec *out, struct arena *arena);
/* in: FLAT or CONST BYTES as agg_serialise made them; hostile bytes are refused. */
int agg_merge(const struct agg_call *call, const struct vec *in, const uint16_t *sel, uint32_t n,
              uint8_t *const *states, uint32_t at, void *one, struct err *err) MUST_CHECK;
/* out is made here: n rows, FLAT, of the result type (numeric: dec where all states agree on a
 * scale, else num). */
int agg_final(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
              struct vec *out, struct arena *arena, struct err *err) MUST_CHECK;

#endif
