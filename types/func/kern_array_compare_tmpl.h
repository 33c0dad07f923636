/* kern_array_compare_tmpl.h: one comparison of arrays.
 *   A_NAME  the kernel;  A_TEST  the C operator against 0 */
KERNEL(A_NAME)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        out_bool(call, row, array_compare(arg_bytes(call, 0, row), arg_bytes(call, 1, row)) A_TEST 0);
    }
    return 0;
}
#undef A_NAME
#undef A_TEST
