/* kv_sim: runs the transaction simulator over seeds; --bugs shows that planted bugs are found. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/txn/txn_fault.h"
#include "tests/sim/kv_sim.h"

static const struct {
    const char *name;
    uint32_t fault;
} bugs[] = {
    {"lost-prepare", TXN_FAULT_LOST_PREPARE},
    {"lock-only-left-out", TXN_FAULT_LOCK_ONLY_LEFT_OUT},
    {"forbid-in-memory", TXN_FAULT_FORBID_IN_MEMORY},
    {"stale-lease-read", TXN_FAULT_STALE_LEASE_READ},
    {"publish-late", TXN_FAULT_PUBLISH_LATE},
    {"no-marker", TXN_FAULT_NO_MARKER},
    {"outcome-unchecked", TXN_FAULT_OUTCOME_UNCHECKED},
    {"abort-early", TXN_FAULT_ABORT_EARLY},
    {"locks-unchecked", TXN_FAULT_LOCKS_UNCHECKED},
    {"newer-unchecked", TXN_FAULT_NEWER_UNCHECKED},
    {"no-restart", TXN_FAULT_NO_RESTART},
    {"prepared-dropped", TXN_FAULT_PREPARED_DROPPED},
    {"void-kept", TXN_FAULT_VOID_KEPT},
};
enum { BUGS = sizeof bugs / sizeof *bugs };

/* In a process of its own: crashed nodes leave their fibers' memory behind. */
static int run_child(const struct kv_sim_config *config, struct kv_sim_result *result)
{
    int pipe_fds[2], status;
    if (pipe(pipe_fds))
        return -1;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        close(pipe_fds[0]);
        kv_sim_run(config, result);
        _exit(write(pipe_fds[1], result, sizeof *result) == sizeof *result ? 0 : 1);
    }
    close(pipe_fds[1]);
    ssize_t got = read(pipe_fds[0], result, sizeof *result);
    close(pipe_fds[0]);
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || got != sizeof *result || status != 0) {
        result->failed = true;
        snprintf(result->what, sizeof result->what, "the run ended with status %d", status);
    }
    return 0;
}

static int run_seeds(struct kv_sim_config *config, uint64_t from, uint64_t to)
{
    struct kv_sim_result total = {0}, result, again;
    int failures = 0;
    for (uint64_t seed = from; seed <= to; seed++) {
        config->seed = seed;
        memset(&result, 0, sizeof result);
        run_child(config, &result);
        if (result.failed) {
            printf("seed %llu: FAILED: %s\n", (unsigned long long)seed, result.what);
            failures++;
        } else if (seed % 100 ==
                   from % 100) { /* one in a hundred twice: the same seed is the same run */
            memset(&again, 0, sizeof again);
            run_child(config, &again);
            if (again.trace_hash != result.trace_hash) {
                printf("seed %llu: FAILED: two runs differ\n", (unsigned long long)seed);
                failures++;
            }
        }
        total.committed += result.committed;
        total.aborted += result.aborted;
        total.unknown += result.unknown;
        total.reads += result.reads;
        total.recovered += result.recovered;
        total.deadlocks += result.deadlocks;
        total.timeouts += result.timeouts;
    }
    printf("%llu runs, %d failed: %llu committed, %llu aborted, %llu unknown, %llu reads, %llu "
           "recoveries, "
           "%llu deadlocks, %llu timeouts\n",
           (unsigned long long)(to - from + 1), failures, (unsigned long long)total.committed,
           (unsigned long long)total.aborted, (unsigned long long)total.unknown,
           (unsigned long long)total.reads, (unsigned long long)total.recovered,
           (unsigned long long)total.deadlocks, (unsigned long long)total.timeouts);
    return failures != 0;
}

/* only NULL: all. */
static int run_bugs(struct kv_sim_config *config, uint64_t seeds, const char *only)
{
    int missed = 0;
    for (uint32_t i = 0; i < BUGS; i++) {
        struct kv_sim_result result = {0};
        uint64_t seed = 0;
        if (only && strcmp(only, bugs[i].name))
            continue;
        config->faults = bugs[i].fault;
        while (!result.failed && seed < seeds) {
            config->seed = ++seed;
            memset(&result, 0, sizeof result);
            run_child(config, &result);
        }
        if (result.failed)
            printf("%-20s found by seed %llu: %s\n", bugs[i].name, (unsigned long long)seed,
                   result.what);
        else
            printf("%-20s NOT FOUND in %llu seeds\n", bugs[i].name, (unsigned long long)seeds);
        missed += !result.failed;
    }
    printf("%d of %d planted bugs found\n", BUGS - missed, BUGS);
    return missed != 0;
}

int main(int argc, char **argv)
{
    struct kv_sim_config config = {0};
    uint64_t from = 1, to = 20;
    bool plant = false;
    const char *bug = NULL;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--seeds") && i + 1 < argc) {
            char *end;
            from = to = strtoull(argv[++i], &end, 10);
            if (!strncmp(end, "..", 2))
                to = strtoull(end + 2, NULL, 10);
        } else if (!strcmp(argv[i], "--bugs")) {
            plant = true;
        } else if (!strcmp(argv[i], "--bug") && i + 1 < argc) {
            plant = true;
            bug = argv[++i];
        } else if (!strcmp(argv[i], "--ms") && i + 1 < argc) {
            config.work_ms = (uint32_t)atoi(argv[++i]);
        } else if (!strcmp(argv[i], "--nodes") && i + 1 < argc) {
            config.n_nodes = (uint32_t)atoi(argv[++i]);
        } else if (!strcmp(argv[i], "--calm")) {
            config.no_nemesis = true;
        } else if (!strcmp(argv[i], "--verbose")) {
            config.verbose = true;
        } else {
            fprintf(
                stderr,
                "usage: kv_sim [--seeds A..B] [--bugs] [--bug NAME] [--ms N] [--nodes N] [--calm] "
                "[--verbose]\n");
            return 2;
        }
    }
    return plant ? run_bugs(&config, to, bug) : run_seeds(&config, from, to);
}
