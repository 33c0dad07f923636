/* main.c: the program cairnd: start a node, or a demo cluster of processes; signals. */
#include <errno.h>
#include <fcntl.h>
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

#include "base/env_uv.h"
#include "server/node/node.h"

static const char help_text[] =
    "cairnd: the Cairn database server. It speaks PostgreSQL's protocol.\n"
    "\n"
    "  cairnd demo                         three nodes on this machine, to try things out\n"
    "  cairnd start --store DIR ...        one node of a cluster\n"
    "  cairnd version\n"
    "\n"
    "start\n"
    "  --store DIR            directory of the node's data; made when missing        (required)\n"
    "  --sql HOST:PORT        where clients connect               (default 127.0.0.1:7432)\n"
    "  --rpc HOST:PORT        where other nodes connect           (default 127.0.0.1:7500)\n"
    "  --http HOST:PORT       /health /ready /metrics /status     (default 127.0.0.1:7480)\n"
    "  --join HOST:PORT,...   rpc addresses of all nodes of the cluster, this one among them, the "
    "same list\n"
    "                         on every node; without it the node is a cluster of its own\n"
    "  --cores N              threads that serve (default: CPUs - 1, at least 1)\n"
    "  --insecure             no TLS and no passwords: whoever reaches the port is let in. "
    "Required for now\n"
    "\n"
    "  One node:    cairnd start --store /var/lib/cairn --insecure\n"
    "  Three:       on each host h1, h2, h3 (sql and http ports as you like)\n"
    "               cairnd start --store DIR --rpc h1:7500 --sql h1:7432 --join "
    "h1:7500,h2:7500,h3:7500 --insecure\n"
    "  Connect:     psql -h 127.0.0.1 -p 7432 -U cairn cairn\n"
    "  Stop:        SIGTERM; the node hands its leaderships over first\n"
    "\n"
    "demo\n"
    "  --nodes N              how many nodes                      (default 3)\n"
    "  --dir DIR              where their data lives; the same directory brings the data back "
    "(default ./cairn-demo)\n"
    "  --sql-port PORT        node i serves SQL on PORT + i - 1   (default 7432)\n"
    "  --no-shell             do not open a shell; stop with SIGTERM or Ctrl-C\n"
    "\n"
    "Exit codes: 0 stopped, 1 could not start, 2 wrong arguments, 70 the store failed.\n";

struct options {
    const char *store, *sql, *rpc, *http, *join, *dir;
    int cores, nodes, sql_port;
    bool insecure, no_shell;
};

static int complain(const char *what, const char *of)
{
    fprintf(stderr, "cairnd: %s%s%s\nTry \"cairnd --help\".\n", what, of ? " " : "", of ? of : "");
    return 2;
}

static bool take_number(const char *text, int lo, int hi, int *out)
{
    char *end;
    long v = strtol(text, &end, 10);
    if (end == text || *end || v < lo || v > hi)
        return false;
    *out = (int)v;
    return true;
}

/* "--name value" or "--name=value". */
static int read_options(int argc, char **argv, struct options *o)
{
    const struct {
        const char *name;
        const char **text;
        int *number, lo, hi;
        bool *flag;
    } known[] = {
        {"--store", .text = &o->store},
        {"--sql", .text = &o->sql},
        {"--rpc", .text = &o->rpc},
        {"--http", .text = &o->http},
        {"--join", .text = &o->join},
        {"--dir", .text = &o->dir},
        {"--cores", .number = &o->cores, .lo = 1, .hi = 256},
        {"--nodes", .number = &o->nodes, .lo = 1, .hi = 16},
        {"--sql-port", .number = &o->sql_port, .lo = 1, .hi = 65000},
        {"--insecure", .flag = &o->insecure},
        {"--no-shell", .flag = &o->no_shell},
    };
    for (int i = 2; i < argc; i++) {
        size_t n = strcspn(argv[i], "=");
        size_t k = 0;
        while (k < sizeof known / sizeof *known &&
               (strlen(known[k].name) != n || strncmp(known[k].name, argv[i], n)))
            k++;
        if (k == sizeof known / sizeof *known)
            return complain("unknown option", argv[i]);
        if (known[k].flag) {
            *known[k].flag = true;
            continue;
        }
        const char *value = argv[i][n] == '=' ? argv[i] + n + 1 : i + 1 < argc ? argv[++i] : NULL;
        if (!value)
            return complain("a value is missing after", argv[i]);
        if (known[k].text)
            *known[k].text = value;
        else if (!take_number(value, known[k].lo, known[k].hi, known[k].number))
            return complain("not a valid number for option", known[k].name);
    }
    return 0;
}

/* ---- start ---- */

struct server {
    struct node node;
    int exit_code;
};

static void say_ready(void *arg)
{
    struct server *server = arg;
    fprintf(stderr, "ready: sql %s  http %s  store %s\n", server->node.config.sql,
            server->node.config.http, server->node.config.store);
    fflush(stderr);
}

