#include "base/setting.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct setting_info infos[SETTING_COUNT] = {
#define SETTING_DEF_BOOL(n, v, w, d)                                                               \
    [SETTING_ID_##n] = {.name = #n,                                                                \
                        .type = SETTING_BOOL,                                                      \
                        .when = w,                                                                 \
                        .int_default = v,                                                          \
                        .int_max = 1,                                                              \
                        .doc = d,                                                                  \
                        .offset = offsetof(struct settings, n)},
#define SETTING_DEF_INT(n, v, lo, hi, u, w, d)                                                     \
    [SETTING_ID_##n] = {.name = #n,                                                                \
                        .type = SETTING_INT,                                                       \
                        .unit = u,                                                                 \
                        .when = w,                                                                 \
                        .int_default = v,                                                          \
                        .int_min = lo,                                                             \
                        .int_max = hi,                                                             \
                        .doc = d,                                                                  \
                        .offset = offsetof(struct settings, n)},
#define SETTING_DEF_REAL(n, v, lo, hi, w, d)                                                       \
    [SETTING_ID_##n] = {.name = #n,                                                                \
                        .type = SETTING_REAL,                                                      \
                        .when = w,                                                                 \
                        .real_default = v,                                                         \
                        .real_min = lo,                                                            \
                        .real_max = hi,                                                            \
                        .doc = d,                                                                  \
                        .offset = offsetof(struct settings, n)},
#define SETTING_DEF_TEXT(n, v, w, d)                                                               \
    [SETTING_ID_##n] = {.name = #n,                                                                \
                        .type = SETTING_TEXT,                                                      \
                        .when = w,                                                                 \
                        .text_default = v,                                                         \
                        .doc = d,                                                                  \
                        .offset = offsetof(struct settings, n)},
#define SETTING_DEF_ENUM(n, v, c, w, d)                                                            \
    [SETTING_ID_##n] = {.name = #n,                                                                \
                        .type = SETTING_ENUM,                                                      \
                        .when = w,                                                                 \
                        .int_default = v,                                                          \
                        .choices = c,                                                              \
                        .doc = d,                                                                  \
                        .offset = offsetof(struct settings, n)},
#include "base/setting_expand.h"
};

static void *field(struct settings *s, const struct setting_info *info)
{
    return (char *)s + info->offset;
}

static const void *const_field(const struct settings *s, const struct setting_info *info)
{
    return (const char *)s + info->offset;
}

const struct setting_info *setting_info(enum setting which)
{
    return &infos[which];
}

int setting_find(const char *name)
{
    for (int i = 0; i < SETTING_COUNT; i++)
        if (strcasecmp(infos[i].name, name) == 0)
            return i;
    return -1;
}

void settings_reset_one(struct settings *s, enum setting which)
{
    const struct setting_info *info = &infos[which];
    void *at = field(s, info);
    switch (info->type) {
    case SETTING_BOOL:
        *(bool *)at = info->int_default != 0;
        break;
    case SETTING_INT:
        *(int64_t *)at = info->int_default;
        break;
    case SETTING_REAL:
        *(double *)at = info->real_default;
        break;
    case SETTING_ENUM:
        *(int *)at = (int)info->int_default;
        break;
    case SETTING_TEXT:
        memset(at, 0, SETTING_TEXT_MAX);
        snprintf(at, SETTING_TEXT_MAX, "%s", info->text_default);
        break;
    }
}

void settings_init(struct settings *out)
{
    memset(out, 0, sizeof *out);
    for (int i = 0; i < SETTING_COUNT; i++)
        settings_reset_one(out, (enum setting)i);
}

/* ---- reading values ---- */

/* PostgreSQL's words for booleans, any unique prefix, any case. */
static bool parse_bool(const char *text, bool *out)
{
    static const struct {
        const char *word;
        size_t shortest;
        bool value;
    } words[] = {
        {"true", 1, true}, {"false", 1, false}, {"yes", 1, true}, {"no", 1, false},
        {"on", 2, true},   {"off", 2, false},   {"1", 1, true},   {"0", 1, false},
    };
    size_t n = strlen(text);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (n >= words[i].shortest && n <= strlen(words[i].word) &&
            strncasecmp(text, words[i].word, n) == 0) {
            *out = words[i].value;
            return true;
        }
    return false;
}

struct unit_name {
    const char *name;
    bool time;
    double scale; /* in bytes or microseconds */
};

static const struct unit_name unit_names[] = {
    {"TB", false, 1024.0 * 1024 * 1024 * 1024},
    {"GB", false, 1024.0 * 1024 * 1024},
    {"MB", false, 1024.0 * 1024},
    {"kB", false, 1024.0},
    {"B", false, 1.0},
    {"d", true, 86400e6},
    {"h", true, 3600e6},
    {"min", true, 60e6},
    {"s", true, 1e6},
    {"ms", true, 1e3},
    {"us", true, 1.0},
};
enum { UNIT_NAME_COUNT = sizeof unit_names / sizeof *unit_names };

