/* Regular expressions: PostgreSQL's dialect translated for libtre, a leftmost-longest engine that
 * never backtracks exponentially.
 *
 * Text is matched as wide characters. Which of them are letters libtre asks the C library, so its
 * calls run under the C.UTF-8 locale (built into the library, no file is read), whatever the
 * process's is. Compiled patterns are kept at the call site; libtre allocates them itself, so the
 * site's state frees them.
 */
#include <locale.h>
#include <tre/tre.h>
#include <wchar.h>

#include "types/func/kern.h"
#include "types/type/array.h"
#include "types/type/text.h"

enum { GROUPS_MAX = 100, FLAG_EXPANDED = 1 << 20 }; /* FLAG_: ours, beside libtre's REG_ */

struct regex_state {
    struct func_state base;
    struct buf pattern;
    int flags;
    bool compiled;
    locale_t locale;
    regex_t re;
};

/* Text as wide characters, with the way back to bytes. */
struct wide {
    wchar_t *chars;
    uint32_t *offsets; /* [n + 1] byte offset of each character */
    uint32_t n;
};

static struct wide widen(const struct bytes_view *v, struct arena *arena)
{
    const uint8_t *p = view_data(v), *end = p + v->len;
    struct wide w = {.chars = arena_alloc(arena, ((size_t)v->len + 1) * sizeof(wchar_t)),
                     .offsets = arena_alloc(arena, ((size_t)v->len + 1) * sizeof(uint32_t))};
    const uint8_t *start = p;
    while (p < end) {
        uint32_t len;
        w.offsets[w.n] = (uint32_t)(p - start);
        w.chars[w.n++] = (wchar_t)text_decode(p, end, &len);
        p += len;
    }
    w.offsets[w.n] = v->len;
    w.chars[w.n] = 0;
    return w;
}

/* ---- translation
 * ------------------------------------------------------------------------------------------ */

/* Escapes that the two dialects spell differently; the rest is common to both. */
static uint32_t translate_escape(wchar_t c, wchar_t *out)
{
    const wchar_t *as;
    switch (c) {
    case 'm':
        as = L"\\<";
        break;
    case 'M':
        as = L"\\>";
        break;
    case 'y':
        as = L"\\b";
        break;
    case 'Y':
        as = L"\\B";
        break;
    case 'A':
        as = L"^";
        break;
    case 'Z':
        as = L"$";
        break;
    case 'd':
        as = L"[[:digit:]]";
        break;
    case 'D':
        as = L"[^[:digit:]]";
        break;
    case 's':
        as = L"[[:space:]]";
        break;
    case 'S':
        as = L"[^[:space:]]";
        break;
    case 'w':
        as = L"[[:alnum:]_]";
        break;
    case 'W':
        as = L"[^[:alnum:]_]";
        break;
    case 't':
        as = L"\t";
        break;
    case 'n':
        as = L"\n";
        break;
    case 'r':
        as = L"\r";
        break;
    case 'f':
        as = L"\f";
        break;
    case 'v':
        as = L"\v";
        break;
    case 'e':
        as = L"\x1b";
        break;
    default:
        out[0] = '\\';
        out[1] = c;
        return 2;
    }
    uint32_t n = (uint32_t)wcslen(as);
    wmemcpy(out, as, n);
    return n;
}

static uint32_t translate_set_escape(wchar_t c, wchar_t *out)
{
    const wchar_t *as = NULL;
    switch (c) {
    case 'd':
        as = L"[:digit:]";
        break;
    case 's':
        as = L"[:space:]";
        break;
    case 'w':
        as = L"[:alnum:]_";
        break;
    case 't':
        as = L"\t";
        break;
    case 'n':
        as = L"\n";
        break;
    case 'r':
        as = L"\r";
        break;
    default:
        break;
    }
    if (!as) {
        out[0] = c;
        return 1;
    }
    uint32_t n = (uint32_t)wcslen(as);
    wmemcpy(out, as, n);
    return n;
}

/* A bracket expression: POSIX has no escapes in it, PostgreSQL does. Returns the position behind
 * its ]. */
