#include <editline/readline.h>
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cairnsql.h"

/* What the interrupt handler may touch: the only globals of the program. */
static PGcancel *volatile cancel_handle;
static volatile sig_atomic_t interrupted;
static volatile sig_atomic_t typing; /* inside readline: leave it by the jump */
static sigjmp_buf typing_jump;

static void handle_interrupt(int signal_number)
{
    int saved = errno;
    char text[256];
    (void)signal_number;
    interrupted = 1;
    if (typing) {
        typing = 0;
        siglongjmp(typing_jump, 1);
    }
    PGcancel *handle = cancel_handle;
    if (handle && PQcancel(handle, text, sizeof text)) {
        static const char sent[] = "Cancel request sent\n";
        (void)!write(STDERR_FILENO, sent, sizeof sent - 1);
    }
    errno = saved;
}

bool cairnsql_interrupted(void)
{
    bool was = interrupted != 0;
    interrupted = 0;
    return was;
}

void cairnsql_cancel_with(PGconn *conn)
{
    PGcancel *old = cancel_handle;
    cancel_handle = conn ? PQgetCancel(conn) : NULL;
    PQfreeCancel(old);
}

char *cairnsql_type_line(const char *prompt)
{
    if (sigsetjmp(typing_jump, 1) != 0)
        return NULL;
    typing = 1;
    char *line = readline(prompt);
    typing = 0;
    return line;
}

static void print_notice(void *context, const char *message)
{
    cairnsql_say(context, message);
}

/* ---- options ---- */

struct action {
    char kind; /* 'c' or 'f' */
    const char *text;
};

struct options {
    const char *host, *port, *user, *dbname;
    struct action actions[256];
    int action_count;
    bool list;
    bool no_history;
    bool single_transaction;
};

static void print_help(const char *progname)
{
    printf("cairnsql is the interactive SQL shell of Cairn.\n\n"
           "Usage:\n  %s [OPTION]... [DBNAME [USERNAME]]\n\n"
           "  -c COMMAND     run one command (SQL or backslash) and exit; may be repeated\n"
           "  -f FILE        run the statements of a file and exit; - is standard input\n"
           "  -d DBNAME      database, connection string or postgresql:// address\n"
           "  -h HOST  -p PORT  -U USER\n"
           "  -l             list databases and exit\n"
           "  -v NAME=VALUE  set a variable of the shell, such as ON_ERROR_STOP=1\n"
           "  -q             print only what is asked for\n"
           "  -a, -e         echo all input; echo what is sent\n"
           "  -A, -t, -x     unaligned output; rows only; expanded output\n"
           "  -F SEPARATOR   between fields of unaligned output\n"
           "  --csv          output as CSV\n"
           "  -P NAME=VALUE  as \\pset\n"
           "  -o FILE        write results to a file\n"
           "  -1             run what -c and -f say as one transaction\n"
           "  -n             no line editing\n"
           "  -X, -w         (accepted: there is no start-up file, no password is asked for)\n"
           "  -V, --help     version; this text\n",
           progname);
}

static void apply_meta(struct cairnsql *shell, const char *command)
{
    size_t at = 0;
    if (cairnsql_meta(shell, command, &at) == META_ERROR)
        exit(EXIT_OWN_FAILURE);
}

static void set_pair(struct cairnsql *shell, const char *pair)
{
    char *name = strdup(pair);
    char *equals = strchr(name, '=');
    if (equals)
        *equals = 0;
    cairnsql_var_set(&shell->vars, name, equals ? equals + 1 : NULL);
    free(name);
}

/* The options that only change how output looks. */
static bool apply_output_option(struct cairnsql *shell, int option, const char *arg)
{
    char command[512];
    switch (option) {
    case 'A':
        shell->print.format = FORMAT_UNALIGNED;
        return true;
    case 't':
        shell->print.tuples_only = true;
        return true;
    case 'x':
        shell->print.expanded = EXPAND_ON;
        return true;
    case 'C':
        shell->print.format = FORMAT_CSV;
        return true;
    case 'F':
        free(shell->print.field_separator);
        shell->print.field_separator = strdup(arg);
        return true;
    case 'q':
        cairnsql_var_set(&shell->vars, "QUIET", "on");
        return true;
    case 'a':
        cairnsql_var_set(&shell->vars, "ECHO", "all");
        return true;
    case 'e':
        cairnsql_var_set(&shell->vars, "ECHO", "queries");
        return true;
    case 'E':
        cairnsql_var_set(&shell->vars, "ECHO_HIDDEN", "on");
        return true;
    case 'v':
        set_pair(shell, arg);
        return true;
    case 'P':
        snprintf(command, sizeof command, "pset %s", arg);
        for (char *c = command; *c; c++)
            if (*c == '=') {
                *c = ' ';
                break;
            }
        cairnsql_var_set(&shell->vars, "QUIET", "on");
        apply_meta(shell, command);
        cairnsql_var_set(&shell->vars, "QUIET", NULL);
        return true;
    default:
        return false;
    }
}

