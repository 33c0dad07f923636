#include "storage/wal/wal_format.h"

#include "base/crc32c.h"

static const char magic[8] = "CAIRNWAL";

void wal_seg_header_write(const struct wal_seg_header *header, uint8_t out[WAL_HEADER_BYTES])
{
    memset(out, 0, WAL_HEADER_BYTES);
    memcpy(out, magic, 8);
    store_le32(out + 8, WAL_VERSION);
    store_le32(out + 12, header->flags);
    store_le64(out + 16, header->id);
    store_le64(out + 24, header->cut);
    store_le32(out + 60, crc32c(0, out, 60));
}

bool wal_seg_header_read(const uint8_t in[WAL_HEADER_BYTES], struct wal_seg_header *header)
{
    if (memcmp(in, magic, 8) != 0 || load_le32(in + 60) != crc32c(0, in, 60) ||
        load_le32(in + 8) != WAL_VERSION)
        return false;
    header->flags = load_le32(in + 12);
    header->id = load_le64(in + 16);
    header->cut = load_le64(in + 24);
    return true;
}

static uint32_t checksum_head(const uint8_t *head, wal_pos pos)
{
    uint8_t place[16];
    store_le64(place, wal_pos_segment(pos));
    store_le64(place + 8, wal_pos_offset(pos));
    return crc32c(crc32c(0, place, sizeof place), head + 4, WAL_REC_BYTES - 4);
}

void wal_rec_write(const struct wal_rec *rec, wal_pos pos, struct buf *out)
{
    uint64_t size = wal_rec_size(rec->body_bytes);
    uint8_t *at = buf_extend(out, size);
    store_le32(at + 4, crc32c(0, rec->body, rec->body_bytes));
    store_le32(at + 8, rec->body_bytes);
    at[12] = rec->type;
    at[13] = rec->entry_kind;
    store_le16(at + 14, WAL_MAGIC);
    store_le64(at + 16, rec->group);
    store_le64(at + 24, rec->index);
    store_le64(at + 32, rec->term);
    store_le64(at + 40, rec->durable);
    store_le64(at + 48, rec->previous);
    store_le32(at, checksum_head(at, pos));
    if (rec->body_bytes)
        memcpy(at + WAL_REC_BYTES, rec->body, rec->body_bytes);
    memset(at + WAL_REC_BYTES + rec->body_bytes, 0, size - WAL_REC_BYTES - rec->body_bytes);
}

enum wal_rec_check wal_rec_read(const uint8_t *at, uint64_t left, wal_pos pos, struct wal_rec *rec)
{
    if (left < WAL_REC_BYTES || load_le16(at + 14) != WAL_MAGIC || at[12] == 0 ||
        at[12] >= WAL_REC_TYPE_COUNT || load_le32(at) != checksum_head(at, pos))
        return WAL_REC_BAD;
    *rec = (struct wal_rec){.type = at[12],
                            .entry_kind = at[13],
                            .body_crc = load_le32(at + 4),
                            .body_bytes = load_le32(at + 8),
                            .group = load_le64(at + 16),
                            .index = load_le64(at + 24),
                            .term = load_le64(at + 32),
                            .durable = load_le64(at + 40),
                            .previous = load_le64(at + 48),
                            .body = at + WAL_REC_BYTES};
    uint64_t size = wal_rec_size(rec->body_bytes);
    if (size > left)
        return WAL_REC_BAD;
    if (crc32c(0, rec->body, rec->body_bytes) != rec->body_crc)
        return WAL_REC_BAD_BODY;
    for (uint64_t i = WAL_REC_BYTES + rec->body_bytes; i < size; i++)
        if (at[i])
            return WAL_REC_BAD_BODY;
    return WAL_REC_OK;
}

void wal_state_write(const struct wal_state *state, uint8_t out[WAL_STATE_BYTES])
{
    store_le64(out, state->has_hard_state ? 1 : 0);
    store_le64(out + 8, state->hard_state.term);
    store_le64(out + 16, state->hard_state.vote);
    store_le64(out + 24, state->hard_state.commit);
    store_le64(out + 32, state->hard_state.quarantine);
    store_le64(out + 40, state->truncated_index);
    store_le64(out + 48, state->truncated_term);
}

bool wal_state_read(const uint8_t *in, uint32_t len, struct wal_state *state)
{
    if (len != WAL_STATE_BYTES || load_le64(in) > 1 || load_le64(in + 32) > RAFT_HARD_STATE_LOST)
        return false;
    *state = (struct wal_state){.has_hard_state = load_le64(in) == 1,
                                .truncated_index = load_le64(in + 40),
                                .truncated_term = load_le64(in + 48)};
    state->hard_state.term = load_le64(in + 8);
    state->hard_state.vote = (raft_replica_id)load_le64(in + 16);
    state->hard_state.commit = load_le64(in + 24);
    state->hard_state.quarantine = (uint8_t)load_le64(in + 32);
    return true;
}
