#include <stdlib.h>
#include <string.h>

#include "client/cairnsql.h"

/* ---- patterns ---- */

static void put_literal(struct buf *sql, const char *text, size_t len, bool like)
{
    buf_put_text(sql, like ? "E'" : "'");
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '\'')
            buf_put_text(sql, "''");
        else if (like && c == '*')
            buf_put_text(sql, "%");
        else if (like && c == '?')
            buf_put_text(sql, "_");
        else if (like && (c == '%' || c == '_' || c == '\\'))
            buf_printf(sql, "\\\\%c", c);
        else
            buf_put(sql, &c, 1);
    }
    buf_put_text(sql, "'");
}

/* One part of a pattern: folded unless quoted, its quotes dropped. malloc'ed; *wild: holds * or ?
 * outside quotes. */
static char *fold_part(const char *text, size_t len, bool *wild)
{
    char *out = malloc(len + 1);
    size_t n = 0;
    bool inside = false;
    *wild = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '"') {
            inside = !inside;
            continue;
        }
        *wild = *wild || (!inside && (c == '*' || c == '?'));
        out[n++] = !inside && c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    out[n] = 0;
    return out;
}

/* The dot between schema and name, outside quotes, or NULL. */
static const char *find_dot(const char *pattern)
{
    bool inside = false;
    for (const char *c = pattern; *c; c++) {
        inside = inside != (*c == '"');
        if (*c == '.' && !inside)
            return c;
    }
    return NULL;
}

static void put_match(struct buf *sql, const char *column, const char *text, size_t len)
{
    bool wild;
    char *part = fold_part(text, len, &wild);
    if (strcmp(part, "*") != 0) {
        buf_printf(sql, " AND %s %s ", column, wild ? "LIKE" : "=");
        put_literal(sql, part, strlen(part), wild);
    }
    free(part);
}

/* AND conditions for [schema.]name; visible: what must hold when no schema is given, may be NULL.
 */
static void put_pattern(struct buf *sql, const char *pattern, const char *schema, const char *name,
                        const char *visible)
{
    const char *dot = pattern && schema ? find_dot(pattern) : NULL;
    if (dot) {
        put_match(sql, schema, pattern, (size_t)(dot - pattern));
        put_match(sql, name, dot + 1, strlen(dot + 1));
        return;
    }
    if (pattern)
        put_match(sql, name, pattern, strlen(pattern));
    if (visible)
        buf_printf(sql, " AND %s", visible);
}

/* ---- lists ---- */

static bool show_list(struct cairnsql *shell, struct buf *sql, const char *title)
{
    PGresult *result = cairnsql_ask(shell, buf_text(sql));
    buf_done(sql);
    if (!result)
        return false;
    cairnsql_print_result(shell->out, result, title, &shell->print);
    PQclear(result);
    return true;
}

static void put_kinds(struct buf *sql, const char *command)
{
    static const struct {
        char letter;
        const char *kinds;
    } letters[] = {
        {'t', "'r','p',"}, {'v', "'v',"}, {'m', "'m',"}, {'i', "'i','I',"}, {'s', "'S',"}};
    bool all = !command[strcspn(command, "tvmis")];
    buf_put_text(sql, "c.relkind IN (");
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if (all ? letters[i].letter != 'i' : strchr(command, letters[i].letter) != NULL)
            buf_put_text(sql, letters[i].kinds);
    buf_put_text(sql, all ? "'f','')" : "'')");
}

