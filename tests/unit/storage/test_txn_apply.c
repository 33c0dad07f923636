/* test_txn_apply.c: each rule of the commit protocol that must hold at apply, whatever order the
 * log has. The group is a state map and a list of the rows written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "storage/tablet/state_map.h"
#include "storage/txn/lock_table.h"
#include "storage/txn/txn_apply.h"

struct group {
    struct state_map state;
    int puts, deletes;
    hlc_time last_ts, threshold;
};
struct group_apply {
    struct group *group;
};

struct group *group_apply_group(struct group_apply *apply)
{
    return apply->group;
}
uint32_t group_id(const struct group *group)
{
    return 2;
}
void group_state_put(struct group_apply *a, const void *k, size_t kl, const void *v, size_t vl)
{
    state_map_put(&a->group->state, k, kl, v, vl);
}
bool group_state_del(struct group_apply *a, const void *k, size_t kl)
{
    return state_map_del(&a->group->state, k, kl);
}
bool group_state_get(const struct group *g, const void *k, size_t kl, const uint8_t **v, size_t *vl)
{
    return state_map_get(&g->state, k, kl, v, vl);
}
void group_state_seek(const struct group *g, struct group_state_iter *it, const void *prefix,
                      size_t n, const void *from, size_t from_len)
{
    *it = (struct group_state_iter){state_map_seek(&g->state, prefix, n), prefix, n};
}
bool group_state_next(struct group_state_iter *it, struct group_state_item *item)
{
    if (!it->at)
        return false;
    item->key = state_node_key(it->at, &item->key_len);
    item->value = state_node_value(it->at, &item->value_len);
    it->at = state_node_next(it->at);
    return item->key_len >= it->prefix_len && !memcmp(item->key, it->prefix, it->prefix_len);
}
void group_tablet_create(struct group_apply *a, const struct kv_schema *s, uint16_t shard)
{
}
void group_tablet_alter(struct group_apply *a, const struct kv_schema *s, uint16_t shard)
{
}
void group_tablet_drop(struct group_apply *a, uint64_t storage, uint16_t shard)
{
}
bool group_tablet_put(struct group_apply *a, uint64_t storage, uint16_t shard, const void *key,
                      size_t kl, hlc_time ts, const void *row, size_t len)
{
    a->group->puts++;
    a->group->last_ts = ts;
    return true;
}
bool group_tablet_delete(struct group_apply *a, uint64_t storage, uint16_t shard, const void *key,
                         size_t kl, hlc_time ts, const void *moved, size_t len)
{
    a->group->deletes++;
    a->group->last_ts = ts;
    return true;
}
void group_gc_threshold_set(struct group_apply *a, hlc_time threshold)
{
    a->group->threshold = threshold;
}

/* ---- entries -------------------------------------------------------------------------------- */

static const struct kv_txn_id t1 = {1, 1, 11}, t2 = {1, 1, 12};
static const uint32_t both[] = {2, 3};

static uint64_t slot(uint64_t order)
{
    return UINT64_C(5) << TXN_ORDER_BITS | order;
}

static uint8_t run(struct group *g, struct txn_command head, const uint32_t *groups,
                   struct txn_answer *out)
{
    struct buf entry = {0};
    struct txn_command parsed;
    static struct txn_answer answer;
    struct group_apply apply = {g};
    bool rows = head.kind == TXN_COMMIT || head.kind == TXN_PREPARE;
    head.n_items = rows;
    if (!head.generation)
        head.generation = 1;
    txn_command_begin(&entry, &head, groups);
    if (rows)
        txn_item_put(&entry, &(struct txn_item){.storage = 9,
                                                .mode = KV_LOCK_UPDATE,
                                                .op = LOCK_OP_PUT,
                                                .key = (const uint8_t *)"k",
                                                .key_len = 1,
                                                .data = (const uint8_t *)"v",
                                                .data_len = 1});
    assert_true(txn_command_decode(entry.data, entry.len, &parsed));
    txn_apply(&apply, 0, &parsed, entry.data, entry.len, &answer, NULL, NULL);
    struct buf bytes = {0};
    txn_answer_put(&bytes, &answer);
    assert_true(txn_answer_decode(bytes.data, bytes.len, &answer));
    buf_done(&bytes);
    buf_done(&entry);
    if (out)
        *out = answer;
    return answer.verdict;
}

