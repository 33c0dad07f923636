#include <stdlib.h>

#include "types/type/datetime.h"

static const char *const month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const day_names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

/* v in at least `width` digits. */
static void put_int(struct buf *out, int64_t v, int width)
{
    char text[24];
    int at = sizeof text;
    uint64_t u = (uint64_t)v;
    do {
        text[--at] = (char)('0' + u % 10);
        u /= 10;
    } while (u || (int)sizeof text - at < width);
    buf_put(out, text + at, sizeof text - (size_t)at);
}

static void put_fraction(struct buf *out, int32_t us)
{
    if (us == 0)
        return;
    int width = 6;
    while (us % 10 == 0) {
        us /= 10;
        width--;
    }
    buf_put_u8(out, '.');
    put_int(out, us, width);
}

static void put_hms(struct buf *out, int64_t hour, int32_t minute, int32_t second, int32_t us)
{
    put_int(out, hour, 2);
    buf_put_u8(out, ':');
    put_int(out, minute, 2);
    buf_put_u8(out, ':');
    put_int(out, second, 2);
    put_fraction(out, us);
}

/* +hh[:mm[:ss]] */
static void put_zone(struct buf *out, int32_t seconds_east)
{
    int32_t mag = abs(seconds_east);
    buf_put_u8(out, seconds_east < 0 ? '-' : '+');
    put_int(out, mag / 3600, 2);
    if (mag % 3600) {
        buf_put_u8(out, ':');
        put_int(out, mag / 60 % 60, 2);
        if (mag % 60) {
            buf_put_u8(out, ':');
            put_int(out, mag % 60, 2);
        }
    }
}

static int32_t shown_year(int32_t year)
{
    return year > 0 ? year : 1 - year;
}

static void put_two(struct buf *out, int32_t first, char between, int32_t second)
{
    put_int(out, first, 2);
    buf_put_u8(out, (uint8_t)between);
    put_int(out, second, 2);
}

/* The date part in a style; BC is the caller's. */
static void put_ymd(const struct type_env *env, int32_t year, int32_t month, int32_t day,
                    bool with_time, struct buf *out)
{
    bool dmy = env->date_order == TYPE_ORDER_DMY;
    switch ((enum type_date_style)env->date_style) {
    case TYPE_STYLE_ISO:
        put_int(out, shown_year(year), 4);
        buf_put_u8(out, '-');
        put_two(out, month, '-', day);
        return;
    case TYPE_STYLE_SQL:
        put_two(out, dmy ? day : month, '/', dmy ? month : day);
        buf_put_u8(out, '/');
        break;
    case TYPE_STYLE_GERMAN:
        put_two(out, day, '.', month);
        buf_put_u8(out, '.');
        break;
    case TYPE_STYLE_POSTGRES:
        if (with_time) {
            if (dmy)
                put_int(out, day, 2);
            else
                buf_put_text(out, month_names[month - 1]);
            buf_put_u8(out, ' ');
            if (dmy)
                buf_put_text(out, month_names[month - 1]);
            else
                put_int(out, day, 2);
            return;
        }
        put_two(out, dmy ? day : month, '-', dmy ? month : day);
        buf_put_u8(out, '-');
        break;
    }
    put_int(out, shown_year(year), 4);
}

void date_out(const struct type_env *env, int32_t days, struct buf *out)
{
    if (!date_finite(days)) {
        buf_put_text(out, days == DATE_INFINITY ? "infinity" : "-infinity");
        return;
    }
    int32_t year, month, day;
    date_to_ymd(days, &year, &month, &day);
    put_ymd(env, year, month, day, false, out);
    if (year <= 0)
        buf_put_text(out, " BC");
}

void time_out(int64_t us, struct buf *out)
{
    put_hms(out, us / US_PER_HOUR, (int32_t)(us / US_PER_MIN % 60), (int32_t)(us / US_PER_SEC % 60),
            (int32_t)(us % US_PER_SEC));
}

void timetz_out(const struct timetz *t, struct buf *out)
{
    time_out(t->us, out);
    put_zone(out, -t->zone);
}

