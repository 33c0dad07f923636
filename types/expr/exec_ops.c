#include "types/expr/exec_int.h"
#include "types/type/array.h"
#include "types/type/numeric_vec.h"

/* Operations that work a value at a time over datums: rare enough, or dominated by what they call.
 */

/* A register filled row by row with datums of one type; numeric falls back to num. */
struct fill {
    struct expr_exec *x;
    const struct program_instr *in;
    struct vec *out;
    bool numeric;
};

static struct fill start_fill(struct expr_exec *x, const struct program_instr *in, uint32_t type)
{
    const struct type_info *t = type_info(type);
    enum phys_kind kind = t ? (enum phys_kind)t->phys : PHYS_BYTES;
    struct fill f = {
        .x = x, .in = in, .out = exec_result(x, in, kind), .numeric = type == TYPE_NUMERIC};
    return f;
}

static void fill_row(struct fill *f, uint32_t row, const struct datum *d)
{
    if (d->null) {
        exec_set_null(f->x, f->in, f->out, row);
        return;
    }
    struct datum v = *d;
    if (f->numeric && v.kind != PHYS_BYTES) {
        struct numeric n;
        numeric_open(&v, f->x->out_arena, &n);
        v = numeric_close_num(&n, f->x->out_arena);
    }
    memcpy((char *)f->out->data + (size_t)row * phys_width[f->out->kind], &v.u,
           phys_width[f->out->kind]);
}

/* All operands CONST: the operation is done once. */
static bool all_const(struct expr_exec *x, const struct program_instr *in)
{
    for (uint32_t i = 0; i < in->n_operands; i++)
        if (exec_arg(x, in, i)->form != VEC_CONST)
            return false;
    return exec_scope(x)->n > 0;
}

/* ---- GREATEST, LEAST ----------------------------------------------------------------------- */

int exec_minmax(struct expr_exec *x, const struct program_instr *in)
{
    const struct exec_scope *s = exec_scope(x);
    struct fill f = start_fill(x, in, in->type);
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t row = scope_row(s, i);
        struct datum best = datum_null(PHYS_BYTES);
        for (uint32_t k = 0; k < in->n_operands; k++) {
            struct datum d = vec_datum(exec_arg(x, in, k), row);
            if (d.null)
                continue;
            int cmp = best.null ? 0 : type_compare(in->type, &d, &best);
            if (best.null || (in->sub ? cmp > 0 : cmp < 0))
                best = d;
        }
        fill_row(&f, row, &best);
    }
    return 0;
}

/* ---- casts --------------------------------------------------------------------------------- */

static int64_t read_int(const struct datum *d)
{
    switch ((enum phys_kind)d->kind) {
    case PHYS_BOOL:
        return d->u.b;
    case PHYS_INT16:
        return d->u.i16;
    case PHYS_INT32:
        return d->u.i32;
    default:
        return d->u.i64;
    }
}

/* Binary-coercible types of different memory: int4 and the OID types. The bits are those of 32-bit
 * words. */
int exec_relabel(struct expr_exec *x, const struct program_instr *in)
{
    struct vec a = exec_flat_arg(x, in, 0);
    const struct type_info *t = type_info(in->type);
    bool widen = a.kind == PHYS_INT32 && t && t->phys == PHYS_INT64;
    bool narrow = a.kind == PHYS_INT64 && t && t->phys == PHYS_INT32;
    if (bug_if(!widen && !narrow, x->err))
        return x->err->code;
    const struct exec_scope *s = exec_scope(x);
    struct fill f = start_fill(x, in, in->type);
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t row = scope_row(s, i);
        struct datum d = vec_datum(&a, row);
        struct datum r = datum_null(widen ? PHYS_INT64 : PHYS_INT32);
        r.null = d.null;
        if (!d.null && widen)
            r.u.i64 = (uint32_t)read_int(&d);
        else if (!d.null)
            r.u.i32 = (int32_t)(uint32_t)read_int(&d);
        fill_row(&f, row, &r);
    }
    return 0;
}

static int cast_one(struct expr_exec *x, const struct datum *from, uint32_t from_type,
                    uint32_t to_type, int32_t typmod, struct buf *text, struct datum *out)
{
    buf_reset(text);
    int rc = type_out(x->types, from_type, from, text, x->err);
    if (rc == 0)
        rc = type_in(x->types, to_type, typmod, (const char *)text->data, text->len, x->out_arena,
                     out, x->err);
    return rc;
}

