/* What became of a transaction whose gateway does not say so: found in the logs, or decided there.
 *
 * Whoever meets a prepared row or lock for long starts it. The anchor's record is asked; while it
 * is STAGING each participant is asked for its prepare by a forbid in its log; then the record is
 * decided by compare-and-set under its staging epoch, and whoever loses takes what stands there.
 * Only the decided record is acted upon.
 */
#include <stdlib.h>

#include "storage/txn/txn_int.h"

static int send_short(struct task *task, struct kv *kv, uint32_t group,
                      const struct txn_command *head, uint64_t deadline_ns,
                      struct txn_answer *answer, struct err *err)
{
    struct buf command = {0};
    uint8_t status;
    txn_command_begin(&command, head, NULL);
    int code = txn_send_command(task, kv, group, &command, deadline_ns, answer, &status, err);
    buf_done(&command);
    return code;
}

/* A lease read; NONE where the log has to be asked. */
static int look_at_anchor(struct task *task, struct kv *kv, const struct kv_txn_id *txn,
                          uint64_t session, uint32_t anchor, uint64_t deadline_ns,
                          struct txn_answer *answer, struct err *err)
{
    struct txn_result result = {0};
    struct txn_call call = {.op = TXN_OP_LOOK,
                            .group = anchor,
                            .txn = *txn,
                            .session = session,
                            .deadline_ns = deadline_ns};
    int code = txn_send(task, kv, &call, true, &result, err);
    answer->verdict = TXN_NONE;
    if (!code && result.status == TXN_OK &&
        !txn_answer_decode(result.body.data, result.body.len, answer))
        code = err_set(err, ERR_PROTOCOL_VIOLATION, "answer about a transaction is malformed");
    buf_done(&result.body);
    return code;
}

/* Asks every participant; fills `decision` for the compare-and-set. *again: the record has moved
 * on. */
static int ask_participants(struct task *task, struct kv *kv, const struct txn_answer *staging,
                            const struct txn_command *about, uint64_t deadline_ns,
                            struct txn_command *decision, bool *again, struct err *err)
{
    struct txn_answer *answer = malloc(sizeof *answer);
    int code = 0;
    bool commit = true;
    hlc_time ts = 0;
    if (!answer)
        abort();
    *again = false;
    for (uint32_t i = 0; i < staging->n_groups && !code && commit; i++) {
        struct txn_command forbid = *about;
        forbid.kind = TXN_FORBID;
        forbid.epoch = staging->epoch;
        code = send_short(task, kv, staging->groups[i], &forbid, deadline_ns, answer, err);
        if (code)
            break;
        if (answer->verdict == TXN_NEWER)
            *again = true;
        if (answer->verdict != TXN_PREPARED && answer->verdict != TXN_COMMITTED)
            commit = false;
        if (answer->verdict ==
            TXN_COMMITTED) { /* a resolved participant knows the timestamp of all */
            ts = answer->ts;
            break;
        }
        ts = answer->ts > ts ? answer->ts : ts;
    }
    free(answer);
    *decision = *about;
    decision->kind = TXN_CAS;
    decision->epoch = staging->epoch;
    decision->flags = commit ? TXN_TO_COMMITTED : 0;
    decision->ts = commit ? ts : 0;
    return code;
}

static bool is_decided(struct txn_answer *answer)
{
    if (answer->verdict == TXN_FORBIDDEN)
        answer->verdict = TXN_ABORTED;
    return answer->verdict == TXN_COMMITTED || answer->verdict == TXN_ABORTED ||
           answer->verdict == TXN_GONE;
}

