/* test_exec_sql.c: statements through parser, planner and executor over kv in memory, compared with PostgreSQL's answers.
 *
 * The script is tests/golden/executor/queries.sql: "-- name" lines are ignored, statements end with ';' at a line's end. The answers are in
 * queries.out, one block a statement. EXEC_SQL_PRINT=1 prints the answers instead; they were made by PostgreSQL 15 with the same script.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "executor/exec.h"
#include "parser/parser.h"
#include "planner/catalog/physical.h"
#include "planner/planner.h"
#include "tests/support/kv_local.h"
#include "tests/support/rt_test.h"

struct world {
    struct kv *kv;
    struct catalog *catalog;
    struct catalog_view view;
    uint32_t search_path[1];
    struct buf out;
    uint64_t row_id;
    int16_t shards;
};

struct column {
    const char *name;
    uint32_t type;
    int32_t typmod;
    bool not_null;
};

static uint64_t next_row_id(void *ctx)
{
    return ++((struct world *)ctx)->row_id;
}

static struct kv_schema *create_storage(struct task *task, struct world *w, struct cat_object *obj, const struct cat_index *index, storage_id id,
                                        storage_id home)
{
    struct err err;
    struct kv_schema *s = phys_schema(obj->relation, index, id, home, 1, (uint16_t)w->shards, obj->arena);
    struct kv_txn_options options = {.isolation = KV_READ_COMMITTED};
    struct kv_txn *txn = kv_txn_begin(w->kv, &options);
    assert_int_equal(kv_storage_create(task, txn, s, obj->arena, &err), 0);
    assert_int_equal(kv_commit(task, txn, NULL, &err), 0);
    return s;
}

/* A table with a primary key on its first n_key columns (0: none) and an index on column `indexed` (0: none). */
static void create_table(struct task *task, struct world *w, uint32_t oid, const char *name, const struct column *columns, uint32_t n, uint32_t n_key,
                         int32_t indexed, bool unique)
{
    struct cat_object *obj = cat_object_create(CLASS_RELATION, oid, 5, name);
    struct arena *a = obj->arena;
    struct cat_relation *r = obj->relation = arena_new(a, struct cat_relation);
    obj->namespace_oid = OID_PUBLIC;
    r->kind = 'r';
    r->n_columns = n;
    r->columns = arena_array(a, struct cat_column, n);
    for (uint32_t i = 0; i < n; i++)
        r->columns[i] = (struct cat_column){.attnum = (int32_t)i + 1, .name = columns[i].name, .type_oid = columns[i].type,
                                            .typmod = columns[i].typmod, .not_null = columns[i].not_null};
    r->hidden_rowid = n_key == 0;
    r->storage = oid;
    r->indexes = arena_array(a, struct cat_index, 2);
    if (n_key) {
        struct cat_index *x = &r->indexes[r->n_indexes++];
        *x = (struct cat_index){.oid = oid + 1, .name = arena_printf(a, "%s_pkey", name), .constraint_oid = oid + 2, .storage = oid, .primary = true,
                                .unique = true, .valid = true, .n_keys = n_key, .keys = arena_array(a, struct cat_key_part, n_key)};
        for (uint32_t k = 0; k < n_key; k++)
            x->keys[k] = (struct cat_key_part){.attnum = (int32_t)k + 1, .type_oid = columns[k].type, .typmod = columns[k].typmod};
    }
    if (indexed) {
        struct cat_index *x = &r->indexes[r->n_indexes++];
        *x = (struct cat_index){.oid = oid + 3, .name = unique ? "u_x_key" : arena_printf(a, "%s_idx", name), .storage = oid + 3, .unique = unique, .valid = true,
                                .n_keys = 1, .keys = arena_array(a, struct cat_key_part, 1)};
        x->keys[0] = (struct cat_key_part){.attnum = indexed, .type_oid = columns[indexed - 1].type, .typmod = columns[indexed - 1].typmod};
    }
    r->schema = create_storage(task, w, obj, NULL, oid, oid);
    for (uint32_t i = 0; i < r->n_indexes; i++)
        r->indexes[i].schema = r->indexes[i].primary ? r->schema : create_storage(task, w, obj, &r->indexes[i], r->indexes[i].storage, oid);
    struct catalog_change change = {oid, obj};
    struct catalog *next = catalog_apply(w->catalog, &change, 1, catalog_version(w->catalog) + 1);
    catalog_unref(w->catalog);
    cat_object_unref(obj);
    w->catalog = w->view.catalog = next;
}

static void put_rows(struct world *w, const struct plan *plan, struct batch *b)
{
    const struct plan_header *h = plan_head(plan);
    for (uint32_t i = 0; i < batch_count(b); i++) {
        for (uint32_t c = 0; c < b->n_cols; c++) {
            const struct plan_result_column *col = plan_at(plan, plan_list_get(plan, h->columns, c), struct plan_result_column);
            struct datum d = vec_datum(&b->cols[c], batch_row(b, i));
            if (c)
                buf_put_text(&w->out, "|");
            if (d.null)
                buf_put_text(&w->out, "NULL");
            else if (type_out(&type_env_default, col->type_oid, &d, &w->out, NULL) != 0)
                buf_put_text(&w->out, "?");
        }
        buf_put_text(&w->out, "\n");
    }
}

