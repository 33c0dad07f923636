/* state_map.c: see state_map.h. */
#include "storage/tablet/state_map.h"

#include <assert.h>
#include <stdlib.h>

#include "base/err.h"

struct state_node {
    uint8_t *value;
    uint32_t value_len;
    uint32_t key_len;
    uint32_t height;
    struct state_node *next[]; /* height of them, then the key */
};

static uint8_t *key_of(const struct state_node *node)
{
    return (uint8_t *)(uintptr_t)&node->next[node->height];
}

static void *alloc_or_abort(size_t bytes)
{
    void *p = malloc(bytes ? bytes : 1);
    if (!p)
        abort();
    return p;
}

static int compare_keys(const void *a, size_t a_len, const void *b, size_t b_len)
{
    size_t n = a_len < b_len ? a_len : b_len;
    int c = n ? memcmp(a, b, n) : 0;
    return c ? c : (a_len > b_len) - (a_len < b_len);
}

void state_map_init(struct state_map *map)
{
    memset(map, 0, sizeof *map);
    map->height = 1;
    prng_init(&map->prng, 0x73746174656d6170u);
}

void state_map_clear(struct state_map *map)
{
    for (struct state_node *n = map->heads[0], *next; n; n = next) {
        next = n->next[0];
        free(n->value);
        free(n);
    }
    state_map_init(map);
}

void state_map_done(struct state_map *map)
{
    state_map_clear(map);
}

/* links[h] = the pointer at height h that points at the first node with a key >= the given one. */
static struct state_node *find(const struct state_map *map, const void *key, size_t key_len,
                               struct state_node **links[STATE_MAP_HEIGHT_MAX])
{
    struct state_node **level = ((struct state_map *)(uintptr_t)map)->heads;
    struct state_node *at = NULL;
    for (int h = (int)map->height - 1; h >= 0; h--) {
        for (;;) {
            at = level[h];
            if (!at || compare_keys(key_of(at), at->key_len, key, key_len) >= 0)
                break;
            level = at->next;
        }
        if (links)
            links[h] = &level[h];
    }
    return at;
}

static uint32_t draw_height(struct state_map *map)
{
    uint64_t bits = prng_next(&map->prng);
    uint32_t height = 1;
    while (height < STATE_MAP_HEIGHT_MAX && (bits & 3) == 0) {
        height++;
        bits >>= 2;
    }
    return height;
}

void state_map_put(struct state_map *map, const void *key, size_t key_len, const void *value,
                   size_t value_len)
{
    assert(key_len <= UINT32_MAX && value_len <= UINT32_MAX);
    struct state_node **links[STATE_MAP_HEIGHT_MAX];
    struct state_node *node = find(map, key, key_len, links);
    uint8_t *copy = alloc_or_abort(value_len);
    if (value_len)
        memcpy(copy, value, value_len);
    if (node && compare_keys(key_of(node), node->key_len, key, key_len) == 0) {
        map->bytes += value_len - node->value_len;
        free(node->value);
        node->value = copy;
        node->value_len = (uint32_t)value_len;
        return;
    }
    uint32_t height = draw_height(map);
    for (; map->height < height; map->height++)
        links[map->height] = &map->heads[map->height];
    node = alloc_or_abort(sizeof *node + height * sizeof node->next[0] + key_len);
    node->height = height;
    node->key_len = (uint32_t)key_len;
    node->value = copy;
    node->value_len = (uint32_t)value_len;
    if (key_len)
        memcpy(key_of(node), key, key_len);
    for (uint32_t h = 0; h < height; h++) {
        node->next[h] = *links[h];
        *links[h] = node;
    }
    map->count++;
    map->bytes += key_len + value_len;
}

bool state_map_del(struct state_map *map, const void *key, size_t key_len)
{
    struct state_node **links[STATE_MAP_HEIGHT_MAX];
    struct state_node *node = find(map, key, key_len, links);
    if (!node || compare_keys(key_of(node), node->key_len, key, key_len) != 0)
        return false;
    for (uint32_t h = 0; h < node->height; h++)
        *links[h] = node->next[h];
    map->count--;
    map->bytes -= node->key_len + node->value_len;
    free(node->value);
    free(node);
    return true;
}

bool state_map_get(const struct state_map *map, const void *key, size_t key_len,
                   const uint8_t **value, size_t *value_len)
{
    const struct state_node *node = find(map, key, key_len, NULL);
    if (!node || compare_keys(key_of(node), node->key_len, key, key_len) != 0)
        return false;
    *value = node->value;
    *value_len = node->value_len;
    return true;
}

const struct state_node *state_map_seek(const struct state_map *map, const void *key,
                                        size_t key_len)
{
    return key_len ? find(map, key, key_len, NULL) : map->heads[0];
}

const struct state_node *state_node_next(const struct state_node *node)
{
    return node->next[0];
}

const uint8_t *state_node_key(const struct state_node *node, size_t *len)
{
    *len = node->key_len;
    return key_of(node);
}

const uint8_t *state_node_value(const struct state_node *node, size_t *len)
{
    *len = node->value_len;
    return node->value;
}

void state_map_encode(const struct state_map *map, struct buf *out)
{
    buf_reserve(out, map->bytes + map->count * 4 + VARINT_BYTES_MAX);
    buf_put_varint(out, map->count);
    for (const struct state_node *n = map->heads[0]; n; n = n->next[0]) {
        buf_put_sized(out, key_of(n), n->key_len);
        buf_put_sized(out, n->value, n->value_len);
    }
}

int state_map_decode(struct state_map *map, struct buf_reader *in, struct err *err)
{
    state_map_clear(map);
    uint64_t count = buf_take_varint(in);
    const uint8_t *last = NULL;
    size_t last_len = 0;
    for (uint64_t i = 0; i < count && !in->bad; i++) {
        size_t key_len, value_len;
        const uint8_t *key = buf_take_sized(in, &key_len);
        const uint8_t *value = buf_take_sized(in, &value_len);
        if (in->bad || (i && compare_keys(last, last_len, key, key_len) >= 0)) {
            in->bad = true;
            break;
        }
        state_map_put(map, key, key_len, value, value_len);
        last = key;
        last_len = key_len;
    }
    if (!in->bad)
        return 0;
    state_map_clear(map);
    return err_set(err, ERR_DATA_CORRUPTED, "state store of a group is damaged");
}
