#include "storage/txn/txn_apply.h"

#include "base/arena.h"
#include "storage/tablet/place.h"
#include "storage/txn/kv_read.h"
#include "storage/txn/lock_table.h"
#include "storage/txn/txn_fault.h"

struct applying {
    struct group_apply *apply;
    struct group *group;
    uint32_t faults;
    const struct txn_command *c;
    struct txn_answer *answer;
};

/* ---- looking at the state store ------------------------------------------------------------- */

static bool get_state(const struct group *group, const uint8_t *key, uint32_t len,
                      const uint8_t **value, size_t *value_len)
{
    return group_state_get(group, key, len, value, value_len);
}

uint32_t txn_state_generation(const struct group *group)
{
    const uint8_t *value;
    size_t len;
    return group_state_get(group, "G", 1, &value, &len) && len == 4 ? load_le32(value) : 1;
}

bool txn_state_record(const struct group *group, const struct kv_txn_id *txn,
                      struct txn_record *out)
{
    uint8_t key[TXN_KEY_MAX];
    const uint8_t *value;
    size_t len;
    return get_state(group, key, txn_key_make(key, 'R', txn), &value, &len) &&
           txn_record_decode(value, len, out);
}

bool txn_state_prepared(const struct group *group, const struct kv_txn_id *txn,
                        struct txn_command *out)
{
    uint8_t key[TXN_KEY_MAX];
    const uint8_t *value;
    size_t len;
    return get_state(group, key, txn_key_make(key, 'P', txn), &value, &len) &&
           txn_command_decode(value, len, out);
}

hlc_time txn_prepared_from(const uint8_t *value, size_t len)
{
    return len >= TXN_COMMAND_HEADER + 8 ? load_le64(value + len - 8) : 0;
}

static bool find_slot(const struct group *group, const struct kv_txn_id *txn, uint64_t session,
                      struct txn_slot *out)
{
    uint8_t key[TXN_KEY_MAX];
    const uint8_t *value;
    size_t len;
    return session &&
           get_state(group, key, txn_key_slot(key, txn, TXN_SLOT_OF(session)), &value, &len) &&
           txn_slot_decode(value, len, out);
}

static bool find_marker(const struct group *group, const struct kv_txn_id *txn,
                        struct txn_marker *out)
{
    uint8_t key[TXN_KEY_MAX];
    const uint8_t *value;
    size_t len;
    return get_state(group, key, txn_key_make(key, 'M', txn), &value, &len) &&
           txn_marker_decode(value, len, out);
}

static bool find_forbid(const struct group *group, const struct kv_txn_id *txn,
                        struct txn_forbid *out)
{
    uint8_t key[TXN_KEY_MAX];
    const uint8_t *value;
    size_t len;
    return get_state(group, key, txn_key_make(key, 'F', txn), &value, &len) &&
           txn_forbid_decode(value, len, out);
}

static bool set_answer(struct txn_answer *answer, uint8_t verdict, uint32_t epoch, hlc_time ts)
{
    answer->verdict = verdict;
    answer->epoch = epoch;
    answer->ts = ts;
    return true;
}

bool txn_state_outcome(const struct group *group, const struct kv_txn_id *txn, uint64_t session,
                       struct txn_answer *answer)
{
    struct txn_record record;
    struct txn_slot slot;
    struct txn_marker marker;
    struct txn_forbid forbid;
    if (txn_state_record(group, txn, &record) && record.status != TXN_STAGING)
        return set_answer(answer, record.status, record.epoch, record.ts);
    bool has_slot = find_slot(group, txn, session, &slot);
    if (has_slot && slot.number == txn->number)
        return set_answer(answer, slot.outcome, 0, slot.ts);
    if (find_marker(group, txn, &marker))
        return set_answer(answer, marker.outcome, marker.epoch, marker.ts);
    if (find_forbid(group, txn, &forbid))
        return set_answer(answer, TXN_FORBIDDEN, forbid.epoch, 0);
    if (has_slot && TXN_ORDER_OF(session) < TXN_ORDER_OF(slot.session))
        return set_answer(answer, TXN_GONE, 0, 0);
    return false;
}

/* ---- changing it ---------------------------------------------------------------------------- */

static void put_state(struct applying *a, const uint8_t *key, uint32_t key_len,
                      struct buf *take_value)
{
    group_state_put(a->apply, key, key_len, take_value->data, take_value->len);
    buf_done(take_value);
}

