#include "tests/support/kv_local.h"

#include <stdlib.h>

#include "base/buf.h"
#include "storage/txn/kv_read.h"
#include "tests/support/kv_local_int.h"

/* ---- the map: a skip list with backward links at the bottom --------------------------------- */

void local_map_init(struct local_map *map, struct arena *arena)
{
    size_t size = sizeof(struct local_row) + LOCAL_LEVELS * sizeof(struct local_row *);
    map->head = arena_zalloc(arena, size);
    map->head->level = LOCAL_LEVELS;
    map->tail = map->head;
}

/* The rows before the place of `key`, one a level. */
static void find_before(const struct local_map *map, const uint8_t *key, uint32_t len,
                        struct local_row *before[LOCAL_LEVELS])
{
    struct local_row *row = map->head;
    for (int level = LOCAL_LEVELS - 1; level >= 0; level--) {
        while (row->next[level] &&
               key_compare(row->next[level]->key, row->next[level]->key_len, key, len) < 0)
            row = row->next[level];
        before[level] = row;
    }
}

struct local_row *local_map_seek(const struct local_map *map, const uint8_t *key, uint32_t len)
{
    struct local_row *before[LOCAL_LEVELS];
    find_before(map, key, len, before);
    return before[0]->next[0];
}

struct local_row *local_map_before(const struct local_map *map, const uint8_t *key, uint32_t len)
{
    struct local_row *before[LOCAL_LEVELS];
    before[0] = map->tail;
    if (key)
        find_before(map, key, len, before);
    return before[0] == map->head ? NULL : before[0];
}

struct local_row *local_map_find(const struct local_map *map, const uint8_t *key, uint32_t len)
{
    struct local_row *row = local_map_seek(map, key, len);
    return row && key_compare(row->key, row->key_len, key, len) == 0 ? row : NULL;
}

struct local_row *local_map_add(struct kv *kv, struct local_map *map, const uint8_t *key,
                                uint32_t len)
{
    struct local_row *before[LOCAL_LEVELS];
    find_before(map, key, len, before);
    struct local_row *row = before[0]->next[0];
    if (row && key_compare(row->key, row->key_len, key, len) == 0)
        return row;
    kv->random = kv->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    uint8_t level = 1;
    for (uint64_t bits = kv->random >> 32; (bits & 3) == 0 && level < LOCAL_LEVELS; bits >>= 2)
        level++;
    row = arena_zalloc(&kv->arena, sizeof *row + level * sizeof row->next[0]);
    row->level = level;
    row->key_len = len;
    row->key = arena_memdup(&kv->arena, key, len ? len : 1);
    for (int i = 0; i < level; i++) {
        row->next[i] = before[i]->next[i];
        before[i]->next[i] = row;
    }
    row->prev = before[0];
    if (row->next[0])
        row->next[0]->prev = row;
    else
        map->tail = row;
    return row;
}

/* ---- the kv and its storages ---------------------------------------------------------------- */

struct kv *kv_local_create(void)
{
    struct kv *kv = calloc(1, sizeof *kv);
    if (!kv)
        abort();
    arena_init(&kv->arena, NULL);
    kv->clock = (hlc_time)1 << 20;
    kv->id_next = 10000;
    kv->random = 1;
    kv->n_nodes = 1;
    return kv;
}

void kv_local_destroy(struct kv *kv)
{
    arena_done(&kv->arena);
    free(kv);
}

void kv_local_set_nodes(struct kv *kv, uint32_t n_nodes)
{
    kv->n_nodes = n_nodes ? n_nodes : 1;
}

static struct local_storage *find_storage(struct kv *kv, storage_id id)
{
    for (struct local_storage *s = kv->storages; s; s = s->next)
        if (s->schema->id == id)
            return s;
    return NULL;
}

int local_storage_get(struct kv *kv, const struct kv_txn *txn, const struct kv_schema *schema,
                      struct local_storage **out, enum kv_retry *retry, struct err *err)
{
    struct local_storage *storage = find_storage(kv, schema->id);
    if (storage && !storage->dropped && (!storage->creator || storage->creator == txn)) {
        bool stale = schema->version < storage->schema->version && storage->creator != txn;
        for (const struct local_change *c = txn ? txn->changes : NULL; c; c = c->next)
            if (c->storage == storage)
                stale = false; /* its own change is not committed yet */
        if (!stale) {
            *out = storage;
            return 0;
        }
    }
    *retry = KV_RETRY_SCHEMA;
    return err_set(err, ERR_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   "storage %llu changed its schema or was dropped",
                   (unsigned long long)schema->id);
}

void kv_place(struct kv *kv, const struct kv_schema *schema, node_id *nodes)
{
    for (uint32_t i = 0; i < schema->n_shards; i++)
        nodes[i] = 1 + i % kv->n_nodes;
}

