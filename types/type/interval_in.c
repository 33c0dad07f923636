#include <math.h>
#include <stdlib.h>

#include "types/type/datetime.h"
#include "types/type/scalar_io.h"

/* Reading intervals: PostgreSQL's "1 year 2 mons 3 days 04:05:06 ago", SQL's '1-2' and '3 4:05:06',
 * ISO 8601's P1Y2M3DT4H5M6S. */

enum unit {
    UNIT_NONE,
    UNIT_US,
    UNIT_MS,
    UNIT_SECOND,
    UNIT_MINUTE,
    UNIT_HOUR,
    UNIT_DAY,
    UNIT_WEEK,
    UNIT_MONTH,
    UNIT_YEAR,
    UNIT_DECADE,
    UNIT_CENTURY,
    UNIT_MILLENNIUM
};

enum {
    RANGE_MONTH = 1 << 1,
    RANGE_YEAR = 1 << 2,
    RANGE_DAY = 1 << 3,
    RANGE_HOUR = 1 << 10,
    RANGE_MINUTE = 1 << 11,
    RANGE_SECOND = 1 << 12,
    RANGE_FULL = 0x7fff
};

struct sum {
    int64_t months, days;
    int128 us;
    bool overflow;     /* a field too large to read */
    bool out_of_range; /* fields too large together */
    uint32_t seen;     /* units met: each may come once */
};

static const struct {
    const char *word;
    enum unit unit;
} words[] = {
    {"us", UNIT_US},
    {"usec", UNIT_US},
    {"usecs", UNIT_US},
    {"usecond", UNIT_US},
    {"useconds", UNIT_US},
    {"microsecond", UNIT_US},
    {"microseconds", UNIT_US},
    {"microsecon", UNIT_US},
    {"ms", UNIT_MS},
    {"msec", UNIT_MS},
    {"msecs", UNIT_MS},
    {"msecond", UNIT_MS},
    {"mseconds", UNIT_MS},
    {"millisecond", UNIT_MS},
    {"milliseconds", UNIT_MS},
    {"s", UNIT_SECOND},
    {"sec", UNIT_SECOND},
    {"secs", UNIT_SECOND},
    {"second", UNIT_SECOND},
    {"seconds", UNIT_SECOND},
    {"m", UNIT_MINUTE},
    {"min", UNIT_MINUTE},
    {"mins", UNIT_MINUTE},
    {"minute", UNIT_MINUTE},
    {"minutes", UNIT_MINUTE},
    {"h", UNIT_HOUR},
    {"hr", UNIT_HOUR},
    {"hrs", UNIT_HOUR},
    {"hour", UNIT_HOUR},
    {"hours", UNIT_HOUR},
    {"d", UNIT_DAY},
    {"day", UNIT_DAY},
    {"days", UNIT_DAY},
    {"w", UNIT_WEEK},
    {"week", UNIT_WEEK},
    {"weeks", UNIT_WEEK},
    {"mon", UNIT_MONTH},
    {"mons", UNIT_MONTH},
    {"month", UNIT_MONTH},
    {"months", UNIT_MONTH},
    {"y", UNIT_YEAR},
    {"yr", UNIT_YEAR},
    {"yrs", UNIT_YEAR},
    {"year", UNIT_YEAR},
    {"years", UNIT_YEAR},
    {"dec", UNIT_DECADE},
    {"decs", UNIT_DECADE},
    {"decade", UNIT_DECADE},
    {"decades", UNIT_DECADE},
    {"c", UNIT_CENTURY},
    {"cent", UNIT_CENTURY},
    {"century", UNIT_CENTURY},
    {"centuries", UNIT_CENTURY},
    {"mil", UNIT_MILLENNIUM},
    {"mils", UNIT_MILLENNIUM},
    {"millennia", UNIT_MILLENNIUM},
    {"millennium", UNIT_MILLENNIUM},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static bool is_alpha(char c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static enum unit unit_of(const char *p, size_t len)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i].word) == len && strncasecmp(words[i].word, p, len) == 0)
            return words[i].unit;
    return UNIT_NONE;
}

