/* manifest.h: one log per node that says which files make up which tablet.
 *
 * A version edit names what changes at once: files added and removed, how far a tablet's log has
 * been flushed into them, tablets that appear or go, the checkpoint of a group's state store. An
 * edit may span tablets and groups and is atomic. The log is two identical files (a and b) in
 * manifest/; every edit is checksummed and synced in both before manifest_commit returns, so one
 * damaged copy loses nothing. When the log has grown well past the state it describes it is
 * rewritten as one full edit into the next generation.
 *
 *     manifest/00000007.a  .b     header, then edits: length, crc32c (generation, offset), body
 *     sst/0000000000000042.sst    named by local file number
 *     state/0000000000000043.ckp  a group checkpoint too big for the edit itself
 *
 * Invariants
 *  1. A file named by a durable edit is durable (its writer synced it and the directory first).
 *  2. A file is deleted only after the edit that drops its last reference is durable and no reader
 *     pins it. What no edit names is deleted when the manifest opens.
 *  3. Reference counts are computed from the edits, never stored: after a split two tablets name
 *     one file.
 *  4. File numbers are never reused; manifest_file_number may skip some after a crash.
 *
 * Contract of the applied index, for the floor that carries tablets. Each write enters an lsm with
 * the index of the log entry it came from (lsm_write). A flush records, atomically with the file,
 * `flushed`: every write of that tablet with index <= flushed is in files. At start:
 *     replay of a group begins at checkpoint.index + 1 (0 + 1 without a checkpoint);
 *     lsm_write ignores what its tablet's `flushed` covers, so a tablet whose files are ahead
 *     stays right; a checkpoint at C may be committed only when lsm_unflushed_from() of every
 *     tablet of the group is 0 or > C; after it the log may be truncated up to C (WAL_TRUNCATE).
 * Creating, altering and dropping a tablet take effect in memory at once (lsm_create, ...); they
 * become durable with the first flush (which names tablet, group and schema) or with the group's
 * checkpoint, whichever is first; until then replay repeats them. manifest_edit_tablet_drop
 * belongs into the checkpoint's edit.
 *
 * Cores: any. Commits are queued to one lane and made durable together.
 */
#ifndef CAIRN_STORAGE_LSM_MANIFEST_H
#define CAIRN_STORAGE_LSM_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hlc.h"

struct task;
struct manifest;

/* A tablet of this node. */
struct tablet_id {
    uint64_t storage;
    uint16_t shard;
};
static inline int tablet_id_compare(struct tablet_id a, struct tablet_id b)
{
    if (a.storage != b.storage)
        return a.storage < b.storage ? -1 : 1;
    return (a.shard > b.shard) - (a.shard < b.shard);
}

/* What the manifest knows of an sst. Keys are key bytes of its first and last row. */
struct manifest_file {
    uint64_t number;     /* local name */
    uint64_t uid;        /* identity in its checksums; the same on every node that holds a copy */
    uint32_t generation; /* of the format's checksum; 0 for now */
    uint64_t size_bytes;
    uint64_t row_count; /* versions */
    uint64_t key_count; /* distinct keys */
    uint64_t delete_count;
    uint64_t raw_bytes; /* of rows before encoding, for estimates */
    hlc_time min_ts, max_ts;
    uint64_t run; /* files of one run do not overlap; greater = newer; 0 = the last run */
    const uint8_t *min_key, *max_key;
    uint32_t min_key_len, max_key_len;
};

/* ---- edits ---------------------------------------------------------------------------------- */

struct manifest_edit;

struct manifest_edit *manifest_edit_create(void);
void manifest_edit_destroy(struct manifest_edit *edit); /* NULL is fine */
/* Creates the tablet or replaces group, schema (kv_schema_encode's bytes) and keeps its files. */
void manifest_edit_tablet_put(struct manifest_edit *edit, struct tablet_id id, uint32_t group,
                              const void *schema, size_t schema_len);
void manifest_edit_tablet_drop(struct manifest_edit *edit, struct tablet_id id);
/* The file's memory is borrowed for the call. */
void manifest_edit_file_add(struct manifest_edit *edit, struct tablet_id id,
                            const struct manifest_file *file);
void manifest_edit_file_remove(struct manifest_edit *edit, struct tablet_id id, uint64_t number);
/* Never goes back. */
void manifest_edit_flushed(struct manifest_edit *edit, struct tablet_id id, uint64_t index);
/* The group's state checkpoint: opaque bytes (they hold their own applied index, which is
 * repeated here for those who list groups). Replaces the one before. Bytes are copied. */
void manifest_edit_group_put(struct manifest_edit *edit, uint32_t group, uint64_t index,
                             const void *state, size_t state_len);
void manifest_edit_group_drop(struct manifest_edit *edit, uint32_t group);

/* Durable when it returns 0; takes the edit in any case. From a fiber; not cancelable. Waits while
 * the disk is full. An error is fatal for the store: what reached the disk is unknown. */
int manifest_commit(struct task *task, struct manifest *manifest, struct manifest_edit *take_edit,
                    struct err *err) MUST_CHECK;

/* ---- the manifest --------------------------------------------------------------------------- */

/* `dir`: the store's directory; manifest/, sst/ and state/ are made below it when absent.
 * Recovers, removes orphans. */
int manifest_open(struct task *task, const char *dir, struct manifest **out,
                  struct err *err) MUST_CHECK;
void manifest_close(struct task *task, struct manifest *manifest);

/* A number for a new sst. */
uint64_t manifest_file_number(struct manifest *manifest);

struct manifest_group_info {
    uint32_t group;
    uint64_t index; /* of its checkpoint */
    uint64_t state_bytes;
};
struct manifest_tablet_info {
    struct tablet_id id;
    uint32_t group;
    uint64_t flushed;
    size_t n_files;
};
/* In ascending order; return how many there are, fill at most max. */
size_t manifest_groups(struct manifest *manifest, struct manifest_group_info *out, size_t max);
size_t manifest_tablets(struct manifest *manifest, struct manifest_tablet_info *out, size_t max);
/* The state of the last durable checkpoint. *found false: none. */
int manifest_group_state(struct task *task, struct manifest *manifest, uint32_t group, bool *found,
                         struct buf *out, struct err *err) MUST_CHECK;
/* Schema bytes and files of a tablet. False: no such tablet. *files: one malloc, the caller
 * frees it. */
bool manifest_tablet(struct manifest *manifest, struct tablet_id id, struct buf *schema,
                     struct manifest_file **files, size_t *n_files);

struct manifest_stats {
    uint64_t edits, bytes, rewrites, generation;
    uint64_t repaired_records; /* read from the second copy at recovery */
    uint64_t orphans_removed;
    uint64_t waits_for_space; /* how often a full disk held edits back */
};
void manifest_stats_get(struct manifest *manifest, struct manifest_stats *out);

#endif
