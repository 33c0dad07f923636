#include "storage/txn/kv_schema.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/row.h"

enum { SCHEMA_FORMAT = 1, COLUMN_NULL = 1, COLUMN_DEC = 2, PART_DESC = 1, PART_NULLS_FIRST = 2 };

struct key_part kv_schema_key_part(const struct kv_schema *schema, uint32_t i)
{
    const struct kv_key_part *part = &schema->key[i];
    const struct kv_column *column = &schema->columns[part->column];
    return (struct key_part){.kind = column->kind,
                             .desc = part->desc,
                             .nulls_first = part->nulls_first,
                             .dec_scale = column->dec_scale};
}

int kv_schema_column(const struct kv_schema *schema, uint32_t column_id)
{
    for (uint32_t c = 0; c < schema->n_columns; c++)
        if (schema->columns[c].id == column_id)
            return (int)c;
    return -1;
}

bool kv_schema_is_key(const struct kv_schema *schema, uint32_t c)
{
    for (uint32_t i = 0; i < schema->n_key; i++)
        if (schema->key[i].column == c)
            return true;
    return false;
}

/* Bytes of one key part, 0 = malformed. */
static uint32_t measure_part(const struct key_part *part, const uint8_t *at, const uint8_t *end)
{
    static const uint8_t widths[PHYS_KIND_COUNT] = {
        [PHYS_BOOL] = 1,    [PHYS_INT16] = 2,   [PHYS_INT32] = 4,   [PHYS_INT64] = 8,
        [PHYS_INT128] = 16, [PHYS_FLOAT32] = 4, [PHYS_FLOAT64] = 8,
    };
    const uint8_t *start = at;
    if (at == end)
        return 0;
    if (*at++ != 2)
        return 1;
    if (part->kind != PHYS_BYTES)
        return end - at >= widths[part->kind] ? 1u + widths[part->kind] : 0;
    uint8_t flip = part->desc ? 0xff : 0;
    while (end - at >= 2) {
        if ((uint8_t)(*at ^ flip) != 0) {
            at++;
            continue;
        }
        uint8_t second = at[1] ^ flip;
        at += 2;
        if (second == 1)
            return (uint32_t)(at - start);
        if (second != 0xff)
            return 0;
    }
    return 0;
}

uint32_t kv_schema_prefix_len(const struct kv_schema *schema, uint32_t n_parts, const uint8_t *key,
                              uint32_t key_len, bool *ok)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < n_parts; i++) {
        struct key_part part = kv_schema_key_part(schema, i);
        uint32_t len = measure_part(&part, key + at, key + key_len);
        if (!len) {
            *ok = false;
            return 0;
        }
        at += len;
    }
    *ok = true;
    return at;
}

uint32_t kv_schema_shard_of(const struct kv_schema *schema, const uint8_t *key, uint32_t key_len)
{
    if (schema->n_shards <= 1)
        return 0;
    bool ok;
    uint32_t len = kv_schema_prefix_len(schema, schema->n_hash_parts, key, key_len, &ok);
    uint64_t h = hash_bytes(key, ok ? len : key_len, 0);
    return (uint32_t)((uint128)h * schema->n_shards >> 64);
}

/* The bytes are at or below the smallest key greater than all that start with prefix. */
static bool is_within_prefix(const uint8_t *end, uint32_t end_len, const uint8_t *prefix,
                             uint32_t len)
{
    while (len > 0 && prefix[len - 1] == 0xff)
        len--;
    if (len == 0)
        return true;
    uint32_t same = end_len < len - 1 ? end_len : len - 1;
    int cmp = memcmp(end, prefix, same);
    if (cmp || end_len < len)
        return cmp <= 0;
    uint8_t bound = (uint8_t)(prefix[len - 1] + 1);
    return end[len - 1] < bound || (end[len - 1] == bound && end_len == len);
}

int kv_schema_shard_of_span(const struct kv_schema *schema, const struct kv_span *span)
{
    if (schema->n_shards <= 1)
        return 0;
    bool ok;
    uint32_t len =
        kv_schema_prefix_len(schema, schema->n_hash_parts, span->start, span->start_len, &ok);
    if (!ok)
        return -1;
    if (!span->point &&
        (!span->end || !is_within_prefix(span->end, span->end_len, span->start, len)))
        return -1;
    return (int)kv_schema_shard_of(schema, span->start, span->start_len);
}

