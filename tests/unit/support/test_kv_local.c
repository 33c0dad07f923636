/* test_kv_local.c: kv_local keeps the promises of storage/kv.h that tests of the floors above rely
 * on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "tests/support/kv_local.h"

struct fixture {
    struct kv *kv;
    struct arena arena;
    struct kv_schema *schema;
};

/* id int64 key (column 1), v int64 (column 2) */
static struct kv_schema *make_schema(struct arena *arena, storage_id id, uint16_t shards)
{
    struct kv_schema *s = arena_new(arena, struct kv_schema);
    s->id = s->home = id;
    s->version = 1;
    s->n_columns = 2;
    s->n_key = 1;
    s->n_shards = shards;
    s->n_hash_parts = shards > 1;
    s->columns = arena_array(arena, struct kv_column, 2);
    for (uint32_t i = 0; i < 2; i++)
        s->columns[i] = (struct kv_column){i + 1, PHYS_INT64, -1, datum_null(PHYS_INT64)};
    s->key = arena_array(arena, struct kv_key_part, 1);
    return s;
}

static struct kv_txn *begin_txn(struct fixture *f, enum kv_isolation isolation)
{
    return kv_txn_begin(f->kv, &(struct kv_txn_options){.isolation = isolation});
}

static struct kv_read begin_stmt(struct fixture *f, struct kv_txn *txn)
{
    struct kv_read read;
    const struct kv_schema *schemas[] = {f->schema};
    assert_int_equal(kv_stmt_begin(NULL, txn, schemas, 1, &read, NULL), 0);
    return read;
}

static struct bytes_view make_key(struct fixture *f, int64_t id)
{
    struct buf buf = {0};
    struct key_part part = {.kind = PHYS_INT64, .dec_scale = -1};
    struct datum value = datum_i64(id);
    key_append(&buf, &part, &value);
    struct bytes_view view = view_of(arena_memdup(&f->arena, buf.data, buf.len), (uint32_t)buf.len);
    buf_done(&buf);
    return view;
}

static uint8_t write_one(struct fixture *f, struct kv_txn *txn, enum kv_write_op op, int64_t id,
                         int64_t v)
{
    struct bytes_view key = make_key(f, id);
    struct vec column;
    struct datum value = datum_i64(v);
    vec_const(&column, &value, 1, &f->arena);
    struct kv_write write = {
        .schema = f->schema, .op = op, .n_rows = 1, .keys = &key, .columns = &column};
    uint8_t result = 99;
    assert_int_equal(kv_write(NULL, txn, &write, &result, NULL), 0);
    return result;
}

/* Reads everything as id:v pairs into text. */
static const char *scan_text(struct fixture *f, struct kv_txn *txn, const struct kv_read *read,
                             const struct kv_scan_spec *more)
{
    static const uint32_t columns[] = {1, 2};
    struct kv_scan_spec spec = more ? *more : (struct kv_scan_spec){.ordered = true};
    spec.schema = f->schema;
    spec.column_ids = columns;
    spec.n_columns = 2;
    struct kv_scan *scan;
    struct buf text = {0};
    assert_int_equal(kv_scan_open(NULL, f->kv, txn, read, &spec, &scan, NULL), 0);
    for (;;) {
        struct batch *b;
        assert_int_equal(kv_scan_next(NULL, scan, 3, &b, NULL), 0);
        if (!b)
            break;
        for (uint32_t i = 0; i < b->n_rows; i++)
            buf_printf(&text, "%lld:%lld ", (long long)((int64_t *)b->cols[0].data)[i],
                       (long long)((int64_t *)b->cols[1].data)[i]);
        batch_destroy(b);
    }
    kv_scan_close(NULL, scan);
    char *copy = arena_strdup(&f->arena, buf_text(&text));
    buf_done(&text);
    return copy;
}

static void init_fixture(struct fixture *f, uint16_t shards)
{
    arena_init(&f->arena, NULL);
    f->kv = kv_local_create();
    f->schema = make_schema(&f->arena, 1, shards);
    struct kv_txn *txn = begin_txn(f, KV_READ_COMMITTED);
    assert_int_equal(kv_storage_create(NULL, txn, f->schema, &f->arena, NULL), 0);
    begin_stmt(f, txn);
    for (int64_t i = 1; i <= 8; i++)
        assert_int_equal(write_one(f, txn, KV_INSERT, i, i * 10), KV_ROW_OK);
    assert_int_equal(kv_commit(NULL, txn, NULL, NULL), 0);
}

static void free_fixture(struct fixture *f)
{
    kv_local_destroy(f->kv);
    arena_done(&f->arena);
}

