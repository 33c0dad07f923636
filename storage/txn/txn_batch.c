/* Batches between nodes.
 *
 *     batch := n_rows, n_cols (varints), column x n_cols
 *     column := kind (u8) dec_scale (le16) has_nulls (u8),
 *               validity words (le64 each, when has_nulls), then
 *               fixed width: the values as they are; BYTES: lengths (varint each), bytes
 */
#include "storage/txn/txn_scan.h"

static void put_column(struct vec *v, const struct batch *batch, uint32_t n, struct buf *out)
{
    vec_flatten(v, batch->sel, batch->n_sel, batch->arena);
    bool nulls = v->valid != NULL;
    uint64_t words[BATCH_WORDS] = {0};
    for (uint32_t i = 0; nulls && i < n; i++)
        if (!vec_is_null(v, batch_row(batch, i)))
            bit_set(words, i);
    buf_put_u8(out, v->kind);
    buf_put_le16(out, (uint16_t)v->dec_scale);
    buf_put_u8(out, nulls);
    for (uint32_t w = 0; nulls && w < (n + 63) / 64; w++)
        buf_put_le64(out, words[w]);
    if (v->kind != PHYS_BYTES) {
        size_t width = phys_width[v->kind];
        for (uint32_t i = 0; i < n; i++)
            buf_put(out, (const uint8_t *)v->data + width * batch_row(batch, i), width);
        return;
    }
    const struct bytes_view *views = v->data;
    for (uint32_t i = 0; i < n; i++)
        buf_put_varint(out, nulls && !bit_get(words, i) ? 0 : views[batch_row(batch, i)].len);
    for (uint32_t i = 0; i < n; i++)
        if (!nulls || bit_get(words, i))
            buf_put(out, view_data(&views[batch_row(batch, i)]), views[batch_row(batch, i)].len);
}

void txn_batch_encode(struct batch *batch, struct buf *out)
{
    uint32_t n = batch_count(batch);
    buf_put_varint(out, n);
    buf_put_varint(out, batch->n_cols);
    for (uint32_t c = 0; c < batch->n_cols; c++)
        put_column(&batch->cols[c], batch, n, out);
}

static void take_bytes(struct buf_reader *in, struct vec *v, uint32_t n, struct arena *arena)
{
    uint32_t *lengths = arena_array(arena, uint32_t, n);
    struct bytes_view *views = v->data;
    for (uint32_t i = 0; i < n; i++)
        lengths[i] = (uint32_t)buf_take_varint(in);
    for (uint32_t i = 0; i < n && !in->bad; i++) {
        const uint8_t *data = buf_take(in, lengths[i]);
        if (data)
            views[i] = view_copy(arena, data, lengths[i]);
    }
}

static void take_column(struct buf_reader *in, struct vec *v, uint32_t n, struct arena *arena)
{
    uint8_t kind = buf_take_u8(in);
    int16_t scale = (int16_t)buf_take_le16(in);
    bool nulls = buf_take_u8(in);
    if (kind < PHYS_BOOL || kind >= PHYS_KIND_COUNT) {
        in->bad = true;
        return;
    }
    vec_alloc(v, kind, n, arena);
    v->dec_scale = scale;
    if (nulls) {
        vec_need_valid(v, arena);
        for (uint32_t w = 0; w < (n + 63) / 64; w++)
            v->valid[w] = buf_take_le64(in);
    }
    if (kind == PHYS_BYTES) {
        take_bytes(in, v, n, arena);
        return;
    }
    const uint8_t *data = buf_take(in, (size_t)phys_width[kind] * n);
    if (data)
        memcpy(v->data, data, (size_t)phys_width[kind] * n);
}

int txn_batch_decode(const uint8_t *bytes, size_t len, struct batch **out, struct err *err)
{
    struct buf_reader in = buf_reader_of(bytes, len);
    uint64_t n = buf_take_varint(&in), cols = buf_take_varint(&in);
    if (in.bad || n > BATCH_ROWS || cols > 4096)
        return err_set(err, ERR_PROTOCOL_VIOLATION, "batch is malformed");
    struct batch *batch = batch_create((uint32_t)cols, NULL);
    batch->n_rows = (uint32_t)n;
    for (uint32_t c = 0; c < cols && !in.bad; c++)
        take_column(&in, &batch->cols[c], (uint32_t)n, batch->arena);
    if (in.bad) {
        batch_destroy(batch);
        return err_set(err, ERR_PROTOCOL_VIOLATION, "batch is malformed");
    }
    *out = batch;
    return 0;
}
