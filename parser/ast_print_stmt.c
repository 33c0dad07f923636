#include <string.h>

#include "parser/ast_print_int.h"

/* ---- parts ---- */

static void print_object_with_args(struct printer *p, const void *node)
{
    const struct ast_object_with_args *o = node;
    print_dotted(p, o->name);
    if (o->args_unspecified)
        return;
    print_text(p, "(");
    print_list(p, o->args, ", ");
    print_text(p, ")");
}

static void print_func_param(struct printer *p, const void *node)
{
    static const char *const words[] = {"", "IN ", "OUT ", "INOUT ", "VARIADIC ", ""};
    const struct ast_func_param *f = node;
    print_text(p, words[f->mode]);
    if (f->name) {
        print_name(p, f->name);
        print_text(p, " ");
    }
    print_child(p, f->type);
    print_clause(p, " DEFAULT ", f->default_value);
}

static const struct ast_def_elem *option_at(const struct ast_list *options, uint32_t i)
{
    return ast_to(def_elem, options->items[i]);
}

/* " (name value, ...)" as EXPLAIN, VACUUM, COPY write it; NULL prints nothing. */
static void print_paren_options(struct printer *p, const struct ast_list *options)
{
    if (!options)
        return;
    print_text(p, " (");
    for (uint32_t i = 0; i < options->count; i++) {
        const struct ast_def_elem *o = option_at(options, i);
        print_text(p, i ? ", " : "");
        if (strcmp(o->name, "analyze") == 0)
            print_text(p, "ANALYZE");
        else
            print_name(p, o->name);
        print_clause(p, " ", o->arg);
    }
    print_text(p, ")");
}

static void print_copy_options(struct printer *p, const struct ast_list *options)
{
    if (!options)
        return;
    print_text(p, " WITH (");
    for (uint32_t i = 0; i < options->count; i++) {
        const struct ast_def_elem *o = option_at(options, i);
        print_text(p, i ? ", " : "");
        print_name(p, o->name);
        print_clause(p, " ", o->arg);
    }
    print_text(p, ")");
}

/* A setting's name: words joined by dots. */
void print_setting(struct printer *p, const char *name)
{
    char word[512];
    for (;;) {
        const char *dot = strchrnul(name, '.');
        size_t len =
            (size_t)(dot - name) < sizeof word - 1 ? (size_t)(dot - name) : sizeof word - 1;
        memcpy(word, name, len);
        word[len] = 0;
        print_name_copy(p, word);
        if (!*dot)
            return;
        print_text(p, ".");
        name = dot + 1;
    }
}

/* ---- COPY, transactions, settings ---- */

static void print_copy_stmt(struct printer *p, const void *node)
{
    const struct ast_copy_stmt *s = node;
    print_text(p, "COPY ");
    print_child(p, s->relation);
    print_columns(p, s->columns);
    if (s->query) {
        print_clause(p, "(", s->query);
        print_text(p, ")");
    }
    print_text(p, s->is_from ? " FROM " : " TO ");
    print_text(p, s->is_program ? "PROGRAM " : "");
    if (s->filename)
        print_literal(p, s->filename);
    else
        print_text(p, s->is_from ? "STDIN" : "STDOUT");
    print_copy_options(p, s->options);
    print_clause(p, " WHERE ", s->where);
}

static void print_modes(struct printer *p, const struct ast_list *modes)
{
    for (uint32_t i = 0; i < ast_count(modes); i++) {
        const struct ast_def_elem *o = option_at(modes, i);
        const struct ast_a_const *c = ast_to(a_const, o->arg);
        print_text(p, i ? ", " : " ");
        if (strcmp(o->name, "transaction_isolation") == 0)
            print_format(p, "ISOLATION LEVEL %s", c->text);
        else if (strcmp(o->name, "transaction_read_only") == 0)
            print_text(p, c->ival ? "READ ONLY" : "READ WRITE");
        else
            print_text(p, c->ival ? "DEFERRABLE" : "NOT DEFERRABLE");
    }
}

