/* placement.c: see placement.h; the decisions of forming a cluster are in bootstrap.c. */
#include "storage/placement/placement.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/core.h"
#include "base/env.h"
#include "base/log.h"
#include "base/rpc.h"
#include "storage/placement/bootstrap.h"
#include "storage/tablet/place.h"

enum {
    ASK_TIMEOUT_MS = 500,
    OFFER_TIMEOUT_MS = 5000, /* the other side syncs before it answers */
    WAIT_MS_MIN = 20,
    WAIT_MS_MAX = 320,
    COMPLAIN_MS = 5000,
    ANNOUNCE_RETRY_MS = 1000,
};
#define MS UINT64_C(1000000)

struct placement {
    struct placement_config config;
    struct runtime *runtime; /* from the first task on */
    struct join_list list;
    int self; /* position in the list; -1: not known yet */
    uint64_t nonce;
    char rpc[STORE_ADDRESS_MAX], sql[STORE_ADDRESS_MAX], http[STORE_ADDRESS_MAX];
    bool stopped;
    struct task *announcer;
    uint32_t users; /* handlers at work on core 0 */
    struct wait_queue idle;
};

static void fill_own_stand(const struct placement *p, struct bootstrap_stand *me)
{
    const struct store_identity *id = &p->config.dir->identity;
    *me = (struct bootstrap_stand){.answered = true, .same_list = true, .nonce = p->nonce};
    me->has_identity = p->config.dir->has_identity;
    me->complete = me->has_identity && id->complete;
    if (me->has_identity) {
        memcpy(me->cluster_id, id->cluster_id, 16);
        me->node_id = id->node_id;
    }
    snprintf(me->rpc, sizeof me->rpc, "%s", p->rpc);
    snprintf(me->sql, sizeof me->sql, "%s", p->sql);
    snprintf(me->http, sizeof me->http, "%s", p->http);
}

/* ---- asking ---- */

struct question {
    struct placement *placement;
    const char *address;
    const struct buf *msg;
    uint64_t timeout_ns;
    struct bootstrap_stand *stand;
    struct err err;
};

static void ask_one(struct task *task, void *arg)
{
    struct question *q = arg;
    struct placement *p = q->placement;
    char host[STORE_ADDRESS_MAX];
    uint16_t port;
    struct rpc_reply reply;
    struct rpc_call call = {.method = STORE_METHOD_PLACEMENT,
                            .cls = RPC_STATEMENT,
                            .msg = q->msg->data,
                            .msg_len = q->msg->len,
                            .timeout_ns = q->timeout_ns};
    err_clear(&q->err);
    int rc = join_address_split(q->address, host, sizeof host, &port, &q->err);
    if (!rc)
        rc = rpc_call_address(task, p->config.rpc, host, port, &call, &reply, &q->err);
    if (rc)
        return;
    struct bootstrap_stand stand;
    if (bootstrap_take_stand(reply.msg, reply.msg_len, &p->list, &stand, &q->err) == 0)
        *q->stand = stand;
    rpc_reply_done(&reply);
}

/* Asks all others at once; waits for the slowest, at most the timeout. */
static int ask_all(struct task *task, struct placement *p, struct bootstrap_stand *stands,
                   struct err *err)
{
    struct question *questions = calloc(p->list.count, sizeof *questions);
    if (!questions)
        return err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    struct buf msg = {0};
    bootstrap_put_ask(&msg, p->nonce, &p->list);
    struct task_group group;
    task_group_init(&group, task_core(task));
    memset(stands, 0, p->list.count * sizeof *stands);
    for (uint32_t i = 0; i < p->list.count; i++) {
        if ((int)i == p->self)
            continue;
        questions[i] = (struct question){.placement = p,
                                         .address = p->list.addresses[i],
                                         .msg = &msg,
                                         .timeout_ns = ASK_TIMEOUT_MS * MS,
                                         .stand = &stands[i]};
        task_group_spawn(&group, TASK_TXN, "bootstrap_ask", ask_one, &questions[i]);
    }
    int rc = task_group_wait(task, &group, err);
    buf_done(&msg);
    free(questions);
    return rc;
}

