/* modify.c: UPDATE and DELETE, and locking rows for SELECT ... FOR UPDATE.
 *
 * All input is read before the first write. Each row is locked; if it changed since the statement's snapshot (READ COMMITTED), the
 * statement's qualification runs again on the new version with the other relations' columns as they were read.
 */
#include <stdlib.h>
#include <string.h>

#include "executor/write_int.h"
#include "types/type/type.h"

/* ---- re-check after a wait, shared with LOCK_ROWS ---- */

enum { MOVES_MAX = 100 };

struct relock {
    struct exec *x;
    const struct kv_schema *schema;
    uint8_t mode, wait;
    const uint32_t *columns; /* columns of the batch that come from this relation ... */
    const uint32_t *ids;     /* ... and their stable ids */
    uint32_t n_columns;
    uint32_t key;            /* column with the key bytes */
    const uint32_t *types;
};

/* Puts the new version into row i. */
static void take_version(const struct relock *l, struct batch *rows, uint32_t i, struct batch *changed, uint32_t at)
{
    for (uint32_t c = 0; c < l->n_columns; c++) {
        struct datum d = vec_datum(&changed->cols[c], at);
        vec_put_value(&rows->cols[l->columns[c]], i, l->types[c], &d, rows->arena);
    }
}

/* A row whose key changed: its new place is locked in turn, until it stands still. */
static int follow_move(const struct relock *l, struct batch *rows, uint32_t i, struct datum where, bool *gone, bool *changed_out, struct err *err)
{
    for (int step = 0; step < MOVES_MAX; step++) {
        struct bytes_view key = view_copy(rows->arena, view_data(&where.u.bytes), where.u.bytes.len);
        struct kv_lock_request request = {.schema = l->schema, .read = &l->x->read, .mode = l->mode, .wait = l->wait, .n_rows = 1, .keys = &key,
                                          .column_ids = l->ids, .n_columns = (uint16_t)l->n_columns};
        struct batch *changed = NULL;
        uint8_t result;
        int rc = kv_lock(l->x->env.task, l->x->env.txn, &request, &result, &changed, err);
        if (rc)
            return rc;
        if (result == KV_ROW_MOVED && changed) {
            struct datum next = vec_datum(&changed->cols[l->n_columns], 0);
            where = datum_copy(&next, rows->arena);
            batch_destroy(changed);
            continue;
        }
        *gone = result == KV_ROW_GONE || result == KV_ROW_SKIPPED;
        if (result == KV_ROW_CHANGED && changed) {
            struct datum kd = {.kind = PHYS_BYTES, .dec_scale = -1, .u.bytes = key};
            take_version(l, rows, i, changed, 0);
            vec_put(&rows->cols[l->key], i, &kd, rows->arena);
            *changed_out = true;
        }
        batch_destroy(changed);
        return 0;
    }
    return err_set(err, ERR_SERIALIZATION_FAILURE, "could not serialize access due to concurrent update");
}

