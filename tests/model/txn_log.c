/* txn_log.c: the replicated side. An entry is evaluated by a leader, proposed, and later applied;
 * what it does then depends only on the state store, because every replica must do the same.
 */
#include <assert.h>
#include <string.h>

#include "tests/model/txn_model_int.h"

const char *log_entry_name(int kind)
{
    static const char *const names[] = {"?",          "PREPARE",   "COMMIT",  "FORBID", "CAS-ABORT",
                                        "CAS-COMMIT", "TOMBSTONE", "RESOLVE", "SPLIT"};
    return names[kind];
}

/* False when the log window is full: the proposer tries again later. */
bool log_propose(struct group *group, struct entry entry)
{
    if (group->log_len >= LOG_MAX)
        return false;
    entry.own = 1;
    group->log[group->log_len++] = entry;
    return true;
}

const struct entry *log_find(const struct group *group, int kind, int txn)
{
    for (int i = 0; i < group->log_len; i++)
        if (group->log[i].kind == kind && group->log[i].txn == txn)
            return &group->log[i];
    return NULL;
}

/* Keys whose groups are participants of the commit. */
uint8_t txn_participant_keys(const struct model *m, int txn)
{
    return m->on[RULE_LOCK_PARTICIPANT] ? m->locks[txn] : m->writes[txn];
}

enum outcome anchor_outcome(const struct model *m, const struct state *s, int txn, uint8_t *ts)
{
    const struct group_txn *gt = &s->group[s->key[m->anchor[txn]].group].txn[txn];
    *ts = gt->record == COMMITTED ? gt->record_ts : gt->slot_ts;
    if (gt->record)
        return gt->record;
    return gt->slot_ts ? COMMITTED : OPEN;
}

void reply_send(struct state *s, int txn, int group, struct reply reply)
{
    struct reply *box = &s->txn[txn].reply[group];
    if (!s->txn[txn].dead && !(box->kind && box->epoch > reply.epoch))
        *box = reply;
}

/* Unprepared locks of a finished transaction; not while an entry that needs them is on its way. */
void locks_drop(struct state *s, int txn, int group)
{
    if (s->group[group].txn[txn].published)
        return;
    for (int k = 0; k < KEYS; k++)
        if (s->key[k].group == group && s->key[k].lock == txn + 1 && s->key[k].prepared != txn + 1)
            s->key[k].lock = 0;
}

static void answer(struct state *s, int group, const struct entry *e, struct reply reply)
{
    reply.epoch = e->epoch;
    if (e->own)
        reply_send(s, e->txn, group, reply);
}

/* The entry met the transaction's own outcome in the state store. */
static void answer_outcome(struct state *s, int group, const struct entry *e)
{
    const struct group_txn *gt = &s->group[group].txn[e->txn];
    uint8_t ts = gt->record == COMMITTED ? gt->record_ts : gt->slot_ts;
    if (gt->record != ABORTED && ts)
        answer(s, group, e, (struct reply){REPLY_OUTCOME, .ts = ts});
    else
        answer(s, group, e, (struct reply){REPLY_REFUSED, .refusal = REFUSED_FORBIDDEN});
}

static void clear_published(struct state *s, int group, const struct entry *e)
{
    if (e->own && !log_find(&s->group[group], e->kind, e->txn))
        s->group[group].txn[e->txn].published = 0;
}

static void advance_applied(struct group *group, uint8_t ts)
{
    group->applied_ts = max_u8(group->applied_ts, ts);
}

static void apply_prepare(const struct model *m, struct state *s, int group, const struct entry *e)
{
    struct group *g = &s->group[group];
    struct group_txn *gt = &g->txn[e->txn];
    clear_published(s, group, e);
    if (gt->forbidden && m->on[RULE_FORBID_REFUSES]) {
        answer(s, group, e, (struct reply){REPLY_REFUSED, .refusal = REFUSED_FORBIDDEN});
        return;
    }
    if (e->parts && (gt->record > STAGING || gt->slot_ts)) {
        answer_outcome(s, group, e);
        return;
    }
    if (m->on[RULE_GEN_AT_APPLY] && e->gen != g->gen) {
        answer(s, group, e, (struct reply){REPLY_REFUSED, .refusal = REFUSED_GENERATION});
        return;
    }
    if (m->on[RULE_STAGE_ORDER] && ((e->parts && gt->record && gt->record_epoch > e->epoch) ||
                                    (gt->prep_keys && gt->prep_epoch > e->epoch)))
        return;
    if (m->on[RULE_PREPARE_ONCE] && gt->prep_keys && gt->prep_epoch == e->epoch) {
        answer(s, group, e, (struct reply){REPLY_ACK, .ts = gt->prep_ts});
        return;
    }
    if (e->parts) {
        gt->record = STAGING;
        gt->record_epoch = e->epoch;
        gt->record_parts = e->parts;
        gt->record_ts = 0;
    }
    bool again = gt->prep_keys && m->on[RULE_RESTAGE_KEEPS_TS];
    gt->prep_from = again && gt->prep_from < e->ts ? gt->prep_from : e->ts;
    gt->prep_epoch = e->epoch;
    gt->prep_ts = e->ts;
    gt->prep_keys = e->keys;
    advance_applied(g, e->ts);
    for (int k = 0; k < KEYS; k++)
        if (has(e->keys, k) && s->key[k].group == group)
            s->key[k].prepared = e->txn + 1;
    answer(s, group, e, (struct reply){REPLY_ACK, .ts = e->ts});
}

