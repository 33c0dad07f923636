/* raft_conf.h: who belongs to a group.
 *
 * A configuration is joint from the start: a member may vote in the incoming majority, in the
 * outgoing one, or in both; a configuration with any outgoing voter is joint and every decision
 * (election, commit, lease, read index, read limit) needs both majorities. Members that vote in
 * neither are learners: they receive the log and are not counted.
 *
 * Invariants
 * 1. Members are sorted by replica_id, which is unique in the group for ever (never reused).
 * 2. `generation` rises when a replica is re-created under the same id; messages of an older one
 *    are dropped.
 * 3. An empty configuration (count == 0) belongs to an uninitialised replica: it may vote, and
 *    never campaigns.
 *
 * After Raft's dissertation chapter 4.3 (joint consensus) and etcd's quorum package.
 */
#ifndef CAIRN_RAFT_RAFT_CONF_H
#define CAIRN_RAFT_RAFT_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "raft/raft_entry.h"

#define RAFT_MEMBERS_MAX 16

typedef uint64_t raft_replica_id; /* 0 = none */

enum raft_member_role { /* bits */
    RAFT_VOTER = 1,          /* votes in the incoming (or only) majority */
    RAFT_VOTER_OUTGOING = 2, /* votes in the outgoing majority of a joint configuration */
    RAFT_LEARNER = 4,
};

struct raft_member {
    raft_replica_id replica_id;
    uint32_t node_id;
    uint32_t generation;
    uint8_t roles; /* enum raft_member_role bits */
};

struct raft_conf {
    raft_index index; /* of the entry that made it; 0 = the group's first */
    uint8_t count;
    struct raft_member members[RAFT_MEMBERS_MAX];
};

/* Adds or changes a member, keeping the order. False when the configuration is full. */
bool raft_conf_put(struct raft_conf *conf, struct raft_member member);
/* -1 when absent. */
int raft_conf_find(const struct raft_conf *conf, raft_replica_id replica_id);
bool raft_conf_is_voter(const struct raft_conf *conf, raft_replica_id replica_id);
bool raft_conf_is_joint(const struct raft_conf *conf);
bool raft_conf_equal(const struct raft_conf *a, const struct raft_conf *b);

/* Binary form, part of snapshots, checkpoints and RAFT_ENTRY_CONF. */
#define RAFT_CONF_ENCODED_MAX (16 + RAFT_MEMBERS_MAX * 24)
size_t raft_conf_encode(const struct raft_conf *conf, uint8_t out[RAFT_CONF_ENCODED_MAX]);
/* Sets *consumed. DATA_CORRUPTED when the bytes are no configuration. */
int raft_conf_decode(const uint8_t *bytes, size_t size_bytes, struct raft_conf *conf,
                     size_t *consumed, struct err *err) MUST_CHECK;

#endif
