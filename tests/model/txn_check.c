#include "tests/model/txn_check.h"

#include <stdio.h>
#include <string.h>

enum { STATES_MAX = 3000000 };

void check_print(const struct model *model, const struct search_result *r, bool trace)
{
    char without[200] = "";
    for (int i = 0; i < RULES; i++)
        if (!model->on[i]) {
            strncat(without, " -", sizeof without - strlen(without) - 1);
            strncat(without, rule_name(i), sizeof without - strlen(without) - 1);
        }
    printf("%s%s: %llu states, %llu transitions, depth %d, %s: %s", model->scenario->name, without,
           (unsigned long long)r->states, (unsigned long long)r->edges, r->depth,
           r->violation  ? "VIOLATION"
           : r->complete ? "complete"
                         : "cut",
           violation_name(r->violation));
    if (r->stuck)
        printf(" (%llu states)", (unsigned long long)r->stuck);
    printf("\n");
    for (int i = 0; trace && i < r->steps; i++)
        printf("  %2d. %s\n", i + 1, r->trace[i]);
}

int check_all(uint64_t states_max)
{
    static struct search_result result;
    int bad = 0;
    for (int i = 0; i < scenario_count; i++) {
        struct model model;
        model_init(&model, &scenarios[i]);
        search_run(&model, states_max, scenarios[i].live, &result);
        check_print(&model, &result, true);
        bad += result.violation != FINE;
    }
    return bad != 0;
}

int check_matrix(uint64_t states_max)
{
    static struct search_result result;
    for (int rule = 0; rule < RULES; rule++) {
        printf("%s:\n", rule_name(rule));
        for (int i = 0; i < scenario_count; i++) {
            struct model model;
            model_init(&model, &scenarios[i]);
            model.on[rule] = false;
            model_refresh(&model);
            search_run(&model, states_max, scenarios[i].live, &result);
            if (result.violation)
                printf("  ");
            if (result.violation)
                check_print(&model, &result, false);
        }
    }
    return 0;
}

/* A bug planted by taking a rule away, where masked together with the rule that masks it. */
struct planted {
    int rule, with; /* with: -1 or a second rule */
    const char *scenario;
    enum violation expected;
};

#define PLANT(rule, scenario, expected)                                                            \
    {                                                                                              \
        RULE_##rule, -1, scenario, expected                                                        \
    }
#define PLANT_TWO(rule, with, scenario, expected)                                                  \
    {                                                                                              \
        RULE_##rule, RULE_##with, scenario, expected                                               \
    }

