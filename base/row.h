/* row.h: one row in row format: log entries, lock table, memtable, requests between nodes.
 *
 *   row    := version(1 byte, =1) column*
 *   column := column id (varint) tag value
 *   tag    := 1 byte: low nibble enum phys_kind, 0x10 null, 0x20 dec: a byte with the scale follows
 *   value  := BOOL 1 byte | ints zigzag varint (INT128: 16 bytes LE) | FLOAT raw LE | BYTES varint
 *             length + bytes
 *
 * Columns stand in ascending stable column id; an absent id reads as the schema's default for it
 * (so ADD COLUMN rewrites nothing). Key columns are not repeated here: they are in the key bytes.
 */
#ifndef CAIRN_BASE_ROW_H
#define CAIRN_BASE_ROW_H

#include "base/buf.h"
#include "base/column.h"

void row_begin(struct buf *out);
void row_append(struct buf *out, uint32_t column_id, const struct datum *value);

struct row_reader {
    const uint8_t *at;
    const uint8_t *end;
};
/* False when the bytes are not a row of a known version. */
bool row_reader_init(struct row_reader *r, const void *row, size_t len);
/* 1 = a column was read, 0 = end, -1 = malformed. A bytes value borrows from the row's memory. */
int row_next(struct row_reader *r, uint32_t *column_id, struct datum *value);
/* Finds one column: 1 found, 0 absent, -1 malformed. */
int row_find(const void *row, size_t len, uint32_t column_id, struct datum *value);

#endif
