/* Golden scripts of the consensus core: tests/golden/raft/<name>.txt.
 *
 * A script is a run of blocks: commands, one a line, then "----", then what they caused, then an
 * empty line. Lines with '#' are remarks. Nothing happens by itself: messages wait in a network
 * until delivered, writes in a disk until persisted, the clock moves when told.
 *
 *   nodes N [learners=K] [external] [quiesce=MS] [append=BYTES] [inflight=N] [uncommitted=BYTES]
 *   time MS                       moves the clock
 *   tick N | campaign N | wake N | stepdown N
 *   propose N word...             one entry a word
 *   propose_conf N
 *   persist N [COUNT]             the oldest COUNT (all) writes become durable
 *   deliver [A->B] [kind]         delivers what waits (and matches), not what that causes
 *   drop [A->B] [kind] | hold [A->B] [kind] (keeps a copy aside) | release (puts copies back)
 *   apply N                       the state machine has applied everything it was given
 *   stable                        delivers, persists, applies until nothing is left; prints roles
 *   only read N ID | transfer N TO | compact N INDEX | trim N | checkpoint N
 *   snapshot A->B | snapstatus N PEER ok|lost | installed N [failed] | load N
 *   inject A->B kind [transfer] field=value...
 *   crash N | restart N [uptime=MS] [lose=log|hard] [forget_hs] [keep=INDEX]
 *   support N given|received NODE EPOCH MS|ended
 *   limit N VALUE                 read limit told with N's next events
 *   status N | lease N | peers N
 *
 * GOLDEN_REWRITE=1 writes what happens into the scripts instead of comparing.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "raft/raft.h"

#define NODES_MAX 6
#define QUEUE_MAX 512
#define BASE_US 1000000000u

struct write_op {
    uint64_t seq;
    bool reset, has_hs;
    struct raft_hard_state hs;
    struct raft_entry *entries[64];
    size_t count;
};

struct node {
    bool up;
    uint64_t epoch;
    uint64_t limit;
    struct raft *raft;
    struct raft_effects fx;
    struct raft_hard_state hs;
    struct raft_snapshot_meta checkpoint;
    struct raft_entry *log[256];
    size_t log_count;
    struct write_op writes[64];
    size_t writes_count;
    struct raft_snapshot_meta install;
    struct raft_load_request load;
    raft_index given, reported; /* to the state machine */
    uint8_t role;
    raft_term term;
    raft_replica_id leader;
};

struct world {
    struct node nodes[NODES_MAX];
    int count;
    uint64_t now;
    struct raft_config config;
    struct raft_message queue[QUEUE_MAX];
    size_t queue_count;
    struct raft_message aside[QUEUE_MAX];
    size_t aside_count;
    bool quiet;
    char *out;
    size_t out_len, out_cap;
};

/* ---- output ---- */

