/* The tablet engine against a model: random writes, flushes, compactions, restarts; every read
 * compared row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/key.h"
#include "base/prng.h"
#include "base/row.h"
#include "storage/lsm/lsm.h"
#include "tests/support/rt_test.h"

enum { KEYS = 4000, COLS = 7, VERSIONS_MAX = 64, LOG_MAX = 60000 };
enum { ID_A = 2, ID_B = 5, ID_TEXT = 6, ID_NUM = 9, ID_FLOAT = 10, ID_FLAG = 12, ID_SMALL = 20 };

struct version {
    hlc_time ts;
    bool deleted;
    uint32_t seed;
};

struct model {
    struct prng prng;
    struct version versions[KEYS][VERSIONS_MAX];
    int n[KEYS];
    hlc_time now, horizon;
    uint64_t index;
    struct {
        uint64_t index;
        int key;
        struct version v;
    } * log;
    size_t n_log;
    uint64_t blob_every;
    uint32_t delete_one_in; /* 0 = never */
    int next_key;
    bool calm; /* most keys are written once, blocks become big and settled */
};

struct env_of {
    struct lsm_node *node;
    struct lsm *lsm;
    uint64_t flushes, compactions; /* over restarts */
};

static const struct tablet_id tablet = {77, 3};

/* ---- schema, keys, rows: all derived from (key number, seed) ---- */

static struct kv_column columns[COLS] = {
    {.id = ID_A, .kind = PHYS_BYTES, .dec_scale = -1},
    {.id = ID_B, .kind = PHYS_INT32, .dec_scale = -1},
    {.id = ID_TEXT, .kind = PHYS_BYTES, .dec_scale = -1},
    {.id = ID_NUM, .kind = PHYS_INT64, .dec_scale = 2},
    {.id = ID_FLOAT, .kind = PHYS_FLOAT64, .dec_scale = -1},
    {.id = ID_FLAG, .kind = PHYS_BOOL, .dec_scale = -1},
    {.id = ID_SMALL, .kind = PHYS_INT128, .dec_scale = -1},
};
static struct kv_key_part key_parts[2] = {{.column = 0}, {.column = 1, .desc = true}};

static struct kv_schema *make_schema(void)
{
    static struct kv_schema schema;
    for (int i = 0; i < COLS; i++)
        columns[i].absent = datum_null((enum phys_kind)columns[i].kind);
    columns[6].absent = (struct datum){.kind = PHYS_INT128, .dec_scale = -1, .u.i128 = 42};
    static uint32_t groups[1] = {1};
    schema = (struct kv_schema){.id = 77,
                                .home = 77,
                                .version = 1,
                                .n_columns = COLS,
                                .n_key = 2,
                                .n_shards = 1,
                                .groups = groups,
                                .columns = columns,
                                .key = key_parts};
    return &schema;
}

static void value_of(int key, uint32_t seed, uint32_t id, const struct model *m, struct datum *d,
                     struct arena *arena)
{
    uint64_t r = (uint64_t)seed * 2654435761u + id * 97u;
    switch (id) {
    case ID_A: {
        char text[16];
        int len = snprintf(text, sizeof text, "k%04d", key / 10);
        *d = datum_bytes(text, (uint32_t)len);
        break;
    }
    case ID_B:
        *d = (struct datum){.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = 9 - key % 10};
        break;
    case ID_TEXT: {
        uint32_t len = r % 40;
        if (m->blob_every && seed % m->blob_every == 0)
            len = 3000 + (uint32_t)(r % 600000);
        uint8_t *text = arena_alloc(arena, len + 1);
        for (uint32_t i = 0; i < len; i++)
            text[i] = (uint8_t)('a' + (r + i * 7) % 20);
        *d = datum_bytes(text, len);
        break;
    }
    case ID_NUM:
        *d = datum_i64((int64_t)(r % 1000));
        d->dec_scale = 2;
        break;
    case ID_FLOAT: /* rises with time: zone maps tell new blocks from old ones */
        *d =
            (struct datum){.kind = PHYS_FLOAT64, .dec_scale = -1, .u.f64 = (double)(seed >> 8) / 4};
        return;
    case ID_FLAG:
        *d = (struct datum){.kind = PHYS_BOOL, .dec_scale = -1, .u.b = r % 3 == 0};
        break;
    default:
        *d = (struct datum){.kind = PHYS_INT128, .dec_scale = -1, .u.i128 = (int128)r << 40};
        break;
    }
    if (id != ID_A && id != ID_B && r % 13 == 5)
        *d = datum_null((enum phys_kind)d->kind);
    /* A column that is left out of the row reads as its default. */
    if (id == ID_SMALL && seed % 3 == 0)
        *d = columns[6].absent;
}

