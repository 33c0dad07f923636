#include "planner/plan.h"

#include <string.h>

#include "base/hash.h"
#include "base/stack.h"

/* ---- writing ---- */

void plan_builder_init(struct plan_builder *b, struct arena *arena)
{
    *b = (struct plan_builder){.arena = arena, .capacity = 4096};
    b->data = arena_zalloc(arena, b->capacity);
    b->size = (sizeof(struct plan_header) + 7) & ~7u;
}

plan_off plan_put(struct plan_builder *b, const void *bytes, uint32_t size)
{
    uint32_t at = b->size, padded = (size + 7) & ~7u;
    if (at + padded > b->capacity) {
        uint32_t capacity = b->capacity * 2;
        while (capacity < at + padded)
            capacity *= 2;
        uint8_t *bigger = arena_zalloc(b->arena, capacity);
        memcpy(bigger, b->data, at);
        b->data = bigger;
        b->capacity = capacity;
    }
    if (size)
        memcpy(b->data + at, bytes, size);
    b->size = at + padded;
    return at;
}

plan_off plan_put_str(struct plan_builder *b, const char *text)
{
    return plan_put(b, text, (uint32_t)strlen(text) + 1);
}

struct plan_list plan_put_list(struct plan_builder *b, const uint32_t *items, uint32_t n)
{
    if (n == 0)
        return (struct plan_list){0, 0};
    return (struct plan_list){n, plan_put(b, items, n * (uint32_t)sizeof *items)};
}

int plan_finish(struct plan_builder *b, const struct plan_header *header, struct arena *arena, struct plan *out,
                struct err *err)
{
    struct plan_header h = *header;
    h.magic = PLAN_MAGIC;
    h.version = PLAN_VERSION;
    h.total_bytes = b->size;
    uint8_t *data = arena_alloc(arena, b->size);
    memcpy(data, b->data, b->size);
    memcpy(data, &h, sizeof h);
    *out = (struct plan){.data = data, .size = b->size, .hash = hash_bytes(data, b->size, 0)};
    return plan_check(out, err);
}

/* ---- checking ---- */

struct check {
    const struct plan *plan;
    const struct plan_header *head;
    struct err *err;
    uint32_t ops_left; /* each operator takes at least its struct's bytes: bounds cycles */
};

static int bad(struct check *c, const char *what)
{
    return err_set(c->err, ERR_DATA_CORRUPTED, "a plan is malformed: %s", what);
}

static bool has_range(const struct check *c, plan_off at, uint64_t bytes)
{
    return at % 8 == 0 && at >= sizeof(struct plan_header) && at <= c->plan->size && bytes <= c->plan->size - at;
}

static bool has_list(const struct check *c, struct plan_list list)
{
    return list.n == 0 || has_range(c, list.at, (uint64_t)list.n * 4);
}

static const uint16_t op_bytes[PLAN_OP_COUNT] = {
#define PLAN_OP(name, struct_name) [PLAN_OP_##name] = sizeof(struct struct_name),
#include "planner/plan_op.def"
#undef PLAN_OP
};

static bool has_program(const struct check *c, plan_off at)
{
    if (at == 0)
        return true;
    if (!has_range(c, at, sizeof(struct plan_program)))
        return false;
    uint32_t len = plan_at(c->plan, at, struct plan_program)->len;
    return len <= c->plan->size - at - sizeof(struct plan_program);
}

static bool has_programs(const struct check *c, struct plan_list list)
{
    if (!has_list(c, list))
        return false;
    for (uint32_t i = 0; i < list.n; i++)
        if (!has_program(c, plan_list_get(c->plan, list, i)))
            return false;
    return true;
}

static bool has_structs(const struct check *c, struct plan_list list, uint32_t size)
{
    if (!has_list(c, list))
        return false;
    for (uint32_t i = 0; i < list.n; i++)
        if (!has_range(c, plan_list_get(c->plan, list, i), size))
            return false;
    return true;
}

/* Every column number is below n. */
static bool has_columns(const struct check *c, struct plan_list list, uint32_t n)
{
    if (!has_list(c, list))
        return false;
    for (uint32_t i = 0; i < list.n; i++)
        if (plan_list_get(c->plan, list, i) >= n)
            return false;
    return true;
}

