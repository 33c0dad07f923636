/* kv_node.h: how a node gets its struct kv: created before the store opens (it is the machine of
 * every group), started when the store stands.
 *
 *     kv_node_create(&config, &kv)              registers the RPC handlers (before rpc_listen)
 *     store_open(.machine = &kv_machine_ops, .machine_factory = kv, ...)
 *     kv_node_start(task, kv, store)            starts the background fibers
 *     ... kv.h ...
 *     kv_node_stop(task, kv)                    no new transactions; background fibers end
 *     store_close, kv_node_destroy
 *
 * RPC methods 32 to 63 belong to this folder.
 */
#ifndef CAIRN_STORAGE_TXN_KV_NODE_H
#define CAIRN_STORAGE_TXN_KV_NODE_H

#include "storage/kv.h"
#include "storage/tablet/group.h"

struct rpc;
struct runtime;
struct store;

struct kv_node_config {
    struct runtime *runtime;
    struct rpc *rpc;
    uint32_t self;           /* node id */
    uint64_t lock_bytes_max; /* of one group's lock table; 0 = 256 MiB: beyond it 53200 */
    uint64_t retention_us;   /* versions younger than this are kept for readers; 0 = 5 s */
    uint32_t faults;         /* planted bugs, storage/txn/txn_fault.h; tests only */
    uint64_t recover_us;     /* an open outcome this old is looked into; 0 = 200 ms */
    bool recover_unasked; /* without asking the gateway first; tests only: recovery may start at any
                             moment */
};

extern const struct group_machine_ops kv_machine_ops;

int kv_node_create(const struct kv_node_config *config, struct kv **out,
                   struct err *err) MUST_CHECK;
int kv_node_start(struct task *task, struct kv *kv, struct store *store,
                  struct err *err) MUST_CHECK;
void kv_node_stop(struct task *task, struct kv *kv);
void kv_node_destroy(struct kv *kv);

#endif
