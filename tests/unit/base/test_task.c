#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/sync.h"
#include "tests/support/rt_test.h"

static struct err err;

/* ---- spawn, order, join ---- */

struct trace {
    char text[256];
    struct task *task;
    struct task *other;
};

static void say(struct trace *t, const char *what)
{
    strcat(t->text, what);
}

static void child_a(struct task *task, void *arg)
{
    say(arg, "a1 ");
    task_yield(task);
    say(arg, "a2 ");
}

static void child_b(struct task *task, void *arg)
{
    say(arg, "b1 ");
    task_yield(task);
    say(arg, "b2 ");
}

static void spawn_body(struct task *task, void *arg)
{
    struct trace t = {0};
    struct task *a = task_spawn_joinable(task->core, TASK_TXN, "a", child_a, &t);
    struct task *b = task_spawn_joinable(task->core, TASK_TXN, "b", child_b, &t);
    say(&t, "m1 ");
    task_join(task, a);
    task_join(task, b);
    say(&t, "m2");
    rt_check(strcmp(t.text, "m1 a1 b1 a2 b2 m2") == 0);
}

static void test_spawn_join(void **state)
{
    rt_test_run(spawn_body, NULL);
}

/* ---- park, wake, permits, sleep ---- */

static void waker(struct task *task, void *arg)
{
    struct trace *t = arg;
    task_wake(t->task);
}

static void park_body(struct task *task, void *arg)
{
    struct trace t = {.task = task};
    task_spawn(task->core, TASK_TXN, "waker", waker, &t);
    rt_check(task_park(task, TASK_FOREVER) == PARK_WOKEN);
    task_wake(task); /* before the park: kept */
    rt_check(task_park(task, TASK_FOREVER) == PARK_WOKEN);
    mono_ns start = env_mono_ns(task->env);
    rt_check(task_park(task, start + 3000000) == PARK_TIMEOUT);
    rt_check(env_mono_ns(task->env) >= start + 3000000);
    start = env_mono_ns(task->env);
    rt_ok(task_sleep(task, 2000000, &err), &err);
    rt_check(env_mono_ns(task->env) >= start + 2000000);
}

static void test_park(void **state)
{
    rt_test_run(park_body, NULL);
}

/* ---- cancellation ---- */

static void canceller(struct task *task, void *arg)
{
    task_cancel(arg, ERR_QUERY_CANCELED, "canceling statement due to user request");
}

static void cancel_body(struct task *task, void *arg)
{
    task_spawn(task->core, TASK_TXN, "canceller", canceller, task);
    rt_check(task_sleep(task, 60000000000u, &err) == ERR_QUERY_CANCELED);
    rt_check(strcmp(err.message, "canceling statement due to user request") == 0);
    rt_check(task_check(task, &err) == ERR_QUERY_CANCELED); /* sticky */
    task_mask(task);
    rt_check(task_check(task, &err) == 0);
    rt_ok(task_sleep(task, 1000000, &err), &err); /* masked: sleeps in full */
    task_unmask(task);
    task_cancel_clear(task);
    rt_check(task_check(task, &err) == 0);
    task_deadline_set(task, env_mono_ns(task->env) + 2000000, ERR_QUERY_CANCELED,
                      "canceling statement due to statement timeout");
    rt_check(task_sleep(task, 60000000000u, &err) == ERR_QUERY_CANCELED);
    rt_check(strstr(err.message, "statement timeout") != NULL);
    rt_check(task_check(task, &err) == ERR_QUERY_CANCELED);
    task_deadline_set(task, TASK_FOREVER, ERR_OK, NULL);
    rt_check(task_check(task, &err) == 0);
}

static void test_cancel(void **state)
{
    rt_test_run(cancel_body, NULL);
}

/* ---- groups ---- */

static void failing_child(struct task *task, void *arg)
{
    struct err e = {0};
    err_set(&e, ERR_DIVISION_BY_ZERO, "division by zero");
    task_group_fail(arg, &e);
}

static int sleepers_ended;

static void sleeping_child(struct task *task, void *arg)
{
    struct err e = {0};
    rt_check(task_sleep(task, 60000000000u, &e) == ERR_QUERY_CANCELED);
    sleepers_ended++;
    task_group_fail(arg, &e);
}

