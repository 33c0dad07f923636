#include "planner/bind/bind_int.h"

#include <string.h>

#include "base/stack.h"
#include "parser/parser.h"

int bind_error(struct binder *b, const struct ast_node *at, struct err *err)
{
    if (at && b->opt->text && !b->view_depth && !b->bound_table)
        err_position(err, parse_position(b->opt->text, b->opt->text_len, at->at));
    return err ? err->code : ERR_INTERNAL_ERROR;
}

int bind_expr_error(struct binder *b, const struct expr *e, struct err *err)
{
    if (e->position > 0 && b->opt->text && !b->view_depth && !b->bound_table)
        err_position(err, parse_position(b->opt->text, b->opt->text_len, (uint32_t)e->position - 1));
    return err ? err->code : ERR_INTERNAL_ERROR;
}

void *bind_grow(struct binder *b, void *items, uint32_t n, uint32_t *capacity, size_t size)
{
    if (n < *capacity)
        return items;
    uint32_t wanted = *capacity ? *capacity * 2 : 8;
    void *bigger = arena_zalloc(b->arena, wanted * size);
    if (n)
        memcpy(bigger, items, n * size);
    *capacity = wanted;
    return bigger;
}

struct rel *bind_new_rel(struct binder *b, enum rel_kind kind, const char *alias)
{
    b->rels = bind_grow(b, b->rels, b->n_rels, &b->cap_rels, sizeof *b->rels);
    struct rel *rel = arena_new(b->arena, struct rel);
    rel->number = b->n_rels;
    rel->kind = (uint8_t)kind;
    rel->alias = alias;
    b->rels[b->n_rels++] = rel;
    return rel;
}

struct rel *bind_rel(const struct binder *b, uint32_t number)
{
    return number < b->n_rels ? b->rels[number] : NULL;
}

void bind_depend(struct binder *b, uint32_t oid)
{
    for (uint32_t i = 0; i < b->n_depends; i++)
        if (b->depends[i] == oid)
            return;
    b->depends = bind_grow(b, b->depends, b->n_depends, &b->cap_depends, sizeof *b->depends);
    b->depends[b->n_depends++] = oid;
}

bool bind_stack_low(void)
{
    return stack_left() < STACK_RESERVE;
}

int bind_deeper(struct binder *b, int (*fn)(void *), void *arg, struct err *err)
{
    return stack_call(fn, arg, err);
}

/* ---- full rows ---- */

int32_t row_position(const struct cat_relation *r, int32_t attnum)
{
    int32_t at = 0;
    for (uint32_t i = 0; i < r->n_columns; i++) {
        if (r->columns[i].dropped)
            continue;
        if (r->columns[i].attnum == attnum)
            return at;
        at++;
    }
    return -1;
}

uint32_t row_width(const struct cat_relation *r)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n_columns; i++)
        n += !r->columns[i].dropped;
    return n;
}
