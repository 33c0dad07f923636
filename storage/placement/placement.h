/* placement.h: a node's place in its cluster: how it gets one, who the others are, where groups
 * live.
 *
 * Start of a node: open the directory (store_dir.h), create rpc, placement_create (registers its
 * handler), rpc_listen, placement_bootstrap (returns once the store has a complete identity, at
 * once after the first time), placement_connect (tells rpc who everybody is), store_open with the
 * groups of placement_groups.
 *
 * The node registry is part of the identity file: the rpc addresses are those of the join list, for
 * ever; sql and http addresses may change with a restart: each start announces them to all other
 * nodes.
 *
 * Everything here happens on core 0; other cores ask through core_call. Handlers answer as long as
 * the placement exists; placement_stop before the store closes, placement_destroy after rpc_stop.
 *
 * Where groups live is fixed at bootstrap for now (tablet/place.h); moving them comes with
 * membership change.
 *
 * Fails with a clear error when: the list of addresses is malformed or does not name this node; the
 * directory belongs to another cluster than a listed node; the directory is empty but the cluster
 * exists; the list differs from the one the cluster was formed with.
 */
#ifndef CAIRN_STORAGE_PLACEMENT_PLACEMENT_H
#define CAIRN_STORAGE_PLACEMENT_PLACEMENT_H

#include "base/err.h"
#include "storage/tablet/store.h"
#include "storage/tablet/store_dir.h"

struct arena;
struct log;
struct rpc;
struct placement;

struct placement_config {
    struct rpc *rpc;
    struct store_dir *dir; /* outlives the placement until placement_stop */
    struct log *log;       /* may be NULL */
    const char *join;      /* --join; NULL or "" = a cluster of one */
    /* What others shall use to reach this node. rpc is also how it finds itself in the list; where
     * that fails (it listens on 0.0.0.0) it finds itself by asking. */
    const char *rpc_address, *sql_address, *http_address;
    uint32_t n_data_groups; /* 0 = PLACE_DATA_GROUPS_DEFAULT; counts when the cluster is formed */
};

int placement_create(const struct placement_config *config, struct placement **out,
                     struct err *err) MUST_CHECK;
/* Waits until the cluster is formed; cancelable. */
int placement_bootstrap(struct task *task, struct placement *placement, struct err *err) MUST_CHECK;
/* Cluster and node id and all addresses to rpc; begins to announce this node's addresses. */
int placement_connect(struct task *task, struct placement *placement, struct err *err) MUST_CHECK;
/* Every group of the cluster, for store_config. */
struct store_group_config *placement_groups(const struct placement *placement, struct arena *arena,
                                            size_t *n);
/* The nodes as known here, ascending id, in the arena. Any core. */
int placement_nodes(struct task *task, struct placement *placement, struct arena *arena,
                    struct store_node **nodes, size_t *n, struct err *err) MUST_CHECK;
void placement_stop(struct task *task, struct placement *placement);
void placement_destroy(struct placement *placement);

#endif
