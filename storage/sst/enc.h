/* enc.h: one column of one block, encoded.
 *
 * A chunk holds n values of one physical kind. The builder (enc_build.h) picks the smallest of
 *
 *     CONST   every non-null value is equal (or all are null)
 *     FOR     integers: offsets from the smallest, bit-packed (bitpack.h)
 *     RLE     integers, floats: runs of equal values
 *     DICT    sorted distinct values and bit-packed codes
 *     PLAIN   floats and INT128 as they are; bytes behind packed end offsets
 *
 * and the bytes are what lies in the block; a chunk is a view of them. Any row can be read alone
 * (RLE by binary search over run ends), so nothing needs a restart point.
 *
 *     chunk  := validity words (u64 x ceil(n / 64), only when 0 < nulls < n) payload, padded to 8
 *            bytes
 *     CONST  := 16 bytes: integer as int128, float bits; BYTES: the value (nulls == n: nothing)
 *     FOR    := base (int128, 16 bytes), packed offsets of `width` bits
 *     RLE    := u32 end row of each of `count` runs, padded to 8, then `count` values of 8 bytes
 *     DICT   := `count` values of 8 (INT128: 16) bytes | BYTES: u32 offsets[count + 1], padded to
 *            8, heap padded to 8;
 *               then packed codes of `width` bits
 *     PLAIN  := n values of the kind's width | BYTES: blob words (flag BLOBS), packed ends of
 *            `width` bits (width 0:
 *               every value has length `count`), heap
 *     all numbers little endian; 8 bytes of zeros behind the heap and packed parts
 *
 * Invariants
 * 1. enc_open checks everything that later reads rely on: a chunk it accepted is read without
 *    bounds checks.
 * 2. A value under a null bit is never looked at by filters' results (they are ANDed with
 *    validity).
 * 3. Equal values in one chunk have equal codes; codes order like values.
 *
 * A BYTES value with its blob bit set is not the value but a reference (sst_format.h): length and
 * place of the bytes in the same file.
 *
 * Pure functions: no I/O, no allocation but in the arena passed.
 */
#ifndef CAIRN_STORAGE_SST_ENC_H
#define CAIRN_STORAGE_SST_ENC_H

#include "base/column.h"
#include "base/err.h"

enum enc_kind { ENC_CONST = 1, ENC_FOR, ENC_RLE, ENC_DICT, ENC_PLAIN };
enum { ENC_FLAG_BLOBS = 1 };

/* What the block's directory says of a chunk. */
struct enc_dir {
    uint32_t column_id;
    uint8_t kind; /* enum phys_kind */
    uint8_t enc;  /* enum enc_kind */
    uint8_t width;
    uint8_t flags;
    int16_t dec_scale;
    uint32_t offset; /* in the block, multiple of 8 */
    uint32_t size_bytes;
    uint32_t null_count;
    uint32_t count;
};

struct enc_chunk {
    uint32_t column_id;
    uint8_t kind;
    uint8_t enc;
    uint8_t width;
    int16_t dec_scale;
    uint32_t n;
    uint32_t null_count;
    uint32_t count;
    int128 base;           /* FOR; CONST of integers */
    const uint64_t *valid; /* NULL: none null, or all (null_count == n) */
    const uint64_t *blobs; /* NULL: none */
    const uint8_t *values; /* CONST, RLE, DICT, PLAIN values; BYTES: the heap */
    uint32_t values_bytes; /* of the heap */
    const uint32_t *ends;  /* RLE run ends; DICT of BYTES: offsets */
    const uint8_t *packed; /* FOR offsets, DICT codes, PLAIN BYTES ends */
};

/* data: the chunk's bytes, 8-byte aligned, for n rows. False: malformed. */
bool enc_open(struct enc_chunk *c, const struct enc_dir *dir, const uint8_t *data, uint32_t n);

static inline bool enc_is_null(const struct enc_chunk *c, uint32_t row)
{
    return c->null_count && (c->null_count == c->n || !bit_get(c->valid, row));
}
static inline bool enc_is_blob(const struct enc_chunk *c, uint32_t row)
{
    return c->blobs && bit_get(c->blobs, row);
}
/* One value; bytes borrow from the chunk. A blob's datum is its reference. */
struct datum enc_get(const struct enc_chunk *c, uint32_t row);
/* The code of a row of a DICT chunk; the i-th entry of the dictionary. */
uint32_t enc_code(const struct enc_chunk *c, uint32_t row);
struct datum enc_entry(const struct enc_chunk *c, uint32_t i);

/* Rows first + sel[0..n) (sel NULL: n rows from `first`) into flat data: row first + k at index
 * k. What lies under nulls is left or zero. */
void enc_decode(const struct enc_chunk *c, uint32_t first, const uint16_t *sel, uint32_t n,
                void *data);
/* Codes of a DICT chunk, dense, from `first`. */
void enc_decode_codes(const struct enc_chunk *c, uint32_t first, uint32_t n, uint16_t *codes);
/* Bits first.. of `bits` (`have` words) moved down to bit 0 of `out`, for n bits. */
void bits_copy(uint64_t *out, const uint64_t *bits, uint32_t first, uint32_t n, size_t have);
/* Validity of rows first.. as words in the arena, or NULL when the chunk has no nulls. */
uint64_t *enc_validity(const struct enc_chunk *c, uint32_t first, uint32_t n, struct arena *arena);

static inline bool phys_is_integer(uint8_t kind)
{
    return kind <= PHYS_INT128;
}
static inline int128 datum_integer(const struct datum *d)
{
    switch (d->kind) {
    case PHYS_BOOL:
        return d->u.b;
    case PHYS_INT16:
        return d->u.i16;
    case PHYS_INT32:
        return d->u.i32;
    case PHYS_INT64:
        return d->u.i64;
    default:
        return d->u.i128;
    }
}
struct datum enc_integer_datum(uint8_t kind, int16_t dec_scale, int128 v);

#endif
