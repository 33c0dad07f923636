/* select.c: everything of a SELECT above its FROM: grouping, windows, set-returning targets, DISTINCT, ORDER BY, LIMIT, sets, CTEs. */
#include <math.h>
#include <string.h>

#include "planner/opt/opt_int.h"

/* ---- collecting sub-expressions ---- */

struct collect {
    struct planner *p;
    enum expr_op op;
    uint32_t window; /* WINDOW: only calls of this one */
    struct expr **items;
    uint32_t n, cap;
};

static bool collect_op(const struct expr *e, void *arg, bool *stop)
{
    struct collect *c = arg;
    if (e->op != c->op)
        return true;
    if (e->op == EXPR_WINDOW && e->index != c->window)
        return true;
    for (uint32_t i = 0; i < c->n; i++)
        if (expr_equal(c->items[i], e))
            return false;
    c->items = bind_grow(c->p->b, c->items, c->n, &c->cap, sizeof *c->items);
    c->items[c->n++] = (struct expr *)e;
    return false;
}

static void collect_all(struct query *q, struct collect *c)
{
    for (uint32_t i = 0; i < q->n_targets; i++)
        expr_walk(q->targets[i].expr, collect_op, c);
    if (q->having)
        expr_walk(q->having, collect_op, c);
    for (uint32_t w = 0; w < q->n_windows; w++) {
        for (uint32_t i = 0; i < q->windows[w].n_partition; i++)
            expr_walk(q->windows[w].partition[i], collect_op, c);
        for (uint32_t i = 0; i < q->windows[w].n_order; i++)
            expr_walk(q->windows[w].order[i].expr, collect_op, c);
    }
    if (c->op == EXPR_AGG && q->n_windows) {
        struct collect windows = {.p = c->p, .op = EXPR_WINDOW};
        for (uint32_t w = 0; w < q->n_windows; w++) {
            windows.window = w;
            for (uint32_t i = 0; i < q->n_targets; i++)
                expr_walk(q->targets[i].expr, collect_op, &windows);
        }
        for (uint32_t i = 0; i < windows.n; i++)
            for (uint32_t k = 0; k < windows.items[i]->n_args; k++)
                expr_walk(windows.items[i]->args[k], collect_op, c);
    }
}

/* ---- aggregation ---- */

/* ORDER BY inside a call: its input arrives sorted; hashing keeps the order within a group. One order a query. */
static int sort_for_calls(struct planner *p, const struct collect *calls, struct pnode **child, struct err *err)
{
    const struct expr_agg *first = NULL;
    for (uint32_t i = 0; i < calls->n; i++) {
        const struct expr_agg *a = calls->items[i]->agg;
        if (!a->n_order)
            continue;
        bool same = !first || first->n_order == a->n_order;
        for (uint32_t k = 0; first && same && k < a->n_order; k++)
            same = expr_equal(first->order[k].expr, a->order[k].expr) && first->order[k].desc == a->order[k].desc &&
                   first->order[k].nulls_first == a->order[k].nulls_first;
        if (!same)
            return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "aggregates with different ORDER BY in one query are not supported");
        first = a;
    }
    if (first)
        *child = node_sort(p, *child, first->order, first->n_order, NULL, NULL);
    return 0;
}

static struct pnode *make_aggregate(struct planner *p, struct query *q, struct pnode *child, struct collect *calls)
{
    uint32_t n_in = q->n_group, cap = q->n_group;
    struct expr **inputs = NULL;
    inputs = arena_array(p->arena, struct expr *, cap + 1);
    memcpy(inputs, q->group, q->n_group * sizeof *inputs);
    for (uint32_t i = 0; i < calls->n; i++) {
        const struct expr *e = calls->items[i];
        uint32_t more = e->n_args + (e->agg->filter ? 1 : 0) + e->agg->n_order;
        struct expr **bigger = arena_array(p->arena, struct expr *, n_in + more + 1);
        memcpy(bigger, inputs, n_in * sizeof *bigger);
        inputs = bigger;
        for (uint32_t k = 0; k < e->n_args; k++)
            inputs[n_in++] = e->args[k];
        for (uint32_t k = 0; k < e->agg->n_order; k++)
            inputs[n_in++] = e->agg->order[k].expr;
    }
    /* Below: exactly the columns aggregation reads, and those FILTER conditions read. */
    child = node_with(p, child, inputs, n_in);
    struct pnode *a = node_new(p, PLAN_OP_AGGREGATE, child, NULL);
    a->group = q->group;
    a->n_group = q->n_group;
    a->calls = calls->items;
    a->n_calls = calls->n;
    a->sets = q->sets;
    a->n_sets = q->n_sets;
    a->n_order = 0;
    struct expr **outs = arena_array(p->arena, struct expr *, q->n_group + calls->n + 1);
    memcpy(outs, q->group, q->n_group * sizeof *outs);
    memcpy(outs + q->n_group, calls->items, calls->n * sizeof *outs);
    a->outs = outs;
    a->n_outs = q->n_group + calls->n;
    a->cost = child->cost + child->rows * (0.05 + 0.02 * calls->n);
    a->rows = q->n_group ? sqrt(child->rows) * (1 + q->n_sets) : 1;
    if (a->rows < 1)
        a->rows = 1;
    return a;
}

