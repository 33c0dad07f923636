/* join.c: FROM to a tree of joins.
 *
 * A FROM tree is cut into groups of inner joins; each group's units (relations, outer, semi and anti joins planned on their own) are
 * ordered by dynamic programming over subsets (Selinger, bushy) up to DP_MAX units, greedily above; within a group with lateral
 * units the written order is kept. Terms go as deep as the relations they read.
 */
#include <math.h>
#include <string.h>

#include "planner/opt/opt_int.h"

enum { DP_MAX = 10, KEYS_MAX = 16 };

struct unit {
    struct pnode *node;
    struct relset rels;
    struct rel *rel;     /* a base table that look-ups may reach; NULL otherwise */
    struct expr **terms; /* that rel's own terms */
    uint32_t n_terms;
    struct query_param *params; /* lateral: must come after what they read */
    uint32_t n_params;
};

struct group {
    struct unit *units;
    uint32_t n_units, cap_units;
    struct expr **terms;
    uint32_t n_terms, cap_terms;
};

static int plan_tree(struct planner *p, struct join_node *from, struct expr **terms, uint32_t n_terms,
                     const struct expr_order *order, uint32_t n_order, struct unit *out, struct err *err);

static void tree_rels(struct planner *p, const struct join_node *j, struct relset *s)
{
    if (!j)
        return;
    if (j->is_leaf)
        relset_add(s, j->rel);
    tree_rels(p, j->left, s);
    if (j->type != PLAN_JOIN_SEMI && j->type != PLAN_JOIN_ANTI)
        tree_rels(p, j->right, s);
}

/* ---- one relation ---- */

static int plan_leaf(struct planner *p, struct rel *rel, struct expr **terms, uint32_t n_terms, const struct expr_order *order,
                     uint32_t n_order, struct unit *out, struct err *err)
{
    struct pnode *n = NULL;
    int rc = 0;
    relset_add(&out->rels, rel->number);
    switch (rel->kind) {
    case REL_TABLE:
        rc = plan_rel(p, rel, terms, n_terms, order, n_order, &out->node, err);
        out->rel = rel->object->relation->system ? NULL : rel;
        out->terms = terms;
        out->n_terms = n_terms;
        return rc;
    case REL_SUBQUERY:
        rc = plan_query(p, rel->query, false, &n, err);
        out->params = rel->query->params;
        out->n_params = rel->query->n_params;
        break;
    case REL_VALUES:
        n = node_new(p, rel->is_source ? PLAN_OP_SOURCE : PLAN_OP_VALUES, NULL, NULL);
        n->rows_exprs = rel->rows;
        n->n_rows = rel->n_rows;
        n->rows = rel->n_rows;
        n->n_outs = rel->n_columns;
        break;
    case REL_FUNCTION:
        n = node_new(p, PLAN_OP_FUNCTION_SCAN, NULL, NULL);
        n->rel = rel;
        n->rows = rel->func ? 1000 : 1;
        n->n_outs = rel->n_columns;
        if (!rel->func) {
            n->kind = PLAN_OP_VALUES;
            n->rows_exprs = rel->args;
            n->n_rows = 1;
            if (rel->ordinality)
                return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "WITH ORDINALITY for a plain function is not supported");
        }
        break;
    case REL_CTE:
        n = node_new(p, PLAN_OP_CTE_SCAN, NULL, NULL);
        n->slot = rel->cte->slot;
        n->rows = 1000;
        n->n_outs = rel->n_columns;
        break;
    default: return err_set(err, ERR_INTERNAL_ERROR, "unexpected relation kind %d", rel->kind);
    }
    if (rc)
        return rc;
    /* The subquery's columns become this relation's: the same batches under other names. */
    if (rel->kind == REL_SUBQUERY) {
        struct pnode *renamed = arena_new(p->arena, struct pnode);
        *renamed = *n;
        renamed->n_order = 0;
        n = renamed;
    }
    /* A view's system columns have no column of its query behind them. */
    uint32_t n_outs = rel->kind == REL_SUBQUERY && n->n_outs < rel->n_columns ? n->n_outs : rel->n_columns;
    n->outs = arena_array(p->arena, struct expr *, n_outs + 1);
    n->n_outs = n_outs;
    for (uint32_t i = 0; i < n_outs; i++)
        n->outs[i] = expr_column(p->arena, rel->number, i, rel->columns[i].type, rel->columns[i].typmod);
    out->node = node_filter(p, n, terms, n_terms);
    return 0;
}

