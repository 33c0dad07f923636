#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "client/cairnsql.h"

/* ---- arguments ---- */

/* A command's text: what is behind its name up to the line's end or a \\ . */
struct args {
    struct cairnsql *shell;
    const char *line;
    size_t at;
};

static char escape_of(char c)
{
    static const char from[] = "nrtbf";
    static const char to[] = "\n\r\t\b\f";
    const char *found = c ? strchr(from, c) : NULL;
    return found ? to[found - from] : c;
}

/* 'text' with backslash escapes, or "text" kept with its quotes, into out. */
static void take_quoted(struct args *args, struct buf *out)
{
    char quote = args->line[args->at++];
    if (quote == '"')
        buf_put(out, &quote, 1);
    while (args->line[args->at]) {
        char c = args->line[args->at++];
        if (c == quote && args->line[args->at] == quote) {
            args->at++;
        } else if (c == quote) {
            if (quote == '"')
                buf_put(out, &quote, 1);
            return;
        } else if (c == '\\' && quote == '\'' && args->line[args->at]) {
            c = escape_of(args->line[args->at++]);
        }
        buf_put(out, &c, 1);
    }
}

static bool take_variable(struct args *args, struct buf *out)
{
    const char *line = args->line + args->at + 1;
    char quote = *line == '\'' || *line == '"' ? *line : 0;
    char name[128];
    size_t n = 0;
    while ((isalnum((unsigned char)line[n + (quote != 0)]) || line[n + (quote != 0)] == '_') &&
           n + 1 < sizeof name) {
        name[n] = line[n + (quote != 0)];
        n++;
    }
    name[n] = 0;
    const char *value = n ? cairnsql_var_get(&args->shell->vars, name) : NULL;
    if (!value || (quote && line[n + 1] != quote))
        return false;
    cairnsql_put_variable(out, value, quote);
    args->at += 1 + n + 2 * (size_t)(quote != 0);
    return true;
}

/* The next argument, malloc'ed; NULL when there is none. */
static char *take_arg(struct args *args)
{
    while (isspace((unsigned char)args->line[args->at]))
        args->at++;
    if (!args->line[args->at] || args->line[args->at] == '\\')
        return NULL;
    struct buf out;
    buf_init(&out);
    while (args->line[args->at] && !isspace((unsigned char)args->line[args->at]) &&
           args->line[args->at] != '\\') {
        char c = args->line[args->at];
        if (c == '\'' || c == '"') {
            take_quoted(args, &out);
        } else if (c == ':' && take_variable(args, &out)) {
            continue;
        } else {
            buf_put(&out, &c, 1);
            args->at++;
        }
    }
    char *text = strdup(buf_text(&out));
    buf_done(&out);
    return text;
}

/* Everything to the end of the line, malloc'ed. */
static char *take_rest(struct args *args)
{
    while (isspace((unsigned char)args->line[args->at]))
        args->at++;
    char *text = strdup(args->line + args->at);
    args->at += strlen(text);
    size_t len = strlen(text);
    while (len && isspace((unsigned char)text[len - 1]))
        text[--len] = 0;
    return text;
}

/* A name without the double quotes that mark it as one. */
static char *unquoted(char *text)
{
    size_t len = text ? strlen(text) : 0;
    if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
        memmove(text, text + 1, len - 2);
        text[len - 2] = 0;
    }
    return text;
}

static bool quiet(const struct cairnsql *shell)
{
    return cairnsql_var_bool(&shell->vars, "QUIET");
}

/* ---- settings ---- */

static enum cairnsql_meta toggle(struct cairnsql *shell, struct args *args, bool *value,
                                 const char *on, const char *off)
{
    char *arg = take_arg(args);
    if (!arg)
        *value = !*value;
    else
        *value =
            strcasecmp(arg, "on") == 0 || strcasecmp(arg, "true") == 0 || strcmp(arg, "1") == 0;
    free(arg);
    if (!quiet(shell))
        puts(*value ? on : off);
    return META_OK;
}

