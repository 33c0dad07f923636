#include <string.h>

#include "parser/build_int.h"

static struct ast_select_stmt *new_select(struct parse_state *ps, uint32_t start)
{
    return ast_to(select_stmt, build_node(ps, AST_select_stmt, start));
}

struct ast_select_stmt *build_select(struct parse_state *ps, uint32_t start,
                                     struct ast_list *targets, struct ast_into_clause *into,
                                     struct ast_list *from, struct ast_node *where,
                                     const struct group_clause *group, struct ast_node *having,
                                     struct ast_list *windows)
{
    struct ast_select_stmt *n = new_select(ps, start);
    n->targets = targets;
    n->into = into;
    n->from = from;
    n->where = where;
    n->group_by = group->items;
    n->group_distinct = group->distinct;
    n->having = having;
    n->windows = windows;
    return n;
}

static void check_ties(struct parse_state *ps, const struct ast_select_stmt *n)
{
    if (!n->with_ties)
        return;
    if (!n->order_by)
        build_error(ps, ERR_SYNTAX_ERROR, n->node.start,
                    "WITH TIES cannot be specified without ORDER BY clause");
    for (uint32_t i = 0; i < ast_count(n->locking); i++)
        if (ast_to(locking_clause, n->locking->items[i])->wait == AST_LOCK_SKIP)
            build_error(ps, ERR_SYNTAX_ERROR, n->node.start,
                        "SKIP LOCKED and WITH TIES options cannot be used together");
}

struct ast_select_stmt *build_select_options(struct parse_state *ps, struct ast_select_stmt *select,
                                             struct ast_list *order_by, struct ast_list *locking,
                                             const struct select_limit *limit,
                                             struct ast_with_clause *with)
{
    if (order_by) {
        if (select->order_by)
            build_error(ps, ERR_SYNTAX_ERROR, order_by->items[0]->start,
                        "multiple ORDER BY clauses not allowed");
        select->order_by = order_by;
    }
    select->locking = build_concat(ps, select->locking, locking);
    if (limit && limit->offset) {
        if (select->offset)
            build_error(ps, ERR_SYNTAX_ERROR, limit->offset->start,
                        "multiple OFFSET clauses not allowed");
        select->offset = limit->offset;
    }
    if (limit && limit->count) {
        if (select->limit)
            build_error(ps, ERR_SYNTAX_ERROR, limit->count->start,
                        "multiple LIMIT clauses not allowed");
        select->limit = limit->count;
        select->with_ties = limit->with_ties;
    }
    check_ties(ps, select);
    if (with) {
        if (select->with)
            build_error(ps, ERR_SYNTAX_ERROR, with->node.start,
                        "multiple WITH clauses not allowed");
        select->with = with;
        select->node.start = with->node.start;
    }
    select->node.end = ps->prev_end;
    return select;
}

struct ast_select_stmt *build_table_select(struct parse_state *ps, uint32_t start,
                                           struct ast_range_var *relation)
{
    struct ast_select_stmt *n = new_select(ps, start);
    struct parse_token token = {.text = "*", .start = start, .end = ps->prev_end};
    n->targets = LIST1(build_res_target(ps, start, NULL, build_star_ref(ps, token)));
    n->from = LIST1(&relation->node);
    return n;
}

struct ast_select_stmt *build_setop(struct parse_state *ps, enum ast_set_op op, int all,
                                    struct ast_select_stmt *left, uint32_t at,
                                    struct ast_select_stmt *right)
{
    bool chain = left->setop == op && left->all == (all != 0) && !left->with && !left->order_by &&
                 !left->offset && !left->limit && !left->locking;
    if (!chain) {
        struct ast_select_stmt *n = new_select(ps, left->node.start);
        n->setop = op;
        n->all = all;
        n->arms = LIST1(&left->node);
        left = n;
    }
    left->arms = ADD(left->arms, &right->node);
    left->node.at = at;
    left->node.end = ps->prev_end;
    return left;
}

struct ast_node *build_res_target(struct parse_state *ps, uint32_t start, const char *name,
                                  struct ast_node *val)
{
    struct ast_res_target *n = ast_to(res_target, build_node(ps, AST_res_target, start));
    n->name = name;
    n->val = val;
    return &n->node;
}

struct ast_node *build_grouping_set(struct parse_state *ps, uint32_t start,
                                    enum ast_grouping_kind kind, struct ast_list *content)
{
    struct ast_grouping_set *n = ast_to(grouping_set, build_node(ps, AST_grouping_set, start));
    n->kind = kind;
    n->content = content;
    return &n->node;
}

/* ---- FROM ---- */

struct ast_node *build_subselect(struct parse_state *ps, struct ast_select_stmt *query,
                                 struct ast_alias *alias, bool lateral, uint32_t start)
{
    struct ast_range_subselect *n =
        ast_to(range_subselect, build_node(ps, AST_range_subselect, start));
    n->query = &query->node;
    n->alias = alias;
    n->lateral = lateral;
    if (!alias && !ps->failed) {
        const char *what = query->values ? "VALUES" : "subquery";
        uint32_t at = query->node.start;
        while (at > 0 && ps->text[at] != '(')
            at--;
        build_error(ps, ERR_SYNTAX_ERROR, at, "%s in FROM must have an alias", what);
        (void)err_hint(ps->err, "For example, FROM (%s ...) [AS] foo.",
                       query->values ? "VALUES" : "SELECT");
    }
    return &n->node;
}

