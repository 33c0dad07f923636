#include <math.h>
#include <stdlib.h>

#include "types/type/datetime.h"
#include "types/type/scalar_io.h"

/* Reading dates and times. The text is cut into fields (numbers, dates with separators, times,
 * words, zones), which are then given their meaning one by one, in PostgreSQL's order of
 * preference.
 */

enum { FIELDS_MAX = 25, FIELD_BYTES_MAX = 64 };

enum field_kind { FIELD_NUMBER, FIELD_DATE, FIELD_TIME, FIELD_WORD, FIELD_ZONE, FIELD_SPECIAL };

struct field {
    enum field_kind kind;
    char text[FIELD_BYTES_MAX]; /* lower case */
};

enum {
    HAVE_YEAR = 1,
    HAVE_MONTH = 2,
    HAVE_DAY = 4,
    HAVE_TIME = 8,
    HAVE_ZONE = 16,
    HAVE_DATE = 7,
    HAVE_DOY = 32
};

enum outcome { OK, BAD_SYNTAX, BAD_FIELD, BAD_YEAR, BAD_MONTH_DAY, BAD_ZONE, UNKNOWN_ZONE };

struct reading {
    const struct type_env *env;
    struct field fields[FIELDS_MAX];
    int n_fields;
    unsigned have;
    struct datetime t;
    int32_t doy;
    bool two_digit_year, bc, text_month, time_only;
    int meridiem;          /* -1 none, 0 AM, 1 PM */
    int32_t zone_seconds;  /* east */
    const struct tz *zone; /* a full zone name */
    bool dst_suffix;
    bool special;       /* result given directly */
    int64_t special_us; /* instant (now, epoch), or local midnight */
    bool special_is_instant;
    const char *unknown_zone;
};

/* A number that stops growing where no field can be meant any more. */
enum { NUMBER_MAX = 100000000 };

static int32_t read_int(const char *text, char **end)
{
    long v = strtol(text, end, 10);
    return v > NUMBER_MAX ? NUMBER_MAX : v < -NUMBER_MAX ? -NUMBER_MAX : (int32_t)v;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static bool is_alpha(char c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}
static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* ---- cutting into fields -----------------------------------------------------------------------
 */

struct cutter {
    const char *p, *end;
    char *out;
    int n;
    bool overflow;
};

static void take(struct cutter *c)
{
    if (c->n + 1 >= FIELD_BYTES_MAX) {
        c->overflow = true;
        c->p++;
        return;
    }
    c->out[c->n++] = to_lower(*c->p++);
    c->out[c->n] = 0;
}

static bool at_digit(const struct cutter *c)
{
    return c->p < c->end && is_digit(*c->p);
}
static bool at_char(const struct cutter *c, const char *set)
{
    return c->p < c->end && *c->p && strchr(set, *c->p);
}

static enum field_kind cut_number(struct cutter *c)
{
    while (at_digit(c))
        take(c);
    if (at_char(c, ":")) {
        while (at_digit(c) || at_char(c, ":."))
            take(c);
        return FIELD_TIME;
    }
    if (!at_char(c, "-/."))
        return FIELD_NUMBER;
    char delim = *c->p;
    char only[2] = {delim, 0};
    take(c);
    if (at_digit(c)) {
        enum field_kind kind = delim == '.' ? FIELD_NUMBER : FIELD_DATE;
        while (at_digit(c))
            take(c);
        if (at_char(c, only)) {
            kind = FIELD_DATE;
            while (at_digit(c) || at_char(c, only))
                take(c);
        }
        return kind;
    }
    if (delim == '.')
        return FIELD_NUMBER;
    while (c->p < c->end && (is_digit(*c->p) || is_alpha(*c->p) || *c->p == delim))
        take(c);
    return FIELD_DATE;
}

static bool starts_month(const char *word)
{
    static const char *const names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                        "jul", "aug", "sep", "oct", "nov", "dec"};
    for (int i = 0; i < 12; i++)
        if (strncmp(word, names[i], 3) == 0)
            return true;
    return false;
}

