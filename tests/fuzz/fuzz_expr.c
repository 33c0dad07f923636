/* Fuzzes the expression engine. The input drives the making of a random tree over a batch of
 * awkward columns; the tree is computed vectorized over all rows and then row by row, and both must
 * give the same values and the same first failing row. The same bytes are offered as a stored tree
 * and as a program, which may be refused but must not harm. */
#include <assert.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz_main.h"
#include "types/expr/expr.h"

enum { ROWS = 24, COLS = 5, DEPTH_MAX = 6 };

struct maker {
    const uint8_t *at, *end;
    struct arena *arena;
};

static uint8_t take(struct maker *m)
{
    return m->at < m->end ? *m->at++ : 0;
}

static const uint32_t col_types[COLS] = {TYPE_INT4, TYPE_INT4, TYPE_BOOL, TYPE_NUMERIC, TYPE_TEXT};

static struct expr *make(struct maker *m, uint32_t type, int depth);

static struct expr *leaf(struct maker *m, uint32_t type)
{
    uint8_t b = take(m);
    for (uint32_t k = 0; (b & 3) && k < COLS; k++) {
        uint32_t c = (k + b / 4) % COLS;
        if (col_types[c] == type)
            return expr_column(m->arena, 0, c, type, -1);
    }
    if (b % 7 == 0)
        return expr_const_null(m->arena, type, -1);
    struct datum d = {.kind = PHYS_BOOL, .dec_scale = -1, .u.b = b & 1};
    int8_t v = (int8_t)take(m);
    if (type == TYPE_INT4)
        d = (struct datum){
            .kind = PHYS_INT32, .dec_scale = -1, .u.i32 = v % 16 == 0 ? v * (1 << 24) : v % 5};
    else if (type == TYPE_NUMERIC)
        d = (struct datum){.kind = PHYS_INT64, .dec_scale = b % 3, .u.i64 = v};
    else if (type == TYPE_TEXT)
        d = datum_bytes("a longer text, not inline", v & 1 ? 25 : (uint32_t)(v & 7));
    return expr_const(m->arena, type, -1, &d);
}

static struct expr *call(struct maker *m, const char *op, uint32_t type, int depth)
{
    const struct oper_info *o = oper_exact(op, type, type);
    struct expr *a = make(m, type, depth - 1), *b = make(m, type, depth - 1);
    return expr_oper(m->arena, o, a, b);
}

static struct expr *several(struct maker *m, enum expr_op op, uint32_t type, uint32_t n, int depth)
{
    struct expr *e = expr_new(m->arena, op, type, -1, n);
    for (uint32_t i = 0; i < n; i++) {
        bool is_when = op == EXPR_CASE && (i & 1) == 0 && i + 1 < n;
        e->args[i] = make(m, is_when ? TYPE_BOOL : type, depth - 1);
    }
    return e;
}

static uint32_t equality(uint32_t type)
{
    return oper_exact("=", type, type)->func;
}

static struct expr *make_bool(struct maker *m, int depth)
{
    static const uint32_t compared[] = {TYPE_INT4, TYPE_NUMERIC, TYPE_TEXT, TYPE_BOOL};
    static const char *const opers[] = {"=", "<>", "<", "<=", ">", ">="};
    uint8_t b = take(m);
    uint32_t type = compared[b / 16 % 4];
    struct expr *e;
    switch (b % 8) {
    case 0:
        return several(m, EXPR_AND, TYPE_BOOL, 2 + b / 64, depth);
    case 1:
        return several(m, EXPR_OR, TYPE_BOOL, 2 + b / 64, depth);
    case 2:
        return several(m, EXPR_NOT, TYPE_BOOL, 1, depth);
    case 3:
        e = several(m, EXPR_BOOL_TEST, TYPE_BOOL, 1, depth);
        e->sub = take(m) % 6;
        return e;
    case 4:
        e = expr_new(m->arena, EXPR_IS_NULL, TYPE_BOOL, -1, 1);
        e->args[0] = make(m, type, depth - 1);
        e->sub = take(m) & 1;
        return e;
    case 5:
        e = expr_new(m->arena, EXPR_IN, TYPE_BOOL, -1, 4);
        e->func = equality(type);
        e->sub = take(m) & 1;
        e->args[0] = make(m, type, depth - 1);
        for (uint32_t i = 1; i < 4; i++)
            e->args[i] = b & 8 ? leaf(m, type) : make(m, type, 0);
        return e;
    case 6:
        e = expr_new(m->arena, EXPR_DISTINCT, TYPE_BOOL, -1, 2);
        e->func = equality(type);
        e->args[0] = make(m, type, depth - 1);
        e->args[1] = make(m, type, depth - 1);
        return e;
    default:
        return call(m, opers[take(m) % 6], type, depth);
    }
}

