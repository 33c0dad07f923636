/* physical.h: how a relation lies in storage: the kv_schema of a table and of its indexes.
 *
 * Table. One column per live SQL column, id = attnum. Key: the primary key's columns, or the hidden row id (CATALOG_ROWID).
 * Index. Key: its columns, then those of the table's key not already there. A unique index's trailing table-key parts are key columns of
 * their own (ids from CATALOG_TIE), null unless a unique column is null, and the table's key columns are value columns under
 * their attnum; in a plain index the trailing parts are the columns themselves.
 * Key forms (types/type): a plain part is the column itself; an opaque part is a BYTES column CATALOG_OPAQUE + part beside the
 * value column that keeps the original (id = attnum; expressions keep none). An expression's plain part has id CATALOG_EXPR + part.
 *
 * Both the planner (which columns an index covers) and DDL (what to create) ask here; nothing else knows the ids.
 */
#ifndef CAIRN_PLANNER_CATALOG_PHYSICAL_H
#define CAIRN_PLANNER_CATALOG_PHYSICAL_H

#include "planner/catalog/catalog.h"

enum { CATALOG_TIE = 1002000 /* + position among the table's key parts */ };

/* One part of a storage's key. */
struct phys_part {
    int32_t attnum;   /* 0: an expression; CATALOG_ROWID: hidden row id */
    uint32_t expr;    /* position of the index key when attnum == 0 */
    uint32_t type;
    int32_t typmod;
    uint32_t collation;
    uint32_t column_id;
    uint8_t kind;
    int16_t dec_scale;
    bool opaque, desc, nulls_first;
    bool tie;         /* trailing table-key part of a unique index */
};

/* index NULL: the table's own key (primary key or hidden row id). Returns the number of parts; array in arena. */
uint32_t phys_key(const struct cat_relation *r, const struct cat_index *index, struct arena *arena, struct phys_part **parts);
/* Leading parts that are the index's own columns. */
uint32_t phys_unique_parts(const struct cat_relation *r, const struct cat_index *index);
/* Fills a fresh schema (groups left NULL: kv_storage_create chooses). n_shards >= 1. */
struct kv_schema *phys_schema(const struct cat_relation *r, const struct cat_index *index, storage_id id, storage_id home,
                              uint32_t version, uint16_t n_shards, struct arena *arena);
/* Can column `attnum` be read from this index (NULL: the table)? Gives its stable id. */
bool phys_column(const struct cat_relation *r, const struct cat_index *index, int32_t attnum, uint32_t *column_id);
const struct cat_index *phys_primary(const struct cat_relation *r); /* NULL = hidden row id */

#endif