static void say(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(struct world *w, const char *fmt, ...)
{
    va_list args;

    if (w->quiet)
        return;
    if (w->out_cap < w->out_len + 1024) {
        w->out_cap = w->out_cap * 2 + 4096;
        w->out = realloc(w->out, w->out_cap);
    }
    va_start(args, fmt);
    w->out_len += (size_t)vsnprintf(w->out + w->out_len, 1024, fmt, args);
    va_end(args);
}

static void say_number(struct world *w, const char *name, uint64_t value)
{
    if (value != 0)
        say(w, " %s=%llu", name, (unsigned long long)value);
}

static void say_time(struct world *w, const char *name, uint64_t us)
{
    if (us == RAFT_NEVER)
        say(w, " %s=never", name);
    else if (us != 0)
        say(w, " %s=%lld", name, ((long long)us - (long long)BASE_US) / 1000);
}

static void say_entry(struct world *w, const struct raft_entry *e)
{
    static const char *const kinds[] = {"?", "", "noop", "conf"};

    say(w, " %llu@%llu", (unsigned long long)e->index, (unsigned long long)e->term);
    if (e->kind == RAFT_ENTRY_COMMAND)
        say(w, ":%.*s", (int)e->size_bytes, (const char *)e->bytes);
    else
        say(w, ":%s", kinds[e->kind]);
}

static void say_message(struct world *w, const struct raft_message *m)
{
    static const char *const flags[] = {"reject", "transfer", "quiesce", "quarantined",
                                        "busy",   "leader",   "wake"};

    say(w, "%llu->%llu %s term=%llu", (unsigned long long)m->from, (unsigned long long)m->to,
        raft_msg_kind_name(m->kind), (unsigned long long)m->term);
    for (int i = 0; i < 7; i++) {
        if (m->flags & 1 << i)
            say(w, " %s", flags[i]);
    }
    say_number(w, "vote_term", m->vote_term);
    say_number(w, "index", m->index);
    say_number(w, "log_term", m->log_term);
    say_number(w, "match", m->match);
    if (m->flags & RAFT_FLAG_REJECT && m->kind == RAFT_MSG_APPEND_RESP)
        say(w, " hint=%llu@%llu", (unsigned long long)m->hint_index,
            (unsigned long long)m->hint_term);
    say_number(w, "commit", m->commit);
    say_time(w, "sent", m->sent_us);
    say_number(w, "round", m->round);
    say_number(w, "limit", m->read_limit);
    for (uint32_t i = 0; i < m->entries_count; i++)
        say_entry(w, m->entries[i]);
}

static const char *role_name(uint8_t role)
{
    static const char *const names[] = {"follower", "precandidate", "candidate", "leader"};

    return names[role];
}

/* ---- the driver ---- */

static void enqueue(struct world *w, const struct raft_message *m)
{
    assert_true(w->queue_count < QUEUE_MAX);
    raft_message_copy(&w->queue[w->queue_count++], m);
}

static void obey_persist(struct world *w, struct node *n, int id)
{
    struct raft_effects *fx = &n->fx;
    struct write_op *op = &n->writes[n->writes_count++];

    assert_true(n->writes_count <= 64 && fx->persist.count <= 64);
    *op = (struct write_op){.seq = fx->persist.seq,
                            .reset = fx->persist.log_reset,
                            .has_hs = fx->persist.has_hard_state,
                            .hs = fx->persist.hard_state,
                            .count = fx->persist.count};
    say(w, "%d: write #%llu", id, (unsigned long long)op->seq);
    if (op->reset)
        say(w, " reset=%llu@%llu", (unsigned long long)fx->persist.reset_index,
            (unsigned long long)fx->persist.reset_term);
    if (op->has_hs) {
        say(w, " term=%llu vote=%llu commit=%llu", (unsigned long long)op->hs.term,
            (unsigned long long)op->hs.vote, (unsigned long long)op->hs.commit);
        say_number(w, "quarantine", op->hs.quarantine);
    }
    for (size_t i = 0; i < op->count; i++) {
        op->entries[i] = raft_entry_ref(fx->persist.entries[i]);
        say_entry(w, op->entries[i]);
    }
    say(w, "\n");
}

static void obey_rest(struct world *w, struct node *n, int id)
{
    struct raft_effects *fx = &n->fx;

    if (fx->snapshot_discard)
        say(w, "%d: discard snapshot\n", id);
    if (fx->snapshot_install) {
        n->install = fx->install;
        say(w, "%d: install snapshot %llu@%llu\n", id, (unsigned long long)n->install.index,
            (unsigned long long)n->install.term);
    }
    if (fx->apply.count > 0) {
        say(w, "%d: apply", id);
        for (size_t i = 0; i < fx->apply.count; i++) {
            n->given = fx->apply.entries[i]->index;
            say_entry(w, fx->apply.entries[i]);
        }
        say(w, "\n");
    }
    for (size_t i = 0; i < fx->snapshots.count; i++)
        say(w, "%d: snapshot wanted by %llu from %llu\n", id,
            (unsigned long long)fx->snapshots.items[i].to,
            (unsigned long long)fx->snapshots.items[i].min_index);
    for (size_t i = 0; i < fx->loads.count; i++) {
        n->load = fx->loads.items[i];
        say(w, "%d: load %llu..%llu for %llu\n", id, (unsigned long long)n->load.first,
            (unsigned long long)n->load.last, (unsigned long long)n->load.peer);
    }
    for (size_t i = 0; i < fx->reads.count; i++) {
        if (fx->reads.items[i].ok)
            say(w, "%d: read %llu at %llu\n", id, (unsigned long long)fx->reads.items[i].read_id,
                (unsigned long long)fx->reads.items[i].index);
        else
            say(w, "%d: read %llu failed\n", id, (unsigned long long)fx->reads.items[i].read_id);
    }
    if (fx->quarantine_ended)
        say(w, "%d: quarantine ended\n", id);
    if (fx->dropped_messages > 0)
        say(w, "%d: dropped %u\n", id, fx->dropped_messages);
}

static void obey(struct world *w, struct node *n)
{
    struct raft_effects *fx = &n->fx;
    int id = (int)(n - w->nodes) + 1;
    static const char *const proposals[] = {"", "accepted", "not leader", "transferring",
                                            "overloaded", "not supported"};

    if (fx->propose == RAFT_PROPOSE_ACCEPTED)
        say(w, "%d: proposal accepted %llu@%llu\n", id, (unsigned long long)fx->propose_first,
            (unsigned long long)fx->propose_term);
    else if (fx->propose != RAFT_PROPOSE_NONE)
        say(w, "%d: proposal refused, %s\n", id, proposals[fx->propose]);
    if (fx->role != n->role || fx->term != n->term || fx->leader != n->leader)
        say(w, "%d: %s term=%llu leader=%llu\n", id, role_name(fx->role),
            (unsigned long long)fx->term, (unsigned long long)fx->leader);
    n->role = fx->role;
    n->term = fx->term;
    n->leader = fx->leader;
    for (size_t i = 0; i < fx->messages.count; i++) {
        say(w, "%d: send ", id);
        say_message(w, &fx->messages.items[i]);
        say(w, "\n");
        enqueue(w, &fx->messages.items[i]);
    }
    if (fx->persist.needed)
        obey_persist(w, n, id);
    obey_rest(w, n, id);
    raft_effects_reset(fx);
}

static void step(struct world *w, struct node *n, struct raft_event event)
{
    if (!n->up) {
        say(w, "down\n");
        return;
    }
    event.now_us = w->now;
    event.read_limit = n->limit;
    raft_effects_reset(&n->fx);
    raft_step(n->raft, &event, &n->fx);
    obey(w, n);
}

static void start_node(struct world *w, struct node *n, uint64_t boot_us)
{
    struct raft_config config = w->config;
    struct raft_start start = {.now_us = w->now,
                               .boot_us = boot_us,
                               .read_limit = boot_us == 0 ? 0 : n->limit,
                               .hard_state = n->hs,
                               .snapshot = n->checkpoint,
                               .entries = n->log,
                               .entries_count = n->log_count};
    struct err err = {0};

    n->epoch++;
    config.replica_id = (uint64_t)(n - w->nodes) + 1;
    config.node_id = (uint32_t)config.replica_id;
    config.boot_epoch = n->epoch;
    raft_effects_reset(&n->fx);
    n->role = 0;
    n->term = n->hs.term;
    n->leader = 0;
    n->given = n->reported = n->checkpoint.index;
    if (raft_create(&config, &start, &n->fx, &n->raft, &err) != 0) {
        say(w, "refused: %s\n", err.message);
        return;
    }
    n->up = true;
    obey(w, n);
}

/* ---- the disk ---- */

static void cut_log(struct node *n, raft_index from)
{
    while (n->log_count > 0 && n->log[n->log_count - 1]->index >= from)
        raft_entry_unref(n->log[--n->log_count]);
}

static void do_persist(struct world *w, struct node *n, size_t count)
{
    uint64_t seq = 0;

    if (count > n->writes_count)
        count = n->writes_count;
    for (size_t k = 0; k < count; k++) {
        struct write_op *op = &n->writes[k];

        if (op->reset)
            cut_log(n, 0);
        for (size_t i = 0; i < op->count; i++) {
            cut_log(n, op->entries[i]->index);
            n->log[n->log_count++] = op->entries[i];
        }
        if (op->has_hs)
            n->hs = op->hs;
        seq = op->seq;
    }
    n->writes_count -= count;
    memmove(n->writes, n->writes + count, n->writes_count * sizeof(n->writes[0]));
    if (seq != 0)
        step(w, n, (struct raft_event){.kind = RAFT_EV_PERSISTED, .seq = seq});
}

static void lose_writes(struct node *n)
{
    for (size_t k = 0; k < n->writes_count; k++) {
        for (size_t i = 0; i < n->writes[k].count; i++)
            raft_entry_unref(n->writes[k].entries[i]);
    }
    n->writes_count = 0;
}

/* ---- the network ---- */

struct filter {
    unsigned from, to;
    char kind[24];
};

struct number_name {
    const char *name;
    size_t offset;
};

/* inject A->B kind flag... field=value... : a message nobody here would send */
static void inject(struct world *w, const char *args)
{
#define FIELD(f) {#f "=", offsetof(struct raft_message, f)}
    static const struct number_name fields[] = {
        FIELD(term),   FIELD(vote_term), FIELD(index),      FIELD(log_term),
        FIELD(match),  FIELD(commit),    FIELD(round),      FIELD(from_epoch),
        FIELD(sent_us), FIELD(to_epoch), FIELD(read_limit), FIELD(group_id),
    };
#undef FIELD
    struct raft_message m = {.group_id = 1};
    char kind[24] = "", words[512];
    unsigned from = 0, to = 0;

    sscanf(args, "%u->%u %23s", &from, &to, kind);
    m.from = m.from_node = from;
    m.to = m.to_node = to;
    m.from_epoch = w->nodes[from - 1].epoch;
    for (int k = 1; k < RAFT_MSG_KIND_END; k++) {
        if (strcmp(raft_msg_kind_name(k), kind) == 0)
            m.kind = (uint8_t)k;
    }
    snprintf(words, sizeof(words), "%s", args);
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
            size_t len = strlen(fields[i].name);

            if (strncmp(word, fields[i].name, len) == 0)
                *(uint64_t *)((char *)&m + fields[i].offset) = strtoull(word + len, NULL, 10);
        }
        if (strncmp(word, "to_generation=", 14) == 0)
            m.to_generation = (uint32_t)strtoul(word + 14, NULL, 10);
        if (strcmp(word, "transfer") == 0)
            m.flags |= RAFT_FLAG_TRANSFER;
    }
    say(w, "(");
    say_message(w, &m);
    say(w, ")\n");
    step(w, &w->nodes[to - 1], (struct raft_event){.kind = RAFT_EV_MESSAGE, .message = &m});
}

