/* txn_leader.c: what a group's leader keeps in memory and does with it: lock table, read cache,
 * HLC, published timestamps, evaluation of Prepares, reads, resolves; and what a change of leader
 * loses.
 */
#include <string.h>

#include "tests/model/txn_model_int.h"

static const uint8_t HLC_AFTER_CHANGE[GROUPS] = {2, 1, 1, 1};

/* The resolve this leader has proposed for the prepared row at `key`; NULL when none. */
static const struct entry *find_resolve(const struct state *s, int key)
{
    const struct key *k = &s->key[key];
    if (!k->prepared)
        return NULL;
    const struct entry *e = log_find(&s->group[k->group], ENTRY_RESOLVE, k->prepared - 1);
    return e && e->own ? e : NULL;
}

uint8_t key_blocker(const struct state *s, int key)
{
    return find_resolve(s, key) ? 0 : s->key[key].prepared;
}

/* The commit timestamp of a row whose resolve is proposed but not applied; 0 when none. */
static uint8_t find_resolved_ts(const struct model *m, const struct state *s, int key)
{
    const struct entry *e = find_resolve(s, key);
    bool seen =
        e && e->outcome == COMMITTED && m->on[RULE_RESOLVED_VISIBLE] && has(m->writes[e->txn], key);
    return seen ? e->ts : 0;
}

uint8_t key_newest(const struct model *m, const struct state *s, int key)
{
    const struct key *k = &s->key[key];
    return max_u8(k->version[k->versions - 1].ts, find_resolved_ts(m, s, key));
}

uint8_t key_newest_writer(const struct model *m, const struct state *s, int key)
{
    const struct key *k = &s->key[key];
    return find_resolved_ts(m, s, key) ? k->prepared : k->version[k->versions - 1].writer;
}

uint8_t key_version_at(const struct model *m, const struct state *s, int key, uint8_t ts)
{
    const struct key *k = &s->key[key];
    uint8_t resolved = find_resolved_ts(m, s, key);
    uint8_t found = resolved <= ts ? resolved : 0;
    for (int i = 0; i < k->versions; i++)
        if (k->version[i].ts <= ts)
            found = max_u8(found, k->version[i].ts);
    return found;
}

uint8_t key_read_blocker(const struct model *m, const struct state *s, int key, int reader,
                         uint8_t ts)
{
    const struct key *k = &s->key[key];
    const struct group *g = &s->group[k->group];
    for (int t = 0; t < m->scenario->txns; t++)
        if (t != reader && has(m->writes[t], key) && g->txn[t].published &&
            g->txn[t].published <= ts)
            return (uint8_t)(t + 1);
    int holder = key_blocker(s, key) - 1;
    if (holder >= 0 && holder != reader && has(m->writes[holder], key) &&
        g->txn[holder].prep_from <= ts)
        return (uint8_t)(holder + 1);
    return 0;
}

void key_raise_cache(struct state *s, int key, uint8_t ts, uint8_t by)
{
    struct key *k = &s->key[key];
    if (ts > k->cache) {
        k->cache = ts;
        k->cache_by = by;
    } else if (ts == k->cache && by != k->cache_by) {
        k->cache_by = 0;
    }
}

/* The candidate's read check: versions, then rows on their way. */
bool key_changed(const struct model *m, const struct state *s, int key, int txn, uint8_t cand)
{
    const struct txn *x = &s->txn[txn];
    const struct key *k = &s->key[key];
    const struct group *g = &s->group[k->group];
    for (int i = 0; i < k->versions; i++)
        if (k->version[i].writer != txn + 1 && k->version[i].ts > x->read_ts &&
            k->version[i].ts <= cand)
            return true;
    for (int t = 0; t < m->scenario->txns; t++) {
        if (t == txn || !has(m->writes[t], key))
            continue;
        if (m->on[RULE_VALIDATE_PREPARED] && k->prepared == t + 1 && g->txn[t].prep_from <= cand)
            return true;
        if (m->on[RULE_VALIDATE_PUBLISHED] && g->txn[t].published && g->txn[t].published <= cand)
            return true;
    }
    return false;
}

/* Validating up to the candidate is a read at it. */
void key_validate(const struct model *m, struct state *s, int key, int txn, uint8_t cand)
{
    if (!m->on[RULE_VALIDATE_RAISES])
        return;
    if (m->on[RULE_VALIDATE_LIMIT])
        key_raise_cache(s, key, cand, (uint8_t)(txn + 1));
    else
        s->key[key].cache_soft = max_u8(s->key[key].cache_soft, cand);
}