static uint8_t commit(struct group *g, const struct kv_txn_id *t, uint64_t order, hlc_time ts)
{
    return run(
        g, (struct txn_command){.kind = TXN_COMMIT, .txn = *t, .session = slot(order), .ts = ts},
        NULL, NULL);
}

static uint8_t prepare(struct group *g, const struct kv_txn_id *t, uint64_t order, uint32_t epoch,
                       hlc_time ts, bool anchor, struct txn_answer *out)
{
    return run(g,
               (struct txn_command){.kind = TXN_PREPARE,
                                    .flags = anchor ? TXN_AT_ANCHOR : 0,
                                    .txn = *t,
                                    .session = slot(order),
                                    .epoch = epoch,
                                    .anchor_group = 2,
                                    .ts = ts,
                                    .n_groups = anchor ? 2 : 0},
               both, out);
}

static uint8_t simple(struct group *g, uint8_t kind, const struct kv_txn_id *t, uint64_t order,
                      uint32_t epoch, struct txn_answer *out)
{
    return run(g,
               (struct txn_command){
                   .kind = kind, .txn = *t, .session = slot(order), .epoch = epoch, .stamp = 100},
               NULL, out);
}

static uint8_t decide(struct group *g, const struct kv_txn_id *t, uint64_t order, uint32_t epoch,
                      bool to_committed, hlc_time ts)
{
    return run(g,
               (struct txn_command){.kind = TXN_CAS,
                                    .flags = to_committed ? TXN_TO_COMMITTED : 0,
                                    .txn = *t,
                                    .session = slot(order),
                                    .epoch = epoch,
                                    .ts = ts},
               NULL, NULL);
}

static void finish(struct group *g, uint8_t what, const struct kv_txn_id *t, uint8_t outcome,
                   bool anchor, uint32_t epoch, hlc_time ts)
{
    struct buf entry = {0};
    struct txn_command parsed;
    static struct txn_answer answer;
    struct group_apply apply = {g};
    txn_command_begin(&entry, &(struct txn_command){.kind = TXN_FINISH, .n_items = 1, .stamp = 100},
                      NULL);
    txn_finish_put(&entry, &(struct txn_finish){.what = what,
                                                .outcome = outcome,
                                                .at_anchor = anchor,
                                                .txn = *t,
                                                .session = slot(1),
                                                .epoch = epoch,
                                                .anchor_group = 2,
                                                .ts = ts});
    assert_true(txn_command_decode(entry.data, entry.len, &parsed));
    txn_apply(&apply, 0, &parsed, entry.data, entry.len, &answer, NULL, NULL);
    buf_done(&entry);
}

static struct group *make_group(void)
{
    struct group *g = calloc(1, sizeof *g);
    state_map_init(&g->state);
    return g;
}

static void free_group(struct group *g)
{
    state_map_done(&g->state);
    free(g);
}

/* ---- one group ------------------------------------------------------------------------------ */

static void test_commit_once(void **state)
{
    struct group *g = make_group();
    assert_int_equal(commit(g, &t1, 1, 50), TXN_COMMITTED);
    assert_int_equal(g->puts, 1);
    struct txn_answer answer;
    struct txn_command again = {.kind = TXN_COMMIT, .txn = t1, .session = slot(1), .ts = 70};
    assert_int_equal(run(g, again, NULL, &answer),
                     TXN_COMMITTED); /* answered with its own outcome */
    assert_int_equal(answer.ts, 50);
    assert_int_equal(g->puts, 1);
    assert_int_equal(simple(g, TXN_ASK, &t1, 1, 0, &answer), TXN_COMMITTED);
    assert_int_equal(answer.ts, 50);
    free_group(g);
}

