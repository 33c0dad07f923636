/* ddl_int.h: what the files of DDL share.
 *
 * A `struct ddl` lives for one statement: its transaction, the view it reads, the arena its pieces lie in. Every command is: lock what
 * it touches on all nodes (ddl_lock_object), look it up (again), copy, change, ddl_put.
 *
 *     ddl.c           dispatch, ddl_put, look-ups, names, commit hooks
 *     ddl_lock.c      lock table in memory      ddl_node.c  RPC: lock, publish, OIDs
 *     ddl_table.c     CREATE TABLE, AS          ddl_constraint.c  keys, checks, foreign keys
 *     ddl_index.c     CREATE INDEX              ddl_rows.c        copying rows into new storages
 *     ddl_alter.c     ALTER TABLE               ddl_rename.c      RENAME, SET SCHEMA, OWNER, COMMENT
 *     ddl_drop.c      DROP, TRUNCATE            ddl_object.c      schemas, databases, roles, views, GRANT
 *     ddl_sequence.c  CREATE and ALTER SEQUENCE
 */
#ifndef CAIRN_SERVER_SQL_DDL_INT_H
#define CAIRN_SERVER_SQL_DDL_INT_H

#include "server/sql/catalog_store.h"
#include "server/sql/ddl.h"
#include "server/sql/ddl_lock.h"
#include "server/sql/host.h"

struct ddl {
    struct task *task;
    struct session *s;
    struct arena *arena;
    const char *text;
    struct kv_txn *txn;
    struct kv_read read;          /* of the catalog storages */
    const struct catalog_view *view;
    struct session_host host;
    struct planner_options po;
    uint32_t seq;                 /* kv savepoint its changes are made at */
    struct command_result *result;
};

/* ---- a transaction's locks and pending work (session.txn.ddl) ------------------------------------- */

struct ddl_weak {
    uint32_t oid;
    uint8_t mode;
};
struct ddl_strong {
    uint32_t oid;
    uint8_t mode;
};
struct ddl_pending { /* sequences to forget or restart once the transaction has committed */
    struct ddl_pending *next;
    uint32_t seq;     /* voided by a rollback below it */
    uint32_t oid;
    bool remove;
    int64_t value;
};
struct ddl_txn {
    uint32_t n_weak, weak_capacity;
    struct ddl_weak *weak;
    uint32_t n_strong, strong_capacity;
    struct ddl_strong *strong;
    bool remote;              /* other nodes hold locks for us */
    bool locked;              /* ddl_before_commit succeeded */
    struct ddl_pending *pending;
};
struct ddl_txn *ddl_txn_need(struct session *s);

/* ---- the node (ddl_node.c) ---------------------------------------------------------------------------- */

struct ddl_node {
    struct sql_node *node;
    struct ddl_locks *locks;
    struct lock oid_lock;
    uint32_t oid_next, oid_end;
    _Atomic bool cut_off; /* there was no quorum: the catalog is read anew before the next plan */
};

int ddl_oid(struct ddl *d, uint32_t *oid, struct err *err) MUST_CHECK;
/* A strong lock on every live node; weak modes here only. Waits. Afterwards the view is fresh. */
int ddl_lock_object(struct ddl *d, uint32_t oid, enum ddl_lock_mode mode, struct err *err) MUST_CHECK;
void ddl_node_publish(struct task *task, struct session *s, const struct catalog_change *changes, uint32_t n,
                      hlc_time commit_ts);
void ddl_node_unlock(struct task *task, struct session *s);

/* ---- shared steps (ddl.c) -------------------------------------------------------------------------------- */

/* old NULL = created, new NULL = dropped. Takes `take_new`. */
int ddl_put(struct ddl *d, const struct cat_object *old, struct cat_object *take_new, struct err *err) MUST_CHECK;
/* Relations by range_var. kinds: relkinds allowed ("r", "rv"); *out NULL with missing_ok. Locks at `mode`. */
int ddl_find(struct ddl *d, const struct ast_range_var *rv, const char *kinds, enum ddl_lock_mode mode, bool missing_ok,
             const struct cat_object **out, struct err *err) MUST_CHECK;
