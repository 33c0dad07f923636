/* test_kv_schema.c: schemas and rows as bytes, key prefixes, shards of keys and spans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "storage/txn/kv_read.h"
#include "storage/txn/kv_schema.h"

enum { FROZEN_SHARD = 0 };

/* (a text desc, b int4, c int8 default 42, d numeric(9,2)); key (a, b) */
static struct kv_schema *make_schema(struct arena *arena, uint16_t shards)
{
    struct kv_schema *s = arena_new(arena, struct kv_schema);
    *s = (struct kv_schema){.id = 20000,
                            .home = 19999,
                            .version = 3,
                            .n_columns = 4,
                            .n_key = 2,
                            .n_shards = shards,
                            .n_hash_parts = shards > 1};
    s->groups = arena_array(arena, uint32_t, shards);
    for (uint16_t i = 0; i < shards; i++)
        s->groups[i] = 2 + i;
    s->columns = arena_array(arena, struct kv_column, 4);
    s->columns[0] = (struct kv_column){1, PHYS_BYTES, -1, datum_null(PHYS_BYTES)};
    s->columns[1] = (struct kv_column){2, PHYS_INT32, -1, datum_null(PHYS_INT32)};
    s->columns[2] = (struct kv_column){5, PHYS_INT64, -1, datum_i64(42)};
    s->columns[3] = (struct kv_column){4, PHYS_INT64, 2, datum_null(PHYS_INT64)};
    s->key = arena_array(arena, struct kv_key_part, 2);
    s->key[0] = (struct kv_key_part){0, true, false};
    s->key[1] = (struct kv_key_part){1, false, true};
    return s;
}

static struct bytes_view make_key(const struct kv_schema *s, const char *a, int32_t b,
                                  struct arena *arena)
{
    struct buf key = {0};
    struct datum text = datum_bytes(a, (uint32_t)strlen(a));
    struct datum number = {.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = b};
    struct key_part pa = kv_schema_key_part(s, 0), pb = kv_schema_key_part(s, 1);
    key_append(&key, &pa, &text);
    key_append(&key, &pb, &number);
    struct bytes_view view = view_copy(arena, key.data, (uint32_t)key.len);
    buf_done(&key);
    return view;
}

static void test_bytes_of_schema(void **state)
{
    struct arena arena;
    struct buf bytes = {0};
    struct kv_schema *back;
    arena_init(&arena, NULL);
    struct kv_schema *s = make_schema(&arena, 3);
    kv_schema_encode(s, &bytes);
    assert_int_equal(kv_schema_decode(bytes.data, bytes.len, &arena, &back, NULL), 0);
    struct buf again = {0};
    kv_schema_encode(back, &again);
    assert_int_equal(bytes.len, again.len);
    assert_memory_equal(bytes.data, again.data, bytes.len);
    assert_int_equal(back->columns[2].absent.u.i64, 42);
    assert_int_equal(back->columns[3].dec_scale, 2);
    assert_true(back->key[0].desc && back->key[1].nulls_first);
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_not_equal(kv_schema_decode(bytes.data, len, &arena, &back, NULL), 0);
    buf_done(&bytes);
    buf_done(&again);
    arena_done(&arena);
}

static void test_rows(void **state)
{
    struct arena arena;
    struct buf row = {0};
    struct vec columns[2];
    struct datum values[4], c = datum_i64(7), d = datum_i64(1234);
    arena_init(&arena, NULL);
    struct kv_schema *s = make_schema(&arena, 1);
    struct bytes_view key = make_key(s, "abc", -5, &arena);
    d.dec_scale = 2;
    vec_const(&columns[0], &c, 1, &arena);
    vec_const(&columns[1], &d, 1, &arena);
    kv_schema_row_encode(s, columns, 0,
                         &row); /* column ids 5, 4: written in ascending order all the same */
    assert_true(kv_schema_row_decode(s, view_data(&key), key.len, row.data, (uint32_t)row.len,
                                     values, &arena));
    assert_int_equal(values[1].u.i32, -5);
    assert_int_equal(values[2].u.i64, 7);
    assert_int_equal(values[3].u.i64, 1234);
    assert_memory_equal(view_data(&values[0].u.bytes), "abc", 3);
    /* A row from before column 5 existed reads as its default. */
    struct kv_schema older = *s;
    struct kv_column kept[] = {s->columns[0], s->columns[1], s->columns[3]};
    older.columns = kept;
    older.n_columns = 3;
    buf_reset(&row);
    kv_schema_row_encode(&older, &columns[1], 0, &row);
    assert_true(kv_schema_row_decode(s, view_data(&key), key.len, row.data, (uint32_t)row.len,
                                     values, &arena));
    assert_int_equal(values[2].u.i64, 42);
    struct datum low = datum_i64(40), high = datum_i64(41);
    struct kv_test tests[] = {{5, KV_GT, 1, &low}, {4, KV_NOT_NULL, 0, NULL}};
    assert_true(kv_schema_tests_pass(s, tests, 2, values));
    tests[0] = (struct kv_test){5, KV_LE, 1, &high};
    assert_false(kv_schema_tests_pass(s, tests, 2, values));
    assert_false(kv_schema_row_decode(s, view_data(&key), key.len - 1, row.data, (uint32_t)row.len,
                                      values, &arena));
    buf_done(&row);
    arena_done(&arena);
}

