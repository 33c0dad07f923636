/* tree.h: typed expression trees: what the binder makes, the planner rewrites and expr.h compiles.
 *
 * Nodes live in an arena and are treated as immutable once shared: a rewrite copies the path it
 * changes. AND and OR are n-ary. Trees may be very deep (1+1+... 20,000 long): everything here
 * walks with an explicit stack, and so should its users (expr_walk, or base/stack.h).
 *
 * Types are resolved: function OIDs are chosen, coercions are explicit nodes, `unknown` does not
 * occur (a NULL literal has the type its context gave it).
 */
#ifndef CAIRN_TYPES_EXPR_TREE_H
#define CAIRN_TYPES_EXPR_TREE_H

#include "types/func/func.h"

enum expr_op {
    EXPR_CONST = 1, /* value */
    EXPR_COLUMN,    /* (rel, index): an input column; the compiler asks `slot_of`, or takes index as
                       the slot */
    EXPR_PARAM,     /* index: statement parameter $index+1 */
    EXPR_OUTER,     /* index: parameter of an enclosing apply */
    EXPR_FUNC,      /* func(args); oper = the operator it was written as, or 0 */
    EXPR_AND,       /* n-ary, written order */
    EXPR_OR,
    EXPR_NOT,
    EXPR_IS_NULL,   /* sub = 1: IS NOT NULL */
    EXPR_BOOL_TEST, /* sub: enum expr_bool_test */
    EXPR_CASE, /* args: when, then, when, then, ..., [else]; n_args odd = has else. CASE x WHEN is
                  bound as x = y */
    EXPR_COALESCE,
    EXPR_NULLIF,   /* args a, b; func: the equality */
    EXPR_GREATEST, /* nulls ignored; by the type's btree order */
    EXPR_LEAST,
    EXPR_DISTINCT, /* a IS DISTINCT FROM b; func: the equality; sub = 1: IS NOT DISTINCT FROM */
    EXPR_RELABEL,  /* args[0] as another type, binary coercible: nothing happens */
    EXPR_CAST_IO,  /* args[0] to type through text (CoerceViaIO) */
    EXPR_COERCE_LENGTH, /* args[0] to (type, typmod); sub = 1: explicit cast */
    EXPR_CAST_ARRAY, /* args[0], an array, each element by func (or through text when func = 0) */
    EXPR_IN, /* args[0] = ANY of args[1..]; func: the equality; sub = 1: NOT IN (func still the
                equality) */
    EXPR_ANY_ARRAY,   /* args[0] op ANY (args[1]); func: the operator's; sub = 1: ALL */
    EXPR_ARRAY,       /* ARRAY[args] of type `type` */
    EXPR_ROW_COMPARE, /* (a1,..) op (b1,..); args a1..an b1..bn; sub: enum opclass_strategy (EQ and
                         NE are bound as AND/OR) */
    EXPR_SUBPLAN,   /* index: subplan number; args: its outer parameters. Value(s) by the executor's
                       callback, when a row asks */
    EXPR_ROW,       /* ROW(args): only under a record-taking function, IS NULL, or output */
    EXPR_FIELD,     /* args[0].field index */
    EXPR_SUBSCRIPT, /* args[0][args[1]] */
    /* Never compiled: the planner replaces them by columns. */
    EXPR_AGG, /* func; args; distinct, filter and order in `agg` */
    EXPR_WINDOW,
    EXPR_GROUPING,
    EXPR_SRF,      /* set-returning function call */
    EXPR_SUBQUERY, /* extra: the planner's */
    EXPR_DEFAULT,  /* DEFAULT in VALUES / SET */
    EXPR_OP_COUNT
};

enum expr_bool_test {
    EXPR_IS_TRUE,
    EXPR_IS_NOT_TRUE,
    EXPR_IS_FALSE,
    EXPR_IS_NOT_FALSE,
    EXPR_IS_UNKNOWN,
    EXPR_IS_NOT_UNKNOWN
};

/* How a coercion was written: decides how it is printed back. */
enum expr_form {
    EXPR_FORM_CALL,
    EXPR_FORM_EXPLICIT_CAST,
    EXPR_FORM_IMPLICIT_CAST,
    EXPR_FORM_SQL_SYNTAX
};

struct expr_order {
    struct expr *expr;
    uint32_t oper; /* the < or > operator, 0 = type's default */
    bool desc;
    bool nulls_first;
};

struct expr_agg {
    bool distinct;
    bool star; /* count(*) */
    struct expr *filter;
    struct expr_order *order;
    uint32_t n_order;
    uint32_t level; /* query levels up the aggregate belongs to */
};

