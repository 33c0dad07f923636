/* rpc_int.h: what the files of rpc share.
 *
 *     rpc.c         set-up, peers, calls, one-way messages
 *     rpc_conn.c    connections: dialling, hello, reading and dispatch, coalesced writing
 *     rpc_stream.c  streams
 *     rpc_frame.c   header, hello and error codecs
 *
 * An rpc_core is the part of one core; all its state is that core's alone. A connection is used in
 * one direction: the side that dialled sends requests, one-way messages and stream openings, the
 * other side answers. It is counted: the table it is in, its fiber and each running handler hold
 * it.
 */
#ifndef CAIRN_BASE_RPC_INT_H
#define CAIRN_BASE_RPC_INT_H

#include "base/hashmap.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/rpc.h"
#include "base/sync.h"

enum {
    RPC_HEADER_BYTES = 36,
    RPC_MAGIC = 0x314e5243, /* "CRN1" */
    RPC_READ_BYTES = 16 * 1024,
    RPC_DIRECT_BYTES = 16 * 1024, /* payloads from here on are not copied into the out buffer */
    RPC_QUEUE_MAX = 64 * 1024 * 1024,
    RPC_HOST_MAX = 128,
};

enum rpc_kind {
    RPC_HELLO = 1,
    RPC_HELLO_OK,
    RPC_HELLO_REFUSED,
    RPC_REQUEST,
    RPC_ANSWER,
    RPC_ANSWER_ERROR,
    RPC_CANCEL,
    RPC_ONEWAY,
    RPC_STREAM_OPEN,
    RPC_STREAM_DATA,   /* message, payload */
    RPC_STREAM_CREDIT, /* message: varint bytes consumed */
    RPC_STREAM_END,    /* nothing more from this side */
    RPC_STREAM_ERROR,  /* the handler failed */
};

struct rpc_header {
    uint8_t kind, cls;
    uint16_t method;
    uint32_t crc, timeout_ms, msg_len, payload_len;
    uint64_t corr;
};

/* A received frame in memory of its own. */
struct rpc_frame {
    struct list_node link;
    struct rpc_header header;
    uint8_t bytes[]; /* message, payload */
};

struct rpc_hello {
    uint8_t cluster_id[16];
    node_id self, target;
    uint64_t boot_epoch;
    uint8_t cls;
    uint32_t core;
    uint32_t version;
};

enum rpc_state { RPC_DIALLING, RPC_UP, RPC_BROKEN };

struct rpc_core;
struct rpc_peer;

struct rpc_conn {
    struct rpc_core *rc;
    struct rpc_peer *peer; /* of a dialled connection in its table; else NULL */
    struct list_node link; /* in rc->conns */
    struct sock *sock;
    struct task *fiber;
    uint32_t refs;
    uint8_t cls;
    uint8_t state;
    bool dialled;
    bool in_handler; /* its fiber runs the handler of a one-way message */
    node_id remote;
    char host[RPC_HOST_MAX];
    uint16_t port;
    struct buf out; /* frames of this turn */
    struct core_defer flush;
    uint8_t *in; /* RPC_READ_BYTES */
    size_t in_start, in_end;
    struct intmap calls;    /* corr -> struct rpc_pending */
    struct intmap services; /* corr -> struct rpc_service */
    struct intmap streams;  /* corr -> struct rpc_stream */
    uint64_t next_corr;
};

struct rpc_peer {
    node_id id;
    char host[RPC_HOST_MAX];
    uint16_t port;
    bool down;
    struct rpc_conn *conns[RPC_CLASS_COUNT];
    uint64_t backoff_ns[RPC_CLASS_COUNT];
    mono_ns dial_after[RPC_CLASS_COUNT];
};

/* A call waiting for its answer; on the caller's stack. */
struct rpc_pending {
    struct task *task;
    bool done;
    struct rpc_frame *frame; /* RPC_ANSWER or RPC_ANSWER_ERROR */
    struct err err;          /* when there is no frame */
};

/* A request being served. */
struct rpc_service {
    struct rpc_conn *conn;
    struct rpc_frame *frame;
    struct task *task;
};

struct rpc_method {
    const char *name;
    rpc_handler *fn;
    rpc_stream_handler *stream_fn;
    void *ctx;
};

