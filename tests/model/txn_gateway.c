/* txn_gateway.c: the steps of a transaction's gateway: statements, validation, staging, waiting for
 * the acknowledgements, and the way to a certain abort.
 */
#include <string.h>

#include "tests/model/txn_model_int.h"

static uint8_t groups_of(const struct state *s, uint8_t keys)
{
    uint8_t set = 0;
    for (int k = 0; k < KEYS; k++)
        if (has(keys, k))
            set |= (uint8_t)(1 << s->key[k].group);
    return set;
}

/* Ends a transaction of which no Prepare was sent. */
static void give_up(const struct model *m, struct state *s, int t)
{
    ghost_tell(m, s, t, ABORTED, 0);
    for (int group = 0; group < GROUPS; group++)
        locks_drop(s, t, group);
}

static void start_abort(const struct model *m, struct state *s, int t)
{
    if (m->on[RULE_ABORT_CERTAIN])
        s->txn[t].phase = ABORTING;
    else
        ghost_tell(m, s, t, ABORTED, 0);
}

static void move_start(struct moves *mv, int t)
{
    const struct model *m = mv->model;
    struct state n = *mv->from;
    struct txn *x = &n.txn[t];
    if (m->scenario->retry && t == 1 && mv->from->txn[0].phase != RETRIED)
        return;
    x->started = 1;
    if (m->scenario->plan[t].isolation != READ_COMMITTED)
        for (int i = 0; i < m->ops[t]; i++) {
            int group = n.key[m->scenario->plan[t].ops[2 * i + 1] - '0'].group;
            if (!n.group[group].ready)
                return;
            x->read_ts = max_u8(x->read_ts, n.group[group].hlc);
        }
    moves_take(mv, &n, "T%d starts at %d", t + 1, x->read_ts);
}

static void move_commit_begins(struct moves *mv, int t)
{
    const struct model *m = mv->model;
    const struct scenario *sc = m->scenario;
    struct state n = *mv->from;
    struct txn *x = &n.txn[t];
    x->phase = sc->plan[t].isolation == SERIALIZABLE ? VALIDATING : STAGE;
    x->epoch = 1;
    if (sc->plan[t].isolation == SERIALIZABLE) {
        x->cand = x->read_ts;
        for (int i = 0; sc->cand_now && i < m->ops[t]; i++) {
            int group = n.key[sc->plan[t].ops[2 * i + 1] - '0'].group;
            x->cand = max_u8(x->cand, n.group[group].hlc);
        }
        x->cand = (uint8_t)(x->cand + sc->cand_now + sc->plan[t].cand_extra);
    }
    moves_take(mv, &n, "T%d COMMIT begins, candidate %d", t + 1, x->cand);
}

/* A lock of this group granted under an older epoch is gone: the grant's answer shows it. */
static bool lost_lock(const struct model *m, const struct state *s, int t, int group)
{
    for (int k = 0; k < KEYS; k++)
        if (m->on[RULE_LOCK_EPOCH] && s->key[k].group == group && s->txn[t].lock_epoch[k] &&
            s->txn[t].lock_epoch[k] != s->group[group].lock_epoch + 1)
            return true;
    return false;
}

static void move_lock(struct moves *mv, int t, int key, bool update)
{
    const struct model *m = mv->model;
    struct state n = *mv->from;
    struct key *k = &n.key[key];
    struct txn *x = &n.txn[t];
    if ((k->lock && k->lock != t + 1) || key_blocker(&n, key))
        return;
    uint8_t newest = key_newest(m, &n, key);
    uint8_t writer = key_newest_writer(m, &n, key);
    bool stale = m->scenario->plan[t].isolation != READ_COMMITTED && newest > x->read_ts;
    bool parent_gone = m->scenario->foreign_key && !update && writer;
    if (stale || parent_gone || lost_lock(m, &n, t, k->group)) {
        give_up(m, &n, t);
        moves_take(mv, &n, "T%d cannot lock k%d (%s), ends", t + 1, key,
                   stale         ? "newer version"
                   : parent_gone ? "row gone"
                                 : "leader changed");
        return;
    }
    if (x->lock_epoch[key] && k->lock != t + 1)
        x->lost_own |= (uint8_t)(1 << key);
    k->lock = (uint8_t)(t + 1);
    x->lock_epoch[key] = (uint8_t)(n.group[k->group].lock_epoch + 1);
    x->base[key] = writer;
    x->op++;
    moves_take(mv, &n, "T%d %s k%d at %c, sees version %d", t + 1, update ? "writes" : "locks", key,
               group_letter(k->group), newest);
}

