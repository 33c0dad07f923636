#include "types/expr/exec_int.h"
#include "types/type/numeric_vec.h"

/* ---- registers ----------------------------------------------------------------------------- */

uint16_t *exec_own_sel(struct expr_exec *x, struct exec_scope *s)
{
    if (s->own_cap < x->n_rows) {
        s->own_cap = (x->n_rows + 63) & ~63u;
        s->own = arena_alloc(x->arena, s->own_cap * sizeof *s->own);
    }
    return s->own;
}

static uint16_t *scratch_rows(struct expr_exec *x)
{
    if (x->rows_cap < x->n_rows) {
        x->rows_cap = (x->n_rows + 63) & ~63u;
        x->rows = arena_alloc(x->arena, x->rows_cap * sizeof *x->rows);
    }
    return x->rows;
}

struct vec *exec_result(struct expr_exec *x, const struct program_instr *in, enum phys_kind kind)
{
    struct vec *v = &x->regs[in->out];
    uint32_t n = x->n_rows ? x->n_rows : 1;
    if (in->escapes) {
        vec_alloc(v, kind, n, x->out_arena);
        return v;
    }
    struct exec_buf *b = &x->bufs[in->out];
    size_t need = (size_t)n * phys_width[kind];
    if (b->data_bytes < need) {
        b->data_bytes = (need + 255) & ~(size_t)255;
        b->data = arena_zalloc(x->arena, b->data_bytes);
    }
    *v = (struct vec){
        .kind = (uint8_t)kind, .form = VEC_FLAT, .dec_scale = -1, .n = n, .data = b->data};
    return v;
}

uint64_t *exec_valid(struct expr_exec *x, const struct program_instr *in)
{
    uint32_t words = (x->n_rows + 63) / 64 + (x->n_rows == 0);
    uint64_t *valid;
    if (in->escapes) {
        valid = arena_alloc(x->out_arena, words * sizeof *valid);
    } else {
        struct exec_buf *b = &x->bufs[in->out];
        if (b->valid_words < words) {
            b->valid_words = words;
            b->valid = arena_alloc(x->arena, words * sizeof *valid);
        }
        valid = b->valid;
    }
    memset(valid, 0xff, words * sizeof *valid);
    return valid;
}

void exec_set_null(struct expr_exec *x, const struct program_instr *in, struct vec *v, uint32_t row)
{
    if (!v->valid)
        v->valid = exec_valid(x, in);
    bit_clear(v->valid, row);
}

struct vec *exec_result_const(struct expr_exec *x, const struct program_instr *in,
                              const struct datum *d)
{
    struct vec *v = &x->regs[in->out];
    vec_const(v, d, x->n_rows ? x->n_rows : 1, x->out_arena);
    return v;
}

static struct vec flatten_dict(struct expr_exec *x, const struct vec *v)
{
    struct vec flat = *v;
    const struct exec_scope *s = exec_scope(x);
    if (flat.form == VEC_DICT && s->sel == NULL && s->n < flat.n) {
        /* A dense scope shorter than the vector (rows_max, a failed row): only its rows. */
        uint16_t *rows = scratch_rows(x);
        for (uint32_t i = 0; i < s->n; i++)
            rows[i] = (uint16_t)i;
        vec_flatten(&flat, rows, s->n, x->out_arena);
        return flat;
    }
    vec_flatten(&flat, s->sel, s->n, x->out_arena);
    return flat;
}

struct vec exec_flat_arg(struct expr_exec *x, const struct program_instr *in, uint32_t i)
{
    const struct vec *v = exec_arg(x, in, i);
    return v->form == VEC_DICT || v->form == VEC_ENCODED ? flatten_dict(x, v) : *v;
}

/* ---- failing rows -------------------------------------------------------------------------- */

