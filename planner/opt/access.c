/* access.c: the way to one relation's rows: whole storage, spans of the primary key or an index, look-ups.
 *
 * A term `column op value` with a value computable before the scan fixes or bounds a key part when the value has exactly the column's
 * type, or converts to it without loss of meaning (an integer constant in range). Terms a span or a pushed test fully stands for are not
 * evaluated again; all others stay in the scan's filter, in written order.
 */
#include <string.h>

#include "planner/opt/opt_int.h"

enum { SPANS_MAX = 10000 };

bool is_indexable(const struct expr *e)
{
    return !(expr_traits(e) & (EXPR_HAS_COLUMN | EXPR_HAS_VOLATILE | EXPR_HAS_AGG | EXPR_HAS_WINDOW | EXPR_HAS_SRF | EXPR_HAS_SUBQUERY |
                               EXPR_WAITS | EXPR_FALLIBLE));
}

/* ---- reading a term as column op value ---- */

struct bound {
    const struct rel_column *column;
    enum opclass_strategy op;
    struct expr *value;
    uint32_t n_values; /* IN: values, op EQ */
    struct expr **values;
};

static const struct expr *strip_relabel(const struct expr *e)
{
    while (e->op == EXPR_RELABEL)
        e = e->args[0];
    return e;
}

static bool is_int_type(uint32_t t)
{
    return t == TYPE_INT2 || t == TYPE_INT4 || t == TYPE_INT8;
}

static bool is_text_type(uint32_t t)
{
    return t == TYPE_TEXT || t == TYPE_VARCHAR;
}

/* The value as an expression of the column's type, or NULL. */
static struct expr *fit_value(struct planner *p, struct expr *value, uint32_t type)
{
    /* A numeric constant may have more digits than the column's scale: its key bytes would lie. Such terms stay filters. */
    if (type == TYPE_NUMERIC)
        return NULL;
    if (value->type == type || (is_text_type(value->type) && is_text_type(type)))
        return value;
    if (!is_int_type(value->type) || !is_int_type(type))
        return NULL;
    if (value->op == EXPR_CONST && !value->value.null) {
        int64_t v = value->value.kind == PHYS_INT16   ? value->value.u.i16
                    : value->value.kind == PHYS_INT32 ? value->value.u.i32
                                                      : value->value.u.i64;
        struct datum d = {.dec_scale = -1};
        if (type == TYPE_INT8) {
            d.kind = PHYS_INT64;
            d.u.i64 = v;
        } else if (type == TYPE_INT4 && v >= INT32_MIN && v <= INT32_MAX) {
            d.kind = PHYS_INT32;
            d.u.i32 = (int32_t)v;
        } else if (type == TYPE_INT2 && v >= INT16_MIN && v <= INT16_MAX) {
            d.kind = PHYS_INT16;
            d.u.i16 = (int16_t)v;
        } else {
            return NULL;
        }
        return expr_const(p->arena, type, -1, &d);
    }
    bool widens = type == TYPE_INT8 || (type == TYPE_INT4 && value->type == TYPE_INT2);
    struct expr *out = NULL;
    struct err ignored;
    if (!widens || coerce_to(p->b, value, type, -1, COERCE_IMPLICIT, &out, &ignored) != 0)
        return NULL;
    return out;
}

static enum opclass_strategy flip(enum opclass_strategy s)
{
    switch (s) {
    case STRATEGY_LT: return STRATEGY_GT;
    case STRATEGY_LE: return STRATEGY_GE;
    case STRATEGY_GE: return STRATEGY_LE;
    case STRATEGY_GT: return STRATEGY_LT;
    default: return s;
    }
}

