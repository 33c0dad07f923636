#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/hashmap.h"
#include "base/prng.h"

enum { KEYS = 3000 };

/* Against a plain array, through a few thousand random changes; order is the order of insertion. */
static void test_against_array(void **state)
{
    struct prng prng;
    struct hashmap map;
    struct intmap ints;
    static char keys[KEYS][16];
    static void *model[KEYS];
    static uint64_t stamp[KEYS];
    uint64_t clock = 0;
    size_t live = 0;
    prng_init(&prng, 7);
    hashmap_init(&map);
    intmap_init(&ints);
    for (int i = 0; i < KEYS; i++)
        snprintf(keys[i], sizeof keys[i], "k%d", i);
    for (int step = 0; step < 60000; step++) {
        size_t k = prng_below(&prng, KEYS);
        void *want = model[k];
        assert_ptr_equal(hashmap_get(&map, keys[k], strlen(keys[k])), want);
        assert_ptr_equal(intmap_get(&ints, k << 32), want);
        if (prng_below(&prng, 5) < 3) {
            void *value = &keys[prng_below(&prng, KEYS)];
            assert_ptr_equal(hashmap_put(&map, keys[k], strlen(keys[k]), value), want);
            assert_ptr_equal(intmap_put(&ints, k << 32, value), want);
            if (!want) {
                stamp[k] = ++clock;
                live++;
            }
            model[k] = value;
        } else {
            assert_ptr_equal(hashmap_remove(&map, keys[k], strlen(keys[k])), want);
            assert_ptr_equal(intmap_remove(&ints, k << 32), want);
            live -= want != NULL;
            model[k] = NULL;
        }
    }
    assert_int_equal(map.count, live);
    assert_int_equal(ints.count, live);
    uint64_t last = 0;
    size_t seen = 0;
    for (size_t i = 0; i < map.entry_count; i++) {
        if (!map.entries[i].value)
            continue;
        size_t k = (size_t)atoi((const char *)map.entries[i].key + 1);
        assert_ptr_equal(map.entries[i].value, model[k]);
        assert_true(stamp[k] > last);
        last = stamp[k];
        seen++;
    }
    assert_int_equal(seen, live);
    hashmap_clear(&map);
    assert_int_equal(map.count, 0);
    assert_null(hashmap_get(&map, keys[1], strlen(keys[1])));
    hashmap_done(&map);
    intmap_done(&ints);
}

static void test_odd_keys(void **state)
{
    struct hashmap map;
    int a, b;
    hashmap_init_seeded(&map, 99);
    assert_null(hashmap_put(&map, NULL, 0, &a)); /* the empty key */
    assert_null(hashmap_put(&map, "\0", 1, &b));
    assert_ptr_equal(hashmap_get(&map, "", 0), &a);
    assert_ptr_equal(hashmap_get(&map, "\0", 1), &b);
    hashmap_done(&map);
}

/* The values are on disks (Bloom filters): they may not change. */
static void test_hash_frozen(void **state)
{
    char text[200];
    for (int i = 0; i < 200; i++)
        text[i] = (char)i;
    uint64_t all = 0;
    for (size_t len = 0; len <= 200; len++)
        all = hash_combine(all, hash_bytes(text, len, 42));
    assert_true(hash_bytes("", 0, 0) == UINT64_C(0x93228a4de0eec5a2));
    assert_true(hash_bytes("cairn", 5, 0) == UINT64_C(0x5edfef02739c6cbe));
    assert_true(all == UINT64_C(0xab8010cc5c56bc41));
    assert_true(hash_u64(1, 2) == UINT64_C(0x1920967d57e1abe1));
}

/* Every bit of the input moves about half of the output's bits. */
static void test_hash_mixes(void **state)
{
    struct prng prng;
    prng_init(&prng, 3);
    for (size_t len = 1; len <= 100; len++) {
        uint8_t text[100];
        uint64_t moved = 0;
        for (size_t i = 0; i < len; i++)
            text[i] = (uint8_t)prng_next(&prng);
        uint64_t before = hash_bytes(text, len, 0);
        for (size_t bit = 0; bit < len * 8; bit++) {
            text[bit / 8] ^= (uint8_t)(1 << bit % 8);
            uint64_t after = hash_bytes(text, len, 0);
            assert_true(after != before);
            moved += (uint64_t)__builtin_popcountll(before ^ after);
            text[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        double mean = (double)moved / (double)(len * 8);
        assert_true(mean > 26 && mean < 38);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_array), cmocka_unit_test(test_odd_keys),
        cmocka_unit_test(test_hash_frozen), cmocka_unit_test(test_hash_mixes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
