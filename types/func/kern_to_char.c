/* to_char, to_date and to_timestamp: dates by template patterns, as PostgreSQL reads them. */
#include <stdlib.h>

#include "types/func/kern.h"
#include "types/type/datetime.h"
#include "types/type/text.h"

enum token {
    T_NONE,
    T_AD,
    T_AD_DOTS,
    T_AM,
    T_AM_DOTS,
    T_CC,
    T_DAY,
    T_DDD,
    T_DD,
    T_DY,
    T_D,
    T_FF,
    T_FX,
    T_HH24,
    T_HH12,
    T_IDDD,
    T_ID,
    T_IW,
    T_IYYY,
    T_IYY,
    T_IY,
    T_I,
    T_J,
    T_MI,
    T_MM,
    T_MONTH,
    T_MON,
    T_MS,
    T_OF,
    T_Q,
    T_RM,
    T_SSSS,
    T_SS,
    T_TZH,
    T_TZM,
    T_TZ,
    T_US,
    T_WW,
    T_W,
    T_Y_YYY,
    T_YYYY,
    T_YYY,
    T_YY,
    T_Y
};

/* Longest first where one begins like another. `cased`: the case of the pattern is the case of the
 * result. */
static const struct {
    const char *text;
    enum token token;
    uint8_t digits; /* how many a reader takes when the next pattern follows at once */
    bool cased;
} patterns[] = {
    {"A.D.", T_AD_DOTS, 0, true}, {"B.C.", T_AD_DOTS, 0, true}, {"A.M.", T_AM_DOTS, 0, true},
    {"P.M.", T_AM_DOTS, 0, true}, {"AD", T_AD, 0, true},        {"BC", T_AD, 0, true},
    {"AM", T_AM, 0, true},        {"PM", T_AM, 0, true},        {"CC", T_CC, 2, false},
    {"DAY", T_DAY, 0, true},      {"DDD", T_DDD, 3, false},     {"DD", T_DD, 2, false},
    {"DY", T_DY, 0, true},        {"D", T_D, 1, false},         {"FF1", T_FF, 1, false},
    {"FF2", T_FF, 2, false},      {"FF3", T_FF, 3, false},      {"FF4", T_FF, 4, false},
    {"FF5", T_FF, 5, false},      {"FF6", T_FF, 6, false},      {"FX", T_FX, 0, false},
    {"HH24", T_HH24, 2, false},   {"HH12", T_HH12, 2, false},   {"HH", T_HH12, 2, false},
    {"IDDD", T_IDDD, 3, false},   {"ID", T_ID, 1, false},       {"IW", T_IW, 2, false},
    {"IYYY", T_IYYY, 4, false},   {"IYY", T_IYY, 3, false},     {"IY", T_IY, 2, false},
    {"I", T_I, 1, false},         {"J", T_J, 0, false},         {"MI", T_MI, 2, false},
    {"MM", T_MM, 2, false},       {"MONTH", T_MONTH, 0, true},  {"MON", T_MON, 0, true},
    {"MS", T_MS, 3, false},       {"OF", T_OF, 0, false},       {"Q", T_Q, 1, false},
    {"RM", T_RM, 0, true},        {"SSSSS", T_SSSS, 5, false},  {"SSSS", T_SSSS, 5, false},
    {"SS", T_SS, 2, false},       {"TZH", T_TZH, 0, false},     {"TZM", T_TZM, 2, false},
    {"TZ", T_TZ, 0, true},        {"US", T_US, 6, false},       {"WW", T_WW, 2, false},
    {"W", T_W, 1, false},         {"Y,YYY", T_Y_YYY, 0, false}, {"YYYY", T_YYYY, 4, false},
    {"YYY", T_YYY, 3, false},     {"YY", T_YY, 2, false},       {"Y", T_Y, 1, false},
};

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};
static const char *const romans[] = {"I",   "II",   "III", "IV", "V",  "VI",
                                     "VII", "VIII", "IX",  "X",  "XI", "XII"};

/* One piece of a template. */
struct piece {
    enum token token; /* T_NONE: literal bytes */
    uint8_t digits;
    char letter_case;    /* u upper, c capitalized, l lower */
    bool fill;           /* FM */
    char ordinal;        /* T for TH, t for th, 0 */
    const uint8_t *text; /* the literal, or the pattern as it was written */
    uint32_t len;
    bool quoted;
};

