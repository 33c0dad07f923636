/* http.h: the node's HTTP port: GET /health, /ready, /metrics, /status.
 *
 * HTTP/1.1 with one answer a connection; requests of at most 8 KiB. /health: the process answers.
 * /ready: 200 when statements are served, else 503. /metrics: Prometheus' text form. /status: JSON:
 * this node, the cluster's nodes, groups and tablets, sessions.
 */
#ifndef CAIRN_SERVER_HTTP_HTTP_H
#define CAIRN_SERVER_HTTP_HTTP_H

#include "server/sql/session.h"

struct http;

/* Serves on host:port, on the running core. node must outlive http_stop. */
int http_listen(struct task *task, struct sql_node *node, const char *address, struct http **out,
                struct err *err) MUST_CHECK;
/* Ends the answers under way, frees. */
void http_stop(struct task *task, struct http *http);

#endif
