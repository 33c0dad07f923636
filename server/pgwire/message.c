/* message.c: each message of the protocol, in and out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/pgwire/pgwire_int.h"
#include "types/type/text.h"

/* ---- out ---- */

size_t message_begin(struct pg_conn *c, char type)
{
    buf_put_u8(&c->out, (uint8_t)type);
    size_t at = c->out.len;
    buf_put_be32(&c->out, 0);
    return at;
}

void message_end(struct pg_conn *c, size_t at)
{
    store_be32(c->out.data + at, (uint32_t)(c->out.len - at));
}

static void put_field(struct pg_conn *c, char field, const char *text)
{
    if (!*text)
        return;
    buf_put_u8(&c->out, (uint8_t)field);
    buf_put(&c->out, text, strlen(text) + 1);
}

void message_error(struct pg_conn *c, const struct err *e, const char *severity)
{
    bool is_error = strcmp(severity, "ERROR") == 0 || strcmp(severity, "FATAL") == 0;
    size_t at = message_begin(c, is_error ? 'E' : 'N');
    char number[16];
    put_field(c, 'S', severity);
    put_field(c, 'V', severity);
    put_field(c, 'C',
              strcmp(severity, "NOTICE") == 0 && !e->code ? "00000" : err_sqlstate(e->code));
    put_field(c, 'M', e->message[0] ? e->message : "unknown error");
    put_field(c, 'D', e->detail);
    put_field(c, 'H', e->hint);
    if (e->position > 0) {
        snprintf(number, sizeof number, "%d", e->position);
        put_field(c, 'P', number);
    }
    put_field(c, 'W', e->where);
    put_field(c, 's', e->schema_name);
    put_field(c, 't', e->table_name);
    put_field(c, 'c', e->column_name);
    put_field(c, 'd', e->type_name);
    put_field(c, 'n', e->constraint_name);
    put_field(c, 'F', e->file);
    if (e->line) {
        snprintf(number, sizeof number, "%d", e->line);
        put_field(c, 'L', number);
    }
    put_field(c, 'R', "cairn");
    buf_put_u8(&c->out, 0);
    message_end(c, at);
}

void message_ready(struct pg_conn *c)
{
    session_setting_report(c->session);
    size_t at = message_begin(c, 'Z');
    buf_put_u8(&c->out, (uint8_t)session_status(c->session));
    message_end(c, at);
}

static void put_empty(struct pg_conn *c, char type)
{
    message_end(c, message_begin(c, type));
}

static struct pg_conn *conn_of(struct session_client *client)
{
    return (struct pg_conn *)client;
}

void message_parameter(struct session_client *client, const char *name, const char *value)
{
    struct pg_conn *c = conn_of(client);
    size_t at = message_begin(c, 'S');
    buf_put(&c->out, name, strlen(name) + 1);
    buf_put(&c->out, value, strlen(value) + 1);
    message_end(c, at);
}

static void client_complete(struct session_client *client, const char *tag)
{
    struct pg_conn *c = conn_of(client);
    size_t at = message_begin(c, 'C');
    buf_put(&c->out, tag, strlen(tag) + 1);
    message_end(c, at);
}

static void client_suspended(struct session_client *client)
{
    put_empty(conn_of(client), 's');
}

static void client_empty(struct session_client *client)
{
    put_empty(conn_of(client), 'I');
}

static void client_error(struct session_client *client, const struct err *err, const char *severity)
{
    message_error(conn_of(client), err, severity);
}

static uint64_t client_mark(struct session_client *client)
{
    struct pg_conn *c = conn_of(client);
    return c->flushed + c->out.len;
}

static bool client_rewind(struct session_client *client, uint64_t mark)
{
    struct pg_conn *c = conn_of(client);
    if (mark < c->flushed)
        return false;
    if (mark - c->flushed < c->out.len)
        c->out.len = mark - c->flushed;
    return true;
}

static void client_terminate(struct session_client *client)
{
    struct pg_conn *c = conn_of(client);
    if (c->ending)
        return;
    c->ending = true;
    err_set(&c->end_error, ERR_ADMIN_SHUTDOWN,
            "terminating connection due to administrator command");
    if (!c->task)
        core_timer_start(c->core, &c->idle_timer, 0);
}

/* ---- COPY ---- */

static void put_copy_response(struct pg_conn *c, char type, enum copy_format format, uint32_t n)
{
    size_t at = message_begin(c, type);
    buf_put_u8(&c->out, format == COPY_BINARY);
    buf_put_be16(&c->out, (uint16_t)n);
    for (uint32_t i = 0; i < n; i++)
        buf_put_be16(&c->out, format == COPY_BINARY);
    message_end(c, at);
}

static int client_copy_out_begin(struct session_client *client, enum copy_format format, uint32_t n)
{
    put_copy_response(conn_of(client), 'H', format, n);
    return 0;
}

static int client_copy_out(struct task *task, struct session_client *client, const void *data,
                           size_t len, struct err *err)
{
    struct pg_conn *c = conn_of(client);
    size_t at = message_begin(c, 'd');
    buf_put(&c->out, data, len);
    message_end(c, at);
    return c->out.len >= FLUSH_BYTES ? conn_flush(task, c, err) : 0;
}

