#include "planner/catalog/system_table.h"

#include <string.h>

#define COLUMN(num, col_name, type, mod, is_not_null) \
    {.attnum = (num), .name = (col_name), .type_oid = (type), .typmod = (mod), .not_null = (is_not_null)},

#define TABLE(table_oid, table_name, relkind, n, table_columns) \
    static const struct cat_column columns_##table_oid[] = {table_columns};
#include "planner/catalog/system_table.def"
#undef TABLE

enum table_place {
#define TABLE(table_oid, table_name, relkind, n, table_columns) PLACE_##table_oid,
#include "planner/catalog/system_table.def"
#undef TABLE
    TABLE_COUNT
};

static const struct cat_relation relations[] = {
#define TABLE(table_oid, table_name, relkind, n, table_columns) \
    {.kind = (relkind) == 'v' ? 'r' : (relkind), .system = true, .n_columns = (n), .columns = (struct cat_column *)columns_##table_oid},
#include "planner/catalog/system_table.def"
#undef TABLE
};

/* In OID order, as the .def is. */
static const struct cat_object objects[] = {
#define TABLE(table_oid, table_name, relkind, n, table_columns) \
    {.oid = (table_oid), .class_oid = CLASS_RELATION, .namespace_oid = OID_PG_CATALOG, .owner = OID_ROLE_CAIRN, \
     .name = (table_name), .version = 1, .relation = (struct cat_relation *)&relations[PLACE_##table_oid]},
#include "planner/catalog/system_table.def"
#undef TABLE
};

uint32_t system_table_count(void)
{
    return TABLE_COUNT;
}

const struct cat_object *system_table_nth(uint32_t i)
{
    return &objects[i];
}

const struct cat_object *system_table_object(uint32_t oid)
{
    uint32_t lo = 0, hi = TABLE_COUNT;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (objects[mid].oid < oid)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < TABLE_COUNT && objects[lo].oid == oid ? &objects[lo] : NULL;
}

const struct cat_object *system_table_named(uint32_t namespace_oid, const char *name)
{
    if (namespace_oid != OID_PG_CATALOG)
        return NULL;
    for (uint32_t i = 0; i < TABLE_COUNT; i++)
        if (strcmp(objects[i].name, name) == 0)
            return &objects[i];
    return NULL;
}
