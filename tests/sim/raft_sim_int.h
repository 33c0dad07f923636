/* raft_sim_int.h: the simulated world, shared by raft_sim.c (events, nodes), raft_sim_disk.c,
 * raft_sim_net.c (network and liveness), raft_sim_check.c (checkers and clients). */
#ifndef CAIRN_TESTS_SIM_RAFT_SIM_INT_H
#define CAIRN_TESTS_SIM_RAFT_SIM_INT_H

#include "raft/raft.h"
#include "raft/raft_int.h"
#include "tests/sim/raft_sim.h"

#define SIM_NODES_MAX 6
#define SIM_TERMS_MAX 4096

enum sim_event_kind {
    SIM_MESSAGE, SIM_DISK, SIM_TICK, SIM_APPLIED, SIM_LOAD, SIM_STATUS, SIM_CLIENT,
    SIM_NEMESIS, SIM_RESTART, SIM_RESUME, SIM_PING, SIM_PONG,
    SIM_STALK, SIM_CAMPAIGN, SIM_BOUNCE, SIM_FLUSH,
};

struct sim_event {
    uint64_t at; /* world time, us */
    uint64_t order;
    uint8_t kind;
    uint8_t node; /* where it happens */
    uint8_t from;
    bool ok;
    uint32_t life; /* of the node; another life ignores it */
    uint64_t a, b;
    struct raft_message *msg; /* owned */
};

struct sim_write { /* on its way to the disk */
    uint64_t done_at;
    uint64_t seq;
    bool install, reset, has_hard_state;
    raft_index reset_index;
    struct raft_hard_state hard_state;
    struct raft_snapshot_meta meta;
    struct raft_entry **entries;
    size_t count;
};

struct sim_disk {
    struct raft_hard_state hard_state;
    struct raft_snapshot_meta checkpoint;
    struct raft_entry **entries; /* log_first .. */
    raft_index log_first;
    size_t count, cap;
    struct sim_write *writes;
    size_t writes_count, writes_cap;
    uint32_t slow_us;             /* added to each sync */
    uint64_t sync_end, next_sync_end; /* the sync under way, and the one after it if any waits */
};

struct sim_node {
    uint8_t at;
    bool up;
    bool started_once;
    uint32_t life;
    uint64_t epoch;
    uint64_t clock_base;
    int64_t clock_ppm;
    uint64_t paused_until;
    uint64_t timer_at;
    struct raft *raft;
    struct raft_effects effects;
    bool unflushed; /* effects of several steps wait to be obeyed together */
    struct sim_disk disk;
    uint64_t given_until[SIM_NODES_MAX]; /* node-pair liveness: support given, by our clock */
    uint64_t given_period[SIM_NODES_MAX];
    uint64_t silent_until; /* no support in the first interval after a start */
    raft_index applied;
    uint8_t role;
    raft_term role_term;
};

struct sim_op {
    raft_term term;
    raft_index index;
    uint8_t node;
    uint32_t life;
    bool acked;
    uint64_t floor; /* highest position completed when it was invoked */
};

struct sim_read {
    uint64_t floor;
    bool done;
};

struct sim_params {
    int voters, learners;
    bool joint; /* of five: 1 2 3 outgoing, 3 4 5 incoming */
    uint32_t delay_us, jitter_us, long_delay_per_mille, loss_per_mille, dup_per_mille;
    uint32_t disk_us, disk_jitter_us, disk_stall_per_mille;
    uint32_t client_us;
    uint32_t nemesis_us;
    uint32_t nemeses; /* bit per kind: each run knows only some of the faults */
    uint32_t stalk_us;            /* how soon after its election */
    uint32_t cut_per_mille;       /* a leader that is hit is cut off, not killed */
    uint32_t slow_disk_us;        /* node 0's disk, always */
    uint32_t vote_hunt_per_mille; /* vote requests late, voters dead after their vote */
    uint32_t ack_hunt_per_mille;  /* followers dead after an answer with writes under way */
    uint32_t stalker_per_mille; /* new leaders hit soon after their election */
    bool hs_first; /* order of records inside one write */
    bool corrupt;
    uint32_t trim_per_mille;
    uint32_t merge_per_mille; /* steps whose effects wait for those of the next */
    uint64_t chaos_us;
    struct raft_config config;
};

