#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/prng.h"

static void test_put_take(void **state)
{
    struct buf b = {0};
    buf_put_u8(&b, 0xab);
    buf_put_le16(&b, 0x1234);
    buf_put_be16(&b, 0x1234);
    buf_put_le32(&b, 0x12345678);
    buf_put_be32(&b, 0x12345678);
    buf_put_le64(&b, 0x123456789abcdef0);
    buf_put_be64(&b, 0x123456789abcdef0);
    buf_put_sized(&b, "hello", 5);
    static const uint8_t want[] = {0xab, 0x34, 0x12, 0x12, 0x34, 0x78, 0x56, 0x34, 0x12,
                                   0x12, 0x34, 0x56, 0x78, 0xf0, 0xde, 0xbc, 0x9a, 0x78,
                                   0x56, 0x34, 0x12, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc,
                                   0xde, 0xf0, 5,    'h',  'e',  'l',  'l',  'o'};
    assert_int_equal(b.len, sizeof want);
    assert_memory_equal(b.data, want, sizeof want);
    struct buf_reader r = buf_reader_of(b.data, b.len);
    size_t n;
    assert_int_equal(buf_take_u8(&r), 0xab);
    assert_int_equal(buf_take_le16(&r), 0x1234);
    assert_int_equal(buf_take_be16(&r), 0x1234);
    assert_int_equal(buf_take_le32(&r), 0x12345678);
    assert_int_equal(buf_take_be32(&r), 0x12345678);
    assert_true(buf_take_le64(&r) == 0x123456789abcdef0);
    assert_true(buf_take_be64(&r) == 0x123456789abcdef0);
    assert_memory_equal(buf_take_sized(&r, &n), "hello", 5);
    assert_int_equal(n, 5);
    assert_false(r.bad);
    assert_int_equal(buf_take_u8(&r), 0);
    assert_true(r.bad);
    assert_true(buf_take_be64(&r) == 0 && r.bad); /* sticky */
    buf_done(&b);
}

static void test_varint(void **state)
{
    struct prng prng;
    prng_init(&prng, 1);
    struct buf b = {0};
    uint64_t values[2000];
    for (int i = 0; i < 2000; i++) {
        values[i] = prng_next(&prng) >> prng_below(&prng, 64);
        if (i < 4)
            values[i] = (uint64_t[]){0, UINT64_MAX, 127, 128}[i];
        size_t before = b.len;
        buf_put_varint(&b, values[i]);
        assert_int_equal(b.len - before, varint_size(values[i]));
        buf_put_svarint(&b, (int64_t)values[i]);
    }
    struct buf_reader r = buf_reader_of(b.data, b.len);
    for (int i = 0; i < 2000; i++) {
        assert_true(buf_take_varint(&r) == values[i]);
        assert_true(buf_take_svarint(&r) == (int64_t)values[i]);
    }
    assert_false(r.bad);
    assert_int_equal(buf_reader_left(&r), 0);
    buf_done(&b);
}

/* Too long, too large, cut short: all refused. */
static void test_bad_varint(void **state)
{
    static const uint8_t over[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    static const uint8_t endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                      0x80, 0x80, 0x80, 0x80, 0x00};
    static const uint8_t cut[] = {0x80};
    static const uint8_t sized[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0x01, 'x'};
    struct buf_reader r = buf_reader_of(over, sizeof over);
    assert_true(buf_take_varint(&r) == 0 && r.bad);
    r = buf_reader_of(endless, sizeof endless);
    assert_true(buf_take_varint(&r) == 0 && r.bad);
    r = buf_reader_of(cut, sizeof cut);
    assert_true(buf_take_varint(&r) == 0 && r.bad);
    size_t n = 7;
    r = buf_reader_of(sized, sizeof sized);
    assert_null(buf_take_sized(&r, &n));
    assert_true(r.bad && n == 0);
}

static void test_text(void **state)
{
    struct buf b = {0};
    for (int i = 0; i < 100; i++)
        buf_printf(&b, "%d,", i);
    assert_int_equal(b.len, 290);
    buf_consume(&b, 284);
    assert_string_equal(buf_text(&b), "98,99,");
    buf_consume(&b, 100);
    assert_string_equal(buf_text(&b), "");
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_take), cmocka_unit_test(test_varint),
        cmocka_unit_test(test_bad_varint), cmocka_unit_test(test_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