/* value_ok decides which expressions may stand on the other side. */
static bool read_bound(struct planner *p, const struct rel *rel, const struct expr *term,
                       bool (*value_ok)(const struct expr *e, void *ctx), void *ctx, struct bound *out)
{
    *out = (struct bound){0};
    if (term->op == EXPR_IN && term->sub == 0) {
        const struct expr *c = strip_relabel(term->args[0]);
        if (c->op != EXPR_COLUMN || c->rel != rel->number)
            return false;
        out->column = &rel->columns[c->index];
        out->op = STRATEGY_EQ;
        out->n_values = term->n_args - 1;
        out->values = arena_array(p->arena, struct expr *, out->n_values + 1);
        for (uint32_t i = 0; i < out->n_values; i++) {
            if (!value_ok(term->args[i + 1], ctx) || !(out->values[i] = fit_value(p, term->args[i + 1], out->column->type)))
                return false;
        }
        return true;
    }
    if (term->op == EXPR_COLUMN && term->type == TYPE_BOOL && term->rel == rel->number) {
        out->column = &rel->columns[term->index];
        out->op = STRATEGY_EQ;
        out->value = expr_const_bool(p->arena, true);
        return true;
    }
    if (term->op != EXPR_FUNC || !term->oper || term->n_args != 2)
        return false;
    enum opclass_strategy s = oper_strategy(term->oper);
    if (s == STRATEGY_NONE)
        return false;
    for (int side = 0; side < 2; side++) {
        const struct expr *c = strip_relabel(term->args[side]);
        struct expr *v = term->args[1 - side];
        if (c->op != EXPR_COLUMN || c->rel != rel->number || !value_ok(v, ctx))
            continue;
        out->column = &rel->columns[c->index];
        out->op = side == 0 ? s : flip(s);
        out->value = fit_value(p, v, out->column->type);
        return out->value != NULL;
    }
    return false;
}

static bool value_before_scan(const struct expr *e, void *ctx)
{
    return is_indexable(e);
}

/* ---- matching an index ---- */

struct access {
    const struct cat_index *index;
    uint32_t n_eq;             /* leading parts fixed */
    struct bound eq[32];
    uint32_t eq_term[32];
    bool has_low, has_high;
    struct bound low, high;
    uint32_t low_term, high_term;
    bool unique;               /* at most one row a span */
    double spans, sel, cost, rows;
    bool covers, ordered, reverse;
};

static bool part_column(const struct phys_part *part, const struct bound *b)
{
    return part->attnum != 0 && b->column->attnum == part->attnum;
}

static void match_parts(struct planner *p, const struct rel *rel, const struct phys_part *parts, uint32_t n_parts,
                        struct bound *bounds, const bool *usable, uint32_t n_terms, struct access *a)
{
    a->spans = 1;
    a->sel = 1;
    for (uint32_t k = 0; k < n_parts && k < 32; k++) {
        bool fixed = false;
        for (uint32_t t = 0; t < n_terms && !fixed; t++) {
            if (!usable[t] || bounds[t].op != STRATEGY_EQ || !part_column(&parts[k], &bounds[t]))
                continue;
            double spans = a->spans * (bounds[t].values ? bounds[t].n_values : 1);
            if (spans > SPANS_MAX)
                continue;
            a->eq[a->n_eq] = bounds[t];
            a->eq_term[a->n_eq++] = t;
            a->spans = spans;
            a->sel *= 0.005;
            fixed = true;
        }
        if (fixed)
            continue;
        for (uint32_t t = 0; t < n_terms; t++) {
            if (!usable[t] || bounds[t].values || !part_column(&parts[k], &bounds[t]))
                continue;
            bool is_low = bounds[t].op == STRATEGY_GT || bounds[t].op == STRATEGY_GE;
            bool is_high = bounds[t].op == STRATEGY_LT || bounds[t].op == STRATEGY_LE;
            if (is_low && !a->has_low) {
                a->has_low = true;
                a->low = bounds[t];
                a->low_term = t;
                a->sel *= 0.33;
            } else if (is_high && !a->has_high) {
                a->has_high = true;
                a->high = bounds[t];
                a->high_term = t;
                a->sel *= 0.33;
            }
        }
        break;
    }
}

static bool covers(const struct planner *p, const struct rel *rel, const struct cat_index *x)
{
    for (uint32_t i = 0; i < rel->n_columns; i++) {
        uint32_t id;
        if (!(p->used[rel->number][i / 64] >> (i % 64) & 1))
            continue;
        if (rel->columns[i].attnum == REL_KEY || !phys_column(rel->object->relation, x, rel->columns[i].attnum, &id))
            return false;
    }
    return true;
}

/* Does the storage's key order give the wanted order (forwards or, all flipped, backwards)? Parts fixed by equality are free. */
static bool gives_order(const struct rel *rel, const struct phys_part *parts, uint32_t n_parts, uint32_t n_eq,
                        const struct expr_order *order, uint32_t n, bool *reverse)
{
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct expr *e = order[i].expr;
        if (e->op != EXPR_COLUMN || e->rel != rel->number)
            return false;
        int32_t attnum = rel->columns[e->index].attnum;
        bool fixed = false;
        for (uint32_t f = 0; f < n_eq; f++)
            fixed |= parts[f].attnum == attnum;
        if (fixed)
            continue;
        while (k < n_eq)
            k++;
        if (k >= n_parts || parts[k].attnum != attnum || parts[k].tie)
            return false;
        bool flipped = parts[k].desc != order[i].desc;
        /* Read backwards, nulls change ends too. */
        if ((parts[k].nulls_first != order[i].nulls_first) != flipped)
            return false;
        if (i > 0 && k > n_eq && flipped != *reverse)
            return false;
        *reverse = flipped;
        k++;
    }
    return n > 0;
}

