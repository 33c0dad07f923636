/* sst_cache.h: the node's block cache: immutable, counted, parsed blocks.
 *
 * The one structure that all cores share under locks (16 shards). Bounded by bytes; pinned entries
 * may exceed the bound. Scan-resistant: new blocks pass through a small queue (a tenth of the
 * space) and reach the main queue only when asked for again; a block evicted from the small queue
 * is remembered by its hash for a while and goes to the main queue at once when it returns
 * (S3-FIFO, Yang et al., SOSP '23).
 *
 * An entry belongs to the cache until it is evicted and to everyone who pinned it; the last to let
 * go frees it with its own `destroy`.
 */
#ifndef CAIRN_STORAGE_SST_SST_CACHE_H
#define CAIRN_STORAGE_SST_SST_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct sst_cache;

/* First member of what is cached. */
struct sst_cached {
    _Atomic uint32_t refs;
    uint8_t queue; /* 0 none, 1 small, 2 main */
    uint8_t hits;  /* 0..3 since it was queued */
    uint64_t file; /* unique per open file object */
    uint64_t offset;
    size_t size_bytes;
    struct sst_cached *next; /* hash chain */
    struct list_node link;   /* its queue, newest last */
    void (*destroy)(struct sst_cached *cached);
};

struct sst_cache_stats {
    uint64_t bytes, entries, hits, misses, evictions;
};

struct sst_cache *sst_cache_create(uint64_t bytes_max);
void sst_cache_destroy(struct sst_cache *cache); /* nothing may be pinned */
/* Pinned, or NULL. */
struct sst_cached *sst_cache_get(struct sst_cache *cache, uint64_t file, uint64_t offset);
/* Takes over one reference's worth and pins it for the caller (refs 2 afterwards); when another
 * thread was faster, frees `take` and returns that one's. file, offset, size_bytes and destroy
 * are set. */
struct sst_cached *sst_cache_put(struct sst_cache *cache, struct sst_cached *take);
void sst_cached_ref(struct sst_cached *cached);
void sst_cached_unref(struct sst_cached *cached); /* NULL is fine */
/* Forgets the blocks of a file that is gone. Visits every shard: for deletions only. */
void sst_cache_drop_file(struct sst_cache *cache, uint64_t file);
void sst_cache_stats_get(struct sst_cache *cache, struct sst_cache_stats *out);

#endif
