#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage/wal/wal_int.h"

/* Two passes over the segments. The first finds what is damaged and how far the log was proven
 * durable (the largest `durable` of any valid record), and which stretches an earlier recovery
 * voided. The second applies the records in order; those behind the proven position are written
 * again into a fresh segment. */

enum { PATH_BYTES = 512, HOLE_MAX = 1 << 24 };

/* A stretch that holds no valid record. */
struct damage {
    wal_pos from, to;
    bool known; /* its header is readable: exactly one record, of `group` */
    uint8_t type;
    uint64_t group;
};

struct void_range {
    wal_pos from, to;
};

struct seg_file {
    uint64_t id;
    uint64_t size;
    bool header_ok;
    struct wal_seg_header header;
    bool has_cut;
    wal_pos cut_from;
};

struct recovery {
    struct wal *wal;
    struct seg_file *segs;
    size_t n_segs;
    struct damage *damages;
    size_t n_damages, cap_damages;
    struct void_range *voids;
    size_t n_voids;
    wal_pos proven; /* everything before was synced */
    wal_pos tail;   /* records from here on never were acknowledged: cut */
    bool lost_unknown;
};

/* ---- walking a segment ---- */

typedef void visit_fn(struct recovery *r, struct seg_file *seg, wal_pos pos,
                      enum wal_rec_check check, const struct wal_rec *rec, wal_pos end);

/* The next offset >= from whose record header is valid; size when none. */
static uint64_t search_record(const uint8_t *data, uint64_t size, uint64_t id, uint64_t from)
{
    struct wal_rec rec;
    for (uint64_t at = from; at + WAL_REC_BYTES <= size; at += 8) {
        if (load_le16(data + at + 14) != WAL_MAGIC)
            continue;
        if (wal_rec_read(data + at, size - at, wal_pos_of(id, at), &rec) != WAL_REC_BAD)
            return at;
    }
    return size;
}

static void walk_bytes(struct recovery *r, struct seg_file *seg, const uint8_t *data, uint64_t size,
                       visit_fn *visit)
{
    uint64_t at = WAL_HEADER_BYTES;
    while (at < size) {
        struct wal_rec rec;
        wal_pos pos = wal_pos_of(seg->id, at);
        enum wal_rec_check check = wal_rec_read(data + at, size - at, pos, &rec);
        if (check == WAL_REC_BAD) {
            uint64_t next = search_record(data, size, seg->id, at + 8);
            if (next == size)
                break;
            visit(r, seg, pos, check, NULL, wal_pos_of(seg->id, next));
            at = next;
            continue;
        }
        uint64_t end = at + wal_rec_size(rec.body_bytes);
        visit(r, seg, pos, check, &rec, wal_pos_of(seg->id, end));
        if (check == WAL_REC_OK && rec.type == WAL_REC_SEAL)
            return;
        at = end;
    }
    /* No SEAL: the end of the log, or of what is left of this segment. */
    visit(r, seg, wal_pos_of(seg->id, at), WAL_REC_BAD, NULL, wal_pos_of(seg->id + 1, 0));
}

static int read_segment(struct task *task, struct recovery *r, struct seg_file *seg,
                        struct file **keep, uint8_t **data, struct err *err)
{
    char path[PATH_BYTES];
    wal_segment_path(r->wal, seg->id, path, sizeof path);
    enum fs_result result;
    struct file *file = NULL;
    int code = file_open(task, path, FILE_READ | FILE_WRITE, &result, &file, err);
    if (code)
        return code;
    if (result != FS_OK)
        return err_set(err, ERR_IO_ERROR, "log segment \"%s\" disappeared", path);
    uint8_t *bytes = malloc(seg->size ? seg->size : 1);
    assert(bytes);
    size_t got = 0;
    code = file_pread(task, file, bytes, seg->size, 0, &got, err);
    if (code) {
        free(bytes);
        file_close(task, file);
        return code;
    }
    seg->size = got;
    *keep = file;
    *data = bytes;
    return 0;
}

static int walk_segment(struct task *task, struct recovery *r, struct seg_file *seg,
                        visit_fn *visit, struct file **keep, struct err *err)
{
    struct file *file = NULL;
    uint8_t *data = NULL;
    int code = read_segment(task, r, seg, &file, &data, err);
    if (code)
        return code;
    seg->header_ok = seg->size >= WAL_HEADER_BYTES && wal_seg_header_read(data, &seg->header) &&
                     seg->header.id == seg->id;
    walk_bytes(r, seg, data, seg->size, visit);
    free(data);
    if (keep)
        *keep = file;
    else
        file_close(task, file);
    return 0;
}

