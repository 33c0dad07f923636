/* Vectors and batches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/column.h"

static void test_views(void **state)
{
    struct arena a;
    arena_init(&a, NULL);
    const char *texts[] = {"",     "a", "ab", "abcdefghijkl", "abcdefghijklm", "abcdefghijkln",
                           "abce", "b"};
    int order[] = {0, 1, 2, 3, 4, 5, 6, 7};
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < 8; k++) {
            struct bytes_view x = view_copy(&a, texts[i], (uint32_t)strlen(texts[i]));
            struct bytes_view y = view_copy(&a, texts[k], (uint32_t)strlen(texts[k]));
            int cmp = view_compare(&x, &y);
            assert_int_equal((cmp > 0) - (cmp < 0), (order[i] > order[k]) - (order[i] < order[k]));
            assert_int_equal(view_equal(&x, &y), i == k);
        }
    arena_done(&a);
}

static void test_forms(void **state)
{
    struct arena a;
    arena_init(&a, NULL);
    struct vec v, dict, konst;
    vec_alloc(&dict, PHYS_INT64, 3, &a);
    for (int i = 0; i < 3; i++)
        ((int64_t *)dict.data)[i] = i * 100;
    uint16_t codes[100];
    vec_alloc(&v, PHYS_INT64, 100, &a);
    v.form = VEC_DICT;
    v.dict = &dict;
    v.codes = codes;
    for (int i = 0; i < 100; i++)
        codes[i] = (uint16_t)(i % 3);
    vec_need_valid(&v, &a);
    bit_clear(v.valid, 7);
    assert_int_equal(vec_datum(&v, 5).u.i64, 200);
    assert_true(vec_datum(&v, 7).null);
    vec_flatten(&v, NULL, 0, &a);
    assert_int_equal(v.form, VEC_FLAT);
    for (uint32_t i = 0; i < 100; i++)
        if (i != 7)
            assert_int_equal(vec_datum(&v, i).u.i64, i % 3 * 100);
    assert_true(vec_is_null(&v, 7));
    struct datum d = datum_bytes("a constant longer than inline", 29);
    vec_const(&konst, &d, 70, &a);
    vec_flatten(&konst, NULL, 0, &a);
    for (uint32_t i = 0; i < 70; i++) {
        struct datum got = vec_datum(&konst, i);
        assert_true(view_equal(&got.u.bytes, &d.u.bytes));
    }
    d = datum_null(PHYS_FLOAT64);
    vec_const(&konst, &d, 70, &a);
    vec_flatten(&konst, NULL, 0, &a);
    assert_true(vec_is_null(&konst, 69));
    arena_done(&a);
}

static int unpinned;
static void count_unpin(void *pins)
{
    unpinned += *(int *)pins;
}

static void test_batch(void **state)
{
    struct mem_account account = {0};
    struct batch *b = batch_create(2, &account);
    vec_alloc(&b->cols[0], PHYS_INT32, 10, b->arena);
    vec_alloc(&b->cols[1], PHYS_BYTES, 10, b->arena);
    b->n_rows = 10;
    for (uint32_t i = 0; i < 10; i++) {
        struct datum x = {.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = (int32_t)i};
        vec_put(&b->cols[0], i, &x, b->arena);
        struct datum t = datum_bytes("some text of some length", i * 2);
        t.null = i == 4;
        vec_put(&b->cols[1], i, &t, b->arena);
    }
    uint16_t sel[] = {1, 4, 9};
    b->sel = sel;
    b->n_sel = 3;
    int one = 1;
    b->pins = &one;
    b->unpin = count_unpin;
    struct batch *dense = batch_compact(b, &account);
    assert_int_equal(batch_count(dense), 3);
    assert_int_equal(vec_datum(&dense->cols[0], 2).u.i32, 9);
    assert_true(vec_datum(&dense->cols[1], 1).null);
    assert_int_equal(vec_datum(&dense->cols[1], 2).u.bytes.len, 18);
    batch_destroy(b);
    assert_int_equal(unpinned, 1);
    batch_destroy(dense);
    batch_destroy(NULL);
    assert_int_equal(account.used_bytes, 0);
}

static void test_float_order(void **state)
{
    struct datum nan = {.kind = PHYS_FLOAT64, .dec_scale = -1, .u.f64 = __builtin_nan("")};
    struct datum inf = {.kind = PHYS_FLOAT64, .dec_scale = -1, .u.f64 = __builtin_inf()};
    struct datum minus = {.kind = PHYS_FLOAT64, .dec_scale = -1, .u.f64 = -0.0};
    struct datum zero = {.kind = PHYS_FLOAT64, .dec_scale = -1, .u.f64 = 0};
    assert_true(datum_compare(&nan, &inf) > 0);
    assert_int_equal(datum_compare(&nan, &nan), 0);
    assert_int_equal(datum_compare(&minus, &zero), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_float_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
