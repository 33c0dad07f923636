#include "tests/sim/kv_work.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/core.h"
#include "base/env.h"
#include "tests/support/kv_rows.h"

#define WORK_MS UINT64_C(1000000)

enum {
    ACCOUNTS = 10,
    START_BALANCE = 1000,
    COUNTERS = 2,
    PARENTS = 4,
    OPS_MAX = 20000,
    MADE_MAX = 200,
    BULK_ROWS = 60,
    VOID_ID = 1000000, /* journal rows from here on were rolled back */
};

enum op_state { OP_OPEN, OP_COMMITTED, OP_ABORTED, OP_UNKNOWN };

struct op {
    uint8_t state;
    bool noted; /* left a row in a table of one group too */
    int64_t from, to, amount;
    hlc_time commit_ts;
};

/* A table made by the work itself, with bulk rows. */
struct made {
    uint8_t state; /* enum op_state of its creation */
    bool dropping; /* a drop was tried: it may be gone */
    storage_id id;
    uint32_t rows;
    struct kv_rows_table table;
};

struct kv_work {
    struct kv_work_world world;
    uint32_t n_made;
    struct made made[MADE_MAX];
    struct kv_rows_table accounts, journal, counters, parents, children, notes;
    bool ready, stop, checking, checked;
    uint32_t last_acked; /* number of the last transfer a client was told of, + 1 */
    uint32_t n_ops;
    struct op ops[OPS_MAX];
    int64_t counter_acked[COUNTERS], counter_unknown[COUNTERS];
    int64_t child_next;
};

struct client {
    struct kv_work *w;
    struct kv *kv;
    struct core *core;
    struct prng *prng;
    struct kv_sim_result *result;
    const bool *stop;  /* of the node; may be NULL */
    uint32_t *running; /* the same */
    struct task *task;
    struct err err;
    hlc_time commit_ts; /* of the last commit */
};

void kv_work_fail(struct kv_work *w, const char *fmt, ...)
{
    va_list args;
    struct kv_sim_result *result = w->world.result;
    if (result->failed)
        return;
    result->failed = true;
    va_start(args, fmt);
    vsnprintf(result->what, sizeof result->what, fmt, args);
    va_end(args);
}

/* ---- transactions --------------------------------------------------------------------------- */

static bool chance(struct client *c, double p)
{
    return prng_chance(c->prng, p);
}

static uint64_t draw(struct client *c, uint64_t below)
{
    return prng_below(c->prng, below);
}

static struct kv_txn *begin(struct client *c, enum kv_isolation isolation)
{
    struct kv_txn_options options = {
        .isolation = isolation,
        .deadline_ns = env_mono_ns(c->task->env) + (1000 + draw(c, 4000)) * WORK_MS,
    };
    err_clear(&c->err);
    return kv_txn_begin(c->kv, &options);
}

static int statement(struct client *c, struct kv_txn *txn, const struct kv_rows_table *a,
                     const struct kv_rows_table *b, struct kv_read *read)
{
    const struct kv_schema *schemas[] = {&a->schema, b ? &b->schema : NULL};
    return kv_stmt_begin(c->task, txn, schemas, b ? 2 : 1, read, &c->err);
}

/* Codes a client may see under faults; anything else is a bug. */
static void judge_error(struct client *c, int code, const char *where)
{
    c->result->deadlocks += code == ERR_DEADLOCK_DETECTED;
    c->result->timeouts += code == ERR_QUERY_CANCELED;
    switch (code) {
    case ERR_SERIALIZATION_FAILURE:
    case ERR_DEADLOCK_DETECTED:
    case ERR_STATEMENT_COMPLETION_UNKNOWN:
    case ERR_QUERY_CANCELED:
    case ERR_LOCK_NOT_AVAILABLE:
    case ERR_SYSTEM_ERROR:
        return;
    default:
        kv_work_fail(c->w, "%s: unexpected error %s: %s", where, err_sqlstate(code),
                     c->err.message);
    }
}

static uint8_t finish(struct client *c, struct kv_txn *txn, int code, const char *where)
{
    if (code) {
        judge_error(c, code, where);
        kv_abort(c->task, txn);
        c->result->aborted++;
        return OP_ABORTED;
    }
    code = kv_commit(c->task, txn, &c->commit_ts, &c->err);
    if (!code) {
        c->result->committed++;
        return OP_COMMITTED;
    }
    judge_error(c, code, where);
    if (code == ERR_STATEMENT_COMPLETION_UNKNOWN) {
        c->result->unknown++;
        return OP_UNKNOWN;
    }
    c->result->aborted++;
    return OP_ABORTED;
}

