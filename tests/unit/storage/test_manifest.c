/* The manifest: edits survive restarts, one damaged copy costs nothing, two are refused,
 * orphans go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/prng.h"
#include "storage/lsm/manifest.h"
#include "tests/support/rt_test.h"

static void add_file(struct manifest_edit *edit, struct tablet_id id, uint64_t number)
{
    char min[24], max[24];
    int a = snprintf(min, sizeof min, "k%llu", (unsigned long long)number);
    int b = snprintf(max, sizeof max, "k%llu-z", (unsigned long long)number);
    struct manifest_file f = {.number = number,
                              .uid = number * 3,
                              .generation = 2,
                              .size_bytes = 1000 + number,
                              .row_count = 5,
                              .key_count = 4,
                              .delete_count = 1,
                              .raw_bytes = 99,
                              .min_ts = 7,
                              .max_ts = UINT64_MAX,
                              .run = number % 3,
                              .min_key = (uint8_t *)min,
                              .max_key = (uint8_t *)max,
                              .min_key_len = (uint32_t)a,
                              .max_key_len = (uint32_t)b};
    manifest_edit_file_add(edit, id, &f);
}

static void touch(struct task *task, const char *path)
{
    struct err err;
    struct file *f;
    enum fs_result result;
    rt_ok(file_open(task, path, FILE_WRITE | FILE_CREATE, &result, &f, &err), &err);
    rt_ok(file_pwrite(task, f, "x", 1, 0, &err), &err);
    file_close(task, f);
}

static bool exists(struct task *task, const char *path)
{
    struct err err;
    struct file_stat st;
    enum fs_result result;
    rt_ok(fs_stat(task, path, &result, &st, &err), &err);
    return result == FS_OK;
}

static struct manifest *open_it(struct task *task)
{
    struct err err;
    struct manifest *m;
    rt_ok(manifest_open(task, ".", &m, &err), &err);
    return m;
}

static void commit(struct task *task, struct manifest *m, struct manifest_edit *edit)
{
    struct err err;
    rt_ok(manifest_commit(task, m, edit, &err), &err);
}

static void check_tablet(struct manifest *m, struct tablet_id id, const char *schema,
                         const uint64_t *numbers, size_t n)
{
    struct buf bytes = {0};
    struct manifest_file *files;
    size_t got;
    rt_check(manifest_tablet(m, id, &bytes, &files, &got) && got == n);
    rt_check(bytes.len == strlen(schema) && memcmp(bytes.data, schema, bytes.len) == 0);
    for (size_t i = 0; i < n; i++) {
        rt_check(files[i].number == numbers[i] && files[i].uid == numbers[i] * 3);
        rt_check(files[i].max_ts == UINT64_MAX && files[i].run == numbers[i] % 3 &&
                 files[i].min_key[0] == 'k');
    }
    free(files);
    buf_done(&bytes);
}

static const struct tablet_id t1 = {5, 0}, t2 = {5, 1}, t3 = {900, 2};

static void check_all(struct task *task, struct manifest *m, uint64_t rounds)
{
    struct err err;
    check_tablet(m, t1, "schema one", (uint64_t[]){10, 12}, 2);
    check_tablet(m, t2, "schema two", (uint64_t[]){12}, 1);
    struct manifest_tablet_info tablets[4];
    rt_check(manifest_tablets(m, tablets, 4) == 2);
    rt_check(tablet_id_compare(tablets[0].id, t1) == 0 && tablets[0].flushed == 44 &&
             tablets[1].group == 8);
    struct manifest_group_info groups[4];
    rt_check(manifest_groups(m, groups, 4) == 2);
    rt_check(groups[0].group == 7 && groups[0].index == 100 + rounds && groups[1].group == 8);
    struct buf state = {0};
    bool found;
    rt_ok(manifest_group_state(task, m, 7, &found, &state, &err), &err);
    rt_check(found && state.len == 5 && memcmp(state.data, "small", 5) == 0);
    buf_reset(&state);
    rt_ok(manifest_group_state(task, m, 8, &found, &state, &err), &err);
    rt_check(found && state.len == 100000 && state.data[77777] == (uint8_t)77777);
    rt_ok(manifest_group_state(task, m, 9, &found, &state, &err), &err);
    rt_check(!found);
    buf_done(&state);
}

static void fill(struct task *task, struct manifest *m)
{
    struct manifest_edit *e = manifest_edit_create();
    manifest_edit_tablet_put(e, t1, 7, "schema one", 10);
    manifest_edit_tablet_put(e, t2, 8, "schema two", 10);
    manifest_edit_tablet_put(e, t3, 8, "gone", 4);
    for (uint64_t n = 10; n < 14; n++)
        add_file(e, n == 13 ? t3 : t1, n);
    add_file(e, t2, 12); /* shared */
    commit(task, m, e);
    e = manifest_edit_create();
    manifest_edit_file_remove(e, t1, 11);
    manifest_edit_flushed(e, t1, 44);
    manifest_edit_flushed(e, t1, 40); /* never back */
    manifest_edit_tablet_drop(e, t3);
    uint8_t *state = malloc(100000);
    for (uint32_t i = 0; i < 100000; i++)
        state[i] = (uint8_t)i;
    manifest_edit_group_put(e, 8, 70, state, 100000);
    manifest_edit_group_put(e, 7, 100, "small", 5);
    manifest_edit_group_put(e, 11, 1, "x", 1);
    commit(task, m, e);
    e = manifest_edit_create();
    manifest_edit_group_put(e, 8, 71, state, 100000); /* replaces the file of the one before */
    manifest_edit_group_drop(e, 11);
    commit(task, m, e);
    free(state);
}

