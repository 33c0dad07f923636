/* kv.h: the face of storage to the floors above: transactions over tables of typed physical columns.
 *
 * Everything above knows storage ids (a table's or an index's rows), stable column ids, key spans and timestamps. It never
 * knows which tablet, group or node holds a key, but may ask where leaders are now to start a fragment there
 * (kv_place). Implemented by storage/txn over replicated groups; tests/support/kv_local implements the same header
 * in memory, without Raft, for tests of the floors above, and is never linked into cairnd.
 *
 * A storage (struct kv_schema) is a physical table: columns by stable id, a key made of some of them, n_shards
 * tablets (rows are spread by a hash of the first n_hash_parts key parts; 1 shard = one span). A table and its indexes are storages;
 * an index names its table's storage as home, so that shard i of both lies in the same group and one commit entry covers them.
 * Key bytes are base/key.h's encoding of the key parts in order. A unique index is keyed by its columns, plus the
 * primary key's columns only where one of them is null (those parts are null otherwise), so equal keys collide.
 *
 * Life of a statement: kv_txn_begin once a transaction; kv_stmt_begin once a statement (READ COMMITTED picks a new read timestamp
 * there; the schemas named are the groups it opens) fills a kv_read, a small copyable value naming timestamp and sequence
 * numbers; scans take the kv_read, here or, serialized, in a fragment on another node. Writes and locks go through the
 * kv_txn, at its gateway only.
 *
 * Sequence numbers: each statement (kv_stmt_begin) and each savepoint draws one. A read with read_seq = s sees the
 * transaction's own writes with seq < s, so a statement never sees its own (no Halloween). Rolled-back ranges are skipped.
 *
 * Invariants
 * 1. A scan at (read_ts, read_seq) gives the same rows however often it is repeated.
 * 2. kv_commit returns 0 only when the commit is durable on a quorum of every participating group.
 * 3. An error with code ERR_STATEMENT_COMPLETION_UNKNOWN (40003) from kv_commit is the only unknown outcome; every other error
 *    means surely not committed.
 * 4. Whatever returns an error leaves the statement's effects to be rolled back by the caller (kv_rollback_to or kv_abort).
 *
 * Retry. Some failures mean "do the same again": kv_txn_retry() after an error says which (see enum kv_retry); the caller may
 * retry if it sent nothing to its client and wrote nothing outside.
 */
#ifndef CAIRN_STORAGE_KV_H
#define CAIRN_STORAGE_KV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/column.h"
#include "base/err.h"
#include "base/hlc.h"
#include "base/key.h"

struct task;
struct kv;       /* one a node; given to every floor above */
struct kv_txn;   /* one a transaction; belongs to the session's fiber */
struct kv_scan;
struct buf;

typedef uint64_t storage_id; /* never reused within a cluster */
typedef uint32_t node_id;    /* 1.. */

/* ---- physical schema ------------------------------------------------------------------------ */

struct kv_column {
    uint32_t id;         /* stable, never reused within the storage */
    uint8_t kind;        /* enum phys_kind */
    int16_t dec_scale;   /* -1 unless a scaled decimal */
    struct datum absent; /* what a row written before this column existed reads as (null included) */
};

struct kv_key_part {
    uint16_t column; /* index into columns */
    bool desc;
    bool nulls_first;
};

struct kv_schema {
    storage_id id;
    storage_id home;     /* the table's storage id; == id for a table */
    uint32_t version;    /* raised by every change of columns */
    uint16_t n_columns;  /* live and key columns; dropped ones are simply not listed */
    uint16_t n_key;      /* >= 1 */
    uint16_t n_shards;   /* >= 1 */
    uint16_t n_hash_parts; /* leading key parts that choose the shard; 0 when n_shards == 1 */
    uint32_t *groups;    /* [n_shards] initial placement, filled by kv_storage_create; opaque above */
    struct kv_column *columns;
    struct kv_key_part *key;
};

/* Position-independent bytes of a schema (catalog rows, requests, tablet descriptors), and back. */
void kv_schema_encode(const struct kv_schema *schema, struct buf *out);
int kv_schema_decode(const uint8_t *data, size_t len, struct arena *arena, struct kv_schema **out,
                     struct err *err) MUST_CHECK;

