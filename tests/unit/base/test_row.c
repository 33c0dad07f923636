/* Row format: what is written comes back; cut or wrong bytes are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/prng.h"
#include "base/row.h"

static struct datum draw(struct prng *p, struct arena *a)
{
    struct datum d = {.kind = (uint8_t)(1 + prng_below(p, PHYS_KIND_COUNT - 1)),
                      .null = prng_below(p, 5) == 0,
                      .dec_scale = (int16_t)((int)prng_below(p, 4) - 1)};
    uint64_t r = prng_next(p) >> prng_below(p, 64);
    switch (d.kind) {
    case PHYS_BOOL:
        d.u.b = r & 1;
        break;
    case PHYS_INT16:
        d.u.i16 = (int16_t)r;
        break;
    case PHYS_INT32:
        d.u.i32 = (int32_t)r;
        break;
    case PHYS_INT64:
        d.u.i64 = (int64_t)r;
        break;
    case PHYS_INT128:
        d.u.i128 = (int128)((uint128)r << 64 | r);
        break;
    case PHYS_FLOAT32:
        d.u.f32 = (float)r;
        break;
    case PHYS_FLOAT64:
        d.u.f64 = (double)r;
        break;
    default: {
        uint8_t bytes[300];
        uint32_t len = (uint32_t)prng_below(p, 300);
        memset(bytes, (int)r, len);
        d.u.bytes = view_copy(a, bytes, len);
    }
    }
    return d;
}

static void test_back(void **state)
{
    struct prng p;
    prng_init(&p, 3);
    struct arena a;
    arena_init(&a, NULL);
    for (int round = 0; round < 3000; round++) {
        arena_reset(&a);
        struct buf row = {0};
        struct datum values[10], got;
        uint32_t ids[10], id = 0, n = (uint32_t)prng_below(&p, 10);
        size_t ends[11];
        row_begin(&row);
        ends[0] = row.len;
        for (uint32_t i = 0; i < n; i++) {
            id += 1 + (uint32_t)prng_below(&p, 400);
            ids[i] = id;
            values[i] = draw(&p, &a);
            row_append(&row, id, &values[i]);
            ends[i + 1] = row.len;
        }
        struct row_reader r;
        assert_true(row_reader_init(&r, row.data, row.len));
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(row_next(&r, &id, &got), 1);
            assert_int_equal(id, ids[i]);
            assert_int_equal(got.kind, values[i].kind);
            assert_int_equal(got.null, values[i].null);
            assert_int_equal(got.dec_scale, values[i].dec_scale);
            if (!got.null)
                assert_int_equal(datum_compare(&got, &values[i]), 0);
            assert_int_equal(row_find(row.data, row.len, ids[i], &got), 1);
            assert_int_equal(row_find(row.data, row.len, ids[i] + 1000000, &got), 0);
        }
        assert_int_equal(row_next(&r, &id, &got), 0);
        /* Cut anywhere but between columns: malformed. */
        for (size_t cut = 1; cut < row.len; cut++) {
            bool between = false;
            for (uint32_t i = 0; i <= n; i++)
                between |= ends[i] == cut;
            assert_true(row_reader_init(&r, row.data, cut));
            int last;
            while ((last = row_next(&r, &id, &got)) == 1)
                ;
            assert_int_equal(last, between ? 0 : -1);
        }
        buf_done(&row);
    }
    arena_done(&a);
}

static void test_refusals(void **state)
{
    struct row_reader r;
    struct datum d;
    uint32_t id;
    assert_false(row_reader_init(&r, "", 0));
    assert_false(row_reader_init(&r, "\x02", 1));
    const char *bad[] = {
        "\x01\x05\x00", "\x01\x05\x09", "\x01\x05\x41\x00", "\x01\x05\x01\x02",
        "\x01\x05\x02\xff\xff\x7f"}; /* kind 0, kind 9, unknown flag, bool 2, int16 too big */
    size_t lens[] = {3, 3, 4, 4, 6};
    for (int i = 0; i < 5; i++) {
        assert_true(row_reader_init(&r, bad[i], lens[i]));
        assert_int_equal(row_next(&r, &id, &d), -1);
        assert_int_equal(row_find(bad[i], lens[i], 5, &d), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_back),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
