/* rewrite.c: query to equivalent query: folding, CTE inlining, pull-up, unnesting, outer-join reduction.
 *
 * Each is done only where results, errors for consumed rows and the number of calls of volatile functions stay what they were.
 */
#include <string.h>

#include "planner/opt/opt_int.h"

/* ---- terms ---- */

void split_terms(struct arena *arena, struct expr *e, struct expr ***terms, uint32_t *n, uint32_t *cap)
{
    if (!e)
        return;
    uint32_t count = e->op == EXPR_AND ? e->n_args : 1;
    if (*n + count > *cap) {
        uint32_t wanted = (*n + count) * 2;
        struct expr **more = arena_array(arena, struct expr *, wanted);
        if (*n)
            memcpy(more, *terms, *n * sizeof *more);
        *terms = more;
        *cap = wanted;
    }
    for (uint32_t i = 0; i < count; i++)
        (*terms)[(*n)++] = e->op == EXPR_AND ? e->args[i] : e;
}

static struct expr *join_terms(struct arena *arena, struct expr *a, struct expr *b)
{
    struct expr *both[2] = {a, b};
    return !a ? b : !b ? a : expr_and(arena, both, 2);
}

/* ---- replacing columns and slots ---- */

struct slot_args {
    const struct query_param *params;
    uint32_t n;
};

static struct expr *change_slot(struct expr *e, void *arg, struct err *err)
{
    const struct slot_args *a = arg;
    if (e->op == EXPR_OUTER)
        for (uint32_t i = 0; i < a->n; i++)
            if (a->params[i].slot == e->index)
                return a->params[i].from;
    return e;
}

struct expr *replace_slots(struct planner *p, struct expr *e, const struct query_param *params, uint32_t n, struct err *err)
{
    struct slot_args args = {params, n};
    struct expr *out = e;
    if (e && n && expr_rewrite(p->arena, e, change_slot, &args, &out, err) != 0)
        return NULL;
    return out;
}

/* Applies one change to every expression of a query, subqueries' inputs included. */
struct change_all {
    struct planner *p;
    expr_change change;
    void *ctx;
    struct err *err;
    int rc;
};

static struct expr *change_with_subqueries(struct expr *e, void *arg, struct err *err)
{
    struct change_all *c = arg;
    struct expr *out = c->change(e, c->ctx, err);
    if (out && out->op == EXPR_SUBQUERY) {
        /* The subquery's body speaks of its parameters only; what feeds them is here, in the args. */
        struct query *q = ((struct sub_link *)out->extra)->query;
        for (uint32_t i = 0; i < q->n_params && i < out->n_args; i++)
            q->params[i].from = out->args[i];
    }
    return out;
}

static void change_query(struct change_all *c, struct query *q);

static void change_one(struct change_all *c, struct expr **e)
{
    if (*e && c->rc == 0)
        c->rc = expr_rewrite(c->p->arena, *e, change_with_subqueries, c, e, c->err);
}

static void change_join(struct change_all *c, struct join_node *j)
{
    if (!j)
        return;
    change_one(c, &j->on);
    if (j->is_leaf) {
        struct rel *rel = c->p->b->rels[j->rel];
        for (uint32_t i = 0; i < rel->n_args; i++)
            change_one(c, &rel->args[i]);
        for (uint32_t i = 0; i < rel->n_rows * rel->n_columns; i++)
            change_one(c, &rel->rows[i]);
        if (rel->kind == REL_SUBQUERY && rel->query)
            change_query(c, rel->query);
    }
    change_join(c, j->left);
    change_join(c, j->right);
}

static void change_query(struct change_all *c, struct query *q)
{
    change_join(c, q->from);
    change_one(c, &q->where);
    change_one(c, &q->having);
    change_one(c, &q->limit);
    change_one(c, &q->offset);
    for (uint32_t i = 0; i < q->n_targets; i++)
        change_one(c, &q->targets[i].expr);
    for (uint32_t i = 0; i < q->n_group; i++)
        change_one(c, &q->group[i]);
    for (uint32_t i = 0; i < q->n_returning; i++)
        change_one(c, &q->returning[i].expr);
    for (uint32_t w = 0; w < q->n_windows; w++) {
        for (uint32_t i = 0; i < q->windows[w].n_partition; i++)
            change_one(c, &q->windows[w].partition[i]);
        for (uint32_t i = 0; i < q->windows[w].n_order; i++)
            change_one(c, &q->windows[w].order[i].expr);
    }
    for (uint32_t i = 0; i < q->n_params; i++)
        change_one(c, &q->params[i].from);
    for (uint32_t i = 0; i < q->n_arms; i++)
        change_query(c, q->arms[i]);
    for (uint32_t i = 0; q->set_exprs && i < c->p->b->rels[q->target_rel]->n_visible; i++)
        change_one(c, &q->set_exprs[i]);
}