static uint32_t translate_set(const struct wide *w, uint32_t i, wchar_t *out, uint32_t *n)
{
    out[(*n)++] = w->chars[i++]; /* [ */
    if (i < w->n && w->chars[i] == '^')
        out[(*n)++] = w->chars[i++];
    bool first = true;
    wchar_t held =
        0; /* a literal ] or - must go where POSIX wants it; escaped ones are kept for the end */
    bool dash = false;
    while (i < w->n && (first || w->chars[i] != ']')) {
        if (w->chars[i] == '[' && i + 1 < w->n && wcschr(L":.=", w->chars[i + 1])) {
            wchar_t kind = w->chars[i + 1];
            do
                out[(*n)++] = w->chars[i++];
            while (i + 1 < w->n && !(w->chars[i] == kind && w->chars[i + 1] == ']'));
            for (int k = 0; k < 2 && i < w->n; k++)
                out[(*n)++] = w->chars[i++];
        } else if (w->chars[i] == '\\' && i + 1 < w->n) {
            wchar_t c = w->chars[i + 1];
            if (c == ']')
                held = c;
            else if (c == '-')
                dash = true;
            else
                *n += translate_set_escape(c, out + *n);
            i += 2;
        } else {
            out[(*n)++] = w->chars[i++];
        }
        first = false;
    }
    if (held) {
        out[(*n)++] = '[';
        out[(*n)++] = '.';
        out[(*n)++] = held;
        out[(*n)++] = '.';
        out[(*n)++] = ']';
    }
    if (dash)
        out[(*n)++] = '-';
    if (i < w->n)
        out[(*n)++] = w->chars[i++];
    return i;
}

/* Options in front: ***= (literal), ***: (as it is), (?i) and friends. Returns where the pattern
 * proper begins. */
static uint32_t take_options(const struct wide *w, int *flags)
{
    uint32_t i = 0;
    if (w->n >= 4 && wmemcmp(w->chars, L"***=", 4) == 0) {
        *flags |= REG_LITERAL;
        return 4;
    }
    if (w->n >= 4 && wmemcmp(w->chars, L"***:", 4) == 0)
        i = 4;
    if (w->n >= i + 4 && w->chars[i] == '(' && w->chars[i + 1] == '?' && w->chars[i + 2] >= 'a' &&
        w->chars[i + 2] <= 'z') {
        uint32_t k = i + 2;
        for (; k < w->n && w->chars[k] != ')'; k++) {
            if (w->chars[k] == 'i')
                *flags |= REG_ICASE;
            else if (w->chars[k] == 'c')
                *flags &= ~REG_ICASE;
            else if (w->chars[k] == 'n' || w->chars[k] == 'm')
                *flags |= REG_NEWLINE;
            else if (w->chars[k] == 'x')
                *flags |= FLAG_EXPANDED;
            else if (w->chars[k] == 'q')
                *flags |= REG_LITERAL;
        }
        i = k < w->n ? k + 1 : k;
    }
    return i;
}

static int compile(regex_t *re, const struct bytes_view *pattern, int flags, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct wide w = widen(pattern, &scratch);
    uint32_t i = take_options(&w, &flags), n = 0;
    wchar_t *out = arena_alloc(&scratch, ((size_t)w.n * 14 + 16) * sizeof(wchar_t));
    bool literal = flags & REG_LITERAL, expanded = flags & FLAG_EXPANDED;
    flags &= ~FLAG_EXPANDED;
    while (i < w.n) {
        if (literal) {
            out[n++] = w.chars[i++];
        } else if (expanded && w.chars[i] <= ' ') {
            i++;
        } else if (expanded && w.chars[i] == '#') {
            while (i < w.n && w.chars[i] != '\n')
                i++;
        } else if (w.chars[i] == '\\' && i + 1 < w.n) {
            n += translate_escape(w.chars[i + 1], out + n);
            i += 2;
        } else if (w.chars[i] == '[') {
            i = translate_set(&w, i, out, &n);
        } else {
            out[n++] = w.chars[i++];
        }
    }
    int rc = tre_regwncomp(re, out, n, flags | (literal ? 0 : REG_EXTENDED));
    arena_done(&scratch);
    if (rc == 0)
        return 0;
    char why[128];
    tre_regerror(rc, re, why, sizeof why);
    static const char *const texts[] = {
        [REG_EBRACK] = "brackets [] not balanced",
        [REG_EPAREN] = "parentheses () not balanced",
        [REG_EBRACE] = "braces {} not balanced",
        [REG_BADBR] = "invalid repetition count(s)",
        [REG_ERANGE] = "invalid character range",
        [REG_ECTYPE] = "invalid character class",
        [REG_ECOLLATE] = "invalid collating element",
        [REG_EESCAPE] = "invalid escape \\ sequence",
        [REG_ESUBREG] = "invalid backreference number",
        [REG_BADRPT] = "quantifier operand invalid",
        [REG_BADPAT] = "invalid regexp (reg version 0.8)",
    };
    const char *text =
        rc > 0 && (size_t)rc < sizeof texts / sizeof *texts && texts[rc] ? texts[rc] : why;
    return err_set(err, ERR_INVALID_REGULAR_EXPRESSION, "invalid regular expression: %s", text);
}

