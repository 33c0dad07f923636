/* to_char of numbers and to_number, by template patterns. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "types/func/kern.h"
#include "types/type/numeric.h"
#include "types/type/text.h"

enum mark {
    M_TEXT,
    M_9,
    M_0,
    M_POINT,
    M_COMMA,
    M_SIGN,
    M_MINUS,
    M_PLUS,
    M_EITHER,
    M_CURRENCY,
    M_TH,
    M_TH_LOWER
};

struct node {
    enum mark mark;
    const uint8_t *text;
    uint32_t len;
};

enum { NODES_MAX = 512, DIGITS_MAX = 1200 };

struct format {
    struct node nodes[NODES_MAX];
    uint32_t n;
    int32_t pre, post;  /* digits before and behind the point */
    int32_t multi;      /* V */
    int32_t zero_start; /* first 0 before the point, 1-based; 0 = none */
    int32_t zero_end;   /* last 0 anywhere, 1-based */
    bool point, fill, bracket, scientific, roman, roman_lower;
    bool sign_first, sign_last; /* S in front, behind */
    bool sign_loose;            /* MI or SG, which write the sign themselves */
    bool sign_plus;             /* PL, which writes only its plus */
};

static bool matches(const uint8_t *p, const uint8_t *end, const char *word)
{
    size_t n = strlen(word);
    return (size_t)(end - p) >= n && strncasecmp((const char *)p, word, n) == 0;
}

static int bad_format(const char *message, struct err *err)
{
    return err_set(err, ERR_SYNTAX_ERROR, "%s", message);
}

static void add_node(struct format *f, enum mark mark, const uint8_t *text, uint32_t len)
{
    if (f->n < NODES_MAX)
        f->nodes[f->n++] = (struct node){mark, text, len};
}

static int add_digit(struct format *f, bool zero, struct err *err)
{
    if (f->bracket)
        return bad_format("\"9\" must be ahead of \"PR\"", err);
    if (zero && !f->zero_start && !f->point)
        f->zero_start = f->pre + 1;
    if (f->point)
        f->post++;
    else if (f->multi >= 0)
        f->multi++;
    else
        f->pre++;
    if (zero)
        f->zero_end = f->pre + f->post + (f->multi > 0 ? f->multi : 0);
    add_node(f, zero ? M_0 : M_9, NULL, 0);
    return 0;
}

static int add_point(struct format *f, struct err *err)
{
    if (f->point)
        return bad_format("multiple decimal points", err);
    if (f->multi >= 0)
        return bad_format("cannot use \"V\" and decimal point together", err);
    f->point = true;
    add_node(f, M_POINT, NULL, 0);
    return 0;
}

/* Words of two letters and more; *used is their length, 0 = none here. */
static int take_word(struct format *f, const uint8_t *p, const uint8_t *end, uint32_t *used,
                     struct err *err)
{
    *used = 2;
    if (matches(p, end, "FM")) {
        f->fill = true;
    } else if (matches(p, end, "MI") || matches(p, end, "PL") || matches(p, end, "SG")) {
        if (f->sign_first || f->sign_last)
            return bad_format("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together", err);
        if (matches(p, end, "PL"))
            f->sign_plus = true;
        else
            f->sign_loose = true;
        add_node(f,
                 matches(p, end, "MI")   ? M_MINUS
                 : matches(p, end, "PL") ? M_PLUS
                                         : M_EITHER,
                 NULL, 0);
    } else if (matches(p, end, "PR")) {
        if (f->sign_first || f->sign_last || f->sign_loose || f->sign_plus)
            return bad_format("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together", err);
        f->bracket = true;
    } else if (matches(p, end, "TH")) {
        add_node(f, *p == 'T' ? M_TH : M_TH_LOWER, NULL, 0);
    } else if (matches(p, end, "RN")) {
        f->roman = true;
        f->roman_lower = *p == 'r';
    } else if (matches(p, end, "EEEE")) {
        *used = 4;
        f->scientific = true;
    } else {
        *used = 0;
    }
    return 0;
}

