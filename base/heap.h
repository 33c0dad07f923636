/* heap.h: an intrusive priority queue on 64-bit keys (timers).
 *
 * A 4-ary heap of pointers to nodes; a node knows its place, so removal is O(log n) without a
 * search. Equal keys leave in insertion order (a sequence number breaks ties), so that runs are
 * reproducible.
 *
 * Fails: heap_insert aborts when the system is out of memory (8 bytes a node).
 */
#ifndef CAIRN_BASE_HEAP_H
#define CAIRN_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    uint64_t key;
    uint64_t seq;
    size_t place; /* 1-based; 0 = in no heap */
    uint8_t kind; /* free for the owner, to tell element types apart */
};

struct heap {
    struct heap_node **nodes;
    size_t count;
    size_t cap;
    uint64_t next_seq;
};

void heap_init(struct heap *heap);
void heap_done(struct heap *heap);
void heap_insert(struct heap *heap, struct heap_node *node, uint64_t key);
/* Does nothing when the node is in no heap. */
void heap_remove(struct heap *heap, struct heap_node *node);
static inline bool heap_node_is_in(const struct heap_node *node)
{
    return node->place != 0;
}
static inline struct heap_node *heap_min(const struct heap *heap)
{
    return heap->count ? heap->nodes[0] : NULL;
}

#endif
