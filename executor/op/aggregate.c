/* aggregate.c: grouping and aggregate functions: complete, partial (states out) and final (states in).
 *
 * Groups live in a row_table; each group's states are one block of memory, call by call. Input is taken batch by batch: keys to group
 * numbers, then each call steps over all rows with their groups' state pointers.
 */
#include <stdlib.h>
#include <string.h>

#include "executor/exec_int.h"
#include "types/func/agg.h"
#include "types/type/type.h"

struct agg_one {
    const struct plan_agg_call *plan;
    struct agg_call call;
    uint32_t at;          /* offset of its state in a group's block */
    uint32_t n_args;
    uint32_t *args;
    uint32_t *arg_types;
    struct program filter;
    struct row_table seen; /* DISTINCT: (group, value)s stepped already */
    bool distinct;
};

struct agg_op {
    struct op op;
    const struct plan_aggregate *plan;
    uint32_t n_groups, n_calls, n_sets;
    uint32_t *cols, *types;
    struct agg_one *calls;
    uint32_t state_bytes;
    struct row_table table;
    uint8_t **states;      /* by group */
    uint32_t cap_states;
    uint64_t *set_of;      /* grouping sets: which set a group belongs to */
    struct vec **values;
    struct arena arena;
    struct datum *first;   /* n_groups a group: the values as they first came */
    bool filled;
    uint32_t at;
};

static void init_states(struct agg_op *a, uint8_t *block)
{
    for (uint32_t c = 0; c < a->n_calls; c++)
        agg_init(&a->calls[c].call, block + a->calls[c].at);
}

static void add_group(struct agg_op *a, uint32_t g)
{
    if (g >= a->cap_states) {
        a->cap_states = a->cap_states ? a->cap_states * 2 : 64;
        a->states = realloc(a->states, a->cap_states * sizeof *a->states);
        a->first = realloc(a->first, (size_t)a->cap_states * (a->n_groups + 1) * sizeof *a->first);
        a->set_of = realloc(a->set_of, a->cap_states * sizeof *a->set_of);
    }
    a->states[g] = arena_alloc(&a->arena, a->state_bytes ? a->state_bytes : 16);
    init_states(a, a->states[g]);
}

static bool set_has(const struct agg_op *a, uint32_t set, uint32_t group)
{
    if (a->n_sets == 0)
        return true;
    const struct plan *plan = &a->op.x->plan->plan;
    const struct plan_list *list = plan_at(plan, plan_list_get(plan, a->plan->sets, set), struct plan_list);
    for (uint32_t i = 0; i < list->n; i++)
        if (plan_list_get(plan, *list, i) == group)
            return true;
    return false;
}

/* Group keys of one set: absent columns read as null; the set's number is one more key. */
static void group_keys(struct agg_op *a, struct batch *b, uint32_t set, struct vec *keys)
{
    uint32_t live = batch_count(b);
    keys_canon(a->op.x, b, a->cols, a->types, a->n_groups, keys, b->arena);
    for (uint32_t k = 0; k < a->n_groups; k++) {
        if (set_has(a, set, k))
            continue;
        struct datum null = datum_null((enum phys_kind)keys[k].kind);
        vec_const(&keys[k], &null, live, b->arena);
        vec_flatten(&keys[k], NULL, live, b->arena);
    }
    struct datum number = datum_i64(set);
    vec_const(&keys[a->n_groups], &number, live, b->arena);
    vec_flatten(&keys[a->n_groups], NULL, live, b->arena);
}

static void find_groups(struct agg_op *a, struct batch *b, uint32_t set, uint8_t **states)
{
    uint32_t live = batch_count(b);
    struct vec *keys = arena_array(b->arena, struct vec, a->n_groups + 1);
    uint64_t *hashes = arena_array(b->arena, uint64_t, live + 1);
    group_keys(a, b, set, keys);
    keys_hash(keys, a->n_groups + 1, live, hashes);
    for (uint32_t i = 0; i < live; i++) {
        bool added;
        uint32_t g = row_table_find(&a->table, keys, i, hashes[i], true, &added);
        if (added) {
            add_group(a, g);
            a->set_of[g] = set;
            for (uint32_t k = 0; k < a->n_groups; k++) {
                struct datum d = vec_datum(&b->cols[a->cols[k]], batch_row(b, i));
                if (!set_has(a, set, k))
                    d.null = true;
                a->first[(size_t)g * a->n_groups + k] = datum_copy(&d, &a->arena);
            }
        }
        states[i] = a->states[g];
    }
}

/* DISTINCT: keeps the first row of each (group, value); nulls are skipped by the functions themselves. */
static uint32_t keep_new(struct agg_op *a, struct agg_one *c, struct batch *b, uint16_t *sel, uint8_t **states, uint32_t n)
{
    struct batch view = *b;
    view.sel = sel;
    view.n_sel = n;
    struct vec *keys = arena_array(b->arena, struct vec, c->n_args + 1);
    keys_canon(a->op.x, &view, c->args, c->arg_types, c->n_args, keys, b->arena);
    vec_alloc(&keys[c->n_args], PHYS_INT64, n, b->arena);
    for (uint32_t i = 0; i < n; i++)
        ((int64_t *)keys[c->n_args].data)[i] = (int64_t)(uintptr_t)states[i];
    uint64_t *hashes = arena_array(b->arena, uint64_t, n + 1);
    keys_hash(keys, c->n_args, n, hashes);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool added;
        row_table_find(&c->seen, keys, i, hash_combine(hashes[i], (uint64_t)(uintptr_t)states[i]), true, &added);
        if (added) {
            sel[kept] = sel[i];
            states[kept++] = states[i];
        }
    }
    return kept;
}

