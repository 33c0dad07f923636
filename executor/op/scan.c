/* scan.c: rows of a storage: spans from programs, tests in storage, the filter on what comes back, columns decoded as needed. */
#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "executor/exec_int.h"
#include "types/type/type.h"

struct span_programs {
    struct program *eq;
    uint32_t n_eq;
    struct program low, high;
    bool low_incl, high_incl;
};

struct scan_op {
    struct op op;
    const struct plan_scan *plan;
    struct kv_scan_spec spec;
    struct kv_scan *scan;
    struct span_programs *spans;
    struct program *tests;
    struct program filter;
    const struct plan_key_part **key;
    struct arena arena; /* of one opening: span bytes, test values */
    struct buf bytes;
    bool empty;
    struct batch *held; /* filtered up to some row only */
};

/* One span as offsets into scan->bytes, made pointers when all are known. */
struct span_bytes {
    size_t start, end;
    uint32_t start_len, end_len;
    bool point, has_end;
    const uint8_t *base;
};

static void put_bytes(struct span_bytes *s, struct buf *all, const struct buf *key, bool end)
{
    if (end) {
        s->end = all->len;
        s->end_len = (uint32_t)key->len;
        s->has_end = true;
    } else {
        s->start = all->len;
        s->start_len = (uint32_t)key->len;
    }
    buf_put(all, key->data, key->len);
}

/* A bound on the part after the prefix: appends its key bytes; false when the value is null. */
static int put_bound(struct scan_op *s, struct program *p, const struct plan_key_part *part, struct buf *key, bool *null,
                     struct err *err)
{
    struct datum v;
    int rc = program_scalar(s->op.x, p, &s->arena, &v, err);
    if (rc)
        return rc;
    *null = v.null;
    return v.null ? 0 : key_put(key, part, &v, err);
}

/* Marker bytes around the non-null values of a part: 0x02 value...; anything from 0x03 on is past them. */
static int make_range(struct scan_op *s, const struct span_programs *p, struct buf *prefix, struct span_bytes *out, bool *empty,
                      struct err *err)
{
    const struct plan_key_part *part = s->key[p->n_eq];
    /* With DESC the bytes run the other way: the value's low bound is the key's high one. */
    struct program *first = (struct program *)(part->desc ? &p->high : &p->low);
    struct program *last = (struct program *)(part->desc ? &p->low : &p->high);
    bool first_incl = part->desc ? p->high_incl : p->low_incl, last_incl = part->desc ? p->low_incl : p->high_incl;
    size_t len = prefix->len;
    bool null = false;
    int rc = 0;
    if (first->exec) {
        rc = put_bound(s, first, part, prefix, &null, err);
        if (rc == 0 && !null && !first_incl && !key_prefix_end(prefix))
            null = true;
    } else {
        buf_put_u8(prefix, 0x02);
    }
    if (rc == 0)
        put_bytes(out, &s->bytes, prefix, false);
    prefix->len = len;
    if (rc || null) {
        *empty = true;
        return rc;
    }
    if (last->exec) {
        rc = put_bound(s, last, part, prefix, &null, err);
        if (rc == 0 && !null && last_incl && !key_prefix_end(prefix))
            prefix->len = len;
    } else {
        buf_put_u8(prefix, 0x03);
    }
    if (rc == 0)
        put_bytes(out, &s->bytes, prefix, true);
    *empty = null;
    return rc;
}

static int make_span(struct scan_op *s, const struct span_programs *p, struct span_bytes *out, bool *empty, struct err *err)
{
    struct buf key;
    int rc = 0;
    buf_init(&key);
    *empty = false;
    for (uint32_t k = 0; rc == 0 && !*empty && k < p->n_eq; k++) {
        bool null = false;
        rc = put_bound(s, &p->eq[k], s->key[k], &key, &null, err);
        *empty = null;
    }
    if (rc == 0 && !*empty) {
        if (p->low.exec || p->high.exec) {
            rc = make_range(s, p, &key, out, empty, err);
        } else {
            put_bytes(out, &s->bytes, &key, false);
            out->point = p->n_eq == s->plan->key.n;
            if (!out->point && key_prefix_end(&key))
                put_bytes(out, &s->bytes, &key, true);
        }
    }
    buf_done(&key);
    return rc;
}

static int compare_spans(const void *a, const void *b, void *ctx)
{
    const struct span_bytes *x = a, *y = b;
    return key_compare(x->base + x->start, x->start_len, y->base + y->start, y->start_len);
}