struct ast_node *build_function_item(struct parse_state *ps, struct ast_node *func,
                                     struct ast_list *column_defs)
{
    struct ast_range_function_item *n = NEW(range_function_item, func);
    n->func = func;
    n->column_defs = column_defs;
    return &n->node;
}

struct ast_node *build_function_alias(struct parse_state *ps, struct ast_range_function *function,
                                      const struct func_alias *alias, bool lateral, uint32_t start)
{
    function->lateral = lateral;
    function->alias = alias->alias;
    function->column_defs = alias->column_defs;
    return build_finish(ps, &function->node, start);
}

struct ast_join_expr *build_join(struct parse_state *ps, enum ast_join_kind kind, bool natural,
                                 struct ast_node *left, uint32_t at, struct ast_node *right,
                                 const struct join_qual *qual)
{
    struct ast_join_expr *n = NEW(join_expr, left);
    n->kind = kind;
    n->natural = natural;
    n->left = left;
    n->right = right;
    n->node.at = at;
    if (qual) {
        n->using_columns = qual->using_columns;
        n->using_alias = qual->using_alias;
        n->on = qual->on;
    }
    return n;
}

struct ast_alias *build_alias(struct parse_state *ps, uint32_t start, struct parse_token name,
                              struct ast_list *columns)
{
    struct ast_alias *n = ast_to(alias, build_node(ps, AST_alias, start));
    n->name = name.text;
    n->columns = columns;
    return n;
}

/* ---- windows ---- */

struct window_frame build_frame_default(void)
{
    return (struct window_frame){.end_bound = AST_BOUND_CURRENT_ROW};
}

struct window_frame build_frame(struct parse_state *ps, const struct frame_bound *start,
                                const struct frame_bound *end)
{
    struct window_frame frame = {.start_bound = start->kind,
                                 .start_offset = start->offset,
                                 .end_bound = end ? end->kind : AST_BOUND_CURRENT_ROW,
                                 .end_offset = end ? end->offset : NULL};
    const char *wrong = NULL;
    uint32_t at = start->start;
    if (start->kind == AST_BOUND_UNBOUNDED_FOLLOWING)
        wrong = "frame start cannot be UNBOUNDED FOLLOWING";
    else if (!end && start->kind == AST_BOUND_FOLLOWING)
        wrong = "frame starting from following row cannot end with current row";
    else if (end) {
        at = end->start;
        if (end->kind == AST_BOUND_UNBOUNDED_PRECEDING)
            wrong = "frame end cannot be UNBOUNDED PRECEDING";
        else if (start->kind == AST_BOUND_CURRENT_ROW && end->kind == AST_BOUND_PRECEDING)
            wrong = "frame starting from current row cannot have preceding rows";
        else if (start->kind == AST_BOUND_FOLLOWING &&
                 (end->kind == AST_BOUND_PRECEDING || end->kind == AST_BOUND_CURRENT_ROW))
            wrong = "frame starting from following row cannot have preceding rows";
    }
    if (wrong)
        build_error(ps, ERR_WINDOWING_ERROR, at, "%s", wrong);
    return frame;
}

struct ast_window_def *build_window(struct parse_state *ps, uint32_t start, const char *base,
                                    struct ast_list *partition_by, struct ast_list *order_by,
                                    const struct window_frame *frame)
{
    struct ast_window_def *n = ast_to(window_def, build_node(ps, AST_window_def, start));
    n->base = base;
    n->partition_by = partition_by;
    n->order_by = order_by;
    n->frame = frame->frame;
    n->start_bound = frame->start_bound;
    n->start_offset = frame->start_offset;
    n->end_bound = frame->end_bound;
    n->end_offset = frame->end_offset;
    n->exclude = frame->exclude;
    return n;
}

/* ---- INSERT and MERGE ---- */

struct ast_on_conflict *build_on_conflict(struct parse_state *ps, uint32_t start,
                                          enum ast_conflict_action action,
                                          struct ast_on_conflict *infer, struct ast_list *targets,
                                          struct ast_node *where)
{
    struct ast_on_conflict *n = infer;
    if (!n)
        n = ast_to(on_conflict, build_node(ps, AST_on_conflict, start));
    n->action = action;
    n->targets = targets;
    n->where = where;
    (void)build_finish(ps, &n->node, start);
    return n;
}

struct ast_node *build_merge_when(struct parse_state *ps, uint32_t start, bool matched,
                                  struct ast_node *condition, struct ast_merge_when *action)
{
    action->matched = matched;
    action->condition = condition;
    return build_finish(ps, &action->node, start);
}

struct ast_merge_when *build_merge_insert(struct parse_state *ps, uint32_t start,
                                          struct ast_list *columns, int overriding,
                                          struct ast_list *values)
{
    struct ast_merge_when *n = ast_to(merge_when, build_node(ps, AST_merge_when, start));
    n->action = AST_MERGE_INSERT;
    n->targets = columns;
    n->values = values;
    n->overriding = (enum ast_overriding)overriding;
    return n;
}
