/* group_apply.c: committed entries onto the state machine, and what it may change. See group_int.h.
 * */
#include <assert.h>
#include <stdlib.h>

#include "storage/tablet/group_int.h"

/* ---- the queue ---- */

static struct raft_entry **slot_at(struct group *group, uint32_t i)
{
    return &group->queue[(group->queue_head + i) & (group->queue_cap - 1)];
}

static void grow_queue(struct group *group, size_t more)
{
    uint32_t cap = group->queue_cap ? group->queue_cap : 64;
    while (cap < group->queue_count + more)
        cap *= 2;
    if (cap == group->queue_cap)
        return;
    struct raft_entry **queue = malloc(cap * sizeof *queue);
    if (!queue)
        abort();
    for (uint32_t i = 0; i < group->queue_count; i++)
        queue[i] = *slot_at(group, i);
    free(group->queue);
    group->queue = queue;
    group->queue_head = 0;
    group->queue_cap = cap;
}

void group_queue(struct group *group, struct raft_entry **entries, size_t count)
{
    if (!count)
        return;
    grow_queue(group, count);
    for (size_t i = 0; i < count; i++)
        *slot_at(group, group->queue_count++) = raft_entry_ref(entries[i]);
}

void group_queue_clear(struct group *group)
{
    for (uint32_t i = 0; i < group->queue_count; i++)
        raft_entry_unref(*slot_at(group, i));
    group->queue_count = 0;
    group->queue_head = 0;
}

/* ---- proposals ---- */

static void end_first_proposal(struct group *group, enum group_outcome outcome,
                               const uint8_t *answer, size_t answer_len)
{
    struct group_proposal *p = group->proposals;
    group->proposals = p->next;
    if (!group->proposals)
        group->proposals_tail = &group->proposals;
    group->proposed_bytes -= p->size_bytes;
    p->next = NULL;
    p->done(p, outcome, answer, answer_len);
}

void group_proposals_fail(struct group *group, enum group_outcome outcome)
{
    while (group->proposals)
        end_first_proposal(group, outcome, NULL, 0);
}

/* An entry of a later term stands where they, or something before them, would have to stand. */
static void end_lost(struct group *group, raft_term term)
{
    while (group->proposals && group->proposals->term < term)
        end_first_proposal(group, GROUP_LOST, NULL, 0);
}

void group_proposals_overtaken(struct group *group, raft_index index, raft_term term)
{
    while (group->proposals) {
        struct group_proposal *p = group->proposals;
        if (p->last <= index)
            end_first_proposal(group, GROUP_UNKNOWN, NULL, 0);
        else if (p->term < term)
            end_first_proposal(group, GROUP_LOST, NULL, 0);
        else
            return;
    }
}

/* ---- applying ---- */

static void apply_command(struct task *task, struct group *group, const struct raft_entry *entry,
                          const uint8_t *bytes, size_t size_bytes)
{
    struct group_proposal *p = group->proposals;
    bool ours = p && p->term == entry->term && p->last == entry->index;
    struct group_apply apply = {.group = group, .index = entry->index, .task = task};
    struct group_command command = {.index = entry->index,
                                    .term = entry->term,
                                    .bytes = bytes,
                                    .size_bytes = size_bytes,
                                    .context = ours ? p->context : NULL};
    buf_reset(&group->answer);
    group->store->config.machine->apply(group->machine, &apply, &command, &group->answer);
    group->complete = entry->index;
    group->complete_term = entry->term;
    if (ours)
        end_first_proposal(group, GROUP_APPLIED, group->answer.data, group->answer.len);
}

/* Where the log can be cut so that a slow follower still finds what it lacks. */
static void count_applied(struct group *group, const struct raft_entry *entry)
{
    uint64_t step = group->store->config.log_retain_bytes / GROUP_RETAIN_MARKS;
    uint64_t before = group->applied_bytes / step;
    group->applied_bytes += entry->size_bytes + 64;
    if (group->applied_bytes / step == before)
        return;
    if (group->marks_count == GROUP_RETAIN_MARKS) {
        group->marks_head = (group->marks_head + 1) % GROUP_RETAIN_MARKS;
        group->marks_count--;
    }
    uint32_t at = (group->marks_head + group->marks_count++) % GROUP_RETAIN_MARKS;
    group->marks[at].index = entry->index;
    group->marks[at].bytes = group->applied_bytes;
}

static void end_entry(struct group *group, const struct raft_entry *entry)
{
    group->applied = entry->index;
    group->applied_term = entry->term;
    count_applied(group, entry);
    if (!group->chunks.open) {
        group->complete = entry->index;
        group->complete_term = entry->term;
    }
}

/* Straight-line code of the machine that does not know it: group_tablet_put yields inside. */
static void run_large(struct task *task, void *arg)
{
    struct group *group = arg;
    struct raft_entry *entry = group->large.entry;
    apply_command(task, group, entry, group->large.bytes, group->large.size_bytes);
    group_tablets_release(group);
    end_entry(group, entry);
    raft_entry_unref(entry);
    group->applying = false;
    struct raft_event event = {.kind = RAFT_EV_APPLIED, .index = group->applied};
    group_step(group, &event);
    if (group->role_due)
        group_note_role(group);
    group->role_due = false;
    wait_queue_wake_all(&group->changed);
    wait_queue_wake_all(&group->checkpointed);
    group_spawned_end(group);
}