/* The newest timestamp a write by `txn` must stay above; its own read at exactly `own` does not
 * count. */
static uint8_t find_floor(const struct model *m, const struct state *s, int key, int txn,
                          uint8_t own)
{
    const struct key *k = &s->key[key];
    uint8_t low = k->cache_soft;
    if (m->on[RULE_TS_READ_CACHE] && !(k->cache_by == txn + 1 && k->cache <= own))
        low = max_u8(low, k->cache);
    return m->on[RULE_TS_NEWEST] ? max_u8(low, key_newest(m, s, key)) : low;
}

static bool refuse(struct state *s, int t, int group, int epoch, int why, uint8_t ts)
{
    reply_send(s, t, group, (struct reply){REPLY_REFUSED, (uint8_t)epoch, (uint8_t)why, ts});
    return true;
}

/* A decided outcome or an equal Prepare answers at once. True when the message is used up. */
static bool answer_known(const struct model *m, struct state *s, int t, int epoch, int group)
{
    struct group_txn *gt = &s->group[group].txn[t];
    const struct attempt *a = &s->txn[t].attempt[epoch - 1];
    uint8_t ts = gt->record == COMMITTED ? gt->record_ts : max_u8(gt->slot_ts, gt->marker_ts);
    if (gt->record != ABORTED && ts) {
        if (!m->on[RULE_OWN_OUTCOME])
            return refuse(s, t, group, epoch, REFUSED_LOCKS, 0);
        reply_send(s, t, group, (struct reply){REPLY_OUTCOME, (uint8_t)epoch, 0, ts});
        return true;
    }
    if (!a->one_group && m->on[RULE_PREPARE_ONCE] && gt->prep_keys && gt->prep_epoch == epoch) {
        reply_send(s, t, group, (struct reply){REPLY_ACK, (uint8_t)epoch, 0, gt->prep_ts});
        return true;
    }
    if (m->on[RULE_GEN_AT_EVAL] && a->gen[group] != s->group[group].gen)
        return refuse(s, t, group, epoch, REFUSED_GENERATION, 0);
    if (gt->forbidden || gt->record == ABORTED)
        return refuse(s, t, group, epoch, REFUSED_FORBIDDEN, 0);
    return false;
}

/* 1: all locks stand; 0: one was lost; -1: another's prepared row stands there, wait. */
static int check_locks(const struct model *m, const struct state *s, int t, uint8_t keys, int group)
{
    for (int k = 0; k < KEYS; k++) {
        const struct key *key = &s->key[k];
        if (!has(keys, k) || key->group != group || key->prepared == t + 1)
            continue;
        if (m->on[RULE_LOCK_EPOCH] && s->txn[t].lock_epoch[k] != s->group[group].lock_epoch + 1)
            return 0;
        if (m->on[RULE_LOCK_CHECK] && key->lock != t + 1)
            return 0;
        if (key_blocker(s, k))
            return -1;
    }
    return 1;
}

/* SERIALIZABLE: validates the spans read here and takes exactly the candidate. True when refused.
 */
static bool refuse_candidate(const struct model *m, struct state *s, int t, int epoch, int group,
                             uint8_t *ts)
{
    const struct attempt *a = &s->txn[t].attempt[epoch - 1];
    for (int k = 0; k < KEYS; k++) {
        if (s->key[k].group != group || !has(s->txn[t].read_keys, k))
            continue;
        if (key_changed(m, s, k, t, a->cand))
            return refuse(s, t, group, epoch, REFUSED_READ, 0);
        key_validate(m, s, k, t, a->cand);
    }
    uint8_t need = 0;
    for (int k = 0; k < KEYS; k++) {
        if (!has((uint8_t)(a->keys[group] & m->writes[t]), k) || s->key[k].group != group)
            continue;
        uint8_t low = find_floor(m, s, k, t, a->cand);
        if (low >= a->cand)
            need = max_u8(need, (uint8_t)(low + 1));
    }
    *ts = a->cand;
    if (need && m->on[RULE_EXACT_TS])
        return refuse(s, t, group, epoch, REFUSED_PUSHED, need);
    *ts = max_u8(need, a->cand);
    return false;
}

/* A Prepare or one-group commit reaches the leader. False: it stays on its way (wait, or no room).
 */