/* A node that listens on every interface does not know its name in the list, but hears itself. */
static int find_self(struct placement *p, const struct bootstrap_stand *stands, struct err *err)
{
    bool all = true;
    for (uint32_t i = 0; i < p->list.count && p->self < 0; i++) {
        if (stands[i].answered && stands[i].nonce == p->nonce)
            p->self = (int)i;
        all = all && stands[i].answered;
    }
    if (p->self >= 0 || !all)
        return 0;
    err_set(err, ERR_INVALID_PARAMETER_VALUE, "none of the addresses to join is this node (%s)",
            p->rpc);
    return err_hint(err, "Every node is started with the same list, its own address included.");
}

/* ---- forming ---- */

struct forming {
    const struct placement *placement;
    const struct bootstrap_stand *stands;
    uint8_t cluster_id[16];
};

static void set_identity(struct store_identity *id, void *arg)
{
    const struct forming *f = arg;
    const struct placement *p = f->placement;
    memcpy(id->cluster_id, f->cluster_id, 16);
    id->node_id = (uint32_t)p->self + 1;
    id->n_data_groups = p->config.n_data_groups;
    id->n_nodes = p->list.count;
    for (uint32_t i = 0; i < p->list.count; i++) {
        struct store_node *node = &id->nodes[i];
        bool own = (int)i == p->self;
        node->id = i + 1;
        snprintf(node->rpc, sizeof node->rpc, "%s", p->list.addresses[i]);
        snprintf(node->sql, sizeof node->sql, "%s", own ? p->sql : f->stands[i].sql);
        snprintf(node->http, sizeof node->http, "%s", own ? p->http : f->stands[i].http);
    }
}

static void set_complete(struct store_identity *id, void *arg)
{
    id->complete = true;
}

static void take_offer(struct store_identity *id, void *arg)
{
    *id = *(const struct store_identity *)arg;
}

static int form_cluster(struct task *task, struct placement *p,
                        const struct bootstrap_stand *stands, struct err *err)
{
    struct forming forming = {.placement = p, .stands = stands};
    env_random(task->env, forming.cluster_id, 16);
    return store_dir_update(task, p->config.dir, set_identity, &forming, err);
}

/* To everybody who has none yet; who does not answer is asked again in the next round. */
static int offer_identity(struct task *task, struct placement *p,
                          const struct bootstrap_stand *stands, struct err *err)
{
    struct store_identity *offer = malloc(sizeof *offer);
    if (!offer)
        return err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    for (uint32_t i = 0; i < p->list.count; i++) {
        if ((int)i == p->self || stands[i].has_identity)
            continue;
        *offer = p->config.dir->identity;
        offer->node_id = i + 1;
        offer->boot_epoch = 0;
        struct buf msg = {0};
        bootstrap_put_offer(&msg, offer);
        struct bootstrap_stand stand;
        struct question q = {.placement = p,
                             .address = p->list.addresses[i],
                             .msg = &msg,
                             .timeout_ns = OFFER_TIMEOUT_MS * MS,
                             .stand = &stand};
        ask_one(task, &q);
        if (q.err.code && p->config.log)
            log_event(p->config.log, LOG_WARN, "bootstrap_offer_failed",
                      LOG_TEXT("to", q.address), LOG_ERR(&q.err));
        buf_done(&msg);
    }
    free(offer);
    return task_check(task, err);
}

/* Says now and then what is still missing. */
static void complain(const struct placement *p, const struct bootstrap_stand *stands)
{
    for (uint32_t i = 0; p->config.log && i < p->list.count; i++) {
        if ((int)i == p->self || (stands[i].answered && stands[i].same_list))
            continue;
        log_event(p->config.log, LOG_WARN, "bootstrap_waits",
                  LOG_TEXT("for", p->list.addresses[i]),
                  LOG_TEXT("reason", stands[i].answered ? "its list of addresses differs"
                                                        : "it does not answer"));
    }
}

