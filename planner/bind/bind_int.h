/* bind_int.h: what the binder's files share.
 *
 * A struct binder is one statement's binding; a struct scope is one query level: the names its FROM offers, a link to the
 * enclosing level, and what the clause being bound allows (aggregates, windows). Recursion over the tree goes through bind_deeper,
 * which continues on a new stack segment when the present one runs low.
 */
#ifndef CAIRN_PLANNER_BIND_BIND_INT_H
#define CAIRN_PLANNER_BIND_BIND_INT_H

#include "base/buf.h"
#include "parser/ast.h"
#include "planner/bind/query.h"
#include "planner/planner.h"
#include "types/func/agg.h"

struct binder {
    const struct planner_options *opt;
    const struct catalog_view *view;
    struct arena *arena;
    struct rel **rels;
    uint32_t n_rels, cap_rels;
    uint32_t n_outer; /* $outer slots handed out */
    uint32_t n_ctes;
    uint32_t *param_types;
    uint32_t n_params, cap_params;
    uint32_t *depends; /* OIDs */
    uint32_t n_depends, cap_depends;
    uint32_t view_depth;
    const struct cat_object *bound_table; /* \x01c<attnum> columns belong to it */
    uint32_t bound_rel;
    bool records_refs; /* binding a view's definition: every table it names is kept */
    struct view_ref *refs;
    uint32_t n_refs, cap_refs;
};

/* A table named by a view's own text. */
struct view_ref {
    struct ast_range_var *var;
    const struct cat_object *object;
};

/* A name FROM offers: a relation's alias, with the columns it shows. */
struct scope_rel {
    struct rel *rel;
    const char *alias;   /* NULL: join without alias (columns only) */
    bool visible;        /* by qualified name */
    bool lateral_only;   /* not yet: right side of a join being bound */
};

/* A column an unqualified name may mean, in * order. */
struct scope_column {
    const char *name;
    struct expr *expr;
    struct rel *rel;     /* NULL: merged USING column */
    bool hidden;         /* merged away by USING / NATURAL: only qualified */
};

enum clause {
    CLAUSE_NONE, CLAUSE_SELECT, CLAUSE_WHERE, CLAUSE_ON, CLAUSE_GROUP, CLAUSE_HAVING, CLAUSE_ORDER, CLAUSE_LIMIT,
    CLAUSE_VALUES, CLAUSE_RETURNING, CLAUSE_SET, CLAUSE_DEFAULT, CLAUSE_CHECK, CLAUSE_INDEX, CLAUSE_PREDICATE,
    CLAUSE_FROM_FUNCTION, CLAUSE_FILTER, CLAUSE_AGG_ARG, CLAUSE_WINDOW, CLAUSE_DISTINCT_ON, CLAUSE_GENERATED,
};

struct scope {
    struct scope *parent;
    struct query *query;
    uint32_t n_rels, cap_rels;
    struct scope_rel *rels;
    uint32_t n_columns, cap_columns;
    struct scope_column *columns;
    struct cte_scope *ctes;
    enum clause clause;
    bool has_agg, has_window, has_srf;
    bool in_agg;              /* inside an aggregate's arguments: no other aggregate may be */
    bool keep_unknown;        /* output columns of type unknown stay so: their type is decided outside */
    bool is_barrier;          /* names of the parent are not visible (no LATERAL): still looked up for the error's hint */
    const struct ast_list *window_defs;
};

struct cte_scope {
    struct cte *cte;
    struct cte_scope *next;
};

/* bind.c */
int bind_error(struct binder *b, const struct ast_node *at, struct err *err); /* adds the position; returns err->code */
/* The same from an expression: its `position` is a 1-based byte offset of the text. */
int bind_expr_error(struct binder *b, const struct expr *e, struct err *err);
struct rel *bind_new_rel(struct binder *b, enum rel_kind kind, const char *alias);
struct rel *bind_rel(const struct binder *b, uint32_t number);
void bind_depend(struct binder *b, uint32_t oid);
void *bind_grow(struct binder *b, void *items, uint32_t n, uint32_t *capacity, size_t size);
int bind_deeper(struct binder *b, int (*fn)(void *), void *arg, struct err *err);
bool bind_stack_low(void);

/* scope.c */
int scope_add_rel(struct binder *b, struct scope *s, struct rel *rel, bool columns, struct err *err);
int scope_find_column(struct binder *b, struct scope *s, const struct ast_column_ref *ref, struct expr **out,
                      struct err *err);
/* Expands * or rel.* into targets. */
int scope_expand_star(struct binder *b, struct scope *s, const struct ast_column_ref *ref, struct target **targets,
                      uint32_t *n, uint32_t *cap, struct err *err);
struct scope_rel *scope_find_rel(struct scope *s, const char *schema, const char *name);
struct expr *scope_outer(struct binder *b, struct scope *from, struct scope *owner, struct expr *expr);

/* bind_type.c: see planner.h */

