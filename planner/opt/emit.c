/* emit.c: physical nodes to the plan's buffer (plan.h). */
#include <string.h>

#include "planner/opt/opt_int.h"

static int emit_plain(struct planner *p, struct pnode *n, plan_off *out, struct err *err);

/* ---- small parts ---- */

struct plan_col emit_col(const struct planner *p, const struct expr *e)
{
    const struct type_info *t = type_info(e->type);
    struct plan_col c = {.type_oid = e->type, .typmod = e->typmod, .kind = t ? t->phys : PHYS_BYTES, .dec_scale = -1};
    return c;
}

static plan_off emit_cols(struct planner *p, struct expr *const *outs, uint32_t n)
{
    struct plan_col *cols = arena_array(p->arena, struct plan_col, n + 1);
    for (uint32_t i = 0; i < n; i++)
        cols[i] = emit_col(p, outs[i]);
    return plan_put(&p->pb, cols, n * (uint32_t)sizeof *cols);
}

void emit_base(struct planner *p, const struct pnode *n, const plan_off *children, struct plan_op *op)
{
    *op = (struct plan_op){.kind = n->kind, .pipeline = (uint16_t)p->pipeline, .id = (uint16_t)p->n_ops++, .n_cols = n->n_outs,
                           .rows_est = (float)n->rows, .cost_est = (float)n->cost};
    for (int i = 0; i < 2; i++) {
        if (children && children[i]) {
            op->children[i] = children[i];
            op->n_children = (uint16_t)(i + 1);
        }
    }
    op->cols = emit_cols(p, n->outs, n->n_outs);
    if (p->opt->explain) {
        struct buf title, details;
        buf_init(&title);
        buf_init(&details);
        describe_node(p, n, &title, &details);
        op->title = plan_put_str(&p->pb, buf_text(&title));
        op->details = details.len ? plan_put_str(&p->pb, buf_text(&details)) : 0;
        buf_done(&title);
        buf_done(&details);
    }
}

uint32_t emit_schema(struct planner *p, const struct kv_schema *schema)
{
    for (uint32_t i = 0; i < p->n_schemas; i++)
        if (p->schemas[i]->id == schema->id && p->schemas[i]->version == schema->version)
            return i;
    p->schemas = bind_grow(p->b, p->schemas, p->n_schemas, &p->cap_schemas, sizeof *p->schemas);
    p->schemas[p->n_schemas] = schema;
    return p->n_schemas++;
}

static int emit_one(struct planner *p, const struct pnode *input, struct expr *e, plan_off *out, struct err *err)
{
    *out = 0;
    return e ? emit_program(p, input, NULL, &e, 1, false, out, err) : 0;
}

static int emit_filter_terms(struct planner *p, const struct pnode *left, const struct pnode *right, const struct pnode *n,
                             plan_off *out, struct err *err)
{
    *out = 0;
    return n->n_terms ? emit_program(p, left, right, n->terms, n->n_terms, true, out, err) : 0;
}

static int column_of(const struct pnode *child, const struct expr *e, uint32_t *out, struct err *err)
{
    int32_t at = node_find(child, e);
    if (bug_if(at < 0, err))
        return err->code;
    *out = (uint32_t)at;
    return 0;
}

static int emit_columns(struct planner *p, const struct pnode *child, struct expr *const *exprs, uint32_t n, struct plan_list *out,
                        struct err *err)
{
    uint32_t *items = arena_array(p->arena, uint32_t, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        int rc = column_of(child, exprs[i], &items[i], err);
        if (rc)
            return rc;
    }
    *out = plan_put_list(&p->pb, items, n);
    return 0;
}

static int emit_sort_keys(struct planner *p, const struct pnode *child, const struct expr_order *keys, uint32_t n,
                          struct plan_list *out, struct err *err)
{
    uint32_t *items = arena_array(p->arena, uint32_t, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t column = 0;
        int rc = column_of(child, keys[i].expr, &column, err);
        if (rc)
            return rc;
        struct plan_sort_key k = {.column = (uint16_t)column, .desc = keys[i].desc, .nulls_first = keys[i].nulls_first,
                                  .type_oid = keys[i].expr->type, .collation = keys[i].expr->collation};
        items[i] = plan_put(&p->pb, &k, sizeof k);
    }
    *out = plan_put_list(&p->pb, items, n);
    return 0;
}

