/* tidy_include.c: who may include whom, and in which order.
 *
 *     base -> { types | parser | raft }  -> storage (base, raft)
 *     planner (base, parser, types, storage/kv.h) -> executor (base, types, planner's plan and
 * catalog, storage/kv.h) -> server (everything); client (base); tests (everything); tools (base and
 * tables) types: type -> func -> expr.  storage: wal, sst -> lsm -> tablet -> txn -> placement.
 *     server: sql -> session -> pgwire, http -> node.
 *
 * Order in a file: its own header, then system headers, then the project's, each group sorted.
 * Tables and templates (*.def, *_tmpl.h) are included where they are expanded.
 */
#include <stdio.h>
#include <string.h>

#include "tests/tidy/tidy.h"

struct floor {
    const char *name;
    const char *sees[12]; /* prefixes of include paths */
};

static const struct floor floors[] = {
    {"base", {"base/"}},
    {"types", {"base/", "types/"}},
    {"parser", {"base/", "parser/"}},
    {"raft", {"base/", "raft/"}},
    {"storage", {"base/", "raft/", "storage/"}},
    {"planner", {"base/", "parser/", "types/", "planner/", "storage/kv.h"}},
    {"executor",
     {"base/", "types/", "executor/", "planner/plan", "planner/catalog/", "storage/kv.h"}},
    {"server",
     {"base/", "types/", "parser/", "raft/", "storage/", "planner/", "executor/", "server/"}},
    {"client", {"base/", "client/"}},
    {"tools", {"base/", "tools/"}},
};

/* The order of folders inside a floor: a folder sees itself and those of a lower rank. */
struct rank {
    const char *folder;
    int rank;
};

static const struct rank ranks[] = {
    {"types/type/", 0},        {"types/func/", 1},  {"types/expr/", 2},     {"storage/wal/", 0},
    {"storage/sst/", 0},       {"storage/lsm/", 1}, {"storage/tablet/", 2}, {"storage/txn/", 3},
    {"storage/placement/", 4}, {"server/sql/", 0},  {"server/session/", 1}, {"server/pgwire/", 2},
    {"server/http/", 2},       {"server/node/", 3},
};

static const struct rank *find_rank(const char *path)
{
    for (unsigned i = 0; i < sizeof ranks / sizeof ranks[0]; i++)
        if (text_starts(path, ranks[i].folder))
            return &ranks[i];
    return NULL;
}

static void copy_folder(const char *path, char *folder)
{
    const char *end = strrchr(path, '/');
    snprintf(folder, PATH_SIZE, "%.*s", end ? (int)(end - path) + 1 : 0, path);
}

static const struct floor *find_floor(const char *path)
{
    for (unsigned i = 0; i < sizeof floors / sizeof floors[0]; i++) {
        size_t n = strlen(floors[i].name);
        if (text_starts(path, floors[i].name) && path[n] == '/')
            return &floors[i];
    }
    return NULL;
}

/* Tests may open a floor: tests/unit/raft sees raft/raft_int.h, fuzzers and the simulator see all.
 */
static bool may_see_int(const char *path, const char *included)
{
    char from[PATH_SIZE], to[PATH_SIZE], unit[PATH_SIZE + 16];
    copy_folder(path, from);
    copy_folder(included, to);
    if (strcmp(from, to) == 0)
        return true;
    snprintf(unit, sizeof unit, "tests/unit/%.*s/", (int)strcspn(included, "/"), included);
    return text_starts(path, unit) || text_starts(path, "tests/fuzz/") ||
           text_starts(path, "tests/sim/");
}

static void check_floor(struct tidy *t, const struct source *s, int line, const char *included)
{
    const struct floor *floor = find_floor(s->path);
    if (text_ends(included, "_int.h") && !may_see_int(s->path, included))
        tidy_report(t, s->path, line, "include", "%s belongs to its own folder", included);
    if (!floor)
        return;
    bool seen = strcmp(floor->name, "tools") == 0 && text_ends(included, ".def");
    for (int i = 0; i < 12 && floor->sees[i]; i++)
        seen = seen || text_starts(included, floor->sees[i]);
    if (!seen) {
        tidy_report(t, s->path, line, "include", "%s does not see %s", floor->name, included);
        return;
    }
    const struct rank *from = find_rank(s->path), *to = find_rank(included);
    if (from && to && from != to && to->rank >= from->rank &&
        strcspn(from->folder, "/") == strcspn(to->folder, "/") &&
        strncmp(from->folder, to->folder, strcspn(to->folder, "/")) == 0)
        tidy_report(t, s->path, line, "include", "%s does not see %s", from->folder, included);
}