static void test_scan_orders(void **state)
{
    for (uint16_t shards = 1; shards <= 3; shards += 2) {
        struct fixture f;
        init_fixture(&f, shards);
        struct kv_txn *txn = begin_txn(&f, KV_READ_COMMITTED);
        struct kv_read read = begin_stmt(&f, txn);
        assert_string_equal(scan_text(&f, txn, &read, NULL),
                            "1:10 2:20 3:30 4:40 5:50 6:60 7:70 8:80 ");
        struct kv_scan_spec reverse = {.ordered = true, .reverse = true};
        assert_string_equal(scan_text(&f, txn, &read, &reverse),
                            "8:80 7:70 6:60 5:50 4:40 3:30 2:20 1:10 ");
        struct bytes_view from = make_key(&f, 3), to = make_key(&f, 6);
        struct kv_span span = {.start = view_data(&from),
                               .start_len = from.len,
                               .end = view_data(&to),
                               .end_len = to.len};
        struct kv_scan_spec ranged = {.ordered = true, .spans = &span, .n_spans = 1};
        assert_string_equal(scan_text(&f, txn, &read, &ranged), "3:30 4:40 5:50 ");
        ranged.reverse = true;
        assert_string_equal(scan_text(&f, txn, &read, &ranged), "5:50 4:40 3:30 ");
        struct bytes_view k[3] = {make_key(&f, 7), make_key(&f, 99), make_key(&f, 2)};
        struct kv_span points[3];
        for (int i = 0; i < 3; i++)
            points[i] =
                (struct kv_span){.start = view_data(&k[i]), .start_len = k[i].len, .point = true};
        struct kv_scan_spec lookup = {.ordered = true, .spans = points, .n_spans = 3};
        assert_string_equal(scan_text(&f, txn, &read, &lookup), "2:20 7:70 ");
        struct datum bound = datum_i64(60);
        struct kv_test test = {.column_id = 2, .op = KV_GT, .n_values = 1, .values = &bound};
        struct kv_scan_spec tested = {.ordered = true, .tests = &test, .n_tests = 1};
        assert_string_equal(scan_text(&f, txn, &read, &tested), "7:70 8:80 ");
        kv_abort(NULL, txn);
        free_fixture(&f);
    }
}

static void test_own_writes_and_savepoints(void **state)
{
    struct fixture f;
    init_fixture(&f, 3);
    struct kv_txn *txn = begin_txn(&f, KV_READ_COMMITTED);
    struct kv_read first = begin_stmt(&f, txn);
    write_one(&f, txn, KV_PUT, 1, 11);
    assert_int_equal(write_one(&f, txn, KV_INSERT, 2, 0), KV_ROW_EXISTS);
    write_one(&f, txn, KV_DELETE, 3, 0);
    assert_string_equal(scan_text(&f, txn, &first, NULL),
                        "1:10 2:20 3:30 4:40 5:50 6:60 7:70 8:80 ");
    struct kv_read now = kv_read_now(txn, &first);
    assert_string_equal(scan_text(&f, txn, &now, NULL), "1:11 2:20 4:40 5:50 6:60 7:70 8:80 ");
    uint32_t savepoint = kv_savepoint(txn);
    begin_stmt(&f, txn);
    write_one(&f, txn, KV_PUT, 1, 12);
    assert_int_equal(write_one(&f, txn, KV_INSERT, 3, 33), KV_ROW_OK);
    now = begin_stmt(&f, txn);
    assert_string_equal(scan_text(&f, txn, &now, NULL), "1:12 2:20 3:33 4:40 5:50 6:60 7:70 8:80 ");
    assert_int_equal(kv_rollback_to(NULL, txn, savepoint, NULL), 0);
    now = begin_stmt(&f, txn);
    assert_string_equal(scan_text(&f, txn, &now, NULL), "1:11 2:20 4:40 5:50 6:60 7:70 8:80 ");
    struct kv_txn *other = begin_txn(&f, KV_READ_COMMITTED);
    struct kv_read seen = begin_stmt(&f, other);
    assert_string_equal(scan_text(&f, other, &seen, NULL),
                        "1:10 2:20 3:30 4:40 5:50 6:60 7:70 8:80 ");
    assert_int_equal(kv_commit(NULL, txn, NULL, NULL), 0);
    assert_string_equal(scan_text(&f, other, &seen, NULL),
                        "1:10 2:20 3:30 4:40 5:50 6:60 7:70 8:80 ");
    seen = begin_stmt(&f, other);
    assert_string_equal(scan_text(&f, other, &seen, NULL), "1:11 2:20 4:40 5:50 6:60 7:70 8:80 ");
    kv_abort(NULL, other);
    free_fixture(&f);
}

