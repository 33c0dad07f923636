/* datetime.h: dates, times, timestamps and intervals: calendar arithmetic, text forms and rounding
 * as PostgreSQL has them.
 *
 * All instants and local times are microseconds since 2000-01-01; dates are days since then; the
 * calendar is proleptic Gregorian. The extreme values of each kind are the infinities. Years are
 * astronomical inside (0 = 1 BC).
 *
 * Invariants
 * 1. Finite timestamps lie in [DATETIME_MIN_US, DATETIME_END_US), dates in [DATE_MIN_DAYS,
 * DATE_END_DAYS): 4713-11-24 BC to AD 294276 / 5874897. What would leave the range is error 22008
 * with PostgreSQL's wording, never a wrapped value.
 * 2. An interval keeps months, days and microseconds apart; comparing takes 30 days a month and 24
 * hours a day.
 */
#ifndef CAIRN_TYPES_TYPE_DATETIME_H
#define CAIRN_TYPES_TYPE_DATETIME_H

#include "base/buf.h"
#include "types/type/type.h"
#include "types/type/tz.h"

#define US_PER_SEC INT64_C(1000000)
#define US_PER_MIN (60 * US_PER_SEC)
#define US_PER_HOUR (3600 * US_PER_SEC)
#define US_PER_DAY (86400 * US_PER_SEC)
#define DATETIME_INFINITY INT64_MAX
#define DATETIME_MINUS_INFINITY INT64_MIN
#define DATE_INFINITY INT32_MAX
#define DATE_MINUS_INFINITY INT32_MIN
#define DATETIME_MIN_US INT64_C(-211813488000000000)
#define DATETIME_END_US INT64_C(9223371331200000000)
#define DATE_MIN_DAYS (-2451545)          /* Julian day 0 */
#define DATE_END_DAYS 2145031949          /* 5874898-01-01 */
#define DATE_TIMESTAMP_END_DAYS 106751983 /* first date beyond the timestamps */
#define DATE_UNIX_EPOCH (-10957)
#define DATETIME_UNIX_EPOCH_US (DATE_UNIX_EPOCH * US_PER_DAY)
#define JULIAN_2000 2451545

struct interval {
    int64_t us;
    int32_t days;
    int32_t months;
};

struct timetz {
    int64_t us;   /* local time of day */
    int32_t zone; /* seconds WEST of Greenwich, as PostgreSQL keeps it */
};

/* A point broken into fields. year is astronomical; month 1..12. */
struct datetime {
    int32_t year;
    int32_t month, day, hour, minute, second;
    int32_t us;
};

/* ---- calendar ------------------------------------------------------------------------------ */

int32_t date_from_ymd(int32_t year, int32_t month,
                      int32_t day); /* days since 2000-01-01; fields must be valid or near */
void date_to_ymd(int32_t days, int32_t *year, int32_t *month, int32_t *day);
int32_t date_days_in_month(int32_t year, int32_t month);
static inline bool date_is_leap(int32_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}
int32_t date_day_of_week(int32_t days); /* 0 = Sunday */
void date_iso_week(int32_t days, int32_t *iso_year, int32_t *iso_week);
static inline bool date_in_range(int64_t days)
{
    return days >= DATE_MIN_DAYS && days < DATE_END_DAYS;
}
static inline bool datetime_in_range(int64_t us)
{
    return us >= DATETIME_MIN_US && us < DATETIME_END_US;
}
static inline bool datetime_finite(int64_t us)
{
    return us != DATETIME_INFINITY && us != DATETIME_MINUS_INFINITY;
}
static inline bool date_finite(int32_t days)
{
    return days != DATE_INFINITY && days != DATE_MINUS_INFINITY;
}

/* Local fields of a finite timestamp. */
void datetime_split(int64_t us, struct datetime *out);
/* False when out of range. */
bool datetime_join(const struct datetime *in, int64_t *us);

/* -1 / +1: below / above the timestamps' range; infinities map to infinities. */
int datetime_date_to_timestamp(int32_t days, int64_t *us);
/* Local timestamp to instant in a zone: -1 / +1 out of range. Finite input. */
int datetime_local_to_instant(const struct tz *zone, int64_t local_us, int64_t *us);
/* Instant to local. */
int datetime_instant_to_local(const struct tz *zone, int64_t us, int64_t *local_us);

/* Rounds to typmod fractional digits (0..6; -1 = leave), half away from zero in PostgreSQL's way.
 */
int64_t datetime_round(int64_t us, int32_t typmod);

/* ---- intervals ----------------------------------------------------------------------------- */

static inline struct interval interval_load(const struct bytes_view *v)
{
    const uint8_t *p = view_data(v);
    return (struct interval){(int64_t)load_le64(p), (int32_t)load_le32(p + 8),
                             (int32_t)load_le32(p + 12)};
}
struct datum interval_datum(const struct interval *iv, struct arena *arena);
/* The length used in comparisons, in microseconds. */
static inline int128 interval_span(const struct interval *iv)
{
    return (int128)iv->us + ((int128)iv->months * 30 + iv->days) * US_PER_DAY;
}
int interval_compare(const struct bytes_view *a, const struct bytes_view *b);
/* Cuts fields and rounds as the typmod says. */
int interval_apply_typmod(struct interval *iv, int32_t typmod, struct err *err) MUST_CHECK;

static inline struct timetz timetz_load(const struct bytes_view *v)
{
    const uint8_t *p = view_data(v);
    return (struct timetz){(int64_t)load_le64(p), (int32_t)load_le32(p + 8)};
}
struct datum timetz_datum(const struct timetz *t);
int timetz_compare(const struct bytes_view *a, const struct bytes_view *b);

/* iv * factor and iv / divisor: fractions of months cascade into days (30 a month), of days into
 * time. */
int interval_multiply(const struct interval *iv, double factor, struct interval *out,
                      struct err *err) MUST_CHECK;
int interval_divide(const struct interval *iv, double divisor, struct interval *out,
                    struct err *err) MUST_CHECK;

/* local/instant + interval: months, then days, then time, through the zone for instants (zone NULL
 * and local alike: UTC). */
int datetime_add_interval(const struct tz *zone, int64_t us, const struct interval *iv,
                          int64_t *out, struct err *err) MUST_CHECK;

/* ---- text ---------------------------------------------------------------------------------- */

int date_in(const struct type_env *env, const char *text, size_t len, int32_t *out,
            struct err *err) MUST_CHECK;
int time_in(const struct type_env *env, const char *text, size_t len, int32_t typmod, int64_t *out,
            struct err *err) MUST_CHECK;
int timetz_in(const struct type_env *env, const char *text, size_t len, int32_t typmod,
              struct timetz *out, struct err *err) MUST_CHECK;
/* with_zone: the result is an instant (a text without zone is local time of env's zone); else a
 * zone in the text is ignored. */
int timestamp_in(const struct type_env *env, const char *text, size_t len, int32_t typmod,
                 bool with_zone, int64_t *out, struct err *err) MUST_CHECK;
int interval_in(const struct type_env *env, const char *text, size_t len, int32_t typmod,
                struct interval *out, struct err *err) MUST_CHECK;

void date_out(const struct type_env *env, int32_t days, struct buf *out);
void time_out(int64_t us, struct buf *out);
void timetz_out(const struct timetz *t, struct buf *out);
void timestamp_out(const struct type_env *env, int64_t us, bool with_zone, struct buf *out);
void interval_out(const struct type_env *env, const struct interval *iv, struct buf *out);

#endif
