#include <assert.h>
#include <stdlib.h>

#include "storage/lsm/lsm_int.h"
#include "storage/lsm/lsm_merge.h"

/* Runs become one. The job works in slices of SLICE_BYTES of output, so that it can be paced,
 * and ended when the tablet goes. The version installed at the end is the current one minus
 * inputs plus outputs: flushes go on meanwhile. */

enum { SLICE_BYTES = 8 << 20 };

struct compact_job {
    struct lsm *lsm;
    struct lsm_version *version; /* pinned */
    struct lsm_schema *schema;   /* pinned */
    struct lsm_file **inputs;    /* all of them, grouped by source */
    size_t n_inputs;
    struct lsm_file **spared; /* of the last run: no inputs, between which output files must end */
    size_t n_spared, next_spared;
    uint64_t bytes_in;
    struct lsm_merge merge;
    struct lsm_out out;
    struct lsm_gc gc;
    struct buf last_key;
    bool any_key;
    uint64_t rows_dropped, hash_dropped;
    bool ended;
    int code;
    struct err err;
};

static bool overlaps(const struct lsm_file *f, struct lsm_file **upper, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct manifest_file *a = &f->meta, *b = &upper[i]->meta;
        if (key_compare(a->min_key, a->min_key_len, b->max_key, b->max_key_len) <= 0 &&
            key_compare(b->min_key, b->min_key_len, a->max_key, a->max_key_len) <= 0)
            return true;
    }
    return false;
}

/* Lists the inputs, one source a run. Of the last run only what overlaps the others, unless all
 * of it is wanted. */
static void choose_inputs(struct compact_job *job, const struct lsm_pick *pick)
{
    size_t n = 0;
    for (size_t r = 0; r < job->version->n_runs; r++)
        n += job->version->runs[r].n_files;
    job->inputs = malloc((n + 1) * sizeof *job->inputs);
    job->spared = malloc((n + 1) * sizeof *job->spared);
    assert(job->inputs && job->spared);
    lsm_merge_init(&job->merge, job->schema->schema, pick->n_runs);
    for (size_t r = pick->first_run; r < pick->first_run + pick->n_runs; r++) {
        const struct lsm_run *run = &job->version->runs[r];
        size_t from = job->n_inputs, upper = from;
        bool some = pick->into_last && run->id == 0 && !pick->whole;
        for (size_t i = 0; i < run->n_files; i++) {
            bool take =
                !some || (pick->only_file >= 0 ? (size_t)pick->only_file == i
                                               : overlaps(run->files[i], job->inputs, upper));
            if (take) {
                job->inputs[job->n_inputs++] = run->files[i];
                job->bytes_in += run->files[i]->meta.size_bytes;
            } else {
                job->spared[job->n_spared++] = run->files[i];
            }
        }
        lsm_merge_add(&job->merge, job->inputs + from, job->n_inputs - from);
    }
}

/* An output file that spanned a spared file's keys would hide it: files of a run are disjoint. */
static int cut_before(struct task *task, struct compact_job *job, const struct sst_row *row)
{
    bool passed = false;
    while (job->next_spared < job->n_spared) {
        const struct manifest_file *f = &job->spared[job->next_spared]->meta;
        if (key_compare(f->min_key, f->min_key_len, row->key, row->key_len) > 0)
            break;
        job->next_spared++;
        passed = true;
    }
    return passed ? lsm_out_cut(task, &job->out, &job->err) : 0;
}

static int drop_or_add(struct task *task, struct compact_job *job, const struct sst_row *row)
{
    if (!job->any_key ||
        key_compare(job->last_key.data, job->last_key.len, row->key, row->key_len) != 0) {
        lsm_gc_new_key(&job->gc);
        buf_reset(&job->last_key);
        buf_put(&job->last_key, row->key, row->key_len);
        job->any_key = true;
    }
    if (lsm_gc_keep(&job->gc, row->ts, row->deleted)) {
        int code = cut_before(task, job, row);
        return code ? code : lsm_out_add(task, &job->out, row, &job->err);
    }
    job->rows_dropped++;
    job->hash_dropped += job->merge.hash_last;
    return 0;
}

