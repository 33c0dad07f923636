#include "storage/txn/txn_command.h"

enum { COMMAND_FORMAT = 1 };

static void put_txn(struct buf *out, const struct kv_txn_id *txn)
{
    buf_put_le32(out, txn->gateway);
    buf_put_le32(out, txn->boot_epoch);
    buf_put_le64(out, txn->number);
}

static void take_txn(struct buf_reader *in, struct kv_txn_id *txn)
{
    txn->gateway = buf_take_le32(in);
    txn->boot_epoch = buf_take_le32(in);
    txn->number = buf_take_le64(in);
}

void txn_command_begin(struct buf *out, const struct txn_command *command, const uint32_t *groups)
{
    buf_put_u8(out, COMMAND_FORMAT);
    buf_put_u8(out, command->kind);
    buf_put_le16(out, command->flags);
    buf_put_le32(out, command->generation);
    put_txn(out, &command->txn);
    buf_put_le64(out, command->session);
    buf_put_le32(out, command->epoch);
    buf_put_le32(out, command->anchor_group);
    buf_put_le64(out, command->ts);
    buf_put_le64(out, command->stamp);
    buf_put_le16(out, command->n_groups);
    buf_put_le16(out, 0);
    buf_put_le32(out, command->n_items);
    for (uint32_t i = 0; i < command->n_groups; i++)
        buf_put_le32(out, groups[i]);
}

bool txn_command_decode(const uint8_t *bytes, size_t size, struct txn_command *out)
{
    struct buf_reader in = buf_reader_of(bytes, size);
    struct txn_command c = {0};
    uint8_t format = buf_take_u8(&in);
    c.kind = buf_take_u8(&in);
    c.flags = buf_take_le16(&in);
    c.generation = buf_take_le32(&in);
    take_txn(&in, &c.txn);
    c.session = buf_take_le64(&in);
    c.epoch = buf_take_le32(&in);
    c.anchor_group = buf_take_le32(&in);
    c.ts = buf_take_le64(&in);
    c.stamp = buf_take_le64(&in);
    c.n_groups = buf_take_le16(&in);
    buf_take_le16(&in);
    c.n_items = buf_take_le32(&in);
    c.groups = buf_take(&in, 4u * c.n_groups);
    c.items = in;
    if (in.bad || format != COMMAND_FORMAT || c.kind < TXN_COMMIT || c.kind > TXN_GC)
        return false;
    *out = c;
    return true;
}

void txn_item_put(struct buf *out, const struct txn_item *item)
{
    buf_put_varint(out, item->storage);
    buf_put_varint(out, item->shard);
    buf_put_u8(out, item->mode);
    buf_put_u8(out, item->op);
    buf_put_sized(out, item->key, item->key_len);
    buf_put_sized(out, item->data, item->data_len);
}

bool txn_item_take(struct buf_reader *in, struct txn_item *item)
{
    size_t len;
    item->storage = buf_take_varint(in);
    item->shard = (uint16_t)buf_take_varint(in);
    item->mode = buf_take_u8(in);
    item->op = buf_take_u8(in);
    item->key = buf_take_sized(in, &len);
    item->key_len = (uint32_t)len;
    item->data = buf_take_sized(in, &len);
    item->data_len = (uint32_t)len;
    return !in->bad;
}

void txn_finish_put(struct buf *out, const struct txn_finish *finish)
{
    buf_put_u8(out, finish->what);
    buf_put_u8(out, finish->outcome);
    buf_put_u8(out, finish->at_anchor);
    put_txn(out, &finish->txn);
    buf_put_le64(out, finish->session);
    buf_put_le32(out, finish->epoch);
    buf_put_le32(out, finish->anchor_group);
    buf_put_le64(out, finish->ts);
}

bool txn_finish_take(struct buf_reader *in, struct txn_finish *finish)
{
    finish->what = buf_take_u8(in);
    finish->outcome = buf_take_u8(in);
    finish->at_anchor = buf_take_u8(in);
    take_txn(in, &finish->txn);
    finish->session = buf_take_le64(in);
    finish->epoch = buf_take_le32(in);
    finish->anchor_group = buf_take_le32(in);
    finish->ts = buf_take_le64(in);
    return !in->bad;
}

void txn_answer_put(struct buf *out, const struct txn_answer *answer)
{
    buf_put_u8(out, answer->verdict);
    buf_put_le32(out, answer->epoch);
    buf_put_le64(out, answer->ts);
    buf_put_le32(out, answer->generation);
    buf_put_le64(out, answer->first);
    buf_put_le16(out, answer->n_groups);
    for (uint32_t i = 0; i < answer->n_groups; i++)
        buf_put_le32(out, answer->groups[i]);
}

