/* func.h: built-in functions, operators, casts, operator classes and aggregates: their tables and
 * their kernels' contract.
 *
 * The tables are func.def, oper.def, cast.def, opclass.def, agg.def: PostgreSQL 15's catalog rows
 * for what Cairn implements, OIDs included, plus a kernel's name. Resolution (overloads, coercion)
 * is the binder's; here are only look-ups.
 *
 * A kernel computes one function over vectors. Its contract:
 * 1. args[] are FLAT or CONST (never DICT or ENCODED). numeric arguments are dec or num, without
 * NaN in a dec; a dec's kind is INT64 or INT128. Every other argument has its type's kind.
 * 2. It touches only the rows call_row(call, i), i < call->n, and reads no null row if the function
 * is strict: the interpreter took those out (or, for FUNC_TOTAL kernels over fixed-width values,
 * lets it compute garbage under a null bit). A non-strict kernel looks at nulls itself. When all
 * args are CONST, it is asked for row 0 alone.
 * 3. out is FLAT with data for out->n rows (CONST inputs: 1), kind set from the result type and
 * valid == NULL; a numeric result may replace kind, data and dec_scale. It sets nulls with
 * vec_set_null.
 * 4. On failure it returns the error and sets call->failed to the index i of the FIRST failing row
 * in selection order; rows before it are computed. So evaluation order is visible to nobody.
 * 5. Result bytes live in call->arena. What should last between batches (a compiled pattern) hangs
 * on call->state.
 * 6. A kernel that may wait (FUNC_WAITS) gets call->task; no other may use it.
 */
#ifndef CAIRN_TYPES_FUNC_FUNC_H
#define CAIRN_TYPES_FUNC_FUNC_H

#include "base/column.h"
#include "base/err.h"
#include "types/type/type.h"

struct expr_host; /* types/expr/host.h */
struct task;
struct func_call;

typedef int (*func_kernel)(struct func_call *call, struct err *err);

enum func_flags {
    FUNC_STRICT = 1,
    FUNC_RETSET = 2,   /* set-returning: an operator of the executor runs it (srf.h), never expr */
    FUNC_FALLIBLE = 4, /* can fail for some input */
    FUNC_WAITS = 8,    /* may wait: needs a task */
    FUNC_HOST = 16,    /* needs the host (catalog, session) */
    FUNC_LEAKPROOF = 32,
};

struct func_info {
    uint32_t oid;
    const char *name;
    char kind;       /* prokind: f function, a aggregate, w window, p procedure */
    char volatility; /* i immutable, s stable, v volatile */
    uint8_t flags;   /* enum func_flags */
    uint8_t n_args;
    uint8_t n_defaults;
    uint32_t
        variadic; /* element type of the last, variadic argument; TYPE_ANY for "any"; 0 = none */
    uint32_t result;
    const uint32_t *args; /* [n_args] */
    uint16_t cost;
    const char *src;    /* prosrc */
    func_kernel kernel; /* NULL: catalogued but not callable as a function (0A000) */
};

/* All functions in OID order (pg_proc). */
const struct func_info *func_table(uint32_t *count);
const struct func_info *func_info(uint32_t oid);
/* All functions of a name: positions [*first, *first + returned) of the by-name order;
 * func_by_name(at). */
uint32_t func_find(const char *name, size_t len, uint32_t *first);
const struct func_info *func_by_name(uint32_t at);

struct oper_info {
    uint32_t oid;
    const char *name;
    uint32_t left, right; /* left 0: prefix operator */
    uint32_t result;
    uint32_t func;
    uint32_t commutator, negator;      /* 0 = none */
    uint32_t restrict_func, join_func; /* pg_operator.oprrest, oprjoin */
    bool can_merge, can_hash;
};
const struct oper_info *oper_table(uint32_t *count); /* OID order */
const struct oper_info *oper_info(uint32_t oid);
uint32_t oper_find(const char *name, size_t len, uint32_t *first);
const struct oper_info *oper_by_name(uint32_t at);
/* The operator `name` of exactly these types, NULL = none. */
const struct oper_info *oper_exact(const char *name, uint32_t left, uint32_t right);

struct cast_info {
    uint32_t oid;
    uint32_t from, to;
    uint32_t func; /* 0: binary coercible (method b) or through text (method i) */
    char context;  /* i implicit, a assignment, e explicit */
    char method;   /* f function, b binary, i inout */
};
const struct cast_info *cast_table(uint32_t *count); /* (from, to) order */
const struct cast_info *
cast_find(uint32_t from, uint32_t to); /* NULL: maybe by text I/O, see PostgreSQL's rules */

/* Default btree operator class of a type: its five operators, for planner (ranges, order) and
 * executor. */
struct opclass_info {
    uint32_t oid; /* pg_opclass */
    const char *name;
    uint32_t family; /* pg_opfamily */
    uint32_t method; /* pg_am: 403 btree, 405 hash */
    uint32_t type;   /* opcintype */
    bool is_default;
    uint32_t lt, le, eq, ge, gt; /* of (type, type); hash: eq only */
    uint32_t cmp;                /* btree support function 1, hash support function 1 */
};
const struct opclass_info *opclass_table(uint32_t *count);
/* The default class of an access method for a type (binary-coercible types found too: varchar ->
 * text). NULL = none. */
const struct opclass_info *opclass_default(uint32_t method, uint32_t type);

/* The btree strategy of an operator whichever class it is in (mixed int4 < int8 too). */
enum opclass_strategy {
    STRATEGY_NONE,
    STRATEGY_LT,
    STRATEGY_LE,
    STRATEGY_EQ,
    STRATEGY_GE,
    STRATEGY_GT
};
enum opclass_strategy oper_strategy(uint32_t oper);

/* ---- calling a kernel ---------------------------------------------------------------------- */

struct func_state; /* what one kernel keeps between batches */

struct func_call {
    const struct func_info *info;
    const struct vec *args;
    const uint32_t *arg_types; /* actual types (polymorphic, "any") */
    uint32_t n_args;
    uint32_t result_type; /* actual */
    int32_t result_typmod;
    const uint16_t *sel; /* NULL: rows 0..n */
    uint32_t n;          /* rows to compute */
    struct vec *out;
    struct arena *arena;       /* the batch's: results */
    struct arena *keep;        /* the program's: lives as long as its execution */
    struct func_state **state; /* one slot a call site, NULL at first; freed by its `done` */
    const struct type_env *env;
    struct expr_host *host; /* NULL in folding */
    struct task *task;      /* NULL unless FUNC_WAITS */
    uint32_t failed;
};

struct func_state {
    void (*done)(struct func_state *state); /* releases what is not in `keep`; may be NULL */
};

static inline uint32_t call_row(const struct func_call *call, uint32_t i)
{
    return call->sel ? call->sel[i] : i;
}
/* Where row's value lies in an argument. */
static inline uint32_t arg_at(const struct vec *v, uint32_t row)
{
    return v->form == VEC_CONST ? 0 : row;
}

#endif
