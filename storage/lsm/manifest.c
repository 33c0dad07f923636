#include "storage/lsm/manifest.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/core.h"
#include "base/crc32c.h"
#include "storage/lsm/manifest_int.h"

enum {
    PATH_BYTES = 512,
    VERSION = 1,
    REWRITE_BYTES_MIN = 1 << 20,
    GROW_BYTES = 64 << 10,     /* the log's files grow by this, ahead of the writes */
    BALLAST_BYTES = 256 << 10, /* given up when the disk is full at start */
    RETRY_NS = 500000000,      /* how often a full disk is tried again */
};
static const char magic[8] = "CAIRNMAN";

struct manifest_commit {
    struct manifest *manifest;
    struct manifest_commit *next;
    struct manifest_edit *edit;
    struct task *task;
    bool ended;
    int code;
    struct err err;
    struct core_msg msg;
};

struct manifest {
    struct env *env;
    char *dir;
    struct lane *lane;
    manifest_dropped_fn *on_dropped;
    void *dropped_arg;

    struct lock lock; /* state, queue, stats */
    struct manifest_state state;
    struct manifest_commit *head, **tail;
    bool lane_busy;
    bool closing;
    struct manifest_stats stats;

    /* the lane's */
    struct file *copies[2];
    uint64_t generation;
    uint64_t end;     /* of the log */
    uint64_t durable; /* synced in both copies */
    uint64_t allocated; /* of both copies */
    uint64_t next_record;
    uint64_t full_bytes; /* of the first record */
    bool failed;
    struct err failure;
};

/* ---- paths ---- */

void manifest_file_path(const struct manifest *m, uint64_t number, char *out, size_t size)
{
    int n = snprintf(out, size, "%s/sst/%016llx.sst", m->dir, (unsigned long long)number);
    assert(n > 0 && (size_t)n < size);
}

const char *manifest_dir(const struct manifest *m)
{
    return m->dir;
}

static void state_path(const struct manifest *m, uint64_t number, char *out, size_t size)
{
    int n = snprintf(out, size, "%s/state/%016llx.ckp", m->dir, (unsigned long long)number);
    assert(n > 0 && (size_t)n < size);
}

static void log_path(const struct manifest *m, uint64_t generation, int copy, char *out,
                     size_t size)
{
    int n = snprintf(out, size, "%s/manifest/%016llx.%c", m->dir, (unsigned long long)generation,
                     'a' + copy);
    assert(n > 0 && (size_t)n < size);
}

static void sub_dir(const struct manifest *m, const char *name, char *out, size_t size)
{
    int n = snprintf(out, size, "%s/%s", m->dir, name);
    assert(n > 0 && (size_t)n < size);
}

/* ---- records ---- */

static uint32_t checksum(const uint8_t *rec, size_t body_len, uint64_t generation, uint64_t offset)
{
    uint8_t place[16];
    store_le64(place, generation);
    store_le64(place + 8, offset);
    return crc32c(crc32c(0, place, sizeof place), rec + 4, MANIFEST_REC_BYTES - 4 + body_len);
}

static void encode_record(struct manifest *m, const struct buf *body, struct buf *out)
{
    uint64_t offset = m->end;
    size_t at = out->len, size = (MANIFEST_REC_BYTES + body->len + 7) & ~(size_t)7;
    uint8_t *rec = buf_extend(out, size);
    memset(rec, 0, size);
    store_le32(rec + 4, (uint32_t)body->len);
    store_le64(rec + 8, m->next_record++);
    store_le64(rec + 16, m->durable);
    if (body->len)
        memcpy(rec + MANIFEST_REC_BYTES, body->data, body->len);
    store_le32(out->data + at, checksum(out->data + at, body->len, m->generation, offset));
    m->end += size;
}

struct record {
    uint64_t number, durable;
    const uint8_t *body;
    size_t body_len, size;
};

static bool decode_record(const uint8_t *data, uint64_t len, uint64_t offset, uint64_t generation,
                          struct record *r)
{
    if (offset > len || len - offset < MANIFEST_REC_BYTES)
        return false;
    const uint8_t *at = data + offset;
    uint64_t body = load_le32(at + 4), size = (MANIFEST_REC_BYTES + body + 7) & ~(uint64_t)7;
    if (size > len - offset || load_le32(at) != checksum(at, body, generation, offset))
        return false;
    *r =
        (struct record){load_le64(at + 8), load_le64(at + 16), at + MANIFEST_REC_BYTES, body, size};
    return true;
}

