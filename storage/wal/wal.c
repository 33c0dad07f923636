#include "storage/wal/wal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage/wal/wal_int.h"

enum { PATH_BYTES = 512, CHUNK_KEEP_MAX = 1 << 20 };

void wal_path(const struct wal *wal, const char *name, char *out, size_t size)
{
    int n = snprintf(out, size, "%s/%s", wal->dir, name);
    assert(n > 0 && (size_t)n < size);
}

void wal_segment_path(const struct wal *wal, uint64_t id, char *out, size_t size)
{
    char name[32];
    snprintf(name, sizeof name, "%016llx.log", (unsigned long long)id);
    wal_path(wal, name, out, size);
}

void wal_spare_path(const struct wal *wal, uint64_t n, char *out, size_t size)
{
    char name[40];
    snprintf(name, sizeof name, "spare-%016llx", (unsigned long long)n);
    wal_path(wal, name, out, size);
}

int wal_disk_error(struct err *err)
{
    err_set(err, ERR_DISK_FULL, "the disk of the log is full");
    return err_hint(err,
                    "Free space on the volume that holds the store; writes resume by themselves.");
}

/* ---- appending (under the lock) ---- */

static struct wal_chunk *add_chunk(struct wal *wal)
{
    struct wal_chunk *chunk = wal->free_chunk;
    wal->free_chunk = NULL;
    if (!chunk)
        chunk = calloc(1, sizeof *chunk);
    assert(chunk);
    chunk->segment = wal->tail_segment;
    chunk->offset = wal->tail_offset;
    list_push_back(&wal->chunks, &chunk->link);
    return chunk;
}

static struct wal_chunk *tail_chunk(struct wal *wal)
{
    struct list_node *last = list_last(&wal->chunks);
    struct wal_chunk *chunk = last ? container_of(last, struct wal_chunk, link) : NULL;
    if (!chunk || chunk->segment != wal->tail_segment)
        chunk = add_chunk(wal);
    return chunk;
}

static wal_pos encode_here(struct wal *wal, struct wal_rec *rec, struct wal_group *g)
{
    struct wal_chunk *chunk = tail_chunk(wal);
    wal_pos pos = wal_pos_of(wal->tail_segment, wal->tail_offset);
    rec->durable = wal->durable;
    rec->previous = g ? g->last_pos : 0;
    wal_rec_write(rec, pos, &chunk->data);
    uint64_t size = wal_rec_size(rec->body_bytes);
    wal->tail_offset += size;
    wal->pending_bytes += size;
    wal->stats.appended_bytes += size;
    wal->stats.appended_records++;
    if (g)
        g->last_pos = pos;
    return pos;
}

/* Seals the tail segment and goes on in the next, whose file the lane will make of a spare. */
static void move_on(struct wal *wal, uint64_t need)
{
    struct wal_rec seal = {.type = WAL_REC_SEAL};
    encode_here(wal, &seal, NULL);
    struct wal_segment *old = wal_segment_find(wal, wal->tail_segment);
    old->sealed = true;
    old->end_offset = wal->tail_offset;
    wal->tail_segment++;
    wal->tail_offset = WAL_HEADER_BYTES;
    uint64_t size = wal->config.segment_bytes;
    if (size < WAL_HEADER_BYTES + need + WAL_REC_BYTES)
        size = WAL_HEADER_BYTES + need + WAL_REC_BYTES;
    wal->tail_limit = size;
    wal_segment_add(wal, wal->tail_segment, size);
    wal->spares_taken++;
    /* The header is part of the segment's first chunk. */
    struct wal_chunk *chunk = add_chunk(wal);
    struct wal_seg_header header = {.id = wal->tail_segment};
    chunk->offset = 0;
    wal_seg_header_write(&header, buf_extend(&chunk->data, WAL_HEADER_BYTES));
}

wal_pos wal_encode(struct wal *wal, struct wal_rec *rec, struct wal_group *g)
{
    uint64_t size = wal_rec_size(rec->body_bytes);
    if (wal->tail_offset + size + WAL_REC_BYTES > wal->tail_limit)
        move_on(wal, size);
    return encode_here(wal, rec, g);
}