/* ---- transfers ------------------------------------------------------------------------------ */

/* Both balances, locked: by a locking scan, or read first and locked with a re-check. */
static int lock_balances(struct client *c, struct kv_txn *txn, const struct kv_read *read,
                         const int64_t *keys, int64_t *balances)
{
    struct kv_rows rows = {0};
    bool scan_locks = chance(c, 0.5);
    struct kv_rows_query query = {.table = &c->w->accounts,
                                  .keys = keys,
                                  .n_keys = 2,
                                  .unordered = chance(c, 0.5),
                                  .lock = scan_locks ? KV_LOCK_NO_KEY_UPDATE : KV_LOCK_NONE};
    int code = kv_rows_read(c->task, c->kv, txn, read, &query, &rows, &c->err);
    for (int i = 0; i < 2 && !code; i++) {
        const int64_t *row = kv_rows_find(&rows, keys[i]);
        int64_t values[KV_ROWS_COLUMNS_MAX];
        uint8_t result = KV_ROW_OK;
        if (!row) {
            kv_work_fail(c->w, "account %lld is not there", (long long)keys[i]);
            break;
        }
        balances[i] = row[1];
        if (!scan_locks)
            code = kv_rows_lock(c->task, txn, read, &c->w->accounts, keys[i], KV_LOCK_UPDATE,
                                &result, values, &c->err);
        if (!code && result == KV_ROW_CHANGED)
            balances[i] = values[1];
        else if (!code && result != KV_ROW_OK)
            kv_work_fail(c->w, "account %lld answers %u to a lock", (long long)keys[i], result);
    }
    kv_rows_done(&rows);
    return code;
}

static int put(struct client *c, struct kv_txn *txn, const struct kv_rows_table *t,
               enum kv_write_op op, int64_t a, int64_t b, int64_t d, int64_t e)
{
    int64_t values[] = {a, b, d, e};
    uint8_t result;
    int code = kv_rows_write(c->task, txn, t, op, values, &result, &c->err);
    if (!code && result != KV_ROW_OK)
        kv_work_fail(c->w, "a write to storage %llu answers %u", (unsigned long long)t->schema.id,
                     result);
    return code;
}

static int write_transfer(struct client *c, struct kv_txn *txn, uint32_t id, const int64_t *keys,
                          const int64_t *balances, int64_t amount)
{
    int code = 0;
    if (chance(c, 0.3)) { /* written and taken back */
        uint32_t savepoint = kv_savepoint(txn);
        code = put(c, txn, &c->w->accounts, KV_PUT, keys[0], 777, 0, 0);
        if (!code)
            code = put(c, txn, &c->w->journal, KV_INSERT, VOID_ID + id, 0, 0, 0);
        if (!code)
            code = kv_rollback_to(c->task, txn, savepoint, &c->err);
        kv_savepoint(txn);
    }
    if (!code)
        code = put(c, txn, &c->w->accounts, KV_PUT, keys[0], balances[0] - amount, 0, 0);
    if (!code)
        code = put(c, txn, &c->w->accounts, KV_PUT, keys[1], balances[1] + amount, 0, 0);
    if (!code)
        code = put(c, txn, &c->w->journal, KV_INSERT, id, keys[0], keys[1], amount);
    if (!code && c->w->ops[id].noted)
        code = put(c, txn, &c->w->notes, KV_INSERT, id, 1, 0, 0);
    return code;
}

static int check_own_writes(struct client *c, struct kv_txn *txn, const struct kv_read *read,
                            const int64_t *keys, const int64_t *balances, int64_t amount)
{
    struct kv_rows rows = {0};
    struct kv_read now = kv_read_now(txn, read);
    struct kv_rows_query query = {
        .table = &c->w->accounts, .keys = chance(c, 0.5) ? keys : NULL, .n_keys = 2};
    int code = kv_rows_read(c->task, c->kv, txn, &now, &query, &rows, &c->err);
    const int64_t *a = code ? NULL : kv_rows_find(&rows, keys[0]);
    const int64_t *b = code ? NULL : kv_rows_find(&rows, keys[1]);
    if (!code && (!a || !b || a[1] != balances[0] - amount || b[1] != balances[1] + amount))
        kv_work_fail(c->w, "a transaction does not see its own writes");
    kv_rows_done(&rows);
    return code;
}

