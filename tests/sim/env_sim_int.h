/* env_sim_int.h: what the files of the simulated env share. */
#ifndef CAIRN_TESTS_SIM_ENV_SIM_INT_H
#define CAIRN_TESTS_SIM_ENV_SIM_INT_H

#include "base/hashmap.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/log.h"
#include "tests/sim/env_sim.h"

struct sim_event;
struct sim_node;
typedef void sim_event_fn(struct sim *sim, struct sim_event *event);

/* Something that will happen. Those that belong to a node go with it. */
struct sim_event {
    struct heap_node node;
    struct list_node owner_link;
    sim_event_fn *fn;
};

struct sim_core {
    struct core *core;
    struct sim_node *node;
    struct sim_event turn;
    uint64_t busy_until;
    bool ended;
};

struct sim_link {
    uint64_t delay_min, delay_max; /* 0, 0: the default */
    bool blocked;
    uint64_t clogged_until;
};

struct sim_disk {
    struct hashmap names;   /* visible: path -> struct sim_inode */
    struct hashmap durable; /* path -> struct sim_inode */
    struct list journal;    /* of struct sim_name_op, in order */
    uint64_t journal_seq;
    struct list open_files; /* of struct sim_file */
    struct sim_disk_faults faults;
    uint64_t stalled_until;
    uint64_t used_bytes;
    enum sim_crash_loss loss;
};

struct sim_node {
    struct env env;
    struct log log;
    struct fault_set faults;
    struct sim *sim;
    uint32_t index;
    uint32_t boots;
    enum sim_node_state state;
    bool paused, vanished;
    uint32_t slow_factor;
    int64_t wall_offset_us;
    int32_t drift_ppm;
    uint64_t drift_since;
    uint64_t mono_offset;
    struct prng prng; /* env_random */
    struct prng shuffle;
    struct runtime *runtime;
    struct sim_core *cores; /* the last is the hidden one for jobs */
    uint32_t core_slots;
    struct list events; /* sim_events of this node */
    struct list socks;
    struct list listeners;
    struct sim_disk disk;
    struct sim_event doom; /* a crash asked for from inside */
    bool doom_vanish;
    uint16_t next_port;
};

struct sim {
    struct sim_config config;
    uint64_t now;
    uint64_t hash;
    uint64_t event_count;
    struct heap events;
    struct prng prng;        /* the world's */
    struct prng driver_prng; /* the driver's */
    struct sim_node *nodes;
    struct sim_link links[SIM_NODES_MAX][SIM_NODES_MAX];
    uint64_t delay_min, delay_max;
    double reset_chance;
    bool in_turn;
};

enum sim_trace_kind {
    SIM_TRACE_TURN = 1,
    SIM_TRACE_SEND,
    SIM_TRACE_ARRIVE,
    SIM_TRACE_CONNECT,
    SIM_TRACE_WRITE,
    SIM_TRACE_SYNC,
    SIM_TRACE_READ,
    SIM_TRACE_NAME,
    SIM_TRACE_CRASH,
    SIM_TRACE_START,
    SIM_TRACE_LOG,
    SIM_TRACE_DRIVER,
};

/* ---- env_sim.c ---- */
extern const struct env_ops env_sim_ops;
static inline struct sim_node *sim_node_of(struct env *env)
{
    return container_of(env, struct sim_node, env);
}
void sim_event_init(struct sim_event *event, sim_event_fn *fn);
/* `owner` may be NULL. Moves it if it is queued. */
void sim_event_at(struct sim *sim, struct sim_event *event, struct sim_node *owner, uint64_t at);
void sim_event_cancel(struct sim *sim, struct sim_event *event);
/* Something became ready on the core. */
void sim_kick(struct core *core);
void sim_note(struct sim *sim, enum sim_trace_kind kind, uint64_t a, uint64_t b);
uint64_t sim_draw(struct sim *sim, uint64_t lo, uint64_t hi);
/* The fiber sleeps that long, whatever else happens. */
void sim_wait(struct task *task, uint64_t ns);
void sim_wake(struct task *task);

/* ---- env_sim_disk.c ---- */
void sim_disk_init(struct sim_disk *disk);
void sim_disk_crash(struct sim_node *node);
void sim_disk_done(struct sim_disk *disk);

/* ---- env_sim_net.c ---- */
void sim_net_crash(struct sim_node *node);

/* The ops of both. */
int sim_file_open(struct task *, struct env *, const char *, unsigned, enum fs_result *,
                  struct file **, struct err *);
void sim_file_close(struct task *, struct file *);
int sim_file_pread(struct task *, struct file *, void *, size_t, uint64_t, size_t *, struct err *);
int sim_file_pwritev(struct task *, struct file *, const struct file_iov *, int, uint64_t,
                     struct err *);
int sim_file_sync(struct task *, struct file *, struct err *);
int sim_file_truncate(struct task *, struct file *, uint64_t, struct err *);
int sim_file_allocate(struct task *, struct file *, uint64_t, struct err *);
int sim_file_size(struct task *, struct file *, uint64_t *, struct err *);
int sim_fs_rename(struct task *, struct env *, const char *, const char *, struct err *);
int sim_fs_unlink(struct task *, struct env *, const char *, enum fs_result *, struct err *);
int sim_fs_mkdir(struct task *, struct env *, const char *, enum fs_result *, struct err *);
int sim_fs_rmdir(struct task *, struct env *, const char *, enum fs_result *, struct err *);
int sim_fs_sync_dir(struct task *, struct env *, const char *, struct err *);
int sim_fs_stat(struct task *, struct env *, const char *, enum fs_result *, struct file_stat *,
                struct err *);
int sim_fs_list(struct task *, struct env *, const char *, enum fs_result *, struct fs_entry **,
                size_t *, struct err *);
int sim_fs_lock(struct task *, struct env *, const char *, enum fs_result *, struct file **,
                struct err *);
int sim_fs_free_space(struct task *, struct env *, const char *, uint64_t *, uint64_t *,
                      struct err *);
int sim_sock_listen(struct task *, const char *, uint16_t, struct listener **, struct err *);
uint16_t sim_listener_port(struct listener *);
int sim_listener_accept(struct task *, struct listener *, struct sock **, struct err *);
void sim_listener_close(struct listener *);
int sim_sock_connect(struct task *, const char *, uint16_t, struct sock **, struct err *);
int sim_sock_read(struct task *, struct sock *, void *, size_t, size_t *, struct err *);
int sim_sock_write(struct task *, struct sock *, const struct file_iov *, int, struct err *);
int sim_sock_queue(struct sock *, const struct file_iov *, int, struct err *);
size_t sim_sock_queued_bytes(const struct sock *);
void sim_sock_on_readable(struct sock *, sock_ready_fn *, void *);
void sim_sock_shutdown(struct sock *);
void sim_sock_close(struct sock *);
int sim_sock_move(struct task *, struct sock *, struct core *, struct sock **, struct err *);
const char *sim_sock_peer(const struct sock *);

#endif