static bool has_sort_keys(const struct check *c, struct plan_list list, uint32_t n)
{
    if (!has_structs(c, list, sizeof(struct plan_sort_key)))
        return false;
    for (uint32_t i = 0; i < list.n; i++)
        if (plan_at(c->plan, plan_list_get(c->plan, list, i), struct plan_sort_key)->column >= n)
            return false;
    return true;
}

static bool check_scan(const struct check *c, const struct plan_scan *s)
{
    if (s->schema >= c->head->schemas.n || !has_list(c, s->columns) || !has_structs(c, s->spans, sizeof(struct plan_span)) ||
        !has_structs(c, s->tests, sizeof(struct plan_test)) || !has_structs(c, s->key, sizeof(struct plan_key_part)) ||
        !has_program(c, s->filter) || s->columns.n + (s->with_key ? 1u : 0u) != s->op.n_cols)
        return false;
    for (uint32_t i = 0; i < s->spans.n; i++) {
        const struct plan_span *span = plan_at(c->plan, plan_list_get(c->plan, s->spans, i), struct plan_span);
        if (!has_programs(c, span->eq) || !has_program(c, span->low) || !has_program(c, span->high) || span->eq.n > s->key.n)
            return false;
    }
    for (uint32_t i = 0; i < s->tests.n; i++)
        if (!has_program(c, plan_at(c->plan, plan_list_get(c->plan, s->tests, i), struct plan_test)->value))
            return false;
    return true;
}

static bool check_aggregate(const struct check *c, const struct plan_aggregate *a, uint32_t n)
{
    if (!has_columns(c, a->groups, n) || !has_structs(c, a->calls, sizeof(struct plan_agg_call)) ||
        !has_structs(c, a->sets, sizeof(struct plan_list)))
        return false;
    for (uint32_t i = 0; i < a->calls.n; i++) {
        const struct plan_agg_call *call = plan_at(c->plan, plan_list_get(c->plan, a->calls, i), struct plan_agg_call);
        if (!has_columns(c, call->args, n) || !has_program(c, call->filter) || !has_sort_keys(c, call->order, n))
            return false;
    }
    for (uint32_t i = 0; i < a->sets.n; i++)
        if (!has_columns(c, *plan_at(c->plan, plan_list_get(c->plan, a->sets, i), struct plan_list), a->groups.n))
            return false;
    return true;
}

/* What an operator refers to beside its children. left, right: their column counts. Fragments never hold the writing operators, and a
 * root's come from this node's own planner: their inner structures are covered by the range checks here. */
static bool check_parts(const struct check *c, const struct plan_op *op, uint32_t left, uint32_t right)
{
    switch ((enum plan_op_kind)op->kind) {
    case PLAN_OP_SCAN: return check_scan(c, (const struct plan_scan *)op);
    case PLAN_OP_CATALOG_SCAN: {
        const struct plan_catalog_scan *s = (const struct plan_catalog_scan *)op;
        return has_list(c, s->attnums) && has_program(c, s->filter) && s->attnums.n == op->n_cols;
    }
    case PLAN_OP_VALUES: {
        const struct plan_values *v = (const struct plan_values *)op;
        return has_programs(c, v->programs) && (uint64_t)v->n_rows * op->n_cols == v->programs.n;
    }
    case PLAN_OP_FUNCTION_SCAN: return has_programs(c, ((const struct plan_function_scan *)op)->args);
    case PLAN_OP_FILTER: return has_program(c, ((const struct plan_filter *)op)->program);
    case PLAN_OP_PROJECT: {
        const struct plan_project *p = (const struct plan_project *)op;
        return has_programs(c, p->programs) && p->programs.n == op->n_cols;
    }
    case PLAN_OP_SORT: {
        const struct plan_sort *s = (const struct plan_sort *)op;
        return has_sort_keys(c, s->keys, left) && has_program(c, s->limit) && has_program(c, s->offset);
    }
    case PLAN_OP_LIMIT: {
        const struct plan_limit *l = (const struct plan_limit *)op;
        return has_program(c, l->limit) && has_program(c, l->offset) && has_sort_keys(c, l->ties, left);
    }
    case PLAN_OP_DISTINCT: return has_columns(c, ((const struct plan_distinct *)op)->columns, left);
    case PLAN_OP_AGGREGATE: return check_aggregate(c, (const struct plan_aggregate *)op, left);
    case PLAN_OP_HASH_JOIN: {
        const struct plan_hash_join *j = (const struct plan_hash_join *)op;
        return has_columns(c, j->left_keys, left) && has_columns(c, j->right_keys, right) && j->left_keys.n == j->right_keys.n &&
               has_program(c, j->residual);
    }
    case PLAN_OP_EXCHANGE: {
        const struct plan_exchange *x = (const struct plan_exchange *)op;
        return x->fragment < c->head->fragments.n && has_sort_keys(c, x->merge, op->n_cols);
    }
    default: return true;
    }
}

