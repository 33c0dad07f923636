/* The leader's answers that need no rows: opening, looking, proposing; what all evaluations share.
 */
#include "storage/txn/txn_int.h"

void txn_result_elsewhere(const struct txn_group *g, struct txn_result *result)
{
    result->status = TXN_ELSEWHERE;
    result->hint = group_leader_node(g->group);
    if (result->hint == g->kv->self)
        result->hint = 0;
}

bool txn_is_serving(const struct txn_group *g, struct txn_result *result)
{
    if (!g->leading) {
        txn_result_elsewhere(g, result);
        return false;
    }
    if (!(g->kv->faults & TXN_FAULT_STALE_LEASE_READ) && !group_lease_ok(g->group)) {
        result->status = TXN_BUSY;
        return false;
    }
    return true;
}

int txn_fail_restart(struct txn_result *result, struct err *err)
{
    result->retry = KV_RETRY_STATEMENT;
    return err_set(err, ERR_SERIALIZATION_FAILURE,
                   "could not serialize access: a row was committed while the statement began");
}

int txn_fail_locks_lost(struct txn_result *result, struct err *err)
{
    result->retry = KV_RETRY_TXN;
    err_set(err, ERR_SERIALIZATION_FAILURE,
            "could not serialize access: locks of the transaction were lost");
    return err_hint(err,
                    "The leader of a group changed, or the node of the session was not heard of. "
                    "The transaction might succeed if retried.");
}

struct lock_txn *txn_find_or_add(struct txn_group *g, const struct txn_call *call,
                                 struct txn_result *result, struct err *err)
{
    struct lock_txn *txn = lock_table_txn(&g->locks, &call->txn);
    bool lost = call->incarnation &&
                (!txn || txn->incarnation != call->incarnation || call->lock_epoch != g->term);
    if (lost || (txn && txn->phase != LOCK_ACTIVE)) {
        txn_fail_locks_lost(result, err);
        return NULL;
    }
    if (!txn) {
        txn = lock_table_txn_add(&g->locks, &call->txn);
        txn->started = call->started;
        txn->session = call->session;
        txn->isolation = call->isolation;
        txn->anchor_group = call->anchor_group;
    }
    txn->running = call->request;
    result->lock_epoch = g->term;
    result->incarnation = txn->incarnation;
    return txn;
}

/* ---- waiting -------------------------------------------------------------------------------- */

static uint64_t wait_tick_ns(const struct kv *kv)
{
    return kv->recover_ns < TXN_EDGE_NS ? kv->recover_ns : TXN_EDGE_NS;
}

static bool is_open_long(struct txn_group *g, struct lock_txn *other)
{
    if (other->phase == LOCK_ACTIVE)
        return false;
    uint64_t now = env_mono_ns(g->kv->env);
    if (!other->published_ns)
        other->published_ns = now;
    return now - other->published_ns >= g->kv->recover_ns;
}

static int fail_deadline(bool lock_timeout, struct err *err)
{
    if (lock_timeout)
        return err_set(err, ERR_LOCK_NOT_AVAILABLE, "canceling statement due to lock timeout");
    return err_set(err, ERR_QUERY_CANCELED, "canceling statement due to statement timeout");
}

static int fail_wait(int code, struct err *err)
{
    if (code == ERR_DEADLOCK_DETECTED) {
        err_set(err, ERR_DEADLOCK_DETECTED, "deadlock detected");
        return err_hint(err, "The youngest of the waiting transactions was ended.");
    }
    return err_set(err, code, "the transaction was ended while it waited for a lock");
}

/* Blockers whose outcome is open for long are looked into; the others are told to the gateway. */
static void tend_wait(struct txn_group *g, struct lock_waiter *waiter)
{
    enum { BLOCKERS = 16 };
    struct lock_txn *blockers[BLOCKERS];
    uint32_t n = lock_blockers(waiter, blockers, BLOCKERS);
    bool waits_for_running = false;
    for (uint32_t i = 0; i < n; i++) {
        if (is_open_long(g, blockers[i]))
            txn_recover_start(g, blockers[i]);
        waits_for_running |= blockers[i]->phase == LOCK_ACTIVE;
    }
    if (waits_for_running)
        txn_edges_push(g, waiter);
}

