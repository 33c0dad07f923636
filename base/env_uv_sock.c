#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/env_uv_int.h"

enum {
    PENDING_STOP = 64 * 1024,
    BACKLOG = 511,
    CLOSE_GRACE_NS = 1000 * 1000 * 1000,
    IOV_MAX_HERE = 64
};

/* A connection. While no task waits in sock_read what arrives goes to `pending` (through the core's
 * scratch block, so that an idle connection owns no buffer); beyond PENDING_STOP reading stops, and
 * TCP's window does the rest. */
struct uv_sock {
    struct sock sock;
    uv_tcp_t tcp;
    struct core *core;
    struct task *reader;
    char *read_to;
    size_t read_cap, read_got;
    struct buf pending;
    size_t pending_at;
    int read_end; /* 0, UV_EOF or another uv error */
    bool reading;
    bool shut;
    bool closing;
    sock_ready_fn *ready_fn;
    void *ready_arg;
    struct core_defer ready_defer;
    struct task *writer;
    size_t queued;
    int write_error;
    struct core_timer close_timer;
    struct list_node accept_link;
    char peer[64];
};

struct uv_listener {
    struct listener listener;
    uv_tcp_t tcp;
    struct core *core;
    struct list accepted; /* of uv_sock */
    struct task *acceptor;
    bool closing;
    uint16_t port;
};

static struct uv_sock *sock_of(const struct sock *sock)
{
    return container_of(sock, struct uv_sock, sock);
}

static struct uv_core *uv_core_of(struct core *core)
{
    return core->env_core;
}

static int set_uv(struct err *err, int rc, const char *what, const char *who)
{
    if (rc == UV_EMFILE || rc == UV_ENFILE)
        return err_set(err, ERR_INSUFFICIENT_RESOURCES, "could not %s %s: %s", what, who,
                       uv_strerror(rc));
    return err_set(err, ERR_CONNECTION_FAILURE, "could not %s %s: %s", what, who, uv_strerror(rc));
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct uv_sock *s = handle->data;
    if (s->reader && s->read_got == 0) {
        *out =
            uv_buf_init(s->read_to, (unsigned)(s->read_cap < INT32_MAX ? s->read_cap : INT32_MAX));
        return;
    }
    *out = uv_buf_init(uv_core_of(s->core)->scratch, UV_SCRATCH_BYTES);
}

static void run_ready_fn(struct uv_sock *s)
{
    sock_ready_fn *fn = s->ready_fn;
    if (!fn)
        return;
    s->ready_fn = NULL;
    fn(&s->sock, s->ready_arg);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct uv_sock *s = stream->data;
    if (n == 0)
        return;
    if (n < 0) {
        s->read_end = (int)n;
        uv_read_stop(stream);
        s->reading = false;
    } else if (s->reader && buf->base == s->read_to) {
        s->read_got = (size_t)n;
    } else {
        buf_put(&s->pending, buf->base, (size_t)n);
        if (s->pending.len - s->pending_at >= PENDING_STOP) {
            uv_read_stop(stream);
            s->reading = false;
        }
    }
    if (s->reader)
        task_wake(s->reader);
    run_ready_fn(s);
}

static void start_reading(struct uv_sock *s)
{
    if (s->reading || s->read_end || s->closing)
        return;
    int rc = uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_read);
    if (rc)
        s->read_end = rc;
    else
        s->reading = true;
}

static size_t take_pending(struct uv_sock *s, void *out, size_t len)
{
    size_t n = s->pending.len - s->pending_at;
    if (n > len)
        n = len;
    memcpy(out, s->pending.data + s->pending_at, n);
    s->pending_at += n;
    if (s->pending_at == s->pending.len) {
        s->pending_at = 0;
        if (s->pending.cap > 16 * 1024)
            buf_done(&s->pending);
        else
            buf_reset(&s->pending);
    }
    return n;
}

static int read_ended(struct uv_sock *s, size_t *got, struct err *err)
{
    if (s->read_end == UV_EOF) {
        *got = 0;
        return 0;
    }
    return set_uv(err, s->shut ? UV_ECONNABORTED : s->read_end, "receive data from", s->peer);
}

