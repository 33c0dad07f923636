#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/setting.h"

static struct err err;

static const char *show(const struct settings *s, enum setting which)
{
    static char out[300];
    setting_show(s, which, out, sizeof out);
    return out;
}

static int set(struct settings *s, const char *name, const char *text, enum setting_when allowed)
{
    int which = setting_find(name);
    assert_true(which >= 0);
    return settings_with(s, (enum setting)which, text, allowed, s, &err);
}

static void test_every_default_is_valid(void **state)
{
    struct settings s;
    settings_init(&s);
    for (int i = 0; i < SETTING_COUNT; i++) {
        const struct setting_info *info = setting_info((enum setting)i);
        char text[300];
        setting_show(&s, (enum setting)i, text, sizeof text);
        assert_true(info->doc && info->doc[0]);
        assert_int_equal(setting_find(info->name), i); /* no name twice */
        if (info->when == WHEN_FIXED)
            continue;
        struct settings again = s;
        if (settings_with(&s, (enum setting)i, text, WHEN_RESTART, &again, &err)) {
            print_error("%s: %s\n", info->name, err.message);
            fail();
        }
        assert_memory_equal(&s, &again, sizeof s);
    }
}

static void test_values(void **state)
{
    struct settings s;
    settings_init(&s);
    assert_int_equal(s.max_stack_depth, 16384);
    assert_string_equal(show(&s, SETTING_ID_max_stack_depth), "16MB");
    assert_int_equal(set(&s, "MAX_stack_depth", "2MB", WHEN_USER), 0);
    assert_int_equal(s.max_stack_depth, 2048);
    assert_int_equal(set(&s, "max_stack_depth", "2500", WHEN_USER), 0);
    assert_string_equal(show(&s, SETTING_ID_max_stack_depth), "2500kB");
    assert_int_equal(set(&s, "max_stack_depth", "1.5 MB", WHEN_USER), 0);
    assert_int_equal(s.max_stack_depth, 1536);
    assert_int_equal(set(&s, "max_stack_depth", "50kB", WHEN_USER), ERR_INVALID_PARAMETER_VALUE);
    assert_string_equal(err.message, "50 kB is outside the valid range for parameter "
                                     "\"max_stack_depth\" (100 .. 1048576)");
    assert_int_equal(set(&s, "max_stack_depth", "1 min", WHEN_USER), ERR_INVALID_PARAMETER_VALUE);
    assert_string_equal(err.message, "invalid value for parameter \"max_stack_depth\": \"1 min\"");
    assert_string_equal(
        err.hint, "Valid units for this parameter are \"B\", \"kB\", \"MB\", \"GB\", and \"TB\".");
    assert_int_equal(s.max_stack_depth, 1536); /* a refused value changes nothing */
    assert_int_equal(set(&s, "rpc_call_timeout_ms", "2min", WHEN_CLUSTER), 0);
    assert_int_equal(s.rpc_call_timeout_ms, 120000);
    assert_string_equal(show(&s, SETTING_ID_rpc_call_timeout_ms), "2min");
    assert_int_equal(set(&s, "log_user_data", "YE", WHEN_CLUSTER), 0);
    assert_true(s.log_user_data);
    assert_int_equal(set(&s, "log_user_data", "of", WHEN_CLUSTER), 0);
    assert_false(s.log_user_data);
    assert_int_equal(set(&s, "log_user_data", "o", WHEN_CLUSTER), ERR_INVALID_PARAMETER_VALUE);
    assert_string_equal(err.message, "parameter \"log_user_data\" requires a Boolean value");
    assert_int_equal(set(&s, "log_level", "WARN", WHEN_CLUSTER), 0);
    assert_string_equal(show(&s, SETTING_ID_log_level), "warn");
    assert_int_equal(set(&s, "log_level", "loud", WHEN_CLUSTER), ERR_INVALID_PARAMETER_VALUE);
    assert_string_equal(err.hint, "Available values: debug, info, warn, error.");
    settings_reset_one(&s, SETTING_ID_log_level);
    assert_string_equal(show(&s, SETTING_ID_log_level), "info");
}

static void test_when(void **state)
{
    struct settings s;
    settings_init(&s);
    assert_int_equal(set(&s, "core_count", "3", WHEN_CLUSTER), ERR_CANT_CHANGE_RUNTIME_PARAM);
    assert_string_equal(err.message,
                        "parameter \"core_count\" cannot be changed without restarting the server");
    assert_int_equal(set(&s, "log_level", "warn", WHEN_REPORT), ERR_CANT_CHANGE_RUNTIME_PARAM);
    assert_string_equal(err.message, "parameter \"log_level\" cannot be changed now");
    assert_int_equal(set(&s, "core_count", "3", WHEN_RESTART), 0);
    assert_int_equal(setting_find("no_such"), -1);
}

static int parse(struct settings *s, const char *text)
{
    return settings_parse_file(s, text, strlen(text), s, &err);
}

static void test_file(void **state)
{
    struct settings s;
    settings_init(&s);
    assert_int_equal(parse(&s, "# comment\n\n core_count = 4 # four\nlog_level='debug'\r\n"
                               "max_stack_depth 1MB"),
                     0);
    assert_int_equal(s.core_count, 4);
    assert_int_equal(s.log_level, 0);
    assert_int_equal(s.max_stack_depth, 1024);
    assert_int_equal(parse(&s, "\nnonsense = 1\n"), ERR_CONFIG_FILE_ERROR);
    assert_string_equal(err.message,
                        "unrecognized configuration parameter \"nonsense\" in settings "
                        "file, line 2");
    assert_int_equal(parse(&s, "core_count = 1 2\n"), ERR_CONFIG_FILE_ERROR);
    assert_int_equal(parse(&s, "core_count = '1\n"), ERR_CONFIG_FILE_ERROR);
    assert_int_equal(parse(&s, "core_count =\n"), ERR_CONFIG_FILE_ERROR);
    assert_int_equal(parse(&s, "core_count = -1\n"), ERR_INVALID_PARAMETER_VALUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_default_is_valid),
                                       cmocka_unit_test(test_values), cmocka_unit_test(test_when),
                                       cmocka_unit_test(test_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
