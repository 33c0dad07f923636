#include "storage/sst/sst_builder.h"

#include <assert.h>
#include <stdlib.h>

#include "base/crc32c.h"
#include "base/hash.h"
#include "base/key.h"
#include "base/row.h"
#include "base/sort.h"
#include "storage/sst/enc_build.h"
#include "storage/sst/sst_block.h"
#include "storage/sst/sst_bloom.h"

enum { WRITE_BYTES = 1 << 20 };

struct zone_column {
    uint32_t column_id;
    uint8_t kind;
    struct buf zones; /* SST_ZONE_BYTES a block */
};

struct sst_builder {
    struct sst_builder_config config;
    struct file *file;
    struct buf out; /* not yet written; starts at file offset `written` */
    uint64_t written;
    uint16_t n_cols;        /* of a block: the schema's, then ts and moved */
    struct enc_build *cols; /* ascending id; ts and moved have the largest ids */
    uint16_t *source;       /* cols[i] is schema column source[i] */
    struct zone_column *zone_cols;
    struct sst_key_schema *keys;
    uint16_t *key_col;                   /* key part -> index in cols */
    bool *in_key;                        /* [schema columns] */
    struct buf first_bits, deleted_bits; /* a byte a row of the block */
    bool any_repeat, any_deleted, any_moved;
    size_t block_bytes;
    hlc_time block_min_ts, block_max_ts;
    struct buf block_first_key, last_key;
    struct buf index, index_keys;
    uint32_t n_blocks;
    struct buf hashes;
    struct buf min_key;
    struct sst_info info;
    uint64_t hash;
    struct arena scratch;
};

bool sst_schema_in_key(const struct kv_schema *schema, uint16_t i)
{
    for (uint16_t k = 0; k < schema->n_key; k++)
        if (schema->key[k].column == i)
            return true;
    return false;
}

static struct key_part part_of(const struct kv_schema *schema, uint16_t k)
{
    const struct kv_key_part *p = &schema->key[k];
    const struct kv_column *c = &schema->columns[p->column];
    return (struct key_part){c->kind, p->desc, p->nulls_first, c->dec_scale};
}

struct sort_columns {
    const struct kv_schema *schema;
};

static int compare_columns(const void *a, const void *b, void *arg)
{
    const struct sort_columns *s = arg;
    uint32_t x = s->schema->columns[*(const uint16_t *)a].id;
    uint32_t y = s->schema->columns[*(const uint16_t *)b].id;
    return (x > y) - (x < y);
}

static void *must_calloc(size_t n, size_t size)
{
    void *out = calloc(n ? n : 1, size);
    assert(out);
    return out;
}

static void set_up_columns(struct sst_builder *b)
{
    const struct kv_schema *s = b->config.schema;
    b->n_cols = (uint16_t)(s->n_columns + 2);
    b->cols = must_calloc(b->n_cols, sizeof *b->cols);
    b->source = must_calloc(s->n_columns, sizeof *b->source);
    b->zone_cols = must_calloc(s->n_columns, sizeof *b->zone_cols);
    b->in_key = must_calloc(s->n_columns, sizeof *b->in_key);
    b->key_col = must_calloc(s->n_key, sizeof *b->key_col);
    b->keys = must_calloc(1, sizeof *b->keys + s->n_key * sizeof b->keys->parts[0]);
    for (uint16_t i = 0; i < s->n_columns; i++)
        b->source[i] = i;
    struct sort_columns context = {s};
    sort_stable(b->source, s->n_columns, sizeof *b->source, compare_columns, &context, NULL);
    for (uint16_t i = 0; i < s->n_columns; i++) {
        const struct kv_column *c = &s->columns[b->source[i]];
        enc_build_init(&b->cols[i], c->id, c->kind, c->dec_scale);
        b->zone_cols[i] = (struct zone_column){.column_id = c->id, .kind = c->kind};
        b->in_key[i] = sst_schema_in_key(s, i);
    }
    enc_build_init(&b->cols[s->n_columns], SST_COLUMN_MOVED, PHYS_BYTES, -1);
    enc_build_init(&b->cols[s->n_columns + 1], SST_COLUMN_TS, PHYS_INT64, -1);
    b->keys->n_parts = s->n_key;
    for (uint16_t k = 0; k < s->n_key; k++) {
        b->keys->parts[k].column_id = s->columns[s->key[k].column].id;
        b->keys->parts[k].part = part_of(s, k);
        for (uint16_t i = 0; i < s->n_columns; i++)
            if (b->source[i] == s->key[k].column)
                b->key_col[k] = i;
    }
}

