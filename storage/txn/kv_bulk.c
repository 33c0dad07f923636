/* Bulk rows of a private storage, and the storage ids. */
#include "storage/txn/kv_txn.h"

enum { BULK_BYTES = 768 * 1024 };

/* Rows on their way to one group. */
struct bulk {
    uint32_t group;
    uint32_t n;
    uint32_t *rows;
    struct buf body;
};

static int send_bulk(struct task *task, struct kv_txn *txn, const struct kv_schema *schema,
                     uint32_t filling, struct bulk *bulk, uint8_t *results, struct err *err)
{
    struct buf body = {0}, bytes = {0};
    struct txn_result result = {0};
    struct txn_call call;
    kv_schema_encode(schema, &bytes);
    buf_put_varint(&body, schema->id);
    buf_put_varint(&body, schema->version);
    buf_put_varint(&body, bulk->n);
    buf_put_sized(&body, bytes.data, bytes.len);
    buf_put(&body, bulk->body.data, bulk->body.len);
    kv_txn_call_init(txn, NULL, TXN_OP_BULK, bulk->group, &call);
    call.seq = filling;
    call.body = body.data;
    call.body_len = body.len;
    int code = txn_send(task, txn->kv, &call, false, &result, err);
    if (!code && result.status == TXN_UNSURE) {
        /* Sent again, its own rows would look like duplicates. */
        txn->doomed = true;
        kv_txn_fail(txn, KV_RETRY_TXN);
        code = err_set(err, ERR_SERIALIZATION_FAILURE,
                       "bulk rows were lost on their way: the leader of a group changed");
    }
    if (!code && result.body.len != bulk->n)
        code = err_set(err, ERR_PROTOCOL_VIOLATION, "answer to bulk rows is malformed");
    for (uint32_t i = 0; i < bulk->n && !code; i++)
        results[bulk->rows[i]] = result.body.data[i];
    bulk->n = 0;
    buf_reset(&bulk->body);
    buf_done(&body);
    buf_done(&bytes);
    buf_done(&result.body);
    return code;
}

static struct bulk *find_bulk(struct bulk *bulks, uint32_t *n, uint32_t group, uint32_t n_rows,
                              struct arena *arena)
{
    uint32_t i = 0;
    while (i < *n && bulks[i].group != group)
        i++;
    if (i == *n) {
        bulks[i] = (struct bulk){.group = group, .rows = arena_array(arena, uint32_t, n_rows)};
        ++*n;
    }
    return &bulks[i];
}

static void put_bulk_row(const struct kv_write *write, uint32_t i, uint32_t shard, struct buf *row,
                         struct bulk *bulk)
{
    buf_reset(row);
    kv_schema_row_encode(write->schema, write->columns, i, row);
    buf_put_varint(&bulk->body, shard);
    buf_put_sized(&bulk->body, view_data(&write->keys[i]), write->keys[i].len);
    buf_put_sized(&bulk->body, row->data, row->len);
    bulk->rows[bulk->n++] = i;
}

int kv_bulk_write(struct task *task, struct kv_txn *txn, const struct kv_write *write,
                  uint8_t *results, struct err *err)
{
    const struct kv_schema *schema = write->schema;
    struct arena arena;
    struct buf row = {0};
    uint32_t n = 0;
    int code = 0;
    txn->retry = KV_RETRY_NONE;
    if (!kv_storage_is_private(txn, schema))
        return err_set(err, ERR_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "bulk rows need a storage created by the same transaction");
    uint32_t filling = 0;
    for (struct kv_private *p = txn->privates; p; p = p->next) {
        if (p->id != schema->id)
            continue;
        if (!p->bulk_seq)
            p->bulk_seq = p->filling = ++txn->seq;
        filling = p->bulk_seq;
    }
    arena_init(&arena, NULL);
    struct bulk *bulks = arena_array(&arena, struct bulk, schema->n_shards);
    for (uint32_t i = 0; i < write->n_rows && !code; i++) {
        uint32_t shard = kv_schema_shard_of(schema, view_data(&write->keys[i]), write->keys[i].len);
        struct bulk *bulk =
            find_bulk(bulks, &n, kv_group_of(txn->kv, schema, shard), write->n_rows, &arena);
        put_bulk_row(write, i, shard, &row, bulk);
        if (bulk->body.len >= BULK_BYTES)
            code = send_bulk(task, txn, schema, filling, bulk, results, err);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!code && bulks[i].n)
            code = send_bulk(task, txn, schema, filling, &bulks[i], results, err);
        buf_done(&bulks[i].body);
    }
    buf_done(&row);
    arena_done(&arena);
    return code;
}

