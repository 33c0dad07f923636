/* engine_sim: the local engine (log, manifest, tablets) of one node on a simulated disk, crashed
 * at any moment.
 *
 *     engine_sim [--seeds A..B] [--verbose]
 *
 * A small stand-in for the tablet floor appends entries of a few groups, applies what is
 * durable to tablets, checkpoints and truncates. The driver crashes the node at drawn moments
 * (torn, lost and reordered sectors; failed syncs, reads and writes; a full disk), starts it on
 * the same disk and holds what recovered against what had been acknowledged. Some runs flip
 * bits of the log, of one copy of the manifest, or of ssts while the node is down: then what
 * was acknowledged must be there, or its group quarantined, or its read refused; never silently
 * wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/key.h"
#include "base/row.h"
#include "storage/lsm/lsm.h"
#include "storage/wal/wal.h"
#include "tests/sim/env_sim.h"
#include "tests/support/rt_test.h"

enum { GROUPS = 3, TABLETS = 2, KEYS = 400, ENTRIES_MAX = 20000, WRITES_MAX = 6, FLIGHTS = 32 };

struct write {
    uint16_t key;
    uint8_t deleted;
    uint32_t seed;
};

/* What an entry holds; also its bytes. */
struct payload {
    uint64_t nonce, ts;
    uint32_t n, pad;
    struct write writes[WRITES_MAX];
};

struct group {
    uint64_t term;
    uint64_t last;      /* appended */
    uint64_t acked;     /* durable */
    uint64_t proven;    /* durable, and so was a record written after that was known */
    uint64_t committed; /* never truncated any more; applied */
    uint64_t acked_term;
    bool quarantined;
    struct payload *entries; /* [ENTRIES_MAX], the latest of each index */
    uint64_t *terms;
};

struct world {
    uint64_t seed;
    struct sim *sim;
    struct prng prng;
    struct group groups[GROUPS + 1];
    uint64_t now;                  /* timestamps */
    bool damaged_log, damaged_sst; /* bits were flipped since the last start */
    uint32_t boot;
    /* of the present boot */
    bool dead; /* an I/O error: the node waits for its end */
    bool quiet;
    struct wal *wal;
    struct lsm_node *node;
    struct lsm *tablets[GROUPS + 1][TABLETS];
    uint64_t applied[GROUPS + 1];
    uint32_t in_flight;
    bool checkpointing;
    uint64_t verified_rows, restarts, checkpoints, refused_reads, quarantines, flips[3], disk_full;
};

static const char *const root_dirs[] = {"wal", "store"};

/* ---- schema and rows ---- */

static struct kv_column columns[3] = {{.id = 1, .kind = PHYS_INT32, .dec_scale = -1},
                                      {.id = 2, .kind = PHYS_INT64, .dec_scale = -1},
                                      {.id = 3, .kind = PHYS_BYTES, .dec_scale = -1}};
static struct kv_key_part key_parts[1] = {{.column = 0}};

static struct kv_schema schema_of(uint64_t storage, uint32_t *group)
{
    for (int i = 0; i < 3; i++)
        columns[i].absent = datum_null((enum phys_kind)columns[i].kind);
    return (struct kv_schema){.id = storage,
                              .home = storage,
                              .version = 1,
                              .n_columns = 3,
                              .n_key = 1,
                              .n_shards = 1,
                              .groups = group,
                              .columns = columns,
                              .key = key_parts};
}

static void make_key(uint16_t key, struct buf *out)
{
    struct key_part part = {.kind = PHYS_INT32, .dec_scale = -1};
    struct datum d = {.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = key};
    buf_reset(out);
    key_append(out, &part, &d);
}

static uint32_t text_len(uint32_t seed)
{
    return seed % 97 == 0 ? 5000 : seed % 50;
}

static void make_row(uint32_t seed, struct buf *out)
{
    uint8_t text[5000];
    uint32_t len = text_len(seed);
    for (uint32_t i = 0; i < len; i++)
        text[i] = (uint8_t)(seed + i * 3);
    buf_reset(out);
    row_begin(out);
    struct datum d = datum_i64((int64_t)seed * 1000003);
    row_append(out, 2, &d);
    d = datum_bytes(text, len);
    row_append(out, 3, &d);
}

