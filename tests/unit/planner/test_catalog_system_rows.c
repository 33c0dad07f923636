/* Rows of pg_catalog: every table can be scanned in full, and what psql reads of a table is right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "planner/catalog/system_def.h"
#include "planner/catalog/system_table.h"
#include "types/type/type.h"

struct fixture {
    struct catalog *catalog;
    struct catalog_view view;
    uint32_t path[1];
};

static struct cat_object *make_table(void)
{
    struct cat_object *obj = cat_object_create(CLASS_RELATION, 20000, 5, "t");
    obj->namespace_oid = 19000;
    obj->owner = OID_ROLE_CAIRN;
    struct cat_relation *r = obj->relation = arena_new(obj->arena, struct cat_relation);
    r->kind = 'r';
    r->n_columns = 2;
    r->columns = arena_array(obj->arena, struct cat_column, 2);
    r->columns[0] = (struct cat_column){.attnum = 1, .name = "a", .type_oid = TYPE_INT4, .typmod = -1, .not_null = true};
    r->columns[1] = (struct cat_column){.attnum = 2, .name = "B", .type_oid = TYPE_TEXT, .typmod = -1, .collation = 100,
                                        .default_expr = "1 + 2"};
    r->n_indexes = 1;
    r->indexes = arena_array(obj->arena, struct cat_index, 1);
    r->indexes[0] = (struct cat_index){.oid = 20001, .name = "t_x", .unique = true, .valid = true, .n_keys = 2};
    r->indexes[0].keys = arena_array(obj->arena, struct cat_key_part, 2);
    r->indexes[0].keys[0] = (struct cat_key_part){.attnum = 2, .desc = true, .nulls_first = true};
    r->indexes[0].keys[1] = (struct cat_key_part){.attnum = 0, .expr = "lower(\"\x01" "c2\")", .type_oid = TYPE_TEXT, .typmod = -1};
    r->indexes[0].predicate = "\"\x01" "c1\" > 0";
    r->n_constraints = 1;
    r->constraints = arena_array(obj->arena, struct cat_constraint, 1);
    r->constraints[0] = (struct cat_constraint){.oid = 20002, .name = "t_a_check", .kind = 'c', .check_expr = "\"\x01" "c1\" > 0",
                                                .validated = true};
    return obj;
}

static int set_up(void **state)
{
    static struct fixture f;
    struct cat_object *ns = cat_object_create(CLASS_NAMESPACE, 19000, 5, "public");
    struct cat_object *table = make_table();
    struct catalog_change changes[2] = {{19000, ns}, {20000, table}};
    struct catalog *empty = catalog_create(1);
    f.catalog = catalog_apply(empty, changes, 2, 2);
    catalog_unref(empty);
    cat_object_unref(ns);
    cat_object_unref(table);
    f.path[0] = 19000;
    f.view = (struct catalog_view){.catalog = f.catalog, .db_oid = 5, .role_oid = 10, .n_search_path = 1, .search_path = f.path};
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    catalog_unref(((struct fixture *)*state)->catalog);
    return 0;
}

static uint32_t scan(struct fixture *f, uint32_t oid, const uint32_t *attnums, uint32_t n, struct arena *arena, struct batch ***batches)
{
    uint32_t n_batches;
    struct err err = {0};
    assert_int_equal(system_table_scan(&f->view, NULL, oid, attnums, n, arena, NULL, batches, &n_batches, &err), 0);
    return n_batches;
}

static void test_every_table(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < system_table_count(); i++) {
        const struct cat_object *t = system_table_nth(i);
        struct arena arena;
        arena_init(&arena, NULL);
        uint32_t attnums[64];
        for (uint32_t k = 0; k < t->relation->n_columns; k++) {
            attnums[k] = k + 1;
            assert_non_null(type_info(t->relation->columns[k].type_oid));
        }
        struct batch **batches;
        uint32_t n = scan(f, t->oid, attnums, t->relation->n_columns, &arena, &batches);
        for (uint32_t k = 0; k < n; k++) {
            assert_true(batches[k]->n_rows > 0 && batches[k]->n_rows <= BATCH_ROWS);
            batch_destroy(batches[k]);
        }
        arena_done(&arena);
    }
}

static void test_attributes(void **state)
{
    struct arena arena;
    arena_init(&arena, NULL);
    const uint32_t attnums[] = {1, 2, 5}; /* attrelid, attname, attnum */
    struct batch **batches;
    uint32_t n = scan(*state, 1249, attnums, 3, &arena, &batches), found = 0;
    for (uint32_t b = 0; b < n; b++) {
        for (uint32_t i = 0; i < batches[b]->n_rows; i++) {
            struct datum rel = vec_datum(&batches[b]->cols[0], i), name = vec_datum(&batches[b]->cols[1], i);
            if (rel.u.i64 == 20001) {
                const char *want = found == 0 ? "B" : "lower";
                assert_int_equal(name.u.bytes.len, strlen(want));
                assert_memory_equal(view_data(&name.u.bytes), want, strlen(want));
                found++;
            }
        }
        batch_destroy(batches[b]);
    }
    assert_int_equal(found, 2);
    arena_done(&arena);
}

static void test_definitions(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct buf out = {0};
    const struct cat_object *t = catalog_view_object(&f->view, 20000);
    assert_int_equal(system_def_index(&f->view, t, &t->relation->indexes[0], 0, true, &out, &err), 0);
    assert_string_equal(buf_text(&out),
                        "CREATE UNIQUE INDEX t_x ON public.t USING btree (\"B\" DESC, lower(\"B\")) WHERE (a > 0)");
    buf_reset(&out);
    assert_int_equal(system_def_constraint(&f->view, t, &t->relation->constraints[0], &out, &err), 0);
    assert_string_equal(buf_text(&out), "CHECK ((a > 0))");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_table),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_definitions),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
