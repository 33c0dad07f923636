/* copy.c: COPY FROM STDIN and TO STDOUT: the formats of copy_format.h between the client and a
 * plan. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/sql/copy_format.h"
#include "server/sql/sql_int.h"
#include "types/type/text.h"

/* ---- TO STDOUT ---- */

struct copy_out {
    struct task *task;
    struct session *s;
    struct copy_options o;
    const struct result_shape *shape;
    const struct type_env *env;
    bool *force_quote;
    struct buf line, value;
    uint64_t rows;
};

static bool lists_name(const struct ast_list *names, const char *name)
{
    for (uint32_t i = 0; i < ast_count(names); i++)
        if (strcmp(ast_string_at(names, i), name) == 0)
            return true;
    return false;
}

static int put_line(struct copy_out *c, struct batch *batch, uint32_t row, struct err *err)
{
    buf_reset(&c->line);
    for (uint32_t i = 0; i < c->shape->n; i++) {
        if (i)
            buf_put_u8(&c->line, (uint8_t)c->o.delimiter);
        if (vec_is_null(&batch->cols[i], row)) {
            copy_put(&c->o, NULL, 0, false, false, &c->line);
            continue;
        }
        struct datum d = vec_datum(&batch->cols[i], row);
        buf_reset(&c->value);
        int rc = type_out(c->env, c->shape->columns[i].type_oid, &d, &c->value, err);
        if (rc)
            return rc;
        copy_put(&c->o, (const char *)buf_text(&c->value), c->value.len, c->force_quote[i],
                 c->shape->n == 1, &c->line);
    }
    buf_put_u8(&c->line, '\n');
    return c->s->client->ops->copy_out(c->task, c->s->client, c->line.data, c->line.len, err);
}

static int copy_batch_out(void *ctx, struct batch *batch, struct err *err)
{
    struct copy_out *c = ctx;
    for (uint32_t i = 0; i < c->shape->n; i++)
        vec_flatten(&batch->cols[i], batch->sel, batch->n_sel, batch->arena);
    for (uint32_t r = 0; r < batch_count(batch); r++) {
        int rc = put_line(c, batch, batch_row(batch, r), err);
        if (rc)
            return rc;
        c->rows++;
    }
    task_tick(c->task, batch_count(batch) * (c->shape->n + 1));
    return task_check(c->task, err);
}

static int put_header(struct copy_out *c, struct err *err)
{
    buf_reset(&c->line);
    for (uint32_t i = 0; i < c->shape->n; i++) {
        const char *name = c->shape->columns[i].name;
        if (i)
            buf_put_u8(&c->line, (uint8_t)c->o.delimiter);
        copy_put(&c->o, name, strlen(name), false, c->shape->n == 1, &c->line);
    }
    buf_put_u8(&c->line, '\n');
    return c->s->client->ops->copy_out(c->task, c->s->client, c->line.data, c->line.len, err);
}

/* COPY t (a, b) TO: the query SELECT a, b FROM t. */
static const struct ast_node *table_query(struct utility_run *u, const struct ast_copy_stmt *stmt,
                                          struct arena *arena)
{
    struct ast_select_stmt *select = ast_new(arena, select_stmt);
    select->from = ast_list_add(arena, NULL, stmt->relation);
    for (uint32_t i = 0; i < (stmt->columns ? stmt->columns->count : 1); i++) {
        struct ast_column_ref *ref = ast_new(arena, column_ref);
        struct ast_node *field = stmt->columns
                                     ? ast_new_string(arena, ast_string_at(stmt->columns, i))
                                     : ast_new_node(arena, AST_star);
        ref->fields = ast_list_add(arena, NULL, field);
        struct ast_res_target *t = ast_new(arena, res_target);
        t->val = &ref->node;
        select->targets = ast_list_add(arena, select->targets, t);
    }
    return &select->node;
}

