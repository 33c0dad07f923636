/* row_ops.c: operators that work row by row: FILTER, PROJECT, LIMIT, APPEND. */
#include <string.h>

#include "executor/exec_int.h"

/* ---- FILTER ---- */

struct filter_op {
    struct op op;
    struct program program;
    struct batch *held;
};

static int next_filter(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct filter_op *f = (struct filter_op *)op;
    if (!f->held) {
        int rc = op_next(op->child[0], op_want(op->child[0], rows_max), &f->held, err);
        if (rc || !f->held)
            return rc;
    }
    struct batch *b = f->held;
    uint32_t live = batch_count(b), seen;
    const uint16_t *sel = b->sel;
    uint32_t n_sel = b->n_sel;
    if (program_filter(op->x, &f->program, b, op->pure ? BATCH_ROWS : rows_max, &seen, err)) {
        op_fail_later(op, err);
        seen = live;
    }
    *out = b;
    f->held = NULL;
    if (seen < live) {
        *out = batch_slice(op->x, b, 0, b->n_sel);
        b->sel = sel;
        b->n_sel = n_sel;
        f->held = batch_slice(op->x, b, seen, live - seen);
        batch_destroy(b);
    }
    return 0;
}

static void rewind_filter(struct op *op)
{
    struct filter_op *f = (struct filter_op *)op;
    batch_destroy(f->held);
    f->held = NULL;
}

static const struct op_vtable filter_vtable = {next_filter, rewind_filter, rewind_filter};

int op_plan_filter(struct exec *x, const struct plan_filter *plan, struct op **out, struct err *err)
{
    int rc = op_new(x, &plan->op, sizeof(struct filter_op), &filter_vtable, out, err);
    if (rc)
        return rc;
    struct filter_op *f = (struct filter_op *)*out;
    rc = program_open(x, plan->program, &f->program, err);
    f->op.pure &= program_pure(&f->program);
    return rc;
}

/* ---- PROJECT ---- */

struct project_op {
    struct op op;
    uint32_t n;
    struct program *programs;
};

static int next_project(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct project_op *p = (struct project_op *)op;
    struct batch *b;
    int rc = op_next(op->child[0], op->pure ? BATCH_ROWS : rows_max, &b, err);
    if (rc || !b)
        return rc;
    uint32_t live = batch_count(b);
    struct vec *cols = arena_array(b->arena, struct vec, p->n + 1);
    for (uint32_t c = 0; c < p->n; c++) {
        uint32_t n_ok = live;
        struct err first;
        err_clear(&first);
        /* A later column is computed only for rows whose earlier ones were: the first row's first error wins. */
        rc = expr_eval(op->x->env.task, p->programs[c].exec, b, live, &cols[c], b->arena, &n_ok, &first);
        if (rc) {
            op_fail_later(op, &first);
            batch_cut(b, n_ok);
            live = n_ok;
        }
    }
    b->cols = cols;
    b->n_cols = p->n;
    *out = b;
    return 0;
}

static const struct op_vtable project_vtable = {next_project, NULL, NULL};

int op_plan_project(struct exec *x, const struct plan_project *plan, struct op **out, struct err *err)
{
    int rc = op_new(x, &plan->op, sizeof(struct project_op), &project_vtable, out, err);
    if (rc)
        return rc;
    struct project_op *p = (struct project_op *)*out;
    p->n = plan->programs.n;
    p->programs = op_alloc(x, sizeof *p->programs * (p->n + 1));
    for (uint32_t i = 0; rc == 0 && i < p->n; i++) {
        rc = program_open(x, plan_list_get(&x->plan->plan, plan->programs, i), &p->programs[i], err);
        p->op.pure &= program_pure(&p->programs[i]);
    }
    return rc;
}

/* ---- LIMIT ---- */

struct limit_op {
    struct op op;
    const struct plan_limit *plan;
    struct program limit, offset;
    bool known, endless, in_ties;
    uint64_t skip, left;
    struct buf last_key;
};

static int read_count(struct op *op, struct program *p, const char *what, enum err_code code, uint64_t *out, bool *null,
                      struct err *err)
{
    struct arena scratch;
    struct datum v;
    arena_init(&scratch, NULL);
    int rc = program_scalar(op->x, p, &scratch, &v, err);
    arena_done(&scratch);
    if (rc)
        return rc;
    *null = v.null;
    if (!v.null && v.u.i64 < 0)
        return err_set(err, code, "%s must not be negative", what);
    *out = v.null ? 0 : (uint64_t)v.u.i64;
    return 0;
}

