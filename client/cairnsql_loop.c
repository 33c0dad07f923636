#include <editline/readline.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "client/cairnsql.h"

/* ---- messages ---- */

void cairnsql_say(struct cairnsql *shell, const char *message)
{
    fflush(stdout);
    fflush(shell->out);
    if (shell->source && shell->source->name)
        fprintf(stderr, "%s:%s:%lu: ", shell->progname, shell->source->name, shell->source->line);
    size_t len = strlen(message);
    fprintf(stderr, "%s%s", message, len && message[len - 1] == '\n' ? "" : "\n");
}

void cairnsql_error(struct cairnsql *shell, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    size_t len = strlen(text);
    if (len && text[len - 1] == '\n')
        text[len - 1] = 0;
    fflush(stdout);
    fflush(shell->out);
    const struct cairnsql_source *s = shell->source;
    if (s && !s->name) /* typed or piped: as short as psql is then */
        fprintf(stderr, "%s\n", text);
    else if (s)
        fprintf(stderr, "%s:%s:%lu: error: %s\n", shell->progname, s->name, s->line, text);
    else
        fprintf(stderr, "%s: error: %s\n", shell->progname, text);
}

/* ---- lines ---- */

char *cairnsql_read_line(struct cairnsql *shell, const char *prompt)
{
    struct cairnsql_source *source = shell->source;
    char *line = NULL;
    if (source->interactive) {
        (void)cairnsql_interrupted(); /* one that cancelled a statement is used up */
        fflush(stdout);
        line = cairnsql_type_line(prompt ? prompt : "");
    } else {
        size_t bytes = 0;
        ssize_t n = getline(&line, &bytes, source->file);
        if (n < 0) {
            free(line);
            line = NULL;
        } else if (n > 0 && line[n - 1] == '\n') {
            line[n - 1] = 0;
        }
    }
    source->line++;
    return line;
}

/* %/%R%x%# : database, what is waited for, the transaction's state, # for a superuser. */
static void make_prompt(struct cairnsql *shell, char *prompt, size_t size)
{
    char waits = cairnsql_split_waits(&shell->split, &shell->query);
    PGTransactionStatusType state = PQtransactionStatus(shell->conn);
    const char *mark = state == PQTRANS_INTRANS   ? "*"
                       : state == PQTRANS_INERROR ? "!"
                       : state == PQTRANS_IDLE    ? ""
                                                  : "?";
    const char *super = PQparameterStatus(shell->conn, "is_superuser");
    snprintf(prompt, size, "%s%c%s%c ", PQdb(shell->conn) ? PQdb(shell->conn) : "", waits, mark,
             super && strcmp(super, "on") == 0 ? '#' : '>');
}

static void remember(struct cairnsql *shell, const struct buf *text)
{
    (void)shell;
    struct buf copy;
    buf_init(&copy);
    buf_put(&copy, text->data, text->len);
    while (copy.len && (copy.data[copy.len - 1] == '\n' || copy.data[copy.len - 1] == ' '))
        copy.len--;
    const char *entry = buf_text(&copy);
    HIST_ENTRY *last = history_length > 0 ? history_get(history_base + history_length - 1) : NULL;
    if (*entry && !(last && strcmp(last->line, entry) == 0))
        add_history(entry);
    buf_done(&copy);
}

/* ---- statements ---- */

static void keep_previous(struct cairnsql *shell)
{
    buf_reset(&shell->previous);
    buf_put(&shell->previous, shell->query.data, shell->query.len);
    buf_reset(&shell->query);
    cairnsql_split_reset(&shell->split);
}

static bool send_query(struct cairnsql *shell)
{
    bool good = cairnsql_send(shell, buf_text(&shell->query));
    keep_previous(shell);
    return good;
}

/* \g and its kin with an empty buffer repeat the last statement. */
static bool send_again(struct cairnsql *shell)
{
    if (!shell->query.len)
        buf_put(&shell->query, shell->previous.data, shell->previous.len);
    return shell->query.len ? send_query(shell) : true;
}

