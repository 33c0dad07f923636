/* kv_rows.h: tables of 64-bit integers over storage/kv.h, for tests of what implements it. */
#ifndef CAIRN_TESTS_SUPPORT_KV_ROWS_H
#define CAIRN_TESTS_SUPPORT_KV_ROWS_H

#include "storage/kv.h"

enum { KV_ROWS_COLUMNS_MAX = 4 };

struct kv_rows_table {
    struct kv_schema schema;
    struct kv_column columns[KV_ROWS_COLUMNS_MAX];
    struct kv_key_part key;
    uint32_t groups[8];
    uint32_t ids[KV_ROWS_COLUMNS_MAX];
};

/* Column 0 is the key. */
void kv_rows_table_init(struct kv_rows_table *t, storage_id id, uint16_t n_columns,
                        uint16_t n_shards);

/* values: all columns, the key first. *result: enum kv_row_result. */
int kv_rows_write(struct task *task, struct kv_txn *txn, const struct kv_rows_table *t,
                  enum kv_write_op op, const int64_t *values, uint8_t *result,
                  struct err *err) MUST_CHECK;
int kv_rows_lock(struct task *task, struct kv_txn *txn, const struct kv_read *read,
                 const struct kv_rows_table *t, int64_t key, enum kv_lock_mode mode,
                 uint8_t *result, int64_t *values, struct err *err) MUST_CHECK;

/* Bulk rows of a private storage, every other column 1. results: [n] */
int kv_rows_bulk(struct task *task, struct kv_txn *txn, const struct kv_rows_table *t,
                 const int64_t *keys, uint32_t n, uint8_t *results, struct err *err) MUST_CHECK;

/* keys NULL: everything, ordered by key. Rows are appended: n_columns values each. */
struct kv_rows {
    uint32_t n, cap;
    uint32_t width;
    int64_t *values;
};
struct kv_rows_query {
    const struct kv_rows_table *table;
    const int64_t *keys;
    uint32_t n_keys;
    enum kv_lock_mode lock;
    bool unordered, reverse;
    int test_column; /* > 0: values[test_column] == test_value */
    int64_t test_value;
};
int kv_rows_read(struct task *task, struct kv *kv, struct kv_txn *txn, const struct kv_read *read,
                 const struct kv_rows_query *query, struct kv_rows *rows,
                 struct err *err) MUST_CHECK;
/* The row with this key, NULL when absent. */
const int64_t *kv_rows_find(const struct kv_rows *rows, int64_t key);
void kv_rows_done(struct kv_rows *rows);

#endif
