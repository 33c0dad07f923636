/* extract, date_part, date_trunc, date_bin, AT TIME ZONE: functions that are told a field or a zone
 * by name. */
#include <math.h>
#include <stdlib.h>

#include "types/func/kern.h"
#include "types/type/datetime.h"
#include "types/type/numeric.h"

enum field {
    F_NONE,
    F_MICROSECONDS,
    F_MILLISECONDS,
    F_SECOND,
    F_MINUTE,
    F_HOUR,
    F_DAY,
    F_WEEK,
    F_MONTH,
    F_QUARTER,
    F_YEAR,
    F_DECADE,
    F_CENTURY,
    F_MILLENNIUM,
    F_ISOYEAR,
    F_DOW,
    F_ISODOW,
    F_DOY,
    F_EPOCH,
    F_JULIAN,
    F_TIMEZONE,
    F_TIMEZONE_HOUR,
    F_TIMEZONE_MINUTE
};

static const struct {
    const char *name;
    enum field field;
} field_names[] = {
    {"microseconds", F_MICROSECONDS},
    {"microsecond", F_MICROSECONDS},
    {"us", F_MICROSECONDS},
    {"usec", F_MICROSECONDS},
    {"usecs", F_MICROSECONDS},
    {"milliseconds", F_MILLISECONDS},
    {"millisecond", F_MILLISECONDS},
    {"ms", F_MILLISECONDS},
    {"msec", F_MILLISECONDS},
    {"msecs", F_MILLISECONDS},
    {"second", F_SECOND},
    {"seconds", F_SECOND},
    {"sec", F_SECOND},
    {"secs", F_SECOND},
    {"s", F_SECOND},
    {"minute", F_MINUTE},
    {"minutes", F_MINUTE},
    {"min", F_MINUTE},
    {"mins", F_MINUTE},
    {"m", F_MINUTE},
    {"hour", F_HOUR},
    {"hours", F_HOUR},
    {"hr", F_HOUR},
    {"hrs", F_HOUR},
    {"h", F_HOUR},
    {"day", F_DAY},
    {"days", F_DAY},
    {"d", F_DAY},
    {"week", F_WEEK},
    {"weeks", F_WEEK},
    {"w", F_WEEK},
    {"month", F_MONTH},
    {"months", F_MONTH},
    {"mon", F_MONTH},
    {"mons", F_MONTH},
    {"quarter", F_QUARTER},
    {"qtr", F_QUARTER},
    {"year", F_YEAR},
    {"years", F_YEAR},
    {"yr", F_YEAR},
    {"yrs", F_YEAR},
    {"y", F_YEAR},
    {"decade", F_DECADE},
    {"decades", F_DECADE},
    {"dec", F_DECADE},
    {"decs", F_DECADE},
    {"century", F_CENTURY},
    {"centuries", F_CENTURY},
    {"cent", F_CENTURY},
    {"c", F_CENTURY},
    {"millennium", F_MILLENNIUM},
    {"millennia", F_MILLENNIUM},
    {"mil", F_MILLENNIUM},
    {"mils", F_MILLENNIUM},
    {"isoyear", F_ISOYEAR},
    {"dow", F_DOW},
    {"isodow", F_ISODOW},
    {"doy", F_DOY},
    {"epoch", F_EPOCH},
    {"julian", F_JULIAN},
    {"j", F_JULIAN},
    {"jd", F_JULIAN},
    {"timezone", F_TIMEZONE},
    {"timezone_h", F_TIMEZONE_HOUR},
    {"timezone_hour", F_TIMEZONE_HOUR},
    {"timezone_m", F_TIMEZONE_MINUTE},
    {"timezone_minute", F_TIMEZONE_MINUTE},
};

static enum field field_of(const struct bytes_view *v)
{
    for (size_t i = 0; i < sizeof field_names / sizeof *field_names; i++)
        if (strlen(field_names[i].name) == v->len &&
            strncasecmp(field_names[i].name, (const char *)view_data(v), v->len) == 0)
            return field_names[i].field;
    return F_NONE;
}

