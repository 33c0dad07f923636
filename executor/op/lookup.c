/* lookup.c: LOOKUP_JOIN: a batch of outer rows becomes one request of points or prefixes; answers come back with the ordinal of the
 * span they belong to and are put beside their outer rows, in the outer rows' order. */
#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "executor/exec_int.h"
#include "types/type/type.h"

struct lookup_op {
    struct op op;
    const struct plan_lookup_join *plan;
    const struct kv_schema *schema;
    uint32_t n_keys, n_left, n_right;
    struct program *keys;
    struct program residual;
    const struct plan_key_part **parts;
    struct batch *left;
    struct arena arena; /* of one outer batch */
    struct store found; /* its answers: right columns, [key], ordinal */
    uint32_t *first;    /* by ordinal: first answer, then chained by next */
    uint32_t *next, *batch_of, *row_of;
    uint32_t n_found;
    int32_t *ordinal;   /* by live outer row; -1: a null key */
    bool *matched;
    uint32_t at, cursor;
    bool row_started, left_done;
};

struct want {
    const uint8_t *key;
    uint32_t len, row;
};

static int compare_wants(const void *a, const void *b, void *ctx)
{
    const struct want *x = a, *y = b;
    return key_compare(x->key, x->len, y->key, y->len);
}

/* Key bytes of every outer row; null keys match nothing. */
static int make_keys(struct lookup_op *l, struct want *wants, uint32_t *n_wants, struct err *err)
{
    uint32_t live = batch_count(l->left);
    struct vec *values = arena_array(&l->arena, struct vec, l->n_keys + 1);
    struct buf key;
    int rc = 0;
    for (uint32_t k = 0; rc == 0 && k < l->n_keys; k++) {
        uint32_t n_ok;
        rc = expr_eval(l->op.x->env.task, l->keys[k].exec, l->left, live, &values[k], l->left->arena, &n_ok, err);
        if (rc == 0)
            vec_flatten(&values[k], l->left->sel, l->left->n_sel, l->left->arena);
    }
    buf_init(&key);
    for (uint32_t i = 0; rc == 0 && i < live; i++) {
        bool null = false;
        buf_reset(&key);
        for (uint32_t k = 0; rc == 0 && k < l->n_keys && !null; k++) {
            struct datum d = vec_datum(&values[k], batch_row(l->left, i));
            null = d.null;
            if (!null)
                rc = key_put(&key, l->parts[k], &d, err);
        }
        l->ordinal[i] = -1;
        if (!null && rc == 0)
            wants[(*n_wants)++] = (struct want){arena_memdup(&l->arena, key.data, key.len), (uint32_t)key.len, i};
    }
    buf_done(&key);
    return rc;
}

static struct kv_span *make_spans(struct lookup_op *l, struct want *wants, uint32_t n, uint32_t *n_spans)
{
    struct kv_span *spans = arena_array(&l->arena, struct kv_span, n + 1);
    bool point = l->n_keys == l->plan->key.n;
    sort_stable(wants, n, sizeof *wants, compare_wants, NULL, NULL);
    *n_spans = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (i == 0 || compare_wants(&wants[i], &wants[i - 1], NULL) != 0) {
            struct kv_span *s = &spans[(*n_spans)++];
            *s = (struct kv_span){.start = wants[i].key, .start_len = wants[i].len, .point = point};
            if (!point) {
                struct buf end;
                buf_init(&end);
                buf_put(&end, wants[i].key, wants[i].len);
                if (key_prefix_end(&end)) {
                    s->end = arena_memdup(&l->arena, end.data, end.len);
                    s->end_len = (uint32_t)end.len;
                }
                buf_done(&end);
            }
        }
        l->ordinal[wants[i].row] = (int32_t)*n_spans - 1;
    }
    return spans;
}

static int collect_answers(struct lookup_op *l, const struct kv_span *spans, uint32_t n_spans, struct err *err)
{
    struct exec *x = l->op.x;
    const struct plan *plan = &x->plan->plan;
    struct kv_scan_spec spec = {.schema = l->schema, .n_columns = (uint16_t)l->plan->columns.n, .spans = spans, .n_spans = n_spans,
                                .column_ids = l->plan->columns.n ? plan_at(plan, l->plan->columns.at, uint32_t) : NULL,
                                .with_key = l->plan->with_key, .with_span = true};
    struct kv_scan *scan;
    int rc = kv_scan_open(x->env.task, x->env.kv, x->env.txn, &x->read, &spec, &scan, err);
    if (rc)
        return rc;
    for (;;) {
        struct batch *b;
        rc = kv_scan_next(x->env.task, scan, BATCH_ROWS, &b, err);
        if (rc || !b)
            break;
        rc = store_add(x, &l->found, b, "a lookup join", err);
        batch_destroy(b);
        if (rc)
            break;
    }
    struct kv_scan_stats stats;
    kv_scan_stats_get(scan, &stats);
    l->op.actual.remote_requests += stats.remote_requests;
    l->op.actual.network_bytes += stats.remote_bytes;
    l->op.actual.blocks_read += stats.blocks_read;
    l->op.actual.values_decoded += stats.values_decoded;
    kv_scan_close(x->env.task, scan);
    return rc;
}

