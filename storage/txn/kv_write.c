/* Writing and locking at the gateway: one request a group for each batch of rows. */
#include "base/buf.h"
#include "storage/txn/kv_txn.h"

uint32_t kv_group_of(struct kv *kv, const struct kv_schema *schema, uint32_t shard)
{
    return schema->groups && schema->groups[shard]
               ? schema->groups[shard]
               : place_shard(schema->home, shard, kv->n_data_groups);
}

int kv_txn_request(struct task *task, struct kv_txn *txn, struct kv_part *part, uint8_t op,
                   const struct buf *body, hlc_time read_ts, struct txn_result *result,
                   struct err *err)
{
    struct txn_call call;
    uint32_t group = part->group;
    kv_txn_call_init(txn, part, op, group, &call);
    call.request = ++part->request;
    call.read_ts = read_ts;
    call.body = body->data;
    call.body_len = body->len;
    result->incarnation = 0;
    result->retry = KV_RETRY_NONE;
    part->asking = true;
    part->n_edges = 0;
    int code = txn_send(task, txn->kv, &call, true, result, err);
    part = kv_txn_part(txn, group); /* requests in parallel may have moved the array */
    part->asking = false;
    if (result->incarnation) {
        part->incarnation = result->incarnation;
        part->lock_epoch = result->lock_epoch;
    }
    if (!code && result->status != TXN_OK)
        code = err_set(err, ERR_SYSTEM_ERROR, "group %u did not answer", group);
    if (code)
        kv_txn_fail(txn, result->retry);
    return code;
}

/* ---- rows to groups ------------------------------------------------------------------------- */

/* The rows of a batch that go to one group. */
struct share {
    uint32_t group;
    uint32_t n;
    uint32_t *rows; /* indexes into the batch */
    uint16_t *shards;
};

struct shares {
    uint32_t n;
    struct share *list;
};

static int split_rows(struct kv_txn *txn, const struct kv_schema *schema,
                      const struct bytes_view *keys, uint32_t n_rows, struct arena *arena,
                      struct shares *out)
{
    uint32_t max = schema->n_shards < n_rows ? schema->n_shards : n_rows;
    uint32_t *group_of = arena_array(arena, uint32_t, n_rows);
    uint16_t *shard_of = arena_array(arena, uint16_t, n_rows);
    out->list = arena_array(arena, struct share, max);
    out->n = 0;
    for (uint32_t i = 0; i < n_rows; i++) {
        uint32_t shard = kv_schema_shard_of(schema, view_data(&keys[i]), keys[i].len);
        uint32_t group = kv_group_of(txn->kv, schema, shard), s = 0;
        while (s < out->n && out->list[s].group != group)
            s++;
        if (s == out->n)
            out->list[out->n++].group = group;
        out->list[s].n++;
        group_of[i] = s;
        shard_of[i] = (uint16_t)shard;
    }
    for (uint32_t s = 0; s < out->n; s++) {
        out->list[s].rows = arena_array(arena, uint32_t, out->list[s].n);
        out->list[s].shards = arena_array(arena, uint16_t, out->list[s].n);
        out->list[s].n = 0;
    }
    for (uint32_t i = 0; i < n_rows; i++) {
        struct share *share = &out->list[group_of[i]];
        share->shards[share->n] = shard_of[i];
        share->rows[share->n++] = i;
    }
    return 0;
}

/* What is done with each share: writing or locking. */
struct share_work {
    struct kv_txn *txn;
    const struct kv_write *write; /* or */
    const struct kv_lock_request *request;
    uint8_t *results;
    struct batch **changed;
};

struct share_call {
    const struct share_work *work;
    const struct share *share;
    struct task_group *children;
};

static int write_share(struct task *task, const struct share_work *work, const struct share *share,
                       struct err *err);
static int lock_share(struct task *task, const struct share_work *work, const struct share *share,
                      struct err *err);

