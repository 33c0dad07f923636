/* group.c: a replica's life, its steps and what follows from them. See group_int.h. */
#include "storage/tablet/group.h"

#include <assert.h>
#include <stdlib.h>

#include "storage/tablet/group_int.h"

static void fire_timer(struct core *core, struct core_timer *timer);

/* ---- stepping ---- */

void group_step(struct group *group, struct raft_event *event)
{
    if (group->stopped)
        return;
    event->now_us = store_now_us(group->store);
    if (group->role == RAFT_LEADER)
        event->read_limit = store_read_limit_now(group->store);
    raft_step(group->raft, event, &group->effects);
    group->role = group->effects.role;
    group->term = group->effects.term;
    group->leader_node = group->effects.leader_node;
    store_mark(group->sc, group);
}

void group_receive(struct group *group, struct raft_message *message)
{
    struct raft_event event = {.kind = RAFT_EV_MESSAGE, .message = message};
    group_step(group, &event);
}

void group_wake_up(struct group *group)
{
    struct raft_event event = {.kind = RAFT_EV_WAKE};
    group_step(group, &event);
}

void group_resign(struct group *group)
{
    struct raft_event event = {.kind = RAFT_EV_STEP_DOWN};
    group_step(group, &event);
}

/* ---- acting ---- */

void group_note_role(struct group *group)
{
    if (group->applying) {
        group->role_due = true; /* the machine is inside apply */
        return;
    }
    raft_term was = group->started_term;
    if (was && (group->role != RAFT_LEADER || group->term != was)) {
        group->started_term = 0;
        group->store->config.machine->leader_stopped(group->machine, was);
    }
    if (group->leader_node)
        atomic_store_explicit(&group->route->leader_hint, group->leader_node,
                              memory_order_relaxed);
    wait_queue_wake_all(&group->changed);
}

/* A leader that applied an entry of its own term knows everything committed before it. */
static void note_started(struct group *group)
{
    if (group->role != RAFT_LEADER || group->started_term == group->term ||
        group->applied_term != group->term || group->queue_count || group->applying)
        return;
    group->started_term = group->term;
    group->store->config.machine->leader_started(group->machine, group->term);
    if (group->store->log)
        log_event(group->store->log, LOG_INFO, "group_leads", LOG_U64("group", group->id),
                  LOG_U64("term", group->term), LOG_U64("index", group->applied));
    wait_queue_wake_all(&group->changed);
}

static void answer_reads(struct group *group, const struct raft_effects *effects)
{
    for (size_t i = 0; i < effects->reads.count; i++) {
        const struct raft_read_state *read = &effects->reads.items[i];
        for (struct group_waiter *w = group->reads; w; w = w->next) {
            if (w->read_id != read->read_id || w->answered)
                continue;
            w->answered = true;
            w->ok = read->ok;
            w->index = read->index;
            task_wake(w->task);
        }
    }
}

/* Everything in the effects but the applying, which may step again. */
static void act_on_effects(struct group *group)
{
    struct raft_effects *effects = &group->effects;
    for (size_t i = 0; i < effects->messages.count; i++)
        store_send(group->sc, &effects->messages.items[i]);
    if (effects->persist.needed)
        group_persist(group);
    group_queue(group, effects->apply.entries, effects->apply.count);
    answer_reads(group, effects);
    for (size_t i = 0; i < effects->snapshots.count; i++)
        group_snapshot_send(group, &effects->snapshots.items[i]);
    for (size_t i = 0; i < effects->loads.count; i++)
        group_load(group, &effects->loads.items[i]);
    uint64_t early = group->early_seq;
    bool role_changed = effects->role_changed, healed = effects->quarantine_ended;
    raft_effects_reset(effects);
    if (early) {
        struct raft_event event = {.kind = RAFT_EV_PERSISTED, .seq = early};
        group->early_seq = 0;
        group_step(group, &event);
    }
    if (role_changed)
        group_note_role(group);
    if (healed && group->store->log)
        log_event(group->store->log, LOG_WARN, "group_refilled", LOG_U64("group", group->id));
}

static bool has_effects(const struct raft_effects *e)
{
    return e->messages.count || e->persist.needed || e->apply.count || e->reads.count ||
           e->snapshots.count || e->loads.count || e->role_changed;
}

