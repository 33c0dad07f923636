/* exec_int.h: the interpreter's state, shared by exec.c (control, calls) and exec_ops.c (everything
 * else).
 *
 * Registers are vectors. A register's memory is the interpreter's own (`bufs`, grown to the largest
 * batch seen) unless its instruction escapes. Scopes are a stack of selections; scopes[0] is the
 * batch's.
 *
 * A failing row cuts every open scope in front of it (exec_fail) and evaluation goes on with the
 * rows before: this is what makes errors come in row order over vectorized code.
 */
#ifndef CAIRN_TYPES_EXPR_EXEC_INT_H
#define CAIRN_TYPES_EXPR_EXEC_INT_H

#include "types/expr/expr.h"
#include "types/expr/program_int.h"

struct exec_scope {
    const uint16_t *sel; /* NULL: rows 0..n */
    uint32_t n;
    uint16_t *own; /* room for `cap` rows */
    uint32_t own_cap;
};

struct exec_buf {
    void *data;
    size_t data_bytes;
    uint64_t *valid;
    uint32_t valid_words;
};

struct exec_set; /* a prepared IN list, see exec_set.c */

struct expr_exec {
    const struct program_header *program;
    struct expr_env env;
    const struct type_env *types;
    struct arena *arena;
    struct vec *regs;
    struct exec_buf *bufs;
    const struct func_info **funcs; /* by instruction */
    struct func_state **sites;
    struct exec_scope *scopes;
    uint32_t depth;   /* index of the innermost open scope */
    struct vec *args; /* scratch: operands of one instruction */
    uint32_t *arg_types;
    uint16_t *rows; /* scratch selection */
    uint32_t rows_cap;
    uint32_t outer_epoch; /* raised when parameters change: values of argument-less subplans are old
                             then */
    /* the evaluation going on */
    struct task *task;
    struct batch *in;
    struct vec *outs;
    struct arena *out_arena;
    uint32_t n_rows;
    int failed; /* code of the earliest failing row so far, 0 = none */
    uint32_t failed_row;
    struct err *err;
};

static inline struct exec_scope *exec_scope(struct expr_exec *x)
{
    return &x->scopes[x->depth];
}
static inline uint32_t scope_row(const struct exec_scope *s, uint32_t i)
{
    return s->sel ? s->sel[i] : i;
}
static inline const struct program_operand *exec_operand(const struct expr_exec *x,
                                                         const struct program_instr *in, uint32_t i)
{
    return &program_operands(x->program)[in->operands + i];
}
static inline struct vec *exec_arg(struct expr_exec *x, const struct program_instr *in, uint32_t i)
{
    return &x->regs[exec_operand(x, in, i)->reg];
}

/* Room for a selection of all rows in a scope. */
uint16_t *exec_own_sel(struct expr_exec *x, struct exec_scope *s);
/* A FLAT result vector of the instruction's register, n_rows rows, no nulls. */
struct vec *exec_result(struct expr_exec *x, const struct program_instr *in, enum phys_kind kind);
uint64_t *exec_valid(struct expr_exec *x,
                     const struct program_instr *in); /* all ones, not yet attached */
void exec_set_null(struct expr_exec *x, const struct program_instr *in, struct vec *v,
                   uint32_t row);
/* Makes the register's result a CONST. */
struct vec *exec_result_const(struct expr_exec *x, const struct program_instr *in,
                              const struct datum *d);
/* An operand as FLAT or CONST; a DICT is gathered for the rows of the current scope. */
struct vec exec_flat_arg(struct expr_exec *x, const struct program_instr *in, uint32_t i);
/* Row i of the current scope failed with `code` (err is set). */
void exec_fail(struct expr_exec *x, uint32_t i, int code);
/* The kind of a type's values; types not built in are bytes. */
static inline enum phys_kind exec_kind(uint32_t type)
{
    const struct type_info *t = type_info(type);
    return t ? (enum phys_kind)t->phys : PHYS_BYTES;
}
/* 0 false, 1 true, 2 null. */
static inline unsigned exec_bool(const struct vec *v, uint32_t row)
{
    if (v->form == VEC_DICT) {
        if (v->valid && !bit_get(v->valid, row))
            return 2;
        return ((const uint8_t *)v->dict->data)[v->codes[row]];
    }
    uint32_t at = v->form == VEC_CONST ? 0 : row;
    if (v->valid && !bit_get(v->valid, at))
        return 2;
    return ((const uint8_t *)v->data)[at];
}

/* One call of a function over given argument vectors (FLAT or CONST) for the rows sel[0..n); out
 * filled, validity included. Sets *failed_at. `all_const`: run once and make a CONST. */
int exec_call_func(struct expr_exec *x, const struct func_info *f, const struct program_instr *in,
                   const struct vec *args, const uint32_t *arg_types, uint32_t n_args,
                   const uint16_t *sel, uint32_t n, struct vec *out, uint32_t *failed_at);

/* exec_ops.c */
int exec_minmax(struct expr_exec *x, const struct program_instr *in);
int exec_relabel(struct expr_exec *x, const struct program_instr *in);
int exec_cast_io(struct expr_exec *x, const struct program_instr *in);
int exec_coerce_length(struct expr_exec *x, const struct program_instr *in);
int exec_cast_array(struct expr_exec *x, const struct program_instr *in);
int exec_any_array(struct expr_exec *x, const struct program_instr *in);
int exec_array(struct expr_exec *x, const struct program_instr *in);
int exec_row_compare(struct expr_exec *x, const struct program_instr *in);
int exec_subplan(struct expr_exec *x, const struct program_instr *in);
int exec_subscript(struct expr_exec *x, const struct program_instr *in);
int exec_row(struct expr_exec *x, const struct program_instr *in);
int exec_field(struct expr_exec *x, const struct program_instr *in);
/* exec_set.c */
int exec_in(struct expr_exec *x, const struct program_instr *in);

#endif
