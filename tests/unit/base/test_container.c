#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32c.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/prng.h"
#include "base/sort.h"

static void test_crc(void **state)
{
    static uint8_t data[20000];
    struct prng prng;
    prng_init(&prng, 5);
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(crc32c_table(0, "123456789", 9), 0xe3069283);
    static const uint8_t zeros[32];
    assert_int_equal(crc32c(0, zeros, 32), 0x8a9136aa); /* RFC 3720, B.4 */
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)prng_next(&prng);
    for (int i = 0; i < 500; i++) {
        size_t at = prng_below(&prng, 100), len = prng_below(&prng, sizeof data - at);
        size_t cut = prng_below(&prng, len + 1);
        uint32_t whole = crc32c(0, data + at, len);
        assert_int_equal(whole, crc32c_table(0, data + at, len));
        assert_int_equal(whole, crc32c(crc32c(0, data + at, cut), data + at + cut, len - cut));
    }
}

static void test_heap(void **state)
{
    enum { N = 500 };
    static struct heap_node nodes[N];
    struct heap heap;
    struct prng prng;
    prng_init(&prng, 11);
    heap_init(&heap);
    for (int round = 0; round < 20000; round++) {
        struct heap_node *node = &nodes[prng_below(&prng, N)];
        if (heap_node_is_in(node))
            heap_remove(&heap, node);
        else
            heap_insert(&heap, node, prng_below(&prng, 50)); /* many equal keys */
        if (heap.count) {
            const struct heap_node *min = heap_min(&heap);
            for (size_t i = 0; i < heap.count && round % 50 == 0; i++)
                assert_true(min->key <= heap.nodes[i]->key);
        }
    }
    uint64_t key = 0, seq = 0;
    for (struct heap_node *node; (node = heap_min(&heap));) {
        assert_true(node->key > key || (node->key == key && node->seq >= seq));
        key = node->key;
        seq = node->seq;
        heap_remove(&heap, node);
        assert_false(heap_node_is_in(node));
    }
    heap_done(&heap);
}

struct element {
    struct list_node link;
    int n;
};

static void test_list(void **state)
{
    struct list a, b;
    struct element e[6];
    list_init(&a);
    list_init(&b);
    for (int i = 0; i < 6; i++) {
        e[i].n = i;
        list_node_init(&e[i].link);
        list_push_back(i < 3 ? &a : &b, &e[i].link);
    }
    list_splice_back(&a, &b);
    assert_true(list_is_empty(&b));
    list_remove(&e[2].link);
    list_remove(&e[2].link); /* twice is once */
    assert_false(list_node_is_in(&e[2].link));
    list_push_front(&a, &e[2].link);
    int order[6], n = 0;
    list_each_safe(struct element, x, &a, link)
    {
        order[n++] = x->n;
        list_remove(&x->link);
    }
    assert_memory_equal(order, ((int[]){2, 0, 1, 3, 4, 5}), sizeof order);
    assert_null(list_pop_front(&a));
}

struct row {
    uint32_t key, at;
};

static int compare_rows(const void *a, const void *b, void *ctx)
{
    ++*(size_t *)ctx;
    uint32_t x = ((const struct row *)a)->key, y = ((const struct row *)b)->key;
    return x < y ? -1 : x > y;
}

static void test_sort(void **state)
{
    struct prng prng;
    prng_init(&prng, 2);
    static struct row rows[3000];
    for (size_t n = 0; n < 3000; n = n * 5 / 4 + 1) {
        size_t calls = 0;
        for (size_t i = 0; i < n; i++)
            rows[i] = (struct row){(uint32_t)prng_below(&prng, n / 3 + 1), (uint32_t)i};
        sort_stable(rows, n, sizeof *rows, compare_rows, &calls, NULL);
        for (size_t i = 1; i < n; i++)
            assert_true(rows[i - 1].key < rows[i].key ||
                        (rows[i - 1].key == rows[i].key && rows[i - 1].at < rows[i].at));
        calls = 0;
        sort_stable(rows, n, sizeof *rows, compare_rows, &calls, NULL);
        assert_true(calls <= 2 * n); /* sorted input costs a pass */
        for (uint32_t k = 0; k < 20; k++) {
            struct row key = {k, 0};
            size_t at = sort_lower_bound(rows, n, sizeof *rows, &key, compare_rows, &calls);
            assert_true(at == n || rows[at].key >= k);
            assert_true(at == 0 || rows[at - 1].key < k);
        }
    }
}

static void test_prng(void **state)
{
    struct prng a, b;
    prng_init(&a, 1);
    prng_init(&b, 1);
    int counts[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t x = prng_below(&a, 7);
        assert_true(x == prng_below(&b, 7));
        counts[x]++;
    }
    for (int i = 0; i < 7; i++)
        assert_true(counts[i] > 9500 && counts[i] < 10500);
    for (int i = 0; i < 1000; i++) {
        int64_t v = prng_range(&a, -3, 3);
        assert_true(v >= -3 && v <= 3);
        double d = prng_double(&a);
        assert_true(d >= 0 && d < 1);
    }
    assert_true(prng_range(&a, INT64_MIN, INT64_MAX) != prng_range(&a, INT64_MIN, INT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_crc), cmocka_unit_test(test_heap),
                                       cmocka_unit_test(test_list), cmocka_unit_test(test_sort),
                                       cmocka_unit_test(test_prng)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
