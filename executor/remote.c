/* remote.c: fragments over rpc streams: one stream a fragment instance.
 *
 *   start := plan hash (8) has_plan (1) [plan length (4) plan] fragment (4) n_shards (4) shards (2 each)
 *            n_params (4) params (row.h's columns, length-prefixed) kv_read length (4) kv_read
 *   answer elements: 'B' batch | 'P' plan unknown, send it | 'S' statistics (last)
 */
#include "executor/remote.h"

#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"
#include "base/row.h"
#include "base/rpc.h"
#include "executor/batch_codec.h"
#include "executor/exec_int.h"

enum { METHOD_FRAGMENT = 128, PLANS_MAX = 256, STATS_BYTES = 68 };

struct exec_remote {
    struct rpc *rpc;
    struct kv *kv;
    struct intmap plans; /* hash -> struct exec_plan: plans peers sent here */
    struct intmap known; /* hash mixed with node -> (void *)1: peers that have a plan of ours */
};

struct remote_stream {
    struct exec_remote *remote;
    struct rpc_stream *stream;
    struct exec *x;
    uint32_t fragment;
    struct remote_place place;
    bool ended, with_plan;
    uint64_t bytes, noted;
};

/* ---- gateway ---- */

uint32_t remote_places(struct exec_remote *r, struct kv *kv, const struct kv_schema *schema, struct remote_place *places)
{
    node_id nodes[1024];
    uint32_t n = 0;
    if (schema->n_shards > 1024)
        return 0;
    kv_place(kv, schema, nodes);
    for (uint16_t s = 0; s < schema->n_shards; s++) {
        if (nodes[s] == 0)
            return 0;
        uint32_t at = 0;
        while (at < n && places[at].node != nodes[s])
            at++;
        if (at == REMOTE_NODES_MAX)
            return 0;
        if (at == n)
            places[n++] = (struct remote_place){.node = nodes[s]};
        places[at].shards[places[at].n_shards++] = s;
    }
    return n;
}

static uint64_t known_key(uint64_t hash, node_id node)
{
    return hash_combine(hash, node);
}

static void encode_start(struct remote_stream *s, struct buf *out)
{
    struct exec *x = s->x;
    const struct plan *plan = &x->plan->plan;
    struct buf part;
    buf_init(&part);
    buf_put_le64(out, plan->hash);
    buf_put_u8(out, s->with_plan);
    if (s->with_plan) {
        buf_put_le32(out, plan->size);
        buf_put(out, plan->data, plan->size);
    }
    buf_put_le32(out, s->fragment);
    buf_put_le32(out, s->place.n_shards);
    for (uint32_t i = 0; i < s->place.n_shards; i++)
        buf_put_le16(out, s->place.shards[i]);
    row_begin(&part);
    for (uint32_t i = 0; i < x->env.n_params; i++)
        row_append(&part, i, &x->env.params[i]);
    buf_put_le32(out, x->env.n_params);
    buf_put_le32(out, (uint32_t)part.len);
    buf_put(out, part.data, part.len);
    buf_reset(&part);
    kv_read_encode(&x->read, &part);
    buf_put_le32(out, (uint32_t)part.len);
    buf_put(out, part.data, part.len);
    buf_done(&part);
}

static int open_stream(struct task *task, struct remote_stream *s, struct err *err)
{
    struct buf msg;
    buf_init(&msg);
    encode_start(s, &msg);
    struct rpc_call call = {.to = s->place.node, .method = METHOD_FRAGMENT, .cls = RPC_STATEMENT, .msg = msg.data, .msg_len = msg.len};
    s->bytes += msg.len;
    int rc = rpc_stream_open(task, s->remote->rpc, &call, &s->stream, err);
    buf_done(&msg);
    return rc;
}

int remote_start(struct task *task, struct exec_remote *r, struct exec *x, uint32_t fragment, const struct remote_place *place,
                 struct remote_stream **out, struct err *err)
{
    struct remote_stream *s = calloc(1, sizeof *s);
    *s = (struct remote_stream){.remote = r, .x = x, .fragment = fragment, .place = *place};
    s->with_plan = !intmap_get(&r->known, known_key(x->plan->plan.hash, place->node));
    int rc = open_stream(task, s, err);
    if (rc) {
        free(s);
        return rc;
    }
    intmap_put(&r->known, known_key(x->plan->plan.hash, place->node), r);
    *out = s;
    return 0;
}

