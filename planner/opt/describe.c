/* describe.c: EXPLAIN's words for a physical node, and expressions as text with the names of the query. */
#include <stdio.h>
#include <string.h>

#include "base/stack.h"
#include "planner/opt/opt_int.h"

/* ---- expressions ---- */

struct print_args {
    struct planner *p;
    const struct expr *e;
    struct buf *out;
};

static int print_here(void *arg);

void expr_print(struct planner *p, const struct expr *e, struct buf *out)
{
    struct print_args args = {p, e, out};
    struct err ignored;
    if (stack_call(print_here, &args, &ignored) != 0)
        buf_put_text(out, "...");
}

static void print_list(struct planner *p, struct expr *const *items, uint32_t n, const char *between, struct buf *out)
{
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            buf_put_text(out, between);
        expr_print(p, items[i], out);
    }
}

static void print_const(struct planner *p, const struct expr *e, struct buf *out)
{
    if (e->value.null) {
        buf_printf(out, "NULL::%s", type_name(e->type, p->arena));
        return;
    }
    struct buf text;
    buf_init(&text);
    if (type_out(p->opt->env, e->type, &e->value, &text, NULL) != 0)
        buf_put_text(&text, "?");
    bool bare = e->type == TYPE_INT4 || e->type == TYPE_BOOL || e->type == TYPE_NUMERIC;
    if (e->type == TYPE_BOOL)
        buf_put_text(out, e->value.u.b ? "true" : "false");
    else if (bare)
        buf_put(out, text.data, text.len);
    else
        buf_printf(out, "'%s'::%s", buf_text(&text), type_name(e->type, p->arena));
    buf_done(&text);
}

static void print_column(struct planner *p, const struct expr *e, struct buf *out)
{
    const struct rel *rel = bind_rel(p->b, e->rel);
    if (!rel || e->index >= rel->n_columns) {
        buf_put_text(out, "grouping");
        return;
    }
    if (rel->alias && p->b->n_rels > 1)
        buf_printf(out, "%s.", rel->alias);
    buf_put_text(out, rel->columns[e->index].name);
}

static void print_func(struct planner *p, const struct expr *e, struct buf *out)
{
    const struct oper_info *o = e->oper ? oper_info(e->oper) : NULL;
    if (o && e->n_args == 2) {
        buf_put_text(out, "(");
        expr_print(p, e->args[0], out);
        buf_printf(out, " %s ", o->name);
        expr_print(p, e->args[1], out);
        buf_put_text(out, ")");
        return;
    }
    if (o && e->n_args == 1) {
        buf_printf(out, "(%s ", o->name);
        expr_print(p, e->args[0], out);
        buf_put_text(out, ")");
        return;
    }
    if (e->form == EXPR_FORM_IMPLICIT_CAST) {
        expr_print(p, e->args[0], out);
        return;
    }
    if (e->form == EXPR_FORM_EXPLICIT_CAST) {
        buf_put_text(out, "(");
        expr_print(p, e->args[0], out);
        buf_printf(out, ")::%s", type_name(e->type, p->arena));
        return;
    }
    const struct func_info *f = func_info(e->func);
    buf_printf(out, "%s(%s", f ? f->name : "?", e->agg && e->agg->star ? "*" : e->agg && e->agg->distinct ? "DISTINCT " : "");
    print_list(p, e->args, e->n_args, ", ", out);
    buf_put_text(out, ")");
}

static void print_case(struct planner *p, const struct expr *e, struct buf *out)
{
    buf_put_text(out, "CASE");
    for (uint32_t i = 0; i + 1 < e->n_args; i += 2) {
        buf_put_text(out, " WHEN ");
        expr_print(p, e->args[i], out);
        buf_put_text(out, " THEN ");
        expr_print(p, e->args[i + 1], out);
    }
    if (e->n_args % 2) {
        buf_put_text(out, " ELSE ");
        expr_print(p, e->args[e->n_args - 1], out);
    }
    buf_put_text(out, " END");
}

static void print_wrapped(struct planner *p, const char *before, const struct expr *e, const char *between, const char *after,
                          struct buf *out)
{
    buf_put_text(out, before);
    print_list(p, e->args, e->n_args, between, out);
    buf_put_text(out, after);
}