static void print_transaction_stmt(struct printer *p, const void *node)
{
    static const char *const words[] = {"BEGIN",
                                        "START TRANSACTION",
                                        "COMMIT",
                                        "ROLLBACK",
                                        "SAVEPOINT ",
                                        "RELEASE ",
                                        "ROLLBACK TO ",
                                        "PREPARE TRANSACTION ",
                                        "COMMIT PREPARED ",
                                        "ROLLBACK PREPARED "};
    const struct ast_transaction_stmt *s = node;
    print_text(p, words[s->kind]);
    print_modes(p, s->options);
    if (s->name && s->kind >= AST_TRANS_PREPARE)
        print_literal(p, s->name);
    else if (s->name)
        print_name(p, s->name);
    print_text(p, s->chain ? " AND CHAIN" : "");
}

static void print_set_multi(struct printer *p, const struct ast_variable_set_stmt *s)
{
    if (strcmp(s->name, "TRANSACTION SNAPSHOT") == 0) {
        print_text(p, "TRANSACTION SNAPSHOT ");
        print_list(p, s->args, ", ");
        return;
    }
    print_text(p, strcmp(s->name, "TRANSACTION") == 0 ? "TRANSACTION"
                                                      : "SESSION CHARACTERISTICS AS TRANSACTION");
    print_modes(p, s->args);
}

/* The interval of SET TIME ZONE: the one argument that is no constant. */
static void print_zone_interval(struct printer *p, const struct ast_type_cast *cast)
{
    const struct ast_list *typmods = cast->type->typmods;
    int64_t mask = typmods ? ast_to(a_const, typmods->items[0])->ival : 0;
    print_text(p, "TIME ZONE INTERVAL ");
    if (ast_count(typmods) > 1)
        print_format(p, "(%lld) ", (long long)ast_to(a_const, typmods->items[1])->ival);
    print_child(p, cast->arg);
    if (ast_count(typmods) == 1)
        print_text(p, mask == (1 << 10)   ? " HOUR"
                      : mask == (1 << 11) ? " MINUTE"
                                          : " HOUR TO MINUTE");
}

static void print_variable_set_stmt(struct printer *p, const void *node)
{
    const struct ast_variable_set_stmt *s = node;
    if (s->kind == AST_SET_RESET || s->kind == AST_SET_RESET_ALL) {
        print_text(p, s->kind == AST_SET_RESET ? "RESET " : "RESET ALL");
        if (s->kind == AST_SET_RESET)
            print_setting(p, s->name);
        return;
    }
    print_text(p, s->is_local ? "SET LOCAL " : "SET ");
    if (s->kind == AST_SET_MULTI) {
        print_set_multi(p, s);
    } else if (s->args && ast_is(type_cast, s->args->items[0])) {
        print_zone_interval(p, ast_to(type_cast, s->args->items[0]));
    } else {
        print_setting(p, s->name);
        print_text(p, s->kind == AST_SET_CURRENT   ? " FROM CURRENT"
                      : s->kind == AST_SET_DEFAULT ? " TO DEFAULT"
                                                   : " TO ");
        print_list(p, s->args, ", ");
    }
}

static void print_variable_show_stmt(struct printer *p, const void *node)
{
    const char *name = ast_to(variable_show_stmt, node)->name;
    bool all = strcmp(name, "all") == 0;
    print_text(p, all ? "SHOW ALL" : "SHOW ");
    if (!all)
        print_setting(p, name);
}

static void print_constraints_set_stmt(struct printer *p, const void *node)
{
    const struct ast_constraints_set_stmt *s = node;
    print_text(p, s->constraints ? "SET CONSTRAINTS " : "SET CONSTRAINTS ALL");
    print_list(p, s->constraints, ", ");
    print_text(p, s->deferred ? " DEFERRED" : " IMMEDIATE");
}

static void print_explain_stmt(struct printer *p, const void *node)
{
    const struct ast_explain_stmt *s = node;
    print_text(p, "EXPLAIN");
    print_paren_options(p, s->options);
    print_clause(p, " ", s->query);
}

/* ---- prepared statements and cursors ---- */

