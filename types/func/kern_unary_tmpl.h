/* kern_unary_tmpl.h: one unary kernel over fixed-width values.
 *   U_NAME, U_X, U_R, U_OP(x, r), U_FAIL(x): as in kern_binary_tmpl.h. */
KERNEL(U_NAME)
{
    const U_X *xs = call->args[0].data;
    U_R *rs = call->out->data;
    const uint16_t *sel = call->sel;
    uint32_t n = call->n;
    bool x_const = call->args[0].form == VEC_CONST;
    unsigned bad = 0;
    if (x_const) {
        for (uint32_t i = 0; i < n; i++)
            bad |= U_OP(xs[0], &rs[call_row(call, i)]);
    } else if (sel) {
        for (uint32_t i = 0; i < n; i++)
            bad |= U_OP(xs[sel[i]], &rs[sel[i]]);
    } else {
        for (uint32_t i = 0; i < n; i++)
            bad |= U_OP(xs[i], &rs[i]);
    }
    (void)err;
#ifdef U_FAIL
    if (__builtin_expect(bad, 0)) {
        for (uint32_t i = 0; i < n; i++) {
            uint32_t row = call_row(call, i);
            U_X x = xs[x_const ? 0 : row];
            if (U_OP(x, &rs[row])) {
                call->failed = i;
                return U_FAIL(x);
            }
        }
    }
#endif
    return 0;
}
#undef U_NAME
