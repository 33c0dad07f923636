/* Storage forms, keys, canonical forms, binary wire forms, zones: for every type, over values that
 * are awkward. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/key.h"
#include "types/type/array.h"
#include "types/type/datetime.h"
#include "types/type/numeric_vec.h"

struct sample {
    uint32_t type;
    int32_t typmod;
    const char *ascending[16]; /* a line may hold equal values separated by | */
};

static const struct sample samples[] = {
    {TYPE_BOOL, -1, {"f", "t"}},
    {TYPE_INT2, -1, {"-32768", "-1", "0", "1", "32767"}},
    {TYPE_INT4, -1, {"-2147483648", "-5", "0", "7", "2147483647"}},
    {TYPE_INT8, -1, {"-9223372036854775808", "-5", "0", "7", "9223372036854775807"}},
    {TYPE_OID, -1, {"0", "1", "2147483648", "4294967295"}},
    {TYPE_FLOAT4,
     -1,
     {"-Infinity", "-1.5", "-1e-40", "0|-0", "1e-40", "2", "3e38", "Infinity", "NaN"}},
    {TYPE_FLOAT8,
     -1,
     {"-Infinity", "-1e300", "-1.5", "0|-0", "5e-324", "2", "1e300", "Infinity", "NaN"}},
    {TYPE_NUMERIC,
     -1,
     {"-Infinity", "-1e50", "-123.46", "-123.456|-123.4560", "-123.45", "-0.001", "0|0.00", "1e-30",
      "0.1|0.10", "1.1|1.10|1.100000", "9.99", "10", "100",
      "1e40|10000000000000000000000000000000000000000.0", "Infinity", "NaN"}},
    {TYPE_NUMERIC,
     ((10 << 16) | 2) + 4,
     {"-99999999.99", "-1", "0", "0.01", "1.1|1.10", "99999999.99", "NaN"}},
    {TYPE_NUMERIC,
     ((30 << 16) | 5) + 4,
     {"-9e24", "-1", "0", "0.00001", "1.1|1.10", "9e24", "NaN"}},
    {TYPE_TEXT, -1, {"", "a", "a b", "aa", "abcdefghijklm", "abcdefghijklmn", "b", "é"}},
    {TYPE_VARCHAR, -1, {"", "a", "b"}},
    {TYPE_BPCHAR, -1, {"|  ", "a|a ", "a b", "ab|ab   "}},
    {TYPE_BYTEA, -1, {"\\x", "\\x00", "\\x0000", "\\x0001", "\\x01", "\\xff", "\\xff00"}},
    {TYPE_NAME, -1, {"a", "b"}},
    {TYPE_CHAR, -1, {"", "a", "b"}},
    {TYPE_UUID,
     -1,
     {"00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
      "ffffffff-ffff-ffff-ffff-ffffffffffff"}},
    {TYPE_DATE,
     -1,
     {"-infinity", "4714-11-24 BC", "1999-12-31", "2000-01-01", "5874897-12-31", "infinity"}},
    {TYPE_TIME, -1, {"00:00", "00:00:00.000001", "24:00"}},
    {TYPE_TIMETZ, -1, {"10:00+02", "10:00+00", "10:00:00.5+00", "10:00-02"}},
    {TYPE_TIMESTAMP,
     -1,
     {"-infinity", "4714-11-24 BC", "2000-01-01", "2000-01-01 00:00:00.000001",
      "294276-12-31 23:59:59.999999", "infinity"}},
    {TYPE_TIMESTAMPTZ,
     -1,
     {"-infinity", "2000-01-01 00:00+01", "2000-01-01 00:00+00|1999-12-31 19:00-05", "infinity"}},
    {TYPE_INTERVAL,
     -1,
     {"-1 year", "-1 day", "0|0 days", "00:00:01", "1 day|24:00:00", "30 days|1 mon|720:00",
      "31 days", "1 year|360 days"}},
    {TYPE_INT4_ARRAY, -1, {"{}", "{1}", "{1,2}", "{1,NULL}", "{2}", "{NULL}"}},
    {TYPE_TEXT_ARRAY, -1, {"{}", "{a}", "{a,b}", "{\"a b\"}", "{b}"}},
    {TYPE_PG_LSN, -1, {"0/0", "0/1", "1/0"}},
};

struct value {
    struct datum d;
    int rank;
    const char *text;
};

