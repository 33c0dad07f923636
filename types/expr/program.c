#include "types/expr/program_int.h"

void program_put_datum(struct buf *out, const struct datum *d)
{
    struct program_datum p = {.kind = d->kind, .null = d->null, .dec_scale = d->dec_scale};
    if (!d->null && d->kind == PHYS_BYTES)
        p.len = d->u.bytes.len;
    else if (!d->null)
        memcpy(p.value, &d->u, phys_width[d->kind]);
    buf_put(out, &p, sizeof p);
    if (p.len)
        buf_put(out, view_data(&d->u.bytes), p.len);
    while (out->len & 7)
        buf_put_u8(out, 0);
}

bool program_take_datum(const uint8_t **at, const uint8_t *end, struct datum *out)
{
    struct program_datum p;
    if ((size_t)(end - *at) < sizeof p)
        return false;
    memcpy(&p, *at, sizeof p);
    size_t padded = ((size_t)p.len + 7) & ~(size_t)7;
    if (p.kind == 0 || p.kind >= PHYS_KIND_COUNT || (size_t)(end - *at) - sizeof p < padded)
        return false;
    *out = (struct datum){.kind = p.kind, .null = p.null != 0, .dec_scale = p.dec_scale};
    if (!out->null && p.kind == PHYS_BYTES)
        out->u.bytes = view_of(*at + sizeof p, p.len);
    else if (!out->null)
        memcpy(&out->u, p.value, phys_width[p.kind]);
    *at += sizeof p + padded;
    return true;
}

static bool part_fits(const struct program_header *h, uint32_t at, uint64_t count, size_t width)
{
    return at >= sizeof *h && at <= h->size && (at & 7) == 0 && count * width <= h->size - at;
}

static bool check_header(const void *program, size_t len)
{
    const struct program_header *h = program;
    if (len < sizeof *h || ((uintptr_t)program & 7) || h->magic != PROGRAM_MAGIC ||
        h->version != PROGRAM_VERSION || h->size > len || h->n_regs > 2 * PROGRAM_REGS_MAX)
        return false;
    return part_fits(h, h->at_instrs, h->n_instrs, sizeof(struct program_instr)) &&
           part_fits(h, h->at_operands, h->n_operands, sizeof(struct program_operand)) &&
           part_fits(h, h->at_columns, h->n_columns, sizeof(uint32_t)) &&
           part_fits(h, h->at_consts, h->n_consts, sizeof(struct program_const)) &&
           part_fits(h, h->at_params, h->n_params, sizeof(struct program_param)) &&
           part_fits(h, h->at_data, h->data_size, 1) && h->n_sites <= h->n_instrs &&
           h->depth_max <= h->n_instrs + 1;
}

static uint32_t operands_needed(enum program_op op)
{
    switch (op) {
    case OP_NOT:
    case OP_IS_NULL:
    case OP_BOOL_TEST:
    case OP_LOGIC_TERM:
    case OP_CASE_WHEN:
    case OP_CASE_PUT:
    case OP_COALESCE_PUT:
    case OP_RELABEL:
    case OP_CAST_IO:
    case OP_COERCE_LENGTH:
    case OP_CAST_ARRAY:
    case OP_IN:
    case OP_FIELD:
    case OP_FILTER:
    case OP_OUTPUT:
    case OP_MINMAX:
        return 1;
    case OP_ANY_ARRAY:
    case OP_ROW_COMPARE:
    case OP_SUBSCRIPT:
        return 2;
    case OP_NULLIF:
    case OP_DISTINCT:
        return 3;
    default:
        return 0;
    }
}

static bool check_set(const struct program_header *h, const void *program, uint32_t at)
{
    if (at > h->data_size || h->data_size - at < sizeof(struct program_set) || (at & 7))
        return false;
    const uint8_t *p = program_data(program) + at, *end = program_data(program) + h->data_size;
    struct program_set set;
    memcpy(&set, p, sizeof set);
    p += sizeof set;
    struct datum d;
    for (uint32_t i = 0; i < set.n; i++)
        if (!program_take_datum(&p, end, &d) || d.null)
            return false;
    return true;
}

/* How an instruction moves the stack of scopes; the walk in program_check keeps it balanced. */
static int scope_change(const struct program_instr *in)
{
    switch ((enum program_op)in->op) {
    case OP_LOGIC_BEGIN:
    case OP_CASE_BEGIN:
    case OP_CASE_WHEN:
        return 1;
    case OP_LOGIC_END:
    case OP_CASE_END:
        return -1;
    case OP_CASE_PUT:
        return in->sub ? -1 : 0;
    default:
        return 0;
    }
}

static bool check_instr(const void *program, uint32_t i)
{
    const struct program_header *h = program;
    const struct program_instr *in = &program_instrs(program)[i];
    if (in->op == 0 || in->op >= OP_COUNT || in->operands > h->n_operands ||
        in->n_operands > h->n_operands - in->operands || in->n_operands < operands_needed(in->op))
        return false;
    if (h->n_regs == 0 ? in->op != OP_OUTPUT : in->out >= h->n_regs)
        return false;
    if (in->site != UINT32_MAX && in->site >= h->n_sites)
        return false;
    bool jumps = in->op == OP_LOGIC_TERM || in->op == OP_CASE_WHEN || in->op == OP_COALESCE_PUT ||
                 in->op == OP_FILTER;
    if (jumps && (in->target <= i || in->target > h->n_instrs))
        return false;
    if (in->op == OP_IN && !check_set(h, program, in->func))
        return false;
    bool needs_site = in->op == OP_CALL || in->op == OP_IN || in->op == OP_ANY_ARRAY ||
                      in->op == OP_CAST_ARRAY || in->op == OP_SUBPLAN;
    if (needs_site && in->site == UINT32_MAX)
        return false;
    return in->op != OP_OUTPUT || in->func < h->n_outputs;
}

