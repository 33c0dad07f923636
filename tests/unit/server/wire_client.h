/* wire_client.h: a node in this process and a bare client of its protocol, for the tests of this
 * folder. Included once; everything is static. The node runs on its own threads; the test is the
 * main thread and blocks on its socket. */
#ifndef CAIRN_TESTS_UNIT_SERVER_WIRE_CLIENT_H
#define CAIRN_TESTS_UNIT_SERVER_WIRE_CLIENT_H

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/env_uv.h"
#include "server/node/node.h"

struct test_node {
    struct node node;
    struct runtime *runtime;
    char dir[64], store[80], sql[32], rpc[32];
    uint16_t port;
    _Atomic int state; /* 1 ready, 2 failed, 3 ended */
};
static struct test_node server;

static uint16_t free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static void note_ready(void *arg)
{
    atomic_store(&server.state, 1);
}

static void note_fail(void *arg, const struct err *err)
{
    fprintf(stderr, "node: %s\n", err->message);
    atomic_store(&server.state, 2);
}

static void note_fatal(void *arg, const struct err *err)
{
    fprintf(stderr, "node: %s\n", err->message);
    abort();
}

static void note_ended(void *arg)
{
}

static int start_server(void **state)
{
    memset(&server, 0, sizeof server);
    strcpy(server.dir, "/tmp/cairn-test-XXXXXX");
    if (!mkdtemp(server.dir))
        return -1;
    snprintf(server.store, sizeof server.store, "%s/store", server.dir);
    server.port = free_port();
    snprintf(server.sql, sizeof server.sql, "127.0.0.1:%u", server.port);
    snprintf(server.rpc, sizeof server.rpc, "127.0.0.1:%u", free_port());
    server.node.config = (struct node_config){.store = server.store,
                                              .sql = server.sql,
                                              .rpc = server.rpc,
                                              .ready = note_ready,
                                              .fail = note_fail,
                                              .fatal = note_fatal,
                                              .ended = note_ended};
    struct env_uv_config env = {.root = server.dir};
    struct runtime_config runtime = {.core_count = 2};
    struct err err;
    if (env_uv_create(&env, &server.node.env, &err))
        return -1;
    atomic_store(&server.node.env->log->level, LOG_ERROR);
    if (runtime_start(server.node.env, &runtime, node_run, &server.node, &server.runtime, &err))
        return -1;
    while (!atomic_load(&server.state))
        usleep(1000);
    return atomic_load(&server.state) == 1 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    return remove(path);
}

static int stop_server(void **state)
{
    node_stop(&server.node);
    runtime_join(server.runtime);
    env_uv_destroy(server.node.env);
    return nftw(server.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- the client ---- */

struct client {
    int fd;
    struct buf out, said;
    uint32_t pid, secret;
};

static void client_connect(struct client *c)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(server.port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 60};
    *c = (struct client){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&a, sizeof a), 0);
}

static void client_close(struct client *c)
{
    close(c->fd);
    buf_done(&c->out);
    buf_done(&c->said);
}

static void client_send(struct client *c, const void *data, size_t len)
{
    for (const char *p = data; len;) {
        ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the server ended it: the reader sees why */
        p += n;
        len -= (size_t)n;
    }
}

static void client_flush(struct client *c)
{
    client_send(c, c->out.data, c->out.len);
    buf_reset(&c->out);
}