static void client_copy_out_end(struct session_client *client)
{
    put_empty(conn_of(client), 'c');
}

static int client_copy_in_begin(struct task *task, struct session_client *client,
                                enum copy_format format, uint32_t n, struct err *err)
{
    struct pg_conn *c = conn_of(client);
    put_copy_response(c, 'G', format, n);
    return conn_flush(task, c, err);
}

static int client_copy_in(struct task *task, struct session_client *client, struct buf *out,
                          bool *end, struct err *err)
{
    struct pg_conn *c = conn_of(client);
    for (;;) {
        char type;
        struct buf_reader body;
        bool got;
        int rc = conn_read_message(task, c, &type, &body, &got, err);
        if (rc)
            return rc;
        if (!got) {
            c->ending = c->broken = true;
            return err_set(err, ERR_CONNECTION_FAILURE,
                           "unexpected EOF on client connection with an open transaction");
        }
        switch (type) {
        case 'd':
            buf_put(out, body.at, buf_reader_left(&body));
            *end = false;
            return 0;
        case 'c':
            *end = true;
            return 0;
        case 'f': {
            const char *why =
                memchr(body.at, 0, buf_reader_left(&body)) ? (const char *)body.at : "";
            return err_set(err, ERR_QUERY_CANCELED, "COPY from stdin failed: %.300s", why);
        }
        case 'H':
        case 'S':
            break;
        default:
            c->ending = true;
            err_set(err, ERR_PROTOCOL_VIOLATION,
                    "unexpected message type 0x%02X during COPY from stdin", (unsigned char)type);
            c->end_error = *err;
            return err->code;
        }
    }
}

const struct session_client_ops conn_client_ops = {
    .describe = rows_describe,
    .rows = rows_send,
    .complete = client_complete,
    .suspended = client_suspended,
    .empty = client_empty,
    .error = client_error,
    .parameter = message_parameter,
    .mark = client_mark,
    .rewind = client_rewind,
    .copy_out_begin = client_copy_out_begin,
    .copy_out = client_copy_out,
    .copy_out_end = client_copy_out_end,
    .copy_in_begin = client_copy_in_begin,
    .copy_in = client_copy_in,
    .terminate = client_terminate,
};

/* ---- in ---- */

static const char *take_text(struct buf_reader *r)
{
    const uint8_t *end = buf_reader_left(r) ? memchr(r->at, 0, buf_reader_left(r)) : NULL;
    if (!end) {
        r->bad = true;
        return "";
    }
    const char *text = (const char *)r->at;
    r->at = end + 1;
    return text;
}

static int bad_message(const char *name, struct err *err)
{
    return err_set(err, ERR_PROTOCOL_VIOLATION, "invalid message format in %s message", name);
}

static int handle_query(struct task *task, struct pg_conn *c, struct buf_reader *r, struct err *err)
{
    const char *text = take_text(r);
    if (r->bad || buf_reader_left(r))
        return bad_message("Query", err);
    session_query(task, c->session, text, strlen(text));
    if (!c->ending)
        message_ready(c);
    return 0;
}

/* An error of the extended protocol: told, and then nothing until Sync. */
static void fail_extended(struct task *task, struct pg_conn *c, const struct err *err)
{
    message_error(c, err, "ERROR");
    session_fail(task, c->session);
    session_activity_end(c->session);
    c->skipping = true;
}

static int do_parse(struct task *task, struct pg_conn *c, struct buf_reader *r, bool *bad,
                    struct err *err)
{
    const char *name = take_text(r), *text = take_text(r);
    uint16_t n = buf_take_be16(r);
    const uint8_t *types = buf_take(r, (size_t)n * 4);
    *bad = r->bad || buf_reader_left(r);
    if (*bad)
        return bad_message("Parse", err);
    arena_reset(&c->session->message_arena);
    uint32_t *oids = arena_array(&c->session->message_arena, uint32_t, (size_t)n + 1);
    for (uint16_t i = 0; i < n; i++)
        oids[i] = load_be32(types + (size_t)i * 4);
    int rc = session_parse(task, c->session, name, text, strlen(text), oids, n, err);
    if (!rc)
        put_empty(c, '1');
    return rc;
}

static const int16_t *take_formats(struct pg_conn *c, struct buf_reader *r, uint32_t *n)
{
    *n = buf_take_be16(r);
    int16_t *formats = arena_array(&c->session->message_arena, int16_t, *n + 1);
    for (uint32_t i = 0; i < *n && !r->bad; i++)
        formats[i] = (int16_t)buf_take_be16(r);
    return formats;
}

