/* txn_command.h: what a log entry of a group says, and what its apply answers: codecs. Pure.
 *
 * Every entry starts with (little endian)
 *
 *      0  u8 format (1)     1  u8 kind         2  u16 flags       4  u32 generation
 *      8  u32 gateway      12  u32 boot epoch 16  u64 number of the transaction
 *     24  u64 session      32  u32 staging epoch                  36  u32 anchor group
 *     40  u64 ts           48  u64 stamp      56  u16 n_groups    58  u16 zero   60  u32 n_items
 *     64  u32 group x n_groups, item x n_items
 *
 * ts: COMMIT commit_ts, PREPARE prepare_ts, CAS commit_ts, GC threshold. stamp: the proposer's
 * clock, for ages.
 *
 *     item   := storage, shard (varints) mode op (u8) key, data (varint length and bytes)
 *               COMMIT, PREPARE, BULK
 *     finish := u8 what, u8 outcome, u8 at_anchor, txn id, session, epoch, anchor, ts
 *               FINISH: instead of items
 *
 * A prepared row set is kept in the state store as the very bytes of its PREPARE entry, and behind
 * them the lowest timestamp it was ever prepared at (u64).
 *
 *     answer := u8 verdict, u32 epoch, u64 ts, u32 generation, u64 first, u16 n_groups,
 *               u32 x n_groups
 *
 * State store: first byte of the key, then the transaction (gateway, boot epoch, number, big
 * endian):
 *     'P' prepared rows     'R' record (anchor)     'M' resolve marker     'F' forbid
 *     'S' + gateway, boot epoch, slot: outcome      'G' generation         'I' next storage id
 *     'B' + storage: bulk rows of a running transaction
 */
#ifndef CAIRN_STORAGE_TXN_TXN_COMMAND_H
#define CAIRN_STORAGE_TXN_TXN_COMMAND_H

#include "base/buf.h"
#include "storage/kv.h"

enum txn_kind {
    TXN_COMMIT = 1, /* one group: rows and locks and outcome in one entry */
    TXN_PREPARE,
    TXN_FINISH, /* a batch: resolves, records and markers that may go */
    TXN_CAS,    /* compare-and-set of the record from STAGING under an epoch */
    TXN_ASK,    /* what became of a transaction? If nobody knows: aborted, from now on */
    TXN_FORBID,
    TXN_BULK,      /* rows of a private storage */
    TXN_BULK_DROP, /* its tablets go again */
    TXN_ALLOC,     /* storage ids */
    TXN_GC,
};

enum txn_flag {
    TXN_AT_ANCHOR = 1,    /* PREPARE: the record goes with it */
    TXN_TO_COMMITTED = 2, /* CAS: otherwise to ABORTED */
};

enum txn_verdict {
    TXN_NONE,      /* nothing known */
    TXN_COMMITTED, /* at ts */
    TXN_ABORTED,
    TXN_PREPARED, /* at ts under epoch */
    TXN_STAGING,  /* the record says: undecided, epoch and groups */
    TXN_FORBIDDEN,
    TXN_STALE, /* another generation is in force */
    TXN_NEWER, /* a prepare or record of a newer staging epoch stands */
    TXN_GONE,  /* the session has gone on: aborted if it is still prepared anywhere */
    TXN_DONE,  /* FINISH, BULK, GC, ALLOC */
};

enum txn_finish_what { TXN_RESOLVE = 1, TXN_DROP_RECORD, TXN_DROP_MARKER, TXN_DROP_FORBID };

struct txn_item {
    uint64_t storage;
    uint16_t shard;
    uint8_t mode; /* enum kv_lock_mode */
    uint8_t op;   /* enum lock_op */
    uint32_t key_len, data_len;
    const uint8_t *key, *data;
};

struct txn_finish {
    uint8_t what;    /* enum txn_finish_what */
    uint8_t outcome; /* TXN_COMMITTED or TXN_ABORTED */
    bool at_anchor;  /* RESOLVE: decides the record too, if it is still staging */
    struct kv_txn_id txn;
    uint64_t session;
    uint32_t epoch;
    uint32_t anchor_group;
    hlc_time ts;
};

