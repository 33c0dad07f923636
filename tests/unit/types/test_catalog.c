/* The .def tables: consistent in themselves, and equal line by line to the catalog of a PostgreSQL
 * 15 where one is installed (a throw-away cluster is made with initdb and asked in single-user
 * mode; no server runs). Without one that comparison is skipped and says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "types/func/agg.h"
#include "types/func/func.h"

#define PG_BIN "/usr/lib/postgresql/15/bin"

/* ---- consistency
 * --------------------------------------------------------------------------------------- */

static void test_types(void **state)
{
    uint32_t n;
    const struct type_info *t = type_table(&n);
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            assert_true(t[i - 1].oid < t[i].oid);
        assert_ptr_equal(type_info(t[i].oid), &t[i]);
        assert_ptr_equal(type_by_name(t[i].name, strlen(t[i].name)), &t[i]);
        if (t[i].array) {
            assert_non_null(type_info(t[i].array));
            assert_int_equal(type_info(t[i].array)->elem, t[i].oid);
        }
        if (t[i].elem)
            assert_non_null(type_info(t[i].elem));
        const uint32_t funcs[] = {t[i].in, t[i].out, t[i].recv, t[i].send, t[i].modin, t[i].modout};
        for (int k = 0; k < 6; k++)
            assert_true(funcs[k] == 0 || func_info(funcs[k]));
    }
}

static void test_functions(void **state)
{
    uint32_t n, with_kernel = 0;
    const struct func_info *f = func_table(&n);
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            assert_true(f[i - 1].oid < f[i].oid);
        assert_ptr_equal(func_info(f[i].oid), &f[i]);
        if (i)
            assert_true(strcmp(func_by_name(i - 1)->name, func_by_name(i)->name) <= 0);
        uint32_t first, count = func_find(f[i].name, strlen(f[i].name), &first);
        bool found = false;
        for (uint32_t k = 0; k < count; k++)
            found |= func_by_name(first + k) == &f[i];
        assert_true(found);
        with_kernel += f[i].kernel != NULL;
        /* aggregates have an implementation or are windows used as such */
        if (f[i].kind == 'a' && agg_info(f[i].oid))
            assert_true(agg_info(f[i].oid)->state_bytes % 16 == 0);
    }
    assert_true(with_kernel > 700);
    uint32_t first;
    assert_int_equal(func_find("no_such_function", 16, &first), 0);
}

static void test_operators_and_casts(void **state)
{
    uint32_t n;
    const struct oper_info *o = oper_table(&n);
    for (uint32_t i = 0; i < n; i++) {
        const struct func_info *f = func_info(o[i].func);
        assert_non_null(f);
        assert_non_null(f->kernel);
        assert_int_equal(f->n_args, o[i].left ? 2 : 1);
        assert_ptr_equal(oper_exact(o[i].name, o[i].left, o[i].right), &o[i]);
        if (o[i].commutator)
            assert_int_equal(oper_info(o[i].commutator)->left, o[i].right);
        if (o[i].negator)
            assert_int_equal(oper_info(o[i].negator)->negator, o[i].oid);
        if (o[i].result == TYPE_BOOL && oper_strategy(o[i].oid) == STRATEGY_EQ)
            assert_string_equal(o[i].name, "=");
    }
    const struct cast_info *c = cast_table(&n);
    for (uint32_t i = 0; i < n; i++) {
        assert_ptr_equal(cast_find(c[i].from, c[i].to), &c[i]);
        assert_true(c[i].func == 0 || func_info(c[i].func)->kernel);
        assert_true(c[i].method == 'f' ? c[i].func != 0 : c[i].func == 0);
    }
    assert_null(cast_find(TYPE_INT4, TYPE_TEXT));
}

