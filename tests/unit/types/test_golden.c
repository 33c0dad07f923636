/* Runs the case files of tests/golden/types (see regen.sh there for their form): PostgreSQL's own
 * answers for type input and output, functions, operators, casts and aggregates. Every call is
 * computed three ways - over constants, over selected rows of flat columns, and by constant folding
 * - and all must give the expected text or error. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "types/expr/expr.h"
#include "types/func/agg.h"
#include "types/type/array.h"

enum { FIELDS_MAX = 64, ROWS = 7 };

struct tester {
    struct arena arena;
    struct expr_host host;
    struct expr_env env;
    unsigned cases, failures;
    const char *file;
    unsigned line;
};

static int64_t fixed_clock(struct expr_host *host)
{
    return 0;
}
static uint64_t fixed_random(struct expr_host *host)
{
    return 42;
}

/* ---- values
 * ------------------------------------------------------------------------------------------ */

static char *unescape(struct arena *arena, const char *text)
{
    char *out = arena_strdup(arena, text), *to = out;
    for (const char *p = text; *p; p++) {
        if (*p == '\\' && p[1]) {
            p++;
            if (*p != 'e')
                *to++ = *p == 'n' ? '\n' : *p == 't' ? '\t' : *p == 's' ? ' ' : *p;
        } else {
            *to++ = *p;
        }
    }
    *to = 0;
    return out;
}

static char *escape(struct arena *arena, const char *text, size_t len)
{
    char *out = arena_alloc(arena, 2 * len + 3), *to = out;
    if (len == 0)
        return arena_strdup(arena, "\\e");
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '\\' || c == '\n' || c == '\t')
            *to++ = '\\';
        *to++ = (char)(c == '\n' ? 'n' : c == '\t' ? 't' : c);
    }
    if (to[-1] == ' ') { /* no blank ends a line of a file */
        to[-1] = '\\';
        *to++ = 's';
    }
    *to = 0;
    return out;
}

/* "numeric(10,2)" */
static const struct type_info *parse_type(const char *text, size_t len, int32_t *typmod)
{
    const char *paren = memchr(text, '(', len);
    const struct type_info *t = type_by_name(text, paren ? (size_t)(paren - text) : len);
    *typmod = -1;
    if (!t || !paren)
        return t;
    int32_t mods[2] = {0};
    uint32_t n = 0;
    const char *p = paren + 1;
    while (n < 2 && p < text + len && *p != ')') {
        mods[n++] = (int32_t)strtol(p, (char **)&p, 10);
        if (*p == ',')
            p++;
    }
    struct err err;
    err_clear(&err);
    return type_mod_in(t->oid, mods, n, typmod, &err) ? NULL : t;
}

static int read_value(struct tester *t, const char *type, size_t type_len, const char *text,
                      struct expr **out, struct err *err)
{
    int32_t typmod;
    const struct type_info *info = parse_type(type, type_len, &typmod);
    if (!info) {
        fprintf(stderr, "%s:%u: no type %.*s\n", t->file, t->line, (int)type_len, type);
        exit(1);
    }
    if (strcmp(text, "\\N") == 0) {
        *out = expr_const_null(&t->arena, info->oid, typmod);
        return 0;
    }
    char *plain = unescape(&t->arena, text);
    struct datum d;
    /* 'abcd'::varchar(3) is an explicit cast, which cuts; the input function alone would refuse. */
    bool cut = info->oid == TYPE_VARCHAR || info->oid == TYPE_BPCHAR;
    int rc =
        type_in(t->env.env, info->oid, cut ? -1 : typmod, plain, strlen(plain), &t->arena, &d, err);
    if (rc == 0 && cut)
        rc = type_coerce_length(info->oid, typmod, true, &d, &t->arena, &d, err);
    if (rc == 0)
        *out = expr_const(&t->arena, info->oid, typmod, &d);
    return rc;
}

static int read_field(struct tester *t, const char *field, struct expr **out, struct err *err)
{
    const char *eq = strchr(field, '=');
    return read_value(t, field, (size_t)(eq - field), eq + 1, out, err);
}

/* ---- resolution: exact types only
 * ---------------------------------------------------------------------- */

static bool is_polymorphic(uint32_t type)
{
    const struct type_info *t = type_info(type);
    return t && t->kind == 'p' && type != TYPE_RECORD;
}

static bool takes(uint32_t want, uint32_t have)
{
    bool array = array_element_type(have) != 0;
    if (want == TYPE_ANYARRAY || want == TYPE_ANYCOMPATIBLEARRAY)
        return array;
    if (want == TYPE_ANYCOMPATIBLE || want == TYPE_ANYNONARRAY)
        return !array;
    if (want == have || is_polymorphic(want))
        return true;
    return want == TYPE_TEXT && have == TYPE_VARCHAR;
}

