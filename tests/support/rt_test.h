/* rt_test.h: runs a test's body inside a fiber on the real env, in one line.
 *
 *     static void body(struct task *task, void *arg) { ... assert_int_equal(...) ... }
 *     static void test_it(void **state) { rt_test_run(body, NULL); }
 *
 * Each run has a fresh directory under /tmp as the root of its relative paths, removed afterwards,
 * and ends when every fiber has ended. cmocka's assertions jump out of the test function, which a
 * fiber cannot: inside a fiber use rt_check(), which prints and aborts.
 */
#ifndef CAIRN_TESTS_SUPPORT_RT_TEST_H
#define CAIRN_TESTS_SUPPORT_RT_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core.h"
#include "base/env_uv.h"

#define rt_check(cond)                                                                             \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #cond);               \
            abort();                                                                               \
        }                                                                                          \
    } while (0)
/* For calls that return an error code and fill `err`. */
#define rt_ok(call, err)                                                                           \
    do {                                                                                           \
        if ((call) != 0) {                                                                         \
            fprintf(stderr, "%s:%d: %s: %s: %s\n", __FILE__, __LINE__, #call,                      \
                    err_sqlstate((err)->code), (err)->message);                                    \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct rt_test_body {
    task_fn *fn;
    void *arg;
};

static inline void rt_test_main(struct task *task, void *arg)
{
    struct rt_test_body *body = arg;
    body->fn(task, body->arg);
    runtime_stop(task->core->runtime);
}

static inline void rt_test_run_cores(uint32_t core_count, task_fn *fn, void *arg)
{
    char root[] = "/tmp/cairn-test-XXXXXX";
    rt_check(mkdtemp(root) != NULL);
    struct env *env;
    struct runtime *runtime;
    struct err err = {0};
    struct env_uv_config env_config = {.root = root};
    struct runtime_config config = {.core_count = core_count};
    struct rt_test_body body = {fn, arg};
    rt_ok(env_uv_create(&env_config, &env, &err), &err);
    rt_ok(runtime_start(env, &config, rt_test_main, &body, &runtime, &err), &err);
    runtime_join(runtime);
    env_uv_destroy(env);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", root);
    rt_check(system(command) == 0);
}

static inline void rt_test_run(task_fn *fn, void *arg)
{
    rt_test_run_cores(1, fn, arg);
}

#endif