static void flip_file(struct task *task, const char *path, uint64_t at)
{
    struct err err;
    struct file *f;
    enum fs_result result;
    uint8_t byte;
    size_t got;
    rt_ok(file_open(task, path, FILE_READ | FILE_WRITE, &result, &f, &err), &err);
    rt_check(result == FS_OK);
    rt_ok(file_pread(task, f, &byte, 1, at, &got, &err), &err);
    byte ^= 0x10;
    rt_ok(file_pwrite(task, f, &byte, 1, at, &err), &err);
    file_close(task, f);
}

/* The path of the newest generation's copy, and its size. */
static uint64_t log_of(struct task *task, char copy, char *path, size_t size)
{
    struct err err;
    struct fs_entry *entries;
    size_t n;
    enum fs_result result;
    uint64_t bytes = 0;
    rt_ok(fs_list(task, "manifest", &result, &entries, &n, &err), &err);
    rt_check(n == 3); /* older generations are gone; the third is the ballast */
    for (size_t i = 0; i < n; i++)
        if (strlen(entries[i].name) == 18 && entries[i].name[17] == copy) {
            snprintf(path, size, "manifest/%.32s", entries[i].name);
            bytes = entries[i].size_bytes;
        }
    free(entries);
    return bytes;
}

static void body_edits(struct task *task, void *arg)
{
    struct err err;
    char path[64];
    struct manifest *m = open_it(task);
    fill(task, m);
    check_all(task, m, 0);
    for (uint64_t n = 10; n < 14; n++) {
        char sst[64];
        snprintf(sst, sizeof sst, "sst/%016llx.sst", (unsigned long long)n);
        touch(task, sst);
    }
    touch(task, "sst/00000000000000ff.sst"); /* named by nothing */
    touch(task, "sst/leftover.tmp");
    manifest_close(task, m);
    m = open_it(task);
    check_all(task, m, 0);
    rt_check(exists(task, "sst/000000000000000a.sst") && exists(task, "sst/000000000000000c.sst"));
    rt_check(!exists(task, "sst/000000000000000b.sst") &&
             !exists(task, "sst/000000000000000d.sst"));
    rt_check(!exists(task, "sst/00000000000000ff.sst") && !exists(task, "sst/leftover.tmp"));
    rt_check(manifest_file_number(m) > 0xff);
    struct fs_entry *entries;
    size_t n;
    enum fs_result result;
    rt_ok(fs_list(task, "state", &result, &entries, &n, &err), &err);
    rt_check(n == 1);
    free(entries);
    /* One copy damaged anywhere, the other serves; several edits behind the first record. */
    struct prng p;
    prng_init(&p, 6);
    for (uint64_t round = 1; round <= 30; round++) {
        for (int i = 0; i < 3; i++) {
            struct manifest_edit *e = manifest_edit_create();
            manifest_edit_group_put(e, 7, 100 + round, "small", 5);
            commit(task, m, e);
        }
        manifest_close(task, m);
        uint64_t bytes = log_of(task, round % 2 ? 'a' : 'b', path, sizeof path);
        flip_file(task, path, prng_below(&p, round % 3 ? 700 : bytes)); /* records, or any byte */
        m = open_it(task);
        check_all(task, m, round);
    }
    /* Both damaged in the middle: refused, never silently shortened. */
    for (int i = 0; i < 3; i++) {
        struct manifest_edit *e = manifest_edit_create();
        manifest_edit_group_put(e, 7, 200, "small", 5);
        commit(task, m, e);
    }
    manifest_close(task, m);
    for (char copy = 'a'; copy <= 'b'; copy++) {
        log_of(task, copy, path, sizeof path);
        flip_file(task, path, 60);
    }
    rt_check(manifest_open(task, ".", &m, &err) == ERR_DATA_CORRUPTED);
}

/* Many edits: the log is rewritten and stays small; several fibers commit at once. */
struct committer {
    struct manifest *m;
    uint32_t group;
    int *running;
    struct task *waiter;
};

static void commit_many(struct task *task, void *arg)
{
    struct committer *c = arg;
    uint8_t state[4000] = {0};
    for (uint64_t i = 1; i <= 300; i++) {
        struct manifest_edit *e = manifest_edit_create();
        memset(state, (int)i, sizeof state);
        manifest_edit_group_put(e, c->group, i, state, sizeof state);
        commit(task, c->m, e);
    }
    if (--*c->running == 0)
        task_wake(c->waiter);
}

static void body_rewrite(struct task *task, void *arg)
{
    struct committer c[4];
    int running = 4;
    struct manifest *m = open_it(task);
    for (uint32_t i = 0; i < 4; i++) {
        c[i] = (struct committer){m, i + 1, &running, task};
        task_spawn(task_core(task), TASK_TXN, "commit", commit_many, &c[i]);
    }
    while (running)
        task_park_always(task);
    struct manifest_stats stats;
    manifest_stats_get(m, &stats);
    rt_check(stats.rewrites > 1 && stats.bytes < (3u << 20) && stats.edits == 1200);
    manifest_close(task, m);
    m = open_it(task);
    struct manifest_group_info groups[4];
    rt_check(manifest_groups(m, groups, 4) == 4);
    for (int i = 0; i < 4; i++)
        rt_check(groups[i].group == (uint32_t)i + 1 && groups[i].index == 300);
    manifest_close(task, m);
}

static void test_edits(void **state)
{
    rt_test_run(body_edits, NULL);
}
static void test_rewrite(void **state)
{
    rt_test_run(body_rewrite, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_rewrite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