static uint32_t rows_before(const struct exec_scope *s, uint32_t row)
{
    if (!s->sel)
        return s->n < row ? s->n : row;
    uint32_t lo = 0, hi = s->n;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (s->sel[mid] < row)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void exec_fail(struct expr_exec *x, uint32_t i, int code)
{
    uint32_t row = exec_scope(x)->n ? scope_row(exec_scope(x), i) : 0;
    x->failed = code;
    x->failed_row = row;
    for (uint32_t d = 0; d <= x->depth; d++)
        x->scopes[d].n = rows_before(&x->scopes[d], row);
}

/* ---- calls --------------------------------------------------------------------------------- */

int exec_call_func(struct expr_exec *x, const struct func_info *f, const struct program_instr *in,
                   const struct vec *args, const uint32_t *arg_types, uint32_t n_args,
                   const uint16_t *sel, uint32_t n, struct vec *out, uint32_t *failed_at)
{
    struct func_call call = {
        .info = f,
        .args = args,
        .arg_types = arg_types,
        .n_args = n_args,
        .result_type = in->op == OP_CALL ? in->type : f->result,
        .result_typmod = in->typmod,
        .sel = sel,
        .n = n,
        .out = out,
        .arena = x->out_arena,
        .keep = x->arena,
        .state = &x->sites[in->site],
        .env = x->types,
        .host = x->env.host,
        .task = f->flags & FUNC_WAITS ? x->task : NULL,
    };
    int rc = f->kernel(&call, x->err);
    *failed_at = call.failed;
    return rc;
}

/* One row stands for all: a CONST result. */
static int call_const(struct expr_exec *x, const struct program_instr *in,
                      const struct func_info *f)
{
    struct vec *out = &x->regs[in->out];
    vec_alloc(out, exec_kind(in->type), 1, x->out_arena);
    uint32_t failed;
    int rc = exec_call_func(x, f, in, x->args, x->arg_types, in->n_operands, NULL, 1, out, &failed);
    if (rc) {
        exec_fail(x, 0, rc);
        return 0;
    }
    out->form = VEC_CONST;
    out->n = x->n_rows ? x->n_rows : 1;
    return 0;
}

/* A total function of one DICT argument runs over the dictionary's entries. */
static bool call_dict(struct expr_exec *x, const struct program_instr *in,
                      const struct func_info *f, uint32_t arg, int *rc)
{
    struct vec *out = &x->regs[in->out];
    struct vec codes = x->args[arg];
    struct vec *entries = arena_new(x->out_arena, struct vec);
    vec_alloc(entries, exec_kind(in->type), codes.dict->n, x->out_arena);
    x->args[arg] = *codes.dict;
    uint32_t failed;
    *rc = exec_call_func(x, f, in, x->args, x->arg_types, in->n_operands, NULL, codes.dict->n,
                         entries, &failed);
    x->args[arg] = codes;
    if (*rc)
        return true;
    if (entries->valid)
        return false; /* a dictionary holds no nulls: go the long way */
    *out = codes;
    out->kind = entries->kind;
    out->dec_scale = entries->dec_scale;
    out->dict = entries;
    out->has_min_max = false;
    return true;
}

/* valid[] = rows where no argument is null. True when there may be nulls. */
static bool merge_validity(struct expr_exec *x, const struct program_instr *in, uint64_t **valid)
{
    *valid = NULL;
    uint32_t words = (x->n_rows + 63) / 64;
    for (uint32_t i = 0; i < in->n_operands; i++) {
        const struct vec *v = &x->args[i];
        if (!v->valid || v->form == VEC_CONST)
            continue;
        if (!*valid)
            *valid = exec_valid(x, in);
        for (uint32_t w = 0; w < words; w++)
            (*valid)[w] &= v->valid[w];
    }
    return *valid != NULL;
}

static uint32_t keep_valid(const struct exec_scope *s, const uint64_t *valid, uint16_t *rows)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t row = scope_row(s, i);
        rows[n] = (uint16_t)row;
        n += bit_get(valid, row);
    }
    return n;
}

/* May the kernel compute garbage where an argument is null? Only over fixed-width values and if it
 * cannot fail. */
static bool nulls_harmless(const struct expr_exec *x, const struct program_instr *in,
                           const struct func_info *f)
{
    if (f->flags & FUNC_FALLIBLE)
        return false;
    for (uint32_t i = 0; i < in->n_operands; i++)
        if (x->args[i].kind == PHYS_BYTES || x->arg_types[i] == TYPE_NUMERIC)
            return false;
    return true;
}

