/* group_snapshot.c: a whole group from one replica to another.
 *
 * One stream on the bulk connection. It begins with a fresh checkpoint of the sender, followed by
 * the files of every tablet as they are then (they may be ahead of the checkpoint; replay leaves
 * that alone, as after a crash). The receiver writes the files beside its own, and only when all of
 * it is there and verified asks raft whether it still wants it. A stream that breaks starts from
 * zero.
 *
 *     opening   u8 version = 1 | u32 group | u32 tablets | sized raft SNAPSHOT message (raft_msg.h)
 *     elements  u8 kind, then:
 *       STATE - payload: checkpoint bytes, in pieces TABLET u64 storage | u16 shard | u64 flushed |
 *       u32 files | sized schema (kv_schema_encode) FILE u64 run a file of the last tablet begins
 *       DATA - payload: its next bytes CLOSE - it is complete END     -
 */
#include <stdlib.h>

#include "base/arena.h"
#include "storage/tablet/group_int.h"

enum { SNAPSHOT_VERSION = 1, PIECE_BYTES = 256 << 10 };
enum { PART_STATE = 1, PART_TABLET, PART_FILE, PART_DATA, PART_CLOSE, PART_END };

/* ---- sending ---- */

struct sent_tablet {
    struct tablet_id id;
    uint64_t flushed;
    struct buf schema;
    struct lsm_snapshot *files;
};

struct sending {
    struct group *group;
    struct raft_snapshot_request request;
    struct raft_snapshot_meta meta;
    struct buf state;
    struct sent_tablet *tablets;
    size_t n_tablets;
    struct rpc_stream *stream;
};

/* No wait: tablets and flushed indexes of one moment. */
static void pin_tablets(struct sending *s)
{
    struct group *group = s->group;
    s->tablets = calloc(group->n_tablets + 1, sizeof *s->tablets);
    if (!s->tablets)
        abort();
    for (size_t i = 0; i < group->n_tablets; i++) {
        struct group_tablet *tablet = group->tablets[i];
        struct sent_tablet *out = &s->tablets[s->n_tablets++];
        out->id = tablet->id;
        out->flushed = lsm_flushed(tablet->lsm);
        if (out->flushed < s->meta.index)
            out->flushed = s->meta.index;
        kv_schema_encode(lsm_schema(tablet->lsm), &out->schema);
        out->files = lsm_snapshot_take(tablet->lsm);
    }
}

static int send_part(struct task *task, struct sending *s, uint8_t kind, const struct buf *msg,
                     const void *payload, size_t payload_len, struct err *err)
{
    struct buf head = {0};
    buf_put_u8(&head, kind);
    if (msg)
        buf_put(&head, msg->data, msg->len);
    int rc = rpc_stream_send(task, s->stream, head.data, head.len, payload, payload_len, err);
    buf_done(&head);
    return rc;
}

static int send_state(struct task *task, struct sending *s, struct err *err)
{
    int rc = 0;
    for (size_t at = 0; at < s->state.len && !rc; at += PIECE_BYTES) {
        size_t n = s->state.len - at < PIECE_BYTES ? s->state.len - at : PIECE_BYTES;
        rc = send_part(task, s, PART_STATE, NULL, s->state.data + at, n, err);
    }
    return rc;
}

static int send_file(struct task *task, struct sending *s, struct lsm_snapshot *files,
                     const struct manifest_file *file, struct err *err)
{
    struct buf msg = {0};
    buf_put_le64(&msg, file->run);
    int rc = send_part(task, s, PART_FILE, &msg, NULL, 0, err);
    buf_done(&msg);
    uint8_t *piece = malloc(PIECE_BYTES);
    if (!piece && !rc)
        rc = err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    size_t got = 1;
    for (uint64_t at = 0; !rc && got; at += got) {
        rc = lsm_file_read(task, files, file->number, at, piece, PIECE_BYTES, &got, err);
        if (!rc && got)
            rc = send_part(task, s, PART_DATA, NULL, piece, got, err);
    }
    free(piece);
    return rc ? rc : send_part(task, s, PART_CLOSE, NULL, NULL, 0, err);
}

