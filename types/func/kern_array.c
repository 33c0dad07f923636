/* Array kernels. */
#include "types/func/kern.h"
#include "types/type/array.h"
#include "types/type/text.h"

static int corrupt(struct err *err)
{
    return err_set(err, ERR_DATA_CORRUPTED, "malformed array");
}

/* ---- shape
 * --------------------------------------------------------------------------------------------- */

static bool open_arg(const struct func_call *call, uint32_t arg, uint32_t row, struct array *a)
{
    return array_open(arg_bytes(call, arg, row), a);
}

KERNEL(array_ndims)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct array a;
        if (open_arg(call, 0, row, &a) && a.n_dims)
            out_i32(call, row, (int32_t)a.n_dims);
        else
            out_null(call, row);
    }
    return 0;
}

KERNEL(array_cardinality)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct array a;
        out_i32(call, row, open_arg(call, 0, row, &a) ? (int32_t)a.n : 0);
    }
    return 0;
}

enum bound { LENGTH, LOWER, UPPER };

static int bound_rows(struct func_call *call, enum bound what)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int32_t dim = arg_i32(call, 1, row);
        struct array a;
        if (!open_arg(call, 0, row, &a) || dim < 1 || (uint32_t)dim > a.n_dims) {
            out_null(call, row);
            continue;
        }
        int32_t len = a.dims[dim - 1], low = a.lower[dim - 1];
        out_i32(call, row, what == LENGTH ? len : what == LOWER ? low : low + len - 1);
    }
    return 0;
}

KERNEL(array_length)
{
    return bound_rows(call, LENGTH);
}
KERNEL(array_lower)
{
    return bound_rows(call, LOWER);
}
KERNEL(array_upper)
{
    return bound_rows(call, UPPER);
}

KERNEL(array_dims)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct array a;
        struct buf text = {0};
        if (!open_arg(call, 0, row, &a) || a.n_dims == 0) {
            out_null(call, row);
            continue;
        }
        for (uint32_t k = 0; k < a.n_dims; k++)
            buf_printf(&text, "[%d:%d]", a.lower[k], a.lower[k] + a.dims[k] - 1);
        out_bytes(call, row, text.data, text.len);
        buf_done(&text);
    }
    return 0;
}

/* ---- comparing
 * ------------------------------------------------------------------------------------------- */

#define A_NAME array_eq
#define A_TEST ==
#include "types/func/kern_array_compare_tmpl.h"
#define A_NAME array_ne
#define A_TEST !=
#include "types/func/kern_array_compare_tmpl.h"
#define A_NAME array_lt
#define A_TEST <
#include "types/func/kern_array_compare_tmpl.h"
#define A_NAME array_le
#define A_TEST <=
#include "types/func/kern_array_compare_tmpl.h"
#define A_NAME array_gt
#define A_TEST >
#include "types/func/kern_array_compare_tmpl.h"
#define A_NAME array_ge
#define A_TEST >=
#include "types/func/kern_array_compare_tmpl.h"
#define A_NAME oidvectoreq
#define A_TEST ==
#include "types/func/kern_array_compare_tmpl.h"
#define A_NAME oidvectorne
#define A_TEST !=
#include "types/func/kern_array_compare_tmpl.h"
#define A_NAME oidvectorlt
#define A_TEST <
#include "types/func/kern_array_compare_tmpl.h"
#define A_NAME oidvectorle
#define A_TEST <=
#include "types/func/kern_array_compare_tmpl.h"
#define A_NAME oidvectorgt
#define A_TEST >
#include "types/func/kern_array_compare_tmpl.h"
#define A_NAME oidvectorge
#define A_TEST >=
#include "types/func/kern_array_compare_tmpl.h"

KERNEL(btarraycmp)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int cmp = array_compare(arg_bytes(call, 0, row), arg_bytes(call, 1, row));
        out_i32(call, row, (cmp > 0) - (cmp < 0));
    }
    return 0;
}

/* Is there an element equal to d? Nulls equal nothing. */
static bool holds(struct array a, const struct datum *d)
{
    struct datum x;
    while (array_next(&a, &x))
        if (!x.null && !d->null && type_compare(a.elem, &x, d) == 0)
            return true;
    return false;
}

static bool contains(struct array a, struct array b)
{
    struct datum d;
    while (array_next(&b, &d))
        if (!holds(a, &d))
            return false;
    return true;
}

static int contain_rows(struct func_call *call, uint32_t outer, struct err *err)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct array a, b;
        if (!open_arg(call, outer, row, &a) || !open_arg(call, 1 - outer, row, &b))
            return fail_row(call, i, corrupt(err));
        out_bool(call, row, contains(a, b));
    }
    return 0;
}

KERNEL(arraycontains)
{
    return contain_rows(call, 0, err);
}
KERNEL(arraycontained)
{
    return contain_rows(call, 1, err);
}

