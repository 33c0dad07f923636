#include "storage/sst/enc_build.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/key.h"
#include "base/sort.h"
#include "storage/sst/bitpack.h"

enum { DICT_MAX = 8192, DICT_TRIAL_ROWS = 512 };

void enc_build_init(struct enc_build *b, uint32_t column_id, uint8_t kind, int16_t dec_scale)
{
    *b = (struct enc_build){.column_id = column_id, .kind = kind, .dec_scale = dec_scale};
}

void enc_build_done(struct enc_build *b)
{
    buf_done(&b->valid);
    buf_done(&b->blobs);
    buf_done(&b->values);
    buf_done(&b->heap);
}

void enc_build_reset(struct enc_build *b)
{
    b->n = b->null_count = b->blob_count = 0;
    buf_reset(&b->valid);
    buf_reset(&b->blobs);
    buf_reset(&b->values);
    buf_reset(&b->heap);
}

static size_t stored_width(const struct enc_build *b)
{
    return b->kind == PHYS_INT128 ? 16 : b->kind == PHYS_BYTES ? 4 : 8;
}

static uint64_t bits_of(const struct datum *d)
{
    uint64_t bits = 0;
    if (d->kind == PHYS_FLOAT64) {
        memcpy(&bits, &d->u.f64, 8);
    } else if (d->kind == PHYS_FLOAT32) {
        uint32_t half;
        memcpy(&half, &d->u.f32, 4);
        bits = half;
    } else {
        bits = (uint64_t)(int64_t)datum_integer(d);
    }
    return bits;
}

static void put_bytes(struct enc_build *b, const void *data, uint32_t len)
{
    buf_put(&b->heap, data, len);
    assert(b->heap.len <= UINT32_MAX);
    buf_put_le32(&b->values, (uint32_t)b->heap.len);
}

/* Flags exist from the first null on. */
static void note_validity(struct enc_build *b, bool valid)
{
    if (!b->null_count && b->n)
        memset(buf_extend(&b->valid, b->n), 1, b->n);
    buf_put_u8(&b->valid, valid);
    b->null_count += !valid;
}

void enc_build_put(struct enc_build *b, const struct datum *d)
{
    if (d->null || b->null_count)
        note_validity(b, !d->null);
    b->n++;
    if (b->blob_count)
        buf_put_u8(&b->blobs, 0);
    if (b->kind == PHYS_BYTES) {
        put_bytes(b, d->null ? NULL : view_data(&d->u.bytes), d->null ? 0 : d->u.bytes.len);
        return;
    }
    uint8_t *at = buf_extend(&b->values, stored_width(b));
    if (d->null) {
        /* The value before it, so that runs and ranges do not break. */
        if (b->n > 1)
            memcpy(at, at - stored_width(b), stored_width(b));
        else
            memset(at, 0, stored_width(b));
        return;
    }
    if (b->kind == PHYS_INT128) {
        store_le64(at, (uint64_t)(uint128)d->u.i128);
        store_le64(at + 8, (uint64_t)((uint128)d->u.i128 >> 64));
        return;
    }
    store_le64(at, bits_of(d));
}

void enc_build_put_blob(struct enc_build *b, const void *reference, uint32_t len)
{
    if (!b->blob_count && b->n)
        memset(buf_extend(&b->blobs, b->n), 0, b->n);
    if (b->null_count)
        note_validity(b, true);
    b->n++;
    b->blob_count++;
    buf_put_u8(&b->blobs, 1);
    put_bytes(b, reference, len);
}

size_t enc_build_bytes(const struct enc_build *b)
{
    return b->heap.len + (b->kind == PHYS_BYTES ? 0 : (size_t)b->n * phys_width[b->kind]) +
           b->n / 8;
}

static bool row_valid(const struct enc_build *b, uint32_t i)
{
    return !b->null_count || b->valid.data[i] != 0;
}

static int128 integer_at(const struct enc_build *b, uint32_t i)
{
    if (b->kind != PHYS_INT128)
        return (int64_t)load_le64(b->values.data + (size_t)i * 8);
    const uint8_t *at = b->values.data + (size_t)i * 16;
    return (int128)((uint128)load_le64(at + 8) << 64 | load_le64(at));
}

static inline const uint8_t *bytes_at(const struct enc_build *b, uint32_t i, uint32_t *len)
{
    uint32_t from = i ? load_le32(b->values.data + (size_t)(i - 1) * 4) : 0;
    *len = load_le32(b->values.data + (size_t)i * 4) - from;
    return b->heap.data + from;
}