/* Chains answers by span ordinal, in the order they came. */
static void chain_answers(struct lookup_op *l, uint32_t n_spans)
{
    uint32_t total = (uint32_t)l->found.rows;
    l->first = arena_alloc(&l->arena, (n_spans + 1) * sizeof *l->first);
    uint32_t *last = arena_alloc(&l->arena, (n_spans + 1) * sizeof *last);
    memset(l->first, 0xff, (n_spans + 1) * sizeof *l->first);
    l->next = arena_array(&l->arena, uint32_t, total + 1);
    l->batch_of = arena_array(&l->arena, uint32_t, total + 1);
    l->row_of = arena_array(&l->arena, uint32_t, total + 1);
    l->n_found = 0;
    for (uint32_t b = 0; b < l->found.n; b++) {
        const struct batch *batch = l->found.batches[b];
        const int32_t *ordinals = batch->cols[batch->n_cols - 1].data;
        for (uint32_t i = 0; i < batch->n_rows; i++) {
            uint32_t f = l->n_found++, s = (uint32_t)ordinals[i];
            l->batch_of[f] = b;
            l->row_of[f] = i;
            l->next[f] = UINT32_MAX;
            if (l->first[s] == UINT32_MAX)
                l->first[s] = f;
            else
                l->next[last[s]] = f;
            last[s] = f;
        }
    }
}

static int load_left(struct lookup_op *l, uint32_t rows_max, struct err *err)
{
    store_clear(&l->found);
    arena_reset(&l->arena);
    int rc = op_next(l->op.child[0], op_want(l->op.child[0], rows_max), &l->left, err);
    if (rc)
        return rc;
    if (!l->left) {
        l->left_done = true;
        return 0;
    }
    uint32_t live = batch_count(l->left), n_wants = 0, n_spans = 0;
    struct want *wants = arena_array(&l->arena, struct want, live + 1);
    l->ordinal = arena_array(&l->arena, int32_t, live + 1);
    l->matched = arena_array(&l->arena, bool, live + 1);
    for (uint32_t c = 0; c < l->n_left; c++)
        vec_flatten(&l->left->cols[c], l->left->sel, l->left->n_sel, l->left->arena);
    rc = make_keys(l, wants, &n_wants, err);
    struct kv_span *spans = rc ? NULL : make_spans(l, wants, n_wants, &n_spans);
    if (rc == 0 && n_spans)
        rc = collect_answers(l, spans, n_spans, err);
    if (rc == 0)
        chain_answers(l, n_spans);
    l->at = 0;
    l->row_started = false;
    return rc;
}

static struct batch *make_pairs(struct lookup_op *l, const uint32_t *left, const uint32_t *right, uint32_t n)
{
    struct batch *b = batch_for(l->op.x, l->n_left + l->n_right);
    uint32_t *idx = arena_alloc(b->arena, (n + 1) * sizeof *idx);
    const struct kv_column *cols = l->schema->columns;
    b->n_rows = n;
    for (uint32_t i = 0; i < n; i++)
        idx[i] = batch_row(l->left, left[i]);
    for (uint32_t c = 0; c < l->n_left; c++)
        vec_gather(&b->cols[c], &l->left->cols[c], idx, n, true, b->arena);
    for (uint32_t c = 0; c < l->n_right; c++) {
        struct vec *out = &b->cols[l->n_left + c];
        const struct vec *model = l->found.n ? &l->found.batches[0]->cols[c] : NULL;
        enum phys_kind kind = model ? (enum phys_kind)model->kind : PHYS_BYTES;
        for (uint32_t k = 0; !model && c < l->plan->columns.n && k < l->schema->n_columns; k++)
            if (cols[k].id == plan_list_get(&l->op.x->plan->plan, l->plan->columns, c))
                kind = (enum phys_kind)cols[k].kind;
        vec_alloc(out, kind, n, b->arena);
        out->dec_scale = model ? model->dec_scale : -1;
        for (uint32_t i = 0; i < n; i++) {
            if (right[i] == UINT32_MAX) {
                vec_set_null(out, i, b->arena);
                continue;
            }
            struct datum d = vec_datum(&l->found.batches[l->batch_of[right[i]]]->cols[c], l->row_of[right[i]]);
            vec_put(out, i, &d, b->arena);
        }
    }
    return b;
}

