/* env_sim.h: the world as a seeded program: nodes, cores, time, network and disks in one thread.
 *
 * A `struct sim` holds N nodes. Each runs the real code of every floor on the real scheduler
 * (base/core.c), over an env whose clock, sockets, files and workers are simulated. The driver (a
 * test's main function) starts nodes, lets time pass, injures things, and looks.
 *
 *     struct sim *sim = sim_create(&(struct sim_config){.seed = seed, .node_count = 3});
 *     sim_node_start(sim, 0, node_main, &args);       main fiber on core 0 of node 0
 *     sim_run_for(sim, 5 * SIM_SECOND);
 *     sim_node_crash(sim, 0);
 *     sim_node_start(sim, 0, node_main, &args);       the same disk
 *     ... sim_trace_hash(sim) ...; sim_destroy(sim);
 *
 * Everything that happens is an event in one queue ordered by simulated time; times are drawn from
 * the seed, so the order of ready events is. Time stands still while code runs; a turn of a core
 * costs its next turn some microseconds. Ready fibers of a core are shuffled a little too. The
 * trace hash covers every event, every byte sent, written and logged: the same seed and the same
 * driver give the same hash.
 *
 * Nodes. Node i (0-based) is reachable as "node<i+1>" and "10.0.0.<i+1>"; "127.0.0.1" and
 * "localhost" are itself. A driver that wants clients gives them nodes of their own. A crash drops
 * all fibers, sockets, locks and volatile disk content at once. Memory the node had allocated is
 * not found again: it leaks (a run is one process), so sanitizer runs set detect_leaks=0. Fibers'
 * stacks are recycled.
 *
 * Disk. What was written is visible at once and durable after file_sync; names after fs_sync_dir.
 * At a crash each 512-byte sector written since the last sync becomes, by draw, what it was, what
 * was written last, or what was written in between; the file's size falls somewhere between the old
 * and the new; per directory a suffix of the unsynced name changes is undone. After a failed sync
 * the pages read as written but are clean: only a crash shows the loss.
 *
 * Network. Byte streams with drawn delays, cut into drawn pieces; order is kept per direction of a
 * connection and nowhere else. A blocked link holds bytes back (as TCP does) until it heals or the
 * connection is reset.
 *
 * Jobs run in fibers of a hidden core of the node, after a drawn delay; unlike env_uv their task
 * has a core. Lanes keep their order.
 *
 * Learned from FoundationDB's Sim2 and TigerBeetle's VOPR.
 */
#ifndef CAIRN_TESTS_SIM_ENV_SIM_H
#define CAIRN_TESTS_SIM_ENV_SIM_H

#include <stdio.h>

#include "base/core.h"
#include "base/env.h"
#include "base/fault.h"
#include "base/prng.h"

#define SIM_US UINT64_C(1000)
#define SIM_MS UINT64_C(1000000)
#define SIM_SECOND UINT64_C(1000000000)

enum { SIM_NODES_MAX = 64 };

struct sim;

struct sim_config {
    uint64_t seed;
    uint32_t node_count;
    uint32_t cores_per_node; /* 0: 1 */
    FILE *log;               /* the nodes' log lines; NULL: only hashed */
};

struct sim *sim_create(const struct sim_config *config);
void sim_destroy(struct sim *sim);

/* ---- time ---- */
uint64_t sim_now(const struct sim *sim); /* ns since the start */
/* One event. False when there is none (every node waits for nothing). */
bool sim_step(struct sim *sim);
void sim_run_for(struct sim *sim, uint64_t ns);
/* Until `cond` holds (looked at after each event) or the time has passed; returns whether it holds.
 */
typedef bool sim_cond(struct sim *sim, void *arg);
bool sim_run_until(struct sim *sim, sim_cond *cond, void *arg, uint64_t ns_max);
/* fn(sim, arg) at now + ns, outside of all nodes: how nemeses are scheduled. */
typedef void sim_call(struct sim *sim, void *arg);
void sim_after(struct sim *sim, uint64_t ns, sim_call *fn, void *arg);
/* The driver's own source of randomness (part of the seed). */
struct prng *sim_prng(struct sim *sim);
uint64_t sim_trace_hash(const struct sim *sim);
/* Makes the driver's own observations part of the trace. */
void sim_trace(struct sim *sim, const void *data, size_t len);
uint64_t sim_event_count(const struct sim *sim);