static void do_transfer(struct client *c)
{
    struct kv_work *w = c->w;
    if (w->n_ops == OPS_MAX)
        return;
    uint32_t id = w->n_ops++;
    struct op *op = &w->ops[id];
    int64_t keys[2] = {(int64_t)draw(c, ACCOUNTS), 0}, balances[2];
    keys[1] = (keys[0] + 1 + (int64_t)draw(c, ACCOUNTS - 1)) % ACCOUNTS;
    op->noted = chance(c, 0.5);
    op->from = keys[0];
    op->to = keys[1];
    op->amount = 1 + (int64_t)draw(c, 50);
    struct kv_txn *txn = begin(c, chance(c, 0.3) ? KV_REPEATABLE_READ : KV_READ_COMMITTED);
    struct kv_read read;
    int code = statement(c, txn, &w->accounts, NULL, &read);
    if (!code)
        code = lock_balances(c, txn, &read, keys, balances);
    if (!code)
        code = write_transfer(c, txn, id, keys, balances, op->amount);
    if (!code && chance(c, 0.3))
        code = check_own_writes(c, txn, &read, keys, balances, op->amount);
    if (!code && chance(c, 0.03)) { /* the client changes its mind */
        kv_abort(c->task, txn);
        op->state = OP_ABORTED;
        return;
    }
    op->state = finish(c, txn, code, "transfer");
    op->commit_ts = c->commit_ts;
    if (op->state == OP_COMMITTED)
        c->w->last_acked = id + 1;
}

/* ---- readers -------------------------------------------------------------------------------- */

static int64_t sum_balances(const struct kv_rows *rows)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < rows->n; i++)
        sum += rows->values[i * rows->width + 1];
    return sum;
}

static void do_sum(struct client *c)
{
    enum kv_isolation isolation = chance(c, 0.5) ? KV_REPEATABLE_READ : KV_READ_COMMITTED;
    struct kv_txn *txn = begin(c, isolation);
    struct kv_rows first = {0}, second = {0};
    struct kv_read read;
    struct kv_rows_query query = {
        .table = &c->w->accounts, .unordered = chance(c, 0.5), .reverse = chance(c, 0.3)};
    int code = statement(c, txn, &c->w->accounts, NULL, &read);
    if (!code)
        code = kv_rows_read(c->task, c->kv, txn, &read, &query, &first, &c->err);
    if (!code && (first.n != ACCOUNTS || sum_balances(&first) != ACCOUNTS * START_BALANCE))
        kv_work_fail(c->w, "a snapshot of %u accounts sums to %lld", first.n,
                     (long long)sum_balances(&first));
    if (!code && chance(c, 0.5))
        code = task_sleep(c->task, draw(c, 30 * WORK_MS), &c->err);
    if (!code && isolation == KV_REPEATABLE_READ)
        code = statement(c, txn, &c->w->accounts, NULL, &read);
    if (!code)
        code = kv_rows_read(c->task, c->kv, txn, &read, &query, &second, &c->err);
    if (!code && (first.n != second.n || memcmp(first.values, second.values,
                                                first.n * first.width * sizeof *first.values)))
        kv_work_fail(c->w, "a snapshot changed while it was read");
    c->result->reads += !code;
    if (code)
        judge_error(c, code, "sum");
    kv_abort(c->task, txn);
    kv_rows_done(&first);
    kv_rows_done(&second);
}

/* Rows that single-group commits change, read twice at one timestamp. */
static void do_repeat(struct client *c)
{
    struct kv_txn *txn = begin(c, KV_REPEATABLE_READ);
    struct kv_rows first = {0}, second = {0};
    struct kv_read read;
    struct kv_rows_query query = {.table = &c->w->counters};
    int code = statement(c, txn, &c->w->counters, NULL, &read);
    if (!code)
        code = kv_rows_read(c->task, c->kv, txn, &read, &query, &first, &c->err);
    if (!code)
        code = task_sleep(c->task, draw(c, 200 * WORK_MS), &c->err);
    if (!code)
        code = kv_rows_read(c->task, c->kv, txn, &read, &query, &second, &c->err);
    if (!code && (first.n != second.n || memcmp(first.values, second.values,
                                                first.n * first.width * sizeof *first.values)))
        kv_work_fail(c->w, "a snapshot of the counters changed while it was read");
    if (code)
        judge_error(c, code, "repeat");
    kv_abort(c->task, txn);
    kv_rows_done(&first);
    kv_rows_done(&second);
}

