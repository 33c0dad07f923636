/* The expression engine's contract: order of evaluation, arms seen by their rows only, the first
 * failing row, demand, nulls, forms of vectors, depth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "types/expr/expr.h"

enum {
    OID_INT4PL = 177,
    OID_INT4DIV = 154,
    OID_INT4EQ = 65,
    OID_INT4GT = 147,
    OID_INT4LT = 66,
    OID_TEXTEQ = 67,
    OID_LOWER = 870,
    OID_RANDOM = 1598,
    OID_NEXTVAL = 1574,
    OID_NUMERIC_ADD = 1724,
    OID_NUMERIC_EQ = 1718,
    OID_FLOAT8EQ = 293,
    OID_TEXTLIKE = 850
};

struct fixture {
    struct arena arena;
    struct batch *batch;
    struct expr_host host;
    struct expr_env env;
    int64_t calls; /* of nextval */
    uint64_t random;
};

static int count_call(struct task *task, struct expr_host *host, enum host_func func,
                      const struct datum *args, uint32_t n_args, struct arena *arena,
                      struct datum *out, struct err *err)
{
    struct fixture *f = host->ctx;
    assert_int_equal(func, HOST_NEXTVAL);
    out->u.i64 = ++f->calls;
    return 0;
}

static uint64_t next_random(struct expr_host *host)
{
    struct fixture *f = host->ctx;
    f->random += 0x4000000000000000;
    return f->random;
}

static struct fixture *make_fixture(uint32_t n_cols, uint32_t n_rows)
{
    struct fixture *f = calloc(1, sizeof *f);
    arena_init(&f->arena, NULL);
    f->batch = batch_create(n_cols, NULL);
    f->batch->n_rows = n_rows;
    f->host = (struct expr_host){.wait_call = count_call, .random_u64 = next_random, .ctx = f};
    f->env.host = &f->host;
    return f;
}

static void drop_fixture(struct fixture *f)
{
    batch_destroy(f->batch);
    arena_done(&f->arena);
    free(f);
}

static void fill_ints(struct fixture *f, uint32_t col, const int32_t *values)
{
    struct vec *v = &f->batch->cols[col];
    vec_alloc(v, PHYS_INT32, f->batch->n_rows, f->batch->arena);
    for (uint32_t i = 0; i < f->batch->n_rows; i++) {
        struct datum d = {.kind = PHYS_INT32,
                          .null = values[i] == INT32_MIN,
                          .dec_scale = -1,
                          .u.i32 = values[i]};
        vec_put(v, i, &d, f->batch->arena);
    }
}

static struct expr *col(struct fixture *f, uint32_t i)
{
    return expr_column(&f->arena, 0, i, TYPE_INT4, -1);
}
static struct expr *num(struct fixture *f, int32_t v)
{
    struct datum d = {.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = v};
    return expr_const(&f->arena, TYPE_INT4, -1, &d);
}
static struct expr *text(struct fixture *f, const char *s)
{
    struct datum d = datum_bytes(s, (uint32_t)strlen(s));
    return expr_const(&f->arena, TYPE_TEXT, -1, &d);
}
static struct expr *call2(struct fixture *f, uint32_t func, uint32_t type, struct expr *a,
                          struct expr *b)
{
    struct expr *args[2] = {a, b};
    return expr_call(&f->arena, func, type, args, 2);
}
static struct expr *divide(struct fixture *f, struct expr *a, struct expr *b)
{
    return call2(f, OID_INT4DIV, TYPE_INT4, a, b);
}
static struct expr *gt(struct fixture *f, struct expr *a, struct expr *b)
{
    return call2(f, OID_INT4GT, TYPE_BOOL, a, b);
}
static struct expr *eq(struct fixture *f, struct expr *a, struct expr *b)
{
    return call2(f, OID_INT4EQ, TYPE_BOOL, a, b);
}
static struct expr *node(struct fixture *f, enum expr_op op, uint32_t type, uint32_t n, ...)
{
    struct expr *e = expr_new(&f->arena, op, type, -1, n);
    va_list list;
    va_start(list, n);
    for (uint32_t i = 0; i < n; i++)
        e->args[i] = va_arg(list, struct expr *);
    va_end(list);
    return e;
}