/* Locks all rows of a dense batch; live[i] cleared for rows that are gone; changed[i] set for rows with a new version in place. */
static int lock_rows(const struct relock *l, struct batch *rows, bool *live, bool *changed_out, struct err *err)
{
    uint32_t n = rows->n_rows, m = 0;
    struct bytes_view *keys = arena_array(rows->arena, struct bytes_view, n + 1);
    uint32_t *of = arena_array(rows->arena, uint32_t, n + 1);
    uint8_t *results = arena_array(rows->arena, uint8_t, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        if (!live[i] || vec_is_null(&rows->cols[l->key], i)) /* null: an outer join's empty side */
            continue;
        keys[m] = ((struct bytes_view *)rows->cols[l->key].data)[i];
        of[m++] = i;
    }
    if (m == 0)
        return 0;
    struct kv_lock_request request = {.schema = l->schema, .read = &l->x->read, .mode = l->mode, .wait = l->wait, .n_rows = m, .keys = keys,
                                      .column_ids = l->ids, .n_columns = (uint16_t)l->n_columns};
    struct batch *changed = NULL;
    int rc = kv_lock(l->x->env.task, l->x->env.txn, &request, results, &changed, err);
    for (uint32_t k = 0; rc == 0 && k < m; k++) {
        uint32_t i = of[k];
        switch ((enum kv_row_result)results[k]) {
        case KV_ROW_CHANGED:
            take_version(l, rows, i, changed, k);
            changed_out[i] = true;
            break;
        case KV_ROW_MOVED: {
            bool gone = false;
            struct datum d = vec_datum(&changed->cols[l->n_columns], k), where = datum_copy(&d, rows->arena);
            changed_out[i] = true;
            rc = follow_move(l, rows, i, where, &gone, &changed_out[i], err);
            live[i] = !gone;
            break;
        }
        case KV_ROW_GONE:
        case KV_ROW_SKIPPED: live[i] = false; break;
        default: break;
        }
    }
    batch_destroy(changed);
    return rc;
}

/* Rows with a new version must still qualify. */
static int recheck(struct exec *x, struct program *p, struct batch *rows, bool *live, const bool *changed, struct err *err)
{
    uint32_t n = 0, seen;
    uint16_t *sel = arena_array(rows->arena, uint16_t, rows->n_rows + 1);
    if (!p->exec)
        return 0;
    for (uint32_t i = 0; i < rows->n_rows; i++)
        if (live[i] && changed[i])
            sel[n++] = (uint16_t)i;
    if (n == 0)
        return 0;
    struct batch view = *rows;
    view.sel = sel;
    view.n_sel = n;
    int rc = program_filter(x, p, &view, BATCH_ROWS, &seen, err);
    if (rc)
        return rc;
    for (uint32_t i = 0, k = 0; i < n; i++) {
        if (k < view.n_sel && view.sel[k] == sel[i])
            k++;
        else
            live[sel[i]] = false;
    }
    return 0;
}

/* ---- UPDATE, DELETE ---- */

struct modify_op {
    struct op op;
    const struct plan_modify *plan;
    struct target target;
    struct foreign_keys foreign;
    struct program *set;
    struct program recheck;
    struct relock lock;
    struct store in, old_rows, new_rows, out;
    struct row_table touched;
    struct arena arena;
    uint32_t at;
    bool update, done, returns;
};

/* A target row joined more than once is changed once. */
static void drop_repeats(struct modify_op *m, struct batch *rows, bool *live)
{
    const struct vec *keys = &rows->cols[m->target.n_row];
    uint64_t *hashes = arena_array(rows->arena, uint64_t, rows->n_rows + 1);
    keys_hash(keys, 1, rows->n_rows, hashes);
    for (uint32_t i = 0; i < rows->n_rows; i++) {
        bool added;
        row_table_find(&m->touched, keys, i, hashes[i], true, &added);
        live[i] = added;
    }
}

static struct batch *keep_live(struct modify_op *m, struct batch *rows, const bool *live)
{
    uint16_t *sel = arena_array(rows->arena, uint16_t, rows->n_rows + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < rows->n_rows; i++)
        if (live[i])
            sel[n++] = (uint16_t)i;
    struct batch view = *rows;
    view.sel = sel;
    view.n_sel = n;
    return batch_slice(m->op.x, &view, 0, n);
}

static int make_new_rows(struct modify_op *m, struct batch *rows, struct batch **out, struct err *err)
{
    struct exec *x = m->op.x;
    struct target *t = &m->target;
    struct batch *new_rows = batch_slice(x, rows, 0, rows->n_rows);
    int rc = 0;
    for (uint32_t c = 0; rc == 0 && c < m->plan->set.n; c++) {
        uint32_t n_ok;
        if (!m->set[c].exec)
            continue;
        rc = expr_eval(x->env.task, m->set[c].exec, rows, rows->n_rows, &new_rows->cols[c], rows->arena, &n_ok, err);
        if (rc == 0)
            vec_flatten(&new_rows->cols[c], NULL, 0, rows->arena);
    }
    new_rows->n_cols = t->n_row;
    if (rc == 0)
        rc = target_check(t, new_rows, err);
    if (rc) {
        batch_destroy(new_rows);
        return rc;
    }
    *out = new_rows;
    return 0;
}