static void put_record(struct applying *a, const struct kv_txn_id *txn,
                       const struct txn_record *record)
{
    uint8_t key[TXN_KEY_MAX];
    struct buf value = {0};
    txn_record_put(&value, record);
    put_state(a, key, txn_key_make(key, 'R', txn), &value);
}

static void put_slot(struct applying *a, const struct kv_txn_id *txn, uint64_t session,
                     uint8_t outcome, hlc_time ts)
{
    struct txn_slot old;
    if (!session || (find_slot(a->group, txn, session, &old) &&
                     TXN_ORDER_OF(old.session) > TXN_ORDER_OF(session)))
        return;
    uint8_t key[TXN_KEY_MAX];
    struct buf value = {0};
    struct txn_slot slot = {
        .number = txn->number, .outcome = outcome, .ts = ts, .session = session};
    txn_slot_put(&value, &slot);
    put_state(a, key, txn_key_slot(key, txn, TXN_SLOT_OF(session)), &value);
}

static void put_forbid(struct applying *a, const struct kv_txn_id *txn, uint32_t epoch)
{
    if (a->faults & TXN_FAULT_FORBID_IN_MEMORY)
        return;
    uint8_t key[TXN_KEY_MAX];
    struct buf value = {0};
    struct txn_forbid forbid = {.epoch = epoch, .stamp = a->c->stamp};
    txn_forbid_put(&value, &forbid);
    put_state(a, key, txn_key_make(key, 'F', txn), &value);
}

static void drop_state(struct applying *a, char letter, const struct kv_txn_id *txn)
{
    uint8_t key[TXN_KEY_MAX];
    group_state_del(a->apply, key, txn_key_make(key, letter, txn));
}

/* ---- rows and tablets ----------------------------------------------------------------------- */

static void apply_change(struct applying *a, const struct txn_item *item)
{
    struct arena arena;
    struct kv_schema *schema;
    arena_init(&arena, NULL);
    if (kv_schema_decode(item->data, item->data_len, &arena, &schema, NULL) == 0) {
        for (uint32_t i = 0; i < schema->n_shards; i++) {
            if (schema->groups[i] != group_id(a->group))
                continue;
            if (item->op == LOCK_OP_CREATE)
                group_tablet_create(a->apply, schema, (uint16_t)i);
            else if (item->op == LOCK_OP_ALTER)
                group_tablet_alter(a->apply, schema, (uint16_t)i);
            else
                group_tablet_drop(a->apply, schema->id, (uint16_t)i);
        }
    }
    uint8_t key[TXN_KEY_MAX];
    if (a->c->kind != TXN_BULK && a->c->kind != TXN_BULK_DROP)
        group_state_del(a->apply, key, txn_key_storage(key, 'B', item->storage));
    arena_done(&arena);
}

static void apply_items(struct applying *a, const struct txn_command *command, hlc_time ts)
{
    struct buf_reader in = command->items;
    struct txn_item item;
    for (uint32_t i = 0; i < command->n_items && txn_item_take(&in, &item); i++) {
        switch ((enum lock_op)item.op) {
        case LOCK_OP_NONE:
            break;
        case LOCK_OP_PUT:
            group_tablet_put(a->apply, item.storage, item.shard, item.key, item.key_len, ts,
                             item.data, item.data_len);
            break;
        case LOCK_OP_DELETE:
            group_tablet_delete(a->apply, item.storage, item.shard, item.key, item.key_len,
                                ts + (command->kind == TXN_BULK), item.data_len ? item.data : NULL,
                                item.data_len);
            break;
        case LOCK_OP_CREATE:
        case LOCK_OP_ALTER:
        case LOCK_OP_DROP:
            apply_change(a, &item);
            break;
        }
    }
}

static bool is_stale(struct applying *a)
{
    a->answer->generation = txn_state_generation(a->group);
    if (a->c->generation == a->answer->generation)
        return false;
    return set_answer(a->answer, TXN_STALE, a->c->epoch, 0);
}

/* ---- the commands --------------------------------------------------------------------------- */

static void apply_commit(struct applying *a)
{
    const struct txn_command *c = a->c;
    if (!(a->faults & TXN_FAULT_OUTCOME_UNCHECKED) &&
        txn_state_outcome(a->group, &c->txn, c->session, a->answer))
        return;
    if (is_stale(a))
        return;
    apply_items(a, c, c->ts);
    put_slot(a, &c->txn, c->session, TXN_COMMITTED, c->ts);
    set_answer(a->answer, TXN_COMMITTED, c->epoch, c->ts);
}

