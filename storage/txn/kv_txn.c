#include "storage/txn/kv_txn.h"

#include <stdlib.h>

struct kv_txn *kv_txn_begin(struct kv *kv, const struct kv_txn_options *options)
{
    struct kv_core *core = kv->cores[core_running()->index];
    struct kv_txn *txn = calloc(1, sizeof *txn);
    if (!txn)
        abort();
    arena_init(&txn->arena, NULL);
    txn->kv = kv;
    txn->core = core;
    txn->options = *options;
    txn->id = (struct kv_txn_id){
        .gateway = kv->self,
        .boot_epoch = kv->boot_epoch,
        .number = (uint64_t)core->index << TXN_CORE_SHIFT | ++core->txn_next,
    };
    txn->started = hlc_last(kv->hlc);
    intmap_put(&core->txns, txn->id.number, txn);
    list_push_back(&core->active, &txn->link);
    return txn;
}

void kv_txn_free(struct kv_txn *txn)
{
    intmap_remove(&txn->core->txns, txn->id.number);
    list_remove(&txn->link);
    arena_done(&txn->arena);
    free(txn);
}

struct kv_txn_id kv_txn_id_of(const struct kv_txn *txn)
{
    return txn->id;
}

bool kv_txn_wrote(const struct kv_txn *txn)
{
    return txn->n_parts > 0;
}

enum kv_retry kv_txn_retry(const struct kv_txn *txn)
{
    return txn->retry;
}

void kv_txn_set_deadline(struct kv_txn *txn, uint64_t deadline_ns, uint64_t lock_timeout_ns)
{
    txn->options.deadline_ns = deadline_ns;
    txn->options.lock_timeout_ns = lock_timeout_ns;
}

void kv_txn_fail(struct kv_txn *txn, enum kv_retry retry)
{
    if (retry == KV_RETRY_STATEMENT && txn->options.isolation != KV_READ_COMMITTED) {
        if (txn->statements > 1)
            retry = KV_RETRY_TXN; /* the snapshot may not move any more */
        else
            txn->read_ts = 0;
    }
    txn->retry = retry;
}

void kv_txn_note_error(struct kv_txn *txn, const struct err *err)
{
    switch (err->code) {
    case ERR_SERIALIZATION_FAILURE:
    case ERR_CONNECTION_DOES_NOT_EXIST:
    case ERR_CONNECTION_FAILURE: /* fragments only read: they may be sent again */
        kv_txn_fail(txn, KV_RETRY_STATEMENT);
        break;
    case ERR_OBJECT_NOT_IN_PREREQUISITE_STATE:
        kv_txn_fail(txn, KV_RETRY_SCHEMA);
        break;
    default:
        break;
    }
}

/* ---- participants --------------------------------------------------------------------------- */

struct kv_part *kv_txn_part(struct kv_txn *txn, uint32_t group)
{
    for (uint32_t i = 0; i < txn->n_parts; i++)
        if (txn->parts[i].group == group)
            return &txn->parts[i];
    if (txn->n_parts == txn->cap_parts) {
        uint32_t cap = txn->cap_parts ? 2 * txn->cap_parts : 4;
        struct kv_part *more = arena_array(&txn->arena, struct kv_part, cap);
        if (txn->n_parts)
            memcpy(more, txn->parts, sizeof *more * txn->n_parts);
        txn->parts = more;
        txn->cap_parts = cap;
    }
    if (!txn->anchor_group)
        txn->anchor_group = group;
    txn->parts[txn->n_parts] = (struct kv_part){.group = group};
    return &txn->parts[txn->n_parts++];
}

void kv_txn_call_init(const struct kv_txn *txn, const struct kv_part *part, uint8_t op,
                      uint32_t group, struct txn_call *call)
{
    *call = (struct txn_call){
        .op = op,
        .isolation = txn->options.isolation,
        .class_ = txn->options.class_,
        .group = group,
        .anchor_group = txn->anchor_group,
        .seq = txn->seq,
        .txn = txn->id,
        .started = txn->started,
        .read_ts = txn->read_ts,
        .deadline_ns = txn->options.deadline_ns,
        .lock_timeout_ns = txn->options.lock_timeout_ns,
        .n_void = txn->n_void,
        .voided = txn->voided,
    };
    if (part) {
        call->lock_epoch = part->lock_epoch;
        call->incarnation = part->incarnation;
    }
}

/* ---- statements ----------------------------------------------------------------------------- */

struct opening {
    struct kv_txn *txn;
    uint32_t group;
    hlc_time clock;
    struct buf pending; /* see TXN_OP_OPEN */
    struct task_group *children;
};