/* A word; dates may continue behind a month's name ("Jan-08-1999"), zone names behind a slash. */
static enum field_kind cut_word(struct cutter *c)
{
    while (c->p < c->end && is_alpha(*c->p))
        take(c);
    if (at_char(c, "-/.") && starts_month(c->out) && c->p + 1 < c->end && is_digit(c->p[1])) {
        char only[2] = {*c->p, 0};
        while (c->p < c->end && (is_digit(*c->p) || is_alpha(*c->p) || at_char(c, only)))
            take(c);
        return FIELD_DATE;
    }
    bool julian = strcmp(c->out, "j") == 0;
    if (at_char(c, "/_") || julian) {
        while (c->p < c->end && (is_alpha(*c->p) || is_digit(*c->p) || at_char(c, "/_-+.")))
            take(c);
    }
    return FIELD_WORD;
}

static enum outcome cut_fields(struct reading *r, const char *text, size_t len)
{
    struct cutter c = {.p = text, .end = text + len};
    while (c.p < c.end) {
        if (scalar_is_space(*c.p) || *c.p == ',') {
            c.p++;
            continue;
        }
        if (r->n_fields == FIELDS_MAX)
            return BAD_SYNTAX;
        struct field *f = &r->fields[r->n_fields++];
        c.out = f->text;
        c.n = 0;
        f->text[0] = 0;
        if (is_digit(*c.p)) {
            f->kind = cut_number(&c);
        } else if (*c.p == '.') {
            f->kind = FIELD_NUMBER;
            take(&c);
            while (at_digit(&c))
                take(&c);
        } else if (is_alpha(*c.p)) {
            f->kind = cut_word(&c);
        } else if (*c.p == '+' || *c.p == '-') {
            take(&c);
            while (c.p < c.end && scalar_is_space(*c.p))
                c.p++;
            if (at_digit(&c)) {
                f->kind = FIELD_ZONE;
                while (at_digit(&c) || at_char(&c, ":.-"))
                    take(&c);
            } else if (c.p < c.end && is_alpha(*c.p)) {
                f->kind = FIELD_SPECIAL;
                while (c.p < c.end && is_alpha(*c.p))
                    take(&c);
            } else {
                return BAD_SYNTAX;
            }
        } else {
            return BAD_SYNTAX;
        }
        if (c.overflow)
            return BAD_SYNTAX;
    }
    return r->n_fields ? OK : BAD_SYNTAX;
}

/* ---- meanings -----------------------------------------------------------------------------------
 */

static int month_of(const char *word)
{
    static const char *const names[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};
    size_t n = strlen(word);
    if (strcmp(word, "sept") == 0)
        return 9;
    for (int i = 0; i < 12; i++)
        if (strcmp(word, names[i]) == 0 || (n == 3 && strncmp(word, names[i], 3) == 0))
            return i + 1;
    return 0;
}

static bool is_weekday(const char *word)
{
    static const char *const names[] = {"sunday",   "monday", "tuesday", "wednesday",
                                        "thursday", "friday", "saturday"};
    size_t n = strlen(word);
    if (strcmp(word, "tues") == 0 || strcmp(word, "thur") == 0 || strcmp(word, "thurs") == 0 ||
        strcmp(word, "weds") == 0)
        return true;
    for (int i = 0; i < 7; i++)
        if (strcmp(word, names[i]) == 0 || (n == 3 && strncmp(word, names[i], 3) == 0))
            return true;
    return false;
}

static int32_t fraction_us(const char *text)
{
    return (int32_t)rint(strtod(text, NULL) * 1000000);
}

static enum outcome set_part(struct reading *r, unsigned part, int32_t v)
{
    if (r->have & part)
        return BAD_SYNTAX;
    r->have |= part;
    if (part == HAVE_YEAR)
        r->t.year = v;
    else if (part == HAVE_MONTH)
        r->t.month = v;
    else
        r->t.day = v;
    return OK;
}

static enum outcome set_year(struct reading *r, int32_t v, size_t digits)
{
    r->two_digit_year = digits <= 2;
    return set_part(r, HAVE_YEAR, v);
}

/* 24:00:00 is the end of a day, second 60 the next minute. */
static enum outcome check_clock(const struct datetime *t)
{
    bool end_of_day = t->hour == 24 && t->minute == 0 && t->second == 0 && t->us == 0;
    bool good = t->minute <= 59 && t->second <= 60 && !(t->second == 60 && t->us > 0) &&
                (t->hour <= 23 || end_of_day);
    return good ? OK : BAD_FIELD;
}