struct plan_list emit_key_parts(struct planner *p, const struct cat_relation *r, const struct cat_index *index)
{
    struct phys_part *parts;
    uint32_t n = phys_key(r, index, p->arena, &parts), *items = arena_array(p->arena, uint32_t, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        struct plan_key_part k = {.type_oid = parts[i].type, .typmod = parts[i].typmod, .collation = parts[i].collation,
                                  .kind = parts[i].kind, .dec_scale = parts[i].dec_scale, .opaque = parts[i].opaque,
                                  .desc = parts[i].desc, .nulls_first = parts[i].nulls_first};
        int32_t at = parts[i].attnum == CATALOG_ROWID ? (int32_t)row_width(r) : parts[i].attnum ? row_position(r, parts[i].attnum)
                                                                                              : (int32_t)(PLAN_EXPR_PART + parts[i].expr);
        k.column = (uint16_t)at;
        items[i] = plan_put(&p->pb, &k, sizeof k);
    }
    return plan_put_list(&p->pb, items, n);
}

/* ---- scans ---- */

static int emit_spans(struct planner *p, const struct pnode *n, struct plan_list *out, struct err *err)
{
    uint32_t *items = arena_array(p->arena, uint32_t, n->n_spans + 1);
    for (uint32_t i = 0; i < n->n_spans; i++) {
        const struct pspan *s = &n->spans[i];
        struct plan_span span = {.low_incl = s->low_incl, .high_incl = s->high_incl};
        uint32_t *eq = arena_array(p->arena, uint32_t, s->n_eq + 1);
        int rc = 0;
        for (uint32_t k = 0; rc == 0 && k < s->n_eq; k++)
            rc = emit_one(p, NULL, s->eq[k], &eq[k], err);
        span.eq = plan_put_list(&p->pb, eq, s->n_eq);
        if (rc == 0)
            rc = emit_one(p, NULL, s->low, &span.low, err);
        if (rc == 0)
            rc = emit_one(p, NULL, s->high, &span.high, err);
        if (rc)
            return rc;
        items[i] = plan_put(&p->pb, &span, sizeof span);
    }
    *out = plan_put_list(&p->pb, items, n->n_spans);
    return 0;
}

static int emit_tests(struct planner *p, const struct pnode *n, struct plan_list *out, struct err *err)
{
    uint32_t *items = arena_array(p->arena, uint32_t, n->n_tests + 1);
    for (uint32_t i = 0; i < n->n_tests; i++) {
        struct plan_test t = {.column_id = n->tests[i].column_id, .op = n->tests[i].op};
        int rc = emit_one(p, NULL, n->tests[i].value, &t.value, err);
        if (rc)
            return rc;
        items[i] = plan_put(&p->pb, &t, sizeof t);
    }
    *out = plan_put_list(&p->pb, items, n->n_tests);
    return 0;
}

static int emit_scan(struct planner *p, struct pnode *n, plan_off *out, struct err *err)
{
    struct plan_scan s = {.ordered = n->ordered, .reverse = n->reverse, .with_key = n->with_key, .lock = n->lock, .wait = n->wait,
                          .locks = n->lock != 0};
    emit_base(p, n, NULL, &s.op);
    s.schema = (uint16_t)emit_schema(p, n->schema);
    s.columns = plan_put_list(&p->pb, n->ids, n->n_ids);
    s.key = emit_key_parts(p, n->rel->object->relation, n->index && !n->index->primary ? n->index : NULL);
    s.table_oid = n->rel->object->oid;
    s.index_oid = n->index ? n->index->oid : 0;
    int rc = emit_spans(p, n, &s.spans, err);
    if (rc == 0)
        rc = emit_tests(p, n, &s.tests, err);
    if (rc == 0)
        rc = emit_filter_terms(p, n, NULL, n, &s.filter, err);
    if (rc == 0)
        *out = plan_put(&p->pb, &s, sizeof s);
    return rc;
}

static int emit_catalog_scan(struct planner *p, struct pnode *n, plan_off *out, struct err *err)
{
    struct plan_catalog_scan s = {.table_oid = n->rel->object->oid};
    emit_base(p, n, NULL, &s.op);
    s.attnums = plan_put_list(&p->pb, n->ids, n->n_ids);
    int rc = emit_filter_terms(p, n, NULL, n, &s.filter, err);
    if (rc == 0)
        *out = plan_put(&p->pb, &s, sizeof s);
    return rc;
}