static bool foreign_changed(struct modify_op *m, struct batch *old, struct batch *new_rows, uint32_t row)
{
    const struct plan *bytes = &m->op.x->plan->plan;
    for (uint32_t i = 0; i < m->target.plan->foreign_keys.n; i++) {
        const struct plan_foreign_key *f = plan_at(bytes, plan_list_get(bytes, m->target.plan->foreign_keys, i), struct plan_foreign_key);
        for (uint32_t k = 0; k < f->columns.n; k++) {
            uint32_t c = plan_list_get(bytes, f->columns, k);
            struct datum a = vec_datum(&old->cols[c], row), b = vec_datum(&new_rows->cols[c], row);
            if (a.null != b.null || (!a.null && type_compare(m->target.cols[c]->type_oid, &a, &b) != 0))
                return true;
        }
    }
    return false;
}

static int note_foreign(struct modify_op *m, struct batch *old, struct batch *new_rows, struct err *err)
{
    if (m->target.plan->foreign_keys.n == 0)
        return 0;
    uint16_t *sel = arena_array(old->arena, uint16_t, old->n_rows + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < old->n_rows; i++)
        if (!new_rows || foreign_changed(m, old, new_rows, i))
            sel[n++] = (uint16_t)i;
    if (n == 0)
        return 0;
    struct batch gone = *old;
    gone.n_cols = m->target.n_row;
    gone.sel = sel;
    gone.n_sel = n;
    int rc = store_add(m->op.x, &m->foreign.removed, &gone, "UPDATE", err);
    if (rc || !new_rows)
        return rc;
    struct batch come = *new_rows;
    come.sel = sel;
    come.n_sel = n;
    return store_add(m->op.x, &m->foreign.added, &come, "UPDATE", err);
}

/* Locks, re-checks and computes one batch; what to write is kept until all batches are through. */
static int prepare_batch(struct modify_op *m, struct batch *in, struct err *err)
{
    struct exec *x = m->op.x;
    struct batch *rows = in, *kept, *new_rows = NULL;
    bool *live = arena_array(rows->arena, bool, rows->n_rows + 1), *changed = arena_array(rows->arena, bool, rows->n_rows + 1);
    drop_repeats(m, rows, live);
    int rc = lock_rows(&m->lock, rows, live, changed, err);
    if (rc == 0)
        rc = recheck(x, &m->recheck, rows, live, changed, err);
    if (rc)
        return rc;
    kept = keep_live(m, rows, live);
    if (kept->n_rows == 0) {
        batch_destroy(kept);
        return 0;
    }
    if (m->update)
        rc = make_new_rows(m, kept, &new_rows, err);
    if (rc == 0)
        rc = note_foreign(m, kept, new_rows, err);
    if (rc == 0)
        rc = store_add(x, &m->old_rows, kept, "UPDATE", err);
    if (rc == 0 && m->update)
        rc = store_add(x, &m->new_rows, new_rows, "UPDATE", err);
    batch_destroy(new_rows);
    batch_destroy(kept);
    return rc;
}

/* Output: the row as it is now (UPDATE) or was (DELETE), then the carried columns. */
static int add_output(struct modify_op *m, struct batch *old, struct batch *new_rows, struct err *err)
{
    uint32_t n_row = m->target.n_row, n = n_row + m->plan->n_carried;
    struct batch view = *old;
    struct vec *cols = arena_array(old->arena, struct vec, n + 1);
    memcpy(cols, (new_rows ? new_rows : old)->cols, n_row * sizeof *cols);
    memcpy(cols + n_row, old->cols + n_row + 1, m->plan->n_carried * sizeof *cols);
    view.cols = cols;
    view.n_cols = n;
    return store_add(m->op.x, &m->out, &view, "RETURNING", err);
}

