/* tidy_code.c: typedefs, macros, mutable globals, the operating system behind the env seam. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tests/tidy/tidy.h"

static const char *skip_blanks(const char *p)
{
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

/* Programs of their own, not part of the server. */
static bool is_outside(const char *path)
{
    return text_starts(path, "tests/") || text_starts(path, "tools/");
}

static bool may_use_system(const char *path)
{
    return is_outside(path) || text_starts(path, "client/") || text_starts(path, "base/env_uv");
}

static void check_typedef(struct tidy *t, const struct source *s, int i)
{
    const char *p = skip_blanks(s->code_line[i]);
    if (!find_word(p, "typedef") || !text_starts(p, "typedef"))
        return;
    p = skip_blanks(p + strlen("typedef"));
    bool aggregate =
        find_word(p, "struct") == p || find_word(p, "union") == p || find_word(p, "enum") == p;
    const char *end = strchr(p, ';');
    bool function = strchr(p, '(') != NULL;
    if (aggregate && !function)
        tidy_report(t, s->path, i + 1, "typedef", "no typedef of a struct, union or enum");
    if (end && end - p > 2 && end[-1] == 't' && end[-2] == '_')
        tidy_report(t, s->path, i + 1, "typedef", "no _t of our own");
}

struct macro {
    int line;
    char name[NAME_SIZE];
    char body[8192];
};

/* Joins a #define with its continuation lines. Returns the last line used, or -1. */
static int read_macro(const struct source *s, int i, struct macro *m)
{
    const char *p = skip_blanks(s->code_line[i]);
    if (*p != '#')
        return -1;
    p = skip_blanks(p + 1);
    if (!text_starts(p, "define "))
        return -1;
    p = skip_blanks(p + strlen("define"));
    int n = 0;
    while (isalnum((unsigned char)p[n]) || p[n] == '_')
        n++;
    snprintf(m->name, sizeof m->name, "%.*s", n, p);
    m->line = i + 1;
    p += n;
    if (*p == '(')
        p = strchr(p, ')') ? strchr(p, ')') + 1 : p;
    size_t used = 0;
    for (;;) {
        size_t len = strlen(p);
        bool more = text_ends(s->line[i], "\\") && i + 1 < s->lines;
        if (used + len + 2 < sizeof m->body) {
            memcpy(m->body + used, p, len);
            used += len;
            m->body[used++] = ' ';
        }
        m->body[used] = 0;
        if (!more)
            return i;
        p = s->code_line[++i];
    }
}

/* "int x = ..." and the like: a type word followed by a name that is then set or ended. */
static bool declares(const char *body)
{
    static const char *const types[] = {"int",     "bool",     "char",    "size_t",   "unsigned",
                                        "long",    "double",   "void",    "int64_t",  "uint64_t",
                                        "int32_t", "uint32_t", "uint8_t", "uint16_t", "ssize_t"};
    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++)
        for (const char *at = body; (at = find_word(at, types[i])); at++) {
            const char *p = at + strlen(types[i]);
            if (at - body >= 5 && strncmp(at - 5, "for (", 5) == 0)
                continue; /* a loop's own counter is seen by nobody else */
            while (*p == ' ' || *p == '*')
                p++;
            if (!isalpha((unsigned char)*p) && *p != '_')
                continue;
            while (isalnum((unsigned char)*p) || *p == '_')
                p++;
            p = skip_blanks(p);
            if (*p == ';' || (*p == '=' && p[1] != '='))
                return true;
        }
    return false;
}

static void check_macro(struct tidy *t, const struct source *s, const struct macro *m)
{
    if (find_word(m->body, "return"))
        tidy_report(t, s->path, m->line, "macro", "%s hides a return", m->name);
    if (find_word(m->body, "goto"))
        tidy_report(t, s->path, m->line, "macro", "%s hides a goto", m->name);
    if (declares(m->body))
        tidy_report(t, s->path, m->line, "macro", "%s hides a declaration", m->name);
}