static int do_bind(struct task *task, struct pg_conn *c, struct buf_reader *r, bool *bad,
                   struct err *err)
{
    arena_reset(&c->session->message_arena);
    struct session_bind b = {.portal = take_text(r)};
    b.statement = take_text(r);
    b.formats = take_formats(c, r, &b.n_formats);
    b.n_values = buf_take_be16(r);
    struct bind_value *values =
        arena_array(&c->session->message_arena, struct bind_value, b.n_values + 1);
    for (uint32_t i = 0; i < b.n_values && !r->bad; i++) {
        uint32_t len = buf_take_be32(r);
        if (len == UINT32_MAX)
            continue;
        values[i].len = len;
        values[i].data = buf_take(r, len);
    }
    b.values = values;
    b.result_formats = take_formats(c, r, &b.n_result_formats);
    *bad = r->bad || buf_reader_left(r);
    if (*bad)
        return bad_message("Bind", err);
    int rc = session_bind(task, c->session, &b, err);
    if (!rc)
        put_empty(c, '2');
    return rc;
}

static int do_describe(struct task *task, struct pg_conn *c, struct buf_reader *r, bool *bad,
                       struct err *err)
{
    uint8_t what = buf_take_u8(r);
    const char *name = take_text(r);
    *bad = r->bad || buf_reader_left(r) || (what != 'S' && what != 'P');
    if (*bad)
        return bad_message("Describe", err);
    const struct result_shape *shape = NULL;
    int rc;
    if (what == 'S') {
        const uint32_t *types;
        uint32_t n;
        rc = session_describe_statement(task, c->session, name, &types, &n, &shape, err);
        if (rc)
            return rc;
        size_t at = message_begin(c, 't');
        buf_put_be16(&c->out, (uint16_t)n);
        for (uint32_t i = 0; i < n; i++)
            buf_put_be32(&c->out, types[i]);
        message_end(c, at);
    } else {
        rc = session_describe_portal(task, c->session, name, &shape, err);
        if (rc)
            return rc;
    }
    if (shape->n)
        rows_describe(&c->client, shape);
    else
        put_empty(c, 'n');
    return 0;
}

static int do_execute(struct task *task, struct pg_conn *c, struct buf_reader *r, bool *bad,
                      struct err *err)
{
    const char *name = take_text(r);
    uint32_t rows_max = buf_take_be32(r);
    *bad = r->bad || buf_reader_left(r);
    if (*bad)
        return bad_message("Execute", err);
    char next;
    bool last = conn_peek(c, &next) && next == 'S';
    char copy[64];
    char *own = strlen(name) < sizeof copy ? strcpy(copy, name)
                                           : strdup(name); /* COPY reads over the input buffer */
    int rc =
        session_execute(task, c->session, own, (int32_t)rows_max > 0 ? rows_max : 0, last, err);
    if (own != copy)
        free(own);
    return rc;
}

static int do_close(struct task *task, struct pg_conn *c, struct buf_reader *r, bool *bad,
                    struct err *err)
{
    uint8_t what = buf_take_u8(r);
    const char *name = take_text(r);
    *bad = r->bad || buf_reader_left(r) || (what != 'S' && what != 'P');
    if (*bad)
        return bad_message("Close", err);
    if (what == 'S')
        session_close_statement(c->session, name);
    else
        session_close_portal(task, c->session, name);
    put_empty(c, '3');
    return 0;
}

static void handle_sync(struct task *task, struct pg_conn *c)
{
    struct err err;
    c->skipping = false;
    c->session->task = task;
    if (session_sync(task, c->session, &err)) {
        message_error(c, &err, "ERROR");
        session_fail(task, c->session);
    }
    c->session->task = NULL;
    message_ready(c);
}

static int handle_extended(struct task *task, struct pg_conn *c, char type, struct buf_reader *r,
                           struct err *err)
{
    bool bad = false;
    int rc = 0;
    switch (type) {
    case 'P':
        rc = do_parse(task, c, r, &bad, err);
        break;
    case 'B':
        rc = do_bind(task, c, r, &bad, err);
        break;
    case 'D':
        rc = do_describe(task, c, r, &bad, err);
        break;
    case 'E':
        rc = do_execute(task, c, r, &bad, err);
        break;
    default:
        rc = do_close(task, c, r, &bad, err);
        break;
    }
    c->session->task = NULL;
    if (rc && bad)
        return rc;
    if (rc)
        fail_extended(task, c, err);
    return 0;
}

int message_handle(struct task *task, struct pg_conn *c, char type, struct buf_reader *body,
                   bool *over, struct err *err)
{
    if (type == 'X') {
        *over = true;
        return 0;
    }
    if (c->skipping && type != 'S')
        return 0;
    switch (type) {
    case 'Q':
        return handle_query(task, c, body, err);
    case 'P':
    case 'B':
    case 'D':
    case 'E':
    case 'C':
        return handle_extended(task, c, type, body, err);
    case 'S':
        handle_sync(task, c);
        return conn_pending(c) ? 0 : conn_flush(task, c, err);
    case 'H':
        return conn_flush(task, c, err);
    case 'd':
    case 'c':
    case 'f':
        return 0; /* what is left of a COPY that failed */
    case 'F': {
        struct err unsupported;
        session_unsupported(&unsupported, "the function call protocol");
        message_error(c, &unsupported, "ERROR");
        session_fail(task, c->session);
        message_ready(c);
        return 0;
    }
    default:
        return err_set(err, ERR_PROTOCOL_VIOLATION, "unexpected message type 0x%02X",
                       (unsigned char)type);
    }
}