/* ---- writing ---- */

static int write_both(struct task *task, struct manifest *m, const struct buf *out, uint64_t at,
                      struct err *err)
{
    /* One copy after the other: a write that damages its neighbourhood damages one. */
    for (int i = 0; i < 2; i++) {
        int code = file_pwrite(task, m->copies[i], out->data, out->len, at, err);
        if (code == 0)
            code = file_sync(task, m->copies[i], err);
        if (code)
            return code;
    }
    m->durable = m->end;
    return 0;
}

static void close_copies(struct task *task, struct manifest *m)
{
    for (int i = 0; i < 2; i++) {
        if (m->copies[i])
            file_close(task, m->copies[i]);
        m->copies[i] = NULL;
    }
}

static int remove_generation(struct task *task, struct manifest *m, uint64_t generation,
                             struct err *err)
{
    for (int i = 0; i < 2; i++) {
        char path[PATH_BYTES];
        enum fs_result result;
        log_path(m, generation, i, path, sizeof path);
        int code = fs_unlink(task, path, &result, err);
        if (code)
            return code;
    }
    return 0;
}

/* Room for the log up to m->end, before anything is written: a full disk then costs nothing. */
static int reserve(struct task *task, struct manifest *m, struct err *err)
{
    if (m->end <= m->allocated)
        return 0;
    uint64_t want = (m->end + GROW_BYTES + GROW_BYTES - 1) / GROW_BYTES * GROW_BYTES;
    for (int i = 0; i < 2; i++) {
        int code = file_allocate(task, m->copies[i], want, err);
        if (code)
            return code;
    }
    m->allocated = want;
    return 0;
}

/* Writes the whole state as a new generation, then removes the one before. */
static int rewrite(struct task *task, struct manifest *m, struct err *err)
{
    struct buf body = {0}, out = {0};
    lock_take(&m->lock);
    manifest_state_dump(&m->state, &body);
    m->stats.rewrites++;
    lock_give(&m->lock);
    uint64_t old = m->generation;
    close_copies(task, m);
    m->generation++;
    m->next_record = 1;
    m->end = MANIFEST_HEADER_BYTES;
    m->durable = m->allocated = 0;
    uint8_t *head = buf_extend(&out, MANIFEST_HEADER_BYTES);
    memset(head, 0, MANIFEST_HEADER_BYTES);
    memcpy(head, magic, 8);
    store_le32(head + 8, VERSION);
    store_le64(head + 16, m->generation);
    store_le32(head + 28, crc32c(0, head, 28));
    encode_record(m, &body, &out);
    m->full_bytes = out.len;
    int code = 0;
    for (int i = 0; i < 2 && code == 0; i++) {
        char path[PATH_BYTES];
        enum fs_result result;
        log_path(m, m->generation, i, path, sizeof path);
        code = file_open(task, path, FILE_READ | FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &result,
                         &m->copies[i], err);
    }
    if (code == 0)
        code = reserve(task, m, err);
    if (code == 0)
        code = write_both(task, m, &out, 0, err);
    char dir[PATH_BYTES];
    sub_dir(m, "manifest", dir, sizeof dir);
    if (code == 0)
        code = fs_sync_dir(task, dir, err);
    if (code == 0 && old)
        code = remove_generation(task, m, old, err);
    buf_done(&body);
    buf_done(&out);
    return code;
}

/* ---- the lane ---- */

static int write_blob(struct task *task, struct manifest *m, struct manifest_blob *blob,
                      struct buf *body, struct err *err)
{
    uint64_t number = manifest_file_number(m);
    char path[PATH_BYTES], dir[PATH_BYTES];
    struct file *file = NULL;
    enum fs_result result;
    state_path(m, number, path, sizeof path);
    sub_dir(m, "state", dir, sizeof dir);
    int code = file_open(task, path, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE, &result, &file, err);
    if (code)
        return code;
    code = file_pwrite(task, file, blob->state.data, blob->state.len, 0, err);
    if (code == 0)
        code = file_sync(task, file, err);
    file_close(task, file);
    if (code == 0)
        code = fs_sync_dir(task, dir, err);
    if (code) {
        struct err second; /* what stays is an orphan, removed at the next start */
        (void)!fs_unlink(task, path, &result, &second);
        return code;
    }
    buf_put_u8(body, MF_GROUP_FILE);
    buf_put_varint(body, blob->group);
    buf_put_varint(body, blob->index);
    buf_put_varint(body, number);
    buf_put_varint(body, blob->state.len);
    buf_put_varint(body, crc32c(0, blob->state.data, blob->state.len));
    return 0;
}

