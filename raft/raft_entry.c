#include "raft/raft_entry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct raft_entry *raft_entry_create(enum raft_entry_kind kind, const void *bytes,
                                     uint32_t size_bytes)
{
    struct raft_entry *entry;

    assert(size_bytes <= RAFT_ENTRY_BYTES_MAX);
    entry = malloc(sizeof(*entry) + size_bytes);
    assert(entry != NULL);
    entry->refs = 1;
    entry->size_bytes = size_bytes;
    entry->index = 0;
    entry->term = 0;
    entry->kind = (uint8_t)kind;
    if (bytes != NULL && size_bytes > 0)
        memcpy(entry->bytes, bytes, size_bytes);
    return entry;
}

struct raft_entry *raft_entry_ref(struct raft_entry *entry)
{
    __atomic_fetch_add(&entry->refs, 1, __ATOMIC_RELAXED);
    return entry;
}

void raft_entry_unref(struct raft_entry *entry)
{
    if (entry != NULL && __atomic_sub_fetch(&entry->refs, 1, __ATOMIC_ACQ_REL) == 0)
        free(entry);
}