static int print_here(void *arg)
{
    struct print_args *a = arg;
    struct planner *p = a->p;
    const struct expr *e = a->e;
    struct buf *out = a->out;
    switch ((enum expr_op)e->op) {
    case EXPR_CONST: print_const(p, e, out); break;
    case EXPR_COLUMN: print_column(p, e, out); break;
    case EXPR_PARAM: buf_printf(out, "$%u", e->index + 1); break;
    case EXPR_OUTER: buf_printf(out, "$outer%u", e->index); break;
    case EXPR_FUNC: case EXPR_AGG: case EXPR_WINDOW: case EXPR_SRF: print_func(p, e, out); break;
    case EXPR_AND: print_wrapped(p, "(", e, " AND ", ")", out); break;
    case EXPR_OR: print_wrapped(p, "(", e, " OR ", ")", out); break;
    case EXPR_NOT: print_wrapped(p, "(NOT ", e, "", ")", out); break;
    case EXPR_IS_NULL: print_wrapped(p, "(", e, "", e->sub ? " IS NOT NULL)" : " IS NULL)", out); break;
    case EXPR_CASE: print_case(p, e, out); break;
    case EXPR_COALESCE: print_wrapped(p, "COALESCE(", e, ", ", ")", out); break;
    case EXPR_GREATEST: print_wrapped(p, "GREATEST(", e, ", ", ")", out); break;
    case EXPR_LEAST: print_wrapped(p, "LEAST(", e, ", ", ")", out); break;
    case EXPR_NULLIF: print_wrapped(p, "NULLIF(", e, ", ", ")", out); break;
    case EXPR_ARRAY: print_wrapped(p, "ARRAY[", e, ", ", "]", out); break;
    case EXPR_ROW: print_wrapped(p, "ROW(", e, ", ", ")", out); break;
    case EXPR_DISTINCT: print_wrapped(p, "(", e, e->sub ? " IS NOT DISTINCT FROM " : " IS DISTINCT FROM ", ")", out); break;
    case EXPR_IN:
        buf_put_text(out, "(");
        expr_print(p, e->args[0], out);
        buf_put_text(out, e->sub ? " <> ALL (" : " = ANY (");
        print_list(p, e->args + 1, e->n_args - 1, ", ", out);
        buf_put_text(out, "))");
        break;
    case EXPR_ANY_ARRAY: print_wrapped(p, "(", e, e->sub ? " op ALL " : " = ANY ", ")", out); break;
    case EXPR_SUBQUERY: case EXPR_SUBPLAN: buf_put_text(out, "(SubPlan)"); break;
    case EXPR_CAST_IO: case EXPR_COERCE_LENGTH:
        print_wrapped(p, "(", e, "", ")::", out);
        buf_put_text(out, type_name(e->type, p->arena));
        break;
    default: print_list(p, e->args, e->n_args, ", ", out); break;
    }
    return 0;
}

/* ---- nodes ---- */

static void add_line(struct planner *p, struct buf *out, const char *label, struct expr *const *items, uint32_t n, const char *between)
{
    if (n == 0)
        return;
    buf_printf(out, "%s%s: ", out->len ? "\n" : "", label);
    print_list(p, items, n, between, out);
}

static void add_order(struct planner *p, struct buf *out, const char *label, const struct expr_order *keys, uint32_t n)
{
    buf_printf(out, "%s%s: ", out->len ? "\n" : "", label);
    for (uint32_t i = 0; i < n; i++) {
        buf_put_text(out, i ? ", " : "");
        expr_print(p, keys[i].expr, out);
        if (keys[i].desc)
            buf_put_text(out, " DESC");
        if (keys[i].nulls_first != keys[i].desc)
            buf_put_text(out, keys[i].nulls_first ? " NULLS FIRST" : " NULLS LAST");
    }
}

static void add_index_condition(struct planner *p, const struct pnode *n, struct buf *out)
{
    struct phys_part *parts;
    phys_key(n->rel->object->relation, n->index && !n->index->primary ? n->index : NULL, p->arena, &parts);
    if (n->n_spans > 1) {
        buf_printf(out, "%sKey Spans: %u", out->len ? "\n" : "", n->n_spans);
        return;
    }
    const struct pspan *s = &n->spans[0];
    const struct cat_relation *r = n->rel->object->relation;
    const char *and_text = "";
    buf_printf(out, "%sIndex Cond: (", out->len ? "\n" : "");
    for (uint32_t k = 0; k <= s->n_eq; k++) {
        const struct cat_column *c = parts[k].attnum && (k < s->n_eq || s->low || s->high) ? cat_column_at(r, parts[k].attnum) : NULL;
        const char *name = c ? c->name : "expr";
        if (k < s->n_eq) {
            buf_printf(out, "%s(%s = ", and_text, name);
            expr_print(p, s->eq[k], out);
            buf_put_text(out, ")");
            and_text = " AND ";
            continue;
        }
        for (int side = 0; side < 2; side++) {
            struct expr *bound = side ? s->high : s->low;
            if (!bound)
                continue;
            bool incl = side ? s->high_incl : s->low_incl;
            buf_printf(out, "%s(%s %s%s ", and_text, name, side ? "<" : ">", incl ? "=" : "");
            expr_print(p, bound, out);
            buf_put_text(out, ")");
            and_text = " AND ";
        }
    }
    buf_put_text(out, ")");
}

static void add_tests(struct planner *p, const struct pnode *n, struct buf *out)
{
    static const char *const ops[] = {"=", "<", "<=", ">", ">=", "IS NULL", "IS NOT NULL"};
    if (n->n_tests == 0)
        return;
    buf_printf(out, "%sStorage Filter: ", out->len ? "\n" : "");
    for (uint32_t i = 0; i < n->n_tests; i++) {
        const struct cat_column *c = cat_column_at(n->rel->object->relation, (int32_t)n->tests[i].column_id);
        buf_printf(out, "%s(%s %s ", i ? " AND " : "", c ? c->name : "?", ops[n->tests[i].op]);
        expr_print(p, n->tests[i].value, out);
        buf_put_text(out, ")");
    }
}