static int write_all(struct modify_op *m, struct err *err)
{
    struct target *t = &m->target;
    int rc = 0;
    /* A statement in one batch frees and takes keys in any order; larger ones move keys batch by batch after all deletes. */
    if (m->update && m->old_rows.n > 1 && m->plan->key_changes)
        return target_replace_all(t, &m->old_rows, &m->new_rows, err);
    for (uint32_t b = 0; rc == 0 && b < m->old_rows.n; b++)
        rc = m->update ? target_replace(t, m->old_rows.batches[b], m->new_rows.batches[b], err) : target_remove(t, m->old_rows.batches[b], err);
    return rc;
}

static int run_modify(struct modify_op *m, struct err *err)
{
    int rc = store_fill(&m->in, m->op.child[0], "UPDATE", err);
    for (uint32_t b = 0; rc == 0 && b < m->in.n; b++)
        rc = prepare_batch(m, m->in.batches[b], err);
    store_clear(&m->in);
    if (rc == 0)
        rc = write_all(m, err);
    if (rc == 0)
        rc = foreign_check(&m->foreign, err);
    for (uint32_t b = 0; rc == 0 && b < m->old_rows.n; b++) {
        m->op.x->affected += m->old_rows.batches[b]->n_rows;
        if (m->returns)
            rc = add_output(m, m->old_rows.batches[b], m->update ? m->new_rows.batches[b] : NULL, err);
    }
    store_clear(&m->old_rows);
    store_clear(&m->new_rows);
    store_clear(&m->foreign.added);
    store_clear(&m->foreign.removed);
    return rc;
}

static int next_modify(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct modify_op *m = (struct modify_op *)op;
    if (!m->done) {
        int rc = run_modify(m, err);
        if (rc)
            return rc;
        m->done = true;
    }
    if (m->at == m->out.n)
        return 0;
    *out = m->out.batches[m->at];
    m->out.batches[m->at++] = NULL;
    return 0;
}

static void close_modify(struct op *op)
{
    struct modify_op *m = (struct modify_op *)op;
    struct store *all[] = {&m->in, &m->old_rows, &m->new_rows, &m->out, &m->foreign.added, &m->foreign.removed};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        store_clear(all[i]);
    row_table_done(&m->touched);
    arena_done(&m->arena);
}

static const struct op_vtable modify_vtable = {next_modify, NULL, close_modify};

int op_plan_modify(struct exec *x, const struct plan_modify *plan, struct op **out, struct err *err)
{
    if (!x->env.txn)
        return err_set(err, ERR_INTERNAL_ERROR, "a fragment may not write");
    int rc = op_new(x, &plan->op, sizeof(struct modify_op), &modify_vtable, out, err);
    if (rc)
        return rc;
    struct modify_op *m = (struct modify_op *)*out;
    m->plan = plan;
    m->op.pure = false;
    m->update = x->plan->head->command == PLAN_UPDATE;
    m->returns = (x->plan->head->flags & PLAN_RETURNS_ROWS) != 0;
    m->foreign.t = &m->target;
    arena_init(&m->arena, x->env.account);
    row_table_init(&m->touched, 1, &m->arena);
    rc = target_open(x, plan->target, &m->target, err);
    if (rc)
        return rc;
    uint32_t n = m->target.n_row, *columns = op_alloc(x, sizeof *columns * (n + 1)), *types = op_alloc(x, sizeof *types * (n + 1));
    for (uint32_t i = 0; i < n; i++) {
        columns[i] = i;
        types[i] = m->target.cols[i]->type_oid;
    }
    m->lock = (struct relock){.x = x, .schema = m->target.indexes[0].schema, .columns = columns, .ids = target_ids(&m->target),
                              .n_columns = n, .key = n, .types = types, .wait = KV_WAIT,
                              .mode = m->update && !plan->key_changes ? KV_LOCK_NO_KEY_UPDATE : KV_LOCK_UPDATE};
    m->set = op_alloc(x, sizeof *m->set * (plan->set.n + 1));
    for (uint32_t i = 0; rc == 0 && i < plan->set.n; i++)
        rc = program_open(x, plan_list_get(&x->plan->plan, plan->set, i), &m->set[i], err);
    return rc ? rc : program_open(x, plan->recheck, &m->recheck, err);
}

