#include "types/expr/expr.h"
#include "types/expr/program_int.h"

/* One node on its way through the compiler. Children are compiled one by one; `stage` counts them.
 */
struct frame {
    const struct expr *e;
    uint32_t stage;
    uint32_t out;        /* register of LOGIC, CASE, COALESCE */
    uint32_t *regs;      /* children's results */
    uint32_t patch_when; /* CASE: the CASE_WHEN to patch */
    uint32_t columns_mark;
    bool in_scope; /* loads below belong to an inner scope */
    struct patch *patches;
};

struct patch {
    struct patch *next;
    uint32_t instr;
};

struct loaded {
    uint32_t slot;
    uint32_t reg;
};

struct compiler {
    const struct expr_compile_options *options;
    struct arena *arena; /* scratch */
    struct buf instrs, operands, consts, params, data, columns;
    uint32_t *param_regs[2]; /* register + 1 by number: statement's, outer */
    uint32_t param_caps[2];
    struct frame *frames;
    uint32_t n_frames, frames_cap;
    uint32_t result; /* register the last finished node left */
    uint32_t n_regs;
    uint32_t *free_regs; /* temporaries to use again */
    uint32_t n_free, free_cap;
    uint8_t *is_temp; /* by register */
    uint32_t temp_cap;
    struct loaded *loaded;
    uint32_t n_loaded, loaded_cap;
    uint32_t depth, depth_max;
    uint32_t traits, params_used, outer_used, subplans_used, n_sites;
};

static uint32_t new_reg(struct compiler *c, bool temp)
{
    if (temp && c->n_free)
        return c->free_regs[--c->n_free];
    if (c->n_regs == c->temp_cap) {
        uint32_t cap = c->temp_cap ? c->temp_cap * 2 : 64;
        uint8_t *more = arena_zalloc(c->arena, cap);
        if (c->n_regs)
            memcpy(more, c->is_temp, c->n_regs);
        c->is_temp = more;
        c->temp_cap = cap;
    }
    c->is_temp[c->n_regs] = temp;
    return c->n_regs++;
}

static void release_reg(struct compiler *c, uint32_t reg)
{
    if (!c->is_temp[reg])
        return;
    if (c->n_free == c->free_cap) {
        uint32_t cap = c->free_cap ? c->free_cap * 2 : 64;
        uint32_t *more = arena_alloc(c->arena, cap * sizeof *more);
        if (c->n_free)
            memcpy(more, c->free_regs, c->n_free * sizeof *more);
        c->free_regs = more;
        c->free_cap = cap;
    }
    c->free_regs[c->n_free++] = reg;
}

static uint32_t count_instrs(const struct compiler *c)
{
    return (uint32_t)(c->instrs.len / sizeof(struct program_instr));
}

static struct program_instr *instr_at(struct compiler *c, uint32_t i)
{
    return (struct program_instr *)c->instrs.data + i;
}

static uint32_t emit(struct compiler *c, enum program_op op, uint32_t out, const struct expr *e)
{
    struct program_instr in = {.op = (uint8_t)op, .out = out, .site = UINT32_MAX};
    in.operands = (uint32_t)(c->operands.len / sizeof(struct program_operand));
    if (e) {
        in.type = e->type;
        in.typmod = e->typmod;
        in.sub = e->sub;
    }
    buf_put(&c->instrs, &in, sizeof in);
    return count_instrs(c) - 1;
}

/* Operands must be added right after their instruction is emitted. */
static void add_operand(struct compiler *c, uint32_t reg, uint32_t type)
{
    struct program_operand o = {.reg = reg, .type = type};
    buf_put(&c->operands, &o, sizeof o);
    instr_at(c, count_instrs(c) - 1)->n_operands++;
}

static uint32_t put_data(struct compiler *c, const struct datum *d)
{
    uint32_t at = (uint32_t)c->data.len;
    program_put_datum(&c->data, d);
    return at;
}