static void drop_regex(struct regex_state *st)
{
    if (st->compiled)
        tre_regfree(&st->re);
    st->compiled = false;
}

static void drop_state(struct func_state *state)
{
    struct regex_state *st = (struct regex_state *)state;
    drop_regex(st);
    buf_done(&st->pattern);
    if (st->locale)
        freelocale(st->locale);
    st->locale = (locale_t)0;
}

/* Matching under the site's locale; -1 = no match. */
static int run_regex(struct regex_state *st, const wchar_t *text, size_t n, size_t n_groups,
                     regmatch_t *groups, int flags)
{
    locale_t before = uselocale(st->locale);
    int rc = tre_regwnexec(&st->re, text, n, n_groups, groups, flags);
    uselocale(before);
    return rc;
}

static bool same_pattern(const struct regex_state *st, const struct bytes_view *pattern)
{
    return st->pattern.len == pattern->len &&
           (pattern->len == 0 || memcmp(st->pattern.data, view_data(pattern), pattern->len) == 0);
}

static int get_regex(struct func_call *call, const struct bytes_view *pattern, int flags,
                     struct regex_state **out, struct err *err)
{
    struct regex_state *st = (struct regex_state *)*call->state;
    if (!st) {
        st = arena_new(call->keep, struct regex_state);
        st->base.done = drop_state;
        st->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
        *call->state = &st->base;
    }
    *out = st;
    if (!st->locale)
        return err_set(err, ERR_SYSTEM_ERROR, "the C library has no locale C.UTF-8");
    if (st->compiled && st->flags == flags && same_pattern(st, pattern))
        return 0;
    drop_regex(st);
    locale_t before = uselocale(st->locale);
    int rc = compile(&st->re, pattern, flags, err);
    uselocale(before);
    if (rc)
        return rc;
    buf_reset(&st->pattern);
    buf_put(&st->pattern, view_data(pattern), pattern->len);
    st->flags = flags;
    st->compiled = true;
    return 0;
}

/* ---- ~ ------------------------------------------------------------------------------------- */

static int match_rows(struct func_call *call, int flags, bool negate, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    int rc = 0;
    for (uint32_t i = 0; i < call->n && rc == 0; i++) {
        uint32_t row = call_row(call, i);
        struct regex_state *re;
        rc = get_regex(call, arg_bytes(call, 1, row), flags | REG_NOSUB, &re, err);
        if (rc) {
            call->failed = i;
            break;
        }
        struct wide w = widen(arg_bytes(call, 0, row), &scratch);
        bool match = run_regex(re, w.chars, w.n, 0, NULL, 0) == 0;
        out_bool(call, row, match != negate);
        arena_reset(&scratch);
    }
    arena_done(&scratch);
    return rc;
}

KERNEL(textregexeq)
{
    return match_rows(call, 0, false, err);
}
KERNEL(textregexne)
{
    return match_rows(call, 0, true, err);
}
KERNEL(texticregexeq)
{
    return match_rows(call, REG_ICASE, false, err);
}
KERNEL(texticregexne)
{
    return match_rows(call, REG_ICASE, true, err);
}
KERNEL(nameregexeq)
{
    return match_rows(call, 0, false, err);
}
KERNEL(nameregexne)
{
    return match_rows(call, 0, true, err);
}
KERNEL(nameicregexeq)
{
    return match_rows(call, REG_ICASE, false, err);
}
KERNEL(nameicregexne)
{
    return match_rows(call, REG_ICASE, true, err);
}

/* ---- flags of the functions
 * ----------------------------------------------------------------------------------- */

static int parse_flags(const struct bytes_view *v, int *flags, bool *global, struct err *err)
{
    const uint8_t *p = view_data(v);
    for (uint32_t i = 0; i < v->len; i++) {
        switch (p[i]) {
        case 'g':
            *global = true;
            break;
        case 'i':
            *flags |= REG_ICASE;
            break;
        case 'c':
            *flags &= ~REG_ICASE;
            break;
        case 'n':
        case 'm':
            *flags |= REG_NEWLINE;
            break;
        case 's':
        case 't':
        case 'e':
        case 'b':
            break;
        case 'x':
            *flags |= FLAG_EXPANDED;
            break;
        case 'q':
            *flags |= REG_LITERAL;
            break;
        default:
            return err_set(err, ERR_INVALID_PARAMETER_VALUE,
                           "invalid regular expression option: \"%.*s\"",
                           (int)text_char_len(p + i, p + v->len), p + i);
        }
    }
    return 0;
}

