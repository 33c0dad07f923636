#include "storage/lsm/memtable.h"

#include <assert.h>
#include <stdlib.h>

#include "base/key.h"

static struct mem_node *create_node(struct memtable *m, uint8_t height, uint32_t key_len,
                                    uint32_t row_len)
{
    size_t bytes = sizeof(struct mem_node) + height * sizeof(struct mem_link) + key_len + row_len;
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
        atomic_init(&m->head->links[i].next, NULL);
        atomic_init(&m->head->links[i].prefix, UINT64_MAX);
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

/* 64 bits that order like keys, as far as they tell: a key begins with the marker of its first
 * part (1..3), then come the bytes that differ. */
static uint64_t abbreviate(const uint8_t *key, uint32_t len)
{
    uint8_t head[8] = {0};
    if (len == 0)
        return 0;
    if (key[0] > 3)
        return UINT64_MAX; /* no key, but a bound behind all of them */
    if (len > 1)
        memcpy(head, key + 1, len - 1 < 8 ? len - 1 : 8);
    return (uint64_t)key[0] << 62 | load_be64(head) >> 2;
}

static struct mem_node *next_at(const struct mem_node *n, int level)
{
    return atomic_load_explicit(&n->links[level].next, memory_order_acquire);
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

/* What is looked for. */
struct target {
    const uint8_t *key;
    uint32_t len;
    hlc_time ts;
    uint64_t prefix;
};

/* Does the node behind `at` on this level lie before the target? Then *next is that node. */
static bool leads_before(const struct mem_node *at, int level, const struct target *t,
                         struct mem_node **next)
{
    uint64_t prefix = atomic_load_explicit(&at->links[level].prefix, memory_order_acquire);
    if (prefix > t->prefix)
        return false;
    *next = next_at(at, level);
    if (!*next)
        return false;
    return prefix < t->prefix || compare_node(*next, t->key, t->len, t->ts) < 0;
}

/* Fills before[] with the last node < target of each level; returns the first >=. */
static struct mem_node *find_place(const struct memtable *m, const struct target *t,
                                   struct mem_node **before)
{
    struct mem_node *at = m->head;
    for (int level = MEMTABLE_HEIGHT_MAX - 1; level >= 0; level--) {
        struct mem_node *n;
        while (leads_before(at, level, t, &n))
            at = n;
        if (before)
            before[level] = at;
    }
    return next_at(at, 0);
}

/* Near the last insertion: its path is right on every level but few steps off. False: search
 * from the top. */
static bool find_near(struct memtable *m, const struct target *t, int height, struct mem_node **at)
{
    struct mem_node *low = m->before[0];
    if (low == m->head || compare_node(low, t->key, t->len, t->ts) >= 0)
        return false;
    for (int level = height - 1; level >= 0; level--) {
        struct mem_node *n;
        for (int steps = 0; leads_before(m->before[level], level, t, &n); steps++) {
            if (steps == 2)
                return false;
            m->before[level] = n;
        }
    }
    *at = next_at(m->before[0], 0);
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
    struct target t = {key, key_len, ts, abbreviate(key, key_len)};
    if (!find_near(m, &t, height, &after))
        after = find_place(m, &t, m->before);
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
        struct mem_link *from = &m->before[i]->links[i];
        atomic_init(&n->links[i].next, next_at(m->before[i], i));
        atomic_init(&n->links[i].prefix, atomic_load_explicit(&from->prefix, memory_order_relaxed));
        atomic_store_explicit(&from->next, n, memory_order_release);
        atomic_store_explicit(&from->prefix, t.prefix, memory_order_release);
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
    struct target t = {key, key_len, ts, abbreviate(key, key_len)};
    return find_place(m, &t, NULL);
}

struct mem_node *memtable_first(const struct memtable *m)
{
    return next_at(m->head, 0);
}

struct mem_node *memtable_last_before(const struct memtable *m, const void *key, uint32_t key_len)
{
    struct mem_node *at = m->head;
    /* Before every version of the key, the newest (HLC_MAX) included; without a key: behind
     * everything. */
    struct target t = {key, key_len, HLC_MAX, key ? abbreviate(key, key_len) : UINT64_MAX};
    for (int level = MEMTABLE_HEIGHT_MAX - 1; level >= 0; level--) {
        struct mem_node *n;
        while (key ? leads_before(at, level, &t, &n) : (n = next_at(at, level)) != NULL)
            at = n;
    }
    return at == m->head ? NULL : at;
}