static uint32_t const_reg(struct compiler *c, const struct datum *d)
{
    struct program_const k = {.reg = new_reg(c, false), .data = put_data(c, d)};
    buf_put(&c->consts, &k, sizeof k);
    return k.reg;
}

static uint32_t *param_slot(struct compiler *c, uint32_t number, bool outer)
{
    uint32_t cap = c->param_caps[outer];
    if (number >= cap) {
        cap = cap ? cap : 16;
        while (cap <= number)
            cap *= 2;
        uint32_t *more = arena_zalloc(c->arena, cap * sizeof *more);
        if (c->param_caps[outer])
            memcpy(more, c->param_regs[outer], c->param_caps[outer] * sizeof *more);
        c->param_regs[outer] = more;
        c->param_caps[outer] = cap;
    }
    return &c->param_regs[outer][number];
}

static uint32_t param_reg(struct compiler *c, uint32_t number, bool outer, uint32_t type)
{
    uint32_t *slot = param_slot(c, number, outer);
    if (*slot)
        return *slot - 1;
    struct program_param p = {
        .reg = new_reg(c, false), .number = number, .outer = outer, .type = type};
    buf_put(&c->params, &p, sizeof p);
    *slot = p.reg + 1;
    uint32_t *used = outer ? &c->outer_used : &c->params_used;
    if (number + 1 > *used)
        *used = number + 1;
    return p.reg;
}

static void note_column(struct compiler *c, uint32_t slot)
{
    uint32_t *have = (uint32_t *)c->columns.data;
    uint32_t n = (uint32_t)(c->columns.len / sizeof *have);
    uint32_t at = 0;
    while (at < n && have[at] < slot)
        at++;
    if (at < n && have[at] == slot)
        return;
    buf_put(&c->columns, &slot, sizeof slot);
    have = (uint32_t *)c->columns.data;
    memmove(have + at + 1, have + at, (n - at) * sizeof *have);
    have[at] = slot;
}

/* A column is loaded once a scope; inner scopes see the loads of outer ones. */
static int compile_column(struct compiler *c, const struct expr *e, struct err *err)
{
    int32_t slot = c->options && c->options->slot_of ? c->options->slot_of(c->options->ctx, e)
                                                     : (int32_t)e->index;
    if (slot < 0)
        return err_set(err, ERR_INTERNAL_ERROR, "column %u of relation %u is not available here",
                       e->index, e->rel);
    for (uint32_t i = c->n_loaded; i-- > 0;) {
        if (c->loaded[i].slot == (uint32_t)slot) {
            c->result = c->loaded[i].reg;
            return 0;
        }
    }
    note_column(c, (uint32_t)slot);
    if (c->n_loaded == c->loaded_cap) {
        uint32_t cap = c->loaded_cap ? c->loaded_cap * 2 : 32;
        struct loaded *more = arena_alloc(c->arena, cap * sizeof *more);
        if (c->n_loaded)
            memcpy(more, c->loaded, c->n_loaded * sizeof *more);
        c->loaded = more;
        c->loaded_cap = cap;
    }
    uint32_t reg = new_reg(c, false);
    c->loaded[c->n_loaded++] = (struct loaded){.slot = (uint32_t)slot, .reg = reg};
    instr_at(c, emit(c, OP_LOAD, reg, e))->func = (uint32_t)slot;
    c->result = reg;
    return 0;
}

/* Registers are checked once, here, so that no other place has to. */
static int push_node(struct compiler *c, const struct expr *e, struct err *err)
{
    if (c->n_regs > PROGRAM_REGS_MAX || count_instrs(c) > (1u << 24))
        return err_set(err, ERR_STATEMENT_TOO_COMPLEX, "expression is too complex");
    if (c->n_frames == c->frames_cap) {
        uint32_t cap = c->frames_cap ? c->frames_cap * 2 : 64;
        struct frame *more = arena_alloc(c->arena, cap * sizeof *more);
        if (c->n_frames)
            memcpy(more, c->frames, c->n_frames * sizeof *more);
        c->frames = more;
        c->frames_cap = cap;
    }
    c->frames[c->n_frames++] = (struct frame){.e = e};
    c->traits |= expr_node_traits(e);
    return 0;
}