static void move_read(struct moves *mv, int t, int key)
{
    struct state n = *mv->from;
    struct txn *x = &n.txn[t];
    if (key_read_blocker(mv->model, &n, key, t, x->read_ts))
        return;
    struct group *g = &n.group[n.key[key].group];
    key_raise_cache(&n, key, x->read_ts, (uint8_t)(t + 1));
    g->hlc = max_u8(g->hlc, x->read_ts);
    x->read_version[key] = key_version_at(mv->model, &n, key, x->read_ts);
    x->read_keys |= (uint8_t)(1 << key);
    x->op++;
    moves_take(mv, &n, "T%d reads k%d at %d: version %d", t + 1, key, x->read_ts,
               x->read_version[key]);
}

/* The foreign-key check of a delete: the latest state must hold no child. */
static void move_check_absent(struct moves *mv, int t, int key)
{
    const struct model *m = mv->model;
    struct state n = *mv->from;
    struct key *k = &n.key[key];
    struct group *g = &n.group[k->group];
    for (int u = 0; u < m->scenario->txns; u++)
        if (u != t && has(m->writes[u], key) && g->txn[u].published)
            return;
    if (key_blocker(&n, key) && k->prepared != t + 1)
        return;
    if (key_newest_writer(m, &n, key)) {
        give_up(m, &n, t);
        moves_take(mv, &n, "T%d finds a child in k%d, ends", t + 1, key);
        return;
    }
    key_raise_cache(&n, key, g->hlc, (uint8_t)(t + 1));
    n.txn[t].op++;
    moves_take(mv, &n, "T%d finds no child in k%d", t + 1, key);
}

static void moves_statement(struct moves *mv, int t)
{
    const struct txn *x = &mv->from->txn[t];
    if (!x->started) {
        move_start(mv, t);
        return;
    }
    if (x->op >= mv->model->ops[t]) {
        move_commit_begins(mv, t);
        return;
    }
    const char *op = mv->model->scenario->plan[t].ops + 2 * x->op;
    int key = op[1] - '0';
    if (!mv->from->group[mv->from->key[key].group].ready)
        return;
    if (op[0] == 'R')
        move_read(mv, t, key);
    else if (op[0] == 'C')
        move_check_absent(mv, t, key);
    else
        move_lock(mv, t, key, op[0] == 'U');
}

/* Read spans the gateway has still to get validated: not in a participant, not yet answered at C.
 */
static uint8_t keys_to_validate(const struct model *m, const struct state *s, int t)
{
    const struct txn *x = &s->txn[t];
    if (m->scenario->plan[t].isolation != SERIALIZABLE || x->cand == x->read_ts)
        return 0;
    uint8_t participants = groups_of(s, m->writes[t]);
    uint8_t keys = 0;
    for (int k = 0; k < KEYS; k++)
        if (has((uint8_t)(x->read_keys & ~x->validated), k) && !has(participants, s->key[k].group))
            keys |= (uint8_t)(1 << k);
    return keys;
}

/* One message a group; all its spans at once. */
static void moves_validate(struct moves *mv, int t)
{
    const struct model *m = mv->model;
    uint8_t todo = keys_to_validate(m, mv->from, t);
    for (int group = 0; group < GROUPS; group++) {
        struct state n = *mv->from;
        struct txn *x = &n.txn[t];
        bool any = false, changed = false;
        for (int k = 0; k < KEYS; k++) {
            if (!has(todo, k) || n.key[k].group != group)
                continue;
            any = true;
            changed = changed || key_changed(m, &n, k, t, x->cand);
            key_validate(m, &n, k, t, x->cand);
            x->validated |= (uint8_t)(1 << k);
        }
        if (!any || !n.group[group].ready)
            continue;
        if (changed && x->epoch == 1 && x->phase == VALIDATING)
            give_up(m, &n, t);
        else if (changed)
            start_abort(m, &n, t);
        moves_take(mv, &n, "T%d validates at %c up to %d: %s", t + 1, group_letter(group), x->cand,
                   changed ? "changed, ends" : "unchanged");
    }
}

