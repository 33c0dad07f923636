/* Encoded chunks against plain arrays: every kind, shapes that provoke every encoding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/prng.h"
#include "storage/sst/bitpack.h"
#include "storage/sst/enc_build.h"
#include "storage/sst/enc_test.h"

static void test_bitpack(void **state)
{
    struct prng p;
    prng_init(&p, 1);
    for (uint32_t w = 1; w <= 64; w++) {
        if (!bitpack_width_is_valid(w))
            continue;
        for (int round = 0; round < 5; round++) {
            uint32_t n = (uint32_t[]){1, 128, 300, 127, 513}[round];
            uint64_t *v = malloc(n * 8), mask[16], group[BITPACK_GROUP];
            uint64_t keep = w == 64 ? UINT64_MAX : ((uint64_t)1 << w) - 1;
            for (uint32_t i = 0; i < n; i++)
                v[i] = prng_next(&p) & keep;
            uint8_t *out = malloc(bitpack_size(n, w));
            bitpack_pack(v, n, w, out);
            for (uint32_t i = 0; i < n; i++) {
                if (i % BITPACK_GROUP == 0)
                    bitpack_unpack_group(out, n, w, i / BITPACK_GROUP, group);
                assert_int_equal(group[i % BITPACK_GROUP], v[i]);
                assert_int_equal(bitpack_get(out, n, w, i), v[i]);
            }
            for (int k = 0; k < 10; k++) {
                uint64_t lo = v[prng_below(&p, n)], span = k % 3 ? v[prng_below(&p, n)] : 0;
                bitpack_filter(out, n, w, lo, span, mask);
                for (uint32_t i = 0; i < n; i++)
                    assert_int_equal(bit_get(mask, i), v[i] >= lo && v[i] - lo <= span);
            }
            free(v);
            free(out);
        }
    }
}

/* shape: 0 constant, 1 few distinct wide, 2 narrow range, 3 runs, 4 random, 5 all null */
static struct datum draw(struct prng *p, uint8_t kind, int shape, uint32_t i, struct arena *a)
{
    uint64_t r = shape == 0   ? 7
                 : shape == 1 ? prng_below(p, 5) * 0x123456789abcdu
                 : shape == 2 ? 1000 + prng_below(p, 50)
                 : shape == 3 ? i / 40 * 977
                              : prng_next(p);
    struct datum d = {.kind = kind, .dec_scale = -1};
    switch (kind) {
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
        d.u.i128 = (int128)(int64_t)r;
        if (shape == 4)
            d.u.i128 = (int128)((uint128)r << 64 | prng_next(p));
        break;
    case PHYS_FLOAT32:
        d.u.f32 = (float)(int32_t)r / 8;
        break;
    case PHYS_FLOAT64:
        d.u.f64 = (double)(int64_t)r / 16;
        if (r % 11 == 0)
            d.u.f64 = r % 2 ? -0.0 : __builtin_nan("");
        break;
    default: {
        char text[64];
        int len = shape == 4 ? (int)(r % 60) : 0;
        if (shape == 4)
            for (int k = 0; k < len; k++)
                text[k] = (char)prng_next(p);
        else
            len = snprintf(text, sizeof text, "value-%llu", (unsigned long long)r);
        d.u.bytes = view_copy(a, text, (uint32_t)len);
    }
    }
    if (shape == 5 || (shape != 0 && prng_below(p, 9) == 0) || (shape == 0 && i % 7 == 3))
        d = datum_null((enum phys_kind)kind);
    return d;
}

static void assert_same(const struct datum *a, const struct datum *b)
{
    assert_int_equal(a->null, b->null);
    if (!a->null)
        assert_int_equal(datum_compare(a, b), 0);
}

static struct datum datum_at(const void *data, uint8_t kind, uint32_t i)
{
    struct datum d = {.kind = kind, .dec_scale = -1};
    memcpy(&d.u, (const char *)data + (size_t)i * phys_width[kind], phys_width[kind]);
    return d;
}

static bool naive_match(const struct kv_test *t, const struct datum *v)
{
    if (t->op == KV_IS_NULL || t->op == KV_NOT_NULL)
        return v->null == (t->op == KV_IS_NULL);
    if (v->null)
        return false;
    for (uint32_t i = 0; t->op == KV_IN && i < t->n_values; i++)
        if (datum_compare(v, &t->values[i]) == 0)
            return true;
    int c = datum_compare(v, &t->values[0]);
    return t->op == KV_EQ   ? c == 0
           : t->op == KV_LT ? c < 0
           : t->op == KV_LE ? c <= 0
           : t->op == KV_GT ? c > 0
           : t->op == KV_GE ? c >= 0
                            : false;
}

