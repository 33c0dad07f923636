/* lsm.h: a tablet's rows: memtables, ssts, and reading them at a timestamp.
 *
 * A version is (key bytes, commit timestamp) -> row or tombstone. Writes go to the memtable (an
 * ordered tree, single writer: the tablet's core). A full memtable is frozen and flushed to an sst
 * by a worker job; compaction merges runs of ssts, dropping versions below the GC horizon. Flush
 * and compaction are started from inside: nobody above schedules them. What the files of a node
 * have in common (block cache, open files, memtable budget, compaction slots, manifest) is struct
 * lsm_node.
 *
 * Reading takes a snapshot: references on the memtables and the set of files of that moment. It is
 * immutable but for versions newer than its readers' timestamps appearing in the live memtable
 * (they are not looked at), so it may be scanned from any core or job, and several scans may share
 * it. What happens to the tablet meanwhile (flush, compaction, drop) does not disturb it.
 *
 * A scan gives batches. Where one run alone covers a key span and its block is settled (one
 * version a key, nothing deleted, all older than the timestamp) the columns are handed out as they
 * lie in the block, encoded, after tests have been evaluated on the encoded form; where runs
 * overlap only the overlapping keys are merged row by row.
 *
 * Invariants
 *  1. The same (key, timestamp) is one version: writing it again (replay) changes nothing.
 *  2. A reader at T sees, of each key, the newest version <= T, for every T at or above the
 *     horizon.
 *  3. lsm_write of an index at or below the flushed one does nothing (manifest.h, contract of the
 *     applied index).
 *  4. Writes of one entry are never split between memtables: freezing happens between lsm_write
 *     calls of different indexes, on the tablet's core.
 *  5. Compaction writes what it read: rows and their hash in = out + dropped, checked before the
 *     edit.
 *
 * Cores: struct lsm is its core's; snapshots and scans are anybody's, one at a time. lsm_node may
 * be used from anywhere.
 *
 * Failures: 58030 and XX001 from reading; a failed flush or edit is reported to
 * lsm_node_config.on_fatal. A full disk (53100) is not a failure: memtables stay in memory until
 * there is room, lsm_flush says so to its caller, edits wait.
 */
#ifndef CAIRN_STORAGE_LSM_LSM_H
#define CAIRN_STORAGE_LSM_LSM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/column.h"
#include "base/err.h"
#include "base/hlc.h"
#include "storage/kv.h"
#include "storage/lsm/manifest.h"

struct core;
struct env;
struct lsm;
struct lsm_node;
struct lsm_snapshot;
struct lsm_scan;

/* ---- the node ------------------------------------------------------------------------------- */

struct lsm_node_config {
    uint64_t block_cache_bytes; /* 0 = 64 MiB; grows on demand */
    uint64_t
        memtable_bytes_max; /* of the node; 0 = 64 MiB: above it the biggest memtable is flushed */
    uint64_t memtable_bytes_one;                        /* of one tablet; 0 = 32 MiB */
    uint64_t file_bytes_max;                            /* an sst is cut there; 0 = 64 MiB */
    uint32_t block_bytes_upper;                         /* 0 = 16 KiB */
    uint32_t block_bytes_last;                          /* 0 = 128 KiB */
    uint32_t open_files_max;                            /* 0 = 256 */
    uint32_t compactions_max;                           /* at once; 0 = 1 */
    uint64_t compaction_bytes_per_s;                    /* pace; 0 = unpaced */
    void (*on_fatal)(void *arg, const struct err *err); /* any thread */
    void *fatal_arg;
};

/* Below `dir` lies what manifest.h says. The manifest is opened with it. */
int lsm_node_open(struct task *task, const char *dir, const struct lsm_node_config *config,
                  struct lsm_node **out, struct err *err) MUST_CHECK;
/* Every lsm must have been closed, every snapshot released. */
void lsm_node_close(struct task *task, struct lsm_node *node);
struct manifest *lsm_node_manifest(struct lsm_node *node);
/* True when memtables are so far over budget that writers above should wait a moment
 * (admission). */
bool lsm_node_is_throttling(const struct lsm_node *node);

struct lsm_node_stats {
    uint64_t cache_bytes, cache_hits, cache_misses, cache_evictions;
    uint64_t memtable_bytes, frozen_bytes;
    uint64_t flushes, flushed_bytes, compactions, compacted_bytes_in, compacted_bytes_out;
    uint64_t versions_dropped, open_files, corrupt_blocks;
};
void lsm_node_stats_get(struct lsm_node *node, struct lsm_node_stats *out);

/* ---- a tablet ------------------------------------------------------------------------------- */

/* A tablet the manifest does not know, empty. Never waits, writes nothing (see manifest.h).
 * Runs on `core` (the calling one). The schema is copied. */
struct lsm *lsm_create(struct lsm_node *node, struct core *core, struct tablet_id id,
                       uint32_t group, const struct kv_schema *schema);
/* A tablet the manifest knows. Reads no file until it is touched. */
int lsm_open(struct lsm_node *node, struct core *core, struct tablet_id id, struct lsm **out,
             struct err *err) MUST_CHECK;
