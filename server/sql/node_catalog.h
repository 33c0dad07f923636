/* node_catalog.h: the node's current version of the catalog.
 *
 * One struct catalog a node, swapped whole. Readers compare a number without locking and take a
 * counted reference when it moved; DDL (ddl.h) and the first load put new versions in.
 *
 * Invariant: versions only go up; a reference taken stays whole however often the current one is
 * swapped.
 */
#ifndef CAIRN_SERVER_SQL_NODE_CATALOG_H
#define CAIRN_SERVER_SQL_NODE_CATALOG_H

#include <stdatomic.h>

#include "base/lock.h"
#include "planner/catalog/catalog.h"

struct sql_node;

struct node_catalog {
    struct lock lock;
    struct catalog *current; /* NULL before the first load */
    _Atomic uint64_t number; /* rises with each swap; 0 = none loaded */
};

struct node_catalog *node_catalog_create(void);
void node_catalog_destroy(struct node_catalog *nc);
/* A counted reference and its number. */
struct catalog *node_catalog_get(struct node_catalog *nc, uint64_t *number);
static inline uint64_t node_catalog_number(const struct node_catalog *nc)
{
    return atomic_load_explicit(&nc->number, memory_order_acquire);
}
/* Takes over the reference when it is not older than the current one; else drops it. */
void node_catalog_put(struct node_catalog *nc, struct catalog *take_catalog);
/* current := current + changes, at `version`. */
void node_catalog_apply(struct node_catalog *nc, const struct catalog_change *changes, uint32_t n,
                        hlc_time version);
/* Reads all objects from storage and puts them in. */
int node_catalog_load(struct task *task, struct sql_node *node, struct err *err) MUST_CHECK;

#endif
