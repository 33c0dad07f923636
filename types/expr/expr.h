/* expr.h: compiled expressions: programs of typed kernels over vectors.
 *
 * expr_compile turns trees (tree.h) into a program: one flat, position-independent, versioned
 * buffer (offsets, no pointers; it may lie inside a plan and travel). expr_exec_create checks it,
 * resolves its functions and makes what one execution needs (registers, compiled patterns, sets of
 * IN lists). One exec belongs to one fiber.
 *
 * A program has one or more outputs over one input batch, or is a filter. It is linear code: AND,
 * OR, CASE, COALESCE narrow a stack of selections and jump, so nothing recurses, arms see only the
 * rows that reach them, and depth is bounded by memory.
 *
 * The demand and error contract (design: sql.md)
 * 1. Only the first `rows_max` live rows of the batch are touched. A program that is volatile or
 * waits touches a row only if it is asked for: give rows_max = what the consumer still needs.
 * Others may be given the whole batch.
 * 2. When live row k fails, evaluation stops there for good: expr_eval returns the error code with
 * *n_ok = k, and the outputs are valid for the live rows before k. The executor delivers those and
 * raises the error when more is asked for. Of several failing rows and outputs the first row's
 * first output wins, as if rows were computed one by one.
 * 3. Arms of AND, OR, CASE, COALESCE are evaluated in written order, on the rows that reach them
 * only. Guarded division works.
 * 4. Total (infallible, not volatile) functions of one DICT argument run once per dictionary entry;
 * CONST arguments give CONST results.
 * 5. Outputs may share memory with the input batch (a plain column does) and are otherwise
 * allocated in `arena`. They are FLAT, CONST or DICT. Columns of the input may be flattened in
 * place.
 * 6. Strictness and nulls are the interpreter's.
 *
 * Learned from MonetDB/X100 (selection vectors), HyPer and DuckDB (CASE by selection), SQLite
 * (linear code with jumps).
 */
#ifndef CAIRN_TYPES_EXPR_EXPR_H
#define CAIRN_TYPES_EXPR_EXPR_H

#include "types/expr/host.h"
#include "types/expr/tree.h"

/* ---- compiling ----------------------------------------------------------------------------- */

struct expr_compile_options {
    /* Slot (column of the input batch) of an EXPR_COLUMN; NULL: its `index`. Negative = not
     * available: XX000. */
    int32_t (*slot_of)(void *ctx, const struct expr *column);
    void *ctx;
};

/* Appends a program with n outputs to `out`, 8-byte aligned (padding first); *at and *len say
 * where. */
int expr_compile(const struct expr_compile_options *options, struct expr *const *outputs,
                 uint32_t n, struct buf *out, uint32_t *at, uint32_t *len,
                 struct err *err) MUST_CHECK;
/* A filter: the conjunction of n boolean terms, in order; null counts as false. n = 0 passes all.
 */
int expr_compile_filter(const struct expr_compile_options *options, struct expr *const *terms,
                        uint32_t n, struct buf *out, uint32_t *at, uint32_t *len,
                        struct err *err) MUST_CHECK;

/* ---- what a program says about itself (program must be 8-byte aligned) --------------------- */

struct expr_program_info {
    uint32_t traits;    /* enum expr_traits */
    uint32_t n_outputs; /* 0 = a filter */
    uint32_t n_instructions;
    uint32_t n_params; /* highest statement parameter used + 1 */
    uint32_t n_outer;
    uint32_t n_subplans;
    const uint32_t *columns; /* slots used, ascending */
    uint32_t n_columns;
};
/* False = not a program. Cheap; does not check the instructions. */
bool expr_program_info(const void *program, size_t len, struct expr_program_info *out);

/* ---- running ------------------------------------------------------------------------------- */

struct expr_exec;

struct expr_env {
    struct expr_host *host;     /* may be NULL for programs without EXPR_HAS_HOST */
    const struct type_env *env; /* NULL: host's, or the default */
    const struct datum *params; /* statement parameters, by number */
    uint32_t n_params;
    /* Subplans: values for the rows of sel (args are FLAT or CONST vectors of n rows). Fills out
     * (kind of the subplan's type). A failing row sets *failed to its index in sel. With n_args = 0
     * it is asked once an execution, for row 0. */
    int (*subplan)(struct task *task, void *ctx, uint32_t index, const struct vec *args,
                   uint32_t n_args, const uint16_t *sel, uint32_t n, struct vec *out,
                   struct arena *arena, uint32_t *failed, struct err *err);
    void *subplan_ctx;
};

/* `program` and what `env` points to are borrowed until destroy. Everything is allocated in `arena`
 * but compiled patterns. */
int expr_exec_create(struct arena *arena, const void *program, size_t len,
                     const struct expr_env *env, struct expr_exec **out,
                     struct err *err) MUST_CHECK;
void expr_exec_destroy(struct expr_exec *x); /* NULL is fine */
/* Values of the enclosing applies' parameters, for the next evaluations. Borrowed. Forgets cached
 * subplan values. */
void expr_exec_outer(struct expr_exec *x, const struct datum *outer, uint32_t n_outer);
/* New parameters for another run of the same exec (a prepared statement kept on a core). */
void expr_exec_rebind(struct expr_exec *x, const struct expr_env *env);

/* outs[n_outputs]. task may be NULL unless the program has EXPR_WAITS. See the contract above. */
int expr_eval(struct task *task, struct expr_exec *x, struct batch *in, uint32_t rows_max,
              struct vec *outs, struct arena *arena, uint32_t *n_ok, struct err *err) MUST_CHECK;

/* Writes the rows that pass, ascending, to sel (room for BATCH_ROWS) and their number to *n_sel, at
 * most rows_max; *n_seen is the number of live rows looked at (the rest must be offered again in a
 * later call, with in->sel advanced). On an error the rows before the failing one are in sel; if
 * rows_max passed before it, there is no error. */
int expr_filter(struct task *task, struct expr_exec *x, struct batch *in, uint32_t rows_max,
                uint16_t *sel, uint32_t *n_sel, uint32_t *n_seen, struct err *err) MUST_CHECK;

/* One row without columns (defaults, LIMIT, SET): output number 0. */
int expr_eval_scalar(struct task *task, struct expr_exec *x, struct datum *out, struct arena *arena,
                     struct err *err) MUST_CHECK;
/* Compile and run a column-free tree at once. */
int expr_eval_tree(struct task *task, const struct expr_env *env, struct expr *e,
                   struct arena *arena, struct datum *out, struct err *err) MUST_CHECK;

/* Human-readable listing for tests and EXPLAIN (internals). */
void expr_dump(const void *program, size_t len, struct buf *out);

#endif