/* ---- nodes ---- */
enum sim_node_state { SIM_DOWN, SIM_UP, SIM_STOPPED };

/* Boots node i, which must not be up: a runtime whose first fiber runs main_fn(task, arg). */
void sim_node_start(struct sim *sim, uint32_t i, task_fn *main_fn, void *arg);
enum sim_node_state sim_node_state(const struct sim *sim,
                                   uint32_t i); /* STOPPED: ended by itself */
/* The process dies now. From inside a fiber: at the end of its turn. Connections are reset. */
void sim_node_crash(struct sim *sim, uint32_t i);
/* The machine vanishes: peers hear nothing until it is started again. */
void sim_node_vanish(struct sim *sim, uint32_t i);
void sim_node_pause(struct sim *sim, uint32_t i, bool paused);
/* Every turn takes `factor` times as long. */
void sim_node_slow(struct sim *sim, uint32_t i, uint32_t factor);
struct env *sim_node_env(struct sim *sim, uint32_t i);
struct runtime *sim_node_runtime(struct sim *sim, uint32_t i); /* NULL unless up */
struct fault_set *sim_node_faults(struct sim *sim, uint32_t i);
/* How many times it was started. */
uint32_t sim_node_boots(const struct sim *sim, uint32_t i);

/* ---- clocks ---- */
/* The wall clock is off by that much from now on; drift in millionths on top. */
void sim_clock_skew(struct sim *sim, uint32_t i, int64_t offset_us, int32_t drift_ppm);
/* Monotonic and boot time jump ahead (a suspended machine). */
void sim_clock_jump(struct sim *sim, uint32_t i, uint64_t ns);

/* ---- network ---- */
/* One-way delay of each piece, drawn between the two for every link. Default 50 us to 500 us. */
void sim_net_delay(struct sim *sim, uint64_t min_ns, uint64_t max_ns);
void sim_net_link_delay(struct sim *sim, uint32_t from, uint32_t to, uint64_t min_ns,
                        uint64_t max_ns);
/* Nothing gets from `from` to `to` until unblocked. */
void sim_net_block(struct sim *sim, uint32_t from, uint32_t to, bool blocked);
/* Both directions between every node of the bit set `side` and every other. */
void sim_net_partition(struct sim *sim, uint64_t side);
void sim_net_heal(struct sim *sim); /* all links; delays stay */
/* Bytes from `from` to `to` wait until now + ns and then arrive in one burst. */
void sim_net_clog(struct sim *sim, uint32_t from, uint32_t to, uint64_t ns);
/* All connections between the two break. */
void sim_net_reset(struct sim *sim, uint32_t a, uint32_t b);
/* Chance that a piece, instead of arriving, resets its connection. */
void sim_net_loss(struct sim *sim, double reset_chance);

/* ---- disk ---- */
struct sim_disk_faults {
    double sync_fail;        /* chance of an error per sync */
    double read_fail;        /* per read */
    double write_fail;       /* per write; a part may have been written */
    uint64_t capacity_bytes; /* 0: unlimited */
    uint64_t latency_factor; /* 0: 1 */
};
void sim_disk_set(struct sim *sim, uint32_t i, const struct sim_disk_faults *faults);
/* Operations that start before now + ns end after it. */
void sim_disk_stall(struct sim *sim, uint32_t i, uint64_t ns);
/* Flips one bit of the stored file, durable and visible. False when there is no such byte. */
bool sim_disk_flip(struct sim *sim, uint32_t i, const char *path, uint64_t byte, int bit);
/* Overwrites a sector with another file's or its own old bytes: a misdirected write. */
bool sim_disk_copy_sector(struct sim *sim, uint32_t i, const char *path, uint64_t from_byte,
                          uint64_t to_byte);
/* Everything is gone. The node must be down. */
void sim_disk_wipe(struct sim *sim, uint32_t i);
/* How hard a crash hits what was not synced. */
enum sim_crash_loss { SIM_LOSE_DRAWN, SIM_LOSE_ALL, SIM_LOSE_NOTHING };
void sim_disk_crash_loss(struct sim *sim, uint32_t i, enum sim_crash_loss loss);
/* For looking: the visible content; false when there is no such file. */
bool sim_disk_read(struct sim *sim, uint32_t i, const char *path, struct buf *out);
/* The paths of all files, sorted; malloc'ed strings in a malloc'ed array. */
char **sim_disk_paths(struct sim *sim, uint32_t i, size_t *count);

#endif