/* hh:mm[:ss[.ffffff]] */
static enum outcome read_time(struct reading *r, const char *text)
{
    if (r->have & HAVE_TIME)
        return BAD_SYNTAX;
    char *p;
    r->t.hour = read_int(text, &p);
    if (*p != ':')
        return BAD_SYNTAX;
    r->t.minute = read_int(p + 1, &p);
    if (*p == ':') {
        if (!is_digit(p[1]))
            return BAD_SYNTAX;
        r->t.second = read_int(p + 1, &p);
    }
    if (*p == '.') {
        r->t.us = fraction_us(p);
        p++;
        while (is_digit(*p))
            p++;
    }
    if (*p)
        return BAD_SYNTAX;
    r->have |= HAVE_TIME;
    enum outcome o = check_clock(&r->t);
    if (o)
        return o;
    if (r->t.us == US_PER_SEC) {
        r->t.us = 0;
        r->t.second++;
    }
    return OK;
}

/* A number in a date without separators, by what is known already and the order of dates. */
static enum outcome read_date_number(struct reading *r, const char *text, size_t digits)
{
    int32_t v = read_int(text, NULL);
    unsigned have = r->have & HAVE_DATE;
    bool ymd = r->env->date_order == TYPE_ORDER_YMD, dmy = r->env->date_order == TYPE_ORDER_DMY;
    if (digits == 3 && have == HAVE_YEAR && v >= 1 && v <= 366) {
        r->have |= HAVE_MONTH | HAVE_DAY | HAVE_DOY;
        r->doy = v;
        return OK;
    }
    switch (have) {
    case 0:
        if (digits >= 3 || ymd)
            return set_year(r, v, digits);
        return set_part(r, dmy ? HAVE_DAY : HAVE_MONTH, v);
    case HAVE_YEAR:
        return set_part(r, HAVE_MONTH, v);
    case HAVE_MONTH:
        if (r->text_month && (digits >= 3 || ymd))
            return set_year(r, v, digits);
        return set_part(r, HAVE_DAY, v);
    case HAVE_YEAR | HAVE_MONTH:
        if (r->text_month && digits >= 3 && r->two_digit_year) {
            /* "08 Jan 1999" in YMD order: what looked like a year was the day. */
            r->have = (r->have & ~(unsigned)HAVE_YEAR) | HAVE_DAY;
            r->t.day = r->t.year;
            return set_year(r, v, digits);
        }
        return set_part(r, HAVE_DAY, v);
    case HAVE_DAY:
        return set_part(r, HAVE_MONTH, v);
    case HAVE_MONTH | HAVE_DAY:
        return set_year(r, v, digits);
    default:
        return BAD_SYNTAX;
    }
}

/* 1999-01-08, 1/8/1999, 08-Jan-1999, 1999-008 */
static enum outcome read_date(struct reading *r, char *text)
{
    char *pieces[3];
    int n = 0;
    for (char *p = text; *p;) {
        while (*p && !is_digit(*p) && !is_alpha(*p))
            *p++ = 0;
        if (!*p)
            break;
        if (n == 3)
            return BAD_SYNTAX;
        pieces[n++] = p;
        bool digits = is_digit(*p);
        while (*p && (digits ? is_digit(*p) : is_alpha(*p)))
            p++;
        if (*p && (is_digit(*p) || is_alpha(*p)))
            return BAD_SYNTAX;
    }
    if (r->have & HAVE_DATE)
        return BAD_SYNTAX;
    for (int i = 0; i < n; i++) {
        int month = month_of(pieces[i]);
        if (is_digit(pieces[i][0]))
            continue;
        if (!month || (r->have & HAVE_MONTH))
            return BAD_SYNTAX;
        r->have |= HAVE_MONTH;
        r->t.month = month;
        r->text_month = true;
    }
    for (int i = 0; i < n; i++) {
        if (!is_digit(pieces[i][0]))
            continue;
        enum outcome o = read_date_number(r, pieces[i], strlen(pieces[i]));
        if (o)
            return o;
    }
    return (r->have & HAVE_DATE) == HAVE_DATE ? OK : BAD_SYNTAX;
}

static int32_t digits_at(const char *text, size_t at, size_t n)
{
    char part[16] = "";
    memcpy(part, text + at, n < sizeof part - 1 ? n : sizeof part - 1);
    return read_int(part, NULL);
}

