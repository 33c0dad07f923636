#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage/lsm/lsm_int.h"

enum { PATH_BYTES = 600 };

void lsm_out_init(struct lsm_out *out, struct lsm_node *node, const struct kv_schema *schema,
                  uint32_t block_bytes, uint64_t run)
{
    *out = (struct lsm_out){.node = node, .schema = schema, .block_bytes = block_bytes, .run = run};
    arena_init(&out->arena, NULL);
}

void lsm_out_done(struct lsm_out *out)
{
    arena_done(&out->arena);
    buf_done(&out->last_key);
    free(out->files);
}

static int begin_file(struct task *task, struct lsm_out *out, struct err *err)
{
    char path[PATH_BYTES];
    out->number = manifest_file_number(out->node->manifest);
    out->uid = lsm_new_uid(out->node);
    manifest_file_path(out->node->manifest, out->number, path, sizeof path);
    struct sst_builder_config config = {
        .schema = out->schema, .uid = out->uid, .block_bytes = out->block_bytes};
    return sst_builder_open(task, path, &config, &out->builder, err);
}

static int end_file(struct task *task, struct lsm_out *out, struct err *err)
{
    struct sst_info info;
    uint64_t hash = 0;
    int code = sst_builder_finish(task, out->builder, &out->arena, &info, &hash, err);
    out->builder = NULL;
    if (out->n_files == out->cap_files) {
        out->cap_files = out->cap_files ? out->cap_files * 2 : 4;
        out->files = realloc(out->files, out->cap_files * sizeof *out->files);
        assert(out->files);
    }
    struct manifest_file *f = &out->files[out->n_files++];
    *f = (struct manifest_file){.number = out->number, .run = out->run}; /* abort removes it */
    if (code)
        return code;
    f->uid = info.uid;
    f->generation = info.generation;
    f->size_bytes = info.size_bytes;
    f->row_count = info.row_count;
    f->key_count = info.key_count;
    f->delete_count = info.delete_count;
    f->raw_bytes = info.raw_bytes;
    f->min_ts = info.min_ts;
    f->max_ts = info.max_ts;
    f->min_key = info.min_key;
    f->max_key = info.max_key;
    f->min_key_len = info.min_key_len;
    f->max_key_len = info.max_key_len;
    out->rows += info.row_count;
    out->hash += hash;
    return 0;
}

int lsm_out_cut(struct task *task, struct lsm_out *out, struct err *err)
{
    return out->builder ? end_file(task, out, err) : 0;
}

int lsm_out_add(struct task *task, struct lsm_out *out, const struct sst_row *row, struct err *err)
{
    if (out->builder && sst_builder_bytes(out->builder) >= out->node->config.file_bytes_max &&
        key_compare(out->last_key.data, out->last_key.len, row->key, row->key_len) != 0) {
        int code = end_file(task, out, err);
        if (code)
            return code;
    }
    if (!out->builder) {
        int code = begin_file(task, out, err);
        if (code)
            return code;
    }
    buf_reset(&out->last_key);
    buf_put(&out->last_key, row->key, row->key_len);
    return sst_builder_add(task, out->builder, row, err);
}

int lsm_out_finish(struct task *task, struct lsm_out *out, struct err *err)
{
    if (out->builder) {
        int code = end_file(task, out, err);
        if (code)
            return code;
    }
    if (!out->n_files)
        return 0;
    char dir[PATH_BYTES];
    int n = snprintf(dir, sizeof dir, "%s/sst", manifest_dir(out->node->manifest));
    assert(n > 0 && (size_t)n < sizeof dir);
    return fs_sync_dir(task, dir, err);
}

void lsm_out_abort(struct task *task, struct lsm_out *out)
{
    struct err err; /* what cannot be removed is an orphan for the next start */
    enum fs_result result;
    char path[PATH_BYTES];
    if (out->builder) {
        sst_builder_abort(task, out->builder);
        out->builder = NULL;
        manifest_file_path(out->node->manifest, out->number, path, sizeof path);
        (void)!fs_unlink(task, path, &result, &err);
    }
    for (size_t i = 0; i < out->n_files; i++) {
        manifest_file_path(out->node->manifest, out->files[i].number, path, sizeof path);
        (void)!fs_unlink(task, path, &result, &err);
    }
    out->n_files = 0;
}