static int take_letter(struct format *f, const uint8_t *p, struct err *err)
{
    switch (*p) {
    case '9':
        return add_digit(f, false, err);
    case '0':
        return add_digit(f, true, err);
    case '.':
    case 'D':
    case 'd':
        return add_point(f, err);
    case ',':
    case 'G':
    case 'g':
        add_node(f, M_COMMA, NULL, 0);
        return 0;
    case 'S':
    case 's':
        if (f->sign_first || f->sign_last)
            return bad_format("cannot use \"S\" twice", err);
        if (f->pre + f->post == 0)
            f->sign_first = true;
        else
            f->sign_last = true;
        add_node(f, M_SIGN, NULL, 0);
        return 0;
    case 'V':
    case 'v':
        if (f->point)
            return bad_format("cannot use \"V\" and decimal point together", err);
        f->multi = 0;
        return 0;
    case 'L':
    case 'l':
        add_node(f, M_CURRENCY, NULL, 0);
        return 0;
    case 'B':
    case 'b':
        return 0; /* no effect, as in PostgreSQL */
    default:
        add_node(f, M_TEXT, p, 1);
        return 0;
    }
}

static int parse_format(const struct bytes_view *v, struct format *f, struct err *err)
{
    const uint8_t *p = view_data(v), *end = p + v->len;
    *f = (struct format){.multi = -1};
    while (p < end) {
        if (*p == '"') {
            const uint8_t *q = ++p;
            while (q < end && *q != '"')
                q++;
            add_node(f, M_TEXT, p, (uint32_t)(q - p));
            p = q < end ? q + 1 : q;
            continue;
        }
        if (*p == '\\' && p + 1 < end && p[1] == '"')
            p++;
        uint32_t used;
        int rc = take_word(f, p, end, &used, err);
        if (rc == 0 && used == 0) {
            used = text_char_len(p, end);
            if (used > 1)
                add_node(f, M_TEXT, p, used);
            else
                rc = take_letter(f, p, err);
        }
        if (rc)
            return rc;
        p += used;
    }
    return 0;
}

/* ---- writing ---- */

/* The number as digits with a point, and the walk through the template. */
struct writer {
    const struct format *f;
    const char *digits; /* "123.45", or # where it does not fit */
    int32_t len;
    int32_t at;       /* next digit */
    int32_t seen;     /* digit positions of the template passed */
    int32_t spaces;   /* positions before the first digit */
    int32_t relevant; /* last character that FM keeps, -1 = all */
    bool neg, sign_done, inside, lone_zero;
    struct buf *out;
};

static bool has_plain_sign(const struct format *f)
{
    return !f->sign_first && !f->sign_last && !f->sign_loose && !f->bracket;
}

static void put_sign(struct writer *w)
{
    const struct format *f = w->f;
    w->sign_done = true;
    if (f->sign_first)
        buf_put_u8(w->out, w->neg ? '-' : '+');
    else if (f->bracket && w->neg)
        buf_put_u8(w->out, '<');
    else if (w->neg)
        buf_put_u8(w->out, '-');
    else if (!f->fill)
        buf_put_u8(w->out, ' ');
}

static void put_digit(struct writer *w, bool zero)
{
    const struct format *f = w->f;
    bool leading = w->seen < w->spaces;
    bool zero_here = f->zero_start && f->zero_start - 1 <= w->seen;
    bool before_point = w->at < w->len && strchr(w->digits, '.')
                            ? w->at < strchr(w->digits, '.') - w->digits
                            : true;
    bool blank_zero = w->lone_zero && w->at == 0 && before_point;
    bool sign_now = (has_plain_sign(f) || f->sign_first || f->bracket) && !w->sign_done &&
                    (!leading || zero_here) &&
                    (!blank_zero || (w->relevant >= 0 && w->digits[w->relevant] == '.'));
    if (sign_now)
        put_sign(w);
    if (leading && !zero_here) {
        if (!f->fill)
            buf_put_u8(w->out, ' ');
    } else if (leading) {
        buf_put_u8(w->out, '0');
        w->inside = true;
    } else {
        if (w->at < w->len && (w->relevant < 0 || w->at <= w->relevant || zero)) {
            if (blank_zero && !(f->fill && w->relevant >= 0 && w->digits[w->relevant] == '.')) {
                if (!f->fill)
                    buf_put_u8(w->out, ' ');
            } else {
                buf_put_u8(w->out, (uint8_t)w->digits[w->at]);
                w->inside = true;
            }
        }
        w->at++;
    }
    w->seen++;
}