/* One edit as a record: its operations, and those that name the files its big states went to. */
static int encode_edit(struct task *task, struct manifest *m, struct manifest_edit *edit,
                       struct buf *out, struct err *err)
{
    buf_reset(&edit->full);
    buf_put(&edit->full, edit->body.data, edit->body.len);
    for (struct manifest_blob *b = edit->blobs; b; b = b->next) {
        int code = write_blob(task, m, b, &edit->full, err);
        if (code)
            return code;
    }
    encode_record(m, &edit->full, out);
    return 0;
}

/* *untouched: the log's files are as they were, and the same edits may be tried again. */
static int write_edits(struct task *task, struct manifest *m, struct manifest_commit *list,
                       bool *untouched, struct err *err)
{
    struct buf out = {0};
    uint64_t at = m->end, number = m->next_record;
    int code = 0;
    for (struct manifest_commit *c = list; c && code == 0; c = c->next)
        code = encode_edit(task, m, c->edit, &out, err);
    if (code == 0)
        code = reserve(task, m, err);
    *untouched = code != 0;
    if (code) {
        m->end = at;
        m->next_record = number;
    } else {
        code = write_both(task, m, &out, at, err);
    }
    buf_done(&out);
    return code;
}

/* Takes effect in memory; collects what is no longer named. */
static void apply_edits(struct manifest *m, struct manifest_commit *list, struct buf *dropped,
                        struct buf *dropped_ckp)
{
    lock_take(&m->lock);
    for (struct manifest_commit *c = list; c; c = c->next) {
        bool ok = manifest_state_apply(&m->state, c->edit->full.data, c->edit->full.len);
        assert(ok);
        m->stats.edits++;
    }
    *dropped = m->state.dropped;
    *dropped_ckp = m->state.dropped_ckp;
    m->state.dropped = m->state.dropped_ckp = (struct buf){0};
    m->stats.bytes = m->end;
    m->stats.generation = m->generation;
    lock_give(&m->lock);
}

/* A number may have been dropped and named again by later edits of the same batch (never is;
 * numbers are not reused). */
static void remove_dropped(struct task *task, struct manifest *m, struct buf *dropped,
                           struct buf *dropped_ckp)
{
    for (size_t i = 0; i + 8 <= dropped->len; i += 8)
        if (m->on_dropped)
            m->on_dropped(m->dropped_arg, load_le64(dropped->data + i));
    for (size_t i = 0; i + 8 <= dropped_ckp->len; i += 8) {
        char path[PATH_BYTES];
        enum fs_result result;
        struct err err; /* what stays is an orphan, removed at the next start */
        state_path(m, load_le64(dropped_ckp->data + i), path, sizeof path);
        (void)!fs_unlink(task, path, &result, &err);
    }
    buf_done(dropped);
    buf_done(dropped_ckp);
}

static void finish_commit(struct core *core, struct core_msg *msg)
{
    struct manifest_commit *c = container_of(msg, struct manifest_commit, msg);
    c->ended = true;
    task_wake(c->task);
}

static void answer(struct manifest_commit *list, int code, const struct err *err)
{
    while (list) {
        struct manifest_commit *next = list->next;
        list->code = code;
        if (code)
            list->err = *err;
        core_post(list->task->core, &list->msg, finish_commit);
        list = next;
    }
}

/* The disk is full: the edits wait at the head of the queue, in their order, until somebody who
 * waits for one starts the lane again. */
static void put_back(struct manifest *m, struct manifest_commit *list)
{
    struct manifest_commit *last = list;
    while (last->next)
        last = last->next;
    lock_take(&m->lock);
    last->next = m->head;
    if (!m->head)
        m->tail = &last->next;
    m->head = list;
    m->lane_busy = false;
    m->stats.waits_for_space++;
    lock_give(&m->lock);
}

