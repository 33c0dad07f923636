/* utf8.h: UTF-8 as PostgreSQL accepts it: shortest form, no surrogates, up to U+10FFFF, no NUL in
 * text.
 *
 * Pure functions on byte ranges; ASCII runs are passed eight bytes at a time.
 */
#ifndef CAIRN_BASE_UTF8_H
#define CAIRN_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the valid prefix: == len when all of it is valid. A NUL byte is invalid. */
size_t utf8_valid_prefix(const void *text, size_t len);
/* Characters in valid text. */
size_t utf8_count(const void *text, size_t len);
/* Byte offset of character number `index` (0-based) in valid text; len when it has fewer. */
size_t utf8_offset(const void *text, size_t len, size_t index);
/* Decodes one character of valid text at `at` < len; *size gets its bytes. */
uint32_t utf8_decode(const void *text, size_t len, size_t at, size_t *size);
/* Decodes one that may be invalid: false (and *size 1) if so. */
bool utf8_decode_checked(const void *text, size_t len, size_t at, uint32_t *code, size_t *size);
/* Writes 1 to 4 bytes, returns how many; 0 for what is no character. */
size_t utf8_encode(uint32_t code, char out[4]);
/* Bytes of a character by its first byte (1 for invalid ones). */
static inline size_t utf8_size(uint8_t first)
{
    return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 1;
}

#endif
