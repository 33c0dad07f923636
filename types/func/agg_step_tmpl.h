/* agg_step_tmpl.h: the step of an aggregate over one argument: nulls skipped, one group or many.
 *   G_FAMILY  the family
 *   G_ADD(st, row)  an expression adding args[0]'s value at row to *st; gives an error code
 * With one group the state is a local copy, so that the loop keeps it in registers. */
#define G_PASTE_(a, b) a##b
#define G_PASTE(a, b) G_PASTE_(a, b)
#ifndef G_STEP
#define G_STEP G_PASTE(agg_step_, G_FAMILY)
#endif
G_LINKAGE int G_STEP(const struct agg_call *call, const struct vec *args, const uint16_t *sel, uint32_t n,
           uint8_t *const *states, uint32_t at, void *one, struct err *err)
{
    typedef struct G_PASTE(agg_state_, G_FAMILY) G_STATE;
    const struct vec *v = &args[0];
    bool is_const = v->form == VEC_CONST;
    if (one) {
        G_STATE local = *(G_STATE *)one, *st = &local;
        int rc = 0;
        if (!v->valid && !is_const && !sel) {
            for (uint32_t i = 0; i < n && rc == 0; i++)
                rc = G_ADD(st, i);
        } else {
            for (uint32_t i = 0; i < n && rc == 0; i++) {
                uint32_t row = sel ? sel[i] : i;
                if (!vec_is_null(v, row))
                    rc = G_ADD(st, is_const ? 0 : row);
            }
        }
        *(G_STATE *)one = local;
        return rc;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (vec_is_null(v, row))
            continue;
        G_STATE *st = (G_STATE *)(states[i] + at);
        int rc = G_ADD(st, is_const ? 0 : row);
        if (rc)
            return rc;
    }
    return 0;
}
#undef G_STEP
#undef G_ADD