static double unit_scale(enum setting_unit unit)
{
    switch (unit) {
    case UNIT_KB:
        return 1024.0;
    case UNIT_MS:
        return 1e3;
    case UNIT_S:
        return 1e6;
    default:
        return 1.0;
    }
}

static bool is_time_unit(enum setting_unit unit)
{
    return unit == UNIT_US || unit == UNIT_MS || unit == UNIT_S;
}

/* "64MB", "1.5 s", "-1": the number in the setting's unit. */
static bool parse_number(const char *text, enum setting_unit unit, double *out)
{
    char *end;
    errno = 0;
    double v = strtod(text, &end);
    if (end == text || errno == ERANGE || !isfinite(v))
        return false;
    while (*end == ' ')
        end++;
    if (!*end) {
        *out = v;
        return true;
    }
    if (unit == UNIT_NONE)
        return false;
    for (int i = 0; i < UNIT_NAME_COUNT; i++) {
        const struct unit_name *u = &unit_names[i];
        if (u->time == is_time_unit(unit) && strcmp(end, u->name) == 0) {
            *out = v * u->scale / unit_scale(unit);
            return true;
        }
    }
    return false;
}

static int find_choice(const char *choices, const char *text)
{
    size_t n = strlen(text);
    int at = 0;
    for (const char *p = choices; *p; at++) {
        size_t len = strcspn(p, "|");
        if (len == n && strncasecmp(p, text, n) == 0)
            return at;
        p += len + (p[len] == '|');
    }
    return -1;
}

static const char *unit_suffix(enum setting_unit unit)
{
    static const char *const names[] = {"", " B", " kB", " us", " ms", " s"};
    return names[unit];
}

static int report_value(const struct setting_info *info, const char *text, struct err *err)
{
    return err_set(err, ERR_INVALID_PARAMETER_VALUE, "invalid value for parameter \"%s\": \"%s\"",
                   info->name, text);
}

static int set_int(const struct setting_info *info, const char *text, int64_t *out, struct err *err)
{
    double v;
    if (!parse_number(text, info->unit, &v)) {
        report_value(info, text, err);
        if (info->unit == UNIT_NONE)
            return err->code;
        return err_hint(err, "Valid units for this parameter are %s.",
                        is_time_unit(info->unit)
                            ? "\"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\""
                            : "\"B\", \"kB\", \"MB\", \"GB\", and \"TB\"");
    }
    v = rint(v);
    if (v < (double)info->int_min || v > (double)info->int_max)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE,
                       "%.0f%s is outside the valid range for parameter \"%s\" (%lld .. %lld)", v,
                       unit_suffix(info->unit), info->name, (long long)info->int_min,
                       (long long)info->int_max);
    *out = (int64_t)v;
    return 0;
}

static int set_real(const struct setting_info *info, const char *text, double *out, struct err *err)
{
    double v;
    if (!parse_number(text, UNIT_NONE, &v))
        return report_value(info, text, err);
    if (v < info->real_min || v > info->real_max)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE,
                       "%g is outside the valid range for parameter \"%s\" (%g .. %g)", v,
                       info->name, info->real_min, info->real_max);
    *out = v;
    return 0;
}

static int set_enum(const struct setting_info *info, const char *text, int *out, struct err *err)
{
    int at = find_choice(info->choices, text);
    if (at >= 0) {
        *out = at;
        return 0;
    }
    report_value(info, text, err);
    char list[200];
    size_t n = 0;
    for (const char *p = info->choices; *p && n + 3 < sizeof list; p++) {
        if (*p == '|') {
            list[n++] = ',';
            list[n++] = ' ';
        } else {
            list[n++] = *p;
        }
    }
    list[n] = 0;
    return err_hint(err, "Available values: %s.", list);
}

static int set_text(const struct setting_info *info, const char *text, char *out, struct err *err)
{
    if (strlen(text) >= SETTING_TEXT_MAX)
        return err_set(err, ERR_INVALID_PARAMETER_VALUE,
                       "value for parameter \"%s\" is longer than %d bytes", info->name,
                       SETTING_TEXT_MAX - 1);
    memset(out, 0, SETTING_TEXT_MAX);
    memcpy(out, text, strlen(text));
    return 0;
}

static int check_allowed(const struct setting_info *info, enum setting_when allowed,
                         struct err *err)
{
    if (info->when == WHEN_FIXED)
        return err_set(err, ERR_CANT_CHANGE_RUNTIME_PARAM, "parameter \"%s\" cannot be changed",
                       info->name);
    if (info->when == WHEN_RESTART && allowed < WHEN_RESTART)
        return err_set(err, ERR_CANT_CHANGE_RUNTIME_PARAM,
                       "parameter \"%s\" cannot be changed without restarting the server",
                       info->name);
    if (info->when == WHEN_CLUSTER && allowed < WHEN_CLUSTER)
        return err_set(err, ERR_CANT_CHANGE_RUNTIME_PARAM, "parameter \"%s\" cannot be changed now",
                       info->name);
    return 0;
}

