#include "tests/sim/kv_sim_lsm.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/key.h"
#include "base/prng.h"
#include "base/task.h"
#include "storage/txn/kv_schema.h"

static void *must_alloc(size_t bytes)
{
    void *p = calloc(1, bytes ? bytes : 1);
    if (!p)
        abort();
    return p;
}

struct lsm *sim_lsm_create(const struct kv_schema *schema, uint16_t shard, struct prng *rng)
{
    struct lsm *lsm = must_alloc(sizeof *lsm);
    lsm->storage = schema->id;
    lsm->shard = shard;
    lsm->rng = rng;
    arena_init(&lsm->schema_arena, NULL);
    lsm->schema = kv_schema_copy(schema, &lsm->schema_arena);
    return lsm;
}

void sim_lsm_alter(struct lsm *lsm, const struct kv_schema *schema)
{
    if (schema->version > lsm->schema->version)
        lsm->schema = kv_schema_copy(schema, &lsm->schema_arena);
}

static void free_lsm(struct lsm *lsm)
{
    for (uint32_t i = 0; i < lsm->n_rows; i++) {
        while (lsm->rows[i].versions) {
            struct sim_version *v = lsm->rows[i].versions;
            lsm->rows[i].versions = v->older;
            free(v->data);
            free(v);
        }
        free(lsm->rows[i].key);
    }
    free(lsm->rows);
    arena_done(&lsm->schema_arena);
    free(lsm);
}

void sim_lsm_drop(struct lsm *lsm)
{
    lsm->dropped = true;
    if (!lsm->pins)
        free_lsm(lsm);
}

