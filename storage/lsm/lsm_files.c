#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage/lsm/lsm_int.h"

enum { PATH_BYTES = 600 };

/* ---- out ---- */

const struct manifest_file *lsm_snapshot_files(struct lsm_snapshot *snapshot, size_t *n)
{
    if (!snapshot->listed) {
        size_t count = 0;
        for (size_t r = 0; r < snapshot->version->n_runs; r++)
            count += snapshot->version->runs[r].n_files;
        snapshot->listed = malloc((count + 1) * sizeof *snapshot->listed);
        assert(snapshot->listed);
        for (size_t r = 0; r < snapshot->version->n_runs; r++)
            for (size_t i = 0; i < snapshot->version->runs[r].n_files; i++)
                snapshot->listed[snapshot->n_listed++] = snapshot->version->runs[r].files[i]->meta;
    }
    *n = snapshot->n_listed;
    return snapshot->listed;
}

int lsm_file_read(struct task *task, struct lsm_snapshot *snapshot, uint64_t number, uint64_t at,
                  void *out, size_t len, size_t *got, struct err *err)
{
    for (size_t r = 0; r < snapshot->version->n_runs; r++)
        for (size_t i = 0; i < snapshot->version->runs[r].n_files; i++)
            if (snapshot->version->runs[r].files[i]->meta.number == number)
                return sst_file_pread(task, snapshot->version->runs[r].files[i]->sst, out, len, at,
                                      got, err);
    return err_set(err, ERR_INTERNAL_ERROR, "file %llu is not part of the snapshot",
                   (unsigned long long)number);
}

/* ---- in ---- */

struct lsm_incoming {
    struct lsm_node *node;
    struct file *file;
    uint64_t number, size;
    char path[PATH_BYTES];
};

int lsm_incoming_open(struct task *task, struct lsm_node *node, struct lsm_incoming **out,
                      struct err *err)
{
    struct lsm_incoming *in = calloc(1, sizeof *in);
    assert(in);
    in->node = node;
    in->number = manifest_file_number(node->manifest);
    manifest_file_path(node->manifest, in->number, in->path, sizeof in->path);
    enum fs_result result;
    int code = file_open(task, in->path, FILE_READ | FILE_WRITE | FILE_CREATE | FILE_TRUNCATE,
                         &result, &in->file, err);
    if (code) {
        free(in);
        return code;
    }
    *out = in;
    return 0;
}

int lsm_incoming_write(struct task *task, struct lsm_incoming *in, const void *data, size_t len,
                       struct err *err)
{
    int code = file_pwrite(task, in->file, data, len, in->size, err);
    if (code == 0)
        in->size += len;
    return code;
}

void lsm_incoming_abort(struct task *task, struct lsm_incoming *in)
{
    enum fs_result result;
    struct err err; /* what stays is an orphan, removed at the next start */
    file_close(task, in->file);
    (void)!fs_unlink(task, in->path, &result, &err);
    free(in);
}

static void describe_file(const struct sst_info *info, uint64_t number, struct manifest_file *out)
{
    *out = (struct manifest_file){.number = number,
                                  .uid = info->uid,
                                  .generation = info->generation,
                                  .size_bytes = info->size_bytes,
                                  .row_count = info->row_count,
                                  .key_count = info->key_count,
                                  .delete_count = info->delete_count,
                                  .raw_bytes = info->raw_bytes,
                                  .min_ts = info->min_ts,
                                  .max_ts = info->max_ts,
                                  .min_key = info->min_key,
                                  .max_key = info->max_key,
                                  .min_key_len = info->min_key_len,
                                  .max_key_len = info->max_key_len};
}

static int verify_incoming(struct task *task, struct lsm_incoming *in, struct arena *arena,
                           struct manifest_file *out, struct err *err)
{
    uint8_t head[SST_HEADER_BYTES];
    size_t got = 0;
    uint64_t uid = 0;
    uint32_t generation = 0;
    int code = file_pread(task, in->file, head, sizeof head, 0, &got, err);
    if (code)
        return code;
    if (got != sizeof head || !sst_header_read(head, &uid, &generation))
        return err_set(err, ERR_DATA_CORRUPTED, "a received file is no sst");
    struct sst_file *f = sst_file_create(in->node->store, in->path, in->size, uid, generation);
    struct sst_info info;
    code = sst_file_verify(task, f, arena, &info, err);
    sst_file_unref(f, in->node->env);
    if (code == 0)
        describe_file(&info, in->number, out);
    return code;
}