static int run_plan(struct task *task, struct world *w, const struct plan *plan, struct kv_txn *txn, struct err *err)
{
    struct exec_plan *loaded;
    struct exec *x;
    struct kv_read read;
    struct mem_account account = {0};
    uint32_t n;
    int rc = exec_plan_load(plan, &loaded, err);
    if (rc)
        return rc;
    const struct kv_schema *const *schemas = exec_plan_schemas(loaded, &n);
    rc = kv_stmt_begin(task, txn, schemas, n, &read, err);
    struct exec_env env = {.task = task, .kv = w->kv, .txn = txn, .read = &read, .view = &w->view, .account = &account, .row_id = next_row_id,
                           .row_id_ctx = w};
    if (rc == 0)
        rc = exec_open(loaded, &env, &x, err);
    if (rc == 0) {
        for (;;) {
            struct batch *b;
            rc = exec_next(x, BATCH_ROWS, &b, err);
            if (rc || !b)
                break;
            if (plan_head(plan)->flags & PLAN_RETURNS_ROWS)
                put_rows(w, plan, b);
            batch_destroy(b);
        }
        exec_close(x);
    }
    exec_plan_unref(loaded);
    if (account.used_bytes) /* every batch must have been freed */
        buf_printf(&w->out, "LEAK of %llu bytes\n", (unsigned long long)account.used_bytes);
    return rc;
}

static void run_statement(struct task *task, struct world *w, const char *text)
{
    struct arena arena;
    struct parse_result parsed;
    struct plan plan;
    struct err err;
    struct kv_txn_options options = {.isolation = KV_READ_COMMITTED};
    struct planner_options po = {.view = &w->view, .env = &type_env_default, .text = text, .text_len = strlen(text), .unnest = true,
                                 .remote = true, .role_name = "cairn", .database_name = "cairn"};
    arena_init(&arena, NULL);
    err_clear(&err);
    int rc = parse_sql(text, strlen(text), &arena, NULL, &parsed, &err);
    if (rc == 0)
        rc = plan_statement(parsed.statements[0].node, &po, &arena, &plan, &err);
    if (rc == 0) {
        struct kv_txn *txn = kv_txn_begin(w->kv, &options);
        rc = run_plan(task, w, &plan, txn, &err);
        if (rc == 0)
            rc = kv_commit(task, txn, NULL, &err);
        else
            kv_abort(task, txn);
    }
    if (rc)
        buf_reset(&w->out); /* a client drops the rows of a statement that fails later */
    if (rc)
        buf_printf(&w->out, "ERROR %s %s\n", err_sqlstate(err.code), err.message);
    arena_done(&arena);
}

static char *read_file(const char *path)
{
    struct buf b;
    char block[4096];
    size_t got;
    FILE *f = fopen(path, "r");
    buf_init(&b);
    while (f && (got = fread(block, 1, sizeof block, f)) > 0)
        buf_put(&b, block, got);
    if (f)
        fclose(f);
    buf_put_u8(&b, 0);
    return (char *)b.data;
}

static void make_world(struct task *task, struct world *w, int16_t shards)
{
    static const struct column t[] = {{"a", TYPE_INT4, -1, true}, {"b", TYPE_TEXT, -1, false}, {"c", TYPE_NUMERIC, (10 << 16 | 2) + 4, false},
                                      {"d", TYPE_INT8, -1, false}};
    static const struct column u[] = {{"x", TYPE_INT4, -1, false}, {"y", TYPE_TEXT, -1, false}};
    static const struct column k[] = {{"k1", TYPE_INT4, -1, true}, {"k2", TYPE_TEXT, -1, true}, {"v", TYPE_FLOAT8, -1, false}};
    static const struct column e[] = {{"n", TYPE_NUMERIC, -1, true}, {"i", TYPE_INTERVAL, -1, false}, {"ts", TYPE_TIMESTAMP, -1, false}};
    *w = (struct world){.kv = kv_local_create(), .catalog = catalog_create(1), .search_path = {OID_PUBLIC}, .shards = shards};
    w->view = (struct catalog_view){.catalog = w->catalog, .db_oid = 5, .role_oid = 10, .n_search_path = 1, .search_path = w->search_path};
    create_table(task, w, 20000, "t", t, 4, 1, 2, false);
    create_table(task, w, 20010, "u", u, 2, 0, 1, true);
    create_table(task, w, 20020, "k", k, 3, 2, 0, false);
    create_table(task, w, 20030, "e", e, 3, 1, 0, false);
}

static void run_script(struct task *task, void *arg)
{
    struct world w;
    make_world(task, &w, (int16_t)(intptr_t)arg);
    char *script = read_file("tests/golden/executor/queries.sql"), *expected = read_file("tests/golden/executor/queries.out");
    char *end;
    int failed = 0;
    const char *at = expected;
    bool print = getenv("EXEC_SQL_PRINT") != NULL;
    for (char *p = script; (end = strstr(p, ";\n")) != NULL; p = end + 2) {
        *end = 0;
        buf_reset(&w.out);
        run_statement(task, &w, p);
        const char *next = strstr(at, "==\n");
        size_t len = next ? (size_t)(next - at) : strlen(at);
        if (print) {
            printf("%s==\n", buf_text(&w.out));
        } else if (w.out.len != len || memcmp(w.out.data, at, len) != 0) {
            failed++;
            fprintf(stderr, "%s;\nexpected:\n%.*sgot:\n%s\n", p, (int)len, at, buf_text(&w.out));
        }
        at = next ? next + 3 : at + len;
    }
    free(script);
    free(expected);
    buf_done(&w.out);
    catalog_unref(w.catalog);
    kv_local_destroy(w.kv);
    assert_int_equal(failed, 0);
}

static void test_one_shard(void **state)
{
    rt_test_run(run_script, (void *)(intptr_t)1);
}

static void test_three_shards(void **state)
{
    rt_test_run(run_script, (void *)(intptr_t)3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_shard), cmocka_unit_test(test_three_shards)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
