/* utility.c: statements that are neither plans nor DDL: transactions, settings, cursors, PREPARE,
 * EXPLAIN, maintenance. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/sql/sql_int.h"
#include "types/type/text.h"

const char *statement_tag(const struct ast_node *node)
{
    switch (ast_tag_of(node)) {
    case AST_select_stmt:
        return "SELECT";
    case AST_insert_stmt:
        return "INSERT";
    case AST_update_stmt:
        return "UPDATE";
    case AST_delete_stmt:
        return "DELETE";
    case AST_merge_stmt:
        return "MERGE";
    case AST_copy_stmt:
        return "COPY";
    case AST_vacuum_stmt:
        return ast_to(vacuum_stmt, node)->is_vacuum ? "VACUUM" : "ANALYZE";
    case AST_cluster_stmt:
        return "CLUSTER";
    case AST_reindex_stmt:
        return "REINDEX";
    case AST_constraints_set_stmt:
        return "SET CONSTRAINTS";
    case AST_explain_stmt:
        return "EXPLAIN";
    case AST_listen_stmt:
        return "LISTEN";
    case AST_unlisten_stmt:
        return "UNLISTEN";
    case AST_notify_stmt:
        return "NOTIFY";
    case AST_load_stmt:
        return "LOAD";
    case AST_do_stmt:
        return "DO";
    case AST_call_stmt:
        return "CALL";
    case AST_checkpoint_stmt:
        return "CHECKPOINT";
    case AST_alter_system_stmt:
        return "ALTER SYSTEM";
    case AST_create_function_stmt:
        return "CREATE FUNCTION";
    case AST_refresh_stmt:
        return "REFRESH MATERIALIZED VIEW";
    default:
        return ast_info(ast_tag_of(node))->name;
    }
}

/* ---- rows of text ---- */

int utility_send_text(struct task *task, struct utility_run *u, const struct result_shape *shape,
                      const char *const *cells, uint32_t n_rows, struct err *err)
{
    struct session *s = u->s;
    if (u->describe)
        s->client->ops->describe(s->client, shape);
    const struct result_shape *formats = u->shape && u->shape->n == shape->n ? u->shape : shape;
    for (uint32_t first = 0; first < n_rows; first += BATCH_ROWS) {
        uint32_t n = n_rows - first < BATCH_ROWS ? n_rows - first : BATCH_ROWS;
        struct batch *b = batch_create(shape->n, &s->account);
        b->n_rows = n;
        for (uint32_t c = 0; c < shape->n; c++) {
            vec_alloc(&b->cols[c], PHYS_BYTES, n, b->arena);
            for (uint32_t r = 0; r < n; r++) {
                const char *text = cells[(size_t)(first + r) * shape->n + c];
                if (!text)
                    vec_set_null(&b->cols[c], r, b->arena);
                else
                    ((struct bytes_view *)b->cols[c].data)[r] =
                        view_of(text, (uint32_t)strlen(text));
            }
        }
        int rc = s->client->ops->rows(task, s->client, &s->type_env, formats, b, err);
        batch_destroy(b);
        if (rc)
            return rc;
    }
    return 0;
}

static void text_shape(struct arena *arena, struct result_shape *shape, uint32_t n,
                       const char *const *names)
{
    shape->n = n;
    shape->columns = arena_array(arena, struct result_column, n);
    for (uint32_t i = 0; i < n; i++)
        shape->columns[i] =
            (struct result_column){.name = names[i], .type_oid = TYPE_TEXT, .typmod = -1};
}

static const char *spelled_setting(struct session *s, const char *name)
{
    const char *spelled = name;
    struct buf ignored = {0};
    session_settings_show(s->settings, name, &ignored, &spelled);
    buf_done(&ignored);
    return spelled;
}