static void test_asked_first_means_aborted(void **state)
{
    struct group *g = make_group();
    assert_int_equal(simple(g, TXN_ASK, &t1, 1, 0, NULL), TXN_ABORTED);
    assert_int_equal(commit(g, &t1, 1, 50), TXN_ABORTED);
    assert_int_equal(prepare(g, &t1, 1, 1, 50, true, NULL), TXN_ABORTED);
    assert_int_equal(g->puts, 0);
    free_group(g);
}

static void test_slot_moves_on(void **state)
{
    struct group *g = make_group();
    assert_int_equal(commit(g, &t2, 2, 60), TXN_COMMITTED);
    assert_int_equal(commit(g, &t1, 1, 70),
                     TXN_GONE); /* an earlier order of the slot comes too late */
    assert_int_equal(simple(g, TXN_ASK, &t1, 1, 0, NULL), TXN_GONE);
    assert_int_equal(g->puts, 1);
    assert_int_equal(commit(g, &t1, 3, 80), TXN_COMMITTED);
    free_group(g);
}

static void test_stale_generation(void **state)
{
    struct group *g = make_group();
    struct txn_answer answer;
    struct txn_command c = {
        .kind = TXN_COMMIT, .txn = t1, .session = slot(1), .ts = 50, .generation = 4};
    assert_int_equal(run(g, c, NULL, &answer), TXN_STALE);
    assert_int_equal(answer.generation, 1);
    c.kind = TXN_PREPARE;
    assert_int_equal(run(g, c, NULL, NULL), TXN_STALE);
    assert_int_equal(g->puts, 0);
    assert_int_equal(g->state.count, 0);
    free_group(g);
}

/* ---- several groups ------------------------------------------------------------------------- */

static void test_prepare_once_an_epoch(void **state)
{
    struct group *g = make_group();
    struct txn_answer answer;
    assert_int_equal(prepare(g, &t1, 1, 2, 50, true, &answer), TXN_PREPARED);
    assert_int_equal(prepare(g, &t1, 1, 2, 90, true, &answer), TXN_PREPARED);
    assert_int_equal(answer.ts, 50); /* from the first */
    assert_int_equal(prepare(g, &t1, 1, 1, 95, true, &answer), TXN_NEWER);
    assert_int_equal(prepare(g, &t1, 1, 3, 99, true, &answer), TXN_PREPARED);
    assert_int_equal(answer.ts, 99);
    struct txn_record record;
    assert_true(txn_state_record(g, &t1, &record));
    assert_int_equal(record.epoch, 3);
    assert_int_equal(g->puts, 0);
    free_group(g);
}

static hlc_time prepared_from(struct group *g, const struct kv_txn_id *t)
{
    uint8_t key[TXN_KEY_MAX];
    const uint8_t *value;
    size_t len;
    assert_true(group_state_get(g, key, txn_key_make(key, 'P', t), &value, &len));
    return txn_prepared_from(value, len);
}

static void test_staged_again(void **state)
{
    struct group *g = make_group();
    struct txn_answer answer;
    prepare(g, &t1, 1, 1, 50, false, NULL);
    assert_int_equal(prepared_from(g, &t1), 50);
    assert_int_equal(prepare(g, &t1, 1, 2, 80, false, &answer), TXN_PREPARED);
    assert_int_equal(answer.ts, 80);
    assert_int_equal(prepared_from(g, &t1), 50); /* readers stay held from there on */
    finish(g, TXN_RESOLVE, &t1, TXN_COMMITTED, false, 1,
           60); /* recovery committed the first epoch */
    assert_int_equal(g->puts, 1);
    assert_int_equal(g->last_ts, 60);
    free_group(g);
}

