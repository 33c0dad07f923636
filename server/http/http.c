#include "server/http/http.h"

#include <http_parser.h>
#include <stdlib.h>

#include "base/core.h"
#include "base/env.h"

enum { HEAD_MAX = 8192, PATH_BYTES = 1024 };

struct http_server {
    struct listener *listener;
    const struct http_route *routes;
    void *ctx;
    uint32_t connections; /* and the accepting fiber */
    bool stopping;
    struct list socks;    /* struct connection.link */
    struct task *waiting; /* http_stop */
};

struct connection {
    struct http_server *server;
    struct sock *sock;
    struct list_node link;
    http_parser parser;
    char path[PATH_BYTES];
    size_t path_len, head_bytes;
    bool complete, keep_alive, is_get;
};

static int on_begin(http_parser *p)
{
    struct connection *c = p->data;
    c->path_len = c->head_bytes = 0;
    return 0;
}

static int on_url(http_parser *p, const char *at, size_t len)
{
    struct connection *c = p->data;
    if (c->path_len + len >= sizeof c->path)
        return 1;
    memcpy(c->path + c->path_len, at, len);
    c->path_len += len;
    c->path[c->path_len] = 0;
    return 0;
}

static int on_complete(http_parser *p)
{
    struct connection *c = p->data;
    c->complete = true;
    c->is_get = p->method == HTTP_GET;
    c->keep_alive = http_should_keep_alive(p) != 0;
    /* One request at a time: what follows waits in the parser's input. */
    http_parser_pause(p, 1);
    return 0;
}

static const char *status_text(int status)
{
    switch (status) {
    case 200: return "OK";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 503: return "Service Unavailable";
    default: return "Error";
    }
}

static int answer_request(struct task *task, struct connection *c, struct err *err)
{
    struct http_answer a = {.status = 404, .content_type = "text/plain; charset=utf-8"};
    const struct http_route *r = c->server->routes;
    char *query = strchr(c->path, '?');
    if (query)
        *query = 0;
    buf_init(&a.body);
    while (r->path && strcmp(r->path, c->path) != 0)
        r++;
    if (!c->is_get) {
        a.status = 405;
        buf_put_text(&a.body, "only GET is served here\n");
    } else if (r->path) {
        a.status = 200;
        r->fn(task, c->server->ctx, c->path, &a);
    } else {
        buf_put_text(&a.body, "no such page; there are:\n");
        for (r = c->server->routes; r->path; r++)
            buf_printf(&a.body, "%s\n", r->path);
    }
    struct buf out;
    buf_init(&out);
    buf_printf(&out, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: %s\r\n\r\n", a.status, status_text(a.status),
               a.content_type, a.body.len, c->keep_alive ? "keep-alive" : "close");
    buf_put(&out, a.body.data, a.body.len);
    int rc = sock_write(task, c->sock, out.data, out.len, err);
    buf_done(&out);
    buf_done(&a.body);
    return rc;
}

/* Feeds bytes; answers each request they complete. */
static int feed(struct task *task, struct connection *c, const char *data, size_t len, struct err *err)
{
    http_parser_settings settings;
    http_parser_settings_init(&settings);
    settings.on_message_begin = on_begin;
    settings.on_url = on_url;
    settings.on_message_complete = on_complete;
    while (len) {
        size_t used = http_parser_execute(&c->parser, &settings, data, len);
        c->head_bytes += used;
        if (!c->complete) {
            if (used != len || c->head_bytes > HEAD_MAX)
                return err_set(err, ERR_PROTOCOL_VIOLATION, "malformed request");
            return 0;
        }
        c->complete = false;
        int rc = answer_request(task, c, err);
        if (rc)
            return rc;
        if (!c->keep_alive)
            return err_set(err, ERR_CONNECTION_FAILURE, "closed");
        http_parser_pause(&c->parser, 0);
        data += used;
        len -= used;
    }
    return 0;
}

static void leave(struct http_server *s)
{
    if (--s->connections == 0 && s->waiting)
        task_wake(s->waiting);
}

static void serve_connection(struct task *task, void *arg)
{
    struct connection *c = arg;
    struct err err;
    char data[4096];
    size_t got = 0;
    http_parser_init(&c->parser, HTTP_REQUEST);
    c->parser.data = c;
    while (sock_read(task, c->sock, data, sizeof data, &got, &err) == 0 && got)
        if (feed(task, c, data, got, &err) != 0)
            break;
    list_remove(&c->link);
    sock_close(c->sock);
    leave(c->server);
    free(c);
}

static void accept_loop(struct task *task, void *arg)
{
    struct http_server *s = arg;
    struct err err;
    struct sock *sock;
    while (!s->stopping && listener_accept(task, s->listener, &sock, &err) == 0) {
        struct connection *c = calloc(1, sizeof *c);
        c->server = s;
        c->sock = sock;
        list_push_back(&s->socks, &c->link);
        s->connections++;
        task_spawn(task->core, TASK_TXN, "http connection", serve_connection, c);
    }
    leave(s);
}

int http_start(struct task *task, const char *host, uint16_t port, const struct http_route *routes, void *ctx,
               struct http_server **out, struct err *err)
{
    struct http_server *s = calloc(1, sizeof *s);
    s->routes = routes;
    s->ctx = ctx;
    list_init(&s->socks);
    int rc = sock_listen(task, host, port, &s->listener, err);
    if (rc) {
        free(s);
        return rc;
    }
    s->connections = 1;
    task_spawn(task->core, TASK_TXN, "http accept", accept_loop, s);
    *out = s;
    return 0;
}

uint16_t http_port(const struct http_server *s)
{
    return listener_port(s->listener);
}

void http_stop(struct task *task, struct http_server *s)
{
    if (!s)
        return;
    s->stopping = true;
    listener_close(s->listener);
    list_each(struct connection, c, &s->socks, link)
        sock_shutdown(c->sock);
    while (s->connections) {
        s->waiting = task;
        task_park_always(task);
    }
    free(s);
}