/* Rows and hash: in = out + dropped, where `out` was read back from the encoded blocks. */
static int check_sums(struct compact_job *job)
{
    if (job->merge.rows_in == job->out.rows + job->rows_dropped &&
        job->merge.hash_in == job->out.hash + job->hash_dropped)
        return 0;
    return err_set(
        &job->err, ERR_DATA_CORRUPTED,
        "compaction of tablet %llu/%u lost or changed rows: %llu in, %llu out, %llu dropped",
        (unsigned long long)job->lsm->id.storage, job->lsm->id.shard,
        (unsigned long long)job->merge.rows_in, (unsigned long long)job->out.rows,
        (unsigned long long)job->rows_dropped);
}

static void run_slice(struct task *task, void *arg)
{
    struct compact_job *job = arg;
    uint64_t rows = 0, bytes = 0;
    while (bytes < SLICE_BYTES && rows < 1000000) {
        struct sst_row row;
        bool found = false;
        job->code = lsm_merge_next(task, &job->merge, &found, &row, &job->err);
        if (job->code)
            return;
        if (!found) {
            job->ended = true;
            job->code = lsm_out_finish(task, &job->out, &job->err);
            if (job->code == 0)
                job->code = check_sums(job);
            return;
        }
        job->code = drop_or_add(task, job, &row);
        if (job->code)
            return;
        rows++;
        bytes += row.key_len + 16u * job->schema->schema->n_columns;
    }
}

static void run_abort(struct task *task, void *arg)
{
    struct compact_job *job = arg;
    lsm_out_abort(task, &job->out);
}

static struct manifest_commit *start_commit(struct task *task, struct lsm *lsm,
                                            const struct compact_job *job)
{
    struct manifest_edit *edit = manifest_edit_create();
    for (size_t i = 0; i < job->n_inputs; i++)
        manifest_edit_file_remove(edit, lsm->id, job->inputs[i]->meta.number);
    for (size_t i = 0; i < job->out.n_files; i++)
        manifest_edit_file_add(edit, lsm->id, &job->out.files[i]);
    return manifest_commit_start(task, lsm->node->manifest, edit);
}

static void install_output(struct lsm *lsm, struct compact_job *job)
{
    struct lsm_file **add = malloc((job->out.n_files + 1) * sizeof *add);
    uint64_t *remove = malloc((job->n_inputs + 1) * sizeof *remove);
    assert(add && remove);
    uint64_t bytes_out = 0;
    for (size_t i = 0; i < job->out.n_files; i++) {
        add[i] = lsm_file_get(lsm->node, &job->out.files[i]);
        bytes_out += add[i]->meta.size_bytes;
    }
    for (size_t i = 0; i < job->n_inputs; i++)
        remove[i] = job->inputs[i]->meta.number;
    lsm_install(lsm, lsm_version_edit(lsm->version, add, job->out.n_files, remove, job->n_inputs));
    for (size_t i = 0; i < job->out.n_files; i++)
        lsm_file_unref(add[i]);
    free(add);
    free(remove);
    lsm->stats.compactions++;
    lsm->stats.bytes_compacted += bytes_out;
    atomic_fetch_add(&lsm->node->compactions, 1);
    atomic_fetch_add(&lsm->node->compacted_in, job->bytes_in);
    atomic_fetch_add(&lsm->node->compacted_out, bytes_out);
    atomic_fetch_add(&lsm->node->dropped, job->rows_dropped);
}

/* Everything older than the newest input, in its key span, is an input: then tombstones may go. */
static bool is_bottom(const struct lsm_version *v, const struct lsm_pick *pick)
{
    return pick->first_run + pick->n_runs == v->n_runs;
}

static int pace(struct task *task, struct compact_job *job, uint64_t from_ns, uint64_t slices,
                struct err *err)
{
    uint64_t rate = job->lsm->node->config.compaction_bytes_per_s;
    if (!rate)
        return 0;
    uint64_t due = from_ns + slices * SLICE_BYTES * 1000000000ull / rate;
    return task_sleep_until(task, due, err);
}