struct txn_command {
    uint8_t kind;
    uint16_t flags;
    uint32_t generation;
    struct kv_txn_id txn;
    uint64_t session;
    uint32_t epoch;
    uint32_t anchor_group;
    hlc_time ts;
    hlc_time stamp;
    uint16_t n_groups;
    uint32_t n_items;
    const uint8_t *groups; /* little endian u32s; txn_command_group */
    struct buf_reader items;
};

enum { TXN_COMMAND_HEADER = 64, TXN_GROUPS_MAX = 1024 };

/* Writes header and groups; items follow by txn_item_put / txn_finish_put. */
void txn_command_begin(struct buf *out, const struct txn_command *command, const uint32_t *groups);
/* The chosen timestamp, into bytes already encoded. */
static inline void txn_command_set_ts(struct buf *command, hlc_time ts)
{
    store_le64(command->data + 40, ts);
}
/* False: not a command of this version. */
bool txn_command_decode(const uint8_t *bytes, size_t size, struct txn_command *out);
static inline uint32_t txn_command_group(const struct txn_command *command, uint32_t i)
{
    return load_le32(command->groups + 4 * i);
}
void txn_item_put(struct buf *out, const struct txn_item *item);
bool txn_item_take(struct buf_reader *in, struct txn_item *item);
void txn_finish_put(struct buf *out, const struct txn_finish *finish);
bool txn_finish_take(struct buf_reader *in, struct txn_finish *finish);

struct txn_answer {
    uint8_t verdict; /* enum txn_verdict */
    uint32_t epoch;
    hlc_time ts;
    uint32_t generation;
    uint64_t first; /* ALLOC */
    uint16_t n_groups;
    uint32_t groups[TXN_GROUPS_MAX];
};

void txn_answer_put(struct buf *out, const struct txn_answer *answer);
bool txn_answer_decode(const uint8_t *bytes, size_t size, struct txn_answer *out);

/* ---- what lies in the state store ---- */

enum { TXN_KEY_MAX = 17 };

/* Value of a 'B' key: whose bulk rows a storage holds. Rows of filling f have the timestamp 2 f,
 * below every reading; what rolls them back has 2 f + 1. */
struct txn_bulk {
    struct kv_txn_id txn;
    uint32_t filling; /* TXN_BULK_DROPPED: the tablets are gone and may not come again */
    hlc_time stamp;
};
#define TXN_BULK_DROPPED UINT32_MAX
void txn_bulk_put(struct buf *out, const struct txn_bulk *bulk);
bool txn_bulk_decode(const uint8_t *bytes, size_t size, struct txn_bulk *out);

struct txn_record {
    uint8_t status; /* TXN_STAGING, TXN_COMMITTED, TXN_ABORTED */
    uint32_t epoch;
    hlc_time ts;
    hlc_time stamp;
    uint64_t session;
    uint16_t n_groups;
    const uint8_t *groups; /* little endian u32s */
};
struct txn_slot {
    uint64_t number;
    uint8_t outcome;
    hlc_time ts;
    uint64_t session; /* with the order of the commit in its lower bits */
};
struct txn_marker {
    uint8_t outcome;
    uint32_t epoch;
    uint32_t anchor_group;
    hlc_time ts;
    hlc_time stamp;
};
struct txn_forbid {
    uint32_t epoch;
    hlc_time stamp;
};

/* Return the key's length. */
uint32_t txn_key_make(uint8_t *key, char letter, const struct kv_txn_id *txn);
uint32_t txn_key_slot(uint8_t *key, const struct kv_txn_id *txn, uint64_t session);
uint32_t txn_key_storage(uint8_t *key, char letter, uint64_t storage);
/* The transaction a P, R, M or F key names. */
bool txn_key_read(const uint8_t *key, size_t len, struct kv_txn_id *txn);

void txn_record_put(struct buf *out, const struct txn_record *record);
bool txn_record_decode(const uint8_t *bytes, size_t size, struct txn_record *out);
void txn_slot_put(struct buf *out, const struct txn_slot *slot);
bool txn_slot_decode(const uint8_t *bytes, size_t size, struct txn_slot *out);
void txn_marker_put(struct buf *out, const struct txn_marker *marker);
bool txn_marker_decode(const uint8_t *bytes, size_t size, struct txn_marker *out);
void txn_forbid_put(struct buf *out, const struct txn_forbid *forbid);
bool txn_forbid_decode(const uint8_t *bytes, size_t size, struct txn_forbid *out);

#endif
