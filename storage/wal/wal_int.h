/* wal_int.h: the log's inside, shared by wal.c (appending, writing), wal_read.c, wal_group.c
 * (index) and wal_recover.c.
 *
 * Everything below `lock` is guarded by it; `io` fields belong to the lane's job (one runs at a
 * time), or to recovery before the lane starts.
 *
 *     wal_append -> current chunk -> (lane) pwrite + sync per chunk -> durable, answers
 *
 * A chunk is a stretch of one segment that is not yet written. Positions are final when encoded.
 */
#ifndef CAIRN_STORAGE_WAL_WAL_INT_H
#define CAIRN_STORAGE_WAL_WAL_INT_H

#include "base/hashmap.h"
#include "base/list.h"
#include "base/lock.h"
#include "storage/wal/wal.h"
#include "storage/wal/wal_format.h"

struct wal_segment {
    struct list_node link; /* wal->segments, ascending id */
    uint64_t id;
    uint64_t size_bytes; /* of the file */
    uint64_t end_offset; /* behind the last record */
    uint64_t live;       /* slots and group states that lie here */
    uint32_t readers;
    bool sealed;
    struct file *file; /* NULL until the lane made it */
};

struct wal_slot {
    wal_pos pos;
    uint32_t body_bytes;
    uint32_t cache_seq; /* place in wal->cache, if the item there still is this entry's */
};

struct wal_group {
    uint64_t id;
    struct wal_state state;
    wal_pos state_pos; /* of the record that says so; 0 = none yet */
    wal_pos last_pos;  /* newest record of the group: the next one's `previous` */
    raft_index first;  /* index of the first slot */
    raft_term last_term;
    struct wal_slot *slots; /* ring, cap a power of two */
    size_t head, count, cap;
    /* recovery only */
    uint8_t quarantine;
    bool is_frozen;   /* damaged: entries behind are not taken */
    wal_pos seen_pos; /* last record applied, in old positions */
};

struct wal_cached {
    struct raft_entry *entry; /* NULL: a hole */
    uint64_t group;
    wal_pos pos;
};

struct wal_chunk {
    struct list_node link;
    uint64_t segment;
    uint64_t offset; /* of data[0] in the segment */
    struct buf data;
};

struct wal {
    struct env *env;
    char *dir;
    struct wal_config config;
    struct lane *lane;

    struct lock lock;
    struct intmap groups;         /* id -> struct wal_group */
    struct list segments;         /* struct wal_segment */
    struct wal_chunk *free_chunk; /* kept for its memory; may be NULL */
    struct list chunks;           /* to be written, oldest first; the last one takes appends */
    uint64_t pending_bytes;
    struct wal_write *writes_head, **writes_tail;
    bool lane_busy; /* a drain job is posted or running */
    bool stopped;   /* invariant 2 */
    bool fatal_reported;
    bool disk_full;
    bool no_ballast;
    uint64_t tail_segment; /* where the next record goes */
    uint64_t tail_offset;
    uint64_t tail_limit; /* usable bytes of the tail segment */
    wal_pos durable;
    wal_pos marked;           /* end of the log when the last closing marker was appended */
    wal_pos idle_seen;        /* end of the log at the last idle tick */
    uint32_t spares_ready;    /* named, allocated files */
    uint32_t spares_taken;    /* of those: promised to segments not yet made */
    uint32_t spares_wanted;   /* a write waits for this many */
    uint64_t spare_first;     /* names spare-<n> in use: [first, first + ready) */
    struct wal_cached *cache; /* ring of cache_cap */
    uint32_t cache_head, cache_tail, cache_cap;
    uint64_t cached_bytes;
    size_t slot_bytes;
    struct wal_stats stats;
    struct wal_recovery recovery;
};

/* ---- wal_group.c: the index (under the lock) ---- */
struct wal_group *wal_group_find(struct wal *wal, uint64_t id);
struct wal_group *wal_group_need(struct wal *wal, uint64_t id);
void wal_group_remove(struct wal *wal, struct wal_group *g);
void wal_group_free(struct wal_group *g);
static inline raft_index wal_group_last(const struct wal_group *g)
{
    return g->count ? g->first + g->count - 1 : g->state.truncated_index;
}
static inline struct wal_slot *wal_group_slot(const struct wal_group *g, raft_index index)
{
    return &g->slots[(g->head + (index - g->first)) & (g->cap - 1)];
}
static inline bool wal_group_has(const struct wal_group *g, raft_index index)
{
    return g->count && index >= g->first && index < g->first + g->count;
}
/* Entry `index` now lies at pos; truncates the suffix from it on unless it is a copy of one
 * that stays. */
void wal_group_put(struct wal *wal, struct wal_group *g, raft_index index, raft_term term,
                   wal_pos pos, uint32_t body_bytes, bool copied);
/* Recovery: slots from `index` on, or up to before `index`, exist: holes (pos 0) where nothing
 * is known yet. */
void wal_group_extend_front(struct wal *wal, struct wal_group *g, raft_index index);
void wal_group_extend_back(struct wal *wal, struct wal_group *g, raft_index index);
/* Recovery: the group's newest record lies at pos. */
void wal_group_need_last(struct wal *wal, uint64_t id, wal_pos pos);
void wal_group_drop_prefix(struct wal *wal, struct wal_group *g, raft_index upto);
void wal_group_drop_suffix(struct wal *wal, struct wal_group *g, raft_index from);
void wal_group_state_at(struct wal *wal, struct wal_group *g, wal_pos pos);
struct wal_segment *wal_segment_find(struct wal *wal, uint64_t id);
struct wal_segment *wal_segment_add(struct wal *wal, uint64_t id, uint64_t size_bytes);
void wal_cache_put(struct wal *wal, struct wal_group *g, struct wal_slot *slot,
                   struct raft_entry *entry, wal_pos pos);
struct raft_entry *wal_cache_get(struct wal *wal, const struct wal_group *g,
                                 const struct wal_slot *slot);
void wal_cache_trim(struct wal *wal, uint64_t bytes_max);

/* ---- wal.c ---- */
/* Encodes one record at the tail (which must have room or be able to move on) and returns its
 * position. */
wal_pos wal_encode(struct wal *wal, struct wal_rec *rec, struct wal_group *g);
void wal_start_lane_job(struct wal *wal);
void wal_path(const struct wal *wal, const char *name, char *out, size_t size);
void wal_segment_path(const struct wal *wal, uint64_t id, char *out, size_t size);
void wal_spare_path(const struct wal *wal, uint64_t n, char *out, size_t size);
/* Makes allocated spare files until `want` are there. 53100 is not an error but sets
 * wal->disk_full. */
int wal_make_spares(struct task *task, struct wal *wal, uint32_t want, struct err *err) MUST_CHECK;

/* ---- wal_recover.c ---- */
int wal_recover(struct task *task, struct wal *wal, struct err *err) MUST_CHECK;

/* ---- wal_read.c ---- */
/* The record at pos of a segment the caller holds a reader on; *out has one reference. */
int wal_read_entry(struct task *task, struct wal *wal, struct wal_segment *seg, wal_pos pos,
                   uint64_t group, raft_index index, uint32_t body_bytes, struct raft_entry **out,
                   struct err *err) MUST_CHECK;

#endif
