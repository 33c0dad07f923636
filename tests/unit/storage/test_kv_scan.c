/* test_kv_scan.c: scans of every shape against a model: spans and points, orders, tests, limits,
 * own rows at every sequence number, keys and span ordinals, over one shard and three, through the
 * leader's node and through another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/prng.h"
#include "storage/txn/kv_schema.h"
#include "tests/unit/storage/kv_cluster.h"

enum { KEYS = 400, STATEMENTS = 40, SPANS_MAX = 12 };

struct model_value {
    bool there;
    int64_t value;
};

struct check {
    struct cluster c;
    struct task *task;
    struct arena arena;
    struct kv_rows_table t;
    struct prng prng;
    struct model_value committed[KEYS], own[KEYS];
};

static uint64_t draw(struct check *c, uint64_t below)
{
    return prng_below(&c->prng, below);
}

static struct bytes_view key_of(struct check *c, int64_t key)
{
    struct buf bytes = {0};
    struct key_part part = kv_schema_key_part(&c->t.schema, 0);
    struct datum value = datum_i64(key);
    key_append(&bytes, &part, &value);
    struct bytes_view view = view_copy(&c->arena, bytes.data, (uint32_t)bytes.len);
    buf_done(&bytes);
    return view;
}

struct shape {
    struct kv_scan_spec spec;
    struct kv_span spans[SPANS_MAX];
    int64_t from[SPANS_MAX], to[SPANS_MAX]; /* [from, to) */
    struct datum bound;
    struct kv_test test;
};

/* Points in any order, or ascending disjoint ranges, or everything. */
static void draw_spans(struct check *c, struct shape *s)
{
    uint64_t kind = draw(c, 3);
    s->spec.n_spans = kind == 0 ? 0 : 1 + (uint32_t)draw(c, SPANS_MAX);
    int64_t at = 0;
    for (uint32_t i = 0; i < s->spec.n_spans; i++) {
        bool point = kind == 1;
        s->from[i] = point ? (int64_t)draw(c, KEYS) : at + (int64_t)draw(c, 40);
        s->to[i] = point ? s->from[i] + 1 : s->from[i] + 1 + (int64_t)draw(c, 60);
        at = s->to[i];
        struct bytes_view *from = arena_new(&c->arena, struct bytes_view);
        struct bytes_view *to = arena_new(&c->arena, struct bytes_view);
        *from = key_of(c, s->from[i]);
        *to = key_of(c, s->to[i]);
        s->spans[i] =
            (struct kv_span){.start = view_data(from), .start_len = from->len, .point = point};
        if (!point && i + 1 == s->spec.n_spans && draw(c, 3) == 0) {
            s->to[i] = INT64_MAX;
        } else if (!point) {
            s->spans[i].end = view_data(to);
            s->spans[i].end_len = to->len;
        }
    }
    s->spec.spans = s->spans;
}

static void draw_shape(struct check *c, struct shape *s)
{
    *s = (struct shape){0};
    s->spec.schema = &c->t.schema;
    s->spec.column_ids = c->t.ids;
    s->spec.n_columns = 2;
    s->spec.ordered = draw(c, 2);
    s->spec.reverse = s->spec.ordered && draw(c, 2);
    s->spec.with_key = draw(c, 2);
    s->spec.with_span = draw(c, 2);
    s->spec.limit_hint = draw(c, 3) ? 0 : 1 + draw(c, 20);
    draw_spans(c, s);
    if (draw(c, 2)) {
        s->bound = datum_i64((int64_t)draw(c, 1000));
        s->test = (struct kv_test){
            .column_id = 2, .op = draw(c, 2) ? KV_LT : KV_GE, .n_values = 1, .values = &s->bound};
        s->spec.tests = &s->test;
        s->spec.n_tests = 1;
    }
}

static bool model_has(const struct shape *s, const struct model_value *m)
{
    return m->there && (!s->spec.n_tests || (s->test.op == KV_LT) == (m->value < s->bound.u.i64));
}

