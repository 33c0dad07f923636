#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/metric.h"
#include "server/pgwire/pgwire_int.h"

static void run_conn(struct task *task, void *arg);

/* ---- bytes ---- */

int conn_flush(struct task *task, struct pg_conn *c, struct err *err)
{
    if (c->broken)
        return err_set(err, ERR_CONNECTION_FAILURE, "connection to client lost");
    if (!c->out.len)
        return 0;
    c->flushed += c->out.len;
    int rc = sock_write(task, c->sock, c->out.data, c->out.len, err);
    buf_reset(&c->out);
    if (c->out.cap > 4 * FLUSH_BYTES)
        buf_done(&c->out);
    if (rc == ERR_CONNECTION_FAILURE)
        c->broken = true;
    return rc;
}

static void make_room(struct pg_conn *c, size_t n)
{
    if (c->in_at) {
        memmove(c->in, c->in + c->in_at, c->in_len - c->in_at);
        c->in_len -= c->in_at;
        c->in_at = 0;
    }
    if (c->in_cap - c->in_len >= n)
        return;
    size_t cap = c->in_cap ? c->in_cap * 2 : READ_BYTES;
    while (cap - c->in_len < n)
        cap *= 2;
    c->in = realloc(c->in, cap);
    c->in_cap = cap;
}

int conn_need(struct task *task, struct pg_conn *c, size_t n, bool *got, struct err *err)
{
    *got = true;
    while (conn_pending(c) < n) {
        int rc = conn_flush(task, c, err);
        if (rc)
            return rc;
        size_t missing = n - conn_pending(c), here;
        make_room(c, missing < READ_BYTES    ? READ_BYTES
                     : missing < 1024 * 1024 ? missing
                                             : 1024 * 1024);
        rc = sock_read(task, c->sock, c->in + c->in_len, c->in_cap - c->in_len, &here, err);
        if (rc)
            return rc;
        if (!here) {
            *got = false;
            return 0;
        }
        c->in_len += here;
    }
    return 0;
}

static size_t longest_message(const struct pg_conn *c)
{
    return (size_t)c->node->defaults->s.max_message_mb << 20;
}

bool conn_peek(const struct pg_conn *c, char *type)
{
    if (conn_pending(c) < 5)
        return false;
    *type = (char)c->in[c->in_at];
    return conn_pending(c) >= (size_t)load_be32(c->in + c->in_at + 1) + 1;
}

int conn_read_message(struct task *task, struct pg_conn *c, char *type, struct buf_reader *body,
                      bool *got, struct err *err)
{
    int rc = conn_need(task, c, 5, got, err);
    if (rc || !*got)
        return rc;
    *type = (char)c->in[c->in_at];
    uint32_t len = load_be32(c->in + c->in_at + 1);
    if (!strchr("QPBDECSHXFdcfp", *type))
        return err_set(err, ERR_PROTOCOL_VIOLATION, "invalid frontend message type %d",
                       (unsigned char)*type);
    if (len < 4 || len - 4 > longest_message(c))
        return err_set(err, ERR_PROTOCOL_VIOLATION, "invalid message length");
    rc = conn_need(task, c, (size_t)len + 1, got, err);
    if (rc || !*got)
        return rc;
    *body = buf_reader_of(c->in + c->in_at + 5, len - 4);
    c->in_at += (size_t)len + 1;
    return 0;
}

/* ---- startup ---- */

enum { CODE_SSL = 80877103, CODE_GSS = 80877104, CODE_CANCEL = 80877102 };

static const char *take_text(struct buf_reader *r)
{
    const uint8_t *end = memchr(r->at, 0, buf_reader_left(r));
    if (!end) {
        r->bad = true;
        return "";
    }
    const char *text = (const char *)r->at;
    r->at = end + 1;
    return text;
}

