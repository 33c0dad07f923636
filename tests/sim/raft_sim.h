/* raft_sim.h: one consensus group in a hostile, deterministic world.
 *
 * Real core, simulated everything else: clocks that drift, a network that delays, drops, repeats,
 * reorders and splits (one way too), disks that are slow and lose what was not synced, stores that
 * come back with less than they promised (then quarantined), clients that write, read by lease and
 * by read index, and move the leader. A seed decides all of it; the same seed gives the same trace
 * hash.
 *
 * Checked while it runs (a violation ends the run and names itself):
 *   election safety      one leader a term
 *   leader completeness  a new leader's log holds every entry known committed
 *   promises             what a message acknowledges or votes for is on the sender's disk
 *   state machine safety every replica applies the same entry at an index; snapshots equal the
 *   log's state log matching         equal terms at an index mean equal terms below it
 *   linearizability      writes and reads (lease, read index) against real time, by log position
 *   lease exclusivity    two replicas never hold a lease at one instant
 *   read limits          a leader elected later starts at or above every limit served under
 *   liveness             when the faults end, a write commits, replicas converge and are refilled
 *   in time
 *
 * Ownership: a struct raft_sim belongs to its caller; one thread.
 */
#ifndef CAIRN_TESTS_SIM_RAFT_SIM_H
#define CAIRN_TESTS_SIM_RAFT_SIM_H

#include <stdbool.h>
#include <stdint.h>

struct raft_sim_result {
    bool ok;
    char violation[240];
    uint64_t seed;
    uint64_t trace_hash;
    uint64_t events;
    uint64_t steps;
    uint64_t writes_acked;
    uint64_t lease_reads;
    uint64_t index_reads;
    uint64_t elections;
    uint64_t crashes;
    uint64_t snapshots_installed;
    uint64_t transfers;
    uint64_t refills;
    uint64_t failover_us; /* failover runs: crash of the leader to next acknowledged write */
};

enum raft_sim_mode {
    RAFT_SIM_CHAOS,
    RAFT_SIM_FAILOVER, /* a calm cluster whose leader dies once */
    RAFT_SIM_TRANSFER, /* a calm cluster whose leader moves once; failover_us is the pause */
};

void raft_sim_run(uint64_t seed, uint32_t bugs, enum raft_sim_mode mode, bool verbose,
                  struct raft_sim_result *result);

struct raft_sim_bug {
    const char *name;
    uint32_t bit;
};
extern const struct raft_sim_bug raft_sim_bugs[];
extern const int raft_sim_bugs_count;

/* First seed in [1, seeds_max] whose run breaks a safety property under the planted bug; 0 when
 * none does. */
uint64_t raft_sim_hunt(uint32_t bug, uint64_t seeds_max, struct raft_sim_result *result);

#endif
