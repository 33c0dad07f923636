/* status.h: what a node knows of its cluster, as JSON: GET /status, shown by `cairnctl status`.
 *
 *   {"version", "cluster", "node", "state", "data_leader",
 *    "nodes": [{"id", "rpc", "sql", "http", "alive", "self"}],
 *    "groups": [{"id", "leader", "role", "term", "commit", "applied", "replicas": [..], "quarantined",
 *                "tablets": [{"storage", "shard", "table", "rows", "bytes"}]}]}
 */
#ifndef CAIRN_SERVER_NODE_STATUS_H
#define CAIRN_SERVER_NODE_STATUS_H

#include "server/sql/session.h"

int status_json(struct task *task, struct sql_node *node, struct buf *out, struct err *err) MUST_CHECK;

#endif
