#include "storage/sst/sst_cache.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/lock.h"

enum { SHARDS = 16, QUEUE_NONE = 0, QUEUE_SMALL = 1, QUEUE_MAIN = 2, GHOSTS = 1024 };

struct shard {
    struct lock lock;
    struct sst_cached **table;
    size_t mask; /* slots - 1 */
    size_t count;
    struct list small, main;
    uint64_t small_bytes, main_bytes;
    uint64_t hits, misses, evictions;
    uint32_t ghosts[GHOSTS]; /* hashes of what left the small queue, by place */
};

struct sst_cache {
    uint64_t shard_bytes_max;
    struct shard shards[SHARDS];
};

static uint64_t hash_place(uint64_t file, uint64_t offset)
{
    return hash_u64(offset, hash_u64(file, 11));
}

static struct shard *shard_of(struct sst_cache *cache, uint64_t hash)
{
    return &cache->shards[hash >> 60];
}

struct sst_cache *sst_cache_create(uint64_t bytes_max)
{
    struct sst_cache *cache = calloc(1, sizeof *cache);
    assert(cache);
    cache->shard_bytes_max = bytes_max / SHARDS;
    for (int i = 0; i < SHARDS; i++) {
        struct shard *s = &cache->shards[i];
        lock_init(&s->lock);
        list_init(&s->small);
        list_init(&s->main);
        s->mask = 63;
        s->table = calloc(s->mask + 1, sizeof *s->table);
        assert(s->table);
    }
    return cache;
}

void sst_cached_ref(struct sst_cached *cached)
{
    atomic_fetch_add_explicit(&cached->refs, 1, memory_order_relaxed);
}

void sst_cached_unref(struct sst_cached *cached)
{
    if (cached && atomic_fetch_sub_explicit(&cached->refs, 1, memory_order_acq_rel) == 1)
        cached->destroy(cached);
}

static struct sst_cached **find_place(struct shard *s, uint64_t hash, uint64_t file,
                                      uint64_t offset)
{
    struct sst_cached **at = &s->table[hash & s->mask];
    while (*at && ((*at)->file != file || (*at)->offset != offset))
        at = &(*at)->next;
    return at;
}

static void grow_table(struct shard *s)
{
    size_t slots = (s->mask + 1) * 2;
    struct sst_cached **table = calloc(slots, sizeof *table);
    assert(table);
    for (size_t i = 0; i <= s->mask; i++) {
        while (s->table[i]) {
            struct sst_cached *c = s->table[i];
            s->table[i] = c->next;
            size_t at = hash_place(c->file, c->offset) & (slots - 1);
            c->next = table[at];
            table[at] = c;
        }
    }
    free(s->table);
    s->table = table;
    s->mask = slots - 1;
}

static void enqueue(struct shard *s, struct sst_cached *c, uint8_t queue)
{
    c->queue = queue;
    c->hits = 0;
    list_push_back(queue == QUEUE_SMALL ? &s->small : &s->main, &c->link);
    *(queue == QUEUE_SMALL ? &s->small_bytes : &s->main_bytes) += c->size_bytes;
}

static void dequeue(struct shard *s, struct sst_cached *c)
{
    list_remove(&c->link);
    *(c->queue == QUEUE_SMALL ? &s->small_bytes : &s->main_bytes) -= c->size_bytes;
    c->queue = QUEUE_NONE;
}

/* Out of table and queue; the cache's reference goes. */
static void drop_entry(struct shard *s, struct sst_cached *c)
{
    struct sst_cached **at = find_place(s, hash_place(c->file, c->offset), c->file, c->offset);
    assert(*at == c);
    *at = c->next;
    s->count--;
    if (c->queue != QUEUE_NONE)
        dequeue(s, c);
    sst_cached_unref(c);
}

static bool is_pinned(const struct sst_cached *c)
{
    return atomic_load_explicit(&c->refs, memory_order_acquire) > 1;
}

