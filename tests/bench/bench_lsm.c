/* bench_lsm: how fast the local engine is. Prints one line a figure; compare ratios, not absolute
 * times.
 *
 *     build/tests/bench/bench_lsm [rows]     default 1,000,000
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/key.h"
#include "base/prng.h"
#include "base/row.h"
#include "storage/lsm/lsm.h"
#include "storage/lsm/memtable.h"
#include "storage/wal/wal.h"
#include "tests/support/rt_test.h"

enum { COLS = 6 };

static struct kv_column columns[COLS] = {
    {.id = 1, .kind = PHYS_INT64, .dec_scale = -1}, {.id = 2, .kind = PHYS_INT64, .dec_scale = 2},
    {.id = 3, .kind = PHYS_INT32, .dec_scale = -1}, {.id = 4, .kind = PHYS_BYTES, .dec_scale = -1},
    {.id = 5, .kind = PHYS_BYTES, .dec_scale = -1}, {.id = 6, .kind = PHYS_INT64, .dec_scale = -1},
};
static struct kv_key_part key_parts[1] = {{.column = 0}};
static uint32_t groups[1] = {1};
static struct kv_schema schema = {.id = 5,
                                  .home = 5,
                                  .version = 1,
                                  .n_columns = COLS,
                                  .n_key = 1,
                                  .n_shards = 1,
                                  .groups = groups,
                                  .columns = columns,
                                  .key = key_parts};
static const char *const words[7] = {"AIR", "RAIL", "TRUCK", "SHIP", "MAIL", "FOB", "REG AIR"};

static uint64_t now(struct task *task)
{
    return env_mono_ns(task->env);
}

static void report(const char *what, uint64_t ns, uint64_t n, const char *unit)
{
    double per = (double)ns / (double)n;
    printf("%-58s %9.1f ns/%s  %8.2f M/s\n", what, per, unit, 1000.0 / per);
}

static void make_key(int64_t k, struct buf *out)
{
    struct key_part part = {.kind = PHYS_INT64, .dec_scale = -1};
    struct datum d = datum_i64(k);
    buf_reset(out);
    key_append(out, &part, &d);
}

static void make_row(struct prng *p, int64_t k, struct buf *out)
{
    char comment[48];
    struct datum d = datum_i64((int64_t)prng_below(p, 10000000));
    d.dec_scale = 2;
    buf_reset(out);
    row_begin(out);
    row_append(out, 2, &d);
    d = (struct datum){.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = (int32_t)prng_below(p, 2500)};
    row_append(out, 3, &d);
    const char *w = words[prng_below(p, 7)];
    d = datum_bytes(w, (uint32_t)strlen(w));
    row_append(out, 4, &d);
    int len = snprintf(comment, sizeof comment, "carefully final deposits %llu",
                       (unsigned long long)prng_below(p, 1000000));
    d = datum_bytes(comment, (uint32_t)len);
    row_append(out, 5, &d);
    d = datum_i64(k / 4);
    row_append(out, 6, &d);
}

static void bench_memtable(struct task *task, uint64_t n)
{
    struct prng p;
    prng_init(&p, 1);
    struct buf key = {0}, row = {0};
    n = n < 200000 ? n : 200000;
    for (int random = 0; random < 2; random++) {
        struct memtable *m = memtable_create();
        uint64_t spent = 0;
        uint64_t *keys = malloc(n * sizeof *keys);
        for (uint64_t i = 0; i < n; i++) {
            keys[i] = random ? prng_next(&p) >> 20 : i;
            make_key((int64_t)keys[i], &key);
            make_row(&p, (int64_t)i, &row);
            uint64_t from = now(task);
            memtable_insert(m, key.data, (uint32_t)key.len, i + 1, false, false, row.data,
                            (uint32_t)row.len);
            spent += now(task) - from;
        }
        report(random ? "memtable insert, random keys" : "memtable insert, ascending keys", spent,
               n, "op");
        uint64_t from = now(task), found = 0;
        for (uint64_t i = 0; i < n; i++) {
            make_key((int64_t)keys[prng_below(&p, n)], &key);
            found += memtable_seek(m, key.data, (uint32_t)key.len, HLC_MAX) != NULL;
        }
        report(random ? "memtable get, random (200k rows)" : "memtable get, random from ascending",
               now(task) - from, n, "op");
        rt_check(found == n);
        free(keys);
        memtable_unref(m);
    }
    buf_done(&key);
    buf_done(&row);
}

static void fill(struct task *task, struct lsm *lsm, uint64_t n)
{
    struct err err;
    struct prng p;
    prng_init(&p, 7);
    struct buf key = {0}, row = {0};
    uint64_t spent = 0;
    for (uint64_t i = 0; i < n; i++) {
        make_key((int64_t)i, &key);
        make_row(&p, (int64_t)i, &row);
        struct lsm_write w = {.op = LSM_PUT,
                              .key = key.data,
                              .key_len = (uint32_t)key.len,
                              .ts = i + 1,
                              .row = row.data,
                              .row_len = (uint32_t)row.len};
        uint64_t from = now(task);
        lsm_write(lsm, i + 1, &w);
        spent += now(task) - from;
        if (i % 1000 == 0)
            task_yield(task);
    }
    report("lsm_write, ascending, flushes in the background", spent, n, "row");
    uint64_t from = now(task);
    rt_ok(lsm_flush(task, lsm, &err), &err);
    lsm_horizon_set(lsm, n + 1);
    rt_ok(lsm_compact(task, lsm, &err), &err);
    report("flush of the rest and full compaction", now(task) - from, n, "row");
    struct lsm_stats stats;
    lsm_stats_get(lsm, &stats);
    printf("%-58s %9.1f bytes/row in %llu files\n", "size on disk",
           (double)stats.file_bytes / (double)n, (unsigned long long)stats.files);
    buf_done(&key);
    buf_done(&row);
}

static void bench_gets(struct task *task, struct lsm *lsm, uint64_t n)
{
    struct err err;
    struct prng p;
    prng_init(&p, 3);
    struct buf key = {0}, row = {0};
    uint64_t count = 300000, hot = n < 20000 ? n : 20000;
    for (int kind = 0; kind < 3; kind++) {
        for (int warm = 0; warm < 2; warm++) {
            uint64_t from = now(task);
            for (uint64_t i = 0; i < count; i++) {
                make_key((int64_t)(kind == 2 ? n + prng_below(&p, n) : prng_below(&p, hot)), &key);
                struct lsm_version_info info;
                buf_reset(&row);
                rt_ok(lsm_get(task, lsm, key.data, (uint32_t)key.len, n + 1, &info,
                              kind == 1 ? &row : NULL, &err),
                      &err);
                rt_check(info.found == (kind != 2));
            }
            if (warm)
                report(kind == 0   ? "point get, cached block, version only"
                       : kind == 1 ? "point get, cached block, whole row"
                                   : "point get of an absent key",
                       now(task) - from, count, "op");
        }
    }
    buf_done(&key);
    buf_done(&row);
}

/* What a prepared SELECT by key costs down here: a scan of one point span, its batch decoded. */
static void bench_point_scans(struct task *task, struct lsm *lsm, uint64_t n)
{
    struct err err;
    struct prng p;
    prng_init(&p, 3);
    struct buf key = {0};
    static const uint32_t ids[3] = {2, 3, 5};
    uint64_t count = 200000, hot = n < 20000 ? n : 20000, spent = 0;
    for (uint64_t i = 0; i < count; i++) {
        make_key((int64_t)prng_below(&p, hot), &key);
        uint64_t from = now(task);
        struct kv_span span = {.start = key.data, .start_len = (uint32_t)key.len, .point = true};
        struct lsm_scan_spec spec = {.schema = &schema,
                                     .column_ids = ids,
                                     .n_columns = 3,
                                     .spans = &span,
                                     .n_spans = 1,
                                     .ts = n + 1};
        struct lsm_snapshot *s = lsm_snapshot_take(lsm);
        struct lsm_scan *scan;
        struct batch *b;
        rt_ok(lsm_scan_open(task, s, &spec, &scan, &err), &err);
        rt_ok(lsm_scan_next(task, scan, 1, NULL, &b, &err), &err);
        rt_check(b && batch_count(b) == 1);
        batch_destroy(b);
        lsm_scan_close(scan);
        lsm_snapshot_release(s);
        spent += now(task) - from;
    }
    report("point scan, cached block, three columns in a batch", spent, count, "op");
    buf_done(&key);
}

