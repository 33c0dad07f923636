/* store_dir.h: a store's directory: who may use it and whose it is.
 *
 *     LOCK       held by the running server
 *     IDENTITY   the file below, replaced as a whole
 *     log/       segments of the write-ahead log (storage/wal)
 *     manifest/ sst/ state/   files of tablets, checkpoints of groups (storage/lsm)
 *
 *     IDENTITY (little endian)
 *      0  8 bytes "CAIRNSTO"     8  u32 format version (1)     12  u32 crc32c of everything from 16
 *     16  u8[16] cluster id     32  u32 node id               36  u32 boot epoch
 *     40  u32 data groups       44  u32 nodes               48  u8 complete
 *     49  per node: varint id, sized rpc address, sized sql address, sized http address
 *
 * The boot epoch counts the starts of this store. It is raised durably before the store says a word
 * to anybody, so that what an earlier boot promised is never taken for a promise of this one.
 *
 * Invariants
 * 1. Cluster id, node id, the number of data groups and nodes, once written, never change;
 *    `complete` never goes back.
 * 2. IDENTITY is replaced atomically; a damaged one is DATA_CORRUPTED, never taken for a fresh
 *    store. A directory without IDENTITY but with a log is refused too.
 *
 * Fails: OBJECT_IN_USE (55006) when another server holds the lock; DATA_CORRUPTED; I/O errors.
 */
#ifndef CAIRN_STORAGE_TABLET_STORE_DIR_H
#define CAIRN_STORAGE_TABLET_STORE_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/sync.h"

struct env;
struct file;
struct task;

enum { STORE_NODES_MAX = 64, STORE_ADDRESS_MAX = 120, STORE_IDENTITY_VERSION = 1 };

struct store_node {
    uint32_t id;
    char rpc[STORE_ADDRESS_MAX]; /* host:port; "" = unknown */
    char sql[STORE_ADDRESS_MAX];
    char http[STORE_ADDRESS_MAX];
};

struct store_identity {
    uint8_t cluster_id[16];
    uint32_t node_id;
    uint32_t boot_epoch;
    uint32_t n_data_groups;
    uint32_t n_nodes;
    bool complete; /* every node of the cluster was seen to hold it: the groups may start */
    struct store_node nodes[STORE_NODES_MAX]; /* ids 1..n_nodes in order */
};

struct store_dir {
    struct env *env;
    char path[200];
    struct file *lock;
    struct mutex writing; /* one change of the identity at a time */
    bool has_identity; /* false: a fresh store */
    struct store_identity identity;
};

/* Creates the directory (not its parents) when it is missing, locks it, reads the identity. */
int store_dir_open(struct task *task, const char *path, struct store_dir **out,
                   struct err *err) MUST_CHECK;
void store_dir_close(struct task *task, struct store_dir *dir);
/* Changes a copy of the identity (all zero in a fresh store) by `change`, writes it, takes it over:
 * durable when it returns 0, unchanged otherwise. All callers are on one core. */
int store_dir_update(struct task *task, struct store_dir *dir,
                     void (*change)(struct store_identity *identity, void *arg), void *arg,
                     struct err *err) MUST_CHECK;
/* Raises the boot epoch, durably. */
int store_dir_boot(struct task *task, struct store_dir *dir, struct err *err) MUST_CHECK;
/* Path of something inside. */
void store_dir_path(const struct store_dir *dir, const char *name, char *out, size_t size);

void store_identity_encode(const struct store_identity *identity, struct buf *out);
int store_identity_decode(const void *data, size_t len, struct store_identity *out,
                          struct err *err) MUST_CHECK;
/* "0123..." of 16 bytes; out: 33 bytes. */
void store_cluster_text(const uint8_t cluster_id[16], char *out);

#endif
