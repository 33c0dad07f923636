#include "parser/scan_int.h"

#include <stdio.h>
#include <string.h>

#include "parser/keyword_int.h"

enum { CHAR_SPACE = 1, CHAR_NAME_START = 2, CHAR_DIGIT = 4, CHAR_OPERATOR = 8 };

static unsigned class_of(unsigned char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80)
        return CHAR_NAME_START;
    if (c >= '0' && c <= '9')
        return CHAR_DIGIT;
    switch (c) {
    case ' ':
    case '\t':
    case '\n':
    case '\r':
    case '\f':
        return CHAR_SPACE;
    case '~':
    case '!':
    case '@':
    case '#':
    case '^':
    case '&':
    case '|':
    case '`':
    case '?':
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
    case '<':
    case '>':
    case '=':
        return CHAR_OPERATOR;
    default:
        return 0;
    }
}

/* The byte at offset i, or 0 past the end (a NUL in the text ends nothing: it is an illegal
 * character). */
static unsigned char peek_at(const struct scan *scan, uint32_t i)
{
    return i < scan->len ? (unsigned char)scan->text[i] : 0;
}

static bool is_name_char(unsigned char c)
{
    return c == '$' || class_of(c) & (CHAR_NAME_START | CHAR_DIGIT);
}

static bool is_digit_at(const struct scan *scan, uint32_t i)
{
    return class_of(peek_at(scan, i)) == CHAR_DIGIT;
}

static int hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

void scan_init(struct scan *scan, const char *text, uint32_t len, struct arena *arena,
               struct err *err)
{
    memset(scan, 0, sizeof *scan);
    scan->text = text;
    scan->len = len;
    scan->arena = arena;
    scan->err = err;
}

static int32_t position_of(const struct scan *scan, uint32_t at)
{
    int32_t chars = 1;
    for (uint32_t i = 0; i < at && i < scan->len; i++)
        chars += ((unsigned char)scan->text[i] & 0xc0) != 0x80;
    return chars;
}

int scan_error_near(struct scan *scan, uint32_t start, uint32_t end, const char *message)
{
    if (start >= scan->len) {
        err_set(scan->err, ERR_SYNTAX_ERROR, "%s at end of input", message);
    } else {
        if (end > scan->len)
            end = scan->len;
        err_set(scan->err, ERR_SYNTAX_ERROR, "%s at or near \"%.*s\"", message, (int)(end - start),
                scan->text + start);
    }
    err_position(scan->err, position_of(scan, start));
    return SCAN_ERROR;
}

static int fail_at(struct scan *scan, enum err_code code, uint32_t at, const char *message)
{
    err_set(scan->err, code, "%s", message);
    err_position(scan->err, position_of(scan, at));
    return SCAN_ERROR;
}

size_t scan_name_cut(const char *name, size_t len)
{
    if (len <= SCAN_NAME_BYTES_MAX)
        return len;
    len = SCAN_NAME_BYTES_MAX;
    while (len > SCAN_NAME_BYTES_MAX - 3 && ((unsigned char)name[len] & 0xc0) == 0x80)
        len--;
    return len;
}

/* ---- the string being read ---- */

static void put_bytes(struct scan *scan, const char *bytes, size_t count)
{
    if (scan->buffer_len + count + 1 > scan->buffer_bytes) {
        /* Most literals are one run: fit it, and double only when a second one comes. */
        size_t bytes_new = (scan->buffer_bytes ? 2 * (scan->buffer_bytes + count) : count) + 32;
        char *grown = arena_alloc(scan->arena, bytes_new);
        if (scan->buffer_len)
            memcpy(grown, scan->buffer, scan->buffer_len);
        scan->buffer = grown;
        scan->buffer_bytes = bytes_new;
    }
    memcpy(scan->buffer + scan->buffer_len, bytes, count);
    scan->buffer_len += count;
}

static void put_byte(struct scan *scan, char byte)
{
    put_bytes(scan, &byte, 1);
}