static void add_us(struct sum *s, double us)
{
    if (!(fabs(us) < 1e25))
        s->overflow = true;
    else
        s->us += (int128)rint(us);
}

/* A fraction of days, in whole microseconds. */
static void add_fraction_days(struct sum *s, double days)
{
    add_us(s, days * (double)US_PER_DAY);
}

static void add_fraction_of_days(struct sum *s, double value)
{
    double whole = trunc(value);
    s->days += (int64_t)whole;
    add_fraction_days(s, value - whole);
}

static void add_months(struct sum *s, int64_t value, int64_t per, double fraction)
{
    int64_t months;
    if (value > INT32_MAX || value < INT32_MIN || __builtin_mul_overflow(value, per, &months) ||
        __builtin_add_overflow(s->months, months, &s->months))
        s->overflow = true;
    else if (per > 1 && (s->months > INT32_MAX || s->months < INT32_MIN))
        s->out_of_range = true;
    s->months += (int64_t)rint(fraction * (double)per);
}

/* value is the integer part, fraction its signed rest. */
static void add_unit(struct sum *s, enum unit unit, int64_t value, double fraction)
{
    static const int64_t us_per[] = {[UNIT_US] = 1,
                                     [UNIT_MS] = 1000,
                                     [UNIT_SECOND] = US_PER_SEC,
                                     [UNIT_MINUTE] = US_PER_MIN,
                                     [UNIT_HOUR] = US_PER_HOUR};
    switch (unit) {
    case UNIT_NONE:
        s->overflow = true;
        break;
    case UNIT_US:
    case UNIT_MS:
    case UNIT_SECOND:
    case UNIT_MINUTE:
    case UNIT_HOUR:
        s->us += (int128)value * us_per[unit];
        add_us(s, fraction * (double)us_per[unit]);
        break;
    case UNIT_DAY:
        s->days += value;
        add_fraction_days(s, fraction);
        break;
    case UNIT_WEEK:
        if (__builtin_mul_overflow(value, 7, &value) ||
            __builtin_add_overflow(s->days, value, &s->days))
            s->overflow = true;
        add_fraction_of_days(s, fraction * 7);
        break;
    case UNIT_MONTH:
        add_months(s, value, 1, 0);
        add_fraction_of_days(s, fraction * 30);
        break;
    case UNIT_YEAR:
        add_months(s, value, 12, fraction);
        break;
    case UNIT_DECADE:
        add_months(s, value, 120, fraction);
        break;
    case UNIT_CENTURY:
        add_months(s, value, 1200, fraction);
        break;
    case UNIT_MILLENNIUM:
        add_months(s, value, 12000, fraction);
        break;
    }
}

/* ---- numbers ------------------------------------------------------------------------------------
 */

struct scan {
    const char *p, *end;
};

struct number {
    bool neg;
    int64_t whole;   /* signed */
    double fraction; /* signed */
    bool overflow;
};

static bool scan_number(struct scan *c, struct number *out)
{
    *out = (struct number){0};
    if (c->p < c->end && (*c->p == '-' || *c->p == '+'))
        out->neg = *c->p++ == '-';
    while (c->p < c->end && scalar_is_space(*c->p))
        c->p++;
    const char *digits = c->p;
    int64_t v = 0;
    for (; c->p < c->end && is_digit(*c->p); c->p++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *c->p - '0', &v))
            out->overflow = true;
    bool any = c->p > digits;
    if (c->p < c->end && *c->p == '.') {
        double place = 0.1;
        char text[40] = "0.";
        size_t n = 2;
        for (c->p++; c->p < c->end && is_digit(*c->p); c->p++, place /= 10) {
            any = true;
            if (n + 1 < sizeof text)
                text[n++] = *c->p;
        }
        text[n] = 0;
        out->fraction = strtod(text, NULL);
    }
    out->whole = out->neg ? -v : v;
    out->fraction = out->neg ? -out->fraction : out->fraction;
    return any;
}

static bool scan_int(struct scan *c, int64_t *out)
{
    int64_t v = 0;
    const char *start = c->p;
    for (; c->p < c->end && is_digit(*c->p) && v < INT64_MAX / 20; c->p++)
        v = v * 10 + (*c->p - '0');
    *out = v;
    return c->p > start;
}