static uint32_t read_values(const struct sample *s, struct arena *arena, struct value *out)
{
    uint32_t n = 0;
    struct err err;
    err_clear(&err);
    for (int i = 0; i < 16 && s->ascending[i]; i++) {
        const char *p = s->ascending[i];
        bool once = *p == 0;
        while (*p || once) {
            size_t len = strcspn(p, "|");
            out[n].rank = i;
            out[n].text = arena_strndup(arena, p, len);
            int rc = type_in(&type_env_default, s->type, s->typmod, p, len, arena, &out[n].d, &err);
            if (rc)
                fail_msg("%s", err.message);
            n++;
            p += len;
            if (*p == '|' && p[1] == 0)
                break;
            p += *p == '|';
            once = false;
        }
    }
    return n;
}

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

/* Keys, sort keys, canonical values and comparison all tell the same order. */
static void check_order(const struct sample *s, const struct value *v, uint32_t n,
                        struct arena *arena)
{
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < n; k++) {
            int want = sign(v[i].rank - v[k].rank);
            assert_int_equal(sign(type_compare(s->type, &v[i].d, &v[k].d)), want);
            struct datum a = type_key_bytes(s->type, &v[i].d, arena),
                         b = type_key_bytes(s->type, &v[k].d, arena);
            if (sign(view_compare(&a.u.bytes, &b.u.bytes)) != want)
                fail_msg("keys of %s and %s of type %u", v[i].text, v[k].text, s->type);
            struct buf x = {0}, y = {0};
            type_key_append(&x, s->type, true, false, &v[i].d);
            type_key_append(&y, s->type, true, false, &v[k].d);
            assert_int_equal(sign(key_compare(x.data, x.len, y.data, y.len)), -want);
            buf_done(&x);
            buf_done(&y);
            struct datum c = type_canon_datum(s->type, s->typmod, &v[i].d, arena);
            struct datum e = type_canon_datum(s->type, s->typmod, &v[k].d, arena);
            assert_int_equal(c.kind, e.kind);
            assert_int_equal(sign(datum_compare(&c, &e)), want);
        }
    }
}

static bool prints_alike(uint32_t type, const struct datum *a, const struct datum *b)
{
    struct buf x = {0}, y = {0};
    struct err err;
    err_clear(&err);
    assert_int_equal(type_out(&type_env_default, type, a, &x, &err), 0);
    assert_int_equal(type_out(&type_env_default, type, b, &y, &err), 0);
    bool same = x.len == y.len && (x.len == 0 || memcmp(x.data, y.data, x.len) == 0);
    buf_done(&x);
    buf_done(&y);
    return same;
}

static void check_roundtrips(const struct sample *s, const struct value *v, uint32_t n,
                             struct arena *arena)
{
    struct type_storage st = type_storage(s->type, s->typmod);
    struct err err;
    err_clear(&err);
    for (uint32_t i = 0; i < n; i++) {
        struct buf wire = {0};
        struct datum back, stored;
        assert_int_equal(type_send(&type_env_default, s->type, &v[i].d, &wire, &err), 0);
        if (type_recv(&type_env_default, s->type, s->typmod, wire.data, wire.len, arena, &back,
                      &err))
            fail_msg("%s: %s", v[i].text, err.message);
        assert_true(prints_alike(s->type, &v[i].d, &back));
        buf_done(&wire);
        assert_int_equal(type_store(s->type, s->typmod, &v[i].d, arena, &stored, &err), 0);
        assert_int_equal(stored.kind, st.kind);
        assert_int_equal(stored.dec_scale, st.dec_scale);
        assert_true(prints_alike(s->type, &v[i].d, &stored));
        if (st.key_form == TYPE_KEY_PLAIN) {
            /* the stored value itself makes the key */
            struct buf key = {0};
            struct key_part part = {.kind = st.kind, .dec_scale = st.dec_scale};
            key_append(&key, &part, &stored);
            const uint8_t *at = key.data;
            assert_true(key_decode(&at, key.data + key.len, &part, &back, arena));
            assert_true(prints_alike(s->type, &back, &v[i].d));
            buf_done(&key);
        }
    }
}

static void test_samples(void **state)
{
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct arena arena;
        arena_init(&arena, NULL);
        struct value values[64];
        uint32_t n = read_values(&samples[i], &arena, values);
        check_order(&samples[i], values, n, &arena);
        check_roundtrips(&samples[i], values, n, &arena);
        arena_done(&arena);
    }
}

