/* cairnctl: the administrator's look at a cluster from the command line.
 *
 *   cairnctl status --url http://host:port [--json]
 *
 * Reads GET /status of one node (server/http/http.h) and prints nodes, groups and tablets. Plain blocking sockets: this
 * is a program of its own that does one thing and ends. Exit status: 0 fine, 1 the node cannot be asked, 2 wrong usage.
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/buf.h"

static const char usage[] =
    "cairnctl looks at a Cairn cluster.\n"
    "\n"
    "  cairnctl status --url http://HOST:PORT [--json]   nodes, their liveness, groups and tablets\n"
    "  cairnctl --help\n"
    "\n"
    "The URL is the HTTP address of any node (cairnd start --http). --json prints the answer as it came.\n";

/* ---- HTTP ---- */

struct url {
    char host[256];
    char port[16];
};

static bool split_url(const char *text, struct url *url)
{
    if (strncmp(text, "http://", 7) == 0)
        text += 7;
    size_t len = strcspn(text, "/");
    const char *colon = memchr(text, ':', len);
    size_t host_len = colon ? (size_t)(colon - text) : len;
    size_t port_len = colon ? len - host_len - 1 : 0;
    if (host_len == 0 || host_len >= sizeof url->host || port_len >= sizeof url->port || (colon && port_len == 0))
        return false;
    memcpy(url->host, text, host_len);
    url->host[host_len] = 0;
    snprintf(url->port, sizeof url->port, "%.*s", colon ? (int)port_len : 2, colon ? colon + 1 : "80");
    return true;
}

static int connect_to(const struct url *url)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    if (getaddrinfo(url->host, url->port, &hints, &list))
        return -1;
    int fd = -1;
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
        struct timeval limit = {.tv_sec = 10};
        if (fd >= 0) {
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        }
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen)) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    return fd;
}

/* The body of a 200 answer, NUL-terminated; NULL otherwise. The memory is `in`'s. */
static const char *get_status(const struct url *url, struct buf *in)
{
    int fd = connect_to(url);
    if (fd < 0)
        return NULL;
    char request[400];
    int n = snprintf(request, sizeof request, "GET /status HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", url->host);
    bool sent = write(fd, request, (size_t)n) == n;
    ssize_t got = 1;
    while (sent && got > 0) {
        buf_reserve(in, 65536);
        got = read(fd, in->data + in->len, 65536);
        in->len += got > 0 ? (size_t)got : 0;
    }
    close(fd);
    const char *text = buf_text(in);
    const char *body = strstr(text, "\r\n\r\n");
    return sent && body && strncmp(text, "HTTP/1.", 7) == 0 && strncmp(text + 8, " 200", 4) == 0 ? body + 4 : NULL;
}

/* ---- reading JSON: just enough to walk the answer ---- */

static const char *skip_space(const char *p)
{
    return p + strspn(p, " \t\r\n,:");
}

/* Behind the value at p; NULL when the text ends before it does. */
static const char *skip_value(const char *p)
{
    p = skip_space(p);
    int depth = 0;
    do {
        if (*p == '"') {
            for (p++; *p && *p != '"'; p++)
                p += *p == '\\' && p[1];
        } else if (*p == '{' || *p == '[') {
            depth++;
        } else if (*p == '}' || *p == ']') {
            depth--;
        } else if (depth == 0) {
            return p + strcspn(p, ",]} \t\r\n");
        }
        if (!*p)
            return NULL;
        p++;
    } while (depth > 0);
    return p;
}

/* The value of a member of the object at p; NULL = none. */
static const char *find_member(const char *p, const char *name)
{
    size_t len = strlen(name);
    if (!p || *(p = skip_space(p)) != '{')
        return NULL;
    for (p = skip_space(p + 1); p && *p == '"'; p = skip_space(p)) {
        const char *key = p + 1, *end = skip_value(p);
        if (!end)
            return NULL;
        if ((size_t)(end - 1 - key) == len && memcmp(key, name, len) == 0)
            return skip_space(end);
        p = skip_value(end);
        if (!p)
            return NULL;
    }
    return NULL;
}

/* The next element of an array: start with the array itself and *in = false. NULL at the end. */
static const char *next_element(const char *at, bool *in)
{
    if (!at)
        return NULL;
    if (!*in) {
        at = skip_space(at);
        if (*at != '[')
            return NULL;
        at++;
        *in = true;
    } else {
        at = skip_value(at);
    }
    at = at ? skip_space(at) : NULL;
    return at && *at && *at != ']' ? at : NULL;
}

