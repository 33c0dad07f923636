/* used.c: which columns of which relations a statement reads: what scans must fetch. */
#include "planner/opt/opt_int.h"

struct used_ctx {
    struct planner *p;
};

static bool visit(const struct expr *e, void *arg, bool *stop)
{
    struct planner *p = arg;
    if (e->op == EXPR_COLUMN && e->rel < p->b->n_rels)
        p->used[e->rel][e->index / 64] |= (uint64_t)1 << (e->index % 64);
    if (e->op == EXPR_SUBQUERY)
        mark_used(p, ((struct sub_link *)e->extra)->query);
    return true;
}

static void mark(struct planner *p, const struct expr *e)
{
    if (e)
        expr_walk(e, visit, p);
}

static void mark_rel(struct planner *p, struct rel *rel)
{
    for (uint32_t i = 0; i < rel->n_args; i++)
        mark(p, rel->args[i]);
    for (uint32_t i = 0; i < rel->n_rows * rel->n_columns; i++)
        mark(p, rel->rows[i]);
    if (rel->kind == REL_SUBQUERY && rel->query)
        mark_used(p, rel->query);
}

static void mark_join(struct planner *p, struct join_node *j)
{
    if (!j)
        return;
    mark(p, j->on);
    if (j->is_leaf)
        mark_rel(p, p->b->rels[j->rel]);
    mark_join(p, j->left);
    mark_join(p, j->right);
}

static void mark_windows(struct planner *p, struct query *q)
{
    for (uint32_t w = 0; w < q->n_windows; w++) {
        const struct window_spec *s = &q->windows[w];
        for (uint32_t i = 0; i < s->n_partition; i++)
            mark(p, s->partition[i]);
        for (uint32_t i = 0; i < s->n_order; i++)
            mark(p, s->order[i].expr);
        mark(p, s->start_offset);
        mark(p, s->end_offset);
    }
}

void mark_used(struct planner *p, struct query *q)
{
    mark_join(p, q->from);
    mark(p, q->where);
    mark(p, q->having);
    mark(p, q->limit);
    mark(p, q->offset);
    for (uint32_t i = 0; i < q->n_targets; i++)
        mark(p, q->targets[i].expr);
    for (uint32_t i = 0; i < q->n_group; i++)
        mark(p, q->group[i]);
    for (uint32_t i = 0; i < q->n_returning; i++)
        mark(p, q->returning[i].expr);
    for (uint32_t i = 0; i < q->n_arms; i++)
        mark_used(p, q->arms[i]);
    for (uint32_t i = 0; i < q->n_ctes; i++)
        if (q->ctes[i]->materialize && q->ctes[i]->n_refs)
            mark_used(p, q->ctes[i]->query);
    for (uint32_t i = 0; i < q->n_params; i++)
        mark(p, q->params[i].from);
    mark_windows(p, q);
    if (q->command == PLAN_UPDATE || q->command == PLAN_DELETE) {
        /* The whole old row and its key: the operator writes full rows and keeps the indexes. */
        struct rel *rel = p->b->rels[q->target_rel];
        for (uint32_t i = 0; i < rel->n_columns; i++)
            p->used[rel->number][i / 64] |= (uint64_t)1 << (i % 64);
        for (uint32_t i = 0; q->set_exprs && i < rel->n_visible; i++)
            mark(p, q->set_exprs[i]);
    }
}
