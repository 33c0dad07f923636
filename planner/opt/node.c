/* node.c: building physical nodes. */
#include <math.h>
#include <string.h>

#include "planner/opt/opt_int.h"

bool relset_subset(const struct relset *a, const struct relset *of)
{
    for (int i = 0; i < REL_MAX / 64; i++)
        if (a->w[i] & ~of->w[i])
            return false;
    return true;
}

bool relset_overlap(const struct relset *a, const struct relset *b)
{
    for (int i = 0; i < REL_MAX / 64; i++)
        if (a->w[i] & b->w[i])
            return true;
    return false;
}

bool relset_empty(const struct relset *s)
{
    for (int i = 0; i < REL_MAX / 64; i++)
        if (s->w[i])
            return false;
    return true;
}

void relset_join(struct relset *a, const struct relset *b)
{
    for (int i = 0; i < REL_MAX / 64; i++)
        a->w[i] |= b->w[i];
}

static bool add_rel(const struct expr *e, void *arg, bool *stop)
{
    if (e->op == EXPR_COLUMN && e->rel < REL_MAX)
        relset_add(arg, e->rel);
    return true;
}

struct relset relset_of(const struct expr *e)
{
    struct relset s = {0};
    expr_walk(e, add_rel, &s);
    return s;
}

struct pnode *node_new(struct planner *p, enum plan_op_kind kind, struct pnode *a, struct pnode *b)
{
    struct pnode *n = arena_new(p->arena, struct pnode);
    n->kind = (uint16_t)kind;
    n->child[0] = a;
    n->child[1] = b;
    if (a) {
        n->rows = a->rows;
        n->cost = a->cost + (b ? b->cost : 0);
        n->outs = a->outs;
        n->n_outs = a->n_outs;
        n->order = a->order;
        n->n_order = a->n_order;
    }
    return n;
}

void node_outs(struct planner *p, struct pnode *n, struct expr **outs, uint32_t n_outs)
{
    n->outs = arena_memdup(p->arena, outs, n_outs * sizeof *outs);
    n->n_outs = n_outs;
}

struct pnode *node_filter(struct planner *p, struct pnode *child, struct expr **terms, uint32_t n)
{
    if (n == 0)
        return child;
    struct pnode *f = node_new(p, PLAN_OP_FILTER, child, NULL);
    f->terms = terms;
    f->n_terms = n;
    f->cost += child->rows * 0.01 * n;
    for (uint32_t i = 0; i < n; i++)
        f->rows *= term_selectivity(p, terms[i], child->rows);
    if (f->rows < 1)
        f->rows = 1;
    return f;
}

struct pnode *node_project(struct planner *p, struct pnode *child, struct expr **outs, uint32_t n)
{
    bool same = n == child->n_outs;
    for (uint32_t i = 0; same && i < n; i++)
        same = expr_equal(outs[i], child->outs[i]);
    if (same)
        return child;
    struct pnode *proj = node_new(p, PLAN_OP_PROJECT, child, NULL);
    node_outs(p, proj, outs, n);
    proj->defs = proj->outs;
    proj->cost += child->rows * 0.005 * n;
    return proj;
}

int32_t node_find(const struct pnode *n, const struct expr *e)
{
    for (uint32_t i = 0; i < n->n_outs; i++)
        if (expr_equal(n->outs[i], e))
            return (int32_t)i;
    return -1;
}

struct pnode *node_with(struct planner *p, struct pnode *child, struct expr **wanted, uint32_t n)
{
    struct expr **outs = arena_array(p->arena, struct expr *, child->n_outs + n + 1);
    uint32_t count = child->n_outs;
    if (count)
        memcpy(outs, child->outs, count * sizeof *outs);
    for (uint32_t i = 0; i < n; i++) {
        bool there = false;
        for (uint32_t k = 0; k < count; k++)
            there |= expr_equal(outs[k], wanted[i]);
        if (!there)
            outs[count++] = wanted[i];
    }
    return node_project(p, child, outs, count);
}

bool node_ordered_by(const struct pnode *n, const struct expr_order *keys, uint32_t n_keys)
{
    if (n->n_order < n_keys)
        return false;
    for (uint32_t i = 0; i < n_keys; i++)
        if (!expr_equal(n->order[i].expr, keys[i].expr) || n->order[i].desc != keys[i].desc ||
            n->order[i].nulls_first != keys[i].nulls_first)
            return false;
    return true;
}

struct pnode *node_sort(struct planner *p, struct pnode *child, const struct expr_order *keys, uint32_t n, struct expr *limit,
                        struct expr *offset)
{
    if (n == 0 || node_ordered_by(child, keys, n))
        return child;
    struct expr **wanted = arena_array(p->arena, struct expr *, n);
    for (uint32_t i = 0; i < n; i++)
        wanted[i] = keys[i].expr;
    child = node_with(p, child, wanted, n);
    struct pnode *s = node_new(p, PLAN_OP_SORT, child, NULL);
    s->sort = arena_memdup(p->arena, keys, n * sizeof *keys);
    s->n_sort = n;
    s->order = s->sort;
    s->n_order = n;
    s->limit = limit;
    s->offset = offset;
    s->cost += child->rows * (limit ? 0.02 : 0.01 * (1 + log2(child->rows + 1)));
    return s;
}

/* Without statistics: PostgreSQL's constants, tied to the relation's size where equality is meant. */
double term_selectivity(const struct planner *p, const struct expr *e, double rows)
{
    double sel = 1;
    switch (e->op) {
    case EXPR_AND:
        for (uint32_t i = 0; i < e->n_args; i++)
            sel *= term_selectivity(p, e->args[i], rows);
        return sel;
    case EXPR_OR:
        sel = 0;
        for (uint32_t i = 0; i < e->n_args && sel < 1; i++)
            sel += term_selectivity(p, e->args[i], rows);
        return sel < 1 ? sel : 1;
    case EXPR_NOT: return 1 - term_selectivity(p, e->args[0], rows);
    case EXPR_IS_NULL: return e->sub ? 0.995 : 0.005;
    case EXPR_IN: sel = 0.005 * (e->n_args - 1); return sel < 0.5 ? sel : 0.5;
    case EXPR_FUNC:
        if (e->oper) {
            switch (oper_strategy(e->oper)) {
            case STRATEGY_EQ: return 0.005;
            case STRATEGY_NONE: return e->type == TYPE_BOOL ? 0.1 : 1;
            default: return 0.3333;
            }
        }
        return 0.3333;
    default: return 0.5;
    }
}
