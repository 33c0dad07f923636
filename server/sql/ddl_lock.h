/* ddl_lock.h: object locks in one node's memory.
 *
 * Weak locks (ACCESS SHARE, ROW SHARE, ROW EXCLUSIVE) are counts: their holders are this node's own transactions, and remember
 * themselves what to give back. Strong locks are entries with an owner, which may be a transaction of another node; they queue in
 * order of arrival, and one that waits keeps new conflicting weak locks out.
 *
 * Nothing here waits: a request is granted or not, and whoever asked comes again (ddl_node.c). Any core; one short lock.
 *
 * Invariants
 * 1. Two granted locks of one object that conflict by PostgreSQL's table have the same owner.
 * 2. A transaction that holds something on an object is kept out by granted strong locks only, never by waiting ones (a lock
 *    upgrade would otherwise wait for who waits for it).
 */
#ifndef CAIRN_SERVER_SQL_DDL_LOCK_H
#define CAIRN_SERVER_SQL_DDL_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/kv.h"

enum { DDL_LOCK_MODES = 9, DDL_LOCK_WEAK_LAST = 3 };

struct ddl_locks;
struct ddl_lock_owner {
    node_id node;
    uint32_t epoch; /* boot epoch of the node */
    uint64_t session;
};

struct ddl_locks *ddl_locks_create(void);
void ddl_locks_destroy(struct ddl_locks *l);
bool ddl_lock_conflicts(int held, int wanted);

/* holds: the transaction already has a lock of this object. */
bool ddl_locks_weak(struct ddl_locks *l, uint32_t oid, int mode, bool holds);
void ddl_locks_weak_release(struct ddl_locks *l, uint32_t oid, int mode);
/* Queues the owner when new. own: counts of weak locks the owner itself holds here, by mode (NULL = none). */
bool ddl_locks_strong(struct ddl_locks *l, const struct ddl_lock_owner *owner, uint32_t oid, int mode,
                      const uint32_t own[DDL_LOCK_MODES]);
/* Everything strong of an owner, granted or waiting. */
void ddl_locks_release(struct ddl_locks *l, const struct ddl_lock_owner *owner);
/* The owners of strong locks that stand in the way of a mode on an object; returns how many (at most max). */
uint32_t ddl_locks_in_the_way(struct ddl_locks *l, uint32_t oid, int mode, struct ddl_lock_owner *owners, uint32_t max);

#endif