/* Waits for background work; the memtable is lost (the log has it). */
void lsm_close(struct task *task, struct lsm *lsm);
/* Never waits: the tablet is gone for writers, readers with snapshots go on. Its files go with
 * manifest_edit_tablet_drop. The pointer is invalid afterwards. */
void lsm_drop(struct lsm *lsm);

struct tablet_id lsm_id(const struct lsm *lsm);
/* The newest schema; valid until lsm_alter. */
const struct kv_schema *lsm_schema(const struct lsm *lsm);
/* Takes effect for the flushes to come. Ignored unless newer. */
void lsm_alter(struct lsm *lsm, const struct kv_schema *schema);
/* Versions superseded at or below it may be dropped from now on; never goes back. */
void lsm_horizon_set(struct lsm *lsm, hlc_time horizon);

enum lsm_write_op { LSM_PUT, LSM_DELETE };
struct lsm_write {
    uint8_t op; /* enum lsm_write_op */
    const void *key;
    uint32_t key_len;
    hlc_time ts;
    const void *row; /* PUT: row format; DELETE: the key it moved to, or NULL */
    uint32_t row_len;
};
/* `index`: of the log entry, not falling. Bytes are copied. Never waits. */
void lsm_write(struct lsm *lsm, uint64_t index, const struct lsm_write *write);

/* While held the memtable is not frozen, so that the writes of one (very large) entry may be spread
 * over turns of the core: invariant 4. lsm_flush waits for the release. Drop and close need
 * none. */
void lsm_hold(struct lsm *lsm, bool held);

/* Lowest log index that only memory holds; 0 = none. A checkpoint at C needs 0 or > C. */
uint64_t lsm_unflushed_from(const struct lsm *lsm);
/* Everything up to here is in files, as the manifest says. */
uint64_t lsm_flushed(const struct lsm *lsm);
/* Freezes the memtable and waits until all frozen ones are in files and in the manifest.
 * Nothing to do: returns at once. From a fiber of the tablet's core. */
int lsm_flush(struct task *task, struct lsm *lsm, struct err *err) MUST_CHECK;
/* Merges all runs into the last one, dropping what the horizon allows. For tests, bulk ends,
 * admin. */
int lsm_compact(struct task *task, struct lsm *lsm, struct err *err) MUST_CHECK;

struct lsm_stats {
    uint64_t rows_est, bytes_est; /* live rows; encoded bytes with the memtable's */
    uint64_t memtable_rows, memtable_bytes;
    uint64_t files, file_bytes, runs;
    uint64_t flushes, compactions, bytes_flushed, bytes_compacted;
};
void lsm_stats_get(const struct lsm *lsm, struct lsm_stats *out);

/* ---- reading -------------------------------------------------------------------------------- */

/* Never waits. Release from any core or job. */
struct lsm_snapshot *lsm_snapshot_take(struct lsm *lsm);
struct lsm_snapshot *lsm_snapshot_ref(struct lsm_snapshot *snapshot);
void lsm_snapshot_release(struct lsm_snapshot *snapshot); /* NULL is fine */

struct lsm_version_info {
    bool found;   /* some version <= the timestamp exists */
    bool deleted; /* it is a tombstone; then `row` below got the key it moved to, if any */
    hlc_time ts;  /* of that version */
};
/* Newest version <= ts. Appends the row in row format (all columns but the key's) or the
 * moved-to key to `row` (NULL: not wanted, cheaper). Does not wait when memory answers. */
int lsm_get(struct task *task, struct lsm *lsm, const void *key, uint32_t key_len, hlc_time ts,
            struct lsm_version_info *info, struct buf *row, struct err *err) MUST_CHECK;
/* The same with ts = HLC_MAX and no row: what write checks ask ("is there a version newer than
 * ...?"). */
int lsm_newest(struct task *task, struct lsm *lsm, const void *key, uint32_t key_len,
               struct lsm_version_info *info, struct err *err) MUST_CHECK;
/* Answers from memtables and cached blocks alone: false = would have to wait. */
bool lsm_newest_now(struct lsm *lsm, const void *key, uint32_t key_len,
                    struct lsm_version_info *info);
/* Newest timestamp > `after` of any version (tombstones too) with a key in the span; 0 = none:
 * validation of read spans. May report one that only lies in a block with such keys: exact =
 * false asks no row, reads only indexes. */
int lsm_span_newest(struct task *task, struct lsm_snapshot *snapshot, const struct kv_span *span,
                    hlc_time after, bool exact, hlc_time *newest, struct err *err) MUST_CHECK;