/* coerce.c */
enum coercion { COERCE_IMPLICIT = 'i', COERCE_ASSIGNMENT = 'a', COERCE_EXPLICIT = 'e' };
bool coerce_possible(uint32_t from, uint32_t to, enum coercion context);
/* Reports "cannot cast type" when impossible. Resolves unknown literals and parameters. */
int coerce_to(struct binder *b, struct expr *e, uint32_t type, int32_t typmod, enum coercion context, struct expr **out,
              struct err *err);
/* For column assignment: PostgreSQL's message names the column. */
int coerce_assign(struct binder *b, struct expr *e, uint32_t type, int32_t typmod, const char *column, struct expr **out,
                  struct err *err);
int coerce_bool(struct binder *b, struct expr *e, const char *what, struct expr **out, struct err *err);
/* The common type of several expressions (UNION, CASE, VALUES...). what: "CASE". */
int coerce_common(struct binder *b, struct expr *const *exprs, uint32_t n, const char *what, uint32_t *type,
                  struct err *err);
int32_t coerce_common_typmod(struct expr *const *exprs, uint32_t n, uint32_t type);
/* unknown -> text, where the final type of an output column is decided. */
int coerce_unknown_text(struct binder *b, struct expr *e, struct expr **out, struct err *err);

/* resolve.c: operators and functions */
int resolve_oper(struct binder *b, const struct ast_list *name, struct expr *left, struct expr *right,
                 const struct ast_node *at, struct expr **out, struct err *err);
int resolve_oper_name(struct binder *b, const char *name, struct expr *left, struct expr *right,
                      const struct ast_node *at, struct expr **out, struct err *err);
/* The function OID and coerced args; for aggregates and SRFs the caller makes the node. */
int resolve_func(struct binder *b, const struct ast_list *name, struct expr **args, uint32_t n_args, bool variadic,
                 const struct ast_node *at, const struct func_info **func, uint32_t *result, struct err *err);
/* The equality function and operator for two already coerced expressions of one type. */
int resolve_equal(struct binder *b, uint32_t type, uint32_t *func, uint32_t *oper, const struct ast_node *at,
                  struct err *err);

/* bind_expr.c */
int bind_expr(struct binder *b, struct scope *s, const struct ast_node *node, struct expr **out, struct err *err);
int bind_bool(struct binder *b, struct scope *s, const struct ast_node *node, enum clause clause, const char *what,
              struct expr **out, struct err *err);
/* bind_call.c */
int bind_call(struct binder *b, struct scope *s, const struct ast_func_call *call, struct expr **out, struct err *err);
/* bind_sub.c */
int bind_sub_link(struct binder *b, struct scope *s, const struct ast_sub_link *link, struct expr **out,
                  struct err *err);

/* bind_select.c */
int bind_query(struct binder *b, struct scope *parent, const struct ast_node *stmt, bool barrier, struct query **out,
               struct err *err);
int bind_targets(struct binder *b, struct scope *s, const struct ast_list *list, struct target **targets, uint32_t *n,
                 struct err *err);
/* Adds a junk target unless an equal one is there; gives its index. */
uint32_t bind_add_target(struct binder *b, struct query *q, struct expr *e);
/* bind_from.c */
int bind_from(struct binder *b, struct scope *s, const struct ast_list *from, struct join_node **out, struct err *err);
int bind_table_rel(struct binder *b, const struct ast_range_var *rv, struct rel **out, struct err *err);
int bind_from_item(struct binder *b, struct scope *s, const struct ast_node *item, struct join_node **out,
                   struct err *err);
/* A relation for an object already found. */
struct rel *bind_object_rel(struct binder *b, const struct cat_object *obj);
struct join_node *bind_leaf(struct binder *b, struct rel *rel);
/* bind_with.c */
int bind_with(struct binder *b, struct scope *s, const struct ast_with_clause *with, struct err *err);
/* bind_dml.c */
int bind_insert(struct binder *b, const struct ast_insert_stmt *stmt, struct query **out, struct err *err);
int bind_update(struct binder *b, const struct ast_update_stmt *stmt, struct query **out, struct err *err);
int bind_delete(struct binder *b, const struct ast_delete_stmt *stmt, struct query **out, struct err *err);
/* Gives rel every column of the table's full row first (visible ones in order), then hidden row id and key bytes. */
int bind_default_of(struct binder *b, const struct cat_object *table, const struct cat_column *column, struct expr **out,
                    struct err *err);
/* Fills the generated columns of a row of targets from its other columns. */
int bind_generated(struct binder *b, struct rel *target, struct target *row, struct err *err);
/* A stored bound text over `rel`'s table (check, generated, index expression). rel 0: none. */
int bind_stored(struct binder *b, const struct cat_object *table, uint32_t rel, const char *bound, struct expr **out,
                struct err *err);
/* Positions in the full row of a table: live columns in attnum order. -1: none. */
int32_t row_position(const struct cat_relation *r, int32_t attnum);
uint32_t row_width(const struct cat_relation *r);

#endif
