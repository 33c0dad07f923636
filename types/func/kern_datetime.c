/* Date and time kernels: arithmetic, casts between the types, zones. What depends on the zone takes
 * it from the environment. */
#include <math.h>

#include "types/func/kern.h"
#include "types/type/datetime.h"
#include "types/type/numeric.h"

static int timestamp_range(struct err *err)
{
    return err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "timestamp out of range");
}
static int date_range(struct err *err)
{
    return err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "date out of range");
}
static int interval_range(struct err *err)
{
    return err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "interval out of range");
}

static struct interval arg_interval(const struct func_call *call, uint32_t arg, uint32_t row)
{
    return interval_load(arg_bytes(call, arg, row));
}

static void out_interval(struct func_call *call, uint32_t row, const struct interval *iv)
{
    out_view(call, row, interval_datum(iv, call->arena).u.bytes);
}

static void out_timetz(struct func_call *call, uint32_t row, const struct timetz *t)
{
    out_view(call, row, timetz_datum(t).u.bytes);
}

static int64_t time_modulo(int64_t us)
{
    us %= US_PER_DAY;
    return us < 0 ? us + US_PER_DAY : us;
}

/* ---- date and integer
 * ------------------------------------------------------------------------------------ */

static int shift_date(struct func_call *call, uint32_t date_arg, int sign, struct err *err)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int32_t d = arg_i32(call, date_arg, row);
        int64_t v = d + (int64_t)sign * arg_i32(call, 1 - date_arg, row);
        if (date_finite(d) && !date_in_range(v))
            return fail_row(call, i, date_range(err));
        out_i32(call, row, date_finite(d) ? (int32_t)v : d);
    }
    return 0;
}

KERNEL(date_pli)
{
    return shift_date(call, 0, 1, err);
}
KERNEL(date_mii)
{
    return shift_date(call, 0, -1, err);
}
KERNEL(sql_2550)
{
    return shift_date(call, 1, 1, err);
}

KERNEL(date_mi)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int32_t a = arg_i32(call, 0, row), b = arg_i32(call, 1, row);
        if (!date_finite(a) || !date_finite(b))
            return fail_row(
                call, i,
                err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "cannot subtract infinite dates"));
        out_i32(call, row, a - b);
    }
    return 0;
}

/* ---- plus and minus interval
 * -------------------------------------------------------------------------------- */

static int to_timestamp_value(int32_t days, int64_t *us, struct err *err)
{
    return datetime_date_to_timestamp(days, us)
               ? err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "date out of range for timestamp")
               : 0;
}

static bool negate_interval(struct interval *iv)
{
    return !__builtin_sub_overflow(0, iv->us, &iv->us) &&
           !__builtin_sub_overflow(0, iv->days, &iv->days) &&
           !__builtin_sub_overflow(0, iv->months, &iv->months);
}

enum point { POINT_DATE, POINT_LOCAL, POINT_INSTANT };

static int shift_point(struct func_call *call, enum point kind, uint32_t point_arg, bool minus,
                       struct err *err)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct interval iv = arg_interval(call, 1 - point_arg, row);
        int64_t us = 0;
        int rc =
            kind == POINT_DATE ? to_timestamp_value(arg_i32(call, point_arg, row), &us, err) : 0;
        if (kind != POINT_DATE)
            us = arg_i64(call, point_arg, row);
        if (rc == 0 && minus && !negate_interval(&iv))
            rc = interval_range(err);
        if (rc == 0)
            rc = datetime_add_interval(kind == POINT_INSTANT ? call->env->zone : NULL, us, &iv, &us,
                                       err);
        if (rc)
            return fail_row(call, i, rc);
        out_i64(call, row, us);
    }
    return 0;
}

