/* wal.h: the one log of a node: entries and hard states of all Raft groups, interleaved.
 *
 * wal_append encodes a write into the pending buffer (memcpy and checksum, no wait) and returns; a
 * lane takes everything pending, writes it with one pwrite, syncs once, and answers each write on
 * its own core. So commits of all groups and cores share the sync. Segments are preallocated and
 * recycled: overwriting allocated blocks syncs faster than growing a file. The format is drawn in
 * wal_format.h.
 *
 * What is kept. Per group: the latest hard state, a prefix mark (everything up to an index is no
 * longer needed) and the entries behind it. An append whose first index is not last + 1 truncates
 * the suffix from that index on. Positions of entries are indexed in memory, recent entries stay
 * cached (by reference); older ones are read back from their segment. A segment nobody needs is
 * recycled.
 *
 * Invariants
 *  1. Writes become durable in the order of wal_append, over all groups; `done` is called in that
 *     order per core, with 0 only after the sync that covers the write.
 *  2. After one failed write or sync nothing is ever acknowledged again: every later write is
 *     answered with an error, on_fatal is called once, the owner must end the process and recover.
 *  3. Recovery never drops silently what may have been acknowledged: a damaged record with proof
 *     of durability behind it quarantines the groups it may have belonged to
 *     (wal_group_info.quarantine).
 *  4. After wal_open returned, everything it reports is durable (the unproven tail has been
 *     rewritten and synced).
 *  5. Nothing is appended when the disk has no room beyond the reserve: wal_append answers
 *     WAL_DISK_FULL before a write could fail half way. The reserve (ballast file) is given up by
 *     recovery only.
 *
 * Cores and threads: every function may be called from any core or job. Inside: one lock around
 * buffer and index (never held across I/O), one lane for the I/O.
 *
 * Learned from: ARIES-style logs, RocksDB (recycled logs), TigerBeetle and "Protocol-Aware
 * Recovery for Consensus-Based Storage" (FAST '18) for telling corruption from an unsynced tail,
 * "Can Applications Recover from fsync Failures?" (ATC '20) for invariant 2.
 */
#ifndef CAIRN_STORAGE_WAL_WAL_H
#define CAIRN_STORAGE_WAL_WAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core.h"
#include "base/err.h"
#include "raft/raft.h"
#include "raft/raft_entry.h"

struct wal;

/* segment id << 32 | offset in the segment; rises along the log. 0 = nowhere. */
typedef uint64_t wal_pos;

struct wal_config {
    uint64_t segment_bytes;      /* 0 = 64 MiB; at most 1 GiB */
    uint64_t cache_bytes_max;    /* recent entries kept in memory; 0 = 8 MiB */
    uint64_t log_bytes_max;      /* above it cold entries are copied forward; 0 = 256 MiB */
    uint64_t pending_bytes_max;  /* appended and not yet written; 0 = 64 MiB */
    uint64_t ballast_bytes;      /* reserve kept for recovery on a full disk; 0 = 16 MiB */
    uint32_t spare_segments_max; /* recycled segments kept ready; 0 = 2 */
    /* Called once, on the lane's thread: post it to a core. */
    void (*on_fatal)(void *arg, const struct err *err);
    void *fatal_arg;
};

/* Opens (or starts) the log in `dir`, which exists, and recovers it. Needs a fiber or a thread
 * of its own; takes time in proportion to the log. */
int wal_open(struct task *task, const char *dir, const struct wal_config *config, struct wal **out,
             struct err *err) MUST_CHECK;
/* Waits for everything appended, writes the closing marker, frees. No call may be under way. */
void wal_close(struct task *task, struct wal *wal);

/* ---- what is there -------------------------------------------------------------------------- */

struct wal_group_info {
    uint64_t group;
    bool has_hard_state;
    struct raft_hard_state hard_state; /* quarantine: see below */
    raft_index truncated_index; /* prefix mark: entries up to here are not needed; 0 = none */
    raft_term truncated_term;
    raft_index first,
        last; /* entries held; none when last < first (first == truncated_index + 1) */
    raft_term last_term;
    /* enum raft_quarantine, the worse of what the hard state says and what recovery found. What
     * remains readable is still offered: [first, last] ends before the damage. */
    uint8_t quarantine;
};

/* Groups in ascending id. Returns how many there are, fills at most max. */
size_t wal_groups(struct wal *wal, struct wal_group_info *out, size_t max);
bool wal_group_info(struct wal *wal, uint64_t group, struct wal_group_info *out);

