#include "types/expr/program_int.h"
#include "types/expr/tree_int.h"

/* Trees as bytes, for the catalog: version, then the nodes in post-order (children before parents,
 * so that reading needs only a stack). A node:
 *
 *   op u8 | sub u8 | form u8 | flags u8 | type u32 | typmod i32 | collation u32 | func u32 | oper
 * u32 | rel u32 | index u32 | n_args u32 | [CONST: datum] | [flags & 1: aggregate: distinct u8,
 * star u8, has_filter u8, level u32, n_order u32, n_order x (oper u32, desc u8, nulls_first u8)]
 *
 * Positions are not kept: the text they point into is gone.
 */

enum { TREE_VERSION = 1, TREE_ARGS_MAX = 1 << 22 };

static void put_agg(const struct expr_agg *a, struct buf *out)
{
    buf_put_u8(out, a->distinct);
    buf_put_u8(out, a->star);
    buf_put_u8(out, a->filter != NULL);
    buf_put_le32(out, a->level);
    buf_put_le32(out, a->n_order);
    for (uint32_t i = 0; i < a->n_order; i++) {
        buf_put_le32(out, a->order[i].oper);
        buf_put_u8(out, a->order[i].desc);
        buf_put_u8(out, a->order[i].nulls_first);
    }
}

static void put_datum(const struct datum *d, struct buf *out)
{
    buf_put_u8(out, d->kind);
    buf_put_u8(out, d->null);
    buf_put_le16(out, (uint16_t)d->dec_scale);
    if (d->null)
        return;
    if (d->kind == PHYS_BYTES)
        buf_put_sized(out, view_data(&d->u.bytes), d->u.bytes.len);
    else
        buf_put(out, &d->u, phys_width[d->kind]);
}

static void put_node(const struct expr *e, struct buf *out)
{
    buf_put_u8(out, e->op);
    buf_put_u8(out, e->sub);
    buf_put_u8(out, e->form);
    buf_put_u8(out, e->agg != NULL);
    buf_put_le32(out, e->type);
    buf_put_le32(out, (uint32_t)e->typmod);
    buf_put_le32(out, e->collation);
    buf_put_le32(out, e->func);
    buf_put_le32(out, e->oper);
    buf_put_le32(out, e->rel);
    buf_put_le32(out, e->index);
    buf_put_le32(out, e->n_args);
    if (e->op == EXPR_CONST)
        put_datum(&e->value, out);
    if (e->agg)
        put_agg(e->agg, out);
}

void expr_encode(const struct expr *e, struct buf *out)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct expr_stack pending = {.arena = &scratch}, order = {.arena = &scratch};
    buf_put_u8(out, TREE_VERSION);
    expr_stack_push(&pending, e, NULL);
    while (pending.n) {
        const struct expr *at = pending.entries[--pending.n].a;
        expr_stack_push(&order, at, NULL);
        for (uint32_t i = 0; i < expr_child_count(at); i++)
            expr_stack_push(&pending, *expr_child((struct expr *)at, i), NULL);
    }
    buf_put_varint(out, order.n);
    /* Parents were met before their children, last child first: backwards it is post-order. */
    while (order.n)
        put_node(order.entries[--order.n].a, out);
    arena_done(&scratch);
}

static bool take_datum(struct buf_reader *r, struct arena *arena, struct datum *d)
{
    *d = (struct datum){.kind = buf_take_u8(r)};
    d->null = buf_take_u8(r) != 0;
    d->dec_scale = (int16_t)buf_take_le16(r);
    if (d->kind == 0 || d->kind >= PHYS_KIND_COUNT)
        return false;
    if (d->null)
        return true;
    if (d->kind == PHYS_BYTES) {
        size_t len;
        const uint8_t *p = buf_take_sized(r, &len);
        if (!p && len)
            return false;
        d->u.bytes = view_copy(arena, p, (uint32_t)len);
        return !r->bad;
    }
    const uint8_t *p = buf_take(r, phys_width[d->kind]);
    if (p)
        memcpy(&d->u, p, phys_width[d->kind]);
    return p != NULL;
}

static struct expr_agg *take_agg(struct buf_reader *r, struct arena *arena, bool *has_filter)
{
    struct expr_agg *a = arena_new(arena, struct expr_agg);
    a->distinct = buf_take_u8(r) != 0;
    a->star = buf_take_u8(r) != 0;
    *has_filter = buf_take_u8(r) != 0;
    a->level = buf_take_le32(r);
    a->n_order = buf_take_le32(r);
    if (r->bad || a->n_order > buf_reader_left(r))
        return NULL;
    a->order = arena_array(arena, struct expr_order, a->n_order + 1);
    for (uint32_t i = 0; i < a->n_order; i++) {
        a->order[i].oper = buf_take_le32(r);
        a->order[i].desc = buf_take_u8(r) != 0;
        a->order[i].nulls_first = buf_take_u8(r) != 0;
    }
    return a;
}

/* Children lie on the stack in order, the last on top. */
static struct expr *take_node(struct buf_reader *r, struct arena *arena, struct expr_stack *built)
{
    struct expr head = {.op = buf_take_u8(r)};
    head.sub = buf_take_u8(r);
    head.form = buf_take_u8(r);
    bool has_agg = buf_take_u8(r) != 0;
    head.type = buf_take_le32(r);
    head.typmod = (int32_t)buf_take_le32(r);
    head.collation = buf_take_le32(r);
    head.func = buf_take_le32(r);
    head.oper = buf_take_le32(r);
    head.rel = buf_take_le32(r);
    head.index = buf_take_le32(r);
    head.n_args = buf_take_le32(r);
    if (r->bad || head.op == 0 || head.op >= EXPR_OP_COUNT || head.n_args > built->n)
        return NULL;
    if (head.op == EXPR_CONST && !take_datum(r, arena, &head.value))
        return NULL;
    bool has_filter = false;
    if (has_agg && !(head.agg = take_agg(r, arena, &has_filter)))
        return NULL;
    uint32_t children = head.n_args + has_filter + (head.agg ? head.agg->n_order : 0);
    if (r->bad || children > built->n)
        return NULL;
    struct expr *e = arena_memdup(arena, &head, sizeof head);
    if (e->n_args)
        e->args = arena_array(arena, struct expr *, e->n_args);
    struct expr_stack_entry *from = &built->entries[built->n - children];
    uint32_t at = 0;
    for (uint32_t i = 0; i < e->n_args; i++)
        e->args[i] = (struct expr *)from[at++].a;
    if (has_filter)
        e->agg->filter = (struct expr *)from[at++].a;
    for (uint32_t i = 0; e->agg && i < e->agg->n_order; i++)
        e->agg->order[i].expr = (struct expr *)from[at++].a;
    built->n -= children;
    return e;
}

int expr_decode(const uint8_t *data, size_t len, struct arena *arena, struct expr **out,
                struct err *err)
{
    struct buf_reader r = buf_reader_of(data, len);
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct expr_stack built = {.arena = &scratch};
    bool good = buf_take_u8(&r) == TREE_VERSION;
    uint64_t n = buf_take_varint(&r);
    good = good && n > 0 && n <= len;
    for (uint64_t i = 0; i < n && good; i++) {
        struct expr *e = take_node(&r, arena, &built);
        good = e != NULL;
        if (good)
            expr_stack_push(&built, e, NULL);
    }
    good = good && built.n == 1 && !r.bad && buf_reader_left(&r) == 0;
    if (good)
        *out = (struct expr *)built.entries[0].a;
    arena_done(&scratch);
    return good ? 0 : err_set(err, ERR_DATA_CORRUPTED, "malformed stored expression");
}
