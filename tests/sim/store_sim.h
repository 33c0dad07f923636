/* store_sim.h: stores with real log, lsm, raft and rpc in the simulated world, registers as their
 * state machine.
 *
 * One run: a topology and hostile settings drawn from the seed (1, 3 or 5 nodes, 1 to 3 cores each,
 * tiny log segments and memtables, little log kept for followers), clients on every node that
 * propose where their node leads, nemeses (crash of one, some or all, with torn and lost unsynced
 * writes; vanish, pause, graceful stop; partitions, resets, clogged links; stalled, failing and
 * full disks; flipped bits in the log of one node; clock skew), then a healed phase in which all
 * must converge.
 *
 * In half of the runs the nodes form their cluster themselves (storage/placement), crashes in the
 * middle included; all must end in one cluster.
 *
 * What is checked
 *  1. Every apply, on any replica, in any boot, of (group, index) gives the same digest of all
 *     state before it.
 *  2. A register is linearizable: what a completed write or lease read saw is never older than what
 *     completed before it began, on whatever node.
 *  3. What was acknowledged is in the final state of every replica; what was reported lost is in
 *     none.
 *  4. A proposal accepted ends once; leader_started and leader_stopped alternate (the machine
 *     asserts).
 *  5. At the end all replicas of a group reach the same index and digest within a bound, and each
 *     tablet answers at every recorded timestamp what was written.
 *  6. The same seed gives the same trace hash.
 */
#ifndef CAIRN_TESTS_SIM_STORE_SIM_H
#define CAIRN_TESTS_SIM_STORE_SIM_H

#include <stdbool.h>
#include <stdint.h>

struct store_sim_result {
    bool ok;
    char violation[300];
    uint64_t trace_hash;
    uint64_t events, proposed, acked, lost, unknown, reads;
    uint64_t boots, crashes, snapshots, checkpoints, fatals;
    uint64_t versions_checked;
};

/* bugs: enum store_bug bits. Leaks what crashed nodes had allocated: a process should do few runs.
 * */
void store_sim_run(uint64_t seed, uint32_t bugs, bool verbose, struct store_sim_result *result);

/* Three nodes under load at LAN delays; the leader of a group crashes (vanish: nobody is told).
 * Simulated milliseconds until a write of that group is acknowledged again; -1 when none was within
 * 10 s, -2 when nobody led at that moment. */
int store_sim_failover(uint64_t seed, bool vanish);

#endif
