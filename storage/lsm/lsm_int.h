/* lsm_int.h: the inside of storage/lsm.
 *
 *     lsm.c          tablet: life, writes, freezing, snapshots       lsm_node.c   node: files,
 *                                                                    budget, slots
 *     lsm_flush.c    frozen memtables -> run                         lsm_pick.c   what to compact
 *                                                                    (pure)
 *     lsm_compact.c  runs -> run                                     lsm_merge.c  merging rows of
 *                                                                    files
 *     lsm_get.c      points                                          lsm_scan*.c  scans
 *     lsm_files.c    snapshots out, ingest in, bulk building
 *
 * Counted objects: memtable, lsm_version (the set of runs), lsm_file (one sst and its
 * description), lsm_schema, lsm_snapshot (pins the others). All counts are atomic: readers let go
 * on any core.
 */
#ifndef CAIRN_STORAGE_LSM_LSM_INT_H
#define CAIRN_STORAGE_LSM_LSM_INT_H

#include "base/core.h"
#include "base/hashmap.h"
#include "base/lock.h"
#include "base/sync.h"
#include "storage/lsm/lsm.h"
#include "storage/lsm/manifest_int.h"
#include "storage/lsm/memtable.h"
#include "storage/sst/sst_file.h"

struct lsm_schema {
    _Atomic uint32_t refs;
    struct arena arena;
    struct kv_schema *schema;
    struct sst_key_schema *keys;
    struct buf bytes; /* encoded */
};

/* One sst of this node, shared by every version (and tablet) that names it. */
struct lsm_file {
    struct lsm_node *node;
    uint32_t refs;             /* under node->lock */
    struct manifest_file meta; /* keys are own memory */
    struct sst_file *sst;
};

struct lsm_run {
    uint64_t id; /* greater = newer; 0 = the last run */
    uint64_t bytes;
    size_t n_files;
    struct lsm_file **files; /* ascending keys, disjoint */
};

struct lsm_version {
    _Atomic uint32_t refs;
    struct lsm_node *node;
    size_t n_runs;
    struct lsm_run *runs; /* newest first */
};

struct lsm_snapshot {
    _Atomic uint32_t refs;
    struct lsm_node *node;
    struct lsm_version *version;
    struct lsm_schema *schema;
    struct manifest_file *listed; /* lsm_snapshot_files, made on demand */
    size_t n_listed;
    size_t n_mems;
    struct memtable *mems[]; /* newest first */
};

enum { LSM_FROZEN_MAX = 64 };

struct lsm {
    _Atomic uint32_t refs; /* the owner, posted messages, background fibers */
    struct lsm_node *node;
    struct core *core;
    struct tablet_id id;
    uint32_t group;
    struct lsm_schema *schema;
    struct memtable *mem;
    struct memtable *frozen[LSM_FROZEN_MAX]; /* oldest first */
    size_t n_frozen;
    struct lsm_version *version;
    uint64_t flushed;
    bool schema_stored; /* the manifest has tablet and schema as they are now */
    _Atomic hlc_time horizon;
    _Atomic bool dropped;
    bool closing;
    bool held; /* no freezing */
    bool flushing, compacting, compact_wanted;
    uint32_t background;        /* fibers of ours */
    struct wait_queue idle;     /* something in the background ended */
    struct list_node link;      /* node->tablets */
    _Atomic uint64_t mem_bytes; /* of the live memtable */
    uint64_t mem_charged;
    _Atomic bool freeze_posted;
    struct core_msg freeze_msg;
    struct core_msg slot_msg;
    bool slot_granted;
    struct list_node slot_link;
    struct lsm_stats stats;
};

struct lsm_node {
    struct env *env;
    struct lsm_node_config config;
    struct manifest *manifest;
    struct sst_store *store;
    struct lock lock;
    struct list tablets;        /* struct lsm */
    struct intmap files;        /* number -> struct lsm_file */
    uint32_t slots_used;        /* compactions running */
    struct list slot_waiters;   /* struct lsm */
    _Atomic uint64_t mem_bytes; /* live memtables */
    _Atomic uint64_t frozen_bytes;
    _Atomic uint64_t flushes, flushed_bytes, compactions, compacted_in, compacted_out, dropped;
    _Atomic bool failed;
};

