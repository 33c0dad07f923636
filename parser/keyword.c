#include "parser/keyword_int.h"

#include <string.h>

#include "parser/grammar.h"
#include "parser/keyword_table.h"
#include "parser/parser.h"

#define LABEL_BARE 1
#define LABEL_AS 0
static const struct keyword keywords[] = {
#define KEYWORD(word, token, class, label) \
    {#word, token, KEYWORD_##class, sizeof #word - 1, LABEL_##label},
#include "parser/keywords.def"
#undef KEYWORD
};

/* Must be the same as hash_word in tools/keyword_gen.c. */
static uint32_t hash_word(const char *word, size_t len)
{
    uint32_t h = 2166136261u ^ (uint32_t)len;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)word[i]) * 16777619u;
    return h;
}

const struct keyword *keyword_find(const char *word, size_t len)
{
    uint32_t h = hash_word(word, len);
    unsigned shift = keyword_displacement[h % KEYWORD_BUCKETS];
    int index = keyword_slot[((h >> 16) + shift) % KEYWORD_SLOTS];
    if (index < 0)
        return NULL;
    const struct keyword *found = &keywords[index];
    return found->len == len && memcmp(found->word, word, len) == 0 ? found : NULL;
}

enum keyword_class parse_keyword_class(const char *word)
{
    const struct keyword *found = keyword_find(word, strlen(word));
    return found ? (enum keyword_class)found->class : KEYWORD_NONE;
}