static void open_scope(struct compiler *c)
{
    c->depth++;
    if (c->depth > c->depth_max)
        c->depth_max = c->depth;
}

static void enter_columns(struct compiler *c, struct frame *f)
{
    if (f->in_scope)
        return;
    f->in_scope = true;
    f->columns_mark = c->n_loaded;
}

static void leave_columns(struct compiler *c, struct frame *f)
{
    if (f->in_scope)
        c->n_loaded = f->columns_mark;
    f->in_scope = false;
}

static void remember_patch(struct compiler *c, struct frame *f, uint32_t instr)
{
    struct patch *p = arena_new(c->arena, struct patch);
    *p = (struct patch){.next = f->patches, .instr = instr};
    f->patches = p;
}

static void patch_all(struct compiler *c, struct frame *f, uint32_t target)
{
    for (struct patch *p = f->patches; p; p = p->next)
        instr_at(c, p->instr)->target = target;
    f->patches = NULL;
}

static void finish_node(struct compiler *c, uint32_t result)
{
    c->result = result;
    c->n_frames--;
}

/* ---- AND, OR ------------------------------------------------------------------------------- */

static int step_logic(struct compiler *c, struct frame *f, struct err *err)
{
    const struct expr *e = f->e;
    if (f->stage == 0) {
        f->out = new_reg(c, true);
        instr_at(c, emit(c, OP_LOGIC_BEGIN, f->out, e))->sub = e->op == EXPR_OR;
        open_scope(c);
    } else {
        uint32_t at = emit(c, OP_LOGIC_TERM, f->out, e);
        instr_at(c, at)->sub = e->op == EXPR_OR;
        add_operand(c, c->result, TYPE_BOOL);
        remember_patch(c, f, at);
        release_reg(c, c->result);
        enter_columns(c, f);
    }
    if (f->stage < e->n_args)
        return push_node(c, e->args[f->stage++], err);
    leave_columns(c, f);
    patch_all(c, f, emit(c, OP_LOGIC_END, f->out, e));
    c->depth--;
    finish_node(c, f->out);
    return 0;
}

/* ---- CASE, COALESCE ------------------------------------------------------------------------ */

/* Stages: when 0, then 0, when 1, then 1, ..., else. */
static int step_case(struct compiler *c, struct frame *f, struct err *err)
{
    const struct expr *e = f->e;
    uint32_t done = f->stage;
    bool has_else = e->n_args & 1;
    if (done == 0) {
        f->out = new_reg(c, true);
        emit(c, OP_CASE_BEGIN, f->out, e);
        open_scope(c);
    } else if (done == e->n_args && has_else) {
        uint32_t at = emit(c, OP_CASE_PUT, f->out, e);
        instr_at(c, at)->sub = 0;
        add_operand(c, c->result, e->args[done - 1]->type);
        release_reg(c, c->result);
    } else if (done & 1) {
        f->patch_when = emit(c, OP_CASE_WHEN, f->out, e);
        add_operand(c, c->result, TYPE_BOOL);
        release_reg(c, c->result);
        enter_columns(c, f);
        open_scope(c);
    } else {
        uint32_t at = emit(c, OP_CASE_PUT, f->out, e);
        instr_at(c, at)->sub = 1;
        add_operand(c, c->result, e->args[done - 1]->type);
        release_reg(c, c->result);
        c->depth--;
        instr_at(c, f->patch_when)->target = at + 1;
    }
    if (done && (done & 1) == 0)
        c->n_loaded = f->columns_mark; /* what a THEN arm loaded was for its rows only */
    if (done < e->n_args)
        return push_node(c, e->args[f->stage++], err);
    if (!has_else)
        emit(c, OP_CASE_NULL, f->out, e);
    leave_columns(c, f);
    emit(c, OP_CASE_END, f->out, e);
    c->depth--;
    finish_node(c, f->out);
    return 0;
}