/* ---- LOCK_ROWS ---- */

struct lock_op {
    struct op op;
    uint32_t n_rels;
    struct relock *rels;
    struct program recheck;
};

static int next_locked(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct lock_op *l = (struct lock_op *)op;
    struct batch *in;
    int rc = op_next(op->child[0], rows_max, &in, err);
    if (rc || !in)
        return rc;
    struct batch *rows = batch_slice(op->x, in, 0, batch_count(in));
    batch_destroy(in);
    bool *live = arena_array(rows->arena, bool, rows->n_rows + 1), *changed = arena_array(rows->arena, bool, rows->n_rows + 1);
    memset(live, 1, rows->n_rows);
    for (uint32_t r = 0; rc == 0 && r < l->n_rels; r++)
        rc = lock_rows(&l->rels[r], rows, live, changed, err);
    if (rc == 0)
        rc = recheck(op->x, &l->recheck, rows, live, changed, err);
    if (rc) {
        batch_destroy(rows);
        return rc;
    }
    op->x->wrote = true;
    uint16_t *sel = arena_array(rows->arena, uint16_t, rows->n_rows + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < rows->n_rows; i++)
        if (live[i])
            sel[n++] = (uint16_t)i;
    rows->sel = sel;
    rows->n_sel = n;
    *out = rows;
    return 0;
}

static const struct op_vtable lock_vtable = {next_locked, NULL, NULL};

int op_plan_lock_rows(struct exec *x, const struct plan_lock_rows *plan, struct op **out, struct err *err)
{
    if (!x->env.txn)
        return err_set(err, ERR_INTERNAL_ERROR, "a fragment may not lock");
    int rc = op_new(x, &plan->op, sizeof(struct lock_op), &lock_vtable, out, err);
    if (rc)
        return rc;
    struct lock_op *l = (struct lock_op *)*out;
    const struct plan *bytes = &x->plan->plan;
    const struct plan_col *cols = plan_at(bytes, plan->op.cols, struct plan_col);
    l->op.pure = false;
    l->n_rels = plan->rels.n;
    l->rels = op_alloc(x, sizeof *l->rels * (l->n_rels + 1));
    for (uint32_t i = 0; i < l->n_rels; i++) {
        const struct plan_lock_rel *r = plan_at(bytes, plan_list_get(bytes, plan->rels, i), struct plan_lock_rel);
        uint32_t *types = op_alloc(x, sizeof *types * (r->columns.n + 1));
        for (uint32_t c = 0; c < r->columns.n; c++)
            types[c] = cols[plan_list_get(bytes, r->columns, c)].type_oid;
        l->rels[i] = (struct relock){.x = x, .schema = x->plan->schemas[r->schema], .mode = r->mode, .wait = r->wait, .key = r->key,
                                     .columns = r->columns.n ? plan_at(bytes, r->columns.at, uint32_t) : NULL,
                                     .ids = r->column_ids.n ? plan_at(bytes, r->column_ids.at, uint32_t) : NULL,
                                     .n_columns = r->columns.n, .types = types};
    }
    return program_open(x, plan->recheck, &l->recheck, err);
}
