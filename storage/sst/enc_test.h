/* enc_test.h: range tests of a scan (kv_test), evaluated on zone maps, on encoded chunks and on
 * single values.
 *
 * A test is prepared once per scan: integer comparisons become a closed range [lo, hi], IN lists
 * are sorted. On a chunk, FOR and DICT compare packed numbers with a translated range, RLE and
 * CONST one value per run, PLAIN value by value; nothing is decoded into vectors.
 *
 * Pure; prepared tests live in the arena given and borrow the kv_test's values.
 */
#ifndef CAIRN_STORAGE_SST_ENC_TEST_H
#define CAIRN_STORAGE_SST_ENC_TEST_H

#include "storage/kv.h"
#include "storage/sst/enc.h"

struct enc_test {
    uint32_t column_id;
    uint8_t op;      /* enum kv_test_op */
    bool is_integer; /* lo, hi and the sorted integers are used */
    bool never;      /* can match no value */
    int128 lo, hi;
    uint32_t n_values; /* IN: sorted, distinct, without nulls */
    struct datum *values;
};

void enc_test_prepare(struct enc_test *t, const struct kv_test *test, struct arena *arena);
/* Null and absent values included. */
bool enc_test_match(const struct enc_test *t, const struct datum *value);

enum enc_zone { ENC_ZONE_NONE, ENC_ZONE_SOME, ENC_ZONE_ALL };
/* min, max: bounds of the non-null values, NULL when unknown (or when every row is null).
 * `exact`: they are values. */
enum enc_zone enc_test_zone(const struct enc_test *t, const struct datum *min,
                            const struct datum *max, uint32_t null_count, uint32_t n);
/* mask &= rows that match. mask and scratch: (n + 63) / 64 words. A chunk with blobs leaves
 * their bits set: they are tested once fetched (enc_test_match). */
void enc_test_filter(const struct enc_test *t, const struct enc_chunk *c, uint64_t *mask,
                     uint64_t *scratch);

#endif