static int run_job(struct task *task, struct compact_job *job, struct err *err)
{
    uint64_t from = env_mono_ns(task->env), slices = 0;
    int code = 0;
    while (code == 0 && !job->ended && !job->lsm->closing && !atomic_load(&job->lsm->dropped)) {
        job_run(task, run_slice, job);
        code = job->code;
        if (code)
            *err = job->err;
        else if (!job->ended)
            code = pace(task, job, from, ++slices, err);
    }
    return code;
}

int lsm_run_compaction(struct task *task, struct lsm *lsm, const struct lsm_pick *pick,
                       struct err *err)
{
    struct compact_job job = {.lsm = lsm, .version = lsm->version, .schema = lsm->schema};
    atomic_fetch_add(&job.version->refs, 1);
    atomic_fetch_add(&job.schema->refs, 1);
    choose_inputs(&job, pick);
    job.gc = (struct lsm_gc){.horizon = atomic_load(&lsm->horizon),
                             .bottom = is_bottom(job.version, pick)};
    uint64_t run = pick->into_last ? 0 : job.version->runs[pick->first_run].id;
    uint32_t block = run ? lsm->node->config.block_bytes_upper : lsm->node->config.block_bytes_last;
    lsm_out_init(&job.out, lsm->node, job.schema->schema, block, run);
    int code = run_job(task, &job, err);
    if (code || !job.ended || atomic_load(&lsm->dropped)) {
        job_run(task, run_abort, &job);
    } else {
        code = manifest_commit_wait(task, start_commit(task, lsm, &job), err);
        if (code == 0)
            install_output(lsm, &job);
    }
    lsm_merge_done(&job.merge);
    lsm_out_done(&job.out);
    buf_done(&job.last_key);
    free(job.inputs);
    free(job.spared);
    lsm_schema_unref(job.schema);
    lsm_version_unref(job.version);
    return code;
}

/* ---- when ---- */

static bool pick_now(struct lsm *lsm, struct lsm_pick *pick)
{
    uint64_t unit = lsm->node->config.memtable_bytes_one / 4;
    return lsm_pick_compaction(lsm->version, unit, atomic_load(&lsm->horizon), pick);
}

static void compact_in_background(struct task *task, void *arg)
{
    struct lsm *lsm = arg;
    struct lsm_pick pick;
    struct err err;
    int code = 0;
    while (code == 0 && !lsm->closing && !atomic_load(&lsm->dropped) && pick_now(lsm, &pick)) {
        lsm_slot_take(task, lsm);
        if (!lsm->closing && !atomic_load(&lsm->dropped) && pick_now(lsm, &pick))
            code = lsm_run_compaction(task, lsm, &pick, &err);
        lsm_slot_give(lsm->node);
    }
    /* On a full disk the runs stay as they are: the next flush asks again. */
    if (code && code != ERR_DISK_FULL)
        lsm_fail(lsm->node, &err);
    lsm->compacting = false;
    lsm_background_done(lsm);
}

void lsm_schedule_compaction(struct lsm *lsm)
{
    struct lsm_pick pick;
    if (lsm->compacting || !pick_now(lsm, &pick))
        return;
    lsm->compacting = true;
    lsm_ref(lsm);
    lsm->background++;
    task_spawn(lsm->core, TASK_BACKGROUND, "lsm compaction", compact_in_background, lsm);
}

int lsm_compact(struct task *task, struct lsm *lsm, struct err *err)
{
    lsm_ref(lsm);
    lsm->background++;
    while (lsm->compacting)
        wait_queue_wait_always(task, &lsm->idle);
    int code = 0;
    if (lsm->version->n_runs && !atomic_load(&lsm->dropped)) {
        lsm->compacting = true;
        lsm_slot_take(task, lsm);
        struct lsm_pick pick = {
            .n_runs = lsm->version->n_runs, .into_last = true, .whole = true, .only_file = -1};
        code = lsm_run_compaction(task, lsm, &pick, err);
        lsm_slot_give(lsm->node);
        lsm->compacting = false;
    }
    lsm_background_done(lsm);
    return code;
}