static int bad_unit(const struct bytes_view *unit, enum field f, const char *type, struct err *err)
{
    int n = (int)unit->len;
    char lower[64];
    n = n > 63 ? 63 : n;
    for (int i = 0; i < n; i++) {
        char c = (char)view_data(unit)[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    if (f == F_NONE)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "unit \"%.*s\" not recognized for type %s",
                       n, lower, type);
    return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "unit \"%.*s\" not supported for type %s", n,
                   lower, type);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q * b > a ? q - 1 : q;
}

/* A field's value: an integer scaled by 10^-scale; `infinite` +-1, or null (2) where PostgreSQL
 * gives null. */
struct value {
    int128 v;
    int32_t scale;
    int infinite;
};

static int32_t century_of(int32_t year, int32_t span)
{
    return year > 0 ? (year + span - 1) / span : -((span - 1 - (year - 1)) / span);
}

/* Fields that are the same for dates and timestamps. False: not one of them. */
static bool calendar_field(enum field f, const struct datetime *t, struct value *out)
{
    int32_t days = date_from_ymd(t->year, t->month, t->day), iso_year, iso_week;
    switch (f) {
    case F_DAY:
        out->v = t->day;
        return true;
    case F_MONTH:
        out->v = t->month;
        return true;
    case F_QUARTER:
        out->v = (t->month - 1) / 3 + 1;
        return true;
    case F_YEAR:
        out->v = t->year > 0 ? t->year : t->year - 1;
        return true;
    case F_DECADE:
        out->v = floor_div(t->year, 10);
        return true;
    case F_CENTURY:
        out->v = century_of(t->year, 100);
        return true;
    case F_MILLENNIUM:
        out->v = century_of(t->year, 1000);
        return true;
    case F_DOW:
        out->v = date_day_of_week(days);
        return true;
    case F_ISODOW:
        out->v = date_day_of_week(days) ? date_day_of_week(days) : 7;
        return true;
    case F_DOY:
        out->v = days - date_from_ymd(t->year, 1, 1) + 1;
        return true;
    case F_WEEK:
    case F_ISOYEAR:
        date_iso_week(days, &iso_year, &iso_week);
        out->v = f == F_WEEK ? iso_week : iso_year > 0 ? iso_year : iso_year - 1;
        return true;
    default:
        return false;
    }
}

static bool clock_field(enum field f, const struct datetime *t, struct value *out)
{
    switch (f) {
    case F_MICROSECONDS:
        out->v = t->second * US_PER_SEC + t->us;
        return true;
    case F_MILLISECONDS:
        out->v = t->second * US_PER_SEC + t->us;
        out->scale = 3;
        return true;
    case F_SECOND:
        out->v = t->second * US_PER_SEC + t->us;
        out->scale = 6;
        return true;
    case F_MINUTE:
        out->v = t->minute;
        return true;
    case F_HOUR:
        out->v = t->hour;
        return true;
    default:
        return false;
    }
}

/* Of an infinite point: growing fields are infinite, cyclic ones null. */
static bool infinite_field(enum field f, bool negative, struct value *out)
{
    switch (f) {
    case F_YEAR:
    case F_DECADE:
    case F_CENTURY:
    case F_MILLENNIUM:
    case F_ISOYEAR:
    case F_EPOCH:
    case F_JULIAN:
        out->infinite = negative ? -1 : 1;
        return true;
    case F_NONE:
        return false;
    default:
        out->infinite = 2;
        return true;
    }
}

static bool timestamp_field(enum field f, int64_t us, bool instant, const struct tz *zone,
                            struct value *out)
{
    if (!datetime_finite(us))
        return infinite_field(f, us < 0, out);
    int64_t local = us;
    int32_t offset = 0;
    if (instant) {
        offset = tz_at(zone, us).seconds;
        datetime_instant_to_local(zone, us, &local);
    }
    struct datetime t;
    datetime_split(local, &t);
    if (calendar_field(f, &t, out) || clock_field(f, &t, out))
        return true;
    switch (f) {
    case F_EPOCH:
        out->v = (int128)us - DATETIME_UNIX_EPOCH_US;
        out->scale = 6;
        return true;
    case F_JULIAN: {
        int64_t days = floor_div(local, US_PER_DAY);
        /* days and the fraction of one, as PostgreSQL's numeric division shows it */
        out->v = (int128)(days + JULIAN_2000) * US_PER_DAY + (local - days * US_PER_DAY);
        out->scale = -1;
        return true;
    }
    case F_TIMEZONE:
        out->v = offset;
        return instant;
    case F_TIMEZONE_HOUR:
        out->v = offset / 3600;
        return instant;
    case F_TIMEZONE_MINUTE:
        out->v = offset / 60 % 60;
        return instant;
    default:
        return false;
    }
}

