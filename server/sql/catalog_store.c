#include "server/sql/catalog_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/key.h"
#include "base/task.h"

/* ---- writing one row ---------------------------------------------------------------------------
 */

static struct bytes_view make_key(const struct datum *parts, uint32_t n, struct buf *out)
{
    buf_reset(out);
    for (uint32_t i = 0; i < n; i++)
        key_append(out, &(struct key_part){.kind = parts[i].kind, .dec_scale = -1}, &parts[i]);
    return view_of(out->data, (uint32_t)out->len);
}

static int write_row(struct task *task, struct kv_txn *txn, storage_id storage, enum kv_write_op op,
                     const struct datum *parts, uint32_t n_parts, const struct datum *value,
                     uint8_t *result, struct err *err)
{
    struct buf key = {0};
    struct bytes_view view = make_key(parts, n_parts, &key);
    struct arena arena;
    arena_init(&arena, NULL);
    struct vec column;
    if (value)
        vec_const(&column, value, 1, &arena);
    struct kv_write write = {.schema = catalog_storage_schema(storage),
                             .op = (uint8_t)op,
                             .n_rows = 1,
                             .keys = &view,
                             .columns = value ? &column : NULL};
    int rc = kv_write(task, txn, &write, result, err);
    arena_done(&arena);
    buf_done(&key);
    return rc;
}

static int report_name_taken(const struct cat_object *obj, const char *name, struct err *err)
{
    switch (obj->class_oid) {
    case CLASS_RELATION:
        return err_set(err, ERR_DUPLICATE_TABLE, "relation \"%s\" already exists", name);
    case CLASS_NAMESPACE:
        return err_set(err, ERR_DUPLICATE_SCHEMA, "schema \"%s\" already exists", name);
    case CLASS_DATABASE:
        return err_set(err, ERR_DUPLICATE_DATABASE, "database \"%s\" already exists", name);
    case CLASS_ROLE:
        return err_set(err, ERR_DUPLICATE_OBJECT, "role \"%s\" already exists", name);
    default:
        return err_set(err, ERR_DUPLICATE_OBJECT, "object \"%s\" already exists", name);
    }
}

static int write_name(struct task *task, struct kv_txn *txn, const struct cat_object *obj,
                      const char *name, bool add, struct err *err)
{
    struct datum parts[4] = {datum_i64(obj->db_oid), datum_i64(obj->class_oid),
                             datum_i64(obj->namespace_oid),
                             datum_bytes(name, (uint32_t)strlen(name))};
    struct datum oid = datum_i64(obj->oid);
    uint8_t result = KV_ROW_OK;
    int rc = write_row(task, txn, CATALOG_NAME, add ? KV_INSERT : KV_DELETE, parts, 4,
                       add ? &oid : NULL, &result, err);
    if (rc)
        return rc;
    return add && result == KV_ROW_EXISTS ? report_name_taken(obj, name, err) : 0;
}

static bool has_name(const struct cat_object *obj, uint32_t namespace_oid, const char *name)
{
    if (!obj || obj->namespace_oid != namespace_oid)
        return false;
    if (strcmp(obj->name, name) == 0)
        return true;
    for (uint32_t i = 0; obj->relation && i < obj->relation->n_indexes; i++)
        if (strcmp(obj->relation->indexes[i].name, name) == 0)
            return true;
    return false;
}

/* Names of `of` that `other` has not: added or removed. */
static int write_names(struct task *task, struct kv_txn *txn, const struct cat_object *of,
                       const struct cat_object *other, bool add, struct err *err)
{
    if (!of)
        return 0;
    if (!has_name(other, of->namespace_oid, of->name)) {
        int rc = write_name(task, txn, of, of->name, add, err);
        if (rc)
            return rc;
    }
    for (uint32_t i = 0; of->relation && i < of->relation->n_indexes; i++) {
        const char *name = of->relation->indexes[i].name;
        if (has_name(other, of->namespace_oid, name))
            continue;
        int rc = write_name(task, txn, of, name, add, err);
        if (rc)
            return rc;
    }
    return 0;
}