static void describe_scan(struct planner *p, const struct pnode *n, struct buf *title, struct buf *details)
{
    const char *table = n->rel->object->name;
    bool index = n->index && (n->n_spans || n->ordered || !n->index->primary);
    if (index)
        buf_printf(title, "Index%s Scan%s using %s on %s", n->index->primary ? "" : " Only", n->reverse ? " Backward" : "", n->index->name, table);
    else
        buf_printf(title, "Seq Scan on %s", table);
    if (n->rel->alias && strcmp(n->rel->alias, table) != 0)
        buf_printf(title, " %s", n->rel->alias);
    if (n->n_spans)
        add_index_condition(p, n, details);
    add_tests(p, n, details);
}

static const char *join_name(uint8_t type)
{
    static const char *const names[] = {"", " Left", " Full", " Semi", " Anti", " Single"};
    return names[type];
}

static void describe_join(struct planner *p, const struct pnode *n, struct buf *title, struct buf *details)
{
    if (n->kind == PLAN_OP_HASH_JOIN) {
        buf_printf(title, "Hash%s Join", join_name(n->join_type));
        buf_put_text(details, "Hash Cond: (");
        for (uint32_t i = 0; i < n->n_keys; i++) {
            buf_put_text(details, i ? " AND (" : "(");
            expr_print(p, n->left_keys[i], details);
            buf_put_text(details, " = ");
            expr_print(p, n->right_keys[i], details);
            buf_put_text(details, ")");
        }
        buf_put_text(details, ")");
    } else if (n->kind == PLAN_OP_LOOKUP_JOIN) {
        buf_printf(title, "Lookup%s Join using %s on %s", join_name(n->join_type), n->index ? n->index->name : "row id", n->rel->object->name);
        add_line(p, details, "Lookup Key", n->left_keys, n->n_keys, ", ");
    } else {
        buf_printf(title, "%s%s%s", n->kind == PLAN_OP_APPLY ? "Apply" : "Nested Loop", join_name(n->join_type), n->join_type ? " Join" : "");
    }
    add_line(p, details, "Join Filter", n->terms, n->n_terms, " AND ");
}

static const char *plain_title(const struct pnode *n)
{
    switch (n->kind) {
    case PLAN_OP_VALUES: return n->n_outs == 0 || n->n_rows == 1 ? "Result" : "Values Scan";
    case PLAN_OP_FILTER: return "Filter";
    case PLAN_OP_PROJECT: return "Project";
    case PLAN_OP_PROJECT_SET: return "ProjectSet";
    case PLAN_OP_SORT: return n->limit ? "Top-N Sort" : "Sort";
    case PLAN_OP_LIMIT: return "Limit";
    case PLAN_OP_DISTINCT: return n->ordered ? "Unique" : "HashAggregate";
    case PLAN_OP_AGGREGATE: return n->n_group ? "HashAggregate" : "Aggregate";
    case PLAN_OP_WINDOW: return "WindowAgg";
    case PLAN_OP_APPEND: return "Append";
    case PLAN_OP_SETOP: return n->setop <= PLAN_INTERSECT_ALL ? "HashSetOp Intersect" : "HashSetOp Except";
    case PLAN_OP_WITH: return "With";
    case PLAN_OP_CTE_SCAN: return "CTE Scan";
    case PLAN_OP_RECURSIVE: return "Recursive Union";
    case PLAN_OP_EXCHANGE: return "Gather";
    case PLAN_OP_LOCK_ROWS: return "LockRows";
    case PLAN_OP_SOURCE: return "Copy Source";
    default: return "?";
    }
}

void describe_node(struct planner *p, const struct pnode *n, struct buf *title, struct buf *details)
{
    switch (n->kind) {
    case PLAN_OP_SCAN: describe_scan(p, n, title, details); break;
    case PLAN_OP_HASH_JOIN: case PLAN_OP_NESTED_JOIN: case PLAN_OP_LOOKUP_JOIN: case PLAN_OP_APPLY:
        describe_join(p, n, title, details);
        return;
    case PLAN_OP_CATALOG_SCAN: buf_printf(title, "Catalog Scan on %s", n->rel->object->name); break;
    case PLAN_OP_FUNCTION_SCAN: buf_printf(title, "Function Scan on %s", func_info(n->rel->func)->name); break;
    case PLAN_OP_INSERT: buf_printf(title, "Insert on %s", n->rel->object->name); return;
    case PLAN_OP_MODIFY:
        buf_printf(title, "%s on %s", n->query->command == PLAN_UPDATE ? "Update" : "Delete", n->rel->object->name);
        return;
    default: buf_put_text(title, plain_title(n)); break;
    }
    if (n->kind == PLAN_OP_EXCHANGE)
        return;
    if (n->kind == PLAN_OP_SORT)
        add_order(p, details, "Sort Key", n->sort, n->n_sort);
    if (n->kind == PLAN_OP_AGGREGATE)
        add_line(p, details, "Group Key", n->group, n->n_group, ", ");
    add_line(p, details, "Filter", n->terms, n->n_terms, " AND ");
}