bool leader_evaluate(const struct model *m, struct state *s, int t, int epoch, int group)
{
    struct group *g = &s->group[group];
    struct group_txn *gt = &g->txn[t];
    const struct attempt *a = &s->txn[t].attempt[epoch - 1];
    int kind = a->one_group ? ENTRY_COMMIT : ENTRY_PREPARE;
    if (answer_known(m, s, t, epoch, group))
        return true;
    if (m->on[RULE_PREPARE_ONCE] &&
        (gt->published || log_find(g, ENTRY_PREPARE, t) || log_find(g, ENTRY_COMMIT, t)))
        return false;
    if (m->on[RULE_STAGE_ORDER] && ((gt->prep_keys && gt->prep_epoch > epoch) ||
                                    (gt->record == STAGING && gt->record_epoch > epoch)))
        return false;
    int locked = check_locks(m, s, t, a->keys[group], group);
    if (locked <= 0)
        return locked < 0 ? false : refuse(s, t, group, epoch, REFUSED_LOCKS, 0);
    uint8_t ts = g->hlc;
    if (m->scenario->plan[t].isolation == SERIALIZABLE) {
        if (refuse_candidate(m, s, t, epoch, group, &ts))
            return true;
    } else {
        for (int k = 0; k < KEYS; k++)
            if (has(a->keys[group], k))
                ts = max_u8(ts, find_floor(m, s, k, t, 0));
        ts++;
    }
    bool anchor = !a->one_group && has(a->keys[group], m->anchor[t]);
    uint8_t gen = m->on[RULE_GEN_AT_EVAL] ? a->gen[group] : g->gen;
    struct entry e = {.kind = (uint8_t)kind,
                      .txn = (uint8_t)t,
                      .epoch = (uint8_t)epoch,
                      .ts = ts,
                      .parts = anchor ? a->sent : 0,
                      .gen = gen,
                      .keys = a->keys[group]};
    if (!log_propose(g, e))
        return false;
    g->hlc = max_u8(g->hlc, ts);
    if (m->on[RULE_PUBLISH])
        gt->published = ts;
    return true;
}

/* An unplanned change: a prefix of the log survives, memory does not. */
static void change_leader(const struct model *m, struct state *s, int group, int keep)
{
    struct group *g = &s->group[group];
    for (int i = keep; i < g->log_len; i++)
        memset(&g->log[i], 0, sizeof g->log[i]);
    g->log_len = (uint8_t)keep;
    for (int i = 0; i < keep; i++)
        g->log[i].own = 0;
    if (!m->on[RULE_FORBID_LOGGED])
        for (int t = 0; t < TXNS; t++)
            g->txn[t].forbidden = 0;
    while (g->log_len)
        log_apply(m, s, group);
    for (int t = 0; t < TXNS; t++)
        g->txn[t].published = 0;
    for (int k = 0; k < KEYS; k++) {
        if (s->key[k].group != group)
            continue;
        s->key[k].lock = s->key[k].prepared;
        s->key[k].cache_soft = 0;
    }
    g->lock_epoch++;
    g->changes++;
    g->ready = 0;
    g->hlc = HLC_AFTER_CHANGE[group];
}

static void moves_of_log(struct moves *mv, int group)
{
    const struct group *g = &mv->from->group[group];
    struct state n = *mv->from;
    if (g->ready && g->log_len) {
        const struct entry *e = &g->log[0];
        log_apply(mv->model, &n, group);
        moves_take(mv, &n, "%c applies %s T%d epoch %d ts %d", group_letter(group),
                   log_entry_name(e->kind), e->txn + 1, e->epoch, e->ts);
    }
    if (!g->ready) {
        n = *mv->from;
        n.group[group].ready = 1;
        if (mv->model->on[RULE_HLC_APPLIED])
            n.group[group].hlc = max_u8(g->hlc, g->applied_ts);
        moves_take(mv, &n, "new leader of %c applied an entry of its own term",
                   group_letter(group));
    }
    if (!has(mv->model->scenario->changing, group) || g->changes)
        return;
    for (int keep = 0; keep <= g->log_len; keep++) {
        n = *mv->from;
        change_leader(mv->model, &n, group, keep);
        moves_take(mv, &n, "leader of %c changes unplanned, %d of %d entries on their way survive",
                   group_letter(group), keep, g->log_len);
    }
}

