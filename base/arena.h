/* arena.h: memory by lifetime.
 *
 * An arena hands out memory by bumping a pointer through chunks and frees all of it at once.
 * Lifetimes are node, session, transaction, statement, batch; an arena is passed explicitly
 * wherever something is allocated, there is no current context.
 *
 * Accounting: an arena belongs to an optional `struct mem_account` (a statement's, a session's).
 * Each chunk is charged to it and its parents; when a limit would be passed, arena_try_alloc
 * returns NULL and the caller reports ERR_OUT_OF_MEMORY (53200). arena_alloc is for amounts bounded
 * by the program itself (nodes of a tree, headers): it never returns NULL; passing a limit there
 * only raises account->over_limit, which the statement checks at its next batch boundary. When the
 * system itself is out of memory arena_alloc aborts with a message.
 *
 * Invariants
 * 1. Memory from an arena is 16-byte aligned and stays put until arena_reset or arena_done.
 * 2. An arena is used by one fiber at a time; it may move between cores by ownership.
 */
#ifndef CAIRN_BASE_ARENA_H
#define CAIRN_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct mem_account {
    struct mem_account *parent; /* charged too; NULL at the top */
    uint64_t used_bytes;
    uint64_t peak_bytes;
    uint64_t limit_bytes; /* 0 = unlimited */
    bool over_limit;      /* an unrefusable charge passed the limit */
};

/* False (nothing charged) when this or a parent's limit would be passed. */
bool mem_charge(struct mem_account *account, uint64_t bytes);
void mem_charge_always(struct mem_account *account, uint64_t bytes);
void mem_release(struct mem_account *account, uint64_t bytes);

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
    char *at;
    char *end;
    size_t chunk_bytes; /* size of the next chunk; doubles up to 1 MiB */
    size_t total_bytes;
    struct mem_account *account; /* may be NULL */
};

/* No memory is taken until the first allocation. */
void arena_init(struct arena *arena, struct mem_account *account);
void arena_done(struct arena *arena);
/* Frees everything but keeps one chunk of at most 64 KiB for reuse. */
void arena_reset(struct arena *arena);

void *arena_alloc(struct arena *arena, size_t bytes) __attribute__((malloc, alloc_size(2)));
void *arena_zalloc(struct arena *arena, size_t bytes) __attribute__((malloc, alloc_size(2)));
/* NULL when the account's limit forbids it. */
void *arena_try_alloc(struct arena *arena, size_t bytes) __attribute__((malloc, alloc_size(2)));

char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t len); /* always NUL-terminated */
void *arena_memdup(struct arena *arena, const void *data, size_t len);
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define arena_new(arena, type) ((type *)arena_zalloc((arena), sizeof(type)))
#define arena_array(arena, type, count)                                                            \
    ((type *)arena_zalloc((arena), sizeof(type) * (size_t)(count)))

#endif
