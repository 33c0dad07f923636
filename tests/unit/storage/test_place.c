/* Initial placement. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "storage/tablet/place.h"
#include "storage/tablet/store.h"

static void test_groups_have_distinct_replicas(void **state)
{
    for (uint32_t n = 1; n <= 7; n++) {
        struct store_group_config groups[1 + 5];
        uint32_t replicas_of[8] = {0};
        place_groups(n, 5, groups);
        for (uint32_t g = 0; g < 6; g++) {
            assert_int_equal(groups[g].group_id, g + 1);
            assert_int_equal(groups[g].n_replicas, n < 3 ? n : 3);
            uint32_t seen = 0;
            for (uint32_t r = 0; r < groups[g].n_replicas; r++) {
                uint32_t node = groups[g].nodes[r];
                assert_in_range(node, 1, n);
                assert_false(seen >> node & 1);
                seen |= 1u << node;
                replicas_of[node]++;
            }
        }
        uint32_t lo = UINT32_MAX, hi = 0;
        for (uint32_t node = 1; node <= n; node++) {
            lo = replicas_of[node] < lo ? replicas_of[node] : lo;
            hi = replicas_of[node] > hi ? replicas_of[node] : hi;
        }
        assert_true(hi - lo <= 3); /* spread */
    }
}

static void test_shards(void **state)
{
    assert_int_equal(place_shard(1259, 0, 3), PLACE_SYSTEM_GROUP);
    assert_int_equal(place_shard(1259, 5, 3), PLACE_SYSTEM_GROUP);
    for (uint64_t table = 20000; table < 20010; table++) {
        assert_int_equal(place_shard(table, 0, 3), PLACE_DATA_GROUP_FIRST);
        assert_int_equal(place_shard(table, 1, 3), PLACE_DATA_GROUP_FIRST + 1);
        assert_int_equal(place_shard(table, 4, 3), PLACE_DATA_GROUP_FIRST + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups_have_distinct_replicas),
        cmocka_unit_test(test_shards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