static bool list_relations(struct cairnsql *shell, const char *command, const char *pattern)
{
    struct buf sql;
    bool more = strchr(command, '+') != NULL;
    bool indexes = strchr(command, 'i') != NULL;
    buf_init(&sql);
    buf_put_text(
        &sql,
        "SELECT n.nspname AS \"Schema\", c.relname AS \"Name\", CASE c.relkind WHEN 'r' THEN "
        "'table' "
        "WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'i' THEN 'index' "
        "WHEN 'S' THEN 'sequence' WHEN 't' THEN 'TOAST table' WHEN 'f' THEN 'foreign table' "
        "WHEN 'p' THEN 'partitioned table' WHEN 'I' THEN 'partitioned index' END AS \"Type\", "
        "pg_catalog.pg_get_userbyid(c.relowner) AS \"Owner\"");
    if (indexes)
        buf_put_text(&sql, ", c2.relname AS \"Table\"");
    if (more) {
        buf_put_text(&sql,
                     ", CASE c.relpersistence WHEN 'p' THEN 'permanent' WHEN 't' THEN 'temporary' "
                     "WHEN 'u' THEN 'unlogged' END AS \"Persistence\"");
        bool stored = command[strcspn(command, "tim")] || !command[strcspn(command, "vs")];
        if (stored)
            buf_put_text(&sql, ", am.amname AS \"Access method\"");
        buf_put_text(&sql,
                     ", pg_catalog.pg_size_pretty(pg_catalog.pg_table_size(c.oid)) AS \"Size\", "
                     "pg_catalog.obj_description(c.oid, 'pg_class') AS \"Description\"");
    }
    buf_put_text(&sql, " FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = "
                       "c.relnamespace");
    if (more)
        buf_put_text(&sql, " LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam");
    if (indexes)
        buf_put_text(&sql, " LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid"
                           " LEFT JOIN pg_catalog.pg_class c2 ON i.indrelid = c2.oid");
    buf_put_text(&sql, " WHERE ");
    put_kinds(&sql, command);
    if (!strchr(command, 'S') && !pattern)
        buf_put_text(&sql,
                     " AND n.nspname <> 'pg_catalog' AND n.nspname NOT LIKE 'pg!_toast%' ESCAPE '!'"
                     " AND n.nspname <> 'information_schema'");
    put_pattern(&sql, pattern, "n.nspname", "c.relname", "pg_catalog.pg_table_is_visible(c.oid)");
    buf_put_text(&sql, " ORDER BY 1, 2");
    PGresult *result = cairnsql_ask(shell, buf_text(&sql));
    buf_done(&sql);
    if (!result)
        return false;
    if (PQntuples(result) > 0 || cairnsql_var_bool(&shell->vars, "QUIET"))
        cairnsql_print_result(shell->out, result, "List of relations", &shell->print);
    else if (pattern)
        cairnsql_error(shell, "Did not find any relation named \"%s\".", pattern);
    else
        cairnsql_error(shell, "Did not find any relations.");
    PQclear(result);
    return true;
}

static bool list_databases(struct cairnsql *shell, const char *pattern)
{
    struct buf sql;
    buf_init(&sql);
    buf_put_text(
        &sql,
        "SELECT d.datname AS \"Name\", pg_catalog.pg_get_userbyid(d.datdba) AS \"Owner\", "
        "pg_catalog.pg_encoding_to_char(d.encoding) AS \"Encoding\", d.datcollate AS \"Collate\", "
        "d.datctype AS \"Ctype\", d.daticulocale AS \"ICU Locale\", CASE d.datlocprovider WHEN 'c' "
        "THEN 'libc' WHEN 'i' THEN 'icu' END AS \"Locale Provider\", "
        "pg_catalog.array_to_string(d.datacl, E'\\n') AS \"Access privileges\" "
        "FROM pg_catalog.pg_database d WHERE true");
    put_pattern(&sql, pattern, NULL, "d.datname", NULL);
    buf_put_text(&sql, " ORDER BY 1");
    return show_list(shell, &sql, "List of databases");
}

static bool list_schemas(struct cairnsql *shell, const char *command, const char *pattern)
{
    struct buf sql;
    buf_init(&sql);
    buf_put_text(
        &sql, "SELECT n.nspname AS \"Name\", pg_catalog.pg_get_userbyid(n.nspowner) AS \"Owner\"");
    if (strchr(command, '+'))
        buf_put_text(&sql,
                     ", pg_catalog.array_to_string(n.nspacl, E'\\n') AS \"Access privileges\", "
                     "pg_catalog.obj_description(n.oid, 'pg_namespace') AS \"Description\"");
    buf_put_text(&sql, " FROM pg_catalog.pg_namespace n WHERE true");
    if (!pattern && !strchr(command, 'S'))
        buf_put_text(
            &sql,
            " AND n.nspname NOT LIKE 'pg!_%' ESCAPE '!' AND n.nspname <> 'information_schema'");
    put_pattern(&sql, pattern, NULL, "n.nspname", NULL);
    buf_put_text(&sql, " ORDER BY 1");
    return show_list(shell, &sql, "List of schemas");
}