static void test_record_changes_once(void **state)
{
    struct group *g = make_group();
    prepare(g, &t1, 1, 2, 50, true, NULL);
    assert_int_equal(decide(g, &t1, 1, 1, true, 60),
                     TXN_STAGING); /* another epoch decides nothing */
    assert_int_equal(decide(g, &t1, 1, 2, true, 60), TXN_COMMITTED);
    assert_int_equal(decide(g, &t1, 1, 2, false, 0),
                     TXN_COMMITTED); /* who loses takes what stands */
    assert_int_equal(prepare(g, &t1, 1, 9, 99, true, NULL), TXN_COMMITTED);
    free_group(g);
}

static void test_forbid_against_prepare(void **state)
{
    struct group *g = make_group();
    struct txn_answer answer;
    assert_int_equal(simple(g, TXN_FORBID, &t1, 1, 1, NULL), TXN_FORBIDDEN);
    assert_int_equal(prepare(g, &t1, 1, 1, 50, false, NULL), TXN_FORBIDDEN);
    assert_int_equal(prepare(g, &t1, 1, 7, 50, false, NULL), TXN_FORBIDDEN);
    assert_int_equal(prepare(g, &t2, 2, 1, 50, false, NULL), TXN_PREPARED);
    assert_int_equal(simple(g, TXN_FORBID, &t2, 2, 1, &answer), TXN_PREPARED);
    assert_int_equal(answer.ts, 50);
    assert_int_equal(prepare(g, &t2, 2, 2, 60, false, NULL), TXN_PREPARED);
    assert_int_equal(simple(g, TXN_FORBID, &t2, 2, 1, &answer),
                     TXN_NEWER); /* the record has to be read again */
    assert_int_equal(simple(g, TXN_FORBID, &t2, 2, 3, &answer),
                     TXN_FORBIDDEN); /* an older prepare counts for nothing */
    free_group(g);
}

static void test_resolve_leaves_marker(void **state)
{
    struct group *g = make_group();
    struct txn_answer answer;
    prepare(g, &t1, 1, 1, 50, false, NULL);
    finish(g, TXN_RESOLVE, &t1, TXN_COMMITTED, false, 1, 70);
    assert_int_equal(g->puts, 1);
    assert_int_equal(g->last_ts, 70);
    assert_int_equal(simple(g, TXN_FORBID, &t1, 1, 1, &answer), TXN_COMMITTED);
    assert_int_equal(answer.ts, 70);
    assert_int_equal(prepare(g, &t1, 1, 1, 90, false, &answer), TXN_COMMITTED);
    finish(g, TXN_RESOLVE, &t1, TXN_COMMITTED, false, 1, 70); /* twice is once */
    assert_int_equal(g->puts, 1);
    finish(g, TXN_DROP_MARKER, &t1, TXN_COMMITTED, false, 1, 70);
    assert_int_equal(g->state.count, 0);
    free_group(g);
}

static void test_resolve_at_anchor_decides(void **state)
{
    struct group *g = make_group();
    prepare(g, &t1, 1, 1, 50, true, NULL);
    finish(g, TXN_RESOLVE, &t1, TXN_COMMITTED, true, 1, 70);
    struct txn_record record;
    assert_true(txn_state_record(g, &t1, &record));
    assert_int_equal(record.status, TXN_COMMITTED);
    assert_int_equal(g->puts, 1);
    finish(g, TXN_DROP_RECORD, &t1, TXN_COMMITTED, true, 1, 70);
    assert_false(txn_state_record(g, &t1, &record));
    assert_int_equal(simple(g, TXN_ASK, &t1, 1, 0, NULL), TXN_COMMITTED); /* the slot still knows */
    free_group(g);
}

