/* system_rows_int.h: what the makers of pg_catalog's rows share.
 *
 * One function a table, listed in system_rows.c by OID. It sees the catalog view and adds rows; columns nobody asked for are
 * dropped as they are set, so a maker never asks what is wanted. A not-null column left unset reads as zero, false or empty.
 */
#ifndef CAIRN_PLANNER_CATALOG_SYSTEM_ROWS_INT_H
#define CAIRN_PLANNER_CATALOG_SYSTEM_ROWS_INT_H

#include "planner/catalog/system_table.h"

struct system_rows {
    const struct catalog_view *view;
    const struct system_source *source;
    const struct cat_relation *relation;
    const uint32_t *attnums;
    uint32_t n_attnums;
    const int32_t *slots;  /* [relation column] place among attnums, -1 = not wanted */
    struct arena *arena;
    uint32_t n, capacity;
    struct datum **rows;   /* [n][n_attnums] */
    uint32_t cursor;       /* column looked at last: setters come in column order */
    struct err *err;
    int rc;                /* first failure: makers go on, the scan reports it */
};

typedef void system_rows_maker(struct system_rows *rows);

/* system_rows_relation.c */
system_rows_maker make_pg_class, make_pg_attribute, make_pg_index, make_pg_constraint, make_pg_attrdef, make_pg_sequence,
    make_pg_depend, make_pg_description, make_pg_shdescription, make_pg_rewrite;
/* system_rows_view.c */
system_rows_maker make_pg_views, make_pg_tables, make_pg_indexes, make_pg_sequences, make_pg_roles, make_pg_user, make_pg_authid,
    make_pg_database, make_pg_namespace, make_pg_stat_all_tables, make_pg_stat_user_tables, make_pg_stat_sys_tables,
    make_pg_stat_user_indexes, make_pg_stat_all_indexes;
/* system_rows_builtin.c */
system_rows_maker make_pg_type, make_pg_proc, make_pg_operator, make_pg_cast, make_pg_opclass, make_pg_opfamily, make_pg_am,
    make_pg_amop, make_pg_amproc, make_pg_collation, make_pg_language, make_pg_tablespace, make_pg_aggregate;

/* An array or vector value: type TYPE_INT2VECTOR, TYPE_OIDVECTOR (lower bound 0) or an array type. */
void system_row_ints(struct system_rows *rows, const char *column, uint32_t type, const int64_t *values, uint32_t n);
void system_row_texts(struct system_rows *rows, const char *column, const char *const *values, uint32_t n);
void system_row_char(struct system_rows *rows, const char *column, char value);
void system_row_bool(struct system_rows *rows, const char *column, bool value);

#endif