int txn_resolve_fate(struct task *task, struct kv *kv, const struct kv_txn_id *txn,
                     uint64_t session, uint32_t anchor_group, uint64_t deadline_ns,
                     struct txn_answer *answer, struct err *err)
{
    struct txn_command about = {.txn = *txn, .session = session, .anchor_group = anchor_group};
    uint32_t overtaken = 0; /* a staging epoch somebody was found prepared above */
    for (;;) {
        int code = look_at_anchor(task, kv, txn, session, anchor_group, deadline_ns, answer, err);
        if (!code && answer->verdict == TXN_NONE) {
            about.kind = TXN_ASK;
            code = send_short(task, kv, anchor_group, &about, deadline_ns, answer, err);
        }
        if (code || is_decided(answer))
            return code;
        if (answer->verdict == TXN_STAGING) {
            struct txn_command decision;
            bool again;
            code = ask_participants(task, kv, answer, &about, deadline_ns, &decision, &again, err);
            /* The record had time to follow. It did not: its epoch can never be complete, and
             * whoever still stages finds it decided. */
            if (again && overtaken == decision.epoch)
                again = false;
            overtaken = decision.epoch;
            if (!code && !again)
                code = send_short(task, kv, anchor_group, &decision, deadline_ns, answer, err);
            if (code || is_decided(answer))
                return code;
        }
        code = task_sleep(task, 5 * TXN_MS, err);
        if (code)
            return code;
    }
}

/* ---- started by whoever meets an open outcome ----------------------------------------------- */

struct recovery {
    struct txn_group *g;
    raft_term term;
    struct kv_txn_id txn;
    uint64_t session;
    uint32_t anchor_group;
    uint32_t epoch;
    uint32_t group;
    struct txn_answer answer;
};

static bool ask_gateway(struct task *task, struct kv *kv, const struct kv_txn_id *txn)
{
    if (kv->recover_unasked || store_node_epoch(kv->store, txn->gateway) > txn->boot_epoch ||
        !store_node_alive(kv->store, txn->gateway))
        return false;
    return txn_gateway_is_committing(task, kv, txn);
}

static void finish_recovery(struct task *task, struct recovery *r)
{
    struct kv_core *core = kv_core_of(r->g->kv, task);
    const struct txn_answer *a = &r->answer;
    uint8_t outcome = a->verdict == TXN_COMMITTED ? TXN_COMMITTED : TXN_ABORTED;
    uint32_t epoch = a->verdict == TXN_COMMITTED && a->epoch ? a->epoch : r->epoch;
    bool listed = false;
    for (uint32_t i = 0; i < a->n_groups; i++)
        listed |= a->groups[i] == r->group;
    if (listed)
        txn_finish_start(core, &r->txn, r->session, r->anchor_group, epoch, outcome, a->ts,
                         a->groups, a->n_groups, true);
    else
        txn_finish_start(core, &r->txn, r->session, r->anchor_group, epoch, outcome, a->ts,
                         &r->group, 1, false);
}

static void run_recovery(struct task *task, void *arg)
{
    struct recovery *r = arg;
    struct kv *kv = r->g->kv;
    struct err err;
    err_clear(&err);
    if (!ask_gateway(task, kv, &r->txn)) {
        uint64_t deadline_ns = env_mono_ns(kv->env) + TXN_CALL_NS;
        int code = txn_resolve_fate(task, kv, &r->txn, r->session, r->anchor_group, deadline_ns,
                                    &r->answer, &err);
        if (!code) {
            log_event(
                kv->env->log, LOG_INFO, "txn_recovered", LOG_U64("gateway", r->txn.gateway),
                LOG_U64("number", r->txn.number), LOG_U64("group", r->group),
                LOG_TEXT("outcome", r->answer.verdict == TXN_COMMITTED ? "committed" : "aborted"));
            finish_recovery(task, r);
        }
    }
    struct lock_txn *txn =
        txn_group_is_leading(r->g, r->term) ? lock_table_txn(&r->g->locks, &r->txn) : NULL;
    if (txn) {
        txn->recovering = false;
        txn->published_ns = env_mono_ns(kv->env); /* looked at again after a while */
    }
    free(r);
    txn_background_done(kv);
}

void txn_recover_start(struct txn_group *g, struct lock_txn *txn)
{
    if (txn->recovering || txn->phase == LOCK_ACTIVE || atomic_load(&g->kv->stopping))
        return;
    struct txn_command prepared;
    if (!txn_state_prepared(g->group, &txn->id, &prepared))
        return; /* its entry is still on its way: the log answers by itself */
    struct recovery *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    r->g = g;
    r->term = g->term;
    r->txn = txn->id;
    r->session = prepared.session;
    r->anchor_group = prepared.anchor_group;
    r->epoch = prepared.epoch;
    r->group = group_id(g->group);
    txn->recovering = true;
    txn_background(g->kv, store_group_core(g->kv->store, r->group), "kv_recover", run_recovery, r);
}
