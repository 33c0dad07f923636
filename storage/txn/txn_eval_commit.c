/* The leader's part of a commit: checks, the choice of the timestamp, the entry. */
#include "storage/txn/txn_int.h"

struct committing {
    struct txn_group *g;
    const struct txn_call *call;
    bool prepare;
    struct txn_command head;
    uint32_t groups[TXN_GROUPS_MAX];
};

static int decode_body(struct committing *c, struct err *err)
{
    struct buf_reader in = buf_reader_of(c->call->body, c->call->body_len);
    c->head.flags = (uint16_t)buf_take_le32(&in);
    c->head.generation = buf_take_le32(&in);
    c->head.epoch = buf_take_le32(&in);
    c->head.n_groups = buf_take_le16(&in);
    if (c->head.n_groups > TXN_GROUPS_MAX)
        in.bad = true;
    for (uint32_t i = 0; i < c->head.n_groups && !in.bad; i++)
        c->groups[i] = buf_take_le32(&in);
    c->head.kind = c->prepare ? TXN_PREPARE : TXN_COMMIT;
    c->head.txn = c->call->txn;
    c->head.session = c->call->session;
    c->head.anchor_group = c->call->anchor_group;
    return in.bad ? err_set(err, ERR_PROTOCOL_VIOLATION, "commit request is malformed") : 0;
}

/* What the state store already says about this commit: a repeat is answered from the first. */
static bool find_answer(struct committing *c, struct txn_answer *answer)
{
    struct txn_command prepared;
    *answer = (struct txn_answer){.generation = txn_state_generation(c->g->group)};
    if (txn_state_outcome(c->g->group, &c->head.txn, c->head.session, answer))
        return !(c->g->kv->faults & TXN_FAULT_OUTCOME_UNCHECKED);
    if (c->prepare && txn_state_prepared(c->g->group, &c->head.txn, &prepared) &&
        prepared.epoch >= c->head.epoch) {
        answer->verdict = prepared.epoch == c->head.epoch ? TXN_PREPARED : TXN_NEWER;
        answer->epoch = prepared.epoch;
        answer->ts = prepared.ts;
        return true;
    }
    if (c->head.generation != answer->generation) {
        answer->verdict = TXN_STALE;
        return true;
    }
    return false;
}

static bool put_holder(struct committing *c, const struct lock_holder *h, bool changes,
                       struct buf *out)
{
    const struct lock_row *row = h->row;
    if ((row->space->shard == LOCK_SHARD_CHANGES) != changes)
        return false;
    const struct lock_value *value = NULL;
    uint16_t n_void = c->g->kv->faults & TXN_FAULT_VOID_KEPT ? 0 : c->call->n_void;
    if (row->writer == h->txn)
        value = lock_value_seen(row, UINT32_MAX, c->call->voided, n_void);
    if (!value && !c->prepare)
        return false; /* a lock alone needs no log once everything is decided */
    txn_item_put(out, &(struct txn_item){.storage = row->space->storage,
                                         .shard = row->space->shard,
                                         .mode = h->mode,
                                         .op = value ? value->op : LOCK_OP_NONE,
                                         .key = row->key,
                                         .key_len = row->key_len,
                                         .data = value ? value->data : NULL,
                                         .data_len = value ? value->len : 0});
    return true;
}

/* Storage changes first: rows may need their tablets. */
static void build_entry(struct committing *c, const struct lock_txn *txn, struct buf *out)
{
    uint32_t n = 0;
    c->head.stamp = hlc_now(c->g->kv->hlc);
    txn_command_begin(out, &c->head, c->groups);
    for (int changes = 1; changes >= 0; changes--)
        list_each(struct lock_holder, h, &txn->holders, txn_link) n +=
            put_holder(c, h, changes, out);
    store_le32(out->data + 60, n);
}

/* The lock table's transaction if its locks still stand. */
static struct lock_txn *find_locks(const struct committing *c)
{
    struct lock_txn *txn = lock_table_txn(&c->g->locks, &c->call->txn);
    if (c->g->kv->faults & TXN_FAULT_LOCKS_UNCHECKED)
        return txn ? txn : lock_table_txn_add(&c->g->locks, &c->call->txn);
    if (!txn || c->call->lock_epoch != c->g->term || txn->incarnation != c->call->incarnation)
        return NULL;
    return txn;
}

/* A leader that took over writes nothing at or below what its predecessor may have served: its
 * clock passes that point by itself within max_clock_offset. */
static int wait_for_floor(struct task *task, struct txn_group *g, struct err *err)
{
    for (;;) {
        uint64_t floor_us = hlc_micros(g->read_floor);
        uint64_t now_us = env_wall_us(g->kv->env);
        if (now_us > floor_us || hlc_last(g->kv->hlc) > g->read_floor)
            return 0;
        uint64_t left_us = floor_us - now_us + 1;
        int code = task_sleep(task, (left_us < 20000 ? left_us : 20000) * 1000, err);
        if (code)
            return code;
    }
}

static int propose_entry(struct task *task, struct committing *c, struct lock_txn *txn,
                         struct txn_result *result, struct txn_answer *answer, struct err *err)
{
    struct txn_group *g = c->g;
    struct buf entry = {0};
    raft_term term = g->term;
    bool was_prepared =
        txn->phase == LOCK_PREPARED; /* re-staged: the first prepare goes on standing */
    build_entry(c, txn, &entry);
    hlc_time ts = txn_group_choose_ts(g);
    txn_command_set_ts(&entry, ts);
    if (!(g->kv->faults & TXN_FAULT_PUBLISH_LATE))
        lock_txn_publish(&g->locks, txn, ts, c->head.epoch);
    int code = txn_group_propose(task, g, &entry, &result->status, answer, err);
    buf_done(&entry);
    bool nothing_done = code || result->status == TXN_ELSEWHERE || result->status == TXN_BUSY ||
                        (result->status == TXN_OK &&
                         (answer->verdict == TXN_STALE || answer->verdict == TXN_NEWER));
    if (nothing_done && txn_group_is_leading(g, term) &&
        (txn = lock_table_txn(&g->locks, &c->call->txn))) {
        if (was_prepared)
            lock_txn_prepared(&g->locks, txn);
        else
            lock_txn_unpublish(&g->locks, txn);
    }
    return code;
}

int txn_eval_commit(struct task *task, struct txn_group *g, const struct txn_call *call,
                    struct txn_result *result, struct err *err)
{
    struct committing c = {.g = g, .call = call, .prepare = call->op == TXN_OP_PREPARE};
    struct txn_answer answer;
    raft_term term = g->term;
    int code = decode_body(&c, err);
    if (!code && g->read_floor)
        code = wait_for_floor(task, g, err);
    if (code)
        return code;
    if (!txn_group_is_leading(g, term)) {
        txn_result_elsewhere(g, result);
        return 0;
    }
    if (find_answer(&c, &answer)) {
        txn_answer_put(&result->body, &answer);
        return 0;
    }
    struct lock_txn *txn = find_locks(&c);
    if (!txn) {
        result->status = TXN_REFUSED;
        return 0;
    }
    if (txn->phase == LOCK_PUBLISHED) {
        result->status =
            TXN_BUSY; /* the first try is on its way: its answer will stand in the state store */
        return 0;
    }
    code = propose_entry(task, &c, txn, result, &answer, err);
    if (result->status == TXN_OK && !code)
        txn_answer_put(&result->body, &answer);
    return code;
}
