#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "tests/sim/env_sim_int.h"

enum { RECEIVE_MAX = 256 * 1024, RETRY_MIN_MS = 40, RETRY_MAX_MS = 250, PIECES_MAX = 3 };

/* One end of a connection. The two ends know each other; an end that is gone leaves a NULL. */
struct sim_sock {
    struct sock sock;
    struct sim_node *node; /* NULL: closed by its owner, kept until its last bytes arrived */
    struct core *core;
    struct list_node link; /* in node->socks */
    struct sim_sock *peer;
    uint32_t local_node, remote_node;
    struct list in_flight; /* of struct piece, sent by this end */
    size_t in_flight_bytes;
    uint64_t last_arrival; /* order is kept */
    struct buf received;
    size_t received_at;
    bool eof;   /* the peer closed, and all it sent arrived */
    bool reset; /* broken */
    bool shut;
    bool fin_sent;
    bool blocked_by_window; /* the peer's bytes wait for room here */
    struct task *reader, *writer;
    sock_ready_fn *ready_fn;
    void *ready_arg;
    struct sim_event ready_event;
    struct list_node accept_link;
    char name[64];
};

/* Bytes (or the end of the stream) on their way. */
struct piece {
    struct sim_event event;
    struct list_node link;
    struct sim_sock *from;
    bool fin;
    size_t len;
    uint8_t data[];
};

struct sim_listener {
    struct listener listener;
    struct sim_node *node;
    struct core *core;
    struct list_node link;
    struct list accepted;
    struct task *acceptor;
    bool closing;
    uint16_t port;
};

static struct sim_sock *sock_of(const struct sock *sock)
{
    return container_of(sock, struct sim_sock, sock);
}

static void *must_zalloc(size_t bytes)
{
    void *p = calloc(1, bytes);
    if (!p)
        abort();
    return p;
}

/* ---- links ---- */

void sim_net_delay(struct sim *sim, uint64_t min_ns, uint64_t max_ns)
{
    sim->delay_min = min_ns;
    sim->delay_max = max_ns;
}

void sim_net_link_delay(struct sim *sim, uint32_t from, uint32_t to, uint64_t min_ns,
                        uint64_t max_ns)
{
    sim->links[from][to].delay_min = min_ns;
    sim->links[from][to].delay_max = max_ns;
}

void sim_net_block(struct sim *sim, uint32_t from, uint32_t to, bool blocked)
{
    sim->links[from][to].blocked = blocked;
}

void sim_net_partition(struct sim *sim, uint64_t side)
{
    for (uint32_t a = 0; a < sim->config.node_count; a++)
        for (uint32_t b = 0; b < sim->config.node_count; b++)
            sim->links[a][b].blocked = ((side >> a) & 1) != ((side >> b) & 1);
}

void sim_net_heal(struct sim *sim)
{
    for (uint32_t a = 0; a < sim->config.node_count; a++)
        for (uint32_t b = 0; b < sim->config.node_count; b++) {
            sim->links[a][b].blocked = false;
            sim->links[a][b].clogged_until = 0;
        }
}

void sim_net_clog(struct sim *sim, uint32_t from, uint32_t to, uint64_t ns)
{
    sim->links[from][to].clogged_until = sim->now + ns;
}

void sim_net_loss(struct sim *sim, double reset_chance)
{
    sim->reset_chance = reset_chance;
}

static uint64_t draw_delay(struct sim *sim, uint32_t from, uint32_t to)
{
    const struct sim_link *link = &sim->links[from][to];
    if (from == to)
        return sim_draw(sim, 5 * SIM_US, 30 * SIM_US);
    uint64_t lo = link->delay_max ? link->delay_min : sim->delay_min;
    uint64_t hi = link->delay_max ? link->delay_max : sim->delay_max;
    uint64_t delay = sim_draw(sim, lo, hi);
    if (link->clogged_until > sim->now + delay)
        delay = link->clogged_until - sim->now + sim_draw(sim, 0, 20 * SIM_US);
    return delay;
}

/* Whether nothing passes: blocked, or a machine that vanished. */
static bool is_cut(struct sim *sim, uint32_t from, uint32_t to)
{
    return from != to && (sim->links[from][to].blocked || sim->nodes[to].vanished);
}

static uint64_t draw_retry(struct sim *sim)
{
    return sim_draw(sim, RETRY_MIN_MS * SIM_MS, RETRY_MAX_MS * SIM_MS);
}

/* ---- ends ---- */

