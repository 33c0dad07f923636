#include "storage/lsm/memtable.h"

#include <assert.h>
#include <stdlib.h>

#include "base/key.h"

static struct mem_node *create_node(struct memtable *m, uint8_t height, uint32_t key_len,
                                    uint32_t row_len)
{
    size_t bytes = sizeof(struct mem_node) + height * sizeof(struct mem_node *) + key_len + row_len;
    struct mem_node *n = arena_alloc(&m->arena, bytes);
    n->height = height;
    n->key_len = key_len;
    n->row_len = row_len;
    return n;
}

struct memtable *memtable_create(void)
{
    struct memtable *m = calloc(1, sizeof *m);
    assert(m);
    atomic_init(&m->refs, 1);
    arena_init(&m->arena, NULL);
    prng_init(&m->prng, 0x6d656d);
    m->head = create_node(m, MEMTABLE_HEIGHT_MAX, 0, 0);
    for (int i = 0; i < MEMTABLE_HEIGHT_MAX; i++) {
        atomic_init(&m->head->next[i], NULL);
        m->before[i] = m->head;
    }
    m->min_ts = HLC_MAX;
    return m;
}

void memtable_ref(struct memtable *m)
{
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
}

void memtable_unref(struct memtable *m)
{
    if (atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
        return;
    arena_done(&m->arena);
    free(m);
}

static struct mem_node *next_at(const struct mem_node *n, int level)
{
    return atomic_load_explicit(&n->next[level], memory_order_acquire);
}

/* The node against (key, ts): keys ascending, timestamps descending. */
static int compare_node(const struct mem_node *n, const void *key, uint32_t key_len, hlc_time ts)
{
    uint32_t len = n->key_len < key_len ? n->key_len : key_len;
    int cmp = memcmp(mem_node_key(n), key, len);
    if (cmp != 0)
        return cmp;
    if (n->key_len != key_len)
        return n->key_len < key_len ? -1 : 1;
    return (n->ts < ts) - (n->ts > ts);
}

/* Fills before[] with the last node < (key, ts) of each level; returns the first >=. */
static struct mem_node *find_place(const struct memtable *m, const void *key, uint32_t key_len,
                                   hlc_time ts, struct mem_node **before)
{
    struct mem_node *at = m->head, *skip = NULL;
    for (int level = MEMTABLE_HEIGHT_MAX - 1; level >= 0; level--) {
        for (;;) {
            struct mem_node *n = next_at(at, level);
            /* `skip` was already seen to lie behind. */
            if (!n || n == skip || compare_node(n, key, key_len, ts) >= 0) {
                skip = n;
                break;
            }
            at = n;
        }
        if (before)
            before[level] = at;
    }
    return skip;
}

/* Near the last insertion: its path is right on every level but few steps off. False: search from the top. */
static bool find_near(struct memtable *m, const void *key, uint32_t key_len, hlc_time ts,
                      int height, struct mem_node **at)
{
    struct mem_node *low = m->before[0];
    if (low == m->head || compare_node(low, key, key_len, ts) >= 0)
        return false;
    for (int level = height - 1; level >= 0; level--) {
        struct mem_node *p = m->before[level];
        struct mem_node *n = next_at(p, level);
        for (int steps = 0; n && compare_node(n, key, key_len, ts) < 0; steps++) {
            if (steps == 2)
                return false;
            p = n;
            n = next_at(p, level);
        }
        m->before[level] = p;
        *at = n;
    }
    return true;
}

static uint8_t draw_height(struct memtable *m)
{
    uint8_t height = 1;
    for (uint64_t r = prng_next(&m->prng); height < MEMTABLE_HEIGHT_MAX && (r & 3) == 0; r >>= 2)
        height++;
    return height;
}

bool memtable_insert(struct memtable *m, const void *key, uint32_t key_len, hlc_time ts,
                     bool deleted, bool has_moved, const void *row, uint32_t row_len)
{
    uint8_t height = draw_height(m);
    struct mem_node *after = NULL;
    if (!find_near(m, key, key_len, ts, height, &after))
        after = find_place(m, key, key_len, ts, m->before);
    if (after && compare_node(after, key, key_len, ts) == 0)
        return false;
    struct mem_node *n = create_node(m, height, key_len, row_len);
    n->ts = ts;
    n->deleted = deleted;
    n->has_moved = has_moved;
    memcpy((uint8_t *)(uintptr_t)mem_node_key(n), key, key_len);
    if (row_len)
        memcpy((uint8_t *)(uintptr_t)mem_node_row(n), row, row_len);
    for (int i = 0; i < height; i++) {
        atomic_init(&n->next[i], next_at(m->before[i], i));
        atomic_store_explicit(&m->before[i]->next[i], n, memory_order_release);
        m->before[i] = n;
    }
    m->count++;
    m->min_ts = ts < m->min_ts ? ts : m->min_ts;
    if (ts > atomic_load_explicit(&m->max_ts, memory_order_relaxed))
        atomic_store_explicit(&m->max_ts, ts, memory_order_relaxed);
    return true;
}

struct mem_node *memtable_seek(const struct memtable *m, const void *key, uint32_t key_len,
                               hlc_time ts)
{
    return find_place(m, key, key_len, ts, NULL);
}

struct mem_node *memtable_first(const struct memtable *m) { return next_at(m->head, 0); }

struct mem_node *memtable_last_before(const struct memtable *m, const void *key, uint32_t key_len)
{
    struct mem_node *at = m->head;
    for (int level = MEMTABLE_HEIGHT_MAX - 1; level >= 0; level--) {
        struct mem_node *n;
        while ((n = next_at(at, level)) &&
               (!key || key_compare(mem_node_key(n), n->key_len, key, key_len) < 0))
            at = n;
    }
    return at == m->head ? NULL : at;
}
