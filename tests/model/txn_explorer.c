/* txn_explorer.c: the command line of the commit protocol's explorer. See tests/model/README.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/model/txn_check.h"
#include "tests/model/txn_search.h"

static int usage(void)
{
    fprintf(
        stderr,
        "usage: txn_explorer list\n"
        "       txn_explorer run SCENARIO [--without RULE]... [--max-states N] [--live]\n"
        "       txn_explorer all [--max-states N]   every scenario, all rules on\n"
        "       txn_explorer matrix [--max-states N]   which scenario finds which rule's absence\n"
        "       txn_explorer check   the part that `make test` runs\n");
    return 2;
}

static int list(void)
{
    printf("scenarios\n");
    for (int i = 0; i < scenario_count; i++)
        printf("  %-16s %s\n", scenarios[i].name, scenarios[i].about);
    printf("rules (step of the protocol; 9 real time, + added here)\n");
    for (int i = 0; i < RULES; i++)
        printf("  %-18s %s  %s\n", rule_name(i), rule_step(i), rule_text(i));
    return 0;
}

static int run(int argc, char **argv)
{
    static struct search_result result;
    struct model model;
    const struct scenario *scenario = argc ? scenario_find(argv[0]) : NULL;
    uint64_t states_max = UINT32_MAX - 1;
    bool live = false;
    if (!scenario)
        return usage();
    model_init(&model, scenario);
    for (int i = 1; i < argc; i++) {
        int rule = i + 1 < argc ? rule_find(argv[i + 1]) : -1;
        if (strcmp(argv[i], "--live") == 0)
            live = true;
        else if (strcmp(argv[i], "--without") == 0 && rule >= 0)
            model.on[rule] = false, i++;
        else if (strcmp(argv[i], "--max-states") == 0 && i + 1 < argc)
            states_max = strtoull(argv[++i], NULL, 10);
        else
            return usage();
    }
    model_refresh(&model);
    search_run(&model, states_max, live, &result);
    check_print(&model, &result, true);
    return result.violation ? 1 : 0;
}

int main(int argc, char **argv)
{
    uint64_t states_max = UINT32_MAX - 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 4 && strcmp(argv[2], "--max-states") == 0)
        states_max = strtoull(argv[3], NULL, 10);
    if (argc == 2 && strcmp(argv[1], "list") == 0)
        return list();
    if (argc > 2 && strcmp(argv[1], "run") == 0)
        return run(argc - 2, argv + 2);
    if (argc == 2 && strcmp(argv[1], "check") == 0)
        return check_run();
    if (argc > 1 && strcmp(argv[1], "all") == 0)
        return check_all(states_max);
    if (argc > 1 && strcmp(argv[1], "matrix") == 0)
        return check_matrix(states_max);
    return usage();
}