int exec_cast_io(struct expr_exec *x, const struct program_instr *in)
{
    uint32_t from_type = exec_operand(x, in, 0)->type;
    struct buf text = {0};
    buf_reserve(&text, 64);
    bool once = all_const(x, in);
    const struct exec_scope *s = exec_scope(x);
    struct vec a = exec_flat_arg(x, in, 0);
    struct fill f = {0};
    if (!once)
        f = start_fill(x, in, in->type);
    for (uint32_t i = 0; i < (once ? 1 : s->n); i++) {
        uint32_t row = scope_row(s, i);
        struct datum d = vec_datum(&a, row);
        const struct type_info *t = type_info(in->type);
        struct datum r = datum_null(t ? (enum phys_kind)t->phys : PHYS_BYTES);
        int rc = d.null ? 0 : cast_one(x, &d, from_type, in->type, in->typmod, &text, &r);
        if (rc) {
            exec_fail(x, i, rc);
            break;
        }
        if (once)
            exec_result_const(x, in, &r);
        else
            fill_row(&f, row, &r);
    }
    buf_done(&text);
    if (once && x->failed)
        start_fill(x, in, in->type);
    return 0;
}

/* Most values already fit: a vector that needs no change is passed on as it is. */
static bool numeric_fits(const struct vec *v, int32_t typmod)
{
    return (v->kind == PHYS_INT64 || v->kind == PHYS_INT128) && v->dec_scale >= 0 && typmod < 0;
}

int exec_coerce_length(struct expr_exec *x, const struct program_instr *in)
{
    struct vec a = exec_flat_arg(x, in, 0);
    if (in->typmod < 0 || numeric_fits(&a, in->typmod)) {
        struct vec *out = exec_result(x, in, (enum phys_kind)a.kind);
        const struct exec_scope *all = exec_scope(x);
        for (uint32_t i = 0; i < all->n; i++) {
            uint32_t row = scope_row(all, i);
            struct datum d = vec_datum(&a, row);
            if (d.null)
                exec_set_null(x, in, out, row);
            else
                memcpy((char *)out->data + (size_t)row * phys_width[a.kind], &d.u,
                       phys_width[a.kind]);
        }
        out->dec_scale = a.dec_scale;
        return 0;
    }
    const struct exec_scope *s = exec_scope(x);
    struct type_storage st = type_storage(in->type, in->typmod);
    bool dec = in->type == TYPE_NUMERIC && st.dec_scale >= 0;
    struct vec *out = exec_result(x, in, (enum phys_kind)st.kind);
    out->dec_scale = st.dec_scale;
    bool nan = false;
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t row = scope_row(s, i);
        struct datum d = vec_datum(&a, row), fit, stored;
        if (d.null) {
            exec_set_null(x, in, out, row);
            continue;
        }
        int rc = type_coerce_length(in->type, in->typmod, in->sub, &d, x->out_arena, &fit, x->err);
        if (rc == 0)
            rc = type_store(in->type, in->typmod, &fit, x->out_arena, &stored, x->err);
        if (rc) {
            exec_fail(x, i, rc);
            break;
        }
        nan |= dec && fit.kind == PHYS_BYTES;
        memcpy((char *)out->data + (size_t)row * phys_width[st.kind], &stored.u,
               phys_width[st.kind]);
    }
    if (nan)
        numeric_vec_load(out, s->sel, s->n, x->out_arena, out);
    return 0;
}

/* ---- functions over single values ---------------------------------------------------------- */