/* hh:mm[:ss[.f]], or mm:ss[.f] where the type's fields say so. The cursor is behind the first
 * number. */
static bool scan_time(struct scan *c, const struct number *first, int32_t range, struct sum *s)
{
    int64_t parts[3] = {first->neg ? -first->whole : first->whole, 0, 0};
    int n = 1;
    double fraction = 0;
    bool point = false;
    while (c->p < c->end && *c->p == ':' && n < 3) {
        c->p++;
        if (!scan_int(c, &parts[n]))
            break; /* "12:" is 12:00 */
        n++;
    }
    if (c->p < c->end && *c->p == '.') {
        struct scan at = *c;
        struct number f;
        point = scan_number(&at, &f);
        if (point) {
            fraction = f.fraction;
            *c = at;
        }
    }
    bool minutes_first = n == 2 && (range == (RANGE_MINUTE | RANGE_SECOND) || point);
    int64_t h = minutes_first ? 0 : parts[0];
    int64_t m = minutes_first ? parts[0] : parts[1];
    int64_t sec = minutes_first ? parts[1] : parts[2];
    if (m > 59 && !minutes_first)
        return false;
    if (sec > 60)
        return false;
    int128 us = (int128)h * US_PER_HOUR + (int128)m * US_PER_MIN + (int128)sec * US_PER_SEC +
                (int128)rint(fraction * 1e6);
    s->us += first->neg ? -us : us;
    return true;
}

/* ---- ISO 8601
 * ------------------------------------------------------------------------------------ */

static bool scan_iso(struct scan *c, struct sum *s)
{
    c->p++; /* P */
    bool time = false, any = false;
    while (c->p < c->end) {
        if (*c->p == 'T' || *c->p == 't') {
            time = any = true;
            c->p++;
            continue;
        }
        struct number n;
        if (!scan_number(c, &n))
            return false;
        if (n.overflow) {
            s->overflow = true;
            return true;
        }
        if (c->p == c->end)
            return false;
        char u = (char)(*c->p++ | 32);
        enum unit unit = UNIT_NONE;
        if (time)
            unit = u == 'h'   ? UNIT_HOUR
                   : u == 'm' ? UNIT_MINUTE
                   : u == 's' ? UNIT_SECOND
                              : UNIT_NONE;
        else
            unit = u == 'y'   ? UNIT_YEAR
                   : u == 'm' ? UNIT_MONTH
                   : u == 'w' ? UNIT_WEEK
                   : u == 'd' ? UNIT_DAY
                              : UNIT_NONE;
        if (unit == UNIT_NONE)
            return false;
        add_unit(s, unit, n.whole, n.fraction);
        any = true;
    }
    return any;
}

/* ---- the usual form
 * ------------------------------------------------------------------------------ */

static enum unit bare_unit(int32_t range)
{
    switch (range) {
    case RANGE_YEAR:
        return UNIT_YEAR;
    case RANGE_MONTH:
    case RANGE_YEAR | RANGE_MONTH:
        return UNIT_MONTH;
    case RANGE_DAY:
        return UNIT_DAY;
    case RANGE_HOUR:
    case RANGE_DAY | RANGE_HOUR:
        return UNIT_HOUR;
    case RANGE_MINUTE:
    case RANGE_HOUR | RANGE_MINUTE:
    case RANGE_DAY | RANGE_HOUR | RANGE_MINUTE:
        return UNIT_MINUTE;
    default:
        return UNIT_SECOND;
    }
}

static void skip_spaces(struct scan *c)
{
    while (c->p < c->end && scalar_is_space(*c->p))
        c->p++;
}

static bool followed_by_time(struct scan c)
{
    skip_spaces(&c);
    struct number n;
    return scan_number(&c, &n) && c.p < c.end && *c.p == ':';
}

static void negate_sum(struct sum *s)
{
    s->months = -s->months;
    s->days = -s->days;
    s->us = -s->us;
}

static bool scan_word(struct scan *c, const char **word, size_t *len)
{
    *word = c->p;
    while (c->p < c->end && is_alpha(*c->p))
        c->p++;
    *len = (size_t)(c->p - *word);
    return *len > 0;
}