int sst_builder_open(struct task *task, const char *path, const struct sst_builder_config *config,
                     struct sst_builder **out, struct err *err)
{
    struct file *file = NULL;
    enum fs_result result;
    int code = file_open(task, path, FILE_READ | FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &result,
                         &file, err);
    if (code)
        return code;
    struct sst_builder *b = must_calloc(1, sizeof *b);
    b->config = *config;
    b->file = file;
    b->info =
        (struct sst_info){.uid = config->uid, .generation = config->generation, .min_ts = HLC_MAX};
    arena_init(&b->scratch, NULL);
    set_up_columns(b);
    sst_header_write(config->uid, config->generation, buf_extend(&b->out, SST_HEADER_BYTES));
    *out = b;
    return 0;
}

static void free_builder(struct sst_builder *b)
{
    for (uint16_t i = 0; i < b->n_cols; i++)
        enc_build_done(&b->cols[i]);
    for (uint16_t i = 0; i < b->config.schema->n_columns; i++)
        buf_done(&b->zone_cols[i].zones);
    struct buf *bufs[] = {&b->out,      &b->first_bits, &b->deleted_bits, &b->block_first_key,
                          &b->last_key, &b->index,      &b->index_keys,   &b->hashes,
                          &b->min_key};
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        buf_done(bufs[i]);
    arena_done(&b->scratch);
    free(b->cols);
    free(b->source);
    free(b->zone_cols);
    free(b->in_key);
    free(b->key_col);
    free(b->keys);
    free(b);
}

void sst_builder_abort(struct task *task, struct sst_builder *take_b)
{
    file_close(task, take_b->file);
    free_builder(take_b);
}

static int flush_out(struct task *task, struct sst_builder *b, size_t keep, struct err *err)
{
    if (b->out.len <= keep)
        return 0;
    int code = file_pwrite(task, b->file, b->out.data, b->out.len, b->written, err);
    if (code)
        return code;
    b->written += b->out.len;
    buf_reset(&b->out);
    return 0;
}

static struct sst_place place_at(const struct sst_builder *b, size_t at)
{
    return (struct sst_place){b->config.uid, b->written + at, b->config.generation};
}

/* ---- row hashes ---- */

static bool is_long(bool in_key, const struct datum *d)
{
    return d->kind == PHYS_BYTES && !d->null && !in_key &&
           d->u.bytes.len > SST_BLOB_THRESHOLD_BYTES;
}

static uint64_t hash_long(uint32_t column_id, uint64_t len, uint32_t crc)
{
    return hash_u64(len << 32 ^ crc, column_id);
}

static uint64_t hash_bytes_value(uint32_t column_id, const struct bytes_view *v)
{
    if (v->len > SST_BLOB_THRESHOLD_BYTES)
        return hash_long(column_id, v->len, crc32c(0, view_data(v), v->len));
    return hash_bytes(view_data(v), v->len, column_id);
}

/* raw: the value in its kind's width. */
static inline uint64_t hash_fixed(uint32_t column_id, const void *raw, uint32_t width)
{
    uint64_t words[2] = {0};
    switch (width) {
    case 1:
        memcpy(words, raw, 1);
        break;
    case 2:
        memcpy(words, raw, 2);
        break;
    case 4:
        memcpy(words, raw, 4);
        break;
    case 8:
        memcpy(words, raw, 8);
        break;
    default:
        memcpy(words, raw, 16);
    }
    return hash_u64(words[0], column_id) + words[1] * 0x9e3779b97f4a7c15u;
}