/* Calls a function on one pair (or one value) of datums. */
static int call_values(struct expr_exec *x, const struct func_info *f,
                       const struct program_instr *in, const struct datum *args,
                       const uint32_t *types, uint32_t n, struct datum *out)
{
    struct vec vecs[2];
    const struct type_info *t = type_info(f->result);
    for (uint32_t i = 0; i < n; i++) {
        if (args[i].null && (f->flags & FUNC_STRICT)) {
            *out = datum_null(t ? (enum phys_kind)t->phys : PHYS_BYTES);
            return 0;
        }
        vec_const(&vecs[i], &args[i], 1, x->out_arena);
        if (types[i] == TYPE_NUMERIC)
            numeric_vec_load(&vecs[i], NULL, 1, x->out_arena, &vecs[i]);
    }
    struct vec result;
    vec_alloc(&result, t ? (enum phys_kind)t->phys : PHYS_BYTES, 1, x->out_arena);
    uint32_t failed;
    int rc = exec_call_func(x, f, in, vecs, types, n, NULL, 1, &result, &failed);
    if (rc == 0)
        *out = vec_datum(&result, 0);
    return rc;
}

static const struct func_info *instr_func(struct expr_exec *x, const struct program_instr *in)
{
    return x->funcs[in - program_instrs(x->program)];
}

static int cast_array_value(struct expr_exec *x, const struct program_instr *in,
                            const struct bytes_view *v, struct datum *out)
{
    struct array a;
    if (!array_open(v, &a))
        return err_set(x->err, ERR_DATA_CORRUPTED, "malformed array");
    uint32_t elem = array_element_type(in->type);
    const struct func_info *f = in->func ? instr_func(x, in) : NULL;
    struct array_builder b;
    array_begin(&b, elem);
    if (a.n_dims)
        array_shape(&b, a.n_dims, a.dims, a.lower);
    struct buf text = {0};
    buf_reserve(&text, 64);
    struct datum d, r;
    int rc = 0;
    while (rc == 0 && array_next(&a, &d)) {
        r = d;
        if (!d.null && f)
            rc = call_values(x, f, in, &d, &a.elem, 1, &r);
        else if (!d.null && a.elem != elem)
            rc = cast_one(x, &d, a.elem, elem, in->typmod, &text, &r);
        if (rc == 0)
            array_add(&b, &r);
    }
    buf_done(&text);
    if (rc)
        array_abandon(&b);
    else
        *out = array_end(&b, x->out_arena);
    return rc;
}

int exec_cast_array(struct expr_exec *x, const struct program_instr *in)
{
    struct vec a = exec_flat_arg(x, in, 0);
    const struct exec_scope *s = exec_scope(x);
    struct fill f = start_fill(x, in, in->type);
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t row = scope_row(s, i);
        struct datum d = vec_datum(&a, row), r = d;
        int rc = d.null ? 0 : cast_array_value(x, in, &d.u.bytes, &r);
        if (rc) {
            exec_fail(x, i, rc);
            break;
        }
        fill_row(&f, row, &r);
    }
    return 0;
}

/* x op ANY (array): true if any is true, else null if any was null, else false. ALL is its mirror.
 */
static int any_value(struct expr_exec *x, const struct program_instr *in, const struct datum *left,
                     const struct bytes_view *v, struct datum *out)
{
    struct array a;
    if (!array_open(v, &a))
        return err_set(x->err, ERR_DATA_CORRUPTED, "malformed array");
    const struct func_info *f = instr_func(x, in);
    bool all = in->sub, null_seen = false;
    uint32_t types[2] = {exec_operand(x, in, 0)->type, a.elem};
    struct datum pair[2] = {*left, *left}, r;
    while (array_next(&a, &pair[1])) {
        int rc = call_values(x, f, in, pair, types, 2, &r);
        if (rc)
            return rc;
        if (r.null) {
            null_seen = true;
        } else if (r.u.b != all) {
            *out = r;
            return 0;
        }
    }
    *out = (struct datum){.kind = PHYS_BOOL, .dec_scale = -1, .null = null_seen, .u.b = all};
    return 0;
}

int exec_any_array(struct expr_exec *x, const struct program_instr *in)
{
    struct vec a = exec_flat_arg(x, in, 0), b = exec_flat_arg(x, in, 1);
    const struct exec_scope *s = exec_scope(x);
    struct fill f = start_fill(x, in, TYPE_BOOL);
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t row = scope_row(s, i);
        struct datum left = vec_datum(&a, row), right = vec_datum(&b, row);
        struct datum r = datum_null(PHYS_BOOL);
        int rc = right.null ? 0 : any_value(x, in, &left, &right.u.bytes, &r);
        if (rc) {
            exec_fail(x, i, rc);
            break;
        }
        fill_row(&f, row, &r);
    }
    return 0;
}