struct rpc_core {
    struct rpc *rpc;
    struct core *core;
    struct intmap peers; /* node id -> struct rpc_peer */
    struct list conns;
    struct list local; /* of rpc_frame: one-way messages to ourselves */
    struct task *local_fiber;
    uint32_t fibers;   /* connections' and handlers' */
    struct cond ended; /* a fiber ended */
    struct prng jitter;
    bool stopping;
};

struct rpc {
    struct runtime *runtime;
    struct env *env;
    struct rpc_config config;
    _Atomic uint32_t self;
    _Atomic uint64_t cluster_lo, cluster_hi;
    struct rpc_method methods[RPC_METHOD_MAX];
    struct rpc_core **cores;
    struct listener *listener;
    struct task *acceptor;
    uint16_t port;
};

struct rpc_stream {
    struct rpc_core *rc;
    struct rpc_conn *conn; /* NULL: the other end is `twin` on this core */
    struct rpc_stream *twin;
    uint64_t corr;
    uint8_t cls;
    node_id remote;
    struct list received; /* of rpc_frame */
    struct rpc_frame *current;
    struct task *receiver, *sender;
    int64_t credit;
    uint64_t consumed; /* not yet told to the other side */
    bool we_ended, they_ended, broken;
    struct err err;         /* set when they failed or the connection broke */
    struct rpc_frame *open; /* server side: the opening frame */
    struct task *handler;
};

/* ---- rpc_frame.c ---- */
void rpc_header_store(uint8_t out[RPC_HEADER_BYTES], const struct rpc_header *header,
                      const void *msg, const void *payload);
/* False when it is no header of ours. */
bool rpc_header_load(const uint8_t *at, struct rpc_header *out);
uint32_t rpc_frame_crc(const uint8_t *header, const uint8_t *body, size_t body_len);
struct rpc_frame *rpc_frame_make(const struct rpc_header *header, const void *msg,
                                 const void *payload);
void rpc_hello_store(struct buf *out, const struct rpc_hello *hello);
bool rpc_hello_load(const uint8_t *at, size_t len, struct rpc_hello *out);
void rpc_err_store(struct buf *out, const struct err *err);
int rpc_err_load(const uint8_t *at, size_t len, struct err *err);

/* ---- rpc_conn.c ---- */
struct rpc_conn *rpc_conn_dial(struct rpc_core *rc, struct rpc_peer *peer, enum rpc_class cls,
                               const char *host, uint16_t port, node_id expected);
void rpc_conn_ref(struct rpc_conn *conn);
void rpc_conn_unref(struct rpc_conn *conn);
/* Ends it: calls fail, handlers are cancelled, its fiber leaves. */
void rpc_conn_break(struct rpc_conn *conn, const char *why);
/* Puts a frame into the out buffer (or sends it at once when the payload is large). */
void rpc_conn_send(struct rpc_conn *conn, const struct rpc_header *header, const void *msg,
                   const void *payload);
void rpc_run_oneway(struct task *task, const struct rpc_method *m, const struct rpc_in *in);
void rpc_accept_loop(struct task *task, void *arg);
enum task_class rpc_task_class(uint8_t cls);
void rpc_fiber_ended(struct rpc_core *rc);
const char *rpc_method_name(const struct rpc *rpc, uint16_t method);

/* ---- rpc_stream.c ---- */
void rpc_stream_accept(struct rpc_conn *conn, struct rpc_frame *take_frame);
/* Hands a stream's frame to it (copies). */
void rpc_stream_deliver(struct rpc_stream *stream, const struct rpc_header *header,
                        const uint8_t *msg, struct rpc_frame *take_frame);
void rpc_stream_conn_broken(struct rpc_stream *stream, const struct err *err);

/* ---- rpc.c ---- */
struct rpc_core *rpc_core_of(struct rpc *rpc, struct core *core);
MUST_CHECK int rpc_conn_to(struct rpc_core *rc, node_id id, enum rpc_class cls,
                           struct rpc_conn **out, struct err *err);
struct rpc_header rpc_call_header(const struct rpc_call *call, enum rpc_kind kind, uint64_t corr,
                                  uint64_t timeout_ns);
void rpc_in_fill(struct rpc_in *in, const struct rpc_header *header, const uint8_t *body,
                 node_id from, struct core *core);

#endif