static struct filter parse_filter(const char *args)
{
    struct filter f = {0};

    if (sscanf(args, "%u->%u %23s", &f.from, &f.to, f.kind) < 2) {
        f.from = f.to = 0;
        sscanf(args, "%23s", f.kind);
    }
    return f;
}

static bool matches(const struct filter *f, const struct raft_message *m)
{
    return (f->from == 0 || m->from == f->from) && (f->to == 0 || m->to == f->to) &&
           (f->kind[0] == 0 || strcmp(f->kind, raft_msg_kind_name(m->kind)) == 0);
}

/* Moves what matches out of the queue. */
static size_t take_messages(struct world *w, const struct filter *f, struct raft_message *taken)
{
    size_t kept = 0, count = 0;

    for (size_t i = 0; i < w->queue_count; i++) {
        if (matches(f, &w->queue[i]))
            taken[count++] = w->queue[i];
        else
            w->queue[kept++] = w->queue[i];
    }
    w->queue_count = kept;
    return count;
}

static void deliver(struct world *w, const char *args, bool drop)
{
    static struct raft_message taken[QUEUE_MAX];
    struct filter f = parse_filter(args);
    size_t count = take_messages(w, &f, taken);

    for (size_t i = 0; i < count; i++) {
        struct node *n = &w->nodes[taken[i].to - 1];

        if (drop) {
            say(w, "dropped ");
            say_message(w, &taken[i]);
            say(w, "\n");
        } else if (n->up) {
            say(w, "(");
            say_message(w, &taken[i]);
            say(w, ")\n");
            step(w, n, (struct raft_event){.kind = RAFT_EV_MESSAGE, .message = &taken[i]});
        }
        raft_message_clear(&taken[i]);
    }
}

