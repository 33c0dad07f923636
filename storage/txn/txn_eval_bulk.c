/* Rows of private storages: filling them past the lock table, and taking a filling back. */
#include "storage/txn/txn_int.h"

struct bulk_serving {
    struct task *task;
    struct txn_group *g;
    uint64_t storage;
};

/* ---- bulk rows ------------------------------------------------------------------------------ */

/* Keys met in this request; the tablet knows those of earlier ones. */
static int put_bulk_row(struct bulk_serving *s, struct hashmap *seen, struct buf *command,
                        uint16_t shard, const uint8_t *key, uint32_t key_len, const uint8_t *data,
                        uint32_t data_len, uint32_t *n_items, uint8_t *answer, struct err *err)
{
    struct lsm_version_info info;
    *answer = KV_ROW_EXISTS;
    if (hashmap_get(seen, key, key_len))
        return 0;
    struct lsm *lsm = group_tablet(s->g->group, s->storage, shard);
    int code = 0;
    info.found = false;
    if (lsm && !lsm_newest_now(lsm, key, key_len, &info))
        code = lsm_newest(s->task, lsm, key, key_len, &info, err);
    if (code || (info.found && !info.deleted))
        return code;
    hashmap_put(seen, key, key_len, (void *)key);
    txn_item_put(command, &(struct txn_item){.storage = s->storage,
                                             .shard = shard,
                                             .op = LOCK_OP_PUT,
                                             .key = key,
                                             .key_len = key_len,
                                             .data = data,
                                             .data_len = data_len});
    ++*n_items;
    *answer = KV_ROW_OK;
    return 0;
}

int txn_eval_bulk(struct task *task, struct txn_group *g, const struct txn_call *call,
                  struct txn_result *result, struct err *err)
{
    struct bulk_serving s = {.task = task, .g = g};
    struct buf_reader in = buf_reader_of(call->body, call->body_len);
    struct buf command = {0};
    struct hashmap seen;
    struct txn_answer answer;
    size_t schema_len;
    uint32_t n_items = 1;
    int code = 0;
    s.storage = buf_take_varint(&in);
    buf_take_varint(&in); /* the version is the schema's */
    uint64_t n = buf_take_varint(&in);
    const uint8_t *schema = buf_take_sized(&in, &schema_len);
    hashmap_init(&seen);
    txn_command_begin(&command,
                      &(struct txn_command){.kind = TXN_BULK, .txn = call->txn, .epoch = call->seq},
                      NULL);
    txn_item_put(&command, &(struct txn_item){.storage = s.storage,
                                              .op = LOCK_OP_CREATE,
                                              .data = schema,
                                              .data_len = (uint32_t)schema_len});
    for (uint64_t i = 0; i < n && !code && !in.bad; i++) {
        size_t key_len, data_len;
        uint8_t row = KV_ROW_OK;
        uint16_t shard = (uint16_t)buf_take_varint(&in);
        const uint8_t *key = buf_take_sized(&in, &key_len);
        const uint8_t *data = buf_take_sized(&in, &data_len);
        if (!in.bad)
            code = put_bulk_row(&s, &seen, &command, shard, key, (uint32_t)key_len, data,
                                (uint32_t)data_len, &n_items, &row, err);
        buf_put_u8(&result->body, row);
    }
    hashmap_done(&seen);
    if (!code && in.bad)
        code = err_set(err, ERR_PROTOCOL_VIOLATION, "bulk request is malformed");
    store_le32(command.data + 60, n_items);
    if (!code)
        code = txn_group_propose(task, g, &command, &result->status, &answer, err);
    if (!code && result->status == TXN_OK && answer.verdict != TXN_DONE)
        code = txn_fail_locks_lost(result, err);
    buf_done(&command);
    return code;
}

/* ---- taking bulk rows back ------------------------------------------------------------------ */

enum { VOID_BYTES = 512 * 1024 };

static void begin_void(const struct txn_call *call, struct txn_group *g, struct buf *command)
{
    buf_reset(command);
    txn_command_begin(
        command,
        &(struct txn_command){
            .kind = TXN_BULK, .txn = call->txn, .epoch = call->seq, .stamp = hlc_now(g->kv->hlc)},
        NULL);
}

static void put_tombstones(struct batch *batch, uint64_t storage, uint16_t shard,
                           struct buf *command)
{
    vec_flatten(&batch->cols[0], batch->sel, batch->n_sel, batch->arena);
    const struct bytes_view *keys = batch->cols[0].data;
    for (uint32_t i = 0; i < batch_count(batch); i++) {
        const struct bytes_view *key = &keys[batch_row(batch, i)];
        txn_item_put(command, &(struct txn_item){.storage = storage,
                                                 .shard = shard,
                                                 .op = LOCK_OP_DELETE,
                                                 .key = view_data(key),
                                                 .key_len = key->len});
    }
}

/* A tombstone over every row the shard holds, in entries of bounded size. */
static int void_shard(struct task *task, struct txn_group *g, const struct txn_call *call,
                      const struct lsm_scan_spec *spec, uint16_t shard, struct txn_result *result,
                      struct err *err)
{
    struct lsm *lsm = group_tablet(g->group, spec->schema->id, shard);
    struct lsm_snapshot *snapshot = lsm ? lsm_snapshot_take(lsm) : NULL;
    struct lsm_scan *scan = NULL;
    struct buf command = {0};
    struct txn_answer answer;
    int code = snapshot ? lsm_scan_open(task, snapshot, spec, &scan, err) : 0;
    while (scan && !code && result->status == TXN_OK) {
        uint32_t n = 0;
        struct batch *batch = NULL;
        begin_void(call, g, &command);
        while (command.len < VOID_BYTES &&
               !(code = lsm_scan_next(task, scan, BATCH_ROWS, NULL, &batch, err)) && batch) {
            put_tombstones(batch, spec->schema->id, shard, &command);
            n += batch_count(batch);
            batch_destroy(batch);
        }
        store_le32(command.data + 60, n);
        if (code || !n)
            break;
        code = txn_group_propose(task, g, &command, &result->status, &answer, err);
    }
    if (scan)
        lsm_scan_close(scan);
    lsm_snapshot_release(snapshot);
    buf_done(&command);
    return code;
}

int txn_eval_void(struct task *task, struct txn_group *g, const struct txn_call *call,
                  struct txn_result *result, struct err *err)
{
    struct arena arena;
    struct kv_schema *schema;
    arena_init(&arena, NULL);
    int code = kv_schema_decode(call->body, call->body_len, &arena, &schema, err);
    const struct kv_span all = {.start = (const uint8_t *)""};
    struct lsm_scan_spec spec = {.with_key = true, .ts = HLC_MAX, .spans = &all, .n_spans = 1};
    for (uint32_t i = 0; !code && i < schema->n_shards && result->status == TXN_OK; i++) {
        spec.schema = schema;
        if (schema->groups[i] == group_id(g->group))
            code = void_shard(task, g, call, &spec, (uint16_t)i, result, err);
    }
    arena_done(&arena);
    return code;
}
