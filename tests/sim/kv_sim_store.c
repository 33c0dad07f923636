/* Groups of the simulated world: storage/tablet/group.h and store.h over shared logs.
 *
 * An entry proposed by the true leader commits after a round trip while the leader has a quorum. A
 * leader is replaced when its lease ran out (or was given back); of its entries in flight a drawn
 * prefix survives and commits, the rest is lost, and an old leader that lives learns both late.
 * Replicas apply in order, each at its own pace; a node that restarts applies everything again from
 * the start.
 */
#include <assert.h>
#include <stdlib.h>

#include "storage/txn/txn_command.h"
#include "tests/sim/kv_sim_int.h"
#include "tests/sim/kv_sim_lsm.h"

enum { LEASE_MS = 450 };

struct group_apply {
    struct group *group;
};

/* ---- group.h: inside apply ------------------------------------------------------------------ */

struct group *group_apply_group(struct group_apply *apply)
{
    return apply->group;
}

void group_state_put(struct group_apply *apply, const void *key, size_t key_len, const void *value,
                     size_t value_len)
{
    state_map_put(&apply->group->state, key, key_len, value, value_len);
}

bool group_state_del(struct group_apply *apply, const void *key, size_t key_len)
{
    return state_map_del(&apply->group->state, key, key_len);
}

static struct lsm **find_tablet(const struct group *group, uint64_t storage, uint16_t shard)
{
    struct lsm **at = (struct lsm **)&group->tablets;
    while (*at && ((*at)->storage != storage || (*at)->shard != shard))
        at = &(*at)->next;
    return at;
}

void group_tablet_create(struct group_apply *apply, const struct kv_schema *schema, uint16_t shard)
{
    struct lsm **at = find_tablet(apply->group, schema->id, shard);
    if (!*at)
        *at = sim_lsm_create(schema, shard, &apply->group->node->sim->rng);
}

void group_tablet_alter(struct group_apply *apply, const struct kv_schema *schema, uint16_t shard)
{
    struct lsm *lsm = *find_tablet(apply->group, schema->id, shard);
    if (lsm)
        sim_lsm_alter(lsm, schema);
}

void group_tablet_drop(struct group_apply *apply, uint64_t storage, uint16_t shard)
{
    struct lsm **at = find_tablet(apply->group, storage, shard);
    struct lsm *lsm = *at;
    if (!lsm)
        return;
    *at = lsm->next;
    sim_lsm_drop(lsm);
}

bool group_tablet_put(struct group_apply *apply, uint64_t storage, uint16_t shard, const void *key,
                      size_t key_len, hlc_time ts, const void *row, size_t row_len)
{
    struct lsm *lsm = *find_tablet(apply->group, storage, shard);
    if (lsm)
        sim_lsm_put(lsm, key, (uint32_t)key_len, ts, false, row, (uint32_t)row_len);
    return lsm != NULL;
}

bool group_tablet_delete(struct group_apply *apply, uint64_t storage, uint16_t shard,
                         const void *key, size_t key_len, hlc_time ts, const void *moved_to,
                         size_t moved_to_len)
{
    struct lsm *lsm = *find_tablet(apply->group, storage, shard);
    if (lsm)
        sim_lsm_put(lsm, key, (uint32_t)key_len, ts, true, moved_to, (uint32_t)moved_to_len);
    return lsm != NULL;
}

void group_gc_threshold_set(struct group_apply *apply, hlc_time threshold)
{
    if (threshold > apply->group->gc_threshold)
        apply->group->gc_threshold = threshold;
}

/* ---- group.h: looking ----------------------------------------------------------------------- */

bool group_state_get(const struct group *group, const void *key, size_t key_len,
                     const uint8_t **value, size_t *value_len)
{
    return state_map_get(&group->state, key, key_len, value, value_len);
}

void group_state_seek(const struct group *group, struct group_state_iter *it, const void *prefix,
                      size_t prefix_len, const void *from, size_t from_len)
{
    it->at = state_map_seek(&group->state, from ? from : prefix, from ? from_len : prefix_len);
    it->prefix = prefix;
    it->prefix_len = prefix_len;
}

