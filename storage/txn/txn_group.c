#include "storage/txn/txn_group.h"

#include <stdlib.h>

#include "base/hash.h"
#include "storage/txn/txn_int.h"

static void wake_waiter(struct lock_waiter *waiter)
{
    struct txn_sleeper *sleeper = waiter->owner;
    task_wake(sleeper->task);
}

static void wake_watch(struct lock_watch *watch)
{
    struct txn_sleeper *sleeper = watch->owner;
    task_wake(sleeper->task);
}

struct txn_group *txn_group_create(struct kv *kv, struct group *group)
{
    struct txn_group *g = calloc(1, sizeof *g);
    if (!g)
        abort();
    g->kv = kv;
    g->group = group;
    lock_table_init(&g->locks);
    g->locks.waiter_woken = wake_waiter;
    g->locks.watch_woken = wake_watch;
    return g;
}

static void drop_reads(struct txn_group *g)
{
    free(g->outcomes);
    g->outcomes = NULL;
    if (g->reads) {
        read_cache_done(g->reads);
        free(g->reads);
        g->reads = NULL;
    }
}

void txn_group_destroy(struct txn_group *g)
{
    lock_table_done(&g->locks);
    drop_reads(g);
    free(g);
}

/* ---- apply ---------------------------------------------------------------------------------- */

static void end_txn(struct txn_group *g, const struct kv_txn_id *id, hlc_time outcome_ts,
                    bool unprepared_only)
{
    struct lock_txn *txn = lock_table_txn(&g->locks, id);
    if (!txn || (unprepared_only && txn->phase != LOCK_ACTIVE))
        return;
    txn->outcome_ts = outcome_ts;
    lock_txn_end(&g->locks, txn, ERR_SERIALIZATION_FAILURE);
}

static struct txn_outcome *outcome_slot(const struct txn_group *g, const struct kv_txn_id *txn)
{
    return &g->outcomes[hash_bytes(txn, sizeof *txn, 0) % TXN_OUTCOMES];
}

static void keep_outcome(struct txn_group *g, const struct kv_txn_id *txn, hlc_time ts)
{
    if (!g->outcomes && !(g->outcomes = calloc(TXN_OUTCOMES, sizeof *g->outcomes)))
        abort();
    *outcome_slot(g, txn) = (struct txn_outcome){*txn, ts};
}

bool txn_group_outcome(const struct txn_group *g, const struct kv_txn_id *txn, hlc_time *ts)
{
    struct txn_answer answer;
    if (g->outcomes && kv_txn_id_equal(&outcome_slot(g, txn)->txn, txn)) {
        *ts = outcome_slot(g, txn)->ts;
        return true;
    }
    if (!txn_state_outcome(g->group, txn, 0, &answer))
        return false;
    *ts = answer.verdict == TXN_COMMITTED ? answer.ts : 0;
    return true;
}

static void follow_finish(void *arg, const struct txn_finish *finish, bool taken)
{
    struct txn_group *g = arg;
    hlc_time ts = finish->outcome == TXN_COMMITTED ? finish->ts : 0;
    if (ts)
        hlc_merge_trusted(g->kv->hlc, ts);
    if (g->leading && finish->what == TXN_RESOLVE && taken)
        keep_outcome(g, &finish->txn, ts);
    if (g->leading && finish->what == TXN_RESOLVE && (taken || finish->outcome == TXN_ABORTED))
        end_txn(g, &finish->txn, ts, !taken);
}

/* The leader's lock table after an entry took effect. */
static void follow_apply(struct txn_group *g, const struct txn_command *c,
                         const struct txn_answer *answer)
{
    struct lock_txn *txn;
    hlc_time ts = answer->verdict == TXN_COMMITTED ? answer->ts : 0;
    bool aborted = answer->verdict == TXN_ABORTED || answer->verdict == TXN_FORBIDDEN ||
                   answer->verdict == TXN_GONE;
    switch ((enum txn_kind)c->kind) {
    case TXN_COMMIT:
        if (ts || aborted)
            end_txn(g, &c->txn, ts, false);
        break;
    case TXN_PREPARE:
        if (ts || aborted)
            end_txn(g, &c->txn, ts, false);
        else if (answer->verdict == TXN_PREPARED && (txn = lock_table_txn(&g->locks, &c->txn)))
            lock_txn_prepared(&g->locks, txn);
        break;
    case TXN_FORBID:
    case TXN_ASK:
    case TXN_CAS:
        if (aborted)
            end_txn(g, &c->txn, 0, true);
        break;
    case TXN_FINISH:
    case TXN_BULK:
    case TXN_BULK_DROP:
    case TXN_ALLOC:
    case TXN_GC:
        break;
    }
}

