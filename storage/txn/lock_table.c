#include "storage/txn/lock_table.h"

#include <assert.h>
#include <stdlib.h>

#include "storage/txn/kv_read.h"

static void *must_alloc(size_t bytes)
{
    void *p = calloc(1, bytes);
    if (!p)
        abort();
    return p;
}

void lock_table_init(struct lock_table *table)
{
    *table = (struct lock_table){.incarnation_next = 1};
    hashmap_init(&table->txns);
    intmap_init(&table->spaces);
    prng_init(&table->prng, 1);
}

void lock_table_clear(struct lock_table *table, int code)
{
    for (size_t i = 0; i < table->txns.entry_count; i++) {
        struct lock_txn *txn = table->txns.entries[i].value;
        if (txn)
            lock_waits_fail(table, txn, code);
    }
    for (size_t i = 0; i < table->txns.entry_count; i++)
        if (table->txns.entries[i].value)
            lock_txn_end(table, table->txns.entries[i].value, code);
    hashmap_clear(&table->txns);
}

void lock_table_done(struct lock_table *table)
{
    lock_table_clear(table, ERR_ADMIN_SHUTDOWN);
    for (size_t i = 0; i < table->spaces.entry_count; i++)
        free(table->spaces.entries[i].value);
    intmap_done(&table->spaces);
    hashmap_done(&table->txns);
}

struct lock_txn *lock_table_txn(const struct lock_table *table, const struct kv_txn_id *id)
{
    return hashmap_get(&table->txns, id, sizeof *id);
}

struct lock_txn *lock_table_txn_add(struct lock_table *table, const struct kv_txn_id *id)
{
    struct lock_txn *txn = must_alloc(sizeof *txn);
    txn->id = *id;
    txn->incarnation = table->incarnation_next++;
    list_init(&txn->holders);
    list_init(&txn->watchers);
    list_init(&txn->waits);
    arena_init(&txn->arena, NULL);
    hashmap_put(&table->txns, &txn->id, sizeof txn->id, txn);
    return txn;
}

/* ---- rows ----------------------------------------------------------------------------------- */

static struct lock_space *find_space(const struct lock_table *table, uint64_t storage,
                                     uint16_t shard)
{
    return intmap_get(&table->spaces, storage << 16 | shard);
}

static struct lock_space *need_space(struct lock_table *table, uint64_t storage, uint16_t shard)
{
    struct lock_space *space = find_space(table, storage, shard);
    if (space)
        return space;
    space = must_alloc(sizeof *space);
    space->table = table;
    space->storage = storage;
    space->shard = shard;
    intmap_put(&table->spaces, storage << 16 | shard, space);
    return space;
}

/* The links that lead to the first row with key >= key, one a level; returns that row. */
static struct lock_row *find_place(struct lock_space *space, const void *key, uint32_t key_len,
                                   struct lock_row **links[LOCK_LEVELS])
{
    struct lock_row **from = space->head;
    for (int level = LOCK_LEVELS - 1; level >= 0; level--) {
        struct lock_row *row;
        while ((row = from[level]) && key_compare(row->key, row->key_len, key, key_len) < 0)
            from = row->next;
        links[level] = &from[level];
    }
    return *links[0];
}

struct lock_row *lock_table_seek(const struct lock_table *table, uint64_t storage, uint16_t shard,
                                 const void *key, uint32_t key_len)
{
    struct lock_row **links[LOCK_LEVELS];
    struct lock_space *space = find_space(table, storage, shard);
    return space && space->count ? find_place(space, key, key_len, links) : NULL;
}

struct lock_row *lock_table_find(const struct lock_table *table, uint64_t storage, uint16_t shard,
                                 const void *key, uint32_t key_len)
{
    struct lock_row *row = lock_table_seek(table, storage, shard, key, key_len);
    return row && row->key_len == key_len && !memcmp(row->key, key, key_len) ? row : NULL;
}

static size_t row_bytes(const struct lock_row *row)
{
    return sizeof *row + row->level * sizeof row->next[0] + row->key_len;
}