static const struct func_info *find_func(const char *name, struct expr **args, uint32_t n)
{
    uint32_t first, count = func_find(name, strlen(name), &first);
    for (uint32_t k = 0; k < count; k++) {
        const struct func_info *f = func_by_name(first + k);
        uint32_t fixed = f->n_args - (f->variadic != 0);
        if (f->variadic ? n < fixed : n != f->n_args)
            continue;
        bool match = true;
        for (uint32_t i = 0; i < n && match; i++)
            match = takes(i < fixed ? f->args[i] : f->variadic, args[i]->type);
        if (match)
            return f;
    }
    return NULL;
}

static uint32_t actual_result(const struct func_info *f, struct expr **args, uint32_t n)
{
    if (!is_polymorphic(f->result) || f->result == TYPE_VOID)
        return f->result;
    bool array = f->result == TYPE_ANYARRAY || f->result == TYPE_ANYCOMPATIBLEARRAY;
    for (uint32_t i = 0; i < n && i < f->n_args; i++) {
        bool arg_array = f->args[i] == TYPE_ANYARRAY || f->args[i] == TYPE_ANYCOMPATIBLEARRAY;
        if (!is_polymorphic(f->args[i]))
            continue;
        if (arg_array == array)
            return args[i]->type;
        return array ? array_type_of(args[i]->type) : array_element_type(args[i]->type);
    }
    return f->result;
}

static struct expr *make_cast(struct tester *t, struct expr *arg, uint32_t to, int32_t typmod)
{
    const struct cast_info *c = cast_find(arg->type, to);
    struct expr *e = arg;
    if (c && c->func) {
        const struct func_info *f = func_info(c->func);
        struct datum mod = {.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = typmod};
        struct datum yes = {.kind = PHYS_BOOL, .dec_scale = -1, .u.b = true};
        struct expr *args[3] = {arg, expr_const(&t->arena, TYPE_INT4, -1, &mod),
                                expr_const(&t->arena, TYPE_BOOL, -1, &yes)};
        e = expr_call(&t->arena, c->func, to, args, f->n_args);
        e->type = to;
    } else if (arg->type != to) {
        e = expr_new(&t->arena, c && c->method == 'b' ? EXPR_RELABEL : EXPR_CAST_IO, to, -1, 1);
        e->args[0] = arg;
    }
    if (typmod >= 0 && !(c && c->func && func_info(c->func)->n_args > 1)) {
        struct expr *length = expr_new(&t->arena, EXPR_COERCE_LENGTH, to, typmod, 1);
        length->sub = 1;
        length->args[0] = e;
        e = length;
    }
    return e;
}

/* ---- computing
 * --------------------------------------------------------------------------------------------- */

/* "=\ttext", "N" or "!\tSQLSTATE\tmessage" */
static char *show(struct tester *t, int rc, const struct err *err, uint32_t type,
                  const struct datum *d)
{
    if (rc)
        return arena_printf(&t->arena, "!\t%s\t%s", err_sqlstate(err->code),
                            escape(&t->arena, err->message, strlen(err->message)));
    if (d->null)
        return arena_strdup(&t->arena, "N");
    struct buf text = {0};
    struct err again;
    err_clear(&again);
    rc = type_out(t->env.env, type, d, &text, &again);
    char *out = rc ? show(t, rc, &again, type, d)
                   : arena_printf(&t->arena, "=\t%s",
                                  escape(&t->arena, text.len ? (char *)text.data : "", text.len));
    buf_done(&text);
    return out;
}

/* The tree's constants as columns: ROWS rows, of which 1, 4 and 6 are selected; the others hold
 * nulls. */
