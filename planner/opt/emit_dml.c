/* emit_dml.c: what the writing operators need to know of their table: storages, constraints, foreign keys. */
#include <string.h>

#include "planner/opt/opt_int.h"

static const struct cat_column *live_column(const struct cat_relation *r, uint32_t at)
{
    for (uint32_t i = 0; i < r->n_columns; i++)
        if (!r->columns[i].dropped && at-- == 0)
            return &r->columns[i];
    return NULL;
}

/* A pnode whose outs are the full row of `rel`: stored expressions are compiled against it. */
static struct pnode *row_input(struct planner *p, const struct rel *rel)
{
    struct pnode *n = arena_new(p->arena, struct pnode);
    n->outs = arena_array(p->arena, struct expr *, rel->n_columns + 1);
    for (uint32_t i = 0; i < rel->n_columns; i++)
        if (rel->columns[i].attnum != REL_KEY)
            n->outs[n->n_outs++] = expr_column(p->arena, rel->number, i, rel->columns[i].type, rel->columns[i].typmod);
    return n;
}

static int emit_stored(struct planner *p, const struct rel *rel, const struct pnode *row, const char *bound, bool filter,
                       plan_off *out, struct err *err)
{
    struct expr *e;
    int rc = bind_stored(p->b, rel->object, rel->number, bound, &e, err);
    return rc ? rc : emit_program(p, row, NULL, &e, 1, filter, out, err);
}

/* Positions of the value columns of an index's schema in the full row. */
static struct plan_list emit_values_of(struct planner *p, const struct cat_relation *r, const struct kv_schema *s)
{
    uint32_t *items = arena_array(p->arena, uint32_t, s->n_columns + 1), n = 0;
    for (uint32_t c = 0; c < s->n_columns; c++) {
        bool key = false;
        for (uint32_t k = 0; k < s->n_key; k++)
            key |= s->key[k].column == c;
        if (key)
            continue;
        items[n++] = s->columns[c].id == CATALOG_ROWID ? row_width(r) : (uint32_t)row_position(r, (int32_t)s->columns[c].id);
    }
    return plan_put_list(&p->pb, items, n);
}

static int emit_index(struct planner *p, const struct rel *rel, const struct pnode *row, const struct cat_index *x, plan_off *out,
                      struct err *err)
{
    const struct cat_relation *r = rel->object->relation;
    bool table = !x || x->primary;
    const struct kv_schema *schema = table ? r->schema : x->schema;
    struct plan_target_index t = {.unique = table || x->unique, .nulls_not_distinct = x && x->nulls_not_distinct,
                                  .oid = x ? x->oid : 0};
    t.schema = (uint16_t)emit_schema(p, schema);
    t.name = plan_put_str(&p->pb, x ? x->name : "");
    t.key = emit_key_parts(p, r, table ? NULL : x);
    t.n_unique = (uint16_t)(x ? x->n_keys : 1);
    t.values = emit_values_of(p, r, schema);
    uint32_t *exprs = arena_array(p->arena, uint32_t, (x ? x->n_keys : 0) + 1), n = 0;
    int rc = 0;
    for (uint32_t k = 0; rc == 0 && x && k < x->n_keys; k++) {
        exprs[n++] = 0;
        if (x->keys[k].attnum == 0)
            rc = emit_stored(p, rel, row, x->keys[k].expr, false, &exprs[n - 1], err);
    }
    t.exprs = plan_put_list(&p->pb, exprs, n);
    if (rc == 0 && x && x->predicate)
        rc = emit_stored(p, rel, row, x->predicate, true, &t.predicate, err);
    if (rc == 0)
        *out = plan_put(&p->pb, &t, sizeof t);
    return rc;
}

/* ---- foreign keys ---- */

/* An index of `r` whose leading keys are exactly these columns, in any order; gives for each key part the position in columns. */
static const struct cat_index *find_index_on(const struct cat_relation *r, const int32_t *columns, uint32_t n, uint32_t *order)
{
    for (uint32_t i = 0; i < r->n_indexes; i++) {
        const struct cat_index *x = &r->indexes[i];
        if (x->n_keys < n || x->predicate || !x->valid)
            continue;
        bool all = true;
        for (uint32_t k = 0; k < n && all; k++) {
            all = false;
            for (uint32_t c = 0; c < n; c++) {
                if (x->keys[k].attnum == columns[c]) {
                    order[k] = c;
                    all = true;
                }
            }
        }
        if (all)
            return x;
    }
    return NULL;
}

