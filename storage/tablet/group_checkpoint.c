/* group_checkpoint.c: making a replica's state durable apart from the log, and starting from it.
 *
 *     u8 version = 1 | u8[3] zero | u32 length of the configuration
 *     u64 index | u64 term | u64 gc threshold | configuration (raft_conf.h) | state store
 *     (state_map.h)
 *
 * The bytes are the same in the manifest and at the head of a snapshot; whoever stores them checks
 * their integrity.
 *
 * The order of a checkpoint at C: take the bytes (no wait, so they are the state at exactly C);
 * flush every tablet that holds something up to C in memory only; wait until drops are durable;
 * commit bytes and new tablets as one manifest edit; then, and only then, shorten the log. A crash
 * in between leaves the older checkpoint and tablets that are ahead of it, which replay leaves
 * alone.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "storage/tablet/group_int.h"

enum { CHECKPOINT_VERSION = 1, RECOVER_READ_BYTES = 4 << 20 };

void group_checkpoint_encode(const struct group *group, struct buf *out)
{
    uint8_t conf[RAFT_CONF_ENCODED_MAX];
    size_t conf_len = raft_conf_encode(&group->conf, conf);
    buf_put_u8(out, CHECKPOINT_VERSION);
    buf_put(out, "\0\0\0", 3);
    buf_put_le32(out, (uint32_t)conf_len);
    buf_put_le64(out, group->complete);
    buf_put_le64(out, group->complete_term);
    buf_put_le64(out, group->gc_threshold);
    buf_put(out, conf, conf_len);
    state_map_encode(&group->state, out);
}

int group_checkpoint_decode(const void *data, size_t len, struct group_checkpoint_head *head,
                            struct state_map *state, struct err *err)
{
    struct buf_reader in = buf_reader_of(data, len);
    uint8_t version = buf_take_u8(&in);
    buf_take(&in, 3);
    uint32_t conf_len = buf_take_le32(&in);
    struct group_checkpoint_head h = {0};
    h.index = buf_take_le64(&in);
    h.term = buf_take_le64(&in);
    h.gc_threshold = buf_take_le64(&in);
    const uint8_t *conf = buf_take(&in, conf_len);
    if (in.bad || version != CHECKPOINT_VERSION)
        return err_set(err, ERR_DATA_CORRUPTED, "checkpoint of a group is damaged");
    size_t used;
    int rc = raft_conf_decode(conf, conf_len, &h.conf, &used, err);
    if (!rc)
        rc = state_map_decode(state, &in, err);
    if (!rc)
        *head = h;
    return rc;
}

/* ---- writing one ---- */

/* Flushes what the tablets hold up to `index` in memory alone. */
static int flush_tablets(struct task *task, struct group *group, raft_index index, struct err *err)
{
    int rc = 0;
    size_t i = 0;
    while (!rc && i < group->n_tablets && !group->stopped) {
        struct group_tablet *tablet = group->tablets[i];
        uint64_t from = lsm_unflushed_from(tablet->lsm);
        if (from == 0 || from > index) {
            i++;
            continue;
        }
        group_tablet_use(tablet);
        rc = lsm_flush(task, tablet->lsm, err);
        group_tablet_unuse(tablet);
        if (i < group->n_tablets && group->tablets[i] == tablet)
            i++;
        else
            i = 0; /* the map changed meanwhile */
    }
    return rc;
}

static struct manifest_edit *make_edit(struct group *group, raft_index index,
                                       const struct buf *state)
{
    struct manifest_edit *edit = manifest_edit_create();
    struct buf schema = {0};
    for (size_t i = 0; i < group->n_tablets; i++) {
        struct group_tablet *tablet = group->tablets[i];
        const struct kv_schema *now = lsm_schema(tablet->lsm);
        if (now->version == tablet->durable_version)
            continue;
        buf_reset(&schema);
        kv_schema_encode(now, &schema);
        manifest_edit_tablet_put(edit, tablet->id, group->id, schema.data, schema.len);
        tablet->durable_version = now->version; /* a commit that fails ends the store */
    }
    manifest_edit_group_put(edit, group->id, index, state->data, state->len);
    buf_done(&schema);
    return edit;
}