static int do_share(struct task *task, const struct share_work *work, const struct share *share,
                    struct err *err)
{
    return work->write ? write_share(task, work, share, err) : lock_share(task, work, share, err);
}

static void run_share(struct task *task, void *arg)
{
    struct share_call *call = arg;
    struct err err;
    err_clear(&err);
    if (do_share(task, call->work, call->share, &err))
        task_group_fail(call->children, &err);
}

/* Groups led elsewhere are asked at the same time. */
static int do_shares(struct task *task, const struct share_work *work, const struct shares *shares,
                     struct err *err)
{
    struct task_group children;
    int code = 0;
    if (shares->n <= 1)
        return shares->n ? do_share(task, work, &shares->list[0], err) : 0;
    struct share_call calls[shares->n];
    for (uint32_t s = 0; s < shares->n; s++) /* the array of parts may not move any more */
        (void)kv_txn_part(work->txn, shares->list[s].group);
    task_group_init(&children, task_core(task));
    for (uint32_t s = 1; s < shares->n; s++) {
        calls[s] = (struct share_call){work, &shares->list[s], &children};
        task_group_spawn(&children, task->cls, "kv_share", run_share, &calls[s]);
    }
    code = do_share(task, work, &shares->list[0], err);
    if (code && code != ERR_QUERY_CANCELED)
        task_group_cancel(&children, (enum err_code)code, "another part of the statement failed");
    int child_code = task_group_wait(task, &children, code ? NULL : err);
    return code ? code : child_code;
}

static void put_row(const struct kv_write *write, uint32_t i, uint16_t shard, struct buf *row,
                    struct buf *body)
{
    buf_put_varint(body, shard);
    buf_put_sized(body, view_data(&write->keys[i]), write->keys[i].len);
    if (write->op != KV_DELETE) {
        buf_reset(row);
        kv_schema_row_encode(write->schema, write->columns, i, row);
        buf_put_sized(body, row->data, row->len);
    } else if (write->moved_to) {
        buf_put_sized(body, view_data(&write->moved_to[i]), write->moved_to[i].len);
    } else {
        buf_put_varint(body, 0);
    }
}

static int write_share(struct task *task, const struct share_work *work, const struct share *share,
                       struct err *err)
{
    struct kv_txn *txn = work->txn;
    const struct kv_write *write = work->write;
    struct buf body = {0}, row = {0};
    struct txn_result result = {0};
    struct kv_part *part = kv_txn_part(txn, share->group);
    buf_put_varint(&body, write->schema->id);
    buf_put_varint(&body, write->schema->version);
    buf_put_u8(&body, write->op);
    buf_put_u8(&body, write->wait);
    buf_put_varint(&body, share->n);
    for (uint32_t i = 0; i < share->n; i++)
        put_row(write, share->rows[i], share->shards[i], &row, &body);
    part->rows = true;
    int code = kv_txn_request(task, txn, part, TXN_OP_WRITE, &body, txn->read_ts, &result, err);
    if (!code && result.body.len != share->n)
        code = err_set(err, ERR_PROTOCOL_VIOLATION, "answer to a write is malformed");
    for (uint32_t i = 0; i < share->n && !code; i++)
        work->results[share->rows[i]] = result.body.data[i];
    buf_done(&body);
    buf_done(&row);
    buf_done(&result.body);
    return code;
}

static struct kv_private *find_private(const struct kv_txn *txn, storage_id id)
{
    struct kv_private *p = txn->privates;
    while (p && p->id != id)
        p = p->next;
    return p;
}

static int check_writable(struct kv_txn *txn, struct err *err)
{
    if (!txn->options.read_only)
        return 0;
    return err_set(err, ERR_READ_ONLY_SQL_TRANSACTION, "cannot write in a read-only transaction");
}