static void group_body(struct task *task, void *arg)
{
    struct task_group group;
    sleepers_ended = 0;
    task_group_init(&group, task->core);
    for (int i = 0; i < 5; i++)
        task_group_spawn(&group, TASK_ANALYTICS, "sleeper", sleeping_child, &group);
    task_group_spawn(&group, TASK_ANALYTICS, "failing", failing_child, &group);
    rt_check(task_group_wait(task, &group, &err) == ERR_DIVISION_BY_ZERO);
    rt_check(sleepers_ended == 5);

    task_group_init(&group, task->core);
    task_group_spawn(&group, TASK_TXN, "sleeper", sleeping_child, &group);
    task_spawn(task->core, TASK_TXN, "canceller", canceller, task);
    rt_check(task_group_wait(task, &group, &err) == ERR_QUERY_CANCELED);
    rt_check(sleepers_ended == 6);
}

static void test_group(void **state)
{
    rt_test_run(group_body, NULL);
}

/* ---- stacks ---- */

struct depth {
    int left;
    size_t deepest;
    struct task *task;
};

static int recurse(void *arg)
{
    struct depth *d = arg;
    volatile char frame[2000];
    memset((char *)frame, 1, sizeof frame);
    if (d->left-- == 0) {
        if (d->task)
            task_yield(d->task); /* suspends on a segment */
        return 0;
    }
    int rc = stack_call(recurse, d, &err);
    return rc + (frame[7] == 1 ? 0 : 1);
}

static int recurse_forever(void *arg)
{
    volatile char frame[1000];
    memset((char *)frame, 1, sizeof frame);
    int rc = stack_call(recurse_forever, arg, &err);
    return rc + (frame[7] == 1 ? 0 : 1);
}

static void stack_body(struct task *task, void *arg)
{
    rt_check(stack_left() > STACK_RESERVE && stack_left() < 2 * 1024 * 1024);
    struct depth d = {.left = 2000, .task = task};
    rt_ok(recurse(&d), &err);
    rt_check(recurse_forever(NULL) == ERR_STATEMENT_TOO_COMPLEX);
    rt_check(strcmp(err_sqlstate(err.code), "54001") == 0);
    rt_check(strcmp(err.message, "stack depth limit exceeded") == 0);
    stack_limit_set(2 * 1024 * 1024);
    rt_check(stack_limit() == 2 * 1024 * 1024);
    rt_check(recurse_forever(NULL) == ERR_STATEMENT_TOO_COMPLEX);
    d = (struct depth){.left = 200, .task = task};
    rt_ok(recurse(&d), &err);
}

static void test_stack(void **state)
{
    rt_test_run(stack_body, NULL);
}

static void test_stack_outside(void **state)
{
    struct depth d = {.left = 5000};
    assert_int_equal(recurse(&d), 0);
    assert_int_equal(recurse_forever(NULL), ERR_STATEMENT_TOO_COMPLEX);
}

/* ---- sync ---- */

struct shared {
    struct mutex mutex;
    struct channel channel;
    struct semaphore semaphore;
    int inside, most_inside, sum;
    struct task_group group;
};

static void lock_child(struct task *task, void *arg)
{
    struct shared *s = arg;
    rt_ok(mutex_lock(task, &s->mutex, &err), &err);
    rt_check(++s->inside == 1);
    task_yield(task);
    s->inside--;
    mutex_unlock(task, &s->mutex);
}

static void semaphore_child(struct task *task, void *arg)
{
    struct shared *s = arg;
    rt_ok(semaphore_take(task, &s->semaphore, 2, &err), &err);
    s->inside += 2;
    if (s->inside > s->most_inside)
        s->most_inside = s->inside;
    task_yield(task);
    s->inside -= 2;
    semaphore_give(&s->semaphore, 2);
}

static void producer(struct task *task, void *arg)
{
    struct shared *s = arg;
    enum channel_result r;
    for (intptr_t i = 1; i <= 100; i++) {
        rt_ok(channel_send(task, &s->channel, (void *)i, &r, &err), &err);
        rt_check(r == CHANNEL_OK);
    }
    channel_close(&s->channel);
}

static void consumer(struct task *task, void *arg)
{
    struct shared *s = arg;
    enum channel_result r;
    void *item;
    for (;;) {
        rt_ok(channel_recv(task, &s->channel, &item, &r, &err), &err);
        if (r == CHANNEL_CLOSED)
            return;
        s->sum += (int)(intptr_t)item;
    }
}

