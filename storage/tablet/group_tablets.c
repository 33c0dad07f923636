/* group_tablets.c: the tablets a group carries. See group_int.h.
 *
 * The map is a sorted array: tablets come and go with DDL, and are looked up for every row; the
 * last one found is remembered because rows come in runs of one tablet.
 *
 * Dropping. The lsm is told at once and puts nothing more into the manifest; the manifest is told
 * to forget the tablet by a commit that is queued before any other fiber can run a flush, so a
 * tablet of the same name that a later command creates (a transaction that rolls back what it
 * loaded and loads again) starts empty there too. The drop may so be durable ahead of the
 * checkpoint: replay then writes into a tablet that is not there, which does nothing, and repeats
 * the drop. When a later tablet of that name has been flushed, replay meets it too early; its
 * flushed index is above the drop's, which tells it from the one that was dropped.
 */
#include <stdlib.h>

#include "storage/tablet/group_int.h"

enum { WRITE_UNITS = 12 }; /* of task_tick: about a microsecond */

/* Index of the first tablet >= id. */
static size_t place_of(const struct group *group, struct tablet_id id)
{
    size_t lo = 0, hi = group->n_tablets;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (tablet_id_compare(group->tablets[mid]->id, id) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct group_tablet *group_tablet_find(const struct group *group, struct tablet_id id)
{
    struct group_tablet *last = group->last_tablet;
    if (last && last->id.storage == id.storage && last->id.shard == id.shard)
        return last;
    size_t at = place_of(group, id);
    if (at == group->n_tablets || tablet_id_compare(group->tablets[at]->id, id) != 0)
        return NULL;
    /* A cache: not part of what const promises. */
    ((struct group *)(uintptr_t)group)->last_tablet = group->tablets[at];
    return group->tablets[at];
}

struct group_tablet *group_tablet_add(struct group *group, struct lsm *lsm, struct tablet_id id,
                                      uint32_t durable_version)
{
    if (group->n_tablets == group->cap_tablets) {
        group->cap_tablets = group->cap_tablets ? group->cap_tablets * 2 : 16;
        group->tablets = realloc(group->tablets, group->cap_tablets * sizeof *group->tablets);
    }
    struct group_tablet *tablet = calloc(1, sizeof *tablet);
    if (!tablet || !group->tablets)
        abort();
    tablet->id = id;
    tablet->lsm = lsm;
    tablet->durable_version = durable_version;
    size_t at = place_of(group, id);
    memmove(group->tablets + at + 1, group->tablets + at,
            (group->n_tablets - at) * sizeof *group->tablets);
    group->tablets[at] = tablet;
    group->n_tablets++;
    if (group->gc_threshold)
        lsm_horizon_set(lsm, group->gc_threshold);
    return tablet;
}

void group_tablet_remove(struct group *group, struct tablet_id id)
{
    size_t at = place_of(group, id);
    struct group_tablet *tablet = group->tablets[at];
    memmove(group->tablets + at, group->tablets + at + 1,
            (group->n_tablets - at - 1) * sizeof *group->tablets);
    group->n_tablets--;
    group->last_tablet = NULL;
    tablet->dropped = true;
    if (tablet->held)
        lsm_hold(tablet->lsm, false);
    lsm_drop(tablet->lsm);
    if (!tablet->users)
        free(tablet);
}

void group_tablet_use(struct group_tablet *tablet)
{
    tablet->users++;
}

void group_tablet_unuse(struct group_tablet *tablet)
{
    if (--tablet->users == 0 && tablet->dropped)
        free(tablet);
}

/* ---- inside apply ---- */

void group_tablet_create(struct group_apply *apply, const struct kv_schema *schema, uint16_t shard)
{
    struct group *group = apply->group;
    struct tablet_id id = {schema->id, shard};
    if (group_tablet_find(group, id))
        return;
    struct lsm *lsm = lsm_create(group->store->lsm, group->sc->core, id, group->id, schema);
    group_tablet_add(group, lsm, id, 0);
}

void group_tablet_alter(struct group_apply *apply, const struct kv_schema *schema, uint16_t shard)
{
    struct group_tablet *tablet =
        group_tablet_find(apply->group, (struct tablet_id){schema->id, shard});
    if (tablet)
        lsm_alter(tablet->lsm, schema);
}

static void run_drops(struct task *task, void *arg)
{
    struct group_drops *drops = arg;
    struct group *group = drops->group;
    struct err err;
    if (group->drops == drops)
        group->drops = NULL;
    group->drops_out++;
    if (manifest_commit(task, lsm_node_manifest(group->store->lsm), drops->edit, &err))
        store_fail(group->store, &err);
    group->drops_out--;
    free(drops);
    wait_queue_wake_all(&group->checkpointed);
    group_spawned_end(group);
}

void group_tablet_drop(struct group_apply *apply, uint64_t storage, uint16_t shard)
{
    struct group *group = apply->group;
    struct tablet_id id = {storage, shard};
    struct group_tablet *tablet = group_tablet_find(group, id);
    if (!tablet || lsm_flushed(tablet->lsm) >= apply->index)
        return; /* the latter: replay, and this one was created after the drop */
    group_tablet_remove(group, id);
    if (!group->drops) {
        group->drops = malloc(sizeof *group->drops);
        if (!group->drops)
            abort();
        *group->drops = (struct group_drops){group, manifest_edit_create()};
        group->busy++;
        task_spawn(group->sc->core, TASK_CONSENSUS, "tablet_drop", run_drops, group->drops);
    }
    manifest_edit_tablet_drop(group->drops->edit, id);
}

void group_tablet_pace(struct group_apply *apply, struct group_tablet *tablet)
{
    if (!tablet->held) {
        lsm_hold(tablet->lsm, true);
        tablet->held = true;
    }
    task_tick(apply->task, WRITE_UNITS);
}

void group_tablets_release(struct group *group)
{
    for (size_t i = 0; i < group->n_tablets; i++) {
        if (!group->tablets[i]->held)
            continue;
        group->tablets[i]->held = false;
        lsm_hold(group->tablets[i]->lsm, false);
    }
}

static bool write_row(struct group_apply *apply, uint64_t storage, uint16_t shard,
                      const struct lsm_write *write)
{
    struct group_tablet *tablet =
        group_tablet_find(apply->group, (struct tablet_id){storage, shard});
    if (!tablet)
        return false;
    lsm_write(tablet->lsm, apply->index, write);
    if (apply->task)
        group_tablet_pace(apply, tablet);
    return true;
}

bool group_tablet_put(struct group_apply *apply, uint64_t storage, uint16_t shard, const void *key,
                      size_t key_len, hlc_time ts, const void *row, size_t row_len)
{
    struct lsm_write write = {.op = LSM_PUT,
                              .key = key,
                              .key_len = (uint32_t)key_len,
                              .ts = ts,
                              .row = row,
                              .row_len = (uint32_t)row_len};
    return write_row(apply, storage, shard, &write);
}

bool group_tablet_delete(struct group_apply *apply, uint64_t storage, uint16_t shard,
                         const void *key, size_t key_len, hlc_time ts, const void *moved_to,
                         size_t moved_to_len)
{
    struct lsm_write write = {.op = LSM_DELETE,
                              .key = key,
                              .key_len = (uint32_t)key_len,
                              .ts = ts,
                              .row = moved_to,
                              .row_len = (uint32_t)moved_to_len};
    return write_row(apply, storage, shard, &write);
}

/* ---- looking ---- */

struct lsm *group_tablet(const struct group *group, uint64_t storage, uint16_t shard)
{
    struct group_tablet *tablet = group_tablet_find(group, (struct tablet_id){storage, shard});
    return tablet ? tablet->lsm : NULL;
}

const struct kv_schema *group_tablet_schema(const struct group *group, uint64_t storage,
                                            uint16_t shard)
{
    struct group_tablet *tablet = group_tablet_find(group, (struct tablet_id){storage, shard});
    return tablet ? lsm_schema(tablet->lsm) : NULL;
}

void group_tablet_each(struct group *group,
                       void (*visit)(void *arg, uint64_t storage, uint16_t shard, struct lsm *lsm),
                       void *arg)
{
    for (size_t i = 0; i < group->n_tablets; i++) {
        struct group_tablet *tablet = group->tablets[i];
        visit(arg, tablet->id.storage, tablet->id.shard, tablet->lsm);
    }
}