static bool row_is(const struct batch *b, uint32_t row, uint32_t seed)
{
    struct datum num = vec_datum(&b->cols[1], row), text = vec_datum(&b->cols[2], row);
    const uint8_t *bytes = view_data(&text.u.bytes);
    uint32_t len = text_len(seed);
    bool ok = !num.null && num.u.i64 == (int64_t)seed * 1000003 && text.u.bytes.len == len;
    for (uint32_t i = 0; i < len && ok; i++)
        ok = bytes[i] == (uint8_t)(seed + i * 3);
    return ok;
}

/* ---- applying ---- */

static void apply_entry(struct world *w, uint32_t g, uint64_t index, const struct payload *p)
{
    struct buf key = {0}, row = {0};
    for (uint32_t i = 0; i < p->n; i++) {
        make_key(p->writes[i].key, &key);
        struct lsm_write lw = {.op = p->writes[i].deleted ? LSM_DELETE : LSM_PUT,
                               .key = key.data,
                               .key_len = (uint32_t)key.len,
                               .ts = p->ts};
        if (!p->writes[i].deleted) {
            make_row(p->writes[i].seed, &row);
            lw.row = row.data;
            lw.row_len = (uint32_t)row.len;
        }
        lsm_write(w->tablets[g][p->writes[i].key % TABLETS], index, &lw);
    }
    w->applied[g] = index;
    buf_done(&key);
    buf_done(&row);
}

static uint64_t hash_prefix(const struct group *g, uint64_t upto)
{
    uint64_t h = 1;
    for (uint64_t i = 1; i <= upto; i++)
        h = hash_combine(h, g->entries[i].nonce);
    return h;
}

/* What commits is applied at once, to the model's word and the tablets. */
static void apply_committed(struct world *w, uint32_t g)
{
    struct group *group = &w->groups[g];
    while (w->applied[g] < group->committed)
        apply_entry(w, g, w->applied[g] + 1, &group->entries[w->applied[g] + 1]);
    for (int t = 0; t < TABLETS; t++)
        lsm_horizon_set(w->tablets[g][t], w->now > 50 ? w->now - 50 : 0);
}

/* ---- recovery, held against what was acknowledged ---- */

static void give_up(struct world *w, struct task *task)
{
    w->dead = true;
    for (;;)
        task_park_always(task);
}

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            give_up(w, task);                                                                      \
    } while (0)

static void take_entry(struct world *w, uint32_t g, const struct raft_entry *e)
{
    struct group *group = &w->groups[g];
    struct payload p;
    rt_check(e->size_bytes == sizeof p);
    memcpy(&p, e->bytes, sizeof p);
    if (e->index <= group->acked) {
        rt_check(p.nonce == group->entries[e->index].nonce);
        rt_check(e->term == group->terms[e->index]);
    }
    group->entries[e->index] = p;
    group->terms[e->index] = e->term;
}

static void recover_log(struct world *w, struct task *task, uint32_t g, uint64_t checkpoint)
{
    struct err err;
    struct group *group = &w->groups[g];
    struct wal_group_info info = {0};
    bool known = wal_group_info(w->wal, g, &info);
    struct wal_recovery rec;
    wal_recovery_get(w->wal, &rec);
    if (!known) {
        rt_check((group->acked == 0 && group->acked_term == 0) || rec.lost_unknown);
        info.quarantine = group->acked || group->acked_term ? RAFT_HARD_STATE_LOST : 0;
        info.last = checkpoint;
    }
    rt_check(w->damaged_log || info.quarantine == group->quarantined * RAFT_LOG_LOST ||
             group->quarantined);
    if (info.quarantine) {
        /* Known to have lost something: the floor above would refill it from its peers. */
        w->quarantines++;
        group->quarantined = true;
        return;
    }
    /* Damage to what no later record proves durable looks like a write that never got there. */
    uint64_t held = w->damaged_log ? group->proven : group->acked;
    rt_check(w->damaged_log || info.hard_state.term >= group->acked_term);
    rt_check(info.truncated_index <= checkpoint);
    rt_check(info.last >= held || held <= checkpoint);
    if (group->committed > info.last && group->committed > checkpoint)
        group->committed = info.last > checkpoint ? info.last : checkpoint;
    struct raft_entry *out[32];
    for (uint64_t at = checkpoint + 1; at <= info.last;) {
        size_t n = 0;
        MUST(wal_read(task, w->wal, g, at, info.last + 1 < at + 32 ? info.last + 1 : at + 32,
                      1 << 16, out, &n, &err));
        rt_check(n > 0);
        for (size_t i = 0; i < n; i++, at++) {
            rt_check(out[i]->index == at);
            take_entry(w, g, out[i]);
            raft_entry_unref(out[i]);
        }
    }
    group->last = info.last > checkpoint ? info.last : checkpoint;
    group->acked = group->proven = group->last;
    group->term = info.hard_state.term + 1;
    group->acked_term = info.hard_state.term;
}