node_id kv_self(struct kv *kv)
{
    return 1;
}

void kv_size_est(struct kv *kv, const struct kv_schema *schema, uint64_t *rows, uint64_t *bytes)
{
    *rows = *bytes = 0;
    struct local_storage *storage = find_storage(kv, schema->id);
    for (uint32_t i = 0; storage && i < storage->schema->n_shards; i++)
        for (struct local_row *r = storage->shards[i].head->next[0]; r; r = r->next[0])
            if (r->versions && !r->versions->deleted) {
                *rows += 1;
                *bytes += r->key_len + r->versions->len;
            }
}

uint64_t kv_local_row_count(struct kv *kv, storage_id id)
{
    struct kv_schema schema = {.id = id};
    uint64_t rows, bytes;
    kv_size_est(kv, &schema, &rows, &bytes);
    return rows;
}

/* ---- transactions --------------------------------------------------------------------------- */

struct kv_txn *kv_txn_begin(struct kv *kv, const struct kv_txn_options *options)
{
    struct kv_txn *txn = calloc(1, sizeof *txn);
    if (!txn)
        abort();
    arena_init(&txn->arena, NULL);
    txn->kv = kv;
    txn->options = *options;
    txn->id = (struct kv_txn_id){.gateway = 1, .boot_epoch = 1, .number = ++kv->txn_next};
    return txn;
}

struct kv_txn_id kv_txn_id_of(const struct kv_txn *txn)
{
    return txn->id;
}

bool kv_txn_wrote(const struct kv_txn *txn)
{
    return txn->wrote;
}

enum kv_retry kv_txn_retry(const struct kv_txn *txn)
{
    return txn->retry;
}

void kv_txn_note_error(struct kv_txn *txn, const struct err *err)
{
    if (err->code == ERR_SERIALIZATION_FAILURE)
        txn->retry = KV_RETRY_STATEMENT;
}

void kv_txn_set_deadline(struct kv_txn *txn, uint64_t deadline_ns, uint64_t lock_timeout_ns)
{
    txn->options.deadline_ns = deadline_ns;
    txn->options.lock_timeout_ns = lock_timeout_ns;
}

/* Takes the transaction's hands off every row; commits its newest provisional rows when ts != 0. */
static void finish_rows(struct kv_txn *txn, hlc_time ts)
{
    for (struct local_touched *t = txn->touched; t; t = t->next) {
        struct local_row *row = t->row;
        struct local_holder **at = &row->holders;
        while (*at)
            if ((*at)->txn == txn)
                *at = (*at)->next;
            else
                at = &(*at)->next;
        if (row->writer != txn)
            continue;
        if (row->own && ts) {
            struct local_version *v = arena_zalloc(&txn->kv->arena, sizeof *v);
            *v = (struct local_version){.older = row->versions,
                                        .ts = ts,
                                        .deleted = row->own->deleted,
                                        .moved = row->own->moved,
                                        .len = row->own->len,
                                        .data = row->own->data};
            row->versions = v;
        }
        row->own = NULL;
        row->writer = NULL;
    }
}

static void apply_change(struct kv *kv, struct local_change *change)
{
    if (change->drop)
        change->storage->dropped = true;
    else if (change->create)
        change->storage->creator = NULL;
    else
        change->storage->schema = kv_schema_copy(change->schema, &kv->arena);
}

static void apply_changes(struct kv_txn *txn, struct local_change *change)
{
    if (!change)
        return;
    apply_changes(txn, change->next); /* oldest first */
    apply_change(txn->kv, change);
}

static void free_txn(struct kv_txn *txn)
{
    arena_done(&txn->arena);
    free(txn);
}

int kv_commit(struct task *task, struct kv_txn *txn, hlc_time *commit_ts, struct err *err)
{
    hlc_time ts = txn->wrote ? ++txn->kv->clock : 0;
    if (ts) {
        finish_rows(txn, ts);
        apply_changes(txn, txn->changes);
    }
    if (commit_ts)
        *commit_ts = ts;
    free_txn(txn);
    return 0;
}

void kv_abort(struct task *task, struct kv_txn *txn)
{
    finish_rows(txn, 0);
    for (struct local_change *c = txn->changes; c; c = c->next)
        if (c->create)
            c->storage->dropped = true;
    free_txn(txn);
}

uint32_t kv_savepoint(struct kv_txn *txn)
{
    return ++txn->seq;
}

