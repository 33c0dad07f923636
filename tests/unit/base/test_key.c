/* Key bytes order like tuples, and give the values back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/key.h"
#include "base/prng.h"

static struct datum draw(struct prng *p, uint8_t kind, struct arena *a)
{
    uint64_t r = prng_next(p);
    struct datum d = {.kind = kind, .dec_scale = -1, .null = r % 11 == 0};
    uint64_t small = prng_below(p, 3);
    int64_t v = small == 0   ? (int64_t)(r % 5) - 2
                : small == 1 ? (int64_t)(r % 600) - 300
                             : (int64_t)r;
    switch (kind) {
    case PHYS_BOOL:
        d.u.b = v & 1;
        break;
    case PHYS_INT16:
        d.u.i16 = (int16_t)v;
        break;
    case PHYS_INT32:
        d.u.i32 = (int32_t)v;
        break;
    case PHYS_INT64:
        d.u.i64 = v;
        break;
    case PHYS_INT128:
        d.u.i128 = (int128)((uint128)(uint64_t)v << (small == 2 ? 64 : 0));
        break;
    case PHYS_FLOAT32:
        d.u.f32 = r % 17 == 0 ? __builtin_nanf("") : r % 13 == 0 ? -0.0f : (float)v / 4;
        break;
    case PHYS_FLOAT64:
        d.u.f64 = r % 17 == 0   ? __builtin_nan("")
                  : r % 13 == 0 ? -0.0
                  : r % 19 == 0 ? -__builtin_inf()
                                : (double)v / 4;
        break;
    default: {
        uint8_t bytes[20];
        uint32_t len = (uint32_t)prng_below(p, small == 2 ? 20 : 4);
        for (uint32_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)(prng_below(p, 3) == 0   ? 0
                                 : prng_below(p, 3) == 0 ? 0xff
                                                         : prng_below(p, 256));
        d.u.bytes = view_copy(a, bytes, len);
    }
    }
    return d;
}

static int compare_part(const struct key_part *part, const struct datum *a, const struct datum *b)
{
    if (a->null || b->null)
        return a->null == b->null ? 0 : a->null == part->nulls_first ? -1 : 1;
    int cmp = datum_compare(a, b);
    return part->desc ? -cmp : cmp;
}

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

static void test_order_and_back(void **state)
{
    struct prng p;
    prng_init(&p, 5);
    struct arena a;
    arena_init(&a, NULL);
    for (int round = 0; round < 30000; round++) {
        arena_reset(&a);
        int n = 1 + (int)prng_below(&p, 3);
        struct key_part parts[3];
        struct datum x[3], y[3];
        struct buf kx = {0}, ky = {0};
        int want = 0;
        for (int i = 0; i < n; i++) {
            parts[i] = (struct key_part){.kind = (uint8_t)(1 + prng_below(&p, PHYS_KIND_COUNT - 1)),
                                         .desc = prng_below(&p, 2),
                                         .nulls_first = prng_below(&p, 2),
                                         .dec_scale = (int16_t)((int)prng_below(&p, 3) - 1)};
            x[i] = draw(&p, parts[i].kind, &a);
            y[i] = prng_below(&p, 2) ? x[i] : draw(&p, parts[i].kind, &a);
            if (!want)
                want = compare_part(&parts[i], &x[i], &y[i]);
            key_append(&kx, &parts[i], &x[i]);
            key_append(&ky, &parts[i], &y[i]);
        }
        assert_int_equal(sign(key_compare(kx.data, kx.len, ky.data, ky.len)), sign(want));
        const uint8_t *at = kx.data, *end = kx.data + kx.len;
        for (int i = 0; i < n; i++) {
            struct datum back;
            assert_true(key_decode(&at, end, &parts[i], &back, &a));
            assert_int_equal(back.null, x[i].null);
            assert_int_equal(back.dec_scale, parts[i].dec_scale);
            if (!back.null)
                assert_int_equal(datum_compare(&back, &x[i]), 0);
        }
        assert_ptr_equal(at, end);
        /* No prefix of a key is a key. */
        for (size_t cut = 0; cut < kx.len; cut++) {
            const uint8_t *c = kx.data;
            struct datum back;
            bool ok = true;
            for (int i = 0; i < n && ok; i++)
                ok = key_decode(&c, kx.data + cut, &parts[i], &back, &a);
            assert_false(ok);
        }
        buf_done(&kx);
        buf_done(&ky);
    }
    arena_done(&a);
}

static void test_known_bytes(void **state)
{
    struct buf k = {0};
    struct key_part part = {.kind = PHYS_INT32, .dec_scale = -1};
    struct datum d = {.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = -1};
    key_append(&k, &part, &d);
    assert_memory_equal(k.data, "\x02\x7f\xff\xff\xff", 5);
    buf_reset(&k);
    part = (struct key_part){.kind = PHYS_BYTES, .desc = true, .dec_scale = -1};
    d = datum_bytes("a\0b", 3);
    key_append(&k, &part, &d);
    assert_memory_equal(k.data, "\x02\x9e\xff\x00\x9d\xff\xfe", 7);
    buf_reset(&k);
    d = datum_null(PHYS_BYTES);
    key_append(&k, &part, &d);
    assert_int_equal(k.len, 1);
    assert_int_equal(k.data[0], 3);
    buf_done(&k);
}

static void test_prefix_end(void **state)
{
    struct buf k = {0};
    buf_put(&k, "\x02\x10\xff\xff", 4);
    assert_true(key_prefix_end(&k));
    assert_int_equal(k.len, 2);
    assert_memory_equal(k.data, "\x02\x11", 2);
    buf_reset(&k);
    buf_put(&k, "\xff\xff", 2);
    assert_false(key_prefix_end(&k));
    buf_done(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_bytes),
        cmocka_unit_test(test_order_and_back),
        cmocka_unit_test(test_prefix_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
