#include "tests/support/kv_rows.h"

#include <stdlib.h>

#include "base/buf.h"

void kv_rows_table_init(struct kv_rows_table *t, storage_id id, uint16_t n_columns,
                        uint16_t n_shards)
{
    *t = (struct kv_rows_table){0};
    for (uint32_t i = 0; i < n_columns; i++) {
        t->columns[i] = (struct kv_column){i + 1, PHYS_INT64, -1, datum_null(PHYS_INT64)};
        t->ids[i] = i + 1;
    }
    t->schema = (struct kv_schema){
        .id = id,
        .home = id,
        .version = 1,
        .n_columns = n_columns,
        .n_key = 1,
        .n_shards = n_shards,
        .n_hash_parts = n_shards > 1,
        .columns = t->columns,
        .key = &t->key,
    };
}

static struct bytes_view make_key(int64_t key, struct arena *arena)
{
    struct buf bytes = {0};
    struct key_part part = {.kind = PHYS_INT64, .dec_scale = -1};
    struct datum value = datum_i64(key);
    key_append(&bytes, &part, &value);
    struct bytes_view view =
        view_of(arena_memdup(arena, bytes.data, bytes.len), (uint32_t)bytes.len);
    buf_done(&bytes);
    return view;
}

int kv_rows_write(struct task *task, struct kv_txn *txn, const struct kv_rows_table *t,
                  enum kv_write_op op, const int64_t *values, uint8_t *result, struct err *err)
{
    struct arena arena;
    struct vec columns[KV_ROWS_COLUMNS_MAX];
    arena_init(&arena, NULL);
    struct bytes_view key = make_key(values[0], &arena);
    for (uint32_t c = 1; c < t->schema.n_columns; c++) {
        struct datum value = datum_i64(values[c]);
        vec_const(&columns[c - 1], &value, 1, &arena);
    }
    struct kv_write write = {.schema = &t->schema,
                             .op = (uint8_t)op,
                             .n_rows = 1,
                             .keys = &key,
                             .columns = op == KV_DELETE ? NULL : columns};
    int code = kv_write(task, txn, &write, result, err);
    arena_done(&arena);
    return code;
}

int kv_rows_lock(struct task *task, struct kv_txn *txn, const struct kv_read *read,
                 const struct kv_rows_table *t, int64_t key, enum kv_lock_mode mode,
                 uint8_t *result, int64_t *values, struct err *err)
{
    struct arena arena;
    struct batch *changed;
    arena_init(&arena, NULL);
    struct bytes_view view = make_key(key, &arena);
    struct kv_lock_request request = {
        .schema = &t->schema,
        .read = read,
        .mode = (uint8_t)mode,
        .n_rows = 1,
        .keys = &view,
        .column_ids = t->ids,
        .n_columns = t->schema.n_columns,
    };
    int code = kv_lock(task, txn, &request, result, &changed, err);
    for (uint32_t c = 0; !code && *result == KV_ROW_CHANGED && c < t->schema.n_columns; c++)
        values[c] = vec_datum(&changed->cols[c], 0).u.i64;
    if (!code)
        batch_destroy(changed);
    arena_done(&arena);
    return code;
}

int kv_rows_bulk(struct task *task, struct kv_txn *txn, const struct kv_rows_table *t,
                 const int64_t *keys, uint32_t n, uint8_t *results, struct err *err)
{
    struct arena arena;
    struct vec columns[KV_ROWS_COLUMNS_MAX];
    struct datum one = datum_i64(1);
    arena_init(&arena, NULL);
    struct bytes_view *views = arena_array(&arena, struct bytes_view, n);
    for (uint32_t i = 0; i < n; i++)
        views[i] = make_key(keys[i], &arena);
    for (uint32_t c = 1; c < t->schema.n_columns; c++)
        vec_const(&columns[c - 1], &one, n, &arena);
    struct kv_write write = {
        .schema = &t->schema, .op = KV_INSERT, .n_rows = n, .keys = views, .columns = columns};
    int code = kv_bulk_write(task, txn, &write, results, err);
    arena_done(&arena);
    return code;
}

static void take_batch(struct batch *batch, uint32_t width, struct kv_rows *rows)
{
    for (uint32_t c = 0; c < width; c++)
        vec_flatten(&batch->cols[c], batch->sel, batch->n_sel, batch->arena);
    for (uint32_t i = 0; i < batch_count(batch); i++) {
        if (rows->n == rows->cap) {
            rows->cap = rows->cap ? 2 * rows->cap : 64;
            rows->values = realloc(rows->values, (size_t)rows->cap * width * sizeof *rows->values);
            if (!rows->values)
                abort();
        }
        for (uint32_t c = 0; c < width; c++)
            rows->values[rows->n * width + c] =
                vec_datum(&batch->cols[c], batch_row(batch, i)).u.i64;
        rows->n++;
    }
}

int kv_rows_read(struct task *task, struct kv *kv, struct kv_txn *txn, const struct kv_read *read,
                 const struct kv_rows_query *query, struct kv_rows *rows, struct err *err)
{
    struct arena arena;
    struct kv_scan *scan = NULL;
    const struct kv_rows_table *t = query->table;
    arena_init(&arena, NULL);
    struct kv_span *spans = arena_array(&arena, struct kv_span, query->n_keys);
    struct bytes_view *keys = arena_array(&arena, struct bytes_view, query->n_keys);
    for (uint32_t i = 0; query->keys && i < query->n_keys; i++) {
        keys[i] = make_key(query->keys[i], &arena);
        spans[i] =
            (struct kv_span){.start = view_data(&keys[i]), .start_len = keys[i].len, .point = true};
    }
    struct datum bound = datum_i64(query->test_value);
    struct kv_test test = {.column_id = (uint32_t)query->test_column + 1,
                           .op = KV_EQ,
                           .n_values = 1,
                           .values = &bound};
    struct kv_scan_spec spec = {
        .schema = &t->schema,
        .column_ids = t->ids,
        .n_columns = t->schema.n_columns,
        .n_tests = query->test_column > 0,
        .tests = &test,
        .spans = query->keys ? spans : NULL,
        .n_spans = query->keys ? query->n_keys : 0,
        .ordered = !query->unordered,
        .reverse = query->reverse,
        .lock = (uint8_t)query->lock,
    };
    rows->width = t->schema.n_columns;
    int code = kv_scan_open(task, kv, txn, read, &spec, &scan, err);
    for (struct batch *batch = NULL; !code; batch_destroy(batch)) {
        batch = NULL;
        code = kv_scan_next(task, scan, 7, &batch, err);
        if (code || !batch)
            break;
        take_batch(batch, rows->width, rows);
    }
    if (scan)
        kv_scan_close(task, scan);
    arena_done(&arena);
    return code;
}

const int64_t *kv_rows_find(const struct kv_rows *rows, int64_t key)
{
    for (uint32_t i = 0; i < rows->n; i++)
        if (rows->values[i * rows->width] == key)
            return &rows->values[i * rows->width];
    return NULL;
}

void kv_rows_done(struct kv_rows *rows)
{
    free(rows->values);
    *rows = (struct kv_rows){0};
}
