#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/hash.h"
#include "base/sort.h"
#include "tests/sim/env_sim_int.h"

enum { SECTOR = 512, CHUNK = 64 * 1024, PATH_MAX_BYTES = 512 };

static const uint64_t FREE_SPACE_BYTES = UINT64_C(64) << 30;

/* Bytes of a file, in chunks; chunks never written are absent and read as zeros. */
struct image {
    uint8_t **chunks;
    size_t chunk_count;
    uint64_t size;
};

/* A sector written since the last sync: what a crash may also leave there. */
struct dirty {
    uint64_t seq;  /* of the last write */
    uint8_t *prev; /* written more than once: one of the versions in between */
};

struct sim_inode {
    uint32_t refs; /* names (visible, durable), journal entries, open files */
    bool is_dir;
    struct image seen, durable;
    struct intmap dirty; /* sector + 1 -> struct dirty */
    uint64_t write_seq;
    uint64_t modified_us;
    bool locked;
};

struct sim_name {
    char *path;
    struct sim_inode *inode;
};

enum name_op { NAME_ADD, NAME_REMOVE, NAME_RENAME };

/* A change of a directory that is not durable yet. */
struct sim_name_op {
    struct list_node link;
    uint64_t seq;
    enum name_op op;
    char *dir;
    char *path, *path2;
    struct sim_inode *inode;
};

struct sim_file {
    struct file file;
    struct sim_node *node;
    struct sim_inode *inode;
    struct list_node link;
    unsigned flags;
    bool is_lock;
    char *path;
};

static struct sim_file *file_of(struct file *file)
{
    return container_of(file, struct sim_file, file);
}

static void *must_zalloc(size_t bytes)
{
    void *p = calloc(1, bytes);
    if (!p)
        abort();
    return p;
}

/* ---- images ---- */

static uint8_t *chunk_at(struct image *im, size_t c, bool make)
{
    if (c >= im->chunk_count) {
        if (!make)
            return NULL;
        im->chunks = realloc(im->chunks, (c + 1) * sizeof *im->chunks);
        if (!im->chunks)
            abort();
        memset(im->chunks + im->chunk_count, 0, (c + 1 - im->chunk_count) * sizeof *im->chunks);
        im->chunk_count = c + 1;
    }
    if (!im->chunks[c] && make)
        im->chunks[c] = must_zalloc(CHUNK);
    return im->chunks[c];
}

static void image_put(struct image *im, uint64_t at, const uint8_t *data, size_t len)
{
    while (len) {
        size_t off = at % CHUNK;
        size_t n = CHUNK - off < len ? CHUNK - off : len;
        memcpy(chunk_at(im, at / CHUNK, true) + off, data, n);
        at += n;
        data += n;
        len -= n;
    }
}

/* Bytes beyond what was written are zeros; the size is the caller's to respect. */
static void image_get(struct image *im, uint64_t at, uint8_t *out, size_t len)
{
    while (len) {
        size_t off = at % CHUNK;
        size_t n = CHUNK - off < len ? CHUNK - off : len;
        const uint8_t *chunk = chunk_at(im, at / CHUNK, false);
        if (chunk)
            memcpy(out, chunk + off, n);
        else
            memset(out, 0, n);
        at += n;
        out += n;
        len -= n;
    }
}

/* What a truncation cuts off must read as zeros when the file grows again. */
static void image_resize(struct image *im, uint64_t size)
{
    if (size < im->size) {
        for (size_t c = size / CHUNK; c < im->chunk_count; c++) {
            uint64_t start = (uint64_t)c * CHUNK;
            if (!im->chunks[c])
                continue;
            if (start >= size) {
                free(im->chunks[c]);
                im->chunks[c] = NULL;
            } else {
                memset(im->chunks[c] + (size - start), 0, CHUNK - (size - start));
            }
        }
    }
    im->size = size;
}

static void image_free(struct image *im)
{
    for (size_t c = 0; c < im->chunk_count; c++)
        free(im->chunks[c]);
    free(im->chunks);
    *im = (struct image){0};
}

