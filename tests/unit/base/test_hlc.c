#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/hlc.h"

/* A wall clock the test turns by hand. */
static uint64_t wall_us = UINT64_C(1700000000000000);
static uint64_t read_wall(struct env *env)
{
    return wall_us;
}
static const struct env_ops ops = {.wall_us = read_wall};
static struct env env = {.ops = &ops};

static void test_monotonic(void **state)
{
    struct hlc hlc;
    hlc_init(&hlc, &env, 250000);
    hlc_time a = hlc_now(&hlc);
    assert_true(hlc_micros(a) == wall_us && hlc_logical(a) == 0);
    hlc_time last = a;
    for (int i = 0; i < 10000; i++) { /* the counter carries into the microseconds */
        hlc_time t = hlc_now(&hlc);
        assert_true(t == last + 1);
        last = t;
    }
    assert_true(hlc_micros(last) == wall_us + 2);
    wall_us -= 5000000; /* set back */
    assert_true(hlc_now(&hlc) == last + 1);
    wall_us += 6000000;
    hlc_time b = hlc_now(&hlc);
    assert_true(hlc_micros(b) == wall_us && hlc_logical(b) == 0);
    assert_true(hlc_last(&hlc) == b);
    hlc_done(&hlc);
}

static void test_merge(void **state)
{
    struct hlc hlc;
    hlc_init(&hlc, &env, 250000);
    hlc_time ahead = hlc_make(wall_us + 200000, 7);
    assert_int_equal(hlc_merge(&hlc, ahead), HLC_OK);
    assert_true(hlc_now(&hlc) == ahead + 1);
    assert_int_equal(hlc_merge(&hlc, hlc_make(wall_us + 250001, 0)), HLC_TOO_FAR_AHEAD);
    assert_true(hlc_last(&hlc) == ahead + 1);
    assert_int_equal(hlc_merge(&hlc, hlc_make(1, 0)), HLC_OK); /* the past changes nothing */
    assert_true(hlc_last(&hlc) == ahead + 1);
    hlc_merge_trusted(&hlc, hlc_make(wall_us + 9000000, 0));
    assert_true(hlc_now(&hlc) > hlc_make(wall_us + 9000000, 0));
    hlc_done(&hlc);
}

static void sample(struct hlc *hlc, uint32_t node, int64_t off, uint64_t trip)
{
    hlc_sample(hlc, node, wall_us, (uint64_t)((int64_t)(wall_us + trip / 2) + off), wall_us + trip);
}

static void test_fence(void **state)
{
    struct hlc hlc;
    struct hlc_sample s;
    hlc_init(&hlc, &env, 250000);
    assert_false(hlc_is_fenced(&hlc));
    assert_false(hlc_offset(&hlc, 2, &s));
    sample(&hlc, 2, 1000, 400);
    sample(&hlc, 2, 90000, 500000); /* a slow round trip says little */
    assert_true(hlc_offset(&hlc, 2, &s) && s.offset_us >= 999 && s.offset_us <= 1001);
    assert_false(hlc_is_fenced(&hlc));
    sample(&hlc, 3, 300000, 400); /* one of two is off: no majority */
    assert_false(hlc_is_fenced(&hlc));
    sample(&hlc, 4, -300000, 400);
    assert_true(hlc_is_fenced(&hlc));
    for (int i = 0; i < 8; i++)
        sample(&hlc, 4, 50, 500);
    assert_false(hlc_is_fenced(&hlc));
    sample(&hlc, 4, 300000, 10);
    assert_true(hlc_is_fenced(&hlc));
    hlc_forget_peer(&hlc, 4);
    assert_false(hlc_is_fenced(&hlc));
    sample(&hlc, 5, 240000, 400000); /* may be within the bound: not surely off */
    hlc_forget_peer(&hlc, 2);
    assert_false(hlc_is_fenced(&hlc));
    hlc_done(&hlc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_monotonic),
                                       cmocka_unit_test(test_merge), cmocka_unit_test(test_fence)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
