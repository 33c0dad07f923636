/* txn_recover.c: whoever meets a prepared row or lock and its gateway does not answer; and the
 * removal of what is no longer needed. Recovery may start at any moment, which covers every
 * patience.
 */
#include <string.h>

#include "tests/model/txn_model_int.h"

/* What a recoverer can meet of `t`: a prepared row, or a prepared lock as well. Returns the key or
 * -1. */
static int find_met(const struct model *m, const struct state *s, int t)
{
    for (int k = 0; k < KEYS; k++)
        if (s->key[k].prepared == t + 1 && s->group[s->key[k].group].ready &&
            (m->on[RULE_MEET_LOCK] || has(m->writes[t], k)))
            return k;
    return -1;
}

static void moves_meet(struct moves *mv, int i)
{
    for (int t = 0; t < mv->model->scenario->txns; t++) {
        int key = find_met(mv->model, mv->from, t);
        if (key < 0)
            continue;
        struct state n = *mv->from;
        n.recoverer[i].phase = READ_RECORD;
        n.recoverer[i].txn = (uint8_t)t;
        moves_take(mv, &n, "recoverer %d meets T%d at k%d", i + 1, t + 1, key);
    }
}

static void set_idle(struct recoverer *r)
{
    memset(r, 0, sizeof *r);
}

static void move_read_record(struct moves *mv, int i)
{
    const struct model *m = mv->model;
    struct state n = *mv->from;
    struct recoverer *r = &n.recoverer[i];
    int t = r->txn, group = n.key[m->anchor[t]].group;
    struct group *g = &n.group[group];
    struct group_txn *gt = &g->txn[t];
    if (!g->ready)
        return;
    if (gt->record == STAGING) {
        *r = (struct recoverer){ASK, (uint8_t)t, gt->record_epoch};
        r->parts = m->on[RULE_SPAN_LIST] ? 0 : gt->record_parts;
        moves_take(mv, &n, "recoverer %d reads STAGING epoch %d of T%d at %c", i + 1,
                   gt->record_epoch, t + 1, group_letter(group));
    } else if (gt->record) {
        bool yes = gt->record == COMMITTED;
        ghost_settle(m, &n, t, gt->record, yes ? gt->record_ts : 0);
        set_idle(r);
        moves_take(mv, &n, "recoverer %d reads T%d %s", i + 1, t + 1,
                   yes ? "COMMITTED" : "ABORTED");
    } else if (m->on[RULE_TOMBSTONE_CHECKS] && (gt->slot_ts || gt->marker_ts)) {
        set_idle(r);
        moves_take(mv, &n, "recoverer %d finds T%d known, reads the row again", i + 1, t + 1);
    } else {
        struct entry e = {.kind = ENTRY_TOMBSTONE, .txn = (uint8_t)t};
        if (!log_find(g, e.kind, t) && log_propose(g, e))
            moves_take(mv, &n, "recoverer %d finds no record of T%d, proposes TOMBSTONE at %c",
                       i + 1, t + 1, group_letter(group));
    }
}

/* The participant keys `group` answers for. Without span-list an id stands for its group for ever.
 */
static uint8_t find_asked(const struct model *m, const struct state *s, const struct recoverer *r,
                          int group)
{
    uint8_t all = txn_participant_keys(m, r->txn), keys = 0;
    for (int k = 0; k < KEYS; k++) {
        int at = s->key[k].group;
        if (!m->on[RULE_SPAN_LIST] && at == GROUP_CHILD && !has(r->parts, at))
            at = GROUP_PARENT;
        if (has(all, k) && at == group)
            keys |= (uint8_t)(1 << k);
    }
    return keys;
}

static void move_ask(struct moves *mv, int i, int group)
{
    const struct model *m = mv->model;
    struct state n = *mv->from;
    struct recoverer *r = &n.recoverer[i];
    struct group *g = &n.group[group];
    struct group_txn *gt = &g->txn[r->txn];
    int t = r->txn;
    uint8_t asked = find_asked(m, &n, r, group);
    if (!asked || (r->yes & asked) == asked || !g->ready)
        return;
    const char *said = NULL;
    bool prepared = gt->prep_keys != 0;
    if (gt->marker_ts) {
        r->yes |= asked;
        r->ts = max_u8(r->ts, gt->marker_ts);
        said = "resolved as committed";
    } else if (gt->forbidden) {
        r->no = 1;
        r->phase = SET_RECORD;
        r->yes = r->ts = 0;
        said = "forbidden";
    } else if (prepared && (!m->on[RULE_EPOCH_COUNT] || gt->prep_epoch == r->epoch)) {
        r->yes |= asked;
        r->ts = max_u8(r->ts, gt->prep_ts);
        said = "prepared";
    } else if (prepared && gt->prep_epoch > r->epoch) {
        *r = (struct recoverer){READ_RECORD, (uint8_t)t};
        said = "prepared under a newer epoch, starts over";
    } else if (!m->on[RULE_FORBID_LOGGED]) {
        gt->forbidden = 1;
        said = "forbids in memory";
    } else {
        struct entry e = {.kind = ENTRY_FORBID, .txn = (uint8_t)t, .epoch = r->epoch};
        if (!log_find(g, ENTRY_FORBID, t) && log_propose(g, e))
            said = "no prepare, FORBID proposed";
    }
    if (said)
        moves_take(mv, &n, "recoverer %d asks %c about T%d: %s", i + 1, group_letter(group), t + 1,
                   said);
}