static uint64_t recover_checkpoint(struct world *w, struct task *task, uint32_t g)
{
    struct err err;
    struct buf state = {0};
    bool found = false;
    MUST(manifest_group_state(task, lsm_node_manifest(w->node), g, &found, &state, &err));
    uint64_t index = 0;
    if (found) {
        rt_check(state.len >= 16);
        index = load_le64(state.data);
        rt_check(index <= w->groups[g].committed);
        rt_check(load_le64(state.data + 8) == hash_prefix(&w->groups[g], index));
    }
    buf_done(&state);
    return index;
}

static void open_tablets(struct world *w, struct task *task, uint32_t g)
{
    struct err err;
    for (uint16_t t = 0; t < TABLETS; t++) {
        struct tablet_id id = {g * 10 + t, 0};
        struct buf bytes = {0};
        struct manifest_file *files = NULL;
        size_t n = 0;
        uint32_t group = g;
        struct kv_schema schema = schema_of(id.storage, &group);
        if (manifest_tablet(lsm_node_manifest(w->node), id, &bytes, &files, &n))
            MUST(lsm_open(w->node, task_core(task), id, &w->tablets[g][t], &err));
        else
            w->tablets[g][t] = lsm_create(w->node, task_core(task), id, g, &schema);
        free(files);
        buf_done(&bytes);
    }
}

/* The newest committed version of each key of a tablet; -1 deleted or never written, else the
 * seed. */
static void model_content(const struct world *w, uint32_t g, int t, int64_t *seeds)
{
    for (int k = 0; k < KEYS; k++)
        seeds[k] = -1;
    for (uint64_t i = 1; i <= w->applied[g]; i++)
        for (uint32_t k = 0; k < w->groups[g].entries[i].n; k++) {
            const struct write *x = &w->groups[g].entries[i].writes[k];
            if (x->key % TABLETS == t)
                seeds[x->key] = x->deleted ? -1 : (int64_t)x->seed;
        }
}

static void verify_batch(struct world *w, struct batch *b, int64_t *seeds, int32_t *last)
{
    for (uint32_t c = 0; c < b->n_cols; c++)
        vec_flatten(&b->cols[c], b->sel, b->n_sel, b->arena);
    for (uint32_t i = 0; i < batch_count(b); i++) {
        uint32_t row = batch_row(b, i);
        int32_t key = vec_datum(&b->cols[0], row).u.i32;
        rt_check(key > *last && key < KEYS && seeds[key] >= 0);
        *last = key;
        rt_check(row_is(b, row, (uint32_t)seeds[key]));
        seeds[key] = -2; /* seen */
        w->verified_rows++;
    }
}

static void verify_points(struct world *w, struct task *task, struct lsm *lsm, const int64_t *seeds)
{
    struct err err;
    struct buf key = {0}, row = {0};
    for (int i = 0; i < 30; i++) {
        uint16_t k = (uint16_t)prng_below(&w->prng, KEYS);
        struct lsm_version_info info;
        make_key(k, &key);
        buf_reset(&row);
        int code = lsm_get(task, lsm, key.data, (uint32_t)key.len, w->now, &info, &row, &err);
        if (code) {
            rt_check(code != ERR_DATA_CORRUPTED || w->damaged_sst);
            w->refused_reads++;
            give_up(w, task);
        }
        rt_check((seeds[k] >= 0) == (info.found && !info.deleted));
        struct datum d;
        if (seeds[k] >= 0)
            rt_check(row_find(row.data, row.len, 2, &d) == 1 && d.u.i64 == seeds[k] * 1000003);
    }
    buf_done(&key);
    buf_done(&row);
}

