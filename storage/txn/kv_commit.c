/* The end of a transaction at its gateway. */
#include <stdlib.h>

#include "storage/txn/kv_txn.h"

/* ---- outcome slots --------------------------------------------------------------------------
 * A commit in flight has a slot of its gateway to itself; its outcome stays in the slot until the
 * slot's next commit. A slot whose commit's fate was never learnt is not used again. */

static uint64_t take_slot(struct kv_core *core)
{
    uint64_t slot = core->n_free_slots ? core->free_slots[--core->n_free_slots] : core->slot_next++;
    uint64_t name = (uint64_t)(core->index + 1) << TXN_SLOT_CORE_SHIFT |
                    (slot & ((1u << TXN_SLOT_CORE_SHIFT) - 1));
    return name << TXN_ORDER_BITS | ++core->order_next;
}

static void give_slot(struct kv_core *core, uint64_t session)
{
    if (core->n_free_slots == core->cap_free_slots) {
        core->cap_free_slots = core->cap_free_slots ? 2 * core->cap_free_slots : 64;
        core->free_slots =
            realloc(core->free_slots, core->cap_free_slots * sizeof *core->free_slots);
        if (!core->free_slots)
            abort();
    }
    core->free_slots[core->n_free_slots++] =
        (uint32_t)(TXN_SLOT_OF(session) & ((1u << TXN_SLOT_CORE_SHIFT) - 1));
}

/* ---- what a commit knows -------------------------------------------------------------------- */

struct commit {
    struct kv_txn *txn;
    uint64_t session;
    uint64_t deadline_ns;
    uint32_t epoch;
    uint32_t anchor;
    uint32_t n;
    struct kv_part **parts;
    uint32_t *groups;
    struct prepare *prepares;
    bool sent;       /* something may have reached a log */
    uint8_t outcome; /* TXN_COMMITTED, TXN_ABORTED; TXN_NONE while open */
    hlc_time ts;
    struct err reason; /* of a refusal */
    enum kv_retry retry;
};

struct prepare {
    struct commit *c;
    struct kv_part *part;
    uint8_t status;
    struct txn_answer answer;
    struct err err;
};

static void encode_body(const struct commit *c, const struct kv_part *part, struct buf *body)
{
    bool at_anchor = part->group == c->anchor;
    buf_put_le32(body, at_anchor ? TXN_AT_ANCHOR : 0);
    uint32_t heard = atomic_load(&c->txn->kv->generations[part->group]);
    buf_put_le32(body, heard ? heard : 1);
    buf_put_le32(body, c->epoch);
    buf_put_le16(body, (uint16_t)(at_anchor ? c->n : 0));
    for (uint32_t i = 0; at_anchor && i < c->n; i++)
        buf_put_le32(body, c->groups[i]);
}

/* Sends COMMIT or PREPARE to a group until an answer is there. Returns 0 or the error of a refusal.
 */
static int send_commit(struct task *task, struct commit *c, struct kv_part *part, uint8_t op,
                       uint8_t *status, struct txn_answer *answer, struct err *err)
{
    struct txn_call call;
    struct txn_result result = {0};
    struct buf body = {0};
    int code;
    encode_body(c, part, &body);
    kv_txn_call_init(c->txn, part, op, part->group, &call);
    call.anchor_group = c->anchor;
    call.session = c->session;
    call.deadline_ns = c->deadline_ns;
    call.body = body.data;
    call.body_len = body.len;
    do {
        code = txn_send(task, c->txn->kv, &call, true, &result, err);
    } while (!code && result.status == TXN_UNSURE); /* a repeat is answered from the first */
    *status = code ? TXN_FAILED : result.status;
    if (!code && result.status == TXN_OK &&
        !txn_answer_decode(result.body.data, result.body.len, answer))
        code = err_set(err, ERR_PROTOCOL_VIOLATION, "answer to a commit is malformed");
    buf_done(&body);
    buf_done(&result.body);
    return code;
}

static void set_reason(struct commit *c, uint8_t status, const struct err *err)
{
    if (c->reason.code)
        return;
    c->retry = KV_RETRY_TXN;
    if (status == TXN_FAILED && err->code) {
        c->reason = *err;
        return;
    }
    err_set(&c->reason, ERR_SERIALIZATION_FAILURE,
            "could not serialize access: locks of the transaction were lost");
    err_hint(&c->reason, "The leader of a group changed before the commit. The transaction might "
                         "succeed if retried.");
}

