/* sst_bloom.h: which keys may be in a file. A blocked Bloom filter: a key sets 6 bits of one
 * 64-byte line, so asking costs one cache miss. 10 bits a key: about 1.5 % false positives.
 *
 * Learned from Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom Filters".
 */
#ifndef CAIRN_STORAGE_SST_SST_BLOOM_H
#define CAIRN_STORAGE_SST_SST_BLOOM_H

#include "base/buf.h"
#include "base/hash.h"

enum { SST_BLOOM_BITS_PER_KEY = 10, SST_BLOOM_LINE_BYTES = 64, SST_BLOOM_PROBES = 6 };

static inline uint64_t sst_bloom_hash(const void *key, size_t len)
{
    return hash_bytes(key, len, 0x5353544b);
}
/* Appends the filter block's body. */
void sst_bloom_write(const uint64_t *hashes, size_t n, struct buf *out);
/* True for everything when the body is malformed or empty. */
bool sst_bloom_may_have(const uint8_t *body, size_t len, uint64_t hash);

#endif
