/* numeric_vec.h: vectors of numeric: changing between dec and num forms, and the loops over dec.
 *
 * A dec vector's values in registers are finite and its scale is every value's display scale.
 * numeric_vec_load makes it so (a NaN sentinel in a stored column promotes the vector to num).
 * Loops try 64 bits, then 128, then num: the whole vector is promoted, never a part of it.
 *
 * Rows are those of sel (NULL = 0..n); other rows of results are meaningless.
 */
#ifndef CAIRN_TYPES_TYPE_NUMERIC_VEC_H
#define CAIRN_TYPES_TYPE_NUMERIC_VEC_H

#include "types/type/numeric.h"

/* Stored to register form: in must be FLAT or CONST; rows already null are skipped. Shares memory
 * when nothing changes. */
void numeric_vec_load(const struct vec *in, const uint16_t *sel, uint32_t n, struct arena *arena,
                      struct vec *out);
/* As num (BYTES). valid is shared. */
void numeric_vec_to_num(const struct vec *in, const uint16_t *sel, uint32_t n, struct arena *arena,
                        struct vec *out);
/* dec INT64 to dec INT128, same scale. */
void numeric_vec_widen(const struct vec *in, const uint16_t *sel, uint32_t n, struct arena *arena,
                       struct vec *out);
/* Rescales a dec upward; false (out untouched) when a value does not fit 38 digits. */
bool numeric_vec_rescale(const struct vec *in, const uint16_t *sel, uint32_t n, int16_t scale,
                         struct arena *arena, struct vec *out);
/* Brings two vectors to one form: the same kind and scale, or both num. */
void numeric_vec_unify(struct vec *a, struct vec *b, const uint16_t *sel, uint32_t n,
                       struct arena *arena);

enum numeric_vec_op { NUMERIC_VEC_ADD, NUMERIC_VEC_SUB, NUMERIC_VEC_MUL };
/* a op b into out (a fresh FLAT vector of n_rows rows, no validity). dec inputs of any kind and
 * scale; false: some value does not fit 38 digits, do it in num. */
bool numeric_vec_arith(enum numeric_vec_op op, const struct vec *a, const struct vec *b,
                       const uint16_t *sel, uint32_t n, uint32_t n_rows, struct arena *arena,
                       struct vec *out);
/* cmp[row] = -1, 0, 1. Any forms. */
void numeric_vec_compare(const struct vec *a, const struct vec *b, const uint16_t *sel, uint32_t n,
                         struct arena *arena, int8_t *cmp);

#endif
