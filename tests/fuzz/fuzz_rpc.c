/* Fuzzes what another node may send: frame headers, hellos, errors. What is accepted must be what
 * the encoder writes for it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/rpc_int.h"
#include "tests/fuzz/fuzz_main.h"

static void check_header(const uint8_t *data, size_t size)
{
    struct rpc_header h;
    uint8_t again[RPC_HEADER_BYTES];
    if (size < RPC_HEADER_BYTES || !rpc_header_load(data, &h))
        return;
    size_t total = (size_t)h.msg_len + h.payload_len;
    assert(total <= RPC_FRAME_MAX && h.cls < RPC_CLASS_COUNT);
    const uint8_t *body = data + RPC_HEADER_BYTES;
    if (total > size - RPC_HEADER_BYTES || rpc_frame_crc(data, body, total) != h.crc)
        return;
    rpc_header_store(again, &h, body, body + h.msg_len);
    struct rpc_header second;
    assert(rpc_header_load(again, &second));
    assert(second.corr == h.corr && second.msg_len == h.msg_len && second.method == h.method);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rpc_hello hello;
    struct err err;
    struct buf out = {0};
    check_header(data, size);
    if (rpc_hello_load(data, size, &hello)) {
        rpc_hello_store(&out, &hello);
        assert(out.len <= size && memcmp(out.data, data, out.len) == 0);
        buf_reset(&out);
    }
    int code = rpc_err_load(data, size, &err);
    assert(code != 0 && code == err.code);
    rpc_err_store(&out, &err);
    struct err again;
    rpc_err_load(out.data, out.len, &again);
    assert(strcmp(again.message, err.message) == 0 && strcmp(again.detail, err.detail) == 0);
    buf_done(&out);
    return 0;
}

void fuzz_draw(struct prng *prng, struct buf *out)
{
    struct buf msg = {0};
    struct err err;
    switch (prng_below(prng, 3)) {
    case 0: {
        struct rpc_hello hello = {.self = 1, .target = 2, .version = RPC_VERSION};
        rpc_hello_store(out, &hello);
        break;
    }
    case 1:
        err_set(&err, ERR_UNIQUE_VIOLATION, "duplicate key %u", (unsigned)prng_below(prng, 100));
        err_detail(&err, "Key (id)=(1) already exists.");
        rpc_err_store(out, &err);
        break;
    default: {
        struct rpc_header h = {.kind = (uint8_t)prng_below(prng, 16),
                               .msg_len = (uint32_t)prng_below(prng, 50),
                               .payload_len = (uint32_t)prng_below(prng, 50)};
        uint8_t *body = buf_extend(&msg, 100);
        memset(body, (int)prng_below(prng, 256), 100);
        rpc_header_store(buf_extend(out, RPC_HEADER_BYTES), &h, body, body + h.msg_len);
        buf_put(out, body, h.msg_len + h.payload_len);
    }
    }
    buf_done(&msg);
}