static uint64_t hash_head(const uint8_t *key, size_t key_len, hlc_time ts, bool deleted,
                          const uint8_t *moved, size_t moved_len)
{
    uint64_t h = hash_bytes(key, key_len, ts);
    return deleted ? hash_combine(h, hash_bytes(moved, moved_len, moved != NULL)) : h;
}

/* A row's values are added up, so that they may be taken column by column, and then bound to the
 * row. */
static uint64_t bind_row(uint64_t head, uint64_t values)
{
    return hash_combine(head, values);
}

uint64_t sst_row_hash(const struct kv_schema *schema, const bool *in_key, const struct sst_row *row)
{
    uint64_t sum = 0;
    for (uint16_t i = 0; !row->deleted && i < schema->n_columns; i++) {
        const struct datum *d = &row->values[i];
        uint32_t id = schema->columns[i].id;
        if (in_key[i] || d->null)
            continue;
        sum += d->kind == PHYS_BYTES ? hash_bytes_value(id, &d->u.bytes)
                                     : hash_fixed(id, &d->u, phys_width[d->kind]);
    }
    return bind_row(
        hash_head(row->key, row->key_len, row->ts, row->deleted, row->moved_to, row->moved_len),
        sum);
}

static void add_blob_hashes(const struct enc_chunk *c, uint64_t *sums)
{
    for (uint32_t row = 0; row < c->n; row++) {
        struct datum d = enc_get(c, row);
        struct sst_blob_ref ref;
        if (d.null)
            continue;
        if (enc_is_blob(c, row) && sst_blob_ref_read(view_data(&d.u.bytes), d.u.bytes.len, &ref))
            sums[row] += hash_long(c->column_id, ref.len, ref.crc);
        else
            sums[row] += hash_bytes_value(c->column_id, &d.u.bytes);
    }
}

static void add_column_hashes(const struct enc_chunk *c, uint64_t *sums, struct arena *arena)
{
    if (c->blobs) {
        add_blob_hashes(c, sums);
        return;
    }
    uint32_t width = phys_width[c->kind];
    uint8_t *data = arena_alloc(arena, (size_t)c->n * width);
    enc_decode(c, 0, NULL, c->n, data);
    for (uint32_t row = 0; row < c->n; row++) {
        const void *at = data + (size_t)row * width;
        if (enc_is_null(c, row))
            continue;
        sums[row] += c->kind == PHYS_BYTES ? hash_bytes_value(c->column_id, at)
                                           : hash_fixed(c->column_id, at, width);
    }
}

/* What a reader of the block would see, hashed. A deleted row has no values. */
static uint64_t hash_block(const struct sst_builder *b, const struct sst_block *block)
{
    struct arena arena;
    struct buf key = {0};
    arena_init(&arena, NULL);
    uint64_t *sums = arena_zalloc(&arena, block->n_rows * sizeof *sums), total = 0;
    for (uint16_t i = 0; i < b->config.schema->n_columns; i++)
        if (!b->in_key[b->source[i]])
            add_column_hashes(&block->cols[i], sums, &arena);
    for (uint32_t row = 0; row < block->n_rows; row++) {
        bool deleted = sst_block_is_deleted(block, row);
        struct datum moved = datum_null(PHYS_BYTES);
        if (deleted && block->moved)
            moved = enc_get(block->moved, row);
        buf_reset(&key);
        sst_block_key(block, row, &key);
        total += bind_row(hash_head(key.data, key.len, sst_block_ts(block, row), deleted,
                                    moved.null ? NULL : view_data(&moved.u.bytes),
                                    moved.null ? 0 : moved.u.bytes.len),
                          sums[row]);
    }
    buf_done(&key);
    arena_done(&arena);
    return total;
}