static void image_copy(struct image *to, const struct image *from)
{
    image_free(to);
    to->size = from->size;
    for (size_t c = 0; c < from->chunk_count; c++)
        if (from->chunks[c])
            memcpy(chunk_at(to, c, true), from->chunks[c], CHUNK);
}

/* ---- inodes ---- */

static struct sim_inode *make_inode(bool is_dir)
{
    struct sim_inode *in = must_zalloc(sizeof *in);
    in->is_dir = is_dir;
    intmap_init(&in->dirty);
    return in;
}

static void free_dirty(struct dirty *d)
{
    free(d->prev);
    free(d);
}

static void clear_dirty(struct sim_inode *in)
{
    for (size_t i = 0; i < in->dirty.entry_count; i++)
        if (in->dirty.entries[i].value)
            free_dirty(in->dirty.entries[i].value);
    intmap_clear(&in->dirty);
}

static void unref_inode(struct sim_inode *in)
{
    if (--in->refs)
        return;
    clear_dirty(in);
    intmap_done(&in->dirty);
    image_free(&in->seen);
    image_free(&in->durable);
    free(in);
}

/* ---- names: canonical paths without "./" and double slashes; "." is the root ---- */

static void normalize(const char *path, char *out)
{
    size_t n = 0;
    while (*path) {
        while (*path == '/')
            path++;
        size_t len = strcspn(path, "/");
        if (len && !(len == 1 && path[0] == '.')) {
            assert(n + len + 2 < PATH_MAX_BYTES);
            if (n)
                out[n++] = '/';
            memcpy(out + n, path, len);
            n += len;
        }
        path += len;
    }
    out[n] = 0;
}

static void parent_of(const char *path, char *out)
{
    strcpy(out, path);
    char *slash = strrchr(out, '/');
    if (slash)
        *slash = 0;
    else
        *out = 0;
}

static struct sim_inode *find_name(struct hashmap *names, const char *path)
{
    struct sim_name *name = hashmap_get(names, path, strlen(path));
    return name ? name->inode : NULL;
}

static void remove_name(struct hashmap *names, const char *path)
{
    struct sim_name *name = hashmap_remove(names, path, strlen(path));
    if (!name)
        return;
    unref_inode(name->inode);
    free(name->path);
    free(name);
}

static void put_name(struct hashmap *names, const char *path, struct sim_inode *inode)
{
    inode->refs++;
    remove_name(names, path);
    struct sim_name *name = must_zalloc(sizeof *name);
    name->path = strdup(path);
    name->inode = inode;
    hashmap_put(names, name->path, strlen(path), name);
}

static bool dir_exists(struct sim_disk *disk, const char *path)
{
    if (!*path)
        return true;
    struct sim_inode *in = find_name(&disk->names, path);
    return in && in->is_dir;
}

static void free_op(struct sim_name_op *op)
{
    list_remove(&op->link);
    unref_inode(op->inode);
    free(op->dir);
    free(op->path);
    free(op->path2);
    free(op);
}

static void apply_op(struct hashmap *names, const struct sim_name_op *op)
{
    switch (op->op) {
    case NAME_ADD:
        put_name(names, op->path, op->inode);
        break;
    case NAME_REMOVE:
        if (find_name(names, op->path) == op->inode)
            remove_name(names, op->path);
        break;
    case NAME_RENAME:
        put_name(names, op->path2, op->inode);
        if (find_name(names, op->path) == op->inode)
            remove_name(names, op->path);
        break;
    }
}

/* Changes the visible names now, the durable ones at the next fs_sync_dir. */
static void change_name(struct sim_node *n, enum name_op kind, const char *path, const char *path2,
                        struct sim_inode *inode)
{
    struct sim_name_op *op = must_zalloc(sizeof *op);
    char dir[PATH_MAX_BYTES];
    parent_of(path2 ? path2 : path, dir);
    op->op = kind;
    op->seq = ++n->disk.journal_seq;
    op->dir = strdup(dir);
    op->path = strdup(path);
    op->path2 = path2 ? strdup(path2) : NULL;
    op->inode = inode;
    inode->refs++;
    apply_op(&n->disk.names, op);
    list_push_back(&n->disk.journal, &op->link);
    sim_note(n->sim, SIM_TRACE_NAME, hash_bytes(path, strlen(path), (uint64_t)kind), n->index);
}

