/* numeric_vec_tmpl.h: one checked 64-bit loop over two FLAT or CONST vectors.
 *   V_NAME   the function; true = no row overflowed (or hit the NaN sentinel)
 *   V_T      the integer type
 *   V_OP(x, y, r)  checked operation: true on overflow */
static bool V_NAME(const struct vec *a, const struct vec *b, const uint16_t *sel, uint32_t n, V_T *to)
{
    const V_T *xs = a->data, *ys = b->data;
    unsigned bad = 0;
    if (a->form == VEC_CONST || b->form == VEC_CONST) {
        bool x_const = a->form == VEC_CONST, y_const = b->form == VEC_CONST;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t row = sel ? sel[i] : i;
            bad |= V_OP(xs[x_const ? 0 : row], ys[y_const ? 0 : row], &to[row]);
            bad |= to[row] == INT64_MAX;
        }
    } else if (sel) {
        for (uint32_t i = 0; i < n; i++) {
            bad |= V_OP(xs[sel[i]], ys[sel[i]], &to[sel[i]]);
            bad |= to[sel[i]] == INT64_MAX;
        }
    } else {
        for (uint32_t i = 0; i < n; i++) {
            bad |= V_OP(xs[i], ys[i], &to[i]);
            bad |= to[i] == INT64_MAX;
        }
    }
    return !bad;
}
#undef V_NAME
#undef V_T
#undef V_OP