static void test_lock_results(void **state)
{
    struct fixture f;
    init_fixture(&f, 1);
    struct kv_txn *reader = begin_txn(&f, KV_READ_COMMITTED);
    struct kv_read read = begin_stmt(&f, reader);
    struct kv_txn *writer = begin_txn(&f, KV_READ_COMMITTED);
    begin_stmt(&f, writer);
    write_one(&f, writer, KV_PUT, 1, 11);
    write_one(&f, writer, KV_DELETE, 2, 0);
    struct bytes_view keys[4], moved = make_key(&f, 33);
    for (int i = 0; i < 4; i++)
        keys[i] = make_key(&f, i + 1);
    struct kv_write move = {
        .schema = f.schema, .op = KV_DELETE, .n_rows = 1, .keys = &keys[2], .moved_to = &moved};
    uint8_t results[4];
    assert_int_equal(kv_write(NULL, writer, &move, results, NULL), 0);
    uint32_t columns[] = {2};
    struct kv_lock_request request = {.schema = f.schema,
                                      .read = &read,
                                      .mode = KV_LOCK_UPDATE,
                                      .n_rows = 4,
                                      .keys = keys,
                                      .column_ids = columns,
                                      .n_columns = 1};
    struct batch *changed;
    struct err err = {0};
    assert_int_equal(kv_lock(NULL, reader, &request, results, &changed, &err),
                     ERR_LOCK_NOT_AVAILABLE);
    assert_int_equal(kv_commit(NULL, writer, NULL, NULL), 0);
    assert_int_equal(kv_lock(NULL, reader, &request, results, &changed, NULL), 0);
    assert_int_equal(results[0], KV_ROW_CHANGED);
    assert_int_equal(results[1], KV_ROW_GONE);
    assert_int_equal(results[2], KV_ROW_MOVED);
    assert_int_equal(results[3], KV_ROW_OK);
    assert_int_equal(((int64_t *)changed->cols[0].data)[0], 11);
    struct datum key = vec_datum(&changed->cols[1], 2);
    assert_true(view_equal(&key.u.bytes, &moved));
    assert_true(vec_is_null(&changed->cols[1], 0));
    batch_destroy(changed);
    kv_abort(NULL, reader);
    free_fixture(&f);
}

static void test_repeatable_read(void **state)
{
    struct fixture f;
    init_fixture(&f, 1);
    struct kv_txn *rr = begin_txn(&f, KV_REPEATABLE_READ);
    begin_stmt(&f, rr);
    struct kv_txn *writer = begin_txn(&f, KV_READ_COMMITTED);
    begin_stmt(&f, writer);
    write_one(&f, writer, KV_PUT, 1, 11);
    assert_int_equal(kv_commit(NULL, writer, NULL, NULL), 0);
    struct kv_read read = begin_stmt(&f, rr);
    struct kv_scan_spec spec = {.ordered = true, .limit_hint = 1};
    assert_string_equal(scan_text(&f, rr, &read, &spec),
                        "1:10 2:20 3:30 4:40 5:50 6:60 7:70 8:80 ");
    struct bytes_view key = make_key(&f, 1);
    struct kv_write write = {.schema = f.schema, .op = KV_DELETE, .n_rows = 1, .keys = &key};
    uint8_t result;
    assert_int_equal(kv_write(NULL, rr, &write, &result, NULL), ERR_SERIALIZATION_FAILURE);
    assert_int_equal(kv_txn_retry(rr), KV_RETRY_TXN);
    kv_abort(NULL, rr);
    free_fixture(&f);
}

static void test_schema_changes(void **state)
{
    struct fixture f;
    init_fixture(&f, 1);
    struct kv_txn *ddl = begin_txn(&f, KV_READ_COMMITTED);
    struct kv_schema *second = make_schema(&f.arena, 2, 3);
    begin_stmt(&f, ddl);
    assert_int_equal(kv_storage_create(NULL, ddl, second, &f.arena, NULL), 0);
    assert_true(kv_storage_is_private(ddl, second));
    assert_false(kv_storage_is_private(ddl, f.schema));
    struct kv_txn *other = begin_txn(&f, KV_READ_COMMITTED);
    struct kv_read read;
    const struct kv_schema *schemas[] = {second};
    assert_true(kv_stmt_begin(NULL, other, schemas, 1, &read, NULL) != 0);
    assert_int_equal(kv_txn_retry(other), KV_RETRY_SCHEMA);
    struct kv_schema *altered = make_schema(&f.arena, 1, 1);
    altered->version = 2;
    assert_int_equal(kv_storage_alter(NULL, ddl, altered, NULL), 0);
    begin_stmt(&f, other); /* version 1 still stands */
    assert_int_equal(kv_commit(NULL, ddl, NULL, NULL), 0);
    schemas[0] = f.schema;
    assert_true(kv_stmt_begin(NULL, other, schemas, 1, &read, NULL) != 0);
    assert_int_equal(kv_txn_retry(other), KV_RETRY_SCHEMA);
    schemas[0] = second;
    assert_int_equal(kv_stmt_begin(NULL, other, schemas, 1, &read, NULL), 0);
    kv_abort(NULL, other);
    free_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan_orders),    cmocka_unit_test(test_own_writes_and_savepoints),
        cmocka_unit_test(test_lock_results),   cmocka_unit_test(test_repeatable_read),
        cmocka_unit_test(test_schema_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
