/* The leader's answers about rows: writing, locking, storage changes, bulk rows. */
#include "storage/txn/txn_int.h"

/* A request for rows of one storage, being served. */
struct serving {
    struct task *task;
    struct txn_group *g;
    const struct txn_call *call;
    struct txn_result *result;
    struct lock_txn *txn;
    uint64_t storage;
    uint32_t version;
    uint8_t wait;
    struct lsm *lsm;
    uint16_t lsm_shard;
    bool lsm_known;
};

/* The tablet of a shard, looked up again when the shard changes or somebody waited. */
static int need_tablet(struct serving *s, uint16_t shard, struct err *err)
{
    if (s->lsm_known && s->lsm_shard == shard)
        return 0;
    int code = txn_check_schema(s->task, s->g, &s->call->txn, s->call->deadline_ns, 0, s->storage,
                                s->version, shard, &s->lsm, s->result, err);
    s->lsm_known = code == 0 && s->result->status == TXN_OK;
    s->lsm_shard = shard;
    return code;
}

/* Locks the row; waits as the request says. *row NULL: not locked (skipped, or result->status is
 * set). */
static int lock_row(struct serving *s, uint16_t shard, const uint8_t *key, uint32_t key_len,
                    uint8_t mode, struct lock_row **row, bool *fresh, struct err *err)
{
    struct lock_table *locks = &s->g->locks;
    struct lock_row *at;
    uint64_t count = s->txn->lock_count;
    bool granted = lock_acquire(locks, s->txn, s->storage, shard, key, key_len, mode, &at);
    *row = NULL;
    if (!granted) {
        s->lsm_known = false;
        int code = txn_wait_lock(s->task, s->g, s->call, s->txn, at, mode, s->wait, &granted,
                                 s->result, err);
        if (code || !granted)
            return code;
        code = need_tablet(s, shard, err);
        if (code || s->result->status != TXN_OK)
            return code;
        at = lock_table_find(locks, s->storage, shard, key, key_len);
    }
    *fresh = s->txn->lock_count > count;
    *row = at;
    return 0;
}

/* The newest committed version of a row that is locked. `bytes` NULL: not wanted. */
static int find_newest(struct serving *s, const uint8_t *key, uint32_t key_len,
                       struct lsm_version_info *info, struct buf *bytes, struct err *err)
{
    *info = (struct lsm_version_info){0};
    if (!s->lsm || (!bytes && lsm_newest_now(s->lsm, key, key_len, info)))
        return 0;
    uint64_t incarnation = s->txn ? s->txn->incarnation : 0;
    raft_term term = s->g->term;
    int code = bytes ? lsm_get(s->task, s->lsm, key, key_len, HLC_MAX, info, bytes, err)
                     : lsm_newest(s->task, s->lsm, key, key_len, info, err);
    struct lock_txn *now = s->txn ? lock_table_txn(&s->g->locks, &s->call->txn) : NULL;
    if (!txn_group_is_leading(s->g, term) || (s->txn && (!now || now->incarnation != incarnation)))
        txn_result_elsewhere(s->g, s->result); /* the wait for the disk let somebody end it */
    return code;
}

static int fail_concurrent(struct serving *s, bool deleted, struct err *err)
{
    s->result->retry = KV_RETRY_TXN;
    return err_set(err, ERR_SERIALIZATION_FAILURE,
                   "could not serialize access due to concurrent %s",
                   deleted ? "delete" : "update");
}

static int check_memory(struct serving *s, struct err *err)
{
    if (s->g->locks.bytes <= s->g->kv->lock_bytes_max)
        return 0;
    return err_set(err, ERR_OUT_OF_MEMORY, "lock table of group %u is full", group_id(s->g->group));
}

/* ---- writing -------------------------------------------------------------------------------- */

