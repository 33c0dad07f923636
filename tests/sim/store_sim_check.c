/* store_sim_check.c: what a run remembers and what must hold; see store_sim.h. */
#include <stdio.h>
#include <stdlib.h>

#include "base/row.h"
#include "raft/raft.h"
#include "storage/lsm/lsm.h"
#include "tests/sim/store_sim_int.h"

uint64_t world_issue(struct world *world, uint32_t group)
{
    if (world->n_issued + 1 >= world->cap_issued) {
        world->cap_issued = world->cap_issued ? world->cap_issued * 2 : 4096;
        world->issued = realloc(world->issued, world->cap_issued * sizeof *world->issued);
    }
    uint64_t number = ++world->n_issued; /* from 1 */
    world->issued[number] = (struct issued){.group = (uint8_t)group, .fate = FATE_OPEN};
    return number;
}

static struct applied *log_slot(struct world *world, uint32_t group, raft_index index)
{
    while (index >= world->log_cap[group]) {
        uint64_t cap = world->log_cap[group] ? world->log_cap[group] * 2 : 1024;
        world->log[group] = realloc(world->log[group], cap * sizeof *world->log[group]);
        memset(world->log[group] + world->log_cap[group], 0,
               (cap - world->log_cap[group]) * sizeof *world->log[group]);
        world->log_cap[group] = cap;
    }
    return &world->log[group][index];
}

/* Which register the command just applied wrote: the one that names it now. */
static int32_t register_of(const struct group *group, uint64_t number)
{
    for (uint32_t reg = 0; reg < WORLD_REGISTERS; reg++) {
        uint64_t last, writes;
        if (machine_register(group, reg, &last, &writes) && last == number)
            return (int32_t)reg;
    }
    return -1;
}

void world_note_applied(struct store_machine_watch *watch, const struct group *group,
                        raft_index index, uint64_t digest, uint64_t number)
{
    struct world_node *node = (struct world_node *)watch;
    struct world *world = node->world;
    uint32_t id = group_id(group);
    struct applied *slot = log_slot(world, id, index);
    if (slot->digest == 0) {
        *slot = (struct applied){digest, number, register_of(group, number)};
        if (index > world->log_last[id])
            world->log_last[id] = index;
    } else if (slot->digest != digest || slot->number != number) {
        world_violate(world, "node %u applied another history at index %llu of group %u",
                      node->i + 1, (unsigned long long)index, id);
    }
    if (number > world->n_issued || world->issued[number].group != id)
        world_violate(world, "group %u applied command %llu, which was never proposed to it", id,
                      (unsigned long long)number);
}

void world_note_identity(struct world_node *node, const struct store_identity *identity)
{
    struct world *world = node->world;
    if (!world->formed)
        memcpy(world->cluster_id, identity->cluster_id, 16);
    world->formed = true;
    if (memcmp(world->cluster_id, identity->cluster_id, 16) != 0)
        world_violate(world, "node %u is in a second cluster", node->i + 1);
    if (identity->node_id != node->i + 1 || identity->n_nodes != world->n_nodes)
        world_violate(world, "node %u calls itself %u of %u", node->i + 1, identity->node_id,
                      identity->n_nodes);
}

/* What is loaded must be the state of its index. */
void world_note_loaded(struct store_machine_watch *watch, const struct group *group, bool again)
{
    struct world_node *node = (struct world_node *)watch;
    struct world *world = node->world;
    uint32_t id = group_id(group);
    raft_index index = group_applied(group);
    world->result->snapshots += again;
    world->result->checkpoints += !again && index > 0;
    while (index > 0 && log_slot(world, id, index)->digest == 0)
        index--; /* entries that are no commands */
    uint64_t digest = index ? log_slot(world, id, index)->digest : 0;
    if (machine_digest(group) != digest)
        world_violate(world, "node %u loaded a state of group %u that is not that of index %llu",
                      node->i + 1, id, (unsigned long long)group_applied(group));
}

/* ---- the end ---- */

struct look {
    struct world_node *node;
    struct group *group;
};

/* The tablet at each recorded write's timestamp. */
static void check_versions(struct task *task, const struct look *look)
{
    struct world *world = look->node->world;
    uint32_t id = group_id(look->group);
    struct lsm *lsm = group_tablet(look->group, machine_storage(look->group, MACHINE_STORAGE), 0);
    struct err err;
    uint64_t step = 1 + world->log_last[id] / 300;
    for (raft_index index = world->log_last[id]; index > 0 && world->result->ok;
         index = index > step ? index - step : 0) {
        const struct applied *slot = log_slot(world, id, index);
        if (slot->reg < 0 || slot->digest == 0)
            continue;
        uint8_t key[5] = {0x02};
        machine_key((uint32_t)slot->reg, key + 1);
        struct lsm_version_info info = {0};
        struct buf row = {0};
        struct datum value = {0};
        int rc = lsm ? lsm_get(task, lsm, key, sizeof key, hlc_make(index, 0), &info, &row, &err)
                     : 0;
        if (rc || !info.found || row_find(row.data, row.len, 2, &value) != 1 ||
            value.u.i64 != (int64_t)slot->number || info.ts != hlc_make(index, 0))
            world_violate(world, "node %u group %u: the tablet does not hold what index %llu wrote",
                          look->node->i + 1, id, (unsigned long long)index);
        world->result->versions_checked++;
        buf_done(&row);
    }
}