/* Whatever was acknowledged before a statement began is seen by it, through any node. */
static void look_up(struct client *c, int64_t id)
{
    struct kv_work *w = c->w;
    if (w->ops[id].state != OP_COMMITTED)
        return;
    struct kv_txn *txn = begin(c, KV_READ_COMMITTED);
    struct kv_rows rows = {0};
    struct kv_read read;
    const struct kv_rows_table *t = w->ops[id].noted && chance(c, 0.7) ? &w->notes : &w->journal;
    struct kv_rows_query query = {.table = t, .keys = &id, .n_keys = 1};
    bool opened = t == &w->notes || chance(c, 0.5); /* else only another group */
    int code = statement(c, txn, opened ? t : &w->counters, NULL, &read);
    if (!code)
        code = kv_rows_read(c->task, c->kv, txn, &read, &query, &rows, &c->err);
    if (!code && rows.n != 1)
        kv_work_fail(w, "transfer %lld was acknowledged at %llu and is not seen in %llu at %llu%s",
                     (long long)id, (unsigned long long)w->ops[id].commit_ts,
                     (unsigned long long)t->schema.id, (unsigned long long)read.read_ts,
                     opened ? "" : " (a group not opened)");
    c->result->reads += !code;
    if (code)
        judge_error(c, code, "look up");
    kv_abort(c->task, txn);
    kv_rows_done(&rows);
}

static void do_look_up(struct client *c)
{
    struct kv_work *w = c->w;
    uint32_t before = w->last_acked;
    if (!w->n_ops)
        return;
    if (chance(c, 0.5)) { /* some time ago */
        uint32_t window = w->n_ops < 16 ? w->n_ops : 16;
        look_up(c, w->n_ops - 1 - (int64_t)draw(c, window));
        return;
    }
    for (uint32_t i = 0; i < 200 && w->last_acked == before; i++) /* this very moment */
        if (task_sleep(c->task, WORK_MS / 5, &c->err))
            return;
    if (w->last_acked != before)
        look_up(c, w->last_acked - 1);
}

/* ---- counters ------------------------------------------------------------------------------- */

static void do_count(struct client *c)
{
    struct kv_work *w = c->w;
    int64_t key = (int64_t)draw(c, COUNTERS), acked = 0;
    bool locks = chance(c, 0.5);
    struct kv_txn *txn = begin(c, locks ? KV_READ_COMMITTED : KV_REPEATABLE_READ);
    struct kv_rows rows = {0};
    struct kv_read read;
    struct kv_rows_query query = {
        .table = &w->counters, .keys = &key, .n_keys = 1, .lock = locks ? KV_LOCK_UPDATE : 0};
    acked = w->counter_acked[key];
    int code = statement(c, txn, &w->counters, NULL, &read);
    if (!code)
        code = kv_rows_read(c->task, c->kv, txn, &read, &query, &rows, &c->err);
    if (!code && rows.n != 1)
        kv_work_fail(c->w, "counter %lld is not there", (long long)key);
    if (!code && rows.n == 1 && rows.values[1] < acked)
        kv_work_fail(c->w, "counter %lld reads %lld after %lld were acknowledged", (long long)key,
                     (long long)rows.values[1], (long long)acked);
    if (!code && rows.n == 1)
        code = put(c, txn, &w->counters, KV_PUT, key, rows.values[1] + 1, 0, 0);
    w->counter_unknown[key]++; /* until it is known; a crash leaves it so */
    uint8_t state = finish(c, txn, code, "count");
    w->counter_unknown[key] -= state != OP_UNKNOWN;
    w->counter_acked[key] += state == OP_COMMITTED;
    kv_rows_done(&rows);
}

/* ---- foreign keys by locks alone ------------------------------------------------------------ */