static uint64_t write_bytes(const struct wal_write *w)
{
    uint64_t bytes = 2 * wal_rec_size(WAL_STATE_BYTES);
    for (uint32_t i = 0; i < w->n_entries; i++)
        bytes += wal_rec_size(w->entries[i]->size_bytes);
    return bytes;
}

/* Segments the write may still have to begin; each needs a spare that is there already. */
static bool has_room(struct wal *wal, uint64_t bytes)
{
    uint64_t left = wal->tail_limit - wal->tail_offset;
    if (bytes + WAL_REC_BYTES <= left)
        return true;
    uint64_t usable = wal->config.segment_bytes - WAL_HEADER_BYTES - WAL_REC_BYTES;
    uint64_t need = 1 + (bytes - (left < bytes ? left : 0)) / usable;
    if (wal->spares_ready >= wal->spares_taken + need)
        return true;
    wal->spares_wanted = (uint32_t)need;
    return false;
}

static void encode_state(struct wal *wal, struct wal_group *g, uint8_t type)
{
    uint8_t body[WAL_STATE_BYTES];
    wal_state_write(&g->state, body);
    struct wal_rec rec = {.type = type,
                          .group = g->id,
                          .index = g->state.truncated_index,
                          .term = g->state.hard_state.term,
                          .body = body,
                          .body_bytes = sizeof body};
    wal_group_state_at(wal, g, wal_encode(wal, &rec, g));
}

static void encode_entries(struct wal *wal, struct wal_group *g, const struct wal_write *w)
{
    for (uint32_t i = 0; i < w->n_entries; i++) {
        struct raft_entry *e = w->entries[i];
        assert(e->index > g->state.truncated_index && e->index <= wal_group_last(g) + 1);
        struct wal_rec rec = {.type = WAL_REC_ENTRY,
                              .entry_kind = e->kind,
                              .group = g->id,
                              .index = e->index,
                              .term = e->term,
                              .body = e->bytes,
                              .body_bytes = e->size_bytes};
        wal_pos pos = wal_encode(wal, &rec, g);
        wal_group_put(wal, g, e->index, e->term, pos, e->size_bytes, false);
        wal_cache_put(wal, g, wal_group_slot(g, e->index), e, pos);
    }
}

static void encode_forget(struct wal *wal, struct wal_group *g)
{
    struct wal_rec rec = {.type = WAL_REC_FORGET, .group = g->id};
    wal_encode(wal, &rec, g);
    wal_group_remove(wal, g);
}

static void encode_write(struct wal *wal, const struct wal_write *w)
{
    struct wal_group *g = wal_group_find(wal, w->group);
    if (w->op == WAL_FORGET) {
        if (g)
            encode_forget(wal, g);
        return;
    }
    g = wal_group_need(wal, w->group);
    if (w->op != WAL_APPEND) {
        assert(w->index >= g->state.truncated_index);
        g->state.truncated_index = w->index;
        g->state.truncated_term = w->term;
        if (w->op == WAL_RESET)
            wal_group_drop_suffix(wal, g, 0);
        else
            wal_group_drop_prefix(wal, g, w->index);
    }
    if (w->hard_state) {
        g->state.has_hard_state = true;
        g->state.hard_state = *w->hard_state;
    }
    if (w->op == WAL_RESET)
        encode_state(wal, g, WAL_REC_RESET);
    else if (w->op == WAL_TRUNCATE || w->hard_state)
        encode_state(wal, g, WAL_REC_STATE);
    encode_entries(wal, g, w);
}

static void drain(struct task *task, void *arg);

void wal_start_lane_job(struct wal *wal)
{
    if (wal->lane_busy || wal->stopped)
        return;
    wal->lane_busy = true;
    lane_post(wal->lane, drain, wal);
}

enum wal_append_result wal_append(struct wal *wal, struct wal_write *write)
{
    enum wal_append_result result = WAL_ACCEPTED;
    uint64_t bytes = write_bytes(write);
    lock_take(&wal->lock);
    if (wal->stopped) {
        result = WAL_STOPPED;
    } else if (wal->pending_bytes && wal->pending_bytes + bytes > wal->config.pending_bytes_max) {
        result = WAL_BUSY;
    } else if (!has_room(wal, bytes)) {
        result = wal->disk_full ? WAL_DISK_FULL : WAL_BUSY;
        wal_start_lane_job(wal); /* makes spares */
    } else {
        encode_write(wal, write);
        write->code = 0;
        write->next = NULL;
        if (write->done) {
            *wal->writes_tail = write;
            wal->writes_tail = &write->next;
        }
        wal_start_lane_job(wal);
    }
    lock_give(&wal->lock);
    return result;
}

