/* sst_file.h: reading ssts: open files, the index, blocks through the cache, points, long values.
 *
 * struct sst_store is a node's: the block cache and the table of open descriptors. struct sst_file
 * is one file, counted; nothing of it is read before it is touched (footer, properties, index and
 * filter come on demand, the last two through the cache). Any core or job may use them.
 *
 * Every block read from disk is verified: checksum with uid, offset and generation, and for data
 * blocks everything enc_open checks. A damaged block is XX001 with file and offset, and counted.
 */
#ifndef CAIRN_STORAGE_SST_SST_FILE_H
#define CAIRN_STORAGE_SST_SST_FILE_H

#include "base/env.h"
#include "storage/sst/enc_test.h"
#include "storage/sst/sst_block.h"
#include "storage/sst/sst_builder.h"

struct sst_store;
struct sst_file;

struct sst_store *sst_store_create(uint64_t cache_bytes_max, uint32_t open_files_max);
/* Every file must have been let go. Closes descriptors. */
void sst_store_destroy(struct task *task, struct sst_store *store);

struct sst_store_stats {
    struct sst_cache_stats cache;
    uint64_t open_files, corrupt_blocks, bytes_read;
};
void sst_store_stats_get(struct sst_store *store, struct sst_store_stats *out);

/* path is copied. size_bytes, uid and generation as the manifest has them: a file that says
 * otherwise is damaged. One reference, the caller's. Reads nothing. */
struct sst_file *sst_file_create(struct sst_store *store, const char *path, uint64_t size_bytes,
                                 uint64_t uid, uint32_t generation);
void sst_file_ref(struct sst_file *f);
/* The last one closes the descriptor (posted as a job to env) and, when the file is marked so,
 * unlinks it. */
void sst_file_unref(struct sst_file *f, struct env *env);
/* Remove it from disk once nobody holds it. */
void sst_file_mark_obsolete(struct sst_file *f);

/* Raw bytes, for a stream. */
int sst_file_pread(struct task *task, struct sst_file *f, void *out, size_t len, uint64_t at,
                   size_t *got, struct err *err) MUST_CHECK;
/* Verifies every block of the file and its properties (an incoming file, the scrubber). *info:
 * keys in the arena. */
int sst_file_verify(struct task *task, struct sst_file *f, struct arena *arena,
                    struct sst_info *info, struct err *err) MUST_CHECK;

/* Counters of whoever reads; NULL where nobody counts. */
struct sst_reads {
    uint64_t blocks, blocks_from_disk, bytes_from_disk;
};

/* ---- index ---- */

struct sst_index {
    struct sst_cached cached;
    uint32_t n_blocks;
    const uint8_t *body;
    uint8_t *data;
};
struct sst_index_entry {
    uint64_t offset;
    uint32_t size, rows, flags;
    hlc_time min_ts, max_ts;
    const uint8_t *first_key, *last_key;
    uint32_t first_len, last_len;
};
/* Pinned: sst_cached_unref(&index->cached). */
int sst_file_index(struct task *task, struct sst_file *f, struct sst_reads *reads,
                   struct sst_index **out, struct err *err) MUST_CHECK;
struct sst_index_entry sst_index_get(const struct sst_index *index, uint32_t i);
/* First block whose last key is >= key; n_blocks when none. */
uint32_t sst_index_seek(const struct sst_index *index, const void *key, size_t len);

/* ---- zone maps ---- */

struct sst_zones {
    struct sst_cached cached;
    uint32_t n_cols, n_blocks;
    const uint8_t *body;
    uint8_t *data;
};
int sst_file_zones(struct task *task, struct sst_file *f, struct sst_reads *reads,
                   struct sst_zones **out, struct err *err) MUST_CHECK;
/* Bounds of a column in a block. False: the file has no such column. Bytes live in the zones
 * block. *has: bounds are set. */
bool sst_zones_get(const struct sst_zones *zones, uint32_t column_id, uint32_t block,
                   uint32_t *nulls, bool *has, struct datum *min, struct datum *max);

/* ---- blocks ---- */

/* Pinned: sst_cached_unref(&block->cached). */
int sst_file_block(struct task *task, struct sst_file *f, const struct sst_index_entry *entry,
                   struct sst_reads *reads, struct sst_block **out, struct err *err) MUST_CHECK;
/* The same without leaving traces in the cache: compaction. */
int sst_file_block_uncached(struct task *task, struct sst_file *f,
                            const struct sst_index_entry *entry, struct sst_block **out,
                            struct err *err) MUST_CHECK;
/* False: certainly no such key. Answers true when the filter cannot be had without waiting and
 * `task` is NULL. */
int sst_file_may_have(struct task *task, struct sst_file *f, uint64_t hash, struct sst_reads *reads,
                      bool *may, struct err *err) MUST_CHECK;
/* From the cache alone: *known false when something would have to be read. For checks that must
 * not wait. */
struct sst_cached *sst_file_cached(struct sst_file *f, uint64_t offset);

struct sst_found {
    struct sst_block *block; /* pinned when not NULL */
    uint32_t row;
};
/* Newest version <= ts of the key in this file: block NULL when there is none. hash:
 * sst_bloom_hash of the key. */
int sst_file_get(struct task *task, struct sst_file *f, const void *key, size_t len, uint64_t hash,
                 hlc_time ts, struct sst_reads *reads, struct sst_found *out,
                 struct err *err) MUST_CHECK;
/* The same from cached blocks alone. False: something would have to be read. */
bool sst_file_get_now(struct sst_file *f, const void *key, size_t len, uint64_t hash, hlc_time ts,
                      struct sst_found *out);

/* A long value into the arena. ref: what the chunk holds in its place. */
int sst_file_blob(struct task *task, struct sst_file *f, const struct datum *ref,
                  struct arena *arena, struct sst_reads *reads, struct bytes_view *out,
                  struct err *err) MUST_CHECK;

#endif
