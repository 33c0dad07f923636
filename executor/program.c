/* program.c: compiled expressions of a plan, ready for one execution; and keys made of their values. */
#include <string.h>

#include "executor/exec_int.h"
#include "types/type/type.h"

int program_open(struct exec *x, plan_off at, struct program *out, struct err *err)
{
    *out = (struct program){0};
    if (at == 0)
        return 0;
    uint32_t len;
    const void *code = plan_program_code(&x->plan->plan, at, &len);
    struct expr_program_info info;
    if (!expr_program_info(code, len, &info))
        return err_set(err, ERR_DATA_CORRUPTED, "a plan holds a malformed expression");
    int rc = expr_exec_create(&x->arena, code, len, &x->expr_env, &out->exec, err);
    if (rc)
        return rc;
    out->traits = info.traits;
    if (info.traits & EXPR_HAS_OUTER)
        expr_exec_outer(out->exec, x->outer, x->n_outer);
    struct program *link = op_alloc(x, sizeof *link);
    *link = *out;
    link->next = x->programs;
    x->programs = link;
    return 0;
}

bool program_pure(const struct program *p)
{
    return !p->exec || !(p->traits & (EXPR_FALLIBLE | EXPR_HAS_VOLATILE | EXPR_WAITS | EXPR_HAS_SUBPLAN));
}

/* Tells every program that the outer values changed. */
void exec_set_outer(struct exec *x)
{
    for (struct program *p = x->programs; p; p = p->next)
        if (p->traits & (EXPR_HAS_OUTER | EXPR_HAS_SUBPLAN))
            expr_exec_outer(p->exec, x->outer, x->n_outer);
}

int program_scalar(struct exec *x, struct program *p, struct arena *arena, struct datum *out, struct err *err)
{
    return expr_eval_scalar(x->env.task, p->exec, out, arena, err);
}

int program_filter(struct exec *x, struct program *p, struct batch *b, uint32_t rows_max, uint32_t *n_seen, struct err *err)
{
    uint16_t *sel = arena_alloc(b->arena, BATCH_ROWS * sizeof *sel);
    uint32_t n_sel = 0;
    *n_seen = batch_count(b);
    int rc = expr_filter(x->env.task, p->exec, b, rows_max, sel, &n_sel, n_seen, err);
    b->sel = sel;
    b->n_sel = n_sel;
    return rc;
}

/* ---- keys ---- */

static struct key_part part_of(const struct plan_key_part *p)
{
    return (struct key_part){.kind = p->kind, .desc = p->desc, .nulls_first = p->nulls_first, .dec_scale = p->dec_scale};
}

int key_put_null(struct buf *out, const struct plan_key_part *part)
{
    struct key_part k = part_of(part);
    struct datum null = datum_null((enum phys_kind)part->kind);
    key_append(out, &k, &null);
    return 0;
}

int key_put(struct buf *out, const struct plan_key_part *part, const struct datum *value, struct err *err)
{
    struct key_part k = part_of(part);
    struct arena scratch;
    struct datum stored;
    if (value->null)
        return key_put_null(out, part);
    if (!part->opaque && value->kind == part->kind && value->dec_scale == part->dec_scale) {
        key_append(out, &k, value);
        return 0;
    }
    arena_init(&scratch, NULL);
    int rc = 0;
    if (part->opaque)
        stored = type_key_bytes(part->type_oid, value, &scratch);
    else
        rc = type_store(part->type_oid, part->typmod, value, &scratch, &stored, err);
    if (rc == 0)
        key_append(out, &k, &stored);
    arena_done(&scratch);
    return rc;
}