int uv_sock_read(struct task *task, struct sock *sock, void *out, size_t len, size_t *got,
                 struct err *err)
{
    struct uv_sock *s = sock_of(sock);
    if (s->pending.len > s->pending_at && !s->shut) {
        *got = take_pending(s, out, len);
        start_reading(s);
        return 0;
    }
    if (s->shut || s->read_end)
        return read_ended(s, got, err);
    if (s->reader)
        return err_set(err, ERR_INTERNAL_ERROR, "two tasks read one socket");
    s->reader = task;
    s->read_to = out;
    s->read_cap = len;
    s->read_got = 0;
    start_reading(s);
    enum park_result r = PARK_WOKEN;
    while (r == PARK_WOKEN && !s->read_got && !s->read_end && !s->shut)
        r = task_park(task, TASK_FOREVER);
    s->reader = NULL;
    s->read_to = NULL;
    if (s->read_got) {
        *got = s->read_got;
        s->read_got = 0;
        return 0;
    }
    if (r == PARK_CANCELED)
        return task_cancel_error(task, err);
    return read_ended(s, got, err);
}

static void run_ready_late(struct core *core, struct core_defer *defer)
{
    run_ready_fn(container_of(defer, struct uv_sock, ready_defer));
}

void uv_sock_on_readable(struct sock *sock, sock_ready_fn *fn, void *arg)
{
    struct uv_sock *s = sock_of(sock);
    s->ready_fn = fn;
    s->ready_arg = arg;
    if (!fn)
        return;
    if (s->pending.len > s->pending_at || s->read_end || s->shut)
        core_defer(s->core, &s->ready_defer, run_ready_late);
    else
        start_reading(s);
}

/* ---- writing ---- */

struct write_req {
    uv_write_t req;
    size_t len;
    char data[];
};

static void on_written(uv_write_t *req, int status)
{
    struct write_req *w = container_of(req, struct write_req, req);
    struct uv_sock *s = req->data;
    s->queued -= w->len;
    free(w);
    if (status < 0 && !s->write_error)
        s->write_error = status;
    if (s->writer && (s->queued <= SOCK_QUEUE_LOW || s->write_error))
        task_wake(s->writer);
}

/* Copies what the system did not take and lets libuv send it. */
static int queue_rest(struct uv_sock *s, const struct file_iov *iov, int iov_count, size_t skip,
                      size_t left)
{
    struct write_req *w = malloc(sizeof *w + left);
    if (!w)
        return UV_ENOMEM;
    w->len = left;
    w->req.data = s;
    char *at = w->data;
    for (int i = 0; i < iov_count; i++) {
        if (skip >= iov[i].len) {
            skip -= iov[i].len;
            continue;
        }
        memcpy(at, (const char *)iov[i].data + skip, iov[i].len - skip);
        at += iov[i].len - skip;
        skip = 0;
    }
    uv_buf_t buf = uv_buf_init(w->data, (unsigned)left);
    s->queued += left;
    int rc = uv_write(&w->req, (uv_stream_t *)&s->tcp, &buf, 1, on_written);
    if (rc) {
        s->queued -= left;
        free(w);
    }
    return rc;
}

static int send_some(struct uv_sock *s, const struct file_iov *iov, int iov_count)
{
    uv_buf_t bufs[IOV_MAX_HERE];
    size_t total = 0;
    for (int i = 0; i < iov_count; i++) {
        bufs[i] = uv_buf_init((char *)iov[i].data, (unsigned)iov[i].len);
        total += iov[i].len;
    }
    size_t sent = 0;
    if (s->queued == 0) {
        int n = uv_try_write((uv_stream_t *)&s->tcp, bufs, (unsigned)iov_count);
        if (n < 0 && n != UV_EAGAIN)
            return n;
        if (n > 0)
            sent = (size_t)n;
    }
    return sent == total ? 0 : queue_rest(s, iov, iov_count, sent, total - sent);
}

int uv_sock_queue(struct sock *sock, const struct file_iov *iov, int iov_count, struct err *err)
{
    struct uv_sock *s = sock_of(sock);
    if (s->shut || s->closing)
        return set_uv(err, UV_ECONNABORTED, "send data to", s->peer);
    if (s->write_error)
        return set_uv(err, s->write_error, "send data to", s->peer);
    while (iov_count > 0) {
        int n = iov_count < IOV_MAX_HERE ? iov_count : IOV_MAX_HERE;
        int rc = send_some(s, iov, n);
        if (rc) {
            s->write_error = rc;
            return set_uv(err, rc, "send data to", s->peer);
        }
        iov += n;
        iov_count -= n;
    }
    return 0;
}

int uv_sock_write(struct task *task, struct sock *sock, const struct file_iov *iov, int iov_count,
                  struct err *err)
{
    struct uv_sock *s = sock_of(sock);
    if (s->queued > SOCK_QUEUE_HIGH) {
        if (s->writer)
            return err_set(err, ERR_INTERNAL_ERROR, "two tasks write one socket");
        s->writer = task;
        enum park_result r = PARK_WOKEN;
        while (r == PARK_WOKEN && s->queued > SOCK_QUEUE_LOW && !s->write_error && !s->shut)
            r = task_park(task, TASK_FOREVER);
        s->writer = NULL;
        if (r == PARK_CANCELED)
            return task_cancel_error(task, err);
    }
    return uv_sock_queue(sock, iov, iov_count, err);
}

