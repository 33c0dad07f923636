#include <assert.h>
#include <stdlib.h>

#include "storage/wal/wal_int.h"

struct wal_segment *wal_segment_find(struct wal *wal, uint64_t id)
{
    /* Few segments, and the newest is asked for most. */
    for (struct list_node *n = wal->segments.head.prev; n != &wal->segments.head; n = n->prev) {
        struct wal_segment *seg = container_of(n, struct wal_segment, link);
        if (seg->id == id)
            return seg;
    }
    return NULL;
}

struct wal_segment *wal_segment_add(struct wal *wal, uint64_t id, uint64_t size_bytes)
{
    struct wal_segment *seg = calloc(1, sizeof *seg);
    assert(seg);
    seg->id = id;
    seg->size_bytes = size_bytes;
    seg->end_offset = WAL_HEADER_BYTES;
    list_push_back(&wal->segments, &seg->link);
    return seg;
}

static void count_live(struct wal *wal, wal_pos pos, int change)
{
    struct wal_segment *seg = pos ? wal_segment_find(wal, wal_pos_segment(pos)) : NULL;
    if (seg)
        seg->live += (uint64_t)(int64_t)change;
}

struct wal_group *wal_group_find(struct wal *wal, uint64_t id)
{
    return intmap_get(&wal->groups, id);
}

struct wal_group *wal_group_need(struct wal *wal, uint64_t id)
{
    struct wal_group *g = intmap_get(&wal->groups, id);
    if (g)
        return g;
    g = calloc(1, sizeof *g);
    assert(g);
    g->id = id;
    intmap_put(&wal->groups, id, g);
    return g;
}

void wal_group_free(struct wal_group *g)
{
    free(g->slots);
    free(g);
}

void wal_group_remove(struct wal *wal, struct wal_group *g)
{
    wal_group_drop_suffix(wal, g, g->first);
    wal_group_state_at(wal, g, 0);
    intmap_remove(&wal->groups, g->id);
    wal->slot_bytes -= g->cap * sizeof *g->slots;
    wal_group_free(g);
}

void wal_group_state_at(struct wal *wal, struct wal_group *g, wal_pos pos)
{
    count_live(wal, g->state_pos, -1);
    g->state_pos = pos;
    count_live(wal, pos, 1);
}

static void resize_slots(struct wal *wal, struct wal_group *g, size_t cap)
{
    struct wal_slot *slots = calloc(cap, sizeof *slots);
    assert(slots);
    for (size_t i = 0; i < g->count; i++)
        slots[i] = g->slots[(g->head + i) & (g->cap - 1)];
    free(g->slots);
    wal->slot_bytes += (cap - g->cap) * sizeof *slots;
    g->slots = slots;
    g->head = 0;
    g->cap = cap;
}

static void drop_cached(struct wal *wal, const struct wal_group *g, const struct wal_slot *slot)
{
    struct raft_entry *entry = wal_cache_get(wal, g, slot);
    if (!entry)
        return;
    wal->cached_bytes -= entry->size_bytes + sizeof *entry;
    wal->cache[slot->cache_seq & (wal->cache_cap - 1)].entry = NULL;
    raft_entry_unref(entry);
}

static void drop_slot(struct wal *wal, struct wal_group *g, raft_index index)
{
    struct wal_slot *slot = wal_group_slot(g, index);
    drop_cached(wal, g, slot);
    count_live(wal, slot->pos, -1);
}

static void shrink_slots(struct wal *wal, struct wal_group *g)
{
    if (g->cap > 64 && g->count < g->cap / 8)
        resize_slots(wal, g, g->cap / 4);
}

void wal_group_drop_prefix(struct wal *wal, struct wal_group *g, raft_index upto)
{
    while (g->count && g->first <= upto) {
        drop_slot(wal, g, g->first);
        g->head = (g->head + 1) & (g->cap - 1);
        g->first++;
        g->count--;
    }
    shrink_slots(wal, g);
}

void wal_group_drop_suffix(struct wal *wal, struct wal_group *g, raft_index from)
{
    while (g->count && g->first + g->count - 1 >= from) {
        drop_slot(wal, g, g->first + g->count - 1);
        g->count--;
    }
    shrink_slots(wal, g);
}