static struct manifest_commit *take_queue(struct manifest *m)
{
    lock_take(&m->lock);
    struct manifest_commit *list = m->head;
    m->head = NULL;
    m->tail = &m->head;
    if (!list)
        m->lane_busy = false;
    lock_give(&m->lock);
    return list;
}

static void rewrite_when_long(struct task *task, struct manifest *m)
{
    if (m->end <= REWRITE_BYTES_MIN || m->end <= 4 * m->full_bytes)
        return;
    /* A failure is reported by the next commit; those before are durable. */
    if (rewrite(task, m, &m->failure) != 0)
        m->failed = true;
}

static void drain(struct task *task, void *arg)
{
    struct manifest *m = arg;
    struct manifest_commit *list;
    while ((list = take_queue(m))) {
        struct err err;
        bool untouched = false;
        int code = m->failed ? m->failure.code : write_edits(task, m, list, &untouched, &err);
        if (code == ERR_DISK_FULL && untouched && !m->closing) {
            put_back(m, list);
            return;
        }
        if (code && !m->failed) {
            m->failed = true; /* what reached the disk is unknown: nothing more is promised */
            m->failure = err;
        }
        if (code == 0) {
            struct buf dropped, dropped_ckp;
            apply_edits(m, list, &dropped, &dropped_ckp);
            remove_dropped(task, m, &dropped, &dropped_ckp);
            rewrite_when_long(task, m);
        }
        answer(list, code, &m->failure);
    }
}

static void start_lane(struct manifest *m)
{
    lock_take(&m->lock);
    bool start = !m->lane_busy && m->head;
    m->lane_busy |= start;
    lock_give(&m->lock);
    if (start)
        lane_post(m->lane, drain, m);
}

struct manifest_commit *manifest_commit_start(struct task *task, struct manifest *m,
                                              struct manifest_edit *take_edit)
{
    struct manifest_commit *c = calloc(1, sizeof *c);
    assert(c);
    c->edit = take_edit;
    c->task = task;
    lock_take(&m->lock);
    c->manifest = m;
    *m->tail = c;
    m->tail = &c->next;
    lock_give(&m->lock);
    start_lane(m);
    return c;
}

int manifest_commit_wait(struct task *task, struct manifest_commit *c, struct err *err)
{
    task_mask(task); /* the edit is queued: its outcome is waited for whatever happens */
    while (!c->ended) {
        if (task_park(task, env_mono_ns(task->env) + RETRY_NS) == PARK_TIMEOUT)
            start_lane(c->manifest);
    }
    task_unmask(task);
    int code = c->code;
    if (code)
        *err = c->err;
    manifest_edit_destroy(c->edit);
    free(c);
    return code;
}

int manifest_commit(struct task *task, struct manifest *manifest, struct manifest_edit *take_edit,
                    struct err *err)
{
    return manifest_commit_wait(task, manifest_commit_start(task, manifest, take_edit), err);
}

void manifest_on_dropped(struct manifest *m, manifest_dropped_fn *fn, void *arg)
{
    m->on_dropped = fn;
    m->dropped_arg = arg;
}

/* ---- recovery ---- */

struct log_copy {
    struct buf data;
    bool header_ok;
};

static int read_copy(struct task *task, struct manifest *m, uint64_t generation, int which,
                     struct log_copy *copy, struct err *err)
{
    char path[PATH_BYTES];
    enum fs_result result;
    log_path(m, generation, which, path, sizeof path);
    buf_reset(&copy->data);
    copy->header_ok = false;
    int code = file_read_all(task, path, &copy->data, &result, err);
    if (code || result != FS_OK)
        return code;
    const uint8_t *h = copy->data.data;
    copy->header_ok = copy->data.len >= MANIFEST_HEADER_BYTES && memcmp(h, magic, 8) == 0 &&
                      load_le32(h + 8) == VERSION && load_le64(h + 16) == generation &&
                      load_le32(h + 28) == crc32c(0, h, 28);
    return 0;
}

static bool next_record(struct manifest *m, const struct log_copy copies[2], uint64_t offset,
                        uint64_t generation, struct record *r)
{
    if (decode_record(copies[0].data.data, copies[0].data.len, offset, generation, r))
        return true;
    if (!decode_record(copies[1].data.data, copies[1].data.len, offset, generation, r))
        return false;
    m->stats.repaired_records++;
    return true;
}

