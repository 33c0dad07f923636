/* test_lock_table.c: modes, queues, provisional values and waking, against a simple model too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "storage/txn/lock_table.h"

static int woken, watched;

static void wake_waiter(struct lock_waiter *w)
{
    woken++;
}

static void wake_watch(struct lock_watch *w)
{
    watched++;
}

static void init_table(struct lock_table *t)
{
    lock_table_init(t);
    t->waiter_woken = wake_waiter;
    t->watch_woken = wake_watch;
    woken = watched = 0;
}

static struct lock_txn *add_txn(struct lock_table *t, uint64_t number)
{
    return lock_table_txn_add(t, &(struct kv_txn_id){1, 1, number});
}

static bool acquire(struct lock_table *t, struct lock_txn *txn, const char *key, uint8_t mode,
                    struct lock_row **row)
{
    return lock_acquire(t, txn, 7, 0, key, (uint32_t)strlen(key), mode, row);
}

static void test_conflicts(void **state)
{
    /* PostgreSQL's table of row locks; rows and columns KEY SHARE, SHARE, NO KEY UPDATE, UPDATE. */
    static const bool conflicts[4][4] = {{0, 0, 0, 1}, {0, 0, 1, 1}, {0, 1, 1, 1}, {1, 1, 1, 1}};
    for (uint8_t a = KV_LOCK_KEY_SHARE; a <= KV_LOCK_UPDATE; a++)
        for (uint8_t b = KV_LOCK_KEY_SHARE; b <= KV_LOCK_UPDATE; b++)
            assert_int_equal(lock_modes_conflict(a, b), conflicts[a - 1][b - 1]);
}

static void test_queue_order(void **state)
{
    struct lock_table t;
    struct lock_row *row;
    struct lock_waiter wb = {0}, wc = {0}, wd = {0};
    init_table(&t);
    struct lock_txn *a = add_txn(&t, 1), *b = add_txn(&t, 2), *c = add_txn(&t, 3),
                    *d = add_txn(&t, 4);
    assert_true(acquire(&t, a, "k", KV_LOCK_SHARE, &row));
    assert_false(acquire(&t, b, "k", KV_LOCK_UPDATE, &row));
    lock_wait(&t, &wb, b, row, KV_LOCK_UPDATE);
    /* Compatible with the holder, but it must not overtake the waiting writer. */
    assert_false(acquire(&t, c, "k", KV_LOCK_SHARE, &row));
    lock_wait(&t, &wc, c, row, KV_LOCK_SHARE);
    assert_false(lock_is_free(&t, d, 7, 0, "k", 1, KV_LOCK_KEY_SHARE));
    lock_wait(&t, &wd, d, row, KV_LOCK_KEY_SHARE);
    struct lock_txn *blockers[4];
    assert_int_equal(lock_blockers(&wc, blockers, 4), 1);
    assert_ptr_equal(blockers[0], b);
    lock_txn_end(&t, a, 0);
    assert_true(wb.granted && !wc.granted && !wd.granted);
    assert_int_equal(woken, 1);
    lock_txn_end(&t, b, 0);
    assert_true(wc.granted && wd.granted);
    lock_txn_end(&t, c, 0);
    lock_txn_end(&t, d, 0);
    assert_int_equal(t.row_count, 0);
    assert_int_equal(t.bytes, 0);
    lock_table_done(&t);
}