static bool list_roles(struct cairnsql *shell, const char *pattern)
{
    struct buf sql;
    buf_init(&sql);
    buf_put_text(
        &sql,
        "SELECT r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, "
        "r.rolcanlogin, "
        "r.rolconnlimit, r.rolreplication, r.rolbypassrls FROM pg_catalog.pg_roles r WHERE true");
    if (!pattern)
        buf_put_text(&sql, " AND r.rolname NOT LIKE 'pg!_%' ESCAPE '!'");
    put_pattern(&sql, pattern, NULL, "r.rolname", NULL);
    buf_put_text(&sql, " ORDER BY 1");
    PGresult *result = cairnsql_ask(shell, buf_text(&sql));
    buf_done(&sql);
    if (!result)
        return false;
    static const struct {
        int column;
        char value;
        const char *word;
    } words[] = {{1, 't', "Superuser"}, {2, 'f', "No inheritance"}, {3, 't', "Create role"},
                 {4, 't', "Create DB"}, {5, 'f', "Cannot login"},   {7, 't', "Replication"},
                 {8, 't', "Bypass RLS"}};
    static const char *const headers[] = {"Role name", "Attributes", "Member of"};
    int rows = PQntuples(result);
    const char **cells = calloc((size_t)rows * 3 + 1, sizeof *cells);
    for (int r = 0; r < rows; r++) {
        struct buf text;
        buf_init(&text);
        for (size_t w = 0; w < sizeof words / sizeof words[0]; w++)
            if (PQgetvalue(result, r, words[w].column)[0] == words[w].value)
                buf_printf(&text, "%s%s", text.len ? ", " : "", words[w].word);
        cells[3 * r] = PQgetvalue(result, r, 0);
        cells[3 * r + 1] = strdup(buf_text(&text));
        cells[3 * r + 2] = "{}";
        buf_done(&text);
    }
    struct cairnsql_table table = {
        .title = "List of roles", .columns = 3, .rows = rows, .headers = headers, .cells = cells};
    cairnsql_print_table(shell->out, &table, &shell->print);
    for (int r = 0; r < rows; r++)
        free((char *)cells[3 * r + 1]);
    free(cells);
    PQclear(result);
    return true;
}

static bool list_functions(struct cairnsql *shell, const char *command, const char *pattern)
{
    struct buf sql;
    buf_init(&sql);
    buf_put_text(&sql, "SELECT n.nspname AS \"Schema\", p.proname AS \"Name\", "
                       "pg_catalog.pg_get_function_result(p.oid) AS \"Result data type\", "
                       "pg_catalog.pg_get_function_arguments(p.oid) AS \"Argument data types\", "
                       "CASE p.prokind WHEN 'a' THEN 'agg' WHEN 'w' THEN 'window' WHEN 'p' THEN "
                       "'proc' ELSE 'func' END "
                       "AS \"Type\" FROM pg_catalog.pg_proc p LEFT JOIN pg_catalog.pg_namespace n "
                       "ON n.oid = p.pronamespace WHERE true");
    if (!pattern && !strchr(command, 'S'))
        buf_put_text(&sql, " AND n.nspname <> 'pg_catalog' AND n.nspname <> 'information_schema'");
    put_pattern(&sql, pattern, "n.nspname", "p.proname",
                "pg_catalog.pg_function_is_visible(p.oid)");
    buf_put_text(&sql, " ORDER BY 1, 2, 4");
    return show_list(shell, &sql, "List of functions");
}

/* ---- one relation ---- */

struct relation {
    const char *oid, *schema, *name;
    char kind, persistence;
    bool more;
};

/* Footer lines, owned. */
struct footers {
    char **lines;
    int count;
};

static void add_footer(struct footers *footers, struct buf *line)
{
    footers->lines = realloc(footers->lines, (size_t)(footers->count + 1) * sizeof *footers->lines);
    if (!footers->lines)
        abort();
    footers->lines[footers->count++] = strdup(buf_text(line));
    buf_reset(line);
}

static PGresult *ask_about(struct cairnsql *shell, const char *before, const char *oid,
                           const char *after)
{
    struct buf sql;
    buf_init(&sql);
    buf_printf(&sql, "%s'%s'%s", before, oid, after);
    PGresult *result = cairnsql_ask(shell, buf_text(&sql));
    buf_done(&sql);
    return result;
}

static void add_heading(struct footers *footers, struct buf *line, const char *heading)
{
    buf_put_text(line, heading);
    add_footer(footers, line);
}

