/* set_ops.c: INTERSECT and EXCEPT, spooled common table expressions, recursion. */
#include <stdlib.h>
#include <string.h>

#include "executor/exec_int.h"

/* ---- INTERSECT, EXCEPT ---- */

struct setop_op {
    struct op op;
    uint16_t kind;
    uint32_t n_cols;
    uint32_t *cols, *types;
    struct row_table table;
    uint64_t *counts; /* right rows not yet used up */
    bool *given;      /* without ALL: already output */
    uint32_t cap;
    struct arena arena;
    bool built;
};

static void row_numbers(struct setop_op *s, struct batch *b, struct vec **keys, uint64_t **hashes)
{
    uint32_t live = batch_count(b);
    *keys = arena_array(b->arena, struct vec, s->n_cols + 1);
    *hashes = arena_array(b->arena, uint64_t, live + 1);
    keys_canon(s->op.x, b, s->cols, s->types, s->n_cols, *keys, b->arena);
    keys_hash(*keys, s->n_cols, live, *hashes);
}

static void make_room(struct setop_op *s, uint32_t entry)
{
    if (entry < s->cap)
        return;
    uint32_t cap = s->cap ? s->cap * 2 : 256;
    s->counts = realloc(s->counts, cap * sizeof *s->counts);
    s->given = realloc(s->given, cap * sizeof *s->given);
    memset(s->counts + s->cap, 0, (cap - s->cap) * sizeof *s->counts);
    memset(s->given + s->cap, 0, (cap - s->cap) * sizeof *s->given);
    s->cap = cap;
}

static int build_right(struct setop_op *s, struct err *err)
{
    for (;;) {
        struct batch *b;
        int rc = op_next(s->op.child[1], BATCH_ROWS, &b, err);
        if (rc || !b)
            return rc;
        struct vec *keys;
        uint64_t *hashes;
        row_numbers(s, b, &keys, &hashes);
        for (uint32_t i = 0; i < batch_count(b); i++) {
            bool added;
            uint32_t e = row_table_find(&s->table, keys, i, hashes[i], true, &added);
            make_room(s, e);
            s->counts[e]++;
        }
        batch_destroy(b);
    }
}

static bool gives_row(struct setop_op *s, const struct vec *keys, uint32_t i, uint64_t hash)
{
    bool added, except = s->kind == PLAN_EXCEPT || s->kind == PLAN_EXCEPT_ALL;
    bool all = s->kind == PLAN_EXCEPT_ALL || s->kind == PLAN_INTERSECT_ALL;
    uint32_t e = row_table_find(&s->table, keys, i, hash, except && !all, &added);
    if (e == UINT32_MAX)
        return except;
    make_room(s, e);
    if (all) {
        bool right = s->counts[e] > 0;
        if (right)
            s->counts[e]--;
        return right != except;
    }
    if (s->given[e] || (s->counts[e] > 0) == except)
        return false;
    s->given[e] = true;
    return true;
}

static int next_setop(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct setop_op *s = (struct setop_op *)op;
    if (!s->built) {
        int rc = build_right(s, err);
        if (rc)
            return rc;
        s->built = true;
    }
    struct batch *b;
    int rc = op_next(op->child[0], op_want(op->child[0], rows_max), &b, err);
    if (rc || !b)
        return rc;
    struct vec *keys;
    uint64_t *hashes;
    row_numbers(s, b, &keys, &hashes);
    uint16_t *sel = arena_array(b->arena, uint16_t, batch_count(b) + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < batch_count(b); i++)
        if (gives_row(s, keys, i, hashes[i]))
            sel[n++] = (uint16_t)batch_row(b, i);
    b->sel = sel;
    b->n_sel = n;
    *out = b;
    return 0;
}

static void clear_setop(struct setop_op *s)
{
    row_table_done(&s->table);
    free(s->counts);
    free(s->given);
    s->counts = NULL;
    s->given = NULL;
    s->cap = 0;
    s->built = false;
}

static void rewind_setop(struct op *op)
{
    struct setop_op *s = (struct setop_op *)op;
    clear_setop(s);
    arena_reset(&s->arena);
    row_table_init(&s->table, s->n_cols, &s->arena);
}