int catalog_store_write(struct task *task, struct kv_txn *txn, const struct cat_object *old,
                        const struct cat_object *new, struct err *err)
{
    const struct cat_object *any = new ? new : old;
    int rc = write_names(task, txn, old, new, false, err);
    if (!rc)
        rc = write_names(task, txn, new, old, true, err);
    if (rc)
        return rc;
    struct datum parts[2] = {datum_i64(any->db_oid), datum_i64(any->oid)};
    struct buf body = {0};
    struct datum value;
    if (new) {
        cat_object_encode(new, &body);
        value = datum_bytes(body.data, (uint32_t)body.len);
    }
    uint8_t result;
    rc = write_row(task, txn, CATALOG_OBJECT, new ? KV_PUT : KV_DELETE, parts, 2,
                   new ? &value : NULL, &result, err);
    buf_done(&body);
    return rc;
}

/* ---- reading them all ---- */

struct object_list {
    struct catalog_change *changes;
    uint32_t n, capacity;
};

static int take_batch(struct batch *batch, hlc_time version, struct object_list *list,
                      struct err *err)
{
    struct vec *bodies = &batch->cols[0];
    vec_flatten(bodies, batch->sel, batch->n_sel, batch->arena);
    for (uint32_t i = 0; i < batch_count(batch); i++) {
        struct datum d = vec_datum(bodies, batch_row(batch, i));
        struct cat_object *obj;
        int rc = cat_object_decode(view_data(&d.u.bytes), d.u.bytes.len, version, &obj, err);
        if (rc)
            return rc;
        if (list->n == list->capacity) {
            list->capacity = list->capacity ? list->capacity * 2 : 64;
            list->changes = realloc(list->changes, list->capacity * sizeof *list->changes);
        }
        list->changes[list->n++] = (struct catalog_change){obj->oid, obj};
    }
    return 0;
}

static int scan_objects(struct task *task, struct kv *kv, struct kv_txn *txn,
                        const struct kv_read *read, struct object_list *list, struct err *err)
{
    static const uint32_t body_column[] = {3};
    struct kv_scan_spec spec = {.schema = catalog_storage_schema(CATALOG_OBJECT),
                                .column_ids = body_column,
                                .n_columns = 1};
    struct kv_scan *scan;
    int rc = kv_scan_open(task, kv, txn, read, &spec, &scan, err);
    if (rc)
        return rc;
    for (;;) {
        struct batch *batch;
        rc = kv_scan_next(task, scan, BATCH_ROWS, &batch, err);
        if (rc || !batch)
            break;
        rc = take_batch(batch, read->read_ts, list, err);
        batch_destroy(batch);
        if (rc)
            break;
    }
    kv_scan_close(task, scan);
    return rc;
}

static int compare_oids(const void *a, const void *b)
{
    uint32_t x = ((const struct catalog_change *)a)->oid,
             y = ((const struct catalog_change *)b)->oid;
    return x < y ? -1 : x > y;
}

int catalog_store_read(struct task *task, struct kv *kv, struct kv_txn *txn, struct catalog **out,
                       struct err *err)
{
    const struct kv_schema *schema = catalog_storage_schema(CATALOG_OBJECT);
    struct kv_read read;
    int rc = kv_stmt_begin(task, txn, &schema, 1, &read, err);
    if (rc)
        return rc;
    struct object_list list = {0};
    rc = scan_objects(task, kv, txn, &read, &list, err);
    if (!rc) {
        qsort(list.changes, list.n, sizeof *list.changes, compare_oids);
        struct catalog *empty = catalog_create(0);
        *out = catalog_apply(empty, list.changes, list.n, read.read_ts);
        catalog_unref(empty);
    }
    for (uint32_t i = 0; i < list.n; i++)
        cat_object_unref(list.changes[i].object);
    free(list.changes);
    return rc;
}

/* ---- the first start ---- */

enum {
    OID_DB_TEMPLATE1 = 1,
    OID_DB_POSTGRES = 5,
    OID_DB_CAIRN = 16384,
    OID_PUBLIC_POSTGRES = 16385,
    OID_PUBLIC_TEMPLATE1 = 16386,
    OID_FIRST_FREE = 16400
};

static int create_object(struct task *task, struct kv_txn *txn, uint32_t class_oid, uint32_t oid,
                         uint32_t db_oid, const char *name, const char *comment, struct err *err)
{
    struct cat_object *obj = cat_object_create(class_oid, oid, db_oid, name);
    obj->owner = OID_ROLE_CAIRN;
    if (comment)
        obj->comment = arena_strdup(obj->arena, comment);
    if (class_oid == CLASS_ROLE) {
        obj->role = arena_new(obj->arena, struct cat_role);
        *obj->role = (struct cat_role){
            .superuser = true, .login = true, .create_db = true, .create_role = true};
    }
    int rc = catalog_store_write(task, txn, NULL, obj, err);
    cat_object_unref(obj);
    return rc;
}