static void do_child(struct client *c)
{
    struct kv_work *w = c->w;
    int64_t parent = (int64_t)draw(c, PARENTS), child = w->child_next++;
    struct kv_txn *txn = begin(c, KV_READ_COMMITTED);
    struct kv_rows rows = {0};
    struct kv_read read;
    struct kv_rows_query query = {
        .table = &w->parents, .keys = &parent, .n_keys = 1, .lock = KV_LOCK_KEY_SHARE};
    int code = statement(c, txn, &w->parents, &w->children, &read);
    if (!code)
        code = put(c, txn, &w->children, KV_INSERT, child, parent, 0, 0);
    if (!code)
        code = kv_rows_read(c->task, c->kv, txn, &read, &query, &rows, &c->err);
    if (!code && !rows.n) {
        kv_abort(c->task, txn);
        return;
    }
    if (!code && chance(c, 0.6)) /* the locks alone keep the parent there */
        code = task_sleep(c->task, draw(c, 400 * WORK_MS), &c->err);
    finish(c, txn, code, "child");
    kv_rows_done(&rows);
}

static void do_parent(struct client *c)
{
    struct kv_work *w = c->w;
    int64_t parent = (int64_t)draw(c, PARENTS), values[KV_ROWS_COLUMNS_MAX];
    uint8_t result = KV_ROW_GONE;
    struct kv_txn *txn = begin(c, KV_READ_COMMITTED);
    struct kv_rows rows = {0};
    struct kv_read read;
    struct kv_rows_query query = {.table = &w->children, .test_column = 1, .test_value = parent};
    int code = statement(c, txn, &w->parents, &w->children, &read);
    if (!code)
        code = kv_rows_lock(c->task, txn, &read, &w->parents, parent, KV_LOCK_UPDATE, &result,
                            values, &c->err);
    if (!code && result == KV_ROW_GONE) {
        int64_t row[] = {parent, 1, 0, 0};
        code = kv_rows_write(c->task, txn, &w->parents, KV_INSERT, row, &result, &c->err);
        if (!code && result == KV_ROW_OK)
            code = statement(c, txn, &w->parents, &w->children, &read);
        if (!code && result == KV_ROW_OK)
            code = kv_rows_read(c->task, c->kv, txn, &read, &query, &rows, &c->err);
        if (!code && rows.n)
            kv_work_fail(w, "parent %lld was gone and child %lld is there", (long long)parent,
                         (long long)rows.values[0]);
    } else if (!code) {
        code = statement(c, txn, &w->parents, &w->children, &read);
        if (!code)
            code = kv_rows_read(c->task, c->kv, txn, &read, &query, &rows, &c->err);
        for (uint32_t i = 0; i < rows.n && !code; i++) /* with all its children */
            code = put(c, txn, &w->children, KV_DELETE, rows.values[i * rows.width], 0, 0, 0);
        if (!code)
            code = put(c, txn, &w->parents, KV_DELETE, parent, 0, 0, 0);
    }
    finish(c, txn, code, "parent");
    kv_rows_done(&rows);
}

/* ---- tables that come and go ---- */

static int write_bulk(struct client *c, struct kv_txn *txn, struct made *m)
{
    int64_t keys[BULK_ROWS];
    uint8_t results[BULK_ROWS];
    for (uint32_t i = 0; i < m->rows; i++)
        keys[i] = (int64_t)i;
    if (!kv_storage_is_private(txn, &m->table.schema)) {
        kv_work_fail(c->w, "a table of the transaction's own is not private to it");
        return 0;
    }
    int code = kv_rows_bulk(c->task, txn, &m->table, keys, m->rows, results, &c->err);
    for (uint32_t i = 0; i < m->rows && !code; i++)
        if (results[i] != KV_ROW_OK)
            kv_work_fail(c->w, "bulk row %u answers %u", i, results[i]);
    return code;
}

static int check_made(struct client *c, struct kv_txn *txn, const struct kv_read *read,
                      struct made *m, uint32_t want)
{
    struct kv_rows rows = {0};
    struct kv_rows_query query = {.table = &m->table, .unordered = chance(c, 0.5)};
    int code = kv_rows_read(c->task, c->kv, txn, read, &query, &rows, &c->err);
    if (!code && rows.n != want)
        kv_work_fail(c->w, "table %llu holds %u rows of %u", (unsigned long long)m->id, rows.n,
                     want);
    kv_rows_done(&rows);
    return code;
}

