/* window.c: window functions over rows sorted by (partition, order).
 *
 * A partition is read whole, then each call is computed for each of its rows. Aggregates grow with the frame's end and start over only
 * when its start moves (frames that start at the partition's beginning, the default, cost one pass).
 */
#include <stdlib.h>
#include <string.h>

#include "executor/exec_int.h"
#include "types/func/agg.h"
#include "types/type/type.h"

/* pg_proc OIDs of the window functions. */
enum {
    WIN_ROW_NUMBER = 3100, WIN_RANK = 3101, WIN_DENSE_RANK = 3102, WIN_PERCENT_RANK = 3103, WIN_CUME_DIST = 3104, WIN_NTILE = 3105,
    WIN_LAG = 3106, WIN_LAG_OFFSET = 3107, WIN_LAG_DEFAULT = 3108, WIN_LEAD = 3109, WIN_LEAD_OFFSET = 3110, WIN_LEAD_DEFAULT = 3111,
    WIN_FIRST_VALUE = 3112, WIN_LAST_VALUE = 3113, WIN_NTH_VALUE = 3114,
};

struct window_one {
    const struct plan_window_call *plan;
    struct agg_call agg;
    uint32_t n_args, *args, *arg_types;
    struct program filter, start_offset, end_offset;
    int64_t start_by, end_by;
};

struct window_op {
    struct op op;
    const struct plan_window *plan;
    uint32_t n_calls;
    struct window_one *calls;
    struct store rows; /* the partition */
    uint32_t *batch_of, *row_of, n;
    uint32_t *peer_start, *peer_end; /* of each row's peer group */
    uint32_t *group_no;
    struct datum *results; /* n x n_calls */
    struct arena arena;
    uint32_t at;
    struct batch *ahead;   /* input not yet in a partition */
    uint32_t ahead_at;
    struct buf partition_key;
    bool open, input_done;
};

static struct datum cell(const struct window_op *w, uint32_t row, uint32_t column)
{
    return vec_datum(&w->rows.batches[w->batch_of[row]]->cols[column], w->row_of[row]);
}

static void put_keys(struct window_op *w, struct plan_list keys, const struct batch *b, uint32_t row, struct buf *out)
{
    const struct plan *plan = &w->op.x->plan->plan;
    for (uint32_t i = 0; i < keys.n; i++) {
        const struct plan_sort_key *k = plan_at(plan, plan_list_get(plan, keys, i), struct plan_sort_key);
        struct datum d = vec_datum(&b->cols[k->column], row);
        type_key_append(out, k->type_oid, k->desc, k->nulls_first, &d);
    }
}

/* Rows of the next partition into w->rows. */
static int read_partition(struct window_op *w, struct err *err)
{
    struct exec *x = w->op.x;
    struct buf key;
    bool first = true;
    store_clear(&w->rows);
    arena_reset(&w->arena);
    buf_init(&key);
    int rc = 0;
    for (;;) {
        if (!w->ahead && !w->input_done) {
            rc = op_next(w->op.child[0], BATCH_ROWS, &w->ahead, err);
            w->ahead_at = 0;
            if (rc || !w->ahead) {
                w->input_done = true;
                break;
            }
        }
        if (!w->ahead)
            break;
        uint32_t live = batch_count(w->ahead), from = w->ahead_at;
        bool ended = false;
        for (; w->ahead_at < live && !ended; w->ahead_at++) {
            buf_reset(&key);
            put_keys(w, w->plan->partition, w->ahead, batch_row(w->ahead, w->ahead_at), &key);
            if (first) {
                buf_reset(&w->partition_key);
                buf_put(&w->partition_key, key.data, key.len);
                first = false;
            } else if (key.len != w->partition_key.len || memcmp(key.data, w->partition_key.data, key.len) != 0) {
                ended = true;
                break;
            }
        }
        if (w->ahead_at > from) {
            struct batch *part = batch_slice(x, w->ahead, from, w->ahead_at - from);
            rc = store_add(x, &w->rows, part, "a window function", err);
            batch_destroy(part);
        }
        if (rc || ended)
            break;
        batch_destroy(w->ahead);
        w->ahead = NULL;
    }
    buf_done(&key);
    return rc;
}

