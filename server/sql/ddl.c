#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/sql/ddl_int.h"
#include "server/sql/sequence.h"

/* ---- names and look-ups ---- */

const char *ddl_kind_name(char relkind)
{
    switch (relkind) {
    case 'v':
        return "view";
    case 'S':
        return "sequence";
    case 'i':
        return "index";
    default:
        return "table";
    }
}

int ddl_position(struct ddl *d, const struct ast_node *node, struct err *err)
{
    if (node && d->text)
        err_position(err, parse_position(d->text, strlen(d->text), node->at));
    return err->code;
}

const char *ddl_text_of(const struct ast_node *arg)
{
    if (ast_is(a_const, arg))
        return ast_to(a_const, arg)->text;
    if (ast_is(string, arg))
        return ast_to(string, arg)->text;
    if (ast_is(type_name, arg))
        return ast_string_at(ast_to(type_name, arg)->names, ast_count(ast_to(type_name, arg)->names) - 1);
    return NULL;
}

bool ddl_int_of(const struct ast_node *arg, int64_t *value)
{
    if (ast_is(integer, arg)) {
        *value = ast_to(integer, arg)->value;
        return true;
    }
    if (!ast_is(a_const, arg))
        return false;
    const struct ast_a_const *c = ast_to(a_const, arg);
    if (c->kind == AST_CONST_INT || c->kind == AST_CONST_BOOL) {
        *value = c->ival;
        return true;
    }
    char *end;
    if (!c->text)
        return false;
    *value = strtoll(c->text, &end, 10);
    return *end == 0 && end != c->text;
}

void ddl_tag(struct ddl *d, const char *tag)
{
    snprintf(d->result->tag, sizeof d->result->tag, "%s", tag);
}

int ddl_namespace(struct ddl *d, const char *name, uint32_t *oid, struct err *err)
{
    *oid = catalog_view_namespace(d->view, name);
    if (!*oid)
        return err_set(err, ERR_INVALID_SCHEMA_NAME, "schema \"%s\" does not exist", name);
    return 0;
}

int ddl_namespace_for(struct ddl *d, const struct ast_range_var *rv, uint32_t *oid, struct err *err)
{
    if (rv->persistence == AST_TEMPORARY)
        return session_unsupported(err, "a temporary table");
    if (rv->schema && strcmp(rv->schema, "pg_temp") == 0)
        return session_unsupported(err, "a temporary table");
    if (rv->schema) {
        int rc = ddl_namespace(d, rv->schema, oid, err);
        if (rc)
            return ddl_position(d, &rv->node, err);
    } else {
        *oid = 0;
        for (uint32_t i = 0; i < d->view->n_search_path && !*oid; i++)
            if (d->view->search_path[i] != OID_PG_CATALOG)
                *oid = d->view->search_path[i];
        if (!*oid) {
            err_set(err, ERR_INVALID_SCHEMA_NAME, "no schema has been selected to create in");
            return ddl_position(d, &rv->node, err);
        }
    }
    if (*oid == OID_PG_CATALOG || *oid == OID_INFORMATION_SCHEMA) {
        err_set(err, ERR_INSUFFICIENT_PRIVILEGE, "permission denied to create \"%s.%s\"",
                catalog_view_namespace_name(d->view, *oid), rv->name);
        return err_detail(err, "System catalog modifications are currently disallowed.");
    }
    return ddl_lock_object(d, *oid, DDL_ACCESS_SHARE, err);
}

bool ddl_name_taken(const struct ddl *d, uint32_t namespace_oid, const char *name)
{
    const char *schema = catalog_view_namespace_name(d->view, namespace_oid);
    uint32_t at;
    return schema && (catalog_view_relation(d->view, schema, name) || catalog_view_index(d->view, schema, name, &at));
}

static bool has_own_name(const struct cat_object *self, const char *name)
{
    if (!self)
        return false;
    if (strcmp(self->name, name) == 0)
        return true;
    for (uint32_t i = 0; i < self->relation->n_indexes; i++)
        if (self->relation->indexes[i].name && strcmp(self->relation->indexes[i].name, name) == 0)
            return true;
    for (uint32_t i = 0; i < self->relation->n_constraints; i++)
        if (self->relation->constraints[i].name && strcmp(self->relation->constraints[i].name, name) == 0)
            return true;
    return false;
}

static size_t cut_utf8(const char *text, size_t len)
{
    while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--;
    return len;
}

