#include "storage/txn/kv_read.h"

#include "base/buf.h"
#include "base/core.h"
#include "base/env.h"

enum { READ_FORMAT = 1, READ_HAS_WRITES = 1 };

/* Deadlines are points on a node's own clock: between nodes the time left travels. */
static uint64_t read_clock(void)
{
    struct core *core = core_running();
    return core ? env_mono_ns(core->env) : 0;
}

void kv_read_encode(const struct kv_read *read, struct buf *out)
{
    buf_put_u8(out, READ_FORMAT);
    buf_put_le32(out, read->txn.gateway);
    buf_put_le32(out, read->txn.boot_epoch);
    buf_put_le64(out, read->txn.number);
    buf_put_u8(out, read->isolation);
    buf_put_u8(out, read->has_writes ? READ_HAS_WRITES : 0);
    buf_put_u8(out, read->class_);
    buf_put_le64(out, read->read_ts);
    buf_put_le64(out, read->uncertain_limit);
    buf_put_le32(out, read->read_seq);
    uint64_t now = read->deadline_ns ? read_clock() : 0;
    buf_put_le64(out, read->deadline_ns > now || !read->deadline_ns ? read->deadline_ns - now : 1);
    buf_put_le16(out, read->n_void);
    buf_put_le16(out, read->n_opened);
    buf_put_le16(out, read->n_holds);
    buf_put_le16(out, read->n_pending);
    for (uint32_t i = 0; i < read->n_void; i++) {
        buf_put_le32(out, read->voided[i].from);
        buf_put_le32(out, read->voided[i].to);
    }
    for (uint32_t i = 0; i < read->n_opened; i++)
        buf_put_le32(out, read->opened[i]);
    for (uint32_t i = 0; i < read->n_holds; i++) {
        buf_put_le32(out, read->holds[i].group);
        buf_put_le64(out, read->holds[i].lock_epoch);
        buf_put_le64(out, read->holds[i].incarnation);
    }
    for (uint32_t i = 0; i < read->n_pending; i++) {
        buf_put_le32(out, read->pending[i].group);
        buf_put_le32(out, read->pending[i].txn.gateway);
        buf_put_le32(out, read->pending[i].txn.boot_epoch);
        buf_put_le64(out, read->pending[i].txn.number);
    }
}

int kv_read_decode(const uint8_t *data, size_t len, struct arena *arena, struct kv_read *out,
                   struct err *err)
{
    struct buf_reader r = buf_reader_of(data, len);
    struct kv_read read = {0};
    if (buf_take_u8(&r) != READ_FORMAT)
        return err_set(err, ERR_PROTOCOL_VIOLATION, "reading has an unknown format");
    read.txn.gateway = buf_take_le32(&r);
    read.txn.boot_epoch = buf_take_le32(&r);
    read.txn.number = buf_take_le64(&r);
    read.isolation = buf_take_u8(&r);
    read.has_writes = buf_take_u8(&r) & READ_HAS_WRITES;
    read.class_ = buf_take_u8(&r);
    read.read_ts = buf_take_le64(&r);
    read.uncertain_limit = buf_take_le64(&r);
    read.read_seq = buf_take_le32(&r);
    read.deadline_ns = buf_take_le64(&r);
    if (read.deadline_ns)
        read.deadline_ns += read_clock();
    read.n_void = buf_take_le16(&r);
    read.n_opened = buf_take_le16(&r);
    read.n_holds = buf_take_le16(&r);
    read.n_pending = buf_take_le16(&r);
    if (buf_reader_left(&r) <
        8u * read.n_void + 4u * read.n_opened + 20u * read.n_holds + 20u * read.n_pending)
        r.bad = true;
    if (!r.bad) {
        struct kv_seq_range *voided = arena_array(arena, struct kv_seq_range, read.n_void);
        uint32_t *opened = arena_array(arena, uint32_t, read.n_opened);
        struct kv_hold *holds = arena_array(arena, struct kv_hold, read.n_holds);
        for (uint32_t i = 0; i < read.n_void; i++) {
            voided[i].from = buf_take_le32(&r);
            voided[i].to = buf_take_le32(&r);
        }
        for (uint32_t i = 0; i < read.n_opened; i++)
            opened[i] = buf_take_le32(&r);
        for (uint32_t i = 0; i < read.n_holds; i++) {
            holds[i].group = buf_take_le32(&r);
            holds[i].lock_epoch = buf_take_le64(&r);
            holds[i].incarnation = buf_take_le64(&r);
        }
        struct kv_pending *pending = arena_array(arena, struct kv_pending, read.n_pending);
        for (uint32_t i = 0; i < read.n_pending; i++) {
            pending[i].group = buf_take_le32(&r);
            pending[i].txn.gateway = buf_take_le32(&r);
            pending[i].txn.boot_epoch = buf_take_le32(&r);
            pending[i].txn.number = buf_take_le64(&r);
        }
        read.pending = pending;
        read.voided = voided;
        read.holds = holds;
        read.opened = opened;
    }
    if (r.bad)
        return err_set(err, ERR_PROTOCOL_VIOLATION, "reading is malformed");
    *out = read;
    return 0;
}
