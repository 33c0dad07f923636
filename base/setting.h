/* setting.h: typed settings.
 *
 * Every setting is a line of setting.def: name, type, default, range, unit, when a change takes
 * effect, and one line of documentation. From it come the struct below
 * (settings->statement_timeout_ms, ...), the enum, SHOW, SET, pg_settings and the reference in
 * docs/.
 *
 * A `struct settings` is a complete, immutable set of values. A statement takes a pointer to the
 * snapshot of its session when it starts and reads only that. Changing one makes a new snapshot
 * (settings_with); layers (built-in, file, cluster, role, session, transaction) are applied in
 * order by their owner.
 *
 * Text forms are PostgreSQL's: on/off/true/false/yes/no/1/0 and unique prefixes; integers with
 * units B kB MB GB TB us ms s min h d; SHOW prints the largest unit that divides. Names are
 * case-insensitive.
 *
 * Fails: 42704 unrecognized configuration parameter; 22023 invalid value, outside the range; 55P02
 * parameter cannot be changed (now / at all).
 */
#ifndef CAIRN_BASE_SETTING_H
#define CAIRN_BASE_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum setting_type { SETTING_BOOL, SETTING_INT, SETTING_REAL, SETTING_TEXT, SETTING_ENUM };
/* What the stored number counts; SHOW and SET convert. */
enum setting_unit { UNIT_NONE, UNIT_BYTES, UNIT_KB, UNIT_US, UNIT_MS, UNIT_S };
/* USER: SET in a session. CLUSTER: ALTER SYSTEM, takes effect at once everywhere. RESTART: at the
 * next start of the node. FIXED: shown, never set. REPORT: USER, and told to the client in
 * ParameterStatus. */
enum setting_when { WHEN_USER, WHEN_REPORT, WHEN_CLUSTER, WHEN_RESTART, WHEN_FIXED };

enum { SETTING_TEXT_MAX = 256 };

enum setting {
#define SETTING_DEF_BOOL(name, value, when, doc) SETTING_ID_##name,
#define SETTING_DEF_INT(name, value, lo, hi, unit, when, doc) SETTING_ID_##name,
#define SETTING_DEF_REAL(name, value, lo, hi, when, doc) SETTING_ID_##name,
#define SETTING_DEF_TEXT(name, value, when, doc) SETTING_ID_##name,
#define SETTING_DEF_ENUM(name, value, choices, when, doc) SETTING_ID_##name,
#include "base/setting_expand.h"
    SETTING_COUNT
};

struct settings {
#define SETTING_DEF_BOOL(name, value, when, doc) bool name;
#define SETTING_DEF_INT(name, value, lo, hi, unit, when, doc) int64_t name;
#define SETTING_DEF_REAL(name, value, lo, hi, when, doc) double name;
#define SETTING_DEF_TEXT(name, value, when, doc) char name[SETTING_TEXT_MAX];
#define SETTING_DEF_ENUM(name, value, choices, when, doc) int name;
#include "base/setting_expand.h"
};

struct setting_info {
    const char *name;
    enum setting_type type;
    enum setting_unit unit;
    enum setting_when when;
    int64_t int_default, int_min, int_max;
    double real_default, real_min, real_max;
    const char *text_default; /* of TEXT; ENUM's default word */
    const char *choices;      /* "a|b|c", value = position */
    const char *doc;
    size_t offset; /* in struct settings */
};

const struct setting_info *setting_info(enum setting which);
/* -1 when unknown. */
int setting_find(const char *name);
void settings_init(struct settings *out);
/* *out = *from with one change; refuses what `allowed` (the highest setting_when the caller may
 * change) does not cover. */
MUST_CHECK int settings_with(const struct settings *from, enum setting which, const char *text,
                             enum setting_when allowed, struct settings *out, struct err *err);
void settings_reset_one(struct settings *settings, enum setting which);
/* As SHOW prints it. */
void setting_show(const struct settings *settings, enum setting which, char *out, size_t size);
/* "name = value" lines with # comments and 'quoted' values, as in postgresql.conf. */
MUST_CHECK int settings_parse_file(const struct settings *from, const char *text, size_t len,
                                   struct settings *out, struct err *err);

#endif