/* PostgreSQL's makeObjectName: the longer name gives first. */
static const char *make_name(struct arena *arena, const char *a, const char *b, const char *label)
{
    size_t room = 63 - (label ? strlen(label) + 1 : 0) - (b && *b ? 1 : 0);
    size_t na = strlen(a), nb = b ? strlen(b) : 0;
    while (na + nb > room) {
        if (na > nb)
            na--;
        else
            nb--;
    }
    na = cut_utf8(a, na);
    nb = b ? cut_utf8(b, nb) : 0;
    return arena_printf(arena, "%.*s%s%.*s%s%s", (int)na, a, b && *b ? "_" : "", (int)nb, b ? b : "", label ? "_" : "",
                        label ? label : "");
}

const char *ddl_choose_name(struct ddl *d, uint32_t namespace_oid, const char *a, const char *b, const char *label,
                            const struct cat_object *self)
{
    for (uint32_t i = 0;; i++) {
        const char *with = i ? arena_printf(d->arena, "%s%u", label, i) : label;
        const char *name = make_name(d->arena, a, b, with);
        if (!has_own_name(self, name) && !ddl_name_taken(d, namespace_oid, name))
            return name;
    }
}

const char *ddl_join_names(struct ddl *d, const struct cat_object *table, const int32_t *attnums, uint32_t n)
{
    struct buf out = {0};
    for (uint32_t i = 0; i < n; i++) {
        const struct cat_column *c = attnums[i] ? cat_column_at(table->relation, attnums[i]) : NULL;
        buf_put_text(&out, i ? "_" : "");
        buf_put_text(&out, c ? c->name : "expr");
    }
    const char *text = arena_strdup(d->arena, buf_text(&out));
    buf_done(&out);
    return text;
}

static int report_no_relation(struct ddl *d, const struct ast_range_var *rv, bool missing_ok, struct err *err)
{
    if (rv->schema && !catalog_view_namespace(d->view, rv->schema)) {
        if (missing_ok) {
            session_notice(d->s, "NOTICE", ERR_INVALID_SCHEMA_NAME, "schema \"%s\" does not exist, skipping", rv->schema);
            return 0;
        }
        err_set(err, ERR_INVALID_SCHEMA_NAME, "schema \"%s\" does not exist", rv->schema);
        return ddl_position(d, &rv->node, err);
    }
    if (missing_ok) {
        session_notice(d->s, "NOTICE", ERR_OK, "relation \"%s\" does not exist, skipping", rv->name);
        return 0;
    }
    return err_set(err, ERR_UNDEFINED_TABLE, "relation \"%s%s%s\" does not exist", rv->schema ? rv->schema : "",
                   rv->schema ? "." : "", rv->name);
}

static int check_kind(const struct cat_object *obj, const char *kinds, struct err *err)
{
    if (obj->relation->system) {
        err_set(err, ERR_INSUFFICIENT_PRIVILEGE, "permission denied: \"%s\" is a system catalog", obj->name);
        return err->code;
    }
    if (strchr(kinds, obj->relation->kind))
        return 0;
    const char *want = kinds[0] == 'v' ? "view" : kinds[0] == 'S' ? "sequence" : "table";
    return err_set(err, ERR_WRONG_OBJECT_TYPE, "\"%s\" is not a %s", obj->name, want);
}

int ddl_find(struct ddl *d, const struct ast_range_var *rv, const char *kinds, enum ddl_lock_mode mode, bool missing_ok,
             const struct cat_object **out, struct err *err)
{
    *out = NULL;
    if (rv->catalog && strcmp(rv->catalog, d->s->database) != 0)
        return session_unsupported(err, "a reference to another database");
    uint32_t locked = 0;
    for (;;) {
        const struct cat_object *obj = catalog_view_relation(d->view, rv->schema, rv->name);
        if (!obj)
            return report_no_relation(d, rv, missing_ok, err);
        int rc = check_kind(obj, kinds, err);
        if (rc)
            return rc;
        if (obj->oid == locked) {
            *out = obj;
            return 0;
        }
        locked = obj->oid;
        rc = ddl_lock_object(d, obj->oid, mode, err);
        if (rc)
            return rc;
    }
}

int ddl_role(struct ddl *d, const struct ast_role_spec *spec, uint32_t *oid, struct err *err)
{
    if (spec->kind == AST_ROLE_SESSION_USER) {
        *oid = d->s->session_role_oid;
        return 0;
    }
    if (spec->kind != AST_ROLE_NAME) {
        *oid = d->s->role_oid;
        return 0;
    }
    const struct cat_object *role = catalog_view_named(d->view, CLASS_ROLE, 0, spec->name);
    if (!role)
        return err_set(err, ERR_UNDEFINED_OBJECT, "role \"%s\" does not exist", spec->name);
    *oid = role->oid;
    return 0;
}

