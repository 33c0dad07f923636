/* plan_cache.c: plans of a core, found by what they were made from.
 *
 *   key := search path OIDs, database, role, hash of plan-relevant settings, parameter types,
 * statement text
 *
 * A plan found is good while the versions of the objects it depends on are those it was made with;
 * after a change of the catalog they are compared once. Least recently used ones go when there are
 * too many. */
#include <stdlib.h>
#include <string.h>

#include "server/sql/sql_int.h"

enum { PLANS_MAX = 1024, PLAN_TEXT_MAX = 16384 };

struct plan_cache {
    struct hashmap by_key;
    struct list lru; /* struct cached_plan.lru, oldest first */
};

struct plan_cache *plan_cache_create(void)
{
    struct plan_cache *cache = calloc(1, sizeof *cache);
    hashmap_init(&cache->by_key);
    list_init(&cache->lru);
    return cache;
}

struct cached_plan *cached_plan_ref(struct cached_plan *p)
{
    p->refs++;
    return p;
}

void cached_plan_unref(struct cached_plan *p)
{
    if (!p || --p->refs)
        return;
    exec_plan_unref(p->exec);
    struct arena arena = p->arena;
    arena_done(&arena);
}

static void forget(struct plan_cache *cache, struct cached_plan *p)
{
    if (!p->cached)
        return;
    p->cached = false;
    hashmap_remove(&cache->by_key, p->key, p->key_len);
    list_remove(&p->lru);
    cached_plan_unref(p);
}

void plan_cache_destroy(struct plan_cache *cache)
{
    struct list_node *at;
    while ((at = list_first(&cache->lru)))
        forget(cache, container_of(at, struct cached_plan, lru));
    hashmap_done(&cache->by_key);
    free(cache);
}

/* ---- keys and validity ---- */

static void make_key(struct session *s, const char *text, size_t len, const uint32_t *types,
                     uint32_t n_types, struct buf *out)
{
    buf_put_le32(out, s->view.n_search_path);
    buf_put(out, s->view.search_path, s->view.n_search_path * sizeof(uint32_t));
    buf_put_le32(out, s->db_oid);
    buf_put_le32(out, s->role_oid);
    buf_put_le32(out, s->session_role_oid);
    buf_put_le64(out, s->settings->plan_hash);
    buf_put_le32(out, n_types);
    buf_put(out, types, n_types * sizeof(uint32_t));
    buf_put(out, text, len);
}

static bool versions_hold(struct session *s, struct cached_plan *p, uint64_t number)
{
    if (p->catalog_number == number)
        return true;
    for (uint32_t i = 0; i < p->n_depends; i++)
        if (catalog_view_version(&s->view, p->depends[i]) != p->versions[i])
            return false;
    p->catalog_number = number;
    return true;
}

static struct cached_plan *look_up(struct session *s, const struct buf *key)
{
    struct plan_cache *cache = s->sql_core->plans;
    struct cached_plan *p = hashmap_get(&cache->by_key, key->data, key->len);
    if (!p)
        return NULL;
    if (!versions_hold(s, p, node_catalog_number(s->node->catalog))) {
        forget(cache, p);
        return NULL;
    }
    list_remove(&p->lru);
    list_push_back(&cache->lru, &p->lru);
    return p;
}

bool plan_is_cached(struct session *s, const char *text, size_t len, const uint32_t *types,
                    uint32_t n_types)
{
    if (len > PLAN_TEXT_MAX || !catalog_overlay_empty(s->txn.overlay))
        return false;
    struct buf key = {0};
    make_key(s, text, len, types, n_types, &key);
    bool found = look_up(s, &key) != NULL;
    buf_done(&key);
    return found;
}

/* ---- making ---- */

static void fill_shape(const struct plan *plan, struct cached_plan *p)
{
    const struct plan_header *h = plan_head(plan);
    p->shape.n = h->flags & PLAN_RETURNS_ROWS ? h->columns.n : 0;
    p->shape.columns = arena_array(&p->arena, struct result_column, h->columns.n + 1);
    for (uint32_t i = 0; i < p->shape.n; i++) {
        const struct plan_result_column *c =
            plan_at(plan, plan_list_get(plan, h->columns, i), struct plan_result_column);
        p->shape.columns[i] =
            (struct result_column){.name = arena_strdup(&p->arena, plan_str(plan, c->name)),
                                   .type_oid = c->type_oid,
                                   .typmod = c->typmod,
                                   .table_oid = c->table_oid,
                                   .attnum = c->attnum};
    }
}

