/* Upkeep, twice a second on each core that leads groups: what nobody came across by itself.
 *
 *   - unprepared locks of gateways that died, or that do not know the transaction any more
 *   - prepared transactions left open: recovery
 *   - records decided long ago whose groups were perhaps not all told: told again, then dropped
 *   - markers whose record is gone
 *   - bulk rows of transactions that are no more
 *   - the collection threshold: the oldest read in use anywhere, at most `retention` ago
 *
 * Each node reports its oldest read to all once a second; a node that is silent does not hold the
 * threshold back for longer than READ_REPORT_NS, since its readers are refused, not answered, below
 * it.
 */
#include "storage/txn/kv_txn.h"

#define UPKEEP_NS (500 * TXN_MS)
#define LOCK_ASK_NS (UINT64_C(5000) * TXN_MS)
#define READ_REPORT_NS (UINT64_C(10000) * TXN_MS)
#define KEEP_OUTCOME_US (UINT64_C(600) * 1000000)
#define RECORD_OLD_US (UINT64_C(10) * 1000000)
#define GC_STEP_US UINT64_C(1000000)
enum { UPKEEP_BATCH = 64 };

static hlc_time ago(hlc_time now, uint64_t us)
{
    uint64_t micros = hlc_micros(now);
    return hlc_make(micros > us ? micros - us : 0, 0);
}

/* ---- locks and prepared transactions -------------------------------------------------------- */

static bool is_gateway_gone(struct kv *kv, const struct kv_txn_id *id)
{
    if (id->gateway == kv->self)
        return id->boot_epoch != kv->boot_epoch;
    return !store_node_alive(kv->store, id->gateway) ||
           store_node_epoch(kv->store, id->gateway) > id->boot_epoch;
}

/* Copies the ids, since asking waits and the table moves meanwhile. */
static uint32_t list_txns(struct txn_group *g, bool active, struct kv_txn_id *ids)
{
    uint64_t now = env_mono_ns(g->kv->env);
    uint32_t n = 0;
    for (size_t i = 0; i < g->locks.txns.entry_count && n < UPKEEP_BATCH; i++) {
        struct lock_txn *txn = g->locks.txns.entries[i].value;
        if (!txn || (txn->phase == LOCK_ACTIVE) != active)
            continue;
        if (active && !is_gateway_gone(g->kv, &txn->id)) {
            if (!txn->published_ns)
                txn->published_ns =
                    now; /* while active: when its gateway was last known to know it */
            if (now - txn->published_ns < LOCK_ASK_NS)
                continue;
            txn->published_ns = now;
        }
        ids[n++] = txn->id;
    }
    return n;
}

static void tend_locks(struct task *task, struct txn_group *g, raft_term term)
{
    struct kv_txn_id ids[UPKEEP_BATCH];
    uint32_t n = list_txns(g, true, ids);
    for (uint32_t i = 0; i < n && txn_group_is_leading(g, term); i++) {
        bool keep = !is_gateway_gone(g->kv, &ids[i]) && txn_gateway_knows(task, g->kv, &ids[i]);
        struct lock_txn *txn = keep ? NULL : lock_table_txn(&g->locks, &ids[i]);
        if (txn && txn->phase == LOCK_ACTIVE && txn_group_is_leading(g, term))
            lock_txn_end(&g->locks, txn, ERR_SERIALIZATION_FAILURE);
    }
}

static void tend_prepared(struct txn_group *g)
{
    struct kv_txn_id ids[UPKEEP_BATCH];
    uint64_t now = env_mono_ns(g->kv->env);
    uint32_t n = list_txns(g, false, ids);
    for (uint32_t i = 0; i < n; i++) {
        struct lock_txn *txn = lock_table_txn(&g->locks, &ids[i]);
        if (!txn->published_ns)
            txn->published_ns = now;
        if (is_gateway_gone(g->kv, &ids[i]) || now - txn->published_ns > 2 * UPKEEP_NS)
            txn_recover_start(g, txn);
    }
}