static void put_point(struct writer *w)
{
    if (!w->sign_done && (has_plain_sign(w->f) || w->f->sign_first || w->f->bracket))
        put_sign(w);
    if (w->at < w->len && w->digits[w->at] == '.')
        buf_put_u8(w->out, '.');
    w->at++;
    w->inside = true;
}

static void put_ordinal(struct writer *w, bool lower)
{
    if (w->neg || w->f->point || w->len == 0 || w->digits[0] == '#')
        return;
    char last = w->digits[w->len - 1];
    bool teen = w->len > 1 && w->digits[w->len - 2] == '1';
    const char *s = teen          ? "TH"
                    : last == '1' ? "ST"
                    : last == '2' ? "ND"
                    : last == '3' ? "RD"
                                  : "TH";
    for (; *s; s++)
        buf_put_u8(w->out, (uint8_t)(lower ? *s + 32 : *s));
}

static void put_node(struct writer *w, const struct node *n, bool last_digit)
{
    const struct format *f = w->f;
    switch (n->mark) {
    case M_TEXT:
        buf_put(w->out, n->text, n->len);
        break;
    case M_9:
    case M_0:
        put_digit(w, n->mark == M_0);
        break;
    case M_POINT:
        put_point(w);
        break;
    case M_COMMA:
        if (w->inside)
            buf_put_u8(w->out, ',');
        else if (!f->fill)
            buf_put_u8(w->out, ' ');
        break;
    case M_SIGN:
        break;
    case M_MINUS:
        if (w->neg)
            buf_put_u8(w->out, '-');
        else if (!f->fill)
            buf_put_u8(w->out, ' ');
        break;
    case M_PLUS:
        if (!w->neg)
            buf_put_u8(w->out, '+');
        else if (!f->fill)
            buf_put_u8(w->out, ' ');
        break;
    case M_EITHER:
        buf_put_u8(w->out, w->neg ? '-' : '+');
        break;
    case M_CURRENCY:
        buf_put_u8(w->out, ' ');
        break;
    case M_TH:
        put_ordinal(w, false);
        break;
    case M_TH_LOWER:
        put_ordinal(w, true);
        break;
    }
    if (!last_digit)
        return;
    if (f->bracket && w->sign_done) {
        if (w->neg)
            buf_put_u8(w->out, '>');
        else if (!f->fill)
            buf_put_u8(w->out, ' ');
    }
    if (f->sign_last)
        buf_put_u8(w->out, w->neg ? '-' : '+');
}

/* FM drops zeros behind the point that the template does not insist on. */
static int32_t last_relevant(const struct writer *w)
{
    const struct format *f = w->f;
    const char *point = strchr(w->digits, '.');
    if (!f->fill || !point)
        return -1;
    int32_t last = (int32_t)(point - w->digits);
    for (int32_t i = last + 1; i < w->len; i++)
        if (w->digits[i] != '0')
            last = i;
    int32_t insisted = f->zero_end > w->spaces ? f->zero_end - w->spaces : 0;
    if (f->zero_end > f->pre && insisted < w->len && last < insisted)
        last = insisted;
    return last;
}

static void write_number(const struct format *f, bool neg, const char *digits, struct buf *out)
{
    struct writer w = {
        .f = f, .digits = digits, .len = (int32_t)strlen(digits), .neg = neg, .out = out};
    int32_t before = (int32_t)strcspn(digits, "."), pre = f->pre + (f->multi > 0 ? f->multi : 0);
    char full[DIGITS_MAX + 8];
    if (before > pre && pre + f->post < DIGITS_MAX) {
        memset(full, '#', (size_t)(pre + f->post + 1));
        full[pre] = f->point ? '.' : 0;
        full[pre + f->post + 1] = 0;
        w.digits = full;
        w.len = (int32_t)strlen(full);
        before = pre;
    }
    w.spaces = pre - before;
    w.relevant = last_relevant(&w);
    w.lone_zero = !f->zero_start && before == 1 && w.digits[0] == '0' && f->post > 0;
    uint32_t last = UINT32_MAX;
    for (uint32_t i = 0; i < f->n; i++)
        if (f->nodes[i].mark == M_9 || f->nodes[i].mark == M_0 || f->nodes[i].mark == M_POINT)
            last = i;
    for (uint32_t i = 0; i < f->n; i++)
        put_node(&w, &f->nodes[i], i == last);
}

