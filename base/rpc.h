/* rpc.h: messages between nodes.
 *
 * Frames over a byte stream; a frame is a 36-byte header, a message (protobuf-c bytes, or any codec
 * of the method's owner) and an optional raw payload that no codec copies (batches, sst chunks, log
 * entries).
 *
 *     0  u32 magic "CRN1"      4  u8 version   5  u8 kind   6  u8 class   7  u8 flags (0)
 *     8  u64 correlation id   16  u32 crc32c of bytes 0..15, 20..35, message and payload
 *    20  u16 method           22  u16 zero    24  u32 timeout in ms (0 = none)
 *    28  u32 message length   32  u32 payload length      all little endian
 *
 * One connection per class and peer and core: a snapshot on `bulk` cannot delay a heartbeat on
 * `liveness`. A core talks to the core of the same index (modulo count) on the peer, so a request
 * of core-aligned groups crosses no thread. Connections are made when first used, and again with
 * back-off (20 ms doubling to 1 s, with jitter) after they broke. At hello both sides check cluster
 * id, node id and protocol version.
 *
 * Everything written in one turn of the loop leaves in one write: requests, answers, one-way
 * messages.
 *
 * Failure. A call ends when it is answered, its timeout passes, the connection breaks, or the peer
 * is declared down (rpc_peer_down, by the liveness of the floor above): at once, not at TCP's
 * timeout. ERR_CONNECTION_DOES_NOT_EXIST (08003): surely not executed. ERR_CONNECTION_FAILURE
 * (08006), also for a timeout: may have been executed. Errors of the handler travel whole and come
 * back as they were raised (but an 08003 raised over there arrives as 08006). When the caller's
 * task is cancelled or gives up, the handler's task over there is cancelled too; the caller's
 * timeout is the handler's deadline.
 *
 * Streams carry many messages each way under one correlation id, with credit: a sender waits when
 * RPC_STREAM_WINDOW bytes are not yet consumed by the other side's rpc_stream_recv.
 *
 * Invariants
 * 1. One-way messages of one core to one peer on one class arrive in order, each at most once.
 * 2. A handler of a request runs in a fiber of its own; of a one-way message in the connection's
 * fiber, one after the other (it should not wait long); of a stream in a fiber of its own.
 * 3. Request bytes live until the handler returns; response bytes until rpc_reply_done.
 * 4. A node's calls to itself go the same way without a socket.
 *
 * Learned from TigerBeetle's message bus, seastar's rpc, gRPC's flow control.
 */
#ifndef CAIRN_BASE_RPC_H
#define CAIRN_BASE_RPC_H

#include "base/core.h"
#include "base/env.h"

typedef uint32_t node_id;

enum rpc_class { RPC_LIVENESS, RPC_CONSENSUS, RPC_STATEMENT, RPC_BULK, RPC_CLASS_COUNT };

enum {
    RPC_METHOD_MAX =
        256, /* methods are numbered by their floor: storage 1-127, executor and server 128-255 */
    RPC_FRAME_MAX = 256 * 1024 * 1024,
    RPC_STREAM_WINDOW = 1024 * 1024,
    RPC_VERSION = 1,
};

struct rpc;

struct rpc_config {
    uint8_t cluster_id[16];
    node_id self;
    uint64_t boot_epoch;         /* told at hello */
    uint64_t call_timeout_ns;    /* default of calls that name none; 0: 10 s */
    uint64_t connect_timeout_ns; /* 0: 2 s */
};

/* A request, one-way message or stream element as its receiver sees it. */
struct rpc_in {
    node_id from;
    uint16_t method;
    uint8_t cls;
    const uint8_t *msg;
    size_t msg_len;
    const uint8_t *payload;
    size_t payload_len;
    mono_ns deadline; /* the caller's, on our clock */
};

/* What a handler answers. Both are freed after sending. */
struct rpc_out {
    struct buf msg;
    struct buf payload;
};

/* The answer to rpc_call; views into one buffer. */
struct rpc_reply {
    const uint8_t *msg;
    size_t msg_len;
    const uint8_t *payload;
    size_t payload_len;
    void *memory, *memory2;
};
void rpc_reply_done(struct rpc_reply *reply);

/* Returns 0 and fills out, or an error that travels to the caller. For one-way messages what is in
 * `out` is thrown away and an error is logged. */
