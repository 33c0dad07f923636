/* slots.c: an expression over relations to one over the columns of an operator's input. */
#include <string.h>

#include "base/stack.h"
#include "planner/opt/opt_int.h"
#include "types/expr/expr.h"

enum { SLOT_REL = 0xfffffff0 };

struct map_args {
    struct planner *p;
    const struct pnode *left, *right;
    struct expr *e;
    struct expr **out;
    struct err *err;
};

static int32_t find_slot(const struct pnode *left, const struct pnode *right, const struct expr *e)
{
    int32_t at = left ? node_find(left, e) : -1;
    if (at < 0 && right) {
        at = node_find(right, e);
        if (at >= 0 && left)
            at += (int32_t)left->n_outs;
    }
    return at;
}

static int add_subplan(struct planner *p, const struct sub_link *link, uint32_t *index, struct err *err)
{
    struct pnode *root;
    int rc = plan_query(p, link->query, false, &root, err);
    plan_off off;
    uint32_t pipeline = p->pipeline;
    bool fragment = p->in_fragment;
    p->pipeline = p->n_pipelines++;
    if (rc == 0)
        rc = emit_node(p, root, &off, err);
    p->pipeline = pipeline;
    p->in_fragment = fragment;
    if (rc)
        return rc;
    uint32_t *slots = arena_array(p->arena, uint32_t, link->query->n_params + 1);
    bool stable = true;
    for (uint32_t i = 0; i < link->query->n_params; i++)
        slots[i] = link->query->params[i].slot;
    for (uint32_t i = 0; i < link->query->n_targets; i++)
        stable &= !(expr_traits(link->query->targets[i].expr) & EXPR_HAS_VOLATILE);
    if (link->query->where)
        stable &= !(expr_traits(link->query->where) & EXPR_HAS_VOLATILE);
    struct plan_subplan sub = {.root = off, .kind = link->kind, .memoise = stable,
                               .outer = plan_put_list(&p->pb, slots, link->query->n_params)};
    p->subplans = bind_grow(p->b, p->subplans, p->n_subplans, &p->cap_subplans, sizeof *p->subplans);
    *index = p->n_subplans;
    p->subplans[p->n_subplans++] = plan_put(&p->pb, &sub, sizeof sub);
    return 0;
}

static int map_here(void *arg)
{
    struct map_args *a = arg;
    struct expr *e = a->e;
    if (e->op != EXPR_CONST && e->op != EXPR_PARAM) {
        int32_t at = find_slot(a->left, a->right, e);
        if (at >= 0) {
            struct expr *c = expr_column(a->p->arena, SLOT_REL, (uint32_t)at, e->type, e->typmod);
            *a->out = c;
            return 0;
        }
    }
    if (e->op == EXPR_COLUMN)
        return err_set(a->err, ERR_INTERNAL_ERROR, "planner: column %u.%u is not among its input's columns", e->rel, e->index);
    if (e->n_args == 0 && e->op != EXPR_SUBQUERY) {
        *a->out = e;
        return 0;
    }
    struct expr *copy = expr_clone(a->p->arena, e);
    for (uint32_t i = 0; i < e->n_args; i++) {
        int rc = map_expr(a->p, a->left, a->right, e->args[i], &copy->args[i], a->err);
        if (rc)
            return rc;
    }
    if (e->op == EXPR_SUBQUERY) {
        copy->op = EXPR_SUBPLAN;
        int rc = add_subplan(a->p, e->extra, &copy->index, a->err);
        if (rc)
            return rc;
    }
    *a->out = copy;
    return 0;
}

int map_expr(struct planner *p, const struct pnode *left, const struct pnode *right, struct expr *e, struct expr **out,
             struct err *err)
{
    struct map_args args = {p, left, right, e, out, err};
    return stack_call(map_here, &args, err);
}

static int32_t slot_of(void *ctx, const struct expr *column)
{
    return column->rel == SLOT_REL ? (int32_t)column->index : -1;
}

int emit_program(struct planner *p, const struct pnode *left, const struct pnode *right, struct expr *const *outs, uint32_t n,
                 bool filter, plan_off *out, struct err *err)
{
    struct expr **mapped = arena_array(p->arena, struct expr *, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        int rc = map_expr(p, left, right, outs[i], &mapped[i], err);
        if (rc)
            return rc;
        if (expr_traits(mapped[i]) & EXPR_HAS_VOLATILE)
            p->is_volatile = true;
    }
    struct expr_compile_options options = {.slot_of = slot_of};
    uint32_t at, len;
    struct buf code;
    buf_init(&code);
    struct plan_program head = {0};
    int rc = filter ? expr_compile_filter(&options, mapped, n, &code, &at, &len, err)
                    : expr_compile(&options, mapped, n, &code, &at, &len, err);
    if (rc == 0) {
        head.len = len;
        uint8_t *bytes = arena_alloc(p->arena, sizeof head + len);
        memcpy(bytes, &head, sizeof head);
        memcpy(bytes + sizeof head, code.data + at, len);
        *out = plan_put(&p->pb, bytes, (uint32_t)(sizeof head + len));
    }
    buf_done(&code);
    return rc;
}