static void arm_timer(struct group *group)
{
    uint64_t due = raft_deadline_us(group->raft);
    if (due == RAFT_NEVER) {
        core_timer_stop(group->sc->core, &group->timer);
        return;
    }
    /* Followers' deadlines move with every message: a timer that fires early is set anew then. */
    if (core_timer_is_armed(&group->timer) && group->timer_us <= due)
        return;
    uint64_t now = store_now_us(group->store);
    uint64_t delay_us = due > now ? due - now : 0;
    group->timer_us = now + delay_us;
    core_timer_start(group->sc->core, &group->timer,
                     env_mono_ns(group->store->env) + delay_us * 1000);
}

static void fire_timer(struct core *core, struct core_timer *timer)
{
    struct group *group = container_of(timer, struct group, timer);
    if (group->stopped)
        return;
    if (raft_deadline_us(group->raft) > store_now_us(group->store)) {
        arm_timer(group);
        return;
    }
    struct raft_event event = {.kind = RAFT_EV_TICK};
    group_step(group, &event);
}

bool group_act(struct group *group)
{
    if (group->stopped || group->acting)
        return false;
    group->acting = true;
    bool more;
    do {
        act_on_effects(group);
        raft_index before = group->applied;
        more = group_apply_queue(group);
        if (group->applied != before) {
            struct raft_event event = {.kind = RAFT_EV_APPLIED, .index = group->applied};
            group_step(group, &event);
            wait_queue_wake_all(&group->changed);
        }
        note_started(group);
    } while (has_effects(&group->effects));
    raft_trim_cache(group->raft, GROUP_RAFT_CACHE_BYTES);
    arm_timer(group);
    group->acting = false;
    return more;
}

/* ---- life ---- */

static void make_conf(const struct store_group_config *config, struct raft_conf *conf)
{
    memset(conf, 0, sizeof *conf);
    for (uint32_t i = 0; i < config->n_replicas; i++) {
        struct raft_member member = {.replica_id = config->nodes[i],
                                     .node_id = config->nodes[i],
                                     .generation = 1,
                                     .roles = RAFT_VOTER};
        bool fits = raft_conf_put(conf, member);
        assert(fits);
        (void)fits;
    }
}

int group_open(struct task *task, struct store_core *sc, struct store_route_entry *route,
               struct group **out, struct err *err)
{
    struct group *group = calloc(1, sizeof *group);
    if (!group)
        return err_set(err, ERR_OUT_OF_MEMORY, "out of memory");
    group->store = sc->store;
    group->sc = sc;
    group->route = route;
    group->id = route->config.group_id;
    raft_effects_init(&group->effects);
    core_timer_init(&group->timer, fire_timer);
    wait_queue_init(&group->changed);
    wait_queue_init(&group->idle);
    wait_queue_init(&group->checkpointed);
    group->writes_tail = &group->writes_head;
    group->proposals_tail = &group->proposals;
    group_chunks_init(&group->chunks);
    state_map_init(&group->state);
    make_conf(&route->config, &group->conf);
    const struct store_config *config = &group->store->config;
    group->machine = config->machine->create(config->machine_factory, group);
    int rc = group_recover(task, group, err);
    if (rc) {
        group_close(task, group);
        return rc;
    }
    config->machine->state_loaded(group->machine);
    *out = group;
    return 0;
}

void group_start(struct group *group)
{
    store_mark(group->sc, group);
}

struct task *group_spawn(struct group *group, const char *name, task_fn *fn, void *arg)
{
    group->busy++;
    return task_spawn(group->sc->core, TASK_BACKGROUND, name, fn, arg);
}

void group_spawned_end(struct group *group)
{
    if (--group->busy == 0)
        wait_queue_wake_all(&group->idle);
}

static void close_tablets(struct task *task, struct group *group)
{
    for (size_t i = 0; i < group->n_tablets; i++) {
        lsm_close(task, group->tablets[i]->lsm);
        free(group->tablets[i]);
    }
    free(group->tablets);
}

static void end_reads(struct group *group)
{
    for (struct group_waiter *w = group->reads; w; w = w->next) {
        w->answered = true;
        task_wake(w->task);
    }
}