static void put_codepoint(struct scan *scan, uint32_t c)
{
    char out[4];
    size_t n = 0;
    if (c < 0x80) {
        out[n++] = (char)c;
    } else if (c < 0x800) {
        out[n++] = (char)(0xc0 | c >> 6);
        out[n++] = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        out[n++] = (char)(0xe0 | c >> 12);
        out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        out[n++] = (char)(0x80 | (c & 0x3f));
    } else {
        out[n++] = (char)(0xf0 | c >> 18);
        out[n++] = (char)(0x80 | (c >> 12 & 0x3f));
        out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        out[n++] = (char)(0x80 | (c & 0x3f));
    }
    put_bytes(scan, out, n);
}

static char *take_buffer(struct scan *scan)
{
    if (!scan->buffer)
        put_bytes(scan, "", 0);
    if (!scan->buffer)
        return arena_strdup(scan->arena, "");
    scan->buffer[scan->buffer_len] = 0;
    char *text = scan->buffer;
    scan->buffer = NULL;
    scan->buffer_len = scan->buffer_bytes = 0;
    return text;
}

static void drop_buffer(struct scan *scan)
{
    scan->buffer = NULL;
    scan->buffer_len = scan->buffer_bytes = 0;
}

/* Escapes can spell bytes that are no UTF-8. */
static int check_utf8(struct scan *scan, uint32_t at)
{
    const unsigned char *s = (const unsigned char *)scan->buffer;
    for (size_t i = 0; i < scan->buffer_len;) {
        unsigned char c = s[i];
        size_t need = c == 0                  ? 0
                      : c < 0x80              ? 1
                      : c >= 0xc2 && c < 0xe0 ? 2
                      : c >= 0xe0 && c < 0xf0 ? 3
                      : c >= 0xf0 && c < 0xf5 ? 4
                                              : 0;
        bool good = need > 0 && i + need <= scan->buffer_len;
        for (size_t k = 1; good && k < need; k++)
            good = (s[i + k] & 0xc0) == 0x80;
        if (good && need == 3)
            good = !(c == 0xe0 && s[i + 1] < 0xa0) && !(c == 0xed && s[i + 1] > 0x9f);
        if (good && need == 4)
            good = !(c == 0xf0 && s[i + 1] < 0x90) && !(c == 0xf4 && s[i + 1] > 0x8f);
        if (!good) {
            char hex[32];
            size_t n = 0;
            size_t show = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
            for (size_t k = 0; k < show && i + k < scan->buffer_len; k++)
                n += (size_t)snprintf(hex + n, sizeof hex - n, "%s0x%02x", k ? " " : "", s[i + k]);
            err_set(scan->err, ERR_CHARACTER_NOT_IN_REPERTOIRE,
                    "invalid byte sequence for encoding \"UTF8\": %s", hex);
            err_position(scan->err, position_of(scan, at));
            return SCAN_ERROR;
        }
        i += need;
    }
    return 0;
}

/* ---- space and comments ---- */

/* Past -- to before the line's end. */
static uint32_t skip_line_comment(const struct scan *scan, uint32_t i)
{
    while (i < scan->len && scan->text[i] != '\n' && scan->text[i] != '\r')
        i++;
    return i;
}

static int skip_block_comment(struct scan *scan)
{
    uint32_t start = scan->at;
    uint32_t depth = 1;
    uint32_t i = start + 2;
    while (depth > 0) {
        if (i >= scan->len)
            return scan_error_near(scan, start, scan->len, "unterminated /* comment");
        if (scan->text[i] == '/' && peek_at(scan, i + 1) == '*') {
            depth++;
            i += 2;
        } else if (scan->text[i] == '*' && peek_at(scan, i + 1) == '/') {
            depth--;
            i += 2;
        } else {
            i++;
        }
    }
    scan->at = i;
    return 0;
}

static int skip_space(struct scan *scan)
{
    while (scan->at < scan->len) {
        unsigned char c = (unsigned char)scan->text[scan->at];
        if (class_of(c) == CHAR_SPACE) {
            scan->at++;
        } else if (c == '-' && peek_at(scan, scan->at + 1) == '-') {
            scan->at = skip_line_comment(scan, scan->at);
        } else if (c == '/' && peek_at(scan, scan->at + 1) == '*') {
            if (skip_block_comment(scan))
                return SCAN_ERROR;
        } else {
            break;
        }
    }
    return 0;
}