/* ---- joining two units ---- */

static bool reads(const struct expr *e, const struct relset *of)
{
    struct relset s = relset_of(e);
    return relset_subset(&s, of);
}

/* l = r with one side from each input: a hash key. Types are made equal. */
static bool as_hash_key(struct planner *p, struct expr *term, const struct relset *left, const struct relset *right,
                        struct expr **l, struct expr **r)
{
    if (term->op != EXPR_FUNC || !term->oper || term->n_args != 2 || oper_strategy(term->oper) != STRATEGY_EQ)
        return false;
    struct expr *a = term->args[0], *b = term->args[1];
    struct relset sa = relset_of(a), sb = relset_of(b);
    if (relset_empty(&sa) || relset_empty(&sb))
        return false;
    if (relset_subset(&sb, left) && relset_subset(&sa, right)) {
        struct expr *t = a;
        a = b;
        b = t;
    } else if (!(relset_subset(&sa, left) && relset_subset(&sb, right))) {
        return false;
    }
    if ((expr_traits(a) | expr_traits(b)) & (EXPR_HAS_VOLATILE | EXPR_FALLIBLE | EXPR_HAS_SUBQUERY))
        return false;
    if (a->type != b->type) {
        struct expr *pair[2] = {a, b};
        uint32_t type;
        struct err ignored;
        if (coerce_common(p->b, pair, 2, "=", &type, &ignored) != 0 ||
            coerce_to(p->b, a, type, -1, COERCE_IMPLICIT, &a, &ignored) != 0 ||
            coerce_to(p->b, b, type, -1, COERCE_IMPLICIT, &b, &ignored) != 0)
            return false;
    }
    *l = a;
    *r = b;
    return true;
}

struct join_terms {
    struct expr **hash_left, **hash_right;
    uint32_t n_hash;
    struct expr **rest;
    uint32_t n_rest;
};

static void sort_terms(struct planner *p, struct expr **terms, uint32_t n, const struct relset *left, const struct relset *right,
                       struct join_terms *out)
{
    out->hash_left = arena_array(p->arena, struct expr *, n + 1);
    out->hash_right = arena_array(p->arena, struct expr *, n + 1);
    out->rest = arena_array(p->arena, struct expr *, n + 1);
    out->n_hash = out->n_rest = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct expr *l, *r;
        if (out->n_hash < KEYS_MAX && as_hash_key(p, terms[i], left, right, &l, &r)) {
            out->hash_left[out->n_hash] = l;
            out->hash_right[out->n_hash++] = r;
        } else {
            out->rest[out->n_rest++] = terms[i];
        }
    }
}

static double join_rows(const struct unit *l, const struct unit *r, const struct join_terms *t, uint8_t type)
{
    double rows = l->node->rows * r->node->rows;
    double larger = l->node->rows > r->node->rows ? l->node->rows : r->node->rows;
    if (t->n_hash)
        rows = rows / (larger > 1 ? larger : 1);
    for (uint32_t i = 1; i < t->n_hash; i++)
        rows *= 0.1;
    for (uint32_t i = 0; i < t->n_rest; i++)
        rows *= 0.33;
    if (type == PLAN_JOIN_SEMI || type == PLAN_JOIN_ANTI)
        rows = l->node->rows * 0.5;
    if (type == PLAN_JOIN_LEFT && rows < l->node->rows)
        rows = l->node->rows;
    return rows < 1 ? 1 : rows;
}