/* The newest version of a row must (not) be there and hold that number. */
static bool is_row(struct task *task, struct lsm *lsm, uint32_t reg, bool want, uint64_t number)
{
    uint8_t key[5] = {0x02};
    struct lsm_version_info info = {0};
    struct buf row = {0};
    struct datum value = {0};
    struct err err;
    machine_key(reg, key + 1);
    bool ok = lsm_get(task, lsm, key, sizeof key, HLC_MAX, &info, &row, &err) == 0 &&
              info.found == want;
    if (ok && want)
        ok = row_find(row.data, row.len, 2, &value) == 1 && value.u.i64 == (int64_t)number;
    buf_done(&row);
    return ok;
}

/* The scratch tablet holds what was put since it was last emptied, and nothing older; of a large
 * command there is all or nothing. */
static void check_contents(struct task *task, const struct look *look)
{
    struct world *world = look->node->world;
    struct lsm *scratch =
        group_tablet(look->group, machine_storage(look->group, MACHINE_SCRATCH_STORAGE), 0);
    struct lsm *many =
        group_tablet(look->group, machine_storage(look->group, MACHINE_MANY_STORAGE), 0);
    uint64_t number = 0;
    uint32_t rows = 0;
    for (uint32_t reg = 0; reg < WORLD_REGISTERS && scratch; reg++) {
        bool want = machine_scratch(look->group, reg, &number);
        if (!is_row(task, scratch, reg, want, number))
            world_violate(world, "node %u group %u: the scratch tablet is not what was put there",
                          look->node->i + 1, group_id(look->group));
    }
    if (!machine_many(look->group, &rows, &number))
        return;
    for (uint32_t i = 0; i < rows && world->result->ok; i += 7)
        if (!many || !is_row(task, many, i, true, number))
            world_violate(world, "node %u group %u: row %u of a large command is missing",
                          look->node->i + 1, group_id(look->group), i);
}

static void check_group(struct task *task, void *arg)
{
    const struct look *look = arg;
    struct world *world = look->node->world;
    uint32_t id = group_id(look->group);
    for (uint64_t number = 1; number <= world->n_issued && world->result->ok; number++) {
        const struct issued *issued = &world->issued[number];
        if (issued->group != id)
            continue;
        bool known = machine_knows(look->group, number);
        if (issued->fate == FATE_APPLIED && !known)
            world_violate(world, "node %u group %u: command %llu was acknowledged and is gone",
                          look->node->i + 1, id, (unsigned long long)number);
        if (issued->fate == FATE_LOST && known)
            world_violate(world, "node %u group %u: command %llu was reported lost and is there",
                          look->node->i + 1, id, (unsigned long long)number);
    }
    for (uint32_t reg = 0; reg < WORLD_REGISTERS && world->result->ok; reg++) {
        uint64_t number, writes = 0;
        (void)machine_register(look->group, reg, &number, &writes);
        if (writes < world->floor[id][reg])
            world_violate(world, "node %u group %u: register %u went back", look->node->i + 1, id,
                          reg);
    }
    check_versions(task, look);
    check_contents(task, look);
}

void world_verify_node(struct task *task, struct world_node *node)
{
    for (uint32_t g = 1; g <= node->world->n_groups; g++) {
        struct look look = {node, store_group(node->store, g)};
        if (look.group)
            core_call(task, store_group_core(node->store, g), TASK_TXN, check_group, &look);
    }
}

bool world_has_converged(struct sim *sim, void *arg)
{
    struct world *world = arg;
    if (!world->result->ok)
        return true;
    for (uint32_t i = 0; i < world->n_nodes; i++)
        if (!world->nodes[i].store || world->nodes[i].clients || sim_node_state(sim, i) != SIM_UP)
            return false;
    for (uint32_t g = 1; g <= world->n_groups; g++) {
        bool led = false, first = true;
        raft_index index = 0;
        uint64_t digest = 0;
        for (uint32_t i = 0; i < world->n_nodes; i++) {
            struct group *group = store_group(world->nodes[i].store, g);
            if (!group)
                continue;
            led = led || group_is_leader(group);
            if (!first && (group_applied(group) != index || machine_digest(group) != digest))
                return false;
            first = false;
            index = group_applied(group);
            digest = machine_digest(group);
        }
        if (!led)
            return false;
    }
    return true;
}
