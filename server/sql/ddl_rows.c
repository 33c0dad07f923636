/* ddl_rows.c: storages of tables and indexes, and filling new ones from a table's rows.
 *
 * Rows are read in stored form by a plain scan of the table and written in bulk: the new storage is this transaction's alone until it
 * commits, so no row is locked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/key.h"
#include "planner/catalog/physical.h"
#include "planner/catalog/system_def.h"
#include "server/sql/ddl_int.h"
#include "types/type/type.h"

uint16_t ddl_shards(const struct cat_relation *r)
{
    return r->schema && r->schema->n_shards ? r->schema->n_shards : 1;
}

static int create_storage(struct ddl *d, struct cat_object *table, const struct cat_index *index, storage_id home, uint16_t n_shards,
                          storage_id *id, struct kv_schema **schema, struct err *err)
{
    int rc = kv_storage_id_next(d->task, d->s->node->kv, id, err);
    if (rc)
        return rc;
    *schema = phys_schema(table->relation, index, *id, home ? home : *id, 1, n_shards, table->arena);
    return kv_storage_create(d->task, d->txn, *schema, table->arena, err);
}

int ddl_create_index_storage(struct ddl *d, struct cat_object *table, struct cat_index *index, struct err *err)
{
    struct cat_relation *r = table->relation;
    return create_storage(d, table, index, r->storage, ddl_shards(r), &index->storage, &index->schema, err);
}

static int create_table_storage(struct ddl *d, struct cat_object *table, uint16_t n_shards, struct err *err)
{
    struct cat_relation *r = table->relation;
    int rc = create_storage(d, table, phys_primary(r), 0, n_shards, &r->storage, &r->schema, err);
    if (rc)
        return rc;
    if (phys_primary(r)) {
        r->indexes[0].storage = r->storage;
        r->indexes[0].schema = r->schema;
    }
    return 0;
}

static int64_t option_number(const struct cat_relation *r, const char *name)
{
    size_t len = strlen(name);
    for (uint32_t i = 0; i < r->n_options; i++)
        if (strncmp(r->options[i], name, len) == 0 && r->options[i][len] == '=')
            return strtoll(r->options[i] + len + 1, NULL, 10);
    return 0;
}

int ddl_create_storages(struct ddl *d, struct cat_object *table, struct err *err)
{
    struct cat_relation *r = table->relation;
    int64_t tablets = r->schema ? r->schema->n_shards : option_number(r, "tablets");
    int rc = create_table_storage(d, table, (uint16_t)(tablets > 0 ? tablets : 1), err);
    for (uint32_t i = phys_primary(r) ? 1 : 0; i < r->n_indexes && !rc; i++)
        rc = ddl_create_index_storage(d, table, &r->indexes[i], err);
    return rc;
}

int ddl_drop_storages(struct ddl *d, const struct cat_object *table, struct err *err)
{
    const struct cat_relation *r = table->relation;
    int rc = 0;
    for (uint32_t i = phys_primary(r) ? 1 : 0; i < r->n_indexes && !rc; i++)
        if (r->indexes[i].schema)
            rc = kv_storage_drop(d->task, d->txn, r->indexes[i].schema, err);
    if (!rc && r->schema)
        rc = kv_storage_drop(d->task, d->txn, r->schema, err);
    return rc;
}

int ddl_alter_storage(struct ddl *d, const struct cat_object *old, struct cat_object *new, struct err *err)
{
    struct cat_relation *r = new->relation;
    const struct kv_schema *was = old->relation->schema;
    struct kv_schema *schema = phys_schema(r, phys_primary(r), was->id, was->home, was->version + 1, was->n_shards, new->arena);
    schema->groups = arena_memdup(new->arena, was->groups, was->n_shards * sizeof *was->groups);
    schema->n_hash_parts = was->n_hash_parts;
    r->schema = schema;
    if (phys_primary(r))
        r->indexes[0].schema = schema;
    return kv_storage_alter(d->task, d->txn, schema, err);
}

/* ---- rows into a storage ---- */

struct filler {
    struct ddl *d;
    const struct cat_object *table; /* whose form the rows get */
    const struct cat_index *index;  /* NULL or primary: the table itself */
    const struct kv_schema *schema;
    struct phys_part *parts;
    uint32_t n_parts, n_unique;
    /* The source batch: column c holds the value of column id ids[c]. */
    const uint32_t *ids;
    uint32_t n_ids;
    uint64_t rows;
};

static const struct vec *source_column(const struct filler *f, const struct batch *b, uint32_t id)
{
    for (uint32_t c = 0; c < f->n_ids; c++)
        if (f->ids[c] == id)
            return &b->cols[c];
    return NULL;
}

static bool is_index(const struct filler *f)
{
    return f->index && !f->index->primary;
}