static void set_join_outs(struct planner *p, struct pnode *n, struct pnode *l, struct pnode *r)
{
    bool semi = n->join_type == PLAN_JOIN_SEMI || n->join_type == PLAN_JOIN_ANTI;
    uint32_t count = l->n_outs + (semi ? 0 : r->n_outs);
    n->outs = arena_array(p->arena, struct expr *, count + 1);
    memcpy(n->outs, l->outs, l->n_outs * sizeof *n->outs);
    if (!semi)
        memcpy(n->outs + l->n_outs, r->outs, r->n_outs * sizeof *n->outs);
    n->n_outs = count;
}

static struct pnode *hash_join(struct planner *p, const struct unit *l, const struct unit *r, const struct join_terms *t, uint8_t type)
{
    struct pnode *left = node_with(p, l->node, t->hash_left, t->n_hash);
    struct pnode *right = node_with(p, r->node, t->hash_right, t->n_hash);
    struct pnode *n = node_new(p, PLAN_OP_HASH_JOIN, left, right);
    n->join_type = type;
    n->left_keys = t->hash_left;
    n->right_keys = t->hash_right;
    n->n_keys = t->n_hash;
    n->terms = t->rest;
    n->n_terms = t->n_rest;
    if (type == PLAN_JOIN_FULL)
        n->n_order = 0;
    set_join_outs(p, n, left, right);
    n->rows = join_rows(l, r, t, type);
    n->cost = l->node->cost + r->node->cost + r->node->rows * 0.15 + l->node->rows * 0.08 + n->rows * 0.02;
    return n;
}

static struct pnode *nested_join(struct planner *p, const struct unit *l, const struct unit *r, struct expr **terms, uint32_t n_terms,
                                 const struct join_terms *t, uint8_t type)
{
    struct pnode *n = node_new(p, PLAN_OP_NESTED_JOIN, l->node, r->node);
    n->join_type = type;
    n->terms = terms;
    n->n_terms = n_terms;
    set_join_outs(p, n, l->node, r->node);
    n->rows = join_rows(l, r, t, type);
    n->cost = l->node->cost + r->node->cost + l->node->rows * r->node->rows * 0.02 + 1;
    return n;
}

static struct pnode *lookup_join(struct planner *p, const struct unit *l, const struct unit *r, struct expr **terms, uint32_t n_terms,
                                 uint8_t type)
{
    if (!r->rel || (type != PLAN_JOIN_INNER && type != PLAN_JOIN_LEFT && type != PLAN_JOIN_SEMI && type != PLAN_JOIN_ANTI))
        return NULL;
    uint32_t n = n_terms + r->n_terms, n_keys;
    struct expr **all = arena_array(p->arena, struct expr *, n + 1), **keys = arena_array(p->arena, struct expr *, 64);
    memcpy(all, r->terms, r->n_terms * sizeof *all);
    memcpy(all + r->n_terms, terms, n_terms * sizeof *all);
    bool *consumed = arena_array(p->arena, bool, n + 1), unique = false;
    const struct cat_index *x = find_lookup(p, r->rel, all, n, &l->rels, keys, &n_keys, consumed, &unique);
    if (!x)
        return NULL;
    struct pnode *node = make_lookup(p, l->node, r->rel, x, keys, n_keys, unique, type);
    node->terms = arena_array(p->arena, struct expr *, n + 1);
    for (uint32_t i = 0; i < n; i++)
        if (!consumed[i])
            node->terms[node->n_terms++] = all[i];
    for (uint32_t i = 0; i < node->n_terms; i++)
        node->rows *= term_selectivity(p, node->terms[i], node->rows);
    if (type == PLAN_JOIN_LEFT && node->rows < l->node->rows)
        node->rows = l->node->rows;
    if (node->rows < 1)
        node->rows = 1;
    return node;
}

static struct pnode *apply_join(struct planner *p, const struct unit *l, const struct unit *r, struct expr **terms, uint32_t n_terms,
                                uint8_t type)
{
    struct expr **from = arena_array(p->arena, struct expr *, r->n_params + 1);
    for (uint32_t i = 0; i < r->n_params; i++)
        from[i] = r->params[i].from;
    struct pnode *left = node_with(p, l->node, from, r->n_params);
    struct pnode *n = node_new(p, PLAN_OP_APPLY, left, r->node);
    n->join_type = type;
    n->params = r->params;
    n->n_params = r->n_params;
    n->terms = terms;
    n->n_terms = n_terms;
    set_join_outs(p, n, left, r->node);
    n->rows = left->rows * r->node->rows;
    n->cost = left->cost + left->rows * (r->node->cost + 2);
    return n;
}