/* A number standing alone: YYYYMMDD (or fewer year digits), hhmm[ss] behind a complete date, or one
 * part of a date. */
static enum outcome read_number(struct reading *r, char *text)
{
    size_t digits = strspn(text, "0123456789");
    const char *point = text[digits] == '.' ? text + digits : NULL;
    bool date_done = (r->have & HAVE_DATE) == HAVE_DATE;
    if (point && !(r->have & HAVE_DATE)) /* year.day, or day.month.year */
        return digits > 7 ? BAD_FIELD : read_date(r, text);
    if (!point && !date_done && digits >= 6 && !(r->have & HAVE_DATE)) {
        r->two_digit_year = digits == 6;
        if (digits > 13)
            return BAD_YEAR;
        r->t.year = digits_at(text, 0, digits - 4);
        r->t.month = digits_at(text, digits - 4, 2);
        r->t.day = digits_at(text, digits - 2, 2);
        r->have |= HAVE_DATE;
        return OK;
    }
    if (date_done && !(r->have & HAVE_TIME) && (digits == 6 || digits == 4)) {
        r->t.hour = digits_at(text, 0, 2);
        r->t.minute = digits_at(text, 2, 2);
        r->t.second = digits == 6 ? digits_at(text, 4, 2) : 0;
        r->t.us = point ? fraction_us(point) : 0;
        r->have |= HAVE_TIME;
        return check_clock(&r->t);
    }
    return date_done || point || digits > 4 ? BAD_SYNTAX : read_date_number(r, text, digits);
}

/* +hh, +hhmm, +hh:mm, +hh:mm:ss */
static enum outcome read_zone(struct reading *r, const char *text)
{
    if (r->have & HAVE_ZONE)
        return BAD_SYNTAX;
    int32_t h, m = 0, s = 0;
    size_t digits = strspn(text + 1, "0123456789");
    const char *p = text + 1 + digits;
    h = read_int(text + 1, NULL);
    if (*p == ':') {
        m = read_int(p + 1, NULL);
        p += 1 + strspn(p + 1, "0123456789");
        if (*p == ':') {
            s = read_int(p + 1, NULL);
            p += 1 + strspn(p + 1, "0123456789");
        }
    } else if (digits > 2) {
        m = h % 100;
        h /= 100;
        if (digits > 4) {
            s = m;
            m = h % 100;
            h /= 100;
        }
    }
    if (*p)
        return BAD_SYNTAX;
    if (h > 15 || m > 59 || s > 59)
        return BAD_ZONE;
    r->zone_seconds = (h * 60 + m) * 60 + s;
    if (text[0] == '-')
        r->zone_seconds = -r->zone_seconds;
    r->have |= HAVE_ZONE;
    return OK;
}

static int64_t today_us(const struct type_env *env)
{
    int64_t local = env->now_us;
    datetime_instant_to_local(env->zone, env->now_us, &local);
    int64_t days = local / US_PER_DAY - (local % US_PER_DAY < 0);
    return days * US_PER_DAY;
}

static bool read_special(struct reading *r, const char *word)
{
    bool day = true;
    int64_t us = 0;
    if (strcmp(word, "now") == 0) {
        us = r->env->now_us;
        day = false;
    } else if (strcmp(word, "today") == 0) {
        us = today_us(r->env);
    } else if (strcmp(word, "tomorrow") == 0) {
        us = today_us(r->env) + US_PER_DAY;
    } else if (strcmp(word, "yesterday") == 0) {
        us = today_us(r->env) - US_PER_DAY;
    } else if (strcmp(word, "epoch") == 0) {
        us = DATETIME_UNIX_EPOCH_US;
        day = false;
    } else if (strcmp(word, "infinity") == 0 || strcmp(word, "+infinity") == 0 ||
               strcmp(word, "inf") == 0) {
        us = DATETIME_INFINITY;
        day = false;
    } else if (strcmp(word, "-infinity") == 0 || strcmp(word, "-inf") == 0) {
        us = DATETIME_MINUS_INFINITY;
        day = false;
    } else {
        return false;
    }
    r->special = true;
    r->special_us = us;
    r->special_is_instant = !day;
    if (day) { /* a date: a time may still follow */
        datetime_split(us, &(struct datetime){0});
        struct datetime t;
        datetime_split(us, &t);
        r->t.year = t.year;
        r->t.month = t.month;
        r->t.day = t.day;
        r->have |= HAVE_DATE;
        r->special = false;
    }
    return true;
}