static int call_rows(struct expr_exec *x, const struct program_instr *in, const struct func_info *f)
{
    const struct exec_scope *s = exec_scope(x);
    struct vec *out = exec_result(x, in, exec_kind(in->type));
    const uint16_t *sel = s->sel;
    uint32_t n = s->n;
    uint64_t *valid = NULL;
    if ((f->flags & FUNC_STRICT) && merge_validity(x, in, &valid) && !nulls_harmless(x, in, f)) {
        uint16_t *rows = scratch_rows(x);
        n = keep_valid(s, valid, rows);
        sel = rows;
    }
    if (n == 0) {
        out->valid = valid;
        return 0;
    }
    uint32_t failed = 0;
    int rc = exec_call_func(x, f, in, x->args, x->arg_types, in->n_operands, sel, n, out, &failed);
    if (rc) {
        uint32_t row = sel ? sel[failed < n ? failed : n - 1] : failed;
        exec_fail(x, rows_before(s, row), rc);
    }
    if (valid && out->valid) {
        for (uint32_t w = 0; w < (x->n_rows + 63) / 64; w++)
            out->valid[w] &= valid[w];
    } else if (valid) {
        out->valid = valid;
    }
    return 0;
}

static int run_call(struct expr_exec *x, const struct program_instr *in, uint32_t at)
{
    const struct func_info *f = x->funcs[at];
    bool all_const = true;
    uint32_t n_dict = 0, dict_arg = 0;
    for (uint32_t i = 0; i < in->n_operands; i++) {
        x->args[i] = *exec_arg(x, in, i);
        x->arg_types[i] = exec_operand(x, in, i)->type;
        const struct vec *v = &x->args[i];
        all_const &= v->form == VEC_CONST;
        if (v->form == VEC_DICT) {
            n_dict++;
            dict_arg = i;
        }
        if ((f->flags & FUNC_STRICT) && v->form == VEC_CONST && vec_is_null(v, 0)) {
            struct datum null = datum_null(exec_kind(in->type));
            exec_result_const(x, in, &null);
            return 0;
        }
    }
    if (exec_scope(x)->n == 0) {
        exec_result(x, in, exec_kind(in->type));
        return 0;
    }
    if (all_const && f->volatility != 'v')
        return call_const(x, in, f);
    if (n_dict == 1 && (f->flags & (FUNC_FALLIBLE | FUNC_STRICT)) == FUNC_STRICT &&
        f->volatility != 'v' && x->args[dict_arg].dict->n <= exec_scope(x)->n) {
        bool others_const = true;
        for (uint32_t i = 0; i < in->n_operands; i++)
            others_const &= i == dict_arg || x->args[i].form == VEC_CONST;
        int rc = 0;
        if (others_const && call_dict(x, in, f, dict_arg, &rc))
            return rc;
    }
    for (uint32_t i = 0; n_dict && i < in->n_operands; i++)
        if (x->args[i].form == VEC_DICT)
            x->args[i] = flatten_dict(x, &x->args[i]);
    return call_rows(x, in, f);
}

/* ---- columns and simple tests -------------------------------------------------------------- */

static int run_load(struct expr_exec *x, const struct program_instr *in)
{
    struct vec *out = &x->regs[in->out];
    if (bug_if(in->func >= x->in->n_cols, x->err))
        return x->err->code;
    struct vec *v = &x->in->cols[in->func];
    const struct exec_scope *s = exec_scope(x);
    const struct type_info *t = type_info(in->type);
    bool numeric = in->type == TYPE_NUMERIC;
    bool fits = !t || v->kind == t->phys ||
                (numeric && (v->kind == PHYS_INT64 || v->kind == PHYS_INT128) && v->dec_scale >= 0);
    if (bug_if(!fits, x->err))
        return x->err->code;
    if (v->form == VEC_ENCODED && x->depth == 0 && x->in->arena) {
        vec_flatten(v, x->in->sel, x->in->n_sel, x->in->arena);
        *out = *v;
    } else if (v->form == VEC_ENCODED || (v->form == VEC_DICT && numeric)) {
        *out = flatten_dict(x, v);
    } else {
        *out = *v;
    }
    if (numeric)
        numeric_vec_load(out, s->sel, s->n, x->out_arena, out);
    return 0;
}

