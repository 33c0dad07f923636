/* lsm_merge.h: the rows of several runs in one order, for compaction.
 *
 * A source is a sequence of files with disjoint, ascending keys; blocks are read past the cache,
 * one a source at a time. Rows come in (key, descending timestamp) order; the same version in two
 * sources comes once. Runs in a job.
 */
#ifndef CAIRN_STORAGE_LSM_LSM_MERGE_H
#define CAIRN_STORAGE_LSM_LSM_MERGE_H

#include "storage/lsm/lsm_int.h"

struct lsm_merge_source {
    struct lsm_file **files; /* borrowed */
    size_t n_files;
    size_t file;
    struct sst_index *index;
    uint32_t block_at;
    struct sst_block *block;
    uint32_t row;
    bool ended;
    struct buf key;
    hlc_time ts;
    const struct enc_chunk **chunks; /* of the block, one per schema column; NULL = absent */
    void **flat;                     /* each decoded; NULL = absent, in the key, or with blobs */
    hlc_time *flat_ts;
    struct arena decoded;
};

struct lsm_merge {
    const struct kv_schema *schema;
    bool *in_key; /* [schema columns] */
    struct lsm_merge_source *sources;
    size_t n_sources;
    size_t current; /* source of the row given last */
    bool started;
    struct arena arena; /* long values of the row */
    struct datum *values;
    uint64_t rows_in, hash_in, duplicates;
    uint64_t hash_last; /* of the row given last */
};

void lsm_merge_init(struct lsm_merge *m, const struct kv_schema *schema, size_t n_sources);
/* files is borrowed until done. */
void lsm_merge_add(struct lsm_merge *m, struct lsm_file **files, size_t n_files);
/* *found false at the end. The row is valid until the next call. Its hash and count are added
 * to rows_in, hash_in. */
int lsm_merge_next(struct task *task, struct lsm_merge *m, bool *found, struct sst_row *row,
                   struct err *err) MUST_CHECK;
void lsm_merge_done(struct lsm_merge *m);

#endif