static bool client_read(struct client *c, void *out, size_t len)
{
    for (char *p = out; len;) {
        ssize_t n = recv(c->fd, p, len, 0);
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

/* Appends one message to c->out: format letters s text with NUL, h int16, i int32, b (bytes,
 * length). */
static void put_message(struct client *c, char type, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (type)
        buf_put_u8(&c->out, (uint8_t)type);
    size_t at = c->out.len;
    buf_put_be32(&c->out, 0);
    for (const char *f = format; *f; f++) {
        if (*f == 's') {
            const char *text = va_arg(args, const char *);
            buf_put(&c->out, text, strlen(text) + 1);
        } else if (*f == 'h') {
            buf_put_be16(&c->out, (uint16_t)va_arg(args, int));
        } else if (*f == 'i') {
            buf_put_be32(&c->out, (uint32_t)va_arg(args, int));
        } else if (*f == 'b') {
            const void *data = va_arg(args, const void *);
            buf_put(&c->out, data, (size_t)va_arg(args, int));
        }
    }
    va_end(args);
    store_be32(c->out.data + at, (uint32_t)(c->out.len - at));
}

static void put_field_text(struct buf *text, const uint8_t *body, size_t len, char field)
{
    for (const uint8_t *p = body; p < body + len && *p;) {
        size_t n = strlen((const char *)p + 1);
        if (*p == (uint8_t)field)
            buf_put_text(text, (const char *)p + 1);
        p += n + 2;
    }
}

static void describe_message(char type, const uint8_t *body, size_t len, struct buf *text)
{
    buf_put_u8(text, (uint8_t)type);
    if (type == 'E' || type == 'N') {
        buf_put_u8(text, ':');
        put_field_text(text, body, len, 'C');
    } else if (type == 'C') {
        buf_printf(text, ":%s", (const char *)body);
    } else if (type == 'Z') {
        buf_printf(text, ":%c", body[0]);
    } else if (type == 'D') {
        struct buf_reader r = buf_reader_of(body, len);
        uint16_t n = buf_take_be16(&r);
        for (uint16_t i = 0; i < n; i++) {
            int32_t size = (int32_t)buf_take_be32(&r);
            if (size < 0) {
                buf_put_text(text, i ? ",NULL" : ":NULL");
                continue;
            }
            const uint8_t *value = buf_take(&r, (size_t)size);
            buf_printf(text, "%c%.*s", i ? ',' : ':', size < 60 ? size : 60, value);
        }
    } else if (type == 'd') {
        buf_printf(text, ":%.*s", len && body[len - 1] == '\n' ? (int)len - 1 : (int)len, body);
    }
    buf_put_u8(text, ' ');
}

/* Messages up to one of type `last`, as words: "T D:1 C:SELECT_1 Z:I". "EOF" when the server
 * closed. */
static char *read_until_into(struct client *c, char last, struct buf *out)
{
    struct buf text = *out;
    buf_reset(&text);
    char type = 0;
    while (type != last) {
        uint8_t head[5];
        if (!client_read(c, head, 5)) {
            buf_put_text(&text, "EOF ");
            break;
        }
        type = (char)head[0];
        size_t len = load_be32(head + 1) - 4;
        uint8_t *body = malloc(len + 1);
        if (!client_read(c, body, len))
            type = last;
        body[len] = 0;
        if (type == 'K') {
            c->pid = load_be32(body);
            c->secret = load_be32(body + 4);
        }
        describe_message(type, body, len, &text);
        free(body);
    }
    text.len -= text.len > 0;
    *out = text;
    return (char *)buf_text(out);
}

/* The same in the client's own buffer: valid until its next read. */
static char *read_until(struct client *c, char last)
{
    return read_until_into(c, last, &c->said);
}

static void client_start(struct client *c)
{
    client_connect(c);
    put_message(c, 0, "isssss", 196608, "user", "cairn", "database", "cairn", "");
    client_flush(c);
    char *said = read_until(c, 'Z');
    assert_non_null(strstr(said, "R S S"));
    assert_non_null(strstr(said, "K Z:I"));
}

/* Sends what was put and a Sync, and compares the answers. */
#define check_sync(c, expected)                                                                    \
    (put_message((c), 'S', ""), client_flush(c),                                                   \
     assert_string_equal(read_until((c), 'Z'), (expected)))
#define check_query(c, sql, expected)                                                              \
    (put_message((c), 'Q', "s", (sql)), client_flush(c),                                           \
     assert_string_equal(read_until((c), 'Z'), (expected)))

#endif