/* ---- life of a disk ---- */

void sim_disk_init(struct sim_disk *disk)
{
    hashmap_init(&disk->names);
    hashmap_init(&disk->durable);
    list_init(&disk->journal);
    list_init(&disk->open_files);
}

static void clear_names(struct hashmap *names)
{
    for (size_t i = 0; i < names->entry_count; i++) {
        struct sim_name *name = names->entries[i].value;
        if (!name)
            continue;
        unref_inode(name->inode);
        free(name->path);
        free(name);
    }
    hashmap_done(names);
    hashmap_init(names);
}

void sim_disk_done(struct sim_disk *disk)
{
    for (struct list_node *node; (node = list_first(&disk->journal));)
        free_op(container_of(node, struct sim_name_op, link));
    clear_names(&disk->names);
    clear_names(&disk->durable);
    hashmap_done(&disk->names);
    hashmap_done(&disk->durable);
}

void sim_disk_wipe(struct sim *sim, uint32_t i)
{
    assert(sim->nodes[i].state != SIM_UP);
    sim_disk_done(&sim->nodes[i].disk);
    sim_disk_init(&sim->nodes[i].disk);
}

/* What a crash leaves of one file. */
static void crash_inode(struct sim *sim, struct sim_inode *in, enum sim_crash_loss loss)
{
    struct prng *prng = &sim->prng;
    for (size_t i = 0; i < in->dirty.entry_count; i++) {
        struct dirty *d = in->dirty.entries[i].value;
        if (!d)
            continue;
        uint64_t at = (in->dirty.entries[i].key - 1) * SECTOR;
        uint8_t sector[SECTOR];
        uint64_t draw = loss == SIM_LOSE_ALL       ? 0
                        : loss == SIM_LOSE_NOTHING ? 99
                                                   : prng_below(prng, 100);
        if (draw < 40)
            continue; /* stays what it was */
        if (draw < 60 && d->prev) {
            memcpy(sector, d->prev, SECTOR);
        } else {
            image_get(&in->seen, at, sector, SECTOR);
        }
        image_put(&in->durable, at, sector, SECTOR);
    }
    clear_dirty(in);
    uint64_t lo = in->durable.size < in->seen.size ? in->durable.size : in->seen.size;
    uint64_t hi = in->durable.size < in->seen.size ? in->seen.size : in->durable.size;
    uint64_t size = loss == SIM_LOSE_ALL       ? in->durable.size
                    : loss == SIM_LOSE_NOTHING ? in->seen.size
                                               : sim_draw(sim, lo, hi);
    if (prng_below(prng, 3) == 0)
        size = loss == SIM_LOSE_DRAWN ? in->seen.size : size;
    /* Sectors that arrived beyond the end are not part of the file. */
    in->durable.size = hi;
    image_resize(&in->durable, size);
    image_copy(&in->seen, &in->durable);
    in->locked = false;
}

/* A prefix of each directory's pending changes survives. */
static void crash_names(struct sim *sim, struct sim_disk *disk)
{
    struct hashmap cut; /* dir -> marker: later changes of it are lost */
    hashmap_init(&cut);
    static int marker;
    list_each(struct sim_name_op, op, &disk->journal, link)
    {
        if (hashmap_get(&cut, op->dir, strlen(op->dir)))
            continue;
        bool lost = disk->loss == SIM_LOSE_ALL ||
                    (disk->loss == SIM_LOSE_DRAWN && prng_below(&sim->prng, 3) == 0);
        if (lost)
            hashmap_put(&cut, op->dir, strlen(op->dir), &marker);
        else
            apply_op(&disk->durable, op);
    }
    hashmap_done(&cut);
    for (struct list_node *node; (node = list_first(&disk->journal));)
        free_op(container_of(node, struct sim_name_op, link));
}