static enum cairnsql_meta meta_timing(struct cairnsql *shell, struct args *args)
{
    return toggle(shell, args, &shell->timing, "Timing is on.", "Timing is off.");
}

static enum cairnsql_meta meta_tuples(struct cairnsql *shell, struct args *args)
{
    return toggle(shell, args, &shell->print.tuples_only, "Tuples only is on.",
                  "Tuples only is off.");
}

static enum cairnsql_meta meta_expanded(struct cairnsql *shell, struct args *args)
{
    bool on = shell->print.expanded == EXPAND_ON;
    enum cairnsql_meta result =
        toggle(shell, args, &on, "Expanded display is on.", "Expanded display is off.");
    shell->print.expanded = on ? EXPAND_ON : EXPAND_OFF;
    return result;
}

static enum cairnsql_meta meta_align(struct cairnsql *shell, struct args *args)
{
    (void)args;
    bool aligned = shell->print.format == FORMAT_ALIGNED;
    shell->print.format = aligned ? FORMAT_UNALIGNED : FORMAT_ALIGNED;
    if (!quiet(shell))
        printf("Output format is %s.\n", aligned ? "unaligned" : "aligned");
    return META_OK;
}

static void replace_text(char **text, const char *value)
{
    free(*text);
    *text = value && *value ? strdup(value) : NULL;
}

static bool set_format(struct cairnsql *shell, const char *value)
{
    static const char *const names[] = {"aligned", "unaligned", "csv"};
    for (int i = 0; i < 3; i++)
        if (value && *value && strncmp(names[i], value, strlen(value)) == 0) {
            shell->print.format = (enum cairnsql_format)i;
            if (!quiet(shell))
                printf("Output format is %s.\n", names[i]);
            return true;
        }
    cairnsql_error(shell, "\\pset: allowed formats are aligned, csv, unaligned");
    return false;
}

static bool set_option(struct cairnsql *shell, const char *name, const char *value,
                       struct args *args)
{
    if (strcmp(name, "format") == 0)
        return set_format(shell, value);
    if (strcmp(name, "border") == 0) {
        shell->print.border = value ? atoi(value) : shell->print.border;
        shell->print.border = shell->print.border > 2 ? 2 : shell->print.border;
        if (!quiet(shell))
            printf("Border style is %d.\n", shell->print.border);
    } else if (strcmp(name, "null") == 0) {
        replace_text(&shell->print.null_text, value);
        if (!quiet(shell))
            printf("Null display is \"%s\".\n", value ? value : "");
    } else if (strcmp(name, "fieldsep") == 0) {
        replace_text(&shell->print.field_separator, value);
        if (!quiet(shell))
            printf("Field separator is \"%s\".\n", value ? value : "|");
    } else if (strcmp(name, "title") == 0) {
        replace_text(&shell->print.title, value);
        if (!quiet(shell))
            value ? printf("Title is \"%s\".\n", value) : printf("Title is unset.\n");
    } else if (strcmp(name, "footer") == 0) {
        shell->print.footer_off = value ? strcasecmp(value, "off") == 0 : !shell->print.footer_off;
        if (!quiet(shell))
            printf("Default footer is %s.\n", shell->print.footer_off ? "off" : "on");
    } else if (strcmp(name, "pager") == 0) {
        if (!quiet(shell))
            puts("Pager usage is off.");
    } else if (strcmp(name, "tuples_only") == 0 || strcmp(name, "t") == 0 ||
               strcmp(name, "expanded") == 0 || strcmp(name, "x") == 0) {
        struct args one = {args->shell, value ? value : "", 0};
        (void)(name[0] == 't' ? meta_tuples : meta_expanded)(shell, &one);
    } else {
        cairnsql_error(shell, "\\pset: unknown option: %s", name);
        return false;
    }
    return true;
}

