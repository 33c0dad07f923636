#include "types/expr/tree.h"

#include "types/expr/tree_int.h"

struct expr *expr_new(struct arena *arena, enum expr_op op, uint32_t type, int32_t typmod,
                      uint32_t n_args)
{
    struct expr *e = arena_new(arena, struct expr);
    e->op = (uint8_t)op;
    e->type = type;
    e->typmod = typmod;
    e->n_args = n_args;
    if (n_args)
        e->args = arena_array(arena, struct expr *, n_args);
    const struct type_info *t = type_info(type);
    e->collation = t ? t->collation : 0;
    return e;
}

struct expr *expr_const(struct arena *arena, uint32_t type, int32_t typmod,
                        const struct datum *value)
{
    struct expr *e = expr_new(arena, EXPR_CONST, type, typmod, 0);
    e->value = datum_copy(value, arena);
    return e;
}

struct expr *expr_const_null(struct arena *arena, uint32_t type, int32_t typmod)
{
    const struct type_info *t = type_info(type);
    struct datum null = datum_null(t ? (enum phys_kind)t->phys : PHYS_BYTES);
    return expr_const(arena, type, typmod, &null);
}

struct expr *expr_const_bool(struct arena *arena, bool value)
{
    struct datum d = {.kind = PHYS_BOOL, .dec_scale = -1, .u.b = value};
    return expr_const(arena, TYPE_BOOL, -1, &d);
}

struct expr *expr_column(struct arena *arena, uint32_t rel, uint32_t index, uint32_t type,
                         int32_t typmod)
{
    struct expr *e = expr_new(arena, EXPR_COLUMN, type, typmod, 0);
    e->rel = rel;
    e->index = index;
    return e;
}

struct expr *expr_call(struct arena *arena, uint32_t func, uint32_t result,
                       struct expr *const *args, uint32_t n_args)
{
    struct expr *e = expr_new(arena, EXPR_FUNC, result, -1, n_args);
    e->func = func;
    for (uint32_t i = 0; i < n_args; i++)
        e->args[i] = args[i];
    return e;
}

struct expr *expr_oper(struct arena *arena, const struct oper_info *oper, struct expr *left,
                       struct expr *right)
{
    struct expr *args[2] = {left ? left : right, right};
    struct expr *e = expr_call(arena, oper->func, oper->result, args, left ? 2 : 1);
    e->oper = oper->oid;
    return e;
}

static struct expr *make_logic(struct arena *arena, enum expr_op op, struct expr *const *terms,
                               uint32_t n)
{
    if (n == 0)
        return expr_const_bool(arena, op == EXPR_AND);
    if (n == 1)
        return terms[0];
    uint32_t total = 0;
    for (uint32_t i = 0; i < n; i++)
        total += terms[i]->op == op ? terms[i]->n_args : 1;
    struct expr *e = expr_new(arena, op, TYPE_BOOL, -1, total);
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (terms[i]->op != op) {
            e->args[at++] = terms[i];
            continue;
        }
        for (uint32_t k = 0; k < terms[i]->n_args; k++)
            e->args[at++] = terms[i]->args[k];
    }
    return e;
}

struct expr *expr_and(struct arena *arena, struct expr *const *terms, uint32_t n)
{
    return make_logic(arena, EXPR_AND, terms, n);
}

struct expr *expr_or(struct arena *arena, struct expr *const *terms, uint32_t n)
{
    return make_logic(arena, EXPR_OR, terms, n);
}

struct expr *expr_not(struct arena *arena, struct expr *term)
{
    struct expr *e = expr_new(arena, EXPR_NOT, TYPE_BOOL, -1, 1);
    e->args[0] = term;
    return e;
}

struct expr *expr_clone(struct arena *arena, const struct expr *e)
{
    struct expr *copy = arena_memdup(arena, e, sizeof *e);
    if (e->n_args)
        copy->args = arena_memdup(arena, e->args, e->n_args * sizeof *e->args);
    if (e->agg) {
        copy->agg = arena_memdup(arena, e->agg, sizeof *e->agg);
        if (e->agg->n_order)
            copy->agg->order =
                arena_memdup(arena, e->agg->order, e->agg->n_order * sizeof *e->agg->order);
    }
    return copy;
}