/* Bytes of PostgreSQL's binary forms, asked of it once. */
static void test_wire_bytes(void **state)
{
    static const struct {
        uint32_t type;
        const char *text, *hex;
    } known[] = {
        {TYPE_NUMERIC, "1.10", "0002000000000002000103e8"},
        {TYPE_NUMERIC, "-12345678.9", "000300014000000104d2162e2328"},
        {TYPE_NUMERIC, "0", "0000000000000000"},
        {TYPE_NUMERIC, "0.0001", "0001ffff000000040001"},
        {TYPE_NUMERIC, "NaN", "00000000c0000000"},
        {TYPE_INT8, "258", "0000000000000102"},
        {TYPE_BOOL, "t", "01"},
        {TYPE_DATE, "2000-01-02", "00000001"},
        {TYPE_INTERVAL, "1 mon 2 days 00:00:03", "00000000002dc6c00000000200000001"},
        {TYPE_FLOAT8, "1.5", "3ff8000000000000"},
        {TYPE_INT4_ARRAY, "{1,NULL}",
         "000000010000000100000017000000020000000100000004 00000001ffffffff"},
        {TYPE_UUID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc999c0b4ef8bb6d6bb9bd380a11"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct arena arena;
        arena_init(&arena, NULL);
        struct err err;
        err_clear(&err);
        struct datum d;
        struct buf wire = {0}, hex = {0};
        assert_int_equal(type_in(&type_env_default, known[i].type, -1, known[i].text,
                                 strlen(known[i].text), &arena, &d, &err),
                         0);
        assert_int_equal(type_send(&type_env_default, known[i].type, &d, &wire, &err), 0);
        for (size_t k = 0; k < wire.len; k++)
            buf_printf(&hex, "%02x", wire.data[k]);
        char want[128];
        size_t n = 0;
        for (const char *p = known[i].hex; *p; p++)
            if (*p != ' ')
                want[n++] = *p;
        want[n] = 0;
        assert_string_equal(buf_text(&hex), want);
        for (size_t cut = 0; cut < wire.len; cut++)
            assert_int_not_equal(
                type_recv(&type_env_default, known[i].type, -1, wire.data, cut, &arena, &d, &err),
                0);
        buf_done(&wire);
        buf_done(&hex);
        arena_done(&arena);
    }
}

static void test_numeric_columns(void **state)
{
    struct type_storage st = type_storage(TYPE_NUMERIC, numeric_typmod(18, 4));
    assert_true(st.kind == PHYS_INT64 && st.dec_scale == 4 && st.key_form == TYPE_KEY_PLAIN);
    st = type_storage(TYPE_NUMERIC, numeric_typmod(19, 0));
    assert_true(st.kind == PHYS_INT128 && st.dec_scale == 0);
    st = type_storage(TYPE_NUMERIC, numeric_typmod(39, 0));
    assert_true(st.kind == PHYS_BYTES && st.dec_scale == -1 && st.key_form == TYPE_KEY_OPAQUE);
    st = type_storage(TYPE_NUMERIC, numeric_typmod(2, -3));
    assert_true(st.kind == PHYS_INT64 && st.dec_scale == 0);
    assert_int_equal(numeric_typmod_scale(numeric_typmod(2, -3)), -3);
    /* a stored NaN promotes the vector it is loaded in */
    struct arena arena;
    arena_init(&arena, NULL);
    struct vec v, loaded;
    vec_alloc(&v, PHYS_INT64, 3, &arena);
    v.dec_scale = 2;
    ((int64_t *)v.data)[0] = 150;
    ((int64_t *)v.data)[2] = NUMERIC_DEC64_NAN;
    numeric_vec_load(&v, NULL, 3, &arena, &loaded);
    assert_int_equal(loaded.kind, PHYS_BYTES);
    struct buf out = {0};
    struct datum d = vec_datum(&loaded, 2);
    numeric_out(&d, &out);
    assert_string_equal(buf_text(&out), "NaN");
    buf_reset(&out);
    d = vec_datum(&loaded, 0);
    numeric_out(&d, &out);
    assert_string_equal(buf_text(&out), "1.50");
    buf_done(&out);
    const uint16_t first[] = {0};
    numeric_vec_load(&v, first, 1, &arena, &loaded);
    assert_int_equal(loaded.kind, PHYS_INT64);
    arena_done(&arena);
}

/* 64-bit loops overflow into 128 bits, and those into num; the digits never change. */
static void test_dec_promotion(void **state)
{
    struct arena arena;
    arena_init(&arena, NULL);
    struct vec a, b, r;
    vec_alloc(&a, PHYS_INT64, 2, &arena);
    vec_alloc(&b, PHYS_INT64, 2, &arena);
    a.dec_scale = 2;
    b.dec_scale = 3;
    ((int64_t *)a.data)[0] = 110;
    ((int64_t *)b.data)[0] = 1000;
    ((int64_t *)a.data)[1] = ((int64_t *)b.data)[1] = INT64_C(999999999999999999);
    assert_true(numeric_vec_arith(NUMERIC_VEC_ADD, &a, &b, NULL, 1, 2, &arena, &r));
    assert_true(r.kind == PHYS_INT64 && r.dec_scale == 3 && ((int64_t *)r.data)[0] == 2100);
    assert_true(numeric_vec_arith(NUMERIC_VEC_MUL, &a, &b, NULL, 2, 2, &arena, &r));
    assert_true(r.kind == PHYS_INT128 && r.dec_scale == 5);
    struct vec big = r;
    assert_false(numeric_vec_arith(NUMERIC_VEC_MUL, &big, &big, NULL, 2, 2, &arena, &r));
    arena_done(&arena);
}

static const struct tz *load_zone(const char *name, struct arena *arena)
{
    char path[256];
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    uint8_t *data = arena_alloc(arena, 1 << 20);
    size_t n = fread(data, 1, 1 << 20, f);
    fclose(f);
    return tz_parse(name, data, n, arena);
}

static void check_zone(const struct tz *zone, const char *in, const char *want)
{
    struct type_env env = {.zone = zone};
    struct arena arena;
    arena_init(&arena, NULL);
    struct err err;
    err_clear(&err);
    struct datum d;
    struct buf out = {0};
    if (type_in(&env, TYPE_TIMESTAMPTZ, -1, in, strlen(in), &arena, &d, &err))
        fail_msg("%s: %s", in, err.message);
    assert_int_equal(type_out(&env, TYPE_TIMESTAMPTZ, &d, &out, &err), 0);
    assert_string_equal(buf_text(&out), want);
    buf_done(&out);
    arena_done(&arena);
}

static void test_zones(void **state)
{
    struct arena arena;
    arena_init(&arena, NULL);
    const struct tz *berlin = load_zone("Europe/Berlin", &arena),
                    *york = load_zone("America/New_York", &arena);
    if (!berlin || !york) {
        arena_done(&arena);
        skip();
    }
    check_zone(berlin, "2020-01-01 12:00", "2020-01-01 12:00:00+01");
    check_zone(berlin, "2020-07-01 12:00", "2020-07-01 12:00:00+02");
    check_zone(berlin, "2020-03-29 02:30", "2020-03-29 03:30:00+02"); /* the hour that is skipped */
    check_zone(berlin, "2020-10-25 02:30",
               "2020-10-25 02:30:00+01"); /* the hour that comes twice */
    check_zone(berlin, "2020-10-25 02:30+02", "2020-10-25 02:30:00+02");
    check_zone(berlin, "1900-01-01 00:00", "1900-01-01 00:00:00+01");
    check_zone(berlin, "1880-01-01 00:00", "1880-01-01 00:00:00+00:53:28");
    check_zone(york, "2099-07-04 12:00", "2099-07-04 12:00:00-04");
    check_zone(york, "3020-07-04 12:00", "3020-07-04 12:00:00-04");
    check_zone(york, "3020-01-04 12:00", "3020-01-04 12:00:00-05");
    check_zone(york, "2020-11-01 01:30", "2020-11-01 01:30:00-05");
    const struct tz *posix = tz_posix("EST5EDT,M3.2.0,M11.1.0", 22, &arena);
    assert_non_null(posix);
    check_zone(posix, "2020-07-04 12:00", "2020-07-04 12:00:00-04");
    check_zone(posix, "1820-01-04 12:00", "1820-01-04 12:00:00-05");
    assert_null(tz_posix("nonsense!", 9, &arena));
    const struct tz *fixed = tz_fixed(-(5 * 3600 + 1800), &arena);
    assert_string_equal(tz_name(fixed), "<-05:30>+05:30");
    check_zone(fixed, "2020-07-04 12:00", "2020-07-04 12:00:00-05:30");
    /* a day is a day of the zone, an hour is an hour */
    struct err err;
    err_clear(&err);
    int64_t us;
    struct type_env env = {.zone = berlin};
    assert_int_equal(timestamp_in(&env, "2020-03-28 12:00", 16, -1, true, &us, &err), 0);
    struct interval day = {.days = 1}, hours = {.us = 24 * US_PER_HOUR};
    int64_t a, b;
    assert_int_equal(datetime_add_interval(berlin, us, &day, &a, &err), 0);
    assert_int_equal(datetime_add_interval(berlin, us, &hours, &b, &err), 0);
    assert_int_equal(b - a, US_PER_HOUR);
    arena_done(&arena);
}

static void test_styles(void **state)
{
    struct type_env env = {.date_style = TYPE_STYLE_SQL};
    struct buf out = {0};
    struct err err;
    err_clear(&err);
    int64_t us;
    assert_int_equal(timestamp_in(&env, "1997-12-17 07:37:16.5", 21, -1, false, &us, &err), 0);
    static const char *const want[] = {"1997-12-17 07:37:16.5", "12/17/1997 07:37:16.5",
                                       "Wed Dec 17 07:37:16.5 1997", "17.12.1997 07:37:16.5"};
    for (uint8_t i = 0; i < 4; i++) {
        env.date_style = i;
        buf_reset(&out);
        timestamp_out(&env, us, false, &out);
        assert_string_equal(buf_text(&out), want[i]);
    }
    struct interval iv = {
        .months = 14, .days = -3, .us = 4 * US_PER_HOUR + 5 * US_PER_SEC + 600000};
    static const char *const styles[] = {"1 year 2 mons -3 days +04:00:05.6",
                                         "@ 1 year 2 mons -3 days 4 hours 5.6 secs",
                                         "+1-2 -3 +4:00:05.6", "P1Y2M-3DT4H5.6S"};
    for (uint8_t i = 0; i < 4; i++) {
        env.interval_style = i;
        buf_reset(&out);
        interval_out(&env, &iv, &out);
        assert_string_equal(buf_text(&out), styles[i]);
    }
    env.bytea_output = TYPE_BYTEA_ESCAPE;
    struct datum d = datum_bytes("a\\\x01\xff", 4);
    buf_reset(&out);
    assert_int_equal(type_out(&env, TYPE_BYTEA, &d, &out, &err), 0);
    assert_string_equal(buf_text(&out), "a\\\\\\001\\377");
    buf_done(&out);
}

static void test_type_names(void **state)
{
    static const struct {
        uint32_t type;
        int32_t typmod;
        const char *name;
    } known[] = {
        {TYPE_INT4, -1, "integer"},
        {TYPE_VARCHAR, 24, "character varying(20)"},
        {TYPE_BPCHAR, 5, "character(1)"},
        {TYPE_BPCHAR, -1, "bpchar"},
        {TYPE_NUMERIC, ((10 << 16) | 2) + 4, "numeric(10,2)"},
        {TYPE_TIMESTAMP, 3, "timestamp(3) without time zone"},
        {TYPE_TIMESTAMPTZ, -1, "timestamp with time zone"},
        {TYPE_TEXT_ARRAY, -1, "text[]"},
        {TYPE_CHAR, -1, "\"char\""},
        {TYPE_INT2VECTOR, -1, "int2vector"},
        {TYPE_VARCHAR_ARRAY, 9, "character varying(5)[]"},
        {TYPE_INTERVAL, (12 << 16) | 0xffff, "interval"},
        {TYPE_INTERVAL, 0x7fff0003, "interval(3)"},
        {4294967294u, -1, "???"},
        {0, -1, "-"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct buf out = {0};
        type_format(known[i].type, known[i].typmod, &out);
        assert_string_equal(buf_text(&out), known[i].name);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),         cmocka_unit_test(test_wire_bytes),
        cmocka_unit_test(test_numeric_columns), cmocka_unit_test(test_dec_promotion),
        cmocka_unit_test(test_zones),           cmocka_unit_test(test_styles),
        cmocka_unit_test(test_type_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