static uint32_t find_place(const struct lsm *lsm, const void *key, uint32_t key_len)
{
    uint32_t lo = 0, hi = lsm->n_rows;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (key_compare(lsm->rows[mid].key, lsm->rows[mid].key_len, key, key_len) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct sim_row *find_row(const struct lsm *lsm, const void *key, uint32_t key_len)
{
    uint32_t at = find_place(lsm, key, key_len);
    bool found = at < lsm->n_rows &&
                 key_compare(lsm->rows[at].key, lsm->rows[at].key_len, key, key_len) == 0;
    return found ? &lsm->rows[at] : NULL;
}

void sim_lsm_put(struct lsm *lsm, const void *key, uint32_t key_len, hlc_time ts, bool deleted,
                 const void *data, uint32_t len)
{
    struct sim_row *row = find_row(lsm, key, key_len);
    if (!row) {
        uint32_t at = find_place(lsm, key, key_len);
        if (lsm->n_rows == lsm->cap_rows) {
            lsm->cap_rows = lsm->cap_rows ? 2 * lsm->cap_rows : 16;
            lsm->rows = realloc(lsm->rows, lsm->cap_rows * sizeof *lsm->rows);
            if (!lsm->rows)
                abort();
        }
        memmove(lsm->rows + at + 1, lsm->rows + at, (lsm->n_rows - at) * sizeof *lsm->rows);
        lsm->n_rows++;
        row = &lsm->rows[at];
        *row = (struct sim_row){.key_len = key_len, .key = must_alloc(key_len)};
        memcpy(row->key, key, key_len);
    }
    struct sim_version **at = &row->versions;
    while (*at && (*at)->ts > ts)
        at = &(*at)->older;
    if (*at && (*at)->ts == ts)
        return;
    struct sim_version *v = must_alloc(sizeof *v);
    *v = (struct sim_version){
        .older = *at, .ts = ts, .deleted = deleted, .len = len, .data = must_alloc(len)};
    if (len)
        memcpy(v->data, data, len);
    *at = v;
}

/* ---- lsm.h: single rows --------------------------------------------------------------------- */

static const struct sim_version *see(const struct lsm *lsm, const void *key, uint32_t key_len,
                                     hlc_time ts)
{
    const struct sim_row *row = find_row(lsm, key, key_len);
    const struct sim_version *v = row ? row->versions : NULL;
    while (v && v->ts > ts)
        v = v->older;
    return v;
}

static void fill_info(const struct sim_version *v, struct lsm_version_info *info)
{
    *info = (struct lsm_version_info){
        .found = v != NULL, .deleted = v && v->deleted, .ts = v ? v->ts : 0};
}

int lsm_get(struct task *task, struct lsm *lsm, const void *key, uint32_t key_len, hlc_time ts,
            struct lsm_version_info *info, struct buf *row, struct err *err)
{
    int code =
        prng_chance(lsm->rng, 0.1) ? task_sleep(task, prng_below(lsm->rng, 2000000), err) : 0;
    const struct sim_version *v = code ? NULL : see(lsm, key, key_len, ts);
    if (code)
        return code;
    fill_info(v, info);
    if (v && row)
        buf_put(row, v->data, v->len);
    return 0;
}

int lsm_newest(struct task *task, struct lsm *lsm, const void *key, uint32_t key_len,
               struct lsm_version_info *info, struct err *err)
{
    int code = task_sleep(task, prng_below(lsm->rng, 2000000), err);
    if (!code)
        fill_info(see(lsm, key, key_len, HLC_MAX), info);
    return code;
}

bool lsm_newest_now(struct lsm *lsm, const void *key, uint32_t key_len,
                    struct lsm_version_info *info)
{
    if (prng_chance(lsm->rng, 0.2))
        return false;
    fill_info(see(lsm, key, key_len, HLC_MAX), info);
    return true;
}

void lsm_stats_get(const struct lsm *lsm, struct lsm_stats *out)
{
    *out = (struct lsm_stats){.rows_est = lsm->n_rows};
}

/* ---- lsm.h: scans --------------------------------------------------------------------------- */

struct lsm_snapshot {
    struct lsm *lsm;
};

struct found_row {
    uint32_t row, span;
    const struct sim_version *version;
};

struct lsm_scan {
    struct arena arena;
    struct lsm *lsm;
    const struct lsm_scan_spec *spec;
    struct found_row *found;
    uint32_t n_found, at;
    hlc_time uncertain;
};

struct lsm_snapshot *lsm_snapshot_take(struct lsm *lsm)
{
    struct lsm_snapshot *snapshot = must_alloc(sizeof *snapshot);
    snapshot->lsm = lsm;
    lsm->pins++;
    return snapshot;
}

void lsm_snapshot_release(struct lsm_snapshot *snapshot)
{
    if (!snapshot)
        return;
    if (!--snapshot->lsm->pins && snapshot->lsm->dropped)
        free_lsm(snapshot->lsm);
    free(snapshot);
}

static bool is_in_span(const struct sim_row *row, const struct kv_span *span)
{
    int cmp = key_compare(row->key, row->key_len, span->start, span->start_len);
    if (span->point)
        return cmp == 0;
    return cmp >= 0 &&
           (!span->end || key_compare(row->key, row->key_len, span->end, span->end_len) < 0);
}

static void look_at_row(struct lsm_scan *scan, uint32_t row, uint32_t span)
{
    const struct sim_version *v = scan->lsm->rows[row].versions;
    for (; v && v->ts > scan->spec->ts; v = v->older)
        if (v->ts <= scan->spec->uncertain_limit && v->ts > scan->uncertain)
            scan->uncertain = v->ts;
    if (v && !v->deleted)
        scan->found[scan->n_found++] = (struct found_row){row, span, v};
}

int lsm_scan_open(struct task *task, struct lsm_snapshot *snapshot,
                  const struct lsm_scan_spec *spec, struct lsm_scan **out, struct err *err)
{
    struct lsm *lsm = snapshot->lsm;
    struct lsm_scan *scan = must_alloc(sizeof *scan);
    arena_init(&scan->arena, NULL);
    scan->lsm = lsm;
    scan->spec = spec;
    scan->found = must_alloc((size_t)(lsm->n_rows + 1) * (spec->n_spans + 1) * sizeof *scan->found);
    bool points = true;
    for (uint32_t i = 0; i < spec->n_spans; i++)
        points &= spec->spans[i].point;
    for (uint32_t i = 0; i < spec->n_spans; i++) {
        uint32_t span = spec->reverse && !points ? spec->n_spans - 1 - i : i;
        for (uint32_t r = 0; r < lsm->n_rows; r++) {
            uint32_t row = spec->reverse ? lsm->n_rows - 1 - r : r;
            if (is_in_span(&lsm->rows[row], &spec->spans[span]))
                look_at_row(scan, row, span);
        }
    }
    /* Values are copied now: the rows may move while the scan lasts. */
    for (uint32_t i = 0; i < scan->n_found; i++) {
        struct sim_row *row = &lsm->rows[scan->found[i].row];
        struct sim_row *copy = arena_memdup(&scan->arena, row, sizeof *row);
        copy->key = arena_memdup(&scan->arena, row->key, row->key_len);
        struct sim_version *v = arena_memdup(&scan->arena, scan->found[i].version, sizeof *v);
        v->data = arena_memdup(&scan->arena, v->data, v->len ? v->len : 1);
        copy->versions = v;
        v->older = (struct sim_version *)(void *)copy;
        scan->found[i].version = v;
    }
    *out = scan;
    return 0;
}

static void put_found(struct lsm_scan *scan, const struct found_row *found,
                      const struct datum *values, const struct sim_row *row, struct batch *batch)
{
    const struct lsm_scan_spec *spec = scan->spec;
    uint32_t at = batch->n_rows++, c = 0;
    for (; c < spec->n_columns; c++)
        vec_put(&batch->cols[c], at, &values[kv_schema_column(spec->schema, spec->column_ids[c])],
                batch->arena);
    struct datum key = datum_bytes(row->key, row->key_len);
    struct datum span = {.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = (int32_t)found->span};
    if (spec->with_key)
        vec_put(&batch->cols[c++], at, &key, batch->arena);
    if (spec->with_span)
        vec_put(&batch->cols[c++], at, &span, batch->arena);
}

int lsm_scan_next(struct task *task, struct lsm_scan *scan, uint32_t rows_max,
                  struct mem_account *account, struct batch **out, struct err *err)
{
    const struct lsm_scan_spec *spec = scan->spec;
    uint32_t rows = rows_max < 5 ? rows_max : 5; /* small batches: boundaries everywhere */
    struct datum values[spec->schema->n_columns];
    struct batch *batch =
        batch_create((uint32_t)spec->n_columns + spec->with_key + spec->with_span, account);
    uint32_t c = 0;
    for (; c < spec->n_columns; c++)
        vec_alloc(&batch->cols[c],
                  spec->schema->columns[kv_schema_column(spec->schema, spec->column_ids[c])].kind,
                  rows, batch->arena);
    if (spec->with_key)
        vec_alloc(&batch->cols[c++], PHYS_BYTES, rows, batch->arena);
    if (spec->with_span)
        vec_alloc(&batch->cols[c++], PHYS_INT32, rows, batch->arena);
    while (scan->at < scan->n_found && batch->n_rows < rows) {
        const struct found_row *found = &scan->found[scan->at++];
        const struct sim_version *v = found->version;
        const struct sim_row *row = (const void *)v->older;
        if (!kv_schema_row_decode(spec->schema, row->key, row->key_len, v->data, v->len, values,
                                  batch->arena))
            abort();
        if (kv_schema_tests_pass(spec->schema, spec->tests, spec->n_tests, values))
            put_found(scan, found, values, row, batch);
    }
    if (!batch->n_rows) {
        batch_destroy(batch);
        batch = NULL;
    }
    for (c = 0; batch && c < batch->n_cols; c++)
        batch->cols[c].n = batch->n_rows;
    *out = batch;
    return 0;
}

hlc_time lsm_scan_uncertain(const struct lsm_scan *scan)
{
    return scan->uncertain;
}

void lsm_scan_stats_add(const struct lsm_scan *scan, struct kv_scan_stats *to)
{
    to->rows_tested += scan->n_found;
}

void lsm_scan_close(struct lsm_scan *scan)
{
    arena_done(&scan->arena);
    free(scan->found);
    free(scan);
}