static struct expr_exec *load(struct fixture *f, struct expr **es, uint32_t n, bool filter)
{
    struct buf program = {0};
    struct err err;
    err_clear(&err);
    uint32_t at, len;
    int rc = filter ? expr_compile_filter(NULL, es, n, &program, &at, &len, &err)
                    : expr_compile(NULL, es, n, &program, &at, &len, &err);
    assert_int_equal(rc, 0);
    struct expr_exec *x;
    rc = expr_exec_create(&f->arena, arena_memdup(&f->arena, program.data + at, len), len, &f->env,
                          &x, &err);
    if (rc)
        fail_msg("%s", err.message);
    buf_done(&program);
    return x;
}

/* Values of live rows as text, "-" for null, then "!SQLSTATE" if a row failed. */
static const char *eval_max(struct fixture *f, struct expr *e, uint32_t rows_max)
{
    struct expr_exec *x = load(f, &e, 1, false);
    struct vec out;
    struct err err;
    err_clear(&err);
    uint32_t n_ok;
    int rc = expr_eval(NULL, x, f->batch, rows_max, &out, &f->arena, &n_ok, &err);
    struct buf line = {0};
    for (uint32_t i = 0; i < n_ok; i++) {
        struct datum d = vec_datum(&out, batch_row(f->batch, i));
        if (i)
            buf_put_u8(&line, ' ');
        if (d.null)
            buf_put_u8(&line, '-');
        else
            assert_int_equal(type_out(&type_env_default, e->type, &d, &line, &err), 0);
    }
    if (rc)
        buf_printf(&line, "%s!%s", n_ok ? " " : "", err_sqlstate(rc));
    const char *result = arena_strdup(&f->arena, buf_text(&line));
    buf_done(&line);
    expr_exec_destroy(x);
    return result;
}

static const char *eval(struct fixture *f, struct expr *e)
{
    return eval_max(f, e, UINT32_MAX);
}

#define N INT32_MIN

static void test_guarded_division(void **state)
{
    struct fixture *f = make_fixture(1, 6);
    const int32_t v[] = {2, 0, 5, N, 0, 10};
    fill_ints(f, 0, v);
    struct expr *q = divide(f, num(f, 100), col(f, 0));
    /* CASE WHEN c <> 0 THEN 100 / c ELSE -1 END */
    struct expr *nz = node(f, EXPR_NOT, TYPE_BOOL, 1, eq(f, col(f, 0), num(f, 0)));
    assert_string_equal(eval(f, node(f, EXPR_CASE, TYPE_INT4, 3, nz, q, num(f, -1))),
                        "50 -1 20 -1 -1 10");
    /* c <> 0 AND 100 / c > 15 */
    assert_string_equal(eval(f, node(f, EXPR_AND, TYPE_BOOL, 2, nz, gt(f, q, num(f, 15)))),
                        "t f t - f f");
    /* c = 0 OR 100 / c > 15 */
    struct expr *zero = eq(f, col(f, 0), num(f, 0));
    assert_string_equal(eval(f, node(f, EXPR_OR, TYPE_BOOL, 2, zero, gt(f, q, num(f, 15)))),
                        "t t t - t f");
    /* without ELSE, and a CASE inside an arm */
    struct expr *inner = node(f, EXPR_CASE, TYPE_INT4, 2, gt(f, q, num(f, 15)), q);
    assert_string_equal(eval(f, node(f, EXPR_CASE, TYPE_INT4, 2, nz, inner)), "50 - 20 - - -");
    /* 100 / nullif(c, 0) */
    struct expr *nullif = node(f, EXPR_NULLIF, TYPE_INT4, 2, col(f, 0), num(f, 0));
    nullif->func = OID_INT4EQ;
    assert_string_equal(eval(f, divide(f, num(f, 100), nullif)), "50 - 20 - - 10");
    /* coalesce stops at the first value */
    struct expr *c = node(f, EXPR_COALESCE, TYPE_INT4, 2, nullif, divide(f, num(f, 1), col(f, 0)));
    assert_string_equal(eval(f, c), "2 !22012");
    drop_fixture(f);
}

