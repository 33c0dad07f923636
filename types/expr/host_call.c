#include "types/expr/host.h"
#include "types/func/kernels.h"

/* The kernel of every function the host answers (host.def): one call a row. */

struct host_entry {
    uint32_t oid;
    enum host_func func;
    bool waits;
};

#define HOST(NAME, oid_, waits_) {.oid = oid_, .func = HOST_##NAME, .waits = waits_},
static const struct host_entry entries[] = {
#include "types/expr/host.def"
};
#undef HOST

static const struct host_entry *find_entry(uint32_t oid)
{
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        if (entries[i].oid == oid)
            return &entries[i];
    return NULL;
}

static int call_host(struct func_call *call, const struct host_entry *entry,
                     const struct datum *args, struct datum *out, struct err *err)
{
    struct expr_host *host = call->host;
    if (!entry->waits)
        return host->call(host, entry->func, args, call->n_args, call->arena, out, err);
    return host->wait_call(call->task, host, entry->func, args, call->n_args, call->arena, out,
                           err);
}

int kernel_host(struct func_call *call, struct err *err)
{
    const struct host_entry *entry = find_entry(call->info->oid);
    if (!entry || !call->host || (entry->waits ? !call->host->wait_call : !call->host->call))
        return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "function %s is not available here",
                       call->info->name);
    struct datum *args = arena_array(call->arena, struct datum, call->n_args + 1);
    for (uint32_t i = 0; i < call->n; i++) {
        uint32_t row = call->sel ? call->sel[i] : i;
        for (uint32_t k = 0; k < call->n_args; k++)
            args[k] = vec_datum(&call->args[k], row);
        struct datum out = {.kind = call->out->kind, .dec_scale = -1};
        call->host->rows_ahead = call->n - i;
        int rc = call_host(call, entry, args, &out, err);
        if (rc) {
            call->failed = i;
            return rc;
        }
        vec_put(call->out, row, &out, call->arena);
    }
    return 0;
}
