/* catalog.h: the objects SQL talks about, as each node holds them in memory.
 *
 * Stored form: one row an object in storage CATALOG_OBJECT (key: database OID, object OID; the body is a protobuf CatObject,
 * descriptor.proto) and one row a name in storage CATALOG_NAME (key: database, class, namespace, name), whose
 * uniqueness makes two concurrent CREATEs of one name meet. Both lie in the catalog group and change only by
 * ordinary transactions. Built-in objects (types, functions, system tables) are compiled in and never stored.
 *
 * Each node keeps all stored objects decoded in an immutable `struct catalog` (a version), shared by its cores by
 * reference count. A DDL commit makes a new version on every node before its client is answered (server/sql/ddl).
 * A statement looks through a `struct catalog_view`: a version, this transaction's uncommitted changes (overlay),
 * the database, the search path and the role.
 *
 * Three numbers: OID (what SQL sees), storage id (whose tablets; TRUNCATE and re-keying change it), attnum (a column's
 * position for SQL and its stable column id in storage; never reused).
 *
 * Bound text. Defaults, checks, index expressions, view queries are kept as SQL text that survives renames: a relation is
 * written as "\x01<oid>" (an identifier no user can type) with an alias that spells out the columns' names as they were,
 * a column of the object's own table as "\x01c<attnum>", and a regclass constant as its OID. bound.h makes and reads it.
 *
 * Invariants
 * 1. Everything reachable from a struct catalog or cat_object is immutable.
 * 2. Objects are found by (database, class, namespace, name) and by OID alone; an OID is unique over the whole cluster.
 * 3. A relation's columns[] is in attnum order and keeps dropped ones (name "........pg.dropped.N........").
 */
#ifndef CAIRN_PLANNER_CATALOG_CATALOG_H
#define CAIRN_PLANNER_CATALOG_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "storage/kv.h"

enum { CATALOG_OBJECT = 1, CATALOG_NAME = 2, CATALOG_COUNTER = 3, CATALOG_SEQUENCE = 4 }; /* fixed storage ids */
enum { CATALOG_STORAGE_FIRST = 100, CATALOG_OID_FIRST = 16384 };

/* Class OIDs: the system table an object is a row of. */
enum {
    CLASS_TYPE = 1247,
    CLASS_PROC = 1255,
    CLASS_RELATION = 1259,
    CLASS_ROLE = 1260,
    CLASS_DATABASE = 1262,
    CLASS_CONSTRAINT = 2606,
    CLASS_NAMESPACE = 2615,
};
enum { OID_PG_CATALOG = 11, OID_PUBLIC = 2200, OID_ROLE_CAIRN = 10, OID_INFORMATION_SCHEMA = 13000 };

struct cat_column {
    int32_t attnum; /* 1.. ; stable column id in the table's storage */
    const char *name;
    uint32_t type_oid;
    int32_t typmod;
    uint32_t collation;
    bool not_null, dropped, has_default;
    char identity;             /* 0, 'a', 'd' */
    const char *default_expr;  /* bound text; NULL = none */
    const char *generated_expr; /* bound text; NULL = none */
    uint32_t sequence_oid;     /* owned sequence */
    const uint8_t *absent;     /* row.h bytes holding the value older rows read as; NULL = null */
    uint32_t absent_len;
    int32_t ndims;
};

struct cat_key_part {
    int32_t attnum;   /* 0: expr */
    const char *expr; /* bound text */
    uint32_t type_oid;
    int32_t typmod;
    uint32_t collation;
    bool desc, nulls_first;
};

struct cat_index {
    uint32_t oid;
    const char *name;
    uint32_t constraint_oid;
    storage_id storage;
    bool primary, unique, nulls_not_distinct, valid;
    uint32_t n_keys;
    struct cat_key_part *keys;
    uint32_t n_include;
    int32_t *include;
    const char *predicate; /* bound text; NULL = all rows */
    struct kv_schema *schema; /* of its storage; of the table's for a primary key */
};

struct cat_constraint {
    uint32_t oid;
    const char *name;
    char kind; /* 'p' 'u' 'c' 'f' */
    uint32_t n_columns;
    int32_t *columns;
    const char *check_expr; /* bound text */
    uint32_t index_oid;
    uint32_t ref_table;
    uint32_t n_ref_columns;
    int32_t *ref_columns;
    char match, on_update, on_delete;
    bool deferrable, validated;
};

struct cat_sequence {
    uint32_t type_oid;
    int64_t start, increment, min, max, cache;
    bool cycle;
    uint32_t owner_table;
    int32_t owner_attnum;
};

struct cat_relation {
    char kind; /* pg_class.relkind: 'r' 'v' 'S'; system tables 'r' with system = true */
    bool system;
    bool hidden_rowid; /* no primary key: keyed by a row id no one sees (column id CATALOG_ROWID) */
    uint32_t n_columns;
    struct cat_column *columns;
    uint32_t n_indexes;
    struct cat_index *indexes; /* primary key first */
    uint32_t n_constraints;
    struct cat_constraint *constraints;
    storage_id storage;
    struct kv_schema *schema; /* NULL for views, sequences, system tables */
    int32_t next_attnum;
    const char *view_query;   /* bound text */
    struct cat_sequence *sequence;
    uint32_t n_options;
    const char **options;
    uint32_t n_depends;
    uint32_t *depends;        /* a view's relations */
    uint32_t n_referenced_by;
    uint32_t *referenced_by;  /* tables whose foreign keys point here */
};

