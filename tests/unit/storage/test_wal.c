/* The node's log against a model: appends, truncations, restarts, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/prng.h"
#include "storage/wal/wal.h"
#include "storage/wal/wal_format.h"
#include "tests/support/rt_test.h"

enum { GROUPS = 5, ENTRIES_MAX = 4000 };

struct model_group {
    uint64_t truncated;
    uint64_t last;
    uint64_t term[ENTRIES_MAX];
    uint32_t size[ENTRIES_MAX];
    struct raft_hard_state hard;
    bool known;
};

static uint8_t byte_of(uint64_t group, uint64_t index, uint64_t term, uint32_t i)
{
    return (uint8_t)(group * 7 + index * 13 + term * 31 + i);
}

static struct raft_entry *make_entry(uint64_t group, uint64_t index, uint64_t term, uint32_t size)
{
    struct raft_entry *e = raft_entry_create(RAFT_ENTRY_COMMAND, NULL, size);
    e->index = index;
    e->term = term;
    for (uint32_t i = 0; i < size; i++)
        e->bytes[i] = byte_of(group, index, term, i);
    return e;
}

static void check_entry(uint64_t group, uint64_t index, uint64_t term, uint32_t size,
                        const struct raft_entry *e)
{
    rt_check(e->index == index);
    rt_check(e->term == term);
    rt_check(e->size_bytes == size);
    for (uint32_t i = 0; i < size; i++)
        rt_check(e->bytes[i] == byte_of(group, index, term, i));
}

static void check_group(struct task *task, struct wal *wal, uint64_t group,
                        const struct model_group *m)
{
    struct err err;
    struct wal_group_info info;
    if (!m->known) {
        rt_check(!wal_group_info(wal, group, &info));
        return;
    }
    rt_check(wal_group_info(wal, group, &info));
    rt_check((info.quarantine) == 0);
    rt_check(info.truncated_index == m->truncated);
    rt_check(info.last == m->last);
    rt_check(info.hard_state.term == m->hard.term);
    rt_check(info.hard_state.vote == m->hard.vote);
    struct raft_entry *out[64];
    for (uint64_t at = m->truncated + 1; at <= m->last;) {
        size_t n = 0;
        uint64_t hi = at + 64 < m->last + 1 ? at + 64 : m->last + 1;
        rt_ok(wal_read(task, wal, group, at, hi, 20000, out, &n, &err), &err);
        rt_check(n > 0);
        for (size_t i = 0; i < n; i++, at++) {
            check_entry(group, at, m->term[at], m->size[at], out[i]);
            raft_entry_unref(out[i]);
        }
    }
}

static void append(struct task *task, struct wal *wal, struct prng *p, uint64_t group,
                   struct model_group *m)
{
    struct err err;
    struct raft_entry *entries[8];
    uint32_t n = (uint32_t)prng_below(p, 8);
    uint64_t at = m->last + 1;
    if (prng_below(p, 6) == 0 && m->last > m->truncated)
        at = m->truncated + 1 + prng_below(p, m->last - m->truncated);
    if (at + n >= ENTRIES_MAX)
        n = 0;
    struct wal_write w = {.group = group, .entries = entries, .n_entries = n};
    if (n && at <= m->last)
        m->hard.term++;
    for (uint32_t i = 0; i < n; i++) {
        m->term[at + i] = m->hard.term;
        m->size[at + i] = (uint32_t)prng_below(p, prng_below(p, 20) ? 200 : 9000);
        entries[i] = make_entry(group, at + i, m->hard.term, m->size[at + i]);
    }
    if (n)
        m->last = at + n - 1;
    if (!m->known || prng_below(p, 3) == 0) {
        m->hard.vote = 1 + prng_below(p, 3);
        w.hard_state = &m->hard;
    }
    struct raft_hard_state as_written = m->hard;
    if (w.hard_state)
        w.hard_state = &as_written;
    else if (n && m->term[m->last] == m->hard.term)
        w.hard_state = &as_written; /* a term is never newer in entries than in the hard state */
    m->known = true;
    rt_ok(wal_append_wait(task, wal, &w, &err), &err);
    for (uint32_t i = 0; i < n; i++)
        raft_entry_unref(entries[i]);
}

