/* write_row.c: replacing, removing and fetching whole rows of a target through all its indexes. */
#include <string.h>

#include "executor/write_int.h"
#include "types/type/type.h"

uint32_t *target_ids(struct target *t)
{
    const struct plan *bytes = &t->x->plan->plan;
    const struct target_index *table = &t->indexes[0];
    const struct kv_schema *s = table->schema;
    uint32_t *ids = op_alloc(t->x, sizeof *ids * (t->n_row + 1)), value = 0;
    for (uint32_t c = 0; c < s->n_columns; c++) {
        int32_t part = -1;
        for (uint32_t k = 0; k < s->n_key; k++)
            if (s->key[k].column == c)
                part = (int32_t)k;
        if (part < 0)
            ids[plan_list_get(bytes, table->plan->values, value++)] = s->columns[c].id;
        else if (!table->parts[part]->opaque && table->parts[part]->column < t->n_row)
            ids[table->parts[part]->column] = s->columns[c].id;
    }
    return ids;
}

static bool same_value(const struct vec *a, const struct vec *b, uint32_t row)
{
    struct datum x = vec_datum(a, row), y = vec_datum(b, row);
    if (x.null || y.null)
        return x.null == y.null;
    if (x.kind != y.kind || x.dec_scale != y.dec_scale)
        return false;
    return x.kind == PHYS_BYTES ? view_equal(&x.u.bytes, &y.u.bytes) : memcmp(&x.u, &y.u, phys_width[x.kind]) == 0;
}

struct index_change {
    bool *moves, *puts, *was, *is;
    struct bytes_view *new_keys;
};

/* Which rows change their key in the index, and which only other columns it stores. */
static int compare_rows(struct target *t, uint32_t x, struct batch *old, struct batch *new_rows, struct index_change *c,
                        struct arena *arena, struct err *err)
{
    const struct plan *bytes = &t->x->plan->plan;
    uint32_t n = old->n_rows;
    struct bytes_view *old_keys = arena_array(arena, struct bytes_view, n + 1);
    bool *skip_old = arena_array(arena, bool, n + 1), *skip_new = arena_array(arena, bool, n + 1);
    int rc = target_keys(t, x, old, old_keys, skip_old, arena, err);
    if (rc == 0)
        rc = target_keys(t, x, new_rows, c->new_keys, skip_new, arena, err);
    if (rc)
        return rc;
    const struct plan_target_index *ix = t->indexes[x].plan;
    for (uint32_t i = 0; i < n; i++) {
        c->moves[i] = skip_old[i] || skip_new[i] || !view_equal(&old_keys[i], &c->new_keys[i]);
        c->was[i] = c->moves[i] && !skip_old[i];
        c->is[i] = c->moves[i] && !skip_new[i];
        c->puts[i] = false;
        for (uint32_t v = 0; !c->moves[i] && v < ix->values.n && !c->puts[i]; v++) {
            uint32_t at = plan_list_get(bytes, ix->values, v);
            c->puts[i] = !same_value(&old->cols[at], &new_rows->cols[at], i);
        }
        /* The table itself is written even when nothing changed: the row's new version is what others wait for. */
        if (x == 0 && !c->moves[i])
            c->puts[i] = true;
    }
    return 0;
}

static int compare_all(struct target *t, struct batch *old, struct batch *new_rows, struct index_change **out, struct arena *arena,
                       struct err *err)
{
    uint32_t n = old->n_rows;
    struct index_change *changes = *out = arena_array(arena, struct index_change, t->n_indexes + 1);
    int rc = 0;
    for (uint32_t x = 0; rc == 0 && x < t->n_indexes; x++) {
        struct index_change *c = &changes[x];
        c->moves = arena_array(arena, bool, n + 1);
        c->puts = arena_array(arena, bool, n + 1);
        c->was = arena_array(arena, bool, n + 1);
        c->is = arena_array(arena, bool, n + 1);
        c->new_keys = arena_array(arena, struct bytes_view, n + 1);
        rc = compare_rows(t, x, old, new_rows, c, arena, err);
    }
    return rc;
}

static int delete_old(struct target *t, struct batch *old, struct index_change *changes, struct arena *arena, struct err *err)
{
    uint8_t *results = arena_array(arena, uint8_t, old->n_rows + 1);
    int rc = 0;
    for (uint32_t x = 0; rc == 0 && x < t->n_indexes; x++)
        rc = target_write(t, x, KV_DELETE, old, changes[x].was, results, false, x == 0 ? changes[x].new_keys : NULL, arena, err);
    return rc;
}

static int insert_new(struct target *t, struct batch *new_rows, struct index_change *changes, struct arena *arena, struct err *err)
{
    uint8_t *results = arena_array(arena, uint8_t, new_rows->n_rows + 1);
    int rc = 0;
    for (uint32_t x = 0; rc == 0 && x < t->n_indexes; x++) {
        struct index_change *c = &changes[x];
        rc = target_write(t, x, KV_PUT, new_rows, c->puts, results, false, NULL, arena, err);
        if (rc == 0)
            rc = target_write(t, x, t->indexes[x].plan->unique ? KV_INSERT : KV_PUT, new_rows, c->is, results, false, NULL, arena, err);
        for (uint32_t i = 0; rc == 0 && i < new_rows->n_rows; i++)
            if (c->is[i] && results[i] == KV_ROW_EXISTS)
                rc = target_duplicate(t, x, new_rows, i, err);
    }
    return rc;
}

