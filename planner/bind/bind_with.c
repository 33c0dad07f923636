/* bind_with.c: common table expressions. */
#include <string.h>

#include "planner/bind/bind_int.h"

static int name_columns(struct binder *b, struct cte *cte, const struct query *q, const struct ast_common_table_expr *def,
                        struct err *err)
{
    uint32_t n = 0;
    while (n < q->n_targets && !q->targets[n].junk)
        n++;
    if (ast_count(def->columns) > n) {
        err_set(err, ERR_INVALID_COLUMN_REFERENCE, "WITH query \"%s\" has %u columns available but %u columns specified",
                def->name, n, ast_count(def->columns));
        return bind_error(b, &def->node, err);
    }
    cte->n_columns = n;
    cte->columns = arena_array(b->arena, struct rel_column, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        const struct target *t = &q->targets[i];
        cte->columns[i] = (struct rel_column){
            .name = i < ast_count(def->columns) ? ast_string_at(def->columns, i) : t->name,
            .type = t->expr->type,
            .typmod = t->expr->typmod,
            .collation = t->expr->collation,
        };
    }
    return 0;
}

static void push_cte(struct binder *b, struct scope *s, struct cte *cte)
{
    struct cte_scope *link = arena_new(b->arena, struct cte_scope);
    link->cte = cte;
    link->next = s->ctes;
    s->ctes = link;
}

/* Does the query mention the name in a FROM? Decides whether WITH RECURSIVE's member is recursive. */
static int find_mention(struct ast_node *node, void *name)
{
    if (ast_is(range_var, node) && !ast_to(range_var, node)->schema &&
        strcmp(ast_to(range_var, node)->name, name) == 0)
        return -1;
    return 0;
}

static int bind_recursive(struct binder *b, struct scope *s, struct cte *cte, const struct ast_common_table_expr *def,
                          struct err *err)
{
    const struct ast_select_stmt *stmt = ast_is(select_stmt, def->query) ? ast_to(select_stmt, def->query) : NULL;
    if (!stmt || stmt->setop != AST_SETOP_UNION || ast_count(stmt->arms) != 2) {
        err_set(err, ERR_INVALID_RECURSION,
                "recursive query \"%s\" does not have the form non-recursive-term UNION [ALL] recursive-term", def->name);
        return bind_error(b, &def->node, err);
    }
    if (stmt->order_by || stmt->limit || stmt->offset || stmt->with)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "%s in a recursive query is not supported",
                       stmt->order_by ? "ORDER BY" : stmt->limit ? "LIMIT" : stmt->offset ? "OFFSET" : "WITH");
    struct query *q = arena_new(b->arena, struct query);
    struct scope level = {.parent = s, .query = q};
    q->set = stmt->all ? SET_UNION_ALL : SET_UNION;
    q->n_arms = 2;
    q->arms = arena_array(b->arena, struct query *, 2);
    int rc = bind_query(b, &level, stmt->arms->items[0], false, &q->arms[0], err);
    if (rc == 0)
        rc = name_columns(b, cte, q->arms[0], def, err);
    if (rc)
        return rc;
    cte->recursive = cte->materialize = cte->in_recursion = true;
    push_cte(b, s, cte);
    rc = bind_query(b, &level, stmt->arms->items[1], false, &q->arms[1], err);
    cte->in_recursion = false;
    if (rc)
        return rc;
    for (uint32_t i = 0; i < cte->n_columns; i++) {
        if (i >= q->arms[1]->n_targets || q->arms[1]->targets[i].junk)
            return err_set(err, ERR_SYNTAX_ERROR, "each UNION query must have the same number of columns");
        struct target *t = &q->arms[1]->targets[i];
        if (t->expr->type != cte->columns[i].type) {
            if (!coerce_possible(t->expr->type, cte->columns[i].type, COERCE_IMPLICIT)) {
                err_set(err, ERR_DATATYPE_MISMATCH,
                        "recursive query \"%s\" column %u has type %s in non-recursive term but type %s overall", def->name,
                        i + 1, type_name(cte->columns[i].type, b->arena), type_name(t->expr->type, b->arena));
                err_hint(err, "Cast the output of the non-recursive term to the correct type.");
                return bind_expr_error(b, t->expr, err);
            }
            rc = coerce_to(b, t->expr, cte->columns[i].type, -1, COERCE_IMPLICIT, &t->expr, err);
            if (rc)
                return rc;
        }
    }
    cte->query = q;
    return 0;
}

int bind_with(struct binder *b, struct scope *s, const struct ast_with_clause *with, struct err *err)
{
    for (uint32_t i = 0; i < ast_count(with->ctes); i++) {
        const struct ast_common_table_expr *def = ast_to(common_table_expr, with->ctes->items[i]);
        for (struct cte_scope *c = s->ctes; c; c = c->next) {
            if (strcmp(c->cte->name, def->name) == 0) {
                err_set(err, ERR_DUPLICATE_ALIAS, "WITH query name \"%s\" specified more than once", def->name);
                return bind_error(b, &def->node, err);
            }
        }
        if (def->search || def->cycle)
            return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "%s clause of WITH is not supported", def->search ? "SEARCH" : "CYCLE");
        struct cte *cte = arena_new(b->arena, struct cte);
        cte->name = def->name;
        cte->slot = b->n_ctes++;
        cte->materialize = def->materialize == AST_CTE_MATERIALIZED;
        if (with->recursive && ast_walk(def->query, b->arena, find_mention, (void *)def->name) < 0) {
            int rc = bind_recursive(b, s, cte, def, err);
            if (rc)
                return rc;
        } else {
            int rc = bind_query(b, s, def->query, false, &cte->query, err);
            if (rc == 0)
                rc = name_columns(b, cte, cte->query, def, err);
            if (rc)
                return rc;
            push_cte(b, s, cte);
        }
        struct query *q = s->query;
        struct cte **all = arena_array(b->arena, struct cte *, q->n_ctes + 1);
        if (q->n_ctes)
            memcpy(all, q->ctes, q->n_ctes * sizeof *all);
        all[q->n_ctes++] = cte;
        q->ctes = all;
    }
    return 0;
}