static int open_group(struct task *task, struct opening *o, struct err *err)
{
    struct txn_call call;
    struct txn_result result = {0};
    kv_txn_call_init(o->txn, NULL, TXN_OP_OPEN, o->group, &call);
    int code = txn_send(task, o->txn->kv, &call, true, &result, err);
    o->clock = result.clock;
    o->pending = result.body;
    return code;
}

static void run_open(struct task *task, void *arg)
{
    struct opening *o = arg;
    struct err err;
    err_clear(&err);
    if (open_group(task, o, &err))
        task_group_fail(o->children, &err);
}

static bool is_led_here(struct kv *kv, struct task *task, uint32_t group)
{
    struct txn_group *g = txn_local_group(kv, group);
    return g && store_group_core(kv->store, group) == task_core(task) && g->leading;
}

/* Asks all leaders, those elsewhere at the same time. */
static int open_groups(struct task *task, struct kv_txn *txn, struct opening *openings, uint32_t n,
                       struct err *err)
{
    struct task_group children;
    uint32_t remote = 0;
    int code = 0;
    task_group_init(&children, task_core(task));
    for (uint32_t i = 0; i < n; i++)
        remote += !is_led_here(txn->kv, task, openings[i].group);
    for (uint32_t i = 0; i < n; i++) {
        openings[i].txn = txn;
        openings[i].children = &children;
        if (remote > 1 && !is_led_here(txn->kv, task, openings[i].group))
            task_group_spawn(&children, task->cls, "kv_open", run_open, &openings[i]);
        else if (!code)
            code = open_group(task, &openings[i], err);
    }
    if (remote > 1) {
        int child_code = task_group_wait(task, &children, code ? NULL : err);
        code = code ? code : child_code;
    }
    return code;
}

/* A commit acknowledged before now is at or below the largest clock, if all its groups were opened;
 * or else still without an outcome at a group that was, and then it is named in the answer, or it
 * was resolved there, and then that group's clock is above it. */
static void keep_opened(struct kv_txn *txn, const struct opening *openings, uint32_t n)
{
    bool all = n == txn->kv->n_data_groups + 1;
    uint32_t max = 0;
    for (uint32_t i = 0; i < n; i++)
        max += (uint32_t)(openings[i].pending.len / 16);
    uint32_t *opened = arena_array(&txn->arena, uint32_t, n);
    struct kv_pending *pending = arena_array(&txn->arena, struct kv_pending, all ? 0 : max);
    txn->n_opened = txn->n_pending = 0;
    txn->opened = opened;
    txn->pending = pending;
    for (uint32_t i = 0; i < n; i++) {
        const struct buf *ids = &openings[i].pending;
        if (ids->len == 1 && !all)
            continue; /* too many to name: versions above the snapshot count as possibly past */
        opened[txn->n_opened++] = openings[i].group;
        for (size_t at = 0; at + 16 <= ids->len && !all; at += 16)
            pending[txn->n_pending++] = (struct kv_pending){
                openings[i].group,
                {load_le32(ids->data + at), load_le32(ids->data + at + 4),
                 load_le64(ids->data + at + 8)},
            };
    }
}

static void add_group(uint32_t *groups, uint32_t *n, uint32_t group)
{
    for (uint32_t i = 0; i < *n; i++)
        if (groups[i] == group)
            return;
    groups[(*n)++] = group;
}

/* What a statement opens: the groups it names; under REPEATABLE READ the transaction opens all. */
static uint32_t list_groups(const struct kv_txn *txn, const struct kv_schema *const *schemas,
                            uint32_t n_schemas, uint32_t *groups, uint32_t max)
{
    uint32_t n = 0;
    if (txn->options.isolation != KV_READ_COMMITTED) {
        for (uint32_t group = PLACE_SYSTEM_GROUP;
             group < PLACE_DATA_GROUP_FIRST + txn->kv->n_data_groups; group++)
            add_group(groups, &n, group);
        return n;
    }
    for (uint32_t i = 0; i < n_schemas; i++)
        for (uint32_t shard = 0; shard < schemas[i]->n_shards && n < max; shard++)
            add_group(groups, &n, kv_group_of(txn->kv, schemas[i], shard));
    return n;
}

