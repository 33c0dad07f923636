/* kern_numeric_compare_tmpl.h: one comparison of numerics.
 *   N_OP    eq, ne, ...: the kernel is numeric_<N_OP>, and int8<N_OP> serves decs of one scale
 *   N_TEST  the C operator against 0 */
#define N_PASTE_(a, b) a##b
#define N_PASTE(a, b) N_PASTE_(a, b)
KERNEL(N_PASTE(numeric_, N_OP))
{
    if (compare_as_int8(call, N_PASTE(kernel_int8, N_OP), err))
        return 0;
    const int8_t *cmp = compare_rows(call);
    uint8_t *out = call->out->data;
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        out[row] = cmp[row] N_TEST 0;
    }
    return 0;
}
#undef N_OP
#undef N_TEST