static struct datum value_at(const struct enc_build *b, uint32_t i)
{
    struct datum d = {.kind = b->kind, .dec_scale = b->dec_scale};
    if (b->kind == PHYS_BYTES) {
        uint32_t len = 0;
        const uint8_t *data = bytes_at(b, i, &len);
        d.u.bytes = view_of(data, len);
    } else if (phys_is_integer(b->kind)) {
        return enc_integer_datum(b->kind, b->dec_scale, integer_at(b, i));
    } else {
        uint64_t bits = load_le64(b->values.data + (size_t)i * 8);
        uint32_t half = (uint32_t)bits;
        if (b->kind == PHYS_FLOAT64)
            memcpy(&d.u.f64, &bits, 8);
        else
            memcpy(&d.u.f32, &half, 4);
    }
    return d;
}

static int64_t int64_at(const struct enc_build *b, uint32_t i)
{
    return (int64_t)load_le64(b->values.data + (size_t)i * 8);
}

static bool min_max_int64(const struct enc_build *b, struct datum *min, struct datum *max)
{
    int64_t lo = INT64_MAX, hi = INT64_MIN;
    bool any = false;
    for (uint32_t i = 0; i < b->n; i++) {
        if (!row_valid(b, i))
            continue;
        int64_t v = int64_at(b, i);
        lo = v < lo ? v : lo;
        hi = v > hi ? v : hi;
        any = true;
    }
    if (!any)
        return false;
    *min = enc_integer_datum(b->kind, b->dec_scale, lo);
    *max = enc_integer_datum(b->kind, b->dec_scale, hi);
    return true;
}

static bool min_max_bytes(const struct enc_build *b, struct datum *min, struct datum *max)
{
    uint32_t lo = UINT32_MAX, hi = 0, lo_len = 0, hi_len = 0;
    const uint8_t *lo_data = NULL, *hi_data = NULL;
    for (uint32_t i = 0; i < b->n; i++) {
        if (!row_valid(b, i) || (b->blob_count && b->blobs.data[i]))
            continue;
        uint32_t len = 0;
        const uint8_t *data = bytes_at(b, i, &len);
        if (lo == UINT32_MAX || key_compare(data, len, lo_data, lo_len) < 0) {
            lo = i;
            lo_data = data;
            lo_len = len;
        }
        if (!hi_data || key_compare(data, len, hi_data, hi_len) > 0) {
            hi = i;
            hi_data = data;
            hi_len = len;
        }
    }
    if (lo == UINT32_MAX)
        return false;
    *min = value_at(b, lo);
    *max = value_at(b, hi);
    return true;
}

bool enc_build_min_max(const struct enc_build *b, struct datum *min, struct datum *max)
{
    if (b->kind <= PHYS_INT64)
        return min_max_int64(b, min, max);
    if (b->kind == PHYS_BYTES)
        return min_max_bytes(b, min, max);
    bool any = false;
    for (uint32_t i = 0; i < b->n; i++) {
        if (!row_valid(b, i))
            continue;
        struct datum d = value_at(b, i);
        if (!any) {
            *min = *max = d;
            any = true;
        } else if (datum_compare(&d, min) < 0) {
            *min = d;
        } else if (datum_compare(&d, max) > 0) {
            *max = d;
        }
    }
    return any;
}

/* ---- candidates ---- */

/* What one pass over the rows finds out. */
struct survey {
    bool all_equal; /* the non-null ones */
    uint32_t first_valid;
    uint32_t runs;
    int128 min, max;
};

static bool rows_equal(const struct enc_build *b, uint32_t i, uint32_t k)
{
    if (b->kind == PHYS_BYTES) {
        uint32_t x_len = 0, y_len = 0;
        const uint8_t *x = bytes_at(b, i, &x_len), *y = bytes_at(b, k, &y_len);
        return x_len == y_len && (x_len == 0 || memcmp(x, y, x_len) == 0);
    }
    size_t w = stored_width(b);
    return memcmp(b->values.data + i * w, b->values.data + k * w, w) == 0;
}

static void survey_int64(const struct enc_build *b, struct survey *s)
{
    int64_t lo = INT64_MAX, hi = INT64_MIN, before = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        int64_t v = int64_at(b, i);
        s->runs += i == 0 || v != before;
        before = v;
        if (!row_valid(b, i))
            continue;
        if (s->first_valid == UINT32_MAX)
            s->first_valid = i;
        lo = v < lo ? v : lo;
        hi = v > hi ? v : hi;
    }
    s->all_equal = lo >= hi;
    s->min = lo <= hi ? lo : 0;
    s->max = lo <= hi ? hi : 0;
}

