/* txn_search.h: breadth-first walk over every reachable state of a model.
 *
 * States met are remembered as 64-bit hashes (two states with one hash would hide one of them; at
 * 10 million states the chance is about 3e-6); only the current and the next breadth keep whole
 * states. Each state remembers its parent and the number of the step that led to it, so the trace
 * to a violation is found again by replaying, and breadth first makes it a shortest one.
 *
 * Liveness: with `live` the edges are kept, and after a complete walk without violation every state
 * is checked to still reach one without a prepared row (backward reachability). A state that cannot
 * is STUCK.
 *
 * Memory: about 30 bytes a state, 8 more an edge with `live`. Runs in the caller's thread;
 * allocation failure ends the program with a message.
 */
#ifndef CAIRN_TESTS_MODEL_TXN_SEARCH_H
#define CAIRN_TESTS_MODEL_TXN_SEARCH_H

#include "tests/model/txn_model.h"

struct search_result {
    uint64_t states, edges;
    int depth;
    bool complete;
    enum violation violation;
    uint64_t stuck; /* states with no way out, with `live` */
    int steps;
    char trace[STEPS_MAX][TEXT_MAX]; /* to the violation */
};

void search_run(const struct model *model, uint64_t states_max, bool live,
                struct search_result *result);

#endif