/* ---- the lane ---- */

static void post_done(struct core *core, struct core_msg *msg)
{
    struct wal_write *w = container_of(msg, struct wal_write, msg);
    w->done(w);
}

static void answer(struct wal_write *w, int code)
{
    while (w) {
        struct wal_write *next = w->next;
        w->code = code;
        if (w->core)
            core_post(w->core, &w->msg, post_done);
        else
            w->done(w);
        w = next;
    }
}

int wal_make_spares(struct task *task, struct wal *wal, uint32_t want, struct err *err)
{
    for (;;) {
        lock_take(&wal->lock);
        uint64_t n = wal->spare_first + wal->spares_ready;
        bool enough = wal->spares_ready && wal->spares_ready >= wal->spares_taken + want;
        lock_give(&wal->lock);
        if (enough)
            return 0;
        char path[PATH_BYTES];
        wal_spare_path(wal, n, path, sizeof path);
        struct file *file = NULL;
        enum fs_result result;
        int code = file_open(task, path, FILE_READ | FILE_WRITE | FILE_CREATE, &result, &file, err);
        if (code)
            return code;
        code = file_allocate(task, file, wal->config.segment_bytes, err);
        if (code == 0)
            code = file_sync(task, file, err);
        file_close(task, file);
        if (code == 0)
            code = fs_sync_dir(task, wal->dir, err);
        if (code) {
            enum fs_result ignored;
            struct err second; /* what matters is why it could not be made */
            (void)!fs_unlink(task, path, &ignored, &second);
            return code;
        }
        lock_take(&wal->lock);
        wal->spares_ready++;
        wal->disk_full = false;
        lock_give(&wal->lock);
    }
}

/* Gives the segment of a chunk its file: the oldest spare under its new name. */
static int make_segment_file(struct task *task, struct wal *wal, struct wal_segment *seg,
                             struct err *err)
{
    char from[PATH_BYTES], to[PATH_BYTES];
    lock_take(&wal->lock);
    uint64_t n = wal->spare_first;
    bool have = wal->spares_ready > 0;
    lock_give(&wal->lock);
    if (!have) {
        int code = wal_make_spares(task, wal, 0, err);
        if (code)
            return code;
        n = wal->spare_first;
    }
    wal_spare_path(wal, n, from, sizeof from);
    wal_segment_path(wal, seg->id, to, sizeof to);
    int code = fs_rename(task, from, to, err);
    if (code)
        return code;
    enum fs_result result;
    struct file *file = NULL;
    code = file_open(task, to, FILE_READ | FILE_WRITE, &result, &file, err);
    if (code)
        return code;
    if (result != FS_OK)
        return err_set(err, ERR_IO_ERROR, "log segment \"%s\" disappeared", to);
    if (seg->size_bytes > wal->config.segment_bytes)
        code = file_allocate(task, file, seg->size_bytes, err);
    if (code == 0)
        code = fs_sync_dir(task, wal->dir, err);
    if (code) {
        file_close(task, file);
        return code;
    }
    lock_take(&wal->lock);
    seg->file = file;
    wal->spare_first++;
    wal->spares_ready--;
    if (wal->spares_taken)
        wal->spares_taken--;
    lock_give(&wal->lock);
    return 0;
}

static int write_chunk(struct task *task, struct wal *wal, struct wal_chunk *chunk, struct err *err)
{
    lock_take(&wal->lock);
    struct wal_segment *seg = wal_segment_find(wal, chunk->segment);
    lock_give(&wal->lock);
    if (!seg->file) {
        int code = make_segment_file(task, wal, seg, err);
        if (code)
            return code;
    }
    int code = file_pwrite(task, seg->file, chunk->data.data, chunk->data.len, chunk->offset, err);
    if (code)
        return code;
    uint64_t from = env_mono_ns(wal->env);
    code = file_sync(task, seg->file, err);
    if (code)
        return code;
    uint64_t now = env_mono_ns(wal->env);
    lock_take(&wal->lock);
    wal->stats.syncs++;
    wal->stats.sync_ns_sum += now - from;
    if (now - from > wal->stats.sync_ns_max)
        wal->stats.sync_ns_max = now - from;
    wal->stats.last_sync_at_ns = now;
    lock_give(&wal->lock);
    return 0;
}

