/* raft_msg.h: what replicas of a group say to each other, and its binary form.
 *
 * An append without entries is the heartbeat: it probes the log, moves the follower's commit index,
 * carries the lease's clock reading and the read limit, so there is one path for all of it. An
 * answer repeats the newest clock reading, round and read limit the follower heard in this term,
 * so answers may be merged or lost without harm.
 *
 * Binary form (all varints LEB128, at most 10 bytes; u8 fixed):
 *
 *     u8 version = 1 | u8 kind | u8 flags
 *     varint group_id, from, to, from_node, to_node, from_generation, to_generation,
 *            from_epoch, to_epoch, term
 *     then by kind, in the order of the fields below:
 *       APPEND        index log_term commit sent_us round read_limit, varint entry count,
 *                     per entry: u8 kind, varint (term - log_term), varint size, bytes
 *       APPEND_RESP   index match hint_index hint_term sent_us round read_limit
 *       VOTE PREVOTE  vote_term index log_term
 *       .._RESP       vote_term read_limit
 *       TIMEOUT_NOW RELEASE  nothing
 *       SNAPSHOT      index log_term, configuration (raft_conf.h)
 *       REFILL        nothing; REFILL_RESP index
 *     Entry terms never fall within a message and indexes are consecutive, so neither is repeated.
 *
 * Invariants
 * 1. `term` is the sender's own term, durable before the message left. The term a vote is about is
 *    `vote_term`.
 * 2. to_epoch is 0 (any) or the boot epoch the sender answers to; another boot drops the message.
 * 3. The decoder accepts exactly what the encoder writes and reads no byte behind `size_bytes`.
 */
#ifndef CAIRN_RAFT_RAFT_MSG_H
#define CAIRN_RAFT_RAFT_MSG_H

#include "base/err.h"
#include "raft/raft_conf.h"
#include "raft/raft_entry.h"

#define RAFT_MSG_VERSION 1
#define RAFT_MSG_ENTRIES_MAX 65536

enum raft_msg_kind {
    RAFT_MSG_APPEND = 1,
    RAFT_MSG_APPEND_RESP,
    RAFT_MSG_VOTE,
    RAFT_MSG_VOTE_RESP,
    RAFT_MSG_PREVOTE,
    RAFT_MSG_PREVOTE_RESP,
    RAFT_MSG_TIMEOUT_NOW, /* leader to its chosen successor: campaign now */
    RAFT_MSG_RELEASE,     /* leader has stepped down: your support for it is over */
    RAFT_MSG_SNAPSHOT,    /* head of a stream the driver carries */
    RAFT_MSG_REFILL,      /* a quarantined replica asks every member where they stand */
    RAFT_MSG_REFILL_RESP,
    RAFT_MSG_KIND_END,
};

enum raft_msg_flag {
    RAFT_FLAG_REJECT = 1,      /* _RESP: no */
    RAFT_FLAG_TRANSFER = 2,    /* VOTE: the leader of vote_term - 1 gave up its lease for this */
    RAFT_FLAG_QUIESCE = 4,     /* APPEND: nothing to say until something happens */
    RAFT_FLAG_QUARANTINED = 8, /* APPEND_RESP: needs a refill, acknowledges nothing */
    RAFT_FLAG_BUSY = 16,       /* APPEND_RESP: installing a snapshot */
    RAFT_FLAG_LEADER = 32,     /* REFILL_RESP: from the leader; index says how far to refill */
    RAFT_FLAG_WAKE = 64,       /* APPEND_RESP: the group is needed, say you are there */
    RAFT_FLAG_ALL = 127,
};

struct raft_message {
    uint8_t kind;  /* enum raft_msg_kind */
    uint8_t flags; /* enum raft_msg_flag */
    uint32_t from_node;
    uint32_t to_node;
    uint32_t from_generation;
    uint32_t to_generation; /* 0 = any */
    uint64_t group_id;
    raft_replica_id from;
    raft_replica_id to;
    uint64_t from_epoch;
    uint64_t to_epoch;
    raft_term term;

    raft_term vote_term;   /* VOTE, PREVOTE and their answers */
    raft_index index;      /* APPEND: entry before the first; _RESP: equal to the leader's log up to
                              here, durable or not; reject: the append's index, repeated;
                              VOTE: last of the candidate; SNAPSHOT: last covered */
    raft_term log_term;    /* term of the entry at `index` */
    raft_index commit;     /* APPEND */
    raft_index match;      /* APPEND_RESP: durable and equal to the leader's log up to here */
    raft_index hint_index; /* APPEND_RESP reject: where the logs may meet */
    raft_term hint_term;
    uint64_t sent_us; /* leader's clock when it sent; answers repeat the newest heard */
    uint64_t round;   /* heartbeat round (read index); the same */
    uint64_t read_limit;

    const struct raft_conf *conf; /* SNAPSHOT; owned by the message when decoded */
    struct raft_entry **entries;  /* APPEND; one reference each, and the array, are the message's */
    uint32_t entries_count;
};

/* Drops entries, array and configuration; the struct is zero afterwards. */
void raft_message_clear(struct raft_message *msg);
/* Deep enough for a second owner: references taken, array and configuration copied. */
void raft_message_copy(struct raft_message *to, const struct raft_message *from);

size_t raft_message_encoded_size(const struct raft_message *msg);
/* Writes exactly raft_message_encoded_size bytes and returns that number. */
size_t raft_message_encode(const struct raft_message *msg, uint8_t *out);
/* DATA_CORRUPTED for anything the encoder would not write; *consumed may be < size_bytes (messages
 * are packed back to back). On success raft_message_clear is the caller's. */
int raft_message_decode(const uint8_t *bytes, size_t size_bytes, struct raft_message *msg,
                        size_t *consumed, struct err *err) MUST_CHECK;

const char *raft_msg_kind_name(int kind);

#endif