static int emit_values(struct planner *p, struct pnode *n, plan_off *out, struct err *err)
{
    struct plan_values v = {.n_rows = n->n_rows};
    uint32_t total = n->n_rows * n->n_outs, *items = arena_array(p->arena, uint32_t, total + 1);
    emit_base(p, n, NULL, &v.op);
    for (uint32_t i = 0; i < total; i++) {
        int rc = emit_one(p, NULL, n->rows_exprs[i], &items[i], err);
        if (rc)
            return rc;
    }
    v.programs = plan_put_list(&p->pb, items, total);
    *out = plan_put(&p->pb, &v, sizeof v);
    return 0;
}

static int emit_function_scan(struct planner *p, struct pnode *n, plan_off *out, struct err *err)
{
    struct plan_function_scan f = {.func_oid = n->rel->func, .ordinality = n->rel->ordinality};
    uint32_t *items = arena_array(p->arena, uint32_t, n->rel->n_args + 1);
    emit_base(p, n, NULL, &f.op);
    for (uint32_t i = 0; i < n->rel->n_args; i++) {
        int rc = emit_one(p, NULL, n->rel->args[i], &items[i], err);
        if (rc)
            return rc;
    }
    f.args = plan_put_list(&p->pb, items, n->rel->n_args);
    *out = plan_put(&p->pb, &f, sizeof f);
    return 0;
}

/* ---- one input ---- */

static int emit_filter(struct planner *p, struct pnode *n, const plan_off *kids, plan_off *out, struct err *err)
{
    struct plan_filter f = {{0}, 0};
    emit_base(p, n, kids, &f.op);
    int rc = emit_filter_terms(p, n->child[0], NULL, n, &f.program, err);
    if (rc == 0)
        *out = plan_put(&p->pb, &f, sizeof f);
    return rc;
}

static int emit_project(struct planner *p, struct pnode *n, const plan_off *kids, plan_off *out, struct err *err)
{
    struct plan_project pr = {{0}, {0}};
    uint32_t *items = arena_array(p->arena, uint32_t, n->n_outs + 1);
    emit_base(p, n, kids, &pr.op);
    for (uint32_t i = 0; i < n->n_outs; i++) {
        int rc = emit_one(p, n->child[0], n->defs[i], &items[i], err);
        if (rc)
            return rc;
    }
    pr.programs = plan_put_list(&p->pb, items, n->n_outs);
    *out = plan_put(&p->pb, &pr, sizeof pr);
    return 0;
}

static int emit_project_set(struct planner *p, struct pnode *n, const plan_off *kids, plan_off *out, struct err *err)
{
    struct plan_project_set s = {{0}, {0}, {0}, {0}};
    uint32_t *programs = arena_array(p->arena, uint32_t, n->n_outs + 1), *srf = arena_array(p->arena, uint32_t, n->n_outs + 1);
    uint32_t *args = arena_array(p->arena, uint32_t, n->n_outs + 1);
    emit_base(p, n, kids, &s.op);
    for (uint32_t i = 0; i < n->n_outs; i++) {
        const struct expr *e = n->defs[i];
        int rc = 0;
        if (e->op == EXPR_SRF) {
            uint32_t *items = arena_array(p->arena, uint32_t, e->n_args + 1);
            for (uint32_t k = 0; rc == 0 && k < e->n_args; k++)
                rc = emit_one(p, n->child[0], e->args[k], &items[k], err);
            struct plan_list list = plan_put_list(&p->pb, items, e->n_args);
            args[i] = plan_put(&p->pb, &list, sizeof list);
            srf[i] = e->func;
        } else {
            rc = emit_one(p, n->child[0], n->defs[i], &programs[i], err);
        }
        if (rc)
            return rc;
    }
    s.programs = plan_put_list(&p->pb, programs, n->n_outs);
    s.srf = plan_put_list(&p->pb, srf, n->n_outs);
    s.srf_args = plan_put_list(&p->pb, args, n->n_outs);
    *out = plan_put(&p->pb, &s, sizeof s);
    return 0;
}

static int emit_sort(struct planner *p, struct pnode *n, const plan_off *kids, plan_off *out, struct err *err)
{
    struct plan_sort s = {{0}, {0}, 0, 0};
    emit_base(p, n, kids, &s.op);
    int rc = emit_sort_keys(p, n->child[0], n->sort, n->n_sort, &s.keys, err);
    if (rc == 0)
        rc = emit_one(p, NULL, n->limit, &s.limit, err);
    if (rc == 0 && n->limit)
        rc = emit_one(p, NULL, n->offset, &s.offset, err);
    if (rc == 0)
        *out = plan_put(&p->pb, &s, sizeof s);
    return rc;
}