int txn_wait_lock(struct task *task, struct txn_group *g, const struct txn_call *call,
                  struct lock_txn *txn, struct lock_row *row, uint8_t mode, uint8_t wait,
                  bool *granted, struct txn_result *result, struct err *err)
{
    *granted = false;
    if (wait == KV_SKIP_LOCKED)
        return 0;
    if (wait == KV_NOWAIT)
        return err_set(err, ERR_LOCK_NOT_AVAILABLE, "could not obtain lock on row");
    struct env *env = g->kv->env;
    raft_term term = g->term;
    uint64_t incarnation = txn->incarnation;
    uint64_t start = env_mono_ns(env);
    uint64_t lock_until = call->lock_timeout_ns ? start + call->lock_timeout_ns : TASK_FOREVER;
    uint64_t until = call->deadline_ns ? call->deadline_ns : TASK_FOREVER;
    struct txn_sleeper sleeper = {task};
    struct lock_waiter waiter = {.owner = &sleeper};
    lock_wait(&g->locks, &waiter, txn, row, mode);
    while (!waiter.granted && !waiter.failed) {
        uint64_t now = env_mono_ns(env);
        if (now >= lock_until || now >= until) {
            lock_wait_cancel(&g->locks, &waiter);
            return fail_deadline(lock_until <= until, err);
        }
        uint64_t tick = now + wait_tick_ns(g->kv);
        uint64_t next = lock_until < until ? lock_until : until;
        enum park_result parked = task_park(task, tick < next ? tick : next);
        if (waiter.granted || waiter.failed)
            break;
        if (parked == PARK_CANCELED) {
            lock_wait_cancel(&g->locks, &waiter);
            return task_cancel_error(task, err);
        }
        if (env_mono_ns(env) >= tick)
            tend_wait(g, &waiter);
    }
    if (waiter.failed == TXN_WAIT_LOST || !txn_group_is_leading(g, term)) {
        txn_result_elsewhere(g, result);
        return 0;
    }
    if (waiter.failed) {
        result->retry = KV_RETRY_TXN;
        return fail_wait(waiter.failed, err);
    }
    struct lock_txn *now = lock_table_txn(&g->locks, &call->txn);
    if (!now || now->incarnation != incarnation) {
        result->retry = KV_RETRY_TXN;
        return fail_wait(ERR_SERIALIZATION_FAILURE, err);
    }
    *granted = true;
    return 0;
}

int txn_wait_end(struct task *task, struct txn_group *g, struct lock_txn *other,
                 uint64_t deadline_ns, bool *ended, hlc_time *outcome_ts, struct err *err)
{
    struct env *env = g->kv->env;
    raft_term term = g->term;
    struct txn_sleeper sleeper = {task};
    struct lock_watch watch = {.owner = &sleeper};
    uint64_t until = deadline_ns ? deadline_ns : TASK_FOREVER;
    lock_watch_add(&watch, other);
    while (!watch.ended) {
        uint64_t now = env_mono_ns(env);
        if (now >= until) {
            lock_watch_remove(&watch);
            return fail_deadline(false, err);
        }
        uint64_t tick = now + wait_tick_ns(g->kv);
        enum park_result parked = task_park(task, tick < until ? tick : until);
        if (watch.ended)
            break;
        if (parked == PARK_CANCELED) {
            lock_watch_remove(&watch);
            return task_cancel_error(task, err);
        }
        if (is_open_long(g, other))
            txn_recover_start(g, other);
    }
    *ended = txn_group_is_leading(g, term);
    *outcome_ts = watch.outcome_ts;
    return 0;
}

/* ---- schemas -------------------------------------------------------------------------------- */

static int fail_schema(uint64_t storage, struct txn_result *result, struct err *err)
{
    result->retry = KV_RETRY_SCHEMA;
    return err_set(err, ERR_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   "storage %llu changed its schema or was dropped", (unsigned long long)storage);
}

int txn_check_schema(struct task *task, struct txn_group *g, const struct kv_txn_id *txn,
                     uint64_t deadline_ns, hlc_time read_ts, uint64_t storage, uint32_t version,
                     uint16_t shard, struct lsm **lsm, struct txn_result *result, struct err *err)
{
    for (;;) {
        struct lock_row *row = lock_table_find(&g->locks, storage, LOCK_SHARD_CHANGES, "", 0);
        struct lock_txn *writer = row ? row->writer : NULL;
        if (writer && kv_txn_id_equal(&writer->id, txn)) {
            *lsm = group_tablet(g->group, storage, shard);
            return 0;
        }
        if (!writer || writer->phase == LOCK_ACTIVE)
            break;
        bool ended;
        hlc_time ts;
        int code = txn_wait_end(task, g, writer, deadline_ns, &ended, &ts, err);
        if (code)
            return code;
        if (!ended) {
            txn_result_elsewhere(g, result);
            return 0;
        }
        if (read_ts && ts > read_ts)
            return txn_fail_restart(result, err);
    }
    const struct kv_schema *schema = group_tablet_schema(g->group, storage, shard);
    if (!schema || schema->version != version)
        return fail_schema(storage, result, err);
    *lsm = group_tablet(g->group, storage, shard);
    return 0;
}

/* ---- calls ---------------------------------------------------------------------------------- */

static int eval_propose(struct task *task, struct txn_group *g, const struct txn_call *call,
                        struct txn_result *result, struct err *err)
{
    struct txn_answer answer;
    struct buf command = {0};
    struct txn_command parsed;
    if (!txn_command_decode(call->body, call->body_len, &parsed))
        return err_set(err, ERR_PROTOCOL_VIOLATION, "transaction command is malformed");
    buf_put(&command, call->body, call->body_len);
    store_le64(command.data + 48, hlc_now(g->kv->hlc));
    int code = txn_group_propose(task, g, &command, &result->status, &answer, err);
    buf_done(&command);
    if (result->status == TXN_OK)
        txn_answer_put(&result->body, &answer);
    return code;
}