struct expr {
    uint8_t op; /* enum expr_op */
    uint8_t sub;
    uint8_t form; /* enum expr_form */
    uint32_t type;
    int32_t typmod; /* -1 = none */
    uint32_t collation;
    int32_t position; /* 1-based character in the statement's text, 0 = unknown */
    uint32_t func;
    uint32_t oper;
    uint32_t rel;   /* COLUMN: the binder's relation number */
    uint32_t index; /* COLUMN, PARAM, OUTER, SUBPLAN, FIELD */
    uint32_t n_args;
    struct expr **args;
    struct datum value;   /* CONST */
    struct expr_agg *agg; /* AGG, WINDOW */
    void *extra;          /* the planner's own; not encoded, not compared */
};

struct expr *expr_new(struct arena *arena, enum expr_op op, uint32_t type, int32_t typmod,
                      uint32_t n_args);
struct expr *expr_const(struct arena *arena, uint32_t type, int32_t typmod,
                        const struct datum *value);
struct expr *expr_const_null(struct arena *arena, uint32_t type, int32_t typmod);
struct expr *expr_const_bool(struct arena *arena, bool value);
struct expr *expr_column(struct arena *arena, uint32_t rel, uint32_t index, uint32_t type,
                         int32_t typmod);
struct expr *expr_call(struct arena *arena, uint32_t func, uint32_t result,
                       struct expr *const *args, uint32_t n_args);
/* The call of an operator's function, remembering the operator. */
struct expr *expr_oper(struct arena *arena, const struct oper_info *oper, struct expr *left,
                       struct expr *right);
/* AND / OR of n terms (flattening nested ones of the same kind); n = 0: true / false; n = 1: the
 * term. */
struct expr *expr_and(struct arena *arena, struct expr *const *terms, uint32_t n);
struct expr *expr_or(struct arena *arena, struct expr *const *terms, uint32_t n);
struct expr *expr_not(struct arena *arena, struct expr *term);
/* A shallow copy with its own args array. */
struct expr *expr_clone(struct arena *arena, const struct expr *e);
/* A deep copy. */
struct expr *expr_copy(struct arena *arena, const struct expr *e);

/* Same tree? Positions, forms and extra do not count. */
bool expr_equal(const struct expr *a, const struct expr *b);
uint64_t expr_hash(const struct expr *e); /* agrees with expr_equal; the same on every node */

/* Pre-order walk; the visitor returns false to skip a node's children. Set *stop to end the walk.
 * FILTER and ORDER BY of aggregates are visited too. */
typedef bool (*expr_visit)(const struct expr *e, void *ctx, bool *stop);
void expr_walk(const struct expr *e, expr_visit visit, void *ctx);
/* Post-order rewrite: `change` gets a node whose children are already rewritten (the node is a
 * private copy if any child changed) and returns it or its replacement; NULL aborts with what it
 * put into err. */
typedef struct expr *(*expr_change)(struct expr *e, void *ctx, struct err *err);
int expr_rewrite(struct arena *arena, struct expr *e, expr_change change, void *ctx,
                 struct expr **out, struct err *err) MUST_CHECK;

enum expr_traits {
    EXPR_HAS_VOLATILE = 1,
    EXPR_HAS_STABLE = 2,
    EXPR_FALLIBLE = 4,
    EXPR_WAITS = 8,
    EXPR_HAS_COLUMN = 16,
    EXPR_HAS_PARAM = 32,
    EXPR_HAS_OUTER = 64,
    EXPR_HAS_SUBPLAN = 128,
    EXPR_HAS_AGG = 256,
    EXPR_HAS_SRF = 512,
    EXPR_HAS_WINDOW = 1024,
    EXPR_HAS_SUBQUERY = 2048,
    EXPR_HAS_HOST = 4096,
};
uint32_t expr_traits(const struct expr *e);
/* True when a null in any COLUMN of `rel` makes the whole null (or, for a predicate, not true): for
 * outer-join reduction. */
bool expr_strict_in(const struct expr *e, uint32_t rel);

/* Constant folding: immutable calls over constants are computed, AND/OR/CASE/COALESCE are cut where
 * constants decide. What would fail is left as it is, to fail (or never be reached) at run time.
 * with_stable: also fold stable calls (planning for one execution, env given); never host ones. */
int expr_fold(struct arena *arena, struct expr *e, const struct type_env *env, bool with_stable,
              struct expr **out, struct err *err) MUST_CHECK;

/* Position-independent bytes of a tree, for the catalog (defaults, checks, views, index
 * expressions). Versioned. */
void expr_encode(const struct expr *e, struct buf *out);
int expr_decode(const uint8_t *data, size_t len, struct arena *arena, struct expr **out,
                struct err *err) MUST_CHECK;

#endif