static int write_row(struct serving *s, uint8_t op, uint16_t shard, const uint8_t *key,
                     uint32_t key_len, const uint8_t *data, uint32_t data_len, uint8_t *answer,
                     struct err *err)
{
    struct lock_row *row;
    bool fresh;
    struct lsm_version_info info;
    uint8_t mode = op == KV_PUT ? KV_LOCK_NO_KEY_UPDATE : KV_LOCK_UPDATE;
    int code = need_tablet(s, shard, err);
    if (!code && s->result->status == TXN_OK)
        code = lock_row(s, shard, key, key_len, mode, &row, &fresh, err);
    if (code || s->result->status != TXN_OK)
        return code;
    *answer = KV_ROW_SKIPPED;
    if (!row)
        return 0;
    const struct lock_value *own =
        row->writer == s->txn ? lock_value_seen(row, UINT32_MAX, s->call->voided, s->call->n_void)
                              : NULL;
    if (!own) {
        code = find_newest(s, key, key_len, &info, NULL, err);
        if (code || s->result->status != TXN_OK)
            return code;
    }
    if (op == KV_INSERT && (own ? own->op == LOCK_OP_PUT : info.found && !info.deleted)) {
        *answer = KV_ROW_EXISTS;
        if (fresh && !row->writer)
            lock_release(&s->g->locks, s->txn, row);
        return 0;
    }
    if (op != KV_INSERT && !own && s->call->isolation != KV_READ_COMMITTED && info.found &&
        info.ts > s->call->read_ts && !(s->g->kv->faults & TXN_FAULT_NEWER_UNCHECKED))
        return fail_concurrent(s, info.deleted, err);
    lock_value_put(&s->g->locks, s->txn, row, s->call->seq,
                   op == KV_DELETE ? LOCK_OP_DELETE : LOCK_OP_PUT, data, data_len);
    *answer = KV_ROW_OK;
    return check_memory(s, err);
}

static int begin_serving(struct serving *s, struct buf_reader *in, struct err *err)
{
    s->storage = buf_take_varint(in);
    s->version = (uint32_t)buf_take_varint(in);
    s->txn = txn_find_or_add(s->g, s->call, s->result, err);
    return s->txn ? 0 : ERR_SERIALIZATION_FAILURE;
}

int txn_eval_write(struct task *task, struct txn_group *g, const struct txn_call *call,
                   struct txn_result *result, struct err *err)
{
    struct serving s = {.task = task, .g = g, .call = call, .result = result};
    struct buf_reader in = buf_reader_of(call->body, call->body_len);
    int code = begin_serving(&s, &in, err);
    uint8_t op = buf_take_u8(&in);
    s.wait = buf_take_u8(&in);
    uint64_t n = buf_take_varint(&in);
    for (uint64_t i = 0; i < n && !code && !in.bad && result->status == TXN_OK; i++) {
        size_t key_len, data_len;
        uint8_t answer = KV_ROW_OK;
        uint16_t shard = (uint16_t)buf_take_varint(&in);
        const uint8_t *key = buf_take_sized(&in, &key_len);
        const uint8_t *data = buf_take_sized(&in, &data_len);
        if (in.bad)
            break;
        code = write_row(&s, op, shard, key, (uint32_t)key_len, data, (uint32_t)data_len, &answer,
                         err);
        buf_put_u8(&result->body, answer);
        task_tick(task, 5);
        if (!code && result->status == TXN_OK && !lock_table_txn(&g->locks, &call->txn))
            txn_result_elsewhere(g, result); /* the tick let somebody end it */
    }
    if (!code && in.bad)
        code = err_set(err, ERR_PROTOCOL_VIOLATION, "write request is malformed");
    return code;
}

/* ---- locking -------------------------------------------------------------------------------- */

/* What the locked row has become since the statement read it. */
static int judge_row(struct serving *s, const struct lock_row *row, const uint8_t *key,
                     uint32_t key_len, struct buf *bytes, uint8_t *answer, struct err *err)
{
    struct lsm_version_info info;
    const struct lock_value *own =
        row->writer == s->txn ? lock_value_seen(row, UINT32_MAX, s->call->voided, s->call->n_void)
                              : NULL;
    if (own) {
        *answer = own->op == LOCK_OP_DELETE ? KV_ROW_GONE : KV_ROW_OK;
        return 0;
    }
    int code = find_newest(s, key, key_len, &info, NULL, err);
    if (code || s->result->status != TXN_OK)
        return code;
    bool unchanged = !info.found || info.ts <= s->call->read_ts ||
                     (s->g->kv->faults & TXN_FAULT_NEWER_UNCHECKED);
    if (unchanged) {
        *answer = info.found && !info.deleted ? KV_ROW_OK : KV_ROW_GONE;
        return 0;
    }
    if (s->call->isolation != KV_READ_COMMITTED)
        return fail_concurrent(s, info.deleted, err);
    code = find_newest(s, key, key_len, &info, bytes, err);
    *answer = !info.deleted ? KV_ROW_CHANGED : bytes->len ? KV_ROW_MOVED : KV_ROW_GONE;
    return code;
}

