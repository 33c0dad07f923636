/* test_kv.c: storage/kv.h over real stores: one node, then three over loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "tests/unit/storage/kv_cluster.h"

struct fixture {
    struct cluster c;
    struct task *task;
    struct arena arena;
    struct kv_rows_table t;
};

static struct kv_txn *begin(struct fixture *f, int node, enum kv_isolation isolation)
{
    struct kv_txn_options options = {.isolation = isolation,
                                     .deadline_ns = env_mono_ns(f->task->env) + 10000 * MS};
    return kv_txn_begin(f->c.nodes[node].kv, &options);
}

static struct kv_read statement(struct fixture *f, struct kv_txn *txn)
{
    const struct kv_schema *schemas[] = {&f->t.schema};
    struct kv_read read;
    rt_ok(kv_stmt_begin(f->task, txn, schemas, 1, &read, &err), &err);
    return read;
}

static uint8_t write_row(struct fixture *f, struct kv_txn *txn, enum kv_write_op op, int64_t key,
                         int64_t value)
{
    uint8_t result;
    rt_ok(kv_rows_write(f->task, txn, &f->t, op, (int64_t[]){key, value, 0, 0}, &result, &err),
          &err);
    return result;
}

/* The table as "key:value ..." */
static const char *read_text(struct fixture *f, int node, struct kv_txn *txn,
                             const struct kv_read *read, bool reverse)
{
    struct kv_rows rows = {0};
    struct buf text = {0};
    struct kv_rows_query query = {.table = &f->t, .reverse = reverse};
    rt_ok(kv_rows_read(f->task, f->c.nodes[node].kv, txn, read, &query, &rows, &err), &err);
    for (uint32_t i = 0; i < rows.n; i++)
        buf_printf(&text, "%lld:%lld ", (long long)rows.values[2 * i],
                   (long long)rows.values[2 * i + 1]);
    char *copy = arena_strdup(&f->arena, buf_text(&text));
    buf_done(&text);
    kv_rows_done(&rows);
    return copy;
}

static const char *read_now(struct fixture *f, int node)
{
    struct kv_txn *txn = begin(f, node, KV_READ_COMMITTED);
    struct kv_read read = statement(f, txn);
    const char *text = read_text(f, node, txn, &read, false);
    kv_abort(f->task, txn);
    return text;
}

static void expect(const char *got, const char *want)
{
    if (strcmp(got, want))
        fprintf(stderr, "got  %s\nwant %s\n", got, want);
    rt_check(!strcmp(got, want));
}

static void init_fixture(struct task *task, struct fixture *f, int nodes, uint16_t shards)
{
    f->task = task;
    arena_init(&f->arena, NULL);
    start_cluster(task, &f->c, nodes);
    kv_rows_table_init(&f->t, 20001, 2, shards);
    struct kv_txn *txn = begin(f, 0, KV_READ_COMMITTED);
    struct kv_read read;
    rt_ok(kv_stmt_begin(task, txn, NULL, 0, &read, &err), &err);
    rt_ok(kv_storage_create(task, txn, &f->t.schema, &f->arena, &err), &err);
    for (int64_t i = 1; i <= 6; i++)
        rt_check(write_row(f, txn, KV_INSERT, i, 10 * i) == KV_ROW_OK);
    read = kv_read_now(txn, &read);
    expect(read_text(f, 0, txn, &read, false), "1:10 2:20 3:30 4:40 5:50 6:60 ");
    hlc_time ts;
    rt_ok(kv_commit(task, txn, &ts, &err), &err);
    rt_check(ts > read.read_ts);
}

static void free_fixture(struct fixture *f)
{
    stop_cluster(f->task, &f->c);
    arena_done(&f->arena);
}

static void check_statements(struct fixture *f, int node)
{
    expect(read_now(f, node), "1:10 2:20 3:30 4:40 5:50 6:60 ");
    struct kv_txn *txn = begin(f, node, KV_READ_COMMITTED);
    struct kv_read first = statement(f, txn);
    write_row(f, txn, KV_PUT, 1, 11);
    rt_check(write_row(f, txn, KV_INSERT, 2, 0) == KV_ROW_EXISTS);
    write_row(f, txn, KV_DELETE, 3, 0);
    expect(read_text(f, node, txn, &first, false), "1:10 2:20 3:30 4:40 5:50 6:60 ");
    struct kv_read now = kv_read_now(txn, &first);
    expect(read_text(f, node, txn, &now, false), "1:11 2:20 4:40 5:50 6:60 ");
    uint32_t savepoint = kv_savepoint(txn);
    statement(f, txn);
    write_row(f, txn, KV_PUT, 1, 12);
    rt_check(write_row(f, txn, KV_INSERT, 3, 33) == KV_ROW_OK);
    now = statement(f, txn);
    expect(read_text(f, node, txn, &now, true), "6:60 5:50 4:40 3:33 2:20 1:12 ");
    rt_ok(kv_rollback_to(f->task, txn, savepoint, &err), &err);
    now = statement(f, txn);
    expect(read_text(f, node, txn, &now, false), "1:11 2:20 4:40 5:50 6:60 ");
    struct kv_txn *other = begin(f, (node + 1) % f->c.n, KV_REPEATABLE_READ);
    struct kv_read old = statement(f, other);
    expect(read_text(f, (node + 1) % f->c.n, other, &old, false), "1:10 2:20 3:30 4:40 5:50 6:60 ");
    rt_ok(kv_commit(f->task, txn, NULL, &err), &err);
    for (int i = 0; i < f->c.n; i++)
        expect(read_now(f, i), "1:11 2:20 4:40 5:50 6:60 ");
    expect(read_text(f, (node + 1) % f->c.n, other, &old, true), "6:60 5:50 4:40 3:30 2:20 1:10 ");
    uint8_t result;
    rt_check(kv_rows_write(f->task, other, &f->t, KV_PUT, (int64_t[]){1, 0, 0, 0}, &result, &err) ==
             ERR_SERIALIZATION_FAILURE);
    rt_check(kv_txn_retry(other) == KV_RETRY_TXN);
    kv_abort(f->task, other);
}