void sim_disk_crash(struct sim_node *n)
{
    struct sim_disk *disk = &n->disk;
    for (struct list_node *node; (node = list_first(&disk->open_files));) {
        struct sim_file *f = container_of(node, struct sim_file, link);
        list_remove(node);
        unref_inode(f->inode);
        free(f->path);
        free(f);
    }
    crash_names(n->sim, disk);
    clear_names(&disk->names);
    for (size_t i = 0; i < disk->durable.entry_count; i++) {
        struct sim_name *name = disk->durable.entries[i].value;
        if (!name)
            continue;
        put_name(&disk->names, name->path, name->inode);
        crash_inode(n->sim, name->inode, disk->loss);
    }
    disk->stalled_until = 0;
}

/* ---- the driver's view ---- */

void sim_disk_set(struct sim *sim, uint32_t i, const struct sim_disk_faults *faults)
{
    sim->nodes[i].disk.faults = *faults;
}

void sim_disk_stall(struct sim *sim, uint32_t i, uint64_t ns)
{
    sim->nodes[i].disk.stalled_until = sim->now + ns;
}

void sim_disk_crash_loss(struct sim *sim, uint32_t i, enum sim_crash_loss loss)
{
    sim->nodes[i].disk.loss = loss;
}

static struct sim_inode *driver_find(struct sim *sim, uint32_t i, const char *path)
{
    char norm[PATH_MAX_BYTES];
    normalize(path, norm);
    struct sim_inode *in = find_name(&sim->nodes[i].disk.names, norm);
    return in && !in->is_dir ? in : NULL;
}

bool sim_disk_flip(struct sim *sim, uint32_t i, const char *path, uint64_t byte, int bit)
{
    struct sim_inode *in = driver_find(sim, i, path);
    if (!in || byte >= in->seen.size)
        return false;
    uint8_t b;
    image_get(&in->seen, byte, &b, 1);
    b ^= (uint8_t)(1 << bit);
    image_put(&in->seen, byte, &b, 1);
    image_get(&in->durable, byte, &b, 1);
    b ^= (uint8_t)(1 << bit);
    image_put(&in->durable, byte, &b, 1);
    return true;
}

bool sim_disk_copy_sector(struct sim *sim, uint32_t i, const char *path, uint64_t from_byte,
                          uint64_t to_byte)
{
    struct sim_inode *in = driver_find(sim, i, path);
    uint8_t sector[SECTOR];
    if (!in || from_byte + SECTOR > in->seen.size || to_byte + SECTOR > in->seen.size)
        return false;
    image_get(&in->seen, from_byte, sector, SECTOR);
    image_put(&in->seen, to_byte, sector, SECTOR);
    image_put(&in->durable, to_byte, sector, SECTOR);
    return true;
}

bool sim_disk_read(struct sim *sim, uint32_t i, const char *path, struct buf *out)
{
    struct sim_inode *in = driver_find(sim, i, path);
    if (!in)
        return false;
    image_get(&in->seen, 0, buf_extend(out, in->seen.size), in->seen.size);
    return true;
}

static int compare_texts(const void *a, const void *b, void *ctx)
{
    return strcmp(a, b);
}

char **sim_disk_paths(struct sim *sim, uint32_t i, size_t *count)
{
    struct hashmap *names = &sim->nodes[i].disk.names;
    char **out = must_zalloc((names->count + 1) * sizeof *out);
    *count = 0;
    for (size_t k = 0; k < names->entry_count; k++) {
        struct sim_name *name = names->entries[k].value;
        if (name && !name->inode->is_dir)
            out[(*count)++] = strdup(name->path);
    }
    sort_pointers((void **)out, *count, compare_texts, NULL, NULL);
    return out;
}

/* ---- operations: the change first, then the time it takes ---- */

static void take_time(struct task *task, uint64_t lo_us, uint64_t hi_us)
{
    struct sim_node *n = sim_node_of(task->env);
    struct sim_disk *disk = &n->disk;
    uint64_t factor = disk->faults.latency_factor ? disk->faults.latency_factor : 1;
    uint64_t ns = sim_draw(n->sim, lo_us * SIM_US, hi_us * SIM_US) * factor;
    if (disk->stalled_until > n->sim->now)
        ns += disk->stalled_until - n->sim->now;
    sim_wait(task, ns);
}