static void free_chunks(struct list *chunks)
{
    struct list_node *node;
    while ((node = list_pop_front(chunks))) {
        struct wal_chunk *chunk = container_of(node, struct wal_chunk, link);
        buf_done(&chunk->data);
        free(chunk);
    }
}

/* Keeps the memory of one chunk for the next: growing a buffer anew for each batch costs more
 * than filling it. */
static void keep_chunk(struct wal *wal, struct list *chunks)
{
    struct list_node *node = list_first(chunks);
    struct wal_chunk *chunk = node ? container_of(node, struct wal_chunk, link) : NULL;
    if (!chunk || chunk->data.cap > CHUNK_KEEP_MAX)
        return;
    lock_take(&wal->lock);
    if (!wal->free_chunk) {
        list_remove(&chunk->link);
        buf_reset(&chunk->data);
        wal->free_chunk = chunk;
    }
    lock_give(&wal->lock);
}

static void fail_for_good(struct wal *wal, struct wal_write *writes, int code, struct err *err)
{
    lock_take(&wal->lock);
    wal->stopped = true;
    struct wal_write *later = wal->writes_head;
    wal->writes_head = NULL;
    wal->writes_tail = &wal->writes_head;
    bool report = !wal->fatal_reported;
    wal->fatal_reported = true;
    wal->lane_busy = false;
    lock_give(&wal->lock);
    answer(writes, code);
    answer(later, code);
    if (report && wal->config.on_fatal)
        wal->config.on_fatal(wal->config.fatal_arg, err);
}

/* The oldest segment without anything alive; taken out of the list. */
static struct wal_segment *take_dead_segment(struct wal *wal)
{
    lock_take(&wal->lock);
    struct list_node *node = list_first(&wal->segments);
    struct wal_segment *seg = node ? container_of(node, struct wal_segment, link) : NULL;
    if (seg && (seg->live || seg->readers || !seg->file || seg->id == wal->tail_segment ||
                wal_pos_of(seg->id + 1, 0) > wal->durable))
        seg = NULL;
    if (seg)
        list_remove(&seg->link);
    lock_give(&wal->lock);
    return seg;
}

/* Old segments become spares, or go. */
static int recycle_segments(struct task *task, struct wal *wal, struct err *err)
{
    struct wal_segment *seg;
    while ((seg = take_dead_segment(wal))) {
        char from[PATH_BYTES], to[PATH_BYTES];
        wal_segment_path(wal, seg->id, from, sizeof from);
        file_close(task, seg->file);
        lock_take(&wal->lock);
        bool keep = wal->spares_ready < wal->spares_taken + wal->config.spare_segments_max &&
                    seg->size_bytes == wal->config.segment_bytes;
        uint64_t number = wal->spare_first + wal->spares_ready;
        lock_give(&wal->lock);
        free(seg);
        int code;
        if (keep) {
            wal_spare_path(wal, number, to, sizeof to);
            code = fs_rename(task, from, to, err);
        } else {
            enum fs_result result;
            code = fs_unlink(task, from, &result, err);
        }
        if (code)
            return code;
        lock_take(&wal->lock);
        wal->spares_ready += keep;
        lock_give(&wal->lock);
    }
    return 0;
}

/* Housekeeping between batches: spares ahead of need, old segments recycled. A full disk is no
 * failure yet. */
static int keep_house(struct task *task, struct wal *wal, struct err *err)
{
    int code = recycle_segments(task, wal, err);
    if (code)
        return code;
    lock_take(&wal->lock);
    uint32_t want = wal->tail_offset > wal->tail_limit / 4;
    want = wal->spares_wanted > want ? wal->spares_wanted : want;
    wal->spares_wanted = 0;
    lock_give(&wal->lock);
    if (!want)
        return 0;
    code = wal_make_spares(task, wal, want, err);
    if (code == ERR_DISK_FULL) {
        lock_take(&wal->lock);
        wal->disk_full = true;
        lock_give(&wal->lock);
        return 0;
    }
    return code;
}