static void hold(struct world *w, const char *args)
{
    struct filter f = parse_filter(args);

    for (size_t i = 0; i < w->queue_count; i++) {
        if (matches(&f, &w->queue[i]))
            raft_message_copy(&w->aside[w->aside_count++], &w->queue[i]);
    }
    say(w, "%zu held\n", w->aside_count);
}

static void release(struct world *w)
{
    for (size_t i = 0; i < w->aside_count; i++)
        w->queue[w->queue_count++] = w->aside[i];
    w->aside_count = 0;
}

static void do_apply(struct world *w, struct node *n)
{
    n->reported = n->given;
    step(w, n, (struct raft_event){.kind = RAFT_EV_APPLIED, .index = n->given});
}

static void make_stable(struct world *w)
{
    bool busy = true;
    bool loud = !w->quiet;

    w->quiet = true;
    for (int rounds = 0; busy && rounds < 200; rounds++) {
        busy = w->queue_count > 0;
        deliver(w, "", false);
        for (int i = 0; i < w->count; i++) {
            struct node *n = &w->nodes[i];

            if (!n->up)
                continue;
            busy |= n->writes_count > 0 || n->given != n->reported;
            do_persist(w, n, 64);
            if (n->given != n->reported)
                do_apply(w, n);
        }
    }
    w->quiet = !loud;
    for (int i = 0; i < w->count; i++) {
        struct node *n = &w->nodes[i];
        struct raft_status st;

        if (!n->up)
            continue;
        raft_status(n->raft, &st);
        say(w, "%d: %s term=%llu log=%llu..%llu commit=%llu\n", i + 1, role_name(st.role),
            (unsigned long long)st.term, (unsigned long long)st.first,
            (unsigned long long)st.last, (unsigned long long)st.commit);
    }
}

