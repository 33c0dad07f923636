/* Files in and out of tablets, many tablets under one budget, readers on other cores, what
 * survives a drop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/key.h"
#include "base/row.h"
#include "storage/lsm/lsm.h"
#include "tests/support/rt_test.h"

static struct kv_column columns[2] = {{.id = 1, .kind = PHYS_INT64, .dec_scale = -1},
                                      {.id = 2, .kind = PHYS_BYTES, .dec_scale = -1}};
static struct kv_key_part key_parts[1] = {{.column = 0}};
static uint32_t groups[1] = {1};
static struct kv_schema schema = {.id = 1,
                                  .home = 1,
                                  .version = 1,
                                  .n_columns = 2,
                                  .n_key = 1,
                                  .n_shards = 1,
                                  .groups = groups,
                                  .columns = columns,
                                  .key = key_parts};

struct row_of {
    struct buf key, row;
    struct lsm_write write;
};

static struct lsm_write *make(struct row_of *r, int64_t k, hlc_time ts)
{
    struct key_part part = {.kind = PHYS_INT64, .dec_scale = -1};
    struct datum d = datum_i64(k);
    char text[64];
    buf_reset(&r->key);
    key_append(&r->key, &part, &d);
    buf_reset(&r->row);
    row_begin(&r->row);
    int len =
        snprintf(text, sizeof text, "value of %lld at %llu", (long long)k, (unsigned long long)ts);
    d = datum_bytes(text, (uint32_t)len);
    row_append(&r->row, 2, &d);
    r->write = (struct lsm_write){.op = LSM_PUT,
                                  .key = r->key.data,
                                  .key_len = (uint32_t)r->key.len,
                                  .ts = ts,
                                  .row = r->row.data,
                                  .row_len = (uint32_t)r->row.len};
    return &r->write;
}

static void row_done(struct row_of *r)
{
    buf_done(&r->key);
    buf_done(&r->row);
}

/* Rows of a span seen at ts; checks each text against its key (and its version's timestamp). */
static uint64_t count_rows(struct task *task, struct lsm_snapshot *s, hlc_time ts,
                           const struct kv_span *span, int64_t *first, int64_t *last)
{
    struct err err;
    static const uint32_t ids[2] = {2, 1};
    struct lsm_scan_spec spec = {.schema = &schema,
                                 .column_ids = ids,
                                 .n_columns = 2,
                                 .ts = ts,
                                 .with_ts = true,
                                 .spans = span,
                                 .n_spans = span ? 1 : 0};
    struct lsm_scan *scan;
    rt_ok(lsm_scan_open(task, s, &spec, &scan, &err), &err);
    uint64_t n = 0;
    for (;;) {
        struct batch *b;
        rt_ok(lsm_scan_next(task, scan, BATCH_ROWS, NULL, &b, &err), &err);
        if (!b)
            break;
        for (uint32_t c = 0; c < 3; c++)
            vec_flatten(&b->cols[c], b->sel, b->n_sel, b->arena);
        for (uint32_t i = 0; i < batch_count(b); i++, n++) {
            uint32_t row = batch_row(b, i);
            struct datum text = vec_datum(&b->cols[0], row);
            int64_t key = vec_datum(&b->cols[1], row).u.i64;
            char want[64];
            int len = snprintf(want, sizeof want, "value of %lld at %llu", (long long)key,
                               (unsigned long long)vec_datum(&b->cols[2], row).u.i64);
            rt_check(text.u.bytes.len == (uint32_t)len &&
                     memcmp(view_data(&text.u.bytes), want, (size_t)len) == 0);
            if (n == 0 && first)
                *first = key;
            if (last)
                *last = key;
        }
        batch_destroy(b);
    }
    lsm_scan_close(scan);
    return n;
}

static uint64_t count_all(struct task *task, struct lsm *lsm, hlc_time ts)
{
    struct lsm_snapshot *s = lsm_snapshot_take(lsm);
    uint64_t n = count_rows(task, s, ts, NULL, NULL, NULL);
    lsm_snapshot_release(s);
    return n;
}

static void open_in(struct task *task, const char *dir, struct lsm_node **node)
{
    struct err err;
    enum fs_result result;
    struct lsm_node_config config = {.file_bytes_max = 64 << 10,
                                     .memtable_bytes_one = 256 << 10,
                                     .memtable_bytes_max = 1 << 20,
                                     .block_bytes_last = 8 << 10};
    rt_ok(fs_mkdir(task, dir, &result, &err), &err);
    rt_ok(lsm_node_open(task, dir, &config, node, &err), &err);
}

static void fill(struct lsm *lsm, int64_t from, int64_t to, hlc_time ts, uint64_t index)
{
    struct row_of r = {0};
    for (int64_t k = from; k < to; k++)
        lsm_write(lsm, index, make(&r, k, ts));
    row_done(&r);
}

