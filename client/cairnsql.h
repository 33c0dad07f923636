/* cairnsql.h: the SQL shell: what its parts share.
 *
 * cairnsql talks to any server of PostgreSQL's protocol through libpq and behaves as psql does for
 * what it has: the same output byte for byte, the same splitting of scripts into statements, the
 * same exit codes.
 *
 *     cairnsql_main.c      options, connection, what to run, exit code; the interrupt handler
 *     cairnsql_loop.c      lines of a source -> statements and backslash commands
 *     cairnsql_split.c     where a statement ends
 *     cairnsql_run.c       one statement: send, print what comes, COPY, errors
 *     cairnsql_meta.c      backslash commands; cairnsql_describe.c: those about the catalog
 *     cairnsql_print.c     tables
 *
 * Invariants
 * 1. One connection, one statement at a time; what an interrupt does is cancel it, or drop the line
 *    being typed.
 * 2. Nothing is printed to standard output that psql would not print there.
 *
 * Exit codes: 0 done, 1 a failure of the shell's own or of a -c, 2 no connection, 3 a script
 * stopped by ON_ERROR_STOP. */
#ifndef CAIRN_CLIENT_CAIRNSQL_H
#define CAIRN_CLIENT_CAIRNSQL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "client/cairnsql_print.h"
#include "client/cairnsql_split.h"
#include "client/cairnsql_var.h"

enum cairnsql_exit {
    EXIT_DONE = 0,
    EXIT_OWN_FAILURE = 1,
    EXIT_NO_CONNECTION = 2,
    EXIT_STOPPED = 3
};

/* A file being read; the innermost is shell->source. */
struct cairnsql_source {
    FILE *file;
    const char *name; /* for messages; NULL = standard input or a terminal */
    unsigned long line;
    bool interactive;
    struct cairnsql_source *outer;
};

struct cairnsql {
    PGconn *conn;
    const char *progname;
    struct cairnsql_vars vars;
    struct cairnsql_print_options print;
    struct cairnsql_split split;
    struct buf query; /* the statement being collected */
    struct buf previous;
    struct cairnsql_source *source;
    FILE *out; /* \o, else stdout */
    bool timing;
    bool quit;
    bool expanded_once; /* \gx */
    char *set_prefix;   /* \gset; owned */
};

/* cairnsql_main.c */
bool cairnsql_connect(struct cairnsql *shell, const char *const *keywords,
                      const char *const *values);
bool cairnsql_interrupted(void); /* and forgets it */
/* readline; NULL at the end of input or, with cairnsql_interrupted, after an interrupt. */
char *cairnsql_type_line(const char *prompt);
void cairnsql_cancel_with(PGconn *conn); /* whose statement an interrupt cancels; NULL = none */

/* cairnsql_loop.c */
enum cairnsql_exit cairnsql_loop(struct cairnsql *shell, struct cairnsql_source *source);
enum cairnsql_exit cairnsql_run_file(struct cairnsql *shell, const char *path);
/* `path:line: ` or nothing, then the message, to standard error. */
void cairnsql_say(struct cairnsql *shell, const char *message);
void cairnsql_error(struct cairnsql *shell, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A line of the source without its end, malloc'ed; NULL at the end. prompt is for a terminal. */
char *cairnsql_read_line(struct cairnsql *shell, const char *prompt);

/* cairnsql_run.c */
bool cairnsql_send(struct cairnsql *shell, const char *sql);
/* Runs a query of the shell's own; NULL after telling the error. */
PGresult *cairnsql_ask(struct cairnsql *shell, const char *sql);
/* COPY of \copy: sql is COPY ... FROM STDIN or TO STDOUT, file is read or written. */
bool cairnsql_copy(struct cairnsql *shell, const char *sql, FILE *file);

/* cairnsql_meta.c */
enum cairnsql_meta { META_OK, META_ERROR, META_SEND, META_QUIT };
/* line: behind the backslash. *at: moved past what the command took. */
enum cairnsql_meta cairnsql_meta(struct cairnsql *shell, const char *line, size_t *at);

/* cairnsql_describe.c */
/* command: "d", "dt+", ...; pattern may be NULL. False after telling the error; *known: whether it
 * is a command. */
bool cairnsql_describe(struct cairnsql *shell, const char *command, const char *pattern,
                       bool *known);

#endif