/* ---- commands ---- */

static unsigned option(const char *args, const char *name)
{
    const char *at = strstr(args, name);

    return at == NULL ? 0 : (unsigned)strtoul(at + strlen(name), NULL, 10);
}

static void cmd_nodes(struct world *w, const char *args)
{
    unsigned voters = (unsigned)strtoul(args, NULL, 10);
    struct raft_conf conf = {0};

    w->count = (int)(voters + option(args, "learners="));
    w->config.group_id = 1;
    w->config.liveness_external = strstr(args, "external") != NULL;
    w->config.quiesce_ms = option(args, "quiesce=");
    w->config.append_bytes_max = option(args, "append=");
    w->config.inflight_count_max = option(args, "inflight=");
    w->config.uncommitted_bytes_max = option(args, "uncommitted=");
    for (int i = 0; i < w->count; i++)
        raft_conf_put(&conf, (struct raft_member){.replica_id = (uint64_t)i + 1,
                                                  .node_id = (uint32_t)i + 1,
                                                  .roles = i < (int)voters ? RAFT_VOTER
                                                                           : RAFT_LEARNER});
    if (strstr(args, "joint") != NULL) { /* outgoing 1 2 3, incoming 3 4 5 */
        for (int i = 0; i < w->count; i++)
            conf.members[i].roles = i < 2 ? RAFT_VOTER_OUTGOING : i > 2 ? RAFT_VOTER
                                                               : RAFT_VOTER | RAFT_VOTER_OUTGOING;
    }
    for (int i = 0; i < w->count; i++) {
        w->nodes[i].checkpoint.conf = conf;
        if (i == w->count - 1 && strstr(args, "stale_learner") != NULL)
            w->nodes[i].checkpoint.conf.members[i].roles = RAFT_LEARNER;
        if (i == w->count - 1 && strstr(args, "last_unknown") != NULL)
            w->nodes[i].checkpoint.conf = (struct raft_conf){0};
        start_node(w, &w->nodes[i], 0);
    }
}

static void cmd_propose(struct world *w, struct node *n, const char *args)
{
    struct raft_entry *entries[32];
    size_t count = 0;
    char words[512];

    snprintf(words, sizeof(words), "%s", args);
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " "))
        entries[count++] = raft_entry_create(RAFT_ENTRY_COMMAND, word, (uint32_t)strlen(word));
    step(w, n, (struct raft_event){
                   .kind = RAFT_EV_PROPOSE, .entries = entries, .entries_count = count});
    for (size_t i = 0; i < count; i++)
        raft_entry_unref(entries[i]);
}