int kv_rollback_to(struct task *task, struct kv_txn *txn, uint32_t savepoint, struct err *err)
{
    for (struct local_touched *t = txn->touched; t; t = t->next)
        while (t->row->writer == txn && t->row->own && t->row->own->seq >= savepoint)
            t->row->own = t->row->own->older;
    struct local_change **at = &txn->changes; /* newest first */
    while (*at && (*at)->seq >= savepoint) {
        if ((*at)->create)
            (*at)->storage->dropped = true;
        *at = (*at)->next;
    }
    txn->retry = KV_RETRY_NONE;
    return 0;
}

int kv_stmt_begin(struct task *task, struct kv_txn *txn, const struct kv_schema *const *schemas,
                  uint32_t n_schemas, struct kv_read *read, struct err *err)
{
    if (txn->options.isolation == KV_SERIALIZABLE)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED,
                       "isolation level SERIALIZABLE is not supported");
    txn->retry = KV_RETRY_NONE;
    for (uint32_t i = 0; i < n_schemas; i++) {
        struct local_storage *storage;
        int code = local_storage_get(txn->kv, txn, schemas[i], &storage, &txn->retry, err);
        if (code)
            return code;
    }
    if (txn->options.isolation == KV_READ_COMMITTED || !txn->read_ts)
        txn->read_ts = txn->kv->clock;
    txn->seq++;
    *read = (struct kv_read){.txn = txn->id,
                             .isolation = txn->options.isolation,
                             .has_writes = txn->wrote,
                             .read_ts = txn->read_ts,
                             .uncertain_limit = txn->read_ts,
                             .read_seq = txn->seq,
                             .deadline_ns = txn->options.deadline_ns,
                             .class_ = txn->options.class_};
    return 0;
}

struct kv_read kv_read_now(struct kv_txn *txn, const struct kv_read *read)
{
    struct kv_read now = *read;
    now.read_seq = ++txn->seq;
    now.has_writes = txn->wrote;
    return now;
}

/* ---- storage changes ------------------------------------------------------------------------ */

static struct local_change *add_change(struct kv_txn *txn, struct local_storage *storage)
{
    struct local_change *change = arena_new(&txn->arena, struct local_change);
    change->storage = storage;
    change->seq = txn->seq;
    change->next = txn->changes;
    txn->changes = change;
    txn->wrote = true;
    return change;
}

int kv_storage_create(struct task *task, struct kv_txn *txn, struct kv_schema *schema,
                      struct arena *arena, struct err *err)
{
    struct kv *kv = txn->kv;
    if (find_storage(kv, schema->id))
        return err_set(err, ERR_DUPLICATE_OBJECT, "storage %llu already exists",
                       (unsigned long long)schema->id);
    schema->groups = arena_array(arena, uint32_t, schema->n_shards);
    for (uint32_t i = 0; i < schema->n_shards; i++)
        schema->groups[i] = 1 + i % 4;
    struct local_storage *storage = arena_new(&kv->arena, struct local_storage);
    storage->schema = kv_schema_copy(schema, &kv->arena);
    storage->creator = txn;
    storage->shards = arena_array(&kv->arena, struct local_map, schema->n_shards);
    for (uint32_t i = 0; i < schema->n_shards; i++)
        local_map_init(&storage->shards[i], &kv->arena);
    storage->next = kv->storages;
    kv->storages = storage;
    add_change(txn, storage)->create = true;
    return 0;
}

int kv_storage_alter(struct task *task, struct kv_txn *txn, const struct kv_schema *schema,
                     struct err *err)
{
    struct local_storage *storage = find_storage(txn->kv, schema->id);
    if (!storage || storage->dropped)
        return err_set(err, ERR_UNDEFINED_OBJECT, "storage %llu does not exist",
                       (unsigned long long)schema->id);
    add_change(txn, storage)->schema = kv_schema_copy(schema, &txn->arena);
    return 0;
}

int kv_storage_drop(struct task *task, struct kv_txn *txn, const struct kv_schema *schema,
                    struct err *err)
{
    struct local_storage *storage = find_storage(txn->kv, schema->id);
    if (!storage || storage->dropped)
        return err_set(err, ERR_UNDEFINED_OBJECT, "storage %llu does not exist",
                       (unsigned long long)schema->id);
    add_change(txn, storage)->drop = true;
    return 0;
}

int kv_storage_id_next(struct task *task, struct kv *kv, storage_id *out, struct err *err)
{
    *out = kv->id_next++;
    return 0;
}

bool kv_storage_is_private(const struct kv_txn *txn, const struct kv_schema *schema)
{
    struct local_storage *storage = find_storage(txn->kv, schema->id);
    return storage && storage->creator == txn;
}

int kv_bulk_write(struct task *task, struct kv_txn *txn, const struct kv_write *write,
                  uint8_t *results, struct err *err)
{
    if (!kv_storage_is_private(txn, write->schema))
        return err_set(err, ERR_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "bulk rows need a storage created by the same transaction");
    return kv_write(task, txn, write, results, err);
}
