/* Fuzzes the row format: whatever is read is written and read again the same. */
#include <assert.h>
#include <stdlib.h>

#include "base/row.h"
#include "tests/fuzz/fuzz_main.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct row_reader r, again;
    uint32_t id = 0, id_again = 0;
    struct datum d, d_again;
    if (!row_reader_init(&r, data, size))
        return 0;
    struct buf out = {0};
    row_begin(&out);
    int got;
    while ((got = row_next(&r, &id, &d)) == 1)
        row_append(&out, id, &d);
    (void)row_find(data, size, 7, &d);
    assert(row_reader_init(&again, out.data, out.len));
    row_reader_init(&r, data, size);
    while (row_next(&r, &id, &d) == 1) {
        assert(row_next(&again, &id_again, &d_again) == 1);
        assert(id == id_again && d.null == d_again.null && d.kind == d_again.kind);
        assert(d.null || datum_compare(&d, &d_again) == 0);
    }
    assert(row_next(&again, &id_again, &d_again) == 0);
    buf_done(&out);
    return 0;
}

void fuzz_draw(struct prng *prng, struct buf *out)
{
    row_begin(out);
    uint32_t id = 0;
    for (uint64_t n = prng_below(prng, 8); n-- > 0;) {
        struct datum d = {.kind = (uint8_t)(1 + prng_below(prng, 8)),
                          .null = prng_below(prng, 4) == 0,
                          .dec_scale = (int16_t)((int)prng_below(prng, 3) - 1)};
        uint64_t r[2] = {prng_next(prng) >> prng_below(prng, 64), prng_next(prng)};
        if (d.kind == PHYS_BYTES)
            d.u.bytes = view_of(r, (uint32_t)prng_below(prng, 13));
        else if (d.kind == PHYS_BOOL)
            d.u.b = r[0] & 1;
        else
            memcpy(&d.u, r, phys_width[d.kind]);
        id += 1 + (uint32_t)prng_below(prng, 200);
        row_append(out, id, &d);
    }
}
