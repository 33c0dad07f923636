/* store_dir.c: see store_dir.h. */
#include "storage/tablet/store_dir.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/crc32c.h"
#include "base/env.h"

static const char magic[8] = {'C', 'A', 'I', 'R', 'N', 'S', 'T', 'O'};
enum { IDENTITY_HEAD = 16, CRC_AT = 12 };

static void put_text(struct buf *out, const char *text)
{
    buf_put_sized(out, text, strlen(text));
}

void store_identity_encode(const struct store_identity *identity, struct buf *out)
{
    size_t at = out->len;
    buf_put(out, magic, sizeof magic);
    buf_put_le32(out, STORE_IDENTITY_VERSION);
    buf_put_le32(out, 0);
    buf_put(out, identity->cluster_id, 16);
    buf_put_le32(out, identity->node_id);
    buf_put_le32(out, identity->boot_epoch);
    buf_put_le32(out, identity->n_data_groups);
    buf_put_le32(out, identity->n_nodes);
    buf_put_u8(out, identity->complete);
    for (uint32_t i = 0; i < identity->n_nodes; i++) {
        buf_put_varint(out, identity->nodes[i].id);
        put_text(out, identity->nodes[i].rpc);
        put_text(out, identity->nodes[i].sql);
        put_text(out, identity->nodes[i].http);
    }
    const uint8_t *body = out->data + at + IDENTITY_HEAD;
    uint32_t crc = crc32c(0, body, out->len - at - IDENTITY_HEAD);
    store_le32(out->data + at + CRC_AT, crc);
}

static void take_text(struct buf_reader *in, char *out)
{
    size_t len;
    const uint8_t *text = buf_take_sized(in, &len);
    if (in->bad || len >= STORE_ADDRESS_MAX) {
        in->bad = true;
        return;
    }
    memcpy(out, text, len);
    out[len] = 0;
}

static bool decode_body(struct buf_reader *in, struct store_identity *id)
{
    const uint8_t *cluster = buf_take(in, 16);
    if (!cluster)
        return false;
    memcpy(id->cluster_id, cluster, 16);
    id->node_id = buf_take_le32(in);
    id->boot_epoch = buf_take_le32(in);
    id->n_data_groups = buf_take_le32(in);
    id->n_nodes = buf_take_le32(in);
    uint8_t complete = buf_take_u8(in);
    id->complete = complete == 1;
    if (id->n_nodes < 1 || id->n_nodes > STORE_NODES_MAX || id->node_id < 1 ||
        id->node_id > id->n_nodes || complete > 1)
        return false;
    for (uint32_t i = 0; i < id->n_nodes; i++) {
        id->nodes[i].id = (uint32_t)buf_take_varint(in);
        take_text(in, id->nodes[i].rpc);
        take_text(in, id->nodes[i].sql);
        take_text(in, id->nodes[i].http);
        if (id->nodes[i].id != i + 1)
            return false;
    }
    return !in->bad && buf_reader_left(in) == 0;
}

int store_identity_decode(const void *data, size_t len, struct store_identity *out,
                          struct err *err)
{
    struct buf_reader in = buf_reader_of(data, len);
    const uint8_t *m = buf_take(&in, sizeof magic);
    uint32_t version = buf_take_le32(&in), crc = buf_take_le32(&in);
    if (in.bad || memcmp(m, magic, sizeof magic) != 0)
        return err_set(err, ERR_DATA_CORRUPTED, "store identity is damaged");
    if (version != STORE_IDENTITY_VERSION)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED,
                       "store has format version %u, this server knows %d", version,
                       STORE_IDENTITY_VERSION);
    struct store_identity *id = calloc(1, sizeof *id);
    if (!id)
        return err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    bool ok = crc32c(0, in.at, buf_reader_left(&in)) == crc && decode_body(&in, id);
    if (ok)
        *out = *id;
    free(id);
    return ok ? 0 : err_set(err, ERR_DATA_CORRUPTED, "store identity is damaged");
}

void store_cluster_text(const uint8_t cluster_id[16], char *out)
{
    for (int i = 0; i < 16; i++)
        snprintf(out + 2 * i, 3, "%02x", cluster_id[i]);
}

void store_dir_path(const struct store_dir *dir, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s/%s", dir->path, name);
}