int kv_write(struct task *task, struct kv_txn *txn, const struct kv_write *write, uint8_t *results,
             struct err *err)
{
    struct arena arena;
    struct shares shares;
    int code = check_writable(txn, err);
    txn->retry = KV_RETRY_NONE;
    if (code || !write->n_rows)
        return code;
    struct kv_private *p = find_private(txn, write->schema->id);
    if (p)
        p->plain_rows = true;
    arena_init(&arena, NULL);
    code = split_rows(txn, write->schema, write->keys, write->n_rows, &arena, &shares);
    struct share_work work = {.txn = txn, .write = write, .results = results};
    if (!code)
        code = do_shares(task, &work, &shares, err);
    arena_done(&arena);
    return code;
}

/* ---- locking -------------------------------------------------------------------------------- */

static struct batch *make_changed(const struct kv_lock_request *request)
{
    struct batch *batch = batch_create(request->n_columns + 1u, NULL);
    batch->n_rows = request->n_rows;
    for (uint32_t c = 0; c <= request->n_columns; c++) {
        uint8_t kind = PHYS_BYTES;
        int16_t scale = -1;
        if (c < request->n_columns) {
            int at = kv_schema_column(request->schema, request->column_ids[c]);
            kind = request->schema->columns[at].kind;
            scale = request->schema->columns[at].dec_scale;
        }
        vec_alloc(&batch->cols[c], kind, request->n_rows, batch->arena);
        batch->cols[c].dec_scale = scale;
        for (uint32_t i = 0; i < request->n_rows; i++)
            vec_set_null(&batch->cols[c], i, batch->arena);
    }
    return batch;
}

static int put_changed(const struct kv_lock_request *request, uint32_t i, uint8_t answer,
                       const uint8_t *bytes, size_t len, struct batch *batch, struct err *err)
{
    if (answer == KV_ROW_MOVED) {
        struct datum key = datum_bytes(bytes, (uint32_t)len);
        vec_put(&batch->cols[request->n_columns], i, &key, batch->arena);
        return 0;
    }
    struct datum values[request->schema->n_columns];
    const struct bytes_view *key = &request->keys[i];
    if (!kv_schema_row_decode(request->schema, view_data(key), key->len, bytes, (uint32_t)len,
                              values, batch->arena))
        return err_set(err, ERR_DATA_CORRUPTED, "row of storage %llu is malformed",
                       (unsigned long long)request->schema->id);
    for (uint32_t c = 0; c < request->n_columns; c++)
        vec_put(&batch->cols[c], i,
                &values[kv_schema_column(request->schema, request->column_ids[c])], batch->arena);
    return 0;
}

static int take_answers(const struct kv_lock_request *request, const struct share *share,
                        const struct buf *body, uint8_t *results, struct batch **changed,
                        struct err *err)
{
    struct buf_reader in = buf_reader_of(body->data, body->len);
    for (uint32_t i = 0; i < share->n; i++) {
        uint32_t row = share->rows[i];
        size_t len;
        results[row] = buf_take_u8(&in);
        if (results[row] != KV_ROW_CHANGED && results[row] != KV_ROW_MOVED)
            continue;
        const uint8_t *bytes = buf_take_sized(&in, &len);
        if (in.bad)
            break;
        if (!*changed)
            *changed = make_changed(request);
        int code = put_changed(request, row, results[row], bytes, len, *changed, err);
        if (code)
            return code;
    }
    return in.bad ? err_set(err, ERR_PROTOCOL_VIOLATION, "answer to a lock is malformed") : 0;
}

static int lock_share(struct task *task, const struct share_work *work, const struct share *share,
                      struct err *err)
{
    struct kv_txn *txn = work->txn;
    const struct kv_lock_request *request = work->request;
    struct buf body = {0};
    struct txn_result result = {0};
    struct kv_part *part = kv_txn_part(txn, share->group);
    buf_put_varint(&body, request->schema->id);
    buf_put_varint(&body, request->schema->version);
    buf_put_u8(&body, request->mode);
    buf_put_u8(&body, request->wait);
    buf_put_varint(&body, share->n);
    for (uint32_t i = 0; i < share->n; i++) {
        const struct bytes_view *key = &request->keys[share->rows[i]];
        buf_put_varint(&body, share->shards[i]);
        buf_put_sized(&body, view_data(key), key->len);
    }
    int code =
        kv_txn_request(task, txn, part, TXN_OP_LOCK, &body, request->read->read_ts, &result, err);
    if (!code)
        code = take_answers(request, share, &result.body, work->results, work->changed, err);
    buf_done(&body);
    buf_done(&result.body);
    return code;
}