static void move_validated(struct moves *mv, int t)
{
    struct state n = *mv->from;
    n.txn[t].phase = STAGE;
    moves_take(mv, &n, "T%d may stage at candidate %d", t + 1, n.txn[t].cand);
}

static void move_stage(struct moves *mv, int t)
{
    const struct model *m = mv->model;
    struct state n = *mv->from;
    struct txn *x = &n.txn[t];
    if (m->on[RULE_VALIDATE_COVERS] && m->on[RULE_VALIDATE_FIRST] && keys_to_validate(m, &n, t)) {
        x->phase = VALIDATING;
        moves_take(mv, &n, "T%d: a read span is covered by nobody at these routes", t + 1);
        return;
    }
    struct attempt *a = &x->attempt[x->epoch - 1];
    uint8_t keys = txn_participant_keys(m, t);
    memset(a, 0, sizeof *a);
    a->sent = groups_of(&n, keys);
    a->one_group = (a->sent & (a->sent - 1)) == 0;
    a->cand = x->cand;
    for (int k = 0; k < KEYS; k++)
        if (has(keys, k))
            a->keys[n.key[k].group] |= (uint8_t)(1 << k);
    for (int group = 0; group < GROUPS; group++)
        if (has(a->sent, group))
            a->gen[group] = n.group[group].gen;
    x->phase = WAITING;
    memset(x->ack, 0, sizeof x->ack);
    moves_take(mv, &n, "gateway of T%d sends %s epoch %d", t + 1,
               a->one_group ? "a one-group COMMIT" : "Prepares and STAGING", x->epoch);
}

static void move_acknowledged(struct moves *mv, int t, int group)
{
    struct state n = *mv->from;
    struct txn *x = &n.txn[t];
    uint8_t sent = x->attempt[x->epoch - 1].sent;
    x->ack[group] = x->reply[group].ts;
    memset(&x->reply[group], 0, sizeof x->reply[group]);
    uint8_t ts = 0;
    bool all = mv->model->on[RULE_VALIDATE_FIRST] || !keys_to_validate(mv->model, &n, t);
    for (int i = 0; i < GROUPS; i++) {
        if (has(sent, i) && !x->ack[i])
            all = false;
        ts = max_u8(ts, x->ack[i]);
    }
    if (all)
        ghost_tell(mv->model, &n, t, COMMITTED, ts);
    moves_take(mv, &n, "gateway of T%d has the answer of %c%s", t + 1, group_letter(group),
               all ? ": all prepared, client told COMMIT" : "");
}

static void move_refused(struct moves *mv, int t, int group)
{
    const struct model *m = mv->model;
    struct state n = *mv->from;
    struct txn *x = &n.txn[t];
    struct reply r = x->reply[group];
    bool again =
        (r.refusal == REFUSED_GENERATION || r.refusal == REFUSED_PUSHED) && x->epoch < ATTEMPTS;
    const char *then = "asks for the outcome";
    memset(&x->reply[group], 0, sizeof r);
    if (again) {
        bool serializable = m->scenario->plan[t].isolation == SERIALIZABLE;
        x->epoch++;
        x->phase = serializable ? VALIDATING : STAGE;
        if (r.refusal == REFUSED_PUSHED) {
            x->cand = r.ts;
            x->validated = 0;
        }
        then = "stages again";
    } else if (x->attempt[x->epoch - 1].one_group && !m->on[RULE_REFUSAL_UNKNOWN]) {
        ghost_tell(m, &n, t, ABORTED, 0);
        then = "takes it for not committed";
    } else {
        start_abort(m, &n, t);
    }
    static const char *const why[] = {"", "locks", "generation", "forbidden", "pushed", "read"};
    moves_take(mv, &n, "gateway of T%d refused by %c (%s), %s", t + 1, group_letter(group),
               why[r.refusal], then);
}

static void moves_waiting(struct moves *mv, int t)
{
    const struct txn *x = &mv->from->txn[t];
    for (int group = 0; group < GROUPS; group++) {
        const struct reply *r = &x->reply[group];
        if (r->kind == REPLY_OUTCOME) {
            struct state n = *mv->from;
            ghost_tell(mv->model, &n, t, COMMITTED, r->ts);
            moves_take(mv, &n, "gateway of T%d hears from %c that it committed", t + 1,
                       group_letter(group));
        } else if (r->kind && r->epoch == x->epoch && r->kind == REPLY_ACK) {
            move_acknowledged(mv, t, group);
        } else if (r->kind && r->epoch == x->epoch) {
            move_refused(mv, t, group);
        }
    }
    if (!mv->model->on[RULE_VALIDATE_FIRST])
        moves_validate(mv, t);
    if (mv->from->timeouts < mv->model->scenario->timeouts) {
        struct state n = *mv->from;
        n.timeouts++;
        start_abort(mv->model, &n, t);
        moves_take(mv, &n, "gateway of T%d times out, wants to abort", t + 1);
    }
}