static void print_bracketed(struct printer *p, const char *before, const struct ast_list *list)
{
    if (!list)
        return;
    print_text(p, before);
    print_text(p, "(");
    print_list(p, list, ", ");
    print_text(p, ")");
}

static void print_prepare_stmt(struct printer *p, const void *node)
{
    const struct ast_prepare_stmt *s = node;
    print_text(p, "PREPARE ");
    print_name(p, s->name);
    print_bracketed(p, " ", s->types);
    print_clause(p, " AS ", s->query);
}

static void print_execute_stmt(struct printer *p, const void *node)
{
    const struct ast_execute_stmt *s = node;
    print_text(p, "EXECUTE ");
    print_name(p, s->name);
    print_bracketed(p, "", s->params);
}

void print_verb(struct printer *p, const char *verb, const char *name, const char *all)
{
    print_text(p, verb);
    if (name)
        print_name(p, name);
    else
        print_text(p, all);
}

static void print_deallocate_stmt(struct printer *p, const void *node)
{
    print_verb(p, "DEALLOCATE ", ast_to(deallocate_stmt, node)->name, "ALL");
}

static void print_declare_cursor_stmt(struct printer *p, const void *node)
{
    const struct ast_declare_cursor_stmt *s = node;
    print_verb(p, "DECLARE ", s->name, "");
    print_text(p, s->binary ? " BINARY" : "");
    print_text(p, s->insensitive ? " INSENSITIVE" : "");
    print_text(p, s->asensitive ? " ASENSITIVE" : "");
    print_text(p, s->no_scroll ? " NO SCROLL" : "");
    print_text(p, s->scroll ? " SCROLL" : "");
    print_text(p, s->hold ? " CURSOR WITH HOLD FOR " : " CURSOR FOR ");
    print_child(p, s->query);
}

static void print_fetch_stmt(struct printer *p, const void *node)
{
    static const char *const words[] = {"FORWARD ", "BACKWARD ", "ABSOLUTE ", "RELATIVE "};
    const struct ast_fetch_stmt *s = node;
    print_text(p, s->is_move ? "MOVE " : "FETCH ");
    print_text(p, words[s->dir]);
    if (s->count == INT64_MAX)
        print_text(p, "ALL");
    else
        print_format(p, "%lld", (long long)s->count);
    print_verb(p, " FROM ", s->name, "");
}

static void print_close_stmt(struct printer *p, const void *node)
{
    print_verb(p, "CLOSE ", ast_to(close_stmt, node)->name, "ALL");
}

static void print_listen_stmt(struct printer *p, const void *node)
{
    print_verb(p, "LISTEN ", ast_to(listen_stmt, node)->name, "");
}

static void print_unlisten_stmt(struct printer *p, const void *node)
{
    print_verb(p, "UNLISTEN ", ast_to(unlisten_stmt, node)->name, "*");
}

static void print_notify_stmt(struct printer *p, const void *node)
{
    const struct ast_notify_stmt *s = node;
    print_verb(p, "NOTIFY ", s->name, "");
    if (s->payload) {
        print_text(p, ", ");
        print_literal(p, s->payload);
    }
}

static void print_discard_stmt(struct printer *p, const void *node)
{
    static const char *const words[] = {"DISCARD ALL", "DISCARD PLANS", "DISCARD SEQUENCES",
                                        "DISCARD TEMP"};
    print_text(p, words[ast_to(discard_stmt, node)->kind]);
}

static void print_checkpoint_stmt(struct printer *p, const void *node)
{
    (void)node;
    print_text(p, "CHECKPOINT");
}

static void print_load_stmt(struct printer *p, const void *node)
{
    print_text(p, "LOAD ");
    print_literal(p, ast_to(load_stmt, node)->filename);
}

static void print_alter_system_stmt(struct printer *p, const void *node)
{
    print_clause(p, "ALTER SYSTEM ", ast_to(alter_system_stmt, node)->set);
}

static void print_do_stmt(struct printer *p, const void *node)
{
    const struct ast_do_stmt *s = node;
    print_text(p, "DO");
    for (uint32_t i = 0; i < s->args->count; i++) {
        print_text(p, strcmp(option_at(s->args, i)->name, "as") == 0 ? " " : " LANGUAGE ");
        print_child(p, option_at(s->args, i)->arg);
    }
}