bool group_state_next(struct group_state_iter *it, struct group_state_item *item)
{
    if (!it->at)
        return false;
    item->key = state_node_key(it->at, &item->key_len);
    item->value = state_node_value(it->at, &item->value_len);
    if (item->key_len < it->prefix_len || memcmp(item->key, it->prefix, it->prefix_len))
        return false;
    it->at = state_node_next(it->at);
    return true;
}

struct lsm *group_tablet(const struct group *group, uint64_t storage, uint16_t shard)
{
    return *find_tablet(group, storage, shard);
}

const struct kv_schema *group_tablet_schema(const struct group *group, uint64_t storage,
                                            uint16_t shard)
{
    struct lsm *lsm = *find_tablet(group, storage, shard);
    return lsm ? lsm->schema : NULL;
}

void group_tablet_each(struct group *group,
                       void (*visit)(void *arg, uint64_t storage, uint16_t shard, struct lsm *lsm),
                       void *arg)
{
    for (struct lsm *lsm = group->tablets; lsm; lsm = lsm->next)
        visit(arg, lsm->storage, lsm->shard, lsm);
}

hlc_time group_gc_threshold(const struct group *group)
{
    return group->gc_threshold;
}
uint32_t group_id(const struct group *group)
{
    return group->shared->id;
}
struct store *group_store(const struct group *group)
{
    return &group->node->store;
}
void *group_machine(const struct group *group)
{
    return group->machine;
}
bool group_is_leader(const struct group *group)
{
    return group->leading;
}
raft_term group_term(const struct group *group)
{
    return group->shared->term;
}
raft_index group_applied(const struct group *group)
{
    return group->applied;
}
hlc_time group_read_floor(const struct group *group)
{
    return group->read_floor;
}
hlc_time group_read_limit(const struct group *group)
{
    return group->read_limit;
}

uint32_t group_leader_node(const struct group *group)
{
    return group->leading ? group->node->id : group->node->hints[group->shared->id];
}

bool group_lease_ok(struct group *group)
{
    return group->leading && group->node->sim->now_ns < group->lease_until_ns;
}

/* ---- applying ------------------------------------------------------------------------------- */

static void stop_leading(struct group *r)
{
    raft_term term = r->term;
    if (!r->leading)
        return;
    r->leading = false;
    kv_machine_ops.leader_stopped(r->machine, term);
}

static void apply_entry(struct group *r, struct sim_entry *e, uint64_t index)
{
    struct group_apply apply = {r};
    struct buf answer = {0};
    bool own = e->proposal && e->node == r->node->id && e->boot == r->node->boot;
    struct group_command command = {
        .index = index,
        .term = e->term,
        .bytes = e->bytes,
        .size_bytes = e->len,
        .context = own ? e->proposal->context : NULL,
    };
    if (r->leading && e->term > r->term)
        stop_leading(r);
    if (e->len == 1) { /* a split or merge raised the generation of the group's spans */
        const uint8_t *old;
        size_t len;
        uint8_t next[4];
        bool known = state_map_get(&r->state, "G", 1, &old, &len);
        store_le32(next, (known ? load_le32(old) : 1) + 1);
        state_map_put(&r->state, "G", 1, next, sizeof next);
        r->applied = index;
        return;
    }
    kv_machine_ops.apply(r->machine, &apply, &command, &answer);
    r->applied = index;
    sim_trace(r->node->sim, 1, (uint64_t)r->node->id << 32 | r->shared->id, index);
    if (own) {
        struct group_proposal *proposal = e->proposal;
        e->proposal = NULL;
        proposal->done(proposal, GROUP_APPLIED, answer.data, answer.len);
    }
    buf_done(&answer);
}

static void catch_up(struct sim_node *node, void *arg)
{
    struct group *r = arg;
    while (r->applied < r->shared->n_committed)
        apply_entry(r, &r->shared->entries[r->applied], r->applied + 1);
}

struct apply_event {
    struct sim_event event;
    struct group *replica;
    uint32_t node, boot;
};

