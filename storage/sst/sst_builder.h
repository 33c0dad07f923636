/* sst_builder.h: writes one sst: rows in ascending (key, descending timestamp) order.
 *
 * Rows are collected per column; when a block is full (bytes or rows, always at the end of a key)
 * it is encoded, read back and hashed (the check of lsm.h, invariant 5), and written. Long values
 * go out as blob blocks before the block that refers to them. Key hashes, index and zone maps stay
 * in memory until finish.
 *
 * Used from a job or a fiber, by one at a time; the file is synced by finish, its directory entry
 * is the caller's business. Fails with I/O errors, and XX001 for a row that is not of the schema.
 */
#ifndef CAIRN_STORAGE_SST_SST_BUILDER_H
#define CAIRN_STORAGE_SST_SST_BUILDER_H

#include "base/env.h"
#include "base/hlc.h"
#include "storage/kv.h"

struct sst_builder;

enum { SST_BLOCK_ROWS_MAX = 8192 };

struct sst_builder_config {
    const struct kv_schema *schema; /* borrowed until finish */
    uint64_t uid;
    uint32_t generation;
    uint32_t block_bytes; /* of unencoded values, about */
};

struct sst_row {
    const uint8_t *key;
    uint32_t key_len;
    hlc_time ts;
    bool deleted;
    const uint8_t *moved_to; /* deleted: may be NULL */
    uint32_t moved_len;
    const struct datum *
        /* one per schema column in its order; those of the key are ignored. NULL: deleted */
        values;
};

/* What the finished file is. Keys in the arena given to finish. */
struct sst_info {
    uint64_t uid;
    uint32_t generation;
    uint64_t size_bytes, row_count, key_count, delete_count, raw_bytes;
    hlc_time min_ts, max_ts;
    const uint8_t *min_key, *max_key;
    uint32_t min_key_len, max_key_len;
};

int sst_builder_open(struct task *task, const char *path, const struct sst_builder_config *config,
                     struct sst_builder **out, struct err *err) MUST_CHECK;
int sst_builder_add(struct task *task, struct sst_builder *b, const struct sst_row *row,
                    struct err *err) MUST_CHECK;
/* Encoded bytes so far and an estimate of what is collected: when to cut the file (only between
 * keys). */
uint64_t sst_builder_bytes(const struct sst_builder *b);
uint64_t sst_builder_rows(const struct sst_builder *b);
/* Order-independent hash of the rows as they can be read back from the blocks written; complete
 * after finish. */
uint64_t sst_builder_hash(const struct sst_builder *b);
/* Writes filter, index and footer, syncs. Frees b in any case. */
int sst_builder_finish(struct task *task, struct sst_builder *take_b, struct arena *arena,
                       struct sst_info *info, uint64_t *hash, struct err *err) MUST_CHECK;
/* Frees; the file is the caller's to remove. */
void sst_builder_abort(struct task *task, struct sst_builder *take_b);

/* Hash of one row for that check: key bytes, timestamp, moved_to, and every non-null value outside
 * of the key with its column id. in_key: sst_schema_in_key of each column. */
uint64_t sst_row_hash(const struct kv_schema *schema, const bool *in_key,
                      const struct sst_row *row);

/* Fills values (one per schema column) from row-format bytes: absent columns read as the schema
 * says. Key columns are set null. */
int sst_row_values(const struct kv_schema *schema, const void *row, size_t len,
                   struct datum *values, struct err *err) MUST_CHECK;
/* Whether column i of the schema is part of its key. */
bool sst_schema_in_key(const struct kv_schema *schema, uint16_t i);

#endif
