#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

void buf_grow(struct buf *buf, size_t more)
{
    size_t want = buf->len + more;
    size_t cap = buf->cap ? buf->cap * 2 : 64;
    if (cap < want)
        cap = want;
    uint8_t *data = want < more ? NULL : realloc(buf->data, cap);
    if (!data) {
        fprintf(stderr, "cairn: out of memory growing a buffer to %zu bytes\n", cap);
        abort();
    }
    buf->data = data;
    buf->cap = cap;
}

void buf_done(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n > 0) {
        buf_reserve(buf, (size_t)n + 1);
        vsnprintf((char *)buf->data + buf->len, (size_t)n + 1, fmt, again);
        buf->len += (size_t)n;
    }
    va_end(again);
}

void buf_consume(struct buf *buf, size_t n)
{
    if (n >= buf->len) {
        buf->len = 0;
        return;
    }
    if (n == 0)
        return;
    memmove(buf->data, buf->data + n, buf->len - n);
    buf->len -= n;
}

const char *buf_text(struct buf *buf)
{
    buf_reserve(buf, 1);
    buf->data[buf->len] = 0;
    return (const char *)buf->data;
}

size_t varint_size(uint64_t v)
{
    size_t bits = 64 - (size_t)__builtin_clzll(v | 1);
    return (bits + 6) / 7;
}

size_t varint_store(uint8_t *at, uint64_t v)
{
    size_t n = 0;
    while (v >= 0x80) {
        at[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    at[n++] = (uint8_t)v;
    return n;
}

void buf_put_varint(struct buf *buf, uint64_t v)
{
    buf_reserve(buf, VARINT_BYTES_MAX);
    buf->len += varint_store(buf->data + buf->len, v);
}

void buf_put_sized(struct buf *buf, const void *data, size_t n)
{
    buf_put_varint(buf, n);
    buf_put(buf, data, n);
}

uint64_t buf_take_varint(struct buf_reader *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const uint8_t *p = buf_take(r, 1);
        if (!p)
            return 0;
        uint64_t bits = *p & 0x7f;
        if (shift == 63 && bits > 1)
            break;
        v |= bits << shift;
        if (!(*p & 0x80))
            return v;
    }
    r->bad = true;
    r->at = r->end;
    return 0;
}

const uint8_t *buf_take_sized(struct buf_reader *r, size_t *len)
{
    uint64_t n = buf_take_varint(r);
    *len = 0;
    if (r->bad || n > buf_reader_left(r)) {
        r->bad = true;
        r->at = r->end;
        return NULL;
    }
    *len = (size_t)n;
    return buf_take(r, (size_t)n);
}
