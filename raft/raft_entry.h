/* raft_entry.h: one entry of a replicated log, as an immutable shared buffer.
 *
 * The same buffer is held by the consensus core, the log writer, the outgoing message and the state
 * machine that applies it; each holds a reference, nobody copies the bytes. The reference count is
 * atomic because the log writer and the network run on other threads than the group's core.
 *
 * Invariants
 * 1. From the moment a second reference exists nothing but `refs` changes. The one writer before
 *    that is whoever creates it (fills `bytes`) and raft_step, which gives a proposal its term and
 *    index.
 * 2. (index, term) names the bytes: two entries with the same pair in one group are equal.
 * 3. size_bytes <= RAFT_ENTRY_BYTES_MAX; longer commands are cut by their owner.
 */
#ifndef CAIRN_RAFT_RAFT_ENTRY_H
#define CAIRN_RAFT_RAFT_ENTRY_H

#include <stdint.h>

#define RAFT_ENTRY_BYTES_MAX (1u << 24)

typedef uint64_t raft_term;  /* 0 = none */
typedef uint64_t raft_index; /* first entry is 1; 0 = before the first */

enum raft_entry_kind {
    RAFT_ENTRY_COMMAND = 1, /* the state machine's; opaque here */
    RAFT_ENTRY_NOOP = 2,    /* a leader's first entry; empty; applied as nothing */
    RAFT_ENTRY_CONF = 3,    /* a membership change (raft_conf.h) */
};

struct raft_entry {
    uint32_t refs; /* atomic */
    uint32_t size_bytes;
    raft_index index;
    raft_term term;
    uint8_t kind; /* enum raft_entry_kind */
    uint8_t bytes[];
};

/* One reference, the caller's. `bytes` may be NULL: the caller then fills entry->bytes before it
 * shares the entry. index and term are 0 until set. Aborts when the system is out of memory. */
struct raft_entry *raft_entry_create(enum raft_entry_kind kind, const void *bytes,
                                     uint32_t size_bytes);
struct raft_entry *raft_entry_ref(struct raft_entry *entry);
void raft_entry_unref(struct raft_entry *entry); /* NULL is fine */

#endif
