/* Linearizable reads without a lease: a quorum repeats a heartbeat round begun after the read
 * came. */
#include "raft/raft_int.h"

static void answer_read(struct raft_effects *out, uint64_t read_id, raft_index index, bool ok)
{
    out->reads.items = raft_grow(out->reads.items, &out->reads.cap, out->reads.count,
                                 sizeof(*out->reads.items));
    out->reads.items[out->reads.count++] = (struct raft_read_state){read_id, index, ok};
}

static bool owns_commit(const struct raft *r)
{
    return r->hs.commit >= r->term_start;
}

/* Reads share rounds: one is under way at most, whoever comes meanwhile waits for the next. A read
 * asked again (the driver lost patience) is a new read: it takes today's commit index and a new
 * round. */
void raft_on_read(struct raft *r, struct raft_effects *out, uint64_t read_id)
{
    raft_wake(r, out);
    if (r->role != RAFT_LEADER) {
        answer_read(out, read_id, 0, false);
        return;
    }
    r->reads = raft_grow(r->reads, &r->reads_cap, r->reads_count, sizeof(*r->reads));
    r->reads[r->reads_count++] = (struct raft_pending_read){
        .read_id = read_id,
        .round = has_bug(r, RAFT_BUG_READ_OLD_ROUND) ? r->reads_done_round : 0,
        .index = owns_commit(r) ? r->hs.commit : 0,
    };
    raft_reads_advance(r, out);
}

static void find_done_round(struct raft *r)
{
    uint64_t values[RAFT_MEMBERS_MAX];
    uint64_t done;

    for (int i = 0; i < r->conf.count; i++) {
        const struct raft_progress *pr = &r->progress[i];

        values[i] = pr->id == r->config.replica_id ? r->round
                    : pr->quarantined              ? 0
                                                   : pr->acked_round;
    }
    done = raft_quorum_value(&r->conf, values);
    if (done > r->reads_done_round)
        r->reads_done_round = done;
}

static bool serve_confirmed(struct raft *r, struct raft_effects *out)
{
    size_t kept = 0;
    bool round_under_way = false;

    for (size_t i = 0; i < r->reads_count; i++) {
        struct raft_pending_read *read = &r->reads[i];

        if (read->index == 0 && owns_commit(r))
            read->index = r->hs.commit;
        if (read->round != 0 && read->round <= r->reads_done_round && read->index != 0) {
            answer_read(out, read->read_id, read->index, true);
            continue;
        }
        round_under_way |= read->round > r->reads_done_round;
        r->reads[kept++] = *read;
    }
    r->reads_count = kept;
    return round_under_way;
}

void raft_reads_advance(struct raft *r, struct raft_effects *out)
{
    bool need_round = false;

    if (r->role != RAFT_LEADER || r->reads_count == 0)
        return;
    find_done_round(r);
    if (serve_confirmed(r, out))
        return;
    for (size_t i = 0; i < r->reads_count; i++)
        need_round |= r->reads[i].round == 0;
    if (!need_round)
        return;
    raft_heartbeat_all(r, out, 0);
    find_done_round(r); /* a sole voter confirms itself */
    serve_confirmed(r, out);
}

void raft_reads_fail(struct raft *r, struct raft_effects *out)
{
    for (size_t i = 0; i < r->reads_count; i++)
        answer_read(out, r->reads[i].read_id, 0, false);
    r->reads_count = 0;
}
