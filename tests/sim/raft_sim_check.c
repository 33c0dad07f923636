/* Checkers, and the clients whose operations they judge. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/raft_sim_int.h"

void sim_fail(struct raft_sim *s, const char *fmt, ...)
{
    va_list args;

    if (s->failed)
        return;
    s->failed = true;
    s->result->ok = false;
    va_start(args, fmt);
    vsnprintf(s->result->violation, sizeof(s->result->violation), fmt, args);
    va_end(args);
    sim_log(s, "VIOLATION %s", s->result->violation);
}

static void reserve_committed(struct raft_sim *s)
{
    if (s->committed_count < s->committed_cap)
        return;
    s->committed_cap = s->committed_cap == 0 ? 1024 : s->committed_cap * 2;
    s->committed_term = realloc(s->committed_term, s->committed_cap * sizeof(raft_term));
    s->committed_op = realloc(s->committed_op, s->committed_cap * sizeof(uint64_t));
    s->committed_in = realloc(s->committed_in, s->committed_cap * sizeof(raft_term));
}

void sim_check_init(struct raft_sim *s)
{
    reserve_committed(s);
    s->committed_term[0] = s->committed_op[0] = s->committed_in[0] = 0;
    s->committed_count = 1;
}

void sim_check_done(struct raft_sim *s)
{
    free(s->committed_term);
    free(s->committed_op);
    free(s->committed_in);
    free(s->ops);
    free(s->reads);
}

static uint64_t op_of(const struct raft_entry *entry)
{
    uint64_t op = 0;

    if (entry->kind == RAFT_ENTRY_COMMAND && entry->size_bytes >= sizeof(op))
        memcpy(&op, entry->bytes, sizeof(op));
    return op;
}

/* ---- state machine safety ---- */

static void complete_write(struct raft_sim *s, struct sim_node *n, struct raft_entry *entry)
{
    uint64_t id = op_of(entry);
    struct sim_op *op;

    if (id == 0)
        return;
    op = &s->ops[id - 1];
    if (op->acked || op->node != n->at || op->life != n->life || op->term != entry->term ||
        op->index != entry->index)
        return;
    op->acked = true;
    s->result->writes_acked++;
    s->last_ack_at = s->now;
    if (entry->index <= op->floor)
        sim_fail(s, "linearizability: write at %llu began after %llu was seen",
                 (unsigned long long)entry->index, (unsigned long long)op->floor);
    if (entry->index > s->completed)
        s->completed = entry->index;
}

void sim_check_apply(struct raft_sim *s, struct sim_node *n, struct raft_entry *entry)
{
    raft_index index = entry->index;

    if (index != n->applied + 1) {
        sim_fail(s, "node %d applies %llu after %llu", n->at, (unsigned long long)index,
                 (unsigned long long)n->applied);
        return;
    }
    if (index < s->committed_count) {
        if (s->committed_term[index] != entry->term || s->committed_op[index] != op_of(entry)) {
            sim_fail(s, "state machine safety: node %d applies term %llu at %llu, others %llu",
                     n->at, (unsigned long long)entry->term, (unsigned long long)index,
                     (unsigned long long)s->committed_term[index]);
            return;
        }
    } else {
        reserve_committed(s);
        s->committed_term[s->committed_count] = entry->term;
        s->committed_op[s->committed_count] = op_of(entry);
        s->committed_in[s->committed_count] = n->effects.term;
        s->committed_count++;
    }
    n->applied = index;
    complete_write(s, n, entry);
}

/* ---- leaders ---- */

