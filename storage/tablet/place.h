/* place.h: which group holds what, as fixed when the cluster is formed. Pure functions.
 *
 * Group 1 carries the catalog and other system data, groups 2 .. 1 + D the data (D is a constant of
 * the cluster, in every store's identity). Each group has min(nodes, 3) replicas; leaders-to-be
 * (the first named) are spread.
 *
 * Shard i of a storage and of everything that names it as home lies in data group 2 + i mod D. So
 * all tables of one shard, with all their indexes, share group 2 and a transaction over them
 * commits in one entry; a table of many shards uses all groups, and its indexes of equally many
 * shards lie beside it.
 *
 * Storages below PLACE_SYSTEM_STORAGES belong to the catalog: group 1.
 */
#ifndef CAIRN_STORAGE_TABLET_PLACE_H
#define CAIRN_STORAGE_TABLET_PLACE_H

#include <stddef.h>
#include <stdint.h>

struct store_group_config;

enum {
    PLACE_SYSTEM_GROUP = 1,
    PLACE_DATA_GROUP_FIRST = 2,
    PLACE_DATA_GROUPS_DEFAULT = 3,
    PLACE_DATA_GROUPS_MAX = 1024,
    PLACE_REPLICAS = 3,
    PLACE_SYSTEM_STORAGES = 16384, /* PostgreSQL's FirstNormalObjectId */
};

/* Fills groups[1 + n_data_groups]; nodes are 1..n_nodes. */
void place_groups(uint32_t n_nodes, uint32_t n_data_groups, struct store_group_config *groups);
uint32_t place_shard(uint64_t home_storage, uint32_t shard, uint32_t n_data_groups);

#endif
