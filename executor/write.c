#include "executor/write_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "types/type/type.h"

/* ---- opening ---- */

static int open_index(struct target *t, const struct plan_target_index *plan, struct target_index *out, struct err *err)
{
    struct exec *x = t->x;
    const struct plan *bytes = &x->plan->plan;
    if (bug_if(plan->schema >= x->plan->n_schemas, err))
        return err->code;
    out->plan = plan;
    out->schema = x->plan->schemas[plan->schema];
    out->parts = op_alloc(x, sizeof *out->parts * (plan->key.n + 1));
    out->exprs = op_alloc(x, sizeof *out->exprs * (plan->exprs.n + 1));
    for (uint32_t k = 0; k < plan->key.n; k++)
        out->parts[k] = plan_at(bytes, plan_list_get(bytes, plan->key, k), struct plan_key_part);
    int rc = 0;
    for (uint32_t k = 0; rc == 0 && k < plan->exprs.n; k++)
        rc = program_open(x, plan_list_get(bytes, plan->exprs, k), &out->exprs[k], err);
    return rc ? rc : program_open(x, plan->predicate, &out->predicate, err);
}

int target_open(struct exec *x, plan_off at, struct target *out, struct err *err)
{
    const struct plan *bytes = &x->plan->plan;
    const struct plan_target *plan = plan_at(bytes, at, struct plan_target);
    *out = (struct target){.x = x, .plan = plan, .n_row = plan->n_row, .n_indexes = plan->indexes.n};
    out->cols = op_alloc(x, sizeof *out->cols * (plan->n_row + 1));
    for (uint32_t i = 0; i < plan->n_row; i++)
        out->cols[i] = plan_at(bytes, plan_list_get(bytes, plan->row_cols, i), struct plan_col);
    out->indexes = op_alloc(x, sizeof *out->indexes * (plan->indexes.n + 1));
    out->checks = op_alloc(x, sizeof *out->checks * (plan->checks.n + 1));
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < plan->indexes.n; i++)
        rc = open_index(out, plan_at(bytes, plan_list_get(bytes, plan->indexes, i), struct plan_target_index), &out->indexes[i], err);
    for (uint32_t i = 0; rc == 0 && i < plan->checks.n; i++)
        rc = program_open(x, plan_at(bytes, plan_list_get(bytes, plan->checks, i), struct plan_check)->program, &out->checks[i], err);
    return rc;
}

/* ---- errors ---- */

static const struct type_env *env_of(struct exec *x)
{
    return x->expr_env.env ? x->expr_env.env : &type_env_default;
}

static void put_value(struct target *t, uint32_t type, const struct datum *d, struct buf *out)
{
    if (d->null)
        buf_put_text(out, "null");
    else if (type_out(env_of(t->x), type, d, out, NULL) != 0)
        buf_put_text(out, "?");
}

void target_row_text(struct target *t, struct batch *rows, uint32_t row, struct buf *out)
{
    uint32_t n = t->n_row - (t->plan->hidden_rowid ? 1 : 0);
    buf_put_text(out, "(");
    for (uint32_t c = 0; c < n; c++) {
        struct datum d = vec_datum(&rows->cols[c], row);
        size_t before = out->len;
        if (c)
            buf_put_text(out, ", ");
        put_value(t, t->cols[c]->type_oid, &d, out);
        if (out->len - before > 66) { /* PostgreSQL cuts each value at 64 bytes */
            out->len = before + 66;
            buf_put_text(out, "...");
        }
    }
    buf_put_text(out, ")");
}

static const char *column_name(struct target *t, uint32_t at)
{
    const struct plan *bytes = &t->x->plan->plan;
    return plan_str(bytes, plan_list_get(bytes, t->plan->column_names, at));
}

static void name_table(struct target *t, struct err *err)
{
    const struct plan *bytes = &t->x->plan->plan;
    snprintf(err->schema_name, sizeof err->schema_name, "%s", plan_str(bytes, t->plan->schema_name));
    snprintf(err->table_name, sizeof err->table_name, "%s", plan_str(bytes, t->plan->table_name));
}