static struct lock_row *need_row(struct lock_table *table, uint64_t storage, uint16_t shard,
                                 const void *key, uint32_t key_len)
{
    struct lock_row **links[LOCK_LEVELS];
    struct lock_space *space = need_space(table, storage, shard);
    struct lock_row *row = find_place(space, key, key_len, links);
    if (row && row->key_len == key_len && !memcmp(row->key, key, key_len))
        return row;
    uint8_t level = 1;
    for (uint64_t bits = prng_next(&table->prng); !(bits & 3) && level < LOCK_LEVELS; bits >>= 2)
        level++;
    row = must_alloc(sizeof *row + level * sizeof row->next[0] + key_len);
    uint8_t *copy = (uint8_t *)&row->next[level];
    if (key_len)
        memcpy(copy, key, key_len);
    row->space = space;
    row->key = copy;
    row->key_len = key_len;
    row->level = level;
    list_init(&row->holders);
    list_init(&row->waiters);
    for (int i = 0; i < level; i++) {
        row->next[i] = *links[i];
        *links[i] = row;
    }
    space->count++;
    table->row_count++;
    table->bytes += row_bytes(row);
    return row;
}

static void drop_row_if_idle(struct lock_table *table, struct lock_row *row)
{
    if (!list_is_empty(&row->holders) || !list_is_empty(&row->waiters))
        return;
    assert(!row->writer);
    struct lock_row **links[LOCK_LEVELS];
    find_place(row->space, row->key, row->key_len, links);
    for (int i = 0; i < row->level; i++)
        if (*links[i] == row)
            *links[i] = row->next[i];
    row->space->count--;
    table->row_count--;
    table->bytes -= row_bytes(row);
    free(row);
}

/* ---- granting ------------------------------------------------------------------------------- */

static struct lock_holder *find_holder(const struct lock_row *row, const struct lock_txn *txn)
{
    list_each(struct lock_holder, h, &row->holders, row_link) if (h->txn == txn) return h;
    return NULL;
}

uint8_t lock_held(const struct lock_row *row, const struct lock_txn *txn)
{
    struct lock_holder *holder = find_holder(row, txn);
    return holder ? holder->mode : KV_LOCK_NONE;
}

static bool is_blocked_by_holders(const struct lock_row *row, const struct lock_txn *txn,
                                  uint8_t mode)
{
    list_each(struct lock_holder, h, &row->holders,
              row_link) if (h->txn != txn && lock_modes_conflict(h->mode, mode)) return true;
    return false;
}

/* By waiters before `until` (NULL: by any). */
static bool is_blocked_by_waiters(const struct lock_row *row, const struct lock_txn *txn,
                                  uint8_t mode, const struct lock_waiter *until)
{
    list_each(struct lock_waiter, w, &row->waiters, link)
    {
        if (w == until)
            return false;
        if (w->txn != txn && lock_modes_conflict(w->mode, mode))
            return true;
    }
    return false;
}

static void add_holder(struct lock_table *table, struct lock_txn *txn, struct lock_row *row,
                       uint8_t mode)
{
    struct lock_holder *holder = find_holder(row, txn);
    if (holder) {
        if (mode > holder->mode)
            holder->mode = mode;
        return;
    }
    holder = arena_new(&txn->arena, struct lock_holder);
    holder->txn = txn;
    holder->row = row;
    holder->mode = mode;
    list_push_back(&row->holders, &holder->row_link);
    list_push_back(&txn->holders, &holder->txn_link);
    txn->lock_count++;
    txn->bytes += sizeof *holder;
    table->bytes += sizeof *holder;
}

bool lock_acquire(struct lock_table *table, struct lock_txn *txn, uint64_t storage, uint16_t shard,
                  const void *key, uint32_t key_len, uint8_t mode, struct lock_row **out)
{
    struct lock_row *row = need_row(table, storage, shard, key, key_len);
    uint8_t held = lock_held(row, txn);
    *out = row;
    if (held >= mode)
        return true;
    if (is_blocked_by_holders(row, txn, mode) ||
        (held == KV_LOCK_NONE && is_blocked_by_waiters(row, txn, mode, NULL)))
        return false;
    add_holder(table, txn, row, mode);
    return true;
}