/* ---- the first pass ---- */

static void add_damage(struct recovery *r, struct damage d)
{
    if (r->n_damages == r->cap_damages) {
        r->cap_damages = r->cap_damages ? r->cap_damages * 2 : 16;
        r->damages = realloc(r->damages, r->cap_damages * sizeof *r->damages);
        assert(r->damages);
    }
    r->damages[r->n_damages++] = d;
}

static void survey(struct recovery *r, struct seg_file *seg, wal_pos pos, enum wal_rec_check check,
                   const struct wal_rec *rec, wal_pos end)
{
    if (check == WAL_REC_BAD) {
        add_damage(r, (struct damage){.from = pos, .to = end});
        return;
    }
    if (rec->durable > r->proven)
        r->proven = rec->durable;
    if (check == WAL_REC_BAD_BODY) {
        add_damage(r, (struct damage){pos, end, true, rec->type, rec->group});
        return;
    }
    if (rec->type == WAL_REC_CUT) {
        seg->has_cut = true;
        seg->cut_from = rec->index;
    }
}

static void find_voids(struct recovery *r)
{
    r->voids = calloc(r->n_segs + 1, sizeof *r->voids);
    assert(r->voids);
    for (size_t i = 0; i < r->n_segs; i++) {
        struct seg_file *seg = &r->segs[i];
        wal_pos start = wal_pos_of(seg->id, 0);
        bool recovery = seg->header_ok && (seg->header.flags & WAL_FLAG_RECOVERY);
        if (seg->has_cut)
            r->voids[r->n_voids++] = (struct void_range){seg->cut_from, start};
        else if (recovery && r->proven > start)
            r->voids[r->n_voids++] = (struct void_range){seg->header.cut, start};
        else if (recovery)
            /* A recovery that did not get to its end: it counts for nothing. */
            r->voids[r->n_voids++] = (struct void_range){start, wal_pos_of(seg->id + 1, 0)};
    }
}

static bool is_void(const struct recovery *r, wal_pos pos)
{
    for (size_t i = 0; i < r->n_voids; i++)
        if (pos >= r->voids[i].from && pos < r->voids[i].to)
            return true;
    return false;
}

/* A missing segment between others is damage like any other. */
static void find_missing(struct recovery *r)
{
    for (size_t i = 1; i < r->n_segs; i++)
        if (r->segs[i].id != r->segs[i - 1].id + 1)
            add_damage(r, (struct damage){.from = wal_pos_of(r->segs[i - 1].id + 1, 0),
                                          .to = wal_pos_of(r->segs[i].id, 0)});
}

/* Damage before the proven position is corruption; the first one at or behind it is the end of
 * the log. */
static void find_tail(struct recovery *r)
{
    r->tail = UINT64_MAX;
    for (size_t i = 0; i < r->n_damages; i++) {
        struct damage *d = &r->damages[i];
        if (is_void(r, d->from))
            continue;
        if (d->from >= r->proven) {
            r->tail = d->from < r->tail ? d->from : r->tail;
            continue;
        }
        r->wal->recovery.damaged_records++;
        r->lost_unknown |= !d->known;
    }
}

/* ---- the second pass ---- */

static void freeze(struct wal_group *g, uint8_t quarantine)
{
    g->is_frozen = true;
    if (g->quarantine < quarantine)
        g->quarantine = quarantine;
}

/* Copies of old entries come behind newer ones, and segments between may be gone since: holes
 * on both sides are allowed meanwhile (close_holes). */
static void place_entry(struct wal *wal, struct wal_group *g, const struct wal_rec *rec,
                        wal_pos pos)
{
    bool copied = rec->type == WAL_REC_COPIED;
    if (rec->index <= g->state.truncated_index || g->is_frozen)
        return;
    if (g->count &&
        (rec->index + HOLE_MAX < g->first || rec->index > wal_group_last(g) + HOLE_MAX)) {
        freeze(g, RAFT_LOG_LOST); /* no log of ours has such a gap */
        return;
    }
    if (g->count && rec->index < g->first && copied)
        wal_group_extend_front(wal, g, rec->index);
    else if (g->count && rec->index > wal_group_last(g) + 1)
        wal_group_extend_back(wal, g, rec->index);
    wal_group_put(wal, g, rec->index, rec->term, pos, rec->body_bytes, copied);
}

