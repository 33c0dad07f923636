/* join.c: HASH_JOIN and NESTED_JOIN.
 *
 * The right side is kept; left batches are matched against it. Pairs (left row, right row) gather up to a batch, are checked by the
 * residual condition together, and what matched is remembered per left row (and, for FULL, per right row).
 */
#include <stdlib.h>
#include <string.h>

#include "executor/exec_int.h"
#include "types/type/type.h"

enum { NO_ROW = UINT32_MAX };

struct build_row {
    uint32_t batch, row;
    uint32_t next; /* of the same slot; NO_ROW */
    uint64_t hash;
    bool matched;
};

struct join_op {
    struct op op;
    uint8_t type;
    bool null_aware, hash;
    uint32_t n_keys, n_left, n_right;
    uint32_t *left_cols, *right_cols, *types;
    struct program residual;
    bool value_condition; /* null-aware nested join: the condition's null counts */
    /* build side */
    bool built;
    struct store store;
    struct arena arena;
    struct vec **keys; /* by batch */
    struct build_row *rows;
    uint32_t n_rows, mask;
    uint32_t *slots;
    bool has_null_key;
    /* probe side */
    struct batch *left;
    struct vec *left_keys;
    uint64_t *hashes;
    bool *matched;
    uint32_t at;      /* next live row of left */
    uint32_t cursor;  /* next build row for it; NO_ROW = start it */
    bool row_started;
    bool left_done;
    uint32_t unmatched_at; /* FULL: build rows still to be looked at */
    struct arena probe;
};

/* ---- build ---- */

static int build_keys(struct join_op *j, struct err *err)
{
    j->keys = arena_array(&j->arena, struct vec *, j->store.n + 1);
    j->rows = arena_array(&j->arena, struct build_row, j->store.rows + 1);
    j->mask = 63;
    while (j->mask < j->store.rows * 2)
        j->mask = j->mask * 2 + 1;
    j->slots = arena_alloc(&j->arena, ((size_t)j->mask + 1) * sizeof *j->slots);
    memset(j->slots, 0xff, ((size_t)j->mask + 1) * sizeof *j->slots);
    for (uint32_t b = 0; b < j->store.n; b++) {
        struct batch *batch = j->store.batches[b];
        j->keys[b] = arena_array(&j->arena, struct vec, j->n_keys + 1);
        uint64_t *hashes = arena_array(&j->arena, uint64_t, batch->n_rows + 1);
        keys_canon(j->op.x, batch, j->right_cols, j->types, j->n_keys, j->keys[b], &j->arena);
        keys_hash(j->keys[b], j->n_keys, batch->n_rows, hashes);
        for (uint32_t i = 0; i < batch->n_rows; i++) {
            struct build_row *r = &j->rows[j->n_rows];
            *r = (struct build_row){.batch = b, .row = i, .next = NO_ROW, .hash = hashes[i]};
            bool null = false;
            for (uint32_t k = 0; k < j->n_keys; k++)
                null |= vec_is_null(&j->keys[b][k], i);
            j->has_null_key |= null;
            if (!null && j->hash) {
                uint32_t *slot = &j->slots[hashes[i] & j->mask];
                r->next = *slot;
                *slot = j->n_rows;
            }
            j->n_rows++;
        }
    }
    /* Chains were made newest first: turn them, so that matches come in the build side's order. */
    for (uint32_t s = 0; s <= j->mask; s++) {
        uint32_t prev = NO_ROW, at = j->slots[s];
        while (at != NO_ROW) {
            uint32_t next = j->rows[at].next;
            j->rows[at].next = prev;
            prev = at;
            at = next;
        }
        j->slots[s] = prev;
    }
    struct mem_account *m = j->op.x->env.account;
    if (m && m->limit_bytes && m->used_bytes > m->limit_bytes)
        return exec_no_memory(j->op.x, "a hash join", err);
    return 0;
}

static int build(struct join_op *j, struct err *err)
{
    int rc = store_fill(&j->store, j->op.child[1], j->hash ? "a hash join" : "a nested loop", err);
    if (rc == 0)
        rc = build_keys(j, err);
    j->built = rc == 0;
    j->op.actual.memory_bytes = j->arena.total_bytes;
    return rc;
}

/* ---- probe ---- */

