#include "server/sql/sequence.h"

#include <stdlib.h>
#include <string.h>

#include "base/key.h"
#include "base/task.h"

/* ---- one row ---- */

static void make_key(const struct row_update *u, struct buf *out)
{
    for (uint32_t i = 0; i < u->n_key; i++)
        key_append(out, &(struct key_part){.kind = u->key[i].kind, .dec_scale = -1}, &u->key[i]);
}

static int read_locked(struct task *task, struct row_update *u, const struct kv_read *read, struct datum *values, struct err *err)
{
    struct buf key = {0};
    make_key(u, &key);
    struct kv_span span = {.start = key.data, .start_len = (uint32_t)key.len, .point = true};
    struct kv_scan_spec spec = {.schema = catalog_storage_schema(u->storage), .column_ids = u->column_ids,
                                .n_columns = (uint16_t)u->n_columns, .spans = &span, .n_spans = 1, .lock = KV_LOCK_UPDATE};
    struct kv_scan *scan;
    int rc = kv_scan_open(task, u->node->kv, u->txn, read, &spec, &scan, err);
    if (!rc) {
        struct batch *batch;
        rc = kv_scan_next(task, scan, 1, &batch, err);
        if (!rc && batch && batch_count(batch)) {
            u->found = true;
            for (uint32_t c = 0; c < u->n_columns; c++) {
                vec_flatten(&batch->cols[c], batch->sel, batch->n_sel, batch->arena);
                values[c] = vec_datum(&batch->cols[c], batch_row(batch, 0));
            }
        }
        if (!rc)
            batch_destroy(batch);
        kv_scan_close(task, scan);
    }
    buf_done(&key);
    return rc;
}

int row_update_begin(struct task *task, struct row_update *u, struct datum *values, bool *found, struct err *err)
{
    struct kv_txn_options options = {.isolation = KV_READ_COMMITTED, .class_ = TASK_TXN};
    const struct kv_schema *schema = catalog_storage_schema(u->storage);
    for (;;) {
        struct kv_read read;
        u->found = false;
        u->txn = kv_txn_begin(u->node->kv, &options);
        int rc = kv_stmt_begin(task, u->txn, &schema, 1, &read, err);
        if (!rc)
            rc = read_locked(task, u, &read, values, err);
        if (!rc) {
            *found = u->found;
            return 0;
        }
        enum kv_retry retry = kv_txn_retry(u->txn);
        kv_abort(task, u->txn);
        u->txn = NULL;
        if (retry == KV_RETRY_NONE)
            return rc;
        rc = task_check(task, err);
        if (rc)
            return rc;
    }
}

int row_update_end(struct task *task, struct row_update *u, const struct datum *values, bool *again, struct err *err)
{
    struct buf key = {0};
    make_key(u, &key);
    struct bytes_view view = view_of(key.data, (uint32_t)key.len);
    struct arena arena;
    arena_init(&arena, NULL);
    struct vec columns[2];
    for (uint32_t c = 0; values && c < u->n_columns; c++)
        vec_const(&columns[c], &values[c], 1, &arena);
    struct kv_write write = {.schema = catalog_storage_schema(u->storage), .op = !values ? KV_DELETE : u->found ? KV_PUT : KV_INSERT,
                             .n_rows = 1, .keys = &view, .columns = values ? columns : NULL};
    uint8_t result = KV_ROW_OK;
    *again = false;
    int rc = kv_write(task, u->txn, &write, &result, err);
    if (rc || result == KV_ROW_EXISTS) {
        *again = !rc || kv_txn_retry(u->txn) != KV_RETRY_NONE;
        kv_abort(task, u->txn);
        rc = *again ? 0 : rc;
    } else {
        rc = kv_commit(task, u->txn, NULL, err);
        if (rc == ERR_SERIALIZATION_FAILURE) { /* surely not committed */
            *again = true;
            rc = 0;
        }
    }
    u->txn = NULL;
    arena_done(&arena);
    buf_done(&key);
    return rc;
}

/* ---- what a session remembers ---- */

struct seq_memory {
    struct seq_memory *next;
    uint32_t oid;
    int64_t last;          /* currval */
    int64_t ahead;         /* next value taken but not given out */
    uint32_t n_ahead;      /* how many of those */
    int64_t increment;
};
struct session_sequences {
    struct seq_memory *first;
    uint32_t last_oid; /* of lastval; 0 = none */
};

static struct seq_memory *find_memory(struct session *s, uint32_t oid)
{
    struct session_sequences *m = s->sequences;
    for (struct seq_memory *x = m ? m->first : NULL; x; x = x->next)
        if (x->oid == oid)
            return x;
    return NULL;
}