static int run_not(struct expr_exec *x, const struct program_instr *in)
{
    struct vec a = exec_flat_arg(x, in, 0);
    if (a.form == VEC_CONST) {
        struct datum d = vec_datum(&a, 0);
        d.u.b = !d.u.b;
        exec_result_const(x, in, &d);
        return 0;
    }
    struct vec *out = exec_result(x, in, PHYS_BOOL);
    const uint8_t *from = a.data;
    uint8_t *to = out->data;
    const struct exec_scope *s = exec_scope(x);
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t row = scope_row(s, i);
        to[row] = !from[row];
    }
    if (a.valid) {
        out->valid = exec_valid(x, in);
        memcpy(out->valid, a.valid, (x->n_rows + 63) / 64 * sizeof *a.valid);
    }
    return 0;
}

static int run_is_null(struct expr_exec *x, const struct program_instr *in)
{
    const struct vec *a = exec_arg(x, in, 0);
    bool negate = in->sub;
    if (!a->valid || a->form == VEC_CONST) {
        struct datum d = {.kind = PHYS_BOOL, .dec_scale = -1, .u.b = vec_is_null(a, 0) != negate};
        exec_result_const(x, in, &d);
        return 0;
    }
    struct vec *out = exec_result(x, in, PHYS_BOOL);
    uint8_t *to = out->data;
    const struct exec_scope *s = exec_scope(x);
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t row = scope_row(s, i);
        to[row] = bit_get(a->valid, row) == negate;
    }
    return 0;
}

static int run_bool_test(struct expr_exec *x, const struct program_instr *in)
{
    const struct vec *a = exec_arg(x, in, 0);
    static const uint8_t want[][3] = {
        [EXPR_IS_TRUE] = {0, 1, 0},    [EXPR_IS_NOT_TRUE] = {1, 0, 1},
        [EXPR_IS_FALSE] = {1, 0, 0},   [EXPR_IS_NOT_FALSE] = {0, 1, 1},
        [EXPR_IS_UNKNOWN] = {0, 0, 1}, [EXPR_IS_NOT_UNKNOWN] = {1, 1, 0},
    };
    if (bug_if(in->sub > EXPR_IS_NOT_UNKNOWN, x->err))
        return x->err->code;
    struct vec *out = exec_result(x, in, PHYS_BOOL);
    uint8_t *to = out->data;
    const struct exec_scope *s = exec_scope(x);
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t row = scope_row(s, i);
        to[row] = want[in->sub][exec_bool(a, row)];
    }
    return 0;
}

/* ---- AND, OR ------------------------------------------------------------------------------- */

static void open_scope(struct expr_exec *x)
{
    struct exec_scope *from = exec_scope(x);
    struct exec_scope *to = &x->scopes[++x->depth];
    to->sel = from->sel;
    to->n = from->n;
}

static void run_logic_begin(struct expr_exec *x, const struct program_instr *in)
{
    struct vec *out = exec_result(x, in, PHYS_BOOL);
    memset(out->data, in->sub ? 0 : 1, x->n_rows);
    open_scope(x);
}

/* Rows that decide the whole (false in AND, true in OR) leave the scope; null is remembered and
 * goes on. */
static bool run_logic_term(struct expr_exec *x, const struct program_instr *in)
{
    struct vec *acc = &x->regs[in->out];
    struct vec term = exec_flat_arg(x, in, 0);
    struct exec_scope *s = exec_scope(x);
    uint16_t *rows = exec_own_sel(x, s);
    uint8_t *data = acc->data;
    uint8_t deciding = in->sub;
    uint32_t n = 0;
    if (term.form == VEC_FLAT && !term.valid) {
        const uint8_t *t = term.data;
        if (!acc->valid) {
            for (uint32_t i = 0; i < s->n; i++) {
                uint32_t row = scope_row(s, i);
                data[row] = t[row];
                rows[n] = (uint16_t)row;
                n += t[row] != deciding;
            }
            s->sel = rows;
            s->n = n;
            return n != 0;
        }
    }
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t row = scope_row(s, i);
        unsigned t = exec_bool(&term, row);
        if (t == deciding) {
            data[row] = deciding;
            if (acc->valid)
                bit_set(acc->valid, row);
            continue;
        }
        if (t == 2)
            exec_set_null(x, in, acc, row);
        rows[n++] = (uint16_t)row;
    }
    s->sel = rows;
    s->n = n;
    return n != 0;
}

/* ---- CASE, COALESCE ------------------------------------------------------------------------ */

