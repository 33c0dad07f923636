#include "storage/sst/sst_bloom.h"

static uint64_t line_of(uint64_t hash, uint32_t lines)
{
    return ((hash >> 32) * lines) >> 32;
}

/* The i-th of the key's bits, 0..511: 9 bits each of the remixed hash. */
static uint32_t probe(uint64_t mixed, int i)
{
    return (uint32_t)(mixed >> (9 * i)) & 511;
}

void sst_bloom_write(const uint64_t *hashes, size_t n, struct buf *out)
{
    uint32_t lines = (uint32_t)((n * SST_BLOOM_BITS_PER_KEY + 511) / 512);
    lines = lines ? lines : 1;
    buf_put_le32(out, lines);
    buf_put_le32(out, 0);
    size_t bytes = (size_t)lines * SST_BLOOM_LINE_BYTES;
    uint8_t *bits = buf_extend(out, bytes);
    memset(bits, 0, bytes);
    for (size_t k = 0; k < n; k++) {
        uint8_t *line = bits + line_of(hashes[k], lines) * SST_BLOOM_LINE_BYTES;
        uint64_t mixed = hash_u64(hashes[k], 7);
        for (int i = 0; i < SST_BLOOM_PROBES; i++) {
            uint32_t bit = probe(mixed, i);
            line[bit / 8] |= (uint8_t)(1u << bit % 8);
        }
    }
}

bool sst_bloom_may_have(const uint8_t *body, size_t len, uint64_t hash)
{
    if (len < 8)
        return true;
    uint32_t lines = load_le32(body);
    if (lines == 0 || (len - 8) / SST_BLOOM_LINE_BYTES < lines)
        return true;
    const uint8_t *line = body + 8 + line_of(hash, lines) * SST_BLOOM_LINE_BYTES;
    uint64_t mixed = hash_u64(hash, 7);
    for (int i = 0; i < SST_BLOOM_PROBES; i++) {
        uint32_t bit = probe(mixed, i);
        if (!(line[bit / 8] >> bit % 8 & 1))
            return false;
    }
    return true;
}
