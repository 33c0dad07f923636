/* dml.c: INSERT, UPDATE, DELETE: the operator that writes, over the query that says what. */
#include <string.h>

#include "planner/opt/opt_int.h"

struct carried {
    struct planner *p;
    uint32_t target;
    struct expr **items;
    uint32_t n, cap;
};

static bool add_carried(const struct expr *e, void *arg, bool *stop)
{
    struct carried *c = arg;
    if (e->op != EXPR_COLUMN || e->rel == c->target)
        return true;
    for (uint32_t i = 0; i < c->n; i++)
        if (expr_equal(c->items[i], e))
            return true;
    c->items = bind_grow(c->p->b, c->items, c->n, &c->cap, sizeof *c->items);
    c->items[c->n++] = (struct expr *)e;
    return true;
}

static struct pnode *finish(struct planner *p, struct query *q, struct pnode *n)
{
    if (!q->n_returning)
        return n;
    struct expr **outs = arena_array(p->arena, struct expr *, q->n_returning);
    for (uint32_t i = 0; i < q->n_returning; i++)
        outs[i] = q->returning[i].expr;
    return node_project(p, n, outs, q->n_returning);
}

/* The full row (hidden row id too), by the target's columns. */
static uint32_t row_exprs(struct planner *p, const struct rel *rel, struct expr **out, bool with_key)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < rel->n_columns; i++) {
        bool key = rel->columns[i].attnum == REL_KEY;
        if (key && !with_key)
            continue;
        out[n++] = expr_column(p->arena, rel->number, i, rel->columns[i].type, rel->columns[i].typmod);
    }
    return n;
}

static int plan_insert(struct planner *p, struct query *q, struct pnode **out, struct err *err)
{
    struct rel *rel = p->b->rels[q->target_rel];
    struct pnode *source;
    int rc = plan_from(p, q->from, NULL, 0, NULL, 0, &source, err);
    if (rc)
        return rc;
    struct expr **row = arena_array(p->arena, struct expr *, q->n_targets + 1);
    for (uint32_t i = 0; i < q->n_targets; i++)
        row[i] = q->targets[i].expr;
    /* Always a projection of its own, so that the operator's input is exactly the full row. */
    struct pnode *project = node_new(p, PLAN_OP_PROJECT, source, NULL);
    node_outs(p, project, row, q->n_targets);
    project->defs = project->outs;
    struct pnode *n = node_new(p, PLAN_OP_INSERT, project, NULL);
    struct expr **outs = arena_array(p->arena, struct expr *, rel->n_columns + 1);
    n->n_outs = row_exprs(p, rel, outs, false);
    n->outs = outs;
    n->query = q;
    n->rel = rel;
    n->n_order = 0;
    p->writes = true;
    *out = finish(p, q, n);
    return plan_ctes_of(p, q, out, err);
}

static int plan_modify(struct planner *p, struct query *q, struct pnode **out, struct err *err)
{
    struct rel *rel = p->b->rels[q->target_rel];
    struct expr **terms = NULL;
    uint32_t n_terms = 0, cap = 0;
    split_terms(p->arena, q->where, &terms, &n_terms, &cap);
    struct pnode *source;
    int rc = plan_from(p, q->from, terms, n_terms, NULL, 0, &source, err);
    if (rc)
        return rc;
    struct carried carried = {.p = p, .target = rel->number};
    if (q->where)
        expr_walk(q->where, add_carried, &carried);
    for (uint32_t i = 0; q->set_exprs && i < rel->n_visible; i++)
        if (q->set_exprs[i])
            expr_walk(q->set_exprs[i], add_carried, &carried);
    for (uint32_t i = 0; i < q->n_returning; i++)
        expr_walk(q->returning[i].expr, add_carried, &carried);
    struct expr **input = arena_array(p->arena, struct expr *, rel->n_columns + carried.n + 1);
    uint32_t n = row_exprs(p, rel, input, true);
    for (uint32_t i = 0; i < carried.n; i++)
        input[n++] = carried.items[i];
    source = node_project(p, source, input, n);
    struct pnode *m = node_new(p, PLAN_OP_MODIFY, source, NULL);
    struct expr **outs = arena_array(p->arena, struct expr *, n + 1);
    m->n_outs = row_exprs(p, rel, outs, false);
    for (uint32_t i = 0; i < carried.n; i++)
        outs[m->n_outs++] = carried.items[i];
    m->outs = outs;
    m->query = q;
    m->rel = rel;
    m->n_carried = carried.n;
    m->terms = terms;
    m->n_terms = n_terms;
    m->n_order = 0;
    p->writes = true;
    *out = finish(p, q, m);
    return plan_ctes_of(p, q, out, err);
}

int plan_dml(struct planner *p, struct query *q, struct pnode **out, struct err *err)
{
    return q->command == PLAN_INSERT ? plan_insert(p, q, out, err) : plan_modify(p, q, out, err);
}