size_t uv_sock_queued_bytes(const struct sock *sock)
{
    return sock_of(sock)->queued;
}

const char *uv_sock_peer(const struct sock *sock)
{
    return sock_of(sock)->peer;
}

/* ---- closing ---- */

static void on_closed(uv_handle_t *handle)
{
    struct uv_sock *s = handle->data;
    buf_done(&s->pending);
    free(s);
}

static void close_now(struct uv_sock *s)
{
    core_timer_stop(s->core, &s->close_timer);
    if (!uv_is_closing((uv_handle_t *)&s->tcp))
        uv_close((uv_handle_t *)&s->tcp, on_closed);
}

static void on_close_timer(struct core *core, struct core_timer *timer)
{
    close_now(container_of(timer, struct uv_sock, close_timer));
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
    struct uv_sock *s = req->data;
    free(req);
    close_now(s);
}

void uv_sock_shutdown(struct sock *sock)
{
    struct uv_sock *s = sock_of(sock);
    s->shut = true;
    if (s->reading) {
        uv_read_stop((uv_stream_t *)&s->tcp);
        s->reading = false;
    }
    if (s->reader)
        task_wake(s->reader);
    if (s->writer)
        task_wake(s->writer);
    if (s->ready_fn)
        core_defer(s->core, &s->ready_defer, run_ready_late);
}

void uv_sock_close(struct sock *sock)
{
    struct uv_sock *s = sock_of(sock);
    s->ready_fn = NULL;
    s->closing = true;
    if (s->reading)
        uv_read_stop((uv_stream_t *)&s->tcp);
    s->reading = false;
    if (s->queued == 0 || s->write_error) {
        close_now(s);
        return;
    }
    uv_shutdown_t *req = malloc(sizeof *req);
    if (!req) {
        close_now(s);
        return;
    }
    req->data = s;
    if (uv_shutdown(req, (uv_stream_t *)&s->tcp, on_shutdown) != 0) {
        free(req);
        close_now(s);
        return;
    }
    core_timer_start(s->core, &s->close_timer, env_mono_ns(s->sock.env) + CLOSE_GRACE_NS);
}

/* ---- making ---- */

static struct uv_sock *make_sock(struct core *core)
{
    struct uv_sock *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->sock.env = core->env;
    s->core = core;
    core_timer_init(&s->close_timer, on_close_timer);
    uv_tcp_init(&uv_core_of(core)->loop, &s->tcp);
    s->tcp.data = s;
    snprintf(s->peer, sizeof s->peer, "peer");
    return s;
}

static void describe_peer(struct uv_sock *s)
{
    struct sockaddr_storage ss;
    int len = sizeof ss;
    if (uv_tcp_getpeername(&s->tcp, (struct sockaddr *)&ss, &len) != 0)
        return;
    char ip[48] = "";
    if (ss.ss_family == AF_INET6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
        uv_ip6_name(in6, ip, sizeof ip);
        snprintf(s->peer, sizeof s->peer, "[%s]:%u", ip, ntohs(in6->sin6_port));
    } else {
        struct sockaddr_in *in = (struct sockaddr_in *)&ss;
        uv_ip4_name(in, ip, sizeof ip);
        snprintf(s->peer, sizeof s->peer, "%s:%u", ip, ntohs(in->sin_port));
    }
}

static void finish_sock(struct uv_sock *s)
{
    uv_tcp_nodelay(&s->tcp, 1);
    describe_peer(s);
}

struct resolve {
    uv_getaddrinfo_t req;
    struct task *task;
    int status;
    bool done, abandoned;
    struct addrinfo *list;
};

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct resolve *r = container_of(req, struct resolve, req);
    r->status = status;
    r->list = list;
    r->done = true;
    if (r->abandoned) {
        uv_freeaddrinfo(list);
        free(r);
        return;
    }
    task_wake(r->task);
}

