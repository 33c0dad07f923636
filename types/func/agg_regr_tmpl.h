/* agg_regr_tmpl.h: the final function of one two-variable statistic.
 *   R_NAME  agg_final_<R_NAME>;  R_WHAT  its enum regr_what */
#define R_PASTE_(a, b) a##b
#define R_PASTE(a, b) R_PASTE_(a, b)
int R_PASTE(agg_final_, R_NAME)(const struct agg_call *call, uint8_t *const *states, uint32_t at, uint32_t n,
                                struct vec *out, struct arena *arena, struct err *err)
{
    return final_regr(states, at, n, R_WHAT, out, arena);
}
#undef R_NAME
#undef R_WHAT
