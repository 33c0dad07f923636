/* exec_int.h: what operators share.
 *
 * struct op is one running operator: its plan node, children, and a vtable. op_next is the only way to pull from one: it slices what an
 * operator overproduced, holds back an error until the rows before it were taken, and counts. An operator's own next may return
 * more rows than asked when all it computed is pure (op->pure), because then no one can tell.
 *
 * rewind starts an operator over for new outer parameters; it must leave nothing of the last run behind.
 */
#ifndef CAIRN_EXECUTOR_EXEC_INT_H
#define CAIRN_EXECUTOR_EXEC_INT_H

#include "base/hash.h"
#include "base/task.h"
#include "executor/exec.h"

struct op;

struct op_vtable {
    int (*next)(struct op *op, uint32_t rows_max, struct batch **out, struct err *err);
    void (*rewind)(struct op *op); /* own state only; children are rewound by op_rewind */
    void (*close)(struct op *op);  /* NULL: nothing beside the arena */
};

struct program {
    struct expr_exec *exec; /* NULL: absent */
    uint32_t traits;
    struct program *next; /* of the execution: for new outer values */
};

struct op {
    const struct op_vtable *vt;
    const struct plan_op *plan;
    struct exec *x;
    struct op *child[2];
    bool pure;              /* nothing below or here can fail, is volatile or waits on the host */
    bool ended;
    struct batch *pending;  /* overproduced: the rest of it */
    bool failed;            /* stop is raised at the next call */
    struct err *stop;
    struct plan_actual actual;
};

struct spool;

struct exec_subplan {
    const struct plan_subplan *plan;
    struct op *root; /* built when first asked */
    struct memo *memo;
};

struct exec {
    struct exec_env env;
    struct kv_read read;
    struct exec_plan *plan;
    struct arena arena;
    struct op *root;
    struct op **ops;        /* by operator id */
    uint32_t n_ops;
    struct plan_actual *actuals;
    struct plan_actual *remote_actuals; /* by operator id, summed over fragments elsewhere; NULL = none */
    struct datum *outer;    /* $outer values */
    uint32_t n_outer;
    struct spool **spools;  /* by CTE slot */
    uint32_t n_spools;
    struct exec_subplan *subplans;
    struct program *programs;
    uint64_t affected;
    bool wrote;
    struct expr_env expr_env;
};

struct exec_plan {
    int32_t refs;
    struct arena arena;
    struct plan plan;
    const struct plan_header *head;
    uint32_t n_schemas;
    const struct kv_schema **schemas;
    uint32_t n_ops; /* highest operator id + 1 */
};

/* ---- pulling ---- */
int op_next(struct op *op, uint32_t rows_max, struct batch **out, struct err *err);
void op_rewind(struct op *op);
void op_close(struct op *op);
/* Keeps an error until the rows already produced were taken. */
void op_fail_later(struct op *op, const struct err *err);
/* How many rows to ask a child for: everything when nothing can be observed. */
static inline uint32_t op_want(const struct op *child, uint32_t rows_max)
{
    return child->pure ? BATCH_ROWS : rows_max < BATCH_ROWS ? rows_max : BATCH_ROWS;
}
int op_create(struct exec *x, plan_off at, struct op **out, struct err *err);
void *op_alloc(struct exec *x, size_t bytes);

/* ---- programs ---- */
int program_open(struct exec *x, plan_off at, struct program *out, struct err *err);
void program_done(struct program *p);
bool program_pure(const struct program *p);
/* One value without input columns. Bytes in `arena`. */
int program_scalar(struct exec *x, struct program *p, struct arena *arena, struct datum *out, struct err *err);
/* Filters the batch in place (its sel); live rows after rows_max passing ones are left over: *n_seen live rows were looked at. */
int program_filter(struct exec *x, struct program *p, struct batch *b, uint32_t rows_max, uint32_t *n_seen, struct err *err);
void exec_set_outer(struct exec *x);

