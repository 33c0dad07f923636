#include "server/sql/node_catalog.h"

#include <stdlib.h>

#include "server/sql/catalog_store.h"
#include "server/sql/session.h"

struct node_catalog *node_catalog_create(void)
{
    struct node_catalog *nc = calloc(1, sizeof *nc);
    lock_init(&nc->lock);
    return nc;
}

void node_catalog_destroy(struct node_catalog *nc)
{
    catalog_unref(nc->current);
    lock_done(&nc->lock);
    free(nc);
}

struct catalog *node_catalog_get(struct node_catalog *nc, uint64_t *number)
{
    lock_take(&nc->lock);
    struct catalog *c = nc->current ? catalog_ref(nc->current) : NULL;
    *number = nc->number;
    lock_give(&nc->lock);
    return c;
}

static void swap_locked(struct node_catalog *nc, struct catalog *next)
{
    struct catalog *old = nc->current;
    nc->current = next;
    atomic_fetch_add_explicit(&nc->number, 1, memory_order_release);
    catalog_unref(old);
}

void node_catalog_put(struct node_catalog *nc, struct catalog *take_catalog)
{
    lock_take(&nc->lock);
    if (!nc->current || catalog_version(take_catalog) >= catalog_version(nc->current))
        swap_locked(nc, take_catalog);
    else
        catalog_unref(take_catalog);
    lock_give(&nc->lock);
}

void node_catalog_apply(struct node_catalog *nc, const struct catalog_change *changes, uint32_t n,
                        hlc_time version)
{
    lock_take(&nc->lock);
    hlc_time at = catalog_version(nc->current);
    swap_locked(nc, catalog_apply(nc->current, changes, n, version > at ? version : at));
    lock_give(&nc->lock);
}

int node_catalog_load(struct task *task, struct sql_node *node, struct err *err)
{
    struct kv_txn_options options = {
        .isolation = KV_REPEATABLE_READ, .read_only = true, .class_ = TASK_TXN};
    for (int attempt = 0;; attempt++) {
        struct kv_txn *txn = kv_txn_begin(node->kv, &options);
        struct catalog *catalog;
        int rc = catalog_store_read(task, node->kv, txn, &catalog, err);
        enum kv_retry retry = kv_txn_retry(txn);
        kv_abort(task, txn);
        if (!rc) {
            node_catalog_put(node->catalog, catalog);
            return 0;
        }
        if (retry == KV_RETRY_NONE || attempt >= 20)
            return rc;
        rc = task_sleep(task, UINT64_C(5000000), err);
        if (rc)
            return rc;
    }
}
