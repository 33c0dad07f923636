/* system_table.h: the tables of pg_catalog: their columns (compiled in) and their rows (made on demand).
 *
 * A system table is an ordinary cat_object to the binder (relation->system); a scan of it calls system_table_scan, which
 * gives rows out of the catalog view: compiled-in built-ins, stored objects, this transaction's own. Nothing of pg_catalog is stored.
 * What concerns the running server (sessions, settings, sizes) comes from `struct system_source`, implemented by server/sql.
 */
#ifndef CAIRN_PLANNER_CATALOG_SYSTEM_TABLE_H
#define CAIRN_PLANNER_CATALOG_SYSTEM_TABLE_H

#include "base/buf.h"
#include "planner/catalog/catalog.h"

const struct cat_object *system_table_object(uint32_t oid);                 /* NULL = none */
const struct cat_object *system_table_named(uint32_t namespace_oid, const char *name);
uint32_t system_table_count(void);
const struct cat_object *system_table_nth(uint32_t i);

struct system_rows;

/* What lies outside the catalog. Each adds rows by system_row_* and may be NULL (no rows). */
struct system_source {
    void *ctx;
    /* pg_settings, pg_stat_activity, pg_locks ...: adds the rows of a table this module has none for. */
    int (*rows)(void *ctx, uint32_t table_oid, struct system_rows *rows, struct err *err);
    /* Row and byte estimates (reltuples, relpages). */
    void (*size)(void *ctx, const struct kv_schema *schema, uint64_t *n_rows, uint64_t *bytes);
};

/* Adding rows: begin, set the columns that are not null, repeat. Text is copied. */
void system_row_begin(struct system_rows *rows);
void system_row_int(struct system_rows *rows, const char *column, int64_t value); /* bool, ints, oid kinds */
void system_row_text(struct system_rows *rows, const char *column, const char *value); /* NULL = null; also "char", name */
void system_row_float(struct system_rows *rows, const char *column, double value);
/* A value already in its type's memory form (arrays, timestamps). */
void system_row_datum(struct system_rows *rows, const char *column, const struct datum *value);

/* All rows as batches with exactly the columns `attnums`; *batches is an array of *n owned batches (batch_destroy each), in arena. */
int system_table_scan(const struct catalog_view *view, const struct system_source *source, uint32_t table_oid, const uint32_t *attnums,
                      uint32_t n_attnums, struct arena *arena, struct mem_account *account, struct batch ***batches, uint32_t *n,
                      struct err *err) MUST_CHECK;

#endif