static int load_query(struct utility_run *u, const struct ast_node *query,
                      struct cached_plan **plan, struct err *err)
{
    struct arena arena;
    arena_init(&arena, &u->s->account);
    struct session_host host;
    session_host_init(&host, u->s, &u->s->view, session_clock(u->s));
    struct planner_options options;
    session_planner_options(u->s, &host.host.env, u->text, u->len, &options);
    struct plan bytes;
    int rc = plan_statement(query, &options, &arena, &bytes, err);
    if (!rc)
        rc = plan_load(u->s, &bytes, plan, err);
    arena_done(&arena);
    return rc;
}

static int run_copy_out(struct task *task, struct utility_run *u, struct portal *p,
                        struct copy_out *c, struct err *err)
{
    struct session *s = u->s;
    const struct session_client_ops *ops = s->client->ops;
    int rc = ops->copy_out_begin(s->client, c->o.format, c->shape->n);
    if (!rc && c->o.header)
        rc = put_header(c, err);
    struct row_target target = {.each = copy_batch_out, .ctx = c};
    bool done;
    uint64_t rows;
    if (!rc)
        rc = portal_run_retrying(task, s, p, &target, 0, false, &done, &rows, err);
    if (!rc)
        ops->copy_out_end(s->client);
    return rc;
}

static int copy_to(struct task *task, struct utility_run *u, const struct ast_copy_stmt *stmt,
                   struct err *err)
{
    struct copy_out c = {.task = task, .s = u->s};
    int rc = copy_options_read(stmt->options, false, &c.o, err);
    if (rc)
        return rc;
    const struct ast_node *query =
        stmt->query ? stmt->query : table_query(u, stmt, &u->s->txn.arena);
    if (!statement_is_plannable(query))
        return session_unsupported(err, "COPY of this query");
    struct cached_plan *plan;
    rc = load_query(u, query, &plan, err);
    if (rc)
        return rc;
    struct portal *p;
    portal_create_internal(u->s, plan, &p);
    c.shape = &p->shape;
    c.env = &p->host.host.env;
    c.force_quote = arena_array(&p->arena, bool, c.shape->n + 1);
    for (uint32_t i = 0; i < c.shape->n; i++)
        c.force_quote[i] =
            c.o.force_quote_all || lists_name(c.o.force_quote, c.shape->columns[i].name);
    if (!c.shape->n)
        rc = err_set(err, ERR_FEATURE_NOT_SUPPORTED, "COPY query must have a RETURNING clause");
    if (!rc)
        rc = run_copy_out(task, u, p, &c, err);
    buf_done(&c.line);
    buf_done(&c.value);
    portal_drop(task, u->s, p);
    snprintf(u->tag, sizeof u->tag, "COPY %llu", (unsigned long long)c.rows);
    return rc;
}

/* ---- FROM STDIN ---- */

struct copy_in {
    struct task *task;
    struct session *s;
    struct portal *portal;
    struct copy_options o;
    const struct cat_object *table;
    uint32_t n;
    const struct cat_column **columns;
    bool *force_not_null, *force_null;
    struct session_host host;
    struct buf data;
    size_t at;
    bool at_end, ended;
    uint64_t line;
    struct copy_field *fields;
};

static int say_where(struct copy_in *c, const char *column, const struct copy_field *field,
                     struct err *err)
{
    if (err->where[0])
        return err->code;
    if (column && field && field->data)
        snprintf(err->where, sizeof err->where, "COPY %s, line %llu, column %s: \"%.*s\"",
                 c->table->name, (unsigned long long)c->line, column,
                 (int)(field->len < 40 ? field->len : 40), field->data);
    else if (column)
        snprintf(err->where, sizeof err->where, "COPY %s, line %llu, column %s: null input",
                 c->table->name, (unsigned long long)c->line, column);
    else
        snprintf(err->where, sizeof err->where, "COPY %s, line %llu", c->table->name,
                 (unsigned long long)c->line);
    return err->code;
}

