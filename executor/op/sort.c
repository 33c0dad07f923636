/* sort.c: SORT (whole or top-N) by normalised keys, and DISTINCT. */
#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "executor/exec_int.h"
#include "types/type/type.h"

/* A row: its normalised key and where it lies. */
struct sort_row {
    const uint8_t *key;
    uint32_t len;
    uint32_t batch, row;
};

struct sort_op {
    struct op op;
    const struct plan_sort *plan;
    struct program limit, offset;
    struct store store;
    struct arena keys;
    struct sort_row *rows;
    uint64_t n, cap, at;
    uint64_t keep; /* top-N: rows that can matter; 0 = all */
    bool sorted;
};

static int compare_rows(const void *a, const void *b, void *ctx)
{
    const struct sort_row *x = a, *y = b;
    return key_compare(x->key, x->len, y->key, y->len);
}

static int learn_keep(struct sort_op *s, struct err *err)
{
    struct program *parts[2] = {&s->limit, &s->offset};
    struct arena scratch;
    int rc = 0;
    s->keep = 0;
    if (!s->limit.exec)
        return 0;
    arena_init(&scratch, NULL);
    for (int i = 0; rc == 0 && i < 2; i++) {
        struct datum v = {.null = true};
        if (parts[i]->exec)
            rc = program_scalar(s->op.x, parts[i], &scratch, &v, err);
        if (i == 0 && (v.null || v.u.i64 < 0)) {
            s->keep = 0;
            break;
        }
        s->keep += v.null || v.u.i64 < 0 ? 0 : (uint64_t)v.u.i64;
        if (i == 0)
            s->keep++; /* so that LIMIT 0 is not "all" */
    }
    arena_done(&scratch);
    return rc;
}

static int add_rows(struct sort_op *s, const struct batch *b, struct err *err)
{
    const struct plan *plan = &s->op.x->plan->plan;
    int rc = store_add(s->op.x, &s->store, b, "sorting", err);
    if (rc)
        return rc;
    const struct batch *own = s->store.batches[s->store.n - 1];
    struct buf key;
    buf_init(&key);
    for (uint32_t i = 0; i < own->n_rows; i++) {
        buf_reset(&key);
        for (uint32_t k = 0; k < s->plan->keys.n; k++) {
            const struct plan_sort_key *p = plan_at(plan, plan_list_get(plan, s->plan->keys, k), struct plan_sort_key);
            struct datum d = vec_datum(&own->cols[p->column], i);
            type_key_append(&key, p->type_oid, p->desc, p->nulls_first, &d);
        }
        if (s->n == s->cap) {
            s->cap = s->cap ? s->cap * 2 : 1024;
            s->rows = realloc(s->rows, s->cap * sizeof *s->rows);
        }
        s->rows[s->n++] = (struct sort_row){arena_memdup(&s->keys, key.data, key.len), (uint32_t)key.len, s->store.n - 1, i};
    }
    buf_done(&key);
    return 0;
}

/* Top-N: when far more rows than can matter have gathered, only the best stay. */
static int shrink(struct sort_op *s, struct err *err)
{
    if (!s->keep || s->n < s->keep * 2 + 8192)
        return 0;
    sort_stable(s->rows, s->n, sizeof *s->rows, compare_rows, NULL, NULL);
    struct store old = s->store;
    struct sort_row *rows = s->rows;
    struct arena keys = s->keys;
    uint64_t keep = s->keep < s->n ? s->keep : s->n;
    s->store = (struct store){0};
    s->rows = NULL;
    s->n = s->cap = 0;
    arena_init(&s->keys, s->op.x->env.account);
    int rc = 0;
    for (uint64_t i = 0; rc == 0 && i < keep;) {
        uint16_t sel = (uint16_t)rows[i].row;
        struct batch one = *old.batches[rows[i].batch];
        one.sel = &sel;
        one.n_sel = 1;
        rc = add_rows(s, &one, err);
        i++;
    }
    store_clear(&old);
    free(rows);
    arena_done(&keys);
    return rc;
}

static int fill_sort(struct sort_op *s, struct err *err)
{
    int rc = learn_keep(s, err);
    while (rc == 0) {
        struct batch *b;
        rc = op_next(s->op.child[0], BATCH_ROWS, &b, err);
        if (rc || !b)
            break;
        rc = add_rows(s, b, err);
        batch_destroy(b);
        if (rc == 0)
            rc = shrink(s, err);
    }
    if (rc)
        return rc;
    sort_stable(s->rows, s->n, sizeof *s->rows, compare_rows, NULL, NULL);
    s->op.actual.memory_bytes = s->keys.total_bytes + s->n * sizeof *s->rows;
    s->sorted = true;
    return 0;
}