void wal_group_put(struct wal *wal, struct wal_group *g, raft_index index, raft_term term,
                   wal_pos pos, uint32_t body_bytes, bool copied)
{
    bool replaces = copied && wal_group_has(g, index);
    if (replaces) {
        count_live(wal, wal_group_slot(g, index)->pos, -1);
    } else {
        wal_group_drop_suffix(wal, g, index);
        if (g->count == 0)
            g->first = index;
        assert(index == g->first + g->count);
        if (g->count == g->cap)
            resize_slots(wal, g, g->cap ? g->cap * 2 : 8);
        g->count++;
        g->last_term = term;
        wal_group_slot(g, index)->cache_seq = 0;
    }
    struct wal_slot *slot = wal_group_slot(g, index);
    slot->pos = pos;
    slot->body_bytes = body_bytes;
    count_live(wal, pos, 1);
}

void wal_group_extend_front(struct wal *wal, struct wal_group *g, raft_index index)
{
    while (g->first > index) {
        if (g->count == g->cap)
            resize_slots(wal, g, g->cap * 2);
        g->head = (g->head - 1) & (g->cap - 1);
        g->first--;
        g->count++;
        g->slots[g->head] = (struct wal_slot){0};
    }
}

void wal_group_extend_back(struct wal *wal, struct wal_group *g, raft_index index)
{
    while (g->first + g->count < index) {
        if (g->count == g->cap)
            resize_slots(wal, g, g->cap * 2);
        g->slots[(g->head + g->count) & (g->cap - 1)] = (struct wal_slot){0};
        g->count++;
    }
}

void wal_group_need_last(struct wal *wal, uint64_t id, wal_pos pos)
{
    struct wal_group *g = wal_group_find(wal, id);
    if (g)
        g->last_pos = pos;
}

/* ---- the cache: the newest entries of all groups, first in first out ---- */

struct raft_entry *wal_cache_get(struct wal *wal, const struct wal_group *g,
                                 const struct wal_slot *slot)
{
    if (slot->cache_seq - wal->cache_head >= wal->cache_tail - wal->cache_head)
        return NULL;
    struct wal_cached *item = &wal->cache[slot->cache_seq & (wal->cache_cap - 1)];
    return item->entry && item->group == g->id && item->pos == slot->pos ? item->entry : NULL;
}

static void grow_cache(struct wal *wal)
{
    uint32_t cap = wal->cache_cap ? wal->cache_cap * 2 : 64;
    struct wal_cached *ring = calloc(cap, sizeof *ring);
    assert(ring);
    for (uint32_t s = wal->cache_head; s != wal->cache_tail; s++)
        ring[s & (cap - 1)] = wal->cache[s & (wal->cache_cap - 1)];
    free(wal->cache);
    wal->cache = ring;
    wal->cache_cap = cap;
}

void wal_cache_trim(struct wal *wal, uint64_t bytes_max)
{
    while (wal->cache_head != wal->cache_tail) {
        struct wal_cached *item = &wal->cache[wal->cache_head & (wal->cache_cap - 1)];
        if (item->entry) {
            /* What is not yet on disk can be read from here alone. */
            if (wal->cached_bytes <= bytes_max || item->pos >= wal->durable)
                return;
            wal->cached_bytes -= item->entry->size_bytes + sizeof *item->entry;
            raft_entry_unref(item->entry);
            item->entry = NULL;
        }
        wal->cache_head++;
    }
}

void wal_cache_put(struct wal *wal, struct wal_group *g, struct wal_slot *slot,
                   struct raft_entry *entry, wal_pos pos)
{
    if (wal->cache_tail - wal->cache_head == wal->cache_cap)
        grow_cache(wal);
    slot->cache_seq = wal->cache_tail++;
    wal->cache[slot->cache_seq & (wal->cache_cap - 1)] =
        (struct wal_cached){.entry = raft_entry_ref(entry), .group = g->id, .pos = pos};
    wal->cached_bytes += entry->size_bytes + sizeof *entry;
    wal_cache_trim(wal, wal->config.cache_bytes_max);
}
