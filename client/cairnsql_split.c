#include "client/cairnsql_split.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

void cairnsql_split_reset(struct cairnsql_split *split)
{
    *split = (struct cairnsql_split){0};
}

static bool is_name_start(unsigned char c)
{
    return isalpha(c) || c == '_' || c >= 0x80;
}

static bool is_name_char(unsigned char c)
{
    return is_name_start(c) || isdigit(c);
}

void cairnsql_put_variable(struct buf *out, const char *value, char quote)
{
    if (!quote) {
        buf_put_text(out, value);
        return;
    }
    if (quote == '\'' && strchr(value, '\\'))
        buf_put_text(out, " E");
    buf_put(out, &quote, 1);
    for (const char *c = value; *c; c++) {
        if (*c == quote || (quote == '\'' && *c == '\\'))
            buf_put(out, c, 1);
        buf_put(out, c, 1);
    }
    buf_put(out, &quote, 1);
}

/* :name, :'name', :"name", :{?name} at line + at (the colon). Returns the bytes it took, 0 when it
 * is none. */
static size_t put_variable_at(const struct cairnsql_vars *vars, const char *line, size_t at,
                              struct buf *query)
{
    char name[128];
    char quote = line[at + 1] == '\'' || line[at + 1] == '"' ? line[at + 1] : 0;
    bool test = strncmp(line + at + 1, "{?", 2) == 0;
    size_t from = at + 1 + (quote != 0) + 2 * (size_t)test;
    size_t n = 0;
    while (is_name_char((unsigned char)line[from + n]))
        n++;
    if (n == 0 || n >= sizeof name || (quote && line[from + n] != quote) ||
        (test && line[from + n] != '}'))
        return 0;
    memcpy(name, line + from, n);
    name[n] = 0;
    const char *value = cairnsql_var_get(vars, name);
    if (test)
        buf_put_text(query, value ? "TRUE" : "FALSE");
    else if (value)
        cairnsql_put_variable(query, value, quote);
    else
        return 0;
    return from + n + (quote || test) - at;
}

/* One word of the statement, for CREATE FUNCTION ... BEGIN ATOMIC ... END. */
static void see_word(struct cairnsql_split *split, const char *word, size_t len)
{
    static const char *const routine[] = {"function", "procedure"};
    if (split->word_count < 4) {
        split->words[split->word_count] = (char)tolower((unsigned char)word[0]);
        bool after_create = split->word_count == 1 || split->word_count == 3;
        for (size_t i = 0; i < 2; i++)
            if (after_create && split->words[0] == 'c' && strlen(routine[i]) == len &&
                strncasecmp(word, routine[i], len) == 0)
                split->is_routine = true;
        if (split->word_count == 0 && !(len == 6 && strncasecmp(word, "create", 6) == 0))
            split->words[0] = 0;
    }
    split->word_count++;
    if (!split->is_routine || split->paren_depth)
        return;
    if ((len == 5 && strncasecmp(word, "begin", 5) == 0) ||
        (len == 4 && split->body_depth && strncasecmp(word, "case", 4) == 0))
        split->body_depth++;
    else if (len == 3 && split->body_depth && strncasecmp(word, "end", 3) == 0)
        split->body_depth--;
}

/* The tag at a dollar, with both its dollars; 0 when the dollar starts none. */
static size_t dollar_tag_len(const char *text)
{
    size_t n = 1;
    if (is_name_start((unsigned char)text[n]))
        while (is_name_char((unsigned char)text[n]))
            n++;
    return text[n] == '$' ? n + 1 : 0;
}

/* Copies to the end of the quote, dollar quote or comment, or of the line. */
static size_t copy_quoted(struct cairnsql_split *split, const char *line, size_t i,
                          struct buf *query)
{
    size_t from = i;
    size_t tag_len = strlen(split->tag);
    while (line[i] && split->mode != SPLIT_PLAIN) {
        char c = line[i];
        if (split->mode == SPLIT_ESCAPED && c == '\\' && line[i + 1]) {
            i += 2;
        } else if (split->mode == SPLIT_COMMENT && strncmp(line + i, "/*", 2) == 0) {
            split->comment_depth++;
            i += 2;
        } else if (split->mode == SPLIT_COMMENT && strncmp(line + i, "*/", 2) == 0) {
            i += 2;
            if (--split->comment_depth == 0)
                split->mode = SPLIT_PLAIN;
        } else if (split->mode == SPLIT_DOLLAR && strncmp(line + i, split->tag, tag_len) == 0) {
            i += tag_len;
            split->mode = SPLIT_PLAIN;
        } else if ((split->mode == SPLIT_SINGLE || split->mode == SPLIT_ESCAPED) && c == '\'') {
            i++;
            split->mode = SPLIT_PLAIN;
        } else if (split->mode == SPLIT_DOUBLE && c == '"') {
            i++;
            split->mode = SPLIT_PLAIN;
        } else {
            i++;
        }
    }
    buf_put(query, line + from, i - from);
    return i;
}

