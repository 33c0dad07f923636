/* txn_apply.h: what the entries of a group do to its state store and tablets, on every replica.
 * Pure.
 *
 * Deterministic: the answer and every change are functions of the state store and the entry. The
 * leader checks locks, read cache and clock before it proposes; what must hold against entries that
 * overtook the proposal in the log is checked again here:
 *
 * Invariants (transactions.md, steps 3 to 6)
 *  1. A commit or prepare that finds its own outcome (slot, record, marker) is answered with it and
 * does nothing.
 *  2. A commit or prepare of another generation than the group's does nothing and is answered
 * "stale".
 *  3. A second prepare of a transaction and staging epoch is answered from the first; one of a
 * lower epoch than the group's prepare or record does nothing.
 *  4. Once forbidden, a prepare is refused for ever; a forbid that finds a prepare or a marker does
 * nothing.
 *  5. The record changes from STAGING once, under its own staging epoch.
 *  6. A resolve that took prepared rows away leaves a marker. It takes rows of any staging epoch:
 *     there is one outcome. Rows prepared again hold readers from their first timestamp on.
 *  7. Asking for an outcome nobody knows makes it ABORTED.
 *  8. A commit leaves its outcome in its slot; a slot only moves to later orders.
 */
#ifndef CAIRN_STORAGE_TXN_TXN_APPLY_H
#define CAIRN_STORAGE_TXN_TXN_APPLY_H

#include "storage/tablet/group.h"
#include "storage/txn/txn_command.h"

/* Slot numbers: the upper bits name the slot, the lower ones order its commits. */
enum { TXN_ORDER_BITS = 40 };
#define TXN_SLOT_OF(session) ((session) >> TXN_ORDER_BITS)
#define TXN_ORDER_OF(session) ((session) & ((UINT64_C(1) << TXN_ORDER_BITS) - 1))

/* For FINISH: told what became of each item (taken: prepared rows were installed or dropped). */
typedef void txn_apply_seen(void *arg, const struct txn_finish *finish, bool taken);

void txn_apply(struct group_apply *apply, uint32_t faults, const struct txn_command *command,
               const uint8_t *bytes, size_t size, struct txn_answer *answer, txn_apply_seen *seen,
               void *arg);

/* Also asked by leaders, before proposing. */
uint32_t txn_state_generation(const struct group *group);
/* Fills answer (COMMITTED, ABORTED, or FORBIDDEN) and says true when the state store knows the
 * outcome here. */
bool txn_state_outcome(const struct group *group, const struct kv_txn_id *txn, uint64_t session,
                       struct txn_answer *answer);
bool txn_state_record(const struct group *group, const struct kv_txn_id *txn,
                      struct txn_record *out);
/* The PREPARE entry standing for the transaction. */
bool txn_state_prepared(const struct group *group, const struct kv_txn_id *txn,
                        struct txn_command *out);
/* The lowest timestamp the rows were ever prepared at: what holds readers. From a 'P' value. */
hlc_time txn_prepared_from(const uint8_t *value, size_t len);

#endif