KERNEL(timestamp_pl_interval)
{
    return shift_point(call, POINT_LOCAL, 0, false, err);
}
KERNEL(timestamp_mi_interval)
{
    return shift_point(call, POINT_LOCAL, 0, true, err);
}
KERNEL(timestamptz_pl_interval)
{
    return shift_point(call, POINT_INSTANT, 0, false, err);
}
KERNEL(timestamptz_mi_interval)
{
    return shift_point(call, POINT_INSTANT, 0, true, err);
}
KERNEL(date_pl_interval)
{
    return shift_point(call, POINT_DATE, 0, false, err);
}
KERNEL(date_mi_interval)
{
    return shift_point(call, POINT_DATE, 0, true, err);
}
KERNEL(sql_2548)
{
    return shift_point(call, POINT_LOCAL, 1, false, err);
}
KERNEL(sql_2549)
{
    return shift_point(call, POINT_INSTANT, 1, false, err);
}
KERNEL(sql_2546)
{
    return shift_point(call, POINT_DATE, 1, false, err);
}

static int shift_time(struct func_call *call, uint32_t time_arg, int sign)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct interval iv = arg_interval(call, 1 - time_arg, row);
        out_i64(call, row, time_modulo(arg_i64(call, time_arg, row) + sign * (iv.us % US_PER_DAY)));
    }
    return 0;
}

KERNEL(time_pl_interval)
{
    return shift_time(call, 0, 1);
}
KERNEL(time_mi_interval)
{
    return shift_time(call, 0, -1);
}
KERNEL(sql_1848)
{
    return shift_time(call, 1, 1);
}

static int shift_timetz(struct func_call *call, uint32_t time_arg, int sign)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct interval iv = arg_interval(call, 1 - time_arg, row);
        struct timetz t = timetz_load(arg_bytes(call, time_arg, row));
        t.us = time_modulo(t.us + sign * (iv.us % US_PER_DAY));
        out_timetz(call, row, &t);
    }
    return 0;
}

KERNEL(timetz_pl_interval)
{
    return shift_timetz(call, 0, 1);
}
KERNEL(timetz_mi_interval)
{
    return shift_timetz(call, 0, -1);
}
KERNEL(sql_2547)
{
    return shift_timetz(call, 1, 1);
}

/* ---- differences
 * ---------------------------------------------------------------------------------------------- */

static void split_days(struct interval *iv)
{
    int64_t days = iv->us / US_PER_DAY;
    iv->days += (int32_t)days;
    iv->us -= days * US_PER_DAY;
}

KERNEL(timestamp_mi)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int64_t a = arg_i64(call, 0, row), b = arg_i64(call, 1, row);
        struct interval iv = {0};
        if (!datetime_finite(a) || !datetime_finite(b))
            return fail_row(
                call, i,
                err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "cannot subtract infinite timestamps"));
        if (__builtin_sub_overflow(a, b, &iv.us))
            return fail_row(call, i, interval_range(err));
        split_days(&iv);
        out_interval(call, row, &iv);
    }
    return 0;
}

KERNEL(time_mi_time)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct interval iv = {.us = arg_i64(call, 0, row) - arg_i64(call, 1, row)};
        out_interval(call, row, &iv);
    }
    return 0;
}

/* Years, months and days between two local times, symbolically: borrowing goes by the month of the
 * earlier one. */
static struct interval age_between(int64_t a, int64_t b)
{
    struct datetime x, y;
    datetime_split(a, &x);
    datetime_split(b, &y);
    bool neg = a < b;
    if (neg) {
        struct datetime t = x;
        x = y;
        y = t;
    }
    int64_t us = (x.hour - y.hour) * US_PER_HOUR + (x.minute - y.minute) * US_PER_MIN +
                 (x.second - y.second) * US_PER_SEC + x.us - y.us;
    int32_t days = x.day - y.day, months = (x.year - y.year) * 12 + x.month - y.month;
    if (us < 0) {
        us += US_PER_DAY;
        days--;
    }
    while (days < 0) {
        days += date_days_in_month(y.year, y.month);
        months--;
    }
    struct interval iv = {.us = us, .days = days, .months = months};
    if (neg)
        negate_interval(&iv);
    return iv;
}