static void mark(struct task *task, struct wal *wal, struct prng *p, uint64_t group,
                 struct model_group *m)
{
    struct err err;
    if (!m->known)
        return;
    uint64_t index = m->truncated + prng_below(p, m->last - m->truncated + 1);
    uint8_t op = WAL_TRUNCATE;
    if (prng_below(p, 8) == 0 && m->last + 10 < ENTRIES_MAX) {
        op = WAL_RESET;
        index = m->last + 5;
    }
    struct wal_write w = {.group = group, .op = op, .index = index, .term = 1};
    rt_ok(wal_append_wait(task, wal, &w, &err), &err);
    m->truncated = index;
    if (op == WAL_RESET)
        m->last = index;
}

static void run_random(struct task *task, uint64_t seed)
{
    struct err err;
    struct prng p;
    prng_init(&p, seed);
    char dir[32];
    enum fs_result result;
    snprintf(dir, sizeof dir, "wal-%llu", (unsigned long long)seed);
    rt_ok(fs_mkdir(task, dir, &result, &err), &err);
    struct wal_config config = {.segment_bytes = 64 << 10,
                                .log_bytes_max = 256 << 10,
                                .cache_bytes_max = 8 << 10,
                                .ballast_bytes = 4096};
    struct model_group *m = calloc(GROUPS + 1, sizeof *m);
    struct wal *wal = NULL;
    rt_ok(wal_open(task, dir, &config, &wal, &err), &err);
    for (int step = 0; step < 600; step++) {
        uint64_t g = 1 + prng_below(&p, GROUPS);
        switch (prng_below(&p, 12)) {
        case 0:
            mark(task, wal, &p, g, &m[g]);
            break;
        case 1: {
            struct wal_pin pins[4];
            size_t n = 0;
            rt_ok(wal_maintain(task, wal, pins, 4, &n, &err), &err);
            for (size_t i = 0; i < n; i++) {
                struct model_group *mg = &m[pins[i].group];
                if (pins[i].upto <= mg->truncated)
                    continue;
                struct wal_write w = {
                    .group = pins[i].group, .op = WAL_TRUNCATE, .index = pins[i].upto, .term = 1};
                mg->truncated = pins[i].upto;
                rt_ok(wal_append_wait(task, wal, &w, &err), &err);
            }
            break;
        }
        case 2:
            wal_idle_tick(wal);
            break;
        case 3:
            if (prng_below(&p, 6) == 0) {
                wal_close(task, wal);
                rt_ok(wal_open(task, dir, &config, &wal, &err), &err);
                for (uint64_t k = 1; k <= GROUPS; k++)
                    check_group(task, wal, k, &m[k]);
            }
            break;
        case 4:
            if (prng_below(&p, 10) == 0 && m[g].known) {
                struct wal_write w = {.group = g, .op = WAL_FORGET};
                rt_ok(wal_append_wait(task, wal, &w, &err), &err);
                memset(&m[g], 0, sizeof m[g]);
            }
            break;
        default:
            append(task, wal, &p, g, &m[g]);
        }
        if (step % 50 == 0)
            for (uint64_t k = 1; k <= GROUPS; k++)
                check_group(task, wal, k, &m[k]);
    }
    struct wal_stats stats;
    wal_stats_get(wal, &stats);
    rt_check(stats.segments < 40);
    wal_close(task, wal);
    free(m);
}

static void body_random(struct task *task, void *arg)
{
    for (uint64_t seed = 1; seed <= 4; seed++)
        run_random(task, seed);
}

/* ---- damage ---- */

struct damage_case {
    struct wal_config config;
    struct wal *wal;
};

static void put(struct task *task, struct wal *wal, uint64_t group, uint64_t index, bool state)
{
    struct err err;
    struct raft_entry *e = make_entry(group, index, 1, 100);
    struct raft_hard_state hard = {.term = 1, .vote = group};
    struct wal_write w = {
        .group = group, .entries = &e, .n_entries = 1, .hard_state = state ? &hard : NULL};
    rt_ok(wal_append_wait(task, wal, &w, &err), &err);
    raft_entry_unref(e);
}