static int fill_made(struct client *c, struct kv_txn *txn, struct made *m, struct arena *arena)
{
    struct kv_read read;
    int code = kv_stmt_begin(c->task, txn, NULL, 0, &read, &c->err);
    if (!code)
        code = kv_storage_create(c->task, txn, &m->table.schema, arena, &c->err);
    for (uint32_t i = 0; i < m->table.schema.n_shards && !code; i++)
        m->table.groups[i] = m->table.schema.groups[i];
    m->table.schema.groups = m->table.groups;
    if (!code && chance(c, 0.4)) { /* filled, thrown away, filled again */
        uint32_t savepoint = kv_savepoint(txn);
        code = write_bulk(c, txn, m);
        if (!code)
            code = kv_rollback_to(c->task, txn, savepoint, &c->err);
        read = kv_read_now(txn, &read);
        if (!code)
            code = check_made(c, txn, &read, m, 0);
    }
    if (!code)
        code = write_bulk(c, txn, m);
    read = kv_read_now(txn, &read);
    return code ? code : check_made(c, txn, &read, m, m->rows);
}

static void do_make(struct client *c)
{
    struct kv_work *w = c->w;
    struct arena arena;
    storage_id id;
    if (w->n_made == MADE_MAX || kv_storage_id_next(c->task, c->kv, &id, &c->err))
        return;
    struct made *m = &w->made[w->n_made++];
    m->id = id;
    m->rows = 1 + (uint32_t)draw(c, BULK_ROWS);
    kv_rows_table_init(&m->table, id, 2, chance(c, 0.5) ? 3 : 1);
    arena_init(&arena, NULL);
    struct kv_txn *txn = begin(c, KV_READ_COMMITTED);
    int code = fill_made(c, txn, m, &arena);
    if (!code && chance(c, 0.3)) {
        kv_abort(c->task, txn);
        m->state = OP_ABORTED;
    } else {
        m->state = finish(c, txn, code, "make");
    }
    arena_done(&arena);
}

/* Reads a table that was made, and sometimes drops it. */
static void do_use(struct client *c)
{
    struct kv_work *w = c->w;
    struct made *m = w->n_made ? &w->made[draw(c, w->n_made)] : NULL;
    if (!m || m->state != OP_COMMITTED || m->dropping)
        return;
    struct kv_txn *txn = begin(c, KV_READ_COMMITTED);
    struct kv_read read;
    int code = statement(c, txn, &m->table, NULL, &read);
    if (!code)
        code = check_made(c, txn, &read, m, m->rows);
    if (code == ERR_OBJECT_NOT_IN_PREREQUISITE_STATE && m->dropping)
        code = 0; /* somebody drops it meanwhile; catalog locks forbid that above this floor */
    if (!code && !m->dropping && chance(c, 0.3)) {
        m->dropping = true;
        code = kv_storage_drop(c->task, txn, &m->table.schema, &c->err);
    }
    finish(c, txn, code, "use");
}

/* ---- clients -------------------------------------------------------------------------------- */

static int set_up_rows(struct client *c, struct kv_txn *txn)
{
    struct kv_work *w = c->w;
    int code = 0;
    for (int64_t i = 0; i < ACCOUNTS && !code; i++)
        code = put(c, txn, &w->accounts, KV_INSERT, i, START_BALANCE, 0, 0);
    for (int64_t i = 0; i < COUNTERS && !code; i++)
        code = put(c, txn, &w->counters, KV_INSERT, i, 0, 0, 0);
    for (int64_t i = 0; i < PARENTS && !code; i++)
        code = put(c, txn, &w->parents, KV_INSERT, i, 0, 0, 0);
    return code;
}

static void set_up(struct client *c)
{
    struct kv_work *w = c->w;
    struct kv_rows_table *tables[] = {&w->accounts, &w->journal,  &w->counters,
                                      &w->parents,  &w->children, &w->notes};
    struct arena arena;
    arena_init(&arena, NULL);
    while (!w->ready && !c->result->failed) {
        struct kv_read read;
        struct kv_txn *txn = begin(c, KV_READ_COMMITTED);
        int code = kv_stmt_begin(c->task, txn, NULL, 0, &read, &c->err);
        for (uint32_t i = 0; i < 6 && !code; i++) {
            code = kv_storage_create(c->task, txn, &tables[i]->schema, &arena, &c->err);
            for (uint32_t s = 0; s < tables[i]->schema.n_shards && !code; s++)
                tables[i]->groups[s] = tables[i]->schema.groups[s];
            tables[i]->schema.groups = tables[i]->groups;
        }
        if (!code)
            code = set_up_rows(c, txn);
        w->ready = finish(c, txn, code, "set up") == OP_COMMITTED;
    }
    arena_done(&arena);
}

