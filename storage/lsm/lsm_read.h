/* lsm_read.h: finding the version of a key a reader sees; shared by points and scans.
 *
 * Every source is asked (newest first, skipping those whose timestamps cannot win): the newest
 * version <= ts over all of them is the answer, so nothing relies on the order in which versions
 * of a key were written.
 */
#ifndef CAIRN_STORAGE_LSM_LSM_READ_H
#define CAIRN_STORAGE_LSM_LSM_READ_H

#include "storage/lsm/lsm_int.h"

/* Where a version lies: in a memtable (which the snapshot pins) or in a pinned block. Neither:
 * not found. */
struct lsm_found {
    hlc_time ts;
    const struct mem_node *node;
    struct sst_block *block;
    uint32_t row;
    struct lsm_file *file; /* of block; borrowed from the snapshot */
};

static inline bool lsm_found_any(const struct lsm_found *f)
{
    return f->node || f->block;
}
static inline bool lsm_found_deleted(const struct lsm_found *f)
{
    return f->node ? f->node->deleted : sst_block_is_deleted(f->block, f->row);
}
static inline void lsm_found_done(struct lsm_found *f)
{
    if (f->block)
        sst_cached_unref(&f->block->cached);
    *f = (struct lsm_found){0};
}
static inline bool lsm_block_has_blobs(const struct sst_block *b)
{
    for (uint16_t i = 0; i < b->n_cols; i++)
        if (b->cols[i].blobs)
            return true;
    return false;
}

int lsm_find(struct task *task, const struct lsm_snapshot *s, const void *key, uint32_t key_len,
             hlc_time ts, struct sst_reads *reads, struct lsm_found *out,
             struct err *err) MUST_CHECK;

#endif