static char to_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}
static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static bool is_alpha(char c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static bool matches(const char *p, size_t left, const char *word)
{
    size_t n = strlen(word);
    if (left < n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (to_upper(p[i]) != word[i])
            return false;
    return true;
}

/* Names come in three cases only; anything else is no pattern. */
static bool name_case(const char *p, size_t n, char *letter_case)
{
    size_t lower = 0, letters = 0;
    for (size_t i = 0; i < n; i++) {
        lower += is_lower(p[i]);
        letters += is_alpha(p[i]);
    }
    *letter_case = lower == 0 ? 'u' : lower == letters ? 'l' : 'c';
    return lower == 0 || lower == letters || (lower == letters - 1 && !is_lower(p[0]));
}

/* The piece at *p; false at the end. */
static bool next_piece(const uint8_t **at, const uint8_t *end, struct piece *out)
{
    const char *p = (const char *)*at;
    size_t left = (size_t)(end - *at);
    *out = (struct piece){0};
    if (left == 0)
        return false;
    while (left >= 2 && (matches(p, left, "FM") || matches(p, left, "TM"))) {
        out->fill |= to_upper(*p) == 'F';
        p += 2;
        left -= 2;
    }
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        size_t n = strlen(patterns[i].text);
        if (!matches(p, left, patterns[i].text))
            continue;
        if (patterns[i].cased && !name_case(p, n, &out->letter_case))
            continue;
        out->token = patterns[i].token;
        out->text = (const uint8_t *)p;
        out->len = (uint32_t)n;
        out->digits = patterns[i].digits;
        p += n;
        left -= n;
        if (left >= 2 && (memcmp(p, "TH", 2) == 0 || memcmp(p, "th", 2) == 0)) {
            out->ordinal = *p;
            p += 2;
        }
        *at = (const uint8_t *)p;
        return true;
    }
    if (left == 0) { /* a lone FM */
        *at = end;
        out->text = end;
        return true;
    }
    if (*p == '"') { /* quoted text */
        const char *q = ++p;
        while (q < (const char *)end && *q != '"')
            q += *q == '\\' && q + 1 < (const char *)end ? 2 : 1;
        out->text = (const uint8_t *)p;
        out->len = (uint32_t)(q - p);
        out->quoted = true;
        *at = (const uint8_t *)(q < (const char *)end ? q + 1 : q);
        return true;
    }
    if (*p == '\\' && left > 1 && p[1] == '"')
        p++;
    out->text = (const uint8_t *)p;
    out->len = text_char_len((const uint8_t *)p, end);
    *at = (const uint8_t *)p + out->len;
    return true;
}

/* ---- writing ---- */

struct moment {
    struct datetime t;
    int64_t hours; /* of an interval: beyond a day */
    bool interval;
    bool has_zone;
    struct tz_offset zone;
};

static void put_cased(struct buf *out, const char *text, char letter_case, int pad)
{
    int n = 0;
    for (; text[n]; n++) {
        char c = text[n];
        bool upper = letter_case == 'u' || (letter_case == 'c' && n == 0);
        buf_put_u8(out, (uint8_t)(upper ? to_upper(c) : c >= 'A' && c <= 'Z' ? c + 32 : c));
    }
    for (; n < pad; n++)
        buf_put_u8(out, ' ');
}

static void put_number(struct buf *out, const struct piece *p, int64_t v, int width)
{
    size_t start = out->len;
    if (p->fill)
        buf_printf(out, "%lld", (long long)v);
    else
        buf_printf(out, "%0*lld", v < 0 ? width + 1 : width, (long long)v);
    if (!p->ordinal || out->len == start)
        return;
    char last = (char)out->data[out->len - 1];
    bool teen = out->len - start > 1 && out->data[out->len - 2] == '1';
    const char *suffix = teen          ? "TH"
                         : last == '1' ? "ST"
                         : last == '2' ? "ND"
                         : last == '3' ? "RD"
                                       : "TH";
    put_cased(out, suffix, p->ordinal == 'T' ? 'u' : 'l', 0);
}

static void put_offset(struct buf *out, const struct piece *p, int32_t seconds)
{
    int32_t mag = abs(seconds);
    char sign = seconds < 0 ? '-' : '+';
    if (p->token == T_TZM)
        buf_printf(out, "%02d", mag / 60 % 60);
    else
        buf_printf(out, "%c%02d", sign, mag / 3600);
    if (p->token == T_OF && mag / 60 % 60)
        buf_printf(out, ":%02d", mag / 60 % 60);
}

/* Patterns with names, eras and zones. False: not one of them. */
static int put_word(struct buf *out, const struct piece *p, const struct moment *m, bool *done,
                    struct err *err)
{
    int pad = p->fill ? 0 : 9;
    int32_t dow =
        m->interval ? 0 : date_day_of_week(date_from_ymd(m->t.year, m->t.month, m->t.day));
    char text[8];
    *done = true;
    switch (p->token) {
    case T_AM:
        put_cased(out, m->hours % 24 >= 12 ? "PM" : "AM", p->letter_case, 0);
        return 0;
    case T_AM_DOTS:
        put_cased(out, m->hours % 24 >= 12 ? "P.M." : "A.M.", p->letter_case, 0);
        return 0;
    case T_RM:
        if (m->interval && m->t.month == 0)
            return 0;
        put_cased(out, romans[(abs(m->t.month) + 11) % 12], p->letter_case, p->fill ? 0 : 4);
        return 0;
    case T_AD:
    case T_AD_DOTS:
    case T_DAY:
    case T_DY:
    case T_MONTH:
    case T_MON:
    case T_TZ:
    case T_TZH:
    case T_TZM:
    case T_OF:
        if (!m->interval)
            break;
        err_set(err, ERR_INVALID_DATETIME_FORMAT,
                "invalid format specification for an interval value");
        return err_hint(err, "Intervals are not tied to specific calendar dates.");
    default:
        *done = false;
        return 0;
    }
    switch (p->token) {
    case T_AD:
        put_cased(out, m->t.year <= 0 ? "BC" : "AD", p->letter_case, 0);
        break;
    case T_AD_DOTS:
        put_cased(out, m->t.year <= 0 ? "B.C." : "A.D.", p->letter_case, 0);
        break;
    case T_DAY:
        put_cased(out, days[dow], p->letter_case, pad);
        break;
    case T_MONTH:
        put_cased(out, months[m->t.month - 1], p->letter_case, pad);
        break;
    case T_DY:
    case T_MON:
        memcpy(text, p->token == T_DY ? days[dow] : months[m->t.month - 1], 3);
        text[3] = 0;
        put_cased(out, text, p->letter_case, 0);
        break;
    case T_TZ:
        if (m->has_zone)
            put_cased(out, m->zone.abbrev, p->letter_case == 'l' ? 'l' : 'u', 0);
        break;
    default:
        put_offset(out, p, m->has_zone ? m->zone.seconds : 0);
        break;
    }
    return 0;
}

static void put_year(struct buf *out, const struct piece *p, const struct moment *m)
{
    int32_t year = m->t.year, iso_week;
    if (p->token >= T_IYYY && p->token <= T_I && !m->interval)
        date_iso_week(date_from_ymd(m->t.year, m->t.month, m->t.day), &year, &iso_week);
    if (!m->interval && year <= 0)
        year = 1 - year;
    switch (p->token) {
    case T_Y_YYY:
        buf_printf(out, "%d,%03d", year / 1000, year % 1000);
        return;
    case T_YYYY:
    case T_IYYY:
        put_number(out, p, year, 4);
        return;
    case T_YYY:
    case T_IYY:
        put_number(out, p, year % 1000, 3);
        return;
    case T_YY:
    case T_IY:
        put_number(out, p, year % 100, 2);
        return;
    default:
        put_number(out, p, year % 10, 1);
        return;
    }
}

static void put_fraction(struct buf *out, const struct piece *p, int32_t us)
{
    static const int32_t unit[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    struct piece plain = *p;
    plain.fill = false;
    put_number(out, &plain, us / unit[p->digits], p->digits);
}

static void put_calendar(struct buf *out, const struct piece *p, const struct moment *m)
{
    const struct datetime *t = &m->t;
    int32_t date = m->interval ? 0 : date_from_ymd(t->year, t->month, t->day), iso_year = 0,
            week = 0;
    int32_t dow = m->interval ? 0 : date_day_of_week(date);
    int32_t doy = m->interval ? t->year * 360 + t->month * 30 + t->day
                              : date - date_from_ymd(t->year, 1, 1) + 1;
    if (!m->interval)
        date_iso_week(date, &iso_year, &week);
    switch (p->token) {
    case T_CC: {
        int32_t y = t->year, cc = m->interval ? y / 100 : y > 0 ? (y - 1) / 100 + 1 : y / 100 - 1;
        if (cc <= 99 && cc >= -99)
            put_number(out, p, cc, 2);
        else
            put_number(out, p, cc, 1);
        return;
    }
    case T_DDD:
        put_number(out, p, doy, 3);
        return;
    case T_IDDD:
        put_number(out, p, (week - 1) * 7 + (dow ? dow : 7), 3);
        return;
    case T_DD:
        put_number(out, p, t->day, 2);
        return;
    case T_D:
        put_number(out, p, dow + 1, 1);
        return;
    case T_ID:
        put_number(out, p, dow ? dow : 7, 1);
        return;
    case T_IW:
        put_number(out, p, week, 2);
        return;
    case T_WW:
        put_number(out, p, (doy - 1) / 7 + 1, 2);
        return;
    case T_W:
        put_number(out, p, (t->day - 1) / 7 + 1, 1);
        return;
    case T_J:
        put_number(out, p, date + (int64_t)JULIAN_2000, 0);
        return;
    case T_MM:
        put_number(out, p, t->month, 2);
        return;
    case T_Q:
        if (t->month)
            put_number(out, p, (t->month - 1) / 3 + 1, 1);
        return;
    default:
        put_year(out, p, m);
        return;
    }
}

static int put_piece(struct buf *out, const struct piece *p, const struct moment *m,
                     struct err *err)
{
    bool done;
    int rc = put_word(out, p, m, &done, err);
    if (rc || done)
        return rc;
    int64_t h = m->hours;
    switch (p->token) {
    case T_FX:
        return 0;
    case T_HH24:
        put_number(out, p, h, 2);
        return 0;
    case T_HH12:
        put_number(out, p, h % 12 == 0 ? 12 : h % 12, 2);
        return 0;
    case T_MI:
        put_number(out, p, m->t.minute, 2);
        return 0;
    case T_SS:
        put_number(out, p, m->t.second, 2);
        return 0;
    case T_MS:
        put_number(out, p, m->t.us / 1000, 3);
        return 0;
    case T_US:
        put_number(out, p, m->t.us, 6);
        return 0;
    case T_FF:
        put_fraction(out, p, m->t.us);
        return 0;
    case T_SSSS:
        put_number(out, p, h * 3600 + m->t.minute * 60 + m->t.second, 1);
        return 0;
    default:
        put_calendar(out, p, m);
        return 0;
    }
}

static int write_moment(const struct bytes_view *format, const struct moment *m, struct buf *out,
                        struct err *err)
{
    const uint8_t *at = view_data(format), *end = at + format->len;
    struct piece p;
    while (next_piece(&at, end, &p)) {
        if (p.token == T_NONE) {
            for (uint32_t i = 0; i < p.len; i++) {
                if (p.quoted && p.text[i] == '\\' && i + 1 < p.len)
                    i++;
                buf_put_u8(out, p.text[i]);
            }
            continue;
        }
        int rc = put_piece(out, &p, m, err);
        if (rc)
            return rc;
    }
    return 0;
}

/* Null: nothing to show (an infinite time, an empty template). */
static bool read_moment(const struct func_call *call, uint32_t row, uint32_t type, struct moment *m)
{
    *m = (struct moment){0};
    if (arg_bytes(call, 1, row)->len == 0)
        return false;
    if (type == TYPE_INTERVAL) {
        struct interval iv = interval_load(arg_bytes(call, 0, row));
        m->interval = true;
        m->t = (struct datetime){.year = iv.months / 12, .month = iv.months % 12, .day = iv.days};
        m->hours = iv.us / US_PER_HOUR;
        m->t.minute = (int32_t)(iv.us / US_PER_MIN % 60);
        m->t.second = (int32_t)(iv.us / US_PER_SEC % 60);
        m->t.us = (int32_t)(iv.us % US_PER_SEC);
        return true;
    }
    int64_t us = arg_i64(call, 0, row);
    if (!datetime_finite(us))
        return false;
    if (type == TYPE_TIMESTAMPTZ) {
        m->has_zone = true;
        m->zone = tz_at(call->env->zone, us);
        datetime_instant_to_local(call->env->zone, us, &us);
    }
    datetime_split(us, &m->t);
    m->hours = m->t.hour;
    return true;
}

static int to_char_rows(struct func_call *call, uint32_t type, struct err *err)
{
    struct buf text = {0};
    int rc = 0;
    for (uint32_t i = 0; i < call->n && rc == 0; i++) {
        uint32_t row = call_row(call, i);
        struct moment m;
        if (!read_moment(call, row, type, &m)) {
            out_null(call, row);
            continue;
        }
        buf_reset(&text);
        rc = write_moment(arg_bytes(call, 1, row), &m, &text, err);
        if (rc)
            call->failed = i;
        else
            out_bytes(call, row, text.data, text.len);
    }
    buf_done(&text);
    return rc;
}

KERNEL(timestamp_to_char)
{
    return to_char_rows(call, TYPE_TIMESTAMP, err);
}
KERNEL(timestamptz_to_char)
{
    return to_char_rows(call, TYPE_TIMESTAMPTZ, err);
}
KERNEL(interval_to_char)
{
    return to_char_rows(call, TYPE_INTERVAL, err);
}

/* ---- reading ---- */

struct scan {
    const char *p, *end;
    int32_t year, month, day, doy, julian, week, century;
    int32_t iso_year, iso_week, iso_day;
    int32_t hour, minute, second, us, ssss;
    bool has_year, has_ssss, pm, am, bc, clock12, has_zone;
    int32_t zone_seconds;
};

static int bad_value(const struct scan *s, const struct piece *p, bool word, struct err *err)
{
    int n = (int)(s->end - s->p);
    for (int i = 0; word && i < n; i++)
        if (!is_alpha(s->p[i]))
            n = i;
    return err_set(err, ERR_INVALID_DATETIME_FORMAT, "invalid value \"%.*s\" for \"%.*s\"", n, s->p,
                   (int)p->len, (const char *)p->text);
}

/* `most` digits when another number follows at once, else as many as there are. */
static int take_number(struct scan *s, const struct piece *p, bool bounded, int32_t *out,
                       struct err *err)
{
    while (s->p < s->end && *s->p == ' ')
        s->p++;
    const char *start = s->p;
    bool neg = s->p < s->end && *s->p == '-';
    if (s->p < s->end && (*s->p == '-' || *s->p == '+'))
        s->p++;
    int64_t v = 0;
    uint32_t n = 0;
    while (s->p < s->end && is_digit(*s->p) && (!bounded || n < p->digits)) {
        v = v * 10 + (*s->p++ - '0');
        n++;
        if (v > INT32_MAX)
            break;
    }
    if (n == 0) {
        s->p = start;
        return bad_value(s, p, false, err);
    }
    if (v > INT32_MAX)
        return err_set(err, ERR_DATETIME_FIELD_OVERFLOW,
                       "value for \"%.*s\" in source string is out of range", (int)p->len,
                       (const char *)p->text);
    *out = (int32_t)(neg ? -v : v);
    return 0;
}

static int take_name(struct scan *s, const struct piece *p, const char *const *names, int n,
                     bool full, int32_t *out, struct err *err)
{
    while (s->p < s->end && *s->p == ' ')
        s->p++;
    for (int i = 0; i < n; i++) {
        size_t len = full ? strlen(names[i]) : 3;
        if ((size_t)(s->end - s->p) >= len && strncasecmp(s->p, names[i], len) == 0) {
            s->p += len;
            *out = i + 1;
            return 0;
        }
    }
    return bad_value(s, p, true, err);
}

static int take_roman(struct scan *s, const struct piece *p, int32_t *out, struct err *err)
{
    for (int i = 11; i >= 0; i--) {
        size_t n = strlen(romans[i]);
        bool ends =
            (size_t)(s->end - s->p) == n || ((size_t)(s->end - s->p) > n && !is_alpha(s->p[n]));
        if ((size_t)(s->end - s->p) >= n && ends && strncasecmp(s->p, romans[i], n) == 0) {
            s->p += n;
            *out = i + 1;
            return 0;
        }
    }
    return bad_value(s, p, true, err);
}

static int take_mark(struct scan *s, const struct piece *p, const char *first, const char *second,
                     bool *is_second, struct err *err)
{
    size_t n = strlen(first);
    if ((size_t)(s->end - s->p) >= n && strncasecmp(s->p, first, n) == 0)
        *is_second = false;
    else if ((size_t)(s->end - s->p) >= n && strncasecmp(s->p, second, n) == 0)
        *is_second = true;
    else
        return bad_value(s, p, true, err);
    s->p += n;
    return 0;
}

/* A fraction's digits count from the left. */
static int take_fraction(struct scan *s, const struct piece *p, struct err *err)
{
    const char *start = s->p;
    int32_t v = 0, n = 0;
    while (s->p < s->end && is_digit(*s->p)) {
        if (n < p->digits) {
            v = v * 10 + (*s->p - '0');
            n++;
        }
        s->p++;
    }
    if (n == 0) {
        s->p = start;
        return bad_value(s, p, true, err);
    }
    for (; n < 6; n++)
        v *= 10;
    s->us = v;
    return 0;
}

/* 20, 120, 520, 99: the year nearest to 2020. */
static int32_t near_2020(int32_t year)
{
    return year < 70     ? year + 2000
           : year < 100  ? year + 1900
           : year < 520  ? year + 2000
           : year < 1000 ? year + 1000
                         : year;
}

static int take_year(struct scan *s, const struct piece *p, bool bounded, struct err *err)
{
    const char *start = s->p;
    int32_t v = 0, thousands = 0;
    if (p->token == T_Y_YYY) {
        struct piece three = {.token = T_Y_YYY, .digits = 3};
        int rc = take_number(s, p, false, &thousands, err);
        if (rc == 0 && (s->p == s->end || *s->p != ','))
            rc = err_set(err, ERR_INVALID_DATETIME_FORMAT, "invalid input string for \"Y,YYY\"");
        s->p += rc == 0;
        if (rc == 0)
            rc = take_number(s, &three, true, &v, err);
        if (rc)
            return rc;
        v += thousands * 1000;
    } else {
        int rc = take_number(s, p, bounded, &v, err);
        if (rc)
            return rc;
        bool partial = p->token != T_YYYY && p->token != T_IYYY;
        if (partial && s->p - start < 4 && v >= 0)
            v = near_2020(v);
    }
    bool iso = p->token >= T_IYYY && p->token <= T_I;
    if (iso) {
        s->iso_year = v;
    } else {
        s->year = v;
        s->has_year = true;
    }
    return 0;
}

/* Marks, names and Roman months. *done: the piece was one of them. */
static int take_word(struct scan *s, const struct piece *p, bool *done, struct err *err)
{
    int32_t ignored;
    int rc;
    bool second = false;
    *done = true;
    switch (p->token) {
    case T_FX:
        return 0;
    case T_AM:
    case T_AM_DOTS:
        rc = take_mark(s, p, p->token == T_AM ? "AM" : "A.M.", p->token == T_AM ? "PM" : "P.M.",
                       &second, err);
        s->pm = second;
        s->am = !second;
        return rc;
    case T_AD:
    case T_AD_DOTS:
        return take_mark(s, p, p->token == T_AD ? "AD" : "A.D.", p->token == T_AD ? "BC" : "B.C.",
                         &s->bc, err);
    case T_MONTH:
        return take_name(s, p, months, 12, true, &s->month, err);
    case T_MON:
        return take_name(s, p, months, 12, false, &s->month, err);
    case T_DAY:
        return take_name(s, p, days, 7, true, &ignored, err);
    case T_DY:
        return take_name(s, p, days, 7, false, &ignored, err);
    case T_RM:
        return take_roman(s, p, &s->month, err);
    default:
        *done = false;
        return 0;
    }
}

static int take_piece(struct scan *s, const struct piece *p, bool bounded, struct err *err)
{
    int32_t ignored;
    bool done;
    int rc = take_word(s, p, &done, err);
    if (rc || done)
        return rc;
    switch (p->token) {
    case T_HH24:
        return take_number(s, p, bounded, &s->hour, err);
    case T_HH12:
        s->clock12 = true;
        return take_number(s, p, bounded, &s->hour, err);
    case T_MI:
        return take_number(s, p, bounded, &s->minute, err);
    case T_SS:
        return take_number(s, p, bounded, &s->second, err);
    case T_SSSS:
        s->has_ssss = true;
        return take_number(s, p, bounded, &s->ssss, err);
    case T_MS:
    case T_US:
    case T_FF:
        return take_fraction(s, p, err);
    case T_DDD:
        return take_number(s, p, bounded, &s->doy, err);
    case T_DD:
        return take_number(s, p, bounded, &s->day, err);
    case T_MM:
        return take_number(s, p, bounded, &s->month, err);
    case T_J:
        return take_number(s, p, false, &s->julian, err);
    case T_CC:
        return take_number(s, p, bounded, &s->century, err);
    case T_W:
    case T_WW:
        return take_number(s, p, bounded, &s->week, err);
    case T_IW:
        return take_number(s, p, bounded, &s->iso_week, err);
    case T_ID:
    case T_IDDD:
        return take_number(s, p, bounded, &s->iso_day, err);
    case T_D:
    case T_Q:
        return take_number(s, p, bounded, &ignored, err);
    case T_TZH:
        s->has_zone = true;
        rc = take_number(s, p, false, &s->zone_seconds, err);
        s->zone_seconds *= 3600;
        return rc;
    case T_TZM:
        rc = take_number(s, p, bounded, &ignored, err);
        s->zone_seconds += s->zone_seconds < 0 ? -ignored * 60 : ignored * 60;
        return rc;
    case T_TZ:
    case T_OF:
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED,
                       "formatting field \"%.*s\" is only supported in to_char", (int)p->len,
                       (const char *)p->text);
    default:
        return take_year(s, p, bounded, err);
    }
}

/* Does another number pattern follow without anything between? */
static bool number_follows(const uint8_t *at, const uint8_t *end)
{
    struct piece next;
    return next_piece(&at, end, &next) && next.token != T_NONE && next.digits > 0;
}

static int read_text(struct scan *s, const struct bytes_view *format, struct err *err)
{
    const uint8_t *at = view_data(format), *end = at + format->len;
    struct piece p;
    while (s->p < s->end && *s->p == ' ')
        s->p++;
    while (next_piece(&at, end, &p)) {
        if (p.token == T_NONE) {
            bool plain = p.quoted || (p.len && is_alpha((char)p.text[0]));
            if (plain) { /* as many characters are skipped, whatever they are */
                for (uint32_t i = 0; i < p.len && s->p < s->end; i++)
                    s->p++;
            } else {
                while (s->p < s->end && !is_alpha(*s->p) && !is_digit(*s->p) &&
                       !((*s->p == '-' || *s->p == '+') && s->p > s->end - 1))
                    s->p++;
            }
            continue;
        }
        if (s->p == s->end)
            break;
        int rc = take_piece(s, &p, number_follows(at, end) && !p.fill, err);
        if (rc)
            return rc;
        if (p.ordinal)
            s->p += s->end - s->p >= 2 ? 2 : s->end - s->p;
    }
    return 0;
}

static int out_of_range(const struct bytes_view *text, struct err *err)
{
    return err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "date/time field value out of range: \"%.*s\"",
                   (int)text->len, (const char *)view_data(text));
}