static void flip(struct task *task, const char *path, uint64_t at, size_t len)
{
    struct err err;
    struct file *file;
    enum fs_result result;
    size_t got;
    uint8_t bytes[4096];
    rt_ok(file_open(task, path, FILE_READ | FILE_WRITE, &result, &file, &err), &err);
    rt_check(result == FS_OK);
    rt_ok(file_pread(task, file, bytes, len, at, &got, &err), &err);
    for (size_t i = 0; i < len; i++)
        bytes[i] ^= 0x55;
    rt_ok(file_pwrite(task, file, bytes, len, at, &err), &err);
    file_close(task, file);
}

/* Offset of the k-th record (0-based) of group g in segment 1. */
static uint64_t find_record(struct task *task, const char *path, uint64_t group, uint64_t index)
{
    struct err err;
    struct file *file;
    enum fs_result result;
    size_t got;
    uint8_t *data = malloc(64 << 10);
    rt_ok(file_open(task, path, FILE_READ, &result, &file, &err), &err);
    rt_ok(file_pread(task, file, data, 64 << 10, 0, &got, &err), &err);
    file_close(task, file);
    uint64_t at = WAL_HEADER_BYTES, found = 0;
    struct wal_rec rec;
    while (wal_rec_read(data + at, got - at, wal_pos_of(1, at), &rec) == WAL_REC_OK) {
        if (rec.group == group && rec.index == index && rec.type == WAL_REC_ENTRY)
            found = at;
        at += wal_rec_size(rec.body_bytes);
    }
    free(data);
    rt_check(found);
    return found;
}

static const char *segment_one = "0000000000000001.log";

static void open_damage(struct task *task, const char *dir, struct wal **wal)
{
    struct err err;
    struct wal_config config = {.segment_bytes = 64 << 10, .ballast_bytes = 4096};
    rt_ok(wal_open(task, dir, &config, wal, &err), &err);
}

/* Groups 1 and 2 take turns; then the record of (group 1, entry 5) is damaged. */
static void fill_and_damage(struct task *task, const char *dir, bool header, bool last)
{
    struct err err;
    enum fs_result result;
    char path[64];
    struct wal *wal;
    rt_ok(fs_mkdir(task, dir, &result, &err), &err);
    open_damage(task, dir, &wal);
    for (uint64_t i = 1; i <= 10; i++) {
        put(task, wal, 1, i, i == 1);
        if (i == 10 && last)
            break;
        put(task, wal, 2, i, i == 1);
        if (i == 3)
            put(task, wal, 3, 1, true); /* silent from now on */
    }
    wal_close(task, wal);
    snprintf(path, sizeof path, "%s/%s", dir, segment_one);
    flip(task, path, find_record(task, path, 1, last ? 10 : 5) + (header ? 20 : 60), 8);
}

static void check_info(struct wal *wal, uint64_t group, uint8_t quarantine, uint64_t last)
{
    struct wal_group_info info;
    rt_check(wal_group_info(wal, group, &info));
    rt_check(info.quarantine == quarantine);
    rt_check(info.last == last);
}

static void body_damage(struct task *task, void *arg)
{
    struct wal *wal;
    struct wal_recovery rec;
    /* A damaged body: the header still says whose it was. */
    fill_and_damage(task, "d1", false, false);
    for (int round = 0; round < 2; round++) {
        open_damage(task, "d1", &wal);
        check_info(wal, 1, RAFT_LOG_LOST, 4);
        check_info(wal, 2, RAFT_HEALTHY, 10);
        check_info(wal, 3, RAFT_HEALTHY, 1);
        wal_recovery_get(wal, &rec);
        rt_check(!rec.lost_unknown);
        wal_close(task, wal);
    }
    /* A damaged header: group 2's next record proves that nothing of it is missing, group 3
     * cannot. */
    fill_and_damage(task, "d2", true, false);
    for (int round = 0; round < 2; round++) {
        open_damage(task, "d2", &wal);
        check_info(wal, 1, RAFT_HARD_STATE_LOST, 4);
        check_info(wal, 2, RAFT_HEALTHY, 10);
        check_info(wal, 3, RAFT_HARD_STATE_LOST, 1);
        wal_recovery_get(wal, &rec);
        rt_check(rec.lost_unknown);
        wal_close(task, wal);
    }
}

