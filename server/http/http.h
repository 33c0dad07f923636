/* http.h: the small HTTP server beside SQL: health, readiness, metrics, status.
 *
 * GET only, HTTP/1.1 with keep-alive, parsed by http-parser. A route is a function that appends a body; it runs in the connection's
 * fiber and may wait. Requests are bounded (8 KiB of head, no body); anything else is answered with its status and the connection closed.
 */
#ifndef CAIRN_SERVER_HTTP_HTTP_H
#define CAIRN_SERVER_HTTP_HTTP_H

#include "base/buf.h"
#include "base/err.h"

struct task;
struct http_server;

struct http_answer {
    int status;               /* 200 ... */
    const char *content_type; /* static text */
    struct buf body;
};
typedef void http_route_fn(struct task *task, void *ctx, const char *path, struct http_answer *answer);

struct http_route {
    const char *path;
    http_route_fn *fn;
};

/* Listens on the running core and serves until http_stop. routes ends with a NULL path. */
int http_start(struct task *task, const char *host, uint16_t port, const struct http_route *routes, void *ctx,
               struct http_server **out, struct err *err) MUST_CHECK;
uint16_t http_port(const struct http_server *s);
/* Connections in progress end; frees the server when they have. */
void http_stop(struct task *task, struct http_server *s);

#endif