static void print_call_stmt(struct printer *p, const void *node)
{
    print_clause(p, "CALL ", ast_to(call_stmt, node)->call);
}

static void print_lock_stmt(struct printer *p, const void *node)
{
    static const char *const modes[] = {
        "",      "ACCESS SHARE",        "ROW SHARE", "ROW EXCLUSIVE",   "SHARE UPDATE EXCLUSIVE",
        "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"};
    const struct ast_lock_stmt *s = node;
    print_text(p, "LOCK TABLE ");
    print_list(p, s->relations, ", ");
    print_format(p, " IN %s MODE", modes[s->mode]);
    print_text(p, s->nowait ? " NOWAIT" : "");
}

/* ---- maintenance ---- */

static void print_vacuum_relation(struct printer *p, const void *node)
{
    const struct ast_vacuum_relation *r = node;
    print_child(p, r->relation);
    print_columns(p, r->columns);
}

static void print_vacuum_stmt(struct printer *p, const void *node)
{
    const struct ast_vacuum_stmt *s = node;
    print_text(p, s->is_vacuum ? "VACUUM" : "ANALYZE");
    print_paren_options(p, s->options);
    print_text(p, s->relations ? " " : "");
    print_list(p, s->relations, ", ");
}

static void print_reindex_stmt(struct printer *p, const void *node)
{
    static const char *const words[] = {" INDEX ", " TABLE ", " SCHEMA ", " SYSTEM ", " DATABASE "};
    const struct ast_reindex_stmt *s = node;
    print_text(p, "REINDEX");
    print_paren_options(p, s->options);
    print_text(p, words[s->kind]);
    print_child(p, s->relation);
    if (s->name)
        print_name(p, s->name);
}

static void print_cluster_stmt(struct printer *p, const void *node)
{
    const struct ast_cluster_stmt *s = node;
    /* without a table only the bare word may stand */
    bool verbose = s->options && !s->relation;
    print_text(p, verbose ? "CLUSTER VERBOSE" : "CLUSTER");
    if (!verbose)
        print_paren_options(p, s->options);
    print_clause(p, " ", s->relation);
    if (s->index_name) {
        print_text(p, " USING ");
        print_name(p, s->index_name);
    }
}

static void print_truncate_stmt(struct printer *p, const void *node)
{
    const struct ast_truncate_stmt *s = node;
    print_text(p, "TRUNCATE TABLE ");
    print_list(p, s->relations, ", ");
    print_text(p, s->restart_identity ? " RESTART IDENTITY" : "");
    print_behavior(p, s->behavior);
}

/* ---- objects by name ---- */

/* The last string of a name after all before it: "t.c" of (t, c) is `c ON t`. */
static void print_on_name(struct printer *p, const struct ast_list *name, const char *on)
{
    print_name(p, ast_string_at(name, name->count - 1));
    print_text(p, on);
    for (uint32_t i = 0; i + 1 < name->count; i++) {
        print_text(p, i ? "." : "");
        print_name(p, ast_string_at(name, i));
    }
}

static bool is_part_of_relation(enum ast_object_kind kind)
{
    return kind == AST_OBJ_TRIGGER || kind == AST_OBJ_RULE || kind == AST_OBJ_POLICY ||
           kind == AST_OBJ_TABCONSTRAINT || kind == AST_OBJ_DOMCONSTRAINT;
}

void print_object(struct printer *p, enum ast_object_kind kind, const struct ast_node *object)
{
    if (ast_is(node_list, object) && is_part_of_relation(kind)) {
        print_on_name(p, ast_to(node_list, object)->items,
                      kind == AST_OBJ_DOMCONSTRAINT ? " ON DOMAIN " : " ON ");
    } else if (ast_is(node_list, object)) {
        print_dotted(p, ast_to(node_list, object)->items);
    } else if (ast_is(string, object)) {
        print_name(p, ast_to(string, object)->text);
    } else if (ast_is(object_with_args, object) && kind == AST_OBJ_AGGREGATE &&
               !ast_to(object_with_args, object)->args) {
        print_dotted(p, ast_to(object_with_args, object)->name);
        print_text(p, "(*)");
    } else {
        print_child(p, object);
    }
}