/* Numeric addresses at once, names through the system's resolver. */
static int resolve_host(struct task *task, const char *host, uint16_t port,
                        struct sockaddr_storage *out, struct err *err)
{
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)out) == 0 ||
        uv_ip6_addr(host, port, (struct sockaddr_in6 *)out) == 0)
        return 0;
    struct resolve *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    r->task = task;
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int rc =
        uv_getaddrinfo(&uv_core_of(task->core)->loop, &r->req, on_resolved, host, service, &hints);
    if (rc) {
        free(r);
        return set_uv(err, rc, "resolve host name", host);
    }
    while (!r->done) {
        if (task_park(task, TASK_FOREVER) == PARK_CANCELED && !r->done) {
            r->abandoned = true;
            return task_cancel_error(task, err);
        }
    }
    rc = r->status;
    if (rc == 0 && r->list)
        memcpy(out, r->list->ai_addr, r->list->ai_addrlen);
    else if (rc == 0)
        rc = UV_EAI_NONAME;
    uv_freeaddrinfo(r->list);
    free(r);
    return rc ? set_uv(err, rc, "resolve host name", host) : 0;
}

struct connecting {
    uv_connect_t req;
    struct task *task;
    int status;
    bool done, abandoned;
};

static void on_connected(uv_connect_t *req, int status)
{
    struct connecting *c = container_of(req, struct connecting, req);
    c->status = status;
    c->done = true;
    if (c->abandoned)
        free(c);
    else
        task_wake(c->task);
}

int uv_sock_connect(struct task *task, const char *host, uint16_t port, struct sock **out,
                    struct err *err)
{
    struct sockaddr_storage ss;
    int rc = resolve_host(task, host, port, &ss, err);
    if (rc)
        return rc;
    struct uv_sock *s = make_sock(task->core);
    snprintf(s->peer, sizeof s->peer, "%.50s:%u", host, port);
    struct connecting *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->task = task;
    rc = uv_tcp_connect(&c->req, &s->tcp, (struct sockaddr *)&ss, on_connected);
    if (rc) {
        free(c);
        set_uv(err, rc, "connect to", s->peer);
        uv_sock_close(&s->sock);
        return ERR_CONNECTION_FAILURE;
    }
    while (!c->done) {
        if (task_park(task, TASK_FOREVER) == PARK_CANCELED && !c->done) {
            c->abandoned = true;
            uv_sock_close(&s->sock);
            return task_cancel_error(task, err);
        }
    }
    rc = c->status;
    free(c);
    if (rc) {
        set_uv(err, rc, "connect to", s->peer);
        uv_sock_close(&s->sock);
        return ERR_CONNECTION_FAILURE;
    }
    finish_sock(s);
    *out = &s->sock;
    return 0;
}

/* ---- listening ---- */

static void on_connection(uv_stream_t *stream, int status)
{
    struct uv_listener *l = stream->data;
    if (status < 0)
        return; /* out of descriptors: the connection stays in the backlog */
    struct uv_sock *s = make_sock(l->core);
    if (uv_accept(stream, (uv_stream_t *)&s->tcp) != 0) {
        uv_sock_close(&s->sock);
        return;
    }
    finish_sock(s);
    list_push_back(&l->accepted, &s->accept_link);
    if (l->acceptor)
        task_wake(l->acceptor);
}

static void on_listener_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* SO_REUSEPORT would let a second process share the port in silence: the first listener of this
 * process looks whether somebody else has it. */
static int probe_port(struct env_uv *env, const struct sockaddr *address, socklen_t len,
                      uint16_t port)
{
    if (port == 0)
        return 0;
    for (int i = 0; i < env->port_count; i++)
        if (env->ports[i] == port)
            return 0;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int one = 1, rc = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, address, len) != 0)
        rc = -errno;
    close(fd);
    return rc;
}

static int bind_port(struct uv_listener *l, struct sockaddr_storage *ss)
{
    struct env_uv *env = container_of(l->core->env, struct env_uv, env);
    socklen_t len =
        ss->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    uint16_t port = ntohs(ss->ss_family == AF_INET6 ? ((struct sockaddr_in6 *)ss)->sin6_port
                                                    : ((struct sockaddr_in *)ss)->sin_port);
    pthread_mutex_lock(&env->ports_lock);
    int rc = probe_port(env, (struct sockaddr *)ss, len, port);
    uv_os_fd_t fd;
    if (!rc)
        rc = uv_fileno((uv_handle_t *)&l->tcp, &fd);
    int one = 1;
    if (!rc && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0)
        rc = -errno;
    if (!rc)
        rc = uv_tcp_bind(&l->tcp, (struct sockaddr *)ss, 0);
    if (!rc)
        rc = uv_listen((uv_stream_t *)&l->tcp, BACKLOG, on_connection);
    int got = sizeof *ss;
    if (!rc)
        rc = uv_tcp_getsockname(&l->tcp, (struct sockaddr *)ss, &got);
    if (!rc) {
        l->port = ntohs(ss->ss_family == AF_INET6 ? ((struct sockaddr_in6 *)ss)->sin6_port
                                                  : ((struct sockaddr_in *)ss)->sin_port);
        if (env->port_count < PORTS_MAX)
            env->ports[env->port_count++] = l->port;
    }
    pthread_mutex_unlock(&env->ports_lock);
    return rc;
}

