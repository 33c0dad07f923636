/* The world: time, nodes, faults. */
#include "tests/sim/raft_sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/raft_sim_int.h"

#define LIVENESS_US 8000000u
#define NEMESES 12

const struct raft_sim_bug raft_sim_bugs[] = {
    {"ack_before_sync", RAFT_BUG_ACK_BEFORE_SYNC},
    {"vote_not_persisted", RAFT_BUG_VOTE_NOT_PERSISTED},
    {"commit_old_term", RAFT_BUG_COMMIT_OLD_TERM},
    {"lease_from_receipt", RAFT_BUG_LEASE_FROM_RECEIPT},
    {"ignore_support", RAFT_BUG_IGNORE_SUPPORT},
    {"snapshot_regresses", RAFT_BUG_SNAPSHOT_REGRESSES},
    {"append_aba", RAFT_BUG_APPEND_ABA},
    {"grant_after_boot", RAFT_BUG_GRANT_AFTER_BOOT},
    {"lease_after_transfer", RAFT_BUG_LEASE_AFTER_TRANSFER},
    {"read_old_round", RAFT_BUG_READ_OLD_ROUND},
    {"quarantined_votes", RAFT_BUG_QUARANTINED_VOTES},
    {"reset_not_written", RAFT_BUG_RESET_NOT_WRITTEN},
    {"vote_any_log", RAFT_BUG_VOTE_ANY_LOG},
    {"truncate_always", RAFT_BUG_TRUNCATE_ALWAYS},
    {"leader_counts_unsynced", RAFT_BUG_LEADER_COUNTS_UNSYNCED},
    {"lease_before_own_entry", RAFT_BUG_LEASE_BEFORE_OWN_ENTRY},
    {"read_limit_forgotten", RAFT_BUG_READ_LIMIT_FORGOTTEN},
};
const int raft_sim_bugs_count = (int)(sizeof(raft_sim_bugs) / sizeof(raft_sim_bugs[0]));

/* ---- time and chance ---- */

uint64_t sim_random(struct raft_sim *s, uint64_t below)
{
    uint64_t z = s->random += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return below == 0 ? 0 : z % below;
}

bool sim_chance(struct raft_sim *s, uint32_t per_mille)
{
    return sim_random(s, 1000) < per_mille;
}

void sim_log(struct raft_sim *s, const char *fmt, ...)
{
    va_list args;

    if (!s->verbose)
        return;
    printf("%9llu.%03llu ms  ", (unsigned long long)(s->now / 1000),
           (unsigned long long)(s->now % 1000));
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    putchar('\n');
}

uint64_t sim_node_now(const struct raft_sim *s, const struct sim_node *n)
{
    return n->clock_base + s->now + (uint64_t)((int64_t)s->now / 1000 * n->clock_ppm / 1000);
}