static void print_drop_stmt(struct printer *p, const void *node)
{
    const struct ast_drop_stmt *s = node;
    print_text(p, "DROP ");
    print_text(p, ast_object_kind_name(s->kind));
    print_text(p, s->concurrent ? " CONCURRENTLY" : "");
    print_text(p, s->missing_ok ? " IF EXISTS " : " ");
    for (uint32_t i = 0; i < s->objects->count; i++) {
        print_text(p, i ? ", " : "");
        print_object(p, s->kind, s->objects->items[i]);
    }
    print_behavior(p, s->behavior);
}

static void print_comment_stmt(struct printer *p, const void *node)
{
    const struct ast_comment_stmt *s = node;
    print_text(p, "COMMENT ON ");
    print_text(p, s->kind == AST_OBJ_DOMCONSTRAINT ? "CONSTRAINT" : ast_object_kind_name(s->kind));
    print_text(p, " ");
    print_object(p, s->kind, s->object);
    print_text(p, " IS ");
    if (s->text)
        print_literal(p, s->text);
    else
        print_text(p, "NULL");
}

static void print_rename_stmt(struct printer *p, const void *node)
{
    const struct ast_rename_stmt *s = node;
    enum ast_object_kind kind = s->relation ? s->relation_kind : s->kind;
    if (s->kind == AST_OBJ_DOMCONSTRAINT)
        kind = AST_OBJ_DOMAIN;
    print_text(p, "ALTER ");
    print_text(p, ast_object_kind_name(kind));
    print_text(p, s->missing_ok ? " IF EXISTS " : " ");
    print_child(p, s->relation);
    if (s->object)
        print_object(p, kind, s->object);
    if (!s->relation && !s->object)
        print_name(p, s->sub_name);
    print_text(p, " RENAME ");
    if (s->relation || s->object) {
        static const char *const words[] = {[AST_OBJ_COLUMN] = "COLUMN ",
                                            [AST_OBJ_ATTRIBUTE] = "ATTRIBUTE ",
                                            [AST_OBJ_TABCONSTRAINT] = "CONSTRAINT ",
                                            [AST_OBJ_DOMCONSTRAINT] = "CONSTRAINT "};
        if (s->sub_name) {
            print_text(p, words[s->kind]);
            print_name(p, s->sub_name);
            print_text(p, " ");
        }
    }
    print_text(p, "TO ");
    print_name(p, s->new_name);
    print_behavior(p, s->behavior);
}

static void print_alter_schema_stmt(struct printer *p, const void *node)
{
    const struct ast_alter_schema_stmt *s = node;
    print_text(p, "ALTER ");
    print_text(p, ast_object_kind_name(s->kind));
    print_text(p, s->missing_ok ? " IF EXISTS " : " ");
    print_child(p, s->relation);
    if (s->object)
        print_object(p, s->kind, s->object);
    print_text(p, " SET SCHEMA ");
    print_name(p, s->new_schema);
}

static void print_alter_owner_stmt(struct printer *p, const void *node)
{
    const struct ast_alter_owner_stmt *s = node;
    print_text(p, "ALTER ");
    print_text(p, ast_object_kind_name(s->kind));
    print_text(p, " ");
    print_object(p, s->kind, s->object);
    print_clause(p, " OWNER TO ", s->owner);
}

static void print_create_schema_stmt(struct printer *p, const void *node)
{
    const struct ast_create_schema_stmt *s = node;
    print_text(p, s->if_not_exists ? "CREATE SCHEMA IF NOT EXISTS" : "CREATE SCHEMA");
    if (s->name)
        print_verb(p, " ", s->name, "");
    print_clause(p, " AUTHORIZATION ", s->owner);
    for (uint32_t i = 0; i < ast_count(s->elements); i++)
        print_clause(p, " ", s->elements->items[i]);
}