static void check_locks(struct fixture *f)
{
    int64_t values[KV_ROWS_COLUMNS_MAX];
    uint8_t result;
    struct kv_txn *a = begin(f, 0, KV_READ_COMMITTED), *b = begin(f, f->c.n - 1, KV_READ_COMMITTED);
    struct kv_read ra = statement(f, a), rb = statement(f, b);
    rt_ok(kv_rows_lock(f->task, a, &ra, &f->t, 1, KV_LOCK_NO_KEY_UPDATE, &result, values, &err),
          &err);
    rt_check(result == KV_ROW_OK);
    rt_ok(kv_rows_lock(f->task, b, &rb, &f->t, 1, KV_LOCK_KEY_SHARE, &result, values, &err), &err);
    rt_check(result == KV_ROW_OK);
    kv_txn_set_deadline(b, 0, 50 * MS);
    rt_check(kv_rows_lock(f->task, b, &rb, &f->t, 1, KV_LOCK_SHARE, &result, values, &err) ==
             ERR_LOCK_NOT_AVAILABLE);
    write_row(f, a, KV_PUT, 1, 100);
    rt_ok(kv_commit(f->task, a, NULL, &err), &err);
    kv_txn_set_deadline(b, 0, 0);
    rt_ok(kv_rows_lock(f->task, b, &rb, &f->t, 1, KV_LOCK_UPDATE, &result, values, &err), &err);
    rt_check(result == KV_ROW_CHANGED && values[1] == 100);
    rt_ok(kv_rows_lock(f->task, b, &rb, &f->t, 99, KV_LOCK_UPDATE, &result, values, &err), &err);
    rt_check(result == KV_ROW_GONE);
    rt_ok(kv_commit(f->task, b, NULL, &err), &err);
}

struct crossing {
    struct fixture *f;
    int node;
    int64_t first, second;
    int code;
};

static void run_crossing(struct task *task, void *arg)
{
    struct crossing *x = arg;
    struct fixture *f = x->f;
    struct kv_txn *txn = kv_txn_begin(f->c.nodes[x->node].kv, &(struct kv_txn_options){0});
    const struct kv_schema *schemas[] = {&f->t.schema};
    struct kv_read read;
    struct err e;
    uint8_t result;
    rt_ok(kv_stmt_begin(task, txn, schemas, 1, &read, &e), &e);
    rt_ok(kv_rows_write(task, txn, &f->t, KV_PUT, (int64_t[]){x->first, 1, 0, 0}, &result, &e), &e);
    rt_ok(task_sleep(task, 50 * MS, &e), &e);
    x->code = kv_rows_write(task, txn, &f->t, KV_PUT, (int64_t[]){x->second, 1, 0, 0}, &result, &e);
    kv_abort(task, txn);
}

static void check_deadlock(struct fixture *f)
{
    struct crossing a = {f, 0, 4, 5, 0}, b = {f, f->c.n - 1, 5, 4, 0};
    uint64_t start = env_mono_ns(f->task->env);
    struct task *ta = task_spawn_joinable(task_core(f->task), TASK_TXN, "a", run_crossing, &a);
    struct task *tb = task_spawn_joinable(task_core(f->task), TASK_TXN, "b", run_crossing, &b);
    task_join(f->task, ta);
    task_join(f->task, tb);
    rt_check((a.code == ERR_DEADLOCK_DETECTED) != (b.code == ERR_DEADLOCK_DETECTED));
    rt_check(a.code == 0 || b.code == 0);
    printf("deadlock broken after %llu ms\n",
           (unsigned long long)((env_mono_ns(f->task->env) - start) / MS));
}

