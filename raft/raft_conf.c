#include "raft/raft_conf.h"

#include <string.h>

#include "raft/raft_wire_int.h"

#define CONF_VERSION 1
#define ROLES_ALL (RAFT_VOTER | RAFT_VOTER_OUTGOING | RAFT_LEARNER)

bool raft_conf_put(struct raft_conf *conf, struct raft_member member)
{
    int at = 0;

    while (at < conf->count && conf->members[at].replica_id < member.replica_id)
        at++;
    if (at < conf->count && conf->members[at].replica_id == member.replica_id) {
        conf->members[at] = member;
        return true;
    }
    if (conf->count == RAFT_MEMBERS_MAX)
        return false;
    memmove(conf->members + at + 1, conf->members + at,
            sizeof(member) * (size_t)(conf->count - at));
    conf->members[at] = member;
    conf->count++;
    return true;
}

int raft_conf_find(const struct raft_conf *conf, raft_replica_id replica_id)
{
    for (int i = 0; i < conf->count; i++) {
        if (conf->members[i].replica_id == replica_id)
            return i;
    }
    return -1;
}

bool raft_conf_is_voter(const struct raft_conf *conf, raft_replica_id replica_id)
{
    int i = raft_conf_find(conf, replica_id);

    return i >= 0 && (conf->members[i].roles & (RAFT_VOTER | RAFT_VOTER_OUTGOING)) != 0;
}

bool raft_conf_is_joint(const struct raft_conf *conf)
{
    for (int i = 0; i < conf->count; i++) {
        if (conf->members[i].roles & RAFT_VOTER_OUTGOING)
            return true;
    }
    return false;
}

bool raft_conf_equal(const struct raft_conf *a, const struct raft_conf *b)
{
    if (a->index != b->index || a->count != b->count)
        return false;
    for (int i = 0; i < a->count; i++) {
        const struct raft_member *x = &a->members[i], *y = &b->members[i];

        if (x->replica_id != y->replica_id || x->node_id != y->node_id ||
            x->generation != y->generation || x->roles != y->roles)
            return false;
    }
    return true;
}

size_t raft_conf_encode(const struct raft_conf *conf, uint8_t out[RAFT_CONF_ENCODED_MAX])
{
    uint8_t *at = out;

    *at++ = CONF_VERSION;
    at = write_varint(at, conf->index);
    *at++ = conf->count;
    for (int i = 0; i < conf->count; i++) {
        at = write_varint(at, conf->members[i].replica_id);
        at = write_varint(at, conf->members[i].node_id);
        at = write_varint(at, conf->members[i].generation);
        *at++ = conf->members[i].roles;
    }
    return (size_t)(at - out);
}

int raft_conf_decode(const uint8_t *bytes, size_t size_bytes, struct raft_conf *conf,
                     size_t *consumed, struct err *err)
{
    struct raft_wire_in in = {bytes, bytes + size_bytes, false};
    struct raft_conf read = {0};
    raft_replica_id before = 0;

    if (read_u8(&in) != CONF_VERSION)
        in.bad = true;
    read.index = read_varint(&in);
    read.count = read_u8(&in);
    if (read.count > RAFT_MEMBERS_MAX)
        in.bad = true;
    for (int i = 0; i < read.count && !in.bad; i++) {
        struct raft_member *member = &read.members[i];

        member->replica_id = read_varint(&in);
        member->node_id = read_varint32(&in);
        member->generation = read_varint32(&in);
        member->roles = read_u8(&in);
        if (member->replica_id <= before || (member->roles & ~ROLES_ALL) || member->roles == 0)
            in.bad = true;
        before = member->replica_id;
    }
    if (in.bad)
        return err_set(err, ERR_DATA_CORRUPTED, "malformed replica group configuration");
    *conf = read;
    *consumed = (size_t)(in.at - bytes);
    return 0;
}