struct scan_case {
    const char *name;
    uint16_t n_tests;
    struct kv_test tests[2];
    uint32_t ids[3];
    uint16_t n_columns;
    bool flatten;
};

static void bench_scan(struct task *task, struct lsm *lsm, uint64_t n, const struct scan_case *c)
{
    struct err err;
    uint64_t best = UINT64_MAX, rows = 0;
    for (int round = 0; round < 5; round++) {
        struct lsm_scan_spec spec = {.schema = &schema,
                                     .column_ids = c->ids,
                                     .n_columns = c->n_columns,
                                     .tests = c->tests,
                                     .n_tests = c->n_tests,
                                     .ts = n + 1};
        struct lsm_snapshot *s = lsm_snapshot_take(lsm);
        struct lsm_scan *scan;
        uint64_t from = now(task);
        rt_ok(lsm_scan_open(task, s, &spec, &scan, &err), &err);
        rows = 0;
        for (;;) {
            struct batch *b;
            rt_ok(lsm_scan_next(task, scan, BATCH_ROWS, NULL, &b, &err), &err);
            if (!b)
                break;
            rows += batch_count(b);
            for (uint32_t i = 0; c->flatten && i < b->n_cols; i++)
                vec_flatten(&b->cols[i], b->sel, b->n_sel, b->arena);
            batch_destroy(b);
        }
        uint64_t spent = now(task) - from;
        best = spent < best ? spent : best;
        lsm_scan_close(scan);
        lsm_snapshot_release(s);
    }
    char what[128];
    snprintf(what, sizeof what, "%s (%llu rows out)", c->name, (unsigned long long)rows);
    report(what, best, n, "row");
}