static void index_rows(struct window_op *w)
{
    uint32_t n = (uint32_t)w->rows.rows, at = 0;
    w->n = n;
    w->batch_of = arena_array(&w->arena, uint32_t, n + 1);
    w->row_of = arena_array(&w->arena, uint32_t, n + 1);
    w->peer_start = arena_array(&w->arena, uint32_t, n + 1);
    w->peer_end = arena_array(&w->arena, uint32_t, n + 1);
    w->group_no = arena_array(&w->arena, uint32_t, n + 1);
    for (uint32_t b = 0; b < w->rows.n; b++) {
        for (uint32_t i = 0; i < w->rows.batches[b]->n_rows; i++) {
            w->batch_of[at] = b;
            w->row_of[at++] = i;
        }
    }
    struct buf last, key;
    buf_init(&last);
    buf_init(&key);
    uint32_t start = 0, group = 0;
    for (uint32_t i = 0; i <= n; i++) {
        bool same = i < n && i > start;
        if (i < n) {
            buf_reset(&key);
            put_keys(w, w->plan->order, w->rows.batches[w->batch_of[i]], w->row_of[i], &key);
            same = i > start && key.len == last.len && memcmp(key.data, last.data, key.len) == 0;
        }
        if (!same && i > start) {
            for (uint32_t k = start; k < i; k++) {
                w->peer_start[k] = start;
                w->peer_end[k] = i;
                w->group_no[k] = group;
            }
            group++;
            start = i;
        }
        if (i < n && !same) {
            buf_reset(&last);
            buf_put(&last, key.data, key.len);
        }
    }
    buf_done(&last);
    buf_done(&key);
}

static uint32_t clamp(int64_t v, uint32_t n)
{
    return v < 0 ? 0 : v > (int64_t)n ? n : (uint32_t)v;
}

/* First row of the group `by` groups away, or past an end. */
static uint32_t group_edge(const struct window_op *w, uint32_t row, int64_t by, bool end)
{
    int64_t wanted = (int64_t)w->group_no[row] + by;
    if (wanted < 0)
        return 0;
    for (uint32_t i = 0; i < w->n; i = w->peer_end[i])
        if ((int64_t)w->group_no[i] == wanted)
            return end ? w->peer_end[i] : i;
    return w->n;
}

/* The frame [*from, *to) of a row. */
static void find_frame(const struct window_op *w, const struct window_one *c, uint32_t row, uint32_t *from, uint32_t *to)
{
    bool rows = c->plan->frame_mode == 0;
    switch (c->plan->start_kind) {
    case 0: *from = 0; break;
    case 1: *from = rows ? clamp((int64_t)row - c->start_by, w->n) : group_edge(w, row, -c->start_by, false); break;
    case 2: *from = rows ? row : w->peer_start[row]; break;
    case 3: *from = rows ? clamp((int64_t)row + c->start_by, w->n) : group_edge(w, row, c->start_by, false); break;
    default: *from = w->n; break;
    }
    switch (c->plan->end_kind) {
    case 1:
        if (rows)
            *to = clamp((int64_t)row - c->end_by + 1, w->n);
        else
            *to = (int64_t)w->group_no[row] - c->end_by < 0 ? 0 : group_edge(w, row, -c->end_by, true);
        break;
    case 2: *to = rows ? row + 1 : w->peer_end[row]; break;
    case 3: *to = rows ? clamp((int64_t)row + c->end_by + 1, w->n) : group_edge(w, row, c->end_by, true); break;
    case 4: *to = w->n; break;
    default: *to = 0; break;
    }
    if (*to < *from)
        *to = *from;
}

static bool is_excluded(const struct window_op *w, const struct window_one *c, uint32_t row, uint32_t i)
{
    switch (c->plan->exclude) {
    case 1: return i == row;
    case 2: return i >= w->peer_start[row] && i < w->peer_end[row];
    case 3: return i != row && i >= w->peer_start[row] && i < w->peer_end[row];
    default: return false;
    }
}