static bool check_instrs(const void *program)
{
    const struct program_header *h = program;
    int64_t depth = 1;
    for (uint32_t i = 0; i < h->n_instrs; i++) {
        if (!check_instr(program, i))
            return false;
        depth += scope_change(&program_instrs(program)[i]);
        if (depth < 1 || depth > h->depth_max)
            return false;
    }
    return depth == 1;
}

int program_check(const void *program, size_t len, struct err *err)
{
    const struct program_header *h = program;
    bool good = check_header(program, len) && check_instrs(program);
    if (good) {
        const struct program_operand *ops = program_operands(program);
        for (uint32_t i = 0; i < h->n_operands; i++)
            good &= ops[i].reg < h->n_regs;
        const struct program_const *consts = (const void *)((const char *)program + h->at_consts);
        const uint8_t *data = program_data(program);
        for (uint32_t i = 0; i < h->n_consts && good; i++) {
            good = consts[i].reg < h->n_regs && consts[i].data <= h->data_size &&
                   (consts[i].data & 7) == 0;
            const uint8_t *at = data + (good ? consts[i].data : 0);
            struct datum d;
            good = good && program_take_datum(&at, data + h->data_size, &d);
        }
        const struct program_param *params = (const void *)((const char *)program + h->at_params);
        for (uint32_t i = 0; i < h->n_params; i++)
            good &= params[i].reg < h->n_regs &&
                    params[i].number < (params[i].outer ? h->outer_used : h->params_used);
    }
    if (!good)
        return err_set(err, ERR_DATA_CORRUPTED, "malformed expression program");
    return 0;
}

bool expr_program_info(const void *program, size_t len, struct expr_program_info *out)
{
    if (!check_header(program, len))
        return false;
    const struct program_header *h = program;
    *out = (struct expr_program_info){
        .traits = h->traits,
        .n_outputs = h->n_outputs,
        .n_instructions = h->n_instrs,
        .n_params = h->params_used,
        .n_outer = h->outer_used,
        .n_subplans = h->subplans_used,
        .n_columns = h->n_columns,
        .columns = (const uint32_t *)((const char *)program + h->at_columns),
    };
    return true;
}

static const char *const op_names[OP_COUNT] = {
    [OP_LOAD] = "load",
    [OP_CALL] = "call",
    [OP_NOT] = "not",
    [OP_IS_NULL] = "is_null",
    [OP_BOOL_TEST] = "bool_test",
    [OP_LOGIC_BEGIN] = "logic_begin",
    [OP_LOGIC_TERM] = "logic_term",
    [OP_LOGIC_END] = "logic_end",
    [OP_CASE_BEGIN] = "case_begin",
    [OP_CASE_WHEN] = "case_when",
    [OP_CASE_PUT] = "case_put",
    [OP_CASE_NULL] = "case_null",
    [OP_CASE_END] = "case_end",
    [OP_COALESCE_PUT] = "coalesce_put",
    [OP_NULLIF] = "nullif",
    [OP_MINMAX] = "minmax",
    [OP_DISTINCT] = "distinct",
    [OP_RELABEL] = "relabel",
    [OP_CAST_IO] = "cast_io",
    [OP_COERCE_LENGTH] = "coerce_length",
    [OP_CAST_ARRAY] = "cast_array",
    [OP_IN] = "in",
    [OP_ANY_ARRAY] = "any_array",
    [OP_ARRAY] = "array",
    [OP_ROW_COMPARE] = "row_compare",
    [OP_SUBPLAN] = "subplan",
    [OP_ROW] = "row",
    [OP_FIELD] = "field",
    [OP_SUBSCRIPT] = "subscript",
    [OP_FILTER] = "filter",
    [OP_OUTPUT] = "output",
};

void expr_dump(const void *program, size_t len, struct buf *out)
{
    struct err ignored;
    err_clear(&ignored);
    if (program_check(program, len, &ignored)) {
        buf_put_text(out, "malformed program\n");
        return;
    }
    const struct program_header *h = program;
    for (uint32_t i = 0; i < h->n_instrs; i++) {
        const struct program_instr *in = &program_instrs(program)[i];
        buf_printf(out, "%u: r%u = %s", i, in->out, op_names[in->op]);
        if (in->op == OP_CALL) {
            const struct func_info *f = func_info(in->func);
            buf_printf(out, " %s", f ? f->src : "?");
        } else if (in->op == OP_LOAD || in->op == OP_OUTPUT || in->op == OP_SUBPLAN ||
                   in->op == OP_FIELD) {
            buf_printf(out, " #%u", in->func);
        }
        if (in->sub)
            buf_printf(out, "/%u", in->sub);
        for (uint32_t k = 0; k < in->n_operands; k++)
            buf_printf(out, " r%u", program_operands(program)[in->operands + k].reg);
        if (in->target)
            buf_printf(out, " -> %u", in->target);
        buf_put_text(out, "\n");
    }
}