/* One line: statements and backslash commands until it is used up. False when something failed. */
static bool run_line(struct cairnsql *shell, const char *line)
{
    bool good = true;
    size_t at = 0;
    size_t before = shell->query.len;
    size_t newline_at = 0;
    if (before) {
        buf_put_text(&shell->query, "\n");
        newline_at = shell->query.len;
    }
    while (line[at] && !shell->quit) {
        bool step = true;
        enum cairnsql_split_end end =
            cairnsql_split_line(&shell->split, &shell->vars, line, &at, &shell->query);
        if (end == SPLIT_LINE_END)
            break;
        if (end == SPLIT_SEMICOLON) {
            step = send_query(shell);
        } else {
            if (newline_at && shell->query.len == newline_at)
                shell->query.len--; /* nothing but the command was on the line */
            enum cairnsql_meta what = cairnsql_meta(shell, line + at, &at);
            step = what == META_SEND ? send_again(shell) : what != META_ERROR;
            if (what == META_QUIT)
                shell->quit = true;
        }
        newline_at = 0;
        good = good && step;
        if (!step && cairnsql_var_bool(&shell->vars, "ON_ERROR_STOP") &&
            !shell->source->interactive)
            return false;
    }
    if (newline_at && shell->query.len == newline_at && shell->split.mode == SPLIT_PLAIN)
        shell->query.len--;
    return good;
}

/* help, exit and quit are understood without a backslash where a statement would begin. */
static bool run_word(struct cairnsql *shell, const char *line)
{
    if (!shell->source->interactive || shell->query.len || shell->split.mode != SPLIT_PLAIN)
        return false;
    if (strcmp(line, "exit") == 0 || strcmp(line, "quit") == 0)
        shell->quit = true;
    else if (strcmp(line, "help") == 0)
        puts("You are using cairnsql, the SQL shell of Cairn.\n"
             "Type:  \\? for help with backslash commands\n"
             "       \\g or terminate with semicolon to execute query\n"
             "       \\q to quit");
    else
        return false;
    return true;
}

static void drop_line(struct cairnsql *shell)
{
    buf_reset(&shell->query);
    cairnsql_split_reset(&shell->split);
    fputc('\n', stdout);
}

enum cairnsql_exit cairnsql_loop(struct cairnsql *shell, struct cairnsql_source *source)
{
    enum cairnsql_exit result = EXIT_DONE;
    char prompt[256];
    char *line;
    struct buf typed;
    source->outer = shell->source;
    shell->source = source;
    buf_init(&typed);
    while (!shell->quit && result == EXIT_DONE) {
        if (source->interactive)
            make_prompt(shell, prompt, sizeof prompt);
        line = cairnsql_read_line(shell, prompt);
        if (cairnsql_interrupted() && source->interactive) {
            free(line);
            drop_line(shell);
            buf_reset(&typed);
            continue;
        }
        if (!line)
            break;
        if (!source->interactive && cairnsql_var_get(&shell->vars, "ECHO") &&
            strcmp(cairnsql_var_get(&shell->vars, "ECHO"), "all") == 0)
            puts(line);
        if (source->interactive && *line) {
            buf_put_text(&typed, line);
            buf_put_text(&typed, "\n");
        }
        /* an empty line counts only inside quotes */
        if (run_word(shell, line)) {
            free(line);
            buf_reset(&typed);
            continue;
        }
        if (*line || shell->split.mode != SPLIT_PLAIN)
            if (!run_line(shell, line) && !source->interactive &&
                cairnsql_var_bool(&shell->vars, "ON_ERROR_STOP"))
                result = EXIT_STOPPED;
        free(line);
        if (source->interactive && !shell->query.len) {
            remember(shell, &typed);
            buf_reset(&typed);
        }
    }
    if (result == EXIT_DONE && !source->interactive && shell->query.len && !shell->quit &&
        !source->outer)
        if (!send_query(shell) && cairnsql_var_bool(&shell->vars, "ON_ERROR_STOP"))
            result = EXIT_STOPPED;
    if (source->interactive && !shell->quit)
        puts("\\q");
    if (shell->conn && PQstatus(shell->conn) != CONNECTION_OK && !source->interactive)
        result = EXIT_NO_CONNECTION;
    buf_done(&typed);
    shell->source = source->outer;
    return result;
}

enum cairnsql_exit cairnsql_run_file(struct cairnsql *shell, const char *path)
{
    bool input = strcmp(path, "-") == 0;
    FILE *file = input ? stdin : fopen(path, "r");
    if (!file) {
        cairnsql_error(shell, "%s: %s", path, strerror(errno));
        return EXIT_OWN_FAILURE;
    }
    struct cairnsql_source source = {.file = file, .name = input ? "<stdin>" : path};
    enum cairnsql_exit result = cairnsql_loop(shell, &source);
    if (!input)
        fclose(file);
    return result;
}