/* Wall clocks agree within the bound. */
uint64_t sim_hlc(const struct raft_sim *s, const struct sim_node *n)
{
    return 1000000000 + s->now + n->clock_base % SIM_HLC_OFFSET_US;
}

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void sim_push(struct raft_sim *s, struct sim_event event)
{
    size_t at = s->heap_count;

    s->heap = raft_grow(s->heap, &s->heap_cap, s->heap_count, sizeof(*s->heap));
    event.order = ++s->order;
    s->heap_count++;
    while (at > 0 && is_before(&event, &s->heap[(at - 1) / 2])) {
        s->heap[at] = s->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    s->heap[at] = event;
}

static struct sim_event pop_event(struct raft_sim *s)
{
    struct sim_event top = s->heap[0];
    struct sim_event last = s->heap[--s->heap_count];
    size_t at = 0;

    for (;;) {
        size_t child = at * 2 + 1;

        if (child >= s->heap_count)
            break;
        if (child + 1 < s->heap_count && is_before(&s->heap[child + 1], &s->heap[child]))
            child++;
        if (!is_before(&s->heap[child], &last))
            break;
        s->heap[at] = s->heap[child];
        at = child;
    }
    if (s->heap_count > 0)
        s->heap[at] = last;
    return top;
}

static void mix_trace(struct raft_sim *s, uint64_t value)
{
    s->result->trace_hash = (s->result->trace_hash ^ value) * 0x100000001b3u;
}

/* ---- nodes ---- */

static void schedule_tick(struct raft_sim *s, struct sim_node *n)
{
    uint64_t deadline = raft_deadline_us(n->raft);
    uint64_t now = sim_node_now(s, n);
    uint64_t at;

    if (deadline == RAFT_NEVER)
        return;
    at = s->now + (deadline > now ? deadline - now : 0) + 1 + sim_random(s, 3000);
    if (n->timer_at > s->now && n->timer_at <= at)
        return;
    n->timer_at = at;
    sim_push(s, (struct sim_event){
                    .at = at, .kind = SIM_TICK, .node = n->at, .life = n->life, .a = at});
}

static void answer_load(struct raft_sim *s, struct sim_node *n,
                        const struct raft_load_request *load)
{
    sim_push(s, (struct sim_event){.at = s->now + 100 + sim_random(s, 2000),
                                   .kind = SIM_LOAD,
                                   .node = n->at,
                                   .life = n->life,
                                   .from = (uint8_t)load->peer,
                                   .a = load->first,
                                   .b = load->last});
}

static void stalk_leader(struct raft_sim *s, struct sim_node *n);

static void note_role(struct raft_sim *s, struct sim_node *n)
{
    struct raft_effects *e = &n->effects;

    if (n->role == e->role && n->role_term == e->term)
        return;
    n->role = e->role;
    n->role_term = e->term;
    sim_log(s, "node %d role %d term %llu leader %llu", n->at, e->role,
            (unsigned long long)e->term, (unsigned long long)e->leader);
    if (e->role == RAFT_LEADER) {
        sim_check_leader(s, n);
        stalk_leader(s, n);
    }
}

static void obey(struct raft_sim *s, struct sim_node *n)
{
    struct raft_effects *e = &n->effects;

    for (size_t i = 0; i < e->messages.count; i++)
        sim_net_send(s, n, &e->messages.items[i]);
    if (e->persist.needed)
        sim_disk_submit(s, n);
    for (size_t i = 0; i < e->apply.count && !s->failed; i++)
        sim_check_apply(s, n, e->apply.entries[i]);
    if (e->snapshot_install)
        sim_disk_install(s, n, &e->install);
    if (e->apply.count > 0)
        sim_push(s, (struct sim_event){.at = s->now + 20 + sim_random(s, 300),
                                       .kind = SIM_APPLIED,
                                       .node = n->at,
                                       .life = n->life,
                                       .a = n->applied});
    for (size_t i = 0; i < e->snapshots.count; i++)
        sim_net_snapshot(s, n, &e->snapshots.items[i]);
    for (size_t i = 0; i < e->loads.count; i++)
        answer_load(s, n, &e->loads.items[i]);
    for (size_t i = 0; i < e->reads.count && !s->failed; i++)
        sim_check_read(s, n, &e->reads.items[i]);
    if (e->quarantine_ended) {
        s->result->refills++;
        sim_log(s, "node %d refilled", n->at);
    }
    note_role(s, n);
}

static void flush(struct raft_sim *s, struct sim_node *n)
{
    n->unflushed = false;
    obey(s, n);
}

static void put_off(struct raft_sim *s, struct sim_node *n)
{
    if (n->unflushed)
        return;
    n->unflushed = true;
    sim_push(s, (struct sim_event){.at = s->now + sim_random(s, 500),
                                   .kind = SIM_FLUSH,
                                   .node = n->at,
                                   .life = n->life});
}

void sim_step(struct raft_sim *s, struct sim_node *n, struct raft_event event)
{
    if (!n->up || s->failed)
        return;
    event.now_us = sim_node_now(s, n);
    event.read_limit = sim_hlc(s, n) + SIM_HLC_OFFSET_US;
    if (!n->unflushed)
        raft_effects_reset(&n->effects);
    raft_step(n->raft, &event, &n->effects);
    s->result->steps++;
    if (n->raft->broken != NULL) {
        sim_fail(s, "node %d: invariant broken: %s", n->at, n->raft->broken);
        return;
    }
    if (sim_chance(s, s->params.merge_per_mille))
        put_off(s, n);
    else
        flush(s, n);
    if (s->failed)
        return;
    if (sim_chance(s, s->params.trim_per_mille))
        raft_trim_cache(n->raft, sim_random(s, 400));
    sim_check_leases(s);
    schedule_tick(s, n);
}

int sim_quarantined(const struct raft_sim *s)
{
    int count = 0;

    for (int i = 0; i < s->nodes_count; i++)
        count += s->nodes[i].disk.hard_state.quarantine != RAFT_HEALTHY;
    return count;
}

void sim_crash(struct raft_sim *s, struct sim_node *n)
{
    if (!n->up)
        return;
    sim_log(s, "node %d crashes", n->at);
    s->result->crashes++;
    n->up = false;
    n->life++;
    n->unflushed = false;
    n->role = RAFT_FOLLOWER;
    raft_destroy(n->raft);
    n->raft = NULL;
    sim_disk_crash(s, n);
}

void sim_restart(struct raft_sim *s, struct sim_node *n)
{
    struct raft_config config = s->params.config;
    struct raft_start start = {0};
    struct err err = {0};

    if (n->up || s->failed)
        return;
    n->epoch++;
    config.replica_id = config.node_id = (uint32_t)n->at + 1;
    config.boot_epoch = n->epoch;
    config.seed = sim_random(s, UINT64_MAX);
    start.now_us = sim_node_now(s, n);
    start.boot_us = n->started_once ? start.now_us : 0;
    start.read_limit = n->started_once ? sim_hlc(s, n) + 2 * SIM_HLC_OFFSET_US : 0;
    start.hard_state = n->disk.hard_state;
    start.snapshot = n->disk.checkpoint;
    start.entries = n->disk.entries;
    start.entries_count = n->disk.count;
    raft_effects_reset(&n->effects);
    if (raft_create(&config, &start, &n->effects, &n->raft, &err) != 0) {
        sim_fail(s, "node %d does not start: %s", n->at, err.message);
        return;
    }
    n->up = n->started_once = true;
    n->applied = n->disk.checkpoint.index;
    memset(n->given_until, 0, sizeof(n->given_until));
    memset(n->given_period, 0, sizeof(n->given_period));
    n->silent_until = start.boot_us == 0 ? 0 : start.now_us + config.support_ms * 1000u;
    n->paused_until = n->timer_at = 0;
    n->role_term = 0;
    sim_log(s, "node %d starts, epoch %llu term %llu", n->at, (unsigned long long)n->epoch,
            (unsigned long long)n->disk.hard_state.term);
    obey(s, n);
    schedule_tick(s, n);
    if (config.liveness_external)
        sim_net_ping(s, n);
}

/* ---- faults ---- */

static void crash_some(struct raft_sim *s)
{
    struct sim_node *n = &s->nodes[sim_random(s, (uint64_t)s->nodes_count)];
    uint64_t down_us = sim_random(s, 4) == 0 ? 1000 : sim_random(s, 1500000);

    if (sim_chance(s, 80)) {
        for (int i = 0; i < s->nodes_count; i++) {
            sim_crash(s, &s->nodes[i]);
            sim_push(s, (struct sim_event){.at = s->now + 1000 + sim_random(s, 300000),
                                           .kind = SIM_RESTART,
                                           .node = (uint8_t)i});
        }
        return;
    }
    sim_crash(s, n);
    if (s->params.corrupt && sim_chance(s, 300) && !n->up &&
        n->disk.hard_state.quarantine == RAFT_HEALTHY && n->at < s->params.voters &&
        sim_quarantined(s) < (s->params.joint ? 1 : (s->params.voters - 1) / 2))
        sim_disk_lose(s, n);
    sim_push(s, (struct sim_event){
                    .at = s->now + 100 + down_us, .kind = SIM_RESTART, .node = n->at});
}

static void pause_one(struct raft_sim *s, struct sim_node *n)
{
    if (!n->up)
        return;
    n->paused_until = s->now + sim_random(s, 1500000);
    sim_log(s, "node %d pauses", n->at);
}

/* A process that dies and is back at once, while others try to take over. */
static void bounce_one(struct raft_sim *s, struct sim_node *n)
{
    sim_crash(s, n);
    sim_push(s, (struct sim_event){
                    .at = s->now + 100 + sim_random(s, 2000), .kind = SIM_RESTART, .node = n->at});
    for (int i = 0; i < s->nodes_count; i++) {
        if (i != n->at)
            sim_push(s, (struct sim_event){.at = s->now + 2000 + sim_random(s, 20000),
                                           .kind = SIM_CAMPAIGN,
                                           .node = (uint8_t)i});
    }
}

/* Leaders are hunted right after their election, when few hold what they hold. */
static void stalk_leader(struct raft_sim *s, struct sim_node *n)
{
    if (s->calm || !sim_chance(s, s->params.stalker_per_mille))
        return;
    sim_push(s, (struct sim_event){.at = s->now + sim_random(s, s->params.stalk_us),
                                   .kind = SIM_STALK,
                                   .node = n->at,
                                   .life = n->life});
}

void sim_hit_leader(struct raft_sim *s, struct sim_node *n)
{
    if (s->calm || n->role != RAFT_LEADER)
        return;
    if (sim_chance(s, s->params.cut_per_mille)) {
        sim_log(s, "node %d is cut off", n->at);
        for (int i = 0; i < s->nodes_count; i++) {
            s->blocked[n->at][i] = true;
            s->blocked[i][n->at] = sim_chance(s, 700);
        }
        return;
    }
    sim_crash(s, n);
    sim_push(s, (struct sim_event){.at = s->now + 1000 + sim_random(s, 600000),
                                   .kind = SIM_RESTART,
                                   .node = n->at});
}

static struct sim_node *find_leader(struct raft_sim *s)
{
    for (int i = 0; i < s->nodes_count; i++) {
        struct sim_node *n = &s->nodes[i];

        if (n->up && n->role == RAFT_LEADER && n->paused_until <= s->now)
            return n;
    }
    return NULL;
}

static void move_leader(struct raft_sim *s)
{
    struct sim_node *n = find_leader(s);
    uint64_t to = sim_random(s, (uint64_t)s->nodes_count + 1);

    if (n == NULL)
        return;
    s->result->transfers++;
    sim_log(s, "node %d moves leadership to %llu", n->at, (unsigned long long)to);
    sim_step(s, n, (struct raft_event){
                       .kind = sim_chance(s, 200) ? RAFT_EV_STEP_DOWN : RAFT_EV_TRANSFER,
                       .peer = to});
}

/* The leader goes, and several try to follow at the same moment. */
static void duel(struct raft_sim *s)
{
    struct sim_node *leader = find_leader(s);
    uint64_t support_us = s->params.config.support_ms * 1000u;

    if (leader != NULL)
        sim_hit_leader(s, leader);
    for (int i = 0; i < s->nodes_count; i++) {
        if (sim_chance(s, 700))
            sim_push(s, (struct sim_event){.at = s->now + support_us + sim_random(s, 1000),
                                           .kind = SIM_CAMPAIGN,
                                           .node = (uint8_t)i});
        if (sim_chance(s, 300))
            sim_push(s, (struct sim_event){
                            .at = s->now + support_us + sim_random(s, support_us / 4),
                            .kind = SIM_BOUNCE,
                            .node = (uint8_t)i});
    }
}

static void nemesis(struct raft_sim *s)
{
    struct sim_node *n = &s->nodes[sim_random(s, (uint64_t)s->nodes_count)];
    uint64_t slow_us = s->params.config.support_ms * 1000u;
    uint64_t kind;

    if (s->calm)
        return;
    sim_push(s, (struct sim_event){.at = s->now + 1 + sim_random(s, s->params.nemesis_us * 2),
                                   .kind = SIM_NEMESIS});
    kind = sim_random(s, NEMESES);
    if (!(s->params.nemeses & 1u << kind))
        return;
    switch (kind) {
    case 0: crash_some(s); break;
    case 1: sim_net_partition(s); break;
    case 2: sim_net_heal(s); break;
    case 3: pause_one(s, n); break;
    case 4: move_leader(s); break;
    case 5: bounce_one(s, n); break;
    case 6: sim_net_slow_links(s); break;
    case 7: n->disk.slow_us = (uint32_t)sim_random(s, slow_us); break;
    case 8: n->disk.slow_us = 0; break;
    case 9:
        if (n->up && n->paused_until <= s->now)
            sim_disk_checkpoint(s, n);
        break;
    case 10: duel(s); break;
    default:
        if (n->up && n->paused_until <= s->now)
            sim_step(s, n, (struct raft_event){
                               .kind = sim_chance(s, 500) ? RAFT_EV_CAMPAIGN : RAFT_EV_UNREACHABLE,
                               .peer = sim_random(s, 5) + 1});
    }
}

/* ---- events ---- */

static void give_entries(struct raft_sim *s, struct sim_node *n, const struct sim_event *event)
{
    struct raft_entry *entries[64];
    size_t count = 0;

    while (count < 64 && event->a + count <= event->b) {
        struct raft_entry *entry = sim_disk_entry(&n->disk, event->a + count);

        if (entry == NULL)
            break;
        entries[count++] = entry;
    }
    sim_step(s, n, (struct raft_event){.kind = RAFT_EV_LOADED,
                                       .peer = event->from,
                                       .entries = entries,
                                       .entries_count = count});
}

static void run_node_event(struct raft_sim *s, struct sim_node *n, struct sim_event *event)
{
    switch (event->kind) {
    case SIM_MESSAGE: sim_net_deliver(s, n, event); break;
    case SIM_DISK: sim_disk_event(s, n, event); break;
    case SIM_TICK:
        if (n->timer_at == event->a) {
            n->timer_at = 0;
            sim_step(s, n, (struct raft_event){.kind = RAFT_EV_TICK});
        }
        break;
    case SIM_APPLIED:
        sim_step(s, n, (struct raft_event){.kind = RAFT_EV_APPLIED, .index = event->a});
        break;
    case SIM_LOAD: give_entries(s, n, event); break;
    case SIM_STATUS:
        sim_step(s, n, (struct raft_event){.kind = RAFT_EV_SNAPSHOT_STATUS,
                                           .peer = event->a,
                                           .index = event->b,
                                           .ok = event->ok});
        break;
    case SIM_PING:
        if (event->from == event->node)
            sim_net_ping(s, n);
        else
            sim_net_on_ping(s, n, event);
        break;
    case SIM_STALK: sim_hit_leader(s, n); break;
    case SIM_FLUSH:
        if (n->unflushed)
            flush(s, n);
        break;
    case SIM_BOUNCE:
        if (!s->calm)
            bounce_one(s, n);
        break;
    case SIM_CAMPAIGN:
        if (!s->calm)
            sim_step(s, n, (struct raft_event){.kind = RAFT_EV_CAMPAIGN});
        break;
    case SIM_PONG: sim_net_on_pong(s, n, event); break;
    default: break;
    }
}

static void run_event(struct raft_sim *s, struct sim_event *event)
{
    struct sim_node *n = &s->nodes[event->node];
    bool of_life = event->kind == SIM_DISK || event->kind == SIM_TICK ||
                   event->kind == SIM_APPLIED || event->kind == SIM_LOAD ||
                   event->kind == SIM_STATUS || event->kind == SIM_PONG ||
                   event->kind == SIM_STALK || event->kind == SIM_FLUSH ||
                   (event->kind == SIM_PING && event->from == event->node);

    s->now = event->at;
    s->result->events++;
    mix_trace(s, event->at * 64 + event->kind * 8u + event->node);
    if (event->kind == SIM_CLIENT) {
        sim_client(s);
    } else if (event->kind == SIM_NEMESIS) {
        nemesis(s);
    } else if (event->kind == SIM_RESTART) {
        sim_restart(s, n);
    } else if (of_life && (event->life != n->life || !n->up)) {
        return;
    } else if (n->up && n->paused_until > s->now) {
        struct sim_event later = *event; /* a stopped process finds it when it goes on */

        later.at = n->paused_until;
        event->msg = NULL;
        sim_push(s, later);
    } else {
        run_node_event(s, n, event);
    }
}

static void run_until(struct raft_sim *s, uint64_t until)
{
    while (!s->failed && s->heap_count > 0 && s->heap[0].at <= until) {
        struct sim_event event = pop_event(s);

        run_event(s, &event);
        if (event.msg != NULL) {
            raft_message_clear(event.msg);
            free(event.msg);
        }
    }
    if (!s->failed)
        s->now = until;
}

/* ---- runs ---- */

static uint32_t draw(struct raft_sim *s, const uint32_t *choices, size_t count)
{
    return choices[sim_random(s, count)];
}
#define DRAW(s, ...)                                                                             \
    draw((s), (const uint32_t[]){__VA_ARGS__},                                                   \
         sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void limit(uint32_t *value, uint32_t max)
{
    if (*value > max)
        *value = max;
}

/* Short supports make elections, and what goes wrong in them, frequent. */
static void draw_pace(struct raft_sim *s)
{
    struct sim_params *p = &s->params;

    p->config.support_ms = DRAW(s, 450, 450, 150, 60);
    p->config.heartbeat_ms = p->config.support_ms / 9;
    p->config.election_jitter_ms = p->config.support_ms * DRAW(s, 1, 1, 1, 3, 9) / 3;
    p->config.transfer_ms = p->config.support_ms;
    if (p->config.support_ms < 450) {
        limit(&p->delay_us, 500);
        limit(&p->jitter_us, p->config.support_ms * 60);
        limit(&p->disk_us, 500);
        limit(&p->disk_jitter_us, p->config.support_ms * 60);
    }
}

#define FAST_ELECTIONS(p)                                                                        \
    ((p)->config.support_ms = 60, (p)->config.heartbeat_ms = 6, (p)->config.transfer_ms = 60,    \
     (p)->delay_us = 200, (p)->jitter_us = 500, (p)->disk_us = 100, (p)->disk_jitter_us = 300,   \
     (p)->long_delay_per_mille = 0, (p)->loss_per_mille = 0, (p)->config.quiesce_ms = 0)

/* A third of the runs aim at one kind of trouble. */
static void draw_focus(struct raft_sim *s)
{
    struct sim_params *p = &s->params;

    switch (sim_random(s, 10)) {
    case 0: /* forgotten votes: candidates that wait, voters that die, leaders unheard */
        FAST_ELECTIONS(p);
        p->config.election_jitter_ms = 300;
        p->vote_hunt_per_mille = 500;
        p->stalker_per_mille = 800;
        p->cut_per_mille = 900;
        p->nemesis_us = 100000;
        p->nemeses = 1u << 2 | 1u << 10;
        break;
    case 1: /* many short leaderships that reach few */
        FAST_ELECTIONS(p);
        p->config.election_jitter_ms = 20;
        p->config.append_bytes_max = 1;
        p->config.inflight_count_max = 1;
        p->jitter_us = 3000;
        p->client_us = 20000;
        p->stalker_per_mille = 900;
        p->cut_per_mille = 300;
        p->nemesis_us = 40000;
        p->nemeses = 1u << 0 | 1u << 1 | 1u << 2 | 1u << 10;
        break;
    case 2: /* a disk that queues what several leaders wrote */
        FAST_ELECTIONS(p);
        p->voters = 3;
        p->learners = 0;
        p->joint = false;
        p->config.election_jitter_ms = 20;
        p->slow_disk_us = 150000;
        p->config.append_bytes_max = p->config.inflight_bytes_max = 0;
        p->config.inflight_count_max = 0;
        p->client_us = 4000;
        p->stalker_per_mille = 700;
        p->cut_per_mille = 500;
        p->ack_hunt_per_mille = 30;
        p->stalk_us = 250000;
        p->nemesis_us = 60000;
        p->nemeses = 1u << 1 | 1u << 2 | 1u << 10;
        break;
    default:
        break;
    }
}

static void draw_params(struct raft_sim *s)
{
    struct sim_params *p = &s->params;

    p->voters = sim_chance(s, 600) ? 3 : 5;
    p->learners = sim_chance(s, 150) ? 1 : 0;
    p->joint = p->voters == 5 && sim_chance(s, 200);
    p->delay_us = DRAW(s, 50, 200, 2000, 20000);
    p->jitter_us = DRAW(s, 10, 500, 20000, 100000);
    p->long_delay_per_mille = DRAW(s, 0, 0, 5, 30, 150);
    p->loss_per_mille = DRAW(s, 0, 0, 20, 150);
    p->dup_per_mille = DRAW(s, 0, 10, 100);
    p->disk_us = DRAW(s, 50, 200, 2000, 20000);
    p->disk_jitter_us = DRAW(s, 10, 1000, 30000, 150000);
    p->disk_stall_per_mille = DRAW(s, 0, 0, 10, 50);
    p->client_us = DRAW(s, 1000, 4000, 15000);
    p->nemesis_us = DRAW(s, 10000, 30000, 80000, 200000);
    p->nemeses = (uint32_t)(sim_random(s, 1u << NEMESES) | sim_random(s, 1u << NEMESES));
    p->hs_first = sim_chance(s, 500);
    p->corrupt = sim_chance(s, 500);
    p->trim_per_mille = DRAW(s, 0, 0, 20, 300);
    p->merge_per_mille = DRAW(s, 0, 0, 100, 600);
    p->chaos_us = 1000000 + sim_random(s, 4000000);
    p->config.group_id = 7;
    draw_pace(s);
    p->cut_per_mille = 400;
    p->stalk_us = 4 * (p->delay_us + p->disk_us + p->jitter_us);
    p->vote_hunt_per_mille = DRAW(s, 0, 0, 0, 0, 300);
    p->ack_hunt_per_mille = DRAW(s, 0, 0, 0, 10, 50);
    p->stalker_per_mille = DRAW(s, 0, 0, 300, 800);
    p->config.quiesce_ms = DRAW(s, 0, 0, 100);
    p->config.liveness_external = sim_chance(s, 250);
    p->config.uncommitted_bytes_max = DRAW(s, 0, 600, 6000);
    if (sim_chance(s, 400)) {
        /* Narrow windows: only where a round trip is short can they carry the clients' load. */
        p->config.append_bytes_max = DRAW(s, 40, 300);
        p->config.inflight_count_max = DRAW(s, 1, 4);
        p->config.inflight_bytes_max = DRAW(s, 100, 1000);
        limit(&p->delay_us, 200);
        limit(&p->jitter_us, 500);
        limit(&p->disk_us, 200);
        limit(&p->disk_jitter_us, 1000);
        if (p->client_us < 10000)
            p->client_us = 10000;
    }
    draw_focus(s);
}

static void set_calm_params(struct raft_sim *s)
{
    s->params = (struct sim_params){
        .voters = 3,
        .delay_us = 100,
        .jitter_us = 300,
        .disk_us = 200,
        .disk_jitter_us = 2000,
        .client_us = 3000,
        .config = {.group_id = 7, .support_ms = 450},
    };
}

static uint8_t role_of(const struct raft_sim *s, int i)
{
    if (i >= s->params.voters)
        return RAFT_LEARNER;
    if (!s->params.joint)
        return RAFT_VOTER;
    return i < 2 ? RAFT_VOTER_OUTGOING : i > 2 ? RAFT_VOTER : RAFT_VOTER | RAFT_VOTER_OUTGOING;
}

static void start_nodes(struct raft_sim *s)
{
    struct raft_conf conf = {0};

    s->nodes_count = s->params.voters + s->params.learners;
    for (int i = 0; i < s->nodes_count; i++)
        raft_conf_put(&conf, (struct raft_member){
                                 .replica_id = (uint64_t)i + 1,
                                 .node_id = (uint32_t)i + 1,
                                 .roles = role_of(s, i)});
    for (int i = 0; i < s->nodes_count; i++) {
        struct sim_node *n = &s->nodes[i];

        n->at = (uint8_t)i;
        n->clock_base = 1000000 + sim_random(s, 1000000000);
        n->clock_ppm = (int64_t)sim_random(s, 801) - 400;
        n->epoch = 10;
        sim_disk_init(&n->disk, &conf);
        n->disk.slow_us = i == 0 ? s->params.slow_disk_us : 0;
        raft_effects_init(&n->effects);
        sim_restart(s, n);
    }
    sim_push(s, (struct sim_event){.at = 1000, .kind = SIM_CLIENT});
}

static bool has_converged(struct raft_sim *s, uint64_t healed_at)
{
    raft_index applied = 0;

    if (s->last_ack_at <= healed_at || find_leader(s) == NULL)
        return false;
    for (int i = 0; i < s->nodes_count; i++) {
        struct sim_node *n = &s->nodes[i];

        if (!n->up)
            continue;
        if (n->disk.hard_state.quarantine != RAFT_HEALTHY)
            return false;
        if (n->applied > applied)
            applied = n->applied;
    }
    for (int i = 0; i < s->nodes_count; i++) {
        if (s->nodes[i].up && s->nodes[i].applied + 100 < applied)
            return false;
    }
    return true;
}

static void log_nodes(struct raft_sim *s)
{
    for (int i = 0; i < s->nodes_count; i++) {
        struct sim_node *n = &s->nodes[i];
        struct raft_status st;

        if (!n->up) {
            sim_log(s, "node %d down", i);
            continue;
        }
        raft_status(n->raft, &st);
        sim_log(s,
                "node %d role %d term %llu leader %llu log %llu..%llu durable %llu commit %llu "
                "applied %llu/%llu quarantine %d quiescent %d installing %d writes %d tick %llu",
                i, st.role, (unsigned long long)st.term, (unsigned long long)st.leader,
                (unsigned long long)st.first, (unsigned long long)st.last,
                (unsigned long long)st.durable, (unsigned long long)st.commit,
                (unsigned long long)st.applied, (unsigned long long)n->applied, st.quarantine,
                st.quiescent, n->raft->installing, (int)n->raft->writes_count,
                (unsigned long long)n->timer_at);
        for (int k = 0; k < st.peers_count; k++)
            sim_log(s, "   peer %d state %d match %llu next %llu inflight %u quarantined %d",
                    k + 1, st.peers[k].state, (unsigned long long)st.peers[k].match,
                    (unsigned long long)st.peers[k].next, st.peers[k].inflight_count,
                    st.peers[k].quarantined);
    }
}

/* The faults end. Only a quorum needs to stay healthy; when a store was corrupted all come back,
 * for it may need to hear from everyone. */
static void run_liveness(struct raft_sim *s)
{
    uint64_t healed_at = s->now;
    bool all_up = sim_quarantined(s) > 0 || s->params.joint || sim_chance(s, 500);
    int down = (s->params.voters - 1) / 2;

    s->calm = true;
    sim_net_heal(s);
    sim_log(s, "faults end, %s", all_up ? "all up" : "a minority stays down");
    for (int i = 0; i < s->nodes_count; i++) {
        struct sim_node *n = &s->nodes[(i + healed_at) % s->nodes_count];

        n->paused_until = 0;
        n->disk.slow_us = 0;
        if (!all_up && n->at < s->params.voters && down > 0) {
            sim_crash(s, n);
            down--;
        } else {
            sim_restart(s, n);
        }
    }
    limit(&s->params.delay_us, 2000);
    limit(&s->params.jitter_us, 20000);
    limit(&s->params.disk_us, 2000);
    limit(&s->params.disk_jitter_us, 30000);
    while (!s->failed && s->now < healed_at + LIVENESS_US) {
        run_until(s, s->now + 50000);
        if (has_converged(s, healed_at))
            break;
    }
    if (!s->failed && !has_converged(s, healed_at)) {
        log_nodes(s);
        sim_fail(s, "liveness: no progress %u ms after the faults ended", LIVENESS_US / 1000);
    }
    if (!s->failed)
        sim_check_logs(s);
}

static void run_chaos(struct raft_sim *s)
{
    draw_params(s);
    start_nodes(s);
    sim_push(s, (struct sim_event){.at = 300000, .kind = SIM_NEMESIS});
    run_until(s, s->params.chaos_us);
    if (!s->failed)
        run_liveness(s);
}

/* Calm, one fault, time to the next acknowledged write. */
static void run_one_fault(struct raft_sim *s)
{
    struct sim_node *n;

    set_calm_params(s);
    start_nodes(s);
    run_until(s, 2000000 + sim_random(s, 100000));
    n = find_leader(s);
    if (s->failed || n == NULL) {
        sim_fail(s, "liveness: no leader in a calm cluster");
        return;
    }
    s->fault_at = s->last_ack_at = s->now;
    if (s->mode == RAFT_SIM_FAILOVER)
        sim_crash(s, n);
    else
        sim_step(s, n, (struct raft_event){.kind = RAFT_EV_TRANSFER,
                                           .peer = (uint64_t)(n->at + 1) % 3 + 1});
    while (!s->failed && s->now < s->fault_at + 5000000) {
        run_until(s, s->now + 100);
        n = find_leader(s);
        if (n != NULL && n->role == RAFT_LEADER && s->last_ack_at > s->fault_at &&
            (s->mode == RAFT_SIM_FAILOVER || n->role_term > 1))
            break;
    }
    s->result->failover_us = s->last_ack_at - s->fault_at;
    if (s->last_ack_at <= s->fault_at)
        sim_fail(s, "liveness: no write acknowledged after the fault");
}

static void free_world(struct raft_sim *s)
{
    while (s->heap_count > 0) {
        struct sim_event event = pop_event(s);

        if (event.msg != NULL) {
            raft_message_clear(event.msg);
            free(event.msg);
        }
    }
    free(s->heap);
    for (int i = 0; i < s->nodes_count; i++) {
        raft_effects_done(&s->nodes[i].effects);
        raft_destroy(s->nodes[i].raft);
        sim_disk_done(&s->nodes[i].disk);
    }
    sim_check_done(s);
}

void raft_sim_run(uint64_t seed, uint32_t bugs, enum raft_sim_mode mode, bool verbose,
                  struct raft_sim_result *result)
{
    struct raft_sim *s = calloc(1, sizeof(*s));

    *result = (struct raft_sim_result){.ok = true, .seed = seed};
    s->result = result;
    s->mode = mode;
    s->verbose = verbose;
    s->random = seed * 0x2545f4914f6cdd1du + 1;
    sim_check_init(s);
    if (mode == RAFT_SIM_CHAOS) {
        s->params.config.bugs = bugs;
        run_chaos(s);
    } else {
        run_one_fault(s);
    }
    mix_trace(s, s->completed);
    mix_trace(s, s->committed_count);
    free_world(s);
    free(s);
}

uint64_t raft_sim_hunt(uint32_t bug, uint64_t seeds_max, struct raft_sim_result *result)
{
    for (uint64_t seed = 1; seed <= seeds_max; seed++) {
        raft_sim_run(seed, bug, RAFT_SIM_CHAOS, false, result);
        if (!result->ok && strncmp(result->violation, "liveness", 8) != 0)
            return seed;
    }
    return 0;
}
