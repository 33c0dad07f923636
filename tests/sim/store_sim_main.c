/* store_sim: runs stores in the simulator.
 *
 *   store_sim --seeds FROM..TO [--bug NUMBER] [--verbose] each run is a process; every 50th seed
 *   runs twice store_sim --hunt SEEDS each planted bug must be found within so many seeds
 * One summary line; exit code 0 when nothing was violated (--bug, --hunt: when found).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/store_sim.h"

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* In a process of its own: crashed nodes leak, and an abort is a finding. */
static void run_apart(uint64_t seed, uint32_t bug, bool verbose, struct store_sim_result *result)
{
    int fds[2];
    if (pipe(fds))
        abort();
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        store_sim_run(seed, bug, verbose, result);
        if (write(fds[1], result, sizeof *result) != sizeof *result)
            _exit(3);
        _exit(0);
    }
    close(fds[1]);
    size_t got = 0;
    ssize_t n;
    while (got < sizeof *result &&
           (n = read(fds[0], (char *)result + got, sizeof *result - got)) > 0)
        got += (size_t)n;
    close(fds[0]);
    int status;
    waitpid(pid, &status, 0);
    if (got < sizeof *result) {
        memset(result, 0, sizeof *result);
        snprintf(result->violation, sizeof result->violation, "the process died (%s %d)",
                 WIFSIGNALED(status) ? "signal" : "exit",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
}

static void add_up(struct store_sim_result *sum, const struct store_sim_result *one)
{
    sum->events += one->events;
    sum->proposed += one->proposed;
    sum->acked += one->acked;
    sum->lost += one->lost;
    sum->unknown += one->unknown;
    sum->reads += one->reads;
    sum->boots += one->boots;
    sum->crashes += one->crashes;
    sum->snapshots += one->snapshots;
    sum->checkpoints += one->checkpoints;
    sum->fatals += one->fatals;
    sum->versions_checked += one->versions_checked;
}

static int run_seeds(uint64_t from, uint64_t to, uint32_t bug, bool verbose)
{
    struct store_sim_result sum = {0}, one, twin;
    uint64_t bad = 0;
    double start = seconds();
    for (uint64_t seed = from; seed <= to; seed++) {
        run_apart(seed, bug, verbose, &one);
        add_up(&sum, &one);
        if (!one.ok) {
            bad++;
            printf("seed %llu: %s\n", (unsigned long long)seed, one.violation);
        } else if (seed % 50 == 0) {
            run_apart(seed, bug, false, &twin);
            if (twin.trace_hash != one.trace_hash) {
                bad++;
                printf("seed %llu: two runs differ\n", (unsigned long long)seed);
            }
        }
    }
    printf("store_sim: %llu seeds, %llu violations, %llu events, %llu commands, %llu acknowledged, "
           "%llu lost, %llu unknown, %llu reads, %llu boots, %llu crashes, %llu fatals, "
           "%llu starts from a checkpoint, %llu snapshots, %llu versions checked, %.1f s\n",
           (unsigned long long)(to - from + 1), (unsigned long long)bad,
           (unsigned long long)sum.events, (unsigned long long)sum.proposed,
           (unsigned long long)sum.acked, (unsigned long long)sum.lost,
           (unsigned long long)sum.unknown, (unsigned long long)sum.reads,
           (unsigned long long)sum.boots, (unsigned long long)sum.crashes,
           (unsigned long long)sum.fatals, (unsigned long long)sum.checkpoints,
           (unsigned long long)sum.snapshots,
           (unsigned long long)sum.versions_checked, seconds() - start);
    return bug != 0 ? bad == 0 : bad != 0;
}

static int hunt_all(uint64_t seeds_max)
{
    static const char *const names[] = {"ack before sync", "checkpoint without flush",
                                        "snapshot without state", "log cut ahead"};
    int missed = 0;
    for (int b = 0; b < 4; b++) {
        struct store_sim_result one = {.ok = true};
        uint64_t seed = 0;
        while (one.ok && seed < seeds_max)
            run_apart(++seed, 1u << b, false, &one);
        if (one.ok)
            missed++;
        printf("%-26s %s", names[b], one.ok ? "NOT FOUND\n" : "found");
        if (!one.ok)
            printf(" at seed %llu: %s\n", (unsigned long long)seed, one.violation);
    }
    return missed != 0;
}

static int compare_ints(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static int measure_failover(uint64_t runs, bool vanish)
{
    int *ms = calloc(runs, sizeof *ms);
    uint64_t n = 0, none = 0;
    for (uint64_t seed = 1; seed <= runs; seed++) {
        int one = store_sim_failover(seed, vanish);
        if (one >= 0)
            ms[n++] = one;
        else
            none += one == -1;
    }
    qsort(ms, n, sizeof *ms, compare_ints);
    printf("failover (%s): %llu runs, %llu never, p50 %d ms, p90 %d ms, max %d ms\n",
           vanish ? "vanished" : "crashed", (unsigned long long)n, (unsigned long long)none,
           n ? ms[n / 2] : 0, n ? ms[n * 9 / 10] : 0, n ? ms[n - 1] : 0);
    free(ms);
    return none != 0;
}

int main(int argc, char **argv)
{
    uint64_t from = 1, to = 0, hunt = 0, failover = 0;
    uint32_t bug = 0;
    bool verbose = false;
    for (int i = 1; i < argc; i++) {
        char *dots = i + 1 < argc ? strstr(argv[i + 1], "..") : NULL;
        if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) {
            from = strtoull(argv[i + 1], NULL, 10);
            to = dots ? strtoull(dots + 2, NULL, 10) : from;
            i++;
        } else if (strcmp(argv[i], "--bug") == 0 && i + 1 < argc) {
            bug = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--hunt") == 0 && i + 1 < argc) {
            hunt = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--failover") == 0 && i + 1 < argc) {
            failover = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--verbose") == 0) {
            verbose = true;
        } else {
            fprintf(stderr, "usage: store_sim --seeds A..B [--bug N] [--verbose] | --hunt SEEDS | "
                            "--failover RUNS\n");
            return 2;
        }
    }
    if (failover)
        return measure_failover(failover, false) | measure_failover(failover, true);
    return hunt ? hunt_all(hunt) : run_seeds(from, to, bug, verbose);
}
