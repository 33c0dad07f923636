/* session_setting.h: a session's settings as immutable counted snapshots.
 *
 * The settings themselves are lines of base/setting.def. A snapshot adds what belongs to
 * PostgreSQL's surface: parameters of the user's own
 * ("app.user"), canonical spellings (DateStyle, TimeZone, search_path lists) and the type_env that
 * follows from them.
 *
 * Invariant: a snapshot never changes; counts are not atomic but for the node's defaults, which
 * sessions of every core share.
 */
#ifndef CAIRN_SERVER_SQL_SESSION_SETTING_H
#define CAIRN_SERVER_SQL_SESSION_SETTING_H

#include "base/setting.h"
#include "types/type/type.h"

struct env;
struct zone_cache;

struct session_custom {
    char *name, *value;
};
struct session_settings {
    _Atomic int32_t refs;
    struct settings s;
    struct type_env env; /* zone and styles; names and now_us left empty */
    uint64_t plan_hash;  /* of what plans depend on */
    uint32_t n_custom;
    struct session_custom *custom; /* sorted by name */
};

struct session_settings *session_settings_create(void); /* defaults */
struct session_settings *session_settings_ref(struct session_settings *s);
void session_settings_unref(struct session_settings *s);
/* A new snapshot with one change; value NULL = the value in `start` (RESET). allowed: see
 * settings_with. */
int session_settings_with(const struct session_settings *from, const struct session_settings *start,
                          const char *name, const char *value, struct zone_cache *zones,
                          struct session_settings **out, struct err *err) MUST_CHECK;
/* As SHOW prints it; false = no such parameter. name: in PostgreSQL's spelling afterwards if found
 * (may be NULL). */
bool session_settings_show(const struct session_settings *s, const char *name, struct buf *out,
                           const char **spelled);
/* Splits a list of identifiers ("$user", public); calls item for each. False: malformed. */
bool session_settings_list(const char *text, void (*item)(void *ctx, const char *name), void *ctx);

/* Zones of the node, read when first asked for. */
struct zone_cache *zone_cache_create(struct env *env);
void zone_cache_destroy(struct zone_cache *zones);
/* NULL = no such zone. Any core. */
const struct tz *zone_cache_find(struct zone_cache *zones, const char *name, size_t len);

/* SET/RESET/set_config on a session: transactional; local = until the end of the transaction. value
 * NULL = RESET. */
struct session;
int session_setting_set(struct session *s, const char *name, const char *value, bool local,
                        struct err *err) MUST_CHECK;
/* Tells the client what changed of the reported parameters; before every ReadyForQuery. */
void session_setting_report(struct session *s);

#endif
