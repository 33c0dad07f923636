/* txn_scan.h: reading one shard at its group's leader: what transactions.md calls "Reading at a
 * leader".
 *
 * txn_scan_open does, on the group's core and in this order: checks leadership, lease, read limit,
 * GC threshold and schema; raises the read cache over every span; waits out each published or
 * prepared row at or below the limit in them, looking again from the start after each wait; copies
 * the transaction's own provisional rows and pins the tablet's snapshot with no yield after the
 * last look; checks the lease once more. From then on the scan is a fixed set of rows: it may be
 * read from any core, and neither a leader change nor a commit disturbs it.
 *
 * Own rows are merged by key over the tablet's. A version in (read_ts, uncertain_limit] of a group
 * the statement did not open, or a prepared row at or below read_ts that came out above it, ends
 * the scan with 40001 and KV_RETRY_STATEMENT.
 *
 * Between nodes (TXN_OP_SCAN) a scan is a series of requests without state at the server: each
 * evaluates at the same timestamp, answers whole batches up to a size, and says where to go on.
 *
 *     request := read (sized, kv_read_encode) shard (varint)
 *                flags (u8: 1 reverse, 2 with_key, 4 with_span) rows_max (varint) schema (sized)
 *                columns: n, id x n; tests: n, (id op n values as a row) x n;
 *                spans: n, (flags: 1 point, 2 open end; start end sized) x n
 *     answer  := u8 done, resume span (varint), resume key (sized; empty: span not begun),
 *                counters, n batches, batch (sized) x n
 */
#ifndef CAIRN_STORAGE_TXN_TXN_SCAN_H
#define CAIRN_STORAGE_TXN_TXN_SCAN_H

#include "storage/kv.h"
#include "storage/txn/txn_call.h"

struct txn_group;
struct txn_scan;

/* What of one shard is to be read. Everything is borrowed until the scan is closed. */
struct txn_scan_spec {
    const struct kv_schema *schema;
    const uint32_t *column_ids;
    uint16_t n_columns;
    uint16_t n_tests;
    const struct kv_test *tests;
    const struct kv_span *spans; /* at least one */
    uint32_t n_spans;
    bool with_key, with_span, reverse;
    uint16_t shard;
};

/* result->status OK: *out is open. ELSEWHERE, BUSY: nothing happened. */
int txn_scan_open(struct task *task, struct txn_group *g, const struct kv_read *read,
                  const struct txn_scan_spec *spec, struct txn_scan **out,
                  struct txn_result *result, struct err *err) MUST_CHECK;
/* *out NULL at the end. *retry: what to do after an error. */
int txn_scan_next(struct task *task, struct txn_scan *scan, uint32_t rows_max, struct batch **out,
                  enum kv_retry *retry, struct err *err) MUST_CHECK;
void txn_scan_stats_add(const struct txn_scan *scan, struct kv_scan_stats *to);
void txn_scan_close(struct txn_scan *scan);

/* ---- between nodes ---- */

void txn_scan_request_encode(const struct kv_read *read, const struct txn_scan_spec *spec,
                             uint32_t rows_max, struct buf *out);
/* Serves one request. */
int txn_scan_serve(struct task *task, struct txn_group *g, const struct txn_call *call,
                   struct txn_result *result, struct err *err) MUST_CHECK;

struct txn_scan_answer {
    bool done;
    uint32_t resume_span;
    const uint8_t *resume_key; /* borrows from the body */
    uint32_t resume_key_len;
    struct kv_scan_stats stats;
    uint32_t n_batches;
    struct buf_reader batches; /* sized, one after the other: txn_batch_decode */
};
bool txn_scan_answer_decode(const uint8_t *body, size_t len, struct txn_scan_answer *out);

/* Batches on the wire: flat columns of the live rows. */
void txn_batch_encode(struct batch *batch, struct buf *out);
int txn_batch_decode(const uint8_t *bytes, size_t len, struct batch **out,
                     struct err *err) MUST_CHECK;

#endif
