/* enc_build.h: collects the values of one column of a block and encodes them (enc.h has the
 * format).
 *
 * Values are kept typed and unencoded until enc_build_finish measures the candidates (range, runs,
 * distinct values; the search for distinct values gives up early) and writes the smallest.
 *
 * Invariants
 * 1. Equal input gives equal bytes on every machine.
 * 2. The sum of BYTES lengths of one chunk stays below 4 GiB (asserted): long values are
 *    references by then.
 */
#ifndef CAIRN_STORAGE_SST_ENC_BUILD_H
#define CAIRN_STORAGE_SST_ENC_BUILD_H

#include "base/buf.h"
#include "storage/sst/enc.h"

struct enc_build {
    uint32_t column_id;
    uint8_t kind; /* enum phys_kind */
    int16_t dec_scale;
    uint32_t n;
    uint32_t null_count;
    uint32_t blob_count;
    struct buf valid;  /* one byte a row while collecting */
    struct buf blobs;  /* likewise; only once a blob came */
    struct buf values; /* 8 bytes a row (INT128: 16; BYTES: u32 end offset) */
    struct buf heap;   /* BYTES */
};

void enc_build_init(struct enc_build *b, uint32_t column_id, uint8_t kind, int16_t dec_scale);
void enc_build_done(struct enc_build *b);
void enc_build_reset(struct enc_build *b); /* for the next block */
/* The datum is null or of the column's kind. */
void enc_build_put(struct enc_build *b, const struct datum *d);
/* A reference that stands for a long value. */
void enc_build_put_blob(struct enc_build *b, const void *reference, uint32_t len);
/* Bytes collected, unencoded. */
size_t enc_build_bytes(const struct enc_build *b);
/* Appends the chunk to `out` (which is 8-byte aligned in the block) and fills *dir. n > 0. */
void enc_build_finish(struct enc_build *b, struct buf *out, struct enc_dir *dir);
/* Smallest and largest value that is neither null nor a blob; false when there is none. Bytes
 * borrow. */
bool enc_build_min_max(const struct enc_build *b, struct datum *min, struct datum *max);

#endif