static void test_first_failing_row(void **state)
{
    struct fixture *f = make_fixture(2, 6);
    const int32_t a[] = {1, 2, 4, 0, 5, 0}, b[] = {1, 1, 0, 1, 1, 1};
    fill_ints(f, 0, a);
    fill_ints(f, 1, b);
    struct expr *qa = divide(f, num(f, 100), col(f, 0)), *qb = divide(f, num(f, 100), col(f, 1));
    assert_string_equal(eval(f, qa), "100 50 25 !22012");
    /* of two outputs the earlier row wins, whichever output fails there */
    struct expr *outs[2] = {qa, qb};
    struct expr_exec *x = load(f, outs, 2, false);
    struct vec v[2];
    struct err err;
    uint32_t n_ok;
    err_clear(&err);
    assert_int_equal(expr_eval(NULL, x, f->batch, UINT32_MAX, v, &f->arena, &n_ok, &err),
                     ERR_DIVISION_BY_ZERO);
    assert_int_equal(n_ok, 2);
    assert_int_equal(((int32_t *)v[0].data)[1], 50);
    assert_int_equal(((int32_t *)v[1].data)[1], 100);
    /* rows_max stops in front of the failing row */
    err_clear(&err);
    assert_int_equal(expr_eval(NULL, x, f->batch, 2, v, &f->arena, &n_ok, &err), 0);
    assert_int_equal(n_ok, 2);
    /* a selection that leaves the failing rows out */
    static const uint16_t sel[] = {0, 1, 4};
    f->batch->sel = sel;
    f->batch->n_sel = 3;
    assert_string_equal(eval(f, call2(f, OID_INT4PL, TYPE_INT4, qa, qb)), "200 150 120");
    expr_exec_destroy(x);
    /* a failure inside an arm cuts all */
    f->batch->sel = NULL;
    struct expr *arm = node(f, EXPR_CASE, TYPE_INT4, 3, gt(f, col(f, 0), num(f, 1)), qb, num(f, 7));
    assert_string_equal(eval(f, arm), "7 100 !22012");
    drop_fixture(f);
}

static void test_three_valued_logic(void **state)
{
    struct fixture *f = make_fixture(2, 9);
    const int32_t a[] = {1, 1, 1, 0, 0, 0, N, N, N}, b[] = {1, 0, N, 1, 0, N, 1, 0, N};
    fill_ints(f, 0, a);
    fill_ints(f, 1, b);
    struct expr *x = eq(f, col(f, 0), num(f, 1)), *y = eq(f, col(f, 1), num(f, 1));
    assert_string_equal(eval(f, node(f, EXPR_AND, TYPE_BOOL, 2, x, y)), "t f - f f f - f -");
    assert_string_equal(eval(f, node(f, EXPR_OR, TYPE_BOOL, 2, x, y)), "t t t t f - t - -");
    assert_string_equal(eval(f, node(f, EXPR_NOT, TYPE_BOOL, 1, x)), "f f f t t t - - -");
    struct expr *d = node(f, EXPR_DISTINCT, TYPE_BOOL, 2, col(f, 0), col(f, 1));
    d->func = OID_INT4EQ;
    assert_string_equal(eval(f, d), "f t t t f t t t f");
    static const char *const tests[] = {"t t t f f f f f f", "f f f t t t t t t",
                                        "f f f t t t f f f", "t t t f f f t t t",
                                        "f f f f f f t t t", "t t t t t t f f f"};
    for (uint8_t i = 0; i < 6; i++) {
        struct expr *t = node(f, EXPR_BOOL_TEST, TYPE_BOOL, 1, x);
        t->sub = i;
        assert_string_equal(eval(f, t), tests[i]);
    }
    struct expr *is_null = node(f, EXPR_IS_NULL, TYPE_BOOL, 1, col(f, 0));
    assert_string_equal(eval(f, is_null), "f f f f f f t t t");
    struct expr *g = node(f, EXPR_GREATEST, TYPE_INT4, 2, col(f, 0), col(f, 1));
    assert_string_equal(eval(f, g), "1 1 1 1 0 0 1 0 -");
    g->op = EXPR_LEAST;
    assert_string_equal(eval(f, g), "1 0 1 0 0 0 1 0 -");
    struct expr *row =
        node(f, EXPR_ROW_COMPARE, TYPE_BOOL, 4, col(f, 0), col(f, 1), num(f, 1), num(f, 0));
    row->sub = STRATEGY_GE;
    assert_string_equal(eval(f, row), "t t - f f f - - -");
    drop_fixture(f);
}

