#include "planner/planner.h"

#include <string.h>

#include "planner/opt/opt_int.h"

static void init_binder(struct binder *b, const struct planner_options *options, struct arena *arena)
{
    *b = (struct binder){.opt = options, .view = options->view, .arena = arena, .bound_rel = UINT32_MAX};
    for (uint32_t i = 0; i < options->n_param_types; i++) {
        b->param_types = bind_grow(b, b->param_types, b->n_params, &b->cap_params, sizeof *b->param_types);
        b->param_types[b->n_params++] = options->param_types[i];
    }
}

static int check_params(struct binder *b, struct err *err)
{
    for (uint32_t i = 0; i < b->n_params; i++)
        if (b->param_types[i] == 0 || b->param_types[i] == TYPE_UNKNOWN)
            return err_set(err, ERR_INDETERMINATE_DATATYPE, "could not determine data type of parameter $%u", i + 1);
    return 0;
}

/* Room for what rewriting may still add. */
static void alloc_used(struct planner *p)
{
    p->used = arena_array(p->arena, uint64_t *, p->b->n_rels + 1);
    for (uint32_t i = 0; i < p->b->n_rels; i++)
        p->used[i] = arena_array(p->arena, uint64_t, p->b->rels[i]->n_columns / 64 + 1);
}

static int plan_bound(struct binder *b, struct query *q, struct arena *arena, struct plan *out, struct err *err)
{
    struct planner p = {.b = b, .opt = b->opt, .arena = arena};
    int rc = check_params(b, err);
    if (rc == 0)
        rc = rewrite_query(&p, q, err);
    if (rc)
        return rc;
    alloc_used(&p);
    mark_used(&p, q);
    struct pnode *root;
    if (q->command == PLAN_SELECT)
        rc = plan_query(&p, q, false, &root, err);
    else
        rc = plan_dml(&p, q, &root, err);
    return rc ? rc : emit_plan(&p, q, root, out, err);
}

int plan_statement(const struct ast_node *stmt, const struct planner_options *options, struct arena *arena,
                   struct plan *out, struct err *err)
{
    struct binder b;
    struct query *q;
    int rc;
    init_binder(&b, options, arena);
    switch ((enum ast_tag)stmt->tag) {
    case AST_select_stmt: rc = bind_query(&b, NULL, stmt, false, &q, err); break;
    case AST_insert_stmt: rc = bind_insert(&b, ast_to(insert_stmt, stmt), &q, err); break;
    case AST_update_stmt: rc = bind_update(&b, ast_to(update_stmt, stmt), &q, err); break;
    case AST_delete_stmt: rc = bind_delete(&b, ast_to(delete_stmt, stmt), &q, err); break;
    case AST_merge_stmt: return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "MERGE is not supported");
    default: return err_set(err, ERR_INTERNAL_ERROR, "%s cannot be planned", ast_info((enum ast_tag)stmt->tag)->name);
    }
    return rc ? rc : plan_bound(&b, q, arena, out, err);
}

/* ---- COPY FROM ---- */

/* INSERT INTO t (columns) SELECT <source columns>: the source is pushed from outside. */
static int copy_row(struct binder *b, struct query *q, struct rel *target, struct rel *source, const struct ast_list *columns,
                    struct err *err)
{
    const struct cat_relation *r = target->object->relation;
    uint32_t width = row_width(r), n = 0;
    source->columns = arena_array(b->arena, struct rel_column, width + 1);
    struct expr **row = arena_array(b->arena, struct expr *, width + 1);
    for (uint32_t i = 0; i < (columns ? ast_count(columns) : r->n_columns); i++) {
        const struct cat_column *c = columns ? cat_column_named(r, ast_string_at(columns, i)) : &r->columns[i];
        if (!c)
            return err_set(err, ERR_UNDEFINED_COLUMN, "column \"%s\" of relation \"%s\" does not exist", ast_string_at(columns, i),
                           target->object->name);
        if (c->dropped || (!columns && c->generated_expr))
            continue;
        if (c->generated_expr)
            return err_set(err, ERR_INVALID_COLUMN_REFERENCE, "column \"%s\" is a generated column", c->name);
        source->columns[n] = (struct rel_column){.name = c->name, .type = c->type_oid, .typmod = c->typmod};
        row[row_position(r, c->attnum)] = expr_column(b->arena, source->number, n++, c->type_oid, c->typmod);
    }
    source->n_columns = source->n_visible = n;
    q->targets = arena_array(b->arena, struct target, width + 1);
    q->n_targets = width;
    for (uint32_t i = 0, at = 0; i < r->n_columns; i++) {
        const struct cat_column *c = &r->columns[i];
        if (c->dropped)
            continue;
        if (!row[at]) {
            int rc = bind_default_of(b, target->object, c, &row[at], err);
            if (rc)
                return rc;
        }
        q->targets[at].expr = row[at];
        q->targets[at].name = c->name;
        at++;
    }
    return bind_generated(b, target, q->targets, err);
}

int plan_copy_from(const struct cat_object *table, const struct ast_list *columns, const struct ast_node *where,
                   const struct planner_options *options, struct arena *arena, struct plan *out,
                   struct err *err)
{
    struct binder b;
    init_binder(&b, options, arena);
    if (where)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "COPY FROM ... WHERE is not supported");
    struct query *q = arena_new(arena, struct query);
    struct rel *target = bind_object_rel(&b, table), *source = bind_new_rel(&b, REL_VALUES, "*COPY*");
    q->command = PLAN_INSERT;
    q->target_rel = target->number;
    int rc = copy_row(&b, q, target, source, columns, err);
    if (rc)
        return rc;
    source->is_source = true;
    q->from = bind_leaf(&b, source);
    return plan_bound(&b, q, arena, out, err);
}