static enum cairnsql_meta meta_pset(struct cairnsql *shell, struct args *args)
{
    char *name = take_arg(args);
    char *value = take_arg(args);
    bool good = name ? set_option(shell, name, value, args) : true;
    free(name);
    free(value);
    return good ? META_OK : META_ERROR;
}

static enum cairnsql_meta meta_set(struct cairnsql *shell, struct args *args)
{
    char *name = take_arg(args);
    if (!name) {
        for (size_t i = 0; i < shell->vars.count; i++)
            printf("%s = '%s'\n", shell->vars.items[i].name, shell->vars.items[i].value);
        return META_OK;
    }
    enum cairnsql_meta result = META_OK;
    struct buf value;
    char *part;
    buf_init(&value);
    while ((part = take_arg(args)) != NULL) {
        buf_put_text(&value, part);
        free(part);
    }
    if (!cairnsql_var_valid(name)) {
        cairnsql_error(shell, "invalid variable name: \"%s\"", name);
        result = META_ERROR;
    } else {
        cairnsql_var_set(&shell->vars, name, buf_text(&value));
    }
    buf_done(&value);
    free(name);
    return result;
}

static enum cairnsql_meta meta_unset(struct cairnsql *shell, struct args *args)
{
    char *name = take_arg(args);
    if (!name) {
        cairnsql_error(shell, "\\unset: missing required argument");
        return META_ERROR;
    }
    cairnsql_var_set(&shell->vars, name, NULL);
    free(name);
    return META_OK;
}

/* ---- input and output ---- */

static enum cairnsql_meta echo_to(struct args *args, FILE *out)
{
    bool newline = true;
    bool first = true;
    char *part;
    while ((part = take_arg(args)) != NULL) {
        if (first && newline && strcmp(part, "-n") == 0) {
            newline = false;
        } else {
            fprintf(out, "%s%s", first ? "" : " ", part);
            first = false;
        }
        free(part);
    }
    if (newline)
        fputc('\n', out);
    fflush(out);
    return META_OK;
}

static enum cairnsql_meta meta_echo(struct cairnsql *shell, struct args *args)
{
    (void)shell;
    return echo_to(args, stdout);
}

static enum cairnsql_meta meta_qecho(struct cairnsql *shell, struct args *args)
{
    return echo_to(args, shell->out);
}

static enum cairnsql_meta meta_warn(struct cairnsql *shell, struct args *args)
{
    (void)shell;
    fflush(stdout);
    return echo_to(args, stderr);
}

static enum cairnsql_meta meta_include(struct cairnsql *shell, struct args *args)
{
    char *path = unquoted(take_arg(args));
    if (!path) {
        cairnsql_error(shell, "\\i: missing required argument");
        return META_ERROR;
    }
    enum cairnsql_exit result = cairnsql_run_file(shell, path);
    free(path);
    return result == EXIT_DONE ? META_OK : META_ERROR;
}

static enum cairnsql_meta meta_output(struct cairnsql *shell, struct args *args)
{
    char *path = unquoted(take_arg(args));
    FILE *file = path ? fopen(path, "w") : stdout;
    if (!file) {
        cairnsql_error(shell, "%s: %s", path, strerror(errno));
        free(path);
        return META_ERROR;
    }
    free(path);
    if (shell->out != stdout)
        fclose(shell->out);
    shell->out = file;
    return META_OK;
}

static enum cairnsql_meta meta_print(struct cairnsql *shell, struct args *args)
{
    (void)args;
    const struct buf *text = shell->query.len ? &shell->query : &shell->previous;
    if (text->len)
        printf("%.*s\n", (int)text->len, (const char *)text->data);
    else if (!quiet(shell))
        puts("Query buffer is empty.");
    return META_OK;
}

static enum cairnsql_meta meta_reset(struct cairnsql *shell, struct args *args)
{
    (void)args;
    buf_reset(&shell->query);
    cairnsql_split_reset(&shell->split);
    if (!quiet(shell))
        puts("Query buffer reset (cleared).");
    return META_OK;
}