int kv_bulk_drop(struct task *task, struct kv_txn *txn, const struct kv_private *p, struct err *err)
{
    struct buf command = {0}, schema = {0};
    struct txn_answer answer;
    uint8_t status;
    int code = 0;
    kv_schema_encode(p->schema, &schema);
    txn_command_begin(&command,
                      &(struct txn_command){
                          .kind = TXN_BULK_DROP, .txn = txn->id, .epoch = p->filling, .n_items = 1},
                      NULL);
    txn_item_put(&command, &(struct txn_item){.storage = p->id,
                                              .op = LOCK_OP_DROP,
                                              .data = schema.data,
                                              .data_len = (uint32_t)schema.len});
    for (uint32_t shard = 0; shard < p->schema->n_shards && !code; shard++) {
        uint32_t group = kv_group_of(txn->kv, p->schema, shard);
        bool told = false;
        for (uint32_t i = 0; i < shard && !told; i++)
            told = kv_group_of(txn->kv, p->schema, i) == group;
        if (!told)
            code = txn_send_command(task, txn->kv, group, &command, 0, &answer, &status, err);
    }
    buf_done(&command);
    buf_done(&schema);
    return code;
}

int kv_bulk_void(struct task *task, struct kv_txn *txn, const struct kv_private *p, struct err *err)
{
    struct buf schema = {0};
    struct txn_result result = {0};
    int code = 0;
    kv_schema_encode(p->schema, &schema);
    for (uint32_t shard = 0; shard < p->schema->n_shards && !code; shard++) {
        uint32_t group = kv_group_of(txn->kv, p->schema, shard);
        bool told = false;
        for (uint32_t i = 0; i < shard && !told; i++)
            told = kv_group_of(txn->kv, p->schema, i) == group;
        if (told)
            continue;
        struct txn_call call;
        kv_txn_call_init(txn, NULL, TXN_OP_VOID, group, &call);
        call.seq = p->bulk_seq;
        call.body = schema.data;
        call.body_len = schema.len;
        do {
            code = txn_send(task, txn->kv, &call, true, &result, err);
        } while (!code && result.status == TXN_UNSURE); /* tombstones may be put twice */
    }
    buf_done(&schema);
    buf_done(&result.body);
    return code;
}

/* ---- storage ids ---------------------------------------------------------------------------- */

int kv_storage_id_next(struct task *task, struct kv *kv, storage_id *out, struct err *err)
{
    struct kv_core *core = kv_core_of(kv, task);
    int code = mutex_lock(task, &core->id_mutex, err);
    if (code)
        return code;
    if (core->id_next == core->id_end) {
        struct buf command = {0};
        struct txn_answer answer = {0};
        uint8_t status;
        txn_command_begin(&command,
                          &(struct txn_command){.kind = TXN_ALLOC, .n_items = TXN_ID_BATCH}, NULL);
        code = txn_send_command(task, kv, PLACE_SYSTEM_GROUP, &command, 0, &answer, &status, err);
        buf_done(&command);
        if (!code) {
            core->id_next = answer.first;
            core->id_end = answer.first + TXN_ID_BATCH;
        }
    }
    if (!code)
        *out = core->id_next++;
    mutex_unlock(task, &core->id_mutex);
    return code;
}