static void make_key(int key, const struct model *m, struct buf *out)
{
    struct arena arena;
    arena_init(&arena, NULL);
    struct datum a, b;
    value_of(key, 0, ID_A, m, &a, &arena);
    value_of(key, 0, ID_B, m, &b, &arena);
    struct key_part pa = {.kind = PHYS_BYTES, .dec_scale = -1};
    struct key_part pb = {.kind = PHYS_INT32, .desc = true, .dec_scale = -1};
    buf_reset(out);
    key_append(out, &pa, &a);
    key_append(out, &pb, &b);
    arena_done(&arena);
}

static void make_row(int key, uint32_t seed, const struct model *m, struct buf *out)
{
    struct arena arena;
    arena_init(&arena, NULL);
    buf_reset(out);
    row_begin(out);
    for (int i = 2; i < COLS; i++) {
        struct datum d;
        if (columns[i].id == ID_SMALL && seed % 3 == 0)
            continue;
        value_of(key, seed, columns[i].id, m, &d, &arena);
        row_append(out, columns[i].id, &d);
    }
    arena_done(&arena);
}

/* ---- writing ---- */

static void write_version(struct lsm *lsm, const struct model *m, uint64_t index, int key,
                          const struct version *v)
{
    struct buf k = {0}, row = {0};
    make_key(key, m, &k);
    struct lsm_write w = {.op = v->deleted ? LSM_DELETE : LSM_PUT,
                          .key = k.data,
                          .key_len = (uint32_t)k.len,
                          .ts = v->ts};
    if (!v->deleted) {
        make_row(key, v->seed, m, &row);
        w.row = row.data;
        w.row_len = (uint32_t)row.len;
    } else if (v->seed % 4 == 0) {
        w.row = "moved";
        w.row_len = 5;
    }
    lsm_write(lsm, index, &w);
    buf_done(&k);
    buf_done(&row);
}

static void write_some(struct lsm *lsm, struct model *m)
{
    int count = 1 + (int)prng_below(&m->prng, m->calm ? 200 : 60),
        base = (int)prng_below(&m->prng, KEYS);
    bool dense = m->calm || prng_below(&m->prng, 2);
    if (m->calm && prng_below(&m->prng, 3)) {
        base = m->next_key; /* mostly appended */
        m->next_key = (m->next_key + count) % KEYS;
    }
    m->now += 1 + prng_below(&m->prng, 3);
    m->index++;
    for (int i = 0; i < count; i++) {
        int key = dense ? (base + i) % KEYS : (int)prng_below(&m->prng, KEYS);
        if (m->n[key] == VERSIONS_MAX || m->n_log == LOG_MAX ||
            (m->n[key] && m->versions[key][m->n[key] - 1].ts >= m->now))
            continue;
        if (m->calm && m->n[key] && prng_below(&m->prng, 2000))
            continue;
        struct version v = {.ts = m->now,
                            .deleted =
                                m->delete_one_in && prng_below(&m->prng, m->delete_one_in) == 0,
                            .seed = (uint32_t)(m->index << 8 | prng_below(&m->prng, 256))};
        m->versions[key][m->n[key]++] = v;
        m->log[m->n_log].index = m->index;
        m->log[m->n_log].key = key;
        m->log[m->n_log++].v = v;
        write_version(lsm, m, m->index, key, &v);
    }
}

/* ---- reading ---- */

static const struct version *visible(const struct model *m, int key, hlc_time ts)
{
    for (int i = m->n[key]; i-- > 0;)
        if (m->versions[key][i].ts <= ts)
            return &m->versions[key][i];
    return NULL;
}