void timestamp_out(const struct type_env *env, int64_t us, bool with_zone, struct buf *out)
{
    if (!datetime_finite(us)) {
        buf_put_text(out, us > 0 ? "infinity" : "-infinity");
        return;
    }
    int64_t local = us;
    struct tz_offset zone = {0};
    if (with_zone) {
        zone = tz_at(env->zone, us);
        if (__builtin_add_overflow(us, zone.seconds * US_PER_SEC, &local))
            local = us;
    }
    struct datetime t;
    datetime_split(local, &t);
    bool iso = env->date_style == TYPE_STYLE_ISO, postgres = env->date_style == TYPE_STYLE_POSTGRES;
    if (postgres) {
        buf_put_text(out, day_names[date_day_of_week(date_from_ymd(t.year, t.month, t.day))]);
        buf_put_u8(out, ' ');
    }
    put_ymd(env, t.year, t.month, t.day, true, out);
    buf_put_u8(out, ' ');
    put_hms(out, t.hour, t.minute, t.second, t.us);
    if (postgres) {
        buf_put_u8(out, ' ');
        put_int(out, shown_year(t.year), 4);
    }
    if (with_zone && iso) {
        put_zone(out, zone.seconds);
    } else if (with_zone) {
        buf_put_u8(out, ' ');
        buf_put_text(out, zone.abbrev);
    }
    if (t.year <= 0)
        buf_put_text(out, " BC");
}

/* ---- intervals ---------------------------------------------------------------------------------
 */

struct parts {
    int32_t year, month, day;
    int64_t hour;
    int32_t minute, second, us;
};

static struct parts split_interval(const struct interval *iv)
{
    struct parts p = {.year = iv->months / 12, .month = iv->months % 12, .day = iv->days};
    int64_t us = iv->us;
    p.hour = us / US_PER_HOUR;
    us -= p.hour * US_PER_HOUR;
    p.minute = (int32_t)(us / US_PER_MIN);
    us -= p.minute * US_PER_MIN;
    p.second = (int32_t)(us / US_PER_SEC);
    p.us = (int32_t)(us - p.second * US_PER_SEC);
    return p;
}

static bool time_is_negative(const struct parts *p)
{
    return p->hour < 0 || p->minute < 0 || p->second < 0 || p->us < 0;
}

static bool has_time(const struct parts *p)
{
    return p->hour || p->minute || p->second || p->us;
}

static void put_unit(struct buf *out, int32_t v, const char *unit, bool *empty, bool *before)
{
    if (v == 0)
        return;
    buf_printf(out, "%s%s%d %s%s", *empty ? "" : " ", *before && v > 0 ? "+" : "", v, unit,
               v != 1 ? "s" : "");
    *before = v < 0;
    *empty = false;
}

static void put_abs_hms(struct buf *out, const struct parts *p)
{
    put_hms(out, p->hour < 0 ? -p->hour : p->hour, abs(p->minute), abs(p->second), abs(p->us));
}

static void postgres_out(const struct parts *p, struct buf *out)
{
    bool empty = true, before = false;
    put_unit(out, p->year, "year", &empty, &before);
    put_unit(out, p->month, "mon", &empty, &before);
    put_unit(out, p->day, "day", &empty, &before);
    if (empty || has_time(p)) {
        bool minus = time_is_negative(p);
        buf_printf(out, "%s%s", empty ? "" : " ", minus ? "-" : before ? "+" : "");
        put_abs_hms(out, p);
    }
}

static void put_verbose(struct buf *out, int64_t v, const char *unit, bool *empty, bool *before)
{
    if (v == 0)
        return;
    if (*empty)
        *before = v < 0;
    else if (*before)
        v = -v;
    buf_printf(out, " %lld %s%s", (long long)(*empty && v < 0 ? -v : v), unit,
               (v < 0 ? -v : v) != 1 ? "s" : "");
    *empty = false;
}