static bool date_field(enum field f, int32_t days, struct value *out)
{
    if (!date_finite(days))
        return infinite_field(f, days < 0, out) && (f == F_EPOCH || f == F_JULIAN || f >= F_DAY) &&
               f < F_TIMEZONE;
    struct datetime t = {0};
    date_to_ymd(days, &t.year, &t.month, &t.day);
    if (calendar_field(f, &t, out))
        return true;
    out->v = f == F_EPOCH ? ((int128)days - DATE_UNIX_EPOCH) * 86400 : (int128)days + JULIAN_2000;
    return f == F_EPOCH || f == F_JULIAN;
}

static bool time_field(enum field f, int64_t us, struct value *out)
{
    struct datetime t = {.hour = (int32_t)(us / US_PER_HOUR),
                         .minute = (int32_t)(us / US_PER_MIN % 60),
                         .second = (int32_t)(us / US_PER_SEC % 60),
                         .us = (int32_t)(us % US_PER_SEC)};
    if (clock_field(f, &t, out))
        return true;
    out->v = us;
    out->scale = 6;
    return f == F_EPOCH;
}

static bool timetz_field(enum field f, const struct timetz *t, struct value *out)
{
    switch (f) {
    case F_TIMEZONE:
        out->v = -t->zone;
        return true;
    case F_TIMEZONE_HOUR:
        out->v = -t->zone / 3600;
        return true;
    case F_TIMEZONE_MINUTE:
        out->v = -t->zone / 60 % 60;
        return true;
    case F_EPOCH:
        out->v = t->us + t->zone * US_PER_SEC;
        out->scale = 6;
        return true;
    default:
        return time_field(f, t->us, out) && f != F_EPOCH;
    }
}

static bool interval_field(enum field f, const struct interval *iv, struct value *out)
{
    int64_t us = iv->us;
    int32_t years = iv->months / 12;
    struct datetime t = {.minute = (int32_t)(us / US_PER_MIN % 60),
                         .second = (int32_t)(us / US_PER_SEC % 60),
                         .us = (int32_t)(us % US_PER_SEC)};
    if (f == F_HOUR) {
        out->v = us / US_PER_HOUR;
        return true;
    }
    if (clock_field(f, &t, out))
        return true;
    switch (f) {
    case F_DAY:
        out->v = iv->days;
        return true;
    case F_MONTH:
        out->v = iv->months % 12;
        return true;
    case F_QUARTER:
        out->v = iv->months % 12 / 3 + 1;
        return true;
    case F_YEAR:
        out->v = years;
        return true;
    case F_DECADE:
        out->v = years / 10;
        return true;
    case F_CENTURY:
        out->v = years / 100;
        return true;
    case F_MILLENNIUM:
        out->v = years / 1000;
        return true;
    case F_EPOCH:
        /* a year has 365.25 days here, a month 30 */
        out->v = ((int128)years * 36525 * 864 + (int128)(iv->months % 12) * 30 * 86400 +
                  (int128)iv->days * 86400) *
                     US_PER_SEC +
                 us;
        out->scale = 6;
        return true;
    default:
        return false;
    }
}

