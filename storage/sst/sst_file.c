#include "storage/sst/sst_file.h"

#include <assert.h>
#include <stdlib.h>

#include "base/crc32c.h"
#include "base/lock.h"
#include "storage/sst/sst_bloom.h"

struct sst_store {
    struct lock lock;
    struct list open; /* files with a descriptor, least recently used first */
    uint32_t open_count, open_max;
    struct sst_cache *cache;
    _Atomic uint64_t next_id;
    _Atomic uint64_t corrupt_blocks, bytes_read;
};

struct sst_file {
    _Atomic uint32_t refs;
    struct sst_store *store;
    uint64_t id; /* in the cache */
    char *path;
    uint64_t size_bytes, uid;
    uint32_t generation;
    _Atomic bool obsolete;

    /* under the store's lock */
    struct file *fd;
    uint32_t fd_users;
    struct list_node link;

    /* loaded on first touch, published by `keys` (release) */
    struct lock load_lock;
    struct sst_footer footer;
    struct sst_key_schema *_Atomic keys;
    struct sst_info props; /* keys: malloc'ed */
};

/* ---- the store ---- */

struct sst_store *sst_store_create(uint64_t cache_bytes_max, uint32_t open_files_max)
{
    struct sst_store *store = calloc(1, sizeof *store);
    assert(store);
    lock_init(&store->lock);
    list_init(&store->open);
    store->open_max = open_files_max;
    store->cache = sst_cache_create(cache_bytes_max);
    return store;
}

void sst_store_destroy(struct task *task, struct sst_store *store)
{
    assert(list_is_empty(&store->open));
    sst_cache_destroy(store->cache);
    lock_done(&store->lock);
    free(store);
}

void sst_store_stats_get(struct sst_store *store, struct sst_store_stats *out)
{
    sst_cache_stats_get(store->cache, &out->cache);
    lock_take(&store->lock);
    out->open_files = store->open_count;
    lock_give(&store->lock);
    out->corrupt_blocks = atomic_load(&store->corrupt_blocks);
    out->bytes_read = atomic_load(&store->bytes_read);
}

/* ---- files and their descriptors ---- */

struct sst_file *sst_file_create(struct sst_store *store, const char *path, uint64_t size_bytes,
                                 uint64_t uid, uint32_t generation)
{
    struct sst_file *f = calloc(1, sizeof *f);
    assert(f);
    atomic_init(&f->refs, 1);
    f->store = store;
    f->id = 1 + atomic_fetch_add(&store->next_id, 1);
    f->path = strdup(path);
    assert(f->path);
    f->size_bytes = size_bytes;
    f->uid = uid;
    f->generation = generation;
    lock_init(&f->load_lock);
    return f;
}

void sst_file_ref(struct sst_file *f)
{
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
}

void sst_file_mark_obsolete(struct sst_file *f)
{
    atomic_store(&f->obsolete, true);
}

static void free_file(struct task *task, void *arg)
{
    struct sst_file *f = arg;
    if (f->fd)
        file_close(task, f->fd);
    if (atomic_load(&f->obsolete)) {
        /* What cannot be removed now is an orphan, removed at the next start. */
        enum fs_result result;
        struct err err;
        (void)!fs_unlink(task, f->path, &result, &err);
    }
    lock_done(&f->load_lock);
    free(atomic_load(&f->keys));
    free((void *)(uintptr_t)f->props.min_key);
    free((void *)(uintptr_t)f->props.max_key);
    free(f->path);
    free(f);
}