/* After a Prepare was sent: the anchor's applied state decides. */
static void moves_aborting(struct moves *mv, int t)
{
    const struct model *m = mv->model;
    struct state n = *mv->from;
    int group = n.key[m->anchor[t]].group;
    struct group *g = &n.group[group];
    uint8_t ts;
    if (!g->ready)
        return;
    enum outcome outcome = anchor_outcome(m, &n, t, &ts);
    if (outcome > STAGING) {
        ghost_tell(m, &n, t, outcome, ts);
        moves_take(mv, &n, "gateway of T%d reads the outcome: client told %s", t + 1,
                   outcome == COMMITTED ? "COMMIT" : "abort");
        return;
    }
    if (outcome == OPEN && !m->on[RULE_ASK_ENTRY]) {
        ghost_tell(m, &n, t, ABORTED, 0);
        moves_take(mv, &n, "gateway of T%d finds no outcome, takes it for aborted", t + 1);
        return;
    }
    struct entry e = {.kind = outcome == STAGING ? ENTRY_CAS_ABORT : ENTRY_TOMBSTONE,
                      .txn = (uint8_t)t,
                      .epoch = g->txn[t].record_epoch};
    if (!log_find(g, e.kind, t) && log_propose(g, e))
        moves_take(mv, &n, "gateway of T%d proposes %s at %c", t + 1, log_entry_name(e.kind),
                   group_letter(group));
}

/* Messages already sent arrive whether or not their gateway lives, late or more than once. */
static void moves_messages(struct moves *mv, int t)
{
    const struct txn *x = &mv->from->txn[t];
    for (int epoch = 1; epoch <= ATTEMPTS; epoch++) {
        const struct attempt *a = &x->attempt[epoch - 1];
        for (int group = 0; group < GROUPS; group++) {
            if (!has(a->sent, group) || a->delivered[group] > mv->model->scenario->repeats ||
                !mv->from->group[group].ready)
                continue;
            struct state n = *mv->from;
            n.txn[t].attempt[epoch - 1].delivered[group]++;
            if (!leader_evaluate(mv->model, &n, t, epoch, group))
                continue;
            const struct group *g = &n.group[group];
            bool proposed = g->log_len > mv->from->group[group].log_len;
            static const char *const said[] = {"", "answered from the first", "refused",
                                               "answered with its outcome"};
            int ts = proposed ? g->log[g->log_len - 1].ts : 0;
            moves_take(mv, &n, "%s T%d epoch %d arrives at %c: %s %d",
                       a->one_group ? "COMMIT" : "Prepare", t + 1, epoch, group_letter(group),
                       proposed ? "proposed at ts" : said[n.txn[t].reply[group].kind], ts);
        }
    }
}

void moves_gateways(struct moves *mv)
{
    for (int t = 0; t < mv->model->scenario->txns; t++) {
        const struct txn *x = &mv->from->txn[t];
        moves_messages(mv, t);
        if (x->dead)
            continue;
        if (mv->from->crashes < mv->model->scenario->crashes && x->op &&
            (x->phase != DONE_ABORT || model_prepared(mv->from))) {
            struct state n = *mv->from;
            n.txn[t].dead = 1;
            n.crashes++;
            moves_take(mv, &n, "gateway of T%d dies", t + 1);
        }
        switch (x->phase) {
        case RUNNING:
            moves_statement(mv, t);
            break;
        case VALIDATING:
            moves_validate(mv, t);
            if (!mv->model->on[RULE_VALIDATE_FIRST] || !keys_to_validate(mv->model, mv->from, t))
                move_validated(mv, t);
            break;
        case STAGE:
            move_stage(mv, t);
            break;
        case WAITING:
            moves_waiting(mv, t);
            break;
        case ABORTING:
            moves_aborting(mv, t);
            break;
        default:
            break;
        }
    }
}