struct lsm_scan_spec {
    const struct kv_schema
        *schema;                /* the reader's: kinds, key parts, what absent columns read as */
    const uint32_t *column_ids; /* output in this order; key columns too */
    uint16_t n_columns;
    uint16_t n_tests;
    const struct kv_test *tests;
    const struct kv_span
        *spans; /* none = everything. Ascending and disjoint unless all are points */
    uint32_t n_spans;
    bool with_key;  /* one more column: key bytes */
    bool with_span; /* one more: INT32 ordinal of the span */
    bool with_ts;   /* one more: INT64, the version's timestamp */
    bool reverse;   /* descending key order */
    hlc_time ts;
    hlc_time
        /* > ts: versions in (ts, limit] of keys in the spans are noticed. 0 = no */
        uncertain_limit;
};
/* Rows come in key order (points: in the order of the spans). spec and what it points to must
 * outlive the scan; the scan holds its own reference on the snapshot. */
int lsm_scan_open(struct task *task, struct lsm_snapshot *snapshot,
                  const struct lsm_scan_spec *spec, struct lsm_scan **out,
                  struct err *err) MUST_CHECK;
/* *out: at most rows_max (and BATCH_ROWS) rows, the caller's (batch_destroy), NULL at the end.
 * Vectors may be ENCODED, DICT or CONST; a selection is present where tests or visibility
 * dropped rows. A batch has at least one live row. Memory is charged to `account` (may be
 * NULL). The batch stays valid after the scan is closed. */
int lsm_scan_next(struct task *task, struct lsm_scan *scan, uint32_t rows_max,
                  struct mem_account *account, struct batch **out, struct err *err) MUST_CHECK;
/* Newest version in (ts, uncertain_limit] met so far (of rows passed over too); 0 = none.
 * Complete at the end of the scan. */
hlc_time lsm_scan_uncertain(const struct lsm_scan *scan);
/* Adds this scan's counters. Columns decoded after the batch was handed out are counted when
 * that happens. */
void lsm_scan_stats_add(const struct lsm_scan *scan, struct kv_scan_stats *to);
void lsm_scan_close(struct lsm_scan *scan);

/* Keys that cut the span into about n parts of equal size, ascending, fewer when it is small.
 * Appended to `keys` one after the other, ends[i] = end offset of the i-th. For sub-scans of
 * one snapshot on several cores. */
int lsm_snapshot_split(struct task *task, struct lsm_snapshot *snapshot, const struct kv_span *span,
                       uint32_t n, struct buf *keys, uint32_t *ends, uint32_t *n_keys,
                       struct err *err) MUST_CHECK;

/* ---- files in and out ----------------------------------------------------------------------- */

/* Files of a snapshot (flush first: memtables are not in it). The array is the snapshot's. */
const struct manifest_file *lsm_snapshot_files(struct lsm_snapshot *snapshot, size_t *n);
/* Raw bytes of a pinned file, for a stream. *got 0 at its end. */
int lsm_file_read(struct task *task, struct lsm_snapshot *snapshot, uint64_t number, uint64_t at,
                  void *out, size_t len, size_t *got, struct err *err) MUST_CHECK;

/* A file coming in: write its bytes in order, then finish: every checksum is verified, the file
 * and its name are synced; *file (memory of `arena`) describes it, with the local number and
 * run 0. Aborted or never ingested files are removed (at the latest by the next start). */
struct lsm_incoming;
int lsm_incoming_open(struct task *task, struct lsm_node *node, struct lsm_incoming **out,
                      struct err *err) MUST_CHECK;
int lsm_incoming_write(struct task *task, struct lsm_incoming *in, const void *data, size_t len,
                       struct err *err) MUST_CHECK;
int lsm_incoming_finish(struct task *task, struct lsm_incoming *take_in, struct arena *arena,
                        struct manifest_file *file, struct err *err) MUST_CHECK;
void lsm_incoming_abort(struct task *task, struct lsm_incoming *take_in);

/* The tablet's whole content becomes these files, flushed = index (a snapshot was received).
 * Memtables are thrown away. `edit` (may be NULL) is committed with it: the group's checkpoint
 * of the same snapshot. */
int lsm_replace(struct task *task, struct lsm *lsm, const struct manifest_file *files,
                size_t n_files, uint64_t index, struct manifest_edit *take_edit,
                struct err *err) MUST_CHECK;
/* Adds files (of lsm_bulk or lsm_incoming) as the newest run; they must not overlap each other.
 * Their rows count as flushed at `index`. */
int lsm_ingest(struct task *task, struct lsm *lsm, const struct manifest_file *files,
               size_t n_files, uint64_t index, struct err *err) MUST_CHECK;

/* Building files off line (bulk load, index backfill): rows in ascending (key, descending ts).
 * Runs in the caller's task: give it a job for long loads. */
struct lsm_bulk;
int lsm_bulk_open(struct task *task, struct lsm_node *node, const struct kv_schema *schema,
                  struct lsm_bulk **out, struct err *err) MUST_CHECK;
int lsm_bulk_add(struct task *task, struct lsm_bulk *bulk, const struct lsm_write *write,
                 struct err *err) MUST_CHECK;
/* Durable files, as lsm_incoming_finish describes them. */
int lsm_bulk_finish(struct task *task, struct lsm_bulk *take_bulk, struct arena *arena,
                    struct manifest_file **files, size_t *n_files, struct err *err) MUST_CHECK;
void lsm_bulk_abort(struct task *task, struct lsm_bulk *take_bulk);

#endif