static void put_prepared(struct applying *a, const uint8_t *bytes, size_t size)
{
    uint8_t key[TXN_KEY_MAX];
    uint32_t key_len = txn_key_make(key, 'P', &a->c->txn);
    const uint8_t *old;
    size_t old_len;
    hlc_time from = a->c->ts;
    if (get_state(a->group, key, key_len, &old, &old_len) && txn_prepared_from(old, old_len) < from)
        from = txn_prepared_from(old, old_len);
    struct buf value = {0};
    buf_put(&value, bytes, size);
    buf_put_le64(&value, from);
    put_state(a, key, key_len, &value);
}

static void apply_prepare(struct applying *a, const uint8_t *bytes, size_t size)
{
    const struct txn_command *c = a->c;
    struct txn_command prepared;
    struct txn_record record;
    if (!(a->faults & TXN_FAULT_OUTCOME_UNCHECKED) &&
        txn_state_outcome(a->group, &c->txn, c->session, a->answer))
        return;
    if (txn_state_prepared(a->group, &c->txn, &prepared) && prepared.epoch >= c->epoch) {
        set_answer(a->answer, prepared.epoch == c->epoch ? TXN_PREPARED : TXN_NEWER, prepared.epoch,
                   prepared.ts);
        return;
    }
    bool at_anchor = c->flags & TXN_AT_ANCHOR;
    if (at_anchor && txn_state_record(a->group, &c->txn, &record) && record.epoch > c->epoch) {
        set_answer(a->answer, TXN_NEWER, record.epoch, 0);
        return;
    }
    if (is_stale(a))
        return;
    set_answer(a->answer, TXN_PREPARED, c->epoch, c->ts);
    if (a->faults & TXN_FAULT_LOST_PREPARE && !at_anchor)
        return;
    put_prepared(a, bytes, size);
    if (!at_anchor)
        return;
    record = (struct txn_record){.status = TXN_STAGING,
                                 .epoch = c->epoch,
                                 .stamp = c->stamp,
                                 .session = c->session,
                                 .n_groups = c->n_groups,
                                 .groups = c->groups};
    put_record(a, &c->txn, &record);
}

/* STAGING under `epoch` -> outcome. */
static void decide_record(struct applying *a, const struct kv_txn_id *txn,
                          struct txn_record *record, uint8_t outcome, hlc_time ts)
{
    struct buf groups = {0};
    buf_put(&groups, record->groups, 4u * record->n_groups); /* its bytes go with the old value */
    record->groups = groups.data;
    record->status = outcome;
    record->ts = outcome == TXN_COMMITTED ? ts : 0;
    put_record(a, txn, record);
    buf_done(&groups);
    if (outcome == TXN_COMMITTED)
        put_slot(a, txn, record->session, TXN_COMMITTED, ts);
}

static void fill_groups(struct txn_answer *answer, const struct txn_record *record)
{
    answer->n_groups = record->n_groups < TXN_GROUPS_MAX ? record->n_groups : TXN_GROUPS_MAX;
    for (uint32_t i = 0; i < answer->n_groups; i++)
        answer->groups[i] = load_le32(record->groups + 4 * i);
}

static void apply_cas(struct applying *a)
{
    const struct txn_command *c = a->c;
    struct txn_record record;
    if (!txn_state_record(a->group, &c->txn, &record)) {
        if (!txn_state_outcome(a->group, &c->txn, c->session, a->answer))
            set_answer(a->answer, TXN_NONE, 0, 0);
        return;
    }
    if (record.status == TXN_STAGING && record.epoch == c->epoch)
        decide_record(a, &c->txn, &record,
                      c->flags & TXN_TO_COMMITTED ? TXN_COMMITTED : TXN_ABORTED, c->ts);
    txn_state_record(a->group, &c->txn, &record);
    set_answer(a->answer, record.status, record.epoch, record.ts);
    fill_groups(a->answer, &record);
}

static void apply_ask(struct applying *a)
{
    const struct txn_command *c = a->c;
    struct txn_record record;
    if (txn_state_record(a->group, &c->txn, &record)) {
        set_answer(a->answer, record.status, record.epoch, record.ts);
        fill_groups(a->answer, &record);
        return;
    }
    if (txn_state_outcome(a->group, &c->txn, c->session, a->answer)) {
        if (a->answer->verdict == TXN_FORBIDDEN)
            a->answer->verdict = TXN_ABORTED;
        return;
    }
    record = (struct txn_record){.status = TXN_ABORTED, .stamp = c->stamp, .session = c->session};
    put_record(a, &c->txn, &record);
    set_answer(a->answer, TXN_ABORTED, 0, 0);
}