/* ---- folding ---- */

static int fold_one(struct planner *p, struct expr **e, struct err *err)
{
    return *e ? expr_fold(p->arena, *e, p->opt->env, false, e, err) : 0;
}

/* ---- CTEs ---- */

static bool is_volatile_query(struct planner *p, struct query *q);

static bool join_is_volatile(struct planner *p, struct join_node *j)
{
    if (!j)
        return false;
    if (j->on && (expr_traits(j->on) & (EXPR_HAS_VOLATILE | EXPR_HAS_SUBQUERY)))
        return true;
    if (j->is_leaf) {
        struct rel *rel = p->b->rels[j->rel];
        for (uint32_t i = 0; i < rel->n_rows * rel->n_columns; i++)
            if (expr_traits(rel->rows[i]) & EXPR_HAS_VOLATILE)
                return true;
        return rel->kind == REL_SUBQUERY && rel->query && is_volatile_query(p, rel->query);
    }
    return join_is_volatile(p, j->left) || join_is_volatile(p, j->right);
}

static bool is_volatile_query(struct planner *p, struct query *q)
{
    if (join_is_volatile(p, q->from) || q->locks)
        return true;
    if (q->where && (expr_traits(q->where) & EXPR_HAS_VOLATILE))
        return true;
    for (uint32_t i = 0; i < q->n_targets; i++)
        if (expr_traits(q->targets[i].expr) & EXPR_HAS_VOLATILE)
            return true;
    for (uint32_t i = 0; i < q->n_arms; i++)
        if (is_volatile_query(p, q->arms[i]))
            return true;
    return false;
}

/* A CTE read once runs where it is read, as if written there; others are spooled. */
static void choose_ctes(struct planner *p, struct query *q)
{
    for (uint32_t i = 0; i < q->n_ctes; i++) {
        struct cte *cte = q->ctes[i];
        if (cte->n_refs != 1 || is_volatile_query(p, cte->query))
            cte->materialize = true;
    }
}

/* ---- pull-up ---- */

static bool is_simple(const struct query *q)
{
    return q->command == PLAN_SELECT && !q->set && !q->has_agg && !q->having && !q->has_window && !q->has_srf && !q->distinct &&
           !q->limit && !q->offset && !q->n_ctes && !q->locks && q->from && !q->n_group;
}

static bool targets_allow(const struct query *q, bool plain_columns)
{
    for (uint32_t i = 0; i < q->n_targets; i++) {
        const struct expr *e = q->targets[i].expr;
        uint32_t traits = expr_traits(e);
        if (traits & (EXPR_HAS_VOLATILE | EXPR_HAS_SUBQUERY | EXPR_HAS_SRF))
            return false;
        if (plain_columns && e->op != EXPR_COLUMN)
            return false;
    }
    return true;
}

static bool reads_function(struct planner *p, const struct join_node *j)
{
    if (!j)
        return false;
    if (j->is_leaf)
        return p->b->rels[j->rel]->kind == REL_FUNCTION;
    return reads_function(p, j->left) || reads_function(p, j->right);
}

static bool has_lateral(struct planner *p, const struct join_node *j)
{
    if (!j)
        return false;
    if (j->is_leaf) {
        const struct rel *rel = p->b->rels[j->rel];
        return rel->kind == REL_SUBQUERY && rel->query && rel->query->n_params;
    }
    return has_lateral(p, j->left) || has_lateral(p, j->right);
}

struct pull_args {
    uint32_t rel;
    struct query *sub;
};

static struct expr *change_pulled(struct expr *e, void *arg, struct err *err)
{
    const struct pull_args *a = arg;
    if (e->op == EXPR_COLUMN && e->rel == a->rel)
        return a->sub->targets[e->index].expr;
    return e;
}

/* Replaces the leaf by the subquery's own FROM, filtered by its WHERE. */
static int pull_up(struct planner *p, struct query *q, struct join_node *leaf, struct err *err)
{
    struct rel *rel = p->b->rels[leaf->rel];
    struct query *sub = rel->query;
    if (sub->n_params) {
        struct slot_args slots = {sub->params, sub->n_params};
        struct change_all c = {p, change_slot, &slots, err, 0};
        sub->n_params = 0;
        change_query(&c, sub);
        if (c.rc)
            return c.rc;
    }
    struct pull_args args = {leaf->rel, sub};
    struct change_all c = {p, change_pulled, &args, err, 0};
    change_query(&c, q);
    if (c.rc)
        return c.rc;
    struct join_node *inner = sub->from;
    if (sub->where) {
        *leaf = (struct join_node){.type = PLAN_JOIN_INNER, .left = inner, .on = sub->where};
        return 0;
    }
    *leaf = *inner;
    return 0;
}