struct search {
    struct wide w;
    struct regex_state *re;
    uint32_t at; /* where the next search begins */
    uint32_t n_groups;
    regmatch_t groups[GROUPS_MAX];
    bool ended;
};

/* The next match; offsets are characters of the whole text. */
static bool next_match(struct search *s)
{
    if (s->ended || s->at > s->w.n)
        return false;
    uint32_t n = s->re->re.re_nsub + 1 < GROUPS_MAX ? (uint32_t)s->re->re.re_nsub + 1 : GROUPS_MAX;
    int eflags = s->at > 0 ? REG_NOTBOL : 0;
    if (run_regex(s->re, s->w.chars + s->at, s->w.n - s->at, n, s->groups, eflags) != 0) {
        s->ended = true;
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (s->groups[i].rm_so < 0)
            continue;
        s->groups[i].rm_so += (regoff_t)s->at;
        s->groups[i].rm_eo += (regoff_t)s->at;
    }
    s->n_groups = n;
    uint32_t end = (uint32_t)s->groups[0].rm_eo;
    s->at = s->groups[0].rm_eo == s->groups[0].rm_so ? end + 1 : end;
    return true;
}

static int start_search(struct func_call *call, uint32_t row, int flags, struct arena *arena,
                        struct search *s, struct err *err)
{
    *s = (struct search){0};
    int rc = get_regex(call, arg_bytes(call, 1, row), flags, &s->re, err);
    if (rc == 0)
        s->w = widen(arg_bytes(call, 0, row), arena);
    return rc;
}

static struct datum group_text(const struct search *s, uint32_t g, const struct bytes_view *v)
{
    if (g >= s->n_groups || s->groups[g].rm_so < 0)
        return datum_null(PHYS_BYTES);
    uint32_t from = s->w.offsets[s->groups[g].rm_so], to = s->w.offsets[s->groups[g].rm_eo];
    return datum_bytes(view_data(v) + from, to - from);
}

/* ---- regexp_replace ------------------------------------------------------------------------ */

static void put_replacement(const struct search *s, const struct bytes_view *v,
                            const struct bytes_view *with, struct buf *out)
{
    const uint8_t *p = view_data(with), *end = p + with->len;
    for (; p < end; p++) {
        if (*p != '\\' || p + 1 == end) {
            buf_put_u8(out, *p);
            continue;
        }
        p++;
        if (*p == '&' || (*p >= '1' && *p <= '9')) {
            struct datum d = group_text(s, *p == '&' ? 0 : (uint32_t)(*p - '0'), v);
            if (!d.null)
                buf_put(out, view_data(&d.u.bytes), d.u.bytes.len);
        } else if (*p == '\\') {
            buf_put_u8(out, '\\');
        } else {
            buf_put_u8(out, '\\');
            buf_put_u8(out, *p);
        }
    }
}

/* nth 0: all matches, else that one. */
static int replace_row(struct func_call *call, uint32_t row, int flags, uint32_t start,
                       uint32_t nth, struct buf *out, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct search s;
    int rc = start_search(call, row, flags, &scratch, &s, err);
    if (rc == 0) {
        const struct bytes_view *v = arg_bytes(call, 0, row);
        uint32_t copied = 0;
        s.at = start < s.w.n ? start : s.w.n;
        for (uint32_t k = 1; next_match(&s); k++) {
            if (nth && k != nth)
                continue;
            uint32_t from = s.w.offsets[s.groups[0].rm_so];
            buf_put(out, view_data(v) + copied, from - copied);
            put_replacement(&s, v, arg_bytes(call, 2, row), out);
            copied = s.w.offsets[s.groups[0].rm_eo];
            if (nth)
                break;
        }
        buf_put(out, view_data(v) + copied, v->len - copied);
    }
    arena_done(&scratch);
    return rc;
}

enum replace_form { REPLACE_PLAIN, REPLACE_FLAGS, REPLACE_START, REPLACE_N, REPLACE_N_FLAGS };

