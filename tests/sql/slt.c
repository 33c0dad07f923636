/* slt.c: runs sqllogictest-style files against one or more servers of one cluster.
 *
 *   slt [--tablets N] [--record] --url URL[,URL...] FILE...
 *
 * Each statement goes through the next server in turn, unless a transaction block is open: then it stays. --tablets N appends
 * WITH (tablets = N) to every plain CREATE TABLE. --record writes the answers of the server (PostgreSQL) into the files.
 *
 * A file is a list of records separated by blank lines; lines starting with # are comments.
 *
 *   statement ok            | statement error SQLSTATE
 *   SQL ...                 |  SQL ...
 *
 *   query [rowsort]
 *   SQL ...
 *   ----
 *   value|value             one line a row; NULL for null, (empty) for an empty string
 *
 * A query that fails has the line "ERROR SQLSTATE" as its answer. Ends with "N passed, N failed": a record counts as one.
 */
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { URLS_MAX = 16, LINE_MAX_BYTES = 1 << 20 };

struct runner {
    PGconn *conns[URLS_MAX];
    int n_conns, at;
    int tablets;
    bool record;
    int passed, failed;
    const char *file;
    FILE *out;
};

struct text {
    char *data;
    size_t len, cap;
};

static void add(struct text *t, const char *s, size_t n)
{
    if (t->len + n + 1 > t->cap) {
        t->cap = (t->len + n + 1) * 2;
        t->data = realloc(t->data, t->cap);
    }
    memcpy(t->data + t->len, s, n);
    t->len += n;
    t->data[t->len] = 0;
}

static PGconn *next_connection(struct runner *r)
{
    PGconn *c = r->conns[r->at];
    PGTransactionStatusType s = PQtransactionStatus(c);
    if (s == PQTRANS_INTRANS || s == PQTRANS_INERROR)
        return c;
    r->at = (r->at + 1) % r->n_conns;
    return r->conns[r->at];
}

static void add_tablets(struct runner *r, struct text *sql)
{
    while (sql->len && strchr(" ;\n", sql->data[sql->len - 1]))
        sql->data[--sql->len] = 0;
    if (r->tablets && strncasecmp(sql->data, "create table ", 13) == 0 && sql->data[sql->len - 1] == ')' &&
        !strcasestr(sql->data, "with (") && !strcasestr(sql->data, " as ")) {
        char more[64];
        add(sql, more, (size_t)snprintf(more, sizeof more, " WITH (tablets = %d)", r->tablets));
    }
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_result(PGresult *res, bool sort, struct text *out)
{
    ExecStatusType status = PQresultStatus(res);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
        add(out, "ERROR ", 6);
        add(out, state ? state : "?????", 5);
        add(out, "\n", 1);
        return;
    }
    int rows = PQntuples(res);
    char **lines = calloc((size_t)rows + 1, sizeof *lines);
    for (int i = 0; i < rows; i++) {
        struct text line = {0};
        add(&line, "", 0);
        for (int c = 0; c < PQnfields(res); c++) {
            const char *v = PQgetisnull(res, i, c) ? "NULL" : PQgetvalue(res, i, c);
            if (c)
                add(&line, "|", 1);
            add(&line, *v ? v : "(empty)", strlen(*v ? v : "(empty)"));
        }
        add(&line, "\n", 1);
        lines[i] = line.data;
    }
    if (sort)
        qsort(lines, (size_t)rows, sizeof *lines, compare_lines);
    for (int i = 0; i < rows; i++) {
        add(out, lines[i], strlen(lines[i]));
        free(lines[i]);
    }
    free(lines);
}

static void report(struct runner *r, const char *sql, const char *want, const char *got, const char *message)
{
    r->failed++;
    printf("%s:\n%s\n  expected:\n%s  got:\n%s", r->file, sql, want, got);
    if (message && *message)
        printf("  %s", message);
    printf("\n");
}

static void run_statement(struct runner *r, const char *expect, struct text *sql)
{
    add_tablets(r, sql);
    PGresult *res = PQexec(next_connection(r), sql->data);
    ExecStatusType s = PQresultStatus(res);
    bool ok = s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK;
    const char *state = ok ? "ok" : PQresultErrorField(res, PG_DIAG_SQLSTATE);
    if (!state)
        state = "08006";
    const char *want = strncmp(expect, "error ", 6) == 0 ? expect + 6 : "ok";
    if (r->record && r->out)
        fprintf(r->out, ok ? "statement ok\n%s\n" : "statement error %s\n%s\n", ok ? sql->data : state, sql->data);
    else if (strcmp(want, state) == 0)
        r->passed++;
    else
        report(r, sql->data, want, state, PQresultErrorMessage(res));
    PQclear(res);
}

