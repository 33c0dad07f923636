/* manifest_int.h: the manifest's inside: state in memory (manifest_state.c), log and lane
 * (manifest.c).
 *
 * Log file manifest/<16 hex digits of generation>.a and .b, the same bytes in both:
 *
 *      0  "CAIRNMAN"  8 u32 version = 1  12 u32 0  16 u64 generation  24 u32 0
 *     28  u32 crc32c of 0..27
 *     32  records, multiples of 8:
 *           0 u32 crc32c of generation (u64), offset (u64), bytes 4 .. 24 + body
 *           4 u32 body bytes   8 u64 number, rising by one
 *          16 u64 durable: offset known synced in both copies
 *          24 body
 *
 * The first record of a file is the whole state; an edit and the state have the same form, a list
 * of operations:
 *     u8 op, then varints (bytes: length first):
 *      1 tablet      storage shard group flushed schema     2 drop tablet   storage shard
 *      3 file        storage shard number uid generation size rows keys deletes raw min_ts max_ts
 *                    run min_key max_key
 *      4 no file     storage shard number                   5 flushed       storage shard index
 *      6 group       group index inline bytes
 *      7 group       group index number size crc (a file of its own)
 *      8 drop group  group                                  9 next number   number
 */
#ifndef CAIRN_STORAGE_LSM_MANIFEST_INT_H
#define CAIRN_STORAGE_LSM_MANIFEST_INT_H

#include "base/hashmap.h"
#include "base/list.h"
#include "base/lock.h"
#include "storage/lsm/manifest.h"

enum manifest_op {
    MF_TABLET = 1,
    MF_TABLET_DROP,
    MF_FILE_ADD,
    MF_FILE_REMOVE,
    MF_FLUSHED,
    MF_GROUP_INLINE,
    MF_GROUP_FILE,
    MF_GROUP_DROP,
    MF_NEXT_NUMBER,
};
enum { MANIFEST_INLINE_MAX = 4096, MANIFEST_HEADER_BYTES = 32, MANIFEST_REC_BYTES = 24 };

struct mf_tablet {
    struct tablet_id id;
    uint8_t name[10]; /* big endian: the map's key, and the order */
    uint32_t group;
    uint64_t flushed;
    struct buf schema;
    struct manifest_file *files; /* keys malloc'ed: min_key holds both */
    size_t n_files, cap_files;
};

struct mf_group {
    uint32_t group;
    uint64_t index;
    uint64_t state_len;
    struct buf inline_state; /* when number == 0 */
    uint64_t number;         /* state/<number>.ckp */
    uint32_t crc;
};

struct manifest_state {
    struct hashmap tablets; /* name -> struct mf_tablet */
    struct intmap groups;   /* group -> struct mf_group */
    struct intmap refs;     /* file number -> count (as a pointer's value) */
    uint64_t next_number;
    struct buf dropped;     /* numbers (u64) whose last reference the last edit dropped */
    struct buf dropped_ckp; /* numbers of group checkpoints replaced */
};

void manifest_state_init(struct manifest_state *s);
void manifest_state_done(struct manifest_state *s);
/* False: malformed; the state is then unusable. */
bool manifest_state_apply(struct manifest_state *s, const uint8_t *body, size_t len);
/* Appends operations that rebuild the state. */
void manifest_state_dump(const struct manifest_state *s, struct buf *out);
struct mf_tablet *manifest_state_tablet(const struct manifest_state *s, struct tablet_id id);
/* Tablets in order; a malloc'ed array of count pointers. */
struct mf_tablet **manifest_state_sorted(const struct manifest_state *s);
void manifest_put_file(struct buf *out, struct tablet_id id, const struct manifest_file *f);
void manifest_put_tablet(struct buf *out, struct tablet_id id, uint32_t group, uint64_t flushed,
                         const void *schema, size_t schema_len);

/* A big group state that has to be in a file of its own before the edit is written. */
struct manifest_blob {
    uint32_t group;
    uint64_t index;
    struct buf state;
    struct manifest_blob *next;
};

struct manifest_edit {
    struct buf body;
    struct buf full; /* with the operations of blobs; the lane's */
    struct manifest_blob *blobs;
};

/* Called on the lane, for each sst whose last reference a durable edit dropped. */
typedef void manifest_dropped_fn(void *arg, uint64_t number);
void manifest_on_dropped(struct manifest *m, manifest_dropped_fn *fn, void *arg);
/* manifest_commit in two steps: queued when start returns (order is the order of calls); then
 * wait. */
struct manifest_commit;
struct manifest_commit *manifest_commit_start(struct task *task, struct manifest *manifest,
                                              struct manifest_edit *take_edit);
int manifest_commit_wait(struct task *task, struct manifest_commit *take_commit,
                         struct err *err) MUST_CHECK;
void manifest_file_path(const struct manifest *m, uint64_t number, char *out, size_t size);
const char *manifest_dir(const struct manifest *m);

#endif