static void apply_state(struct recovery *r, struct wal_group *g, const struct wal_rec *rec,
                        wal_pos pos)
{
    struct wal_state state;
    if (!wal_state_read(rec->body, rec->body_bytes, &state)) {
        freeze(g, RAFT_HARD_STATE_LOST);
        return;
    }
    g->state = state;
    wal_group_state_at(r->wal, g, pos);
    if (rec->type == WAL_REC_RESET) {
        wal_group_drop_suffix(r->wal, g, 0);
        g->is_frozen = false;
        g->quarantine = RAFT_HEALTHY;
        return;
    }
    wal_group_drop_prefix(r->wal, g, state.truncated_index);
    if (g->quarantine == RAFT_HARD_STATE_LOST && state.has_hard_state)
        g->quarantine = RAFT_LOG_LOST; /* a later one was found */
}

static void apply_record(struct recovery *r, const struct wal_rec *rec, wal_pos old_pos,
                         wal_pos new_pos)
{
    struct wal *wal = r->wal;
    if (rec->type == WAL_REC_FORGET) {
        struct wal_group *g = wal_group_find(wal, rec->group);
        if (g)
            wal_group_remove(wal, g);
        return;
    }
    struct wal_group *g = wal_group_need(wal, rec->group);
    /* `previous` names a record we did not see, and not because its segment was let go. */
    if (rec->previous > g->seen_pos && rec->previous >= wal_pos_of(r->segs[0].id, 0))
        freeze(g, RAFT_HARD_STATE_LOST);
    g->seen_pos = old_pos;
    if (rec->type == WAL_REC_STATE || rec->type == WAL_REC_RESET) {
        apply_state(r, g, rec, new_pos);
    } else {
        place_entry(wal, g, rec, new_pos);
        wal->recovery.entries++;
    }
}

static void replay(struct recovery *r, struct seg_file *seg, wal_pos pos, enum wal_rec_check check,
                   const struct wal_rec *rec, wal_pos end)
{
    struct wal *wal = r->wal;
    if (is_void(r, pos))
        return;
    if (pos >= r->tail) {
        if (rec)
            wal->recovery.cut_bytes += end - pos;
        return;
    }
    if (check == WAL_REC_BAD_BODY) {
        struct wal_group *g = rec->group ? wal_group_need(wal, rec->group) : NULL;
        bool entry = rec->type == WAL_REC_ENTRY || rec->type == WAL_REC_COPIED;
        if (g) {
            freeze(g, entry ? RAFT_LOG_LOST : RAFT_HARD_STATE_LOST);
            g->seen_pos = pos;
        }
        return;
    }
    if (check != WAL_REC_OK || rec->group == 0)
        return;
    wal->recovery.records++;
    if (pos < r->proven) {
        apply_record(r, rec, pos, pos);
        wal_group_need_last(wal, rec->group, pos);
        return;
    }
    /* Not proven durable: once more, where it will be. */
    struct wal_rec again = *rec;
    struct wal_group *g = rec->type == WAL_REC_FORGET ? wal_group_find(wal, rec->group)
                                                      : wal_group_need(wal, rec->group);
    wal_pos new_pos = wal_encode(wal, &again, g);
    apply_record(r, rec, pos, new_pos);
    wal->recovery.rewritten_records++;
}

/* Cuts a group's entries at the first hole. */
static void close_holes(struct wal *wal, struct wal_group *g)
{
    for (size_t k = 0; k < g->count; k++) {
        if (wal_group_slot(g, g->first + k)->pos)
            continue;
        freeze(g, RAFT_LOG_LOST);
        wal_group_drop_suffix(wal, g, g->first + k);
        return;
    }
    if (g->count && g->first != g->state.truncated_index + 1) {
        freeze(g, RAFT_LOG_LOST);
        wal_group_drop_suffix(wal, g, g->first);
    }
}

static void judge_groups(struct recovery *r)
{
    struct wal *wal = r->wal;
    for (size_t i = 0; i < wal->groups.entry_count; i++) {
        struct wal_group *g = wal->groups.entries[i].value;
        if (!g)
            continue;
        for (size_t k = 0; k < r->n_damages; k++) {
            struct damage *d = &r->damages[k];
            /* Nothing of the group behind the hole says that nothing of it was in there. */
            if (!d->known && d->from < r->proven && !is_void(r, d->from) && g->seen_pos < d->from)
                freeze(g, RAFT_HARD_STATE_LOST);
        }
        close_holes(wal, g);
        if (!g->quarantine)
            continue;
        wal->recovery.quarantined_groups++;
        if (g->state.hard_state.quarantine < g->quarantine)
            g->state.hard_state.quarantine = g->quarantine;
        uint8_t body[WAL_STATE_BYTES];
        wal_state_write(&g->state, body);
        struct wal_rec rec = {.type = WAL_REC_STATE,
                              .group = g->id,
                              .index = g->state.truncated_index,
                              .term = g->state.hard_state.term,
                              .body = body,
                              .body_bytes = sizeof body};
        wal_group_state_at(wal, g, wal_encode(wal, &rec, g));
    }
}