static bool add_indexes(struct cairnsql *shell, const struct relation *rel, struct footers *footers)
{
    PGresult *result = ask_about(
        shell,
        "SELECT c2.relname, i.indisprimary, i.indisunique, i.indisclustered, i.indisvalid, "
        "pg_catalog.pg_get_indexdef(i.indexrelid, 0, true), "
        "pg_catalog.pg_get_constraintdef(con.oid, true), contype, "
        "condeferrable, condeferred, i.indisreplident, c2.reltablespace FROM pg_catalog.pg_class "
        "c, "
        "pg_catalog.pg_class c2, pg_catalog.pg_index i LEFT JOIN pg_catalog.pg_constraint con ON "
        "(conrelid = i.indrelid "
        "AND conindid = i.indexrelid AND contype IN ('p','u','x')) WHERE c.oid = ",
        rel->oid,
        " AND c.oid = i.indrelid AND i.indexrelid = c2.oid ORDER BY i.indisprimary DESC, "
        "c2.relname");
    if (!result)
        return false;
    struct buf line;
    buf_init(&line);
    if (PQntuples(result))
        add_heading(footers, &line, "Indexes:");
    for (int r = 0; r < PQntuples(result); r++) {
#define IS_TRUE(column) (PQgetvalue(result, r, column)[0] == 't')
        const char *contype = PQgetvalue(result, r, 7);
        buf_printf(&line, "    \"%s\"", PQgetvalue(result, r, 0));
        if (*contype == 'x') {
            buf_printf(&line, " %s", PQgetvalue(result, r, 6));
        } else {
            const char *def = PQgetvalue(result, r, 5);
            const char *using_at = strstr(def, " USING ");
            if (IS_TRUE(1))
                buf_put_text(&line, " PRIMARY KEY,");
            else if (IS_TRUE(2))
                buf_put_text(&line, *contype == 'u' ? " UNIQUE CONSTRAINT," : " UNIQUE,");
            buf_printf(&line, " %s", using_at ? using_at + 7 : def);
            buf_put_text(&line, IS_TRUE(8) ? " DEFERRABLE" : "");
            buf_put_text(&line, IS_TRUE(9) ? " INITIALLY DEFERRED" : "");
        }
        buf_put_text(&line, IS_TRUE(3) ? " CLUSTER" : "");
        buf_put_text(&line, IS_TRUE(4) ? "" : " INVALID");
        buf_put_text(&line, IS_TRUE(10) ? " REPLICA IDENTITY" : "");
        add_footer(footers, &line);
#undef IS_TRUE
    }
    buf_done(&line);
    PQclear(result);
    return true;
}

/* A heading and a line a row: the format has a %s for each column. */
static bool add_rows(struct cairnsql *shell, const struct relation *rel, struct footers *footers,
                     const char *heading, const char *before, const char *after, bool referencing)
{
    PGresult *result = ask_about(shell, before, rel->oid, after);
    if (!result)
        return false;
    struct buf line;
    buf_init(&line);
    if (PQntuples(result))
        add_heading(footers, &line, heading);
    for (int r = 0; r < PQntuples(result); r++) {
        if (referencing)
            buf_printf(&line, "    TABLE \"%s\" CONSTRAINT \"%s\" %s", PQgetvalue(result, r, 2),
                       PQgetvalue(result, r, 0), PQgetvalue(result, r, 1));
        else
            buf_printf(&line, "    \"%s\" %s", PQgetvalue(result, r, 0), PQgetvalue(result, r, 1));
        add_footer(footers, &line);
    }
    buf_done(&line);
    PQclear(result);
    return true;
}

static bool add_triggers(struct cairnsql *shell, const struct relation *rel,
                         struct footers *footers)
{
    PGresult *result = ask_about(shell,
                                 "SELECT t.tgname, pg_catalog.pg_get_triggerdef(t.oid, true) "
                                 "FROM pg_catalog.pg_trigger t WHERE t.tgrelid = ",
                                 rel->oid, " AND NOT t.tgisinternal ORDER BY 1");
    if (!result)
        return false;
    struct buf line;
    buf_init(&line);
    if (PQntuples(result))
        add_heading(footers, &line, "Triggers:");
    for (int r = 0; r < PQntuples(result); r++) {
        const char *def = strstr(PQgetvalue(result, r, 1), " TRIGGER ");
        buf_printf(&line, "    %s", def ? def + 9 : PQgetvalue(result, r, 1));
        add_footer(footers, &line);
    }
    buf_done(&line);
    PQclear(result);
    return true;
}

static bool add_partition_of(struct cairnsql *shell, const struct relation *rel,
                             struct footers *footers)
{
    struct buf line;
    buf_init(&line);
    PGresult *result = ask_about(
        shell,
        "SELECT inhparent::pg_catalog.regclass, "
        "pg_catalog.pg_get_expr(c.relpartbound, c.oid) FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_inherits i ON c.oid = inhrelid WHERE c.relispartition AND c.oid = ",
        rel->oid, "");
    if (result && PQntuples(result)) {
        buf_printf(&line, "Partition of: %s %s", PQgetvalue(result, 0, 0),
                   PQgetvalue(result, 0, 1));
        add_footer(footers, &line);
    }
    bool good = result != NULL;
    PQclear(result);
    result = good && rel->kind == 'p' ? ask_about(shell, "SELECT pg_catalog.pg_get_partkeydef(",
                                                  rel->oid, "::pg_catalog.oid)")
                                      : NULL;
    if (result && PQntuples(result) == 1) {
        buf_printf(&line, "Partition key: %s", PQgetvalue(result, 0, 0));
        add_footer(footers, &line);
    }
    PQclear(result);
    buf_done(&line);
    return good;
}

