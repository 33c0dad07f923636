#include <assert.h>
#include <stdlib.h>

#include "storage/lsm/lsm_int.h"

enum { PATH_BYTES = 600 };

static void set_defaults(struct lsm_node_config *c)
{
    c->block_cache_bytes = c->block_cache_bytes ? c->block_cache_bytes : 64ull << 20;
    c->memtable_bytes_max = c->memtable_bytes_max ? c->memtable_bytes_max : 64ull << 20;
    c->memtable_bytes_one = c->memtable_bytes_one ? c->memtable_bytes_one : 32ull << 20;
    c->file_bytes_max = c->file_bytes_max ? c->file_bytes_max : 64ull << 20;
    c->block_bytes_upper = c->block_bytes_upper ? c->block_bytes_upper : 16 << 10;
    c->block_bytes_last = c->block_bytes_last ? c->block_bytes_last : 128 << 10;
    c->open_files_max = c->open_files_max ? c->open_files_max : 256;
    c->compactions_max = c->compactions_max ? c->compactions_max : 1;
}

/* On the manifest's lane: nothing names the file any more. */
static void forget_file(void *arg, uint64_t number)
{
    struct lsm_node *node = arg;
    lock_take(&node->lock);
    struct lsm_file *f = intmap_get(&node->files, number);
    if (f)
        sst_file_mark_obsolete(f->sst);
    lock_give(&node->lock);
    if (f)
        return;
    /* Not open here (a tablet dropped before it was touched): remove it now. */
    char path[PATH_BYTES];
    manifest_file_path(node->manifest, number, path, sizeof path);
    struct sst_file *sst = sst_file_create(node->store, path, 0, 0, 0);
    sst_file_mark_obsolete(sst);
    sst_file_unref(sst, node->env);
}

int lsm_node_open(struct task *task, const char *dir, const struct lsm_node_config *config,
                  struct lsm_node **out, struct err *err)
{
    struct lsm_node *node = calloc(1, sizeof *node);
    assert(node);
    node->env = task->env;
    node->config = *config;
    set_defaults(&node->config);
    int code = manifest_open(task, dir, &node->manifest, err);
    if (code) {
        free(node);
        return code;
    }
    node->store = sst_store_create(node->config.block_cache_bytes, node->config.open_files_max);
    lock_init(&node->lock);
    list_init(&node->tablets);
    list_init(&node->slot_waiters);
    intmap_init(&node->files);
    manifest_on_dropped(node->manifest, forget_file, node);
    *out = node;
    return 0;
}

void lsm_node_close(struct task *task, struct lsm_node *node)
{
    manifest_close(task, node->manifest);
    assert(list_is_empty(&node->tablets) && node->files.count == 0);
    intmap_done(&node->files);
    sst_store_destroy(task, node->store);
    lock_done(&node->lock);
    free(node);
}

struct manifest *lsm_node_manifest(struct lsm_node *node)
{
    return node->manifest;
}

void lsm_fail(struct lsm_node *node, const struct err *err)
{
    if (!atomic_exchange(&node->failed, true) && node->config.on_fatal)
        node->config.on_fatal(node->config.fatal_arg, err);
}

uint64_t lsm_new_uid(struct lsm_node *node)
{
    uint64_t uid = 0;
    env_random(node->env, &uid, sizeof uid);
    return uid | 1; /* never 0 */
}

/* ---- files ---- */

struct lsm_file *lsm_file_get(struct lsm_node *node, const struct manifest_file *meta)
{
    lock_take(&node->lock);
    struct lsm_file *f = intmap_get(&node->files, meta->number);
    if (f) {
        f->refs++;
        lock_give(&node->lock);
        return f;
    }
    f = calloc(1, sizeof *f);
    assert(f);
    f->node = node;
    f->refs = 1;
    f->meta = *meta;
    uint8_t *keys = malloc((size_t)meta->min_key_len + meta->max_key_len + 1);
    assert(keys);
    memcpy(keys, meta->min_key, meta->min_key_len);
    memcpy(keys + meta->min_key_len, meta->max_key, meta->max_key_len);
    f->meta.min_key = keys;
    f->meta.max_key = keys + meta->min_key_len;
    char path[PATH_BYTES];
    manifest_file_path(node->manifest, meta->number, path, sizeof path);
    f->sst = sst_file_create(node->store, path, meta->size_bytes, meta->uid, meta->generation);
    intmap_put(&node->files, meta->number, f);
    lock_give(&node->lock);
    return f;
}

void lsm_file_ref(struct lsm_file *f)
{
    lock_take(&f->node->lock);
    f->refs++;
    lock_give(&f->node->lock);
}

void lsm_file_unref(struct lsm_file *f)
{
    struct lsm_node *node = f->node;
    lock_take(&node->lock);
    bool last = --f->refs == 0;
    if (last)
        intmap_remove(&node->files, f->meta.number);
    lock_give(&node->lock);
    if (!last)
        return;
    sst_file_unref(f->sst, node->env);
    free((void *)(uintptr_t)f->meta.min_key);
    free(f);
}