static int age_rows(struct func_call *call, bool instants, bool from_today, struct err *err)
{
    const struct tz *zone = instants ? call->env->zone : NULL;
    int64_t today = 0;
    if (from_today) {
        datetime_instant_to_local(call->env->zone, call->env->now_us, &today);
        today -= time_modulo(today);
    }
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int64_t a = from_today ? today : arg_i64(call, 0, row),
                b = arg_i64(call, from_today ? 0 : 1, row);
        if (!datetime_finite(a) || !datetime_finite(b))
            return fail_row(call, i, timestamp_range(err));
        if (!from_today)
            datetime_instant_to_local(zone, a, &a);
        datetime_instant_to_local(zone, b, &b);
        struct interval iv = age_between(a, b);
        out_interval(call, row, &iv);
    }
    return 0;
}

KERNEL(timestamp_age)
{
    return age_rows(call, false, false, err);
}
KERNEL(timestamptz_age)
{
    return age_rows(call, true, false, err);
}
KERNEL(sql_1386)
{
    return age_rows(call, true, true, err);
}
KERNEL(sql_2059)
{
    return age_rows(call, false, true, err);
}

/* ---- date and time together
 * -------------------------------------------------------------------------------------- */

static int join_date_time(struct func_call *call, uint32_t date_arg, struct err *err)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int64_t us;
        int rc = to_timestamp_value(arg_i32(call, date_arg, row), &us, err);
        if (rc == 0 && datetime_finite(us)) {
            us += arg_i64(call, 1 - date_arg, row);
            if (!datetime_in_range(us))
                rc = timestamp_range(err);
        }
        if (rc)
            return fail_row(call, i, rc);
        out_i64(call, row, us);
    }
    return 0;
}

KERNEL(datetime_timestamp)
{
    return join_date_time(call, 0, err);
}
KERNEL(sql_1296)
{
    return join_date_time(call, 1, err);
}

static int join_date_timetz(struct func_call *call, uint32_t date_arg, struct err *err)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int64_t us;
        int rc = to_timestamp_value(arg_i32(call, date_arg, row), &us, err);
        struct timetz t = timetz_load(arg_bytes(call, 1 - date_arg, row));
        if (rc == 0 && datetime_finite(us)) {
            us += t.us + t.zone * US_PER_SEC;
            if (!datetime_in_range(us))
                rc = timestamp_range(err);
        }
        if (rc)
            return fail_row(call, i, rc);
        out_i64(call, row, us);
    }
    return 0;
}

KERNEL(datetimetz_timestamptz)
{
    return join_date_timetz(call, 0, err);
}
KERNEL(sql_1298)
{
    return join_date_timetz(call, 1, err);
}

/* ---- interval arithmetic
 * ---------------------------------------------------------------------------------------- */

static int add_intervals(struct func_call *call, bool minus, struct err *err)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct interval a = arg_interval(call, 0, row), b = arg_interval(call, 1, row);
        bool over = minus ? __builtin_sub_overflow(a.us, b.us, &a.us) |
                                __builtin_sub_overflow(a.days, b.days, &a.days) |
                                __builtin_sub_overflow(a.months, b.months, &a.months)
                          : __builtin_add_overflow(a.us, b.us, &a.us) |
                                __builtin_add_overflow(a.days, b.days, &a.days) |
                                __builtin_add_overflow(a.months, b.months, &a.months);
        if (over)
            return fail_row(call, i, interval_range(err));
        out_interval(call, row, &a);
    }
    return 0;
}

KERNEL(interval_pl)
{
    return add_intervals(call, false, err);
}
KERNEL(interval_mi)
{
    return add_intervals(call, true, err);
}

KERNEL(interval_um)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct interval iv = arg_interval(call, 0, row);
        if (!negate_interval(&iv))
            return fail_row(call, i, interval_range(err));
        out_interval(call, row, &iv);
    }
    return 0;
}

static int scale_interval(struct func_call *call, uint32_t interval_arg, bool divide,
                          struct err *err)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct interval iv = arg_interval(call, interval_arg, row);
        double f = arg_f64(call, 1 - interval_arg, row);
        int rc = divide ? interval_divide(&iv, f, &iv, err) : interval_multiply(&iv, f, &iv, err);
        if (rc)
            return fail_row(call, i, rc);
        out_interval(call, row, &iv);
    }
    return 0;
}