/* Reads the block back as a reader will, and adds its rows to the hash. */
static int verify_block(struct sst_builder *b, size_t at, struct err *err)
{
    struct sst_place place = place_at(b, at);
    const uint8_t *body = NULL;
    size_t body_len = 0, size = b->out.len - at;
    uint8_t *copy = malloc(size);
    assert(copy);
    memcpy(copy, b->out.data + at, size);
    struct sst_block *block = NULL;
    if (sst_block_check(copy, size, SST_BLOCK_DATA, &place, &body, &body_len))
        block = sst_block_parse(copy, size, body, body_len, b->keys);
    else
        free(copy);
    if (!block)
        return err_set(err, ERR_DATA_CORRUPTED, "an sst block cannot be read back after encoding");
    b->hash += hash_block(b, block);
    block->cached.destroy(&block->cached);
    return 0;
}

/* ---- finishing a block ---- */

static void write_zone_value(const struct datum *d, uint8_t *at, bool is_max, uint8_t *flags)
{
    memset(at, 0, 16);
    if (phys_is_integer(d->kind)) {
        int128 v = datum_integer(d);
        store_le64(at, (uint64_t)(uint128)v);
        store_le64(at + 8, (uint64_t)((uint128)v >> 64));
    } else if (d->kind != PHYS_BYTES) {
        memcpy(at, &d->u, phys_width[d->kind]);
    } else {
        uint32_t len = d->u.bytes.len;
        uint32_t keep = len < SST_ZONE_PREFIX_BYTES ? len : SST_ZONE_PREFIX_BYTES;
        memcpy(at + 1, view_data(&d->u.bytes), keep);
        if (keep < len) {
            *flags &= (uint8_t)~2;
            if (is_max) {
                /* The smallest string above everything with this prefix. */
                while (keep && at[keep] == 0xff)
                    at[keep--] = 0;
                if (keep)
                    at[keep]++;
                else
                    *flags = 0;
            }
        }
        at[0] = (uint8_t)keep;
    }
}

static void add_zone(struct zone_column *z, const struct enc_build *col)
{
    uint8_t *at = buf_extend(&z->zones, SST_ZONE_BYTES);
    memset(at, 0, SST_ZONE_BYTES);
    store_le32(at, col->null_count);
    struct datum min, max;
    /* A blob's value is out of sight: no bounds. */
    if (col->blob_count || !enc_build_min_max(col, &min, &max))
        return;
    uint8_t flags = 3;
    write_zone_value(&min, at + 8, false, &flags);
    write_zone_value(&max, at + 24, true, &flags);
    at[4] = flags;
}

static void put_bits(struct buf *out, const struct buf *flags)
{
    for (size_t i = 0; i < flags->len; i += 64) {
        uint64_t word = 0;
        for (size_t k = i; k < flags->len && k < i + 64; k++)
            word |= (uint64_t)flags->data[k] << (k - i);
        buf_put_le64(out, word);
    }
}

static void write_dir(uint8_t *at, const struct enc_dir *d)
{
    memset(at, 0, SST_DIR_BYTES);
    store_le32(at, d->column_id);
    at[4] = d->kind;
    at[5] = d->enc;
    at[6] = d->width;
    at[7] = d->flags;
    store_le16(at + 8, (uint16_t)d->dec_scale);
    store_le32(at + 12, d->offset);
    store_le32(at + 16, d->size_bytes);
    store_le32(at + 20, d->null_count);
    store_le32(at + 24, d->count);
}

static void encode_body(struct sst_builder *b, struct buf *body, uint32_t n_rows, bool settled)
{
    uint16_t n_cols = (uint16_t)(b->n_cols - !b->any_moved);
    memset(buf_extend(body, SST_DATA_HEADER_BYTES), 0, SST_DATA_HEADER_BYTES);
    memset(buf_extend(body, (size_t)n_cols * SST_DIR_BYTES), 0, (size_t)n_cols * SST_DIR_BYTES);
    store_le32(body->data, n_rows);
    store_le16(body->data + 4, n_cols);
    store_le16(body->data + 6, settled ? SST_FLAG_SETTLED : 0);
    store_le64(body->data + 8, b->block_min_ts);
    store_le64(body->data + 16, b->block_max_ts);
    if (b->any_repeat) {
        store_le32(body->data + 24, (uint32_t)body->len);
        put_bits(body, &b->first_bits);
    }
    if (b->any_deleted) {
        store_le32(body->data + 28, (uint32_t)body->len);
        put_bits(body, &b->deleted_bits);
    }
    uint16_t at = 0;
    for (uint16_t i = 0; i < b->n_cols; i++) {
        if (b->cols[i].column_id == SST_COLUMN_MOVED && !b->any_moved)
            continue;
        struct enc_dir dir;
        enc_build_finish(&b->cols[i], body, &dir);
        write_dir(body->data + SST_DATA_HEADER_BYTES + (size_t)at++ * SST_DIR_BYTES, &dir);
    }
}