/* *line NULL at the end of the data; borrowed until the next call. */
static int next_line(struct copy_in *c, const char **line, size_t *len, struct err *err)
{
    struct copy_scan scan = {0};
    *line = NULL;
    if (c->ended)
        return 0;
    for (;;) {
        size_t eol;
        if (copy_line_end(&c->o, c->data.data + c->at, c->data.len - c->at, c->at_end, &scan, len,
                          &eol)) {
            *line = (const char *)c->data.data + c->at;
            c->at += *len + eol;
            c->line++;
            if (*len == 2 && memcmp(*line, "\\.", 2) == 0) {
                c->ended = true;
                *line = NULL;
            }
            return 0;
        }
        if (c->at_end) {
            c->ended = true;
            return 0;
        }
        if (c->at) {
            buf_consume(&c->data, c->at);
            c->at = 0;
        }
        if (c->data.len > (size_t)1 << 30)
            return err_set(err, ERR_PROGRAM_LIMIT_EXCEEDED, "a line of COPY data is too long");
        bool end;
        int rc = c->s->client->ops->copy_in(c->task, c->s->client, &c->data, &end, err);
        if (rc)
            return rc;
        c->at_end = end;
    }
}

/* Whatever still comes is read away, as PostgreSQL does after \. */
static int drain_input(struct copy_in *c, struct err *err)
{
    while (!c->at_end) {
        buf_reset(&c->data);
        bool end;
        int rc = c->s->client->ops->copy_in(c->task, c->s->client, &c->data, &end, err);
        if (rc)
            return rc;
        c->at_end = end;
    }
    return 0;
}

static int put_field(struct copy_in *c, struct batch *b, uint32_t row, uint32_t i, struct err *err)
{
    const struct cat_column *col = c->columns[i];
    struct copy_field f = c->fields[i];
    size_t null_len = strlen(c->o.null_text);
    if (!f.data && c->force_not_null[i])
        f = (struct copy_field){c->o.null_text, (uint32_t)null_len};
    if (f.data && c->force_null[i] && f.len == null_len &&
        memcmp(f.data, c->o.null_text, null_len) == 0)
        f.data = NULL;
    if (!f.data) {
        vec_set_null(&b->cols[i], row, b->arena);
        return 0;
    }
    struct datum d, stored;
    int rc =
        type_in(&c->host.host.env, col->type_oid, col->typmod, f.data, f.len, b->arena, &d, err);
    if (!rc)
        rc = type_store(col->type_oid, col->typmod, &d, b->arena, &stored, err);
    if (rc)
        return say_where(c, col->name, &f, err);
    vec_put(&b->cols[i], row, &stored, b->arena);
    return 0;
}

static int check_header(struct copy_in *c, uint32_t n, struct err *err)
{
    if (n != c->n)
        return err_set(err, ERR_BAD_COPY_FILE_FORMAT,
                       "wrong number of fields in header line: got %u, expected %u", n, c->n);
    for (uint32_t i = 0; i < n; i++) {
        const char *name = c->columns[i]->name;
        if (!c->fields[i].data || c->fields[i].len != strlen(name) ||
            memcmp(c->fields[i].data, name, c->fields[i].len))
            return err_set(
                err, ERR_BAD_COPY_FILE_FORMAT,
                "column name mismatch in header line field %u: got \"%.*s\", expected \"%s\"",
                i + 1, c->fields[i].data ? (int)c->fields[i].len : 0,
                c->fields[i].data ? c->fields[i].data : "", name);
    }
    return 0;
}

