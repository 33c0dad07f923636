#include <assert.h>
#include <stdlib.h>

#include "base/sort.h"
#include "storage/wal/wal_int.h"

enum { WINDOW_BYTES = 256 * 1024 };

/* ---- what is there ---- */

static void fill_info(const struct wal_group *g, struct wal_group_info *out)
{
    *out = (struct wal_group_info){.group = g->id,
                                   .has_hard_state = g->state.has_hard_state,
                                   .hard_state = g->state.hard_state,
                                   .truncated_index = g->state.truncated_index,
                                   .truncated_term = g->state.truncated_term,
                                   .first = g->count ? g->first : g->state.truncated_index + 1,
                                   .last = wal_group_last(g),
                                   .last_term = g->count ? g->last_term : g->state.truncated_term,
                                   .quarantine = g->quarantine};
    if (g->state.hard_state.quarantine > out->quarantine)
        out->quarantine = g->state.hard_state.quarantine;
}

static int compare_ids(const void *a, const void *b, void *arg)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

size_t wal_groups(struct wal *wal, struct wal_group_info *out, size_t max)
{
    lock_take(&wal->lock);
    uint64_t *ids = malloc((wal->groups.count + 1) * sizeof *ids);
    assert(ids);
    size_t n = 0;
    for (size_t i = 0; i < wal->groups.entry_count; i++)
        if (wal->groups.entries[i].value)
            ids[n++] = wal->groups.entries[i].key;
    sort_stable(ids, n, sizeof *ids, compare_ids, NULL, NULL);
    for (size_t i = 0; i < n && i < max; i++)
        fill_info(wal_group_find(wal, ids[i]), &out[i]);
    lock_give(&wal->lock);
    free(ids);
    return n;
}

bool wal_group_info(struct wal *wal, uint64_t group, struct wal_group_info *out)
{
    lock_take(&wal->lock);
    struct wal_group *g = wal_group_find(wal, group);
    if (g)
        fill_info(g, out);
    lock_give(&wal->lock);
    return g != NULL;
}

/* ---- reading entries back ---- */

static int check_entry(const uint8_t *at, uint64_t left, wal_pos pos, uint64_t group,
                       raft_index index, struct raft_entry **out, struct err *err)
{
    struct wal_rec rec;
    if (wal_rec_read(at, left, pos, &rec) != WAL_REC_OK ||
        (rec.type != WAL_REC_ENTRY && rec.type != WAL_REC_COPIED) || rec.group != group ||
        rec.index != index)
        return err_set(
            err, ERR_DATA_CORRUPTED,
            "log record of group %llu, entry %llu is damaged (segment %llu, offset %llu)",
            (unsigned long long)group, (unsigned long long)index,
            (unsigned long long)wal_pos_segment(pos), (unsigned long long)wal_pos_offset(pos));
    struct raft_entry *e =
        raft_entry_create((enum raft_entry_kind)rec.entry_kind, rec.body, rec.body_bytes);
    e->index = rec.index;
    e->term = rec.term;
    *out = e;
    return 0;
}

int wal_read_entry(struct task *task, struct wal *wal, struct wal_segment *seg, wal_pos pos,
                   uint64_t group, raft_index index, uint32_t body_bytes, struct raft_entry **out,
                   struct err *err)
{
    uint64_t size = wal_rec_size(body_bytes);
    uint8_t *data = malloc(size);
    assert(data);
    size_t got = 0;
    int code = file_pread(task, seg->file, data, size, wal_pos_offset(pos), &got, err);
    if (code == 0)
        code = check_entry(data, got, pos, group, index, out, err);
    free(data);
    return code;
}

/* One entry to be fetched. */
struct fetch {
    wal_pos pos;
    uint32_t body_bytes;
    raft_index index;
    struct raft_entry **out;
};

/* Fetches a run of entries that lie in one segment, in ascending positions, within one window. */
static int fetch_window(struct task *task, struct wal_segment *seg, uint64_t group,
                        const struct fetch *f, size_t n, struct err *err)
{
    wal_pos from = f[0].pos;
    uint64_t size = f[n - 1].pos + wal_rec_size(f[n - 1].body_bytes) - from;
    uint8_t *data = malloc(size);
    assert(data);
    size_t got = 0;
    int code = file_pread(task, seg->file, data, size, wal_pos_offset(from), &got, err);
    for (size_t i = 0; i < n && code == 0; i++) {
        uint64_t at = f[i].pos - from;
        code = check_entry(data + at, at < got ? got - at : 0, f[i].pos, group, f[i].index,
                           f[i].out, err);
    }
    free(data);
    return code;
}

