#include <assert.h>
#include <stdlib.h>

#include "storage/lsm/lsm_int.h"

/* Frozen memtables become one run. The job works on memtables nobody changes; the edit and the
 * new version are the core's. One flush a tablet at a time. */

enum { RETRY_NS = 500000000 };

struct flush_job {
    struct lsm_node *node;
    struct lsm_schema *schema;
    struct memtable **mems; /* oldest first */
    size_t n_mems;
    hlc_time horizon;
    bool bottom;
    struct lsm_out out;
    uint64_t dropped;
    int code;
    struct err err;
};

/* The smallest (key, descending ts) of all cursors; the newer table wins a tie (it is the same
 * version). */
static size_t pick_smallest(struct mem_node **at, size_t n)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        if (!at[i])
            continue;
        if (best == SIZE_MAX) {
            best = i;
            continue;
        }
        int cmp = key_compare(mem_node_key(at[i]), at[i]->key_len, mem_node_key(at[best]),
                              at[best]->key_len);
        if (cmp < 0 || (cmp == 0 && at[i]->ts > at[best]->ts))
            best = i;
    }
    return best;
}

static int add_node(struct task *task, struct flush_job *job, const struct mem_node *n,
                    struct datum *values)
{
    struct sst_row row = {
        .key = mem_node_key(n), .key_len = n->key_len, .ts = n->ts, .deleted = n->deleted};
    if (n->deleted) {
        row.moved_to = n->has_moved ? mem_node_row(n) : NULL;
        row.moved_len = n->row_len;
    } else {
        int code =
            sst_row_values(job->schema->schema, mem_node_row(n), n->row_len, values, &job->err);
        if (code)
            return code;
        row.values = values;
    }
    return lsm_out_add(task, &job->out, &row, &job->err);
}

static int merge_mems(struct task *task, struct flush_job *job, struct mem_node **at,
                      struct datum *values)
{
    struct lsm_gc gc = {.horizon = job->horizon, .bottom = job->bottom};
    const struct mem_node *last = NULL;
    for (;;) {
        size_t i = pick_smallest(at, job->n_mems);
        if (i == SIZE_MAX)
            return lsm_out_finish(task, &job->out, &job->err);
        const struct mem_node *n = at[i];
        at[i] = mem_node_next(n);
        bool same = last && key_compare(mem_node_key(last), last->key_len, mem_node_key(n),
                                        n->key_len) == 0;
        if (!same)
            lsm_gc_new_key(&gc);
        if (same && last->ts == n->ts)
            continue; /* the same version in two tables */
        last = n;
        if (!lsm_gc_keep(&gc, n->ts, n->deleted)) {
            job->dropped++;
            continue;
        }
        int code = add_node(task, job, n, values);
        if (code)
            return code;
    }
}

static void run_flush(struct task *task, void *arg)
{
    struct flush_job *job = arg;
    struct mem_node **at = malloc(job->n_mems * sizeof *at);
    struct datum *values = calloc(job->schema->schema->n_columns + 1u, sizeof *values);
    assert(at && values);
    for (size_t i = 0; i < job->n_mems; i++)
        at[i] = memtable_first(job->mems[i]);
    job->code = merge_mems(task, job, at, values);
    if (job->code)
        lsm_out_abort(task, &job->out);
    free(at);
    free(values);
}

static uint64_t next_run(const struct lsm_version *v)
{
    return v->n_runs ? v->runs[0].id + 1 : 1;
}

/* The edit, queued before anything else can happen on this core. */
static struct manifest_commit *start_commit(struct task *task, struct lsm *lsm,
                                            const struct flush_job *job, uint64_t max_index)
{
    struct manifest_edit *edit = manifest_edit_create();
    if (!lsm->schema_stored)
        manifest_edit_tablet_put(edit, lsm->id, lsm->group, lsm->schema->bytes.data,
                                 lsm->schema->bytes.len);
    lsm->schema_stored = true;
    for (size_t i = 0; i < job->out.n_files; i++)
        manifest_edit_file_add(edit, lsm->id, &job->out.files[i]);
    manifest_edit_flushed(edit, lsm->id, max_index);
    return manifest_commit_start(task, lsm->node->manifest, edit);
}