static int send_tablet(struct task *task, struct sending *s, struct sent_tablet *tablet,
                       struct err *err)
{
    size_t n_files;
    const struct manifest_file *files = lsm_snapshot_files(tablet->files, &n_files);
    struct buf msg = {0};
    buf_put_le64(&msg, tablet->id.storage);
    buf_put_le16(&msg, tablet->id.shard);
    buf_put_le64(&msg, tablet->flushed);
    buf_put_le32(&msg, (uint32_t)n_files);
    buf_put_sized(&msg, tablet->schema.data, tablet->schema.len);
    int rc = send_part(task, s, PART_TABLET, &msg, NULL, 0, err);
    buf_done(&msg);
    for (size_t i = 0; i < n_files && !rc; i++)
        rc = send_file(task, s, tablet->files, &files[i], err);
    return rc;
}

/* The opening: names the group and carries what raft there will be asked. */
static int open_stream(struct task *task, struct sending *s, struct err *err)
{
    struct raft_message message;
    if (!raft_snapshot_message(s->group->raft, s->request.to, &s->meta, &message))
        return err_set(err, ERR_OBJECT_NOT_IN_PREREQUISITE_STATE, "no longer the leader");
    struct buf msg = {0}, raft = {0};
    size_t size = raft_message_encoded_size(&message);
    raft_message_encode(&message, buf_extend(&raft, size));
    buf_put_u8(&msg, SNAPSHOT_VERSION);
    buf_put_le32(&msg, s->group->id);
    buf_put_le32(&msg, (uint32_t)s->n_tablets);
    buf_put_sized(&msg, raft.data, raft.len);
    struct rpc_call call = {.to = s->request.to_node,
                            .method = STORE_METHOD_SNAPSHOT,
                            .cls = RPC_BULK,
                            .msg = msg.data,
                            .msg_len = msg.len};
    int rc = rpc_stream_open(task, s->group->store->rpc, &call, &s->stream, err);
    buf_done(&msg);
    buf_done(&raft);
    return rc;
}

static int send_all(struct task *task, struct sending *s, struct err *err)
{
    /* Raft asks again and again while the follower is away: no checkpoint for each of that. */
    if (!store_node_alive(s->group->store, s->request.to_node))
        return err_set(err, ERR_CONNECTION_DOES_NOT_EXIST, "node %u is down",
                       s->request.to_node);
    int rc = group_checkpoint(task, s->group, &s->state, err);
    if (rc)
        return rc;
    struct buf_reader in = buf_reader_of(s->state.data, s->state.len);
    buf_take(&in, 8);
    s->meta.index = buf_take_le64(&in);
    s->meta.term = buf_take_le64(&in);
    s->meta.conf = s->group->conf;
    pin_tablets(s);
    rc = open_stream(task, s, err);
    if (!rc)
        rc = send_state(task, s, err);
    for (size_t i = 0; i < s->n_tablets && !rc && !s->group->stopped; i++)
        rc = send_tablet(task, s, &s->tablets[i], err);
    if (!rc && s->group->stopped)
        rc = err_set(err, ERR_ADMIN_SHUTDOWN, "the store is closing");
    if (!rc)
        rc = send_part(task, s, PART_END, NULL, NULL, 0, err);
    if (!rc)
        rc = rpc_stream_finish(task, s->stream, err);
    enum rpc_recv_result result = RPC_GOT;
    struct rpc_in got;
    while (!rc && result == RPC_GOT)
        rc = rpc_stream_recv(task, s->stream, &result, &got, err);
    return rc;
}

static void report_sent(struct sending *s, int rc, const struct err *err)
{
    struct group *group = s->group;
    struct raft_event event = {.kind = RAFT_EV_SNAPSHOT_STATUS,
                               .peer = s->request.to,
                               .ok = rc == 0,
                               .index = s->meta.index};
    group_step(group, &event);
    if (!group->store->log || rc == ERR_CONNECTION_DOES_NOT_EXIST)
        return;
    if (rc)
        log_event(group->store->log, LOG_WARN, "snapshot_failed", LOG_U64("group", group->id),
                  LOG_U64("to", s->request.to_node), LOG_ERR(err));
    else
        log_event(group->store->log, LOG_INFO, "snapshot_sent", LOG_U64("group", group->id),
                  LOG_U64("to", s->request.to_node), LOG_U64("index", s->meta.index));
}