static enum cairnsql_meta meta_shell(struct cairnsql *shell, struct args *args)
{
    char *command = take_rest(args);
    fflush(stdout);
    int rc = *command ? system(command) : system(getenv("SHELL") ? getenv("SHELL") : "/bin/sh");
    free(command);
    if (rc == -1 || rc == 127 << 8) {
        cairnsql_error(shell, "\\!: failed");
        return META_ERROR;
    }
    return META_OK;
}

static enum cairnsql_meta meta_directory(struct cairnsql *shell, struct args *args)
{
    char *path = unquoted(take_arg(args));
    const char *target = path ? path : getenv("HOME");
    enum cairnsql_meta result = META_OK;
    if (!target || chdir(target) != 0) {
        cairnsql_error(shell, "\\cd: could not change directory to \"%s\": %s",
                       target ? target : "", strerror(errno));
        result = META_ERROR;
    }
    free(path);
    return result;
}

/* ---- connection ---- */

static enum cairnsql_meta meta_connect(struct cairnsql *shell, struct args *args)
{
    char *words[4];
    for (int i = 0; i < 4; i++) {
        words[i] = unquoted(take_arg(args));
        if (words[i] && strcmp(words[i], "-") == 0) {
            free(words[i]);
            words[i] = NULL;
        }
    }
    PGconn *old = shell->conn;
    bool address = words[0] && (strchr(words[0], '=') || strstr(words[0], "://"));
    const char *keywords[] = {"dbname", "user", "host", "port", "fallback_application_name", NULL};
    const char *values[] = {words[0] ? words[0] : PQdb(old),
                            words[1]  ? words[1]
                            : address ? NULL
                                      : PQuser(old),
                            words[2]  ? words[2]
                            : address ? NULL
                                      : PQhost(old),
                            words[3]  ? words[3]
                            : address ? NULL
                                      : PQport(old),
                            "cairnsql",
                            NULL};
    struct cairnsql_source *source = shell->source;
    bool good = cairnsql_connect(shell, keywords, values);
    if (good && !quiet(shell))
        printf("You are now connected to database \"%s\" as user \"%s\".\n", PQdb(shell->conn),
               PQuser(shell->conn));
    else if (!good && source && source->interactive)
        fprintf(stderr, "Previous connection kept\n");
    for (int i = 0; i < 4; i++)
        free(words[i]);
    return good ? META_OK : META_ERROR;
}

static enum cairnsql_meta meta_conninfo(struct cairnsql *shell, struct args *args)
{
    (void)args;
    const char *host = PQhost(shell->conn);
    const char *address = PQhostaddr(shell->conn);
    printf("You are connected to database \"%s\" as user \"%s\" ", PQdb(shell->conn),
           PQuser(shell->conn));
    if (host[0] == '/')
        printf("via socket in \"%s\" at port \"%s\".\n", host, PQport(shell->conn));
    else if (address && *address && strcmp(host, address) != 0)
        printf("on host \"%s\" (address \"%s\") at port \"%s\".\n", host, address,
               PQport(shell->conn));
    else
        printf("on host \"%s\" at port \"%s\".\n", host, PQport(shell->conn));
    return META_OK;
}

static enum cairnsql_meta meta_encoding(struct cairnsql *shell, struct args *args)
{
    char *name = take_arg(args);
    enum cairnsql_meta result = META_OK;
    if (!name)
        puts(pg_encoding_to_char(PQclientEncoding(shell->conn)));
    else if (PQsetClientEncoding(shell->conn, name) != 0) {
        cairnsql_error(shell, "%s: invalid encoding name or conversion procedure not found", name);
        result = META_ERROR;
    }
    free(name);
    return result;
}

/* ---- sending ---- */

static enum cairnsql_meta meta_go(struct cairnsql *shell, struct args *args)
{
    (void)shell;
    free(take_rest(args));
    return META_SEND;
}

