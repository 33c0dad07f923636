/* kv_local.h: storage/kv.h in memory, in one process, for tests of the planner, the executor and
 * the SQL layer.
 *
 * An ordered multi-version map per shard, without Raft, log, network or waiting. It is honest about
 * what the floors above can see: snapshots by timestamp, own writes by sequence number, savepoints,
 * unique results, shards (an unordered scan goes shard by shard, an ordered one merges), re-checks
 * after a concurrent update, 40001 in REPEATABLE READ, stale schema versions, transactional create,
 * alter and drop.
 *
 * Where the real one would wait for another transaction, this one answers 55P03 at once (there is
 * nobody to wait for in one fiber). Never linked into cairnd: link build/lib/libsupport.a before
 * libstorage.a.
 *
 * Ownership: the kv frees everything it holds in kv_local_destroy; transactions and scans end
 * before it.
 */
#ifndef CAIRN_TESTS_SUPPORT_KV_LOCAL_H
#define CAIRN_TESTS_SUPPORT_KV_LOCAL_H

#include "storage/kv.h"

struct kv *kv_local_create(void);
void kv_local_destroy(struct kv *kv);
/* Nodes kv_place names as leaders, shard by shard (default 1: everything on node 1, which is
 * kv_self). */
void kv_local_set_nodes(struct kv *kv, uint32_t n_nodes);
/* Rows live at the latest timestamp; for assertions. */
uint64_t kv_local_row_count(struct kv *kv, storage_id id);

#endif