static void run_sending(struct task *task, void *arg)
{
    struct sending *s = arg;
    struct group *group = s->group;
    struct err err;
    err_clear(&err);
    int rc = send_all(task, s, &err);
    if (s->stream)
        rpc_stream_close(task, s->stream);
    report_sent(s, rc, &err);
    for (size_t i = 0; i < s->n_tablets; i++) {
        lsm_snapshot_release(s->tablets[i].files);
        buf_done(&s->tablets[i].schema);
    }
    free(s->tablets);
    buf_done(&s->state);
    free(s);
    group->snapshots_out--;
    group_spawned_end(group);
}

void group_snapshot_send(struct group *group, const struct raft_snapshot_request *request)
{
    struct sending *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->group = group;
    s->request = *request;
    group->snapshots_out++;
    group_spawn(group, "snapshot_send", run_sending, s);
}

/* ---- receiving ---- */

struct got_tablet {
    struct tablet_id id;
    uint64_t flushed;
    const struct kv_schema *schema;
    struct manifest_file *files;
    uint32_t n_files, cap_files;
};

struct receiving {
    struct store *store;
    struct store_route_entry *route;
    struct raft_message message;
    struct arena arena;
    struct buf state;
    struct got_tablet *tablets;
    uint32_t n_tablets, cap_tablets;
    struct lsm_incoming *incoming;
    uint64_t run;
    bool ended;
    /* of the installation */
    struct err *err;
    int rc;
};

static int refuse(struct err *err)
{
    return err_set(err, ERR_DATA_CORRUPTED, "malformed snapshot");
}

static int read_opening(struct receiving *r, const struct rpc_in *in, struct err *err)
{
    struct buf_reader msg = buf_reader_of(in->msg, in->msg_len);
    uint8_t version = buf_take_u8(&msg);
    uint32_t id = buf_take_le32(&msg);
    r->cap_tablets = buf_take_le32(&msg);
    size_t raft_len, used;
    const uint8_t *raft = buf_take_sized(&msg, &raft_len);
    if (msg.bad || version != SNAPSHOT_VERSION || r->cap_tablets > 1u << 20)
        return refuse(err);
    r->route = store_find(r->store, id);
    if (!r->route || !r->route->group)
        return err_set(err, ERR_UNDEFINED_OBJECT, "group %u has no replica here", id);
    int rc = raft_message_decode(raft, raft_len, &r->message, &used, err);
    if (!rc && r->message.kind != RAFT_MSG_SNAPSHOT)
        rc = refuse(err);
    r->tablets = arena_array(&r->arena, struct got_tablet, r->cap_tablets + 1);
    return rc;
}

static int read_tablet(struct receiving *r, struct buf_reader *msg, struct err *err)
{
    if (r->n_tablets == r->cap_tablets)
        return refuse(err);
    struct got_tablet *tablet = &r->tablets[r->n_tablets];
    tablet->id.storage = buf_take_le64(msg);
    tablet->id.shard = buf_take_le16(msg);
    tablet->flushed = buf_take_le64(msg);
    tablet->cap_files = buf_take_le32(msg);
    size_t len;
    const uint8_t *schema = buf_take_sized(msg, &len);
    if (msg->bad || tablet->cap_files > 1u << 16)
        return refuse(err);
    tablet->files = arena_array(&r->arena, struct manifest_file, tablet->cap_files + 1);
    struct kv_schema *decoded;
    const uint8_t *copy = arena_memdup(&r->arena, schema, len);
    int rc = kv_schema_decode(copy, len, &r->arena, &decoded, err);
    if (rc)
        return rc;
    tablet->schema = decoded;
    r->n_tablets++;
    return 0;
}