static void cost_access(struct planner *p, const struct rel *rel, const struct phys_part *parts, uint32_t n_parts, double rows,
                        const struct expr_order *order, uint32_t n_order, struct access *a)
{
    const struct cat_relation *r = rel->object->relation;
    uint32_t unique_parts = a->index ? phys_unique_parts(r, a->index) : 1;
    bool unique = !a->index || a->index->primary || a->index->unique;
    a->unique = unique && a->n_eq >= unique_parts;
    a->rows = a->unique ? a->spans : rows * a->sel;
    if (!a->unique && a->n_eq)
        a->rows = rows * a->sel * a->spans < a->spans ? a->spans : rows * a->sel * a->spans;
    if (a->rows > rows)
        a->rows = rows;
    if (a->rows < 1)
        a->rows = 1;
    bool whole = a->n_eq == 0 && !a->has_low && !a->has_high;
    a->cost = 4 * a->spans + a->rows * (whole ? 0.02 : 0.04);
    if (!a->covers)
        a->cost += a->rows * 3.0;
    bool reverse = false;
    bool multi = a->spans > 1;
    a->ordered = n_order && !multi && gives_order(rel, parts, n_parts, a->n_eq, order, n_order, &reverse);
    a->reverse = a->ordered && reverse;
    if (n_order && !a->ordered)
        a->cost += a->rows * 0.15;
}

/* ---- the scan node ---- */

static void add_scan_column(struct pnode *n, uint32_t id, struct expr *e)
{
    n->ids[n->n_ids++] = id;
    n->outs[n->n_outs++] = e;
}

static struct expr *rel_expr(struct planner *p, const struct rel *rel, uint32_t i)
{
    return expr_column(p->arena, rel->number, i, rel->columns[i].type, rel->columns[i].typmod);
}

/* Outs: the used columns this storage has; for a look-up afterwards at least the table's key. */
static void choose_columns(struct planner *p, struct pnode *n, struct rel *rel, const struct cat_index *index, bool key_only)
{
    const struct cat_relation *r = rel->object->relation;
    n->ids = arena_array(p->arena, uint32_t, rel->n_columns + 1);
    n->outs = arena_array(p->arena, struct expr *, rel->n_columns + 2);
    n->n_outs = 0;
    bool want_key = false;
    struct phys_part *key;
    uint32_t n_key = phys_key(r, NULL, p->arena, &key);
    for (uint32_t i = 0; i < rel->n_columns; i++) {
        bool used = p->used[rel->number][i / 64] >> (i % 64) & 1, in_key = false;
        for (uint32_t k = 0; k < n_key; k++)
            in_key |= key[k].attnum == rel->columns[i].attnum;
        uint32_t id;
        if (rel->columns[i].attnum == REL_KEY) {
            want_key |= used && !key_only;
            continue;
        }
        if ((used || (key_only && in_key)) && phys_column(r, index, rel->columns[i].attnum, &id))
            add_scan_column(n, id, rel_expr(p, rel, i));
    }
    if (n->n_outs == 0) {
        /* Rows must be counted even when nothing of them is read: the first key column is the cheapest. */
        for (uint32_t i = 0; i < rel->n_columns && n->n_outs == 0; i++)
            if (rel->columns[i].attnum == key[0].attnum)
                add_scan_column(n, (uint32_t)key[0].attnum, rel_expr(p, rel, i));
    }
    if (want_key && (!index || index->primary)) {
        n->with_key = true;
        for (uint32_t i = 0; i < rel->n_columns; i++)
            if (rel->columns[i].attnum == REL_KEY)
                n->outs[n->n_outs++] = rel_expr(p, rel, i);
    }
}