/* ---- types and functions ---- */

static void print_create_domain_stmt(struct printer *p, const void *node)
{
    const struct ast_create_domain_stmt *s = node;
    print_text(p, "CREATE DOMAIN ");
    print_dotted(p, s->name);
    print_clause(p, " AS ", s->type);
    if (s->collation) {
        print_text(p, " COLLATE ");
        print_dotted(p, s->collation);
    }
    for (uint32_t i = 0; i < ast_count(s->constraints); i++)
        print_clause(p, " ", s->constraints->items[i]);
}

static void print_alter_domain_stmt(struct printer *p, const void *node)
{
    const struct ast_alter_domain_stmt *s = node;
    print_text(p, "ALTER DOMAIN ");
    print_dotted(p, s->name);
    print_text(p, " ");
    print_text(p, s->action);
    print_text(p, strcmp(s->action, "drop") == 0 || strcmp(s->action, "validate") == 0
                      ? " CONSTRAINT "
                      : " ");
    print_text(p, s->missing_ok ? "IF EXISTS " : "");
    if (s->constraint)
        print_name(p, s->constraint);
    print_child(p, s->def);
    print_behavior(p, s->behavior);
}

static void print_create_type(struct printer *p, const struct ast_list *name, const char *as)
{
    print_text(p, "CREATE TYPE ");
    print_dotted(p, name);
    print_text(p, as);
}

static void print_create_enum_stmt(struct printer *p, const void *node)
{
    const struct ast_create_enum_stmt *s = node;
    print_create_type(p, s->name, " AS ENUM (");
    print_list(p, s->values, ", ");
    print_text(p, ")");
}

static void print_alter_enum_stmt(struct printer *p, const void *node)
{
    const struct ast_alter_enum_stmt *s = node;
    print_text(p, "ALTER TYPE ");
    print_dotted(p, s->name);
    if (s->old_value) {
        print_text(p, " RENAME VALUE ");
        print_literal(p, s->old_value);
        print_text(p, " TO ");
        print_literal(p, s->new_value);
        return;
    }
    print_text(p, s->if_not_exists ? " ADD VALUE IF NOT EXISTS " : " ADD VALUE ");
    print_literal(p, s->new_value);
    if (s->neighbor) {
        print_text(p, s->after ? " AFTER " : " BEFORE ");
        print_literal(p, s->neighbor);
    }
}

static void print_composite_type_stmt(struct printer *p, const void *node)
{
    const struct ast_composite_type_stmt *s = node;
    print_create_type(p, s->name, " AS (");
    print_list(p, s->columns, ", ");
    print_text(p, ")");
}

static void print_create_range_stmt(struct printer *p, const void *node)
{
    const struct ast_create_range_stmt *s = node;
    print_create_type(p, s->name, " AS RANGE ");
    print_reloptions(p, s->params);
}

static void print_func_option(struct printer *p, const struct ast_def_elem *o)
{
    static const struct {
        const char *name;
        const char *words[2]; /* of false and true; the second alone stands before a value */
    } known[] = {{"strict", {" CALLED ON NULL INPUT", " STRICT"}},
                 {"window", {"", " WINDOW"}},
                 {"security", {" SECURITY INVOKER", " SECURITY DEFINER"}},
                 {"leakproof", {" NOT LEAKPROOF", " LEAKPROOF"}},
                 {"language", {"", " LANGUAGE "}},
                 {"cost", {"", " COST "}},
                 {"rows", {"", " ROWS "}},
                 {"set", {"", " "}}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].name, o->name) != 0)
            continue;
        bool boolean = ast_is(a_const, o->arg) && ast_to(a_const, o->arg)->kind == AST_CONST_BOOL;
        print_text(p, known[i].words[boolean ? ast_to(a_const, o->arg)->ival : 1]);
        print_child(p, boolean ? NULL : o->arg);
        return;
    }
    if (strcmp(o->name, "as") == 0) {
        print_text(p, " AS ");
        print_list(p, ast_to(node_list, o->arg)->items, ", ");
    } else if (strcmp(o->name, "transform") == 0) {
        const struct ast_list *types = ast_to(node_list, o->arg)->items;
        for (uint32_t i = 0; i < types->count; i++)
            print_clause(p, i ? ", FOR TYPE " : " TRANSFORM FOR TYPE ", types->items[i]);
    } else if (strcmp(o->name, "support") == 0) {
        print_text(p, " SUPPORT ");
        print_dotted(p, ast_to(node_list, o->arg)->items);
    } else if (strcmp(o->name, "parallel") == 0) {
        print_verb(p, " PARALLEL ", ast_to(string, o->arg)->text, "");
    } else { /* volatility */
        print_format(p, " %s", ast_to(string, o->arg)->text);
    }
}

