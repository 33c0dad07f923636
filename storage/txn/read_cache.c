#include "storage/txn/read_cache.h"

#include <stdlib.h>

#include "base/hash.h"
#include "storage/txn/kv_read.h"

void read_cache_init(struct read_cache *cache, hlc_time low_water)
{
    *cache = (struct read_cache){.low_water = low_water, .newest = low_water};
}

static void free_span(struct read_cache_span *span)
{
    free(span->start);
    free(span->end);
    *span = (struct read_cache_span){0};
}

void read_cache_done(struct read_cache *cache)
{
    for (uint32_t i = 0; i < cache->n_spans; i++)
        free_span(&cache->spans[i]);
    cache->n_spans = 0;
}

static void raise_mark(struct read_cache_mark *mark, hlc_time ts, const struct kv_txn_id *reader)
{
    if (kv_txn_id_equal(&mark->reader, reader)) {
        if (ts > mark->ts)
            mark->ts = ts;
    } else if (ts > mark->ts) {
        mark->other = mark->ts;
        mark->ts = ts;
        mark->reader = *reader;
    } else if (ts > mark->other) {
        mark->other = ts;
    }
}

static hlc_time newest_of_mark(const struct read_cache_mark *mark, const struct kv_txn_id *reader)
{
    return reader && kv_txn_id_equal(&mark->reader, reader) ? mark->other : mark->ts;
}

static uint32_t choose_point(uint64_t storage, uint16_t shard, const void *key, uint32_t key_len)
{
    return (uint32_t)(hash_bytes(key, key_len, storage << 16 | shard) % READ_CACHE_POINTS);
}

static bool same_bytes(const uint8_t *a, uint32_t a_len, const uint8_t *b, uint32_t b_len)
{
    return a_len == b_len && (!a_len || !memcmp(a, b, a_len));
}

static uint8_t *copy_bytes(const uint8_t *data, uint32_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    if (!copy)
        abort();
    if (len)
        memcpy(copy, data, len);
    return copy;
}

static void raise_span(struct read_cache *cache, uint64_t storage, uint16_t shard,
                       const struct kv_span *span, hlc_time ts, const struct kv_txn_id *reader)
{
    uint32_t oldest = 0;
    for (uint32_t i = 0; i < cache->n_spans; i++) {
        struct read_cache_span *s = &cache->spans[i];
        if (s->storage == storage && s->shard == shard && !s->end == !span->end &&
            same_bytes(s->start, s->start_len, span->start, span->start_len) &&
            same_bytes(s->end, s->end_len, span->end, span->end_len)) {
            raise_mark(&s->mark, ts, reader);
            return;
        }
        if (s->mark.ts < cache->spans[oldest].mark.ts)
            oldest = i;
    }
    uint32_t at = cache->n_spans;
    if (at == READ_CACHE_SPANS) {
        at = oldest;
        if (cache->spans[at].mark.ts > cache->low_water)
            cache->low_water = cache->spans[at].mark.ts;
        free_span(&cache->spans[at]);
    } else {
        cache->n_spans++;
    }
    cache->spans[at] = (struct read_cache_span){
        .mark = {.ts = ts, .reader = *reader},
        .storage = storage,
        .shard = shard,
        .start_len = span->start_len,
        .end_len = span->end_len,
        .start = copy_bytes(span->start, span->start_len),
        .end = span->end ? copy_bytes(span->end, span->end_len) : NULL,
    };
}

void read_cache_raise(struct read_cache *cache, uint64_t storage, uint16_t shard,
                      const struct kv_span *span, hlc_time ts, const struct kv_txn_id *reader)
{
    if (ts > cache->newest)
        cache->newest = ts;
    if (ts <= cache->low_water)
        return;
    if (span->point)
        raise_mark(&cache->points[choose_point(storage, shard, span->start, span->start_len)], ts,
                   reader);
    else
        raise_span(cache, storage, shard, span, ts, reader);
}

hlc_time read_cache_newest_other(const struct read_cache *cache, uint64_t storage, uint16_t shard,
                                 const void *key, uint32_t key_len, const struct kv_txn_id *reader)
{
    hlc_time newest = cache->low_water;
    hlc_time ts =
        newest_of_mark(&cache->points[choose_point(storage, shard, key, key_len)], reader);
    if (ts > newest)
        newest = ts;
    for (uint32_t i = 0; i < cache->n_spans; i++) {
        const struct read_cache_span *s = &cache->spans[i];
        ts = newest_of_mark(&s->mark, reader);
        if (s->storage != storage || s->shard != shard || ts <= newest ||
            key_compare(s->start, s->start_len, key, key_len) > 0 ||
            (s->end && key_compare(s->end, s->end_len, key, key_len) <= 0))
            continue;
        newest = ts;
    }
    return newest;
}

hlc_time read_cache_newest(const struct read_cache *cache, uint64_t storage, uint16_t shard,
                           const void *key, uint32_t key_len)
{
    return read_cache_newest_other(cache, storage, shard, key, key_len, NULL);
}
