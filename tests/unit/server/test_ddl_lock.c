/* Object locks: the conflict table, queueing, upgrades, owners of other nodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/sql/ddl_lock.h"

static const struct ddl_lock_owner a = {1, 1, 10}, b = {2, 1, 20};

static void test_conflicts(void **state)
{
    assert_false(ddl_lock_conflicts(3, 3));
    assert_true(ddl_lock_conflicts(3, 5));
    assert_false(ddl_lock_conflicts(1, 7));
    for (int m = 1; m < DDL_LOCK_MODES; m++)
        assert_true(ddl_lock_conflicts(8, m));
    for (int h = 1; h < DDL_LOCK_MODES; h++)
        for (int m = 1; m < DDL_LOCK_MODES; m++)
            assert_int_equal(ddl_lock_conflicts(h, m), ddl_lock_conflicts(m, h));
}

static void test_strong_waits_and_keeps_out(void **state)
{
    struct ddl_locks *l = ddl_locks_create();
    assert_true(ddl_locks_weak(l, 7, 3, false));
    assert_false(ddl_locks_strong(l, &a, 7, 8, NULL));
    assert_false(ddl_locks_weak(l, 7, 1, false)); /* newcomers queue behind it */
    assert_true(ddl_locks_weak(l, 7, 1, true));   /* who holds something goes on */
    ddl_locks_weak_release(l, 7, 1);
    ddl_locks_weak_release(l, 7, 3);
    assert_true(ddl_locks_strong(l, &a, 7, 8, NULL));
    assert_false(ddl_locks_strong(l, &b, 7, 4, NULL));
    struct ddl_lock_owner owners[4];
    assert_int_equal(ddl_locks_in_the_way(l, 7, 1, owners, 4), 1);
    assert_int_equal(owners[0].session, 10);
    ddl_locks_release(l, &a);
    assert_true(ddl_locks_strong(l, &b, 7, 4, NULL));
    ddl_locks_release(l, &b);
    assert_true(ddl_locks_weak(l, 7, 1, false));
    ddl_locks_destroy(l);
}

static void test_upgrade(void **state)
{
    struct ddl_locks *l = ddl_locks_create();
    uint32_t own[DDL_LOCK_MODES] = {0, 1};
    assert_true(ddl_locks_weak(l, 7, 1, false));
    assert_true(ddl_locks_strong(l, &a, 7, 8, own));
    ddl_locks_release(l, &a);
    assert_true(ddl_locks_weak(l, 7, 1, false)); /* another's */
    assert_false(ddl_locks_strong(l, &a, 7, 8, own));
    ddl_locks_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conflicts),
        cmocka_unit_test(test_strong_waits_and_keeps_out),
        cmocka_unit_test(test_upgrade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