/* ---- transactions --------------------------------------------------------------------------- */

enum kv_isolation { KV_READ_COMMITTED, KV_REPEATABLE_READ, KV_SERIALIZABLE };

enum kv_retry {
    KV_RETRY_NONE,
    KV_RETRY_STATEMENT, /* roll the statement back, kv_stmt_begin again (the read timestamp moves up by itself) */
    KV_RETRY_SCHEMA,    /* a schema version was refused: refresh the catalog, plan again */
    KV_RETRY_TXN,       /* the transaction is lost (40001); may be run again from its start */
};

struct kv_txn_id {
    node_id gateway;
    uint32_t boot_epoch; /* of the gateway */
    uint64_t number;
};

struct kv_txn_options {
    enum kv_isolation isolation;
    bool read_only;
    uint64_t session;      /* number of the session on this node: names its outcome slot */
    uint64_t deadline_ns;  /* monotonic; 0 = none. Can be changed per statement */
    uint64_t lock_timeout_ns; /* 0 = none */
    uint8_t class_;        /* scheduling class, base/task.h */
};

/* Never waits, never fails: nothing is sent before the first statement. Freed by kv_commit / kv_abort. */
struct kv_txn *kv_txn_begin(struct kv *kv, const struct kv_txn_options *options);
struct kv_txn_id kv_txn_id_of(const struct kv_txn *txn);
bool kv_txn_wrote(const struct kv_txn *txn); /* holds provisional rows, locks or storage changes */
enum kv_retry kv_txn_retry(const struct kv_txn *txn); /* about the last error */
/* An error that a fragment on another node raised (or the loss of that node): kv_txn_retry speaks of
 * it from then on. */
void kv_txn_note_error(struct kv_txn *txn, const struct err *err);
void kv_txn_set_deadline(struct kv_txn *txn, uint64_t deadline_ns, uint64_t lock_timeout_ns);

/* Both free txn, whatever they return. commit_ts may be NULL; 0 for a transaction that wrote nothing. */
int kv_commit(struct task *task, struct kv_txn *txn, hlc_time *commit_ts, struct err *err) MUST_CHECK;
void kv_abort(struct task *task, struct kv_txn *txn);

/* A savepoint is a sequence number. Rolling back voids everything written with seq >= it; locks taken since stay
 * (as in PostgreSQL they may). */
uint32_t kv_savepoint(struct kv_txn *txn);
int kv_rollback_to(struct task *task, struct kv_txn *txn, uint32_t savepoint, struct err *err) MUST_CHECK;

/* What a scan needs to know; copyable, and serializable for fragments on other nodes. */
struct kv_seq_range {
    uint32_t from, to; /* [from, to) voided */
};
/* Where the transaction had locks when the reading was made: a leader that does not know them any more must not answer as
 * if there were no provisional rows. */
struct kv_hold {
    uint32_t group;
    uint64_t lock_epoch, incarnation;
};
/* A transaction whose outcome was open in a group when the statement opened it. It may have been
 * acknowledged before; if it comes out above read_ts the statement starts again. */
struct kv_pending {
    uint32_t group;
    struct kv_txn_id txn;
};
struct kv_read {
    struct kv_txn_id txn;
    uint8_t isolation;
    bool has_writes;          /* the transaction may have provisional rows: leaders merge them */
    hlc_time read_ts;
    hlc_time uncertain_limit; /* versions in (read_ts, uncertain_limit] of groups not opened restart the statement */
    uint32_t read_seq;
    uint16_t n_void;
    uint16_t n_opened;
    uint16_t n_holds;
    uint16_t n_pending;
    const struct kv_seq_range *voided;
    const uint32_t *opened;   /* groups that are certain at read_ts */
    const struct kv_hold *holds;
    const struct kv_pending *pending;
    uint64_t deadline_ns;     /* local monotonic; sent as time left */
    uint8_t class_;
};
void kv_read_encode(const struct kv_read *read, struct buf *out);
int kv_read_decode(const uint8_t *data, size_t len, struct arena *arena, struct kv_read *out,
                   struct err *err) MUST_CHECK;

