/* bootstrap.c: see bootstrap.h. */
#include "storage/placement/bootstrap.h"

#include <stdio.h>
#include <stdlib.h>

enum { MESSAGE_VERSION = 1 };

static int fail_other_cluster(const struct bootstrap_stand *me, const struct bootstrap_stand *other,
                              const char *address, struct err *err)
{
    char ours[33], theirs[33];
    store_cluster_text(me->cluster_id, ours);
    store_cluster_text(other->cluster_id, theirs);
    err_set(err, ERR_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "store directory belongs to cluster %s, but node at %s belongs to cluster %s", ours,
            address, theirs);
    return err_hint(err, "Start with the directory of this cluster, or without the other's "
                         "addresses.");
}

static int fail_empty_store(const struct bootstrap_stand *other, const char *address,
                            struct err *err)
{
    char theirs[33];
    store_cluster_text(other->cluster_id, theirs);
    err_set(err, ERR_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "store directory is empty, but node at %s belongs to cluster %s, which is complete",
            address, theirs);
    return err_hint(err, "A node whose store was lost cannot come back under its old name.");
}

/* What any node must refuse, whoever coordinates. 0 = nothing. */
static int check_others(const struct join_list *list, int self, const struct bootstrap_stand *me,
                        const struct bootstrap_stand *others, struct err *err)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const struct bootstrap_stand *o = &others[i];
        if ((int)i == self || !o->answered || !o->has_identity)
            continue;
        if (me->has_identity && memcmp(me->cluster_id, o->cluster_id, 16) != 0)
            return fail_other_cluster(me, o, list->addresses[i], err);
        if (!me->has_identity && o->complete)
            return fail_empty_store(o, list->addresses[i], err);
        /* The coordinator writes first. One without an identity that meets one with has lost its
         * store. */
        if (!me->has_identity && self == 0)
            return fail_empty_store(o, list->addresses[i], err);
    }
    return 0;
}

enum bootstrap_action bootstrap_decide(const struct join_list *list, int self,
                                       const struct bootstrap_stand *me,
                                       const struct bootstrap_stand *others, struct err *err)
{
    if (check_others(list, self, me, others, err))
        return BOOTSTRAP_FAIL;
    if (me->has_identity && me->complete)
        return BOOTSTRAP_COMPLETE;
    bool all_ready = true, all_hold = true;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct bootstrap_stand *o = &others[i];
        if ((int)i == self)
            continue;
        if (o->answered && o->has_identity && o->complete && me->has_identity)
            return BOOTSTRAP_COMPLETE;
        all_ready = all_ready && o->answered && o->same_list;
        all_hold = all_hold && o->answered && o->has_identity;
    }
    if (self != 0 || !all_ready)
        return BOOTSTRAP_WAIT;
    if (!me->has_identity)
        return BOOTSTRAP_FORM;
    return all_hold ? BOOTSTRAP_COMPLETE : BOOTSTRAP_OFFER;
}

int bootstrap_check_offer(const struct join_list *list, int self, const struct bootstrap_stand *me,
                          const struct store_identity *offer, struct err *err)
{
    if (me->has_identity) {
        if (memcmp(me->cluster_id, offer->cluster_id, 16) == 0 && me->node_id == offer->node_id)
            return 0;
        struct bootstrap_stand other = {.has_identity = true};
        memcpy(other.cluster_id, offer->cluster_id, 16);
        return fail_other_cluster(me, &other, offer->nodes[0].rpc, err);
    }
    bool same = offer->n_nodes == list->count && self >= 0 &&
                offer->node_id == (uint32_t)self + 1 && !offer->complete;
    for (uint32_t i = 0; same && i < list->count; i++)
        same = strcmp(offer->nodes[i].rpc, list->addresses[i]) == 0;
    return same ? 0
                : err_set(err, ERR_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          "the lists of addresses to join differ between nodes");
}

static void put_list(struct buf *out, const struct join_list *list)
{
    buf_put_varint(out, list->count);
    for (uint32_t i = 0; i < list->count; i++)
        buf_put_sized(out, list->addresses[i], strlen(list->addresses[i]));
}

/* Reads a list and says whether it is this one. */
static bool take_list_equal(struct buf_reader *in, const struct join_list *list)
{
    uint64_t count = buf_take_varint(in);
    bool same = count == list->count;
    for (uint64_t i = 0; i < count && !in->bad; i++) {
        size_t len;
        const uint8_t *text = buf_take_sized(in, &len);
        same = same && text && strlen(list->addresses[i]) == len &&
               memcmp(list->addresses[i], text, len) == 0;
    }
    return same;
}