/* kind 0 marks a result no arm has written yet: numeric arms decide the form. */
static void run_case_begin(struct expr_exec *x, const struct program_instr *in)
{
    struct vec *out = exec_result(x, in, PHYS_BYTES);
    out->kind = in->type == TYPE_NUMERIC ? 0 : (uint8_t)exec_kind(in->type);
    out->n = x->n_rows;
    open_scope(x);
}

/* False: no row takes this arm. */
static bool run_case_when(struct expr_exec *x, const struct program_instr *in)
{
    const struct vec *cond = exec_arg(x, in, 0);
    struct exec_scope *left = exec_scope(x);
    struct exec_scope *then = &x->scopes[x->depth + 1];
    uint16_t *then_rows = exec_own_sel(x, then);
    uint16_t *left_rows = exec_own_sel(x, left);
    uint32_t n_then = 0, n_left = 0;
    for (uint32_t i = 0; i < left->n; i++) {
        uint32_t row = scope_row(left, i);
        bool take = exec_bool(cond, row) == 1;
        if (take)
            then_rows[n_then++] = (uint16_t)row;
        else
            left_rows[n_left++] = (uint16_t)row;
    }
    left->sel = left_rows;
    left->n = n_left;
    if (n_then == 0)
        return false;
    then->sel = then_rows;
    then->n = n_then;
    x->depth++;
    return true;
}

/* Makes result and arm agree on numeric form: the same dec, or both num (rows written before are
 * converted). */
static void agree_numeric(struct expr_exec *x, struct vec *out, struct vec *arm)
{
    if (out->kind == 0) {
        out->kind = arm->kind;
        out->dec_scale = arm->dec_scale;
        return;
    }
    if (out->kind == arm->kind && out->dec_scale == arm->dec_scale)
        return;
    const struct exec_scope *s = exec_scope(x);
    if (out->kind != PHYS_BYTES) {
        uint64_t *valid = out->valid;
        numeric_vec_to_num(out, NULL, x->n_rows, x->out_arena, out);
        out->valid = valid;
    }
    if (arm->kind != PHYS_BYTES)
        numeric_vec_to_num(arm, s->sel, s->n, x->out_arena, arm);
}

static void copy_rows(const struct exec_scope *s, const struct vec *from, struct vec *to)
{
    size_t w = phys_width[to->kind];
    const char *src = from->form == VEC_DICT ? from->dict->data : from->data;
    char *dst = to->data;
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t row = scope_row(s, i);
        uint32_t at = from->form == VEC_CONST ? 0 : from->form == VEC_DICT ? from->codes[row] : row;
        if (from->form == VEC_DICT && from->valid && !bit_get(from->valid, row))
            continue;
        memcpy(dst + row * w, src + at * w, w);
    }
}

static void put_arm(struct expr_exec *x, const struct program_instr *in, struct vec *arm)
{
    struct vec *out = &x->regs[in->out];
    const struct exec_scope *s = exec_scope(x);
    if (in->type == TYPE_NUMERIC)
        agree_numeric(x, out, arm);
    copy_rows(s, arm, out);
    if (!arm->valid)
        return;
    for (uint32_t i = 0; i < s->n; i++)
        if (vec_is_null(arm, scope_row(s, i)))
            exec_set_null(x, in, out, scope_row(s, i));
}

static int run_case_put(struct expr_exec *x, const struct program_instr *in)
{
    struct vec arm = *exec_arg(x, in, 0);
    struct vec *out = &x->regs[in->out];
    bool fits = in->type == TYPE_NUMERIC || arm.kind == out->kind;
    if (bug_if(!fits, x->err))
        return x->err->code;
    if (exec_scope(x)->n) {
        bool all_null = arm.form == VEC_CONST && vec_is_null(&arm, 0);
        for (uint32_t i = 0; all_null && i < exec_scope(x)->n; i++)
            exec_set_null(x, in, out, scope_row(exec_scope(x), i));
        if (!all_null)
            put_arm(x, in, &arm);
    }
    if (in->sub)
        x->depth--;
    return 0;
}

static void run_case_null(struct expr_exec *x, const struct program_instr *in)
{
    const struct exec_scope *s = exec_scope(x);
    for (uint32_t i = 0; i < s->n; i++)
        exec_set_null(x, in, &x->regs[in->out], scope_row(s, i));
}