static int replace_rows(struct func_call *call, enum replace_form form, struct err *err)
{
    struct buf text = {0};
    int rc = 0;
    for (uint32_t i = 0; i < call->n && rc == 0; i++) {
        uint32_t row = call_row(call, i);
        int flags = 0;
        bool global = false;
        int32_t start = 1, nth = 1;
        if (form == REPLACE_FLAGS)
            rc = parse_flags(arg_bytes(call, 3, row), &flags, &global, err);
        if (form == REPLACE_N_FLAGS)
            rc = parse_flags(arg_bytes(call, 5, row), &flags, &global, err);
        if (form >= REPLACE_START)
            start = arg_i32(call, 3, row);
        if (form >= REPLACE_N)
            nth = arg_i32(call, 4, row);
        else if (global)
            nth = 0;
        if (rc == 0 && start < 1)
            rc = err_set(err, ERR_INVALID_PARAMETER_VALUE, "invalid value for parameter \"%s\": %d",
                         "start", start);
        if (rc == 0 && nth < 0)
            rc = err_set(err, ERR_INVALID_PARAMETER_VALUE, "invalid value for parameter \"%s\": %d",
                         "n", nth);
        buf_reset(&text);
        if (rc == 0)
            rc = replace_row(call, row, flags, (uint32_t)start - 1, (uint32_t)nth, &text, err);
        if (rc)
            call->failed = i;
        else
            out_bytes(call, row, text.data, text.len);
    }
    buf_done(&text);
    return rc;
}

KERNEL(textregexreplace_noopt)
{
    return replace_rows(call, REPLACE_PLAIN, err);
}
KERNEL(textregexreplace)
{
    return replace_rows(call, REPLACE_FLAGS, err);
}
KERNEL(textregexreplace_extended_no_n)
{
    return replace_rows(call, REPLACE_START, err);
}
KERNEL(textregexreplace_extended_no_flags)
{
    return replace_rows(call, REPLACE_N, err);
}
KERNEL(textregexreplace_extended)
{
    return replace_rows(call, REPLACE_N_FLAGS, err);
}

/* ---- regexp_match, substring, like, count
 * ---------------------------------------------------------------------------- */

typedef void (*match_use)(struct func_call *call, uint32_t row, struct search *s);

static int use_match(struct func_call *call, int flags_arg, match_use use, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    int rc = 0;
    for (uint32_t i = 0; i < call->n && rc == 0; i++) {
        uint32_t row = call_row(call, i);
        int flags = 0;
        bool global = false;
        struct search s;
        if (flags_arg >= 0)
            rc = parse_flags(arg_bytes(call, (uint32_t)flags_arg, row), &flags, &global, err);
        if (rc == 0 && global)
            rc = err_set(err, ERR_INVALID_PARAMETER_VALUE,
                         "%s() does not support the \"global\" option", call->info->name);
        if (rc == 0)
            rc = start_search(call, row, flags, &scratch, &s, err);
        if (rc)
            call->failed = i;
        else
            use(call, row, &s);
        arena_reset(&scratch);
    }
    arena_done(&scratch);
    return rc;
}

static void use_array(struct func_call *call, uint32_t row, struct search *s)
{
    if (!next_match(s)) {
        out_null(call, row);
        return;
    }
    const struct bytes_view *v = arg_bytes(call, 0, row);
    struct array_builder b;
    array_begin(&b, TYPE_TEXT);
    for (uint32_t g = s->n_groups > 1 ? 1 : 0; g < s->n_groups; g++) {
        struct datum d = group_text(s, g, v);
        array_add(&b, &d);
    }
    out_view(call, row, array_end(&b, call->arena).u.bytes);
}

/* The first group if there is one, else the whole match. */
static void use_substring(struct func_call *call, uint32_t row, struct search *s)
{
    const struct bytes_view *v = arg_bytes(call, 0, row);
    struct datum d = next_match(s) ? group_text(s, s->n_groups > 1, v) : datum_null(PHYS_BYTES);
    if (d.null)
        out_null(call, row);
    else
        out_bytes(call, row, view_data(&d.u.bytes), d.u.bytes.len);
}

static void use_like(struct func_call *call, uint32_t row, struct search *s)
{
    out_bool(call, row, next_match(s));
}

static void use_count(struct func_call *call, uint32_t row, struct search *s)
{
    int32_t n = 0;
    while (next_match(s))
        n++;
    out_i32(call, row, n);
}