static void print_return_stmt(struct printer *p, const void *node)
{
    print_clause(p, "RETURN ", ast_to(return_stmt, node)->value);
}

static void print_sql_body(struct printer *p, const struct ast_node *body)
{
    if (!body)
        return;
    if (ast_is(return_stmt, body)) {
        print_clause(p, " ", body);
        return;
    }
    const struct ast_list *items = ast_to(node_list, body)->items;
    print_text(p, " BEGIN ATOMIC ");
    for (uint32_t i = 0; i < ast_count(items); i++) {
        print_child(p, items->items[i]);
        print_text(p, "; ");
    }
    print_text(p, "END");
}

static bool is_table_param(const struct ast_node *param)
{
    return ast_to(func_param, param)->mode == AST_PARAM_TABLE;
}

static void print_params(struct printer *p, const struct ast_list *params, bool table)
{
    bool first = true;
    for (uint32_t i = 0; i < ast_count(params); i++) {
        if (is_table_param(params->items[i]) != table)
            continue;
        print_text(p, first ? "" : ", ");
        print_child(p, params->items[i]);
        first = false;
    }
}

static void print_create_function_stmt(struct printer *p, const void *node)
{
    const struct ast_create_function_stmt *s = node;
    uint32_t n = ast_count(s->params);
    bool table = n && is_table_param(s->params->items[n - 1]);
    print_text(p, s->replace ? "CREATE OR REPLACE " : "CREATE ");
    print_text(p, s->is_procedure ? "PROCEDURE " : "FUNCTION ");
    print_dotted(p, s->name);
    print_text(p, "(");
    print_params(p, s->params, false);
    print_text(p, ")");
    if (table) {
        print_text(p, " RETURNS TABLE (");
        print_params(p, s->params, true);
        print_text(p, ")");
    } else {
        print_clause(p, " RETURNS ", s->returns);
    }
    for (uint32_t i = 0; i < ast_count(s->options); i++)
        print_func_option(p, option_at(s->options, i));
    print_sql_body(p, s->sql_body);
}

static void print_alter_function_stmt(struct printer *p, const void *node)
{
    const struct ast_alter_function_stmt *s = node;
    print_text(p, "ALTER ");
    print_text(p, ast_object_kind_name(s->kind));
    print_clause(p, " ", s->func);
    for (uint32_t i = 0; i < s->actions->count; i++)
        print_func_option(p, option_at(s->actions, i));
}

/* ---- databases, roles, rights ---- */

static void print_database_options(struct printer *p, const struct ast_list *options)
{
    for (uint32_t i = 0; i < ast_count(options); i++) {
        const struct ast_def_elem *o = option_at(options, i);
        print_text(p, " ");
        print_text(p, strcmp(o->name, "connection_limit") == 0 ? "CONNECTION LIMIT" : o->name);
        print_text(p, " = ");
        print_text(p, o->arg ? "" : "DEFAULT");
        print_child(p, o->arg);
    }
}

static void print_create_database_stmt(struct printer *p, const void *node)
{
    const struct ast_create_database_stmt *s = node;
    print_verb(p, "CREATE DATABASE ", s->name, "");
    print_database_options(p, s->options);
}

static void print_alter_database_stmt(struct printer *p, const void *node)
{
    const struct ast_alter_database_stmt *s = node;
    print_verb(p, "ALTER DATABASE ", s->name, "");
    print_database_options(p, s->options);
}