static bool scan_quantity(struct scan *c, int32_t range, bool *last_was_bare, struct sum *s)
{
    struct number n;
    if (!scan_number(c, &n))
        return false;
    if (n.overflow) {
        s->overflow = true;
        return true;
    }
    if (c->p < c->end && *c->p == ':') {
        uint32_t clock = 1u << UNIT_HOUR | 1u << UNIT_MINUTE | 1u << UNIT_SECOND;
        bool again = s->seen & clock;
        s->seen |= clock;
        return !again && n.fraction == 0 && scan_time(c, &n, range, s);
    }
    if (c->p < c->end && *c->p == '-' && c->p + 1 < c->end &&
        is_digit(c->p[1])) { /* SQL's years-months */
        int64_t months;
        c->p++;
        if (!scan_int(c, &months) || months > 11)
            return false;
        add_months(s, n.whole, 12, 0);
        s->months += n.neg ? -months : months;
        return true;
    }
    struct scan after = *c;
    skip_spaces(&after);
    const char *word;
    size_t len;
    struct scan behind = after;
    enum unit unit = UNIT_NONE;
    if (scan_word(&behind, &word, &len))
        unit = unit_of(word, len);
    if (unit != UNIT_NONE) {
        if (behind.p < behind.end && is_digit(*behind.p))
            return false;
        *c = behind;
    } else if (len && !(len == 3 && strncasecmp(word, "ago", 3) == 0)) {
        return false;
    } else {
        /* A bare number in front of a time is days; at the end it is what the type's fields say. */
        if (*last_was_bare)
            return false;
        *last_was_bare = true;
        unit = followed_by_time(*c) ? UNIT_DAY : bare_unit(range);
    }
    if (s->seen & 1u << unit)
        return false;
    s->seen |= 1u << unit;
    add_unit(s, unit, n.whole, n.fraction);
    return true;
}

static bool scan_interval(struct scan *c, int32_t range, struct sum *s)
{
    bool any = false, bare = false, ago = false;
    skip_spaces(c);
    if (c->p < c->end && *c->p == '@')
        c->p++;
    skip_spaces(c);
    if (c->p < c->end && (*c->p == 'P') && c->p + 1 < c->end &&
        (is_digit(c->p[1]) || strchr("T-+.", c->p[1])))
        return scan_iso(c, s);
    for (skip_spaces(c); c->p < c->end; skip_spaces(c)) {
        if (ago)
            return false;
        if (is_alpha(*c->p)) {
            const char *word;
            size_t len;
            scan_word(c, &word, &len);
            ago = any && len == 3 && strncasecmp(word, "ago", 3) == 0;
            if (!ago)
                return false;
            negate_sum(s);
            continue;
        }
        if (!scan_quantity(c, range, &bare, s))
            return false;
        any = true;
        if (c->p < c->end && *c->p == ',')
            c->p++;
    }
    return any;
}

int interval_in(const struct type_env *env, const char *text, size_t len, int32_t typmod,
                struct interval *out, struct err *err)
{
    int32_t range = typmod >= 0 ? (typmod >> 16) & 0x7fff : RANGE_FULL;
    struct scan c = {text, text + len};
    struct sum s = {0};
    if (!scan_interval(&c, range, &s))
        return err_set(err, ERR_INVALID_DATETIME_FORMAT,
                       "invalid input syntax for type interval: \"%.*s\"", (int)len, text);
    if (s.out_of_range && !s.overflow)
        return err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "interval out of range");
    bool over = s.overflow || s.months > INT32_MAX || s.months < INT32_MIN || s.days > INT32_MAX ||
                s.days < INT32_MIN || s.us > INT64_MAX || s.us < INT64_MIN;
    if (over)
        return err_set(err, ERR_INTERVAL_FIELD_OVERFLOW,
                       "interval field value out of range: \"%.*s\"", (int)len, text);
    *out = (struct interval){
        .us = (int64_t)s.us, .days = (int32_t)s.days, .months = (int32_t)s.months};
    return interval_apply_typmod(out, typmod, err);
}
