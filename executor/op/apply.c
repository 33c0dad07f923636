/* apply.c: APPLY (an inner plan opened per outer row) and subqueries in expressions, which are the same thing asked from a program. */
#include <stdlib.h>
#include <string.h>

#include "executor/exec_int.h"
#include "types/type/type.h"
#include "types/type/array.h"

/* ---- APPLY ---- */

struct apply_op {
    struct op op;
    const struct plan_apply *plan;
    struct program condition;
    struct batch *left;
    uint32_t at; /* live row being served; its inner plan is open when `open` */
    bool open, matched;
    uint32_t n_left, n_right;
};

static void set_slots(struct exec *x, struct plan_list slots, const struct datum *values)
{
    for (uint32_t i = 0; i < slots.n; i++) {
        uint32_t slot = plan_list_get(&x->plan->plan, slots, i);
        if (slot < x->n_outer)
            x->outer[slot] = values[i];
    }
    exec_set_outer(x);
}

static void open_inner(struct apply_op *a)
{
    struct exec *x = a->op.x;
    struct datum *values = arena_array(a->left->arena, struct datum, a->plan->outer.n + 1);
    uint32_t row = batch_row(a->left, a->at);
    for (uint32_t i = 0; i < a->plan->outer_from.n; i++)
        values[i] = vec_datum(&a->left->cols[plan_list_get(&x->plan->plan, a->plan->outer_from, i)], row);
    set_slots(x, a->plan->outer, values);
    op_rewind(a->op.child[1]);
    a->open = true;
    a->matched = false;
}

/* The outer row beside each inner row (or beside nulls). */
static struct batch *pair_up(struct apply_op *a, struct batch *inner)
{
    struct exec *x = a->op.x;
    uint32_t n = inner ? batch_count(inner) : 1, row = batch_row(a->left, a->at);
    bool semi = a->plan->join_type == PLAN_JOIN_SEMI || a->plan->join_type == PLAN_JOIN_ANTI;
    struct batch *b = batch_for(x, a->n_left + (semi && !a->condition.exec ? 0 : a->n_right));
    const struct plan_col *cols = plan_at(&x->plan->plan, a->op.child[1]->plan->cols, struct plan_col);
    b->n_rows = n;
    for (uint32_t c = 0; c < a->n_left; c++) {
        struct datum d = vec_datum(&a->left->cols[c], row), copy = datum_copy(&d, b->arena);
        vec_const(&b->cols[c], &copy, n, b->arena);
    }
    for (uint32_t c = 0; c + a->n_left < b->n_cols; c++) {
        if (!inner) {
            struct datum null = datum_null((enum phys_kind)cols[c].kind);
            vec_const(&b->cols[a->n_left + c], &null, n, b->arena);
        }
    }
    if (!inner)
        return b;
    struct batch *dense = batch_slice(x, inner, 0, n);
    uint32_t *idx = arena_alloc(b->arena, (n + 1) * sizeof *idx);
    for (uint32_t i = 0; i < n; i++)
        idx[i] = i;
    for (uint32_t c = 0; c + a->n_left < b->n_cols; c++)
        vec_gather(&b->cols[a->n_left + c], &dense->cols[c], idx, n, true, b->arena);
    batch_destroy(dense);
    return b;
}

static void end_row(struct apply_op *a)
{
    a->open = false;
    if (++a->at == batch_count(a->left)) {
        batch_destroy(a->left);
        a->left = NULL;
    }
}

static int serve_row(struct apply_op *a, uint32_t rows_max, struct batch **out, struct err *err)
{
    uint16_t type = a->plan->join_type;
    bool semi = type == PLAN_JOIN_SEMI, anti = type == PLAN_JOIN_ANTI;
    struct batch *inner, *b;
    if (!a->open)
        open_inner(a);
    int rc = op_next(a->op.child[1], semi || anti ? 1 : type == PLAN_JOIN_SINGLE ? 2 : rows_max, &inner, err);
    if (rc)
        return rc;
    if (!inner) {
        if ((anti && !a->matched) || ((type == PLAN_JOIN_LEFT || type == PLAN_JOIN_SINGLE) && !a->matched)) {
            *out = pair_up(a, NULL);
            if (anti)
                (*out)->n_cols = a->n_left;
        }
        end_row(a);
        return 0;
    }
    b = pair_up(a, inner);
    batch_destroy(inner);
    if (a->condition.exec) {
        uint32_t seen;
        rc = program_filter(a->op.x, &a->condition, b, BATCH_ROWS, &seen, err);
        if (rc) {
            batch_destroy(b);
            return rc;
        }
    }
    uint32_t n = batch_count(b);
    if (n && type == PLAN_JOIN_SINGLE && (n > 1 || a->matched)) {
        batch_destroy(b);
        return err_set(err, ERR_CARDINALITY_VIOLATION, "more than one row returned by a subquery used as an expression");
    }
    a->matched |= n > 0;
    if (n && (semi || anti)) {
        b->n_cols = a->n_left;
        end_row(a);
    }
    if (n == 0 || anti) {
        batch_destroy(b);
        b = NULL;
    }
    *out = b;
    return 0;
}