static bool read_field(struct func_call *call, uint32_t row, uint32_t type, enum field f,
                       struct value *out)
{
    *out = (struct value){0};
    switch (type) {
    case TYPE_DATE:
        return date_field(f, arg_i32(call, 1, row), out);
    case TYPE_TIME:
        return time_field(f, arg_i64(call, 1, row), out);
    case TYPE_TIMESTAMP:
        return timestamp_field(f, arg_i64(call, 1, row), false, NULL, out);
    case TYPE_TIMESTAMPTZ:
        return timestamp_field(f, arg_i64(call, 1, row), true, call->env->zone, out);
    case TYPE_TIMETZ: {
        struct timetz t = timetz_load(arg_bytes(call, 1, row));
        return timetz_field(f, &t, out);
    }
    default: {
        struct interval iv = interval_load(arg_bytes(call, 1, row));
        return interval_field(f, &iv, out);
    }
    }
}

static const char *type_text(uint32_t type)
{
    switch (type) {
    case TYPE_DATE:
        return "date";
    case TYPE_TIME:
        return "time without time zone";
    case TYPE_TIMETZ:
        return "time with time zone";
    case TYPE_TIMESTAMP:
        return "timestamp without time zone";
    case TYPE_TIMESTAMPTZ:
        return "timestamp with time zone";
    default:
        return "interval";
    }
}

/* extract: numeric, with six decimals for seconds and epoch, three for milliseconds. */
static int extract_rows(struct func_call *call, uint32_t type, struct err *err)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        enum field f = field_of(arg_bytes(call, 0, row));
        struct value v;
        if (f == F_NONE || !read_field(call, row, type, f, &v))
            return fail_row(call, i, bad_unit(arg_bytes(call, 0, row), f, type_text(type), err));
        if (v.infinite == 2) {
            out_null(call, row);
            continue;
        }
        struct numeric n;
        if (v.infinite) {
            n = (struct numeric){.kind = v.infinite > 0 ? NUMERIC_INF : NUMERIC_NEG_INF};
        } else if (v.scale < 0) {
            struct numeric us = numeric_of_i128(v.v % US_PER_DAY, 0, call->arena);
            struct numeric day = numeric_of_i128(US_PER_DAY, 0, call->arena);
            struct numeric whole = numeric_of_i128(v.v / US_PER_DAY, 0, call->arena);
            int rc = numeric_div(&us, &day, call->arena, &us, err);
            if (rc == 0)
                rc = numeric_add(&whole, &us, false, call->arena, &n, err);
            if (rc)
                return fail_row(call, i, rc);
        } else {
            n = numeric_of_i128(v.v, v.scale, call->arena);
        }
        out_view(call, row, numeric_close_num(&n, call->arena).u.bytes);
    }
    return 0;
}

KERNEL(extract_date)
{
    return extract_rows(call, TYPE_DATE, err);
}
KERNEL(extract_time)
{
    return extract_rows(call, TYPE_TIME, err);
}
KERNEL(extract_timetz)
{
    return extract_rows(call, TYPE_TIMETZ, err);
}
KERNEL(extract_timestamp)
{
    return extract_rows(call, TYPE_TIMESTAMP, err);
}
KERNEL(extract_timestamptz)
{
    return extract_rows(call, TYPE_TIMESTAMPTZ, err);
}
KERNEL(extract_interval)
{
    return extract_rows(call, TYPE_INTERVAL, err);
}

/* date_part: the same in double precision. */
static int part_rows(struct func_call *call, uint32_t type, struct err *err)
{
    static const double unit[] = {1, 10, 100, 1e3, 1e4, 1e5, 1e6};
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        enum field f = field_of(arg_bytes(call, 0, row));
        struct value v;
        if (f == F_NONE || !read_field(call, row, type, f, &v))
            return fail_row(call, i, bad_unit(arg_bytes(call, 0, row), f, type_text(type), err));
        if (v.infinite == 2)
            out_null(call, row);
        else if (v.infinite)
            out_f64(call, row, v.infinite > 0 ? INFINITY : -INFINITY);
        else
            out_f64(call, row,
                    v.scale < 0 ? (double)(v.v / US_PER_DAY) +
                                      (double)(v.v % US_PER_DAY) / (double)US_PER_DAY
                                : (double)v.v / unit[v.scale]);
    }
    return 0;
}

