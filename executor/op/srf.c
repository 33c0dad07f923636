/* srf.c: set-returning functions: FUNCTION_SCAN in FROM, PROJECT_SET in a target list.
 *
 * A function is a small generator: started with its arguments, asked for its next value. Of several in one target list each row is as long
 * as the longest, the others padded with nulls (PostgreSQL 10 and later).
 */
#include <string.h>

#include "executor/exec_int.h"
#include "types/type/array.h"
#include "types/type/numeric.h"
#include "types/type/type.h"

/* generate_series(int4 | int8 | numeric | timestamp | timestamptz), unnest(anyarray), generate_subscripts(anyarray, int) */
enum {
    SRF_INT4_STEP = 1066, SRF_INT4 = 1067, SRF_INT8_STEP = 1068, SRF_INT8 = 1069, SRF_NUMERIC_STEP = 3259, SRF_NUMERIC = 3260,
    SRF_TIMESTAMP = 938, SRF_TIMESTAMPTZ = 939, SRF_UNNEST = 2331, SRF_SUBSCRIPTS = 1192,
    SRF_PARTITION_ANCESTORS = 3425,
};

struct generator {
    uint32_t func;
    bool running;
    int64_t i, stop, step;
    bool done_after; /* the next addition would overflow */
    struct numeric n, n_stop, n_step;
    struct datum interval;
    struct array array;
    uint32_t left;
    struct arena arena;
};

static int start_ints(struct generator *g, const struct datum *args, uint32_t n, bool small, struct err *err)
{
    int64_t v[3] = {0, 0, 1};
    for (uint32_t k = 0; k < n; k++)
        v[k] = small ? args[k].u.i32 : args[k].u.i64;
    g->i = v[0];
    g->stop = v[1];
    g->step = v[2];
    if (g->step == 0)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "step size cannot equal zero");
    g->running = true;
    return 0;
}

static int start_numeric(struct generator *g, const struct datum *args, uint32_t n, struct err *err)
{
    numeric_open(&args[0], &g->arena, &g->n);
    numeric_open(&args[1], &g->arena, &g->n_stop);
    struct datum one = {.kind = PHYS_INT64, .dec_scale = 0, .u.i64 = 1};
    numeric_open(n > 2 ? &args[2] : &one, &g->arena, &g->n_step);
    if (numeric_is_zero(&g->n_step))
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "step size cannot equal zero");
    if (g->n.kind != NUMERIC_FINITE || g->n_stop.kind != NUMERIC_FINITE || g->n_step.kind != NUMERIC_FINITE)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "%s value cannot be %s",
                       g->n.kind != NUMERIC_FINITE ? "start" : g->n_stop.kind != NUMERIC_FINITE ? "stop" : "step size",
                       "NaN or infinity");
    g->running = true;
    return 0;
}

static int start_times(struct generator *g, const struct datum *args, struct err *err)
{
    int64_t us;
    int32_t days, months;
    const uint8_t *p = view_data(&args[2].u.bytes);
    memcpy(&us, p, 8);
    memcpy(&days, p + 8, 4);
    memcpy(&months, p + 12, 4);
    g->i = args[0].u.i64;
    g->stop = args[1].u.i64;
    /* The step's direction as PostgreSQL takes it: the interval compared with zero. */
    int64_t sign = (int64_t)months * 30 * 86400000000 + (int64_t)days * 86400000000 + us;
    if (sign == 0)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "step size cannot equal zero");
    g->step = sign > 0 ? 1 : -1;
    g->interval = datum_copy(&args[2], &g->arena);
    g->running = true;
    return 0;
}

static int start_array(struct generator *g, uint32_t func, const struct datum *args, struct err *err)
{
    struct datum copy = datum_copy(&args[0], &g->arena);
    struct bytes_view *view = arena_memdup(&g->arena, &copy.u.bytes, sizeof *view);
    if (!array_open(view, &g->array))
        return err_set(err, ERR_DATA_CORRUPTED, "malformed array");
    if (func == SRF_SUBSCRIPTS) {
        int32_t dim = args[1].u.i32 - 1;
        if (dim < 0 || dim >= (int32_t)g->array.n_dims)
            return 0;
        g->i = g->array.lower[dim];
        g->left = (uint32_t)g->array.dims[dim];
    }
    g->running = true;
    return 0;
}

