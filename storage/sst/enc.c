#include "storage/sst/enc.h"

#include "base/buf.h"
#include "storage/sst/bitpack.h"

static size_t pad8(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

static int128 load_int128(const uint8_t *at)
{
    return (int128)((uint128)load_le64(at + 8) << 64 | load_le64(at));
}

struct datum enc_integer_datum(uint8_t kind, int16_t dec_scale, int128 v)
{
    struct datum d = {.kind = kind, .dec_scale = dec_scale};
    switch ((enum phys_kind)kind) {
    case PHYS_BOOL:
        d.u.b = v != 0;
        break;
    case PHYS_INT16:
        d.u.i16 = (int16_t)v;
        break;
    case PHYS_INT32:
        d.u.i32 = (int32_t)v;
        break;
    case PHYS_INT64:
        d.u.i64 = (int64_t)v;
        break;
    default:
        d.u.i128 = v;
        break;
    }
    return d;
}

/* ---- opening: every check that reading relies on ---- */

static bool open_const(struct enc_chunk *c, const uint8_t *at, size_t left)
{
    if (c->null_count == c->n)
        return true;
    c->values = at;
    c->values_bytes = (uint32_t)left;
    if (c->kind == PHYS_BYTES) {
        if (c->count > left)
            return false;
        c->values_bytes = c->count;
        return true;
    }
    if (left < 16)
        return false;
    c->base = load_int128(at);
    return true;
}

static bool open_for(struct enc_chunk *c, const uint8_t *at, size_t left)
{
    if (!phys_is_integer(c->kind) || !bitpack_width_is_valid(c->width) || left < 16 ||
        left - 16 < bitpack_size(c->n, c->width))
        return false;
    c->base = load_int128(at);
    c->packed = at + 16;
    return true;
}

static bool open_rle(struct enc_chunk *c, const uint8_t *at, size_t left)
{
    if (c->kind == PHYS_BYTES || c->kind == PHYS_INT128 || c->count == 0 || c->count > c->n)
        return false;
    size_t ends = pad8((size_t)c->count * 4);
    if (left < ends + (size_t)c->count * 8)
        return false;
    c->ends = (const uint32_t *)(const void *)at;
    c->values = at + ends;
    uint32_t before = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->ends[i] <= before)
            return false;
        before = c->ends[i];
    }
    return before == c->n;
}

static bool check_codes(const struct enc_chunk *c)
{
    if (c->count >= (uint64_t)1 << c->width)
        return true;
    uint32_t group[BITPACK_GROUP];
    for (uint32_t g = 0; g * BITPACK_GROUP < c->n; g++) {
        uint32_t left = c->n - g * BITPACK_GROUP;
        bitpack_unpack_group32(c->packed, c->n, c->width, g, group);
        for (uint32_t k = 0; k < (left < BITPACK_GROUP ? left : BITPACK_GROUP); k++)
            if (group[k] >= c->count)
                return false;
    }
    return true;
}

static bool open_dict(struct enc_chunk *c, const uint8_t *at, size_t left)
{
    if (c->count == 0 || c->count > 65536 || c->width < 1 || c->width > 16)
        return false;
    size_t used;
    if (c->kind == PHYS_BYTES) {
        size_t offsets = pad8(((size_t)c->count + 1) * 4);
        if (left < offsets)
            return false;
        c->ends = (const uint32_t *)(const void *)at;
        for (uint32_t i = 0; i < c->count; i++)
            if (c->ends[i] > c->ends[i + 1])
                return false;
        c->values = at + offsets;
        c->values_bytes = c->ends[c->count];
        used = offsets + pad8(c->values_bytes);
        if (c->ends[0] != 0)
            return false;
    } else {
        c->values = at;
        used = (size_t)c->count * (c->kind == PHYS_INT128 ? 16 : 8);
    }
    if (left < used || left - used < bitpack_size(c->n, c->width))
        return false;
    c->packed = at + used;
    return check_codes(c);
}

/* End offsets of a PLAIN BYTES chunk must rise and stay in the heap. */
static bool check_ends(const struct enc_chunk *c)
{
    uint64_t group[BITPACK_GROUP], before = 0;
    for (uint32_t g = 0; g * BITPACK_GROUP < c->n; g++) {
        uint32_t left = c->n - g * BITPACK_GROUP;
        bitpack_unpack_group(c->packed, c->n, c->width, g, group);
        for (uint32_t k = 0; k < (left < BITPACK_GROUP ? left : BITPACK_GROUP); k++) {
            if (group[k] < before)
                return false;
            before = group[k];
        }
    }
    return before <= c->values_bytes;
}

