#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/env.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/metric.h"

static char lines[10000];
static uint64_t read_wall(struct env *env)
{
    return UINT64_C(1772366400123456);
}
static void take_line(struct env *env, const char *line, size_t len)
{
    strncat(lines, line, len);
}
static const struct env_ops ops = {.wall_us = read_wall, .log_write = take_line};
static struct env env = {.ops = &ops};

static void test_log(void **state)
{
    struct log log;
    struct err err;
    log_init(&log, &env, 3);
    lines[0] = 0;
    err_set(&err, ERR_DIVISION_BY_ZERO, "division by zero");
    err.file[0] = 0;
    log_event(&log, LOG_WARN, "lease_lost", LOG_U64("group", 17), LOG_I64("by", -4),
              LOG_DOUBLE("load", 0.25), LOG_TEXT("reason", "peer \"x\" down\n"),
              LOG_TEXT("none", NULL), LOG_TEXT("plain", "a-b"), LOG_USER("key", "secret", 6),
              LOG_HEX("id", "\x01\xff", 2), LOG_ERR(&err));
    assert_string_equal(lines,
                        "2026-03-01T12:00:00.123456Z W node=3 event=lease_lost group=17 by=-4 "
                        "load=0.25 reason=\"peer \\\"x\\\" down\\x0a\" none=\"\" plain=a-b "
                        "key=<redacted 6 bytes> id=01ff err=22012 message=\"division by zero\"\n");
    lines[0] = 0;
    log_event(&log, LOG_DEBUG, "quiet", LOG_U64("x", 1));
    assert_string_equal(lines, "");
    atomic_store(&log.user_data, true);
    atomic_store(&log.level, LOG_DEBUG);
    log_event(&log, LOG_DEBUG, "loud", LOG_USER("key", "secret", 6));
    assert_non_null(strstr(lines, "event=loud key=secret\n"));
    assert_int_equal(log.counts[LOG_DEBUG], 2);
}

static void test_log_limits(void **state)
{
    struct log log;
    char big[9000], out[4000];
    log_init(&log, &env, 1);
    memset(big, '\n', sizeof big - 1);
    big[sizeof big - 1] = 0;
    size_t n =
        log_format(&log, LOG_ERROR, "big", (struct log_field[]){LOG_TEXT("t", big), {.key = NULL}},
                   0, 2, out, sizeof out);
    assert_true(n < sizeof out && strlen(out) == n);
    assert_string_equal(out + n - 4, "...\n");
    assert_ptr_equal(strchr(out, '\n'), out + n - 1); /* one line */
    assert_non_null(strstr(out, "core=2"));
}

static void test_metrics(void **state)
{
    struct metrics *m = metrics_create(2);
    metric_add(m->cores[0], METRIC_rpc_requests_sent, 5);
    metric_add(m->cores[1], METRIC_rpc_requests_sent, 7);
    metric_add(metric_shared(m), METRIC_rpc_requests_sent, 1);
    metric_set(m->cores[0], METRIC_core_tasks, 3);
    metric_set(m->cores[0], METRIC_core_tasks, 4);
    assert_int_equal(metric_total(m, METRIC_rpc_requests_sent), 13);
    assert_int_equal(metric_total(m, METRIC_core_tasks), 4);
    for (uint64_t v = 0; v < 100; v++)
        metric_observe(m->cores[v % 2], METRIC_rpc_latency_us, v);
    metric_observe(m->cores[0], METRIC_rpc_latency_us, UINT64_MAX);
    assert_int_equal(metric_total(m, METRIC_rpc_latency_us), 101);
    assert_int_equal(metric_quantile(m, METRIC_rpc_latency_us, 0.5), 64);
    struct buf out = {0};
    metrics_print(m, &out);
    metric_print_labelled(&out, "tablet_bytes", "Size", METRIC_GAUGE, "table", "a\"b", 1.5);
    const char *text = buf_text(&out);
    assert_non_null(
        strstr(text, "# TYPE cairn_rpc_requests_sent counter\ncairn_rpc_requests_sent 13\n"));
    assert_non_null(strstr(text, "cairn_rpc_latency_us_bucket{le=\"0\"} 1\n"));
    assert_non_null(strstr(text, "cairn_rpc_latency_us_bucket{le=\"3\"} 4\n"));
    assert_non_null(strstr(text, "cairn_rpc_latency_us_bucket{le=\"+Inf\"} 101\n"));
    assert_non_null(strstr(text, "cairn_rpc_latency_us_count 101\n"));
    assert_non_null(strstr(text, "cairn_tablet_bytes{table=\"a\\\"b\"} 1.5\n"));
    buf_done(&out);
    metrics_destroy(m);
}

static void test_faults(void **state)
{
    struct fault_set set, *none = NULL;
    fault_set_init(&set, 1);
    assert_false(FAULT(none, rpc_drop_frame));
    fault_arm_at(&set, FAULT_rpc_drop_frame, 3);
    int fired = 0;
    for (int i = 1; i <= 10; i++) {
        bool now = FAULT(&set, rpc_drop_frame);
        assert_int_equal(now, i == 3);
        fired += now;
    }
    assert_int_equal(fired, 1);
    fault_arm_chance(&set, FAULT_rpc_bad_checksum, 0.5, 4);
    for (int i = 0; i < 1000; i++)
        fired += FAULT(&set, rpc_bad_checksum);
    assert_int_equal(fired, 5);
    assert_int_equal(set.points[FAULT_rpc_bad_checksum].fired, 4);
    assert_int_equal(fault_find("rpc_drop_frame"), FAULT_rpc_drop_frame);
    assert_int_equal(fault_find("nothing"), -1);
    assert_string_equal(fault_name(FAULT_rpc_drop_frame), "rpc_drop_frame");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log), cmocka_unit_test(test_log_limits),
        cmocka_unit_test(test_metrics), cmocka_unit_test(test_faults)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
