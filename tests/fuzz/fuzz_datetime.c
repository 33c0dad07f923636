/* Fuzzes the readers of dates, times, intervals, arrays and time zones: the first byte chooses one,
 * the rest is its text (or file). What is accepted prints, and what is printed reads back as the
 * same value. */
#include <assert.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz_main.h"
#include "types/type/datetime.h"

static const uint32_t types[] = {TYPE_DATE,        TYPE_TIME,     TYPE_TIMETZ,     TYPE_TIMESTAMP,
                                 TYPE_TIMESTAMPTZ, TYPE_INTERVAL, TYPE_INT4_ARRAY, TYPE_TEXT_ARRAY,
                                 TYPE_UUID,        TYPE_BYTEA,    TYPE_FLOAT8,     TYPE_FLOAT4,
                                 TYPE_BOOL,        TYPE_PG_LSN,   TYPE_NAME};
enum { N_TYPES = sizeof types / sizeof *types };

static void read_text(uint32_t type, const char *text, size_t len)
{
    struct arena arena;
    arena_init(&arena, NULL);
    struct err err;
    err_clear(&err);
    struct datum d, again;
    struct buf out = {0}, wire = {0};
    if (type_in(&type_env_default, type, -1, text, len, &arena, &d, &err) == 0) {
        assert(type_out(&type_env_default, type, &d, &out, &err) == 0);
        buf_reserve(&out, 1);
        assert(type_in(&type_env_default, type, -1, (char *)out.data, out.len, &arena, &again,
                       &err) == 0);
        assert(type_compare(type, &d, &again) == 0);
        assert(type_send(&type_env_default, type, &d, &wire, &err) == 0);
        assert(type_recv(&type_env_default, type, -1, wire.data, wire.len, &arena, &again, &err) ==
               0);
        assert(type_compare(type, &d, &again) == 0);
    }
    int rc =
        type_recv(&type_env_default, type, -1, (const uint8_t *)text, len, &arena, &again, &err);
    (void)rc;
    buf_done(&out);
    buf_done(&wire);
    arena_done(&arena);
}

static void read_zone(const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena, NULL);
    const struct tz *zone = tz_parse("fuzz", data, size, &arena);
    if (!zone)
        zone = tz_posix((const char *)data, size, &arena);
    for (int64_t us = DATETIME_MIN_US; zone && us < DATETIME_END_US - DATETIME_END_US / 50;
         us += DATETIME_END_US / 50) {
        tz_at(zone, us);
        tz_at_local(zone, us);
    }
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    uint8_t what = data[0] % (N_TYPES + 1);
    if (what == N_TYPES)
        read_zone(data + 1, size - 1);
    else
        read_text(types[what], (const char *)data + 1, size - 1);
    return 0;
}

/* Words of the dialects, strung together. */
void fuzz_draw(struct prng *prng, struct buf *out)
{
    static const char *const words[] = {
        "2020-01-31",
        "1999",
        "01",
        "12",
        "31",
        "99",
        "January",
        "feb",
        "10:20:30",
        "23:59:59.999999",
        "24:00",
        "T",
        "Z",
        "UTC",
        "PST",
        "+05:30",
        "-08",
        "BC",
        "AM",
        "pm",
        "epoch",
        "infinity",
        "-infinity",
        "now",
        "today",
        "J2451187",
        "1 day",
        "2 mons",
        "-3 years",
        "P1Y2M3DT4H5M6S",
        "1-2",
        "3 4:05:06",
        "ago",
        "week",
        "1.5",
        "hours",
        "-",
        "/",
        ":",
        ".",
        " ",
        ",",
        "{",
        "}",
        "{1,2,3}",
        "NULL",
        "\"a\\\"b\"",
        "[1:3]=",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "\\x00ff",
        "\\001",
        "1e300",
        "-0",
        "5e-324",
        "NaN",
        "true",
        "16/B374D848",
        "EST5EDT,M3.2.0,M11.1.0",
        "<+03>-3",
        "178000000 years",
        "9223372036854775807",
        "TZif2",
    };
    buf_put_u8(out, (uint8_t)prng_below(prng, N_TYPES + 1));
    for (uint64_t n = 1 + prng_below(prng, 5); n-- > 0;) {
        buf_put_text(out, words[prng_below(prng, sizeof words / sizeof *words)]);
        if (prng_below(prng, 3))
            buf_put_u8(out, ' ');
    }
}
