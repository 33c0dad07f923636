/* lock_table.h: the rows that transactions hold at one group's leader: locks, waiters, provisional
 * values. Pure.
 *
 * A row is named (storage, shard, key). It has holders (a transaction and a mode), waiters in order
 * of arrival, and at most one writer with its provisional values, newest first, each under the
 * sequence number of its statement. Rows of one (storage, shard) lie in a skip list, so a scan can
 * ask what is provisional or prepared in a span.
 *
 * A lock_txn is what this leader knows of a transaction: ACTIVE (unreplicated locks), PUBLISHED
 * (its prepare_ts or commit_ts is chosen and the entry is on its way), PREPARED (the entry is
 * applied, the outcome open). Readers at or above prep_ts of a published or prepared writer wait
 * for its end (lock_watch).
 *
 * Modes conflict as PostgreSQL's row locks do: the numbers of kv_lock_mode sum above 4.
 *
 * Invariants
 * 1. No two holders of a row conflict. Only a holder of NO KEY UPDATE or UPDATE is its writer.
 * 2. A request waits if it conflicts with a holder, or with a waiter that came earlier, unless its
 * transaction already holds the row: an upgrade goes first.
 * 3. A row exists as long as it has a holder or a waiter. A lock_txn's rows go with it
 * (lock_txn_end).
 * 4. Order of grants is order of arrival; nothing depends on addresses.
 *
 * The table belongs to the group's core. It calls `woken` for each waiter or watcher that need not
 * wait any more; the callback may not change the table. After PostgreSQL's lmgr README and
 * CockroachDB's lock table.
 */
#ifndef CAIRN_STORAGE_TXN_LOCK_TABLE_H
#define CAIRN_STORAGE_TXN_LOCK_TABLE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/hashmap.h"
#include "base/list.h"
#include "base/prng.h"
#include "storage/kv.h"

enum { LOCK_LEVELS = 12, LOCK_SHARD_CHANGES = 0xffff };

/* What a provisional value does when it is committed. CREATE, ALTER and DROP stand on the row
 * (storage, LOCK_SHARD_CHANGES, "") and carry an encoded schema. */
enum lock_op {
    LOCK_OP_NONE,
    LOCK_OP_PUT,
    LOCK_OP_DELETE,
    LOCK_OP_CREATE,
    LOCK_OP_ALTER,
    LOCK_OP_DROP
};

enum lock_phase { LOCK_ACTIVE, LOCK_PUBLISHED, LOCK_PREPARED };

struct lock_value {
    struct lock_value *older;
    uint32_t seq;
    uint8_t op; /* enum lock_op */
    uint32_t len;
    const uint8_t *data; /* PUT: row; DELETE: the key it moved to (len 0: none); else a schema. The
                            transaction's arena */
};

struct lock_row {
    struct lock_space *space;
    struct list holders; /* of struct lock_holder */
    struct list waiters; /* of struct lock_waiter */
    struct lock_txn *writer;
    struct lock_value *value; /* newest; NULL when the writer rolled all back */
    uint32_t key_len;
    uint8_t level;
    const uint8_t *key;
    struct lock_row *next[];
};

struct lock_holder {
    struct lock_txn *txn;
    struct lock_row *row;
    uint8_t mode;
    struct list_node row_link, txn_link;
};

struct lock_space {
    struct lock_table *table;
    uint64_t storage;
    uint16_t shard;
    uint32_t count;
    struct lock_row *head[LOCK_LEVELS];
};

struct lock_txn {
    struct kv_txn_id id;
    uint64_t
        incarnation;  /* unique in the table: a transaction whose locks were dropped gets another */
    uint64_t started; /* age: smaller is older */
    uint64_t session;
    uint8_t isolation;
    uint8_t phase; /* enum lock_phase */
    bool recovering;
    bool one_group;    /* published by a one-group commit: its outcome has that very timestamp */
    bool foreign_dead; /* its gateway was seen dead once: dropped at the next look */
    uint32_t epoch;    /* staging epoch once published */
    uint32_t anchor_group;
    hlc_time prep_ts;
    hlc_time outcome_ts;   /* set before its end: commit_ts, 0 = aborted or not known here */
    uint64_t published_ns; /* the driver's: when its outcome became open */
    uint64_t lock_count;
    struct list waits;    /* of struct lock_waiter: this transaction's */
    struct list holders;  /* of struct lock_holder, oldest first */
    struct list watchers; /* of struct lock_watch */
    struct arena arena;
    size_t bytes;
    uint64_t request; /* last request served, and its answer: a repeat is answered from it */
    uint64_t running; /* request being served now */
    struct buf reply;
    void *proposal; /* the driver's, while an entry of it is on its way */
};