static void body_stream(struct task *task, void *arg)
{
    struct err err;
    struct lsm_node *a, *b;
    struct tablet_id id = {1, 0};
    open_in(task, "a", &a);
    open_in(task, "b", &b);
    struct lsm *from = lsm_create(a, task_core(task), id, 1, &schema);
    struct lsm *to = lsm_create(b, task_core(task), id, 1, &schema);
    fill(from, 0, 4000, 10, 1);
    rt_ok(lsm_flush(task, from, &err), &err);
    fill(from, 1000, 1500, 20, 2); /* a second run over the first */
    rt_ok(lsm_flush(task, from, &err), &err);
    fill(to, 100, 200, 5, 1); /* goes */
    rt_ok(lsm_flush(task, to, &err), &err);
    fill(to, 9000, 9100, 6, 2);
    struct lsm_snapshot *s = lsm_snapshot_take(from);
    size_t n = 0;
    const struct manifest_file *files = lsm_snapshot_files(s, &n);
    rt_check(n > 2);
    struct arena arena;
    arena_init(&arena, NULL);
    struct manifest_file *got = arena_array(&arena, struct manifest_file, n);
    uint8_t chunk[1000];
    for (size_t i = 0; i < n; i++) {
        struct lsm_incoming *in;
        rt_ok(lsm_incoming_open(task, b, &in, &err), &err);
        for (uint64_t at = 0;;) {
            size_t len = 0;
            rt_ok(lsm_file_read(task, s, files[i].number, at, chunk, sizeof chunk, &len, &err),
                  &err);
            if (!len)
                break;
            at += len;
            rt_ok(lsm_incoming_write(task, in, chunk, len, &err), &err);
        }
        rt_ok(lsm_incoming_finish(task, in, &arena, &got[i], &err), &err);
        rt_check(got[i].uid == files[i].uid && got[i].row_count == files[i].row_count);
        got[i].run = files[i].run;
    }
    lsm_snapshot_release(s);
    /* A file with a flipped byte is refused. */
    struct lsm_incoming *in;
    rt_ok(lsm_incoming_open(task, b, &in, &err), &err);
    rt_ok(lsm_incoming_write(task, in, chunk, sizeof chunk, &err), &err);
    struct manifest_file bad;
    rt_check(lsm_incoming_finish(task, in, &arena, &bad, &err) == ERR_DATA_CORRUPTED);
    struct manifest_edit *edit = manifest_edit_create();
    manifest_edit_group_put(edit, 1, 77, "ckp", 3);
    rt_ok(lsm_replace(task, to, got, n, 77, edit, &err), &err);
    rt_check(lsm_flushed(to) == 77 && lsm_unflushed_from(to) == 0);
    rt_check(count_all(task, to, 100) == 4000 && count_all(task, to, 15) == 4000 &&
             count_all(task, to, 5) == 0);
    /* A write the snapshot covers is ignored; the next one is not. */
    fill(to, 5000, 5001, 30, 77);
    rt_check(count_all(task, to, 100) == 4000);
    fill(to, 5000, 5001, 30, 78);
    rt_check(count_all(task, to, 100) == 4001);
    lsm_close(task, from);
    lsm_close(task, to);
    lsm_node_close(task, a);
    lsm_node_close(task, b);
    /* It is all there after a restart, the checkpoint with it. */
    open_in(task, "b", &b);
    rt_ok(lsm_open(b, task_core(task), id, &to, &err), &err);
    rt_check(count_all(task, to, 100) == 4000 && lsm_flushed(to) == 77);
    struct manifest_group_info info;
    rt_check(manifest_groups(lsm_node_manifest(b), &info, 1) == 1 && info.index == 77);
    lsm_close(task, to);
    lsm_node_close(task, b);
    arena_done(&arena);
}