/* ---- arrays and rows ----------------------------------------------------------------------- */

/* ARRAY[a, b]: elements, or arrays of one shape that become one dimension more. */
static int build_array(struct expr_exec *x, const struct program_instr *in, uint32_t row,
                       struct datum *out)
{
    uint32_t elem = array_element_type(in->type);
    struct array_builder b;
    array_begin(&b, elem);
    struct array first = {0};
    for (uint32_t k = 0; k < in->n_operands; k++) {
        struct datum d = vec_datum(exec_arg(x, in, k), row);
        if (exec_operand(x, in, k)->type != in->type) {
            array_add(&b, &d);
            continue;
        }
        struct array a = {0};
        if (!d.null && !array_open(&d.u.bytes, &a)) {
            array_abandon(&b);
            return err_set(x->err, ERR_DATA_CORRUPTED, "malformed array");
        }
        if (k == 0)
            first = a;
        bool same = a.n_dims == first.n_dims && memcmp(a.dims, first.dims, sizeof a.dims) == 0;
        if (!same || a.n_dims >= ARRAY_DIMS_MAX) {
            array_abandon(&b);
            return err_set(
                x->err, ERR_ARRAY_SUBSCRIPT_ERROR,
                "multidimensional arrays must have array expressions with matching dimensions");
        }
        while (array_next(&a, &d))
            array_add(&b, &d);
    }
    if (first.n_dims) {
        int32_t dims[ARRAY_DIMS_MAX] = {(int32_t)in->n_operands}, lower[ARRAY_DIMS_MAX] = {1};
        for (uint32_t k = 0; k < first.n_dims; k++) {
            dims[k + 1] = first.dims[k];
            lower[k + 1] = first.lower[k];
        }
        array_shape(&b, first.n_dims + 1, dims, lower);
    }
    *out = array_end(&b, x->out_arena);
    return 0;
}

int exec_array(struct expr_exec *x, const struct program_instr *in)
{
    const struct exec_scope *s = exec_scope(x);
    struct fill f = start_fill(x, in, in->type);
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t row = scope_row(s, i);
        struct datum r;
        int rc = build_array(x, in, row, &r);
        if (rc) {
            exec_fail(x, i, rc);
            break;
        }
        fill_row(&f, row, &r);
    }
    return 0;
}

/* The index of element [i] in a one-dimensional array, borrowed from its bytes. */
int exec_subscript(struct expr_exec *x, const struct program_instr *in)
{
    struct vec a = exec_flat_arg(x, in, 0), b = exec_flat_arg(x, in, 1);
    const struct exec_scope *s = exec_scope(x);
    struct fill f = start_fill(x, in, in->type);
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t row = scope_row(s, i);
        struct datum v = vec_datum(&a, row), at = vec_datum(&b, row);
        struct datum r = datum_null((enum phys_kind)f.out->kind);
        struct array arr;
        if (!v.null && !at.null && array_open(&v.u.bytes, &arr) && arr.n_dims == 1) {
            int64_t index = read_int(&at) - arr.lower[0];
            struct datum d;
            for (int64_t k = 0; index >= 0 && index < arr.n && array_next(&arr, &d); k++) {
                if (k == index) {
                    r = datum_copy(&d, x->out_arena);
                    break;
                }
            }
        }
        fill_row(&f, row, &r);
    }
    return 0;
}

/* A row value: number of fields, then type, length (-1 = null) and datum bytes of each; see
 * exec_row. */
int exec_row(struct expr_exec *x, const struct program_instr *in)
{
    const struct exec_scope *s = exec_scope(x);
    struct fill f = start_fill(x, in, in->type);
    struct buf bytes = {0};
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t row = scope_row(s, i);
        buf_reset(&bytes);
        buf_put_le32(&bytes, in->n_operands);
        for (uint32_t k = 0; k < in->n_operands; k++) {
            struct datum d = vec_datum(exec_arg(x, in, k), row);
            buf_put_le32(&bytes, exec_operand(x, in, k)->type);
            program_put_datum(&bytes, &d);
        }
        struct datum r = {.kind = PHYS_BYTES, .dec_scale = -1};
        r.u.bytes = view_copy(x->out_arena, bytes.data, (uint32_t)bytes.len);
        fill_row(&f, row, &r);
    }
    buf_done(&bytes);
    return 0;
}