static int learn_limit(struct limit_op *l, struct err *err)
{
    bool null = true;
    int rc = 0;
    l->skip = 0;
    if (l->offset.exec)
        rc = read_count(&l->op, &l->offset, "OFFSET", ERR_INVALID_ROW_COUNT_IN_OFFSET, &l->skip, &null, err);
    null = true;
    if (rc == 0 && l->limit.exec)
        rc = read_count(&l->op, &l->limit, "LIMIT", ERR_INVALID_ROW_COUNT_IN_LIMIT, &l->left, &null, err);
    l->endless = null;
    l->known = true;
    l->in_ties = false;
    return rc;
}

static void put_tie_key(struct limit_op *l, struct batch *b, uint32_t live_row, struct buf *out)
{
    const struct plan *plan = &l->op.x->plan->plan;
    for (uint32_t i = 0; i < l->plan->ties.n; i++) {
        const struct plan_sort_key *k = plan_at(plan, plan_list_get(plan, l->plan->ties, i), struct plan_sort_key);
        struct datum d = vec_datum(&b->cols[k->column], batch_row(b, live_row));
        type_key_append(out, k->type_oid, k->desc, k->nulls_first, &d);
    }
}

/* After the limit: rows equal to the last one by the sort keys. */
static int next_ties(struct limit_op *l, struct batch **out, struct err *err)
{
    struct batch *b;
    int rc = op_next(l->op.child[0], 1, &b, err);
    if (rc || !b)
        return rc;
    struct buf key;
    buf_init(&key);
    put_tie_key(l, b, 0, &key);
    bool same = key.len == l->last_key.len && memcmp(key.data, l->last_key.data, key.len) == 0;
    buf_done(&key);
    if (!same) {
        batch_destroy(b);
        l->op.ended = true;
        return 0;
    }
    *out = b;
    return 0;
}

static int next_limit(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct limit_op *l = (struct limit_op *)op;
    if (!l->known) {
        int rc = learn_limit(l, err);
        if (rc)
            return rc;
    }
    for (;;) {
        struct batch *b;
        if (l->in_ties)
            return next_ties(l, out, err);
        if (!l->endless && l->left == 0) {
            op->ended = true;
            return 0;
        }
        uint64_t want = rows_max;
        if (!l->endless && want > l->left)
            want = l->left;
        if (l->skip)
            want = l->skip < BATCH_ROWS ? l->skip : BATCH_ROWS;
        int rc = op_next(op->child[0], (uint32_t)want, &b, err);
        if (rc || !b)
            return rc;
        uint32_t live = batch_count(b);
        if (l->skip) {
            l->skip -= live;
            batch_destroy(b);
            continue;
        }
        if (!l->endless)
            l->left -= live;
        if (!l->endless && l->left == 0 && l->plan->with_ties) {
            buf_reset(&l->last_key);
            put_tie_key(l, b, live - 1, &l->last_key);
            l->in_ties = true;
        }
        *out = b;
        return 0;
    }
}

static void rewind_limit(struct op *op)
{
    ((struct limit_op *)op)->known = false;
}

static void close_limit(struct op *op)
{
    buf_done(&((struct limit_op *)op)->last_key);
}

static const struct op_vtable limit_vtable = {next_limit, rewind_limit, close_limit};

int op_plan_limit(struct exec *x, const struct plan_limit *plan, struct op **out, struct err *err)
{
    int rc = op_new(x, &plan->op, sizeof(struct limit_op), &limit_vtable, out, err);
    if (rc)
        return rc;
    struct limit_op *l = (struct limit_op *)*out;
    l->plan = plan;
    buf_init(&l->last_key);
    rc = program_open(x, plan->limit, &l->limit, err);
    return rc ? rc : program_open(x, plan->offset, &l->offset, err);
}

/* ---- APPEND ---- */

struct append_op {
    struct op op;
    bool second;
};

static int next_append(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct append_op *a = (struct append_op *)op;
    if (!a->second) {
        int rc = op_next(op->child[0], op_want(op->child[0], rows_max), out, err);
        if (rc || *out)
            return rc;
        a->second = true;
    }
    return op_next(op->child[1], op_want(op->child[1], rows_max), out, err);
}

static void rewind_append(struct op *op)
{
    ((struct append_op *)op)->second = false;
}

static const struct op_vtable append_vtable = {next_append, rewind_append, NULL};

int op_plan_append(struct exec *x, const struct plan_append *plan, struct op **out, struct err *err)
{
    return op_new(x, &plan->op, sizeof(struct append_op), &append_vtable, out, err);
}
