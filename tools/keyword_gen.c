/* keyword_gen: prints the perfect hash of parser/keywords.def as C.
 *
 * Hash and displace: a word's bucket is h(word) % BUCKETS, its slot (h2(word) +
 * displacement[bucket]) % SLOTS; buckets are placed largest first, each with the smallest
 * displacement that hits only free slots. Deterministic. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 256u
#define SLOTS 1024u

static const char *const words[] = {
#define KEYWORD(word, token, class, label) #word,
#include "parser/keywords.def"
#undef KEYWORD
};
#define COUNT (sizeof words / sizeof words[0])

/* Must be the same as hash_word in parser/keyword.c. */
static uint32_t hash_word(const char *word, size_t len)
{
    uint32_t h = 2166136261u ^ (uint32_t)len;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)word[i]) * 16777619u;
    return h;
}

static int bucket_size[BUCKETS];
static uint16_t displacement[BUCKETS];
static int slot_word[SLOTS];

static int place_bucket(unsigned bucket)
{
    for (unsigned d = 0; d < SLOTS; d++) {
        unsigned taken[COUNT];
        size_t n = 0;
        int fits = 1;
        for (size_t w = 0; w < COUNT && fits; w++) {
            uint32_t h = hash_word(words[w], strlen(words[w]));
            if (h % BUCKETS != bucket)
                continue;
            unsigned slot = ((h >> 16) + d) % SLOTS;
            fits = slot_word[slot] < 0;
            for (size_t i = 0; i < n; i++)
                fits = fits && taken[i] != slot;
            taken[n++] = slot;
        }
        if (!fits)
            continue;
        displacement[bucket] = (uint16_t)d;
        n = 0;
        for (size_t w = 0; w < COUNT; w++)
            if (hash_word(words[w], strlen(words[w])) % BUCKETS == bucket)
                slot_word[taken[n++]] = (int)w;
        return 1;
    }
    return 0;
}

int main(void)
{
    for (unsigned s = 0; s < SLOTS; s++)
        slot_word[s] = -1;
    int largest = 0;
    for (size_t w = 0; w < COUNT; w++) {
        int size = ++bucket_size[hash_word(words[w], strlen(words[w])) % BUCKETS];
        largest = size > largest ? size : largest;
    }
    for (int size = largest; size > 0; size--)
        for (unsigned b = 0; b < BUCKETS; b++)
            if (bucket_size[b] == size && !place_bucket(b)) {
                fprintf(stderr, "keyword_gen: no perfect hash; enlarge SLOTS\n");
                return 1;
            }
    printf("#define KEYWORD_BUCKETS %uu\n#define KEYWORD_SLOTS %uu\n", BUCKETS, SLOTS);
    printf("static const uint16_t keyword_displacement[KEYWORD_BUCKETS] = {");
    for (unsigned b = 0; b < BUCKETS; b++)
        printf("%s%u,", b % 16 ? " " : "\n    ", displacement[b]);
    printf("\n};\n/* index into keywords.def's order, -1 = free */\n");
    printf("static const int16_t keyword_slot[KEYWORD_SLOTS] = {");
    for (unsigned s = 0; s < SLOTS; s++)
        printf("%s%d,", s % 16 ? " " : "\n    ", slot_word[s]);
    printf("\n};\n");
    return 0;
}