static void run_case_end(struct expr_exec *x, const struct program_instr *in)
{
    struct vec *out = &x->regs[in->out];
    if (out->kind == 0)
        out->kind = PHYS_BYTES; /* every row is null */
    x->depth--;
}

static int run_coalesce_put(struct expr_exec *x, const struct program_instr *in, bool *more)
{
    struct vec arm = *exec_arg(x, in, 0);
    struct exec_scope *s = exec_scope(x);
    uint16_t *rows = exec_own_sel(x, s);
    uint16_t *taken = scratch_rows(x);
    uint32_t n_taken = 0, n_left = 0, n = s->n;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = scope_row(s, i);
        if (vec_is_null(&arm, row))
            rows[n_left++] = (uint16_t)row;
        else
            taken[n_taken++] = (uint16_t)row;
    }
    if (n_taken) {
        s->sel = taken;
        s->n = n_taken;
        put_arm(x, in, &arm);
    }
    s->sel = rows;
    s->n = n_left;
    *more = n_left != 0;
    return 0;
}

/* ---- NULLIF, IS DISTINCT FROM -------------------------------------------------------------- */

static int run_nullif(struct expr_exec *x, const struct program_instr *in)
{
    struct vec a = *exec_arg(x, in, 0);
    const struct vec *equal = exec_arg(x, in, 2);
    struct vec *out = exec_result(x, in, (enum phys_kind)a.kind);
    const struct exec_scope *s = exec_scope(x);
    out->dec_scale = a.dec_scale;
    copy_rows(s, &a, out);
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t row = scope_row(s, i);
        if (vec_is_null(&a, row) || exec_bool(equal, row) == 1)
            exec_set_null(x, in, out, row);
    }
    return 0;
}

static int run_distinct(struct expr_exec *x, const struct program_instr *in)
{
    const struct vec *a = exec_arg(x, in, 0), *b = exec_arg(x, in, 1), *equal = exec_arg(x, in, 2);
    struct vec *out = exec_result(x, in, PHYS_BOOL);
    uint8_t *to = out->data;
    const struct exec_scope *s = exec_scope(x);
    bool negate = in->sub;
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t row = scope_row(s, i);
        bool a_null = vec_is_null(a, row), b_null = vec_is_null(b, row);
        bool distinct = a_null || b_null ? a_null != b_null : exec_bool(equal, row) != 1;
        to[row] = distinct != negate;
    }
    return 0;
}

/* ---- results ------------------------------------------------------------------------------- */

/* What lies in the interpreter's own memory is copied out; the rest is handed over as it is. */
static void run_output(struct expr_exec *x, const struct program_instr *in)
{
    const struct vec *v = exec_arg(x, in, 0);
    uint32_t reg = exec_operand(x, in, 0)->reg;
    const struct exec_buf *b = &x->bufs[reg];
    struct vec *out = &x->outs[in->func];
    *out = *v;
    if (v->form == VEC_CONST) {
        struct datum d = vec_datum(v, 0);
        struct datum copy = datum_copy(&d, x->out_arena);
        vec_const(out, &copy, x->n_rows, x->out_arena);
        return;
    }
    if (v->form == VEC_FLAT && v->data == b->data && b->data)
        out->data = arena_memdup(x->out_arena, v->data, (size_t)x->n_rows * phys_width[v->kind]);
    if (v->valid && v->valid == b->valid)
        out->valid = arena_memdup(x->out_arena, v->valid, (x->n_rows + 63) / 64 * sizeof *v->valid);
    out->n = x->n_rows;
}

static bool run_filter_term(struct expr_exec *x, const struct program_instr *in)
{
    const struct vec *v = exec_arg(x, in, 0);
    struct exec_scope *s = exec_scope(x);
    uint16_t *rows = exec_own_sel(x, s);
    uint32_t n = 0;
    if (v->form == VEC_FLAT && !v->valid) {
        const uint8_t *t = v->data;
        if (!s->sel) {
            for (uint32_t i = 0; i < s->n; i++) {
                rows[n] = (uint16_t)i;
                n += t[i];
            }
        } else {
            for (uint32_t i = 0; i < s->n; i++) {
                uint16_t row = s->sel[i];
                rows[n] = row;
                n += t[row];
            }
        }
    } else {
        for (uint32_t i = 0; i < s->n; i++) {
            uint32_t row = scope_row(s, i);
            rows[n] = (uint16_t)row;
            n += exec_bool(v, row) == 1;
        }
    }
    s->sel = rows;
    s->n = n;
    return n != 0;
}