/* A log without an identity belongs to a store whose identity was lost: never start afresh over it.
 * */
static int check_fresh(struct task *task, struct store_dir *dir, struct err *err)
{
    char path[256];
    store_dir_path(dir, "log", path, sizeof path);
    struct file_stat st;
    enum fs_result result;
    int rc = fs_stat(task, path, &result, &st, err);
    if (rc)
        return rc;
    if (result == FS_OK)
        return err_set(err, ERR_DATA_CORRUPTED,
                       "store directory \"%s\" holds a log but no identity", dir->path);
    return 0;
}

/* The new directory's own name must survive a crash too. */
static int sync_parent(struct task *task, const char *path, struct err *err)
{
    char parent[256];
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash && slash != parent)
        *slash = 0;
    else
        snprintf(parent, sizeof parent, "%s", slash ? "/" : ".");
    return fs_sync_dir(task, parent, err);
}

static int read_identity(struct task *task, struct store_dir *dir, struct err *err)
{
    char path[256];
    store_dir_path(dir, "IDENTITY", path, sizeof path);
    struct buf content;
    buf_init(&content);
    enum fs_result result;
    int rc = file_read_all(task, path, &content, &result, err);
    if (!rc && result == FS_OK) {
        rc = store_identity_decode(content.data, content.len, &dir->identity, err);
        dir->has_identity = rc == 0;
    } else if (!rc) {
        rc = check_fresh(task, dir, err);
    }
    buf_done(&content);
    return rc;
}

int store_dir_open(struct task *task, const char *path, struct store_dir **out, struct err *err)
{
    struct store_dir *dir = calloc(1, sizeof *dir);
    if (!dir)
        return err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    snprintf(dir->path, sizeof dir->path, "%s", path);
    dir->env = task->env;
    mutex_init(&dir->writing);
    enum fs_result result;
    char lock_path[256];
    int rc = 0;
    if (strlen(path) >= sizeof dir->path)
        rc = err_set(err, ERR_INVALID_PARAMETER_VALUE, "store path is too long");
    if (!rc)
        rc = fs_mkdir(task, path, &result, err);
    if (!rc && result == FS_NOT_FOUND)
        rc = err_set(err, ERR_IO_ERROR, "could not create store directory \"%s\": no such parent",
                     path);
    if (!rc && result == FS_OK)
        rc = sync_parent(task, path, err);
    store_dir_path(dir, "LOCK", lock_path, sizeof lock_path);
    if (!rc)
        rc = fs_lock(task, lock_path, &result, &dir->lock, err);
    if (!rc && result != FS_OK)
        rc = err_set(err, ERR_OBJECT_IN_USE,
                     "store directory \"%s\" is in use by another server", path);
    if (!rc)
        rc = read_identity(task, dir, err);
    if (rc) {
        store_dir_close(task, dir);
        return rc;
    }
    *out = dir;
    return 0;
}

void store_dir_close(struct task *task, struct store_dir *dir)
{
    if (!dir)
        return;
    if (dir->lock)
        file_close(task, dir->lock);
    free(dir);
}

static int write_identity(struct task *task, const struct store_dir *dir,
                          const struct store_identity *identity, struct err *err)
{
    char path[256];
    store_dir_path(dir, "IDENTITY", path, sizeof path);
    struct buf content;
    buf_init(&content);
    store_identity_encode(identity, &content);
    int rc = file_replace(task, path, content.data, content.len, err);
    buf_done(&content);
    return rc;
}

int store_dir_update(struct task *task, struct store_dir *dir,
                     void (*change)(struct store_identity *identity, void *arg), void *arg,
                     struct err *err)
{
    struct store_identity *next = malloc(sizeof *next);
    if (!next)
        return err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    mutex_lock_always(task, &dir->writing);
    *next = dir->identity;
    change(next, arg);
    int rc = write_identity(task, dir, next, err);
    if (!rc) {
        dir->identity = *next;
        dir->has_identity = true;
    }
    mutex_unlock(task, &dir->writing);
    free(next);
    return rc;
}

static void raise_epoch(struct store_identity *identity, void *arg)
{
    identity->boot_epoch++;
}

int store_dir_boot(struct task *task, struct store_dir *dir, struct err *err)
{
    return store_dir_update(task, dir, raise_epoch, NULL, err);
}
