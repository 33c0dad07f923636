#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/cairnsql.h"

/* ---- errors ---- */

static void note_state(struct cairnsql *shell, const PGresult *result, bool failed)
{
    const char *sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *rows = result ? PQcmdTuples((PGresult *)result) : "";
    char count[24];
    if (result && PQresultStatus(result) == PGRES_TUPLES_OK) {
        snprintf(count, sizeof count, "%d", PQntuples(result));
        rows = count;
    }
    cairnsql_var_set(&shell->vars, "ERROR", failed ? "true" : "false");
    cairnsql_var_set(&shell->vars, "SQLSTATE", sqlstate ? sqlstate : failed ? "" : "00000");
    cairnsql_var_set(&shell->vars, "ROW_COUNT", *rows && !failed ? rows : "0");
    if (!failed)
        return;
    const char *message = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    cairnsql_var_set(&shell->vars, "LAST_ERROR_SQLSTATE", sqlstate ? sqlstate : "");
    cairnsql_var_set(&shell->vars, "LAST_ERROR_MESSAGE",
                     message ? message : PQerrorMessage(shell->conn));
}

static void tell_failure(struct cairnsql *shell, const PGresult *result)
{
    const char *message = result ? PQresultErrorMessage(result) : "";
    cairnsql_say(shell, *message ? message : PQerrorMessage(shell->conn));
    note_state(shell, result, true);
}

/* After a failure: is the connection still there? A lost one is tried once more, as psql does at a
 * terminal. */
static bool check_connection(struct cairnsql *shell)
{
    if (PQstatus(shell->conn) == CONNECTION_OK)
        return true;
    if (!shell->source || !shell->source->interactive) {
        cairnsql_say(shell, "connection to server was lost\n");
        shell->quit = true;
        return false;
    }
    fprintf(stderr, "The connection to the server was lost. Attempting reset: ");
    PQreset(shell->conn);
    bool back = PQstatus(shell->conn) == CONNECTION_OK;
    fprintf(stderr, back ? "Succeeded.\n" : "Failed.\n");
    cairnsql_cancel_with(back ? shell->conn : NULL);
    return back;
}

PGresult *cairnsql_ask(struct cairnsql *shell, const char *sql)
{
    if (cairnsql_var_get(&shell->vars, "ECHO_HIDDEN"))
        printf("********* QUERY **********\n%s\n**************************\n\n", sql);
    PGresult *result = PQexec(shell->conn, sql);
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        return result;
    tell_failure(shell, result);
    PQclear(result);
    (void)check_connection(shell);
    return NULL;
}

/* ---- COPY ---- */

static bool copy_out(struct cairnsql *shell, FILE *file)
{
    char *row;
    int n;
    bool good = true;
    while ((n = PQgetCopyData(shell->conn, &row, 0)) > 0) {
        if (good && file && fwrite(row, 1, (size_t)n, file) != (size_t)n) {
            cairnsql_error(shell, "could not write COPY data: %s", strerror(errno));
            good = false;
        }
        PQfreemem(row);
    }
    if (file && fflush(file))
        good = false;
    return good && n == -1;
}

/* The rows that stand in the script (or are typed) up to \. ; false when sending failed. */
static bool copy_in_lines(struct cairnsql *shell)
{
    bool typed = shell->source->interactive;
    if (typed && !cairnsql_var_bool(&shell->vars, "QUIET"))
        printf("Enter data to be copied followed by a newline.\n"
               "End with a backslash and a period on a line by itself, or an EOF signal.\n");
    bool good = true;
    char *line;
    while ((line = cairnsql_read_line(shell, typed ? ">> " : NULL)) != NULL) {
        bool over = strcmp(line, "\\.") == 0;
        if (!over && good)
            good = PQputCopyData(shell->conn, line, (int)strlen(line)) == 1 &&
                   PQputCopyData(shell->conn, "\n", 1) == 1;
        free(line);
        if (over || cairnsql_interrupted())
            break;
    }
    return good;
}

static bool copy_in_file(struct cairnsql *shell, FILE *file)
{
    char block[65536];
    size_t n;
    while ((n = fread(block, 1, sizeof block, file)) > 0) {
        if (cairnsql_interrupted() || PQputCopyData(shell->conn, block, (int)n) != 1)
            return false;
    }
    return !ferror(file);
}

/* file: NULL takes the rows from the script itself. */
static bool copy_in(struct cairnsql *shell, FILE *file)
{
    bool own_lines = !file && shell->source;
    bool good = own_lines ? copy_in_lines(shell) : copy_in_file(shell, file ? file : stdin);
    return PQputCopyEnd(shell->conn, good ? NULL : "canceled by user") == 1 && good;
}

/* ---- results ---- */

static void print_tag(struct cairnsql *shell, PGresult *result)
{
    const char *tag = PQcmdStatus(result);
    if (!cairnsql_var_bool(&shell->vars, "QUIET") && *tag)
        fprintf(shell->out, "%s\n", tag);
    fflush(shell->out);
}