static int emit_pairs(struct lookup_op *l, uint32_t max, struct batch **out, struct err *err)
{
    uint32_t left[BATCH_ROWS], right[BATCH_ROWS], n = 0, live = batch_count(l->left);
    while (l->at < live && n < max) {
        if (!l->row_started) {
            l->cursor = l->ordinal[l->at] < 0 ? UINT32_MAX : l->first[l->ordinal[l->at]];
            l->row_started = true;
        }
        for (; l->cursor != UINT32_MAX && n < max; l->cursor = l->next[l->cursor]) {
            left[n] = l->at;
            right[n++] = l->cursor;
        }
        if (l->cursor == UINT32_MAX) {
            l->at++;
            l->row_started = false;
        }
    }
    if (n == 0)
        return 0;
    struct batch *b = make_pairs(l, left, right, n);
    if (l->residual.exec) {
        uint32_t seen;
        int rc = program_filter(l->op.x, &l->residual, b, BATCH_ROWS, &seen, err);
        if (rc) {
            batch_destroy(b);
            return rc;
        }
    }
    for (uint32_t i = 0; i < batch_count(b); i++)
        l->matched[left[batch_row(b, i)]] = true;
    bool pairs = l->plan->join_type == PLAN_JOIN_INNER || l->plan->join_type == PLAN_JOIN_LEFT;
    if (!pairs || batch_count(b) == 0) {
        batch_destroy(b);
        b = NULL;
    }
    *out = b;
    return 0;
}

/* LEFT: unmatched rows beside nulls. SEMI, ANTI: the rows themselves. */
static void finish_left(struct lookup_op *l, struct batch **out)
{
    uint32_t live = batch_count(l->left), n = 0;
    uint16_t type = l->plan->join_type;
    if (type == PLAN_JOIN_LEFT) {
        uint32_t left[BATCH_ROWS], right[BATCH_ROWS];
        for (uint32_t i = 0; i < live; i++) {
            if (l->matched[i])
                continue;
            left[n] = i;
            right[n++] = UINT32_MAX;
        }
        *out = n ? make_pairs(l, left, right, n) : NULL;
    } else if (type != PLAN_JOIN_INNER) {
        uint16_t *sel = arena_alloc(l->left->arena, (live + 1) * sizeof *sel);
        for (uint32_t i = 0; i < live; i++)
            if (l->matched[i] == (type == PLAN_JOIN_SEMI))
                sel[n++] = (uint16_t)batch_row(l->left, i);
        l->left->sel = sel;
        l->left->n_sel = n;
        *out = l->left;
        l->left = NULL;
        return;
    }
    batch_destroy(l->left);
    l->left = NULL;
}

static int next_lookup(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct lookup_op *l = (struct lookup_op *)op;
    while (!*out) {
        int rc = 0;
        if (!l->left) {
            if (l->left_done)
                return 0;
            rc = load_left(l, rows_max, err);
        } else if (l->at < batch_count(l->left)) {
            rc = emit_pairs(l, op->pure ? BATCH_ROWS : rows_max, out, err);
        } else {
            finish_left(l, out);
        }
        if (rc)
            return rc;
    }
    return 0;
}

static void rewind_lookup(struct op *op)
{
    struct lookup_op *l = (struct lookup_op *)op;
    batch_destroy(l->left);
    l->left = NULL;
    l->left_done = false;
    store_clear(&l->found);
    arena_reset(&l->arena);
}

static void close_lookup(struct op *op)
{
    rewind_lookup(op);
    arena_done(&((struct lookup_op *)op)->arena);
}

static const struct op_vtable lookup_vtable = {next_lookup, rewind_lookup, close_lookup};

int op_plan_lookup_join(struct exec *x, const struct plan_lookup_join *plan, struct op **out, struct err *err)
{
    int rc = op_new(x, &plan->op, sizeof(struct lookup_op), &lookup_vtable, out, err);
    if (rc)
        return rc;
    struct lookup_op *l = (struct lookup_op *)*out;
    const struct plan *bytes = &x->plan->plan;
    l->plan = plan;
    l->schema = x->plan->schemas[plan->schema];
    l->n_keys = plan->key_programs.n;
    l->n_left = l->op.child[0]->plan->n_cols;
    l->n_right = plan->columns.n + (plan->with_key ? 1 : 0);
    l->keys = op_alloc(x, sizeof *l->keys * (l->n_keys + 1));
    l->parts = op_alloc(x, sizeof *l->parts * (plan->key.n + 1));
    arena_init(&l->arena, x->env.account);
    for (uint32_t k = 0; k < plan->key.n; k++)
        l->parts[k] = plan_at(bytes, plan_list_get(bytes, plan->key, k), struct plan_key_part);
    for (uint32_t k = 0; rc == 0 && k < l->n_keys; k++) {
        rc = program_open(x, plan_list_get(bytes, plan->key_programs, k), &l->keys[k], err);
        l->op.pure &= program_pure(&l->keys[k]);
    }
    if (rc == 0)
        rc = program_open(x, plan->residual, &l->residual, err);
    l->op.pure &= program_pure(&l->residual);
    return rc;
}