static int next_element(struct generator *g, struct arena *arena, struct datum *out, bool *more, struct err *err)
{
    if (g->func == SRF_SUBSCRIPTS) {
        *more = g->left > 0;
        g->left -= *more;
        *out = (struct datum){.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = (int32_t)g->i++};
        return 0;
    }
    struct datum d;
    *more = array_next(&g->array, &d);
    if (*more)
        *out = datum_copy(&d, arena);
    return 0;
}

/* A null argument gives no rows. */
static int start_generator(struct generator *g, uint32_t func, const struct datum *args, uint32_t n, struct err *err)
{
    arena_reset(&g->arena);
    g->func = func;
    g->running = g->done_after = false;
    for (uint32_t k = 0; k < n; k++)
        if (args[k].null)
            return 0;
    switch (func) {
    case SRF_INT4: case SRF_INT4_STEP: return start_ints(g, args, n, true, err);
    case SRF_INT8: case SRF_INT8_STEP: return start_ints(g, args, n, false, err);
    case SRF_NUMERIC: case SRF_NUMERIC_STEP: return start_numeric(g, args, n, err);
    case SRF_TIMESTAMP: case SRF_TIMESTAMPTZ: return start_times(g, args, err);
    case SRF_PARTITION_ANCESTORS: return 0; /* no table is a partition: no rows, as PostgreSQL has it */
    default: return start_array(g, func, args, err);
    }
}

static bool past_end(const struct generator *g)
{
    return g->step > 0 ? g->i > g->stop : g->i < g->stop;
}

static int next_time(struct exec *x, struct generator *g, struct err *err)
{
    /* timestamp + interval by the engine's own function, so that months and zones are one implementation. */
    bool tz = g->func == SRF_TIMESTAMPTZ;
    uint32_t type = tz ? TYPE_TIMESTAMPTZ : TYPE_TIMESTAMP;
    const struct oper_info *plus = oper_exact("+", type, TYPE_INTERVAL);
    if (bug_if(!plus, err))
        return err->code;
    struct datum now = {.kind = PHYS_INT64, .dec_scale = -1, .u.i64 = g->i}, sum;
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct expr *a = expr_const(&scratch, type, -1, &now), *b = expr_const(&scratch, TYPE_INTERVAL, -1, &g->interval);
    int rc = expr_eval_tree(x->env.task, &x->expr_env, expr_oper(&scratch, plus, a, b), &scratch, &sum, err);
    if (rc == 0)
        g->i = sum.u.i64;
    arena_done(&scratch);
    return rc;
}

/* *more false: no further value. */
static int next_value(struct exec *x, struct generator *g, struct arena *arena, struct datum *out, bool *more, struct err *err)
{
    *more = false;
    if (!g->running)
        return 0;
    switch (g->func) {
    case SRF_INT4: case SRF_INT4_STEP: case SRF_INT8: case SRF_INT8_STEP: {
        bool small = g->func == SRF_INT4 || g->func == SRF_INT4_STEP;
        if (g->done_after || past_end(g))
            return 0;
        *out = small ? (struct datum){.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = (int32_t)g->i} : datum_i64(g->i);
        g->done_after = __builtin_add_overflow(g->i, g->step, &g->i) || (small && (g->i > INT32_MAX || g->i < INT32_MIN));
        break;
    }
    case SRF_NUMERIC: case SRF_NUMERIC_STEP: {
        int cmp = numeric_cmp_n(&g->n, &g->n_stop);
        if (g->n_step.neg ? cmp < 0 : cmp > 0)
            return 0;
        *out = numeric_close(&g->n, arena);
        struct numeric sum;
        int rc = numeric_add(&g->n, &g->n_step, false, &g->arena, &sum, err);
        if (rc)
            return rc;
        g->n = sum;
        break;
    }
    case SRF_TIMESTAMP: case SRF_TIMESTAMPTZ: {
        if (past_end(g))
            return 0;
        *out = datum_i64(g->i);
        int rc = next_time(x, g, err);
        if (rc)
            return rc;
        break;
    }
    default: return next_element(g, arena, out, more, err);
    }
    *more = true;
    return 0;
}

/* ---- FUNCTION_SCAN ---- */

struct function_op {
    struct op op;
    const struct plan_function_scan *plan;
    struct program *args;
    struct generator generator;
    bool started;
    int64_t ordinal;
};

static int start_function(struct function_op *f, struct err *err)
{
    struct datum args[8];
    struct arena scratch;
    int rc = 0;
    arena_init(&scratch, NULL);
    for (uint32_t k = 0; rc == 0 && k < f->plan->args.n && k < 8; k++)
        rc = program_scalar(f->op.x, &f->args[k], &scratch, &args[k], err);
    if (rc == 0)
        rc = start_generator(&f->generator, f->plan->func_oid, args, f->plan->args.n, err);
    arena_done(&scratch);
    f->started = true;
    f->ordinal = 0;
    return rc;
}

