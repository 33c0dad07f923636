/* kv_bench: what storage/kv.h costs without SQL above it: point reads, commits in one and several
 * groups.
 *
 *     build/tests/bench/kv_bench [nodes] [fibers]
 *
 * Nodes share one thread, so the figures are the CPU of all of them together.
 */
#include <time.h>

#include "tests/unit/storage/kv_cluster.h"

struct bench {
    struct cluster c;
    struct kv_rows_table one, three;
    struct arena arena;
    uint32_t running;
    uint64_t left;
    uint64_t next_key;
    int node;
    int kind;
};

enum { POINT_READ, INSERT_ONE, UPDATE_MANY, KINDS };
static const char *const names[] = {"point read", "insert, one group",
                                    "two writes, two groups or more"};

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void do_point_read(struct task *task, struct bench *b)
{
    struct kv *kv = b->c.nodes[b->node].kv;
    struct kv_txn *txn = kv_txn_begin(kv, &(struct kv_txn_options){0});
    const struct kv_schema *schemas[] = {&b->one.schema};
    struct kv_read read;
    struct kv_rows rows = {0};
    int64_t key = (int64_t)(b->next_key++ % 1000);
    struct kv_rows_query query = {.table = &b->one, .keys = &key, .n_keys = 1, .unordered = true};
    rt_ok(kv_stmt_begin(task, txn, schemas, 1, &read, &err), &err);
    rt_ok(kv_rows_read(task, kv, txn, &read, &query, &rows, &err), &err);
    rt_check(rows.n == 1);
    kv_rows_done(&rows);
    kv_abort(task, txn);
}

static void do_writes(struct task *task, struct bench *b, const struct kv_rows_table *t, int n)
{
    struct kv_txn *txn = kv_txn_begin(b->c.nodes[b->node].kv, &(struct kv_txn_options){0});
    const struct kv_schema *schemas[] = {&t->schema};
    struct kv_read read;
    uint8_t result;
    rt_ok(kv_stmt_begin(task, txn, schemas, 1, &read, &err), &err);
    for (int i = 0; i < n; i++) {
        int64_t row[] = {(int64_t)(1000000 + b->next_key++), 1, 0, 0};
        rt_ok(kv_rows_write(task, txn, t, KV_INSERT, row, &result, &err), &err);
    }
    rt_ok(kv_commit(task, txn, NULL, &err), &err);
}

static void run_fiber(struct task *task, void *arg)
{
    struct bench *b = arg;
    while (b->left) {
        b->left--;
        switch (b->kind) {
        case POINT_READ:
            do_point_read(task, b);
            break;
        case INSERT_ONE:
            do_writes(task, b, &b->one, 1);
            break;
        default:
            do_writes(task, b, &b->three, 2);
            break;
        }
    }
    b->running--;
}

static void measure(struct task *task, struct bench *b, int kind, uint64_t count, uint32_t fibers)
{
    b->kind = kind;
    b->left = count;
    b->running = fibers;
    uint64_t cpu = cpu_ns(), wall = env_mono_ns(task->env);
    for (uint32_t i = 0; i < fibers; i++)
        task_spawn(task_core(task), TASK_TXN, "bench", run_fiber, b);
    while (b->running)
        rt_ok(task_sleep(task, MS, &err), &err);
    cpu = cpu_ns() - cpu;
    wall = env_mono_ns(task->env) - wall;
    printf("%-32s %3u fibers: %8.2f us CPU, %9.0f a second\n", names[kind], fibers,
           (double)cpu / 1e3 / (double)count, (double)count * 1e9 / (double)wall);
}

struct args {
    int nodes;
    uint32_t fibers;
};

static void run_bench(struct task *task, void *arg)
{
    const struct args *args = arg;
    struct bench b = {0};
    arena_init(&b.arena, NULL);
    start_cluster(task, &b.c, args->nodes);
    kv_rows_table_init(&b.one, 20001, 2, 1);
    kv_rows_table_init(&b.three, 20002, 2, 3);
    struct kv_txn *txn = kv_txn_begin(b.c.nodes[0].kv, &(struct kv_txn_options){0});
    struct kv_read read;
    uint8_t result;
    rt_ok(kv_stmt_begin(task, txn, NULL, 0, &read, &err), &err);
    rt_ok(kv_storage_create(task, txn, &b.one.schema, &b.arena, &err), &err);
    rt_ok(kv_storage_create(task, txn, &b.three.schema, &b.arena, &err), &err);
    for (int64_t i = 0; i < 1000; i++)
        rt_ok(kv_rows_write(task, txn, &b.one, KV_INSERT, (int64_t[]){i, i, 0, 0}, &result, &err),
              &err);
    rt_ok(kv_commit(task, txn, NULL, &err), &err);
    rt_ok(task_sleep(task, 500 * MS, &err), &err);
    for (b.node = 0; b.node < args->nodes; b.node++) {
        node_id leader;
        kv_place(b.c.nodes[b.node].kv, &b.one.schema, &leader);
        printf("through node %d, the table's leader is %u\n", b.node + 1, leader);
        measure(task, &b, POINT_READ, 100000, 1);
        measure(task, &b, POINT_READ, 100000, args->fibers);
        measure(task, &b, INSERT_ONE, 2000, 1);
        measure(task, &b, INSERT_ONE, 40000, args->fibers);
        measure(task, &b, UPDATE_MANY, 20000, args->fibers);
    }
    stop_cluster(task, &b.c);
    arena_done(&b.arena);
}

int main(int argc, char **argv)
{
    struct args args = {argc > 1 ? atoi(argv[1]) : 1, argc > 2 ? (uint32_t)atoi(argv[2]) : 32};
    rt_test_run(run_bench, &args);
    return 0;
}
