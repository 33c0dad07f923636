/* keyword_int.h: is this word a keyword?
 *
 * The table is generated at build time from keywords.def (tools/keyword_gen.c): a perfect hash
 * found by search, so a look-up is one hash, one comparison. */
#ifndef CAIRN_PARSER_KEYWORD_INT_H
#define CAIRN_PARSER_KEYWORD_INT_H

#include <stddef.h>
#include <stdint.h>

struct keyword {
    const char *word;
    uint16_t token;
    uint8_t class; /* enum keyword_class */
    uint8_t len;
    uint8_t bare_label;
};

/* word: lower case, len bytes, not NUL-terminated. NULL when it is no keyword. */
const struct keyword *keyword_find(const char *word, size_t len);

#endif
