/* system_def.h: the SQL text of catalog objects: what pg_get_indexdef, pg_get_constraintdef and pg_get_viewdef answer.
 *
 * Built from the objects of a catalog view with today's names; appended to a buffer. Failure only by what stored bound text does
 * (an object it names is gone: XX000).
 */
#ifndef CAIRN_PLANNER_CATALOG_SYSTEM_DEF_H
#define CAIRN_PLANNER_CATALOG_SYSTEM_DEF_H

#include "base/buf.h"
#include "planner/catalog/catalog.h"

/* A name quoted where it must be. */
void system_def_name(struct buf *out, const char *name);
/* schema.name, the schema only when the name alone would not find the relation. */
void system_def_relation(const struct catalog_view *view, const struct cat_object *obj, bool qualify, struct buf *out);
/* Bound text as SQL; table 0 = none. Operators in brackets, as pg_get_expr prints them. */
int system_def_expr(const struct catalog_view *view, const char *bound, uint32_t table_oid, struct buf *out,
                    struct err *err) MUST_CHECK;
/* The whole CREATE INDEX; column 1.. = only that key or included column. */
int system_def_index(const struct catalog_view *view, const struct cat_object *table, const struct cat_index *index,
                     int32_t column, bool qualify, struct buf *out, struct err *err) MUST_CHECK;
int system_def_constraint(const struct catalog_view *view, const struct cat_object *table, const struct cat_constraint *c,
                          struct buf *out, struct err *err) MUST_CHECK;
/* " SELECT ...;" */
int system_def_view(const struct catalog_view *view, const struct cat_object *obj, struct buf *out, struct err *err) MUST_CHECK;
/* The name of an index's column, as pg_attribute has it. */
void system_def_index_column(const struct cat_object *table, const struct cat_index *index, uint32_t at, struct buf *out);

#endif