static struct expr *make(struct maker *m, uint32_t type, int depth)
{
    static const char *const arithmetic[] = {"+", "-", "*", "/", "%"};
    if (depth <= 0 || m->at >= m->end)
        return leaf(m, type);
    uint8_t b = take(m);
    struct expr *e;
    switch (b % 7) {
    case 0:
        return several(m, EXPR_CASE, type, 2 + b / 64, depth);
    case 1:
        return several(m, EXPR_COALESCE, type, 2 + b / 128, depth);
    case 2:
        e = several(m, EXPR_NULLIF, type, 2, depth);
        e->func = equality(type);
        return e;
    case 3:
        return several(m, b & 64 ? EXPR_GREATEST : EXPR_LEAST, type, 2, depth);
    case 4:
        return leaf(m, type);
    default:
        if (type == TYPE_BOOL)
            return make_bool(m, depth);
        if (type == TYPE_TEXT)
            return call(m, "||", type, depth);
        return call(m, arithmetic[take(m) % 5], type, depth);
    }
}

static void fill(struct batch *b)
{
    static const int32_t ints[] = {0, 1, -1, 2, INT32_MAX, INT32_MIN, 7};
    static const char *const texts[] = {"", "a", "red", "a longer text, not inline", "zz"};
    static uint16_t codes[ROWS];
    b->n_rows = ROWS;
    for (uint32_t c = 0; c < COLS; c++) {
        static const enum phys_kind kinds[COLS] = {PHYS_INT32, PHYS_INT32, PHYS_BOOL, PHYS_INT64,
                                                   PHYS_BYTES};
        struct vec *v = &b->cols[c];
        vec_alloc(v, kinds[c], ROWS, b->arena);
        if (c == 3)
            v->dec_scale = 2;
        for (uint32_t r = 0; r < ROWS; r++) {
            codes[r] = (uint16_t)(r % 5);
            switch (c) {
            case 0:
                ((int32_t *)v->data)[r] = ints[r % 7];
                break;
            case 1:
                ((int32_t *)v->data)[r] = (int32_t)r - 3;
                break;
            case 2:
                ((uint8_t *)v->data)[r] = r & 1;
                break;
            case 3:
                ((int64_t *)v->data)[r] = r == 11 ? INT64_MAX : (int64_t)r * 50 - 200;
                break;
            default:
                ((struct bytes_view *)v->data)[r] =
                    view_of(texts[r % 5], (uint32_t)strlen(texts[r % 5]));
            }
        }
    }
    struct vec *dict = arena_new(b->arena, struct vec);
    *dict = b->cols[4];
    dict->n = 5;
    b->cols[4].form = VEC_DICT;
    b->cols[4].data = NULL;
    b->cols[4].dict = dict;
    b->cols[4].codes = codes;
    for (uint32_t c = 1; c < COLS; c++)
        for (uint32_t r = c; r < ROWS; r += 5)
            vec_set_null(&b->cols[c], r, b->arena);
}

