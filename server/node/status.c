#include "server/node/status.h"

#include "raft/raft.h"
#include "storage/placement/placement.h"

static void put_text(struct buf *out, const char *text)
{
    buf_put_text(out, "\"");
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_printf(out, "\\%c", *p);
        else if ((unsigned char)*p < 0x20)
            buf_printf(out, "\\u%04x", *p);
        else
            buf_put(out, p, 1);
    }
    buf_put_text(out, "\"");
}

/* The table or index a storage belongs to. */
static void put_storage_name(struct buf *out, const struct catalog *catalog, uint64_t storage)
{
    static const char *const fixed[] = {"", "catalog objects", "catalog names", "catalog counters", "sequences"};
    if (storage >= 1 && storage <= 4) {
        put_text(out, fixed[storage]);
        return;
    }
    for (uint32_t i = 0; catalog && i < catalog_count(catalog); i++) {
        const struct cat_object *obj = catalog_nth(catalog, i);
        if (!obj->relation)
            continue;
        if (obj->relation->storage == storage) {
            put_text(out, obj->name);
            return;
        }
        for (uint32_t k = 0; k < obj->relation->n_indexes; k++) {
            if (obj->relation->indexes[k].storage == storage) {
                put_text(out, obj->relation->indexes[k].name);
                return;
            }
        }
    }
    put_text(out, "");
}

static int put_nodes(struct task *task, struct sql_node *node, struct arena *arena, struct buf *out, struct err *err)
{
    struct store_node *nodes;
    size_t n;
    int rc = placement_nodes(task, node->placement, arena, &nodes, &n, err);
    if (rc)
        return rc;
    buf_put_text(out, "\"nodes\": [");
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%s{\"id\": %u, \"rpc\": ", i ? ", " : "", nodes[i].id);
        put_text(out, nodes[i].rpc);
        buf_put_text(out, ", \"sql\": ");
        put_text(out, nodes[i].sql);
        buf_put_text(out, ", \"http\": ");
        put_text(out, nodes[i].http);
        buf_printf(out, ", \"alive\": %s, \"self\": %s}", store_node_alive(node->store, nodes[i].id) ? "true" : "false",
                   nodes[i].id == store_node_id(node->store) ? "true" : "false");
    }
    buf_put_text(out, "]");
    return 0;
}

static void put_group(struct buf *out, const struct store_group_status *g, const struct catalog *catalog)
{
    static const char *const roles[] = {"follower", "pre-candidate", "candidate", "leader"};
    buf_printf(out, "{\"id\": %u, \"leader\": %u, \"role\": \"%s\", \"term\": %llu, \"commit\": %llu, \"applied\": %llu, \"quarantined\": %s, \"replicas\": [",
               g->group_id, g->leader_node, g->role < 4 ? roles[g->role] : "?", (unsigned long long)g->term,
               (unsigned long long)g->commit_index, (unsigned long long)g->applied_index, g->quarantine ? "true" : "false");
    for (uint32_t i = 0; i < g->n_replicas; i++)
        buf_printf(out, "%s%u", i ? ", " : "", g->nodes[i]);
    buf_put_text(out, "], \"tablets\": [");
    for (uint32_t i = 0; i < g->n_tablets; i++) {
        const struct store_tablet_status *t = &g->tablets[i];
        buf_printf(out, "%s{\"storage\": %llu, \"shard\": %u, \"table\": ", i ? ", " : "", (unsigned long long)t->storage, t->shard);
        put_storage_name(out, catalog, t->storage);
        buf_printf(out, ", \"rows\": %llu, \"bytes\": %llu}", (unsigned long long)t->rows, (unsigned long long)t->bytes);
    }
    buf_put_text(out, "]}");
}

int status_json(struct task *task, struct sql_node *node, struct buf *out, struct err *err)
{
    struct arena arena;
    struct store_group_status *groups;
    size_t n_groups;
    char cluster[33];
    uint64_t number;
    arena_init(&arena, NULL);
    int rc = store_status(task, node->store, &arena, &groups, &n_groups, err);
    if (rc) {
        arena_done(&arena);
        return rc;
    }
    uint32_t data_leader = 0;
    for (size_t i = 0; i < n_groups; i++)
        if (groups[i].group_id == 2)
            data_leader = groups[i].leader_node;
    store_cluster_text(store_cluster_id(node->store), cluster);
    buf_printf(out, "{\"version\": \"%s\", \"cluster\": \"%s\", \"node\": %u, \"state\": \"%s\", \"data_leader\": %u, ", CAIRN_VERSION, cluster,
               store_node_id(node->store), node->stopping ? "stopping" : node->accepting ? "serving" : "starting", data_leader);
    rc = put_nodes(task, node, &arena, out, err);
    struct catalog *catalog = node_catalog_number(node->catalog) ? node_catalog_get(node->catalog, &number) : NULL;
    buf_put_text(out, ", \"groups\": [");
    for (size_t i = 0; i < n_groups; i++) {
        buf_put_text(out, i ? ", " : "");
        put_group(out, &groups[i], catalog);
    }
    buf_put_text(out, "]}\n");
    catalog_unref(catalog);
    arena_done(&arena);
    return rc;
}