static int next_apply(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct apply_op *a = (struct apply_op *)op;
    while (!*out) {
        if (!a->left) {
            int rc = op_next(op->child[0], op_want(op->child[0], rows_max), &a->left, err);
            if (rc || !a->left)
                return rc;
            for (uint32_t c = 0; c < a->n_left; c++)
                vec_flatten(&a->left->cols[c], a->left->sel, a->left->n_sel, a->left->arena);
            a->at = 0;
            a->open = false;
        }
        int rc = serve_row(a, rows_max, out, err);
        if (rc)
            return rc;
    }
    return 0;
}

static void rewind_apply(struct op *op)
{
    struct apply_op *a = (struct apply_op *)op;
    batch_destroy(a->left);
    a->left = NULL;
    a->open = false;
}

static const struct op_vtable apply_vtable = {next_apply, rewind_apply, rewind_apply};

int op_plan_apply(struct exec *x, const struct plan_apply *plan, struct op **out, struct err *err)
{
    int rc = op_new(x, &plan->op, sizeof(struct apply_op), &apply_vtable, out, err);
    if (rc)
        return rc;
    struct apply_op *a = (struct apply_op *)*out;
    a->plan = plan;
    a->n_left = a->op.child[0]->plan->n_cols;
    a->n_right = a->op.child[1]->plan->n_cols;
    rc = program_open(x, plan->condition, &a->condition, err);
    a->op.pure &= program_pure(&a->condition);
    return rc;
}

/* ---- subqueries in expressions ---- */

/* Answers by argument values, for subplans whose answer depends on nothing else. */
struct memo {
    struct row_table table;
    struct arena arena;
    struct datum *answers;
    uint32_t cap;
};

enum { MEMO_MAX = 100000 };

void memo_close(struct memo *m)
{
    if (!m)
        return;
    row_table_done(&m->table);
    arena_done(&m->arena);
}

static int ask_exists(struct op *root, struct datum *out, struct err *err)
{
    struct batch *b;
    int rc = op_next(root, 1, &b, err);
    if (rc)
        return rc;
    *out = (struct datum){.kind = PHYS_BOOL, .dec_scale = -1, .u.b = b != NULL};
    batch_destroy(b);
    return 0;
}

static int ask_scalar(struct op *root, struct arena *arena, struct datum *out, struct err *err)
{
    struct batch *b;
    const struct plan_col *col = plan_at(&root->x->plan->plan, root->plan->cols, struct plan_col);
    *out = datum_null((enum phys_kind)col->kind);
    int rc = op_next(root, 2, &b, err);
    if (rc || !b)
        return rc;
    struct datum d = vec_datum(&b->cols[0], batch_row(b, 0));
    *out = datum_copy(&d, arena);
    uint32_t n = batch_count(b);
    batch_destroy(b);
    if (n == 1) {
        rc = op_next(root, 1, &b, err);
        n += b ? 1 : 0;
        batch_destroy(b);
    }
    if (rc == 0 && n > 1)
        return err_set(err, ERR_CARDINALITY_VIOLATION, "more than one row returned by a subquery used as an expression");
    return rc;
}

/* ANY: true as soon as one is true, else null if one is null, else false. ALL: the mirror. */
static int ask_quantified(struct op *root, bool all, struct datum *out, struct err *err)
{
    bool seen_null = false;
    *out = (struct datum){.kind = PHYS_BOOL, .dec_scale = -1, .u.b = all};
    for (;;) {
        struct batch *b;
        int rc = op_next(root, op_want(root, 64), &b, err);
        if (rc || !b) {
            out->null = seen_null;
            return rc;
        }
        for (uint32_t i = 0; i < batch_count(b); i++) {
            struct datum d = vec_datum(&b->cols[0], batch_row(b, i));
            seen_null |= d.null;
            if (!d.null && d.u.b != all) {
                out->u.b = !all;
                batch_destroy(b);
                return 0;
            }
        }
        batch_destroy(b);
    }
}

/* ARRAY(SELECT ...): all rows in order; none gives an empty array. */
static int ask_array(struct op *root, struct arena *arena, struct datum *out, struct err *err)
{
    const struct plan_col *col = plan_at(&root->x->plan->plan, root->plan->cols, struct plan_col);
    struct array_builder builder;
    array_begin(&builder, col->type_oid);
    for (;;) {
        struct batch *b;
        int rc = op_next(root, BATCH_ROWS, &b, err);
        if (rc) {
            array_abandon(&builder);
            return rc;
        }
        if (!b)
            break;
        for (uint32_t i = 0; i < batch_count(b); i++) {
            struct datum d = vec_datum(&b->cols[0], batch_row(b, i));
            array_add(&builder, &d);
        }
        batch_destroy(b);
    }
    *out = array_end(&builder, arena);
    return 0;
}