/* Largest `durable` of any record behind `offset`: proof that what stands there once was
 * durable. */
static uint64_t proven_behind(const struct log_copy copies[2], uint64_t offset, uint64_t generation)
{
    uint64_t proven = 0;
    struct record r;
    for (int i = 0; i < 2; i++)
        for (uint64_t at = offset; at + MANIFEST_REC_BYTES <= copies[i].data.len; at += 8)
            if (decode_record(copies[i].data.data, copies[i].data.len, at, generation, &r) &&
                r.durable > proven)
                proven = r.durable;
    return proven;
}

enum load_result { LOAD_OK, LOAD_UNUSABLE };

static int load_generation(struct task *task, struct manifest *m, uint64_t generation,
                           enum load_result *result, struct err *err)
{
    struct log_copy copies[2] = {0};
    int code = read_copy(task, m, generation, 0, &copies[0], err);
    if (code == 0)
        code = read_copy(task, m, generation, 1, &copies[1], err);
    uint64_t offset = MANIFEST_HEADER_BYTES, number = 1;
    struct record r;
    *result = LOAD_UNUSABLE;
    while (code == 0 && next_record(m, copies, offset, generation, &r) && r.number == number) {
        if (!manifest_state_apply(&m->state, r.body, r.body_len))
            code = err_set(err, ERR_DATA_CORRUPTED, "manifest record %llu is malformed",
                           (unsigned long long)r.number);
        *result = LOAD_OK;
        offset += r.size;
        number++;
    }
    uint64_t proven = code == 0 ? proven_behind(copies, offset, generation) : 0;
    if (code == 0 && proven > offset) {
        code = err_set(err, ERR_DATA_CORRUPTED,
                       "manifest generation %llu is damaged at offset %llu in both copies",
                       (unsigned long long)generation, (unsigned long long)offset);
        err_hint(err, "Take this node out of the cluster and let it be refilled from its peers.");
    }
    buf_done(&copies[0].data);
    buf_done(&copies[1].data);
    return code;
}

static bool parse_name(const char *name, const char *suffix, uint64_t *out)
{
    char *end = NULL;
    if (strlen(name) != 16 + strlen(suffix) || strcmp(name + 16, suffix) != 0)
        return false;
    *out = strtoull(name, &end, 16);
    return end == name + 16;
}

/* Generations on disk, ascending (the names sort so), each once. */
static int list_generations(struct task *task, struct manifest *m, uint64_t **out, size_t *n,
                            struct err *err)
{
    char dir[PATH_BYTES];
    struct fs_entry *entries = NULL;
    size_t count = 0;
    enum fs_result result;
    sub_dir(m, "manifest", dir, sizeof dir);
    int code = fs_list(task, dir, &result, &entries, &count, err);
    if (code)
        return code;
    uint64_t *list = malloc((count + 1) * sizeof *list);
    assert(list);
    *n = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t g = 0;
        if ((parse_name(entries[i].name, ".a", &g) || parse_name(entries[i].name, ".b", &g)) &&
            (*n == 0 || list[*n - 1] != g))
            list[(*n)++] = g;
    }
    free(entries);
    *out = list;
    return 0;
}

static int make_ballast(struct task *task, const char *path, struct err *err)
{
    enum fs_result result;
    struct file *file = NULL;
    int code = file_open(task, path, FILE_WRITE | FILE_CREATE, &result, &file, err);
    if (code == 0) {
        code = file_allocate(task, file, BALLAST_BYTES, err);
        file_close(task, file);
    }
    return code == ERR_DISK_FULL ? 0 : code; /* next time */
}

/* On a full disk the ballast makes room for the new generation; the old one goes after it. */
static int rewrite_at_start(struct task *task, struct manifest *m, struct err *err)
{
    char path[PATH_BYTES];
    enum fs_result result;
    sub_dir(m, "manifest/ballast", path, sizeof path);
    uint64_t generation = m->generation;
    int code = rewrite(task, m, err);
    if (code == ERR_DISK_FULL) {
        code = fs_unlink(task, path, &result, err);
        if (code == 0 && result == FS_NOT_FOUND)
            return err_set(err, ERR_DISK_FULL, "the disk of the store is full");
        m->generation = generation;
        return code ? code : rewrite(task, m, err);
    }
    return code ? code : make_ballast(task, path, err);
}

