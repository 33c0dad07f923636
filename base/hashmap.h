/* hashmap.h: hash tables with open addressing that iterate in insertion order.
 *
 * Two of them: `struct hashmap` from byte strings and `struct intmap` from 64-bit integers, both to
 * a pointer. Entries lie in an array in insertion order; a table of 32-bit slots points into it
 * (the layout of Python's dict). So iteration is a loop over an array and never depends on hashes
 * or addresses.
 *
 * Keys of a hashmap are borrowed: they usually live inside the value. NULL is not a value.
 *
 *     for (size_t i = 0; i < map.entry_count; i++)
 *         if (map.entries[i].value) ...
 *
 * Removing while iterating is allowed (the entry becomes a hole), inserting is not.
 *
 * Fails: growth aborts when the system is out of memory.
 */
#ifndef CAIRN_BASE_HASHMAP_H
#define CAIRN_BASE_HASHMAP_H

#include <stddef.h>
#include <stdint.h>

struct hashmap_entry {
    const void *key;
    size_t key_len;
    uint64_t hash;
    void *value; /* NULL: a hole */
};

struct hashmap {
    struct hashmap_entry *entries;
    uint32_t *slots;    /* entry index + 1, 0 = free */
    size_t entry_count; /* with holes */
    size_t count;
    size_t entry_cap;
    size_t slot_mask; /* slots - 1; 0 = no table yet */
    uint64_t seed;
};

void hashmap_init(struct hashmap *map);
/* For keys that an attacker may choose. */
void hashmap_init_seeded(struct hashmap *map, uint64_t seed);
void hashmap_done(struct hashmap *map);
void *hashmap_get(const struct hashmap *map, const void *key, size_t key_len);
/* Returns the value that was there (its entry now has the new key pointer and value), or NULL. */
void *hashmap_put(struct hashmap *map, const void *key, size_t key_len, void *value);
/* Returns the removed value, or NULL. */
void *hashmap_remove(struct hashmap *map, const void *key, size_t key_len);
void hashmap_clear(struct hashmap *map);

struct intmap_entry {
    uint64_t key;
    void *value; /* NULL: a hole */
};

struct intmap {
    struct intmap_entry *entries;
    uint32_t *slots;
    size_t entry_count;
    size_t count;
    size_t entry_cap;
    size_t slot_mask;
};

void intmap_init(struct intmap *map);
void intmap_done(struct intmap *map);
void *intmap_get(const struct intmap *map, uint64_t key);
void *intmap_put(struct intmap *map, uint64_t key, void *value);
void *intmap_remove(struct intmap *map, uint64_t key);
void intmap_clear(struct intmap *map);

#endif