static void close_setop(struct op *op)
{
    clear_setop((struct setop_op *)op);
    arena_done(&((struct setop_op *)op)->arena);
}

static const struct op_vtable setop_vtable = {next_setop, rewind_setop, close_setop};

static void all_columns(struct exec *x, const struct plan_op *plan, uint32_t **cols, uint32_t **types)
{
    const struct plan_col *in = plan_at(&x->plan->plan, plan->cols, struct plan_col);
    *cols = op_alloc(x, sizeof **cols * (plan->n_cols + 1));
    *types = op_alloc(x, sizeof **types * (plan->n_cols + 1));
    for (uint32_t i = 0; i < plan->n_cols; i++) {
        (*cols)[i] = i;
        (*types)[i] = in[i].type_oid;
    }
}

int op_plan_setop(struct exec *x, const struct plan_setop *plan, struct op **out, struct err *err)
{
    int rc = op_new(x, &plan->op, sizeof(struct setop_op), &setop_vtable, out, err);
    if (rc)
        return rc;
    struct setop_op *s = (struct setop_op *)*out;
    s->kind = plan->setop;
    s->n_cols = plan->op.n_cols;
    all_columns(x, &plan->op, &s->cols, &s->types);
    arena_init(&s->arena, x->env.account);
    row_table_init(&s->table, s->n_cols, &s->arena);
    return 0;
}

/* ---- WITH, CTE_SCAN ---- */

struct spool *exec_spool(struct exec *x, uint32_t slot)
{
    if (slot >= x->n_spools)
        return NULL;
    if (!x->spools[slot])
        x->spools[slot] = op_alloc(x, sizeof *x->spools[slot]);
    return x->spools[slot];
}

struct with_op {
    struct op op;
    uint16_t slot;
};

static int next_with(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    return op_next(op->child[1], op_want(op->child[1], rows_max), out, err);
}

static void rewind_with(struct op *op)
{
    struct spool *s = exec_spool(op->x, ((struct with_op *)op)->slot);
    store_clear(&s->store);
    s->done = false;
}

static const struct op_vtable with_vtable = {next_with, rewind_with, NULL};

int op_plan_with(struct exec *x, const struct plan_with *plan, struct op **out, struct err *err)
{
    if (bug_if(!exec_spool(x, plan->slot), err))
        return err->code;
    int rc = op_new(x, &plan->op, sizeof(struct with_op), &with_vtable, out, err);
    if (rc)
        return rc;
    struct with_op *w = (struct with_op *)*out;
    w->slot = plan->slot;
    exec_spool(x, plan->slot)->source = w->op.child[0];
    w->op.pure = w->op.child[1]->pure;
    return 0;
}

struct cte_op {
    struct op op;
    uint16_t slot;
    uint32_t at;
};

static int next_cte(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct cte_op *c = (struct cte_op *)op;
    struct spool *s = exec_spool(op->x, c->slot);
    struct store *from = s->working ? s->working : &s->store;
    while (c->at == from->n) {
        if (s->working || s->done || !s->source)
            return 0;
        struct batch *b;
        int rc = op_next(s->source, s->source->pure ? BATCH_ROWS : rows_max, &b, err);
        if (rc)
            return rc;
        if (!b) {
            s->done = true;
            return 0;
        }
        rc = store_add(op->x, &s->store, b, "WITH", err);
        batch_destroy(b);
        if (rc)
            return rc;
    }
    const struct batch *b = from->batches[c->at++];
    *out = batch_slice(op->x, b, 0, batch_count(b));
    return 0;
}

static void rewind_cte(struct op *op)
{
    ((struct cte_op *)op)->at = 0;
}

static const struct op_vtable cte_vtable = {next_cte, rewind_cte, NULL};

int op_plan_cte_scan(struct exec *x, const struct plan_cte_scan *plan, struct op **out, struct err *err)
{
    if (bug_if(!exec_spool(x, plan->slot), err))
        return err->code;
    int rc = op_new(x, &plan->op, sizeof(struct cte_op), &cte_vtable, out, err);
    if (rc)
        return rc;
    ((struct cte_op *)*out)->slot = plan->slot;
    (*out)->pure = false;
    return 0;
}