/* ---- the loop ------------------------------------------------------------------------------ */

static int run_value(struct expr_exec *x, const struct program_instr *in, uint32_t at)
{
    switch ((enum program_op)in->op) {
    case OP_LOAD:
        return run_load(x, in);
    case OP_CALL:
        return run_call(x, in, at);
    case OP_NOT:
        return run_not(x, in);
    case OP_IS_NULL:
        return run_is_null(x, in);
    case OP_BOOL_TEST:
        return run_bool_test(x, in);
    case OP_NULLIF:
        return run_nullif(x, in);
    case OP_DISTINCT:
        return run_distinct(x, in);
    case OP_MINMAX:
        return exec_minmax(x, in);
    case OP_RELABEL:
        return exec_relabel(x, in);
    case OP_CAST_IO:
        return exec_cast_io(x, in);
    case OP_COERCE_LENGTH:
        return exec_coerce_length(x, in);
    case OP_CAST_ARRAY:
        return exec_cast_array(x, in);
    case OP_IN:
        return exec_in(x, in);
    case OP_ANY_ARRAY:
        return exec_any_array(x, in);
    case OP_ARRAY:
        return exec_array(x, in);
    case OP_ROW_COMPARE:
        return exec_row_compare(x, in);
    case OP_SUBPLAN:
        return exec_subplan(x, in);
    case OP_ROW:
        return exec_row(x, in);
    case OP_FIELD:
        return exec_field(x, in);
    case OP_SUBSCRIPT:
        return exec_subscript(x, in);
    default:
        return err_set(x->err, ERR_INTERNAL_ERROR, "unexpected expression operation %d", in->op);
    }
}

static int run_program(struct expr_exec *x)
{
    const struct program_instr *instrs = program_instrs(x->program);
    uint32_t n = x->program->n_instrs;
    for (uint32_t at = 0; at < n;) {
        const struct program_instr *in = &instrs[at];
        int rc = 0;
        bool go_on = true;
        switch ((enum program_op)in->op) {
        case OP_LOGIC_BEGIN:
            run_logic_begin(x, in);
            break;
        case OP_LOGIC_TERM:
            go_on = run_logic_term(x, in);
            break;
        case OP_LOGIC_END:
            x->depth--;
            break;
        case OP_CASE_BEGIN:
            run_case_begin(x, in);
            break;
        case OP_CASE_WHEN:
            go_on = run_case_when(x, in);
            break;
        case OP_CASE_PUT:
            rc = run_case_put(x, in);
            break;
        case OP_CASE_NULL:
            run_case_null(x, in);
            break;
        case OP_CASE_END:
            run_case_end(x, in);
            break;
        case OP_COALESCE_PUT:
            rc = run_coalesce_put(x, in, &go_on);
            break;
        case OP_OUTPUT:
            run_output(x, in);
            break;
        case OP_FILTER:
            go_on = run_filter_term(x, in);
            break;
        default:
            rc = run_value(x, in, at);
            break;
        }
        if (rc)
            return rc;
        at = go_on ? at + 1 : in->target;
    }
    return 0;
}

/* Runs over the scope in scopes[0]. An error that belongs to no row fails them all. */
static int run_scope(struct task *task, struct expr_exec *x, struct batch *in, struct arena *arena,
                     struct err *err)
{
    x->task = task;
    x->in = in;
    x->out_arena = arena;
    x->n_rows = in->n_rows;
    x->failed = 0;
    x->err = err;
    x->depth = 0;
    int rc = run_program(x);
    if (rc) {
        x->scopes[0].n = 0;
        x->failed = rc;
        x->failed_row = 0;
    }
    return x->failed;
}

int expr_eval(struct task *task, struct expr_exec *x, struct batch *in, uint32_t rows_max,
              struct vec *outs, struct arena *arena, uint32_t *n_ok, struct err *err)
{
    uint32_t live = batch_count(in);
    struct exec_scope *base = &x->scopes[0];
    base->sel = in->sel;
    base->n = live < rows_max ? live : rows_max;
    if (base->n == 0) {
        const struct program_instr *instrs = program_instrs(x->program);
        for (uint32_t i = 0; i < x->program->n_instrs; i++)
            if (instrs[i].op == OP_OUTPUT)
                vec_alloc(&outs[instrs[i].func], exec_kind(instrs[i].type), in->n_rows, arena);
        *n_ok = 0;
        return 0;
    }
    x->outs = outs;
    int rc = run_scope(task, x, in, arena, err);
    *n_ok = base->n;
    return rc;
}