static int read_row(struct copy_in *c, struct batch *b, uint32_t row, const char *line, size_t len,
                    struct err *err)
{
    uint32_t n;
    int rc = text_check((const uint8_t *)line, len, err);
    if (!rc)
        rc = copy_split(&c->o, line, len, c->n, c->fields, &n, b->arena, err);
    if (rc)
        return say_where(c, NULL, NULL, err);
    if (c->n == 0 && n == 1 && len == 0)
        n = 0;
    if (n > c->n) {
        err_set(err, ERR_BAD_COPY_FILE_FORMAT, "extra data after last expected column");
        return say_where(c, NULL, NULL, err);
    }
    if (n < c->n) {
        err_set(err, ERR_BAD_COPY_FILE_FORMAT, "missing data for column \"%s\"",
                c->columns[n]->name);
        return say_where(c, NULL, NULL, err);
    }
    for (uint32_t i = 0; i < n; i++) {
        rc = put_field(c, b, row, i, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int skip_header(struct copy_in *c, struct err *err)
{
    const char *line;
    size_t len;
    int rc = next_line(c, &line, &len, err);
    if (rc || !line || c->o.header != COPY_HEADER_MATCH)
        return rc;
    struct arena arena;
    arena_init(&arena, NULL);
    uint32_t n;
    rc = copy_split(&c->o, line, len, c->n, c->fields, &n, &arena, err);
    if (!rc)
        rc = check_header(c, n, err);
    arena_done(&arena);
    return rc;
}

static struct batch *new_batch(struct copy_in *c)
{
    struct batch *b = batch_create(c->n, &c->portal->account);
    for (uint32_t i = 0; i < c->n; i++) {
        struct type_storage st = type_storage(c->columns[i]->type_oid, c->columns[i]->typmod);
        vec_alloc(&b->cols[i], (enum phys_kind)st.kind, BATCH_ROWS, b->arena);
        b->cols[i].dec_scale = st.dec_scale;
    }
    return b;
}

/* Long values are copied: lines move when more data comes. */
static int pull_rows(void *ctx, struct task *task, uint32_t rows_max, struct batch **out,
                     struct err *err)
{
    struct copy_in *c = ctx;
    *out = NULL;
    if (c->line == 0 && c->o.header && !c->ended) {
        int rc = skip_header(c, err);
        if (rc)
            return rc;
    }
    struct batch *b = new_batch(c);
    uint32_t n = 0, most = rows_max < BATCH_ROWS ? rows_max : BATCH_ROWS;
    int rc = 0;
    while (n < most && b->arena->total_bytes < 4u << 20) {
        const char *line;
        size_t len;
        rc = next_line(c, &line, &len, err);
        if (rc || !line)
            break;
        rc = read_row(c, b, n, line, len, err);
        if (rc)
            break;
        n++;
    }
    if (rc || !n) {
        batch_destroy(b);
        return rc ? rc : drain_input(c, err);
    }
    b->n_rows = n;
    for (uint32_t i = 0; i < c->n; i++)
        b->cols[i].n = n;
    task_tick(task, n * (c->n + 1));
    *out = b;
    return task_check(task, err);
}

static int choose_columns(struct copy_in *c, const struct ast_copy_stmt *stmt, struct arena *arena,
                          struct err *err)
{
    const struct cat_relation *r = c->table->relation;
    uint32_t most = stmt->columns ? stmt->columns->count : r->n_columns;
    c->columns = arena_array(arena, const struct cat_column *, most + 1);
    for (uint32_t i = 0; i < most; i++) {
        const struct cat_column *col =
            stmt->columns ? cat_column_named(r, ast_string_at(stmt->columns, i)) : &r->columns[i];
        if (!col)
            return err_set(err, ERR_UNDEFINED_COLUMN,
                           "column \"%s\" of relation \"%s\" does not exist",
                           ast_string_at(stmt->columns, i), c->table->name);
        if (!stmt->columns && (col->dropped || col->generated_expr))
            continue;
        c->columns[c->n++] = col;
    }
    c->fields = arena_array(arena, struct copy_field, c->n + 1);
    c->force_null = arena_array(arena, bool, c->n + 1);
    c->force_not_null = arena_array(arena, bool, c->n + 1);
    for (uint32_t i = 0; i < c->n; i++) {
        c->force_null[i] = c->o.force_null_all || lists_name(c->o.force_null, c->columns[i]->name);
        c->force_not_null[i] =
            c->o.force_not_null_all || lists_name(c->o.force_not_null, c->columns[i]->name);
    }
    return 0;
}

static int find_table(struct session *s, const struct ast_range_var *rv,
                      const struct cat_object **out, struct err *err)
{
    const struct cat_object *table = catalog_view_relation(&s->view, rv->schema, rv->name);
    if (!table || !table->relation)
        return err_set(err, ERR_UNDEFINED_TABLE, "relation \"%s%s%s\" does not exist",
                       rv->schema ? rv->schema : "", rv->schema ? "." : "", rv->name);
    if (table->relation->kind != 'r' || table->relation->system)
        return err_set(err, ERR_WRONG_OBJECT_TYPE, "cannot copy to %s \"%s\"",
                       table->relation->kind == 'v' ? "view" : "relation", rv->name);
    *out = table;
    return 0;
}

static int plan_copy(struct copy_in *c, struct utility_run *u, const struct ast_copy_stmt *stmt,
                     struct cached_plan **plan, struct err *err)
{
    struct arena arena;
    arena_init(&arena, &u->s->account);
    struct planner_options options;
    session_planner_options(u->s, &c->host.host.env, u->text, u->len, &options);
    struct plan bytes;
    int rc = plan_copy_from(c->table, stmt->columns, stmt->where, &options, &arena, &bytes, err);
    if (!rc)
        rc = plan_load(u->s, &bytes, plan, err);
    arena_done(&arena);
    return rc;
}

static int run_copy_in(struct task *task, struct utility_run *u, struct copy_in *c,
                       struct portal *p, struct err *err)
{
    struct session *s = u->s;
    p->source = pull_rows;
    p->source_ctx = c;
    int rc = portal_open(task, s, p, err);
    if (!rc)
        rc = s->client->ops->copy_in_begin(task, s->client, c->o.format, c->n, err);
    bool done;
    uint64_t rows;
    struct row_target target = {0};
    if (!rc)
        rc = portal_run(task, s, p, &target, 0, &done, &rows, err);
    snprintf(u->tag, sizeof u->tag, "COPY %llu", (unsigned long long)p->affected);
    return rc;
}

static int copy_from(struct task *task, struct utility_run *u, const struct ast_copy_stmt *stmt,
                     struct err *err)
{
    struct copy_in c = {.task = task, .s = u->s};
    struct arena arena;
    arena_init(&arena, &u->s->account);
    session_host_init(&c.host, u->s, &u->s->view, session_clock(u->s));
    int rc = copy_options_read(stmt->options, true, &c.o, err);
    if (!rc)
        rc = find_table(u->s, stmt->relation, &c.table, err);
    if (!rc)
        rc = choose_columns(&c, stmt, &arena, err);
    struct cached_plan *plan;
    if (!rc)
        rc = plan_copy(&c, u, stmt, &plan, err);
    if (!rc) {
        portal_create_internal(u->s, plan, &c.portal);
        rc = run_copy_in(task, u, &c, c.portal, err);
        portal_drop(task, u->s, c.portal);
    }
    buf_done(&c.data);
    arena_done(&arena);
    return rc;
}

int copy_run(struct task *task, struct utility_run *u, const struct ast_copy_stmt *stmt,
             struct err *err)
{
    if (stmt->filename || stmt->is_program) {
        session_unsupported(err, stmt->is_program ? "COPY to or from a program"
                                                  : "COPY to or from a file of the server");
        return err_hint(
            err, "COPY ... STDIN and STDOUT move data through the client; see also psql's \\copy.");
    }
    return stmt->is_from ? copy_from(task, u, stmt, err) : copy_to(task, u, stmt, err);
}
