/* group_chunk.h: commands of any size as log entries of at most 1 MiB.
 *
 * A command travels as one or more consecutive log entries of one term, proposed in one raft step:
 *
 *     0  u8  flags: bit 0 first, bit 1 last, bits 4-7 format version (1)
 *     1  first but not last: varint size of the whole command
 *     .  bytes
 *
 * Putting them together again is a function of the log alone: an entry that is not the next index
 * of the same term as the one before (a new leader's first entry, another command's first part)
 * ends what was begun, and a part without a beginning is nothing. So all replicas see the same
 * commands, and a leader that dies between two parts leaves no trace.
 *
 * Invariant: while a command is incomplete, group_chunk_boundary is the index before its first
 * part: a checkpoint there loses nothing.
 */
#ifndef CAIRN_STORAGE_TABLET_GROUP_CHUNK_H
#define CAIRN_STORAGE_TABLET_GROUP_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "raft/raft_entry.h"

#define GROUP_CHUNK_BYTES_MAX (1u << 20) /* of one entry, header included */

/* Number of entries a command of this size takes (>= 1). */
size_t group_chunk_count(size_t size_bytes);
/* Makes them; one reference each is the caller's. entries: [group_chunk_count]. */
void group_chunk_split(const void *bytes, size_t size_bytes, struct raft_entry **entries);

struct group_chunks {
    struct buf pending;
    bool open;
    raft_index first, next;
    raft_term term;
    uint64_t size_bytes;
};

enum group_chunk_result { GROUP_CHUNK_NONE, GROUP_CHUNK_COMMAND, GROUP_CHUNK_MALFORMED };

void group_chunks_init(struct group_chunks *chunks);
void group_chunks_done(struct group_chunks *chunks);
/* Entries in log order, every kind. With GROUP_CHUNK_COMMAND *bytes is valid until the next call
 * (it borrows from the entry when it came in one piece). */
enum group_chunk_result group_chunks_add(struct group_chunks *chunks,
                                         const struct raft_entry *entry, const uint8_t **bytes,
                                         size_t *size_bytes);
/* The largest index at which nothing is half done; `applied` is the last one added. */
raft_index group_chunk_boundary(const struct group_chunks *chunks, raft_index applied);

#endif