bool lock_is_free(const struct lock_table *table, const struct lock_txn *txn, uint64_t storage,
                  uint16_t shard, const void *key, uint32_t key_len, uint8_t mode)
{
    struct lock_row *row = lock_table_find(table, storage, shard, key, key_len);
    if (!row)
        return true;
    uint8_t held = txn ? lock_held(row, txn) : KV_LOCK_NONE;
    return held >= mode || (!is_blocked_by_holders(row, txn, mode) &&
                            (held || !is_blocked_by_waiters(row, txn, mode, NULL)));
}

void lock_wait(struct lock_table *table, struct lock_waiter *waiter, struct lock_txn *txn,
               struct lock_row *row, uint8_t mode)
{
    waiter->txn = txn;
    waiter->row = row;
    waiter->mode = mode;
    waiter->granted = false;
    waiter->failed = 0;
    if (lock_held(row, txn))
        list_push_front(&row->waiters, &waiter->link);
    else
        list_push_back(&row->waiters, &waiter->link);
    list_push_back(&txn->waits, &waiter->txn_link);
}

static void leave_queue(struct lock_waiter *waiter)
{
    list_remove(&waiter->link);
    list_remove(&waiter->txn_link);
}

/* After a holder or waiter went: whoever need not wait any more, in order. */
static void grant_waiters(struct lock_table *table, struct lock_row *row)
{
    list_each_safe(struct lock_waiter, w, &row->waiters, link)
    {
        if (is_blocked_by_holders(row, w->txn, w->mode) ||
            (!lock_held(row, w->txn) && is_blocked_by_waiters(row, w->txn, w->mode, w)))
            continue;
        leave_queue(w);
        add_holder(table, w->txn, row, w->mode);
        w->granted = true;
        table->waiter_woken(w);
    }
}

void lock_wait_cancel(struct lock_table *table, struct lock_waiter *waiter)
{
    if (waiter->granted || waiter->failed)
        return;
    struct lock_row *row = waiter->row;
    leave_queue(waiter);
    grant_waiters(table, row);
    drop_row_if_idle(table, row);
}

void lock_release(struct lock_table *table, struct lock_txn *txn, struct lock_row *row)
{
    struct lock_holder *holder = find_holder(row, txn);
    if (!holder || row->writer == txn)
        return;
    list_remove(&holder->row_link);
    list_remove(&holder->txn_link);
    txn->lock_count--;
    grant_waiters(table, row);
    drop_row_if_idle(table, row);
}

uint32_t lock_blockers(const struct lock_waiter *waiter, struct lock_txn **out, uint32_t max)
{
    uint32_t n = 0;
    list_each(struct lock_holder, h, &waiter->row->holders,
              row_link) if (h->txn != waiter->txn && lock_modes_conflict(h->mode, waiter->mode) &&
                            n < max) out[n++] = h->txn;
    if (lock_held(waiter->row, waiter->txn))
        return n;
    list_each(struct lock_waiter, w, &waiter->row->waiters, link)
    {
        if (w == waiter)
            break;
        bool known = w->txn == waiter->txn || !lock_modes_conflict(w->mode, waiter->mode);
        for (uint32_t i = 0; i < n && !known; i++)
            known = out[i] == w->txn;
        if (!known && n < max)
            out[n++] = w->txn;
    }
    return n;
}

void lock_waits_fail(struct lock_table *table, struct lock_txn *txn, int code)
{
    struct list_node *node;
    while ((node = list_first(&txn->waits))) {
        struct lock_waiter *waiter = container_of(node, struct lock_waiter, txn_link);
        struct lock_row *row = waiter->row;
        leave_queue(waiter);
        waiter->failed = code;
        table->waiter_woken(waiter);
        grant_waiters(table, row);
        drop_row_if_idle(table, row);
    }
}