static void sync_body(struct task *task, void *arg)
{
    struct shared s = {0};
    void *items[3];
    mutex_init(&s.mutex);
    semaphore_init(&s.semaphore, 5);
    channel_init(&s.channel, items, 3);
    task_group_init(&s.group, task->core);
    for (int i = 0; i < 10; i++)
        task_group_spawn(&s.group, TASK_TXN, "lock", lock_child, &s);
    rt_ok(task_group_wait(task, &s.group, &err), &err);
    for (int i = 0; i < 10; i++)
        task_group_spawn(&s.group, TASK_TXN, "semaphore", semaphore_child, &s);
    rt_ok(task_group_wait(task, &s.group, &err), &err);
    rt_check(s.most_inside == 4 && s.semaphore.available == 5);
    task_group_spawn(&s.group, TASK_TXN, "consumer", consumer, &s);
    task_group_spawn(&s.group, TASK_TXN, "consumer", consumer, &s);
    task_group_spawn(&s.group, TASK_TXN, "producer", producer, &s);
    rt_ok(task_group_wait(task, &s.group, &err), &err);
    rt_check(s.sum == 5050);
}

static void test_sync(void **state)
{
    rt_test_run(sync_body, NULL);
}

/* ---- classes ---- */

struct spinner {
    int *stop;
    int turns;
};

static void spin_child(struct task *task, void *arg)
{
    struct spinner *s = arg;
    while (!*s->stop) {
        s->turns++;
        task_tick(task, TASK_SLICE_UNITS);
    }
}

static void class_body(struct task *task, void *arg)
{
    int stop = 0;
    struct spinner s[TASK_CLASS_COUNT];
    struct task_group group;
    task_group_init(&group, task->core);
    for (int c = 0; c < TASK_CLASS_COUNT; c++) {
        s[c] = (struct spinner){.stop = &stop};
        task_group_spawn(&group, (enum task_class)c, "spinner", spin_child, &s[c]);
    }
    while (s[TASK_CONSENSUS].turns < 20000)
        task_yield(task);
    stop = 1;
    rt_ok(task_group_wait(task, &group, &err), &err);
    /* shares 20 : 10 : 2 : 1 */
    rt_check(s[TASK_TXN].turns > 9000 && s[TASK_TXN].turns < 11000);
    rt_check(s[TASK_ANALYTICS].turns > 1800 && s[TASK_ANALYTICS].turns < 2200);
    rt_check(s[TASK_BACKGROUND].turns > 900 && s[TASK_BACKGROUND].turns < 1100);
}

static void test_classes(void **state)
{
    rt_test_run(class_body, NULL);
}

/* ---- many fibers ---- */

static int alive;

static void quick_child(struct task *task, void *arg)
{
    alive++;
}

static void many_body(struct task *task, void *arg)
{
    int n = *(int *)arg;
    alive = 0;
    mono_ns start = env_mono_ns(task->env);
    for (int i = 0; i < n; i++) {
        task_spawn(task->core, TASK_TXN, "quick", quick_child, NULL);
        if (i % 64 == 63)
            task_yield(task);
    }
    while (alive < n)
        task_yield(task);
    mono_ns ns = env_mono_ns(task->env) - start;
    printf("spawn + run + end: %.0f ns\n", (double)ns / n);
    start = env_mono_ns(task->env);
    for (int i = 0; i < n; i++)
        task_yield(task);
    printf("yield (two switches): %.0f ns\n", (double)(env_mono_ns(task->env) - start) / n);
}

static void test_many(void **state)
{
    int n = 200000;
    rt_test_run(many_body, &n);
}

static void park_child(struct task *task, void *arg)
{
    alive++;
    while (alive >= 0 && task_park(task, TASK_FOREVER) == PARK_WOKEN && *(bool *)arg == false)
        ;
    alive--;
}

/* More than there are stacks: the rest starts as the first ones end. */
static void crowd_body(struct task *task, void *arg)
{
    enum { CROWD = 20500 };
    static struct task *children[CROWD];
    bool go = false;
    alive = 0;
    for (int i = 0; i < CROWD; i++)
        children[i] = task_spawn_joinable(task->core, TASK_TXN, "crowd", park_child, &go);
    for (int i = 0; i < CROWD; i++)
        task_yield(task);
    rt_check(alive > 10000 && alive < 20001);
    go = true;
    for (int i = 0; i < CROWD; i++)
        task_wake(children[i]);
    for (int i = 0; i < CROWD; i++)
        task_join(task, children[i]);
    rt_check(alive == 0);
}

static void test_crowd(void **state)
{
#if defined(__SANITIZE_THREAD__)
    print_message("skipped: ThreadSanitizer keeps a megabyte for each fiber\n");
    skip();
#endif
    rt_test_run(crowd_body, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spawn_join), cmocka_unit_test(test_park),
        cmocka_unit_test(test_cancel),     cmocka_unit_test(test_group),
        cmocka_unit_test(test_stack),      cmocka_unit_test(test_stack_outside),
        cmocka_unit_test(test_sync),       cmocka_unit_test(test_classes),
        cmocka_unit_test(test_many),       cmocka_unit_test(test_crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