static struct expr *grouping_bitmap(struct planner *p)
{
    struct expr *e = expr_new(p->arena, EXPR_COLUMN, TYPE_INT8, -1, 0);
    e->rel = UINT32_MAX - 1;
    return e;
}

struct grouping_args {
    struct planner *p;
    struct query *q;
    struct expr *bitmap;
};

static struct expr *const_i8(struct planner *p, int64_t v)
{
    struct datum d = datum_i64(v);
    return expr_const(p->arena, TYPE_INT8, -1, &d);
}

static int call_oper(struct planner *p, const char *name, struct expr *a, struct expr *b, struct expr **out, struct err *err)
{
    return resolve_oper_name(p->b, name, a, b, NULL, out, err);
}

/* GROUPING(a, b) = 2 * absent(a) + absent(b), from the bitmap of absent group columns. */
static struct expr *change_grouping(struct expr *e, void *arg, struct err *err)
{
    struct grouping_args *g = arg;
    if (e->op != EXPR_GROUPING)
        return e;
    struct expr *sum = const_i8(g->p, 0);
    for (uint32_t i = 0; i < e->n_args; i++) {
        uint32_t at = 0;
        while (at < g->q->n_group && !expr_equal(g->q->group[at], e->args[i]))
            at++;
        if (at == g->q->n_group) {
            err_set(err, ERR_GROUPING_ERROR, "arguments to GROUPING must be grouping expressions of the associated query level");
            return NULL;
        }
        struct expr *bit, *twice;
        struct datum shift = {.kind = PHYS_INT32, .dec_scale = -1, .u.i32 = (int32_t)at};
        if (!g->bitmap)
            continue;
        if (call_oper(g->p, ">>", g->bitmap, expr_const(g->p->arena, TYPE_INT4, -1, &shift), &bit, err) ||
            call_oper(g->p, "&", bit, const_i8(g->p, 1), &bit, err) || call_oper(g->p, "*", sum, const_i8(g->p, 2), &twice, err) ||
            call_oper(g->p, "+", twice, bit, &sum, err))
            return NULL;
    }
    struct expr *out;
    return coerce_to(g->p->b, sum, TYPE_INT4, -1, COERCE_ASSIGNMENT, &out, err) ? NULL : out;
}

static int replace_grouping(struct planner *p, struct query *q, struct expr *bitmap, struct err *err)
{
    struct grouping_args args = {p, q, bitmap};
    for (uint32_t i = 0; i < q->n_targets; i++) {
        if (!(expr_traits(q->targets[i].expr) & EXPR_HAS_AGG) && q->targets[i].expr->op != EXPR_GROUPING && !bitmap)
            continue;
        int rc = expr_rewrite(p->arena, q->targets[i].expr, change_grouping, &args, &q->targets[i].expr, err);
        if (rc)
            return rc;
    }
    return q->having ? expr_rewrite(p->arena, q->having, change_grouping, &args, &q->having, err) : 0;
}

static int plan_grouping(struct planner *p, struct query *q, struct pnode **node, struct err *err)
{
    struct expr *bitmap = q->n_sets ? grouping_bitmap(p) : NULL;
    int rc = replace_grouping(p, q, bitmap, err);
    if (rc)
        return rc;
    struct collect calls = {.p = p, .op = EXPR_AGG};
    collect_all(q, &calls);
    rc = sort_for_calls(p, &calls, node, err);
    if (rc)
        return rc;
    struct pnode *a = make_aggregate(p, q, *node, &calls);
    if (bitmap) {
        a->grouping = bitmap;
        a->outs[a->n_outs++] = bitmap;
    }
    *node = a;
    if (q->having) {
        struct expr **terms = NULL;
        uint32_t n = 0, cap = 0;
        split_terms(p->arena, q->having, &terms, &n, &cap);
        *node = node_filter(p, a, terms, n);
    }
    return 0;
}