static void cmd_snapshot(struct world *w, const char *args)
{
    struct filter f = parse_filter(args);
    struct node *n = &w->nodes[f.from - 1];
    struct raft_snapshot_meta meta = {n->given, raft_term_at(n->raft, n->given),
                                      n->checkpoint.conf};
    struct raft_message msg;

    if (!raft_snapshot_message(n->raft, f.to, &meta, &msg)) {
        say(w, "not leader\n");
        return;
    }
    say(w, "%d: send ", (int)f.from);
    say_message(w, &msg);
    say(w, "\n");
    enqueue(w, &msg);
}

static void cmd_installed(struct world *w, struct node *n, const char *args)
{
    bool ok = strstr(args, "failed") == NULL;

    if (ok) {
        n->checkpoint = n->install;
        n->given = n->reported = n->install.index;
    }
    if (strstr(args, "crash") != NULL)
        return;
    step(w, n, (struct raft_event){
                   .kind = RAFT_EV_INSTALLED, .ok = ok, .index = n->install.index});
}

static void cmd_restart(struct world *w, struct node *n, const char *args)
{
    uint64_t boot_us = w->now - (uint64_t)option(args, "uptime=") * 1000;

    if (strstr(args, "keep=") != NULL)
        cut_log(n, option(args, "keep=") + 1);
    if (strstr(args, "lose=log") != NULL)
        n->hs.quarantine = RAFT_LOG_LOST;
    if (strstr(args, "lose=hard") != NULL)
        n->hs = (struct raft_hard_state){.quarantine = RAFT_HARD_STATE_LOST};
    if (strstr(args, "forget_hs") != NULL)
        n->hs = (struct raft_hard_state){0};
    start_node(w, n, boot_us);
}

static void cmd_checkpoint(struct world *w, struct node *n)
{
    n->checkpoint.index = n->reported;
    n->checkpoint.term = raft_term_at(n->raft, n->reported);
    say(w, "%llu@%llu\n", (unsigned long long)n->checkpoint.index,
        (unsigned long long)n->checkpoint.term);
}

static void cmd_load(struct world *w, struct node *n)
{
    struct raft_entry *entries[64];
    size_t count = 0;

    for (size_t i = 0; i < n->log_count && count < 64; i++) {
        if (n->log[i]->index >= n->load.first && n->log[i]->index <= n->load.last)
            entries[count++] = n->log[i];
    }
    step(w, n, (struct raft_event){.kind = RAFT_EV_LOADED,
                                   .peer = n->load.peer,
                                   .entries = entries,
                                   .entries_count = count});
}

static void cmd_support(struct world *w, struct node *n, const char *args)
{
    char way[16] = "", until[16] = "";
    unsigned node = 0, epoch = 0;

    sscanf(args, "%15s %u %u %15s", way, &node, &epoch, until);
    step(w, n, (struct raft_event){.kind = RAFT_EV_SUPPORT,
                                   .given = strcmp(way, "given") == 0,
                                   .node_id = node,
                                   .epoch = epoch,
                                   .ended = strcmp(until, "ended") == 0,
                                   .until_us = BASE_US + strtoull(until, NULL, 10) * 1000});
}

static void cmd_status(struct world *w, struct node *n)
{
    struct raft_status st;

    raft_status(n->raft, &st);
    say(w,
        "%s term=%llu vote=%llu leader=%llu log=%llu..%llu durable=%llu commit=%llu applied=%llu",
        role_name(st.role), (unsigned long long)st.term, (unsigned long long)st.vote,
        (unsigned long long)st.leader, (unsigned long long)st.first, (unsigned long long)st.last,
        (unsigned long long)st.durable, (unsigned long long)st.commit,
        (unsigned long long)st.applied);
    say_number(w, "quarantine", st.quarantine);
    if (st.quiescent)
        say(w, " quiescent");
    if (st.support_until_us > w->now)
        say_time(w, "supports_until", st.support_until_us);
    say_number(w, "transfer_to", st.transfer_to);
    say(w, "\n");
}

static void cmd_lease(struct world *w, struct node *n)
{
    say(w, "%s", raft_lease_ok(n->raft, w->now) ? "ok" : "none");
    say_time(w, "until", raft_lease_until_us(n->raft));
    say_number(w, "read_limit", raft_read_limit(n->raft));
    say_number(w, "read_floor", raft_read_floor(n->raft));
    say(w, "\n");
}

