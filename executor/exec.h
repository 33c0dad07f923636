/* exec.h: running a plan.
 *
 *   exec_plan_load(plan) -> exec_open(plan, env) -> exec_next ... -> exec_close
 *
 * A plan is a tree of operators pulled from the top (Volcano) in batches of at most BATCH_ROWS rows (MonetDB/X100). Each execution belongs
 * to one fiber; an operator that waits (storage, network, a sequence) just sleeps in it.
 *
 * Demand. exec_next(rows_max) gives at most rows_max rows and never computes a row its consumer cannot use where computing it may fail or
 * has side effects. Rows before a failing row are delivered first; the error is raised when more is asked for.
 *
 * Ownership. A batch handed out belongs to the caller (batch_destroy). Its long bytes may point into the execution's own memory (the build
 * side of a join): it is used up before exec_close.
 *
 * Memory is charged to env->account; passing its limit is 53200, naming the operator.
 *
 * Writing operators run inside exec_next; a statement without RETURNING gives its result at the first call (NULL) and exec_affected then
 * counts its rows.
 */
#ifndef CAIRN_EXECUTOR_EXEC_H
#define CAIRN_EXECUTOR_EXEC_H

#include "planner/catalog/system_table.h"
#include "planner/plan.h"
#include "planner/planner.h"
#include "storage/kv.h"
#include "types/expr/expr.h"

struct exec;
struct exec_plan;
struct exec_remote; /* fragments on other nodes: executor/exchange.h */

/* A plan ready to run: checked, its schemas decoded. Immutable and counted; may be shared by executions of one core. */
int exec_plan_load(const struct plan *plan, struct exec_plan **out, struct err *err) MUST_CHECK;
struct exec_plan *exec_plan_ref(struct exec_plan *p);
void exec_plan_unref(struct exec_plan *p);
const struct plan *exec_plan_bytes(const struct exec_plan *p);
/* The storages it reads or writes, for kv_stmt_begin. */
const struct kv_schema *const *exec_plan_schemas(const struct exec_plan *p, uint32_t *n);

struct exec_env {
    struct task *task;
    struct kv *kv;
    struct kv_txn *txn;           /* NULL in a fragment away from the gateway */
    const struct kv_read *read;   /* copied */
    const struct datum *params;
    uint32_t n_params;
    struct expr_host *host;
    const struct catalog_view *view;      /* CATALOG_SCAN */
    const struct system_source *system;
    struct exec_remote *remote;   /* NULL: every fragment runs here, reading through kv */
    struct mem_account *account;
    bool timing;                  /* measure each operator's time */
    /* Rows for a SOURCE operator (COPY FROM): *out NULL at the end. */
    int (*source)(void *ctx, struct task *task, uint32_t rows_max, struct batch **out, struct err *err);
    void *source_ctx;
    /* A fragment: run this tree on these shards only. */
    uint32_t fragment;
    const uint16_t *shards;
    uint16_t n_shards;
    uint64_t (*row_id)(void *ctx); /* hidden row ids: cluster-unique, rising */
    void *row_id_ctx;
};

/* env is copied; what it points to must outlive the execution. */
int exec_open(struct exec_plan *plan, const struct exec_env *env, struct exec **out, struct err *err) MUST_CHECK;
/* *out = NULL at the end. */
int exec_next(struct exec *x, uint32_t rows_max, struct batch **out, struct err *err) MUST_CHECK;
uint64_t exec_affected(const struct exec *x);
/* Array by operator id, plan_header's operators; valid until exec_close. */
const struct plan_actual *exec_actuals(struct exec *x);
/* A portal continued in a later message runs on another statement's fiber. */
void exec_set_task(struct exec *x, struct task *task);
void exec_close(struct exec *x);

#endif