/* ---- windows ---- */

static struct pnode *plan_window(struct planner *p, struct query *q, uint32_t w, struct pnode *child)
{
    struct window_spec *spec = &q->windows[w];
    struct collect calls = {.p = p, .op = EXPR_WINDOW, .window = w};
    collect_all(q, &calls);
    if (calls.n == 0)
        return child;
    uint32_t n_keys = spec->n_partition + spec->n_order, n_in = 0;
    struct expr_order *keys = arena_array(p->arena, struct expr_order, n_keys + 1);
    for (uint32_t i = 0; i < spec->n_partition; i++)
        keys[i] = (struct expr_order){.expr = spec->partition[i]};
    memcpy(keys + spec->n_partition, spec->order, spec->n_order * sizeof *keys);
    struct expr **inputs = arena_array(p->arena, struct expr *, n_keys + calls.n * 8 + 8);
    for (uint32_t i = 0; i < n_keys; i++)
        inputs[n_in++] = keys[i].expr;
    for (uint32_t i = 0; i < calls.n; i++)
        for (uint32_t k = 0; k < calls.items[i]->n_args && k < 8; k++)
            inputs[n_in++] = calls.items[i]->args[k];
    child = node_with(p, child, inputs, n_in);
    child = node_sort(p, child, keys, n_keys, NULL, NULL);
    struct pnode *n = node_new(p, PLAN_OP_WINDOW, child, NULL);
    n->window = spec;
    n->sort = keys;
    n->n_sort = n_keys;
    n->n_partition = spec->n_partition;
    n->calls = calls.items;
    n->n_calls = calls.n;
    struct expr **outs = arena_array(p->arena, struct expr *, child->n_outs + calls.n);
    memcpy(outs, child->outs, child->n_outs * sizeof *outs);
    memcpy(outs + child->n_outs, calls.items, calls.n * sizeof *outs);
    n->outs = outs;
    n->n_outs = child->n_outs + calls.n;
    n->cost += child->rows * 0.1;
    return n;
}

/* ---- set-returning targets ---- */

static struct pnode *plan_srf(struct planner *p, struct query *q, struct pnode *child)
{
    struct collect calls = {.p = p, .op = EXPR_SRF};
    for (uint32_t i = 0; i < q->n_targets; i++)
        expr_walk(q->targets[i].expr, collect_op, &calls);
    if (calls.n == 0)
        return child;
    struct pnode *n = node_new(p, PLAN_OP_PROJECT_SET, child, NULL);
    struct expr **outs = arena_array(p->arena, struct expr *, child->n_outs + calls.n);
    memcpy(outs, child->outs, child->n_outs * sizeof *outs);
    memcpy(outs + child->n_outs, calls.items, calls.n * sizeof *outs);
    n->outs = outs;
    n->n_outs = child->n_outs + calls.n;
    n->defs = outs;
    n->rows = child->rows * 100;
    n->n_order = 0;
    return n;
}

/* ---- set operations ---- */

static struct pnode *make_distinct(struct planner *p, struct pnode *child)
{
    struct pnode *d = node_new(p, PLAN_OP_DISTINCT, child, NULL);
    d->rows = child->rows * 0.5 < 1 ? 1 : child->rows * 0.5;
    d->cost += child->rows * 0.1;
    d->n_order = 0;
    return d;
}

static struct pnode *rename_outs(struct planner *p, struct pnode *n, struct expr **outs, uint32_t n_outs)
{
    struct pnode *copy = arena_new(p->arena, struct pnode);
    *copy = *n;
    copy->outs = outs;
    copy->n_outs = n_outs;
    copy->n_order = 0;
    return copy;
}

