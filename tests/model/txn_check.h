/* txn_check.h: what is expected of the scenarios, and the runs that compare it with what is found.
 *
 * check_run() is a bounded part for every test run: the scenarios marked `live` must be complete
 * and clean (liveness included), and each rule in the table of txn_check.c, taken away, must be
 * found in the scenario named there: the explorer is itself tested by bugs planted in the protocol.
 * check_all() searches every scenario completely. Each returns an exit status: 0 when everything
 * was as expected.
 */
#ifndef CAIRN_TESTS_MODEL_TXN_CHECK_H
#define CAIRN_TESTS_MODEL_TXN_CHECK_H

#include "tests/model/txn_search.h"

void check_print(const struct model *model, const struct search_result *result, bool trace);
int check_run(void);
int check_all(uint64_t states_max);
int check_matrix(uint64_t states_max);

#endif
