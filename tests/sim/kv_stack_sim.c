/* kv_stack_sim.c: the same work over everything real: transactions, stores, Raft, log, LSM and RPC,
 * on the simulator of machines (env_sim.h). Nodes crash and vanish, disks stall and lose what was
 * not synced, links are cut, clocks are off; then all heals and everything is read.
 *
 *     kv_stack_sim [--seeds A..B] [--fault BITS] [--verbose]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/rpc.h"
#include "storage/tablet/place.h"
#include "storage/tablet/store.h"
#include "storage/tablet/store_dir.h"
#include "storage/txn/kv_node.h"
#include "storage/txn/txn_command.h"
#include "tests/sim/env_sim.h"
#include "tests/sim/kv_work.h"

enum { PORT = 26257, NODES = 3, DATA_GROUPS = 3 };

struct world;

struct world_node {
    struct world *world;
    uint32_t i;
    struct store *store;
    struct kv *kv;
    bool fatal, stop;
    uint32_t clients;
};

struct world {
    struct sim *sim;
    struct kv_sim_result *result;
    struct kv_work *work;
    struct prng prng; /* the clients' */
    uint32_t faults;
    bool calm, set_up, over, tidy;
    struct store_config settings;
    struct world_node nodes[NODES];
};

static void fail(struct world *w, const char *what)
{
    if (w->result->failed)
        return;
    w->result->failed = true;
    snprintf(w->result->what, sizeof w->result->what, "%s", what);
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static void set_identity(struct store_identity *id, void *arg)
{
    const struct world_node *node = arg;
    memset(id->cluster_id, 1, 16);
    id->node_id = node->i + 1;
    id->n_nodes = NODES;
    id->n_data_groups = DATA_GROUPS;
    id->complete = true;
    for (uint32_t i = 0; i < id->n_nodes; i++)
        id->nodes[i].id = i + 1;
}

static void note_fatal(void *arg, const struct err *err)
{
    ((struct world_node *)arg)->fatal = true;
}

struct server {
    struct store_dir *dir;
    struct rpc *rpc;
    struct store_port *port;
};

static int open_network(struct task *task, struct world_node *node, struct server *s,
                        struct err *err)
{
    int rc = store_dir_open(task, "s", &s->dir, err);
    if (!rc && !s->dir->has_identity)
        rc = store_dir_update(task, s->dir, set_identity, node, err);
    if (rc)
        return rc;
    struct rpc_config config = {.self = node->i + 1};
    memset(config.cluster_id, 1, 16);
    s->rpc = rpc_create(task_core(task)->runtime, &config);
    s->port = store_port_create(s->rpc);
    struct kv_node_config kv = {
        .runtime = task_core(task)->runtime,
        .rpc = s->rpc,
        .self = node->i + 1,
        .faults = node->world->faults,
    };
    rc = kv_node_create(&kv, &node->kv, err);
    if (!rc)
        rc = rpc_listen(task, s->rpc, "0.0.0.0", PORT, err);
    for (uint32_t i = 0; i < NODES && !rc; i++) {
        char host[16];
        snprintf(host, sizeof host, "node%u", i + 1);
        if (i != node->i)
            rpc_peer_set(s->rpc, i + 1, host, PORT);
    }
    return rc;
}

static int open_server(struct task *task, struct world_node *node, struct server *s,
                       struct err *err)
{
    int rc = open_network(task, node, s, err);
    if (rc)
        return rc;
    struct store_group_config groups[1 + DATA_GROUPS];
    place_groups(NODES, DATA_GROUPS, groups);
    struct store_config config = node->world->settings;
    config.machine = &kv_machine_ops;
    config.machine_factory = node->kv;
    config.rpc = s->rpc;
    config.port = s->port;
    config.groups = groups;
    config.n_groups = 1 + DATA_GROUPS;
    config.log = task->env->log;
    config.on_fatal = note_fatal;
    config.fatal_arg = node;
    rc = store_open(task, task->env, s->dir, &config, &node->store, err);
    if (!rc)
        rc = kv_node_start(task, node->kv, node->store, err);
    return rc;
}

/* Nothing open may be left on any replica when the faults have ended. */
static void check_tidy(struct world_node *node)
{
    char what[100];
    for (uint32_t id = 1; id <= 1 + DATA_GROUPS; id++) {
        struct group *group = store_group(node->store, id);
        struct group_state_iter it;
        struct group_state_item item;
        struct txn_record record;
        group_state_seek(group, &it, "P", 1, NULL, 0);
        if (group_state_next(&it, &item)) {
            snprintf(what, sizeof what, "group %u of node %u holds prepared rows at the end", id,
                     node->i + 1);
            fail(node->world, what);
        }
        group_state_seek(group, &it, "R", 1, NULL, 0);
        while (group_state_next(&it, &item))
            if (txn_record_decode(item.value, item.value_len, &record) &&
                record.status != TXN_ABORTED) {
                snprintf(what, sizeof what, "group %u of node %u holds a record at the end", id,
                         node->i + 1);
                fail(node->world, what);
            }
    }
}

static void run_node(struct task *task, void *arg)
{
    struct world_node *node = arg;
    struct world *w = node->world;
    struct server server = {0};
    struct err err = {0};
    int rc = open_server(task, node, &server, &err);
    if (rc) {
        if (rc != ERR_IO_ERROR && rc != ERR_DISK_FULL)
            fail(w, err.message);
        sim_node_crash(w->sim, node->i);
        return;
    }
    struct kv_work_node clients = {
        .kv = node->kv, .core = task_core(task), .stop = &node->stop, .running = &node->clients};
    kv_work_start(w->work, &clients, node->i == 0 && !w->set_up);
    w->set_up |= node->i == 0;
    bool checked = false, tidied = false;
    while (!node->fatal && !node->stop && !w->over) {
        if (w->calm && node->i == 1 && kv_work_is_checked(w->work) && !w->tidy)
            w->tidy = true;
        if (w->tidy && !tidied) {
            check_tidy(node);
            tidied = true;
        }
        if (w->calm && !checked && node->i == 1 && !node->clients) {
            struct kv_work_node reader = {.kv = node->kv, .core = task_core(task)};
            (void)!task_sleep(task, 45 * SIM_SECOND,
                              &err); /* upkeep tidies after 10 s, commits give up after 30 */
            kv_work_check(w->work, &reader);
            checked = true;
        }
        if (task_sleep(task, 5 * SIM_MS, &err))
            break;
    }
    if (node->fatal) {
        sim_node_crash(w->sim, node->i);
        return;
    }
    while (node->clients && !node->fatal)
        if (task_sleep(task, SIM_MS, &err))
            break;
    kv_node_stop(task, node->kv);
    store_close(task, node->store);
    rpc_stop(task, server.rpc);
    rpc_destroy(server.rpc);
    store_port_destroy(server.port);
    kv_node_destroy(node->kv);
    runtime_stop(task_core(task)->runtime);
}

static void boot(struct world *w, uint32_t i)
{
    struct world_node *node = &w->nodes[i];
    *node = (struct world_node){.world = w, .i = i};
    sim_clock_skew(w->sim, i, prng_range(sim_prng(w->sim), -80000, 80000), 0);
    sim_node_start(w->sim, i, run_node, node);
}

/* ---- faults --------------------------------------------------------------------------------- */

struct later {
    struct world *w;
    uint32_t i;
};

static struct later *later_of(struct world *w, uint32_t i)
{
    struct later *l = malloc(sizeof *l);
    if (!l)
        abort();
    *l = (struct later){w, i};
    return l;
}

static void boot_later(struct sim *sim, void *arg)
{
    struct later *l = arg;
    if (sim_node_state(sim, l->i) == SIM_UP && l->w->nodes[l->i].stop) {
        sim_after(sim, 200 * SIM_MS, boot_later, l); /* it is still closing */
        return;
    }
    if (sim_node_state(sim, l->i) != SIM_UP)
        boot(l->w, l->i);
    free(l);
}

static void heal_later(struct sim *sim, void *arg)
{
    sim_net_heal(sim);
    free(arg);
}

static void resume_later(struct sim *sim, void *arg)
{
    struct later *l = arg;
    sim_node_pause(sim, l->i, false);
    free(l);
}

static void injure(struct world *w)
{
    struct prng *prng = sim_prng(w->sim);
    uint32_t i = (uint32_t)prng_below(prng, NODES), other = (uint32_t)prng_below(prng, NODES);
    uint64_t ns = (50 + prng_below(prng, 2000)) * SIM_MS;
    switch (prng_below(prng, 8)) {
    case 0:
    case 1:
        if (sim_node_state(w->sim, i) != SIM_UP)
            break;
        if (prng_chance(prng, 0.3))
            sim_node_vanish(w->sim, i);
        else
            sim_node_crash(w->sim, i);
        sim_after(w->sim, ns, boot_later, later_of(w, i));
        break;
    case 2:
        sim_net_partition(w->sim, UINT64_C(1) << i);
        sim_after(w->sim, ns, heal_later, later_of(w, i));
        break;
    case 3:
        if (i != other)
            sim_net_block(w->sim, i, other, true);
        sim_after(w->sim, ns, heal_later, later_of(w, i));
        break;
    case 4:
        if (i != other)
            sim_net_reset(w->sim, i, other);
        break;
    case 5:
        if (sim_node_state(w->sim, i) == SIM_UP) {
            sim_node_pause(w->sim, i, true);
            sim_after(w->sim, ns, resume_later, later_of(w, i));
        }
        break;
    case 6:
        sim_disk_stall(w->sim, i, ns / 2);
        break;
    default:
        if (sim_node_state(w->sim, i) == SIM_UP) {
            w->nodes[i].stop = true; /* gracefully: leaderships are handed over */
            sim_after(w->sim, ns + SIM_SECOND, boot_later, later_of(w, i));
        }
        break;
    }
}

static void heal(struct world *w)
{
    w->calm = true;
    sim_net_heal(w->sim);
    for (uint32_t i = 0; i < NODES; i++) {
        sim_node_pause(w->sim, i, false);
        if (sim_node_state(w->sim, i) != SIM_UP)
            boot(w, i);
    }
}

/* ---- a run ---------------------------------------------------------------------------------- */

static bool is_ready(struct sim *sim, void *arg)
{
    struct world *w = arg;
    return w->result->failed || kv_work_is_ready(w->work);
}

static bool is_tidy(struct sim *sim, void *arg)
{
    struct world *w = arg;
    return w->result->failed || w->tidy;
}

static void run_seed(uint64_t seed, uint32_t faults, bool verbose, struct kv_sim_result *result)
{
    struct world *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    *result = (struct kv_sim_result){0};
    w->sim = sim_create(
        &(struct sim_config){.seed = seed, .node_count = NODES, .log = verbose ? stderr : NULL});
    w->result = result;
    w->faults = faults;
    prng_init(&w->prng, seed ^ 0x6b76);
    w->settings.log_segment_bytes = UINT64_C(256) << 10;
    w->settings.memtable_bytes_max = UINT64_C(64) << 10;
    w->work = kv_work_create(&(struct kv_work_world){
        .seed = seed,
        .clients = 1 + (uint32_t)prng_below(&w->prng, 3),
        .prng = &w->prng,
        .result = result,
    });
    for (uint32_t i = 0; i < NODES; i++)
        boot(w, i);
    if (!sim_run_until(w->sim, is_ready, w, 30 * SIM_SECOND))
        fail(w, "the work could not be set up");
    for (uint32_t ms = 0; ms < 6000 && !result->failed; ms += 200) {
        sim_run_for(w->sim, 200 * SIM_MS);
        if (prng_chance(sim_prng(w->sim), 0.35))
            injure(w);
    }
    heal(w);
    sim_run_for(w->sim, 3 * SIM_SECOND); /* those that were stopping end */
    heal(w);
    kv_work_stop(w->work);
    if (!result->failed && !sim_run_until(w->sim, is_tidy, w, 200 * SIM_SECOND))
        fail(w, "the end was not reached");
    sim_run_for(w->sim, SIM_SECOND);
    result->trace_hash = sim_trace_hash(w->sim);
    result->virtual_ms = sim_now(w->sim) / SIM_MS;
}

static void run_apart(uint64_t seed, uint32_t faults, bool verbose, struct kv_sim_result *result)
{
    int fds[2], status;
    if (pipe(fds))
        abort();
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        run_seed(seed, faults, verbose, result);
        _exit(write(fds[1], result, sizeof *result) == sizeof *result ? 0 : 3);
    }
    close(fds[1]);
    ssize_t got = read(fds[0], result, sizeof *result);
    close(fds[0]);
    waitpid(pid, &status, 0);
    if (got != sizeof *result || status) {
        memset(result, 0, sizeof *result);
        result->failed = true;
        snprintf(result->what, sizeof result->what, "the process died with status %d", status);
    }
}

