#include "server/demo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NODES_MAX = 9, READY_TRIES = 600, READY_STEP_MS = 20, STOP_TRIES = 500 };

struct demo_node {
    pid_t pid;
    int sql_port, rpc_port, http_port;
    char store[PATH_MAX];
    char log[PATH_MAX];
};

struct demo {
    const struct demo_options *options;
    struct demo_node nodes[NODES_MAX];
    char join[NODES_MAX * 24];
};

static void sleep_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static int plan_nodes(struct demo *d)
{
    char root[PATH_MAX / 2];
    if (mkdir(d->options->dir, 0700) != 0 && errno != EEXIST) {
        fprintf(stderr, "cairnd: cannot make directory %s: %s\n", d->options->dir, strerror(errno));
        return 1;
    }
    if (!realpath(d->options->dir, d->nodes[0].store) || strlen(d->nodes[0].store) >= sizeof root) {
        fprintf(stderr, "cairnd: cannot use directory %s: %s\n", d->options->dir, strerror(errno));
        return 1;
    }
    snprintf(root, sizeof root, "%s", d->nodes[0].store);
    for (int i = 0; i < d->options->nodes; i++) {
        struct demo_node *n = &d->nodes[i];
        n->sql_port = d->options->sql_port + i;
        n->rpc_port = d->options->sql_port + 100 + i;
        n->http_port = d->options->sql_port + 200 + i;
        snprintf(n->store, sizeof n->store, "%s/node-%d", root, i + 1);
        snprintf(n->log, sizeof n->log, "%s/node-%d.log", root, i + 1);
        size_t at = strlen(d->join);
        snprintf(d->join + at, sizeof d->join - at, "%s127.0.0.1:%d", i ? "," : "", n->rpc_port);
    }
    return 0;
}

static pid_t start_node(const struct demo *d, const struct demo_node *n, const char *program)
{
    char sql[32], rpc[32], http[32];
    snprintf(sql, sizeof sql, "127.0.0.1:%d", n->sql_port);
    snprintf(rpc, sizeof rpc, "127.0.0.1:%d", n->rpc_port);
    snprintf(http, sizeof http, "127.0.0.1:%d", n->http_port);
    pid_t parent = getpid(), pid = fork();
    if (pid != 0)
        return pid;
    /* A demo killed outright takes its nodes along; a terminal's Ctrl-C reaches only the parent, which ends them in order. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1);
    setpgid(0, 0);
    int log = open(n->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log < 0 || null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        _exit(1);
    if (d->options->nodes > 1)
        execl(program, program, "start", "--store", n->store, "--sql", sql, "--rpc", rpc, "--http", http, "--join", d->join,
              "--cores", "1", "--insecure", (char *)NULL);
    else
        execl(program, program, "start", "--store", n->store, "--sql", sql, "--rpc", rpc, "--http", http, "--cores", "1",
              "--insecure", (char *)NULL);
    _exit(127);
}

/* GET /ready: 1 yes, 0 not yet. */
static int is_ready(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static const char request[] = "GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    char answer[64] = "";
    int ready = 0, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_usec = 500000};
    if (fd < 0)
        return 0;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0 && send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0) {
        ssize_t n = recv(fd, answer, sizeof answer - 1, 0);
        ready = n > 12 && strncmp(answer + 8, " 200", 4) == 0;
    }
    close(fd);
    return ready;
}

static void show_log_tail(const char *path)
{
    char line[1024];
    FILE *f = fopen(path, "r");
    if (!f)
        return;
    if (fseek(f, -3000, SEEK_END) != 0)
        rewind(f);
    while (fgets(line, sizeof line, f))
        fprintf(stderr, "  %s", line);
    fclose(f);
}

static int wait_ready(struct demo *d)
{
    for (int i = 0; i < d->options->nodes; i++) {
        for (int t = 0; !is_ready(d->nodes[i].http_port); t++) {
            int status;
            bool gone = waitpid(d->nodes[i].pid, &status, WNOHANG) == d->nodes[i].pid;
            if (gone)
                d->nodes[i].pid = 0;
            if (gone || t == READY_TRIES) {
                fprintf(stderr, "cairnd: node %d %s; the end of %s:\n", i + 1, gone ? "ended" : "did not become ready", d->nodes[i].log);
                show_log_tail(d->nodes[i].log);
                return 1;
            }
            sleep_ms(READY_STEP_MS);
        }
    }
    return 0;
}

static void print_nodes(const struct demo *d)
{
    for (int i = 0; i < d->options->nodes; i++) {
        const struct demo_node *n = &d->nodes[i];
        printf("node %d pid=%d sql=postgresql://cairn@127.0.0.1:%d/cairn rpc=127.0.0.1:%d http=http://127.0.0.1:%d store=%s\n", i + 1,
               (int)n->pid, n->sql_port, n->rpc_port, n->http_port, n->store);
    }
    printf("ready\n");
    fflush(stdout);
}

static void stop_nodes(struct demo *d)
{
    for (int i = 0; i < d->options->nodes; i++)
        if (d->nodes[i].pid > 0)
            kill(d->nodes[i].pid, SIGTERM);
    for (int i = 0; i < d->options->nodes; i++) {
        for (int t = 0; d->nodes[i].pid > 0; t++) {
            if (waitpid(d->nodes[i].pid, NULL, WNOHANG) != 0)
                break;
            if (t == STOP_TRIES)
                kill(d->nodes[i].pid, SIGKILL);
            sleep_ms(READY_STEP_MS);
        }
    }
}

/* The shell beside this program, or psql. */
static void open_shell(const struct demo *d, const char *program)
{
    char shell[PATH_MAX], url[96];
    snprintf(shell, sizeof shell, "%s", program);
    char *slash = strrchr(shell, '/');
    snprintf(slash ? slash + 1 : shell, sizeof shell - (slash ? (size_t)(slash + 1 - shell) : 0), "cairnsql");
    snprintf(url, sizeof url, "postgresql://cairn@127.0.0.1:%d/cairn", d->nodes[0].sql_port);
    pid_t pid = fork();
    if (pid == 0) {
        execl(shell, shell, url, (char *)NULL);
        execlp("psql", "psql", url, (char *)NULL);
        fprintf(stderr, "cairnd: neither %s nor psql can be started; connect to %s\n", shell, url);
        _exit(127);
    }
    signal(SIGINT, SIG_IGN);
    if (pid > 0)
        waitpid(pid, NULL, 0);
}

int demo_run(const char *program, const struct demo_options *options)
{
    struct demo d = {.options = options};
    sigset_t ends;
    int got;
    if (options->nodes < 1 || options->nodes > NODES_MAX) {
        fprintf(stderr, "cairnd: --nodes must be between 1 and %d\n", NODES_MAX);
        return 2;
    }
    if (plan_nodes(&d) != 0)
        return 1;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGHUP);
    for (int i = 0; i < options->nodes; i++)
        d.nodes[i].pid = start_node(&d, &d.nodes[i], program);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    int status = wait_ready(&d);
    if (status == 0) {
        print_nodes(&d);
        if (!options->no_shell && isatty(0)) {
            sigprocmask(SIG_UNBLOCK, &ends, NULL);
            open_shell(&d, program);
        } else {
            sigwait(&ends, &got);
        }
    }
    stop_nodes(&d);
    return status;
}
