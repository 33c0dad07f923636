/* wal_format.h: the bytes of the log.
 *
 * A segment is a file wal/<16 hex digits of its id>.log:
 *
 *      0  "CAIRNWAL"
 *      8  u32 version = 1
 *     12  u32 flags: 1 = written by recovery
 *     16  u64 segment id
 *     24  u64 cut: with flag 1, the position from which older segments are void (see WAL_REC_CUT)
 *     32  24 bytes of zeros
 *     56  u32 0
 *     60  u32 crc32c of bytes 0..59
 *     64  records, each a multiple of 8 bytes
 *
 * A record:
 *
 *      0  u32 head_crc   crc32c of segment id (u64), offset of the record (u64), bytes 4..55
 *      4  u32 body_crc   crc32c of the body
 *      8  u32 body_bytes
 *     12  u8 type        enum wal_rec_type
 *     13  u8 entry kind  enum raft_entry_kind, of entries
 *     14  u16 magic 0xca17
 *     16  u64 group      0: the log's own
 *     24  u64 index
 *     32  u64 term
 *     40  u64 durable    everything before this position was known synced when the record was
 *                        written
 *     48  u64 previous   position of the same group's record before this one; 0 = none
 *     56  body, zero-padded to 8
 *
 *     ENTRY, COPIED        body: the entry's bytes
 *     STATE, RESET         body: u64 flags (1 = has hard state), term, vote, commit, quarantine,
 *                          truncated index,
 *                          truncated term; RESET drops every entry before it
 *     FORGET               the group left
 *     CLOSE                nothing; carries `durable` for what came before (idle log)
 *     CUT                  index = first void position: records of older segments at or behind it
 *                          do not count,
 *                          those that did stand in this segment before the CUT
 *     SEAL                 the segment ends here; the next id follows
 *
 * All little endian. Segment id and offset in the checksum make leftovers of a recycled segment,
 * and records written to the wrong place, invalid. `previous` tells which groups lost nothing in a
 * damaged stretch.
 */
#ifndef CAIRN_STORAGE_WAL_WAL_FORMAT_H
#define CAIRN_STORAGE_WAL_WAL_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "raft/raft.h"
#include "storage/wal/wal.h"

enum {
    WAL_HEADER_BYTES = 64,
    WAL_REC_BYTES = 56,
    WAL_MAGIC = 0xca17,
    WAL_VERSION = 1,
    WAL_STATE_BYTES = 56,
    WAL_FLAG_RECOVERY = 1,
};

enum wal_rec_type {
    WAL_REC_ENTRY = 1,
    WAL_REC_COPIED,
    WAL_REC_STATE,
    WAL_REC_RESET,
    WAL_REC_FORGET,
    WAL_REC_CLOSE,
    WAL_REC_CUT,
    WAL_REC_SEAL,
    WAL_REC_TYPE_COUNT
};

struct wal_rec {
    uint8_t type;
    uint8_t entry_kind;
    uint32_t body_bytes;
    uint32_t body_crc;
    uint64_t group, index, term;
    wal_pos durable, previous;
    const uint8_t *body;
};

struct wal_seg_header {
    uint64_t id;
    uint32_t flags;
    wal_pos cut;
};

/* What a STATE record says. */
struct wal_state {
    bool has_hard_state;
    struct raft_hard_state hard_state;
    raft_index truncated_index;
    raft_term truncated_term;
};

static inline wal_pos wal_pos_of(uint64_t segment, uint64_t offset)
{
    return segment << 32 | offset;
}
static inline uint64_t wal_pos_segment(wal_pos pos)
{
    return pos >> 32;
}
static inline uint64_t wal_pos_offset(wal_pos pos)
{
    return pos & UINT32_MAX;
}

static inline uint64_t wal_rec_size(uint64_t body_bytes)
{
    return (WAL_REC_BYTES + body_bytes + 7) & ~(uint64_t)7;
}

void wal_seg_header_write(const struct wal_seg_header *header, uint8_t out[WAL_HEADER_BYTES]);
bool wal_seg_header_read(const uint8_t in[WAL_HEADER_BYTES], struct wal_seg_header *header);

/* Appends the record that will lie at `pos`. body_crc is computed. */
void wal_rec_write(const struct wal_rec *rec, wal_pos pos, struct buf *out);

enum wal_rec_check {
    WAL_REC_OK,
    WAL_REC_BAD_BODY, /* the header is right: type, group, index and size can be trusted */
    WAL_REC_BAD,
};
/* at[0..left): bytes at `pos`. A record that does not fit into `left` is bad. */
enum wal_rec_check wal_rec_read(const uint8_t *at, uint64_t left, wal_pos pos, struct wal_rec *rec);

void wal_state_write(const struct wal_state *state, uint8_t out[WAL_STATE_BYTES]);
bool wal_state_read(const uint8_t *in, uint32_t len, struct wal_state *state);

#endif
