/* group_chunk.c: see group_chunk.h. */
#include "storage/tablet/group_chunk.h"

enum { FLAG_FIRST = 1, FLAG_LAST = 2, FLAG_VERSION_1 = 0x10, FLAG_VERSION_MASK = 0xf0 };
/* What a part can hold beside its largest header. */
enum { PART_BYTES = (int)GROUP_CHUNK_BYTES_MAX - 1 - VARINT_BYTES_MAX };

size_t group_chunk_count(size_t size_bytes)
{
    return size_bytes <= PART_BYTES ? 1 : (size_bytes + PART_BYTES - 1) / PART_BYTES;
}

void group_chunk_split(const void *bytes, size_t size_bytes, struct raft_entry **entries)
{
    size_t count = group_chunk_count(size_bytes), at = 0;
    for (size_t i = 0; i < count; i++) {
        size_t part = size_bytes - at < PART_BYTES ? size_bytes - at : PART_BYTES;
        uint8_t head[1 + VARINT_BYTES_MAX];
        size_t head_len = 1;
        head[0] = (uint8_t)(FLAG_VERSION_1 | (i == 0 ? FLAG_FIRST : 0) |
                            (i + 1 == count ? FLAG_LAST : 0));
        if (i == 0 && count > 1)
            head_len += varint_store(head + 1, size_bytes);
        entries[i] = raft_entry_create(RAFT_ENTRY_COMMAND, NULL, (uint32_t)(head_len + part));
        memcpy(entries[i]->bytes, head, head_len);
        if (part)
            memcpy(entries[i]->bytes + head_len, (const uint8_t *)bytes + at, part);
        at += part;
    }
}

void group_chunks_init(struct group_chunks *chunks)
{
    memset(chunks, 0, sizeof *chunks);
}

void group_chunks_done(struct group_chunks *chunks)
{
    buf_done(&chunks->pending);
}

/* Ends what was begun; a large buffer is given back. */
static void close_pending(struct group_chunks *chunks)
{
    chunks->open = false;
    if (chunks->pending.cap > 2 * GROUP_CHUNK_BYTES_MAX) {
        buf_done(&chunks->pending);
        buf_init(&chunks->pending);
    }
    buf_reset(&chunks->pending);
}

static enum group_chunk_result begin_pending(struct group_chunks *chunks,
                                             const struct raft_entry *entry, struct buf_reader *in)
{
    uint64_t size = buf_take_varint(in);
    if (in->bad || size < buf_reader_left(in))
        return GROUP_CHUNK_MALFORMED;
    chunks->open = true;
    chunks->first = entry->index;
    chunks->next = entry->index + 1;
    chunks->term = entry->term;
    chunks->size_bytes = size;
    buf_put(&chunks->pending, in->at, buf_reader_left(in));
    return GROUP_CHUNK_NONE;
}

enum group_chunk_result group_chunks_add(struct group_chunks *chunks,
                                         const struct raft_entry *entry, const uint8_t **bytes,
                                         size_t *size_bytes)
{
    bool goes_on = chunks->open && entry->kind == RAFT_ENTRY_COMMAND &&
                   entry->index == chunks->next && entry->term == chunks->term;
    struct buf_reader in = buf_reader_of(entry->bytes, entry->size_bytes);
    uint8_t flags = entry->kind == RAFT_ENTRY_COMMAND ? buf_take_u8(&in) : 0;
    if (!goes_on || flags & FLAG_FIRST)
        close_pending(chunks);
    if (entry->kind != RAFT_ENTRY_COMMAND)
        return GROUP_CHUNK_NONE;
    if ((flags & FLAG_VERSION_MASK) != FLAG_VERSION_1)
        return GROUP_CHUNK_MALFORMED;
    if (flags & FLAG_FIRST && flags & FLAG_LAST) {
        *bytes = in.at;
        *size_bytes = buf_reader_left(&in);
        return GROUP_CHUNK_COMMAND;
    }
    if (flags & FLAG_FIRST)
        return begin_pending(chunks, entry, &in);
    if (!chunks->open)
        return GROUP_CHUNK_NONE;
    buf_put(&chunks->pending, in.at, buf_reader_left(&in));
    chunks->next++;
    if (!(flags & FLAG_LAST))
        return GROUP_CHUNK_NONE;
    chunks->open = false;
    if (chunks->pending.len != chunks->size_bytes)
        return GROUP_CHUNK_MALFORMED;
    *bytes = chunks->pending.data;
    *size_bytes = chunks->pending.len;
    return GROUP_CHUNK_COMMAND;
}

raft_index group_chunk_boundary(const struct group_chunks *chunks, raft_index applied)
{
    return chunks->open ? chunks->first - 1 : applied;
}