/* Up to where the log can go: the checkpoint, unless a follower is a little behind. */
static raft_index log_needed_after(struct group *group, raft_index index)
{
    struct raft_status *status = malloc(sizeof *status);
    if (!status)
        return index;
    raft_status(group->raft, status);
    raft_index keep = index;
    for (uint32_t i = 0; status->role == RAFT_LEADER && i < status->peers_count; i++)
        if (status->peers[i].match < keep)
            keep = status->peers[i].match;
    free(status);
    if (keep < index && group->marks_count == GROUP_RETAIN_MARKS) {
        raft_index oldest = group->marks[group->marks_head].index; /* too far behind: a snapshot */
        if (keep < oldest)
            keep = oldest < index ? oldest : index;
    }
    return keep;
}

static void shorten_log(struct task *task, struct group *group, raft_index index)
{
    raft_index upto = log_needed_after(group, index);
    raft_term term = upto ? raft_term_at(group->raft, upto) : 0;
    /* While a snapshot is put in place the log is reset beyond what is known here. */
    if (!term || group->stopped || group->installing || upto <= group->log_cut)
        return;
    struct raft_event event = {.kind = RAFT_EV_COMPACT, .index = upto};
    group_step(group, &event);
    /* A failed log ends the store; one that is full is shortened next time. */
    if (group_log_mark(task, group, WAL_TRUNCATE, upto, term) && upto > group->log_cut)
        group->log_cut = upto;
}

static int write_checkpoint(struct task *task, struct group *group, struct buf *state,
                            struct err *err)
{
    raft_index index = group->complete;
    raft_term term = group->complete_term;
    group_checkpoint_encode(group, state);
    int rc = 0;
    if (store_has_bug(group->store, STORE_BUG_LOG_CUT_AHEAD))
        shorten_log(task, group, index);
    if (!store_has_bug(group->store, STORE_BUG_CHECKPOINT_UNFLUSHED))
        rc = flush_tablets(task, group, index, err);
    if (rc || group->stopped)
        return rc ? rc : err_set(err, ERR_ADMIN_SHUTDOWN, "the store is closing");
    while (group_is_dropping(group)) /* replay from here would not repeat them */
        wait_queue_wait_always(task, &group->checkpointed);
    struct manifest_edit *edit = make_edit(group, index, state);
    rc = manifest_commit(task, lsm_node_manifest(group->store->lsm), edit, err);
    if (rc) {
        store_fail(group->store, err);
        return rc;
    }
    group->checkpoint = index;
    group->checkpoint_term = term;
    return 0;
}

int group_checkpoint(struct task *task, struct group *group, struct buf *state, struct err *err)
{
    while (!group_is_settled(group))
        wait_queue_wait_always(task, &group->checkpointed);
    if (group->stopped)
        return err_set(err, ERR_ADMIN_SHUTDOWN, "the store is closing");
    group->checkpointing = true;
    struct buf own = {0};
    int rc = write_checkpoint(task, group, state ? state : &own, err);
    buf_done(&own);
    group->checkpointing = false;
    wait_queue_wake_all(&group->checkpointed);
    if (!rc)
        shorten_log(task, group, group->checkpoint);
    return rc;
}

static void run_checkpoint(struct task *task, void *arg)
{
    struct group *group = arg;
    struct err err;
    int rc = 0;
    if (group->complete == group->checkpoint)
        shorten_log(task, group, group->checkpoint); /* a follower may have caught up since */
    else
        rc = group_checkpoint(task, group, NULL, &err);
    if (rc && rc != ERR_ADMIN_SHUTDOWN && group->store->log)
        log_event(group->store->log, LOG_ERROR, "checkpoint_failed", LOG_U64("group", group->id),
                  LOG_ERR(&err));
    group_spawned_end(group);
}