static enum cairnsql_meta meta_go_expanded(struct cairnsql *shell, struct args *args)
{
    shell->expanded_once = true;
    return meta_go(shell, args);
}

static enum cairnsql_meta meta_go_set(struct cairnsql *shell, struct args *args)
{
    char *prefix = take_arg(args);
    free(shell->set_prefix);
    shell->set_prefix = prefix ? prefix : strdup("");
    return META_SEND;
}

/* ---- \copy ---- */

/* FROM or TO of a \copy, outside quotes and brackets; where it stands, or NULL. */
static const char *find_direction(const char *text, bool *from)
{
    int depth = 0;
    for (const char *c = text; *c; c++) {
        if (*c == '\'' || *c == '"') {
            const char *end = strchr(c + 1, *c);
            if (!end)
                return NULL;
            c = end;
        } else if (*c == '(') {
            depth++;
        } else if (*c == ')') {
            depth--;
        } else if (depth == 0 && c > text && isspace((unsigned char)c[-1])) {
            if (strncasecmp(c, "from", 4) == 0 && isspace((unsigned char)c[4])) {
                *from = true;
                return c;
            }
            if (strncasecmp(c, "to", 2) == 0 && isspace((unsigned char)c[2])) {
                *from = false;
                return c;
            }
        }
    }
    return NULL;
}

static FILE *open_copy_file(struct cairnsql *shell, const char *path, bool from, bool *own)
{
    *own = false;
    if (strcasecmp(path, "stdin") == 0 || strcasecmp(path, "stdout") == 0)
        return NULL;
    if (strcasecmp(path, "pstdin") == 0)
        return stdin;
    if (strcasecmp(path, "pstdout") == 0)
        return stdout;
    FILE *file = fopen(path, from ? "r" : "w");
    if (!file)
        cairnsql_error(shell, "%s: %s", path, strerror(errno));
    *own = file != NULL;
    return file;
}

static enum cairnsql_meta meta_copy(struct cairnsql *shell, struct args *args)
{
    char *text = take_rest(args);
    bool from = false, own;
    const char *direction = find_direction(text, &from);
    if (!direction) {
        cairnsql_error(shell,
                       *text ? "\\copy: parse error at end of line" : "\\copy: arguments required");
        free(text);
        return META_ERROR;
    }
    struct args rest = {shell, direction + (from ? 4 : 2), 0};
    char *path = unquoted(take_arg(&rest));
    if (!path) {
        cairnsql_error(shell, "\\copy: parse error at end of line");
        free(text);
        return META_ERROR;
    }
    struct buf sql;
    buf_init(&sql);
    buf_printf(&sql, "COPY %.*s %s %s", (int)(direction - text), text,
               from ? "FROM STDIN" : "TO STDOUT", rest.line + rest.at);
    errno = 0;
    FILE *file = open_copy_file(shell, path, from, &own);
    bool good = false;
    if (file || strcasecmp(path, "stdin") == 0 || strcasecmp(path, "stdout") == 0)
        good = cairnsql_copy(shell, buf_text(&sql), file);
    if (own && fclose(file) != 0)
        good = false;
    buf_done(&sql);
    free(path);
    free(text);
    return good ? META_OK : META_ERROR;
}

/* ---- the table ---- */

static enum cairnsql_meta meta_quit(struct cairnsql *shell, struct args *args)
{
    (void)shell;
    (void)args;
    return META_QUIT;
}