typedef int rpc_handler(struct task *task, void *ctx, const struct rpc_in *in, struct rpc_out *out,
                        struct err *err);
struct rpc_stream;
/* Serves one stream; `in` is what rpc_stream_open sent. The stream ends when it returns. */
typedef int rpc_stream_handler(struct task *task, void *ctx, const struct rpc_in *in,
                               struct rpc_stream *stream, struct err *err);

/* ---- set-up ---- */
struct rpc *rpc_create(struct runtime *runtime, const struct rpc_config *config);
/* Handlers are registered before rpc_listen; `ctx` is passed through. */
void rpc_handle(struct rpc *rpc, uint16_t method, const char *name, rpc_handler *fn, void *ctx);
void rpc_handle_stream(struct rpc *rpc, uint16_t method, const char *name, rpc_stream_handler *fn,
                       void *ctx);
/* Serves on host:port until rpc_stop. Port 0: see rpc_port. */
MUST_CHECK int rpc_listen(struct task *task, struct rpc *rpc, const char *host, uint16_t port,
                          struct err *err);
uint16_t rpc_port(const struct rpc *rpc);
/* Before the cluster is formed a node may run with cluster id 0 (joins any) and learn it later. */
void rpc_set_cluster(struct rpc *rpc, const uint8_t cluster_id[16]);
void rpc_set_self(struct rpc *rpc, node_id self);
/* Closes everything on all cores; calls in flight fail. */
void rpc_stop(struct task *task, struct rpc *rpc);
void rpc_destroy(struct rpc *rpc);

/* Where a node is. Repeating it with another address drops the old connections. Any core. */
void rpc_peer_set(struct rpc *rpc, node_id id, const char *host, uint16_t port);
void rpc_peer_remove(struct rpc *rpc, node_id id);
/* down: calls in flight to it fail now and new ones fail at once until up again, but on the
 * liveness class, which is tried on. Any core. */
void rpc_peer_down(struct rpc *rpc, node_id id, bool down);

/* ---- calls ---- */
struct rpc_call {
    node_id to;
    uint16_t method;
    enum rpc_class cls;
    const void *msg;
    size_t msg_len;
    const void *payload; /* borrowed until rpc_call returns */
    size_t payload_len;
    uint64_t timeout_ns; /* 0: the default; also bounded by the task's deadline */
};

MUST_CHECK int rpc_call(struct task *task, struct rpc *rpc, const struct rpc_call *call,
                        struct rpc_reply *reply, struct err *err);
/* The same to a node whose id is not known yet (join): by address, connection closed afterwards. */
MUST_CHECK int rpc_call_address(struct task *task, struct rpc *rpc, const char *host, uint16_t port,
                                const struct rpc_call *call, struct rpc_reply *reply,
                                struct err *err);

enum rpc_send_result { RPC_SENT, RPC_DROPPED };
/* One-way: bytes are copied, never waits, no answer. RPC_DROPPED when the peer is unknown, down,
 * unreachable now, or more than 64 MiB wait for it (first use opens the connection and keeps what
 * is sent meanwhile). */
enum rpc_send_result rpc_send(struct core *core, struct rpc *rpc, const struct rpc_call *message);

/* ---- streams ---- */
MUST_CHECK int rpc_stream_open(struct task *task, struct rpc *rpc, const struct rpc_call *call,
                               struct rpc_stream **out, struct err *err);
MUST_CHECK int rpc_stream_send(struct task *task, struct rpc_stream *stream, const void *msg,
                               size_t msg_len, const void *payload, size_t payload_len,
                               struct err *err);
enum rpc_recv_result { RPC_GOT, RPC_END };
/* *in is valid until the next recv or close. RPC_END: the other side finished without error. */
MUST_CHECK int rpc_stream_recv(struct task *task, struct rpc_stream *stream,
                               enum rpc_recv_result *result, struct rpc_in *in, struct err *err);
/* No more from us; the other side sees RPC_END after what was sent. */
MUST_CHECK int rpc_stream_finish(struct task *task, struct rpc_stream *stream, struct err *err);
/* The opener frees the stream; if it did not end by itself the other side is cancelled. */
void rpc_stream_close(struct task *task, struct rpc_stream *stream);

#endif