static void test_upgrade_goes_first(void **state)
{
    struct lock_table t;
    struct lock_row *row;
    struct lock_waiter wa = {0}, wc = {0};
    init_table(&t);
    struct lock_txn *a = add_txn(&t, 1), *b = add_txn(&t, 2), *c = add_txn(&t, 3);
    assert_true(acquire(&t, a, "k", KV_LOCK_KEY_SHARE, &row));
    assert_true(acquire(&t, b, "k", KV_LOCK_KEY_SHARE, &row));
    assert_false(acquire(&t, c, "k", KV_LOCK_UPDATE, &row));
    lock_wait(&t, &wc, c, row, KV_LOCK_UPDATE);
    assert_false(acquire(&t, a, "k", KV_LOCK_UPDATE, &row));
    lock_wait(&t, &wa, a, row, KV_LOCK_UPDATE);
    lock_txn_end(&t, b, 0);
    assert_true(wa.granted && !wc.granted);
    assert_int_equal(lock_held(row, a), KV_LOCK_UPDATE);
    lock_wait_cancel(&t, &wc);
    lock_txn_end(&t, a, 0);
    assert_int_equal(t.row_count, 0);
    lock_txn_end(&t, c, 0);
    lock_table_done(&t);
}

static void test_cancelled_waiter_lets_others_pass(void **state)
{
    struct lock_table t;
    struct lock_row *row;
    struct lock_waiter wb = {0}, wc = {0};
    init_table(&t);
    struct lock_txn *a = add_txn(&t, 1), *b = add_txn(&t, 2), *c = add_txn(&t, 3);
    assert_true(acquire(&t, a, "k", KV_LOCK_SHARE, &row));
    assert_false(acquire(&t, b, "k", KV_LOCK_UPDATE, &row));
    lock_wait(&t, &wb, b, row, KV_LOCK_UPDATE);
    assert_false(acquire(&t, c, "k", KV_LOCK_SHARE, &row));
    lock_wait(&t, &wc, c, row, KV_LOCK_SHARE);
    lock_waits_fail(&t, b, ERR_DEADLOCK_DETECTED);
    assert_int_equal(wb.failed, ERR_DEADLOCK_DETECTED);
    assert_true(wc.granted);
    lock_table_clear(&t, -1);
    assert_int_equal(t.txns.count, 0);
    lock_table_done(&t);
}

static void test_values_by_sequence(void **state)
{
    struct lock_table t;
    struct lock_row *row;
    init_table(&t);
    struct lock_txn *a = add_txn(&t, 1);
    assert_true(acquire(&t, a, "k", KV_LOCK_UPDATE, &row));
    assert_null(lock_value_seen(row, 100, NULL, 0));
    for (uint32_t seq = 2; seq <= 8; seq += 2)
        lock_value_put(&t, a, row, seq, LOCK_OP_PUT, &seq, sizeof seq);
    assert_int_equal(lock_value_seen(row, 4, NULL, 0)->seq,
                     2); /* a statement does not see its own */
    assert_int_equal(lock_value_seen(row, UINT32_MAX, NULL, 0)->seq, 8);
    struct kv_seq_range voided[] = {{3, 5}, {7, 9}};
    assert_int_equal(lock_value_seen(row, UINT32_MAX, voided, 2)->seq, 6);
    assert_int_equal(lock_value_seen(row, 6, voided, 2)->seq, 2);
    lock_txn_rollback(&t, a, 6);
    assert_int_equal(lock_value_seen(row, UINT32_MAX, NULL, 0)->seq, 4);
    lock_table_done(&t);
}

static void test_watchers_and_phases(void **state)
{
    struct lock_table t;
    struct lock_row *row;
    struct lock_watch w = {0}, w2 = {0};
    init_table(&t);
    struct lock_txn *a = add_txn(&t, 1);
    assert_true(acquire(&t, a, "k", KV_LOCK_UPDATE, &row));
    lock_txn_publish(&t, a, 50, 1);
    assert_int_equal(t.prepared_count, 1);
    lock_txn_publish(&t, a, 70,
                     2); /* staged again: readers stay held from the first timestamp on */
    assert_int_equal(a->prep_ts, 50);
    assert_int_equal(t.prepared_count, 1);
    lock_watch_add(&w, a);
    lock_txn_unpublish(&t, a);
    assert_true(w.ended);
    assert_int_equal(t.prepared_count, 0);
    lock_txn_publish(&t, a, 80, 3);
    lock_txn_prepared(&t, a);
    lock_watch_add(&w2, a);
    a->outcome_ts = 90;
    lock_txn_end(&t, a, 0);
    assert_true(w2.ended);
    assert_int_equal(w2.outcome_ts, 90);
    assert_int_equal(watched, 2);
    lock_table_done(&t);
}

