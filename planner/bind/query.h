/* query.h: the bound query: what a statement means, resolved against a catalog view.
 *
 * Names are gone: every column is EXPR_COLUMN(rel, index), where `rel` is the number of a relation in the planner's
 * list (unique over the whole statement, so a subquery can be pulled up without renumbering) and `index` the position in
 * that relation's columns[]. A column of an enclosing query is EXPR_OUTER(slot): each subquery lists the slots it reads and the
 * expression of its parent that feeds each (params), so a subquery is a function of its parameters.
 *
 * An expression subquery is EXPR_SUBQUERY with extra = struct sub_link; its args are the parent's expressions for params, in
 * order, so that walks over the parent see what it uses.
 *
 * Everything lives in the statement's arena. The rewrites (planner/rewrite) change queries in place.
 */
#ifndef CAIRN_PLANNER_BIND_QUERY_H
#define CAIRN_PLANNER_BIND_QUERY_H

#include "planner/catalog/catalog.h"
#include "planner/plan.h"
#include "types/expr/tree.h"

enum rel_kind {
    REL_TABLE,    /* object; system tables too (object->relation->system) */
    REL_SUBQUERY, /* query */
    REL_FUNCTION, /* func with args; one or more columns */
    REL_VALUES,   /* rows */
    REL_CTE,      /* cte */
    REL_EXCLUDED, /* ON CONFLICT's excluded row */
};

struct rel_column {
    const char *name;
    uint32_t type;
    int32_t typmod;
    uint32_t collation;
    int32_t attnum; /* TABLE: attnum; CATALOG_ROWID for the hidden row id, REL_KEY for the key bytes */
};
enum { REL_KEY = -100, REL_TABLEOID = -6 }; /* pseudo attnums */

struct rel {
    uint32_t number; /* in planner->rels */
    uint8_t kind;    /* enum rel_kind */
    bool lateral;
    bool ordinality;
    bool is_source;  /* VALUES: rows are pushed from outside (COPY FROM) */
    const char *alias;
    uint32_t n_columns;
    uint32_t n_visible; /* columns that names and * see: the first n_visible */
    struct rel_column *columns;
    const struct cat_object *object; /* TABLE */
    struct query *query;             /* SUBQUERY */
    struct cte *cte;                 /* CTE */
    uint32_t func;                   /* FUNCTION */
    uint32_t n_args;
    struct expr **args;
    uint32_t n_rows;                 /* VALUES: rows[r * n_columns + c] */
    struct expr **rows;
    uint8_t lock;                    /* enum kv_lock_mode asked by FOR UPDATE ..., or of the DML target */
    uint8_t wait;
};

/* Join tree: a leaf is one relation. */
struct join_node {
    bool is_leaf;
    uint32_t rel;        /* leaf: number */
    uint8_t type;        /* enum plan_join_type; RIGHT is bound as LEFT with sides swapped */
    bool null_aware;
    struct join_node *left, *right;
    struct expr *on;     /* NULL = true */
    bool lateral;        /* right side reads columns of the left through right_params */
};

struct query_param {
    uint32_t slot;      /* $outer slot */
    struct expr *from;  /* the parent's expression */
};

struct target {
    struct expr *expr;
    const char *name;
    bool junk;          /* only for sorting or grouping */
    uint32_t sort_group; /* 1-based mark other clauses refer to; 0 = none */
    uint32_t table_oid; /* of a plain column */
    int32_t attnum;
};

struct sort_item {
    uint32_t target; /* index into targets */
    bool desc, nulls_first;
};

struct window_spec {
    const char *name;
    uint32_t n_partition;
    struct expr **partition;
    uint32_t n_order;
    struct expr_order *order;
    uint8_t frame_mode; /* 0 rows, 1 range, 2 groups */
    uint8_t start_kind, end_kind;
    struct expr *start_offset, *end_offset;
    uint8_t exclude;
};

enum set_kind { SET_NONE, SET_UNION, SET_UNION_ALL, SET_INTERSECT, SET_INTERSECT_ALL, SET_EXCEPT, SET_EXCEPT_ALL };

struct cte {
    const char *name;
    uint32_t slot;       /* spool number */
    struct query *query;
    bool recursive;      /* query is first UNION [ALL] recursive term */
    bool materialize;    /* kept as a spool; else it was expanded where used */
    uint32_t n_refs;
    uint32_t n_columns;
    struct rel_column *columns;
    bool in_recursion;   /* binding its own recursive term */
};

struct on_conflict {
    uint8_t action;      /* enum plan_conflict */
    uint32_t n_arbiters;
    uint32_t *arbiters;  /* positions in the table's indexes[]; hidden-rowid tables: same numbering */
    uint32_t excluded_rel;
    struct expr **set;   /* by position in the full row; NULL = unchanged */
    struct expr *where;
};

struct query {
    uint8_t command;     /* enum plan_command */
    struct join_node *from; /* NULL = one empty row */
    struct expr *where;
    uint32_t n_targets;
    struct target *targets;
    uint32_t n_group;
    struct expr **group;
    uint32_t n_sets;     /* grouping sets; 0 = plain */
    struct plan_list_u32 *sets;
    bool has_agg;        /* aggregates in targets/having/sort, or GROUP BY / HAVING present */
    struct expr *having;
    uint32_t n_windows;
    struct window_spec *windows;
    bool has_window, has_srf;
    bool distinct;
    uint32_t n_distinct_on;
    uint32_t *distinct_on; /* target indexes */
    uint32_t n_sort;
    struct sort_item *sort;
    struct expr *limit, *offset; /* int8 */
    bool with_ties;
    uint8_t set;         /* enum set_kind: then arms[0..n_arms) combine left to right; from/where/group unused */
    uint32_t n_arms;
    struct query **arms;
    uint32_t n_values;   /* top-level VALUES: bound as a REL_VALUES in from; kept for INSERT ... VALUES with DEFAULT */
    uint32_t n_ctes;
    struct cte **ctes;
    uint32_t n_params;
    struct query_param *params;
    bool locks;          /* FOR UPDATE/SHARE: rel->lock says which */
    bool rewritten;

    /* DML */
    uint32_t target_rel;
    struct expr **set_exprs;   /* UPDATE: by full-row position, NULL = unchanged. INSERT: targets give the full row */
    struct on_conflict *conflict;
    uint32_t n_returning;
    struct target *returning;
};

struct plan_list_u32 {
    uint32_t n;
    uint32_t *items;
};

struct sub_link {
    uint8_t kind; /* enum plan_subplan_kind */
    struct query *query; /* ANY/ALL: its single target is the boolean comparison */
    /* ANY made from IN / = ANY: kept for unnesting */
    bool is_in;
    struct expr *test;       /* in the parent's terms */
    struct expr *inner;      /* in the query's terms */
    uint32_t eq_func, eq_oper;
};

#endif