/* ---- the memtable budget: above it the biggest memtable is frozen, on its own core ---- */

static void freeze_there(struct core *core, struct core_msg *msg)
{
    struct lsm *lsm = container_of(msg, struct lsm, freeze_msg);
    atomic_store(&lsm->freeze_posted, false);
    if (!atomic_load(&lsm->dropped) && !lsm->closing && lsm_freeze(lsm))
        lsm_schedule_flush(lsm);
    lsm_unref(lsm);
}

static void post_freeze(struct lsm *lsm)
{
    if (atomic_exchange(&lsm->freeze_posted, true))
        return;
    lsm_ref(lsm);
    core_post(lsm->core, &lsm->freeze_msg, freeze_there);
}

static void freeze_biggest(struct lsm_node *node)
{
    lock_take(&node->lock);
    struct lsm *biggest = NULL;
    uint64_t most = 0;
    list_each(struct lsm, lsm, &node->tablets, link)
    {
        uint64_t bytes = atomic_load_explicit(&lsm->mem_bytes, memory_order_relaxed);
        if (atomic_load(&lsm->freeze_posted) || bytes <= most)
            continue;
        biggest = lsm;
        most = bytes;
    }
    if (biggest)
        post_freeze(biggest);
    lock_give(&node->lock);
}

void lsm_account_memory(struct lsm *lsm)
{
    uint64_t bytes = memtable_bytes(lsm->mem);
    if (bytes == lsm->mem_charged)
        return;
    struct lsm_node *node = lsm->node;
    uint64_t total = atomic_fetch_add(&node->mem_bytes, bytes - lsm->mem_charged);
    total += bytes - lsm->mem_charged;
    lsm->mem_charged = bytes;
    atomic_store_explicit(&lsm->mem_bytes, bytes, memory_order_relaxed);
    if (bytes > node->config.memtable_bytes_one)
        post_freeze(lsm);
    else if (total > node->config.memtable_bytes_max)
        freeze_biggest(node);
}

bool lsm_node_is_throttling(const struct lsm_node *node)
{
    uint64_t bytes = atomic_load_explicit(&node->mem_bytes, memory_order_relaxed) +
                     atomic_load_explicit(&node->frozen_bytes, memory_order_relaxed);
    return bytes > 2 * node->config.memtable_bytes_max;
}

/* ---- compaction slots ---- */

static void grant_slot(struct core *core, struct core_msg *msg)
{
    struct lsm *lsm = container_of(msg, struct lsm, slot_msg);
    lsm->slot_granted = true;
    wait_queue_wake_all(&lsm->idle);
    lsm_unref(lsm);
}

void lsm_slot_take(struct task *task, struct lsm *lsm)
{
    struct lsm_node *node = lsm->node;
    lock_take(&node->lock);
    bool free_slot = node->slots_used < node->config.compactions_max;
    if (free_slot)
        node->slots_used++;
    else
        list_push_back(&node->slot_waiters, &lsm->slot_link);
    lock_give(&node->lock);
    if (free_slot)
        return;
    while (!lsm->slot_granted)
        wait_queue_wait_always(task, &lsm->idle);
    lsm->slot_granted = false;
}

void lsm_slot_give(struct lsm_node *node)
{
    lock_take(&node->lock);
    struct list_node *next = list_pop_front(&node->slot_waiters);
    struct lsm *lsm = next ? container_of(next, struct lsm, slot_link) : NULL;
    if (lsm)
        lsm_ref(lsm); /* the slot passes on */
    else
        node->slots_used--;
    lock_give(&node->lock);
    if (lsm)
        core_post(lsm->core, &lsm->slot_msg, grant_slot);
}

void lsm_node_stats_get(struct lsm_node *node, struct lsm_node_stats *out)
{
    struct sst_store_stats s;
    sst_store_stats_get(node->store, &s);
    *out = (struct lsm_node_stats){
        .cache_bytes = s.cache.bytes,
        .cache_hits = s.cache.hits,
        .cache_misses = s.cache.misses,
        .cache_evictions = s.cache.evictions,
        .memtable_bytes = atomic_load(&node->mem_bytes),
        .frozen_bytes = atomic_load(&node->frozen_bytes),
        .flushes = atomic_load(&node->flushes),
        .flushed_bytes = atomic_load(&node->flushed_bytes),
        .compactions = atomic_load(&node->compactions),
        .compacted_bytes_in = atomic_load(&node->compacted_in),
        .compacted_bytes_out = atomic_load(&node->compacted_out),
        .versions_dropped = atomic_load(&node->dropped),
        .open_files = s.open_files,
        .corrupt_blocks = s.corrupt_blocks,
    };
}