static char *run_columns(struct tester *t, struct expr *e)
{
    struct expr *copy = expr_clone(&t->arena, e);
    struct batch *b = batch_create(e->n_args, NULL);
    static const uint16_t sel[] = {1, 4, 6};
    b->n_rows = ROWS;
    b->sel = sel;
    b->n_sel = 3;
    for (uint32_t i = 0; i < e->n_args; i++) {
        if (e->args[i]->op != EXPR_CONST) {
            batch_destroy(b);
            return NULL;
        }
        const struct datum *d = &e->args[i]->value;
        struct vec *v = &b->cols[i];
        vec_alloc(v, (enum phys_kind)d->kind, ROWS, b->arena);
        v->dec_scale = d->dec_scale;
        for (uint32_t r = 0; r < ROWS; r++) {
            struct datum null = datum_null((enum phys_kind)d->kind);
            vec_put(v, r, r == 1 || r == 4 || r == 6 ? d : &null, b->arena);
        }
        copy->args[i] = expr_column(&t->arena, 0, i, e->args[i]->type, e->args[i]->typmod);
    }
    struct buf program = {0};
    struct err err;
    err_clear(&err);
    uint32_t at, len, n_ok = 0;
    struct expr_exec *x = NULL;
    int rc = expr_compile(NULL, &copy, 1, &program, &at, &len, &err);
    if (rc == 0)
        rc = expr_exec_create(&t->arena, arena_memdup(&t->arena, program.data + at, len), len,
                              &t->env, &x, &err);
    struct vec out = {0};
    if (rc == 0)
        rc = expr_eval(NULL, x, b, UINT32_MAX, &out, &t->arena, &n_ok, &err);
    char *result;
    struct datum d = {0};
    if (rc == 0) {
        d = vec_datum(&out, 6);
        result = show(t, 0, &err, e->type, &d);
        for (int k = 0; k < 2; k++) {
            struct datum other = vec_datum(&out, sel[k]);
            if (strcmp(show(t, 0, &err, e->type, &other), result) != 0)
                result = arena_strdup(&t->arena, "rows differ");
        }
    } else {
        result = show(t, rc, &err, e->type, &d);
    }
    expr_exec_destroy(x);
    buf_done(&program);
    batch_destroy(b);
    return result;
}

static char *run_const(struct tester *t, struct expr *e)
{
    struct err err;
    err_clear(&err);
    struct datum d = {0};
    int rc = expr_eval_tree(NULL, &t->env, e, &t->arena, &d, &err);
    return show(t, rc, &err, e->type, &d);
}

static char *run_folded(struct tester *t, struct expr *e)
{
    struct err err;
    err_clear(&err);
    struct expr *folded;
    int rc = expr_fold(&t->arena, e, t->env.env, true, &folded, &err);
    return rc ? show(t, rc, &err, e->type, NULL) : run_const(t, folded);
}

static char *run_aggregate(struct tester *t, char **fields, int n)
{
    struct err err;
    err_clear(&err);
    struct expr *first, *value;
    int rc = read_value(t, fields[2], strlen(fields[2]), fields[3], &first, &err);
    if (rc)
        return show(t, rc, &err, 0, NULL);
    const struct func_info *f = find_func(fields[1], &first, 1);
    const struct agg_info *agg = f ? agg_info(f->oid) : NULL;
    if (!agg)
        return arena_printf(&t->arena, "no aggregate %s(%s)", fields[1], fields[2]);
    uint32_t type = first->type, result = actual_result(f, &first, 1);
    struct agg_call call = {.agg = agg,
                            .arg_types = &type,
                            .n_args = 1,
                            .result_type = result,
                            .arena = &t->arena,
                            .env = t->env.env};
    /* Two halves apart, then merged through bytes: partial aggregation must agree with PostgreSQL
     * too. */
    _Alignas(16) uint8_t a[256], b[256];
    agg_init(&call, a);
    agg_init(&call, b);
    for (int i = 3; i < n && rc == 0; i++) {
        struct vec v;
        rc = read_value(t, fields[2], strlen(fields[2]), fields[i], &value, &err);
        if (rc)
            break;
        vec_const(&v, &value->value, 1, &t->arena);
        rc = agg_step(&call, &v, NULL, 1, NULL, 0, i < 3 + (n - 3) / 2 ? a : b, &t->arena, &err);
    }
    uint8_t *states[1] = {b};
    struct vec bytes, out;
    if (rc == 0) {
        agg_serialise(&call, states, 0, 1, &bytes, &t->arena);
        rc = agg_merge(&call, &bytes, NULL, 1, NULL, 0, a, &err);
    }
    states[0] = a;
    if (rc == 0)
        rc = agg_final(&call, states, 0, 1, &out, &t->arena, &err);
    struct datum d = {0};
    if (rc == 0)
        d = vec_datum(&out, 0);
    return show(t, rc, &err, result, &d);
}

