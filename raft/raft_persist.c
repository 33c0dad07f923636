/* Writes under way, and what waits for them: messages that name the term, acknowledgements,
 * applying. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raft/raft_int.h"

bool raft_term_is_durable(const struct raft *r)
{
    return !r->hs_dirty && r->hs_seq <= r->durable_seq;
}

void raft_persist_hard_state(struct raft *r)
{
    r->hs_dirty = true;
}

static struct raft_write *write_at(struct raft *r, uint32_t i)
{
    return &r->writes[(r->writes_head + i) & (r->writes_cap - 1)];
}

static void push_write(struct raft *r, struct raft_write write)
{
    if (r->writes_count == r->writes_cap) {
        uint32_t cap = r->writes_cap == 0 ? 8 : r->writes_cap * 2;
        struct raft_write *writes = malloc(cap * sizeof(*writes));

        assert(writes != NULL);
        for (uint32_t i = 0; i < r->writes_count; i++)
            writes[i] = *write_at(r, i);
        free(r->writes);
        r->writes = writes;
        r->writes_cap = cap;
        r->writes_head = 0;
    }
    r->writes_count++;
    *write_at(r, r->writes_count - 1) = write;
}

void raft_log_push(struct raft *r, struct raft_effects *out, struct raft_entry *entry)
{
    raft_log_append(&r->log, entry);
    while (out->persist.count > 0 &&
           out->persist.entries[out->persist.count - 1]->index >= entry->index)
        raft_entry_unref(out->persist.entries[--out->persist.count]);
    out->persist.entries = raft_grow(out->persist.entries, &out->persist.cap,
                                     out->persist.count, sizeof(*out->persist.entries));
    out->persist.entries[out->persist.count++] = raft_entry_ref(entry);
    r->entries_dirty = true;
}

void raft_log_cut(struct raft *r, raft_index from)
{
    raft_log_truncate(&r->log, from);
    if (r->durable >= from)
        r->durable = from - 1;
    if (has_bug(r, RAFT_BUG_APPEND_ABA))
        return;
    /* What is under way may still complete, but no longer for the entries cut here: their indexes
     * will be written again, perhaps with the same terms. */
    for (uint32_t i = 0; i < r->writes_count; i++) {
        struct raft_write *write = write_at(r, i);

        if (write->last >= from)
            write->last = from - 1;
    }
}

void raft_log_restart(struct raft *r, struct raft_effects *out, raft_index index, raft_term term)
{
    raft_log_reset(&r->log, index, term);
    r->durable = index;
    for (uint32_t i = 0; i < r->writes_count; i++)
        write_at(r, i)->last = 0;
    while (out->persist.count > 0)
        raft_entry_unref(out->persist.entries[--out->persist.count]);
    if (has_bug(r, RAFT_BUG_RESET_NOT_WRITTEN))
        return;
    out->persist.log_reset = true;
    out->persist.reset_index = index;
    out->persist.reset_term = term;
    r->entries_dirty = false;
    r->reset_dirty = true;
}

static void release_held(struct raft *r, struct raft_effects *out)
{
    size_t count = r->held_count;

    if (count == 0 || !raft_term_is_durable(r))
        return;
    r->held_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (r->held[i].term == r->hs.term)
            raft_send(r, out, &r->held[i]);
    }
}

void raft_persist_finish(struct raft *r, struct raft_effects *out)
{
    raft_index commit;

    if (!r->hs_dirty && !r->entries_dirty && !r->reset_dirty)
        return;
    r->seq++;
    out->persist.needed = true;
    out->persist.seq = r->seq;
    /* Only as much commit as is durable already: the record may survive a torn write alone. */
    commit = r->hs.commit < r->durable ? r->hs.commit : r->durable;
    if (r->hs_dirty || commit != r->commit_written) {
        out->persist.has_hard_state = true;
        out->persist.hard_state = r->hs;
        out->persist.hard_state.commit = r->commit_written = commit;
        if (has_bug(r, RAFT_BUG_VOTE_NOT_PERSISTED))
            out->persist.hard_state.vote = 0;
    }
    push_write(r, (struct raft_write){
                      .seq = r->seq,
                      .last = r->entries_dirty ? r->log.last : 0,
                      .submitted_us = r->now_us,
                  });
    if (r->hs_dirty)
        r->hs_seq = r->seq;
    r->hs_dirty = r->entries_dirty = r->reset_dirty = false;
}

bool raft_is_stalled(const struct raft *r)
{
    const struct raft_write *oldest;

    if (r->writes_count == 0)
        return false;
    oldest = &r->writes[r->writes_head & (r->writes_cap - 1)];
    return r->now_us > oldest->submitted_us + ms_to_us(r->config.stall_ms);
}

static void advance_durable(struct raft *r, uint64_t seq)
{
    r->durable_seq = seq;
    while (r->writes_count > 0 && write_at(r, 0)->seq <= seq) {
        if (write_at(r, 0)->last > r->durable)
            r->durable = write_at(r, 0)->last;
        r->writes_head++;
        r->writes_count--;
    }
    if (r->durable > r->log.last) {
        if (!raft_check(r, has_bug(r, RAFT_BUG_APPEND_ABA)))
            return;
        r->durable = r->log.last;
    }
}

void raft_on_persisted(struct raft *r, struct raft_effects *out, uint64_t seq)
{
    raft_index durable_before = r->durable;
    struct raft_progress *own;

    if (seq <= r->durable_seq)
        return;
    assert(seq <= r->seq);
    advance_durable(r, seq);
    release_held(r, out);
    if (r->role == RAFT_CANDIDATE) {
        raft_on_vote_durable(r, out);
    } else if (r->role == RAFT_LEADER) {
        own = raft_progress_of(r, r->config.replica_id);
        if (own != NULL)
            own->match = r->durable;
        raft_try_commit(r, out);
    } else if (r->leader != 0 && (r->ack_owed || r->durable > durable_before)) {
        raft_acknowledge(r, out, 0);
    }
    raft_emit_apply(r, out);
    raft_refill_check(r, out);
}

void raft_emit_apply(struct raft *r, struct raft_effects *out)
{
    raft_index limit = r->hs.commit < r->durable ? r->hs.commit : r->durable;

    while (r->applying < limit && !r->installing) {
        struct raft_entry *entry = raft_log_entry(&r->log, r->applying + 1);

        if (!raft_check(r, entry != NULL))
            return;
        out->apply.entries = raft_grow(out->apply.entries, &out->apply.cap, out->apply.count,
                                       sizeof(*out->apply.entries));
        out->apply.entries[out->apply.count++] = raft_entry_ref(entry);
        r->applying++;
    }
}

void raft_set_commit(struct raft *r, struct raft_effects *out, raft_index commit)
{
    if (commit > r->log.last)
        commit = r->log.last;
    if (commit <= r->hs.commit)
        return;
    if (r->role == RAFT_LEADER) {
        for (raft_index i = r->hs.commit + 1; i <= commit && r->uncommitted_bytes > 0; i++) {
            struct raft_entry *entry = raft_log_entry(&r->log, i);
            uint64_t cost = entry == NULL || i < r->term_start ? 0 : entry->size_bytes;

            r->uncommitted_bytes -= cost < r->uncommitted_bytes ? cost : r->uncommitted_bytes;
        }
    }
    r->hs.commit = commit;
    raft_emit_apply(r, out);
}