static int step_row(struct window_op *w, struct window_one *c, void *state, uint32_t i, struct arena *scratch, struct err *err)
{
    struct batch *b = w->rows.batches[w->batch_of[i]];
    uint16_t sel = (uint16_t)w->row_of[i];
    if (c->filter.exec) {
        struct batch view = *b;
        uint32_t seen;
        view.sel = &sel;
        view.n_sel = 1;
        int rc = program_filter(w->op.x, &c->filter, &view, 1, &seen, err);
        if (rc || batch_count(&view) == 0)
            return rc;
    }
    struct vec args[8];
    for (uint32_t k = 0; k < c->n_args && k < 8; k++)
        args[k] = b->cols[c->args[k]];
    return agg_step(&c->agg, args, &sel, 1, NULL, 0, state, scratch, err);
}

static int run_aggregate(struct window_op *w, struct window_one *c, uint32_t call, struct err *err)
{
    uint8_t *state = arena_alloc(&w->arena, c->agg.agg->state_bytes + 16u);
    uint32_t have_from = 0, have_to = 0;
    struct arena scratch;
    int rc = 0;
    arena_init(&scratch, NULL);
    agg_init(&c->agg, state);
    for (uint32_t i = 0; rc == 0 && i < w->n; i++) {
        uint32_t from, to;
        find_frame(w, c, i, &from, &to);
        if (i && !c->plan->exclude && from == have_from && to == have_to) {
            w->results[(size_t)i * w->n_calls + call] = w->results[(size_t)(i - 1) * w->n_calls + call];
            continue;
        }
        if (from != have_from || to < have_to || c->plan->exclude) {
            agg_init(&c->agg, state);
            have_to = from;
        }
        for (uint32_t k = have_to; rc == 0 && k < to; k++)
            if (!is_excluded(w, c, i, k))
                rc = step_row(w, c, state, k, &scratch, err);
        have_from = from;
        have_to = to;
        struct vec out;
        uint8_t *states[1] = {state};
        if (rc == 0)
            rc = agg_final(&c->agg, states, 0, 1, &out, &w->arena, err);
        if (rc == 0)
            w->results[(size_t)i * w->n_calls + call] = vec_datum(&out, 0);
        task_tick(w->op.x->env.task, 1);
    }
    arena_done(&scratch);
    return rc;
}

static struct datum of_float(double v)
{
    return (struct datum){.kind = PHYS_FLOAT64, .dec_scale = -1, .u.f64 = v};
}

static int64_t as_int(const struct datum *d)
{
    return d->kind == PHYS_INT32 ? d->u.i32 : d->kind == PHYS_INT16 ? d->u.i16 : d->u.i64;
}

static int ntile(struct window_op *w, const struct window_one *c, uint32_t i, struct datum *out, struct err *err)
{
    struct datum buckets = cell(w, 0, c->args[0]);
    *out = datum_null(PHYS_INT32);
    if (buckets.null)
        return 0;
    int64_t k = as_int(&buckets);
    if (k <= 0)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "argument of ntile must be greater than zero");
    int64_t size = w->n / k, larger = w->n % k;
    int64_t at = i < larger * (size + 1) ? i / (size + 1) : larger + (size ? (i - larger * (size + 1)) / size : 0);
    *out = (struct datum){.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = (int32_t)at + 1};
    return 0;
}

static struct datum shifted(struct window_op *w, const struct window_one *c, uint32_t i, bool back)
{
    struct datum by = c->n_args > 1 ? cell(w, i, c->args[1]) : datum_i64(1);
    struct datum none = c->n_args > 2 ? cell(w, i, c->args[2]) : datum_null((enum phys_kind)w->rows.batches[0]->cols[c->args[0]].kind);
    if (by.null)
        return datum_null((enum phys_kind)none.kind);
    int64_t at = back ? (int64_t)i - as_int(&by) : (int64_t)i + as_int(&by);
    return at >= 0 && at < w->n ? cell(w, (uint32_t)at, c->args[0]) : none;
}

