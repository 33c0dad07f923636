#include "base/fault.h"

#include <string.h>

static const char *const names[FAULT_COUNT] = {
#define FAULT_DEF(name, doc) [FAULT_##name] = #name,
#include "base/fault.def"
#undef FAULT_DEF
};

void fault_set_init(struct fault_set *set, uint64_t seed)
{
    memset(set, 0, sizeof *set);
    prng_init(&set->prng, seed);
}

void fault_arm_at(struct fault_set *set, enum fault which, uint64_t k)
{
    struct fault_point *p = &set->points[which];
    p->at_visit = p->visits + k;
    p->fires_left = 1;
}

void fault_arm_chance(struct fault_set *set, enum fault which, double probability,
                      uint64_t times_max)
{
    struct fault_point *p = &set->points[which];
    p->probability = probability;
    p->fires_left = times_max;
}

void fault_disarm(struct fault_set *set, enum fault which)
{
    struct fault_point *p = &set->points[which];
    p->at_visit = 0;
    p->probability = 0;
    p->fires_left = 0;
}

bool fault_visit(struct fault_set *set, enum fault which)
{
    struct fault_point *p = &set->points[which];
    uint64_t visit = ++p->visits;
    if (p->fires_left == 0)
        return false;
    bool fires = p->at_visit ? visit == p->at_visit
                             : p->probability > 0 && prng_chance(&set->prng, p->probability);
    if (!fires)
        return false;
    p->fired++;
    if (--p->fires_left == 0)
        fault_disarm(set, which);
    return true;
}

const char *fault_name(enum fault which)
{
    return names[which];
}

int fault_find(const char *name)
{
    for (int i = 0; i < FAULT_COUNT; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}
