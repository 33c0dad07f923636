#include <string.h>

#include "parser/ast_print_int.h"

static void print_role_spec(struct printer *p, const void *node)
{
    static const char *const words[] = {"", "CURRENT_ROLE", "CURRENT_USER", "SESSION_USER",
                                        "public"};
    const struct ast_role_spec *r = node;
    print_text(p, words[r->kind]);
    if (r->kind == AST_ROLE_NAME)
        print_name(p, r->name);
}

static void print_role_options(struct printer *p, const struct ast_list *options, bool alter)
{
    static const struct {
        const char *name;
        const char *words[2]; /* of false and true, or before a value */
    } known[] = {{"superuser", {" NOSUPERUSER", " SUPERUSER"}},
                 {"createrole", {" NOCREATEROLE", " CREATEROLE"}},
                 {"isreplication", {" NOREPLICATION", " REPLICATION"}},
                 {"createdb", {" NOCREATEDB", " CREATEDB"}},
                 {"canlogin", {" NOLOGIN", " LOGIN"}},
                 {"bypassrls", {" NOBYPASSRLS", " BYPASSRLS"}},
                 {"inherit", {" NOINHERIT", " INHERIT"}},
                 {"connectionlimit", {"", " CONNECTION LIMIT "}},
                 {"validuntil", {"", " VALID UNTIL "}},
                 {"sysid", {"", " SYSID "}}};
    for (uint32_t i = 0; i < ast_count(options); i++) {
        const struct ast_def_elem *o = ast_to(def_elem, options->items[i]);
        bool boolean = ast_is(a_const, o->arg) && ast_to(a_const, o->arg)->kind == AST_CONST_BOOL;
        for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
            if (strcmp(known[k].name, o->name) == 0) {
                print_text(p, known[k].words[boolean ? ast_to(a_const, o->arg)->ival : 1]);
                print_child(p, boolean ? NULL : o->arg);
            }
        if (strcmp(o->name, "password") == 0) {
            print_text(p, o->arg ? " PASSWORD " : " PASSWORD NULL");
            print_child(p, o->arg);
        }
        const char *list = strcmp(o->name, "adminmembers") == 0  ? " ADMIN "
                           : strcmp(o->name, "addroleto") == 0   ? " IN ROLE "
                           : strcmp(o->name, "rolemembers") == 0 ? (alter ? " USER " : " ROLE ")
                                                                 : NULL;
        if (list) {
            print_text(p, list);
            print_list(p, ast_to(node_list, o->arg)->items, ", ");
        }
    }
}

static const char *const role_words[] = {"ROLE ", "USER ", "GROUP "};

static void print_create_role_stmt(struct printer *p, const void *node)
{
    const struct ast_create_role_stmt *s = node;
    print_text(p, "CREATE ");
    print_verb(p, role_words[s->kind], s->name, "");
    print_role_options(p, s->options, false);
}

static void print_alter_role_stmt(struct printer *p, const void *node)
{
    const struct ast_alter_role_stmt *s = node;
    print_text(p, "ALTER ");
    print_clause(p, role_words[s->kind], s->role);
    if (s->kind == AST_ROLE_GROUP)
        print_text(p, ast_to(def_elem, s->options->items[0])->action == AST_DEF_ADD ? " ADD"
                                                                                    : " DROP");
    print_role_options(p, s->options, true);
}

static void print_alter_role_set_stmt(struct printer *p, const void *node)
{
    const struct ast_alter_role_set_stmt *s = node;
    print_text(p, s->role ? "ALTER ROLE " : "ALTER ROLE ALL");
    print_child(p, s->role);
    if (s->database)
        print_verb(p, " IN DATABASE ", s->database, "");
    print_clause(p, " ", s->set);
}

static void print_drop_role_stmt(struct printer *p, const void *node)
{
    const struct ast_drop_role_stmt *s = node;
    print_text(p, s->missing_ok ? "DROP ROLE IF EXISTS " : "DROP ROLE ");
    print_list(p, s->roles, ", ");
}

static void print_access_priv(struct printer *p, const void *node)
{
    const struct ast_access_priv *a = node;
    static const char *const words[] = {"select", "references", "create"};
    bool bare = !a->name || strcmp(a->name, "alter system") == 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        bare = bare || strcmp(a->name, words[i]) == 0;
    if (bare)
        print_text(p, a->name ? a->name : "ALL");
    else
        print_name(p, a->name);
    print_columns(p, a->columns);
}