static bool add_access_method(struct cairnsql *shell, const struct relation *rel,
                              struct footers *footers)
{
    if (!rel->more || rel->kind == 'p')
        return true;
    PGresult *result =
        ask_about(shell,
                  "SELECT am.amname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_am am "
                  "ON am.oid = c.relam WHERE c.oid = ",
                  rel->oid, "");
    if (!result)
        return false;
    struct buf line;
    buf_init(&line);
    if (PQntuples(result)) {
        buf_printf(&line, "Access method: %s", PQgetvalue(result, 0, 0));
        add_footer(footers, &line);
    }
    buf_done(&line);
    PQclear(result);
    return true;
}

static bool add_partition_count(struct cairnsql *shell, const struct relation *rel,
                                struct footers *footers)
{
    if (rel->kind != 'p')
        return true;
    PGresult *result = ask_about(
        shell, "SELECT count(*) FROM pg_catalog.pg_inherits i WHERE i.inhparent = ", rel->oid, "");
    if (!result)
        return false;
    struct buf line;
    buf_init(&line);
    const char *count = PQgetvalue(result, 0, 0);
    bool none = strcmp(count, "0") == 0;
    buf_printf(&line,
               none ? "Number of partitions: %s"
                    : "Number of partitions: %s (Use \\d+ to list them.)",
               count);
    add_footer(footers, &line);
    buf_done(&line);
    PQclear(result);
    return true;
}

static bool add_table_footers(struct cairnsql *shell, const struct relation *rel,
                              struct footers *footers)
{
    bool table = rel->kind == 'r' || rel->kind == 'p';
    if (!table && rel->kind != 'm')
        return true;
    return add_partition_of(shell, rel, footers) && add_indexes(shell, rel, footers) &&
           add_rows(shell, rel, footers, "Check constraints:",
                    "SELECT r.conname, pg_catalog.pg_get_constraintdef(r.oid, true) FROM "
                    "pg_catalog.pg_constraint r "
                    "WHERE r.conrelid = ",
                    " AND r.contype = 'c' ORDER BY 1", false) &&
           add_rows(shell, rel, footers, "Foreign-key constraints:",
                    "SELECT r.conname, pg_catalog.pg_get_constraintdef(r.oid, true) FROM "
                    "pg_catalog.pg_constraint r "
                    "WHERE r.conrelid = ",
                    " AND r.contype = 'f' ORDER BY 1", false) &&
           add_rows(shell, rel, footers, "Referenced by:",
                    "SELECT r.conname, pg_catalog.pg_get_constraintdef(r.oid, true), "
                    "r.conrelid::pg_catalog.regclass "
                    "FROM pg_catalog.pg_constraint r WHERE r.confrelid = ",
                    " AND r.contype = 'f' ORDER BY 1", true) &&
           add_triggers(shell, rel, footers) && add_partition_count(shell, rel, footers) &&
           add_access_method(shell, rel, footers);
}

static bool add_view_definition(struct cairnsql *shell, const struct relation *rel,
                                struct footers *footers)
{
    if (!rel->more || (rel->kind != 'v' && rel->kind != 'm'))
        return true;
    PGresult *result =
        ask_about(shell, "SELECT pg_catalog.pg_get_viewdef(", rel->oid, "::pg_catalog.oid, true)");
    if (!result)
        return false;
    struct buf line;
    buf_init(&line);
    add_heading(footers, &line, "View definition:");
    buf_put_text(&line, PQgetvalue(result, 0, 0));
    add_footer(footers, &line);
    buf_done(&line);
    PQclear(result);
    return true;
}

