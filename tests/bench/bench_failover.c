/* bench_failover.c: how long writes stop when a node is killed, and whether an acknowledged one is
 * lost.
 *
 *     bench_failover --endpoints H:P,H:P,... --kill COMMAND [--heal COMMAND] [options]
 *
 * Writers insert one row after the other, each on its own connection; a write that fails or is not
 * acknowledged within --timeout moves its writer to the next endpoint and is never repeated (its
 * outcome is unknown; it may or may not be there at the end). --before seconds in, COMMAND runs;
 * when writes have flowed again for --settle seconds the repetition ends, --heal runs with what the
 * kill printed in $KILLED, and after --heal-wait the next repetition starts. In the end every
 * acknowledged row is looked for.
 *
 * Figures per repetition: service_gap, the longest time no writer had an acknowledgement, and
 * client_gap, the longest time of one writer; at the end `lost` (acknowledged rows absent) and
 * `acknowledged`. Exit status 1 when a row was lost or writes did not come back within --give-up.
 *
 * The resolution of a gap is the time-out: keep it well under the time being measured.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ENDPOINTS_MAX = 16, WRITERS_MAX = 64, TEXT_MAX = 512, RETRY_MS = 5 };

struct options {
    const char *kill, *heal, *user, *db, *target;
    char endpoints[ENDPOINTS_MAX][128];
    int endpoints_count, writers, reps;
    int64_t timeout_ms, before_ms, settle_ms, give_up_ms, heal_wait_ms;
};

struct writer {
    PGconn *conn;
    int endpoint;
    bool connecting, sending;
    int64_t id, started_ms, acked_ms, gap_ms;
    int64_t retry_ms; /* no new connection before */
};

struct run {
    struct options o;
    struct writer writers[WRITERS_MAX];
    int64_t next_id;
    int64_t *acked; /* ids */
    size_t acked_count, acked_room;
    int64_t last_ack_ms, service_gap_ms;
};

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void print_figure(const struct run *r, const char *metric, long long value, const char *unit,
                         int rep)
{
    printf("FIG bench=failover target=%s writers=%d metric=%s value=%lld unit=%s rep=%d\n",
           r->o.target, r->o.writers, metric, value, unit, rep);
    fflush(stdout);
}

static void drop_connection(struct run *r, struct writer *w)
{
    if (w->conn)
        PQfinish(w->conn);
    w->conn = NULL;
    w->connecting = w->sending = false;
    w->endpoint = (w->endpoint + 1) % r->o.endpoints_count;
    w->retry_ms = now_ms() + RETRY_MS;
}

static void start_connect(struct run *r, struct writer *w)
{
    char info[TEXT_MAX], host[128];
    snprintf(host, sizeof host, "%s", r->o.endpoints[w->endpoint]);
    char *port = strrchr(host, ':');
    *port++ = 0;
    snprintf(info, sizeof info, "host=%s port=%s user=%s dbname=%s sslmode=disable", host, port,
             r->o.user, r->o.db);
    w->conn = PQconnectStart(info);
    w->connecting = true;
    w->started_ms = now_ms();
    if (!w->conn || PQstatus(w->conn) == CONNECTION_BAD)
        drop_connection(r, w);
}

static void start_write(struct run *r, struct writer *w)
{
    char sql[TEXT_MAX];
    w->id = ++r->next_id;
    w->started_ms = now_ms();
    snprintf(sql, sizeof sql, "insert into bench_failover (id, v) values (%lld, 'row %lld')",
             (long long)w->id, (long long)w->id);
    w->sending = PQsendQuery(w->conn, sql) == 1;
    if (!w->sending)
        drop_connection(r, w);
}

static void note_ack(struct run *r, struct writer *w)
{
    int64_t now = now_ms();
    if (r->acked_count == r->acked_room) {
        r->acked_room = r->acked_room ? r->acked_room * 2 : 4096;
        r->acked = realloc(r->acked, r->acked_room * sizeof *r->acked);
        if (!r->acked)
            abort();
    }
    r->acked[r->acked_count++] = w->id;
    if (now - r->last_ack_ms > r->service_gap_ms)
        r->service_gap_ms = now - r->last_ack_ms;
    if (now - w->acked_ms > w->gap_ms)
        w->gap_ms = now - w->acked_ms;
    r->last_ack_ms = w->acked_ms = now;
}