int plan_load(struct session *s, const struct plan *plan, struct cached_plan **out, struct err *err)
{
    struct exec_plan *exec;
    int rc = exec_plan_load(plan, &exec, err);
    if (rc)
        return rc;
    struct arena arena;
    arena_init(&arena, NULL);
    struct cached_plan *p = arena_new(&arena, struct cached_plan);
    p->arena = arena;
    p->refs = 1;
    p->exec = exec;
    const struct plan_header *h = plan_head(plan);
    p->flags = h->flags;
    p->command = h->command;
    p->n_params = h->params.n;
    p->params = h->params.n ? arena_memdup(&p->arena, plan_at(plan, h->params.at, uint32_t),
                                           h->params.n * 4)
                            : NULL;
    p->n_depends = h->depends.n;
    p->depends = h->depends.n ? arena_memdup(&p->arena, plan_at(plan, h->depends.at, uint32_t),
                                             h->depends.n * 4)
                              : NULL;
    p->versions = arena_array(&p->arena, uint64_t, h->depends.n + 1);
    for (uint32_t i = 0; i < p->n_depends; i++)
        p->versions[i] = catalog_view_version(&s->view, p->depends[i]);
    p->catalog_number = node_catalog_number(s->node->catalog);
    fill_shape(plan, p);
    *out = p;
    return 0;
}

static int make_plan(struct task *task, struct session *s, struct prepared *pr,
                     struct cached_plan **out, struct err *err)
{
    int rc = prepared_need_ast(task, s, pr, err);
    if (rc)
        return rc;
    struct arena arena;
    arena_init(&arena, &s->account);
    struct session_host host;
    session_host_init(&host, s, &s->view, session_clock(s));
    struct planner_options options;
    session_planner_options(s, &host.host.env, pr->whole, pr->whole_len, &options);
    options.n_param_types = pr->n_given;
    options.param_types = pr->given;
    options.params_extend = true;
    struct plan plan;
    rc = plan_statement(pr->node, &options, &arena, &plan, err);
    if (!rc)
        rc = plan_load(s, &plan, out, err);
    arena_done(&arena);
    return rc;
}

static void put_in(struct plan_cache *cache, struct cached_plan *p, const struct buf *key)
{
    p->key = arena_memdup(&p->arena, key->data, key->len);
    p->key_len = (uint32_t)key->len;
    p->cached = true;
    p->refs++;
    hashmap_put(&cache->by_key, p->key, p->key_len, p);
    list_push_back(&cache->lru, &p->lru);
    if (cache->by_key.count > PLANS_MAX)
        forget(cache, container_of(list_first(&cache->lru), struct cached_plan, lru));
}

static void remember(struct session *s, struct prepared *pr, struct cached_plan *p)
{
    if (pr->plan != p) {
        cached_plan_unref(pr->plan);
        pr->plan = cached_plan_ref(p);
    }
    pr->plan_stamp = s->view_stamp;
    if (pr->n_types < p->n_params) {
        pr->types = arena_array(&pr->arena, uint32_t, p->n_params);
        pr->n_types = p->n_params;
    }
    if (p->n_params)
        memcpy(pr->types, p->params, p->n_params * sizeof(uint32_t));
}

int plan_get(struct task *task, struct session *s, struct prepared *pr, struct cached_plan **out,
             struct err *err)
{
    bool shared = catalog_overlay_empty(s->txn.overlay);
    if (shared && pr->plan && pr->plan_stamp == s->view_stamp) {
        *out = cached_plan_ref(pr->plan);
        return 0;
    }
    shared = shared && pr->len <= PLAN_TEXT_MAX;
    struct buf key = {0};
    struct cached_plan *p = NULL;
    if (shared) {
        make_key(s, pr->text, pr->len, pr->given, pr->n_given, &key);
        p = look_up(s, &key);
        if (p)
            cached_plan_ref(p);
    }
    int rc = 0;
    if (!p) {
        rc = make_plan(task, s, pr, &p, err);
        if (!rc && shared)
            put_in(s->sql_core->plans, p, &key);
    }
    buf_done(&key);
    if (rc)
        return rc;
    if (shared)
        remember(s, pr, p);
    else if (pr->n_types < p->n_params)
        remember(s, pr, p), pr->plan_stamp = 0;
    *out = p;
    return 0;
}