static void cmd_peers(struct world *w, struct node *n)
{
    static const char *const states[] = {"probe", "replicate", "snapshot"};
    struct raft_status st;

    raft_status(n->raft, &st);
    for (int i = 0; i < st.peers_count; i++) {
        const struct raft_peer_status *p = &st.peers[i];

        if (p->replica_id == (uint64_t)(n - w->nodes) + 1)
            continue;
        say(w, "%llu %s match=%llu next=%llu inflight=%u%s\n", (unsigned long long)p->replica_id,
            states[p->state], (unsigned long long)p->match, (unsigned long long)p->next,
            p->inflight_count, p->quarantined ? " quarantined" : "");
    }
}

static void cmd_crash(struct node *n)
{
    lose_writes(n);
    raft_destroy(n->raft);
    n->raft = NULL;
    n->up = false;
}

struct simple_command {
    const char *name;
    uint8_t kind;
};

static const struct simple_command simple_commands[] = {
    {"tick", RAFT_EV_TICK},         {"campaign", RAFT_EV_CAMPAIGN},
    {"wake", RAFT_EV_WAKE},         {"stepdown", RAFT_EV_STEP_DOWN},
    {"propose_conf", RAFT_EV_PROPOSE_CONF}, {"read", RAFT_EV_READ},
    {"transfer", RAFT_EV_TRANSFER}, {"compact", RAFT_EV_COMPACT},
    {"unreachable", RAFT_EV_UNREACHABLE},
};

static bool run_simple(struct world *w, const char *name, struct node *n, const char *args)
{
    uint64_t value = strtoull(args, NULL, 10);

    for (size_t i = 0; i < sizeof(simple_commands) / sizeof(simple_commands[0]); i++) {
        if (strcmp(simple_commands[i].name, name) == 0) {
            step(w, n, (struct raft_event){.kind = simple_commands[i].kind,
                                           .peer = value,
                                           .index = value,
                                           .read_id = value});
            return true;
        }
    }
    return false;
}

static bool run_on_node(struct world *w, const char *name, struct node *n, const char *args)
{
    char word[16] = "";
    unsigned peer = 0;

    if (run_simple(w, name, n, args))
        return true;
    if (strcmp(name, "propose") == 0)
        cmd_propose(w, n, args);
    else if (strcmp(name, "persist") == 0)
        do_persist(w, n, args[0] ? strtoul(args, NULL, 10) : 64);
    else if (strcmp(name, "apply") == 0)
        do_apply(w, n);
    else if (strcmp(name, "trim") == 0)
        raft_trim_cache(n->raft, 0);
    else if (strcmp(name, "checkpoint") == 0)
        cmd_checkpoint(w, n);
    else if (strcmp(name, "installed") == 0)
        cmd_installed(w, n, args);
    else if (strcmp(name, "load") == 0)
        cmd_load(w, n);
    else if (strcmp(name, "crash") == 0)
        cmd_crash(n);
    else if (strcmp(name, "restart") == 0)
        cmd_restart(w, n, args);
    else if (strcmp(name, "support") == 0)
        cmd_support(w, n, args);
    else if (strcmp(name, "limit") == 0)
        n->limit = strtoull(args, NULL, 10);
    else if (strcmp(name, "status") == 0)
        cmd_status(w, n);
    else if (strcmp(name, "lease") == 0)
        cmd_lease(w, n);
    else if (strcmp(name, "peers") == 0)
        cmd_peers(w, n);
    else if (strcmp(name, "snapstatus") == 0 && sscanf(args, "%u %15s", &peer, word) == 2)
        step(w, n, (struct raft_event){.kind = RAFT_EV_SNAPSHOT_STATUS,
                                       .peer = peer,
                                       .ok = strcmp(word, "ok") == 0});
    else
        return false;
    return true;
}

