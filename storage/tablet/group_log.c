/* group_log.c: a group's writes to the node's log, in order, and reads from it. See group_int.h. */
#include <stdlib.h>

#include "storage/tablet/group_int.h"

enum { RETRY_BUSY_NS = 500000, RETRY_FULL_NS = 100000000, LOAD_ENTRIES_MAX = 4096 };

static void send_writes(struct group *group);

static void drop_write(struct group_write *write)
{
    for (uint32_t i = 0; i < write->n_entries; i++)
        raft_entry_unref(write->entries[i]);
    free(write->entries);
    free(write);
}

/* Comes on the group's core, in the order the writes were appended. */
static void finish_write(struct wal_write *wal)
{
    struct group_write *write = container_of(wal, struct group_write, wal);
    struct group *group = write->group;
    group->writes_out--;
    if (wal->code) {
        struct err err;
        err_set(&err, ERR_IO_ERROR, "the log of this node failed");
        store_fail(group->store, &err);
    } else if (write->seq) {
        struct raft_event event = {.kind = RAFT_EV_PERSISTED, .seq = write->seq};
        group_step(group, &event);
    }
    if (write->waiter) {
        write->finished = true; /* the waiter frees it */
        task_wake(write->waiter);
    } else {
        drop_write(write);
    }
    send_writes(group);
    if (group->stopped && !group->writes_out)
        wait_queue_wake_all(&group->idle);
}

static void retry_writes(struct core *core, struct core_timer *timer)
{
    send_writes(container_of(timer, struct group, write_timer));
}

/* The reasons to wait: true when the write found its place in the log's buffer. */
static bool give_write(struct group *group, struct group_write *write)
{
    struct store *store = group->store;
    enum wal_append_result result = wal_append(store->wal, &write->wal);
    if (result == WAL_ACCEPTED) {
        group->writes_out++;
        if (atomic_load_explicit(&store->disk_full, memory_order_relaxed))
            atomic_store(&store->disk_full, false);
        return true;
    }
    if (result == WAL_STOPPED)
        return false; /* the store is failing: nothing will be acknowledged */
    if (result == WAL_DISK_FULL && !atomic_exchange(&store->disk_full, true) && store->log)
        log_event(store->log, LOG_ERROR, "log_disk_full", LOG_U64("group", group->id));
    if (result == WAL_DISK_FULL && group->role == RAFT_LEADER)
        group_resign(group); /* somebody with room shall lead */
    uint64_t delay = result == WAL_BUSY ? RETRY_BUSY_NS : RETRY_FULL_NS;
    core_timer_init(&group->write_timer, retry_writes);
    core_timer_start(group->sc->core, &group->write_timer, env_mono_ns(store->env) + delay);
    return false;
}

static void send_writes(struct group *group)
{
    while (group->writes_head && !core_timer_is_armed(&group->write_timer)) {
        struct group_write *write = group->writes_head;
        if (!give_write(group, write))
            return;
        group->writes_head = write->next;
        if (!group->writes_head)
            group->writes_tail = &group->writes_head;
        for (uint32_t i = 0; i < write->n_entries; i++)
            raft_entry_unref(write->entries[i]);
        free(write->entries);
        write->entries = NULL;
        write->n_entries = 0;
    }
}

static struct group_write *make_write(struct group *group, enum wal_op op)
{
    struct group_write *write = calloc(1, sizeof *write);
    if (!write)
        abort();
    write->group = group;
    write->wal = (struct wal_write){.group = group->id,
                                    .op = (uint8_t)op,
                                    .done = finish_write,
                                    .core = group->sc->core};
    return write;
}

static void queue_write(struct group *group, struct group_write *write)
{
    write->next = NULL;
    *group->writes_tail = write;
    group->writes_tail = &write->next;
}

void group_persist(struct group *group)
{
    struct raft_effects *effects = &group->effects;
    struct group_write *write = make_write(group, WAL_APPEND);
    write->seq = effects->persist.seq;
    write->hard_state = effects->persist.hard_state;
    write->wal.hard_state = effects->persist.has_hard_state ? &write->hard_state : NULL;
    write->wal.entries = effects->persist.entries;
    write->wal.n_entries = (uint32_t)effects->persist.count;
    if (store_has_bug(group->store, STORE_BUG_ACK_BEFORE_SYNC)) {
        group->early_seq = write->seq;
        write->seq = 0;
    }
    if (!group->writes_head && !core_timer_is_armed(&group->write_timer) &&
        give_write(group, write))
        return;
    /* It has to wait its turn: with references of its own. */
    write->n_entries = (uint32_t)effects->persist.count;
    write->entries = malloc((write->n_entries + 1) * sizeof *write->entries);
    if (!write->entries)
        abort();
    for (uint32_t i = 0; i < write->n_entries; i++)
        write->entries[i] = raft_entry_ref(effects->persist.entries[i]);
    write->wal.entries = write->entries;
    queue_write(group, write);
}

bool group_log_mark(struct task *task, struct group *group, enum wal_op op, raft_index index,
                    raft_term term)
{
    if (group->stopped)
        return false;
    struct group_write *write = make_write(group, op);
    write->wal.index = index;
    write->wal.term = term;
    write->waiter = task;
    queue_write(group, write);
    send_writes(group);
    while (!write->finished)
        task_park_always(task);
    bool ok = write->wal.code == 0;
    drop_write(write);
    return ok;
}

void group_writes_abandon(struct group *group)
{
    core_timer_stop(group->sc->core, &group->write_timer);
    for (struct group_write *w = group->writes_head, *next; w; w = next) {
        next = w->next;
        if (!w->waiter) {
            drop_write(w);
            continue;
        }
        w->wal.code = ERR_ADMIN_SHUTDOWN;
        w->finished = true;
        task_wake(w->waiter);
    }
    group->writes_head = NULL;
    group->writes_tail = &group->writes_head;
}

struct load {
    struct group *group;
    struct raft_load_request request;
};

static void run_load(struct task *task, void *arg)
{
    struct load *load = arg;
    struct group *group = load->group;
    raft_index hi = load->request.last + 1;
    if (hi - load->request.first > LOAD_ENTRIES_MAX)
        hi = load->request.first + LOAD_ENTRIES_MAX;
    struct raft_entry **entries = calloc(hi - load->request.first, sizeof *entries);
    size_t n = 0;
    struct err err;
    int rc = entries ? wal_read(task, group->store->wal, group->id, load->request.first, hi,
                                load->request.bytes_max, entries, &n, &err)
                     : 0;
    if (rc && group->store->log)
        log_event(group->store->log, LOG_ERROR, "log_read_failed", LOG_U64("group", group->id),
                  LOG_U64("index", load->request.first), LOG_ERR(&err));
    if (rc)
        n = 0; /* as if it were gone: the follower gets a snapshot */
    struct raft_event event = {.kind = RAFT_EV_LOADED,
                               .peer = load->request.peer,
                               .index = load->request.first,
                               .entries = entries,
                               .entries_count = n};
    group_step(group, &event);
    for (size_t i = 0; i < n; i++)
        raft_entry_unref(entries[i]);
    free(entries);
    free(load);
    group_spawned_end(group);
}

void group_load(struct group *group, const struct raft_load_request *request)
{
    struct load *load = malloc(sizeof *load);
    if (!load)
        abort();
    *load = (struct load){.group = group, .request = *request};
    group->busy++;
    task_spawn(group->sc->core, TASK_CONSENSUS, "raft_load", run_load, load);
}