static void run_apply(struct sim *sim, struct sim_event *event)
{
    struct apply_event *a = container_of(event, struct apply_event, event);
    struct sim_node *node = &sim->nodes[a->node];
    if (node->up && node->boot == a->boot)
        sim_on_core(node, catch_up, a->replica);
    free(a);
}

static void schedule_apply(struct sim *sim, uint32_t node, uint32_t group, uint64_t delay_ns)
{
    struct sim_node *n = &sim->nodes[node];
    if (!n->up || !n->groups[group])
        return;
    struct apply_event *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    a->replica = n->groups[group];
    a->node = node;
    a->boot = n->boot;
    sim_at(sim, &a->event, sim->now_ns + delay_ns, run_apply);
}

static void commit_to(struct sim_group *g, uint64_t count)
{
    for (uint64_t i = g->n_committed; i < count; i++)
        g->entries[i].committed = true;
    if (count > g->n_committed)
        g->n_committed = count;
    for (uint32_t node = 1; node <= g->sim->n_nodes; node++)
        if (sim_connected(g->sim, node, g->leader))
            schedule_apply(g->sim, node, g->id, node == g->leader ? 0 : sim_delay(g->sim));
}

struct commit_event {
    struct sim_event event;
    struct sim_group *group;
    raft_term term;
    uint64_t count;
};

static void run_commit(struct sim *sim, struct sim_event *event)
{
    struct commit_event *c = container_of(event, struct commit_event, event);
    struct sim_group *g = c->group;
    if (g->term != c->term || !g->leader || c->count > g->n_entries) {
        free(c);
    } else if (!sim_has_quorum(sim, g->leader)) {
        sim_at(sim, &c->event, sim->now_ns + 20 * SIM_MS, run_commit);
    } else {
        commit_to(g, c->count);
        free(c);
    }
}

static void append_entry(struct sim_group *g, const struct sim_entry *e)
{
    if (g->n_entries == g->cap_entries) {
        g->cap_entries = g->cap_entries ? 2 * g->cap_entries : 256;
        g->entries = realloc(g->entries, g->cap_entries * sizeof *g->entries);
        if (!g->entries)
            abort();
    }
    g->entries[g->n_entries++] = *e;
    struct commit_event *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->group = g;
    c->term = g->term;
    c->count = g->n_entries;
    sim_at(g->sim, &c->event, g->sim->now_ns + 2 * sim_delay(g->sim), run_commit);
}

void sim_group_raise_generation(struct sim *sim, uint32_t group)
{
    struct sim_group *g = &sim->groups[group];
    struct sim_entry e = {.term = g->term, .len = 1, .bytes = calloc(1, 1)};
    if (g->leader && sim->nodes[g->leader].groups[group]->leading)
        append_entry(g, &e);
    else
        free(e.bytes);
}

enum group_propose_result group_propose_start(struct group *r, struct group_proposal *proposal)
{
    struct sim_group *g = r->shared;
    struct sim *sim = g->sim;
    if (!r->leading || (proposal->expected_term && proposal->expected_term != r->term))
        return GROUP_PROPOSE_NOT_LEADER;
    struct sim_entry e = {
        .term = r->term,
        .len = (uint32_t)proposal->size_bytes,
        .bytes = malloc(proposal->size_bytes + 1),
        .proposal = proposal,
        .node = r->node->id,
        .boot = r->node->boot,
    };
    memcpy(e.bytes, proposal->bytes, proposal->size_bytes);
    bool current = g->leader == r->node->id && g->term == r->term;
    if (!current) {
        /* A leader that does not know yet that it was replaced: its entry goes nowhere. */
        free(e.bytes);
        sim_lose(sim, r->node->id, r->node->boot, g->id, proposal);
        return GROUP_PROPOSE_ACCEPTED;
    }
    append_entry(g, &e);
    return GROUP_PROPOSE_ACCEPTED;
}

/* ---- leaders come and go -------------------------------------------------------------------- */

/* What an old leader still has to be told: proposals that were lost. */
struct lost_event {
    struct sim_event event;
    uint32_t node, boot, group;
    struct group_proposal *proposal; /* NULL: only that it leads no more */
};