void group_checkpoint_start(struct group *group)
{
    if (group->stopped || group->checkpointing || group->installing ||
        (group->complete == group->checkpoint && group->log_cut == group->checkpoint))
        return;
    group_spawn(group, "checkpoint", run_checkpoint, group);
}

/* ---- starting from one ---- */

static int open_tablets(struct task *task, struct group *group, struct err *err)
{
    struct manifest *manifest = lsm_node_manifest(group->store->lsm);
    size_t n = manifest_tablets(manifest, NULL, 0);
    struct manifest_tablet_info *infos = calloc(n + 1, sizeof *infos);
    if (!infos)
        return err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    manifest_tablets(manifest, infos, n);
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        if (infos[i].group != group->id)
            continue;
        struct lsm *lsm;
        rc = lsm_open(group->store->lsm, group->sc->core, infos[i].id, &lsm, err);
        if (!rc)
            group_tablet_add(group, lsm, infos[i].id, lsm_schema(lsm)->version);
    }
    free(infos);
    return rc;
}

static int load_checkpoint(struct task *task, struct group *group, struct err *err)
{
    struct buf state = {0};
    bool found;
    struct group_checkpoint_head head = {0};
    int rc = manifest_group_state(task, lsm_node_manifest(group->store->lsm), group->id, &found,
                                  &state, err);
    if (!rc && found)
        rc = group_checkpoint_decode(state.data, state.len, &head, &group->state, err);
    if (!rc && found) {
        group->conf = head.conf;
        group->gc_threshold = head.gc_threshold;
        group->applied = group->complete = group->checkpoint = head.index;
        group->applied_term = group->complete_term = group->checkpoint_term = head.term;
    }
    buf_done(&state);
    return rc;
}

struct recovered {
    struct raft_entry **entries;
    size_t count, cap;
};

static void drop_entries(struct recovered *rec)
{
    for (size_t i = 0; i < rec->count; i++)
        raft_entry_unref(rec->entries[i]);
    rec->count = 0;
}

/* Entries (after, last]. */
static int read_entries(struct task *task, struct group *group, raft_index after, raft_index last,
                        struct recovered *rec, struct err *err)
{
    rec->cap = last > after ? last - after : 0;
    rec->entries = calloc(rec->cap + 1, sizeof *rec->entries);
    if (!rec->entries)
        return err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    while (rec->count < rec->cap) {
        size_t n = 0;
        int rc = wal_read(task, group->store->wal, group->id, after + 1 + rec->count, last + 1,
                          RECOVER_READ_BYTES, rec->entries + rec->count, &n, err);
        if (rc)
            return rc;
        if (n == 0)
            return err_set(err, ERR_DATA_CORRUPTED, "the log lacks entries of group %u",
                           group->id);
        rec->count += n;
    }
    return 0;
}

/* Does the log go on from the checkpoint? Not after a snapshot was put in place and the crash came
 * before the log was told: then what it holds belongs to another past. */
static int log_fits(struct task *task, struct group *group, const struct wal_group_info *info,
                    bool *fits, struct err *err)
{
    raft_index at = group->checkpoint;
    *fits = at == 0 ||
            (at == info->truncated_index && group->checkpoint_term == info->truncated_term);
    if (*fits || at < info->first || at > info->last)
        return 0;
    struct raft_entry *entry = NULL;
    size_t n = 0;
    int rc = wal_read(task, group->store->wal, group->id, at, at + 1, 1, &entry, &n, err);
    if (!rc && n) {
        *fits = entry->term == group->checkpoint_term;
        raft_entry_unref(entry);
    }
    return rc;
}

static int reset_log(struct task *task, struct group *group, struct err *err)
{
    struct wal_write write = {.group = group->id,
                              .op = WAL_RESET,
                              .index = group->checkpoint,
                              .term = group->checkpoint_term};
    return wal_append_wait(task, group->store->wal, &write, err);
}