static int check_list(const struct placement *p, struct err *err)
{
    const struct store_identity *id = &p->config.dir->identity;
    bool same = id->n_nodes == p->list.count;
    for (uint32_t i = 0; same && i < id->n_nodes; i++)
        same = strcmp(id->nodes[i].rpc, p->list.addresses[i]) == 0;
    if (same)
        return 0;
    err_set(err, ERR_INVALID_PARAMETER_VALUE,
            "the list of addresses to join is not the one this store's cluster was formed with");
    return err_hint(err, "Restart with the same list, or with none.");
}

/* A store that has an identity knows its list; one that was started without --join goes by it. */
static int adopt_identity(struct placement *p, struct err *err)
{
    const struct store_identity *id = &p->config.dir->identity;
    if (!p->config.join || !*p->config.join) {
        p->list.count = id->n_nodes;
        for (uint32_t i = 0; i < id->n_nodes; i++)
            memcpy(p->list.addresses[i], id->nodes[i].rpc, STORE_ADDRESS_MAX);
    }
    p->self = (int)id->node_id - 1;
    /* Alone, the address is nobody's business and may change. */
    return id->n_nodes == 1 && p->list.count == 1 ? 0 : check_list(p, err);
}

static int run_round(struct task *task, struct placement *p, struct bootstrap_stand *stands,
                     bool *done, struct err *err)
{
    struct bootstrap_stand me;
    int rc = ask_all(task, p, stands, err);
    if (!rc && p->self < 0)
        rc = find_self(p, stands, err);
    if (rc || p->self < 0)
        return rc;
    for (;;) {
        fill_own_stand(p, &me);
        switch (bootstrap_decide(&p->list, p->self, &me, stands, err)) {
        case BOOTSTRAP_WAIT:
            return 0;
        case BOOTSTRAP_FORM:
            rc = form_cluster(task, p, stands, err);
            break;
        case BOOTSTRAP_OFFER:
            return offer_identity(task, p, stands, err);
        case BOOTSTRAP_COMPLETE:
            *done = true;
            return me.complete ? 0 : store_dir_update(task, p->config.dir, set_complete, NULL, err);
        case BOOTSTRAP_FAIL:
            return err->code;
        }
        if (rc)
            return rc;
    }
}

int placement_bootstrap(struct task *task, struct placement *p, struct err *err)
{
    p->runtime = task_core(task)->runtime;
    int rc = p->config.dir->has_identity ? adopt_identity(p, err) : 0;
    struct bootstrap_stand *stands = calloc(STORE_NODES_MAX, sizeof *stands);
    if (!stands && !rc)
        rc = err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    uint64_t wait_ms = WAIT_MS_MIN, complain_at = env_mono_ns(task->env) + COMPLAIN_MS * MS;
    bool done = false;
    while (!rc) {
        rc = run_round(task, p, stands, &done, err);
        if (rc || done)
            break;
        rc = task_sleep(task, wait_ms * MS, err);
        wait_ms = wait_ms * 2 > WAIT_MS_MAX ? WAIT_MS_MAX : wait_ms * 2;
        if (env_mono_ns(task->env) < complain_at)
            continue;
        complain_at += COMPLAIN_MS * MS;
        complain(p, stands);
    }
    free(stands);
    return rc;
}

/* ---- the registry ---- */

static void set_addresses(struct store_identity *id, void *arg)
{
    const struct bootstrap_stand *stand = arg;
    struct store_node *node = &id->nodes[stand->node_id - 1];
    snprintf(node->sql, sizeof node->sql, "%s", stand->sql);
    snprintf(node->http, sizeof node->http, "%s", stand->http);
}

static int learn_addresses(struct task *task, struct placement *p, struct bootstrap_stand *stand,
                           struct err *err)
{
    const struct store_identity *id = &p->config.dir->identity;
    if (!stand->has_identity || stand->node_id == 0 || stand->node_id > id->n_nodes ||
        memcmp(stand->cluster_id, id->cluster_id, 16) != 0)
        return 0;
    const struct store_node *node = &id->nodes[stand->node_id - 1];
    if (strcmp(node->sql, stand->sql) == 0 && strcmp(node->http, stand->http) == 0)
        return 0;
    return store_dir_update(task, p->config.dir, set_addresses, stand, err);
}

