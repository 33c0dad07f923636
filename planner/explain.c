/* explain.c: a plan as EXPLAIN's lines. */
#include <string.h>

#include "base/buf.h"
#include "base/stack.h"
#include "planner/planner.h"

struct explain {
    const struct plan *plan;
    const struct plan_actual *actual;
    bool costs, timing;
    struct buf *out;
    plan_off at;
    uint32_t depth;
    bool first;
};

static void put_indent(struct explain *x, uint32_t depth, bool arrow)
{
    if (depth == 0)
        return;
    for (uint32_t i = 0; i + 1 < depth; i++)
        buf_put_text(x->out, "      ");
    buf_put_text(x->out, arrow ? "  ->  " : "      ");
}

static void put_detail_indent(struct explain *x, uint32_t depth)
{
    for (uint32_t i = 0; i < depth; i++)
        buf_put_text(x->out, "      ");
    buf_put_text(x->out, "  ");
}

static void put_details(struct explain *x, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        put_detail_indent(x, x->depth);
        buf_put(x->out, text, len);
        buf_put_text(x->out, "\n");
        text += len + (text[len] == '\n');
    }
}

static void put_counters(struct explain *x, const struct plan_op *op, const struct plan_actual *a)
{
    if (op->kind == PLAN_OP_SCAN || op->kind == PLAN_OP_LOOKUP_JOIN) {
        put_detail_indent(x, x->depth);
        buf_printf(x->out, "Storage: tablets=%llu blocks read=%llu pruned=%llu columns decoded=%llu values decoded=%llu remote requests=%llu\n",
                   (unsigned long long)a->tablets, (unsigned long long)a->blocks_read, (unsigned long long)a->blocks_pruned,
                   (unsigned long long)a->columns_decoded, (unsigned long long)a->values_decoded,
                   (unsigned long long)a->remote_requests);
    }
    if (a->network_bytes) {
        put_detail_indent(x, x->depth);
        buf_printf(x->out, "Network: %llu bytes\n", (unsigned long long)a->network_bytes);
    }
    if (a->memory_bytes) {
        put_detail_indent(x, x->depth);
        buf_printf(x->out, "Memory: %llukB\n", (unsigned long long)(a->memory_bytes + 1023) / 1024);
    }
}

static int explain_op(void *arg)
{
    struct explain *x = arg;
    const struct plan_op *op = plan_at(x->plan, x->at, struct plan_op);
    const struct plan_actual *a = x->actual ? &x->actual[op->id] : NULL;
    put_indent(x, x->depth, true);
    buf_put_text(x->out, plan_str(x->plan, op->title));
    if (x->costs)
        buf_printf(x->out, "  (cost=0.00..%.2f rows=%.0f width=0)", (double)op->cost_est, (double)op->rows_est);
    if (a && a->executed && x->timing)
        buf_printf(x->out, " (actual time=%.3f rows=%llu loops=%llu)", (double)a->time_ns / 1e6, (unsigned long long)a->rows,
                   (unsigned long long)a->loops);
    else if (a && a->executed)
        buf_printf(x->out, " (actual rows=%llu loops=%llu)", (unsigned long long)a->rows, (unsigned long long)a->loops);
    else if (a)
        buf_put_text(x->out, " (never executed)");
    buf_put_text(x->out, "\n");
    put_details(x, plan_str(x->plan, op->details));
    if (a && a->executed)
        put_counters(x, op, a);
    plan_off children[3] = {op->children[0], op->children[1], 0};
    if (op->kind == PLAN_OP_EXCHANGE) {
        uint16_t fragment = ((const struct plan_exchange *)op)->fragment;
        children[0] = plan_at(x->plan, plan_list_get(x->plan, plan_head(x->plan)->fragments, fragment), struct plan_fragment)->root;
        children[1] = 0;
    }
    for (int i = 0; children[i]; i++) {
        struct explain child = *x;
        child.at = children[i];
        child.depth = x->depth + 1;
        if (stack_call(explain_op, &child, NULL) != 0)
            return 0;
    }
    return 0;
}

void plan_explain(const struct plan *plan, const struct plan_actual *actual, bool costs, bool timing, struct buf *out)
{
    const struct plan_header *h = plan_head(plan);
    struct explain x = {.plan = plan, .actual = actual, .costs = costs, .timing = timing, .out = out};
    x.at = plan_at(plan, plan_list_get(plan, h->fragments, 0), struct plan_fragment)->root;
    explain_op(&x);
    for (uint32_t i = 0; i < h->subplans.n; i++) {
        struct explain sub = x;
        buf_printf(out, "  SubPlan %u\n", i + 1);
        sub.at = plan_at(plan, plan_list_get(plan, h->subplans, i), struct plan_subplan)->root;
        sub.depth = 1;
        explain_op(&sub);
    }
}