static int plan_set(struct planner *p, struct query *q, struct pnode **out, struct err *err)
{
    uint32_t n_outs = 0;
    while (n_outs < q->n_targets && !q->targets[n_outs].junk)
        n_outs++;
    struct expr **outs = arena_array(p->arena, struct expr *, n_outs + 1);
    for (uint32_t i = 0; i < n_outs; i++)
        outs[i] = q->targets[i].expr;
    struct pnode *left = NULL;
    for (uint32_t i = 0; i < q->n_arms; i++) {
        struct pnode *arm;
        int rc = plan_query(p, q->arms[i], false, &arm, err);
        if (rc)
            return rc;
        arm = rename_outs(p, arm, outs, n_outs);
        if (!left) {
            left = arm;
            continue;
        }
        bool append = q->set == SET_UNION || q->set == SET_UNION_ALL;
        struct pnode *n = node_new(p, append ? PLAN_OP_APPEND : PLAN_OP_SETOP, left, arm);
        n->setop = q->set == SET_INTERSECT ? PLAN_INTERSECT : q->set == SET_INTERSECT_ALL ? PLAN_INTERSECT_ALL
                   : q->set == SET_EXCEPT ? PLAN_EXCEPT : PLAN_EXCEPT_ALL;
        n->outs = outs;
        n->n_outs = n_outs;
        n->n_order = 0;
        n->rows = append ? left->rows + arm->rows : left->rows;
        left = n;
    }
    *out = q->set == SET_UNION ? make_distinct(p, left) : left;
    return 0;
}

static int plan_recursive(struct planner *p, struct cte *cte, struct pnode **out, struct err *err)
{
    struct query *q = cte->query;
    struct pnode *first, *next;
    int rc = plan_query(p, q->arms[0], false, &first, err);
    if (rc == 0)
        rc = plan_query(p, q->arms[1], false, &next, err);
    if (rc)
        return rc;
    struct pnode *n = node_new(p, PLAN_OP_RECURSIVE, first, next);
    n->slot = cte->slot;
    n->distinct = q->set == SET_UNION;
    n->rows = first->rows * 10;
    n->n_order = 0;
    *out = n;
    return 0;
}

int plan_ctes_of(struct planner *p, struct query *q, struct pnode **node, struct err *err)
{
    /* The last one defined may read the earlier ones: it is the innermost. */
    for (uint32_t i = q->n_ctes; i-- > 0;) {
        struct cte *cte = q->ctes[i];
        if (!cte->materialize || cte->n_refs == 0)
            continue;
        struct pnode *body;
        int rc = cte->recursive ? plan_recursive(p, cte, &body, err) : plan_query(p, cte->query, false, &body, err);
        if (rc)
            return rc;
        struct pnode *w = node_new(p, PLAN_OP_WITH, body, *node);
        w->slot = cte->slot;
        w->outs = (*node)->outs;
        w->n_outs = (*node)->n_outs;
        w->order = (*node)->order;
        w->n_order = (*node)->n_order;
        w->rows = (*node)->rows;
        *node = w;
    }
    return 0;
}

/* ---- locking ---- */

static int plan_locks(struct planner *p, struct query *q, struct pnode **node, struct err *err)
{
    struct pnode *n = node_new(p, PLAN_OP_LOCK_ROWS, *node, NULL);
    n->locks = q;
    p->writes = true;
    *node = n;
    return 0;
}

static void mark_join_rel(struct planner *p, const struct join_node *j)
{
    if (!j)
        return;
    if (j->is_leaf && p->b->rels[j->rel]->lock) {
        const struct rel *rel = p->b->rels[j->rel];
        /* The re-check needs what was read and the key; what the conditions use is marked already. */
        for (uint32_t i = 0; i < rel->n_columns; i++)
            if (rel->columns[i].attnum == REL_KEY)
                p->used[rel->number][i / 64] |= (uint64_t)1 << (i % 64);
    }
    mark_join_rel(p, j->left);
    mark_join_rel(p, j->right);
}

/* ---- ORDER BY, DISTINCT, LIMIT ---- */

static struct expr_order *sort_keys(struct planner *p, const struct query *q)
{
    struct expr_order *keys = arena_array(p->arena, struct expr_order, q->n_sort + 1);
    for (uint32_t i = 0; i < q->n_sort; i++)
        keys[i] = (struct expr_order){.expr = q->targets[q->sort[i].target].expr, .desc = q->sort[i].desc,
                                      .nulls_first = q->sort[i].nulls_first};
    return keys;
}

