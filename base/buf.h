/* buf.h: a growable byte buffer and a reader with bounds checks.
 *
 * Every codec (disk formats, wire messages) writes through `struct buf` and reads through `struct
 * buf_reader`. The reader is sticky: a read past the end gives zeros and sets `bad`; the caller
 * checks once, at the end. So a decoder of hostile bytes is straight-line code.
 *
 * Varints are LEB128 (protobuf's): 7 bits a byte, low first; zigzag for signed. `le` is little
 * endian (disk), `be` big endian (keys, PostgreSQL's protocol).
 *
 * Invariants
 * 1. buf->len <= buf->cap; bytes before len are initialised.
 * 2. A buf never shrinks its memory but in buf_done; buf_reset keeps it.
 *
 * Fails: growth aborts when the system is out of memory; whoever lets users decide the size bounds
 * it first.
 */
#ifndef CAIRN_BASE_BUF_H
#define CAIRN_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
};

void buf_grow(struct buf *buf,
              size_t more); /* room for `more` bytes behind len, at least doubling */
void buf_done(struct buf *buf);

static inline void buf_init(struct buf *buf)
{
    *buf = (struct buf){0};
}
static inline void buf_reset(struct buf *buf)
{
    buf->len = 0;
}

static inline void buf_reserve(struct buf *buf, size_t more)
{
    if (__builtin_expect(buf->cap - buf->len < more, 0))
        buf_grow(buf, more);
}

/* `n` bytes at the end, uninitialised; the pointer is valid until the next growth. */
static inline uint8_t *buf_extend(struct buf *buf, size_t n)
{
    buf_reserve(buf, n);
    uint8_t *at = buf->data + buf->len;
    buf->len += n;
    return at;
}

static inline void buf_put(struct buf *buf, const void *data, size_t n)
{
    if (n)
        memcpy(buf_extend(buf, n), data, n);
}

static inline void buf_put_text(struct buf *buf, const char *text)
{
    buf_put(buf, text, strlen(text));
}

void buf_printf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Drops the first n bytes (moves the rest down). */
void buf_consume(struct buf *buf, size_t n);
/* The bytes NUL-terminated (the NUL is behind len). */
const char *buf_text(struct buf *buf);

static inline void store_le16(void *at, uint16_t v)
{
    uint8_t *p = at;
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}
static inline void store_le32(void *at, uint32_t v)
{
    store_le16(at, (uint16_t)v);
    store_le16((uint8_t *)at + 2, (uint16_t)(v >> 16));
}
static inline void store_le64(void *at, uint64_t v)
{
    store_le32(at, (uint32_t)v);
    store_le32((uint8_t *)at + 4, (uint32_t)(v >> 32));
}
static inline void store_be16(void *at, uint16_t v)
{
    store_le16(at, __builtin_bswap16(v));
}
static inline void store_be32(void *at, uint32_t v)
{
    store_le32(at, __builtin_bswap32(v));
}
static inline void store_be64(void *at, uint64_t v)
{
    store_le64(at, __builtin_bswap64(v));
}

static inline uint16_t load_le16(const void *at)
{
    const uint8_t *p = at;
    return (uint16_t)(p[0] | p[1] << 8);
}
static inline uint32_t load_le32(const void *at)
{
    return load_le16(at) | (uint32_t)load_le16((const uint8_t *)at + 2) << 16;
}
static inline uint64_t load_le64(const void *at)
{
    return load_le32(at) | (uint64_t)load_le32((const uint8_t *)at + 4) << 32;
}
static inline uint16_t load_be16(const void *at)
{
    return __builtin_bswap16(load_le16(at));
}
static inline uint32_t load_be32(const void *at)
{
    return __builtin_bswap32(load_le32(at));
}
static inline uint64_t load_be64(const void *at)
{
    return __builtin_bswap64(load_le64(at));
}

static inline void buf_put_u8(struct buf *buf, uint8_t v)
{
    *buf_extend(buf, 1) = v;
}
static inline void buf_put_le16(struct buf *buf, uint16_t v)
{
    store_le16(buf_extend(buf, 2), v);
}
static inline void buf_put_le32(struct buf *buf, uint32_t v)
{
    store_le32(buf_extend(buf, 4), v);
}
static inline void buf_put_le64(struct buf *buf, uint64_t v)
{
    store_le64(buf_extend(buf, 8), v);
}
static inline void buf_put_be16(struct buf *buf, uint16_t v)
{
    store_be16(buf_extend(buf, 2), v);
}
static inline void buf_put_be32(struct buf *buf, uint32_t v)
{
    store_be32(buf_extend(buf, 4), v);
}
static inline void buf_put_be64(struct buf *buf, uint64_t v)
{
    store_be64(buf_extend(buf, 8), v);
}

enum { VARINT_BYTES_MAX = 10 };
size_t varint_size(uint64_t v);
/* Returns the bytes written (1..10). */
size_t varint_store(uint8_t *at, uint64_t v);
static inline uint64_t zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}
static inline int64_t unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}
void buf_put_varint(struct buf *buf, uint64_t v);
static inline void buf_put_svarint(struct buf *buf, int64_t v)
{
    buf_put_varint(buf, zigzag(v));
}
/* Length as varint, then the bytes. */
void buf_put_sized(struct buf *buf, const void *data, size_t n);

struct buf_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool bad; /* something did not fit: everything read since is zero */
};

static inline struct buf_reader buf_reader_of(const void *data, size_t len)
{
    return (struct buf_reader){.at = data, .end = (const uint8_t *)data + len};
}
static inline size_t buf_reader_left(const struct buf_reader *r)
{
    return (size_t)(r->end - r->at);
}
/* n bytes in place, or NULL and bad. */
static inline const uint8_t *buf_take(struct buf_reader *r, size_t n)
{
    if (__builtin_expect(buf_reader_left(r) < n, 0)) {
        r->bad = true;
        r->at = r->end;
        return NULL;
    }
    const uint8_t *at = r->at;
    r->at += n;
    return at;
}
static inline uint8_t buf_take_u8(struct buf_reader *r)
{
    const uint8_t *p = buf_take(r, 1);
    return p ? *p : 0;
}
static inline uint16_t buf_take_le16(struct buf_reader *r)
{
    const uint8_t *p = buf_take(r, 2);
    return p ? load_le16(p) : 0;
}
static inline uint32_t buf_take_le32(struct buf_reader *r)
{
    const uint8_t *p = buf_take(r, 4);
    return p ? load_le32(p) : 0;
}
static inline uint64_t buf_take_le64(struct buf_reader *r)
{
    const uint8_t *p = buf_take(r, 8);
    return p ? load_le64(p) : 0;
}
static inline uint16_t buf_take_be16(struct buf_reader *r)
{
    const uint8_t *p = buf_take(r, 2);
    return p ? load_be16(p) : 0;
}
static inline uint32_t buf_take_be32(struct buf_reader *r)
{
    const uint8_t *p = buf_take(r, 4);
    return p ? load_be32(p) : 0;
}
static inline uint64_t buf_take_be64(struct buf_reader *r)
{
    const uint8_t *p = buf_take(r, 8);
    return p ? load_be64(p) : 0;
}
uint64_t buf_take_varint(struct buf_reader *r);
static inline int64_t buf_take_svarint(struct buf_reader *r)
{
    return unzigzag(buf_take_varint(r));
}
/* A varint length and that many bytes in place; NULL (and *len 0) when bad. */
const uint8_t *buf_take_sized(struct buf_reader *r, size_t *len);

#endif