/* SQL joins 'a' and 'b' when only space with a line end (and -- comments) stands between. Returns
 * where the second literal's content starts, or 0. */
static uint32_t find_continuation(const struct scan *scan, uint32_t i)
{
    bool newline = false;
    for (;;) {
        unsigned char c = peek_at(scan, i);
        if (i >= scan->len)
            return 0;
        if (c == '\n' || c == '\r') {
            newline = true;
            i++;
        } else if (c == ' ' || c == '\t' || c == '\f') {
            i++;
        } else if (c == '-' && peek_at(scan, i + 1) == '-') {
            i = skip_line_comment(scan, i);
            if (newline &&
                i >= scan->len) /* after the first line end a comment counts only with its own */
                return 0;
        } else {
            return newline && c == '\'' ? i + 1 : 0;
        }
    }
}

/* ---- strings ---- */

/* \uXXXX or \UXXXXXXXX at i (the letter); pairs of surrogates join through *high. */
static int read_unicode_escape(struct scan *scan, uint32_t *i, uint32_t *high, uint32_t literal)
{
    uint32_t digits = scan->text[*i] == 'u' ? 4 : 8;
    uint32_t c = 0;
    for (uint32_t k = 1; k <= digits; k++) {
        int d = hex_digit(peek_at(scan, *i + k));
        if (d < 0) {
            fail_at(scan, ERR_INVALID_ESCAPE_SEQUENCE, *i - 1, "invalid Unicode escape");
            (void)err_hint(scan->err, "Unicode escapes must be \\uXXXX or \\UXXXXXXXX.");
            return SCAN_ERROR;
        }
        c = c << 4 | (uint32_t)d;
    }
    uint32_t end = *i + digits + 1;
    if (*high) {
        if (c < 0xdc00 || c > 0xdfff)
            return scan_error_near(scan, *i - 1, end, "invalid Unicode surrogate pair");
        c = 0x10000 + ((*high - 0xd800) << 10) + (c - 0xdc00);
        *high = 0;
    } else if (c >= 0xdc00 && c <= 0xdfff) {
        return scan_error_near(scan, *i - 1, end, "invalid Unicode surrogate pair");
    } else if (c >= 0xd800 && c <= 0xdbff) {
        *high = c;
        *i = end;
        return 0;
    }
    if (c == 0 || c > 0x10ffff)
        return scan_error_near(scan, *i - 1, end, "invalid Unicode escape value");
    put_codepoint(scan, c);
    *i = end;
    return 0;
}

/* A backslash escape; *i at the character after the backslash. */
static int read_escape(struct scan *scan, uint32_t *i, uint32_t *high, bool *check)
{
    unsigned char c = peek_at(scan, *i);
    if (c == 'u' || c == 'U')
        return read_unicode_escape(scan, i, high, *i);
    if (c == 'x' && hex_digit(peek_at(scan, *i + 1)) >= 0) {
        uint32_t value = 0;
        uint32_t k = 1;
        for (; k <= 2 && hex_digit(peek_at(scan, *i + k)) >= 0; k++)
            value = value << 4 | (uint32_t)hex_digit(peek_at(scan, *i + k));
        put_byte(scan, (char)value);
        *check = *check || value == 0 || value >= 0x80;
        *i += k;
        return 0;
    }
    if (c >= '0' && c <= '7') {
        uint32_t value = 0;
        uint32_t k = 0;
        for (; k < 3 && peek_at(scan, *i + k) >= '0' && peek_at(scan, *i + k) <= '7'; k++)
            value = value << 3 | (uint32_t)(peek_at(scan, *i + k) - '0');
        put_byte(scan, (char)value);
        *check = *check || (value & 0xff) == 0 || (value & 0xff) >= 0x80;
        *i += k;
        return 0;
    }
    static const char from[] = "bfnrtv";
    static const char to[] = "\b\f\n\r\t\v";
    const char *found = c ? strchr(from, c) : NULL;
    put_byte(scan, found ? to[found - from] : (char)c);
    *i += 1;
    return 0;
}

