/* opt_int.h: what the planner's files share: physical nodes, relation sets, the statement being planned.
 *
 * A pnode is one operator before emission. Its output columns are expressions (outs): column c of its batches holds the value of
 * outs[c], an expression over the query's relations. A parent's expression is computed from a child's outs by replacing
 * each subtree equal to some outs[c] by that column (emit.c); what remains must be computable from columns alone. So no
 * renumbering is written anywhere but in one function.
 */
#ifndef CAIRN_PLANNER_OPT_OPT_INT_H
#define CAIRN_PLANNER_OPT_OPT_INT_H

#include "planner/bind/bind_int.h"
#include "planner/catalog/physical.h"

enum { REL_MAX = 512 };

struct relset {
    uint64_t w[REL_MAX / 64];
};
static inline void relset_add(struct relset *s, uint32_t rel) { s->w[rel / 64] |= (uint64_t)1 << (rel % 64); }
static inline bool relset_has(const struct relset *s, uint32_t rel) { return s->w[rel / 64] >> (rel % 64) & 1; }
bool relset_subset(const struct relset *a, const struct relset *of);
bool relset_overlap(const struct relset *a, const struct relset *b);
bool relset_empty(const struct relset *s);
void relset_join(struct relset *a, const struct relset *b);
struct relset relset_of(const struct expr *e); /* relations whose columns it reads */

struct pspan {
    uint32_t n_eq;
    struct expr **eq;
    struct expr *low, *high;
    bool low_incl, high_incl;
};

struct ptest {
    uint32_t column_id;
    uint8_t op; /* enum plan_test_op */
    struct expr *value;
};

struct pnode {
    uint16_t kind; /* enum plan_op_kind */
    struct pnode *child[2];
    uint32_t n_outs;
    struct expr **outs; /* how parents name the columns */
    struct expr **defs; /* PROJECT: what to compute for each */
    double rows, cost; /* cost: of the whole subtree, microseconds */
    uint32_t n_order;  /* the order its rows come in */
    struct expr_order *order;

    /* filter of SCAN, CATALOG_SCAN, FILTER; residual or condition of joins */
    uint32_t n_terms;
    struct expr **terms;

    /* SCAN, LOOKUP_JOIN */
    struct rel *rel;
    const struct cat_index *index; /* NULL: the table's own storage by its hidden row id */
    const struct kv_schema *schema;
    uint32_t n_ids;
    uint32_t *ids; /* stable column ids, one per out (SCAN) or right out (LOOKUP_JOIN) */
    uint32_t n_spans;
    struct pspan *spans;
    uint32_t n_tests;
    struct ptest *tests;
    bool ordered, reverse, with_key, full_key;
    uint8_t lock, wait;

    /* PROJECT: outs. VALUES: rows. FUNCTION_SCAN: rel. */
    struct expr **rows_exprs;
    uint32_t n_rows;

    /* joins */
    uint8_t join_type;
    bool null_aware;
    uint32_t n_keys;
    struct expr **left_keys, **right_keys; /* hash keys; lookup: left_keys are values of the leading key parts */
    uint32_t n_params;
    struct query_param *params; /* APPLY: slots fed from left columns */

    /* SORT, LIMIT, DISTINCT, AGGREGATE, WINDOW */
    uint32_t n_sort;
    struct expr_order *sort;
    struct expr *limit, *offset;
    bool with_ties;
    uint32_t n_group;
    struct expr **group;
    uint32_t n_calls;
    struct expr **calls; /* EXPR_AGG or EXPR_WINDOW */
    uint8_t agg_mode;
    uint32_t n_sets;
    struct plan_list_u32 *sets;
    struct expr *grouping; /* pseudo column of the grouping bitmap */
    struct window_spec *window;
    uint32_t n_partition;

    uint8_t setop;
    uint32_t slot;
    bool distinct;

    /* EXCHANGE: child[0] is the fragment's tree */
    bool is_fragment;

    /* DML */
    struct query *query;
    uint32_t n_carried;
    bool bulk;
    struct query *locks; /* LOCK_ROWS */
};

struct planner {
    struct binder *b;
    const struct planner_options *opt;
    struct arena *arena;
    uint64_t **used; /* per relation: bitmap of columns read anywhere */
    /* emission */
    struct plan_builder pb;
    struct buf code;
    uint32_t n_ops, n_pipelines;
    uint32_t *fragments, n_fragments, cap_fragments;
    uint32_t *subplans, n_subplans, cap_subplans;
    struct kv_schema const **schemas;
    uint32_t n_schemas, cap_schemas;
    bool writes, is_volatile, in_fragment;
    uint32_t pipeline;
};