struct check_args {
    struct check *c;
    plan_off at;
};

static int check_op(void *arg)
{
    struct check_args *a = arg;
    struct check *c = a->c;
    if (c->ops_left-- == 0)
        return bad(c, "operators do not form a tree");
    if (!has_range(c, a->at, sizeof(struct plan_op)))
        return bad(c, "an operator lies outside");
    const struct plan_op *op = plan_at(c->plan, a->at, struct plan_op);
    if (op->kind >= PLAN_OP_COUNT || !has_range(c, a->at, op_bytes[op->kind]))
        return bad(c, "unknown operator");
    if (op->n_children > 2 || !has_range(c, op->cols, (uint64_t)op->n_cols * sizeof(struct plan_col)))
        return bad(c, "an operator's columns lie outside");
    uint32_t n[2] = {0, 0};
    for (uint32_t i = 0; i < op->n_children; i++) {
        /* Children are put before their parents, so offsets fall towards the leaves: no cycle is possible. */
        if (op->children[i] >= a->at)
            return bad(c, "a child follows its parent");
        struct check_args child = {c, op->children[i]};
        int rc = stack_call(check_op, &child, c->err);
        if (rc)
            return rc;
        n[i] = plan_at(c->plan, op->children[i], struct plan_op)->n_cols;
    }
    return check_parts(c, op, n[0], n[1]) ? 0 : bad(c, "an operator refers to what is not there");
}

int plan_check(const struct plan *plan, struct err *err)
{
    struct check c = {.plan = plan, .err = err, .head = plan_head(plan)};
    if (plan->size < sizeof(struct plan_header) || plan->size != c.head->total_bytes || c.head->magic != PLAN_MAGIC)
        return bad(&c, "header");
    if (c.head->version != PLAN_VERSION)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "plan version %u is not supported by this server", c.head->version);
    c.ops_left = plan->size / sizeof(struct plan_op) + 1;
    if (!has_structs(&c, c.head->fragments, sizeof(struct plan_fragment)) || c.head->fragments.n == 0 ||
        !has_structs(&c, c.head->subplans, sizeof(struct plan_subplan)) ||
        !has_structs(&c, c.head->schemas, sizeof(struct plan_bytes)) || !has_list(&c, c.head->depends) ||
        !has_list(&c, c.head->params) || !has_structs(&c, c.head->columns, sizeof(struct plan_result_column)))
        return bad(&c, "a table of the header lies outside");
    for (uint32_t i = 0; i < c.head->schemas.n; i++) {
        const struct plan_bytes *b = plan_at(plan, plan_list_get(plan, c.head->schemas, i), struct plan_bytes);
        if (!has_range(&c, b->at, b->len))
            return bad(&c, "a schema lies outside");
    }
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < c.head->fragments.n; i++) {
        struct check_args a = {&c, plan_at(plan, plan_list_get(plan, c.head->fragments, i), struct plan_fragment)->root};
        rc = check_op(&a);
    }
    for (uint32_t i = 0; rc == 0 && i < c.head->subplans.n; i++) {
        const struct plan_subplan *s = plan_at(plan, plan_list_get(plan, c.head->subplans, i), struct plan_subplan);
        if (!has_list(&c, s->outer))
            return bad(&c, "a subplan's parameters lie outside");
        struct check_args a = {&c, s->root};
        rc = check_op(&a);
    }
    return rc;
}
