/* store_sim_nemesis.c: what happens to the nodes of a run; see store_sim.h. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/store_sim_int.h"

struct later {
    struct world *world;
    uint32_t i;
};

static struct later *later_of(struct world *world, uint32_t i)
{
    struct later *later = malloc(sizeof *later);
    *later = (struct later){world, i};
    return later;
}

static void boot_later(struct sim *sim, void *arg)
{
    struct later *later = arg;
    if (sim_node_state(sim, later->i) != SIM_UP) {
        world_boot(later->world, later->i);
    } else if (later->world->nodes[later->i].stop) { /* not yet down */
        sim_after(sim, 50 * SIM_MS, boot_later, later);
        return;
    }
    free(later);
}

static void resume_later(struct sim *sim, void *arg)
{
    struct later *later = arg;
    sim_node_pause(sim, later->i, false);
    free(later);
}

static void mend_disk_later(struct sim *sim, void *arg)
{
    struct later *later = arg;
    struct sim_disk_faults none = {0};
    sim_disk_set(sim, later->i, &none);
    free(later);
}

static void heal_net_later(struct sim *sim, void *arg)
{
    struct later *later = arg;
    sim_net_heal(sim);
    free(later);
}

void world_boot_after(struct world *world, uint32_t i, uint64_t ms_max)
{
    sim_after(world->sim, (1 + prng_below(sim_prng(world->sim), ms_max)) * SIM_MS, boot_later,
              later_of(world, i));
}

static void crash_one(struct world *world, uint32_t i)
{
    if (sim_node_state(world->sim, i) != SIM_UP)
        return;
    world->result->crashes++;
    world->nodes[i].store = NULL;
    if (prng_chance(sim_prng(world->sim), 0.2))
        sim_node_vanish(world->sim, i);
    else
        sim_node_crash(world->sim, i);
    world_boot_after(world, i, 2500);
}

static void crash_several(struct world *world)
{
    struct prng *prng = sim_prng(world->sim);
    uint64_t who = 1 + prng_below(prng, (UINT64_C(1) << world->n_nodes) - 1);
    for (uint32_t i = 0; i < world->n_nodes; i++)
        if (who >> i & 1)
            crash_one(world, i);
}

static void injure_net(struct world *world)
{
    struct prng *prng = sim_prng(world->sim);
    uint32_t n = world->n_nodes, a = (uint32_t)prng_below(prng, n),
             b = (uint32_t)prng_below(prng, n);
    switch (prng_below(prng, 5)) {
    case 0: sim_net_partition(world->sim, UINT64_C(1) << a); break;
    case 1: sim_net_partition(world->sim, prng_below(prng, UINT64_C(1) << n)); break;
    case 2:
        if (a != b)
            sim_net_block(world->sim, a, b, true); /* one way */
        break;
    case 3:
        if (a != b)
            sim_net_reset(world->sim, a, b);
        break;
    default:
        if (a != b)
            sim_net_clog(world->sim, a, b, prng_below(prng, 1000) * SIM_MS);
        break;
    }
    sim_after(world->sim, (50 + prng_below(prng, 2500)) * SIM_MS, heal_net_later,
              later_of(world, 0));
}

static void injure_disk(struct world *world, uint32_t i)
{
    struct prng *prng = sim_prng(world->sim);
    struct sim_disk_faults faults = {0};
    switch (prng_below(prng, 5)) {
    case 0: sim_disk_stall(world->sim, i, prng_below(prng, 2000) * SIM_MS); return;
    case 4: faults.capacity_bytes = (20 << 20) + prng_below(prng, 10 << 20); break; /* full */
    case 1: faults.sync_fail = 0.02; break;
    case 2: faults.latency_factor = 2 + prng_below(prng, 50); break;
    default: faults.write_fail = 0.02; break;
    }
    sim_disk_set(world->sim, i, &faults);
    sim_after(world->sim, (100 + prng_below(prng, 2000)) * SIM_MS, mend_disk_later,
              later_of(world, i));
}

/* One bit in one log segment of one node, once a run: its replicas may be quarantined and are
 * refilled. */
static void flip_bit(struct world *world, uint32_t i)
{
    struct prng *prng = sim_prng(world->sim);
    if (world->flipped || world->n_nodes < 3)
        return;
    size_t n;
    char **paths = sim_disk_paths(world->sim, i, &n);
    for (size_t k = 0; k < n; k++) {
        struct buf content = {0};
        if (!world->flipped && strstr(paths[k], "s/log/") && !strstr(paths[k], "spare") &&
            sim_disk_read(world->sim, i, paths[k], &content) && content.len) {
            uint64_t at = prng_below(prng, content.len);
            world->flipped = sim_disk_flip(world->sim, i, paths[k], at, (int)prng_below(prng, 8));
        }
        buf_done(&content);
        free(paths[k]);
    }
    free(paths);
    crash_one(world, i); /* recovery is where it is found */
}

static void stop_one(struct world *world, uint32_t i)
{
    if (sim_node_state(world->sim, i) == SIM_UP)
        world->nodes[i].stop = true;
    world_boot_after(world, i, 3000);
}

void world_injure(struct world *world)
{
    struct prng *prng = sim_prng(world->sim);
    uint32_t i = (uint32_t)prng_below(prng, world->n_nodes);
    uint64_t dice = prng_below(prng, 100);
    if (dice < 25) {
        crash_one(world, i);
    } else if (dice < 33) {
        crash_several(world);
    } else if (dice < 36) {
        for (uint32_t k = 0; k < world->n_nodes; k++)
            crash_one(world, k);
    } else if (dice < 62) {
        injure_net(world);
    } else if (dice < 76) {
        injure_disk(world, i);
    } else if (dice < 82) {
        sim_node_pause(world->sim, i, true);
        sim_after(world->sim, (10 + prng_below(prng, 2000)) * SIM_MS, resume_later,
                  later_of(world, i));
    } else if (dice < 90) {
        stop_one(world, i);
    } else if (dice < 93) {
        flip_bit(world, i);
    } else if (dice < 97) {
        sim_clock_skew(world->sim, i, prng_range(prng, -100000, 100000),
                       (int32_t)prng_range(prng, -300, 300));
    }
}

void world_heal(struct world *world)
{
    struct sim_disk_faults none = {0};
    sim_net_heal(world->sim);
    for (uint32_t i = 0; i < world->n_nodes; i++) {
        sim_disk_set(world->sim, i, &none);
        sim_node_pause(world->sim, i, false);
        sim_clock_skew(world->sim, i, 0, 0);
        world_boot_after(world, i, 500);
    }
}