/* Shares of a hundred; each run has one of these mixes. */
static const struct {
    uint8_t transfer, count, sum, look_up, repeat, child, parent, make, use;
} mixes[] = {
    {40, 15, 10, 10, 4, 8, 7, 3, 3},
    {10, 0, 0, 0, 0, 45, 45, 0, 0}, /* foreign keys */
    {10, 45, 0, 5, 40, 0, 0, 0, 0}, /* one group, read again and again */
    {45, 5, 0, 46, 0, 0, 0, 2, 2},  /* what was acknowledged just now */
};

static void do_one(struct client *c)
{
    uint32_t mix = c->w->world.seed % 4;
    uint32_t dice = (uint32_t)draw(c, 100), sum = 0;
    if (dice < (sum += mixes[mix].transfer))
        do_transfer(c);
    else if (dice < (sum += mixes[mix].count))
        do_count(c);
    else if (dice < (sum += mixes[mix].sum))
        do_sum(c);
    else if (dice < (sum += mixes[mix].look_up))
        do_look_up(c);
    else if (dice < (sum += mixes[mix].repeat))
        do_repeat(c);
    else if (dice < (sum += mixes[mix].child))
        do_child(c);
    else if (dice < (sum += mixes[mix].parent))
        do_parent(c);
    else if (dice < (sum += mixes[mix].make))
        do_make(c);
    else
        do_use(c);
}

static void run_client(struct task *task, void *arg)
{
    struct client c = *(struct client *)arg;
    free(arg);
    c.task = task;
    while (!c.w->stop && !c.result->failed && !(c.stop && *c.stop)) {
        if (task_sleep(task, draw(&c, 8 * WORK_MS), &c.err))
            break;
        if (!c.w->ready)
            continue;
        do_one(&c);
    }
    if (c.running)
        --*c.running;
}

static void run_setup(struct task *task, void *arg)
{
    struct client c = *(struct client *)arg;
    free(arg);
    c.task = task;
    set_up(&c);
}

static void spawn_client(struct kv_work *w, const struct kv_work_node *node, const char *name,
                         task_fn *fn)
{
    struct client *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->w = w;
    c->kv = node->kv;
    c->core = node->core;
    c->prng = w->world.prng;
    c->result = w->world.result;
    c->stop = node->stop;
    c->running = node->running;
    task_spawn(node->core, TASK_TXN, name, fn, c);
}

void kv_work_start(struct kv_work *w, const struct kv_work_node *node, bool first)
{
    if (w->stop)
        return;
    if (first)
        spawn_client(w, node, "setup", run_setup);
    for (uint32_t i = 0; i < w->world.clients; i++) {
        if (node->running)
            ++*node->running;
        spawn_client(w, node, "client", run_client);
    }
}

struct kv_work *kv_work_create(const struct kv_work_world *world)
{
    struct kv_work *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    w->world = *world;
    kv_rows_table_init(&w->accounts, 20001, 2, 3);
    kv_rows_table_init(&w->journal, 20002, 4, 3);
    kv_rows_table_init(&w->counters, 20003, 2, 1);
    kv_rows_table_init(&w->parents, 20004, 2, 3);
    kv_rows_table_init(&w->children, 20005, 2, 3);
    kv_rows_table_init(&w->notes, 20006, 2, 1);
    return w;
}

bool kv_work_may_exist(const struct kv_work *w, storage_id id)
{
    for (uint32_t i = 0; i < w->n_made; i++)
        if (w->made[i].id == id)
            return w->made[i].state != OP_ABORTED;
    return true;
}

bool kv_work_is_ready(const struct kv_work *w)
{
    return w->ready;
}

void kv_work_stop(struct kv_work *w)
{
    w->stop = true;
}

bool kv_work_is_checked(const struct kv_work *w)
{
    return w->checked;
}

void kv_work_destroy(struct kv_work *w)
{
    free(w);
}

/* ---- the end -------------------------------------------------------------------------------- */