static int resolve_clock(struct scan *s, struct err *err)
{
    if (s->has_ssss) {
        s->hour = s->ssss / 3600;
        s->minute = s->ssss / 60 % 60;
        s->second = s->ssss % 60;
        return 0;
    }
    if (!s->clock12)
        return 0;
    if (s->hour < 1 || s->hour > 12) {
        err_set(err, ERR_INVALID_DATETIME_FORMAT, "hour \"%d\" is invalid for the 12-hour clock",
                s->hour);
        return err_hint(err, "Use the 24-hour clock, or give an hour between 1 and 12.");
    }
    if (s->pm && s->hour < 12)
        s->hour += 12;
    else if (!s->pm && s->am && s->hour == 12)
        s->hour = 0;
    return 0;
}

/* Fields to a local time; what was not given is its first value. */
static int resolve(struct scan *s, const struct bytes_view *text, struct datetime *t,
                   struct err *err)
{
    int rc = resolve_clock(s, err);
    if (rc)
        return rc;
    int32_t year = s->has_year ? s->year : 0;
    if (s->has_year && s->century && year < 100)
        year = s->century * 100 - 100 + (year % 100 == 0 ? 100 : year % 100);
    else if (!s->has_year && s->century)
        year = s->century * 100 - 99;
    if (s->bc && year > 0)
        year = 1 - year;
    else if (s->has_year && year < 0)
        year++;
    *t = (struct datetime){.year = year,
                           .month = s->month ? s->month : 1,
                           .day = s->day ? s->day : 1,
                           .hour = s->hour,
                           .minute = s->minute,
                           .second = s->second,
                           .us = s->us};
    if (s->julian)
        date_to_ymd(s->julian - JULIAN_2000, &t->year, &t->month, &t->day);
    else if (s->iso_week && s->iso_year) {
        int32_t jan4 = date_from_ymd(s->iso_year, 1, 4);
        int32_t monday = jan4 - (date_day_of_week(jan4) + 6) % 7;
        date_to_ymd(monday + (s->iso_week - 1) * 7 + (s->iso_day ? s->iso_day - 1 : 0), &t->year,
                    &t->month, &t->day);
    } else if (s->doy) {
        if (s->doy < 1 || s->doy > 365 + date_is_leap(year))
            return out_of_range(text, err);
        date_to_ymd(date_from_ymd(year, 1, 1) + s->doy - 1, &t->year, &t->month, &t->day);
    } else if (s->week && !s->day) {
        int32_t month = s->month ? s->month : 1;
        date_to_ymd(date_from_ymd(year, month, 1) + (s->week - 1) * 7, &t->year, &t->month,
                    &t->day);
    }
    bool good = t->month >= 1 && t->month <= 12 && t->day >= 1 && t->year >= -4713 &&
                t->year <= 5874897 && t->day <= date_days_in_month(t->year, t->month) &&
                t->hour >= 0 && t->hour < 24 && t->minute >= 0 && t->minute < 60 &&
                t->second >= 0 && t->second < 60;
    return good ? 0 : out_of_range(text, err);
}

