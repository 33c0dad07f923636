/* insert.c: INSERT with uniqueness, ON CONFLICT and foreign keys. */
#include <stdlib.h>
#include <string.h>

#include "executor/write_int.h"
#include "types/type/type.h"

struct insert_op {
    struct op op;
    const struct plan_insert *plan;
    struct target target;
    struct foreign_keys foreign;
    struct program *set;
    struct program where;
    struct store out;   /* RETURNING: rows as stored */
    struct row_table touched; /* DO UPDATE: rows this statement wrote */
    struct arena arena;
    uint32_t at;
    bool done, returns, bulk;
};

/* The full row, the hidden row id made here. */
static struct batch *full_rows(struct insert_op *ins, struct batch *in)
{
    struct exec *x = ins->op.x;
    struct target *t = &ins->target;
    struct batch *rows = batch_slice(x, in, 0, batch_count(in));
    if (!t->plan->hidden_rowid)
        return rows;
    struct vec *cols = arena_array(rows->arena, struct vec, t->n_row + 1);
    memcpy(cols, rows->cols, rows->n_cols * sizeof *cols);
    vec_alloc(&cols[t->n_row - 1], PHYS_INT64, rows->n_rows, rows->arena);
    for (uint32_t i = 0; i < rows->n_rows; i++)
        ((int64_t *)cols[t->n_row - 1].data)[i] = (int64_t)x->env.row_id(x->env.row_id_ctx);
    rows->cols = cols;
    rows->n_cols = t->n_row;
    return rows;
}

static bool is_arbiter(const struct insert_op *ins, uint32_t index)
{
    const struct plan *bytes = &ins->op.x->plan->plan;
    if (ins->plan->on_conflict == PLAN_CONFLICT_ERROR)
        return false;
    if (ins->plan->arbiters.n == 0)
        return true;
    for (uint32_t i = 0; i < ins->plan->arbiters.n; i++)
        if (plan_list_get(bytes, ins->plan->arbiters, i) == index)
            return true;
    return false;
}

/* Writes rows one index after another; on a conflict in an arbiter the row is taken out again and listed in `conflicts`. */
static int write_rows(struct insert_op *ins, struct batch *rows, bool *live, uint32_t *conflict_index, struct err *err)
{
    struct target *t = &ins->target;
    uint32_t n = rows->n_rows;
    uint8_t *results = arena_array(rows->arena, uint8_t, n + 1);
    for (uint32_t x = 0; x < t->n_indexes; x++) {
        bool unique = t->indexes[x].plan->unique;
        int rc = target_write(t, x, unique ? KV_INSERT : KV_PUT, rows, live, results, ins->bulk, NULL, rows->arena, err);
        if (rc)
            return rc;
        bool *undo = arena_array(rows->arena, bool, n + 1), any = false;
        for (uint32_t i = 0; i < n; i++) {
            if (!live[i] || results[i] != KV_ROW_EXISTS)
                continue;
            if (!is_arbiter(ins, x))
                return target_duplicate(t, x, rows, i, err);
            live[i] = false;
            undo[i] = any = true;
            conflict_index[i] = x;
        }
        for (uint32_t back = 0; any && back < x; back++) {
            rc = target_write(t, back, KV_DELETE, rows, undo, results, false, NULL, rows->arena, err);
            if (rc)
                return rc;
        }
    }
    return 0;
}

/* ---- DO UPDATE ---- */

/* The row that is in the way: found through the conflicting index, read by the table's key, locked at its newest version. */
static int fetch_existing(struct insert_op *ins, struct batch *rows, uint32_t row, uint32_t index, struct batch **out, struct bytes_view *key,
                          struct err *err);

