/* txn_model_int.h: what the parts of the machine share.
 *
 * ghost    txn_ghost.c    verdicts, installed versions, the properties
 * log      txn_log.c      what an entry does when it is applied
 * leader   txn_leader.c   what a group leader does with its memory: locks, Prepare, reads, resolve
 * gateway  txn_gateway.c  the steps of a transaction's gateway
 * recover  txn_recover.c  recoverers, record removal
 *
 * Parts called moves_* emit successors; all others change the state they are given. Every function
 * here runs without waiting and cannot fail.
 */
#ifndef CAIRN_TESTS_MODEL_TXN_MODEL_INT_H
#define CAIRN_TESTS_MODEL_TXN_MODEL_INT_H

#include "tests/model/txn_model.h"

static inline bool has(uint8_t set, int member)
{
    return set >> member & 1;
}

static inline uint8_t max_u8(uint8_t a, uint8_t b)
{
    return a > b ? a : b;
}

static inline char group_letter(int group)
{
    return "ABRS"[group];
}

/* ghost */
void ghost_violate(struct state *s, enum violation violation);
void ghost_settle(const struct model *m, struct state *s, int t, enum outcome outcome, uint8_t ts);
void ghost_install(const struct model *m, struct state *s, int t, int key, uint8_t ts);
void ghost_lock_installed(struct state *s, int t, int key);
void ghost_tell(const struct model *m, struct state *s, int t, enum outcome outcome, uint8_t ts);

/* log */
bool log_propose(struct group *group, struct entry entry);
const struct entry *log_find(const struct group *group, int kind, int txn);
void log_apply(const struct model *m, struct state *s, int group);
const char *log_entry_name(int kind);
uint8_t txn_participant_keys(const struct model *m, int txn);
/* The outcome the anchor's group knows for good: record, else slot. OPEN or STAGING otherwise. */
enum outcome anchor_outcome(const struct model *m, const struct state *s, int txn, uint8_t *ts);
void reply_send(struct state *s, int txn, int group, struct reply reply);
void locks_drop(struct state *s, int txn, int group);

/* leader */
/* Who still stands in the way at a key with a prepared row; 0 when nobody or its resolve is
 * proposed. */
uint8_t key_blocker(const struct state *s, int key);
uint8_t key_newest(const struct model *m, const struct state *s, int key);
uint8_t key_newest_writer(const struct model *m, const struct state *s, int key);
/* The writer whose published or prepared row at `key` holds a read at `ts`; 0 when none. */
uint8_t key_read_blocker(const struct model *m, const struct state *s, int key, int reader,
                         uint8_t ts);
uint8_t key_version_at(const struct model *m, const struct state *s, int key, uint8_t ts);
void key_raise_cache(struct state *s, int key, uint8_t ts, uint8_t by);
/* True when the span was changed in (read_ts, cand]: the SERIALIZABLE check. */
bool key_changed(const struct model *m, const struct state *s, int key, int txn, uint8_t cand);
void key_validate(const struct model *m, struct state *s, int key, int txn, uint8_t cand);
bool leader_evaluate(const struct model *m, struct state *s, int txn, int epoch, int group);
void moves_leaders(struct moves *moves);
void moves_reader(struct moves *moves);

/* gateway */
void moves_gateways(struct moves *moves);

/* recover */
void moves_recoverers(struct moves *moves);

/* Normalizes `next` and hands it on. */
void moves_take(struct moves *moves, struct state *next, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