struct lock_waiter {
    struct lock_txn *txn;
    struct lock_row *row;
    uint8_t mode;
    bool granted;
    int failed; /* error code that ended the wait */
    struct list_node link, txn_link;
    void *owner; /* the driver's */
};

struct lock_watch {
    struct lock_txn *txn;
    bool ended;
    hlc_time outcome_ts;
    struct list_node link;
    void *owner;
};

struct lock_table {
    struct hashmap txns;  /* kv_txn_id -> lock_txn */
    struct intmap spaces; /* storage << 16 | shard -> lock_space */
    struct prng prng;
    uint64_t incarnation_next;
    size_t bytes;
    uint64_t row_count;
    uint32_t prepared_count; /* published or prepared transactions */
    void (*waiter_woken)(struct lock_waiter *waiter);
    void (*watch_woken)(struct lock_watch *watch);
};

static inline bool lock_modes_conflict(uint8_t a, uint8_t b)
{
    return a + b > KV_LOCK_UPDATE;
}

void lock_table_init(struct lock_table *table);
/* Ends every transaction; waiters and watchers are woken (waiters as failed with `code`). */
void lock_table_clear(struct lock_table *table, int code);
void lock_table_done(struct lock_table *table);

struct lock_txn *lock_table_txn(const struct lock_table *table, const struct kv_txn_id *id);
struct lock_txn *lock_table_txn_add(struct lock_table *table, const struct kv_txn_id *id);
struct lock_row *lock_table_find(const struct lock_table *table, uint64_t storage, uint16_t shard,
                                 const void *key, uint32_t key_len);
/* First row with key >= key of the space, NULL when none; then lock_row_next. */
struct lock_row *lock_table_seek(const struct lock_table *table, uint64_t storage, uint16_t shard,
                                 const void *key, uint32_t key_len);
static inline struct lock_row *lock_row_next(const struct lock_row *row)
{
    return row->next[0];
}

/* True: held in at least that mode now. False: *row is to be waited for. */
bool lock_acquire(struct lock_table *table, struct lock_txn *txn, uint64_t storage, uint16_t shard,
                  const void *key, uint32_t key_len, uint8_t mode, struct lock_row **row);
/* Would lock_acquire succeed at once? Creates nothing. */
bool lock_is_free(const struct lock_table *table, const struct lock_txn *txn, uint64_t storage,
                  uint16_t shard, const void *key, uint32_t key_len, uint8_t mode);
/* Takes its place in the row's queue; granted later through waiter_woken. The waiter is the
 * caller's memory until granted, failed or lock_wait_cancel. */
void lock_wait(struct lock_table *table, struct lock_waiter *waiter, struct lock_txn *txn,
               struct lock_row *row, uint8_t mode);
void lock_wait_cancel(struct lock_table *table, struct lock_waiter *waiter);
/* The transactions a waiter waits for, each once; how many there are (written: at most max). */
uint32_t lock_blockers(const struct lock_waiter *waiter, struct lock_txn **out, uint32_t max);
/* Fails every wait of the transaction (deadlock victim, forbidden). */
void lock_waits_fail(struct lock_table *table, struct lock_txn *txn, int code);

/* Gives one lock back that carries no value (a row that turned out not to be there). */
void lock_release(struct lock_table *table, struct lock_txn *txn, struct lock_row *row);
/* The mode the transaction holds the row in, KV_LOCK_NONE if it does not. */
uint8_t lock_held(const struct lock_row *row, const struct lock_txn *txn);
/* A provisional value; the transaction holds the row for writing. `data` is copied. */
void lock_value_put(struct lock_table *table, struct lock_txn *txn, struct lock_row *row,
                    uint32_t seq, enum lock_op op, const void *data, uint32_t len);
/* The newest own value a reading with read_seq sees, NULL when none. */
const struct lock_value *lock_value_seen(const struct lock_row *row, uint32_t read_seq,
                                         const struct kv_seq_range *voided, uint32_t n_void);
/* Drops the transaction's values with seq >= from. Locks stay. */
void lock_txn_rollback(struct lock_table *table, struct lock_txn *txn, uint32_t from);
/* ACTIVE -> PUBLISHED at ts, and back when the entry is surely lost or refused. */
void lock_txn_publish(struct lock_table *table, struct lock_txn *txn, hlc_time ts, uint32_t epoch);
void lock_txn_unpublish(struct lock_table *table, struct lock_txn *txn);
void lock_txn_prepared(struct lock_table *table, struct lock_txn *txn);
/* Everything of the transaction goes; waiters behind it are granted, watchers woken, its own waits
 * fail with `code`. */
void lock_txn_end(struct lock_table *table, struct lock_txn *txn, int code);
void lock_watch_add(struct lock_watch *watch, struct lock_txn *txn);
void lock_watch_remove(struct lock_watch *watch);

#endif