/* ---- values --------------------------------------------------------------------------------- */

void lock_value_put(struct lock_table *table, struct lock_txn *txn, struct lock_row *row,
                    uint32_t seq, enum lock_op op, const void *data, uint32_t len)
{
    assert(!row->writer || row->writer == txn);
    struct lock_value *value = arena_new(&txn->arena, struct lock_value);
    value->seq = seq;
    value->op = (uint8_t)op;
    value->len = len;
    value->data = len ? arena_memdup(&txn->arena, data, len) : NULL;
    value->older = row->value;
    row->value = value;
    row->writer = txn;
    txn->bytes += sizeof *value + len;
    table->bytes += sizeof *value + len;
}

const struct lock_value *lock_value_seen(const struct lock_row *row, uint32_t read_seq,
                                         const struct kv_seq_range *voided, uint32_t n_void)
{
    const struct lock_value *value = row->value;
    while (value && (value->seq >= read_seq || kv_read_is_void(voided, n_void, value->seq)))
        value = value->older;
    return value;
}

void lock_txn_rollback(struct lock_table *table, struct lock_txn *txn, uint32_t from)
{
    list_each(struct lock_holder, h, &txn->holders, txn_link)
    {
        if (h->row->writer != txn)
            continue;
        while (h->row->value && h->row->value->seq >= from)
            h->row->value = h->row->value->older;
    }
}

/* ---- the life of a transaction -------------------------------------------------------------- */

void lock_txn_publish(struct lock_table *table, struct lock_txn *txn, hlc_time ts, uint32_t epoch)
{
    if (txn->phase == LOCK_ACTIVE)
        table->prepared_count++;
    /* Prepared again under a higher epoch: readers are held from the first timestamp on. */
    if (!txn->prep_ts || ts < txn->prep_ts)
        txn->prep_ts = ts;
    txn->phase = LOCK_PUBLISHED;
    txn->epoch = epoch;
}

static void wake_watchers(struct lock_table *table, struct lock_txn *txn)
{
    struct list_node *node;
    while ((node = list_pop_front(&txn->watchers))) {
        struct lock_watch *watch = container_of(node, struct lock_watch, link);
        watch->ended = true;
        watch->outcome_ts = txn->outcome_ts;
        table->watch_woken(watch);
    }
}

void lock_txn_unpublish(struct lock_table *table, struct lock_txn *txn)
{
    if (txn->phase == LOCK_ACTIVE)
        return;
    table->prepared_count--;
    txn->phase = LOCK_ACTIVE;
    txn->prep_ts = 0;
    wake_watchers(table, txn);
}

void lock_txn_prepared(struct lock_table *table, struct lock_txn *txn)
{
    if (txn->phase == LOCK_ACTIVE)
        table->prepared_count++;
    txn->phase = LOCK_PREPARED;
}

void lock_txn_end(struct lock_table *table, struct lock_txn *txn, int code)
{
    lock_waits_fail(table, txn, code);
    if (txn->phase != LOCK_ACTIVE)
        table->prepared_count--;
    hashmap_remove(&table->txns, &txn->id, sizeof txn->id);
    struct list_node *node;
    while ((node = list_pop_front(&txn->holders))) {
        struct lock_holder *holder = container_of(node, struct lock_holder, txn_link);
        struct lock_row *row = holder->row;
        list_remove(&holder->row_link);
        if (row->writer == txn) {
            row->writer = NULL;
            row->value = NULL;
        }
        grant_waiters(table, row);
        drop_row_if_idle(table, row);
    }
    wake_watchers(table, txn);
    table->bytes -= txn->bytes;
    buf_done(&txn->reply);
    arena_done(&txn->arena);
    free(txn);
}

void lock_watch_add(struct lock_watch *watch, struct lock_txn *txn)
{
    watch->txn = txn;
    watch->ended = false;
    list_push_back(&txn->watchers, &watch->link);
}

void lock_watch_remove(struct lock_watch *watch)
{
    list_remove(&watch->link);
}