static int next_function(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct function_op *f = (struct function_op *)op;
    if (!f->started) {
        int rc = start_function(f, err);
        if (rc)
            return rc;
    }
    uint32_t want = op->pure ? BATCH_ROWS : rows_max, n = 0;
    const struct plan_col *cols = plan_at(&op->x->plan->plan, op->plan->cols, struct plan_col);
    struct batch *b = *out = batch_for(op->x, op->plan->n_cols);
    for (uint32_t c = 0; c < op->plan->n_cols; c++)
        vec_alloc(&b->cols[c], (enum phys_kind)cols[c].kind, want, b->arena);
    for (; n < want; n++) {
        struct datum d;
        bool more;
        int rc = next_value(op->x, &f->generator, b->arena, &d, &more, err);
        if (rc) {
            op_fail_later(op, err);
            break;
        }
        if (!more)
            break;
        vec_put_value(&b->cols[0], n, cols[0].type_oid, &d, b->arena);
        if (f->plan->ordinality)
            ((int64_t *)b->cols[1].data)[n] = ++f->ordinal;
    }
    b->n_rows = n;
    for (uint32_t c = 0; c < op->plan->n_cols; c++)
        b->cols[c].n = n;
    if (n == 0 && !op->failed)
        op->ended = true;
    task_tick(op->x->env.task, n / 4);
    return 0;
}

static void rewind_function(struct op *op)
{
    ((struct function_op *)op)->started = false;
}

static void close_function(struct op *op)
{
    arena_done(&((struct function_op *)op)->generator.arena);
}

static const struct op_vtable function_vtable = {next_function, rewind_function, close_function};

static int check_known(uint32_t func, struct err *err)
{
    static const uint32_t known[] = {SRF_INT4, SRF_INT4_STEP, SRF_INT8, SRF_INT8_STEP, SRF_NUMERIC, SRF_NUMERIC_STEP, SRF_TIMESTAMP,
                                     SRF_TIMESTAMPTZ, SRF_UNNEST, SRF_SUBSCRIPTS, SRF_PARTITION_ANCESTORS};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i] == func)
            return 0;
    const struct func_info *f = func_info(func);
    return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "set-returning function %s is not supported", f ? f->name : "?");
}

int op_plan_function_scan(struct exec *x, const struct plan_function_scan *plan, struct op **out, struct err *err)
{
    int rc = check_known(plan->func_oid, err);
    if (rc == 0)
        rc = op_new(x, &plan->op, sizeof(struct function_op), &function_vtable, out, err);
    if (rc)
        return rc;
    struct function_op *f = (struct function_op *)*out;
    f->plan = plan;
    arena_init(&f->generator.arena, x->env.account);
    f->args = op_alloc(x, sizeof *f->args * (plan->args.n + 1));
    for (uint32_t k = 0; rc == 0 && k < plan->args.n; k++)
        rc = program_open(x, plan_list_get(&x->plan->plan, plan->args, k), &f->args[k], err);
    return rc;
}

/* ---- PROJECT_SET ---- */

struct project_set_op {
    struct op op;
    const struct plan_project_set *plan;
    uint32_t n;
    struct program *programs;      /* plain outputs */
    struct program **args;         /* of each set-returning output */
    uint32_t *n_args;
    struct generator *generators;
    struct batch *in;
    struct vec *plain;
    uint32_t at; /* live row */
    bool row_open;
};

static int open_row(struct project_set_op *p, struct err *err)
{
    struct exec *x = p->op.x;
    uint16_t row = (uint16_t)batch_row(p->in, p->at);
    for (uint32_t c = 0; c < p->n; c++) {
        if (!p->args[c])
            continue;
        struct datum values[8];
        for (uint32_t k = 0; k < p->n_args[c] && k < 8; k++) {
            struct batch one = *p->in;
            struct vec v;
            uint32_t n_ok;
            one.sel = &row;
            one.n_sel = 1;
            int rc = expr_eval(x->env.task, p->args[c][k].exec, &one, 1, &v, p->in->arena, &n_ok, err);
            if (rc)
                return rc;
            values[k] = vec_datum(&v, row);
        }
        int rc = start_generator(&p->generators[c], plan_list_get(&x->plan->plan, p->plan->srf, c), values, p->n_args[c], err);
        if (rc)
            return rc;
    }
    p->row_open = true;
    return 0;
}