KERNEL(interval_mul)
{
    return scale_interval(call, 0, false, err);
}
KERNEL(mul_d_interval)
{
    return scale_interval(call, 1, false, err);
}
KERNEL(interval_div)
{
    return scale_interval(call, 0, true, err);
}

static void match_signs_days(struct interval *iv)
{
    if (iv->days > 0 && iv->us < 0) {
        iv->us += US_PER_DAY;
        iv->days--;
    } else if (iv->days < 0 && iv->us > 0) {
        iv->us -= US_PER_DAY;
        iv->days++;
    }
}

static void match_signs_months(struct interval *iv)
{
    if (iv->months > 0 && (iv->days < 0 || (iv->days == 0 && iv->us < 0))) {
        iv->days += 30;
        iv->months--;
    } else if (iv->months < 0 && (iv->days > 0 || (iv->days == 0 && iv->us > 0))) {
        iv->days -= 30;
        iv->months++;
    }
}

static int justify(struct func_call *call, bool hours, bool days, struct err *err)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct interval iv = arg_interval(call, 0, row);
        int32_t whole = hours ? (int32_t)(iv.us / US_PER_DAY) : 0;
        bool over = __builtin_add_overflow(iv.days, whole, &iv.days);
        iv.us -= whole * US_PER_DAY;
        int32_t months = days ? iv.days / 30 : 0;
        over |= __builtin_add_overflow(iv.months, months, &iv.months);
        iv.days -= months * 30;
        if (over)
            return fail_row(call, i, interval_range(err));
        if (hours && days) {
            match_signs_months(&iv);
            match_signs_days(&iv);
        } else if (hours) {
            match_signs_days(&iv);
        } else if (iv.months > 0 && iv.days < 0) {
            iv.days += 30;
            iv.months--;
        } else if (iv.months < 0 && iv.days > 0) {
            iv.days -= 30;
            iv.months++;
        }
        out_interval(call, row, &iv);
    }
    return 0;
}

KERNEL(interval_justify_hours)
{
    return justify(call, true, false, err);
}
KERNEL(interval_justify_days)
{
    return justify(call, false, true, err);
}
KERNEL(interval_justify_interval)
{
    return justify(call, true, true, err);
}

/* ---- casts --------------------------------------------------------------------------------- */

KERNEL(date_timestamp)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int64_t us;
        int rc = to_timestamp_value(arg_i32(call, 0, row), &us, err);
        if (rc)
            return fail_row(call, i, rc);
        out_i64(call, row, us);
    }
    return 0;
}

KERNEL(date_timestamptz)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int64_t us;
        int rc = to_timestamp_value(arg_i32(call, 0, row), &us, err);
        if (rc == 0 && datetime_finite(us) && datetime_local_to_instant(call->env->zone, us, &us))
            rc = err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "date out of range for timestamp");
        if (rc)
            return fail_row(call, i, rc);
        out_i64(call, row, us);
    }
    return 0;
}

static int64_t floor_days(int64_t us)
{
    return us / US_PER_DAY - (us % US_PER_DAY < 0);
}

static int date_rows(struct func_call *call, bool instants)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int64_t us = arg_i64(call, 0, row);
        if (!datetime_finite(us)) {
            out_i32(call, row, us > 0 ? DATE_INFINITY : DATE_MINUS_INFINITY);
            continue;
        }
        if (instants)
            datetime_instant_to_local(call->env->zone, us, &us);
        out_i32(call, row, (int32_t)floor_days(us));
    }
    return 0;
}

KERNEL(timestamp_date)
{
    return date_rows(call, false);
}
KERNEL(timestamptz_date)
{
    return date_rows(call, true);
}

static int time_rows(struct func_call *call, bool instants)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int64_t us = arg_i64(call, 0, row);
        if (!datetime_finite(us)) {
            out_null(call, row);
            continue;
        }
        if (instants)
            datetime_instant_to_local(call->env->zone, us, &us);
        out_i64(call, row, time_modulo(us));
    }
    return 0;
}

KERNEL(timestamp_time)
{
    return time_rows(call, false);
}
KERNEL(timestamptz_time)
{
    return time_rows(call, true);
}