static void write_roman(const struct format *f, int64_t v, struct buf *out)
{
    static const struct {
        int value;
        const char *text;
    } parts[] = {{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"},
                 {90, "XC"},  {50, "L"},   {40, "XL"}, {10, "X"},   {9, "IX"},
                 {5, "V"},    {4, "IV"},   {1, "I"}};
    char text[32] = "";
    if (v < 1 || v > 3999) {
        memset(text, '#', 15);
        text[15] = 0;
    }
    for (size_t i = 0; v >= 1 && v <= 3999 && i < sizeof parts / sizeof *parts;) {
        if (v >= parts[i].value) {
            strcat(text, parts[i].text);
            v -= parts[i].value;
        } else {
            i++;
        }
    }
    int pad = f->fill ? 0 : 15 - (int)strlen(text);
    for (int i = 0; i < pad; i++)
        buf_put_u8(out, ' ');
    for (const char *p = text; *p; p++)
        buf_put_u8(out, (uint8_t)(f->roman_lower && *p >= 'A' ? *p + 32 : *p));
}

static int write_value(const struct format *f, const struct numeric *value, struct arena *arena,
                       struct buf *out, struct err *err)
{
    struct numeric v = *value;
    int64_t whole = 0;
    const char *word = v.kind == NUMERIC_NAN ? "NaN" : "Infinity";
    bool finite = v.kind == NUMERIC_FINITE;
    if (f->roman) {
        if (!finite)
            return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "cannot convert %s to integer",
                           v.kind == NUMERIC_NAN ? "NaN" : "infinity");
        if (!numeric_to_i64(&v, &whole) || whole > INT32_MAX || whole < INT32_MIN)
            return err_set(err, ERR_NUMERIC_VALUE_OUT_OF_RANGE, "integer out of range");
        write_roman(f, whole, out);
        return 0;
    }
    if (f->scientific && !finite) {
        buf_put_u8(out, ' ');
        for (int32_t i = 1; i < f->pre + f->post + 6; i++)
            buf_put_u8(out, i == f->pre + 1 ? '.' : '#');
        return 0;
    }
    if (f->scientific) {
        buf_printf(out, "%s%.*e", value->neg ? "" : " ", f->post, numeric_to_f64(&v));
        return 0;
    }
    if (!finite) {
        write_number(f, v.kind == NUMERIC_NEG_INF, word, out);
        return 0;
    }
    if (f->multi > 0) {
        struct numeric ten = numeric_of_i128(10, 0, arena);
        for (int32_t i = 0; i < f->multi; i++) {
            int rc = numeric_mul(&v, &ten, arena, &v, err);
            if (rc)
                return rc;
        }
    }
    numeric_round(&v, f->post, arena, &v);
    struct numeric magnitude = v;
    magnitude.neg = false;
    struct buf text = {0};
    numeric_out_n(&magnitude, &text);
    if (text.len > DIGITS_MAX)
        text.len = DIGITS_MAX;
    write_number(f, value->neg, buf_text(&text), out);
    buf_done(&text);
    return 0;
}