static size_t window_length(const struct fetch *f, size_t n)
{
    size_t k = 1;
    while (k < n && wal_pos_segment(f[k].pos) == wal_pos_segment(f[0].pos) &&
           f[k].pos > f[k - 1].pos &&
           f[k].pos + wal_rec_size(f[k].body_bytes) - f[0].pos <= WINDOW_BYTES)
        k++;
    return k;
}

/* Under the lock: takes what is cached, lists the rest, pins its segments. */
static size_t plan_read(struct wal *wal, const struct wal_group *g, raft_index lo, raft_index hi,
                        uint64_t bytes_max, struct raft_entry **out, struct fetch *fetches,
                        size_t *n_fetch)
{
    size_t n = 0;
    uint64_t bytes = 0;
    for (raft_index i = lo; i < hi && wal_group_has(g, i); i++, n++) {
        struct wal_slot *slot = wal_group_slot(g, i);
        bytes += slot->body_bytes;
        if (n && bytes > bytes_max)
            break;
        struct raft_entry *cached = wal_cache_get(wal, g, slot);
        if (cached) {
            out[n] = raft_entry_ref(cached);
            wal->stats.cache_hits++;
            continue;
        }
        out[n] = NULL;
        wal->stats.cache_misses++;
        fetches[(*n_fetch)++] = (struct fetch){slot->pos, slot->body_bytes, i, &out[n]};
        wal_segment_find(wal, wal_pos_segment(slot->pos))->readers++;
    }
    return n;
}

static void unpin(struct wal *wal, const struct fetch *f, size_t n)
{
    lock_take(&wal->lock);
    for (size_t i = 0; i < n; i++)
        wal_segment_find(wal, wal_pos_segment(f[i].pos))->readers--;
    lock_give(&wal->lock);
}

static struct wal_segment *find_locked(struct wal *wal, uint64_t id)
{
    lock_take(&wal->lock);
    struct wal_segment *seg = wal_segment_find(wal, id);
    lock_give(&wal->lock);
    return seg;
}

int wal_read(struct task *task, struct wal *wal, uint64_t group, raft_index lo, raft_index hi,
             uint64_t bytes_max, struct raft_entry **out, size_t *n, struct err *err)
{
    *n = 0;
    if (hi <= lo)
        return 0;
    struct fetch *fetches = malloc(sizeof *fetches * (size_t)(hi - lo));
    assert(fetches);
    size_t n_fetch = 0, count = 0;
    lock_take(&wal->lock);
    struct wal_group *g = wal_group_find(wal, group);
    if (g)
        count = plan_read(wal, g, lo, hi, bytes_max, out, fetches, &n_fetch);
    lock_give(&wal->lock);
    int code = 0;
    for (size_t i = 0; i < n_fetch && code == 0;) {
        size_t k = window_length(fetches + i, n_fetch - i);
        struct wal_segment *seg = find_locked(wal, wal_pos_segment(fetches[i].pos));
        code = fetch_window(task, seg, group, fetches + i, k, err);
        i += k;
    }
    unpin(wal, fetches, n_fetch);
    free(fetches);
    if (code) {
        for (size_t i = 0; i < count; i++)
            raft_entry_unref(out[i]);
        return code;
    }
    *n = count;
    return 0;
}

/* ---- upkeep: copying the little that pins an old segment ---- */

struct pinned {
    uint64_t group;
    uint64_t bytes;
    raft_index upto;
    bool state;
};

static int compare_pinned(const void *a, const void *b, void *arg)
{
    const struct pinned *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return (x->group > y->group) - (x->group < y->group);
}

/* Under the lock: who holds anything in the segment. */
static size_t list_pinned(struct wal *wal, const struct wal_segment *seg, struct pinned **out)
{
    struct pinned *list = malloc((wal->groups.count + 1) * sizeof *list);
    assert(list);
    size_t n = 0;
    for (size_t i = 0; i < wal->groups.entry_count; i++) {
        struct wal_group *g = wal->groups.entries[i].value;
        if (!g)
            continue;
        struct pinned p = {.group = g->id};
        p.state = g->state_pos && wal_pos_segment(g->state_pos) == seg->id;
        p.bytes = p.state ? wal_rec_size(WAL_STATE_BYTES) : 0;
        for (size_t k = 0; k < g->count; k++) {
            const struct wal_slot *slot = wal_group_slot(g, g->first + k);
            if (wal_pos_segment(slot->pos) == seg->id) {
                p.bytes += wal_rec_size(slot->body_bytes);
                p.upto = g->first + k;
            }
        }
        if (p.bytes)
            list[n++] = p;
    }
    sort_stable(list, n, sizeof *list, compare_pinned, NULL, NULL);
    *out = list;
    return n;
}