/* The value of key part p in a row, as it lies in the key: opaque parts as their key bytes. */
static struct datum part_value(const struct filler *f, const struct batch *b, uint32_t row, uint32_t p, struct arena *arena)
{
    const struct phys_part *part = &f->parts[p];
    if (part->attnum == CATALOG_ROWID && !source_column(f, b, CATALOG_ROWID))
        return datum_i64((int64_t)session_row_id(f->d->s->node));
    struct datum v = vec_datum(source_column(f, b, (uint32_t)part->attnum), row);
    if (v.null)
        return datum_null((enum phys_kind)part->kind);
    return part->opaque ? type_key_bytes(part->type, &v, arena) : v;
}

static void make_row_key(const struct filler *f, const struct batch *b, uint32_t row, struct arena *arena, struct buf *out,
                         struct datum *values)
{
    bool any_null = false;
    for (uint32_t p = 0; p < f->n_parts; p++) {
        const struct phys_part *part = &f->parts[p];
        values[p] = part_value(f, b, row, p, arena);
        if (part->tie && !any_null)
            values[p] = datum_null((enum phys_kind)part->kind);
        else if (!part->tie && values[p].null && !(f->index && f->index->nulls_not_distinct))
            any_null = true;
        struct key_part kp = {.kind = part->kind, .desc = part->desc, .nulls_first = part->nulls_first, .dec_scale = part->dec_scale};
        key_append(out, &kp, &values[p]);
    }
}

/* The value of a non-key column of the target. */
static struct datum column_value(const struct filler *f, const struct batch *b, uint32_t row, const struct kv_column *column)
{
    const struct vec *v = source_column(f, b, column->id);
    if (!v)
        return column->absent.null ? datum_null((enum phys_kind)column->kind) : column->absent;
    return vec_datum(v, row);
}

static int report_duplicate(struct filler *f, const struct batch *b, uint32_t row, struct err *err)
{
    const struct cat_index *x = f->index;
    if (bug_if(!x, err))
        return err->code;
    err_set(err, ERR_UNIQUE_VIOLATION, "could not create unique index \"%s\"", x->name);
    struct buf names = {0}, values = {0};
    for (uint32_t i = 0; i < x->n_keys; i++) {
        const struct cat_column *c = cat_column_at(f->table->relation, x->keys[i].attnum);
        const struct vec *v = c ? source_column(f, b, (uint32_t)c->attnum) : NULL;
        buf_put_text(&names, i ? ", " : "");
        buf_put_text(&values, i ? ", " : "");
        buf_put_text(&names, c ? c->name : "expr");
        struct datum d = v ? vec_datum(v, row) : datum_null(PHYS_BYTES);
        struct err ignored;
        if (d.null || !c)
            buf_put_text(&values, "null");
        else if (type_out(&f->d->host.host.env, c->type_oid, &d, &values, &ignored))
            buf_put_text(&values, "?");
    }
    err_detail(err, "Key (%s)=(%s) is duplicated.", buf_text(&names), buf_text(&values));
    buf_done(&names);
    buf_done(&values);
    snprintf(err->constraint_name, sizeof err->constraint_name, "%s", x->name);
    snprintf(err->table_name, sizeof err->table_name, "%s", f->table->name);
    return err->code;
}

static int check_key_nulls(const struct filler *f, const struct datum *values, struct err *err)
{
    if (is_index(f))
        return 0;
    for (uint32_t p = 0; p < f->n_parts; p++) {
        if (!values[p].null)
            continue;
        const struct cat_column *c = cat_column_at(f->table->relation, f->parts[p].attnum);
        err_set(err, ERR_NOT_NULL_VIOLATION, "column \"%s\" of relation \"%s\" contains null values", c ? c->name : "?",
                f->table->name);
        snprintf(err->table_name, sizeof err->table_name, "%s", f->table->name);
        snprintf(err->column_name, sizeof err->column_name, "%s", c ? c->name : "");
        return err->code;
    }
    return 0;
}

static int make_keys(struct filler *f, const struct batch *b, struct arena *arena, struct bytes_view *keys, struct err *err)
{
    uint32_t n = batch_count(b);
    struct datum *values = arena_array(arena, struct datum, f->n_parts);
    struct buf key = {0};
    int rc = 0;
    for (uint32_t i = 0; i < n && !rc; i++) {
        buf_reset(&key);
        make_row_key(f, b, batch_row(b, i), arena, &key, values);
        keys[i] = view_copy(arena, key.data, (uint32_t)key.len);
        rc = check_key_nulls(f, values, err);
    }
    buf_done(&key);
    return rc;
}

static bool is_key_column(const struct kv_schema *schema, uint32_t at)
{
    for (uint32_t k = 0; k < schema->n_key; k++)
        if (schema->key[k].column == at)
            return true;
    return false;
}