static void verify_tablet(struct world *w, struct task *task, uint32_t g, int t)
{
    struct err err;
    static const uint32_t ids[3] = {1, 2, 3};
    int64_t seeds[KEYS];
    int32_t last = -1;
    model_content(w, g, t, seeds);
    verify_points(w, task, w->tablets[g][t], seeds);
    uint32_t group = g;
    struct kv_schema schema = schema_of(g * 10 + (uint64_t)t, &group);
    struct lsm_scan_spec spec = {
        .schema = &schema, .column_ids = ids, .n_columns = 3, .ts = w->now};
    struct lsm_snapshot *s = lsm_snapshot_take(w->tablets[g][t]);
    struct lsm_scan *scan = NULL;
    int code = lsm_scan_open(task, s, &spec, &scan, &err);
    rt_check(code == 0);
    for (;;) {
        struct batch *b = NULL;
        code = lsm_scan_next(task, scan, BATCH_ROWS, NULL, &b, &err);
        if (code || !b)
            break;
        verify_batch(w, b, seeds, &last);
        batch_destroy(b);
    }
    lsm_scan_close(scan);
    lsm_snapshot_release(s);
    if (code) {
        /* Refused, as it must be when bits were flipped; injected read errors end the boot. */
        rt_check(code != ERR_DATA_CORRUPTED || w->damaged_sst);
        w->refused_reads++;
        give_up(w, task);
    }
    for (int k = 0; k < KEYS; k++)
        rt_check(seeds[k] < 0);
}

static void fatal(void *arg, const struct err *err)
{
    ((struct world *)arg)->dead = true;
}

static void recover(struct world *w, struct task *task)
{
    struct err err;
    struct wal_config wal_config = {.segment_bytes = 32 << 10,
                                    .log_bytes_max = 128 << 10,
                                    .cache_bytes_max = 4 << 10,
                                    .ballast_bytes = 64 << 10};
    struct lsm_node_config lsm_config = {.memtable_bytes_one = 64 << 10,
                                         .memtable_bytes_max = 128 << 10,
                                         .file_bytes_max = 32 << 10,
                                         .block_bytes_upper = 2 << 10,
                                         .block_bytes_last = 8 << 10,
                                         .block_cache_bytes = 64 << 10};
    for (int i = 0; i < 2; i++) {
        enum fs_result result;
        MUST(fs_mkdir(task, root_dirs[i], &result, &err));
    }
    wal_config.on_fatal = lsm_config.on_fatal = fatal;
    wal_config.fatal_arg = lsm_config.fatal_arg = w;
    MUST(fs_sync_dir(task, ".", &err));
    int code = lsm_node_open(task, "store", &lsm_config, &w->node, &err);
    rt_check(code != ERR_DATA_CORRUPTED);
    if (code)
        give_up(w, task);
    MUST(wal_open(task, "wal", &wal_config, &w->wal, &err));
    for (uint32_t g = 1; g <= GROUPS; g++) {
        uint64_t checkpoint = recover_checkpoint(w, task, g);
        open_tablets(w, task, g);
        recover_log(w, task, g, checkpoint);
        if (w->groups[g].quarantined)
            continue;
        w->applied[g] = checkpoint;
        apply_committed(w, g);
        for (int t = 0; t < TABLETS; t++)
            verify_tablet(w, task, g, t);
    }
    w->damaged_log = w->damaged_sst = false;
}

/* ---- the workload ---- */

struct flight {
    struct wal_write write;
    struct world *world;
    uint32_t boot, group;
    uint64_t first, last, term, hard_term;
    struct raft_hard_state hard;
    uint64_t acked[GROUPS + 1]; /* when this was written */
};