static void test_operator_classes(void **state)
{
    static const uint32_t keys[] = {
        TYPE_BOOL,    TYPE_INT2,      TYPE_INT4,        TYPE_INT8,       TYPE_FLOAT4, TYPE_FLOAT8,
        TYPE_NUMERIC, TYPE_TEXT,      TYPE_VARCHAR,     TYPE_BPCHAR,     TYPE_BYTEA,  TYPE_DATE,
        TYPE_TIME,    TYPE_TIMESTAMP, TYPE_TIMESTAMPTZ, TYPE_INTERVAL,   TYPE_UUID,   TYPE_OID,
        TYPE_NAME,    TYPE_CHAR,      TYPE_REGCLASS,    TYPE_INT4_ARRAY, TYPE_TIMETZ};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct opclass_info *c = opclass_default(403, keys[i]);
        assert_non_null(c);
        const uint32_t opers[] = {c->lt, c->le, c->eq, c->ge, c->gt};
        for (int k = 0; k < 5; k++) {
            assert_non_null(oper_info(opers[k]));
            assert_int_equal(oper_strategy(opers[k]), k + 1);
        }
        assert_int_equal(type_storage(keys[i], -1).key_form != TYPE_KEY_NONE, 1);
    }
    assert_null(opclass_default(403, TYPE_XID));
    assert_int_equal(type_storage(TYPE_XID, -1).key_form, TYPE_KEY_NONE);
}

/* ---- comparison with PostgreSQL
 * ------------------------------------------------------------------------- */

struct side {
    char **lines;
    size_t n, cap;
};

static void add_line(struct side *s, const char *line)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 1024;
        s->lines = realloc(s->lines, s->cap * sizeof *s->lines);
    }
    s->lines[s->n++] = strdup(line);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *yes(bool v)
{
    return v ? "t" : "f";
}

static void dump_ours(struct side *s)
{
    char line[2048];
    uint32_t n;
    const struct type_info *t = type_table(&n);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(line, sizeof line,
                 "type %u %s %d %s %c %c %s %c %u %u %u %u %u %u %u %u %u %c %c %u", t[i].oid,
                 t[i].name, t[i].len, yes(t[i].byval), t[i].kind, t[i].category,
                 yes(t[i].preferred), t[i].delim, t[i].elem, t[i].array, t[i].in, t[i].out,
                 t[i].recv, t[i].send, t[i].modin, t[i].modout, t[i].subscript, t[i].align,
                 t[i].storage, t[i].collation);
        add_line(s, line);
    }
    const struct func_info *f = func_table(&n);
    for (uint32_t i = 0; i < n; i++) {
        int at = snprintf(line, sizeof line, "func %u %s %c %c %s %s %u %u %u %u", f[i].oid,
                          f[i].name, f[i].kind, f[i].volatility, yes(f[i].flags & FUNC_STRICT),
                          yes(f[i].flags & FUNC_RETSET), f[i].variadic, f[i].result, f[i].n_args,
                          f[i].n_defaults);
        for (uint32_t k = 0; k < f[i].n_args; k++)
            at += snprintf(line + at, sizeof line - (size_t)at, " %u", f[i].args[k]);
        add_line(s, line);
    }
    const struct oper_info *o = oper_table(&n);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(line, sizeof line, "oper %u %s %u %u %u %u %s %s", o[i].oid, o[i].name, o[i].left,
                 o[i].right, o[i].result, o[i].func, yes(o[i].can_merge), yes(o[i].can_hash));
        add_line(s, line);
    }
    const struct cast_info *c = cast_table(&n);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(line, sizeof line, "cast %u %u %u %u %c %c", c[i].oid, c[i].from, c[i].to,
                 c[i].func, c[i].context, c[i].method);
        add_line(s, line);
    }
    const struct opclass_info *p = opclass_table(&n);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(line, sizeof line, "opclass %u %s %u %u %u %s", p[i].oid, p[i].name, p[i].family,
                 p[i].method, p[i].type, yes(p[i].is_default));
        add_line(s, line);
    }
    const struct agg_info *a = agg_table(&n);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(line, sizeof line, "agg %u %u %u", a[i].oid, a[i].trans_type, a[i].sort_oper);
        add_line(s, line);
    }
}