/* Opens the storages the statement will read or write; fills `read` (valid until the transaction ends; a portal keeps its
 * copy and goes on reading at it). schemas may be empty. */
int kv_stmt_begin(struct task *task, struct kv_txn *txn, const struct kv_schema *const *schemas, uint32_t n_schemas,
                  struct kv_read *read, struct err *err) MUST_CHECK;
/* A reading of its own at the current sequence (volatile functions, foreign-key checks, constraint checks at the end of a
 * statement): same read_ts, read_seq raised so that everything written so far is seen. */
struct kv_read kv_read_now(struct kv_txn *txn, const struct kv_read *read);

/* ---- reading -------------------------------------------------------------------------------- */

enum kv_test_op { KV_EQ, KV_LT, KV_LE, KV_GT, KV_GE, KV_IS_NULL, KV_NOT_NULL, KV_IN };

/* A physical range test: true for a row iff the column is not null and `column op value` in physical order (KV_IN: equals one of
 * n_values). Only for columns whose type declares phys_order (EQ, IN: phys_equal). All tests of a scan are ANDed. */
struct kv_test {
    uint32_t column_id;
    uint8_t op; /* enum kv_test_op */
    uint32_t n_values;
    const struct datum *values;
};

/* Half-open span of key bytes. end_len == 0 with end == NULL: to the end. A point: start = the full key, point = true. */
struct kv_span {
    const uint8_t *start;
    const uint8_t *end;
    uint32_t start_len;
    uint32_t end_len;
    bool point;
};

enum kv_lock_mode { KV_LOCK_NONE, KV_LOCK_KEY_SHARE, KV_LOCK_SHARE, KV_LOCK_NO_KEY_UPDATE, KV_LOCK_UPDATE };
enum kv_wait { KV_WAIT, KV_NOWAIT, KV_SKIP_LOCKED };

struct kv_scan_spec {
    const struct kv_schema *schema;
    const uint32_t *column_ids; /* output columns in this order; key columns too */
    uint16_t n_columns;
    uint16_t n_tests;
    const struct kv_test *tests;
    const struct kv_span *spans; /* none = everything. Ascending and disjoint unless all are points */
    uint32_t n_spans;
    bool with_key;      /* one more output column at the end: the row's key bytes (BYTES) */
    bool with_span;     /* one more output column after that: INT32 ordinal of the span a row came from */
    bool ordered;       /* rows in key order across shards (reverse: descending) */
    bool reverse;
    uint8_t lock;       /* enum kv_lock_mode: only with point spans at the gateway: lock each row found, then answer its
                         * latest committed version (READ COMMITTED) */
    uint8_t wait;       /* enum kv_wait */
    uint64_t limit_hint; /* 0 = none: rows the consumer can use at most */
    const uint16_t *shards; /* only these (a fragment's share); NULL = all */
    uint16_t n_shards;
};

/* Counters of one scan, for EXPLAIN ANALYZE and the cost model. */
struct kv_scan_stats {
    uint64_t rows_out, rows_tested, versions_seen;
    uint64_t blocks_read, blocks_pruned, blocks_from_disk;
    uint64_t columns_decoded;   /* distinct columns decoded at least once */
    uint64_t values_decoded;
    uint64_t bytes_from_disk;
    uint64_t remote_requests, remote_bytes; /* sent + received between nodes */
    uint32_t tablets;
};

int kv_scan_open(struct task *task, struct kv *kv, struct kv_txn *txn, const struct kv_read *read,
                 const struct kv_scan_spec *spec, struct kv_scan **out, struct err *err) MUST_CHECK;
/* *out = a batch of at most rows_max rows (the caller owns it), or NULL at the end. Its vectors may be ENCODED. */
int kv_scan_next(struct task *task, struct kv_scan *scan, uint32_t rows_max, struct batch **out,
                 struct err *err) MUST_CHECK;
void kv_scan_stats_get(const struct kv_scan *scan, struct kv_scan_stats *out);
void kv_scan_close(struct task *task, struct kv_scan *scan);
/* txn is NULL in fragments that run away from the gateway. spec and everything it points to must outlive the scan. */

/* Shards of a storage and the node that leads each now (0 = unknown): where to start fragments. A hint: scans find
 * their rows wherever the leader is. nodes: [schema->n_shards]. */