static void test_in_lists(void **state)
{
    struct fixture *f = make_fixture(1, 5);
    const int32_t a[] = {1, 2, N, 40000, -7};
    fill_ints(f, 0, a);
    struct expr *in = node(f, EXPR_IN, TYPE_BOOL, 4, col(f, 0), num(f, 2), num(f, -7), num(f, 9));
    in->func = OID_INT4EQ;
    assert_string_equal(eval(f, in), "f t - f t");
    in->sub = 1;
    assert_string_equal(eval(f, in), "t f - t f");
    in->args[3] = expr_const_null(&f->arena, TYPE_INT4, -1);
    assert_string_equal(eval(f, in), "- f - - f");
    /* terms that are no constants */
    struct expr *some =
        node(f, EXPR_IN, TYPE_BOOL, 3, col(f, 0), divide(f, num(f, 4), num(f, 2)), num(f, 1));
    some->func = OID_INT4EQ;
    assert_string_equal(eval(f, some), "t t - f f");
    /* 50,000 terms */
    struct expr *many = expr_new(&f->arena, EXPR_IN, TYPE_BOOL, -1, 50001);
    many->func = OID_INT4EQ;
    many->args[0] = col(f, 0);
    for (int32_t i = 0; i < 50000; i++)
        many->args[i + 1] = num(f, i + 2);
    assert_string_equal(eval(f, many), "f t - t f");
    drop_fixture(f);
}

static void test_values_equal_but_spelled_differently(void **state)
{
    struct fixture *f = make_fixture(1, 4);
    struct err err;
    err_clear(&err);
    static const char *const texts[] = {"1.10", "-0.0", "NaN", "2"};
    struct vec *v = &f->batch->cols[0];
    vec_alloc(v, PHYS_BYTES, 4, f->batch->arena);
    for (uint32_t i = 0; i < 4; i++) {
        struct datum d, s;
        assert_int_equal(type_in(&type_env_default, TYPE_NUMERIC, -1, texts[i], strlen(texts[i]),
                                 &f->arena, &d, &err),
                         0);
        assert_int_equal(type_store(TYPE_NUMERIC, -1, &d, &f->arena, &s, &err), 0);
        vec_put(v, i, &s, f->batch->arena);
    }
    struct expr *in = expr_new(&f->arena, EXPR_IN, TYPE_BOOL, -1, 4);
    in->func = OID_NUMERIC_EQ;
    in->args[0] = expr_column(&f->arena, 0, 0, TYPE_NUMERIC, -1);
    static const char *const set[] = {"1.1", "0", "NaN"};
    for (uint32_t i = 0; i < 3; i++) {
        struct datum d;
        assert_int_equal(type_in(&type_env_default, TYPE_NUMERIC, -1, set[i], strlen(set[i]),
                                 &f->arena, &d, &err),
                         0);
        in->args[i + 1] = expr_const(&f->arena, TYPE_NUMERIC, -1, &d);
    }
    assert_string_equal(eval(f, in), "t t t f");
    drop_fixture(f);
}

/* Columns in every form give what flat ones give. */
static void test_vector_forms(void **state)
{
    struct fixture *f = make_fixture(2, 6);
    static const char *const entries[] = {"red", "GREEN and longer than inline", "blue",
                                          "never used"};
    static const uint16_t codes[] = {0, 1, 2, 1, 0, 2};
    struct vec dict;
    vec_alloc(&dict, PHYS_BYTES, 4, f->batch->arena);
    for (uint32_t i = 0; i < 4; i++)
        ((struct bytes_view *)dict.data)[i] = view_of(entries[i], (uint32_t)strlen(entries[i]));
    struct vec *v = &f->batch->cols[0];
    *v = (struct vec){.kind = PHYS_BYTES,
                      .form = VEC_DICT,
                      .dec_scale = -1,
                      .n = 6,
                      .dict = &dict,
                      .codes = codes};
    vec_set_null(v, 4, f->batch->arena);
    const int32_t ints[] = {1, 2, 3, 4, 5, 6};
    fill_ints(f, 1, ints);
    struct expr *c = expr_column(&f->arena, 0, 0, TYPE_TEXT, -1);
    struct expr *lower = expr_call(&f->arena, OID_LOWER, TYPE_TEXT, &c, 1);
    assert_string_equal(
        eval(f, lower),
        "red green and longer than inline blue green and longer than inline - blue");
    struct expr *like = call2(f, OID_TEXTLIKE, TYPE_BOOL, c, text(f, "%u%"));
    assert_string_equal(eval(f, like), "f f t f - t");
    struct expr *both = node(f, EXPR_AND, TYPE_BOOL, 2, like, gt(f, col(f, 1), num(f, 2)));
    assert_string_equal(eval(f, both), "f f t f - t");
    struct expr *in = node(f, EXPR_IN, TYPE_BOOL, 3, c, text(f, "red"), text(f, "blue"));
    in->func = OID_TEXTEQ;
    assert_string_equal(eval(f, in), "t f t f - t");
    struct expr *cs = node(f, EXPR_CASE, TYPE_TEXT, 3, like, c, text(f, "other"));
    assert_string_equal(eval(f, cs), "other other blue other other blue");
    struct expr *co = node(f, EXPR_COALESCE, TYPE_TEXT, 2, c, text(f, "none"));
    assert_string_equal(
        eval(f, co),
        "red GREEN and longer than inline blue GREEN and longer than inline none blue");
    /* a constant column */
    struct datum seven = {.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = 7};
    vec_const(&f->batch->cols[1], &seven, 6, f->batch->arena);
    assert_string_equal(eval(f, call2(f, OID_INT4PL, TYPE_INT4, col(f, 1), num(f, 1))),
                        "8 8 8 8 8 8");
    assert_string_equal(eval(f, divide(f, col(f, 1), num(f, 0))), "!22012");
    drop_fixture(f);
}