static void check_schema_changes(struct fixture *f)
{
    struct kv_rows_table fresh;
    uint8_t result;
    storage_id id, id2;
    rt_ok(kv_storage_id_next(f->task, f->c.nodes[0].kv, &id, &err), &err);
    rt_ok(kv_storage_id_next(f->task, f->c.nodes[f->c.n - 1].kv, &id2, &err), &err);
    rt_check(id >= 16384 && id != id2);
    kv_rows_table_init(&fresh, id, 2, 3);
    struct kv_txn *txn = begin(f, 0, KV_READ_COMMITTED);
    struct kv_read read = statement(f, txn);
    rt_ok(kv_storage_create(f->task, txn, &fresh.schema, &f->arena, &err), &err);
    rt_check(kv_storage_is_private(txn, &fresh.schema));
    enum { N = 500 };
    struct bytes_view keys[N];
    struct vec column;
    uint8_t results[N];
    struct datum one = datum_i64(1);
    struct key_part part = {.kind = PHYS_INT64, .dec_scale = -1};
    for (int i = 0; i < N; i++) {
        struct buf key = {0};
        struct datum d = datum_i64(i / 2);
        key_append(&key, &part, &d);
        keys[i] = view_copy(&f->arena, key.data, (uint32_t)key.len);
        buf_done(&key);
    }
    vec_const(&column, &one, N, &f->arena);
    struct kv_write bulk = {
        .schema = &fresh.schema, .op = KV_INSERT, .n_rows = N, .keys = keys, .columns = &column};
    rt_ok(kv_bulk_write(f->task, txn, &bulk, results, &err), &err);
    for (int i = 0; i < N; i++)
        rt_check(results[i] == (i % 2 ? KV_ROW_EXISTS : KV_ROW_OK));
    struct kv_rows rows = {0};
    struct kv_rows_query all = {.table = &fresh};
    read = kv_read_now(txn, &read);
    rt_ok(kv_rows_read(f->task, f->c.nodes[0].kv, txn, &read, &all, &rows, &err), &err);
    rt_check(rows.n == N / 2);
    /* Another session knows nothing of it. */
    struct kv_txn *other = begin(f, f->c.n - 1, KV_READ_COMMITTED);
    const struct kv_schema *schemas[] = {&fresh.schema};
    struct kv_read theirs;
    rt_ok(kv_stmt_begin(f->task, other, schemas, 1, &theirs, &err), &err);
    rt_ok(kv_commit(f->task, txn, NULL, &err), &err);
    rt_ok(kv_stmt_begin(f->task, other, schemas, 1, &theirs, &err), &err);
    rows.n = 0;
    rt_ok(kv_rows_read(f->task, f->c.nodes[f->c.n - 1].kv, other, &theirs, &all, &rows, &err),
          &err);
    rt_check(rows.n == N / 2);
    kv_abort(f->task, other);
    /* A newer version refuses the old one. */
    struct kv_rows_table altered = fresh;
    altered.schema.version = 2;
    altered.schema.columns = altered.columns;
    altered.schema.key = &altered.key;
    txn = begin(f, 0, KV_READ_COMMITTED);
    statement(f, txn);
    rt_ok(kv_storage_alter(f->task, txn, &altered.schema, &err), &err);
    rt_ok(kv_commit(f->task, txn, NULL, &err), &err);
    txn = begin(f, 0, KV_READ_COMMITTED);
    statement(f, txn);
    rt_check(kv_rows_write(f->task, txn, &fresh, KV_PUT, (int64_t[]){1, 1, 0, 0}, &result, &err) !=
             0);
    rt_check(kv_txn_retry(txn) == KV_RETRY_SCHEMA);
    kv_abort(f->task, txn);
    kv_rows_done(&rows);
}

struct shape {
    int nodes;
    uint16_t shards;
};

static void run_all(struct task *task, void *arg)
{
    const struct shape *shape = arg;
    struct fixture f = {0};
    init_fixture(task, &f, shape->nodes, shape->shards);
    check_statements(&f, shape->nodes - 1);
    check_locks(&f);
    check_deadlock(&f);
    check_schema_changes(&f);
    const char *before = read_now(&f, 0);
    for (int i = 0; i < shape->nodes; i++)
        stop_node(task, &f.c, i);
    for (int i = 0; i < shape->nodes; i++)
        start_node(task, &f.c, i);
    expect(read_now(&f, 0), before);
    free_fixture(&f);
}

static void test_one_node(void **state)
{
    rt_test_run(run_all, &(struct shape){1, 1});
    rt_test_run(run_all, &(struct shape){1, 3});
}

static void test_three_nodes(void **state)
{
    rt_test_run(run_all, &(struct shape){3, 1});
    rt_test_run(run_all, &(struct shape){3, 3});
}

/* Groups on other cores than the session's. */
static void test_two_cores(void **state)
{
    rt_test_run_cores(2, run_all, &(struct shape){1, 3});
    rt_test_run_cores(2, run_all, &(struct shape){3, 3});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_node),
        cmocka_unit_test(test_three_nodes),
        cmocka_unit_test(test_two_cores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