static bool fails(struct sim_node *n, double chance)
{
    return chance > 0 && prng_chance(&n->sim->prng, chance);
}

static int io_error(struct err *err, const char *what, const char *path)
{
    return err_set(err, ERR_IO_ERROR, "could not %s \"%s\": Input/output error", what, path);
}

static struct file *make_file(struct sim_node *n, struct sim_inode *in, unsigned flags,
                              const char *path)
{
    struct sim_file *f = must_zalloc(sizeof *f);
    f->file.env = &n->env;
    f->node = n;
    f->inode = in;
    f->flags = flags;
    f->path = strdup(path);
    in->refs++;
    list_push_back(&n->disk.open_files, &f->link);
    return &f->file;
}

int sim_file_open(struct task *task, struct env *env, const char *path, unsigned flags,
                  enum fs_result *result, struct file **out, struct err *err)
{
    struct sim_node *n = sim_node_of(env);
    char norm[PATH_MAX_BYTES], dir[PATH_MAX_BYTES];
    normalize(path, norm);
    take_time(task, 1, 20);
    struct sim_inode *in = find_name(&n->disk.names, norm);
    if (in && in->is_dir)
        return err_set(err, ERR_IO_ERROR, "could not open file \"%s\": Is a directory", path);
    if (in && (flags & FILE_EXCLUSIVE)) {
        *result = FS_EXISTS;
        return 0;
    }
    if (!in && !(flags & FILE_CREATE)) {
        *result = FS_NOT_FOUND;
        return 0;
    }
    if (!in) {
        parent_of(norm, dir);
        if (!dir_exists(&n->disk, dir))
            return err_set(err, ERR_IO_ERROR,
                           "could not open file \"%s\": No such file or directory", path);
        in = make_inode(false);
        change_name(n, NAME_ADD, norm, NULL, in);
    } else if (flags & FILE_TRUNCATE) {
        image_resize(&in->seen, 0);
    }
    *out = make_file(n, in, flags, norm);
    *result = FS_OK;
    return 0;
}

void sim_file_close(struct task *task, struct file *file)
{
    struct sim_file *f = file_of(file);
    if (f->is_lock)
        f->inode->locked = false;
    list_remove(&f->link);
    unref_inode(f->inode);
    free(f->path);
    free(f);
}

int sim_file_pread(struct task *task, struct file *file, void *out, size_t len, uint64_t at,
                   size_t *got, struct err *err)
{
    struct sim_file *f = file_of(file);
    struct sim_node *n = f->node;
    take_time(task, 2, prng_below(&n->sim->prng, 4) == 0 ? 200 : 5);
    if (fails(n, n->disk.faults.read_fail))
        return io_error(err, "read file", f->path);
    struct image *im = &f->inode->seen;
    size_t have = at >= im->size ? 0 : im->size - at < len ? im->size - at : len;
    image_get(im, at, out, have);
    sim_note(n->sim, SIM_TRACE_READ, at, have);
    *got = have;
    return 0;
}

/* Remembers what the sectors of [at, at + len) may fall back to. */
static void mark_dirty(struct sim *sim, struct sim_inode *in, uint64_t at, size_t len)
{
    in->write_seq++;
    for (uint64_t s = at / SECTOR; s <= (at + len - 1) / SECTOR; s++) {
        struct dirty *d = intmap_get(&in->dirty, s + 1);
        if (!d) {
            d = must_zalloc(sizeof *d);
            intmap_put(&in->dirty, s + 1, d);
        } else if (!d->prev || prng_below(&sim->prng, 2)) {
            if (!d->prev)
                d->prev = must_zalloc(SECTOR);
            image_get(&in->seen, s * SECTOR, d->prev, SECTOR);
        }
        d->seq = in->write_seq;
    }
}

static uint64_t used_bytes(struct sim_disk *disk)
{
    uint64_t used = 0;
    for (size_t i = 0; i < disk->names.entry_count; i++) {
        struct sim_name *name = disk->names.entries[i].value;
        if (name)
            used += name->inode->seen.size;
    }
    return used;
}