/* "base/x.h" from `#include "base/x.h"`; the brackets tell which kind. */
static bool parse_include(const char *line, char *name, char *bracket)
{
    const char *p = line;
    while (*p == ' ' || *p == '\t')
        p++;
    if (*p != '#')
        return false;
    p++;
    while (*p == ' ' || *p == '\t')
        p++;
    if (!text_starts(p, "include"))
        return false;
    p += strlen("include");
    while (*p == ' ' || *p == '\t')
        p++;
    if (*p != '"' && *p != '<')
        return false;
    *bracket = *p++;
    snprintf(name, PATH_SIZE, "%.*s", (int)strcspn(p, "\">"), p);
    return true;
}

static bool names_include(const struct source *s, const char *wanted)
{
    char name[PATH_SIZE], bracket;
    for (int i = 0; i < s->lines; i++)
        if (parse_include(s->line[i], name, &bracket) && strcmp(name, wanted) == 0)
            return true;
    return false;
}

/* x.h for x.c; x_int.h when there is no x.h. */
static bool is_own_header(const struct source *s, const char *included)
{
    char own[PATH_SIZE + 8], inner[PATH_SIZE + 8];
    int stem = (int)strlen(s->path) - 2;
    if (!text_ends(s->path, ".c"))
        return false;
    snprintf(own, sizeof own, "%.*s.h", stem, s->path);
    snprintf(inner, sizeof inner, "%.*s_int.h", stem, s->path);
    return strcmp(own, included) == 0 || (strcmp(inner, included) == 0 && !names_include(s, own));
}

struct order {
    bool any, project;
    char last[PATH_SIZE];
    char last_bracket;
    int last_line;
};

static void check_order(struct tidy *t, const struct source *s, int line, char bracket,
                        const char *name, struct order *o)
{
    if (bracket == '"' && is_own_header(s, name)) {
        if (o->any)
            tidy_report(t, s->path, line, "include-order", "%s comes first: it must stand alone",
                        name);
        o->any = true;
        return;
    }
    if (bracket == '<' && o->project)
        tidy_report(t, s->path, line, "include-order", "<%s> comes before the project's headers",
                    name);
    /* sorted within a block; an empty line between two includes starts another */
    if (o->last_bracket == bracket && o->last_line == line - 1 && strcmp(o->last, name) > 0)
        tidy_report(t, s->path, line, "include-order", "%s comes before %s", name, o->last);
    if (o->last_bracket == bracket && o->last_line == line - 1 && strcmp(o->last, name) == 0)
        tidy_report(t, s->path, line, "include-order", "%s twice", name);
    o->any = true;
    o->project = o->project || bracket == '"';
    o->last_bracket = bracket;
    o->last_line = line;
    snprintf(o->last, sizeof o->last, "%s", name);
}

/* +1 where a conditional part begins, -1 where it ends. */
static int count_conditional(const char *line)
{
    while (*line == ' ' || *line == '\t')
        line++;
    if (*line++ != '#')
        return 0;
    while (*line == ' ' || *line == '\t')
        line++;
    return text_starts(line, "endif") ? -1 : text_starts(line, "if") ? 1 : 0;
}

/* Headers that only some machines or builds have stand in conditionals, where they are needed. */
void check_includes(struct tidy *t, const struct source *s)
{
    struct order order = {0};
    char name[PATH_SIZE], bracket;
    int depth = 0, guard = s->is_header;
    for (int i = 0; i < s->lines; i++) {
        depth += count_conditional(s->code_line[i]);
        /* the path is a literal: blanked in the code, still there in the text */
        if (!strchr(s->code_line[i], '#') || !parse_include(s->line[i], name, &bracket))
            continue;
        if (bracket == '"' && !strchr(name, '/') && !text_ends(name, ".inc"))
            tidy_report(t, s->path, i + 1, "include", "%s: name the path from the root", name);
        else if (bracket == '"')
            check_floor(t, s, i + 1, name);
        bool expanded = text_ends(name, ".def") || text_ends(name, "_tmpl.h") ||
                        text_ends(name, "_expand.h") || text_ends(name, ".inc");
        if (!expanded && depth <= guard)
            check_order(t, s, i + 1, bracket, name, &order);
    }
}