void kv_place(struct kv *kv, const struct kv_schema *schema, node_id *nodes);
node_id kv_self(struct kv *kv);
/* Rows and bytes of a storage as its leaders last reported (an estimate for the planner). */
void kv_size_est(struct kv *kv, const struct kv_schema *schema, uint64_t *rows, uint64_t *bytes);

/* ---- writing (at the gateway) --------------------------------------------------------------- */

enum kv_write_op {
    KV_INSERT, /* the key must not exist (committed or own): else that row answers KV_ROW_EXISTS and is not written */
    KV_PUT,    /* whole row, whether or not it exists (after a lock) */
    KV_DELETE,
};

enum kv_row_result { KV_ROW_OK, KV_ROW_EXISTS, KV_ROW_CHANGED, KV_ROW_GONE, KV_ROW_MOVED, KV_ROW_SKIPPED };

struct kv_write {
    const struct kv_schema *schema;
    uint8_t op;              /* enum kv_write_op */
    uint8_t wait;            /* enum kv_wait, for rows others have locked */
    uint32_t n_rows;
    const struct bytes_view *keys; /* [n_rows] key bytes */
    const struct vec *columns;     /* FLAT or CONST, one per schema column not in the key, in the schema's order; NULL for DELETE */
    const struct bytes_view *moved_to; /* DELETE by a key-changing UPDATE: new key per row; NULL = a real delete */
};
/* results: [n_rows] enum kv_row_result (KV_ROW_OK or KV_ROW_EXISTS). A row that exists in a transaction still running waits for it. */
int kv_write(struct task *task, struct kv_txn *txn, const struct kv_write *write, uint8_t *results,
             struct err *err) MUST_CHECK;

struct kv_lock_request {
    const struct kv_schema *schema;
    const struct kv_read *read;
    uint8_t mode; /* enum kv_lock_mode */
    uint8_t wait;
    uint32_t n_rows;
    const struct bytes_view *keys;
    const uint32_t *column_ids; /* columns answered for CHANGED rows */
    uint16_t n_columns;
};
/* results[i]: OK (locked; the version read->read_ts saw is the latest), CHANGED (locked; `changed` holds, row i, the latest committed version),
 * GONE (deleted since), MOVED (key changed; `changed` has the new key bytes in its last column), SKIPPED (SKIP LOCKED). REPEATABLE READ: CHANGED, GONE
 * and MOVED are 40001 instead. *changed: n_rows x (n_columns + 1) batch, NULL when every row is OK. */
int kv_lock(struct task *task, struct kv_txn *txn, const struct kv_lock_request *request, uint8_t *results,
            struct batch **changed, struct err *err) MUST_CHECK;

/* Storage changes are part of the transaction: tablets appear, change or go with its commit entry. kv_storage_create fills
 * schema->groups (arena: the caller's). The new storage can be written and read by this transaction at once. */
int kv_storage_create(struct task *task, struct kv_txn *txn, struct kv_schema *schema, struct arena *arena,
                      struct err *err) MUST_CHECK;
int kv_storage_alter(struct task *task, struct kv_txn *txn, const struct kv_schema *schema,
                     struct err *err) MUST_CHECK;
int kv_storage_drop(struct task *task, struct kv_txn *txn, const struct kv_schema *schema,
                    struct err *err) MUST_CHECK;
/* A cluster-unique storage id (also used for OIDs by the catalog with its own base). */
int kv_storage_id_next(struct task *task, struct kv *kv, storage_id *out, struct err *err) MUST_CHECK;

/* Rows for a storage created (or truncated into a new id) by this transaction: nobody else can see it, so they go straight to
 * the tablets in entries of at most 1 MiB, without locks; dropped with the storage if the transaction aborts. Keys must be unique within
 * the storage: a duplicate answers KV_ROW_EXISTS in results, is not written. */
int kv_bulk_write(struct task *task, struct kv_txn *txn, const struct kv_write *write, uint8_t *results,
                  struct err *err) MUST_CHECK;
/* True when every row of `schema` so far can only be seen by this transaction (kv_bulk_write is allowed). */
bool kv_storage_is_private(const struct kv_txn *txn, const struct kv_schema *schema);

#endif