static void body_bulk(struct task *task, void *arg)
{
    struct err err;
    struct lsm_node *node;
    open_in(task, "n", &node);
    struct lsm *lsm = lsm_create(node, task_core(task), (struct tablet_id){1, 0}, 1, &schema);
    fill(lsm, 0, 100, 3, 1);
    struct lsm_bulk *bulk;
    struct row_of r = {0};
    rt_ok(lsm_bulk_open(task, node, &schema, &bulk, &err), &err);
    for (int64_t k = 1000; k < 30000; k++)
        rt_ok(lsm_bulk_add(task, bulk, make(&r, k, 5), &err), &err);
    struct arena arena;
    arena_init(&arena, NULL);
    struct manifest_file *files;
    size_t n;
    rt_ok(lsm_bulk_finish(task, bulk, &arena, &files, &n, &err), &err);
    rt_check(n > 2);
    rt_ok(lsm_ingest(task, lsm, files, n, 2, &err), &err);
    rt_check(count_all(task, lsm, 10) == 29100 && count_all(task, lsm, 4) == 100);
    rt_check(lsm_unflushed_from(lsm) == 1);
    /* The same spans split: every row once. */
    struct lsm_snapshot *s = lsm_snapshot_take(lsm);
    struct buf keys = {0};
    uint32_t ends[7], n_keys;
    struct kv_span all = {.start = (const uint8_t *)""}, part = all;
    rt_ok(lsm_snapshot_split(task, s, &all, 8, &keys, ends, &n_keys, &err), &err);
    rt_check(n_keys == 7);
    uint64_t total = 0, most = 0;
    for (uint32_t i = 0; i <= n_keys; i++) {
        part.end = i < n_keys ? keys.data + (i ? ends[i - 1] : 0) : NULL;
        part.end_len = i < n_keys ? ends[i] - (i ? ends[i - 1] : 0) : 0;
        uint64_t rows = count_rows(task, s, 10, &part, NULL, NULL);
        total += rows;
        most = rows > most ? rows : most;
        part.start = part.end;
        part.start_len = part.end_len;
    }
    rt_check(total == 29100 && most < 8000);
    lsm_snapshot_release(s);
    buf_done(&keys);
    rt_ok(lsm_bulk_open(task, node, &schema, &bulk, &err), &err);
    rt_ok(lsm_bulk_add(task, bulk, make(&r, 1, 5), &err), &err);
    lsm_bulk_abort(task, bulk);
    rt_ok(lsm_compact(task, lsm, &err), &err);
    rt_check(count_all(task, lsm, 10) == 29100);
    lsm_close(task, lsm);
    lsm_node_close(task, node);
    row_done(&r);
    arena_done(&arena);
}

/* Runs join the last one at both ends: the files between are spared, and must not be spanned. */
static void body_spared(struct task *task, void *arg)
{
    struct err err;
    struct lsm_node *node;
    struct row_of r = {0};
    open_in(task, "n", &node);
    struct lsm *lsm = lsm_create(node, task_core(task), (struct tablet_id){1, 0}, 1, &schema);
    fill(lsm, 0, 30000, 5, 1);
    rt_ok(lsm_flush(task, lsm, &err), &err);
    rt_ok(lsm_compact(task, lsm, &err), &err);
    struct lsm_stats before, after;
    lsm_stats_get(lsm, &before);
    rt_check(before.runs == 1 && before.files >= 4);
    static const int64_t spans[3][2] = {{0, 3000}, {27000, 30000}, {500, 2500}};
    for (int i = 0; i < 3; i++) {
        fill(lsm, spans[i][0], spans[i][1], 10 + (hlc_time)i, 2 + (uint64_t)i);
        rt_ok(lsm_flush(task, lsm, &err), &err);
    }
    for (int i = 0; i < 1000; i++) {
        lsm_stats_get(lsm, &after);
        if (after.compactions > before.compactions)
            break;
        rt_ok(task_sleep(task, 2000000, &err), &err);
    }
    rt_check(after.compactions == before.compactions + 1 && after.runs == 1);
    rt_check(after.bytes_compacted - before.bytes_compacted < before.file_bytes);
    for (int64_t k = 0; k < 30000; k++) {
        struct lsm_write *w = make(&r, k, 5);
        struct lsm_version_info info;
        rt_ok(lsm_get(task, lsm, w->key, w->key_len, 100, &info, NULL, &err), &err);
        rt_check(info.found);
    }
    rt_check(count_all(task, lsm, 100) == 30000);
    lsm_close(task, lsm);
    lsm_node_close(task, node);
    row_done(&r);
}

static size_t sst_count(struct task *task, const char *dir)
{
    struct err err;
    struct fs_entry *entries;
    size_t n;
    enum fs_result result;
    rt_ok(fs_list(task, dir, &result, &entries, &n, &err), &err);
    free(entries);
    return n;
}

static void body_drop(struct task *task, void *arg)
{
    struct err err;
    struct lsm_node *node;
    struct tablet_id id = {1, 0};
    open_in(task, "n", &node);
    struct lsm *lsm = lsm_create(node, task_core(task), id, 1, &schema);
    fill(lsm, 0, 3000, 5, 1);
    rt_ok(lsm_flush(task, lsm, &err), &err);
    fill(lsm, 3000, 3100, 6, 2);
    struct lsm_snapshot *s = lsm_snapshot_take(lsm);
    rt_ok(lsm_compact(task, lsm, &err), &err); /* the snapshot keeps the old files */
    rt_check(count_rows(task, s, 10, NULL, NULL, NULL) == 3100);
    lsm_drop(lsm);
    struct manifest_edit *edit = manifest_edit_create();
    manifest_edit_tablet_drop(edit, id);
    rt_ok(manifest_commit(task, lsm_node_manifest(node), edit, &err), &err);
    rt_check(count_rows(task, s, 10, NULL, NULL, NULL) == 3100);
    rt_check(sst_count(task, "n/sst") > 0);
    lsm_snapshot_release(s);
    for (int i = 0; i < 500 && sst_count(task, "n/sst"); i++)
        rt_ok(task_sleep(task, 2000000, &err), &err);
    rt_check(sst_count(task, "n/sst") == 0);
    lsm_node_close(task, node);
}