static int step_call(struct agg_op *a, struct agg_one *c, struct batch *b, uint8_t *const *states, struct err *err)
{
    uint32_t live = batch_count(b), n = live;
    uint16_t *sel = arena_array(b->arena, uint16_t, live + 1);
    uint8_t **mine = arena_memdup(b->arena, states, (live + 1) * sizeof *states);
    for (uint32_t i = 0; i < live; i++)
        sel[i] = (uint16_t)batch_row(b, i);
    if (c->filter.exec) {
        struct batch view = *b;
        uint32_t seen, at = 0;
        int rc = program_filter(a->op.x, &c->filter, &view, BATCH_ROWS, &seen, err);
        if (rc)
            return rc;
        for (uint32_t i = 0, k = 0; i < live && k < view.n_sel; i++) {
            if (sel[i] != view.sel[k])
                continue;
            sel[at] = sel[i];
            mine[at++] = states[i];
            k++;
        }
        n = at;
    }
    if (c->distinct)
        n = keep_new(a, c, b, sel, mine, n);
    struct vec *args = arena_array(b->arena, struct vec, c->n_args + 1);
    for (uint32_t k = 0; k < c->n_args; k++)
        args[k] = b->cols[c->args[k]];
    if (n == 0)
        return 0;
    if (a->plan->mode == PLAN_AGG_FINAL) {
        vec_flatten(&args[0], sel, n, b->arena);
        return agg_merge(&c->call, &args[0], sel, n, mine, c->at, NULL, err);
    }
    bool whole = n == b->n_rows;
    if (a->n_groups == 0 && a->n_sets == 0)
        return agg_step(&c->call, args, whole ? NULL : sel, n, NULL, 0, a->states[0] + c->at, b->arena, err);
    return agg_step(&c->call, args, whole ? NULL : sel, n, mine, c->at, NULL, b->arena, err);
}

static int take_batch(struct agg_op *a, struct batch *b, struct err *err)
{
    uint32_t live = batch_count(b);
    uint8_t **states = arena_array(b->arena, uint8_t *, live + 1);
    for (uint32_t set = 0; set < (a->n_sets ? a->n_sets : 1); set++) {
        if (a->n_groups || a->n_sets)
            find_groups(a, b, set, states);
        else
            for (uint32_t i = 0; i < live; i++)
                states[i] = a->states[0];
        for (uint32_t c = 0; c < a->n_calls; c++) {
            int rc = step_call(a, &a->calls[c], b, states, err);
            if (rc)
                return rc;
        }
    }
    return 0;
}

/* The group of an empty grouping set exists without rows. */
static void add_empty_groups(struct agg_op *a)
{
    if (a->n_groups == 0 && a->n_sets == 0) {
        add_group(a, 0);
        a->set_of[0] = 0;
        a->table.n = 1;
    }
}

static int fill(struct agg_op *a, struct err *err)
{
    if (a->n_groups == 0 && a->n_sets == 0)
        add_empty_groups(a);
    for (;;) {
        struct batch *b;
        int rc = op_next(a->op.child[0], BATCH_ROWS, &b, err);
        if (rc || !b)
            return rc;
        rc = take_batch(a, b, err);
        batch_destroy(b);
        if (rc)
            return rc;
        struct mem_account *m = a->op.x->env.account;
        if (m && m->limit_bytes && m->used_bytes > m->limit_bytes)
            return exec_no_memory(a->op.x, "aggregation", err);
    }
}

static int put_results(struct agg_op *a, uint32_t from, uint32_t n, struct batch *out, struct err *err)
{
    const struct plan_col *cols = plan_at(&a->op.x->plan->plan, a->op.plan->cols, struct plan_col);
    for (uint32_t k = 0; k < a->n_groups; k++) {
        vec_alloc(&out->cols[k], (enum phys_kind)cols[k].kind, n, out->arena);
        for (uint32_t i = 0; i < n; i++)
            vec_put_value(&out->cols[k], i, cols[k].type_oid, &a->first[(size_t)(from + i) * a->n_groups + k], out->arena);
    }
    for (uint32_t c = 0; c < a->n_calls; c++) {
        struct vec *v = &out->cols[a->n_groups + c];
        if (a->plan->mode == PLAN_AGG_PARTIAL) {
            agg_serialise(&a->calls[c].call, a->states + from, a->calls[c].at, n, v, out->arena);
            continue;
        }
        int rc = agg_final(&a->calls[c].call, a->states + from, a->calls[c].at, n, v, out->arena, err);
        if (rc)
            return rc;
    }
    if (!a->plan->grouping_column)
        return 0;
    struct vec *bitmap = &out->cols[a->n_groups + a->n_calls];
    vec_alloc(bitmap, PHYS_INT64, n, out->arena);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < a->n_groups && k < 63; k++)
            if (!set_has(a, (uint32_t)a->set_of[from + i], k))
                ((int64_t *)bitmap->data)[i] |= (int64_t)1 << k;
    return 0;
}