bool txn_answer_decode(const uint8_t *bytes, size_t size, struct txn_answer *out)
{
    struct buf_reader in = buf_reader_of(bytes, size);
    out->verdict = buf_take_u8(&in);
    out->epoch = buf_take_le32(&in);
    out->ts = buf_take_le64(&in);
    out->generation = buf_take_le32(&in);
    out->first = buf_take_le64(&in);
    out->n_groups = buf_take_le16(&in);
    if (out->n_groups > TXN_GROUPS_MAX)
        return false;
    for (uint32_t i = 0; i < out->n_groups; i++)
        out->groups[i] = buf_take_le32(&in);
    return !in.bad;
}

/* ---- the state store ------------------------------------------------------------------------ */

uint32_t txn_key_make(uint8_t *key, char letter, const struct kv_txn_id *txn)
{
    key[0] = (uint8_t)letter;
    store_be32(key + 1, txn->gateway);
    store_be32(key + 5, txn->boot_epoch);
    store_be64(key + 9, txn->number);
    return 17;
}

uint32_t txn_key_slot(uint8_t *key, const struct kv_txn_id *txn, uint64_t session)
{
    struct kv_txn_id slot = {txn->gateway, txn->boot_epoch, session};
    return txn_key_make(key, 'S', &slot);
}

uint32_t txn_key_storage(uint8_t *key, char letter, uint64_t storage)
{
    key[0] = (uint8_t)letter;
    store_be64(key + 1, storage);
    return 9;
}

void txn_bulk_put(struct buf *out, const struct txn_bulk *bulk)
{
    put_txn(out, &bulk->txn);
    buf_put_le32(out, bulk->filling);
    buf_put_le64(out, bulk->stamp);
}

bool txn_bulk_decode(const uint8_t *bytes, size_t size, struct txn_bulk *out)
{
    struct buf_reader in = buf_reader_of(bytes, size);
    take_txn(&in, &out->txn);
    out->filling = buf_take_le32(&in);
    out->stamp = buf_take_le64(&in);
    return !in.bad;
}

bool txn_key_read(const uint8_t *key, size_t len, struct kv_txn_id *txn)
{
    if (len != 17)
        return false;
    *txn = (struct kv_txn_id){load_be32(key + 1), load_be32(key + 5), load_be64(key + 9)};
    return true;
}

void txn_record_put(struct buf *out, const struct txn_record *record)
{
    buf_put_u8(out, record->status);
    buf_put_le32(out, record->epoch);
    buf_put_le64(out, record->ts);
    buf_put_le64(out, record->stamp);
    buf_put_le64(out, record->session);
    buf_put_le16(out, record->n_groups);
    buf_put(out, record->groups, 4u * record->n_groups);
}

bool txn_record_decode(const uint8_t *bytes, size_t size, struct txn_record *out)
{
    struct buf_reader in = buf_reader_of(bytes, size);
    out->status = buf_take_u8(&in);
    out->epoch = buf_take_le32(&in);
    out->ts = buf_take_le64(&in);
    out->stamp = buf_take_le64(&in);
    out->session = buf_take_le64(&in);
    out->n_groups = buf_take_le16(&in);
    out->groups = buf_take(&in, 4u * out->n_groups);
    return !in.bad;
}

void txn_slot_put(struct buf *out, const struct txn_slot *slot)
{
    buf_put_le64(out, slot->number);
    buf_put_u8(out, slot->outcome);
    buf_put_le64(out, slot->ts);
    buf_put_le64(out, slot->session);
}

bool txn_slot_decode(const uint8_t *bytes, size_t size, struct txn_slot *out)
{
    struct buf_reader in = buf_reader_of(bytes, size);
    out->number = buf_take_le64(&in);
    out->outcome = buf_take_u8(&in);
    out->ts = buf_take_le64(&in);
    out->session = buf_take_le64(&in);
    return !in.bad;
}

void txn_marker_put(struct buf *out, const struct txn_marker *marker)
{
    buf_put_u8(out, marker->outcome);
    buf_put_le32(out, marker->epoch);
    buf_put_le32(out, marker->anchor_group);
    buf_put_le64(out, marker->ts);
    buf_put_le64(out, marker->stamp);
}

bool txn_marker_decode(const uint8_t *bytes, size_t size, struct txn_marker *out)
{
    struct buf_reader in = buf_reader_of(bytes, size);
    out->outcome = buf_take_u8(&in);
    out->epoch = buf_take_le32(&in);
    out->anchor_group = buf_take_le32(&in);
    out->ts = buf_take_le64(&in);
    out->stamp = buf_take_le64(&in);
    return !in.bad;
}

void txn_forbid_put(struct buf *out, const struct txn_forbid *forbid)
{
    buf_put_le32(out, forbid->epoch);
    buf_put_le64(out, forbid->stamp);
}

bool txn_forbid_decode(const uint8_t *bytes, size_t size, struct txn_forbid *out)
{
    struct buf_reader in = buf_reader_of(bytes, size);
    out->epoch = buf_take_le32(&in);
    out->stamp = buf_take_le64(&in);
    return !in.bad;
}