/* ---- files ---- */

static bool parse_hex(const char *text, size_t len, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        *out = *out << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return true;
}

static int drop_file(struct task *task, struct wal *wal, const char *name, struct err *err)
{
    char path[PATH_BYTES];
    enum fs_result result;
    wal_path(wal, name, path, sizeof path);
    return fs_unlink(task, path, &result, err);
}

/* fs_list sorts by name, and ids are fixed-width hex: segments and spares come in order. */
static int list_files(struct task *task, struct recovery *r, bool *has_ballast, struct err *err)
{
    struct wal *wal = r->wal;
    struct fs_entry *entries = NULL;
    size_t count = 0;
    enum fs_result result;
    int code = fs_list(task, wal->dir, &result, &entries, &count, err);
    if (code)
        return code;
    if (result != FS_OK)
        return err_set(err, ERR_IO_ERROR, "there is no directory \"%s\"", wal->dir);
    r->segs = calloc(count + 1, sizeof *r->segs);
    assert(r->segs);
    for (size_t i = 0; i < count && code == 0; i++) {
        const struct fs_entry *e = &entries[i];
        size_t len = strlen(e->name);
        uint64_t n = 0;
        if (len == 20 && strcmp(e->name + 16, ".log") == 0 && parse_hex(e->name, 16, &n)) {
            r->segs[r->n_segs++] = (struct seg_file){.id = n, .size = e->size_bytes};
        } else if (strcmp(e->name, "ballast") == 0) {
            *has_ballast = e->size_bytes >= wal->config.ballast_bytes;
        } else if (len == 22 && strncmp(e->name, "spare-", 6) == 0 &&
                   parse_hex(e->name + 6, 16, &n)) {
            bool fits = e->size_bytes == wal->config.segment_bytes;
            if (fits && wal->spares_ready == 0)
                wal->spare_first = n;
            if (fits && n == wal->spare_first + wal->spares_ready)
                wal->spares_ready++;
            else
                code = drop_file(task, wal, e->name, err);
        }
    }
    free(entries);
    return code;
}

static int write_tail(struct task *task, struct wal *wal, struct wal_segment *seg, struct err *err)
{
    int code = 0;
    list_each(struct wal_chunk, chunk, &wal->chunks, link)
    {
        if (code == 0)
            code =
                file_pwrite(task, seg->file, chunk->data.data, chunk->data.len, chunk->offset, err);
    }
    if (code == 0)
        code = file_sync(task, seg->file, err);
    if (code)
        return code;
    struct list_node *node;
    while ((node = list_pop_front(&wal->chunks))) {
        struct wal_chunk *chunk = container_of(node, struct wal_chunk, link);
        buf_done(&chunk->data);
        free(chunk);
    }
    wal->pending_bytes = 0;
    wal->durable = wal_pos_of(wal->tail_segment, wal->tail_offset);
    return 0;
}

static int make_file(struct task *task, struct wal *wal, struct wal_segment *seg, struct err *err)
{
    char path[PATH_BYTES], spare[PATH_BYTES];
    wal_segment_path(wal, seg->id, path, sizeof path);
    enum fs_result result;
    int code = 0;
    if (wal->spares_ready && seg->size_bytes == wal->config.segment_bytes) {
        wal_spare_path(wal, wal->spare_first, spare, sizeof spare);
        code = fs_rename(task, spare, path, err);
        wal->spare_first++;
        wal->spares_ready--;
    }
    if (code == 0)
        code =
            file_open(task, path, FILE_READ | FILE_WRITE | FILE_CREATE, &result, &seg->file, err);
    if (code)
        return code;
    code = file_allocate(task, seg->file, seg->size_bytes, err);
    if (code == 0)
        code = fs_sync_dir(task, wal->dir, err);
    if (code) {
        file_close(task, seg->file);
        seg->file = NULL;
    }
    return code;
}

/* The recovery segment: first what is written again, then, once that is durable, the CUT that
 * makes it count, then a closing marker. */
