/* list.h: intrusive doubly linked lists.
 *
 * The node lives inside the element; a node is in at most one list. A node that is in no list has
 * next == NULL, so membership can be asked. Order is insertion order. No allocation, nothing fails.
 */
#ifndef CAIRN_BASE_LIST_H
#define CAIRN_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
    struct list_node *prev, *next;
};

struct list {
    struct list_node head;
};

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
    list->head.prev = list->head.next = &list->head;
}

static inline void list_node_init(struct list_node *node)
{
    node->prev = node->next = NULL;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->head.next == &list->head;
}

static inline bool list_node_is_in(const struct list_node *node)
{
    return node->next != NULL;
}

static inline void list_insert_before(struct list_node *at, struct list_node *node)
{
    /* Nodes may live on stacks: their owners take them out before they go, which gcc cannot see. */
    __asm__("" : "+r"(node));
    node->prev = at->prev;
    node->next = at;
    at->prev->next = node;
    at->prev = node;
}

static inline void list_push_back(struct list *list, struct list_node *node)
{
    list_insert_before(&list->head, node);
}

static inline void list_push_front(struct list *list, struct list_node *node)
{
    list_insert_before(list->head.next, node);
}

/* Does nothing when the node is in no list. */
static inline void list_remove(struct list_node *node)
{
    if (!node->next)
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = NULL;
}

static inline struct list_node *list_first(const struct list *list)
{
    return list->head.next == &list->head ? NULL : list->head.next;
}

static inline struct list_node *list_last(const struct list *list)
{
    return list->head.prev == &list->head ? NULL : list->head.prev;
}

static inline struct list_node *list_pop_front(struct list *list)
{
    struct list_node *node = list_first(list);
    if (node)
        list_remove(node);
    return node;
}

/* Moves all of `from` to the end of `to`. */
static inline void list_splice_back(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    struct list_node *first = from->head.next, *last = from->head.prev;
    first->prev = to->head.prev;
    to->head.prev->next = first;
    last->next = &to->head;
    to->head.prev = last;
    list_init(from);
}

/* list_each(struct waiter, w, &queue->waiters, link) { ... }: the element may not be removed
 * inside; list_each_safe allows removing `w` itself. */
#define list_each(type, var, list, member)                                                         \
    for (type *var = container_of((list)->head.next, type, member); &var->member != &(list)->head; \
         var = container_of(var->member.next, type, member))
#define list_each_safe(type, var, list, member)                                                    \
    for (type *var = container_of((list)->head.next, type, member),                                \
              *var##_next = container_of(var->member.next, type, member);                          \
         &var->member != &(list)->head;                                                            \
         var = var##_next, var##_next = container_of(var##_next->member.next, type, member))

#endif