/* rewrite/rewrite.c: pull-up, unnesting, folding, outer-join reduction; in place. */
int rewrite_query(struct planner *p, struct query *q, struct err *err);
/* rewrite/used.c */
void mark_used(struct planner *p, struct query *q);

/* Terms of a conjunction. */
void split_terms(struct arena *arena, struct expr *e, struct expr ***terms, uint32_t *n, uint32_t *cap);
struct expr *replace_slots(struct planner *p, struct expr *e, const struct query_param *params, uint32_t n, struct err *err);

/* node.c */
struct pnode *node_new(struct planner *p, enum plan_op_kind kind, struct pnode *a, struct pnode *b);
void node_outs(struct planner *p, struct pnode *n, struct expr **outs, uint32_t n_outs);
struct pnode *node_filter(struct planner *p, struct pnode *child, struct expr **terms, uint32_t n);
struct pnode *node_project(struct planner *p, struct pnode *child, struct expr **outs, uint32_t n);
/* Position of an equal expression among the outs; -1 = none. */
int32_t node_find(const struct pnode *n, const struct expr *e);
/* The child with every expression of `wanted` among its outs (a PROJECT above it when something must be computed). */
struct pnode *node_with(struct planner *p, struct pnode *child, struct expr **wanted, uint32_t n);
struct pnode *node_sort(struct planner *p, struct pnode *child, const struct expr_order *keys, uint32_t n, struct expr *limit,
                        struct expr *offset);
bool node_ordered_by(const struct pnode *n, const struct expr_order *keys, uint32_t n_keys);
double term_selectivity(const struct planner *p, const struct expr *e, double rows);

/* access.c: the way to one relation's rows. needed: columns (rel->columns positions) wanted. order: wanted, may be NULL. */
int plan_rel(struct planner *p, struct rel *rel, struct expr **terms, uint32_t n_terms, const struct expr_order *order,
             uint32_t n_order, struct pnode **out, struct err *err);
/* The best index for looking up rel by equality with outer expressions; NULL = none. Fills keys by leading key part. */
const struct cat_index *find_lookup(struct planner *p, struct rel *rel, struct expr **terms, uint32_t n_terms,
                                    const struct relset *left, struct expr **key_values, uint32_t *n_keys, bool *consumed,
                                    bool *unique);
struct pnode *make_lookup(struct planner *p, struct pnode *left, struct rel *rel, const struct cat_index *index,
                          struct expr **keys, uint32_t n_keys, bool unique, uint8_t join_type);
bool is_indexable(const struct expr *e); /* computable before the scan: no columns */

/* join.c */
int plan_from(struct planner *p, struct join_node *from, struct expr **terms, uint32_t n_terms, const struct expr_order *order,
              uint32_t n_order, struct pnode **out, struct err *err);
/* select.c: outs of the result: the visible targets first, junk after when keep_junk. */
int plan_query(struct planner *p, struct query *q, bool keep_junk, struct pnode **out, struct err *err);
/* Puts the spools of materialised CTEs above a plan. */
int plan_ctes_of(struct planner *p, struct query *q, struct pnode **node, struct err *err);
/* dml.c */
int plan_dml(struct planner *p, struct query *q, struct pnode **out, struct err *err);
/* emit.c */
int emit_plan(struct planner *p, struct query *q, struct pnode *root, struct plan *out, struct err *err);
/* emit_dml.c */
int emit_node(struct planner *p, struct pnode *n, plan_off *out, struct err *err);
int emit_program(struct planner *p, const struct pnode *left, const struct pnode *right, struct expr *const *outs, uint32_t n,
                 bool filter, plan_off *out, struct err *err);
uint32_t emit_schema(struct planner *p, const struct kv_schema *schema);
void emit_base(struct planner *p, const struct pnode *n, const plan_off *children, struct plan_op *op);
struct plan_list emit_key_parts(struct planner *p, const struct cat_relation *r, const struct cat_index *index);
int emit_dml(struct planner *p, struct pnode *n, plan_off child, plan_off *out, struct err *err);
struct plan_col emit_col(const struct planner *p, const struct expr *e);
/* describe.c: EXPLAIN's words */
/* slots.c */
int map_expr(struct planner *p, const struct pnode *left, const struct pnode *right, struct expr *e, struct expr **out, struct err *err);
void describe_node(struct planner *p, const struct pnode *n, struct buf *title, struct buf *details);
void expr_print(struct planner *p, const struct expr *e, struct buf *out);

#endif
