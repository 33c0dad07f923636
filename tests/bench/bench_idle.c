/* bench_idle.c: what an idle connection costs the server.
 *
 *     bench_idle --pid PID --conninfo "host=... port=..." [-n CONNECTIONS] [--query SQL]
 *
 * Reads the proportional memory (PSS) of the server's process tree, opens the connections one after
 * the other (each runs --query once, so lazily made state exists), reads it again. Figures: KiB a
 * connection, connections opened a second, the server's memory before. The server must run on this
 * machine.
 */
#include <dirent.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PIDS_MAX = 65536, CONNECTIONS_MAX = 100000 };

static double now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int read_parent(int pid)
{
    char path[64], line[1024];
    int parent = -1;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return -1;
    if (fgets(line, sizeof line, f)) {
        char *after = strrchr(line, ')'); /* the name may hold anything */
        char state;
        if (!after || sscanf(after + 1, " %c %d", &state, &parent) != 2)
            parent = -1;
    }
    fclose(f);
    return parent;
}

static long read_pss_kib(int pid)
{
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "Pss: %ld kB", &kib) == 1)
            break;
    fclose(f);
    return kib;
}

/* PSS of `root` and everything below it, page by page shared fairly. */
static long tree_kib(int root)
{
    static int pids[PIDS_MAX], parents[PIDS_MAX];
    static bool in[PIDS_MAX];
    int count = 0;
    long kib = 0;
    DIR *proc = opendir("/proc");
    if (!proc)
        return 0;
    for (struct dirent *e; (e = readdir(proc)) && count < PIDS_MAX;)
        if (atoi(e->d_name) > 0) {
            pids[count] = atoi(e->d_name);
            parents[count] = read_parent(pids[count]);
            in[count] = pids[count] == root;
            count++;
        }
    closedir(proc);
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < count; i++)
            for (int j = 0; !in[i] && j < count; j++)
                if (in[j] && parents[i] == pids[j])
                    in[i] = more = true;
    }
    for (int i = 0; i < count; i++)
        if (in[i])
            kib += read_pss_kib(pids[i]);
    return kib;
}

static PGconn *open_one(const char *conninfo, const char *query)
{
    PGconn *conn = PQconnectdb(conninfo);
    PGresult *res = PQstatus(conn) == CONNECTION_OK ? PQexec(conn, query) : NULL;
    bool ok =
        res && (PQresultStatus(res) == PGRES_TUPLES_OK || PQresultStatus(res) == PGRES_COMMAND_OK);
    if (!ok)
        fprintf(stderr, "bench_idle: %s", PQerrorMessage(conn));
    PQclear(res);
    if (ok)
        return conn;
    PQfinish(conn);
    return NULL;
}

int main(int argc, char **argv)
{
    const char *conninfo = NULL, *query = "select 1", *target = getenv("TARGET");
    int pid = 0, wanted = 500, opened = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--pid") == 0)
            pid = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--conninfo") == 0)
            conninfo = argv[i + 1];
        else if (strcmp(argv[i], "--query") == 0)
            query = argv[i + 1];
        else if (strcmp(argv[i], "-n") == 0)
            wanted = atoi(argv[i + 1]);
    }
    if (!pid || !conninfo || wanted < 1 || wanted > CONNECTIONS_MAX) {
        fprintf(stderr, "usage: bench_idle --pid PID --conninfo INFO [-n N] [--query SQL]\n");
        return 2;
    }
    PGconn **conns = calloc((size_t)wanted + 1, sizeof *conns);
    if (!conns)
        return 1;
    PGconn *warm = open_one(conninfo, query); /* catalogs and caches are not a connection's cost */
    if (!warm)
        return 1;
    PQfinish(warm);
    sleep(1);
    long before = tree_kib(pid);
    double start = now_s();
    while (opened < wanted && (conns[opened] = open_one(conninfo, query)))
        opened++;
    double took = now_s() - start;
    sleep(2); /* let the server trim what it only needed while connecting */
    long after = tree_kib(pid);
    if (!target)
        target = "server";
    printf("FIG bench=idle target=%s metric=connections value=%d unit=count rep=1\n", target,
           opened);
    printf("FIG bench=idle target=%s metric=memory_before value=%ld unit=KiB rep=1\n", target,
           before);
    printf("FIG bench=idle target=%s metric=kib_per_connection value=%.1f unit=KiB rep=1\n", target,
           (double)(after - before) / (opened ? opened : 1));
    printf("FIG bench=idle target=%s metric=connections_per_s value=%.0f unit=1/s rep=1\n", target,
           opened / took);
    for (int i = 0; i < opened; i++)
        PQfinish(conns[i]);
    free(conns);
    return opened == wanted ? 0 : 1;
}