bool utility_shape(struct session *s, const struct ast_node *node, struct arena *arena,
                   struct result_shape *shape)
{
    static const char *const all[] = {"name", "setting", "description"}, *const plan[] = {
                                                                             "QUERY PLAN"};
    *shape = (struct result_shape){0};
    if (ast_is(variable_show_stmt, node)) {
        const char *name = ast_to(variable_show_stmt, node)->name;
        if (strcmp(name, "all") == 0) {
            text_shape(arena, shape, 3, all);
        } else {
            const char *one = arena_strdup(arena, spelled_setting(s, name));
            text_shape(arena, shape, 1, &one);
        }
        return true;
    }
    if (ast_is(explain_stmt, node)) {
        text_shape(arena, shape, 1, plan);
        return true;
    }
    const struct result_shape *of = NULL;
    struct err ignored;
    if (ast_is(fetch_stmt, node) && !ast_to(fetch_stmt, node)->is_move) {
        struct portal *p = portal_find(s, ast_to(fetch_stmt, node)->name);
        of = p ? &p->shape : NULL;
    } else if (ast_is(execute_stmt, node)) {
        struct prepared *p = prepared_find(s, ast_to(execute_stmt, node)->name, &ignored);
        of = p && p->plan ? &p->plan->shape : p && p->has_shape ? &p->shape : NULL;
    }
    if (!of || !of->n)
        return false;
    shape->n = of->n;
    shape->columns = arena_memdup(arena, of->columns, of->n * sizeof *of->columns);
    for (uint32_t i = 0; i < of->n; i++) {
        shape->columns[i].name = arena_strdup(arena, of->columns[i].name);
        shape->columns[i].format = 0;
    }
    return true;
}

/* ---- SHOW ---- */

static const char *isolation_word(const struct session *s)
{
    return s->txn.isolation == KV_REPEATABLE_READ ? "repeatable read" : "read committed";
}

/* What the transaction, not a setting, answers. NULL: an ordinary setting. */
static const char *show_transaction(const struct session *s, const char *name)
{
    if (strcasecmp(name, "transaction_isolation") == 0)
        return isolation_word(s);
    if (strcasecmp(name, "transaction_read_only") == 0)
        return s->txn.read_only ? "on" : "off";
    if (strcasecmp(name, "transaction_deferrable") == 0)
        return s->txn.deferrable ? "on" : "off";
    if (strcasecmp(name, "session_authorization") == 0)
        return s->session_role;
    if (strcasecmp(name, "role") == 0)
        return s->role_oid == s->session_role_oid ? "none" : s->role;
    return NULL;
}