static void add_index_entry(struct sst_builder *b, size_t at, uint32_t n_rows, bool settled)
{
    uint8_t *e = buf_extend(&b->index, SST_INDEX_ENTRY_BYTES);
    store_le64(e, b->written + at);
    store_le32(e + 8, (uint32_t)(b->out.len - at));
    store_le32(e + 12, n_rows);
    store_le64(e + 16, b->block_min_ts);
    store_le64(e + 24, b->block_max_ts);
    store_le32(e + 32, settled ? SST_FLAG_SETTLED : 0);
    store_le32(e + 36, (uint32_t)b->index_keys.len); /* made absolute at the end */
    store_le32(e + 40, (uint32_t)b->block_first_key.len);
    store_le32(e + 44, (uint32_t)b->last_key.len);
    buf_put(&b->index_keys, b->block_first_key.data, b->block_first_key.len);
    buf_put(&b->index_keys, b->last_key.data, b->last_key.len);
    b->n_blocks++;
}

static void reset_block(struct sst_builder *b)
{
    for (uint16_t i = 0; i < b->n_cols; i++)
        enc_build_reset(&b->cols[i]);
    buf_reset(&b->first_bits);
    buf_reset(&b->deleted_bits);
    b->any_repeat = b->any_deleted = b->any_moved = false;
    b->block_bytes = 0;
}

static int finish_block(struct task *task, struct sst_builder *b, struct err *err)
{
    uint32_t n_rows = (uint32_t)b->first_bits.len;
    if (n_rows == 0)
        return 0;
    bool settled = !b->any_repeat && !b->any_deleted;
    struct buf body = {0};
    encode_body(b, &body, n_rows, settled);
    if (body.len > UINT32_MAX / 2) {
        buf_done(&body);
        return err_set(err, ERR_PROGRAM_LIMIT_EXCEEDED, "versions of one key exceed 2 GiB");
    }
    for (uint16_t i = 0; i < b->config.schema->n_columns; i++)
        add_zone(&b->zone_cols[i], &b->cols[i]);
    size_t at = sst_block_begin(&b->out);
    buf_put(&b->out, body.data, body.len);
    buf_done(&body);
    struct sst_place place = place_at(b, at);
    sst_block_seal(&b->out, at, SST_BLOCK_DATA, &place);
    add_index_entry(b, at, n_rows, settled);
    int code = verify_block(b, at, err);
    reset_block(b);
    return code ? code : flush_out(task, b, WRITE_BYTES, err);
}

/* ---- rows ---- */

int sst_row_values(const struct kv_schema *schema, const void *row, size_t len,
                   struct datum *values, struct err *err)
{
    for (uint16_t i = 0; i < schema->n_columns; i++)
        values[i] = sst_schema_in_key(schema, i)
                        ? datum_null((enum phys_kind)schema->columns[i].kind)
                        : schema->columns[i].absent;
    struct row_reader r;
    if (!row_reader_init(&r, row, len))
        return err_set(err, ERR_DATA_CORRUPTED, "a row of storage %llu has an unknown version",
                       (unsigned long long)schema->id);
    for (;;) {
        uint32_t id = 0;
        struct datum d;
        int got = row_next(&r, &id, &d);
        if (got == 0)
            return 0;
        if (got < 0)
            return err_set(err, ERR_DATA_CORRUPTED, "a row of storage %llu is malformed",
                           (unsigned long long)schema->id);
        for (uint16_t i = 0; i < schema->n_columns; i++) {
            if (schema->columns[i].id != id)
                continue;
            if (d.kind != schema->columns[i].kind)
                return err_set(err, ERR_DATA_CORRUPTED,
                               "column %u of storage %llu has kind %u, not %u", id,
                               (unsigned long long)schema->id, d.kind, schema->columns[i].kind);
            values[i] = d;
            values[i].dec_scale = schema->columns[i].dec_scale;
        }
    }
}