static void landed(struct wal_write *write)
{
    struct flight *f = write->arg;
    struct world *w = f->world;
    if (f->boot != w->boot)
        return; /* the memory of a crashed node */
    struct group *g = &w->groups[f->group];
    w->in_flight--;
    if (write->code) {
        w->dead = true;
        return;
    }
    for (int i = 1; i <= GROUPS; i++)
        if (f->acked[i] > w->groups[i].proven && f->acked[i] <= w->groups[i].acked)
            w->groups[i].proven = f->acked[i];
    /* Only what no later append replaced counts. */
    if (f->last && g->last >= f->last && g->terms[f->last] == f->term && f->last > g->acked)
        g->acked = f->last;
    if (f->hard_term > g->acked_term)
        g->acked_term = f->hard_term;
    if (g->acked > g->committed) {
        g->committed += 1 + prng_below(&w->prng, g->acked - g->committed);
        apply_committed(w, f->group);
    }
    free(f);
}

static struct raft_entry *draw_entry(struct world *w, uint64_t index, uint64_t term)
{
    struct raft_entry *e = raft_entry_create(RAFT_ENTRY_COMMAND, NULL, sizeof(struct payload));
    struct payload p;
    memset(&p, 0, sizeof p);
    p.nonce = prng_next(&w->prng);
    p.ts = ++w->now;
    p.n = 1 + (uint32_t)prng_below(&w->prng, WRITES_MAX);
    uint16_t base = (uint16_t)prng_below(&w->prng, KEYS);
    for (uint32_t i = 0; i < p.n; i++) {
        p.writes[i].key = (uint16_t)((base + i * 7) % KEYS);
        p.writes[i].deleted = prng_below(&w->prng, 6) == 0;
        p.writes[i].seed = (uint32_t)prng_below(&w->prng, 1 << 30);
    }
    memcpy(e->bytes, &p, sizeof p);
    e->index = index;
    e->term = term;
    return e;
}

static void append_some(struct world *w, struct task *task, uint32_t g)
{
    struct group *group = &w->groups[g];
    struct raft_entry *entries[8];
    uint32_t n = 1 + (uint32_t)prng_below(&w->prng, 8);
    uint64_t at = group->last + 1;
    if (group->quarantined || at + n >= ENTRIES_MAX)
        return;
    if (group->last > group->committed && prng_below(&w->prng, 12) == 0) {
        at = group->committed + 1 + prng_below(&w->prng, group->last - group->committed);
        group->term++;
    }
    struct flight *f = calloc(1, sizeof *f);
    *f = (struct flight){.world = w,
                         .boot = w->boot,
                         .group = g,
                         .first = at,
                         .last = at + n - 1,
                         .term = group->term,
                         .hard_term = group->term};
    f->hard = (struct raft_hard_state){.term = group->term, .commit = group->committed};
    f->write = (struct wal_write){.group = g,
                                  .entries = entries,
                                  .n_entries = n,
                                  .done = landed,
                                  .core = task_core(task),
                                  .arg = f,
                                  .hard_state = &f->hard};
    for (uint32_t i = 0; i < n; i++)
        entries[i] = draw_entry(w, at + i, group->term);
    for (int i = 1; i <= GROUPS; i++)
        f->acked[i] = w->groups[i].acked;
    enum wal_append_result result = wal_append(w->wal, &f->write);
    if (result == WAL_ACCEPTED) {
        w->in_flight++;
        for (uint32_t i = 0; i < n; i++) {
            memcpy(&group->entries[at + i], entries[i]->bytes, sizeof(struct payload));
            group->terms[at + i] = group->term;
        }
        group->last = at + n - 1;
        if (group->acked >= at)
            group->acked = at - 1;
        if (group->proven >= at)
            group->proven = at - 1;
    } else {
        free(f);
    }
    for (uint32_t i = 0; i < n; i++)
        raft_entry_unref(entries[i]);
    w->disk_full += result == WAL_DISK_FULL;
    if (result == WAL_STOPPED)
        give_up(w, task);
}

/* A full disk is no failure: what could not be done is tried again later. */
static bool done_or_full(struct world *w, struct task *task, int code)
{
    if (code != 0 && code != ERR_DISK_FULL)
        give_up(w, task);
    w->disk_full += code != 0;
    return code == 0;
}

