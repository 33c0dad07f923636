/* text.h: UTF-8 text: lengths, cutting, case mapping, validation; bytea's and "char"'s text forms;
 * char(n).
 *
 * Text is valid UTF-8 by the time it is inside (text_check guards the doors: input functions,
 * convert_from). The default collation is C: byte order, with Unicode's simple (one to one) case
 * mapping, independent of the process's locale.
 */
#ifndef CAIRN_TYPES_TYPE_TEXT_H
#define CAIRN_TYPES_TYPE_TEXT_H

#include "base/buf.h"
#include "base/column.h"
#include "base/err.h"

/* Length of the character starting at p, by its first byte (1 for a stray one); never past end. */
static inline uint32_t text_char_len(const uint8_t *p, const uint8_t *end)
{
    uint32_t n = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
    return n <= (size_t)(end - p) ? n : (uint32_t)(end - p);
}
uint32_t text_chars(const uint8_t *data, size_t len); /* characters, not bytes */
/* Byte offset of character `chars` (or the end). */
size_t text_offset(const uint8_t *data, size_t len, uint64_t chars);
/* Decodes the character at p (its length in *n). */
uint32_t text_decode(const uint8_t *p, const uint8_t *end, uint32_t *n);
/* Bytes written (1..4). */
uint32_t text_encode(uint32_t code_point, uint8_t out[4]);
/* 22021 when not valid UTF-8 or holding a zero byte. */
int text_check(const uint8_t *data, size_t len, struct err *err) MUST_CHECK;
bool text_is_valid(const uint8_t *data, size_t len);

/* Unicode simple case mapping of one code point. */
uint32_t text_lower_char(uint32_t c);
uint32_t text_upper_char(uint32_t c);
bool text_is_alnum_char(uint32_t c);
void text_lower(const uint8_t *data, size_t len, struct buf *out);
void text_upper(const uint8_t *data, size_t len, struct buf *out);

/* char(n): trailing blanks do not count. */
uint32_t text_bpchar_len(const struct bytes_view *v);
int text_compare_bpchar(const struct bytes_view *a, const struct bytes_view *b);

int bytea_in(const char *text, size_t len, struct arena *arena, struct datum *out,
             struct err *err) MUST_CHECK;
void bytea_out(bool escape, const uint8_t *data, size_t len, struct buf *out);

/* An identifier or literal quoted for SQL where it must be. */
void text_quote_ident(const char *name, size_t len, struct buf *out);
void text_quote_literal(const char *text, size_t len, struct buf *out);

#endif