static int emit_limit(struct planner *p, struct pnode *n, const plan_off *kids, plan_off *out, struct err *err)
{
    struct plan_limit l = {.with_ties = n->with_ties};
    emit_base(p, n, kids, &l.op);
    int rc = emit_one(p, NULL, n->limit, &l.limit, err);
    if (rc == 0)
        rc = emit_one(p, NULL, n->offset, &l.offset, err);
    if (rc == 0 && n->with_ties)
        rc = emit_sort_keys(p, n->child[0], n->sort, n->n_sort, &l.ties, err);
    if (rc == 0)
        *out = plan_put(&p->pb, &l, sizeof l);
    return rc;
}

static int emit_distinct(struct planner *p, struct pnode *n, const plan_off *kids, plan_off *out, struct err *err)
{
    struct plan_distinct d = {.ordered = n->ordered};
    emit_base(p, n, kids, &d.op);
    int rc = emit_columns(p, n->child[0], n->group, n->n_group, &d.columns, err);
    if (rc == 0)
        *out = plan_put(&p->pb, &d, sizeof d);
    return rc;
}

static int emit_agg_call(struct planner *p, const struct pnode *child, const struct expr *e, uint8_t mode, uint32_t state_column,
                         plan_off *out, struct err *err)
{
    struct plan_agg_call c = {.agg_oid = e->func, .distinct = e->agg->distinct, .type_oid = e->type, .typmod = e->typmod};
    int rc = 0;
    if (mode == PLAN_AGG_FINAL) {
        c.args = plan_put_list(&p->pb, &state_column, 1);
    } else {
        rc = emit_columns(p, child, e->args, e->n_args, &c.args, err);
        if (rc == 0 && e->agg->filter)
            rc = emit_program(p, child, NULL, &e->agg->filter, 1, true, &c.filter, err);
        if (rc == 0)
            rc = emit_sort_keys(p, child, e->agg->order, e->agg->n_order, &c.order, err);
    }
    if (rc == 0)
        *out = plan_put(&p->pb, &c, sizeof c);
    return rc;
}

static int emit_aggregate_mode(struct planner *p, struct pnode *n, const plan_off *kids, uint8_t mode, plan_off *out, struct err *err)
{
    struct plan_aggregate a = {.mode = mode, .grouping_column = n->grouping != NULL};
    uint32_t *items = arena_array(p->arena, uint32_t, n->n_calls + n->n_sets + 1);
    int rc = 0;
    emit_base(p, n, kids, &a.op);
    if (mode == PLAN_AGG_PARTIAL) {
        struct plan_col *cols = arena_array(p->arena, struct plan_col, n->n_outs + 1);
        for (uint32_t i = 0; i < n->n_outs; i++)
            cols[i] = i < n->n_group ? emit_col(p, n->outs[i])
                                     : (struct plan_col){.type_oid = TYPE_BYTEA, .typmod = -1, .kind = PHYS_BYTES, .dec_scale = -1};
        a.op.cols = plan_put(&p->pb, cols, n->n_outs * (uint32_t)sizeof *cols);
    }
    if (mode == PLAN_AGG_FINAL) {
        uint32_t *groups = arena_array(p->arena, uint32_t, n->n_group + 1);
        for (uint32_t i = 0; i < n->n_group; i++)
            groups[i] = i;
        a.groups = plan_put_list(&p->pb, groups, n->n_group);
    } else {
        rc = emit_columns(p, n->child[0], n->group, n->n_group, &a.groups, err);
    }
    for (uint32_t i = 0; rc == 0 && i < n->n_calls; i++)
        rc = emit_agg_call(p, n->child[0], n->calls[i], mode, n->n_group + i, &items[i], err);
    a.calls = plan_put_list(&p->pb, items, n->n_calls);
    for (uint32_t i = 0; rc == 0 && i < n->n_sets; i++) {
        struct plan_list set = plan_put_list(&p->pb, n->sets[i].items, n->sets[i].n);
        items[i] = plan_put(&p->pb, &set, sizeof set);
    }
    a.sets = plan_put_list(&p->pb, items, n->n_sets);
    if (rc == 0)
        *out = plan_put(&p->pb, &a, sizeof a);
    return rc;
}