static void apply_forbid(struct applying *a)
{
    const struct txn_command *c = a->c;
    struct txn_command prepared;
    struct txn_marker marker;
    if (find_marker(a->group, &c->txn, &marker)) {
        set_answer(a->answer, marker.outcome, marker.epoch, marker.ts);
        return;
    }
    if (txn_state_prepared(a->group, &c->txn, &prepared) && prepared.epoch >= c->epoch) {
        set_answer(a->answer, prepared.epoch == c->epoch ? TXN_PREPARED : TXN_NEWER, prepared.epoch,
                   prepared.ts);
        return;
    }
    set_answer(a->answer, TXN_FORBIDDEN, c->epoch, 0);
    put_forbid(a, &c->txn, c->epoch);
}

/* True when prepared rows were installed or dropped. */
static bool apply_resolve(struct applying *a, const struct txn_finish *f)
{
    struct txn_record record;
    struct txn_command prepared;
    if (f->at_anchor && txn_state_record(a->group, &f->txn, &record)) {
        if (record.status == TXN_STAGING && record.epoch == f->epoch)
            decide_record(a, &f->txn, &record, f->outcome, f->ts);
        else if (record.status != f->outcome)
            return false; /* somebody decided otherwise: nothing may follow from this entry */
    }
    bool found = txn_state_prepared(a->group, &f->txn, &prepared);
    if (!found && f->outcome == TXN_ABORTED) {
        struct txn_marker marker;
        if (!find_marker(a->group, &f->txn, &marker))
            put_forbid(a, &f->txn, f->epoch); /* a prepare still on its way comes too late */
        return false;
    }
    if (!found)
        return false;
    struct buf copy = {0}; /* the state store may move while tablets are made */
    uint8_t key[TXN_KEY_MAX];
    const uint8_t *value;
    size_t len;
    get_state(a->group, key, txn_key_make(key, 'P', &f->txn), &value, &len);
    buf_put(&copy, value, len);
    if (f->outcome == TXN_COMMITTED && txn_command_decode(copy.data, copy.len, &prepared))
        apply_items(a, &prepared, f->ts);
    buf_done(&copy);
    drop_state(a, 'P', &f->txn);
    if (a->faults & TXN_FAULT_NO_MARKER)
        return true;
    struct txn_marker marker = {.outcome = f->outcome,
                                .epoch = f->epoch,
                                .anchor_group = f->anchor_group,
                                .ts = f->ts,
                                .stamp = a->c->stamp};
    struct buf bytes = {0};
    txn_marker_put(&bytes, &marker);
    put_state(a, key, txn_key_make(key, 'M', &f->txn), &bytes);
    return true;
}

static void apply_finish(struct applying *a, txn_apply_seen *seen, void *arg)
{
    struct buf_reader in = a->c->items;
    struct txn_finish f;
    struct txn_record record;
    for (uint32_t i = 0; i < a->c->n_items && txn_finish_take(&in, &f); i++) {
        bool taken = false;
        switch ((enum txn_finish_what)f.what) {
        case TXN_RESOLVE:
            taken = apply_resolve(a, &f);
            break;
        case TXN_DROP_RECORD:
            if (txn_state_record(a->group, &f.txn, &record) && record.status != TXN_STAGING)
                drop_state(a, 'R', &f.txn);
            break;
        case TXN_DROP_MARKER:
            drop_state(a, 'M', &f.txn);
            break;
        case TXN_DROP_FORBID:
            drop_state(a, 'F', &f.txn);
            break;
        }
        if (seen)
            seen(arg, &f, taken);
    }
    a->answer->verdict = TXN_DONE;
}

/* A bulk entry first makes its storage known as the transaction's, so that an abort finds it.
 * Fillings are numbered: an entry of an earlier one that comes late does nothing, and once the
 * tablets were dropped none comes again. */