/* Actuals of the fragment's operators on that node, added up over nodes. */
static void take_stats(struct remote_stream *s, const struct rpc_in *in)
{
    struct exec *x = s->x;
    if (!x->remote_actuals)
        x->remote_actuals = op_alloc(x, sizeof *x->remote_actuals * (x->n_ops + 1));
    const uint8_t *p = in->payload, *end = in->payload + in->payload_len;
    for (; (size_t)(end - p) >= STATS_BYTES; p += STATS_BYTES) {
        uint32_t id = load_le32(p);
        if (id >= x->n_ops)
            return;
        struct plan_actual *a = &x->remote_actuals[id];
        uint64_t columns = load_le64(p + 52);
        a->executed = true;
        a->loops++;
        a->rows += load_le64(p + 4);
        a->time_ns += load_le64(p + 12);
        a->blocks_read += load_le64(p + 20);
        a->blocks_pruned += load_le64(p + 28);
        a->values_decoded += load_le64(p + 36);
        a->tablets += load_le64(p + 44);
        a->columns_decoded = columns > a->columns_decoded ? columns : a->columns_decoded;
        a->memory_bytes += load_le64(p + 60);
    }
}

/* What travelled since the last look. */
static void note_bytes(struct remote_stream *s, struct plan_actual *actual)
{
    actual->network_bytes += s->bytes - s->noted;
    s->noted = s->bytes;
}

int remote_next(struct task *task, struct remote_stream *s, struct batch **out, struct plan_actual *actual, struct err *err)
{
    *out = NULL;
    while (!s->ended) {
        enum rpc_recv_result result;
        struct rpc_in in;
        int rc = rpc_stream_recv(task, s->stream, &result, &in, err);
        if (rc)
            return rc;
        if (result == RPC_END) {
            s->ended = true;
            break;
        }
        s->bytes += in.msg_len + in.payload_len;
        note_bytes(s, actual);
        switch (in.msg_len ? in.msg[0] : 0) {
        case 'B': return batch_decode(in.payload, in.payload_len, s->x->env.account, out, err);
        case 'S': take_stats(s, &in); break;
        case 'P':
            if (s->with_plan)
                return err_set(err, ERR_INTERNAL_ERROR, "node %u refuses a plan it was sent", s->place.node);
            rpc_stream_close(task, s->stream);
            s->stream = NULL;
            s->with_plan = true;
            rc = open_stream(task, s, err);
            if (rc)
                return rc;
            break;
        default: return err_set(err, ERR_PROTOCOL_VIOLATION, "node %u sent an unknown answer to a fragment", s->place.node);
        }
    }
    return 0;
}

void remote_stop(struct task *task, struct remote_stream *s, struct plan_actual *actual)
{
    if (s->stream)
        rpc_stream_close(task, s->stream);
    note_bytes(s, actual);
    actual->remote_requests++;
    free(s);
}

/* ---- the other side ---- */

struct start {
    uint64_t hash;
    uint32_t fragment, n_shards, n_params;
    uint16_t *shards;
    struct datum *params;
    struct kv_read read;
    const uint8_t *plan;
    uint32_t plan_len;
};

static int decode_start(const struct rpc_in *in, struct arena *arena, struct start *s, struct err *err)
{
    const uint8_t *p = in->msg, *end = in->msg + in->msg_len;
    memset(s, 0, sizeof *s);
#define NEED(n) \
    if ((uint64_t)(end - p) < (uint64_t)(n)) goto bad
    NEED(9);
    s->hash = load_le64(p);
    bool has_plan = p[8];
    p += 9;
    if (has_plan) {
        NEED(4);
        s->plan_len = load_le32(p);
        p += 4;
        NEED(s->plan_len);
        s->plan = p;
        p += s->plan_len;
    }
    NEED(8);
    s->fragment = load_le32(p);
    s->n_shards = load_le32(p + 4);
    p += 8;
    NEED((uint64_t)s->n_shards * 2);
    s->shards = arena_array(arena, uint16_t, s->n_shards + 1);
    for (uint32_t i = 0; i < s->n_shards; i++, p += 2)
        s->shards[i] = load_le16(p);
    NEED(8);
    s->n_params = load_le32(p);
    uint32_t len = load_le32(p + 4);
    p += 8;
    NEED(len);
    if (s->n_params > len)
        goto bad;
    s->params = arena_array(arena, struct datum, s->n_params + 1);
    struct row_reader row;
    if (!row_reader_init(&row, p, len))
        goto bad;
    for (uint32_t id;;) {
        struct datum d;
        int got = row_next(&row, &id, &d);
        if (got < 0 || (got > 0 && id >= s->n_params))
            goto bad;
        if (got == 0)
            break;
        s->params[id] = datum_copy(&d, arena);
    }
    p += len;
    NEED(4);
    len = load_le32(p);
    p += 4;
    NEED(len);
    return kv_read_decode(p, len, arena, &s->read, err);
#undef NEED
bad:
    return err_set(err, ERR_PROTOCOL_VIOLATION, "malformed fragment start from node %u", in->from);
}