static bool is_lateral(const struct unit *r)
{
    for (uint32_t i = 0; i < r->n_params; i++) {
        struct relset s = relset_of(r->params[i].from);
        if (!relset_empty(&s))
            return true;
    }
    return false;
}

/* The cheapest way to join l and r by `terms` (all of which read only the two). */
static int join_units(struct planner *p, const struct unit *l, const struct unit *r, struct expr **terms, uint32_t n_terms,
                      uint8_t type, bool null_aware, struct unit *out, struct err *err)
{
    struct join_terms t;
    out->rels = l->rels;
    if (type != PLAN_JOIN_SEMI && type != PLAN_JOIN_ANTI)
        relset_join(&out->rels, &r->rels);
    out->rel = NULL;
    out->params = NULL;
    out->n_params = 0;
    if (is_lateral(r)) {
        out->node = apply_join(p, l, r, terms, n_terms, type);
        return 0;
    }
    sort_terms(p, terms, n_terms, &l->rels, &r->rels, &t);
    struct pnode *best = NULL;
    if (t.n_hash)
        best = hash_join(p, l, r, &t, type);
    if (best && type == PLAN_JOIN_INNER) {
        struct join_terms swapped = t;
        swapped.hash_left = t.hash_right;
        swapped.hash_right = t.hash_left;
        struct pnode *other = hash_join(p, r, l, &swapped, type);
        if (other->cost < best->cost)
            best = other;
    }
    if (!null_aware) {
        struct pnode *lookup = lookup_join(p, l, r, terms, n_terms, type);
        if (lookup && (!best || lookup->cost < best->cost))
            best = lookup;
        if (type == PLAN_JOIN_INNER && (lookup = lookup_join(p, r, l, terms, n_terms, type)) && (!best || lookup->cost < best->cost))
            best = lookup;
    }
    if (!best) {
        if (type == PLAN_JOIN_FULL && n_terms)
            return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "FULL JOIN is only supported with hash-joinable join conditions");
        best = nested_join(p, l, r, terms, n_terms, &t, type);
    }
    best->null_aware = null_aware;
    out->node = best;
    return 0;
}

/* ---- a group of inner joins ---- */

static void add_term(struct planner *p, struct group *g, struct expr *e)
{
    split_terms(p->arena, e, &g->terms, &g->n_terms, &g->cap_terms);
}

static void collect(struct planner *p, struct group *g, struct join_node *j, struct join_node ***units, uint32_t *n, uint32_t *cap)
{
    if (!j)
        return;
    if (!j->is_leaf && j->type == PLAN_JOIN_INNER) {
        collect(p, g, j->left, units, n, cap);
        collect(p, g, j->right, units, n, cap);
        if (j->on)
            add_term(p, g, j->on);
        return;
    }
    *units = bind_grow(p->b, *units, *n, cap, sizeof **units);
    (*units)[(*n)++] = j;
}

/* Terms that read only `rels` (and at least something): taken out of the group. */
static uint32_t take_terms(struct planner *p, struct group *g, const struct relset *rels, struct expr ***out)
{
    *out = arena_array(p->arena, struct expr *, g->n_terms + 1);
    uint32_t n = 0, kept = 0;
    for (uint32_t i = 0; i < g->n_terms; i++) {
        struct relset s = relset_of(g->terms[i]);
        if (relset_subset(&s, rels) && !relset_empty(&s))
            (*out)[n++] = g->terms[i];
        else
            g->terms[kept++] = g->terms[i];
    }
    g->n_terms = kept;
    return n;
}

