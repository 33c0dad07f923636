/* pgwire_int.h: what the files of this folder share. */
#ifndef CAIRN_SERVER_PGWIRE_PGWIRE_INT_H
#define CAIRN_SERVER_PGWIRE_PGWIRE_INT_H

#include "server/pgwire/pgwire.h"

enum {
    STARTUP_BYTES_MAX = 10000,
    FLUSH_BYTES = 64 * 1024,
    READ_BYTES = 16 * 1024,
    AUTH_SECONDS = 60,
};

enum conn_phase { CONN_STARTUP, CONN_READY, CONN_CLOSED };

struct pg_conn {
    struct session_client client; /* first */
    struct list_node link;        /* sql_core.connections */
    struct sql_node *node;
    struct core *core;
    struct sock *sock;
    struct session *session;
    struct task *task; /* NULL: idle */
    uint8_t phase;     /* enum conn_phase */
    bool skipping;     /* until Sync */
    bool ending;       /* to be closed with end_error once nothing runs */
    bool in_extended;  /* the message being handled is of the extended protocol */
    bool broken;       /* the socket failed: nothing is written any more */
    struct err end_error;
    struct core_timer idle_timer;
    uint8_t *in;
    size_t in_len, in_at, in_cap;
    struct buf out;
    uint64_t flushed; /* bytes that left before out.data[0] */
    struct err write_error;
};

extern const struct session_client_ops conn_client_ops;

/* ---- bytes (conn.c) ---- */
/* Waits until n bytes stand at in_at. *got false: the stream ended before. */
int conn_need(struct task *task, struct pg_conn *c, size_t n, bool *got,
              struct err *err) MUST_CHECK;
int conn_flush(struct task *task, struct pg_conn *c, struct err *err) MUST_CHECK;
/* A message whose bytes have arrived completely, as a reader of its body; *got false: the stream
 * ended. */
int conn_read_message(struct task *task, struct pg_conn *c, char *type, struct buf_reader *body,
                      bool *got, struct err *err) MUST_CHECK;
static inline size_t conn_pending(const struct pg_conn *c)
{
    return c->in_len - c->in_at;
}
/* True when a whole message is here; *type its kind. */
bool conn_peek(const struct pg_conn *c, char *type);

/* ---- messages out (message.c) ---- */
size_t message_begin(struct pg_conn *c, char type);
void message_end(struct pg_conn *c, size_t at);
void message_error(struct pg_conn *c, const struct err *e, const char *severity);
void message_ready(struct pg_conn *c);
void message_parameter(struct session_client *client, const char *name, const char *value);

/* ---- messages in ---- */
/* Handles one. *over: the connection ends without a word. A returned error ends it with FATAL. */
int message_handle(struct task *task, struct pg_conn *c, char type, struct buf_reader *body,
                   bool *over, struct err *err) MUST_CHECK;

/* ---- rows.c ---- */
void rows_describe(struct session_client *client, const struct result_shape *shape);
int rows_send(struct task *task, struct session_client *client, const struct type_env *env,
              const struct result_shape *shape, struct batch *batch, struct err *err);

#endif