static enum outcome read_zone_word(struct reading *r, const char *word)
{
    if (r->have & HAVE_ZONE) {
        /* an abbreviation behind a numeric offset, or "dst" */
        if (strcmp(word, "dst") != 0)
            return BAD_SYNTAX;
        r->zone_seconds += 3600;
        return OK;
    }
    bool dst;
    if (strcmp(word, "z") == 0 || strcmp(word, "zulu") == 0 || strcmp(word, "utc") == 0 ||
        strcmp(word, "gmt") == 0 || strcmp(word, "ut") == 0) {
        r->zone_seconds = 0;
    } else if (!tz_abbrev(word, strlen(word), &r->zone_seconds, &dst)) {
        r->zone = r->env->names && r->env->names->zone_of
                      ? r->env->names->zone_of(r->env->names_ctx, word, strlen(word))
                      : NULL;
        if (!r->zone) {
            if (strchr(word, '/')) {
                r->unknown_zone = word;
                return UNKNOWN_ZONE;
            }
            return BAD_SYNTAX;
        }
    }
    r->have |= HAVE_ZONE;
    return OK;
}

static enum outcome read_word(struct reading *r, const char *word, const struct field *next)
{
    int month = month_of(word);
    if (month) {
        if ((r->have & HAVE_MONTH) && !r->text_month && !(r->have & HAVE_DAY)) {
            /* "8 January": the number read as a month was the day */
            r->t.day = r->t.month;
            r->have |= HAVE_DAY;
            r->have &= ~(unsigned)HAVE_MONTH;
        }
        r->text_month = true;
        return set_part(r, HAVE_MONTH, month);
    }
    if (is_weekday(word) || strcmp(word, "at") == 0 || strcmp(word, "on") == 0)
        return OK;
    if (strcmp(word, "t") == 0 && next && (next->kind == FIELD_TIME || next->kind == FIELD_NUMBER))
        return r->time_only || (r->have & HAVE_DATE) == HAVE_DATE ? OK : BAD_SYNTAX;
    if (strcmp(word, "am") == 0 || strcmp(word, "pm") == 0) {
        r->meridiem = word[0] == 'p';
        return OK;
    }
    if (strcmp(word, "bc") == 0 || strcmp(word, "ad") == 0) {
        r->bc = word[0] == 'b';
        return OK;
    }
    if (strcmp(word, "allballs") == 0) {
        r->have |= HAVE_TIME | HAVE_ZONE;
        r->t.hour = r->t.minute = r->t.second = r->t.us = 0;
        return OK;
    }
    if (word[0] == 'j' && is_digit(word[1]) && !(r->have & HAVE_DATE)) {
        int64_t julian = strtoll(word + 1, NULL, 10);
        if (julian > DATE_END_DAYS)
            return BAD_FIELD;
        date_to_ymd((int32_t)(julian - JULIAN_2000), &r->t.year, &r->t.month, &r->t.day);
        r->have |= HAVE_DATE;
        return OK;
    }
    if (read_special(r, word))
        return OK;
    return read_zone_word(r, word);
}

static enum outcome read_fields(struct reading *r)
{
    for (int i = 0; i < r->n_fields; i++) {
        struct field *f = &r->fields[i];
        const struct field *next = i + 1 < r->n_fields ? f + 1 : NULL;
        enum outcome o = BAD_SYNTAX;
        switch (f->kind) {
        case FIELD_NUMBER:
            o = read_number(r, f->text);
            break;
        case FIELD_DATE:
            o = read_date(r, f->text);
            break;
        case FIELD_TIME:
            o = read_time(r, f->text);
            break;
        case FIELD_WORD:
            o = read_word(r, f->text, next);
            break;
        case FIELD_ZONE:
            o = read_zone(r, f->text);
            break;
        case FIELD_SPECIAL:
            o = read_special(r, f->text) ? OK : BAD_SYNTAX;
            break;
        }
        if (o)
            return o;
    }
    return OK;
}