/* ---- children, args and those of an aggregate ---------------------------------------------- */

uint32_t expr_child_count(const struct expr *e)
{
    uint32_t n = e->n_args;
    if (e->agg)
        n += (e->agg->filter != NULL) + e->agg->n_order;
    return n;
}

struct expr **expr_child(struct expr *e, uint32_t i)
{
    if (i < e->n_args)
        return &e->args[i];
    i -= e->n_args;
    if (e->agg->filter) {
        if (i == 0)
            return &e->agg->filter;
        i--;
    }
    return &e->agg->order[i].expr;
}

static const struct expr *read_child(const struct expr *e, uint32_t i)
{
    return *expr_child((struct expr *)e, i);
}

/* ---- a stack of pending nodes, growing on a scratch arena ---------------------------------- */

void expr_stack_push(struct expr_stack *s, const void *a, const void *b)
{
    if (s->n == s->cap) {
        uint32_t cap = s->cap ? s->cap * 2 : 64;
        struct expr_stack_entry *more = arena_alloc(s->arena, cap * sizeof *more);
        if (s->n)
            memcpy(more, s->entries, s->n * sizeof *more);
        s->entries = more;
        s->cap = cap;
    }
    s->entries[s->n++] = (struct expr_stack_entry){.a = a, .b = b};
}

void expr_walk(const struct expr *e, expr_visit visit, void *ctx)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct expr_stack s = {.arena = &scratch};
    bool stop = false;
    expr_stack_push(&s, e, NULL);
    while (s.n && !stop) {
        const struct expr *at = s.entries[--s.n].a;
        if (!visit(at, ctx, &stop))
            continue;
        for (uint32_t i = expr_child_count(at); i-- > 0;)
            expr_stack_push(&s, read_child(at, i), NULL);
    }
    arena_done(&scratch);
}

static struct expr *drop_nothing(struct expr *e, void *ctx, struct err *err)
{
    return e;
}

/* Post-order with an explicit stack: an entry is met twice, first to push its children, then to
 * change it. */
static int rewrite_tree(struct arena *arena, struct expr *root, bool copy_all, expr_change change,
                        void *ctx, struct expr **out, struct err *err)
{
    struct frame {
        struct expr *node;
        struct expr **link; /* where the result goes */
        uint32_t next;
        bool own;
    } * frames;
    struct arena scratch;
    arena_init(&scratch, NULL);
    uint32_t cap = 64, n = 0;
    int rc = 0;
    frames = arena_alloc(&scratch, cap * sizeof *frames);
    struct expr *result = root;
    frames[n++] = (struct frame){.node = root, .link = &result};
    while (n) {
        struct frame *f = &frames[n - 1];
        if (f->next == 0 && !f->own && copy_all) {
            f->node = expr_clone(arena, f->node);
            f->node->value = datum_copy(&f->node->value, arena);
            f->own = true;
        }
        if (f->next < expr_child_count(f->node)) {
            struct expr *child = *expr_child(f->node, f->next++);
            if (n == cap) {
                struct frame *more = arena_alloc(&scratch, cap * 2 * sizeof *more);
                memcpy(more, frames, n * sizeof *more);
                frames = more;
                cap *= 2;
            }
            frames[n++] = (struct frame){.node = child};
            continue;
        }
        struct expr *changed = change(f->node, ctx, err);
        if (!changed) {
            rc = err ? err->code : ERR_INTERNAL_ERROR;
            break;
        }
        n--;
        if (n == 0) {
            result = changed;
            break;
        }
        struct frame *parent = &frames[n - 1];
        if (*expr_child(parent->node, parent->next - 1) == changed)
            continue;
        if (!parent->own) {
            parent->node = expr_clone(arena, parent->node);
            parent->own = true;
        }
        *expr_child(parent->node, parent->next - 1) = changed;
    }
    arena_done(&scratch);
    if (rc == 0)
        *out = result;
    return rc;
}

int expr_rewrite(struct arena *arena, struct expr *e, expr_change change, void *ctx,
                 struct expr **out, struct err *err)
{
    return rewrite_tree(arena, e, false, change, ctx, out, err);
}

