/* key.h: order-preserving key bytes, derived from physical values and turned back into them.
 *
 * The concatenation of encoded parts compares with memcmp exactly as the tuples do, with DESC and
 * NULLS FIRST/LAST taken into the bytes. Storage knows keys only in this form. Values whose SQL
 * order is not their physical order (numeric without scale, interval, ICU text, char(n)) get key
 * bytes from types/ and are stored as a BYTES column of their own (an "opaque" key column), so
 * that this codec is all storage needs.
 *
 *   part      := marker value?
 *   marker    := 0x01 null (nulls first) | 0x02 not null | 0x03 null (nulls last)
 *   BOOL      := 1 byte 0/1
 *   INT16..   := big-endian with the sign bit flipped (INT128: 16 bytes)
 *   FLOAT     := IEEE bits, sign flipped if positive, all bits flipped if negative; -0 as 0; every
 *                NaN as the greatest
 *   BYTES     := bytes with 0x00 -> 0x00 0xff, then 0x00 0x01
 *   DESC      := all bytes of value (not the marker) inverted
 *
 * The first bytes of every tablet key name nothing: table, index and shard are chosen before a key
 * is looked at. Learned from FoundationDB's tuple layer and MyRocks.
 */
#ifndef CAIRN_BASE_KEY_H
#define CAIRN_BASE_KEY_H

#include "base/buf.h"
#include "base/column.h"

struct key_part {
    uint8_t kind; /* enum phys_kind */
    bool desc;
    bool nulls_first;
    int16_t dec_scale; /* given back by key_decode */
};

/* Appends one part. */
void key_append(struct buf *out, const struct key_part *part, const struct datum *value);
/* Reads one part at *at, advancing it. False when the bytes are no such key. Bytes go into the
 * arena. */
bool key_decode(const uint8_t **at, const uint8_t *end, const struct key_part *part,
                struct datum *out, struct arena *arena);
/* Turns a prefix into the smallest key greater than every key that starts with it. False: no
 * such key (all 0xff). */
bool key_prefix_end(struct buf *key);
/* memcmp order, shorter first. */
int key_compare(const void *a, size_t a_len, const void *b, size_t b_len);

#endif
