/* ddl_node.c: object locks across nodes, publication of new catalog versions, OIDs.
 *
 * Order of a DDL transaction: lock (each live node in ascending id, so that two of them meet at the first) -> write -> commit ->
 * publish (each live node puts the new objects in and gives the locks back) -> the client is answered. A node that does not answer is
 * waited for until its liveness ended; it reads the whole catalog when it is back among a quorum. A lock whose owner's node died or
 * restarted is dropped by who meets it, after reading the catalog anew (the owner may have committed).
 *
 * Messages (little endian): LOCK   node, epoch, session, oid, mode -> 1 byte granted
 *                           PUBLISH node, epoch, session, commit timestamp, n, n x (oid, length, body)   UNLOCK node, epoch, session
 */
#include <stdlib.h>
#include <string.h>

#include "server/sql/ddl_int.h"
#include "server/sql/sequence.h"
#include "storage/placement/placement.h"
#include "storage/tablet/store.h"

enum { METHOD_LOCK = 160, METHOD_PUBLISH = 161, METHOD_UNLOCK = 162 };

#define POLL_NS UINT64_C(2000000)
#define LOCK_CALL_NS UINT64_C(1000000000)
#define DEADLOCK_NS UINT64_C(10000000000)
#define QUORUM_NS UINT64_C(10000000000)

struct ddl_txn *ddl_txn_need(struct session *s)
{
    if (!s->txn.ddl)
        s->txn.ddl = arena_new(&s->txn.arena, struct ddl_txn);
    return s->txn.ddl;
}

static struct ddl_lock_owner owner_of(struct session *s)
{
    struct sql_node *node = s->node;
    return (struct ddl_lock_owner){.node = kv_self(node->kv), .epoch = node->store ? store_boot_epoch(node->store) : 1,
                                   .session = s->number};
}

/* ---- messages ---- */

static void put_owner(struct buf *out, const struct ddl_lock_owner *o)
{
    buf_put_le32(out, o->node);
    buf_put_le32(out, o->epoch);
    buf_put_le64(out, o->session);
}

static struct ddl_lock_owner read_owner(const uint8_t *at)
{
    return (struct ddl_lock_owner){load_le32(at), load_le32(at + 4), load_le64(at + 8)};
}

/* ---- locks whose owner is gone ---- */

static bool is_gone(struct sql_node *node, const struct ddl_lock_owner *o)
{
    if (!node->store || o->node == store_node_id(node->store))
        return false;
    return !store_node_alive(node->store, o->node) || store_node_epoch(node->store, o->node) != o->epoch;
}

static int drop_gone_owners(struct task *task, struct ddl_node *dn, uint32_t oid, int mode, struct err *err)
{
    struct ddl_lock_owner owners[16];
    uint32_t n = ddl_locks_in_the_way(dn->locks, oid, mode, owners, 16);
    for (uint32_t i = 0; i < n; i++) {
        if (!is_gone(dn->node, &owners[i]))
            continue;
        int rc = node_catalog_load(task, dn->node, err);
        if (rc)
            return rc;
        ddl_locks_release(dn->locks, &owners[i]);
    }
    return 0;
}

/* ---- handlers ---- */

static int handle_lock(struct task *task, void *ctx, const struct rpc_in *in, struct rpc_out *out, struct err *err)
{
    struct ddl_node *dn = ctx;
    if (bug_if(in->msg_len != 21, err))
        return err->code;
    struct ddl_lock_owner owner = read_owner(in->msg);
    uint32_t oid = load_le32(in->msg + 16);
    int mode = in->msg[20];
    if (bug_if(mode < 1 || mode >= DDL_LOCK_MODES, err))
        return err->code;
    mono_ns until = env_mono_ns(dn->node->env) + LOCK_CALL_NS / 2;
    bool granted;
    for (;;) {
        granted = ddl_locks_strong(dn->locks, &owner, oid, mode, NULL);
        if (granted || env_mono_ns(dn->node->env) >= until)
            break;
        int rc = drop_gone_owners(task, dn, oid, mode, err);
        if (!rc)
            rc = task_sleep(task, POLL_NS, err);
        if (rc)
            return rc;
    }
    buf_put_u8(&out->msg, granted);
    return 0;
}