int main(int argc, char **argv)
{
    uint64_t from = 1, to = 10, failures = 0;
    uint32_t faults = 0;
    bool verbose = false;
    struct kv_sim_result sum = {0}, one, twin;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--seeds") && i + 1 < argc) {
            char *end;
            from = to = strtoull(argv[++i], &end, 10);
            if (!strncmp(end, "..", 2))
                to = strtoull(end + 2, NULL, 10);
        } else if (!strcmp(argv[i], "--fault") && i + 1 < argc) {
            faults = (uint32_t)strtoul(argv[++i], NULL, 0);
        } else if (!strcmp(argv[i], "--verbose")) {
            verbose = true;
        } else {
            fprintf(stderr, "usage: kv_stack_sim [--seeds A..B] [--fault BITS] [--verbose]\n");
            return 2;
        }
    }
    for (uint64_t seed = from; seed <= to; seed++) {
        run_apart(seed, faults, verbose, &one);
        if (!one.failed && seed % 50 == 0) {
            run_apart(seed, faults, false, &twin);
            if (twin.trace_hash != one.trace_hash) {
                one.failed = true;
                snprintf(one.what, sizeof one.what, "two runs differ");
            }
        }
        if (one.failed)
            printf("seed %llu: FAILED: %s\n", (unsigned long long)seed, one.what);
        failures += one.failed;
        sum.committed += one.committed;
        sum.aborted += one.aborted;
        sum.unknown += one.unknown;
        sum.reads += one.reads;
        sum.deadlocks += one.deadlocks;
        sum.timeouts += one.timeouts;
    }
    printf("kv_stack_sim: %llu runs, %llu failed: %llu committed, %llu aborted, %llu unknown, %llu "
           "reads, "
           "%llu deadlocks, %llu timeouts\n",
           (unsigned long long)(to - from + 1), (unsigned long long)failures,
           (unsigned long long)sum.committed, (unsigned long long)sum.aborted,
           (unsigned long long)sum.unknown, (unsigned long long)sum.reads,
           (unsigned long long)sum.deadlocks, (unsigned long long)sum.timeouts);
    return failures != 0;
}