static int read_all(struct client *c, const struct kv_rows_table *t, struct kv_rows *rows)
{
    for (uint32_t tries = 0;; tries++) {
        struct kv_read read;
        struct kv_txn *txn = begin(c, KV_READ_COMMITTED);
        struct kv_rows_query query = {.table = t};
        rows->n = 0;
        int code = statement(c, txn, t, NULL, &read);
        if (!code)
            code = kv_rows_read(c->task, c->kv, txn, &read, &query, rows, &c->err);
        kv_abort(c->task, txn);
        if (!code || tries == 5)
            return code;
    }
}

static void check_transfers(struct client *c, const struct kv_rows *accounts,
                            const struct kv_rows *journal)
{
    struct kv_work *w = c->w;
    int64_t balances[ACCOUNTS];
    uint8_t *seen = calloc(OPS_MAX, 1);
    for (int i = 0; i < ACCOUNTS; i++)
        balances[i] = START_BALANCE;
    for (uint32_t i = 0; seen && i < journal->n; i++) {
        const int64_t *row = &journal->values[i * journal->width];
        const struct op *op = &w->ops[row[0] < VOID_ID ? row[0] : 0];
        if (row[0] >= VOID_ID) {
            kv_work_fail(c->w, "a row that was rolled back is there");
            break;
        }
        seen[row[0]] = 1;
        balances[row[1]] -= row[3];
        balances[row[2]] += row[3];
        if (row[1] != op->from || row[2] != op->to || row[3] != op->amount)
            kv_work_fail(c->w, "transfer %lld is not what was written", (long long)row[0]);
        if (op->state == OP_ABORTED)
            kv_work_fail(c->w, "transfer %lld was reported as not committed and is there",
                         (long long)row[0]);
    }
    for (uint32_t i = 0; seen && i < w->n_ops; i++)
        if (w->ops[i].state == OP_COMMITTED && !seen[i])
            kv_work_fail(c->w, "transfer %u was acknowledged and is lost", i);
    for (uint32_t i = 0; i < accounts->n; i++) {
        const int64_t *row = &accounts->values[i * accounts->width];
        if (row[1] != balances[row[0]])
            kv_work_fail(c->w, "account %lld holds %lld, its transfers make %lld",
                         (long long)row[0], (long long)row[1], (long long)balances[row[0]]);
    }
    free(seen);
}

static void check_rest(struct client *c, const struct kv_rows *counters,
                       const struct kv_rows *parents, const struct kv_rows *children)
{
    struct kv_work *w = c->w;
    for (uint32_t i = 0; i < counters->n; i++) {
        int64_t key = counters->values[i * counters->width],
                v = counters->values[i * counters->width + 1];
        if (v < w->counter_acked[key] || v > w->counter_acked[key] + w->counter_unknown[key])
            kv_work_fail(c->w, "counter %lld is %lld with %lld acknowledged and %lld unknown",
                         (long long)key, (long long)v, (long long)w->counter_acked[key],
                         (long long)w->counter_unknown[key]);
    }
    for (uint32_t i = 0; i < children->n; i++) {
        const int64_t *row = &children->values[i * children->width];
        if (!kv_rows_find(parents, row[1]))
            kv_work_fail(c->w, "child %lld lost its parent %lld", (long long)row[0],
                         (long long)row[1]);
    }
}

static void run_check(struct task *task, void *arg)
{
    struct client c = *(struct client *)arg;
    struct kv_rows rows[5] = {0};
    const struct kv_rows_table *tables[] = {&c.w->accounts, &c.w->journal, &c.w->counters,
                                            &c.w->parents, &c.w->children};
    int code = 0;
    free(arg);
    c.task = task;
    for (uint32_t i = 0; i < 5 && !code; i++)
        code = read_all(&c, tables[i], &rows[i]);
    if (code) {
        kv_work_fail(c.w, "the last reading failed: %s", c.err.message);
    } else {
        check_transfers(&c, &rows[0], &rows[1]);
        check_rest(&c, &rows[2], &rows[3], &rows[4]);
    }
    for (uint32_t i = 0; i < 5; i++)
        kv_rows_done(&rows[i]);
    c.w->checked = true;
}

void kv_work_check(struct kv_work *w, const struct kv_work_node *node)
{
    if (w->checking)
        return;
    w->checking = true;
    spawn_client(w, node, "check", run_check);
}