static int update_existing(struct insert_op *ins, struct batch *rows, uint32_t row, uint32_t index, struct err *err)
{
    struct target *t = &ins->target;
    struct exec *x = ins->op.x;
    struct batch *old;
    struct bytes_view key;
    int rc = fetch_existing(ins, rows, row, index, &old, &key, err);
    if (rc || !old)
        return rc;
    struct vec keyvec;
    struct datum kd = {.kind = PHYS_BYTES, .dec_scale = -1, .u.bytes = key};
    bool added;
    uint64_t hash;
    vec_alloc(&keyvec, PHYS_BYTES, 1, old->arena);
    vec_put(&keyvec, 0, &kd, old->arena);
    keys_hash(&keyvec, 1, 1, &hash);
    row_table_find(&ins->touched, &keyvec, 0, hash, true, &added);
    if (!added) {
        batch_destroy(old);
        err_set(err, ERR_CARDINALITY_VIOLATION, "ON CONFLICT DO UPDATE command cannot affect row a second time");
        return err_hint(err, "Ensure that no rows proposed for insertion within the same command have duplicate constrained values.");
    }
    /* Old row beside the proposed one. */
    struct batch *both = batch_for(x, t->n_row * 2);
    both->n_rows = 1;
    for (uint32_t c = 0; c < t->n_row; c++) {
        struct datum a = vec_datum(&old->cols[c], 0), b = vec_datum(&rows->cols[c], row);
        vec_const(&both->cols[c], &a, 1, both->arena);
        vec_const(&both->cols[t->n_row + c], &b, 1, both->arena);
        vec_flatten(&both->cols[c], NULL, 1, both->arena);
        vec_flatten(&both->cols[t->n_row + c], NULL, 1, both->arena);
    }
    uint32_t seen = 1;
    if (ins->where.exec)
        rc = program_filter(x, &ins->where, both, 1, &seen, err);
    if (rc == 0 && batch_count(both)) {
        struct batch *new_row = batch_slice(x, old, 0, 1);
        for (uint32_t c = 0; rc == 0 && c < t->plan->n_row; c++) {
            uint32_t n_ok;
            if (c < ins->plan->set.n && ins->set[c].exec) {
                both->sel = NULL;
                rc = expr_eval(x->env.task, ins->set[c].exec, both, 1, &new_row->cols[c], new_row->arena, &n_ok, err);
                if (rc == 0)
                    vec_flatten(&new_row->cols[c], NULL, 1, new_row->arena);
            }
        }
        if (rc == 0)
            rc = target_check(t, new_row, err);
        if (rc == 0)
            rc = target_replace(t, old, new_row, err);
        if (rc == 0 && t->plan->foreign_keys.n)
            rc = store_add(x, &ins->foreign.added, new_row, "INSERT", err);
        if (rc == 0 && ins->returns)
            rc = store_add(x, &ins->out, new_row, "INSERT", err);
        if (rc == 0)
            x->affected++;
        batch_destroy(new_row);
    }
    batch_destroy(both);
    batch_destroy(old);
    return rc;
}

static int fetch_existing(struct insert_op *ins, struct batch *rows, uint32_t row, uint32_t index, struct batch **out, struct bytes_view *key,
                          struct err *err)
{
    struct target *t = &ins->target;
    struct exec *x = ins->op.x;
    struct batch *one = NULL, *found = NULL;
    struct batch view = *rows;
    uint16_t sel = (uint16_t)row;
    view.sel = &sel;
    view.n_sel = 1;
    one = batch_slice(x, &view, 0, 1);
    *out = NULL;
    struct bytes_view k;
    int rc = target_keys(t, index, one, &k, NULL, one->arena, err);
    if (rc == 0)
        rc = target_fetch(t, index, &k, true, &found, key, err);
    batch_destroy(one);
    *out = found;
    return rc;
}

/* ---- pulling ---- */