/* One step: something is evicted or moved. False: everything left is pinned. */
static bool evict_from(struct shard *s, struct list *queue, size_t *tries)
{
    struct list_node *node = list_first(queue);
    if (!node || (*tries)-- == 0)
        return false;
    struct sst_cached *c = container_of(node, struct sst_cached, link);
    uint8_t was = c->queue;
    if (is_pinned(c) || (was == QUEUE_MAIN && c->hits > 0)) {
        uint8_t hits = c->hits;
        dequeue(s, c);
        enqueue(s, c, was);
        c->hits = hits && !is_pinned(c) ? (uint8_t)(hits - 1) : hits;
        return true;
    }
    if (was == QUEUE_SMALL && c->hits > 0) {
        dequeue(s, c);
        enqueue(s, c, QUEUE_MAIN);
        return true;
    }
    uint64_t hash = hash_place(c->file, c->offset);
    if (was == QUEUE_SMALL)
        s->ghosts[hash % GHOSTS] = (uint32_t)(hash >> 20);
    drop_entry(s, c);
    s->evictions++;
    return true;
}

static void make_room(struct sst_cache *cache, struct shard *s)
{
    size_t tries = 4 * s->count + 16;
    while (s->small_bytes + s->main_bytes > cache->shard_bytes_max) {
        bool small = s->small_bytes * 10 > cache->shard_bytes_max || list_is_empty(&s->main);
        if (!evict_from(s, small ? &s->small : &s->main, &tries))
            return;
    }
}

struct sst_cached *sst_cache_get(struct sst_cache *cache, uint64_t file, uint64_t offset)
{
    uint64_t hash = hash_place(file, offset);
    struct shard *s = shard_of(cache, hash);
    lock_take(&s->lock);
    struct sst_cached *c = *find_place(s, hash, file, offset);
    if (c) {
        sst_cached_ref(c);
        c->hits = c->hits < 3 ? c->hits + 1 : 3;
        s->hits++;
    } else {
        s->misses++;
    }
    lock_give(&s->lock);
    return c;
}

struct sst_cached *sst_cache_put(struct sst_cache *cache, struct sst_cached *take)
{
    uint64_t hash = hash_place(take->file, take->offset);
    struct shard *s = shard_of(cache, hash);
    lock_take(&s->lock);
    struct sst_cached **at = find_place(s, hash, take->file, take->offset);
    struct sst_cached *there = *at;
    if (there) {
        sst_cached_ref(there);
        lock_give(&s->lock);
        take->destroy(take);
        return there;
    }
    take->next = NULL;
    *at = take;
    s->count++;
    atomic_store_explicit(&take->refs, 2, memory_order_relaxed);
    bool known = s->ghosts[hash % GHOSTS] == (uint32_t)(hash >> 20);
    enqueue(s, take, known ? QUEUE_MAIN : QUEUE_SMALL);
    make_room(cache, s);
    if (s->count > s->mask)
        grow_table(s);
    lock_give(&s->lock);
    return take;
}

void sst_cache_drop_file(struct sst_cache *cache, uint64_t file)
{
    for (int i = 0; i < SHARDS; i++) {
        struct shard *s = &cache->shards[i];
        lock_take(&s->lock);
        struct list *queues[2] = {&s->small, &s->main};
        for (int q = 0; q < 2; q++)
            list_each_safe(struct sst_cached, c, queues[q], link)
            {
                if (c->file == file)
                    drop_entry(s, c);
            }
        lock_give(&s->lock);
    }
}

void sst_cache_stats_get(struct sst_cache *cache, struct sst_cache_stats *out)
{
    *out = (struct sst_cache_stats){0};
    for (int i = 0; i < SHARDS; i++) {
        struct shard *s = &cache->shards[i];
        lock_take(&s->lock);
        out->bytes += s->small_bytes + s->main_bytes;
        out->entries += s->count;
        out->hits += s->hits;
        out->misses += s->misses;
        out->evictions += s->evictions;
        lock_give(&s->lock);
    }
}

void sst_cache_destroy(struct sst_cache *cache)
{
    for (int i = 0; i < SHARDS; i++) {
        struct shard *s = &cache->shards[i];
        for (size_t k = 0; k <= s->mask; k++)
            while (s->table[k])
                drop_entry(s, s->table[k]);
        free(s->table);
        lock_done(&s->lock);
    }
    free(cache);
}