struct expr *expr_copy(struct arena *arena, const struct expr *e)
{
    struct expr *out = NULL;
    int rc = rewrite_tree(arena, (struct expr *)e, true, drop_nothing, NULL, &out, NULL);
    return rc ? NULL : out;
}

/* ---- comparing ----------------------------------------------------------------------------- */

static bool same_datum(const struct datum *a, const struct datum *b)
{
    if (a->null != b->null || a->kind != b->kind || a->dec_scale != b->dec_scale)
        return false;
    if (a->null)
        return true;
    switch ((enum phys_kind)a->kind) {
    case PHYS_BYTES:
        return view_equal(&a->u.bytes, &b->u.bytes);
    case PHYS_FLOAT32:
        return memcmp(&a->u.f32, &b->u.f32, sizeof a->u.f32) == 0;
    case PHYS_FLOAT64:
        return memcmp(&a->u.f64, &b->u.f64, sizeof a->u.f64) == 0;
    default:
        return datum_compare(a, b) == 0;
    }
}

static bool same_node(const struct expr *a, const struct expr *b)
{
    if (a->op != b->op || a->sub != b->sub || a->type != b->type || a->typmod != b->typmod ||
        a->func != b->func || a->n_args != b->n_args || a->index != b->index || a->rel != b->rel ||
        a->collation != b->collation)
        return false;
    if ((a->agg != NULL) != (b->agg != NULL))
        return false;
    if (a->agg) {
        const struct expr_agg *x = a->agg, *y = b->agg;
        if (x->distinct != y->distinct || x->star != y->star || !x->filter != !y->filter ||
            x->n_order != y->n_order || x->level != y->level)
            return false;
        for (uint32_t i = 0; i < x->n_order; i++)
            if (x->order[i].oper != y->order[i].oper || x->order[i].desc != y->order[i].desc ||
                x->order[i].nulls_first != y->order[i].nulls_first)
                return false;
    }
    if (a->op == EXPR_CONST)
        return same_datum(&a->value, &b->value);
    if (a->op == EXPR_SUBQUERY || a->op == EXPR_DEFAULT)
        return a->extra == b->extra;
    return true;
}

bool expr_equal(const struct expr *a, const struct expr *b)
{
    if (a == b)
        return true;
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct expr_stack s = {.arena = &scratch};
    bool equal = true;
    expr_stack_push(&s, a, b);
    while (s.n && equal) {
        struct expr_stack_entry at = s.entries[--s.n];
        const struct expr *x = at.a, *y = at.b;
        if (x == y)
            continue;
        equal = same_node(x, y);
        for (uint32_t i = 0; equal && i < expr_child_count(x); i++)
            expr_stack_push(&s, read_child(x, i), read_child(y, i));
    }
    arena_done(&scratch);
    return equal;
}

static uint64_t mix_hash(uint64_t h, uint64_t v)
{
    h ^= v + UINT64_C(0x9e3779b97f4a7c15) + (h << 6) + (h >> 2);
    return h * UINT64_C(0xff51afd7ed558ccd);
}

static uint64_t hash_datum(const struct datum *d)
{
    if (d->null)
        return 7;
    uint64_t h = d->kind;
    if (d->kind == PHYS_BYTES) {
        const uint8_t *p = view_data(&d->u.bytes);
        for (uint32_t i = 0; i < d->u.bytes.len; i++)
            h = mix_hash(h, p[i]);
        return h;
    }
    uint64_t words[2] = {0, 0};
    memcpy(words, &d->u, phys_width[d->kind]);
    return mix_hash(mix_hash(h, words[0]), words[1]);
}

static bool hash_visit(const struct expr *e, void *ctx, bool *stop)
{
    uint64_t *h = ctx;
    *h = mix_hash(*h, (uint64_t)e->op << 32 | e->func);
    *h = mix_hash(*h, (uint64_t)e->index << 32 | e->rel);
    *h = mix_hash(*h, (uint64_t)e->type << 32 | e->n_args);
    if (e->op == EXPR_CONST)
        *h = mix_hash(*h, hash_datum(&e->value));
    return true;
}

uint64_t expr_hash(const struct expr *e)
{
    uint64_t h = 0;
    expr_walk(e, hash_visit, &h);
    return h;
}

/* ---- traits -------------------------------------------------------------------------------- */

