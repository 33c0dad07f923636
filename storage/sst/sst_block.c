#include "storage/sst/sst_block.h"

#include <assert.h>
#include <stdlib.h>

static void destroy_block(struct sst_cached *cached)
{
    struct sst_block *b = container_of(cached, struct sst_block, cached);
    free(b->data);
    free(b->key);
    free(b);
}

static struct enc_dir read_dir(const uint8_t *at)
{
    return (struct enc_dir){.column_id = load_le32(at),
                            .kind = at[4],
                            .enc = at[5],
                            .width = at[6],
                            .flags = at[7],
                            .dec_scale = (int16_t)load_le16(at + 8),
                            .offset = load_le32(at + 12),
                            .size_bytes = load_le32(at + 16),
                            .null_count = load_le32(at + 20),
                            .count = load_le32(at + 24)};
}

static bool parse_columns(struct sst_block *b, const uint8_t *body, size_t len)
{
    for (uint16_t i = 0; i < b->n_cols; i++) {
        struct enc_dir dir = read_dir(body + SST_DATA_HEADER_BYTES + (size_t)i * SST_DIR_BYTES);
        if (dir.offset % 8 || dir.offset > len || dir.size_bytes > len - dir.offset ||
            (i && dir.column_id <= b->cols[i - 1].column_id) ||
            !enc_open(&b->cols[i], &dir, body + dir.offset, b->n_rows))
            return false;
    }
    return true;
}

static bool parse_bits(const struct sst_block *b, const uint8_t *body, size_t len, uint32_t offset,
                       const uint64_t **out)
{
    size_t bytes = (size_t)(b->n_rows + 63) / 64 * 8;
    if (offset == 0)
        return true;
    if (offset % 8 || offset > len || bytes > len - offset)
        return false;
    *out = (const uint64_t *)(const void *)(body + offset);
    return true;
}

static bool find_special(struct sst_block *b)
{
    b->ts = sst_block_column(b, SST_COLUMN_TS);
    b->moved = sst_block_column(b, SST_COLUMN_MOVED);
    if (!b->ts || b->ts->kind != PHYS_INT64 || b->ts->null_count ||
        (b->first && !(b->first[0] & 1)) || (b->moved && b->moved->kind != PHYS_BYTES))
        return false;
    for (uint16_t i = 0; i < b->keys->n_parts; i++) {
        b->key[i] = sst_block_column(b, b->keys->parts[i].column_id);
        if (!b->key[i] || b->key[i]->kind != b->keys->parts[i].part.kind || b->key[i]->blobs)
            return false;
    }
    return true;
}

struct sst_block *sst_block_parse(uint8_t *take_data, size_t size, const uint8_t *body,
                                  size_t body_len, const struct sst_key_schema *keys)
{
    struct sst_block *b = NULL;
    if (body_len < SST_DATA_HEADER_BYTES)
        goto bad;
    uint32_t n_rows = load_le32(body);
    uint16_t n_cols = load_le16(body + 4);
    if (n_rows == 0 || n_rows > INT32_MAX ||
        (body_len - SST_DATA_HEADER_BYTES) / SST_DIR_BYTES < n_cols)
        goto bad;
    b = calloc(1, sizeof *b + n_cols * sizeof b->cols[0]);
    assert(b);
    b->cached.destroy = destroy_block;
    b->cached.size_bytes = size + sizeof *b + n_cols * sizeof b->cols[0];
    b->n_rows = n_rows;
    b->n_cols = n_cols;
    b->flags = load_le16(body + 6);
    b->min_ts = load_le64(body + 8);
    b->max_ts = load_le64(body + 16);
    b->keys = keys;
    b->data = take_data;
    b->key = calloc(keys->n_parts + 1u, sizeof *b->key);
    assert(b->key);
    if (!parse_columns(b, body, body_len) ||
        !parse_bits(b, body, body_len, load_le32(body + 24), &b->first) ||
        !parse_bits(b, body, body_len, load_le32(body + 28), &b->deleted) || !find_special(b)) {
        destroy_block(&b->cached);
        return NULL;
    }
    return b;
bad:
    free(take_data);
    return NULL;
}

const struct enc_chunk *sst_block_column(const struct sst_block *b, uint32_t column_id)
{
    uint32_t lo = 0, hi = b->n_cols;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (b->cols[mid].column_id < column_id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < b->n_cols && b->cols[lo].column_id == column_id ? &b->cols[lo] : NULL;
}

void sst_block_key(const struct sst_block *b, uint32_t row, struct buf *out)
{
    for (uint16_t i = 0; i < b->keys->n_parts; i++) {
        struct datum d = enc_get(b->key[i], row);
        key_append(out, &b->keys->parts[i].part, &d);
    }
}

void sst_probe_init(struct sst_probe *p, const struct sst_key_schema *keys, const void *key,
                    size_t len, struct arena *arena)
{
    *p = (struct sst_probe){.key = key, .len = len, .n_parts = keys->n_parts};
    p->parts = arena_array(arena, struct datum, keys->n_parts + 1u);
    const uint8_t *at = key, *end = at + len;
    for (uint16_t i = 0; i < keys->n_parts; i++)
        if (!key_decode(&at, end, &keys->parts[i].part, &p->parts[i], arena))
            return;
    p->decoded = at == end;
}

static int compare_part(const struct key_part *part, const struct datum *a, const struct datum *b)
{
    if (a->null || b->null) {
        if (a->null == b->null)
            return 0;
        return a->null == part->nulls_first ? -1 : 1;
    }
    int cmp = datum_compare(a, b);
    return part->desc ? -cmp : cmp;
}

int sst_block_compare(const struct sst_block *b, uint32_t row, const struct sst_probe *p,
                      struct buf *scratch)
{
    if (p->decoded) {
        for (uint16_t i = 0; i < p->n_parts; i++) {
            struct datum d = enc_get(b->key[i], row);
            int cmp = compare_part(&b->keys->parts[i].part, &d, &p->parts[i]);
            if (cmp != 0)
                return cmp;
        }
        return 0;
    }
    buf_reset(scratch);
    sst_block_key(b, row, scratch);
    return key_compare(scratch->data, scratch->len, p->key, p->len);
}

uint32_t sst_block_key_end(const struct sst_block *b, uint32_t row)
{
    if (!b->first)
        return row + 1;
    for (row++; row < b->n_rows && !bit_get(b->first, row);)
        row++;
    return row;
}

uint32_t sst_block_key_start(const struct sst_block *b, uint32_t row)
{
    while (row && !sst_block_is_first(b, row))
        row--;
    return row;
}

uint32_t sst_block_seek(const struct sst_block *b, uint32_t from, const struct sst_probe *p,
                        struct buf *scratch)
{
    uint32_t lo = from, hi = b->n_rows;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (sst_block_compare(b, mid, p, scratch) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}
