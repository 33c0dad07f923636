/* Fuzzes numeric: two texts and an operation. What is read prints back the same; arithmetic obeys
 * its identities; keys, comparison and the binary form agree. The rest of the input is also offered
 * as binary form and as stored bytes. */
#include <assert.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz_main.h"
#include "types/type/numeric_vec.h"
#include "types/type/type.h"

static void check_form(const struct datum *d, struct arena *arena)
{
    struct buf text = {0}, again = {0}, wire = {0};
    struct datum back;
    struct err err;
    numeric_out(d, &text);
    assert(numeric_in((char *)text.data, text.len, -1, arena, &back, &err) == 0);
    numeric_out(&back, &again);
    assert(text.len == again.len && memcmp(text.data, again.data, text.len) == 0);
    numeric_send(d, &wire);
    assert(numeric_recv(wire.data, wire.len, -1, arena, &back, &err) == 0);
    assert(numeric_compare(d, &back) == 0);
    struct numeric n;
    numeric_open(d, arena, &n);
    struct datum num = numeric_close_num(&n, arena);
    assert(numeric_valid(view_data(&num.u.bytes), num.u.bytes.len));
    assert(numeric_compare(d, &num) == 0);
    buf_done(&text);
    buf_done(&again);
    buf_done(&wire);
}

static void check_pair(const struct datum *x, const struct datum *y, struct arena *arena)
{
    struct numeric a, b, sum, back, q, r, product;
    struct err err;
    numeric_open(x, arena, &a);
    numeric_open(y, arena, &b);
    struct buf ka = {0}, kb = {0};
    numeric_key_append(x, &ka);
    numeric_key_append(y, &kb);
    size_t n = ka.len < kb.len ? ka.len : kb.len;
    int by_key = memcmp(ka.data, kb.data, n);
    if (by_key == 0)
        by_key = (ka.len > kb.len) - (ka.len < kb.len);
    int by_value = numeric_compare(x, y);
    assert((by_key > 0) == (by_value > 0) && (by_key < 0) == (by_value < 0));
    buf_done(&ka);
    buf_done(&kb);
    if (a.kind != NUMERIC_FINITE || b.kind != NUMERIC_FINITE)
        return;
    if (numeric_add(&a, &b, false, arena, &sum, &err) == 0 &&
        numeric_add(&sum, &b, true, arena, &back, &err) == 0)
        assert(numeric_cmp_n(&back, &a) == 0);
    if (b.n && numeric_div_trunc(&a, &b, arena, &q, &err) == 0 &&
        numeric_mod(&a, &b, arena, &r, &err) == 0 &&
        numeric_mul(&q, &b, arena, &product, &err) == 0 &&
        numeric_add(&product, &r, false, arena, &back, &err) == 0)
        assert(numeric_cmp_n(&back, &a) == 0);
    if (b.n && numeric_mul(&a, &b, arena, &product, &err) == 0) {
        numeric_div_scale(&product, &b, a.scale, false, arena, &q);
        assert(numeric_cmp_n(&q, &a) == 0);
    }
}

/* The vector loops against the slow way. */
static void check_vectors(const struct datum *x, const struct datum *y, struct arena *arena)
{
    struct vec a, b, out;
    struct err err;
    vec_const(&a, x, 1, arena);
    vec_const(&b, y, 1, arena);
    numeric_vec_load(&a, NULL, 1, arena, &a);
    numeric_vec_load(&b, NULL, 1, arena, &b);
    int8_t cmp = 0;
    numeric_vec_compare(&a, &b, NULL, 1, arena, &cmp);
    int want = numeric_compare(x, y);
    assert((cmp > 0) == (want > 0) && (cmp < 0) == (want < 0));
    for (int op = NUMERIC_VEC_ADD; op <= NUMERIC_VEC_MUL; op++) {
        if (!numeric_vec_arith((enum numeric_vec_op)op, &a, &b, NULL, 1, 1, arena, &out))
            continue;
        struct numeric p, q, r;
        numeric_open(x, arena, &p);
        numeric_open(y, arena, &q);
        int rc = op == NUMERIC_VEC_MUL
                     ? numeric_mul(&p, &q, arena, &r, &err)
                     : numeric_add(&p, &q, op == NUMERIC_VEC_SUB, arena, &r, &err);
        assert(rc == 0);
        struct datum got = vec_datum(&out, 0), slow = numeric_close_num(&r, arena);
        assert(numeric_compare(&got, &slow) == 0 && got.dec_scale == r.scale);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena, NULL);
    struct err err;
    struct datum a, b, c;
    const uint8_t *cut = size ? memchr(data, 0, size) : NULL;
    size_t first = cut ? (size_t)(cut - data) : size;
    size_t rest = cut ? first + 1 : size;
    bool good = numeric_in((const char *)data, first, -1, &arena, &a, &err) == 0;
    if (good)
        check_form(&a, &arena);
    if (good && numeric_in((const char *)data + rest, size - rest, -1, &arena, &b, &err) == 0) {
        check_form(&b, &arena);
        check_pair(&a, &b, &arena);
        check_vectors(&a, &b, &arena);
    }
    if (numeric_recv(data, size, -1, &arena, &c, &err) == 0)
        check_form(&c, &arena);
    if (numeric_valid(data, size)) {
        c = datum_bytes(data, (uint32_t)size);
        check_form(&c, &arena);
    }
    arena_done(&arena);
    return 0;
}

static void draw_number(struct prng *p, struct buf *out)
{
    if (prng_below(p, 12) == 0) {
        static const char *const words[] = {"NaN", "Infinity", "-Infinity", "0", "-0.00"};
        buf_put_text(out, words[prng_below(p, 5)]);
        return;
    }
    if (prng_below(p, 2))
        buf_put_u8(out, '-');
    for (uint64_t n = 1 + prng_below(p, prng_below(p, 4) ? 20 : 90); n-- > 0;)
        buf_put_u8(out, (uint8_t)('0' + prng_below(p, 10)));
    if (prng_below(p, 2)) {
        buf_put_u8(out, '.');
        for (uint64_t n = prng_below(p, 30); n-- > 0;)
            buf_put_u8(out, (uint8_t)('0' + prng_below(p, 10)));
    }
    if (prng_below(p, 6) == 0)
        buf_printf(out, "e%d", (int)prng_below(p, 80) - 40);
}

void fuzz_draw(struct prng *prng, struct buf *out)
{
    if (prng_below(prng, 4) == 0) {
        struct buf text = {0};
        struct arena arena;
        struct err err;
        struct datum d;
        arena_init(&arena, NULL);
        draw_number(prng, &text);
        if (numeric_in((char *)text.data, text.len, -1, &arena, &d, &err) == 0)
            numeric_send(&d, out);
        arena_done(&arena);
        buf_done(&text);
        return;
    }
    draw_number(prng, out);
    buf_put_u8(out, 0);
    draw_number(prng, out);
}
