#include "raft/raft_quorum.h"

static uint64_t majority_value(const struct raft_conf *conf, const uint64_t *values, uint8_t role)
{
    uint64_t sorted[RAFT_MEMBERS_MAX]; /* descending */
    int count = 0;

    for (int i = 0; i < conf->count; i++) {
        int at = count;

        if (!(conf->members[i].roles & role))
            continue;
        while (at > 0 && sorted[at - 1] < values[i]) {
            sorted[at] = sorted[at - 1];
            at--;
        }
        sorted[at] = values[i];
        count++;
    }
    return count == 0 ? 0 : sorted[count / 2];
}

uint64_t raft_quorum_value(const struct raft_conf *conf, const uint64_t *values)
{
    uint64_t incoming = majority_value(conf, values, RAFT_VOTER);
    uint64_t outgoing;

    if (!raft_conf_is_joint(conf))
        return incoming;
    outgoing = majority_value(conf, values, RAFT_VOTER_OUTGOING);
    return incoming < outgoing ? incoming : outgoing;
}

static enum raft_vote_outcome majority_votes(const struct raft_conf *conf, const int8_t *votes,
                                             uint8_t role)
{
    int voters = 0, yes = 0, no = 0;

    for (int i = 0; i < conf->count; i++) {
        if (!(conf->members[i].roles & role))
            continue;
        voters++;
        yes += votes[i] > 0;
        no += votes[i] < 0;
    }
    if (yes > voters / 2)
        return RAFT_VOTE_WON;
    return voters - no > voters / 2 ? RAFT_VOTE_PENDING : RAFT_VOTE_LOST;
}

enum raft_vote_outcome raft_quorum_votes(const struct raft_conf *conf, const int8_t *votes)
{
    enum raft_vote_outcome incoming = majority_votes(conf, votes, RAFT_VOTER);
    enum raft_vote_outcome outgoing;

    if (!raft_conf_is_joint(conf))
        return incoming;
    outgoing = majority_votes(conf, votes, RAFT_VOTER_OUTGOING);
    if (incoming == RAFT_VOTE_LOST || outgoing == RAFT_VOTE_LOST)
        return RAFT_VOTE_LOST;
    return incoming == RAFT_VOTE_WON && outgoing == RAFT_VOTE_WON ? RAFT_VOTE_WON
                                                                   : RAFT_VOTE_PENDING;
}
