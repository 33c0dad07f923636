/* The simulated group in the small: a few hundred seeds, equal seeds equal, every planted fault
 * found. The long runs are build/tests/sim/raft_sim's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/sim/raft_sim.h"

#define HUNT_SEEDS 6000

static void test_seeds(void **unused)
{
    struct raft_sim_result one;
    uint64_t acked = 0, leases = 0, reads = 0, refills = 0, snapshots = 0;

    for (uint64_t seed = 1; seed <= 400; seed++) {
        raft_sim_run(seed, 0, RAFT_SIM_CHAOS, false, &one);
        if (!one.ok)
            print_error("seed %llu: %s\n", (unsigned long long)seed, one.violation);
        assert_true(one.ok);
        acked += one.writes_acked;
        leases += one.lease_reads;
        reads += one.index_reads;
        refills += one.refills;
        snapshots += one.snapshots_installed;
    }
    /* Runs in which nothing happens prove nothing. */
    assert_true(acked > 10000 && leases > 5000 && reads > 1000 && refills > 20 && snapshots > 20);
}

static void test_same_seed_same_run(void **unused)
{
    struct raft_sim_result one, two;

    for (uint64_t seed = 1; seed <= 50; seed++) {
        raft_sim_run(seed, 0, RAFT_SIM_CHAOS, false, &one);
        raft_sim_run(seed, 0, RAFT_SIM_CHAOS, false, &two);
        assert_true(one.trace_hash == two.trace_hash && one.events == two.events);
    }
    raft_sim_run(51, 0, RAFT_SIM_CHAOS, false, &two);
    assert_true(one.trace_hash != two.trace_hash);
}

static void test_planted_faults_are_found(void **unused)
{
    struct raft_sim_result one;

    for (int i = 0; i < raft_sim_bugs_count; i++) {
        if (raft_sim_hunt(raft_sim_bugs[i].bit, HUNT_SEEDS, &one) == 0) {
            print_error("%s is not found within %d seeds\n", raft_sim_bugs[i].name, HUNT_SEEDS);
            fail();
        }
    }
}

/* Simulated time, so not a benchmark: the bounds of the design. */
static void test_failover_time(void **unused)
{
    struct raft_sim_result one;

    for (uint64_t seed = 1; seed <= 200; seed++) {
        raft_sim_run(seed, 0, RAFT_SIM_FAILOVER, false, &one);
        assert_true(one.ok && one.failover_us <= 1200000);
        raft_sim_run(seed, 0, RAFT_SIM_TRANSFER, false, &one);
        assert_true(one.ok && one.failover_us <= 100000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds), cmocka_unit_test(test_same_seed_same_run),
        cmocka_unit_test(test_planted_faults_are_found), cmocka_unit_test(test_failover_time)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