static void tell_lost(struct sim_node *node, void *arg)
{
    struct lost_event *l = arg;
    struct group *r = node->groups[l->group];
    if (r->leading && r->term < r->shared->term)
        stop_leading(r);
    if (l->proposal)
        l->proposal->done(l->proposal, GROUP_LOST, NULL, 0);
    free(l);
}

static void run_lost(struct sim *sim, struct sim_event *event)
{
    struct lost_event *l = container_of(event, struct lost_event, event);
    struct sim_group *g = &sim->groups[l->group];
    struct sim_node *node = &sim->nodes[l->node];
    if (!node->up || node->boot != l->boot)
        free(l);
    else if (!g->leader || (g->leader != l->node && !sim_connected(sim, l->node, g->leader)))
        sim_at(sim, &l->event, sim->now_ns + 20 * SIM_MS, run_lost);
    else
        sim_on_core(node, tell_lost, l);
}

void sim_lose(struct sim *sim, uint32_t node, uint32_t boot, uint32_t group,
              struct group_proposal *proposal)
{
    struct lost_event *l = calloc(1, sizeof *l);
    if (!l)
        abort();
    l->node = node;
    l->boot = boot;
    l->group = group;
    l->proposal = proposal;
    sim_at(sim, &l->event, sim->now_ns + sim_delay(sim), run_lost);
}

static void start_leading(struct sim_node *node, void *arg)
{
    struct group *r = arg;
    struct sim_group *g = r->shared;
    if (g->leader != node->id || (r->leading && r->term == g->term))
        return;
    stop_leading(r);
    catch_up(node, r);
    r->term = g->term;
    r->leading = true;
    r->read_floor = g->limit_max;
    r->read_limit = g->limit_max;
    node->hints[g->id] = node->id;
    kv_machine_ops.leader_started(r->machine, g->term);
}

struct elect_event {
    struct sim_event event;
    uint32_t group;
};

static void truncate_to(struct sim_group *g, uint64_t count)
{
    while (g->n_entries > count) {
        struct sim_entry *e = &g->entries[--g->n_entries];
        if (e->proposal)
            sim_lose(g->sim, e->node, e->boot, g->id, e->proposal);
        free(e->bytes);
    }
}

static void run_election(struct sim *sim, struct sim_event *event)
{
    struct elect_event *e = container_of(event, struct elect_event, event);
    struct sim_group *g = &sim->groups[e->group];
    uint32_t start = (uint32_t)prng_below(&sim->rng, sim->n_nodes), winner = 0;
    for (uint32_t i = 0; i < sim->n_nodes && !winner; i++) {
        uint32_t node = 1 + (start + i) % sim->n_nodes;
        if (sim->nodes[node].up && sim->nodes[node].groups[g->id] && sim_has_quorum(sim, node))
            winner = node;
    }
    if (!winner) {
        sim_at(sim, &e->event, sim->now_ns + 50 * SIM_MS, run_election);
        return;
    }
    free(e);
    uint64_t in_flight = g->n_entries - g->n_committed;
    truncate_to(g, g->n_committed + prng_below(&sim->rng, in_flight + 1));
    g->term++;
    g->leader = winner;
    g->electing = false;
    struct group *r = sim->nodes[winner].groups[g->id];
    r->lease_until_ns = sim->now_ns + LEASE_MS * SIM_MS;
    sim_trace(sim, 2, (uint64_t)g->id << 32 | winner, g->term);
    commit_to(g, g->n_entries);
    sim_on_core(&sim->nodes[winner], start_leading, r);
    for (uint32_t node = 1; node <= sim->n_nodes; node++)
        if (node != winner && sim->nodes[node].up && sim->nodes[node].groups[g->id])
            sim_lose(sim, node, sim->nodes[node].boot, g->id, NULL);
}

static void elect(struct sim_group *g, uint64_t delay_ns)
{
    struct elect_event *e = calloc(1, sizeof *e);
    if (!e)
        abort();
    if (g->electing) {
        free(e);
        return;
    }
    g->electing = true;
    e->group = g->id;
    sim_at(g->sim, &e->event, g->sim->now_ns + delay_ns, run_election);
}

