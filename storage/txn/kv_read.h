/* kv_read.h: small pure helpers about struct kv_read: which own writes a reading sees, its bytes.
 *
 *   read := format(1 byte, =1) gateway boot_epoch (fixed32) number (fixed64) isolation
 *           flags(1 = has_writes) class read_ts uncertain_limit (fixed64) read_seq (fixed32)
 *           time left in ns (fixed64, 0 = none) n_void n_opened n_holds n_pending (fixed16),
 *           from to (fixed32) x n_void, group (fixed32) x n_opened,
 *           group (fixed32) lock_epoch incarnation (fixed64) x n_holds,
 *           group gateway boot_epoch (fixed32) number (fixed64) x n_pending
 *
 * The deadline is a point on the reader's own monotonic clock (its core's); encode and decode turn
 * it into time left and back.
 */
#ifndef CAIRN_STORAGE_TXN_KV_READ_H
#define CAIRN_STORAGE_TXN_KV_READ_H

#include "storage/kv.h"

static inline bool kv_read_is_void(const struct kv_seq_range *voided, uint32_t n_void, uint32_t seq)
{
    for (uint32_t i = 0; i < n_void; i++)
        if (seq >= voided[i].from && seq < voided[i].to)
            return true;
    return false;
}
static inline bool kv_read_is_opened(const struct kv_read *read, uint32_t group)
{
    for (uint32_t i = 0; i < read->n_opened; i++)
        if (read->opened[i] == group)
            return true;
    return false;
}
static inline const struct kv_hold *kv_read_hold(const struct kv_read *read, uint32_t group)
{
    for (uint32_t i = 0; i < read->n_holds; i++)
        if (read->holds[i].group == group)
            return &read->holds[i];
    return NULL;
}
static inline bool kv_txn_id_equal(const struct kv_txn_id *a, const struct kv_txn_id *b)
{
    return a->number == b->number && a->gateway == b->gateway && a->boot_epoch == b->boot_epoch;
}

#endif