static int create_first_objects(struct task *task, struct kv_txn *txn, struct err *err)
{
    static const struct {
        uint32_t class_oid, oid, db;
        const char *name, *comment;
    } first[] = {
        {CLASS_ROLE, OID_ROLE_CAIRN, 0, "cairn", NULL},
        {CLASS_DATABASE, OID_DB_TEMPLATE1, 0, "template1", "default template for new databases"},
        {CLASS_DATABASE, OID_DB_POSTGRES, 0, "postgres",
         "default administrative connection database"},
        {CLASS_DATABASE, OID_DB_CAIRN, 0, "cairn", NULL},
        {CLASS_NAMESPACE, OID_PUBLIC, OID_DB_CAIRN, "public", "standard public schema"},
        {CLASS_NAMESPACE, OID_PUBLIC_POSTGRES, OID_DB_POSTGRES, "public", "standard public schema"},
        {CLASS_NAMESPACE, OID_PUBLIC_TEMPLATE1, OID_DB_TEMPLATE1, "public",
         "standard public schema"},
    };
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        int rc = create_object(task, txn, first[i].class_oid, first[i].oid, first[i].db,
                               first[i].name, first[i].comment, err);
        if (rc)
            return rc;
    }
    return 0;
}

/* Counters: 1 = next OID. */
static int create_all(struct task *task, struct kv_txn *txn, struct err *err)
{
    struct arena arena;
    arena_init(&arena, NULL);
    int rc = 0;
    for (storage_id id = CATALOG_OBJECT; id <= CATALOG_SEQUENCE && !rc; id++) {
        struct kv_schema schema = *catalog_storage_schema(id);
        rc = kv_storage_create(task, txn, &schema, &arena, err);
    }
    arena_done(&arena);
    struct kv_read read;
    if (!rc) {
        const struct kv_schema *schemas[] = {catalog_storage_schema(CATALOG_OBJECT),
                                             catalog_storage_schema(CATALOG_NAME)};
        rc = kv_stmt_begin(task, txn, schemas, 2, &read, err);
    }
    if (!rc)
        rc = create_first_objects(task, txn, err);
    struct datum counter = datum_i64(1), next = datum_i64(OID_FIRST_FREE);
    uint8_t result;
    if (!rc)
        rc = write_row(task, txn, CATALOG_COUNTER, KV_PUT, &counter, 1, &next, &result, err);
    return rc;
}

/* *present: the catalog is there. Reading a storage that does not exist is refused with
 * KV_RETRY_SCHEMA. */
static int look_whether_present(struct task *task, struct kv *kv, bool *present, bool *absent,
                                struct err *err)
{
    struct kv_txn_options options = {
        .isolation = KV_REPEATABLE_READ, .read_only = true, .class_ = TASK_TXN};
    struct kv_txn *txn = kv_txn_begin(kv, &options);
    struct catalog *catalog;
    int rc = catalog_store_read(task, kv, txn, &catalog, err);
    *absent = rc && kv_txn_retry(txn) == KV_RETRY_SCHEMA;
    bool again = rc && kv_txn_retry(txn) != KV_RETRY_NONE;
    *present = false;
    if (!rc) {
        *present = catalog_count(catalog) > 0;
        *absent = !*present;
        catalog_unref(catalog);
    }
    kv_abort(task, txn);
    return again || *absent ? 0 : rc;
}

int catalog_store_bootstrap(struct task *task, struct kv *kv, struct err *err)
{
    struct kv_txn_options options = {.isolation = KV_READ_COMMITTED, .class_ = TASK_TXN};
    for (;;) {
        bool present, absent;
        int rc = look_whether_present(task, kv, &present, &absent, err);
        if (rc || present)
            return rc;
        if (absent) {
            struct kv_txn *txn = kv_txn_begin(kv, &options);
            rc = create_all(task, txn, err);
            if (!rc)
                rc = kv_commit(task, txn, NULL, err);
            else
                kv_abort(task, txn);
        }
        /* Whatever happened, the next look tells: another node may have been first. */
        struct err stopped;
        if (task_sleep(task, UINT64_C(20000000), &stopped)) {
            *err = stopped;
            return err->code;
        }
    }
}