static void check_get(struct task *task, struct lsm *lsm, const struct model *m, int key,
                      hlc_time ts)
{
    struct err err;
    struct buf k = {0}, row = {0};
    struct lsm_version_info info;
    make_key(key, m, &k);
    rt_ok(lsm_get(task, lsm, k.data, (uint32_t)k.len, ts, &info, &row, &err), &err);
    const struct version *v = visible(m, key, ts);
    /* A tombstone at or below the horizon may be gone. */
    if (!info.found) {
        rt_check(!v || (v->deleted && v->ts <= m->horizon));
    } else {
        rt_check(v && v->ts == info.ts && v->deleted == info.deleted);
        if (v->deleted) {
            rt_check(row.len == (v->seed % 4 == 0 ? 5 : 0));
        } else {
            struct arena arena;
            arena_init(&arena, NULL);
            for (int i = 2; i < COLS; i++) {
                struct datum want, got;
                value_of(key, v->seed, columns[i].id, m, &want, &arena);
                int found = row_find(row.data, row.len, columns[i].id, &got);
                if (found == 0)
                    got = columns[i].absent;
                rt_check(found >= 0 && got.null == want.null);
                rt_check(got.null || datum_compare(&got, &want) == 0);
            }
            arena_done(&arena);
        }
    }
    struct lsm_version_info newest;
    rt_ok(lsm_newest(task, lsm, k.data, (uint32_t)k.len, &newest, &err), &err);
    const struct version *last = visible(m, key, HLC_MAX);
    rt_check(newest.found ? last && last->ts == newest.ts
                          : !last || (last->deleted && last->ts <= m->horizon));
    buf_done(&k);
    buf_done(&row);
}

static bool test_matches(const struct kv_test *t, const struct datum *v)
{
    if (t->op == KV_IS_NULL || t->op == KV_NOT_NULL)
        return v->null == (t->op == KV_IS_NULL);
    if (v->null)
        return false;
    for (uint32_t i = 0; t->op == KV_IN && i < t->n_values; i++)
        if (datum_compare(v, &t->values[i]) == 0)
            return true;
    int c = datum_compare(v, &t->values[0]);
    return t->op == KV_EQ   ? c == 0
           : t->op == KV_LT ? c < 0
           : t->op == KV_LE ? c <= 0
           : t->op == KV_GT ? c > 0
           : t->op == KV_GE ? c >= 0
                            : false;
}

struct wanted {
    int key;
    const struct version *v;
    uint32_t span;
};

static bool row_wanted(const struct model *m, int key, const struct version *v,
                       const struct lsm_scan_spec *spec)
{
    if (!v || v->deleted)
        return false;
    struct arena arena;
    arena_init(&arena, NULL);
    bool ok = true;
    for (uint16_t i = 0; i < spec->n_tests && ok; i++) {
        struct datum d;
        value_of(key, v->seed, spec->tests[i].column_id, m, &d, &arena);
        ok = test_matches(&spec->tests[i], &d);
    }
    arena_done(&arena);
    return ok;
}

static void check_batch(const struct model *m, const struct lsm_scan_spec *spec, struct batch *b,
                        const struct wanted *want, size_t *at, size_t n_want)
{
    struct arena arena;
    arena_init(&arena, NULL);
    struct buf key = {0};
    for (uint32_t c = 0; c < b->n_cols; c++)
        vec_flatten(&b->cols[c], b->sel, b->n_sel, b->arena);
    rt_check(batch_count(b) > 0 && b->n_rows <= BATCH_ROWS);
    for (uint32_t i = 0; i < batch_count(b); i++, ++*at) {
        rt_check(*at < n_want);
        const struct wanted *w = &want[*at];
        uint32_t row = batch_row(b, i), c = 0;
        for (; c < spec->n_columns; c++) {
            struct datum d, got = vec_datum(&b->cols[c], row);
            value_of(w->key, w->v->seed, spec->column_ids[c], m, &d, &arena);
            rt_check(got.null == d.null && got.kind == d.kind);
            rt_check(d.null || datum_compare(&got, &d) == 0);
        }
        if (spec->with_key) {
            struct datum got = vec_datum(&b->cols[c++], row);
            make_key(w->key, m, &key);
            rt_check(key_compare(view_data(&got.u.bytes), got.u.bytes.len, key.data, key.len) == 0);
        }
        if (spec->with_span)
            rt_check(vec_datum(&b->cols[c++], row).u.i32 == (int32_t)w->span);
        if (spec->with_ts)
            rt_check((hlc_time)vec_datum(&b->cols[c], row).u.i64 == w->v->ts);
    }
    buf_done(&key);
    arena_done(&arena);
}