static enum cairnsql_meta meta_help(struct cairnsql *shell, struct args *args)
{
    (void)shell;
    free(take_rest(args));
    puts("General\n"
         "  \\q                     quit\n"
         "  \\g, ;                  send the statement; \\gx expanded; \\gset [PREFIX] into "
         "variables\n"
         "  \\c [DB [USER [HOST [PORT]]]]   connect; \\conninfo about the connection\n"
         "Catalog (a pattern may hold * and ?; + adds detail)\n"
         "  \\d [NAME]              relations, or one of them\n"
         "  \\dt \\di \\dv \\dm \\ds    tables, indexes, views, materialized views, sequences\n"
         "  \\dn \\du \\df \\l         schemas, roles, functions, databases\n"
         "Input and output\n"
         "  \\i FILE  \\o [FILE]     run a file; send results to a file\n"
         "  \\copy ...              COPY with a file of this machine\n"
         "  \\echo \\qecho \\warn     print; \\p the statement so far, \\r forgets it\n"
         "  \\! [COMMAND]  \\cd [DIR]\n"
         "Display\n"
         "  \\x \\t \\a  \\timing      expanded, rows only, alignment; times of statements\n"
         "  \\pset NAME [VALUE]     border, null, format, fieldsep, title, footer\n"
         "Variables\n"
         "  \\set [NAME [VALUE]]  \\unset NAME       used as :NAME, :'NAME', :\"NAME\"");
    return META_OK;
}

static const struct {
    const char *name;
    enum cairnsql_meta (*run)(struct cairnsql *shell, struct args *args);
} commands[] = {{"q", meta_quit},
                {"quit", meta_quit},
                {"?", meta_help},
                {"h", meta_help},
                {"timing", meta_timing},
                {"x", meta_expanded},
                {"t", meta_tuples},
                {"a", meta_align},
                {"pset", meta_pset},
                {"set", meta_set},
                {"unset", meta_unset},
                {"echo", meta_echo},
                {"qecho", meta_qecho},
                {"warn", meta_warn},
                {"i", meta_include},
                {"include", meta_include},
                {"o", meta_output},
                {"out", meta_output},
                {"p", meta_print},
                {"print", meta_print},
                {"r", meta_reset},
                {"reset", meta_reset},
                {"!", meta_shell},
                {"cd", meta_directory},
                {"c", meta_connect},
                {"connect", meta_connect},
                {"conninfo", meta_conninfo},
                {"encoding", meta_encoding},
                {"g", meta_go},
                {"gx", meta_go_expanded},
                {"gset", meta_go_set},
                {"copy", meta_copy}};

static enum cairnsql_meta describe(struct cairnsql *shell, const char *name, struct args *args,
                                   bool *known)
{
    char *pattern = take_arg(args);
    bool good = cairnsql_describe(shell, name, pattern, known);
    free(pattern);
    return good ? META_OK : META_ERROR;
}

enum cairnsql_meta cairnsql_meta(struct cairnsql *shell, const char *line, size_t *at)
{
    char name[64];
    size_t n = 0;
    if (*line == '!' || *line == '?')
        name[n++] = *line;
    else
        while (line[n] && !isspace((unsigned char)line[n]) && line[n] != '\\' &&
               n + 1 < sizeof name) {
            name[n] = line[n];
            n++;
        }
    name[n] = 0;
    struct args args = {shell, line, n};
    enum cairnsql_meta result = META_ERROR;
    bool known = false;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0] && !known; i++)
        if (strcmp(commands[i].name, name) == 0) {
            known = true;
            result = commands[i].run(shell, &args);
        }
    if (!known && (name[0] == 'd' || name[0] == 'l'))
        result = describe(shell, name, &args, &known);
    if (!known) {
        cairnsql_error(shell, "invalid command \\%s", name);
        if (shell->source && shell->source->interactive)
            fprintf(stderr, "Try \\? for help.\n");
        result = META_ERROR;
        free(take_rest(&args));
    }
    /* what is left of the command's line is not SQL */
    char *extra;
    while ((extra = take_arg(&args)) != NULL) {
        if (known && result != META_ERROR && shell->conn)
            cairnsql_error(shell, "\\%s: extra argument \"%s\" ignored", name, extra);
        free(extra);
    }
    if (strncmp(args.line + args.at, "\\\\", 2) == 0)
        args.at += 2;
    *at += args.at;
    return result;
}
