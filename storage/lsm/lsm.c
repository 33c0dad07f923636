#include "storage/lsm/lsm.h"

#include <assert.h>
#include <stdlib.h>

#include "base/sort.h"
#include "storage/lsm/lsm_int.h"

/* ---- schemas ---- */

static struct sst_key_schema *make_keys(const struct kv_schema *s, struct arena *arena)
{
    struct sst_key_schema *keys =
        arena_zalloc(arena, sizeof *keys + s->n_key * sizeof keys->parts[0]);
    keys->n_parts = s->n_key;
    for (uint16_t i = 0; i < s->n_key; i++) {
        const struct kv_column *c = &s->columns[s->key[i].column];
        keys->parts[i].column_id = c->id;
        keys->parts[i].part =
            (struct key_part){c->kind, s->key[i].desc, s->key[i].nulls_first, c->dec_scale};
    }
    return keys;
}

struct lsm_schema *lsm_schema_create(const struct kv_schema *schema)
{
    struct lsm_schema *s = calloc(1, sizeof *s);
    assert(s);
    atomic_init(&s->refs, 1);
    arena_init(&s->arena, NULL);
    kv_schema_encode(schema, &s->bytes);
    struct err err;
    int code = kv_schema_decode(s->bytes.data, s->bytes.len, &s->arena, &s->schema, &err);
    assert(code == 0); /* what was just encoded */
    s->keys = make_keys(s->schema, &s->arena);
    return s;
}

