/* bitpack.h: unsigned integers in as few bits as the widest needs.
 *
 * Widths 1..32 bits, and 40, 48, 56, 64 (whole bytes). Values are packed in groups of 128 so that
 * four lanes unpack in parallel; any value can be read alone, and a group can be compared with a
 * range while it is unpacked, without being stored.
 *
 *     width <= 32, full group of 128:  u32 words[width][4]; value i lies in lane i % 4 at bit (i /
 *                                      4) * width
 *                                      of that lane's stream of `width` words, low bits first
 *     the last group, if shorter:      one stream of bits, low bits first, value i at bit i * width
 *     width > 32:                      value i at byte i * width / 8, little endian
 *     end:                             8 bytes of zeros, so that 8-byte loads stay inside
 *
 * Invariants
 * 1. bitpack_size depends on (n, width) alone.
 * 2. Readers touch no byte outside bitpack_size(n, width).
 *
 * Learned from SIMD-BP128 (Lemire and Boytsov) and FastLanes.
 */
#ifndef CAIRN_STORAGE_SST_BITPACK_H
#define CAIRN_STORAGE_SST_BITPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BITPACK_GROUP = 128, BITPACK_SLACK = 8 };

/* The width to use for values up to `max` (0 for max == 0: nothing needs to be stored). */
uint32_t bitpack_width(uint64_t max);
bool bitpack_width_is_valid(uint32_t width); /* 1..32, 40, 48, 56, 64 */
size_t bitpack_size(uint32_t n, uint32_t width);
/* values: n of them, each below 2^width. out: bitpack_size bytes. */
void bitpack_pack(const uint64_t *values, uint32_t n, uint32_t width, uint8_t *out);

uint64_t bitpack_get(const uint8_t *in, uint32_t n, uint32_t width, uint32_t i);
/* Group g (rows g * 128 ...) into out[128]; rows behind n are left alone. */
void bitpack_unpack_group(const uint8_t *in, uint32_t n, uint32_t width, uint32_t g, uint64_t *out);
/* The same for width <= 32. */
void bitpack_unpack_group32(const uint8_t *in, uint32_t n, uint32_t width, uint32_t g,
                            uint32_t *out);
/* Bit i of mask ((n + 63) / 64 words) = lo <= value i <= lo + span. */
void bitpack_filter(const uint8_t *in, uint32_t n, uint32_t width, uint64_t lo, uint64_t span,
                    uint64_t *mask);

#endif