static void survey_others(const struct enc_build *b, struct survey *s)
{
    bool integer = b->kind == PHYS_INT128;
    for (uint32_t i = 0; i < b->n; i++) {
        if (b->kind != PHYS_BYTES && (i == 0 || !rows_equal(b, i, i - 1)))
            s->runs++;
        if (!row_valid(b, i))
            continue;
        if (s->first_valid == UINT32_MAX) {
            s->first_valid = i;
            s->min = s->max = integer ? integer_at(b, i) : 0;
            continue;
        }
        if (s->all_equal && !rows_equal(b, i, s->first_valid))
            s->all_equal = false;
        if (integer) {
            int128 v = integer_at(b, i);
            s->min = v < s->min ? v : s->min;
            s->max = v > s->max ? v : s->max;
        } else if (b->kind == PHYS_BYTES && !s->all_equal) {
            return; /* nothing more to learn */
        }
    }
}

static void survey_rows(const struct enc_build *b, struct survey *s)
{
    *s = (struct survey){.all_equal = true, .first_valid = UINT32_MAX};
    if (b->kind <= PHYS_INT64)
        survey_int64(b, s);
    else
        survey_others(b, s);
}

/* Distinct values: rows that hold each for the first time, and the entry of every row. */
struct dict {
    uint32_t count;
    uint32_t *rows;  /* [count] */
    uint32_t *entry; /* [n] */
    size_t heap_bytes;
};

static uint64_t hash_row(const struct enc_build *b, uint32_t i)
{
    if (b->kind == PHYS_BYTES) {
        uint32_t len = 0;
        const uint8_t *data = bytes_at(b, i, &len);
        return hash_bytes(data, len, 1);
    }
    size_t w = stored_width(b);
    const uint8_t *at = b->values.data + i * w;
    uint64_t h = hash_u64(load_le64(at), 1);
    return w == 16 ? hash_u64(load_le64(at + 8), h) : h;
}

/* False: too many. */
static bool collect_dict(const struct enc_build *b, struct dict *d, uint32_t *slots, uint32_t mask)
{
    uint32_t max = b->n / 2 < DICT_MAX ? b->n / 2 : DICT_MAX;
    for (uint32_t i = 0; i < b->n; i++) {
        if (!row_valid(b, i)) {
            d->entry[i] = 0;
            continue;
        }
        uint32_t at = (uint32_t)hash_row(b, i) & mask;
        while (slots[at] && !rows_equal(b, d->rows[slots[at] - 1], i))
            at = (at + 1) & mask;
        if (!slots[at]) {
            if (d->count >= max || (i == DICT_TRIAL_ROWS && d->count > DICT_TRIAL_ROWS * 3 / 4))
                return false;
            d->rows[d->count++] = i;
            slots[at] = d->count;
            uint32_t len = (uint32_t)stored_width(b);
            if (b->kind == PHYS_BYTES)
                (void)bytes_at(b, i, &len);
            d->heap_bytes += len;
        }
        d->entry[i] = slots[at] - 1;
    }
    return d->count > 0;
}

static bool find_dict(const struct enc_build *b, struct dict *d)
{
    *d = (struct dict){0};
    if (b->blob_count || b->n < 8)
        return false;
    uint32_t size = 64;
    while (size < 2 * (b->n / 2 < DICT_MAX ? b->n / 2 : DICT_MAX) + 2)
        size *= 2;
    uint32_t *slots = calloc(size, sizeof *slots);
    d->rows = malloc(sizeof *d->rows * (DICT_MAX < b->n ? DICT_MAX : b->n));
    d->entry = malloc(sizeof *d->entry * b->n);
    assert(slots && d->rows && d->entry);
    bool ok = collect_dict(b, d, slots, size - 1);
    free(slots);
    return ok;
}

static void free_dict(struct dict *d)
{
    free(d->rows);
    free(d->entry);
}

struct sort_context {
    const struct enc_build *b;
    const struct dict *d;
};

static int compare_entries(const void *x, const void *y, void *arg)
{
    const struct sort_context *c = arg;
    struct datum a = value_at(c->b, c->d->rows[*(const uint32_t *)x]);
    struct datum b = value_at(c->b, c->d->rows[*(const uint32_t *)y]);
    int cmp = datum_compare(&a, &b);
    if (cmp != 0)
        return cmp;
    /* -0 and 0, NaNs of different payload: distinct entries of one order. */
    uint64_t p = bits_of(&a), q = bits_of(&b);
    return (p > q) - (p < q);
}

