/* memtable.h: recent versions of a tablet, in memory, ordered by (key, descending timestamp).
 *
 * A skip list: one writer (the tablet's core), readers on any thread at the same time without
 * locks, because nodes are only ever added and are complete before they are linked
 * (release/acquire). Memory comes from the table's own arena and goes all at once when the last
 * reference does. Appending in key order reuses the last position.
 *
 * Invariants
 * 1. A node once linked never changes, and (key, ts) appears once.
 * 2. After memtable_freeze (by convention: the owner stops writing) it is immutable altogether.
 *
 * After Pugh's skip lists and LevelDB's.
 */
#ifndef CAIRN_STORAGE_LSM_MEMTABLE_H
#define CAIRN_STORAGE_LSM_MEMTABLE_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/hlc.h"
#include "base/prng.h"

enum { MEMTABLE_HEIGHT_MAX = 12 };

struct mem_node;

/* Where a node leads on one level. `prefix` abbreviates the key of `next` (memtable.c), so that
 * most comparisons touch no other node. The writer stores next before prefix, readers load
 * prefix before next: a stale prefix is always that of a node further on, which at worst costs
 * a level. */
struct mem_link {
    _Atomic uint64_t prefix;
    _Atomic(struct mem_node *) next;
};

struct mem_node {
    hlc_time ts;
    uint32_t key_len;
    uint32_t row_len; /* PUT: row format; DELETE: the key it moved to */
    uint8_t deleted;
    uint8_t has_moved;
    uint8_t height;
    struct mem_link links[];
    /* key bytes, row bytes behind links[height] */
};

static inline const uint8_t *mem_node_key(const struct mem_node *n)
{
    return (const uint8_t *)(n->links + n->height);
}
static inline const uint8_t *mem_node_row(const struct mem_node *n)
{
    return mem_node_key(n) + n->key_len;
}
static inline struct mem_node *mem_node_next(const struct mem_node *n)
{
    return atomic_load_explicit(&n->links[0].next, memory_order_acquire);
}

struct memtable {
    _Atomic uint32_t refs;
    struct arena arena;
    struct mem_node *head;                        /* no key; full height */
    struct mem_node *before[MEMTABLE_HEIGHT_MAX]; /* the last insertion's path (writer only) */
    struct prng prng;
    uint64_t count;
    uint64_t min_index, max_index; /* of the log; 0 = nothing written */
    hlc_time min_ts;
    _Atomic hlc_time max_ts;
};

struct memtable *memtable_create(void);
void memtable_ref(struct memtable *m);
void memtable_unref(struct memtable *m);
/* False: (key, ts) was there already. */
bool memtable_insert(struct memtable *m, const void *key, uint32_t key_len, hlc_time ts,
                     bool deleted, bool has_moved, const void *row, uint32_t row_len);
/* First node at or behind (key, ts): the newest version <= ts of the key, or of the next key.
 * NULL: none. */
struct mem_node *memtable_seek(const struct memtable *m, const void *key, uint32_t key_len,
                               hlc_time ts);
struct mem_node *memtable_first(const struct memtable *m);
/* Last node whose key is < key (its key's oldest version); key NULL: the last of all. NULL:
 * none. */
struct mem_node *memtable_last_before(const struct memtable *m, const void *key, uint32_t key_len);
static inline uint64_t memtable_bytes(const struct memtable *m)
{
    return m->arena.total_bytes;
}

#endif