static bool is_full(struct sim_node *n, struct sim_inode *in, uint64_t new_size)
{
    uint64_t capacity = n->disk.faults.capacity_bytes;
    return capacity && new_size > in->seen.size &&
           used_bytes(&n->disk) + (new_size - in->seen.size) > capacity;
}

static int disk_full(struct err *err, const char *what, const char *path)
{
    return err_set(err, ERR_DISK_FULL, "could not %s \"%s\": No space left on device", what, path);
}

static void write_bytes(struct sim_node *n, struct sim_inode *in, const uint8_t *data, size_t len,
                        uint64_t at)
{
    if (len == 0)
        return;
    mark_dirty(n->sim, in, at, len);
    image_put(&in->seen, at, data, len);
    if (at + len > in->seen.size)
        in->seen.size = at + len;
    in->modified_us = env_wall_us(&n->env);
    sim_note(n->sim, SIM_TRACE_WRITE, at, crc32c((uint32_t)len, data, len));
}

int sim_file_pwritev(struct task *task, struct file *file, const struct file_iov *iov,
                     int iov_count, uint64_t at, struct err *err)
{
    struct sim_file *f = file_of(file);
    struct sim_node *n = f->node;
    bool failing = fails(n, n->disk.faults.write_fail);
    size_t left = SIZE_MAX, total = 0;
    for (int i = 0; i < iov_count; i++)
        total += iov[i].len;
    if (failing)
        left = prng_below(&n->sim->prng, total + 1); /* a part arrives */
    else if (is_full(n, f->inode, at + total))
        return disk_full(err, "write to file", f->path);
    for (int i = 0; i < iov_count && left; i++) {
        size_t len = iov[i].len < left ? iov[i].len : left;
        write_bytes(n, f->inode, iov[i].data, len, at);
        at += len;
        left -= len;
    }
    take_time(task, 2, 15);
    if (failing)
        return io_error(err, "write to file", f->path);
    return f->flags & FILE_DSYNC ? sim_file_sync(task, file, err) : 0;
}

struct snapshot {
    uint64_t sector;
    uint64_t seq;
    uint8_t data[SECTOR];
};

/* Everything written before the call becomes durable when it ends; what is written meanwhile does
 * not. */
static void finish_sync(struct sim_inode *in, const struct snapshot *snaps, size_t count,
                        uint64_t size, bool failed)
{
    for (size_t i = 0; i < count; i++) {
        if (!failed)
            image_put(&in->durable, snaps[i].sector * SECTOR, snaps[i].data, SECTOR);
        struct dirty *d = intmap_get(&in->dirty, snaps[i].sector + 1);
        if (d && d->seq == snaps[i].seq) {
            intmap_remove(&in->dirty, snaps[i].sector + 1);
            free_dirty(d);
        }
    }
    if (!failed && in->durable.size != size)
        image_resize(&in->durable, size);
}

int sim_file_sync(struct task *task, struct file *file, struct err *err)
{
    struct sim_file *f = file_of(file);
    struct sim_inode *in = f->inode;
    struct sim_node *n = f->node;
    struct snapshot *snaps = malloc((in->dirty.count + 1) * sizeof *snaps);
    if (!snaps)
        abort();
    size_t count = 0;
    for (size_t i = 0; i < in->dirty.entry_count; i++) {
        struct dirty *d = in->dirty.entries[i].value;
        if (!d)
            continue;
        struct snapshot *s = &snaps[count++];
        s->sector = in->dirty.entries[i].key - 1;
        s->seq = d->seq;
        image_get(&in->seen, s->sector * SECTOR, s->data, SECTOR);
    }
    uint64_t size = in->seen.size;
    bool failing = fails(n, n->disk.faults.sync_fail);
    in->refs++;
    take_time(task, 60, prng_below(&n->sim->prng, 20) == 0 ? 5000 : 400);
    finish_sync(in, snaps, count, size, failing);
    unref_inode(in);
    free(snaps);
    sim_note(n->sim, SIM_TRACE_SYNC, count, failing);
    return failing ? io_error(err, "fsync file", f->path) : 0;
}