/* ---- writing ---- */

static void pad_to_8(struct buf *out, size_t from)
{
    while ((out->len - from) % 8)
        buf_put_u8(out, 0);
}

static void put_int128(struct buf *out, int128 v)
{
    buf_put_le64(out, (uint64_t)(uint128)v);
    buf_put_le64(out, (uint64_t)((uint128)v >> 64));
}

static void put_bitmap(struct buf *out, const uint8_t *flags, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += 64) {
        uint64_t word = 0;
        for (uint32_t k = i; k < n && k < i + 64; k++)
            word |= (uint64_t)(flags[k] != 0) << (k - i);
        buf_put_le64(out, word);
    }
}

static void write_packed(struct buf *out, const uint64_t *values, uint32_t n, uint32_t width)
{
    uint8_t *at = buf_extend(out, bitpack_size(n, width));
    bitpack_pack(values, n, width, at);
}

static void write_const(const struct enc_build *b, const struct survey *s, struct buf *out,
                        struct enc_dir *dir)
{
    dir->enc = ENC_CONST;
    if (b->null_count == b->n)
        return;
    if (b->kind == PHYS_BYTES) {
        struct datum d = value_at(b, s->first_valid);
        dir->count = d.u.bytes.len;
        buf_put(out, view_data(&d.u.bytes), d.u.bytes.len);
    } else if (phys_is_integer(b->kind)) {
        put_int128(out, integer_at(b, s->first_valid));
    } else {
        put_int128(out, (int128)load_le64(b->values.data + (size_t)s->first_valid * 8));
    }
}

static void write_for(const struct enc_build *b, const struct survey *s, struct buf *out,
                      struct enc_dir *dir)
{
    dir->enc = ENC_FOR;
    dir->width = (uint8_t)bitpack_width((uint64_t)((uint128)s->max - (uint128)s->min));
    put_int128(out, s->min);
    uint64_t *off = malloc(sizeof *off * b->n);
    assert(off);
    for (uint32_t i = 0; i < b->n; i++)
        off[i] = row_valid(b, i) ? (uint64_t)((uint128)integer_at(b, i) - (uint128)s->min) : 0;
    write_packed(out, off, b->n, dir->width);
    free(off);
}

static void write_rle(const struct enc_build *b, const struct survey *s, struct buf *out,
                      struct enc_dir *dir)
{
    dir->enc = ENC_RLE;
    dir->count = s->runs;
    size_t from = out->len;
    for (uint32_t i = 1; i <= b->n; i++)
        if (i == b->n || !rows_equal(b, i, i - 1))
            buf_put_le32(out, i);
    pad_to_8(out, from);
    for (uint32_t i = 0; i < b->n; i++)
        if (i == 0 || !rows_equal(b, i, i - 1))
            buf_put_le64(out, load_le64(b->values.data + (size_t)i * 8));
}

static void write_dict(const struct enc_build *b, const struct dict *d, struct buf *out,
                       struct enc_dir *dir)
{
    dir->enc = ENC_DICT;
    dir->count = d->count;
    dir->width = (uint8_t)bitpack_width(d->count > 1 ? d->count - 1 : 1);
    uint32_t *order = malloc(sizeof *order * d->count), *rank = malloc(sizeof *rank * d->count);
    uint64_t *codes = malloc(sizeof *codes * b->n);
    assert(order && rank && codes);
    for (uint32_t i = 0; i < d->count; i++)
        order[i] = i;
    struct sort_context context = {b, d};
    sort_stable(order, d->count, sizeof *order, compare_entries, &context, NULL);
    for (uint32_t i = 0; i < d->count; i++)
        rank[order[i]] = i;
    size_t from = out->len;
    if (b->kind == PHYS_BYTES) {
        uint32_t end = 0;
        buf_put_le32(out, 0);
        for (uint32_t i = 0; i < d->count; i++) {
            struct datum v = value_at(b, d->rows[order[i]]);
            end += v.u.bytes.len;
            buf_put_le32(out, end);
        }
        pad_to_8(out, from);
    }
    for (uint32_t i = 0; i < d->count; i++) {
        struct datum v = value_at(b, d->rows[order[i]]);
        if (b->kind == PHYS_BYTES)
            buf_put(out, view_data(&v.u.bytes), v.u.bytes.len);
        else
            buf_put(out, b->values.data + d->rows[order[i]] * stored_width(b), stored_width(b));
    }
    pad_to_8(out, from);
    for (uint32_t i = 0; i < b->n; i++)
        codes[i] = rank[d->entry[i]];
    write_packed(out, codes, b->n, dir->width);
    free(order);
    free(rank);
    free(codes);
}