static void say_why(const struct err *err)
{
    fprintf(stderr, "cairnd: %s\n", err->message);
    if (err->detail[0])
        fprintf(stderr, "        %s\n", err->detail);
    if (err->hint[0])
        fprintf(stderr, "        %s\n", err->hint);
}

static void note_failed(void *arg, const struct err *err)
{
    ((struct server *)arg)->exit_code = 1;
    say_why(err);
}

static void end_at_once(void *arg, const struct err *err)
{
    say_why(err);
    fprintf(stderr, "cairnd: the store cannot go on; start again to recover\n");
    _exit(70);
}

static void note_ended(void *arg)
{
    kill(getpid(), SIGUSR1);
}

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, set, NULL);
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strncmp(address, "localhost:", 10) == 0 ||
           strncmp(address, "[::1]", 5) == 0;
}

static int start_server(const struct options *o)
{
    if (!o->store)
        return complain("--store DIR is missing", NULL);
    if (!o->insecure)
        return complain("TLS and passwords are not there yet: say --insecure to run without them",
                        NULL);
    if (!is_loopback(o->sql))
        fprintf(stderr,
                "cairnd: warning: --insecure on %s: everybody who reaches this address has all "
                "rights\n",
                o->sql);
    static struct server server;
    server.node.config = (struct node_config){.store = o->store,
                                              .sql = o->sql,
                                              .rpc = o->rpc,
                                              .http = o->http,
                                              .join = o->join,
                                              .ready = say_ready,
                                              .fail = note_failed,
                                              .fatal = end_at_once,
                                              .ended = note_ended,
                                              .arg = &server};
    sigset_t signals;
    block_signals(&signals);
    struct err err;
    struct env_uv_config env_config = {.root = "."};
    struct runtime_config runtime_config = {.core_count = (uint32_t)o->cores};
    struct runtime *runtime;
    if (env_uv_create(&env_config, &server.node.env, &err) ||
        runtime_start(server.node.env, &runtime_config, node_run, &server.node, &runtime, &err)) {
        say_why(&err);
        return 1;
    }
    for (int signal = 0; signal != SIGUSR1;) {
        sigwait(&signals, &signal);
        if (signal != SIGUSR1)
            node_stop(&server.node);
    }
    runtime_join(runtime);
    env_uv_destroy(server.node.env);
    return server.exit_code;
}

/* ---- demo ---- */

struct demo_node {
    pid_t pid;
    char store[600], sql[64], rpc[64], http[64];
};

struct demo {
    int n;
    struct demo_node nodes[16];
    char join[16 * 40];
    char dir[512];
};

static void plan_demo(struct demo *d, const struct options *o)
{
    d->n = o->nodes;
    snprintf(d->dir, sizeof d->dir, "%s", o->dir ? o->dir : "cairn-demo");
    for (int i = 0; i < d->n; i++) {
        struct demo_node *n = &d->nodes[i];
        snprintf(n->store, sizeof n->store, "%s/n%d", d->dir, i + 1);
        snprintf(n->sql, sizeof n->sql, "127.0.0.1:%d", o->sql_port + i);
        snprintf(n->rpc, sizeof n->rpc, "127.0.0.1:%d", o->sql_port + 100 + i);
        snprintf(n->http, sizeof n->http, "127.0.0.1:%d", o->sql_port + 200 + i);
        snprintf(d->join + strlen(d->join), sizeof d->join - strlen(d->join), "%s%s", i ? "," : "",
                 n->rpc);
    }
}

static pid_t spawn_node(const char *program, struct demo *d, struct demo_node *n, const char *cores)
{
    char log[640];
    snprintf(log, sizeof log, "%s.log", n->store);
    pid_t pid = fork();
    if (pid)
        return pid;
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int null = open("/dev/null", O_RDONLY);
    if (fd < 0 || null < 0 || dup2(null, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
        _exit(1);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    setpgid(0, 0); /* Ctrl-C reaches the demo alone, which stops the nodes in order */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    char *args[] = {(char *)program, "start",
                    "--store",       n->store,
                    "--sql",         n->sql,
                    "--rpc",         n->rpc,
                    "--http",        n->http,
                    "--cores",       (char *)cores,
                    "--insecure",    d->n > 1 ? "--join" : NULL,
                    d->join,         NULL};
    execv(program, args);
    _exit(1);
}

/* Asks the node's /ready. */
static bool is_ready(const char *http)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)atoi(strchr(http, ':') + 1)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char answer[32] = "";
    static const char request[] = "GET /ready HTTP/1.1\r\nHost: demo\r\n\r\n";
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
        write(fd, request, sizeof request - 1) > 0 && read(fd, answer, sizeof answer - 1) < 12)
        answer[0] = 0;
    if (fd >= 0)
        close(fd);
    return strncmp(answer, "HTTP/1.1 200", 12) == 0;
}