static int find_plan(struct exec_remote *r, const struct start *s, struct exec_plan **out, struct err *err)
{
    *out = intmap_get(&r->plans, s->hash);
    if (*out || !s->plan)
        return 0;
    struct arena arena;
    arena_init(&arena, NULL);
    struct plan plan = {.data = arena_memdup(&arena, s->plan, s->plan_len), .size = s->plan_len, .hash = s->hash};
    int rc = hash_bytes(plan.data, plan.size, 0) == s->hash ? exec_plan_load(&plan, out, err)
                                                           : err_set(err, ERR_DATA_CORRUPTED, "a plan does not match its hash");
    arena_done(&arena);
    if (rc)
        return rc;
    if (r->plans.count >= PLANS_MAX) {
        for (size_t i = 0; i < r->plans.entry_count; i++)
            if (r->plans.entries[i].value)
                exec_plan_unref(r->plans.entries[i].value);
        intmap_clear(&r->plans);
    }
    intmap_put(&r->plans, s->hash, *out);
    return 0;
}

static int send_stats(struct task *task, struct exec *x, struct rpc_stream *stream, struct err *err)
{
    const struct plan_actual *all = exec_actuals(x);
    struct buf out;
    buf_init(&out);
    for (uint32_t i = 0; i < x->n_ops; i++) {
        if (!x->ops[i])
            continue;
        const uint64_t values[8] = {all[i].rows, all[i].time_ns, all[i].blocks_read, all[i].blocks_pruned, all[i].values_decoded,
                                    all[i].tablets, all[i].columns_decoded, all[i].memory_bytes};
        buf_put_le32(&out, i);
        for (int v = 0; v < 8; v++)
            buf_put_le64(&out, values[v]);
    }
    int rc = rpc_stream_send(task, stream, "S", 1, out.data, out.len, err);
    buf_done(&out);
    return rc;
}

static int run_fragment(struct task *task, struct exec_remote *r, struct exec_plan *plan, const struct start *s,
                        struct rpc_stream *stream, struct err *err)
{
    struct mem_account account = {0};
    struct exec_env env = {.task = task, .kv = r->kv, .read = &s->read, .params = s->params, .n_params = s->n_params,
                           .account = &account, .timing = true, .fragment = s->fragment, .shards = s->shards, .n_shards = (uint16_t)s->n_shards};
    struct exec *x;
    int rc = exec_open(plan, &env, &x, err);
    if (rc)
        return rc;
    struct buf bytes;
    buf_init(&bytes);
    for (;;) {
        struct batch *b;
        rc = exec_next(x, BATCH_ROWS, &b, err);
        if (rc || !b)
            break;
        buf_reset(&bytes);
        batch_encode(b, &bytes);
        batch_destroy(b);
        rc = rpc_stream_send(task, stream, "B", 1, bytes.data, bytes.len, err);
        if (rc)
            break;
    }
    buf_done(&bytes);
    if (rc == 0)
        rc = send_stats(task, x, stream, err);
    exec_close(x);
    return rc;
}

static int serve_fragment(struct task *task, void *ctx, const struct rpc_in *in, struct rpc_stream *stream, struct err *err)
{
    struct exec_remote *r = ctx;
    struct arena arena;
    struct start s;
    struct exec_plan *plan = NULL;
    arena_init(&arena, NULL);
    int rc = decode_start(in, &arena, &s, err);
    if (rc == 0)
        rc = find_plan(r, &s, &plan, err);
    if (rc == 0 && !plan) {
        rc = rpc_stream_send(task, stream, "P", 1, NULL, 0, err);
    } else if (rc == 0) {
        exec_plan_ref(plan);
        rc = run_fragment(task, r, plan, &s, stream, err);
        exec_plan_unref(plan);
    }
    arena_done(&arena);
    return rc;
}

struct exec_remote *exec_remote_create(struct rpc *rpc, struct kv *kv)
{
    struct exec_remote *r = calloc(1, sizeof *r);
    r->rpc = rpc;
    r->kv = kv;
    intmap_init(&r->plans);
    intmap_init(&r->known);
    rpc_handle_stream(rpc, METHOD_FRAGMENT, "fragment", serve_fragment, r);
    return r;
}

void exec_remote_destroy(struct exec_remote *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->plans.entry_count; i++)
        if (r->plans.entries[i].value)
            exec_plan_unref(r->plans.entries[i].value);
    intmap_done(&r->plans);
    intmap_done(&r->known);
    free(r);
}