static void add_span(struct pnode *n, struct access *a, const uint32_t *pick, struct planner *p)
{
    struct pspan *s = &n->spans[n->n_spans++];
    s->n_eq = a->n_eq;
    s->eq = arena_array(p->arena, struct expr *, a->n_eq + 1);
    for (uint32_t k = 0; k < a->n_eq; k++)
        s->eq[k] = a->eq[k].values ? a->eq[k].values[pick[k]] : a->eq[k].value;
    s->low = a->has_low ? a->low.value : NULL;
    s->low_incl = a->has_low && a->low.op == STRATEGY_GE;
    s->high = a->has_high ? a->high.value : NULL;
    s->high_incl = a->has_high && a->high.op == STRATEGY_LE;
}

/* IN lists multiply: one span a combination. Equal values would give rows twice: the executor drops equal spans. */
static void add_spans(struct planner *p, struct pnode *n, struct access *a)
{
    if (a->n_eq == 0 && !a->has_low && !a->has_high)
        return;
    n->spans = arena_array(p->arena, struct pspan, (size_t)a->spans + 1);
    uint32_t pick[32] = {0};
    for (;;) {
        add_span(n, a, pick, p);
        uint32_t k = a->n_eq;
        while (k > 0) {
            k--;
            uint32_t count = a->eq[k].values ? a->eq[k].n_values : 1;
            if (++pick[k] < count)
                break;
            pick[k] = 0;
            if (k == 0)
                return;
        }
        if (a->n_eq == 0)
            return;
    }
}

static bool pushable_type(const struct rel_column *c, enum opclass_strategy s)
{
    const struct type_info *t = type_info(c->type);
    struct type_storage st = type_storage(c->type, c->typmod);
    if (!t || c->type == TYPE_NUMERIC || st.key_form != TYPE_KEY_PLAIN)
        return false;
    return (t->flags & TYPE_PHYS_ORDER) || (s == STRATEGY_EQ && (t->flags & TYPE_PHYS_EQUAL));
}

static void push_tests(struct planner *p, struct pnode *n, struct rel *rel, const struct cat_index *index, struct bound *bounds,
                       const bool *usable, bool *consumed, struct expr **terms, uint32_t n_terms)
{
    static const uint8_t ops[] = {[STRATEGY_LT] = PLAN_TEST_LT, [STRATEGY_LE] = PLAN_TEST_LE, [STRATEGY_EQ] = PLAN_TEST_EQ,
                                  [STRATEGY_GE] = PLAN_TEST_GE, [STRATEGY_GT] = PLAN_TEST_GT};
    n->tests = arena_array(p->arena, struct ptest, n_terms + 1);
    for (uint32_t t = 0; t < n_terms; t++) {
        uint32_t id;
        /* A test may not overtake a term that can fail for rows the test would drop only later. */
        if (!consumed[t] && (expr_traits(terms[t]) & (EXPR_FALLIBLE | EXPR_HAS_VOLATILE)))
            break;
        if (consumed[t] || !usable[t] || bounds[t].values || !pushable_type(bounds[t].column, bounds[t].op) ||
            !phys_column(rel->object->relation, index, bounds[t].column->attnum, &id))
            continue;
        n->tests[n->n_tests++] = (struct ptest){.column_id = id, .op = ops[bounds[t].op], .value = bounds[t].value};
        consumed[t] = true;
    }
}

static void set_scan_order(struct planner *p, struct pnode *n, const struct access *a, const struct expr_order *order, uint32_t n_order)
{
    if (!a->ordered)
        return;
    n->ordered = true;
    n->reverse = a->reverse;
    n->order = arena_memdup(p->arena, order, n_order * sizeof *order);
    n->n_order = n_order;
}

