/* fault.h: named points at which a test or the simulator makes something fail.
 *
 *     if (FAULT(env_fault_set, wal_sync_error))
 *         return err_set(err, ERR_IO_ERROR, ...);
 *
 * The points are listed in fault.def. A fault_set belongs to a node (or a test); production nodes
 * have none (NULL), so the cost is one test of a pointer. A point fires on its k-th visit, with a
 * probability drawn from the set's own seeded generator, or always, a limited number of times.
 *
 * Used from one thread at a time per set (the simulator); under env_uv tests arm points before the
 * load starts and the counters are relaxed atomics.
 */
#ifndef CAIRN_BASE_FAULT_H
#define CAIRN_BASE_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"

enum fault {
#define FAULT_DEF(name, doc) FAULT_##name,
#include "base/fault.def"
#undef FAULT_DEF
    FAULT_COUNT
};

struct fault_point {
    uint64_t visits;
    uint64_t fired;
    uint64_t at_visit;   /* fires when visits reaches it; 0 = not armed so */
    double probability;  /* 0 = not armed so */
    uint64_t fires_left; /* disarms at 0 */
};

struct fault_set {
    struct fault_point points[FAULT_COUNT];
    struct prng prng;
};

void fault_set_init(struct fault_set *set, uint64_t seed);
/* Fires on visit number `k` from now (1 = the next). */
void fault_arm_at(struct fault_set *set, enum fault which, uint64_t k);
void fault_arm_chance(struct fault_set *set, enum fault which, double probability,
                      uint64_t times_max);
void fault_disarm(struct fault_set *set, enum fault which);
bool fault_visit(struct fault_set *set, enum fault which);
const char *fault_name(enum fault which);
/* -1 when unknown */
int fault_find(const char *name);

#define FAULT(set, name) (__builtin_expect((set) != NULL, 0) && fault_visit((set), FAULT_##name))

#endif