static int report_null(struct target *t, struct batch *rows, uint32_t row, uint32_t column, struct err *err)
{
    struct buf text;
    buf_init(&text);
    target_row_text(t, rows, row, &text);
    err_set(err, ERR_NOT_NULL_VIOLATION, "null value in column \"%s\" of relation \"%s\" violates not-null constraint",
            column_name(t, column), plan_str(&t->x->plan->plan, t->plan->table_name));
    err_detail(err, "Failing row contains %s.", buf_text(&text));
    buf_done(&text);
    name_table(t, err);
    snprintf(err->column_name, sizeof err->column_name, "%s", column_name(t, column));
    return err->code;
}

static int report_check(struct target *t, struct batch *rows, uint32_t row, const char *name, struct err *err)
{
    struct buf text;
    buf_init(&text);
    target_row_text(t, rows, row, &text);
    err_set(err, ERR_CHECK_VIOLATION, "new row for relation \"%s\" violates check constraint \"%s\"",
            plan_str(&t->x->plan->plan, t->plan->table_name), name);
    err_detail(err, "Failing row contains %s.", buf_text(&text));
    buf_done(&text);
    name_table(t, err);
    snprintf(err->constraint_name, sizeof err->constraint_name, "%s", name);
    return err->code;
}

/* "(a, b)=(1, 2)" of an index's own key columns. */
static void put_key_text(struct target *t, uint32_t index, struct batch *rows, uint32_t row, struct buf *out)
{
    const struct target_index *x = &t->indexes[index];
    uint32_t n = x->plan->n_unique < x->plan->key.n ? x->plan->n_unique : x->plan->key.n;
    buf_put_text(out, "(");
    for (uint32_t k = 0; k < n; k++) {
        bool expr = x->parts[k]->column >= PLAN_EXPR_PART;
        buf_printf(out, "%s%s", k ? ", " : "", expr ? "expression" : column_name(t, x->parts[k]->column));
    }
    buf_put_text(out, ")=(");
    for (uint32_t k = 0; k < n; k++) {
        buf_put_text(out, k ? ", " : "");
        if (x->parts[k]->column >= PLAN_EXPR_PART) {
            buf_put_text(out, "?");
            continue;
        }
        struct datum d = vec_datum(&rows->cols[x->parts[k]->column], row);
        put_value(t, x->parts[k]->type_oid, &d, out);
    }
    buf_put_text(out, ")");
}

int target_duplicate(struct target *t, uint32_t index, struct batch *rows, uint32_t row, struct err *err)
{
    const char *name = plan_str(&t->x->plan->plan, t->indexes[index].plan->name);
    struct buf text;
    buf_init(&text);
    put_key_text(t, index, rows, row, &text);
    err_set(err, ERR_UNIQUE_VIOLATION, "duplicate key value violates unique constraint \"%s\"", name);
    err_detail(err, "Key %s already exists.", buf_text(&text));
    buf_done(&text);
    name_table(t, err);
    snprintf(err->constraint_name, sizeof err->constraint_name, "%s", name);
    return err->code;
}

/* ---- checks ---- */

int target_check(struct target *t, struct batch *rows, struct err *err)
{
    const struct plan *bytes = &t->x->plan->plan;
    uint32_t n = rows->n_rows, bad_row = n, bad_column = 0;
    for (uint32_t i = 0; i < t->plan->not_null.n; i++) {
        uint32_t c = plan_list_get(bytes, t->plan->not_null, i);
        for (uint32_t r = 0; r < bad_row; r++) {
            if (vec_is_null(&rows->cols[c], r)) {
                bad_row = r;
                bad_column = c;
            }
        }
    }
    for (uint32_t i = 0; i < t->plan->checks.n; i++) {
        struct vec v;
        uint32_t n_ok;
        const struct plan_check *check = plan_at(bytes, plan_list_get(bytes, t->plan->checks, i), struct plan_check);
        int rc = bad_row ? expr_eval(t->x->env.task, t->checks[i].exec, rows, bad_row, &v, rows->arena, &n_ok, err) : 0;
        if (rc)
            return rc;
        for (uint32_t r = 0; r < bad_row; r++) {
            struct datum d = vec_datum(&v, r);
            if (!d.null && !d.u.b)
                return report_check(t, rows, r, plan_str(bytes, check->name), err);
        }
    }
    return bad_row < n ? report_null(t, rows, bad_row, bad_column, err) : 0;
}

/* ---- keys and values ---- */

