/* test_read_cache.c: never below the truth, whatever was evicted; own reads left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "storage/txn/read_cache.h"

static const struct kv_txn_id alice = {1, 1, 1}, bob = {1, 1, 2};

static struct kv_span span_of(const uint8_t *start, const uint8_t *end)
{
    return (struct kv_span){.start = start, .start_len = 1, .end = end, .end_len = end ? 1 : 0};
}

static void test_never_below_the_truth(void **state)
{
    struct read_cache *c = malloc(sizeof *c);
    struct prng {
        uint64_t x;
    } r = {42};
    hlc_time truth[256] = {0}, by_other[256] = {0};
    read_cache_init(c, 5);
    for (int step = 1; step < 20000; step++) {
        r.x = r.x * 6364136223846793005u + 1442695040888963407u;
        uint8_t a = (uint8_t)(r.x >> 33), b = (uint8_t)(r.x >> 41);
        hlc_time ts = 10 + (r.x >> 20) % 5000;
        const struct kv_txn_id *who = r.x >> 63 ? &alice : &bob;
        bool point = r.x >> 62 & 1;
        struct kv_span span = point ? (struct kv_span){.start = &a, .start_len = 1, .point = true}
                                    : span_of(&a, b > a ? &b : NULL);
        read_cache_raise(c, 9, 0, &span, ts, who);
        for (int k = 0; k < 256; k++) {
            bool in = point ? k == a : k >= a && (b <= a || k < b);
            if (!in)
                continue;
            truth[k] = ts > truth[k] ? ts : truth[k];
            if (who != &alice)
                by_other[k] = ts > by_other[k] ? ts : by_other[k];
        }
        uint8_t key = (uint8_t)(r.x >> 50);
        assert_true(read_cache_newest(c, 9, 0, &key, 1) >= truth[key]);
        assert_true(read_cache_newest_other(c, 9, 0, &key, 1, &alice) >= by_other[key]);
        assert_true(c->newest >= truth[key]);
        assert_true(c->n_spans <= READ_CACHE_SPANS);
    }
    read_cache_done(c);
    free(c);
}

static void test_own_reads_do_not_push(void **state)
{
    struct read_cache *c = malloc(sizeof *c);
    const uint8_t k = 7;
    struct kv_span point = {.start = &k, .start_len = 1, .point = true};
    read_cache_init(c, 5);
    read_cache_raise(c, 9, 0, &point, 40, &alice);
    assert_int_equal(read_cache_newest_other(c, 9, 0, &k, 1, &alice), 5);
    assert_int_equal(read_cache_newest_other(c, 9, 0, &k, 1, &bob), 40);
    read_cache_raise(c, 9, 0, &point, 30,
                     &bob); /* older than alice's: it still counts against her */
    assert_int_equal(read_cache_newest_other(c, 9, 0, &k, 1, &alice), 30);
    read_cache_raise(c, 9, 0, &point, 40, &bob);
    assert_int_equal(read_cache_newest_other(c, 9, 0, &k, 1, &alice), 40);
    /* Another storage and shard know nothing of it but by chance of the hash: never less than the
     * low water. */
    assert_true(read_cache_newest(c, 10, 3, &k, 1) >= 5);
    read_cache_done(c);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_below_the_truth),
        cmocka_unit_test(test_own_reads_do_not_push),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