/* What no later record proves durable is cut without complaint, whatever stands behind it. */
static void body_tail(struct task *task, void *arg)
{
    struct err err;
    enum fs_result result;
    struct wal *wal;
    rt_ok(fs_mkdir(task, "t1", &result, &err), &err);
    open_damage(task, "t1", &wal);
    for (uint64_t i = 1; i <= 5; i++)
        put(task, wal, 1, i, i == 1);
    wal_close(task, wal);
    /* A batch of three whose first sector never reached the disk, as if the machine stopped
     * now. */
    struct buf out = {0};
    char path[64];
    snprintf(path, sizeof path, "t1/%s", segment_one);
    uint64_t at = find_record(task, path, 1, 5) + wal_rec_size(100);
    wal_pos durable = wal_pos_of(1, at);
    for (uint64_t i = 6; i <= 8; i++) {
        struct raft_entry *e = make_entry(1, i, 1, 100);
        struct wal_rec rec = {.type = WAL_REC_ENTRY,
                              .entry_kind = 1,
                              .group = 1,
                              .index = i,
                              .term = 1,
                              .durable = durable,
                              .body = e->bytes,
                              .body_bytes = 100};
        wal_rec_write(&rec, wal_pos_of(1, at + out.len), &out);
        raft_entry_unref(e);
    }
    memset(out.data, 0, wal_rec_size(100));
    struct file *file;
    rt_ok(file_open(task, path, FILE_READ | FILE_WRITE, &result, &file, &err), &err);
    rt_ok(file_pwrite(task, file, out.data, out.len, at, &err), &err);
    file_close(task, file);
    buf_done(&out);
    for (int round = 0; round < 3; round++) {
        open_damage(task, "t1", &wal);
        check_info(wal, 1, RAFT_HEALTHY, 5 + (uint64_t)round);
        put(task, wal, 1, 6 + (uint64_t)round, false);
        wal_close(task, wal);
    }
}

/* Many writes in flight from one fiber share syncs and are answered in order. */
struct flight {
    struct wal_write write;
    struct task *task;
    uint32_t *next;
    uint32_t number;
};

static void landed(struct wal_write *w)
{
    struct flight *f = w->arg;
    rt_check((w->code) == 0);
    rt_check(f->number == *f->next);
    ++*f->next;
    task_wake(f->task);
}

static void body_group_commit(struct task *task, void *arg)
{
    struct err err;
    enum fs_result result;
    struct wal *wal;
    rt_ok(fs_mkdir(task, "gc", &result, &err), &err);
    struct wal_config config = {.segment_bytes = 1 << 20, .ballast_bytes = 4096};
    rt_ok(wal_open(task, "gc", &config, &wal, &err), &err);
    enum { N = 1000 };
    struct flight *flights = calloc(N, sizeof *flights);
    uint32_t next = 0;
    for (uint32_t i = 0; i < N; i++) {
        struct raft_entry *e = make_entry(1 + i % 10, 1 + i / 10, 1, 50);
        flights[i] = (struct flight){.task = task, .next = &next, .number = i};
        flights[i].write = (struct wal_write){.group = 1 + i % 10,
                                              .entries = &e,
                                              .n_entries = 1,
                                              .done = landed,
                                              .core = task_core(task),
                                              .arg = &flights[i]};
        enum wal_append_result r;
        while ((r = wal_append(wal, &flights[i].write)) == WAL_BUSY)
            rt_ok(task_sleep(task, 100000, &err), &err);
        rt_check(r == WAL_ACCEPTED);
        raft_entry_unref(e);
    }
    while (next < N)
        task_park_always(task);
    struct wal_stats stats;
    wal_stats_get(wal, &stats);
    rt_check(stats.syncs < N / 2);
    wal_close(task, wal);
    free(flights);
}

static void test_random(void **state)
{
    rt_test_run(body_random, NULL);
}
static void test_damage(void **state)
{
    rt_test_run(body_damage, NULL);
}
static void test_tail(void **state)
{
    rt_test_run(body_tail, NULL);
}
static void test_group_commit(void **state)
{
    rt_test_run(body_group_commit, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tail),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_group_commit),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
