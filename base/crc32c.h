/* crc32c.h: the Castagnoli checksum (the one of iSCSI, ext4, RocksDB).
 *
 * Uses the CPU's instruction where there is one (SSE4.2, ARMv8 CRC), a table otherwise; the answer
 * is the same. crc32c(0, "123456789", 9) == 0xe3069283. Chains: crc32c(crc32c(0, a), b) is the
 * checksum of a followed by b.
 */
#ifndef CAIRN_BASE_CRC32C_H
#define CAIRN_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t crc, const void *data, size_t len);
/* The portable version, for the test that compares both. */
uint32_t crc32c_table(uint32_t crc, const void *data, size_t len);

#endif