/* The first rows_max rows that passed count; a failure behind them was never asked for. */
static uint32_t seen_rows(const struct batch *in, uint32_t last_row)
{
    uint32_t live = batch_count(in);
    for (uint32_t i = 0; i < live; i++)
        if (batch_row(in, i) > last_row)
            return i;
    return live;
}

static int filter_all(struct task *task, struct expr_exec *x, struct batch *in, uint32_t rows_max,
                      uint16_t *sel, uint32_t *n_sel, uint32_t *n_seen, struct err *err)
{
    struct exec_scope *base = &x->scopes[0];
    base->sel = in->sel;
    base->n = batch_count(in);
    int rc = run_scope(task, x, in, in->arena, err);
    uint32_t n = base->n < rows_max ? base->n : rows_max;
    for (uint32_t i = 0; i < n; i++)
        sel[i] = (uint16_t)scope_row(base, i);
    *n_sel = n;
    if (n == rows_max) {
        if (rc)
            err_clear(err);
        *n_seen = n ? seen_rows(in, sel[n - 1]) : 0;
        return 0;
    }
    *n_seen = batch_count(in);
    if (rc && x->failed_row > 0)
        *n_seen = seen_rows(in, x->failed_row - 1);
    else if (rc)
        *n_seen = 0;
    return rc;
}

int expr_filter(struct task *task, struct expr_exec *x, struct batch *in, uint32_t rows_max,
                uint16_t *sel, uint32_t *n_sel, uint32_t *n_seen, struct err *err)
{
    uint32_t live = batch_count(in);
    *n_sel = *n_seen = 0;
    if (live == 0 || rows_max == 0)
        return 0;
    bool careful = x->program->traits & (EXPR_HAS_VOLATILE | EXPR_WAITS);
    if (!careful || rows_max >= live)
        return filter_all(task, x, in, rows_max, sel, n_sel, n_seen, err);
    /* Never look at a row that is not needed: as many at a time as are still wanted. */
    uint16_t *rows = arena_alloc(in->arena, live * sizeof *rows);
    struct batch part = *in;
    while (*n_seen < live && *n_sel < rows_max) {
        uint32_t want = rows_max - *n_sel;
        part.n_sel = live - *n_seen < want ? live - *n_seen : want;
        for (uint32_t i = 0; i < part.n_sel; i++)
            rows[i] = (uint16_t)batch_row(in, *n_seen + i);
        part.sel = rows;
        uint32_t got, seen;
        int rc = filter_all(task, x, &part, UINT32_MAX, sel + *n_sel, &got, &seen, err);
        *n_sel += got;
        *n_seen += seen;
        if (rc)
            return rc;
    }
    return 0;
}

int expr_eval_scalar(struct task *task, struct expr_exec *x, struct datum *out, struct arena *arena,
                     struct err *err)
{
    struct batch one = {.n_rows = 1, .arena = arena};
    struct vec *outs =
        arena_array(arena, struct vec, x->program->n_outputs ? x->program->n_outputs : 1);
    uint32_t n_ok;
    int rc = expr_eval(task, x, &one, 1, outs, arena, &n_ok, err);
    if (rc == 0)
        *out = vec_datum(&outs[0], 0);
    return rc;
}

int expr_eval_tree(struct task *task, const struct expr_env *env, struct expr *e,
                   struct arena *arena, struct datum *out, struct err *err)
{
    struct buf program = {0};
    uint32_t at, len;
    int rc = expr_compile(NULL, &e, 1, &program, &at, &len, err);
    struct expr_exec *x = NULL;
    if (rc == 0) {
        void *kept = arena_memdup(arena, program.data + at, len);
        rc = expr_exec_create(arena, kept, len, env, &x, err);
    }
    if (rc == 0)
        rc = expr_eval_scalar(task, x, out, arena, err);
    expr_exec_destroy(x);
    buf_done(&program);
    return rc;
}
