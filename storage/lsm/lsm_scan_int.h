/* lsm_scan_int.h: the inside of a scan.
 *
 *     lsm_scan.c         spans, choosing the next stretch, rows one by one
 *     lsm_scan_source.c  cursors over memtables and runs, forward and backward
 *     lsm_scan_batch.c   batches: slices of a block as they lie, or rows gathered from many places
 *
 * A source stands on a key: all sources of a snapshot (memtables newest first, then runs newest
 * first) are merged by key. A run's cursor knows its key from the index before its block is
 * loaded. The stretch of one source up to the next key of any other needs no merging: of a block
 * it is a slice.
 */
#ifndef CAIRN_STORAGE_LSM_LSM_SCAN_INT_H
#define CAIRN_STORAGE_LSM_LSM_SCAN_INT_H

#include "storage/lsm/lsm_read.h"

enum {
    SLICE_ROWS_MIN = 128, /* shorter stretches are gathered row by row */
    SLICE_LIVE_MIN = 64,  /* as are slices with fewer rows left after tests */
};

struct scan_source {
    const struct memtable *mem; /* NULL: a run */
    const struct mem_node *node;
    const struct lsm_run *run;
    size_t file_at;
    struct sst_index *index; /* of the file; pinned */
    struct sst_zones *zones; /* likewise; only with tests */
    uint32_t block_at;
    struct sst_block
        *block;   /* NULL: not loaded; the cursor stands at its first (reverse: last) key */
    uint32_t row; /* a version of the current key (its newest) */
    bool is_oldest;
    bool ended;
    bool mask_ready; /* mask holds the tests' results on the block */
    bool mask_all;   /* every test holds for every row: no mask needed */
    bool has_blob_test;
    uint64_t *mask;
    size_t mask_words;
    const uint8_t *key; /* current */
    uint32_t key_len;
    struct buf key_buf;
};

/* One row of the batch being gathered. */
struct scan_row {
    const struct mem_node *node;
    struct sst_block *block;
    uint32_t row;
    uint32_t span;
    struct lsm_file *file;
};

struct scan_column {
    uint32_t id;
    uint8_t kind;
    int16_t dec_scale;
    int32_t key_part; /* -1: not in the key */
    struct datum absent;
};

/* Counters that outlive the scan: batches handed out count their late decoding here. */
struct scan_counters {
    _Atomic uint32_t refs;
    _Atomic uint64_t columns; /* bit set of the first 64 output columns decoded */
    _Atomic uint64_t values_decoded;
};

struct lsm_scan {
    struct lsm_snapshot *snapshot;
    struct lsm_scan_spec spec;
    struct arena arena;          /* of the scan */
    struct arena scratch;        /* of one step */
    struct buf bytes;            /* scratch keys */
    struct scan_column *columns; /* [n_columns] */
    struct scan_column *test_columns;
    struct enc_test *tests;
    struct scan_source *sources;
    size_t n_sources;
    uint32_t span_at;
    bool in_span;
    bool points;
    struct kv_span span; /* the current one, `everything` included */
    hlc_time uncertain;
    struct scan_row *pending;
    uint32_t n_pending, cap_pending;
    struct sst_cached **pins; /* blocks of pending rows */
    size_t n_pins, cap_pins;
    struct kv_scan_stats stats;
    struct sst_reads reads;
    struct scan_counters *counters;
    uint64_t *scratch_mask;
    size_t scratch_words;
};

/* ---- lsm_scan_source.c ---- */
int scan_source_seek(struct task *task, struct lsm_scan *scan, struct scan_source *s,
                     struct err *err) MUST_CHECK;
/* Past the current key, in the scan's direction. */
int scan_source_next(struct task *task, struct lsm_scan *scan, struct scan_source *s,
                     struct err *err) MUST_CHECK;
/* Onto row `row` (the first version of a key) of the loaded block; behind its rows (or before
 * them): on to the next block. */
int scan_source_at(struct task *task, struct lsm_scan *scan, struct scan_source *s, int64_t row,
                   struct err *err) MUST_CHECK;
/* Loads the block the cursor stands at. */
int scan_source_load(struct task *task, struct lsm_scan *scan, struct scan_source *s,
                     struct err *err) MUST_CHECK;
/* Can no row of the (not loaded) block match? Notes which tests hold for all. */
bool scan_block_pruned(struct lsm_scan *scan, struct scan_source *s);
/* Skips the block the cursor stands at. */
int scan_source_skip_block(struct task *task, struct lsm_scan *scan, struct scan_source *s,
                           struct err *err) MUST_CHECK;
void scan_source_done(struct scan_source *s);
/* The tests' results on the loaded block, computed once. */
void scan_source_mask(struct lsm_scan *scan, struct scan_source *s);

/* ---- lsm_scan_batch.c ---- */
void scan_pin_block(struct lsm_scan *scan, struct sst_block *block);
void scan_drop_pins(struct lsm_scan *scan);
/* Rows [first, first + n) of the source's block; live: bit k = row first + k is in (NULL: all). */
int scan_emit_slice(struct task *task, struct lsm_scan *scan, struct scan_source *s, uint32_t first,
                    uint32_t n, const uint64_t *live, struct mem_account *account,
                    struct batch **out, struct err *err) MUST_CHECK;
/* The pending rows. */
int scan_emit_pending(struct task *task, struct lsm_scan *scan, struct mem_account *account,
                      struct batch **out, struct err *err) MUST_CHECK;
/* A column's value of one row (a blob is fetched into the arena). */
int scan_value(struct task *task, struct lsm_scan *scan, const struct scan_row *row,
               const struct scan_column *column, struct arena *arena, struct datum *out,
               struct err *err) MUST_CHECK;
void scan_counters_unref(struct scan_counters *c);

#endif