static void test_resolve_yields_to_record(void **state)
{
    struct group *g = make_group();
    prepare(g, &t1, 1, 1, 50, true, NULL);
    assert_int_equal(decide(g, &t1, 1, 1, false, 0), TXN_ABORTED);
    finish(g, TXN_RESOLVE, &t1, TXN_COMMITTED, true, 1, 70); /* whoever sent it lost */
    assert_int_equal(g->puts, 0);
    finish(g, TXN_RESOLVE, &t1, TXN_ABORTED, true, 1, 0);
    struct txn_command prepared;
    assert_false(txn_state_prepared(g, &t1, &prepared));
    assert_int_equal(prepare(g, &t1, 1, 2, 90, true, NULL), TXN_ABORTED);
    free_group(g);
}

static void test_abort_overtakes_prepare(void **state)
{
    struct group *g = make_group();
    finish(g, TXN_RESOLVE, &t1, TXN_ABORTED, false, 1, 0); /* its prepare is still on the way */
    assert_int_equal(prepare(g, &t1, 1, 1, 50, false, NULL), TXN_FORBIDDEN);
    free_group(g);
}

static void test_ages(void **state)
{
    struct group *g = make_group();
    struct txn_command gc = {.kind = TXN_GC, .ts = 40, .stamp = 99};
    simple(g, TXN_ASK, &t1, 1, 0, NULL); /* stamped 100 */
    simple(g, TXN_FORBID, &t2, 2, 1, NULL);
    assert_int_equal(run(g, gc, NULL, NULL), TXN_DONE);
    assert_int_equal(g->threshold, 40);
    assert_int_equal(g->state.count, 2);
    gc.stamp = 101;
    run(g, gc, NULL, NULL);
    assert_int_equal(g->state.count, 0);
    /* What is undecided or committed does not age. */
    prepare(g, &t1, 1, 1, 50, true, NULL);
    gc.stamp = UINT64_MAX;
    run(g, gc, NULL, NULL);
    struct txn_record record;
    assert_true(txn_state_record(g, &t1, &record));
    free_group(g);
}

static void test_ids_never_repeat(void **state)
{
    struct group *g = make_group();
    struct txn_answer answer;
    struct txn_command alloc = {.kind = TXN_ALLOC};
    uint64_t last = 0;
    for (int i = 0; i < 3; i++) {
        struct group_apply apply = {g};
        struct buf entry = {0};
        struct txn_command parsed;
        alloc.n_items = 10;
        txn_command_begin(&entry, &alloc, NULL);
        assert_true(txn_command_decode(entry.data, entry.len, &parsed));
        txn_apply(&apply, 0, &parsed, entry.data, entry.len, &answer, NULL, NULL);
        assert_true(answer.first >= 16384 && answer.first >= last + (i ? 10 : 0));
        last = answer.first;
        buf_done(&entry);
    }
    free_group(g);
}

static void test_hostile_bytes(void **state)
{
    struct buf entry = {0};
    struct txn_command parsed, head = {.kind = TXN_PREPARE, .txn = t1, .n_groups = 2, .n_items = 1};
    txn_command_begin(&entry, &head, both);
    for (size_t len = 0; len < entry.len; len++)
        assert_false(txn_command_decode(entry.data, len, &parsed));
    entry.data[1] = 99;
    assert_false(txn_command_decode(entry.data, entry.len, &parsed));
    buf_done(&entry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit_once),
        cmocka_unit_test(test_asked_first_means_aborted),
        cmocka_unit_test(test_slot_moves_on),
        cmocka_unit_test(test_stale_generation),
        cmocka_unit_test(test_prepare_once_an_epoch),
        cmocka_unit_test(test_staged_again),
        cmocka_unit_test(test_record_changes_once),
        cmocka_unit_test(test_forbid_against_prepare),
        cmocka_unit_test(test_resolve_leaves_marker),
        cmocka_unit_test(test_resolve_at_anchor_decides),
        cmocka_unit_test(test_resolve_yields_to_record),
        cmocka_unit_test(test_abort_overtakes_prepare),
        cmocka_unit_test(test_ages),
        cmocka_unit_test(test_ids_never_repeat),
        cmocka_unit_test(test_hostile_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