static int emit_window(struct planner *p, struct pnode *n, const plan_off *kids, plan_off *out, struct err *err)
{
    struct plan_window w = {{0}, {0}, {0}, {0}};
    uint32_t *items = arena_array(p->arena, uint32_t, n->n_calls + 1);
    emit_base(p, n, kids, &w.op);
    int rc = emit_sort_keys(p, n->child[0], n->sort, n->n_partition, &w.partition, err);
    if (rc == 0)
        rc = emit_sort_keys(p, n->child[0], n->sort + n->n_partition, n->n_sort - n->n_partition, &w.order, err);
    for (uint32_t i = 0; rc == 0 && i < n->n_calls; i++) {
        const struct expr *e = n->calls[i];
        struct plan_window_call c = {.func_oid = e->func, .is_aggregate = func_info(e->func)->kind == 'a', .type_oid = e->type,
                                     .typmod = e->typmod, .frame_mode = n->window->frame_mode, .start_kind = n->window->start_kind,
                                     .end_kind = n->window->end_kind, .exclude = n->window->exclude};
        rc = emit_columns(p, n->child[0], e->args, e->n_args, &c.args, err);
        if (rc == 0 && e->agg->filter)
            rc = emit_program(p, n->child[0], NULL, &e->agg->filter, 1, true, &c.filter, err);
        if (rc == 0)
            rc = emit_one(p, NULL, n->window->start_offset, &c.start_offset, err);
        if (rc == 0)
            rc = emit_one(p, NULL, n->window->end_offset, &c.end_offset, err);
        items[i] = plan_put(&p->pb, &c, sizeof c);
    }
    w.calls = plan_put_list(&p->pb, items, n->n_calls);
    if (rc == 0)
        *out = plan_put(&p->pb, &w, sizeof w);
    return rc;
}

/* ---- joins ---- */

static int emit_hash_join(struct planner *p, struct pnode *n, const plan_off *kids, plan_off *out, struct err *err)
{
    struct plan_hash_join j = {.join_type = n->join_type, .null_aware = n->null_aware};
    emit_base(p, n, kids, &j.op);
    int rc = emit_columns(p, n->child[0], n->left_keys, n->n_keys, &j.left_keys, err);
    if (rc == 0)
        rc = emit_columns(p, n->child[1], n->right_keys, n->n_keys, &j.right_keys, err);
    if (rc == 0)
        rc = emit_filter_terms(p, n->child[0], n->child[1], n, &j.residual, err);
    if (rc == 0)
        *out = plan_put(&p->pb, &j, sizeof j);
    return rc;
}

static int emit_nested_join(struct planner *p, struct pnode *n, const plan_off *kids, plan_off *out, struct err *err)
{
    struct plan_nested_join j = {.join_type = n->join_type, .null_aware = n->null_aware};
    emit_base(p, n, kids, &j.op);
    int rc = 0;
    if (n->null_aware && n->n_terms) {
        /* NOT IN: the condition's null matters, so it is a value, not a filter. */
        struct expr *all = expr_and(p->arena, n->terms, n->n_terms);
        rc = emit_program(p, n->child[0], n->child[1], &all, 1, false, &j.condition, err);
    } else {
        rc = emit_filter_terms(p, n->child[0], n->child[1], n, &j.condition, err);
    }
    if (rc == 0)
        *out = plan_put(&p->pb, &j, sizeof j);
    return rc;
}

static int emit_lookup_join(struct planner *p, struct pnode *n, const plan_off *kids, plan_off *out, struct err *err)
{
    struct plan_lookup_join j = {.join_type = n->join_type, .full_key = n->full_key, .with_key = n->with_key};
    uint32_t *keys = arena_array(p->arena, uint32_t, n->n_keys + 1);
    emit_base(p, n, kids, &j.op);
    j.schema = (uint16_t)emit_schema(p, n->schema);
    j.columns = plan_put_list(&p->pb, n->ids, n->n_ids);
    j.key = emit_key_parts(p, n->rel->object->relation, n->index && !n->index->primary ? n->index : NULL);
    j.table_oid = n->rel->object->oid;
    j.index_oid = n->index ? n->index->oid : 0;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < n->n_keys; i++)
        rc = emit_one(p, n->child[0], n->left_keys[i], &keys[i], err);
    j.key_programs = plan_put_list(&p->pb, keys, n->n_keys);
    struct pnode right = {.outs = n->rows_exprs, .n_outs = n->n_rows};
    if (rc == 0)
        rc = emit_filter_terms(p, n->child[0], &right, n, &j.residual, err);
    if (rc == 0)
        *out = plan_put(&p->pb, &j, sizeof j);
    return rc;
}