/* here: columns of the table written; there: of the table searched. */
static int emit_foreign_key(struct planner *p, const struct cat_object *self, const struct cat_object *other,
                            const struct cat_constraint *c, bool reverse, plan_off *out, struct err *err)
{
    const int32_t *here = reverse ? c->ref_columns : c->columns, *there = reverse ? c->columns : c->ref_columns;
    uint32_t n = c->n_columns, *order = arena_array(p->arena, uint32_t, n + 1);
    uint32_t *columns = arena_array(p->arena, uint32_t, n + 1), *others = arena_array(p->arena, uint32_t, n + 1);
    const struct cat_relation *o = other->relation;
    const struct cat_index *x = find_index_on(o, there, n, order);
    if (!x && !reverse)
        return err_set(err, ERR_INTERNAL_ERROR, "foreign key \"%s\" has no unique index to check", c->name);
    struct plan_foreign_key f = {.other_oid = other->oid, .reverse = reverse, .match_full = c->match == 'f', .full_scan = !x};
    for (uint32_t k = 0; k < n; k++) {
        uint32_t at = x ? order[k] : k;
        columns[k] = (uint32_t)row_position(self->relation, here[at]);
        others[k] = (uint32_t)there[at];
    }
    bool table = !x || x->primary;
    f.name = plan_put_str(&p->pb, c->name);
    f.table = plan_put_str(&p->pb, self->name);
    f.other_table = plan_put_str(&p->pb, other->name);
    f.schema = (uint16_t)emit_schema(p, table ? o->schema : x->schema);
    f.key = emit_key_parts(p, o, table ? NULL : x);
    f.columns = plan_put_list(&p->pb, columns, n);
    f.other_columns = plan_put_list(&p->pb, others, n);
    bind_depend(p->b, other->oid);
    *out = plan_put(&p->pb, &f, sizeof f);
    return 0;
}

static int emit_foreign_keys(struct planner *p, const struct cat_object *self, uint8_t command, struct plan_list *out, struct err *err)
{
    uint32_t *items = NULL, n = 0, cap = 0;
    const struct cat_relation *r = self->relation;
    for (uint32_t i = 0; command != PLAN_DELETE && i < r->n_constraints; i++) {
        const struct cat_constraint *c = &r->constraints[i];
        const struct cat_object *other = c->kind == 'f' ? catalog_view_object(p->opt->view, c->ref_table) : NULL;
        if (!other)
            continue;
        items = bind_grow(p->b, items, n, &cap, sizeof *items);
        int rc = emit_foreign_key(p, self, other, c, false, &items[n++], err);
        if (rc)
            return rc;
    }
    for (uint32_t i = 0; command != PLAN_INSERT && i < r->n_referenced_by; i++) {
        const struct cat_object *other = catalog_view_object(p->opt->view, r->referenced_by[i]);
        for (uint32_t k = 0; other && k < other->relation->n_constraints; k++) {
            const struct cat_constraint *c = &other->relation->constraints[k];
            if (c->kind != 'f' || c->ref_table != self->oid)
                continue;
            items = bind_grow(p->b, items, n, &cap, sizeof *items);
            int rc = emit_foreign_key(p, self, other, c, true, &items[n++], err);
            if (rc)
                return rc;
        }
    }
    *out = plan_put_list(&p->pb, items, n);
    return 0;
}

/* ---- the target ---- */

static int emit_checks(struct planner *p, const struct rel *rel, const struct pnode *row, struct plan_list *out, struct err *err)
{
    const struct cat_relation *r = rel->object->relation;
    uint32_t *items = arena_array(p->arena, uint32_t, r->n_constraints + 1), n = 0;
    for (uint32_t i = 0; i < r->n_constraints; i++) {
        if (r->constraints[i].kind != 'c')
            continue;
        struct plan_check check = {.name = plan_put_str(&p->pb, r->constraints[i].name)};
        int rc = emit_stored(p, rel, row, r->constraints[i].check_expr, false, &check.program, err);
        if (rc)
            return rc;
        items[n++] = plan_put(&p->pb, &check, sizeof check);
    }
    *out = plan_put_list(&p->pb, items, n);
    return 0;
}

static int emit_indexes(struct planner *p, const struct rel *rel, const struct pnode *row, struct plan_list *out, struct err *err)
{
    const struct cat_relation *r = rel->object->relation;
    uint32_t *items = arena_array(p->arena, uint32_t, r->n_indexes + 2), n = 0;
    int rc = emit_index(p, rel, row, phys_primary(r), &items[n++], err);
    for (uint32_t i = 0; rc == 0 && i < r->n_indexes; i++)
        if (!r->indexes[i].primary)
            rc = emit_index(p, rel, row, &r->indexes[i], &items[n++], err);
    *out = plan_put_list(&p->pb, items, n);
    return rc;
}

