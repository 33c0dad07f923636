/* txn_model.h: the commit protocol as a finite machine.
 *
 * One `struct state` is the whole cluster at one instant: the groups with their logs, the keys, the
 * transactions with their gateways and the messages they sent, the recoverers, one reader.
 * model_moves() calls back once for each state that one step of anybody can lead to; txn_search.c
 * walks that graph breadth first. Everything is plain bytes, so two equal instants are equal
 * memory.
 *
 * What is deliberately coarse: a log entry is either lost at a leader change or durable (Raft
 * itself is proven elsewhere); one leader a group at a time; locks, reads and validations are
 * atomic at the leader; Prepares and one-group commits are messages that can be late, lost,
 * repeated; locks are exclusive.
 *
 * Invariants
 * 1. A state that was passed to a callback is normalized: bytes nobody can read any more are zero.
 * 2. Fields marked ghost are read by the properties only, never by the protocol.
 * 3. A timestamp is a small number; 0 means none. A transaction stored in a byte is its index + 1.
 *
 * Nothing here fails: a machine that outgrows its bounds asserts, since a bound that silently cut
 * behaviour would make "no violation" worthless. A full log only makes its proposer wait.
 *
 * Learned from: TLA+/TLC and SPIN (explicit states, shortest counterexample), CockroachDB's TLA+
 * model of parallel commits.
 */
#ifndef CAIRN_TESTS_MODEL_TXN_MODEL_H
#define CAIRN_TESTS_MODEL_TXN_MODEL_H

#include <stdbool.h>
#include <stdint.h>

enum {
    GROUPS = 4, /* A, B, R and S, the child of B's split */
    GROUP_PARENT = 1,
    GROUP_CHILD = 3,
    KEYS = 4, /* k0 in A, k1 and k2 in B, k3 in R */
    KEY_SPLIT = 2,
    TXNS = 2,
    ATTEMPTS = 2, /* staging epochs of one transaction */
    LOG_MAX = 3,
    VERSIONS = TXNS + 1,
    RECOVERERS = 2,
    READS = 3,
    OPS = 4,
    STEPS_MAX = 200,
    TEXT_MAX = 160,
};

enum isolation { READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE };
enum outcome { OPEN, STAGING, COMMITTED, ABORTED };

enum entry_kind {
    ENTRY_PREPARE = 1,
    ENTRY_COMMIT, /* one-group commit: final values in one entry */
    ENTRY_FORBID,
    ENTRY_CAS_ABORT,
    ENTRY_CAS_COMMIT,
    ENTRY_TOMBSTONE, /* "asking for an outcome" */
    ENTRY_RESOLVE,
    ENTRY_SPLIT,
};

enum refusal {
    REFUSED_LOCKS = 1,
    REFUSED_GENERATION,
    REFUSED_FORBIDDEN,
    REFUSED_PUSHED,
    REFUSED_READ
};
enum reply_kind { REPLY_NONE, REPLY_ACK, REPLY_REFUSED, REPLY_OUTCOME };

enum violation {
    FINE,
    ACKED_ABORTED,
    REPORTED_COMMITTED,
    VERDICTS_DIFFER,
    TIMES_DIFFER,
    HALF_COMMIT,
    SNAPSHOT_CHANGED,
    LOST_UPDATE,
    LOST_OWN_WRITE,
    FOREIGN_KEY,
    NOT_SERIALIZABLE,
    APPLIED_TWICE,
    NEEDLESS_ABORT,
    STUCK,
    VIOLATIONS
};

enum rule {
#define RULE(symbol, name, step, text) RULE_##symbol,
#include "tests/model/txn_rules.def"
#undef RULE
    RULES
};

struct entry {
    uint8_t kind, txn, epoch, ts;
    uint8_t parts;   /* anchor's Prepare: set of participant groups; 0 elsewhere */
    uint8_t gen;     /* generation it was evaluated under */
    uint8_t keys;    /* set of keys */
    uint8_t outcome; /* of a resolve */
    uint8_t own;     /* its proposer still leads and owes the answer */
};

/* What a group's state store (and, for `published`, its lock table) knows of one transaction. */
struct group_txn {
    uint8_t prep_epoch, prep_ts, prep_keys; /* prepared while prep_keys != 0 */
    uint8_t prep_from;                      /* readers at or above it wait */
    uint8_t forbidden;
    uint8_t record, record_epoch, record_parts, record_ts;
    uint8_t slot_ts;   /* outcome slot: committed at, 0 = nothing */
    uint8_t marker_ts; /* resolve marker: committed at, 0 = nothing */
    uint8_t published; /* lock table: prepare_ts of the entry on its way */
};

