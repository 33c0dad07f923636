/* main.c: the cairnd program: `start` runs a node, `demo` a cluster of them on this machine. */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/demo.h"
#include "server/node/node.h"
#include "server/sql/session.h"

static const char usage_text[] =
    "cairnd: a distributed SQL database that speaks PostgreSQL\n"
    "\n"
    "  cairnd start --store DIR --insecure [--sql HOST:PORT] [--rpc HOST:PORT] [--http HOST:PORT]\n"
    "               [--join HOST:RPCPORT,...] [--cores N] [--cache MIB]\n"
    "      Runs one node. Without --join it is a cluster of one. With the same --join list on each of three nodes they\n"
    "      find each other and form a cluster once; starting again is the same command.\n"
    "\n"
    "        --store DIR        where its data is (made when missing)\n"
    "        --sql HOST:PORT    where clients connect              [127.0.0.1:7432]\n"
    "        --rpc HOST:PORT    where the other nodes connect      [127.0.0.1:7532]\n"
    "        --http HOST:PORT   /health /ready /metrics /status    [127.0.0.1:7632]\n"
    "        --join LIST        rpc addresses of all nodes, this one included\n"
    "        --insecure         no encryption and no passwords: the only mode for now, so it must be said\n"
    "        --cores N          threads that serve                 [CPUs - 1]\n"
    "        --cache MIB        block cache                        [64]\n"
    "\n"
    "  cairnd demo [--nodes N] [--dir DIR] [--sql-port PORT] [--no-shell]\n"
    "      Starts N nodes (3) on loopback with their data in DIR (./cairn-demo), node i on SQL port PORT + i - 1 (7432),\n"
    "      prints where they are, and opens a SQL shell when there is a terminal. The same DIR brings the data back.\n"
    "\n"
    "  cairnd version\n"
    "\n"
    "Then:  psql postgresql://cairn@127.0.0.1:7432/cairn    or    cairnsql postgresql://cairn@127.0.0.1:7432/cairn\n"
    "       cairnctl status --url http://127.0.0.1:7632\n";

static int complain(const char *what)
{
    fprintf(stderr, "cairnd: %s\nTry `cairnd --help`.\n", what);
    return 2;
}

static bool parse_number(const char *text, long low, long high, long *out)
{
    char *end;
    *out = strtol(text, &end, 10);
    return *text && !*end && *out >= low && *out <= high;
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strncmp(address, "localhost:", 10) == 0 || strncmp(address, "[::1]:", 6) == 0;
}

static int run_start(int argc, char **argv)
{
    enum { STORE = 1000, SQL, RPC, HTTP, JOIN, INSECURE, CORES, CACHE };
    static const struct option options[] = {
        {"store", 1, NULL, STORE}, {"sql", 1, NULL, SQL}, {"rpc", 1, NULL, RPC}, {"http", 1, NULL, HTTP}, {"join", 1, NULL, JOIN},
        {"insecure", 0, NULL, INSECURE}, {"cores", 1, NULL, CORES}, {"cache", 1, NULL, CACHE}, {NULL, 0, NULL, 0}};
    struct node_config c = {.sql = "127.0.0.1:7432", .rpc = "127.0.0.1:7532", .http = "127.0.0.1:7632"};
    long number;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (o) {
        case STORE: c.store = optarg; break;
        case SQL: c.sql = optarg; break;
        case RPC: c.rpc = optarg; break;
        case HTTP: c.http = optarg; break;
        case JOIN: c.join = optarg; break;
        case INSECURE: c.insecure = true; break;
        case CORES:
            if (!parse_number(optarg, 1, 256, &number))
                return complain("--cores takes a number from 1 to 256");
            c.cores = (uint32_t)number;
            break;
        case CACHE:
            if (!parse_number(optarg, 1, 1 << 20, &number))
                return complain("--cache takes a number of MiB from 1 to 1048576");
            c.cache_bytes = (uint64_t)number << 20;
            break;
        default: return complain("unknown option");
        }
    }
    if (optind < argc)
        return complain("unexpected argument");
    if (!c.store)
        return complain("--store DIR is missing: where shall the data be?");
    if (!c.insecure)
        return complain("this version has no encryption and no passwords yet; say --insecure to start it all the same");
    if (!is_loopback(c.sql) || !is_loopback(c.rpc) || !is_loopback(c.http))
        fprintf(stderr, "cairnd: WARNING: --insecure on an address others can reach: anyone there can read and change everything.\n");
    return node_run(&c);
}

static int run_demo(int argc, char **argv)
{
    enum { NODES = 1000, DIR, SQL_PORT, NO_SHELL };
    static const struct option options[] = {
        {"nodes", 1, NULL, NODES}, {"dir", 1, NULL, DIR}, {"sql-port", 1, NULL, SQL_PORT}, {"no-shell", 0, NULL, NO_SHELL}, {NULL, 0, NULL, 0}};
    struct demo_options d = {.nodes = 3, .dir = "cairn-demo", .sql_port = 7432};
    char self[PATH_MAX];
    long number;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (o) {
        case NODES:
            if (!parse_number(optarg, 1, 9, &number))
                return complain("--nodes takes a number from 1 to 9");
            d.nodes = (int)number;
            break;
        case DIR: d.dir = optarg; break;
        case SQL_PORT:
            if (!parse_number(optarg, 1, 65000, &number))
                return complain("--sql-port takes a port from 1 to 65000");
            d.sql_port = (int)number;
            break;
        case NO_SHELL: d.no_shell = true; break;
        default: return complain("unknown option");
        }
    }
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len <= 0)
        return complain("cannot find my own program file");
    self[len] = 0;
    return demo_run(self, &d);
}

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "--help";
    if (strcmp(verb, "start") == 0)
        return run_start(argc - 1, argv + 1);
    if (strcmp(verb, "demo") == 0)
        return run_demo(argc - 1, argv + 1);
    if (strcmp(verb, "version") == 0 || strcmp(verb, "--version") == 0) {
        printf("cairnd %s (PostgreSQL %s)\n", CAIRN_VERSION, CAIRN_VERSION_PG);
        return 0;
    }
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "help") == 0 || strcmp(verb, "-h") == 0) {
        fputs(usage_text, stdout);
        return 0;
    }
    return complain("unknown command");
}