static int frame_value(struct window_op *w, const struct window_one *c, uint32_t i, struct datum *out, struct err *err)
{
    uint32_t from, to;
    find_frame(w, c, i, &from, &to);
    *out = datum_null((enum phys_kind)w->rows.batches[0]->cols[c->args[0]].kind);
    int64_t nth = 1;
    if (c->plan->func_oid == WIN_NTH_VALUE) {
        struct datum n = cell(w, i, c->args[1]);
        if (n.null)
            return 0;
        nth = as_int(&n);
        if (nth <= 0)
            return err_set(err, ERR_INVALID_PARAMETER_VALUE, "argument of nth_value must be greater than zero");
    }
    if (c->plan->func_oid == WIN_LAST_VALUE) {
        for (uint32_t k = to; k > from; k--) {
            if (!is_excluded(w, c, i, k - 1)) {
                *out = cell(w, k - 1, c->args[0]);
                return 0;
            }
        }
        return 0;
    }
    for (uint32_t k = from; k < to; k++) {
        if (!is_excluded(w, c, i, k) && --nth == 0) {
            *out = cell(w, k, c->args[0]);
            return 0;
        }
    }
    return 0;
}

static int run_function(struct window_op *w, struct window_one *c, uint32_t call, struct err *err)
{
    for (uint32_t i = 0; i < w->n; i++) {
        struct datum *out = &w->results[(size_t)i * w->n_calls + call];
        int rc = 0;
        switch (c->plan->func_oid) {
        case WIN_ROW_NUMBER: *out = datum_i64((int64_t)i + 1); break;
        case WIN_RANK: *out = datum_i64((int64_t)w->peer_start[i] + 1); break;
        case WIN_DENSE_RANK: *out = datum_i64((int64_t)w->group_no[i] + 1); break;
        case WIN_PERCENT_RANK: *out = of_float(w->n > 1 ? (double)w->peer_start[i] / (w->n - 1) : 0); break;
        case WIN_CUME_DIST: *out = of_float((double)w->peer_end[i] / w->n); break;
        case WIN_NTILE: rc = ntile(w, c, i, out, err); break;
        case WIN_LAG: case WIN_LAG_OFFSET: case WIN_LAG_DEFAULT: *out = shifted(w, c, i, true); break;
        case WIN_LEAD: case WIN_LEAD_OFFSET: case WIN_LEAD_DEFAULT: *out = shifted(w, c, i, false); break;
        default: rc = frame_value(w, c, i, out, err); break;
        }
        if (rc)
            return rc;
    }
    return 0;
}

static int frame_offset(struct window_op *w, struct program *p, const char *which, int64_t *out, struct err *err)
{
    struct arena scratch;
    struct datum d;
    if (!p->exec)
        return 0;
    arena_init(&scratch, NULL);
    int rc = program_scalar(w->op.x, p, &scratch, &d, err);
    arena_done(&scratch);
    if (rc)
        return rc;
    if (d.null)
        return err_set(err, ERR_NULL_VALUE_NOT_ALLOWED, "frame %s offset must not be null", which);
    if (d.u.i64 < 0)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "frame %s offset must not be negative", which);
    *out = d.u.i64;
    return 0;
}

