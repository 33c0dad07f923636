#include "types/expr/exec_int.h"

#include "types/type/numeric_vec.h"

/* Making, binding and destroying an execution; the interpreter itself is exec.c. */

/* In place: parameters of an apply change with every outer row. Long bytes are borrowed. */
static void bind_const(struct expr_exec *x, uint32_t reg, const struct datum *d, uint32_t type)
{
    struct vec *v = &x->regs[reg];
    struct exec_buf *b = &x->bufs[reg];
    if (!b->data) {
        b->data = arena_zalloc(x->arena, sizeof(int128));
        b->valid = arena_zalloc(x->arena, sizeof *b->valid);
    }
    *v = (struct vec){
        .kind = d->kind, .form = VEC_CONST, .dec_scale = d->dec_scale, .n = BATCH_ROWS};
    v->data = b->data;
    if (d->null) {
        v->valid = b->valid;
        return;
    }
    memcpy(v->data, &d->u, phys_width[d->kind]);
    if (type == TYPE_NUMERIC)
        numeric_vec_load(v, NULL, 1, x->arena, v);
}

static void bind_params(struct expr_exec *x, bool outer, const struct datum *values, uint32_t n)
{
    const struct program_param *p =
        (const void *)((const char *)x->program + x->program->at_params);
    for (uint32_t i = 0; i < x->program->n_params; i++) {
        if (p[i].outer != outer)
            continue;
        struct datum null = datum_null(exec_kind(p[i].type));
        bind_const(x, p[i].reg, p[i].number < n ? &values[p[i].number] : &null, p[i].type);
    }
}

static int resolve_funcs(struct expr_exec *x, struct err *err)
{
    const struct program_instr *instrs = program_instrs(x->program);
    for (uint32_t i = 0; i < x->program->n_instrs; i++) {
        uint8_t op = instrs[i].op;
        if (op != OP_CALL && op != OP_ANY_ARRAY && !(op == OP_CAST_ARRAY && instrs[i].func))
            continue;
        const struct func_info *f = func_info(instrs[i].func);
        if (!f || !f->kernel)
            return err_set(err, ERR_UNDEFINED_FUNCTION, "function with OID %u does not exist",
                           instrs[i].func);
        uint32_t n_min = f->variadic ? 0 : f->n_args;
        if (op == OP_CALL &&
            (instrs[i].n_operands < n_min || (!f->variadic && instrs[i].n_operands != n_min)))
            return err_set(err, ERR_DATA_CORRUPTED, "malformed expression program");
        x->funcs[i] = f;
    }
    return 0;
}

int expr_exec_create(struct arena *arena, const void *program, size_t len,
                     const struct expr_env *env, struct expr_exec **out, struct err *err)
{
    int rc = program_check(program, len, err);
    if (rc)
        return rc;
    const struct program_header *h = program;
    struct expr_exec *x = arena_new(arena, struct expr_exec);
    x->program = h;
    x->arena = arena;
    if (env)
        x->env = *env;
    x->types = x->env.env ? x->env.env : x->env.host ? &x->env.host->env : &type_env_default;
    x->regs = arena_array(arena, struct vec, h->n_regs + 1);
    x->bufs = arena_array(arena, struct exec_buf, h->n_regs + 1);
    x->funcs = arena_array(arena, const struct func_info *, h->n_instrs + 1);
    x->sites = arena_array(arena, struct func_state *, h->n_sites + 1);
    x->scopes = arena_array(arena, struct exec_scope, h->depth_max + 1);
    uint32_t operands_max = 1;
    for (uint32_t i = 0; i < h->n_instrs; i++)
        if (program_instrs(h)[i].n_operands > operands_max)
            operands_max = program_instrs(h)[i].n_operands;
    x->args = arena_array(arena, struct vec, operands_max);
    x->arg_types = arena_array(arena, uint32_t, operands_max);
    rc = resolve_funcs(x, err);
    if (rc)
        return rc;
    const struct program_const *consts = (const void *)((const char *)h + h->at_consts);
    for (uint32_t i = 0; i < h->n_consts; i++) {
        const uint8_t *at = program_data(h) + consts[i].data;
        struct datum d;
        if (program_take_datum(&at, program_data(h) + h->data_size, &d))
            bind_const(x, consts[i].reg, &d, d.dec_scale >= 0 ? TYPE_NUMERIC : TYPE_NONE);
    }
    bind_params(x, false, x->env.params, x->env.n_params);
    bind_params(x, true, NULL, 0);
    *out = x;
    return 0;
}

static void drop_states(struct expr_exec *x)
{
    for (uint32_t i = 0; i < x->program->n_sites; i++) {
        if (x->sites[i] && x->sites[i]->done)
            x->sites[i]->done(x->sites[i]);
        x->sites[i] = NULL;
    }
}

void expr_exec_destroy(struct expr_exec *x)
{
    if (x)
        drop_states(x);
}

void expr_exec_outer(struct expr_exec *x, const struct datum *outer, uint32_t n_outer)
{
    bind_params(x, true, outer, n_outer);
    x->outer_epoch++;
}

void expr_exec_rebind(struct expr_exec *x, const struct expr_env *env)
{
    x->env = *env;
    x->types = x->env.env ? x->env.env : x->env.host ? &x->env.host->env : &type_env_default;
    bind_params(x, false, x->env.params, x->env.n_params);
    x->outer_epoch++;
}
