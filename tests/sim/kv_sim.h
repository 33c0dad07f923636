/* kv_sim.h: storage/txn under faults, in virtual time, one thread, seeded.
 *
 * Three (or more) nodes run the real transaction floor: gateways, leaders, lock tables, recovery,
 * upkeep, on real fibers. What lies below is modelled, so that a run costs milliseconds and every
 * order of events can be drawn: each group is one shared log with a leader whose lease is exact,
 * entries that commit after a delay or are lost with the leadership, followers that apply late
 * (kv_sim_store.c); tablets are plain maps (kv_sim_lsm.c); messages are delayed, lost and cut by
 * partitions (kv_sim_net.c). Raft, the log and the real LSM have simulators of their own.
 *
 * Faults: crash and restart of nodes, partitions, leaders moving with entries in flight lost or
 * surviving, clock skew. Work: transfers in one and several groups, counters, foreign keys by locks
 * alone, snapshot readers, readers that must see what was acknowledged. Checks: sums, every
 * acknowledged transaction there and whole, every refused one absent, no lost update, snapshots
 * repeat, no orphan, nothing prepared is left when the faults end.
 *
 * Planted bugs (storage/txn/txn_fault.h) must be found: kv_sim --bugs.
 */
#ifndef CAIRN_TESTS_SIM_KV_SIM_H
#define CAIRN_TESTS_SIM_KV_SIM_H

#include <stdbool.h>
#include <stdint.h>

struct kv_sim_config {
    uint64_t seed;
    uint32_t faults;  /* planted bugs */
    uint32_t n_nodes; /* 0 = 3 */
    uint32_t work_ms; /* virtual; 0 = 4000 */
    bool no_nemesis;
    bool verbose;
};

struct kv_sim_result {
    bool failed;
    char what[400];
    uint64_t trace_hash;
    uint64_t committed, aborted, unknown, reads, recovered, deadlocks, timeouts;
    uint64_t virtual_ms;
};

void kv_sim_run(const struct kv_sim_config *config, struct kv_sim_result *result);

#endif