static int write_blob(struct task *task, struct sst_builder *b, const struct datum *d,
                      uint8_t ref_bytes[SST_BLOB_REF_BYTES], struct err *err)
{
    const uint8_t *data = view_data(&d->u.bytes);
    uint64_t len = d->u.bytes.len;
    struct sst_blob_ref ref = {
        .len = len,
        .offset = b->written + b->out.len,
        .blocks = (uint32_t)((len + SST_BLOB_CHUNK_BYTES - 1) / SST_BLOB_CHUNK_BYTES),
        .crc = crc32c(0, data, len)};
    for (uint64_t done = 0; done < len; done += SST_BLOB_CHUNK_BYTES) {
        uint64_t n = len - done < SST_BLOB_CHUNK_BYTES ? len - done : SST_BLOB_CHUNK_BYTES;
        size_t at = sst_block_begin(&b->out);
        buf_put(&b->out, data + done, n);
        struct sst_place place = place_at(b, at);
        sst_block_seal(&b->out, at, SST_BLOCK_BLOB, &place);
        int code = flush_out(task, b, WRITE_BYTES, err);
        if (code)
            return code;
    }
    sst_blob_ref_write(&ref, ref_bytes);
    return 0;
}

static int put_value(struct task *task, struct sst_builder *b, struct enc_build *col, bool in_key,
                     const struct datum *d, struct err *err)
{
    if (!is_long(in_key, d)) {
        b->block_bytes += d->null                 ? 0
                          : d->kind == PHYS_BYTES ? d->u.bytes.len + 2u
                                                  : phys_width[d->kind];
        enc_build_put(col, d);
        return 0;
    }
    uint8_t ref[SST_BLOB_REF_BYTES];
    int code = write_blob(task, b, d, ref, err);
    if (code)
        return code;
    enc_build_put_blob(col, ref, sizeof ref);
    b->block_bytes += sizeof ref;
    b->info.raw_bytes += d->u.bytes.len;
    return 0;
}

static int put_key_columns(struct sst_builder *b, const struct sst_row *row, struct err *err)
{
    const uint8_t *at = row->key, *end = at + row->key_len;
    for (uint16_t k = 0; k < b->keys->n_parts; k++) {
        struct datum d;
        if (!key_decode(&at, end, &b->keys->parts[k].part, &d, &b->scratch))
            return err_set(err, ERR_DATA_CORRUPTED, "a key of storage %llu is malformed",
                           (unsigned long long)b->config.schema->id);
        enc_build_put(&b->cols[b->key_col[k]], &d);
    }
    if (at != end)
        return err_set(err, ERR_DATA_CORRUPTED, "a key of storage %llu has bytes to spare",
                       (unsigned long long)b->config.schema->id);
    b->block_bytes += row->key_len;
    return 0;
}

