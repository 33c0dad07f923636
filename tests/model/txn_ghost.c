/* txn_ghost.c: the properties. What is written here is never read by the protocol. */
#include <assert.h>

#include "tests/model/txn_model_int.h"

const char *violation_name(enum violation violation)
{
    static const char *const names[VIOLATIONS] = {
        [FINE] = "no violation",
        [ACKED_ABORTED] = "an acknowledged commit was aborted",
        [REPORTED_COMMITTED] = "a transaction reported aborted was committed",
        [VERDICTS_DIFFER] = "two verdicts on one transaction",
        [TIMES_DIFFER] = "two commit timestamps for one transaction",
        [HALF_COMMIT] =
            "half commit: a key of a committed transaction is neither prepared nor written",
        [SNAPSHOT_CHANGED] = "a version appeared at or below a timestamp already read",
        [LOST_UPDATE] = "lost update: a version does not follow the one it was computed from",
        [LOST_OWN_WRITE] = "a committed transaction lost one of its own writes",
        [FOREIGN_KEY] = "child row committed without its parent",
        [NOT_SERIALIZABLE] =
            "a SERIALIZABLE transaction's read changed before its commit timestamp",
        [APPLIED_TWICE] = "a commit and its retry were both applied",
        [NEEDLESS_ABORT] = "READ COMMITTED refused without a leader change",
        [STUCK] = "no step can ever resolve a prepared row",
    };
    return names[violation];
}

void ghost_violate(struct state *s, enum violation violation)
{
    if (!s->violation)
        s->violation = (uint8_t)violation;
}

static void check_serializable(const struct model *m, struct state *s, int t)
{
    const struct txn *txn = &s->txn[t];
    if (m->scenario->plan[t].isolation != SERIALIZABLE || txn->verdict != COMMITTED)
        return;
    for (int k = 0; k < KEYS; k++) {
        if (!has(txn->read_keys, k))
            continue;
        for (int i = 0; i < s->key[k].versions; i++) {
            const struct version *v = &s->key[k].version[i];
            if (v->writer != t + 1 && v->ts > txn->read_version[k] && v->ts <= txn->verdict_ts)
                ghost_violate(s, NOT_SERIALIZABLE);
        }
    }
}

static void check_snapshots(const struct model *m, struct state *s, int t, int key, uint8_t ts)
{
    const struct reader *reader = &s->reader;
    for (int i = 0; i < reader->op; i++)
        if (m->scenario->reads[i] - '0' == key && ts <= m->scenario->read_at &&
            ts > reader->seen[i])
            ghost_violate(s, SNAPSHOT_CHANGED);
    for (int u = 0; u < m->scenario->txns; u++) {
        const struct txn *other = &s->txn[u];
        if (u != t && m->scenario->plan[u].isolation != READ_COMMITTED &&
            has(other->read_keys, key) && other->verdict != ABORTED && ts <= other->read_ts &&
            ts > other->read_version[key])
            ghost_violate(s, SNAPSHOT_CHANGED);
    }
}

/* A version of `t` becomes committed data. Installing it again (a repeated resolve) changes
 * nothing. */
void ghost_install(const struct model *m, struct state *s, int t, int key, uint8_t ts)
{
    struct key *k = &s->key[key];
    for (int i = 0; i < k->versions; i++)
        if (k->version[i].writer == t + 1)
            return;
    assert(k->versions < VERSIONS);
    int at = k->versions++;
    for (; at > 0 && k->version[at - 1].ts >= ts; at--)
        k->version[at] = k->version[at - 1];
    k->version[at] = (struct version){ts, (uint8_t)(t + 1), s->txn[t].base[key]};
    for (int i = 1; i < k->versions; i++)
        if (k->version[i].base != k->version[i - 1].writer ||
            k->version[i].ts == k->version[i - 1].ts)
            ghost_violate(s, LOST_UPDATE);
    s->txn[t].installed |= (uint8_t)(1 << key);
    if (s->txn[t].verdict == ABORTED)
        ghost_violate(s, VERDICTS_DIFFER);
    check_snapshots(m, s, t, key, ts);
    for (int u = 0; u < m->scenario->txns; u++)
        check_serializable(m, s, u);
}

void ghost_lock_installed(struct state *s, int t, int key)
{
    s->txn[t].installed |= (uint8_t)(1 << key);
}

static void check_committed(const struct model *m, struct state *s, int t)
{
    uint8_t keys = txn_participant_keys(m, t);
    for (int k = 0; k < KEYS; k++)
        if (has(keys, k) && s->key[k].prepared != t + 1 && !has(s->txn[t].installed, k))
            ghost_violate(s, HALF_COMMIT);
    if (s->txn[t].lost_own)
        ghost_violate(s, LOST_OWN_WRITE);
    check_serializable(m, s, t);
    bool both =
        m->scenario->txns == 2 && s->txn[0].verdict == COMMITTED && s->txn[1].verdict == COMMITTED;
    if (both && m->scenario->foreign_key)
        ghost_violate(s, FOREIGN_KEY);
    if (both && m->scenario->retry)
        ghost_violate(s, APPLIED_TWICE);
}

/* Somebody now acts on this verdict: the gateway told it, or an applied entry says so. */
void ghost_settle(const struct model *m, struct state *s, int t, enum outcome outcome, uint8_t ts)
{
    struct txn *txn = &s->txn[t];
    if (txn->verdict) {
        if (txn->verdict != outcome)
            ghost_violate(s, txn->told == COMMITTED ? ACKED_ABORTED
                             : txn->told == ABORTED ? REPORTED_COMMITTED
                                                    : VERDICTS_DIFFER);
        else if (outcome == COMMITTED && txn->verdict_ts != ts)
            ghost_violate(s, TIMES_DIFFER);
        return;
    }
    txn->verdict = (uint8_t)outcome;
    txn->verdict_ts = ts;
    if (outcome == COMMITTED)
        check_committed(m, s, t);
    else if (txn->installed)
        ghost_violate(s, VERDICTS_DIFFER);
}

/* The gateway ends the transaction: the client is told, or the statement is retried inside the
 * server. */
void ghost_tell(const struct model *m, struct state *s, int t, enum outcome outcome, uint8_t ts)
{
    struct txn *txn = &s->txn[t];
    if (outcome == ABORTED && m->scenario->retry && t == 0) {
        txn->phase = RETRIED;
    } else {
        txn->phase = outcome == COMMITTED ? DONE_COMMIT : DONE_ABORT;
        ghost_settle(m, s, t, outcome, ts);
        txn->told = (uint8_t)outcome;
        txn->commit_ts = ts;
        if (!m->on[RULE_RESOLVE_ANY_EPOCH])
            txn->commit_epoch = txn->epoch;
    }
    if (outcome == ABORTED && m->scenario->calm && m->scenario->plan[t].isolation == READ_COMMITTED)
        ghost_violate(s, NEEDLESS_ABORT);
}