static void fill_raft_config(const struct group *group, struct raft_config *config)
{
    const struct store *store = group->store;
    *config = (struct raft_config){.group_id = group->id,
                                   .replica_id = store->node,
                                   .generation = 1,
                                   .node_id = store->node,
                                   .boot_epoch = store_boot_epoch(store),
                                   .quiesce_ms = GROUP_QUIESCE_MS,
                                   .support_ms = STORE_SUPPORT_MS,
                                   .heartbeat_ms = STORE_HEARTBEAT_MS,
                                   .stall_ms = STORE_GRAY_MS,
                                   .cache_bytes_max = GROUP_RAFT_CACHE_BYTES,
                                   .uncommitted_bytes_max = GROUP_COMMAND_BYTES_MAX};
    env_random(store->env, &config->seed, sizeof config->seed);
}

static int start_raft(struct group *group, const struct raft_hard_state *hard_state,
                      const struct recovered *rec, struct err *err)
{
    struct store *store = group->store;
    struct raft_config config;
    fill_raft_config(group, &config);
    struct raft_start start = {.now_us = store_now_us(store),
                               .boot_us = store->first_boot ? 0 : store->boot_us,
                               .hard_state = *hard_state,
                               .entries = rec->entries,
                               .entries_count = rec->count};
    if (!store->first_boot)
        start.read_limit = store_read_limit_now(store) +
                           hlc_make(store_max_clock_offset_us(store), 0);
    start.snapshot.index = group->checkpoint;
    start.snapshot.term = group->checkpoint_term;
    start.snapshot.conf = group->conf;
    int rc = raft_create(&config, &start, &group->effects, &group->raft, err);
    if (!rc) {
        group->role = group->effects.role;
        group->term = group->effects.term;
        group->leader_node = group->effects.leader_node;
    }
    return rc;
}

static int recover_log(struct task *task, struct group *group, struct recovered *rec,
                       struct raft_hard_state *hard_state, struct err *err)
{
    struct wal_group_info info = {0};
    bool fits, known = wal_group_info(group->store->wal, group->id, &info);
    if (!known) {
        rec->entries = calloc(1, sizeof *rec->entries);
        return group->checkpoint ? reset_log(task, group, err) : 0;
    }
    if (info.has_hard_state)
        *hard_state = info.hard_state;
    if (info.quarantine > hard_state->quarantine)
        hard_state->quarantine = info.quarantine;
    int rc = log_fits(task, group, &info, &fits, err);
    if (rc)
        return rc;
    if (info.truncated_index > group->checkpoint && hard_state->quarantine == RAFT_HEALTHY)
        hard_state->quarantine = RAFT_LOG_LOST; /* cut beyond what the state holds */
    if (info.truncated_index > group->checkpoint)
        fits = false;
    if (fits)
        return read_entries(task, group, group->checkpoint, info.last, rec, err);
    rec->entries = calloc(1, sizeof *rec->entries);
    return reset_log(task, group, err);
}

int group_recover(struct task *task, struct group *group, struct err *err)
{
    int rc = load_checkpoint(task, group, err);
    if (!rc)
        rc = open_tablets(task, group, err);
    struct recovered rec = {0};
    struct raft_hard_state hard_state = {0};
    if (!rc)
        rc = recover_log(task, group, &rec, &hard_state, err);
    if (!rc)
        rc = start_raft(group, &hard_state, &rec, err);
    if (rc == ERR_DATA_CORRUPTED && rec.entries) {
        /* What was read is no log: go on without it, as a replica that must be refilled. */
        drop_entries(&rec);
        if (hard_state.quarantine == RAFT_HEALTHY)
            hard_state.quarantine = RAFT_LOG_LOST;
        rc = reset_log(task, group, err);
        if (!rc)
            rc = start_raft(group, &hard_state, &rec, err);
    }
    if (!rc && hard_state.quarantine != RAFT_HEALTHY && group->store->log)
        log_event(group->store->log, LOG_ERROR, "group_quarantined", LOG_U64("group", group->id),
                  LOG_U64("kind", hard_state.quarantine));
    drop_entries(&rec);
    free(rec.entries);
    return rc;
}