/* The outcome of `t` as far as its resolves are concerned: who knows it may send them. */
static enum outcome find_known(const struct model *m, const struct state *s, int t, uint8_t *ts,
                               uint8_t *epoch)
{
    const struct txn *x = &s->txn[t];
    *ts = x->commit_ts;
    *epoch = x->commit_epoch;
    if (!x->dead && x->phase == DONE_COMMIT)
        return COMMITTED;
    if (!x->dead && (x->phase == DONE_ABORT || x->phase == RETRIED))
        return ABORTED;
    const struct group *a = &s->group[s->key[m->anchor[t]].group];
    *ts = a->txn[t].record_ts;
    *epoch = a->txn[t].record_epoch;
    return a->ready && a->txn[t].record > STAGING ? a->txn[t].record : OPEN;
}

static void moves_of_resolve(struct moves *mv, int t)
{
    const struct state *s = mv->from;
    uint8_t ts, epoch;
    enum outcome known = find_known(mv->model, s, t, &ts, &epoch);
    if (!known)
        return;
    for (int group = 0; group < GROUPS; group++) {
        const struct group *g = &s->group[group];
        if (!g->ready || !g->txn[t].prep_keys || log_find(g, ENTRY_RESOLVE, t))
            continue;
        struct state n = *s;
        struct entry e = {.kind = ENTRY_RESOLVE,
                          .txn = (uint8_t)t,
                          .epoch = mv->model->on[RULE_RESOLVE_ANY_EPOCH] ? 0 : epoch,
                          .ts = ts,
                          .outcome = (uint8_t)known};
        if (!log_propose(&n.group[group], e))
            continue;
        for (int k = 0; k < KEYS; k++)
            if (n.key[k].group == group && n.key[k].prepared == t + 1 && n.key[k].lock == t + 1)
                n.key[k].lock = 0;
        if (mv->model->on[RULE_RESOLVED_VISIBLE] && mv->model->on[RULE_HLC_APPLIED])
            n.group[group].hlc = max_u8(g->hlc, ts);
        moves_take(mv, &n, "%c proposes RESOLVE T%d %s ts %d", group_letter(group), t + 1,
                   known == COMMITTED ? "commit" : "abort", ts);
    }
}

/* Leaders drop unprepared locks of ended gateways and of transactions that ended. */
static void moves_of_lock_release(struct moves *mv, int t)
{
    const struct txn *x = &mv->from->txn[t];
    if (!x->dead && x->phase < RETRIED)
        return;
    for (int group = 0; group < GROUPS; group++) {
        struct state n = *mv->from;
        locks_drop(&n, t, group);
        if (memcmp(&n, mv->from, sizeof n) != 0)
            moves_take(mv, &n, "%c drops unprepared locks of T%d", group_letter(group), t + 1);
    }
}

void moves_leaders(struct moves *mv)
{
    const struct state *s = mv->from;
    for (int group = 0; group < GROUPS; group++)
        if (s->group[group].exists)
            moves_of_log(mv, group);
    if (mv->model->scenario->split && !s->split && s->group[GROUP_PARENT].ready) {
        struct state n = *s;
        struct entry e = {.kind = ENTRY_SPLIT};
        n.split = 1;
        if (log_propose(&n.group[GROUP_PARENT], e))
            moves_take(mv, &n, "%c proposes SPLIT moving k%d", group_letter(GROUP_PARENT),
                       KEY_SPLIT);
    }
    for (int t = 0; t < mv->model->scenario->txns; t++) {
        moves_of_resolve(mv, t);
        moves_of_lock_release(mv, t);
    }
}

/* One statement reading its keys in order at a fixed timestamp. */
void moves_reader(struct moves *mv)
{
    const struct scenario *sc = mv->model->scenario;
    const struct reader *r = &mv->from->reader;
    if (!sc->reads || !sc->reads[r->op])
        return;
    int key = sc->reads[r->op] - '0';
    int group = mv->from->key[key].group;
    if (!mv->from->group[group].ready)
        return;
    struct state n = *mv->from;
    key_raise_cache(&n, key, sc->read_at, 0);
    n.group[group].hlc = max_u8(n.group[group].hlc, sc->read_at);
    uint8_t holder = key_read_blocker(mv->model, &n, key, -1, sc->read_at);
    if (holder) {
        if (memcmp(&n, mv->from, sizeof n) != 0)
            moves_take(mv, &n, "reader waits at k%d for T%d", key, holder);
        return;
    }
    uint8_t seen = key_version_at(mv->model, &n, key, sc->read_at);
    n.reader.seen[n.reader.op++] = seen;
    moves_take(mv, &n, "reader reads k%d at %c at %d: version %d", key, group_letter(group),
               sc->read_at, seen);
}