int target_replace(struct target *t, struct batch *old, struct batch *new_rows, struct err *err)
{
    struct arena arena;
    struct index_change *changes;
    arena_init(&arena, t->x->env.account);
    int rc = compare_all(t, old, new_rows, &changes, &arena, err);
    if (rc == 0)
        rc = delete_old(t, old, changes, &arena, err);
    if (rc == 0)
        rc = insert_new(t, new_rows, changes, &arena, err);
    arena_done(&arena);
    return rc;
}

int target_replace_all(struct target *t, struct store *old, struct store *new_rows, struct err *err)
{
    struct arena arena;
    arena_init(&arena, t->x->env.account);
    struct index_change **changes = arena_array(&arena, struct index_change *, old->n + 1);
    int rc = 0;
    for (uint32_t b = 0; rc == 0 && b < old->n; b++) {
        rc = compare_all(t, old->batches[b], new_rows->batches[b], &changes[b], &arena, err);
        if (rc == 0)
            rc = delete_old(t, old->batches[b], changes[b], &arena, err);
    }
    for (uint32_t b = 0; rc == 0 && b < old->n; b++)
        rc = insert_new(t, new_rows->batches[b], changes[b], &arena, err);
    arena_done(&arena);
    return rc;
}

int target_remove(struct target *t, struct batch *old, struct err *err)
{
    struct arena arena;
    arena_init(&arena, t->x->env.account);
    uint8_t *results = arena_array(&arena, uint8_t, old->n_rows + 1);
    int rc = 0;
    for (uint32_t x = 0; rc == 0 && x < t->n_indexes; x++)
        rc = target_write(t, x, KV_DELETE, old, NULL, results, false, NULL, &arena, err);
    arena_done(&arena);
    return rc;
}

/* ---- fetching ---- */

static int scan_one(struct target *t, const struct kv_schema *schema, const struct bytes_view *key, const uint32_t *ids, uint32_t n_ids,
                    struct batch **out, struct err *err)
{
    struct exec *x = t->x;
    struct kv_read read = kv_read_now(x->env.txn, &x->read);
    struct kv_span span = {.start = view_data(key), .start_len = key->len, .point = true};
    struct kv_scan_spec spec = {.schema = schema, .spans = &span, .n_spans = 1, .column_ids = ids, .n_columns = (uint16_t)n_ids, .with_key = true};
    struct kv_scan *scan;
    int rc = kv_scan_open(x->env.task, x->env.kv, x->env.txn, &read, &spec, &scan, err);
    if (rc)
        return rc;
    rc = kv_scan_next(x->env.task, scan, 1, out, err);
    kv_scan_close(x->env.task, scan);
    return rc;
}

/* The table's key from a unique index's entry: its value columns by the table's key parts. */
static int follow_index(struct target *t, uint32_t index, const struct bytes_view *index_key, struct buf *key, bool *found, struct err *err)
{
    const struct target_index *table = &t->indexes[0];
    uint32_t ids[64], n = table->plan->key.n < 64 ? table->plan->key.n : 64;
    uint32_t *all = target_ids(t);
    for (uint32_t k = 0; k < n; k++)
        ids[k] = all[table->parts[k]->column];
    struct batch *b = NULL;
    int rc = scan_one(t, t->indexes[index].schema, index_key, ids, n, &b, err);
    *found = b != NULL;
    for (uint32_t k = 0; rc == 0 && b && k < n; k++) {
        struct datum d = vec_datum(&b->cols[k], batch_row(b, 0));
        rc = key_put(key, table->parts[k], &d, err);
    }
    batch_destroy(b);
    return rc;
}

int target_fetch(struct target *t, uint32_t index, const struct bytes_view *index_key, bool lock, struct batch **row,
                 struct bytes_view *key, struct err *err)
{
    struct exec *x = t->x;
    struct buf bytes;
    bool found = true;
    int rc = 0;
    buf_init(&bytes);
    *row = NULL;
    if (index == 0)
        buf_put(&bytes, view_data(index_key), index_key->len);
    else
        rc = follow_index(t, index, index_key, &bytes, &found, err);
    struct batch *b = NULL;
    struct bytes_view k = view_of(bytes.data, (uint32_t)bytes.len);
    const uint32_t *ids = target_ids(t);
    if (rc == 0 && found && lock) {
        struct batch *changed = NULL;
        uint8_t result;
        struct kv_read read = kv_read_now(x->env.txn, &x->read);
        struct kv_lock_request request = {.schema = t->indexes[0].schema, .read = &read, .mode = KV_LOCK_UPDATE, .wait = KV_WAIT,
                                          .n_rows = 1, .keys = &k, .column_ids = ids, .n_columns = (uint16_t)t->n_row};
        rc = kv_lock(x->env.task, x->env.txn, &request, &result, &changed, err);
        if (rc == 0 && result == KV_ROW_CHANGED)
            b = batch_slice(x, changed, 0, 1);
        found = result == KV_ROW_OK || result == KV_ROW_CHANGED;
        batch_destroy(changed);
    }
    if (rc == 0 && found && !b) {
        struct batch *read = NULL;
        rc = scan_one(t, t->indexes[0].schema, &k, ids, t->n_row, &read, err);
        if (rc == 0 && read)
            b = batch_slice(x, read, 0, 1);
        batch_destroy(read);
    }
    if (b) {
        b->n_cols = t->n_row;
        *key = view_copy(b->arena, bytes.data, (uint32_t)bytes.len);
        *row = b;
    }
    buf_done(&bytes);
    return rc;
}