static int read_row(struct func_call *call, uint32_t row, struct scan *s, struct datetime *t,
                    struct err *err)
{
    const struct bytes_view *text = arg_bytes(call, 0, row);
    const char *p = (const char *)view_data(text);
    *s = (struct scan){.p = p, .end = p + text->len};
    int rc = read_text(s, arg_bytes(call, 1, row), err);
    return rc ? rc : resolve(s, text, t, err);
}

KERNEL(to_date)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct scan s;
        struct datetime t;
        int rc = read_row(call, row, &s, &t, err);
        if (rc)
            return fail_row(call, i, rc);
        int32_t date = date_from_ymd(t.year, t.month, t.day);
        if (!date_in_range(date))
            return fail_row(call, i, out_of_range(arg_bytes(call, 0, row), err));
        out_i32(call, row, date);
    }
    return 0;
}

KERNEL(to_timestamp)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct scan s;
        struct datetime t;
        int64_t us = 0;
        int rc = read_row(call, row, &s, &t, err);
        if (rc == 0 && !datetime_join(&t, &us))
            rc = err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "timestamp out of range");
        if (rc == 0 && s.has_zone)
            us -= s.zone_seconds * US_PER_SEC;
        else if (rc == 0 && datetime_local_to_instant(call->env->zone, us, &us))
            rc = err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "timestamp out of range");
        if (rc)
            return fail_row(call, i, rc);
        out_i64(call, row, us);
    }
    return 0;
}