static struct pnode *make_scan(struct planner *p, struct rel *rel, struct access *a, struct bound *bounds, const bool *usable,
                               struct expr **terms, uint32_t n_terms, const struct expr_order *order, uint32_t n_order)
{
    const struct cat_relation *r = rel->object->relation;
    struct pnode *n = node_new(p, PLAN_OP_SCAN, NULL, NULL);
    bool *consumed = arena_array(p->arena, bool, n_terms + 1);
    n->rel = rel;
    n->index = a->index;
    n->schema = a->index ? a->index->schema : r->schema;
    for (uint32_t k = 0; k < a->n_eq; k++)
        consumed[a->eq_term[k]] = true;
    if (a->has_low)
        consumed[a->low_term] = true;
    if (a->has_high)
        consumed[a->high_term] = true;
    add_spans(p, n, a);
    choose_columns(p, n, rel, a->index, !a->covers);
    push_tests(p, n, rel, a->index, bounds, usable, consumed, terms, n_terms);
    n->rows = a->rows;
    n->cost = 4 * a->spans + a->rows * 0.03;
    set_scan_order(p, n, a, order, n_order);
    struct expr **rest = arena_array(p->arena, struct expr *, n_terms + 1);
    uint32_t n_rest = 0;
    for (uint32_t t = 0; t < n_terms; t++)
        if (!consumed[t])
            rest[n_rest++] = terms[t];
    if (a->covers) {
        n->terms = rest;
        n->n_terms = n_rest;
        for (uint32_t t = 0; t < n_rest; t++)
            n->rows *= term_selectivity(p, rest[t], n->rows);
        for (uint32_t t = 0; t < n->n_tests; t++)
            n->rows *= n->tests[t].op == PLAN_TEST_EQ ? 0.005 : 0.3333;
        n->rows = n->rows < 1 ? 1 : n->rows;
        return n;
    }
    /* The index gives keys; the rows themselves are looked up by them. */
    struct phys_part *key;
    uint32_t n_key = phys_key(r, NULL, p->arena, &key);
    struct expr **values = arena_array(p->arena, struct expr *, n_key);
    for (uint32_t k = 0; k < n_key; k++)
        for (uint32_t i = 0; i < rel->n_columns; i++)
            if (rel->columns[i].attnum == key[k].attnum)
                values[k] = rel_expr(p, rel, i);
    struct pnode *lookup = make_lookup(p, n, rel, phys_primary(r), values, n_key, true, PLAN_JOIN_INNER);
    lookup->order = n->order;
    lookup->n_order = n->n_order;
    lookup->rows = n->rows;
    return node_filter(p, lookup, rest, n_rest);
}

struct pnode *make_lookup(struct planner *p, struct pnode *left, struct rel *rel, const struct cat_index *index,
                          struct expr **keys, uint32_t n_keys, bool unique, uint8_t join_type)
{
    const struct cat_relation *r = rel->object->relation;
    left = node_with(p, left, keys, n_keys);
    struct pnode *n = node_new(p, PLAN_OP_LOOKUP_JOIN, left, NULL);
    n->rel = rel;
    n->index = index;
    n->schema = index ? index->schema : r->schema;
    n->join_type = join_type;
    n->left_keys = keys;
    n->n_keys = n_keys;
    n->full_key = unique;
    struct pnode right = {0};
    choose_columns(p, &right, rel, index, false);
    n->ids = right.ids;
    n->n_ids = right.n_ids;
    n->with_key = right.with_key;
    bool semi = join_type == PLAN_JOIN_SEMI || join_type == PLAN_JOIN_ANTI;
    struct expr **outs = arena_array(p->arena, struct expr *, left->n_outs + right.n_outs + 1);
    memcpy(outs, left->outs, left->n_outs * sizeof *outs);
    memcpy(outs + left->n_outs, right.outs, right.n_outs * sizeof *outs);
    n->outs = outs;
    n->n_outs = left->n_outs + (semi ? 0 : right.n_outs);
    n->rows_exprs = right.outs; /* the right columns, also when they are not output */
    n->n_rows = right.n_outs;
    n->rows = left->rows * (unique ? 1 : 4);
    n->cost = left->cost + left->rows * 3 + n->rows * 0.05;
    return n;
}

/* ---- choosing ---- */

static double rel_rows(struct planner *p, const struct rel *rel)
{
    uint64_t rows = 1000, bytes = 0;
    const struct kv_schema *schema = rel->object->relation->schema;
    if (p->opt->size_est && schema)
        p->opt->size_est(p->opt->ctx, schema, &rows, &bytes);
    return rows < 1 ? 1 : (double)rows;
}

static void try_access(struct planner *p, struct rel *rel, const struct cat_index *index, struct bound *bounds, const bool *usable,
                       uint32_t n_terms, double rows, const struct expr_order *order, uint32_t n_order, struct access *best,
                       bool *have)
{
    struct access a = {.index = index};
    struct phys_part *parts;
    uint32_t n_parts = phys_key(rel->object->relation, index, p->arena, &parts);
    match_parts(p, rel, parts, n_parts, bounds, usable, n_terms, &a);
    a.covers = !index || index->primary || covers(p, rel, index);
    cost_access(p, rel, parts, n_parts, rows, order, n_order, &a);
    if (!*have || a.cost < best->cost) {
        *best = a;
        *have = true;
    }
}