static struct pnode *plan_distinct(struct planner *p, struct query *q, struct pnode *node, const struct expr_order *keys)
{
    if (!q->n_distinct_on)
        return make_distinct(p, node);
    /* DISTINCT ON: first rows per value in the order asked; sort by ORDER BY, then by what of ON it leaves out. */
    struct expr_order *all = arena_array(p->arena, struct expr_order, q->n_sort + q->n_distinct_on + 1);
    uint32_t n = q->n_sort;
    memcpy(all, keys, q->n_sort * sizeof *all);
    for (uint32_t i = 0; i < q->n_distinct_on; i++) {
        struct expr *e = q->targets[q->distinct_on[i]].expr;
        bool there = false;
        for (uint32_t k = 0; k < n; k++)
            there |= expr_equal(all[k].expr, e);
        if (!there)
            all[n++] = (struct expr_order){.expr = e};
    }
    node = node_sort(p, node, all, n, NULL, NULL);
    struct pnode *d = node_new(p, PLAN_OP_DISTINCT, node, NULL);
    d->group = arena_array(p->arena, struct expr *, q->n_distinct_on);
    d->n_group = q->n_distinct_on;
    for (uint32_t i = 0; i < q->n_distinct_on; i++)
        d->group[i] = q->targets[q->distinct_on[i]].expr;
    d->ordered = true;
    return d;
}

/* Targets that may fail or are volatile are computed after sorting and only for rows that are output, unless sorting needs them. */
static int plan_output(struct planner *p, struct query *q, struct pnode *node, bool keep_junk, struct pnode **out, struct err *err)
{
    struct expr_order *keys = sort_keys(p, q);
    uint32_t n_visible = 0;
    struct expr **all = arena_array(p->arena, struct expr *, q->n_targets + 1);
    for (uint32_t i = 0; i < q->n_targets; i++)
        all[i] = q->targets[i].expr;
    while (n_visible < q->n_targets && !q->targets[n_visible].junk)
        n_visible++;
    if (q->has_srf)
        node = plan_srf(p, q, node);
    if (q->distinct) {
        node = node_project(p, node, all, q->n_targets);
        node = plan_distinct(p, q, node, keys);
    }
    bool sorted = node_ordered_by(node, keys, q->n_sort);
    if (!sorted)
        node = node_sort(p, node, keys, q->n_sort, q->with_ties ? NULL : q->limit, q->with_ties ? NULL : q->offset);
    if (q->locks) {
        int rc = plan_locks(p, q, &node, err);
        if (rc)
            return rc;
    }
    if (q->limit || q->offset) {
        struct pnode *l = node_new(p, PLAN_OP_LIMIT, node, NULL);
        l->limit = q->limit;
        l->offset = q->offset;
        l->with_ties = q->with_ties;
        l->sort = keys;
        l->n_sort = q->n_sort;
        if (q->limit && q->limit->op == EXPR_CONST && !q->limit->value.null && l->rows > (double)q->limit->value.u.i64)
            l->rows = (double)q->limit->value.u.i64;
        else if (q->limit)
            l->rows = l->rows < 100 ? l->rows : 100;
        node = l;
    }
    *out = node_project(p, node, all, keep_junk ? q->n_targets : n_visible);
    if ((*out)->kind == PLAN_OP_PROJECT && (*out)->child[0] == node) {
        (*out)->order = node->order;
        (*out)->n_order = node->n_order;
    }
    return 0;
}

/* ---- a query ---- */

static int plan_body(struct planner *p, struct query *q, struct pnode **out, struct err *err)
{
    if (q->set)
        return plan_set(p, q, out, err);
    struct expr **terms = NULL;
    uint32_t n_terms = 0, cap = 0;
    split_terms(p->arena, q->where, &terms, &n_terms, &cap);
    bool plain = !q->has_agg && !q->has_window && !q->distinct && !q->has_srf;
    int rc = plan_from(p, q->from, terms, n_terms, plain ? sort_keys(p, q) : NULL, plain ? q->n_sort : 0, out, err);
    if (rc == 0 && q->has_agg)
        rc = plan_grouping(p, q, out, err);
    for (uint32_t w = 0; rc == 0 && w < q->n_windows; w++)
        *out = plan_window(p, q, w, *out);
    return rc;
}

int plan_query(struct planner *p, struct query *q, bool keep_junk, struct pnode **out, struct err *err)
{
    struct pnode *node;
    if (q->locks)
        mark_join_rel(p, q->from);
    int rc = plan_body(p, q, &node, err);
    if (rc == 0)
        rc = plan_output(p, q, node, keep_junk, out, err);
    if (rc == 0)
        rc = plan_ctes_of(p, q, out, err);
    return rc;
}
