/* kv_txn.h: the gateway's side of a transaction, for the files that implement storage/kv.h.
 *
 * A kv_txn belongs to its session's fiber on its core. It knows the groups it has locks in
 * (kv_part) with their lock epoch and incarnation; the rows themselves are at the leaders. Rolled
 * back sequence ranges travel with every request instead of being told at once.
 *
 * Commit. One group: one request. Several: prepares in parallel, the anchor (the first group
 * locked) keeps the record; when all are prepared the client is answered and the rest happens
 * behind its back (txn_finish.c). Anything else asks for the outcome before it reports one: nobody
 * says "aborted" on a refusal alone.
 */
#ifndef CAIRN_STORAGE_TXN_KV_TXN_H
#define CAIRN_STORAGE_TXN_KV_TXN_H

#include "storage/txn/txn_int.h"

void kv_txn_free(struct kv_txn *txn);
/* Remembers what the caller may do about the error it gets. */
void kv_txn_fail(struct kv_txn *txn, enum kv_retry retry);
struct kv_part *kv_txn_part(struct kv_txn *txn, uint32_t group);
/* part may be NULL. */
void kv_txn_call_init(const struct kv_txn *txn, const struct kv_part *part, uint8_t op,
                      uint32_t group, struct txn_call *call);
/* The group a shard lies in. */
uint32_t kv_group_of(struct kv *kv, const struct kv_schema *schema, uint32_t shard);
/* Sends a WRITE, LOCK or CHANGE; keeps what the answer says about the locks there. */
int kv_txn_request(struct task *task, struct kv_txn *txn, struct kv_part *part, uint8_t op,
                   const struct buf *body, hlc_time read_ts, struct txn_result *result,
                   struct err *err) MUST_CHECK;
/* Takes the rows of the present filling back; the storage may be filled again. */
int kv_bulk_void(struct task *task, struct kv_txn *txn, const struct kv_private *p,
                 struct err *err) MUST_CHECK;
/* Takes the tablets that bulk rows made away, for ever. */
int kv_bulk_drop(struct task *task, struct kv_txn *txn, const struct kv_private *p,
                 struct err *err) MUST_CHECK;

#endif