static void print_grant_target(struct printer *p, const struct ast_grant_stmt *s)
{
    const char *kind =
        s->kind == AST_OBJ_FOREIGN_SERVER ? "FOREIGN SERVER" : ast_object_kind_name(s->kind);
    if (s->target == AST_GRANT_ALL_IN_SCHEMA) {
        print_format(p, " ON ALL %sS IN SCHEMA ", kind);
    } else if (s->target == AST_GRANT_DEFAULTS) {
        print_format(p, " ON %sS", kind);
        return;
    } else {
        print_format(p, " ON %s ", kind);
    }
    for (uint32_t i = 0; i < s->objects->count; i++) {
        print_text(p, i ? ", " : "");
        if (s->kind == AST_OBJ_PARAMETER)
            print_setting(p, ast_string_at(s->objects, i));
        else
            print_object(p, s->kind, s->objects->items[i]);
    }
}

static void print_grant_stmt(struct printer *p, const void *node)
{
    const struct ast_grant_stmt *s = node;
    print_text(p, s->is_grant ? "GRANT " : "REVOKE ");
    print_text(p, s->grant_option && !s->is_grant ? "GRANT OPTION FOR " : "");
    print_text(p, s->privileges ? "" : "ALL");
    print_list(p, s->privileges, ", ");
    print_grant_target(p, s);
    print_text(p, s->is_grant ? " TO " : " FROM ");
    print_list(p, s->grantees, ", ");
    print_text(p, s->grant_option && s->is_grant ? " WITH GRANT OPTION" : "");
    print_clause(p, " GRANTED BY ", s->grantor);
    print_behavior(p, s->behavior);
}

static void print_grant_role_stmt(struct printer *p, const void *node)
{
    const struct ast_grant_role_stmt *s = node;
    print_text(p, s->is_grant ? "GRANT " : "REVOKE ");
    print_text(p, s->admin_option && !s->is_grant ? "ADMIN OPTION FOR " : "");
    print_list(p, s->granted, ", ");
    print_text(p, s->is_grant ? " TO " : " FROM ");
    print_list(p, s->grantees, ", ");
    print_text(p, s->admin_option && s->is_grant ? " WITH ADMIN OPTION" : "");
    print_clause(p, " GRANTED BY ", s->grantor);
    print_behavior(p, s->behavior);
}

static void print_alter_default_privileges_stmt(struct printer *p, const void *node)
{
    const struct ast_alter_default_privileges_stmt *s = node;
    print_text(p, "ALTER DEFAULT PRIVILEGES");
    for (uint32_t i = 0; i < ast_count(s->options); i++) {
        const struct ast_def_elem *o = ast_to(def_elem, s->options->items[i]);
        const struct ast_list *items = ast_to(node_list, o->arg)->items;
        bool schemas = strcmp(o->name, "schemas") == 0;
        print_text(p, schemas ? " IN SCHEMA " : " FOR ROLE ");
        if (schemas)
            print_strings(p, items);
        else
            print_list(p, items, ", ");
    }
    print_clause(p, " ", s->action);
}

static void print_drop_owned_stmt(struct printer *p, const void *node)
{
    const struct ast_drop_owned_stmt *s = node;
    print_text(p, "DROP OWNED BY ");
    print_list(p, s->roles, ", ");
    print_behavior(p, s->behavior);
}

static void print_reassign_owned_stmt(struct printer *p, const void *node)
{
    const struct ast_reassign_owned_stmt *s = node;
    print_text(p, "REASSIGN OWNED BY ");
    print_list(p, s->roles, ", ");
    print_clause(p, " TO ", s->new_role);
}

print_fn *print_role_fn(enum ast_tag tag)
{
    static print_fn *const printers[AST_TAG_COUNT] = {
        [AST_role_spec] = print_role_spec,
        [AST_create_role_stmt] = print_create_role_stmt,
        [AST_alter_role_stmt] = print_alter_role_stmt,
        [AST_alter_role_set_stmt] = print_alter_role_set_stmt,
        [AST_drop_role_stmt] = print_drop_role_stmt,
        [AST_access_priv] = print_access_priv,
        [AST_grant_stmt] = print_grant_stmt,
        [AST_grant_role_stmt] = print_grant_role_stmt,
        [AST_alter_default_privileges_stmt] = print_alter_default_privileges_stmt,
        [AST_drop_owned_stmt] = print_drop_owned_stmt,
        [AST_reassign_owned_stmt] = print_reassign_owned_stmt,
    };
    return printers[tag];
}