struct raft_sim {
    struct raft_sim_result *result;
    enum raft_sim_mode mode;
    bool verbose;
    uint64_t random;
    uint64_t now;
    uint64_t order;
    struct sim_event *heap;
    size_t heap_count, heap_cap;
    struct sim_params params;
    struct sim_node nodes[SIM_NODES_MAX];
    int nodes_count;
    bool blocked[SIM_NODES_MAX][SIM_NODES_MAX];
    uint32_t slow_us[SIM_NODES_MAX][SIM_NODES_MAX]; /* added to a link's delay */
    bool calm; /* the liveness phase */
    bool failed;

    /* what the checkers know */
    raft_term *committed_term;
    uint64_t *committed_op;
    raft_term *committed_in; /* term of the replica that applied it first: committed no later */
    size_t committed_count, committed_cap; /* [0] stands for the empty log */
    uint8_t leader_of[SIM_TERMS_MAX];      /* node + 1 */
    uint64_t served_limit;                 /* largest read limit a lease read was served under */
    raft_term served_term;                 /* highest term that served a lease read */
    uint64_t completed;                    /* highest log position seen by a completed operation */
    struct sim_op *ops;
    size_t ops_count, ops_cap;
    struct sim_read *reads;
    size_t reads_count, reads_cap;
    uint64_t last_ack_at;
    uint64_t fault_at; /* failover runs */
};

/* raft_sim.c */
uint64_t sim_random(struct raft_sim *s, uint64_t below);
bool sim_chance(struct raft_sim *s, uint32_t per_mille);
void sim_push(struct raft_sim *s, struct sim_event event);
void sim_log(struct raft_sim *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
uint64_t sim_node_now(const struct raft_sim *s, const struct sim_node *n);
void sim_step(struct raft_sim *s, struct sim_node *n, struct raft_event event);
void sim_crash(struct raft_sim *s, struct sim_node *n);
void sim_restart(struct raft_sim *s, struct sim_node *n);
void sim_hit_leader(struct raft_sim *s, struct sim_node *n);
int sim_quarantined(const struct raft_sim *s);
#define SIM_HLC_OFFSET_US 250000u
uint64_t sim_hlc(const struct raft_sim *s, const struct sim_node *n);

/* raft_sim_disk.c */
void sim_disk_init(struct sim_disk *d, const struct raft_conf *conf);
void sim_disk_done(struct sim_disk *d);
void sim_disk_submit(struct raft_sim *s, struct sim_node *n);
void sim_disk_install(struct raft_sim *s, struct sim_node *n,
                      const struct raft_snapshot_meta *meta);
void sim_disk_event(struct raft_sim *s, struct sim_node *n, const struct sim_event *event);
void sim_disk_crash(struct raft_sim *s, struct sim_node *n);
void sim_disk_checkpoint(struct raft_sim *s, struct sim_node *n);
void sim_disk_lose(struct raft_sim *s, struct sim_node *n);
struct raft_entry *sim_disk_entry(struct sim_disk *d, raft_index index);

/* raft_sim_net.c */
void sim_net_send(struct raft_sim *s, struct sim_node *n, const struct raft_message *msg);
void sim_net_snapshot(struct raft_sim *s, struct sim_node *n,
                      const struct raft_snapshot_request *request);
void sim_net_deliver(struct raft_sim *s, struct sim_node *n, struct sim_event *event);
void sim_net_ping(struct raft_sim *s, struct sim_node *n);
void sim_net_on_ping(struct raft_sim *s, struct sim_node *n, const struct sim_event *event);
void sim_net_on_pong(struct raft_sim *s, struct sim_node *n, const struct sim_event *event);
void sim_net_partition(struct raft_sim *s);
void sim_net_heal(struct raft_sim *s);
void sim_net_slow_links(struct raft_sim *s);

/* raft_sim_check.c */
void sim_fail(struct raft_sim *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void sim_check_init(struct raft_sim *s);
void sim_check_done(struct raft_sim *s);
void sim_check_apply(struct raft_sim *s, struct sim_node *n, struct raft_entry *entry);
void sim_check_leader(struct raft_sim *s, struct sim_node *n);
void sim_check_promise(struct raft_sim *s, struct sim_node *n, const struct raft_message *msg);
void sim_check_leases(struct raft_sim *s);
void sim_check_logs(struct raft_sim *s);
void sim_check_read(struct raft_sim *s, struct sim_node *n, const struct raft_read_state *read);
void sim_client(struct raft_sim *s);
void sim_client_write(struct raft_sim *s, struct sim_node *n);

#endif