struct startup {
    const char *user, *database, *options;
    const char *pairs[128];
    uint32_t n_pairs;
    uint32_t n_unknown; /* _pq_. options */
    const char *unknown[16];
    char *split; /* memory of `options` */
};

/* -c name=value --name=value, as PGOPTIONS has them. */
static void split_options(struct startup *st)
{
    st->split = strdup(st->options);
    char *save = NULL;
    bool takes_value = false;
    for (char *word = strtok_r(st->split, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        char *setting = takes_value ? word : NULL;
        takes_value = false;
        if (!setting && strcmp(word, "-c") == 0)
            takes_value = true;
        else if (!setting && strncmp(word, "-c", 2) == 0)
            setting = word + 2;
        else if (!setting && strncmp(word, "--", 2) == 0)
            setting = word + 2;
        char *eq = setting ? strchr(setting, '=') : NULL;
        if (!eq || st->n_pairs + 2 > 128)
            continue;
        *eq = 0;
        for (char *p = setting; *p; p++)
            *p = *p == '-' ? '_' : *p;
        st->pairs[st->n_pairs++] = setting;
        st->pairs[st->n_pairs++] = eq + 1;
    }
}

static int read_startup(struct buf_reader *r, struct startup *st, struct err *err)
{
    *st = (struct startup){.user = "", .database = ""};
    while (!r->bad && buf_reader_left(r) && *r->at) {
        const char *name = take_text(r), *value = take_text(r);
        if (r->bad)
            break;
        if (strcmp(name, "user") == 0)
            st->user = value;
        else if (strcmp(name, "database") == 0)
            st->database = value;
        else if (strcmp(name, "options") == 0)
            st->options = value;
        else if (strcmp(name, "replication") == 0)
            continue;
        else if (strncmp(name, "_pq_.", 5) == 0 && st->n_unknown < 16)
            st->unknown[st->n_unknown++] = name;
        else if (st->n_pairs + 2 <= 128) {
            st->pairs[st->n_pairs++] = name;
            st->pairs[st->n_pairs++] = value;
        }
    }
    if (r->bad || !buf_reader_left(r))
        return err_set(err, ERR_PROTOCOL_VIOLATION,
                       "invalid startup packet layout: expected terminator as last byte");
    if (!*st->user)
        return err_set(err, ERR_INVALID_AUTHORIZATION_SPECIFICATION,
                       "no PostgreSQL user name specified in startup packet");
    if (!*st->database)
        st->database = st->user;
    if (st->options)
        split_options(st);
    return 0;
}

static void send_version_negotiation(struct pg_conn *c, const struct startup *st)
{
    size_t at = message_begin(c, 'v');
    buf_put_be32(&c->out, 3 << 16);
    buf_put_be32(&c->out, st->n_unknown);
    for (uint32_t i = 0; i < st->n_unknown; i++)
        buf_put(&c->out, st->unknown[i], strlen(st->unknown[i]) + 1);
    message_end(c, at);
}

static int open_session(struct task *task, struct pg_conn *c, struct buf_reader *r,
                        uint32_t version, struct err *err)
{
    struct startup st;
    int rc = read_startup(r, &st, err);
    if (!rc && !atomic_load(&c->node->accepting))
        rc = err_set(err, ERR_CANNOT_CONNECT_NOW,
                     atomic_load(&c->node->stopping) ? "the database system is shutting down"
                                                     : "the database system is starting up");
    if (!rc) {
        if ((version & 0xffff) || st.n_unknown)
            send_version_negotiation(c, &st);
        size_t at = message_begin(c, 'R');
        buf_put_be32(&c->out, 0);
        message_end(c, at);
        struct session_start start = {.client = &c->client,
                                      .user = st.user,
                                      .database = st.database,
                                      .client_address = sock_peer(c->sock),
                                      .n_options = st.n_pairs,
                                      .options = st.pairs};
        rc = session_create(task, c->node, &start, &c->session, err);
    }
    free(st.split);
    if (rc)
        return rc;
    size_t at = message_begin(c, 'K');
    buf_put_be32(&c->out, c->session->pid);
    buf_put_be32(&c->out, c->session->secret);
    message_end(c, at);
    message_ready(c);
    c->phase = CONN_READY;
    return 0;
}

/* One startup packet. *over: answered and done (cancel), or the client left. */
static int start_once(struct task *task, struct pg_conn *c, bool *over, struct err *err)
{
    bool got;
    int rc = conn_need(task, c, 4, &got, err);
    *over = !got;
    if (rc || !got)
        return rc;
    uint32_t len = load_be32(c->in + c->in_at);
    if (len < 8 || len > STARTUP_BYTES_MAX)
        return err_set(err, ERR_PROTOCOL_VIOLATION, "invalid length of startup packet");
    rc = conn_need(task, c, len, &got, err);
    *over = !got;
    if (rc || !got)
        return rc;
    uint32_t code = load_be32(c->in + c->in_at + 4);
    struct buf_reader r = buf_reader_of(c->in + c->in_at + 8, len - 8);
    c->in_at += len;
    if (code == CODE_SSL || code == CODE_GSS) {
        if (conn_pending(c))
            return err_set(err, ERR_PROTOCOL_VIOLATION,
                           "received unencrypted data after SSL request");
        buf_put_u8(&c->out, 'N');
        return conn_flush(task, c, err);
    }
    if (code == CODE_CANCEL) {
        *over = true;
        uint32_t pid = buf_take_be32(&r), secret = buf_take_be32(&r);
        if (!r.bad)
            session_cancel(task, c->node, pid, secret, true, false);
        return 0;
    }
    if (code >> 16 != 3)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED,
                       "unsupported frontend protocol %u.%u: server supports 3.0 to 3.0",
                       code >> 16, code & 0xffff);
    return open_session(task, c, &r, code, err);
}

