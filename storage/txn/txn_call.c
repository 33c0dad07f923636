#include "storage/txn/txn_call.h"

enum { CALL_FORMAT = 1 };

void txn_call_encode(const struct txn_call *call, uint64_t now_ns, struct buf *out)
{
    uint64_t left = 0;
    if (call->deadline_ns)
        left = call->deadline_ns > now_ns ? call->deadline_ns - now_ns : 1;
    buf_put_u8(out, CALL_FORMAT);
    buf_put_u8(out, call->op);
    buf_put_u8(out, call->isolation);
    buf_put_u8(out, call->class_);
    buf_put_le32(out, call->group);
    buf_put_le32(out, call->anchor_group);
    buf_put_le32(out, call->seq);
    buf_put_le32(out, call->txn.gateway);
    buf_put_le32(out, call->txn.boot_epoch);
    buf_put_le64(out, call->txn.number);
    buf_put_le64(out, call->started);
    buf_put_le64(out, call->session);
    buf_put_le64(out, call->lock_epoch);
    buf_put_le64(out, call->incarnation);
    buf_put_le64(out, call->request);
    buf_put_le64(out, call->clock);
    buf_put_le64(out, call->read_ts);
    buf_put_le64(out, left);
    buf_put_le64(out, call->lock_timeout_ns);
    buf_put_le16(out, call->n_void);
    buf_put_le16(out, 0);
    for (uint32_t i = 0; i < call->n_void; i++) {
        buf_put_le32(out, call->voided[i].from);
        buf_put_le32(out, call->voided[i].to);
    }
    buf_put(out, call->body, call->body_len);
}

int txn_call_decode(const uint8_t *bytes, size_t len, uint64_t now_ns, struct arena *arena,
                    struct txn_call *out, struct err *err)
{
    struct buf_reader in = buf_reader_of(bytes, len);
    struct txn_call c = {0};
    uint8_t format = buf_take_u8(&in);
    c.op = buf_take_u8(&in);
    c.isolation = buf_take_u8(&in);
    c.class_ = buf_take_u8(&in);
    c.group = buf_take_le32(&in);
    c.anchor_group = buf_take_le32(&in);
    c.seq = buf_take_le32(&in);
    c.txn.gateway = buf_take_le32(&in);
    c.txn.boot_epoch = buf_take_le32(&in);
    c.txn.number = buf_take_le64(&in);
    c.started = buf_take_le64(&in);
    c.session = buf_take_le64(&in);
    c.lock_epoch = buf_take_le64(&in);
    c.incarnation = buf_take_le64(&in);
    c.request = buf_take_le64(&in);
    c.clock = buf_take_le64(&in);
    c.read_ts = buf_take_le64(&in);
    uint64_t left = buf_take_le64(&in);
    c.deadline_ns = left ? now_ns + left : 0;
    c.lock_timeout_ns = buf_take_le64(&in);
    c.n_void = buf_take_le16(&in);
    buf_take_le16(&in);
    if (format == CALL_FORMAT && buf_reader_left(&in) >= 8u * c.n_void && !in.bad) {
        struct kv_seq_range *voided = arena_array(arena, struct kv_seq_range, c.n_void);
        for (uint32_t i = 0; i < c.n_void; i++) {
            voided[i].from = buf_take_le32(&in);
            voided[i].to = buf_take_le32(&in);
        }
        c.voided = voided;
        c.body_len = buf_reader_left(&in);
        c.body = in.at;
        *out = c;
        return 0;
    }
    return err_set(err, ERR_PROTOCOL_VIOLATION, "transaction request is malformed");
}

void txn_err_put(struct buf *out, const struct err *err)
{
    const char *const texts[] = {err_sqlstate(err->code), err->message, err->detail, err->hint,
                                 err->where};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        buf_put_sized(out, texts[i], strlen(texts[i]));
}

static void take_text(struct buf_reader *in, char *out, size_t size)
{
    size_t len;
    const uint8_t *text = buf_take_sized(in, &len);
    if (len >= size)
        len = size - 1;
    if (text)
        memcpy(out, text, len);
    out[text ? len : 0] = 0;
}

int txn_err_take(struct buf_reader *in, struct err *err)
{
    struct err e;
    char state[8];
    err_clear(&e);
    take_text(in, state, sizeof state);
    e.code = err_code_of_sqlstate(state);
    take_text(in, e.message, sizeof e.message);
    take_text(in, e.detail, sizeof e.detail);
    take_text(in, e.hint, sizeof e.hint);
    take_text(in, e.where, sizeof e.where);
    if (err)
        *err = e;
    return e.code;
}

void txn_result_encode(const struct txn_result *result, const struct err *err, struct buf *out)
{
    buf_put_u8(out, CALL_FORMAT);
    buf_put_u8(out, result->status);
    buf_put_u8(out, result->retry);
    buf_put_u8(out, 0);
    buf_put_le32(out, result->hint);
    buf_put_le64(out, result->clock);
    buf_put_le64(out, result->lock_epoch);
    buf_put_le64(out, result->incarnation);
    if (result->status == TXN_FAILED)
        txn_err_put(out, err);
    buf_put(out, result->body.data, result->body.len);
}

int txn_result_decode(const uint8_t *bytes, size_t len, struct txn_result *out, struct err *err)
{
    struct buf_reader in = buf_reader_of(bytes, len);
    uint8_t format = buf_take_u8(&in);
    out->status = buf_take_u8(&in);
    out->retry = buf_take_u8(&in);
    buf_take_u8(&in);
    out->hint = buf_take_le32(&in);
    out->clock = buf_take_le64(&in);
    out->lock_epoch = buf_take_le64(&in);
    out->incarnation = buf_take_le64(&in);
    if (format != CALL_FORMAT || in.bad) {
        out->status = TXN_FAILED;
        return err_set(err, ERR_PROTOCOL_VIOLATION, "transaction answer is malformed");
    }
    if (out->status == TXN_FAILED)
        return txn_err_take(&in, err);
    buf_reset(&out->body);
    buf_put(&out->body, in.at, buf_reader_left(&in));
    return 0;
}