KERNEL(time_part)
{
    return part_rows(call, TYPE_TIME, err);
}
KERNEL(timetz_part)
{
    return part_rows(call, TYPE_TIMETZ, err);
}
KERNEL(timestamp_part)
{
    return part_rows(call, TYPE_TIMESTAMP, err);
}
KERNEL(timestamptz_part)
{
    return part_rows(call, TYPE_TIMESTAMPTZ, err);
}
KERNEL(interval_part)
{
    return part_rows(call, TYPE_INTERVAL, err);
}

/* date_part(text, date) goes through timestamp, as PostgreSQL's does. */
KERNEL(sql_1384)
{
    static const double unit[] = {1, 10, 100, 1e3, 1e4, 1e5, 1e6};
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        enum field f = field_of(arg_bytes(call, 0, row));
        struct value v = {0};
        int64_t us;
        if (datetime_date_to_timestamp(arg_i32(call, 1, row), &us))
            return fail_row(
                call, i,
                err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "date out of range for timestamp"));
        if (f == F_NONE || !timestamp_field(f, us, false, NULL, &v))
            return fail_row(call, i,
                            bad_unit(arg_bytes(call, 0, row), f, type_text(TYPE_TIMESTAMP), err));
        if (v.infinite == 2)
            out_null(call, row);
        else if (v.infinite)
            out_f64(call, row, v.infinite > 0 ? INFINITY : -INFINITY);
        else
            out_f64(call, row,
                    v.scale < 0 ? (double)(v.v / US_PER_DAY) : (double)v.v / unit[v.scale]);
    }
    return 0;
}

/* ---- date_trunc ---------------------------------------------------------------------------- */

/* Cuts a local time down to the start of a field, F_MICROSECONDS to F_MILLENNIUM: everything finer
 * goes to its first value. */
static void truncate_to(enum field f, struct datetime *t)
{
    if (f == F_WEEK) {
        int32_t days = date_from_ymd(t->year, t->month, t->day);
        days -= (date_day_of_week(days) + 6) % 7;
        date_to_ymd(days, &t->year, &t->month, &t->day);
    } else if (f == F_MILLENNIUM || f == F_CENTURY) {
        int32_t span = f == F_CENTURY ? 100 : 1000;
        t->year = t->year > 0 ? (t->year + span - 1) / span * span - span + 1
                              : -((span - 1 - (t->year - 1)) / span) * span + 1;
    } else if (f == F_DECADE) {
        t->year = (int32_t)floor_div(t->year, 10) * 10;
    } else if (f == F_QUARTER) {
        t->month = 3 * ((t->month - 1) / 3) + 1;
    }
    if (f >= F_YEAR)
        t->month = 1;
    if (f >= F_MONTH)
        t->day = 1;
    if (f >= F_DAY)
        t->hour = 0;
    if (f >= F_HOUR)
        t->minute = 0;
    if (f >= F_MINUTE)
        t->second = 0;
    if (f >= F_SECOND)
        t->us = 0;
    else if (f == F_MILLISECONDS)
        t->us = t->us / 1000 * 1000;
}

/* date_trunc knows the units of intervals only. */
static enum field trunc_field_of(const struct bytes_view *unit)
{
    enum field f = field_of(unit);
    return f >= F_ISOYEAR && f <= F_JULIAN ? F_NONE : f;
}

static int trunc_point(const struct bytes_view *unit, int64_t us, const struct tz *zone,
                       bool instant, int64_t *out, struct err *err)
{
    enum field f = trunc_field_of(unit);
    struct datetime t;
    int64_t local = us;
    *out = us;
    if (!datetime_finite(us))
        return 0;
    if (f == F_NONE || f > F_MILLENNIUM)
        return bad_unit(unit, f,
                        instant ? "timestamp with time zone" : "timestamp without time zone", err);
    if (instant)
        datetime_instant_to_local(zone, us, &local);
    datetime_split(local, &t);
    truncate_to(f, &t);
    if (!datetime_join(&t, &local))
        return err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "timestamp out of range");
    if (instant && f <= F_HOUR) {
        /* within the hour the offset stays that of the original instant */
        *out = local - tz_at(zone, us).seconds * US_PER_SEC;
        return 0;
    }
    if (instant && datetime_local_to_instant(zone, local, &local))
        return err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "timestamp out of range");
    *out = local;
    return 0;
}