static bool is_newer(const struct catalog *c, uint32_t oid, hlc_time version)
{
    const struct cat_object *have = catalog_find(c, oid);
    return have && have->version >= version;
}

static int read_changes(const struct rpc_in *in, const struct catalog *current, hlc_time version, struct catalog_change *changes,
                        uint32_t n, uint32_t *n_out, struct err *err)
{
    const uint8_t *at = in->msg + 28, *end = in->msg + in->msg_len;
    *n_out = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (bug_if(end - at < 8, err))
            return err->code;
        uint32_t oid = load_le32(at), len = load_le32(at + 4);
        at += 8;
        if (bug_if((size_t)(end - at) < len, err))
            return err->code;
        struct cat_object *obj = NULL;
        int rc = len ? cat_object_decode(at, len, version, &obj, err) : 0;
        if (rc)
            return rc;
        at += len;
        if (is_newer(current, oid, version))
            cat_object_unref(obj);
        else
            changes[(*n_out)++] = (struct catalog_change){oid, obj};
    }
    return 0;
}

static int handle_publish(struct task *task, void *ctx, const struct rpc_in *in, struct rpc_out *out, struct err *err)
{
    struct ddl_node *dn = ctx;
    if (bug_if(in->msg_len < 28, err))
        return err->code;
    struct ddl_lock_owner owner = read_owner(in->msg);
    hlc_time version = load_le64(in->msg + 16);
    uint32_t n = load_le32(in->msg + 24), n_changes = 0;
    if (bug_if(n > in->msg_len / 8, err))
        return err->code;
    /* A node that is starting reads the catalog first: what it reads may lack this change. */
    while (node_catalog_number(dn->node->catalog) == 0) {
        int rc = task_sleep(task, POLL_NS, err);
        if (rc)
            return rc;
    }
    uint64_t number;
    struct catalog *current = node_catalog_get(dn->node->catalog, &number);
    struct catalog_change *changes = calloc(n + 1, sizeof *changes);
    int rc = read_changes(in, current, version, changes, n, &n_changes, err);
    if (!rc && n_changes)
        node_catalog_apply(dn->node->catalog, changes, n_changes, version);
    for (uint32_t i = 0; i < n_changes; i++)
        cat_object_unref(changes[i].object);
    free(changes);
    catalog_unref(current);
    if (!rc)
        ddl_locks_release(dn->locks, &owner);
    return rc;
}

static int handle_unlock(struct task *task, void *ctx, const struct rpc_in *in, struct rpc_out *out, struct err *err)
{
    struct ddl_node *dn = ctx;
    if (bug_if(in->msg_len != 16, err))
        return err->code;
    struct ddl_lock_owner owner = read_owner(in->msg);
    ddl_locks_release(dn->locks, &owner);
    return 0;
}

int ddl_node_init(struct sql_node *node, struct err *err)
{
    struct ddl_node *dn = calloc(1, sizeof *dn);
    dn->node = node;
    dn->locks = ddl_locks_create();
    lock_init(&dn->oid_lock);
    node->ddl = dn;
    if (node->rpc) {
        rpc_handle(node->rpc, METHOD_LOCK, "ddl_lock", handle_lock, dn);
        rpc_handle(node->rpc, METHOD_PUBLISH, "ddl_publish", handle_publish, dn);
        rpc_handle(node->rpc, METHOD_UNLOCK, "ddl_unlock", handle_unlock, dn);
    }
    return 0;
}

void ddl_node_done(struct sql_node *node)
{
    if (!node->ddl)
        return;
    ddl_locks_destroy(node->ddl->locks);
    lock_done(&node->ddl->oid_lock);
    free(node->ddl);
    node->ddl = NULL;
}