struct seen {
    uint32_t n;
    int64_t keys[KEYS * SPANS_MAX], values[KEYS * SPANS_MAX];
    int32_t spans[KEYS * SPANS_MAX];
};

static void take(struct check *c, const struct shape *s, struct batch *b, struct seen *seen)
{
    rt_check(b->n_cols == 2u + s->spec.with_key + s->spec.with_span);
    for (uint32_t col = 0; col < b->n_cols; col++)
        vec_flatten(&b->cols[col], b->sel, b->n_sel, b->arena);
    for (uint32_t i = 0; i < batch_count(b); i++) {
        uint32_t row = batch_row(b, i);
        seen->keys[seen->n] = vec_datum(&b->cols[0], row).u.i64;
        seen->values[seen->n] = vec_datum(&b->cols[1], row).u.i64;
        seen->spans[seen->n] =
            s->spec.with_span ? vec_datum(&b->cols[2 + s->spec.with_key], row).u.i32 : -1;
        if (s->spec.with_key) {
            struct bytes_view want = key_of(c, seen->keys[seen->n]);
            struct datum got = vec_datum(&b->cols[2], row);
            rt_check(view_equal(&want, &got.u.bytes));
        }
        seen->n++;
    }
}

/* Every row the model has, once a span that covers it, and no other; in order where order was
 * asked. */
static void compare(const struct shape *s, const struct model_value *model, struct seen *seen)
{
    uint32_t want = 0;
    for (uint32_t span = 0; span < (s->spec.n_spans ? s->spec.n_spans : 1); span++)
        for (int64_t k = 0; k < KEYS; k++) {
            if (s->spec.n_spans && (k < s->from[span] || k >= s->to[span]))
                continue;
            if (!model_has(s, &model[k]))
                continue;
            want++;
            uint32_t i = 0;
            while (i < seen->n &&
                   (seen->keys[i] != k || (s->spec.with_span && seen->spans[i] != (int32_t)span)))
                i++;
            rt_check(i < seen->n);
            rt_check(seen->values[i] == model[k].value);
        }
    rt_check(want == seen->n);
    for (uint32_t i = 1; i < seen->n && s->spec.ordered; i++)
        rt_check(s->spec.reverse ? seen->keys[i - 1] >= seen->keys[i]
                                 : seen->keys[i - 1] <= seen->keys[i]);
}

static void scan_and_compare(struct check *c, int node, struct kv_txn *txn,
                             const struct kv_read *read, const struct model_value *model)
{
    static struct seen seen;
    struct shape s;
    struct kv_scan *scan;
    struct kv_scan_stats stats;
    seen.n = 0;
    draw_shape(c, &s);
    uint32_t rows_max = 1 + (uint32_t)draw(c, 300);
    rt_ok(kv_scan_open(c->task, c->c.nodes[node].kv, txn, read, &s.spec, &scan, &err), &err);
    for (;;) {
        struct batch *b;
        rt_ok(kv_scan_next(c->task, scan, rows_max, &b, &err), &err);
        if (!b)
            break;
        rt_check(batch_count(b) > 0);
        take(c, &s, b, &seen);
        batch_destroy(b);
    }
    kv_scan_stats_get(scan, &stats);
    rt_check(stats.rows_out == seen.n);
    kv_scan_close(c->task, scan);
    compare(&s, model, &seen);
}

static void write_some(struct check *c, struct kv_txn *txn, struct model_value *model)
{
    uint32_t n = (uint32_t)draw(c, 12);
    for (uint32_t i = 0; i < n; i++) {
        int64_t key = (int64_t)draw(c, KEYS), value = (int64_t)draw(c, 1000);
        enum kv_write_op op = (enum kv_write_op)draw(c, 3);
        uint8_t result;
        rt_ok(kv_rows_write(c->task, txn, &c->t, op, (int64_t[]){key, value, 0, 0}, &result, &err),
              &err);
        rt_check(result == (op == KV_INSERT && model[key].there ? KV_ROW_EXISTS : KV_ROW_OK));
        if (result == KV_ROW_OK)
            model[key] = (struct model_value){op != KV_DELETE, value};
    }
}