static void note_row(struct sst_builder *b, const struct sst_row *row, bool repeat)
{
    buf_put_u8(&b->first_bits, !repeat);
    buf_put_u8(&b->deleted_bits, row->deleted);
    b->any_repeat |= repeat;
    b->any_deleted |= row->deleted;
    if (b->first_bits.len == 1) {
        b->block_min_ts = b->block_max_ts = row->ts;
        buf_reset(&b->block_first_key);
        buf_put(&b->block_first_key, row->key, row->key_len);
    }
    b->block_min_ts = row->ts < b->block_min_ts ? row->ts : b->block_min_ts;
    b->block_max_ts = row->ts > b->block_max_ts ? row->ts : b->block_max_ts;
    if (b->info.row_count++ == 0)
        buf_put(&b->min_key, row->key, row->key_len);
    b->info.delete_count += row->deleted;
    b->info.min_ts = row->ts < b->info.min_ts ? row->ts : b->info.min_ts;
    b->info.max_ts = row->ts > b->info.max_ts ? row->ts : b->info.max_ts;
    if (!repeat) {
        b->info.key_count++;
        buf_put_le64(&b->hashes, sst_bloom_hash(row->key, row->key_len));
        buf_reset(&b->last_key);
        buf_put(&b->last_key, row->key, row->key_len);
    }
}

int sst_builder_add(struct task *task, struct sst_builder *b, const struct sst_row *row,
                    struct err *err)
{
    const struct kv_schema *s = b->config.schema;
    bool repeat = b->info.row_count &&
                  key_compare(b->last_key.data, b->last_key.len, row->key, row->key_len) == 0;
    assert(!b->info.row_count || repeat ||
           key_compare(b->last_key.data, b->last_key.len, row->key, row->key_len) < 0);
    if (!repeat &&
        (b->block_bytes >= b->config.block_bytes || b->first_bits.len >= SST_BLOCK_ROWS_MAX)) {
        int code = finish_block(task, b, err);
        if (code)
            return code;
    }
    size_t before = b->block_bytes;
    arena_reset(&b->scratch);
    int code = put_key_columns(b, row, err);
    for (uint16_t i = 0; code == 0 && i < s->n_columns; i++) {
        uint16_t from = b->source[i];
        if (b->in_key[from])
            continue;
        struct datum none = datum_null((enum phys_kind)s->columns[from].kind);
        code =
            put_value(task, b, &b->cols[i], false, row->deleted ? &none : &row->values[from], err);
    }
    if (code)
        return code;
    struct datum moved = datum_null(PHYS_BYTES), ts = datum_i64((int64_t)row->ts);
    if (row->deleted && row->moved_to) {
        moved = datum_bytes(row->moved_to, row->moved_len);
        b->any_moved = true;
    }
    enc_build_put(&b->cols[s->n_columns], &moved);
    enc_build_put(&b->cols[s->n_columns + 1], &ts);
    b->block_bytes += 8;
    b->info.raw_bytes += b->block_bytes - before;
    note_row(b, row, repeat);
    return 0;
}

uint64_t sst_builder_bytes(const struct sst_builder *b)
{
    return b->written + b->out.len + b->block_bytes / 3 + b->hashes.len / 6 + b->index.len +
           b->index_keys.len;
}

uint64_t sst_builder_rows(const struct sst_builder *b)
{
    return b->info.row_count;
}
uint64_t sst_builder_hash(const struct sst_builder *b)
{
    return b->hash;
}

/* ---- the end of the file ---- */

static struct sst_extent seal_block(struct sst_builder *b, size_t at, uint8_t type)
{
    struct sst_place place = place_at(b, at);
    sst_block_seal(&b->out, at, type, &place);
    return (struct sst_extent){place.offset, b->out.len - at};
}

static void write_filter(struct sst_builder *b, struct sst_footer *f)
{
    size_t at = sst_block_begin(&b->out);
    sst_bloom_write((const uint64_t *)(const void *)b->hashes.data, b->hashes.len / 8, &b->out);
    f->filter = seal_block(b, at, SST_BLOCK_FILTER);
}

static void write_zones(struct sst_builder *b, struct sst_footer *f)
{
    size_t at = sst_block_begin(&b->out);
    uint16_t n = b->config.schema->n_columns;
    buf_put_le32(&b->out, n);
    buf_put_le32(&b->out, b->n_blocks);
    for (uint16_t i = 0; i < n; i++) {
        buf_put_le32(&b->out, b->zone_cols[i].column_id);
        buf_put_le32(&b->out, b->zone_cols[i].kind);
        buf_put(&b->out, b->zone_cols[i].zones.data, b->zone_cols[i].zones.len);
    }
    f->zones = seal_block(b, at, SST_BLOCK_ZONES);
}