static int ask(struct exec_subplan *s, struct arena *arena, struct datum *out, struct err *err)
{
    op_rewind(s->root);
    switch (s->plan->kind) {
    case PLAN_SUB_EXISTS: return ask_exists(s->root, out, err);
    case PLAN_SUB_SCALAR: return ask_scalar(s->root, arena, out, err);
    case PLAN_SUB_ANY: return ask_quantified(s->root, false, out, err);
    case PLAN_SUB_ALL: return ask_quantified(s->root, true, out, err);
    default: return ask_array(s->root, arena, out, err);
    }
}

static struct memo *memo_of(struct exec *x, struct exec_subplan *s, uint32_t n_args)
{
    if (!s->memo) {
        s->memo = op_alloc(x, sizeof *s->memo);
        arena_init(&s->memo->arena, x->env.account);
        row_table_init(&s->memo->table, n_args, &s->memo->arena);
    }
    return s->memo;
}

static int ask_once(struct exec *x, struct exec_subplan *s, const struct vec *args, uint32_t n_args, uint32_t row,
                    struct arena *arena, struct datum *out, struct err *err)
{
    struct memo *m = s->plan->memoise ? memo_of(x, s, n_args) : NULL;
    uint32_t entry = UINT32_MAX;
    if (m) {
        bool added;
        uint64_t hash = 0;
        for (uint32_t k = 0; k < n_args; k++) {
            uint64_t one[1];
            struct vec single = args[k];
            struct datum d = vec_datum(&single, row);
            struct vec v;
            vec_const(&v, &d, 1, arena);
            v.form = VEC_FLAT;
            keys_hash(&v, 1, 1, one);
            hash = hash_combine(hash, one[0]);
        }
        bool room = m->table.n < MEMO_MAX;
        entry = row_table_find(&m->table, args, row, hash, room, &added);
        if (entry != UINT32_MAX && !added) {
            *out = m->answers[entry];
            return 0;
        }
    }
    struct datum *values = arena_array(arena, struct datum, n_args + 1), *before = arena_array(arena, struct datum, n_args + 1);
    for (uint32_t k = 0; k < n_args; k++) {
        uint32_t slot = plan_list_get(&x->plan->plan, s->plan->outer, k);
        before[k] = x->outer[slot];
        values[k] = vec_datum(&args[k], row);
    }
    set_slots(x, s->plan->outer, values);
    int rc = ask(s, m ? &m->arena : arena, out, err);
    set_slots(x, s->plan->outer, before);
    if (m && entry != UINT32_MAX) {
        if (rc) {
            /* A failed answer is no answer: the entry would hold garbage for an equal row. */
            row_table_done(&m->table);
            row_table_init(&m->table, n_args, &m->arena);
            return rc;
        }
        if (entry >= m->cap) {
            uint32_t cap = m->cap ? m->cap * 2 : 64;
            struct datum *more = arena_array(&m->arena, struct datum, cap);
            if (m->cap)
                memcpy(more, m->answers, m->cap * sizeof *more);
            m->answers = more;
            m->cap = cap;
        }
        m->answers[entry] = *out;
    }
    return rc;
}

int exec_subplan_call(struct task *task, void *ctx, uint32_t index, const struct vec *args, uint32_t n_args, const uint16_t *sel,
                      uint32_t n, struct vec *out, struct arena *arena, uint32_t *failed, struct err *err)
{
    struct exec *x = ctx;
    if (bug_if(index >= x->plan->head->subplans.n, err))
        return err->code;
    struct exec_subplan *s = &x->subplans[index];
    if (bug_if(s->plan->outer.n != n_args, err))
        return err->code;
    if (!s->root) {
        int rc = op_create(x, s->plan->root, &s->root, err);
        if (rc)
            return rc;
    }
    const struct plan_col *col = plan_at(&x->plan->plan, s->root->plan->cols, struct plan_col);
    uint32_t rows = n_args ? args[0].n : 1;
    bool is_array = s->plan->kind == PLAN_SUB_ARRAY, is_bool = s->plan->kind != PLAN_SUB_SCALAR && !is_array;
    vec_alloc(out, is_bool ? PHYS_BOOL : is_array ? PHYS_BYTES : (enum phys_kind)col->kind, rows, arena);
    struct vec *flat = arena_array(arena, struct vec, n_args + 1);
    for (uint32_t k = 0; k < n_args; k++) {
        flat[k] = args[k];
        vec_flatten(&flat[k], NULL, 0, arena);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct datum d;
        uint32_t row = n_args == 0 ? 0 : sel ? sel[i] : i;
        int rc = ask_once(x, s, flat, n_args, row, arena, &d, err);
        if (rc) {
            *failed = i;
            return rc;
        }
        vec_put_value(out, row, is_bool ? TYPE_BOOL : is_array ? TYPE_BYTEA : col->type_oid, &d, arena);
    }
    return 0;
}
