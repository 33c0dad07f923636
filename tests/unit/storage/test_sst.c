/* Files: long values, versions of one key, damage anywhere in a file, the cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/key.h"
#include "base/prng.h"
#include "storage/sst/sst_bloom.h"
#include "storage/sst/sst_builder.h"
#include "storage/sst/sst_file.h"
#include "tests/support/rt_test.h"

static struct kv_column columns[4] = {{.id = 7, .kind = PHYS_BYTES, .dec_scale = -1},
                                      {.id = 1, .kind = PHYS_INT32, .dec_scale = -1},
                                      {.id = 4, .kind = PHYS_INT64, .dec_scale = -1},
                                      {.id = 9, .kind = PHYS_FLOAT64, .dec_scale = -1}};
static struct kv_key_part key_parts[1] = {{.column = 1}};
static uint32_t groups[1];
static struct kv_schema schema = {.id = 1,
                                  .home = 1,
                                  .version = 1,
                                  .n_columns = 4,
                                  .n_key = 1,
                                  .n_shards = 1,
                                  .groups = groups,
                                  .columns = columns,
                                  .key = key_parts};

static void make_key(int32_t k, struct buf *out)
{
    struct key_part part = {.kind = PHYS_INT32, .dec_scale = -1};
    struct datum d = {.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = k};
    buf_reset(out);
    key_append(out, &part, &d);
}

struct built {
    struct sst_store *store;
    struct sst_file *file;
    struct sst_info info;
    struct arena arena;
};

/* Keys 0, 2, 4 .. with one version at ts 10, every tenth with three (30, 20 deleted, 10). */
static void build(struct task *task, struct built *b, int n, const struct datum *text)
{
    struct err err;
    struct sst_builder *builder;
    struct sst_builder_config config = {
        .schema = &schema, .uid = 99, .generation = 3, .block_bytes = 4096};
    arena_init(&b->arena, NULL);
    rt_ok(sst_builder_open(task, "f.sst", &config, &builder, &err), &err);
    struct buf key = {0};
    uint64_t hash = 0, want = 0;
    for (int i = 0; i < n; i++) {
        make_key(2 * i, &key);
        int versions = i % 10 == 3 ? 3 : 1;
        for (int v = versions; v-- > 0;) {
            struct datum values[4] = {*text,
                                      datum_null(PHYS_INT32),
                                      datum_i64(i * 10 + v),
                                      {.kind = PHYS_FLOAT64, .dec_scale = -1, .u.f64 = i / 4.0}};
            if (i % 5)
                values[0] = datum_bytes("short", 5);
            struct sst_row row = {.key = key.data,
                                  .key_len = (uint32_t)key.len,
                                  .ts = 10 * (uint64_t)(v + 1),
                                  .deleted = v == 1,
                                  .values = v == 1 ? NULL : values};
            if (v == 1) {
                row.moved_to = (const uint8_t *)"elsewhere";
                row.moved_len = 9;
            }
            want += sst_row_hash(&schema, (const bool[]){false, true, false, false}, &row);
            rt_ok(sst_builder_add(task, builder, &row, &err), &err);
        }
    }
    rt_ok(sst_builder_finish(task, builder, &b->arena, &b->info, &hash, &err), &err);
    rt_check(hash == want);
    b->store = sst_store_create(1 << 20, 4);
    b->file = sst_file_create(b->store, "f.sst", b->info.size_bytes, 99, 3);
    buf_done(&key);
}

static void done(struct task *task, struct built *b)
{
    struct err err;
    sst_file_unref(b->file, task->env);
    rt_ok(task_sleep(task, 20000000, &err), &err); /* the descriptor is closed by a job */
    sst_store_destroy(task, b->store);
    arena_done(&b->arena);
}

/* The version of key k at ts: row's number value, -1 deleted, -2 none. An error code when
 * reading failed. */
static int look(struct task *task, struct built *b, int32_t k, hlc_time ts, int64_t *out,
                struct err *err)
{
    struct buf key = {0};
    make_key(k, &key);
    struct sst_found found;
    int code = sst_file_get(task, b->file, key.data, key.len, sst_bloom_hash(key.data, key.len), ts,
                            NULL, &found, err);
    buf_done(&key);
    if (code)
        return code;
    *out = -2;
    if (found.block) {
        *out = sst_block_is_deleted(found.block, found.row)
                   ? -1
                   : enc_get(sst_block_column(found.block, 4), found.row).u.i64;
        sst_cached_unref(&found.block->cached);
    }
    return 0;
}