static void install_keys(const struct model *m, struct state *s, int group, int t, uint8_t keys,
                         uint8_t ts)
{
    for (int k = 0; k < KEYS; k++) {
        if (!has(keys, k) || s->key[k].group != group)
            continue;
        if (has(m->writes[t], k))
            ghost_install(m, s, t, k, ts);
        else
            ghost_lock_installed(s, t, k);
    }
}

static void apply_commit(const struct model *m, struct state *s, int group, const struct entry *e)
{
    struct group *g = &s->group[group];
    struct group_txn *gt = &g->txn[e->txn];
    clear_published(s, group, e);
    if (gt->slot_ts || gt->record) {
        answer_outcome(s, group, e);
        return;
    }
    if (m->on[RULE_GEN_AT_APPLY] && e->gen != g->gen) {
        answer(s, group, e, (struct reply){REPLY_REFUSED, .refusal = REFUSED_GENERATION});
        return;
    }
    if (m->on[RULE_OUTCOME_SLOT])
        gt->slot_ts = e->ts;
    advance_applied(g, e->ts);
    install_keys(m, s, group, e->txn, e->keys, e->ts);
    for (int k = 0; k < KEYS; k++)
        if (has(e->keys, k) && s->key[k].lock == e->txn + 1)
            s->key[k].lock = 0;
    ghost_settle(m, s, e->txn, COMMITTED, e->ts);
    answer(s, group, e, (struct reply){REPLY_ACK, .ts = e->ts});
}

static void apply_forbid(const struct model *m, struct state *s, int group, const struct entry *e)
{
    struct group_txn *gt = &s->group[group].txn[e->txn];
    if (m->on[RULE_FORBID_YIELDS]) {
        if (gt->marker_ts)
            return;
        if (gt->prep_keys && (!m->on[RULE_EPOCH_COUNT] || gt->prep_epoch >= e->epoch))
            return;
    }
    gt->forbidden = 1;
    if (m->on[RULE_ABORT_DROPS_LOCKS])
        locks_drop(s, e->txn, group);
}

static void apply_cas(const struct model *m, struct state *s, int group, const struct entry *e)
{
    struct group_txn *gt = &s->group[group].txn[e->txn];
    if (gt->record != STAGING || (m->on[RULE_CAS_EPOCH] && gt->record_epoch != e->epoch))
        return;
    if (e->kind == ENTRY_CAS_ABORT) {
        gt->record = ABORTED;
        ghost_settle(m, s, e->txn, ABORTED, 0);
        return;
    }
    gt->record = COMMITTED;
    gt->record_ts = e->ts;
    if (m->on[RULE_OUTCOME_SLOT])
        gt->slot_ts = e->ts;
    ghost_settle(m, s, e->txn, COMMITTED, e->ts);
}

/* Meets the group that covers the anchor no more: nothing, the asker routes again. */
static void apply_tombstone(const struct model *m, struct state *s, int group,
                            const struct entry *e)
{
    struct group_txn *gt = &s->group[group].txn[e->txn];
    if (s->key[m->anchor[e->txn]].group != group || gt->record)
        return;
    if (m->on[RULE_TOMBSTONE_CHECKS] && (gt->slot_ts || gt->marker_ts))
        return;
    gt->record = ABORTED;
    gt->record_parts = 0;
    if (m->on[RULE_ABORT_DROPS_LOCKS])
        locks_drop(s, e->txn, group);
    ghost_settle(m, s, e->txn, ABORTED, 0);
}