/* ---- keys ---- */
/* Appends a value of the part's SQL type as a key part. */
int key_put(struct buf *out, const struct plan_key_part *part, const struct datum *value, struct err *err);
int key_put_null(struct buf *out, const struct plan_key_part *part);

/* ---- vectors ---- */
/* dst: FLAT of n rows; takes src's (FLAT) rows idx[i]; UINT32_MAX = null. copy: long bytes into the arena. */
void vec_gather(struct vec *dst, const struct vec *src, const uint32_t *idx, uint32_t n, bool copy, struct arena *arena);
/* A batch without rows, columns as the operator declares. */
struct batch *batch_for(struct exec *x, uint32_t n_cols);
/* Live rows [from, from + n) as a batch of its own. */
struct batch *batch_slice(struct exec *x, const struct batch *b, uint32_t from, uint32_t n);
/* Drops rows from n on. */
void batch_cut(struct batch *b, uint32_t n);
/* Dense copy with long bytes copied; numeric forms kept. NULL and err set when memory is out. */
struct batch *batch_keep(struct exec *x, const struct batch *b, const char *what, struct err *err);
int exec_no_memory(struct exec *x, const char *what, struct err *err);
/* Hash of rows' key columns (canonical form) and their equality. */
void keys_hash(const struct vec *keys, uint32_t n_keys, uint32_t n_rows, uint64_t *hashes);
bool keys_equal(const struct vec *a, uint32_t i, const struct vec *b, uint32_t j, uint32_t n_keys, bool nulls_equal);
/* Canonical vectors of columns cols[] of a batch (all live rows), dense. types: per key. */
void keys_canon(struct exec *x, struct batch *b, const uint32_t *cols, const uint32_t *types, uint32_t n_keys, struct vec *out,
                struct arena *arena);

/* Puts a value into row `row` of a FLAT vector whatever numeric form either has: the vector is turned to `num` when they differ. */
void vec_put_value(struct vec *v, uint32_t row, uint32_t type, const struct datum *value, struct arena *arena);

/* ---- a list of batches ---- */
struct store {
    struct batch **batches;
    uint32_t n, cap;
    uint64_t rows;
};
int store_add(struct exec *x, struct store *s, const struct batch *b, const char *what, struct err *err);
void store_clear(struct store *s);
/* Everything a child gives. */
int store_fill(struct store *s, struct op *child, const char *what, struct err *err);

/* ---- hash table from key rows to numbers ---- */
struct row_table {
    uint32_t *slots; /* entry + 1 */
    uint32_t mask;
    uint32_t n, cap;
    uint64_t *hashes;      /* by entry */
    struct datum *keys;    /* n_keys a entry */
    uint32_t n_keys;
    struct arena *arena;
};
void row_table_init(struct row_table *t, uint32_t n_keys, struct arena *arena);
void row_table_done(struct row_table *t);
/* Entry of a row's key (nulls equal), made when absent and `add`; UINT32_MAX when absent. *added tells. */
uint32_t row_table_find(struct row_table *t, const struct vec *keys, uint32_t row, uint64_t hash, bool add, bool *added);

/* ---- spools (CTEs) ---- */
struct spool {
    struct op *source;   /* pulled when a reader runs ahead */
    struct store store;
    bool done;
    struct store *working; /* recursion: readers see this instead */
};
struct spool *exec_spool(struct exec *x, uint32_t slot);

/* ---- subplans ---- */
void memo_close(struct memo *m); /* NULL is fine */
int exec_subplan_call(struct task *task, void *ctx, uint32_t index, const struct vec *args, uint32_t n_args, const uint16_t *sel,
                      uint32_t n, struct vec *out, struct arena *arena, uint32_t *failed, struct err *err);

/* ---- constructors, one an operator ---- */
#define PLAN_OP(name, struct_name) int op_##struct_name(struct exec *x, const struct struct_name *plan, struct op **out, struct err *err);
#include "planner/plan_op.def"
#undef PLAN_OP
/* A new op of `bytes` with its children built. */
int op_new(struct exec *x, const struct plan_op *plan, size_t bytes, const struct op_vtable *vt, struct op **out, struct err *err);

#endif
