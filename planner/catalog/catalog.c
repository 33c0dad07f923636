#include "planner/catalog/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"
#include "planner/catalog/system_table.h"

/* ---- objects ---- */

struct cat_object *cat_object_create(uint32_t class_oid, uint32_t oid, uint32_t db_oid, const char *name)
{
    struct arena first;
    arena_init(&first, NULL);
    struct cat_object *obj = arena_new(&first, struct cat_object);
    obj->arena = arena_new(&first, struct arena);
    obj->class_oid = class_oid;
    obj->oid = oid;
    obj->db_oid = db_oid;
    obj->name = arena_strdup(&first, name);
    obj->refs = 1;
    *obj->arena = first;
    return obj;
}

struct cat_object *cat_object_ref(const struct cat_object *obj)
{
    struct cat_object *o = (struct cat_object *)obj;
    __atomic_add_fetch(&o->refs, 1, __ATOMIC_RELAXED);
    return o;
}

void cat_object_unref(const struct cat_object *obj)
{
    struct cat_object *o = (struct cat_object *)obj;
    if (!o || __atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    struct arena last = *o->arena;
    arena_done(&last);
}

/* ---- names ---- */

/* What a name is looked up by: a fixed struct followed by the name's bytes. */
struct name_key {
    uint32_t db_oid, class_oid, namespace_oid;
    char name[64];
};

static size_t make_name_key(struct name_key *key, uint32_t db, uint32_t class_oid, uint32_t ns, const char *name)
{
    memset(key, 0, sizeof *key);
    key->db_oid = db;
    key->class_oid = class_oid;
    key->namespace_oid = ns;
    size_t len = strnlen(name, sizeof key->name - 1);
    memcpy(key->name, name, len);
    return offsetof(struct name_key, name) + len;
}

/* ---- versions ---- */

struct catalog {
    hlc_time version;
    int32_t refs; /* atomic */
    uint32_t n;
    const struct cat_object **objects; /* OID order */
    struct intmap by_oid;              /* objects, and index OIDs to their table */
    struct hashmap by_name;            /* struct name_key -> object; an index's name -> its table */
    struct arena names;
};

struct catalog *catalog_create(hlc_time version)
{
    struct catalog *c = calloc(1, sizeof *c);
    c->version = version;
    c->refs = 1;
    intmap_init(&c->by_oid);
    hashmap_init(&c->by_name);
    arena_init(&c->names, NULL);
    return c;
}

struct catalog *catalog_ref(struct catalog *c)
{
    __atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
    return c;
}

void catalog_unref(struct catalog *c)
{
    if (!c || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (uint32_t i = 0; i < c->n; i++)
        cat_object_unref(c->objects[i]);
    free(c->objects);
    intmap_done(&c->by_oid);
    hashmap_done(&c->by_name);
    arena_done(&c->names);
    free(c);
}

hlc_time catalog_version(const struct catalog *c)
{
    return c->version;
}

static void add_name(struct catalog *c, const struct cat_object *obj, const char *name)
{
    struct name_key key;
    size_t len = make_name_key(&key, obj->db_oid, obj->class_oid, obj->namespace_oid, name);
    hashmap_put(&c->by_name, arena_memdup(&c->names, &key, len), len, (void *)obj);
}

static void add_object(struct catalog *c, const struct cat_object *obj)
{
    c->objects[c->n++] = cat_object_ref(obj);
    intmap_put(&c->by_oid, obj->oid, (void *)obj);
    add_name(c, obj, obj->name);
    for (uint32_t i = 0; obj->relation && i < obj->relation->n_indexes; i++) {
        intmap_put(&c->by_oid, obj->relation->indexes[i].oid, (void *)obj);
        add_name(c, obj, obj->relation->indexes[i].name);
    }
}

static int compare_changes(const void *a, const void *b)
{
    uint32_t x = ((const struct catalog_change *)a)->oid, y = ((const struct catalog_change *)b)->oid;
    return (x > y) - (x < y);
}

struct catalog *catalog_apply(const struct catalog *base, const struct catalog_change *changes, uint32_t n,
                              hlc_time version)
{
    struct catalog *c = catalog_create(version);
    c->objects = calloc((size_t)base->n + n + 1, sizeof *c->objects);
    struct catalog_change *sorted = malloc((n + 1) * sizeof *sorted);
    if (n)
        memcpy(sorted, changes, n * sizeof *sorted);
    /* OIDs are distinct, so the order is total and no sort's stability matters. */
    qsort(sorted, n, sizeof *sorted, compare_changes);
    uint32_t i = 0, j = 0;
    while (i < base->n || j < n) {
        if (j == n || (i < base->n && base->objects[i]->oid < sorted[j].oid)) {
            add_object(c, base->objects[i++]);
            continue;
        }
        if (i < base->n && base->objects[i]->oid == sorted[j].oid)
            i++;
        if (sorted[j].object)
            add_object(c, sorted[j].object);
        j++;
    }
    free(sorted);
    return c;
}

uint32_t catalog_count(const struct catalog *c)
{
    return c->n;
}

const struct cat_object *catalog_nth(const struct catalog *c, uint32_t i)
{
    return c->objects[i];
}

const struct cat_object *catalog_find(const struct catalog *c, uint32_t oid)
{
    const struct cat_object *obj = intmap_get(&c->by_oid, oid);
    return obj && obj->oid == oid ? obj : NULL;
}

/* ---- overlay ---- */

struct overlay_change {
    uint32_t oid, seq;
    struct cat_object *object; /* NULL = dropped */
    uint64_t number;           /* unique in this process's life: the version plans compare */
};

struct catalog_overlay {
    uint32_t n, capacity;
    uint64_t next_number;
    struct overlay_change *changes; /* in the order made */
};

struct catalog_overlay *catalog_overlay_create(void)
{
    struct catalog_overlay *o = calloc(1, sizeof *o);
    /* Above any commit timestamp, so that an uncommitted version never equals a committed one. */
    o->next_number = (uint64_t)1 << 63;
    return o;
}

void catalog_overlay_destroy(struct catalog_overlay *o)
{
    if (!o)
        return;
    for (uint32_t i = 0; i < o->n; i++)
        cat_object_unref(o->changes[i].object);
    free(o->changes);
    free(o);
}

bool catalog_overlay_empty(const struct catalog_overlay *o)
{
    return !o || o->n == 0;
}

void catalog_overlay_put(struct catalog_overlay *o, uint32_t oid, struct cat_object *take_object, uint32_t seq)
{
    if (o->n == o->capacity) {
        o->capacity = o->capacity ? o->capacity * 2 : 8;
        o->changes = realloc(o->changes, o->capacity * sizeof *o->changes);
    }
    o->changes[o->n++] = (struct overlay_change){oid, seq, take_object, o->next_number++};
}

void catalog_overlay_rollback(struct catalog_overlay *o, uint32_t seq)
{
    while (o->n && o->changes[o->n - 1].seq >= seq)
        cat_object_unref(o->changes[--o->n].object);
}

/* The newest change of an OID, or NULL. Overlays are a handful of entries: a scan is the simplest index. */
static const struct overlay_change *overlay_find(const struct catalog_overlay *o, uint32_t oid)
{
    for (uint32_t i = o ? o->n : 0; i-- > 0;)
        if (o->changes[i].oid == oid)
            return &o->changes[i];
    return NULL;
}

static bool overlay_is_newest(const struct catalog_overlay *o, uint32_t at)
{
    return overlay_find(o, o->changes[at].oid) == &o->changes[at];
}

uint32_t catalog_overlay_changes(const struct catalog_overlay *o, struct arena *arena,
                                 struct catalog_change **out)
{
    struct catalog_change *list = arena_array(arena, struct catalog_change, o->n + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < o->n; i++)
        if (overlay_is_newest(o, i))
            list[n++] = (struct catalog_change){o->changes[i].oid, o->changes[i].object};
    qsort(list, n, sizeof *list, compare_changes);
    *out = list;
    return n;
}

/* ---- views ---- */

static bool is_visible_here(const struct catalog_view *v, const struct cat_object *obj)
{
    return obj->db_oid == 0 || obj->db_oid == v->db_oid;
}

const struct cat_object *catalog_view_object(const struct catalog_view *v, uint32_t oid)
{
    const struct overlay_change *change = overlay_find(v->overlay, oid);
    if (change)
        return change->object;
    const struct cat_object *obj = catalog_find(v->catalog, oid);
    if (!obj)
        obj = system_table_object(oid);
    return obj && is_visible_here(v, obj) ? obj : NULL;
}

static bool has_name(const struct cat_object *obj, uint32_t class_oid, uint32_t ns, const char *name)
{
    if (obj->class_oid != class_oid || obj->namespace_oid != ns)
        return false;
    if (strcmp(obj->name, name) == 0)
        return true;
    for (uint32_t i = 0; obj->relation && i < obj->relation->n_indexes; i++)
        if (strcmp(obj->relation->indexes[i].name, name) == 0)
            return true;
    return false;
}

/* The object that owns a name: itself, or the table whose index has it. */
static const struct cat_object *find_by_name(const struct catalog_view *v, uint32_t class_oid, uint32_t ns,
                                             const char *name)
{
    for (uint32_t i = v->overlay ? v->overlay->n : 0; i-- > 0;) {
        const struct overlay_change *change = &v->overlay->changes[i];
        if (change->object && overlay_is_newest(v->overlay, i) && is_visible_here(v, change->object) &&
            has_name(change->object, class_oid, ns, name))
            return change->object;
    }
    const uint32_t dbs[2] = {v->db_oid, 0};
    for (int i = 0; i < 2; i++) {
        struct name_key key;
        size_t len = make_name_key(&key, dbs[i], class_oid, ns, name);
        const struct cat_object *obj = hashmap_get(&v->catalog->by_name, &key, len);
        if (obj && !overlay_find(v->overlay, obj->oid))
            return obj;
    }
    return class_oid == CLASS_RELATION ? system_table_named(ns, name) : NULL;
}

const struct cat_object *catalog_view_named(const struct catalog_view *v, uint32_t class_oid, uint32_t namespace_oid,
                                            const char *name)
{
    const struct cat_object *obj = find_by_name(v, class_oid, namespace_oid, name);
    return obj && strcmp(obj->name, name) == 0 ? obj : NULL;
}

static const struct cat_object *find_on_path(const struct catalog_view *v, const char *schema, const char *name)
{
    if (schema) {
        uint32_t ns = catalog_view_namespace(v, schema);
        return ns ? find_by_name(v, CLASS_RELATION, ns, name) : NULL;
    }
    bool listed = false;
    for (uint32_t i = 0; i < v->n_search_path; i++)
        listed |= v->search_path[i] == OID_PG_CATALOG;
    const struct cat_object *obj = listed ? NULL : find_by_name(v, CLASS_RELATION, OID_PG_CATALOG, name);
    for (uint32_t i = 0; !obj && i < v->n_search_path; i++)
        obj = find_by_name(v, CLASS_RELATION, v->search_path[i], name);
    return obj;
}

const struct cat_object *catalog_view_relation(const struct catalog_view *v, const char *schema, const char *name)
{
    const struct cat_object *obj = find_on_path(v, schema, name);
    return obj && strcmp(obj->name, name) == 0 ? obj : NULL;
}

const struct cat_object *catalog_view_index(const struct catalog_view *v, const char *schema, const char *name,
                                            uint32_t *index_at)
{
    const struct cat_object *obj = find_on_path(v, schema, name);
    for (uint32_t i = 0; obj && obj->relation && i < obj->relation->n_indexes; i++) {
        if (strcmp(obj->relation->indexes[i].name, name) == 0) {
            *index_at = i;
            return obj;
        }
    }
    return NULL;
}

const struct cat_object *catalog_view_index_by_oid(const struct catalog_view *v, uint32_t index_oid, uint32_t *index_at)
{
    const struct cat_object *found = NULL;
    for (uint32_t i = v->overlay ? v->overlay->n : 0; !found && i-- > 0;) {
        const struct cat_object *obj = v->overlay->changes[i].object;
        for (uint32_t k = 0; obj && overlay_is_newest(v->overlay, i) && obj->relation && k < obj->relation->n_indexes; k++)
            if (obj->relation->indexes[k].oid == index_oid)
                found = obj;
    }
    if (!found) {
        found = intmap_get(&v->catalog->by_oid, index_oid);
        if (!found || overlay_find(v->overlay, found->oid) || !is_visible_here(v, found))
            return NULL;
    }
    for (uint32_t k = 0; found->relation && k < found->relation->n_indexes; k++) {
        if (found->relation->indexes[k].oid == index_oid) {
            *index_at = k;
            return found;
        }
    }
    return NULL;
}

uint32_t catalog_view_namespace(const struct catalog_view *v, const char *name)
{
    if (strcmp(name, "pg_catalog") == 0)
        return OID_PG_CATALOG;
    if (strcmp(name, "information_schema") == 0)
        return OID_INFORMATION_SCHEMA;
    const struct cat_object *ns = catalog_view_named(v, CLASS_NAMESPACE, 0, name);
    return ns ? ns->oid : 0;
}

const char *catalog_view_namespace_name(const struct catalog_view *v, uint32_t oid)
{
    if (oid == OID_PG_CATALOG)
        return "pg_catalog";
    if (oid == OID_INFORMATION_SCHEMA)
        return "information_schema";
    const struct cat_object *ns = catalog_view_object(v, oid);
    return ns && ns->class_oid == CLASS_NAMESPACE ? ns->name : NULL;
}

/* Merges the two OID-ordered lists; *at is the OID to go on from. */
const struct cat_object *catalog_view_next(const struct catalog_view *v, uint32_t class_oid, uint64_t *at)
{
    for (;;) {
        uint32_t lo = 0, hi = v->catalog->n;
        while (lo < hi) {
            uint32_t mid = (lo + hi) / 2;
            if (v->catalog->objects[mid]->oid < *at)
                lo = mid + 1;
            else
                hi = mid;
        }
        const struct cat_object *obj = lo < v->catalog->n ? v->catalog->objects[lo] : NULL;
        uint64_t oid = obj ? obj->oid : UINT64_MAX;
        for (uint32_t i = 0; v->overlay && i < v->overlay->n; i++) {
            if (v->overlay->changes[i].oid >= *at && v->overlay->changes[i].oid <= oid &&
                overlay_is_newest(v->overlay, i)) {
                oid = v->overlay->changes[i].oid;
                obj = v->overlay->changes[i].object;
            }
        }
        if (oid == UINT64_MAX)
            return NULL;
        *at = oid + 1;
        if (obj && is_visible_here(v, obj) && (class_oid == 0 || obj->class_oid == class_oid))
            return obj;
    }
}

uint64_t catalog_view_version(const struct catalog_view *v, uint32_t oid)
{
    const struct overlay_change *change = overlay_find(v->overlay, oid);
    if (change)
        return change->object ? change->number : 0;
    const struct cat_object *obj = catalog_find(v->catalog, oid);
    if (obj)
        return obj->version;
    return system_table_object(oid) ? 1 : 0;
}

const struct cat_column *cat_column_named(const struct cat_relation *r, const char *name)
{
    for (uint32_t i = 0; i < r->n_columns; i++)
        if (!r->columns[i].dropped && strcmp(r->columns[i].name, name) == 0)
            return &r->columns[i];
    return NULL;
}

const struct cat_column *cat_column_at(const struct cat_relation *r, int32_t attnum)
{
    for (uint32_t i = 0; i < r->n_columns; i++)
        if (r->columns[i].attnum == attnum)
            return &r->columns[i];
    return NULL;
}

/* ---- fixed storages ---- */

#define COLUMN(column_id, phys) {.id = (column_id), .kind = (phys), .dec_scale = -1, .absent = {.kind = (phys), .null = true, .dec_scale = -1}}

const struct kv_schema *catalog_storage_schema(storage_id id)
{
    static uint32_t system_group[1] = {1};
    static struct kv_column object_cols[] = {COLUMN(1, PHYS_INT64), COLUMN(2, PHYS_INT64), COLUMN(3, PHYS_BYTES)};
    static struct kv_column name_cols[] = {COLUMN(1, PHYS_INT64), COLUMN(2, PHYS_INT64), COLUMN(3, PHYS_INT64),
                                           COLUMN(4, PHYS_BYTES), COLUMN(5, PHYS_INT64)};
    static struct kv_column counter_cols[] = {COLUMN(1, PHYS_INT64), COLUMN(2, PHYS_INT64)};
    static struct kv_column sequence_cols[] = {COLUMN(1, PHYS_INT64), COLUMN(2, PHYS_INT64), COLUMN(3, PHYS_INT64),
                                               COLUMN(4, PHYS_BOOL)};
    static struct kv_key_part key[] = {{0, false, false}, {1, false, false}, {2, false, false}, {3, false, false}};
    static const struct kv_schema schemas[] = {
        {.id = CATALOG_OBJECT, .home = CATALOG_OBJECT, .version = 1, .n_columns = 3, .n_key = 2, .n_shards = 1,
         .groups = system_group, .columns = object_cols, .key = key},
        {.id = CATALOG_NAME, .home = CATALOG_OBJECT, .version = 1, .n_columns = 5, .n_key = 4, .n_shards = 1,
         .groups = system_group, .columns = name_cols, .key = key},
        {.id = CATALOG_COUNTER, .home = CATALOG_OBJECT, .version = 1, .n_columns = 2, .n_key = 1, .n_shards = 1,
         .groups = system_group, .columns = counter_cols, .key = key},
        {.id = CATALOG_SEQUENCE, .home = CATALOG_OBJECT, .version = 1, .n_columns = 4, .n_key = 2, .n_shards = 1,
         .groups = system_group, .columns = sequence_cols, .key = key},
    };
    if (id < CATALOG_OBJECT || id > CATALOG_SEQUENCE)
        return NULL;
    return &schemas[id - CATALOG_OBJECT];
}