static void decide(struct commit *c, uint8_t outcome, hlc_time ts)
{
    c->outcome = outcome;
    c->ts = outcome == TXN_COMMITTED ? ts : 0;
}

/* Refused somewhere, or no answer: the log of the anchor's group says what became of it; if nothing
 * did, it is aborted there before anybody is told so. */
static void ask_outcome(struct task *task, struct commit *c)
{
    struct txn_answer answer;
    struct err err;
    if (c->txn->kv->faults & TXN_FAULT_ABORT_EARLY) {
        decide(c, TXN_ABORTED, 0);
        return;
    }
    if (txn_resolve_fate(task, c->txn->kv, &c->txn->id, c->session, c->anchor, c->deadline_ns,
                         &answer, &err))
        return;
    decide(c, answer.verdict == TXN_COMMITTED ? TXN_COMMITTED : TXN_ABORTED, answer.ts);
}

/* ---- one group ------------------------------------------------------------------------------ */

static void commit_one(struct task *task, struct commit *c)
{
    struct kv_part *part = c->parts[0];
    struct txn_answer answer = {0};
    struct err err;
    err_clear(&err);
    for (uint32_t tries = 0; tries < 4; tries++) {
        uint8_t status;
        int code = send_commit(task, c, part, TXN_OP_COMMIT, &status, &answer, &err);
        if (!code && status == TXN_OK) {
            if (answer.verdict == TXN_STALE) {
                atomic_store(&c->txn->kv->generations[part->group], answer.generation);
                continue;
            }
            if (answer.verdict == TXN_COMMITTED) {
                decide(c, TXN_COMMITTED, answer.ts);
                return;
            }
            if (answer.verdict == TXN_ABORTED || answer.verdict == TXN_FORBIDDEN)
                decide(c, TXN_ABORTED, 0);
        }
        set_reason(c, status, &err);
        break;
    }
    if (c->outcome == TXN_NONE)
        ask_outcome(task, c);
}

/* ---- several groups ------------------------------------------------------------------------- */

static void run_prepare(struct task *task, void *arg)
{
    struct prepare *p = arg;
    err_clear(&p->err);
    task_mask(task);
    if (send_commit(task, p->c, p->part, TXN_OP_PREPARE, &p->status, &p->answer, &p->err))
        p->status = TXN_FAILED;
    task_unmask(task);
}

static void prepare_all(struct task *task, struct commit *c)
{
    struct task_group children;
    struct err err;
    task_group_init(&children, task_core(task));
    for (uint32_t i = 1; i < c->n; i++)
        task_group_spawn(&children, TASK_TXN, "kv_prepare", run_prepare, &c->prepares[i]);
    run_prepare(task, &c->prepares[0]);
    (void)!task_group_wait(task, &children, &err); /* each says in its own struct how it went */
}

enum prepared { ALL_PREPARED, SOME_STALE, DECIDED, SOME_REFUSED };

/* What the answers say together; the timestamp when all are prepared under this epoch. */
static enum prepared judge_prepares(struct commit *c, hlc_time *ts)
{
    enum prepared all = ALL_PREPARED;
    *ts = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        struct prepare *p = &c->prepares[i];
        uint8_t verdict = p->status == TXN_OK ? p->answer.verdict : TXN_NONE;
        if (verdict == TXN_COMMITTED) {
            decide(c, TXN_COMMITTED, p->answer.ts); /* recovery was faster */
            return DECIDED;
        }
        if (verdict == TXN_PREPARED && p->answer.epoch == c->epoch) {
            *ts = p->answer.ts > *ts ? p->answer.ts : *ts;
        } else if (verdict == TXN_STALE) {
            atomic_store(&c->txn->kv->generations[p->part->group], p->answer.generation);
            if (all == ALL_PREPARED)
                all = SOME_STALE;
        } else {
            set_reason(c, p->status, &p->err);
            all = SOME_REFUSED;
        }
    }
    return all;
}

static void commit_many(struct task *task, struct commit *c)
{
    hlc_time ts;
    enum prepared got;
    for (uint32_t i = 0; i < c->n; i++)
        c->prepares[i] = (struct prepare){.c = c, .part = c->parts[i]};
    do {
        prepare_all(task, c);
        got = judge_prepares(c, &ts);
    } while (got == SOME_STALE && c->epoch++ < 5);
    if (got == ALL_PREPARED)
        decide(c, TXN_COMMITTED, ts);
    else if (got != DECIDED)
        ask_outcome(task, c);
    if (c->outcome != TXN_NONE)
        txn_finish_start(c->txn->core, &c->txn->id, c->session, c->anchor, c->epoch, c->outcome,
                         c->ts, c->groups, c->n, true);
}