/* ---- records and markers -------------------------------------------------------------------- */

static void tend_records(struct task *task, struct txn_group *g)
{
    struct group_state_iter it;
    struct group_state_item item;
    struct txn_record record;
    hlc_time before = ago(hlc_now(g->kv->hlc), RECORD_OLD_US);
    uint32_t n = 0;
    group_state_seek(g->group, &it, "R", 1, NULL, 0);
    while (n < UPKEEP_BATCH && group_state_next(&it, &item)) {
        struct kv_txn_id id;
        if (!txn_key_read(item.key, item.key_len, &id) ||
            !txn_record_decode(item.value, item.value_len, &record) ||
            record.status != TXN_COMMITTED || record.stamp >= before || !record.n_groups)
            continue;
        uint32_t groups[record.n_groups];
        for (uint32_t i = 0; i < record.n_groups; i++)
            groups[i] = load_le32(record.groups + 4 * i);
        txn_finish_start(kv_core_of(g->kv, task), &id, record.session, group_id(g->group),
                         record.epoch, TXN_COMMITTED, record.ts, groups, record.n_groups, true);
        n++;
    }
}

struct old_marker {
    struct kv_txn_id id;
    uint32_t anchor_group;
};

static uint32_t list_markers(struct txn_group *g, struct old_marker *out)
{
    struct group_state_iter it;
    struct group_state_item item;
    struct txn_marker marker;
    hlc_time before = ago(hlc_now(g->kv->hlc), RECORD_OLD_US);
    uint32_t n = 0;
    group_state_seek(g->group, &it, "M", 1, NULL, 0);
    while (n < UPKEEP_BATCH && group_state_next(&it, &item))
        if (txn_marker_decode(item.value, item.value_len, &marker) &&
            marker.outcome == TXN_COMMITTED && marker.stamp < before &&
            txn_key_read(item.key, item.key_len, &out[n].id))
            out[n++].anchor_group = marker.anchor_group;
    return n;
}

/* A record, and nothing else, has a list of groups. */
static bool is_record_gone(struct task *task, struct kv *kv, const struct old_marker *marker)
{
    struct txn_result result = {0};
    struct txn_answer answer;
    struct err err;
    struct txn_call call = {
        .op = TXN_OP_LOOK,
        .group = marker->anchor_group,
        .txn = marker->id,
        .deadline_ns = env_mono_ns(kv->env) + 1000 * TXN_MS,
    };
    bool gone = txn_send(task, kv, &call, true, &result, &err) == 0 && result.status == TXN_OK &&
                txn_answer_decode(result.body.data, result.body.len, &answer) &&
                answer.n_groups == 0;
    buf_done(&result.body);
    return gone;
}

static void tend_markers(struct task *task, struct txn_group *g, raft_term term)
{
    struct old_marker markers[UPKEEP_BATCH];
    struct buf command = {0};
    struct txn_answer answer;
    struct err err;
    uint8_t status;
    uint32_t n = list_markers(g, markers), dropped = 0;
    txn_command_begin(&command, &(struct txn_command){.kind = TXN_FINISH}, NULL);
    for (uint32_t i = 0; i < n && txn_group_is_leading(g, term); i++) {
        if (!is_record_gone(task, g->kv, &markers[i]))
            continue;
        txn_finish_put(&command,
                       &(struct txn_finish){.what = TXN_DROP_MARKER, .txn = markers[i].id});
        dropped++;
    }
    store_le32(command.data + 60, dropped);
    if (dropped && txn_group_is_leading(g, term))
        (void)!txn_group_propose(task, g, &command, &status, &answer, &err);
    buf_done(&command);
}

/* ---- bulk rows ------------------------------------------------------------------------------ */