static int pull_up_all(struct planner *p, struct query *q, struct join_node *j, bool nullable, struct err *err)
{
    if (!j)
        return 0;
    if (j->is_leaf) {
        struct rel *rel = p->b->rels[j->rel];
        if (rel->kind == REL_CTE && !rel->cte->materialize) {
            rel->kind = REL_SUBQUERY;
            rel->query = rel->cte->query;
        }
        if (rel->kind != REL_SUBQUERY || !rel->query)
            return 0;
        int rc = rewrite_query(p, rel->query, err);
        if (rc)
            return rc;
        struct query *sub = rel->query;
        if (!is_simple(sub) || !targets_allow(sub, nullable) || (sub->n_params && (reads_function(p, sub->from) || has_lateral(p, sub->from))))
            return 0;
        return pull_up(p, q, j, err);
    }
    bool outer = j->type == PLAN_JOIN_LEFT, full = j->type == PLAN_JOIN_FULL;
    int rc = pull_up_all(p, q, j->left, nullable || full, err);
    return rc ? rc : pull_up_all(p, q, j->right, nullable || outer || full, err);
}

/* ---- unnesting EXISTS and IN ---- */

static struct join_node *wrap_join(struct planner *p, struct join_node *left, struct join_node *right, uint8_t type, struct expr *on)
{
    struct join_node *j = arena_new(p->arena, struct join_node);
    j->type = type;
    j->left = left;
    j->right = right;
    j->on = on;
    return j;
}

static bool can_unnest(struct planner *p, const struct query *sub)
{
    if (!is_simple(sub) || reads_function(p, sub->from) || has_lateral(p, sub->from))
        return false;
    for (uint32_t i = 0; i < sub->n_params; i++)
        if (expr_traits(sub->params[i].from) & (EXPR_HAS_VOLATILE | EXPR_HAS_SUBQUERY))
            return false;
    return !sub->where || !(expr_traits(sub->where) & EXPR_HAS_VOLATILE);
}

/* Params may be used below the top level of the subquery (in a nested subquery): only WHERE and targets are rewritten here. */
static int substitute_params(struct planner *p, struct query *sub, struct err *err)
{
    struct slot_args slots = {sub->params, sub->n_params};
    struct change_all c = {p, change_slot, &slots, err, 0};
    sub->n_params = 0;
    change_query(&c, sub);
    return c.rc;
}

static int unnest_term(struct planner *p, struct query *q, struct expr *term, bool *done, struct err *err)
{
    *done = false;
    bool negated = term->op == EXPR_NOT;
    const struct expr *e = negated ? term->args[0] : term;
    if (e->op != EXPR_SUBQUERY || !q->from)
        return 0;
    struct sub_link *link = e->extra;
    bool exists = link->kind == PLAN_SUB_EXISTS;
    if (!exists && !(link->kind == PLAN_SUB_ANY && link->is_in))
        return 0;
    struct query *sub = link->query;
    int rc = rewrite_query(p, sub, err);
    if (rc || !can_unnest(p, sub))
        return rc;
    if (exists && !(sub->n_params)) /* not correlated: asked once, cheap as it is */
        return 0;
    struct expr *match = exists ? NULL : sub->targets[0].expr;
    if (negated && !exists) {
        /* NOT IN needs SQL's null rule: only a single equality, whose two sides are known apart, is done by the join. */
        if (match->op != EXPR_FUNC || match->n_args != 2 || sub->n_params > 1)
            return 0;
        if (sub->where && (expr_traits(sub->where) & EXPR_HAS_OUTER))
            return 0;
    }
    rc = substitute_params(p, sub, err);
    if (rc)
        return rc;
    if (!exists)
        match = sub->targets[0].expr;
    struct join_node *right = sub->from;
    struct expr *on = match;
    if (sub->where) {
        if (negated && !exists)
            right = wrap_join(p, right, NULL, PLAN_JOIN_INNER, sub->where);
        else
            on = join_terms(p->arena, match, sub->where);
    }
    q->from = wrap_join(p, q->from, right, negated ? PLAN_JOIN_ANTI : PLAN_JOIN_SEMI, on);
    q->from->null_aware = negated && !exists;
    *done = true;
    return 0;
}

