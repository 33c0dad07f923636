/* place.c: see place.h. */
#include "storage/tablet/place.h"

#include <assert.h>
#include <string.h>

#include "storage/tablet/store.h"

void place_groups(uint32_t n_nodes, uint32_t n_data_groups, struct store_group_config *groups)
{
    assert(n_nodes >= 1);
    uint32_t n_replicas = n_nodes < PLACE_REPLICAS ? n_nodes : PLACE_REPLICAS;
    memset(groups, 0, (1 + n_data_groups) * sizeof *groups);
    for (uint32_t g = 0; g < 1 + n_data_groups; g++) {
        groups[g].group_id = PLACE_SYSTEM_GROUP + g;
        groups[g].n_replicas = (uint8_t)n_replicas;
        for (uint32_t r = 0; r < n_replicas; r++)
            groups[g].nodes[r] = 1 + (g + r) % n_nodes;
    }
}

uint32_t place_shard(uint64_t home_storage, uint32_t shard, uint32_t n_data_groups)
{
    if (home_storage < PLACE_SYSTEM_STORAGES || n_data_groups == 0)
        return PLACE_SYSTEM_GROUP;
    return PLACE_DATA_GROUP_FIRST + shard % n_data_groups;
}