static void run_ready(struct sim *sim, struct sim_event *event)
{
    struct sim_sock *s = container_of(event, struct sim_sock, ready_event);
    sock_ready_fn *fn = s->ready_fn;
    if (!fn)
        return;
    s->ready_fn = NULL;
    struct core *core = s->core;
    fn(&s->sock, s->ready_arg);
    sim_kick(core);
}

static struct sim_sock *make_sock(struct core *core, uint32_t remote)
{
    struct sim_sock *s = must_zalloc(sizeof *s);
    struct sim_node *n = sim_node_of(core->env);
    s->sock.env = &n->env;
    s->node = n;
    s->core = core;
    s->local_node = n->index;
    s->remote_node = remote;
    list_init(&s->in_flight);
    sim_event_init(&s->ready_event, run_ready);
    list_push_back(&n->socks, &s->link);
    return s;
}

static void wake_sock(struct sim_sock *s)
{
    if (!s->node)
        return;
    if (s->reader)
        sim_wake(s->reader);
    if (s->writer)
        sim_wake(s->writer);
    if (s->ready_fn && !heap_node_is_in(&s->ready_event.node))
        sim_event_at(s->node->sim, &s->ready_event, s->node, s->node->sim->now);
}

static void drop_in_flight(struct sim *sim, struct sim_sock *s)
{
    for (struct list_node *n; (n = list_pop_front(&s->in_flight));) {
        struct piece *p = container_of(n, struct piece, link);
        sim_event_cancel(sim, &p->event);
        free(p);
    }
    s->in_flight_bytes = 0;
}

static void free_sock(struct sim *sim, struct sim_sock *s)
{
    drop_in_flight(sim, s);
    sim_event_cancel(sim, &s->ready_event);
    if (s->peer)
        s->peer->peer = NULL;
    list_remove(&s->link);
    list_remove(&s->accept_link);
    buf_done(&s->received);
    free(s);
}

/* This end learns that the connection is broken. */
static void break_end(struct sim *sim, struct sim_sock *s)
{
    s->reset = true;
    drop_in_flight(sim, s);
    if (!s->node) {
        free_sock(sim, s);
        return;
    }
    wake_sock(s);
}

/* The other end of `gone` hears of its end after a while (a reset on its way). */
static void break_peer(struct sim *sim, struct sim_sock *gone)
{
    struct sim_sock *peer = gone->peer;
    if (!peer)
        return;
    gone->peer = NULL;
    peer->peer = NULL;
    break_end(sim, peer);
}

void sim_net_reset(struct sim *sim, uint32_t a, uint32_t b)
{
    bool again = true;
    while (again) {
        again = false;
        list_each(struct sim_sock, s, &sim->nodes[a].socks, link)
        {
            if (s->remote_node != b || s->reset || !s->peer)
                continue;
            break_peer(sim, s);
            break_end(sim, s);
            again = true;
            break;
        }
    }
}

/* ---- sending ---- */

static void arrive(struct sim *sim, struct sim_event *event);

static void send_piece(struct sim *sim, struct sim_sock *s, const uint8_t *data, size_t len,
                       bool fin)
{
    struct piece *p = must_zalloc(sizeof *p + len);
    sim_event_init(&p->event, arrive);
    p->from = s;
    p->fin = fin;
    p->len = len;
    if (len)
        memcpy(p->data, data, len);
    uint64_t at = sim->now + draw_delay(sim, s->local_node, s->remote_node);
    if (at <= s->last_arrival)
        at = s->last_arrival + 1;
    s->last_arrival = at;
    list_push_back(&s->in_flight, &p->link);
    s->in_flight_bytes += len;
    sim_event_at(sim, &p->event, NULL, at);
}

/* Later pieces may not overtake one that has to try again. */
static void postpone(struct sim *sim, struct sim_sock *s, uint64_t by)
{
    uint64_t at = sim->now + by;
    list_each(struct piece, p, &s->in_flight, link)
    {
        sim_event_at(sim, &p->event, NULL, at);
        at += 1 + sim_draw(sim, 0, 2000);
    }
    s->last_arrival = at;
}

static void take_piece(struct sim *sim, struct sim_sock *to, struct piece *p)
{
    if (p->fin) {
        to->eof = true;
    } else {
        buf_put(&to->received, p->data, p->len);
        sim_note(sim, SIM_TRACE_ARRIVE, (uint64_t)to->local_node << 32 | to->remote_node,
                 crc32c((uint32_t)p->len, p->data, p->len));
    }
    wake_sock(to);
}

