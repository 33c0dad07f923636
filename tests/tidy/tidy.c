/* tidy.c: walks the tree, keeps the exceptions, prints the faults. */
#include "tests/tidy/tidy.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char EXCEPTIONS[] = "tests/tidy/exceptions.txt";

void *tidy_alloc(size_t bytes)
{
    void *p = malloc(bytes ? bytes : 1);
    if (!p) {
        fprintf(stderr, "tidy: out of memory\n");
        exit(2);
    }
    return p;
}

static struct exception *find_exception(struct tidy *t, const char *path, const char *check)
{
    for (int i = 0; i < t->exceptions_count; i++)
        if (strcmp(t->exceptions[i].path, path) == 0 && strcmp(t->exceptions[i].check, check) == 0)
            return &t->exceptions[i];
    return NULL;
}

static void print_fault(struct tidy *t, const char *path, int line, const char *check,
                        const char *text)
{
    t->faults++;
    printf("%s:%d: %s: %s\n", path, line, check, text);
}

void tidy_report(struct tidy *t, const char *path, int line, const char *check, const char *fmt,
                 ...)
{
    char text[LINE_TEXT];
    va_list args;
    struct exception *e = find_exception(t, path, check);
    if (e && ++e->used <= e->ceiling)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    print_fault(t, path, line, check, text);
}

void tidy_report_size(struct tidy *t, const char *path, int line, const char *check, int measure,
                      int limit, const char *what)
{
    char text[LINE_TEXT];
    struct exception *e = find_exception(t, path, check);
    if (measure <= limit)
        return;
    if (e) {
        e->sized = true;
        e->used = measure > e->used ? measure : e->used;
        if (measure <= e->ceiling)
            return;
    }
    snprintf(text, sizeof text, "%d %s, the limit is %d", measure, what, e ? e->ceiling : limit);
    print_fault(t, path, line, check, text);
}

static void read_exceptions(struct tidy *t)
{
    char path[2 * PATH_SIZE], line[LINE_TEXT];
    snprintf(path, sizeof path, "%s/%s", t->root, EXCEPTIONS);
    FILE *f = fopen(path, "r");
    for (int number = 1; f && fgets(line, sizeof line, f); number++) {
        struct exception e = {.line = number};
        bool reason = strchr(line, '#') != NULL;
        line[strcspn(line, "#\n")] = 0;
        int n = sscanf(line, "%511s %127s %d", e.path, e.check, &e.ceiling);
        if (n <= 0)
            continue;
        if (n != 3 || !reason) {
            print_fault(t, EXCEPTIONS, number, "exception", "want: path check ceiling # reason");
            continue;
        }
        t->exceptions = realloc(t->exceptions, sizeof e * (size_t)(t->exceptions_count + 1));
        if (!t->exceptions)
            exit(2);
        t->exceptions[t->exceptions_count++] = e;
    }
    if (f)
        fclose(f);
}

/* The list only shrinks: what it allows and nobody needs any more is a fault. */
static void check_exceptions(struct tidy *t)
{
    for (int i = 0; i < t->exceptions_count; i++) {
        const struct exception *e = &t->exceptions[i];
        char text[2 * PATH_SIZE];
        if (e->used >= e->ceiling)
            continue;
        if (e->used)
            snprintf(text, sizeof text, "%s %s needs only %d: lower it", e->path, e->check,
                     e->used);
        else
            snprintf(text, sizeof text, "%s %s excuses nothing: remove it", e->path, e->check);
        print_fault(t, EXCEPTIONS, e->line, "exception", text);
    }
}

static bool is_checked_name(const char *name)
{
    static const char *const kinds[] = {".c",    ".h",   ".def",   ".y",      ".mk",
                                        ".sh",   ".md",  ".sql",   ".py",     ".txt",
                                        ".yaml", ".yml", ".proto", ".service"};
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (text_ends(name, kinds[i]))
            return true;
    return strcmp(name, "Makefile") == 0 || strcmp(name, "Dockerfile") == 0;
}

static void check_file(struct tidy *t, const char *path)
{
    struct source *s = source_read(t->root, path);
    t->files++;
    check_text(t, s);
    if (s->is_c) {
        check_includes(t, s);
        check_code(t, s);
    }
    source_free(s);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_skipped(const char *path, const char *name)
{
    return name[0] == '.' || strcmp(path, "build") == 0 || text_starts(path, "tests/tidy/bad");
}

/* Names of a folder, sorted; the caller frees each and the list. */
static int list_folder(const char *full, char ***names)
{
    DIR *dir = opendir(full);
    int n = 0, room = 64;
    if (!dir) {
        fprintf(stderr, "tidy: cannot read %s\n", full);
        exit(2);
    }
    *names = tidy_alloc(sizeof **names * (size_t)room);
    for (struct dirent *e; (e = readdir(dir));) {
        if (n == room) {
            room *= 2;
            *names = realloc(*names, sizeof **names * (size_t)room);
            if (!*names)
                exit(2);
        }
        (*names)[n++] = strdup(e->d_name);
    }
    closedir(dir);
    qsort(*names, (size_t)n, sizeof **names, compare_names);
    return n;
}

static void walk(struct tidy *t, const char *folder)
{
    char full[2 * PATH_SIZE], path[PATH_SIZE];
    char **names;
    bool code = false, readme = false;
    snprintf(full, sizeof full, "%s/%s", t->root, folder);
    int n = list_folder(full, &names);
    for (int i = 0; i < n; i++) {
        struct stat st;
        int len = snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", names[i]);
        snprintf(full, sizeof full, "%s/%s", t->root, path);
        if (len < (int)sizeof path && !is_skipped(path, names[i]) && lstat(full, &st) == 0) {
            if (S_ISDIR(st.st_mode))
                walk(t, path);
            else if (S_ISREG(st.st_mode) && is_checked_name(names[i]))
                check_file(t, path);
            code = code || (S_ISREG(st.st_mode) && text_ends(names[i], ".c"));
            readme = readme || strcmp(names[i], "README.md") == 0;
        }
        free(names[i]);
    }
    free(names);
    if (code && !readme && !text_starts(folder, "tests/unit/")) /* tests/unit mirrors the tree */
        tidy_report(t, folder, 0, "readme", "a folder with code has a README.md");
}

int main(int argc, char **argv)
{
    struct tidy t = {.root = argc > 1 ? argv[1] : "."};
    read_exceptions(&t);
    walk(&t, "");
    check_exceptions(&t);
    free(t.exceptions);
    fprintf(stderr, "tidy: %d files, %d faults\n", t.files, t.faults);
    return t.faults != 0;
}