static int write_recovery_segment(struct task *task, struct wal *wal, struct wal_segment *seg,
                                  struct err *err)
{
    wal_pos cut = wal->durable;
    uint64_t need = wal->tail_offset + 3 * WAL_REC_BYTES;
    seg->size_bytes = need > wal->config.segment_bytes ? need : wal->config.segment_bytes;
    int code = make_file(task, wal, seg, err);
    if (code == ERR_DISK_FULL) {
        enum fs_result result;
        char path[PATH_BYTES];
        wal_path(wal, "ballast", path, sizeof path);
        code = fs_unlink(task, path, &result, err);
        wal->no_ballast = true;
        if (code == 0)
            code = make_file(task, wal, seg, err);
    }
    if (code == 0)
        code = write_tail(task, wal, seg, err);
    if (code)
        return code;
    struct wal_rec rec = {.type = WAL_REC_CUT, .index = cut};
    wal->tail_limit = seg->size_bytes;
    wal_encode(wal, &rec, NULL);
    code = write_tail(task, wal, seg, err);
    if (code)
        return code;
    /* Proof that the CUT was durable, should it be damaged later: old segments may be gone by
     * then. */
    struct wal_rec close = {.type = WAL_REC_CLOSE};
    wal_encode(wal, &close, NULL);
    return write_tail(task, wal, seg, err);
}

static int make_ballast(struct task *task, struct wal *wal, struct err *err)
{
    char path[PATH_BYTES];
    wal_path(wal, "ballast", path, sizeof path);
    struct file *file = NULL;
    enum fs_result result;
    int code = file_open(task, path, FILE_WRITE | FILE_CREATE, &result, &file, err);
    if (code)
        return code;
    code = file_allocate(task, file, wal->config.ballast_bytes, err);
    file_close(task, file);
    if (code == ERR_DISK_FULL) {
        wal->no_ballast = true;
        return drop_file(task, wal, "ballast", err);
    }
    return code;
}

/* Where records that must be written again go. The limit is lifted: the file is made when their
 * size is known. */
static struct wal_segment *begin_recovery_segment(struct recovery *r)
{
    struct wal *wal = r->wal;
    wal->durable = r->proven;
    wal->tail_segment = r->n_segs ? r->segs[r->n_segs - 1].id + 1 : 1;
    wal->tail_offset = WAL_HEADER_BYTES;
    wal->tail_limit = UINT32_MAX;
    struct wal_chunk *chunk = calloc(1, sizeof *chunk);
    assert(chunk);
    chunk->segment = wal->tail_segment;
    list_push_back(&wal->chunks, &chunk->link);
    struct wal_seg_header header = {wal->tail_segment, WAL_FLAG_RECOVERY, r->proven};
    wal_seg_header_write(&header, buf_extend(&chunk->data, WAL_HEADER_BYTES));
    struct wal_segment *seg = wal_segment_add(wal, wal->tail_segment, 0);
    list_remove(&seg->link); /* behind the old ones, which come next */
    return seg;
}

static int run_passes(struct task *task, struct recovery *r, struct err *err)
{
    struct wal *wal = r->wal;
    for (size_t i = 0; i < r->n_segs; i++) {
        int code = walk_segment(task, r, &r->segs[i], survey, NULL, err);
        if (code)
            return code;
    }
    find_voids(r);
    find_missing(r);
    find_tail(r);
    struct wal_segment *fresh = begin_recovery_segment(r);
    for (size_t i = 0; i < r->n_segs; i++) {
        struct wal_segment *seg = wal_segment_add(wal, r->segs[i].id, r->segs[i].size);
        seg->sealed = true;
        list_push_back(&wal->segments, &fresh->link);
        int code = walk_segment(task, r, &r->segs[i], replay, &seg->file, err);
        list_remove(&fresh->link);
        if (code) {
            free(fresh);
            return code;
        }
    }
    list_push_back(&wal->segments, &fresh->link);
    wal->recovery.segments = r->n_segs;
    judge_groups(r);
    wal->recovery.lost_unknown = r->lost_unknown;
    return write_recovery_segment(task, wal, fresh, err);
}

int wal_recover(struct task *task, struct wal *wal, struct err *err)
{
    struct recovery r = {.wal = wal};
    bool has_ballast = false;
    int code = list_files(task, &r, &has_ballast, err);
    if (code == 0)
        code = run_passes(task, &r, err);
    if (code == 0 && !has_ballast && !wal->no_ballast)
        code = make_ballast(task, wal, err);
    free(r.segs);
    free(r.damages);
    free(r.voids);
    if (code == 0) {
        wal->stats = (struct wal_stats){.last_sync_at_ns = env_mono_ns(wal->env)};
        wal->marked = wal->idle_seen = 0;
        list_each(struct wal_segment, seg, &wal->segments, link) seg->readers = 0;
    }
    return code;
}