static void run_command(struct world *w, const char *line)
{
    char name[24] = "";
    int used = 0, skip = 0;
    unsigned id = 0;
    const char *args;

    sscanf(line, "%23s %n", name, &used);
    args = line + used;
    if (name[0] == '#' || name[0] == 0)
        return;
    if (strcmp(name, "nodes") == 0)
        cmd_nodes(w, args);
    else if (strcmp(name, "time") == 0)
        w->now = BASE_US + strtoull(args, NULL, 10) * 1000;
    else if (strcmp(name, "deliver") == 0)
        deliver(w, args, false);
    else if (strcmp(name, "drop") == 0)
        deliver(w, args, true);
    else if (strcmp(name, "hold") == 0)
        hold(w, args);
    else if (strcmp(name, "inject") == 0)
        inject(w, args);
    else if (strcmp(name, "release") == 0)
        release(w);
    else if (strcmp(name, "stable") == 0)
        make_stable(w);
    else if (strcmp(name, "snapshot") == 0)
        cmd_snapshot(w, args);
    else if (sscanf(args, "%u %n", &id, &skip) < 1 || id < 1 || (int)id > w->count ||
             !run_on_node(w, name, &w->nodes[id - 1], args + skip))
        say(w, "cannot read: %s\n", line);
}

/* ---- scripts ---- */

static void free_world(struct world *w)
{
    for (size_t i = 0; i < w->queue_count; i++)
        raft_message_clear(&w->queue[i]);
    for (size_t i = 0; i < w->aside_count; i++)
        raft_message_clear(&w->aside[i]);
    for (int i = 0; i < w->count; i++) {
        struct node *n = &w->nodes[i];

        raft_effects_done(&n->fx);
        raft_destroy(n->raft);
        cut_log(n, 0);
        lose_writes(n);
    }
    free(w->out);
    free(w);
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 1 << 20);
    size_t got;

    assert_non_null(f);
    got = fread(text, 1, (1 << 20) - 1, f);
    text[got] = 0;
    fclose(f);
    return text;
}

/* Runs a script and returns what it should look like. */
static char *run_script(const char *text)
{
    struct world *w = calloc(1, sizeof(*w));
    char *rendered = calloc(1, 1 << 20);
    char *at = rendered;
    const char *line = text;
    bool expecting = false;

    w->now = BASE_US;
    while (*line != 0) {
        size_t len = strcspn(line, "\n");
        char copy[1024];

        assert_true(len < sizeof(copy));
        memcpy(copy, line, len);
        copy[len] = 0;
        line += len + (line[len] == '\n');
        if (expecting) {
            expecting = len > 0;
            if (expecting)
                continue; /* what was expected is replaced by what happened */
            at += sprintf(at, "\n");
        } else if (strcmp(copy, "----") == 0) {
            at += sprintf(at, "----\n%.*s", (int)w->out_len, w->out ? w->out : "");
            w->out_len = 0;
            expecting = true;
        } else {
            at += sprintf(at, "%s\n", copy);
            run_command(w, copy);
        }
    }
    free_world(w);
    return rendered;
}

static int show_difference(const char *name, const char *expected, const char *happened)
{
    int line = 1;

    while (*expected != 0 || *happened != 0) {
        size_t a = strcspn(expected, "\n"), b = strcspn(happened, "\n");

        if (a != b || memcmp(expected, happened, a) != 0) {
            printf("%s:%d:\n  expected: %.*s\n  happened: %.*s\n", name, line, (int)a, expected,
                   (int)b, happened);
            return 1;
        }
        expected += a + (expected[a] == '\n');
        happened += b + (happened[b] == '\n');
        line++;
    }
    return 0;
}

static int is_script(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 4 && strcmp(entry->d_name + len - 4, ".txt") == 0;
}

static void test_scripts(void **state)
{
    const char *dir = getenv("GOLDEN_DIR") ? getenv("GOLDEN_DIR") : "tests/golden/raft";
    bool rewrite = getenv("GOLDEN_REWRITE") != NULL;
    struct dirent **names;
    int count = scandir(dir, &names, is_script, alphasort);
    int bad = 0;

    assert_true(count >= 40);
    for (int i = 0; i < count; i++) {
        char path[512];
        char *expected, *happened;

        snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
        expected = read_file(path);
        happened = run_script(expected);
        if (rewrite && strcmp(expected, happened) != 0) {
            FILE *f = fopen(path, "w");

            assert_non_null(f);
            fputs(happened, f);
            fclose(f);
        } else {
            bad += show_difference(names[i]->d_name, expected, happened);
        }
        free(expected);
        free(happened);
        free(names[i]);
    }
    free(names);
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_scripts)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