int target_keys(struct target *t, uint32_t index, struct batch *rows, struct bytes_view *keys, bool *skip, struct arena *arena,
                struct err *err)
{
    struct target_index *x = &t->indexes[index];
    uint32_t n = rows->n_rows, n_parts = x->plan->key.n;
    struct vec *exprs = arena_array(arena, struct vec, x->plan->exprs.n + 1);
    int rc = 0;
    for (uint32_t k = 0; rc == 0 && k < x->plan->exprs.n; k++) {
        uint32_t n_ok;
        if (x->exprs[k].exec && n)
            rc = expr_eval(t->x->env.task, x->exprs[k].exec, rows, n, &exprs[k], arena, &n_ok, err);
    }
    if (skip)
        memset(skip, 0, n * sizeof *skip);
    if (rc == 0 && x->predicate.exec && skip) {
        struct batch view = *rows;
        uint32_t seen, at = 0;
        rc = program_filter(t->x, &x->predicate, &view, BATCH_ROWS, &seen, err);
        for (uint32_t i = 0; rc == 0 && i < n; i++) {
            skip[i] = at >= view.n_sel || view.sel[at] != i;
            at += !skip[i];
        }
    }
    struct buf key;
    buf_init(&key);
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        bool null = false;
        buf_reset(&key);
        for (uint32_t k = 0; rc == 0 && k < n_parts; k++) {
            const struct plan_key_part *part = x->parts[k];
            bool tie = index > 0 && x->plan->unique && k >= x->plan->n_unique;
            struct datum d = part->column >= PLAN_EXPR_PART ? vec_datum(&exprs[part->column - PLAN_EXPR_PART], i)
                                                           : vec_datum(&rows->cols[part->column], i);
            if (k < x->plan->n_unique)
                null |= d.null;
            /* Equal unique keys must collide; rows whose key has a null must not. */
            if (tie && (!null || x->plan->nulls_not_distinct))
                rc = key_put_null(&key, part);
            else
                rc = key_put(&key, part, &d, err);
        }
        keys[i] = view_copy(arena, key.data, (uint32_t)key.len);
    }
    buf_done(&key);
    return rc;
}

int target_values(struct target *t, uint32_t index, struct batch *rows, struct vec **columns, struct arena *arena, struct err *err)
{
    const struct plan *bytes = &t->x->plan->plan;
    const struct plan_target_index *x = t->indexes[index].plan;
    struct vec *out = arena_array(arena, struct vec, x->values.n + 1);
    for (uint32_t v = 0; v < x->values.n; v++) {
        uint32_t at = plan_list_get(bytes, x->values, v);
        int rc = type_store_vec(t->cols[at]->type_oid, t->cols[at]->typmod, &rows->cols[at], NULL, rows->n_rows, arena, &out[v], err);
        if (rc)
            return rc;
        if (out[v].form != VEC_FLAT && out[v].form != VEC_CONST)
            vec_flatten(&out[v], NULL, rows->n_rows, arena);
    }
    *columns = out;
    return 0;
}

static void pick_vectors(struct vec *columns, uint32_t n_columns, const uint32_t *idx, uint32_t n, struct arena *arena)
{
    for (uint32_t c = 0; c < n_columns; c++) {
        struct vec picked;
        vec_flatten(&columns[c], NULL, 0, arena);
        vec_gather(&picked, &columns[c], idx, n, false, arena);
        columns[c] = picked;
    }
}

int target_write(struct target *t, uint32_t index, uint8_t op, struct batch *rows, const bool *pick, uint8_t *results, bool bulk,
                 const struct bytes_view *moved_to, struct arena *arena, struct err *err)
{
    struct exec *x = t->x;
    const struct target_index *ix = &t->indexes[index];
    uint32_t n = rows->n_rows, kept = 0;
    struct bytes_view *keys = arena_array(arena, struct bytes_view, n + 1);
    bool *skip = arena_array(arena, bool, n + 1);
    uint32_t *idx = arena_array(arena, uint32_t, n + 1);
    struct bytes_view *moved = moved_to ? arena_array(arena, struct bytes_view, n + 1) : NULL;
    struct vec *columns = NULL;
    int rc = target_keys(t, index, rows, keys, skip, arena, err);
    if (rc == 0 && op != KV_DELETE)
        rc = target_values(t, index, rows, &columns, arena, err);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < n; i++) {
        if (skip[i] || (pick && !pick[i]))
            continue;
        keys[kept] = keys[i];
        if (moved)
            moved[kept] = moved_to[i];
        idx[kept++] = i;
    }
    memset(results, KV_ROW_OK, n);
    if (kept == 0)
        return 0;
    if (columns && kept != n)
        pick_vectors(columns, ix->plan->values.n, idx, kept, arena);
    struct kv_write w = {.schema = ix->schema, .op = op, .wait = KV_WAIT, .n_rows = kept, .keys = keys, .columns = columns, .moved_to = moved};
    uint8_t *some = arena_array(arena, uint8_t, kept + 1);
    rc = bulk ? kv_bulk_write(x->env.task, x->env.txn, &w, some, err) : kv_write(x->env.task, x->env.txn, &w, some, err);
    for (uint32_t i = 0; rc == 0 && i < kept; i++)
        results[idx[i]] = some[i];
    x->wrote = true;
    return rc;
}