/* Reads a quoted body into the buffer; i at its first character. On success scan->at is past the
 * closing quote. */
static int read_quoted(struct scan *scan, uint32_t start, uint32_t i, bool escapes,
                       const char *unterminated)
{
    uint32_t high = 0;
    bool check = false;
    drop_buffer(scan);
    for (;;) {
        uint32_t run = i;
        while (i < scan->len && scan->text[i] != '\'' && !(escapes && scan->text[i] == '\\'))
            i++;
        if (high && (i > run || i >= scan->len || scan->text[i] != '\\'))
            return scan_error_near(scan, run, run + 1, "invalid Unicode surrogate pair");
        put_bytes(scan, scan->text + run, i - run);
        if (i >= scan->len || (scan->text[i] == '\\' && i + 1 >= scan->len))
            return scan_error_near(scan, start, scan->len, unterminated);
        if (scan->text[i] == '\\') {
            i++;
            if (high && peek_at(scan, i) != 'u' && peek_at(scan, i) != 'U')
                return scan_error_near(scan, i - 1, i, "invalid Unicode surrogate pair");
            if (read_escape(scan, &i, &high, &check))
                return SCAN_ERROR;
            continue;
        }
        if (peek_at(scan, i + 1) == '\'' && i + 1 < scan->len) {
            put_byte(scan, '\'');
            i += 2;
            continue;
        }
        scan->at = i + 1;
        i = find_continuation(scan, scan->at);
        if (!i)
            break;
    }
    return check ? check_utf8(scan, start) : 0;
}

static int finish_string(struct scan *scan, struct parse_token *token, int code)
{
    token->text = take_buffer(scan);
    token->end = scan->at;
    return code;
}

static int read_bit_string(struct scan *scan, struct parse_token *token)
{
    bool hex = (scan->text[token->start] | 0x20) == 'x';
    if (read_quoted(scan, token->start, token->start + 2, false,
                    hex ? "unterminated hexadecimal string literal"
                        : "unterminated bit string literal"))
        return SCAN_ERROR;
    const char *digits = take_buffer(scan);
    token->text = arena_printf(scan->arena, "%c%s", hex ? 'x' : 'b', digits);
    token->end = scan->at;
    return hex ? TK_XCONST : TK_BCONST;
}

static int read_dollar_quoted(struct scan *scan, struct parse_token *token, uint32_t tag_end)
{
    const char *tag = scan->text + token->start;
    uint32_t tag_len = tag_end - token->start;
    for (uint32_t i = tag_end; i + tag_len <= scan->len; i++) {
        const char *hit = memchr(scan->text + i, '$', scan->len - i);
        if (!hit)
            break;
        i = (uint32_t)(hit - scan->text);
        if (i + tag_len <= scan->len && memcmp(hit, tag, tag_len) == 0) {
            token->text = arena_strndup(scan->arena, scan->text + tag_end, i - tag_end);
            token->end = scan->at = i + tag_len;
            return TK_SCONST;
        }
    }
    return scan_error_near(scan, token->start, scan->len, "unterminated dollar-quoted string");
}

/* A number runs into a name: the error shows both. */
static int fail_junk(struct scan *scan, uint32_t start, uint32_t i, const char *message)
{
    while (i < scan->len && is_name_char((unsigned char)scan->text[i]))
        i++;
    return scan_error_near(scan, start, i, message);
}

