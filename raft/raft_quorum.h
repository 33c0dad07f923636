/* raft_quorum.h: what a (joint) configuration decides.
 *
 * Every rule that says "a majority" comes here: the commit index, the lease, read rounds and read
 * limits are the largest value that a majority reached; elections count votes. With a joint
 * configuration both majorities must agree, which is the smaller value, or both elections.
 *
 * Arrays run parallel to conf->members; what learners say is not looked at.
 */
#ifndef CAIRN_RAFT_RAFT_QUORUM_H
#define CAIRN_RAFT_RAFT_QUORUM_H

#include "raft/raft_conf.h"

/* Largest v such that a majority (each majority) has values[i] >= v. 0 without voters. */
uint64_t raft_quorum_value(const struct raft_conf *conf, const uint64_t *values);

enum raft_vote_outcome { RAFT_VOTE_PENDING, RAFT_VOTE_WON, RAFT_VOTE_LOST };

/* votes[i]: 0 unknown, 1 yes, -1 no. An empty configuration never wins. */
enum raft_vote_outcome raft_quorum_votes(const struct raft_conf *conf, const int8_t *votes);

#endif
