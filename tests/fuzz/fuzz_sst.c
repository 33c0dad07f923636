/* Fuzzes data blocks behind their checksum: a body that is accepted is read in every way
 * without harm, and every way agrees with every other. */
#include <assert.h>
#include <stdlib.h>

#include "storage/sst/bitpack.h"
#include "storage/sst/enc_build.h"
#include "storage/sst/enc_test.h"
#include "storage/sst/sst_block.h"
#include "storage/sst/sst_bloom.h"
#include "tests/fuzz/fuzz_main.h"

enum { COLS = 4, ROWS_MAX = 20000 };

static struct sst_key_schema *make_keys(void)
{
    struct sst_key_schema *k = calloc(1, sizeof *k + 2 * sizeof k->parts[0]);
    k->n_parts = 2;
    k->parts[0].column_id = 2;
    k->parts[0].part = (struct key_part){.kind = PHYS_INT32, .dec_scale = -1};
    k->parts[1].column_id = 5;
    k->parts[1].part = (struct key_part){.kind = PHYS_BYTES, .desc = true, .dec_scale = -1};
    return k;
}

/* Do the values of a FOR chunk fit their kind? The builder's do; others are harmless but
 * compare differently before and after they are cut to size. */
static bool values_fit(const struct enc_chunk *c)
{
    for (uint32_t i = 0; c->enc == ENC_FOR && i < c->n; i++) {
        struct enc_chunk all = *c;
        all.null_count = 0;
        struct datum d = enc_get(&all, i);
        if (datum_integer(&d) !=
            (int128)((uint128)c->base + bitpack_get(c->packed, c->n, c->width, i)))
            return false;
    }
    return true;
}

static void check_column(const struct enc_chunk *c, uint64_t *mask, uint64_t *scratch,
                         struct arena *arena)
{
    uint32_t n = c->n < 2048 ? c->n : 2048;
    void *data = arena_zalloc(arena, (size_t)n * phys_width[c->kind]);
    uint32_t first = c->n - n;
    enc_decode(c, first, NULL, n, data);
    uint64_t *valid = enc_validity(c, first, n, arena);
    struct datum some = datum_null((enum phys_kind)c->kind);
    for (uint32_t i = 0; i < n; i++) {
        struct datum d = enc_get(c, first + i), flat = {.kind = c->kind, .dec_scale = c->dec_scale};
        assert(d.null == (valid && !bit_get(valid, i)));
        if (d.null)
            continue;
        memcpy(&flat.u, (char *)data + (size_t)i * phys_width[c->kind], phys_width[c->kind]);
        assert(datum_compare(&d, &flat) == 0);
        some = d;
    }
    if (some.null || c->blobs || !values_fit(c))
        return;
    for (uint8_t op = KV_EQ; op <= KV_IN; op++) {
        struct kv_test t = {.column_id = c->column_id, .op = op, .n_values = 1, .values = &some};
        struct enc_test prepared;
        enc_test_prepare(&prepared, &t, arena);
        memset(mask, 0xff, ((size_t)c->n + 63) / 64 * 8);
        enc_test_filter(&prepared, c, mask, scratch);
        for (uint32_t i = 0; i < n; i++) {
            struct datum d = enc_get(c, first + i);
            assert(bit_get(mask, first + i) == enc_test_match(&prepared, &d));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)sst_bloom_may_have(data, size, 12345);
    struct sst_blob_ref ref;
    (void)sst_blob_ref_read(data, size, &ref);
    struct sst_key_schema *keys = make_keys();
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    struct sst_block *b = sst_block_parse(copy, size, copy, size, keys);
    if (b && b->n_rows <= ROWS_MAX) {
        struct arena arena;
        arena_init(&arena, NULL);
        uint64_t *mask = malloc(((size_t)b->n_rows + 63) / 64 * 8),
                 *scratch = malloc(((size_t)b->n_rows + 63) / 64 * 8);
        for (uint16_t i = 0; i < b->n_cols; i++)
            check_column(&b->cols[i], mask, scratch, &arena);
        struct buf key = {0}, bytes = {0};
        sst_block_key(b, b->n_rows / 2, &key);
        struct sst_probe probe;
        sst_probe_init(&probe, keys, key.data, key.len, &arena);
        uint32_t at = sst_block_seek(b, 0, &probe, &bytes);
        assert(at <= b->n_rows);
        if (at < b->n_rows)
            assert(sst_block_key_end(b, at) > at && sst_block_key_start(b, at) <= at);
        buf_done(&key);
        buf_done(&bytes);
        free(mask);
        free(scratch);
        arena_done(&arena);
    }
    if (b)
        b->cached.destroy(&b->cached);
    free(keys);
    return 0;
}

static void draw_column(struct prng *p, struct enc_build *b, uint32_t i)
{
    struct datum d = {.kind = b->kind, .dec_scale = -1};
    uint64_t r = b->column_id == 2 ? i / 3 : prng_below(p, 1u << prng_below(p, 20));
    d.null = b->column_id == 9 && prng_below(p, 5) == 0;
    if (b->kind == PHYS_BYTES)
        d.u.bytes = view_of("abcdefghijkl", (uint32_t)(r % 13));
    else if (b->kind == PHYS_INT32)
        d.u.i32 = (int32_t)r;
    else if (b->kind == PHYS_FLOAT64)
        d.u.f64 = (double)(r % 7);
    else
        d.u.i64 = (int64_t)r;
    enc_build_put(b, &d);
}

void fuzz_draw(struct prng *p, struct buf *out)
{
    static const struct {
        uint32_t id;
        uint8_t kind;
    } cols[COLS] = {
        {2, PHYS_INT32}, {5, PHYS_BYTES}, {9, PHYS_FLOAT64}, {SST_COLUMN_TS, PHYS_INT64}};
    uint32_t n = 1 + (uint32_t)prng_below(p, 300);
    memset(buf_extend(out, SST_DATA_HEADER_BYTES + COLS * SST_DIR_BYTES), 0,
           SST_DATA_HEADER_BYTES + COLS * SST_DIR_BYTES);
    store_le32(out->data, n);
    store_le16(out->data + 4, COLS);
    for (uint32_t c = 0; c < COLS; c++) {
        struct enc_build b;
        struct enc_dir dir;
        enc_build_init(&b, cols[c].id, cols[c].kind, -1);
        for (uint32_t i = 0; i < n; i++)
            draw_column(p, &b, i);
        enc_build_finish(&b, out, &dir);
        enc_build_done(&b);
        uint8_t *at = out->data + SST_DATA_HEADER_BYTES + c * SST_DIR_BYTES;
        store_le32(at, dir.column_id);
        at[4] = dir.kind;
        at[5] = dir.enc;
        at[6] = dir.width;
        at[7] = dir.flags;
        store_le16(at + 8, (uint16_t)dir.dec_scale);
        store_le32(at + 12, dir.offset);
        store_le32(at + 16, dir.size_bytes);
        store_le32(at + 20, dir.null_count);
        store_le32(at + 24, dir.count);
    }
}