static const char *filter(struct fixture *f, struct expr **terms, uint32_t n, uint32_t rows_max,
                          uint32_t *n_seen)
{
    struct expr_exec *x = load(f, terms, n, true);
    uint16_t sel[BATCH_ROWS];
    uint32_t n_sel;
    struct err err;
    err_clear(&err);
    int rc = expr_filter(NULL, x, f->batch, rows_max, sel, &n_sel, n_seen, &err);
    struct buf line = {0};
    for (uint32_t i = 0; i < n_sel; i++)
        buf_printf(&line, "%s%u", i ? " " : "", sel[i]);
    if (rc)
        buf_printf(&line, "!%s", err_sqlstate(rc));
    const char *result = arena_strdup(&f->arena, buf_text(&line));
    buf_done(&line);
    expr_exec_destroy(x);
    return result;
}

static void test_filter_demand(void **state)
{
    struct fixture *f = make_fixture(1, 8);
    const int32_t a[] = {5, 1, 9, N, 7, 0, 8, 6};
    fill_ints(f, 0, a);
    uint32_t seen;
    struct expr *terms[2] = {gt(f, col(f, 0), num(f, 4)),
                             gt(f, divide(f, num(f, 90), col(f, 0)), num(f, 10))};
    assert_string_equal(filter(f, terms, 2, UINT32_MAX, &seen), "0 4 6 7");
    assert_int_equal(seen, 8);
    assert_string_equal(filter(f, terms, 2, 2, &seen), "0 4");
    assert_int_equal(seen, 5);
    /* the division alone fails at row 5; two rows pass before it */
    struct expr *risky[1] = {gt(f, divide(f, num(f, 90), col(f, 0)), num(f, 10))};
    assert_string_equal(filter(f, risky, 1, UINT32_MAX, &seen), "0 1 4!22012");
    assert_string_equal(filter(f, risky, 1, 3, &seen), "0 1 4");
    assert_int_equal(seen, 5);
    assert_string_equal(filter(f, risky, 1, 4, &seen), "0 1 4!22012");
    /* nothing asked, no terms */
    assert_string_equal(filter(f, risky, 1, 0, &seen), "");
    assert_string_equal(filter(f, risky, 0, 3, &seen), "0 1 2");
    drop_fixture(f);
}

static struct expr *make_nextval(struct fixture *f)
{
    struct datum d = datum_i64(1);
    struct expr *seq = expr_const(&f->arena, TYPE_REGCLASS, -1, &d);
    return expr_call(&f->arena, OID_NEXTVAL, TYPE_INT8, &seq, 1);
}