static bool open_plain(struct enc_chunk *c, const uint8_t *at, size_t left, bool has_blobs)
{
    if (c->kind != PHYS_BYTES) {
        c->values = at;
        return !has_blobs && left >= (size_t)c->n * phys_width[c->kind];
    }
    size_t words = (size_t)(c->n + 63) / 64 * 8;
    if (has_blobs) {
        if (left < words)
            return false;
        c->blobs = (const uint64_t *)(const void *)at;
        at += words;
        left -= words;
    }
    if (c->width == 0) {
        c->values = at;
        c->values_bytes = (uint32_t)left;
        return (uint64_t)c->n * c->count <= left;
    }
    size_t packed = pad8(bitpack_size(c->n, c->width));
    if (!bitpack_width_is_valid(c->width) || c->width > 32 || left < packed)
        return false;
    c->packed = at;
    c->values = at + packed;
    c->values_bytes = (uint32_t)(left - packed);
    return check_ends(c);
}

bool enc_open(struct enc_chunk *c, const struct enc_dir *dir, const uint8_t *data, uint32_t n)
{
    if (dir->kind < PHYS_BOOL || dir->kind >= PHYS_KIND_COUNT || dir->null_count > n || n == 0)
        return false;
    *c = (struct enc_chunk){.column_id = dir->column_id,
                            .kind = dir->kind,
                            .enc = dir->enc,
                            .width = dir->width,
                            .dec_scale = dir->dec_scale,
                            .n = n,
                            .null_count = dir->null_count,
                            .count = dir->count};
    const uint8_t *at = data;
    size_t left = dir->size_bytes;
    if (dir->null_count && dir->null_count < n) {
        size_t words = (size_t)(n + 63) / 64 * 8;
        if (left < words)
            return false;
        c->valid = (const uint64_t *)(const void *)at;
        at += words;
        left -= words;
    }
    bool blobs = (dir->flags & ENC_FLAG_BLOBS) != 0;
    if (blobs && (dir->enc != ENC_PLAIN || dir->kind != PHYS_BYTES))
        return false;
    if (dir->null_count == n && dir->enc != ENC_CONST)
        return false;
    switch ((enum enc_kind)dir->enc) {
    case ENC_CONST:
        return open_const(c, at, left);
    case ENC_FOR:
        return open_for(c, at, left);
    case ENC_RLE:
        return open_rle(c, at, left);
    case ENC_DICT:
        return open_dict(c, at, left);
    case ENC_PLAIN:
        return open_plain(c, at, left, blobs);
    }
    return false;
}

/* ---- one value ---- */

