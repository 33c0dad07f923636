/* kv_schema.h: what storage does with a physical schema: bytes of it, its key parts, the shard of a
 * key.
 *
 * The encoding and the hash are formats: they are stored in catalog rows, tablet descriptors and
 * log entries, and every node must choose the same shard for a key for ever. The hash of the
 * leading key parts is taken over their key bytes (base/key.h), which are the same for equal
 * values.
 *
 *   schema := format(1 byte, =1) id home (fixed64 each) version (fixed32)
 *             n_columns n_key n_shards n_hash_parts (fixed16 each)
 *             group (fixed32) x n_shards, column x n_columns, part x n_key
 *   column := id (fixed32) kind flags(1 = absent is null, 2 = dec) dec_scale(fixed16)
 *             absent value (a row of one column, fixed32 length first; only when not null)
 *   part   := column (fixed16) flags(1 = desc, 2 = nulls first)
 *
 * Pure functions; memory from the caller's arena.
 */
#ifndef CAIRN_STORAGE_TXN_KV_SCHEMA_H
#define CAIRN_STORAGE_TXN_KV_SCHEMA_H

#include "storage/kv.h"

/* base/key.h's description of key part i. */
struct key_part kv_schema_key_part(const struct kv_schema *schema, uint32_t i);
/* Column index by stable id, or -1. */
int kv_schema_column(const struct kv_schema *schema, uint32_t column_id);
/* True when column index c is one of the key's. */
bool kv_schema_is_key(const struct kv_schema *schema, uint32_t c);
/* Bytes of the leading n parts of a key; 0 with *ok = false when the bytes are no such key. */
uint32_t kv_schema_prefix_len(const struct kv_schema *schema, uint32_t n_parts, const uint8_t *key,
                              uint32_t key_len, bool *ok);
/* Shard of a whole key, 0 .. n_shards - 1. */
uint32_t kv_schema_shard_of(const struct kv_schema *schema, const uint8_t *key, uint32_t key_len);
/* Shards a span may hold rows of: the one when the span fixes the hash parts, else all. Returns -1
 * for all. */
int kv_schema_shard_of_span(const struct kv_schema *schema, const struct kv_span *span);
/* A deep copy. */
struct kv_schema *kv_schema_copy(const struct kv_schema *schema, struct arena *arena);

/* Row bytes (base/row.h) of row `row` of the non-key columns of a write. */
void kv_schema_row_encode(const struct kv_schema *schema, const struct vec *columns, uint32_t row,
                          struct buf *out);
/* One row as physical values by column index: key columns from the key's bytes, the others from the
 * row (NULL row: only the key). Long bytes borrow from row or sit in the arena. False = malformed.
 */
bool kv_schema_row_decode(const struct kv_schema *schema, const uint8_t *key, uint32_t key_len,
                          const uint8_t *row, uint32_t row_len, struct datum *values,
                          struct arena *arena);
/* All tests hold for the row. values: by column index. */
bool kv_schema_tests_pass(const struct kv_schema *schema, const struct kv_test *tests,
                          uint32_t n_tests, const struct datum *values);

#endif