void sst_file_unref(struct sst_file *f, struct env *env)
{
    if (atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
        return;
    sst_cache_drop_file(f->store->cache, f->id);
    lock_take(&f->store->lock);
    if (f->fd) {
        list_remove(&f->link);
        f->store->open_count--;
    }
    lock_give(&f->store->lock);
    if (f->fd || atomic_load(&f->obsolete))
        job_post(env, free_file, f);
    else
        free_file(NULL, f);
}

/* Takes the descriptor least recently used out of the table; closed by the caller, outside of
 * the lock. */
static struct file *pick_surplus(struct sst_store *store)
{
    if (store->open_count <= store->open_max)
        return NULL;
    list_each(struct sst_file, f, &store->open, link)
    {
        if (f->fd_users)
            continue;
        struct file *fd = f->fd;
        f->fd = NULL;
        list_remove(&f->link);
        store->open_count--;
        return fd;
    }
    return NULL;
}

static void use_fd(struct sst_file *f)
{
    f->fd_users++;
    list_remove(&f->link);
    list_push_back(&f->store->open, &f->link);
}

static int take_fd(struct task *task, struct sst_file *f, struct file **out, struct err *err)
{
    struct sst_store *store = f->store;
    lock_take(&store->lock);
    if (f->fd)
        use_fd(f);
    struct file *fd = f->fd;
    lock_give(&store->lock);
    if (fd) {
        *out = fd;
        return 0;
    }
    enum fs_result result;
    int code = file_open(task, f->path, FILE_READ, &result, &fd, err);
    if (code)
        return code;
    if (result != FS_OK)
        return err_set(err, ERR_DATA_CORRUPTED, "file \"%s\" is missing", f->path);
    struct file *surplus = NULL;
    lock_take(&store->lock);
    if (f->fd) {
        surplus = fd; /* somebody was faster */
    } else {
        f->fd = fd;
        store->open_count++;
    }
    use_fd(f);
    fd = f->fd;
    if (!surplus)
        surplus = pick_surplus(store);
    lock_give(&store->lock);
    if (surplus)
        file_close(task, surplus);
    *out = fd;
    return 0;
}

static void give_fd(struct sst_file *f)
{
    lock_take(&f->store->lock);
    f->fd_users--;
    lock_give(&f->store->lock);
}

int sst_file_pread(struct task *task, struct sst_file *f, void *out, size_t len, uint64_t at,
                   size_t *got, struct err *err)
{
    struct file *fd = NULL;
    int code = take_fd(task, f, &fd, err);
    if (code)
        return code;
    code = file_pread(task, fd, out, len, at, got, err);
    give_fd(f);
    return code;
}

static int damaged(struct sst_file *f, uint64_t offset, struct err *err)
{
    atomic_fetch_add(&f->store->corrupt_blocks, 1);
    return err_set(err, ERR_DATA_CORRUPTED, "block at offset %llu of file \"%s\" is damaged",
                   (unsigned long long)offset, f->path);
}

/* Reads and verifies a block; *data is malloc'ed. */
static int read_block(struct task *task, struct sst_file *f, struct sst_extent e, uint8_t type,
                      struct sst_reads *reads, uint8_t **data, const uint8_t **body,
                      size_t *body_len, struct err *err)
{
    if (e.offset > f->size_bytes || e.size > f->size_bytes - e.offset)
        return damaged(f, e.offset, err);
    uint8_t *bytes = malloc(e.size ? e.size : 1);
    assert(bytes);
    size_t got = 0;
    int code = sst_file_pread(task, f, bytes, e.size, e.offset, &got, err);
    struct sst_place place = {f->uid, e.offset, f->generation};
    if (code == 0 && (got != e.size || !sst_block_check(bytes, got, type, &place, body, body_len)))
        code = damaged(f, e.offset, err);
    if (code) {
        free(bytes);
        return code;
    }
    atomic_fetch_add_explicit(&f->store->bytes_read, got, memory_order_relaxed);
    if (reads) {
        reads->blocks_from_disk++;
        reads->bytes_from_disk += got;
    }
    *data = bytes;
    return 0;
}

/* ---- footer and properties ---- */

static uint8_t *copy_bytes(const uint8_t *data, size_t len)
{
    uint8_t *out = malloc(len ? len : 1);
    assert(out);
    if (len)
        memcpy(out, data, len);
    return out;
}

static struct sst_key_schema *parse_key_parts(struct buf_reader *in)
{
    uint64_t n = buf_take_varint(in);
    if (in->bad || n == 0 || n > SST_KEY_PARTS_MAX)
        return NULL;
    struct sst_key_schema *keys = calloc(1, sizeof *keys + n * sizeof keys->parts[0]);
    assert(keys);
    keys->n_parts = (uint16_t)n;
    for (uint64_t i = 0; i < n; i++) {
        keys->parts[i].column_id = (uint32_t)buf_take_varint(in);
        uint64_t flags = buf_take_varint(in);
        keys->parts[i].part = (struct key_part){.desc = flags & 1, .nulls_first = flags >> 1 & 1};
        keys->parts[i].part.kind = (uint8_t)buf_take_varint(in);
        keys->parts[i].part.dec_scale = (int16_t)((int64_t)buf_take_varint(in) - 1);
        if (keys->parts[i].part.kind < PHYS_BOOL || keys->parts[i].part.kind >= PHYS_KIND_COUNT)
            in->bad = true;
    }
    if (in->bad) {
        free(keys);
        return NULL;
    }
    return keys;
}

static struct sst_key_schema *parse_props(struct sst_file *f, const uint8_t *body, size_t len)
{
    struct buf_reader in = buf_reader_of(body, len);
    struct sst_info info = {
        .uid = f->uid, .generation = f->generation, .size_bytes = f->size_bytes};
    info.row_count = buf_take_varint(&in);
    info.key_count = buf_take_varint(&in);
    info.delete_count = buf_take_varint(&in);
    info.raw_bytes = buf_take_varint(&in);
    info.min_ts = buf_take_le64(&in);
    info.max_ts = buf_take_le64(&in);
    size_t min_len = 0, max_len = 0;
    const uint8_t *min = buf_take_sized(&in, &min_len), *max = buf_take_sized(&in, &max_len);
    uint64_t n_cols = buf_take_varint(&in);
    for (uint64_t i = 0; i < n_cols && !in.bad; i++)
        for (int k = 0; k < 3; k++)
            (void)buf_take_varint(&in);
    struct sst_key_schema *keys = parse_key_parts(&in);
    if (!keys)
        return NULL;
    info.min_key = copy_bytes(min, min_len);
    info.max_key = copy_bytes(max, max_len);
    info.min_key_len = (uint32_t)min_len;
    info.max_key_len = (uint32_t)max_len;
    f->props = info;
    return keys;
}

static int load_footer(struct task *task, struct sst_file *f, struct sst_footer *footer,
                       struct err *err)
{
    uint8_t bytes[SST_FOOTER_BYTES];
    size_t got = 0;
    if (f->size_bytes < SST_HEADER_BYTES + SST_FOOTER_BYTES)
        return damaged(f, 0, err);
    uint64_t at = f->size_bytes - SST_FOOTER_BYTES;
    int code = sst_file_pread(task, f, bytes, sizeof bytes, at, &got, err);
    if (code)
        return code;
    if (got != sizeof bytes || !sst_footer_read(bytes, footer) || footer->uid != f->uid ||
        footer->generation != f->generation)
        return damaged(f, at, err);
    return 0;
}

/* Makes footer and key parts known. Two may load at once; the second result is thrown away. */
static int need_footer(struct task *task, struct sst_file *f, struct err *err)
{
    if (atomic_load_explicit(&f->keys, memory_order_acquire))
        return 0;
    struct sst_footer footer;
    int code = load_footer(task, f, &footer, err);
    if (code)
        return code;
    uint8_t *data = NULL;
    const uint8_t *body = NULL;
    size_t len = 0;
    code = read_block(task, f, footer.props, SST_BLOCK_PROPS, NULL, &data, &body, &len, err);
    if (code)
        return code;
    lock_take(&f->load_lock);
    if (!atomic_load(&f->keys)) {
        struct sst_key_schema *keys = parse_props(f, body, len);
        f->footer = footer;
        atomic_store_explicit(&f->keys, keys, memory_order_release);
    }
    bool ok = atomic_load(&f->keys) != NULL;
    lock_give(&f->load_lock);
    free(data);
    return ok ? 0 : damaged(f, footer.props.offset, err);
}

/* ---- index, zones, filter ---- */

static void destroy_index(struct sst_cached *cached)
{
    struct sst_index *x = container_of(cached, struct sst_index, cached);
    free(x->data);
    free(x);
}

static bool check_index(const struct sst_file *f, const uint8_t *body, size_t len, uint32_t *n)
{
    if (len < 8)
        return false;
    *n = load_le32(body);
    if ((len - 8) / SST_INDEX_ENTRY_BYTES < *n)
        return false;
    for (uint32_t i = 0; i < *n; i++) {
        const uint8_t *e = body + 8 + (size_t)i * SST_INDEX_ENTRY_BYTES;
        uint64_t place = load_le32(e + 36), first = load_le32(e + 40), last = load_le32(e + 44);
        if (place + first + last > len || load_le64(e) > f->size_bytes || load_le32(e + 12) == 0)
            return false;
    }
    return true;
}

int sst_file_index(struct task *task, struct sst_file *f, struct sst_reads *reads,
                   struct sst_index **out, struct err *err)
{
    int code = need_footer(task, f, err);
    if (code)
        return code;
    struct sst_cached *c = sst_cache_get(f->store->cache, f->id, f->footer.index.offset);
    if (c) {
        *out = container_of(c, struct sst_index, cached);
        return 0;
    }
    uint8_t *data = NULL;
    const uint8_t *body = NULL;
    size_t len = 0;
    code = read_block(task, f, f->footer.index, SST_BLOCK_INDEX, reads, &data, &body, &len, err);
    if (code)
        return code;
    struct sst_index *x = calloc(1, sizeof *x);
    assert(x);
    x->data = data;
    x->body = body;
    x->cached.destroy = destroy_index;
    x->cached.file = f->id;
    x->cached.offset = f->footer.index.offset;
    x->cached.size_bytes = f->footer.index.size + sizeof *x;
    if (!check_index(f, body, len, &x->n_blocks)) {
        destroy_index(&x->cached);
        return damaged(f, f->footer.index.offset, err);
    }
    *out = container_of(sst_cache_put(f->store->cache, &x->cached), struct sst_index, cached);
    return 0;
}

struct sst_index_entry sst_index_get(const struct sst_index *index, uint32_t i)
{
    const uint8_t *e = index->body + 8 + (size_t)i * SST_INDEX_ENTRY_BYTES;
    struct sst_index_entry x = {.offset = load_le64(e),
                                .size = load_le32(e + 8),
                                .rows = load_le32(e + 12),
                                .min_ts = load_le64(e + 16),
                                .max_ts = load_le64(e + 24),
                                .flags = load_le32(e + 32),
                                .first_len = load_le32(e + 40),
                                .last_len = load_le32(e + 44)};
    x.first_key = index->body + load_le32(e + 36);
    x.last_key = x.first_key + x.first_len;
    return x;
}

uint32_t sst_index_seek(const struct sst_index *index, const void *key, size_t len)
{
    uint32_t lo = 0, hi = index->n_blocks;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        struct sst_index_entry e = sst_index_get(index, mid);
        if (key_compare(e.last_key, e.last_len, key, len) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void destroy_zones(struct sst_cached *cached)
{
    struct sst_zones *z = container_of(cached, struct sst_zones, cached);
    free(z->data);
    free(z);
}

static size_t zone_stride(uint32_t n_blocks)
{
    return 8 + (size_t)n_blocks * SST_ZONE_BYTES;
}

int sst_file_zones(struct task *task, struct sst_file *f, struct sst_reads *reads,
                   struct sst_zones **out, struct err *err)
{
    int code = need_footer(task, f, err);
    if (code)
        return code;
    struct sst_cached *c = sst_cache_get(f->store->cache, f->id, f->footer.zones.offset);
    if (c) {
        *out = container_of(c, struct sst_zones, cached);
        return 0;
    }
    uint8_t *data = NULL;
    const uint8_t *body = NULL;
    size_t len = 0;
    code = read_block(task, f, f->footer.zones, SST_BLOCK_ZONES, reads, &data, &body, &len, err);
    if (code)
        return code;
    struct sst_zones *z = calloc(1, sizeof *z);
    assert(z);
    z->data = data;
    z->body = body;
    z->cached.destroy = destroy_zones;
    z->cached.file = f->id;
    z->cached.offset = f->footer.zones.offset;
    z->cached.size_bytes = f->footer.zones.size + sizeof *z;
    if (len >= 8) {
        z->n_cols = load_le32(body);
        z->n_blocks = load_le32(body + 4);
    }
    if (len < 8 || (len - 8) / zone_stride(z->n_blocks) < z->n_cols) {
        destroy_zones(&z->cached);
        return damaged(f, f->footer.zones.offset, err);
    }
    *out = container_of(sst_cache_put(f->store->cache, &z->cached), struct sst_zones, cached);
    return 0;
}

static struct datum zone_value(uint8_t kind, const uint8_t *at)
{
    if (phys_is_integer(kind))
        return enc_integer_datum(kind, -1,
                                 (int128)((uint128)load_le64(at + 8) << 64 | load_le64(at)));
    struct datum d = {.kind = kind, .dec_scale = -1};
    if (kind == PHYS_BYTES)
        d.u.bytes = view_of(at + 1, at[0] <= SST_ZONE_PREFIX_BYTES ? at[0] : 0);
    else if (kind < PHYS_KIND_COUNT)
        memcpy(&d.u, at, phys_width[kind]);
    return d;
}

bool sst_zones_get(const struct sst_zones *zones, uint32_t column_id, uint32_t block,
                   uint32_t *nulls, bool *has, struct datum *min, struct datum *max)
{
    uint32_t lo = 0, hi = zones->n_cols;
    size_t stride = zone_stride(zones->n_blocks);
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (load_le32(zones->body + 8 + mid * stride) < column_id)
            lo = mid + 1;
        else
            hi = mid;
    }
    const uint8_t *col = zones->body + 8 + lo * stride;
    if (lo >= zones->n_cols || load_le32(col) != column_id || block >= zones->n_blocks)
        return false;
    uint8_t kind = col[4];
    const uint8_t *z = col + 8 + (size_t)block * SST_ZONE_BYTES;
    *nulls = load_le32(z);
    *has = (z[4] & 1) != 0;
    if (*has) {
        *min = zone_value(kind, z + 8);
        *max = zone_value(kind, z + 24);
    }
    return true;
}

struct filter {
    struct sst_cached cached;
    const uint8_t *body;
    size_t len;
    uint8_t *data;
};

static void destroy_filter(struct sst_cached *cached)
{
    struct filter *x = container_of(cached, struct filter, cached);
    free(x->data);
    free(x);
}

int sst_file_may_have(struct task *task, struct sst_file *f, uint64_t hash, struct sst_reads *reads,
                      bool *may, struct err *err)
{
    int code = need_footer(task, f, err);
    if (code)
        return code;
    struct sst_cached *c = sst_cache_get(f->store->cache, f->id, f->footer.filter.offset);
    if (!c) {
        uint8_t *data = NULL;
        const uint8_t *body = NULL;
        size_t len = 0;
        code =
            read_block(task, f, f->footer.filter, SST_BLOCK_FILTER, reads, &data, &body, &len, err);
        if (code)
            return code;
        struct filter *x = calloc(1, sizeof *x);
        assert(x);
        *x = (struct filter){.body = body, .len = len, .data = data};
        x->cached.destroy = destroy_filter;
        x->cached.file = f->id;
        x->cached.offset = f->footer.filter.offset;
        x->cached.size_bytes = f->footer.filter.size + sizeof *x;
        c = sst_cache_put(f->store->cache, &x->cached);
    }
    struct filter *x = container_of(c, struct filter, cached);
    *may = sst_bloom_may_have(x->body, x->len, hash);
    sst_cached_unref(c);
    return 0;
}

/* ---- data blocks ---- */

int sst_file_block_uncached(struct task *task, struct sst_file *f,
                            const struct sst_index_entry *entry, struct sst_block **out,
                            struct err *err)
{
    uint8_t *data = NULL;
    const uint8_t *body = NULL;
    size_t len = 0;
    struct sst_extent e = {entry->offset, entry->size};
    int code = read_block(task, f, e, SST_BLOCK_DATA, NULL, &data, &body, &len, err);
    if (code)
        return code;
    struct sst_block *b = sst_block_parse(data, entry->size, body, len, atomic_load(&f->keys));
    if (!b)
        return damaged(f, entry->offset, err);
    atomic_store(&b->cached.refs, 1);
    b->cached.file = f->id;
    b->cached.offset = entry->offset;
    *out = b;
    return 0;
}

int sst_file_block(struct task *task, struct sst_file *f, const struct sst_index_entry *entry,
                   struct sst_reads *reads, struct sst_block **out, struct err *err)
{
    struct sst_cached *c = sst_cache_get(f->store->cache, f->id, entry->offset);
    if (reads)
        reads->blocks++;
    if (!c) {
        struct sst_block *b = NULL;
        int code = sst_file_block_uncached(task, f, entry, &b, err);
        if (code)
            return code;
        if (reads) {
            reads->blocks_from_disk++;
            reads->bytes_from_disk += entry->size;
        }
        c = sst_cache_put(f->store->cache, &b->cached);
    }
    *out = container_of(c, struct sst_block, cached);
    return 0;
}

struct sst_cached *sst_file_cached(struct sst_file *f, uint64_t offset)
{
    return sst_cache_get(f->store->cache, f->id, offset);
}

/* ---- points ---- */

static bool find_version(struct sst_block *b, const void *key, size_t len, hlc_time ts,
                         uint32_t *row)
{
    struct arena arena;
    arena_init(&arena, NULL);
    struct sst_probe probe;
    struct buf scratch = {0};
    sst_probe_init(&probe, b->keys, key, len, &arena);
    uint32_t at = sst_block_seek(b, 0, &probe, &scratch);
    bool found = false;
    if (at < b->n_rows && sst_block_compare(b, at, &probe, &scratch) == 0) {
        uint32_t end = sst_block_key_end(b, at);
        while (at < end && sst_block_ts(b, at) > ts)
            at++;
        found = at < end;
    }
    buf_done(&scratch);
    arena_done(&arena);
    *row = at;
    return found;
}

int sst_file_get(struct task *task, struct sst_file *f, const void *key, size_t len, uint64_t hash,
                 hlc_time ts, struct sst_reads *reads, struct sst_found *out, struct err *err)
{
    *out = (struct sst_found){0};
    bool may = false;
    int code = sst_file_may_have(task, f, hash, reads, &may, err);
    if (code || !may)
        return code;
    struct sst_index *index = NULL;
    code = sst_file_index(task, f, reads, &index, err);
    if (code)
        return code;
    uint32_t i = sst_index_seek(index, key, len);
    struct sst_block *b = NULL;
    if (i < index->n_blocks) {
        struct sst_index_entry e = sst_index_get(index, i);
        if (key_compare(e.first_key, e.first_len, key, len) <= 0 && e.min_ts <= ts)
            code = sst_file_block(task, f, &e, reads, &b, err);
    }
    sst_cached_unref(&index->cached);
    if (code || !b)
        return code;
    uint32_t row = 0;
    if (find_version(b, key, len, ts, &row))
        *out = (struct sst_found){b, row};
    else
        sst_cached_unref(&b->cached);
    return 0;
}

bool sst_file_get_now(struct sst_file *f, const void *key, size_t len, uint64_t hash, hlc_time ts,
                      struct sst_found *out)
{
    *out = (struct sst_found){0};
    if (!atomic_load_explicit(&f->keys, memory_order_acquire))
        return false;
    struct sst_cached *c = sst_file_cached(f, f->footer.filter.offset);
    if (c) {
        struct filter *x = container_of(c, struct filter, cached);
        bool may = sst_bloom_may_have(x->body, x->len, hash);
        sst_cached_unref(c);
        if (!may)
            return true;
    }
    c = sst_file_cached(f, f->footer.index.offset);
    if (!c)
        return false;
    struct sst_index *index = container_of(c, struct sst_index, cached);
    uint32_t i = sst_index_seek(index, key, len);
    bool none = i >= index->n_blocks;
    struct sst_cached *block = NULL;
    if (!none) {
        struct sst_index_entry e = sst_index_get(index, i);
        none = key_compare(e.first_key, e.first_len, key, len) > 0 || e.min_ts > ts;
        block = none ? NULL : sst_file_cached(f, e.offset);
    }
    sst_cached_unref(c);
    if (!block)
        return none;
    struct sst_block *b = container_of(block, struct sst_block, cached);
    uint32_t row = 0;
    if (find_version(b, key, len, ts, &row))
        *out = (struct sst_found){b, row};
    else
        sst_cached_unref(block);
    return true;
}

/* ---- long values ---- */

int sst_file_blob(struct task *task, struct sst_file *f, const struct datum *ref_datum,
                  struct arena *arena, struct sst_reads *reads, struct bytes_view *out,
                  struct err *err)
{
    struct sst_blob_ref ref;
    if (!sst_blob_ref_read(view_data(&ref_datum->u.bytes), ref_datum->u.bytes.len, &ref) ||
        ref.len > f->size_bytes)
        return damaged(f, 0, err);
    uint8_t *data = arena_try_alloc(arena, ref.len);
    if (!data)
        return err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    uint64_t at = ref.offset, done = 0;
    while (done < ref.len) {
        uint64_t n = ref.len - done < SST_BLOB_CHUNK_BYTES ? ref.len - done : SST_BLOB_CHUNK_BYTES;
        struct sst_extent e = {at, (SST_BLOCK_HEADER_BYTES + n + 7) & ~(uint64_t)7};
        uint8_t *block = NULL;
        const uint8_t *body = NULL;
        size_t len = 0;
        int code = read_block(task, f, e, SST_BLOCK_BLOB, reads, &block, &body, &len, err);
        if (code)
            return code;
        if (len != n) {
            free(block);
            return damaged(f, at, err);
        }
        memcpy(data + done, body, n);
        free(block);
        done += n;
        at += e.size;
    }
    if (crc32c(0, data, ref.len) != ref.crc)
        return damaged(f, ref.offset, err);
    *out = view_of(data, (uint32_t)ref.len);
    return 0;
}

/* ---- verification of a whole file ---- */

static int verify_blobs(struct task *task, struct sst_file *f, const struct sst_block *b,
                        struct err *err)
{
    for (uint16_t c = 0; c < b->n_cols; c++) {
        for (uint32_t row = 0; b->cols[c].blobs && row < b->n_rows; row++) {
            if (!enc_is_blob(&b->cols[c], row))
                continue;
            struct arena arena;
            arena_init(&arena, NULL);
            struct datum ref = enc_get(&b->cols[c], row);
            struct bytes_view value;
            int code = sst_file_blob(task, f, &ref, &arena, NULL, &value, err);
            arena_done(&arena);
            if (code)
                return code;
        }
    }
    return 0;
}

static int verify_blocks(struct task *task, struct sst_file *f, struct sst_index *index,
                         uint64_t *rows, struct err *err)
{
    for (uint32_t i = 0; i < index->n_blocks; i++) {
        struct sst_index_entry e = sst_index_get(index, i);
        struct sst_block *b = NULL;
        int code = sst_file_block_uncached(task, f, &e, &b, err);
        if (code)
            return code;
        *rows += b->n_rows;
        code = verify_blobs(task, f, b, err);
        sst_cached_unref(&b->cached);
        if (code)
            return code;
        if (task->core)
            task_yield(task);
    }
    return 0;
}

int sst_file_verify(struct task *task, struct sst_file *f, struct arena *arena,
                    struct sst_info *info, struct err *err)
{
    struct sst_index *index = NULL;
    int code = sst_file_index(task, f, NULL, &index, err);
    if (code)
        return code;
    uint64_t rows = 0;
    code = verify_blocks(task, f, index, &rows, err);
    sst_cached_unref(&index->cached);
    struct sst_zones *zones = NULL;
    if (code == 0)
        code = sst_file_zones(task, f, NULL, &zones, err);
    if (code)
        return code;
    sst_cached_unref(&zones->cached);
    bool may;
    code = sst_file_may_have(task, f, 0, NULL, &may, err);
    if (code == 0 && rows != f->props.row_count)
        code = damaged(f, f->footer.index.offset, err);
    if (code)
        return code;
    *info = f->props;
    info->min_key = arena_memdup(arena, f->props.min_key, f->props.min_key_len);
    info->max_key = arena_memdup(arena, f->props.max_key, f->props.max_key_len);
    return 0;
}
