/* tpch_text.h: random numbers, words and pseudo text of the TPC-H specification.
 *
 * Randomness is counter based: a draw depends on (column, row, index) alone, so any row of any
 * table can be generated without its predecessors and two runs agree to the byte. Text is cut from
 * one pool of sentences made by the specification's grammar (clause 4.2.2.10); the pool here is 32
 * MiB, the specification's 300.
 *
 * Ownership: the pool belongs to the caller of text_pool_create. Nothing is global. Out of memory
 * ends the program.
 */
#ifndef CAIRN_TESTS_BENCH_TPCH_TEXT_H
#define CAIRN_TESTS_BENCH_TPCH_TEXT_H

#include <stddef.h>
#include <stdint.h>

enum word_list {
#define LIST(name) WORDS_##name,
#define W(word, weight)
#define END
#include "tests/bench/tpch_words.def"
#undef LIST
#undef W
#undef END
    WORD_LISTS
};

/* A point in the random space: advance `at` for the next draw of the same cell. */
struct draw {
    uint64_t column, row, at;
};

/* Uniform in [low, high]. */
int64_t draw_range(struct draw *draw, int64_t low, int64_t high);
const char *draw_word(struct draw *draw, enum word_list list);
int word_count(enum word_list list);
const char *word_at(enum word_list list, int index);

struct text_pool {
    char *text;
    size_t size_bytes;
};

void text_pool_create(struct text_pool *pool);
void text_pool_destroy(struct text_pool *pool);
/* Writes between min and max characters of the pool and a terminator; returns the length. */
int draw_text(struct draw *draw, const struct text_pool *pool, int min, int max, char *out);
/* Random letters, digits, comma and blank (clause 4.2.2.7). */
int draw_v_string(struct draw *draw, int min, int max, char *out);

#endif
