#include "raft/raft_log_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void raft_log_init(struct raft_log *log, raft_index start, raft_term start_term)
{
    memset(log, 0, sizeof(*log));
    log->start = start;
    log->start_term = start_term;
    log->last = start;
    log->cached_first = start + 1;
}

static size_t count_cached(const struct raft_log *log)
{
    return (size_t)(log->last + 1 - log->cached_first);
}

static uint64_t cost_of(const struct raft_entry *entry)
{
    return sizeof(*entry) + entry->size_bytes;
}

static void drop_cached_head(struct raft_log *log)
{
    struct raft_entry *entry = log->entries[log->head];

    log->cache_bytes -= cost_of(entry);
    raft_entry_unref(entry);
    log->head++;
    log->cached_first++;
}

void raft_log_done(struct raft_log *log)
{
    while (count_cached(log) > 0)
        drop_cached_head(log);
    free(log->entries);
    free(log->runs);
    memset(log, 0, sizeof(*log));
}

static void reserve_entry(struct raft_log *log)
{
    size_t count = count_cached(log);

    if (log->head + count < log->cap)
        return;
    if (log->head > 0 && log->head >= log->cap / 2) {
        memmove(log->entries, log->entries + log->head, count * sizeof(*log->entries));
        log->head = 0;
        return;
    }
    log->cap = log->cap == 0 ? 16 : log->cap * 2;
    log->entries = realloc(log->entries, log->cap * sizeof(*log->entries));
    assert(log->entries != NULL);
}

static void push_run(struct raft_log *log, raft_index first, raft_term term)
{
    if (log->runs_count == log->runs_cap) {
        log->runs_cap = log->runs_cap == 0 ? 4 : log->runs_cap * 2;
        log->runs = realloc(log->runs, log->runs_cap * sizeof(*log->runs));
        assert(log->runs != NULL);
    }
    log->runs[log->runs_count++] = (struct raft_term_run){first, term};
}

raft_term raft_log_last_term(const struct raft_log *log)
{
    return log->runs_count > 0 ? log->runs[log->runs_count - 1].term : log->start_term;
}

void raft_log_append(struct raft_log *log, struct raft_entry *entry)
{
    assert(entry->index == log->last + 1);
    assert(entry->term >= raft_log_last_term(log) && entry->term > 0);
    reserve_entry(log);
    if (log->runs_count == 0 || log->runs[log->runs_count - 1].term != entry->term)
        push_run(log, entry->index, entry->term);
    log->entries[log->head + count_cached(log)] = raft_entry_ref(entry);
    log->cache_bytes += cost_of(entry);
    log->last++;
}

void raft_log_truncate(struct raft_log *log, raft_index index)
{
    assert(index > log->start);
    while (log->last >= index && log->last >= log->cached_first) {
        struct raft_entry *entry = log->entries[log->head + count_cached(log) - 1];

        log->cache_bytes -= cost_of(entry);
        raft_entry_unref(entry);
        log->last--;
    }
    if (log->last >= index) {
        log->last = index - 1;
        log->cached_first = index;
        log->head = 0;
    }
    while (log->runs_count > 0 && log->runs[log->runs_count - 1].first > log->last)
        log->runs_count--;
}

void raft_log_reset(struct raft_log *log, raft_index index, raft_term term)
{
    while (count_cached(log) > 0)
        drop_cached_head(log);
    log->head = 0;
    log->runs_count = 0;
    log->start = index;
    log->start_term = term;
    log->last = index;
    log->cached_first = index + 1;
}

void raft_log_compact(struct raft_log *log, raft_index index)
{
    raft_term term = 0;
    size_t gone = 0;

    if (index <= log->start)
        return;
    assert(index <= log->last);
    raft_log_term(log, index, &term);
    while (log->cached_first <= index && count_cached(log) > 0)
        drop_cached_head(log);
    if (log->cached_first <= index)
        log->cached_first = index + 1;
    if (count_cached(log) == 0)
        log->head = 0;
    log->start = index;
    log->start_term = term;
    while (gone + 1 < log->runs_count && log->runs[gone + 1].first <= index + 1)
        gone++;
    if (log->last == index)
        gone = log->runs_count;
    memmove(log->runs, log->runs + gone, (log->runs_count - gone) * sizeof(*log->runs));
    log->runs_count -= gone;
}

void raft_log_trim(struct raft_log *log, raft_index limit, uint64_t bytes_max)
{
    while (log->cache_bytes > bytes_max && log->cached_first <= limit && count_cached(log) > 0)
        drop_cached_head(log);
    if (count_cached(log) == 0) {
        log->head = 0;
        if (bytes_max == 0 && log->cap > 16) {
            free(log->entries);
            log->entries = NULL;
            log->cap = 0;
        }
    }
}

bool raft_log_term(const struct raft_log *log, raft_index index, raft_term *term)
{
    if (index < log->start || index > log->last)
        return false;
    if (index == log->start) {
        *term = log->start_term;
        return true;
    }
    for (size_t i = log->runs_count; i-- > 0;) {
        if (log->runs[i].first <= index) {
            *term = log->runs[i].term;
            return true;
        }
    }
    assert(!"a log index without a term");
    return false;
}

struct raft_entry *raft_log_entry(const struct raft_log *log, raft_index index)
{
    if (index < log->cached_first || index > log->last)
        return NULL;
    return log->entries[log->head + (size_t)(index - log->cached_first)];
}

raft_index raft_log_find_term(const struct raft_log *log, raft_index index, raft_term term)
{
    if (index > log->last)
        index = log->last;
    if (index <= log->start)
        return index;
    for (size_t i = log->runs_count; i-- > 0;) {
        if (log->runs[i].first > index)
            continue;
        if (log->runs[i].term <= term)
            return index;
        index = log->runs[i].first - 1;
    }
    return log->start;
}