void sim_check_leader(struct raft_sim *s, struct sim_node *n)
{
    struct raft_status status;
    raft_index first;

    raft_status(n->raft, &status);
    s->result->elections++;
    if (status.term >= SIM_TERMS_MAX) {
        sim_fail(s, "terms ran away: %llu", (unsigned long long)status.term);
        return;
    }
    if (s->leader_of[status.term] != 0 && s->leader_of[status.term] != n->at + 1) {
        sim_fail(s, "election safety: nodes %d and %d lead term %llu",
                 s->leader_of[status.term] - 1, n->at, (unsigned long long)status.term);
        return;
    }
    s->leader_of[status.term] = (uint8_t)(n->at + 1);
    first = status.first;
    for (raft_index i = first; i < s->committed_count; i++) {
        /* A leader elected late into an old term owes nothing to those after it. */
        if (s->committed_in[i] < status.term &&
            raft_term_at(n->raft, i) != s->committed_term[i]) {
            sim_fail(s, "leader completeness: node %d leads term %llu without committed %llu",
                     n->at, (unsigned long long)status.term, (unsigned long long)i);
            return;
        }
    }
    if (raft_read_floor(n->raft) < s->served_limit && status.term > s->served_term)
        sim_fail(s, "read limit: node %d starts at %llu, reads were served up to %llu", n->at,
                 (unsigned long long)raft_read_floor(n->raft),
                 (unsigned long long)s->served_limit);
    sim_check_logs(s);
}

/* ---- promises ---- */

void sim_check_promise(struct raft_sim *s, struct sim_node *n, const struct raft_message *msg)
{
    const struct raft_hard_state *hs = &n->disk.hard_state;
    struct raft_entry *entry;

    if ((msg->flags & RAFT_FLAG_REJECT) || msg->term != n->effects.term)
        return;
    if (msg->kind == RAFT_MSG_VOTE_RESP && (hs->term != msg->term || hs->vote != msg->to))
        sim_fail(s, "promise: node %d votes for %llu in term %llu, its disk does not know",
                 n->at, (unsigned long long)msg->to, (unsigned long long)msg->term);
    if (msg->kind != RAFT_MSG_APPEND_RESP || msg->match <= n->disk.checkpoint.index)
        return;
    entry = sim_disk_entry(&n->disk, msg->match);
    if (entry == NULL || entry->term != raft_term_at(n->raft, msg->match))
        sim_fail(s, "promise: node %d acknowledges %llu, its disk does not hold it", n->at,
                 (unsigned long long)msg->match);
}

void sim_check_leases(struct raft_sim *s)
{
    int holder = -1;

    for (int i = 0; i < s->nodes_count; i++) {
        struct sim_node *n = &s->nodes[i];

        if (!n->up || !raft_lease_ok(n->raft, sim_node_now(s, n)))
            continue;
        if (holder >= 0) {
            sim_fail(s, "lease exclusivity: nodes %d and %d at %llu us", holder, i,
                     (unsigned long long)s->now);
            return;
        }
        holder = i;
    }
}

/* ---- log matching ---- */

static void compare_logs(struct raft_sim *s, struct sim_node *a, struct sim_node *b)
{
    struct raft_status sa, sb;
    raft_index low, high;
    bool met = false;

    raft_status(a->raft, &sa);
    raft_status(b->raft, &sb);
    low = sa.first > sb.first ? sa.first : sb.first;
    high = sa.last < sb.last ? sa.last : sb.last;
    for (raft_index i = high; i >= low && i > 0; i--) {
        bool same = raft_term_at(a->raft, i) == raft_term_at(b->raft, i);

        if (met && !same) {
            sim_fail(s, "log matching: nodes %d and %d differ at %llu below a match", a->at,
                     b->at, (unsigned long long)i);
            return;
        }
        met |= same;
    }
}

void sim_check_logs(struct raft_sim *s)
{
    for (int i = 0; i < s->nodes_count; i++) {
        for (int j = i + 1; j < s->nodes_count; j++) {
            if (s->nodes[i].up && s->nodes[j].up)
                compare_logs(s, &s->nodes[i], &s->nodes[j]);
        }
    }
}

/* ---- clients ---- */