static bool find_orphan(struct txn_group *g, struct kv_txn_id *owner, uint32_t *filling,
                        uint64_t *storage)
{
    struct group_state_iter it;
    struct group_state_item item;
    struct txn_command prepared;
    group_state_seek(g->group, &it, "B", 1, NULL, 0);
    while (group_state_next(&it, &item)) {
        struct txn_bulk bulk;
        if (item.key_len != 9 || !txn_bulk_decode(item.value, item.value_len, &bulk) ||
            bulk.filling == TXN_BULK_DROPPED)
            continue;
        *owner = bulk.txn;
        *filling = bulk.filling;
        *storage = load_be64(item.key + 1);
        if (!lock_table_txn(&g->locks, owner) && !txn_state_prepared(g->group, owner, &prepared))
            return true;
    }
    return false;
}

static void tend_bulk(struct task *task, struct txn_group *g, raft_term term)
{
    struct kv_txn_id owner, again;
    uint64_t storage, storage_again;
    uint32_t filling;
    struct txn_answer answer;
    struct err err;
    uint8_t status;
    if (!find_orphan(g, &owner, &filling, &storage) ||
        (!is_gateway_gone(g->kv, &owner) && txn_gateway_knows(task, g->kv, &owner)) ||
        !txn_group_is_leading(g, term) || !find_orphan(g, &again, &filling, &storage_again) ||
        storage != storage_again)
        return;
    struct buf command = {0}, bytes = {0};
    for (uint32_t shard = 0; shard < UINT16_MAX && !bytes.len; shard++) {
        const struct kv_schema *schema = group_tablet_schema(g->group, storage, (uint16_t)shard);
        if (schema)
            kv_schema_encode(schema, &bytes);
    }
    txn_command_begin(&command,
                      &(struct txn_command){.kind = TXN_BULK_DROP,
                                            .txn = owner,
                                            .epoch = filling,
                                            .stamp = hlc_now(g->kv->hlc),
                                            .n_items = 1},
                      NULL);
    txn_item_put(&command, &(struct txn_item){.storage = storage,
                                              .op = LOCK_OP_DROP,
                                              .data = bytes.data,
                                              .data_len = (uint32_t)bytes.len});
    (void)!txn_group_propose(task, g, &command, &status, &answer, &err);
    buf_done(&command);
    buf_done(&bytes);
}

/* ---- the collection threshold --------------------------------------------------------------- */

static hlc_time oldest_of_core(struct kv_core *core)
{
    hlc_time oldest = UINT64_MAX;
    list_each(struct kv_txn, txn, &core->active,
              link) if (txn->oldest_ts && txn->oldest_ts < oldest) oldest = txn->oldest_ts;
    return oldest;
}

static void report_reads(struct kv *kv, struct core *core)
{
    hlc_time oldest = UINT64_MAX;
    struct buf message = {0};
    for (uint32_t i = 0; i < kv->n_cores; i++) {
        hlc_time ts = atomic_load(&kv->cores[i]->oldest_read);
        oldest = ts < oldest ? ts : oldest;
    }
    hlc_time now = hlc_now(kv->hlc);
    if (oldest > now)
        oldest = now;
    atomic_store(&kv->oldest_read[kv->self], oldest);
    atomic_store(&kv->oldest_read_at[kv->self], env_mono_ns(kv->env));
    buf_put_le64(&message, oldest);
    for (uint32_t node = 1; node <= kv->n_nodes; node++) {
        struct rpc_call call = {
            .to = node,
            .method = TXN_METHOD_ACTIVE,
            .cls = RPC_STATEMENT,
            .msg = message.data,
            .msg_len = message.len,
        };
        if (node != kv->self)
            (void)!rpc_send(core, kv->rpc, &call);
    }
    buf_done(&message);
}

static int serve_active(struct task *task, void *ctx, const struct rpc_in *in, struct rpc_out *out,
                        struct err *err)
{
    struct kv *kv = ctx;
    if (in->msg_len == 8 && in->from <= TXN_NODES_MAX) {
        atomic_store(&kv->oldest_read[in->from], load_le64(in->msg));
        atomic_store(&kv->oldest_read_at[in->from], env_mono_ns(kv->env));
    }
    return 0;
}