/* Takes everything pending, writes it, syncs, answers. False: nothing was pending. */
static bool write_batch(struct task *task, struct wal *wal, int *code, struct err *err)
{
    struct list chunks;
    list_init(&chunks);
    lock_take(&wal->lock);
    list_splice_back(&chunks, &wal->chunks);
    struct wal_write *writes = wal->writes_head;
    wal->writes_head = NULL;
    wal->writes_tail = &wal->writes_head;
    wal_pos end = wal_pos_of(wal->tail_segment, wal->tail_offset);
    uint64_t bytes = wal->pending_bytes;
    bool any = !list_is_empty(&chunks);
    lock_give(&wal->lock);
    *code = 0;
    list_each(struct wal_chunk, chunk, &chunks, link)
    {
        *code = write_chunk(task, wal, chunk, err);
        if (*code)
            break;
    }
    keep_chunk(wal, &chunks);
    free_chunks(&chunks);
    if (*code) {
        fail_for_good(wal, writes, *code, err);
        return false;
    }
    lock_take(&wal->lock);
    wal->durable = end;
    wal->pending_bytes -= any ? bytes : 0;
    wal->stats.batches += any;
    wal_cache_trim(wal, wal->config.cache_bytes_max);
    lock_give(&wal->lock);
    answer(writes, 0);
    return any || writes;
}

static void drain(struct task *task, void *arg)
{
    struct wal *wal = arg;
    struct err err;
    for (;;) {
        int code = 0;
        while (write_batch(task, wal, &code, &err))
            ;
        if (code)
            return;
        code = keep_house(task, wal, &err);
        if (code) {
            fail_for_good(wal, NULL, code, &err);
            return;
        }
        lock_take(&wal->lock);
        bool more = !list_is_empty(&wal->chunks) || wal->writes_head;
        if (!more)
            wal->lane_busy = false;
        lock_give(&wal->lock);
        if (!more)
            return;
    }
}

/* ---- waiting form, idle marker ---- */

struct waiting {
    struct wal_write *write;
    struct task *task;
    bool ended;
};

static void wake_waiting(struct wal_write *w)
{
    struct waiting *wait = w->arg;
    wait->ended = true;
    task_wake(wait->task);
}

int wal_append_wait(struct task *task, struct wal *wal, struct wal_write *write, struct err *err)
{
    struct waiting wait = {.write = write, .task = task};
    write->done = wake_waiting;
    write->core = task_core(task);
    write->arg = &wait;
    for (;;) {
        switch (wal_append(wal, write)) {
        case WAL_ACCEPTED:
            while (!wait.ended)
                task_park_always(task);
            if (write->code)
                return err_set(err, (enum err_code)write->code, "the log could not be written");
            return 0;
        case WAL_DISK_FULL:
            return wal_disk_error(err);
        case WAL_STOPPED:
            return err_set(err, ERR_IO_ERROR, "the log has stopped after a failed write");
        case WAL_BUSY:
            break;
        }
        int code = task_sleep(task, 1000000, err);
        if (code)
            return code;
    }
}

/* Under the lock. */
static void append_marker(struct wal *wal)
{
    struct wal_rec rec = {.type = WAL_REC_CLOSE};
    wal_encode(wal, &rec, NULL);
    wal->marked = wal_pos_of(wal->tail_segment, wal->tail_offset);
    wal->stats.closing_markers++;
    wal_start_lane_job(wal);
}

void wal_idle_tick(struct wal *wal)
{
    lock_take(&wal->lock);
    wal_pos end = wal_pos_of(wal->tail_segment, wal->tail_offset);
    if (!wal->stopped && !wal->lane_busy && end != wal->marked && end == wal->idle_seen &&
        has_room(wal, wal_rec_size(0)))
        append_marker(wal);
    else if (wal->disk_full)
        wal_start_lane_job(wal); /* is there room again? */
    wal->idle_seen = wal_pos_of(wal->tail_segment, wal->tail_offset);
    lock_give(&wal->lock);
}

/* ---- open and close ---- */

