#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_FIRST = 1024, CHUNK_MAX = 1024 * 1024, KEEP_MAX = 64 * 1024, ALIGN = 16 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size_bytes; /* of the whole chunk, header included */
};

bool mem_charge(struct mem_account *account, uint64_t bytes)
{
    for (struct mem_account *a = account; a; a = a->parent)
        if (a->limit_bytes && a->used_bytes + bytes > a->limit_bytes)
            return false;
    mem_charge_always(account, bytes);
    return true;
}

void mem_charge_always(struct mem_account *account, uint64_t bytes)
{
    for (struct mem_account *a = account; a; a = a->parent) {
        a->used_bytes += bytes;
        if (a->used_bytes > a->peak_bytes)
            a->peak_bytes = a->used_bytes;
        if (a->limit_bytes && a->used_bytes > a->limit_bytes)
            a->over_limit = true;
    }
}

void mem_release(struct mem_account *account, uint64_t bytes)
{
    for (struct mem_account *a = account; a; a = a->parent)
        a->used_bytes -= bytes;
}

void arena_init(struct arena *arena, struct mem_account *account)
{
    *arena = (struct arena){.chunk_bytes = CHUNK_FIRST, .account = account};
}

static void free_chunks(struct arena *arena, struct arena_chunk *chunk)
{
    while (chunk) {
        struct arena_chunk *next = chunk->next;
        mem_release(arena->account, chunk->size_bytes);
        arena->total_bytes -= chunk->size_bytes;
        free(chunk);
        chunk = next;
    }
}

void arena_done(struct arena *arena)
{
    free_chunks(arena, arena->chunks);
    arena_init(arena, arena->account);
}

static void use_chunk(struct arena *arena, struct arena_chunk *chunk)
{
    arena->at = (char *)chunk + sizeof *chunk;
    arena->end = (char *)chunk + chunk->size_bytes;
}

void arena_reset(struct arena *arena)
{
    struct arena_chunk *keep = NULL;
    struct arena_chunk **link = &arena->chunks;
    for (struct arena_chunk *c = arena->chunks; c; link = &c->next, c = c->next) {
        if (c->size_bytes <= KEEP_MAX) {
            *link = c->next;
            keep = c;
            break;
        }
    }
    free_chunks(arena, arena->chunks);
    arena->chunks = keep;
    arena->at = arena->end = NULL;
    if (keep) {
        keep->next = NULL;
        use_chunk(arena, keep);
    }
}

static void *take_from_new_chunk(struct arena *arena, size_t bytes, bool refusable)
{
    size_t need = bytes + sizeof(struct arena_chunk);
    size_t size = arena->chunk_bytes;
    bool dedicated = need > size / 2 && need > CHUNK_FIRST;
    if (dedicated || need > size)
        size = need;
    if (size < bytes)
        return NULL;
    if (refusable && arena->account) {
        if (!mem_charge(arena->account, size))
            return NULL;
    } else {
        mem_charge_always(arena->account, size);
    }
    struct arena_chunk *chunk = malloc(size);
    if (!chunk) {
        mem_release(arena->account, size);
        return NULL;
    }
    chunk->size_bytes = size;
    arena->total_bytes += size;
    if (dedicated && arena->chunks) {
        /* Behind the current chunk, which still has room for small things. */
        chunk->next = arena->chunks->next;
        arena->chunks->next = chunk;
        return (char *)chunk + sizeof *chunk;
    }
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    use_chunk(arena, chunk);
    if (arena->chunk_bytes < CHUNK_MAX)
        arena->chunk_bytes *= 2;
    void *out = arena->at;
    arena->at += bytes;
    return out;
}

static void *alloc_aligned(struct arena *arena, size_t bytes, bool refusable)
{
    size_t rounded = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (rounded < bytes)
        return NULL;
    if (rounded == 0)
        rounded = ALIGN;
    if (rounded <= (size_t)(arena->end - arena->at)) {
        void *out = arena->at;
        arena->at += rounded;
        return out;
    }
    return take_from_new_chunk(arena, rounded, refusable);
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    void *out = alloc_aligned(arena, bytes, false);
    if (!out) {
        fprintf(stderr, "cairn: out of memory allocating %zu bytes\n", bytes);
        abort();
    }
    return out;
}

void *arena_zalloc(struct arena *arena, size_t bytes)
{
    return memset(arena_alloc(arena, bytes), 0, bytes);
}

void *arena_try_alloc(struct arena *arena, size_t bytes)
{
    return alloc_aligned(arena, bytes, true);
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
    char *out = arena_alloc(arena, len + 1);
    if (len)
        memcpy(out, text, len);
    out[len] = 0;
    return out;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

void *arena_memdup(struct arena *arena, const void *data, size_t len)
{
    void *out = arena_alloc(arena, len);
    if (len)
        memcpy(out, data, len);
    return out;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *out = arena_alloc(arena, (size_t)(n < 0 ? 0 : n) + 1);
    out[0] = 0;
    if (n >= 0)
        vsnprintf(out, (size_t)n + 1, fmt, again);
    va_end(again);
    return out;
}
