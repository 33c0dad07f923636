/* host.h: what expressions need from above: the one door from types/ up, implemented by server/sql.
 *
 * Functions whose answer lies in the catalog, the session or the cluster are listed in host.def by
 * their PostgreSQL OID. Kernels here check strictness and loop over rows; the host answers one call
 * at a time. `call` cannot wait (catalog snapshot, session state, settings); `wait_call` may
 * (sequences, sleep, advisory locks) and therefore takes a task.
 *
 * A host belongs to one statement on one node. Fragments on other nodes have a host too, with the
 * statement context of the start message; which entries are allowed there is the planner's business
 * (programs say what they use).
 *
 * Invariants
 * 1. The clock entries are constant as PostgreSQL has them: transaction start for now(), statement
 * start for statement_timestamp(); only clock_now moves.
 * 2. Results of `call`/`wait_call` live in the arena passed, or are constants.
 */
#ifndef CAIRN_TYPES_EXPR_HOST_H
#define CAIRN_TYPES_EXPR_HOST_H

#include "types/func/func.h"

enum host_func {
    HOST_FUNC_NONE,
#define HOST(NAME, oid, waits) HOST_##NAME,
#include "types/expr/host.def"
#undef HOST
    HOST_FUNC_COUNT
};

struct expr_host {
    struct type_env env; /* time zone, output styles, reg* names, now_us = transaction start */
    int64_t stmt_now_us; /* statement start, us since 2000-01-01 UTC */
    /* Wall clock now, us since 2000-01-01 UTC. */
    int64_t (*clock_now)(struct expr_host *host);
    uint64_t (*random_u64)(
        struct expr_host *host); /* uniform; the session's generator (setseed seeds it) */
    /* Answers one row. args may be null only for functions that are not strict. out->kind is preset
     * to the result type's. */
    int (*call)(struct expr_host *host, enum host_func func, const struct datum *args,
                uint32_t n_args, struct arena *arena, struct datum *out, struct err *err);
    int (*wait_call)(struct task *task, struct expr_host *host, enum host_func func,
                     const struct datum *args, uint32_t n_args, struct arena *arena,
                     struct datum *out, struct err *err);
    uint32_t
        rows_ahead; /* during wait_call: calls of this batch still to come, this one included */
    void *ctx;      /* the implementer's */
};

#endif