/* $1, $tag$...$tag$, $$...$$, or a lone dollar (no token of SQL). */
static int read_dollar(struct scan *scan, struct parse_token *token)
{
    uint32_t i = token->start + 1;
    if (is_digit_at(scan, i)) {
        int64_t number = 0;
        for (; is_digit_at(scan, i); i++)
            number = number > INT32_MAX ? number : number * 10 + (scan->text[i] - '0');
        if (class_of(peek_at(scan, i)) == CHAR_NAME_START)
            return fail_junk(scan, token->start, i, "trailing junk after parameter");
        token->value = number > INT32_MAX ? INT32_MAX : (int32_t)number;
        token->text = "$";
        token->end = scan->at = i;
        return TK_PARAM;
    }
    if (class_of(peek_at(scan, i)) == CHAR_NAME_START)
        while (class_of(peek_at(scan, i)) & (CHAR_NAME_START | CHAR_DIGIT))
            i++;
    if (peek_at(scan, i) == '$' && i < scan->len)
        return read_dollar_quoted(scan, token, i + 1);
    token->end = scan->at = token->start + 1;
    token->text = "$";
    return TK_INVALID;
}

/* "..." ; raw: of U&"...", escapes left in. */
static int read_quoted_name(struct scan *scan, struct parse_token *token, uint32_t i, bool raw)
{
    drop_buffer(scan);
    for (;;) {
        uint32_t run = i;
        while (i < scan->len && scan->text[i] != '"')
            i++;
        put_bytes(scan, scan->text + run, i - run);
        if (i >= scan->len)
            return scan_error_near(scan, token->start, scan->len, "unterminated quoted identifier");
        if (peek_at(scan, i + 1) != '"')
            break;
        put_byte(scan, '"');
        i += 2;
    }
    scan->at = i + 1;
    if (scan->buffer_len == 0)
        return scan_error_near(scan, token->start, scan->at, "zero-length delimited identifier");
    if (!raw)
        scan->buffer_len = scan_name_cut(scan->buffer, scan->buffer_len);
    return finish_string(scan, token, raw ? TK_UIDENT : TK_IDENT);
}

int scan_unicode(struct scan *scan, const char *raw, char escape, uint32_t at, const char **text)
{
    uint32_t high = 0;
    drop_buffer(scan);
    const unsigned char *s = (const unsigned char *)raw;
    while (*s) {
        if (*s != (unsigned char)escape) {
            if (high)
                return fail_at(scan, ERR_SYNTAX_ERROR, at, "invalid Unicode surrogate pair");
            put_byte(scan, (char)*s++);
            continue;
        }
        if (s[1] == (unsigned char)escape) {
            if (high)
                return fail_at(scan, ERR_SYNTAX_ERROR, at, "invalid Unicode surrogate pair");
            put_byte(scan, escape);
            s += 2;
            continue;
        }
        uint32_t digits = s[1] == '+' ? 6 : 4;
        const unsigned char *d = s + (s[1] == '+' ? 2 : 1);
        uint32_t c = 0;
        for (uint32_t k = 0; k < digits; k++) {
            int v = hex_digit(d[k]);
            if (v < 0) {
                fail_at(scan, ERR_SYNTAX_ERROR, at, "invalid Unicode escape");
                (void)err_hint(scan->err, "Unicode escapes must be \\XXXX or \\+XXXXXX.");
                return SCAN_ERROR;
            }
            c = c << 4 | (uint32_t)v;
        }
        bool low = c >= 0xdc00 && c <= 0xdfff;
        if ((high != 0) != low)
            return fail_at(scan, ERR_SYNTAX_ERROR, at, "invalid Unicode surrogate pair");
        s = d + digits;
        if (c >= 0xd800 && c <= 0xdbff) {
            high = c;
            continue;
        }
        if (low)
            c = 0x10000 + ((high - 0xd800) << 10) + (c - 0xdc00);
        high = 0;
        if (c == 0 || c > 0x10ffff)
            return fail_at(scan, ERR_SYNTAX_ERROR, at, "invalid Unicode escape value");
        put_codepoint(scan, c);
    }
    if (high)
        return fail_at(scan, ERR_SYNTAX_ERROR, at, "invalid Unicode surrogate pair");
    *text = take_buffer(scan);
    return 0;
}

/* ---- numbers, names, operators ---- */