/* A scalar as text, without quotes. */
static const char *scalar(const char *p, char out[160])
{
    const char *end = p ? skip_value(p) : NULL;
    size_t len = end ? (size_t)(end - p) : 0;
    if (len >= 2 && *p == '"') {
        p++;
        len -= 2;
    }
    snprintf(out, 160, "%.*s", (int)(len < 159 ? len : 159), p ? p : "");
    return out;
}

static const char *member_text(const char *object, const char *name, char out[160])
{
    return scalar(find_member(object, name), out);
}

/* ---- printing ---- */

static void print_nodes(const char *status)
{
    printf("%-6s %-8s %-24s %-24s %s\n", "node", "state", "sql", "http", "rpc");
    bool in = false;
    for (const char *n = next_element(find_member(status, "nodes"), &in); n; n = next_element(n, &in)) {
        char id[160], alive[160], sql[160], http[160], rpc[160];
        printf("%-6s %-8s %-24s %-24s %s\n", member_text(n, "id", id),
               strcmp(member_text(n, "alive", alive), "true") == 0 ? "alive" : "down", member_text(n, "sql", sql),
               member_text(n, "http", http), member_text(n, "rpc", rpc));
    }
}

static void print_tablets(const char *group)
{
    bool in = false;
    for (const char *t = next_element(find_member(group, "tablets"), &in); t; t = next_element(t, &in)) {
        char shard[160], storage[160], rows[160], bytes[160];
        printf("  storage %-8s shard %-4s rows %-12s bytes %s\n", member_text(t, "storage", storage),
               member_text(t, "shard", shard), member_text(t, "rows", rows), member_text(t, "bytes", bytes));
    }
}

static void print_groups(const char *status)
{
    bool in = false;
    for (const char *g = next_element(find_member(status, "groups"), &in); g; g = next_element(g, &in)) {
        char id[160], leader[160], applied[160], replica[160], quarantined[160];
        printf("group %-4s leader %-4s applied %-10s replicas", member_text(g, "id", id), member_text(g, "leader", leader),
               member_text(g, "applied", applied));
        bool in_replicas = false;
        for (const char *r = next_element(find_member(g, "replicas"), &in_replicas); r; r = next_element(r, &in_replicas))
            printf(" %s", scalar(r, replica));
        printf("%s\n", strcmp(member_text(g, "quarantined", quarantined), "true") == 0 ? "  QUARANTINED" : "");
        print_tablets(g);
    }
}

static int run_status(const char *address, bool json)
{
    struct url url;
    struct buf in = {0};
    if (!split_url(address, &url)) {
        fprintf(stderr, "cairnctl: \"%s\" is not a URL like http://host:port\n", address);
        return 2;
    }
    const char *status = get_status(&url, &in);
    if (!status) {
        fprintf(stderr, "cairnctl: no status from %s:%s\n", url.host, url.port);
        buf_done(&in);
        return 1;
    }
    if (json) {
        printf("%s\n", status);
    } else {
        char version[160], cluster[160], node[160], state[160];
        printf("cluster %s  version %s  asked node %s (%s)\n\n", member_text(status, "cluster", cluster),
               member_text(status, "version", version), member_text(status, "node", node), strcmp(member_text(status, "ready", state), "true") == 0 ? "ready" : "not ready");
        print_nodes(status);
        printf("\n");
        print_groups(status);
    }
    buf_done(&in);
    return 0;
}

int main(int argc, char **argv)
{
    const char *url = NULL;
    bool json = false;
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(usage, argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    if (strcmp(argv[1], "status") != 0) {
        fprintf(stderr, "cairnctl: unknown command \"%s\"\n%s", argv[1], usage);
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--url") == 0 && i + 1 < argc) {
            url = argv[++i];
        } else if (strncmp(argv[i], "--url=", 6) == 0) {
            url = argv[i] + 6;
        } else if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        } else {
            fprintf(stderr, "cairnctl: unknown option \"%s\"\n%s", argv[i], usage);
            return 2;
        }
    }
    if (!url) {
        fprintf(stderr, "cairnctl: --url is missing\n%s", usage);
        return 2;
    }
    return run_status(url, json);
}
