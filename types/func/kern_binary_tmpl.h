/* kern_binary_tmpl.h: one binary kernel over fixed-width values.
 *   B_NAME    the kernel's name behind kernel_
 *   B_X, B_Y, B_R  the C types of arguments and result
 *   B_OP(x, y, r)  an expression that sets *r and is true when the row fails; false constantly for total kernels
 *   B_FAIL(x, y)   (only if it can fail) an expression that sets err and gives its code
 * Failure is gathered over the whole loop; only when there was one a second loop looks for the first row. */
KERNEL(B_NAME)
{
    const B_X *xs = call->args[0].data;
    const B_Y *ys = call->args[1].data;
    B_R *rs = call->out->data;
    const uint16_t *sel = call->sel;
    uint32_t n = call->n;
    bool x_const = call->args[0].form == VEC_CONST, y_const = call->args[1].form == VEC_CONST;
    unsigned bad = 0;
    if (y_const) {
        B_Y y = ys[0];
        if (sel)
            for (uint32_t i = 0; i < n; i++)
                bad |= B_OP(xs[sel[i]], y, &rs[sel[i]]);
        else
            for (uint32_t i = 0; i < n; i++)
                bad |= B_OP(xs[i], y, &rs[i]);
    } else if (x_const) {
        B_X x = xs[0];
        if (sel)
            for (uint32_t i = 0; i < n; i++)
                bad |= B_OP(x, ys[sel[i]], &rs[sel[i]]);
        else
            for (uint32_t i = 0; i < n; i++)
                bad |= B_OP(x, ys[i], &rs[i]);
    } else if (sel) {
        for (uint32_t i = 0; i < n; i++)
            bad |= B_OP(xs[sel[i]], ys[sel[i]], &rs[sel[i]]);
    } else {
        for (uint32_t i = 0; i < n; i++)
            bad |= B_OP(xs[i], ys[i], &rs[i]);
    }
    (void)err;
#ifdef B_FAIL
    if (__builtin_expect(bad, 0)) {
        for (uint32_t i = 0; i < n; i++) {
            uint32_t row = call_row(call, i);
            B_X x = xs[x_const ? 0 : row];
            B_Y y = ys[y_const ? 0 : row];
            if (B_OP(x, y, &rs[row])) {
                call->failed = i;
                return B_FAIL(x, y);
            }
        }
    }
#endif
    return 0;
}
#undef B_NAME