static int64_t expected(int i, hlc_time ts)
{
    if (ts < 10)
        return -2;
    if (i % 10 != 3)
        return i * 10;
    return ts >= 30 ? i * 10 + 2 : ts >= 20 ? -1 : i * 10;
}

static void body_points(struct task *task, void *arg)
{
    struct err err;
    struct built b;
    struct datum text = datum_bytes("a text of medium size for the column", 36);
    build(task, &b, 3000, &text);
    rt_check(b.info.row_count == 3600 && b.info.key_count == 3000 && b.info.delete_count == 300);
    rt_check(b.info.min_ts == 10 && b.info.max_ts == 30);
    int64_t got;
    for (int i = 0; i < 3000; i++)
        for (hlc_time ts = 5; ts < 40; ts += 10) {
            rt_ok(look(task, &b, 2 * i, ts, &got, &err), &err);
            rt_check(got == expected(i, ts));
            rt_ok(look(task, &b, 2 * i + 1, ts, &got, &err), &err);
            rt_check(got == -2);
        }
    struct sst_info info;
    struct arena arena;
    arena_init(&arena, NULL);
    rt_ok(sst_file_verify(task, b.file, &arena, &info, &err), &err);
    rt_check(info.row_count == b.info.row_count && info.raw_bytes == b.info.raw_bytes);
    arena_done(&arena);
    done(task, &b);
}

/* 50 MB in one column of one row; and many of 3 KB. */
static void body_blobs(struct task *task, void *arg)
{
    struct err err;
    struct built b;
    for (int big = 0; big < 2; big++) {
        uint32_t len = big ? 50 << 20 : 3000;
        uint8_t *data = malloc(len);
        for (uint32_t i = 0; i < len; i++)
            data[i] = (uint8_t)(i * 2654435761u >> 13);
        struct datum text = datum_bytes(data, len);
        build(task, &b, big ? 1 : 40, &text);
        struct buf key = {0};
        make_key(0, &key);
        struct sst_found found;
        rt_ok(sst_file_get(task, b.file, key.data, key.len, sst_bloom_hash(key.data, key.len), 10,
                           NULL, &found, &err),
              &err);
        rt_check(found.block != NULL);
        const struct enc_chunk *c = sst_block_column(found.block, 7);
        rt_check(enc_is_blob(c, found.row));
        struct datum ref = enc_get(c, found.row);
        struct arena arena;
        struct bytes_view view;
        arena_init(&arena, NULL);
        rt_ok(sst_file_blob(task, b.file, &ref, &arena, NULL, &view, &err), &err);
        rt_check(view.len == len && memcmp(view_data(&view), data, len) == 0);
        sst_cached_unref(&found.block->cached);
        arena_done(&arena);
        buf_done(&key);
        done(task, &b);
        free(data);
    }
}

static void overwrite(struct task *task, uint64_t at, uint8_t byte)
{
    struct err err;
    struct file *f;
    enum fs_result result;
    rt_ok(file_open(task, "f.sst", FILE_READ | FILE_WRITE, &result, &f, &err), &err);
    rt_ok(file_pwrite(task, f, &byte, 1, at, &err), &err);
    file_close(task, f);
}

/* Any flipped bit: reads answer right or refuse. */
static void body_damage(struct task *task, void *arg)
{
    struct err err;
    struct built b;
    struct prng p;
    prng_init(&p, 4);
    uint8_t *big = calloc(1, 3000);
    struct datum text = datum_bytes(big, 3000);
    build(task, &b, 200, &text);
    uint8_t *data = malloc(b.info.size_bytes);
    size_t got_bytes;
    rt_ok(sst_file_pread(task, b.file, data, b.info.size_bytes, 0, &got_bytes, &err), &err);
    uint32_t refused = 0;
    for (int round = 0; round < 300; round++) {
        uint64_t at = prng_below(&p, b.info.size_bytes);
        overwrite(task, at, (uint8_t)(data[at] ^ 1 << prng_below(&p, 8)));
        struct built again = {.store = sst_store_create(1 << 20, 4)};
        again.file = sst_file_create(again.store, "f.sst", b.info.size_bytes, 99, 3);
        arena_init(&again.arena, NULL);
        bool bad = false;
        for (int i = 0; i < 200; i += 3) {
            int64_t got = 0;
            int code = look(task, &again, 2 * i, 30, &got, &err);
            rt_check(code == 0 ? got == expected(i, 30) : code == ERR_DATA_CORRUPTED);
            bad |= code != 0;
        }
        struct sst_info info;
        int code = sst_file_verify(task, again.file, &again.arena, &info, &err);
        rt_check(code == 0 || code == ERR_DATA_CORRUPTED);
        rt_check(!bad || code != 0);
        refused += code != 0;
        overwrite(task, at, data[at]);
        sst_file_unref(again.file, task->env);
        sst_store_destroy(task, again.store);
        arena_done(&again.arena);
    }
    /* What no checksum covers is the file header (checked on ingest) and padding. */
    rt_check(refused > 250);
    /* Another uid or generation is another file. */
    struct built other = {.store = sst_store_create(1 << 20, 4)};
    other.file = sst_file_create(other.store, "f.sst", b.info.size_bytes, 98, 3);
    int64_t got;
    rt_check(look(task, &other, 0, 30, &got, &err) == ERR_DATA_CORRUPTED);
    sst_file_unref(other.file, task->env);
    sst_store_destroy(task, other.store);
    free(data);
    free(big);
    done(task, &b);
}

