/* Stores over loopback in one process, with registers as their state machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/storage/store_cluster.h"

/* ---- one node ---- */

static void alone_body(struct task *task, void *arg)
{
    struct cluster c;
    start_cluster(task, &c, 1);
    struct group *g = wait_leader(task, &c);
    for (uint64_t i = 1; i <= 200; i++)
        rt_check(set_register(task, &c, g, 5) == i);
    uint64_t digest = machine_digest(g);
    for (int round = 0; round < 3; round++) {
        stop_node(task, &c, 0);
        start_node(task, &c, 0);
        g = wait_leader(task, &c);
        rt_check(machine_digest(g) == digest);
        uint64_t number, writes;
        rt_check(machine_register(g, 5, &number, &writes) && writes == 200 + (uint64_t)round);
        rt_check(set_register(task, &c, g, 5) == 201 + (uint64_t)round);
        digest = machine_digest(g);
    }
    rt_check(store_boot_epoch(c.nodes[0].store) == 4);
    stop_cluster(task, &c);
}

static void test_alone_and_back(void **state)
{
    rt_test_run(alone_body, NULL);
}

/* ---- three nodes ---- */

static int node_of(const struct cluster *c, const struct group *g)
{
    return (int)store_node_id(group_store(g)) - 1;
}

static void three_body(struct task *task, void *arg)
{
    struct cluster c;
    start_cluster(task, &c, 3);
    struct group *g = wait_leader(task, &c);
    for (uint64_t i = 1; i <= 50; i++)
        rt_check(set_register(task, &c, g, 1) == i);
    send_ballast(task, &c, g, 5u << 20);
    check_equal(task, &c);
    /* The leader goes; the others go on. */
    int gone = node_of(&c, g);
    stop_node(task, &c, gone);
    g = wait_leader(task, &c);
    for (uint64_t i = 51; i <= 100; i++)
        rt_check(set_register(task, &c, g, 1) == i);
    start_node(task, &c, gone);
    rt_check(set_register(task, &c, g, 1) == 101);
    check_equal(task, &c);
    /* Leadership moves without losing anything. */
    for (int round = 0; round < 3; round++) {
        bool moved;
        do {
            g = wait_leader(task, &c);
            rt_ok(group_transfer(task, g, 1 + (uint32_t)(node_of(&c, g) + 1) % 3, &moved, &err),
                  &err);
        } while (!moved);
        rt_check(set_register(task, &c, g, 1) == 102 + (uint64_t)round);
    }
    check_equal(task, &c);
    stop_cluster(task, &c);
}

static void test_three(void **state)
{
    rt_test_run(three_body, NULL);
}

/* Where the group's core is not the one everything else runs on. */
static void three_apart_body(struct task *task, void *arg)
{
    uint32_t count = task->core->runtime->core_count;
    uint32_t at = (uint32_t)(hash_u64(GROUP, 0) % count);
    rt_check(at != 0);
    core_call(task, task->core->runtime->cores[at], TASK_TXN, three_body, NULL);
}

static void test_three_apart(void **state)
{
    uint32_t count = 2;
    while (hash_u64(GROUP, 0) % count == 0)
        count++;
    rt_test_run_cores(count, three_apart_body, NULL);
}

/* ---- snapshot ---- */

static void snapshot_body(struct task *task, void *arg)
{
    struct cluster c;
    start_cluster(task, &c, 3);
    struct group *g = wait_leader(task, &c);
    struct buf command = {0};
    machine_put_create(&command, ++c.next_number, 30000);
    propose(task, &c, g, &command, NULL);
    buf_reset(&command);
    rt_check(set_register(task, &c, g, 3) == 1);
    check_equal(task, &c);
    int gone = (node_of(&c, g) + 1) % 3;
    stop_node(task, &c, gone);
    g = wait_leader(task, &c);
    machine_put_drop(&command, ++c.next_number, 30000);
    propose(task, &c, g, &command, NULL);
    buf_done(&command);
    /* More than anybody keeps for a follower. */
    for (int i = 0; i < 60; i++)
        send_ballast(task, &c, g, 1u << 20);
    rt_check(set_register(task, &c, g, 3) == 2);
    struct arena arena;
    arena_init(&arena, NULL);
    struct store_group_status *status;
    size_t n;
    for (int tries = 0;; tries++) {
        rt_ok(store_status(task, group_store(g), &arena, &status, &n, &err), &err);
        if (status[GROUP - 1].first_index > 20)
            break;
        rt_check(tries < 100);
        rt_ok(task_sleep(task, 100 * MS, &err), &err);
    }
    start_node(task, &c, gone);
    g = wait_leader(task, &c);
    rt_check(set_register(task, &c, g, 3) == 3);
    check_equal(task, &c);
    struct group *late = store_group(c.nodes[gone].store, GROUP);
    struct store_machine *m = group_machine(late);
    rt_check(m->loads == 2);
    rt_check(group_tablet(late, machine_storage(late, MACHINE_STORAGE), 0));
    rt_check(!group_tablet(late, machine_storage(late, 30000), 0));
    /* And once more through its own recovery. */
    stop_node(task, &c, gone);
    start_node(task, &c, gone);
    g = wait_leader(task, &c);
    rt_check(set_register(task, &c, g, 3) == 4);
    check_equal(task, &c);
    arena_done(&arena);
    stop_cluster(task, &c);
}

static void test_snapshot(void **state)
{
    rt_test_run(snapshot_body, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone_and_back),
        cmocka_unit_test(test_three),
        cmocka_unit_test(test_three_apart),
        cmocka_unit_test(test_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