static hlc_time choose_threshold(struct kv *kv)
{
    uint64_t now_ns = env_mono_ns(kv->env);
    hlc_time threshold = ago(hlc_now(kv->hlc), kv->retention_us);
    for (uint32_t node = 1; node <= kv->n_nodes; node++) {
        uint64_t at = atomic_load(&kv->oldest_read_at[node]);
        hlc_time ts = atomic_load(&kv->oldest_read[node]);
        if (!at || now_ns - at > READ_REPORT_NS) {
            /* Not heard of since this node started or for long: as if it read a while ago. */
            ts = ago(hlc_now(kv->hlc), READ_REPORT_NS / 1000 + kv->retention_us);
        }
        threshold = ts < threshold ? ts : threshold;
    }
    return threshold;
}

static void tend_threshold(struct task *task, struct txn_group *g)
{
    hlc_time threshold = choose_threshold(g->kv);
    struct buf command = {0};
    struct txn_answer answer;
    struct err err;
    uint8_t status;
    if (group_applied(g->group) == g->gc_applied ||
        hlc_micros(threshold) < hlc_micros(group_gc_threshold(g->group)) + GC_STEP_US)
        return;
    txn_command_begin(&command,
                      &(struct txn_command){.kind = TXN_GC,
                                            .ts = threshold,
                                            .stamp = ago(hlc_now(g->kv->hlc), KEEP_OUTCOME_US)},
                      NULL);
    if (!txn_group_propose(task, g, &command, &status, &answer, &err) && status == TXN_OK)
        g->gc_applied = group_applied(g->group);
    buf_done(&command);
}

/* ---- the fiber ------------------------------------------------------------------------------ */

static void tend_group(struct task *task, struct txn_group *g, uint32_t turn)
{
    raft_term term = g->term;
    tend_prepared(g);
    tend_locks(task, g, term);
    if (turn % 8 || !txn_group_is_leading(g, term))
        return;
    tend_records(task, g);
    tend_markers(task, g, term);
    if (txn_group_is_leading(g, term))
        tend_bulk(task, g, term);
    if (txn_group_is_leading(g, term))
        tend_threshold(task, g);
}

static void run_upkeep(struct task *task, void *arg)
{
    struct kv_core *core = arg;
    struct kv *kv = core->kv;
    struct err err;
    for (uint32_t turn = 1; !atomic_load(&kv->stopping); turn++) {
        for (uint32_t i = 0; i < UPKEEP_NS / (100 * TXN_MS) && !atomic_load(&kv->stopping); i++)
            (void)!task_sleep(task, 100 * TXN_MS, &err);
        atomic_store(&core->oldest_read, oldest_of_core(core));
        if (core->index == 0 && turn % 2 == 0)
            report_reads(kv, core->core);
        for (uint32_t id = 1; id <= kv->n_data_groups + 1 && !atomic_load(&kv->stopping); id++) {
            struct txn_group *g = atomic_load(&kv->groups[id]);
            if (g && store_group_core(kv->store, id) == core->core && g->leading)
                tend_group(task, g, turn);
        }
    }
    txn_background_done(kv);
}

static void start_here(struct task *task, void *arg)
{
    struct kv_core *core = arg;
    txn_background(core->kv, task_core(task), "kv_upkeep", run_upkeep, core);
}

void txn_upkeep_register(struct kv *kv)
{
    rpc_handle(kv->rpc, TXN_METHOD_ACTIVE, "txn_active", serve_active, kv);
}

void txn_upkeep_start(struct task *task, struct kv *kv)
{
    for (uint32_t i = 0; i < kv->n_cores; i++)
        core_call(task, kv->cores[i]->core, TASK_TXN, start_here, kv->cores[i]);
}
