/* What happens behind a decided commit: every group is told, the record goes, then the markers.
 *
 * One queue per core and group; its fiber runs while there is something in it and puts all that
 * waits into one entry, so under load resolving costs a small share of an entry a transaction.
 * Dropping markers alone is never urgent and waits for company. An aborted transaction keeps
 * record, markers and forbids: a prepare may still be on its way; they expire by age.
 */
#include <stdlib.h>

#include "storage/txn/txn_int.h"

enum { FINISH_BATCH = 256, FINISH_LAZY_MS = 200 };

struct finish_txn {
    struct kv_txn_id txn;
    uint64_t session;
    uint32_t anchor_group;
    uint32_t epoch;
    uint8_t outcome;
    bool all; /* groups are all participants: the record may go when they know */
    hlc_time ts;
    uint32_t open; /* items not yet done of the present step */
    uint32_t n_groups;
    uint32_t groups[];
};

struct finish_item {
    struct list_node link;
    struct finish_txn *txn;
    uint8_t what; /* enum txn_finish_what */
};

struct finisher {
    struct finisher *next;
    struct kv_core *core;
    uint32_t group;
    bool running;
    uint32_t n_urgent; /* resolves waiting */
    struct list items;
};

static void run_finisher(struct task *task, void *arg);

static struct finisher *need_finisher(struct kv_core *core, uint32_t group)
{
    for (struct finisher *f = core->finishers; f; f = f->next)
        if (f->group == group)
            return f;
    struct finisher *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    f->core = core;
    f->group = group;
    list_init(&f->items);
    f->next = core->finishers;
    core->finishers = f;
    return f;
}

static void add_item(struct kv_core *core, uint32_t group, struct finish_txn *txn, uint8_t what)
{
    struct finisher *f = need_finisher(core, group);
    struct finish_item *item = calloc(1, sizeof *item);
    if (!item)
        abort();
    item->txn = txn;
    item->what = what;
    list_push_back(&f->items, &item->link);
    f->n_urgent += what == TXN_RESOLVE;
    if (!f->running) {
        f->running = true;
        txn_background(core->kv, core->core, "kv_finish", run_finisher, f);
    }
}

static void add_step(struct kv_core *core, struct finish_txn *txn, uint8_t what)
{
    txn->open = txn->n_groups;
    for (uint32_t i = 0; i < txn->n_groups; i++)
        add_item(core, txn->groups[i], txn, what);
}

void txn_finish_start(struct kv_core *core, const struct kv_txn_id *id, uint64_t session,
                      uint32_t anchor_group, uint32_t epoch, uint8_t outcome, hlc_time ts,
                      const uint32_t *groups, uint32_t n_groups, bool all)
{
    struct finish_txn *txn = calloc(1, sizeof *txn + n_groups * sizeof *groups);
    if (!txn)
        abort();
    txn->txn = *id;
    txn->session = session;
    txn->anchor_group = anchor_group;
    txn->epoch = epoch;
    txn->outcome = outcome;
    txn->ts = ts;
    txn->n_groups = n_groups;
    txn->all = all;
    memcpy(txn->groups, groups, n_groups * sizeof *groups);
    add_step(core, txn, TXN_RESOLVE);
}

/* The group has it in its log: on to the next step when all have. */
static void finish_item_done(struct kv_core *core, struct finish_item *item)
{
    struct finish_txn *txn = item->txn;
    uint8_t what = item->what;
    free(item);
    if (--txn->open)
        return;
    bool drops = txn->all && txn->outcome == TXN_COMMITTED;
    if (drops && what == TXN_RESOLVE) {
        txn->open = 1;
        add_item(core, txn->anchor_group, txn, TXN_DROP_RECORD);
    } else if (drops && what == TXN_DROP_RECORD) {
        add_step(core, txn, TXN_DROP_MARKER);
    } else {
        free(txn);
    }
}

static void put_items(struct finisher *f, struct list *taken, struct buf *command)
{
    uint32_t n = 0;
    struct list_node *node;
    txn_command_begin(command, &(struct txn_command){.kind = TXN_FINISH}, NULL);
    while (n < FINISH_BATCH && (node = list_pop_front(&f->items))) {
        struct finish_item *item = container_of(node, struct finish_item, link);
        const struct finish_txn *txn = item->txn;
        list_push_back(taken, node);
        f->n_urgent -= item->what == TXN_RESOLVE;
        txn_finish_put(command, &(struct txn_finish){
                                    .what = item->what,
                                    .outcome = txn->outcome,
                                    .at_anchor = f->group == txn->anchor_group,
                                    .txn = txn->txn,
                                    .session = txn->session,
                                    .epoch = txn->epoch,
                                    .anchor_group = txn->anchor_group,
                                    .ts = txn->ts,
                                });
        n++;
    }
    store_le32(command->data + 60, n);
}

static void drop_items(struct finisher *f, struct list *items)
{
    struct list_node *node;
    while ((node = list_pop_front(items))) {
        struct finish_item *item = container_of(node, struct finish_item, link);
        if (!--item->txn->open)
            free(item->txn);
        free(item);
    }
}

static void run_finisher(struct task *task, void *arg)
{
    struct finisher *f = arg;
    struct kv *kv = f->core->kv;
    struct err err;
    while (!list_is_empty(&f->items) && !atomic_load(&kv->stopping)) {
        struct list taken;
        struct buf command = {0};
        struct txn_answer answer;
        uint8_t status = TXN_BUSY;
        for (uint32_t ms = 0; !f->n_urgent && ms < FINISH_LAZY_MS && !atomic_load(&kv->stopping);
             ms += 10)
            (void)!task_sleep(task, 10 * TXN_MS, &err);
        list_init(&taken);
        put_items(f, &taken, &command);
        while (status != TXN_OK && !atomic_load(&kv->stopping)) {
            if (txn_send_command(task, kv, f->group, &command, 0, &answer, &status, &err)) {
                status = TXN_BUSY;
                (void)!task_sleep(task, 100 * TXN_MS, &err);
            }
        }
        buf_done(&command);
        struct list_node *node;
        while (status == TXN_OK && (node = list_pop_front(&taken)))
            finish_item_done(f->core, container_of(node, struct finish_item, link));
        drop_items(f, &taken);
    }
    f->running = false;
    txn_background_done(kv);
}

void txn_finishers_stop(struct kv_core *core)
{
    while (core->finishers) {
        struct finisher *f = core->finishers;
        core->finishers = f->next;
        drop_items(f, &f->items);
        free(f);
    }
}
