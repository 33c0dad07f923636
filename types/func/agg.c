#include "types/func/agg_int.h"

#define AGG(oid_, trans_, final_func_, trans_type_, sort_, family_, final_, ordered_)              \
    {.oid = oid_,                                                                                  \
     .trans_type = trans_type_,                                                                    \
     .sort_oper = sort_,                                                                           \
     .order_matters = ordered_,                                                                    \
     .state_bytes = (sizeof(struct agg_state_##family_) + 15) / 16 * 16,                           \
     .init = agg_init_##family_,                                                                   \
     .step = agg_step_##family_,                                                                   \
     .serialise = agg_serialise_##family_,                                                         \
     .merge = agg_merge_##family_,                                                                 \
     .final = agg_final_##final_,                                                                  \
     .trans_func = trans_,                                                                         \
     .final_func = final_func_},
static const struct agg_info aggs[] = {
#include "types/func/agg.def"
};

enum { N_AGGS = sizeof aggs / sizeof *aggs };

const struct agg_info *agg_table(uint32_t *count)
{
    *count = N_AGGS;
    return aggs;
}

const struct agg_info *agg_info(uint32_t func_oid)
{
    uint32_t lo = 0, hi = N_AGGS;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (aggs[mid].oid < func_oid)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < N_AGGS && aggs[lo].oid == func_oid ? &aggs[lo] : NULL;
}

void agg_init(const struct agg_call *call, void *state)
{
    call->agg->init(call, state);
}

int agg_step(const struct agg_call *call, struct vec *args, const uint16_t *sel, uint32_t n,
             uint8_t *const *states, uint32_t at, void *one, struct arena *scratch, struct err *err)
{
    if (n == 0)
        return 0;
    for (uint32_t i = 0; i < call->n_args; i++) {
        if (args[i].form == VEC_DICT || args[i].form == VEC_ENCODED)
            vec_flatten(&args[i], sel, n, scratch);
        if (call->arg_types[i] == TYPE_NUMERIC)
            numeric_vec_load(&args[i], sel, n, scratch, &args[i]);
    }
    return call->agg->step(call, args, sel, n, states, at, one, err);
}

void agg_serialise(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                   struct vec *out, struct arena *arena)
{
    struct buf bytes = {0};
    vec_alloc(out, PHYS_BYTES, n, arena);
    for (uint32_t i = 0; i < n; i++) {
        buf_reset(&bytes);
        call->agg->serialise(call, states[i] + at, &bytes);
        ((struct bytes_view *)out->data)[i] = view_copy(arena, bytes.data, (uint32_t)bytes.len);
    }
    buf_done(&bytes);
}

int agg_merge(const struct agg_call *call, const struct vec *in, const uint16_t *sel, uint32_t n,
              uint8_t *const *states, uint32_t at, void *one, struct err *err)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = sel ? sel[i] : i;
        const struct bytes_view *v =
            (const struct bytes_view *)in->data + (in->form == VEC_CONST ? 0 : row);
        int rc = call->agg->merge(call, one ? one : states[i] + at, view_data(v), v->len, err);
        if (rc)
            return rc;
    }
    return 0;
}

int agg_final(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
              struct vec *out, struct arena *arena, struct err *err)
{
    return call->agg->final(call, states, at, n, out, arena, err);
}