void lsm_schema_unref(struct lsm_schema *s)
{
    if (atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    buf_done(&s->bytes);
    arena_done(&s->arena);
    free(s);
}

static struct lsm_schema *ref_schema(struct lsm_schema *s)
{
    atomic_fetch_add(&s->refs, 1);
    return s;
}

/* ---- versions ---- */

static struct lsm_version *alloc_version(struct lsm_node *node, size_t n_runs)
{
    struct lsm_version *v = calloc(1, sizeof *v);
    assert(v);
    atomic_init(&v->refs, 1);
    v->node = node;
    v->runs = calloc(n_runs + 1, sizeof *v->runs);
    assert(v->runs);
    return v;
}

void lsm_version_unref(struct lsm_version *v)
{
    if (atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t r = 0; r < v->n_runs; r++) {
        for (size_t i = 0; i < v->runs[r].n_files; i++)
            lsm_file_unref(v->runs[r].files[i]);
        free(v->runs[r].files);
    }
    free(v->runs);
    free(v);
}

static int compare_files(const void *a, const void *b, void *arg)
{
    const struct manifest_file *x = &((const struct lsm_file *)a)->meta;
    const struct manifest_file *y = &((const struct lsm_file *)b)->meta;
    if (x->run != y->run)
        return x->run > y->run ? -1 : 1;
    int cmp = key_compare(x->min_key, x->min_key_len, y->min_key, y->min_key_len);
    return cmp ? cmp : (x->number > y->number) - (x->number < y->number);
}

static bool is_removed(const struct lsm_file *f, const uint64_t *remove, size_t n_remove)
{
    for (size_t i = 0; i < n_remove; i++)
        if (remove[i] == f->meta.number)
            return true;
    return false;
}

/* all: sorted by run, then key; a reference is taken on each. */
static struct lsm_version *build_version(struct lsm_node *node, struct lsm_file **all, size_t n)
{
    struct lsm_version *v = alloc_version(node, n);
    for (size_t i = 0; i < n;) {
        size_t k = i;
        while (k < n && all[k]->meta.run == all[i]->meta.run)
            k++;
        struct lsm_run *run = &v->runs[v->n_runs++];
        run->id = all[i]->meta.run;
        run->n_files = k - i;
        run->files = malloc((k - i) * sizeof *run->files);
        assert(run->files);
        for (size_t first = i; i < k; i++) {
            const struct manifest_file *f = &all[i]->meta;
            /* Points look into one file of a run. */
            assert(i == first || key_compare(all[i - 1]->meta.max_key, all[i - 1]->meta.max_key_len,
                                             f->min_key, f->min_key_len) < 0);
            lsm_file_ref(all[i]);
            run->files[run->n_files - (k - i)] = all[i];
            run->bytes += all[i]->meta.size_bytes;
        }
    }
    return v;
}

struct lsm_version *lsm_version_edit(const struct lsm_version *old, struct lsm_file **add,
                                     size_t n_add, const uint64_t *remove, size_t n_remove)
{
    size_t n = n_add;
    for (size_t r = 0; r < old->n_runs; r++)
        n += old->runs[r].n_files;
    struct lsm_file **all = malloc((n + 1) * sizeof *all);
    assert(all);
    n = 0;
    for (size_t r = 0; r < old->n_runs; r++)
        for (size_t i = 0; i < old->runs[r].n_files; i++)
            if (!is_removed(old->runs[r].files[i], remove, n_remove))
                all[n++] = old->runs[r].files[i];
    for (size_t i = 0; i < n_add; i++)
        all[n++] = add[i];
    sort_pointers((void **)all, n, compare_files, NULL, NULL);
    struct lsm_version *v = build_version(old->node, all, n);
    free(all);
    return v;
}

void lsm_install(struct lsm *lsm, struct lsm_version *take_version)
{
    struct lsm_version *old = lsm->version;
    lsm->version = take_version;
    lsm_version_unref(old);
}

/* ---- life ---- */

void lsm_ref(struct lsm *lsm)
{
    atomic_fetch_add(&lsm->refs, 1);
}

void lsm_unref(struct lsm *lsm)
{
    if (atomic_fetch_sub(&lsm->refs, 1) != 1)
        return;
    struct lsm_node *node = lsm->node;
    atomic_fetch_sub(&node->mem_bytes, lsm->mem_charged);
    for (size_t i = 0; i < lsm->n_frozen; i++) {
        atomic_fetch_sub(&node->frozen_bytes, memtable_bytes(lsm->frozen[i]));
        memtable_unref(lsm->frozen[i]);
    }
    memtable_unref(lsm->mem);
    lsm_version_unref(lsm->version);
    lsm_schema_unref(lsm->schema);
    free(lsm);
}

static struct lsm *alloc_lsm(struct lsm_node *node, struct core *core, struct tablet_id id,
                             uint32_t group, struct lsm_schema *take_schema)
{
    struct lsm *lsm = calloc(1, sizeof *lsm);
    assert(lsm);
    atomic_init(&lsm->refs, 1);
    lsm->node = node;
    lsm->core = core;
    lsm->id = id;
    lsm->group = group;
    lsm->schema = take_schema;
    lsm->mem = memtable_create();
    lsm->version = alloc_version(node, 0);
    wait_queue_init(&lsm->idle);
    lsm->mem_charged = memtable_bytes(lsm->mem);
    atomic_fetch_add(&node->mem_bytes, lsm->mem_charged);
    lock_take(&node->lock);
    list_push_back(&node->tablets, &lsm->link);
    lock_give(&node->lock);
    return lsm;
}

struct lsm *lsm_create(struct lsm_node *node, struct core *core, struct tablet_id id,
                       uint32_t group, const struct kv_schema *schema)
{
    return alloc_lsm(node, core, id, group, lsm_schema_create(schema));
}

int lsm_open(struct lsm_node *node, struct core *core, struct tablet_id id, struct lsm **out,
             struct err *err)
{
    struct buf bytes = {0};
    struct manifest_file *files = NULL;
    size_t n = 0;
    if (!manifest_tablet(node->manifest, id, &bytes, &files, &n))
        return err_set(err, ERR_INTERNAL_ERROR, "the manifest has no tablet %llu/%u",
                       (unsigned long long)id.storage, id.shard);
    struct arena arena;
    arena_init(&arena, NULL);
    struct kv_schema *schema = NULL;
    int code = kv_schema_decode(bytes.data, bytes.len, &arena, &schema, err);
    buf_done(&bytes);
    if (code) {
        free(files);
        arena_done(&arena);
        return code;
    }
    struct manifest_tablet_info *infos = NULL;
    size_t count = manifest_tablets(node->manifest, NULL, 0);
    infos = calloc(count + 1, sizeof *infos);
    assert(infos);
    count = manifest_tablets(node->manifest, infos, count);
    struct lsm *lsm = alloc_lsm(node, core, id, 0, lsm_schema_create(schema));
    for (size_t i = 0; i < count; i++) {
        if (tablet_id_compare(infos[i].id, id) != 0)
            continue;
        lsm->group = infos[i].group;
        lsm->flushed = infos[i].flushed;
    }
    free(infos);
    arena_done(&arena);
    struct lsm_file **all = malloc((n + 1) * sizeof *all);
    assert(all);
    for (size_t i = 0; i < n; i++)
        all[i] = lsm_file_get(node, &files[i]);
    lsm_install(lsm, lsm_version_edit(lsm->version, all, n, NULL, 0));
    for (size_t i = 0; i < n; i++)
        lsm_file_unref(all[i]);
    free(all);
    free(files);
    lsm->schema_stored = true;
    *out = lsm;
    return 0;
}

static void leave_node(struct lsm *lsm)
{
    lock_take(&lsm->node->lock);
    list_remove(&lsm->link);
    lock_give(&lsm->node->lock);
}

void lsm_close(struct task *task, struct lsm *lsm)
{
    lsm->closing = true;
    leave_node(lsm);
    while (lsm->background)
        wait_queue_wait_always(task, &lsm->idle);
    lsm_unref(lsm);
}

void lsm_drop(struct lsm *lsm)
{
    atomic_store(&lsm->dropped, true);
    leave_node(lsm);
    lsm_unref(lsm);
}

struct tablet_id lsm_id(const struct lsm *lsm)
{
    return lsm->id;
}
const struct kv_schema *lsm_schema(const struct lsm *lsm)
{
    return lsm->schema->schema;
}

void lsm_alter(struct lsm *lsm, const struct kv_schema *schema)
{
    if (schema->version <= lsm->schema->schema->version)
        return;
    struct lsm_schema *old = lsm->schema;
    lsm->schema = lsm_schema_create(schema);
    lsm->schema_stored = false;
    lsm_schema_unref(old);
}

void lsm_horizon_set(struct lsm *lsm, hlc_time horizon)
{
    if (horizon > atomic_load(&lsm->horizon))
        atomic_store(&lsm->horizon, horizon);
}

/* ---- writing ---- */

void lsm_write(struct lsm *lsm, uint64_t index, const struct lsm_write *w)
{
    if (index <= lsm->flushed)
        return;
    for (size_t i = 0; i < lsm->n_frozen; i++)
        if (index <= lsm->frozen[i]->max_index)
            return; /* frozen and on its way */
    struct memtable *m = lsm->mem;
    memtable_insert(m, w->key, w->key_len, w->ts, w->op == LSM_DELETE,
                    w->op == LSM_DELETE && w->row, w->row, w->row ? w->row_len : 0);
    if (!m->min_index || index < m->min_index)
        m->min_index = index;
    if (index > m->max_index)
        m->max_index = index;
    lsm_account_memory(lsm);
}

bool lsm_freeze(struct lsm *lsm)
{
    if (lsm->mem->count == 0 || lsm->n_frozen == LSM_FROZEN_MAX || lsm->held)
        return false;
    struct lsm_node *node = lsm->node;
    lsm->frozen[lsm->n_frozen++] = lsm->mem;
    atomic_fetch_add(&node->frozen_bytes, memtable_bytes(lsm->mem));
    atomic_fetch_sub(&node->mem_bytes, lsm->mem_charged);
    lsm->mem = memtable_create();
    lsm->mem_charged = memtable_bytes(lsm->mem);
    atomic_fetch_add(&node->mem_bytes, lsm->mem_charged);
    atomic_store(&lsm->mem_bytes, 0);
    return true;
}

void lsm_hold(struct lsm *lsm, bool held)
{
    lsm->held = held;
    if (!held)
        wait_queue_wake_all(&lsm->idle);
}

uint64_t lsm_unflushed_from(const struct lsm *lsm)
{
    uint64_t from = lsm->mem->min_index;
    for (size_t i = 0; i < lsm->n_frozen; i++)
        if (!from || lsm->frozen[i]->min_index < from)
            from = lsm->frozen[i]->min_index;
    return from;
}

uint64_t lsm_flushed(const struct lsm *lsm)
{
    return lsm->flushed;
}

void lsm_background_done(struct lsm *lsm)
{
    lsm->background--;
    wait_queue_wake_all(&lsm->idle);
    lsm_unref(lsm);
}

/* ---- snapshots ---- */

struct lsm_snapshot *lsm_snapshot_take(struct lsm *lsm)
{
    size_t n = 1 + lsm->n_frozen;
    struct lsm_snapshot *s = malloc(sizeof *s + n * sizeof s->mems[0]);
    assert(s);
    *s = (struct lsm_snapshot){.node = lsm->node, .version = lsm->version};
    atomic_init(&s->refs, 1);
    atomic_fetch_add_explicit(&lsm->version->refs, 1, memory_order_relaxed);
    s->schema = ref_schema(lsm->schema);
    s->mems[s->n_mems++] = lsm->mem;
    for (size_t i = lsm->n_frozen; i-- > 0;)
        s->mems[s->n_mems++] = lsm->frozen[i];
    for (size_t i = 0; i < s->n_mems; i++)
        memtable_ref(s->mems[i]);
    return s;
}

struct lsm_snapshot *lsm_snapshot_ref(struct lsm_snapshot *snapshot)
{
    atomic_fetch_add_explicit(&snapshot->refs, 1, memory_order_relaxed);
    return snapshot;
}

void lsm_snapshot_release(struct lsm_snapshot *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < s->n_mems; i++)
        memtable_unref(s->mems[i]);
    lsm_version_unref(s->version);
    lsm_schema_unref(s->schema);
    free(s->listed);
    free(s);
}

void lsm_stats_get(const struct lsm *lsm, struct lsm_stats *out)
{
    *out = lsm->stats;
    out->memtable_rows = lsm->mem->count;
    out->memtable_bytes = memtable_bytes(lsm->mem);
    for (size_t i = 0; i < lsm->n_frozen; i++) {
        out->memtable_rows += lsm->frozen[i]->count;
        out->memtable_bytes += memtable_bytes(lsm->frozen[i]);
    }
    out->rows_est = out->memtable_rows;
    out->bytes_est = out->memtable_bytes;
    out->runs = lsm->version->n_runs;
    for (size_t r = 0; r < lsm->version->n_runs; r++) {
        const struct lsm_run *run = &lsm->version->runs[r];
        out->file_bytes += run->bytes;
        out->files += run->n_files;
        for (size_t i = 0; i < run->n_files; i++) {
            const struct manifest_file *f = &run->files[i]->meta;
            uint64_t gone = 2 * f->delete_count;
            out->rows_est += f->key_count > gone ? f->key_count - gone : 0;
        }
    }
    out->bytes_est += out->file_bytes;
}