static int step_coalesce(struct compiler *c, struct frame *f, struct err *err)
{
    const struct expr *e = f->e;
    if (f->stage == 0) {
        f->out = new_reg(c, true);
        emit(c, OP_CASE_BEGIN, f->out, e);
        open_scope(c);
    } else {
        uint32_t at = emit(c, OP_COALESCE_PUT, f->out, e);
        add_operand(c, c->result, e->args[f->stage - 1]->type);
        remember_patch(c, f, at);
        release_reg(c, c->result);
        enter_columns(c, f);
    }
    if (f->stage < e->n_args)
        return push_node(c, e->args[f->stage++], err);
    emit(c, OP_CASE_NULL, f->out, e);
    leave_columns(c, f);
    patch_all(c, f, emit(c, OP_CASE_END, f->out, e));
    c->depth--;
    finish_node(c, f->out);
    return 0;
}

/* ---- operations over all their arguments --------------------------------------------------- */

static int check_callable(uint32_t func, struct err *err)
{
    const struct func_info *info = func_info(func);
    if (!info)
        return err_set(err, ERR_INTERNAL_ERROR, "cache lookup failed for function %u", func);
    if (info->flags & FUNC_RETSET)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED,
                       "set-valued function called in context that cannot "
                       "accept a set");
    if (!info->kernel)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "function %s is not supported yet",
                       info->name);
    return 0;
}

static uint32_t emit_call(struct compiler *c, uint32_t func, const struct expr *e, uint32_t type,
                          const uint32_t *regs, struct expr *const *args, uint32_t n)
{
    uint32_t out = new_reg(c, true);
    uint32_t at = emit(c, OP_CALL, out, NULL);
    struct program_instr *in = instr_at(c, at);
    in->func = func;
    in->type = type;
    in->typmod = e->op == EXPR_FUNC ? e->typmod : -1;
    in->site = c->n_sites++;
    for (uint32_t i = 0; i < n; i++)
        add_operand(c, regs[i], args[i]->type);
    c->traits |= expr_func_traits(func);
    return out;
}

static enum program_op plain_op(enum expr_op op)
{
    switch (op) {
    case EXPR_NOT:
        return OP_NOT;
    case EXPR_IS_NULL:
        return OP_IS_NULL;
    case EXPR_BOOL_TEST:
        return OP_BOOL_TEST;
    case EXPR_GREATEST:
    case EXPR_LEAST:
        return OP_MINMAX;
    case EXPR_RELABEL:
        return OP_RELABEL;
    case EXPR_CAST_IO:
        return OP_CAST_IO;
    case EXPR_COERCE_LENGTH:
        return OP_COERCE_LENGTH;
    case EXPR_CAST_ARRAY:
        return OP_CAST_ARRAY;
    case EXPR_ANY_ARRAY:
        return OP_ANY_ARRAY;
    case EXPR_ARRAY:
        return OP_ARRAY;
    case EXPR_ROW_COMPARE:
        return OP_ROW_COMPARE;
    case EXPR_SUBPLAN:
        return OP_SUBPLAN;
    case EXPR_ROW:
        return OP_ROW;
    case EXPR_FIELD:
        return OP_FIELD;
    case EXPR_SUBSCRIPT:
        return OP_SUBSCRIPT;
    default:
        return 0;
    }
}

static void release_all(struct compiler *c, const struct frame *f, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        /* A register given twice (x + x over a temporary cannot happen, loads are no temporaries)
         * is released once. */
        release_reg(c, f->regs[i]);
    }
}

/* NULLIF and IS DISTINCT FROM rest on an equality computed by an ordinary call. */
static int finish_by_equality(struct compiler *c, struct frame *f, struct err *err)
{
    const struct expr *e = f->e;
    int rc = check_callable(e->func, err);
    if (rc)
        return rc;
    uint32_t equal = emit_call(c, e->func, e, TYPE_BOOL, f->regs, e->args, 2);
    uint32_t out = new_reg(c, true);
    uint32_t at = emit(c, e->op == EXPR_NULLIF ? OP_NULLIF : OP_DISTINCT, out, e);
    instr_at(c, at)->sub = e->sub;
    add_operand(c, f->regs[0], e->args[0]->type);
    add_operand(c, f->regs[1], e->args[1]->type);
    add_operand(c, equal, TYPE_BOOL);
    release_all(c, f, 2);
    release_reg(c, equal);
    finish_node(c, out);
    return 0;
}