/* Macros that a table or template expands may declare: that is what they are for. */
static bool expands_table(const struct source *s, int i)
{
    static const char *const kinds[] = {".def\"", "_tmpl.h\"", "_expand.h\""};
    for (int j = i + 1; j < s->lines && j < i + 12; j++)
        for (unsigned k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
            if (strstr(s->line[j], "#include \"") && strstr(s->line[j], kinds[k]))
                return true;
    return false;
}

static void check_macros(struct tidy *t, const struct source *s)
{
    static struct macro m;
    for (int i = 0; i < s->lines; i++) {
        int last = read_macro(s, i, &m);
        if (last < 0)
            continue;
        if (!expands_table(s, last))
            check_macro(t, s, &m);
        i = last;
    }
}

static bool is_call(const char *line, const char *at, const char *name)
{
    const char *after = skip_blanks(at + strlen(name));
    bool member = at > line && (at[-1] == '.' || (at - line > 1 && at[-1] == '>' && at[-2] == '-'));
    const char *before = at;
    while (before > line && before[-1] == ' ')
        before--;
    /* "int64_t time(" declares; "return time(" calls */
    bool declared =
        before > line && before != at &&
        (isalnum((unsigned char)before[-1]) || before[-1] == '_' || before[-1] == '*') &&
        !(before - line >= 6 && strncmp(before - 6, "return", 6) == 0);
    return *after == '(' && !member && !declared;
}

/* What only base/env_uv* and the clients may ask the system for. */
static void check_system(struct tidy *t, const struct source *s, int i)
{
    static const char *const calls[] = {
        "time",      "rand",       "random",      "srand",        "srandom",       "rand_r",
        "drand48",   "arc4random", "getrandom",   "gettimeofday", "clock_gettime", "clock",
        "localtime", "gmtime",     "localtime_r", "gmtime_r",     "sleep",         "usleep",
        "nanosleep", "getpid",     "fork",        "open",         "openat",        "read",
        "pread",     "write",      "pwrite",      "close",        "fsync",         "fdatasync",
        "rename",    "unlink",     "mkdir",       "socket",       "connect",       "accept",
        "listen",    "bind",       "poll",        "select",       "epoll_wait",    "pthread_create",
        "fopen",     "getenv",     "signal",      "sigaction",    "system",        "popen",
        "mmap",      "munmap"};
    static const char *const headers[] = {"<uv.h>",      "<unistd.h>",  "<fcntl.h>",  "<poll.h>",
                                          "<pthread.h>", "<signal.h>",  "<dirent.h>", "<time.h>",
                                          "<sys/",       "<netinet/",   "<arpa/",     "<netdb.h>",
                                          "<threads.h>", "<ucontext.h>"};
    const char *line = s->code_line[i];
    for (unsigned k = 0; k < sizeof headers / sizeof headers[0]; k++)
        if (strstr(line, "#include") && strstr(s->line[i], headers[k]))
            tidy_report(t, s->path, i + 1, "system", "%s belongs behind base/env.h", headers[k]);
    for (unsigned k = 0; k < sizeof calls / sizeof calls[0]; k++)
        for (const char *at = line; (at = find_word(at, calls[k])); at++)
            if (is_call(line, at, calls[k]))
                tidy_report(t, s->path, i + 1, "system", "%s() belongs behind base/env.h",
                            calls[k]);
}

static void check_thread_local(struct tidy *t, const struct source *s, int i)
{
    static const char *const words[] = {"__thread", "_Thread_local", "thread_local"};
    for (unsigned k = 0; k < sizeof words / sizeof words[0]; k++)
        if (find_word(s->code_line[i], words[k]) && !text_starts(s->path, "base/"))
            tidy_report(t, s->path, i + 1, "thread-local", "%s: several nodes live in one process",
                        words[k]);
}

/* A variable at file scope that is not const: column 1, ends or is set on this line, no parameter
 * list. */
static void check_global(struct tidy *t, const struct source *s, int i)
{
    const char *line = s->code_line[i];
    static const char *const other[] = {"typedef", "struct", "enum",           "union", "extern",
                                        "return",  "else",   "_Static_assert", "case",  "default"};
    if (!isalpha((unsigned char)line[0]) && line[0] != '_')
        return;
    bool is_static = text_starts(line, "static ");
    for (unsigned k = 0; k < sizeof other / sizeof other[0]; k++)
        if (find_word(line, other[k]) == line && !is_static)
            return;
    size_t stop = strcspn(line, "=;([");
    bool variable = line[stop] == '=' || line[stop] == ';' || line[stop] == '[';
    if (!variable || find_word(line, "const") || find_word(line, "typedef") ||
        strchr(line, '{') == line)
        return;
    if (line[stop] == ';' && !is_static && !strchr(line, ' '))
        return;
    tidy_report(t, s->path, i + 1, "global", "mutable variable at file scope");
}

void check_code(struct tidy *t, const struct source *s)
{
    bool outside = is_outside(s->path), system = may_use_system(s->path);
    check_macros(t, s);
    for (int i = 0; i < s->lines; i++) {
        check_typedef(t, s, i);
        check_thread_local(t, s, i);
        if (!system)
            check_system(t, s, i);
        if (!outside && !text_starts(s->path, "client/") && !s->is_table && !s->is_template)
            check_global(t, s, i);
    }
}