static int load_log(struct task *task, struct manifest *m, struct err *err)
{
    uint64_t *list = NULL;
    size_t n = 0;
    int code = list_generations(task, m, &list, &n, err);
    if (code)
        return code;
    bool loaded = n == 0;
    for (size_t i = n; i-- > 0 && code == 0 && !loaded;) {
        /* The newest may be half written: a rewrite that did not finish leaves the one before. */
        manifest_state_done(&m->state);
        manifest_state_init(&m->state);
        enum load_result result;
        code = load_generation(task, m, list[i], &result, err);
        loaded = code == 0 && result == LOAD_OK;
    }
    /* Generation 1 begins with the empty state: a crash while it was first written loses
     * nothing. */
    if (code == 0 && !loaded && !(n == 1 && list[0] == 1))
        code = err_set(err, ERR_DATA_CORRUPTED, "no generation of the manifest can be read");
    m->generation = n ? list[n - 1] : 0;
    if (code == 0)
        code = rewrite_at_start(task, m, err);
    for (size_t i = 0; i + 1 < n && code == 0; i++)
        code = remove_generation(task, m, list[i], err);
    free(list);
    return code;
}

static bool is_named(const struct manifest *m, uint64_t number, bool sst)
{
    if (sst)
        return intmap_get(&m->state.refs, number) != NULL;
    for (size_t i = 0; i < m->state.groups.entry_count; i++) {
        const struct mf_group *g = m->state.groups.entries[i].value;
        if (g && g->number == number)
            return true;
    }
    return false;
}

static int remove_orphans(struct task *task, struct manifest *m, bool sst, struct err *err)
{
    char dir[PATH_BYTES], path[PATH_BYTES + 300];
    struct fs_entry *entries = NULL;
    size_t count = 0;
    enum fs_result result;
    sub_dir(m, sst ? "sst" : "state", dir, sizeof dir);
    int code = fs_list(task, dir, &result, &entries, &count, err);
    for (size_t i = 0; i < count && code == 0; i++) {
        uint64_t number = 0;
        bool known = parse_name(entries[i].name, sst ? ".sst" : ".ckp", &number);
        if (known && number >= m->state.next_number)
            m->state.next_number = number + 1;
        if (known && is_named(m, number, sst))
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, entries[i].name);
        code = fs_unlink(task, path, &result, err);
        m->stats.orphans_removed++;
    }
    free(entries);
    return code;
}

static int make_dirs(struct task *task, struct manifest *m, struct err *err)
{
    static const char *const names[] = {"manifest", "sst", "state"};
    bool made = false;
    for (int i = 0; i < 3; i++) {
        char dir[PATH_BYTES];
        enum fs_result result;
        sub_dir(m, names[i], dir, sizeof dir);
        int code = fs_mkdir(task, dir, &result, err);
        if (code)
            return code;
        made |= result == FS_OK;
    }
    return made ? fs_sync_dir(task, m->dir, err) : 0;
}

int manifest_open(struct task *task, const char *dir, struct manifest **out, struct err *err)
{
    struct manifest *m = calloc(1, sizeof *m);
    assert(m);
    m->env = task->env;
    m->dir = strdup(dir);
    assert(m->dir);
    lock_init(&m->lock);
    manifest_state_init(&m->state);
    m->tail = &m->head;
    int code = make_dirs(task, m, err);
    if (code == 0)
        code = load_log(task, m, err);
    if (code == 0)
        code = remove_orphans(task, m, true, err);
    if (code == 0)
        code = remove_orphans(task, m, false, err);
    if (code == 0)
        code = lane_open(task->env, "manifest", &m->lane, err);
    buf_reset(&m->state.dropped);
    buf_reset(&m->state.dropped_ckp);
    if (code) {
        manifest_close(task, m);
        return code;
    }
    *out = m;
    return 0;
}

void manifest_close(struct task *task, struct manifest *m)
{
    m->closing = true; /* nobody waits any more */
    if (m->lane)
        lane_close(task, m->lane);
    close_copies(task, m);
    manifest_state_done(&m->state);
    lock_done(&m->lock);
    free(m->dir);
    free(m);
}

/* ---- questions ---- */