static void print_alter_database_set_stmt(struct printer *p, const void *node)
{
    const struct ast_alter_database_set_stmt *s = node;
    print_verb(p, "ALTER DATABASE ", s->name, "");
    print_clause(p, " ", s->set);
}

static void print_drop_database_stmt(struct printer *p, const void *node)
{
    const struct ast_drop_database_stmt *s = node;
    print_verb(p, s->missing_ok ? "DROP DATABASE IF EXISTS " : "DROP DATABASE ", s->name, "");
    for (uint32_t i = 0; i < ast_count(s->options); i++)
        print_text(p, i ? ", FORCE" : " (FORCE");
    print_text(p, s->options ? ")" : "");
}

static void print_unsupported_stmt(struct printer *p, const void *node)
{
    print_text(p, ast_to(unsupported_stmt, node)->name);
}

print_fn *print_stmt_fn(enum ast_tag tag)
{
    static print_fn *const printers[AST_TAG_COUNT] = {
        [AST_object_with_args] = print_object_with_args,
        [AST_func_param] = print_func_param,
        [AST_copy_stmt] = print_copy_stmt,
        [AST_transaction_stmt] = print_transaction_stmt,
        [AST_variable_set_stmt] = print_variable_set_stmt,
        [AST_variable_show_stmt] = print_variable_show_stmt,
        [AST_constraints_set_stmt] = print_constraints_set_stmt,
        [AST_explain_stmt] = print_explain_stmt,
        [AST_prepare_stmt] = print_prepare_stmt,
        [AST_execute_stmt] = print_execute_stmt,
        [AST_deallocate_stmt] = print_deallocate_stmt,
        [AST_declare_cursor_stmt] = print_declare_cursor_stmt,
        [AST_fetch_stmt] = print_fetch_stmt,
        [AST_close_stmt] = print_close_stmt,
        [AST_listen_stmt] = print_listen_stmt,
        [AST_unlisten_stmt] = print_unlisten_stmt,
        [AST_notify_stmt] = print_notify_stmt,
        [AST_discard_stmt] = print_discard_stmt,
        [AST_checkpoint_stmt] = print_checkpoint_stmt,
        [AST_load_stmt] = print_load_stmt,
        [AST_alter_system_stmt] = print_alter_system_stmt,
        [AST_do_stmt] = print_do_stmt,
        [AST_call_stmt] = print_call_stmt,
        [AST_lock_stmt] = print_lock_stmt,
        [AST_vacuum_relation] = print_vacuum_relation,
        [AST_vacuum_stmt] = print_vacuum_stmt,
        [AST_reindex_stmt] = print_reindex_stmt,
        [AST_cluster_stmt] = print_cluster_stmt,
        [AST_truncate_stmt] = print_truncate_stmt,
        [AST_drop_stmt] = print_drop_stmt,
        [AST_comment_stmt] = print_comment_stmt,
        [AST_rename_stmt] = print_rename_stmt,
        [AST_alter_schema_stmt] = print_alter_schema_stmt,
        [AST_alter_owner_stmt] = print_alter_owner_stmt,
        [AST_create_schema_stmt] = print_create_schema_stmt,
        [AST_create_domain_stmt] = print_create_domain_stmt,
        [AST_alter_domain_stmt] = print_alter_domain_stmt,
        [AST_create_enum_stmt] = print_create_enum_stmt,
        [AST_alter_enum_stmt] = print_alter_enum_stmt,
        [AST_composite_type_stmt] = print_composite_type_stmt,
        [AST_create_range_stmt] = print_create_range_stmt,
        [AST_create_function_stmt] = print_create_function_stmt,
        [AST_return_stmt] = print_return_stmt,
        [AST_alter_function_stmt] = print_alter_function_stmt,
        [AST_create_database_stmt] = print_create_database_stmt,
        [AST_alter_database_stmt] = print_alter_database_stmt,
        [AST_alter_database_set_stmt] = print_alter_database_set_stmt,
        [AST_drop_database_stmt] = print_drop_database_stmt,
        [AST_unsupported_stmt] = print_unsupported_stmt,
    };
    return printers[tag];
}