struct kv_schema *kv_schema_copy(const struct kv_schema *schema, struct arena *arena)
{
    struct kv_schema *copy = arena_memdup(arena, schema, sizeof *schema);
    copy->groups = arena_array(arena, uint32_t, schema->n_shards);
    if (schema->groups)
        memcpy(copy->groups, schema->groups, sizeof *copy->groups * schema->n_shards);
    copy->columns = arena_array(arena, struct kv_column, schema->n_columns);
    for (uint32_t i = 0; i < schema->n_columns; i++) {
        copy->columns[i] = schema->columns[i];
        copy->columns[i].absent = datum_copy(&schema->columns[i].absent, arena);
    }
    copy->key = arena_memdup(arena, schema->key, sizeof *schema->key * schema->n_key);
    return copy;
}

void kv_schema_row_encode(const struct kv_schema *schema, const struct vec *columns, uint32_t row,
                          struct buf *out)
{
    /* row.h wants ascending column ids; schemas list columns so, apart from rare reorderings. */
    uint32_t last = 0;
    bool sorted = true;
    uint32_t n = 0;
    row_begin(out);
    for (uint32_t c = 0; c < schema->n_columns && sorted; c++) {
        sorted = c == 0 || schema->columns[c].id > last;
        last = schema->columns[c].id;
    }
    uint32_t below = 0; /* ids already written are < below */
    for (uint32_t c = 0; sorted && c < schema->n_columns; c++) {
        if (kv_schema_is_key(schema, c))
            continue;
        struct datum value = vec_datum(&columns[n++], row);
        row_append(out, schema->columns[c].id, &value);
    }
    while (!sorted) {
        int best = -1;
        uint32_t best_n = 0;
        n = 0;
        for (uint32_t c = 0; c < schema->n_columns; c++) {
            if (kv_schema_is_key(schema, c))
                continue;
            uint32_t id = schema->columns[c].id;
            if (id >= below && (best < 0 || id < schema->columns[best].id)) {
                best = (int)c;
                best_n = n;
            }
            n++;
        }
        if (best < 0)
            break;
        struct datum value = vec_datum(&columns[best_n], row);
        row_append(out, schema->columns[best].id, &value);
        below = schema->columns[best].id + 1;
    }
}

bool kv_schema_row_decode(const struct kv_schema *schema, const uint8_t *key, uint32_t key_len,
                          const uint8_t *row, uint32_t row_len, struct datum *values,
                          struct arena *arena)
{
    for (uint32_t c = 0; c < schema->n_columns; c++)
        values[c] = schema->columns[c].absent;
    const uint8_t *at = key;
    for (uint32_t i = 0; i < schema->n_key; i++) {
        struct key_part part = kv_schema_key_part(schema, i);
        if (!key_decode(&at, key + key_len, &part, &values[schema->key[i].column], arena))
            return false;
    }
    if (!row)
        return true;
    struct row_reader reader;
    if (!row_reader_init(&reader, row, row_len))
        return false;
    uint32_t id;
    struct datum value;
    uint32_t c = 0;
    for (;;) {
        int got = row_next(&reader, &id, &value);
        if (got <= 0)
            return got == 0;
        if (c < schema->n_columns && schema->columns[c].id == id) {
            values[c++] = value;
            continue;
        }
        int found = kv_schema_column(schema, id);
        if (found < 0)
            continue; /* dropped since */
        values[found] = value;
        c = (uint32_t)found + 1;
    }
}

static bool check_test(const struct kv_test *test, const struct datum *value)
{
    if (test->op == KV_IS_NULL)
        return value->null;
    if (value->null)
        return false;
    switch ((enum kv_test_op)test->op) {
    case KV_NOT_NULL:
        return true;
    case KV_EQ:
        return datum_compare(value, &test->values[0]) == 0;
    case KV_LT:
        return datum_compare(value, &test->values[0]) < 0;
    case KV_LE:
        return datum_compare(value, &test->values[0]) <= 0;
    case KV_GT:
        return datum_compare(value, &test->values[0]) > 0;
    case KV_GE:
        return datum_compare(value, &test->values[0]) >= 0;
    case KV_IN:
        for (uint32_t i = 0; i < test->n_values; i++)
            if (datum_compare(value, &test->values[i]) == 0)
                return true;
        return false;
    case KV_IS_NULL:
        break;
    }
    return false;
}

bool kv_schema_tests_pass(const struct kv_schema *schema, const struct kv_test *tests,
                          uint32_t n_tests, const struct datum *values)
{
    for (uint32_t i = 0; i < n_tests; i++) {
        int c = kv_schema_column(schema, tests[i].column_id);
        if (c < 0 || !check_test(&tests[i], &values[c]))
            return false;
    }
    return true;
}

