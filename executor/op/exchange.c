/* exchange.c: EXCHANGE: rows of a fragment that runs where its data is led.
 *
 * Without a transport (env.remote NULL), or when every shard is led here, the fragment's tree runs in place. Otherwise remote.h starts
 * one instance a node, over the shards that node leads now, and this operator merges or concatenates what they send.
 */
#include <string.h>

#include "executor/exec_int.h"
#include "executor/remote.h"
#include "types/type/type.h"

struct source {
    struct op *local;            /* NULL: remote */
    struct remote_stream *remote;
    struct batch *held;          /* merge: the batch in hand */
    uint32_t at;
    bool done;
    struct buf key;              /* of the row in hand */
};

struct exchange_op {
    struct op op;
    const struct plan_exchange *plan;
    uint32_t n_sources;
    struct source *sources;
    uint32_t current;
    bool opened;
};

static int open_sources(struct exchange_op *e, struct err *err)
{
    struct exec *x = e->op.x;
    const struct plan *bytes = &x->plan->plan;
    const struct plan_fragment *f = plan_at(bytes, plan_list_get(bytes, x->plan->head->fragments, e->plan->fragment), struct plan_fragment);
    struct remote_place places[REMOTE_NODES_MAX];
    uint32_t n = x->env.remote ? remote_places(x->env.remote, x->env.kv, x->plan->schemas[f->place], places) : 0;
    bool all_here = n == 1 && places[0].node == kv_self(x->env.kv);
    if (n == 0 || all_here) {
        e->n_sources = 1;
        e->sources = op_alloc(x, sizeof *e->sources);
        e->opened = true;
        return op_create(x, f->root, &e->sources[0].local, err);
    }
    e->sources = op_alloc(x, sizeof *e->sources * n);
    for (uint32_t i = 0; i < n; i++) {
        struct source *s = &e->sources[e->n_sources++];
        buf_init(&s->key);
        int rc = remote_start(x->env.task, x->env.remote, x, e->plan->fragment, &places[i], &s->remote, err);
        if (rc)
            return rc;
    }
    e->opened = true;
    return 0;
}

static int pull_source(struct exchange_op *e, struct source *s, uint32_t rows_max, struct batch **out, struct err *err)
{
    *out = NULL;
    if (s->done)
        return 0;
    int rc = s->local ? op_next(s->local, rows_max, out, err) : remote_next(e->op.x->env.task, s->remote, out, &e->op.actual, err);
    if (rc == 0 && !*out)
        s->done = true;
    if (rc && s->remote && e->op.x->env.txn)
        kv_txn_note_error(e->op.x->env.txn, err);
    return rc;
}

/* ---- merging sorted sources ---- */

static void make_key(struct exchange_op *e, struct source *s)
{
    const struct plan *bytes = &e->op.x->plan->plan;
    buf_reset(&s->key);
    for (uint32_t i = 0; i < e->plan->merge.n; i++) {
        const struct plan_sort_key *k = plan_at(bytes, plan_list_get(bytes, e->plan->merge, i), struct plan_sort_key);
        struct datum d = vec_datum(&s->held->cols[k->column], batch_row(s->held, s->at));
        type_key_append(&s->key, k->type_oid, k->desc, k->nulls_first, &d);
    }
}

static int refill(struct exchange_op *e, struct source *s, struct err *err)
{
    while (!s->done && (!s->held || s->at == batch_count(s->held))) {
        batch_destroy(s->held);
        s->held = NULL;
        s->at = 0;
        int rc = pull_source(e, s, BATCH_ROWS, &s->held, err);
        if (rc)
            return rc;
        if (s->held)
            for (uint32_t c = 0; c < s->held->n_cols; c++)
                vec_flatten(&s->held->cols[c], s->held->sel, s->held->n_sel, s->held->arena);
    }
    if (!s->done)
        make_key(e, s);
    return 0;
}

static int next_merged(struct exchange_op *e, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct exec *x = e->op.x;
    const struct plan_col *cols = plan_at(&x->plan->plan, e->op.plan->cols, struct plan_col);
    uint32_t n_cols = e->op.plan->n_cols, n = 0;
    for (uint32_t i = 0; i < e->n_sources; i++) {
        int rc = e->sources[i].held || e->sources[i].done ? 0 : refill(e, &e->sources[i], err);
        if (rc)
            return rc;
    }
    struct batch *b = batch_for(x, n_cols);
    for (uint32_t c = 0; c < n_cols; c++)
        vec_alloc(&b->cols[c], (enum phys_kind)cols[c].kind, rows_max, b->arena);
    while (n < rows_max) {
        struct source *best = NULL;
        for (uint32_t i = 0; i < e->n_sources; i++) {
            struct source *s = &e->sources[i];
            if (!s->done && (!best || key_compare(s->key.data, s->key.len, best->key.data, best->key.len) < 0))
                best = s;
        }
        if (!best)
            break;
        for (uint32_t c = 0; c < n_cols; c++) {
            struct datum d = vec_datum(&best->held->cols[c], batch_row(best->held, best->at));
            vec_put_value(&b->cols[c], n, cols[c].type_oid, &d, b->arena);
        }
        n++;
        best->at++;
        int rc = best->at == batch_count(best->held) ? refill(e, best, err) : (make_key(e, best), 0);
        if (rc) {
            batch_destroy(b);
            return rc;
        }
    }
    b->n_rows = n;
    for (uint32_t c = 0; c < n_cols; c++)
        b->cols[c].n = n;
    if (n == 0) {
        batch_destroy(b);
        b = NULL;
    }
    *out = b;
    return 0;
}

static int next_exchange(struct op *op, uint32_t rows_max, struct batch **out, struct err *err)
{
    struct exchange_op *e = (struct exchange_op *)op;
    if (!e->opened) {
        int rc = open_sources(e, err);
        if (rc)
            return rc;
    }
    if (e->plan->merge.n && e->n_sources > 1)
        return next_merged(e, rows_max, out, err);
    while (e->current < e->n_sources) {
        int rc = pull_source(e, &e->sources[e->current], e->sources[e->current].local ? rows_max : BATCH_ROWS, out, err);
        if (rc || *out)
            return rc;
        e->current++;
    }
    return 0;
}

static void close_sources(struct exchange_op *e)
{
    for (uint32_t i = 0; i < e->n_sources; i++) {
        struct source *s = &e->sources[i];
        batch_destroy(s->held);
        buf_done(&s->key);
        if (s->local)
            op_close(s->local);
        if (s->remote)
            remote_stop(e->op.x->env.task, s->remote, &e->op.actual);
    }
    e->n_sources = 0;
    e->opened = false;
    e->current = 0;
}

static void rewind_exchange(struct op *op)
{
    close_sources((struct exchange_op *)op);
}

static const struct op_vtable exchange_vtable = {next_exchange, rewind_exchange, rewind_exchange};

int op_plan_exchange(struct exec *x, const struct plan_exchange *plan, struct op **out, struct err *err)
{
    if (plan->exchange != 0)
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "exchange kind %u is not supported", plan->exchange);
    int rc = op_new(x, &plan->op, sizeof(struct exchange_op), &exchange_vtable, out, err);
    if (rc == 0)
        ((struct exchange_op *)*out)->plan = plan;
    return rc;
}
