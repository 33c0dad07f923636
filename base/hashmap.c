#include "base/hashmap.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { SLOTS_FIRST = 16 };

static void *must_alloc(size_t bytes)
{
    void *p = calloc(1, bytes);
    if (!p) {
        fprintf(stderr, "cairn: out of memory growing a hash table to %zu bytes\n", bytes);
        abort();
    }
    return p;
}

/* How many slots for `live` entries: at most half full after a rebuild. */
static size_t slots_for(size_t live)
{
    size_t slots = SLOTS_FIRST;
    while (slots < (live + 1) * 2)
        slots *= 2;
    return slots;
}

/* ---- bytes ---- */

void hashmap_init_seeded(struct hashmap *map, uint64_t seed)
{
    *map = (struct hashmap){.seed = seed};
}

void hashmap_init(struct hashmap *map)
{
    hashmap_init_seeded(map, 0);
}

void hashmap_done(struct hashmap *map)
{
    free(map->entries);
    free(map->slots);
    hashmap_init_seeded(map, map->seed);
}

void hashmap_clear(struct hashmap *map)
{
    if (map->slots)
        memset(map->slots, 0, (map->slot_mask + 1) * sizeof *map->slots);
    map->entry_count = map->count = 0;
}

/* Squeezes out the holes and rebuilds the slots. */
static void rebuild_hashmap(struct hashmap *map)
{
    size_t slots = slots_for(map->count);
    size_t cap = slots * 3 / 4;
    struct hashmap_entry *entries = must_alloc(cap * sizeof *entries);
    uint32_t *table = must_alloc(slots * sizeof *table);
    size_t n = 0;
    for (size_t i = 0; i < map->entry_count; i++) {
        if (!map->entries[i].value)
            continue;
        entries[n] = map->entries[i];
        size_t at = entries[n].hash & (slots - 1);
        while (table[at])
            at = (at + 1) & (slots - 1);
        table[at] = (uint32_t)++n;
    }
    free(map->entries);
    free(map->slots);
    map->entries = entries;
    map->slots = table;
    map->entry_count = n;
    map->entry_cap = cap;
    map->slot_mask = slots - 1;
}

/* The entry, or NULL; holes keep their key's hash so that probing goes on past them. */
static struct hashmap_entry *find_entry(const struct hashmap *map, const void *key, size_t key_len,
                                        uint64_t hash)
{
    if (!map->slots)
        return NULL;
    for (size_t at = hash & map->slot_mask; map->slots[at]; at = (at + 1) & map->slot_mask) {
        struct hashmap_entry *e = &map->entries[map->slots[at] - 1];
        if (e->value && e->hash == hash && e->key_len == key_len &&
            (key_len == 0 || memcmp(e->key, key, key_len) == 0))
            return e;
    }
    return NULL;
}

void *hashmap_get(const struct hashmap *map, const void *key, size_t key_len)
{
    struct hashmap_entry *e = find_entry(map, key, key_len, hash_bytes(key, key_len, map->seed));
    return e ? e->value : NULL;
}

void *hashmap_put(struct hashmap *map, const void *key, size_t key_len, void *value)
{
    uint64_t hash = hash_bytes(key, key_len, map->seed);
    struct hashmap_entry *e = find_entry(map, key, key_len, hash);
    if (e) {
        void *old = e->value;
        e->key = key;
        e->value = value;
        return old;
    }
    if (map->entry_count == map->entry_cap)
        rebuild_hashmap(map);
    size_t at = hash & map->slot_mask;
    while (map->slots[at])
        at = (at + 1) & map->slot_mask;
    map->entries[map->entry_count++] =
        (struct hashmap_entry){.key = key, .key_len = key_len, .hash = hash, .value = value};
    map->slots[at] = (uint32_t)map->entry_count;
    map->count++;
    return NULL;
}

void *hashmap_remove(struct hashmap *map, const void *key, size_t key_len)
{
    struct hashmap_entry *e = find_entry(map, key, key_len, hash_bytes(key, key_len, map->seed));
    if (!e)
        return NULL;
    void *old = e->value;
    e->value = NULL;
    map->count--;
    return old;
}

/* ---- integers ---- */

void intmap_init(struct intmap *map)
{
    *map = (struct intmap){0};
}

void intmap_done(struct intmap *map)
{
    free(map->entries);
    free(map->slots);
    intmap_init(map);
}

void intmap_clear(struct intmap *map)
{
    if (map->slots)
        memset(map->slots, 0, (map->slot_mask + 1) * sizeof *map->slots);
    map->entry_count = map->count = 0;
}

static void rebuild_intmap(struct intmap *map)
{
    size_t slots = slots_for(map->count);
    size_t cap = slots * 3 / 4;
    struct intmap_entry *entries = must_alloc(cap * sizeof *entries);
    uint32_t *table = must_alloc(slots * sizeof *table);
    size_t n = 0;
    for (size_t i = 0; i < map->entry_count; i++) {
        if (!map->entries[i].value)
            continue;
        entries[n] = map->entries[i];
        size_t at = hash_u64(entries[n].key, 0) & (slots - 1);
        while (table[at])
            at = (at + 1) & (slots - 1);
        table[at] = (uint32_t)++n;
    }
    free(map->entries);
    free(map->slots);
    map->entries = entries;
    map->slots = table;
    map->entry_count = n;
    map->entry_cap = cap;
    map->slot_mask = slots - 1;
}

static struct intmap_entry *find_int(const struct intmap *map, uint64_t key)
{
    if (!map->slots)
        return NULL;
    size_t at = hash_u64(key, 0) & map->slot_mask;
    for (; map->slots[at]; at = (at + 1) & map->slot_mask) {
        struct intmap_entry *e = &map->entries[map->slots[at] - 1];
        if (e->key == key && e->value)
            return e;
    }
    return NULL;
}

void *intmap_get(const struct intmap *map, uint64_t key)
{
    struct intmap_entry *e = find_int(map, key);
    return e ? e->value : NULL;
}

void *intmap_put(struct intmap *map, uint64_t key, void *value)
{
    struct intmap_entry *e = find_int(map, key);
    if (e) {
        void *old = e->value;
        e->value = value;
        return old;
    }
    if (map->entry_count == map->entry_cap)
        rebuild_intmap(map);
    size_t at = hash_u64(key, 0) & map->slot_mask;
    while (map->slots[at])
        at = (at + 1) & map->slot_mask;
    map->entries[map->entry_count++] = (struct intmap_entry){key, value};
    map->slots[at] = (uint32_t)map->entry_count;
    map->count++;
    return NULL;
}

void *intmap_remove(struct intmap *map, uint64_t key)
{
    struct intmap_entry *e = find_int(map, key);
    if (!e)
        return NULL;
    void *old = e->value;
    e->value = NULL;
    map->count--;
    return old;
}
