#include "types/type/datetime.h"

#include <math.h>

/* ---- calendar ----------------------------------------------------------------------------------
 */

/* Days from civil date by the usual shift of the year's start to March. */
int32_t date_from_ymd(int32_t year, int32_t month, int32_t day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return (int32_t)(era * 146097 + doe - 730425); /* 730425: days from 0000-03-01 to 2000-01-01 */
}

void date_to_ymd(int32_t days, int32_t *year, int32_t *month, int32_t *day)
{
    int64_t z = (int64_t)days + 730425;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = (int32_t)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int32_t)(mp < 10 ? mp + 3 : mp - 9);
    *year = (int32_t)(yoe + era * 400 + (*month <= 2));
}

int32_t date_days_in_month(int32_t year, int32_t month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && date_is_leap(year));
}

int32_t date_day_of_week(int32_t days)
{
    int32_t d = (int32_t)(((int64_t)days + 6) % 7); /* 2000-01-01 was a Saturday */
    return d < 0 ? d + 7 : d;
}

/* ISO 8601: the week of a date is that of its Thursday. */
void date_iso_week(int32_t days, int32_t *iso_year, int32_t *iso_week)
{
    int32_t monday_based = (date_day_of_week(days) + 6) % 7;
    int32_t thursday = days - monday_based + 3, month, day;
    date_to_ymd(thursday, iso_year, &month, &day);
    *iso_week = (thursday - date_from_ymd(*iso_year, 1, 1)) / 7 + 1;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q * b > a ? q - 1 : q;
}

void datetime_split(int64_t us, struct datetime *out)
{
    int64_t days = floor_div(us, US_PER_DAY);
    int64_t rest = us - days * US_PER_DAY;
    date_to_ymd((int32_t)days, &out->year, &out->month, &out->day);
    out->hour = (int32_t)(rest / US_PER_HOUR);
    out->minute = (int32_t)(rest / US_PER_MIN % 60);
    out->second = (int32_t)(rest / US_PER_SEC % 60);
    out->us = (int32_t)(rest % US_PER_SEC);
}

bool datetime_join(const struct datetime *in, int64_t *us)
{
    if (in->year < -4713 || in->year > 294277)
        return false;
    int128 v = (int128)date_from_ymd(in->year, in->month, in->day) * US_PER_DAY +
               in->hour * US_PER_HOUR + in->minute * US_PER_MIN + in->second * US_PER_SEC + in->us;
    if (v < DATETIME_MIN_US || v >= DATETIME_END_US)
        return false;
    *us = (int64_t)v;
    return true;
}

int datetime_date_to_timestamp(int32_t days, int64_t *us)
{
    if (days == DATE_INFINITY) {
        *us = DATETIME_INFINITY;
        return 0;
    }
    if (days == DATE_MINUS_INFINITY) {
        *us = DATETIME_MINUS_INFINITY;
        return 0;
    }
    if (days >= DATE_TIMESTAMP_END_DAYS)
        return 1;
    *us = days * US_PER_DAY;
    return 0;
}

int datetime_local_to_instant(const struct tz *zone, int64_t local_us, int64_t *us)
{
    int64_t v = local_us - tz_at_local(zone, local_us).seconds * US_PER_SEC;
    if (v < DATETIME_MIN_US)
        return -1;
    if (v >= DATETIME_END_US)
        return 1;
    *us = v;
    return 0;
}

int datetime_instant_to_local(const struct tz *zone, int64_t us, int64_t *local_us)
{
    int64_t shift = tz_at(zone, us).seconds * US_PER_SEC;
    int64_t v;
    if (__builtin_add_overflow(us, shift, &v))
        return 1;
    *local_us = v;
    return 0;
}

int64_t datetime_round(int64_t us, int32_t typmod)
{
    static const int64_t unit[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    if (typmod < 0 || typmod >= 6 || !datetime_finite(us))
        return us;
    int64_t u = unit[typmod], half = u / 2;
    return us >= 0 ? (us + half) / u * u : -((-us + half) / u * u);
}

/* ---- intervals ---------------------------------------------------------------------------------
 */

struct datum interval_datum(const struct interval *iv, struct arena *arena)
{
    uint8_t *p = arena_alloc(arena, 16);
    store_le64(p, (uint64_t)iv->us);
    store_le32(p + 8, (uint32_t)iv->days);
    store_le32(p + 12, (uint32_t)iv->months);
    struct datum d = {.kind = PHYS_BYTES, .dec_scale = -1};
    d.u.bytes = view_of(p, 16);
    return d;
}

int interval_compare(const struct bytes_view *a, const struct bytes_view *b)
{
    struct interval x = interval_load(a), y = interval_load(b);
    int128 p = interval_span(&x), q = interval_span(&y);
    return (p > q) - (p < q);
}

struct datum timetz_datum(const struct timetz *t)
{
    uint8_t p[12];
    store_le64(p, (uint64_t)t->us);
    store_le32(p + 8, (uint32_t)t->zone);
    struct datum d = {.kind = PHYS_BYTES, .dec_scale = -1};
    d.u.bytes = view_of(p, 12);
    return d;
}

int timetz_compare(const struct bytes_view *a, const struct bytes_view *b)
{
    struct timetz x = timetz_load(a), y = timetz_load(b);
    int64_t p = x.us + x.zone * US_PER_SEC, q = y.us + y.zone * US_PER_SEC;
    if (p != q)
        return p < q ? -1 : 1;
    return (x.zone > y.zone) - (x.zone < y.zone);
}

enum {
    RANGE_MONTH = 1 << 1,
    RANGE_YEAR = 1 << 2,
    RANGE_DAY = 1 << 3,
    RANGE_HOUR = 1 << 10,
    RANGE_MINUTE = 1 << 11,
    RANGE_SECOND = 1 << 12
};

/* INTERVAL fields: what is finer than the last one named is cut off; coarser ones stay. */
static void cut_fields(struct interval *iv, int32_t range)
{
    if (range == RANGE_YEAR) {
        iv->months = iv->months / 12 * 12;
        iv->days = 0;
        iv->us = 0;
    } else if (range == RANGE_MONTH || range == (RANGE_YEAR | RANGE_MONTH)) {
        iv->days = 0;
        iv->us = 0;
    } else if (range == RANGE_DAY) {
        iv->us = 0;
    } else if (range == RANGE_HOUR || range == (RANGE_DAY | RANGE_HOUR)) {
        iv->us = iv->us / US_PER_HOUR * US_PER_HOUR;
    } else if (range == RANGE_MINUTE || range == (RANGE_DAY | RANGE_HOUR | RANGE_MINUTE) ||
               range == (RANGE_HOUR | RANGE_MINUTE)) {
        iv->us = iv->us / US_PER_MIN * US_PER_MIN;
    }
}

int interval_apply_typmod(struct interval *iv, int32_t typmod, struct err *err)
{
    if (typmod < 0)
        return 0;
    int32_t range = (typmod >> 16) & 0x7fff, precision = typmod & 0xffff;
    cut_fields(iv, range);
    if (precision != 0xffff) {
        if (precision > 6)
            return err_set(err, ERR_INVALID_PARAMETER_VALUE,
                           "interval(%d) precision must be between %d and %d", precision, 0, 6);
        iv->us = datetime_round(iv->us, precision);
    }
    return 0;
}

static int timestamp_out_of_range(struct err *err)
{
    return err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "timestamp out of range");
}