/* A thousand tablets share the budget: the biggest memtables go first, nothing grows without
 * bound. */
static void body_budget(struct task *task, void *arg)
{
    struct err err;
    struct lsm_node *node;
    open_in(task, "n", &node);
    enum { N = 1000 };
    struct lsm **all = calloc(N, sizeof *all);
    for (uint64_t i = 0; i < N; i++)
        all[i] = lsm_create(node, task_core(task), (struct tablet_id){i + 1, 0}, 1, &schema);
    struct lsm_node_stats stats;
    lsm_node_stats_get(node, &stats);
    rt_check(stats.memtable_bytes <= N * 2048u);
    struct row_of r = {0};
    for (int64_t k = 0; k < 60000; k++) {
        lsm_write(all[k % 7 ? k % 20 : k % N], (uint64_t)k + 1, make(&r, k, (hlc_time)k + 1));
        if (k % 100 == 0)
            task_yield(task);
        while (lsm_node_is_throttling(node))
            rt_ok(task_sleep(task, 1000000, &err), &err);
    }
    lsm_node_stats_get(node, &stats);
    rt_check(stats.flushes > 5);
    rt_check(stats.memtable_bytes + stats.frozen_bytes < 8u << 20);
    uint64_t rows = 0;
    for (int i = 0; i < N; i++)
        rows += count_all(task, all[i], 100000);
    rt_check(rows == 60000);
    for (int i = 0; i < N; i++)
        lsm_close(task, all[i]);
    lsm_node_close(task, node);
    free(all);
    row_done(&r);
}

/* One core writes, the other scans the same live memtable and files through snapshots. */
struct reader {
    struct lsm_snapshot *snapshot;
    hlc_time ts;
    uint64_t rows;
};

static void read_there(struct task *task, void *arg)
{
    struct reader *r = arg;
    r->rows = count_rows(task, r->snapshot, r->ts, NULL, NULL, NULL);
    lsm_snapshot_release(r->snapshot);
}

struct writing {
    struct lsm *lsm;
    int64_t next;
    bool stop, stopped;
    struct task *waiter;
};

static void write_on(struct task *task, void *arg)
{
    struct writing *w = arg;
    while (!w->stop) {
        if (w->next < 30000) {
            fill(w->lsm, w->next, w->next + 50, (hlc_time)w->next + 50, (uint64_t)w->next + 1);
            w->next += 50;
        }
        task_yield(task);
    }
    w->stopped = true;
    task_wake(w->waiter);
}

static void body_cores(struct task *task, void *arg)
{
    struct lsm_node *node;
    open_in(task, "n", &node);
    struct lsm *lsm = lsm_create(node, task_core(task), (struct tablet_id){1, 0}, 1, &schema);
    struct writing w = {.lsm = lsm, .waiter = task};
    task_spawn(task_core(task), TASK_TXN, "writer", write_on, &w);
    struct core *other = task_core(task)->runtime->cores[1];
    for (int i = 0; i < 20; i++) {
        task_yield(task);
        /* At this timestamp exactly w.next rows exist, whatever is written meanwhile. */
        struct reader r = {.snapshot = lsm_snapshot_take(lsm), .ts = (hlc_time)w.next};
        uint64_t want = (uint64_t)w.next;
        core_call(task, other, TASK_ANALYTICS, read_there, &r);
        rt_check(r.rows == want);
    }
    w.stop = true;
    while (!w.stopped)
        task_park_always(task);
    lsm_close(task, lsm);
    lsm_node_close(task, node);
}

static void test_stream(void **state)
{
    rt_test_run(body_stream, NULL);
}
static void test_bulk(void **state)
{
    rt_test_run(body_bulk, NULL);
}
static void test_spared(void **state)
{
    rt_test_run(body_spared, NULL);
}
static void test_drop(void **state)
{
    rt_test_run(body_drop, NULL);
}
static void test_budget(void **state)
{
    rt_test_run(body_budget, NULL);
}
static void test_cores(void **state)
{
    rt_test_run_cores(2, body_cores, NULL);
}

int main(void)
{
    for (int i = 0; i < 2; i++)
        columns[i].absent = datum_null((enum phys_kind)columns[i].kind);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream), cmocka_unit_test(test_bulk),   cmocka_unit_test(test_spared),
        cmocka_unit_test(test_drop),   cmocka_unit_test(test_budget), cmocka_unit_test(test_cores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
