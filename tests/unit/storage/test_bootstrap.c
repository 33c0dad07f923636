/* Forming a cluster: the decisions under every order of answers, crashes and losses that chance
 * draws. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "storage/placement/bootstrap.h"

enum { NODES = 3 };

struct node {
    bool up;
    bool has, complete; /* on disk */
    uint8_t cluster;
    bool ran;    /* its groups were started at least once since its disk was new */
    bool failed; /* ended with an error */
    bool stale;  /* holds answers it has not acted on */
    struct bootstrap_stand heard[NODES];
};

struct world {
    struct join_list list;
    struct node nodes[NODES];
    struct prng prng;
    uint8_t next_cluster;
};

static void fill_stand(const struct world *w, int i, struct bootstrap_stand *s)
{
    const struct node *n = &w->nodes[i];
    *s = (struct bootstrap_stand){.answered = true,
                                  .same_list = true,
                                  .has_identity = n->has,
                                  .complete = n->has && n->complete,
                                  .nonce = (uint64_t)i};
    if (n->has) {
        s->cluster_id[0] = n->cluster;
        s->node_id = (uint32_t)i + 1;
    }
}

static void ask(struct world *w, int i)
{
    struct node *me = &w->nodes[i];
    for (int o = 0; o < NODES; o++) {
        me->heard[o] = (struct bootstrap_stand){0};
        if (o != i && w->nodes[o].up && prng_chance(&w->prng, 0.8))
            fill_stand(w, o, &me->heard[o]);
    }
    me->stale = true;
}

static void offer(struct world *w, int i)
{
    struct node *me = &w->nodes[i];
    for (int o = 0; o < NODES; o++) {
        struct node *to = &w->nodes[o];
        if (o == i || me->heard[o].has_identity || !to->up || prng_chance(&w->prng, 0.3))
            continue;
        struct store_identity *id = calloc(1, sizeof *id);
        id->cluster_id[0] = me->cluster;
        id->n_nodes = NODES;
        id->node_id = (uint32_t)o + 1;
        for (int k = 0; k < NODES; k++)
            strcpy(id->nodes[k].rpc, w->list.addresses[k]);
        struct bootstrap_stand stand;
        fill_stand(w, o, &stand);
        if (bootstrap_check_offer(&w->list, o, &stand, id, NULL) == 0) {
            assert_true(!to->has || to->cluster == me->cluster);
            to->has = true;
            to->cluster = me->cluster;
        }
        free(id);
    }
}

static void act(struct world *w, int i)
{
    struct node *me = &w->nodes[i];
    if (!me->stale)
        return;
    me->stale = false;
    struct bootstrap_stand own;
    fill_stand(w, i, &own);
    switch (bootstrap_decide(&w->list, i, &own, me->heard, NULL)) {
    case BOOTSTRAP_WAIT: break;
    case BOOTSTRAP_FORM:
        assert_false(me->has);
        me->has = true;
        me->cluster = ++w->next_cluster;
        break;
    case BOOTSTRAP_OFFER: offer(w, i); break;
    case BOOTSTRAP_COMPLETE:
        assert_true(me->has);
        me->complete = me->ran = true;
        break;
    case BOOTSTRAP_FAIL: me->failed = true; break;
    }
}

/* No group has a quorum under two clusters; nobody runs before everybody held the identity. */
static void check_world(const struct world *w)
{
    uint8_t running = 0;
    for (int i = 0; i < NODES; i++) {
        const struct node *n = &w->nodes[i];
        if (!n->ran)
            continue;
        assert_true(running == 0 || running == n->cluster);
        running = n->cluster;
    }
}

static void init_world(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    prng_init(&w->prng, seed);
    assert_int_equal(join_list_parse("c:3,a:1, b:2", &w->list, NULL), 0);
    for (int i = 0; i < NODES; i++)
        w->nodes[i].up = true;
}

static void step(struct world *w, bool losses)
{
    int i = (int)prng_below(&w->prng, NODES);
    struct node *n = &w->nodes[i];
    uint64_t dice = prng_below(&w->prng, 100);
    if (dice < 8) {
        n->up = !n->up; /* crash: answers are forgotten, the disk is not */
        n->stale = false;
    } else if (dice < 10 && losses) {
        *n = (struct node){.up = true}; /* came back with an empty disk */
    } else if (n->up && !n->failed) {
        if (dice < 55)
            ask(w, i);
        else
            act(w, i);
    }
}