KERNEL(timestamptz_timetz)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int64_t us = arg_i64(call, 0, row);
        if (!datetime_finite(us)) {
            out_null(call, row);
            continue;
        }
        struct timetz t = {.zone = -tz_at(call->env->zone, us).seconds};
        datetime_instant_to_local(call->env->zone, us, &us);
        t.us = time_modulo(us);
        out_timetz(call, row, &t);
    }
    return 0;
}

KERNEL(timestamp_timestamptz)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int64_t us = arg_i64(call, 0, row);
        if (datetime_finite(us) && datetime_local_to_instant(call->env->zone, us, &us))
            return fail_row(call, i, timestamp_range(err));
        out_i64(call, row, us);
    }
    return 0;
}

KERNEL(timestamptz_timestamp)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int64_t us = arg_i64(call, 0, row);
        if (datetime_finite(us) && datetime_instant_to_local(call->env->zone, us, &us))
            return fail_row(call, i, timestamp_range(err));
        out_i64(call, row, us);
    }
    return 0;
}

KERNEL(time_interval)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct interval iv = {.us = arg_i64(call, 0, row)};
        out_interval(call, row, &iv);
    }
    return 0;
}

KERNEL(interval_time)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct interval iv = arg_interval(call, 0, row);
        out_i64(call, row, time_modulo(iv.us));
    }
    return 0;
}

KERNEL(time_timetz)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        struct timetz t = {.us = arg_i64(call, 0, row),
                           .zone = -tz_at(call->env->zone, call->env->now_us).seconds};
        out_timetz(call, row, &t);
    }
    return 0;
}

KERNEL(timetz_time)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        out_i64(call, row, timetz_load(arg_bytes(call, 0, row)).us);
    }
    return 0;
}

KERNEL(float8_timestamptz)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        double s = arg_f64(call, 0, row);
        if (isnan(s))
            return fail_row(call, i,
                            err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "timestamp cannot be NaN"));
        if (isinf(s)) {
            out_i64(call, row, s > 0 ? DATETIME_INFINITY : DATETIME_MINUS_INFINITY);
            continue;
        }
        double us = rint((s - 946684800.0) * 1e6);
        if (!(us >= (double)DATETIME_MIN_US && us < (double)DATETIME_END_US))
            return fail_row(
                call, i,
                err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "timestamp out of range: \"%g\"", s));
        out_i64(call, row, (int64_t)us);
    }
    return 0;
}

/* ---- finiteness, overlaps
 * ------------------------------------------------------------------------------------------- */

KERNEL(date_finite)
{
    for (uint32_t i = 0; i < call->n; i++)
        out_bool(call, call_row(call, i), date_finite(arg_i32(call, 0, call_row(call, i))));
    return 0;
}

KERNEL(timestamp_finite)
{
    for (uint32_t i = 0; i < call->n; i++)
        out_bool(call, call_row(call, i), datetime_finite(arg_i64(call, 0, call_row(call, i))));
    return 0;
}

KERNEL(interval_finite)
{
    for (uint32_t i = 0; i < call->n; i++)
        out_bool(call, call_row(call, i), true);
    return 0;
}

/* ---- make_* -------------------------------------------------------------------------------- */

/* Year -1 is 1 BC. Ranges are the caller's: only the fields are checked. */
static bool valid_ymd(int32_t *year, int32_t month, int32_t day)
{
    if (*year == 0 || month < 1 || month > 12)
        return false;
    if (*year < 0)
        (*year)++;
    return day >= 1 && day <= date_days_in_month(*year, month);
}

KERNEL(make_date)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int32_t y = arg_i32(call, 0, row), m = arg_i32(call, 1, row), d = arg_i32(call, 2, row),
                year = y;
        if (!valid_ymd(&year, m, d)) {
            year += y < 0 && year == y; /* as it is shown, whichever field was wrong */
            return fail_row(call, i,
                            err_set(err, ERR_DATETIME_FIELD_OVERFLOW,
                                    "date field value out of range: %d-%02d-%02d", year, m, d));
        }
        bool near = year >= -4714 && year <= 5874898;
        int32_t days = near ? date_from_ymd(year, m, d) : 0;
        if (!near || !date_in_range(days))
            return fail_row(call, i,
                            err_set(err, ERR_DATETIME_FIELD_OVERFLOW,
                                    "date out of range: %d-%02d-%02d", y, m, d));
        out_i32(call, row, days);
    }
    return 0;
}