static int make_spans(struct scan_op *s, struct err *err)
{
    uint32_t n = s->plan->spans.n, made = 0;
    struct span_bytes *all = arena_array(&s->arena, struct span_bytes, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        bool empty;
        memset(&all[made], 0, sizeof *all);
        int rc = make_span(s, &s->spans[i], &all[made], &empty, err);
        if (rc)
            return rc;
        if (!empty)
            made++;
    }
    if (n && made == 0) {
        s->empty = true;
        return 0;
    }
    for (uint32_t i = 0; i < made; i++)
        all[i].base = s->bytes.data;
    if (made > 1)
        sort_stable(all, made, sizeof *all, compare_spans, NULL, NULL);
    struct kv_span *spans = arena_array(&s->arena, struct kv_span, made + 1);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < made; i++) {
        /* Equal values of an IN list give equal spans: one is enough. */
        if (i && compare_spans(&all[i], &all[i - 1], NULL) == 0)
            continue;
        spans[kept++] = (struct kv_span){.start = all[i].base + all[i].start, .start_len = all[i].start_len,
                                         .end = all[i].has_end ? all[i].base + all[i].end : NULL,
                                         .end_len = all[i].end_len, .point = all[i].point};
    }
    s->spec.spans = kept ? spans : NULL;
    s->spec.n_spans = kept;
    return 0;
}

static int make_tests(struct scan_op *s, struct err *err)
{
    static const uint8_t ops[] = {KV_EQ, KV_LT, KV_LE, KV_GT, KV_GE, KV_IS_NULL, KV_NOT_NULL};
    uint32_t n = s->plan->tests.n;
    struct kv_test *tests = arena_array(&s->arena, struct kv_test, n + 1);
    struct datum *values = arena_array(&s->arena, struct datum, n + 1);
    const struct plan *plan = &s->op.x->plan->plan;
    for (uint32_t i = 0; i < n; i++) {
        const struct plan_test *t = plan_at(plan, plan_list_get(plan, s->plan->tests, i), struct plan_test);
        tests[i] = (struct kv_test){.column_id = t->column_id, .op = ops[t->op], .n_values = 1, .values = &values[i]};
        if (!s->tests[i].exec)
            continue;
        int rc = program_scalar(s->op.x, &s->tests[i], &s->arena, &values[i], err);
        if (rc)
            return rc;
        if (values[i].null)
            s->empty = true;
    }
    s->spec.tests = tests;
    s->spec.n_tests = (uint16_t)n;
    return 0;
}

static int open_scan(struct scan_op *s, struct err *err)
{
    struct exec *x = s->op.x;
    arena_reset(&s->arena);
    buf_reset(&s->bytes);
    s->empty = false;
    int rc = make_spans(s, err);
    if (rc == 0 && !s->empty)
        rc = make_tests(s, err);
    if (rc || s->empty)
        return rc;
    return kv_scan_open(x->env.task, x->env.kv, x->env.txn, &x->read, &s->spec, &s->scan, err);
}

static int filter_held(struct scan_op *s, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct batch *b = s->held;
    uint32_t live = batch_count(b), seen;
    if (!s->filter.exec) {
        s->held = NULL;
        *out = b;
        return 0;
    }
    const uint16_t *sel = b->sel;
    uint32_t n_sel = b->n_sel;
    int rc = program_filter(s->op.x, &s->filter, b, rows_max, &seen, err);
    if (rc) {
        op_fail_later(&s->op, err);
        s->held = NULL;
        *out = b;
        return 0;
    }
    if (seen >= live) {
        s->held = NULL;
        *out = b;
        return 0;
    }
    /* The rest is offered again when more is asked for. */
    *out = batch_slice(s->op.x, b, 0, b->n_sel);
    b->sel = sel;
    b->n_sel = n_sel;
    s->held = batch_slice(s->op.x, b, seen, live - seen);
    batch_destroy(b);
    return 0;
}

static void add_stats(struct scan_op *s)
{
    struct kv_scan_stats stats;
    kv_scan_stats_get(s->scan, &stats);
    struct plan_actual *a = &s->op.actual;
    a->blocks_read += stats.blocks_read;
    a->blocks_pruned += stats.blocks_pruned;
    a->columns_decoded = stats.columns_decoded > a->columns_decoded ? stats.columns_decoded : a->columns_decoded;
    a->values_decoded += stats.values_decoded;
    a->network_bytes += stats.remote_bytes;
    a->remote_requests += stats.remote_requests;
    a->tablets = stats.tablets;
}

