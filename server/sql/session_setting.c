#include "server/sql/session_setting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "base/lock.h"
#include "server/sql/session.h"
#include "types/type/tz.h"

/* ---- zones -------------------------------------------------------------------------------------
 */

struct zone_cache {
    struct env *env;
    struct lock lock;
    struct arena arena;
    struct hashmap zones; /* lower-case name -> struct zone_entry */
};
struct zone_entry {
    const struct tz *zone; /* NULL: looked for, not there */
};

struct zone_cache *zone_cache_create(struct env *env)
{
    struct zone_cache *zones = calloc(1, sizeof *zones);
    zones->env = env;
    lock_init(&zones->lock);
    arena_init(&zones->arena, NULL);
    hashmap_init(&zones->zones);
    return zones;
}

void zone_cache_destroy(struct zone_cache *zones)
{
    hashmap_done(&zones->zones);
    arena_done(&zones->arena);
    lock_done(&zones->lock);
    free(zones);
}

/* "europe/berlin" -> "Europe/Berlin", "etc/gmt+3" -> "Etc/GMT+3": the files' names are mixed case,
 * PostgreSQL's look-up is not. */
static void guess_spelling(const char *lower, size_t len, char *out)
{
    bool start = true;
    for (size_t i = 0; i < len; i++) {
        char c = lower[i];
        out[i] = start && c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
        start = c == '/' || c == '_' || c == '-';
    }
    out[len] = 0;
}

/* A small file, nearly always in the page cache: read where it is needed first, once a node. */
static const struct tz *read_zone(struct zone_cache *zones, const char *name, size_t len)
{
    struct task thread;
    task_init_thread(&thread, zones->env);
    char tries[3][80];
    memcpy(tries[0], name, len);
    tries[0][len] = 0;
    for (size_t i = 0; i <= len; i++)
        tries[1][i] =
            (char)(tries[0][i] >= 'a' && tries[0][i] <= 'z' ? tries[0][i] - 32 : tries[0][i]);
    char lower[80];
    for (size_t i = 0; i <= len; i++)
        lower[i] =
            (char)(tries[0][i] >= 'A' && tries[0][i] <= 'Z' ? tries[0][i] + 32 : tries[0][i]);
    guess_spelling(lower, len, tries[2]);
    const struct tz *zone = NULL;
    for (int i = 0; i < 3 && !zone; i++) {
        struct buf data = {0};
        enum fs_result result;
        struct err err;
        if (!env_zoneinfo(&thread, tries[i], &data, &result, &err) && result == FS_OK)
            zone = tz_parse(tries[i], data.data, data.len, &zones->arena);
        buf_done(&data);
    }
    if (!zone)
        zone = tz_posix(name, len, &zones->arena);
    return zone;
}

const struct tz *zone_cache_find(struct zone_cache *zones, const char *name, size_t len)
{
    if (!len || len >= 64)
        return NULL;
    lock_take(&zones->lock);
    struct zone_entry *entry = hashmap_get(&zones->zones, name, len);
    if (!entry && zones->zones.count < 4096) {
        entry = arena_new(&zones->arena, struct zone_entry);
        entry->zone = read_zone(zones, name, len);
        hashmap_put(&zones->zones, arena_memdup(&zones->arena, name, len), len, entry);
    }
    const struct tz *zone = entry ? entry->zone : NULL;
    lock_give(&zones->lock);
    return zone;
}

/* An offset, seconds east of Greenwich. */
static const struct tz *zone_cache_fixed(struct zone_cache *zones, int32_t seconds)
{
    char name[32];
    size_t len = (size_t)snprintf(name, sizeof name, "\001%d", seconds);
    lock_take(&zones->lock);
    struct zone_entry *entry = hashmap_get(&zones->zones, name, len);
    if (!entry) {
        entry = arena_new(&zones->arena, struct zone_entry);
        entry->zone = tz_fixed(seconds, &zones->arena);
        hashmap_put(&zones->zones, arena_memdup(&zones->arena, name, len), len, entry);
    }
    lock_give(&zones->lock);
    return entry->zone;
}

/* ---- snapshots ---- */

static uint64_t hash_for_plans(const struct session_settings *s)
{
    uint64_t h = hash_bytes(s->s.TimeZone, strlen(s->s.TimeZone), 1);
    h = hash_bytes(s->s.DateStyle, strlen(s->s.DateStyle), h);
    const int64_t numbers[] = {s->s.IntervalStyle,      s->s.bytea_output,
                               s->s.extra_float_digits, s->s.standard_conforming_strings,
                               s->s.unnest_subqueries,  s->s.transform_null_equals};
    return hash_bytes(numbers, sizeof numbers, h);
}