/* ---- foreign keys ---- */

static int report_foreign(struct target *t, const struct plan_foreign_key *f, struct batch *rows, uint32_t row, struct err *err)
{
    const struct plan *bytes = &t->x->plan->plan;
    struct buf text;
    buf_init(&text);
    buf_put_text(&text, "(");
    for (uint32_t k = 0; k < f->columns.n; k++)
        buf_printf(&text, "%s%s", k ? ", " : "", column_name(t, plan_list_get(bytes, f->columns, k)));
    buf_put_text(&text, ")=(");
    for (uint32_t k = 0; k < f->columns.n; k++) {
        uint32_t c = plan_list_get(bytes, f->columns, k);
        struct datum d = vec_datum(&rows->cols[c], row);
        buf_put_text(&text, k ? ", " : "");
        put_value(t, t->cols[c]->type_oid, &d, &text);
    }
    buf_put_text(&text, ")");
    const char *table = plan_str(bytes, f->table), *other = plan_str(bytes, f->other_table), *name = plan_str(bytes, f->name);
    if (f->reverse) {
        err_set(err, ERR_FOREIGN_KEY_VIOLATION, "update or delete on table \"%s\" violates foreign key constraint \"%s\" on table \"%s\"",
                table, name, other);
        err_detail(err, "Key %s is still referenced from table \"%s\".", buf_text(&text), other);
    } else {
        err_set(err, ERR_FOREIGN_KEY_VIOLATION, "insert or update on table \"%s\" violates foreign key constraint \"%s\"", table, name);
        err_detail(err, "Key %s is not present in table \"%s\".", buf_text(&text), other);
    }
    buf_done(&text);
    name_table(t, err);
    if (f->reverse)
        snprintf(err->table_name, sizeof err->table_name, "%s", other);
    snprintf(err->constraint_name, sizeof err->constraint_name, "%s", name);
    return err->code;
}

/* Is there a row with these key values? lock: KEY SHARE on it (a parent must stay). */
static int find_row(struct target *t, const struct plan_foreign_key *f, const struct kv_read *read, const struct datum *values, bool lock,
                    bool *found, struct err *err)
{
    struct exec *x = t->x;
    const struct plan *bytes = &x->plan->plan;
    const struct kv_schema *schema = x->plan->schemas[f->schema];
    struct arena arena;
    struct kv_test *tests;
    struct buf key;
    arena_init(&arena, NULL);
    buf_init(&key);
    struct kv_scan_spec spec = {.schema = schema, .with_key = true, .limit_hint = 1};
    struct kv_span span = {0};
    int rc = 0;
    if (f->full_scan) {
        tests = arena_array(&arena, struct kv_test, f->columns.n + 1);
        struct datum *stored = arena_array(&arena, struct datum, f->columns.n + 1);
        for (uint32_t k = 0; k < f->columns.n && rc == 0; k++) {
            uint32_t here = plan_list_get(bytes, f->columns, k);
            rc = type_store(t->cols[here]->type_oid, t->cols[here]->typmod, &values[k], &arena, &stored[k], err);
            tests[k] = (struct kv_test){.column_id = plan_list_get(bytes, f->other_columns, k), .op = KV_EQ, .n_values = 1, .values = &stored[k]};
        }
        spec.tests = tests;
        spec.n_tests = (uint16_t)f->columns.n;
    } else {
        for (uint32_t k = 0; k < f->columns.n && rc == 0; k++)
            rc = key_put(&key, plan_at(bytes, plan_list_get(bytes, f->key, k), struct plan_key_part), &values[k], err);
        span = (struct kv_span){.start = key.data, .start_len = (uint32_t)key.len, .point = f->columns.n == f->key.n};
        struct buf end;
        buf_init(&end);
        buf_put(&end, key.data, key.len);
        if (!span.point && key_prefix_end(&end)) {
            span.end = arena_memdup(&arena, end.data, end.len);
            span.end_len = (uint32_t)end.len;
        }
        buf_done(&end);
        spec.spans = &span;
        spec.n_spans = 1;
    }
    struct kv_scan *scan;
    struct batch *b = NULL;
    if (rc == 0)
        rc = kv_scan_open(x->env.task, x->env.kv, x->env.txn, read, &spec, &scan, err);
    if (rc == 0) {
        rc = kv_scan_next(x->env.task, scan, 1, &b, err);
        kv_scan_close(x->env.task, scan);
    }
    *found = b && batch_count(b);
    if (rc == 0 && *found && lock) {
        struct datum k = vec_datum(&b->cols[b->n_cols - 1], batch_row(b, 0));
        struct bytes_view row_key = k.u.bytes;
        struct kv_lock_request request = {.schema = schema, .read = read, .mode = KV_LOCK_KEY_SHARE, .wait = KV_WAIT, .n_rows = 1, .keys = &row_key};
        uint8_t result;
        struct batch *changed = NULL;
        rc = kv_lock(x->env.task, x->env.txn, &request, &result, &changed, err);
        batch_destroy(changed);
        if (rc == 0 && (result == KV_ROW_GONE || result == KV_ROW_MOVED))
            *found = false;
    }
    batch_destroy(b);
    buf_done(&key);
    arena_done(&arena);
    return rc;
}