int uv_sock_listen(struct task *task, const char *host, uint16_t port, struct listener **out,
                   struct err *err)
{
    struct sockaddr_storage ss;
    int rc = resolve_host(task, host, port, &ss, err);
    if (rc)
        return rc;
    struct uv_listener *l = calloc(1, sizeof *l);
    if (!l)
        abort();
    l->listener.env = task->env;
    l->core = task->core;
    list_init(&l->accepted);
    l->tcp.data = l;
    rc = uv_tcp_init_ex(&uv_core_of(task->core)->loop, &l->tcp, ss.ss_family);
    if (rc) {
        free(l);
        return set_uv(err, rc, "create a socket for", host);
    }
    rc = bind_port(l, &ss);
    if (rc) {
        l->closing = true;
        uv_close((uv_handle_t *)&l->tcp, on_listener_closed);
        char who[96];
        snprintf(who, sizeof who, "%.60s:%u", host, port);
        return set_uv(err, rc, "listen on", who);
    }
    *out = &l->listener;
    return 0;
}

uint16_t uv_listener_port(struct listener *listener)
{
    return container_of(listener, struct uv_listener, listener)->port;
}

int uv_listener_accept(struct task *task, struct listener *listener, struct sock **out,
                       struct err *err)
{
    struct uv_listener *l = container_of(listener, struct uv_listener, listener);
    l->acceptor = task;
    for (;;) {
        struct list_node *node = list_pop_front(&l->accepted);
        if (node) {
            l->acceptor = NULL;
            *out = &container_of(node, struct uv_sock, accept_link)->sock;
            return 0;
        }
        if (l->closing) {
            /* The acceptor was the last to use it. */
            uv_close((uv_handle_t *)&l->tcp, on_listener_closed);
            return err_set(err, ERR_CONNECTION_FAILURE, "listener is closed");
        }
        if (task_park(task, TASK_FOREVER) == PARK_CANCELED) {
            l->acceptor = NULL;
            return task_cancel_error(task, err);
        }
    }
}

void uv_listener_close(struct listener *listener)
{
    struct uv_listener *l = container_of(listener, struct uv_listener, listener);
    struct env_uv *env = container_of(l->core->env, struct env_uv, env);
    pthread_mutex_lock(&env->ports_lock);
    for (int i = 0; i < env->port_count; i++) {
        if (env->ports[i] == l->port) {
            env->ports[i] = env->ports[--env->port_count];
            break;
        }
    }
    pthread_mutex_unlock(&env->ports_lock);
    for (struct list_node *n; (n = list_pop_front(&l->accepted));)
        uv_sock_close(&container_of(n, struct uv_sock, accept_link)->sock);
    l->closing = true;
    if (l->acceptor)
        task_wake(l->acceptor);
    else
        uv_close((uv_handle_t *)&l->tcp, on_listener_closed);
}

/* ---- moving ---- */

struct adopt {
    int fd;
    struct sock *out;
    int rc;
};

static void adopt_fd(struct task *task, void *arg)
{
    struct adopt *a = arg;
    struct uv_sock *s = make_sock(task->core);
    a->rc = uv_tcp_open(&s->tcp, a->fd);
    if (a->rc) {
        close(a->fd);
        uv_sock_close(&s->sock);
        return;
    }
    finish_sock(s);
    a->out = &s->sock;
}

int uv_sock_move(struct task *task, struct sock *sock, struct core *to, struct sock **out,
                 struct err *err)
{
    struct uv_sock *s = sock_of(sock);
    if (to == s->core) {
        *out = sock;
        return 0;
    }
    uv_os_fd_t fd;
    char peer[64];
    snprintf(peer, sizeof peer, "%s", s->peer);
    int rc = s->pending.len > s->pending_at || s->queued ? UV_EBUSY
                                                         : uv_fileno((uv_handle_t *)&s->tcp, &fd);
    int copy = rc ? -1 : dup(fd);
    if (!rc && copy < 0)
        rc = -errno;
    uv_sock_close(sock);
    if (rc)
        return set_uv(err, rc, "move connection of", peer);
    struct adopt a = {.fd = copy};
    core_call(task, to, TASK_TXN, adopt_fd, &a);
    if (a.rc)
        return set_uv(err, a.rc, "move connection of", peer);
    *out = a.out;
    return 0;
}