/* The leader gives its leadership back: its lease ends at once. */
void sim_group_depose(struct sim *sim, uint32_t group)
{
    struct sim_group *g = &sim->groups[group];
    if (!g->leader)
        return;
    struct group *r = sim->nodes[g->leader].groups[group];
    if (r)
        r->lease_until_ns = sim->now_ns;
    g->leader = 0;
    elect(g, prng_below(&sim->rng, 30) * SIM_MS);
}

static void renew_lease(struct sim *sim, struct sim_group *g, struct group *r)
{
    hlc_time limit = hlc_last(&r->node->hlc);
    hlc_time wall = hlc_make(env_wall_us(&r->node->env), 0);
    limit = (wall > limit ? wall : limit) + hlc_make(250000, 0);
    r->lease_until_ns = sim->now_ns + LEASE_MS * SIM_MS;
    if (limit > r->read_limit)
        r->read_limit = limit;
    if (r->read_limit > g->limit_max)
        g->limit_max = r->read_limit;
}

/* Every 50 ms: leases, hints, and elections where a lease ran out. */
void sim_groups_tick(struct sim *sim)
{
    for (uint32_t id = 1; id <= SIM_GROUPS; id++) {
        struct sim_group *g = &sim->groups[id];
        struct group *r = g->leader ? sim->nodes[g->leader].groups[id] : NULL;
        bool alive = r && sim->nodes[g->leader].up && sim_has_quorum(sim, g->leader);
        if (alive) {
            renew_lease(sim, g, r);
            for (uint32_t node = 1; node <= sim->n_nodes; node++)
                if (sim_connected(sim, node, g->leader)) {
                    sim->nodes[node].hints[id] = g->leader;
                    schedule_apply(sim, node, id, sim_delay(sim));
                }
        } else if (!g->electing && (!r || sim->now_ns >= r->lease_until_ns)) {
            g->leader = 0;
            elect(g, prng_below(&sim->rng, 150) * SIM_MS);
        }
    }
}

/* A crash: the proposals of that boot will never be asked for; its lease lasts until it has run
 * out. */
void sim_node_groups_lost(struct sim *sim, uint32_t node)
{
    for (uint32_t id = 1; id <= SIM_GROUPS; id++) {
        struct sim_group *g = &sim->groups[id];
        for (uint64_t i = 0; i < g->n_entries; i++)
            if (g->entries[i].node == node)
                g->entries[i].proposal = NULL;
        if (g->leader == node) {
            uint64_t until = sim->nodes[node].groups[id]->lease_until_ns;
            g->leader = 0;
            elect(g, (until > sim->now_ns ? until - sim->now_ns : 0) +
                         prng_below(&sim->rng, 150) * SIM_MS);
        }
    }
}

/* ---- nodes ---------------------------------------------------------------------------------- */

void sim_groups_init(struct sim *sim)
{
    for (uint32_t id = 1; id <= SIM_GROUPS; id++)
        sim->groups[id] = (struct sim_group){.sim = sim, .id = id};
}

void sim_groups_done(struct sim *sim)
{
    for (uint32_t id = 1; id <= SIM_GROUPS; id++) {
        for (uint64_t i = 0; i < sim->groups[id].n_entries; i++)
            free(sim->groups[id].entries[i].bytes);
        free(sim->groups[id].entries);
    }
}

void sim_node_groups_create(struct sim_node *node)
{
    for (uint32_t id = 1; id <= SIM_GROUPS; id++) {
        struct group *r = calloc(1, sizeof *r);
        if (!r)
            abort();
        r->node = node;
        r->shared = &node->sim->groups[id];
        state_map_init(&r->state);
        r->machine = kv_machine_ops.create(node->kv, r);
        kv_machine_ops.state_loaded(r->machine);
        node->groups[id] = r;
        if (r->shared
                ->n_committed) /* as far as it had got, or less: the rest comes from the leader */
            while (r->applied < r->shared->n_committed && !prng_chance(&node->sim->rng, 0.001))
                apply_entry(r, &r->shared->entries[r->applied], r->applied + 1);
    }
}

/* ---- store.h -------------------------------------------------------------------------------- */