static const struct planted planted[] = {
    PLANT(LOCK_EPOCH, "rewrite", LOST_OWN_WRITE),
    PLANT(SPLIT_LOCKS, "split-calm", NEEDLESS_ABORT),
    PLANT(SPLIT_CACHE, "split-reader", SNAPSHOT_CHANGED),
    PLANT(LOCK_PARTICIPANT, "foreign-key", FOREIGN_KEY),
    PLANT(GEN_AT_EVAL, "split-calm", HALF_COMMIT),
    PLANT(GEN_AT_APPLY, "split-calm", HALF_COMMIT),
    PLANT(STAGE_ORDER, "split-anchor", ACKED_ABORTED),
    PLANT(LOCK_CHECK, "foreign-key", FOREIGN_KEY),
    PLANT(TS_READ_CACHE, "reader", SNAPSHOT_CHANGED),
    PLANT(TS_NEWEST, "same-time", LOST_UPDATE),
    PLANT(PREPARE_ONCE, "commit-repeat", TIMES_DIFFER),
    PLANT(PUBLISH, "reader", SNAPSHOT_CHANGED),
    PLANT(RESOLVE_MARKER, "commit-small", ACKED_ABORTED),
    PLANT(RESOLVED_VISIBLE, "after-resolve", LOST_UPDATE),
    PLANT(RESTAGE_KEEPS_TS, "restage-reader", SNAPSHOT_CHANGED),
    PLANT(RESOLVE_ANY_EPOCH, "restage", STUCK),
    PLANT(VALIDATE_FIRST, "skew", NOT_SERIALIZABLE),
    PLANT(VALIDATE_RAISES, "skew", NOT_SERIALIZABLE),
    PLANT(VALIDATE_LIMIT, "skew-limit", NOT_SERIALIZABLE),
    PLANT(VALIDATE_PUBLISHED, "skew", NOT_SERIALIZABLE),
    PLANT(VALIDATE_PREPARED, "skew-split", NOT_SERIALIZABLE),
    PLANT(VALIDATE_COVERS, "skew-split", NOT_SERIALIZABLE),
    PLANT(EXACT_TS, "skew", NOT_SERIALIZABLE),
    PLANT(MEET_LOCK, "lock-only", STUCK),
    PLANT(SPAN_LIST, "split-moved", ACKED_ABORTED),
    PLANT(FORBID_LOGGED, "commit-repeat", ACKED_ABORTED),
    PLANT(FORBID_YIELDS, "commit-small", ACKED_ABORTED),
    PLANT(FORBID_REFUSES, "commit-small", ACKED_ABORTED),
    PLANT(EPOCH_COUNT, "split-anchor", TIMES_DIFFER),
    PLANT(RECOVERY_RECORD, "commit-small", VERDICTS_DIFFER),
    PLANT(CAS_EPOCH, "restage-reader", TIMES_DIFFER),
    PLANT(TOMBSTONE_CHECKS, "one-entry", VERDICTS_DIFFER),
    PLANT(ABORT_CERTAIN, "commit-small", REPORTED_COMMITTED),
    PLANT(OUTCOME_SLOT, "one-entry", VERDICTS_DIFFER),
    PLANT(ASK_ENTRY, "one-entry", APPLIED_TWICE),
    PLANT(SPLIT_RECORDS, "split-anchor", ACKED_ABORTED),
    PLANT(SPLIT_MARKERS, "split-moved", ACKED_ABORTED),
    PLANT(ABORT_KEPT_LOCKS, "commit-small", VERDICTS_DIFFER),
    PLANT(GC_SPAN, "split-gc", STUCK),
    /* each of these alone is masked by the other: README.md, "Masked rules" */
    PLANT_TWO(ABORT_KEPT, ABORT_KEPT_LOCKS, "commit-gc", VERDICTS_DIFFER),
    PLANT_TWO(OWN_OUTCOME, REFUSAL_UNKNOWN, "one-entry", APPLIED_TWICE),
    PLANT_TWO(HLC_APPLIED, TS_NEWEST, "clock", LOST_UPDATE),
};

static bool check_planted(const struct planted *p)
{
    static struct search_result result;
    struct model model;
    model_init(&model, scenario_find(p->scenario));
    model.on[p->rule] = false;
    if (p->with >= 0)
        model.on[p->with] = false;
    model_refresh(&model);
    search_run(&model, STATES_MAX, model.scenario->live, &result);
    check_print(&model, &result, false);
    if (result.violation == p->expected)
        return true;
    printf("  FAILED: expected: %s\n", violation_name(p->expected));
    return false;
}

static bool check_clean(const struct scenario *scenario)
{
    static struct search_result result;
    struct model model;
    model_init(&model, scenario);
    search_run(&model, STATES_MAX, true, &result);
    check_print(&model, &result, true);
    if (result.complete && !result.violation && result.states == scenario->states)
        return true;
    printf("  FAILED: expected a complete search of %u states\n", scenario->states);
    return false;
}

int check_run(void)
{
    int passed = 0, failed = 0;
    for (int i = 0; i < scenario_count; i++)
        if (scenarios[i].live)
            *(check_clean(&scenarios[i]) ? &passed : &failed) += 1;
    for (unsigned i = 0; i < sizeof planted / sizeof planted[0]; i++)
        *(check_planted(&planted[i]) ? &passed : &failed) += 1;
    printf("txn_explorer: %d passed, %d failed\n", passed, failed);
    return failed != 0;
}
