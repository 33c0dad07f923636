/* remote.h: fragments on other nodes: starting them, and the rows they send back.
 *
 * Gateway. remote_start sends {plan hash, parameters, kv_read, statement context, shards} (and the plan itself when the peer does not have
 * it yet); the peer runs the fragment (exec_open with env.fragment) and streams batches with credits; its final message carries its
 * operators' actuals or its error. Rows are encoded by batch_codec.h.
 *
 * Invariants
 * 1. A fragment away from the gateway only reads; it has no transaction, only the kv_read it was sent.
 * 2. remote_stop ends the peer's fragment whether or not it was read to its end.
 */
#ifndef CAIRN_EXECUTOR_REMOTE_H
#define CAIRN_EXECUTOR_REMOTE_H

#include "executor/exec.h"

struct rpc;
enum { REMOTE_NODES_MAX = 64 };

struct remote_place {
    node_id node;
    uint16_t n_shards;
    uint16_t shards[1024];
};
struct remote_stream;

/* The node's transport for fragments; registers its handler with rpc. host_of makes the expression host of a fragment's statement. */
struct exec_remote *exec_remote_create(struct rpc *rpc, struct kv *kv);
void exec_remote_destroy(struct exec_remote *r);

/* Nodes that lead shards of the storage now, with their shards; 0 when some leader is unknown (read through kv instead). */
uint32_t remote_places(struct exec_remote *r, struct kv *kv, const struct kv_schema *schema, struct remote_place *places);
int remote_start(struct task *task, struct exec_remote *r, struct exec *x, uint32_t fragment, const struct remote_place *place,
                 struct remote_stream **out, struct err *err) MUST_CHECK;
int remote_next(struct task *task, struct remote_stream *s, struct batch **out, struct plan_actual *actual, struct err *err) MUST_CHECK;
void remote_stop(struct task *task, struct remote_stream *s, struct plan_actual *actual);

#endif