static int close_file(struct task *task, struct receiving *r, struct err *err)
{
    struct got_tablet *tablet = r->n_tablets ? &r->tablets[r->n_tablets - 1] : NULL;
    if (!r->incoming || !tablet || tablet->n_files == tablet->cap_files)
        return refuse(err);
    struct lsm_incoming *incoming = r->incoming;
    r->incoming = NULL;
    struct manifest_file *file = &tablet->files[tablet->n_files];
    int rc = lsm_incoming_finish(task, incoming, &r->arena, file, err);
    if (rc)
        return rc;
    file->run = r->run;
    tablet->n_files++;
    return 0;
}

static int read_part(struct task *task, struct receiving *r, const struct rpc_in *in,
                     struct err *err)
{
    struct buf_reader msg = buf_reader_of(in->msg, in->msg_len);
    switch (buf_take_u8(&msg)) {
    case PART_STATE:
        buf_put(&r->state, in->payload, in->payload_len);
        return 0;
    case PART_TABLET:
        return r->incoming ? refuse(err) : read_tablet(r, &msg, err);
    case PART_FILE:
        r->run = buf_take_le64(&msg);
        if (r->incoming || msg.bad)
            return refuse(err);
        return lsm_incoming_open(task, r->store->lsm, &r->incoming, err);
    case PART_DATA:
        if (!r->incoming)
            return refuse(err);
        return lsm_incoming_write(task, r->incoming, in->payload, in->payload_len, err);
    case PART_CLOSE:
        return close_file(task, r, err);
    case PART_END:
        r->ended = !r->incoming && r->n_tablets == r->cap_tablets;
        return r->ended ? 0 : refuse(err);
    default:
        return refuse(err);
    }
}

/* ---- installing (on the group's core) ---- */

static struct got_tablet *find_got(const struct receiving *r, struct tablet_id id)
{
    for (uint32_t i = 0; i < r->n_tablets; i++)
        if (tablet_id_compare(r->tablets[i].id, id) == 0)
            return &r->tablets[i];
    return NULL;
}

/* Tablets that are not in the snapshot go, in memory now, on disk with the edit. */
static void drop_others(struct group *group, const struct receiving *r, struct manifest_edit *edit)
{
    for (size_t i = group->n_tablets; i-- > 0;) {
        struct tablet_id id = group->tablets[i]->id;
        if (find_got(r, id))
            continue;
        manifest_edit_tablet_drop(edit, id);
        group_tablet_remove(group, id);
    }
}

static int replace_tablets(struct task *task, struct group *group, const struct receiving *r,
                           struct manifest_edit *edit, struct err *err)
{
    struct buf schema = {0};
    int rc = 0;
    for (uint32_t i = 0; i < r->n_tablets && !rc; i++) {
        const struct got_tablet *got = &r->tablets[i];
        struct group_tablet *tablet = group_tablet_find(group, got->id);
        if (!tablet)
            tablet = group_tablet_add(group,
                                      lsm_create(group->store->lsm, group->sc->core, got->id,
                                                 group->id, got->schema),
                                      got->id, 0);
        lsm_alter(tablet->lsm, got->schema);
        buf_reset(&schema);
        kv_schema_encode(got->schema, &schema);
        manifest_edit_tablet_put(edit, got->id, group->id, schema.data, schema.len);
        tablet->durable_version = got->schema->version;
        group_tablet_use(tablet);
        rc = lsm_replace(task, tablet->lsm, got->files, got->n_files, got->flushed, NULL, err);
        group_tablet_unuse(tablet);
    }
    buf_done(&schema);
    return rc;
}

static void take_state(struct group *group, const struct group_checkpoint_head *head,
                       struct state_map *state)
{
    group_queue_clear(group);
    group_chunks_done(&group->chunks);
    group_chunks_init(&group->chunks);
    group_proposals_overtaken(group, head->index, head->term);
    if (!store_has_bug(group->store, STORE_BUG_SNAPSHOT_WITHOUT_STATE)) {
        state_map_done(&group->state);
        group->state = *state;
        state_map_init(state);
    }
    group->conf = head->conf;
    group->gc_threshold = head->gc_threshold;
    group->applied = group->complete = group->checkpoint = head->index;
    group->applied_term = group->complete_term = group->checkpoint_term = head->term;
    group->marks_count = 0;
    group->log_cut = head->index;
    for (size_t i = 0; i < group->n_tablets; i++)
        lsm_horizon_set(group->tablets[i]->lsm, head->gc_threshold);
    group->store->config.machine->state_loaded(group->machine);
}