static int run_calls(struct window_op *w, struct err *err)
{
    w->results = arena_array(&w->arena, struct datum, (size_t)w->n * w->n_calls + 1);
    for (uint32_t c = 0; c < w->n_calls; c++) {
        struct window_one *one = &w->calls[c];
        int rc = frame_offset(w, &one->start_offset, "starting", &one->start_by, err);
        if (rc == 0)
            rc = frame_offset(w, &one->end_offset, "ending", &one->end_by, err);
        if (rc == 0)
            rc = one->plan->is_aggregate ? run_aggregate(w, one, c, err) : run_function(w, one, c, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int next_window(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct window_op *w = (struct window_op *)op;
    if (w->at == w->n) {
        int rc = read_partition(w, err);
        w->at = w->n = 0;
        if (rc || w->rows.rows == 0)
            return rc;
        index_rows(w);
        rc = run_calls(w, err);
        if (rc)
            return rc;
    }
    const struct plan_col *cols = plan_at(&op->x->plan->plan, op->plan->cols, struct plan_col);
    uint32_t n = w->n - w->at < rows_max ? w->n - w->at : rows_max, n_in = op->plan->n_cols - w->n_calls;
    struct batch *b = *out = batch_for(op->x, op->plan->n_cols);
    b->n_rows = n;
    for (uint32_t c = 0; c < op->plan->n_cols; c++) {
        vec_alloc(&b->cols[c], (enum phys_kind)cols[c].kind, n, b->arena);
        for (uint32_t i = 0; i < n; i++) {
            struct datum d = c < n_in ? cell(w, w->at + i, c) : w->results[(size_t)(w->at + i) * w->n_calls + (c - n_in)];
            vec_put_value(&b->cols[c], i, cols[c].type_oid, &d, b->arena);
        }
    }
    w->at += n;
    return 0;
}

static void rewind_window(struct op *op)
{
    struct window_op *w = (struct window_op *)op;
    store_clear(&w->rows);
    batch_destroy(w->ahead);
    w->ahead = NULL;
    w->at = w->n = 0;
    w->input_done = false;
    arena_reset(&w->arena);
}

static void close_window(struct op *op)
{
    struct window_op *w = (struct window_op *)op;
    rewind_window(op);
    buf_done(&w->partition_key);
    arena_done(&w->arena);
}

static const struct op_vtable window_vtable = {next_window, rewind_window, close_window};

static int open_call(struct window_op *w, const struct plan_window_call *plan, struct window_one *c, struct err *err)
{
    struct exec *x = w->op.x;
    const struct plan_col *in = plan_at(&x->plan->plan, w->op.child[0]->plan->cols, struct plan_col);
    c->plan = plan;
    c->n_args = plan->args.n;
    c->args = op_alloc(x, sizeof *c->args * (c->n_args + 1));
    c->arg_types = op_alloc(x, sizeof *c->arg_types * (c->n_args + 1));
    for (uint32_t k = 0; k < c->n_args; k++) {
        c->args[k] = plan_list_get(&x->plan->plan, plan->args, k);
        c->arg_types[k] = in[c->args[k]].type_oid;
    }
    const struct agg_info *info = plan->is_aggregate ? agg_info(plan->func_oid) : NULL;
    bool known = plan->func_oid >= WIN_ROW_NUMBER && plan->func_oid <= WIN_NTH_VALUE;
    if (plan->is_aggregate ? !info : !known) {
        const struct func_info *f = func_info(plan->func_oid);
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "window function %s is not supported", f ? f->name : "?");
    }
    c->agg = (struct agg_call){.agg = info, .arg_types = c->arg_types, .n_args = c->n_args, .result_type = plan->type_oid,
                               .arena = &w->arena, .env = x->expr_env.env ? x->expr_env.env : &type_env_default};
    int rc = program_open(x, plan->filter, &c->filter, err);
    if (rc == 0)
        rc = program_open(x, plan->start_offset, &c->start_offset, err);
    return rc ? rc : program_open(x, plan->end_offset, &c->end_offset, err);
}

int op_plan_window(struct exec *x, const struct plan_window *plan, struct op **out, struct err *err)
{
    int rc = op_new(x, &plan->op, sizeof(struct window_op), &window_vtable, out, err);
    if (rc)
        return rc;
    struct window_op *w = (struct window_op *)*out;
    w->plan = plan;
    w->op.pure = false;
    w->n_calls = plan->calls.n;
    w->calls = op_alloc(x, sizeof *w->calls * (w->n_calls + 1));
    arena_init(&w->arena, x->env.account);
    buf_init(&w->partition_key);
    for (uint32_t c = 0; rc == 0 && c < w->n_calls; c++)
        rc = open_call(w, plan_at(&x->plan->plan, plan_list_get(&x->plan->plan, plan->calls, c), struct plan_window_call), &w->calls[c], err);
    return rc;
}