/* Under the lock. Appends the state again; false when there is no room now. */
static bool copy_state(struct wal *wal, struct wal_group *g)
{
    if (wal->stopped || wal->tail_offset + 4096 > wal->tail_limit)
        return false;
    uint8_t body[WAL_STATE_BYTES];
    wal_state_write(&g->state, body);
    struct wal_rec rec = {.type = WAL_REC_STATE,
                          .group = g->id,
                          .index = g->state.truncated_index,
                          .term = g->state.hard_state.term,
                          .body = body,
                          .body_bytes = sizeof body};
    wal_group_state_at(wal, g, wal_encode(wal, &rec, g));
    wal->stats.copied_records++;
    wal_start_lane_job(wal);
    return true;
}

/* Under the lock. The entry still lies where it was read: append it again. */
static bool copy_entry(struct wal *wal, struct wal_group *g, raft_index index, wal_pos from,
                       const struct raft_entry *e)
{
    if (!wal_group_has(g, index) || wal_group_slot(g, index)->pos != from)
        return true; /* truncated or overwritten meanwhile */
    uint64_t size = wal_rec_size(e->size_bytes);
    if (wal->stopped || wal->tail_offset + size + 4096 > wal->tail_limit)
        return false;
    struct wal_rec rec = {.type = WAL_REC_COPIED,
                          .entry_kind = e->kind,
                          .group = g->id,
                          .index = e->index,
                          .term = e->term,
                          .body = e->bytes,
                          .body_bytes = e->size_bytes};
    wal_pos pos = wal_encode(wal, &rec, g);
    wal_group_put(wal, g, index, e->term, pos, e->size_bytes, true);
    wal->stats.copied_records++;
    wal_start_lane_job(wal);
    return true;
}

/* Copies one group's records out of the segment (which has a reader of ours). */
static int copy_group(struct task *task, struct wal *wal, struct wal_segment *seg, uint64_t group,
                      struct err *err)
{
    raft_index next = 0;
    for (;;) {
        lock_take(&wal->lock);
        struct wal_group *g = wal_group_find(wal, group);
        struct wal_slot found = {0};
        bool go_on = g != NULL;
        if (g && g->state_pos && wal_pos_segment(g->state_pos) == seg->id)
            go_on = copy_state(wal, g);
        for (raft_index i = g && g->first > next ? g->first : next; go_on && wal_group_has(g, i);
             i++) {
            struct wal_slot *slot = wal_group_slot(g, i);
            if (wal_pos_segment(slot->pos) == seg->id) {
                found = *slot;
                next = i;
                break;
            }
        }
        lock_give(&wal->lock);
        if (!go_on || !found.pos)
            return 0;
        struct raft_entry *e = NULL;
        int code =
            wal_read_entry(task, wal, seg, found.pos, group, next, found.body_bytes, &e, err);
        if (code)
            return code;
        lock_take(&wal->lock);
        g = wal_group_find(wal, group);
        go_on = g && copy_entry(wal, g, next, found.pos, e);
        lock_give(&wal->lock);
        raft_entry_unref(e);
        if (!go_on)
            return 0;
        next++;
    }
}

static struct wal_segment *pin_oldest(struct wal *wal)
{
    uint64_t bytes = 0;
    list_each(struct wal_segment, seg, &wal->segments, link) bytes += seg->size_bytes;
    struct list_node *node = list_first(&wal->segments);
    struct wal_segment *oldest = node ? container_of(node, struct wal_segment, link) : NULL;
    if (!oldest || !oldest->file || bytes <= wal->config.log_bytes_max ||
        oldest->id == wal->tail_segment || wal->stopped)
        return NULL;
    oldest->readers++;
    return oldest;
}

int wal_maintain(struct task *task, struct wal *wal, struct wal_pin *pins, size_t max, size_t *n,
                 struct err *err)
{
    *n = 0;
    lock_take(&wal->lock);
    struct wal_segment *seg = pin_oldest(wal);
    struct pinned *list = NULL;
    size_t count = seg ? list_pinned(wal, seg, &list) : 0;
    lock_give(&wal->lock);
    if (!seg)
        return 0;
    uint64_t budget = wal->config.segment_bytes / 8, one = wal->config.segment_bytes / 32;
    int code = 0;
    size_t named = 0;
    for (size_t i = count; i-- > 0 && code == 0;) {
        if (list[i].bytes <= one && list[i].bytes <= budget) {
            budget -= list[i].bytes;
            code = copy_group(task, wal, seg, list[i].group, err);
        }
    }
    for (size_t i = 0; i < count && named < max && list[i].bytes > one; i++)
        pins[named++] = (struct wal_pin){list[i].group, list[i].upto, list[i].bytes};
    lock_take(&wal->lock);
    seg->readers--;
    wal_start_lane_job(wal);
    lock_give(&wal->lock);
    free(list);
    if (code == 0)
        *n = named;
    return code;
}