int sim_file_truncate(struct task *task, struct file *file, uint64_t size, struct err *err)
{
    struct sim_file *f = file_of(file);
    if (is_full(f->node, f->inode, size))
        return disk_full(err, "truncate file", f->path);
    image_resize(&f->inode->seen, size);
    take_time(task, 2, 20);
    return 0;
}

int sim_file_allocate(struct task *task, struct file *file, uint64_t size, struct err *err)
{
    struct sim_file *f = file_of(file);
    if (is_full(f->node, f->inode, size))
        return disk_full(err, "allocate space for file", f->path);
    if (size > f->inode->seen.size)
        f->inode->seen.size = size;
    take_time(task, 5, 50);
    return 0;
}

int sim_file_size(struct task *task, struct file *file, uint64_t *out, struct err *err)
{
    *out = file_of(file)->inode->seen.size;
    return 0;
}

/* ---- names ---- */

static int no_such(struct err *err, const char *what, const char *path)
{
    return err_set(err, ERR_IO_ERROR, "could not %s \"%s\": No such file or directory", what, path);
}

int sim_fs_rename(struct task *task, struct env *env, const char *from, const char *to,
                  struct err *err)
{
    struct sim_node *n = sim_node_of(env);
    char a[PATH_MAX_BYTES], b[PATH_MAX_BYTES], dir[PATH_MAX_BYTES];
    normalize(from, a);
    normalize(to, b);
    take_time(task, 2, 30);
    struct sim_inode *in = find_name(&n->disk.names, a);
    parent_of(b, dir);
    if (!in || !dir_exists(&n->disk, dir))
        return no_such(err, "rename file", from);
    assert(!in->is_dir); /* nobody renames directories */
    if (strcmp(a, b) != 0)
        change_name(n, NAME_RENAME, a, b, in);
    return 0;
}

int sim_fs_unlink(struct task *task, struct env *env, const char *path, enum fs_result *result,
                  struct err *err)
{
    struct sim_node *n = sim_node_of(env);
    char norm[PATH_MAX_BYTES];
    normalize(path, norm);
    take_time(task, 2, 30);
    struct sim_inode *in = find_name(&n->disk.names, norm);
    *result = in ? FS_OK : FS_NOT_FOUND;
    if (in)
        change_name(n, NAME_REMOVE, norm, NULL, in);
    return 0;
}

int sim_fs_mkdir(struct task *task, struct env *env, const char *path, enum fs_result *result,
                 struct err *err)
{
    struct sim_node *n = sim_node_of(env);
    char norm[PATH_MAX_BYTES], dir[PATH_MAX_BYTES];
    normalize(path, norm);
    take_time(task, 2, 30);
    parent_of(norm, dir);
    if (!dir_exists(&n->disk, dir))
        return no_such(err, "create directory", path);
    *result = !*norm || find_name(&n->disk.names, norm) ? FS_EXISTS : FS_OK;
    if (*result == FS_OK)
        change_name(n, NAME_ADD, norm, NULL, make_inode(true));
    return 0;
}