void group_close(struct task *task, struct group *group)
{
    group->stopped = true;
    core_timer_stop(group->sc->core, &group->timer);
    end_reads(group);
    group_writes_abandon(group);
    wait_queue_wake_all(&group->changed);
    while (group->busy || group->writes_out)
        wait_queue_wait_always(task, &group->idle);
    group_proposals_fail(group, GROUP_UNKNOWN);
    store_unmark(group->sc, group);
    if (group->machine)
        group->store->config.machine->destroy(group->machine);
    raft_effects_done(&group->effects);
    raft_destroy(group->raft);
    group_queue_clear(group);
    free(group->queue);
    group_chunks_done(&group->chunks);
    state_map_done(&group->state);
    close_tablets(task, group);
    buf_done(&group->answer);
    free(group);
}

/* ---- leading ---- */

uint32_t group_id(const struct group *group)
{
    return group->id;
}

struct store *group_store(const struct group *group)
{
    return group->store;
}

void *group_machine(const struct group *group)
{
    return group->machine;
}

bool group_is_leader(const struct group *group)
{
    return group->started_term && group->role == RAFT_LEADER &&
           group->term == group->started_term && !group->stopped;
}

raft_term group_term(const struct group *group)
{
    return group->term;
}

raft_index group_applied(const struct group *group)
{
    return group->complete;
}

uint32_t group_leader_node(const struct group *group)
{
    return group->leader_node;
}

bool group_lease_ok(struct group *group)
{
    if (!group_is_leader(group) || hlc_is_fenced(&group->store->hlc))
        return false;
    bool ok = raft_lease_ok(group->raft, store_now_us(group->store));
    /* A group gone quiet let its lease run out: a round from now it has one again. A group of one
     * keeps its lease, but its read limit stands still until it is woken. */
    if (raft_deadline_us(group->raft) == RAFT_NEVER)
        group_wake_up(group);
    return ok;
}

hlc_time group_read_limit(const struct group *group)
{
    return raft_read_limit(group->raft);
}

hlc_time group_read_floor(const struct group *group)
{
    return raft_read_floor(group->raft);
}

/* Confirms leadership by a round and waits until what was committed then is applied here. */
static int confirm_read(struct task *task, struct group *group, bool *ok, struct err *err)
{
    struct group_waiter waiter = {.task = task, .read_id = ++group->next_read_id};
    waiter.next = group->reads;
    group->reads = &waiter;
    group_wake_up(group);
    struct raft_event event = {.kind = RAFT_EV_READ, .read_id = waiter.read_id};
    group_step(group, &event);
    int rc = 0;
    while (!rc && !waiter.answered && !group->stopped)
        if (task_park(task, TASK_FOREVER) == PARK_CANCELED)
            rc = task_cancel_error(task, err);
    struct group_waiter **at = &group->reads;
    while (*at != &waiter)
        at = &(*at)->next;
    *at = waiter.next;
    while (!rc && waiter.ok && group->applied < waiter.index && !group->stopped)
        if (wait_queue_wait(task, &group->changed, TASK_FOREVER) == PARK_CANCELED)
            rc = task_cancel_error(task, err);
    *ok = waiter.ok;
    return rc;
}

int group_read_barrier(struct task *task, struct group *group, bool *ok, struct err *err)
{
    bool confirmed = true;
    int rc = 0;
    group->busy++;
    for (int attempt = 0; attempt < 3 && confirmed && !rc && !group_lease_ok(group); attempt++) {
        if (group->role != RAFT_LEADER) {
            group_wake_up(group); /* its leader may be gone unnoticed while the group was idle */
            break;
        }
        rc = confirm_read(task, group, &confirmed, err);
    }
    if (!rc)
        *ok = group_lease_ok(group);
    group_spawned_end(group);
    return rc;
}

int group_transfer(struct task *task, struct group *group, uint32_t to_node, bool *moved,
                   struct err *err)
{
    if (group->role != RAFT_LEADER) {
        *moved = false;
        return 0;
    }
    raft_term term = group->term;
    struct raft_event event = {.kind = RAFT_EV_TRANSFER, .peer = to_node};
    group_step(group, &event);
    mono_ns until = env_mono_ns(group->store->env) + GROUP_TRANSFER_MS * UINT64_C(1000000);
    int rc = 0;
    group->busy++;
    while (!rc && !group->stopped && !(group->term > term && group->leader_node)) {
        enum park_result woke = wait_queue_wait(task, &group->changed, until);
        if (woke == PARK_CANCELED)
            rc = task_cancel_error(task, err);
        else if (woke == PARK_TIMEOUT)
            break;
    }
    if (!rc)
        *moved = group->term > term && group->leader_node &&
                 group->leader_node != group->store->node;
    group_spawned_end(group);
    return rc;
}