static void run_scan(struct task *task, struct lsm *lsm, const struct model *m,
                     const struct lsm_scan_spec *spec, const struct wanted *want, size_t n_want,
                     uint32_t rows_max, bool has_uncertain, hlc_time uncertain)
{
    struct err err;
    struct lsm_snapshot *snapshot = lsm_snapshot_take(lsm);
    struct lsm_scan *scan = NULL;
    rt_ok(lsm_scan_open(task, snapshot, spec, &scan, &err), &err);
    lsm_snapshot_release(snapshot);
    size_t at = 0;
    struct batch *held = NULL;
    for (;;) {
        struct batch *b = NULL;
        rt_ok(lsm_scan_next(task, scan, rows_max, NULL, &b, &err), &err);
        /* A batch stays valid after the next one was made. */
        if (held) {
            check_batch(m, spec, held, want, &at, n_want);
            batch_destroy(held);
        }
        held = b;
        if (!b)
            break;
    }
    rt_check(at == n_want);
    if (has_uncertain)
        rt_check((lsm_scan_uncertain(scan) != 0) == (uncertain != 0));
    lsm_scan_close(scan);
}

static struct datum draw_constant(struct model *m, uint32_t id, struct arena *arena)
{
    struct datum d;
    do
        value_of((int)prng_below(&m->prng, KEYS),
                 (uint32_t)prng_below(&m->prng, m->index + 1) << 8 | 1, id, m, &d, arena);
    while (d.null);
    return d;
}

/* A drawn scan and what it points to. */
struct scan_case {
    struct lsm_scan_spec spec;
    uint32_t ids[COLS];
    struct kv_test tests[3];
    struct datum values[3][4];
    struct kv_span spans[40];
    struct buf keys[80];
    int lo[40], hi[40];
    struct wanted *want;
    size_t n_want;
};

static void draw_columns_and_tests(struct model *m, struct scan_case *c, struct arena *arena)
{
    struct lsm_scan_spec *spec = &c->spec;
    for (int i = 0; i < COLS; i++)
        if (prng_below(&m->prng, 3))
            c->ids[spec->n_columns++] = columns[prng_below(&m->prng, COLS)].id;
    spec->column_ids = c->ids;
    spec->tests = c->tests;
    spec->n_tests = (uint16_t)prng_below(&m->prng, 4);
    for (int i = 0; i < spec->n_tests; i++) {
        uint32_t id = columns[prng_below(&m->prng, COLS)].id;
        for (int k = 0; k < 4; k++)
            c->values[i][k] = draw_constant(m, id, arena);
        c->tests[i] = (struct kv_test){
            .column_id = id, .op = (uint8_t)prng_below(&m->prng, 8), .values = c->values[i]};
        c->tests[i].n_values = c->tests[i].op == KV_IN ? 4 : 1;
    }
    spec->with_key = prng_below(&m->prng, 2);
    spec->with_span = prng_below(&m->prng, 2);
    spec->with_ts = prng_below(&m->prng, 2);
}

static void want_key(const struct model *m, struct scan_case *c, int key, int span)
{
    const struct version *v = visible(m, key, c->spec.ts);
    if (row_wanted(m, key, v, &c->spec))
        c->want[c->n_want++] = (struct wanted){key, v, (uint32_t)span};
}

static void draw_points(struct model *m, struct scan_case *c)
{
    for (int i = 0; i < 40; i++) {
        c->lo[i] = (int)prng_below(&m->prng, KEYS + 5) % KEYS;
        c->hi[i] = c->lo[i] + 1;
        make_key(c->lo[i], m, &c->keys[i]);
        c->spans[i] = (struct kv_span){
            .start = c->keys[i].data, .point = true, .start_len = (uint32_t)c->keys[i].len};
        want_key(m, c, c->lo[i], i);
    }
    c->spec.n_spans = 40;
}