static int trunc_rows(struct func_call *call, bool instant, struct err *err)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int64_t us = 0;
        int rc = trunc_point(arg_bytes(call, 0, row), arg_i64(call, 1, row), call->env->zone,
                             instant, &us, err);
        if (rc)
            return fail_row(call, i, rc);
        out_i64(call, row, us);
    }
    return 0;
}

KERNEL(timestamp_trunc)
{
    return trunc_rows(call, false, err);
}
KERNEL(timestamptz_trunc)
{
    return trunc_rows(call, true, err);
}

static bool trunc_interval(enum field f, struct interval *iv)
{
    static const int64_t unit[] = {[F_SECOND] = US_PER_SEC,
                                   [F_MINUTE] = US_PER_MIN,
                                   [F_HOUR] = US_PER_HOUR,
                                   [F_MILLISECONDS] = 1000,
                                   [F_MICROSECONDS] = 1};
    if (f >= F_MICROSECONDS && f <= F_HOUR) {
        iv->us = iv->us / unit[f] * unit[f];
        return true;
    }
    iv->us = 0;
    if (f == F_DAY)
        return true;
    iv->days = 0;
    int32_t months = f == F_MONTH        ? 1
                     : f == F_QUARTER    ? 3
                     : f == F_YEAR       ? 12
                     : f == F_DECADE     ? 120
                     : f == F_CENTURY    ? 1200
                     : f == F_MILLENNIUM ? 12000
                                         : 0;
    if (months)
        iv->months = iv->months / months * months;
    return months != 0;
}

KERNEL(interval_trunc)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        const struct bytes_view *unit = arg_bytes(call, 0, row);
        enum field f = trunc_field_of(unit);
        struct interval iv = interval_load(arg_bytes(call, 1, row));
        if (f == F_NONE || !trunc_interval(f, &iv)) {
            int rc = bad_unit(unit, f, "interval", err);
            if (f == F_WEEK)
                err_detail(err, "Months usually have fractional weeks.");
            return fail_row(call, i, rc);
        }
        out_view(call, row, interval_datum(&iv, call->arena).u.bytes);
    }
    return 0;
}

/* ---- date_bin ------------------------------------------------------------------------------ */

static int bin_rows(struct func_call *call, struct err *err)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct interval stride = interval_load(arg_bytes(call, 0, row));
        int64_t us = arg_i64(call, 1, row), origin = arg_i64(call, 2, row), step, diff;
        if (!datetime_finite(us)) {
            out_i64(call, row, us);
            continue;
        }
        if (!datetime_finite(origin))
            return fail_row(call, i,
                            err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "origin out of range"));
        if (stride.months)
            return fail_row(call, i,
                            err_set(err, ERR_FEATURE_NOT_SUPPORTED,
                                    "timestamps cannot be binned into "
                                    "intervals containing months or years"));
        if (__builtin_mul_overflow((int64_t)stride.days, US_PER_DAY, &step) ||
            __builtin_add_overflow(step, stride.us, &step))
            return fail_row(call, i,
                            err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "interval out of range"));
        if (step <= 0)
            return fail_row(
                call, i,
                err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "stride must be greater than zero"));
        if (__builtin_sub_overflow(us, origin, &diff))
            return fail_row(call, i,
                            err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "interval out of range"));
        out_i64(call, row, origin + floor_div(diff, step) * step);
    }
    return 0;
}

KERNEL(timestamp_bin)
{
    return bin_rows(call, err);
}
KERNEL(timestamptz_bin)
{
    return bin_rows(call, err);
}

/* ---- AT TIME ZONE -------------------------------------------------------------------------- */

struct zone_ref {
    const struct tz *zone;
    int32_t seconds; /* east, when fixed */
    bool fixed;
};

