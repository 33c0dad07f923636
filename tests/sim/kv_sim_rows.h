/* kv_sim_rows.h: tables of 64-bit integers over storage/kv.h, for the simulator's work. */
#ifndef CAIRN_TESTS_SIM_KV_SIM_ROWS_H
#define CAIRN_TESTS_SIM_KV_SIM_ROWS_H

#include "storage/kv.h"

enum { SIM_COLUMNS_MAX = 4 };

struct sim_table {
    struct kv_schema schema;
    struct kv_column columns[SIM_COLUMNS_MAX];
    struct kv_key_part key;
    uint32_t groups[8];
    uint32_t ids[SIM_COLUMNS_MAX];
};

/* Column 0 is the key. */
void sim_table_init(struct sim_table *t, storage_id id, uint16_t n_columns, uint16_t n_shards);

/* values: all columns, the key first. *result: enum kv_row_result. */
int sim_write(struct task *task, struct kv_txn *txn, const struct sim_table *t, enum kv_write_op op,
              const int64_t *values, uint8_t *result, struct err *err) MUST_CHECK;
int sim_lock(struct task *task, struct kv_txn *txn, const struct kv_read *read, const struct sim_table *t, int64_t key,
             enum kv_lock_mode mode, uint8_t *result, int64_t *values, struct err *err) MUST_CHECK;

/* keys NULL: everything, ordered by key. Rows are appended: n_columns values each. */
struct sim_rows {
    uint32_t n, cap;
    uint32_t width;
    int64_t *values;
};
struct sim_query {
    const struct sim_table *table;
    const int64_t *keys;
    uint32_t n_keys;
    enum kv_lock_mode lock;
    bool unordered, reverse;
    int test_column; /* > 0: values[test_column] == test_value */
    int64_t test_value;
};
int sim_read(struct task *task, struct kv *kv, struct kv_txn *txn, const struct kv_read *read,
             const struct sim_query *query, struct sim_rows *rows, struct err *err) MUST_CHECK;
/* The row with this key, NULL when absent. */
const int64_t *sim_rows_find(const struct sim_rows *rows, int64_t key);
void sim_rows_done(struct sim_rows *rows);

#endif