static int unnest(struct planner *p, struct query *q, struct err *err)
{
    if (!q->where || !p->opt->unnest)
        return 0;
    struct expr **terms = NULL;
    uint32_t n = 0, cap = 0, kept = 0;
    split_terms(p->arena, q->where, &terms, &n, &cap);
    for (uint32_t i = 0; i < n; i++) {
        bool done;
        int rc = unnest_term(p, q, terms[i], &done, err);
        if (rc)
            return rc;
        if (!done)
            terms[kept++] = terms[i];
    }
    q->where = kept ? expr_and(p->arena, terms, kept) : NULL;
    return 0;
}

/* ---- outer joins that a condition above makes inner ---- */

static bool strict_in_any(struct planner *p, const struct expr *e, const struct join_node *j)
{
    if (!j)
        return false;
    if (j->is_leaf)
        return expr_strict_in(e, j->rel);
    return strict_in_any(p, e, j->left) ||
           ((j->type == PLAN_JOIN_INNER || j->type == PLAN_JOIN_LEFT) && strict_in_any(p, e, j->right));
}

static void reduce_outer(struct planner *p, struct join_node *j, struct expr *const *terms, uint32_t n)
{
    if (!j || j->is_leaf)
        return;
    if (j->type == PLAN_JOIN_LEFT)
        for (uint32_t i = 0; i < n; i++)
            if (strict_in_any(p, terms[i], j->right))
                j->type = PLAN_JOIN_INNER;
    if (j->type == PLAN_JOIN_FULL)
        return;
    reduce_outer(p, j->left, terms, n);
    if (j->type == PLAN_JOIN_INNER)
        reduce_outer(p, j->right, terms, n);
}

/* ---- all of it ---- */

static int fold_query(struct planner *p, struct query *q, struct err *err)
{
    int rc = fold_one(p, &q->where, err);
    /* With grouping, what follows it is found again by being equal to what was grouped: all of it stays as written. */
    bool keep = q->has_agg || q->has_window || q->has_srf;
    for (uint32_t i = 0; rc == 0 && !keep && i < q->n_targets; i++)
        rc = fold_one(p, &q->targets[i].expr, err);
    for (uint32_t i = 0; rc == 0 && q->set_exprs && i < p->b->rels[q->target_rel]->n_visible; i++)
        rc = fold_one(p, &q->set_exprs[i], err);
    return rc;
}

static bool rewrite_subqueries(const struct expr *e, void *arg, bool *stop)
{
    struct change_all *c = arg;
    if (e->op == EXPR_SUBQUERY && c->rc == 0) {
        c->rc = rewrite_query(c->p, ((struct sub_link *)e->extra)->query, c->err);
        *stop = c->rc != 0;
    }
    return true;
}

static int rewrite_inner(struct planner *p, struct query *q, struct err *err)
{
    struct change_all c = {p, NULL, NULL, err, 0};
    const struct expr *places[4] = {q->where, q->having, q->limit, q->offset};
    for (int i = 0; i < 4 && c.rc == 0; i++)
        if (places[i])
            expr_walk(places[i], rewrite_subqueries, &c);
    for (uint32_t i = 0; i < q->n_targets && c.rc == 0; i++)
        expr_walk(q->targets[i].expr, rewrite_subqueries, &c);
    for (uint32_t i = 0; i < q->n_returning && c.rc == 0; i++)
        expr_walk(q->returning[i].expr, rewrite_subqueries, &c);
    for (uint32_t i = 0; q->set_exprs && i < p->b->rels[q->target_rel]->n_visible && c.rc == 0; i++)
        if (q->set_exprs[i])
            expr_walk(q->set_exprs[i], rewrite_subqueries, &c);
    return c.rc;
}

int rewrite_query(struct planner *p, struct query *q, struct err *err)
{
    if (q->rewritten)
        return 0;
    q->rewritten = true;
    choose_ctes(p, q);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < q->n_ctes; i++)
        if (q->ctes[i]->materialize)
            rc = rewrite_query(p, q->ctes[i]->query, err);
    for (uint32_t i = 0; rc == 0 && i < q->n_arms; i++)
        rc = rewrite_query(p, q->arms[i], err);
    if (rc == 0)
        rc = pull_up_all(p, q, q->from, false, err);
    if (rc == 0)
        rc = fold_query(p, q, err);
    if (rc == 0)
        rc = unnest(p, q, err);
    if (rc == 0)
        rc = rewrite_inner(p, q, err);
    if (rc == 0 && q->where) {
        struct expr **terms = NULL;
        uint32_t n = 0, cap = 0;
        split_terms(p->arena, q->where, &terms, &n, &cap);
        reduce_outer(p, q->from, terms, n);
    }
    return rc;
}