static int emit_apply(struct planner *p, struct pnode *n, const plan_off *kids, plan_off *out, struct err *err)
{
    struct plan_apply a = {.join_type = n->join_type, .memoise = false};
    uint32_t *slots = arena_array(p->arena, uint32_t, n->n_params + 1), *from = arena_array(p->arena, uint32_t, n->n_params + 1);
    emit_base(p, n, kids, &a.op);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < n->n_params; i++) {
        slots[i] = n->params[i].slot;
        rc = column_of(n->child[0], n->params[i].from, &from[i], err);
    }
    a.outer = plan_put_list(&p->pb, slots, n->n_params);
    a.outer_from = plan_put_list(&p->pb, from, n->n_params);
    if (rc == 0)
        rc = emit_filter_terms(p, n->child[0], n->child[1], n, &a.condition, err);
    if (rc == 0)
        *out = plan_put(&p->pb, &a, sizeof a);
    return rc;
}

static int emit_slot_op(struct planner *p, struct pnode *n, const plan_off *kids, plan_off *out)
{
    struct plan_recursive r = {.slot = (uint16_t)n->slot, .distinct = n->distinct}; /* WITH and CTE_SCAN are its prefix */
    emit_base(p, n, kids, &r.op);
    uint32_t size = n->kind == PLAN_OP_RECURSIVE ? sizeof r : n->kind == PLAN_OP_WITH ? sizeof(struct plan_with) : sizeof(struct plan_cte_scan);
    *out = plan_put(&p->pb, &r, size);
    return 0;
}

/* ---- fragments ---- */

static bool travels(const struct expr *e)
{
    return !(expr_traits(e) & (EXPR_HAS_SUBQUERY | EXPR_HAS_SUBPLAN | EXPR_HAS_OUTER | EXPR_WAITS | EXPR_HAS_HOST | EXPR_HAS_VOLATILE |
                               EXPR_HAS_STABLE)); /* stable ones depend on the session, which stays at the gateway */
}

static bool scan_travels(const struct pnode *n)
{
    for (uint32_t i = 0; i < n->n_spans; i++) {
        for (uint32_t k = 0; k < n->spans[i].n_eq; k++)
            if (!travels(n->spans[i].eq[k]))
                return false;
        if ((n->spans[i].low && !travels(n->spans[i].low)) || (n->spans[i].high && !travels(n->spans[i].high)))
            return false;
    }
    for (uint32_t i = 0; i < n->n_tests; i++)
        if (!travels(n->tests[i].value))
            return false;
    return n->lock == 0 && !(n->n_spans && n->rows <= 64);
}

/* The scan below a chain of filters and projections that may run where the data is; NULL = stays at the gateway. */
static const struct pnode *find_fragment_scan(const struct pnode *n)
{
    for (uint32_t i = 0; i < n->n_terms; i++)
        if (!travels(n->terms[i]))
            return NULL;
    if (n->kind == PLAN_OP_SCAN)
        return scan_travels(n) ? n : NULL;
    if (n->kind == PLAN_OP_PROJECT)
        for (uint32_t i = 0; i < n->n_outs; i++)
            if (!travels(n->defs[i]))
                return NULL;
    if (n->kind != PLAN_OP_PROJECT && n->kind != PLAN_OP_FILTER)
        return NULL;
    return find_fragment_scan(n->child[0]);
}

static bool aggregate_splits(const struct pnode *n)
{
    if (n->kind != PLAN_OP_AGGREGATE || n->n_sets || n->grouping)
        return false;
    for (uint32_t i = 0; i < n->n_calls; i++) {
        const struct agg_info *a = agg_info(n->calls[i]->func);
        if (!a || a->order_matters || n->calls[i]->agg->distinct || n->calls[i]->agg->n_order ||
            (n->calls[i]->agg->filter && !travels(n->calls[i]->agg->filter)))
            return false;
    }
    return find_fragment_scan(n->child[0]) != NULL;
}