static void open_value(const struct func_call *call, uint32_t row, const struct format *f,
                       struct arena *arena, struct numeric *out)
{
    struct datum d = vec_datum(&call->args[0], row);
    switch (call->info->args[0]) {
    case TYPE_INT4:
        *out = numeric_of_i128(d.u.i32, 0, arena);
        return;
    case TYPE_INT8:
        *out = numeric_of_i128(d.u.i64, 0, arena);
        return;
    case TYPE_FLOAT4:
    case TYPE_FLOAT8: {
        /* Rounded in binary by printf, and no more digits than the type has. */
        double v = call->info->args[0] == TYPE_FLOAT4 ? (double)d.u.f32 : d.u.f64;
        int32_t digits = call->info->args[0] == TYPE_FLOAT4 ? 6 : 15, post = f->post;
        char text[DIGITS_MAX];
        if (isnan(v) || isinf(v) || f->scientific || f->multi > 0) {
            numeric_of_f64(v, digits, arena, out);
            return;
        }
        int32_t before = snprintf(text, sizeof text, "%.0f", fabs(v));
        post = before >= digits ? 0 : before + post > digits ? digits - before : post;
        snprintf(text, sizeof text, "%.*f", post, v);
        struct err never;
        struct datum exact;
        if (numeric_in(text, strlen(text), -1, arena, &exact, &never))
            *out = numeric_of_i128(0, 0, arena);
        else
            numeric_open(&exact, arena, out);
        out->neg = v < 0;
        return;
    }
    default:
        numeric_open(&d, arena, out);
        return;
    }
}

static int to_char_rows(struct func_call *call, struct err *err)
{
    struct buf text = {0};
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct format *f = arena_new(call->arena, struct format);
    int rc = 0;
    for (uint32_t i = 0; i < call->n && rc == 0; i++) {
        uint32_t row = call_row(call, i);
        if (i == 0 || call->args[1].form != VEC_CONST)
            rc = parse_format(arg_bytes(call, 1, row), f, err);
        struct numeric v;
        buf_reset(&text);
        if (rc == 0) {
            open_value(call, row, f, &scratch, &v);
            rc = write_value(f, &v, &scratch, &text, err);
        }
        if (rc)
            call->failed = i;
        else
            out_bytes(call, row, text.data, text.len);
        arena_reset(&scratch);
    }
    arena_done(&scratch);
    buf_done(&text);
    return rc;
}

KERNEL(int4_to_char)
{
    return to_char_rows(call, err);
}
KERNEL(int8_to_char)
{
    return to_char_rows(call, err);
}
KERNEL(float4_to_char)
{
    return to_char_rows(call, err);
}
KERNEL(float8_to_char)
{
    return to_char_rows(call, err);
}
KERNEL(numeric_to_char)
{
    return to_char_rows(call, err);
}

/* ---- to_number ---- */

/* Digits, one point and the sign are picked out; everything else the template foresees is passed
 * over. */
static int read_number(struct func_call *call, uint32_t row, const struct format *f,
                       struct datum *out, struct err *err)
{
    const struct bytes_view *v = arg_bytes(call, 0, row);
    const uint8_t *p = view_data(v), *end = p + v->len;
    struct buf text = {0};
    bool neg = false, point = false;
    int32_t pre = 0, post = 0;
    for (; p < end; p++) {
        if (*p >= '0' && *p <= '9') {
            if (point ? post++ >= f->post : pre++ >= f->pre)
                break;
            buf_put_u8(&text, *p);
        } else if (*p == '.' && f->point && !point) {
            point = true;
            buf_put_u8(&text, '.');
        } else if (*p == '-' || *p == '<') {
            neg = true;
        }
    }
    if (pre + post == 0)
        buf_put_u8(&text, ' ');
    struct buf signed_text = {0};
    if (neg)
        buf_put_u8(&signed_text, '-');
    buf_put(&signed_text, text.data, text.len);
    int rc = numeric_in((const char *)signed_text.data, signed_text.len, -1, call->arena, out, err);
    buf_done(&text);
    buf_done(&signed_text);
    return rc;
}

KERNEL(numeric_to_number)
{
    struct format *f = arena_new(call->arena, struct format);
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct datum d;
        int rc = parse_format(arg_bytes(call, 1, row), f, err);
        if (arg_bytes(call, 1, row)->len == 0) {
            out_null(call, row);
            continue;
        }
        if (rc == 0)
            rc = read_number(call, row, f, &d, err);
        if (rc)
            return fail_row(call, i, rc);
        struct numeric n;
        numeric_open(&d, call->arena, &n);
        out_view(call, row, numeric_close_num(&n, call->arena).u.bytes);
    }
    return 0;
}
