/* batch_codec.h: batches as bytes, between nodes.
 *
 *   batch  := n_rows (varint) n_cols (varint) column*
 *   column := kind (1) flags (1: 1 = const, 2 = has nulls) dec_scale (2, LE) [null bitmap] values
 *   values := fixed kinds: raw little-endian values | BYTES: length (varint) and bytes each; one value when const
 *
 * Only live rows travel. A decoder trusts nothing: malformed bytes are an error, and sizes are bounded by the input.
 */
#ifndef CAIRN_EXECUTOR_BATCH_CODEC_H
#define CAIRN_EXECUTOR_BATCH_CODEC_H

#include "base/buf.h"
#include "base/column.h"

void batch_encode(struct batch *b, struct buf *out);
/* The batch owns copies of everything. */
int batch_decode(const uint8_t *data, size_t len, struct mem_account *account, struct batch **out, struct err *err) MUST_CHECK;

#endif