uint32_t store_node_id(const struct store *store)
{
    return store->node->id;
}
uint32_t store_boot_epoch(const struct store *store)
{
    return store->node->boot;
}
struct hlc *store_hlc(struct store *store)
{
    return &store->node->hlc;
}
uint64_t store_max_clock_offset_us(const struct store *store)
{
    return 250000;
}
uint32_t store_group_count(const struct store *store)
{
    return SIM_GROUPS;
}
struct core *store_group_core(const struct store *store, uint32_t id)
{
    return store->node->core;
}

bool store_route(const struct store *store, uint32_t id, struct store_route *route)
{
    if (!id || id > SIM_GROUPS)
        return false;
    struct sim_node *node = store->node;
    *route = (struct store_route){.n_replicas = (uint8_t)node->sim->n_nodes, .local = true};
    for (uint32_t i = 0; i < node->sim->n_nodes; i++)
        route->nodes[i] = i + 1;
    route->leader_node = node->groups[id]->leading ? node->id : node->hints[id];
    return true;
}

void store_leader_hint(struct store *store, uint32_t group, uint32_t node)
{
    store->node->hints[group] = node;
}

struct group *store_group(const struct store *store, uint32_t id)
{
    return id && id <= SIM_GROUPS ? store->node->groups[id] : NULL;
}

bool store_node_alive(const struct store *store, uint32_t id)
{
    const struct sim_node *self = store->node, *other = &self->sim->nodes[id];
    if (id == self->id)
        return true;
    return other->up && (!self->cut_since_ns[id] ||
                         self->sim->now_ns - self->cut_since_ns[id] < LEASE_MS * SIM_MS);
}

uint32_t store_node_epoch(const struct store *store, uint32_t id)
{
    return store->node->sim->nodes[id].boot;
}

/* ---- the end -------------------------------------------------------------------------------- */

/* Nothing open is left, and equal logs made equal replicas. */
void sim_groups_check(struct sim *sim)
{
    for (uint32_t id = 1; id <= SIM_GROUPS; id++) {
        struct buf first = {0};
        for (uint32_t node = 1; node <= sim->n_nodes; node++) {
            struct group *r = sim->nodes[node].groups[id];
            struct group_state_iter it;
            struct group_state_item item;
            struct buf bytes = {0};
            group_state_seek(r, &it, "P", 1, NULL, 0);
            if (group_state_next(&it, &item))
                sim_fail(sim, "group %u holds prepared rows at the end", id);
            struct txn_bulk bulk;
            group_state_seek(r, &it, "B", 1, NULL, 0);
            while (group_state_next(&it, &item))
                if (txn_bulk_decode(item.value, item.value_len, &bulk) &&
                    bulk.filling != TXN_BULK_DROPPED)
                    sim_fail(sim, "group %u holds bulk rows of nobody at the end", id);
            for (struct lsm *lsm = r->tablets; lsm; lsm = lsm->next)
                if (!kv_work_may_exist(sim->work, lsm->storage))
                    sim_fail(sim, "group %u holds a tablet of storage %llu that never was", id,
                             (unsigned long long)lsm->storage);
            group_state_seek(r, &it, "R", 1, NULL, 0);
            struct txn_record record;
            while (group_state_next(&it, &item))
                if (txn_record_decode(item.value, item.value_len, &record) &&
                    record.status != TXN_ABORTED)
                    sim_fail(sim,
                             "group %u holds a record at the end: verdict %u, epoch %u, %u groups, "
                             "%llu ms old",
                             id, record.status, record.epoch, record.n_groups,
                             (unsigned long long)(hlc_micros(hlc_last(&sim->nodes[node].hlc)) -
                                                  hlc_micros(record.stamp)) /
                                 1000);
            state_map_encode(&r->state, &bytes);
            if (node > 1 && r->applied == sim->nodes[1].groups[id]->applied &&
                (bytes.len != first.len || memcmp(bytes.data, first.data, bytes.len)))
                sim_fail(sim, "replicas of group %u differ", id);
            if (node == 1)
                first = bytes;
            else
                buf_done(&bytes);
        }
        buf_done(&first);
    }
}