static void close_scan(struct scan_op *s)
{
    if (!s->scan)
        return;
    add_stats(s);
    kv_scan_close(s->op.x->env.task, s->scan);
    s->scan = NULL;
}

static int next_scan(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct scan_op *s = (struct scan_op *)op;
    if (!s->held) {
        if (!s->scan) {
            int rc = open_scan(s, err);
            if (rc || s->empty)
                return rc;
        }
        uint32_t want = program_pure(&s->filter) ? BATCH_ROWS : rows_max;
        int rc = kv_scan_next(op->x->env.task, s->scan, s->filter.exec ? BATCH_ROWS : want, &s->held, err);
        if (rc)
            return rc;
        if (!s->held) {
            close_scan(s);
            op->ended = true;
            return 0;
        }
    }
    return filter_held(s, op->pure ? BATCH_ROWS : rows_max, out, err);
}

static void rewind_scan(struct op *op)
{
    struct scan_op *s = (struct scan_op *)op;
    batch_destroy(s->held);
    s->held = NULL;
    close_scan(s);
}

static void done_scan(struct op *op)
{
    struct scan_op *s = (struct scan_op *)op;
    rewind_scan(op);
    buf_done(&s->bytes);
    arena_done(&s->arena);
}

static const struct op_vtable scan_vtable = {next_scan, rewind_scan, done_scan};

static int open_span_programs(struct scan_op *s, const struct plan_span *p, struct span_programs *out, struct err *err)
{
    struct exec *x = s->op.x;
    out->n_eq = p->eq.n;
    out->eq = op_alloc(x, sizeof *out->eq * (p->eq.n + 1));
    out->low_incl = p->low_incl;
    out->high_incl = p->high_incl;
    if (bug_if((p->low || p->high) && p->eq.n >= s->plan->key.n, err))
        return err->code;
    for (uint32_t k = 0; k < p->eq.n; k++) {
        int rc = program_open(x, plan_list_get(&x->plan->plan, p->eq, k), &out->eq[k], err);
        if (rc)
            return rc;
    }
    int rc = program_open(x, p->low, &out->low, err);
    return rc ? rc : program_open(x, p->high, &out->high, err);
}

static int open_programs(struct scan_op *s, struct err *err)
{
    struct exec *x = s->op.x;
    const struct plan *plan = &x->plan->plan;
    s->spans = op_alloc(x, sizeof *s->spans * (s->plan->spans.n + 1));
    s->tests = op_alloc(x, sizeof *s->tests * (s->plan->tests.n + 1));
    s->key = op_alloc(x, sizeof *s->key * (s->plan->key.n + 1));
    for (uint32_t i = 0; i < s->plan->key.n; i++)
        s->key[i] = plan_at(plan, plan_list_get(plan, s->plan->key, i), struct plan_key_part);
    int rc = program_open(x, s->plan->filter, &s->filter, err);
    for (uint32_t i = 0; rc == 0 && i < s->plan->spans.n; i++)
        rc = open_span_programs(s, plan_at(plan, plan_list_get(plan, s->plan->spans, i), struct plan_span), &s->spans[i], err);
    for (uint32_t i = 0; rc == 0 && i < s->plan->tests.n; i++)
        rc = program_open(x, plan_at(plan, plan_list_get(plan, s->plan->tests, i), struct plan_test)->value, &s->tests[i], err);
    return rc;
}

int op_plan_scan(struct exec *x, const struct plan_scan *plan, struct op **out, struct err *err)
{
    int rc = op_new(x, &plan->op, sizeof(struct scan_op), &scan_vtable, out, err);
    if (rc)
        return rc;
    struct scan_op *s = (struct scan_op *)*out;
    s->plan = plan;
    arena_init(&s->arena, x->env.account);
    buf_init(&s->bytes);
    rc = open_programs(s, err);
    if (rc)
        return rc;
    s->op.pure = program_pure(&s->filter);
    s->spec = (struct kv_scan_spec){
        .schema = x->plan->schemas[plan->schema],
        .column_ids = plan->columns.n ? plan_at(&x->plan->plan, plan->columns.at, uint32_t) : NULL,
        .n_columns = (uint16_t)plan->columns.n,
        .with_key = plan->with_key,
        .ordered = plan->ordered,
        .reverse = plan->reverse,
        .lock = plan->locks ? plan->lock : KV_LOCK_NONE,
        .wait = plan->wait,
        .shards = x->env.shards,
        .n_shards = x->env.n_shards,
    };
    return 0;
}