KERNEL(arrayoverlap)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct array a, b;
        struct datum d;
        if (!open_arg(call, 0, row, &a) || !open_arg(call, 1, row, &b))
            return fail_row(call, i, corrupt(err));
        bool found = false;
        while (!found && array_next(&b, &d))
            found = holds(a, &d);
        out_bool(call, row, found);
    }
    return 0;
}

/* ---- text ---------------------------------------------------------------------------------- */

static int join_row(struct func_call *call, uint32_t row, const struct datum *null_text,
                    struct buf *out, struct err *err)
{
    struct array a;
    struct datum d;
    if (!open_arg(call, 0, row, &a))
        return corrupt(err);
    const struct bytes_view *delim = arg_bytes(call, 1, row);
    bool first = true;
    while (array_next(&a, &d)) {
        if (d.null && null_text->null)
            continue;
        if (!first)
            buf_put(out, view_data(delim), delim->len);
        first = false;
        if (d.null) {
            buf_put(out, view_data(&null_text->u.bytes), null_text->u.bytes.len);
            continue;
        }
        int rc = type_out(call->env, a.elem, &d, out, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int join_rows(struct func_call *call, struct err *err)
{
    struct buf text = {0};
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct datum null_text =
            call->n_args > 2 ? vec_datum(&call->args[2], row) : datum_null(PHYS_BYTES);
        if (arg_null(call, 0, row) || arg_null(call, 1, row)) {
            out_null(call, row);
            continue;
        }
        buf_reset(&text);
        int rc = join_row(call, row, &null_text, &text, err);
        if (rc) {
            buf_done(&text);
            return fail_row(call, i, rc);
        }
        out_bytes(call, row, text.data, text.len);
    }
    buf_done(&text);
    return 0;
}

KERNEL(array_to_text)
{
    return join_rows(call, err);
}
KERNEL(array_to_text_null)
{
    return join_rows(call, err);
}

static void add_piece(struct array_builder *b, const uint8_t *p, size_t len,
                      const struct datum *null_text)
{
    struct datum d = datum_bytes(p, (uint32_t)len);
    if (!null_text->null && view_equal(&d.u.bytes, &null_text->u.bytes))
        d = datum_null(PHYS_BYTES);
    array_add(b, &d);
}

/* A null separator cuts into characters, an empty one not at all. */
static int split_rows(struct func_call *call)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct datum null_text =
            call->n_args > 2 ? vec_datum(&call->args[2], row) : datum_null(PHYS_BYTES);
        if (arg_null(call, 0, row)) {
            out_null(call, row);
            continue;
        }
        const struct bytes_view *v = arg_bytes(call, 0, row), *sep = arg_bytes(call, 1, row);
        const uint8_t *p = view_data(v), *end = p + v->len;
        struct array_builder b;
        array_begin(&b, TYPE_TEXT);
        if (v->len == 0) {
            /* no elements */
        } else if (arg_null(call, 1, row)) {
            while (p < end) {
                uint32_t n = text_char_len(p, end);
                add_piece(&b, p, n, &null_text);
                p += n;
            }
        } else if (sep->len == 0) {
            add_piece(&b, p, v->len, &null_text);
        } else {
            for (;;) {
                const uint8_t *at = memmem(p, (size_t)(end - p), view_data(sep), sep->len);
                add_piece(&b, p, (size_t)((at ? at : end) - p), &null_text);
                if (!at)
                    break;
                p = at + sep->len;
            }
        }
        out_view(call, row, array_end(&b, call->arena).u.bytes);
    }
    return 0;
}

KERNEL(text_to_array)
{
    return split_rows(call);
}
KERNEL(text_to_array_null)
{
    return split_rows(call);
}

/* ---- building ------------------------------------------------------------------------------ */

/* Adds all elements of an array argument; a null array has none. */
static bool add_all(const struct func_call *call, uint32_t arg, uint32_t row,
                    struct array_builder *b, struct array *shape)
{
    struct datum d;
    *shape = (struct array){0};
    if (arg_null(call, arg, row))
        return true;
    if (!open_arg(call, arg, row, shape))
        return false;
    struct array a = *shape;
    while (array_next(&a, &d))
        array_add(b, &d);
    return true;
}

static int one_dimension(struct err *err)
{
    return err_set(err, ERR_DATA_EXCEPTION, "argument must be empty or one-dimensional array");
}

static int push_rows(struct func_call *call, uint32_t array_arg, struct err *err)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct array_builder b;
        struct array shape;
        struct datum d = vec_datum(&call->args[1 - array_arg], row);
        array_begin(&b, array_element_type(call->arg_types[array_arg]));
        if (array_arg == 1)
            array_add(&b, &d);
        bool good = add_all(call, array_arg, row, &b, &shape);
        if (array_arg == 0)
            array_add(&b, &d);
        if (!good || shape.n_dims > 1) {
            array_abandon(&b);
            return fail_row(call, i, good ? one_dimension(err) : corrupt(err));
        }
        int32_t dims = (int32_t)b.n, lower = shape.n_dims ? shape.lower[0] : 1;
        array_shape(&b, 1, &dims, &lower);
        out_view(call, row, array_end(&b, call->arena).u.bytes);
    }
    return 0;
}