static void apply_bulk(struct applying *a)
{
    uint8_t key[TXN_KEY_MAX];
    struct buf_reader in = a->c->items;
    struct txn_item item;
    const uint8_t *value;
    size_t len;
    if (!a->c->n_items || !txn_item_take(&in, &item))
        return;
    struct txn_bulk old, now = {a->c->txn, a->c->epoch, a->c->stamp};
    uint32_t key_len = txn_key_storage(key, 'B', item.storage);
    bool known =
        group_state_get(a->group, key, key_len, &value, &len) && txn_bulk_decode(value, len, &old);
    bool drops = a->c->kind == TXN_BULK_DROP;
    if (known ? !kv_txn_id_equal(&old.txn, &now.txn) || old.filling > now.filling : drops) {
        a->answer->verdict = TXN_STALE;
        return;
    }
    if (drops)
        now.filling = TXN_BULK_DROPPED;
    struct buf bytes = {0};
    txn_bulk_put(&bytes, &now);
    put_state(a, key, key_len, &bytes);
    apply_items(a, a->c, 2 * (hlc_time)a->c->epoch);
    a->answer->verdict = TXN_DONE;
}

static void apply_alloc(struct applying *a)
{
    const uint8_t *value;
    size_t len;
    uint8_t next[8];
    uint64_t first = PLACE_SYSTEM_STORAGES;
    if (group_state_get(a->group, "I", 1, &value, &len) && len == 8)
        first = load_le64(value);
    store_le64(next, first + a->c->n_items);
    group_state_put(a->apply, "I", 1, next, sizeof next);
    a->answer->verdict = TXN_DONE;
    a->answer->first = first;
}

/* Ages: what was written before c->stamp. */
static bool is_expired(char letter, const struct group_state_item *item, hlc_time before)
{
    struct txn_record record;
    struct txn_forbid forbid;
    struct txn_slot slot;
    struct txn_marker marker;
    struct txn_bulk bulk;
    switch (letter) {
    case 'R':
        return txn_record_decode(item->value, item->value_len, &record) &&
               record.status == TXN_ABORTED && record.stamp < before;
    case 'M':
        return txn_marker_decode(item->value, item->value_len, &marker) &&
               marker.outcome == TXN_ABORTED && marker.stamp < before;
    case 'B':
        return txn_bulk_decode(item->value, item->value_len, &bulk) &&
               bulk.filling == TXN_BULK_DROPPED && bulk.stamp < before;
    case 'F':
        return txn_forbid_decode(item->value, item->value_len, &forbid) && forbid.stamp < before;
    default:
        return txn_slot_decode(item->value, item->value_len, &slot) && slot.ts < before;
    }
}

static void expire_letter(struct applying *a, char letter)
{
    struct group_state_iter it;
    struct group_state_item item;
    struct buf keys = {0};
    group_state_seek(a->group, &it, &letter, 1, NULL, 0);
    while (group_state_next(&it, &item))
        if (is_expired(letter, &item, a->c->stamp))
            buf_put_sized(&keys, item.key, item.key_len);
    struct buf_reader in = buf_reader_of(keys.data, keys.len);
    while (buf_reader_left(&in)) {
        size_t len;
        const uint8_t *key = buf_take_sized(&in, &len);
        group_state_del(a->apply, key, len);
    }
    buf_done(&keys);
}

void txn_apply(struct group_apply *apply, uint32_t faults, const struct txn_command *command,
               const uint8_t *bytes, size_t size, struct txn_answer *answer, txn_apply_seen *seen,
               void *arg)
{
    struct applying a = {apply, group_apply_group(apply), faults, command, answer};
    answer->verdict = TXN_NONE;
    answer->epoch = command->epoch;
    answer->ts = 0;
    answer->first = 0;
    answer->n_groups = 0;
    answer->generation = command->generation;
    switch ((enum txn_kind)command->kind) {
    case TXN_COMMIT:
        apply_commit(&a);
        break;
    case TXN_PREPARE:
        apply_prepare(&a, bytes, size);
        break;
    case TXN_FINISH:
        apply_finish(&a, seen, arg);
        break;
    case TXN_CAS:
        apply_cas(&a);
        break;
    case TXN_ASK:
        apply_ask(&a);
        break;
    case TXN_FORBID:
        apply_forbid(&a);
        break;
    case TXN_BULK:
    case TXN_BULK_DROP:
        apply_bulk(&a);
        break;
    case TXN_ALLOC:
        apply_alloc(&a);
        break;
    case TXN_GC:
        group_gc_threshold_set(apply, command->ts);
        expire_letter(&a, 'R');
        expire_letter(&a, 'F');
        expire_letter(&a, 'M');
        expire_letter(&a, 'S');
        expire_letter(&a, 'B');
        answer->verdict = TXN_DONE;
        break;
    }
}
