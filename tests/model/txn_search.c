#include "tests/model/txn_search.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NONE = UINT32_MAX, TABLE_FIRST = 1 << 16 };

struct slot {
    uint64_t hash; /* 0 = free */
    uint32_t id;
};

struct breadth {
    struct state *states;
    uint32_t *ids;
    uint64_t count, room;
};

struct search {
    const struct model *model;
    struct slot *slots;
    uint64_t slots_size;
    uint32_t *parent;
    uint16_t *step; /* number of the parent's move */
    uint8_t *free_of_prepared;
    uint64_t count, room;
    uint32_t *edge_from, *edge_to;
    uint64_t edges, edges_room;
    bool live;
    struct breadth now, next;
    uint32_t at; /* state being expanded */
    uint16_t move;
    uint32_t bad; /* state with a violation */
    enum violation violation;
};

static void *grow(void *memory, uint64_t count, uint64_t size)
{
    void *p = realloc(memory, count * size);
    if (!p) {
        fprintf(stderr, "txn_explorer: out of memory at %llu items\n", (unsigned long long)count);
        exit(2);
    }
    return p;
}

static uint64_t hash_state(const struct state *state)
{
    const unsigned char *p = (const unsigned char *)state;
    uint64_t h = 0x9e3779b97f4a7c15ull, word;
    size_t left = sizeof *state;
    for (; left >= sizeof word; left -= sizeof word, p += sizeof word) {
        memcpy(&word, p, sizeof word);
        h = (h ^ word) * 0xff51afd7ed558ccdull;
        h ^= h >> 32;
    }
    word = left;
    memcpy(&word, p, left);
    h = (h ^ word) * 0xc4ceb9fe1a85ec53ull;
    h ^= h >> 29;
    return h ? h : 1;
}

static struct slot *find_slot(struct search *s, uint64_t hash)
{
    uint64_t mask = s->slots_size - 1;
    uint64_t i = hash & mask;
    while (s->slots[i].hash && s->slots[i].hash != hash)
        i = (i + 1) & mask;
    return &s->slots[i];
}

static void grow_table(struct search *s)
{
    struct slot *old = s->slots;
    uint64_t size = s->slots_size;
    s->slots_size = size ? size * 2 : TABLE_FIRST;
    s->slots = grow(NULL, s->slots_size, sizeof *s->slots);
    memset(s->slots, 0, s->slots_size * sizeof *s->slots);
    for (uint64_t i = 0; i < size; i++)
        if (old[i].hash)
            *find_slot(s, old[i].hash) = old[i];
    free(old);
}

static void push_breadth(struct breadth *b, const struct state *state, uint32_t id)
{
    if (b->count == b->room) {
        b->room = b->room ? b->room * 2 : 1024;
        b->states = grow(b->states, b->room, sizeof *b->states);
        b->ids = grow(b->ids, b->room, sizeof *b->ids);
    }
    b->states[b->count] = *state;
    b->ids[b->count++] = id;
}

static uint32_t add_state(struct search *s, const struct state *state, uint32_t parent,
                          uint16_t step)
{
    if (s->count == s->room) {
        s->room = s->room ? s->room * 2 : 1024;
        s->parent = grow(s->parent, s->room, sizeof *s->parent);
        s->step = grow(s->step, s->room, sizeof *s->step);
        s->free_of_prepared = grow(s->free_of_prepared, s->room, 1);
    }
    s->parent[s->count] = parent;
    s->step[s->count] = step;
    s->free_of_prepared[s->count] = !model_prepared(state);
    return (uint32_t)s->count++;
}

static void add_edge(struct search *s, uint32_t from, uint32_t to)
{
    if (s->edges == s->edges_room) {
        s->edges_room = s->edges_room ? s->edges_room * 2 : 4096;
        s->edge_from = grow(s->edge_from, s->edges_room, sizeof *s->edge_from);
        s->edge_to = grow(s->edge_to, s->edges_room, sizeof *s->edge_to);
    }
    s->edge_from[s->edges] = from;
    s->edge_to[s->edges] = to;
}

static void meet_state(void *arg, const struct state *next, const char *what)
{
    struct search *s = arg;
    uint16_t move = s->move++;
    if (s->bad != NONE)
        return;
    if (s->count * 10 > s->slots_size * 6)
        grow_table(s);
    uint64_t hash = hash_state(next);
    struct slot *slot = find_slot(s, hash);
    if (!slot->hash) {
        *slot = (struct slot){hash, add_state(s, next, s->at, move)};
        if (next->violation) {
            s->bad = slot->id;
            s->violation = next->violation;
        } else {
            push_breadth(&s->next, next, slot->id);
        }
    }
    if (s->live)
        add_edge(s, s->at, slot->id);
    s->edges++;
}