static void draw_spans(struct model *m, struct scan_case *c, int n)
{
    int at = 0;
    for (int i = 0; i < n; i++) {
        uint64_t parts = (uint64_t)(n - i);
        c->lo[i] = at + (int)prng_below(&m->prng, (uint64_t)(KEYS - at) / parts + 1);
        c->hi[i] = c->lo[i] + (int)prng_below(&m->prng, (uint64_t)(KEYS - c->lo[i]) / parts + 1);
        at = c->hi[i];
        struct buf *from = &c->keys[2 * i], *to = &c->keys[2 * i + 1];
        make_key(c->lo[i], m, from);
        if (c->lo[i] >= KEYS)
            from->len = 1, from->data[0] = 0xff;
        c->spans[i] = (struct kv_span){.start = from->data, .start_len = (uint32_t)from->len};
        if (c->hi[i] < KEYS) {
            make_key(c->hi[i], m, to);
            c->spans[i].end = to->data;
            c->spans[i].end_len = (uint32_t)to->len;
        }
    }
    c->spec.n_spans = (uint32_t)n;
    c->spec.reverse = prng_below(&m->prng, 2);
    if (n == 0)
        c->hi[0] = KEYS;
    n = n ? n : 1;
    for (int s = 0; s < n; s++) {
        int i = c->spec.reverse ? n - 1 - s : s;
        for (int k = 0; k < c->hi[i] - c->lo[i]; k++)
            want_key(m, c, c->spec.reverse ? c->hi[i] - 1 - k : c->lo[i] + k, i);
    }
}

/* A version in (ts, limit] of any key in the spans. */
static hlc_time find_uncertain(const struct model *m, const struct scan_case *c)
{
    hlc_time found = 0;
    uint32_t n = c->spec.n_spans ? c->spec.n_spans : 1;
    for (uint32_t s = 0; s < n; s++)
        for (int key = c->lo[s]; key < c->hi[s] && key < KEYS; key++)
            for (int i = 0; i < m->n[key]; i++)
                if (m->versions[key][i].ts > c->spec.ts &&
                    m->versions[key][i].ts <= c->spec.uncertain_limit)
                    found = m->versions[key][i].ts;
    return found;
}

static void check_scan(struct task *task, struct lsm *lsm, struct model *m)
{
    struct arena arena;
    arena_init(&arena, NULL);
    struct scan_case *c = calloc(1, sizeof *c);
    c->want = malloc((KEYS + 50) * sizeof *c->want);
    c->spec = (struct lsm_scan_spec){.schema = make_schema(), .ts = m->now, .spans = c->spans};
    if (prng_below(&m->prng, 2))
        c->spec.ts = m->horizon + prng_below(&m->prng, m->now - m->horizon + 1);
    draw_columns_and_tests(m, c, &arena);
    static const int span_counts[4] = {-1, 0, 1, 4};
    int n_spans = span_counts[prng_below(&m->prng, 4)];
    if (n_spans < 0)
        draw_points(m, c);
    else
        draw_spans(m, c, n_spans);
    bool ask = prng_below(&m->prng, 3) == 0;
    if (ask)
        c->spec.uncertain_limit = c->spec.ts + 1 + prng_below(&m->prng, 4);
    uint32_t rows_max =
        prng_below(&m->prng, 2) ? BATCH_ROWS : 1 + (uint32_t)prng_below(&m->prng, 300);
    run_scan(task, lsm, m, &c->spec, c->want, c->n_want, rows_max, ask,
             ask ? find_uncertain(m, c) : 0);
    for (int i = 0; i < 80; i++)
        buf_done(&c->keys[i]);
    free(c->want);
    free(c);
    arena_done(&arena);
}

static void check_newest(struct task *task, struct lsm *lsm, struct model *m)
{
    struct err err;
    int lo = (int)prng_below(&m->prng, KEYS),
        hi = lo + (int)prng_below(&m->prng, (uint64_t)(KEYS - lo));
    hlc_time after = m->now - prng_below(&m->prng, m->now - m->horizon + 1), newest = 0, want = 0;
    struct buf a = {0}, b = {0};
    make_key(lo, m, &a);
    make_key(hi, m, &b);
    struct kv_span span = {
        .start = a.data, .start_len = (uint32_t)a.len, .end = b.data, .end_len = (uint32_t)b.len};
    for (int k = lo; k < hi; k++)
        if (m->n[k] && m->versions[k][m->n[k] - 1].ts > after &&
            m->versions[k][m->n[k] - 1].ts > want)
            want = m->versions[k][m->n[k] - 1].ts;
    struct lsm_snapshot *s = lsm_snapshot_take(lsm);
    rt_ok(lsm_span_newest(task, s, &span, after, true, &newest, &err), &err);
    rt_check(newest == want);
    rt_ok(lsm_span_newest(task, s, &span, after, false, &newest, &err), &err);
    rt_check(newest >= want);
    lsm_snapshot_release(s);
    buf_done(&a);
    buf_done(&b);
}