/* The same without taking: for trying. */
static uint32_t terms_between(struct planner *p, const struct group *g, const struct unit *l, const struct unit *r, struct expr ***out)
{
    struct relset both = l->rels;
    relset_join(&both, &r->rels);
    *out = arena_array(p->arena, struct expr *, g->n_terms + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->n_terms; i++) {
        struct relset s = relset_of(g->terms[i]);
        if (relset_subset(&s, &both) && !relset_subset(&s, &l->rels) && !relset_subset(&s, &r->rels))
            (*out)[n++] = g->terms[i];
    }
    return n;
}

/* Selinger over subsets of units; connected pairs first, cross products only where nothing connects. */
static int order_by_dp(struct planner *p, struct group *g, struct unit *out, struct err *err)
{
    uint32_t n = g->n_units, all = (1u << n) - 1;
    struct unit *best = arena_array(p->arena, struct unit, all + 1);
    for (uint32_t i = 0; i < n; i++)
        best[1u << i] = g->units[i];
    for (int crosses = 0; crosses < 2 && !best[all].node; crosses++) {
        for (uint32_t set = 1; set <= all; set++) {
            if (!(set & (set - 1)))
                continue;
            for (uint32_t left = (set - 1) & set; left; left = (left - 1) & set) {
                uint32_t right = set & ~left;
                if (left < right || !best[left].node || !best[right].node)
                    continue;
                struct expr **terms;
                uint32_t n_terms = terms_between(p, g, &best[left], &best[right], &terms);
                if (n_terms == 0 && !crosses)
                    continue;
                struct unit joined = {0};
                int rc = join_units(p, &best[left], &best[right], terms, n_terms, PLAN_JOIN_INNER, false, &joined, err);
                if (rc)
                    return rc;
                if (!best[set].node || joined.node->cost < best[set].node->cost)
                    best[set] = joined;
            }
        }
    }
    *out = best[all];
    return 0;
}

/* Cheapest next join first; with `in_order` strictly left to right. */
static int order_greedily(struct planner *p, struct group *g, bool in_order, struct unit *out, struct err *err)
{
    uint32_t n = g->n_units;
    while (n > 1) {
        struct unit best = {0};
        uint32_t best_l = 0, best_r = 1;
        bool best_connected = false;
        for (uint32_t l = 0; l < (in_order ? 1 : n); l++) {
            for (uint32_t r = in_order ? 1 : l + 1; r < (in_order ? 2 : n); r++) {
                struct expr **terms;
                uint32_t n_terms = terms_between(p, g, &g->units[l], &g->units[r], &terms);
                struct unit joined = {0};
                int rc = join_units(p, &g->units[l], &g->units[r], terms, n_terms, PLAN_JOIN_INNER, false, &joined, err);
                if (rc)
                    return rc;
                bool connected = n_terms > 0;
                if (!best.node || (connected && !best_connected) ||
                    (connected == best_connected && joined.node->cost < best.node->cost)) {
                    best = joined;
                    best_l = l;
                    best_r = r;
                    best_connected = connected;
                }
            }
        }
        g->units[best_l] = best;
        memmove(&g->units[best_r], &g->units[best_r + 1], (n - best_r - 1) * sizeof *g->units);
        n--;
    }
    *out = g->units[0];
    return 0;
}

static int plan_group(struct planner *p, struct group *g, struct join_node **nodes, uint32_t n, const struct expr_order *order,
                      uint32_t n_order, struct unit *out, struct err *err)
{
    bool lateral = false;
    g->units = arena_array(p->arena, struct unit, n + 1);
    g->n_units = n;
    /* What reads no relation (LIMIT-like constants, $1 = 5) is asked once, above everything. */
    for (uint32_t i = 0; i < n; i++) {
        struct relset rels = {0};
        struct expr **terms;
        tree_rels(p, nodes[i], &rels);
        uint32_t n_terms = take_terms(p, g, &rels, &terms);
        int rc = plan_tree(p, nodes[i], terms, n_terms, n == 1 ? order : NULL, n == 1 ? n_order : 0, &g->units[i], err);
        if (rc)
            return rc;
        lateral |= is_lateral(&g->units[i]);
    }
    struct expr **all = g->terms;
    uint32_t n_all = g->n_terms;
    int rc = n <= DP_MAX && !lateral ? order_by_dp(p, g, out, err) : order_greedily(p, g, lateral, out, err);
    if (rc)
        return rc;
    /* Terms without columns, or that no join took. */
    struct expr **rest = arena_array(p->arena, struct expr *, n_all + 1);
    uint32_t n_rest = 0;
    for (uint32_t i = 0; i < n_all; i++) {
        struct relset s = relset_of(all[i]);
        if (relset_empty(&s) || n == 1)
            rest[n_rest++] = all[i];
    }
    out->node = node_filter(p, out->node, rest, n_rest);
    return 0;
}