static void add_action(struct options *options, char kind, const char *text)
{
    if (options->action_count < (int)(sizeof options->actions / sizeof options->actions[0]))
        options->actions[options->action_count++] = (struct action){kind, text};
}

static void open_output(struct cairnsql *shell, const char *path)
{
    shell->out = fopen(path, "w");
    if (shell->out)
        return;
    fprintf(stderr, "%s: error: %s: %s\n", shell->progname, path, strerror(errno));
    exit(EXIT_OWN_FAILURE);
}

/* The options about where to connect and what to run. */
static bool apply_run_option(struct cairnsql *shell, struct options *options, int option, char *arg)
{
    switch (option) {
    case 'c':
    case 'f':
        add_action(options, (char)option, arg);
        return true;
    case 'h':
        options->host = arg;
        return true;
    case 'p':
        options->port = arg;
        return true;
    case 'U':
        options->user = arg;
        return true;
    case 'd':
        options->dbname = arg;
        return true;
    case 'l':
        options->list = true;
        return true;
    case 'o':
        open_output(shell, arg);
        return true;
    case '1':
        options->single_transaction = true;
        return true;
    case 'n':
        options->no_history = true;
        return true;
    case 'X':
    case 'w':
        return true;
    case 'V':
        printf("cairnsql (Cairn)\n");
        exit(EXIT_DONE);
    default:
        return false;
    }
}

static void refuse_option(const struct cairnsql *shell)
{
    if (optopt == 0 || optopt == '?') {
        print_help(shell->progname);
        exit(EXIT_DONE);
    }
    fprintf(stderr, "%s: hint: Try \"%s --help\" for more information.\n", shell->progname,
            shell->progname);
    exit(EXIT_OWN_FAILURE);
}

static void read_options(struct cairnsql *shell, struct options *options, int argc, char **argv)
{
    static const struct option longs[] = {{"command", 1, NULL, 'c'},
                                          {"file", 1, NULL, 'f'},
                                          {"host", 1, NULL, 'h'},
                                          {"port", 1, NULL, 'p'},
                                          {"username", 1, NULL, 'U'},
                                          {"dbname", 1, NULL, 'd'},
                                          {"list", 0, NULL, 'l'},
                                          {"set", 1, NULL, 'v'},
                                          {"variable", 1, NULL, 'v'},
                                          {"quiet", 0, NULL, 'q'},
                                          {"echo-all", 0, NULL, 'a'},
                                          {"echo-queries", 0, NULL, 'e'},
                                          {"echo-hidden", 0, NULL, 'E'},
                                          {"no-align", 0, NULL, 'A'},
                                          {"tuples-only", 0, NULL, 't'},
                                          {"expanded", 0, NULL, 'x'},
                                          {"csv", 0, NULL, 'C'},
                                          {"field-separator", 1, NULL, 'F'},
                                          {"pset", 1, NULL, 'P'},
                                          {"output", 1, NULL, 'o'},
                                          {"single-transaction", 0, NULL, '1'},
                                          {"no-readline", 0, NULL, 'n'},
                                          {"no-psqlrc", 0, NULL, 'X'},
                                          {"no-password", 0, NULL, 'w'},
                                          {"version", 0, NULL, 'V'},
                                          {"help", 0, NULL, '?'},
                                          {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "c:f:h:p:U:d:lv:qaeEAtxF:P:o:1nXwV?", longs, NULL)) !=
           -1) {
        if (apply_output_option(shell, option, optarg))
            continue;
        if (!apply_run_option(shell, options, option, optarg))
            refuse_option(shell);
    }
    for (; optind < argc; optind++) {
        if (!options->dbname)
            options->dbname = argv[optind];
        else if (!options->user)
            options->user = argv[optind];
    }
}

/* ---- connection ---- */

bool cairnsql_connect(struct cairnsql *shell, const char *const *keywords,
                      const char *const *values)
{
    PGconn *conn = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(conn) != CONNECTION_OK) {
        cairnsql_error(shell, "%s", PQerrorMessage(conn));
        PQfinish(conn);
        return false;
    }
    cairnsql_cancel_with(NULL);
    PQfinish(shell->conn);
    shell->conn = conn;
    PQsetNoticeProcessor(conn, print_notice, shell);
    cairnsql_cancel_with(conn);
    cairnsql_var_set(&shell->vars, "DBNAME", PQdb(conn));
    cairnsql_var_set(&shell->vars, "USER", PQuser(conn));
    cairnsql_var_set(&shell->vars, "HOST", PQhost(conn));
    cairnsql_var_set(&shell->vars, "PORT", PQport(conn));
    const char *version = PQparameterStatus(conn, "server_version");
    cairnsql_var_set(&shell->vars, "SERVER_VERSION_NAME", version ? version : "");
    return true;
}