static void checkpoint(struct world *w, struct task *task, uint32_t g)
{
    struct err err;
    struct group *group = &w->groups[g];
    uint64_t at = w->applied[g];
    struct buf state = {0};
    buf_put_le64(&state, at);
    buf_put_le64(&state, hash_prefix(group, at));
    for (uint32_t i = 0; g == 2 && i < 5000; i++)
        buf_put_u8(&state, (uint8_t)i); /* too big for the manifest itself */
    for (int t = 0; t < TABLETS; t++) {
        if (!done_or_full(w, task, lsm_flush(task, w->tablets[g][t], &err))) {
            buf_done(&state);
            return;
        }
    }
    for (int t = 0; t < TABLETS; t++) {
        uint64_t from = lsm_unflushed_from(w->tablets[g][t]);
        rt_check(from == 0 || from > at);
    }
    struct manifest_edit *edit = manifest_edit_create();
    manifest_edit_group_put(edit, g, at, state.data, state.len);
    MUST(manifest_commit(task, lsm_node_manifest(w->node), edit, &err));
    buf_done(&state);
    struct wal_write mark = {.group = g, .op = WAL_TRUNCATE, .index = at, .term = group->terms[at]};
    if (done_or_full(w, task, wal_append_wait(task, w->wal, &mark, &err)))
        w->checkpoints++;
}

static void run_checkpoints(struct task *task, void *arg)
{
    struct world *w = arg;
    struct err err;
    for (;;) {
        MUST(task_sleep(task, (1 + prng_below(&w->prng, 60)) * SIM_MS, &err));
        uint32_t g = 1 + (uint32_t)prng_below(&w->prng, GROUPS);
        if (w->quiet || w->groups[g].quarantined || w->applied[g] == 0)
            continue;
        switch (prng_below(&w->prng, 4)) {
        case 0:
            (void)done_or_full(
                w, task, lsm_compact(task, w->tablets[g][prng_below(&w->prng, TABLETS)], &err));
            break;
        case 1: {
            struct wal_pin pins[4];
            size_t n = 0;
            MUST(wal_maintain(task, w->wal, pins, 4, &n, &err));
            break;
        }
        default:
            checkpoint(w, task, g);
        }
    }
}

static void node_main(struct task *task, void *arg)
{
    struct world *w = arg;
    struct err err;
    recover(w, task);
    task_spawn(task_core(task), TASK_BACKGROUND, "checkpoints", run_checkpoints, w);
    for (uint64_t i = 0;; i++) {
        if (i % 16 == 0)
            wal_idle_tick(w->wal);
        if (w->in_flight < FLIGHTS && !w->quiet)
            append_some(w, task, 1 + (uint32_t)prng_below(&w->prng, GROUPS));
        if (w->dead)
            give_up(w, task);
        MUST(task_sleep(task, prng_below(&w->prng, 3) * SIM_MS + prng_below(&w->prng, SIM_MS),
                        &err));
    }
}

/* ---- the driver ---- */

static void flip_bits(struct world *w)
{
    size_t n = 0;
    char **paths = sim_disk_paths(w->sim, 0, &n);
    uint64_t kind = prng_below(&w->prng, 3);
    char copy = prng_below(&w->prng, 2) ? 'a' : 'b';
    for (size_t tries = 0; tries < 20 && n; tries++) {
        const char *path = paths[prng_below(&w->prng, n)];
        bool log = strstr(path, "wal/") && strstr(path, ".log");
        bool sst = strstr(path, ".sst") != NULL;
        bool manifest = strstr(path, "manifest/") && path[strlen(path) - 1] == copy;
        if (!(kind == 0 ? log : kind == 1 ? sst : manifest))
            continue;
        struct buf content = {0};
        if (sim_disk_read(w->sim, 0, path, &content) && content.len) {
            w->flips[kind]++;
            sim_disk_flip(w->sim, 0, path, prng_below(&w->prng, content.len),
                          (int)prng_below(&w->prng, 8));
            w->damaged_log |= log;
            w->damaged_sst |= sst;
        }
        buf_done(&content);
        break;
    }
    for (size_t i = 0; i < n; i++)
        free(paths[i]);
    free(paths);
}

