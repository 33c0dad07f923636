#include "executor/batch_codec.h"

#include <string.h>

enum { COLUMN_CONST = 1, COLUMN_NULLS = 2 };

static void put_values(struct buf *out, const struct vec *v, const struct batch *b, uint32_t n, bool constant)
{
    size_t width = phys_width[v->kind];
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = constant ? 0 : batch_row(b, i);
        bool null = v->valid && !bit_get(v->valid, row);
        if (v->kind != PHYS_BYTES) {
            static const uint8_t zero[16];
            buf_put(out, null ? (const void *)zero : (const char *)v->data + row * width, width);
            continue;
        }
        const struct bytes_view *view = &((const struct bytes_view *)v->data)[row];
        uint8_t len[VARINT_BYTES_MAX];
        buf_put(out, len, varint_store(len, null ? 0 : view->len));
        if (!null)
            buf_put(out, view_data(view), view->len);
    }
}

void batch_encode(struct batch *b, struct buf *out)
{
    uint32_t n = batch_count(b);
    uint8_t number[VARINT_BYTES_MAX];
    buf_put(out, number, varint_store(number, n));
    buf_put(out, number, varint_store(number, b->n_cols));
    for (uint32_t c = 0; c < b->n_cols; c++) {
        struct vec *v = &b->cols[c];
        bool constant = v->form == VEC_CONST;
        if (!constant)
            vec_flatten(v, b->sel, b->n_sel, b->arena);
        uint32_t count = constant ? 1 : n;
        bool nulls = false;
        for (uint32_t i = 0; i < count && !nulls; i++)
            nulls = v->valid && !bit_get(v->valid, constant ? 0 : batch_row(b, i));
        buf_put_u8(out, v->kind);
        buf_put_u8(out, (constant ? COLUMN_CONST : 0) | (nulls ? COLUMN_NULLS : 0));
        buf_put_le16(out, (uint16_t)v->dec_scale);
        if (nulls) {
            size_t bytes = (count + 7) / 8;
            uint8_t *bits = buf_extend(out, bytes);
            memset(bits, 0, bytes);
            for (uint32_t i = 0; i < count; i++)
                if (bit_get(v->valid, constant ? 0 : batch_row(b, i)))
                    bits[i / 8] |= (uint8_t)(1u << (i % 8));
        }
        put_values(out, v, b, count, constant);
    }
}

struct cursor {
    const uint8_t *at, *end;
    bool bad;
};

static const uint8_t *take(struct cursor *c, uint64_t n)
{
    if (c->bad || n > (uint64_t)(c->end - c->at)) {
        c->bad = true;
        return NULL;
    }
    const uint8_t *p = c->at;
    c->at += n;
    return p;
}

static uint64_t take_varint(struct cursor *c)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        const uint8_t *p = take(c, 1);
        if (!p)
            return 0;
        v |= (uint64_t)(*p & 0x7f) << shift;
        if (!(*p & 0x80))
            return v;
    }
    c->bad = true;
    return 0;
}

static void take_column(struct cursor *c, struct vec *v, uint32_t n, struct arena *arena)
{
    const uint8_t *head = take(c, 4);
    if (!head || head[0] == 0 || head[0] >= PHYS_KIND_COUNT || head[1] > 3) {
        c->bad = true;
        return;
    }
    bool constant = head[1] & COLUMN_CONST;
    uint32_t count = constant ? 1 : n;
    vec_alloc(v, (enum phys_kind)head[0], count, arena);
    v->dec_scale = (int16_t)load_le16(head + 2);
    if (head[1] & COLUMN_NULLS) {
        const uint8_t *bits = take(c, (count + 7) / 8);
        for (uint32_t i = 0; bits && i < count; i++)
            if (!(bits[i / 8] >> (i % 8) & 1))
                vec_set_null(v, i, arena);
    }
    if (v->kind != PHYS_BYTES) {
        const uint8_t *data = take(c, (uint64_t)count * phys_width[v->kind]);
        if (data)
            memcpy(v->data, data, (size_t)count * phys_width[v->kind]);
    } else {
        for (uint32_t i = 0; i < count && !c->bad; i++) {
            uint64_t len = take_varint(c);
            const uint8_t *data = take(c, len);
            if (data)
                ((struct bytes_view *)v->data)[i] = view_copy(arena, data, (uint32_t)len);
        }
    }
    if (constant) {
        v->form = VEC_CONST;
        v->n = n;
    }
}

int batch_decode(const uint8_t *data, size_t len, struct mem_account *account, struct batch **out, struct err *err)
{
    struct cursor c = {data, data + len, false};
    uint64_t n = take_varint(&c), n_cols = take_varint(&c);
    if (c.bad || n > BATCH_ROWS || n_cols > 65535 || n_cols * 4 > len)
        return err_set(err, ERR_DATA_CORRUPTED, "a batch from another node is malformed");
    struct batch *b = batch_create((uint32_t)n_cols, account);
    b->n_rows = (uint32_t)n;
    for (uint32_t i = 0; i < n_cols && !c.bad; i++)
        take_column(&c, &b->cols[i], (uint32_t)n, b->arena);
    if (c.bad || c.at != c.end) {
        batch_destroy(b);
        return err_set(err, ERR_DATA_CORRUPTED, "a batch from another node is malformed");
    }
    *out = b;
    return 0;
}
