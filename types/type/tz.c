#include "types/type/tz.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "types/type/datetime.h"

enum { TYPES_MAX = 256, RULE_YEARS = 400, TRANSITIONS_MAX = 4096 };
#define UNIX_TO_2000 INT64_C(946684800)
#define SECONDS_400_YEARS (INT64_C(146097) * 86400)

struct zone_type {
    int32_t seconds;
    bool dst;
    char abbrev[TZ_ABBREV_MAX];
};

/* Times are seconds since 2000-01-01 UTC. */
struct tz {
    const char *name;
    uint32_t n_transitions;
    uint32_t n_types;
    int64_t *at;
    uint8_t *to; /* type that begins at at[i] */
    struct zone_type *types;
    uint8_t first;    /* type before the first transition */
    bool rule_after;  /* the last 400 years repeat for ever */
    bool rule_before; /* and the first ones did (a POSIX rule alone) */
};

const char *tz_name(const struct tz *zone)
{
    return zone ? zone->name : "UTC";
}

static int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q * b > a ? q - 1 : q;
}

/* ---- POSIX rules: "EST5EDT,M3.2.0,M11.1.0" ------------------------------------------------------
 */

struct rule_date {
    char kind; /* M month.week.day, J day 1..365 without leap day, 0 day 0..365 */
    int32_t month, week, day;
    int32_t seconds; /* local, of the day */
};

struct rule {
    struct zone_type std, dst;
    bool has_dst;
    struct rule_date start, end; /* of daylight saving */
};

struct cursor {
    const char *p, *end;
};

static bool take_char(struct cursor *c, char want)
{
    if (c->p == c->end || *c->p != want)
        return false;
    c->p++;
    return true;
}

static bool take_number(struct cursor *c, int32_t *out)
{
    if (c->p == c->end || *c->p < '0' || *c->p > '9')
        return false;
    int32_t v = 0;
    while (c->p < c->end && *c->p >= '0' && *c->p <= '9' && v < 100000)
        v = v * 10 + (*c->p++ - '0');
    *out = v;
    return true;
}