static bool is_dead(struct sim *sim, void *arg)
{
    return ((struct world *)arg)->dead;
}

static void run_boot(struct world *w, bool injured, bool last)
{
    struct sim_disk_faults faults = {0};
    if (injured && prng_below(&w->prng, 4) == 0)
        faults.sync_fail = 0.003;
    if (injured && prng_below(&w->prng, 4) == 0)
        faults.write_fail = 0.002;
    if (injured && prng_below(&w->prng, 6) == 0)
        faults.read_fail = 0.002;
    /* A small disk fills up; the last boot has room again. */
    if (injured && w->seed % 3 == 0)
        faults.capacity_bytes = 900000 + prng_below(&w->prng, 600000);
    sim_disk_set(w->sim, 0, &faults);
    w->boot++;
    w->dead = w->quiet = false;
    w->in_flight = 0;
    sim_node_start(w->sim, 0, node_main, w);
    static const uint64_t spans[] = {1500 * SIM_MS, 1500 * SIM_MS, 30 * SIM_MS, 4 * SIM_MS};
    uint64_t ns = last ? SIM_SECOND : prng_below(&w->prng, spans[prng_below(&w->prng, 4)]);
    sim_run_until(w->sim, is_dead, w, ns);
    sim_node_crash(w->sim, 0);
    w->restarts++;
}

static void run_seed(uint64_t seed, bool verbose)
{
    struct world *w = calloc(1, sizeof *w);
    w->seed = seed;
    prng_init(&w->prng, seed);
    w->sim = sim_create(
        &(struct sim_config){.seed = seed, .node_count = 1, .log = verbose ? stderr : NULL});
    for (int g = 1; g <= GROUPS; g++) {
        w->groups[g].entries = calloc(ENTRIES_MAX, sizeof *w->groups[g].entries);
        w->groups[g].terms = calloc(ENTRIES_MAX, sizeof *w->groups[g].terms);
        w->groups[g].term = 1;
    }
    bool flips = seed % 4 == 0;
    for (int boot = 0; boot < 16; boot++) {
        run_boot(w, seed % 2, false);
        if (flips && boot > 2 && prng_below(&w->prng, 2))
            flip_bits(w);
    }
    /* A last start without faults: everything must be found. */
    run_boot(w, false, true);
    if (verbose)
        printf("seed %llu: entries %llu/%llu/%llu rows verified %llu checkpoints %llu refused %llu "
               "quarantined %llu flips %llu/%llu/%llu full %llu trace %016llx\n",
               (unsigned long long)seed, (unsigned long long)w->groups[1].last,
               (unsigned long long)w->groups[2].last, (unsigned long long)w->groups[3].last,
               (unsigned long long)w->verified_rows, (unsigned long long)w->checkpoints,
               (unsigned long long)w->refused_reads, (unsigned long long)w->quarantines,
               (unsigned long long)w->flips[0], (unsigned long long)w->flips[1],
               (unsigned long long)w->flips[2], (unsigned long long)w->disk_full,
               (unsigned long long)sim_trace_hash(w->sim));
    rt_check(flips || w->verified_rows > 0);
    for (int g = 1; g <= GROUPS; g++) {
        free(w->groups[g].entries);
        free(w->groups[g].terms);
    }
    sim_destroy(w->sim);
    free(w);
}

int main(int argc, char **argv)
{
    unsigned long long from = 1, to = 40;
    bool verbose = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) {
            if (sscanf(argv[++i], "%llu..%llu", &from, &to) == 1)
                to = from;
        } else if (strcmp(argv[i], "--verbose") == 0) {
            verbose = true;
        } else {
            fprintf(stderr, "usage: engine_sim [--seeds A..B] [--verbose]\n");
            return 2;
        }
    }
    for (unsigned long long seed = from; seed <= to; seed++) {
        fprintf(stderr, "\rengine_sim: seed %llu ", seed);
        run_seed(seed, verbose);
    }
    fprintf(stderr, "\n%llu seeds passed\n", to - from + 1);
    return 0;
}