static int plan_system(struct planner *p, struct rel *rel, struct expr **terms, uint32_t n_terms, struct pnode **out)
{
    struct pnode *n = node_new(p, PLAN_OP_CATALOG_SCAN, NULL, NULL);
    n->rel = rel;
    n->ids = arena_array(p->arena, uint32_t, rel->n_columns + 1);
    n->outs = arena_array(p->arena, struct expr *, rel->n_columns + 1);
    for (uint32_t i = 0; i < rel->n_columns; i++)
        if (p->used[rel->number][i / 64] >> (i % 64) & 1)
            add_scan_column(n, (uint32_t)rel->columns[i].attnum, rel_expr(p, rel, i));
    if (n->n_outs == 0)
        add_scan_column(n, (uint32_t)rel->columns[0].attnum, rel_expr(p, rel, 0));
    n->rows = 200;
    n->cost = 20;
    n->terms = terms;
    n->n_terms = n_terms;
    for (uint32_t t = 0; t < n_terms; t++)
        n->rows *= term_selectivity(p, terms[t], n->rows);
    *out = n;
    return 0;
}

int plan_rel(struct planner *p, struct rel *rel, struct expr **terms, uint32_t n_terms, const struct expr_order *order,
             uint32_t n_order, struct pnode **out, struct err *err)
{
    const struct cat_relation *r = rel->object->relation;
    if (r->system)
        return plan_system(p, rel, terms, n_terms, out);
    struct bound *bounds = arena_array(p->arena, struct bound, n_terms + 1);
    bool *usable = arena_array(p->arena, bool, n_terms + 1);
    for (uint32_t t = 0; t < n_terms; t++)
        usable[t] = read_bound(p, rel, terms[t], value_before_scan, NULL, &bounds[t]);
    double rows = rel_rows(p, rel);
    struct access *best = arena_new(p->arena, struct access);
    bool have = false;
    try_access(p, rel, phys_primary(r), bounds, usable, n_terms, rows, order, n_order, best, &have);
    for (uint32_t i = 0; i < r->n_indexes; i++)
        if (!r->indexes[i].primary && r->indexes[i].valid && !r->indexes[i].predicate)
            try_access(p, rel, &r->indexes[i], bounds, usable, n_terms, rows, order, n_order, best, &have);
    *out = make_scan(p, rel, best, bounds, usable, terms, n_terms, order, n_order);
    return 0;
}

/* ---- look-up joins ---- */

struct left_ctx {
    const struct relset *left;
};

static bool value_from_left(const struct expr *e, void *ctx)
{
    struct left_ctx *c = ctx;
    struct relset s = relset_of(e);
    return relset_subset(&s, c->left) && !(expr_traits(e) & (EXPR_HAS_VOLATILE | EXPR_HAS_SUBQUERY | EXPR_FALLIBLE));
}

const struct cat_index *find_lookup(struct planner *p, struct rel *rel, struct expr **terms, uint32_t n_terms,
                                    const struct relset *left, struct expr **key_values, uint32_t *n_keys, bool *consumed,
                                    bool *unique)
{
    const struct cat_relation *r = rel->object->relation;
    struct left_ctx ctx = {left};
    struct bound *bounds = arena_array(p->arena, struct bound, n_terms + 1);
    bool *usable = arena_array(p->arena, bool, n_terms + 1);
    for (uint32_t t = 0; t < n_terms; t++)
        usable[t] = read_bound(p, rel, terms[t], value_from_left, &ctx, &bounds[t]) && !bounds[t].values && bounds[t].op == STRATEGY_EQ;
    const struct cat_index *best = NULL;
    *n_keys = 0;
    for (uint32_t i = 0; i < r->n_indexes; i++) {
        const struct cat_index *x = &r->indexes[i];
        if (!x->valid || x->predicate || !covers(p, rel, x->primary ? NULL : x))
            continue;
        struct access a = {0};
        struct phys_part *parts;
        uint32_t n_parts = phys_key(r, x, p->arena, &parts);
        match_parts(p, rel, parts, n_parts, bounds, usable, n_terms, &a);
        bool full = (x->primary || x->unique) && a.n_eq >= x->n_keys;
        if (a.n_eq == 0 || a.n_eq <= *n_keys)
            continue;
        best = x;
        *n_keys = full ? x->n_keys : a.n_eq;
        *unique = full;
        memset(consumed, 0, n_terms * sizeof *consumed);
        for (uint32_t k = 0; k < *n_keys; k++) {
            key_values[k] = a.eq[k].value;
            consumed[a.eq_term[k]] = true;
        }
        if (full)
            break;
    }
    return best;
}