/* Tells every other node our addresses and hears theirs, once each. */
static void run_announcer(struct task *task, void *arg)
{
    struct placement *p = arg;
    struct bootstrap_stand me, stand;
    fill_own_stand(p, &me);
    struct buf msg = {0};
    bootstrap_put_stand(&msg, &me, &p->list);
    struct err err;
    uint32_t left = p->list.count - 1;
    bool told[STORE_NODES_MAX] = {false};
    while (left && !task_check(task, &err)) {
        for (uint32_t i = 0; i < p->list.count && !p->stopped; i++) {
            if ((int)i == p->self || told[i])
                continue;
            stand.answered = false;
            struct question q = {.placement = p,
                                 .address = p->list.addresses[i],
                                 .msg = &msg,
                                 .timeout_ns = ASK_TIMEOUT_MS * MS,
                                 .stand = &stand};
            ask_one(task, &q);
            if (!stand.answered)
                continue;
            told[i] = true;
            left--;
            if (!p->stopped && learn_addresses(task, p, &stand, &err) && p->config.log)
                log_event(p->config.log, LOG_WARN, "registry_write_failed", LOG_ERR(&err));
        }
        if (p->stopped || (left && task_sleep(task, ANNOUNCE_RETRY_MS * MS, &err)))
            break;
    }
    buf_done(&msg);
}

int placement_connect(struct task *task, struct placement *p, struct err *err)
{
    const struct store_identity *id = &p->config.dir->identity;
    for (uint32_t i = 0; i < id->n_nodes; i++) {
        char host[STORE_ADDRESS_MAX];
        uint16_t port;
        int rc = join_address_split(id->nodes[i].rpc, host, sizeof host, &port, err);
        if (rc)
            return rc;
        if (id->nodes[i].id != id->node_id)
            rpc_peer_set(p->config.rpc, id->nodes[i].id, host, port);
    }
    rpc_set_self(p->config.rpc, id->node_id);
    rpc_set_cluster(p->config.rpc, id->cluster_id);
    struct bootstrap_stand me;
    fill_own_stand(p, &me);
    int rc = learn_addresses(task, p, &me, err);
    if (!rc && id->n_nodes > 1)
        p->announcer = task_spawn_joinable(p->runtime->cores[0], TASK_BACKGROUND, "announce",
                                           run_announcer, p);
    return rc;
}

struct store_group_config *placement_groups(const struct placement *p, struct arena *arena,
                                            size_t *n)
{
    const struct store_identity *id = &p->config.dir->identity;
    *n = 1 + id->n_data_groups;
    struct store_group_config *groups = arena_array(arena, struct store_group_config, *n);
    place_groups(id->n_nodes, id->n_data_groups, groups);
    return groups;
}

struct nodes_call {
    struct placement *placement;
    struct arena *arena;
    struct store_node *nodes;
    size_t n;
};

static void copy_nodes(struct task *task, void *arg)
{
    struct nodes_call *call = arg;
    const struct placement *p = call->placement;
    if (p->stopped)
        return;
    const struct store_identity *id = &p->config.dir->identity;
    call->nodes = arena_memdup(call->arena, id->nodes, id->n_nodes * sizeof id->nodes[0]);
    call->n = id->n_nodes;
}

int placement_nodes(struct task *task, struct placement *p, struct arena *arena,
                    struct store_node **nodes, size_t *n, struct err *err)
{
    struct nodes_call call = {.placement = p, .arena = arena};
    core_call(task, p->runtime->cores[0], TASK_TXN, copy_nodes, &call);
    if (!call.nodes)
        return err_set(err, ERR_ADMIN_SHUTDOWN, "the node is stopping");
    *nodes = call.nodes;
    *n = call.n;
    return 0;
}

/* ---- answering ---- */

struct serve_call {
    struct placement *placement;
    const struct rpc_in *in;
    struct rpc_out *out;
    struct err *err;
    int rc;
};