static int emit_exchange(struct planner *p, struct pnode *n, bool partial, plan_off *out, struct err *err)
{
    const struct pnode *scan = find_fragment_scan(partial ? n->child[0] : n);
    plan_off root;
    struct plan_fragment f = {.place = (int32_t)emit_schema(p, scan->schema)};
    p->in_fragment = true;
    uint32_t pipeline = p->pipeline;
    p->pipeline = p->n_pipelines++;
    int rc;
    if (partial) {
        plan_off kids[2] = {0, 0};
        rc = emit_node(p, n->child[0], &kids[0], err);
        if (rc == 0)
            rc = emit_aggregate_mode(p, n, kids, PLAN_AGG_PARTIAL, &root, err);
    } else {
        rc = emit_plain(p, n, &root, err);
    }
    p->pipeline = pipeline;
    p->in_fragment = false;
    if (rc)
        return rc;
    f.root = root;
    p->fragments = bind_grow(p->b, p->fragments, p->n_fragments, &p->cap_fragments, sizeof *p->fragments);
    uint32_t number = p->n_fragments++;
    p->fragments[number] = plan_put(&p->pb, &f, sizeof f);
    struct plan_exchange x = {.fragment = (uint16_t)number};
    struct pnode shown = *n;
    shown.kind = PLAN_OP_EXCHANGE;
    emit_base(p, &shown, NULL, &x.op);
    if (partial) {
        const struct plan_op *op = (const struct plan_op *)(const void *)(p->pb.data + root);
        x.op.cols = op->cols;
    }
    if (!partial && n->n_order)
        rc = emit_sort_keys(p, n, n->order, n->n_order, &x.merge, err);
    if (rc == 0)
        *out = plan_put(&p->pb, &x, sizeof x);
    return rc;
}

/* ---- dispatch ---- */

static bool is_breaker(uint16_t kind, int child)
{
    switch (kind) {
    case PLAN_OP_SORT: case PLAN_OP_AGGREGATE: case PLAN_OP_DISTINCT: case PLAN_OP_WINDOW: case PLAN_OP_MODIFY: return true;
    case PLAN_OP_HASH_JOIN: case PLAN_OP_NESTED_JOIN: case PLAN_OP_SETOP: case PLAN_OP_WITH: return child == 1;
    default: return false;
    }
}

static int emit_children(struct planner *p, struct pnode *n, plan_off *kids, struct err *err)
{
    for (int i = 0; i < 2; i++) {
        if (!n->child[i])
            continue;
        uint32_t before = p->pipeline;
        if (is_breaker(n->kind, i))
            p->pipeline = p->n_pipelines++;
        int rc = emit_node(p, n->child[i], &kids[i], err);
        p->pipeline = before;
        if (rc)
            return rc;
    }
    return 0;
}

static int emit_plain(struct planner *p, struct pnode *n, plan_off *out, struct err *err)
{
    plan_off kids[2] = {0, 0};
    int rc = emit_children(p, n, kids, err);
    if (rc)
        return rc;
    switch (n->kind) {
    case PLAN_OP_SCAN: return emit_scan(p, n, out, err);
    case PLAN_OP_CATALOG_SCAN: return emit_catalog_scan(p, n, out, err);
    case PLAN_OP_VALUES: return emit_values(p, n, out, err);
    case PLAN_OP_FUNCTION_SCAN: return emit_function_scan(p, n, out, err);
    case PLAN_OP_FILTER: return emit_filter(p, n, kids, out, err);
    case PLAN_OP_PROJECT: return emit_project(p, n, kids, out, err);
    case PLAN_OP_PROJECT_SET: return emit_project_set(p, n, kids, out, err);
    case PLAN_OP_SORT: return emit_sort(p, n, kids, out, err);
    case PLAN_OP_LIMIT: return emit_limit(p, n, kids, out, err);
    case PLAN_OP_DISTINCT: return emit_distinct(p, n, kids, out, err);
    case PLAN_OP_AGGREGATE: return emit_aggregate_mode(p, n, kids, PLAN_AGG_COMPLETE, out, err);
    case PLAN_OP_WINDOW: return emit_window(p, n, kids, out, err);
    case PLAN_OP_HASH_JOIN: return emit_hash_join(p, n, kids, out, err);
    case PLAN_OP_NESTED_JOIN: return emit_nested_join(p, n, kids, out, err);
    case PLAN_OP_LOOKUP_JOIN: return emit_lookup_join(p, n, kids, out, err);
    case PLAN_OP_APPLY: return emit_apply(p, n, kids, out, err);
    case PLAN_OP_WITH: case PLAN_OP_CTE_SCAN: case PLAN_OP_RECURSIVE: return emit_slot_op(p, n, kids, out);
    case PLAN_OP_APPEND: case PLAN_OP_SOURCE: {
        struct plan_append a = {{0}};
        emit_base(p, n, kids, &a.op);
        *out = plan_put(&p->pb, &a, sizeof a);
        return 0;
    }
    case PLAN_OP_SETOP: {
        struct plan_setop s = {.setop = n->setop};
        emit_base(p, n, kids, &s.op);
        *out = plan_put(&p->pb, &s, sizeof s);
        return 0;
    }
    default: return emit_dml(p, n, kids[0], out, err);
    }
}