struct cat_object *ddl_new_relation(struct ddl *d, char kind, uint32_t oid, uint32_t namespace_oid, const char *name)
{
    struct cat_object *obj = cat_object_create(CLASS_RELATION, oid, d->s->db_oid, name);
    obj->namespace_oid = namespace_oid;
    obj->owner = d->s->role_oid;
    obj->relation = arena_new(obj->arena, struct cat_relation);
    obj->relation->kind = kind;
    obj->relation->next_attnum = 1;
    return obj;
}

/* ---- writing ---- */

int ddl_put(struct ddl *d, const struct cat_object *old, struct cat_object *take_new, struct err *err)
{
    int rc = catalog_store_write(d->task, d->txn, old, take_new, err);
    if (rc) {
        cat_object_unref(take_new);
        return rc;
    }
    uint32_t oid = take_new ? take_new->oid : old->oid;
    if (!d->s->txn.overlay) {
        d->s->txn.overlay = catalog_overlay_create();
        d->s->view.overlay = d->s->txn.overlay;
    }
    catalog_overlay_put(d->s->txn.overlay, oid, take_new, d->seq);
    return 0;
}

void ddl_pend_sequence(struct ddl *d, uint32_t oid, bool remove, int64_t value)
{
    struct ddl_txn *t = ddl_txn_need(d->s);
    struct ddl_pending *p = arena_new(&d->s->txn.arena, struct ddl_pending);
    *p = (struct ddl_pending){.next = t->pending, .seq = d->seq, .oid = oid, .remove = remove, .value = value};
    t->pending = p;
}

/* ---- the transaction's end ---- */

int ddl_before_commit(struct task *task, struct session *s, struct err *err)
{
    /* Everything it changes was locked on all nodes when it was changed. */
    ddl_txn_need(s)->locked = true;
    return 0;
}

static void run_pending(struct task *task, struct session *s, struct ddl_txn *t)
{
    struct err err;
    task_mask(task);
    for (struct ddl_pending *p = t->pending; p; p = p->next) {
        int rc = p->remove ? sequence_remove(task, s->node, s->db_oid, p->oid, &err)
                           : sequence_put(task, s->node, s->db_oid, p->oid, p->value, false, &err);
        if (rc)
            log_event(s->node->log, LOG_WARN, "sequence_change_failed", LOG_U64("sequence", p->oid),
                      LOG_TEXT("error", err.message));
    }
    task_unmask(task);
}

void ddl_after_commit(struct task *task, struct session *s, hlc_time commit_ts)
{
    struct arena arena;
    arena_init(&arena, NULL);
    struct catalog_change *changes;
    uint32_t n = catalog_overlay_changes(s->txn.overlay, &arena, &changes);
    struct ddl_txn *t = ddl_txn_need(s);
    ddl_node_publish(task, s, changes, n, commit_ts);
    t->remote = false; /* the other nodes gave the locks back as they took the changes */
    run_pending(task, s, t);
    arena_done(&arena);
}

void ddl_end(struct task *task, struct session *s)
{
    if (!s->txn.ddl)
        return;
    ddl_node_unlock(task, s);
    s->txn.ddl = NULL;
}

