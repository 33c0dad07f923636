/* The simulated store of a node: a log, a hard state, a checkpoint; writes under way that a crash
 * may lose, keep, or tear. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/raft_sim_int.h"

void sim_disk_init(struct sim_disk *d, const struct raft_conf *conf)
{
    memset(d, 0, sizeof(*d));
    d->log_first = 1;
    d->checkpoint.conf = *conf;
}

static void cut_log(struct sim_disk *d, raft_index from)
{
    while (d->count > 0 && d->entries[d->count - 1]->index >= from)
        raft_entry_unref(d->entries[--d->count]);
}

static void drop_prefix(struct sim_disk *d, raft_index upto)
{
    size_t gone = 0;

    while (gone < d->count && d->entries[gone]->index <= upto)
        raft_entry_unref(d->entries[gone++]);
    memmove(d->entries, d->entries + gone, (d->count - gone) * sizeof(*d->entries));
    d->count -= gone;
}

static void free_write(struct sim_write *w)
{
    for (size_t i = 0; i < w->count; i++)
        raft_entry_unref(w->entries[i]);
    free(w->entries);
}

void sim_disk_done(struct sim_disk *d)
{
    cut_log(d, 0);
    free(d->entries);
    for (size_t i = 0; i < d->writes_count; i++)
        free_write(&d->writes[i]);
    free(d->writes);
}

struct raft_entry *sim_disk_entry(struct sim_disk *d, raft_index index)
{
    if (d->count == 0 || index < d->entries[0]->index ||
        index > d->entries[d->count - 1]->index)
        return NULL;
    return d->entries[index - d->entries[0]->index];
}

/* Group commit: what comes while a sync runs shares the next one. */
static uint64_t sync_end(struct raft_sim *s, struct sim_disk *d, uint64_t took)
{
    if (s->now >= d->sync_end && d->next_sync_end != 0) {
        d->sync_end = d->next_sync_end;
        d->next_sync_end = 0;
    }
    if (s->now >= d->sync_end) {
        d->sync_end = s->now + took;
        return d->sync_end;
    }
    if (d->next_sync_end == 0)
        d->next_sync_end = d->sync_end + took;
    return d->next_sync_end;
}

static struct sim_write *push_write(struct raft_sim *s, struct sim_node *n)
{
    struct sim_disk *d = &n->disk;
    uint64_t took = s->params.disk_us + d->slow_us + sim_random(s, s->params.disk_jitter_us);

    if (!s->calm && sim_chance(s, s->params.disk_stall_per_mille))
        took += sim_random(s, 400000);
    d->writes = raft_grow(d->writes, &d->writes_cap, d->writes_count, sizeof(*d->writes));
    memset(&d->writes[d->writes_count], 0, sizeof(*d->writes));
    d->writes[d->writes_count].done_at = sync_end(s, d, took);
    sim_push(s, (struct sim_event){.at = d->writes[d->writes_count].done_at,
                                   .kind = SIM_DISK,
                                   .node = n->at,
                                   .life = n->life});
    return &d->writes[d->writes_count++];
}

void sim_disk_submit(struct raft_sim *s, struct sim_node *n)
{
    struct raft_effects *e = &n->effects;
    struct sim_write *w = push_write(s, n);

    w->seq = e->persist.seq;
    w->reset = e->persist.log_reset;
    w->reset_index = e->persist.reset_index;
    w->has_hard_state = e->persist.has_hard_state;
    w->hard_state = e->persist.hard_state;
    w->count = e->persist.count;
    if (w->count > 0) {
        w->entries = malloc(w->count * sizeof(*w->entries));
        for (size_t i = 0; i < w->count; i++)
            w->entries[i] = raft_entry_ref(e->persist.entries[i]);
    }
}

void sim_disk_install(struct raft_sim *s, struct sim_node *n,
                      const struct raft_snapshot_meta *meta)
{
    struct sim_write *w = push_write(s, n);

    w->install = true;
    w->meta = *meta;
}

static void put_entries(struct raft_sim *s, struct sim_node *n, struct sim_write *w, size_t count)
{
    struct sim_disk *d = &n->disk;

    for (size_t i = 0; i < count; i++) {
        struct raft_entry *entry = w->entries[i];

        cut_log(d, entry->index);
        if (d->count > 0 && d->entries[d->count - 1]->index + 1 != entry->index) {
            sim_fail(s, "node %d: log write leaves a gap before %llu", n->at,
                     (unsigned long long)entry->index);
            return;
        }
        d->entries = raft_grow(d->entries, &d->cap, d->count, sizeof(*d->entries));
        d->entries[d->count++] = raft_entry_ref(entry);
    }
}

