#include "server/sql/ddl_lock.h"

#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"
#include "base/lock.h"

struct strong {
    struct strong *next;
    struct ddl_lock_owner owner;
    int mode;
    bool granted;
};

struct entry {
    uint32_t oid;
    uint32_t weak[DDL_LOCK_WEAK_LAST + 1];
    struct strong *strong; /* in order of arrival */
};

struct ddl_locks {
    struct lock lock;
    struct intmap by_oid; /* struct entry; made when first asked for, kept while anything is held */
};

struct ddl_locks *ddl_locks_create(void)
{
    struct ddl_locks *l = calloc(1, sizeof *l);
    lock_init(&l->lock);
    intmap_init(&l->by_oid);
    return l;
}

static void free_entry(struct entry *e)
{
    while (e->strong) {
        struct strong *s = e->strong;
        e->strong = s->next;
        free(s);
    }
    free(e);
}

void ddl_locks_destroy(struct ddl_locks *l)
{
    for (size_t i = 0; i < l->by_oid.entry_count; i++)
        if (l->by_oid.entries[i].value)
            free_entry(l->by_oid.entries[i].value);
    intmap_done(&l->by_oid);
    lock_done(&l->lock);
    free(l);
}

/* PostgreSQL's table: bit m of line h = mode m conflicts with a held h. */
bool ddl_lock_conflicts(int held, int wanted)
{
    static const uint16_t conflicts[DDL_LOCK_MODES] = {
        0,
        1 << 8,                                                       /* ACCESS SHARE */
        1 << 7 | 1 << 8,                                              /* ROW SHARE */
        1 << 5 | 1 << 6 | 1 << 7 | 1 << 8,                            /* ROW EXCLUSIVE */
        1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8,                   /* SHARE UPDATE EXCLUSIVE */
        1 << 3 | 1 << 4 | 1 << 6 | 1 << 7 | 1 << 8,                   /* SHARE */
        1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8,          /* SHARE ROW EXCLUSIVE */
        1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8, /* EXCLUSIVE */
        0x1fe,                                                        /* ACCESS EXCLUSIVE */
    };
    return conflicts[held] >> wanted & 1;
}

static bool is_same_owner(const struct ddl_lock_owner *a, const struct ddl_lock_owner *b)
{
    return a->node == b->node && a->epoch == b->epoch && a->session == b->session;
}

static struct entry *need_entry(struct ddl_locks *l, uint32_t oid)
{
    struct entry *e = intmap_get(&l->by_oid, oid);
    if (!e) {
        e = calloc(1, sizeof *e);
        e->oid = oid;
        intmap_put(&l->by_oid, oid, e);
    }
    return e;
}

static void drop_if_unused(struct ddl_locks *l, struct entry *e)
{
    if (e->strong || e->weak[1] || e->weak[2] || e->weak[3])
        return;
    intmap_remove(&l->by_oid, e->oid);
    free(e);
}

bool ddl_locks_weak(struct ddl_locks *l, uint32_t oid, int mode, bool holds)
{
    lock_take(&l->lock);
    struct entry *e = need_entry(l, oid);
    bool free_way = true;
    for (struct strong *s = e->strong; s; s = s->next)
        if (ddl_lock_conflicts(s->mode, mode) && (s->granted || !holds))
            free_way = false;
    if (free_way)
        e->weak[mode]++;
    lock_give(&l->lock);
    return free_way;
}

void ddl_locks_weak_release(struct ddl_locks *l, uint32_t oid, int mode)
{
    lock_take(&l->lock);
    struct entry *e = intmap_get(&l->by_oid, oid);
    if (e && e->weak[mode])
        e->weak[mode]--; /* the entry stays: the next statement comes soon */
    lock_give(&l->lock);
}

/* The owner's own place in the queue for a mode, made when missing. */
static struct strong *queue_up(struct entry *e, const struct ddl_lock_owner *owner, int mode)
{
    struct strong **at = &e->strong;
    for (; *at; at = &(*at)->next)
        if (is_same_owner(&(*at)->owner, owner) && (*at)->mode == mode)
            return *at;
    *at = calloc(1, sizeof **at);
    (*at)->owner = *owner;
    (*at)->mode = mode;
    return *at;
}

static bool has_granted(const struct entry *e, const struct ddl_lock_owner *owner)
{
    for (struct strong *s = e->strong; s; s = s->next)
        if (s->granted && is_same_owner(&s->owner, owner))
            return true;
    return false;
}

bool ddl_locks_strong(struct ddl_locks *l, const struct ddl_lock_owner *owner, uint32_t oid, int mode,
                      const uint32_t own[DDL_LOCK_MODES])
{
    lock_take(&l->lock);
    struct entry *e = need_entry(l, oid);
    bool upgrades = has_granted(e, owner);
    struct strong *mine = queue_up(e, owner, mode);
    bool before = true, free_way = true;
    for (struct strong *s = e->strong; s; s = s->next) {
        before &= s != mine;
        if (is_same_owner(&s->owner, owner) || !ddl_lock_conflicts(s->mode, mode))
            continue;
        free_way &= !(s->granted || (before && !upgrades));
    }
    for (int m = 1; m <= DDL_LOCK_WEAK_LAST; m++)
        if (ddl_lock_conflicts(m, mode) && e->weak[m] > (own ? own[m] : 0))
            free_way = false;
    mine->granted |= free_way;
    bool granted = mine->granted;
    lock_give(&l->lock);
    return granted;
}

static bool remove_owner(struct entry *e, const struct ddl_lock_owner *owner)
{
    bool any = false;
    for (struct strong **at = &e->strong; *at;) {
        struct strong *s = *at;
        if (!is_same_owner(&s->owner, owner)) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        free(s);
        any = true;
    }
    return any;
}

void ddl_locks_release(struct ddl_locks *l, const struct ddl_lock_owner *owner)
{
    lock_take(&l->lock);
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < l->by_oid.entry_count && !again; i++) {
            struct entry *e = l->by_oid.entries[i].value;
            if (!e || !remove_owner(e, owner))
                continue;
            drop_if_unused(l, e);
            again = true; /* the map moved */
        }
    }
    lock_give(&l->lock);
}

uint32_t ddl_locks_in_the_way(struct ddl_locks *l, uint32_t oid, int mode, struct ddl_lock_owner *owners, uint32_t max)
{
    uint32_t n = 0;
    lock_take(&l->lock);
    struct entry *e = intmap_get(&l->by_oid, oid);
    for (struct strong *s = e ? e->strong : NULL; s && n < max; s = s->next)
        if (ddl_lock_conflicts(s->mode, mode))
            owners[n++] = s->owner;
    lock_give(&l->lock);
    return n;
}