static void test_volatile_demand(void **state)
{
    struct fixture *f = make_fixture(1, 8);
    const int32_t a[] = {1, 2, 3, 4, 5, 6, 7, 8};
    fill_ints(f, 0, a);
    struct expr *next = make_nextval(f);
    assert_string_equal(eval_max(f, next, 3), "1 2 3");
    assert_int_equal(f->calls, 3);
    /* nextval() > 5 with LIMIT 2: rows are drawn only while they are still wanted */
    struct datum five = datum_i64(5);
    struct expr *args[2] = {next, expr_const(&f->arena, TYPE_INT8, -1, &five)};
    const struct oper_info *o = oper_exact(">", TYPE_INT8, TYPE_INT8);
    struct expr *term = expr_call(&f->arena, o->func, TYPE_BOOL, args, 2);
    uint32_t seen;
    f->calls = 0;
    assert_string_equal(filter(f, &term, 1, 2, &seen), "5 6");
    assert_int_equal(f->calls, 7);
    assert_int_equal(seen, 7);
    /* random() is called once a row though it has no arguments */
    struct expr *r = expr_call(&f->arena, OID_RANDOM, TYPE_FLOAT8, NULL, 0);
    assert_string_equal(eval_max(f, r, 4), "0.25 0.5 0.75 0");
    /* in an arm, only for the rows that reach it */
    f->calls = 0;
    struct expr *cs = node(f, EXPR_CASE, TYPE_INT8, 2, gt(f, col(f, 0), num(f, 6)), next);
    assert_string_equal(eval(f, cs), "- - - - - - 1 2");
    drop_fixture(f);
}

static void test_depth(void **state)
{
    struct fixture *f = make_fixture(1, 3);
    const int32_t a[] = {1, 2, N};
    fill_ints(f, 0, a);
    struct expr *sum = col(f, 0);
    for (int i = 0; i < 20000; i++)
        sum = call2(f, OID_INT4PL, TYPE_INT4, sum, num(f, 1));
    assert_string_equal(eval(f, sum), "20001 20002 -");
    struct expr *consts = num(f, 1), *folded;
    for (int i = 1; i < 20000; i++)
        consts = call2(f, OID_INT4PL, TYPE_INT4, consts, num(f, 1));
    struct err err;
    err_clear(&err);
    assert_int_equal(expr_fold(&f->arena, consts, NULL, false, &folded, &err), 0);
    assert_int_equal(folded->op, EXPR_CONST);
    assert_int_equal(folded->value.u.i32, 20000);
    struct expr *not = eq(f, col(f, 0), num(f, 1));
    for (int i = 0; i < 10000; i++)
        not = node(f, EXPR_NOT, TYPE_BOOL, 1, not );
    assert_string_equal(eval(f, not ), "t f -");
    struct expr **terms = calloc(50000, sizeof *terms);
    for (int i = 0; i < 50000; i++)
        terms[i] = eq(f, col(f, 0), num(f, i + 2));
    assert_string_equal(eval(f, expr_or(&f->arena, terms, 50000)), "f t -");
    free(terms);
    /* AND inside OR inside AND ..., 5,000 deep: scopes nest */
    struct expr *deep = eq(f, col(f, 0), num(f, 1));
    for (int i = 0; i < 5000; i++)
        deep = node(f, i & 1 ? EXPR_AND : EXPR_OR, TYPE_BOOL, 2,
                    gt(f, col(f, 0), num(f, i & 1 ? -1 : 5)), deep);
    assert_string_equal(eval(f, deep), "t f -");
    /* and a copy, comparison and encoding of it */
    struct expr *copy = expr_copy(&f->arena, deep), *back;
    assert_true(expr_equal(copy, deep));
    assert_int_equal(expr_hash(copy), expr_hash(deep));
    struct buf bytes = {0};
    expr_encode(deep, &bytes);
    assert_int_equal(expr_decode(bytes.data, bytes.len, &f->arena, &back, &err), 0);
    assert_true(expr_equal(back, deep));
    for (size_t cut = 0; cut < 200; cut++)
        assert_int_not_equal(expr_decode(bytes.data, cut, &f->arena, &back, &err), 0);
    buf_done(&bytes);
    drop_fixture(f);
}