/* ---- lsm_node.c ---- */
/* One reference. The file is in the manifest or about to be. */
struct lsm_file *lsm_file_get(struct lsm_node *node, const struct manifest_file *meta);
void lsm_file_ref(struct lsm_file *f);
void lsm_file_unref(struct lsm_file *f);
void lsm_fail(struct lsm_node *node, const struct err *err); /* on_fatal, once */
void lsm_account_memory(struct lsm *lsm);
/* Waits for a compaction slot of the node. */
void lsm_slot_take(struct task *task, struct lsm *lsm);
void lsm_slot_give(struct lsm_node *node);
uint64_t lsm_new_uid(struct lsm_node *node);

/* ---- lsm.c ---- */
struct lsm_schema *lsm_schema_create(const struct kv_schema *schema);
void lsm_schema_unref(struct lsm_schema *s);
void lsm_ref(struct lsm *lsm);
void lsm_unref(struct lsm *lsm);
void lsm_version_unref(struct lsm_version *v);
/* old minus removed plus added, as a new version (one reference). Files of `add` carry their
 * run in meta.run; references are taken. */
struct lsm_version *lsm_version_edit(const struct lsm_version *old, struct lsm_file **add,
                                     size_t n_add, const uint64_t *remove, size_t n_remove);
void lsm_install(struct lsm *lsm, struct lsm_version *take_version);
/* Moves the memtable to the frozen ones. False: it is empty or too many are frozen. */
bool lsm_freeze(struct lsm *lsm);
void lsm_schedule_flush(struct lsm *lsm);
void lsm_background_done(struct lsm *lsm);

/* ---- lsm_flush.c ---- */
int lsm_flush_frozen(struct task *task, struct lsm *lsm, struct err *err) MUST_CHECK;

/* ---- lsm_pick.c: pure ---- */
struct lsm_pick {
    size_t first_run, n_runs; /* of the version, adjacent; the last run only when into_last */
    bool into_last;           /* output joins the last run (rewriting its overlapping files) */
    bool whole;        /* every file of the runs, the last one included, overlapping or not */
    int64_t only_file; /* >= 0: this file of the last run alone, for its garbage */
};
/* False: nothing to do. */
bool lsm_pick_compaction(const struct lsm_version *v, uint64_t unit_bytes, hlc_time horizon,
                         struct lsm_pick *pick);

/* ---- lsm_compact.c ---- */
void lsm_schedule_compaction(struct lsm *lsm);
int lsm_run_compaction(struct task *task, struct lsm *lsm, const struct lsm_pick *pick,
                       struct err *err) MUST_CHECK;

/* ---- lsm_out.c: writing runs, shared by flush, compaction and bulk ---- */
/* Cuts rows into files of file_bytes_max. */
struct lsm_out {
    struct lsm_node *node;
    const struct kv_schema *schema;
    uint32_t block_bytes;
    uint64_t run;
    struct sst_builder *builder;
    uint64_t number; /* of the file being built */
    uint64_t uid;
    struct arena arena; /* of files[].keys */
    struct manifest_file *files;
    size_t n_files, cap_files;
    uint64_t rows, hash; /* as read back */
    struct buf last_key;
};
void lsm_out_init(struct lsm_out *out, struct lsm_node *node, const struct kv_schema *schema,
                  uint32_t block_bytes, uint64_t run);
int lsm_out_add(struct task *task, struct lsm_out *out, const struct sst_row *row,
                struct err *err) MUST_CHECK;
/* The next row begins a new file. */
int lsm_out_cut(struct task *task, struct lsm_out *out, struct err *err) MUST_CHECK;
/* Finishes the last file and syncs the directory. */
int lsm_out_finish(struct task *task, struct lsm_out *out, struct err *err) MUST_CHECK;
/* Removes what was written. */
void lsm_out_abort(struct task *task, struct lsm_out *out);
void lsm_out_done(struct lsm_out *out);

/* Drops versions nobody can see: call for each version of a key in order (newest first). */
struct lsm_gc {
    hlc_time horizon;
    bool bottom;  /* nothing older exists anywhere: tombstones may go */
    bool covered; /* a version <= horizon of this key was kept or dropped as a tombstone */
};
static inline void lsm_gc_new_key(struct lsm_gc *gc)
{
    gc->covered = false;
}
static inline bool lsm_gc_keep(struct lsm_gc *gc, hlc_time ts, bool deleted)
{
    if (ts > gc->horizon)
        return true;
    if (gc->covered)
        return false;
    gc->covered = true;
    return !(deleted && gc->bottom);
}

#endif