/* Rows of a store in any order as one batch; numeric forms may differ between its batches. */
static struct batch *pick_rows(struct sort_op *s, const struct sort_row *rows, uint32_t n)
{
    const struct plan_op *plan = s->op.plan;
    const struct plan_col *cols = plan_at(&s->op.x->plan->plan, plan->cols, struct plan_col);
    struct batch *out = batch_for(s->op.x, plan->n_cols);
    out->n_rows = n;
    for (uint32_t c = 0; c < plan->n_cols; c++) {
        const struct vec *first = &s->store.batches[rows[0].batch]->cols[c];
        vec_alloc(&out->cols[c], (enum phys_kind)first->kind, n, out->arena);
        out->cols[c].dec_scale = first->dec_scale;
        for (uint32_t i = 0; i < n; i++) {
            struct datum d = vec_datum(&s->store.batches[rows[i].batch]->cols[c], rows[i].row);
            vec_put_value(&out->cols[c], i, cols[c].type_oid, &d, out->arena);
        }
    }
    return out;
}

static int next_sort(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct sort_op *s = (struct sort_op *)op;
    if (!s->sorted) {
        int rc = fill_sort(s, err);
        if (rc)
            return rc;
    }
    uint64_t left = s->n - s->at;
    uint32_t n = left < rows_max ? (uint32_t)left : rows_max;
    if (n == 0)
        return 0;
    *out = pick_rows(s, s->rows + s->at, n);
    s->at += n;
    return 0;
}

static void rewind_sort(struct op *op)
{
    struct sort_op *s = (struct sort_op *)op;
    store_clear(&s->store);
    free(s->rows);
    s->rows = NULL;
    s->n = s->cap = s->at = 0;
    s->sorted = false;
    arena_reset(&s->keys);
}

static void close_sort(struct op *op)
{
    rewind_sort(op);
    arena_done(&((struct sort_op *)op)->keys);
}

static const struct op_vtable sort_vtable = {next_sort, rewind_sort, close_sort};

int op_plan_sort(struct exec *x, const struct plan_sort *plan, struct op **out, struct err *err)
{
    int rc = op_new(x, &plan->op, sizeof(struct sort_op), &sort_vtable, out, err);
    if (rc)
        return rc;
    struct sort_op *s = (struct sort_op *)*out;
    s->plan = plan;
    arena_init(&s->keys, x->env.account);
    /* All input is computed before the first row leaves: from above nothing can be told apart any more. */
    s->op.pure = true;
    rc = program_open(x, plan->limit, &s->limit, err);
    return rc ? rc : program_open(x, plan->offset, &s->offset, err);
}

/* ---- DISTINCT ---- */

struct distinct_op {
    struct op op;
    uint32_t n_keys;
    uint32_t *cols, *types;
    struct row_table table;
    struct arena arena;
};

static int next_distinct(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct distinct_op *d = (struct distinct_op *)op;
    struct batch *b;
    int rc = op_next(op->child[0], op_want(op->child[0], rows_max), &b, err);
    if (rc || !b)
        return rc;
    uint32_t live = batch_count(b), n_sel = 0;
    struct vec *keys = arena_array(b->arena, struct vec, d->n_keys + 1);
    uint64_t *hashes = arena_array(b->arena, uint64_t, live + 1);
    uint16_t *sel = arena_array(b->arena, uint16_t, live + 1);
    keys_canon(op->x, b, d->cols, d->types, d->n_keys, keys, b->arena);
    keys_hash(keys, d->n_keys, live, hashes);
    for (uint32_t i = 0; i < live; i++) {
        bool added;
        row_table_find(&d->table, keys, i, hashes[i], true, &added);
        if (added)
            sel[n_sel++] = (uint16_t)batch_row(b, i);
    }
    b->sel = sel;
    b->n_sel = n_sel;
    *out = b;
    return 0;
}

static void rewind_distinct(struct op *op)
{
    struct distinct_op *d = (struct distinct_op *)op;
    row_table_done(&d->table);
    arena_reset(&d->arena);
    row_table_init(&d->table, d->n_keys, &d->arena);
}

static void close_distinct(struct op *op)
{
    struct distinct_op *d = (struct distinct_op *)op;
    op->actual.memory_bytes = d->arena.total_bytes;
    row_table_done(&d->table);
    arena_done(&d->arena);
}

static const struct op_vtable distinct_vtable = {next_distinct, rewind_distinct, close_distinct};

int op_plan_distinct(struct exec *x, const struct plan_distinct *plan, struct op **out, struct err *err)
{
    int rc = op_new(x, &plan->op, sizeof(struct distinct_op), &distinct_vtable, out, err);
    if (rc)
        return rc;
    struct distinct_op *d = (struct distinct_op *)*out;
    const struct plan_col *cols = plan_at(&x->plan->plan, plan->op.cols, struct plan_col);
    d->n_keys = plan->columns.n ? plan->columns.n : plan->op.n_cols;
    d->cols = op_alloc(x, sizeof *d->cols * (d->n_keys + 1));
    d->types = op_alloc(x, sizeof *d->types * (d->n_keys + 1));
    for (uint32_t i = 0; i < d->n_keys; i++) {
        d->cols[i] = plan->columns.n ? plan_list_get(&x->plan->plan, plan->columns, i) : i;
        d->types[i] = cols[d->cols[i]].type_oid;
    }
    arena_init(&d->arena, x->env.account);
    row_table_init(&d->table, d->n_keys, &d->arena);
    return 0;
}
