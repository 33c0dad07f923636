/* LIKE and ILIKE. A constant pattern of plain pieces between % is matched by searching for the
 * pieces; others by a matcher that backs up to the last % only, which is enough and linear in
 * practice. */
#include "types/func/kern.h"
#include "types/type/text.h"

enum { PIECES_MAX = 16 };

struct piece {
    uint32_t at, len; /* in `text` */
};

struct like_state {
    struct func_state base;
    struct bytes_view pattern; /* what it was made from */
    uint8_t *bytes;            /* room of `cap`: the pattern, then its pieces' text */
    uint32_t cap;
    uint8_t *text;
    bool simple;     /* pieces and % only */
    bool from_start; /* the first piece is anchored */
    bool to_end;     /* the last piece is anchored */
    uint32_t n;
    struct piece pieces[PIECES_MAX];
};

static int ends_in_escape(struct err *err)
{
    return err_set(err, ERR_INVALID_ESCAPE_SEQUENCE,
                   "LIKE pattern must not end with escape character");
}

/* Cuts a pattern into its plain pieces; simple stays false where _ occurs or there are too many. */
static void cut_pattern(struct like_state *st, const uint8_t *p, uint32_t len)
{
    uint32_t out = 0;
    bool open = false;
    st->n = 0;
    st->simple = false;
    st->from_start = len == 0 || p[0] != '%';
    st->to_end = true;
    for (uint32_t i = 0; i < len; i++) {
        if (p[i] == '_')
            return;
        if (p[i] == '%') {
            open = false;
            st->to_end = false;
            continue;
        }
        if (p[i] == '\\' && ++i == len)
            return; /* the matcher reports it, if it gets there */
        if (!open) {
            if (st->n == PIECES_MAX)
                return;
            st->pieces[st->n++] = (struct piece){.at = out};
            open = true;
        }
        st->to_end = true;
        st->text[out++] = p[i];
        st->pieces[st->n - 1].len++;
    }
    st->simple = true;
}

static bool match_pieces(const struct like_state *st, const uint8_t *p, uint32_t len)
{
    const uint8_t *end = p + len;
    uint32_t first = 0, last = st->n;
    if (st->n == 0)
        return !st->from_start || len == 0;
    if (st->from_start) {
        const struct piece *x = &st->pieces[0];
        if (len < x->len || memcmp(p, st->text + x->at, x->len) != 0)
            return false;
        if (st->n == 1 && st->to_end)
            return len == x->len;
        p += x->len;
        first = 1;
    }
    if (st->to_end && last > first) {
        const struct piece *x = &st->pieces[--last];
        if ((size_t)(end - p) < x->len || memcmp(end - x->len, st->text + x->at, x->len) != 0)
            return false;
        end -= x->len;
    }
    for (uint32_t i = first; i < last; i++) {
        const struct piece *x = &st->pieces[i];
        const uint8_t *at = memmem(p, (size_t)(end - p), st->text + x->at, x->len);
        if (!at)
            return false;
        p = at + x->len;
    }
    return true;
}

/* General matcher. chars: _ takes a character (else a byte). */
static int match_general(const uint8_t *s, const uint8_t *s_end, const uint8_t *p,
                         const uint8_t *p_end, bool chars, bool *out, struct err *err)
{
    const uint8_t *back_p = NULL, *back_s = NULL;
    *out = false;
    for (;;) {
        if (p < p_end && *p == '%') {
            while (p < p_end && *p == '%')
                p++;
            if (p == p_end) {
                *out = true;
                return 0;
            }
            back_p = p;
            back_s = s;
            continue;
        }
        if (s == s_end && p == p_end) {
            *out = true;
            return 0;
        }
        bool ok = false;
        if (p < p_end && s < s_end) {
            if (*p == '_') {
                s += chars ? text_char_len(s, s_end) : 1;
                p++;
                ok = true;
            } else {
                const uint8_t *q = p;
                if (*q == '\\' && ++q == p_end)
                    return ends_in_escape(err);
                ok = *q == *s;
                if (ok) {
                    p = q + 1;
                    s++;
                }
            }
        }
        if (ok)
            continue;
        if (!back_p || back_s >= s_end)
            return 0;
        back_s += chars ? text_char_len(back_s, s_end) : 1;
        s = back_s;
        p = back_p;
    }
}

