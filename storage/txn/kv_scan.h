/* kv_scan.h: a scan at its gateway or in a fragment: one stream of batches a shard, joined. For
 * this folder.
 *
 * A stream reads its shard directly where this node leads the group (no message, batches as the
 * tablet made them), and by requests of several batches elsewhere (txn_scan.h), the next one on its
 * way while the last is consumed. Unordered scans read the streams one after the other, ordered
 * ones of several shards merge them by key.
 *
 * Invariants
 * 1. A stream's rows are those of (read_ts, read_seq), whichever leaders answer its requests.
 * 2. kv_scan belongs to one fiber; the fiber of a request under way is joined before its stream
 * goes.
 */
#ifndef CAIRN_STORAGE_TXN_KV_SCAN_H
#define CAIRN_STORAGE_TXN_KV_SCAN_H

#include "storage/txn/kv_txn.h"
#include "storage/txn/txn_scan.h"

/* One request and its answer. */
struct kv_fetch {
    int code;
    struct err err;
    uint8_t retry;
    struct buf body;
    struct txn_scan_answer answer;
};

struct kv_stream {
    struct kv_scan *scan;
    struct txn_scan_spec spec; /* spans: what is left to read */
    struct kv_span *spans;
    uint32_t *ordinals; /* of the scan's spans; NULL = the same */
    uint32_t group;
    uint32_t first; /* spans already done: ordinal of spec.spans[0] within `ordinals` */
    bool opened, done;
    uint64_t limit; /* rows still wanted at most; 0 = no bound */
    struct txn_scan *local;
    /* remote */
    struct task *fetching; /* fills `next` */
    struct kv_fetch now, next;
    uint32_t at_batch, batch_first; /* of `now`; first: as when it was asked for */
    /* merging */
    struct batch *batch;
    uint32_t at_row;
};

struct kv_scan {
    struct arena arena;
    struct kv *kv;
    struct kv_txn *txn; /* NULL away from the gateway */
    struct kv_read read;
    const struct kv_scan_spec *spec;
    bool with_key; /* asked for, or needed to merge or lock */
    bool merges;
    uint32_t n_streams, at_stream;
    struct kv_stream *streams;
    struct kv_scan_stats stats;
};

void kv_stream_start(struct task *task, struct kv_stream *stream);
/* *out NULL at the end. */
int kv_stream_next(struct task *task, struct kv_stream *stream, uint32_t rows_max,
                   struct batch **out, struct err *err) MUST_CHECK;
void kv_stream_close(struct task *task, struct kv_stream *stream);

#endif