static struct seq_memory *need_memory(struct session *s, uint32_t oid)
{
    struct seq_memory *x = find_memory(s, oid);
    if (x)
        return x;
    if (!s->sequences)
        s->sequences = calloc(1, sizeof(struct session_sequences));
    struct session_sequences *m = s->sequences;
    x = calloc(1, sizeof *x);
    x->oid = oid;
    x->next = m->first;
    m->first = x;
    return x;
}

void sequence_discard(struct session *s)
{
    struct session_sequences *m = s->sequences;
    while (m && m->first) {
        struct seq_memory *x = m->first;
        m->first = x->next;
        free(x);
    }
    free(m);
    s->sequences = NULL;
}

void sequence_session_done(struct session *s)
{
    sequence_discard(s);
}

/* ---- values ---- */

static int find_sequence(const struct catalog_view *view, uint32_t oid, const struct cat_object **out, struct err *err)
{
    const struct cat_object *obj = catalog_view_object(view, oid);
    if (!obj || !obj->relation)
        return err_set(err, ERR_UNDEFINED_TABLE, "relation with OID %u does not exist", oid);
    if (!obj->relation->sequence)
        return err_set(err, ERR_WRONG_OBJECT_TYPE, "\"%s\" is not a sequence", obj->name);
    *out = obj;
    return 0;
}

/* The value behind `last`; false: past the end and no cycle. */
static bool step(const struct cat_sequence *q, int64_t last, int64_t *next)
{
    if (q->increment > 0 ? last > q->max - q->increment : last < q->min - q->increment) {
        if (!q->cycle)
            return false;
        *next = q->increment > 0 ? q->min : q->max;
        return true;
    }
    *next = last + q->increment;
    return true;
}

/* How many of n values lie ahead without passing an end. */
static uint32_t count_ahead(const struct cat_sequence *q, int64_t first, uint32_t n)
{
    uint64_t room = q->increment > 0 ? (uint64_t)q->max - (uint64_t)first : (uint64_t)first - (uint64_t)q->min;
    uint64_t by = q->increment > 0 ? (uint64_t)q->increment : UINT64_C(0) - (uint64_t)q->increment;
    uint64_t most = room / by + 1;
    return most < n ? (uint32_t)most : n;
}

static int report_end(const struct cat_object *obj, struct err *err)
{
    const struct cat_sequence *q = obj->relation->sequence;
    return err_set(err, ERR_SEQUENCE_GENERATOR_LIMIT_EXCEEDED, "nextval: reached %s value of sequence \"%s\" (%lld)",
                   q->increment > 0 ? "maximum" : "minimum", obj->name, (long long)(q->increment > 0 ? q->max : q->min));
}

static int take_values(struct task *task, struct session *s, const struct cat_object *obj, uint32_t n, int64_t *first,
                       uint32_t *taken, struct err *err)
{
    const struct cat_sequence *q = obj->relation->sequence;
    struct datum key[2] = {datum_i64(obj->db_oid), datum_i64(obj->oid)}, values[2];
    struct row_update u = {.node = s->node, .storage = CATALOG_SEQUENCE, .key = key, .n_key = 2, .column_ids = {3, 4}, .n_columns = 2};
    for (;;) {
        bool found, again;
        int rc = row_update_begin(task, &u, values, &found, err);
        if (rc)
            return rc;
        if (!found)
            *first = q->start;
        else if (!values[1].u.b)
            *first = values[0].u.i64;
        else if (!step(q, values[0].u.i64, first)) {
            kv_abort(task, u.txn);
            return report_end(obj, err);
        }
        *taken = count_ahead(q, *first, n);
        struct datum after[2] = {datum_i64(*first + (int64_t)(*taken - 1) * q->increment),
                                 {.kind = PHYS_BOOL, .dec_scale = -1, .u.b = true}};
        rc = row_update_end(task, &u, after, &again, err);
        if (rc || !again)
            return rc;
    }
}

