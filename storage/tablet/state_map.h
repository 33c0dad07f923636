/* state_map.h: the ordered map behind a group's state store.
 *
 * A skip list from bytes to bytes, in memory, compared with memcmp (shorter first). Small as a
 * group's replicated state is small: prepared rows, transaction records, outcomes. The heights come
 * from a seeded generator of its own, so equal histories take equal paths; nothing about the order
 * depends on them.
 *
 * Invariants
 * 1. Owned by one core. A node's key never moves; its value pointer is valid until the key is put
 *    or deleted.
 * 2. state_map_encode writes keys in order: equal maps have equal bytes, whatever their history.
 *
 * Encoded: varint count, then per key: varint length, key, varint length, value.
 * After Pugh, "Skip lists: a probabilistic alternative to balanced trees" (1990).
 */
#ifndef CAIRN_STORAGE_TABLET_STATE_MAP_H
#define CAIRN_STORAGE_TABLET_STATE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/prng.h"

enum { STATE_MAP_HEIGHT_MAX = 16 };

struct state_node;

struct state_map {
    struct state_node *heads[STATE_MAP_HEIGHT_MAX];
    uint32_t height;
    size_t count;
    size_t bytes; /* keys and values */
    struct prng prng;
};

void state_map_init(struct state_map *map);
void state_map_done(struct state_map *map);
void state_map_clear(struct state_map *map);

/* Aborts when the system is out of memory. */
void state_map_put(struct state_map *map, const void *key, size_t key_len, const void *value,
                   size_t value_len);
bool state_map_del(struct state_map *map, const void *key, size_t key_len);
bool state_map_get(const struct state_map *map, const void *key, size_t key_len,
                   const uint8_t **value, size_t *value_len);

/* First node with a key >= the given one (NULL, 0: the first of all); NULL at the end. */
const struct state_node *state_map_seek(const struct state_map *map, const void *key,
                                        size_t key_len);
const struct state_node *state_node_next(const struct state_node *node);
const uint8_t *state_node_key(const struct state_node *node, size_t *len);
const uint8_t *state_node_value(const struct state_node *node, size_t *len);

void state_map_encode(const struct state_map *map, struct buf *out);
/* Replaces the content. DATA_CORRUPTED (map empty) when the bytes are no encoded map. */
int state_map_decode(struct state_map *map, struct buf_reader *in, struct err *err) MUST_CHECK;

#endif
