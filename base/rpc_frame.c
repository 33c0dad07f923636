#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/rpc_int.h"

void rpc_header_store(uint8_t out[RPC_HEADER_BYTES], const struct rpc_header *h, const void *msg,
                      const void *payload)
{
    store_le32(out, RPC_MAGIC);
    out[4] = RPC_VERSION;
    out[5] = h->kind;
    out[6] = h->cls;
    out[7] = 0;
    store_le64(out + 8, h->corr);
    store_le16(out + 20, h->method);
    store_le16(out + 22, 0);
    store_le32(out + 24, h->timeout_ms);
    store_le32(out + 28, h->msg_len);
    store_le32(out + 32, h->payload_len);
    uint32_t crc = crc32c(crc32c(0, out, 16), out + 20, RPC_HEADER_BYTES - 20);
    crc = crc32c(crc, msg, h->msg_len);
    store_le32(out + 16, crc32c(crc, payload, h->payload_len));
}

bool rpc_header_load(const uint8_t *at, struct rpc_header *out)
{
    if (load_le32(at) != RPC_MAGIC || at[4] != RPC_VERSION || at[6] >= RPC_CLASS_COUNT)
        return false;
    *out = (struct rpc_header){
        .kind = at[5],
        .cls = at[6],
        .corr = load_le64(at + 8),
        .crc = load_le32(at + 16),
        .method = load_le16(at + 20),
        .timeout_ms = load_le32(at + 24),
        .msg_len = load_le32(at + 28),
        .payload_len = load_le32(at + 32),
    };
    return (uint64_t)out->msg_len + out->payload_len <= RPC_FRAME_MAX;
}

uint32_t rpc_frame_crc(const uint8_t *header, const uint8_t *body, size_t body_len)
{
    uint32_t crc = crc32c(crc32c(0, header, 16), header + 20, RPC_HEADER_BYTES - 20);
    return crc32c(crc, body, body_len);
}

struct rpc_frame *rpc_frame_make(const struct rpc_header *header, const void *msg,
                                 const void *payload)
{
    struct rpc_frame *f = malloc(sizeof *f + header->msg_len + header->payload_len);
    if (!f) {
        fprintf(stderr, "cairn: out of memory for a frame of %u bytes\n",
                header->msg_len + header->payload_len);
        abort();
    }
    list_node_init(&f->link);
    f->header = *header;
    if (msg && header->msg_len)
        memcpy(f->bytes, msg, header->msg_len);
    if (payload && header->payload_len)
        memcpy(f->bytes + header->msg_len, payload, header->payload_len);
    return f;
}

void rpc_hello_store(struct buf *out, const struct rpc_hello *hello)
{
    buf_put(out, hello->cluster_id, sizeof hello->cluster_id);
    buf_put_le32(out, hello->self);
    buf_put_le32(out, hello->target);
    buf_put_le64(out, hello->boot_epoch);
    buf_put_le32(out, hello->version);
    buf_put_le32(out, hello->core);
    buf_put_u8(out, hello->cls);
}

/* Longer hellos of later versions are fine: what is behind is not ours to read. */
bool rpc_hello_load(const uint8_t *at, size_t len, struct rpc_hello *out)
{
    struct buf_reader r = buf_reader_of(at, len);
    const uint8_t *cluster = buf_take(&r, sizeof out->cluster_id);
    if (!cluster)
        return false;
    memcpy(out->cluster_id, cluster, sizeof out->cluster_id);
    out->self = buf_take_le32(&r);
    out->target = buf_take_le32(&r);
    out->boot_epoch = buf_take_le64(&r);
    out->version = buf_take_le32(&r);
    out->core = buf_take_le32(&r);
    out->cls = buf_take_u8(&r);
    return !r.bad && out->cls < RPC_CLASS_COUNT;
}

/* The code travels as SQLSTATE: enum values may differ between versions. */
void rpc_err_store(struct buf *out, const struct err *err)
{
    int code = err->code == ERR_CONNECTION_DOES_NOT_EXIST ? ERR_CONNECTION_FAILURE : err->code;
    buf_put(out, err_sqlstate(code), 5);
    buf_put_svarint(out, err->position);
    buf_put_svarint(out, err->line);
    const char *texts[] = {err->message,         err->detail,     err->hint,        err->where,
                           err->schema_name,     err->table_name, err->column_name, err->type_name,
                           err->constraint_name, err->file};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        buf_put_sized(out, texts[i], strlen(texts[i]));
}

static void take_text(struct buf_reader *r, char *out, size_t size)
{
    size_t len;
    const uint8_t *at = buf_take_sized(r, &len);
    if (len >= size)
        len = size - 1;
    if (at)
        memcpy(out, at, len);
    out[len] = 0;
}

int rpc_err_load(const uint8_t *at, size_t len, struct err *err)
{
    struct buf_reader r = buf_reader_of(at, len);
    struct err e = {0};
    const uint8_t *state = buf_take(&r, 5);
    char sqlstate[6] = "XX000";
    if (state)
        memcpy(sqlstate, state, 5);
    e.code = err_code_of_sqlstate(sqlstate);
    e.position = (int32_t)buf_take_svarint(&r);
    e.line = (int32_t)buf_take_svarint(&r);
    take_text(&r, e.message, sizeof e.message);
    take_text(&r, e.detail, sizeof e.detail);
    take_text(&r, e.hint, sizeof e.hint);
    take_text(&r, e.where, sizeof e.where);
    take_text(&r, e.schema_name, sizeof e.schema_name);
    take_text(&r, e.table_name, sizeof e.table_name);
    take_text(&r, e.column_name, sizeof e.column_name);
    take_text(&r, e.type_name, sizeof e.type_name);
    take_text(&r, e.constraint_name, sizeof e.constraint_name);
    take_text(&r, e.file, sizeof e.file);
    if (r.bad || e.code == ERR_OK)
        err_set(&e, ERR_PROTOCOL_VIOLATION, "malformed error from another node");
    if (err)
        *err = e;
    return e.code;
}