void ddl_rollback_to(struct session *s, uint32_t seq)
{
    struct ddl_txn *t = s->txn.ddl;
    for (struct ddl_pending **at = t ? &t->pending : NULL; at && *at;) {
        if ((*at)->seq >= seq)
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
}

/* ---- dispatch ---- */

bool ddl_handles(const struct ast_node *stmt)
{
    switch (ast_tag_of(stmt)) {
    case AST_create_stmt:
    case AST_create_table_as:
    case AST_index_stmt:
    case AST_create_seq_stmt:
    case AST_alter_seq_stmt:
    case AST_view_stmt:
    case AST_create_schema_stmt:
    case AST_create_database_stmt:
    case AST_alter_database_stmt:
    case AST_alter_database_set_stmt:
    case AST_drop_database_stmt:
    case AST_create_role_stmt:
    case AST_alter_role_stmt:
    case AST_alter_role_set_stmt:
    case AST_drop_role_stmt:
    case AST_grant_stmt:
    case AST_grant_role_stmt:
    case AST_alter_default_privileges_stmt:
    case AST_drop_owned_stmt:
    case AST_reassign_owned_stmt:
    case AST_drop_stmt:
    case AST_truncate_stmt:
    case AST_alter_table_stmt:
    case AST_rename_stmt:
    case AST_alter_schema_stmt:
    case AST_alter_owner_stmt:
    case AST_comment_stmt:
    case AST_lock_stmt:
    case AST_reindex_stmt:
    case AST_refresh_stmt:
    case AST_cluster_stmt:
    case AST_create_domain_stmt:
    case AST_alter_domain_stmt:
    case AST_create_enum_stmt:
    case AST_alter_enum_stmt:
    case AST_composite_type_stmt:
    case AST_create_range_stmt:
    case AST_create_function_stmt:
    case AST_alter_function_stmt:
    case AST_unsupported_stmt:
        return true;
    case AST_select_stmt:
        return ast_to(select_stmt, stmt)->into != NULL;
    default:
        return false;
    }
}

static int refuse(const struct ast_node *stmt, struct err *err)
{
    static const struct {
        enum ast_tag tag;
        const char *name;
    } names[] = {
        {AST_alter_database_stmt, "ALTER DATABASE"},
        {AST_alter_database_set_stmt, "ALTER DATABASE ... SET"},
        {AST_alter_role_set_stmt, "ALTER ROLE ... SET"},
        {AST_grant_role_stmt, "GRANT of a role"},
        {AST_alter_default_privileges_stmt, "ALTER DEFAULT PRIVILEGES"},
        {AST_drop_owned_stmt, "DROP OWNED"},
        {AST_reassign_owned_stmt, "REASSIGN OWNED"},
        {AST_refresh_stmt, "REFRESH MATERIALIZED VIEW"},
        {AST_cluster_stmt, "CLUSTER"},
        {AST_create_domain_stmt, "CREATE DOMAIN"},
        {AST_alter_domain_stmt, "ALTER DOMAIN"},
        {AST_create_enum_stmt, "CREATE TYPE ... AS ENUM"},
        {AST_alter_enum_stmt, "ALTER TYPE"},
        {AST_composite_type_stmt, "CREATE TYPE"},
        {AST_create_range_stmt, "CREATE TYPE ... AS RANGE"},
        {AST_alter_function_stmt, "ALTER FUNCTION"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].tag == ast_tag_of(stmt))
            return session_unsupported(err, names[i].name);
    if (ast_is(create_function_stmt, stmt))
        return session_unsupported(err, ast_to(create_function_stmt, stmt)->is_procedure ? "CREATE PROCEDURE" : "CREATE FUNCTION");
    if (ast_is(unsupported_stmt, stmt))
        return session_unsupported(err, ast_to(unsupported_stmt, stmt)->name);
    return session_unsupported(err, "this statement");
}

/* Storages have no bloat: there is nothing to build anew. The object must exist all the same. */
static int reindex(struct ddl *d, const struct ast_reindex_stmt *stmt, struct err *err)
{
    ddl_tag(d, "REINDEX");
    uint32_t at;
    if (stmt->kind == AST_REINDEX_INDEX && stmt->relation &&
        !catalog_view_index(d->view, stmt->relation->schema, stmt->relation->name, &at))
        return err_set(err, ERR_UNDEFINED_TABLE, "relation \"%s\" does not exist", stmt->relation->name);
    const struct cat_object *table;
    if (stmt->kind != AST_REINDEX_INDEX && stmt->relation)
        return ddl_find(d, stmt->relation, "r", DDL_ACCESS_SHARE, false, &table, err);
    return 0;
}

static int dispatch(struct ddl *d, const struct ast_node *stmt, struct err *err)
{
    switch (ast_tag_of(stmt)) {
    case AST_create_stmt:
        return ddl_create_table(d, ast_to(create_stmt, stmt), err);
    case AST_create_table_as:
        if (ast_to(create_table_as, stmt)->kind == AST_OBJ_MATVIEW)
            return session_unsupported(err, "CREATE MATERIALIZED VIEW");
        return ddl_create_table_as(d, ast_to(create_table_as, stmt)->query, ast_to(create_table_as, stmt)->into,
                                   ast_to(create_table_as, stmt)->if_not_exists, err);
    case AST_select_stmt:
        return ddl_create_table_as(d, stmt, ast_to(select_stmt, stmt)->into, false, err);
    case AST_index_stmt:
        return ddl_create_index(d, ast_to(index_stmt, stmt), err);
    case AST_create_seq_stmt:
        return ddl_create_sequence(d, ast_to(create_seq_stmt, stmt), err);
    case AST_alter_seq_stmt:
        return ddl_alter_sequence(d, ast_to(alter_seq_stmt, stmt), err);
    case AST_view_stmt:
        return ddl_create_view(d, ast_to(view_stmt, stmt), err);
    case AST_create_schema_stmt:
        return ddl_create_schema(d, ast_to(create_schema_stmt, stmt), err);
    case AST_create_database_stmt:
        return ddl_create_database(d, ast_to(create_database_stmt, stmt), err);
    case AST_drop_database_stmt:
        return ddl_drop_database(d, ast_to(drop_database_stmt, stmt), err);
    case AST_create_role_stmt:
        return ddl_create_role(d, ast_to(create_role_stmt, stmt), err);
    case AST_alter_role_stmt:
        return ddl_alter_role(d, ast_to(alter_role_stmt, stmt), err);
    case AST_drop_role_stmt:
        return ddl_drop_role(d, ast_to(drop_role_stmt, stmt), err);
    case AST_grant_stmt:
        return ddl_grant(d, ast_to(grant_stmt, stmt), err);
    case AST_drop_stmt:
        return ddl_drop(d, ast_to(drop_stmt, stmt), err);
    case AST_truncate_stmt:
        return ddl_truncate(d, ast_to(truncate_stmt, stmt), err);
    case AST_alter_table_stmt:
        return ddl_alter_table(d, ast_to(alter_table_stmt, stmt), err);
    case AST_rename_stmt:
        return ddl_rename(d, ast_to(rename_stmt, stmt), err);
    case AST_alter_schema_stmt:
        return ddl_set_schema(d, ast_to(alter_schema_stmt, stmt), err);
    case AST_alter_owner_stmt:
        return ddl_set_owner(d, ast_to(alter_owner_stmt, stmt), err);
    case AST_comment_stmt:
        return ddl_comment(d, ast_to(comment_stmt, stmt), err);
    case AST_lock_stmt:
        return ddl_lock_table(d, ast_to(lock_stmt, stmt), err);
    case AST_reindex_stmt:
        return reindex(d, ast_to(reindex_stmt, stmt), err);
    default:
        return refuse(stmt, err);
    }
}

/* Binding marks names in the tree it is given: a tree of its own keeps the statement's good for another run. */
static const struct ast_node *reparse(struct ddl *d, const struct ast_node *stmt)
{
    struct parse_result parsed;
    struct err err;
    if (!d->text || parse_sql(d->text, strlen(d->text), d->arena, NULL, &parsed, &err))
        return stmt;
    for (uint32_t i = 0; i < parsed.count; i++)
        if (parsed.statements[i].node->tag == stmt->tag && parsed.statements[i].node->start == stmt->start)
            return parsed.statements[i].node;
    return stmt;
}

static int begin_statement(struct ddl *d, struct err *err)
{
    if (d->s->txn.read_only)
        return err_set(err, ERR_READ_ONLY_SQL_TRANSACTION, "cannot execute DDL in a read-only transaction");
    int rc = session_view_refresh(d->task, d->s, err);
    if (rc)
        return rc;
    d->txn = session_kv(d->s);
    const struct kv_schema *schemas[] = {catalog_storage_schema(CATALOG_OBJECT), catalog_storage_schema(CATALOG_NAME)};
    rc = kv_stmt_begin(d->task, d->txn, schemas, 2, &d->read, err);
    if (rc)
        return rc;
    d->seq = kv_savepoint(d->txn);
    return 0;
}

int ddl_run(struct task *task, struct session *s, const struct ast_node *stmt, const char *text,
            struct command_result *result, struct err *err)
{
    struct arena arena;
    arena_init(&arena, &s->account);
    struct ddl d = {.task = task, .s = s, .arena = &arena, .text = text, .view = &s->view, .result = result};
    session_host_init(&d.host, s, &s->view, session_clock(s));
    session_planner_options(s, &d.host.host.env, text, text ? strlen(text) : 0, &d.po);
    int rc = begin_statement(&d, err);
    if (!rc)
        rc = dispatch(&d, reparse(&d, stmt), err);
    arena_done(&arena);
    return rc;
}

int ddl_lock_table(struct ddl *d, const struct ast_lock_stmt *stmt, struct err *err)
{
    ddl_tag(d, "LOCK TABLE");
    if (d->s->txn.block == TXN_NONE)
        return err_set(err, ERR_NO_ACTIVE_SQL_TRANSACTION, "LOCK TABLE can only be used in transaction blocks");
    for (uint32_t i = 0; i < ast_count(stmt->relations); i++) {
        const struct cat_object *obj;
        int rc = ddl_find(d, ast_to(range_var, stmt->relations->items[i]), "rv", (enum ddl_lock_mode)stmt->mode, false, &obj, err);
        if (rc)
            return rc;
    }
    return 0;
}
