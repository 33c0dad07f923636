/* source.c: operators without input from storage: VALUES, rows pushed from outside, system tables. */
#include <string.h>

#include "executor/exec_int.h"

/* ---- VALUES ---- */

struct values_op {
    struct op op;
    const struct plan_values *plan;
    struct program *programs;
    uint32_t at;
};

static int next_values(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct values_op *v = (struct values_op *)op;
    uint32_t n_cols = op->plan->n_cols, left = v->plan->n_rows - v->at, n = left < op_want(op, rows_max) ? left : op_want(op, rows_max);
    if (n == 0)
        return 0;
    struct batch *b = batch_for(op->x, n_cols);
    const struct plan_col *cols = plan_at(&op->x->plan->plan, op->plan->cols, struct plan_col);
    for (uint32_t c = 0; c < n_cols; c++)
        vec_alloc(&b->cols[c], (enum phys_kind)cols[c].kind, n, b->arena);
    b->n_rows = n;
    *out = b;
    for (uint32_t r = 0; r < n; r++) {
        for (uint32_t c = 0; c < n_cols; c++) {
            struct datum d;
            int rc = program_scalar(op->x, &v->programs[(size_t)(v->at + r) * n_cols + c], b->arena, &d, err);
            if (rc) {
                /* The rows before this one come first. */
                op_fail_later(op, err);
                batch_cut(b, r);
                v->at += r;
                return 0;
            }
            vec_put_value(&b->cols[c], r, cols[c].type_oid, &d, b->arena);
        }
    }
    v->at += n;
    return 0;
}

static void rewind_values(struct op *op)
{
    ((struct values_op *)op)->at = 0;
}

static const struct op_vtable values_vtable = {next_values, rewind_values, NULL};

int op_plan_values(struct exec *x, const struct plan_values *plan, struct op **out, struct err *err)
{
    int rc = op_new(x, &plan->op, sizeof(struct values_op), &values_vtable, out, err);
    if (rc)
        return rc;
    struct values_op *v = (struct values_op *)*out;
    v->plan = plan;
    v->programs = op_alloc(x, sizeof *v->programs * (plan->programs.n + 1));
    for (uint32_t i = 0; i < plan->programs.n; i++) {
        rc = program_open(x, plan_list_get(&x->plan->plan, plan->programs, i), &v->programs[i], err);
        if (rc)
            return rc;
        v->op.pure &= program_pure(&v->programs[i]);
    }
    return 0;
}

/* ---- SOURCE ---- */

static int next_source(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct exec *x = op->x;
    if (bug_if(!x->env.source, err))
        return err->code;
    return x->env.source(x->env.source_ctx, x->env.task, BATCH_ROWS, out, err);
}

static const struct op_vtable source_vtable = {next_source, NULL, NULL};

int op_plan_source(struct exec *x, const struct plan_source *plan, struct op **out, struct err *err)
{
    return op_new(x, &plan->op, sizeof(struct op), &source_vtable, out, err);
}

/* ---- system tables ---- */

struct catalog_op {
    struct op op;
    const struct plan_catalog_scan *plan;
    struct program filter;
    struct arena arena;
    struct batch **batches;
    uint32_t n, at;
    bool filled;
};

static int next_catalog(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct catalog_op *c = (struct catalog_op *)op;
    if (!c->filled) {
        if (bug_if(!op->x->env.view, err))
            return err->code;
        int rc = system_table_scan(op->x->env.view, op->x->env.system, c->plan->table_oid,
                                   plan_at(&op->x->plan->plan, c->plan->attnums.at, uint32_t), c->plan->attnums.n, &c->arena,
                                   op->x->env.account, &c->batches, &c->n, err);
        if (rc)
            return rc;
        c->filled = true;
    }
    if (c->at == c->n)
        return 0;
    struct batch *b = c->batches[c->at];
    c->batches[c->at++] = NULL;
    *out = b;
    if (c->filter.exec) {
        uint32_t seen;
        if (program_filter(op->x, &c->filter, b, BATCH_ROWS, &seen, err))
            op_fail_later(op, err);
    }
    return 0;
}

static void rewind_catalog(struct op *op)
{
    struct catalog_op *c = (struct catalog_op *)op;
    for (uint32_t i = 0; i < c->n; i++)
        batch_destroy(c->batches[i]);
    c->n = c->at = 0;
    c->filled = false;
    arena_reset(&c->arena);
}

static void close_catalog(struct op *op)
{
    rewind_catalog(op);
    arena_done(&((struct catalog_op *)op)->arena);
}

static const struct op_vtable catalog_vtable = {next_catalog, rewind_catalog, close_catalog};

int op_plan_catalog_scan(struct exec *x, const struct plan_catalog_scan *plan, struct op **out, struct err *err)
{
    int rc = op_new(x, &plan->op, sizeof(struct catalog_op), &catalog_vtable, out, err);
    if (rc)
        return rc;
    struct catalog_op *c = (struct catalog_op *)*out;
    c->plan = plan;
    arena_init(&c->arena, x->env.account);
    rc = program_open(x, plan->filter, &c->filter, err);
    c->op.pure = program_pure(&c->filter);
    return rc;
}