int exec_field(struct expr_exec *x, const struct program_instr *in)
{
    return err_set(x->err, ERR_FEATURE_NOT_SUPPORTED,
                   "field selection from a record is not supported yet");
}

/* Row-wise comparison: the first unequal pair decides; a null there (or before it) makes the whole
 * null. */
int exec_row_compare(struct expr_exec *x, const struct program_instr *in)
{
    const struct exec_scope *s = exec_scope(x);
    struct fill f = start_fill(x, in, TYPE_BOOL);
    uint32_t n = in->n_operands / 2;
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t row = scope_row(s, i);
        struct datum r = {.kind = PHYS_BOOL, .dec_scale = -1};
        int cmp = 0;
        for (uint32_t k = 0; k < n && cmp == 0 && !r.null; k++) {
            struct datum a = vec_datum(exec_arg(x, in, k), row),
                         b = vec_datum(exec_arg(x, in, n + k), row);
            r.null = a.null || b.null;
            if (!r.null)
                cmp = type_compare(exec_operand(x, in, k)->type, &a, &b);
        }
        switch ((enum opclass_strategy)in->sub) {
        case STRATEGY_LT:
            r.u.b = cmp < 0;
            break;
        case STRATEGY_LE:
            r.u.b = cmp <= 0;
            break;
        case STRATEGY_EQ:
            r.u.b = cmp == 0;
            break;
        case STRATEGY_GE:
            r.u.b = cmp >= 0;
            break;
        case STRATEGY_GT:
            r.u.b = cmp > 0;
            break;
        case STRATEGY_NONE:
            r.u.b = cmp != 0;
            break;
        }
        fill_row(&f, row, &r);
    }
    return 0;
}

/* ---- subplans ------------------------------------------------------------------------------ */

/* The value of a subplan without arguments, kept until the outer parameters change. */
struct subplan_state {
    struct func_state base;
    uint32_t epoch;
    struct datum value;
};

static int subplan_once(struct expr_exec *x, const struct program_instr *in)
{
    struct subplan_state *kept = (struct subplan_state *)x->sites[in->site];
    if (!kept || kept->epoch != x->outer_epoch) {
        struct vec v = {0};
        const struct type_info *t = type_info(in->type);
        vec_alloc(&v, t ? (enum phys_kind)t->phys : PHYS_BYTES, 1, x->out_arena);
        uint32_t failed = 0;
        int rc = x->env.subplan(x->task, x->env.subplan_ctx, in->func, NULL, 0, NULL, 1, &v,
                                x->out_arena, &failed, x->err);
        if (rc) {
            exec_fail(x, 0, rc);
            start_fill(x, in, in->type);
            return 0;
        }
        if (!kept)
            kept = arena_new(x->arena, struct subplan_state);
        struct datum d = vec_datum(&v, 0);
        kept->value = datum_copy(&d, x->arena);
        kept->epoch = x->outer_epoch;
        x->sites[in->site] = &kept->base;
    }
    struct vec *out = exec_result_const(x, in, &kept->value);
    if (in->type == TYPE_NUMERIC)
        numeric_vec_load(out, NULL, 1, x->out_arena, out);
    return 0;
}

int exec_subplan(struct expr_exec *x, const struct program_instr *in)
{
    const struct exec_scope *s = exec_scope(x);
    if (bug_if(!x->env.subplan, x->err))
        return x->err->code;
    if (s->n == 0) {
        start_fill(x, in, in->type);
        return 0;
    }
    if (in->n_operands == 0)
        return subplan_once(x, in);
    struct vec *out = start_fill(x, in, in->type).out;
    for (uint32_t i = 0; i < in->n_operands; i++)
        x->args[i] = exec_flat_arg(x, in, i);
    uint32_t failed = 0;
    int rc = x->env.subplan(x->task, x->env.subplan_ctx, in->func, x->args, in->n_operands, s->sel,
                            s->n, out, x->out_arena, &failed, x->err);
    if (rc)
        exec_fail(x, failed, rc);
    if (in->type == TYPE_NUMERIC)
        numeric_vec_load(out, s->sel, s->n, x->out_arena, out);
    return 0;
}