struct group {
    uint8_t exists, ready, lock_epoch, gen;
    uint8_t hlc, applied_ts;
    uint8_t changes; /* leader changes so far */
    uint8_t log_len;
    struct entry log[LOG_MAX];
    struct group_txn txn[TXNS];
};

struct version {
    uint8_t ts, writer;
    uint8_t base; /* ghost: writer of the version the statement saw */
};

struct key {
    uint8_t group;
    uint8_t lock;       /* unreplicated lock: holder */
    uint8_t prepared;   /* durable row or lock: holder */
    uint8_t cache;      /* read cache: newest timestamp read ... */
    uint8_t cache_by;   /* ... its sole reader, 0 = several */
    uint8_t cache_soft; /* raised without regard to the read limit: lost with the leader */
    uint8_t versions;
    struct version version[VERSIONS];
};

/* One staging: the messages to each group. */
struct attempt {
    uint8_t sent, one_group, cand;
    uint8_t keys[GROUPS], gen[GROUPS], delivered[GROUPS];
};

struct reply {
    uint8_t kind, epoch, refusal;
    uint8_t ts; /* acknowledged, pushed to, or committed at */
};

enum phase { RUNNING, VALIDATING, STAGE, WAITING, ABORTING, RETRIED, DONE_COMMIT, DONE_ABORT };

struct txn {
    uint8_t phase, op, started, dead;
    uint8_t read_ts, cand, epoch;
    uint8_t validated;        /* set of keys */
    uint8_t lock_epoch[KEYS]; /* epoch + 1 under which the key was locked */
    uint8_t read_keys;
    uint8_t ack[GROUPS];
    uint8_t commit_ts;
    uint8_t commit_epoch; /* only without resolve-any-epoch */
    struct attempt attempt[ATTEMPTS];
    struct reply reply[GROUPS];
    /* ghost */
    uint8_t base[KEYS], read_version[KEYS];
    uint8_t verdict, verdict_ts, told, installed, lost_own;
};

enum recoverer_phase { IDLE, READ_RECORD, ASK, SET_RECORD };

struct recoverer {
    uint8_t phase, txn, epoch;
    uint8_t yes; /* keys whose group answered "prepared" or "committed" */
    uint8_t ts, no, parts;
};

struct reader {
    uint8_t started, op;
    uint8_t seen[READS];
};

struct state {
    struct group group[GROUPS];
    struct key key[KEYS];
    struct txn txn[TXNS];
    struct recoverer recoverer[RECOVERERS];
    struct reader reader;
    uint8_t crashes, timeouts, split, violation;
};

struct plan {
    enum isolation isolation;
    const char *ops; /* pairs: U update, L lock, R read, C check that no row is there; then a key */
    uint8_t cand_extra; /* SERIALIZABLE: candidate this much above the largest HLC */
};

struct scenario {
    const char *name;
    const char *about;
    struct plan plan[TXNS];
    uint8_t txns;
    uint8_t crashes, timeouts;
    uint8_t repeats; /* times a message may arrive again */
    uint8_t recoverers;
    uint8_t changing; /* set of groups whose leader may change once */
    bool split, gc, foreign_key;
    bool retry;        /* the second transaction is the first's retry inside the server */
    bool cand_now;     /* SERIALIZABLE candidates are HLC + 1, else the read timestamp */
    bool calm;         /* nobody crashes: READ COMMITTED must not be refused */
    const char *reads; /* keys one statement reads in order */
    uint8_t read_at;   /* at this timestamp */
    bool live;         /* small enough to also check liveness */
    uint32_t states;   /* reachable with all rules on, as last counted; checked by `check` */
};

/* A scenario with its rules and what follows from its plans. */
struct model {
    const struct scenario *scenario;
    bool on[RULES];
    uint8_t ops[TXNS];
    uint8_t writes[TXNS], locks[TXNS]; /* sets of keys updated; locked or updated */
    uint8_t anchor[TXNS];              /* key */
};

/* What model_moves() hands each successor to. `what` is "" unless moves->describe. */
struct moves {
    const struct model *model;
    const struct state *from;
    bool describe;
    void (*take)(void *arg, const struct state *next, const char *what);
    void *arg;
};

extern const struct scenario scenarios[];
extern const int scenario_count;
const struct scenario *scenario_find(const char *name);
const char *rule_name(enum rule rule);
const char *rule_step(enum rule rule);
const char *rule_text(enum rule rule);
int rule_find(const char *name); /* -1 when there is none */
const char *violation_name(enum violation violation);

void model_init(struct model *model, const struct scenario *scenario);
/* Recomputes what depends on the rules; call after changing model->on. */
void model_refresh(struct model *model);
void model_start(const struct model *model, struct state *state);
void model_moves(struct moves *moves);
/* True when a transaction's row or lock is prepared somewhere. */
bool model_prepared(const struct state *state);

#endif
