/* tree_int.h: what the files of types/expr share about trees. */
#ifndef CAIRN_TYPES_EXPR_TREE_INT_H
#define CAIRN_TYPES_EXPR_TREE_INT_H

#include "types/expr/tree.h"

/* Children: args, then an aggregate's filter and order expressions. */
uint32_t expr_child_count(const struct expr *e);
struct expr **expr_child(struct expr *e, uint32_t i);

struct expr_stack_entry {
    const void *a, *b;
};
struct expr_stack {
    struct arena *arena; /* scratch */
    struct expr_stack_entry *entries;
    uint32_t n, cap;
};
void expr_stack_push(struct expr_stack *s, const void *a, const void *b);

uint32_t expr_func_traits(uint32_t func);
uint32_t expr_node_traits(const struct expr *e); /* without its children's */

#endif