void bootstrap_put_ask(struct buf *out, uint64_t nonce, const struct join_list *list)
{
    buf_put_u8(out, MESSAGE_VERSION);
    buf_put_u8(out, BOOTSTRAP_ASK);
    buf_put_le64(out, nonce);
    put_list(out, list);
}

void bootstrap_put_stand(struct buf *out, const struct bootstrap_stand *stand,
                         const struct join_list *list)
{
    buf_put_u8(out, MESSAGE_VERSION);
    buf_put_u8(out, BOOTSTRAP_STAND);
    buf_put_le64(out, stand->nonce);
    buf_put_u8(out, stand->has_identity);
    buf_put_u8(out, stand->complete);
    buf_put(out, stand->cluster_id, 16);
    buf_put_le32(out, stand->node_id);
    put_list(out, list);
    buf_put_sized(out, stand->rpc, strlen(stand->rpc));
    buf_put_sized(out, stand->sql, strlen(stand->sql));
    buf_put_sized(out, stand->http, strlen(stand->http));
}

void bootstrap_put_offer(struct buf *out, const struct store_identity *identity)
{
    buf_put_u8(out, MESSAGE_VERSION);
    buf_put_u8(out, BOOTSTRAP_IDENTITY);
    struct buf body = {0};
    store_identity_encode(identity, &body);
    buf_put_sized(out, body.data, body.len);
    buf_done(&body);
}

static int refuse_message(struct err *err)
{
    return err_set(err, ERR_DATA_CORRUPTED, "malformed message while the cluster is formed");
}

int bootstrap_kind_of(const void *msg, size_t len, enum bootstrap_kind *kind, struct err *err)
{
    const uint8_t *p = msg;
    if (len < 2)
        return refuse_message(err);
    if (p[0] != MESSAGE_VERSION)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED,
                       "node speaks version %u of the bootstrap protocol", p[0]);
    if (p[1] < BOOTSTRAP_ASK || p[1] > BOOTSTRAP_IDENTITY)
        return refuse_message(err);
    *kind = p[1];
    return 0;
}

static void take_address(struct buf_reader *in, char *out)
{
    size_t len;
    const uint8_t *text = buf_take_sized(in, &len);
    if (in->bad || len >= STORE_ADDRESS_MAX) {
        in->bad = true;
        return;
    }
    memcpy(out, text, len);
    out[len] = 0;
}

int bootstrap_take_stand(const void *msg, size_t len, const struct join_list *list,
                         struct bootstrap_stand *out, struct err *err)
{
    enum bootstrap_kind kind = 0;
    int rc = bootstrap_kind_of(msg, len, &kind, err);
    if (rc)
        return rc;
    if (kind != BOOTSTRAP_STAND)
        return refuse_message(err);
    struct buf_reader in = buf_reader_of((const uint8_t *)msg + 2, len - 2);
    struct bootstrap_stand s = {.answered = true};
    s.nonce = buf_take_le64(&in);
    s.has_identity = buf_take_u8(&in) != 0;
    s.complete = buf_take_u8(&in) != 0;
    const uint8_t *cluster = buf_take(&in, 16);
    if (cluster)
        memcpy(s.cluster_id, cluster, 16);
    s.node_id = buf_take_le32(&in);
    s.same_list = take_list_equal(&in, list);
    take_address(&in, s.rpc);
    take_address(&in, s.sql);
    take_address(&in, s.http);
    if (in.bad)
        return refuse_message(err);
    *out = s;
    return 0;
}

int bootstrap_take_offer(const void *msg, size_t len, struct store_identity *out, struct err *err)
{
    enum bootstrap_kind kind = 0;
    int rc = bootstrap_kind_of(msg, len, &kind, err);
    if (rc)
        return rc;
    if (kind != BOOTSTRAP_IDENTITY)
        return refuse_message(err);
    struct buf_reader in = buf_reader_of((const uint8_t *)msg + 2, len - 2);
    size_t body_len;
    const uint8_t *body = buf_take_sized(&in, &body_len);
    if (in.bad)
        return refuse_message(err);
    return store_identity_decode(body, body_len, out, err);
}