struct replay {
    int wanted, at;
    struct state state;
    char *text;
};

static void replay_move(void *arg, const struct state *next, const char *what)
{
    struct replay *r = arg;
    if (r->at++ != r->wanted)
        return;
    r->state = *next;
    snprintf(r->text, TEXT_MAX, "%s", what);
}

static void trace_back(struct search *s, uint32_t id, struct search_result *result)
{
    uint16_t steps[STEPS_MAX];
    int count = 0;
    for (; s->parent[id] != NONE && count < STEPS_MAX; id = s->parent[id])
        steps[count++] = s->step[id];
    struct state state;
    model_start(s->model, &state);
    result->steps = count;
    for (int i = 0; i < count; i++) {
        struct replay r = {.wanted = steps[count - 1 - i], .text = result->trace[i]};
        struct moves moves = {s->model, &state, true, replay_move, &r};
        model_moves(&moves);
        state = r.state;
    }
}

/* Marks backwards from the states without prepared rows; what stays unmarked is stuck. */
static uint64_t count_stuck(struct search *s, uint32_t *first)
{
    uint64_t n = s->count, top = 0, stuck = 0;
    uint32_t *head = grow(NULL, n + 1, sizeof *head), *in = grow(NULL, s->edges + 1, sizeof *in);
    uint32_t *stack = grow(NULL, n + 1, sizeof *stack);
    memset(head, 0, (n + 1) * sizeof *head);
    for (uint64_t i = 0; i < s->edges; i++)
        head[s->edge_to[i] + 1]++;
    for (uint64_t i = 0; i < n; i++)
        head[i + 1] += head[i];
    for (uint64_t i = s->edges; i-- > 0;)
        in[--head[s->edge_to[i] + 1]] = s->edge_from[i];
    /* head[v + 1] is now where v's list starts; it ends where the next one starts */
    for (uint32_t v = 0; v < n; v++)
        if (s->free_of_prepared[v])
            stack[top++] = v;
    while (top) {
        uint32_t v = stack[--top];
        uint64_t end = v + 1 < n ? head[v + 2] : s->edges;
        for (uint64_t j = head[v + 1]; j < end; j++)
            if (!s->free_of_prepared[in[j]]) {
                s->free_of_prepared[in[j]] = 1;
                stack[top++] = in[j];
            }
    }
    for (uint64_t v = n; v-- > 0;)
        if (!s->free_of_prepared[v]) {
            stuck++;
            *first = (uint32_t)v;
        }
    free(head);
    free(in);
    free(stack);
    return stuck;
}

static void walk(struct search *s, uint64_t states_max, struct search_result *result)
{
    while (s->now.count && s->bad == NONE && s->count <= states_max) {
        for (uint64_t i = 0; i < s->now.count && s->bad == NONE; i++) {
            struct moves moves = {s->model, &s->now.states[i], false, meet_state, s};
            s->at = s->now.ids[i];
            s->move = 0;
            model_moves(&moves);
        }
        struct breadth done = s->now;
        s->now = s->next;
        s->next = done;
        s->next.count = 0;
        result->depth++;
    }
    result->complete = s->bad == NONE && !s->now.count;
}

void search_run(const struct model *model, uint64_t states_max, bool live,
                struct search_result *result)
{
    struct search s = {.model = model, .live = live, .bad = NONE};
    struct state start;
    memset(result, 0, sizeof *result);
    model_start(model, &start);
    grow_table(&s);
    uint32_t first = add_state(&s, &start, NONE, 0);
    uint64_t hash = hash_state(&start);
    *find_slot(&s, hash) = (struct slot){hash, first};
    push_breadth(&s.now, &start, first);
    walk(&s, states_max, result);
    result->violation = s.violation;
    if (result->complete && live) {
        result->stuck = count_stuck(&s, &s.bad);
        result->violation = result->stuck ? STUCK : FINE;
    }
    result->states = s.count;
    result->edges = s.edges;
    if (s.bad != NONE)
        trace_back(&s, s.bad, result);
    void *all[] = {s.slots,   s.parent,     s.step,    s.free_of_prepared, s.edge_from,
                   s.edge_to, s.now.states, s.now.ids, s.next.states,      s.next.ids};
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}