static void start_large(struct group *group, struct raft_entry *entry, const uint8_t *bytes,
                        size_t size_bytes)
{
    group->applying = true;
    group->large.entry = raft_entry_ref(entry);
    group->large.bytes = bytes;
    group->large.size_bytes = size_bytes;
    group->busy++;
    task_spawn(group->sc->core, TASK_CONSENSUS, "apply", run_large, group);
}

static void apply_entry(struct group *group, struct raft_entry *entry)
{
    assert(entry->index == group->applied + 1);
    end_lost(group, entry->term);
    const uint8_t *bytes = NULL;
    size_t size_bytes = 0;
    enum group_chunk_result result =
        group_chunks_add(&group->chunks, entry, &bytes, &size_bytes);
    if (result == GROUP_CHUNK_COMMAND && size_bytes >= GROUP_SLOW_BYTES) {
        start_large(group, entry, bytes, size_bytes);
        return;
    }
    if (result == GROUP_CHUNK_COMMAND)
        apply_command(NULL, group, entry, bytes, size_bytes);
    if (result == GROUP_CHUNK_MALFORMED && group->store->log)
        log_event(group->store->log, LOG_ERROR, "group_entry_malformed",
                  LOG_U64("group", group->id), LOG_U64("index", entry->index));
    end_entry(group, entry);
}

bool group_apply_queue(struct group *group)
{
    size_t bytes = 0;
    while (group->queue_count && !group->installing && !group->applying && !group->stopped) {
        if (bytes > GROUP_APPLY_BYTES_TURN)
            return true;
        struct raft_entry *entry = *slot_at(group, 0);
        group->queue_head = (group->queue_head + 1) & (group->queue_cap - 1);
        group->queue_count--;
        bytes += entry->size_bytes + 1024;
        if (entry->index > group->applied) /* a snapshot may have gone past it */
            apply_entry(group, entry);
        raft_entry_unref(entry);
    }
    return false;
}

/* ---- what a command may change: state ---- */

struct group *group_apply_group(struct group_apply *apply)
{
    return apply->group;
}

void group_state_put(struct group_apply *apply, const void *key, size_t key_len, const void *value,
                     size_t value_len)
{
    state_map_put(&apply->group->state, key, key_len, value, value_len);
}

bool group_state_del(struct group_apply *apply, const void *key, size_t key_len)
{
    return state_map_del(&apply->group->state, key, key_len);
}

size_t group_state_del_span(struct group_apply *apply, const void *start, size_t start_len,
                            const void *end, size_t end_len)
{
    struct state_map *map = &apply->group->state;
    struct buf key = {0};
    size_t count = 0;
    const struct state_node *node;
    while ((node = state_map_seek(map, start, start_len)) != NULL) {
        size_t len;
        const uint8_t *at = state_node_key(node, &len);
        size_t n = len < end_len ? len : end_len;
        int c = n ? memcmp(at, end, n) : 0;
        if (end_len && (c > 0 || (c == 0 && len >= end_len)))
            break;
        buf_reset(&key);
        buf_put(&key, at, len);
        state_map_del(map, key.data, key.len);
        count++;
    }
    buf_done(&key);
    return count;
}

bool group_state_get(const struct group *group, const void *key, size_t key_len,
                     const uint8_t **value, size_t *value_len)
{
    return state_map_get(&group->state, key, key_len, value, value_len);
}

void group_state_seek(const struct group *group, struct group_state_iter *it, const void *prefix,
                      size_t prefix_len, const void *from, size_t from_len)
{
    it->prefix = prefix;
    it->prefix_len = prefix_len;
    it->at = from ? state_map_seek(&group->state, from, from_len)
                  : state_map_seek(&group->state, prefix, prefix_len);
}

bool group_state_next(struct group_state_iter *it, struct group_state_item *item)
{
    const struct state_node *node = it->at;
    if (!node)
        return false;
    item->key = state_node_key(node, &item->key_len);
    item->value = state_node_value(node, &item->value_len);
    if (item->key_len < it->prefix_len ||
        (it->prefix_len && memcmp(item->key, it->prefix, it->prefix_len) != 0)) {
        it->at = NULL;
        return false;
    }
    it->at = state_node_next(node);
    return true;
}

void group_state_size(const struct group *group, size_t *count, size_t *bytes)
{
    *count = group->state.count;
    *bytes = group->state.bytes;
}

void group_gc_threshold_set(struct group_apply *apply, hlc_time threshold)
{
    struct group *group = apply->group;
    if (threshold <= group->gc_threshold)
        return;
    group->gc_threshold = threshold;
    for (size_t i = 0; i < group->n_tablets; i++)
        lsm_horizon_set(group->tablets[i]->lsm, threshold);
}

hlc_time group_gc_threshold(const struct group *group)
{
    return group->gc_threshold;
}