/* ---- life ---- */

static void open_node(struct task *task, const char *dir, struct env_of *e, struct model *m)
{
    struct err err;
    struct lsm_node_config config = {.memtable_bytes_one = 96 << 10,
                                     .memtable_bytes_max = 128 << 10,
                                     .file_bytes_max = 24 << 10,
                                     .block_bytes_upper = 1 << 10,
                                     .block_bytes_last = 16 << 10,
                                     .block_cache_bytes = 64 << 10,
                                     .open_files_max = 3};
    if (m->prng.s[0] % 2)
        config.block_bytes_last = 4 << 10;
    if (m->calm) {
        config.block_bytes_upper = 32 << 10;
        config.block_bytes_last = 256 << 10;
        config.file_bytes_max = 1 << 20;
    }
    rt_ok(lsm_node_open(task, dir, &config, &e->node, &err), &err);
    struct manifest_tablet_info info;
    if (manifest_tablets(lsm_node_manifest(e->node), &info, 1)) {
        rt_check(info.group == 9);
        rt_ok(lsm_open(e->node, task_core(task), tablet, &e->lsm, &err), &err);
    } else {
        e->lsm = lsm_create(e->node, task_core(task), tablet, 9, make_schema());
    }
    lsm_horizon_set(e->lsm, m->horizon);
    for (size_t i = 0; i < m->n_log; i++)
        write_version(e->lsm, m, m->log[i].index, m->log[i].key, &m->log[i].v);
}

static void close_node(struct task *task, struct env_of *e)
{
    struct lsm_node_stats stats;
    lsm_node_stats_get(e->node, &stats);
    rt_check(stats.corrupt_blocks == 0);
    e->flushes += stats.flushes;
    e->compactions += stats.compactions;
    lsm_close(task, e->lsm);
    lsm_node_close(task, e->node);
}

static void run_model(struct task *task, uint64_t seed)
{
    struct err err;
    char dir[32];
    enum fs_result result;
    snprintf(dir, sizeof dir, "lsm-%llu", (unsigned long long)seed);
    rt_ok(fs_mkdir(task, dir, &result, &err), &err);
    struct model *m = calloc(1, sizeof *m);
    m->log = calloc(LOG_MAX, sizeof *m->log);
    prng_init(&m->prng, seed);
    m->now = 10;
    m->blob_every = seed % 2 ? 400 : 0;
    m->calm = seed % 3 == 0;
    m->delete_one_in = m->calm ? 3000 * (seed % 2) : 5;
    struct env_of e = {0};
    open_node(task, dir, &e, m);
    for (int step = 0; step < 700; step++) {
        switch (prng_below(&m->prng, 24)) {
        case 0:
            rt_ok(lsm_flush(task, e.lsm, &err), &err);
            rt_check(lsm_unflushed_from(e.lsm) == 0);
            break;
        case 1:
            if (prng_below(&m->prng, 4) == 0)
                rt_ok(lsm_compact(task, e.lsm, &err), &err);
            break;
        case 2:
            m->horizon += prng_below(&m->prng, m->now - m->horizon + 1) / 2;
            lsm_horizon_set(e.lsm, m->horizon);
            break;
        case 3:
            if (prng_below(&m->prng, 8) == 0) {
                close_node(task, &e);
                open_node(task, dir, &e, m);
            }
            break;
        case 4:
        case 5:
            for (int i = 0; i < 20; i++) {
                hlc_time ts = m->horizon + prng_below(&m->prng, m->now - m->horizon + 1);
                check_get(task, e.lsm, m, (int)prng_below(&m->prng, KEYS), ts);
            }
            break;
        case 6:
        case 7:
        case 8:
            check_scan(task, e.lsm, m);
            break;
        case 9:
            check_newest(task, e.lsm, m);
            break;
        case 10:
            task_yield(task);
            break;
        default:
            write_some(e.lsm, m);
        }
    }
    close_node(task, &e);
    rt_check(e.flushes > 0 && e.compactions > 0);
    free(m->log);
    free(m);
}

static void body_model(struct task *task, void *arg)
{
    for (uint64_t seed = 1; seed <= 9; seed++)
        run_model(task, seed);
}

static void test_model(void **state)
{
    rt_test_run(body_model, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