static void put_hard_state(struct sim_node *n, struct sim_write *w)
{
    if (w->has_hard_state)
        n->disk.hard_state = w->hard_state;
}

static void put_write(struct raft_sim *s, struct sim_node *n, struct sim_write *w)
{
    if (w->install) {
        if (w->meta.index >= s->committed_count ||
            s->committed_term[w->meta.index] != w->meta.term)
            sim_fail(s, "node %d installs a state nobody committed", n->at);
        else
            n->disk.checkpoint = w->meta;
        return;
    }
    if (w->reset)
        cut_log(&n->disk, 0);
    put_entries(s, n, w, w->count);
    put_hard_state(n, w);
}

static void pop_write(struct sim_disk *d)
{
    free_write(&d->writes[0]);
    d->writes_count--;
    memmove(d->writes, d->writes + 1, d->writes_count * sizeof(*d->writes));
}

void sim_disk_event(struct raft_sim *s, struct sim_node *n, const struct sim_event *event)
{
    struct sim_disk *d = &n->disk;
    struct sim_write *w = &d->writes[0];
    struct raft_event ev = {.kind = RAFT_EV_PERSISTED, .ok = true};
    bool told = true;

    if (d->writes_count == 0 || w->done_at > s->now)
        return;
    put_write(s, n, w);
    if (s->failed)
        return;
    ev.seq = w->seq;
    if (w->install) {
        ev.kind = RAFT_EV_INSTALLED;
        ev.index = w->meta.index;
        n->applied = w->meta.index;
        s->result->snapshots_installed++;
    } else {
        /* Group commit may answer several writes at once. */
        told = d->writes_count == 1 || d->writes[1].install || !sim_chance(s, 300);
    }
    pop_write(d);
    if (told)
        sim_step(s, n, ev);
}

/* Some of what was under way has reached the disk: whole writes in order, and perhaps a part of
 * one. */
void sim_disk_crash(struct raft_sim *s, struct sim_node *n)
{
    struct sim_disk *d = &n->disk;
    size_t whole = sim_random(s, d->writes_count + 1);

    for (size_t i = 0; i < whole; i++) {
        put_write(s, n, &d->writes[0]);
        pop_write(d);
    }
    if (d->writes_count > 0 && !d->writes[0].install && sim_chance(s, 500)) {
        struct sim_write *w = &d->writes[0];

        if (s->params.hs_first) {
            if (w->reset)
                cut_log(d, 0);
            put_hard_state(n, w);
            put_entries(s, n, w, sim_random(s, w->count + 1));
        } else {
            if (w->reset)
                cut_log(d, 0);
            put_entries(s, n, w, sim_random(s, w->count + 1));
        }
    }
    while (d->writes_count > 0)
        pop_write(d);
    d->sync_end = d->next_sync_end = 0;
}

/* The state machine was flushed: the log's older part is no longer needed. */
void sim_disk_checkpoint(struct raft_sim *s, struct sim_node *n)
{
    struct raft_status status;
    raft_index keep;

    if (n->applied <= n->disk.checkpoint.index || n->disk.writes_count > 0)
        return;
    raft_status(n->raft, &status);
    if (status.applied <= n->disk.checkpoint.index)
        return;
    n->disk.checkpoint.index = status.applied;
    n->disk.checkpoint.term = s->committed_term[status.applied];
    keep = sim_random(s, 8);
    if (status.applied > keep) {
        drop_prefix(&n->disk, status.applied - keep);
        sim_step(s, n, (struct raft_event){.kind = RAFT_EV_COMPACT,
                                           .index = status.applied - keep});
    }
}

/* At a restart the store finds itself corrupt: acknowledged entries, the state, or the hard state
 * are gone. It says so and comes back quarantined. */
void sim_disk_lose(struct raft_sim *s, struct sim_node *n)
{
    struct sim_disk *d = &n->disk;
    uint64_t how = sim_random(s, 3);

    if (how == 0 && d->count > 0)
        cut_log(d, d->entries[sim_random(s, d->count)]->index);
    if (how >= 1) {
        cut_log(d, 0);
        d->checkpoint.index = 0;
        d->checkpoint.term = 0;
    }
    d->hard_state.quarantine = RAFT_LOG_LOST;
    if (how == 2) {
        d->hard_state = (struct raft_hard_state){.quarantine = RAFT_HARD_STATE_LOST};
        if (sim_chance(s, 500))
            d->hard_state.term = 1;
    }
    sim_log(s, "node %d lost its %s", n->at, how == 0 ? "tail" : how == 1 ? "log" : "hard state");
}