static void derive(struct session_settings *s, const struct tz *zone)
{
    static const char *const styles[] = {"ISO", "SQL", "Postgres", "German"};
    static const char *const orders[] = {"MDY", "DMY", "YMD"};
    s->env.zone = zone;
    for (uint8_t i = 0; i < 4; i++)
        if (strncmp(s->s.DateStyle, styles[i], strlen(styles[i])) == 0)
            s->env.date_style = i;
    for (uint8_t i = 0; i < 3; i++)
        if (strstr(s->s.DateStyle, orders[i]))
            s->env.date_order = i;
    s->env.interval_style = (uint8_t)s->s.IntervalStyle;
    s->env.bytea_output = (uint8_t)s->s.bytea_output;
    s->env.float_digits_less =
        s->s.extra_float_digits >= 1 ? 0 : (int8_t)(1 - s->s.extra_float_digits);
    s->plan_hash = hash_for_plans(s);
}

struct session_settings *session_settings_create(void)
{
    struct session_settings *s = calloc(1, sizeof *s);
    s->refs = 1;
    settings_init(&s->s);
    derive(s, NULL);
    return s;
}

struct session_settings *session_settings_ref(struct session_settings *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void session_settings_unref(struct session_settings *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (uint32_t i = 0; i < s->n_custom; i++) {
        free(s->custom[i].name);
        free(s->custom[i].value);
    }
    free(s->custom);
    free(s);
}

static struct session_settings *copy_settings(const struct session_settings *from)
{
    struct session_settings *s = calloc(1, sizeof *s);
    s->refs = 1;
    s->s = from->s;
    s->env = from->env;
    s->plan_hash = from->plan_hash;
    s->n_custom = from->n_custom;
    s->custom = calloc(from->n_custom + 1, sizeof *s->custom);
    for (uint32_t i = 0; i < from->n_custom; i++)
        s->custom[i] =
            (struct session_custom){strdup(from->custom[i].name), strdup(from->custom[i].value)};
    return s;
}

/* ---- values with a spelling of their own ---- */

static int refuse(const char *name, const char *value, struct err *err)
{
    return err_set(err, ERR_INVALID_PARAMETER_VALUE, "invalid value for parameter \"%s\": \"%s\"",
                   name, value);
}

/* Words of any order and case: a style, an order, or both. */
static int spell_date_style(const char *value, const char *before, char *out, struct err *err)
{
    static const struct {
        const char *word, *style, *order;
    } words[] = {{"iso", "ISO", NULL},
                 {"sql", "SQL", NULL},
                 {"postgres", "Postgres", NULL},
                 {"postgresql", "Postgres", NULL},
                 {"german", "German", "DMY"},
                 {"ymd", NULL, "YMD"},
                 {"dmy", NULL, "DMY"},
                 {"euro", NULL, "DMY"},
                 {"european", NULL, "DMY"},
                 {"mdy", NULL, "MDY"},
                 {"us", NULL, "MDY"},
                 {"noneuro", NULL, "MDY"},
                 {"noneuropean", NULL, "MDY"},
                 {"default", "ISO", "MDY"}};
    char style[16], order[8];
    snprintf(style, sizeof style, "%.*s", (int)strcspn(before, ","), before);
    const char *comma = strchr(before, ' ');
    snprintf(order, sizeof order, "%s", comma ? comma + 1 : "MDY");
    bool order_given = false;
    for (const char *p = value; *p;) {
        size_t n = strcspn(p, ", \t");
        bool known = n == 0;
        for (size_t i = 0; i < sizeof words / sizeof *words && n; i++) {
            if (strlen(words[i].word) != n || strncasecmp(words[i].word, p, n))
                continue;
            known = true;
            if (words[i].style)
                snprintf(style, sizeof style, "%s", words[i].style);
            if (words[i].order && (!words[i].style || !order_given))
                snprintf(order, sizeof order, "%s", words[i].order);
            order_given |= words[i].order && !words[i].style;
        }
        if (!known)
            return refuse("DateStyle", value, err);
        p += n + (p[n] != 0);
    }
    snprintf(out, SETTING_TEXT_MAX, "%s, %s", style, order);
    return 0;
}

static int spell_zone(const char *value, struct zone_cache *zones, const struct tz **zone,
                      char *out, struct err *err)
{
    char *end;
    double hours = strtod(value, &end);
    if (end != value && !*end) {
        if (hours < -168 || hours > 168)
            return refuse("TimeZone", value, err);
        *zone = zone_cache_fixed(zones, (int32_t)(hours * 3600));
        snprintf(out, SETTING_TEXT_MAX, "%s", tz_name(*zone));
        return 0;
    }
    if (strcasecmp(value, "utc") == 0 || strcasecmp(value, "default") == 0 ||
        strcasecmp(value, "local") == 0) {
        *zone = NULL;
        snprintf(out, SETTING_TEXT_MAX, "UTC");
        return 0;
    }
    *zone = zone_cache_find(zones, value, strlen(value));
    if (!*zone)
        return refuse("TimeZone", value, err);
    const char *name = tz_name(*zone);
    snprintf(out, SETTING_TEXT_MAX, "%s", name ? name : value);
    return 0;
}

static int spell_encoding(const char *value, char *out, struct err *err)
{
    if (strcasecmp(value, "utf8") && strcasecmp(value, "utf-8") && strcasecmp(value, "unicode") &&
        strcasecmp(value, "sql_ascii") && strcasecmp(value, "default")) {
        refuse("client_encoding", value, err);
        return err_detail(err, "Only UTF8 is supported.");
    }
    snprintf(out, SETTING_TEXT_MAX, "UTF8");
    return 0;
}

static int spell_value(struct session_settings *s, enum setting which, const char *value,
                       const struct tz **zone, struct zone_cache *zones, char *out, struct err *err)
{
    switch (which) {
    case SETTING_ID_DateStyle:
        return spell_date_style(value, s->s.DateStyle, out, err);
    case SETTING_ID_TimeZone:
        return spell_zone(value, zones, zone, out, err);
    case SETTING_ID_client_encoding:
        return spell_encoding(value, out, err);
    case SETTING_ID_search_path:
        if (!session_settings_list(value, NULL, NULL)) {
            refuse("search_path", value, err);
            return err_detail(err, "List syntax is invalid.");
        }
        break;
    case SETTING_ID_default_transaction_isolation:
    case SETTING_ID_transaction_isolation:
        if (strcasecmp(value, "serializable") == 0)
            return err_set(err, ERR_FEATURE_NOT_SUPPORTED,
                           "isolation level SERIALIZABLE is not supported");
        break;
    default:
        break;
    }
    if (strlen(value) >= SETTING_TEXT_MAX) {
        if (which != SETTING_ID_application_name)
            return err_set(err, ERR_INVALID_PARAMETER_VALUE,
                           "value for parameter \"%s\" is longer than %d bytes",
                           setting_info(which)->name, SETTING_TEXT_MAX - 1);
        snprintf(out, SETTING_TEXT_MAX, "%.63s", value);
        return 0;
    }
    /* Words that PostgreSQL takes besides the listed ones. */
    bool is_true =
        strcasecmp(value, "true") == 0 || strcasecmp(value, "yes") == 0 || strcmp(value, "1") == 0;
    if (which == SETTING_ID_synchronous_commit && is_true)
        value = "on";
    snprintf(out, SETTING_TEXT_MAX, "%s", value);
    return 0;
}

/* ---- parameters of the user's own ---- */

static const struct session_custom *find_custom(const struct session_settings *s, const char *name)
{
    for (uint32_t i = 0; i < s->n_custom; i++)
        if (strcasecmp(s->custom[i].name, name) == 0)
            return &s->custom[i];
    return NULL;
}

static void put_custom(struct session_settings *s, const char *name, const char *value)
{
    struct session_custom *at = (struct session_custom *)find_custom(s, name);
    if (at) {
        free(at->value);
        at->value = strdup(value);
        return;
    }
    s->custom = realloc(s->custom, (s->n_custom + 1) * sizeof *s->custom);
    uint32_t i = s->n_custom++;
    for (; i > 0 && strcasecmp(s->custom[i - 1].name, name) > 0; i--)
        s->custom[i] = s->custom[i - 1];
    s->custom[i] = (struct session_custom){strdup(name), strdup(value)};
}

static int set_custom(const struct session_settings *from, const char *name, const char *value,
                      struct session_settings **out, struct err *err)
{
    if (!strchr(name, '.'))
        return err_set(err, ERR_UNDEFINED_OBJECT, "unrecognized configuration parameter \"%s\"",
                       name);
    if (strlen(name) > 127 || (value && strlen(value) > 65536))
        return err_set(err, ERR_INVALID_PARAMETER_VALUE, "parameter \"%.63s...\" is too long",
                       name);
    if (from->n_custom >= 256 && !find_custom(from, name))
        return err_set(err, ERR_CONFIGURATION_LIMIT_EXCEEDED, "too many configuration parameters");
    *out = copy_settings(from);
    put_custom(*out, name, value ? value : "");
    return 0;
}

/* ---- changing, showing ---- */

static const char *resolve_alias(const char *name)
{
    return strcasecmp(name, "time zone") == 0 ? "TimeZone" : name;
}

int session_settings_with(const struct session_settings *from, const struct session_settings *start,
                          const char *name, const char *value, struct zone_cache *zones,
                          struct session_settings **out, struct err *err)
{
    name = resolve_alias(name);
    int which = setting_find(name);
    if (which < 0) {
        const struct session_custom *at_start = value ? NULL : find_custom(start, name);
        return set_custom(from, name, value ? value : at_start ? at_start->value : NULL, out, err);
    }
    char text[SETTING_TEXT_MAX], spelled[SETTING_TEXT_MAX];
    if (!value) {
        setting_show(&start->s, (enum setting)which, text, sizeof text);
        value = text;
    }
    struct session_settings *next = copy_settings(from);
    const struct tz *zone = from->env.zone;
    int rc = spell_value(next, (enum setting)which, value, &zone, zones, spelled, err);
    if (!rc)
        rc = settings_with(&from->s, (enum setting)which, spelled, WHEN_REPORT, &next->s, err);
    if (rc) {
        session_settings_unref(next);
        return rc;
    }
    derive(next, zone);
    *out = next;
    return 0;
}

bool session_settings_show(const struct session_settings *s, const char *name, struct buf *out,
                           const char **spelled)
{
    name = resolve_alias(name);
    int which = setting_find(name);
    if (which < 0) {
        const struct session_custom *custom = find_custom(s, name);
        if (!custom)
            return false;
        buf_put_text(out, custom->value);
        if (spelled)
            *spelled = custom->name;
        return true;
    }
    char text[SETTING_TEXT_MAX];
    setting_show(&s->s, (enum setting)which, text, sizeof text);
    buf_put_text(out, text);
    if (spelled)
        *spelled = setting_info((enum setting)which)->name;
    return true;
}

bool session_settings_list(const char *text, void (*item)(void *ctx, const char *name), void *ctx)
{
    const char *p = text;
    bool first = true;
    for (;;) {
        while (*p == ' ' || *p == '\t' || *p == '\n')
            p++;
        if (!*p)
            return first;
        char name[128];
        size_t n = 0;
        bool quoted = *p == '"';
        p += quoted;
        while (*p && n + 1 < sizeof name) {
            if (quoted && *p == '"') {
                if (p[1] != '"')
                    break;
                p++;
            } else if (!quoted && (*p == ',' || *p == ' ' || *p == '\t')) {
                break;
            }
            name[n++] = quoted || *p < 'A' || *p > 'Z' ? *p : (char)(*p + 32);
            p++;
        }
        name[n] = 0;
        if ((quoted && *p++ != '"') || (!quoted && !n))
            return false;
        if (item)
            item(ctx, name);
        while (*p == ' ' || *p == '\t')
            p++;
        first = false;
        if (!*p)
            return true;
        if (*p++ != ',')
            return false;
        if (!*p)
            return false;
    }
}

/* ---- on a session ---- */

static void take_over(struct session_settings **at, struct session_settings *next)
{
    session_settings_unref(*at);
    *at = next;
}

int session_setting_set(struct session *s, const char *name, const char *value, bool local,
                        struct err *err)
{
    struct session_settings *next, *kept = NULL;
    int rc = session_settings_with(s->settings, s->settings_start, name, value, s->node->zones,
                                   &next, err);
    if (!rc && !local && s->settings_session != s->settings) {
        rc = session_settings_with(s->settings_session, s->settings_start, name, value,
                                   s->node->zones, &kept, err);
        if (rc)
            session_settings_unref(next);
    }
    if (rc)
        return rc;
    if (!local)
        take_over(&s->settings_session, kept ? kept : session_settings_ref(next));
    take_over(&s->settings, next);
    s->type_env = s->settings->env;
    return 0;
}

void session_setting_report(struct session *s)
{
    int n = 0;
    if (s->reported_settings == s->settings || !s->started)
        return;
    session_settings_unref(s->reported_settings);
    s->reported_settings = session_settings_ref(s->settings);
    for (int i = 0; i < SETTING_COUNT; i++) {
        const struct setting_info *info = setting_info((enum setting)i);
        if (info->when != WHEN_REPORT)
            continue;
        char text[SETTING_TEXT_MAX];
        setting_show(&s->settings->s, (enum setting)i, text, sizeof text);
        char **told = &s->reported[n++];
        if (*told && strcmp(*told, text) == 0)
            continue;
        free(*told);
        *told = strdup(text);
        s->client->ops->parameter(s->client, info->name, text);
    }
}