void txn_group_apply(struct txn_group *g, struct group_apply *apply,
                     const struct group_command *command, struct buf *answer_out)
{
    struct txn_command c;
    struct txn_answer answer;
    if (!txn_command_decode(command->bytes, command->size_bytes, &c))
        return; /* a later version's entry: never proposed before every node understands it */
    if (c.kind == TXN_COMMIT || c.kind == TXN_PREPARE)
        hlc_merge_trusted(g->kv->hlc, c.ts);
    txn_apply(apply, g->kv->faults, &c, command->bytes, command->size_bytes, &answer, follow_finish,
              g);
    if (answer.ts)
        hlc_merge_trusted(g->kv->hlc, answer.ts);
    txn_answer_put(answer_out, &answer);
    if (g->leading)
        follow_apply(g, &c, &answer);
}

/* ---- leading -------------------------------------------------------------------------------- */

/* A prepared transaction's locks, as its entry names them. */
static void load_prepared(struct txn_group *g, const struct txn_command *c, hlc_time from)
{
    struct lock_txn *txn = lock_table_txn_add(&g->locks, &c->txn);
    struct buf_reader in = c->items;
    struct txn_item item;
    txn->session = c->session;
    txn->anchor_group = c->anchor_group;
    for (uint32_t i = 0; i < c->n_items && txn_item_take(&in, &item); i++) {
        struct lock_row *row;
        if (lock_acquire(&g->locks, txn, item.storage, item.shard, item.key, item.key_len,
                         item.mode, &row) &&
            item.op != LOCK_OP_NONE)
            lock_value_put(&g->locks, txn, row, 0, item.op, item.data, item.data_len);
    }
    lock_txn_publish(&g->locks, txn, from, c->epoch);
    lock_txn_prepared(&g->locks, txn);
}

void txn_group_started(struct txn_group *g, raft_term term)
{
    struct group_state_iter it;
    struct group_state_item item;
    struct txn_command c;
    g->leading = true;
    g->term = term;
    g->read_floor = group_read_floor(g->group);
    if (g->kv->faults & TXN_FAULT_PREPARED_DROPPED)
        return;
    group_state_seek(g->group, &it, "P", 1, NULL, 0);
    while (group_state_next(&it, &item))
        if (txn_command_decode(item.value, item.value_len, &c))
            load_prepared(g, &c, txn_prepared_from(item.value, item.value_len));
}

void txn_group_stopped(struct txn_group *g)
{
    g->leading = false;
    lock_table_clear(&g->locks, TXN_WAIT_LOST);
    drop_reads(g);
}

bool txn_group_is_leading(const struct txn_group *g, raft_term term)
{
    return g->leading && g->term == term;
}

void txn_group_note_read(struct txn_group *g, uint64_t storage, uint16_t shard,
                         const struct kv_span *span, hlc_time ts, const struct kv_txn_id *reader)
{
    if (!g->reads) {
        g->reads = malloc(sizeof *g->reads);
        if (!g->reads)
            abort();
        read_cache_init(g->reads, g->read_floor);
    }
    read_cache_raise(g->reads, storage, shard, span, ts, reader);
}

hlc_time txn_group_choose_ts(struct txn_group *g)
{
    hlc_time above =
        g->reads && g->reads->newest > g->read_floor ? g->reads->newest : g->read_floor;
    hlc_time ts = hlc_now(g->kv->hlc);
    if (ts > above)
        return ts;
    hlc_merge_trusted(g->kv->hlc, above);
    return hlc_now(g->kv->hlc);
}

/* ---- proposing ------------------------------------------------------------------------------ */

struct proposing {
    struct group_proposal base;
    struct task *task;
    struct txn_answer *answer;
    bool done, decoded;
    enum group_outcome outcome;
};

static void finish_proposal(struct group_proposal *base, enum group_outcome outcome,
                            const uint8_t *answer, size_t answer_len)
{
    struct proposing *p = container_of(base, struct proposing, base);
    p->outcome = outcome;
    p->decoded = outcome == GROUP_APPLIED && txn_answer_decode(answer, answer_len, p->answer);
    p->done = true;
    task_wake(p->task);
}

int txn_group_propose(struct task *task, struct txn_group *g, const struct buf *command,
                      uint8_t *status, struct txn_answer *answer, struct err *err)
{
    struct proposing p = {
        .base = {.bytes = command->data,
                 .size_bytes = command->len,
                 .expected_term = g->term,
                 .done = finish_proposal},
        .task = task,
        .answer = answer,
    };
    if (!g->leading) {
        *status = TXN_ELSEWHERE;
        return 0;
    }
    switch (group_propose_start(g->group, &p.base)) {
    case GROUP_PROPOSE_ACCEPTED:
        break;
    case GROUP_PROPOSE_NOT_LEADER:
    case GROUP_PROPOSE_TRANSFERRING:
        *status = TXN_ELSEWHERE;
        return 0;
    case GROUP_PROPOSE_OVERLOADED:
    case GROUP_PROPOSE_STOPPING:
        *status = TXN_BUSY;
        return 0;
    case GROUP_PROPOSE_DISK_FULL:
        *status = TXN_FAILED;
        return err_set(err, ERR_DISK_FULL, "could not write to the log: no space left on device");
    }
    while (!p.done)
        task_park_always(task);
    *status = p.decoded ? TXN_OK : p.outcome == GROUP_LOST ? TXN_ELSEWHERE : TXN_UNSURE;
    return 0;
}