/* The schema new objects named so go to. */
int ddl_namespace_for(struct ddl *d, const struct ast_range_var *rv, uint32_t *oid, struct err *err) MUST_CHECK;
int ddl_namespace(struct ddl *d, const char *name, uint32_t *oid, struct err *err) MUST_CHECK;
bool ddl_name_taken(const struct ddl *d, uint32_t namespace_oid, const char *name);
/* "<a>_<b>_<label>" of at most 63 bytes, made unique among relations of the schema and indexes of `self`. */
const char *ddl_choose_name(struct ddl *d, uint32_t namespace_oid, const char *a, const char *b, const char *label,
                            const struct cat_object *self);
const char *ddl_join_names(struct ddl *d, const struct cat_object *table, const int32_t *attnums, uint32_t n);
int ddl_position(struct ddl *d, const struct ast_node *node, struct err *err); /* adds the position; returns err->code */
const char *ddl_kind_name(char relkind); /* "table" */
int ddl_role(struct ddl *d, const struct ast_role_spec *spec, uint32_t *oid, struct err *err) MUST_CHECK;
const char *ddl_text_of(const struct ast_node *arg); /* of an option's value; NULL = none */
bool ddl_int_of(const struct ast_node *arg, int64_t *value);
void ddl_tag(struct ddl *d, const char *tag);
struct cat_object *ddl_new_relation(struct ddl *d, char kind, uint32_t oid, uint32_t namespace_oid, const char *name);

/* ---- commands ----------------------------------------------------------------------------------------------- */

int ddl_create_table(struct ddl *d, const struct ast_create_stmt *stmt, struct err *err) MUST_CHECK;
int ddl_create_table_as(struct ddl *d, const struct ast_node *query, const struct ast_into_clause *into, bool if_not_exists,
                        struct err *err) MUST_CHECK;
int ddl_create_index(struct ddl *d, const struct ast_index_stmt *stmt, struct err *err) MUST_CHECK;
int ddl_create_sequence(struct ddl *d, const struct ast_create_seq_stmt *stmt, struct err *err) MUST_CHECK;
int ddl_alter_sequence(struct ddl *d, const struct ast_alter_seq_stmt *stmt, struct err *err) MUST_CHECK;
int ddl_create_view(struct ddl *d, const struct ast_view_stmt *stmt, struct err *err) MUST_CHECK;
int ddl_create_schema(struct ddl *d, const struct ast_create_schema_stmt *stmt, struct err *err) MUST_CHECK;
int ddl_create_database(struct ddl *d, const struct ast_create_database_stmt *stmt, struct err *err) MUST_CHECK;
int ddl_drop_database(struct ddl *d, const struct ast_drop_database_stmt *stmt, struct err *err) MUST_CHECK;
int ddl_create_role(struct ddl *d, const struct ast_create_role_stmt *stmt, struct err *err) MUST_CHECK;
int ddl_alter_role(struct ddl *d, const struct ast_alter_role_stmt *stmt, struct err *err) MUST_CHECK;
int ddl_drop_role(struct ddl *d, const struct ast_drop_role_stmt *stmt, struct err *err) MUST_CHECK;
int ddl_grant(struct ddl *d, const struct ast_grant_stmt *stmt, struct err *err) MUST_CHECK;
int ddl_drop(struct ddl *d, const struct ast_drop_stmt *stmt, struct err *err) MUST_CHECK;
int ddl_truncate(struct ddl *d, const struct ast_truncate_stmt *stmt, struct err *err) MUST_CHECK;
int ddl_alter_table(struct ddl *d, const struct ast_alter_table_stmt *stmt, struct err *err) MUST_CHECK;
int ddl_rename(struct ddl *d, const struct ast_rename_stmt *stmt, struct err *err) MUST_CHECK;
int ddl_set_schema(struct ddl *d, const struct ast_alter_schema_stmt *stmt, struct err *err) MUST_CHECK;
int ddl_set_owner(struct ddl *d, const struct ast_alter_owner_stmt *stmt, struct err *err) MUST_CHECK;
int ddl_comment(struct ddl *d, const struct ast_comment_stmt *stmt, struct err *err) MUST_CHECK;
int ddl_lock_table(struct ddl *d, const struct ast_lock_stmt *stmt, struct err *err) MUST_CHECK;