/* ---- the cache ---- */

struct thing {
    struct sst_cached cached;
};
static int things;
static void destroy_thing(struct sst_cached *c)
{
    things--;
    free(container_of(c, struct thing, cached));
}
static struct sst_cached *make_thing(uint64_t file, uint64_t offset, size_t size)
{
    struct thing *t = calloc(1, sizeof *t);
    t->cached = (struct sst_cached){
        .file = file, .offset = offset, .size_bytes = size, .destroy = destroy_thing};
    things++;
    return &t->cached;
}

static void test_cache(void **state)
{
    struct sst_cache *cache = sst_cache_create(16 * 64 * 100);
    /* A working set that is asked for again survives a long scan. */
    for (int round = 0; round < 4; round++)
        for (uint64_t i = 0; i < 200; i++) {
            struct sst_cached *c = sst_cache_get(cache, 1, i);
            if (!c)
                c = sst_cache_put(cache, make_thing(1, i, 100));
            sst_cached_unref(c);
        }
    for (uint64_t i = 0; i < 20000; i++)
        sst_cached_unref(sst_cache_put(cache, make_thing(2, i, 100)));
    int kept = 0;
    for (uint64_t i = 0; i < 200; i++) {
        struct sst_cached *c = sst_cache_get(cache, 1, i);
        kept += c != NULL;
        sst_cached_unref(c);
    }
    assert_true(kept > 150);
    struct sst_cache_stats stats;
    sst_cache_stats_get(cache, &stats);
    assert_true(stats.bytes <= 16 * 64 * 100);
    assert_int_equal(stats.entries, things);
    /* Pinned entries stay, whatever the bound; the slower of two loaders gets the faster one's. */
    struct sst_cached *pinned = sst_cache_put(cache, make_thing(3, 1, 100));
    assert_ptr_equal(sst_cache_put(cache, make_thing(3, 1, 100)), pinned);
    sst_cached_unref(pinned);
    for (uint64_t i = 0; i < 20000; i++)
        sst_cached_unref(sst_cache_put(cache, make_thing(4, i, 100)));
    struct sst_cached *again = sst_cache_get(cache, 3, 1);
    assert_ptr_equal(again, pinned);
    sst_cached_unref(again);
    sst_cache_drop_file(cache, 3);
    assert_null(sst_cache_get(cache, 3, 1));
    sst_cached_unref(pinned);
    sst_cache_destroy(cache);
    assert_int_equal(things, 0);
}

static void test_bloom(void **state)
{
    struct buf body = {0};
    uint64_t hashes[5000];
    for (uint64_t i = 0; i < 5000; i++)
        hashes[i] = sst_bloom_hash(&i, sizeof i);
    sst_bloom_write(hashes, 5000, &body);
    int wrong = 0;
    for (uint64_t i = 0; i < 5000; i++)
        assert_true(sst_bloom_may_have(body.data, body.len, hashes[i]));
    for (uint64_t i = 5000; i < 25000; i++)
        wrong += sst_bloom_may_have(body.data, body.len, sst_bloom_hash(&i, sizeof i));
    assert_true(wrong < 20000 / 30);
    assert_true(sst_bloom_may_have(body.data, 7, 1));
    buf_done(&body);
}

static void test_points(void **state)
{
    rt_test_run(body_points, NULL);
}
static void test_blobs(void **state)
{
    rt_test_run(body_blobs, NULL);
}
static void test_damage(void **state)
{
    rt_test_run(body_damage, NULL);
}

int main(void)
{
    for (int i = 0; i < 4; i++)
        columns[i].absent = datum_null((enum phys_kind)columns[i].kind);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bloom), cmocka_unit_test(test_cache),  cmocka_unit_test(test_points),
        cmocka_unit_test(test_blobs), cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