static int show_all(struct task *task, struct utility_run *u, const struct result_shape *shape,
                    struct err *err)
{
    struct session *s = u->s;
    struct arena arena;
    arena_init(&arena, &s->account);
    const char **cells = arena_array(&arena, const char *, 3 * SETTING_COUNT);
    int order[SETTING_COUNT];
    for (int i = 0; i < SETTING_COUNT; i++) {
        int at = i;
        for (; at > 0 && strcasecmp(setting_info((enum setting)order[at - 1])->name,
                                    setting_info((enum setting)i)->name) > 0;
             at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    for (int i = 0; i < SETTING_COUNT; i++) {
        char text[SETTING_TEXT_MAX];
        const struct setting_info *info = setting_info((enum setting)order[i]);
        setting_show(&s->settings->s, (enum setting)order[i], text, sizeof text);
        const char *special = show_transaction(s, info->name);
        cells[3 * i] = info->name;
        cells[3 * i + 1] = arena_strdup(&arena, special ? special : text);
        cells[3 * i + 2] = info->doc;
    }
    int rc = utility_send_text(task, u, shape, cells, SETTING_COUNT, err);
    arena_done(&arena);
    return rc;
}

static int show_setting(struct task *task, struct utility_run *u,
                        const struct ast_variable_show_stmt *stmt, struct err *err)
{
    struct session *s = u->s;
    snprintf(u->tag, sizeof u->tag, "SHOW");
    struct arena arena;
    arena_init(&arena, &s->account);
    struct result_shape shape;
    utility_shape(s, &stmt->node, &arena, &shape);
    int rc;
    if (strcmp(stmt->name, "all") == 0) {
        rc = show_all(task, u, &shape, err);
    } else {
        struct buf value = {0};
        const char *special = show_transaction(s, stmt->name);
        if (special || session_settings_show(s->settings, stmt->name, &value, NULL)) {
            const char *cell = special ? special : buf_text(&value);
            rc = utility_send_text(task, u, &shape, &cell, 1, err);
        } else {
            rc = err_set(err, ERR_UNDEFINED_OBJECT, "unrecognized configuration parameter \"%s\"",
                         stmt->name);
        }
        buf_done(&value);
    }
    arena_done(&arena);
    return rc;
}

/* ---- SET ---- */

/* One argument as text; lists (search_path, DateStyle) joined by commas, identifiers quoted where
 * the parameter is a list of names. */
static int join_args(const struct ast_variable_set_stmt *stmt, struct buf *out, struct err *err)
{
    bool names = strcasecmp(stmt->name, "search_path") == 0;
    for (uint32_t i = 0; i < ast_count(stmt->args); i++) {
        const struct ast_node *arg = stmt->args->items[i];
        if (i)
            buf_put_text(out, ", ");
        if (ast_is(type_cast, arg)) {
            arg = ast_to(type_cast, arg)->arg;
            if (!ast_is(a_const, arg))
                return err_set(err, ERR_SYNTAX_ERROR, "interval constant expected");
        }
        if (ast_is(string, arg)) {
            buf_put_text(out, ast_to(string, arg)->text);
            continue;
        }
        if (!ast_is(a_const, arg))
            return err_set(err, ERR_SYNTAX_ERROR, "SET takes constants only");
        const struct ast_a_const *c = ast_to(a_const, arg);
        if (c->kind == AST_CONST_BOOL)
            buf_put_text(out, c->ival ? "on" : "off");
        else if (c->kind == AST_CONST_INT)
            buf_printf(out, "%lld", (long long)c->ival);
        else if (names && c->text)
            text_quote_ident(c->text, strlen(c->text), out);
        else if (c->text)
            buf_put_text(out, c->text);
    }
    return 0;
}

static int set_role(struct session *s, const char *name, bool session_auth, bool reset,
                    struct err *err)
{
    const char *wanted = reset || strcasecmp(name, "none") == 0 || strcasecmp(name, "default") == 0
                             ? s->session_role
                             : name;
    const struct cat_object *role = catalog_view_named(&s->view, CLASS_ROLE, 0, wanted);
    if (!role)
        return err_set(err, session_auth ? ERR_UNDEFINED_OBJECT : ERR_UNDEFINED_OBJECT,
                       "role \"%s\" does not exist", wanted);
    s->role_oid = role->oid;
    snprintf(s->role, sizeof s->role, "%s", role->name);
    return 0;
}

static int set_value(struct session *s, const struct ast_variable_set_stmt *stmt, struct err *err)
{
    struct buf value = {0};
    int rc = 0;
    const char *text = NULL;
    if (stmt->kind == AST_SET_VALUE) {
        rc = join_args(stmt, &value, err);
        text = buf_text(&value);
    }
    if (rc) {
        buf_done(&value);
        return rc;
    }
    if (strcasecmp(stmt->name, "role") == 0)
        rc = set_role(s, text ? text : "", false, !text, err);
    else if (strcasecmp(stmt->name, "session_authorization") == 0)
        rc = set_role(s, text ? text : "", true, !text, err);
    else if (strcasecmp(stmt->name, "seed") == 0)
        prng_init(&s->random, (uint64_t)(strtod(text ? text : "0", NULL) * 9007199254740992.0)),
            s->random_seeded = true;
    else if (text && (strcasecmp(stmt->name, "transaction_isolation") == 0 ||
                      strcasecmp(stmt->name, "transaction_read_only") == 0)) {
        struct arena arena;
        arena_init(&arena, NULL);
        struct ast_def_elem *e = ast_new(&arena, def_elem);
        struct ast_a_const *c = ast_new(&arena, a_const);
        e->name = stmt->name;
        c->text = text;
        c->ival =
            strcasecmp(text, "on") == 0 || strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0;
        e->arg = &c->node;
        rc = txn_set_modes(s, ast_list_add(&arena, NULL, e), false, err);
        arena_done(&arena);
    } else {
        rc = session_setting_set(s, stmt->name, text, stmt->is_local, err);
    }
    buf_done(&value);
    return rc;
}

static void reset_all(struct session *s)
{
    session_settings_ref(s->settings_start);
    session_settings_ref(s->settings_start);
    session_settings_unref(s->settings);
    session_settings_unref(s->settings_session);
    s->settings = s->settings_session = s->settings_start;
    s->type_env = s->settings->env;
}

int utility_set(struct task *task, struct session *s, const struct ast_variable_set_stmt *stmt,
                const char **tag, struct err *err)
{
    *tag = stmt->kind == AST_SET_RESET || stmt->kind == AST_SET_RESET_ALL ? "RESET" : "SET";
    int rc = 0;
    if (stmt->is_local && s->txn.block != TXN_BLOCK)
        session_notice(s, "WARNING", ERR_NO_ACTIVE_SQL_TRANSACTION,
                       "SET LOCAL can only be used in transaction blocks");
    switch (stmt->kind) {
    case AST_SET_VALUE:
    case AST_SET_DEFAULT:
    case AST_SET_RESET:
        rc = set_value(s, stmt, err);
        break;
    case AST_SET_CURRENT:
        break;
    case AST_SET_RESET_ALL:
        reset_all(s);
        break;
    case AST_SET_MULTI:
        if (strcasecmp(stmt->name, "TRANSACTION SNAPSHOT") == 0)
            return session_unsupported(err, "SET TRANSACTION SNAPSHOT");
        if (strcasecmp(stmt->name, "TRANSACTION") == 0 && s->txn.block != TXN_BLOCK)
            session_notice(s, "WARNING", ERR_NO_ACTIVE_SQL_TRANSACTION,
                           "SET TRANSACTION can only be used in transaction blocks");
        rc = txn_set_modes(s, stmt->args, strcasecmp(stmt->name, "TRANSACTION") != 0, err);
        break;
    }
    return rc;
}

/* ---- DISCARD, maintenance ---- */

static void deallocate_all(struct session *s)
{
    for (size_t i = 0; i < s->prepared.entry_count; i++)
        if (s->prepared.entries[i].value)
            prepared_unref(s->prepared.entries[i].value);
    hashmap_clear(&s->prepared);
}

static int discard(struct task *task, struct utility_run *u, const struct ast_discard_stmt *stmt,
                   struct err *err)
{
    static const char *const tags[] = {"DISCARD ALL", "DISCARD PLANS", "DISCARD SEQUENCES",
                                       "DISCARD TEMP"};
    snprintf(u->tag, sizeof u->tag, "%s", tags[stmt->kind]);
    struct session *s = u->s;
    if (stmt->kind == AST_DISCARD_SEQUENCES || stmt->kind == AST_DISCARD_ALL)
        host_session_done(s);
    if (stmt->kind != AST_DISCARD_ALL)
        return 0;
    if (!u->top_level || txn_in_block(s))
        return err_set(err, ERR_ACTIVE_SQL_TRANSACTION,
                       "DISCARD ALL cannot run inside a transaction block");
    portal_drop_since(task, s, 0, false);
    deallocate_all(s);
    reset_all(s);
    s->role_oid = s->session_role_oid;
    memcpy(s->role, s->session_role, sizeof s->role);
    return 0;
}

static int vacuum(struct utility_run *u, const struct ast_vacuum_stmt *stmt, struct err *err)
{
    struct session *s = u->s;
    const char *what = stmt->is_vacuum ? "VACUUM" : "ANALYZE";
    if (stmt->is_vacuum && (!u->top_level || txn_in_block(s)))
        return err_set(err, ERR_ACTIVE_SQL_TRANSACTION,
                       "VACUUM cannot run inside a transaction block");
    for (uint32_t i = 0; i < ast_count(stmt->relations); i++) {
        const struct ast_range_var *rv =
            ast_to(vacuum_relation, stmt->relations->items[i])->relation;
        if (!catalog_view_relation(&s->view, rv->schema, rv->name))
            return err_set(err, ERR_UNDEFINED_TABLE, "relation \"%s\" does not exist", rv->name);
    }
    snprintf(u->tag, sizeof u->tag, "%s", what);
    return 0;
}

static int deallocate(struct utility_run *u, const struct ast_deallocate_stmt *stmt,
                      struct err *err)
{
    snprintf(u->tag, sizeof u->tag, stmt->name ? "DEALLOCATE" : "DEALLOCATE ALL");
    if (!stmt->name) {
        deallocate_all(u->s);
        return 0;
    }
    if (!prepared_find(u->s, stmt->name, err))
        return err->code;
    session_close_statement(u->s, stmt->name);
    return 0;
}

static int close_cursor(struct task *task, struct utility_run *u, const struct ast_close_stmt *stmt,
                        struct err *err)
{
    struct session *s = u->s;
    snprintf(u->tag, sizeof u->tag, stmt->name ? "CLOSE CURSOR" : "CLOSE CURSOR ALL");
    if (stmt->name) {
        struct portal *p = portal_find(s, stmt->name);
        if (!p)
            return err_set(err, ERR_INVALID_CURSOR_NAME, "cursor \"%s\" does not exist",
                           stmt->name);
        portal_drop(task, s, p);
        return 0;
    }
    for (size_t i = 0; i < s->portals.entry_count; i++) {
        struct portal *p = s->portals.entries[i].value;
        if (p && p->is_cursor)
            portal_drop(task, s, p);
    }
    return 0;
}

static int maintain(struct task *task, struct utility_run *u, struct err *err)
{
    switch (ast_tag_of(u->node)) {
    case AST_vacuum_stmt:
        return vacuum(u, ast_to(vacuum_stmt, u->node), err);
    case AST_checkpoint_stmt:
        snprintf(u->tag, sizeof u->tag, "CHECKPOINT");
        return 0;
    case AST_constraints_set_stmt:
        snprintf(u->tag, sizeof u->tag, "SET CONSTRAINTS");
        return 0;
    case AST_unlisten_stmt:
        snprintf(u->tag, sizeof u->tag, "UNLISTEN");
        return 0;
    case AST_unsupported_stmt:
        return session_unsupported(err, ast_to(unsupported_stmt, u->node)->name);
    default:
        return session_unsupported(err, statement_tag(u->node));
    }
}

/* ---- the door ---- */

static int run_ddl(struct task *task, struct utility_run *u, struct err *err)
{
    struct session *s = u->s;
    struct command_result result = {0};
    if (s->txn.read_only)
        return err_set(err, ERR_READ_ONLY_SQL_TRANSACTION,
                       "cannot execute %s in a read-only transaction", statement_tag(u->node));
    s->txn.ran_statement = true;
    for (int attempt = 0;; attempt++) {
        uint32_t seq = kv_savepoint(session_kv(s));
        int rc = session_view_refresh(task, s, err);
        if (!rc)
            rc = ddl_run(task, s, u->node, u->text, &result, err);
        if (!rc) {
            memcpy(u->tag, result.tag, sizeof u->tag);
            return 0;
        }
        enum kv_retry retry = s->txn.kv ? kv_txn_retry(s->txn.kv) : KV_RETRY_NONE;
        struct err trouble;
        if ((retry != KV_RETRY_STATEMENT && retry != KV_RETRY_SCHEMA) || attempt >= 50 ||
            kv_rollback_to(task, s->txn.kv, seq, &trouble))
            return rc;
        if (s->txn.overlay)
            catalog_overlay_rollback(s->txn.overlay, seq);
        ddl_rollback_to(s, seq);
        if (task_sleep(task, UINT64_C(2000000), &trouble) ||
            (retry == KV_RETRY_SCHEMA && node_catalog_load(task, s->node, &trouble)))
            return rc;
    }
}

int utility_execute(struct task *task, struct utility_run *u, struct err *err)
{
    struct session *s = u->s;
    const char *tag = NULL;
    int rc = 0;
    if (s->txn.block != TXN_FAILED)
        rc = session_view_refresh(task, s, err);
    if (rc)
        return rc;
    switch (ast_tag_of(u->node)) {
    case AST_transaction_stmt:
        rc = txn_statement(task, s, ast_to(transaction_stmt, u->node), &tag, err);
        break;
    case AST_variable_set_stmt:
        rc = utility_set(task, s, ast_to(variable_set_stmt, u->node), &tag, err);
        break;
    case AST_variable_show_stmt:
        return show_setting(task, u, ast_to(variable_show_stmt, u->node), err);
    case AST_prepare_stmt:
        return prepare_statement(task, u, ast_to(prepare_stmt, u->node), err);
    case AST_execute_stmt:
        return prepare_execute(task, u, ast_to(execute_stmt, u->node), err);
    case AST_deallocate_stmt:
        return deallocate(u, ast_to(deallocate_stmt, u->node), err);
    case AST_declare_cursor_stmt:
        return cursor_declare(task, u, ast_to(declare_cursor_stmt, u->node), err);
    case AST_fetch_stmt:
        return cursor_fetch(task, u, ast_to(fetch_stmt, u->node), err);
    case AST_close_stmt:
        return close_cursor(task, u, ast_to(close_stmt, u->node), err);
    case AST_explain_stmt:
        return explain_run(task, u, ast_to(explain_stmt, u->node), err);
    case AST_copy_stmt:
        return copy_run(task, u, ast_to(copy_stmt, u->node), err);
    case AST_discard_stmt:
        return discard(task, u, ast_to(discard_stmt, u->node), err);
    default:
        return ddl_handles(u->node) ? run_ddl(task, u, err) : maintain(task, u, err);
    }
    if (tag)
        snprintf(u->tag, sizeof u->tag, "%s", tag);
    return rc;
}