static void arrive(struct sim *sim, struct sim_event *event)
{
    struct piece *p = container_of(event, struct piece, event);
    struct sim_sock *from = p->from, *to = from->peer;
    if (is_cut(sim, from->local_node, from->remote_node)) {
        postpone(sim, from, draw_retry(sim));
        return;
    }
    if (!to || to->reset || !to->node || to->shut) {
        /* Nobody is there any more: a reset comes back. */
        if (to)
            break_peer(sim, from);
        from->peer = NULL;
        break_end(sim, from);
        return;
    }
    if (sim->reset_chance > 0 && prng_chance(&sim->prng, sim->reset_chance)) {
        break_peer(sim, from);
        break_end(sim, from);
        return;
    }
    if (!p->fin && to->received.len - to->received_at + p->len > RECEIVE_MAX) {
        to->blocked_by_window = true;
        postpone(sim, from, draw_retry(sim));
        return;
    }
    list_remove(&p->link);
    from->in_flight_bytes -= p->len;
    take_piece(sim, to, p);
    free(p);
    if (from->node && from->writer && from->in_flight_bytes <= SOCK_QUEUE_LOW)
        sim_wake(from->writer);
    if (!from->node && list_is_empty(&from->in_flight))
        free_sock(sim, from); /* closed before, and now all has arrived */
}

static int broken(const struct sim_sock *s, const char *what, struct err *err)
{
    return err_set(err, ERR_CONNECTION_FAILURE, "could not %s %s: connection reset by peer", what,
                   s->name);
}

int sim_sock_queue(struct sock *sock, const struct file_iov *iov, int iov_count, struct err *err)
{
    struct sim_sock *s = sock_of(sock);
    struct sim *sim = s->node->sim;
    if (s->reset || s->shut)
        return broken(s, "send data to", err);
    for (int i = 0; i < iov_count; i++) {
        const uint8_t *data = iov[i].data;
        size_t left = iov[i].len;
        for (int cut = 1; left; cut++) {
            size_t n = cut < PIECES_MAX && prng_below(&sim->prng, 4) == 0
                           ? 1 + prng_below(&sim->prng, left)
                           : left;
            if (n > 64 * 1024)
                n = 64 * 1024;
            send_piece(sim, s, data, n, false);
            sim_note(sim, SIM_TRACE_SEND, (uint64_t)s->local_node << 32 | s->remote_node,
                     crc32c((uint32_t)n, data, n));
            data += n;
            left -= n;
        }
    }
    return 0;
}

int sim_sock_write(struct task *task, struct sock *sock, const struct file_iov *iov, int iov_count,
                   struct err *err)
{
    struct sim_sock *s = sock_of(sock);
    if (s->in_flight_bytes > SOCK_QUEUE_HIGH) {
        enum park_result r = PARK_WOKEN;
        s->writer = task;
        while (r == PARK_WOKEN && s->in_flight_bytes > SOCK_QUEUE_LOW && !s->reset && !s->shut)
            r = task_park(task, TASK_FOREVER);
        s->writer = NULL;
        if (r == PARK_CANCELED)
            return task_cancel_error(task, err);
    }
    return sim_sock_queue(sock, iov, iov_count, err);
}

size_t sim_sock_queued_bytes(const struct sock *sock)
{
    return sock_of(sock)->in_flight_bytes;
}

/* ---- receiving ---- */

static size_t available(const struct sim_sock *s)
{
    return s->received.len - s->received_at;
}

static size_t take_received(struct sim_sock *s, void *out, size_t len)
{
    size_t n = available(s) < len ? available(s) : len;
    memcpy(out, s->received.data + s->received_at, n);
    s->received_at += n;
    if (s->received_at == s->received.len) {
        s->received_at = 0;
        buf_reset(&s->received);
    }
    if (s->blocked_by_window && s->peer) {
        s->blocked_by_window = false;
        postpone(s->node->sim, s->peer, draw_delay(s->node->sim, s->remote_node, s->local_node));
    }
    return n;
}

int sim_sock_read(struct task *task, struct sock *sock, void *out, size_t len, size_t *got,
                  struct err *err)
{
    struct sim_sock *s = sock_of(sock);
    assert(!s->reader);
    enum park_result r = PARK_WOKEN;
    s->reader = task;
    while (r == PARK_WOKEN && !available(s) && !s->eof && !s->reset && !s->shut)
        r = task_park(task, TASK_FOREVER);
    s->reader = NULL;
    if (r == PARK_CANCELED && !available(s))
        return task_cancel_error(task, err);
    if (s->shut)
        return broken(s, "receive data from", err);
    if (available(s)) {
        *got = take_received(s, out, len);
        return 0;
    }
    if (s->reset)
        return broken(s, "receive data from", err);
    *got = 0;
    return 0;
}