/* ---- WITH RECURSIVE ---- */

struct recursive_op {
    struct op op;
    uint16_t slot;
    bool distinct, in_recursion;
    uint32_t *cols, *types;
    struct store working, next;
    struct row_table seen;
    struct arena arena;
};

/* UNION: rows seen before go no further. */
static void drop_seen(struct recursive_op *r, struct batch *b)
{
    uint32_t live = batch_count(b), n_cols = r->op.plan->n_cols, n = 0;
    struct vec *keys = arena_array(b->arena, struct vec, n_cols + 1);
    uint64_t *hashes = arena_array(b->arena, uint64_t, live + 1);
    uint16_t *sel = arena_array(b->arena, uint16_t, live + 1);
    keys_canon(r->op.x, b, r->cols, r->types, n_cols, keys, b->arena);
    keys_hash(keys, n_cols, live, hashes);
    for (uint32_t i = 0; i < live; i++) {
        bool added;
        row_table_find(&r->seen, keys, i, hashes[i], true, &added);
        if (added)
            sel[n++] = (uint16_t)batch_row(b, i);
    }
    b->sel = sel;
    b->n_sel = n;
}

static int next_recursive(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct recursive_op *r = (struct recursive_op *)op;
    struct spool *spool = exec_spool(op->x, r->slot);
    while (!*out) {
        struct batch *b = NULL;
        if (!r->in_recursion) {
            int rc = op_next(op->child[0], op_want(op->child[0], rows_max), &b, err);
            if (rc)
                return rc;
        } else {
            struct store *before = spool->working;
            spool->working = &r->working;
            int rc = op_next(op->child[1], op_want(op->child[1], rows_max), &b, err);
            spool->working = before;
            if (rc)
                return rc;
        }
        if (!b) {
            /* A round ended: what it gave is the next one's working table. */
            store_clear(&r->working);
            r->working = r->next;
            r->next = (struct store){0};
            if (r->working.rows == 0)
                return 0;
            r->in_recursion = true;
            op_rewind(op->child[1]);
            continue;
        }
        if (r->distinct)
            drop_seen(r, b);
        if (batch_count(b) == 0) {
            batch_destroy(b);
            continue;
        }
        int rc = store_add(op->x, &r->next, b, "WITH RECURSIVE", err);
        if (rc == 0)
            rc = task_check(op->x->env.task, err);
        if (rc) {
            batch_destroy(b);
            return rc;
        }
        *out = b;
    }
    return 0;
}

static void clear_recursive(struct recursive_op *r)
{
    store_clear(&r->working);
    store_clear(&r->next);
    row_table_done(&r->seen);
    r->in_recursion = false;
}

static void rewind_recursive(struct op *op)
{
    struct recursive_op *r = (struct recursive_op *)op;
    clear_recursive(r);
    arena_reset(&r->arena);
    row_table_init(&r->seen, op->plan->n_cols, &r->arena);
}

static void close_recursive(struct op *op)
{
    clear_recursive((struct recursive_op *)op);
    arena_done(&((struct recursive_op *)op)->arena);
}

static const struct op_vtable recursive_vtable = {next_recursive, rewind_recursive, close_recursive};

int op_plan_recursive(struct exec *x, const struct plan_recursive *plan, struct op **out, struct err *err)
{
    if (bug_if(!exec_spool(x, plan->slot), err))
        return err->code;
    int rc = op_new(x, &plan->op, sizeof(struct recursive_op), &recursive_vtable, out, err);
    if (rc)
        return rc;
    struct recursive_op *r = (struct recursive_op *)*out;
    r->slot = plan->slot;
    r->distinct = plan->distinct;
    r->op.pure = false;
    all_columns(x, &plan->op, &r->cols, &r->types);
    arena_init(&r->arena, x->env.account);
    row_table_init(&r->seen, plan->op.n_cols, &r->arena);
    return 0;
}
