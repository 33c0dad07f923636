/* system_rows.c: scanning a system table: rows are collected as datums, then laid out in batches. */
#include <string.h>

#include "planner/catalog/system_rows_int.h"
#include "types/type/array.h"

/* ---- adding rows ---- */

static struct datum make_unset(const struct cat_column *c)
{
    enum phys_kind kind = (enum phys_kind)type_info(c->type_oid)->phys;
    struct datum d = datum_null(kind);
    d.null = !c->not_null;
    if (kind == PHYS_BYTES)
        d.u.bytes = view_of("", 0);
    return d;
}

void system_row_begin(struct system_rows *rows)
{
    if (rows->n == rows->capacity) {
        uint32_t capacity = rows->capacity ? rows->capacity * 2 : 64;
        struct datum **grown = arena_array(rows->arena, struct datum *, capacity);
        if (rows->n)
            memcpy(grown, rows->rows, rows->n * sizeof *grown);
        rows->rows = grown;
        rows->capacity = capacity;
    }
    struct datum *row = rows->rows[rows->n++] = arena_array(rows->arena, struct datum, rows->n_attnums + 1);
    for (uint32_t i = 0; i < rows->n_attnums; i++)
        row[i] = make_unset(&rows->relation->columns[rows->attnums[i] - 1]);
    rows->cursor = 0;
}

/* NULL = not wanted. */
static struct datum *find_slot(struct system_rows *rows, const char *column)
{
    const struct cat_relation *r = rows->relation;
    for (uint32_t k = 0; k < r->n_columns; k++) {
        uint32_t at = (rows->cursor + k) % r->n_columns;
        if (strcmp(r->columns[at].name, column) != 0)
            continue;
        rows->cursor = at + 1;
        return rows->slots[at] < 0 ? NULL : &rows->rows[rows->n - 1][rows->slots[at]];
    }
    if (!rows->rc)
        rows->rc = err_set(rows->err, ERR_INTERNAL_ERROR, "no system column \"%s\"", column);
    return NULL;
}

void system_row_int(struct system_rows *rows, const char *column, int64_t value)
{
    struct datum *d = find_slot(rows, column);
    if (!d)
        return;
    d->null = false;
    switch (d->kind) {
    case PHYS_BOOL:
        d->u.b = value != 0;
        break;
    case PHYS_INT16:
        d->u.i16 = (int16_t)value;
        break;
    case PHYS_INT32:
        d->u.i32 = (int32_t)value;
        break;
    case PHYS_FLOAT32:
        d->u.f32 = (float)value;
        break;
    case PHYS_FLOAT64:
        d->u.f64 = (double)value;
        break;
    default:
        d->u.i64 = value;
    }
}

void system_row_bool(struct system_rows *rows, const char *column, bool value)
{
    system_row_int(rows, column, value);
}

void system_row_text(struct system_rows *rows, const char *column, const char *value)
{
    struct datum *d = find_slot(rows, column);
    if (!d)
        return;
    d->null = !value;
    if (value) {
        uint32_t len = (uint32_t)strlen(value);
        d->u.bytes = view_copy(rows->arena, value, len);
    }
}

void system_row_char(struct system_rows *rows, const char *column, char value)
{
    char text[2] = {value, 0};
    system_row_text(rows, column, text);
}

void system_row_float(struct system_rows *rows, const char *column, double value)
{
    struct datum *d = find_slot(rows, column);
    if (!d)
        return;
    d->null = false;
    if (d->kind == PHYS_FLOAT32)
        d->u.f32 = (float)value;
    else
        d->u.f64 = value;
}

void system_row_datum(struct system_rows *rows, const char *column, const struct datum *value)
{
    struct datum *d = find_slot(rows, column);
    if (d)
        *d = datum_copy(value, rows->arena);
}

void system_row_ints(struct system_rows *rows, const char *column, uint32_t type, const int64_t *values, uint32_t n)
{
    struct datum *d = find_slot(rows, column);
    if (!d)
        return;
    bool vector = type == TYPE_INT2VECTOR || type == TYPE_OIDVECTOR;
    uint32_t elem = type == TYPE_INT2VECTOR ? TYPE_INT2 : type == TYPE_OIDVECTOR ? TYPE_OID : array_element_type(type);
    enum phys_kind kind = (enum phys_kind)type_info(elem)->phys;
    struct array_builder b;
    array_begin(&b, elem);
    if (vector && n)
        array_shape(&b, 1, &(int32_t){(int32_t)n}, &(int32_t){0});
    for (uint32_t i = 0; i < n; i++) {
        struct datum item = {.kind = (uint8_t)kind, .dec_scale = -1};
        if (kind == PHYS_INT16)
            item.u.i16 = (int16_t)values[i];
        else if (kind == PHYS_INT32)
            item.u.i32 = (int32_t)values[i];
        else
            item.u.i64 = values[i];
        array_add(&b, &item);
    }
    *d = array_end(&b, rows->arena);
}

