#include "tests/model/txn_model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/model/txn_model_int.h"

struct rule_words {
    const char *name, *step, *text;
};

static const struct rule_words rule_words[RULES] = {
#define RULE(symbol, name, step, text) {name, step, text},
#include "tests/model/txn_rules.def"
#undef RULE
};

const char *rule_name(enum rule rule)
{
    return rule_words[rule].name;
}

const char *rule_step(enum rule rule)
{
    return rule_words[rule].step;
}

const char *rule_text(enum rule rule)
{
    return rule_words[rule].text;
}

int rule_find(const char *name)
{
    for (int i = 0; i < RULES; i++)
        if (strcmp(rule_words[i].name, name) == 0)
            return i;
    return -1;
}

void model_init(struct model *model, const struct scenario *scenario)
{
    memset(model, 0, sizeof *model);
    model->scenario = scenario;
    for (int i = 0; i < RULES; i++)
        model->on[i] = true;
    model_refresh(model);
}

void model_refresh(struct model *model)
{
    for (int t = 0; t < model->scenario->txns; t++) {
        const char *ops = model->scenario->plan[t].ops;
        int anchor = -1;
        model->ops[t] = (uint8_t)(strlen(ops) / 2);
        model->writes[t] = model->locks[t] = 0;
        for (int i = 0; i < model->ops[t]; i++) {
            int key = ops[2 * i + 1] - '0';
            bool update = ops[2 * i] == 'U', lock = ops[2 * i] == 'L';
            if (update)
                model->writes[t] |= (uint8_t)(1 << key);
            if (update || lock)
                model->locks[t] |= (uint8_t)(1 << key);
            if (anchor < 0 && (update || (lock && model->on[RULE_LOCK_PARTICIPANT])))
                anchor = key;
        }
        model->anchor[t] = (uint8_t)anchor;
    }
}

void model_start(const struct model *model, struct state *state)
{
    static const uint8_t owner[KEYS] = {0, 1, 1, 2};
    static const uint8_t hlc[GROUPS] = {5, 2, 2, 0}; /* A's clock is ahead of the others' */
    memset(state, 0, sizeof *state);
    for (int group = 0; group < GROUP_CHILD; group++) {
        state->group[group].exists = state->group[group].ready = state->group[group].gen = 1;
        state->group[group].hlc = hlc[group];
    }
    for (int k = 0; k < KEYS; k++) {
        state->key[k].group = owner[k];
        state->key[k].versions = 1;
    }
}

bool model_prepared(const struct state *state)
{
    for (int k = 0; k < KEYS; k++)
        if (state->key[k].prepared)
            return true;
    return false;
}

/* Zeroes what a dead or finished gateway left and nobody reads any more. */
static void normalize_txn(const struct model *m, struct txn *x)
{
    bool gone = x->dead || x->phase >= RETRIED;
    if (!gone) {
        for (int group = 0; group < GROUPS; group++)
            if (x->reply[group].kind && x->reply[group].kind != REPLY_OUTCOME &&
                x->reply[group].epoch != x->epoch)
                memset(&x->reply[group], 0, sizeof x->reply[group]);
        return;
    }
    memset(x->reply, 0, sizeof x->reply);
    memset(x->ack, 0, sizeof x->ack);
    x->validated = x->cand = x->epoch = 0;
    if (x->dead)
        x->phase = x->commit_ts = x->commit_epoch = x->op = 0;
    for (int i = 0; i < ATTEMPTS; i++) {
        struct attempt *a = &x->attempt[i];
        uint8_t left = 0;
        for (int group = 0; group < GROUPS; group++) {
            if (has(a->sent, group) && a->delivered[group] <= m->scenario->repeats)
                left |= (uint8_t)(1 << group);
            else
                a->keys[group] = a->gen[group] = 0;
        }
        /* the anchor's message names all participants */
        if (!left)
            memset(a, 0, sizeof *a);
    }
}

static void normalize(const struct model *m, struct state *s)
{
    for (int t = 0; t < m->scenario->txns; t++)
        normalize_txn(m, &s->txn[t]);
    struct recoverer *r = s->recoverer;
    if (memcmp(&r[0], &r[1], sizeof r[0]) < 0) {
        struct recoverer other = r[0];
        r[0] = r[1];
        r[1] = other;
    }
}

void moves_take(struct moves *moves, struct state *next, const char *fmt, ...)
{
    char text[TEXT_MAX] = "";
    if (moves->describe) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(text, sizeof text, fmt, args);
        va_end(args);
    }
    normalize(moves->model, next);
    moves->take(moves->arg, next, text);
}

void model_moves(struct moves *moves)
{
    moves_leaders(moves);
    moves_gateways(moves);
    moves_recoverers(moves);
    moves_reader(moves);
}