static int read_number(struct scan *scan, struct parse_token *token)
{
    uint32_t i = token->start;
    bool integer = true;
    while (is_digit_at(scan, i))
        i++;
    /* 1..10 is 1, .., 10 */
    if (peek_at(scan, i) == '.' && !(peek_at(scan, i + 1) == '.' && i > token->start)) {
        integer = false;
        for (i++; is_digit_at(scan, i); i++)
            ;
    }
    if ((peek_at(scan, i) | 0x20) == 'e') {
        unsigned char sign = peek_at(scan, i + 1);
        bool has_sign = sign == '+' || sign == '-';
        if (is_digit_at(scan, i + 1 + has_sign)) {
            integer = false;
            for (i += 1 + has_sign; is_digit_at(scan, i); i++)
                ;
        } else if (has_sign) {
            return scan_error_near(scan, token->start, i + 2,
                                   "trailing junk after numeric literal");
        }
    }
    if (class_of(peek_at(scan, i)) == CHAR_NAME_START)
        return fail_junk(scan, token->start, i, "trailing junk after numeric literal");
    token->end = scan->at = i;
    token->text = arena_strndup(scan->arena, scan->text + token->start, i - token->start);
    if (!integer)
        return TK_FCONST;
    int64_t value = 0;
    for (uint32_t k = token->start; k < i; k++)
        if ((value = value * 10 + (scan->text[k] - '0')) > INT32_MAX)
            return TK_FCONST;
    token->value = (int32_t)value;
    return TK_ICONST;
}

static int read_name(struct scan *scan, struct parse_token *token)
{
    uint32_t i = token->start;
    char lower[SCAN_NAME_BYTES_MAX + 1];
    uint32_t n = 0;
    for (; i < scan->len && is_name_char((unsigned char)scan->text[i]); i++)
        if (n <= SCAN_NAME_BYTES_MAX) {
            char c = scan->text[i];
            lower[n++] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        }
    token->end = scan->at = i;
    const struct keyword *found = i - token->start <= 32 ? keyword_find(lower, n) : NULL;
    if (found) {
        token->text = found->word;
        return found->token;
    }
    if (i - token->start > SCAN_NAME_BYTES_MAX)
        n = (uint32_t)scan_name_cut(scan->text + token->start, i - token->start);
    token->text = arena_strndup(scan->arena, lower, n);
    return TK_IDENT;
}

static int operator_code(const char *op, size_t len, const char **text)
{
    static const struct {
        const char *op;
        int code;
    } known[] = {{"+", TK_PLUS},
                 {"-", TK_MINUS},
                 {"*", TK_STAR},
                 {"/", TK_SLASH},
                 {"%", TK_PERCENT},
                 {"^", TK_CARET},
                 {"<", TK_LT},
                 {">", TK_GT},
                 {"=", TK_EQ},
                 {"<=", TK_LESS_EQUALS},
                 {">=", TK_GREATER_EQUALS},
                 {"<>", TK_NOT_EQUALS},
                 {"!=", TK_NOT_EQUALS},
                 {"=>", TK_EQUALS_GREATER}};
    if (len > 2)
        return TK_OP;
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
        if (strlen(known[k].op) == len && memcmp(known[k].op, op, len) == 0) {
            *text = known[k].code == TK_NOT_EQUALS ? "<>" : known[k].op;
            return known[k].code;
        }
    return TK_OP;
}

/* The longest run of operator characters, cut before a comment; and a + or - may end a longer one
 * only if it holds a character no arithmetic operator has, so that `a=-1` is a, =, -1. */
static int read_operator(struct scan *scan, struct parse_token *token)
{
    const char *op = scan->text + token->start;
    uint32_t len = 0;
    bool special = false;
    for (; class_of(peek_at(scan, token->start + len)) == CHAR_OPERATOR; len++) {
        if (len > 0 &&
            ((op[len] == '*' && op[len - 1] == '/') || (op[len] == '-' && op[len - 1] == '-'))) {
            len--;
            break;
        }
    }
    for (uint32_t k = 0; k < len; k++)
        special = special || strchr("~!@#^&|`?%", op[k]) != NULL;
    while (len > 1 && !special && (op[len - 1] == '+' || op[len - 1] == '-'))
        len--;
    token->end = scan->at = token->start + len;
    int code = operator_code(op, len, &token->text);
    if (code != TK_OP)
        return code;
    if (len > SCAN_NAME_BYTES_MAX)
        return scan_error_near(scan, token->start, token->end, "operator too long");
    token->text = arena_strndup(scan->arena, op, len);
    return TK_OP;
}