/* Column ids in storage beside attnums: the hidden row id, and the opaque key bytes of key part i (index: of that index). */
enum { CATALOG_ROWID = 1000000, CATALOG_OPAQUE = 1000001 /* + part */, CATALOG_EXPR = 1001000 /* + part: value of an expression part */ };

struct cat_role {
    bool superuser, login, create_db, create_role;
};

struct cat_object {
    uint32_t oid, db_oid, class_oid, namespace_oid, owner;
    const char *name;
    const char *comment; /* NULL = none */
    uint32_t n_column_comments;
    const char **column_comments; /* "attnum=text" */
    hlc_time version;    /* commit timestamp of its row; 0 in an overlay */
    struct cat_relation *relation; /* CLASS_RELATION */
    struct cat_role *role;         /* CLASS_ROLE */
    struct arena *arena; /* owns it all */
    int32_t refs;        /* atomic */
};

/* ---- building and coding objects --------------------------------------------------------------- */

/* A fresh object whose memory is its own arena (obj->arena): fill it, then hand it to the overlay or a catalog. One reference. */
struct cat_object *cat_object_create(uint32_t class_oid, uint32_t oid, uint32_t db_oid, const char *name);
/* Deep copy to change (immutability of the original stays). */
struct cat_object *cat_object_copy(const struct cat_object *obj);
struct cat_object *cat_object_ref(const struct cat_object *obj);
void cat_object_unref(const struct cat_object *obj);
void cat_object_encode(const struct cat_object *obj, struct buf *out);
int cat_object_decode(const uint8_t *data, size_t len, hlc_time version, struct cat_object **out,
                      struct err *err) MUST_CHECK;

/* ---- versions ----------------------------------------------------------------------------------- */

struct catalog;

struct catalog *catalog_create(hlc_time version); /* empty; one reference */
struct catalog *catalog_ref(struct catalog *c);
void catalog_unref(struct catalog *c);
hlc_time catalog_version(const struct catalog *c);

struct catalog_change {
    uint32_t oid;
    const struct cat_object *object; /* NULL = dropped */
};
/* A new version: base with the changes; base is left as it is. Takes references of its own. */
struct catalog *catalog_apply(const struct catalog *base, const struct catalog_change *changes, uint32_t n,
                              hlc_time version);
/* All objects in OID order. */
uint32_t catalog_count(const struct catalog *c);
const struct cat_object *catalog_nth(const struct catalog *c, uint32_t i);
const struct cat_object *catalog_find(const struct catalog *c, uint32_t oid); /* NULL = none */

/* ---- a transaction's own changes ------------------------------------------------------------------ */

struct catalog_overlay;

struct catalog_overlay *catalog_overlay_create(void);
void catalog_overlay_destroy(struct catalog_overlay *o);
bool catalog_overlay_empty(const struct catalog_overlay *o);
/* Takes the caller's reference. object NULL = dropped. seq: kv sequence the change was made at. */
void catalog_overlay_put(struct catalog_overlay *o, uint32_t oid, struct cat_object *take_object, uint32_t seq);
void catalog_overlay_rollback(struct catalog_overlay *o, uint32_t seq); /* voids changes with number >= seq */
/* Net changes (latest per OID), in OID order; array in arena. */
uint32_t catalog_overlay_changes(const struct catalog_overlay *o, struct arena *arena,
                                 struct catalog_change **out);

/* ---- what a statement sees ------------------------------------------------------------------------ */

struct catalog_view {
    struct catalog *catalog;
    const struct catalog_overlay *overlay; /* NULL = none */
    uint32_t db_oid;
    uint32_t role_oid;
    uint32_t n_search_path;
    const uint32_t *search_path; /* namespace OIDs; pg_catalog is searched first unless listed */
};

const struct cat_object *catalog_view_object(const struct catalog_view *v, uint32_t oid);
/* In this database or shared, by exact place. namespace_oid 0 for roles, databases, namespaces. */
const struct cat_object *catalog_view_named(const struct catalog_view *v, uint32_t class_oid, uint32_t namespace_oid,
                                            const char *name);
/* A relation or index (see below) by optional schema and name along the search path, system tables included; NULL = none. */
const struct cat_object *catalog_view_relation(const struct catalog_view *v, const char *schema, const char *name);
/* An index by name: the table's object and the position in its indexes[]. */
const struct cat_object *catalog_view_index(const struct catalog_view *v, const char *schema, const char *name,
                                            uint32_t *index_at);
/* The table an index OID belongs to. */
const struct cat_object *catalog_view_index_by_oid(const struct catalog_view *v, uint32_t index_oid, uint32_t *index_at);
/* 0 = no such schema. pg_catalog and information_schema are built in. */
uint32_t catalog_view_namespace(const struct catalog_view *v, const char *name);
const char *catalog_view_namespace_name(const struct catalog_view *v, uint32_t oid); /* NULL = none */
/* Iterates every object visible (overlay merged) of this database and shared ones, in OID order. *at starts at 0. */
const struct cat_object *catalog_view_next(const struct catalog_view *v, uint32_t class_oid, uint64_t *at);
/* Version to compare with plan_header.depends: 0 when the object is gone. In an overlay: a number unique to the change. */
uint64_t catalog_view_version(const struct catalog_view *v, uint32_t oid);

const struct cat_column *cat_column_named(const struct cat_relation *r, const char *name); /* NULL = none; skips dropped */
const struct cat_column *cat_column_at(const struct cat_relation *r, int32_t attnum);      /* NULL = none */

/* The physical schemas of the fixed catalog storages (CATALOG_OBJECT, ...): same on every node. */
const struct kv_schema *catalog_storage_schema(storage_id id);

#endif