/* ---- the other nodes ---- */

static int list_nodes(struct task *task, struct sql_node *node, struct arena *arena, uint32_t **ids, size_t *n, struct err *err)
{
    struct store_node *nodes = NULL;
    *n = 0;
    if (node->placement) {
        int rc = placement_nodes(task, node->placement, arena, &nodes, n, err);
        if (rc)
            return rc;
    }
    if (*n == 0) {
        *ids = arena_array(arena, uint32_t, 1);
        (*ids)[0] = kv_self(node->kv);
        *n = 1;
        return 0;
    }
    *ids = arena_array(arena, uint32_t, *n);
    for (size_t i = 0; i < *n; i++)
        (*ids)[i] = nodes[i].id;
    return 0;
}

/* Calls until answered, or the node is no longer alive (*answered false). */
static int call_until_gone(struct task *task, struct sql_node *node, uint32_t to, uint16_t method, const struct buf *msg,
                           bool *answered, bool *granted, struct err *err)
{
    *answered = *granted = false;
    struct rpc_call call = {.to = to, .method = method, .cls = RPC_STATEMENT, .msg = msg->data, .msg_len = msg->len,
                            .timeout_ns = LOCK_CALL_NS};
    while (store_node_alive(node->store, to)) {
        struct rpc_reply reply;
        int rc = rpc_call(task, node->rpc, &call, &reply, err);
        if (!rc) {
            *answered = true;
            *granted = reply.msg_len && reply.msg[0];
            rpc_reply_done(&reply);
            return 0;
        }
        if (err->code != ERR_CONNECTION_FAILURE && err->code != ERR_CONNECTION_DOES_NOT_EXIST)
            return rc;
        rc = task_sleep(task, 5 * POLL_NS, err);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- locking ---- */

static void count_own(const struct ddl_txn *t, uint32_t oid, uint32_t own[DDL_LOCK_MODES])
{
    memset(own, 0, DDL_LOCK_MODES * sizeof *own);
    for (uint32_t i = 0; i < t->n_weak; i++)
        if (t->weak[i].oid == oid)
            own[t->weak[i].mode]++;
}

static bool holds_strong(const struct ddl_txn *t, uint32_t oid, int mode)
{
    for (uint32_t i = 0; i < t->n_strong; i++)
        if (t->strong[i].oid == oid && t->strong[i].mode >= mode)
            return true;
    return false;
}

struct lock_wait {
    mono_ns deadlock, timeout;
};

static struct lock_wait begin_wait(struct session *s, const struct ddl_txn *t)
{
    mono_ns now = env_mono_ns(s->node->env);
    uint64_t ms = (uint64_t)s->settings->s.lock_timeout;
    return (struct lock_wait){t->n_weak || t->n_strong ? now + DEADLOCK_NS : TASK_FOREVER, ms ? now + ms * 1000000 : TASK_FOREVER};
}

static int go_on_waiting(struct task *task, struct session *s, const struct lock_wait *w, struct err *err)
{
    mono_ns now = env_mono_ns(s->node->env);
    if (now >= w->timeout)
        return err_set(err, ERR_LOCK_NOT_AVAILABLE, "canceling statement due to lock timeout");
    if (now >= w->deadlock)
        return err_set(err, ERR_DEADLOCK_DETECTED, "deadlock detected");
    return task_sleep(task, POLL_NS, err);
}

static int lock_here(struct ddl *d, uint32_t oid, int mode, struct err *err)
{
    struct ddl_txn *t = ddl_txn_need(d->s);
    struct ddl_node *dn = d->s->node->ddl;
    struct ddl_lock_owner owner = owner_of(d->s);
    struct lock_wait wait = begin_wait(d->s, t);
    uint32_t own[DDL_LOCK_MODES];
    count_own(t, oid, own);
    while (!ddl_locks_strong(dn->locks, &owner, oid, mode, own)) {
        int rc = drop_gone_owners(d->task, dn, oid, mode, err);
        if (!rc)
            rc = go_on_waiting(d->task, d->s, &wait, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int lock_there(struct ddl *d, uint32_t to, uint32_t oid, int mode, struct err *err)
{
    struct ddl_txn *t = ddl_txn_need(d->s);
    struct ddl_lock_owner owner = owner_of(d->s);
    struct lock_wait wait = begin_wait(d->s, t);
    struct buf msg = {0};
    put_owner(&msg, &owner);
    buf_put_le32(&msg, oid);
    buf_put_u8(&msg, (uint8_t)mode);
    t->remote = true;
    int rc;
    for (;;) {
        bool answered, granted;
        rc = call_until_gone(d->task, d->s->node, to, METHOD_LOCK, &msg, &answered, &granted, err);
        if (rc || !answered || granted)
            break;
        rc = go_on_waiting(d->task, d->s, &wait, err);
        if (rc)
            break;
    }
    buf_done(&msg);
    return rc;
}

static void remember_strong(struct session *s, uint32_t oid, int mode)
{
    struct ddl_txn *t = ddl_txn_need(s);
    if (t->n_strong == t->strong_capacity) {
        uint32_t capacity = t->strong_capacity ? t->strong_capacity * 2 : 8;
        struct ddl_strong *grown = arena_array(&s->txn.arena, struct ddl_strong, capacity);
        if (t->n_strong)
            memcpy(grown, t->strong, t->n_strong * sizeof *grown);
        t->strong = grown;
        t->strong_capacity = capacity;
    }
    t->strong[t->n_strong++] = (struct ddl_strong){oid, (uint8_t)mode};
}

static int lock_everywhere(struct ddl *d, uint32_t oid, int mode, struct err *err)
{
    uint32_t *ids;
    size_t n;
    int rc = list_nodes(d->task, d->s->node, d->arena, &ids, &n, err);
    uint32_t self = kv_self(d->s->node->kv);
    for (size_t i = 0; i < n && !rc; i++)
        rc = ids[i] == self ? lock_here(d, oid, mode, err) : lock_there(d, ids[i], oid, mode, err);
    return rc;
}

int ddl_lock_object(struct ddl *d, uint32_t oid, enum ddl_lock_mode mode, struct err *err)
{
    if (oid < CATALOG_OID_FIRST && oid != OID_PUBLIC)
        return 0;
    if ((int)mode <= DDL_LOCK_WEAK_LAST) {
        bool stale;
        int rc = ddl_use(d->task, d->s, &oid, 1, mode, &stale, err);
        return rc || !stale ? rc : session_view_refresh(d->task, d->s, err);
    }
    struct ddl_txn *t = ddl_txn_need(d->s);
    if (holds_strong(t, oid, mode))
        return 0;
    /* Objects this transaction made itself are known to nobody else. */
    if (!catalog_find(d->s->view.catalog, oid))
        return 0;
    int rc = lock_everywhere(d, oid, mode, err);
    if (rc)
        return rc;
    remember_strong(d->s, oid, mode);
    return session_view_refresh(d->task, d->s, err);
}

/* ---- weak locks ---- */

static bool holds_weak(const struct ddl_txn *t, uint32_t oid, int mode, bool *any)
{
    *any = false;
    for (uint32_t i = 0; i < t->n_weak; i++) {
        if (t->weak[i].oid != oid)
            continue;
        *any = true;
        if (t->weak[i].mode >= mode)
            return true;
    }
    return false;
}

static void remember_weak(struct session *s, uint32_t oid, int mode)
{
    struct ddl_txn *t = ddl_txn_need(s);
    if (t->n_weak == t->weak_capacity) {
        uint32_t capacity = t->weak_capacity ? t->weak_capacity * 2 : 8;
        struct ddl_weak *grown = arena_array(&s->txn.arena, struct ddl_weak, capacity);
        if (t->n_weak)
            memcpy(grown, t->weak, t->n_weak * sizeof *grown);
        t->weak = grown;
        t->weak_capacity = capacity;
    }
    t->weak[t->n_weak++] = (struct ddl_weak){oid, (uint8_t)mode};
}

static int use_one(struct task *task, struct session *s, uint32_t oid, int mode, struct err *err)
{
    struct ddl_txn *t = ddl_txn_need(s);
    struct ddl_node *dn = s->node->ddl;
    bool any;
    if (holds_weak(t, oid, mode, &any) || holds_strong(t, oid, DDL_SHARE_UPDATE_EXCLUSIVE))
        return 0;
    if (!ddl_locks_weak(dn->locks, oid, mode, any)) {
        struct lock_wait wait = begin_wait(s, t);
        do {
            int rc = drop_gone_owners(task, dn, oid, mode, err);
            if (!rc)
                rc = go_on_waiting(task, s, &wait, err);
            if (rc)
                return rc;
        } while (!ddl_locks_weak(dn->locks, oid, mode, any));
    }
    remember_weak(s, oid, mode);
    return 0;
}

static int wait_for_quorum(struct task *task, struct sql_node *node, bool *reloaded, struct err *err)
{
    *reloaded = false;
    if (!node->store || (store_has_quorum(node->store) && !node->ddl->cut_off))
        return 0;
    node->ddl->cut_off = true;
    mono_ns until = env_mono_ns(node->env) + QUORUM_NS;
    while (!store_has_quorum(node->store)) {
        if (env_mono_ns(node->env) >= until)
            return err_set(err, ERR_CANNOT_CONNECT_NOW, "this node is cut off from the majority of the cluster");
        int rc = task_sleep(task, 5 * POLL_NS, err);
        if (rc)
            return rc;
    }
    node->ddl->cut_off = false;
    *reloaded = true;
    return node_catalog_load(task, node, err);
}

static bool is_stale(struct session *s, const uint32_t *oids, uint32_t n)
{
    struct node_catalog *nc = s->node->catalog;
    lock_take(&nc->lock);
    struct catalog *now = nc->current == s->view.catalog ? NULL : catalog_ref(nc->current);
    lock_give(&nc->lock);
    bool stale = false;
    for (uint32_t i = 0; now && i < n && !stale; i++)
        stale = catalog_find(now, oids[i]) != catalog_find(s->view.catalog, oids[i]);
    catalog_unref(now);
    return stale;
}

static void forget_weak_above(struct session *s, uint32_t n)
{
    struct ddl_txn *t = s->txn.ddl;
    while (t && t->n_weak > n) {
        t->n_weak--;
        ddl_locks_weak_release(s->node->ddl->locks, t->weak[t->n_weak].oid, t->weak[t->n_weak].mode);
    }
}

int ddl_use(struct task *task, struct session *s, const uint32_t *oids, uint32_t n, enum ddl_lock_mode mode, bool *stale,
            struct err *err)
{
    bool reloaded;
    int rc = wait_for_quorum(task, s->node, &reloaded, err);
    if (rc)
        return rc;
    uint32_t before = s->txn.ddl ? ((struct ddl_txn *)s->txn.ddl)->n_weak : 0;
    for (uint32_t i = 0; i < n && !rc; i++)
        if (oids[i] >= CATALOG_OID_FIRST || oids[i] == OID_PUBLIC)
            rc = use_one(task, s, oids[i], mode, err);
    *stale = !rc && (reloaded || is_stale(s, oids, n));
    if (rc || *stale)
        forget_weak_above(s, before);
    return rc;
}

/* ---- the end ---- */

static void tell_all(struct task *task, struct session *s, uint16_t method, const struct buf *msg)
{
    struct arena arena;
    arena_init(&arena, NULL);
    uint32_t *ids, self = kv_self(s->node->kv);
    size_t n;
    struct err err;
    task_mask(task);
    if (list_nodes(task, s->node, &arena, &ids, &n, &err) == 0) {
        for (size_t i = 0; i < n; i++) {
            bool answered, granted;
            if (ids[i] != self && call_until_gone(task, s->node, ids[i], method, msg, &answered, &granted, &err))
                log_event(s->node->log, LOG_WARN, "ddl_tell_failed", LOG_U64("node", ids[i]), LOG_TEXT("error", err.message));
        }
    }
    task_unmask(task);
    arena_done(&arena);
}

void ddl_node_publish(struct task *task, struct session *s, const struct catalog_change *changes, uint32_t n, hlc_time commit_ts)
{
    struct ddl_lock_owner owner = owner_of(s);
    struct buf msg = {0}, body = {0};
    put_owner(&msg, &owner);
    buf_put_le64(&msg, commit_ts);
    buf_put_le32(&msg, n);
    struct catalog_change *own = calloc(n + 1, sizeof *own);
    for (uint32_t i = 0; i < n; i++) {
        buf_reset(&body);
        struct cat_object *obj = NULL;
        if (changes[i].object) {
            cat_object_encode(changes[i].object, &body);
            /* Read back: what others get, with its version. */
            struct err err;
            if (cat_object_decode(body.data, body.len, commit_ts, &obj, &err))
                log_event(s->node->log, LOG_ERROR, "ddl_publish_failed", LOG_TEXT("error", err.message));
        }
        own[i] = (struct catalog_change){changes[i].oid, obj};
        buf_put_le32(&msg, changes[i].oid);
        buf_put_le32(&msg, (uint32_t)body.len);
        buf_put(&msg, body.data, body.len);
    }
    node_catalog_apply(s->node->catalog, own, n, commit_ts);
    tell_all(task, s, METHOD_PUBLISH, &msg);
    for (uint32_t i = 0; i < n; i++)
        cat_object_unref(own[i].object);
    free(own);
    buf_done(&msg);
    buf_done(&body);
}

void ddl_node_unlock(struct task *task, struct session *s)
{
    struct ddl_txn *t = s->txn.ddl;
    struct ddl_lock_owner owner = owner_of(s);
    forget_weak_above(s, 0);
    if (t->n_strong || t->remote)
        ddl_locks_release(s->node->ddl->locks, &owner);
    if (!t->remote)
        return;
    struct buf msg = {0};
    put_owner(&msg, &owner);
    tell_all(task, s, METHOD_UNLOCK, &msg);
    buf_done(&msg);
}

/* ---- OIDs ---- */

enum { OID_RANGE = 64, COUNTER_OID = 1 };

static int take_oid_range(struct task *task, struct sql_node *node, uint32_t *first, struct err *err)
{
    struct datum key = datum_i64(COUNTER_OID), value;
    struct row_update u = {.node = node, .storage = CATALOG_COUNTER, .key = &key, .n_key = 1, .column_ids = {2}, .n_columns = 1};
    for (;;) {
        bool found;
        int rc = row_update_begin(task, &u, &value, &found, err);
        if (rc)
            return rc;
        int64_t next = found ? value.u.i64 : CATALOG_OID_FIRST + 16;
        struct datum after = datum_i64(next + OID_RANGE);
        bool again;
        rc = row_update_end(task, &u, &after, &again, err);
        if (rc)
            return rc;
        if (again)
            continue;
        *first = (uint32_t)next;
        return 0;
    }
}

int ddl_oid(struct ddl *d, uint32_t *oid, struct err *err)
{
    struct ddl_node *dn = d->s->node->ddl;
    for (;;) {
        lock_take(&dn->oid_lock);
        bool have = dn->oid_next < dn->oid_end;
        if (have)
            *oid = dn->oid_next++;
        lock_give(&dn->oid_lock);
        if (have)
            return 0;
        uint32_t first;
        int rc = take_oid_range(d->task, d->s->node, &first, err);
        if (rc)
            return rc;
        lock_take(&dn->oid_lock);
        dn->oid_next = first;
        dn->oid_end = first + OID_RANGE;
        lock_give(&dn->oid_lock);
    }
}