static void show(uint32_t type, const struct vec *v, uint32_t row, struct buf *out)
{
    struct datum d = vec_datum(v, row);
    struct err err;
    err_clear(&err);
    buf_reset(out);
    if (d.null)
        buf_put_text(out, "null");
    else
        assert(type_out(&type_env_default, type, &d, out, &err) == 0);
}

/* Vectorized against row by row. */
static void check_tree(struct expr *e, struct arena *arena)
{
    struct err err, row_err;
    err_clear(&err);
    struct buf program = {0}, want = {0}, got = {0};
    uint32_t at, len, n_ok;
    assert(expr_compile(NULL, &e, 1, &program, &at, &len, &err) == 0);
    struct expr_exec *x;
    assert(expr_exec_create(arena, program.data + at, len, NULL, &x, &err) == 0);
    struct batch *b = batch_create(COLS, NULL);
    fill(b);
    uint16_t sel[ROWS];
    uint32_t n = 0;
    for (uint16_t r = 0; r < ROWS; r++)
        if (r % 3 != 1)
            sel[n++] = r;
    b->sel = sel;
    b->n_sel = n;
    struct vec all, one;
    int rc = expr_eval(NULL, x, b, UINT32_MAX, &all, arena, &n_ok, &err);
    assert(rc ? n_ok < n : n_ok == n);
    for (uint32_t i = 0; i < n_ok + (rc != 0); i++) {
        struct batch *single = batch_create(COLS, NULL);
        uint16_t row = sel[i];
        uint32_t ok;
        fill(single);
        single->sel = &row;
        single->n_sel = 1;
        err_clear(&row_err);
        int row_rc = expr_eval(NULL, x, single, UINT32_MAX, &one, arena, &ok, &row_err);
        assert((row_rc != 0) == (i == n_ok) && (row_rc == 0 || row_rc == rc));
        if (row_rc == 0) {
            show(e->type, &all, row, &want);
            show(e->type, &one, row, &got);
            assert(want.len == got.len && memcmp(want.data, got.data, got.len) == 0);
        }
        batch_destroy(single);
    }
    expr_exec_destroy(x);
    batch_destroy(b);
    buf_done(&program);
    buf_done(&want);
    buf_done(&got);
}

static void check_codec(const struct expr *e, struct arena *arena)
{
    struct buf bytes = {0};
    struct err err;
    struct expr *back;
    expr_encode(e, &bytes);
    assert(expr_decode(bytes.data, bytes.len, arena, &back, &err) == 0);
    assert(expr_equal(e, back) && expr_hash(e) == expr_hash(back));
    buf_done(&bytes);
}

/* Folding may not change what a tree gives or where it fails. */
static void check_fold(struct expr *e, struct arena *arena)
{
    struct expr *folded;
    struct err err;
    err_clear(&err);
    assert(expr_fold(arena, e, NULL, false, &folded, &err) == 0);
    assert(folded->type == e->type);
    check_tree(folded, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena, NULL);
    struct err err;
    struct expr *tree;
    struct expr_exec *x = NULL;
    if (expr_decode(data, size, &arena, &tree, &err) == 0)
        assert(expr_equal(tree, tree));
    if (((uintptr_t)data & 7) == 0 && expr_exec_create(&arena, data, size, NULL, &x, &err) == 0)
        expr_exec_destroy(x);
    if (size > 2) {
        struct maker m = {.at = data + 1, .end = data + size, .arena = &arena};
        static const uint32_t roots[] = {TYPE_INT4, TYPE_BOOL, TYPE_NUMERIC, TYPE_TEXT};
        struct expr *e = make(&m, roots[data[0] % 4], DEPTH_MAX);
        check_codec(e, &arena);
        check_tree(e, &arena);
        check_fold(e, &arena);
    }
    arena_done(&arena);
    return 0;
}

void fuzz_draw(struct prng *prng, struct buf *out)
{
    for (uint64_t n = 3 + prng_below(prng, 60); n-- > 0;)
        buf_put_u8(out, (uint8_t)prng_next(prng));
}