static int serve_offer(struct task *task, struct placement *p, const struct rpc_in *in,
                       struct err *err)
{
    struct store_identity *offer = malloc(sizeof *offer);
    if (!offer)
        return err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    struct bootstrap_stand me;
    fill_own_stand(p, &me);
    int rc = bootstrap_take_offer(in->msg, in->msg_len, offer, err);
    int self = p->self >= 0 || rc ? p->self : (int)offer->node_id - 1;
    if (!rc)
        rc = bootstrap_check_offer(&p->list, self, &me, offer, err);
    if (!rc && !me.has_identity) {
        rc = store_dir_update(task, p->config.dir, take_offer, offer, err);
        if (!rc)
            p->self = self;
    }
    free(offer);
    return rc;
}

static void serve(struct task *task, void *arg)
{
    struct serve_call *call = arg;
    struct placement *p = call->placement;
    enum bootstrap_kind kind;
    if (p->stopped) {
        call->rc = err_set(call->err, ERR_ADMIN_SHUTDOWN, "the node is stopping");
        return;
    }
    p->users++;
    call->rc = bootstrap_kind_of(call->in->msg, call->in->msg_len, &kind, call->err);
    if (!call->rc && kind == BOOTSTRAP_IDENTITY)
        call->rc = serve_offer(task, p, call->in, call->err);
    if (!call->rc && kind == BOOTSTRAP_STAND) {
        struct bootstrap_stand stand;
        call->rc =
            bootstrap_take_stand(call->in->msg, call->in->msg_len, &p->list, &stand, call->err);
        if (!call->rc && p->config.dir->has_identity)
            call->rc = learn_addresses(task, p, &stand, call->err);
    }
    if (!call->rc) {
        struct bootstrap_stand me;
        fill_own_stand(p, &me);
        bootstrap_put_stand(&call->out->msg, &me, &p->list);
    }
    if (--p->users == 0)
        wait_queue_wake_all(&p->idle);
}

static int on_message(struct task *task, void *ctx, const struct rpc_in *in, struct rpc_out *out,
                      struct err *err)
{
    struct serve_call call = {.placement = ctx, .in = in, .out = out, .err = err};
    if (!out)
        return err_set(err, ERR_PROTOCOL_VIOLATION, "expected a request");
    core_call(task, task_core(task)->runtime->cores[0], TASK_TXN, serve, &call);
    return call.rc;
}

/* ---- life ---- */

int placement_create(const struct placement_config *config, struct placement **out,
                     struct err *err)
{
    struct placement *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    p->config = *config;
    if (!p->config.n_data_groups)
        p->config.n_data_groups = PLACE_DATA_GROUPS_DEFAULT;
    wait_queue_init(&p->idle);
    snprintf(p->rpc, sizeof p->rpc, "%s", config->rpc_address ? config->rpc_address : "");
    snprintf(p->sql, sizeof p->sql, "%s", config->sql_address ? config->sql_address : "");
    snprintf(p->http, sizeof p->http, "%s", config->http_address ? config->http_address : "");
    bool alone = !config->join || !*config->join;
    int rc = join_list_parse(alone ? p->rpc : config->join, &p->list, err);
    if (!rc && p->config.n_data_groups > PLACE_DATA_GROUPS_MAX)
        rc = err_set(err, ERR_INVALID_PARAMETER_VALUE, "at most %d data groups",
                     PLACE_DATA_GROUPS_MAX);
    if (rc) {
        free(p);
        return rc;
    }
    p->self = join_list_find(&p->list, p->rpc);
    env_random(config->dir->env, &p->nonce, sizeof p->nonce);
    rpc_handle(config->rpc, STORE_METHOD_PLACEMENT, "placement", on_message, p);
    *out = p;
    return 0;
}

void placement_stop(struct task *task, struct placement *p)
{
    p->stopped = true;
    if (p->announcer) {
        task_cancel(p->announcer, ERR_ADMIN_SHUTDOWN, "the node is stopping");
        task_join(task, p->announcer);
        p->announcer = NULL;
    }
    while (p->users)
        wait_queue_wait_always(task, &p->idle);
}

void placement_destroy(struct placement *p)
{
    free(p);
}