static int install(struct task *task, struct group *group, struct receiving *r, struct err *err)
{
    struct group_checkpoint_head head;
    struct state_map state;
    state_map_init(&state);
    int rc = group_checkpoint_decode(r->state.data, r->state.len, &head, &state, err);
    if (!rc && (head.index != r->message.index || head.term != r->message.log_term))
        rc = refuse(err);
    if (rc) {
        state_map_done(&state);
        return rc;
    }
    struct manifest_edit *edit = manifest_edit_create();
    drop_others(group, r, edit);
    rc = replace_tablets(task, group, r, edit, err);
    if (!rc) {
        manifest_edit_group_put(edit, group->id, head.index, r->state.data, r->state.len);
        rc = manifest_commit(task, lsm_node_manifest(group->store->lsm), edit, err);
    } else {
        manifest_edit_destroy(edit);
    }
    if (!rc && !group_log_mark(task, group, WAL_RESET, head.index, head.term))
        rc = err_set(err, ERR_IO_ERROR, "the log of this node failed");
    if (!rc)
        take_state(group, &head, &state);
    else
        store_fail(group->store, err); /* half way: only recovery knows where it stands */
    state_map_done(&state);
    return rc;
}

static void run_install(struct task *task, void *arg)
{
    struct receiving *r = arg;
    struct group *group = r->route->group;
    group->busy++;
    while ((!group_is_settled(group) || group_is_dropping(group)) && !group->stopped)
        wait_queue_wait_always(task, &group->checkpointed);
    if (group->stopped) {
        r->rc = err_set(r->err, ERR_ADMIN_SHUTDOWN, "the store is closing");
        group_spawned_end(group);
        return;
    }
    group->effects.snapshot_install = false;
    group_receive(group, &r->message);
    if (group->effects.snapshot_install) {
        raft_index index = group->effects.install.index;
        group->effects.snapshot_install = false;
        group->installing = true;
        r->rc = install(task, group, r, r->err);
        group->installing = false;
        struct raft_event event = {
            .kind = RAFT_EV_INSTALLED, .index = index, .ok = r->rc == 0};
        group_step(group, &event);
        wait_queue_wake_all(&group->checkpointed);
        wait_queue_wake_all(&group->changed);
        if (group->store->log)
            log_event(group->store->log, LOG_INFO, "snapshot_installed",
                      LOG_U64("group", group->id), LOG_U64("index", index),
                      LOG_U64("ok", r->rc == 0));
    }
    group_spawned_end(group);
}

int group_on_snapshot(struct task *task, void *ctx, const struct rpc_in *in,
                      struct rpc_stream *stream, struct err *err)
{
    struct store_port *port = ctx;
    struct receiving r = {.store = atomic_load(&port->store), .err = err};
    if (!r.store)
        return err_set(err, ERR_CANNOT_CONNECT_NOW, "the store is not open");
    atomic_fetch_add(&r.store->users, 1);
    arena_init(&r.arena, NULL);
    int rc = read_opening(&r, in, err);
    while (!rc && !r.ended) {
        enum rpc_recv_result result;
        struct rpc_in part;
        rc = rpc_stream_recv(task, stream, &result, &part, err);
        if (!rc && result == RPC_END)
            rc = refuse(err);
        if (!rc)
            rc = read_part(task, &r, &part, err);
        if (!rc && atomic_load(&r.store->stopping))
            rc = err_set(err, ERR_ADMIN_SHUTDOWN, "the store is closing");
    }
    if (r.incoming)
        lsm_incoming_abort(task, r.incoming);
    if (!rc) {
        core_call(task, task_core(task)->runtime->cores[r.route->core], TASK_BACKGROUND,
                  run_install, &r);
        rc = r.rc;
    }
    raft_message_clear(&r.message);
    buf_done(&r.state);
    arena_done(&r.arena);
    atomic_fetch_sub(&r.store->users, 1);
    return rc;
}