/* The state is made anew in place when the pattern changes (a parameter of an apply). */
static struct like_state *get_state(struct func_call *call, const struct bytes_view *pattern)
{
    struct like_state *st = (struct like_state *)*call->state;
    if (st && view_equal(&st->pattern, pattern))
        return st;
    if (!st) {
        st = arena_new(call->keep, struct like_state);
        *call->state = &st->base;
    }
    if (st->cap < 2 * pattern->len + 2) {
        st->cap = 4 * pattern->len + 64;
        st->bytes = arena_alloc(call->keep, st->cap);
    }
    memmove(st->bytes, view_data(pattern), pattern->len);
    st->pattern = view_of(st->bytes, pattern->len);
    st->text = st->bytes + pattern->len;
    cut_pattern(st, view_data(&st->pattern), pattern->len);
    return st;
}

static int like_rows(struct func_call *call, bool negate, bool chars, struct err *err)
{
    struct like_state *st =
        call->args[1].form == VEC_CONST && call->n ? get_state(call, arg_bytes(call, 1, 0)) : NULL;
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row), *w = arg_bytes(call, 1, row);
        bool match;
        if (st && st->simple) {
            match = match_pieces(st, view_data(v), v->len);
        } else {
            int rc = match_general(view_data(v), view_data(v) + v->len, view_data(w),
                                   view_data(w) + w->len, chars, &match, err);
            if (rc)
                return fail_row(call, i, rc);
        }
        out_bool(call, row, match != negate);
    }
    return 0;
}

KERNEL(textlike)
{
    return like_rows(call, false, true, err);
}
KERNEL(textnlike)
{
    return like_rows(call, true, true, err);
}
KERNEL(namelike)
{
    return like_rows(call, false, true, err);
}
KERNEL(namenlike)
{
    return like_rows(call, true, true, err);
}
KERNEL(bytealike)
{
    return like_rows(call, false, false, err);
}
KERNEL(byteanlike)
{
    return like_rows(call, true, false, err);
}

/* ILIKE: both sides in lower case. */
static int ilike_rows(struct func_call *call, bool negate, struct err *err)
{
    struct buf text = {0}, pattern = {0};
    int rc = 0;
    for (uint32_t i = 0; i < call->n && rc == 0; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *v = arg_bytes(call, 0, row), *w = arg_bytes(call, 1, row);
        bool match;
        buf_reset(&text);
        text_lower(view_data(v), v->len, &text);
        if (i == 0 || call->args[1].form != VEC_CONST) {
            buf_reset(&pattern);
            text_lower(view_data(w), w->len, &pattern);
        }
        buf_reserve(&text, 1);
        buf_reserve(&pattern, 1);
        rc = match_general(text.data, text.data + text.len, pattern.data,
                           pattern.data + pattern.len, true, &match, err);
        if (rc)
            call->failed = i;
        else
            out_bool(call, row, match != negate);
    }
    buf_done(&text);
    buf_done(&pattern);
    return rc;
}

KERNEL(texticlike)
{
    return ilike_rows(call, false, err);
}
KERNEL(texticnlike)
{
    return ilike_rows(call, true, err);
}
KERNEL(nameiclike)
{
    return ilike_rows(call, false, err);
}
KERNEL(nameicnlike)
{
    return ilike_rows(call, true, err);
}

/* ---- ESCAPE: the pattern rewritten with backslash as its escape
 * -------------------------------------------- */

static int rewrite_escape(const struct bytes_view *pattern, const struct bytes_view *esc,
                          struct buf *out, struct err *err)
{
    const uint8_t *p = view_data(pattern), *end = p + pattern->len, *e = view_data(esc);
    uint32_t n = esc->len ? text_char_len(e, e + esc->len) : 0;
    if (n != esc->len) {
        err_set(err, ERR_INVALID_ESCAPE_SEQUENCE, "invalid escape string");
        return err_hint(err, "Escape string must be empty or one character.");
    }
    if (n == 1 && *e == '\\') {
        buf_put(out, p, pattern->len);
        return 0;
    }
    while (p < end) {
        uint32_t m = text_char_len(p, end);
        if (n && m == n && memcmp(p, e, n) == 0) {
            buf_put_u8(out, '\\');
            p += n;
            if (p < end) {
                m = text_char_len(p, end);
                buf_put(out, p, m);
                p += m;
            }
            continue;
        }
        if (*p == '\\')
            buf_put_u8(out, '\\');
        buf_put(out, p, m);
        p += m;
    }
    return 0;
}

static int escape_rows(struct func_call *call, struct err *err)
{
    struct buf text = {0};
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        buf_reset(&text);
        int rc = rewrite_escape(arg_bytes(call, 0, row), arg_bytes(call, 1, row), &text, err);
        if (rc) {
            buf_done(&text);
            return fail_row(call, i, rc);
        }
        out_bytes(call, row, text.data, text.len);
    }
    buf_done(&text);
    return 0;
}

KERNEL(like_escape)
{
    return escape_rows(call, err);
}
KERNEL(like_escape_bytea)
{
    return escape_rows(call, err);
}