/* A gather keeps an order by merging: then the keys must be among what is sent. */
static bool order_is_sent(const struct pnode *n)
{
    for (uint32_t i = 0; i < n->n_order; i++)
        if (node_find(n, n->order[i].expr) < 0)
            return false;
    return true;
}

int emit_node(struct planner *p, struct pnode *n, plan_off *out, struct err *err)
{
    if (p->opt->remote && !p->in_fragment) {
        if (aggregate_splits(n)) {
            plan_off kids[2] = {0, 0};
            uint32_t before = p->pipeline;
            p->pipeline = p->n_pipelines++;
            int rc = emit_exchange(p, n, true, &kids[0], err);
            p->pipeline = before;
            return rc ? rc : emit_aggregate_mode(p, n, kids, PLAN_AGG_FINAL, out, err);
        }
        if (find_fragment_scan(n) && order_is_sent(n))
            return emit_exchange(p, n, false, out, err);
    }
    return emit_plain(p, n, out, err);
}

/* ---- the whole ---- */

static struct plan_list emit_result_columns(struct planner *p, const struct target *targets, uint32_t n)
{
    uint32_t *items = arena_array(p->arena, uint32_t, n + 1), count = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (targets[i].junk)
            continue;
        struct plan_result_column c = {.name = plan_put_str(&p->pb, targets[i].name), .type_oid = targets[i].expr->type,
                                       .typmod = targets[i].expr->typmod, .table_oid = targets[i].table_oid, .attnum = targets[i].attnum};
        items[count++] = plan_put(&p->pb, &c, sizeof c);
    }
    return plan_put_list(&p->pb, items, count);
}

static struct plan_list emit_schemas(struct planner *p)
{
    uint32_t *items = arena_array(p->arena, uint32_t, p->n_schemas + 1);
    for (uint32_t i = 0; i < p->n_schemas; i++) {
        struct buf bytes;
        buf_init(&bytes);
        kv_schema_encode(p->schemas[i], &bytes);
        struct plan_bytes b = {.len = (uint32_t)bytes.len, .at = plan_put(&p->pb, bytes.data, (uint32_t)bytes.len)};
        items[i] = plan_put(&p->pb, &b, sizeof b);
        buf_done(&bytes);
    }
    return plan_put_list(&p->pb, items, p->n_schemas);
}

int emit_plan(struct planner *p, struct query *q, struct pnode *root, struct plan *out, struct err *err)
{
    plan_builder_init(&p->pb, p->arena);
    p->n_pipelines = 1;
    p->fragments = bind_grow(p->b, p->fragments, 0, &p->cap_fragments, sizeof *p->fragments);
    p->n_fragments = 1;
    struct plan_fragment f = {.place = -1};
    int rc = emit_node(p, root, &f.root, err);
    if (rc)
        return rc;
    if (p->n_ops > UINT16_MAX || p->n_pipelines > UINT16_MAX || p->n_schemas > UINT16_MAX)
        return err_set(err, ERR_STATEMENT_TOO_COMPLEX, "the statement's plan has too many operators");
    p->fragments[0] = plan_put(&p->pb, &f, sizeof f);
    bool dml = q->command != PLAN_SELECT;
    struct plan_header h = {.command = q->command, .catalog_version = catalog_version(p->opt->view->catalog)};
    h.flags = (p->writes || dml ? 0 : PLAN_READ_ONLY) | (!dml || q->n_returning ? PLAN_RETURNS_ROWS : 0) | (p->is_volatile ? PLAN_VOLATILE : 0);
    h.fragments = plan_put_list(&p->pb, p->fragments, p->n_fragments);
    h.subplans = plan_put_list(&p->pb, p->subplans, p->n_subplans);
    h.schemas = emit_schemas(p);
    h.depends = plan_put_list(&p->pb, p->b->depends, p->b->n_depends);
    h.params = plan_put_list(&p->pb, p->b->param_types, p->b->n_params);
    h.columns = dml ? emit_result_columns(p, q->returning, q->n_returning) : emit_result_columns(p, q->targets, q->n_targets);
    h.n_pipelines = p->n_pipelines;
    h.n_outer = p->b->n_outer;
    h.n_ctes = p->b->n_ctes;
    h.cost_est = (float)root->cost;
    return plan_finish(&p->pb, &h, p->arena, out, err);
}