static const char *const queries[] = {
    "select concat_ws(' ', 'type', oid, typname, typlen, typbyval, typtype, typcategory, "
    "typispreferred, typdelim, typelem, typarray, "
    "typinput::oid, typoutput::oid, typreceive::oid, typsend::oid, typmodin::oid, typmodout::oid, "
    "typsubscript::oid, typalign, "
    "typstorage, typcollation) from pg_type",
    "select concat_ws(' ', 'func', oid, proname, prokind, provolatile, proisstrict, proretset, "
    "provariadic, prorettype, pronargs, "
    "pronargdefaults, nullif(array_to_string(proargtypes, ' '), '')) from pg_proc",
    "select concat_ws(' ', 'oper', oid, oprname, oprleft, oprright, oprresult, oprcode::oid, "
    "oprcanmerge, oprcanhash) from pg_operator",
    "select concat_ws(' ', 'cast', oid, castsource, casttarget, castfunc, castcontext, castmethod) "
    "from pg_cast",
    "select concat_ws(' ', 'opclass', oid, opcname, opcfamily, opcmethod, opcintype, opcdefault) "
    "from pg_opclass",
    "select concat_ws(' ', 'agg', aggfnoid::oid, aggtranstype, aggsortop) from pg_aggregate",
};

/* A cluster of a few seconds' life; false when it cannot be made. */
static bool ask_postgres(const char *dir, struct side *s)
{
    char command[1024], path[256];
    bool root = geteuid() == 0;
    const char *as = root ? "runuser -u postgres -- " : "";
    snprintf(command, sizeof command,
             "%s %s && %s" PG_BIN
             "/initdb -D %s/d -A trust -N -E UTF8 --locale=C.UTF-8 >/dev/null 2>&1",
             root ? "chown postgres" : "true", dir, as, dir);
    if (system(command) != 0)
        return false;
    snprintf(path, sizeof path, "%s/ask.sql", dir);
    FILE *ask = fopen(path, "w");
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
        fprintf(ask, "copy (%s) to '%s/answer%zu'\n", queries[i], dir, i);
    fclose(ask);
    snprintf(command, sizeof command,
             "%s" PG_BIN "/postgres --single -D %s/d postgres < %s >/dev/null 2>&1", as, dir, path);
    if (system(command) != 0)
        return false;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        char line[4096];
        snprintf(path, sizeof path, "%s/answer%zu", dir, i);
        FILE *in = fopen(path, "r");
        if (!in)
            return false;
        while (fgets(line, sizeof line, in)) {
            line[strcspn(line, "\n")] = 0;
            add_line(s, line);
        }
        fclose(in);
    }
    return true;
}

static void test_against_postgres(void **state)
{
    if (access(PG_BIN "/initdb", X_OK) != 0) {
        printf("no PostgreSQL 15 here: the tables are not compared\n");
        skip();
    }
    char dir[] = "/tmp/cairn-catalog-XXXXXX", command[256];
    assert_non_null(mkdtemp(dir));
    struct side ours = {0}, theirs = {0};
    bool asked = ask_postgres(dir, &theirs);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
    if (!asked) {
        printf("PostgreSQL 15 could not be asked: the tables are not compared\n");
        skip();
    }
    dump_ours(&ours);
    qsort(theirs.lines, theirs.n, sizeof *theirs.lines, compare_lines);
    size_t missing = 0;
    for (size_t i = 0; i < ours.n; i++) {
        if (!bsearch(&ours.lines[i], theirs.lines, theirs.n, sizeof *theirs.lines, compare_lines)) {
            fprintf(stderr, "not in PostgreSQL's catalog: %s\n", ours.lines[i]);
            missing++;
        }
    }
    printf("%zu lines compared\n", ours.n);
    assert_int_equal(missing, 0);
    for (size_t i = 0; i < ours.n; i++)
        free(ours.lines[i]);
    for (size_t i = 0; i < theirs.n; i++)
        free(theirs.lines[i]);
    free(ours.lines);
    free(theirs.lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_operators_and_casts),
        cmocka_unit_test(test_operator_classes),
        cmocka_unit_test(test_against_postgres),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
