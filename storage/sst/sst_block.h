/* sst_block.h: a parsed data block: columns, versions, keys. Format: sst_format.h.
 *
 * Immutable once parsed; lives in the cache (sst_cache.h). Rows are numbered from 0 in key order,
 * versions of a key newest first. Key bytes are not stored: they are made from the key columns,
 * and a row is compared with a key either value by value (a probe that could be decoded: points)
 * or byte by byte (bounds of spans).
 *
 * Invariants
 * 1. sst_block_parse accepts only what is safe to read without further checks.
 * 2. All versions of a key are in one block: a row with its first bit starts a key, and row 0 has
 *    it.
 */
#ifndef CAIRN_STORAGE_SST_SST_BLOCK_H
#define CAIRN_STORAGE_SST_SST_BLOCK_H

#include "base/hlc.h"
#include "base/key.h"
#include "storage/kv.h"
#include "storage/sst/enc.h"
#include "storage/sst/sst_cache.h"
#include "storage/sst/sst_format.h"

enum { SST_KEY_PARTS_MAX = 64 };

/* The key parts of a file's rows: column ids and order. */
struct sst_key_schema {
    uint16_t n_parts;
    struct sst_key_column {
        uint32_t column_id;
        struct key_part part;
    } parts[];
};

struct sst_block {
    struct sst_cached cached;
    uint32_t n_rows;
    uint16_t n_cols;
    uint16_t flags;
    hlc_time min_ts, max_ts;
    const uint64_t *first;   /* NULL: every row starts a key */
    const uint64_t *deleted; /* NULL: none */
    const struct enc_chunk *ts;
    const struct enc_chunk *moved; /* NULL: no column */
    const struct enc_chunk **key;  /* [n_parts] */
    const struct sst_key_schema *keys;
    uint8_t *data;           /* as read, with its header */
    struct enc_chunk cols[]; /* ascending id */
};

/* take_data: malloc'ed block of `size` bytes whose checksum has been verified; body: within it.
 * `keys` must outlive the block. NULL when malformed (take_data is freed). cached.file and
 * offset are the caller's to set. */
struct sst_block *sst_block_parse(uint8_t *take_data, size_t size, const uint8_t *body,
                                  size_t body_len, const struct sst_key_schema *keys);

const struct enc_chunk *sst_block_column(const struct sst_block *b,
                                         uint32_t column_id); /* NULL: absent */

static inline bool sst_block_is_first(const struct sst_block *b, uint32_t row)
{
    return !b->first || bit_get(b->first, row);
}
static inline bool sst_block_is_deleted(const struct sst_block *b, uint32_t row)
{
    return b->deleted && bit_get(b->deleted, row);
}
static inline hlc_time sst_block_ts(const struct sst_block *b, uint32_t row)
{
    return (hlc_time)enc_get(b->ts, row).u.i64;
}
/* Appends the key bytes of a row. */
void sst_block_key(const struct sst_block *b, uint32_t row, struct buf *out);

/* A key or bound to look for. */
struct sst_probe {
    const uint8_t *key;
    size_t len;
    bool decoded; /* parts holds the whole key */
    uint16_t n_parts;
    struct datum *parts;
};
/* Decodes when the bytes are a whole key. Values live in the arena. */
void sst_probe_init(struct sst_probe *p, const struct sst_key_schema *keys, const void *key,
                    size_t len, struct arena *arena);
/* <0, 0, >0: the row's key against the probe. scratch: a buffer of the caller's, overwritten. */
int sst_block_compare(const struct sst_block *b, uint32_t row, const struct sst_probe *p,
                      struct buf *scratch);
/* First row of [from, n_rows) whose key is >= the probe; n_rows when none. It starts a key. */
uint32_t sst_block_seek(const struct sst_block *b, uint32_t from, const struct sst_probe *p,
                        struct buf *scratch);
/* Row behind the last version of the key that `row` belongs to. */
uint32_t sst_block_key_end(const struct sst_block *b, uint32_t row);
/* First version of the key that `row` belongs to. */
uint32_t sst_block_key_start(const struct sst_block *b, uint32_t row);

#endif