/* One transaction: statements, savepoints, readings of its beginning, its middle and now. */
static void run_transaction(struct check *c)
{
    int node = (int)draw(c, (uint64_t)c->c.n);
    struct kv_txn_options options = {.isolation =
                                         draw(c, 2) ? KV_READ_COMMITTED : KV_REPEATABLE_READ};
    struct kv_txn *txn = kv_txn_begin(c->c.nodes[node].kv, &options);
    const struct kv_schema *schemas[] = {&c->t.schema};
    struct kv_read read, first;
    struct model_value saved[KEYS], started[KEYS];
    memcpy(c->own, c->committed, sizeof c->own);
    memcpy(started, c->committed, sizeof started);
    rt_ok(kv_stmt_begin(c->task, txn, schemas, 1, &first, &err), &err);
    for (uint32_t i = 0; i < 4; i++) {
        rt_ok(kv_stmt_begin(c->task, txn, schemas, 1, &read, &err), &err);
        scan_and_compare(c, node, txn, &read, c->own);
        memcpy(saved, c->own, sizeof saved);
        uint32_t savepoint = kv_savepoint(txn);
        struct kv_read before = kv_read_now(txn, &read);
        write_some(c, txn, c->own);
        struct kv_read now = kv_read_now(txn, &read);
        scan_and_compare(c, node, txn, &now, c->own);
        scan_and_compare(c, node, txn, &before, saved);
        /* A fragment elsewhere sees the same. */
        scan_and_compare(c, (node + 1) % c->c.n, NULL, &now, c->own);
        if (draw(c, 3) == 0) {
            rt_ok(kv_rollback_to(c->task, txn, savepoint, &err), &err);
            memcpy(c->own, saved, sizeof saved);
        }
    }
    scan_and_compare(c, node, txn, &first, started);
    if (draw(c, 4)) {
        rt_ok(kv_commit(c->task, txn, NULL, &err), &err);
        memcpy(c->committed, c->own, sizeof c->own);
    } else {
        kv_abort(c->task, txn);
    }
    arena_reset(&c->arena);
}

struct cluster_shape {
    int nodes;
    uint16_t shards;
};

static void run_check(struct task *task, void *arg)
{
    const struct cluster_shape *shape = arg;
    struct check *c = calloc(1, sizeof *c);
    struct arena schema_arena;
    c->task = task;
    prng_init(&c->prng, shape->shards * 10u + (uint32_t)shape->nodes);
    arena_init(&c->arena, NULL);
    arena_init(&schema_arena, NULL);
    start_cluster(task, &c->c, shape->nodes);
    kv_rows_table_init(&c->t, 20001, 2, shape->shards);
    struct kv_txn *txn = kv_txn_begin(c->c.nodes[0].kv, &(struct kv_txn_options){0});
    struct kv_read read;
    rt_ok(kv_stmt_begin(task, txn, NULL, 0, &read, &err), &err);
    rt_ok(kv_storage_create(task, txn, &c->t.schema, &schema_arena, &err), &err);
    rt_ok(kv_commit(task, txn, NULL, &err), &err);
    for (int i = 0; i < STATEMENTS; i++)
        run_transaction(c);
    stop_cluster(task, &c->c);
    arena_done(&c->arena);
    arena_done(&schema_arena);
    free(c);
}

static void test_one_node(void **state)
{
    rt_test_run(run_check, &(struct cluster_shape){1, 1});
    rt_test_run(run_check, &(struct cluster_shape){1, 3});
}

static void test_three_nodes(void **state)
{
    rt_test_run(run_check, &(struct cluster_shape){3, 1});
    rt_test_run(run_check, &(struct cluster_shape){3, 5});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_node),
        cmocka_unit_test(test_three_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