static int check_row(struct foreign_keys *fk, const struct plan_foreign_key *f, const struct kv_read *read, struct batch *rows,
                     uint32_t row, struct err *err)
{
    struct target *t = fk->t;
    const struct plan *bytes = &t->x->plan->plan;
    struct datum values[64];
    uint32_t nulls = 0, n = f->columns.n < 64 ? f->columns.n : 64;
    for (uint32_t k = 0; k < n; k++) {
        values[k] = vec_datum(&rows->cols[plan_list_get(bytes, f->columns, k)], row);
        nulls += values[k].null;
    }
    if (nulls == n || (nulls && (f->reverse || !f->match_full)))
        return 0;
    if (nulls)
        return report_foreign(t, f, rows, row, err);
    bool found;
    int rc = find_row(t, f, read, values, !f->reverse, &found, err);
    if (rc)
        return rc;
    return found == f->reverse ? report_foreign(t, f, rows, row, err) : 0;
}

/* A removed key that the same statement gave to another row is still there. */
static bool key_stays(struct foreign_keys *fk, const struct plan_foreign_key *f, struct batch *rows, uint32_t row)
{
    const struct plan *bytes = &fk->t->x->plan->plan;
    for (uint32_t b = 0; b < fk->added.n; b++) {
        for (uint32_t i = 0; i < fk->added.batches[b]->n_rows; i++) {
            bool same = true;
            for (uint32_t k = 0; k < f->columns.n && same; k++) {
                uint32_t c = plan_list_get(bytes, f->columns, k);
                struct datum x = vec_datum(&rows->cols[c], row), y = vec_datum(&fk->added.batches[b]->cols[c], i);
                same = x.null == y.null && (x.null || type_compare(fk->t->cols[c]->type_oid, &x, &y) == 0);
            }
            if (same)
                return true;
        }
    }
    return false;
}

int foreign_check(struct foreign_keys *fk, struct err *err)
{
    struct exec *x = fk->t->x;
    const struct plan *bytes = &x->plan->plan;
    if (fk->t->plan->foreign_keys.n == 0)
        return 0;
    struct kv_read read = kv_read_now(x->env.txn, &x->read);
    for (uint32_t i = 0; i < fk->t->plan->foreign_keys.n; i++) {
        const struct plan_foreign_key *f =
            plan_at(bytes, plan_list_get(bytes, fk->t->plan->foreign_keys, i), struct plan_foreign_key);
        struct store *s = f->reverse ? &fk->removed : &fk->added;
        for (uint32_t b = 0; b < s->n; b++) {
            for (uint32_t r = 0; r < s->batches[b]->n_rows; r++) {
                if (f->reverse && key_stays(fk, f, s->batches[b], r))
                    continue;
                int rc = check_row(fk, f, &read, s->batches[b], r, err);
                if (rc)
                    return rc;
            }
        }
    }
    return 0;
}
