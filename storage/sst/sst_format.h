/* sst_format.h: the bytes of an sst. All numbers little endian, everything starts at a multiple of
 * 8.
 *
 *     +--------------------------------------------------------------+
 *     | file header, 64 bytes                                        |
 *     | data blocks, blob blocks                                     |
 *     | filter block | zones block | index block | properties block  |
 *     | footer, 96 bytes                                             |
 *     +--------------------------------------------------------------+
 *
 * File header:  0 "CAIRNSST"  8 u32 version = 1  12 u32 generation  16 u64 uid  24 zeros
 *               60 u32 crc32c of 0..59
 *
 * Every block:
 *      0  u32 crc32c of uid (u64), file offset of the block (u64), generation (u32), bytes 4 .. 16
 *         + body
 *      4  u32 body_bytes
 *      8  u8 type   9 u8 compression (0 none)   10 u16 0   12 u32 0
 *     16  body, zero-padded to 8 (the padding is not summed)
 * uid, not the file's name, is in the checksum: a copy on another node is the same bytes.
 *
 * Data block body (enc.h has the chunks):
 *      0  u32 rows       4  u16 columns
 *      6  u16 flags: 1 settled (one version a key, none deleted)
 *      8  u64 min ts    16  u64 max ts
 *     24  u32 place of the first-of-key bits, 28 u32 place of the deleted bits (offsets in the
 *         body, 0 = none)
 *     32  directory, 32 bytes a column, ascending column id:
 *           0 u32 column id  4 u8 kind  5 u8 encoding  6 u8 width  7 u8 flags  8 i16 dec_scale
 *          10 u16 0
 *           12 u32 offset in the body  16 u32 size  20 u32 nulls  24 u32 count  28 u32 0
 *         then the bit words and chunks
 *     Rows stand in key order, versions of a key newest first; all versions of a key lie in one
 *     block. SST_COLUMN_TS holds the commit timestamps, SST_COLUMN_MOVED the key a deleted row
 *     moved to (if any did).
 *
 * Blob block body: up to 256 KiB of one long value. A chunk holds a reference of 24 bytes in its
 * place:
 *      0 u64 length  8 u64 file offset of the first blob block (the others follow it)
 *     16 u32 blocks  20 u32 crc32c
 *
 * Filter block body: u32 lines, u32 0, lines of 64 bytes (sst_bloom.h).
 * Zones block body: u32 columns, u32 blocks, then per column u32 id, u8 kind, 3 zeros, and per
 * block of it 40 bytes:
 *      0 u32 nulls  4 u8 flags: 1 has bounds, 2 bounds are values  5 zeros  8 min, 24 max (16 each:
 *      integers as int128, float bits; bytes: u8 length, 15 bytes)
 * Index block body: u32 blocks, u32 0, then 48 bytes a data block, then the keys:
 *      0 u64 offset  8 u32 size with header  12 u32 rows  16 u64 min ts  24 u64 max ts
 *     32 u32 flags
 *     36 u32 place of its first key, followed by its last
 *     40 u32 length of the first  44 u32 of the last
 * Properties body: see sst_builder.c (varints; columns, key parts, totals).
 *
 * Footer:  0 filter, 16 zones, 32 index, 48 properties: u64 offset, u64 size each (0: absent)
 *     64 u64 uid  72 u32 version  76 u32 generation  80 "CAIRNEND"  88 u32 0
 *     92 u32 crc32c of 0..91
 *
 * After PAX (Ailamaki), Parquet and OceanBase's micro-blocks; checksums after RocksDB and ZFS.
 */
#ifndef CAIRN_STORAGE_SST_SST_FORMAT_H
#define CAIRN_STORAGE_SST_SST_FORMAT_H

#include "base/buf.h"
#include "base/column.h"

enum {
    SST_VERSION = 1,
    SST_HEADER_BYTES = 64,
    SST_FOOTER_BYTES = 96,
    SST_BLOCK_HEADER_BYTES = 16,
    SST_BLOB_CHUNK_BYTES = 256 * 1024,
    SST_BLOB_THRESHOLD_BYTES = 2048, /* longer values lie out of line */
    SST_BLOB_REF_BYTES = 24,
    SST_DATA_HEADER_BYTES = 32,
    SST_DIR_BYTES = 32,
    SST_INDEX_ENTRY_BYTES = 48,
    SST_ZONE_BYTES = 40,
    SST_ZONE_PREFIX_BYTES = 15,
    SST_FLAG_SETTLED = 1,
};

#define SST_COLUMN_TS UINT32_MAX
#define SST_COLUMN_MOVED (UINT32_MAX - 1)

enum sst_block_type {
    SST_BLOCK_DATA = 1,
    SST_BLOCK_BLOB,
    SST_BLOCK_FILTER,
    SST_BLOCK_ZONES,
    SST_BLOCK_INDEX,
    SST_BLOCK_PROPS,
    SST_BLOCK_TYPE_COUNT
};

/* Where a block's checksum says it belongs. */
struct sst_place {
    uint64_t uid;
    uint64_t offset;
    uint32_t generation;
};

struct sst_extent {
    uint64_t offset;
    uint64_t size; /* with header and padding; 0 = absent */
};

struct sst_footer {
    struct sst_extent filter, zones, index, props;
    uint64_t uid;
    uint32_t generation;
};

struct sst_blob_ref {
    uint64_t len;
    uint64_t offset;
    uint32_t blocks;
    uint32_t crc;
};

/* Room for a block header at the end of out; the body is appended behind it, then
 * sst_block_seal. */
size_t sst_block_begin(struct buf *out);
/* Completes the block that begins at out->data[at]: header, checksum, padding. place->offset:
 * of the block. */
void sst_block_seal(struct buf *out, size_t at, uint8_t type, const struct sst_place *place);
/* data[0..size): a block read from its place. False: damaged. *body points into data. */
bool sst_block_check(const uint8_t *data, size_t size, uint8_t type, const struct sst_place *place,
                     const uint8_t **body, size_t *body_len);

void sst_header_write(uint64_t uid, uint32_t generation, uint8_t out[SST_HEADER_BYTES]);
bool sst_header_read(const uint8_t in[SST_HEADER_BYTES], uint64_t *uid, uint32_t *generation);
void sst_footer_write(const struct sst_footer *footer, uint8_t out[SST_FOOTER_BYTES]);
bool sst_footer_read(const uint8_t in[SST_FOOTER_BYTES], struct sst_footer *footer);
void sst_blob_ref_write(const struct sst_blob_ref *ref, uint8_t out[SST_BLOB_REF_BYTES]);
bool sst_blob_ref_read(const void *in, size_t len, struct sst_blob_ref *ref);

#endif