static bool take_abbrev(struct cursor *c, char out[TZ_ABBREV_MAX])
{
    size_t n = 0;
    bool quoted = take_char(c, '<');
    while (c->p < c->end) {
        char ch = *c->p;
        bool letter = (ch | 32) >= 'a' && (ch | 32) <= 'z';
        bool extra = quoted && ((ch >= '0' && ch <= '9') || ch == '+' || ch == '-');
        if (!letter && !extra)
            break;
        if (n + 1 < TZ_ABBREV_MAX)
            out[n++] = ch;
        c->p++;
    }
    out[n] = 0;
    return n >= 3 && (!quoted || take_char(c, '>'));
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool take_hms(struct cursor *c, int32_t *out)
{
    bool neg = take_char(c, '-');
    if (!neg)
        take_char(c, '+');
    int32_t h = 0, m = 0, s = 0;
    if (!take_number(c, &h))
        return false;
    if (take_char(c, ':') && !take_number(c, &m))
        return false;
    if (take_char(c, ':') && !take_number(c, &s))
        return false;
    if (h > 167 || m > 59 || s > 59)
        return false;
    *out = (h * 60 + m) * 60 + s;
    if (neg)
        *out = -*out;
    return true;
}

static bool take_rule_date(struct cursor *c, struct rule_date *d)
{
    *d = (struct rule_date){.seconds = 7200};
    if (take_char(c, 'M')) {
        d->kind = 'M';
        if (!take_number(c, &d->month) || !take_char(c, '.') || !take_number(c, &d->week) ||
            !take_char(c, '.') || !take_number(c, &d->day) || d->month < 1 || d->month > 12 ||
            d->week < 1 || d->week > 5 || d->day > 6)
            return false;
    } else {
        d->kind = take_char(c, 'J') ? 'J' : '0';
        if (!take_number(c, &d->day) || d->day > 365)
            return false;
    }
    return !take_char(c, '/') || take_hms(c, &d->seconds);
}

static bool parse_rule(const char *text, size_t len, struct rule *out)
{
    struct cursor c = {text, text + len};
    *out = (struct rule){0};
    int32_t west;
    if (!take_abbrev(&c, out->std.abbrev) || !take_hms(&c, &west))
        return false;
    out->std.seconds = -west;
    if (c.p == c.end)
        return true;
    if (!take_abbrev(&c, out->dst.abbrev))
        return false;
    out->has_dst = out->dst.dst = true;
    out->dst.seconds = out->std.seconds + 3600;
    if (c.p < c.end && *c.p != ',') {
        if (!take_hms(&c, &west))
            return false;
        out->dst.seconds = -west;
    }
    if (c.p == c.end) { /* the rule of the United States, as POSIX leaves it open */
        out->start = (struct rule_date){'M', 3, 2, 0, 7200};
        out->end = (struct rule_date){'M', 11, 1, 0, 7200};
        return true;
    }
    return take_char(&c, ',') && take_rule_date(&c, &out->start) && take_char(&c, ',') &&
           take_rule_date(&c, &out->end) && c.p == c.end;
}

/* Local seconds since 2000 at which a rule date falls in a year. */
static int64_t rule_instant(const struct rule_date *d, int32_t year)
{
    int32_t day;
    if (d->kind == 'M') {
        int32_t first = date_from_ymd(year, d->month, 1);
        day = first + (d->day - date_day_of_week(first) + 7) % 7 + (d->week - 1) * 7;
        if (day >= first + date_days_in_month(year, d->month))
            day -= 7;
    } else if (d->kind == 'J') {
        day = date_from_ymd(year, 1, 1) + d->day - 1 + (date_is_leap(year) && d->day >= 60);
    } else {
        day = date_from_ymd(year, 1, 1) + d->day;
    }
    return (int64_t)day * 86400 + d->seconds;
}

static void add_transition(struct tz *z, int64_t at, uint8_t to)
{
    if (z->n_transitions && at <= z->at[z->n_transitions - 1])
        return;
    z->at[z->n_transitions] = at;
    z->to[z->n_transitions++] = to;
}

/* 400 years of a rule's transitions: the calendar repeats after that. */
static void apply_rule(struct tz *z, const struct rule *r, int32_t from_year, uint8_t std,
                       uint8_t dst)
{
    for (int32_t y = from_year; y <= from_year + RULE_YEARS; y++) {
        int64_t start = rule_instant(&r->start, y) - r->std.seconds;
        int64_t end = rule_instant(&r->end, y) - r->dst.seconds;
        if (start < end) {
            add_transition(z, start, dst);
            add_transition(z, end, std);
        } else {
            add_transition(z, end, std);
            add_transition(z, start, dst);
        }
    }
    z->rule_after = true;
}

static uint8_t find_type(struct tz *z, const struct zone_type *t)
{
    for (uint32_t i = 0; i < z->n_types; i++)
        if (z->types[i].seconds == t->seconds && z->types[i].dst == t->dst &&
            strcmp(z->types[i].abbrev, t->abbrev) == 0)
            return (uint8_t)i;
    if (z->n_types == TYPES_MAX)
        return 0;
    z->types[z->n_types] = *t;
    return (uint8_t)z->n_types++;
}

static struct tz *new_zone(const char *name, uint32_t transitions, struct arena *arena)
{
    struct tz *z = arena_new(arena, struct tz);
    z->name = arena_strdup(arena, name);
    z->at = arena_array(arena, int64_t, transitions + 1);
    z->to = arena_array(arena, uint8_t, transitions + 1);
    return z;
}

/* ---- TZif --------------------------------------------------------------------------------------
 */

struct tzif_head {
    uint32_t isut, isstd, leap, times, types, chars;
};

static bool take_head(struct buf_reader *r, uint8_t *version, struct tzif_head *h)
{
    const uint8_t *magic = buf_take(r, 4);
    *version = buf_take_u8(r);
    buf_take(r, 15);
    h->isut = buf_take_be32(r);
    h->isstd = buf_take_be32(r);
    h->leap = buf_take_be32(r);
    h->times = buf_take_be32(r);
    h->types = buf_take_be32(r);
    h->chars = buf_take_be32(r);
    return magic && !r->bad && memcmp(magic, "TZif", 4) == 0 && h->times <= TRANSITIONS_MAX &&
           h->types >= 1 && h->types <= TYPES_MAX && h->chars <= 4096 && h->leap <= 4096;
}

static bool take_types(struct buf_reader *r, const struct tzif_head *h, struct tz *z)
{
    const uint8_t *infos = buf_take(r, (size_t)h->types * 6);
    const char *chars = (const char *)buf_take(r, h->chars);
    if (!infos || !chars)
        return false;
    for (uint32_t i = 0; i < h->types; i++) {
        struct zone_type *t = &z->types[i];
        t->seconds = (int32_t)load_be32(infos + 6 * i);
        t->dst = infos[6 * i + 4] != 0;
        uint32_t at = infos[6 * i + 5];
        for (uint32_t k = 0; at + k < h->chars && chars[at + k] && k + 1 < TZ_ABBREV_MAX; k++)
            t->abbrev[k] = chars[at + k];
    }
    z->n_types = h->types;
    return true;
}

static bool take_footer(struct buf_reader *r, struct tz *z)
{
    if (buf_take_u8(r) != '\n')
        return !r->bad || z->n_types;
    const char *text = (const char *)r->at;
    const char *end = memchr(text, '\n', buf_reader_left(r));
    struct rule rule;
    if (!end || end == text || !parse_rule(text, (size_t)(end - text), &rule))
        return true;
    uint8_t std = find_type(z, &rule.std);
    if (!rule.has_dst)
        return true;
    uint8_t dst = find_type(z, &rule.dst);
    int32_t year = 1970, month, day;
    if (z->n_transitions)
        date_to_ymd((int32_t)floor_div(z->at[z->n_transitions - 1], 86400), &year, &month, &day);
    apply_rule(z, &rule, year, std, dst);
    return true;
}

const struct tz *tz_parse(const char *name, const uint8_t *data, size_t len, struct arena *arena)
{
    struct buf_reader r = buf_reader_of(data, len);
    struct tzif_head h;
    uint8_t version;
    if (!take_head(&r, &version, &h))
        return NULL;
    size_t width = 4;
    if (version >= '2') { /* the 64-bit data follow the 32-bit ones */
        buf_take(&r, (size_t)h.times * 5 + h.types * 6 + h.chars + h.leap * 8 + h.isstd + h.isut);
        if (!take_head(&r, &version, &h))
            return NULL;
        width = 8;
    }
    struct tz *z = new_zone(name, h.times + 2 * (RULE_YEARS + 2), arena);
    z->types = arena_array(arena, struct zone_type, TYPES_MAX);
    const uint8_t *times = buf_take(&r, h.times * width);
    const uint8_t *to = buf_take(&r, h.times);
    if (r.bad || !take_types(&r, &h, z))
        return NULL;
    for (uint32_t i = 0; i < h.times; i++) {
        int64_t t =
            width == 8 ? (int64_t)load_be64(times + 8 * i) : (int32_t)load_be32(times + 4 * i);
        if (to[i] >= h.types)
            return NULL;
        if (t > -(INT64_C(1) << 55)) /* some files begin with the big bang */
            add_transition(z, t - UNIX_TO_2000, to[i]);
    }
    buf_take(&r, (size_t)h.leap * 12 + h.isstd + h.isut);
    z->first = 0;
    if (width == 8 && !r.bad)
        take_footer(&r, z);
    return z;
}

const struct tz *tz_posix(const char *spec, size_t len, struct arena *arena)
{
    struct rule rule;
    if (!parse_rule(spec, len, &rule))
        return NULL;
    struct tz *z = new_zone(arena_strndup(arena, spec, len), 2 * (RULE_YEARS + 2), arena);
    z->types = arena_array(arena, struct zone_type, 2);
    uint8_t std = find_type(z, &rule.std);
    if (rule.has_dst) {
        apply_rule(z, &rule, 1970, std, find_type(z, &rule.dst));
        z->rule_before = true;
    }
    return z;
}

const struct tz *tz_fixed(int32_t seconds, struct arena *arena)
{
    int32_t mag = abs(seconds), h = mag / 3600, m = mag / 60 % 60, s = mag % 60;
    char hms[16];
    struct buf text = {0};
    if (s)
        buf_printf(&text, "%02d:%02d:%02d", h, m, s);
    else if (m)
        buf_printf(&text, "%02d:%02d", h, m);
    else
        buf_printf(&text, "%02d", h);
    memcpy(hms, buf_text(&text), text.len + 1);
    buf_done(&text);
    char *name = arena_printf(arena, "<%c%s>%c%s", seconds < 0 ? '-' : '+', hms,
                              seconds < 0 ? '+' : '-', hms);
    struct tz *z = new_zone(name, 0, arena);
    z->types = arena_array(arena, struct zone_type, 1);
    z->types[0].seconds = seconds;
    z->types[0].abbrev[0] = seconds < 0 ? '-' : '+';
    memcpy(z->types[0].abbrev + 1, hms,
           strlen(hms) < TZ_ABBREV_MAX - 2 ? strlen(hms) : TZ_ABBREV_MAX - 2);
    z->n_types = 1;
    return z;
}

/* ---- answers -----------------------------------------------------------------------------------
 */

/* Moves a time into the part of the table that repeats; *shift is what was taken off. */
static int64_t fold_time(const struct tz *z, int64_t t, int64_t *shift)
{
    *shift = 0;
    if (z->n_transitions < 2)
        return t;
    int64_t last = z->at[z->n_transitions - 1];
    if (z->rule_after && t >= last)
        *shift = (floor_div(t - last, SECONDS_400_YEARS) + 1) * SECONDS_400_YEARS;
    else if (z->rule_before && t < z->at[0] + 366 * INT64_C(86400))
        *shift =
            floor_div(t - z->at[0] - 366 * INT64_C(86400), SECONDS_400_YEARS) * SECONDS_400_YEARS;
    return t - *shift;
}

/* Index of the last transition at or before t, -1 = before the first. */
static int64_t find_transition(const struct tz *z, int64_t t)
{
    int64_t lo = 0, hi = z->n_transitions;
    while (lo < hi) {
        int64_t mid = (lo + hi) / 2;
        if (z->at[mid] <= t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo - 1;
}

static const struct zone_type *type_after(const struct tz *z, int64_t i)
{
    return &z->types[i < 0 ? z->first : z->to[i]];
}

static struct tz_offset offset_of(const struct zone_type *t)
{
    return (struct tz_offset){.seconds = t->seconds, .dst = t->dst, .abbrev = t->abbrev};
}

struct tz_offset tz_at(const struct tz *zone, int64_t instant_us)
{
    if (!zone)
        return (struct tz_offset){.seconds = 0, .abbrev = "UTC"};
    int64_t shift, t = fold_time(zone, floor_div(instant_us, US_PER_SEC), &shift);
    return offset_of(type_after(zone, find_transition(zone, t)));
}

struct tz_offset tz_at_local(const struct tz *zone, int64_t local_us)
{
    if (!zone)
        return (struct tz_offset){.seconds = 0, .abbrev = "UTC"};
    int64_t local = floor_div(local_us, US_PER_SEC), shift;
    /* The transition that could matter is the first one after the day before. */
    int64_t folded = fold_time(zone, local - 86400, &shift);
    int64_t before_at = find_transition(zone, folded);
    const struct zone_type *before = type_after(zone, before_at);
    if (before_at + 1 >= zone->n_transitions)
        return offset_of(before);
    int64_t boundary = zone->at[before_at + 1] + shift;
    const struct zone_type *after = type_after(zone, before_at + 1);
    int64_t as_before = local - before->seconds, as_after = local - after->seconds;
    if (as_before < boundary && as_after < boundary)
        return offset_of(before);
    if (as_before >= boundary && as_after >= boundary)
        return offset_of(after);
    /* Skipped hour: the offset before the jump; repeated hour: the one after it. */
    return offset_of(as_before > as_after ? before : after);
}

/* ---- abbreviations ------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    int32_t seconds;
    bool dst;
} abbrevs[] = {
#define ZONE(name, seconds, dst) {name, seconds, dst},
#include "types/type/tz_abbrev.def"
#undef ZONE
};

bool tz_abbrev(const char *name, size_t len, int32_t *seconds_east, bool *dst)
{
    for (size_t i = 0; i < sizeof abbrevs / sizeof *abbrevs; i++) {
        if (strlen(abbrevs[i].name) != len || strncasecmp(abbrevs[i].name, name, len) != 0)
            continue;
        *seconds_east = abbrevs[i].seconds;
        *dst = abbrevs[i].dst;
        return true;
    }
    return false;
}
