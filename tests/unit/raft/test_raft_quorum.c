/* Quorums by exhaustion against a slow definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "raft/raft_quorum.h"

static struct raft_conf make_conf(const uint8_t *roles, int count)
{
    struct raft_conf conf = {.count = (uint8_t)count};

    for (int i = 0; i < count; i++) {
        conf.members[i].replica_id = (uint64_t)i + 1;
        conf.members[i].roles = roles[i];
    }
    return conf;
}

/* A set of members is a quorum if it holds more than half of each group of voters that exists. */
static int is_quorum(const struct raft_conf *conf, unsigned set)
{
    for (int role = RAFT_VOTER; role <= RAFT_VOTER_OUTGOING; role <<= 1) {
        int voters = 0, in = 0;

        for (int i = 0; i < conf->count; i++) {
            if (!(conf->members[i].roles & role))
                continue;
            voters++;
            in += (set >> i) & 1;
        }
        if (voters == 0 && role == RAFT_VOTER)
            return 0;
        if (voters > 0 && in <= voters / 2)
            return 0;
    }
    return 1;
}

static void check_values(const struct raft_conf *conf, const uint64_t *values)
{
    uint64_t best = 0;

    for (uint64_t v = 1; v <= 3; v++) {
        unsigned set = 0;

        for (int i = 0; i < conf->count; i++)
            set |= (unsigned)(values[i] >= v) << i;
        if (is_quorum(conf, set))
            best = v;
    }
    assert_int_equal(raft_quorum_value(conf, values), best);
}

static void check_votes(const struct raft_conf *conf, const int8_t *votes)
{
    unsigned yes = 0, open = 0;
    enum raft_vote_outcome expected;

    for (int i = 0; i < conf->count; i++) {
        yes |= (unsigned)(votes[i] > 0) << i;
        open |= (unsigned)(votes[i] >= 0) << i;
    }
    expected = is_quorum(conf, yes)    ? RAFT_VOTE_WON
               : is_quorum(conf, open) ? RAFT_VOTE_PENDING
                                       : RAFT_VOTE_LOST;
    assert_int_equal(raft_quorum_votes(conf, votes), expected);
}

static void check_conf(const uint8_t *roles, int count)
{
    struct raft_conf conf = make_conf(roles, count);
    int combinations = 1;

    for (int i = 0; i < count; i++)
        combinations *= 4;
    for (int c = 0; c < combinations; c++) {
        uint64_t values[RAFT_MEMBERS_MAX] = {0};
        int8_t votes[RAFT_MEMBERS_MAX] = {0};

        for (int i = 0, rest = c; i < count; i++, rest /= 4) {
            values[i] = (uint64_t)(rest % 4);
            votes[i] = (int8_t)(rest % 4 == 3 ? 0 : rest % 4 - 1);
        }
        check_values(&conf, values);
        check_votes(&conf, votes);
    }
}

static void test_all_small(void **unused)
{
    static const uint8_t kinds[] = {RAFT_VOTER, RAFT_VOTER_OUTGOING,
                                    RAFT_VOTER | RAFT_VOTER_OUTGOING, RAFT_LEARNER};

    for (int count = 1; count <= 4; count++) {
        int shapes = 1;

        for (int i = 0; i < count; i++)
            shapes *= 4;
        for (int shape = 0; shape < shapes; shape++) {
            uint8_t roles[4];

            for (int i = 0, rest = shape; i < count; i++, rest /= 4)
                roles[i] = kinds[rest % 4];
            check_conf(roles, count);
        }
    }
}

static void test_five_and_joint(void **unused)
{
    const uint8_t five[] = {1, 1, 1, 1, 1};
    const uint8_t joint[] = {2, 2, 3, 1, 1, 4};

    check_conf(five, 5);
    check_conf(joint, 6);
}

static void test_empty(void **unused)
{
    struct raft_conf conf = {0};
    int8_t votes[1] = {1};
    uint64_t values[1] = {9};

    assert_int_equal(raft_quorum_value(&conf, values), 0);
    assert_int_not_equal(raft_quorum_votes(&conf, votes), RAFT_VOTE_WON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_small),
                                       cmocka_unit_test(test_five_and_joint),
                                       cmocka_unit_test(test_empty)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