/* Does a quote, dollar quote or comment start here? */
static bool enter_quoted(struct cairnsql_split *split, const char *line, size_t i,
                         struct buf *query, size_t *skip)
{
    char c = line[i];
    *skip = 1;
    if (c == '\'') {
        bool escaped = i > 0 && (line[i - 1] | 0x20) == 'e' &&
                       !(i > 1 && is_name_char((unsigned char)line[i - 2]));
        split->mode = escaped ? SPLIT_ESCAPED : SPLIT_SINGLE;
    } else if (c == '"') {
        split->mode = SPLIT_DOUBLE;
    } else if (c == '/' && line[i + 1] == '*') {
        split->mode = SPLIT_COMMENT;
        split->comment_depth = 1;
        *skip = 2;
    } else if (c == '$' && dollar_tag_len(line + i) &&
               dollar_tag_len(line + i) < sizeof split->tag) {
        *skip = dollar_tag_len(line + i);
        memcpy(split->tag, line + i, *skip);
        split->tag[*skip] = 0;
        split->mode = SPLIT_DOLLAR;
    } else {
        return false;
    }
    buf_put(query, line + i, *skip);
    return true;
}

/* A word, number or anything that is neither: copied whole. Returns where it ends. */
static size_t copy_word(struct cairnsql_split *split, const char *line, size_t i, struct buf *query)
{
    size_t from = i;
    while (is_name_char((unsigned char)line[i]) || line[i] == '$')
        i++;
    bool prefix = i - from == 1 && (line[from] | 0x20) == 'e' && line[i] == '\'';
    if (is_name_start((unsigned char)line[from]) && !prefix)
        see_word(split, line + from, i - from);
    buf_put(query, line + from, i - from);
    return i;
}

enum cairnsql_split_end cairnsql_split_line(struct cairnsql_split *split,
                                            const struct cairnsql_vars *vars, const char *line,
                                            size_t *at, struct buf *query)
{
    size_t i = *at;
    while (line[i]) {
        size_t skip;
        if (split->mode != SPLIT_PLAIN) {
            i = copy_quoted(split, line, i, query);
            continue;
        }
        char c = line[i];
        bool comment = c == '-' && line[i + 1] == '-';
        if (comment || isspace((unsigned char)c)) {
            size_t n = comment ? strlen(line + i) : 1;
            if (query->len)
                buf_put(query, line + i, n);
            i += n;
        } else if (enter_quoted(split, line, i, query, &skip)) {
            i += skip;
        } else if (c == '\\') {
            *at = i + 1;
            if (line[i + 1] == ';') { /* a semicolon that does not send */
                buf_put_text(query, ";");
                i += 2;
                continue;
            }
            return SPLIT_BACKSLASH;
        } else if (c == ';' && split->paren_depth == 0 && split->body_depth == 0) {
            buf_put_text(query, ";");
            *at = i + 1;
            return SPLIT_SEMICOLON;
        } else if (c == ':' && line[i + 1] == ':') {
            buf_put_text(query, "::");
            i += 2;
        } else if (c == ':' && (skip = put_variable_at(vars, line, i, query)) > 0) {
            i += skip;
        } else if (is_name_char((unsigned char)c)) {
            i = copy_word(split, line, i, query);
        } else {
            if (c == '(')
                split->paren_depth++;
            else if (c == ')' && split->paren_depth > 0)
                split->paren_depth--;
            buf_put(query, &c, 1);
            i++;
        }
    }
    *at = i;
    return SPLIT_LINE_END;
}

char cairnsql_split_waits(const struct cairnsql_split *split, const struct buf *query)
{
    static const char waits[] = {
        [SPLIT_PLAIN] = '-',  [SPLIT_SINGLE] = '\'', [SPLIT_ESCAPED] = '\'',
        [SPLIT_DOUBLE] = '"', [SPLIT_DOLLAR] = '$',  [SPLIT_COMMENT] = '*'};
    if (split->mode == SPLIT_PLAIN && split->paren_depth)
        return '(';
    return split->mode == SPLIT_PLAIN && !query->len ? '=' : waits[split->mode];
}