static struct expr *build_call(struct tester *t, char **fields, int n, char **result)
{
    struct err err;
    err_clear(&err);
    struct expr *args[FIELDS_MAX];
    uint32_t n_args = 0;
    int rc = 0;
    for (int i = 2; i < n && rc == 0; i++)
        rc = read_field(t, fields[i], &args[n_args++], &err);
    if (rc) {
        *result = show(t, rc, &err, 0, NULL);
        return NULL;
    }
    if (fields[0][0] == 'c') {
        int32_t typmod;
        const struct type_info *to = parse_type(fields[1], strlen(fields[1]), &typmod);
        return make_cast(t, args[0], to->oid, typmod);
    }
    if (fields[0][0] == 'o') {
        const struct oper_info *o =
            oper_exact(fields[1], n_args == 2 ? args[0]->type : 0, args[n_args - 1]->type);
        if (!o && n_args == 2) { /* polymorphic operators */
            uint32_t first, count = oper_find(fields[1], strlen(fields[1]), &first);
            for (uint32_t k = 0; k < count && !o; k++) {
                const struct oper_info *c = oper_by_name(first + k);
                if (c->left && takes(c->left, args[0]->type) && takes(c->right, args[1]->type))
                    o = c;
            }
        }
        if (!o) {
            *result = arena_printf(&t->arena, "no operator %s", fields[1]);
            return NULL;
        }
        struct expr *e = expr_call(&t->arena, o->func, 0, args, n_args);
        e->type = actual_result(func_info(o->func), args, n_args);
        return e;
    }
    const struct func_info *f = find_func(fields[1], args, n_args);
    if (!f) {
        *result = arena_printf(&t->arena, "no function %s", fields[1]);
        return NULL;
    }
    return expr_call(&t->arena, f->oid, actual_result(f, args, n_args), args, n_args);
}

static void compare(struct tester *t, const char *how, const char *line, const char *want,
                    const char *got)
{
    if (strcmp(want, got) == 0)
        return;
    fprintf(stderr, "%s:%u: %s\n  want %s\n  %s %s\n", t->file, t->line, line, want, how, got);
    t->failures++;
}

static void run_case(struct tester *t, char *line, const char *want)
{
    char *copy = arena_strdup(&t->arena, line), *fields[FIELDS_MAX] = {copy};
    int n = 0;
    for (char *p = copy; p && n < FIELDS_MAX; n++) {
        fields[n] = p;
        p = strchr(p, '\t');
        if (p)
            *p++ = 0;
    }
    t->cases++;
    char *result = NULL;
    if (fields[0][0] == 'i') {
        struct err err;
        err_clear(&err);
        struct expr *e;
        int rc = read_value(t, fields[1], strlen(fields[1]), n > 2 ? fields[2] : "", &e, &err);
        compare(t, "got", line, want, show(t, rc, &err, rc ? 0 : e->type, rc ? NULL : &e->value));
        return;
    }
    if (fields[0][0] == 'a') {
        compare(t, "got", line, want, run_aggregate(t, fields, n));
        return;
    }
    struct expr *e = build_call(t, fields, n, &result);
    if (!e) {
        compare(t, "got", line, want, result);
        return;
    }
    compare(t, "const", line, want, run_const(t, e));
    compare(t, "folded", line, want, run_folded(t, e));
    if ((result = run_columns(t, e)))
        compare(t, "columns", line, want, result);
}

static void run_file(struct tester *t, const char *path)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char *line = NULL, *answer = NULL;
    size_t cap = 0, answer_cap = 0;
    t->file = path;
    t->line = 0;
    while (getline(&line, &cap, f) > 0) {
        t->line++;
        line[strcspn(line, "\n")] = 0;
        if (line[0] == '#' || line[0] == 0)
            continue;
        assert_true(getline(&answer, &answer_cap, f) > 0);
        answer[strcspn(answer, "\n")] = 0;
        arena_init(&t->arena, NULL);
        run_case(t, line, answer);
        arena_done(&t->arena);
        t->line++;
    }
    free(line);
    free(answer);
    fclose(f);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void test_golden(void **state)
{
    struct tester t = {.host = {.clock_now = fixed_clock, .random_u64 = fixed_random}};
    t.env.host = &t.host;
    t.env.env = &t.host.env;
    const char *only = getenv("GOLDEN");
    DIR *dir = opendir("tests/golden/types");
    assert_non_null(dir);
    char *names[256];
    int n = 0;
    for (struct dirent *d; (d = readdir(dir)) && n < 256;)
        if (strstr(d->d_name, ".txt") && (!only || strstr(d->d_name, only)))
            names[n++] = strdup(d->d_name);
    closedir(dir);
    qsort(names, (size_t)n, sizeof *names, compare_names);
    for (int i = 0; i < n; i++) {
        char path[512];
        snprintf(path, sizeof path, "tests/golden/types/%s", names[i]);
        run_file(&t, path);
        free(names[i]);
    }
    printf("%u cases, %u failures\n", t.cases, t.failures);
    assert_true(t.cases > 0);
    assert_int_equal(t.failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