static int emit_target(struct planner *p, const struct rel *rel, uint8_t command, plan_off *out, struct err *err)
{
    const struct cat_object *obj = rel->object;
    const struct cat_relation *r = obj->relation;
    struct pnode *row = row_input(p, rel);
    uint32_t width = row_width(r), total = width + (r->hidden_rowid ? 1 : 0), n_not_null = 0;
    struct plan_target t = {.table_oid = obj->oid, .n_row = total, .hidden_rowid = r->hidden_rowid};
    const char *schema = catalog_view_namespace_name(p->opt->view, obj->namespace_oid);
    t.schema_name = plan_put_str(&p->pb, schema ? schema : "");
    t.table_name = plan_put_str(&p->pb, obj->name);
    uint32_t *names = arena_array(p->arena, uint32_t, total + 1), *cols = arena_array(p->arena, uint32_t, total + 1);
    uint32_t *not_null = arena_array(p->arena, uint32_t, total + 1);
    for (uint32_t i = 0; i < total; i++) {
        const struct cat_column *c = live_column(r, i);
        struct plan_col col = emit_col(p, row->outs[i]);
        names[i] = plan_put_str(&p->pb, c ? c->name : "");
        cols[i] = plan_put(&p->pb, &col, sizeof col);
        if (c && c->not_null)
            not_null[n_not_null++] = i;
    }
    t.column_names = plan_put_list(&p->pb, names, total);
    t.row_cols = plan_put_list(&p->pb, cols, total);
    t.not_null = plan_put_list(&p->pb, not_null, n_not_null);
    int rc = emit_indexes(p, rel, row, &t.indexes, err);
    if (rc == 0 && command != PLAN_DELETE)
        rc = emit_checks(p, rel, row, &t.checks, err);
    if (rc == 0)
        rc = emit_foreign_keys(p, obj, command, &t.foreign_keys, err);
    if (rc == 0)
        *out = plan_put(&p->pb, &t, sizeof t);
    return rc;
}

/* ---- operators ---- */

/* Positions in plan_target.indexes of the table's indexes[]: the table's own comes first. */
static uint32_t target_position(const struct cat_relation *r, uint32_t index_at)
{
    uint32_t at = 1;
    if (r->indexes[index_at].primary)
        return 0;
    for (uint32_t i = 0; i < index_at; i++)
        at += !r->indexes[i].primary;
    return at;
}

static int emit_set(struct planner *p, const struct pnode *left, const struct pnode *right, const struct rel *rel,
                    struct expr **set, struct plan_list *out, struct err *err)
{
    uint32_t width = row_width(rel->object->relation), *items = arena_array(p->arena, uint32_t, width + 1);
    for (uint32_t i = 0; i < width; i++) {
        int rc = set[i] ? emit_program(p, left, right, &set[i], 1, false, &items[i], err) : 0;
        if (rc)
            return rc;
    }
    *out = plan_put_list(&p->pb, items, width);
    return 0;
}

static int emit_insert(struct planner *p, struct pnode *n, const plan_off *kids, plan_off *out, struct err *err)
{
    const struct query *q = n->query;
    struct plan_insert x = {.bulk = n->bulk};
    emit_base(p, n, kids, &x.op);
    int rc = emit_target(p, n->rel, PLAN_INSERT, &x.target, err);
    if (rc == 0 && q->conflict) {
        const struct cat_relation *r = n->rel->object->relation;
        uint32_t *items = arena_array(p->arena, uint32_t, q->conflict->n_arbiters + 1);
        x.on_conflict = q->conflict->action;
        for (uint32_t i = 0; i < q->conflict->n_arbiters; i++)
            items[i] = target_position(r, q->conflict->arbiters[i]);
        x.arbiters = plan_put_list(&p->pb, items, q->conflict->n_arbiters);
        if (q->conflict->set) {
            struct pnode *old = row_input(p, n->rel), *excluded = row_input(p, p->b->rels[q->conflict->excluded_rel]);
            rc = emit_set(p, old, excluded, n->rel, q->conflict->set, &x.set, err);
            if (rc == 0 && q->conflict->where)
                rc = emit_program(p, old, excluded, &q->conflict->where, 1, true, &x.where, err);
        }
    }
    if (rc == 0)
        *out = plan_put(&p->pb, &x, sizeof x);
    return rc;
}