static int load_left(struct join_op *j, uint32_t rows_max, struct err *err)
{
    batch_destroy(j->left);
    j->left = NULL;
    arena_reset(&j->probe);
    int rc = op_next(j->op.child[0], op_want(j->op.child[0], rows_max), &j->left, err);
    if (rc)
        return rc;
    if (!j->left) {
        j->left_done = true;
        return 0;
    }
    uint32_t live = batch_count(j->left);
    j->left_keys = arena_array(&j->probe, struct vec, j->n_keys + 1);
    j->hashes = arena_array(&j->probe, uint64_t, live + 1);
    j->matched = arena_array(&j->probe, bool, live + 1);
    keys_canon(j->op.x, j->left, j->left_cols, j->types, j->n_keys, j->left_keys, &j->probe);
    keys_hash(j->left_keys, j->n_keys, live, j->hashes);
    for (uint32_t c = 0; c < j->n_left; c++)
        vec_flatten(&j->left->cols[c], j->left->sel, j->left->n_sel, j->left->arena);
    j->at = 0;
    j->row_started = false;
    return 0;
}

static bool left_key_is_null(const struct join_op *j, uint32_t live_row)
{
    for (uint32_t k = 0; k < j->n_keys; k++)
        if (vec_is_null(&j->left_keys[k], live_row))
            return true;
    return false;
}

static uint32_t first_candidate(const struct join_op *j, uint32_t live_row)
{
    if (!j->hash)
        return j->n_rows ? 0 : NO_ROW;
    if (left_key_is_null(j, live_row))
        return NO_ROW;
    return j->slots[j->hashes[live_row] & j->mask];
}

static uint32_t next_candidate(const struct join_op *j, uint32_t row)
{
    if (j->hash)
        return j->rows[row].next;
    return row + 1 < j->n_rows ? row + 1 : NO_ROW;
}

static bool is_match(const struct join_op *j, uint32_t live_row, const struct build_row *r)
{
    return !j->hash || (r->hash == j->hashes[live_row] &&
                        keys_equal(j->left_keys, live_row, j->keys[r->batch], r->row, j->n_keys, false));
}

struct pairs {
    uint32_t left[BATCH_ROWS]; /* live row numbers */
    uint32_t right[BATCH_ROWS]; /* build rows; NO_ROW = null-extended */
    uint32_t n;
};

/* Candidates up to `max` pairs; returns with j->at at the end of the batch or in the middle of a row. */
static void collect_pairs(struct join_op *j, struct pairs *p, uint32_t max)
{
    uint32_t live = batch_count(j->left);
    p->n = 0;
    while (j->at < live && p->n < max) {
        if (!j->row_started) {
            j->cursor = first_candidate(j, j->at);
            j->row_started = true;
        }
        while (j->cursor != NO_ROW && p->n < max) {
            if (is_match(j, j->at, &j->rows[j->cursor])) {
                p->left[p->n] = j->at;
                p->right[p->n++] = j->cursor;
            }
            j->cursor = next_candidate(j, j->cursor);
        }
        if (j->cursor == NO_ROW) {
            j->at++;
            j->row_started = false;
        }
    }
}

static void gather_right(struct join_op *j, const struct pairs *p, uint32_t c, struct vec *out, struct arena *arena)
{
    const struct plan_col *cols = plan_at(&j->op.x->plan->plan, j->op.child[1]->plan->cols, struct plan_col);
    const struct vec *model = j->store.n ? &j->store.batches[0]->cols[c] : NULL;
    vec_alloc(out, model ? (enum phys_kind)model->kind : (enum phys_kind)cols[c].kind, p->n, arena);
    out->dec_scale = model ? model->dec_scale : -1;
    for (uint32_t i = 0; i < p->n; i++) {
        if (p->right[i] == NO_ROW) {
            vec_set_null(out, i, arena);
            continue;
        }
        const struct build_row *r = &j->rows[p->right[i]];
        const struct vec *v = &j->store.batches[r->batch]->cols[c];
        if (v->kind == out->kind && v->dec_scale == out->dec_scale) {
            if (v->valid && !bit_get(v->valid, r->row))
                vec_set_null(out, i, arena);
            else
                memcpy((char *)out->data + (size_t)i * phys_width[v->kind], (char *)v->data + (size_t)r->row * phys_width[v->kind],
                       phys_width[v->kind]);
        } else {
            struct datum d = vec_datum(v, r->row);
            vec_put_value(out, i, cols[c].type_oid, &d, arena);
        }
    }
}