static int next_aggregate(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct agg_op *a = (struct agg_op *)op;
    if (!a->filled) {
        int rc = fill(a, err);
        if (rc)
            return rc;
        a->filled = true;
        op->actual.memory_bytes = a->arena.total_bytes;
    }
    uint32_t left = a->table.n - a->at, n = left < rows_max ? left : rows_max;
    if (n == 0)
        return 0;
    *out = batch_for(op->x, op->plan->n_cols);
    (*out)->n_rows = n;
    int rc = put_results(a, a->at, n, *out, err);
    a->at += n;
    return rc;
}

static void reset(struct agg_op *a)
{
    row_table_done(&a->table);
    for (uint32_t c = 0; c < a->n_calls; c++)
        if (a->calls[c].distinct)
            row_table_done(&a->calls[c].seen);
    free(a->states);
    free(a->first);
    free(a->set_of);
    a->states = NULL;
    a->first = NULL;
    a->set_of = NULL;
    a->cap_states = a->at = 0;
    a->filled = false;
}

static void start(struct agg_op *a)
{
    row_table_init(&a->table, a->n_groups + 1, &a->arena);
    for (uint32_t c = 0; c < a->n_calls; c++)
        if (a->calls[c].distinct)
            row_table_init(&a->calls[c].seen, a->calls[c].n_args + 1, &a->arena);
}

static void rewind_aggregate(struct op *op)
{
    struct agg_op *a = (struct agg_op *)op;
    reset(a);
    arena_reset(&a->arena);
    start(a);
}

static void close_aggregate(struct op *op)
{
    reset((struct agg_op *)op);
    arena_done(&((struct agg_op *)op)->arena);
}

static const struct op_vtable aggregate_vtable = {next_aggregate, rewind_aggregate, close_aggregate};

static int open_call(struct agg_op *a, const struct plan_agg_call *plan, const struct plan_col *in, struct agg_one *c,
                     struct err *err)
{
    struct exec *x = a->op.x;
    const struct agg_info *info = agg_info(plan->agg_oid);
    if (!info)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "aggregate function %u is not supported", plan->agg_oid);
    const struct func_info *f = func_info(plan->agg_oid);
    c->plan = plan;
    c->distinct = plan->distinct;
    c->n_args = plan->args.n;
    c->args = op_alloc(x, sizeof *c->args * (c->n_args + 1));
    c->arg_types = op_alloc(x, sizeof *c->arg_types * (c->n_args + f->n_args + 1));
    for (uint32_t k = 0; k < c->n_args; k++) {
        c->args[k] = plan_list_get(&x->plan->plan, plan->args, k);
        c->arg_types[k] = in[c->args[k]].type_oid;
    }
    bool final = a->plan->mode == PLAN_AGG_FINAL;
    for (uint32_t k = 0; final && k < f->n_args; k++)
        c->arg_types[k] = f->args[k];
    c->call = (struct agg_call){.agg = info, .arg_types = c->arg_types, .n_args = final ? f->n_args : c->n_args,
                                .result_type = plan->type_oid, .arena = &a->arena, .env = x->expr_env.env ? x->expr_env.env : &type_env_default};
    c->at = a->state_bytes;
    a->state_bytes += (info->state_bytes + 15u) & ~15u;
    return program_open(x, plan->filter, &c->filter, err);
}

int op_plan_aggregate(struct exec *x, const struct plan_aggregate *plan, struct op **out, struct err *err)
{
    int rc = op_new(x, &plan->op, sizeof(struct agg_op), &aggregate_vtable, out, err);
    if (rc)
        return rc;
    struct agg_op *a = (struct agg_op *)*out;
    const struct plan_col *in = plan_at(&x->plan->plan, a->op.child[0]->plan->cols, struct plan_col);
    a->plan = plan;
    a->n_groups = plan->groups.n;
    a->n_calls = plan->calls.n;
    a->n_sets = plan->sets.n;
    a->op.pure = true;
    arena_init(&a->arena, x->env.account);
    a->cols = op_alloc(x, sizeof *a->cols * (a->n_groups + 1));
    a->types = op_alloc(x, sizeof *a->types * (a->n_groups + 1));
    a->calls = op_alloc(x, sizeof *a->calls * (a->n_calls + 1));
    for (uint32_t k = 0; k < a->n_groups; k++) {
        a->cols[k] = plan_list_get(&x->plan->plan, plan->groups, k);
        a->types[k] = in[a->cols[k]].type_oid;
    }
    for (uint32_t c = 0; rc == 0 && c < a->n_calls; c++)
        rc = open_call(a, plan_at(&x->plan->plan, plan_list_get(&x->plan->plan, plan->calls, c), struct plan_agg_call), in,
                       &a->calls[c], err);
    start(a);
    return rc;
}
