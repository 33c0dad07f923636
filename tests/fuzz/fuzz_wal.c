/* Fuzzes log records and segment headers: nothing that is not as it was written passes. */
#include <assert.h>
#include <stdlib.h>

#include "storage/wal/wal_format.h"
#include "tests/fuzz/fuzz_main.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wal_seg_header header;
    uint8_t again[WAL_HEADER_BYTES];
    if (size >= WAL_HEADER_BYTES && wal_seg_header_read(data, &header)) {
        wal_seg_header_write(&header, again);
        assert(memcmp(again, data, 24) == 0);
    }
    struct wal_state state;
    uint8_t bytes[WAL_STATE_BYTES];
    if (wal_state_read(data, (uint32_t)size, &state)) {
        wal_state_write(&state, bytes);
        assert(memcmp(bytes, data, WAL_STATE_BYTES) == 0);
    }
    for (size_t at = 0; at < size; at += 8) {
        struct wal_rec rec;
        wal_pos pos = wal_pos_of(1, at);
        if (wal_rec_read(data + at, size - at, pos, &rec) != WAL_REC_OK)
            continue;
        struct buf out = {0};
        wal_rec_write(&rec, pos, &out);
        assert(out.len <= size - at && memcmp(out.data, data + at, out.len) == 0);
        assert(wal_rec_read(data + at, size - at, pos + 8, &rec) == WAL_REC_BAD);
        assert(wal_rec_read(data + at, out.len - 1, pos, &rec) == WAL_REC_BAD);
        buf_done(&out);
    }
    return 0;
}

void fuzz_draw(struct prng *prng, struct buf *out)
{
    uint8_t body[200] = {0};
    for (uint64_t n = prng_below(prng, 6); n-- > 0;) {
        struct wal_rec rec = {.type = (uint8_t)(1 + prng_below(prng, 8)),
                              .entry_kind = 1,
                              .group = prng_below(prng, 5),
                              .index = prng_below(prng, 100),
                              .term = 3,
                              .body = body,
                              .body_bytes = (uint32_t)prng_below(prng, 200)};
        wal_rec_write(&rec, wal_pos_of(1, out->len), out);
    }
    if (prng_below(prng, 4) == 0) {
        buf_reset(out);
        struct wal_seg_header h = {prng_next(prng), 1, prng_next(prng)};
        wal_seg_header_write(&h, buf_extend(out, WAL_HEADER_BYTES));
    } else if (prng_below(prng, 4) == 0) {
        buf_reset(out);
        struct wal_state s = {.has_hard_state = true, .truncated_index = prng_next(prng)};
        wal_state_write(&s, buf_extend(out, WAL_STATE_BYTES));
    }
}