static bool store_row(struct cairnsql *shell, const PGresult *result)
{
    if (PQntuples(result) != 1) {
        cairnsql_error(shell, PQntuples(result) == 0 ? "no rows returned for \\gset"
                                                     : "more than one row returned for \\gset");
        return false;
    }
    for (int c = 0; c < PQnfields(result); c++) {
        char name[256];
        snprintf(name, sizeof name, "%s%s", shell->set_prefix, PQfname(result, c));
        if (!cairnsql_var_valid(name)) {
            cairnsql_error(shell, "invalid variable name: \"%s\"", name);
            return false;
        }
        cairnsql_var_set(&shell->vars, name,
                         PQgetisnull(result, 0, c) ? NULL : PQgetvalue(result, 0, c));
    }
    return true;
}

static bool show_rows(struct cairnsql *shell, PGresult *result)
{
    if (shell->set_prefix)
        return store_row(shell, result);
    struct cairnsql_print_options options = shell->print;
    if (shell->expanded_once)
        options.expanded = EXPAND_ON;
    cairnsql_print_result(shell->out, result, NULL, &options);
    const char *tag = PQcmdStatus(result);
    if (strncmp(tag, "INSERT", 6) == 0 || strncmp(tag, "UPDATE", 6) == 0 ||
        strncmp(tag, "DELETE", 6) == 0)
        print_tag(shell, result);
    return true;
}

/* One result of the statement; *copying: COPY ended, its own result follows. */
static bool handle_result(struct cairnsql *shell, PGresult *result, FILE *copy_file, bool *copying)
{
    *copying = false;
    switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
        note_state(shell, result, false);
        return show_rows(shell, result);
    case PGRES_COMMAND_OK:
        note_state(shell, result, false);
        print_tag(shell, result);
        return true;
    case PGRES_EMPTY_QUERY:
        return true;
    case PGRES_COPY_OUT:
        *copying = true;
        return copy_out(shell, copy_file ? copy_file : shell->out);
    case PGRES_COPY_IN:
        *copying = true;
        return copy_in(shell, copy_file);
    default:
        tell_failure(shell, result);
        return false;
    }
}

static bool drain_results(struct cairnsql *shell, FILE *copy_file)
{
    bool good = true;
    bool copied_out = false;
    PGresult *result;
    while ((result = PQgetResult(shell->conn)) != NULL) {
        bool copying;
        ExecStatusType status = PQresultStatus(result);
        /* COPY TO STDOUT's tag would stand among the rows */
        if (status == PGRES_COMMAND_OK && copied_out && (!copy_file || copy_file == shell->out))
            note_state(shell, result, false);
        else if (!handle_result(shell, result, copy_file, &copying))
            good = false;
        copied_out = status == PGRES_COPY_OUT;
        PQclear(result);
        if (PQstatus(shell->conn) == CONNECTION_BAD)
            break;
    }
    return good;
}

static void print_notifications(struct cairnsql *shell)
{
    PGnotify *note;
    PQconsumeInput(shell->conn);
    while ((note = PQnotifies(shell->conn)) != NULL) {
        fprintf(shell->out, "Asynchronous notification \"%s\" ", note->relname);
        if (*note->extra)
            fprintf(shell->out, "with payload \"%s\" ", note->extra);
        fprintf(shell->out, "received from server process with PID %d.\n", note->be_pid);
        fflush(shell->out);
        PQfreemem(note);
    }
}

static void print_timing(double ms)
{
    printf("Time: %.3f ms", ms);
    double rest = ms / 1000;
    if (ms >= 1000) {
        int days = (int)(rest / 86400), hours = (int)(rest / 3600) % 24,
            minutes = (int)(rest / 60) % 60;
        double seconds = rest - 60 * (int)(rest / 60);
        if (rest < 3600)
            printf(" (%02d:%06.3f)", minutes, seconds);
        else if (rest < 86400)
            printf(" (%02d:%02d:%06.3f)", hours, minutes, seconds);
        else
            printf(" (%d d %02d:%02d:%06.3f)", days, hours, minutes, seconds);
    }
    printf("\n");
}

static bool run_statement(struct cairnsql *shell, const char *sql, FILE *copy_file)
{
    if (!shell->conn) {
        cairnsql_error(shell, "You are currently not connected to a database.");
        return false;
    }
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    bool good = PQsendQuery(shell->conn, sql) == 1;
    if (good)
        good = drain_results(shell, copy_file);
    else
        tell_failure(shell, NULL);
    clock_gettime(CLOCK_MONOTONIC, &to);
    if (shell->timing)
        print_timing((double)(to.tv_sec - from.tv_sec) * 1e3 +
                     (double)(to.tv_nsec - from.tv_nsec) / 1e6);
    if (check_connection(shell))
        print_notifications(shell);
    return good;
}

bool cairnsql_send(struct cairnsql *shell, const char *sql)
{
    const char *echo = cairnsql_var_get(&shell->vars, "ECHO");
    if (echo && strcmp(echo, "queries") == 0)
        printf("%s\n", sql);
    bool good = run_statement(shell, sql, NULL);
    if (!good && echo && strcmp(echo, "errors") == 0)
        fprintf(stderr, "STATEMENT:  %s\n", sql);
    shell->expanded_once = false;
    free(shell->set_prefix);
    shell->set_prefix = NULL;
    return good;
}

bool cairnsql_copy(struct cairnsql *shell, const char *sql, FILE *file)
{
    const char *echo = cairnsql_var_get(&shell->vars, "ECHO");
    if (echo && strcmp(echo, "queries") == 0)
        printf("%s\n", sql);
    return run_statement(shell, sql, file);
}