/* ---- life ---- */

static void close_conn(struct task *task, struct pg_conn *c)
{
    task_deadline_set(task, TASK_FOREVER, ERR_QUERY_CANCELED, "");
    task_cancel_clear(task);
    core_timer_stop(c->core, &c->idle_timer);
    if (c->session) {
        struct session *s = c->session;
        session_destroy(task, s);
    }
    if (!c->broken && c->out.len) {
        struct file_iov iov = {c->out.data, c->out.len};
        struct err ignored;
        if (sock_queue(c->sock, &iov, 1, &ignored))
            c->broken = true;
    }
    sock_close(c->sock);
    buf_done(&c->out);
    free(c->in);
    struct sql_core *core = sql_core_of(c->core);
    core->n_connections--;
    list_remove(&c->link);
    free(c);
}

static void fatal(struct pg_conn *c, const struct err *err)
{
    if (!c->broken)
        message_error(c, err, "FATAL");
}

static int handle_messages(struct task *task, struct pg_conn *c, bool *over, struct err *err)
{
    while (!*over && !c->ending) {
        char type;
        struct buf_reader body;
        bool got;
        if (!conn_pending(c))
            return conn_flush(task, c, err);
        int rc = conn_read_message(task, c, &type, &body, &got, err);
        if (rc || !got) {
            *over = !rc;
            return rc;
        }
        rc = message_handle(task, c, type, &body, over, err);
        if (rc)
            return rc;
    }
    return 0;
}

static void wake_conn(struct sock *sock, void *arg)
{
    struct pg_conn *c = arg;
    if (!c->task)
        c->task = task_spawn(c->core, TASK_TXN, "session", run_conn, c);
}

static void idle_too_long(struct core *core, struct core_timer *timer)
{
    struct pg_conn *c = container_of(timer, struct pg_conn, idle_timer);
    if (c->task || !c->session)
        return;
    if (c->ending)
        ; /* ended by an administrator */
    else if (session_status(c->session) != 'I')
        err_set(&c->end_error, ERR_IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                "terminating connection due to idle-in-transaction timeout");
    else
        err_set(&c->end_error, ERR_ADMIN_SHUTDOWN,
                "terminating connection due to idle-session timeout");
    c->ending = true;
    sock_on_readable(c->sock, NULL, NULL);
    wake_conn(c->sock, c);
}