int lsm_incoming_finish(struct task *task, struct lsm_incoming *in, struct arena *arena,
                        struct manifest_file *file, struct err *err)
{
    char dir[PATH_BYTES];
    snprintf(dir, sizeof dir, "%s/sst", manifest_dir(in->node->manifest));
    int code = file_sync(task, in->file, err);
    if (code == 0)
        code = fs_sync_dir(task, dir, err);
    if (code == 0)
        code = verify_incoming(task, in, arena, file, err);
    if (code) {
        lsm_incoming_abort(task, in);
        return code;
    }
    file_close(task, in->file);
    free(in);
    return 0;
}

/* ---- joining a tablet ---- */

static void begin_exclusive(struct task *task, struct lsm *lsm)
{
    lsm_ref(lsm);
    lsm->background++;
    while (lsm->flushing || lsm->compacting)
        wait_queue_wait_always(task, &lsm->idle);
    lsm->flushing = lsm->compacting = true;
}

static void end_exclusive(struct lsm *lsm)
{
    lsm->flushing = lsm->compacting = false;
    if (!lsm->closing && !atomic_load(&lsm->dropped) && lsm->n_frozen)
        lsm_schedule_flush(lsm);
    lsm_background_done(lsm);
}

static void put_tablet(struct manifest_edit *edit, struct lsm *lsm)
{
    manifest_edit_tablet_put(edit, lsm->id, lsm->group, lsm->schema->bytes.data,
                             lsm->schema->bytes.len);
    lsm->schema_stored = true;
}

static void install_files(struct lsm *lsm, const struct manifest_file *files, size_t n,
                          const uint64_t *remove, size_t n_remove, uint64_t run)
{
    struct lsm_file **add = malloc((n + 1) * sizeof *add);
    assert(add);
    for (size_t i = 0; i < n; i++) {
        struct manifest_file f = files[i];
        f.run = run;
        add[i] = lsm_file_get(lsm->node, &f);
    }
    lsm_install(lsm, lsm_version_edit(lsm->version, add, n, remove, n_remove));
    for (size_t i = 0; i < n; i++)
        lsm_file_unref(add[i]);
    free(add);
}

static void drop_memtables(struct lsm *lsm)
{
    struct lsm_node *node = lsm->node;
    memtable_unref(lsm->mem);
    lsm->mem = memtable_create();
    atomic_fetch_add(&node->mem_bytes, memtable_bytes(lsm->mem) - lsm->mem_charged);
    lsm->mem_charged = memtable_bytes(lsm->mem);
    atomic_store(&lsm->mem_bytes, 0);
    for (size_t i = 0; i < lsm->n_frozen; i++) {
        atomic_fetch_sub(&node->frozen_bytes, memtable_bytes(lsm->frozen[i]));
        memtable_unref(lsm->frozen[i]);
    }
    lsm->n_frozen = 0;
}

static size_t list_numbers(const struct lsm_version *v, uint64_t **out)
{
    size_t n = 0;
    for (size_t r = 0; r < v->n_runs; r++)
        n += v->runs[r].n_files;
    uint64_t *numbers = malloc((n + 1) * sizeof *numbers);
    assert(numbers);
    n = 0;
    for (size_t r = 0; r < v->n_runs; r++)
        for (size_t i = 0; i < v->runs[r].n_files; i++)
            numbers[n++] = v->runs[r].files[i]->meta.number;
    *out = numbers;
    return n;
}

/* Received files keep their runs: they may overlap each other. */
static void install_received(struct lsm *lsm, const struct manifest_file *files, size_t n,
                             const uint64_t *remove, size_t n_remove)
{
    struct lsm_file **add = malloc((n + 1) * sizeof *add);
    assert(add);
    for (size_t i = 0; i < n; i++)
        add[i] = lsm_file_get(lsm->node, &files[i]);
    lsm_install(lsm, lsm_version_edit(lsm->version, add, n, remove, n_remove));
    for (size_t i = 0; i < n; i++)
        lsm_file_unref(add[i]);
    free(add);
}