/* ---- commit --------------------------------------------------------------------------------- */

/* Groups with locks of this transaction; those without an answer so far only need to be let go. */
static void list_parts(struct commit *c)
{
    struct kv_txn *txn = c->txn;
    c->parts = arena_array(&txn->arena, struct kv_part *, txn->n_parts);
    c->groups = arena_array(&txn->arena, uint32_t, txn->n_parts);
    c->prepares = arena_array(&txn->arena, struct prepare, txn->n_parts > 1 ? txn->n_parts : 0);
    for (uint32_t i = 0; i < txn->n_parts; i++) {
        struct kv_part *part = &txn->parts[i];
        if (!part->incarnation || (!part->rows && (txn->kv->faults & TXN_FAULT_LOCK_ONLY_LEFT_OUT)))
            continue;
        c->groups[c->n] = part->group;
        c->parts[c->n++] = part;
        if (!c->anchor || part->group == txn->anchor_group)
            c->anchor = part->group;
    }
}

static bool has_rows(const struct kv_txn *txn)
{
    for (uint32_t i = 0; i < txn->n_parts; i++)
        if (txn->parts[i].rows)
            return true;
    return false;
}

/* Lets go of unprepared locks; `but`: groups a commit has already taken care of. */
static void release_locks(struct task *task, struct kv_txn *txn, const struct commit *but)
{
    for (uint32_t i = 0; i < txn->n_parts; i++) {
        bool done = false;
        for (uint32_t j = 0; but && j < but->n; j++)
            done |= but->groups[j] == txn->parts[i].group;
        if (!done)
            txn_post(task, txn->kv, txn, &txn->parts[i], TXN_OP_ABORT, NULL, 0);
    }
}

static int fail_commit(struct commit *c, struct err *err)
{
    if (c->outcome == TXN_NONE) {
        log_event(c->txn->kv->env->log, LOG_WARN, "commit_unknown",
                  LOG_U64("number", c->txn->id.number), LOG_U64("anchor", c->anchor));
        return err_set(err, ERR_STATEMENT_COMPLETION_UNKNOWN,
                       "the outcome of the commit could not be learnt in time");
    }
    if (!c->reason.code)
        err_set(&c->reason, ERR_SERIALIZATION_FAILURE,
                "could not serialize access: the transaction was aborted");
    if (err)
        *err = c->reason;
    return c->reason.code;
}

int kv_commit(struct task *task, struct kv_txn *txn, hlc_time *commit_ts, struct err *err)
{
    struct kv_core *core = txn->core;
    struct commit c = {.txn = txn, .epoch = 1};
    int code = 0;
    if (commit_ts)
        *commit_ts = 0;
    if (!has_rows(txn)) { /* locks alone leave nothing to decide */
        release_locks(task, txn, NULL);
        kv_txn_free(txn);
        return 0;
    }
    list_parts(&c);
    if (!c.n || txn->doomed) {
        release_locks(task, txn, NULL);
        kv_txn_free(txn);
        return err_set(err, ERR_SERIALIZATION_FAILURE,
                       "could not serialize access: locks of the transaction were lost");
    }
    txn->committing = true;
    c.session = take_slot(core);
    c.deadline_ns = env_mono_ns(txn->kv->env) + TXN_COMMIT_NS;
    task_mask(task); /* once sent, its fate is waited for */
    if (c.n == 1)
        commit_one(task, &c);
    else
        commit_many(task, &c);
    release_locks(task, txn, c.outcome == TXN_COMMITTED ? &c : NULL);
    task_unmask(task);
    if (c.outcome != TXN_NONE)
        give_slot(core, c.session);
    if (c.outcome == TXN_COMMITTED) {
        hlc_merge_trusted(txn->kv->hlc, c.ts);
        if (commit_ts)
            *commit_ts = c.ts;
    } else {
        code = fail_commit(&c, err);
    }
    kv_txn_free(txn);
    return code;
}

void kv_abort(struct task *task, struct kv_txn *txn)
{
    struct err err;
    task_mask(task);
    for (struct kv_private *p = txn->privates; p; p = p->next)
        if (p->filling)
            (void)!kv_bulk_drop(task, txn, p,
                                &err); /* what could not be told is found by the groups' upkeep */
    release_locks(task, txn, NULL);
    task_unmask(task);
    kv_txn_free(txn);
}