static uint32_t find_run(const struct enc_chunk *c, uint32_t row)
{
    uint32_t lo = 0, hi = c->count - 1;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (c->ends[mid] > row)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

/* A fixed-width value stored in 8 (INT128: 16) bytes. */
static struct datum load_wide(const struct enc_chunk *c, const uint8_t *at)
{
    struct datum d = {.kind = c->kind, .dec_scale = c->dec_scale};
    uint64_t bits = load_le64(at);
    if (c->kind == PHYS_FLOAT64) {
        memcpy(&d.u.f64, &bits, 8);
    } else if (c->kind == PHYS_FLOAT32) {
        uint32_t half = (uint32_t)bits;
        memcpy(&d.u.f32, &half, 4);
    } else {
        return enc_integer_datum(c->kind, c->dec_scale,
                                 c->kind == PHYS_INT128 ? load_int128(at) : (int64_t)bits);
    }
    return d;
}

static struct datum bytes_datum(const struct enc_chunk *c, uint32_t from, uint32_t to)
{
    struct datum d = {.kind = PHYS_BYTES, .dec_scale = c->dec_scale};
    d.u.bytes = view_of(c->values + from, to - from);
    return d;
}

static struct datum get_plain(const struct enc_chunk *c, uint32_t row)
{
    if (c->kind == PHYS_BYTES) {
        if (c->width == 0)
            return bytes_datum(c, row * c->count, (row + 1) * c->count);
        uint64_t from = row ? bitpack_get(c->packed, c->n, c->width, row - 1) : 0;
        uint64_t to = bitpack_get(c->packed, c->n, c->width, row);
        return bytes_datum(c, (uint32_t)from, (uint32_t)to);
    }
    struct datum d = {.kind = c->kind, .dec_scale = c->dec_scale};
    memcpy(&d.u, c->values + (size_t)row * phys_width[c->kind], phys_width[c->kind]);
    return d;
}

uint32_t enc_code(const struct enc_chunk *c, uint32_t row)
{
    return (uint32_t)bitpack_get(c->packed, c->n, c->width, row);
}

struct datum enc_entry(const struct enc_chunk *c, uint32_t i)
{
    if (c->kind == PHYS_BYTES)
        return bytes_datum(c, c->ends[i], c->ends[i + 1]);
    return load_wide(c, c->values + (size_t)i * (c->kind == PHYS_INT128 ? 16 : 8));
}

static struct datum get_const(const struct enc_chunk *c)
{
    if (c->kind == PHYS_BYTES)
        return bytes_datum(c, 0, c->values_bytes);
    if (phys_is_integer(c->kind))
        return enc_integer_datum(c->kind, c->dec_scale, c->base);
    return load_wide(c, c->values);
}

struct datum enc_get(const struct enc_chunk *c, uint32_t row)
{
    if (enc_is_null(c, row))
        return (struct datum){.kind = c->kind, .null = true, .dec_scale = c->dec_scale};
    switch ((enum enc_kind)c->enc) {
    case ENC_CONST:
        return get_const(c);
    case ENC_FOR: {
        uint64_t off = bitpack_get(c->packed, c->n, c->width, row);
        return enc_integer_datum(c->kind, c->dec_scale, (int128)((uint128)c->base + off));
    }
    case ENC_RLE:
        return load_wide(c, c->values + (size_t)find_run(c, row) * 8);
    case ENC_DICT:
        return enc_entry(c, enc_code(c, row));
    case ENC_PLAIN:
        break;
    }
    return get_plain(c, row);
}

/* ---- many values ---- */

static void put_datum(void *data, uint32_t at, const struct datum *d)
{
    uint32_t width = phys_width[d->kind];
    memcpy((char *)data + (size_t)at * width, &d->u, width);
}

/* out[k] = base + packed[k] for `count` values, in the kind's width. */
static void widen(uint8_t kind, int128 base, const uint64_t *off, uint32_t count, void *out)
{
    int64_t b = (int64_t)base;
    switch ((enum phys_kind)kind) {
    case PHYS_BOOL:
        for (uint32_t k = 0; k < count; k++)
            ((uint8_t *)out)[k] = (uint8_t)((uint64_t)b + off[k]);
        break;
    case PHYS_INT16:
        for (uint32_t k = 0; k < count; k++)
            ((int16_t *)out)[k] = (int16_t)((uint64_t)b + off[k]);
        break;
    case PHYS_INT32:
        for (uint32_t k = 0; k < count; k++)
            ((int32_t *)out)[k] = (int32_t)((uint64_t)b + off[k]);
        break;
    case PHYS_INT64:
        for (uint32_t k = 0; k < count; k++)
            ((int64_t *)out)[k] = (int64_t)((uint64_t)b + off[k]);
        break;
    default:
        for (uint32_t k = 0; k < count; k++)
            ((int128 *)out)[k] = (int128)((uint128)base + off[k]);
        break;
    }
}

static void widen32(uint8_t kind, int64_t b, const uint32_t *off, uint32_t count, void *out)
{
    if (kind == PHYS_INT64) {
        int64_t *to = out;
        for (uint32_t k = 0; k < count; k++)
            to[k] = b + (int64_t)off[k];
    } else {
        int32_t *to = out;
        uint32_t base = (uint32_t)b;
        for (uint32_t k = 0; k < count; k++)
            to[k] = (int32_t)(base + off[k]);
    }
}

static void decode_for(const struct enc_chunk *c, uint32_t first, uint32_t n, void *data)
{
    uint32_t width = phys_width[c->kind];
    bool fast = c->width <= 32 && (c->kind == PHYS_INT64 || c->kind == PHYS_INT32);
    uint64_t wide[BITPACK_GROUP];
    uint32_t narrow[BITPACK_GROUP];
    for (uint32_t done = 0; done < n;) {
        uint32_t row = first + done, g = row / BITPACK_GROUP, skip = row % BITPACK_GROUP;
        uint32_t count = BITPACK_GROUP - skip < n - done ? BITPACK_GROUP - skip : n - done;
        void *out = (char *)data + (size_t)done * width;
        if (fast) {
            bitpack_unpack_group32(c->packed, c->n, c->width, g, narrow);
            widen32(c->kind, (int64_t)c->base, narrow + skip, count, out);
        } else {
            bitpack_unpack_group(c->packed, c->n, c->width, g, wide);
            widen(c->kind, c->base, wide + skip, count, out);
        }
        done += count;
    }
}

static void decode_rle(const struct enc_chunk *c, uint32_t first, uint32_t n, void *data)
{
    uint32_t run = find_run(c, first);
    for (uint32_t k = 0; k < n; run++) {
        struct datum d = load_wide(c, c->values + (size_t)run * 8);
        for (; k < n && first + k < c->ends[run]; k++)
            put_datum(data, k, &d);
    }
}

void enc_decode_codes(const struct enc_chunk *c, uint32_t first, uint32_t n, uint16_t *codes)
{
    uint32_t narrow[BITPACK_GROUP];
    for (uint32_t done = 0; done < n;) {
        uint32_t row = first + done, skip = row % BITPACK_GROUP;
        uint32_t count = BITPACK_GROUP - skip < n - done ? BITPACK_GROUP - skip : n - done;
        bitpack_unpack_group32(c->packed, c->n, c->width, row / BITPACK_GROUP, narrow);
        for (uint32_t k = 0; k < count; k++)
            codes[done + k] = (uint16_t)narrow[skip + k];
        done += count;
    }
}

static void decode_dict(const struct enc_chunk *c, uint32_t first, uint32_t n, void *data)
{
    uint16_t codes[BITPACK_GROUP];
    for (uint32_t done = 0; done < n;) {
        uint32_t count = n - done < BITPACK_GROUP ? n - done : BITPACK_GROUP;
        enc_decode_codes(c, first + done, count, codes);
        for (uint32_t k = 0; k < count; k++) {
            struct datum d = enc_entry(c, codes[k]);
            put_datum(data, done + k, &d);
        }
        done += count;
    }
}

static void decode_plain_bytes(const struct enc_chunk *c, uint32_t first, uint32_t n, void *data)
{
    struct bytes_view *out = data;
    if (c->width == 0) {
        for (uint32_t k = 0; k < n; k++)
            out[k] = view_of(c->values + (size_t)(first + k) * c->count, c->count);
        return;
    }
    uint64_t ends[BITPACK_GROUP];
    uint64_t from = first ? bitpack_get(c->packed, c->n, c->width, first - 1) : 0;
    for (uint32_t done = 0; done < n;) {
        uint32_t row = first + done, skip = row % BITPACK_GROUP;
        uint32_t count = BITPACK_GROUP - skip < n - done ? BITPACK_GROUP - skip : n - done;
        bitpack_unpack_group(c->packed, c->n, c->width, row / BITPACK_GROUP, ends);
        for (uint32_t k = 0; k < count; k++) {
            out[done + k] = view_of(c->values + from, (uint32_t)(ends[skip + k] - from));
            from = ends[skip + k];
        }
        done += count;
    }
}

static void decode_const(const struct enc_chunk *c, uint32_t n, void *data)
{
    if (c->null_count == c->n) {
        memset(data, 0, (size_t)n * phys_width[c->kind]);
        return;
    }
    struct datum d = get_const(c);
    for (uint32_t k = 0; k < n; k++)
        put_datum(data, k, &d);
}

static void decode_range(const struct enc_chunk *c, uint32_t first, uint32_t n, void *data)
{
    switch ((enum enc_kind)c->enc) {
    case ENC_CONST:
        decode_const(c, n, data);
        return;
    case ENC_FOR:
        decode_for(c, first, n, data);
        return;
    case ENC_RLE:
        decode_rle(c, first, n, data);
        return;
    case ENC_DICT:
        decode_dict(c, first, n, data);
        return;
    case ENC_PLAIN:
        break;
    }
    if (c->kind == PHYS_BYTES)
        decode_plain_bytes(c, first, n, data);
    else
        memcpy(data, c->values + (size_t)first * phys_width[c->kind],
               (size_t)n * phys_width[c->kind]);
}

void enc_decode(const struct enc_chunk *c, uint32_t first, const uint16_t *sel, uint32_t n,
                void *data)
{
    if (n == 0)
        return;
    if (!sel) {
        decode_range(c, first, n, data);
        return;
    }
    uint32_t last = sel[n - 1];
    /* Dense enough: whole groups are cheaper than picking. */
    if (n * 4u >= last - sel[0] + 1u) {
        decode_range(c, first + sel[0], last - sel[0] + 1u,
                     (char *)data + (size_t)sel[0] * phys_width[c->kind]);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct datum d = enc_get(c, first + sel[i]);
        if (!d.null)
            put_datum(data, sel[i], &d);
    }
}

void bits_copy(uint64_t *out, const uint64_t *bits, uint32_t first, uint32_t n, size_t have)
{
    uint32_t shift = first % 64;
    for (size_t w = 0; w < (n + 63) / 64; w++) {
        size_t at = first / 64 + w;
        out[w] = at < have ? bits[at] >> shift : 0;
        if (shift && at + 1 < have)
            out[w] |= bits[at + 1] << (64 - shift);
    }
}

uint64_t *enc_validity(const struct enc_chunk *c, uint32_t first, uint32_t n, struct arena *arena)
{
    if (c->null_count == 0)
        return NULL;
    size_t words = (n + 63) / 64;
    uint64_t *out = arena_zalloc(arena, words * 8);
    if (c->null_count < c->n)
        bits_copy(out, c->valid, first, n, (c->n + 63) / 64);
    return out;
}
