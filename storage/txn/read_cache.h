/* read_cache.h: the newest timestamp each key of a group was read at, by its leader. Pure, bounded.
 *
 * A commit's timestamp must lie above every read of its keys. Point reads raise one of
 * READ_CACHE_POINTS slots chosen by the key's hash (keys that share a slot share its timestamp: too
 * high, never too low). Span reads are kept in a list of READ_CACHE_SPANS; when it is full the
 * oldest goes and raises the low water, which counts for every key.
 *
 * Each place remembers the sole reader of its newest timestamp, so that a transaction's own read
 * need not push its own write (read_cache_newest_other).
 *
 * Invariant: for every read reported, read_cache_newest of each key it covered is at least its
 * timestamp, for ever. After CockroachDB's timestamp cache.
 */
#ifndef CAIRN_STORAGE_TXN_READ_CACHE_H
#define CAIRN_STORAGE_TXN_READ_CACHE_H

#include "storage/kv.h"

enum { READ_CACHE_POINTS = 256, READ_CACHE_SPANS = 32 };

struct read_cache_mark {
    hlc_time ts;
    hlc_time other;          /* the newest by anybody but `reader` */
    struct kv_txn_id reader; /* who read at ts */
};

struct read_cache_span {
    struct read_cache_mark mark;
    uint64_t storage;
    uint16_t shard;
    uint32_t start_len, end_len;
    uint8_t *start, *end; /* end NULL: to the end */
};

struct read_cache {
    hlc_time low_water;
    hlc_time newest; /* of everything */
    uint32_t n_spans;
    struct read_cache_mark points[READ_CACHE_POINTS];
    struct read_cache_span spans[READ_CACHE_SPANS];
};

/* low_water: the read limit a quorum may have acknowledged to an earlier leader. */
void read_cache_init(struct read_cache *cache, hlc_time low_water);
void read_cache_done(struct read_cache *cache);
void read_cache_raise(struct read_cache *cache, uint64_t storage, uint16_t shard,
                      const struct kv_span *span, hlc_time ts, const struct kv_txn_id *reader);
hlc_time read_cache_newest(const struct read_cache *cache, uint64_t storage, uint16_t shard,
                           const void *key, uint32_t key_len);
/* Leaves out what `reader` alone read. */
hlc_time read_cache_newest_other(const struct read_cache *cache, uint64_t storage, uint16_t shard,
                                 const void *key, uint32_t key_len, const struct kv_txn_id *reader);

#endif