void sim_client_write(struct raft_sim *s, struct sim_node *n)
{
    struct raft_entry *entries[4];
    uint64_t count = 1 + sim_random(s, 4);
    size_t first_op = s->ops_count;
    struct raft_event event = {.kind = RAFT_EV_PROPOSE, .entries = entries, .entries_count = count};

    for (uint64_t i = 0; i < count; i++) {
        uint64_t id;

        s->ops = raft_grow(s->ops, &s->ops_cap, s->ops_count, sizeof(*s->ops));
        memset(&s->ops[s->ops_count], 0, sizeof(*s->ops));
        s->ops[s->ops_count].floor = s->completed;
        id = ++s->ops_count;
        entries[i] = raft_entry_create(RAFT_ENTRY_COMMAND, NULL,
                                       (uint32_t)(sizeof(id) + sim_random(s, 32)));
        memset(entries[i]->bytes, 0, entries[i]->size_bytes);
        memcpy(entries[i]->bytes, &id, sizeof(id));
        s->ops[id - 1].node = n->at;
        s->ops[id - 1].life = n->life;
    }
    sim_step(s, n, event);
    for (uint64_t i = 0; i < count; i++) {
        struct sim_op *op = &s->ops[first_op + i];

        op->index = entries[i]->index;
        op->term = entries[i]->term;
        raft_entry_unref(entries[i]);
    }
}

static void lease_read(struct raft_sim *s, struct sim_node *n)
{
    uint64_t limit;

    if (!raft_lease_ok(n->raft, sim_node_now(s, n)))
        return;
    s->result->lease_reads++;
    if (n->applied < s->completed) {
        sim_fail(s, "linearizability: lease read on node %d sees %llu, %llu was seen before",
                 n->at, (unsigned long long)n->applied, (unsigned long long)s->completed);
        return;
    }
    s->completed = n->applied;
    limit = raft_read_limit(n->raft);
    if (limit > s->served_limit)
        s->served_limit = limit;
    if (n->role_term > s->served_term)
        s->served_term = n->role_term;
}

static void index_read(struct raft_sim *s, struct sim_node *n)
{
    s->reads = raft_grow(s->reads, &s->reads_cap, s->reads_count, sizeof(*s->reads));
    s->reads[s->reads_count++] = (struct sim_read){.floor = s->completed};
    sim_step(s, n, (struct raft_event){.kind = RAFT_EV_READ, .read_id = s->reads_count});
}

void sim_check_read(struct raft_sim *s, struct sim_node *n, const struct raft_read_state *read)
{
    struct sim_read *r = &s->reads[read->read_id - 1];

    if (r->done) {
        sim_fail(s, "read %llu answered twice", (unsigned long long)read->read_id);
        return;
    }
    r->done = true;
    if (!read->ok)
        return;
    s->result->index_reads++;
    if (read->index < r->floor)
        sim_fail(s, "linearizability: read index %llu on node %d, %llu was seen before",
                 (unsigned long long)read->index, n->at, (unsigned long long)r->floor);
}

void sim_client(struct raft_sim *s)
{
    struct sim_node *n = &s->nodes[sim_random(s, (uint64_t)s->nodes_count)];
    uint64_t what = sim_random(s, 10);

    sim_push(s, (struct sim_event){.at = s->now + 1 + sim_random(s, s->params.client_us * 2),
                                   .kind = SIM_CLIENT});
    for (int i = 0; i < s->nodes_count; i++) {
        struct sim_node *other = &s->nodes[(n->at + i) % s->nodes_count];

        /* Mostly where a leader is, and any that thinks it is one. */
        if (other->up && other->paused_until <= s->now && other->role == RAFT_LEADER &&
            sim_chance(s, 800)) {
            n = other;
            break;
        }
    }
    if (!n->up || n->paused_until > s->now)
        return;
    if (what < 5)
        sim_client_write(s, n);
    else if (what < 8)
        lease_read(s, n);
    else if (what < 9)
        index_read(s, n);
    else
        sim_step(s, n, (struct raft_event){.kind = RAFT_EV_WAKE});
}