static struct batch *make_batch(struct join_op *j, const struct pairs *p)
{
    struct batch *b = batch_for(j->op.x, j->n_left + j->n_right);
    uint32_t *idx = arena_alloc(b->arena, (p->n + 1) * sizeof *idx);
    b->n_rows = p->n;
    for (uint32_t i = 0; i < p->n; i++)
        idx[i] = p->left[i] == NO_ROW ? NO_ROW : batch_row(j->left, p->left[i]);
    const struct plan_col *cols = plan_at(&j->op.x->plan->plan, j->op.child[0]->plan->cols, struct plan_col);
    for (uint32_t c = 0; c < j->n_left; c++) {
        if (j->left) {
            vec_gather(&b->cols[c], &j->left->cols[c], idx, p->n, true, b->arena);
        } else {
            struct datum null = datum_null((enum phys_kind)cols[c].kind);
            vec_const(&b->cols[c], &null, p->n, b->arena);
        }
    }
    for (uint32_t c = 0; c < j->n_right; c++)
        gather_right(j, p, c, &b->cols[j->n_left + c], b->arena);
    return b;
}

/* Notes matches; for NOT IN's nested form a null condition counts as one. Keeps in p only pairs that pass. */
static int check_residual(struct join_op *j, struct pairs *p, struct batch **out, struct err *err)
{
    *out = NULL;
    if (p->n == 0)
        return 0;
    struct batch *b = j->residual.exec || (j->type != PLAN_JOIN_SEMI && j->type != PLAN_JOIN_ANTI) ? make_batch(j, p) : NULL;
    if (j->residual.exec && j->value_condition) {
        struct vec v;
        uint32_t n_ok, kept = 0;
        int rc = expr_eval(j->op.x->env.task, j->residual.exec, b, p->n, &v, b->arena, &n_ok, err);
        if (rc) {
            batch_destroy(b);
            return rc;
        }
        for (uint32_t i = 0; i < p->n; i++) {
            struct datum d = vec_datum(&v, i);
            if (!d.null && !d.u.b)
                continue;
            p->left[kept] = p->left[i];
            p->right[kept++] = p->right[i];
        }
        p->n = kept;
    } else if (j->residual.exec) {
        uint32_t seen;
        int rc = program_filter(j->op.x, &j->residual, b, BATCH_ROWS, &seen, err);
        if (rc) {
            batch_destroy(b);
            return rc;
        }
        for (uint32_t i = 0; i < b->n_sel; i++) {
            p->left[i] = p->left[b->sel[i]];
            p->right[i] = p->right[b->sel[i]];
        }
        p->n = b->n_sel;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        j->matched[p->left[i]] = true;
        j->rows[p->right[i]].matched = true;
    }
    *out = b;
    return 0;
}

/* SEMI, ANTI, and the null-extended rows of LEFT and FULL: decided when a left batch was looked through. */
static int finish_left(struct join_op *j, struct batch **out)
{
    uint32_t live = batch_count(j->left), n = 0;
    uint16_t *sel = arena_alloc(j->left->arena, (live + 1) * sizeof *sel);
    bool want = j->type == PLAN_JOIN_SEMI;
    for (uint32_t i = 0; i < live; i++) {
        bool keep = j->matched[i] == want;
        if (keep && j->null_aware && j->hash && j->n_rows && (j->has_null_key || left_key_is_null(j, i)))
            keep = false;
        if (keep)
            sel[n++] = (uint16_t)batch_row(j->left, i);
    }
    if (j->type == PLAN_JOIN_SEMI || j->type == PLAN_JOIN_ANTI) {
        j->left->sel = sel;
        j->left->n_sel = n;
        *out = j->left;
        j->left = NULL;
        return 0;
    }
    struct pairs *p = arena_new(&j->probe, struct pairs);
    for (uint32_t i = 0; i < live; i++) {
        if (j->matched[i])
            continue;
        p->left[p->n] = i;
        p->right[p->n++] = NO_ROW;
    }
    *out = p->n ? make_batch(j, p) : NULL;
    batch_destroy(j->left);
    j->left = NULL;
    return 0;
}

/* FULL: build rows nobody matched. */
static void finish_right(struct join_op *j, struct batch **out)
{
    struct pairs *p = arena_new(&j->probe, struct pairs);
    while (j->unmatched_at < j->n_rows && p->n < BATCH_ROWS) {
        uint32_t r = j->unmatched_at++;
        if (j->rows[r].matched)
            continue;
        p->left[p->n] = NO_ROW;
        p->right[p->n++] = r;
    }
    *out = p->n ? make_batch(j, p) : NULL;
    arena_reset(&j->probe);
}

static int report_second_row(struct err *err)
{
    return err_set(err, ERR_CARDINALITY_VIOLATION, "more than one row returned by a subquery used as an expression");
}

