#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/stack.h"
#include "executor/exec_int.h"

/* ---- plans ---- */

static int decode_schemas(struct exec_plan *p, struct err *err)
{
    p->n_schemas = p->head->schemas.n;
    p->schemas = arena_array(&p->arena, const struct kv_schema *, p->n_schemas + 1);
    for (uint32_t i = 0; i < p->n_schemas; i++) {
        const struct plan_bytes *b = plan_at(&p->plan, plan_list_get(&p->plan, p->head->schemas, i), struct plan_bytes);
        struct kv_schema *schema;
        int rc = kv_schema_decode(p->plan.data + b->at, b->len, &p->arena, &schema, err);
        if (rc)
            return rc;
        p->schemas[i] = schema;
    }
    return 0;
}

static void find_highest_id(struct exec_plan *p, plan_off at)
{
    const struct plan_op *op = plan_at(&p->plan, at, struct plan_op);
    if (op->id >= p->n_ops)
        p->n_ops = op->id + 1u;
    for (uint32_t i = 0; i < op->n_children; i++)
        find_highest_id(p, op->children[i]);
}

int exec_plan_load(const struct plan *plan, struct exec_plan **out, struct err *err)
{
    int rc = plan_check(plan, err);
    if (rc)
        return rc;
    struct exec_plan *p = calloc(1, sizeof *p);
    arena_init(&p->arena, NULL);
    p->refs = 1;
    p->plan = *plan;
    p->plan.data = arena_memdup(&p->arena, plan->data, plan->size);
    p->head = plan_head(&p->plan);
    for (uint32_t i = 0; i < p->head->fragments.n; i++)
        find_highest_id(p, plan_at(&p->plan, plan_list_get(&p->plan, p->head->fragments, i), struct plan_fragment)->root);
    for (uint32_t i = 0; i < p->head->subplans.n; i++)
        find_highest_id(p, plan_at(&p->plan, plan_list_get(&p->plan, p->head->subplans, i), struct plan_subplan)->root);
    rc = decode_schemas(p, err);
    if (rc) {
        exec_plan_unref(p);
        return rc;
    }
    *out = p;
    return 0;
}

struct exec_plan *exec_plan_ref(struct exec_plan *p)
{
    p->refs++;
    return p;
}

void exec_plan_unref(struct exec_plan *p)
{
    if (!p || --p->refs > 0)
        return;
    arena_done(&p->arena);
    free(p);
}

const struct plan *exec_plan_bytes(const struct exec_plan *p)
{
    return &p->plan;
}

const struct kv_schema *const *exec_plan_schemas(const struct exec_plan *p, uint32_t *n)
{
    *n = p->n_schemas;
    return p->schemas;
}

/* ---- operators ---- */

void *op_alloc(struct exec *x, size_t bytes)
{
    return arena_zalloc(&x->arena, bytes);
}

int op_new(struct exec *x, const struct plan_op *plan, size_t bytes, const struct op_vtable *vt, struct op **out, struct err *err)
{
    struct op *op = op_alloc(x, bytes);
    op->vt = vt;
    op->plan = plan;
    op->x = x;
    op->pure = true;
    for (uint32_t i = 0; i < plan->n_children; i++) {
        int rc = op_create(x, plan->children[i], &op->child[i], err);
        if (rc)
            return rc;
        op->pure &= op->child[i]->pure;
    }
    x->ops[plan->id] = op;
    *out = op;
    return 0;
}

struct create_args {
    struct exec *x;
    plan_off at;
    struct op **out;
    struct err *err;
};

static int create_here(void *arg)
{
    struct create_args *a = arg;
    const struct plan_op *op = plan_at(&a->x->plan->plan, a->at, struct plan_op);
    switch ((enum plan_op_kind)op->kind) {
#define PLAN_OP(name, struct_name) \
    case PLAN_OP_##name: return op_##struct_name(a->x, (const struct struct_name *)(const void *)op, a->out, a->err);
#include "planner/plan_op.def"
#undef PLAN_OP
    case PLAN_OP_COUNT: break;
    }
    return err_set(a->err, ERR_INTERNAL_ERROR, "unknown operator %u", op->kind);
}

int op_create(struct exec *x, plan_off at, struct op **out, struct err *err)
{
    struct create_args args = {x, at, out, err};
    return stack_call(create_here, &args, err);
}

void op_fail_later(struct op *op, const struct err *err)
{
    if (!op->stop)
        op->stop = op_alloc(op->x, sizeof *op->stop);
    *op->stop = *err;
    op->failed = true;
}

/* At most rows_max of a batch; the rest stays pending. */
static struct batch *take_rows(struct op *op, struct batch *b, uint32_t rows_max)
{
    uint32_t live = batch_count(b);
    if (live <= rows_max) {
        op->pending = NULL;
        return b;
    }
    struct batch *first = batch_slice(op->x, b, 0, rows_max);
    struct batch *rest = batch_slice(op->x, b, rows_max, live - rows_max);
    batch_destroy(b);
    op->pending = rest;
    return first;
}

static int pull(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    if (op->pending) {
        *out = take_rows(op, op->pending, rows_max);
        return 0;
    }
    for (;;) {
        *out = NULL;
        if (op->failed) {
            op->failed = false;
            op->ended = true;
            *err = *op->stop;
            return err->code;
        }
        if (op->ended)
            return 0;
        struct batch *b = NULL;
        int rc = op->vt->next(op, rows_max, &b, err);
        if (rc) {
            batch_destroy(b);
            op->ended = true;
            return rc;
        }
        if (!b) {
            if (!op->failed)
                op->ended = true;
            continue;
        }
        if (batch_count(b) == 0) {
            batch_destroy(b);
            rc = task_check(op->x->env.task, err);
            if (rc)
                return rc;
            continue;
        }
        *out = take_rows(op, b, rows_max);
        return 0;
    }
}