static void test_folding(void **state)
{
    struct fixture *f = make_fixture(1, 1);
    const int32_t a[] = {3};
    fill_ints(f, 0, a);
    struct err err;
    err_clear(&err);
    struct expr *out;
    /* a failing constant stays, to fail when reached */
    assert_int_equal(expr_fold(&f->arena, divide(f, num(f, 1), num(f, 0)), NULL, false, &out, &err),
                     0);
    assert_int_equal(out->op, EXPR_FUNC);
    struct expr *cs = node(f, EXPR_CASE, TYPE_INT4, 3, expr_const_bool(&f->arena, false),
                           divide(f, num(f, 1), num(f, 0)), col(f, 0));
    assert_int_equal(expr_fold(&f->arena, cs, NULL, false, &out, &err), 0);
    assert_int_equal(out->op, EXPR_COLUMN);
    struct expr *and =
        node(f, EXPR_AND, TYPE_BOOL, 2, gt(f, num(f, 2), num(f, 1)), gt(f, col(f, 0), num(f, 1)));
    assert_int_equal(expr_fold(&f->arena, and, NULL, false, &out, &err), 0);
    assert_int_equal(out->op, EXPR_FUNC);
    /* strict call of a null */
    struct expr *null =
        call2(f, OID_INT4PL, TYPE_INT4, col(f, 0), expr_const_null(&f->arena, TYPE_INT4, -1));
    assert_int_equal(expr_fold(&f->arena, null, NULL, false, &out, &err), 0);
    assert_true(out->op == EXPR_CONST && out->value.null);
    /* volatile calls are left alone */
    assert_int_equal(expr_fold(&f->arena, expr_call(&f->arena, OID_RANDOM, TYPE_FLOAT8, NULL, 0),
                               NULL, true, &out, &err),
                     0);
    assert_int_equal(out->op, EXPR_FUNC);
    assert_true(expr_traits(make_nextval(f)) & EXPR_WAITS);
    assert_true(expr_traits(divide(f, num(f, 1), col(f, 0))) & EXPR_FALLIBLE);
    assert_false(expr_traits(gt(f, num(f, 1), col(f, 0))) & EXPR_FALLIBLE);
    /* strictness for outer joins */
    assert_true(expr_strict_in(gt(f, col(f, 0), num(f, 1)), 0));
    assert_false(expr_strict_in(node(f, EXPR_IS_NULL, TYPE_BOOL, 1, col(f, 0)), 0));
    struct expr *guard = node(f, EXPR_AND, TYPE_BOOL, 2, gt(f, col(f, 0), num(f, 1)),
                              expr_const_bool(&f->arena, true));
    assert_true(expr_strict_in(guard, 0));
    assert_false(expr_strict_in(node(f, EXPR_NOT, TYPE_BOOL, 1, guard), 0));
    drop_fixture(f);
}

/* Arms of different display scale keep their own: 1.5 and 2 and 1e-20 in one column. */
static void test_numeric_arms(void **state)
{
    struct fixture *f = make_fixture(1, 3);
    const int32_t a[] = {1, 2, 3};
    fill_ints(f, 0, a);
    struct err err;
    err_clear(&err);
    struct expr *n[3];
    static const char *const texts[] = {"1.50", "2", "0.00000000000000000000000000000000000000001"};
    for (int i = 0; i < 3; i++) {
        struct datum d;
        assert_int_equal(type_in(&type_env_default, TYPE_NUMERIC, -1, texts[i], strlen(texts[i]),
                                 &f->arena, &d, &err),
                         0);
        n[i] = expr_const(&f->arena, TYPE_NUMERIC, -1, &d);
    }
    struct expr *cs = node(f, EXPR_CASE, TYPE_NUMERIC, 5, eq(f, col(f, 0), num(f, 1)), n[0],
                           eq(f, col(f, 0), num(f, 2)), n[1], n[2]);
    assert_string_equal(eval(f, cs), "1.50 2 0.00000000000000000000000000000000000000001");
    struct expr *twice = call2(f, OID_NUMERIC_ADD, TYPE_NUMERIC, cs, cs);
    assert_string_equal(eval(f, twice), "3.00 4 0.00000000000000000000000000000000000000002");
    drop_fixture(f);
}

static int give_subplan(struct task *task, void *ctx, uint32_t index, const struct vec *args,
                        uint32_t n_args, const uint16_t *sel, uint32_t n, struct vec *out,
                        struct arena *arena, uint32_t *failed, struct err *err)
{
    struct fixture *f = ctx;
    f->calls++;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = sel ? sel[i] : i;
        int32_t v = n_args ? vec_datum(&args[0], row).u.i32 : 41;
        if (v == 13) {
            *failed = i;
            return err_set(err, ERR_CARDINALITY_VIOLATION, "more than one row");
        }
        ((int32_t *)out->data)[row] = v + 1;
    }
    return 0;
}

