/* kv_local_int.h: the map under kv_local: rows with versions, provisional rows and lock holders. */
#ifndef CAIRN_TESTS_SUPPORT_KV_LOCAL_INT_H
#define CAIRN_TESTS_SUPPORT_KV_LOCAL_INT_H

#include "storage/kv.h"
#include "storage/txn/kv_schema.h"

enum { LOCAL_LEVELS = 16 };

struct local_version { /* newest first */
    struct local_version *older;
    hlc_time ts;
    bool deleted;
    bool moved;
    uint32_t len;
    const uint8_t *data; /* row bytes, or the new key of a moved row */
};

struct local_own { /* provisional, newest first; all of one transaction */
    struct local_own *older;
    uint32_t seq;
    bool deleted;
    bool moved;
    uint32_t len;
    const uint8_t *data;
};

struct local_holder {
    struct local_holder *next;
    struct kv_txn *txn;
    uint8_t mode;
};

struct local_row {
    uint32_t key_len;
    uint8_t level;
    const uint8_t *key;
    struct local_version *versions;
    struct kv_txn *writer; /* of `own` */
    struct local_own *own;
    struct local_holder *holders;
    struct local_row *prev;
    struct local_row *next[];
};

struct local_map {
    struct local_row *head; /* a row without key */
    struct local_row *tail;
};

struct local_storage {
    struct local_storage *next;
    struct kv_schema *schema; /* latest committed (or, created: its creator's) */
    struct kv_txn *creator;   /* not committed yet */
    bool dropped;
    struct local_map *shards;
};

struct local_touched {
    struct local_touched *next;
    struct local_row *row;
};

struct local_change {
    struct local_change *next;
    struct local_storage *storage;
    const struct kv_schema *schema; /* alter */
    uint32_t seq;
    bool create, drop;
};

struct kv {
    struct arena arena;
    hlc_time clock;
    storage_id id_next;
    uint64_t txn_next;
    uint64_t random;
    uint32_t n_nodes;
    struct local_storage *storages;
};

struct kv_txn {
    struct arena arena;
    struct kv *kv;
    struct kv_txn_options options;
    struct kv_txn_id id;
    enum kv_retry retry;
    uint32_t seq;
    hlc_time read_ts; /* of the snapshot; 0 = none yet */
    bool wrote;
    struct local_touched *touched;
    struct local_change *changes;
    struct kv_txn *next_live;
};

void local_map_init(struct local_map *map, struct arena *arena);
/* First row with key >= the given one; NULL at the end. */
struct local_row *local_map_seek(const struct local_map *map, const uint8_t *key, uint32_t len);
/* Last row with key < the given one (NULL key: the last of all). */
struct local_row *local_map_before(const struct local_map *map, const uint8_t *key, uint32_t len);
struct local_row *local_map_find(const struct local_map *map, const uint8_t *key, uint32_t len);
struct local_row *local_map_add(struct kv *kv, struct local_map *map, const uint8_t *key,
                                uint32_t len);

/* The storage, after checking that it exists for the transaction (by number; NULL = none) and that
 * the schema is not stale. *retry is set to KV_RETRY_SCHEMA otherwise. */
int local_storage_get(struct kv *kv, const struct kv_txn *txn, const struct kv_schema *schema,
                      struct local_storage **out, enum kv_retry *retry, struct err *err) MUST_CHECK;

#endif