/* ---- columns and constraints (ddl_table.c, ddl_constraint.c) --------------------------------------------------- */

/* Appends a column to the table being built or changed; its constraints that are columns' own are taken in, the others
 * added to *later (constraint nodes with keys filled in). */
int ddl_add_column(struct ddl *d, struct cat_object *table, const struct ast_column_def *def, struct ast_list **later,
                   struct err *err) MUST_CHECK;
/* PRIMARY KEY, UNIQUE, CHECK, FOREIGN KEY as written on a table. Storages are not made. */
int ddl_add_constraint(struct ddl *d, struct cat_object *table, const struct ast_constraint *c, struct err *err) MUST_CHECK;
struct cat_index *ddl_append_index(struct cat_object *table, bool first);
struct cat_constraint *ddl_append_constraint(struct cat_object *table);
int ddl_find_column(struct ddl *d, const struct cat_object *table, const char *name, const struct cat_column **out,
                    struct err *err) MUST_CHECK;
/* Checks existing rows: CHECK and FOREIGN KEY constraints, NOT NULL. */
int ddl_validate_check(struct ddl *d, const struct cat_object *table, const struct cat_constraint *c, struct err *err) MUST_CHECK;
int ddl_validate_not_null(struct ddl *d, const struct cat_object *table, const struct cat_column *c, struct err *err) MUST_CHECK;
int ddl_validate_foreign_key(struct ddl *d, const struct cat_object *table, const struct cat_constraint *c,
                             struct err *err) MUST_CHECK;
/* The FK parent learns of a child (add) or forgets it. */
int ddl_reference(struct ddl *d, uint32_t parent_oid, uint32_t child_oid, bool add, struct err *err) MUST_CHECK;

/* ---- storages and rows (ddl_rows.c) -------------------------------------------------------------------------- */

uint16_t ddl_shards(const struct cat_relation *r);
/* Creates the storage of the table and of all its indexes, fresh ids. */
int ddl_create_storages(struct ddl *d, struct cat_object *table, struct err *err) MUST_CHECK;
int ddl_create_index_storage(struct ddl *d, struct cat_object *table, struct cat_index *index, struct err *err) MUST_CHECK;
int ddl_drop_storages(struct ddl *d, const struct cat_object *table, struct err *err) MUST_CHECK;
/* Fills one index of `table` from the table's rows. */
int ddl_fill_index(struct ddl *d, const struct cat_object *table, const struct cat_index *index, struct err *err) MUST_CHECK;
/* `new` is `old` with another key (or no key): new storages, rows copied, indexes filled, old storages dropped. */
int ddl_rekey(struct ddl *d, const struct cat_object *old, struct cat_object *new, struct err *err) MUST_CHECK;
/* The table's columns changed: raises the version of its storage's schema. */
int ddl_alter_storage(struct ddl *d, const struct cat_object *old, struct cat_object *new, struct err *err) MUST_CHECK;

/* ---- sequences (ddl_sequence.c) ------------------------------------------------------------------------------ */

/* A sequence owned by a column; type_oid of the column. */
int ddl_make_sequence(struct ddl *d, const struct cat_object *table, struct cat_column *column, const struct ast_list *options,
                      uint32_t *oid, struct err *err) MUST_CHECK;
int ddl_drop_object(struct ddl *d, const struct cat_object *obj, struct err *err) MUST_CHECK; /* one relation, no dependants */
void ddl_pend_sequence(struct ddl *d, uint32_t oid, bool remove, int64_t value);

#endif