static bool add_index_footer(struct cairnsql *shell, const struct relation *rel,
                             struct footers *footers)
{
    if (rel->kind != 'i' && rel->kind != 'I')
        return true;
    PGresult *result = ask_about(
        shell,
        "SELECT i.indisunique, i.indisprimary, i.indisvalid, a.amname, c2.relname, n.nspname, "
        "pg_catalog.pg_get_expr(i.indpred, i.indrelid, true) FROM pg_catalog.pg_index i, "
        "pg_catalog.pg_class c, "
        "pg_catalog.pg_class c2, pg_catalog.pg_am a, pg_catalog.pg_namespace n WHERE i.indexrelid "
        "= c.oid AND c.oid = ",
        rel->oid, " AND c.relam = a.oid AND i.indrelid = c2.oid AND c2.relnamespace = n.oid");
    if (!result)
        return false;
    struct buf line;
    buf_init(&line);
    if (PQntuples(result)) {
        if (PQgetvalue(result, 0, 1)[0] == 't')
            buf_put_text(&line, "primary key, ");
        else if (PQgetvalue(result, 0, 0)[0] == 't')
            buf_put_text(&line, "unique, ");
        buf_printf(&line, "%s, for table \"%s.%s\"", PQgetvalue(result, 0, 3),
                   PQgetvalue(result, 0, 5), PQgetvalue(result, 0, 4));
        if (*PQgetvalue(result, 0, 6))
            buf_printf(&line, ", predicate (%s)", PQgetvalue(result, 0, 6));
        if (PQgetvalue(result, 0, 2)[0] != 't')
            buf_put_text(&line, ", invalid");
        add_footer(footers, &line);
    }
    buf_done(&line);
    PQclear(result);
    return true;
}