static void write_index(struct sst_builder *b, struct sst_footer *f)
{
    size_t at = sst_block_begin(&b->out);
    buf_put_le32(&b->out, b->n_blocks);
    buf_put_le32(&b->out, 0);
    uint32_t base = 8 + (uint32_t)b->index.len;
    for (uint32_t i = 0; i < b->n_blocks; i++) {
        uint8_t *e = b->index.data + (size_t)i * SST_INDEX_ENTRY_BYTES;
        store_le32(e + 36, load_le32(e + 36) + base);
    }
    buf_put(&b->out, b->index.data, b->index.len);
    buf_put(&b->out, b->index_keys.data, b->index_keys.len);
    f->index = seal_block(b, at, SST_BLOCK_INDEX);
}

/* Properties: varint rows, keys, deletes, raw bytes; u64 min ts, max ts; sized min key, max
 * key; varint columns, each id, kind, dec_scale + 1; varint key parts, each column id, flags (1
 * desc, 2 nulls first), kind, dec_scale + 1. */
static void write_props(struct sst_builder *b, struct sst_footer *f)
{
    const struct kv_schema *s = b->config.schema;
    size_t at = sst_block_begin(&b->out);
    struct buf *out = &b->out;
    buf_put_varint(out, b->info.row_count);
    buf_put_varint(out, b->info.key_count);
    buf_put_varint(out, b->info.delete_count);
    buf_put_varint(out, b->info.raw_bytes);
    buf_put_le64(out, b->info.min_ts);
    buf_put_le64(out, b->info.max_ts);
    buf_put_sized(out, b->min_key.data, b->min_key.len);
    buf_put_sized(out, b->last_key.data, b->last_key.len);
    buf_put_varint(out, s->n_columns);
    for (uint16_t i = 0; i < s->n_columns; i++) {
        const struct kv_column *c = &s->columns[b->source[i]];
        buf_put_varint(out, c->id);
        buf_put_varint(out, c->kind);
        buf_put_varint(out, (uint64_t)(c->dec_scale + 1));
    }
    buf_put_varint(out, s->n_key);
    for (uint16_t k = 0; k < s->n_key; k++) {
        const struct key_part *p = &b->keys->parts[k].part;
        buf_put_varint(out, b->keys->parts[k].column_id);
        buf_put_varint(out, (uint64_t)p->desc | (uint64_t)p->nulls_first << 1);
        buf_put_varint(out, p->kind);
        buf_put_varint(out, (uint64_t)(p->dec_scale + 1));
    }
    f->props = seal_block(b, at, SST_BLOCK_PROPS);
}

static int write_end(struct task *task, struct sst_builder *b, struct err *err)
{
    int code = finish_block(task, b, err);
    if (code)
        return code;
    struct sst_footer footer = {.uid = b->config.uid, .generation = b->config.generation};
    write_filter(b, &footer);
    write_zones(b, &footer);
    write_index(b, &footer);
    write_props(b, &footer);
    sst_footer_write(&footer, buf_extend(&b->out, SST_FOOTER_BYTES));
    code = flush_out(task, b, 0, err);
    return code ? code : file_sync(task, b->file, err);
}

int sst_builder_finish(struct task *task, struct sst_builder *take_b, struct arena *arena,
                       struct sst_info *info, uint64_t *hash, struct err *err)
{
    struct sst_builder *b = take_b;
    int code = write_end(task, b, err);
    if (code == 0) {
        *info = b->info;
        info->size_bytes = b->written;
        info->min_key = arena_memdup(arena, b->min_key.data, b->min_key.len);
        info->min_key_len = (uint32_t)b->min_key.len;
        info->max_key = arena_memdup(arena, b->last_key.data, b->last_key.len);
        info->max_key_len = (uint32_t)b->last_key.len;
        *hash = b->hash;
    }
    file_close(task, b->file);
    free_builder(b);
    return code;
}