static void verbose_out(const struct parts *p, struct buf *out)
{
    bool empty = true, before = false;
    buf_put_u8(out, '@');
    put_verbose(out, p->year, "year", &empty, &before);
    put_verbose(out, p->month, "mon", &empty, &before);
    put_verbose(out, p->day, "day", &empty, &before);
    put_verbose(out, p->hour, "hour", &empty, &before);
    put_verbose(out, p->minute, "min", &empty, &before);
    if (p->second || p->us) {
        bool neg = p->second < 0 || p->us < 0;
        buf_put_u8(out, ' ');
        if (empty)
            before = neg;
        else if (neg != before)
            buf_put_u8(out, '-');
        put_int(out, abs(p->second), 1);
        put_fraction(out, abs(p->us));
        buf_put_text(out, abs(p->second) != 1 || p->us ? " secs" : " sec");
        empty = false;
    }
    if (empty)
        buf_put_text(out, " 0");
    if (before)
        buf_put_text(out, " ago");
}

static void iso_out(const struct parts *p, struct buf *out)
{
    if (!p->year && !p->month && !p->day && !has_time(p)) {
        buf_put_text(out, "PT0S");
        return;
    }
    buf_put_u8(out, 'P');
    if (p->year)
        buf_printf(out, "%dY", p->year);
    if (p->month)
        buf_printf(out, "%dM", p->month);
    if (p->day)
        buf_printf(out, "%dD", p->day);
    if (has_time(p))
        buf_put_u8(out, 'T');
    if (p->hour)
        buf_printf(out, "%lldH", (long long)p->hour);
    if (p->minute)
        buf_printf(out, "%dM", p->minute);
    if (p->second || p->us) {
        if (p->second < 0 || p->us < 0)
            buf_put_u8(out, '-');
        put_int(out, abs(p->second), 1);
        put_fraction(out, abs(p->us));
        buf_put_u8(out, 'S');
    }
}

static void standard_out(const struct parts *p, struct buf *out)
{
    bool neg = p->year < 0 || p->month < 0 || p->day < 0 || time_is_negative(p);
    bool pos = p->year > 0 || p->month > 0 || p->day > 0 || (has_time(p) && !time_is_negative(p));
    bool months = p->year || p->month, days = p->day || has_time(p);
    if (!neg && !pos) {
        buf_put_text(out, "0");
    } else if ((neg && pos) || (months && days)) {
        bool month_neg = p->year < 0 || p->month < 0, time_neg = time_is_negative(p);
        buf_printf(out, "%c%d-%d %c%d %c", month_neg ? '-' : '+', abs(p->year), abs(p->month),
                   p->day < 0 ? '-' : '+', abs(p->day), time_neg ? '-' : '+');
        buf_printf(out, "%lld:%02d:", (long long)(p->hour < 0 ? -p->hour : p->hour),
                   abs(p->minute));
        put_int(out, abs(p->second), 2);
        put_fraction(out, abs(p->us));
    } else if (months) {
        buf_printf(out, "%s%d-%d", neg ? "-" : "", abs(p->year), abs(p->month));
    } else {
        if (neg)
            buf_put_u8(out, '-');
        if (p->day)
            buf_printf(out, "%d ", abs(p->day));
        buf_printf(out, "%lld:%02d:", (long long)(p->hour < 0 ? -p->hour : p->hour),
                   abs(p->minute));
        put_int(out, abs(p->second), 2);
        put_fraction(out, abs(p->us));
    }
}

void interval_out(const struct type_env *env, const struct interval *iv, struct buf *out)
{
    struct parts p = split_interval(iv);
    switch ((enum type_interval_style)env->interval_style) {
    case TYPE_INTERVAL_POSTGRES:
        postgres_out(&p, out);
        break;
    case TYPE_INTERVAL_POSTGRES_VERBOSE:
        verbose_out(&p, out);
        break;
    case TYPE_INTERVAL_SQL_STANDARD:
        standard_out(&p, out);
        break;
    case TYPE_INTERVAL_ISO_8601:
        iso_out(&p, out);
        break;
    }
}