/* Entries [lo, hi), each with a reference for the caller, as many as fit in bytes_max (at least
 * one). *n = 0: lo is not (or no longer) in the log. 58030 / XX001 when an entry cannot be read
 * back. */
int wal_read(struct task *task, struct wal *wal, uint64_t group, raft_index lo, raft_index hi,
             uint64_t bytes_max, struct raft_entry **out, size_t *n, struct err *err) MUST_CHECK;

/* ---- appending ------------------------------------------------------------------------------ */

enum wal_op {
    WAL_APPEND = 0, /* entries and/or hard state */
    /* everything up to `index` (of `term`) is no longer needed; entries behind stay */
    WAL_TRUNCATE,
    /* A snapshot at `index`, `term` was installed: every entry goes; entries and hard state of the
     * same write are kept (they stand behind the mark). */
    WAL_RESET,
    WAL_FORGET, /* the group left this node */
};

/* The caller's memory, untouched until done was called. Entries are referenced, the array is
 * borrowed for the call only. */
struct wal_write {
    uint64_t group;
    uint8_t op;                        /* enum wal_op */
    struct raft_entry *const *entries; /* consecutive indexes, not above last + 1 */
    uint32_t n_entries;
    const struct raft_hard_state *hard_state; /* NULL = unchanged; borrowed for the call */
    raft_index index;                         /* WAL_TRUNCATE, WAL_RESET */
    raft_term term;
    /* On `core` (posted), or on the lane's thread when core is NULL. NULL: nobody waits; then
     * the struct is free again when wal_append returns. */
    void (*done)(struct wal_write *write);
    struct core *core;
    void *arg; /* the caller's */

    int code; /* for done: 0 or enum err_code */

    /* the log's */
    struct core_msg msg;
    struct wal_write *next;
};

enum wal_append_result {
    WAL_ACCEPTED = 0, /* `done` will be called */
    WAL_BUSY,         /* pending_bytes_max reached: try again when a write was answered */
    WAL_DISK_FULL,    /* nothing was appended; see wal_disk_error */
    WAL_STOPPED,      /* a write failed earlier: never again (invariant 2) */
};

enum wal_append_result wal_append(struct wal *wal, struct wal_write *write) MUST_CHECK;
/* The same and waits for durability; from a fiber. WAL_BUSY is waited out. */
int wal_append_wait(struct task *task, struct wal *wal, struct wal_write *write,
                    struct err *err) MUST_CHECK;
/* 53100 with a clear message. */
int wal_disk_error(struct err *err) MUST_CHECK;

/* ---- upkeep --------------------------------------------------------------------------------- */

/* Call every ~100 ms: when nothing was appended since the last call and the newest record is
 * not yet proven durable by a later one, appends one closing marker. Does not wait. Costs
 * nothing on a log that stays idle. */
void wal_idle_tick(struct wal *wal);

/* A group that keeps old segments from being recycled. */
struct wal_pin {
    uint64_t group;
    raft_index upto; /* a checkpoint at or above this index would free it */
    uint64_t bytes;  /* of its records there */
};
/* While the log is above log_bytes_max: re-appends (record type `copied`) what cold groups
 * still need of the oldest segment when that is little (1/8 of a segment in all). Groups with
 * more are named in pins (largest first): flush and checkpoint them, then WAL_TRUNCATE. Call
 * from a background fiber now and then. */
int wal_maintain(struct task *task, struct wal *wal, struct wal_pin *pins, size_t max, size_t *n,
                 struct err *err) MUST_CHECK;

struct wal_stats {
    uint64_t appended_bytes, appended_records, batches, syncs;
    uint64_t sync_ns_sum, sync_ns_max;
    uint64_t segments, spare_segments, log_bytes;
    uint64_t cached_bytes, cache_hits, cache_misses;
    uint64_t index_bytes;
    uint64_t copied_records, closing_markers;
    uint64_t last_sync_at_ns; /* env_mono_ns of the last success: liveness watches it */
    bool has_pending;         /* something waits for the writer */
    wal_pos durable;
};
void wal_stats_get(struct wal *wal, struct wal_stats *out);

/* What recovery met, for the log and for tests. */
struct wal_recovery {
    uint64_t records, entries, segments, cut_bytes;
    uint64_t rewritten_records;
    uint32_t damaged_records; /* corruption proven by durable_lsn */
    uint32_t quarantined_groups;
    /* Damage of unknown ownership: a group that should be here and is not listed has lost its log
     * and hard state. */
    bool lost_unknown;
};
void wal_recovery_get(struct wal *wal, struct wal_recovery *out);

#endif