/* ---- outer, semi and anti joins ---- */

static int plan_outer(struct planner *p, struct join_node *j, struct expr **terms, uint32_t n_terms, struct unit *out, struct err *err)
{
    struct group on = {0};
    if (j->on)
        add_term(p, &on, j->on);
    struct relset left_rels = {0}, right_rels = {0};
    tree_rels(p, j->left, &left_rels);
    tree_rels(p, j->right, &right_rels);
    bool keeps_left = j->type != PLAN_JOIN_FULL;
    struct expr **down = arena_array(p->arena, struct expr *, n_terms + 1), **above = arena_array(p->arena, struct expr *, n_terms + 1);
    uint32_t n_down = 0, n_above = 0;
    for (uint32_t i = 0; i < n_terms; i++) {
        if (keeps_left && reads(terms[i], &left_rels))
            down[n_down++] = terms[i];
        else
            above[n_above++] = terms[i];
    }
    struct expr **right_terms = NULL;
    uint32_t n_right = j->type == PLAN_JOIN_FULL || j->null_aware ? 0 : take_terms(p, &on, &right_rels, &right_terms);
    struct unit l = {0}, r = {0};
    int rc = plan_tree(p, j->left, down, n_down, NULL, 0, &l, err);
    if (rc == 0)
        rc = plan_tree(p, j->right, right_terms, n_right, NULL, 0, &r, err);
    if (rc == 0)
        rc = join_units(p, &l, &r, on.terms, on.n_terms, j->type, j->null_aware, out, err);
    if (rc == 0)
        out->node = node_filter(p, out->node, above, n_above);
    return rc;
}

static int plan_tree(struct planner *p, struct join_node *from, struct expr **terms, uint32_t n_terms,
                     const struct expr_order *order, uint32_t n_order, struct unit *out, struct err *err)
{
    if (from->is_leaf)
        return plan_leaf(p, p->b->rels[from->rel], terms, n_terms, order, n_order, out, err);
    if (from->type != PLAN_JOIN_INNER)
        return plan_outer(p, from, terms, n_terms, out, err);
    struct group g = {0};
    struct join_node **nodes = NULL;
    uint32_t n = 0, cap = 0;
    collect(p, &g, from, &nodes, &n, &cap);
    for (uint32_t i = 0; i < n_terms; i++)
        add_term(p, &g, terms[i]);
    return plan_group(p, &g, nodes, n, order, n_order, out, err);
}

int plan_from(struct planner *p, struct join_node *from, struct expr **terms, uint32_t n_terms, const struct expr_order *order,
              uint32_t n_order, struct pnode **out, struct err *err)
{
    if (p->b->n_rels >= REL_MAX)
        return err_set(err, ERR_STATEMENT_TOO_COMPLEX, "a statement may name at most %d relations", REL_MAX);
    if (!from) {
        struct pnode *one = node_new(p, PLAN_OP_VALUES, NULL, NULL);
        one->n_rows = 1;
        one->rows = 1;
        *out = node_filter(p, one, terms, n_terms);
        return 0;
    }
    struct unit unit = {0};
    struct group g = {0};
    struct join_node **nodes = NULL;
    uint32_t n = 0, cap = 0;
    collect(p, &g, from, &nodes, &n, &cap);
    for (uint32_t i = 0; i < n_terms; i++)
        add_term(p, &g, terms[i]);
    int rc = plan_group(p, &g, nodes, n, order, n_order, &unit, err);
    *out = unit.node;
    return rc;
}