static enum outcome check_date(struct reading *r)
{
    if ((r->have & HAVE_DATE) != HAVE_DATE)
        return BAD_SYNTAX;
    if (r->bc) {
        if (r->t.year <= 0)
            return BAD_FIELD;
        r->t.year = 1 - r->t.year;
    } else if (r->two_digit_year) {
        r->t.year += r->t.year < 70 ? 2000 : 1900;
    } else if (r->t.year == 0 && !(r->have & HAVE_DOY)) {
        /* year zero does not exist; J dates arrive in astronomical years and skip this */
        bool julian = false;
        for (int i = 0; i < r->n_fields; i++)
            julian |= r->fields[i].kind == FIELD_WORD && r->fields[i].text[0] == 'j' &&
                      is_digit(r->fields[i].text[1]);
        if (!julian)
            return BAD_FIELD;
    }
    if (r->have & HAVE_DOY) {
        if (r->doy > 365 + date_is_leap(r->t.year))
            return BAD_FIELD;
        date_to_ymd(date_from_ymd(r->t.year, 1, 1) + r->doy - 1, &r->t.year, &r->t.month,
                    &r->t.day);
    }
    if (r->t.month < 1 || r->t.month > 12)
        return BAD_MONTH_DAY;
    if (r->t.day < 1 || r->t.day > 31)
        return BAD_MONTH_DAY;
    if (r->t.day > date_days_in_month(r->t.year, r->t.month))
        return BAD_FIELD;
    return OK;
}

static enum outcome check_time(struct reading *r)
{
    if (r->meridiem < 0)
        return OK;
    if (r->t.hour > 12 || !(r->have & HAVE_TIME))
        return BAD_FIELD;
    if (r->meridiem == 1 && r->t.hour != 12)
        r->t.hour += 12;
    else if (r->meridiem == 0 && r->t.hour == 12)
        r->t.hour = 0;
    return OK;
}

static int report(enum outcome o, const struct reading *r, const char *type, const char *text,
                  size_t len, struct err *err)
{
    int n = (int)len;
    switch (o) {
    case OK:
        return 0;
    case BAD_FIELD:
        return err_set(err, ERR_DATETIME_FIELD_OVERFLOW,
                       "date/time field value out of range: \"%.*s\"", n, text);
    case BAD_YEAR:
        return err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "%s out of range: \"%.*s\"",
                       strcmp(type, "date") == 0 ? "date" : "timestamp", n, text);
    case BAD_MONTH_DAY:
        err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "date/time field value out of range: \"%.*s\"", n,
                text);
        return err_hint(err, "Perhaps you need a different \"datestyle\" setting.");
    case BAD_ZONE:
        return err_set(err, ERR_INVALID_TIME_ZONE_DISPLACEMENT_VALUE,
                       "time zone displacement out of range: \"%.*s\"", n, text);
    case UNKNOWN_ZONE:
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "time zone \"%s\" not recognized",
                       r->unknown_zone);
    case BAD_SYNTAX:
        break;
    }
    return err_set(err, ERR_INVALID_DATETIME_FORMAT, "invalid input syntax for type %s: \"%.*s\"",
                   type, n, text);
}

static enum outcome start_reading(struct reading *r, const struct type_env *env, const char *text,
                                  size_t len)
{
    r->env = env;
    r->meridiem = -1;
    enum outcome o = cut_fields(r, text, len);
    return o ? o : read_fields(r);
}

/* ---- the types ----------------------------------------------------------------------------------
 */

int date_in(const struct type_env *env, const char *text, size_t len, int32_t *out, struct err *err)
{
    struct reading r = {0};
    enum outcome o = start_reading(&r, env, text, len);
    if (o == OK && r.special) {
        if (r.special_us == DATETIME_INFINITY)
            *out = DATE_INFINITY;
        else if (r.special_us == DATETIME_MINUS_INFINITY)
            *out = DATE_MINUS_INFINITY;
        else if (r.special_us == DATETIME_UNIX_EPOCH_US)
            *out = DATE_UNIX_EPOCH;
        else
            *out = (int32_t)(today_us(env) / US_PER_DAY);
        return 0;
    }
    if (o == OK)
        o = check_date(&r);
    if (o == OK)
        o = check_time(&r);
    if (o)
        return report(o, &r, "date", text, len, err);
    if (r.t.year > 5874897 || r.t.year < -4713)
        return err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "date out of range: \"%.*s\"", (int)len,
                       text);
    int32_t days = date_from_ymd(r.t.year, r.t.month, r.t.day);
    if (!date_in_range(days))
        return err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "date out of range: \"%.*s\"", (int)len,
                       text);
    *out = days;
    return 0;
}

