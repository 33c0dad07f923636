#include "base/row.h"

enum { ROW_VERSION = 1, TAG_KIND = 0x0f, TAG_NULL = 0x10, TAG_DEC = 0x20 };

void row_begin(struct buf *out)
{
    buf_put_u8(out, ROW_VERSION);
}

static void append_value(struct buf *out, const struct datum *d)
{
    switch ((enum phys_kind)d->kind) {
    case PHYS_BOOL:
        buf_put_u8(out, d->u.b ? 1 : 0);
        break;
    case PHYS_INT16:
        buf_put_svarint(out, d->u.i16);
        break;
    case PHYS_INT32:
        buf_put_svarint(out, d->u.i32);
        break;
    case PHYS_INT64:
        buf_put_svarint(out, d->u.i64);
        break;
    case PHYS_INT128:
        buf_put_le64(out, (uint64_t)(uint128)d->u.i128);
        buf_put_le64(out, (uint64_t)((uint128)d->u.i128 >> 64));
        break;
    case PHYS_FLOAT32: {
        uint32_t bits;
        memcpy(&bits, &d->u.f32, sizeof bits);
        buf_put_le32(out, bits);
        break;
    }
    case PHYS_FLOAT64: {
        uint64_t bits;
        memcpy(&bits, &d->u.f64, sizeof bits);
        buf_put_le64(out, bits);
        break;
    }
    case PHYS_BYTES:
        buf_put_sized(out, view_data(&d->u.bytes), d->u.bytes.len);
        break;
    case PHYS_KIND_COUNT:
        break;
    }
}

void row_append(struct buf *out, uint32_t column_id, const struct datum *value)
{
    buf_put_varint(out, column_id);
    uint8_t tag = value->kind & TAG_KIND;
    if (value->null)
        tag |= TAG_NULL;
    if (value->dec_scale >= 0)
        tag |= TAG_DEC;
    buf_put_u8(out, tag);
    if (value->dec_scale >= 0)
        buf_put_u8(out, (uint8_t)value->dec_scale);
    if (!value->null)
        append_value(out, value);
}

bool row_reader_init(struct row_reader *r, const void *row, size_t len)
{
    const uint8_t *p = row;
    if (len < 1 || p[0] != ROW_VERSION)
        return false;
    *r = (struct row_reader){.at = p + 1, .end = p + len};
    return true;
}

static bool take_integer(struct buf_reader *in, int64_t lo, int64_t hi, int64_t *out)
{
    *out = buf_take_svarint(in);
    return *out >= lo && *out <= hi;
}

static bool take_value(struct buf_reader *in, struct datum *d)
{
    int64_t x = 0;
    bool ok = true;
    switch ((enum phys_kind)d->kind) {
    case PHYS_BOOL: {
        uint8_t b = buf_take_u8(in);
        ok = b <= 1;
        d->u.b = b == 1;
        break;
    }
    case PHYS_INT16:
        ok = take_integer(in, INT16_MIN, INT16_MAX, &x);
        d->u.i16 = (int16_t)x;
        break;
    case PHYS_INT32:
        ok = take_integer(in, INT32_MIN, INT32_MAX, &x);
        d->u.i32 = (int32_t)x;
        break;
    case PHYS_INT64:
        d->u.i64 = buf_take_svarint(in);
        break;
    case PHYS_INT128: {
        uint64_t lo = buf_take_le64(in), hi = buf_take_le64(in);
        d->u.i128 = (int128)((uint128)hi << 64 | lo);
        break;
    }
    case PHYS_FLOAT32: {
        uint32_t bits = buf_take_le32(in);
        memcpy(&d->u.f32, &bits, sizeof bits);
        break;
    }
    case PHYS_FLOAT64: {
        uint64_t bits = buf_take_le64(in);
        memcpy(&d->u.f64, &bits, sizeof bits);
        break;
    }
    case PHYS_BYTES: {
        size_t len = 0;
        const uint8_t *data = buf_take_sized(in, &len);
        ok = len <= UINT32_MAX;
        if (ok && !in->bad)
            d->u.bytes = view_of(data, (uint32_t)len);
        break;
    }
    case PHYS_KIND_COUNT:
        break;
    }
    return ok && !in->bad;
}

int row_next(struct row_reader *r, uint32_t *column_id, struct datum *value)
{
    if (r->at == r->end)
        return 0;
    struct buf_reader in = {.at = r->at, .end = r->end};
    uint64_t id = buf_take_varint(&in);
    uint8_t tag = buf_take_u8(&in);
    struct datum d = {.kind = tag & TAG_KIND, .null = (tag & TAG_NULL) != 0, .dec_scale = -1};
    if (in.bad || id > UINT32_MAX || d.kind < PHYS_BOOL || d.kind >= PHYS_KIND_COUNT ||
        (tag & ~(TAG_KIND | TAG_NULL | TAG_DEC)))
        return -1;
    if (tag & TAG_DEC)
        d.dec_scale = buf_take_u8(&in);
    if (in.bad || (!d.null && !take_value(&in, &d)))
        return -1;
    r->at = in.at;
    *column_id = (uint32_t)id;
    *value = d;
    return 1;
}

int row_find(const void *row, size_t len, uint32_t column_id, struct datum *value)
{
    struct row_reader r;
    if (!row_reader_init(&r, row, len))
        return -1;
    for (;;) {
        uint32_t id = 0;
        struct datum d;
        int got = row_next(&r, &id, &d);
        if (got <= 0)
            return got;
        if (id == column_id) {
            *value = d;
            return 1;
        }
        if (id > column_id)
            return 0;
    }
}