static bool sets_key(const struct rel *rel, struct expr *const *set)
{
    const struct cat_relation *r = rel->object->relation;
    for (uint32_t i = 0; i < r->n_indexes; i++)
        for (uint32_t k = 0; r->indexes[i].unique && k < r->indexes[i].n_keys; k++) {
            int32_t at = r->indexes[i].keys[k].attnum ? row_position(r, r->indexes[i].keys[k].attnum) : -1;
            if (at < 0 || set[at])
                return true;
        }
    return false;
}

static int emit_modify(struct planner *p, struct pnode *n, const plan_off *kids, plan_off *out, struct err *err)
{
    const struct query *q = n->query;
    struct plan_modify m = {.n_carried = (uint16_t)n->n_carried};
    emit_base(p, n, kids, &m.op);
    int rc = emit_target(p, n->rel, q->command, &m.target, err);
    if (rc == 0 && q->command == PLAN_UPDATE) {
        m.key_changes = sets_key(n->rel, q->set_exprs);
        rc = emit_set(p, n->child[0], NULL, n->rel, q->set_exprs, &m.set, err);
    }
    if (rc == 0 && n->n_terms)
        rc = emit_program(p, n->child[0], NULL, n->terms, n->n_terms, true, &m.recheck, err);
    if (rc == 0)
        *out = plan_put(&p->pb, &m, sizeof m);
    return rc;
}

struct lock_rels {
    struct planner *p;
    const struct pnode *child;
    uint32_t items[64], n;
    struct err *err;
    int rc;
};

static void emit_lock_rel(struct lock_rels *l, const struct rel *rel)
{
    struct planner *p = l->p;
    struct plan_lock_rel x = {.mode = rel->lock, .wait = rel->wait};
    uint32_t *columns = arena_array(p->arena, uint32_t, rel->n_columns + 1), *ids = arena_array(p->arena, uint32_t, rel->n_columns + 1);
    uint32_t n = 0;
    bool has_key = false;
    x.schema = (uint16_t)emit_schema(p, rel->object->relation->schema);
    for (uint32_t i = 0; i < rel->n_columns; i++) {
        struct expr *e = expr_column(p->arena, rel->number, i, rel->columns[i].type, rel->columns[i].typmod);
        int32_t at = node_find(l->child, e);
        if (at < 0)
            continue;
        if (rel->columns[i].attnum == REL_KEY) {
            x.key = (uint16_t)at;
            has_key = true;
        } else {
            columns[n] = (uint32_t)at;
            ids[n++] = (uint32_t)rel->columns[i].attnum;
        }
    }
    if (bug_if(!has_key || l->n == 64, l->err)) {
        l->rc = ERR_INTERNAL_ERROR;
        return;
    }
    x.columns = plan_put_list(&p->pb, columns, n);
    x.column_ids = plan_put_list(&p->pb, ids, n);
    l->items[l->n++] = plan_put(&p->pb, &x, sizeof x);
}

static void emit_lock_rels(struct lock_rels *l, const struct join_node *j)
{
    if (!j || l->rc)
        return;
    if (j->is_leaf && l->p->b->rels[j->rel]->lock)
        emit_lock_rel(l, l->p->b->rels[j->rel]);
    emit_lock_rels(l, j->left);
    emit_lock_rels(l, j->right);
}

static int emit_lock_rows(struct planner *p, struct pnode *n, const plan_off *kids, plan_off *out, struct err *err)
{
    struct plan_lock_rows x = {{0}, {0}, 0};
    struct lock_rels l = {.p = p, .child = n->child[0], .err = err};
    emit_base(p, n, kids, &x.op);
    emit_lock_rels(&l, n->locks->from);
    if (l.rc)
        return l.rc;
    x.rels = plan_put_list(&p->pb, l.items, l.n);
    struct expr **terms = NULL;
    uint32_t n_terms = 0, cap = 0;
    split_terms(p->arena, n->locks->where, &terms, &n_terms, &cap);
    int rc = n_terms ? emit_program(p, n->child[0], NULL, terms, n_terms, true, &x.recheck, err) : 0;
    if (rc == 0)
        *out = plan_put(&p->pb, &x, sizeof x);
    return rc;
}

int emit_dml(struct planner *p, struct pnode *n, plan_off child, plan_off *out, struct err *err)
{
    const plan_off kids[2] = {child, 0};
    switch (n->kind) {
    case PLAN_OP_INSERT: return emit_insert(p, n, kids, out, err);
    case PLAN_OP_MODIFY: return emit_modify(p, n, kids, out, err);
    case PLAN_OP_LOCK_ROWS: return emit_lock_rows(p, n, kids, out, err);
    default: return err_set(err, ERR_INTERNAL_ERROR, "planner: no way to emit operator %u", n->kind);
    }
}