static int take_batch(struct insert_op *ins, struct batch *in, struct err *err)
{
    struct exec *x = ins->op.x;
    struct target *t = &ins->target;
    struct batch *rows = full_rows(ins, in);
    uint32_t n = rows->n_rows, kept = 0;
    bool *live = arena_array(rows->arena, bool, n + 1);
    uint32_t *conflict = arena_array(rows->arena, uint32_t, n + 1);
    memset(live, 1, n);
    int rc = target_check(t, rows, err);
    if (rc == 0)
        rc = write_rows(ins, rows, live, conflict, err);
    uint16_t *sel = arena_array(rows->arena, uint16_t, n + 1);
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        if (live[i])
            sel[kept++] = (uint16_t)i;
    if (rc == 0 && kept) {
        struct batch written = *rows;
        written.sel = sel;
        written.n_sel = kept;
        x->affected += kept;
        if (t->plan->foreign_keys.n)
            rc = store_add(x, &ins->foreign.added, &written, "INSERT", err);
        if (rc == 0 && ins->returns)
            rc = store_add(x, &ins->out, &written, "INSERT", err);
    }
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        if (!live[i] && ins->plan->on_conflict == PLAN_CONFLICT_UPDATE)
            rc = update_existing(ins, rows, i, conflict[i], err);
    batch_destroy(rows);
    return rc;
}

static int run_insert(struct insert_op *ins, struct err *err)
{
    struct exec *x = ins->op.x;
    ins->bulk = ins->plan->on_conflict == PLAN_CONFLICT_ERROR && kv_storage_is_private(x->env.txn, ins->target.indexes[0].schema);
    for (;;) {
        struct batch *in;
        /* DO UPDATE must see each of its own rows: they are taken one by one. */
        uint32_t want = ins->plan->on_conflict == PLAN_CONFLICT_UPDATE ? 1 : BATCH_ROWS;
        int rc = op_next(ins->op.child[0], want, &in, err);
        if (rc)
            return rc;
        if (!in)
            break;
        rc = take_batch(ins, in, err);
        batch_destroy(in);
        if (rc)
            return rc;
    }
    int rc = foreign_check(&ins->foreign, err);
    store_clear(&ins->foreign.added);
    return rc;
}

static int next_insert(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct insert_op *ins = (struct insert_op *)op;
    if (!ins->done) {
        int rc = run_insert(ins, err);
        if (rc)
            return rc;
        ins->done = true;
    }
    if (ins->at == ins->out.n)
        return 0;
    *out = ins->out.batches[ins->at];
    ins->out.batches[ins->at++] = NULL;
    return 0;
}

static void close_insert(struct op *op)
{
    struct insert_op *ins = (struct insert_op *)op;
    store_clear(&ins->out);
    store_clear(&ins->foreign.added);
    store_clear(&ins->foreign.removed);
    row_table_done(&ins->touched);
    arena_done(&ins->arena);
}

static const struct op_vtable insert_vtable = {next_insert, NULL, close_insert};

int op_plan_insert(struct exec *x, const struct plan_insert *plan, struct op **out, struct err *err)
{
    if (!x->env.txn)
        return err_set(err, ERR_INTERNAL_ERROR, "a fragment may not write");
    int rc = op_new(x, &plan->op, sizeof(struct insert_op), &insert_vtable, out, err);
    if (rc)
        return rc;
    struct insert_op *ins = (struct insert_op *)*out;
    ins->plan = plan;
    ins->op.pure = false;
    ins->returns = (x->plan->head->flags & PLAN_RETURNS_ROWS) != 0;
    ins->foreign.t = &ins->target;
    arena_init(&ins->arena, x->env.account);
    row_table_init(&ins->touched, 1, &ins->arena);
    rc = target_open(x, plan->target, &ins->target, err);
    ins->set = op_alloc(x, sizeof *ins->set * (plan->set.n + 1));
    for (uint32_t i = 0; rc == 0 && i < plan->set.n; i++)
        rc = program_open(x, plan_list_get(&x->plan->plan, plan->set, i), &ins->set[i], err);
    return rc ? rc : program_open(x, plan->where, &ins->where, err);
}
