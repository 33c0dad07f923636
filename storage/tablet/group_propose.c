/* group_propose.c: commands into the log. See group.h. */
#include <stdlib.h>

#include "storage/tablet/group_int.h"

static enum group_propose_result check_room(struct group *group, size_t size_bytes)
{
    struct store *store = group->store;
    if (atomic_load_explicit(&store->stopping, memory_order_relaxed) ||
        atomic_load_explicit(&store->failed, memory_order_relaxed) || group->stopped)
        return GROUP_PROPOSE_STOPPING;
    if (atomic_load_explicit(&store->disk_full, memory_order_relaxed))
        return GROUP_PROPOSE_DISK_FULL;
    if (group->proposed_bytes &&
        group->proposed_bytes + size_bytes > GROUP_PROPOSED_BYTES_MAX)
        return GROUP_PROPOSE_OVERLOADED;
    if (size_bytes >= GROUP_THROTTLED_BYTES && lsm_node_is_throttling(store->lsm))
        return GROUP_PROPOSE_OVERLOADED;
    return GROUP_PROPOSE_ACCEPTED;
}

static enum group_propose_result result_of(uint8_t propose)
{
    switch (propose) {
    case RAFT_PROPOSE_ACCEPTED: return GROUP_PROPOSE_ACCEPTED;
    case RAFT_PROPOSE_TRANSFERRING: return GROUP_PROPOSE_TRANSFERRING;
    case RAFT_PROPOSE_OVERLOADED: return GROUP_PROPOSE_OVERLOADED;
    default: return GROUP_PROPOSE_NOT_LEADER;
    }
}

static enum group_propose_result step_proposal(struct group *group,
                                               struct group_proposal *proposal, size_t count,
                                               struct raft_entry **entries)
{
    group_chunk_split(proposal->bytes, proposal->size_bytes, entries);
    struct raft_event event = {
        .kind = RAFT_EV_PROPOSE, .entries = entries, .entries_count = count};
    group_step(group, &event);
    for (size_t i = 0; i < count; i++)
        raft_entry_unref(entries[i]);
    return result_of(group->effects.propose);
}

enum group_propose_result group_propose_start(struct group *group, struct group_proposal *proposal)
{
    enum group_propose_result result = check_room(group, proposal->size_bytes);
    if (result != GROUP_PROPOSE_ACCEPTED)
        return result;
    if (group->role != RAFT_LEADER ||
        (proposal->expected_term && proposal->expected_term != group->term))
        return GROUP_PROPOSE_NOT_LEADER;
    if (proposal->size_bytes > GROUP_COMMAND_BYTES_MAX)
        return GROUP_PROPOSE_OVERLOADED;
    size_t count = group_chunk_count(proposal->size_bytes);
    struct raft_entry *few[4], **entries = few;
    if (count > 4 && !(entries = malloc(count * sizeof *entries)))
        return GROUP_PROPOSE_OVERLOADED;
    result = step_proposal(group, proposal, count, entries);
    if (entries != few)
        free(entries);
    if (result != GROUP_PROPOSE_ACCEPTED)
        return result;
    proposal->first = group->effects.propose_first;
    proposal->last = proposal->first + count - 1;
    proposal->term = group->effects.propose_term;
    proposal->next = NULL;
    *group->proposals_tail = proposal;
    group->proposals_tail = &proposal->next;
    group->proposed_bytes += proposal->size_bytes;
    return result;
}

/* Outlives its waiter when that is cancelled: whoever comes last frees it. */
struct wait {
    struct group_proposal proposal;
    struct task *task; /* NULL: nobody waits any more */
    bool finished;
    enum group_outcome outcome;
    struct buf *answer;
};

static void end_wait(struct group_proposal *proposal, enum group_outcome outcome,
                     const uint8_t *answer, size_t answer_len)
{
    struct wait *wait = container_of(proposal, struct wait, proposal);
    if (!wait->task) {
        free(wait);
        return;
    }
    wait->finished = true;
    wait->outcome = outcome;
    if (wait->answer && outcome == GROUP_APPLIED)
        buf_put(wait->answer, answer, answer_len);
    task_wake(wait->task);
}

int group_propose(struct task *task, struct group *group, const void *bytes, size_t size_bytes,
                  raft_term expected_term, enum group_propose_result *result,
                  enum group_outcome *outcome, struct buf *answer, struct err *err)
{
    struct wait *wait = calloc(1, sizeof *wait);
    if (!wait)
        return err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    wait->proposal = (struct group_proposal){.bytes = bytes,
                                             .size_bytes = size_bytes,
                                             .expected_term = expected_term,
                                             .done = end_wait};
    wait->task = task;
    wait->answer = answer;
    *result = group_propose_start(group, &wait->proposal);
    if (*result != GROUP_PROPOSE_ACCEPTED) {
        free(wait);
        return 0;
    }
    *outcome = GROUP_UNKNOWN;
    while (!wait->finished) {
        if (task_park(task, TASK_FOREVER) == PARK_CANCELED && !wait->finished) {
            wait->task = NULL;
            return task_cancel_error(task, err);
        }
    }
    *outcome = wait->outcome;
    free(wait);
    return 0;
}