static void step_writer(struct run *r, struct writer *w)
{
    if (!w->conn) {
        if (now_ms() >= w->retry_ms)
            start_connect(r, w);
        return;
    }
    if (w->connecting) {
        PostgresPollingStatusType st = PQconnectPoll(w->conn);
        if (st == PGRES_POLLING_FAILED)
            drop_connection(r, w);
        else if (st == PGRES_POLLING_OK)
            w->connecting = false;
        if (st == PGRES_POLLING_OK)
            start_write(r, w);
        return;
    }
    if (!PQconsumeInput(w->conn)) {
        drop_connection(r, w);
        return;
    }
    while (w->sending && !PQisBusy(w->conn)) {
        PGresult *res = PQgetResult(w->conn);
        if (!res) {
            start_write(r, w);
            break;
        }
        bool ok = PQresultStatus(res) == PGRES_COMMAND_OK;
        PQclear(res);
        if (ok)
            note_ack(r, w);
        else {
            drop_connection(r, w);
            return;
        }
    }
}

/* Waits a few milliseconds at most for anything, then moves every writer that can move. */
static void step_all(struct run *r)
{
    struct pollfd fds[WRITERS_MAX];
    int64_t now = now_ms();
    for (int i = 0; i < r->o.writers; i++) {
        struct writer *w = &r->writers[i];
        if (w->conn && now - w->started_ms > r->o.timeout_ms)
            drop_connection(r, w);
        fds[i] = (struct pollfd){.fd = w->conn ? PQsocket(w->conn) : -1, .events = POLLIN};
        if (w->connecting)
            fds[i].events |= POLLOUT;
    }
    poll(fds, (nfds_t)r->o.writers, RETRY_MS);
    for (int i = 0; i < r->o.writers; i++)
        if (fds[i].fd < 0 || fds[i].revents)
            step_writer(r, &r->writers[i]);
}

static void run_for(struct run *r, int64_t ms)
{
    int64_t end = now_ms() + ms;
    while (now_ms() < end)
        step_all(r);
}

static void reset_gaps(struct run *r)
{
    r->service_gap_ms = 0;
    r->last_ack_ms = now_ms();
    for (int i = 0; i < r->o.writers; i++) {
        r->writers[i].gap_ms = 0;
        r->writers[i].acked_ms = r->last_ack_ms;
    }
}

/* Runs a shell command; its first line of output becomes $KILLED. */
static void run_command(const char *command)
{
    char line[TEXT_MAX] = "";
    FILE *p = popen(command, "r");
    if (!p || !fgets(line, sizeof line, p))
        line[0] = 0;
    line[strcspn(line, "\n")] = 0;
    if (p)
        pclose(p);
    if (line[0])
        setenv("KILLED", line, 1);
}

/* False when writes did not come back. */
static bool run_repetition(struct run *r, int rep)
{
    run_for(r, r->o.before_ms);
    reset_gaps(r);
    int64_t killed = now_ms(), flowing = 0;
    run_command(r->o.kill);
    int64_t after = now_ms();
    while (!flowing || now_ms() - flowing < r->o.settle_ms) {
        step_all(r);
        if (!flowing && r->last_ack_ms > after)
            flowing = r->last_ack_ms;
        if (!flowing && now_ms() - killed > r->o.give_up_ms) {
            fprintf(stderr, "bench_failover: no write for %lld ms\n", (long long)r->o.give_up_ms);
            return false;
        }
    }
    int64_t client_gap = 0;
    for (int i = 0; i < r->o.writers; i++)
        if (r->writers[i].gap_ms > client_gap)
            client_gap = r->writers[i].gap_ms;
    print_figure(r, "service_gap", r->service_gap_ms, "ms", rep);
    print_figure(r, "client_gap", client_gap, "ms", rep);
    if (r->o.heal) {
        run_command(r->o.heal);
        run_for(r, r->o.heal_wait_ms);
    }
    return true;
}

/* A connection to any endpoint that answers; NULL when none does for a while. */
static PGconn *connect_any(const struct run *r)
{
    int64_t end = now_ms() + r->o.give_up_ms;
    for (int i = 0; now_ms() < end; i = (i + 1) % r->o.endpoints_count) {
        char info[TEXT_MAX], host[128];
        snprintf(host, sizeof host, "%s", r->o.endpoints[i]);
        char *port = strrchr(host, ':');
        *port++ = 0;
        snprintf(info, sizeof info,
                 "host=%s port=%s user=%s dbname=%s sslmode=disable connect_timeout=5", host, port,
                 r->o.user, r->o.db);
        PGconn *conn = PQconnectdb(info);
        if (PQstatus(conn) == CONNECTION_OK)
            return conn;
        PQfinish(conn);
    }
    return NULL;
}