static void test_spans_in_order(void **state)
{
    struct lock_table t;
    struct lock_row *row;
    struct prng prng;
    init_table(&t);
    prng_init(&prng, 5);
    struct lock_txn *a = add_txn(&t, 1);
    for (int i = 0; i < 2000; i++) {
        uint8_t key[2] = {(uint8_t)prng_below(&prng, 256), (uint8_t)prng_below(&prng, 256)};
        lock_acquire(&t, a, 7, (uint16_t)(i % 2), key, 2, KV_LOCK_UPDATE, &row);
    }
    uint32_t count = 0;
    for (uint16_t shard = 0; shard < 2; shard++) {
        const struct lock_row *before = NULL;
        for (row = lock_table_seek(&t, 7, shard, "", 0); row; row = lock_row_next(row)) {
            if (before)
                assert_true(key_compare(before->key, 2, row->key, 2) < 0);
            before = row;
            count++;
        }
    }
    assert_int_equal(count, t.row_count);
    row = lock_table_seek(&t, 7, 0, "\x80", 1);
    assert_true(row && row->key[0] >= 0x80);
    assert_null(lock_table_seek(&t, 8, 0, "", 0));
    lock_table_done(&t);
}

/* Many transactions at random: never two conflicting holders, nobody waits for nothing. */
static void test_random_against_rules(void **state)
{
    enum { TXNS = 6, KEYS = 3 };
    struct lock_table t;
    struct prng prng;
    struct lock_txn *txns[TXNS] = {0};
    struct lock_waiter waiters[TXNS];
    bool waiting[TXNS] = {0};
    init_table(&t);
    prng_init(&prng, 11);
    for (int step = 0; step < 200000; step++) {
        uint32_t i = (uint32_t)prng_below(&prng, TXNS);
        if (!txns[i])
            txns[i] = add_txn(&t, 100 + (uint64_t)step);
        if (waiting[i] && (waiters[i].granted || waiters[i].failed))
            waiting[i] = false;
        if (prng_chance(&prng, 0.15)) {
            lock_txn_end(&t, txns[i], 1);
            txns[i] = NULL;
            waiting[i] = false;
            continue;
        }
        if (waiting[i])
            continue;
        char key[2] = {(char)('a' + prng_below(&prng, KEYS)), 0};
        uint8_t mode = (uint8_t)(1 + prng_below(&prng, 4));
        struct lock_row *row;
        bool is_free = lock_is_free(&t, txns[i], 7, 0, key, 1, mode);
        bool got = acquire(&t, txns[i], key, mode, &row);
        assert_int_equal(is_free, got);
        if (!got) {
            waiters[i] = (struct lock_waiter){0};
            lock_wait(&t, &waiters[i], txns[i], row, mode);
            waiting[i] = true;
            struct lock_txn *blockers[TXNS];
            assert_true(lock_blockers(&waiters[i], blockers, TXNS) > 0);
        }
        for (row = lock_table_seek(&t, 7, 0, "", 0); row; row = lock_row_next(row))
            list_each(struct lock_holder, h, &row->holders, row_link)
                list_each(struct lock_holder, o, &row->holders, row_link)
                    assert_true(h == o || !lock_modes_conflict(h->mode, o->mode));
    }
    lock_table_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conflicts),
        cmocka_unit_test(test_queue_order),
        cmocka_unit_test(test_upgrade_goes_first),
        cmocka_unit_test(test_cancelled_waiter_lets_others_pass),
        cmocka_unit_test(test_values_by_sequence),
        cmocka_unit_test(test_watchers_and_phases),
        cmocka_unit_test(test_spans_in_order),
        cmocka_unit_test(test_random_against_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