int datetime_add_interval(const struct tz *zone, int64_t us, const struct interval *iv,
                          int64_t *out, struct err *err)
{
    if (!datetime_finite(us)) {
        *out = us;
        return 0;
    }
    int64_t v = us;
    if (iv->months || iv->days) {
        int64_t local;
        if (datetime_instant_to_local(zone, us, &local))
            return timestamp_out_of_range(err);
        struct datetime t;
        datetime_split(local, &t);
        if (iv->months) {
            int64_t month = (int64_t)t.year * 12 + t.month - 1 + iv->months;
            int64_t year = floor_div(month, 12);
            if (year < -5000 || year > 300000)
                return timestamp_out_of_range(err);
            t.year = (int32_t)year;
            t.month = (int32_t)(month - year * 12) + 1;
            int32_t last = date_days_in_month(t.year, t.month);
            if (t.day > last)
                t.day = last;
        }
        int64_t days = (int64_t)date_from_ymd(t.year, t.month, t.day) + iv->days;
        if (days > DATE_TIMESTAMP_END_DAYS || days < DATE_MIN_DAYS - 366)
            return timestamp_out_of_range(err);
        local = days * US_PER_DAY + t.hour * US_PER_HOUR + t.minute * US_PER_MIN +
                t.second * US_PER_SEC + t.us;
        if (datetime_local_to_instant(zone, local, &v))
            return timestamp_out_of_range(err);
    }
    if (__builtin_add_overflow(v, iv->us, &v) || !datetime_in_range(v))
        return timestamp_out_of_range(err);
    *out = v;
    return 0;
}

/* Rounds to microseconds what binary fractions left beside them. */
static double settle(double v)
{
    return rint(v * 1e6) / 1e6;
}

static int interval_out_of_range(struct err *err)
{
    return err_set(err, ERR_DATETIME_FIELD_OVERFLOW, "interval out of range");
}

/* The parts of a scaled interval: whole months, the fraction left in days, and so on, as PostgreSQL
 * spreads them. */
static int spread(const struct interval *iv, double months, double days, double us,
                  double month_rest, double day_rest, struct interval *out, struct err *err)
{
    if (isnan(months) || months > INT32_MAX || months < INT32_MIN || isnan(days) ||
        days > INT32_MAX || days < INT32_MIN)
        return interval_out_of_range(err);
    out->months = (int32_t)months;
    out->days = (int32_t)days;
    double rest_days = settle((month_rest - out->months) * 30);
    double seconds = settle((day_rest - out->days + rest_days - (int32_t)rest_days) * 86400);
    if (fabs(seconds) >= 86400) {
        int32_t more = (int32_t)(seconds / 86400);
        if (__builtin_add_overflow(out->days, more, &out->days))
            return interval_out_of_range(err);
        seconds -= more * 86400.0;
    }
    if (__builtin_add_overflow(out->days, (int32_t)rest_days, &out->days))
        return interval_out_of_range(err);
    double total = rint(us + seconds * 1e6);
    if (isnan(total) || !(total >= -9223372036854775808.0 && total < 9223372036854775808.0))
        return interval_out_of_range(err);
    out->us = (int64_t)total;
    return 0;
}

int interval_multiply(const struct interval *iv, double factor, struct interval *out,
                      struct err *err)
{
    double months = iv->months * factor, days = iv->days * factor;
    return spread(iv, months, days, (double)iv->us * factor, months, days, out, err);
}

int interval_divide(const struct interval *iv, double divisor, struct interval *out,
                    struct err *err)
{
    if (divisor == 0)
        return err_set(err, ERR_DIVISION_BY_ZERO, "division by zero");
    double months = iv->months / divisor, days = iv->days / divisor;
    return spread(iv, months, days, (double)iv->us / divisor, months, days, out, err);
}