int settings_with(const struct settings *from, enum setting which, const char *text,
                  enum setting_when allowed, struct settings *out, struct err *err)
{
    const struct setting_info *info = &infos[which];
    int rc = check_allowed(info, allowed, err);
    if (rc)
        return rc;
    struct settings next = *from;
    void *at = field(&next, info);
    switch (info->type) {
    case SETTING_BOOL:
        if (!parse_bool(text, at))
            rc = err_set(err, ERR_INVALID_PARAMETER_VALUE,
                         "parameter \"%s\" requires a Boolean value", info->name);
        break;
    case SETTING_INT:
        rc = set_int(info, text, at, err);
        break;
    case SETTING_REAL:
        rc = set_real(info, text, at, err);
        break;
    case SETTING_ENUM:
        rc = set_enum(info, text, at, err);
        break;
    case SETTING_TEXT:
        rc = set_text(info, text, at, err);
        break;
    }
    if (!rc)
        *out = next;
    return rc;
}

/* ---- printing ---- */

static void show_int(const struct setting_info *info, int64_t v, char *out, size_t size)
{
    if (info->unit == UNIT_NONE || v <= 0) {
        snprintf(out, size, "%lld", (long long)v);
        return;
    }
    double scale = unit_scale(info->unit);
    for (int i = 0; i < UNIT_NAME_COUNT; i++) {
        const struct unit_name *u = &unit_names[i];
        if (u->time != is_time_unit(info->unit) || u->scale < scale)
            continue;
        int64_t per = (int64_t)(u->scale / scale);
        if (v % per == 0) {
            snprintf(out, size, "%lld%s", (long long)(v / per), u->name);
            return;
        }
    }
}

void setting_show(const struct settings *settings, enum setting which, char *out, size_t size)
{
    const struct setting_info *info = &infos[which];
    const void *at = const_field(settings, info);
    switch (info->type) {
    case SETTING_BOOL:
        snprintf(out, size, "%s", *(const bool *)at ? "on" : "off");
        break;
    case SETTING_INT:
        show_int(info, *(const int64_t *)at, out, size);
        break;
    case SETTING_REAL:
        snprintf(out, size, "%g", *(const double *)at);
        break;
    case SETTING_TEXT:
        snprintf(out, size, "%s", (const char *)at);
        break;
    case SETTING_ENUM: {
        const char *p = info->choices;
        for (int skip = *(const int *)at; skip > 0; skip--)
            p += strcspn(p, "|") + 1;
        snprintf(out, size, "%.*s", (int)strcspn(p, "|"), p);
        break;
    }
    }
}

/* ---- files ---- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Takes 'quoted text' ('' is a quote) or a bare word. False when it does not end. */
static bool take_value(const char **at, const char *end, char *out, size_t size)
{
    const char *p = *at;
    size_t n = 0;
    bool quoted = p < end && *p == '\'';
    p += quoted;
    while (p < end && n + 1 < size) {
        if (quoted && *p == '\'') {
            if (p + 1 < end && p[1] == '\'') {
                p++;
            } else {
                out[n] = 0;
                *at = p + 1;
                return true;
            }
        } else if (!quoted && (is_space(*p) || *p == '#')) {
            break;
        }
        out[n++] = *p++;
    }
    out[n] = 0;
    *at = p;
    return !quoted && n > 0 && n + 1 < size;
}

static int parse_line(struct settings *s, const char *p, const char *end, int line, struct err *err)
{
    char name[64], value[SETTING_TEXT_MAX];
    while (p < end && is_space(*p))
        p++;
    if (p == end || *p == '#')
        return 0;
    size_t n = 0;
    while (p < end && !is_space(*p) && *p != '=' && n + 1 < sizeof name)
        name[n++] = *p++;
    name[n] = 0;
    while (p < end && (is_space(*p) || *p == '='))
        p++;
    bool ok = take_value(&p, end, value, sizeof value);
    while (p < end && is_space(*p))
        p++;
    if (!ok || (p < end && *p != '#'))
        return err_set(err, ERR_CONFIG_FILE_ERROR, "syntax error in settings file, line %d", line);
    int which = setting_find(name);
    if (which < 0)
        return err_set(err, ERR_CONFIG_FILE_ERROR,
                       "unrecognized configuration parameter \"%s\" in settings file, line %d",
                       name, line);
    return settings_with(s, (enum setting)which, value, WHEN_RESTART, s, err);
}

int settings_parse_file(const struct settings *from, const char *text, size_t len,
                        struct settings *out, struct err *err)
{
    struct settings s = *from;
    const char *p = text, *end = text + len;
    for (int line = 1; p < end; line++) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        if (!eol)
            eol = end;
        int rc = parse_line(&s, p, eol, line, err);
        if (rc)
            return rc;
        p = eol < end ? eol + 1 : end;
    }
    *out = s;
    return 0;
}