void kv_schema_encode(const struct kv_schema *schema, struct buf *out)
{
    buf_put_u8(out, SCHEMA_FORMAT);
    buf_put_le64(out, schema->id);
    buf_put_le64(out, schema->home);
    buf_put_le32(out, schema->version);
    buf_put_le16(out, schema->n_columns);
    buf_put_le16(out, schema->n_key);
    buf_put_le16(out, schema->n_shards);
    buf_put_le16(out, schema->n_hash_parts);
    for (uint32_t i = 0; i < schema->n_shards; i++)
        buf_put_le32(out, schema->groups ? schema->groups[i] : 0);
    for (uint32_t i = 0; i < schema->n_columns; i++) {
        const struct kv_column *column = &schema->columns[i];
        const struct datum *absent = &column->absent;
        bool null = absent->null || absent->kind == 0;
        buf_put_le32(out, column->id);
        buf_put_u8(out, column->kind);
        buf_put_u8(out,
                   (uint8_t)((null ? COLUMN_NULL : 0) | (column->dec_scale >= 0 ? COLUMN_DEC : 0)));
        buf_put_le16(out, (uint16_t)column->dec_scale);
        if (null)
            continue;
        struct buf value = {0};
        row_begin(&value);
        row_append(&value, column->id, absent);
        buf_put_le32(out, (uint32_t)value.len);
        buf_put(out, value.data, value.len);
        buf_done(&value);
    }
    for (uint32_t i = 0; i < schema->n_key; i++) {
        buf_put_le16(out, schema->key[i].column);
        buf_put_u8(out, (uint8_t)((schema->key[i].desc ? PART_DESC : 0) |
                                  (schema->key[i].nulls_first ? PART_NULLS_FIRST : 0)));
    }
}

static void take_column(struct buf_reader *r, struct kv_column *column, struct arena *arena)
{
    column->id = buf_take_le32(r);
    column->kind = buf_take_u8(r);
    uint8_t flags = buf_take_u8(r);
    column->dec_scale = (int16_t)buf_take_le16(r);
    if (column->kind < PHYS_BOOL || column->kind >= PHYS_KIND_COUNT) {
        r->bad = true;
        return;
    }
    column->absent = datum_null(column->kind);
    if (flags & COLUMN_NULL)
        return;
    uint32_t len = buf_take_le32(r);
    const uint8_t *row = buf_take(r, len);
    struct datum value;
    if (!row || row_find(row, len, column->id, &value) != 1)
        r->bad = true;
    else
        column->absent = datum_copy(&value, arena);
}

int kv_schema_decode(const uint8_t *data, size_t len, struct arena *arena, struct kv_schema **out,
                     struct err *err)
{
    struct buf_reader r = buf_reader_of(data, len);
    struct kv_schema *schema = arena_new(arena, struct kv_schema);
    if (buf_take_u8(&r) != SCHEMA_FORMAT)
        return err_set(err, ERR_DATA_CORRUPTED, "storage schema has an unknown format");
    schema->id = buf_take_le64(&r);
    schema->home = buf_take_le64(&r);
    schema->version = buf_take_le32(&r);
    schema->n_columns = buf_take_le16(&r);
    schema->n_key = buf_take_le16(&r);
    schema->n_shards = buf_take_le16(&r);
    schema->n_hash_parts = buf_take_le16(&r);
    schema->groups = arena_array(arena, uint32_t, schema->n_shards);
    schema->columns = arena_array(arena, struct kv_column, schema->n_columns);
    schema->key = arena_array(arena, struct kv_key_part, schema->n_key);
    for (uint32_t i = 0; i < schema->n_shards; i++)
        schema->groups[i] = buf_take_le32(&r);
    for (uint32_t i = 0; i < schema->n_columns && !r.bad; i++)
        take_column(&r, &schema->columns[i], arena);
    for (uint32_t i = 0; i < schema->n_key && !r.bad; i++) {
        schema->key[i].column = buf_take_le16(&r);
        uint8_t flags = buf_take_u8(&r);
        schema->key[i].desc = flags & PART_DESC;
        schema->key[i].nulls_first = flags & PART_NULLS_FIRST;
        r.bad |= schema->key[i].column >= schema->n_columns;
    }
    if (r.bad || !schema->n_key || !schema->n_shards || schema->n_hash_parts > schema->n_key)
        return err_set(err, ERR_DATA_CORRUPTED, "storage schema is malformed");
    *out = schema;
    return 0;
}
