/* kv_work.h: what clients do to storage/kv.h in a simulator, and what must hold.
 *
 * Transfers between accounts in one and several groups with a journal row each (by locking scans or
 * by reading, then locking with a re-check; with savepoints rolled back), counters (locks, or
 * REPEATABLE READ and 40001), foreign keys kept by locks alone, snapshot sums, repeated readings,
 * and readers that must find what was acknowledged before they began. kv_work_check reads
 * everything at the end: each acknowledged transfer is there and whole, each refused one absent,
 * balances are what the journal makes them, counters lie between acknowledged and acknowledged +
 * unknown, no child without its parent.
 *
 * The world (time, randomness, nodes that come and go) belongs to the simulator; clients of a node
 * that crashes simply never run again. Used over modelled groups (kv_sim.c) and over real stores
 * (kv_stack_sim.c).
 */
#ifndef CAIRN_TESTS_SIM_KV_WORK_H
#define CAIRN_TESTS_SIM_KV_WORK_H

#include "base/prng.h"
#include "storage/kv.h"
#include "tests/sim/kv_sim.h"

struct core;
struct kv_work;

struct kv_work_world {
    uint64_t seed;    /* chooses the mix of work */
    uint32_t clients; /* a node */
    struct prng *prng;
    struct kv_sim_result *result;
};

struct kv_work_node {
    struct kv *kv;
    struct core *core;
    const bool *stop;  /* clients end when it is set; may be NULL */
    uint32_t *running; /* counts them; may be NULL */
};

struct kv_work *kv_work_create(const struct kv_work_world *world);
/* On the node's core. first: it also sets the tables up. */
void kv_work_start(struct kv_work *w, const struct kv_work_node *node, bool first);
/* False: the storage's creation was reported as not committed; no tablet of it may be left. */
bool kv_work_may_exist(const struct kv_work *w, storage_id id);
bool kv_work_is_ready(const struct kv_work *w);
void kv_work_stop(struct kv_work *w);
void kv_work_check(struct kv_work *w, const struct kv_work_node *node);
bool kv_work_is_checked(const struct kv_work *w);
void kv_work_fail(struct kv_work *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void kv_work_destroy(struct kv_work *w);

#endif