void sim_sock_on_readable(struct sock *sock, sock_ready_fn *fn, void *arg)
{
    struct sim_sock *s = sock_of(sock);
    s->ready_fn = fn;
    s->ready_arg = arg;
    if (fn && (available(s) || s->eof || s->reset || s->shut))
        sim_event_at(s->node->sim, &s->ready_event, s->node, s->node->sim->now);
}

/* ---- closing ---- */

static void send_fin(struct sim *sim, struct sim_sock *s)
{
    if (s->fin_sent || s->reset)
        return;
    s->fin_sent = true;
    send_piece(sim, s, NULL, 0, true);
}

void sim_sock_shutdown(struct sock *sock)
{
    struct sim_sock *s = sock_of(sock);
    s->shut = true;
    wake_sock(s);
}

void sim_sock_close(struct sock *sock)
{
    struct sim_sock *s = sock_of(sock);
    struct sim *sim = s->node->sim;
    assert(!s->reader && !s->writer);
    sim_event_cancel(sim, &s->ready_event);
    if (s->reset || !s->peer) {
        free_sock(sim, s);
        return;
    }
    if (available(s)) { /* unread bytes: the kernel answers with a reset */
        break_peer(sim, s);
        free_sock(sim, s);
        return;
    }
    send_fin(sim, s);
    list_remove(&s->link);
    s->node = NULL;
}

/* The process is gone: its ends with it. A vanished machine's peers hear nothing. */
void sim_net_crash(struct sim_node *n)
{
    struct sim *sim = n->sim;
    for (struct list_node *node; (node = list_first(&n->listeners));) {
        struct sim_listener *l = container_of(node, struct sim_listener, link);
        while (list_pop_front(&l->accepted))
            ; /* freed with the other ends below */
        list_remove(node);
        free(l);
    }
    for (struct list_node *node; (node = list_first(&n->socks));) {
        struct sim_sock *s = container_of(node, struct sim_sock, link);
        bool silent = n->vanished || is_cut(sim, s->local_node, s->remote_node);
        if (silent && s->peer)
            s->peer->peer = NULL; /* it learns when it next sends */
        else
            break_peer(sim, s);
        s->peer = NULL;
        s->reader = s->writer = NULL;
        s->ready_fn = NULL;
        free_sock(sim, s);
    }
}

/* ---- addresses ---- */

/* "node3", "10.0.0.3", "127.0.0.1", "localhost": the node's index, or -1. */
static int find_host(struct sim_node *here, const char *host)
{
    unsigned number;
    char end;
    if (strcmp(host, "127.0.0.1") == 0 || strcmp(host, "localhost") == 0 ||
        strcmp(host, "::1") == 0)
        return (int)here->index;
    if (sscanf(host, "node%u%c", &number, &end) != 1 &&
        sscanf(host, "10.0.0.%u%c", &number, &end) != 1)
        return -1;
    return number >= 1 && number <= here->sim->config.node_count ? (int)number - 1 : -1;
}

static struct sim_listener *find_listener(struct sim_node *n, uint16_t port)
{
    struct sim_listener *best = NULL;
    uint32_t seen = 0;
    list_each(struct sim_listener, l, &n->listeners,
              link) if (l->port == port && !l->closing && prng_below(&n->sim->prng, ++seen) == 0)
        best = l;
    return best;
}

/* ---- listening ---- */

int sim_sock_listen(struct task *task, const char *host, uint16_t port, struct listener **out,
                    struct err *err)
{
    struct sim_node *n = sim_node_of(task->env);
    int at = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0 ? (int)n->index
                                                                     : find_host(n, host);
    if (at != (int)n->index)
        return err_set(err, ERR_CONNECTION_FAILURE, "could not listen on %s:%u: not our address",
                       host, port);
    struct sim_listener *l = must_zalloc(sizeof *l);
    l->listener.env = &n->env;
    l->node = n;
    l->core = task->core;
    l->port = port ? port : n->next_port++;
    list_init(&l->accepted);
    list_push_back(&n->listeners, &l->link);
    *out = &l->listener;
    return 0;
}

uint16_t sim_listener_port(struct listener *listener)
{
    return container_of(listener, struct sim_listener, listener)->port;
}

