/* catalog_store.h: catalog objects as rows of the fixed storages (planner/catalog/catalog.h).
 *
 * An object is a row of CATALOG_OBJECT (database, OID: body) and a row of CATALOG_NAME (database,
 * class, namespace, name: OID) for its own name, and one for each index of a table (indexes share
 * the relations' name space). Names are inserted, so two CREATEs of one name meet at the row: the
 * second waits for the first and gets 42P07 or 42710.
 *
 * Everything happens inside the caller's transaction.
 */
#ifndef CAIRN_SERVER_SQL_CATALOG_STORE_H
#define CAIRN_SERVER_SQL_CATALOG_STORE_H

#include "planner/catalog/catalog.h"

/* Writes what changed from `old` to `new`: old NULL = created, new NULL = dropped. */
int catalog_store_write(struct task *task, struct kv_txn *txn, const struct cat_object *old,
                        const struct cat_object *new, struct err *err) MUST_CHECK;
/* All objects stored, as a catalog. Its version is the read's timestamp. */
int catalog_store_read(struct task *task, struct kv *kv, struct kv_txn *txn, struct catalog **out,
                       struct err *err) MUST_CHECK;
/* Creates the fixed storages and the first objects where they are missing. Any number of nodes may
 * try at once. */
int catalog_store_bootstrap(struct task *task, struct kv *kv, struct err *err) MUST_CHECK;

#endif