static int next_project_set(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct project_set_op *p = (struct project_set_op *)op;
    const struct plan_col *cols = plan_at(&op->x->plan->plan, op->plan->cols, struct plan_col);
    if (!p->in) {
        int rc = op_next(op->child[0], op->pure ? BATCH_ROWS : 1, &p->in, err);
        if (rc || !p->in)
            return rc;
        p->plain = arena_array(p->in->arena, struct vec, p->n + 1);
        for (uint32_t c = 0; c < p->n; c++) {
            uint32_t n_ok;
            if (p->args[c])
                continue;
            rc = expr_eval(op->x->env.task, p->programs[c].exec, p->in, batch_count(p->in), &p->plain[c], p->in->arena, &n_ok, err);
            if (rc)
                return rc;
        }
        p->at = 0;
        p->row_open = false;
    }
    struct batch *b = *out = batch_for(op->x, p->n);
    for (uint32_t c = 0; c < p->n; c++)
        vec_alloc(&b->cols[c], (enum phys_kind)cols[c].kind, rows_max, b->arena);
    uint32_t n = 0;
    while (n < rows_max && p->in) {
        int rc = p->row_open ? 0 : open_row(p, err);
        bool any = false;
        for (uint32_t c = 0; rc == 0 && c < p->n; c++) {
            struct datum d = datum_null((enum phys_kind)cols[c].kind);
            bool more = false;
            if (p->args[c])
                rc = next_value(op->x, &p->generators[c], b->arena, &d, &more, err);
            else
                d = vec_datum(&p->plain[c], batch_row(p->in, p->at));
            if (p->args[c] && !more) {
                d.null = true;
                p->generators[c].running = false;
            }
            any |= more;
            vec_put_value(&b->cols[c], n, cols[c].type_oid, &d, b->arena);
        }
        if (rc) {
            op_fail_later(op, err);
            break;
        }
        if (any) {
            n++;
            continue;
        }
        p->row_open = false;
        if (++p->at == batch_count(p->in)) {
            batch_destroy(p->in);
            p->in = NULL;
        }
    }
    b->n_rows = n;
    for (uint32_t c = 0; c < p->n; c++)
        b->cols[c].n = n;
    return 0;
}

static void rewind_project_set(struct op *op)
{
    struct project_set_op *p = (struct project_set_op *)op;
    batch_destroy(p->in);
    p->in = NULL;
}

static void close_project_set(struct op *op)
{
    struct project_set_op *p = (struct project_set_op *)op;
    rewind_project_set(op);
    for (uint32_t c = 0; c < p->n; c++)
        arena_done(&p->generators[c].arena);
}

static const struct op_vtable project_set_vtable = {next_project_set, rewind_project_set, close_project_set};

int op_plan_project_set(struct exec *x, const struct plan_project_set *plan, struct op **out, struct err *err)
{
    int rc = op_new(x, &plan->op, sizeof(struct project_set_op), &project_set_vtable, out, err);
    if (rc)
        return rc;
    struct project_set_op *p = (struct project_set_op *)*out;
    const struct plan *bytes = &x->plan->plan;
    p->plan = plan;
    p->n = plan->op.n_cols;
    p->programs = op_alloc(x, sizeof *p->programs * (p->n + 1));
    p->args = op_alloc(x, sizeof *p->args * (p->n + 1));
    p->n_args = op_alloc(x, sizeof *p->n_args * (p->n + 1));
    p->generators = op_alloc(x, sizeof *p->generators * (p->n + 1));
    for (uint32_t c = 0; rc == 0 && c < p->n; c++) {
        uint32_t srf = plan_list_get(bytes, plan->srf, c);
        arena_init(&p->generators[c].arena, x->env.account);
        if (!srf) {
            rc = program_open(x, plan_list_get(bytes, plan->programs, c), &p->programs[c], err);
            p->op.pure &= program_pure(&p->programs[c]);
            continue;
        }
        rc = check_known(srf, err);
        const struct plan_list *list = plan_at(bytes, plan_list_get(bytes, plan->srf_args, c), struct plan_list);
        p->n_args[c] = list->n;
        p->args[c] = op_alloc(x, sizeof *p->args[c] * (list->n + 1));
        for (uint32_t k = 0; rc == 0 && k < list->n; k++)
            rc = program_open(x, plan_list_get(bytes, *list, k), &p->args[c][k], err);
    }
    return rc;
}
