/* Clocks and randomness: kernels that ask the environment or the host. */
#include "types/expr/host.h"
#include "types/func/kern.h"
#include "types/type/datetime.h"

static int no_host(const struct func_call *call, struct err *err)
{
    return err_set(err, ERR_FEATURE_NOT_SUPPORTED, "function %s is not available here",
                   call->info->name);
}

static int same_instant(struct func_call *call, int64_t us)
{
    for (uint32_t i = 0; i < call->n; i++)
        out_i64(call, call_row(call, i), us);
    return 0;
}

/* The transaction's start. */
KERNEL(now)
{
    return same_instant(call, call->env->now_us);
}

KERNEL(statement_timestamp)
{
    return call->host ? same_instant(call, call->host->stmt_now_us) : no_host(call, err);
}

KERNEL(clock_timestamp)
{
    if (!call->host || !call->host->clock_now)
        return no_host(call, err);
    for (uint32_t i = 0; i < call->n; i++)
        out_i64(call, call_row(call, i), call->host->clock_now(call->host));
    return 0;
}

/* Wall clock in the style of "Wed Dec 17 07:37:16.000000 1997 PST". */
KERNEL(timeofday)
{
    if (!call->host || !call->host->clock_now)
        return no_host(call, err);
    struct type_env env = *call->env;
    env.date_style = TYPE_STYLE_POSTGRES;
    for (uint32_t i = 0; i < call->n; i++) {
        struct buf text = {0};
        timestamp_out(&env, call->host->clock_now(call->host), true, &text);
        out_bytes(call, call_row(call, i), text.data, text.len);
        buf_done(&text);
    }
    return 0;
}

/* [0, 1) with all 53 bits. */
KERNEL(drandom)
{
    if (!call->host || !call->host->random_u64)
        return no_host(call, err);
    for (uint32_t i = 0; i < call->n; i++)
        out_f64(call, call_row(call, i),
                (double)(call->host->random_u64(call->host) >> 11) * 0x1p-53);
    return 0;
}

KERNEL(gen_random_uuid)
{
    if (!call->host || !call->host->random_u64)
        return no_host(call, err);
    for (uint32_t i = 0; i < call->n; i++) {
        uint64_t words[2] = {call->host->random_u64(call->host),
                             call->host->random_u64(call->host)};
        uint8_t uuid[16];
        memcpy(uuid, words, sizeof uuid);
        uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40); /* version 4, variant 1 */
        uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
        out_bytes(call, call_row(call, i), uuid, sizeof uuid);
    }
    return 0;
}