int op_next(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct exec *x = op->x;
    bool timing = x->env.timing;
    uint64_t start = timing ? env_mono_ns(x->env.task->env) : 0;
    task_tick(x->env.task, 10);
    *out = NULL;
    int rc = task_check(x->env.task, err); /* cancelled, or out of time */
    if (rc)
        return rc;
    rc = pull(op, rows_max, out, err);
    op->actual.executed = true;
    op->actual.batches++;
    if (*out)
        op->actual.rows += batch_count(*out);
    if (timing)
        op->actual.time_ns += env_mono_ns(x->env.task->env) - start;
    if (rc == 0 && x->env.account && x->env.account->over_limit) {
        batch_destroy(*out);
        *out = NULL;
        return exec_no_memory(x, "a query", err);
    }
    return rc;
}

void op_rewind(struct op *op)
{
    batch_destroy(op->pending);
    op->pending = NULL;
    op->ended = op->failed = false;
    op->actual.loops++;
    if (op->vt->rewind)
        op->vt->rewind(op);
    for (int i = 0; i < 2; i++)
        if (op->child[i])
            op_rewind(op->child[i]);
}

void op_close(struct op *op)
{
    if (!op)
        return;
    batch_destroy(op->pending);
    op->pending = NULL;
    if (op->vt->close)
        op->vt->close(op);
    op_close(op->child[0]);
    op_close(op->child[1]);
}

/* ---- executions ---- */

static int build(struct exec *x, struct err *err)
{
    const struct exec_plan *p = x->plan;
    x->n_ops = p->n_ops;
    x->ops = op_alloc(x, sizeof *x->ops * (p->n_ops + 1));
    x->n_outer = p->head->n_outer;
    x->outer = op_alloc(x, sizeof *x->outer * (x->n_outer + 1));
    for (uint32_t i = 0; i < x->n_outer; i++)
        x->outer[i] = (struct datum){.null = true, .dec_scale = -1};
    x->n_spools = p->head->n_ctes;
    x->spools = op_alloc(x, sizeof *x->spools * (x->n_spools + 1));
    x->subplans = op_alloc(x, sizeof *x->subplans * (p->head->subplans.n + 1));
    for (uint32_t i = 0; i < p->head->subplans.n; i++)
        x->subplans[i].plan = plan_at(&p->plan, plan_list_get(&p->plan, p->head->subplans, i), struct plan_subplan);
    if (x->env.fragment >= p->head->fragments.n)
        return err_set(err, ERR_INTERNAL_ERROR, "the plan has no fragment %u", x->env.fragment);
    const struct plan_fragment *f =
        plan_at(&p->plan, plan_list_get(&p->plan, p->head->fragments, x->env.fragment), struct plan_fragment);
    return op_create(x, f->root, &x->root, err);
}

int exec_open(struct exec_plan *plan, const struct exec_env *env, struct exec **out, struct err *err)
{
    struct arena first;
    arena_init(&first, env->account);
    struct exec *x = arena_new(&first, struct exec);
    x->arena = first;
    x->env = *env;
    x->plan = exec_plan_ref(plan);
    if (env->read)
        x->read = *env->read;
    x->expr_env = (struct expr_env){.host = env->host, .env = env->host ? &env->host->env : NULL, .params = env->params,
                                    .n_params = env->n_params, .subplan = exec_subplan_call, .subplan_ctx = x};
    int rc = build(x, err);
    if (rc) {
        exec_close(x);
        return rc;
    }
    *out = x;
    return 0;
}

int exec_next(struct exec *x, uint32_t rows_max, struct batch **out, struct err *err)
{
    return op_next(x->root, rows_max > BATCH_ROWS ? BATCH_ROWS : rows_max, out, err);
}

uint64_t exec_affected(const struct exec *x)
{
    return x->affected;
}

const struct plan_actual *exec_actuals(struct exec *x)
{
    if (!x->actuals)
        x->actuals = op_alloc(x, sizeof *x->actuals * (x->n_ops + 1));
    for (uint32_t i = 0; i < x->n_ops; i++) {
        if (x->ops[i]) {
            x->actuals[i] = x->ops[i]->actual;
            x->actuals[i].loops++;
        } else if (x->remote_actuals) {
            x->actuals[i] = x->remote_actuals[i];
        }
    }
    return x->actuals;
}

void exec_set_task(struct exec *x, struct task *task)
{
    x->env.task = task;
}

void exec_close(struct exec *x)
{
    if (!x)
        return;
    op_close(x->root);
    for (uint32_t i = 0; x->subplans && i < x->plan->head->subplans.n; i++) {
        op_close(x->subplans[i].root);
        memo_close(x->subplans[i].memo);
    }
    for (uint32_t i = 0; i < x->n_spools; i++)
        if (x->spools && x->spools[i])
            store_clear(&x->spools[i]->store);
    for (struct program *p = x->programs; p; p = p->next)
        expr_exec_destroy(p->exec);
    exec_plan_unref(x->plan);
    struct arena last = x->arena;
    arena_done(&last);
}
