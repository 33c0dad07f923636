#include "tests/bench/tpch_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POOL_BYTES = 32 << 20, SENTENCE_MAX = 512, COLUMN_POOL = 999 };

struct word {
    const char *text;
    int weight;
};

#define LIST(name) static const struct word words_##name[] = {
#define W(word, weight) {word, weight},
#define END                                                                                        \
    {                                                                                              \
        NULL, 0                                                                                    \
    }                                                                                              \
    }                                                                                              \
    ;
#include "tests/bench/tpch_words.def"
#undef LIST
#undef W
#undef END

static const struct word *const lists[WORD_LISTS] = {
#define LIST(name) words_##name,
#define W(word, weight)
#define END
#include "tests/bench/tpch_words.def"
#undef LIST
#undef W
#undef END
};

/* splitmix64's finalizer: every input bit reaches every output bit. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

int64_t draw_range(struct draw *draw, int64_t low, int64_t high)
{
    uint64_t x = mix(mix(draw->column * 0x2545f4914f6cdd1dull ^ draw->row) + draw->at++);
    uint64_t span = (uint64_t)(high - low) + 1;
    return low + (int64_t)(uint64_t)((unsigned __int128)x * span >> 64);
}

int word_count(enum word_list list)
{
    int n = 0;
    while (lists[list][n].text)
        n++;
    return n;
}

const char *word_at(enum word_list list, int index)
{
    return lists[list][index].text;
}

const char *draw_word(struct draw *draw, enum word_list list)
{
    int total = 0;
    for (const struct word *w = lists[list]; w->text; w++)
        total += w->weight;
    int64_t pick = draw_range(draw, 0, total - 1);
    const struct word *w = lists[list];
    for (; pick >= w->weight; w++)
        pick -= w->weight;
    return w->text;
}

static void add(char *out, const char *text)
{
    if (*out)
        strcat(out, " ");
    strcat(out, text);
}

static void add_noun_phrase(struct draw *d, char *out)
{
    int64_t form = draw_range(d, 0, 99);
    if (form >= 10 && form < 40)
        add(out, draw_word(d, WORDS_adjectives));
    if (form >= 40 && form < 60) {
        add(out, draw_word(d, WORDS_adjectives));
        strcat(out, ",");
        add(out, draw_word(d, WORDS_adjectives));
    }
    if (form >= 60) {
        add(out, draw_word(d, WORDS_adverbs));
        add(out, draw_word(d, WORDS_adjectives));
    }
    add(out, draw_word(d, WORDS_nouns));
}

static void add_verb_phrase(struct draw *d, char *out)
{
    int64_t form = draw_range(d, 0, 3);
    if (form & 1)
        add(out, draw_word(d, WORDS_auxiliaries));
    add(out, draw_word(d, WORDS_verbs));
    if (form & 2)
        add(out, draw_word(d, WORDS_adverbs));
}

static void add_prepositional_phrase(struct draw *d, char *out)
{
    add(out, draw_word(d, WORDS_prepositions));
    add(out, "the");
    add_noun_phrase(d, out);
}

/* N V T | N V P T | N V N T | N P V N T | N P V P T */
static void make_sentence(struct draw *d, char *out)
{
    int64_t form = draw_range(d, 0, 4);
    *out = 0;
    add_noun_phrase(d, out);
    if (form >= 3)
        add_prepositional_phrase(d, out);
    add_verb_phrase(d, out);
    if (form == 1 || form == 4)
        add_prepositional_phrase(d, out);
    if (form == 2 || form == 3)
        add_noun_phrase(d, out);
    strcat(out, draw_word(d, WORDS_terminators));
}

void text_pool_create(struct text_pool *pool)
{
    struct draw d = {COLUMN_POOL, 0, 0};
    char sentence[SENTENCE_MAX];
    pool->text = malloc(POOL_BYTES + SENTENCE_MAX);
    pool->size_bytes = POOL_BYTES;
    if (!pool->text) {
        fprintf(stderr, "tpch_gen: out of memory for the text pool\n");
        exit(1);
    }
    for (size_t at = 0; at < POOL_BYTES;) {
        make_sentence(&d, sentence);
        size_t len = strlen(sentence);
        memcpy(pool->text + at, sentence, len);
        pool->text[at + len] = ' ';
        at += len + 1;
    }
}

void text_pool_destroy(struct text_pool *pool)
{
    free(pool->text);
}

int draw_text(struct draw *draw, const struct text_pool *pool, int min, int max, char *out)
{
    int len = (int)draw_range(draw, min, max);
    int64_t at = draw_range(draw, 0, (int64_t)pool->size_bytes - len);
    memcpy(out, pool->text + at, (size_t)len);
    out[len] = 0;
    return len;
}

int draw_v_string(struct draw *draw, int min, int max, char *out)
{
    static const char alphabet[] =
        "0123456789abcdefghijklmnopqrstuvwxyz,ABCDEFGHIJKLMNOPQRSTUVWXYZ ";
    int len = (int)draw_range(draw, min, max);
    for (int i = 0; i < len; i++)
        out[i] = alphabet[draw_range(draw, 0, (int64_t)sizeof alphabet - 2)];
    out[len] = 0;
    return len;
}