static int choose_snapshot(struct task *task, struct kv_txn *txn,
                           const struct kv_schema *const *schemas, uint32_t n_schemas,
                           struct err *err)
{
    uint32_t max = txn->kv->n_data_groups + 1;
    uint32_t groups[max];
    uint32_t n = list_groups(txn, schemas, n_schemas, groups, max);
    struct opening openings[max];
    memset(openings, 0, n * sizeof *openings);
    for (uint32_t i = 0; i < n; i++)
        openings[i].group = groups[i];
    int code = n ? open_groups(task, txn, openings, n, err) : 0;
    if (!code) {
        hlc_time ts = n ? txn->read_ts_min : hlc_now(txn->kv->hlc);
        for (uint32_t i = 0; i < n; i++)
            ts = openings[i].clock > ts ? openings[i].clock : ts;
        txn->read_ts = ts;
        if (!txn->oldest_ts)
            txn->oldest_ts = ts;
        keep_opened(txn, openings, n);
    }
    for (uint32_t i = 0; i < n; i++)
        buf_done(&openings[i].pending);
    return code;
}

/* The locks as they are now; readings made before keep their own list. */
static void fill_holds(struct kv_txn *txn, struct kv_read *read)
{
    struct kv_hold *holds =
        txn->n_parts ? arena_array(&txn->arena, struct kv_hold, txn->n_parts) : NULL;
    read->has_writes = txn->n_parts > 0;
    read->n_holds = 0;
    read->holds = holds;
    for (uint32_t i = 0; i < txn->n_parts; i++) {
        const struct kv_part *part = &txn->parts[i];
        if (part->incarnation)
            holds[read->n_holds++] =
                (struct kv_hold){part->group, part->lock_epoch, part->incarnation};
    }
}

static void fill_read(struct kv_txn *txn, uint32_t read_seq, struct kv_read *read)
{
    *read = (struct kv_read){
        .txn = txn->id,
        .isolation = txn->options.isolation,
        .read_ts = txn->read_ts,
        .uncertain_limit = txn->read_ts + hlc_make(txn->kv->offset_us, 0),
        .read_seq = read_seq,
        .n_void = txn->n_void,
        .n_opened = txn->n_opened,
        .n_pending = txn->n_pending,
        .pending = txn->pending,
        .voided = txn->voided,
        .opened = txn->opened,
        .deadline_ns = txn->options.deadline_ns,
        .class_ = txn->options.class_,
    };
    fill_holds(txn, read);
}

int kv_stmt_begin(struct task *task, struct kv_txn *txn, const struct kv_schema *const *schemas,
                  uint32_t n_schemas, struct kv_read *read, struct err *err)
{
    if (txn->options.isolation == KV_SERIALIZABLE)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED,
                       "isolation level SERIALIZABLE is not supported");
    txn->retry = KV_RETRY_NONE;
    txn->statements++;
    if (txn->options.isolation == KV_READ_COMMITTED || !txn->read_ts) {
        int code = choose_snapshot(task, txn, schemas, n_schemas, err);
        if (code)
            return code;
    }
    txn->seq++;
    fill_read(txn, txn->seq, read);
    return 0;
}

struct kv_read kv_read_now(struct kv_txn *txn, const struct kv_read *read)
{
    struct kv_read now = *read;
    now.read_seq = ++txn->seq;
    fill_holds(txn, &now);
    now.n_void = txn->n_void;
    now.voided = txn->voided;
    return now;
}

/* ---- savepoints ----------------------------------------------------------------------------- */

uint32_t kv_savepoint(struct kv_txn *txn)
{
    txn->last_savepoint = ++txn->seq;
    return txn->seq;
}

/* Readings hold on to the old array: a new one each time. */
static void add_void(struct kv_txn *txn, uint32_t from, uint32_t to)
{
    struct kv_seq_range *ranges = arena_array(&txn->arena, struct kv_seq_range, txn->n_void + 1u);
    uint16_t n = 0;
    for (uint16_t i = 0; i < txn->n_void; i++)
        if (txn->voided[i].from < from)
            ranges[n++] = txn->voided[i]; /* what lies above is inside the new one */
    if (n && ranges[n - 1].to >= from)
        ranges[n - 1].to = to;
    else
        ranges[n++] = (struct kv_seq_range){from, to};
    txn->voided = ranges;
    txn->n_void = n;
}

int kv_rollback_to(struct task *task, struct kv_txn *txn, uint32_t savepoint, struct err *err)
{
    txn->retry = KV_RETRY_NONE;
    add_void(txn, savepoint, ++txn->seq);
    struct kv_private **at = &txn->privates;
    int code = 0;
    while (*at && !code) {
        struct kv_private *p = *at;
        if (p->created_seq >= savepoint && p->filling)
            code = kv_bulk_drop(task, txn, p, err);
        else if (p->bulk_seq >= savepoint)
            code = kv_bulk_void(task, txn, p, err);
        if (p->bulk_seq >= savepoint)
            p->bulk_seq = 0;
        if (p->created_seq >= savepoint)
            *at = p->next;
        else
            at = &p->next;
    }
    return code;
}