/* An abbreviation, a full name, or a POSIX specification. */
static int find_zone(struct func_call *call, const struct bytes_view *v, struct zone_ref *out,
                     struct err *err)
{
    const char *name = (const char *)view_data(v);
    bool dst;
    *out = (struct zone_ref){0};
    if (tz_abbrev(name, v->len, &out->seconds, &dst)) {
        out->fixed = true;
        return 0;
    }
    if (call->env->names && call->env->names->zone_of)
        out->zone = call->env->names->zone_of(call->env->names_ctx, name, v->len);
    if (!out->zone && v->len && (name[0] == '+' || name[0] == '-')) {
        /* a bare offset: POSIX counts west of Greenwich as positive */
        char copy[16] = "";
        memcpy(copy, name, v->len < 15 ? v->len : 15);
        char *end;
        long h = strtol(copy, &end, 10), m = 0;
        if (*end == ':')
            m = strtol(end + 1, &end, 10);
        if (*end == 0 && labs(h) < 168) {
            out->seconds = -(int32_t)(h * 3600 + (h < 0 || name[0] == '-' ? -m : m) * 60);
            out->fixed = true;
            return 0;
        }
    }
    if (!out->zone)
        out->zone = tz_posix(name, v->len, call->arena);
    if (!out->zone)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "time zone \"%.*s\" not recognized",
                       (int)v->len, name);
    return 0;
}

/* local: local time in the zone -> instant; else the way back. */
static int shift_zone(const struct zone_ref *z, bool local, int64_t us, int64_t *out,
                      struct err *err)
{
    *out = us;
    if (!datetime_finite(us))
        return 0;
    int64_t offset = z->fixed ? z->seconds
                     : local  ? tz_at_local(z->zone, us).seconds
                              : tz_at(z->zone, us).seconds;
    int128 v = local ? (int128)us - offset * US_PER_SEC : (int128)us + offset * US_PER_SEC;
    if (v < DATETIME_MIN_US || v >= DATETIME_END_US)
        return err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "timestamp out of range");
    *out = (int64_t)v;
    return 0;
}

static int zone_rows(struct func_call *call, bool local, struct err *err)
{
    struct zone_ref z = {0};
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int64_t us = 0;
        int rc = i == 0 || call->args[0].form != VEC_CONST
                     ? find_zone(call, arg_bytes(call, 0, row), &z, err)
                     : 0;
        if (rc == 0)
            rc = shift_zone(&z, local, arg_i64(call, 1, row), &us, err);
        if (rc)
            return fail_row(call, i, rc);
        out_i64(call, row, us);
    }
    return 0;
}

KERNEL(timestamp_zone)
{
    return zone_rows(call, true, err);
}
KERNEL(timestamptz_zone)
{
    return zone_rows(call, false, err);
}

static int izone_rows(struct func_call *call, bool local, struct err *err)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct interval iv = interval_load(arg_bytes(call, 0, row));
        int64_t us = 0;
        if (iv.months || iv.days) {
            struct buf text = {0};
            interval_out(call->env, &iv, &text);
            int rc = err_set(err, ERR_INVALID_PARAMETER_VALUE,
                             "interval time zone \"%s\" must not include months or days",
                             buf_text(&text));
            buf_done(&text);
            return fail_row(call, i, rc);
        }
        struct zone_ref z = {.fixed = true, .seconds = (int32_t)(iv.us / US_PER_SEC)};
        int rc = shift_zone(&z, local, arg_i64(call, 1, row), &us, err);
        if (rc)
            return fail_row(call, i, rc);
        out_i64(call, row, us);
    }
    return 0;
}

KERNEL(timestamp_izone)
{
    return izone_rows(call, true, err);
}
KERNEL(timestamptz_izone)
{
    return izone_rows(call, false, err);
}

KERNEL(timestamptz_trunc_zone)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct zone_ref z;
        int64_t us = 0;
        int rc = find_zone(call, arg_bytes(call, 2, row), &z, err);
        const struct tz *zone = z.fixed ? tz_fixed(z.seconds, call->arena) : z.zone;
        if (rc == 0)
            rc = trunc_point(arg_bytes(call, 0, row), arg_i64(call, 1, row), zone, true, &us, err);
        if (rc)
            return fail_row(call, i, rc);
        out_i64(call, row, us);
    }
    return 0;
}