int kv_lock(struct task *task, struct kv_txn *txn, const struct kv_lock_request *request,
            uint8_t *results, struct batch **changed, struct err *err)
{
    struct arena arena;
    struct shares shares;
    struct batch *batch = NULL;
    txn->retry = KV_RETRY_NONE;
    *changed = NULL;
    if (!request->n_rows)
        return 0;
    if (request->n_rows > BATCH_ROWS)
        return err_set(err, ERR_INTERNAL_ERROR, "kv_lock of more than a batch of rows");
    arena_init(&arena, NULL);
    int code = split_rows(txn, request->schema, request->keys, request->n_rows, &arena, &shares);
    struct share_work work = {
        .txn = txn, .request = request, .results = results, .changed = &batch};
    if (!code)
        code = do_shares(task, &work, &shares, err);
    arena_done(&arena);
    if (code)
        batch_destroy(batch);
    else
        *changed = batch;
    return code;
}

/* ---- storage changes ------------------------------------------------------------------------ */

static int change_storage(struct task *task, struct kv_txn *txn, uint8_t op,
                          const struct kv_schema *schema, struct err *err)
{
    struct buf body = {0};
    struct txn_result result = {0};
    int code = check_writable(txn, err);
    txn->retry = KV_RETRY_NONE;
    buf_put_u8(&body, op);
    buf_put_u8(&body, KV_WAIT);
    buf_put_varint(&body, schema->id);
    kv_schema_encode(schema, &body);
    for (uint32_t shard = 0; shard < schema->n_shards && !code; shard++) {
        uint32_t group = kv_group_of(txn->kv, schema, shard);
        bool told = false;
        for (uint32_t i = 0; i < shard && !told; i++)
            told = kv_group_of(txn->kv, schema, i) == group;
        if (told)
            continue;
        struct kv_part *part = kv_txn_part(txn, group);
        part->rows = true;
        code = kv_txn_request(task, txn, part, TXN_OP_CHANGE, &body, txn->read_ts, &result, err);
    }
    buf_done(&body);
    buf_done(&result.body);
    return code;
}

int kv_storage_create(struct task *task, struct kv_txn *txn, struct kv_schema *schema,
                      struct arena *arena, struct err *err)
{
    uint32_t *groups = arena_array(arena, uint32_t, schema->n_shards);
    for (uint32_t shard = 0; shard < schema->n_shards; shard++)
        groups[shard] = place_shard(schema->home, shard, txn->kv->n_data_groups);
    schema->groups = groups;
    int code = change_storage(task, txn, LOCK_OP_CREATE, schema, err);
    if (code)
        return code;
    struct kv_private *p = arena_new(&txn->arena, struct kv_private);
    p->id = schema->id;
    p->created_seq = txn->seq;
    p->schema = kv_schema_copy(schema, &txn->arena);
    p->next = txn->privates;
    txn->privates = p;
    return 0;
}

int kv_storage_alter(struct task *task, struct kv_txn *txn, const struct kv_schema *schema,
                     struct err *err)
{
    return change_storage(task, txn, LOCK_OP_ALTER, schema, err);
}

int kv_storage_drop(struct task *task, struct kv_txn *txn, const struct kv_schema *schema,
                    struct err *err)
{
    return change_storage(task, txn, LOCK_OP_DROP, schema, err);
}

bool kv_storage_is_private(const struct kv_txn *txn, const struct kv_schema *schema)
{
    const struct kv_private *p = find_private(txn, schema->id);
    return p && !p->plain_rows && (!p->bulk_seq || txn->last_savepoint <= p->bulk_seq);
}