/* Leaves the connection without a fiber until something can be read. */
static void go_idle(struct pg_conn *c)
{
    if (c->in_cap > 4 * READ_BYTES && !conn_pending(c)) {
        free(c->in);
        c->in = NULL;
        c->in_cap = c->in_len = c->in_at = 0;
    }
    const struct settings *set = &c->session->settings->s;
    int64_t ms = session_status(c->session) == 'I' ? set->idle_session_timeout
                                                   : set->idle_in_transaction_session_timeout;
    if (ms > 0)
        core_timer_start(c->core, &c->idle_timer,
                         env_mono_ns(c->node->env) + (uint64_t)ms * 1000000);
    else
        core_timer_stop(c->core, &c->idle_timer);
    c->task = NULL;
    sock_on_readable(c->sock, wake_conn, c);
}

/* What is here already, then at least one read: the socket said it is readable. */
static int read_more(struct task *task, struct pg_conn *c, bool *over, struct err *err)
{
    bool got;
    int rc = conn_need(task, c, 1, &got, err);
    *over = !got;
    return rc;
}

static void run_conn(struct task *task, void *arg)
{
    struct pg_conn *c = arg;
    struct err err;
    bool over = false;
    int rc = 0;
    c->task = task;
    core_timer_stop(c->core, &c->idle_timer);
    if (c->phase == CONN_STARTUP) {
        task_deadline_set(task, env_mono_ns(c->node->env) + AUTH_SECONDS * UINT64_C(1000000000),
                          ERR_CONNECTION_FAILURE, "authentication timed out");
        while (c->phase == CONN_STARTUP && !over && !rc)
            rc = start_once(task, c, &over, &err);
        task_deadline_set(task, TASK_FOREVER, ERR_CONNECTION_FAILURE, "");
        if (!rc && !over)
            rc = conn_flush(task, c, &err);
    } else if (!c->ending) {
        rc = read_more(task, c, &over, &err);
    }
    if (!rc && !over && !c->ending)
        rc = handle_messages(task, c, &over, &err);
    if (!rc && !over && !c->ending) {
        go_idle(c);
        return;
    }
    if (rc)
        fatal(c, &err);
    else if (c->ending && !over)
        fatal(c, &c->end_error);
    close_conn(task, c);
}

void pgwire_accept(struct core *core, struct sql_node *node, struct sock *take_sock)
{
    struct pg_conn *c = calloc(1, sizeof *c);
    c->client.ops = &conn_client_ops;
    c->node = node;
    c->core = core;
    c->sock = take_sock;
    core_timer_init(&c->idle_timer, idle_too_long);
    struct sql_core *sc = sql_core_of(core);
    sc->n_connections++;
    list_push_back(&sc->connections, &c->link);
    c->task = task_spawn(core, TASK_TXN, "session", run_conn, c);
}

bool pgwire_stop_core(struct core *core)
{
    struct sql_core *sc = sql_core_of(core);
    list_each_safe(struct pg_conn, c, &sc->connections, link)
    {
        if (c->ending)
            continue;
        c->ending = true;
        err_set(&c->end_error, ERR_ADMIN_SHUTDOWN,
                "terminating connection due to administrator command");
        if (c->task && c->phase == CONN_STARTUP) {
            sock_shutdown(c->sock);
        } else if (c->task) {
            task_cancel(c->task, ERR_ADMIN_SHUTDOWN,
                        "terminating connection due to administrator command");
        } else {
            sock_on_readable(c->sock, NULL, NULL);
            wake_conn(c->sock, c);
        }
    }
    return sc->n_connections == 0;
}
