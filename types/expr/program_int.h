/* program_int.h: the format of a compiled program, shared by compiler, interpreter and dump.
 *
 * One buffer, native little endian, every part 8-byte aligned, every reference an offset from its
 * start:
 *
 *   header | instructions | operands | columns | constants' index | parameters | outputs | data
 *
 * Operands are (register, type) pairs; an instruction names a run of them. Constants and parameters
 * sit in registers of their own, filled before the first instruction runs. Data holds encoded
 * datums (program_datum) and sets of them.
 *
 * Control. Instructions run in order; those marked J may jump forward to `target`. Scopes
 * (selections) are a stack: LOGIC_BEGIN out           opens a scope over the current rows; sub 0
 * AND, 1 OR LOGIC_TERM out, [r]  J    folds r into out, narrows the scope to rows still undecided;
 * none left: to LOGIC_END LOGIC_END                 closes CASE_BEGIN out            opens a scope:
 * rows still without a value CASE_WHEN [r]        J    opens a scope over those rows of it where r
 * is true and takes them out of it; none: to target CASE_PUT out, [r]         stores r for the rows
 * of the current scope; sub 1: closes the scope CASE_WHEN opened CASE_NULL out             the rows
 * left become null (no ELSE) CASE_END                  closes COALESCE_PUT out, [r] J   stores r
 * where it is not null and keeps the other rows; none left: to CASE_END JUMP_EMPTY           J when
 * the current scope has no rows FILTER [r]           J    narrows the base selection to rows where
 * r is true; none left: to the end
 */
#ifndef CAIRN_TYPES_EXPR_PROGRAM_INT_H
#define CAIRN_TYPES_EXPR_PROGRAM_INT_H

#include "types/expr/expr.h"
#include "types/expr/tree_int.h"

enum { PROGRAM_MAGIC = 0x50584543, PROGRAM_VERSION = 1, PROGRAM_REGS_MAX = 1 << 20 };

enum program_op {
    OP_LOAD = 1,
    OP_CALL,
    OP_NOT,
    OP_IS_NULL,
    OP_BOOL_TEST,
    OP_LOGIC_BEGIN,
    OP_LOGIC_TERM,
    OP_LOGIC_END,
    OP_CASE_BEGIN,
    OP_CASE_WHEN,
    OP_CASE_PUT,
    OP_CASE_NULL,
    OP_CASE_END,
    OP_COALESCE_PUT,
    OP_NULLIF,
    OP_MINMAX,
    OP_DISTINCT,
    OP_RELABEL,
    OP_CAST_IO,
    OP_COERCE_LENGTH,
    OP_CAST_ARRAY,
    OP_IN,
    OP_ANY_ARRAY,
    OP_ARRAY,
    OP_ROW_COMPARE,
    OP_SUBPLAN,
    OP_ROW,
    OP_FIELD,
    OP_SUBSCRIPT,
    OP_FILTER,
    OP_OUTPUT,
    OP_COUNT
};

struct program_header {
    uint32_t magic;
    uint16_t version;
    uint16_t filter;
    uint32_t size;
    uint32_t traits;
    uint32_t n_outputs;
    uint32_t n_instrs;
    uint32_t n_regs;
    uint32_t n_operands;
    uint32_t n_columns;
    uint32_t n_consts;
    uint32_t n_params;    /* entries of the parameter table (statement's and outer) */
    uint32_t params_used; /* highest + 1 */
    uint32_t outer_used;
    uint32_t subplans_used;
    uint32_t depth_max; /* scopes open at once, the base counted */
    uint32_t n_sites;   /* instructions with a state slot */
    uint32_t at_instrs, at_operands, at_columns, at_consts, at_params, at_data, data_size;
    uint32_t pad;
};

struct program_instr {
    uint8_t op;
    uint8_t sub;
    uint16_t pad;
    uint32_t out;  /* register */
    uint32_t func; /* function OID; LOAD: slot; SUBPLAN, FIELD, OUTPUT: number; IN: data offset */
    uint32_t operands; /* first of n_operands */
    uint32_t n_operands;
    uint32_t target; /* instruction */
    uint32_t type;   /* of the result */
    int32_t typmod;
    uint32_t site;    /* state slot, UINT32_MAX = none */
    uint32_t escapes; /* the result is (part of) an output: lives in the caller's arena */
};

struct program_operand {
    uint32_t reg;
    uint32_t type;
};

struct program_const {
    uint32_t reg;
    uint32_t data; /* offset of a program_datum within the data */
};

struct program_param {
    uint32_t reg;
    uint32_t number;
    uint32_t outer; /* 1: an apply's parameter */
    uint32_t type;
};

struct program_datum {
    uint8_t kind;
    uint8_t null;
    int16_t dec_scale;
    uint32_t len; /* of the bytes behind, for BYTES; padded to 8 */
    uint8_t value[16];
};

/* A set (IN): this, then n datums one behind the other. */
struct program_set {
    uint32_t n;
    uint32_t type;
    uint32_t has_null;
    uint32_t pad;
};

static inline const struct program_header *program_header_of(const void *program)
{
    return program;
}
static inline const struct program_instr *program_instrs(const void *program)
{
    return (const void *)((const char *)program + program_header_of(program)->at_instrs);
}
static inline const struct program_operand *program_operands(const void *program)
{
    return (const void *)((const char *)program + program_header_of(program)->at_operands);
}
static inline const uint8_t *program_data(const void *program)
{
    return (const uint8_t *)program + program_header_of(program)->at_data;
}

void program_put_datum(struct buf *out, const struct datum *d);
/* Borrows. *at moves behind it. False when it does not fit before end. */
bool program_take_datum(const uint8_t **at, const uint8_t *end, struct datum *out);

/* Checks everything the interpreter relies on. */
int program_check(const void *program, size_t len, struct err *err) MUST_CHECK;

#endif