static void check_tests(struct prng *p, const struct enc_chunk *c, const struct datum *rows,
                        uint32_t n, struct enc_build *b, struct arena *a)
{
    struct datum min, max;
    bool any = enc_build_min_max(b, &min, &max);
    uint64_t *mask = malloc((n + 63) / 64 * 8), *scratch = malloc((n + 63) / 64 * 8);
    for (int round = 0; round < 24; round++) {
        struct datum values[6];
        uint32_t count = 0;
        for (int k = 0; k < 6; k++) {
            struct datum d = rows[prng_below(p, n)];
            if (prng_below(p, 4) == 0 && phys_is_integer(d.kind) && !d.null)
                d = enc_integer_datum(d.kind, -1, datum_integer(&d) + 1);
            if (!d.null)
                values[count++] = d;
        }
        if (!count)
            values[count++] = draw(p, c->kind, 4, 0, a);
        if (values[0].null)
            continue;
        struct kv_test t = {.op = (uint8_t)(round % 8), .values = values};
        t.n_values = t.op == KV_IN ? count : 1;
        struct enc_test prepared;
        enc_test_prepare(&prepared, &t, a);
        memset(mask, 0xff, (n + 63) / 64 * 8);
        enc_test_filter(&prepared, c, mask, scratch);
        uint32_t hits = 0;
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(bit_get(mask, i), naive_match(&t, &rows[i]));
            assert_int_equal(enc_test_match(&prepared, &rows[i]), naive_match(&t, &rows[i]));
            hits += bit_get(mask, i);
        }
        enum enc_zone z =
            enc_test_zone(&prepared, any ? &min : NULL, any ? &max : NULL, c->null_count, n);
        assert_true(z != ENC_ZONE_NONE || hits == 0);
        assert_true(z != ENC_ZONE_ALL || hits == n);
    }
    free(mask);
    free(scratch);
}

static void check_column(struct prng *p, uint8_t kind, int shape, uint32_t n, uint32_t *seen)
{
    struct arena a;
    arena_init(&a, NULL);
    struct datum *rows = arena_array(&a, struct datum, n);
    struct enc_build b;
    enc_build_init(&b, 3, kind, -1);
    for (uint32_t i = 0; i < n; i++) {
        rows[i] = draw(p, kind, shape, i, &a);
        enc_build_put(&b, &rows[i]);
    }
    struct buf out = {0};
    struct enc_dir dir;
    enc_build_finish(&b, &out, &dir);
    *seen |= 1u << dir.enc;
    struct enc_chunk c;
    assert_true(enc_open(&c, &dir, out.data, n));
    void *data = arena_zalloc(&a, (size_t)n * phys_width[kind]);
    for (uint32_t i = 0; i < n; i++) {
        struct datum d = enc_get(&c, i);
        assert_same(&d, &rows[i]);
    }
    uint32_t first = (uint32_t)prng_below(p, n), count = (uint32_t)prng_below(p, n - first) + 1;
    enc_decode(&c, first, NULL, count, data);
    uint64_t *valid = enc_validity(&c, first, count, &a);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(!valid || bit_get(valid, i), !rows[first + i].null);
        struct datum d = datum_at(data, kind, i);
        if (!rows[first + i].null)
            assert_same(&d, &rows[first + i]);
    }
    uint16_t sel[2048];
    uint32_t n_sel = 0;
    for (uint32_t i = 0; i < count && i < 2048; i += 1 + (uint32_t)prng_below(p, shape ? 20 : 3))
        sel[n_sel++] = (uint16_t)i;
    memset(data, 0, (size_t)n * phys_width[kind]);
    enc_decode(&c, first, sel, n_sel, data);
    for (uint32_t i = 0; i < n_sel; i++) {
        struct datum d = datum_at(data, kind, sel[i]);
        if (!rows[first + sel[i]].null)
            assert_same(&d, &rows[first + sel[i]]);
    }
    check_tests(p, &c, rows, n, &b, &a);
    /* A shorter chunk is refused, never read past. */
    for (uint32_t cut = 0; cut < dir.size_bytes; cut += 1 + cut / 3) {
        struct enc_dir less = dir;
        less.size_bytes = cut;
        uint8_t *copy = malloc(cut + 1);
        memcpy(copy, out.data, cut);
        (void)enc_open(&c, &less, copy, n);
        free(copy);
    }
    buf_done(&out);
    enc_build_done(&b);
    arena_done(&a);
}

static void test_columns(void **state)
{
    struct prng p;
    prng_init(&p, 2);
    uint32_t seen = 0;
    for (uint8_t kind = PHYS_BOOL; kind < PHYS_KIND_COUNT; kind++)
        for (int shape = 0; shape < 6; shape++)
            for (int round = 0; round < 6; round++)
                check_column(&p, kind, shape, (uint32_t[]){1, 5, 64, 129, 1000, 4097}[round],
                             &seen);
    assert_int_equal(seen,
                     1 << ENC_CONST | 1 << ENC_FOR | 1 << ENC_RLE | 1 << ENC_DICT | 1 << ENC_PLAIN);
}

static void test_blobs(void **state)
{
    struct enc_build b;
    enc_build_init(&b, 1, PHYS_BYTES, -1);
    struct datum small = datum_bytes("small", 5);
    for (int i = 0; i < 100; i++) {
        if (i % 10 == 4)
            enc_build_put_blob(&b, "0123456789abcdef01234567", 24);
        else
            enc_build_put(&b, &small);
    }
    struct buf out = {0};
    struct enc_dir dir;
    enc_build_finish(&b, &out, &dir);
    struct enc_chunk c;
    assert_true(enc_open(&c, &dir, out.data, 100));
    for (uint32_t i = 0; i < 100; i++) {
        struct datum d = enc_get(&c, i);
        assert_int_equal(enc_is_blob(&c, i), i % 10 == 4);
        assert_int_equal(d.u.bytes.len, i % 10 == 4 ? 24 : 5);
    }
    buf_done(&out);
    enc_build_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bitpack),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_blobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
