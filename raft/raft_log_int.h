/* raft_log_int.h: the log as the core sees it.
 *
 * Terms are known for every index after the compacted prefix (as runs: terms change rarely),
 * entries only for a cached suffix. What left the cache is loaded by the driver for a peer that
 * needs it.
 *
 *      start                 cached_first            last
 *      | (start_term)        |                       |
 *      v                     v                       v
 *  ....][ terms only ........][ terms and entries ...]
 *
 * Invariants
 * 1. start <= cached_first - 1 <= last; runs[] cover (start, last] with strictly rising index, and
 *    term.
 * 2. The log holds one reference on each cached entry.
 */
#ifndef CAIRN_RAFT_RAFT_LOG_INT_H
#define CAIRN_RAFT_RAFT_LOG_INT_H

#include <stdbool.h>
#include <stddef.h>

#include "raft/raft_entry.h"

struct raft_term_run {
    raft_index first;
    raft_term term;
};

struct raft_log {
    raft_index start; /* last index before the log: compacted, or covered by a snapshot */
    raft_term start_term;
    raft_index last;
    raft_index cached_first; /* last + 1 when nothing is cached */
    struct raft_entry **entries;
    size_t head, cap; /* entries[head] is cached_first */
    uint64_t cache_bytes;
    struct raft_term_run *runs;
    size_t runs_count, runs_cap;
};

void raft_log_init(struct raft_log *log, raft_index start, raft_term start_term);
void raft_log_done(struct raft_log *log);
/* Takes a reference. entry->index must be last + 1, its term not below the last one's. */
void raft_log_append(struct raft_log *log, struct raft_entry *entry);
/* Drops entries at and after `index` (> start). */
void raft_log_truncate(struct raft_log *log, raft_index index);
/* The prefix up to `index` (<= last) is gone. */
void raft_log_compact(struct raft_log *log, raft_index index);
/* Forgets everything; the log starts after (index, term). */
void raft_log_reset(struct raft_log *log, raft_index index, raft_term term);
/* Lets go of the oldest cached entries up to `limit` until at most bytes_max remain. */
void raft_log_trim(struct raft_log *log, raft_index limit, uint64_t bytes_max);

/* False outside [start, last]. */
bool raft_log_term(const struct raft_log *log, raft_index index, raft_term *term);
raft_term raft_log_last_term(const struct raft_log *log);
/* NULL when not cached. */
struct raft_entry *raft_log_entry(const struct raft_log *log, raft_index index);
/* Largest index <= `index` whose term is <= `term`; start if there is none above it. An index
 * below start is returned as it is. */
raft_index raft_log_find_term(const struct raft_log *log, raft_index index, raft_term term);

#endif