static int next_join(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct join_op *j = (struct join_op *)op;
    if (!j->built) {
        int rc = build(j, err);
        if (rc)
            return rc;
    }
    bool pairs_wanted = j->type != PLAN_JOIN_SEMI && j->type != PLAN_JOIN_ANTI;
    struct pairs *p = malloc(sizeof *p);
    int rc = 0;
    while (rc == 0 && !*out) {
        if (!j->left && j->left_done) {
            if (j->type == PLAN_JOIN_FULL && j->unmatched_at < j->n_rows) {
                finish_right(j, out);
                continue;
            }
            break;
        }
        if (!j->left) {
            rc = load_left(j, rows_max, err);
            continue;
        }
        if (j->at < batch_count(j->left)) {
            struct batch *b;
            collect_pairs(j, p, op->pure ? BATCH_ROWS : rows_max);
            rc = check_residual(j, p, &b, err);
            if (rc == 0 && j->type == PLAN_JOIN_SINGLE)
                for (uint32_t i = 1; i < p->n && rc == 0; i++)
                    if (p->left[i] == p->left[i - 1])
                        rc = report_second_row(err);
            if (rc || !pairs_wanted || (b && batch_count(b) == 0)) {
                batch_destroy(b);
                b = NULL;
            }
            *out = b;
            task_tick(op->x->env.task, 50);
            continue;
        }
        if (j->type == PLAN_JOIN_INNER) {
            batch_destroy(j->left);
            j->left = NULL;
            continue;
        }
        rc = finish_left(j, out);
    }
    free(p);
    return rc;
}

static void rewind_join(struct op *op)
{
    struct join_op *j = (struct join_op *)op;
    batch_destroy(j->left);
    j->left = NULL;
    store_clear(&j->store);
    arena_reset(&j->arena);
    arena_reset(&j->probe);
    j->built = j->left_done = j->has_null_key = false;
    j->n_rows = j->at = j->unmatched_at = 0;
}

static void close_join(struct op *op)
{
    struct join_op *j = (struct join_op *)op;
    rewind_join(op);
    arena_done(&j->arena);
    arena_done(&j->probe);
}

static const struct op_vtable join_vtable = {next_join, rewind_join, close_join};

static int open_join(struct exec *x, const struct plan_op *plan, plan_off residual, struct op **out, struct err *err)
{
    int rc = op_new(x, plan, sizeof(struct join_op), &join_vtable, out, err);
    if (rc)
        return rc;
    struct join_op *j = (struct join_op *)*out;
    j->n_left = j->op.child[0]->plan->n_cols;
    j->n_right = j->op.child[1]->plan->n_cols;
    arena_init(&j->arena, x->env.account);
    arena_init(&j->probe, x->env.account);
    rc = program_open(x, residual, &j->residual, err);
    j->op.pure &= program_pure(&j->residual);
    return rc;
}

int op_plan_hash_join(struct exec *x, const struct plan_hash_join *plan, struct op **out, struct err *err)
{
    int rc = open_join(x, &plan->op, plan->residual, out, err);
    if (rc)
        return rc;
    struct join_op *j = (struct join_op *)*out;
    const struct plan_col *in = plan_at(&x->plan->plan, j->op.child[0]->plan->cols, struct plan_col);
    j->type = (uint8_t)plan->join_type;
    j->null_aware = plan->null_aware;
    j->hash = true;
    j->n_keys = plan->left_keys.n;
    j->left_cols = op_alloc(x, sizeof *j->left_cols * (j->n_keys + 1));
    j->right_cols = op_alloc(x, sizeof *j->right_cols * (j->n_keys + 1));
    j->types = op_alloc(x, sizeof *j->types * (j->n_keys + 1));
    for (uint32_t k = 0; k < j->n_keys; k++) {
        j->left_cols[k] = plan_list_get(&x->plan->plan, plan->left_keys, k);
        j->right_cols[k] = plan_list_get(&x->plan->plan, plan->right_keys, k);
        j->types[k] = in[j->left_cols[k]].type_oid;
    }
    return 0;
}

int op_plan_nested_join(struct exec *x, const struct plan_nested_join *plan, struct op **out, struct err *err)
{
    int rc = open_join(x, &plan->op, plan->condition, out, err);
    if (rc)
        return rc;
    struct join_op *j = (struct join_op *)*out;
    j->type = (uint8_t)plan->join_type;
    j->null_aware = plan->null_aware;
    j->value_condition = plan->null_aware;
    return 0;
}