static void test_forms_once_under_crashes(void **state)
{
    int formed = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct world w;
        init_world(&w, seed);
        for (int s = 0; s < 300; s++) {
            step(&w, false);
            check_world(&w);
        }
        for (int i = 0; i < NODES; i++) {
            assert_false(w.nodes[i].failed);
            w.nodes[i].up = true;
        }
        for (int s = 0; s < 400; s++) {
            int i = (int)prng_below(&w.prng, NODES);
            ask(&w, i);
            act(&w, i);
            check_world(&w);
        }
        for (int i = 0; i < NODES; i++)
            formed += w.nodes[i].complete;
    }
    assert_int_equal(formed, 300 * NODES); /* all healthy: all complete */
}

/* With whole disks lost the cluster may have to stay unformed, never be two, and no lost store
 * comes back. */
static void test_losses_never_make_two(void **state)
{
    int refused = 0;
    for (uint64_t seed = 1; seed <= 600; seed++) {
        struct world w;
        init_world(&w, seed);
        for (int s = 0; s < 400; s++) {
            step(&w, true);
            bool had_run = false;
            for (int i = 0; i < NODES; i++)
                had_run = had_run || w.nodes[i].ran;
            if (had_run)
                check_world(&w);
        }
        for (int i = 0; i < NODES; i++)
            refused += w.nodes[i].failed;
    }
    assert_true(refused > 0);
}

static void test_lists(void **state)
{
    struct join_list a, b;
    struct err err = {0};
    assert_int_equal(join_list_parse("n1:7000,n2:7000", &a, &err), 0);
    assert_int_equal(join_list_parse(" n2:7000 , n1:7000", &b, &err), 0);
    assert_true(join_list_equal(&a, &b));
    assert_int_equal(join_list_find(&a, "n2:7000"), 1);
    assert_int_equal(join_list_find(&a, "n3:7000"), -1);
    const char *bad[] = {"", "n1", "n1:", ":7000", "n1:x", "n1:70000", "n1:1,,n2:1", "n1:1,n1:1",
                         "n1:1,"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(join_list_parse(bad[i], &b, &err), ERR_INVALID_PARAMETER_VALUE);
    char host[64];
    uint16_t port;
    assert_int_equal(join_address_split("[::1]:26257", host, sizeof host, &port, &err), 0);
    assert_string_equal(host, "::1");
    assert_int_equal(port, 26257);
}

static void test_refusals_say_why(void **state)
{
    struct world w;
    struct err err = {0};
    init_world(&w, 1);
    w.nodes[0] = (struct node){.up = true, .has = true, .complete = true, .cluster = 1};
    w.nodes[1] = (struct node){.up = true, .has = true, .complete = true, .cluster = 2};
    struct bootstrap_stand me, heard[NODES] = {0};
    fill_stand(&w, 0, &me);
    fill_stand(&w, 1, &heard[1]);
    assert_int_equal(bootstrap_decide(&w.list, 0, &me, heard, &err), BOOTSTRAP_FAIL);
    assert_non_null(strstr(err.message, "belongs to cluster 02"));
    fill_stand(&w, 2, &me);
    assert_int_equal(bootstrap_decide(&w.list, 2, &me, heard, &err), BOOTSTRAP_FAIL);
    assert_non_null(strstr(err.message, "empty"));
}

static void test_messages(void **state)
{
    struct world w;
    init_world(&w, 1);
    w.nodes[1] = (struct node){.up = true, .has = true, .complete = true, .cluster = 9};
    struct bootstrap_stand stand, got;
    fill_stand(&w, 1, &stand);
    strcpy(stand.sql, "h:5432");
    struct buf msg = {0};
    bootstrap_put_stand(&msg, &stand, &w.list);
    assert_int_equal(bootstrap_take_stand(msg.data, msg.len, &w.list, &got, NULL), 0);
    assert_true(got.same_list && got.has_identity && got.complete && got.cluster_id[0] == 9);
    assert_string_equal(got.sql, "h:5432");
    struct join_list other;
    assert_int_equal(join_list_parse("a:1,b:2", &other, NULL), 0);
    assert_int_equal(bootstrap_take_stand(msg.data, msg.len, &other, &got, NULL), 0);
    assert_false(got.same_list);
    for (size_t cut = 0; cut < msg.len; cut++)
        assert_int_not_equal(bootstrap_take_stand(msg.data, cut, &w.list, &got, NULL), 0);
    msg.data[0] = 2;
    assert_int_equal(bootstrap_take_stand(msg.data, msg.len, &w.list, &got, NULL),
                     ERR_FEATURE_NOT_SUPPORTED);
    buf_done(&msg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms_once_under_crashes),
        cmocka_unit_test(test_losses_never_make_two),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_refusals_say_why),
        cmocka_unit_test(test_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