static void sleep_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static void print_log_tail(const struct demo_node *n)
{
    char log[640], line[512], last[512] = "";
    snprintf(log, sizeof log, "%s.log", n->store);
    FILE *f = fopen(log, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "cairnd:", 7) == 0)
            memcpy(last, line, sizeof last);
    if (f)
        fclose(f);
    fprintf(stderr, "cairnd: node with store %s ended; its log is %s\n%s", n->store, log, last);
}

static void stop_demo(struct demo *d)
{
    for (int i = 0; i < d->n; i++)
        if (d->nodes[i].pid > 0)
            kill(d->nodes[i].pid, SIGTERM);
    for (int i = 0; i < d->n; i++)
        if (d->nodes[i].pid > 0)
            waitpid(d->nodes[i].pid, NULL, 0);
}

static bool asked_to_stop(void)
{
    sigset_t pending;
    sigpending(&pending);
    return sigismember(&pending, SIGTERM) || sigismember(&pending, SIGINT);
}

/* 0 when all are ready. */
static int wait_for_all(struct demo *d)
{
    for (int i = 0; i < d->n; i++) {
        while (!is_ready(d->nodes[i].http)) {
            for (int k = 0; k < d->n; k++) {
                if (d->nodes[k].pid > 0 &&
                    waitpid(d->nodes[k].pid, NULL, WNOHANG) == d->nodes[k].pid) {
                    d->nodes[k].pid = 0;
                    print_log_tail(&d->nodes[k]);
                    return 1;
                }
            }
            if (asked_to_stop())
                return 1;
            sleep_ms(20);
        }
    }
    return 0;
}

static void open_shell(const char *program, const struct demo *d)
{
    char shell[600], port[16];
    const char *slash = strrchr(program, '/');
    snprintf(shell, sizeof shell, "%.*scairnsql", slash ? (int)(slash - program + 1) : 0, program);
    snprintf(port, sizeof port, "%s", strchr(d->nodes[0].sql, ':') + 1);
    const char *name = access(shell, X_OK) == 0 ? shell : "psql";
    pid_t pid = fork();
    if (!pid) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execlp(name, name, "-h", "127.0.0.1", "-p", port, "-U", "cairn", "cairn", (char *)NULL);
        fprintf(stderr,
                "cairnd: no shell found; connect with psql -h 127.0.0.1 -p %s -U cairn cairn\n",
                port);
        _exit(127);
    }
    int status;
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        sigset_t stop;
        int signal;
        sigemptyset(&stop);
        sigaddset(&stop, SIGTERM);
        sigaddset(&stop, SIGINT);
        sigwait(&stop, &signal);
    }
}

static int run_demo(const char *argv0, const struct options *o)
{
    static struct demo d;
    char program[512];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    snprintf(program + (n > 0 ? n : 0), sizeof program - (size_t)(n > 0 ? n : 0), "%s",
             n > 0 ? "" : argv0);
    plan_demo(&d, o);
    if (mkdir(d.dir, 0700) && errno != EEXIST) {
        fprintf(stderr, "cairnd: could not make directory %s: %s\n", d.dir, strerror(errno));
        return 1;
    }
    sigset_t signals;
    block_signals(&signals);
    char cores[16];
    snprintf(cores, sizeof cores, "%d", o->cores ? o->cores : 1);
    for (int i = 0; i < d.n; i++)
        d.nodes[i].pid = spawn_node(program, &d, &d.nodes[i], cores);
    int rc = wait_for_all(&d);
    if (!rc) {
        for (int i = 0; i < d.n; i++)
            printf("node %d pid=%d sql=postgresql://cairn@%s/cairn rpc=%s http=%s store=%s\n",
                   i + 1, (int)d.nodes[i].pid, d.nodes[i].sql, d.nodes[i].rpc, d.nodes[i].http,
                   d.nodes[i].store);
        printf("ready\n");
        fflush(stdout);
        int signal;
        if (!o->no_shell && isatty(0))
            open_shell(program, &d);
        else
            sigwait(&signals, &signal);
    }
    stop_demo(&d);
    return rc;
}

int main(int argc, char **argv)
{
    struct options o = {.sql = "127.0.0.1:7432",
                        .rpc = "127.0.0.1:7500",
                        .http = "127.0.0.1:7480",
                        .nodes = 3,
                        .sql_port = 7432};
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        fputs(help_text, argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    if (strcmp(argv[1], "version") == 0 || strcmp(argv[1], "--version") == 0) {
        printf("cairnd %s (PostgreSQL protocol 3.0, server_version %s)\n", CAIRN_VERSION,
               CAIRN_VERSION_PG);
        return 0;
    }
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0) {
            fputs(help_text, stdout);
            return 0;
        }
    int rc = read_options(argc, argv, &o);
    if (rc)
        return rc;
    if (strcmp(argv[1], "start") == 0)
        return start_server(&o);
    if (strcmp(argv[1], "demo") == 0)
        return run_demo(argv[0], &o);
    return complain("unknown command", argv[1]);
}