static bool same_memory(uint32_t from, uint32_t to)
{
    const struct type_info *a = type_info(from), *b = type_info(to);
    return !a || !b || a->phys == b->phys;
}

static int finish_plain(struct compiler *c, struct frame *f, struct err *err)
{
    const struct expr *e = f->e;
    if (e->op == EXPR_RELABEL && same_memory(e->args[0]->type, e->type)) {
        finish_node(c, f->regs[0]);
        return 0;
    }
    if (e->op == EXPR_ANY_ARRAY || (e->op == EXPR_CAST_ARRAY && e->func)) {
        int rc = check_callable(e->func, err);
        if (rc)
            return rc;
    }
    uint32_t out = new_reg(c, true);
    struct program_instr *in = instr_at(c, emit(c, plain_op((enum expr_op)e->op), out, e));
    in->func = e->op == EXPR_SUBPLAN || e->op == EXPR_FIELD ? e->index : e->func;
    in->sub = e->op == EXPR_GREATEST ? 1 : e->op == EXPR_LEAST ? 0 : e->sub;
    in->site = c->n_sites++;
    if (e->op == EXPR_SUBPLAN && e->index + 1 > c->subplans_used)
        c->subplans_used = e->index + 1;
    for (uint32_t i = 0; i < e->n_args; i++)
        add_operand(c, f->regs[i], e->args[i]->type);
    release_all(c, f, e->n_args);
    finish_node(c, out);
    return 0;
}

static int step_plain(struct compiler *c, struct frame *f, struct err *err)
{
    const struct expr *e = f->e;
    if (f->stage == 0 && e->n_args)
        f->regs = arena_alloc(c->arena, e->n_args * sizeof *f->regs);
    else if (f->stage)
        f->regs[f->stage - 1] = c->result;
    if (f->stage < e->n_args)
        return push_node(c, e->args[f->stage++], err);
    if (e->op == EXPR_NULLIF || e->op == EXPR_DISTINCT)
        return finish_by_equality(c, f, err);
    if (e->op != EXPR_FUNC)
        return finish_plain(c, f, err);
    int rc = check_callable(e->func, err);
    if (rc)
        return rc;
    uint32_t out = emit_call(c, e->func, e, e->type, f->regs, e->args, e->n_args);
    release_all(c, f, e->n_args);
    finish_node(c, out);
    return 0;
}

/* ---- IN ------------------------------------------------------------------------------------ */

static bool all_const(const struct expr *e, uint32_t from)
{
    for (uint32_t i = from; i < e->n_args; i++)
        if (e->args[i]->op != EXPR_CONST)
            return false;
    return true;
}

/* x IN (a, b, ...) with terms that are no constants is x = a OR x = b OR ... */
static struct expr *expand_in(struct arena *arena, const struct expr *e)
{
    struct expr *any = expr_new(arena, EXPR_OR, TYPE_BOOL, -1, e->n_args - 1);
    for (uint32_t i = 1; i < e->n_args; i++) {
        struct expr *pair[2] = {e->args[0], e->args[i]};
        any->args[i - 1] = expr_call(arena, e->func, TYPE_BOOL, pair, 2);
    }
    return e->sub ? expr_not(arena, any) : any;
}