/* The clock, and who is prepared here without an outcome: an acknowledged one may come out above
 * the statement's timestamp, and be resolved before the statement's scan could meet its rows. */
static void eval_open(struct txn_group *g, struct txn_result *result)
{
    uint32_t n = 0;
    result->clock = hlc_now(g->kv->hlc);
    for (size_t i = 0; g->locks.prepared_count && i < g->locks.txns.entry_count; i++) {
        const struct lock_txn *txn = g->locks.txns.entries[i].value;
        if (!txn || txn->phase == LOCK_ACTIVE || txn->one_group)
            continue;
        if (++n > TXN_OPEN_PENDING) { /* too many to name: the group does not count as opened */
            buf_reset(&result->body);
            buf_put_u8(&result->body, 0);
            return;
        }
        buf_put_le32(&result->body, txn->id.gateway);
        buf_put_le32(&result->body, txn->id.boot_epoch);
        buf_put_le64(&result->body, txn->id.number);
    }
}

static void eval_look(struct txn_group *g, const struct txn_call *call, struct txn_result *result)
{
    struct txn_answer answer = {.verdict = TXN_NONE};
    struct txn_record record;
    if (txn_state_record(g->group, &call->txn, &record)) {
        answer.verdict = record.status;
        answer.epoch = record.epoch;
        answer.ts = record.ts;
        answer.n_groups = record.n_groups;
        for (uint32_t i = 0; i < record.n_groups && i < TXN_GROUPS_MAX; i++)
            answer.groups[i] = load_le32(record.groups + 4 * i);
    } else {
        txn_state_outcome(g->group, &call->txn, call->session, &answer);
    }
    txn_answer_put(&result->body, &answer);
}

static void eval_abort(struct txn_group *g, const struct txn_call *call)
{
    struct lock_txn *txn = lock_table_txn(&g->locks, &call->txn);
    if (txn && txn->phase == LOCK_ACTIVE)
        lock_txn_end(&g->locks, txn, ERR_QUERY_CANCELED);
}

static void eval_cancel(struct txn_group *g, const struct txn_call *call)
{
    struct lock_txn *txn = lock_table_txn(&g->locks, &call->txn);
    if (txn && call->body_len == 4)
        lock_waits_fail(&g->locks, txn, (int)load_le32(call->body));
}

static int dispatch_call(struct task *task, struct txn_group *g, const struct txn_call *call,
                         struct txn_result *result, struct err *err)
{
    switch ((enum txn_op)call->op) {
    case TXN_OP_OPEN:
        eval_open(g, result);
        return 0;
    case TXN_OP_WRITE:
        return txn_eval_write(task, g, call, result, err);
    case TXN_OP_LOCK:
        return txn_eval_lock(task, g, call, result, err);
    case TXN_OP_CHANGE:
        return txn_eval_change(task, g, call, result, err);
    case TXN_OP_COMMIT:
    case TXN_OP_PREPARE:
        return txn_eval_commit(task, g, call, result, err);
    case TXN_OP_PROPOSE:
        return eval_propose(task, g, call, result, err);
    case TXN_OP_BULK:
        return txn_eval_bulk(task, g, call, result, err);
    case TXN_OP_VOID:
        return txn_eval_void(task, g, call, result, err);
    case TXN_OP_LOOK:
        eval_look(g, call, result);
        return 0;
    case TXN_OP_ABORT:
        eval_abort(g, call);
        return 0;
    case TXN_OP_CANCEL:
        eval_cancel(g, call);
        return 0;
    case TXN_OP_SCAN:
        break;
    }
    return err_set(err, ERR_PROTOCOL_VIOLATION, "unknown transaction request %u", call->op);
}

int txn_eval(struct task *task, struct txn_group *g, const struct txn_call *call,
             struct txn_result *result, struct err *err)
{
    buf_reset(&result->body);
    result->status = TXN_OK;
    result->retry = KV_RETRY_NONE;
    result->hint = 0;
    result->clock = 0;
    if (!txn_is_serving(g, result))
        return 0;
    raft_term term = g->term;
    int code = 0;
    if (call->clock && hlc_merge(g->kv->hlc, call->clock) != HLC_OK)
        code =
            err_set(err, ERR_SYSTEM_ERROR, "clock of node %u is too far ahead", call->txn.gateway);
    else
        code = dispatch_call(task, g, call, result, err);
    if (code) {
        result->status = TXN_FAILED;
        buf_reset(&result->body);
    } else if ((call->op == TXN_OP_OPEN || call->op == TXN_OP_LOOK || call->op == TXN_OP_LOCK) &&
               result->status == TXN_OK && txn_group_is_leading(g, term)) {
        txn_is_serving(g,
                       result); /* what was read is only an answer under a lease that still holds */
    }
    if (!result->clock)
        result->clock = hlc_last(g->kv->hlc);
    return code;
}