/* The new files take the place of the first n frozen memtables. */
static void install_flush(struct lsm *lsm, struct flush_job *job, uint64_t max_index)
{
    struct lsm_file **add = malloc((job->out.n_files + 1) * sizeof *add);
    assert(add);
    for (size_t i = 0; i < job->out.n_files; i++) {
        add[i] = lsm_file_get(lsm->node, &job->out.files[i]);
        lsm->stats.bytes_flushed += add[i]->meta.size_bytes;
        atomic_fetch_add(&lsm->node->flushed_bytes, add[i]->meta.size_bytes);
    }
    lsm_install(lsm, lsm_version_edit(lsm->version, add, job->out.n_files, NULL, 0));
    for (size_t i = 0; i < job->out.n_files; i++)
        lsm_file_unref(add[i]);
    free(add);
    for (size_t i = 0; i < job->n_mems; i++) {
        atomic_fetch_sub(&lsm->node->frozen_bytes, memtable_bytes(lsm->frozen[i]));
        memtable_unref(lsm->frozen[i]);
    }
    lsm->n_frozen -= job->n_mems;
    memmove(lsm->frozen, lsm->frozen + job->n_mems, lsm->n_frozen * sizeof *lsm->frozen);
    lsm->flushed = max_index > lsm->flushed ? max_index : lsm->flushed;
    lsm->stats.flushes++;
    atomic_fetch_add(&lsm->node->flushes, 1);
    atomic_fetch_add(&lsm->node->dropped, job->dropped);
}

static int flush_some(struct task *task, struct lsm *lsm, struct err *err)
{
    struct flush_job job = {.node = lsm->node, .n_mems = lsm->n_frozen};
    struct memtable *mems[LSM_FROZEN_MAX];
    uint64_t max_index = 0;
    for (size_t i = 0; i < job.n_mems; i++) {
        mems[i] = lsm->frozen[i];
        memtable_ref(mems[i]);
        max_index = mems[i]->max_index > max_index ? mems[i]->max_index : max_index;
    }
    job.mems = mems;
    job.schema = lsm->schema;
    atomic_fetch_add(&job.schema->refs, 1);
    job.horizon = atomic_load(&lsm->horizon);
    job.bottom = lsm->version->n_runs == 0;
    lsm_out_init(&job.out, lsm->node, job.schema->schema, lsm->node->config.block_bytes_upper,
                 next_run(lsm->version));
    job_run(task, run_flush, &job);
    int code = job.code;
    if (code)
        *err = job.err;
    if (code == 0 && atomic_load(&lsm->dropped)) {
        lsm_out_abort(task, &job.out);
    } else if (code == 0) {
        code = manifest_commit_wait(task, start_commit(task, lsm, &job, max_index), err);
        if (code == 0)
            install_flush(lsm, &job, max_index);
    }
    for (size_t i = 0; i < job.n_mems; i++)
        memtable_unref(mems[i]);
    lsm_schema_unref(job.schema);
    lsm_out_done(&job.out);
    return code;
}

int lsm_flush_frozen(struct task *task, struct lsm *lsm, struct err *err)
{
    while (lsm->flushing)
        wait_queue_wait_always(task, &lsm->idle);
    int code = 0;
    lsm->flushing = true;
    while (code == 0 && lsm->n_frozen && !atomic_load(&lsm->dropped))
        code = flush_some(task, lsm, err);
    lsm->flushing = false;
    wait_queue_wake_all(&lsm->idle);
    if (code && code != ERR_DISK_FULL)
        lsm_fail(lsm->node, err);
    else if (!code && !lsm->closing && !atomic_load(&lsm->dropped))
        lsm_schedule_compaction(lsm);
    return code;
}

static void flush_in_background(struct task *task, void *arg)
{
    struct lsm *lsm = arg;
    struct err err; /* reported through on_fatal */
    int code = lsm_flush_frozen(task, lsm, &err);
    /* On a full disk the memtables stay where they are until there is room again. */
    while (code == ERR_DISK_FULL && !lsm->closing && !atomic_load(&lsm->dropped)) {
        if (task_sleep(task, RETRY_NS, &err) != 0)
            break;
        code = lsm_flush_frozen(task, lsm, &err);
    }
    lsm_background_done(lsm);
}

void lsm_schedule_flush(struct lsm *lsm)
{
    if (lsm->flushing)
        return; /* it takes what has been frozen meanwhile */
    lsm_ref(lsm);
    lsm->background++;
    task_spawn(lsm->core, TASK_BACKGROUND, "lsm flush", flush_in_background, lsm);
}

int lsm_flush(struct task *task, struct lsm *lsm, struct err *err)
{
    lsm_ref(lsm);
    lsm->background++;
    while (lsm->mem->count && !lsm_freeze(lsm)) {
        if (lsm->held) {
            wait_queue_wait_always(task, &lsm->idle);
            continue;
        }
        /* Too many frozen ones: let them go first. */
        int code = lsm_flush_frozen(task, lsm, err);
        if (code) {
            lsm_background_done(lsm);
            return code;
        }
    }
    int code = lsm->n_frozen || lsm->flushing ? lsm_flush_frozen(task, lsm, err) : 0;
    lsm_background_done(lsm);
    return code;
}