static int step_in(struct compiler *c, struct frame *f, struct err *err)
{
    const struct expr *e = f->e;
    if (f->stage == 0) {
        if (bug_if(e->n_args < 1, err))
            return err->code;
        bool same_type = true;
        for (uint32_t i = 1; i < e->n_args; i++)
            same_type &= same_memory(e->args[0]->type, e->args[i]->type);
        if (!same_type || !all_const(e, 1)) {
            c->n_frames--;
            return push_node(c, expand_in(c->arena, e), err);
        }
        f->stage = 1;
        return push_node(c, e->args[0], err);
    }
    struct program_set set = {.n = 0, .type = e->args[0]->type};
    uint32_t data = (uint32_t)c->data.len;
    for (uint32_t i = 1; i < e->n_args; i++) {
        set.has_null |= e->args[i]->value.null;
        set.n += !e->args[i]->value.null;
    }
    buf_put(&c->data, &set, sizeof set);
    for (uint32_t i = 1; i < e->n_args; i++)
        if (!e->args[i]->value.null)
            program_put_datum(&c->data, &e->args[i]->value);
    uint32_t arg = c->result;
    uint32_t out = new_reg(c, true);
    struct program_instr *in = instr_at(c, emit(c, OP_IN, out, e));
    in->func = data;
    in->sub = e->sub;
    in->site = c->n_sites++;
    add_operand(c, arg, e->args[0]->type);
    release_reg(c, arg);
    finish_node(c, out);
    return 0;
}

/* ---- the walk ------------------------------------------------------------------------------ */

static int step_node(struct compiler *c, struct err *err)
{
    struct frame *f = &c->frames[c->n_frames - 1];
    const struct expr *e = f->e;
    int rc = 0;
    bool param = e->op == EXPR_PARAM || e->op == EXPR_OUTER;
    if (bug_if(param && e->index > PROGRAM_REGS_MAX, err))
        return err->code;
    switch ((enum expr_op)e->op) {
    case EXPR_CONST:
        finish_node(c, const_reg(c, &e->value));
        return 0;
    case EXPR_PARAM:
        finish_node(c, param_reg(c, e->index, false, e->type));
        return 0;
    case EXPR_OUTER:
        finish_node(c, param_reg(c, e->index, true, e->type));
        return 0;
    case EXPR_COLUMN:
        rc = compile_column(c, e, err);
        if (rc == 0)
            finish_node(c, c->result);
        return rc;
    case EXPR_AND:
    case EXPR_OR:
        return step_logic(c, f, err);
    case EXPR_CASE:
        return step_case(c, f, err);
    case EXPR_COALESCE:
        return step_coalesce(c, f, err);
    case EXPR_IN:
        return step_in(c, f, err);
    case EXPR_AGG:
    case EXPR_WINDOW:
    case EXPR_GROUPING:
    case EXPR_SRF:
    case EXPR_SUBQUERY:
    case EXPR_DEFAULT:
    case EXPR_OP_COUNT:
        return err_set(err, ERR_INTERNAL_ERROR, "expression node %d cannot be compiled", e->op);
    default:
        return step_plain(c, f, err);
    }
}

static int compile_tree(struct compiler *c, const struct expr *e, struct err *err)
{
    int rc = push_node(c, e, err);
    while (rc == 0 && c->n_frames)
        rc = step_node(c, err);
    return rc;
}

static void append_part(struct buf *out, uint32_t base, const struct buf *part, uint32_t *at)
{
    while ((out->len - base) & 7)
        buf_put_u8(out, 0);
    *at = (uint32_t)(out->len - base);
    buf_put(out, part->data, part->len);
}