static void run_query(struct runner *r, const char *options, struct text *sql, struct text *want)
{
    struct text got = {0};
    add(&got, "", 0);
    add_tablets(r, sql);
    PGresult *res = PQexec(next_connection(r), sql->data);
    print_result(res, strstr(options, "rowsort") != NULL, &got);
    if (r->record && r->out)
        fprintf(r->out, "query%s%s\n%s\n----\n%s", *options ? " " : "", options, sql->data, got.data);
    else if (strcmp(got.data, want->data ? want->data : "") == 0)
        r->passed++;
    else
        report(r, sql->data, want->data ? want->data : "", got.data, PQresultErrorMessage(res));
    PQclear(res);
    free(got.data);
}

/* One record: its lines up to a blank one. */
static void run_record(struct runner *r, char **lines, int n)
{
    struct text sql = {0}, want = {0};
    bool answer = false;
    if (n == 0)
        return;
    for (int i = 1; i < n; i++) {
        if (!answer && strcmp(lines[i], "----") == 0) {
            answer = true;
            continue;
        }
        struct text *t = answer ? &want : &sql;
        if (!answer && sql.len)
            add(t, "\n", 1);
        add(t, lines[i], strlen(lines[i]));
        if (answer)
            add(t, "\n", 1);
    }
    if (sql.len == 0)
        add(&sql, "", 0);
    if (strncmp(lines[0], "statement ", 10) == 0)
        run_statement(r, lines[0] + 10, &sql);
    else if (strncmp(lines[0], "query", 5) == 0)
        run_query(r, lines[0][5] ? lines[0] + 6 : "", &sql, &want);
    else
        report(r, lines[0], "statement or query", "\n", NULL);
    free(sql.data);
    free(want.data);
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f)
        return NULL;
    struct text t = {0};
    char block[65536];
    size_t got;
    add(&t, "", 0);
    while ((got = fread(block, 1, sizeof block, f)) > 0)
        add(&t, block, got);
    fclose(f);
    return t.data;
}

static void run_file(struct runner *r, const char *path)
{
    char *data = read_file(path);
    if (!data) {
        printf("%s: cannot be read\n", path);
        r->failed++;
        return;
    }
    r->file = path;
    r->out = r->record ? fopen(path, "w") : NULL;
    char **lines = calloc(strlen(data) + 2, sizeof *lines);
    int n = 0;
    for (char *p = data; p;) {
        char *line = p, *end = strchr(p, '\n');
        if (end)
            *end = 0;
        p = end ? end + 1 : NULL;
        if (line[0] == '#') {
            if (r->out)
                fprintf(r->out, "%s\n", line);
            continue;
        }
        if (*line) {
            lines[n++] = line;
            continue;
        }
        run_record(r, lines, n);
        if (r->out && (n || p))
            fprintf(r->out, "\n");
        n = 0;
    }
    run_record(r, lines, n);
    if (r->out)
        fclose(r->out);
    free(lines);
    free(data);
}

static void drop_notice(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

static void connect_all(struct runner *r, char *urls)
{
    for (char *u = strtok(urls, ","); u && r->n_conns < URLS_MAX; u = strtok(NULL, ",")) {
        PGconn *c = PQconnectdb(u);
        if (PQstatus(c) != CONNECTION_OK) {
            fprintf(stderr, "slt: %s", PQerrorMessage(c));
            exit(2);
        }
        PQsetNoticeProcessor(c, drop_notice, NULL);
        r->conns[r->n_conns++] = c;
    }
}

int main(int argc, char **argv)
{
    struct runner r = {0};
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--record") == 0)
            r.record = true;
        else if (strcmp(argv[i], "--tablets") == 0 && i + 1 < argc)
            r.tablets = atoi(argv[++i]);
        else if (strcmp(argv[i], "--url") == 0 && i + 1 < argc)
            connect_all(&r, argv[++i]);
    }
    if (r.n_conns == 0 || i == argc) {
        fprintf(stderr, "usage: slt [--tablets N] [--record] --url URL[,URL...] FILE...\n");
        return 2;
    }
    for (; i < argc; i++)
        run_file(&r, argv[i]);
    for (int c = 0; c < r.n_conns; c++)
        PQfinish(r.conns[c]);
    printf("%d passed, %d failed\n", r.passed, r.failed);
    return r.failed != 0;
}