static int read_punctuation(struct scan *scan, struct parse_token *token)
{
    static const char chars[] = ",()[].;:";
    static const int codes[] = {TK_COMMA,    TK_LPAREN, TK_RPAREN, TK_LBRACKET,
                                TK_RBRACKET, TK_DOT,    TK_SEMI,   TK_COLON};
    unsigned char c = peek_at(scan, token->start);
    unsigned char next = peek_at(scan, token->start + 1);
    const char *found = c ? strchr(chars, c) : NULL;
    int code = found ? codes[found - chars] : TK_INVALID;
    uint32_t len = 1;
    if (c == ':' && next == ':') {
        code = TK_TYPECAST;
        len = 2;
    } else if (c == ':' && next == '=') {
        code = TK_COLON_EQUALS;
        len = 2;
    } else if (c == '.' && next == '.') {
        code = TK_INVALID; /* PL/pgSQL's range; no SQL has it */
        len = 2;
    }
    token->text = "";
    token->end = scan->at = token->start + len;
    return code;
}

/* E'', B'', X'', N'', U&'', U&"": a letter that starts a literal. 0 when it is a plain name. */
static int read_prefixed(struct scan *scan, struct parse_token *token)
{
    unsigned char c = peek_at(scan, token->start);
    unsigned char next = peek_at(scan, token->start + 1);
    switch (c | 0x20) {
    case 'e':
        if (next != '\'')
            return 0;
        if (read_quoted(scan, token->start, token->start + 2, true, "unterminated quoted string"))
            return SCAN_ERROR;
        return finish_string(scan, token, TK_SCONST);
    case 'b':
    case 'x':
        return next == '\'' ? read_bit_string(scan, token) : 0;
    case 'n':
        if (next != '\'')
            return 0;
        token->text = "nchar";
        token->end = scan->at = token->start + 1;
        return TK_NCHAR;
    case 'u':
        if (next != '&')
            return 0;
        next = peek_at(scan, token->start + 2);
        if (next == '"')
            return read_quoted_name(scan, token, token->start + 3, true);
        if (next != '\'')
            return 0;
        if (scan->backslash_quotes) {
            fail_at(scan, ERR_FEATURE_NOT_SUPPORTED, token->start,
                    "unsafe use of string constant with Unicode escapes");
            (void)err_detail(scan->err, "String constants with Unicode escapes cannot be used when "
                                        "standard_conforming_strings is off.");
            return SCAN_ERROR;
        }
        if (read_quoted(scan, token->start, token->start + 3, false, "unterminated quoted string"))
            return SCAN_ERROR;
        return finish_string(scan, token, TK_USCONST);
    default:
        return 0;
    }
}

int scan_next(struct scan *scan, struct parse_token *token)
{
    memset(token, 0, sizeof *token);
    if (skip_space(scan))
        return SCAN_ERROR;
    token->start = token->end = scan->at;
    token->text = "";
    if (scan->at >= scan->len)
        return 0;
    unsigned char c = (unsigned char)scan->text[scan->at];
    unsigned class = class_of(c);
    if (class == CHAR_NAME_START) {
        int code = read_prefixed(scan, token);
        return code ? code : read_name(scan, token);
    }
    if (class == CHAR_DIGIT || (c == '.' && is_digit_at(scan, scan->at + 1)))
        return read_number(scan, token);
    if (class == CHAR_OPERATOR)
        return read_operator(scan, token);
    if (c == '\'') {
        if (read_quoted(scan, token->start, token->start + 1, scan->backslash_quotes,
                        "unterminated quoted string"))
            return SCAN_ERROR;
        return finish_string(scan, token, TK_SCONST);
    }
    if (c == '"')
        return read_quoted_name(scan, token, token->start + 1, false);
    if (c == '$')
        return read_dollar(scan, token);
    return read_punctuation(scan, token);
}