static void test_subplans(void **state)
{
    struct fixture *f = make_fixture(1, 5);
    const int32_t a[] = {1, 2, 13, 4, 5};
    fill_ints(f, 0, a);
    f->env.subplan = give_subplan;
    f->env.subplan_ctx = f;
    struct expr *once = node(f, EXPR_SUBPLAN, TYPE_INT4, 0);
    assert_string_equal(eval(f, once), "42 42 42 42 42");
    assert_int_equal(f->calls, 1);
    struct expr *each = node(f, EXPR_SUBPLAN, TYPE_INT4, 1, col(f, 0));
    assert_string_equal(eval(f, each), "2 3 !21000");
    struct expr *cs = node(f, EXPR_CASE, TYPE_INT4, 2, gt(f, num(f, 10), col(f, 0)), each);
    assert_string_equal(eval(f, cs), "2 3 - 5 6");
    /* a subplan nobody asks is not run */
    f->calls = 0;
    struct expr *never =
        node(f, EXPR_CASE, TYPE_INT4, 3, gt(f, col(f, 0), num(f, 100)), once, num(f, 0));
    assert_string_equal(eval(f, never), "0 0 0 0 0");
    assert_int_equal(f->calls, 0);
    drop_fixture(f);
}

static void test_params(void **state)
{
    struct fixture *f = make_fixture(1, 3);
    const int32_t a[] = {1, 2, 3};
    fill_ints(f, 0, a);
    struct datum params[2] = {{.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = 10},
                              {.kind = PHYS_INT32, .null = true}};
    f->env.params = params;
    f->env.n_params = 2;
    struct expr *p0 = expr_new(&f->arena, EXPR_PARAM, TYPE_INT4, -1, 0);
    struct expr *p1 = expr_new(&f->arena, EXPR_PARAM, TYPE_INT4, -1, 0);
    p1->index = 1;
    assert_string_equal(eval(f, call2(f, OID_INT4PL, TYPE_INT4, col(f, 0), p0)), "11 12 13");
    assert_string_equal(eval(f, call2(f, OID_INT4PL, TYPE_INT4, col(f, 0), p1)), "- - -");
    struct expr *o = expr_new(&f->arena, EXPR_OUTER, TYPE_INT4, -1, 0);
    struct expr *e = call2(f, OID_INT4PL, TYPE_INT4, o, p0);
    struct expr_exec *x = load(f, &e, 1, false);
    for (int32_t i = 0; i < 3; i++) {
        struct datum outer = {.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = i};
        struct datum got;
        struct err err;
        err_clear(&err);
        expr_exec_outer(x, &outer, 1);
        assert_int_equal(expr_eval_scalar(NULL, x, &got, &f->arena, &err), 0);
        assert_int_equal(got.u.i32, 10 + i);
    }
    expr_exec_destroy(x);
    drop_fixture(f);
}

/* A damaged program is refused, never run. */
static void test_damaged_programs(void **state)
{
    struct fixture *f = make_fixture(1, 1);
    struct expr *e = node(f, EXPR_CASE, TYPE_INT4, 3, gt(f, col(f, 0), num(f, 1)),
                          divide(f, num(f, 5), col(f, 0)), num(f, 2));
    struct buf program = {0};
    struct err err;
    err_clear(&err);
    uint32_t at, len;
    assert_int_equal(expr_compile(NULL, &e, 1, &program, &at, &len, &err), 0);
    uint8_t *copy = arena_alloc(&f->arena, len);
    uint32_t refused = 0;
    for (uint32_t i = 0; i < len; i++) {
        memcpy(copy, program.data + at, len);
        copy[i] ^= 0x81;
        struct expr_exec *x = NULL;
        struct arena scratch;
        arena_init(&scratch, NULL);
        refused += expr_exec_create(&scratch, copy, len, &f->env, &x, &err) != 0;
        expr_exec_destroy(x);
        arena_done(&scratch);
    }
    assert_true(refused > len / 8);
    struct expr_exec *x;
    for (uint32_t i = 0; i < len; i += 8)
        assert_int_not_equal(expr_exec_create(&f->arena, program.data + at, i, &f->env, &x, &err),
                             0);
    buf_done(&program);
    drop_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guarded_division),
        cmocka_unit_test(test_first_failing_row),
        cmocka_unit_test(test_three_valued_logic),
        cmocka_unit_test(test_in_lists),
        cmocka_unit_test(test_values_equal_but_spelled_differently),
        cmocka_unit_test(test_vector_forms),
        cmocka_unit_test(test_filter_demand),
        cmocka_unit_test(test_volatile_demand),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_folding),
        cmocka_unit_test(test_numeric_arms),
        cmocka_unit_test(test_subplans),
        cmocka_unit_test(test_params),
        cmocka_unit_test(test_damaged_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
