#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "base/utf8.h"

static void test_valid(void **state)
{
    static const struct {
        const char *text;
        size_t len, valid;
    } cases[] = {
        {"", 0, 0},
        {"plain ascii text of some length", 31, 31},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, 9},
        {"ab\0cd", 5, 2}, /* NUL */
        {"12345678\0abcdefg", 16, 8},
        {"\xc0\x80", 2, 0}, /* overlong */
        {"\xe0\x80\x80", 3, 0},
        {"\xf0\x80\x80\x80", 4, 0},
        {"\xed\xa0\x80", 3, 0},     /* surrogate */
        {"\xf4\x90\x80\x80", 4, 0}, /* beyond U+10FFFF */
        {"\xf4\x8f\xbf\xbf", 4, 4},
        {"a\xe2\x82", 3, 1}, /* cut */
        {"\x80", 1, 0},
        {"\xff", 1, 0},
        {"12345678\xc3", 9, 8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(utf8_valid_prefix(cases[i].text, cases[i].len), cases[i].valid);
}

static void test_round_trip(void **state)
{
    struct prng prng;
    prng_init(&prng, 4);
    for (uint32_t c = 1; c <= 0x110000;
         c += 1 + (c > 0x3000 ? (uint32_t)prng_below(&prng, 97) : 0)) {
        char out[4];
        size_t size, n = utf8_encode(c, out);
        bool is_char = c <= 0x10ffff && !(c >= 0xd800 && c < 0xe000);
        assert_int_equal(n != 0, is_char);
        if (!is_char)
            continue;
        assert_int_equal(utf8_valid_prefix(out, n), n);
        assert_int_equal(utf8_decode(out, n, 0, &size), c);
        assert_int_equal(size, n);
        assert_int_equal(utf8_size((uint8_t)out[0]), n);
    }
}

static void test_positions(void **state)
{
    char text[400];
    size_t offsets[101], len = 0;
    struct prng prng;
    prng_init(&prng, 8);
    for (int i = 0; i < 100; i++) {
        offsets[i] = len;
        len +=
            utf8_encode((uint32_t[]){'a', 0xe9, 0x20ac, 0x1f600}[prng_below(&prng, 4)], text + len);
    }
    offsets[100] = len;
    assert_int_equal(utf8_count(text, len), 100);
    for (size_t i = 0; i <= 100; i++) {
        assert_int_equal(utf8_offset(text, len, i), offsets[i]);
        assert_int_equal(utf8_count(text, offsets[i]), i);
    }
    assert_int_equal(utf8_offset(text, len, 1000), len);
    uint32_t code;
    size_t size;
    assert_false(utf8_decode_checked("\xc3(", 2, 0, &code, &size));
    assert_int_equal(size, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_valid),
                                       cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_positions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