uint64_t manifest_file_number(struct manifest *m)
{
    lock_take(&m->lock);
    uint64_t n = m->state.next_number++;
    lock_give(&m->lock);
    return n;
}

size_t manifest_groups(struct manifest *m, struct manifest_group_info *out, size_t max)
{
    lock_take(&m->lock);
    size_t n = 0;
    for (size_t i = 0; i < m->state.groups.entry_count; i++) {
        const struct mf_group *g = m->state.groups.entries[i].value;
        if (!g)
            continue;
        struct manifest_group_info info = {g->group, g->index, g->state_len};
        size_t at = n < max ? n : max;
        /* Few groups: insertion keeps them in order. */
        while (at && at <= max && out[at - 1].group > info.group) {
            if (at < max)
                out[at] = out[at - 1];
            at--;
        }
        if (at < max)
            out[at] = info;
        n++;
    }
    lock_give(&m->lock);
    return n;
}

size_t manifest_tablets(struct manifest *m, struct manifest_tablet_info *out, size_t max)
{
    lock_take(&m->lock);
    struct mf_tablet **sorted = manifest_state_sorted(&m->state);
    size_t n = m->state.tablets.count;
    for (size_t i = 0; i < n && i < max; i++)
        out[i] = (struct manifest_tablet_info){sorted[i]->id, sorted[i]->group, sorted[i]->flushed,
                                               sorted[i]->n_files};
    free(sorted);
    lock_give(&m->lock);
    return n;
}

static int read_state_file(struct task *task, struct manifest *m, uint64_t number, uint64_t len,
                           uint32_t crc, struct buf *out, struct err *err)
{
    char path[PATH_BYTES];
    struct file *file = NULL;
    enum fs_result result;
    state_path(m, number, path, sizeof path);
    int code = file_open(task, path, FILE_READ, &result, &file, err);
    if (code)
        return code;
    if (result != FS_OK)
        return err_set(err, ERR_DATA_CORRUPTED, "group checkpoint \"%s\" is missing", path);
    size_t at = out->len, got = 0;
    code = file_pread(task, file, buf_extend(out, len), len, 0, &got, err);
    file_close(task, file);
    if (code == 0 && (got != len || crc32c(0, out->data + at, len) != crc))
        code = err_set(err, ERR_DATA_CORRUPTED, "group checkpoint \"%s\" is damaged", path);
    if (code)
        out->len = at;
    return code;
}

int manifest_group_state(struct task *task, struct manifest *m, uint32_t group, bool *found,
                         struct buf *out, struct err *err)
{
    uint64_t number = 0, len = 0;
    uint32_t crc = 0;
    lock_take(&m->lock);
    const struct mf_group *g = intmap_get(&m->state.groups, group);
    *found = g != NULL;
    if (g && g->number) {
        number = g->number;
        len = g->state_len;
        crc = g->crc;
    } else if (g) {
        buf_put(out, g->inline_state.data, g->inline_state.len);
    }
    lock_give(&m->lock);
    return number ? read_state_file(task, m, number, len, crc, out, err) : 0;
}

bool manifest_tablet(struct manifest *m, struct tablet_id id, struct buf *schema,
                     struct manifest_file **files, size_t *n_files)
{
    lock_take(&m->lock);
    const struct mf_tablet *t = manifest_state_tablet(&m->state, id);
    if (t) {
        buf_put(schema, t->schema.data, t->schema.len);
        size_t bytes = (t->n_files + 1) * sizeof **files;
        for (size_t i = 0; i < t->n_files; i++)
            bytes += t->files[i].min_key_len + t->files[i].max_key_len;
        struct manifest_file *copy = malloc(bytes);
        assert(copy);
        uint8_t *keys = (uint8_t *)(copy + t->n_files + 1);
        for (size_t i = 0; i < t->n_files; i++) {
            copy[i] = t->files[i];
            size_t len = copy[i].min_key_len + copy[i].max_key_len;
            memcpy(keys, t->files[i].min_key, len);
            copy[i].min_key = keys;
            copy[i].max_key = keys + copy[i].min_key_len;
            keys += len;
        }
        *files = copy;
        *n_files = t->n_files;
    }
    lock_give(&m->lock);
    return t != NULL;
}

void manifest_stats_get(struct manifest *m, struct manifest_stats *out)
{
    lock_take(&m->lock);
    *out = m->stats;
    lock_give(&m->lock);
}