int sim_listener_accept(struct task *task, struct listener *listener, struct sock **out,
                        struct err *err)
{
    struct sim_listener *l = container_of(listener, struct sim_listener, listener);
    l->acceptor = task;
    for (;;) {
        struct list_node *node = list_pop_front(&l->accepted);
        if (node) {
            l->acceptor = NULL;
            *out = &container_of(node, struct sim_sock, accept_link)->sock;
            return 0;
        }
        if (l->closing) {
            list_remove(&l->link);
            free(l);
            return err_set(err, ERR_CONNECTION_FAILURE, "listener is closed");
        }
        if (task_park(task, TASK_FOREVER) == PARK_CANCELED) {
            l->acceptor = NULL;
            return task_cancel_error(task, err);
        }
    }
}

void sim_listener_close(struct listener *listener)
{
    struct sim_listener *l = container_of(listener, struct sim_listener, listener);
    for (struct list_node *node; (node = list_pop_front(&l->accepted));)
        sim_sock_close(&container_of(node, struct sim_sock, accept_link)->sock);
    l->closing = true;
    if (l->acceptor) {
        sim_wake(l->acceptor);
    } else {
        list_remove(&l->link);
        free(l);
    }
}

/* ---- connecting: the request travels, finds a listener or not, and the answer travels back ----
 */

struct connect {
    struct sim_event event;
    struct sim_node *node;
    struct core *core;
    struct task *task;
    uint32_t to;
    uint16_t port;
    bool answered, done, refused;
    struct sim_sock *sock;
};

static void end_connect(struct connect *c)
{
    c->done = true;
    sim_wake(c->task);
}

static void accept_there(struct sim *sim, struct connect *c, struct sim_listener *l)
{
    struct sim_sock *mine = make_sock(c->core, c->to);
    struct sim_sock *theirs = make_sock(l->core, c->node->index);
    mine->peer = theirs;
    theirs->peer = mine;
    snprintf(mine->name, sizeof mine->name, "10.0.0.%u:%u", c->to + 1, c->port);
    snprintf(theirs->name, sizeof theirs->name, "10.0.0.%u:%u", c->node->index + 1,
             (unsigned)c->node->next_port++);
    c->sock = mine;
    list_push_back(&l->accepted, &theirs->accept_link);
    if (l->acceptor)
        sim_wake(l->acceptor);
}

static void step_connect(struct sim *sim, struct sim_event *event)
{
    struct connect *c = container_of(event, struct connect, event);
    uint32_t here = c->node->index;
    bool there = !c->answered;
    if (there ? is_cut(sim, here, c->to) : is_cut(sim, c->to, here)) {
        sim_event_at(sim, &c->event, c->node, sim->now + draw_retry(sim) * 4);
        return;
    }
    if (!there) {
        end_connect(c);
        return;
    }
    c->answered = true;
    struct sim_listener *l = find_listener(&sim->nodes[c->to], c->port);
    if (l && sim->nodes[c->to].state == SIM_UP)
        accept_there(sim, c, l);
    else
        c->refused = true;
    sim_note(sim, SIM_TRACE_CONNECT, (uint64_t)here << 32 | c->to, c->refused);
    sim_event_at(sim, &c->event, c->node, sim->now + draw_delay(sim, c->to, here));
}

int sim_sock_connect(struct task *task, const char *host, uint16_t port, struct sock **out,
                     struct err *err)
{
    struct sim_node *n = sim_node_of(task->env);
    int to = find_host(n, host);
    if (to < 0)
        return err_set(err, ERR_CONNECTION_FAILURE, "could not resolve host name %s", host);
    struct connect c = {
        .node = n, .core = task->core, .task = task, .to = (uint32_t)to, .port = port};
    sim_event_init(&c.event, step_connect);
    sim_event_at(n->sim, &c.event, n, n->sim->now + draw_delay(n->sim, n->index, c.to));
    while (!c.done) {
        if (task_park(task, TASK_FOREVER) == PARK_CANCELED && !c.done) {
            sim_event_cancel(n->sim, &c.event);
            if (c.sock)
                sim_sock_close(&c.sock->sock);
            return task_cancel_error(task, err);
        }
    }
    if (c.refused)
        return err_set(err, ERR_CONNECTION_FAILURE,
                       "could not connect to %s:%u: connection refused", host, port);
    *out = &c.sock->sock;
    return 0;
}

int sim_sock_move(struct task *task, struct sock *sock, struct core *to, struct sock **out,
                  struct err *err)
{
    sock_of(sock)->core = to;
    *out = sock;
    return 0;
}

const char *sim_sock_peer(const struct sock *sock)
{
    return sock_of(sock)->name;
}