static void apply_resolve(const struct model *m, struct state *s, int group, const struct entry *e)
{
    struct group *g = &s->group[group];
    struct group_txn *gt = &g->txn[e->txn];
    int t = e->txn;
    bool other = e->outcome == COMMITTED && gt->prep_keys && gt->prep_epoch != e->epoch;
    if (other && !m->on[RULE_RESOLVE_ANY_EPOCH])
        return;
    if (e->outcome == COMMITTED) {
        if (gt->prep_keys && m->on[RULE_RESOLVE_MARKER])
            gt->marker_ts = e->ts;
        advance_applied(g, e->ts);
    } else if (gt->prep_keys && s->txn[t].verdict == COMMITTED) {
        ghost_violate(s, HALF_COMMIT);
    }
    for (int k = 0; k < KEYS; k++) {
        if (s->key[k].group != group || s->key[k].prepared != t + 1)
            continue;
        s->key[k].prepared = 0;
        if (s->key[k].lock == t + 1)
            s->key[k].lock = 0;
        if (e->outcome == COMMITTED)
            install_keys(m, s, group, t, (uint8_t)(1 << k), e->ts);
    }
    gt->prep_keys = gt->prep_epoch = gt->prep_ts = gt->prep_from = 0;
    if (s->key[m->anchor[t]].group == group && gt->record) {
        gt->record = e->outcome;
        gt->record_ts = e->ts;
        if (e->outcome == COMMITTED && m->on[RULE_OUTCOME_SLOT])
            gt->slot_ts = e->ts;
    }
}

/* What the child's state store starts with. */
static void split_txn(const struct model *m, struct group_txn *from, struct group_txn *to,
                      bool anchor)
{
    uint8_t moved = (uint8_t)(from->prep_keys & 1 << KEY_SPLIT);
    memset(to, 0, sizeof *to);
    if (moved) {
        to->prep_epoch = from->prep_epoch;
        to->prep_ts = from->prep_ts;
        to->prep_from = from->prep_from;
        to->prep_keys = moved;
        from->prep_keys = (uint8_t)(from->prep_keys & ~moved);
        if (!from->prep_keys)
            from->prep_epoch = from->prep_ts = from->prep_from = 0;
    }
    if (m->on[RULE_SPLIT_FORBIDS])
        to->forbidden = from->forbidden;
    if (m->on[RULE_SPLIT_MARKERS])
        to->marker_ts = from->marker_ts;
    if (anchor && m->on[RULE_SPLIT_RECORDS]) {
        to->record = from->record;
        to->record_epoch = from->record_epoch;
        to->record_parts = from->record_parts;
        to->record_ts = from->record_ts;
        to->slot_ts = from->slot_ts;
        from->record = from->record_epoch = from->record_parts = 0;
        from->record_ts = from->slot_ts = 0;
    }
}

static void apply_split(const struct model *m, struct state *s, int group)
{
    struct group *parent = &s->group[group];
    struct group *child = &s->group[GROUP_CHILD];
    struct key *key = &s->key[KEY_SPLIT];
    key->group = GROUP_CHILD;
    parent->gen++;
    child->exists = child->ready = 1;
    child->gen = parent->gen;
    child->lock_epoch = parent->lock_epoch;
    child->applied_ts = parent->applied_ts;
    child->hlc = parent->hlc;
    if (!m->on[RULE_SPLIT_CACHE]) {
        child->hlc = parent->applied_ts;
        key->cache = key->cache_by = key->cache_soft = 0;
    }
    if (!m->on[RULE_SPLIT_LOCKS] && key->lock != key->prepared)
        key->lock = 0;
    for (int t = 0; t < m->scenario->txns; t++)
        split_txn(m, &parent->txn[t], &child->txn[t], m->anchor[t] == KEY_SPLIT);
}

/* Applies the oldest entry of the log. */
void log_apply(const struct model *m, struct state *s, int group)
{
    struct group *g = &s->group[group];
    assert(g->log_len > 0);
    struct entry e = g->log[0];
    g->log_len--;
    memmove(&g->log[0], &g->log[1], sizeof e * g->log_len);
    memset(&g->log[g->log_len], 0, sizeof e);
    switch (e.kind) {
    case ENTRY_PREPARE:
        apply_prepare(m, s, group, &e);
        break;
    case ENTRY_COMMIT:
        apply_commit(m, s, group, &e);
        break;
    case ENTRY_FORBID:
        apply_forbid(m, s, group, &e);
        break;
    case ENTRY_CAS_ABORT:
    case ENTRY_CAS_COMMIT:
        apply_cas(m, s, group, &e);
        break;
    case ENTRY_TOMBSTONE:
        apply_tombstone(m, s, group, &e);
        break;
    case ENTRY_RESOLVE:
        apply_resolve(m, s, group, &e);
        break;
    default:
        apply_split(m, s, group);
    }
    if (m->on[RULE_HLC_APPLIED])
        g->hlc = max_u8(g->hlc, g->applied_ts);
}
