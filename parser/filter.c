#include "parser/filter_int.h"

#include <string.h>

#define WORDS_MAX 5

static const struct {
    const char *command;
    int words[WORDS_MAX];
} unsupported[] = {
#define UNSUPPORTED(command, ...) {command, {__VA_ARGS__}},
#include "parser/unsupported.def"
#undef UNSUPPORTED
};

void filter_init(struct filter *filter, const char *text, uint32_t len, struct arena *arena,
                 struct err *err)
{
    memset(filter, 0, sizeof *filter);
    scan_init(&filter->scan, text, len, arena, err);
    filter->at_statement_start = true;
}

/* The code of the i-th token not yet given out. */
static int peek_code(struct filter *filter, unsigned i)
{
    while (filter->count <= i) {
        unsigned slot = (filter->first + filter->count) % FILTER_AHEAD_MAX;
        filter->ahead[slot].code = scan_next(&filter->scan, &filter->ahead[slot].token);
        filter->count++;
        if (filter->ahead[slot].code <= 0)
            return filter->ahead[slot].code;
    }
    return filter->ahead[(filter->first + i) % FILTER_AHEAD_MAX].code;
}

static int take_token(struct filter *filter, struct parse_token *token)
{
    if (filter->count == 0)
        return scan_next(&filter->scan, token);
    int code = filter->ahead[filter->first].code;
    *token = filter->ahead[filter->first].token;
    filter->first = (filter->first + 1) % FILTER_AHEAD_MAX;
    filter->count--;
    return code;
}

static int join_uescape(struct filter *filter, struct parse_token *token, int code)
{
    char escape = '\\';
    uint32_t at = token->start;
    if (peek_code(filter, 0) == TK_UESCAPE) {
        struct parse_token next;
        (void)take_token(filter, &next);
        int next_code = take_token(filter, &next);
        if (next_code == SCAN_ERROR)
            return SCAN_ERROR;
        if (next_code != TK_SCONST)
            return scan_error_near(&filter->scan, next.start, next.end,
                                   "UESCAPE must be followed by a simple string literal");
        char c = next.text[0];
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (!c || next.text[1] || hex || strchr("+'\" \t\n\r\f\v", c))
            return scan_error_near(&filter->scan, next.start, next.end,
                                   "invalid Unicode escape character");
        escape = c;
        token->end = next.end;
    } else if (filter->count && filter->ahead[filter->first].code == SCAN_ERROR) {
        return SCAN_ERROR;
    }
    if (scan_unicode(&filter->scan, token->text, escape, at, &token->text))
        return SCAN_ERROR;
    if (code == TK_USCONST)
        return TK_SCONST;
    size_t len = strlen(token->text);
    size_t cut = scan_name_cut(token->text, len);
    if (cut < len)
        token->text = arena_strndup(filter->scan.arena, token->text, cut);
    return TK_IDENT;
}

static int refine_code(struct filter *filter, int code)
{
    int next;
    switch (code) {
    case TK_NOT:
        next = peek_code(filter, 0);
        return next == TK_BETWEEN || next == TK_IN || next == TK_LIKE || next == TK_ILIKE ||
                       next == TK_SIMILAR
                   ? TK_NOT_LA
                   : code;
    case TK_NULLS:
        next = peek_code(filter, 0);
        return next == TK_FIRST || next == TK_LAST ? TK_NULLS_LA : code;
    case TK_WITH:
        next = peek_code(filter, 0);
        return next == TK_TIME || next == TK_ORDINALITY ? TK_WITH_LA : code;
    case TK_IF:
        next = peek_code(filter, 0);
        return next == TK_EXISTS || (next == TK_NOT && peek_code(filter, 1) == TK_EXISTS) ? TK_IF_LA
                                                                                          : code;
    default:
        return code;
    }
}

/* The command of unsupported.def that starts with the tokens ahead (the first of them has `code`),
 * or NULL. */
static const char *match_unsupported(struct filter *filter, int code)
{
    unsigned skip = 0;
    if (code == TK_CREATE && peek_code(filter, 0) == TK_OR && peek_code(filter, 1) == TK_REPLACE)
        skip = 2;
    for (size_t k = 0; k < sizeof unsupported / sizeof unsupported[0]; k++) {
        const int *words = unsupported[k].words;
        if (words[0] != code)
            continue;
        unsigned i = 1;
        while (i < WORDS_MAX && words[i] && peek_code(filter, skip + i - 1) == words[i])
            i++;
        if (i == WORDS_MAX || !words[i])
            return unsupported[k].command;
    }
    return NULL;
}

/* Everything to the semicolon that ends the statement; one inside brackets (CREATE RULE's actions)
 * does not. */
static int swallow_statement(struct filter *filter, struct parse_token *token, const char *command)
{
    uint32_t start = token->start;
    uint32_t end = token->end;
    int depth = 0;
    for (;;) {
        int next = peek_code(filter, 0);
        if (next == SCAN_ERROR)
            return SCAN_ERROR;
        if (next == 0 || (next == TK_SEMI && depth <= 0))
            break;
        (void)take_token(filter, token);
        depth += (next == TK_LPAREN) - (next == TK_RPAREN);
        end = token->end;
    }
    token->start = start;
    token->end = end;
    token->text = command;
    return TK_UNSUPPORTED;
}

int filter_next(struct filter *filter, struct parse_token *token)
{
    int code = take_token(filter, token);
    bool first = filter->at_statement_start;
    filter->at_statement_start = code == TK_SEMI;
    if (first && (code == TK_CREATE || code == TK_ALTER || code == TK_DROP || code == TK_IMPORT ||
                  code == TK_SECURITY)) {
        const char *command = match_unsupported(filter, code);
        if (command)
            return swallow_statement(filter, token, command);
    }
    if (code == TK_UIDENT || code == TK_USCONST)
        return join_uescape(filter, token, code);
    return refine_code(filter, code);
}
