/* Settings of a session: PostgreSQL's spellings, snapshots, lists, zones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/env_uv.h"
#include "server/sql/session.h"

static struct env *env;
static struct zone_cache *zones;
static struct err err;

static int set_up(void **state)
{
    struct env_uv_config config = {.root = "."};
    if (env_uv_create(&config, &env, &err))
        return -1;
    zones = zone_cache_create(env);
    return 0;
}

static int tear_down(void **state)
{
    zone_cache_destroy(zones);
    env_uv_destroy(env);
    return 0;
}

static int with(struct session_settings **s, const char *name, const char *value)
{
    struct session_settings *start = session_settings_create(), *next;
    int rc = session_settings_with(*s, start, name, value, zones, &next, &err);
    session_settings_unref(start);
    if (!rc) {
        session_settings_unref(*s);
        *s = next;
    }
    return rc;
}

static void check_show(const struct session_settings *s, const char *name, const char *expected)
{
    struct buf out = {0};
    assert_true(session_settings_show(s, name, &out, NULL));
    assert_string_equal(buf_text(&out), expected);
    buf_done(&out);
}

static void check_set(struct session_settings **s, const char *name, const char *value,
                      const char *expected)
{
    assert_int_equal(with(s, name, value), 0);
    check_show(*s, name, expected);
}

static void test_spelling(void **state)
{
    struct session_settings *s = session_settings_create();
    check_set(&s, "datestyle", "iso", "ISO, MDY");
    check_set(&s, "datestyle", "sql, dmy", "SQL, DMY");
    check_set(&s, "datestyle", "ymd", "SQL, YMD");
    check_set(&s, "DateStyle", "German", "German, DMY");
    assert_int_equal(s->env.date_style, TYPE_STYLE_GERMAN);
    assert_int_equal(s->env.date_order, TYPE_ORDER_DMY);
    assert_int_equal(with(&s, "datestyle", "nonsense"), ERR_INVALID_PARAMETER_VALUE);
    check_show(s, "datestyle", "German, DMY");
    check_set(&s, "client_encoding", "utf-8", "UTF8");
    assert_int_equal(with(&s, "client_encoding", "latin1"), ERR_INVALID_PARAMETER_VALUE);
    check_set(&s, "statement_timeout", "1min", "1min");
    check_set(&s, "statement_timeout", "1500", "1500ms");
    check_set(&s, "extra_float_digits", "0", "0");
    assert_int_equal(s->env.float_digits_less, 1);
    check_set(&s, "synchronous_commit", "true", "on");
    assert_int_equal(with(&s, "default_transaction_isolation", "serializable"),
                     ERR_FEATURE_NOT_SUPPORTED);
    assert_int_equal(with(&s, "nosuch", "1"), ERR_UNDEFINED_OBJECT);
    assert_int_equal(with(&s, "server_version", "1"), ERR_CANT_CHANGE_RUNTIME_PARAM);
    session_settings_unref(s);
}

static void test_zones(void **state)
{
    struct session_settings *s = session_settings_create();
    check_set(&s, "timezone", "europe/berlin", "Europe/Berlin");
    assert_non_null(s->env.zone);
    check_set(&s, "time zone", "-3.5", "<-03:30>+03:30");
    check_set(&s, "timezone", "utc", "UTC");
    assert_null(s->env.zone);
    assert_int_equal(with(&s, "timezone", "Nowhere/Land"), ERR_INVALID_PARAMETER_VALUE);
    assert_int_equal(with(&s, "timezone", "../../etc/passwd"), ERR_INVALID_PARAMETER_VALUE);
    session_settings_unref(s);
}

static void test_reset_and_own(void **state)
{
    struct session_settings *s = session_settings_create();
    check_set(&s, "app.user", "joe", "joe");
    check_set(&s, "APP.user", "ann", "ann");
    assert_int_equal(s->n_custom, 1);
    struct session_settings *before = session_settings_ref(s);
    check_set(&s, "app.other", "x", "x");
    struct buf out = {0};
    assert_false(session_settings_show(before, "app.other", &out, NULL));
    buf_done(&out);
    session_settings_unref(before);
    check_set(&s, "search_path", "a, b", "a, b");
    check_set(&s, "search_path", NULL, "\"$user\", public");
    uint64_t hash = s->plan_hash;
    check_set(&s, "application_name", "x", "x");
    assert_true(s->plan_hash == hash);
    check_set(&s, "bytea_output", "escape", "escape");
    assert_false(s->plan_hash == hash);
    session_settings_unref(s);
}

static void add_name(void *ctx, const char *name)
{
    strcat(ctx, name);
    strcat(ctx, "|");
}

static void check_list(const char *text, bool good, const char *expected)
{
    char out[200] = "";
    assert_int_equal(session_settings_list(text, add_name, out), good);
    if (good)
        assert_string_equal(out, expected);
}

static void test_lists(void **state)
{
    check_list("\"$user\", public", true, "$user|public|");
    check_list("A,\"B\"\"c\" , d", true, "a|B\"c|d|");
    check_list("", true, "");
    check_list("  ", true, "");
    check_list("a,", false, "");
    check_list(",a", false, "");
    check_list("\"a", false, "");
    check_list("a b", false, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spelling),
        cmocka_unit_test(test_zones),
        cmocka_unit_test(test_reset_and_own),
        cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