static bool valid_time(int32_t h, int32_t m, double s, int64_t *us)
{
    if (h < 0 || m < 0 || m > 59 || isnan(s) || s < 0 || s > 60 || h > 24 ||
        (h == 24 && (m > 0 || s > 0)))
        return false;
    *us = (h * 60 + m) * US_PER_MIN + (int64_t)rint(s * 1e6);
    return *us <= US_PER_DAY;
}

KERNEL(make_time)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int32_t h = arg_i32(call, 0, row), m = arg_i32(call, 1, row);
        double s = arg_f64(call, 2, row);
        int64_t us;
        if (!valid_time(h, m, s, &us))
            return fail_row(call, i,
                            err_set(err, ERR_DATETIME_FIELD_OVERFLOW,
                                    "time field value out of range: %d:%02d:%02g", h, m, s));
        out_i64(call, row, us);
    }
    return 0;
}

static int make_point(struct func_call *call, uint32_t row, int64_t *us, struct err *err)
{
    int32_t y = arg_i32(call, 0, row), month = arg_i32(call, 1, row), d = arg_i32(call, 2, row),
            year = y;
    int32_t h = arg_i32(call, 3, row), m = arg_i32(call, 4, row);
    double s = arg_f64(call, 5, row);
    int64_t time;
    if (!valid_ymd(&year, month, d))
        return err_set(err, ERR_DATETIME_FIELD_OVERFLOW,
                       "date field value out of range: %d-%02d-%02d", y, month, d);
    if (!valid_time(h, m, s, &time))
        return err_set(err, ERR_DATETIME_FIELD_OVERFLOW,
                       "time field value out of range: %d:%02d:%02g", h, m, s);
    bool near = year >= -4714 && year <= 294277;
    int128 v = near ? (int128)date_from_ymd(year, month, d) * US_PER_DAY + time : 0;
    if (!near || v < DATETIME_MIN_US || v >= DATETIME_END_US)
        return err_set(err, ERR_DATETIME_FIELD_OVERFLOW,
                       "timestamp out of range: %d-%02d-%02d %d:%02d:%02g", y, month, d, h, m, s);
    *us = (int64_t)v;
    return 0;
}

static int make_points(struct func_call *call, bool instants, struct err *err)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        int64_t us = 0;
        int rc = make_point(call, row, &us, err);
        if (rc == 0 && instants && datetime_local_to_instant(call->env->zone, us, &us))
            rc = timestamp_range(err);
        if (rc)
            return fail_row(call, i, rc);
        out_i64(call, row, us);
    }
    return 0;
}

KERNEL(make_timestamp)
{
    return make_points(call, false, err);
}
KERNEL(make_timestamptz)
{
    return make_points(call, true, err);
}

KERNEL(make_interval)
{
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call_row(call, i);
        double s = arg_f64(call, 6, row);
        struct interval iv;
        int128 months = (int128)arg_i32(call, 0, row) * 12 + arg_i32(call, 1, row);
        int128 days = (int128)arg_i32(call, 2, row) * 7 + arg_i32(call, 3, row);
        double us = rint(s * 1e6);
        if (isinf(s) || isnan(s) || fabs(us) > 9.2e18)
            return fail_row(call, i, interval_range(err));
        int128 total = (int128)arg_i32(call, 4, row) * US_PER_HOUR +
                       (int128)arg_i32(call, 5, row) * US_PER_MIN + (int128)us;
        if (months > INT32_MAX || months < INT32_MIN || days > INT32_MAX || days < INT32_MIN ||
            total > INT64_MAX || total < INT64_MIN)
            return fail_row(call, i, interval_range(err));
        iv = (struct interval){
            .us = (int64_t)total, .days = (int32_t)days, .months = (int32_t)months};
        out_interval(call, row, &iv);
    }
    return 0;
}