/* The part of `path` below directory `dir`, or NULL. */
static const char *below(const char *dir, const char *path)
{
    size_t n = strlen(dir);
    if (n == 0)
        return path;
    return strncmp(path, dir, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

int sim_fs_rmdir(struct task *task, struct env *env, const char *path, enum fs_result *result,
                 struct err *err)
{
    struct sim_node *n = sim_node_of(env);
    char norm[PATH_MAX_BYTES];
    normalize(path, norm);
    take_time(task, 2, 30);
    struct sim_inode *in = find_name(&n->disk.names, norm);
    *result = in ? FS_OK : FS_NOT_FOUND;
    if (!in)
        return 0;
    for (size_t i = 0; i < n->disk.names.entry_count; i++) {
        struct sim_name *name = n->disk.names.entries[i].value;
        if (name && below(norm, name->path))
            return err_set(err, ERR_IO_ERROR,
                           "could not remove directory \"%s\": Directory not empty", path);
    }
    change_name(n, NAME_REMOVE, norm, NULL, in);
    return 0;
}

int sim_fs_sync_dir(struct task *task, struct env *env, const char *path, struct err *err)
{
    struct sim_node *n = sim_node_of(env);
    char norm[PATH_MAX_BYTES];
    normalize(path, norm);
    if (!dir_exists(&n->disk, norm))
        return no_such(err, "fsync directory", path);
    uint64_t limit = n->disk.journal_seq; /* what comes later may be lost */
    bool failing = fails(n, n->disk.faults.sync_fail);
    take_time(task, 60, 400);
    if (failing)
        return io_error(err, "fsync directory", path);
    list_each_safe(struct sim_name_op, op, &n->disk.journal, link)
    {
        if (op->seq > limit || strcmp(op->dir, norm) != 0)
            continue;
        apply_op(&n->disk.durable, op);
        free_op(op);
    }
    return 0;
}

int sim_fs_stat(struct task *task, struct env *env, const char *path, enum fs_result *result,
                struct file_stat *out, struct err *err)
{
    struct sim_node *n = sim_node_of(env);
    char norm[PATH_MAX_BYTES];
    normalize(path, norm);
    take_time(task, 1, 10);
    struct sim_inode *in = find_name(&n->disk.names, norm);
    *result = in || !*norm ? FS_OK : FS_NOT_FOUND;
    if (*result == FS_OK)
        *out = (struct file_stat){.size_bytes = in ? in->seen.size : 0,
                                  .modified_us = in ? in->modified_us : 0,
                                  .is_dir = !in || in->is_dir};
    return 0;
}

static int compare_entries(const void *a, const void *b, void *ctx)
{
    return strcmp(((const struct fs_entry *)a)->name, ((const struct fs_entry *)b)->name);
}

int sim_fs_list(struct task *task, struct env *env, const char *path, enum fs_result *result,
                struct fs_entry **out, size_t *count, struct err *err)
{
    struct sim_node *n = sim_node_of(env);
    char norm[PATH_MAX_BYTES];
    normalize(path, norm);
    take_time(task, 5, 50);
    *result = dir_exists(&n->disk, norm) ? FS_OK : FS_NOT_FOUND;
    if (*result != FS_OK)
        return 0;
    struct fs_entry *entries = must_zalloc((n->disk.names.count + 1) * sizeof *entries);
    size_t found = 0;
    for (size_t i = 0; i < n->disk.names.entry_count; i++) {
        struct sim_name *name = n->disk.names.entries[i].value;
        const char *rest = name ? below(norm, name->path) : NULL;
        if (!rest || strchr(rest, '/'))
            continue;
        struct fs_entry *e = &entries[found++];
        snprintf(e->name, sizeof e->name, "%s", rest);
        e->is_dir = name->inode->is_dir;
        e->size_bytes = name->inode->seen.size;
    }
    sort_stable(entries, found, sizeof *entries, compare_entries, NULL, NULL);
    *out = entries;
    *count = found;
    return 0;
}

int sim_fs_lock(struct task *task, struct env *env, const char *path, enum fs_result *result,
                struct file **out, struct err *err)
{
    int rc = sim_file_open(task, env, path, FILE_READ | FILE_WRITE | FILE_CREATE, result, out, err);
    if (rc || *result != FS_OK)
        return rc;
    struct sim_file *f = file_of(*out);
    if (f->inode->locked) {
        sim_file_close(task, *out);
        *result = FS_LOCKED;
        return 0;
    }
    f->inode->locked = f->is_lock = true;
    return 0;
}

int sim_fs_free_space(struct task *task, struct env *env, const char *path, uint64_t *free_bytes,
                      uint64_t *total_bytes, struct err *err)
{
    struct sim_disk *disk = &sim_node_of(env)->disk;
    uint64_t capacity =
        disk->faults.capacity_bytes ? disk->faults.capacity_bytes : FREE_SPACE_BYTES;
    uint64_t used = used_bytes(disk);
    *total_bytes = capacity;
    *free_bytes = used < capacity ? capacity - used : 0;
    return 0;
}