int sequence_nextval(struct task *task, struct session *s, const struct catalog_view *view, uint32_t oid, uint32_t n_ahead,
                     int64_t *value, struct err *err)
{
    const struct cat_object *obj;
    int rc = find_sequence(view, oid, &obj, err);
    if (rc)
        return rc;
    if (s->txn.read_only)
        return err_set(err, ERR_READ_ONLY_SQL_TRANSACTION, "cannot execute nextval() in a read-only transaction");
    struct seq_memory *m = need_memory(s, oid);
    /* Values taken ahead are good only for the run of calls they were taken for. */
    if (m->n_ahead == 0 || m->n_ahead != n_ahead) {
        rc = take_values(task, s, obj, n_ahead ? n_ahead : 1, &m->ahead, &m->n_ahead, err);
        if (rc) {
            m->n_ahead = 0;
            return rc;
        }
        m->increment = obj->relation->sequence->increment;
    }
    *value = m->last = m->ahead;
    m->n_ahead--;
    if (m->n_ahead)
        m->ahead += m->increment;
    ((struct session_sequences *)s->sequences)->last_oid = oid;
    return 0;
}

int sequence_currval(struct session *s, const struct catalog_view *view, uint32_t oid, int64_t *value, struct err *err)
{
    const struct cat_object *obj;
    int rc = find_sequence(view, oid, &obj, err);
    if (rc)
        return rc;
    struct seq_memory *m = find_memory(s, oid);
    if (!m)
        return err_set(err, ERR_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "currval of sequence \"%s\" is not yet defined in this session", obj->name);
    *value = m->last;
    return 0;
}

int sequence_lastval(struct session *s, const struct catalog_view *view, int64_t *value, struct err *err)
{
    struct session_sequences *m = s->sequences;
    if (!m || !m->last_oid || !catalog_view_object(view, m->last_oid))
        return err_set(err, ERR_OBJECT_NOT_IN_PREREQUISITE_STATE, "lastval is not yet defined in this session");
    *value = find_memory(s, m->last_oid)->last;
    return 0;
}

int sequence_setval(struct task *task, struct session *s, const struct catalog_view *view, uint32_t oid, int64_t value,
                    bool is_called, struct err *err)
{
    const struct cat_object *obj;
    int rc = find_sequence(view, oid, &obj, err);
    if (rc)
        return rc;
    if (s->txn.read_only)
        return err_set(err, ERR_READ_ONLY_SQL_TRANSACTION, "cannot execute setval() in a read-only transaction");
    const struct cat_sequence *q = obj->relation->sequence;
    if (value < q->min || value > q->max)
        return err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "setval: value %lld is out of bounds for sequence \"%s\" (%lld..%lld)",
                       (long long)value, obj->name, (long long)q->min, (long long)q->max);
    rc = sequence_put(task, s->node, obj->db_oid, oid, value, is_called, err);
    struct seq_memory *m = is_called ? need_memory(s, oid) : find_memory(s, oid);
    if (!rc && m) {
        m->n_ahead = 0;
        if (is_called)
            m->last = value;
    }
    return rc;
}

/* ---- the row by itself ---- */

static int change_row(struct task *task, struct sql_node *node, uint32_t db_oid, uint32_t oid, const struct datum *after,
                      struct err *err)
{
    struct datum key[2] = {datum_i64(db_oid), datum_i64(oid)}, values[2];
    struct row_update u = {.node = node, .storage = CATALOG_SEQUENCE, .key = key, .n_key = 2, .column_ids = {3, 4}, .n_columns = 2};
    for (;;) {
        bool found, again;
        int rc = row_update_begin(task, &u, values, &found, err);
        if (rc)
            return rc;
        if (!found && !after) {
            kv_abort(task, u.txn);
            return 0;
        }
        rc = row_update_end(task, &u, after, &again, err);
        if (rc || !again)
            return rc;
    }
}

int sequence_put(struct task *task, struct sql_node *node, uint32_t db_oid, uint32_t oid, int64_t last, bool called,
                 struct err *err)
{
    struct datum after[2] = {datum_i64(last), {.kind = PHYS_BOOL, .dec_scale = -1, .u.b = called}};
    return change_row(task, node, db_oid, oid, after, err);
}

int sequence_remove(struct task *task, struct sql_node *node, uint32_t db_oid, uint32_t oid, struct err *err)
{
    return change_row(task, node, db_oid, oid, NULL, err);
}

int sequence_peek(struct task *task, struct sql_node *node, uint32_t db_oid, uint32_t oid, int64_t *last, bool *called,
                  struct err *err)
{
    struct datum key[2] = {datum_i64(db_oid), datum_i64(oid)}, values[2];
    struct row_update u = {.node = node, .storage = CATALOG_SEQUENCE, .key = key, .n_key = 2, .column_ids = {3, 4}, .n_columns = 2};
    bool found;
    int rc = row_update_begin(task, &u, values, &found, err);
    if (rc)
        return rc;
    kv_abort(task, u.txn);
    *called = found && values[1].u.b;
    *last = found ? values[0].u.i64 : 0;
    return 0;
}