static void write_plain_bytes(const struct enc_build *b, struct buf *out, struct enc_dir *dir)
{
    size_t from = out->len;
    if (b->blob_count) {
        dir->flags |= ENC_FLAG_BLOBS;
        put_bitmap(out, b->blobs.data, b->n);
    }
    uint32_t len = b->n ? load_le32(b->values.data) : 0;
    bool fixed = true;
    for (uint32_t i = 1; i < b->n && fixed; i++)
        fixed = load_le32(b->values.data + (size_t)i * 4) == (i + 1) * (uint64_t)len;
    if (fixed) {
        dir->count = len;
    } else {
        dir->width = (uint8_t)bitpack_width(b->heap.len);
        uint64_t *ends = malloc(sizeof *ends * b->n);
        assert(ends);
        for (uint32_t i = 0; i < b->n; i++)
            ends[i] = load_le32(b->values.data + (size_t)i * 4);
        write_packed(out, ends, b->n, dir->width);
        free(ends);
        pad_to_8(out, from);
    }
    buf_put(out, b->heap.data, b->heap.len);
}

static void write_plain(const struct enc_build *b, struct buf *out, struct enc_dir *dir)
{
    dir->enc = ENC_PLAIN;
    if (b->kind == PHYS_BYTES) {
        write_plain_bytes(b, out, dir);
        return;
    }
    size_t width = phys_width[b->kind];
    for (uint32_t i = 0; i < b->n; i++)
        buf_put(out, b->values.data + i * stored_width(b), width);
}

static size_t plain_size(const struct enc_build *b)
{
    if (b->kind == PHYS_BYTES)
        return b->heap.len + bitpack_size(b->n, bitpack_width(b->heap.len | 1));
    return (size_t)b->n * phys_width[b->kind];
}

static void choose(const struct enc_build *b, const struct survey *s, struct buf *out,
                   struct enc_dir *dir)
{
    bool can_for = phys_is_integer(b->kind) && (uint128)s->max - (uint128)s->min <= UINT64_MAX;
    size_t best = SIZE_MAX;
    uint32_t width = 0;
    if (can_for) {
        width = bitpack_width((uint64_t)((uint128)s->max - (uint128)s->min));
        best = 16 + bitpack_size(b->n, width);
    } else {
        best = plain_size(b);
    }
    bool rle = false;
    if (b->kind != PHYS_BYTES && b->kind != PHYS_INT128) {
        size_t size = (size_t)s->runs * 12 + 8;
        rle = size < best;
        best = rle ? size : best;
    }
    struct dict d = {0};
    bool dict = (b->kind == PHYS_BYTES || !can_for || width > 12) && find_dict(b, &d);
    if (dict) {
        size_t size =
            d.heap_bytes + bitpack_size(b->n, bitpack_width(d.count - 1 + (d.count == 1)));
        size += b->kind == PHYS_BYTES ? (size_t)d.count * 4 + 4 : 0;
        dict = size < best;
    }
    if (dict)
        write_dict(b, &d, out, dir);
    else if (rle)
        write_rle(b, s, out, dir);
    else if (can_for)
        write_for(b, s, out, dir);
    else
        write_plain(b, out, dir);
    free_dict(&d);
}

void enc_build_finish(struct enc_build *b, struct buf *out, struct enc_dir *dir)
{
    assert(b->n > 0 && out->len % 8 == 0);
    size_t from = out->len;
    *dir = (struct enc_dir){.column_id = b->column_id,
                            .kind = b->kind,
                            .dec_scale = b->dec_scale,
                            .offset = (uint32_t)from,
                            .null_count = b->null_count};
    if (b->null_count && b->null_count < b->n)
        put_bitmap(out, b->valid.data, b->n);
    struct survey s;
    survey_rows(b, &s);
    if (b->null_count == b->n || (s.all_equal && !b->blob_count))
        write_const(b, &s, out, dir);
    else if (b->blob_count)
        write_plain(b, out, dir);
    else
        choose(b, &s, out, dir);
    pad_to_8(out, from);
    dir->size_bytes = (uint32_t)(out->len - from);
}