static int assemble(struct compiler *c, uint32_t n_outputs, bool filter, struct buf *out,
                    uint32_t *at, uint32_t *len, struct err *err)
{
    uint64_t total = c->instrs.len + c->operands.len + c->data.len;
    if (total > (UINT32_MAX >> 2))
        return err_set(err, ERR_STATEMENT_TOO_COMPLEX, "expression is too complex");
    while (out->len & 7)
        buf_put_u8(out, 0);
    uint32_t base = (uint32_t)out->len;
    struct program_header h = {
        .magic = PROGRAM_MAGIC,
        .version = PROGRAM_VERSION,
        .filter = filter,
        .traits = c->traits,
        .n_outputs = n_outputs,
        .n_instrs = count_instrs(c),
        .n_regs = c->n_regs,
        .n_operands = (uint32_t)(c->operands.len / sizeof(struct program_operand)),
        .n_columns = (uint32_t)(c->columns.len / sizeof(uint32_t)),
        .n_consts = (uint32_t)(c->consts.len / sizeof(struct program_const)),
        .n_params = (uint32_t)(c->params.len / sizeof(struct program_param)),
        .params_used = c->params_used,
        .outer_used = c->outer_used,
        .subplans_used = c->subplans_used,
        .depth_max = c->depth_max + 1,
        .n_sites = c->n_sites,
        .data_size = (uint32_t)c->data.len,
    };
    buf_put(out, &h, sizeof h);
    append_part(out, base, &c->instrs, &h.at_instrs);
    append_part(out, base, &c->operands, &h.at_operands);
    append_part(out, base, &c->columns, &h.at_columns);
    append_part(out, base, &c->consts, &h.at_consts);
    append_part(out, base, &c->params, &h.at_params);
    append_part(out, base, &c->data, &h.at_data);
    while ((out->len - base) & 7)
        buf_put_u8(out, 0);
    h.size = (uint32_t)(out->len - base);
    memcpy(out->data + base, &h, sizeof h);
    *at = base;
    *len = h.size;
    return 0;
}

static void start_compiler(struct compiler *c, const struct expr_compile_options *options,
                           struct arena *scratch)
{
    *c = (struct compiler){.options = options, .arena = scratch};
}

static void end_compiler(struct compiler *c)
{
    struct buf *parts[] = {&c->instrs, &c->operands, &c->consts, &c->params, &c->data, &c->columns};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        buf_done(parts[i]);
    arena_done(c->arena);
}

int expr_compile(const struct expr_compile_options *options, struct expr *const *outputs,
                 uint32_t n, struct buf *out, uint32_t *at, uint32_t *len, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct compiler c;
    start_compiler(&c, options, &scratch);
    int rc = 0;
    for (uint32_t i = 0; i < n && rc == 0; i++) {
        rc = compile_tree(&c, outputs[i], err);
        if (rc)
            break;
        uint32_t result = c.result;
        /* Whoever wrote the register last for this output need not use the interpreter's own
         * memory. */
        struct program_instr *last = c.instrs.len ? instr_at(&c, count_instrs(&c) - 1) : NULL;
        if (last && last->out == result && last->op == OP_CALL)
            last->escapes = 1;
        instr_at(&c, emit(&c, OP_OUTPUT, 0, outputs[i]))->func = i;
        add_operand(&c, result, outputs[i]->type);
        release_reg(&c, result);
    }
    if (rc == 0)
        rc = assemble(&c, n, false, out, at, len, err);
    end_compiler(&c);
    return rc;
}

int expr_compile_filter(const struct expr_compile_options *options, struct expr *const *terms,
                        uint32_t n, struct buf *out, uint32_t *at, uint32_t *len, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, NULL);
    struct compiler c;
    start_compiler(&c, options, &scratch);
    int rc = 0;
    for (uint32_t i = 0; i < n && rc == 0; i++) {
        const struct expr *term = terms[i];
        bool split = term->op == EXPR_AND;
        for (uint32_t k = 0; k < (split ? term->n_args : 1) && rc == 0; k++) {
            rc = compile_tree(&c, split ? term->args[k] : term, err);
            if (rc)
                break;
            emit(&c, OP_FILTER, 0, NULL);
            add_operand(&c, c.result, TYPE_BOOL);
            release_reg(&c, c.result);
            c.n_loaded = 0; /* later terms decode a column only for the rows still there */
        }
    }
    for (uint32_t i = 0; i < count_instrs(&c); i++)
        if (instr_at(&c, i)->op == OP_FILTER)
            instr_at(&c, i)->target = count_instrs(&c);
    if (rc == 0)
        rc = assemble(&c, 0, true, out, at, len, err);
    end_compiler(&c);
    return rc;
}
