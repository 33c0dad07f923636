/* txn_call.h: a request of a gateway to the leader of a group, and the answer: structs and their
 * bytes.
 *
 * A call carries who asks (transaction, age, isolation), what it already has there (lock epoch,
 * incarnation), which try it is (request number: a repeat is answered from the first), the
 * gateway's clock, and a body whose form belongs to the operation. The same struct is handed to the
 * leader directly when it is local; between nodes it travels as
 *
 *      0  u8 format (1)   1  u8 op           2  u8 isolation   3  u8 class
 *      4  u32 group       8  u32 anchor     12  u32 seq       16  txn id (u32 u32 u64)
 *     32  u64 started    40  u64 session    48  u64 lock epoch
 *     56  u64 incarnation                   64  u64 request   72  u64 clock
 *     80  u64 read_ts    88  u64 time left ns (0: none)       96  u64 lock timeout ns
 *    104  u16 n_void    106  u16 zero      108  u32 from, u32 to x n_void, then the body
 *
 * Bodies:
 *     OPEN     nothing. Answer: transactions prepared there without an outcome (u32 u32 u64 each);
 *              one byte: too many to name
 *     WRITE    storage, version (varints) write op, wait (u8) n_rows (varint);
 *              shard (varint) key data (sized) x n.            Answer: u8 result x n
 *     LOCK     storage, version, mode, wait, n_rows; shard key x n.
 *              Answer: u8 result x n, with row bytes or the new key (sized) behind CHANGED, MOVED
 *     CHANGE   lock op (u8), wait (u8), storage (varint), schema bytes: a storage appears,
 *              changes or goes with the commit
 *     COMMIT, PREPARE   flags generation epoch (u32) n_groups (u16) groups. Answer: a txn_answer
 *     PROPOSE  a command (txn_command.h), stamped and proposed.             Answer: a txn_answer
 *     BULK     storage, version, n_rows, schema (sized); shard key data x n. Answer: result x n
 *     VOID     schema bytes: the rows of this filling (seq) are taken back
 *     LOOK     nothing: record and outcome as a lease read.                 Answer: a txn_answer
 *     ABORT    nothing: unprepared locks of the transaction go
 *     CANCEL   error code (u32): ends its waits there
 *     SCAN     txn_scan.h
 *
 * The answer: u8 format, u8 status, u8 retry, u8 zero, u32 hint, u64 clock, u64 lock epoch, u64
 * incarnation, error (when status is FAILED), body.
 */
#ifndef CAIRN_STORAGE_TXN_TXN_CALL_H
#define CAIRN_STORAGE_TXN_TXN_CALL_H

#include "base/buf.h"
#include "storage/kv.h"

enum txn_op {
    TXN_OP_OPEN = 1,
    TXN_OP_WRITE,
    TXN_OP_LOCK,
    TXN_OP_CHANGE,
    TXN_OP_COMMIT,
    TXN_OP_PREPARE,
    TXN_OP_PROPOSE,
    TXN_OP_BULK,
    TXN_OP_VOID,
    TXN_OP_LOOK,
    TXN_OP_ABORT,
    TXN_OP_CANCEL,
    TXN_OP_SCAN,
};

enum txn_status {
    TXN_OK,
    TXN_ELSEWHERE, /* not the leader here: hint names it, 0 = unknown. Surely nothing was done */
    TXN_BUSY,      /* leader, but not now (lease, log full, an earlier try still on its way) */
    TXN_REFUSED,   /* COMMIT, PREPARE: the locks are not held in this lock epoch: not proposed */
    TXN_UNSURE,    /* proposed, and its fate is not known here */
    TXN_FAILED,    /* the error says why */
};

struct txn_call {
    uint8_t op;
    uint8_t isolation;
    uint8_t class_;
    uint32_t group;
    uint32_t anchor_group;
    uint32_t seq; /* writes carry it; reads inside the request see everything before */
    struct kv_txn_id txn;
    uint64_t started;
    uint64_t session;
    uint64_t lock_epoch; /* 0 = no lock there yet */
    uint64_t incarnation;
    uint64_t request;
    hlc_time clock;
    hlc_time read_ts;
    uint64_t deadline_ns; /* local monotonic; 0 = none */
    uint64_t lock_timeout_ns;
    uint16_t n_void;
    const struct kv_seq_range *voided;
    const uint8_t *body;
    size_t body_len;
};

struct txn_result {
    uint8_t status; /* enum txn_status */
    uint8_t retry;  /* enum kv_retry, with FAILED */
    uint32_t hint;
    hlc_time clock;
    uint64_t lock_epoch;
    uint64_t incarnation;
    struct buf body;
};

void txn_call_encode(const struct txn_call *call, uint64_t now_ns, struct buf *out);
/* Memory from the arena; the body borrows from `bytes`. */
int txn_call_decode(const uint8_t *bytes, size_t len, uint64_t now_ns, struct arena *arena,
                    struct txn_call *out, struct err *err) MUST_CHECK;
/* err: with FAILED. */
void txn_result_encode(const struct txn_result *result, const struct err *err, struct buf *out);
/* Returns the code of the error carried (also put into err), 0 if none. The body is copied. */
int txn_result_decode(const uint8_t *bytes, size_t len, struct txn_result *out,
                      struct err *err) MUST_CHECK;

void txn_err_put(struct buf *out, const struct err *err);
/* Returns its code. */
int txn_err_take(struct buf_reader *in, struct err *err);

#endif