uint32_t expr_func_traits(uint32_t func)
{
    const struct func_info *f = func_info(func);
    if (!f)
        return EXPR_FALLIBLE;
    uint32_t t = 0;
    if (f->volatility == 'v')
        t |= EXPR_HAS_VOLATILE;
    if (f->volatility == 's')
        t |= EXPR_HAS_STABLE;
    if (f->flags & FUNC_FALLIBLE)
        t |= EXPR_FALLIBLE;
    if (f->flags & FUNC_WAITS)
        t |= EXPR_WAITS | EXPR_HAS_HOST;
    if (f->flags & FUNC_HOST)
        t |= EXPR_HAS_HOST;
    return t;
}

uint32_t expr_node_traits(const struct expr *e)
{
    switch ((enum expr_op)e->op) {
    case EXPR_COLUMN:
        return EXPR_HAS_COLUMN;
    case EXPR_PARAM:
        return EXPR_HAS_PARAM;
    case EXPR_OUTER:
        return EXPR_HAS_OUTER;
    case EXPR_SUBPLAN:
        return EXPR_HAS_SUBPLAN | EXPR_WAITS | EXPR_FALLIBLE;
    case EXPR_AGG:
        return EXPR_HAS_AGG | EXPR_FALLIBLE;
    case EXPR_WINDOW:
        return EXPR_HAS_WINDOW | EXPR_FALLIBLE;
    case EXPR_SRF:
        return EXPR_HAS_SRF | expr_func_traits(e->func) | EXPR_FALLIBLE;
    case EXPR_SUBQUERY:
        return EXPR_HAS_SUBQUERY | EXPR_FALLIBLE;
    case EXPR_COERCE_LENGTH:
    case EXPR_SUBSCRIPT:
        return EXPR_FALLIBLE;
    case EXPR_CAST_IO:
        return EXPR_FALLIBLE | EXPR_HAS_STABLE;
    case EXPR_FUNC:
    case EXPR_NULLIF:
    case EXPR_DISTINCT:
    case EXPR_IN:
    case EXPR_ANY_ARRAY:
    case EXPR_CAST_ARRAY:
        return expr_func_traits(e->func);
    default:
        return 0;
    }
}

static bool traits_visit(const struct expr *e, void *ctx, bool *stop)
{
    *(uint32_t *)ctx |= expr_node_traits(e);
    return true;
}

uint32_t expr_traits(const struct expr *e)
{
    uint32_t traits = 0;
    expr_walk(e, traits_visit, &traits);
    return traits;
}

/* Descends only through operations that are null (or not true) whenever an argument is. */
struct strict_search {
    uint32_t rel;
    bool found;
};

static bool strict_visit(const struct expr *e, void *ctx, bool *stop)
{
    struct strict_search *s = ctx;
    const struct func_info *f;
    switch ((enum expr_op)e->op) {
    case EXPR_COLUMN:
        if (e->rel == s->rel)
            s->found = *stop = true;
        return false;
    case EXPR_FUNC:
        f = func_info(e->func);
        return f && (f->flags & FUNC_STRICT) && !(f->flags & FUNC_RETSET);
    case EXPR_NOT:
    case EXPR_RELABEL:
    case EXPR_CAST_IO:
    case EXPR_COERCE_LENGTH:
        return true;
    default:
        return false;
    }
}

/* AND and OR count only at the top, where "null" may weaken to "not true": below a NOT, false would
 * turn into true. */
bool expr_strict_in(const struct expr *e, uint32_t rel)
{
    struct strict_search s = {.rel = rel};
    if (e->op == EXPR_AND || e->op == EXPR_OR) {
        for (uint32_t i = 0; i < e->n_args; i++) {
            const struct expr *term = e->args[i];
            bool strict = term->op != EXPR_AND && term->op != EXPR_OR && expr_strict_in(term, rel);
            if (strict == (e->op == EXPR_AND))
                return strict;
        }
        return e->op == EXPR_OR;
    }
    /* x IN (...) and x op ANY (...) are strict in x alone. */
    if ((e->op == EXPR_IN || e->op == EXPR_ANY_ARRAY) && e->n_args)
        return expr_strict_in(e->args[0], rel);
    expr_walk(e, strict_visit, &s);
    return s.found;
}