static void make_title(const struct relation *rel, char *title, size_t size)
{
    static const struct {
        char kind;
        const char *word, *unlogged;
    } words[] = {{'r', "Table", "Unlogged table"},
                 {'v', "View", "View"},
                 {'m', "Materialized view", "Unlogged materialized view"},
                 {'S', "Sequence", "Unlogged sequence"},
                 {'i', "Index", "Unlogged index"},
                 {'c', "Composite type", ""},
                 {'f', "Foreign table", ""},
                 {'p', "Partitioned table", "Unlogged partitioned table"},
                 {'I', "Partitioned index", "Unlogged partitioned index"},
                 {'t', "TOAST table", ""}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (words[i].kind == rel->kind)
            snprintf(title, size, "%s \"%s.%s\"",
                     rel->persistence == 'u' ? words[i].unlogged : words[i].word, rel->schema,
                     rel->name);
}

static bool describe_sequence(struct cairnsql *shell, const struct relation *rel)
{
    char title[256] = "";
    PGresult *result =
        ask_about(shell,
                  "SELECT pg_catalog.format_type(seqtypid, NULL) AS \"Type\", seqstart AS "
                  "\"Start\", seqmin AS \"Minimum\", "
                  "seqmax AS \"Maximum\", seqincrement AS \"Increment\", CASE WHEN seqcycle THEN "
                  "'yes' ELSE 'no' END AS \"Cycles?\", "
                  "seqcache AS \"Cache\" FROM pg_catalog.pg_sequence WHERE seqrelid = ",
                  rel->oid, "");
    if (!result)
        return false;
    PGresult *owner =
        ask_about(shell,
                  "SELECT pg_catalog.quote_ident(nspname) || '.' || "
                  "pg_catalog.quote_ident(relname) || '.' || "
                  "pg_catalog.quote_ident(attname), d.deptype FROM pg_catalog.pg_class c "
                  "INNER JOIN pg_catalog.pg_depend d ON c.oid = d.refobjid INNER JOIN "
                  "pg_catalog.pg_namespace n "
                  "ON n.oid = c.relnamespace INNER JOIN pg_catalog.pg_attribute a ON (a.attrelid = "
                  "c.oid AND a.attnum = d.refobjsubid) "
                  "WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND "
                  "d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = ",
                  rel->oid, " AND d.deptype IN ('a', 'i')");
    char footer[300];
    const char *footers[] = {footer};
    int count = owner && PQntuples(owner) ? 1 : 0;
    if (count)
        snprintf(footer, sizeof footer,
                 PQgetvalue(owner, 0, 1)[0] == 'i' ? "Sequence for identity column: %s"
                                                   : "Owned by: %s",
                 PQgetvalue(owner, 0, 0));
    make_title(rel, title, sizeof title);
    const char *headers[7];
    const char *cells[7];
    bool right[7];
    for (int c = 0; c < 7; c++) {
        headers[c] = PQfname(result, c);
        cells[c] = PQntuples(result) ? PQgetvalue(result, 0, c) : "";
        right[c] = c != 0 && c != 5;
    }
    struct cairnsql_table table = {.title = title,
                                   .columns = 7,
                                   .rows = PQntuples(result),
                                   .headers = headers,
                                   .cells = cells,
                                   .right = right,
                                   .footers = footers,
                                   .footer_count = count};
    cairnsql_print_table(shell->out, &table, &shell->print);
    PQclear(result);
    PQclear(owner);
    return owner != NULL;
}

/* ---- columns ---- */

#define COLUMNS_MAX 10

static char *default_text(const PGresult *result, int r)
{
    const char *identity = PQgetvalue(result, r, 5);
    const char *generated = PQgetvalue(result, r, 6);
    char *text;
    if (*identity)
        return strdup(*identity == 'a' ? "generated always as identity"
                                       : "generated by default as identity");
    if (*generated != 's')
        return strdup(PQgetvalue(result, r, 2));
    if (asprintf(&text, "generated always as (%s) stored", PQgetvalue(result, r, 2)) < 0)
        abort();
    return text;
}

static int fill_row(const struct relation *rel, const PGresult *result, int r, char **cells)
{
    static const struct {
        char letter;
        const char *word;
    } storages[] = {{'p', "plain"}, {'m', "main"}, {'x', "extended"}, {'e', "external"}};
    int n = 0;
    cells[n++] = strdup(PQgetvalue(result, r, 0));
    cells[n++] = strdup(PQgetvalue(result, r, 1));
    if (rel->kind == 'i' || rel->kind == 'I') {
        cells[n++] = strdup(PQgetvalue(result, r, 7));
        cells[n++] = strdup(PQgetvalue(result, r, 8));
    } else {
        cells[n++] = strdup(PQgetvalue(result, r, 4));
        cells[n++] = strdup(PQgetvalue(result, r, 3)[0] == 't' ? "not null" : "");
        cells[n++] = default_text(result, r);
    }
    if (!rel->more)
        return n;
    const char *storage = "???";
    for (size_t s = 0; s < sizeof storages / sizeof storages[0]; s++)
        if (storages[s].letter == PQgetvalue(result, r, 9)[0])
            storage = storages[s].word;
    cells[n++] = strdup(storage);
    if (rel->kind == 'r' || rel->kind == 'p' || rel->kind == 'm') {
        const char *compression = PQgetvalue(result, r, 10);
        cells[n++] = strdup(*compression == 'p' ? "pglz" : *compression == 'l' ? "lz4" : "");
    }
    if (rel->kind != 'v' && rel->kind != 'c')
        cells[n++] = strdup(PQgetvalue(result, r, 11));
    if (rel->kind != 'i' && rel->kind != 'I')
        cells[n++] = strdup(PQgetvalue(result, r, 12));
    return n;
}

static int fill_headers(const struct relation *rel, const char **headers)
{
    static const char *const index_words[] = {"Column", "Type", "Key?", "Definition"};
    static const char *const words[] = {"Column", "Type", "Collation", "Nullable", "Default"};
    bool index = rel->kind == 'i' || rel->kind == 'I';
    int n = 0;
    for (int i = 0; i < (index ? 4 : 5); i++)
        headers[n++] = index ? index_words[i] : words[i];
    if (!rel->more)
        return n;
    headers[n++] = "Storage";
    if (rel->kind == 'r' || rel->kind == 'p' || rel->kind == 'm')
        headers[n++] = "Compression";
    if (rel->kind != 'v' && rel->kind != 'c')
        headers[n++] = "Stats target";
    if (!index)
        headers[n++] = "Description";
    return n;
}

static PGresult *ask_columns(struct cairnsql *shell, const struct relation *rel)
{
    struct buf sql;
    bool index = rel->kind == 'i' || rel->kind == 'I';
    buf_init(&sql);
    buf_put_text(&sql, "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), (SELECT "
                       "pg_catalog.pg_get_expr(d.adbin, "
                       "d.adrelid, true) FROM pg_catalog.pg_attrdef d WHERE d.adrelid = a.attrelid "
                       "AND d.adnum = a.attnum AND a.atthasdef), "
                       "a.attnotnull, (SELECT c.collname FROM pg_catalog.pg_collation c, "
                       "pg_catalog.pg_type t WHERE c.oid = a.attcollation "
                       "AND t.oid = a.atttypid AND a.attcollation <> t.typcollation), "
                       "a.attidentity, a.attgenerated");
    if (index)
        buf_printf(&sql,
                   ", CASE WHEN a.attnum <= (SELECT i.indnkeyatts FROM pg_catalog.pg_index i WHERE "
                   "i.indexrelid = "
                   "'%s') THEN 'yes' ELSE 'no' END, pg_catalog.pg_get_indexdef(a.attrelid, "
                   "a.attnum, TRUE)",
                   rel->oid);
    else
        buf_put_text(&sql, ", '', ''");
    if (rel->more)
        buf_put_text(&sql, ", a.attstorage, a.attcompression, CASE WHEN a.attstattarget = -1 THEN "
                           "NULL ELSE a.attstattarget "
                           "END, pg_catalog.col_description(a.attrelid, a.attnum)");
    buf_printf(&sql,
               " FROM pg_catalog.pg_attribute a WHERE a.attrelid = '%s' AND a.attnum > 0 AND NOT "
               "a.attisdropped "
               "ORDER BY a.attnum",
               rel->oid);
    PGresult *result = cairnsql_ask(shell, buf_text(&sql));
    buf_done(&sql);
    return result;
}

static bool describe_relation(struct cairnsql *shell, const struct relation *rel)
{
    if (rel->kind == 'S')
        return describe_sequence(shell, rel);
    PGresult *result = ask_columns(shell, rel);
    if (!result)
        return false;
    const char *headers[COLUMNS_MAX];
    char title[256] = "";
    struct footers footers = {0};
    int columns = fill_headers(rel, headers);
    int rows = PQntuples(result);
    char **cells = calloc((size_t)(rows * columns) + 1, sizeof *cells);
    for (int r = 0; r < rows; r++)
        (void)fill_row(rel, result, r, cells + r * columns);
    bool good = add_index_footer(shell, rel, &footers) &&
                add_view_definition(shell, rel, &footers) &&
                add_table_footers(shell, rel, &footers);
    make_title(rel, title, sizeof title);
    struct cairnsql_table table = {.title = title,
                                   .columns = columns,
                                   .rows = rows,
                                   .headers = headers,
                                   .cells = (const char *const *)cells,
                                   .footers = (const char *const *)footers.lines,
                                   .footer_count = footers.count};
    struct cairnsql_print_options options = shell->print;
    options.expanded = EXPAND_OFF; /* a relation is no record */
    if (good)
        cairnsql_print_table(shell->out, &table, &options);
    for (int i = 0; i < rows * columns; i++)
        free(cells[i]);
    for (int i = 0; i < footers.count; i++)
        free(footers.lines[i]);
    free(footers.lines);
    free(cells);
    PQclear(result);
    return good;
}

static bool describe_relations(struct cairnsql *shell, const char *command, const char *pattern)
{
    struct buf sql;
    buf_init(&sql);
    buf_put_text(&sql, "SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence FROM "
                       "pg_catalog.pg_class c "
                       "LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE true");
    put_pattern(&sql, pattern, "n.nspname", "c.relname", "pg_catalog.pg_table_is_visible(c.oid)");
    buf_put_text(&sql, " ORDER BY 2, 3");
    PGresult *result = cairnsql_ask(shell, buf_text(&sql));
    buf_done(&sql);
    if (!result)
        return false;
    bool good = PQntuples(result) > 0;
    if (!good && !cairnsql_var_bool(&shell->vars, "QUIET"))
        cairnsql_error(shell, "Did not find any relation named \"%s\".", pattern);
    for (int r = 0; r < PQntuples(result) && good; r++) {
        struct relation rel = {.oid = PQgetvalue(result, r, 0),
                               .schema = PQgetvalue(result, r, 1),
                               .name = PQgetvalue(result, r, 2),
                               .kind = PQgetvalue(result, r, 3)[0],
                               .persistence = PQgetvalue(result, r, 4)[0],
                               .more = strchr(command, '+') != NULL};
        good = describe_relation(shell, &rel);
    }
    PQclear(result);
    return good;
}

bool cairnsql_describe(struct cairnsql *shell, const char *command, const char *pattern,
                       bool *known)
{
    char plain[8];
    size_t n = 0;
    for (const char *c = command; *c && n + 1 < sizeof plain; c++)
        if (*c != '+' && *c != 'S')
            plain[n++] = *c;
    plain[n] = 0;
    *known = true;
    if (strcmp(plain, "d") == 0)
        return pattern ? describe_relations(shell, command, pattern)
                       : list_relations(shell, command, pattern);
    if (strcmp(plain, "l") == 0)
        return list_databases(shell, pattern);
    if (strcmp(plain, "dn") == 0)
        return list_schemas(shell, command, pattern);
    if (strcmp(plain, "du") == 0 || strcmp(plain, "dg") == 0)
        return list_roles(shell, pattern);
    if (strcmp(plain, "df") == 0)
        return list_functions(shell, command, pattern);
    if (plain[0] == 'd' && plain[1] && plain[1 + strspn(plain + 1, "tvmis")] == 0)
        return list_relations(shell, command, pattern);
    *known = false;
    return false;
}