KERNEL(array_append)
{
    return push_rows(call, 0, err);
}
KERNEL(array_prepend)
{
    return push_rows(call, 1, err);
}

KERNEL(array_cat)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct array_builder b;
        struct array x, y;
        if (arg_null(call, 0, row) && arg_null(call, 1, row)) {
            out_null(call, row);
            continue;
        }
        array_begin(&b, array_element_type(call->arg_types[0]));
        bool good = add_all(call, 0, row, &b, &x) && add_all(call, 1, row, &b, &y);
        bool same = x.n_dims == 0 || y.n_dims == 0 || x.n_dims == y.n_dims;
        for (uint32_t k = 1; good && same && k < x.n_dims && k < y.n_dims; k++)
            same = x.dims[k] == y.dims[k] && x.lower[k] == y.lower[k];
        if (!good || !same) {
            array_abandon(&b);
            return fail_row(call, i,
                            good ? err_set(err, ERR_ARRAY_SUBSCRIPT_ERROR,
                                           "cannot concatenate incompatible arrays")
                                 : corrupt(err));
        }
        if (x.n_dims == 0)
            x = y;
        else if (y.n_dims)
            x.dims[0] += y.dims[0];
        if (x.n_dims)
            array_shape(&b, x.n_dims, x.dims, x.lower);
        out_view(call, row, array_end(&b, call->arena).u.bytes);
    }
    return 0;
}

/* Two elements are the same here even when both are null. */
static bool same_element(uint32_t elem, const struct datum *a, const struct datum *b)
{
    if (a->null || b->null)
        return a->null && b->null;
    return type_compare(elem, a, b) == 0;
}

static int position_rows(struct func_call *call, bool has_start, struct err *err)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct array a;
        struct datum want = vec_datum(&call->args[1], row), d;
        if (arg_null(call, 0, row) || !open_arg(call, 0, row, &a) || a.n_dims == 0) {
            out_null(call, row);
            continue;
        }
        if (a.n_dims > 1)
            return fail_row(call, i,
                            err_set(err, ERR_FEATURE_NOT_SUPPORTED,
                                    "searching for elements in "
                                    "multidimensional arrays is not supported"));
        if (has_start && arg_null(call, 2, row))
            return fail_row(
                call, i,
                err_set(err, ERR_NULL_VALUE_NOT_ALLOWED, "initial position must not be null"));
        int32_t start = has_start ? arg_i32(call, 2, row) : a.lower[0], found = 0;
        bool any = false;
        for (int32_t at = a.lower[0]; !any && array_next(&a, &d); at++) {
            any = at >= start && same_element(a.elem, &d, &want);
            found = at;
        }
        if (any)
            out_i32(call, row, found);
        else
            out_null(call, row);
    }
    return 0;
}

KERNEL(array_position)
{
    return position_rows(call, false, err);
}
KERNEL(array_position_start)
{
    return position_rows(call, true, err);
}

KERNEL(array_positions)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct array a;
        struct datum want = vec_datum(&call->args[1], row), d;
        if (arg_null(call, 0, row) || !open_arg(call, 0, row, &a)) {
            out_null(call, row);
            continue;
        }
        if (a.n_dims > 1)
            return fail_row(call, i,
                            err_set(err, ERR_FEATURE_NOT_SUPPORTED,
                                    "searching for elements in "
                                    "multidimensional arrays is not supported"));
        struct array_builder b;
        array_begin(&b, TYPE_INT4);
        for (int32_t at = a.lower[0]; array_next(&a, &d); at++) {
            struct datum n = {.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = at};
            if (same_element(a.elem, &d, &want))
                array_add(&b, &n);
        }
        out_view(call, row, array_end(&b, call->arena).u.bytes);
    }
    return 0;
}

static int edit_rows(struct func_call *call, bool replace, struct err *err)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct array a;
        struct datum from = vec_datum(&call->args[1], row), d;
        struct datum to = replace ? vec_datum(&call->args[2], row) : from;
        if (arg_null(call, 0, row) || !open_arg(call, 0, row, &a)) {
            out_null(call, row);
            continue;
        }
        if (!replace && a.n_dims > 1)
            return fail_row(call, i,
                            err_set(err, ERR_FEATURE_NOT_SUPPORTED,
                                    "removing elements from "
                                    "multidimensional arrays is not supported"));
        struct array shape = a;
        struct array_builder b;
        array_begin(&b, a.elem);
        while (array_next(&a, &d)) {
            bool hit = same_element(a.elem, &d, &from);
            if (hit && replace)
                array_add(&b, &to);
            else if (!hit)
                array_add(&b, &d);
        }
        if (!replace)
            shape.dims[0] = (int32_t)b.n;
        if (b.n)
            array_shape(&b, shape.n_dims, shape.dims, shape.lower);
        out_view(call, row, array_end(&b, call->arena).u.bytes);
    }
    return 0;
}

KERNEL(array_remove)
{
    return edit_rows(call, false, err);
}
KERNEL(array_replace)
{
    return edit_rows(call, true, err);
}
