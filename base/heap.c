#include "base/heap.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARITY = 4 };

void heap_init(struct heap *heap)
{
    *heap = (struct heap){0};
}

void heap_done(struct heap *heap)
{
    free(heap->nodes);
    heap_init(heap);
}

static int is_before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->seq < b->seq;
}

static void put_at(struct heap *heap, size_t i, struct heap_node *node)
{
    heap->nodes[i] = node;
    node->place = i + 1;
}

static void sift_up(struct heap *heap, size_t i, struct heap_node *node)
{
    while (i > 0) {
        size_t parent = (i - 1) / ARITY;
        if (!is_before(node, heap->nodes[parent]))
            break;
        put_at(heap, i, heap->nodes[parent]);
        i = parent;
    }
    put_at(heap, i, node);
}

static void sift_down(struct heap *heap, size_t i, struct heap_node *node)
{
    for (;;) {
        size_t first = i * ARITY + 1;
        if (first >= heap->count)
            break;
        size_t last = first + ARITY < heap->count ? first + ARITY : heap->count;
        size_t best = first;
        for (size_t c = first + 1; c < last; c++)
            if (is_before(heap->nodes[c], heap->nodes[best]))
                best = c;
        if (!is_before(heap->nodes[best], node))
            break;
        put_at(heap, i, heap->nodes[best]);
        i = best;
    }
    put_at(heap, i, node);
}

void heap_insert(struct heap *heap, struct heap_node *node, uint64_t key)
{
    assert(node->place == 0);
    if (heap->count == heap->cap) {
        size_t cap = heap->cap ? heap->cap * 2 : 16;
        struct heap_node **nodes = realloc(heap->nodes, cap * sizeof *nodes);
        if (!nodes) {
            fprintf(stderr, "cairn: out of memory growing a heap to %zu nodes\n", cap);
            abort();
        }
        heap->nodes = nodes;
        heap->cap = cap;
    }
    node->key = key;
    node->seq = heap->next_seq++;
    sift_up(heap, heap->count++, node);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    if (node->place == 0)
        return;
    size_t i = node->place - 1;
    assert(i < heap->count && heap->nodes[i] == node);
    node->place = 0;
    struct heap_node *last = heap->nodes[--heap->count];
    if (last == node)
        return;
    if (i > 0 && is_before(last, heap->nodes[(i - 1) / ARITY]))
        sift_up(heap, i, last);
    else
        sift_down(heap, i, last);
}