static bool set_up(const struct run *r)
{
    PGconn *conn = connect_any(r);
    if (!conn)
        return false;
    PQclear(PQexec(conn, "drop table if exists bench_failover"));
    PGresult *res = PQexec(conn, "create table bench_failover (id bigint primary key, v text)");
    bool ok = PQresultStatus(res) == PGRES_COMMAND_OK;
    if (!ok)
        fprintf(stderr, "bench_failover: %s", PQerrorMessage(conn));
    PQclear(res);
    PQfinish(conn);
    return ok;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Acknowledged rows that are not there; -1 when the table cannot be read. */
static int64_t count_lost(struct run *r)
{
    PGconn *conn = connect_any(r);
    PGresult *res = conn ? PQexec(conn, "select id from bench_failover order by id") : NULL;
    int64_t lost = -1;
    if (res && PQresultStatus(res) == PGRES_TUPLES_OK) {
        int rows = PQntuples(res), at = 0;
        qsort(r->acked, r->acked_count, sizeof *r->acked, compare_ids);
        lost = 0;
        for (size_t i = 0; i < r->acked_count; i++) {
            while (at < rows && atoll(PQgetvalue(res, at, 0)) < r->acked[i])
                at++;
            if (at == rows || atoll(PQgetvalue(res, at, 0)) != r->acked[i])
                lost++;
        }
    }
    PQclear(res);
    PQfinish(conn);
    return lost;
}

static void parse_endpoints(struct options *o, const char *list)
{
    char copy[2048], *at = NULL;
    snprintf(copy, sizeof copy, "%s", list);
    for (char *e = strtok_r(copy, ",", &at); e; e = strtok_r(NULL, ",", &at))
        if (o->endpoints_count < ENDPOINTS_MAX && strchr(e, ':'))
            snprintf(o->endpoints[o->endpoints_count++], sizeof o->endpoints[0], "%s", e);
}

static int64_t seconds(const char *text)
{
    return (int64_t)(atof(text) * 1000);
}

static bool parse_options(struct options *o, int argc, char **argv)
{
    const char *target = getenv("TARGET");
    *o = (struct options){.user = "postgres",
                          .db = "postgres",
                          .target = target ? target : "server",
                          .writers = 4,
                          .reps = 10,
                          .timeout_ms = 250,
                          .before_ms = 2000,
                          .settle_ms = 2000,
                          .give_up_ms = 60000,
                          .heal_wait_ms = 5000};
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--endpoints") == 0)
            parse_endpoints(o, value);
        else if (strcmp(name, "--kill") == 0)
            o->kill = value;
        else if (strcmp(name, "--heal") == 0)
            o->heal = value;
        else if (strcmp(name, "--user") == 0)
            o->user = value;
        else if (strcmp(name, "--db") == 0)
            o->db = value;
        else if (strcmp(name, "--writers") == 0)
            o->writers = atoi(value);
        else if (strcmp(name, "--reps") == 0)
            o->reps = atoi(value);
        else if (strcmp(name, "--timeout") == 0)
            o->timeout_ms = seconds(value);
        else if (strcmp(name, "--before") == 0)
            o->before_ms = seconds(value);
        else if (strcmp(name, "--settle") == 0)
            o->settle_ms = seconds(value);
        else if (strcmp(name, "--give-up") == 0)
            o->give_up_ms = seconds(value);
        else if (strcmp(name, "--heal-wait") == 0)
            o->heal_wait_ms = seconds(value);
        else
            return false;
    }
    return o->endpoints_count && o->kill && o->writers > 0 && o->writers <= WRITERS_MAX &&
           argc % 2 == 1;
}

int main(int argc, char **argv)
{
    static struct run r;
    bool ok = true;
    if (!parse_options(&r.o, argc, argv)) {
        fprintf(stderr,
                "usage: bench_failover --endpoints H:P,... --kill COMMAND [--heal COMMAND]\n"
                "  [--user U] [--db D] [--writers N] [--reps N] [--timeout S] [--before S]\n"
                "  [--settle S] [--give-up S] [--heal-wait S]\n");
        return 2;
    }
    if (!set_up(&r)) {
        fprintf(stderr, "bench_failover: cannot create the table\n");
        return 1;
    }
    for (int i = 0; i < r.o.writers; i++)
        r.writers[i].endpoint = i % r.o.endpoints_count;
    reset_gaps(&r);
    for (int rep = 1; ok && rep <= r.o.reps; rep++)
        ok = run_repetition(&r, rep);
    for (int i = 0; i < r.o.writers; i++)
        drop_connection(&r, &r.writers[i]);
    int64_t lost = count_lost(&r);
    print_figure(&r, "acknowledged", (long long)r.acked_count, "rows", 0);
    print_figure(&r, "lost", lost, "rows", 0);
    free(r.acked);
    return ok && lost == 0 ? 0 : 1;
}
