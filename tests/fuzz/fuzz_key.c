/* Fuzzes key_decode: the first byte chooses the part's shape, the rest is the key. What is
 * accepted survives a round trip. */
#include <assert.h>
#include <stdlib.h>

#include "base/key.h"
#include "tests/fuzz/fuzz_main.h"

static struct key_part shape(uint8_t b)
{
    return (struct key_part){.kind = (uint8_t)(1 + (b & 7)),
                             .desc = b >> 3 & 1,
                             .nulls_first = b >> 4 & 1,
                             .dec_scale = -1};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct key_part part = shape(data[0]);
    struct arena arena;
    arena_init(&arena, NULL);
    const uint8_t *at = data + 1, *end = data + size;
    struct datum d, again;
    struct buf out = {0};
    while (key_decode(&at, end, &part, &d, &arena)) {
        assert(at <= end);
        buf_reset(&out);
        key_append(&out, &part, &d);
        const uint8_t *back = out.data;
        assert(key_decode(&back, out.data + out.len, &part, &again, &arena));
        assert(back == out.data + out.len && again.null == d.null);
        assert(d.null || datum_compare(&d, &again) == 0);
    }
    buf_reset(&out);
    buf_put(&out, data, size);
    if (key_prefix_end(&out))
        assert(key_compare(out.data, out.len, data, size) > 0);
    buf_done(&out);
    arena_done(&arena);
    return 0;
}

void fuzz_draw(struct prng *prng, struct buf *out)
{
    uint8_t b = (uint8_t)prng_next(prng);
    struct key_part part = shape(b);
    buf_put_u8(out, b);
    for (uint64_t n = prng_below(prng, 4); n-- > 0;) {
        struct datum d = {.kind = part.kind, .dec_scale = -1, .null = prng_below(prng, 4) == 0};
        uint64_t r[2] = {prng_next(prng), prng_next(prng)};
        if (part.kind == PHYS_BYTES)
            d.u.bytes = view_of(r, (uint32_t)prng_below(prng, 13));
        else if (part.kind == PHYS_BOOL)
            d.u.b = r[0] & 1;
        else
            memcpy(&d.u, r, phys_width[part.kind]);
        key_append(out, &part, &d);
    }
}
