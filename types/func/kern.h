/* kern.h: what the kernel files share.
 *
 * KERNEL(x) opens the definition of kernel_x (declaring it too, so that a kernel may be written
 * before func.def names it). The templates kern_unary_tmpl.h, kern_binary_tmpl.h and
 * kern_compare_tmpl.h write whole families of loops; the helpers below are for kernels that work a
 * row at a time.
 */
#ifndef CAIRN_TYPES_FUNC_KERN_H
#define CAIRN_TYPES_FUNC_KERN_H

#include "types/func/kernels.h"

#define KERNEL_PASTE(x)                                                                            \
    int kernel_##x(struct func_call *call, struct err *err);                                       \
    int kernel_##x(struct func_call *call, struct err *err)
#define KERNEL(x) KERNEL_PASTE(x)

/* ---- a row at a time ----------------------------------------------------------------------- */

static inline const struct bytes_view *arg_bytes(const struct func_call *call, uint32_t arg,
                                                 uint32_t row)
{
    const struct vec *v = &call->args[arg];
    return (const struct bytes_view *)v->data + arg_at(v, row);
}
static inline bool arg_bool(const struct func_call *call, uint32_t arg, uint32_t row)
{
    const struct vec *v = &call->args[arg];
    return ((const uint8_t *)v->data)[arg_at(v, row)];
}
static inline int16_t arg_i16(const struct func_call *call, uint32_t arg, uint32_t row)
{
    const struct vec *v = &call->args[arg];
    return ((const int16_t *)v->data)[arg_at(v, row)];
}
static inline int32_t arg_i32(const struct func_call *call, uint32_t arg, uint32_t row)
{
    const struct vec *v = &call->args[arg];
    return ((const int32_t *)v->data)[arg_at(v, row)];
}
static inline int64_t arg_i64(const struct func_call *call, uint32_t arg, uint32_t row)
{
    const struct vec *v = &call->args[arg];
    return ((const int64_t *)v->data)[arg_at(v, row)];
}
static inline float arg_f32(const struct func_call *call, uint32_t arg, uint32_t row)
{
    const struct vec *v = &call->args[arg];
    return ((const float *)v->data)[arg_at(v, row)];
}
static inline double arg_f64(const struct func_call *call, uint32_t arg, uint32_t row)
{
    const struct vec *v = &call->args[arg];
    return ((const double *)v->data)[arg_at(v, row)];
}
static inline bool arg_null(const struct func_call *call, uint32_t arg, uint32_t row)
{
    return vec_is_null(&call->args[arg], row);
}

static inline void out_bool(struct func_call *call, uint32_t row, bool v)
{
    ((uint8_t *)call->out->data)[row] = v;
}
static inline void out_i16(struct func_call *call, uint32_t row, int16_t v)
{
    ((int16_t *)call->out->data)[row] = v;
}
static inline void out_i32(struct func_call *call, uint32_t row, int32_t v)
{
    ((int32_t *)call->out->data)[row] = v;
}
static inline void out_i64(struct func_call *call, uint32_t row, int64_t v)
{
    ((int64_t *)call->out->data)[row] = v;
}
static inline void out_f32(struct func_call *call, uint32_t row, float v)
{
    ((float *)call->out->data)[row] = v;
}
static inline void out_f64(struct func_call *call, uint32_t row, double v)
{
    ((double *)call->out->data)[row] = v;
}
static inline void out_view(struct func_call *call, uint32_t row, struct bytes_view v)
{
    ((struct bytes_view *)call->out->data)[row] = v;
}
/* Copies. */
static inline void out_bytes(struct func_call *call, uint32_t row, const void *data, size_t len)
{
    out_view(call, row, view_copy(call->arena, data, (uint32_t)len));
}
static inline void out_text(struct func_call *call, uint32_t row, const char *text)
{
    out_bytes(call, row, text, strlen(text));
}
static inline void out_null(struct func_call *call, uint32_t row)
{
    vec_set_null(call->out, row, call->arena);
}

/* Ends a row-at-a-time kernel at its i-th row with the error just set. */
static inline int fail_row(struct func_call *call, uint32_t i, int code)
{
    call->failed = i;
    return code;
}

#endif