static int fill_batch(struct filler *f, const struct batch *b, struct err *err)
{
    uint32_t n = batch_count(b), n_cols = 0;
    if (n == 0)
        return 0;
    struct arena arena;
    arena_init(&arena, &f->d->s->account);
    struct bytes_view *keys = arena_array(&arena, struct bytes_view, n);
    struct vec *columns = arena_array(&arena, struct vec, f->schema->n_columns + 1);
    uint8_t *results = arena_array(&arena, uint8_t, n);
    int rc = make_keys(f, b, &arena, keys, err);
    for (uint32_t c = 0; c < f->schema->n_columns && !rc; c++) {
        if (is_key_column(f->schema, c))
            continue;
        struct vec *v = &columns[n_cols++];
        vec_alloc(v, (enum phys_kind)f->schema->columns[c].kind, n, &arena);
        v->dec_scale = f->schema->columns[c].dec_scale;
        for (uint32_t i = 0; i < n; i++) {
            struct datum d = column_value(f, b, batch_row(b, i), &f->schema->columns[c]);
            vec_put(v, i, &d, &arena);
        }
    }
    struct kv_write write = {.schema = f->schema, .op = KV_INSERT, .n_rows = n, .keys = keys, .columns = columns};
    if (!rc)
        rc = kv_bulk_write(f->d->task, f->d->txn, &write, results, err);
    for (uint32_t i = 0; i < n && !rc; i++)
        if (results[i] == KV_ROW_EXISTS)
            rc = report_duplicate(f, b, batch_row(b, i), err);
    f->rows += n;
    arena_done(&arena);
    return rc;
}

static void init_filler(struct filler *f, struct ddl *d, const struct cat_object *table, const struct cat_index *index,
                        const struct kv_schema *schema)
{
    *f = (struct filler){.d = d, .table = table, .index = index, .schema = schema};
    f->n_parts = phys_key(table->relation, index, d->arena, &f->parts);
}

/* Column ids of everything in a table's storage that a value can be read of. */
static uint32_t list_ids(struct ddl *d, const struct cat_relation *r, const uint32_t **out)
{
    uint32_t *ids = arena_array(d->arena, uint32_t, r->n_columns + 1), n = 0;
    for (uint32_t i = 0; i < r->n_columns; i++)
        if (!r->columns[i].dropped)
            ids[n++] = (uint32_t)r->columns[i].attnum;
    if (r->hidden_rowid)
        ids[n++] = CATALOG_ROWID;
    *out = ids;
    return n;
}

/* Scans the rows of `source` and gives them to all fillers. */
static int fill_from(struct ddl *d, const struct cat_object *source, struct filler *fillers, uint32_t n, struct err *err)
{
    const uint32_t *ids;
    uint32_t n_ids = list_ids(d, source->relation, &ids);
    for (uint32_t i = 0; i < n; i++) {
        fillers[i].ids = ids;
        fillers[i].n_ids = n_ids;
    }
    const struct kv_schema *schema = source->relation->schema;
    struct kv_read read;
    int rc = kv_stmt_begin(d->task, d->txn, &schema, 1, &read, err);
    if (rc)
        return rc;
    struct kv_scan_spec spec = {.schema = schema, .column_ids = ids, .n_columns = (uint16_t)n_ids};
    struct kv_scan *scan;
    rc = kv_scan_open(d->task, d->s->node->kv, d->txn, &read, &spec, &scan, err);
    if (rc)
        return rc;
    struct batch *batch = NULL;
    while ((rc = kv_scan_next(d->task, scan, BATCH_ROWS, &batch, err)) == 0 && batch) {
        for (uint32_t c = 0; c < batch->n_cols; c++)
            vec_flatten(&batch->cols[c], batch->sel, batch->n_sel, batch->arena);
        for (uint32_t i = 0; i < n && !rc; i++)
            rc = fill_batch(&fillers[i], batch, err);
        batch_destroy(batch);
        if (rc)
            break;
    }
    kv_scan_close(d->task, scan);
    return rc;
}

int ddl_fill_index(struct ddl *d, const struct cat_object *table, const struct cat_index *index, struct err *err)
{
    struct filler f;
    init_filler(&f, d, table, index, index->schema);
    return fill_from(d, table, &f, 1, err);
}

int ddl_rekey(struct ddl *d, const struct cat_object *old, struct cat_object *new, struct err *err)
{
    struct cat_relation *r = new->relation;
    bool keyed = phys_primary(r) != NULL;
    int rc = ddl_create_storages(d, new, err);
    if (rc)
        return rc;
    struct filler *fillers = arena_array(d->arena, struct filler, r->n_indexes + 1);
    uint32_t n = 0;
    init_filler(&fillers[n++], d, new, phys_primary(r), r->schema);
    for (uint32_t i = keyed ? 1 : 0; i < r->n_indexes && keyed; i++)
        init_filler(&fillers[n++], d, new, &r->indexes[i], r->indexes[i].schema);
    rc = fill_from(d, old, fillers, n, err);
    /* Without a key, row ids are drawn as rows are written: indexes are filled from the new table. */
    for (uint32_t i = 0; i < r->n_indexes && !keyed && !rc; i++)
        rc = ddl_fill_index(d, new, &r->indexes[i], err);
    return rc ? rc : ddl_drop_storages(d, old, err);
}