static int64_t time_of(const struct datetime *t)
{
    return t->hour * US_PER_HOUR + t->minute * US_PER_MIN + t->second * US_PER_SEC + t->us;
}

/* Time texts may carry a date; without one, a bare hhmmss number is a time. */
static enum outcome read_time_text(struct reading *r, const struct type_env *env, const char *text,
                                   size_t len)
{
    r->env = env;
    r->meridiem = -1;
    r->time_only = true;
    enum outcome o = cut_fields(r, text, len);
    if (o)
        return o;
    bool has_time = false, has_date = false;
    for (int i = 0; i < r->n_fields; i++) {
        has_time |= r->fields[i].kind == FIELD_TIME;
        has_date |= r->fields[i].kind == FIELD_DATE;
    }
    bool fake_date = !has_time && !has_date && r->fields[0].kind == FIELD_NUMBER;
    if (fake_date)
        r->have |= HAVE_DATE; /* so that the number is read as a time */
    o = read_fields(r);
    if (fake_date)
        r->have &= ~(unsigned)HAVE_DATE;
    if (o == OK && r->special && datetime_finite(r->special_us)) {
        struct datetime t;
        int64_t local = r->special_us;
        if (r->special_us == env->now_us)
            datetime_instant_to_local(env->zone, env->now_us, &local);
        datetime_split(local, &t);
        r->t = t;
        r->have |= HAVE_TIME;
        return OK;
    }
    if (o == OK && !(r->have & HAVE_TIME))
        o = BAD_SYNTAX;
    if (o == OK)
        o = check_time(r);
    return o;
}

int time_in(const struct type_env *env, const char *text, size_t len, int32_t typmod, int64_t *out,
            struct err *err)
{
    struct reading r = {0};
    enum outcome o = read_time_text(&r, env, text, len);
    if (o)
        return report(o, &r, "time", text, len, err);
    *out = datetime_round(time_of(&r.t), typmod);
    return 0;
}

int timetz_in(const struct type_env *env, const char *text, size_t len, int32_t typmod,
              struct timetz *out, struct err *err)
{
    struct reading r = {0};
    enum outcome o = read_time_text(&r, env, text, len);
    if (o)
        return report(o, &r, "time with time zone", text, len, err);
    int32_t east = r.zone_seconds;
    if (r.zone || !(r.have & HAVE_ZONE))
        east = tz_at(r.zone ? r.zone : env->zone, env->now_us).seconds;
    *out = (struct timetz){.us = datetime_round(time_of(&r.t), typmod), .zone = -east};
    return 0;
}

static int to_instant(const struct reading *r, int64_t local, int64_t *us)
{
    if (r->zone)
        return datetime_local_to_instant(r->zone, local, us);
    if (!(r->have & HAVE_ZONE))
        return datetime_local_to_instant(r->env->zone, local, us);
    int64_t v = local - r->zone_seconds * US_PER_SEC;
    if (!datetime_in_range(v))
        return 1;
    *us = v;
    return 0;
}

int timestamp_in(const struct type_env *env, const char *text, size_t len, int32_t typmod,
                 bool with_zone, int64_t *out, struct err *err)
{
    const char *type = with_zone ? "timestamp with time zone" : "timestamp";
    struct reading r = {0};
    enum outcome o = start_reading(&r, env, text, len);
    if (o == OK && r.special) {
        int64_t us = r.special_us;
        if (!with_zone && datetime_finite(us) && us != DATETIME_UNIX_EPOCH_US)
            datetime_instant_to_local(env->zone, us, &us);
        *out = datetime_round(us, typmod);
        return 0;
    }
    if (o == OK)
        o = check_date(&r);
    if (o == OK)
        o = check_time(&r);
    if (o)
        return report(o, &r, type, text, len, err);
    int64_t us;
    if (!datetime_join(&r.t, &us) || (with_zone && to_instant(&r, us, &us)))
        return err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "timestamp out of range: \"%.*s\"",
                       (int)len, text);
    *out = datetime_round(us, typmod);
    return 0;
}