int lsm_replace(struct task *task, struct lsm *lsm, const struct manifest_file *files,
                size_t n_files, uint64_t index, struct manifest_edit *take_edit, struct err *err)
{
    begin_exclusive(task, lsm);
    struct manifest_edit *edit = take_edit ? take_edit : manifest_edit_create();
    uint64_t *old = NULL;
    size_t n_old = list_numbers(lsm->version, &old);
    /* Forgotten and put anew: `flushed` becomes index even where it was beyond (a replica that lost
     * its log may hold more than the one that refills it has applied so far). */
    manifest_edit_tablet_drop(edit, lsm->id);
    put_tablet(edit, lsm);
    for (size_t i = 0; i < n_files; i++)
        manifest_edit_file_add(edit, lsm->id, &files[i]);
    manifest_edit_flushed(edit, lsm->id, index);
    int code = manifest_commit(task, lsm->node->manifest, edit, err);
    if (code == 0) {
        install_received(lsm, files, n_files, old, n_old);
        drop_memtables(lsm);
        lsm->flushed = index;
    }
    free(old);
    end_exclusive(lsm);
    return code;
}

int lsm_ingest(struct task *task, struct lsm *lsm, const struct manifest_file *files,
               size_t n_files, uint64_t index, struct err *err)
{
    begin_exclusive(task, lsm);
    uint64_t run = lsm->version->n_runs ? lsm->version->runs[0].id + 1 : 1;
    struct manifest_edit *edit = manifest_edit_create();
    put_tablet(edit, lsm);
    for (size_t i = 0; i < n_files; i++) {
        struct manifest_file f = files[i];
        f.run = run;
        manifest_edit_file_add(edit, lsm->id, &f);
    }
    int code = manifest_commit(task, lsm->node->manifest, edit, err);
    if (code == 0)
        install_files(lsm, files, n_files, NULL, 0, run);
    end_exclusive(lsm);
    return code;
}

/* ---- bulk ---- */

struct lsm_bulk {
    struct lsm_schema *schema;
    struct lsm_out out;
    struct datum *values;
};

int lsm_bulk_open(struct task *task, struct lsm_node *node, const struct kv_schema *schema,
                  struct lsm_bulk **out, struct err *err)
{
    struct lsm_bulk *bulk = calloc(1, sizeof *bulk);
    assert(bulk);
    bulk->schema = lsm_schema_create(schema);
    bulk->values = calloc(schema->n_columns + 1u, sizeof *bulk->values);
    assert(bulk->values);
    lsm_out_init(&bulk->out, node, bulk->schema->schema, node->config.block_bytes_last, 0);
    *out = bulk;
    return 0;
}

static void free_bulk(struct lsm_bulk *bulk)
{
    lsm_out_done(&bulk->out);
    lsm_schema_unref(bulk->schema);
    free(bulk->values);
    free(bulk);
}

int lsm_bulk_add(struct task *task, struct lsm_bulk *bulk, const struct lsm_write *w,
                 struct err *err)
{
    struct sst_row row = {
        .key = w->key, .key_len = w->key_len, .ts = w->ts, .deleted = w->op == LSM_DELETE};
    if (row.deleted) {
        row.moved_to = w->row;
        row.moved_len = w->row_len;
    } else {
        int code = sst_row_values(bulk->schema->schema, w->row, w->row_len, bulk->values, err);
        if (code)
            return code;
        row.values = bulk->values;
    }
    return lsm_out_add(task, &bulk->out, &row, err);
}

int lsm_bulk_finish(struct task *task, struct lsm_bulk *bulk, struct arena *arena,
                    struct manifest_file **files, size_t *n_files, struct err *err)
{
    int code = lsm_out_finish(task, &bulk->out, err);
    if (code) {
        lsm_out_abort(task, &bulk->out);
        free_bulk(bulk);
        return code;
    }
    struct manifest_file *list = arena_array(arena, struct manifest_file, bulk->out.n_files + 1);
    for (size_t i = 0; i < bulk->out.n_files; i++) {
        list[i] = bulk->out.files[i];
        list[i].min_key = arena_memdup(arena, list[i].min_key, list[i].min_key_len);
        list[i].max_key = arena_memdup(arena, list[i].max_key, list[i].max_key_len);
    }
    *files = list;
    *n_files = bulk->out.n_files;
    free_bulk(bulk);
    return 0;
}

void lsm_bulk_abort(struct task *task, struct lsm_bulk *bulk)
{
    lsm_out_abort(task, &bulk->out);
    free_bulk(bulk);
}