static bool connect_first(struct cairnsql *shell, const struct options *options)
{
    const char *keywords[] = {
        "host", "port", "user", "dbname", "fallback_application_name", "client_encoding", NULL};
    const char *values[] = {options->host, options->port,
                            options->user, options->dbname,
                            "cairnsql",    getenv("PGCLIENTENCODING") ? NULL : "auto",
                            NULL};
    if (options->list && !options->dbname)
        values[3] = "postgres";
    return cairnsql_connect(shell, keywords, values);
}

/* ---- running ---- */

static enum cairnsql_exit run_action(struct cairnsql *shell, const struct action *action)
{
    if (action->kind == 'f')
        return cairnsql_run_file(shell, action->text);
    if (action->text[0] == '\\') {
        size_t at = 0;
        return cairnsql_meta(shell, action->text + 1, &at) == META_ERROR ? EXIT_OWN_FAILURE
                                                                         : EXIT_DONE;
    }
    const char *echo = cairnsql_var_get(&shell->vars, "ECHO");
    if (echo && strcmp(echo, "all") == 0)
        puts(action->text);
    return cairnsql_send(shell, action->text) ? EXIT_DONE : EXIT_OWN_FAILURE;
}

static bool run_silently(struct cairnsql *shell, const char *sql)
{
    PGresult *result = PQexec(shell->conn, sql);
    bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
    if (!good)
        cairnsql_say(shell, PQerrorMessage(shell->conn));
    PQclear(result);
    return good;
}

static enum cairnsql_exit run_actions(struct cairnsql *shell, const struct options *options)
{
    enum cairnsql_exit result = EXIT_DONE;
    if (options->single_transaction && !run_silently(shell, "BEGIN"))
        return EXIT_OWN_FAILURE;
    for (int i = 0; i < options->action_count && !shell->quit; i++) {
        result = run_action(shell, &options->actions[i]);
        if (result != EXIT_DONE && cairnsql_var_bool(&shell->vars, "ON_ERROR_STOP"))
            break;
    }
    if (PQstatus(shell->conn) != CONNECTION_OK)
        return EXIT_NO_CONNECTION;
    if (options->single_transaction &&
        !run_silently(shell, result == EXIT_DONE ? "COMMIT" : "ROLLBACK"))
        result = EXIT_OWN_FAILURE;
    return result;
}

static enum cairnsql_exit run_input(struct cairnsql *shell, const struct options *options)
{
    struct cairnsql_source source = {.file = stdin,
                                     .interactive = isatty(0) && isatty(1) && !options->no_history};
    if (!source.interactive)
        return cairnsql_loop(shell, &source);
    char history[1024] = "";
    const char *home = getenv("HOME");
    if (home)
        snprintf(history, sizeof history, "%s/.cairnsql_history", home);
    rl_readline_name = "cairnsql";
    using_history();
    stifle_history(2000);
    if (*history)
        (void)read_history(history);
    if (!cairnsql_var_bool(&shell->vars, "QUIET")) {
        const char *version = PQparameterStatus(shell->conn, "server_version");
        printf("cairnsql (server %s)\nType \"help\" for help.\n\n", version ? version : "unknown");
    }
    enum cairnsql_exit result = cairnsql_loop(shell, &source);
    if (*history)
        (void)write_history(history);
    return result;
}

int main(int argc, char **argv)
{
    struct cairnsql shell = {.print = {.border = 1}, .out = stdout};
    struct options options = {0};
    const char *slash = strrchr(argv[0], '/');
    setlocale(LC_CTYPE, "");
    if (MB_CUR_MAX == 1)
        setlocale(LC_CTYPE, "C.UTF-8"); /* widths of UTF-8 even where no locale is set */
    shell.progname = slash ? slash + 1 : argv[0];
    read_options(&shell, &options, argc, argv);
    if (!connect_first(&shell, &options))
        return EXIT_NO_CONNECTION;
    struct sigaction action = {.sa_handler = handle_interrupt};
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    enum cairnsql_exit result;
    bool known;
    if (options.list)
        result = cairnsql_describe(&shell, "l", NULL, &known) ? EXIT_DONE : EXIT_OWN_FAILURE;
    else if (options.action_count)
        result = run_actions(&shell, &options);
    else
        result = run_input(&shell, &options);
    if (shell.out != stdout)
        fclose(shell.out);
    cairnsql_cancel_with(NULL);
    PQfinish(shell.conn);
    buf_done(&shell.query);
    buf_done(&shell.previous);
    cairnsql_vars_done(&shell.vars);
    return (int)result;
}
