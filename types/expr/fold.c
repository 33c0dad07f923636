#include "types/expr/expr.h"
#include "types/expr/tree_int.h"

/* Constant folding in one post-order pass. What fails is left as it is. */

struct fold {
    struct arena *arena;
    const struct type_env *env;
    bool with_stable;
};

static bool is_const(const struct expr *e)
{
    return e->op == EXPR_CONST;
}
static bool is_bool_const(const struct expr *e, bool value)
{
    return is_const(e) && !e->value.null && e->value.kind == PHYS_BOOL && e->value.u.b == value;
}
static bool is_null_const(const struct expr *e)
{
    return is_const(e) && e->value.null;
}

static bool all_args_const(const struct expr *e)
{
    for (uint32_t i = 0; i < e->n_args; i++)
        if (!is_const(e->args[i]))
            return false;
    return true;
}

static struct expr *make_const(struct fold *f, const struct expr *like, const struct datum *d)
{
    struct expr *c = expr_const(f->arena, like->type, like->typmod, d);
    c->collation = like->collation;
    c->position = like->position;
    return c;
}

/* Text forms that depend on no setting. */
static bool io_is_immutable(uint32_t type)
{
    switch (type) {
    case TYPE_BOOL:
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
    case TYPE_NUMERIC:
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_BPCHAR:
    case TYPE_NAME:
    case TYPE_CHAR:
    case TYPE_UUID:
    case TYPE_OID:
        return true;
    default:
        return false;
    }
}

static bool may_compute(const struct fold *f, const struct expr *e)
{
    uint32_t traits = expr_node_traits(e);
    if (traits & (EXPR_HAS_VOLATILE | EXPR_HAS_HOST | EXPR_WAITS))
        return false;
    if (e->op == EXPR_CAST_IO)
        return f->with_stable || (io_is_immutable(e->type) && io_is_immutable(e->args[0]->type));
    if (e->op == EXPR_CAST_ARRAY && !e->func)
        return f->with_stable;
    return f->with_stable || !(traits & EXPR_HAS_STABLE);
}

/* Runs the node once over its constants; the node itself when that fails. */
static struct expr *compute(struct fold *f, struct expr *e)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct err ignored;
    err_clear(&ignored);
    struct expr_env env = {.env = f->env};
    struct datum d;
    int rc = expr_eval_tree(NULL, &env, e, &scratch, &d, &ignored);
    struct expr *out = rc ? e : make_const(f, e, &d);
    arena_done(&scratch);
    return out;
}

static struct expr *fold_func(struct fold *f, struct expr *e)
{
    const struct func_info *info = func_info(e->func);
    if (!info || !info->kernel || (info->flags & FUNC_RETSET) || !may_compute(f, e))
        return e;
    if (info->flags & FUNC_STRICT) {
        for (uint32_t i = 0; i < e->n_args; i++) {
            if (!is_null_const(e->args[i]))
                continue;
            struct expr *null = expr_const_null(f->arena, e->type, e->typmod);
            null->position = e->position;
            return null;
        }
    }
    return all_args_const(e) ? compute(f, e) : e;
}

/* Neutral constants go, a deciding one decides; null stays. */
static struct expr *fold_logic(struct fold *f, struct expr *e)
{
    bool is_and = e->op == EXPR_AND;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < e->n_args; i++) {
        if (is_bool_const(e->args[i], !is_and))
            return e->args[i];
        kept += !is_bool_const(e->args[i], is_and);
    }
    if (kept == e->n_args)
        return e;
    if (kept == 0)
        return expr_const_bool(f->arena, is_and);
    struct expr **terms = arena_array(f->arena, struct expr *, kept);
    uint32_t at = 0;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (!is_bool_const(e->args[i], is_and))
            terms[at++] = e->args[i];
    struct expr *out = is_and ? expr_and(f->arena, terms, kept) : expr_or(f->arena, terms, kept);
    return out;
}

static struct expr *fold_case(struct fold *f, struct expr *e)
{
    uint32_t pairs = e->n_args / 2, kept = 0;
    struct expr *otherwise = e->n_args & 1 ? e->args[e->n_args - 1] : NULL;
    struct expr **args = arena_array(f->arena, struct expr *, e->n_args + 1);
    for (uint32_t i = 0; i < pairs; i++) {
        const struct expr *when = e->args[2 * i];
        if (is_bool_const(when, false) || is_null_const(when))
            continue;
        if (is_bool_const(when, true)) {
            otherwise = e->args[2 * i + 1];
            break;
        }
        args[kept++] = e->args[2 * i];
        args[kept++] = e->args[2 * i + 1];
    }
    if (kept == 0)
        return otherwise ? otherwise : expr_const_null(f->arena, e->type, e->typmod);
    if (kept + (otherwise != NULL) == e->n_args)
        return e;
    struct expr *out = expr_clone(f->arena, e);
    out->args = args;
    if (otherwise)
        args[kept++] = otherwise;
    out->n_args = kept;
    return out;
}

static struct expr *fold_coalesce(struct fold *f, struct expr *e)
{
    struct expr **args = arena_array(f->arena, struct expr *, e->n_args + 1);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < e->n_args; i++) {
        if (is_null_const(e->args[i]))
            continue;
        args[kept++] = e->args[i];
        if (is_const(e->args[i]))
            break;
    }
    if (kept == 0)
        return expr_const_null(f->arena, e->type, e->typmod);
    if (kept == 1 || is_const(args[0]))
        return args[0];
    if (kept == e->n_args)
        return e;
    struct expr *out = expr_clone(f->arena, e);
    out->args = args;
    out->n_args = kept;
    return out;
}

static struct expr *fold_node(struct expr *e, void *ctx, struct err *err)
{
    struct fold *f = ctx;
    switch ((enum expr_op)e->op) {
    case EXPR_FUNC:
        return fold_func(f, e);
    case EXPR_AND:
    case EXPR_OR:
        return fold_logic(f, e);
    case EXPR_CASE:
        return fold_case(f, e);
    case EXPR_COALESCE:
        return fold_coalesce(f, e);
    case EXPR_NOT:
    case EXPR_IS_NULL:
    case EXPR_BOOL_TEST:
    case EXPR_NULLIF:
    case EXPR_GREATEST:
    case EXPR_LEAST:
    case EXPR_DISTINCT:
    case EXPR_RELABEL:
    case EXPR_CAST_IO:
    case EXPR_COERCE_LENGTH:
    case EXPR_CAST_ARRAY:
    case EXPR_IN:
    case EXPR_ANY_ARRAY:
    case EXPR_ARRAY:
    case EXPR_ROW_COMPARE:
    case EXPR_SUBSCRIPT:
        return all_args_const(e) && may_compute(f, e) ? compute(f, e) : e;
    default:
        return e;
    }
}

int expr_fold(struct arena *arena, struct expr *e, const struct type_env *env, bool with_stable,
              struct expr **out, struct err *err)
{
    struct fold f = {
        .arena = arena, .env = env ? env : &type_env_default, .with_stable = with_stable};
    return expr_rewrite(arena, e, fold_node, &f, out, err);
}