static void moves_ask(struct moves *mv, int i)
{
    const struct model *m = mv->model;
    const struct recoverer *r = &mv->from->recoverer[i];
    uint8_t all = txn_participant_keys(m, r->txn);
    if ((r->yes & all) == all) {
        struct state n = *mv->from;
        struct recoverer *q = &n.recoverer[i];
        q->phase = SET_RECORD;
        q->yes = 0;
        if (!m->on[RULE_RECOVERY_RECORD])
            ghost_settle(m, &n, q->txn, COMMITTED, q->ts);
        moves_take(mv, &n, "recoverer %d: T%d is prepared everywhere, ts %d", i + 1, q->txn + 1,
                   q->ts);
        return;
    }
    for (int group = 0; group < GROUPS; group++)
        move_ask(mv, i, group);
}

static void move_set_record(struct moves *mv, int i)
{
    const struct model *m = mv->model;
    struct state n = *mv->from;
    struct recoverer *r = &n.recoverer[i];
    int t = r->txn, group = n.key[m->anchor[t]].group;
    struct group *g = &n.group[group];
    bool mine = g->txn[t].record_epoch == r->epoch || !m->on[RULE_CAS_EPOCH];
    if (!g->ready)
        return;
    if (g->txn[t].record != STAGING || !mine) {
        *r = (struct recoverer){READ_RECORD, (uint8_t)t};
        moves_take(mv, &n, "recoverer %d reads the record of T%d again", i + 1, t + 1);
        return;
    }
    struct entry e = {.kind = r->no ? ENTRY_CAS_ABORT : ENTRY_CAS_COMMIT,
                      .txn = (uint8_t)t,
                      .epoch = r->epoch,
                      .ts = r->ts};
    if (!log_find(g, e.kind, t) && log_propose(g, e))
        moves_take(mv, &n, "recoverer %d proposes %s epoch %d at %c", i + 1, log_entry_name(e.kind),
                   r->epoch, group_letter(group));
}

static bool any_locked(const struct state *s, int t)
{
    for (int k = 0; k < KEYS; k++)
        if (s->key[k].lock == t + 1)
            return true;
    return false;
}

static bool any_prepared(const struct state *s, int t, uint8_t groups)
{
    for (int group = 0; group < GROUPS; group++)
        if (has(groups, group) && s->group[group].txn[t].prep_keys)
            return true;
    return false;
}

/* Tombstones, aborted records and forbids wait for the end of the gateway's boot epoch. */
static bool abort_needed(const struct model *m, const struct state *s, int t)
{
    if (m->on[RULE_ABORT_KEPT] && !s->txn[t].dead)
        return true;
    return m->on[RULE_ABORT_KEPT_LOCKS] && any_locked(s, t);
}

static void moves_collect(struct moves *mv, int t)
{
    const struct model *m = mv->model;
    const struct state *s = mv->from;
    int anchor = s->key[m->anchor[t]].group;
    const struct group_txn *record = &s->group[anchor].txn[t];
    uint8_t must = m->on[RULE_GC_SPAN] ? 0xff : record->record_parts;
    if (record->record > STAGING && !any_prepared(s, t, must) &&
        (record->record == COMMITTED || !abort_needed(m, s, t))) {
        struct state n = *s;
        struct group_txn *gt = &n.group[anchor].txn[t];
        gt->record = gt->record_epoch = gt->record_parts = gt->record_ts = 0;
        for (int group = 0; group < GROUPS; group++)
            n.group[group].txn[t].marker_ts = 0;
        moves_take(mv, &n, "record of T%d removed at %c", t + 1, group_letter(anchor));
    }
    for (int group = 0; group < GROUPS; group++) {
        if (!s->group[group].txn[t].forbidden || abort_needed(m, s, t) || any_prepared(s, t, 0xff))
            continue;
        struct state n = *s;
        n.group[group].txn[t].forbidden = 0;
        moves_take(mv, &n, "forbid of T%d removed at %c", t + 1, group_letter(group));
    }
}

void moves_recoverers(struct moves *mv)
{
    const struct scenario *sc = mv->model->scenario;
    for (int i = 0; i < sc->recoverers; i++) {
        switch (mv->from->recoverer[i].phase) {
        case IDLE:
            moves_meet(mv, i);
            break;
        case READ_RECORD:
            move_read_record(mv, i);
            break;
        case ASK:
            moves_ask(mv, i);
            break;
        default:
            move_set_record(mv, i);
        }
    }
    for (int t = 0; sc->gc && t < sc->txns; t++)
        moves_collect(mv, t);
}
