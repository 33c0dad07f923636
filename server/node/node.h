/* node.h: one node from its start to its end.
 *
 * Start: directory (locked, whose it is) -> rpc, handlers -> placement finds or forms the cluster -> boot epoch, kv, store (log and manifest
 * recovered, groups driven) -> catalog (bootstrapped once by whoever is first) -> SQL and HTTP listeners -> ready.
 * End (SIGTERM, SIGINT): no new sessions, running statements get a moment, leaderships move where they can, everything closes; whatever
 * was not flushed is in the log.
 *
 * GET /health answers as soon as the process lives; /ready once SQL is served and this node has a quorum's support; /metrics in Prometheus'
 * text form; /status is the JSON behind `cairnctl status`.
 *
 * What cannot be started says why on standard error in one line, with what to do, and the process ends with status 1.
 */
#ifndef CAIRN_SERVER_NODE_NODE_H
#define CAIRN_SERVER_NODE_NODE_H

#include <stdbool.h>
#include <stdint.h>

struct node_config {
    const char *store;  /* directory */
    const char *sql, *rpc, *http; /* HOST:PORT to listen on */
    const char *join;   /* NULL: a cluster of one */
    bool insecure;
    uint32_t cores;     /* 0: CPUs - 1, at least one */
    uint64_t cache_bytes, memtable_bytes; /* 0: defaults */
};

/* Runs the node until a signal; the process's exit status. */
int node_run(const struct node_config *config);

#endif