static void bench_scans(struct task *task, struct lsm *lsm, uint64_t n)
{
    static struct datum few, mid, none, word;
    few = (struct datum){.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = 25};
    mid = (struct datum){.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = 1250};
    none = datum_i64(-1);
    word = datum_bytes("SHIP", 4);
    struct scan_case cases[] = {
        {"scan, integer test, 1 % pass, one column", 1, {{3, KV_LT, 1, &few}}, {2}, 1, true},
        {"scan, integer test, half pass, one column decoded",
         1,
         {{3, KV_LT, 1, &mid}},
         {2},
         1,
         true},
        {"scan, integer test, half pass, nothing decoded", 1, {{3, KV_LT, 1, &mid}}, {2}, 1, false},
        {"scan, two tests (integer, dictionary), one column",
         2,
         {{3, KV_LT, 1, &few}, {4, KV_EQ, 1, &word}},
         {2},
         1,
         true},
        {"scan, dictionary test, one column", 1, {{4, KV_EQ, 1, &word}}, {2}, 1, true},
        {"scan, pruned by zone maps", 1, {{6, KV_EQ, 1, &none}}, {2}, 1, true},
        {"scan, no test, one integer column decoded", 0, {{0}}, {2}, 1, true},
        {"scan, no test, three columns decoded (one text)", 0, {{0}}, {2, 3, 5}, 3, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        bench_scan(task, lsm, n, &cases[i]);
}

struct wal_flight {
    struct wal_write write;
    struct task *task;
    uint64_t *ended;
};

static void wal_landed(struct wal_write *w)
{
    struct wal_flight *f = w->arg;
    ++*f->ended;
    task_wake(f->task);
}

static void bench_wal(struct task *task)
{
    struct err err;
    enum fs_result result;
    struct wal *wal;
    struct wal_config config = {.ballast_bytes = 4096};
    rt_ok(fs_mkdir(task, "wal", &result, &err), &err);
    uint64_t from = now(task);
    rt_ok(wal_open(task, "wal", &config, &wal, &err), &err);
    printf("%-58s %9.2f ms\n", "wal open, fresh store, 64 MiB segment",
           (double)(now(task) - from) / 1e6);
    enum { N = 200000 };
    struct wal_flight *flights = calloc(N, sizeof *flights);
    uint64_t ended = 0, spent = 0;
    from = now(task);
    for (uint64_t i = 0; i < N; i++) {
        struct raft_entry *e = raft_entry_create(RAFT_ENTRY_COMMAND, NULL, 200);
        memset(e->bytes, 'x', 200);
        e->index = 1 + i / 16;
        e->term = 1;
        flights[i] = (struct wal_flight){.task = task, .ended = &ended};
        flights[i].write = (struct wal_write){.group = 1 + i % 16,
                                              .entries = &e,
                                              .n_entries = 1,
                                              .done = wal_landed,
                                              .core = task_core(task),
                                              .arg = &flights[i]};
        uint64_t at = now(task);
        while (wal_append(wal, &flights[i].write) == WAL_BUSY)
            rt_ok(task_sleep(task, 100000, &err), &err);
        spent += now(task) - at;
        raft_entry_unref(e);
        if (i % 64 == 0)
            task_yield(task);
    }
    while (ended < N)
        task_park_always(task);
    report("wal append, 200 bytes, 16 groups (CPU of the caller)", spent, N, "op");
    report("wal append to durable, all in flight", now(task) - from, N, "op");
    uint64_t one = now(task);
    for (int i = 0; i < 200; i++) {
        struct raft_entry *e = raft_entry_create(RAFT_ENTRY_COMMAND, "hello", 5);
        e->index = 1 + N / 16 + (uint64_t)i;
        e->term = 1;
        struct wal_write w = {.group = 1, .entries = &e, .n_entries = 1};
        rt_ok(wal_append_wait(task, wal, &w, &err), &err);
        raft_entry_unref(e);
    }
    report("wal append and wait, one at a time (one sync each)", now(task) - one, 200, "op");
    wal_close(task, wal);
    free(flights);
}

static void body(struct task *task, void *arg)
{
    uint64_t n = *(uint64_t *)arg;
    struct err err;
    struct lsm_node *node;
    struct lsm_node_config config = {.block_cache_bytes = 512u << 20};
    for (int i = 0; i < COLS; i++)
        columns[i].absent = datum_null((enum phys_kind)columns[i].kind);
    bench_memtable(task, n);
    rt_ok(lsm_node_open(task, ".", &config, &node, &err), &err);
    struct lsm *lsm = lsm_create(node, task_core(task), (struct tablet_id){5, 0}, 1, &schema);
    fill(task, lsm, n);
    bench_gets(task, lsm, n);
    bench_point_scans(task, lsm, n);
    bench_scans(task, lsm, n);
    lsm_close(task, lsm);
    lsm_node_close(task, node);
    bench_wal(task);
}

int main(int argc, char **argv)
{
    uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    rt_test_run(body, &n);
    return 0;
}