static void test_shards(void **state)
{
    struct arena arena;
    arena_init(&arena, NULL);
    struct kv_schema *s = make_schema(&arena, 8);
    uint32_t counts[8] = {0};
    for (int i = 0; i < 8000; i++) {
        char text[16];
        snprintf(text, sizeof text, "key%d", i);
        struct bytes_view one = make_key(s, text, 1, &arena), two = make_key(s, text, 99, &arena);
        uint32_t shard = kv_schema_shard_of(s, view_data(&one), one.len);
        assert_int_equal(shard, kv_schema_shard_of(s, view_data(&two),
                                                   two.len)); /* the hash parts alone choose */
        counts[shard]++;
        struct kv_span point = {.start = view_data(&one), .start_len = one.len, .point = true};
        assert_int_equal(kv_schema_shard_of_span(s, &point), shard);
        /* All keys with this first part: one shard. */
        bool ok;
        uint32_t prefix = kv_schema_prefix_len(s, 1, view_data(&one), one.len, &ok);
        assert_true(ok);
        struct buf end = {0};
        buf_put(&end, view_data(&one), prefix);
        assert_true(key_prefix_end(&end));
        struct kv_span span = {.start = view_data(&one),
                               .start_len = prefix,
                               .end = end.data,
                               .end_len = (uint32_t)end.len};
        assert_int_equal(kv_schema_shard_of_span(s, &span), shard);
        span.start_len = one.len;
        assert_int_equal(kv_schema_shard_of_span(s, &span), shard);
        buf_put_u8(&end, 0); /* a little beyond */
        span.end = end.data;
        span.end_len = (uint32_t)end.len;
        assert_int_equal(kv_schema_shard_of_span(s, &span), -1);
        span.end = NULL;
        assert_int_equal(kv_schema_shard_of_span(s, &span), -1);
        buf_done(&end);
    }
    for (int i = 0; i < 8; i++)
        assert_in_range(counts[i], 800, 1200);
    /* Frozen: a key may never change its shard. */
    struct bytes_view fixed = make_key(s, "frozen", 1, &arena);
    assert_int_equal(kv_schema_shard_of(s, view_data(&fixed), fixed.len), FROZEN_SHARD);
    arena_done(&arena);
}

static void test_reading(void **state)
{
    struct arena arena;
    struct buf bytes = {0};
    struct kv_read back;
    struct kv_seq_range voided[] = {{3, 9}};
    uint32_t opened[] = {2, 4};
    struct kv_hold holds[] = {{2, 7, 8}};
    struct kv_pending pending[] = {{3, {4, 5, 6}}, {2, {1, 2, 9}}};
    arena_init(&arena, NULL);
    struct kv_read read = {.txn = {1, 2, 3},
                           .isolation = KV_REPEATABLE_READ,
                           .has_writes = true,
                           .read_ts = 77,
                           .uncertain_limit = 99,
                           .read_seq = 12,
                           .n_void = 1,
                           .voided = voided,
                           .n_opened = 2,
                           .opened = opened,
                           .n_holds = 1,
                           .holds = holds,
                           .n_pending = 2,
                           .pending = pending,
                           .class_ = 2};
    kv_read_encode(&read, &bytes);
    assert_int_equal(kv_read_decode(bytes.data, bytes.len, &arena, &back, NULL), 0);
    assert_true(kv_txn_id_equal(&back.txn, &read.txn) && back.has_writes && back.read_seq == 12 &&
                back.class_ == 2);
    assert_true(kv_read_is_void(back.voided, back.n_void, 3) &&
                !kv_read_is_void(back.voided, back.n_void, 9));
    assert_true(kv_read_is_opened(&back, 4) && !kv_read_is_opened(&back, 3));
    assert_int_equal(kv_read_hold(&back, 2)->incarnation, 8);
    assert_null(kv_read_hold(&back, 4));
    assert_int_equal(back.n_pending, 2);
    assert_int_equal(back.pending[0].group, 3);
    assert_true(kv_txn_id_equal(&back.pending[1].txn, &pending[1].txn));
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_not_equal(kv_read_decode(bytes.data, len, &arena, &back, NULL), 0);
    buf_done(&bytes);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_of_schema),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_shards),
        cmocka_unit_test(test_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
