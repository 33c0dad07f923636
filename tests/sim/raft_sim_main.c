/* raft_sim: runs the simulated group.
 *
 *   raft_sim --seeds FROM..TO [--bug NAME] [--verbose]   chaos; every 100th seed runs twice
 *   raft_sim --hunt SEEDS                                each planted bug must be found
 *   raft_sim --failover RUNS | --transfer RUNS           times, in simulated milliseconds
 * One summary line; exit code 0 when nothing was violated (with --bug and --hunt: when all were
 * found).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/sim/raft_sim.h"

static uint32_t find_bug(const char *name)
{
    for (int i = 0; i < raft_sim_bugs_count; i++) {
        if (strcmp(raft_sim_bugs[i].name, name) == 0)
            return raft_sim_bugs[i].bit;
    }
    fprintf(stderr, "raft_sim: no planted bug is called %s\n", name);
    exit(2);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void add_up(struct raft_sim_result *sum, const struct raft_sim_result *one)
{
    sum->steps += one->steps;
    sum->writes_acked += one->writes_acked;
    sum->lease_reads += one->lease_reads;
    sum->index_reads += one->index_reads;
    sum->elections += one->elections;
    sum->crashes += one->crashes;
    sum->snapshots_installed += one->snapshots_installed;
    sum->refills += one->refills;
}

static int run_seeds(uint64_t from, uint64_t to, uint32_t bug, bool verbose)
{
    struct raft_sim_result sum = {0}, one, twin;
    uint64_t bad = 0;
    double start = seconds();

    for (uint64_t seed = from; seed <= to; seed++) {
        raft_sim_run(seed, bug, RAFT_SIM_CHAOS, verbose, &one);
        add_up(&sum, &one);
        if (!one.ok) {
            bad++;
            printf("seed %llu: %s\n", (unsigned long long)seed, one.violation);
        }
        if (seed % 100 == 0) {
            raft_sim_run(seed, bug, RAFT_SIM_CHAOS, false, &twin);
            if (twin.trace_hash != one.trace_hash) {
                bad++;
                printf("seed %llu: two runs differ\n", (unsigned long long)seed);
            }
        }
    }
    printf("raft_sim: %llu seeds, %llu violations, %llu steps, %llu writes, %llu lease reads, "
           "%llu index reads, %llu elections, %llu crashes, %llu snapshots, %llu refills, %.1f s\n",
           (unsigned long long)(to - from + 1), (unsigned long long)bad,
           (unsigned long long)sum.steps, (unsigned long long)sum.writes_acked,
           (unsigned long long)sum.lease_reads, (unsigned long long)sum.index_reads,
           (unsigned long long)sum.elections, (unsigned long long)sum.crashes,
           (unsigned long long)sum.snapshots_installed, (unsigned long long)sum.refills,
           seconds() - start);
    return bug != 0 ? bad == 0 : bad != 0;
}

static int hunt_all(uint64_t seeds_max)
{
    struct raft_sim_result one;
    int missed = 0;

    for (int i = 0; i < raft_sim_bugs_count; i++) {
        uint64_t seed = raft_sim_hunt(raft_sim_bugs[i].bit, seeds_max, &one);

        missed += seed == 0;
        printf("%-24s %s %llu  %s\n", raft_sim_bugs[i].name, seed ? "seed" : "MISSED in",
               (unsigned long long)(seed ? seed : seeds_max), seed ? one.violation : "seeds");
        fflush(stdout);
    }
    printf("raft_sim: %d planted bugs, %d missed\n", raft_sim_bugs_count, missed);
    return missed != 0;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static int measure(enum raft_sim_mode mode, uint64_t runs)
{
    uint64_t *times = calloc(runs, sizeof(*times));
    struct raft_sim_result one;
    int bad = 0;

    for (uint64_t i = 0; i < runs; i++) {
        raft_sim_run(i + 1, 0, mode, false, &one);
        times[i] = one.failover_us;
        if (!one.ok) {
            bad++;
            printf("seed %llu: %s\n", (unsigned long long)i + 1, one.violation);
        }
    }
    qsort(times, runs, sizeof(*times), compare_u64);
    printf("raft_sim: %llu %s, p50 %.1f ms, p99 %.1f ms, max %.1f ms, %d failed\n",
           (unsigned long long)runs, mode == RAFT_SIM_FAILOVER ? "failovers" : "transfers",
           (double)times[runs / 2] / 1e3, (double)times[runs * 99 / 100] / 1e3,
           (double)times[runs - 1] / 1e3, bad);
    free(times);
    return bad != 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: raft_sim --seeds FROM..TO [--bug NAME] [--verbose]\n"
                    "       raft_sim --hunt SEEDS | --failover RUNS | --transfer RUNS\n");
    return 2;
}

int main(int argc, char **argv)
{
    unsigned long long from = 0, to = 0;
    uint32_t bug = 0;
    bool verbose = false;

    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "0";

        if (strcmp(argv[i], "--hunt") == 0)
            return hunt_all(strtoull(value, NULL, 10));
        if (strcmp(argv[i], "--failover") == 0 && atoi(value) > 0)
            return measure(RAFT_SIM_FAILOVER, strtoull(value, NULL, 10));
        if (strcmp(argv[i], "--transfer") == 0 && atoi(value) > 0)
            return measure(RAFT_SIM_TRANSFER, strtoull(value, NULL, 10));
        if (strcmp(argv[i], "--seeds") == 0) {
            int read = sscanf(value, "%llu..%llu", &from, &to);

            if (read < 1)
                return usage();
            if (read == 1)
                to = from;
            i++;
        } else if (strcmp(argv[i], "--bug") == 0) {
            bug = find_bug(value);
            i++;
        } else if (strcmp(argv[i], "--verbose") == 0) {
            verbose = true;
        } else {
            return usage();
        }
    }
    return to == 0 ? usage() : run_seeds(from, to, bug, verbose);
}
