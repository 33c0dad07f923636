/* bootstrap.h: how a cluster comes into being exactly once: the decisions and the messages, without
 * I/O.
 *
 * Every node is started with the same list of addresses. Until the cluster is formed each node asks
 * all others again and again where they stand and decides from the answers (bootstrap_decide). The
 * node at the lowest address coordinates: once every listed node answers and none has an identity,
 * it draws the cluster's id, writes its own identity, and proposes it to the others, who each write
 * theirs before they agree. Once all hold it the coordinator marks it complete; the others learn
 * that by asking. Groups start on a node only when it is complete there.
 *
 * Invariants
 * 1. One coordinator a list, and its identity is durable before anybody else hears of the id:
 *    however often nodes crash and start again in the middle, the same id is proposed again.
 * 2. A node that has an identity never takes another.
 * 3. No Raft group exists before all nodes hold identities: so a store that was lost before that
 *    never voted, and an identity is never given to an empty store afterwards (its votes and log
 *    would be forgotten).
 * 4. Lists that differ form nothing.
 *
 * What ends the attempt with an error: a listed node that belongs to another cluster; an empty
 * store where the cluster is complete already. What only makes it wait: silence, a differing list.
 *
 *     ASK     u8 version=1, u8 kind=1, u64 nonce, list
 *     STAND u8 version, u8 kind=2, u64 nonce, u8 has identity, u8 complete, u8[16] cluster id, u32
 *     node id, list, sized rpc, sql, http address of the answering node
 *     OFFER   u8 version, u8 kind=3, sized identity (store_dir.h) of the receiving node
 *     (list = varint count, sized addresses; nonce: drawn at start, tells a node its own address in
 *     the list)
 */
#ifndef CAIRN_STORAGE_PLACEMENT_BOOTSTRAP_H
#define CAIRN_STORAGE_PLACEMENT_BOOTSTRAP_H

#include "storage/placement/join_list.h"

/* What one node says of itself. */
struct bootstrap_stand {
    bool answered; /* false: not reached; the rest is void */
    bool same_list;
    bool has_identity;
    bool complete;
    uint64_t nonce;
    uint8_t cluster_id[16];
    uint32_t node_id;
    char rpc[STORE_ADDRESS_MAX], sql[STORE_ADDRESS_MAX], http[STORE_ADDRESS_MAX];
};

enum bootstrap_action {
    BOOTSTRAP_WAIT,     /* ask again later */
    BOOTSTRAP_FORM,     /* coordinator: draw an id, write the identity, then decide again */
    BOOTSTRAP_OFFER,    /* coordinator: offer it to those who have none, then decide again */
    BOOTSTRAP_COMPLETE, /* mark the identity complete; done */
    BOOTSTRAP_FAIL,     /* err is set */
};

/* me: this node's own stand. others[i] belongs to list->addresses[i]; [self] is ignored. */
enum bootstrap_action bootstrap_decide(const struct join_list *list, int self,
                                       const struct bootstrap_stand *me,
                                       const struct bootstrap_stand *others, struct err *err);
/* May this node take the identity offered? 0, or the reason why not. */
int bootstrap_check_offer(const struct join_list *list, int self, const struct bootstrap_stand *me,
                          const struct store_identity *offer, struct err *err) MUST_CHECK;

enum bootstrap_kind { BOOTSTRAP_ASK = 1, BOOTSTRAP_STAND = 2, BOOTSTRAP_IDENTITY = 3 };

void bootstrap_put_ask(struct buf *out, uint64_t nonce, const struct join_list *list);
void bootstrap_put_stand(struct buf *out, const struct bootstrap_stand *stand,
                         const struct join_list *list);
void bootstrap_put_offer(struct buf *out, const struct store_identity *identity);
/* DATA_CORRUPTED for anything but a message of a known version. */
int bootstrap_kind_of(const void *msg, size_t len, enum bootstrap_kind *kind,
                      struct err *err) MUST_CHECK;
/* list: of the asking node, for same_list. */
int bootstrap_take_stand(const void *msg, size_t len, const struct join_list *list,
                         struct bootstrap_stand *out, struct err *err) MUST_CHECK;
int bootstrap_take_offer(const void *msg, size_t len, struct store_identity *out,
                         struct err *err) MUST_CHECK;

#endif