static void set_defaults(struct wal_config *c)
{
    c->segment_bytes = c->segment_bytes ? c->segment_bytes : 64ull << 20;
    c->cache_bytes_max = c->cache_bytes_max ? c->cache_bytes_max : 8ull << 20;
    c->log_bytes_max = c->log_bytes_max ? c->log_bytes_max : 256ull << 20;
    c->pending_bytes_max = c->pending_bytes_max ? c->pending_bytes_max : 64ull << 20;
    c->ballast_bytes = c->ballast_bytes ? c->ballast_bytes : 16ull << 20;
    c->spare_segments_max = c->spare_segments_max ? c->spare_segments_max : 2;
}

static void free_wal(struct task *task, struct wal *wal)
{
    for (size_t i = 0; i < wal->groups.entry_count; i++)
        if (wal->groups.entries[i].value)
            wal_group_free(wal->groups.entries[i].value);
    intmap_done(&wal->groups);
    if (wal->free_chunk)
        list_push_back(&wal->chunks, &wal->free_chunk->link);
    free_chunks(&wal->chunks);
    struct list_node *node;
    while ((node = list_pop_front(&wal->segments))) {
        struct wal_segment *seg = container_of(node, struct wal_segment, link);
        if (seg->file)
            file_close(task, seg->file);
        free(seg);
    }
    for (uint32_t s = wal->cache_head; s != wal->cache_tail; s++)
        raft_entry_unref(wal->cache[s & (wal->cache_cap - 1)].entry);
    free(wal->cache);
    lock_done(&wal->lock);
    free(wal->dir);
    free(wal);
}

int wal_open(struct task *task, const char *dir, const struct wal_config *config, struct wal **out,
             struct err *err)
{
    struct wal *wal = calloc(1, sizeof *wal);
    assert(wal);
    wal->env = task->env;
    wal->dir = strdup(dir);
    assert(wal->dir);
    wal->config = *config;
    set_defaults(&wal->config);
    lock_init(&wal->lock);
    intmap_init(&wal->groups);
    list_init(&wal->segments);
    list_init(&wal->chunks);
    wal->writes_tail = &wal->writes_head;
    int code = wal_recover(task, wal, err);
    if (code == 0)
        code = lane_open(task->env, "wal", &wal->lane, err);
    if (code) {
        free_wal(task, wal);
        return code;
    }
    lock_take(&wal->lock);
    wal_start_lane_job(wal); /* recycles what recovery made dead */
    lock_give(&wal->lock);
    *out = wal;
    return 0;
}

void wal_close(struct task *task, struct wal *wal)
{
    lock_take(&wal->lock);
    if (!wal->stopped && has_room(wal, wal_rec_size(0)) &&
        wal_pos_of(wal->tail_segment, wal->tail_offset) != wal->marked) {
        if (!list_is_empty(&wal->chunks)) {
            /* A marker proves only what was synced before it: let the rest go first. */
            wal_start_lane_job(wal);
        }
        lock_give(&wal->lock);
        lane_close(task, wal->lane);
        struct err err;
        wal->lane = NULL;
        if (lane_open(wal->env, "wal", &wal->lane, &err) == 0) {
            lock_take(&wal->lock);
            if (!wal->stopped)
                append_marker(wal);
            lock_give(&wal->lock);
            lane_close(task, wal->lane);
        }
    } else {
        lock_give(&wal->lock);
        lane_close(task, wal->lane);
    }
    free_wal(task, wal);
}

void wal_stats_get(struct wal *wal, struct wal_stats *out)
{
    lock_take(&wal->lock);
    *out = wal->stats;
    list_each(struct wal_segment, seg, &wal->segments, link)
    {
        out->segments++;
        out->log_bytes += seg->size_bytes;
    }
    out->spare_segments = wal->spares_ready;
    out->cached_bytes = wal->cached_bytes;
    out->index_bytes = wal->slot_bytes + wal->cache_cap * sizeof *wal->cache;
    out->has_pending = !list_is_empty(&wal->chunks) || wal->lane_busy;
    out->durable = wal->durable;
    lock_give(&wal->lock);
}

void wal_recovery_get(struct wal *wal, struct wal_recovery *out)
{
    *out = wal->recovery;
}