int txn_eval_lock(struct task *task, struct txn_group *g, const struct txn_call *call,
                  struct txn_result *result, struct err *err)
{
    struct serving s = {.task = task, .g = g, .call = call, .result = result};
    struct buf_reader in = buf_reader_of(call->body, call->body_len);
    struct buf bytes = {0};
    int code = begin_serving(&s, &in, err);
    uint8_t mode = buf_take_u8(&in);
    s.wait = buf_take_u8(&in);
    uint64_t n = buf_take_varint(&in);
    for (uint64_t i = 0; i < n && !code && !in.bad && result->status == TXN_OK; i++) {
        size_t key_len;
        bool fresh;
        uint8_t answer = KV_ROW_SKIPPED;
        struct lock_row *row = NULL;
        uint16_t shard = (uint16_t)buf_take_varint(&in);
        const uint8_t *key = buf_take_sized(&in, &key_len);
        if (in.bad)
            break;
        code = need_tablet(&s, shard, err);
        if (!code && result->status == TXN_OK)
            code = lock_row(&s, shard, key, (uint32_t)key_len, mode, &row, &fresh, err);
        buf_reset(&bytes);
        if (!code && row)
            code = judge_row(&s, row, key, (uint32_t)key_len, &bytes, &answer, err);
        if (code || result->status != TXN_OK)
            break;
        if (row && answer == KV_ROW_GONE && fresh)
            lock_release(&g->locks, s.txn, row);
        buf_put_u8(&result->body, answer);
        if (answer == KV_ROW_CHANGED || answer == KV_ROW_MOVED)
            buf_put_sized(&result->body, bytes.data, bytes.len);
        code = check_memory(&s, err);
    }
    if (!code && in.bad)
        code = err_set(err, ERR_PROTOCOL_VIOLATION, "lock request is malformed");
    buf_done(&bytes);
    return code;
}

/* ---- storage changes ------------------------------------------------------------------------ */

struct group_tablet_search {
    uint64_t storage;
    bool found;
};

static void note_tablet(void *arg, uint64_t storage, uint16_t shard, struct lsm *lsm)
{
    struct group_tablet_search *search = arg;
    search->found |= storage == search->storage;
}

/* Committed already, and not merely holding bulk rows of this very transaction. */
static bool is_created(const struct txn_group *g, uint64_t storage)
{
    uint8_t key[TXN_KEY_MAX];
    const uint8_t *value;
    size_t len;
    if (group_state_get(g->group, key, txn_key_storage(key, 'B', storage), &value, &len))
        return false;
    struct group_tablet_search search = {.storage = storage};
    group_tablet_each(g->group, note_tablet, &search);
    return search.found;
}

int txn_eval_change(struct task *task, struct txn_group *g, const struct txn_call *call,
                    struct txn_result *result, struct err *err)
{
    struct serving s = {.task = task, .g = g, .call = call, .result = result};
    struct buf_reader in = buf_reader_of(call->body, call->body_len);
    uint8_t op = buf_take_u8(&in);
    s.wait = buf_take_u8(&in);
    s.storage = buf_take_varint(&in);
    s.txn = txn_find_or_add(g, call, result, err);
    if (!s.txn)
        return ERR_SERIALIZATION_FAILURE;
    if (in.bad)
        return err_set(err, ERR_PROTOCOL_VIOLATION, "storage change is malformed");
    struct lock_row *row;
    bool granted =
        lock_acquire(&g->locks, s.txn, s.storage, LOCK_SHARD_CHANGES, "", 0, KV_LOCK_UPDATE, &row);
    if (!granted) {
        int code =
            txn_wait_lock(task, g, call, s.txn, row, KV_LOCK_UPDATE, s.wait, &granted, result, err);
        if (code || !granted)
            return code;
        row = lock_table_find(&g->locks, s.storage, LOCK_SHARD_CHANGES, "", 0);
    }
    if (op == LOCK_OP_CREATE && is_created(g, s.storage))
        return err_set(err, ERR_DUPLICATE_OBJECT, "storage %llu already exists",
                       (unsigned long long)s.storage);
    /* A storage this transaction made is still made by its commit, in its newest form. */
    const struct lock_value *own =
        row->writer == s.txn ? lock_value_seen(row, UINT32_MAX, call->voided, call->n_void) : NULL;
    if (own && own->op == LOCK_OP_CREATE && op == LOCK_OP_ALTER)
        op = LOCK_OP_CREATE;
    lock_value_put(&g->locks, s.txn, row, call->seq, op, in.at, (uint32_t)buf_reader_left(&in));
    return check_memory(&s, err);
}