void system_row_texts(struct system_rows *rows, const char *column, const char *const *values, uint32_t n)
{
    struct datum *d = find_slot(rows, column);
    if (!d)
        return;
    struct array_builder b;
    array_begin(&b, TYPE_TEXT);
    for (uint32_t i = 0; i < n; i++) {
        struct datum item = datum_bytes(values[i], (uint32_t)strlen(values[i]));
        array_add(&b, &item);
    }
    *d = array_end(&b, rows->arena);
}

/* ---- which maker ---- */

static const struct {
    uint32_t oid;
    system_rows_maker *make;
} makers[] = {
    {1213, make_pg_tablespace}, {1247, make_pg_type},       {1249, make_pg_attribute},   {1255, make_pg_proc},
    {1259, make_pg_class},      {1260, make_pg_authid},     {1262, make_pg_database},    {2224, make_pg_sequence},
    {2396, make_pg_shdescription}, {2600, make_pg_aggregate}, {2601, make_pg_am},        {2602, make_pg_amop},
    {2603, make_pg_amproc},     {2604, make_pg_attrdef},    {2605, make_pg_cast},        {2606, make_pg_constraint},
    {2608, make_pg_depend},     {2609, make_pg_description}, {2610, make_pg_index},      {2612, make_pg_language},
    {2615, make_pg_namespace},  {2616, make_pg_opclass},    {2617, make_pg_operator},    {2618, make_pg_rewrite},
    {2753, make_pg_opfamily},   {3456, make_pg_collation},  {12000, make_pg_roles},      {12014, make_pg_user},
    {12028, make_pg_views},     {12033, make_pg_tables},    {12043, make_pg_indexes},    {12048, make_pg_sequences},
    {12142, make_pg_stat_all_tables}, {12152, make_pg_stat_sys_tables}, {12161, make_pg_stat_user_tables},
    {12183, make_pg_stat_all_indexes}, {12192, make_pg_stat_user_indexes},
};

static int make_rows(struct system_rows *rows, uint32_t table_oid, struct err *err)
{
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        if (makers[i].oid == table_oid) {
            makers[i].make(rows);
            return rows->rc;
        }
    }
    if (rows->source && rows->source->rows) {
        int rc = rows->source->rows(rows->source->ctx, table_oid, rows, err);
        if (rc)
            return rc;
    }
    return rows->rc;
}

/* ---- batches ---- */

static struct batch *lay_out(const struct system_rows *rows, uint32_t from, uint32_t n, struct mem_account *account)
{
    struct batch *b = batch_create(rows->n_attnums, account);
    b->n_rows = n;
    for (uint32_t c = 0; c < rows->n_attnums; c++) {
        const struct cat_column *column = &rows->relation->columns[rows->attnums[c] - 1];
        vec_alloc(&b->cols[c], (enum phys_kind)type_info(column->type_oid)->phys, n, b->arena);
        for (uint32_t i = 0; i < n; i++) {
            const struct datum *d = &rows->rows[from + i][c];
            if (d->null)
                vec_set_null(&b->cols[c], i, b->arena);
            else
                vec_put(&b->cols[c], i, d, b->arena);
        }
    }
    return b;
}

int system_table_scan(const struct catalog_view *view, const struct system_source *source, uint32_t table_oid, const uint32_t *attnums,
                      uint32_t n_attnums, struct arena *arena, struct mem_account *account, struct batch ***batches, uint32_t *n,
                      struct err *err)
{
    const struct cat_object *table = system_table_object(table_oid);
    if (bug_if(!table, err))
        return err->code;
    int32_t *slots = arena_array(arena, int32_t, table->relation->n_columns);
    for (uint32_t i = 0; i < table->relation->n_columns; i++)
        slots[i] = -1;
    for (uint32_t i = 0; i < n_attnums; i++) {
        if (bug_if(attnums[i] < 1 || attnums[i] > table->relation->n_columns, err))
            return err->code;
        slots[attnums[i] - 1] = (int32_t)i;
    }
    struct system_rows rows = {.view = view, .source = source, .relation = table->relation, .attnums = attnums,
                               .n_attnums = n_attnums, .slots = slots, .arena = arena, .err = err};
    int rc = make_rows(&rows, table_oid, err);
    if (rc)
        return rc;
    *n = (rows.n + BATCH_ROWS - 1) / BATCH_ROWS;
    *batches = arena_array(arena, struct batch *, *n + 1);
    for (uint32_t i = 0; i < *n; i++) {
        uint32_t from = i * BATCH_ROWS;
        (*batches)[i] = lay_out(&rows, from, rows.n - from < BATCH_ROWS ? rows.n - from : BATCH_ROWS, account);
    }
    return 0;
}