static void use_split(struct func_call *call, uint32_t row, struct search *s)
{
    const struct bytes_view *v = arg_bytes(call, 0, row);
    struct array_builder b;
    array_begin(&b, TYPE_TEXT);
    uint32_t from = 0;
    while (next_match(s)) {
        uint32_t so = (uint32_t)s->groups[0].rm_so, eo = (uint32_t)s->groups[0].rm_eo;
        /* An empty match at the start, the end or right behind the last one splits nothing. */
        if (eo == so && (so == from || so >= s->w.n))
            continue;
        struct datum d =
            datum_bytes(view_data(v) + s->w.offsets[from], s->w.offsets[so] - s->w.offsets[from]);
        array_add(&b, &d);
        from = eo;
    }
    struct datum d = datum_bytes(view_data(v) + s->w.offsets[from], v->len - s->w.offsets[from]);
    array_add(&b, &d);
    out_view(call, row, array_end(&b, call->arena).u.bytes);
}

KERNEL(regexp_match_no_flags)
{
    return use_match(call, -1, use_array, err);
}
KERNEL(regexp_match)
{
    return use_match(call, 2, use_array, err);
}
KERNEL(textregexsubstr)
{
    return use_match(call, -1, use_substring, err);
}
KERNEL(regexp_like_no_flags)
{
    return use_match(call, -1, use_like, err);
}
KERNEL(regexp_like)
{
    return use_match(call, 2, use_like, err);
}
KERNEL(regexp_count_no_start)
{
    return use_match(call, -1, use_count, err);
}
KERNEL(regexp_split_to_array_no_flags)
{
    return use_match(call, -1, use_split, err);
}
KERNEL(regexp_split_to_array)
{
    return use_match(call, 2, use_split, err);
}

/* ---- SIMILAR TO ---------------------------------------------------------------------------- */

/* SQL's pattern as a regular expression: % is .*, _ is ., the rest keeps its POSIX meaning but is
 * anchored. */
static int similar_row(const struct bytes_view *pattern, const struct bytes_view *esc,
                       struct buf *out, struct err *err)
{
    const uint8_t *p = view_data(pattern), *end = p + pattern->len;
    uint8_t e = '\\';
    bool has_esc = true;
    if (esc) {
        if (esc->len > 1 && text_chars(view_data(esc), esc->len) > 1) {
            err_set(err, ERR_INVALID_ESCAPE_SEQUENCE, "invalid escape string");
            return err_hint(err, "Escape string must be empty or one character.");
        }
        has_esc = esc->len > 0;
        e = has_esc ? view_data(esc)[0] : 0;
    }
    bool in_set = false, after = false;
    int quotes = 0;
    buf_put_text(out, "^(?:");
    for (; p < end; p++) {
        if (after) {
            if (*p == '"' && !in_set) { /* escape-double-quote separators */
                buf_put_text(out, quotes == 0 ? "){1,1}?(" : "){1,1}(?:");
                quotes++;
            } else {
                buf_put_u8(out, '\\');
                buf_put_u8(out, *p);
            }
            after = false;
        } else if (has_esc && *p == e) {
            after = true;
        } else if (in_set) {
            if (*p == '\\')
                buf_put_u8(out, '\\');
            buf_put_u8(out, *p);
            in_set = *p != ']';
        } else if (*p == '[') {
            buf_put_u8(out, *p);
            in_set = true;
        } else if (*p == '%') {
            buf_put_text(out, ".*");
        } else if (*p == '_') {
            buf_put_u8(out, '.');
        } else if (*p == '(') {
            buf_put_text(out, "(?:");
        } else if (*p == '\\' || *p == '.' || *p == '^' || *p == '$') {
            buf_put_u8(out, '\\');
            buf_put_u8(out, *p);
        } else {
            buf_put_u8(out, *p);
        }
    }
    buf_put_text(out, ")$");
    return 0;
}

static int similar_rows(struct func_call *call, bool has_escape, struct err *err)
{
    struct buf text = {0};
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        if (arg_null(call, 0, row)) {
            out_null(call, row);
            continue;
        }
        const struct bytes_view *esc =
            has_escape && !arg_null(call, 1, row) ? arg_bytes(call, 1, row) : NULL;
        buf_reset(&text);
        int rc = similar_row(arg_bytes(call, 0, row), esc, &text, err);
        if (rc) {
            buf_done(&text);
            return fail_row(call, i, rc);
        }
        out_bytes(call, row, text.data, text.len);
    }
    buf_done(&text);
    return 0;
}

KERNEL(similar_to_escape_1)
{
    return similar_rows(call, false, err);
}
KERNEL(similar_to_escape_2)
{
    return similar_rows(call, true, err);
}
KERNEL(similar_escape)
{
    return similar_rows(call, true, err);
}
