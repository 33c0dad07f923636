/* kill -9 of whole clusters under load: what was acknowledged is there afterwards, and all replicas
 * agree. Each round is a process of its own: the parent keeps what it was told was acknowledged,
 * kills at a drawn moment, and starts the next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/prng.h"
#include "tests/unit/storage/store_cluster.h"

enum { ROUNDS = 12, CLIENTS = 8, ACKED_MAX = 1 << 20 };

struct round {
    int n;           /* nodes */
    int pipe;        /* acknowledged numbers go there */
    uint64_t base;   /* numbers of this round start here */
    const uint64_t *acked;
    size_t n_acked;
    bool last;       /* verify, then end */
    char root[64];
};

struct client {
    struct round *round;
    struct cluster *c;
    struct group *g;
    uint32_t reg;
};

static void run_client(struct task *task, void *arg)
{
    struct client *client = arg;
    struct buf command = {0};
    for (int i = 0;; i++) {
        uint64_t number = ++client->c->next_number;
        buf_reset(&command);
        if (i % 50 == 49)
            machine_put_ballast(&command, number, 1500000); /* turns the log over */
        else
            machine_put_set(&command, number, client->reg);
        propose(task, client->c, client->g, &command, NULL);
        rt_check(write(client->round->pipe, &number, sizeof number) == sizeof number);
    }
}

static void round_body(struct task *task, void *arg)
{
    struct round *round = arg;
    struct cluster c;
    start_cluster(task, &c, round->n);
    c.next_number = round->base;
    struct group *g = wait_leader(task, &c);
    check_equal(task, &c);
    for (size_t i = 0; i < round->n_acked; i++)
        rt_check(machine_knows(g, round->acked[i]));
    if (round->last) {
        stop_cluster(task, &c);
        return;
    }
    struct client clients[CLIENTS];
    for (uint32_t i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){round, &c, g, i};
        task_spawn(task->core, TASK_TXN, "client", run_client, &clients[i]);
    }
    for (;;)
        rt_ok(task_sleep(task, 1000 * MS, &err), &err);
}

static void run_in(const char *root, task_fn *fn, void *arg)
{
    struct env *env;
    struct runtime *runtime;
    struct env_uv_config env_config = {.root = root};
    struct runtime_config config = {.core_count = 1};
    struct rt_test_body body = {fn, arg};
    rt_ok(env_uv_create(&env_config, &env, &err), &err);
    rt_ok(runtime_start(env, &config, rt_test_main, &body, &runtime, &err), &err);
    runtime_join(runtime);
    env_uv_destroy(env);
}

/* One process: killed after kill_us once it is under load; what it acknowledged is appended to
 * acked. */
static void one_round(struct round *round, uint64_t *acked, unsigned kill_us)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        round->pipe = fds[1];
        run_in(round->root, round_body, round);
        _exit(0);
    }
    close(fds[1]);
    uint64_t number;
    bool killed = false;
    while (read(fds[0], &number, sizeof number) == sizeof number) {
        acked[round->n_acked++] = number;
        if (killed)
            continue;
        usleep(kill_us); /* under load now; what it acknowledges meanwhile waits in the pipe */
        kill(pid, SIGKILL);
        killed = true;
    }
    close(fds[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (killed)
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    else
        assert_true(round->last && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void crash_many(int n, uint64_t seed)
{
    uint64_t *acked = malloc(ACKED_MAX * sizeof *acked);
    struct round round = {.n = n, .root = "/tmp/cairn-crash-XXXXXX", .acked = acked};
    struct prng prng;
    prng_init(&prng, seed);
    assert_non_null(mkdtemp(round.root));
    for (int i = 0; i < ROUNDS; i++) {
        size_t before = round.n_acked;
        round.base = (uint64_t)(i + 1) << 32;
        one_round(&round, acked, 5000 + (unsigned)prng_below(&prng, 250000));
        assert_true(round.n_acked > before && round.n_acked < ACKED_MAX / 2);
    }
    round.last = true;
    one_round(&round, acked, 0);
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", round.root);
    assert_int_equal(system(command), 0);
    free(acked);
}

static void test_one_node(void **state)
{
    crash_many(1, 1);
}

static void test_three_nodes(void **state)
{
    crash_many(3, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_node),
        cmocka_unit_test(test_three_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
